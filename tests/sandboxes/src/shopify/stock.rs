//! What the shop keeps of its goods: an inventory item per SKU, and a level for each location that stocks it.
//!
//! What is on hand is kept; what is committed follows from the orders: the units that have not left. So every level adds
//! up at every moment: on hand = available + committed. [help: "Understanding inventory states"; what is unavailable
//! (reserved, damaged, …) is left out.]

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::ledger::Restock;
use super::order::Order;
use super::payload::gid;
use super::shop::Shop;
use super::stock_calls::Outcome;

/// Where the vendor's ids of inventory items stood when this was written.
const ITEM_IDS: u64 = 53_000_000_000_000;

/// What the shop shows of one SKU at one location, in units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockLevel {
    /// All that is there.
    pub on_hand: i64,
    /// What can still be bought; below zero what was sold beyond what is there.
    pub available: i64,
    /// Units of orders that have not left.
    pub committed: i64,
}

/// All that the shop stocks.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    pub(super) items: BTreeMap<u64, Item>,
    /// Keys of `inventorySetQuantities`, with what was asked and what came of it.
    pub(super) keys: BTreeMap<String, (Value, Outcome)>,
    /// Codes that the next calls are refused with.
    pub(super) refusals: VecDeque<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) id: u64,
    pub(super) sku: String,
    pub(super) tracked: bool,
    /// By the location's code.
    pub(super) levels: BTreeMap<String, Level>,
}

#[derive(Debug, Clone)]
pub(super) struct Level {
    pub(super) on_hand: i64,
    /// Whether the location stocks the item. Quantities can be set where it does not, and nobody sees them.
    pub(super) stocked: bool,
    pub(super) updated_at: Timestamp,
}

/// Units of a line that come on hand; below zero those that are gone.
pub(super) struct Moved {
    sku: Option<String>,
    location: String,
    units: i64,
}

impl Moved {
    /// Of a line that is in no parcel nothing moves.
    fn of(order: &Order, index: usize, units: i64) -> Option<Self> {
        let line = order.lines.get(index).filter(|line| line.requires_shipping && units != 0)?;
        Some(Self { sku: line.sku.clone(), location: line.location.clone(), units })
    }
}

/// Units of each line of an order that have not left.
pub(super) fn open_units(order: &Order) -> Vec<i64> {
    (0..order.lines.len()).map(|index| order.open_units(index)).collect()
}

/// What leaves with a parcel: lines and units.
pub(super) fn shipped(order: &Order, lines: impl Iterator<Item = (usize, i64)>) -> Vec<Moved> {
    lines.filter_map(|(index, units)| Moved::of(order, index, -units)).collect()
}

/// What a refund moves, seen after it: what came back is on hand again; what was taken off before it left, and does not
/// go back on the shelf, is not.
pub(super) fn refunded(order: &Order, open_before: &[i64], lines: &[(usize, i64, Restock)]) -> Vec<Moved> {
    let units = |index: usize, kind: Restock| -> i64 {
        lines.iter().filter(|(at, _, restock)| *at == index && *restock == kind).map(|(_, units, _)| units).sum()
    };
    let moved = open_before.iter().enumerate().filter_map(|(index, before)| {
        let taken_off = before - order.open_units(index);
        Moved::of(order, index, units(index, Restock::Return) - (taken_off - units(index, Restock::Cancel)))
    });
    moved.collect()
}

/// What is written off with all that has not left.
pub(super) fn written_off(order: &Order) -> Vec<Moved> {
    let open = open_units(order).into_iter().enumerate();
    open.filter_map(|(index, units)| Moved::of(order, index, -units)).collect()
}

impl Inventory {
    pub(super) fn by_sku(&self, sku: &str) -> Option<&Item> {
        self.items.values().find(|item| item.sku == sku)
    }

    /// The item of a SKU, which has the same id in every shop and at any time.
    pub(super) fn of_sku(&mut self, sku: &str) -> &mut Item {
        let known = self.by_sku(sku).map(|item| item.id);
        let mut id = ITEM_IDS + fingerprint(sku) % 1_000_000_000_000;
        while known.is_none() && self.items.contains_key(&id) {
            id += 1;
        }
        let new = || Item { id, sku: sku.to_owned(), tracked: true, levels: BTreeMap::new() };
        self.items.entry(known.unwrap_or(id)).or_insert_with(new)
    }

    fn moves(&mut self, moved: &Moved, now: Timestamp) {
        let of_it = |item: &&mut Item| item.tracked && moved.sku.as_ref() == Some(&item.sku);
        for item in self.items.values_mut().filter_map(|item| Some(item).filter(of_it)) {
            if let Some(level) = item.levels.get_mut(&moved.location).filter(|level| level.stocked) {
                level.on_hand += moved.units;
                level.updated_at = now;
            }
        }
    }
}

/// FNV-1a.
fn fingerprint(text: &str) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325_u64;
    text.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

impl Shop {
    /// Goods come and go. Of SKUs that the shop stocks nowhere nothing is kept.
    pub(super) fn moves(&mut self, moved: &[Moved], now: Timestamp) {
        for moved in moved {
            self.inventory.moves(moved, now);
        }
    }

    /// Units of a SKU at a location that orders wait for.
    pub(super) fn committed(&self, sku: &str, location: &str) -> i64 {
        let of_order = |order: &Order| -> i64 {
            let lines = order.lines.iter().enumerate();
            let ours = lines.filter(|(_, line)| {
                line.requires_shipping && line.sku.as_deref() == Some(sku) && line.location == location
            });
            ours.map(|(index, _)| order.open_units(index)).sum()
        };
        self.orders.values().map(of_order).sum()
    }

    /// What an item's level at a location shows.
    pub(super) fn level(&self, item: &Item, location: &str) -> Option<StockLevel> {
        let on_hand = item.levels.get(location)?.on_hand;
        let committed = self.committed(&item.sku, location);
        Some(StockLevel { on_hand, available: on_hand - committed, committed })
    }

    /// What a person reads at the shop.
    pub(super) fn stock(&self, sku: &str, location: &str) -> Option<StockLevel> {
        let item = self.inventory.by_sku(sku)?;
        item.levels.get(location).filter(|level| level.stocked)?;
        self.level(item, location)
    }

    /// All levels, as tests see them from outside.
    pub(super) fn stock_documents(&self) -> Vec<Value> {
        let levels = self.inventory.items.values().flat_map(|item| item.levels.iter().map(move |it| (item, it)));
        let document = |(item, (location, level)): (&Item, (&String, &Level))| {
            let shown = self.level(item, location)?;
            Some(json!({
                "sku": item.sku, "location": location, "item": item.id.to_string(),
                "item_gid": gid("InventoryItem", item.id), "tracked": item.tracked, "stocked": level.stocked,
                "on_hand": shown.on_hand, "available": shown.available, "committed": shown.committed,
            }))
        };
        levels.filter_map(document).collect()
    }
}
