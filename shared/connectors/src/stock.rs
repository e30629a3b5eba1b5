//! Stock at a storefront: what it is to show, what it shows, and what became of an instruction.

use crossdock_domain::Sku;
use crossdock_domain::ids::LocationId;

/// The most units that a storefront can be told of; no storefront shows more.
pub const MOST_UNITS: i64 = 1_000_000_000;

/// What a storefront is to show as on hand of one SKU at one location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockTarget {
    /// Which goods.
    pub sku: Sku,
    /// The item's identity at the storefront, where it is known; else the item is looked for by its SKU.
    pub item: Option<String>,
    /// Where.
    pub location: LocationId,
    /// Units, from 0 to [`MOST_UNITS`]; the storefront subtracts what its own orders wait for.
    pub on_hand: i64,
    /// What the caller believes that the storefront shows as on hand now: it is changed only from that.
    pub change_from: i64,
}

/// What a storefront shows of one SKU at one location, in units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownStock {
    /// Which goods.
    pub sku: Sku,
    /// Where.
    pub location: LocationId,
    /// All that is there.
    pub on_hand: i64,
    /// What can still be bought; below zero what was sold beyond what is there.
    pub available: i64,
    /// What the storefront's own orders wait for.
    pub committed: i64,
}

/// What became of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// The storefront has taken it, now or when the same was asked under the same key before.
    Set,
    /// The storefront showed something else than `change_from`; nothing was changed.
    Stale {
        /// What it shows as on hand now, where it can still be read. What was asked for itself: an earlier call of ours
        /// whose answer was lost, as a rule.
        actual: Option<i64>,
    },
    /// The storefront has no such item, does not track it or does not stock it there; nothing was changed.
    Unknown {
        /// What is to be put right, and where.
        reason: String,
    },
}
