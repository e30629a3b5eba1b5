//! Drift: where another system's number of units is not what ours says it must be, by how much, since when and why.
//!
//! Each level (a SKU at a location in a system) is looked at by itself, per quantity. What differs and is on its way
//! within the grace period is pending and no drift. For the rest the causes are tried in this order, the one that needs
//! the strongest evidence first, because a weak rule is satisfied by chance more often than a strong one:
//!
//! 1. `unmapped_sku`: one side does not know the item. Nothing else can be reckoned then, so it comes first.
//! 2. `event_missing`, `event_late`: the other side (or we) named the documents that are on the way, and they add up to
//!    the difference. They are known one by one, and their time is.
//! 3. `duplicate`: two documents of the window move the same, and one of them explains the difference. Two shipments
//!    may well be alike, so those must also have happened at the same moment.
//! 4. `event_late`, counted twice: what was recorded after a count, and happened before the count's moment, is in our
//!    number twice; it explains the difference.
//! 5. `stale_snapshot`: our last correction undid the very moves that came before its moment, so it was reckoned from a
//!    number that lacked them, and taking it back explains the difference; or a storefront shows what we showed before.
//! 6. `reservation_leak` concerns what is promised only, which no other cause does: our number is above what the orders
//!    hold and above what the 3PL holds.
//! 7. `manual_change`: none of ours explains it. Somebody changed it there.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::canonical::hash_of;
use crate::event::Event;
use crate::ids::{ConnectionId, LocationId, OrderId, Sku};
use crate::inventory::StockDocument;
use crate::item::{Movement, Stock, StockMove};
use crate::kit::units_in;
use crate::order::Order;

/// So many documents that are under way are added up in all combinations; of more, all together only.
const MOST_COMBINED: usize = 12;

/// Why a system's number is not what it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftCause {
    /// What happened came to the other side too late: after a count of a later moment, or after the grace period.
    EventLate,
    /// The other system has done something within our orders that we have no fact of.
    EventMissing,
    /// One side does not know the item.
    UnmappedSku,
    /// Somebody changed it there.
    ManualChange,
    /// One thing was told to us under two names.
    Duplicate,
    /// Something was reckoned from, or shows, a number of before.
    StaleSnapshot,
    /// More is promised than any order holds.
    ReservationLeak,
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// What is there; at a storefront, what it shows as that.
    OnHand,
    /// Of it: not fit for sale.
    Quarantine,
    /// Of it: promised.
    Reserved,
}

/// A difference that nothing on its way explains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// Which system.
    pub system: ConnectionId,
    /// The SKU.
    pub sku: Sku,
    /// Where.
    pub location: LocationId,
    /// What is counted.
    pub quantity: Quantity,
    /// What it must be, as far as we know.
    pub expected: i64,
    /// What it is.
    pub reported: i64,
    /// `reported − expected`.
    pub difference: i64,
    /// By how much the event that it comes from was late, or is, where it comes from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_seconds: Option<i64>,
    /// Why.
    pub cause: DriftCause,
    /// What shows that, for people.
    pub explanation: String,
}

/// A drift was found, or is another than it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftDetected {
    /// The drift.
    #[serde(flatten)]
    pub drift: Drift,
    /// Whether it is repaired.
    pub repaired: bool,
}

/// A drift is there no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftEnded {
    /// The SKU.
    pub sku: Sku,
    /// Where.
    pub location: LocationId,
    /// Which system.
    pub system: ConnectionId,
    /// What is counted.
    pub quantity: Quantity,
    /// How it ended.
    pub how: Ending,
}

/// How a drift ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// By us.
    Repaired,
    /// By itself, or by somebody else.
    Gone,
}

/// What became of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Both say the same.
    Even,
    /// What is on its way explains the difference.
    Pending {
        /// By how much the system's number differs.
        units: i64,
        /// Since when.
        since: Timestamp,
    },
    /// Nothing that is on its way explains it.
    Drift(Drift),
}

/// What kind of system a number comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A 3PL: it owns the quantity.
    Fulfillment,
    /// An ERP: it owns the value. What it keeps of unfit goods elsewhere, it does not count here.
    Erp,
    /// A storefront: it shows what we tell it.
    Storefront,
}

/// What a system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reported {
    /// Units there, or shown as there.
    pub on_hand: i64,
    /// Of them not fit for sale, where it says.
    pub quarantine: Option<i64>,
    /// Of them promised to our orders, where it says.
    pub committed: Option<i64>,
    /// Of which moment it is.
    pub as_of: Timestamp,
}

/// One row of our ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The order or document that it is of.
    pub stream: String,
    /// When it was committed.
    pub at: Timestamp,
    /// What moved there.
    pub moves: Vec<StockMove>,
}

/// The ledger of a SKU at a location, as far as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The rows, the oldest first. Those from [`Level::from`] up to the report's moment, exclusive, are evidence; what
    /// happened later is taken off our number.
    pub rows: Vec<Row>,
    /// Whether there is no older one.
    pub is_whole: bool,
}

/// On which way something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Towards {
    /// The other system has done it, and we have no fact of it.
    Us,
    /// We have the fact, and the other system does not have it, or not for sure.
    Them,
}

/// Something that only one side knows of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnderWay {
    /// What it makes the other system's number differ by from ours.
    pub units: i64,
    /// When it happened.
    pub since: Timestamp,
    /// On which way.
    pub towards: Towards,
}

/// Units that one order, or one buyer who is paying, holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The stream.
    pub stream: String,
    /// By which channel.
    pub channel: ConnectionId,
    /// Units.
    pub units: i64,
}

/// Our side of a level.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Whether the item has an identity in the system.
    pub is_mapped: bool,
    /// Our stock.
    pub stock: &'a Stock,
    /// Units that are promised to nobody.
    pub floor: i64,
    /// Our ledger.
    pub ledger: &'a Ledger,
    /// What only one side knows of.
    pub under_way: &'a [UnderWay],
    /// What the orders hold that the ledger names; none where nobody asked, and nothing is said of what is promised.
    pub held: Option<&'a [Held]>,
}

/// One SKU at one location in one system.
#[derive(Debug, Clone, Copy)]
pub struct Level<'a> {
    /// The system.
    pub system: &'a ConnectionId,
    /// What it is.
    pub role: Role,
    /// The SKU.
    pub sku: &'a Sku,
    /// Where.
    pub location: &'a LocationId,
    /// What it says.
    pub reported: Reported,
    /// Ours; none where the catalogue has no such SKU.
    pub known: Option<Known<'a>>,
    /// The window's beginning.
    pub from: Timestamp,
    /// What is on its way for no longer than this is no drift.
    pub grace: SignedDuration,
}

/// One quantity on both sides.
struct Pair {
    quantity: Quantity,
    expected: i64,
    reported: i64,
}

impl Pair {
    const fn difference(&self) -> i64 {
        self.reported - self.expected
    }
}

/// A cause with what shows it.
struct Named {
    cause: DriftCause,
    lag: Option<i64>,
    explanation: String,
}

impl Named {
    fn new(cause: DriftCause, explanation: impl Into<String>) -> Self {
        Self { cause, lag: None, explanation: explanation.into() }
    }

    fn lagging(self, lag: SignedDuration) -> Self {
        Self { lag: Some(lag.as_secs().max(0)), ..self }
    }
}

impl Level<'_> {
    /// Compares both sides, quantity by quantity.
    #[must_use]
    pub fn compare(&self) -> Vec<(Quantity, Finding)> {
        let Some(known) = &self.known else { return vec![(Quantity::OnHand, self.stranger(0, "the catalogue"))] };
        let on_hand = match self.role {
            Role::Storefront => self.shown(known),
            Role::Fulfillment | Role::Erp => self.there(known, Quantity::OnHand, self.reported.on_hand),
        };
        let mut findings = vec![(Quantity::OnHand, on_hand)];
        if let (Role::Fulfillment, Some(units)) = (self.role, self.reported.quarantine) {
            findings.push((Quantity::Quarantine, self.there(known, Quantity::Quarantine, units)));
        }
        if let (Role::Fulfillment, Some(held), Some(committed)) = (self.role, known.held, self.reported.committed) {
            findings.push((Quantity::Reserved, self.promised(known, held, committed)));
        }
        findings
    }

    fn drift(&self, pair: &Pair, named: Named) -> Finding {
        Finding::Drift(Drift {
            system: self.system.clone(),
            sku: self.sku.clone(),
            location: self.location.clone(),
            quantity: pair.quantity,
            expected: pair.expected,
            reported: pair.reported,
            difference: pair.difference(),
            lag_seconds: named.lag,
            cause: named.cause,
            explanation: named.explanation,
        })
    }

    /// One side has it and the other does not know what it is.
    fn stranger(&self, ours: i64, who: &str) -> Finding {
        let pair = Pair { quantity: Quantity::OnHand, expected: ours, reported: self.reported.on_hand };
        if pair.difference() == 0 {
            return Finding::Even;
        }
        let units = pair.difference();
        let what = format!("{who} does not know {} and there is a difference of {units} units", self.sku);
        self.drift(&pair, Named::new(DriftCause::UnmappedSku, what))
    }

    fn is_recent(&self, moment: Timestamp) -> bool {
        self.reported.as_of.duration_since(moment) <= self.grace
    }

    /// Rows that are evidence.
    fn window<'k>(&self, known: &Known<'k>) -> Vec<&'k Row> {
        let within = |row: &&Row| row.at >= self.from && row.at < self.reported.as_of;
        known.ledger.rows.iter().filter(within).collect()
    }

    /// What is there: at a 3PL, or as an ERP counts it.
    fn there(&self, known: &Known<'_>, quantity: Quantity, reported: i64) -> Finding {
        let ours = if quantity == Quantity::Quarantine { known.stock.quarantine } else { known.stock.on_hand };
        let later = moves_of(&known.ledger.rows).filter(|(at, stock)| happened(*at, stock) > self.reported.as_of);
        let expected = ours - later.map(|(_, stock)| of(stock, quantity)).sum::<i64>();
        let pair = Pair { quantity, expected: self.without_unfit(known, expected, reported), reported };
        if pair.difference() == 0 {
            return Finding::Even;
        }
        if !known.is_mapped {
            return self.stranger(expected, self.system.as_str());
        }
        let on_way: Vec<UnderWay> = known.under_way.iter().filter(|_| quantity == Quantity::OnHand).cloned().collect();
        self.on_its_way(known, &pair, &on_way).unwrap_or_else(|| {
            let known_ways = on_way.iter().map(|way| way.units).sum::<i64>();
            let rest = Pair { expected: pair.expected + known_ways, ..pair };
            if rest.difference() == 0 {
                return Finding::Even;
            }
            let named = self.unexplained(known, &rest);
            self.drift(&rest, named)
        })
    }

    /// An ERP keeps goods that came back unfit elsewhere, and those that became unfit where they stood here: it may
    /// count any of them.
    fn without_unfit(&self, known: &Known<'_>, expected: i64, reported: i64) -> i64 {
        if self.role == Role::Erp {
            reported.clamp(expected - known.stock.quarantine.max(0), expected)
        } else {
            expected
        }
    }

    /// What is on its way, where it explains the difference: pending, or too late.
    fn on_its_way(&self, known: &Known<'_>, pair: &Pair, on_way: &[UnderWay]) -> Option<Finding> {
        let fresh = moves_of(&known.ledger.rows).filter(|(at, stock)| {
            *at < self.reported.as_of && self.is_recent(*at) && happened(*at, stock) <= self.reported.as_of
        });
        // Who was told a moment ago may not show it yet.
        let fresh = fresh.filter(|(_, stock)| !matches!(stock.why, Movement::Counted | Movement::Repaired));
        let fresh =
            fresh.map(|(since, stock)| UnderWay { units: -of(stock, pair.quantity), since, towards: Towards::Them });
        let (mut recent, old): (Vec<UnderWay>, Vec<UnderWay>) =
            on_way.iter().cloned().partition(|way| self.is_recent(way.since));
        let fresh: Vec<UnderWay> =
            fresh.filter(|way| way.units != 0 && !recent.iter().any(|r| same_way(r, way))).collect();
        recent.extend(fresh);
        let units = pair.difference();
        if adds_up(&recent, units) {
            let since = recent.iter().map(|way| way.since).min()?;
            return Some(Finding::Pending { units, since });
        }
        let all: Vec<UnderWay> = old.iter().chain(&recent).cloned().collect();
        if !adds_up(&all, units) {
            return None;
        }
        let oldest = old.iter().min_by_key(|way| way.since)?;
        let (cause, what) = match oldest.towards {
            Towards::Us => (DriftCause::EventMissing, "has done what we have no fact of"),
            Towards::Them => (DriftCause::EventLate, "does not have what we have recorded"),
        };
        let what = format!("{} {what}, since {}", self.system, oldest.since);
        Some(self.drift(pair, Named::new(cause, what).lagging(self.reported.as_of.duration_since(oldest.since))))
    }

    /// The causes that our own ledger shows, or else nobody's doing but theirs.
    fn unexplained(&self, known: &Known<'_>, pair: &Pair) -> Named {
        let window = self.window(known);
        let units = pair.difference();
        let found = duplicate(&window, pair.quantity, units)
            .or_else(|| counted_twice(&window, pair.quantity, units))
            .or_else(|| stale_correction(&window, pair.quantity, units));
        found.unwrap_or_else(|| {
            let what = format!("nothing of ours explains {units} units: somebody has changed it at {}", self.system);
            Named::new(DriftCause::ManualChange, what)
        })
    }

    /// What a storefront shows. It is brought there by us, so that what we believe that it shows is half the evidence.
    fn shown(&self, known: &Known<'_>) -> Finding {
        let (stock, shop) = (known.stock, self.system);
        let reported = self.reported.on_hand;
        let pair = Pair { quantity: Quantity::OnHand, expected: stock.to_show(shop, known.floor), reported };
        let Some(believed) = stock.shown_at(shop).filter(|_| pair.difference() != 0) else { return Finding::Even };
        if reported == believed {
            let shown_at = stock.shown.get(shop).map_or(self.reported.as_of, |shown| shown.at);
            let since = known.ledger.rows.iter().map(|row| row.at).find(|at| *at >= shown_at).unwrap_or(shown_at);
            return self.pending_or(&pair, since, |lag| {
                let what = format!("{shop} still shows what we showed at {shown_at}");
                Named::new(DriftCause::StaleSnapshot, what).lagging(lag)
            });
        }
        let untold = stock.untold.get(shop).copied().unwrap_or(0);
        if (1..=untold).contains(&(believed - reported)) {
            let since = left_untold(known.ledger, shop, untold).unwrap_or(self.reported.as_of);
            return self.pending_or(&pair, since, |lag| {
                let what = format!("{shop} knows of shipments, and we have no fact of having told it");
                Named::new(DriftCause::EventMissing, what).lagging(lag)
            });
        }
        let named = shown_before(&self.window(known), shop, (believed, reported)).map_or_else(
            || {
                let what = format!("{shop} never was to show {reported}: somebody has changed it there");
                Named::new(DriftCause::ManualChange, what)
            },
            |until| {
                let what = format!("{shop} shows what it was to show until {until}");
                Named::new(DriftCause::StaleSnapshot, what).lagging(self.reported.as_of.duration_since(until))
            },
        );
        self.drift(&pair, named)
    }

    fn pending_or(&self, pair: &Pair, since: Timestamp, named: impl FnOnce(SignedDuration) -> Named) -> Finding {
        if self.is_recent(since) {
            return Finding::Pending { units: pair.difference(), since };
        }
        self.drift(pair, named(self.reported.as_of.duration_since(since)))
    }

    /// What is promised: two witnesses, the orders and the 3PL, must both say that it is less.
    fn promised(&self, known: &Known<'_>, held: &[Held], committed: i64) -> Finding {
        let leaked: i64 = leaks(known.stock, known.ledger, held, committed).values().sum();
        if leaked == 0 {
            return Finding::Even;
        }
        let expected = known.stock.reserved();
        let pair = Pair { quantity: Quantity::Reserved, expected, reported: expected - leaked };
        let what = format!("{expected} units are promised, {leaked} of them to no order; the 3PL holds {committed}");
        self.drift(&pair, Named::new(DriftCause::ReservationLeak, what))
    }
}

/// Units per channel that are promised to none of its orders; no more in all than the 3PL does not hold either.
#[must_use]
pub fn leaks(stock: &Stock, ledger: &Ledger, held: &[Held], committed: i64) -> BTreeMap<ConnectionId, i64> {
    let mut left = (stock.reserved() - committed).max(0);
    let mut leaked = BTreeMap::new();
    for (channel, reserved) in &stock.reserved {
        let of_channel = held.iter().filter(|order| order.channel == *channel);
        let units = if ledger.is_whole {
            reserved - of_channel.map(|order| order.units).sum::<i64>()
        } else {
            // An order whose promise is older than what was read has given back there at most.
            of_channel.map(|order| (reserved_by(ledger, order) - order.units).max(0)).sum()
        };
        let units = units.clamp(0, left);
        if units > 0 {
            left -= units;
            leaked.insert(channel.clone(), units);
        }
    }
    leaked
}

/// The moves that take a leak back.
#[must_use]
pub fn released(drift: &Drift, leaks: &BTreeMap<ConnectionId, i64>) -> Vec<StockMove> {
    let release = |(channel, units): (&ConnectionId, &i64)| StockMove {
        reserved: -units,
        channel: Some(channel.clone()),
        ..StockMove::new(Movement::Repaired, drift.sku.clone(), drift.location.clone())
    };
    leaks.iter().map(release).collect()
}

/// The stream of all drifts of one level.
#[must_use]
pub fn stream_of(sku: &Sku, location: &LocationId, system: &ConnectionId) -> String {
    format!("inventory#drift#{}", hash_of(&(sku, location, system)))
}

/// The drifts of a level that are there still, with the number of the commit that says so.
#[must_use]
pub fn open(document: &StockDocument) -> BTreeMap<Quantity, (u64, DriftDetected)> {
    let mut open = BTreeMap::new();
    for (seq, (_, fact)) in &document.facts {
        if let Event::InventoryDriftDetected(found) = fact {
            open.insert(found.drift.quantity, (*seq, found.clone()));
        } else if let Event::InventoryDriftEnded(ended) = fact {
            open.remove(&ended.quantity);
        }
    }
    open
}

/// What is to be recorded of a finding; nothing where it is known. `repaired`: whether a drift will be repaired, and of
/// one that is over, whether it was.
#[must_use]
pub fn news(open: Option<&DriftDetected>, finding: &Finding, repaired: bool) -> Option<Event> {
    match (open, finding) {
        (None, Finding::Even | Finding::Pending { .. }) | (Some(_), Finding::Pending { .. }) => None,
        (Some(known), Finding::Drift(drift))
            if (known.drift.difference, known.drift.cause) == (drift.difference, drift.cause) =>
        {
            None
        }
        (_, Finding::Drift(drift)) => {
            Some(Event::InventoryDriftDetected(DriftDetected { drift: drift.clone(), repaired }))
        }
        (Some(known), Finding::Even) => {
            Some(ended(&known.drift, if repaired { Ending::Repaired } else { Ending::Gone }))
        }
    }
}

/// A drift is there no more.
#[must_use]
pub fn ended(drift: &Drift, how: Ending) -> Event {
    Event::InventoryDriftEnded(DriftEnded {
        sku: drift.sku.clone(),
        location: drift.location.clone(),
        system: drift.system.clone(),
        quantity: drift.quantity,
        how,
    })
}

impl DriftCause {
    /// Whether our number may follow the 3PL's. What is missing is on its way and would move stock once more; what is
    /// unmapped needs a person.
    #[must_use]
    pub const fn is_repairable(self) -> bool {
        !matches!(self, Self::EventMissing | Self::UnmappedSku)
    }
}

impl Order {
    /// Units that the order holds of a SKU at a location, as itself and as a component of kits, each under the name that
    /// it is counted under.
    #[must_use]
    pub fn holds_of(&self, sku: &Sku, location: &LocationId) -> [(ConnectionId, i64); 2] {
        let held = self.allocations.keys().map(|number| self.held_by(*number, sku, location));
        let (own, in_kits) = held.fold((0, 0), |sum, held| (sum.0 + held.0, sum.1 + held.1));
        [(self.id.connection.clone(), own), (ConnectionId::kits(), in_kits)]
    }

    /// Units of a SKU at a location that were held for the buyer and that the order keeps.
    #[must_use]
    pub fn keeps(&self, sku: &Sku, location: &LocationId) -> i64 {
        let held = self.units_held().into_iter();
        held.filter(|((known, at, _), _)| known == sku && at == location).map(|(_, units)| units).sum()
    }

    /// Units that one allocation holds of a SKU at a location, as itself and as a component of kits.
    #[must_use]
    pub fn held_in(&self, number: u32, sku: &Sku, location: &LocationId) -> i64 {
        let (own, in_kits) = self.held_by(number, sku, location);
        own + in_kits
    }

    fn held_by(&self, number: u32, sku: &Sku, location: &LocationId) -> (i64, i64) {
        let here = self.allocations.get(&number).filter(|allocation| allocation.fact.location == *location);
        let lines = here.map(|allocation| self.unshipped_of(allocation)).unwrap_or_default();
        lines.iter().fold((0, 0), |(own, in_kits), line| {
            let (Some(here), Some(sold)) = (here, self.sku(line.line)) else { return (own, in_kits) };
            let units = i64::from(line.quantity) * units_in(&here.fact.kits, sold, sku);
            if here.fact.kits.contains_key(sold) { (own, in_kits + units) } else { (own + units, in_kits) }
        })
    }
}

/// The order that a row is of, if it is one's.
#[must_use]
pub fn order_of(row: &Row) -> Option<OrderId> {
    OrderId::from_stream(&row.stream).ok()
}

fn moves_of(rows: &[Row]) -> impl Iterator<Item = (Timestamp, &StockMove)> {
    rows.iter().flat_map(|row| row.moves.iter().map(|stock| (row.at, stock)))
}

fn happened(committed_at: Timestamp, stock: &StockMove) -> Timestamp {
    stock.occurred_at.unwrap_or(committed_at)
}

const fn of(stock: &StockMove, quantity: Quantity) -> i64 {
    match quantity {
        Quantity::OnHand => stock.on_hand,
        Quantity::Quarantine => stock.quarantine,
        Quantity::Reserved => stock.reserved,
    }
}

fn total(row: &Row, quantity: Quantity) -> i64 {
    row.moves.iter().map(|stock| of(stock, quantity)).sum()
}

/// An order holds units by its own channel, and by that of holds what its buyer held before.
fn reserved_by(ledger: &Ledger, held: &Held) -> i64 {
    let moves = ledger.rows.iter().filter(|row| row.stream == held.stream).flat_map(|row| &row.moves);
    moves.filter(|stock| stock.channel.as_ref() == Some(&held.channel)).map(|stock| stock.reserved).sum()
}

fn same_way(known: &UnderWay, other: &UnderWay) -> bool {
    (known.units, known.since, known.towards) == (other.units, other.since, other.towards)
}

/// Whether some of them together make so many units.
fn adds_up(ways: &[UnderWay], units: i64) -> bool {
    if ways.len() > MOST_COMBINED {
        // In the sequence in which they happened: the other side is behind by the last of them.
        let mut newest: Vec<&UnderWay> = ways.iter().collect();
        newest.sort_by_key(|way| std::cmp::Reverse(way.since));
        let mut sum = 0;
        return newest.into_iter().any(|way| {
            sum += way.units;
            sum == units
        });
    }
    let mut sums = BTreeSet::from([0]);
    for way in ways {
        let more: Vec<i64> = sums.iter().map(|sum| sum + way.units).collect();
        sums.extend(more);
    }
    units != 0 && sums.contains(&units)
}

/// Two documents that move the same, one of which explains the difference.
fn duplicate(window: &[&Row], quantity: Quantity, units: i64) -> Option<Named> {
    let candidates: Vec<&&Row> =
        window.iter().filter(|row| is_document(row) && total(row, quantity) == -units).collect();
    let twins = candidates.iter().enumerate().find_map(|(index, row)| {
        let earlier = candidates.iter().take(index).find(|other| is_twin(row, other))?;
        Some((earlier, row))
    });
    let (first, again) = twins?;
    let what = format!("{} moves the same as {}: told twice under two names", name(again), name(first));
    Some(Named::new(DriftCause::Duplicate, what).lagging(again.at.duration_since(first.at)))
}

/// Whether a row is of what happened outside, rather than of what we have reckoned.
fn is_document(row: &Row) -> bool {
    let told = [Movement::Received, Movement::Adjusted, Movement::Transferred, Movement::Returned, Movement::Shipped];
    row.moves.iter().all(|stock| told.contains(&stock.why))
}

fn is_twin(one: &Row, other: &Row) -> bool {
    // Two buyers may well have bought the same; that both parcels left in the same moment is told by one clock.
    let same_moment = || one.moves.iter().all(|stock| stock.occurred_at.is_some());
    let same = one.moves == other.moves && one.stream != other.stream;
    same && (order_of(one).is_none() && order_of(other).is_none() || same_moment())
}

fn name(row: &Row) -> &str {
    row.stream.split_once('#').map_or(row.stream.as_str(), |(_, name)| name)
}

/// What was recorded after the last count and happened before its moment.
fn counted_twice(window: &[&Row], quantity: Quantity, units: i64) -> Option<Named> {
    let counted = |row: &&Row| row.moves.iter().find_map(|stock| stock.counted_at);
    let last = window.iter().rposition(|row| counted(row).is_some())?;
    let counted_at = window.get(last).and_then(counted)?;
    let late: Vec<(i64, SignedDuration, &str)> = window
        .iter()
        .skip(last + 1)
        .flat_map(|row| row.moves.iter().map(move |stock| (row, stock)))
        .filter(|(row, stock)| happened(row.at, stock) <= counted_at && of(stock, quantity) != 0)
        .map(|(row, stock)| (of(stock, quantity), row.at.duration_since(happened(row.at, stock)), name(row)))
        .collect();
    let all = late.iter().map(|(moved, ..)| moved).sum::<i64>() == -units;
    let to_blame: Vec<_> = late.iter().filter(|(moved, ..)| all || *moved == -units).collect();
    let (_, lag, document) = to_blame.into_iter().max_by_key(|(_, lag, _)| *lag)?;
    let what = format!("{document} was recorded after the count of {counted_at} that has it already");
    Some(Named::new(DriftCause::EventLate, what).lagging(*lag))
}

/// Our last correction undid the moves before its moment.
fn stale_correction(window: &[&Row], quantity: Quantity, units: i64) -> Option<Named> {
    let corrects = |stock: &&StockMove| matches!(stock.why, Movement::Counted | Movement::Repaired);
    let last = window.iter().rposition(|row| row.moves.iter().any(|stock| corrects(&stock)))?;
    let row = window.get(last)?;
    let correction = row.moves.iter().find(corrects)?;
    if of(correction, quantity) != -units {
        return None;
    }
    let moment = happened(row.at, correction);
    let mut undone = 0;
    for earlier in window.iter().take(last).rev() {
        let before = earlier.moves.iter().filter(|stock| happened(earlier.at, stock) <= moment);
        undone += before.map(|stock| of(stock, quantity)).sum::<i64>();
        if undone == units {
            let what = format!("the count of {moment} lacked what {} had moved before it", name(earlier));
            let lag = moment.duration_since(earlier.at);
            return Some(Named::new(DriftCause::StaleSnapshot, what).lagging(lag));
        }
    }
    None
}

/// Since when units are gone of which the storefront was not told: the oldest of the last ones.
fn left_untold(ledger: &Ledger, shop: &ConnectionId, untold: i64) -> Option<Timestamp> {
    let mut left = untold;
    let mut since = None;
    let gone = |stock: &StockMove| stock.why == Movement::Shipped && stock.channel.as_ref() == Some(shop);
    for (at, stock) in moves_of(&ledger.rows).collect::<Vec<_>>().into_iter().rev().filter(|(_, stock)| gone(stock)) {
        if left <= 0 {
            break;
        }
        left += stock.on_hand;
        since = Some(happened(at, stock));
    }
    since
}

/// Until when a storefront was to show something, going back from what it shows now as we believe.
fn shown_before(window: &[&Row], shop: &ConnectionId, (believed, reported): (i64, i64)) -> Option<Timestamp> {
    // Its own orders change what it is to show when it is told that they left; it takes them off itself.
    let own = |stock: &&StockMove| stock.channel.as_ref() != Some(shop);
    let change = |stock: &StockMove| stock.on_hand - stock.quarantine - stock.reserved - stock.waiting;
    let mut shown = believed;
    for row in window.iter().rev() {
        shown -= row.moves.iter().filter(own).map(change).sum::<i64>();
        if shown == reported {
            return Some(row.at);
        }
    }
    None
}
