//! Holds: units that are kept for a buyer who is paying, for a while. A hold is a stream of two commits at most: it is
//! made, and it ends. Whoever writes the second commit first wins, so that a payment and an expiry of the same moment
//! have one winner and no judge.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::checkout::promisable;
use crate::commit::Commit;
use crate::demand::{Units, reserved_by_hold};
use crate::event::{Decision, Event};
use crate::ids::{ConnectionId, CountryCode, HoldId, LocationId, OrderId, Sku};
use crate::item::{Item, Movement, StockMove, merged};
use crate::kit::{Kits, kits_among};
use crate::settings::ChannelSettings;
use crate::sourcing::{Promise, Supply, Want, plan, rules_for, seed_of};

/// The most SKUs that one hold may have. An order takes it in one transaction, which holds 100 actions: both commits, a
/// record per SKU, and two rows of its ledger.
pub const MOST_SKUS_PER_HOLD: usize = 30;

/// Actions of a transaction, less the two commits.
const MOST_WRITES: usize = 98;

/// Units are held for so many seconds at least and at most.
pub const SECONDS: std::ops::RangeInclusive<u32> = 60..=1800;

/// What somebody wants held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HoldRequest {
    /// The channel that sells.
    pub connection: ConnectionId,
    /// The hold's name there.
    pub hold_id: HoldId,
    /// Where the goods would go.
    pub country: CountryCode,
    /// SKUs, each once, with units.
    pub lines: Vec<(Sku, u32)>,
    /// For how long.
    pub seconds: u32,
}

/// Units are held for a buyer who is paying.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockHold {
    /// The channel that sells.
    pub connection: ConnectionId,
    /// The hold's name there.
    pub hold_id: HoldId,
    /// What is held, and where.
    pub lines: Vec<HoldLine>,
    /// What the kits among it are made of.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kits: Kits,
    /// From then on it may be ended.
    pub expires_at: Timestamp,
}

/// Units of a SKU that are held at a location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldLine {
    /// The SKU.
    pub sku: Sku,
    /// Where.
    pub location: LocationId,
    /// Units.
    pub quantity: u32,
}

/// What was held for an order's buyer when the order was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldUnits {
    /// The hold.
    pub hold_id: HoldId,
    /// What it held; of kits, what they are made of.
    pub units: Vec<HeldAt>,
    /// What the kits among it are made of.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kits: Kits,
}

/// Units in one part of a location's stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldAt {
    /// The SKU.
    pub sku: Sku,
    /// Where.
    pub location: LocationId,
    /// In which part of the location's stock.
    #[serde(default, skip_serializing_if = "crate::item::is_part_0")]
    pub part: u16,
    /// Units.
    pub quantity: u32,
}

/// Where a hold stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldState {
    /// The units are kept, also after its time until somebody has ended it.
    Open,
    /// They are an order's.
    Taken(OrderId),
    /// They are free again: nobody had paid in time.
    Expired,
    /// They are free again: it was given up.
    Released,
}

impl HoldState {
    /// In a word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Taken(_) => "taken",
            Self::Expired => "expired",
            Self::Released => "released",
        }
    }
}

/// A hold, as its stream tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Number of its last commit.
    pub seq: u64,
    /// Link of the chain.
    pub last_hash: String,
    /// What follows it from here on.
    pub correlation_id: String,
    /// Identity of the request that made it.
    pub cause: String,
    /// What was held.
    pub hold: StockHold,
    /// The same by parts of stock, as it was reserved.
    pub units: Vec<HeldAt>,
    /// Where it stands.
    pub state: HoldState,
}

/// What became of the wish to hold something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holding {
    /// All of it is held: the fact and the reservations, to be committed together.
    Held(Decision),
    /// Not all of it can be: what could be promised of each line.
    Short(Vec<i64>),
    /// It lies in more places than one transaction reaches.
    Scattered,
}

/// The stream of a hold.
#[must_use]
pub fn stream_of(connection: &ConnectionId, hold_id: &HoldId) -> String {
    format!("hold#{connection}#{hold_id}")
}

/// Whether a stream is that of a hold.
#[must_use]
pub fn is_hold(stream: &str) -> bool {
    stream.starts_with("hold#")
}

/// Holds what a buyer is about to pay for, where it would ship from: all of it or nothing. Orders that wait come first.
/// Of a kit, what it is made of is held.
#[must_use]
pub fn hold(wish: &HoldRequest, items: &BTreeMap<Sku, Item>, settings: &ChannelSettings, now: Timestamp) -> Holding {
    let rules = rules_for(settings, Some(&wish.country), now);
    let wants = wish.lines.iter().enumerate();
    let wants: Vec<Want> =
        wants.map(|(line, (sku, quantity))| Want { line, sku: sku.clone(), quantity: *quantity }).collect();
    let supply = Supply { items, held: &Units::new(), has_waited: false };
    let Ok(plan) = plan(&wants, &rules, supply, settings.sourcing.split) else {
        let could = |sku: &Sku| items.get(sku).map_or(0, |item| promisable(item, (items, settings), &rules));
        return Holding::Short(wish.lines.iter().map(|(sku, _)| could(sku)).collect());
    };
    let kits = kits_among(wish.lines.iter().map(|(sku, _)| sku), items);
    let (channel, seed) = (ConnectionId::holds(), seed_of(&stream_of(&wish.connection, &wish.hold_id)));
    let promise = Promise { channel: &channel, seed, supply, kits: &kits, rules: &rules };
    let held = promise.moves(&plan).into_iter().filter(|stock| !kits.contains_key(&stock.sku));
    let moves = merged(held.map(|stock| StockMove { channel: Some(channel.clone()), ..stock }));
    if writes(&moves) > MOST_WRITES {
        return Holding::Scattered;
    }
    let lines = plan.into_iter().flat_map(|(location, wants)| {
        wants.into_iter().map(move |Want { sku, quantity, .. }| HoldLine { sku, location: location.clone(), quantity })
    });
    let fact = StockHold {
        connection: wish.connection.clone(),
        hold_id: wish.hold_id.clone(),
        lines: lines.collect(),
        kits,
        expires_at: now + SignedDuration::from_secs(i64::from(wish.seconds)),
    };
    Holding::Held(Decision { events: vec![Event::StockHeld(fact)], moves })
}

/// What the order that takes a hold writes beside the two commits: each record, and both commits' rows of each ledger.
fn writes(moves: &[StockMove]) -> usize {
    let records: BTreeSet<_> = moves.iter().map(|stock| (&stock.sku, stock.part)).collect();
    let ledgers: BTreeSet<_> = moves.iter().map(|stock| (&stock.sku, &stock.location)).collect();
    records.len() + 2 * ledgers.len()
}

impl Held {
    /// Folds a stream; `None` where nothing was ever held.
    #[must_use]
    pub fn fold(commits: &[Commit]) -> Option<Self> {
        let (first, later) = commits.split_first()?;
        let mut held = Self::made_by(first)?;
        later.iter().for_each(|commit| held.apply(commit));
        Some(held)
    }

    fn made_by(commit: &Commit) -> Option<Self> {
        let made =
            commit.events.iter().find_map(|event| if let Event::StockHeld(fact) = event { Some(fact) } else { None });
        let kept = commit.moves.iter().filter(|stock| stock.why == Movement::Reserved);
        let units = kept.filter_map(|stock| {
            let quantity = u32::try_from(stock.reserved).ok()?;
            Some(HeldAt { sku: stock.sku.clone(), location: stock.location.clone(), part: stock.part, quantity })
        });
        Some(Self {
            seq: commit.seq,
            last_hash: commit.hash(),
            correlation_id: commit.correlation_id.clone(),
            cause: commit.cause.clone(),
            hold: made?.clone(),
            units: units.collect(),
            state: HoldState::Open,
        })
    }

    fn apply(&mut self, commit: &Commit) {
        self.seq = commit.seq;
        self.last_hash = commit.hash();
        for event in &commit.events {
            if let Event::HoldTaken { order } = event {
                self.state = HoldState::Taken(order.clone());
            } else if let Event::HoldExpired {} = event {
                self.state = HoldState::Expired;
            } else if let Event::HoldReleased {} = event {
                self.state = HoldState::Released;
            }
        }
    }

    /// Its stream.
    #[must_use]
    pub fn stream(&self) -> String {
        stream_of(&self.hold.connection, &self.hold.hold_id)
    }

    /// Whether nobody has ended it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == HoldState::Open
    }

    /// An order takes it, also after its time: as long as nobody has ended it, the units are there.
    #[must_use]
    pub fn take(&self, order: &OrderId) -> Option<Decision> {
        self.end(Event::HoldTaken { order: order.clone() })
    }

    /// Its time is over.
    #[must_use]
    pub fn expire(&self, now: Timestamp) -> Option<Decision> {
        if now < self.hold.expires_at { None } else { self.end(Event::HoldExpired {}) }
    }

    /// It is given up.
    #[must_use]
    pub fn release(&self) -> Option<Decision> {
        self.end(Event::HoldReleased {})
    }

    fn end(&self, event: Event) -> Option<Decision> {
        let given_back = self.units.iter().map(|held| {
            let place = (held.sku.clone(), held.location.clone(), held.part);
            reserved_by_hold(place, -i64::from(held.quantity))
        });
        self.is_open().then(|| Decision { events: vec![event], moves: merged(given_back) })
    }

    /// Units that it keeps of a SKU at a location.
    #[must_use]
    pub fn keeps(&self, sku: &Sku, location: &LocationId) -> i64 {
        let here = self.units.iter().filter(|held| self.is_open() && held.sku == *sku && held.location == *location);
        here.map(|held| i64::from(held.quantity)).sum()
    }

    /// What becomes the order's that takes it.
    #[must_use]
    pub fn held_units(&self) -> HeldUnits {
        HeldUnits { hold_id: self.hold.hold_id.clone(), units: self.units.clone(), kits: self.hold.kits.clone() }
    }
}

impl Decision {
    /// Whether it accepts an order that goods may be kept for.
    #[must_use]
    pub fn accepts(&self) -> bool {
        self.events.iter().any(|event| matches!(event, Event::OrderAccepted(accepted) if !accepted.order.test))
    }

    /// The acceptance with what was held for the buyer.
    #[must_use]
    pub fn holding(mut self, held: &Held) -> Self {
        for event in &mut self.events {
            if let Event::OrderAccepted(accepted) = event {
                accepted.hold = Some(held.held_units());
            }
        }
        self
    }
}
