//! Where less is there than is promised, because somebody has counted or lost goods, the newest promises that are not
//! picked are given up. What their 3PL stops is allocated anew: from elsewhere, or when there is more.

use std::collections::BTreeSet;

use crossdock_domain::cancel::shortage;
use crossdock_domain::event::Shortage;
use crossdock_domain::item::Movement;
use crossdock_domain::{LocationId, OrderId, Sku};
use crossdock_log::LedgerPage;
use crossdock_runner::{Origin, store_failure};
use crossdock_step::Failure;
use crossdock_step::batch::Trigger;

use crate::Function;

/// Rows of a ledger that are read at once.
const ROWS: i32 = 100;

/// So many rows are walked at most: what is still missing then is seen again by the next count.
const MOST_PAGES: usize = 20;

impl Function {
    /// Gives up promises of a SKU at a location as far as there is less than is promised.
    pub(crate) async fn resolve_shortage(
        &self,
        (sku, location): (&Sku, &LocationId),
        trigger: &Trigger,
    ) -> Result<(), Failure> {
        let items = self.step.items.items(std::slice::from_ref(sku)).await.map_err(store_failure)?;
        let mut missing = items.get(sku).map_or(0, |item| item.uncovered(location));
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut page = LedgerPage { limit: ROWS, before: None, since: None };
        for _ in 0..MOST_PAGES {
            if missing <= 0 {
                return Ok(());
            }
            let (rows, next) = self.step.items.ledger(sku, location, &page).await.map_err(store_failure)?;
            for row in rows {
                let promised = row.moves.iter().any(|stock| stock.why == Movement::Reserved);
                if missing > 0 && promised && seen.insert(row.stream.clone()) {
                    missing -= self.give_up((sku, location), (&row.stream, missing), trigger).await?;
                }
            }
            let Some(next) = next else { break };
            page.before = Some(next);
        }
        if missing > 0 {
            tracing::warn!(%sku, %location, missing, "less is there than is promised, and everything promised is picked");
        }
        Ok(())
    }

    /// Gives up what an order holds of a SKU at a location; gives back how many units will be free then, those that it was
    /// asked for before included.
    async fn give_up(
        &self,
        (sku, location): (&Sku, &LocationId),
        (stream, missing): (&str, i64),
        trigger: &Trigger,
    ) -> Result<i64, Failure> {
        let Ok(id) = OrderId::from_stream(stream) else { return Ok(0) };
        let mut order = self.recorder.load(&id).await?;
        let mut free = 0;
        for number in order.allocations.keys().rev().copied().collect::<Vec<_>>() {
            let units = order.held_in(number, sku, location);
            if units == 0 || order.is_answered(number) || free >= missing {
                continue;
            }
            let origin = Origin::following("allocate-order", order.correlation_id.as_ref(), trigger.event_id.clone());
            let found = Shortage { number, sku: sku.clone(), missing };
            let cause = format!("shortage:F{number}");
            self.recorder.record(&mut order, (&cause, &origin), |order| shortage(order, &found)).await?;
            free += units;
        }
        Ok(free)
    }
}
