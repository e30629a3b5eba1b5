//! Where an order ships from, by rules in data.

use std::collections::BTreeMap;

use crate::event::{Allocation, Decision, Event, LineQuantity};
use crate::ids::{LocationId, Sku};
use crate::item::{Item, StockMove};
use crate::order::Order;
use crate::settings::{ChannelSettings, Split};
use crate::shipping::merged;

/// The outcome of sourcing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sourcing {
    /// All open units are promised: facts and reservations to commit together.
    Promised(Decision),
    /// Not enough of a SKU: the task waits for it.
    Short {
        /// The first SKU that is missing.
        sku: Sku,
        /// How many units are missing.
        missing: i64,
    },
    /// No location serves the country.
    Nowhere,
}

/// Stock that this decision may still give away.
struct Free<'a> {
    items: &'a BTreeMap<Sku, Item>,
    taken: BTreeMap<(LocationId, Sku), i64>,
}

impl Free<'_> {
    fn at(&self, location: &LocationId, sku: &Sku) -> i64 {
        let available = self.items.get(sku).and_then(|item| item.stock.get(location)).map_or(0, |s| s.available);
        available - self.taken.get(&(location.clone(), sku.clone())).copied().unwrap_or(0)
    }

    fn take(&mut self, location: &LocationId, want: &Want) -> u32 {
        let quantity = u32::try_from(self.at(location, &want.sku).max(0)).unwrap_or(u32::MAX).min(want.quantity);
        *self.taken.entry((location.clone(), want.sku.clone())).or_default() += i64::from(quantity);
        quantity
    }
}

#[derive(Clone)]
struct Want {
    line: usize,
    sku: Sku,
    quantity: u32,
}

/// Chooses locations for all units of an order that are not promised yet. One location that has everything wins, in
/// order of preference; otherwise, where splitting is allowed, each location in turn gives what it has. All or
/// nothing: an order that cannot be promised whole waits for the first SKU that is short.
#[must_use]
pub fn source(order: &Order, items: &BTreeMap<Sku, Item>, settings: &ChannelSettings) -> Sourcing {
    let locations: Vec<&LocationId> = settings.locations_for(order.country()).collect();
    let wants: Vec<Want> = order
        .unallocated()
        .filter_map(|(line, bought, quantity)| Some(Want { line, sku: bought.sku.clone()?, quantity }))
        .collect();
    if locations.is_empty() {
        return Sourcing::Nowhere;
    }
    let whole = locations.iter().find_map(|location| split_over(&[location], &wants, items).ok());
    // No single location has all: the preferred one says what is short where splitting is not allowed.
    let reach = match settings.sourcing.split {
        Split::Allowed => locations.as_slice(),
        Split::Never => locations.get(..1).unwrap_or_default(),
    };
    let planned = whole.map_or_else(|| split_over(reach, &wants, items), Ok);
    match planned {
        Ok(plan) => Sourcing::Promised(promise(order, plan)),
        Err((sku, missing)) => Sourcing::Short { sku, missing },
    }
}

type Plan = Vec<(LocationId, Vec<Want>)>;

fn split_over(locations: &[&LocationId], wants: &[Want], items: &BTreeMap<Sku, Item>) -> Result<Plan, (Sku, i64)> {
    let mut free = Free { items, taken: BTreeMap::new() };
    let mut open = wants.to_vec();
    let mut plan = Plan::new();
    for location in locations {
        let mut given = Vec::new();
        for want in open.iter_mut().filter(|want| want.quantity > 0) {
            let quantity = free.take(location, want);
            if quantity > 0 {
                want.quantity -= quantity;
                given.push(Want { quantity, ..want.clone() });
            }
        }
        if !given.is_empty() {
            plan.push(((*location).clone(), given));
        }
    }
    match open.into_iter().find(|want| want.quantity > 0) {
        Some(short) => Err((short.sku, i64::from(short.quantity))),
        None => Ok(plan),
    }
}

fn promise(order: &Order, plan: Plan) -> Decision {
    let reserve = |location: &LocationId, want: &Want| StockMove {
        sku: want.sku.clone(),
        location: location.clone(),
        on_hand: 0,
        available: -i64::from(want.quantity),
    };
    let moves = merged(plan.iter().flat_map(|(location, wants)| wants.iter().map(|want| reserve(location, want))));
    let events = (order.next_allocation()..).zip(plan).map(|(number, (location, wants))| {
        let lines = wants.iter().map(|want| LineQuantity { line: want.line, quantity: want.quantity }).collect();
        Event::OrderAllocated(Allocation { number, location, lines })
    });
    Decision { events: events.collect(), moves }
}
