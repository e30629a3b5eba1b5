//! What stands on the shelves: units per SKU and fulfilment centre, for those that somebody has counted. A place that
//! has no record ships whatever is ordered.
//!
//! What is promised is not kept but read off the orders: shipments that are processed or on hold. An order that the
//! shelves cannot cover becomes an exception that commits nothing, and is processed as soon as they can, the oldest
//! first (ShipBob's help, "Inventory Order Allocation Rules" and "Orders in Exception Status").

mod act;
mod routes;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::returns::Action;
use super::warehouse::{FulfillmentCenter, Order, Shipment, ShipmentStatus, Warehouse};

pub(super) use routes::routes;

/// Stock that is there from the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpeningStock {
    /// The SKU.
    pub sku: String,
    /// The name of the fulfilment centre: `LON1`.
    pub location: String,
    /// Units.
    pub on_hand: i64,
}

/// Units of one SKU at one fulfilment centre.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShelfStock {
    /// Physically there, whatever their state.
    pub on_hand: i64,
    /// Of them not fit for sale.
    pub quarantine: i64,
    /// Of them promised to orders that have not left.
    pub committed: i64,
    /// On their way in.
    pub awaiting: i64,
}

impl ShelfStock {
    /// What further orders may take.
    #[must_use]
    pub fn fulfillable(&self) -> i64 {
        (self.on_hand - self.quarantine - self.committed).max(0)
    }
}

/// SKUs that somebody has counted.
pub(super) type Stock = BTreeMap<String, Stocked>;

/// An inventory item with its shelves, by the id of their fulfilment centre.
#[derive(Debug, Clone)]
pub(super) struct Stocked {
    inventory_id: i64,
    name: String,
    shelves: BTreeMap<i64, Shelf>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Shelf {
    on_hand: i64,
    quarantine: i64,
    awaiting: i64,
}

/// Why an order waits that the shelves cannot cover (ShipBob's status reference, 303).
const OUT_OF_STOCK: &str = "No Stock On Hand For Sku";

impl Warehouse {
    /// The shelf of a SKU; none where nobody has counted.
    pub(super) fn shelf_stock(&self, sku: &str, center: i64) -> Option<ShelfStock> {
        let Shelf { on_hand, quarantine, awaiting } = *self.stock.get(sku)?.shelves.get(&center)?;
        Some(ShelfStock { on_hand, quarantine, committed: self.committed(sku, center), awaiting })
    }

    pub(super) fn center_named(&self, name: &str) -> Result<&FulfillmentCenter, String> {
        let found = self.centers.iter().find(|center| center.name == name);
        found.ok_or_else(|| format!("there is no fulfillment center {name}"))
    }

    /// What orders at a centre hold of a SKU and have not taken away.
    fn committed(&self, sku: &str, center: i64) -> i64 {
        let holds = |shipment: &&Shipment| {
            let is_open = matches!(shipment.status, ShipmentStatus::Processing | ShipmentStatus::OnHold);
            is_open && shipment.center.id == center
        };
        let held = |order: &Order| {
            let contents = order.shipments.iter().filter(holds).map(|shipment| units(order, &shipment.contents));
            contents.filter_map(|units| units.get(sku).copied()).sum::<i64>()
        };
        self.orders.values().map(held).sum()
    }

    /// Whether a centre can promise all these units; places that nobody has counted can.
    fn covers(&self, center: i64, wanted: &BTreeMap<String, i64>) -> bool {
        let covers = |(sku, quantity): (&String, &i64)| {
            self.shelf_stock(sku, center).is_none_or(|shelf| shelf.fulfillable() >= *quantity)
        };
        wanted.iter().all(covers)
    }

    /// Makes an exception of a shipment that is about to be taken in, if its place cannot cover it.
    pub(super) fn allocate(&self, order: &mut Order) {
        let wanted = order.shipments.iter().map(|shipment| units(order, &shipment.contents)).collect::<Vec<_>>();
        for (shipment, wanted) in order.shipments.iter_mut().zip(&wanted) {
            if !self.covers(shipment.center.id, wanted) {
                shipment.status = ShipmentStatus::Exception;
                shipment.detail = Some(OUT_OF_STOCK.to_owned());
            }
        }
    }

    /// Gives what has become free to the orders that wait for it, the oldest first.
    pub(super) fn reallocate(&mut self, now: Timestamp) {
        for id in self.orders.keys().copied().collect::<Vec<_>>() {
            let Some(order) = self.orders.get(&id) else { continue };
            let waits = |shipment: &Shipment| {
                shipment.status == ShipmentStatus::Exception && shipment.detail.as_deref() == Some(OUT_OF_STOCK)
            };
            let covered = order.shipments.iter().position(|shipment| {
                waits(shipment) && self.covers(shipment.center.id, &units(order, &shipment.contents))
            });
            let shipment = covered.and_then(|at| self.orders.get_mut(&id)?.shipments.get_mut(at));
            if let Some(shipment) = shipment {
                shipment.status = ShipmentStatus::Processing;
                shipment.detail = None;
                shipment.updated_at = now;
            }
        }
    }

    /// Takes what leaves off the shelves.
    ///
    /// # Errors
    /// A shelf has less.
    pub(super) fn leave(&mut self, center: i64, leaving: &BTreeMap<String, i64>) -> Result<(), String> {
        for (sku, quantity) in leaving {
            if let Some(shelf) = self.shelf_stock(sku, center).filter(|it| it.on_hand - it.quarantine < *quantity) {
                let there = shelf.on_hand - shelf.quarantine;
                return Err(format!("only {there} of {sku} can be picked there, not {quantity}"));
            }
        }
        for (sku, quantity) in leaving {
            if let Some(shelf) = self.stock.get_mut(sku).and_then(|item| item.shelves.get_mut(&center)) {
                shelf.on_hand -= quantity;
            }
        }
        Ok(())
    }

    /// Puts what came back where it belongs.
    pub(super) fn put_back(&mut self, (sku, center): (&str, i64), fate: Action, quantity: i64) {
        let Some(shelf) = self.stock.get_mut(sku).and_then(|item| item.shelves.get_mut(&center)) else { return };
        match fate {
            Action::Restock => shelf.on_hand += quantity,
            Action::Quarantine => {
                shelf.on_hand += quantity;
                shelf.quarantine += quantity;
            }
            Action::Default | Action::Dispose => {}
        }
    }

    /// The shelf of a SKU, which is set up if it is not there. `reference_id` is the product's, where it is not the SKU.
    fn shelf_mut(&mut self, sku: &str, reference_id: Option<&str>, center: i64) -> &mut Shelf {
        let known = self.stock.contains_key(sku);
        let item = (!known).then(|| self.item_found(reference_id.unwrap_or(sku)));
        let (inventory_id, name) = item.map_or((0, String::new()), |item| (item.inventory_id, item.name));
        let fresh = Stocked { inventory_id, name, shelves: BTreeMap::new() };
        self.stock.entry(sku.to_owned()).or_insert(fresh).shelves.entry(center).or_default()
    }

    /// Puts the stock on the shelves that an account opens with; a location that is none has no shelves.
    pub(super) fn open(&mut self, opening: &[OpeningStock]) {
        for stock in opening {
            if let Ok(center) = self.center_named(&stock.location).map(|center| center.id) {
                self.shelf_mut(&stock.sku, None, center).on_hand = stock.on_hand;
            }
        }
    }
}

/// Units per SKU in a part of an order.
pub(super) fn units(order: &Order, contents: &[(usize, i64)]) -> BTreeMap<String, i64> {
    let mut units = BTreeMap::new();
    for (line, quantity) in contents {
        if let Some(line) = order.lines.get(*line) {
            *units.entry(line.sku.clone()).or_default() += quantity;
        }
    }
    units
}

/// For `/_sandbox/documents`.
pub(super) fn documents(warehouse: &Warehouse) -> Vec<Value> {
    let shelves = warehouse.stock.iter().flat_map(|(sku, item)| item.shelves.keys().map(move |center| (sku, *center)));
    let shown = shelves.filter_map(|(sku, center)| {
        let shelf = warehouse.shelf_stock(sku, center)?;
        let name = warehouse.centers.iter().find(|known| known.id == center).map(|known| known.name.clone());
        Some(shown(sku, name.as_deref(), &shelf))
    });
    shown.collect()
}

fn shown(sku: &str, location: Option<&str>, shelf: &ShelfStock) -> Value {
    json!({
        "sku": sku,
        "location": location,
        "on_hand": shelf.on_hand,
        "quarantine": shelf.quarantine,
        "committed": shelf.committed,
        "fulfillable": shelf.fulfillable(),
        "awaiting": shelf.awaiting,
    })
}
