//! What people do at the shelves.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::shown;
use crate::shipbob::Inner;
use crate::shopify::said;

/// The fields of the acts; each uses those that concern it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StockAct {
    sku: String,
    location: String,
    #[serde(default)]
    reference_id: Option<String>,
    #[serde(default)]
    on_hand: Option<i64>,
    #[serde(default)]
    delta: Option<i64>,
    #[serde(default)]
    quantity: Option<i64>,
    /// For people: nothing follows from it.
    #[serde(default, rename = "reason")]
    _reason: Option<String>,
}

impl StockAct {
    fn units(&self) -> Result<i64, String> {
        self.quantity.filter(|quantity| *quantity > 0).ok_or_else(|| "say a quantity of one or more".to_owned())
    }
}

impl Inner {
    /// The act, if it is one of the shelves.
    pub(in crate::shipbob) fn stock_act(
        &mut self,
        name: &str,
        content: &Value,
        now: Timestamp,
    ) -> Option<Result<Value, String>> {
        let act: fn(&mut Self, &StockAct, i64) -> Result<(), String> = match name {
            "set_stock" => Self::set_stock,
            "adjust_stock" => Self::adjust_stock,
            "quarantine_stock" => Self::quarantine_stock,
            "expect_stock" => Self::expect_stock,
            "receive_stock" => Self::receive_stock,
            _ => return None,
        };
        Some(said(name, content.clone()).and_then(|said: StockAct| {
            let center = self.warehouse.center_named(&said.location)?.id;
            act(self, &said, center)?;
            self.warehouse.reallocate(now);
            let shelf = self.warehouse.shelf_stock(&said.sku, center).ok_or_else(|| uncounted(&said))?;
            Ok(shown(&said.sku, Some(&said.location), &shelf))
        }))
    }

    fn set_stock(&mut self, said: &StockAct, center: i64) -> Result<(), String> {
        let on_hand = said.on_hand.filter(|units| *units >= 0).ok_or("say on_hand, none or more")?;
        let shelf = self.warehouse.shelf_mut(&said.sku, said.reference_id.as_deref(), center);
        shelf.on_hand = on_hand;
        shelf.quarantine = shelf.quarantine.min(on_hand);
        Ok(())
    }

    /// Shrinkage, or a find.
    fn adjust_stock(&mut self, said: &StockAct, center: i64) -> Result<(), String> {
        let delta = said.delta.ok_or("say the delta")?;
        let there = self.warehouse.shelf_stock(&said.sku, center).ok_or_else(|| uncounted(said))?.on_hand;
        let on_hand = there.checked_add(delta).filter(|units| *units >= 0);
        let on_hand = on_hand.ok_or_else(|| format!("there are only {there} of {}", said.sku))?;
        let shelf = self.warehouse.shelf_mut(&said.sku, None, center);
        shelf.on_hand = on_hand;
        shelf.quarantine = shelf.quarantine.min(on_hand);
        Ok(())
    }

    fn quarantine_stock(&mut self, said: &StockAct, center: i64) -> Result<(), String> {
        let quantity = said.units()?;
        let there = self.warehouse.shelf_stock(&said.sku, center).ok_or_else(|| uncounted(said))?;
        let sellable = there.on_hand - there.quarantine;
        if quantity > sellable {
            return Err(format!("only {sellable} of {} are fit for sale", said.sku));
        }
        self.warehouse.shelf_mut(&said.sku, None, center).quarantine += quantity;
        Ok(())
    }

    fn expect_stock(&mut self, said: &StockAct, center: i64) -> Result<(), String> {
        let quantity = said.units()?;
        self.warehouse.shelf_mut(&said.sku, said.reference_id.as_deref(), center).awaiting += quantity;
        Ok(())
    }

    /// What was expected is expected no longer.
    fn receive_stock(&mut self, said: &StockAct, center: i64) -> Result<(), String> {
        let quantity = said.units()?;
        let shelf = self.warehouse.shelf_mut(&said.sku, said.reference_id.as_deref(), center);
        shelf.on_hand += quantity;
        shelf.awaiting = (shelf.awaiting - quantity).max(0);
        Ok(())
    }
}

fn uncounted(said: &StockAct) -> String {
    format!("nobody has counted {} at {}: set_stock or receive_stock first", said.sku, said.location)
}
