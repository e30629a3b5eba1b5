//! Stock compared with the other systems when somebody wants it. The request is a fact, which `reconcile` hears of and
//! answers in the same stream.

use crossdock_connectors::api::parse_reconciliation;
use crossdock_domain::Event;
use crossdock_domain::canonical::hash_of;
use crossdock_domain::inventory::StockDocument;
use crossdock_runner::faults;
use crossdock_step::api::{Answer, Problem, Reply, Request};
use http::StatusCode;
use serde_json::{Value, json};

use crate::Operate;
use crate::act::origin;

fn stream_of(reconciliation_id: &str) -> String {
    format!("inventory#reconciliation#{reconciliation_id}")
}

impl Operate {
    pub(crate) async fn request_reconciliation(&self, request: &Request) -> Answer {
        let caller = request.allowed_everywhere("ops:write")?;
        let told = parse_reconciliation(&request.body).map_err(|found| faults::problem(&found))?;
        let stream = stream_of(&told.reconciliation_id);
        let cause = format!("reconciliation:{}", hash_of(&told.skus));
        let decide =
            |known: &StockDocument| known.requested().is_none().then(|| Event::ReconciliationRequested(told.clone()));
        let noted = self.keeper.note(&stream, (&cause, &origin(request, caller)), decide).await;
        let document = noted.map_err(Problem::unavailable_because)?;
        if document.requested().is_none_or(|(_, known)| known.skus != told.skus) {
            let detail = "another reconciliation of that id was asked for before; use a new id for what is new";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "document-reused", detail));
        }
        let status = if document.finished().is_some() { StatusCode::OK } else { StatusCode::ACCEPTED };
        let location = format!("/v1/ops/reconciliations/{}", told.reconciliation_id);
        Ok(Reply::json(status, &told_of(&document)).at(location))
    }

    pub(crate) async fn read_reconciliation(&self, request: &Request) -> Answer {
        request.allowed_everywhere("ops:read")?;
        let stream = stream_of(request.path("reconciliation_id"));
        let document = self.keeper.load(&stream).await.map_err(Problem::unavailable_because)?;
        if document.requested().is_none() {
            return Err(Problem::not_found("reconciliation"));
        }
        Ok(Reply::json(StatusCode::OK, &told_of(&document)))
    }
}

fn told_of(document: &StockDocument) -> Value {
    let (requested, finished) = (document.requested(), document.finished());
    json!({
        "reconciliation_id": requested.map(|(_, known)| &known.reconciliation_id),
        "status": if finished.is_some() { "finished" } else { "requested" },
        "skus": requested.and_then(|(_, known)| known.skus.as_ref()),
        "requested_at": requested.map(|(at, _)| at),
        "finished_at": finished.map(|(at, _)| at),
        "found": finished.map(|(_, known)| known),
    })
}
