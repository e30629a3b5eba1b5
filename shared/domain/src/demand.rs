//! What follows from an order's facts for stock, beside what its decisions move: demand that waits for stock, and
//! units that have left without the storefront's knowing. Both are read off the order before and after a commit, so
//! that whatever ends them (an allocation, a cancellation, an announcement) takes them back, and none is left over.

use std::collections::{BTreeMap, BTreeSet};

use crate::canonical::Line;
use crate::event::WaitsOn;
use crate::ids::{ConnectionId, LocationId, Sku};
use crate::item::{Movement, StockMove, merged};
use crate::kit::units_in;
use crate::order::Order;
use crate::outstanding::TaskKind;

/// SKU and location.
type Place = (Sku, LocationId);

type Units = BTreeMap<Place, i64>;

impl Order {
    /// What the order waits for: the SKU of which there is not enough, at the location that would have been asked first;
    /// of kits that need it, the kits too.
    fn stock_waiting(&self) -> Vec<StockMove> {
        let parked = self.parked.values().find(|p| p.fact.task.kind == TaskKind::Allocate);
        let Some(parked) = parked.map(|parked| &parked.fact).filter(|_| self.is_live()) else { return Vec::new() };
        let (WaitsOn::Sku(sku), Some(at)) = (&parked.waits_on, &parked.at) else { return Vec::new() };
        let wait = |(_, line, missing): (usize, &Line, u32)| {
            let sold = line.sku.as_ref()?;
            let units = i64::from(missing) * units_in(&parked.kits, sold, sku);
            let is_kit = parked.kits.contains_key(sold);
            let move_of = |sku: &Sku, channel: ConnectionId, waiting| StockMove {
                waiting,
                channel: Some(channel),
                ..StockMove::new(Movement::Waiting, sku.clone(), at.clone())
            };
            let own = || self.id.connection.clone();
            let channel = if is_kit { ConnectionId::kits() } else { own() };
            let waits = StockMove { part: parked.part, ..move_of(sku, channel, units) };
            let missing = i64::from(missing);
            let kit = is_kit.then(|| StockMove { on_hand: missing, ..move_of(sold, own(), missing) });
            (units > 0).then(|| std::iter::once(waits).chain(kit))
        };
        merged(self.unallocated().filter_map(wait).flatten())
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
                    let key = (sku.clone(), shipment.fact.location.clone());
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
        let (sku, location) = key;
        StockMove { untold: units, told: announced, channel: Some(told.clone()), ..StockMove::new(why, sku, location) }
    });
    let waited = before.stock_waiting().into_iter().map(|stock| stock.times(-1));
    let waiting = merged(waited.chain(after.stock_waiting())).into_iter().filter(|stock| stock.waiting != 0);
    merged(untold.chain(waiting))
}

/// Units of which the storefront was told in between; those that it has taken off the order itself are not among them.
fn newly_told(before: &Order, after: &Order) -> Units {
    let mut units = Units::new();
    for number in after.announcements.keys().filter(|number| !before.announcements.contains_key(number)) {
        let Some(shipment) = before.shipments.get(number) else { continue };
        for line in before.to_announce(*number) {
            if let Some(sku) = before.sku(line.line) {
                let key = (sku.clone(), shipment.fact.location.clone());
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
