//! What an ERP says it sells.

use std::collections::BTreeMap;

use crossdock_domain::{Currency, Minor};
use jiff::Timestamp;

/// One page of an ERP's items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CataloguePage {
    /// Items that have changed.
    pub items: Vec<CatalogueItem>,
    /// What to ask for the next page with; `None` on the last one.
    pub next: Option<String>,
}

/// An item as the ERP has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueItem {
    /// Its identity in the ERP.
    pub id: String,
    /// The SKU, as the ERP writes it.
    pub sku: String,
    /// Its name, for people.
    pub name: Option<String>,
    /// Whether it is sold.
    pub active: bool,
    /// The price of one unit by currency, of those that the connection's settings map. Whether tax is included is the
    /// ERP's price level's to say.
    pub prices: BTreeMap<Currency, Minor>,
    /// Of a kit, SKU and units of each member; empty for everything else.
    pub components: Vec<(String, u32)>,
    /// When it was last changed.
    pub changed_at: Timestamp,
}
