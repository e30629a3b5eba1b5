//! What people at the shop do with its stock.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Inner;
use super::act::said;
use super::payload::gid;
use super::shop::Shop;
use super::stock::Level;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Count {
    sku: String,
    location: String,
    on_hand: i64,
    #[serde(default = "yes")]
    tracked: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Adjustment {
    sku: String,
    location: String,
    delta: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusals {
    code: String,
    #[serde(default = "once")]
    times: u32,
}

fn once() -> u32 {
    1
}

impl Inner {
    pub(super) fn stock_act(&mut self, name: &str, content: Value, now: Timestamp) -> Result<Value, String> {
        match name {
            "set_inventory" => self.shop.set_inventory(&said(name, content)?, now),
            "adjust_inventory" => self.shop.adjust_inventory(&said(name, content)?, now),
            _ => {
                let refusals: Refusals = said(name, content)?;
                self.shop.inventory.refusals.extend((0..refusals.times).map(|_| refusals.code.clone()));
                Ok(json!({ "planned": self.shop.inventory.refusals.len() }))
            }
        }
    }
}

impl Shop {
    fn set_inventory(&mut self, count: &Count, now: Timestamp) -> Result<Value, String> {
        if self.letterhead.location_id(&count.location).is_none() {
            return Err(format!("the shop has no location {:?}", count.location));
        }
        let item = self.inventory.of_sku(&count.sku);
        item.tracked = count.tracked;
        item.levels.insert(count.location.clone(), Level { on_hand: count.on_hand, stocked: true, updated_at: now });
        self.told((&count.sku, &count.location))
    }

    fn adjust_inventory(&mut self, adjustment: &Adjustment, now: Timestamp) -> Result<Value, String> {
        let Adjustment { sku, location, delta } = adjustment;
        if self.stock(sku, location).is_none() {
            return Err(format!("the shop does not stock {sku:?} at {location:?}: set_inventory first"));
        }
        if let Some(level) = self.inventory.of_sku(sku).levels.get_mut(location) {
            level.on_hand = level.on_hand.saturating_add(*delta);
            level.updated_at = now;
        }
        self.told((sku, location))
    }

    fn told(&self, (sku, location): (&str, &str)) -> Result<Value, String> {
        let item = self.inventory.by_sku(sku).ok_or_else(|| format!("the shop has no {sku:?}"))?;
        let level = self.stock(sku, location).ok_or_else(|| format!("the shop does not stock {sku:?} there"))?;
        Ok(json!({
            "item": item.id.to_string(), "item_gid": gid("InventoryItem", item.id),
            "on_hand": level.on_hand, "available": level.available, "committed": level.committed,
        }))
    }
}
