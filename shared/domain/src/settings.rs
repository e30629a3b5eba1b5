//! What a retailer configures about a connection. Read when an order is accepted; what later steps need of it is
//! written into `OrderAccepted`, so that changing a setting never makes an old order owe something new.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::calendar::Calendar;
use crate::event::Disposition;
use crate::ids::{ConnectionId, CountryCode, LocationId, ReferencePrefix, Sku};
use crate::money::{Currency, Minor};

/// The version of the order-to-cash process that new orders follow.
pub const PROCESS_VERSION: u32 = 1;

/// A connection that takes orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelSettings {
    /// First part of every document reference.
    pub reference_prefix: ReferencePrefix,
    /// Legal entity that sells.
    pub legal_entity: String,
    /// IANA time zone of the legal entity: an event's posting date is its date there.
    pub time_zone: String,
    /// Currencies in which orders are taken.
    pub currencies: BTreeSet<Currency>,
    /// Countries that are served.
    pub countries: BTreeSet<CountryCode>,
    /// Which connections do the work of an order.
    pub routes: Routes,
    /// Where stock is taken from, by rules in data.
    pub sourcing: Sourcing,
    /// Bounds of one order.
    #[serde(default)]
    pub limits: Limits,
    /// How far a cart's unit price may be from the price list.
    #[serde(default)]
    pub price_tolerance: Minor,
    /// The largest rounding difference with the ERP that goes to the rounding line.
    #[serde(default)]
    pub rounding_tolerance: Minor,
    /// What checkout answers while stock or prices cannot be read.
    #[serde(default)]
    pub degraded_checkout: DegradedCheckout,
    /// Gateways whose money is a liability of ours (gift card, store credit): orders paid by them are held.
    #[serde(default)]
    pub stored_value_gateways: BTreeSet<String>,
    /// What may be returned, and what the buyer gets for it.
    #[serde(default)]
    pub returns: ReturnPolicy,
    /// Whether the storefront is shown how much is on hand; otherwise somebody else tells it.
    #[serde(default)]
    pub publish_stock: bool,
}

/// What may be returned, and what the buyer gets for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReturnPolicy {
    /// So many days after a unit left it may be asked to be returned.
    pub window_days: u32,
    /// Reasons that may be given.
    pub reasons: BTreeSet<String>,
    /// SKUs that are not taken back.
    pub final_sale: BTreeSet<Sku>,
    /// A return worth more than this, per currency, waits for somebody's approval.
    pub approval_above: BTreeMap<Currency, Minor>,
    /// What makes a refund due.
    pub refund_on: RefundOn,
    /// Dispositions for which the buyer is refunded once the goods were looked at.
    pub refunded_dispositions: BTreeSet<Disposition>,
    /// What is kept back of a refund, by reason, in hundredths of a per cent of the goods' value with tax.
    pub restocking_fees: BTreeMap<String, u32>,
    /// Whether the buyer may keep the goods and be refunded, up to this value per currency.
    pub keep_up_to: BTreeMap<Currency, Minor>,
    /// Whether shipping is refunded.
    pub refund_shipping: RefundShipping,
}

impl Default for ReturnPolicy {
    fn default() -> Self {
        let reasons =
            ["unwanted", "wrong_size", "not_as_described", "defective", "wrong_item", "lost", "undeliverable"];
        Self {
            window_days: 30,
            reasons: reasons.into_iter().map(str::to_owned).collect(),
            final_sale: BTreeSet::new(),
            approval_above: BTreeMap::new(),
            refund_on: RefundOn::default(),
            refunded_dispositions: [Disposition::Restock, Disposition::Scrap].into(),
            restocking_fees: BTreeMap::new(),
            keep_up_to: BTreeMap::new(),
            refund_shipping: RefundShipping::default(),
        }
    }
}

/// What makes the refund of a return due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundOn {
    /// The goods were looked at: units with a refunded disposition.
    #[default]
    Inspected,
    /// The goods arrived, whatever they look like.
    Received,
    /// The return was authorized.
    Authorized,
}

/// Whether a return gives shipping back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundShipping {
    /// Never.
    #[default]
    Never,
    /// When everything that was ordered has come back.
    WhenAllReturned,
}

/// The connections that do the work of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routes {
    /// The storefront to be told of shipments; absent where nobody is to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storefront: Option<ConnectionId>,
    /// The 3PL.
    pub fulfillment: ConnectionId,
    /// The ERP.
    pub erp: ConnectionId,
}

/// Where stock may be taken from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sourcing {
    /// Locations in order of preference.
    pub locations: Vec<SourcingRule>,
    /// Whether one order may ship from several locations.
    #[serde(default)]
    pub split: Split,
    /// Which location is asked first.
    #[serde(default)]
    pub prefer: Prefer,
}

/// Which location is asked first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prefer {
    /// In the order of the rules.
    #[default]
    Priority,
    /// The one from which it leaves soonest, by the calendars; of several, in the order of the rules.
    Soonest,
}

/// One location and whom it serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourcingRule {
    /// The location.
    pub location: LocationId,
    /// Countries it ships to; empty means all that the channel serves.
    #[serde(default)]
    pub countries: BTreeSet<CountryCode>,
    /// Units of each SKU that this channel leaves there to others.
    #[serde(default, deserialize_with = "not_negative")]
    pub keep_back: i64,
    /// When it hands parcels over; absent: always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<Calendar>,
}

fn not_negative<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    u32::deserialize(deserializer).map(i64::from)
}

/// Whether one order may ship from several locations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Several shipments are fine where no single location has all.
    #[default]
    Allowed,
    /// All from one location or wait.
    Never,
    /// From at most so many.
    AtMost(std::num::NonZeroU8),
}

impl Split {
    /// From how many of so many locations an order may ship.
    #[must_use]
    pub fn most(self, locations: usize) -> usize {
        match self {
            Self::Allowed => locations,
            Self::Never => 1,
            Self::AtMost(most) => usize::from(most.get()).min(locations),
        }
    }
}

/// Bounds of one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Units on one line.
    pub quantity_per_line: u32,
    /// Value of an order per currency; a currency that is not named has no bound.
    pub value: BTreeMap<Currency, Minor>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { quantity_per_line: 999, value: BTreeMap::new() }
    }
}

/// What checkout answers while stock or prices cannot be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DegradedCheckout {
    /// Sell: allocation backorders what is missing.
    #[default]
    Accept,
    /// Do not sell blindly.
    Reject,
}

impl ChannelSettings {
    /// Locations that ship to a country, in order of preference.
    pub fn rules_for(&self, country: Option<&CountryCode>) -> impl Iterator<Item = &SourcingRule> {
        let serves = move |rule: &&SourcingRule| {
            rule.countries.is_empty() || country.is_some_and(|c| rule.countries.contains(c))
        };
        self.sourcing.locations.iter().filter(serves)
    }
}
