//! Connectors: one trait per role, one folder per vendor. Each vendor's errors are classified in exactly one function
//! of its `translate.rs`; a connector decides nothing about an order.

mod address;
pub mod api;
mod catalogued;
mod counted;
pub mod heard;
pub mod netsuite;
pub mod rehearsal;
pub mod shipbob;
pub mod shopify;
pub mod stock;
pub mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use crossdock_domain::accept::Inbound;
use crossdock_domain::disputes::DisputeReport;
use crossdock_domain::event::{LineQuantity, Tracking};
use crossdock_domain::ids::{ChannelOrderId, LocationId};
use crossdock_domain::posting::{DepositDraft, FulfillmentDraft, Header, SalesDraft};
use crossdock_domain::returns::ReturnReport;
use crossdock_domain::reversing::{
    AdjustmentDraft, AmendmentDraft, CreditApplicationDraft, CreditDraft, JournalDraft, ReceiptDraft, RefundDraft,
    ReturnDraft,
};
use crossdock_domain::sales::{Restock, SalesReport, ToldRefund};
use crossdock_domain::shipping::ShipmentReport;
use crossdock_domain::stocking::{StockDraft, TransferDraft};
use crossdock_domain::{Currency, Minor, Recipient, Sku};
use crossdock_step::outbound::Http;
use crossdock_step::{Clock, Failure, Secrets};
use jiff::Timestamp;

pub use catalogued::{CatalogueItem, CataloguePage, FaultyItem};
pub use counted::{CountedStock, ErpStock, StockPage};
pub use stock::{Shown, ShownStock, StockTarget};

/// What every connector is built from.
#[derive(Clone)]
pub struct Outside {
    /// The connection's name.
    pub connection: String,
    /// Its settings, as its kind reads them.
    pub settings: serde_json::Value,
    /// The HTTP client.
    pub http: Arc<dyn Http>,
    /// Where its secret is.
    pub secrets: Arc<dyn Secrets>,
    /// The time.
    pub clock: Clock,
}

/// What a delivery of a vendor says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InboundFact {
    /// An order, as it is now.
    Order {
        /// Which.
        channel: ChannelOrderId,
        /// Its content.
        inbound: Box<Inbound>,
    },
    /// An order that is named but cannot be understood.
    Unreadable {
        /// Which.
        channel: ChannelOrderId,
        /// Why, without personal data.
        detail: String,
    },
    /// Parcels that left.
    Shipment {
        /// Our reference, as the 3PL gave it back.
        reference: String,
        /// What left.
        report: ShipmentReport,
    },
    /// The storefront has changed something about an order; what, its sales ledger says.
    Changed {
        /// Which.
        channel: ChannelOrderId,
        /// What happened, by the vendor's identity of it: `refund:929361463`.
        what: String,
        /// When.
        at: Timestamp,
    },
    /// The buyer disputes a payment, or the dispute has ended.
    Disputed {
        /// Which order.
        channel: ChannelOrderId,
        /// All that is known of the dispute.
        report: DisputeReport,
    },
    /// Goods that came back to the 3PL.
    Returned {
        /// Our reference: that of the return, or, for what nobody announced, that of the 3PL order it left with.
        reference: String,
        /// What came.
        report: ReturnReport,
    },
    /// The 3PL has stopped units of an order of ours by itself.
    FulfillmentStopped {
        /// Our reference.
        reference: String,
        /// What it will and will not ship.
        outcome: StopOutcome,
    },
    /// Nothing that concerns us.
    Ignored {
        /// What it was.
        topic: String,
    },
}

impl InboundFact {
    /// The order's content, where that is what the fact tells.
    #[must_use]
    pub fn order(&self) -> Option<&Inbound> {
        match self {
            Self::Order { inbound, .. } => Some(inbound),
            Self::Unreadable { .. }
            | Self::Shipment { .. }
            | Self::Changed { .. }
            | Self::Disputed { .. }
            | Self::Returned { .. }
            | Self::FulfillmentStopped { .. }
            | Self::Ignored { .. } => None,
        }
    }
}

/// A delivery that passed its signature check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Header names in lower case, with their values; only those that the vendor's kind needs.
    pub headers: BTreeMap<String, String>,
    /// The raw body.
    pub body: Vec<u8>,
}

/// A document that the outside system has now, read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// Its identity there.
    pub id: String,
    /// Its total as the outside system has it, where it has one.
    pub total: Option<Minor>,
}

/// An order for a 3PL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FulfillmentRequest {
    /// Our reference, unique for ever: `UK-820982911946154508-F1`.
    pub reference: String,
    /// The order's name at the storefront.
    pub order_name: String,
    /// Which of the 3PL's places ships it.
    pub location: LocationId,
    /// What to ship: the item's identity at the 3PL, the SKU and units.
    pub lines: Vec<FulfillmentLine>,
    /// To whom.
    pub recipient: Recipient,
}

/// One line for a 3PL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FulfillmentLine {
    /// The item's identity at the 3PL.
    pub item: String,
    /// The SKU.
    pub sku: Sku,
    /// Units.
    pub quantity: u32,
}

/// A 3PL.
#[async_trait]
pub trait Fulfillment: Send + Sync {
    /// Hands over an order. Idempotent by reference: a repeat finds the first.
    async fn request(&self, request: &FulfillmentRequest) -> Result<Posted, Failure>;

    /// What has left of an order of ours so far; empty when nothing has.
    async fn shipments(&self, reference: &str) -> Result<Vec<ShipmentReport>, Failure>;

    /// Stops whatever of an order has not been picked. Safe to repeat: what is stopped stays stopped. `None`: the 3PL
    /// knows no such order.
    async fn cancel(&self, reference: &str) -> Result<Option<StopOutcome>, Failure> {
        Err(unsupported("cancelling orders", reference))
    }

    /// Announces goods that will come back. Idempotent by reference: a repeat finds the first.
    async fn announce_return(&self, notice: &ReturnNotice) -> Result<Posted, Failure> {
        Err(unsupported("announcing returns", &notice.reference))
    }

    /// What has come back under a reference of ours so far; nothing where nothing has.
    async fn returned(&self, reference: &str) -> Result<Option<ReturnReport>, Failure> {
        Err(unsupported("asking for returns", reference))
    }

    /// One page of what the 3PL has, per item and place. `after` is the `next` of the page before; none begins anew.
    async fn stock(&self, _after: Option<&str>) -> Result<StockPage, Failure> {
        Err(unsupported("asking for stock", "stock"))
    }
}

/// What a 3PL did when it was asked to stop an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopOutcome {
    /// SKU and units that will not leave.
    pub stopped: Vec<(Sku, u32)>,
    /// SKU and units that will leave, or have left: it was too late.
    pub kept: Vec<(Sku, u32)>,
}

/// Goods that will come back to a 3PL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnNotice {
    /// Our reference, unique for ever: `UK-820982911946154508-RMA1`. The buyer writes it on the parcel.
    pub reference: String,
    /// Where to.
    pub location: LocationId,
    /// The 3PL's identity of the shipment that the goods left with, where it is one.
    pub shipment: Option<String>,
    /// What: the item's identity at the 3PL, the SKU and units.
    pub lines: Vec<FulfillmentLine>,
}

fn unsupported(what: &str, reference: &str) -> Failure {
    let reason = format!("{reference}: this connector does not know {what} yet: do it by hand there");
    Failure::permanent(crossdock_domain::event::FailureClass::Refused, reason)
}

/// A deposit applied to an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationDraft {
    /// Reference, date, currency.
    pub header: Header,
    /// The deposit's identity in the ERP.
    pub deposit: String,
    /// The invoice's identity in the ERP.
    pub invoice: String,
    /// How much.
    pub amount: Minor,
}

/// An ERP. Every method is idempotent by the draft's reference: a repeat, also after a lost answer, finds the document
/// that is there, compares it with the draft and returns it. What the ERP holds is read back and compared: a total
/// that differs within the tolerance is corrected by a rounding line, above it the failure is permanent.
#[async_trait]
pub trait Erp: Send + Sync {
    /// Posts a sales order (and the guest customer that it stands on). `items` maps SKUs to the ERP's items.
    async fn post_sales_order(&self, draft: &SalesDraft, items: &BTreeMap<Sku, String>) -> Result<Posted, Failure>;

    /// Posts a customer deposit for a sales order.
    async fn post_deposit(&self, draft: &DepositDraft, sales_order: &str) -> Result<Posted, Failure>;

    /// Posts the item fulfilment of a shipment.
    async fn post_item_fulfillment(&self, draft: &FulfillmentDraft, sales_order: &str) -> Result<Posted, Failure>;

    /// Posts the invoice of a shipment.
    async fn post_invoice(&self, draft: &SalesDraft, sales_order: &str) -> Result<Posted, Failure>;

    /// Applies a part of a deposit to an invoice.
    async fn apply_deposit(&self, draft: &ApplicationDraft) -> Result<Posted, Failure>;

    /// Makes a sales order read as the order does now. `items` maps SKUs to the ERP's items.
    async fn amend_sales_order(
        &self,
        draft: &AmendmentDraft,
        _sales_order: &str,
        _items: &BTreeMap<Sku, String>,
    ) -> Result<Posted, Failure> {
        Err(unsupported("amending sales orders", &draft.header.reference))
    }

    /// Posts a return authorization for a sales order.
    async fn post_return_authorization(&self, draft: &ReturnDraft, _sales_order: &str) -> Result<Posted, Failure> {
        Err(unsupported("return authorizations", &draft.header.reference))
    }

    /// Posts what came back under a return authorization.
    async fn post_item_receipt(&self, draft: &ReceiptDraft, _return_authorization: &str) -> Result<Posted, Failure> {
        Err(unsupported("item receipts", &draft.header.reference))
    }

    /// Posts goods that no document announced.
    async fn post_adjustment(
        &self,
        draft: &AdjustmentDraft,
        _items: &BTreeMap<Sku, String>,
    ) -> Result<Posted, Failure> {
        Err(unsupported("inventory adjustments", &draft.header.reference))
    }

    /// Posts a credit memo: for a return authorization, or standing alone.
    async fn post_credit_memo(
        &self,
        draft: &CreditDraft,
        _return_authorization: Option<&str>,
    ) -> Result<Posted, Failure> {
        Err(unsupported("credit memos", &draft.header.reference))
    }

    /// Posts money that went back.
    async fn post_customer_refund(&self, draft: &RefundDraft) -> Result<Posted, Failure> {
        Err(unsupported("customer refunds", &draft.header.reference))
    }

    /// Settles an invoice by a credit memo.
    async fn apply_credit(&self, draft: &CreditApplicationDraft) -> Result<Posted, Failure> {
        Err(unsupported("applying credit", &draft.header.reference))
    }

    /// Posts a journal entry.
    async fn post_journal(&self, draft: &JournalDraft) -> Result<Posted, Failure> {
        Err(unsupported("journal entries", &draft.header.reference))
    }

    /// Posts goods that came in, were found, lost or written off. `items` maps SKUs to the ERP's items.
    async fn post_stock(&self, draft: &StockDraft, _items: &BTreeMap<Sku, String>) -> Result<Posted, Failure> {
        Err(unsupported("adjustments of stock", &draft.header.reference))
    }

    /// Posts goods that went from one location to another. `items` maps SKUs to the ERP's items.
    async fn post_transfer(&self, draft: &TransferDraft, _items: &BTreeMap<Sku, String>) -> Result<Posted, Failure> {
        Err(unsupported("transfers of stock", &draft.header.reference))
    }

    /// What the ERP has of these items at our locations. `items` maps SKUs to the ERP's items; where the ERP keeps no
    /// stock of one, nothing is told of it.
    async fn stock(&self, _items: &BTreeMap<Sku, String>) -> Result<Vec<ErpStock>, Failure> {
        Err(unsupported("asking for stock", "stock"))
    }

    /// One page of the items that changed since then, or of all; it may tell of some that changed a little earlier.
    /// `after` is the `next` of the page before; none begins anew.
    async fn catalogue(&self, _since: Option<Timestamp>, _after: Option<&str>) -> Result<CataloguePage, Failure> {
        Err(unsupported("reading the catalogue", "catalogue"))
    }
}

/// A shipment to be told to a storefront.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// The storefront's order.
    pub channel: ChannelOrderId,
    /// Lines by the storefront's identity of the line, with units.
    pub lines: Vec<(String, u32)>,
    /// How to follow the parcels.
    pub tracking: Vec<Tracking>,
    /// When the caller's claim ends: later, somebody else may be telling the same.
    pub claimed_until: Timestamp,
}

/// A storefront that is told what happened.
#[async_trait]
pub trait Storefront: Send + Sync {
    /// Tells of a shipment. Not idempotent by itself: the caller holds a claim, which is looked at once more right before
    /// the call (a frozen environment may thaw long after its claim has ended), and the connector first looks for a
    /// fulfilment with the shipment's tracking number and takes that for its own. A shipment without tracking is
    /// found by its quantities.
    async fn announce_shipment(&self, announcement: &Announcement) -> Result<Posted, Failure>;

    /// Pays money back. Idempotent by reference, which becomes the call's key and the refund's note: a refund that
    /// carries it already is the answer. The caller holds a claim besides, because settling a return has no key.
    async fn refund(&self, instruction: &RefundInstruction) -> Result<ToldRefund, Failure> {
        Err(unsupported("refunds", &instruction.reference))
    }

    /// Cancels an order of which nothing is left to ship, without paying anything back: `refund` does that. An order
    /// that is cancelled already is the answer.
    async fn cancel(&self, instruction: &CancelInstruction) -> Result<Posted, Failure> {
        Err(unsupported("cancelling orders", instruction.channel.as_str()))
    }

    /// What the storefront's own sales ledger says has become of an order. Amounts are in `currency`.
    async fn sales(&self, channel: &ChannelOrderId, _currency: Currency) -> Result<SalesReport, Failure> {
        Err(unsupported("reading sales", channel.as_str()))
    }

    /// What the storefront shows of SKUs (each with the item's identity there, where it is known) at locations. What it
    /// does not know, track or stock there is absent.
    async fn stock(
        &self,
        items: &[(Sku, Option<String>)],
        _locations: &[LocationId],
    ) -> Result<Vec<ShownStock>, Failure> {
        let first = items.first().map_or_else(|| "stock".to_owned(), |(sku, _)| sku.to_string());
        Err(unsupported("reading stock", &first))
    }

    /// Makes the storefront show stock, each target only if it shows `change_from` now. One outcome per target, in
    /// their order; one that is stale or unknown does not keep the others back. Idempotent by `key`, which is used for
    /// one list of targets only: after a lost answer the same call is safe.
    async fn show_stock(&self, key: &str, _targets: &[StockTarget]) -> Result<Vec<Shown>, Failure> {
        Err(unsupported("showing stock", key))
    }

    /// A page of the orders that were changed within a time (both ends included, to the second), those that were changed
    /// first first.
    async fn changed_orders(
        &self,
        (since, _until): (Timestamp, Timestamp),
        _after: Option<&str>,
    ) -> Result<OrderPage, Failure> {
        Err(unsupported("listing orders", &since.to_string()))
    }

    /// An order as the storefront would tell of it by itself now; `None`: it has no such order.
    async fn delivery(&self, channel: &ChannelOrderId) -> Result<Option<Delivery>, Failure> {
        Err(unsupported("reading orders", channel.as_str()))
    }

    /// Until when what can wait should leave the storefront's budget of calls to what cannot, as far as the last answer
    /// has said; `None`: there is room.
    fn busy_until(&self) -> Option<Timestamp> {
        None
    }
}

/// An order as a storefront lists it: enough to tell whether we have heard of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedOrder {
    /// The storefront's order.
    pub channel: ChannelOrderId,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Whether it is cancelled there.
    pub cancelled: bool,
    /// The first of its refunds, by their identity there.
    pub refunds: Vec<String>,
}

/// A page of a storefront's orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderPage {
    /// The orders.
    pub orders: Vec<ListedOrder>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// Money to be paid back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundInstruction {
    /// The storefront's order.
    pub channel: ChannelOrderId,
    /// Our reference of the refund: `UK-820982911946154508-R1`.
    pub reference: String,
    /// The order's currency.
    pub currency: Currency,
    /// Line identity, units, and what becomes of them.
    pub lines: Vec<(String, u32, Restock)>,
    /// Shipping that is given back, with its tax.
    pub shipping: Minor,
    /// What the buyer gets in all; where it differs from what the storefront would compute, the difference is an
    /// adjustment of the refund.
    pub amount: Minor,
    /// The storefront's return that it settles, where there is one.
    pub return_id: Option<String>,
    /// When the caller's claim ends.
    pub claimed_until: Timestamp,
}

/// An order to be cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelInstruction {
    /// The storefront's order.
    pub channel: ChannelOrderId,
    /// The reason: `customer`, `inventory`, `fraud`, `declined`, `staff` or `other`.
    pub reason: String,
    /// When the caller's claim ends.
    pub claimed_until: Timestamp,
}

/// The 3PL behind a connection's settings.
///
/// # Errors
/// The settings name no 3PL that we know, or lack something.
pub fn fulfillment(outside: Outside) -> Result<Box<dyn Fulfillment>, Failure> {
    match kind(&outside.settings) {
        "shipbob" => Ok(Box::new(shipbob::ShipBob::new(outside)?)),
        other => Err(not_a("3PL", other)),
    }
}

/// The ERP behind a connection's settings.
///
/// # Errors
/// The settings name no ERP that we know, or lack something.
pub fn erp(outside: Outside) -> Result<Box<dyn Erp>, Failure> {
    match kind(&outside.settings) {
        "netsuite" => Ok(Box::new(netsuite::NetSuite::new(outside)?)),
        other => Err(not_a("ERP", other)),
    }
}

/// The storefront behind a connection's settings.
///
/// # Errors
/// The settings name no storefront that we know, or lack something.
pub fn storefront(outside: Outside) -> Result<Box<dyn Storefront>, Failure> {
    match kind(&outside.settings) {
        "shopify" => Ok(Box::new(shopify::Shopify::new(outside)?)),
        other => Err(not_a("storefront", other)),
    }
}

/// Whether a connection's settings are those of a storefront whose orders can be listed.
#[must_use]
pub fn lists_orders(settings: &serde_json::Value) -> bool {
    matches!(kind(settings), "shopify")
}

/// The kind of system that settings name.
#[must_use]
pub fn kind(settings: &serde_json::Value) -> &str {
    settings.get("kind").and_then(serde_json::Value::as_str).unwrap_or_default()
}

fn not_a(role: &str, kind: &str) -> Failure {
    let reason = format!("{kind:?} is no {role}: correct the connection's settings");
    Failure::permanent(crossdock_domain::event::FailureClass::Connection, reason)
}

/// Units per line of a shipment by the storefront's identity of the line.
#[must_use]
pub fn by_line_id(order: &crossdock_domain::Order, lines: &[LineQuantity]) -> Vec<(String, u32)> {
    lines.iter().filter_map(|line| Some((order.line(line.line)?.id.clone(), line.quantity))).collect()
}
