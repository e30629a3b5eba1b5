//! Items of the catalogue with their stock: one record per SKU, so that a cart is priced and promised in one read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{ConnectionId, LocationId, Sku};
use crate::money::{Currency, Minor};

/// One SKU: its price list, its identities elsewhere and its stock per location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The SKU.
    pub sku: Sku,
    /// Price of one unit per currency, as the price list of the channel has it.
    #[serde(default)]
    pub prices: BTreeMap<Currency, Minor>,
    /// The item's identity in each outside system, by connection.
    #[serde(default)]
    pub identities: BTreeMap<ConnectionId, String>,
    /// Stock per location.
    #[serde(default)]
    pub stock: BTreeMap<LocationId, Stock>,
}

/// Stock of one SKU at one location, in units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stock {
    /// What is there.
    pub on_hand: i64,
    /// What may still be promised: on hand less reserved. Kept by conditional writes; never below zero by our doing.
    pub available: i64,
}

/// A change of stock that is committed together with the fact that causes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockMove {
    /// Which SKU.
    pub sku: Sku,
    /// Where.
    pub location: LocationId,
    /// Change of what is there.
    pub on_hand: i64,
    /// Change of what may be promised. A negative change is refused when less is available.
    pub available: i64,
}

impl Item {
    /// Units that may be promised over the given locations.
    #[must_use]
    pub fn available_at<'a>(&self, locations: impl IntoIterator<Item = &'a LocationId>) -> i64 {
        locations.into_iter().filter_map(|l| self.stock.get(l)).map(|s| s.available.max(0)).sum()
    }
}
