//! Cancels an order, or units of it. Cancelling is a fact; what has to be undone for it follows from the order.

use aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayProxyResponse};
use crossdock_connectors::api::parse_cancellation;
use crossdock_domain::cancel::{CancelCommand, cancel};
use crossdock_domain::event::{Cancellation, LineQuantity, Refund};
use crossdock_domain::{Commit, Event, OrderId};
use crossdock_runner::command::{Command, Operation, Outcome};
use crossdock_runner::{Recorder, faults};
use crossdock_step::api::{Answer, Problem, Reply, Request, serve};
use http::StatusCode;
use serde_json::{Value, json};

const OPERATION: Operation = Operation { name: "cancel-order", scope: "orders:write", refused: "cancellation-refused" };

/// The function.
pub struct CancelOrder {
    /// Reads and appends orders.
    pub recorder: Recorder,
}

impl CancelOrder {
    /// Handles one request.
    pub async fn handle(&self, event: ApiGatewayProxyRequest) -> ApiGatewayProxyResponse {
        serve(event, async |request| self.cancel(request).await).await
    }

    async fn cancel(&self, request: &Request) -> Answer {
        let command = Command::begin(&self.recorder, request, OPERATION).await?;
        let parsed = parse_cancellation(&request.body).map_err(|found| faults::problem(&found))?;
        let id = command.order().id.clone();
        let request_hash = command.request_hash.clone();
        let wanted = CancelCommand { lines: parsed.lines, reason: parsed.reason, request_hash };
        match command.finish(request_hash_of, |order| cancel(order, &wanted)).await? {
            Outcome::Done(commit) => {
                tracing::info!(order = %id, correlation_id = commit.correlation_id, "cancelled");
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
    commit.events.iter().find_map(|event| cancellation(event)?.request_hash.clone())
}

fn cancellation(event: &Event) -> Option<&Cancellation> {
    if let Event::OrderCancelled(cancellation) = event { Some(cancellation) } else { None }
}

fn refund(event: &Event) -> Option<&Refund> {
    if let Event::RefundDecided(refund) = event { Some(refund) } else { None }
}

/// Version 1 of the answer: a pure function of the facts, so that a repeat gets it byte for byte.
fn answer_v1(id: &OrderId, facts: &[Event]) -> Option<Value> {
    let cancelled = facts.iter().find_map(cancellation)?;
    let line = |of: &LineQuantity| json!({ "line": of.line, "quantity": of.quantity });
    let refund = facts.iter().find_map(refund);
    Some(json!({
        "order_id": id,
        "cancellation": cancelled.number,
        "reason": cancelled.reason,
        "lines": cancelled.lines.iter().map(line).collect::<Vec<_>>(),
        // Known at once where nothing is with the 3PL; else it follows the 3PL's answer.
        "refund": refund.map(|refund| json!({ "refund": refund.number, "total_minor": refund.total })),
    }))
}
