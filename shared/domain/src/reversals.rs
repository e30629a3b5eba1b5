//! What has been taken back of an order: the facts and the state that is their fold. What follows from them is in
//! [`crate::cancel`], [`crate::returns`] and [`crate::refund`].

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::canonical::{Line, TaxLine};
use crate::disputes::{Dispute, DisputeEnd};
use crate::event::{Document, Event, LineQuantity};
use crate::ids::{CountryCode, LocationId, Sku};
use crate::money::Minor;
use crate::order::At;
use crate::payouts::Payout;
use crate::sales::{RefundStatus, RefundTender};

/// Who wants units not to be delivered, which decides who pays the money back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelledBy {
    /// The storefront: it refunds, or does not.
    Storefront,
    /// A caller of our API: we refund.
    Api,
    /// The 3PL, which cannot or will not ship: we refund.
    Fulfillment,
}

impl CancelledBy {
    /// Whether the money is ours to pay back.
    #[must_use]
    pub const fn refunded_by_us(self) -> bool {
        matches!(self, Self::Api | Self::Fulfillment)
    }
}

/// Units that are not to be delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancellation {
    /// From 1, per order.
    pub number: u32,
    /// Who wants it.
    pub by: CancelledBy,
    /// Why: `customer`, `inventory`, `fraud`, `declined`, `staff`, `edit`, `refund` or `other`.
    pub reason: String,
    /// What.
    pub lines: Vec<LineQuantity>,
    /// Hash of the request that brought it through our API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_hash: Option<String>,
}

/// The 3PL's word on stopping an allocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// Number of the allocation.
    pub number: u32,
    /// Units that will not leave; their stock is free again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stopped: Vec<LineQuantity>,
    /// Units that leave although they were cancelled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub too_late: Vec<LineQuantity>,
    /// Whether this is the answer to our own request: then it is not asked again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub answered: bool,
}

/// Units that were added to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// The storefront's identity of the change.
    pub id: String,
    /// Added lines; their position follows the lines that were there.
    pub lines: Vec<Line>,
}

/// A change that came too late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedChange {
    /// The storefront's identity of the change, or `address:<version of the order>`.
    pub id: String,
    /// What it was and why it is not followed, without personal data.
    pub reason: String,
    /// Added lines that somebody may still accept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Line>,
}

/// What is done about units that come back, or that never arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// The goods come back, the money goes back.
    Refund,
    /// The buyer keeps the goods, or they are lost; the money goes back.
    Keep,
    /// Others leave, at no price.
    Reship,
    /// Somebody has to say.
    Undecided,
}

/// Where a return came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum ReturnSource {
    /// A caller of our API.
    Api,
    /// A return at the storefront, by its identity there.
    Storefront(String),
    /// A refund at the storefront that expects the goods back, by its identity there.
    Refund(String),
    /// A cancellation that came too late.
    Cancellation,
    /// Goods that came unannounced.
    Receipt,
}

/// Units of one line that come back, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnLine {
    /// Position of the line in the order, from 0.
    pub line: usize,
    /// Units.
    pub quantity: u32,
    /// Why.
    pub reason: String,
}

/// A return.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Return {
    /// From 1, per order.
    pub number: u32,
    /// Where it came from.
    pub source: ReturnSource,
    /// What.
    pub lines: Vec<ReturnLine>,
    /// What is done about it.
    pub resolution: Resolution,
    /// Whether goods are expected.
    pub expects_goods: bool,
    /// Why somebody has to approve it first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
    /// Hash of the request that brought it through our API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_hash: Option<String>,
}

/// What becomes of units that came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// Sellable again.
    Restock,
    /// There, but not sellable: to be looked at, repaired, or sent back to the buyer.
    Quarantine,
    /// Thrown away.
    Scrap,
}

/// Units that came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptLine {
    /// Position of the order line, from 0; absent for what does not belong to the order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The SKU as found.
    pub sku: Sku,
    /// Units.
    pub quantity: u32,
    /// What becomes of them.
    pub disposition: Disposition,
}

/// Goods that came back and were looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// From 1, per order.
    pub number: u32,
    /// Number of the return that they came under.
    #[serde(rename = "return", default, skip_serializing_if = "Option::is_none")]
    pub of_return: Option<u32>,
    /// The 3PL's identity of the return.
    pub id: String,
    /// Where.
    pub location: LocationId,
    /// What.
    pub lines: Vec<ReceiptLine>,
    /// Whether nothing more of it will come.
    pub completed: bool,
    /// When: the posting date of the item receipt.
    pub received_at: Timestamp,
}

/// What refunded units are, for the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goods {
    /// They were never invoiced: the deposit pays.
    Cancelled,
    /// They come back: a credit memo for the return authorization pays.
    Returned,
    /// They stay where they are: a credit memo that moves no stock pays.
    Kept,
}

/// Refunded units of one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundLine {
    /// Position of the line in the order, from 0.
    pub line: usize,
    /// Units.
    pub quantity: u32,
    /// What they are.
    pub goods: Goods,
    /// Amount without tax.
    pub net: Minor,
    /// Its taxes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taxes: Vec<TaxLine>,
}

/// Why the buyer gets money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundOrigin {
    /// Units were cancelled.
    Cancellation,
    /// Units came back, or are lost or kept.
    Return,
    /// Units were refunded as cancelled and left all the same: credit against their invoice, no money.
    Overtaken,
    /// Somebody at the storefront decided so.
    Storefront,
}

/// Money, or credit, for the buyer. All amounts are what the buyer gets: positive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// From 1, per order.
    pub number: u32,
    /// Why.
    pub origin: RefundOrigin,
    /// Number of the return that it settles.
    #[serde(rename = "return", default, skip_serializing_if = "Option::is_none")]
    pub of_return: Option<u32>,
    /// Refunded units.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<RefundLine>,
    /// Refunded shipping without tax.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub shipping: Minor,
    /// Its taxes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shipping_taxes: Vec<TaxLine>,
    /// Whether that shipping was never invoiced.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shipping_unbilled: bool,
    /// What the order does not cost any more since units were taken off it, where no refund names them: the deposit pays.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub overpaid: Minor,
    /// Goodwill and differences; below zero, a fee that is kept back. Without tax.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub adjustment: Minor,
    /// The sum of it all.
    pub total: Minor,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
fn is_zero(amount: &Minor) -> bool {
    *amount == Minor::ZERO
}

/// A refund as the storefront has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedRefund {
    /// Its identity there.
    pub id: String,
    /// When: the posting date of its documents.
    pub at: Timestamp,
    /// Payments back to the buyer; none where all of it is credit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tenders: Vec<RefundTender>,
}

impl IssuedRefund {
    /// What has become of it: failed if any payment failed, pending while any is under way.
    #[must_use]
    pub fn status(&self) -> RefundStatus {
        let any = |status| self.tenders.iter().any(|tender| tender.status == status);
        if any(RefundStatus::Failed) {
            RefundStatus::Failed
        } else if any(RefundStatus::Pending) {
            RefundStatus::Pending
        } else {
            RefundStatus::Succeeded
        }
    }
}

/// A part of a credit memo that settles a part of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditApplication {
    /// From 1, per order.
    pub number: u32,
    /// Number of the refund whose credit memo it is.
    pub refund: u32,
    /// Number of the shipment whose invoice is settled.
    pub shipment: u32,
    /// How much.
    pub amount: Minor,
    /// The ERP's document.
    pub document: Document,
}

/// Who receives the parcels since the storefront has changed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedRecipient {
    /// Under which name the people table keeps the recipient.
    pub name: String,
    /// In which country.
    pub country: Option<CountryCode>,
    /// When the storefront changed it.
    pub source_version: Timestamp,
    /// The storefront's own address, where this one is a correction of it.
    pub corrects: Option<String>,
}

/// What has been taken back of an order, as its facts tell it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reversals {
    /// Cancellations, by number.
    pub cancellations: BTreeMap<u32, At<Cancellation>>,
    /// What the 3PL has stopped, by allocation, in the order in which it said so.
    pub stops: BTreeMap<u32, Vec<Stop>>,
    /// The storefront's order, once it shows as cancelled by our doing.
    pub storefront_cancelled: Option<At<Document>>,
    /// Edits that were taken over, in order.
    pub edits: Vec<At<Edit>>,
    /// Changes that came too late, and still wait for somebody.
    pub refused_changes: BTreeMap<String, At<RefusedChange>>,
    /// The newest recipient, where it is not the first.
    pub recipient: Option<ChangedRecipient>,
    /// Everything that the storefront said has changed.
    pub changes: BTreeSet<String>,
    /// When it last said so.
    pub changed_at: Option<Timestamp>,
    /// How many of the changes were read from its sales ledger.
    pub read: u32,
    /// Returns, by number.
    pub returns: BTreeMap<u32, At<Return>>,
    /// Since when each is authorized.
    pub authorized: BTreeMap<u32, Timestamp>,
    /// Returns that are over, and why.
    pub closed: BTreeMap<u32, String>,
    /// Returns that the 3PL expects.
    pub announced: BTreeMap<u32, At<Document>>,
    /// Receipts of returned goods, by number.
    pub receipts: BTreeMap<u32, At<Receipt>>,
    /// Refunds, by number.
    pub refunds: BTreeMap<u32, At<Refund>>,
    /// Refunds that the storefront has, by number.
    pub issued: BTreeMap<u32, At<IssuedRefund>>,
    /// Everything that the storefront has called a refund, by its identity there, failed ones too.
    pub told_refunds: BTreeSet<String>,
    /// Out of what each refund that the storefront has is paid, by number.
    pub payouts: BTreeMap<u32, Payout>,
    /// Refunds that are not made after all.
    pub withdrawn: BTreeSet<u32>,
    /// Which state of the order the ERP's sales order reads as.
    pub amended: u32,
    /// Return authorizations, by return.
    pub return_authorizations: BTreeMap<u32, At<Document>>,
    /// Item receipts, by receipt.
    pub item_receipts: BTreeMap<u32, At<Document>>,
    /// Inventory adjustments, by receipt.
    pub adjustments: BTreeMap<u32, At<Document>>,
    /// Credit memos, by refund.
    pub credit_memos: BTreeMap<u32, At<Document>>,
    /// Customer refunds, by number of the posting.
    pub customer_refunds: BTreeMap<u32, At<Document>>,
    /// Credit set against invoices, by number.
    pub credit_applications: BTreeMap<u32, At<CreditApplication>>,
    /// Disputes, by number.
    pub disputes: BTreeMap<u32, At<Dispute>>,
    /// Their ends, by number of the dispute.
    pub dispute_ends: BTreeMap<u32, At<DisputeEnd>>,
    /// Journal entries of what disputes withhold, by dispute.
    pub dispute_journals: BTreeMap<u32, At<Document>>,
    /// Journal entries of their ends, by dispute.
    pub dispute_settlements: BTreeMap<u32, At<Document>>,
}

impl Reversals {
    /// Adds one fact; those that are about something else change nothing.
    pub(crate) fn evolve(&mut self, event: &Event, at: Timestamp) {
        self.evolve_changes(event, at);
        self.evolve_returns(event, at);
        self.evolve_refunds(event, at);
        self.evolve_postings(event, at);
        self.evolve_disputes(event, at);
    }

    fn evolve_disputes(&mut self, event: &Event, at: Timestamp) {
        if let Event::DisputeOpened(fact) = event {
            self.disputes.insert(fact.number, At { fact: fact.clone(), at });
        } else if let Event::DisputeClosed(fact) = event {
            self.dispute_ends.insert(fact.number, At { fact: fact.clone(), at });
        } else if let Event::DisputePosted { number, document } = event {
            self.dispute_journals.insert(*number, At { fact: document.clone(), at });
        } else if let Event::DisputeSettled { number, document } = event {
            self.dispute_settlements.insert(*number, At { fact: document.clone(), at });
        }
    }

    fn evolve_changes(&mut self, event: &Event, at: Timestamp) {
        if let Event::OrderCancelled(fact) = event {
            self.cancellations.insert(fact.number, At { fact: fact.clone(), at });
        } else if let Event::FulfillmentStopped(fact) = event {
            self.stops.entry(fact.number).or_default().push(fact.clone());
        } else if let Event::StorefrontCancelled { document } = event {
            self.storefront_cancelled = Some(At { fact: document.clone(), at });
        } else if let Event::OrderEdited(fact) = event {
            self.refused_changes.remove(&fact.id);
            if !self.edits.iter().any(|known| known.fact.id == fact.id) {
                self.edits.push(At { fact: fact.clone(), at });
            }
        } else if let Event::ChangeRefused(fact) = event {
            self.refused_changes.insert(fact.id.clone(), At { fact: fact.clone(), at });
        } else if let Event::RecipientChanged { recipient, country, source_version, corrects } = event {
            if self.recipient.as_ref().is_none_or(|known| known.source_version <= *source_version) {
                let (name, country, corrects) = (recipient.clone(), country.clone(), corrects.clone());
                self.recipient = Some(ChangedRecipient { name, country, source_version: *source_version, corrects });
            }
        } else if let Event::StorefrontChanged { what } = event {
            self.changes.insert(what.clone());
            self.changed_at = Some(at);
        } else if let Event::SalesRead { changes } = event {
            self.read = self.read.max(*changes);
        }
    }

    fn evolve_returns(&mut self, event: &Event, at: Timestamp) {
        if let Event::ReturnRequested(fact) = event {
            self.returns.insert(fact.number, At { fact: fact.clone(), at });
        } else if let Event::ReturnAuthorized { number } = event {
            self.authorized.entry(*number).or_insert(at);
        } else if let Event::ReturnClosed { number, reason } = event {
            self.closed.entry(*number).or_insert_with(|| reason.clone());
        } else if let Event::ReturnResolved { number, resolution, .. } = event {
            if let Some(known) = self.returns.get_mut(number) {
                known.fact.resolution = *resolution;
            }
        } else if let Event::ReturnAnnounced { number, document } = event {
            self.announced.insert(*number, At { fact: document.clone(), at });
        } else if let Event::ReturnReceived(fact) = event {
            self.receipts.insert(fact.number, At { fact: fact.clone(), at });
        }
    }

    fn evolve_refunds(&mut self, event: &Event, at: Timestamp) {
        if let Event::RefundDecided(fact) = event {
            self.refunds.insert(fact.number, At { fact: fact.clone(), at });
        } else if let Event::RefundIssued { number, issued } = event {
            self.told_refunds.insert(issued.id.clone());
            self.issued.insert(*number, At { fact: issued.clone(), at });
        } else if let Event::RefundRecorded { refund, issued } = event {
            self.told_refunds.insert(issued.id.clone());
            self.refunds.insert(refund.number, At { fact: refund.clone(), at });
            self.issued.insert(refund.number, At { fact: issued.clone(), at });
        } else if let Event::RefundWithdrawn { number, .. } = event {
            self.withdrawn.insert(*number);
        }
    }

    fn evolve_postings(&mut self, event: &Event, at: Timestamp) {
        let put = |into: &mut BTreeMap<u32, At<Document>>, number: u32, document: &Document| {
            into.insert(number, At { fact: document.clone(), at });
        };
        if let Event::SalesOrderAmended { revision, .. } = event {
            self.amended = self.amended.max(*revision);
        } else if let Event::ReturnAuthorizationPosted { number, document } = event {
            put(&mut self.return_authorizations, *number, document);
        } else if let Event::ItemReceiptPosted { receipt, document } = event {
            put(&mut self.item_receipts, *receipt, document);
        } else if let Event::AdjustmentPosted { receipt, document } = event {
            put(&mut self.adjustments, *receipt, document);
        } else if let Event::CreditMemoPosted { refund, document } = event {
            put(&mut self.credit_memos, *refund, document);
        } else if let Event::CustomerRefundPosted { number, document } = event {
            put(&mut self.customer_refunds, *number, document);
        } else if let Event::CreditApplied(fact) = event {
            self.credit_applications.insert(fact.number, At { fact: fact.clone(), at });
        }
    }
}

/// The number after the last one that was given.
pub(crate) fn next<T>(of: &BTreeMap<u32, T>) -> u32 {
    of.keys().max().map_or(1, |last| last + 1)
}
