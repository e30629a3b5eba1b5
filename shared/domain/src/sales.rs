//! What a storefront's own sales ledger says has become of an order: edits, cancellation, refunds and returns, each
//! with the identity that it has there. Read as a whole, so that it does not matter which message said that there is
//! something new, or in which order messages came.

use jiff::Timestamp;

use crate::canonical::{Line, TaxLine};
use crate::money::Minor;

/// Everything that was agreed on an order since it was placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalesReport {
    /// When the storefront last changed the order.
    pub version: Timestamp,
    /// Whether, and since when, the whole order is cancelled there.
    pub cancelled: Option<ToldCancellation>,
    /// Units that are still on the order, by the storefront's identity of the line: ordered, less removed, less
    /// refunded.
    pub current: Vec<(String, u32)>,
    /// Edits, oldest first.
    pub edits: Vec<ToldEdit>,
    /// Refunds, oldest first.
    pub refunds: Vec<ToldRefund>,
    /// Returns, oldest first.
    pub returns: Vec<ToldReturn>,
}

/// A cancellation at the storefront.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldCancellation {
    /// When.
    pub at: Timestamp,
    /// The storefront's word for the reason, in lower case: `customer`, `inventory`, `fraud`, `declined`, `staff`,
    /// `other`.
    pub reason: String,
}

/// One edit of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldEdit {
    /// Its identity at the storefront.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// Units that were added, with their price and tax; a line that was there before keeps its identity.
    pub added: Vec<Line>,
    /// Units that were taken off, by line identity.
    pub removed: Vec<(String, u32)>,
    /// What the edit changed beside units (a discount, shipping), in the storefront's words; empty when nothing.
    pub other: Vec<String>,
}

/// What becomes of refunded units, as the storefront was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restock {
    /// They had not left and are taken off the order.
    Cancel,
    /// They come back, or came back.
    Return,
    /// Nothing is said of the goods.
    Nothing,
}

/// One refund, with its amounts from the sales ledger. All amounts are what the buyer gets: positive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldRefund {
    /// Its identity at the storefront.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// Our reference, where it is a refund of ours.
    pub reference: Option<String>,
    /// The storefront's return that it settles.
    pub return_id: Option<String>,
    /// Refunded units with their amounts.
    pub lines: Vec<ToldRefundLine>,
    /// Refunded shipping without tax.
    pub shipping: Minor,
    /// Taxes of refunded shipping.
    pub shipping_taxes: Vec<TaxLine>,
    /// What else was given back (or, below zero, kept back): goodwill, fees, differences. Carries no tax.
    pub adjustment: Minor,
    /// The money.
    pub tenders: Vec<RefundTender>,
}

/// Refunded units of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldRefundLine {
    /// The storefront's identity of the line.
    pub line_id: String,
    /// Units.
    pub quantity: u32,
    /// What becomes of them.
    pub restock: Restock,
    /// Amount without tax.
    pub net: Minor,
    /// Its taxes.
    pub taxes: Vec<TaxLine>,
}

/// Whether a refund's money has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    /// It has.
    Succeeded,
    /// Under way.
    Pending,
    /// It has not, and will not.
    Failed,
}

/// One payment back to the buyer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RefundTender {
    /// Its identity at the storefront.
    pub id: String,
    /// Through whom; names the clearing (or, for gift cards and store credit, the liability) account.
    pub gateway: String,
    /// How much, in the order's currency.
    pub amount: Minor,
    /// Whether it has gone.
    pub status: RefundStatus,
}

/// How far a return at the storefront has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToldReturnStatus {
    /// The buyer asks for it; nobody has agreed.
    Requested,
    /// Agreed, under way.
    Open,
    /// Settled.
    Closed,
    /// Refused.
    Declined,
    /// Called off.
    Cancelled,
}

/// One return at the storefront.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldReturn {
    /// Its identity there.
    pub id: String,
    /// How far it has got.
    pub status: ToldReturnStatus,
    /// Line identity, units, and the storefront's word for the reason in lower case.
    pub lines: Vec<(String, u32, String)>,
    /// Units that the buyer gets instead, with price and tax.
    pub exchange: Vec<Line>,
}
