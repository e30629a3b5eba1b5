//! Takes requests to return goods: authorized, declined, or put before somebody, by the channel's policy. Also takes
//! the word of a shop without a connection to us that it has paid money back.

mod paid;

use aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayProxyResponse};
use crossdock_connectors::api::parse_return;
use crossdock_domain::event::{Refund, Resolution, Return};
use crossdock_domain::returns::{ReturnCommand, request_return};
use crossdock_domain::{Commit, Event, OrderId};
use crossdock_runner::command::{Command, Operation, Outcome};
use crossdock_runner::{Recorder, faults};
use crossdock_step::api::{Answer, Problem, Reply, Request, serve};
use http::StatusCode;
use serde_json::{Value, json};

const OPERATION: Operation = Operation { name: "request-return", scope: "returns:write", refused: "return-declined" };

/// The function.
pub struct RequestReturn {
    /// Reads and appends orders.
    pub recorder: Recorder,
}

impl RequestReturn {
    /// Handles one request.
    pub async fn handle(&self, event: ApiGatewayProxyRequest) -> ApiGatewayProxyResponse {
        let of_refunds = event.resource.as_deref() == Some("/orders/{order_id}/refunds");
        let answer = async |request: &Request| {
            if of_refunds { self.record_refund(request).await } else { self.request(request).await }
        };
        serve(event, answer).await
    }

    async fn request(&self, request: &Request) -> Answer {
        let command = Command::begin(&self.recorder, request, OPERATION).await?;
        let parsed = parse_return(&request.body).map_err(|found| faults::problem(&found))?;
        let id = command.order().id.clone();
        let wanted = ReturnCommand {
            lines: parsed.lines,
            resolution: parsed.resolution,
            request_hash: command.request_hash.clone(),
            at: command.now(),
        };
        match command.finish(request_hash_of, |order| request_return(order, &wanted)).await? {
            Outcome::Done(commit) => {
                tracing::info!(order = %id, correlation_id = commit.correlation_id, "return requested");
                let body = answer_v1(&id, &commit.events).ok_or_else(Problem::unavailable)?;
                Ok(Reply::json(StatusCode::ACCEPTED, &body).at(format!("/v1/orders/{id}")))
            }
            Outcome::Dry(foreseen) => {
                let mut body = answer_v1(&id, &foreseen.facts).ok_or_else(Problem::unavailable)?;
                body["dry_run"] = json!(true);
                body["effects"] = json!(foreseen.effects);
                body["refunded_minor"] = json!(foreseen.refunded_minor);
                Ok(Reply::json(StatusCode::OK, &body))
            }
        }
    }
}

fn request_hash_of(commit: &Commit) -> Option<String> {
    let of_answer = |event: &Event| {
        if let Event::ReturnResolved { request_hash, .. } = event { request_hash.clone() } else { None }
    };
    commit
        .events
        .iter()
        .find_map(|event| returned(event).map_or_else(|| of_answer(event), |of| of.request_hash.clone()))
}

fn returned(event: &Event) -> Option<&Return> {
    if let Event::ReturnRequested(known) = event { Some(known) } else { None }
}

fn resolved(event: &Event) -> Option<(u32, Resolution)> {
    if let Event::ReturnResolved { number, resolution, .. } = event { Some((*number, *resolution)) } else { None }
}

fn refund(event: &Event) -> Option<&Refund> {
    if let Event::RefundDecided(refund) = event { Some(refund) } else { None }
}

/// Version 1 of the answer: a pure function of the facts, so that a repeat gets it byte for byte.
fn answer_v1(id: &OrderId, facts: &[Event]) -> Option<Value> {
    if let Some((number, resolution)) = facts.iter().find_map(resolved) {
        // The goods are here already; what becomes of them follows by itself.
        return Some(json!({ "order_id": id, "return": number, "status": "authorized", "resolution": resolution }));
    }
    let known = facts.iter().find_map(returned)?;
    let authorized =
        facts.iter().any(|event| matches!(event, Event::ReturnAuthorized { number } if *number == known.number));
    let refund = facts.iter().find_map(refund);
    Some(json!({
        "order_id": id,
        "return": known.number,
        "status": if authorized { "authorized" } else { "waits_for_approval" },
        "approval": known.approval,
        "resolution": known.resolution,
        // What the buyer writes on the parcel.
        "rma": known.expects_goods.then(|| format!("RMA{}", known.number)),
        "lines": known.lines,
        // Known at once where no goods are waited for; else it follows their inspection.
        "refund": refund.map(|refund| json!({ "refund": refund.number, "total_minor": refund.total })),
    }))
}
