//! Takes orders through our own API. The same key gets the same answer, byte for byte; the same order under another
//! key is still one order.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayProxyResponse};
use crossdock_connectors::api::{ParsedOrder, parse_order};
use crossdock_domain::accept::{Context, api_order};
use crossdock_domain::canonical::hash_bytes;
use crossdock_domain::event::{Decision, Hold};
use crossdock_domain::settings::ChannelSettings;
use crossdock_domain::{Commit, Event, Order, OrderId, Sku};
use crossdock_log::{Items, Markers, People};
use crossdock_runner::{Committed, Directory, Origin, Recorder, faults};
use crossdock_step::api::{Answer, Caller, Problem, Reply, Request, serve};
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::json;

/// Keys are remembered for so long; the order's own identity is remembered for ever.
const KEY_LIFETIME: SignedDuration = SignedDuration::from_hours(24 * 30);

/// The function.
pub struct AcceptOrder {
    /// Reads and appends orders.
    pub recorder: Recorder,
    /// Connections.
    pub directory: Arc<Directory>,
    /// Recipients.
    pub people: Arc<dyn People>,
    /// The catalogue.
    pub items: Arc<dyn Items>,
    /// Idempotency keys.
    pub markers: Arc<dyn Markers>,
}

/// A request that may be judged.
struct Offer<'a> {
    id: OrderId,
    parsed: &'a ParsedOrder,
    request_hash: String,
    cause: String,
    origin: Origin,
}

fn unavailable(error: impl std::fmt::Display) -> Problem {
    tracing::error!(%error, "an order could not be taken");
    Problem::unavailable()
}

impl AcceptOrder {
    /// Handles one request.
    pub async fn handle(&self, event: ApiGatewayProxyRequest) -> ApiGatewayProxyResponse {
        serve(event, async |request| self.accept(request).await).await
    }

    async fn accept(&self, request: &Request) -> Answer {
        let caller = request.allowed("orders:write")?;
        let key = request.idempotency_key()?;
        let parsed = parse_order(&request.body).map_err(|found| faults::problem(&found))?;
        let settings = self.directory.channel_for(caller, &parsed.connection).await?;
        let offer = offer(request, (caller, key), &parsed);
        self.claim_key((caller, key), &offer).await?;
        let commits = self.recorder.log().load(&offer.id.stream(), 1).await.map_err(unavailable)?;
        if let Some(commit) = commits.iter().find(|commit| commit.cause == offer.cause) {
            return answer_v1(&offer.id, commit);
        }
        let order = Order::fold(offer.id.clone(), &commits);
        if order.accepted.is_some() {
            return Ok(existing(&order, &parsed));
        }
        self.decide(order, &offer, &settings).await
    }

    /// One key, one request: another body under it is a mistake of the caller that must not pass for a repeat.
    async fn claim_key(&self, (caller, key): (&Caller, &str), offer: &Offer<'_>) -> Result<(), Problem> {
        let marker = format!("key#{}#{}", caller.name, hash_bytes(key.as_bytes()));
        let expires_at = self.recorder.clock().now() + KEY_LIFETIME;
        let known = self.markers.mark(&marker, &offer.request_hash, expires_at).await.map_err(unavailable)?;
        match known {
            Some(hash) if hash != offer.request_hash => Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "key-reused",
                "this Idempotency-Key came with another body before; use a new key for a new request",
            )),
            Some(_) | None => Ok(()),
        }
    }

    async fn decide(&self, mut order: Order, offer: &Offer<'_>, settings: &ChannelSettings) -> Answer {
        let skus: Vec<Sku> = offer.parsed.inbound.order.lines.iter().filter_map(|line| line.sku.clone()).collect();
        let items: BTreeMap<_, _> = self.items.items(&skus).await.map_err(unavailable)?;
        let context = Context { settings, items: &items };
        let decision = api_order(&offer.parsed.inbound, context, &offer.request_hash);
        let taken = decision.events.iter().any(|event| matches!(event, Event::OrderAccepted(_)));
        if let (true, Some(recipient)) = (taken, &offer.parsed.inbound.recipient) {
            self.people.keep(&offer.id.stream(), recipient).await.map_err(unavailable)?;
        }
        let unless_accepted =
            |order: &Order| if order.accepted.is_some() { Decision::default() } else { decision.clone() };
        let hold = offer.parsed.inbound.hold.as_ref();
        let what = (offer.cause.as_str(), &offer.origin);
        let committed = self.recorder.record_taking(&mut order, what, (hold, unless_accepted)).await;
        let commit = match committed.map_err(unavailable)? {
            Committed::Appended(commit) => *commit,
            Committed::Nothing => return Ok(existing(&order, offer.parsed)),
            // The same request again, at the same time, was faster.
            Committed::Already => self.commit_of(offer).await?,
        };
        tracing::info!(order = %offer.id, correlation_id = commit.correlation_id, taken, "answered");
        answer_v1(&offer.id, &commit)
    }

    async fn commit_of(&self, offer: &Offer<'_>) -> Result<Commit, Problem> {
        let commits = self.recorder.log().load(&offer.id.stream(), 1).await.map_err(unavailable)?;
        commits.into_iter().find(|commit| commit.cause == offer.cause).ok_or_else(Problem::unavailable)
    }
}

fn offer<'a>(request: &Request, (caller, key): (&Caller, &str), parsed: &'a ParsedOrder) -> Offer<'a> {
    let id = OrderId { connection: parsed.connection.clone(), channel: parsed.channel.clone() };
    let actor = format!("api:{}", caller.name);
    Offer {
        cause: format!("{actor}:accept-order:{}", hash_bytes(key.as_bytes())),
        id,
        parsed,
        request_hash: hash_bytes(&request.body),
        origin: Origin { actor, correlation_id: request.correlation_id.clone(), causation_id: None },
    }
}

/// The order that was taken under another key, or from a storefront.
fn existing(order: &Order, parsed: &ParsedOrder) -> Reply {
    let same =
        order.accepted.as_ref().is_some_and(|a| a.fact.order.content_hash() == parsed.inbound.order.content_hash());
    let body = json!({ "order_id": order.id, "status": order.status(), "differs": !same });
    Reply::json(StatusCode::OK, &body).at(location(&order.id))
}

fn location(id: &OrderId) -> String {
    format!("/v1/orders/{id}")
}

/// Version 1 of the answer to a commit: a pure function of it, so that a repeat gets it byte for byte. A change of
/// shape is a version 2, chosen by the commit, beside this one.
fn answer_v1(id: &OrderId, commit: &Commit) -> Answer {
    for event in &commit.events {
        if let Event::OrderAccepted(accepted) = event {
            let order = &accepted.order;
            let mut body = json!({
                "order_id": id,
                "status": if order.test { "test" } else { "accepted" },
                "total_minor": order.total,
                "currency": order.currency,
                "holds": [],
            });
            // Only where the order has what was held: without it, it competes like any other.
            if let Some(hold) = &accepted.hold {
                body["hold"] = json!(hold.hold_id);
            }
            return Ok(Reply::json(StatusCode::ACCEPTED, &body).at(location(id)));
        }
        if let Event::OrderRefused(refused) = event {
            let reason = |hold: &Hold| json!({ "code": hold.code, "detail": hold.detail });
            let reasons: Vec<_> = refused.reasons.iter().map(reason).collect();
            let detail = "the order cannot be taken; correct every reason and send it under a new key";
            let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "order-refused", detail);
            return Err(problem.with("reasons", reasons));
        }
    }
    Err(Problem::unavailable())
}
