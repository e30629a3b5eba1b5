//! What an ERP says it sells.

use std::collections::BTreeMap;

use crossdock_domain::event::FailureClass;
use crossdock_domain::{Currency, Minor};
use jiff::Timestamp;

/// One page of an ERP's items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CataloguePage {
    /// Items that have changed.
    pub items: Vec<CatalogueItem>,
    /// Of them: those that the ERP tells in a way that cannot be kept.
    pub faulty: Vec<FaultyItem>,
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

/// An item that the ERP tells in a way that cannot be kept. The others are none the worse for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultyItem {
    /// Its identity in the ERP.
    pub id: String,
    /// The SKU, as the ERP writes it, if it has one.
    pub sku: Option<String>,
    /// Whether it is sold.
    pub active: bool,
    /// The class of failure.
    pub class: FailureClass,
    /// What is wrong, and what to do there.
    pub reason: String,
    /// When it was last changed.
    pub changed_at: Timestamp,
}

impl CatalogueItem {
    /// The item as one that cannot be kept.
    #[must_use]
    pub fn faulty(self, class: FailureClass, reason: String) -> FaultyItem {
        let Self { id, sku, active, changed_at, .. } = self;
        FaultyItem { id, sku: Some(sku).filter(|sku| !sku.is_empty()), active, class, reason, changed_at }
    }
}
