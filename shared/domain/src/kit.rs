//! Kits: sold, handed to the 3PL and posted as one item, kept as what they are made of.
//!
//! A kit has no stock of its own: as many can be promised as its components make. What is promised of a kit is promised
//! of its components, under the name [`ConnectionId::kits`], because no storefront takes it off the components by itself.
//! The kit's own counters say only what orders have of it (`on_hand` = `reserved` + `waiting`), which is what a storefront
//! takes off the kit.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{ConnectionId, LocationId, Sku};
use crate::item::{Item, Stock, StockMove};

/// What kits are made of: units of each component in one kit.
pub type Kits = BTreeMap<Sku, BTreeMap<Sku, u32>>;

/// The most components that a kit is made of: an order of it moves all of them in one transaction.
pub const MOST_COMPONENTS: usize = 20;

/// The kits among some SKUs.
#[must_use]
pub fn kits_among<'a>(skus: impl IntoIterator<Item = &'a Sku>, items: &BTreeMap<Sku, Item>) -> Kits {
    let kit = |sku: &Sku| Some((sku.clone(), items.get(sku)?.components.clone()));
    skus.into_iter().filter_map(kit).filter(|(_, components)| !components.is_empty()).collect()
}

/// What some items are made of, as far as it is not among them.
#[must_use]
pub fn components_beyond(items: &BTreeMap<Sku, Item>) -> Vec<Sku> {
    let all: BTreeSet<&Sku> = items.values().flat_map(|item| item.components.keys()).collect();
    all.into_iter().filter(|sku| !items.contains_key(sku)).cloned().collect()
}

/// Why an item cannot be made of these components from now on. `others` has what is known of them, `kits` the kits that it
/// is, or was, a component of. A component that nobody knows yet is no reason: nothing can be made of it until then.
#[must_use]
pub fn refusal(
    item: &Item,
    components: &BTreeMap<Sku, u32>,
    others: &BTreeMap<Sku, Item>,
    kits: &BTreeMap<Sku, Item>,
) -> Option<String> {
    let sku = &item.sku;
    if item.components == *components {
        return None;
    }
    if item.stock.values().any(|stock| stock.on_hand != 0 || stock.reserved() != 0) {
        return Some(format!(
            "there is stock of {sku}, or orders have it: what it is made of can be changed once there is none and they have \
             left"
        ));
    }
    if components.len() > MOST_COMPONENTS {
        return Some(format!("{sku} is made of more than {MOST_COMPONENTS} components"));
    }
    let is_kit = |sku: &Sku| others.get(sku).is_some_and(Item::is_kit);
    if let Some(component) = components.keys().find(|component| *component == sku || is_kit(component)) {
        return Some(format!(
            "{component} cannot be a component of {sku}: a kit is made of no kits, and not of itself"
        ));
    }
    let kit = kits.values().find(|kit| !components.is_empty() && kit.components.contains_key(sku))?;
    Some(format!("{sku} is a component of {}, and a kit is made of no kits", kit.sku))
}

/// How many kits can be made of what is free of each component.
#[must_use]
pub fn makeable(components: &BTreeMap<Sku, u32>, free: impl Fn(&Sku) -> i64) -> i64 {
    let of = |(sku, units): (&Sku, &u32)| free(sku).max(0) / i64::from((*units).max(1));
    components.iter().map(of).min().unwrap_or(0)
}

/// The component of which the fewest kits can be made.
#[must_use]
pub fn scarcest(components: &BTreeMap<Sku, u32>, free: impl Fn(&Sku) -> i64) -> Option<(&Sku, u32)> {
    let of = |(sku, units): &(&Sku, &u32)| free(sku).max(0) / i64::from((**units).max(1));
    components.iter().min_by_key(of).map(|(sku, units)| (sku, *units))
}

/// Units of a SKU in one unit of what is sold: of itself, or as a component.
#[must_use]
pub fn units_in(kits: &Kits, sold: &Sku, sku: &Sku) -> i64 {
    match kits.get(sold) {
        Some(components) => components.get(sku).copied().map_or(0, i64::from),
        None => i64::from(sold == sku),
    }
}

/// What moves when something that was sold moves: of a kit its components, and the kit as far as it is promised.
#[must_use]
pub fn moved(kits: &Kits, stock: StockMove) -> Vec<StockMove> {
    let Some(components) = kits.get(&stock.sku) else { return vec![stock] };
    let of_component = |(sku, units): (&Sku, &u32)| StockMove {
        sku: sku.clone(),
        channel: (stock.reserved != 0).then(ConnectionId::kits),
        ..stock.times(i64::from(*units))
    };
    let mut moves: Vec<StockMove> = components.iter().map(of_component).collect();
    if stock.reserved != 0 {
        moves.push(StockMove { on_hand: stock.reserved, quarantine: 0, ..stock });
    }
    moves
}

/// Units that a channel may promise of a SKU at a location, of which it leaves some to others; be it a kit or not. `items`
/// has its components too.
#[must_use]
pub fn promisable(item: &Item, (location, keep_back): (&LocationId, i64), items: &BTreeMap<Sku, Item>) -> i64 {
    let of = |item: &Item| (item.promisable(location) - keep_back).max(0);
    if !item.is_kit() {
        return of(item);
    }
    makeable(&item.components, |sku| items.get(sku).map_or(0, of))
}

/// What a storefront is to show of an item at a location as on hand, of which it takes off its own orders itself; its channel
/// leaves so many units to others.
#[must_use]
pub fn to_show(
    item: &Item,
    storefront: &ConnectionId,
    (location, keep_back): (&LocationId, i64),
    items: &BTreeMap<Sku, Item>,
) -> i64 {
    let none = Stock::default();
    let stock = item.stock.get(location).unwrap_or(&none);
    if !item.is_kit() {
        return stock.to_show(storefront, item.floor(location) + keep_back);
    }
    promisable(item, (location, keep_back), items) + stock.to_show(storefront, 0)
}
