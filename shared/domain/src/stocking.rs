//! What the ERP is to be told of stock that no order moves: goods that came in, were counted, or went elsewhere.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::ids::{LocationId, Sku};

/// What every such document carries. It belongs to no order and has no amount, so that it has no customer, no
/// currency and no tolerance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockHeader {
    /// Our reference, at most 35 characters of `A-Z0-9-`.
    pub reference: String,
    /// Date of the event in the legal entity's time zone.
    pub posting_date: Date,
    /// The document or event that it comes from, for people: a receipt's number, the day of a count.
    pub source: String,
}

/// Why stock changes without an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StockReason {
    /// Goods came in.
    Receipt,
    /// Somebody counted.
    Count,
    /// Goods were found, lost or written off.
    Adjustment,
}

impl StockReason {
    /// Its word in memos and settings: `receipt`, `count`, `adjustment`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::Count => "count",
            Self::Adjustment => "adjustment",
        }
    }
}

/// Units of one SKU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockLine {
    /// The SKU.
    pub sku: Sku,
    /// Units; where a draft allows it, below zero for fewer than before.
    pub quantity: i64,
}

/// Goods that came in, were found, lost or written off: units may be below zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockDraft {
    /// Reference, date, source.
    pub header: StockHeader,
    /// Where.
    pub location: LocationId,
    /// Why.
    pub reason: StockReason,
    /// What.
    pub lines: Vec<StockLine>,
}

/// Goods that went from one location to another: units are above zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferDraft {
    /// Reference, date, source.
    pub header: StockHeader,
    /// Where from.
    pub from: LocationId,
    /// Where to.
    pub to: LocationId,
    /// What.
    pub lines: Vec<StockLine>,
}
