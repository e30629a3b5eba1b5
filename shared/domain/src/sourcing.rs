//! Where an order ships from, by rules in data.

use std::collections::BTreeMap;

use crate::demand::Units;
use crate::event::{Allocation, Decision, Event, LineQuantity};
use crate::hold::HoldLine;
use crate::ids::{ConnectionId, LocationId, Sku};
use crate::item::{Item, StockMove, merged};
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

/// What a decision may give away: what may be promised to anybody, and what is held for this order, which nobody who
/// waits comes before.
#[derive(Clone, Copy)]
struct Supply<'a> {
    items: &'a BTreeMap<Sku, Item>,
    held: &'a Units,
}

/// Stock that this decision may still give away.
struct Free<'a> {
    supply: Supply<'a>,
    taken: BTreeMap<(LocationId, Sku), i64>,
}

impl Free<'_> {
    fn at(&self, location: &LocationId, sku: &Sku) -> i64 {
        let promisable = self.supply.items.get(sku).map_or(0, |item| item.promisable(location));
        let held: i64 = held_at(self.supply.held, location, sku).map(|(_, units)| units).sum();
        promisable + held - self.taken.get(&(location.clone(), sku.clone())).copied().unwrap_or(0)
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
    let held = order.units_held();
    match choose(&locations, &wants, Supply { items, held: &held }, settings.sourcing.split) {
        Ok(plan) => Sourcing::Promised(promise(order, plan, Supply { items, held: &held })),
        Err((sku, missing)) => Sourcing::Short { sku, missing, at: preferred },
    }
}

/// Where so many units would come from for a buyer who has not ordered yet, as they would for an order; `None` where not
/// all of them can be promised.
pub(crate) fn place(
    locations: &[&LocationId],
    wanted: &[(Sku, u32)],
    items: &BTreeMap<Sku, Item>,
    split: Split,
) -> Option<Vec<HoldLine>> {
    let wants = wanted.iter().enumerate();
    let wants: Vec<Want> =
        wants.map(|(line, (sku, quantity))| Want { line, sku: sku.clone(), quantity: *quantity }).collect();
    let plan = choose(locations, &wants, Supply { items, held: &Units::new() }, split).ok()?;
    let placed = plan.into_iter().flat_map(|(location, wants)| {
        wants.into_iter().map(move |want| HoldLine {
            sku: want.sku,
            location: location.clone(),
            quantity: want.quantity,
        })
    });
    Some(placed.collect())
}

fn choose(locations: &[&LocationId], wants: &[Want], supply: Supply<'_>, split: Split) -> Result<Plan, (Sku, i64)> {
    let whole = locations.iter().find_map(|location| split_over(&[location], wants, supply).ok());
    // No single location has all: the preferred one says what is short where splitting is not allowed.
    let reach = match split {
        Split::Allowed => locations,
        Split::Never => locations.get(..1).unwrap_or_default(),
    };
    whole.map_or_else(|| split_over(reach, wants, supply), Ok)
}

type Plan = Vec<(LocationId, Vec<Want>)>;

fn split_over(locations: &[&LocationId], wants: &[Want], supply: Supply<'_>) -> Result<Plan, (Sku, i64)> {
    let mut free = Free { supply, taken: BTreeMap::new() };
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
    seed_of(&order.id.stream())
}

/// The same of any stream.
pub(crate) fn seed_of(stream: &str) -> u64 {
    stream
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// What is held of a SKU at a location, part by part.
fn held_at<'a>(held: &'a Units, location: &LocationId, sku: &Sku) -> impl Iterator<Item = (u16, i64)> + 'a {
    let first = (sku.clone(), location.clone(), 0);
    let last = (sku.clone(), location.clone(), u16::MAX);
    held.range(first..=last).map(|((_, _, part), units)| (*part, *units))
}

/// Promises units to an order: what is held for it comes first, in the parts where it is held, so that it costs nobody
/// anything; the rest is asked of the stock.
fn reserve(
    item: &Item,
    held: &Units,
    (location, quantity): (&LocationId, i64),
    (channel, seed): (&ConnectionId, u64),
) -> Vec<StockMove> {
    let mut left = quantity;
    let mut moves = Vec::new();
    for (part, units) in held_at(held, location, &item.sku) {
        let units = units.min(left);
        left -= units;
        moves.push(item.promise((location, part), units, channel));
    }
    if left > 0 {
        moves.extend(item.reserve((location, left), channel, seed));
    }
    moves
}

fn promise(order: &Order, plan: Plan, supply: Supply<'_>) -> Decision {
    let mut wanted: BTreeMap<(&Sku, &LocationId), i64> = BTreeMap::new();
    for (location, wants) in &plan {
        for want in wants {
            *wanted.entry((&want.sku, location)).or_default() += i64::from(want.quantity);
        }
    }
    let moves = wanted.into_iter().filter_map(|((sku, location), quantity)| {
        let item = supply.items.get(sku)?;
        Some(reserve(item, supply.held, (location, quantity), (&order.id.connection, seed(order))))
    });
    let moves = merged(moves.flatten().filter(|stock| stock.reserved != 0));
    let events = (order.next_allocation()..).zip(plan).map(|(number, (location, wants))| {
        let lines = wants.iter().map(|want| LineQuantity { line: want.line, quantity: want.quantity }).collect();
        Event::OrderAllocated(Allocation { number, location, lines })
    });
    Decision { events: events.collect(), moves }
}
