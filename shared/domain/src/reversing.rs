//! Drafts of the ERP documents that undo or change a sale. All computed from the order alone, exact to the minor unit.

use crate::event::Disposition;
use crate::ids::{LocationId, Sku};
use crate::money::Minor;
use crate::posting::{Header, PostingLine, PostingTax};

/// A sales order as it should read now; replaces quantities and amounts of what is there. The header's reference is
/// the sales order's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmendmentDraft {
    /// Reference, date and currency of the sales order.
    pub header: Header,
    /// Every line of goods that still stands or ever stood, each with the units and amounts that are left of it. A
    /// line of which nothing is left keeps the units it had and is closed.
    pub lines: Vec<AmendedLine>,
}

/// One line of an amended sales order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmendedLine {
    /// The line as it should read.
    pub line: PostingLine,
    /// Whether nothing more of it will be shipped.
    pub closed: bool,
}

/// A return authorization: what of a sales order may come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnDraft {
    /// Reference, date, currency.
    pub header: Header,
    /// Order lines and units.
    pub lines: Vec<PostingLine>,
}

/// An item receipt: what of a return authorization came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptDraft {
    /// Reference, date, currency.
    pub header: Header,
    /// Where.
    pub location: LocationId,
    /// Order line, units, and what becomes of them.
    pub lines: Vec<(usize, u32, Disposition)>,
}

/// An inventory adjustment: goods that no document announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdjustmentDraft {
    /// Reference, date, currency.
    pub header: Header,
    /// Where.
    pub location: LocationId,
    /// SKU, units (positive: more than before) and what becomes of them.
    pub lines: Vec<(Sku, u32, Disposition)>,
}

/// What a credit gives back beside returned goods. None of it moves stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CreditKind {
    /// Goods that the buyer keeps, or that are lost.
    Kept,
    /// Shipping.
    Shipping,
    /// Goodwill and differences; below zero, a restocking fee.
    Adjustment,
}

/// One line of a credit memo that moves no stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditLine {
    /// What for.
    pub kind: CreditKind,
    /// Amount without tax; below zero for a fee.
    pub net: Minor,
    /// Its taxes.
    pub taxes: Vec<PostingTax>,
}

/// A credit memo. Stock comes back by item receipt, never by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditDraft {
    /// Reference, date, currency.
    pub header: Header,
    /// Goods of a return authorization; empty where nothing comes back.
    pub goods: Vec<PostingLine>,
    /// Everything else, numbered after the goods in this order.
    pub others: Vec<CreditLine>,
    /// What it must come to.
    pub total: Minor,
}

/// Where the money of a customer refund comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundSource {
    /// A deposit of which a part was never invoiced: its identity in the ERP.
    Deposit(String),
    /// A credit memo: its identity in the ERP.
    CreditMemo(String),
}

/// A customer refund: money that went back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundDraft {
    /// Reference, date, currency.
    pub header: Header,
    /// Through whom it went; names the clearing or liability account.
    pub gateway: String,
    /// How much.
    pub amount: Minor,
    /// What it settles.
    pub source: RefundSource,
}

/// A part of a credit memo that settles an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditApplicationDraft {
    /// Reference (the credit memo's), date, currency.
    pub header: Header,
    /// The credit memo's identity in the ERP.
    pub credit_memo: String,
    /// The invoice's identity in the ERP.
    pub invoice: String,
    /// How much of the credit memo this invoice gets in all.
    pub amount: Minor,
}

/// A side of a journal entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalAccount {
    /// The clearing account of a gateway.
    Gateway(String),
    /// Money withheld by a chargeback.
    Disputes,
    /// Money lost by a chargeback.
    DisputeLosses,
}

/// A journal entry of one amount from one account to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalDraft {
    /// Reference, date, currency.
    pub header: Header,
    /// The account that gains.
    pub debit: JournalAccount,
    /// The account that loses.
    pub credit: JournalAccount,
    /// How much.
    pub amount: Minor,
}
