//! What follows from an order's facts for stock, beside what its decisions move: demand that waits for stock, and
//! units that have left without the storefront's knowing. Both are read off the order before and after a commit, so
//! that whatever ends them (an allocation, a cancellation, an announcement) takes them back, and none is left over.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::WaitsOn;
use crate::ids::{ConnectionId, LocationId, Sku};
use crate::item::{Movement, StockMove, merged};
use crate::kit::units_in;
use crate::order::Order;
use crate::outstanding::TaskKind;

/// SKU, location and part of its stock.
pub type Place = (Sku, LocationId, u16);

/// Units by place.
pub type Units = BTreeMap<Place, i64>;

impl Order {
    /// What the order waits for: the SKU of which there is not enough, at the location that would have been asked first;
    /// of kits that need it, the kits too.
    fn stock_waiting(&self) -> Vec<StockMove> {
        let parked = self.parked.values().find(|p| p.fact.task.kind == TaskKind::Allocate);
        let Some(parked) = parked.map(|parked| &parked.fact).filter(|_| self.is_live()) else { return Vec::new() };
        let (WaitsOn::Sku(sku), Some(at)) = (&parked.waits_on, &parked.at) else { return Vec::new() };
        let waits = |channel: ConnectionId, part, waiting| StockMove {
            part,
            waiting,
            channel: Some(channel),
            ..StockMove::new(Movement::Waiting, sku.clone(), at.clone())
        };
        let (mut own, mut in_kits, mut kits) = (0, 0, Vec::new());
        for (_, line, missing) in self.unallocated() {
            let (Some(sold), missing) = (&line.sku, i64::from(missing)) else { continue };
            let units = missing * units_in(&parked.kits, sold, sku);
            if !parked.kits.contains_key(sold) {
                own += units;
            } else if units > 0 {
                in_kits += units;
                let kit = StockMove { on_hand: missing, ..waits(self.id.connection.clone(), 0, missing) };
                kits.push(StockMove { sku: sold.clone(), ..kit });
            }
        }
        // What is held for it already, nobody has to wait for.
        let held: i64 = self.units_held().iter().filter(|((held, ..), _)| held == sku).map(|(_, units)| units).sum();
        let beyond = (held - own).max(0);
        let own = waits(self.id.connection.clone(), parked.part, (own - held).max(0));
        let in_kits = waits(ConnectionId::kits(), parked.part, (in_kits - beyond).max(0));
        merged([own, in_kits].into_iter().chain(kits).filter(|stock| stock.waiting != 0))
    }

    /// Units that were held for the buyer and that the order keeps until it is allocated, whatever else it waits for. Only
    /// what was accepted counts, and never more than is still wanted of it: so it only ever becomes less, and giving
    /// back is all that can follow.
    #[must_use]
    pub fn units_held(&self) -> Units {
        let mut units = Units::new();
        let Some(accepted) = self.accepted.as_ref().map(|accepted| &accepted.fact) else { return units };
        let Some(hold) = accepted.hold.as_ref().filter(|_| !accepted.order.test) else { return units };
        if !self.allocations.is_empty() || !self.shipments.is_empty() {
            return units;
        }
        let mut wanted: BTreeMap<&Sku, i64> = BTreeMap::new();
        for (_, line, missing) in self.unallocated().filter(|(index, ..)| *index < accepted.order.lines.len()) {
            let Some(sold) = &line.sku else { continue };
            match hold.kits.get(sold) {
                Some(components) => components.iter().for_each(|(sku, units)| {
                    *wanted.entry(sku).or_default() += i64::from(missing) * i64::from(*units);
                }),
                None => *wanted.entry(sold).or_default() += i64::from(missing),
            }
        }
        for held in &hold.units {
            let Some(open) = wanted.get_mut(&held.sku) else { continue };
            let kept = i64::from(held.quantity).min(*open);
            *open -= kept;
            if kept > 0 {
                *units.entry((held.sku.clone(), held.location.clone(), held.part)).or_default() += kept;
            }
        }
        units
    }

    /// Units that have left, and of which the storefront will be told and was not yet: it counts them as on hand.
    fn units_untold(&self) -> Units {
        let mut units = Units::new();
        if self.storefront().is_none() {
            return units;
        }
        let untold = self.shipments.values().filter(|s| !self.announcements.contains_key(&s.fact.number));
        for shipment in untold {
            for line in self.to_announce(shipment.fact.number) {
                if let Some(sku) = self.sku(line.line) {
                    let key = (sku.clone(), shipment.fact.location.clone(), 0);
                    *units.entry(key).or_default() += i64::from(line.quantity);
                }
            }
        }
        units
    }

    /// The storefront that is told of the order's shipments.
    #[must_use]
    pub fn storefront(&self) -> Option<&ConnectionId> {
        self.accepted.as_ref()?.fact.routes.storefront.as_ref()
    }
}

/// The stock that moves because an order went from one state to another, beside what was decided to move.
#[must_use]
pub fn following(before: &Order, after: &Order) -> Vec<StockMove> {
    let told = after.storefront().unwrap_or(&after.id.connection);
    let newly_told = newly_told(before, after);
    let untold = changes(&before.units_untold(), &after.units_untold()).into_iter().map(|(key, units)| {
        let why = if units > 0 { Movement::Shipped } else { Movement::Told };
        let announced = newly_told.get(&key).copied().unwrap_or(0);
        let (sku, location, _) = key;
        StockMove { untold: units, told: announced, channel: Some(told.clone()), ..StockMove::new(why, sku, location) }
    });
    let waited = before.stock_waiting().into_iter().map(|stock| stock.times(-1));
    let waiting = merged(waited.chain(after.stock_waiting())).into_iter().filter(|stock| stock.waiting != 0);
    let held = changes(&before.units_held(), &after.units_held()).into_iter();
    let held = held.map(|(place, units)| reserved_by_hold(place, units));
    merged(untold.chain(waiting).chain(held))
}

/// Units that are held for a buyer at a place from now on; fewer than none: not any more.
#[must_use]
pub fn reserved_by_hold((sku, location, part): Place, units: i64) -> StockMove {
    let why = if units > 0 { Movement::Reserved } else { Movement::Released };
    StockMove { part, reserved: units, channel: Some(ConnectionId::holds()), ..StockMove::new(why, sku, location) }
}

/// Units of which the storefront was told in between; those that it has taken off the order itself are not among them.
fn newly_told(before: &Order, after: &Order) -> Units {
    let mut units = Units::new();
    for number in after.announcements.keys().filter(|number| !before.announcements.contains_key(number)) {
        let Some(shipment) = before.shipments.get(number) else { continue };
        for line in before.to_announce(*number) {
            if let Some(sku) = before.sku(line.line) {
                let key = (sku.clone(), shipment.fact.location.clone(), 0);
                *units.entry(key).or_default() += i64::from(line.quantity);
            }
        }
    }
    units
}

fn changes(before: &Units, after: &Units) -> Vec<(Place, i64)> {
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let of = |units: &Units, key: &Place| units.get(key).copied().unwrap_or(0);
    let changed = keys.into_iter().map(|key| (key.clone(), of(after, key) - of(before, key)));
    changed.filter(|(_, change)| *change != 0).collect()
}
