//! From what a connector tells of an item to what the catalogue may keep, or to what is wrong with it.

use std::collections::BTreeMap;

use crossdock_connectors::{CatalogueItem, FaultyItem};
use crossdock_domain::catalogue::{ItemRefused, Word};
use crossdock_domain::event::FailureClass;
use crossdock_domain::{ConnectionId, Sku};

/// Reads an item.
pub(crate) fn word(erp: &ConnectionId, item: CatalogueItem) -> Result<Word, FaultyItem> {
    if item.sku.trim().is_empty() {
        let reason = format!("{erp}'s item {} has no SKU; give it one there, or make it inactive", item.id);
        return Err(item.faulty(FailureClass::Mapping, reason));
    }
    let sku = match item.sku.parse::<Sku>() {
        Ok(sku) => sku,
        Err(error) => {
            let reason = format!("the SKU of {erp}'s item {} cannot be used: {error}; correct it there", item.id);
            return Err(item.faulty(FailureClass::Value, reason));
        }
    };
    let mut components: BTreeMap<Sku, u32> = BTreeMap::new();
    for (component, units) in &item.components {
        let Ok(component) = component.parse::<Sku>() else {
            let reason = format!(
                "a component of {erp}'s kit {} has a SKU that cannot be used; correct that item there",
                item.id
            );
            return Err(item.faulty(FailureClass::Value, reason));
        };
        let sum = components.entry(component).or_default();
        *sum = sum.saturating_add(*units);
    }
    let CatalogueItem { id, active, prices, changed_at, .. } = item;
    Ok(Word { erp: erp.clone(), id, sku, active, prices, components, changed_at })
}

/// The fact that an item cannot be kept.
pub(crate) fn refused(erp: &ConnectionId, fault: FaultyItem) -> ItemRefused {
    // For people: what an ERP writes may be of any length.
    let sku = fault.sku.map(|sku| sku.chars().take(100).collect());
    let FaultyItem { id, class, reason, changed_at, .. } = fault;
    ItemRefused { erp: erp.clone(), item: id, sku, class, reason, changed_at }
}
