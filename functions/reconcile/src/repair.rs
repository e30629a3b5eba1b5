//! What is done about a drift where the settings allow it.

use crossdock_domain::drift::{self, Ending, Quantity, Role};
use crossdock_domain::inventory::{AdjustedLine, AdjustmentReason, StockAdjustment, StockDocument};
use crossdock_domain::item::{Shown, Stock};
use crossdock_runner::store_failure;
use crossdock_step::Failure;
use jiff::SignedDuration;
use serde_json::json;

use crate::Reconcile;
use crate::compare::{Looked, Open, Question, origin};

impl Reconcile {
    /// Repairs an open drift; whether that was done.
    pub(crate) async fn repair(
        &self,
        Looked { question, stock, evidence }: &Looked<'_>,
        (stream, document): (&str, &StockDocument),
        open: &Open,
    ) -> Result<bool, Failure> {
        match (question.role, open.1.drift.quantity) {
            (Role::Erp, _) => Ok(false),
            (Role::Storefront, _) => self.show_again(question, stock).await,
            (Role::Fulfillment, Quantity::Reserved) => {
                let leaks = evidence.leaks(stock, question.reported.committed.unwrap_or(0));
                let moves = drift::released(&open.1.drift, &leaks);
                let over = (drift::ended(&open.1.drift, Ending::Repaired), moves);
                let decide = |known: &StockDocument| (known.seq == document.seq).then(|| over.clone());
                let cause = format!("released:{}", open.0);
                let after = self.keeper.note_moving(stream, (&cause, &origin(document)), decide).await?;
                Ok(after.causes.contains_key(&cause))
            }
            (Role::Fulfillment, quantity) => {
                // The 3PL may have it where we never had any.
                let skus = std::slice::from_ref(question.sku);
                self.items.items_at(skus, question.location).await.map_err(store_failure)?;
                let adjustment = self.adjustment(question, open, stream);
                let done = self.keeper.repair(&adjustment, stock.physical, &origin(document)).await?;
                if done.is_none() {
                    // It has moved meanwhile: the next run compares again.
                    return Ok(false);
                }
                let decide = |known: &StockDocument| {
                    let is_open = drift::open(known).get(&quantity).is_some_and(|(seq, _)| *seq == open.0);
                    is_open.then(|| drift::ended(&open.1.drift, Ending::Repaired))
                };
                let cause = format!("repaired:{}", open.0);
                self.keeper.note(stream, (&cause, &origin(document)), decide).await?;
                Ok(true)
            }
        }
    }

    /// Whether a drift that is over was ended by us: by somebody who died before saying so, or by the storefront's
    /// having been shown the number again. A leak is released by the commit that ends it.
    pub(crate) async fn was_repaired(&self, role: Role, stream: &str, open: &Open) -> Result<bool, Failure> {
        match role {
            Role::Erp => Ok(false),
            Role::Storefront => Ok(open.1.repaired),
            Role::Fulfillment => {
                let adjustment = format!("inventory#adjustment#{}", adjustment_id(stream, open.0));
                Ok(self.keeper.load(&adjustment).await?.seq > 0)
            }
        }
    }

    /// Our number follows the 3PL's. It is named after the commit that says so, so that it is made once.
    fn adjustment(&self, question: &Question<'_>, open: &Open, stream: &str) -> StockAdjustment {
        let (seq, found) = open;
        let by = |of: Quantity| if of == found.drift.quantity { found.drift.difference } else { 0 };
        let line = AdjustedLine {
            sku: question.sku.clone(),
            on_hand: by(Quantity::OnHand),
            quarantine: by(Quantity::Quarantine),
        };
        StockAdjustment {
            adjustment_id: adjustment_id(stream, *seq),
            location: question.location.clone(),
            reason: AdjustmentReason::Drift,
            adjusted_at: question.reported.as_of,
            lines: vec![line],
            erp: Some(self.systems.erp.clone()),
        }
    }

    /// From now on we know what the storefront shows, and it is brought to what there is.
    async fn show_again(&self, question: &Question<'_>, stock: &Stock) -> Result<bool, Failure> {
        let told = stock.told.get(question.system).copied().unwrap_or(0);
        let shown = Shown { on_hand: question.reported.on_hand, told, at: question.reported.as_of };
        let at = (question.sku, question.location);
        self.items.note_shown(at, question.system, shown).await.map_err(store_failure)?;
        let message =
            json!({ "moved": [question.sku], "since": question.reported.as_of, "storefront": question.system });
        self.stock_queue.send(message.to_string(), SignedDuration::ZERO).await?;
        Ok(true)
    }
}

/// Named after the commit that says so.
fn adjustment_id(stream: &str, seq: u64) -> String {
    format!("{}-{seq}", stream.trim_start_matches("inventory#").replace('#', "-"))
}
