//! Where an order ships from, by rules in data.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::demand::Units;
use crate::event::{Allocation, Decision, Event, LineQuantity};
use crate::ids::{ConnectionId, CountryCode, LocationId, Sku};
use crate::item::{Item, Movement, StockMove, merged};
use crate::kit::{Kits, kits_among, makeable, moved, scarcest};
use crate::order::Order;
use crate::settings::{ChannelSettings, Prefer, SourcingRule, Split};

/// Sets of locations beyond this size are not weighed against each other: each location in turn gives what it has.
const MOST_WEIGHED: usize = 3;

/// The outcome of sourcing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sourcing {
    /// All open units are promised: facts and reservations to commit together.
    Promised(Decision),
    /// Not enough of a SKU: the task waits for it.
    Short(Short),
    /// No location serves the country.
    Nowhere,
}

/// Not enough of a SKU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Short {
    /// The first SKU that is missing; of a kit, the component that is.
    pub sku: Sku,
    /// How many units are missing.
    pub missing: i64,
    /// The location that is asked first.
    pub at: LocationId,
    /// What the kits among the order are made of.
    pub kits: Kits,
}

/// One SKU that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// Position of the line.
    pub line: usize,
    /// What.
    pub sku: Sku,
    /// Units.
    pub quantity: u32,
}

/// What each location gives, in the order in which they are asked.
pub type Plan = Vec<(LocationId, Vec<Want>)>;

/// What a decision may give away: what may be promised to anybody, and what is held for this order, which nobody who
/// waits comes before.
#[derive(Clone, Copy)]
pub struct Supply<'a> {
    /// Items, and what the kits among them are made of.
    pub items: &'a BTreeMap<Sku, Item>,
    /// What is held for this order.
    pub held: &'a Units,
    /// Whether it is for an order that has waited for stock: what others wait for is no reason then.
    pub has_waited: bool,
}

/// Stock that this decision may still give away.
struct Free<'a> {
    supply: Supply<'a>,
    taken: BTreeMap<(LocationId, Sku), i64>,
}

impl Free<'_> {
    fn components(&self, sku: &Sku) -> Option<&BTreeMap<Sku, u32>> {
        self.supply.items.get(sku).filter(|item| item.is_kit()).map(|item| &item.components)
    }

    /// Units of a SKU that is no kit.
    fn of(&self, rule: &SourcingRule, sku: &Sku) -> i64 {
        let of = if self.supply.has_waited { Item::promisable_to_waiters } else { Item::promisable };
        let promisable = self.supply.items.get(sku).map_or(0, |item| of(item, &rule.location));
        let held: i64 = held_at(self.supply.held, &rule.location, sku).map(|(_, units)| units).sum();
        (promisable - rule.keep_back).max(0) + held
            - self.taken.get(&(rule.location.clone(), sku.clone())).copied().unwrap_or(0)
    }

    fn at(&self, rule: &SourcingRule, sku: &Sku) -> i64 {
        match self.components(sku) {
            Some(components) => makeable(components, |component| self.of(rule, component)),
            None => self.of(rule, sku),
        }
    }

    fn take(&mut self, rule: &SourcingRule, want: &Want) -> u32 {
        let quantity = u32::try_from(self.at(rule, &want.sku).max(0)).unwrap_or(u32::MAX).min(want.quantity);
        let own = BTreeMap::from([(want.sku.clone(), 1)]);
        let parts = self.components(&want.sku).unwrap_or(&own).clone();
        for (sku, units) in parts {
            *self.taken.entry((rule.location.clone(), sku)).or_default() += i64::from(quantity) * i64::from(units);
        }
        quantity
    }

    /// What of a SKU is missing: of a kit the component of which the fewest are left where is asked first.
    fn missing(&self, first: &SourcingRule, want: &Want) -> (Sku, i64) {
        let open = i64::from(want.quantity);
        let scarce = self.components(&want.sku).and_then(|components| scarcest(components, |sku| self.of(first, sku)));
        let Some((sku, units)) = scarce else { return (want.sku.clone(), open) };
        (sku.clone(), (open * i64::from(units) - self.of(first, sku).max(0)).max(1))
    }
}

/// Chooses locations for all units of an order that are not promised yet. All or nothing: an order that cannot be
/// promised whole waits for the first SKU that is short.
#[must_use]
pub fn source(order: &Order, items: &BTreeMap<Sku, Item>, settings: &ChannelSettings, now: Timestamp) -> Sourcing {
    let rules = rules_for(settings, order.country(), now);
    let Some(preferred) = rules.first().map(|rule| rule.location.clone()) else { return Sourcing::Nowhere };
    let wants = order
        .unallocated()
        .filter_map(|(line, bought, quantity)| Some(Want { line, sku: bought.sku.clone()?, quantity }));
    let wants: Vec<Want> = wants.collect();
    let kits = kits_among(wants.iter().map(|want| &want.sku), items);
    let held = order.units_held();
    let supply = Supply { items, held: &held, has_waited: order.has_waited_for_stock() };
    match plan(&wants, &rules, supply, settings.sourcing.split) {
        Ok(plan) => {
            let promise =
                Promise { channel: &order.id.connection, seed: seed(order), supply, kits: &kits, rules: &rules };
            let moves = promise.moves(&plan);
            Sourcing::Promised(Decision { events: allocations(order, plan, (&kits, &rules), now), moves })
        }
        Err((sku, missing)) => Sourcing::Short(Short { sku, missing, at: preferred, kits }),
    }
}

/// The locations that serve a country, the one to be asked first first.
#[must_use]
pub fn rules_for<'a>(
    settings: &'a ChannelSettings,
    country: Option<&CountryCode>,
    now: Timestamp,
) -> Vec<&'a SourcingRule> {
    let mut rules: Vec<&SourcingRule> = settings.rules_for(country).collect();
    if settings.sourcing.prefer == Prefer::Soonest {
        // A location without a calendar always works; one that never does comes last.
        rules
            .sort_by_key(|rule| rule.calendar.as_ref().map_or(now, |days| days.ship_by(now).unwrap_or(Timestamp::MAX)));
    }
    rules
}

/// Which location gives what: the fewest parcels, and of as many the locations that are preferred.
///
/// # Errors
/// The first SKU that is short, and by how much.
pub fn plan(wants: &[Want], rules: &[&SourcingRule], supply: Supply<'_>, split: Split) -> Result<Plan, (Sku, i64)> {
    let most = split.most(rules.len());
    for size in 1..=most.min(MOST_WEIGHED) {
        for chosen in combinations(rules, size) {
            if let Ok(plan) = taken_from(&chosen, wants, supply) {
                return Ok(plan);
            }
        }
    }
    // Where one parcel is allowed, the preferred location says what is short.
    let reach = if most == 1 { rules.get(..1).unwrap_or_default() } else { rules };
    let plan = taken_from(reach, wants, supply)?;
    match wants.first() {
        // Enough is there, over more locations than an order may ship from.
        Some(first) if plan.len() > most => Err((first.sku.clone(), i64::from(first.quantity))),
        Some(_) | None => Ok(plan),
    }
}

/// All ways to choose so many of the rules, in order of preference.
fn combinations<'a>(rules: &[&'a SourcingRule], size: usize) -> Vec<Vec<&'a SourcingRule>> {
    if size == 0 {
        return vec![Vec::new()];
    }
    let with = |first: usize| {
        let rest = combinations(rules.get(first + 1..).unwrap_or_default(), size - 1);
        rest.into_iter()
            .filter_map(move |others| Some(std::iter::once(*rules.get(first)?).chain(others).collect::<Vec<_>>()))
    };
    (0..rules.len()).flat_map(with).collect()
}

fn taken_from(rules: &[&SourcingRule], wants: &[Want], supply: Supply<'_>) -> Result<Plan, (Sku, i64)> {
    let mut free = Free { supply, taken: BTreeMap::new() };
    let mut open = wants.to_vec();
    let mut plan = Plan::new();
    for rule in rules {
        let mut given = Vec::new();
        for want in open.iter_mut().filter(|want| want.quantity > 0) {
            let quantity = free.take(rule, want);
            if quantity > 0 {
                want.quantity -= quantity;
                given.push(Want { quantity, ..want.clone() });
            }
        }
        if !given.is_empty() {
            plan.push((rule.location.clone(), given));
        }
    }
    match (open.into_iter().find(|want| want.quantity > 0), rules.first()) {
        (Some(short), Some(first)) => Err(free.missing(first, &short)),
        (Some(short), None) => Err((short.sku, i64::from(short.quantity))),
        (None, _) => Ok(plan),
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

/// The facts of a plan.
fn allocations(order: &Order, plan: Plan, (kits, rules): (&Kits, &[&SourcingRule]), now: Timestamp) -> Vec<Event> {
    let allocation = |(number, (location, wants)): (u32, (LocationId, Vec<Want>))| {
        let kits = kits.iter().filter(|(kit, _)| wants.iter().any(|want| want.sku == **kit));
        let kits = kits.map(|(kit, components)| (kit.clone(), components.clone())).collect();
        let lines = wants.iter().map(|want| LineQuantity { line: want.line, quantity: want.quantity }).collect();
        let rule = rules.iter().find(|rule| rule.location == location);
        let ship_by = rule.and_then(|rule| rule.calendar.as_ref()?.ship_by(now));
        Event::OrderAllocated(Allocation { number, location, lines, kits, ship_by })
    };
    (order.next_allocation()..).zip(plan).map(allocation).collect()
}

/// What is promised by a plan, and to whom.
pub(crate) struct Promise<'a> {
    /// Whose promise it is.
    pub(crate) channel: &'a ConnectionId,
    /// From which part of a SKU's stock is taken first.
    pub(crate) seed: u64,
    /// What it is made of.
    pub(crate) supply: Supply<'a>,
    /// What the kits among it are made of.
    pub(crate) kits: &'a Kits,
    /// The locations that were asked.
    pub(crate) rules: &'a [&'a SourcingRule],
}

impl Promise<'_> {
    /// What is promised of each SKU at each location, through kits too.
    pub(crate) fn moves(&self, plan: &Plan) -> Vec<StockMove> {
        let promised = plan.iter().flat_map(|(location, wants)| {
            wants.iter().flat_map(move |want| {
                let sold = StockMove {
                    reserved: i64::from(want.quantity),
                    channel: Some(self.channel.clone()),
                    ..StockMove::new(Movement::Reserved, want.sku.clone(), location.clone())
                };
                moved(self.kits, sold)
            })
        });
        let mut by_place: BTreeMap<(Sku, LocationId), Vec<StockMove>> = BTreeMap::new();
        for stock in merged(promised) {
            by_place.entry((stock.sku.clone(), stock.location.clone())).or_default().push(stock);
        }
        merged(by_place.into_values().flat_map(|moves| self.by_part(moves)))
    }

    /// The promises of one SKU at one location, each out of the parts of its stock that have it. What is held for the
    /// order comes first, in the parts where it is held, so that it costs nobody anything.
    fn by_part(&self, moves: Vec<StockMove>) -> Vec<StockMove> {
        let Some(first) = moves.first() else { return moves };
        let (Some(item), false) = (self.supply.items.get(&first.sku), self.kits.contains_key(&first.sku)) else {
            return moves;
        };
        let rule = self.rules.iter().find(|rule| rule.location == first.location);
        let keep_back = rule.map_or(0, |rule| rule.keep_back);
        let mut left: i64 = moves.iter().map(|stock| stock.reserved).sum();
        let mut parts = Vec::new();
        for (part, units) in held_at(self.supply.held, &first.location, &first.sku) {
            let units = units.min(left);
            left -= units;
            parts.push(item.promise((&first.location, part), units, keep_back));
        }
        if left > 0 {
            parts.extend(item.reserve((&first.location, left), keep_back, self.seed));
        }
        let channels = moves.iter().filter_map(|stock| Some((stock.channel.clone()?, stock.reserved)));
        shared_out(parts, channels.collect())
    }
}

/// The parts that stock is taken from, handed out to those for whom it is.
fn shared_out(parts: Vec<StockMove>, channels: Vec<(ConnectionId, i64)>) -> Vec<StockMove> {
    let mut open = channels;
    let mut moves = Vec::new();
    for part in parts {
        let mut left = part.reserved;
        for (channel, units) in &mut open {
            let given = left.min(*units);
            if given > 0 {
                (left, *units) = (left - given, *units - given);
                moves.push(StockMove { reserved: given, channel: Some(channel.clone()), ..part.clone() });
            }
        }
    }
    moves
}
