//! Documents of stock that callers bring. Each is recorded once under its own name; the stock moves in the same
//! transaction.

use crossdock_connectors::api::{parse_adjustment, parse_count, parse_receipt, parse_transfer};
use crossdock_domain::event::StockReceipt;
use crossdock_domain::inventory::{StockAdjustment, StockTransfer};
use crossdock_domain::{Event, Sku};
use crossdock_runner::{Count, Kept, faults};
use crossdock_step::api::{Answer, Problem, Reply, Request};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{ManageStock, origin};

/// Clocks differ by so much; what is said to happen later than that has not happened.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

impl ManageStock {
    pub(crate) async fn receive(&self, request: &Request) -> Answer {
        let caller = request.allowed_everywhere("inventory:write")?;
        let receipt = parse_receipt(&request.body).map_err(|found| faults::problem(&found))?;
        let receipt = StockReceipt { erp: Some(self.erp.clone()), ..receipt };
        self.check_skus(&receipt.lines.iter().map(|line| line.sku.clone()).collect::<Vec<_>>()).await?;
        answer(self.keeper.receive(&receipt, &origin(request, caller)).await.map_err(Problem::unavailable_because)?)
    }

    pub(crate) async fn count(&self, request: &Request) -> Answer {
        let caller = request.allowed_everywhere("inventory:write")?;
        let count = parse_count(&request.body).map_err(|found| faults::problem(&found))?;
        self.has_happened("/counted_at", Some(count.counted_at))?;
        self.check_skus(&count.lines.iter().map(|(sku, ..)| sku.clone()).collect::<Vec<Sku>>()).await?;
        let count = Count {
            count_id: count.count_id,
            source: format!("api:{}", caller.name),
            location: count.location,
            counted_at: count.counted_at,
            lines: count.lines,
            erp: Some(self.erp.clone()),
        };
        answer(self.keeper.count(&count, &origin(request, caller)).await.map_err(Problem::unavailable_because)?)
    }

    pub(crate) async fn adjust(&self, request: &Request) -> Answer {
        let caller = request.allowed_everywhere("inventory:write")?;
        let told = parse_adjustment(&request.body).map_err(|found| faults::problem(&found))?;
        self.has_happened("/adjusted_at", told.adjusted_at)?;
        self.check_skus(&told.lines.iter().map(|line| line.sku.clone()).collect::<Vec<_>>()).await?;
        let adjustment = StockAdjustment {
            adjustment_id: told.adjustment_id,
            location: told.location,
            reason: told.reason,
            adjusted_at: told.adjusted_at.unwrap_or_else(|| self.clock.now()),
            lines: told.lines,
            erp: Some(self.erp.clone()),
        };
        answer(self.keeper.adjust(&adjustment, &origin(request, caller)).await.map_err(Problem::unavailable_because)?)
    }

    pub(crate) async fn transfer(&self, request: &Request) -> Answer {
        let caller = request.allowed_everywhere("inventory:write")?;
        let told = parse_transfer(&request.body).map_err(|found| faults::problem(&found))?;
        self.has_happened("/moved_at", told.moved_at)?;
        self.check_skus(&told.lines.iter().map(|line| line.sku.clone()).collect::<Vec<_>>()).await?;
        let transfer = StockTransfer {
            transfer_id: told.transfer_id,
            from: told.from,
            to: told.to,
            stage: told.stage,
            moved_at: told.moved_at.unwrap_or_else(|| self.clock.now()),
            lines: told.lines,
            erp: Some(self.erp.clone()),
        };
        answer(self.keeper.transfer(&transfer, &origin(request, caller)).await.map_err(Problem::unavailable_because)?)
    }

    /// What is yet to come is no fact; a count of the future would outdate all that follow it.
    fn has_happened(&self, pointer: &str, at: Option<Timestamp>) -> Result<(), Problem> {
        let future = at.is_some_and(|at| at > self.clock.now() + SKEW);
        let detail = format!("{pointer} is in the future");
        if future { Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail)) } else { Ok(()) }
    }
}

fn answer(kept: Kept) -> Answer {
    match kept {
        Kept::Recorded(fact) => Ok(Reply::json(StatusCode::CREATED, &content(&fact))),
        Kept::Again(fact) => Ok(Reply::json(StatusCode::OK, &content(&fact))),
        Kept::Reused => {
            let detail = "another document of that id was recorded before; use a new id for what is new";
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "document-reused", detail))
        }
    }
}

fn content(fact: &Event) -> Value {
    serde_json::to_value(fact).ok().and_then(|mut fact| fact.get_mut("data").map(Value::take)).unwrap_or_default()
}
