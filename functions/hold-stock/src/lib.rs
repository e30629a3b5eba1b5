//! Keeps goods for a buyer who is paying: makes, shows and gives up holds. It calls no outside system.

use std::sync::Arc;

use aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayProxyResponse};
use crossdock_connectors::api::parse_hold;
use crossdock_domain::ConnectionId;
use crossdock_domain::hold::{Held, HoldRequest, HoldState, stream_of};
use crossdock_domain::ids::HoldId;
use crossdock_runner::holds::{HoldKeeper, Kept};
use crossdock_runner::{Directory, Origin, faults};
use crossdock_step::api::{Answer, Caller, Problem, Reply, Request, serve};
use http::StatusCode;
use serde_json::{Value, json};

/// The function.
pub struct HoldStock {
    /// Connections.
    pub directory: Arc<Directory>,
    /// Makes and ends holds.
    pub holds: HoldKeeper,
}

const SCOPE: &str = "checkout:hold";

impl HoldStock {
    /// Handles one request.
    pub async fn handle(&self, event: ApiGatewayProxyRequest) -> ApiGatewayProxyResponse {
        let method = event.http_method.clone();
        serve(event, async |request| self.route(&method, request).await).await
    }

    async fn route(&self, method: &http::Method, request: &Request) -> Answer {
        let caller = request.allowed(SCOPE)?;
        match method.as_str() {
            "POST" => self.hold(request, caller).await,
            "GET" => self.read(request, caller).await,
            "DELETE" => self.release(request, caller).await,
            _ => Err(Problem::not_found("operation")),
        }
    }

    async fn hold(&self, request: &Request, caller: &Caller) -> Answer {
        let wish = parse_hold(&request.body).map_err(|found| faults::problem(&found))?;
        let settings = self.directory.channel_for(caller, &wish.connection).await?;
        let kept = self.holds.hold(&wish, &settings, &origin(request, caller)).await;
        match kept.map_err(Problem::unavailable_because)? {
            Kept::Made(held) => {
                tracing::info!(hold = held.stream(), correlation_id = request.correlation_id, "held");
                let place = format!("/v1/checkout/holds/{}/{}", wish.connection, wish.hold_id);
                Ok(Reply::json(StatusCode::CREATED, &shown(&held)).at(place))
            }
            Kept::Again(held) => Ok(Reply::json(StatusCode::OK, &shown(&held))),
            Kept::Reused => Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "hold-reused",
                "this hold_id came with another body before; use a new one for another hold",
            )),
            Kept::Short(promisable) => Err(short(&wish, &promisable)),
            Kept::Scattered => Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "hold-too-large",
                "the goods lie in more places than one hold reaches; hold fewer SKUs at once. Nothing is held",
            )),
        }
    }

    async fn read(&self, request: &Request, caller: &Caller) -> Answer {
        let held = self.holds.load(&stream(request, caller)?).await.map_err(Problem::unavailable_because)?;
        held.map(|held| Reply::json(StatusCode::OK, &shown(&held))).ok_or_else(unknown)
    }

    /// What has expired is free just as well; what an order has is given up with the order.
    async fn release(&self, request: &Request, caller: &Caller) -> Answer {
        let (stream, origin) = (stream(request, caller)?, origin(request, caller));
        let ended = self.holds.end(&stream, &origin, Held::release).await.map_err(Problem::unavailable_because)?;
        let held = ended.ok_or_else(unknown)?;
        if let HoldState::Taken(order) = &held.state {
            let detail = "an order has taken what was held; cancel the order instead";
            return Err(Problem::new(StatusCode::CONFLICT, "hold-taken", detail).with("order_id", order));
        }
        tracing::info!(hold = stream, correlation_id = request.correlation_id, state = held.state.word(), "given up");
        Ok(Reply::json(StatusCode::OK, &shown(&held)))
    }
}

fn unknown() -> Problem {
    Problem::not_found("hold")
}

fn origin(request: &Request, caller: &Caller) -> Origin {
    Origin::asked_by("api", request, caller)
}

/// The stream of the hold that a path names.
fn stream(request: &Request, caller: &Caller) -> Result<String, Problem> {
    let connection: ConnectionId = request.path("connection").parse().map_err(|_| unknown())?;
    let hold_id: HoldId = request.path("hold_id").parse().map_err(|_| unknown())?;
    if caller.reaches(connection.as_str()) { Ok(stream_of(&connection, &hold_id)) } else { Err(unknown()) }
}

fn shown(held: &Held) -> Value {
    let hold = &held.hold;
    let mut shown = json!({
        "connection": hold.connection,
        "hold_id": hold.hold_id,
        "state": held.state.word(),
        "expires_at": hold.expires_at,
        "lines": hold.lines,
    });
    if let HoldState::Taken(order) = &held.state {
        shown["order_id"] = json!(order);
    }
    shown
}

fn short(wish: &HoldRequest, promisable: &[i64]) -> Problem {
    let lines = wish.lines.iter().zip(promisable).map(|((sku, requested), promisable)| {
        json!({ "sku": sku, "requested": requested, "available_to_promise": promisable })
    });
    let detail = "not all of it can be held, and nothing is; lines says what could be promised of each";
    Problem::new(StatusCode::CONFLICT, "not-available", detail).with("lines", lines.collect::<Vec<_>>())
}
