//! Money that a shop without a connection to us says it has paid back: for a refund that the order's rules had decided,
//! or by its own decision.

use crossdock_connectors::api::{ParsedRefund, parse_refund};
use crossdock_domain::event::IssuedRefund;
use crossdock_domain::refund::record_payment;
use crossdock_domain::{Commit, Event, OrderId};
use crossdock_runner::command::{Command, Operation, Outcome};
use crossdock_runner::faults;
use crossdock_step::api::{Answer, Problem, Reply, Request};
use http::StatusCode;
use serde_json::{Value, json};

use crate::RequestReturn;

const OPERATION: Operation = Operation { name: "record-refund", scope: "returns:write", refused: "refund-refused" };

impl RequestReturn {
    pub(crate) async fn record_refund(&self, request: &Request) -> Answer {
        let command = Command::begin(&self.recorder, request, OPERATION).await?;
        let parsed = parse_refund(&request.body).map_err(|found| faults::problem(&found))?;
        let ParsedRefund { refund, tender, at } = parsed;
        let id = command.order().id.clone();
        let issued = IssuedRefund { id: tender.id.clone(), at, tenders: vec![tender] };
        // The fact has no room for the request's hash; whoever said the same has sent the same request.
        let hash = command.request_hash.clone();
        let is_same = |commit: &Commit| {
            recorded(commit)
                .is_some_and(|(number, told)| told == issued && refund.is_none_or(|wanted| wanted == number))
        };
        let known_hash = |commit: &Commit| Some(if is_same(commit) { hash.clone() } else { String::new() });
        match command.finish(known_hash, |order| record_payment(order, refund, &issued)).await? {
            Outcome::Done(commit) => {
                tracing::info!(order = %id, correlation_id = commit.correlation_id, "refund recorded");
                let body = answer_v1(&id, &commit).ok_or_else(Problem::unavailable)?;
                Ok(Reply::json(StatusCode::ACCEPTED, &body).at(format!("/v1/orders/{id}")))
            }
            Outcome::Dry(foreseen) => {
                let body = json!({ "order_id": id, "dry_run": true, "effects": foreseen.effects });
                Ok(Reply::json(StatusCode::OK, &body))
            }
        }
    }
}

/// The refund that a commit records, and how it was paid.
fn recorded(commit: &Commit) -> Option<(u32, IssuedRefund)> {
    let of = |event: &Event| {
        if let Event::RefundIssued { number, issued } = event {
            Some((*number, issued.clone()))
        } else if let Event::RefundRecorded { refund, issued } = event {
            Some((refund.number, issued.clone()))
        } else {
            None
        }
    };
    commit.events.iter().find_map(of)
}

/// Version 1 of the answer: a pure function of the commit, so that a repeat gets it byte for byte.
fn answer_v1(id: &OrderId, commit: &Commit) -> Option<Value> {
    let (number, issued) = recorded(commit)?;
    Some(json!({ "order_id": id, "refund": number, "status": issued.status() }))
}
