//! What the ERP is to be told of stock that no order moves: goods that came in, were counted, or went elsewhere.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::canonical::hash_of;
use crate::event::Event;
use crate::ids::{LocationId, Sku};
use crate::inventory::ToPost;

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

/// What an ERP is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Draft {
    /// Goods that came in, were found, lost or written off.
    Stock(StockDraft),
    /// Goods that went from one location to another.
    Transfer(TransferDraft),
}

/// The reference of the document about a fact of stock: the same for ever, whoever posts it.
#[must_use]
pub fn reference(stream: &str, of: u64) -> String {
    let name: String = hash_of(&stream).to_ascii_uppercase().chars().take(16).collect();
    format!("ST-{name}-{of}")
}

impl ToPost<'_> {
    /// What the ERP is to be told of the fact. `header` makes the document's head from when it happened and where it
    /// comes from. Units that only changed their state are no news to an ERP that counts what is there.
    #[must_use]
    #[expect(clippy::wildcard_enum_match_arm, reason = "whatever else there is or will be is no document of stock")]
    pub fn draft(&self, header: impl Fn(Timestamp, &str) -> StockHeader) -> Option<Draft> {
        let told = |location: &LocationId, reason, header, lines: Vec<StockLine>| {
            let lines = lines.into_iter().filter(|line| line.quantity != 0).collect();
            Some(Draft::Stock(StockDraft { header, location: location.clone(), reason, lines }))
        };
        let line = |sku: &Sku, quantity: i64| StockLine { sku: sku.clone(), quantity };
        match self.fact {
            Event::StockReceived(receipt) => {
                let lines = receipt.lines.iter().map(|told| line(&told.sku, i64::from(told.quantity))).collect();
                told(&receipt.location, StockReason::Receipt, header(self.at, &receipt.receipt_id), lines)
            }
            Event::StockCounted(count) => {
                let lines = count.lines.iter().map(|told| line(&told.sku, told.difference)).collect();
                told(&count.location, StockReason::Count, header(count.counted_at, &count.count_id), lines)
            }
            Event::StockAdjusted(adjustment) => {
                let lines = adjustment.lines.iter().map(|told| line(&told.sku, told.on_hand)).collect();
                let header = header(adjustment.adjusted_at, &adjustment.adjustment_id);
                told(&adjustment.location, StockReason::Adjustment, header, lines)
            }
            Event::StockTransferred(transfer) => Some(Draft::Transfer(TransferDraft {
                header: header(transfer.moved_at, &transfer.transfer_id),
                from: transfer.from.clone(),
                to: transfer.to.clone(),
                lines: transfer.lines.iter().map(|told| line(&told.sku, i64::from(told.quantity))).collect(),
            })),
            _ => None,
        }
    }
}
