//! Where an order ships from, by rules in data.

use std::collections::BTreeMap;

use crate::event::{Allocation, Decision, Event, LineQuantity};
use crate::ids::{LocationId, Sku};
use crate::item::{Item, merged};
use crate::order::Order;
use crate::settings::{ChannelSettings, Split};

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
        /// The location that is asked first.
        at: LocationId,
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
        let promisable = self.items.get(sku).map_or(0, |item| item.promisable(location));
        promisable - self.taken.get(&(location.clone(), sku.clone())).copied().unwrap_or(0)
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
    let Some(preferred) = locations.first().map(|location| (*location).clone()) else { return Sourcing::Nowhere };
    let whole = locations.iter().find_map(|location| split_over(&[location], &wants, items).ok());
    // No single location has all: the preferred one says what is short where splitting is not allowed.
    let reach = match settings.sourcing.split {
        Split::Allowed => locations.as_slice(),
        Split::Never => locations.get(..1).unwrap_or_default(),
    };
    let planned = whole.map_or_else(|| split_over(reach, &wants, items), Ok);
    match planned {
        Ok(plan) => Sourcing::Promised(promise(order, plan, items)),
        Err((sku, missing)) => Sourcing::Short { sku, missing, at: preferred },
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

/// An order's name, as a number: it decides from which part of a SKU's stock is taken first.
#[must_use]
pub fn seed(order: &Order) -> u64 {
    let name = order.id.stream();
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn promise(order: &Order, plan: Plan, items: &BTreeMap<Sku, Item>) -> Decision {
    let mut wanted: BTreeMap<(&Sku, &LocationId), i64> = BTreeMap::new();
    for (location, wants) in &plan {
        for want in wants {
            *wanted.entry((&want.sku, location)).or_default() += i64::from(want.quantity);
        }
    }
    let moves = wanted.into_iter().filter_map(|((sku, location), quantity)| {
        Some(items.get(sku)?.reserve((location, quantity), &order.id.connection, seed(order)))
    });
    let moves = merged(moves.flatten());
    let events = (order.next_allocation()..).zip(plan).map(|(number, (location, wants))| {
        let lines = wants.iter().map(|want| LineQuantity { line: want.line, quantity: want.quantity }).collect();
        Event::OrderAllocated(Allocation { number, location, lines })
    });
    Decision { events: events.collect(), moves }
}
