//! The facts of an order. A fact is never edited and never taken back; its type name carries its version.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::canonical::{CanonicalOrder, Tender};
use crate::catalogue::{ItemKept, ItemRefused};
use crate::disputes::{Dispute, DisputeEnd};
use crate::drift::{DriftDetected, DriftEnded};
use crate::exception::Handled;
use crate::hold::{HeldUnits, StockHold};
use crate::ids::{ConnectionId, CountryCode, LocationId, OrderId, ReferencePrefix, Sku};
use crate::inventory::{
    ReconciliationFinished, ReconciliationRequested, StockAdjustment, StockCount, StockParked, StockPosted,
    StockTransfer,
};
use crate::item::{Item, Movement, StockMove};
use crate::kit::Kits;
use crate::money::Minor;
use crate::outstanding::TaskId;
pub use crate::reversals::{
    Cancellation, CancelledBy, CreditApplication, Disposition, Edit, IssuedRefund, Receipt,
    ReceiptLine as ReturnedLine, Refund, RefusedChange, Resolution, Return, Stop,
};
use crate::settings::{ReturnPolicy, Routes};

/// Something that has happened to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum Event {
    /// The order is ours to fulfil.
    #[serde(rename = "OrderAccepted.v1")]
    OrderAccepted(Box<Accepted>),
    /// A caller of our API was told no. Another key may bring the order again.
    #[serde(rename = "OrderRefused.v1")]
    OrderRefused(Refused),
    /// The order waits for somebody; it may not even have been understood yet.
    #[serde(rename = "OrderHeld.v1")]
    OrderHeld {
        /// Why.
        holds: Vec<Hold>,
    },
    /// Holds were lifted.
    #[serde(rename = "OrderReleased.v1")]
    OrderReleased {
        /// Which.
        codes: Vec<HoldCode>,
    },
    /// Money arrived after acceptance.
    #[serde(rename = "TenderCaptured.v1")]
    TenderCaptured {
        /// Number of the tender within the order, from 1: its place among those of the order as accepted, or the
        /// next one after all that are known. It names the deposit, so it never changes.
        number: u32,
        /// The payment.
        tender: Tender,
    },
    /// Stock was reserved at one location, in the same transaction.
    #[serde(rename = "OrderAllocated.v1")]
    OrderAllocated(Allocation),
    /// The 3PL has our order.
    #[serde(rename = "FulfillmentRequested.v1")]
    FulfillmentRequested {
        /// Number of the allocation that it fulfils.
        number: u32,
        /// The 3PL's document.
        document: Document,
    },
    /// Parcels left.
    #[serde(rename = "ShipmentRecorded.v1")]
    ShipmentRecorded(Shipment),
    /// The ERP has the sales order.
    #[serde(rename = "SalesOrderPosted.v1")]
    SalesOrderPosted {
        /// The sales order.
        document: Document,
    },
    /// The ERP has the customer deposit of one tender.
    #[serde(rename = "DepositPosted.v1")]
    DepositPosted {
        /// Which tender.
        tender: String,
        /// The deposit.
        document: Document,
    },
    /// The ERP has the item fulfilment of one shipment.
    #[serde(rename = "ItemFulfillmentPosted.v1")]
    ItemFulfillmentPosted {
        /// Number of the shipment.
        shipment: u32,
        /// The item fulfilment.
        document: Document,
    },
    /// The ERP has the invoice of one shipment.
    #[serde(rename = "InvoicePosted.v1")]
    InvoicePosted {
        /// Number of the shipment.
        shipment: u32,
        /// The invoice.
        document: Document,
    },
    /// A deposit was applied to an invoice.
    #[serde(rename = "DepositApplied.v1")]
    DepositApplied(Application),
    /// The storefront was told of a shipment.
    #[serde(rename = "ShipmentAnnounced.v1")]
    ShipmentAnnounced {
        /// Number of the shipment.
        shipment: u32,
        /// The storefront's fulfilment.
        document: Document,
    },
    /// Somebody is about to make an outside call that must not be made twice.
    #[serde(rename = "TaskClaimed.v1")]
    TaskClaimed {
        /// The task.
        task: TaskId,
        /// Which try, from 1.
        attempt: u32,
        /// Until when nobody else may try.
        until: Timestamp,
    },
    /// A task was given up for now.
    #[serde(rename = "TaskParked.v1")]
    TaskParked(Parked),
    /// A parked task is taken up again.
    #[serde(rename = "TaskReleased.v1")]
    TaskReleased {
        /// The task.
        task: TaskId,
    },
    /// A task was not done in time and was triggered again.
    #[serde(rename = "TaskOverdue.v1")]
    TaskOverdue {
        /// The task.
        task: TaskId,
    },
    /// Units will not be delivered: a fact, whatever becomes of it. What has to be undone, `outstanding` says.
    #[serde(rename = "OrderCancelled.v1")]
    OrderCancelled(Cancellation),
    /// The 3PL has stopped an allocation, or a part of it, or has said that it is too late.
    #[serde(rename = "FulfillmentStopped.v1")]
    FulfillmentStopped(Stop),
    /// The storefront shows the order as cancelled, by our doing.
    #[serde(rename = "StorefrontCancelled.v1")]
    StorefrontCancelled {
        /// The storefront's order.
        document: Document,
    },
    /// Units were added to the order after it was placed.
    #[serde(rename = "OrderEdited.v1")]
    OrderEdited(Edit),
    /// Something that the storefront has changed, and that comes too late to be followed; somebody has to see it.
    #[serde(rename = "ChangeRefused.v1")]
    ChangeRefused(RefusedChange),
    /// The parcels go to another address; applies to whatever was not handed to the 3PL yet.
    #[serde(rename = "RecipientChanged.v1")]
    RecipientChanged {
        /// Under which name the people table keeps the recipient.
        recipient: String,
        /// In which country they go; absent where the address names none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        country: Option<CountryCode>,
        /// When the storefront changed it.
        source_version: Timestamp,
        /// Under which name the storefront's own address is kept, where somebody has corrected it here: the storefront
        /// goes on telling that one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        corrects: Option<String>,
    },
    /// The storefront has changed something; what, its sales ledger says.
    #[serde(rename = "StorefrontChanged.v1")]
    StorefrontChanged {
        /// What, by its identity there.
        what: String,
    },
    /// The storefront's sales ledger was read, and what it says is recorded.
    #[serde(rename = "SalesRead.v1")]
    SalesRead {
        /// How many changes were known when it was read.
        changes: u32,
    },
    /// Somebody wants to give goods back, or to be helped about them.
    #[serde(rename = "ReturnRequested.v1")]
    ReturnRequested(Return),
    /// The goods may come back.
    #[serde(rename = "ReturnAuthorized.v1")]
    ReturnAuthorized {
        /// Number of the return.
        number: u32,
    },
    /// A return comes to nothing: declined, called off, or over.
    #[serde(rename = "ReturnClosed.v1")]
    ReturnClosed {
        /// Number of the return.
        number: u32,
        /// Why.
        reason: String,
    },
    /// What is done about a return that nobody had asked for.
    #[serde(rename = "ReturnResolved.v1")]
    ReturnResolved {
        /// Number of the return.
        number: u32,
        /// What.
        resolution: Resolution,
        /// The hash of the request that asked for it; absent where somebody has said so by a retry.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request_hash: Option<String>,
    },
    /// The 3PL expects the goods.
    #[serde(rename = "ReturnAnnounced.v1")]
    ReturnAnnounced {
        /// Number of the return.
        number: u32,
        /// The 3PL's document.
        document: Document,
    },
    /// Goods came back and were looked at.
    #[serde(rename = "ReturnReceived.v1")]
    ReturnReceived(Receipt),
    /// The buyer gets money, or credit: decided by the order's own rules.
    #[serde(rename = "RefundDecided.v1")]
    RefundDecided(Refund),
    /// The storefront has our refund, or says how its payments went.
    #[serde(rename = "RefundIssued.v1")]
    RefundIssued {
        /// Number of the refund.
        number: u32,
        /// What was paid.
        issued: IssuedRefund,
    },
    /// Somebody has paid money back without us: it is recorded as it is, whatever our rules say.
    #[serde(rename = "RefundRecorded.v1")]
    RefundRecorded {
        /// What for.
        refund: Refund,
        /// What was paid.
        issued: IssuedRefund,
    },
    /// A refund of ours is not made after all: others have paid it.
    #[serde(rename = "RefundWithdrawn.v1")]
    RefundWithdrawn {
        /// Number of the refund.
        number: u32,
        /// Why.
        reason: String,
    },
    /// The ERP's sales order reads as the order does now.
    #[serde(rename = "SalesOrderAmended.v1")]
    SalesOrderAmended {
        /// Which state of the order it reads as.
        revision: u32,
        /// The sales order.
        document: Document,
    },
    /// The ERP has the return authorization of a return.
    #[serde(rename = "ReturnAuthorizationPosted.v1")]
    ReturnAuthorizationPosted {
        /// Number of the return.
        number: u32,
        /// The return authorization.
        document: Document,
    },
    /// The ERP has the item receipt of what came back.
    #[serde(rename = "ItemReceiptPosted.v1")]
    ItemReceiptPosted {
        /// Number of the receipt.
        receipt: u32,
        /// The item receipt.
        document: Document,
    },
    /// The ERP has the inventory adjustment of what came back and belongs to no line of the order.
    #[serde(rename = "AdjustmentPosted.v1")]
    AdjustmentPosted {
        /// Number of the receipt.
        receipt: u32,
        /// The adjustment.
        document: Document,
    },
    /// The ERP has the credit memo of a refund.
    #[serde(rename = "CreditMemoPosted.v1")]
    CreditMemoPosted {
        /// Number of the refund.
        refund: u32,
        /// The credit memo.
        document: Document,
    },
    /// The ERP has the customer refund of one payment back.
    #[serde(rename = "CustomerRefundPosted.v1")]
    CustomerRefundPosted {
        /// Number of the posting: the refund's number times a hundred, and its place among the refund's postings.
        number: u32,
        /// The customer refund.
        document: Document,
    },
    /// An invoice was settled by a credit memo.
    #[serde(rename = "CreditApplied.v1")]
    CreditApplied(CreditApplication),
    /// The buyer disputes a payment: its money is withheld.
    #[serde(rename = "DisputeOpened.v1")]
    DisputeOpened(Dispute),
    /// A dispute has ended.
    #[serde(rename = "DisputeClosed.v1")]
    DisputeClosed(DisputeEnd),
    /// The ERP has the journal entry of the money that a dispute withholds.
    #[serde(rename = "DisputePosted.v1")]
    DisputePosted {
        /// Number of the dispute.
        number: u32,
        /// The journal entry.
        document: Document,
    },
    /// The ERP has the journal entry of a dispute's end.
    #[serde(rename = "DisputeSettled.v1")]
    DisputeSettled {
        /// Number of the dispute.
        number: u32,
        /// The journal entry.
        document: Document,
    },
    /// Nothing is left to do.
    #[serde(rename = "OrderCompleted.v1")]
    OrderCompleted {},
    /// Goods arrived at a location: a fact of stock in a stream of its own, not of an order.
    #[serde(rename = "StockReceived.v1")]
    StockReceived(StockReceipt),
    /// Somebody counted what is there.
    #[serde(rename = "StockCounted.v1")]
    StockCounted(StockCount),
    /// Units were found, lost, broken or repaired.
    #[serde(rename = "StockAdjusted.v1")]
    StockAdjusted(StockAdjustment),
    /// Goods went from one location to another.
    #[serde(rename = "StockTransferred.v1")]
    StockTransferred(StockTransfer),
    /// The ERP has the document of one of these.
    #[serde(rename = "StockPosted.v1")]
    StockPosted(StockPosted),
    /// A document of stock cannot be posted until a person has done something.
    #[serde(rename = "StockParked.v1")]
    StockParked(StockParked),
    /// Somebody says that it can be posted now.
    #[serde(rename = "StockReleased.v1")]
    StockReleased {
        /// The ERP that it is for.
        erp: ConnectionId,
    },
    /// A SKU's stock was spread over several records.
    #[serde(rename = "StockSpread.v1")]
    StockSpread {
        /// The SKU.
        sku: crate::ids::Sku,
        /// In how many parts its stock is kept.
        parts: u16,
    },
    /// Units are held for a buyer who is paying, in a stream of its own.
    #[serde(rename = "StockHeld.v1")]
    StockHeld(StockHold),
    /// An order has taken what was held, in the transaction of its acceptance.
    #[serde(rename = "HoldTaken.v1")]
    HoldTaken {
        /// Which.
        order: OrderId,
    },
    /// Nobody has paid in time: the units are free again.
    #[serde(rename = "HoldExpired.v1")]
    HoldExpired {},
    /// Whoever had asked for the hold has given it up.
    #[serde(rename = "HoldReleased.v1")]
    HoldReleased {},
    /// Another system's number of units is not what it must be.
    #[serde(rename = "InventoryDriftDetected.v1")]
    InventoryDriftDetected(DriftDetected),
    /// It is again, or was made to be.
    #[serde(rename = "InventoryDriftEnded.v1")]
    InventoryDriftEnded(DriftEnded),
    /// Somebody wants stock to be compared with the other systems now.
    #[serde(rename = "ReconciliationRequested.v1")]
    ReconciliationRequested(ReconciliationRequested),
    /// It was.
    #[serde(rename = "ReconciliationFinished.v1")]
    ReconciliationFinished(ReconciliationFinished),
    /// An item of the ERP cannot be kept in the catalogue.
    #[serde(rename = "CatalogueItemRefused.v1")]
    CatalogueItemRefused(ItemRefused),
    /// An item of the ERP is a SKU of the catalogue from now on.
    #[serde(rename = "CatalogueItemKept.v1")]
    CatalogueItemKept(ItemKept),
    /// So many units of an allocation are not there: a count or an adjustment says so.
    #[serde(rename = "ShortageFound.v1")]
    ShortageFound(Shortage),
    /// Somebody has said something about an exception.
    #[serde(rename = "ExceptionHandled.v1")]
    ExceptionHandled(Handled),
    /// Written by a newer version of Crossdock. Facts may still be recorded; nothing is decided or done on the order.
    #[serde(untagged)]
    Unknown(UnknownEvent),
}

/// A fact of a type that this version does not know, kept as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownEvent {
    /// The type's name.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its content.
    #[serde(default)]
    pub data: serde_json::Value,
}

/// What was accepted, with all that later steps need of the configuration of that moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The order.
    pub order: CanonicalOrder,
    /// Under which name the people table keeps the recipient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// Which connections do the work.
    pub routes: Routes,
    /// First part of its references.
    pub prefix: ReferencePrefix,
    /// Time zone of posting dates.
    pub time_zone: String,
    /// Largest rounding difference that is posted to the rounding line.
    #[serde(default)]
    pub rounding_tolerance: Minor,
    /// Version of the process it follows.
    pub process: u32,
    /// When the storefront last changed what we accepted.
    pub source_version: Timestamp,
    /// Hash of the request that brought it through our API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_hash: Option<String>,
    /// What may be returned, if the channel says more than the defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returns: Option<Box<ReturnPolicy>>,
    /// What was held for the buyer and is the order's now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<HeldUnits>,
}

/// A "no" to a caller of our API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Hash of the request.
    pub request_hash: String,
    /// Every reason.
    pub reasons: Vec<Hold>,
}

/// Why an order waits, or was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The class of reason.
    pub code: HoldCode,
    /// What exactly, without personal data.
    pub detail: String,
}

impl Hold {
    /// A hold with its detail.
    pub fn new(code: HoldCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// Classes of reasons for which an order waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldCode {
    /// Not, or not fully, paid.
    Unpaid,
    /// Paid by several tenders whose amounts the payload does not tell.
    SeveralTenders,
    /// Paid by gift card or store credit.
    StoredValueTender,
    /// The storefront sees a risk of fraud.
    Risk,
    /// A SKU is not in the catalogue.
    UnknownSku,
    /// A SKU has no identity in the 3PL or the ERP.
    Unmapped,
    /// A currency that the channel does not take, or two that differ.
    Currency,
    /// The parts do not add up to the total.
    Totals,
    /// A line that is not ordinary goods.
    RareLine,
    /// A duty, fee or tip.
    RareCharge,
    /// Tax that the channel owes.
    ChannelTax,
    /// No usable address.
    Address,
    /// A country that is not served.
    Country,
    /// More units or lines, or a larger value, than allowed.
    Limit,
    /// The 3PL shipped something else than it was asked to.
    ShippedDifferently,
    /// The storefront has cancelled the order.
    CancelledAtStorefront,
    /// The storefront has changed the order after we accepted it.
    ChangedAtStorefront,
    /// The payload could not be understood.
    Unreadable,
}

impl HoldCode {
    /// What a person can do about it.
    #[must_use]
    pub const fn actions(self) -> &'static [&'static str] {
        match self {
            Self::Unpaid => &["wait for the payment", "cancel the order"],
            Self::Risk => &["review and retry to release", "cancel the order"],
            Self::UnknownSku => &["add the SKU to the catalogue, then retry"],
            Self::Unmapped => &["map the SKU, then retry"],
            Self::Country | Self::Limit => &["change the connection's settings, then retry"],
            Self::Address => &["correct the address here or at the storefront", "cancel the order"],
            Self::CancelledAtStorefront => &["cancel the order here, too"],
            Self::ChangedAtStorefront => &["settle it by hand in each system", "cancel the order"],
            Self::ShippedDifferently => &["settle it with the 3PL, then retry to release"],
            Self::Unreadable => &["have the storefront send the order again"],
            Self::Currency
            | Self::Totals
            | Self::RareLine
            | Self::RareCharge
            | Self::ChannelTax
            | Self::SeveralTenders
            | Self::StoredValueTender => &["handle by hand in each system"],
        }
    }

    /// Whether a retry asks for the hold to be lifted outright, because only a person can judge it.
    #[must_use]
    pub const fn lifted_by_review(self) -> bool {
        matches!(self, Self::Risk | Self::ShippedDifferently)
    }
}

impl fmt::Display for HoldCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// Units of one order line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineQuantity {
    /// Position of the line in the order, from 0.
    pub line: usize,
    /// Units.
    pub quantity: u32,
}

/// Units promised at one location: one 3PL order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocation {
    /// From 1, per order.
    pub number: u32,
    /// Where.
    pub location: LocationId,
    /// What.
    pub lines: Vec<LineQuantity>,
    /// What the kits among it are made of: what leaves, or is given back, is what was promised, whatever becomes of the
    /// kit in the catalogue.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kits: Kits,
    /// Until when it has to be handed over to leave on the location's next working day; absent where the location has no
    /// calendar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ship_by: Option<Timestamp>,
}

/// A document in an outside system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The connection.
    pub system: ConnectionId,
    /// Its identity there.
    pub id: String,
    /// Our reference on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Its total as read back, in the order's currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_minor: Option<Minor>,
}

/// Parcels that left together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipment {
    /// From 1, per order, given when it is recorded.
    pub number: u32,
    /// The 3PL's identity of the shipment.
    pub id: String,
    /// Number of the allocation it ships, where the 3PL told our reference.
    pub allocation: u32,
    /// From where.
    pub location: LocationId,
    /// What.
    pub lines: Vec<LineQuantity>,
    /// How to follow the parcels.
    pub tracking: Vec<Tracking>,
    /// When they left: the posting date of fulfilment and invoice.
    pub shipped_at: Timestamp,
}

/// How to follow one parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracking {
    /// The carrier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// Its number.
    pub number: String,
    /// Its page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A part of a deposit that settles a part of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// From 1, per order.
    pub number: u32,
    /// Number of the shipment whose invoice is settled.
    pub shipment: u32,
    /// Which tender's deposit.
    pub tender: String,
    /// How much.
    pub amount: Minor,
    /// The ERP's document.
    pub document: Document,
}

/// A task that was given up for now, and what it waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// The task.
    pub task: TaskId,
    /// The class of failure.
    pub class: FailureClass,
    /// What happened, without personal data.
    pub reason: String,
    /// What has to change.
    pub waits_on: WaitsOn,
    /// Where stock is short: the location that would have been asked first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<LocationId>,
    /// Where stock is short: in which part of the SKU's stock the order is counted.
    #[serde(default, skip_serializing_if = "crate::item::is_part_0")]
    pub part: u16,
    /// Where stock is short: what the kits of the order are made of.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kits: Kits,
}

impl Parked {
    /// A task that waits for somebody to put something right.
    #[must_use]
    pub const fn for_a_person(task: TaskId, class: FailureClass, reason: String) -> Self {
        Self { task, class, reason, waits_on: WaitsOn::Operator, at: None, part: 0, kits: Kits::new() }
    }
}

/// Goods that arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockReceipt {
    /// The receipt's identity where it was made.
    pub receipt_id: String,
    /// Where.
    pub location: LocationId,
    /// What.
    pub lines: Vec<ReceiptLine>,
    /// The ERP that is to know of it; none where nobody is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erp: Option<ConnectionId>,
}

/// Units of an allocation that are promised and not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortage {
    /// Number of the allocation.
    pub number: u32,
    /// The SKU of which there is too little.
    pub sku: crate::ids::Sku,
    /// Units that are missing, of all that is promised of the SKU there.
    pub missing: i64,
}

/// Units of one SKU that arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptLine {
    /// The SKU.
    pub sku: crate::ids::Sku,
    /// Units.
    pub quantity: u32,
}

/// Classes of failures: why a task was parked, or is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// A value was not acceptable.
    Value,
    /// Something is missing.
    Missing,
    /// An identity is not mapped.
    Mapping,
    /// It exists already, otherwise.
    Duplicate,
    /// The connection refuses us.
    Connection,
    /// An answer could not be understood.
    Parse,
    /// It is not known whether a call took effect.
    InDoubt,
    /// Not enough stock.
    Stock,
    /// A business rule of the outside system said no.
    Refused,
    /// The other side wants fewer calls.
    RateLimit,
    /// It passes by itself: an outage, a busy record.
    Intermittent,
    /// What was sent is larger than the other side takes.
    TooLarge,
    /// Retries were used up, and nobody knows why.
    Exhausted,
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// What has to change before a parked task may run again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitsOn {
    /// A person's decision.
    Operator,
    /// Stock of a SKU.
    Sku(crate::ids::Sku),
}

impl WaitsOn {
    /// The key under which waiters are found; `None` where nothing but a person releases.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        match self {
            Self::Operator => None,
            Self::Sku(sku) => Some(format!("sku#{sku}")),
        }
    }
}

impl Event {
    /// The versioned type name, as on the bus.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "a list of all types, a line each")]
    pub fn type_name(&self) -> &str {
        match self {
            Self::OrderAccepted(_) => "OrderAccepted.v1",
            Self::OrderRefused(_) => "OrderRefused.v1",
            Self::OrderHeld { .. } => "OrderHeld.v1",
            Self::OrderReleased { .. } => "OrderReleased.v1",
            Self::TenderCaptured { .. } => "TenderCaptured.v1",
            Self::OrderAllocated(_) => "OrderAllocated.v1",
            Self::FulfillmentRequested { .. } => "FulfillmentRequested.v1",
            Self::ShipmentRecorded(_) => "ShipmentRecorded.v1",
            Self::SalesOrderPosted { .. } => "SalesOrderPosted.v1",
            Self::DepositPosted { .. } => "DepositPosted.v1",
            Self::ItemFulfillmentPosted { .. } => "ItemFulfillmentPosted.v1",
            Self::InvoicePosted { .. } => "InvoicePosted.v1",
            Self::DepositApplied(_) => "DepositApplied.v1",
            Self::ShipmentAnnounced { .. } => "ShipmentAnnounced.v1",
            Self::TaskClaimed { .. } => "TaskClaimed.v1",
            Self::TaskParked(_) => "TaskParked.v1",
            Self::TaskReleased { .. } => "TaskReleased.v1",
            Self::TaskOverdue { .. } => "TaskOverdue.v1",
            Self::OrderCancelled(_) => "OrderCancelled.v1",
            Self::FulfillmentStopped(_) => "FulfillmentStopped.v1",
            Self::StorefrontCancelled { .. } => "StorefrontCancelled.v1",
            Self::OrderEdited(_) => "OrderEdited.v1",
            Self::ChangeRefused(_) => "ChangeRefused.v1",
            Self::RecipientChanged { .. } => "RecipientChanged.v1",
            Self::StorefrontChanged { .. } => "StorefrontChanged.v1",
            Self::SalesRead { .. } => "SalesRead.v1",
            Self::ReturnRequested(_) => "ReturnRequested.v1",
            Self::ReturnAuthorized { .. } => "ReturnAuthorized.v1",
            Self::ReturnClosed { .. } => "ReturnClosed.v1",
            Self::ReturnResolved { .. } => "ReturnResolved.v1",
            Self::ReturnAnnounced { .. } => "ReturnAnnounced.v1",
            Self::ReturnReceived(_) => "ReturnReceived.v1",
            Self::RefundDecided(_) => "RefundDecided.v1",
            Self::RefundIssued { .. } => "RefundIssued.v1",
            Self::RefundRecorded { .. } => "RefundRecorded.v1",
            Self::RefundWithdrawn { .. } => "RefundWithdrawn.v1",
            Self::SalesOrderAmended { .. } => "SalesOrderAmended.v1",
            Self::ReturnAuthorizationPosted { .. } => "ReturnAuthorizationPosted.v1",
            Self::ItemReceiptPosted { .. } => "ItemReceiptPosted.v1",
            Self::AdjustmentPosted { .. } => "AdjustmentPosted.v1",
            Self::CreditMemoPosted { .. } => "CreditMemoPosted.v1",
            Self::CustomerRefundPosted { .. } => "CustomerRefundPosted.v1",
            Self::CreditApplied(_) => "CreditApplied.v1",
            Self::DisputeOpened(_) => "DisputeOpened.v1",
            Self::DisputeClosed(_) => "DisputeClosed.v1",
            Self::DisputePosted { .. } => "DisputePosted.v1",
            Self::DisputeSettled { .. } => "DisputeSettled.v1",
            Self::OrderCompleted {} => "OrderCompleted.v1",
            Self::StockReceived(_) => "StockReceived.v1",
            Self::StockCounted(_) => "StockCounted.v1",
            Self::StockAdjusted(_) => "StockAdjusted.v1",
            Self::StockTransferred(_) => "StockTransferred.v1",
            Self::StockPosted(_) => "StockPosted.v1",
            Self::ReconciliationRequested(_) => "ReconciliationRequested.v1",
            Self::ReconciliationFinished(_) => "ReconciliationFinished.v1",
            Self::StockParked(_) => "StockParked.v1",
            Self::StockReleased { .. } => "StockReleased.v1",
            Self::StockSpread { .. } => "StockSpread.v1",
            Self::StockHeld(_) => "StockHeld.v1",
            Self::HoldTaken { .. } => "HoldTaken.v1",
            Self::HoldExpired {} => "HoldExpired.v1",
            Self::HoldReleased {} => "HoldReleased.v1",
            Self::InventoryDriftDetected(_) => "InventoryDriftDetected.v1",
            Self::InventoryDriftEnded(_) => "InventoryDriftEnded.v1",
            Self::CatalogueItemRefused(_) => "CatalogueItemRefused.v1",
            Self::CatalogueItemKept(_) => "CatalogueItemKept.v1",
            Self::ShortageFound(_) => "ShortageFound.v1",
            Self::ExceptionHandled(_) => "ExceptionHandled.v1",
            Self::Unknown(unknown) => &unknown.kind,
        }
    }

    /// The type names this version writes.
    pub const TYPES: [&'static str; 68] = [
        "OrderAccepted.v1",
        "OrderRefused.v1",
        "OrderHeld.v1",
        "OrderReleased.v1",
        "TenderCaptured.v1",
        "OrderAllocated.v1",
        "FulfillmentRequested.v1",
        "ShipmentRecorded.v1",
        "SalesOrderPosted.v1",
        "DepositPosted.v1",
        "ItemFulfillmentPosted.v1",
        "InvoicePosted.v1",
        "DepositApplied.v1",
        "ShipmentAnnounced.v1",
        "TaskClaimed.v1",
        "TaskParked.v1",
        "TaskReleased.v1",
        "TaskOverdue.v1",
        "OrderCompleted.v1",
        "StockReceived.v1",
        "StockCounted.v1",
        "StockAdjusted.v1",
        "StockTransferred.v1",
        "StockPosted.v1",
        "ReconciliationRequested.v1",
        "ReconciliationFinished.v1",
        "StockParked.v1",
        "StockReleased.v1",
        "StockSpread.v1",
        "StockHeld.v1",
        "HoldTaken.v1",
        "HoldExpired.v1",
        "HoldReleased.v1",
        "InventoryDriftDetected.v1",
        "InventoryDriftEnded.v1",
        "CatalogueItemRefused.v1",
        "CatalogueItemKept.v1",
        "ShortageFound.v1",
        "ExceptionHandled.v1",
        "OrderCancelled.v1",
        "FulfillmentStopped.v1",
        "StorefrontCancelled.v1",
        "OrderEdited.v1",
        "ChangeRefused.v1",
        "RecipientChanged.v1",
        "StorefrontChanged.v1",
        "SalesRead.v1",
        "ReturnRequested.v1",
        "ReturnAuthorized.v1",
        "ReturnClosed.v1",
        "ReturnResolved.v1",
        "ReturnAnnounced.v1",
        "ReturnReceived.v1",
        "RefundDecided.v1",
        "RefundIssued.v1",
        "RefundRecorded.v1",
        "RefundWithdrawn.v1",
        "SalesOrderAmended.v1",
        "ReturnAuthorizationPosted.v1",
        "ItemReceiptPosted.v1",
        "AdjustmentPosted.v1",
        "CreditMemoPosted.v1",
        "CustomerRefundPosted.v1",
        "CreditApplied.v1",
        "DisputeOpened.v1",
        "DisputeClosed.v1",
        "DisputePosted.v1",
        "DisputeSettled.v1",
    ];
}

/// What a decision wants committed: facts, and the stock that moves with them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// The facts.
    pub events: Vec<Event>,
    /// Stock that moves in the same transaction.
    pub moves: Vec<StockMove>,
}

impl Decision {
    /// The decision where somebody has counted since: what happened before a count was in it, and the count's
    /// difference was told without it. So as it is recorded, the count is corrected by as much.
    #[must_use]
    pub fn past_counts(mut self, items: &BTreeMap<Sku, Item>) -> Self {
        let corrections = self.moves.iter().filter_map(|stock| {
            let counted = items.get(&stock.sku)?.stock.get(&stock.location)?.counted_at?;
            let was_counted = stock.is_physical() && stock.occurred_at.is_some_and(|at| at <= counted);
            was_counted.then(|| StockMove {
                on_hand: -stock.on_hand,
                quarantine: -stock.quarantine,
                occurred_at: stock.occurred_at,
                ..StockMove::new(Movement::Counted, stock.sku.clone(), stock.location.clone())
            })
        });
        let corrections: Vec<StockMove> = corrections.collect();
        self.moves.extend(corrections);
        self
    }

    /// SKUs of which something moves.
    #[must_use]
    pub fn skus(&self) -> Vec<Sku> {
        self.moves.iter().map(|stock| stock.sku.clone()).collect()
    }
}

impl From<Event> for Decision {
    fn from(event: Event) -> Self {
        Self { events: vec![event], moves: Vec::new() }
    }
}

impl From<Vec<Event>> for Decision {
    fn from(events: Vec<Event>) -> Self {
        Self { events, moves: Vec::new() }
    }
}
