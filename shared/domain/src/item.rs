//! Items of the catalogue with their stock: one record per SKU, so that a cart is priced and promised in one read.
//!
//! Stock of one SKU at one location is a handful of counters. Every change of them is a [`StockMove`], committed in the
//! transaction of the fact that causes it, and one row of the SKU's ledger. `available = on_hand − quarantine − reserved`
//! holds by construction: a move names the other three, and what may be promised follows.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::catalogue::Told;
use crate::identities::Identities;
use crate::ids::{ConnectionId, LocationId, Sku};
use crate::money::{Currency, Minor};

/// One SKU: its price list, its identities elsewhere, its rules and its stock per location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The SKU.
    pub sku: Sku,
    /// Price of one unit per currency, as the price list of the channel has it.
    #[serde(default)]
    pub prices: BTreeMap<Currency, Minor>,
    /// The item's identities in each outside system, by connection.
    #[serde(default)]
    pub identities: Identities,
    /// Stock per location, over all parts of a location's stock.
    #[serde(default)]
    pub stock: BTreeMap<LocationId, Stock>,
    /// Units per location that are promised to nobody, so that a count that was too high sells nothing that is not
    /// there. Below zero: so many units may be promised before they are there (a pre-order allowance).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub safety: BTreeMap<LocationId, i64>,
    /// A kit's components with units of each; empty for anything else ([`crate::kit`]).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub components: BTreeMap<Sku, u32>,
    /// The ERP sells it no more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inactive: bool,
    /// Which item of the ERP it is by the ERP's own word, and what that word was of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
    /// How often its catalogue data was kept: who has read another number has read something else.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revision: i64,
    /// In how many parts its stock is kept, each a record of its own, so that many buyers of one SKU do not write the
    /// same record. Part 0 is this record.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub parts: u16,
    /// Stock of the parts beyond part 0, by location, from part 1; filled when the item is read, never stored here.
    #[serde(skip)]
    pub spread: BTreeMap<LocationId, Vec<Stock>>,
}

/// Stock of one SKU at one location, in units.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stock {
    /// What is there, whatever its state.
    pub on_hand: i64,
    /// What may still be promised: on hand, neither quarantined nor reserved. Kept by conditional writes; never below
    /// its floor by our doing, though a count may take it there.
    pub available: i64,
    /// Of what is there: not fit for sale.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub quarantine: i64,
    /// On the way to here.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub in_transit: i64,
    /// Demanded by orders for which there was not enough, by the connection that took them.
    #[serde(default)]
    pub waiting: BTreeMap<ConnectionId, i64>,
    /// Promised and not gone yet, by the connection that took the orders.
    #[serde(default)]
    pub reserved: BTreeMap<ConnectionId, i64>,
    /// Gone, and the storefront has not been told yet, by storefront: it still counts them as on hand.
    #[serde(default)]
    pub untold: BTreeMap<ConnectionId, i64>,
    /// Units in all of which a storefront was told that they left: it has taken them off itself.
    #[serde(default)]
    pub told: BTreeMap<ConnectionId, i64>,
    /// What was last shown at each storefront.
    #[serde(default)]
    pub shown: BTreeMap<ConnectionId, Shown>,
    /// When it was last counted, by the counter's clock: what happened before is in that count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_at: Option<Timestamp>,
    /// How often it has changed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub version: i64,
    /// How often what is there has changed: a count that was read against it holds only while this stays.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub physical: i64,
}

/// What was shown at a storefront as on hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Units.
    pub on_hand: i64,
    /// What `told` was then: units told since have come off what it shows.
    pub told: i64,
    /// When.
    pub at: Timestamp,
}

/// Why stock moves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Movement {
    /// Promised to an order, or to a buyer who is paying.
    #[default]
    Reserved,
    /// No longer promised.
    Released,
    /// An order waits for more than there is, or waits no longer.
    Waiting,
    /// Left.
    Shipped,
    /// The storefront was told that it left.
    Told,
    /// Came back.
    Returned,
    /// Came in.
    Received,
    /// Somebody counted.
    Counted,
    /// Found, lost, broken or repaired.
    Adjusted,
    /// Went to, or came from, another location.
    Transferred,
    /// Put into another part of the same location's stock.
    Spread,
    /// A difference that reconciliation has repaired.
    Repaired,
}

/// A change of stock that is committed together with the fact that causes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockMove {
    /// Which SKU.
    pub sku: Sku,
    /// Where.
    pub location: LocationId,
    /// In which part of the location's stock.
    #[serde(default, skip_serializing_if = "is_part_0")]
    pub part: u16,
    /// Why.
    pub why: Movement,
    /// Change of what is there.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub on_hand: i64,
    /// Change of what is there and not fit for sale.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub quarantine: i64,
    /// Change of what is on the way to here.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub in_transit: i64,
    /// Change of what is promised.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reserved: i64,
    /// Change of what has left without the storefront's knowing.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub untold: i64,
    /// Units of which the storefront was told.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub told: i64,
    /// Change of what orders wait for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waiting: i64,
    /// Whose orders `reserved`, `waiting`, `told` and `untold` are of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<ConnectionId>,
    /// So much must stay available when something is promised.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub floor: i64,
    /// What was there has not changed since it was read: `physical` still says this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<i64>,
    /// The time of a count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_at: Option<Timestamp>,
    /// When it happened outside, where that is known; otherwise it happens with its commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
}

const fn one() -> u16 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
const fn is_one(parts: &u16) -> bool {
    *parts == 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
pub(crate) const fn is_part_0(part: &u16) -> bool {
    *part == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
const fn is_zero(units: &i64) -> bool {
    *units == 0
}

impl Stock {
    /// So many units that are nobody's yet.
    #[must_use]
    pub fn of(units: i64) -> Self {
        Self { on_hand: units, available: units, ..Self::default() }
    }

    /// Units that are promised, to whomever.
    #[must_use]
    pub fn reserved(&self) -> i64 {
        self.reserved.values().sum()
    }

    /// What a storefront shows as on hand, as far as we know; `None` where nothing was ever shown.
    #[must_use]
    pub fn shown_at(&self, storefront: &ConnectionId) -> Option<i64> {
        let shown = self.shown.get(storefront)?;
        Some(shown.on_hand - (self.told.get(storefront).copied().unwrap_or(0) - shown.told))
    }

    /// What a storefront is to show as on hand: it subtracts its own orders itself, also those that we have not seen,
    /// and counts what has left as on hand until it is told. Other channels' demand and `floor` come off.
    #[must_use]
    pub fn to_show(&self, storefront: &ConnectionId, floor: i64) -> i64 {
        let others = |units: &BTreeMap<ConnectionId, i64>| -> i64 {
            units.iter().filter(|(channel, _)| *channel != storefront).map(|(_, units)| units).sum()
        };
        let untold = self.untold.get(storefront).copied().unwrap_or(0);
        let demand = others(&self.reserved) + others(&self.waiting);
        (self.on_hand - self.quarantine + untold - demand - floor).max(0)
    }

    /// Applies a move.
    pub fn apply(&mut self, stock: &StockMove) {
        self.on_hand += stock.on_hand;
        self.quarantine += stock.quarantine;
        self.in_transit += stock.in_transit;
        self.available += stock.available();
        self.version += 1;
        self.physical += i64::from(stock.is_physical());
        self.counted_at = stock.counted_at.or(self.counted_at);
        if let Some(channel) = &stock.channel {
            let counters = [
                (&mut self.reserved, stock.reserved),
                (&mut self.untold, stock.untold),
                (&mut self.told, stock.told),
                (&mut self.waiting, stock.waiting),
            ];
            for (counter, units) in counters.into_iter().filter(|(_, units)| *units != 0) {
                *counter.entry(channel.clone()).or_default() += units;
            }
        }
    }

    /// This stock and a part of it that is kept elsewhere.
    fn with(mut self, part: &Self) -> Self {
        self.on_hand += part.on_hand;
        self.available += part.available;
        self.quarantine += part.quarantine;
        self.in_transit += part.in_transit;
        self.version += part.version;
        let demand = [(&mut self.reserved, &part.reserved), (&mut self.untold, &part.untold)];
        for (sum, more) in demand.into_iter().chain([(&mut self.waiting, &part.waiting)]) {
            for (channel, units) in more {
                *sum.entry(channel.clone()).or_default() += units;
            }
        }
        self
    }
}

impl StockMove {
    /// A move of nothing yet.
    #[must_use]
    pub const fn new(why: Movement, sku: Sku, location: LocationId) -> Self {
        Self {
            sku,
            location,
            part: 0,
            why,
            on_hand: 0,
            quarantine: 0,
            in_transit: 0,
            reserved: 0,
            untold: 0,
            told: 0,
            waiting: 0,
            channel: None,
            floor: 0,
            seen: None,
            counted_at: None,
            occurred_at: None,
        }
    }

    /// Change of what may be promised. A negative change of a reservation is refused when less is available.
    #[must_use]
    pub const fn available(&self) -> i64 {
        self.on_hand - self.quarantine - self.reserved
    }

    /// Whether it is refused when not enough is there: whatever has happened outside is not.
    #[must_use]
    pub const fn is_promise(&self) -> bool {
        matches!(self.why, Movement::Reserved | Movement::Spread) && self.available() < 0
    }

    /// Whether it changes what is there, or on the way to there.
    #[must_use]
    pub const fn is_physical(&self) -> bool {
        self.on_hand != 0 || self.quarantine != 0 || self.in_transit != 0 || self.counted_at.is_some()
    }

    /// The same so many times over.
    pub(crate) fn times(&self, times: i64) -> Self {
        Self {
            on_hand: self.on_hand * times,
            quarantine: self.quarantine * times,
            in_transit: self.in_transit * times,
            reserved: self.reserved * times,
            untold: self.untold * times,
            told: self.told * times,
            waiting: self.waiting * times,
            ..self.clone()
        }
    }

    /// Whether two moves are one: the same record for the same reason.
    fn belongs_to(&self, other: &Self) -> bool {
        (&self.sku, &self.location, self.part, self.why, &self.channel)
            == (&other.sku, &other.location, other.part, other.why, &other.channel)
    }

    fn add(&mut self, other: &Self) {
        self.on_hand += other.on_hand;
        self.quarantine += other.quarantine;
        self.in_transit += other.in_transit;
        self.reserved += other.reserved;
        self.untold += other.untold;
        self.told += other.told;
        self.waiting += other.waiting;
        self.floor = self.floor.max(other.floor);
    }
}

/// One move per record and reason.
#[must_use]
pub fn merged(moves: impl Iterator<Item = StockMove>) -> Vec<StockMove> {
    let mut all: Vec<StockMove> = Vec::new();
    for next in moves {
        match all.iter_mut().find(|known| known.belongs_to(&next)) {
            Some(same) => same.add(&next),
            None => all.push(next),
        }
    }
    all
}

impl Item {
    /// An item of the catalogue of which nothing is known but its SKU.
    #[must_use]
    pub fn new(sku: Sku) -> Self {
        Self {
            sku,
            prices: BTreeMap::new(),
            identities: Identities::default(),
            stock: BTreeMap::new(),
            safety: BTreeMap::new(),
            components: BTreeMap::new(),
            inactive: false,
            told: None,
            revision: 0,
            parts: 1,
            spread: BTreeMap::new(),
        }
    }

    /// Whether it is sold as one and kept as what it is made of.
    #[must_use]
    pub fn is_kit(&self) -> bool {
        !self.components.is_empty()
    }

    /// The item with the stock of its parts beyond part 0, in their order.
    #[must_use]
    pub fn with_parts(mut self, parts: impl IntoIterator<Item = BTreeMap<LocationId, Stock>>) -> Self {
        for part in parts {
            for (location, stock) in part {
                self.spread.entry(location).or_default().push(stock);
            }
        }
        for (location, parts) in &self.spread {
            let main = self.stock.remove(location).unwrap_or_default();
            self.stock.insert(location.clone(), parts.iter().fold(main, Stock::with));
        }
        self
    }

    /// Units that must stay available at a location.
    #[must_use]
    pub fn floor(&self, location: &LocationId) -> i64 {
        self.safety.get(location).copied().unwrap_or(0)
    }

    /// Units that may still be promised at a location: orders that wait come first.
    #[must_use]
    pub fn promisable(&self, location: &LocationId) -> i64 {
        let waiting = |stock: &Stock| stock.waiting.values().sum::<i64>();
        self.stock.get(location).map_or(0, |stock| (stock.available - waiting(stock) - self.floor(location)).max(0))
    }

    /// Units that may still be promised at a location to an order that has waited itself: those that wait do not keep each
    /// other from what has come.
    #[must_use]
    pub fn promisable_to_waiters(&self, location: &LocationId) -> i64 {
        self.stock.get(location).map_or(0, |stock| (stock.available - self.floor(location)).max(0))
    }

    /// Units that are promised at a location and not there; none or fewer: all is covered. A pre-order allowance lets
    /// promises go below zero, but no further.
    #[must_use]
    pub fn uncovered(&self, location: &LocationId) -> i64 {
        self.floor(location).min(0) - self.stock.get(location).map_or(0, |stock| stock.available)
    }

    /// What each part of a location's stock has available, from part 0.
    #[must_use]
    pub fn available_by_part(&self, location: &LocationId) -> Vec<i64> {
        let beyond: Vec<i64> = self.spread.get(location).into_iter().flatten().map(|part| part.available).collect();
        let total = self.stock.get(location).map_or(0, |stock| stock.available);
        let main = total - beyond.iter().sum::<i64>();
        std::iter::once(main).chain(beyond).collect()
    }

    /// What each part of a location's stock may promise: part 0 keeps the safety stock, and what is left to others.
    fn promisable_by_part(&self, location: &LocationId, keep_back: i64) -> Vec<i64> {
        let mut parts = self.available_by_part(location);
        if let Some(main) = parts.first_mut() {
            *main -= self.floor(location) + keep_back;
        }
        parts.into_iter().map(|units| units.max(0)).collect()
    }

    /// The moves after which each part of a location's stock may promise as much as the others; part 0 has the rest and
    /// the safety stock.
    #[must_use]
    pub fn even_out(&self) -> Vec<StockMove> {
        let mut moves = Vec::new();
        for location in self.stock.keys() {
            let has = self.promisable_by_part(location, 0);
            let count = i64::try_from(has.len()).unwrap_or(1).max(1);
            let share = has.iter().sum::<i64>() / count;
            let change = |part: usize, units: i64| StockMove {
                part: u16::try_from(part).unwrap_or(0),
                on_hand: units,
                floor: if part == 0 { self.floor(location) } else { 0 },
                ..StockMove::new(Movement::Spread, self.sku.clone(), location.clone())
            };
            let beyond: Vec<StockMove> =
                has.iter().enumerate().skip(1).map(|(part, units)| change(part, share - units)).collect();
            let taken: i64 = beyond.iter().map(|stock| stock.on_hand).sum();
            moves.extend(beyond.into_iter().chain([change(0, -taken)]).filter(|stock| stock.on_hand != 0));
        }
        moves
    }

    /// The part of a location's stock that an order's name points at.
    #[must_use]
    pub fn part_of(&self, location: &LocationId, seed: u64) -> u16 {
        // A location that was opened later than the parts has only the first.
        let parts = self.spread.get(location).map_or(0, Vec::len) + 1;
        u16::try_from(seed % parts as u64).unwrap_or(0)
    }

    /// Promises units at a location, of which `keep_back` are left to others: from the part that the order's name points
    /// at, and on from there as far as one part does not do. What no part has is asked of the part begun with, which
    /// refuses it.
    #[must_use]
    pub fn reserve(&self, (location, quantity): (&LocationId, i64), keep_back: i64, seed: u64) -> Vec<StockMove> {
        let parts = self.promisable_by_part(location, keep_back);
        let first = usize::try_from(seed % parts.len().max(1) as u64).unwrap_or(0);
        // One part that has all of it spares a write; any order of asking is right.
        let whole = (0..parts.len()).map(|n| (first + n) % parts.len()).find(|n| parts.get(*n) >= Some(&quantity));
        let begin = whole.unwrap_or(first);
        let mut left = quantity;
        let mut taken: Vec<(usize, i64)> = Vec::new();
        for n in (0..parts.len()).map(|n| (begin + n) % parts.len()) {
            let units = left.min(parts.get(n).copied().unwrap_or(0));
            if units > 0 {
                taken.push((n, units));
                left -= units;
            }
        }
        if left > 0 {
            taken.push((begin, left));
        }
        let promise =
            |(part, units): (usize, i64)| self.promise((location, u16::try_from(part).unwrap_or(0)), units, keep_back);
        merged(taken.into_iter().map(promise))
    }

    /// A promise of units out of one part of a location's stock: part 0 keeps the safety stock, and what is left to
    /// others.
    pub(crate) fn promise(&self, (location, part): (&LocationId, u16), units: i64, keep_back: i64) -> StockMove {
        StockMove {
            part,
            reserved: units,
            floor: if part == 0 { self.floor(location) + keep_back } else { 0 },
            ..StockMove::new(Movement::Reserved, self.sku.clone(), location.clone())
        }
    }
}
