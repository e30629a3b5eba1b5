//! Connectors: one trait per role, one folder per vendor. Each vendor's errors are classified in exactly one function
//! of its `translate.rs`; a connector decides nothing about an order.

mod address;
pub mod api;
pub mod netsuite;
pub mod shipbob;
pub mod shopify;
pub mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use crossdock_domain::accept::Inbound;
use crossdock_domain::event::{LineQuantity, Tracking};
use crossdock_domain::ids::{ChannelOrderId, LocationId};
use crossdock_domain::posting::{DepositDraft, FulfillmentDraft, Header, SalesDraft};
use crossdock_domain::shipping::ShipmentReport;
use crossdock_domain::{Minor, Recipient, Sku};
use crossdock_step::outbound::Http;
use crossdock_step::{Clock, Failure, Secrets};
use jiff::Timestamp;

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
    /// Nothing that concerns us.
    Ignored {
        /// What it was.
        topic: String,
    },
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
    let bought = order.accepted.iter().flat_map(|accepted| &accepted.fact.order.lines).collect::<Vec<_>>();
    lines.iter().filter_map(|line| Some((bought.get(line.line)?.id.clone(), line.quantity))).collect()
}
