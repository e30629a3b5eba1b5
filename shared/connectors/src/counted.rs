//! What outside systems say is there.

use crossdock_domain::ids::{LocationId, Sku};
use jiff::Timestamp;

/// One page of what a 3PL has, per item and place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockPage {
    /// Units per item and place of ours.
    pub levels: Vec<CountedStock>,
    /// When the 3PL was asked: what it says is true at that time or later.
    pub as_of: Timestamp,
    /// What to ask for the next page with; `None` on the last one.
    pub next: Option<String>,
    /// Places of the 3PL's where it has something of ours and that the connection's settings do not map, as the 3PL
    /// names them. What stands there is in no level.
    pub strangers: Vec<String>,
}

/// Units of one item at one place of a 3PL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedStock {
    /// The item's identity at the 3PL's stock keeping; ShipBob: its inventory id, not the product's reference.
    pub item: String,
    /// The SKU, as the 3PL writes it.
    pub sku: Option<String>,
    /// Where.
    pub location: LocationId,
    /// Units physically there, whatever their state.
    pub on_hand: i64,
    /// Of them not fit for sale, and promised to nobody: damaged, quarantined, in exception.
    pub quarantine: i64,
    /// Of them promised to our orders at the 3PL, not yet gone.
    pub committed: i64,
    /// Units on their way in that the 3PL expects (awaiting receiving).
    pub in_transit: i64,
}

/// Units of one SKU at one location of an ERP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErpStock {
    /// The SKU.
    pub sku: Sku,
    /// Where.
    pub location: LocationId,
    /// Units that the ERP has on hand there; below zero where it lets more leave than it had. What waits in the
    /// location's quarantine is not in it.
    pub on_hand: i64,
}
