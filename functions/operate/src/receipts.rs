//! Stock that has arrived. The receipt is a stream of its own: its one commit moves the stock in the same
//! transaction, so that a receipt told twice counts once.

use crossdock_connectors::api::parse_receipt;
use crossdock_domain::canonical::hash_of;
use crossdock_domain::commit::{Summary, due_bucket};
use crossdock_domain::event::{ReceiptLine, StockReceipt};
use crossdock_domain::item::StockMove;
use crossdock_domain::{Commit, Event, Sku};
use crossdock_log::AppendError;
use crossdock_runner::faults;
use crossdock_step::api::{Answer, Caller, Problem, Reply, Request};
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::json;

use crate::{Operate, unavailable};

impl Operate {
    pub(crate) async fn receive_stock(&self, request: &Request) -> Answer {
        let caller = request.allowed("inventory:write")?;
        // A receipt is no channel's: who may write it reaches all of them.
        if caller.connections().is_some() {
            return Err(Problem::not_found("operation"));
        }
        let receipt = parse_receipt(&request.body).map_err(|found| faults::problem(&found))?;
        self.check_skus(&receipt).await?;
        for line in &receipt.lines {
            self.items.open_location(&line.sku, &receipt.location).await.map_err(unavailable)?;
        }
        let commit = self.commit_of(&receipt, request, caller);
        match self.recorder.log().append(&commit, &moves(&receipt)).await {
            Ok(()) => Ok(Reply::json(StatusCode::CREATED, &receipt)),
            Err(AppendError::SeqTaken(_)) => self.repeated(&receipt, &commit.stream).await,
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn check_skus(&self, receipt: &StockReceipt) -> Result<(), Problem> {
        let skus: Vec<Sku> = receipt.lines.iter().map(|line| line.sku.clone()).collect();
        let items = self.items.items(&skus).await.map_err(unavailable)?;
        let strangers: Vec<&Sku> = skus.iter().filter(|sku| !items.contains_key(*sku)).collect();
        if strangers.is_empty() {
            return Ok(());
        }
        let detail = "the catalogue does not know every SKU of the receipt; nothing was received";
        let reasons: Vec<_> = strangers.iter().map(|sku| json!({ "code": "unknown_sku", "detail": sku })).collect();
        Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "unknown-sku", detail).with("reasons", reasons))
    }

    fn commit_of(&self, receipt: &StockReceipt, request: &Request, caller: &Caller) -> Commit {
        let stream = format!("inventory#{}", receipt.receipt_id);
        let now = self.recorder.clock().now();
        Commit {
            seq: 1,
            cause: format!("api:{}:receipt:{}", caller.name, hash_of(receipt)),
            at: now,
            actor: format!("api:{}", caller.name),
            correlation_id: request.correlation_id.clone(),
            causation_id: None,
            prev_hash: String::new(),
            due: Some(due_bucket(now + SignedDuration::from_mins(2), &stream)),
            summary: Summary {
                status: "received".into(),
                attention: Vec::new(),
                waits_on: None,
                routes: None,
                placed_at: now,
            },
            events: vec![Event::StockReceived(receipt.clone())],
            stream,
        }
    }

    async fn repeated(&self, receipt: &StockReceipt, stream: &str) -> Answer {
        let known = self.recorder.log().load(stream, 1).await.map_err(unavailable)?;
        let same =
            known.iter().flat_map(|commit| &commit.events).any(|event| *event == Event::StockReceived(receipt.clone()));
        if same {
            return Ok(Reply::json(StatusCode::OK, receipt));
        }
        let detail = "another receipt of this receipt_id was received before; use a new id for new goods";
        Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "receipt-reused", detail))
    }
}

/// One move per line: parsing has seen to it that no SKU is named twice.
fn moves(receipt: &StockReceipt) -> Vec<StockMove> {
    let arrived = |line: &ReceiptLine| StockMove {
        sku: line.sku.clone(),
        location: receipt.location.clone(),
        on_hand: i64::from(line.quantity),
        available: i64::from(line.quantity),
    };
    receipt.lines.iter().map(arrived).collect()
}
