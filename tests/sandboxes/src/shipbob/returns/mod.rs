//! Goods that come back: announced returns, parcels that nobody announced, and parcels that could not be delivered.

mod act;
mod intake;
mod listing;
mod routes;
mod view;

use jiff::Timestamp;

use super::warehouse::{FulfillmentCenter, Order, Shipment, ShipmentStatus, Warehouse, inventory_id};

use intake::ReturnRequest;
use listing::ReturnListing;
pub(super) use routes::routes;
pub(super) use view::document;

#[derive(Debug, Clone)]
pub(super) struct Return {
    pub(super) id: u64,
    /// The merchant's if it was announced, else the warehouse's own or none.
    pub(super) reference_id: Option<String>,
    pub(super) kind: ReturnKind,
    pub(super) center: FulfillmentCenter,
    pub(super) origin: Option<Origin>,
    pub(super) tracking_number: Option<String>,
    pub(super) items: Vec<ReturnItem>,
    /// Every status that it has had, the last of which it has.
    pub(super) history: Vec<(ReturnStatus, Timestamp)>,
}

/// The parcel that the goods left with.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub(super) order: u64,
    pub(super) order_reference: String,
    pub(super) shipment: u64,
    pub(super) tracking_number: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct ReturnItem {
    pub(super) inventory_id: i64,
    pub(super) sku: String,
    pub(super) name: String,
    /// As announced; of what nobody announced, as found.
    pub(super) quantity: i64,
    pub(super) requested: Action,
    pub(super) is_announced: bool,
    pub(super) taken: Vec<(Action, i64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReturnKind {
    Regular,
    ReturnToSender,
}

impl ReturnKind {
    pub(super) const ALL: [Self; 2] = [Self::Regular, Self::ReturnToSender];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Regular => "Regular",
            Self::ReturnToSender => "ReturnToSender",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReturnStatus {
    AwaitingArrival,
    Arrived,
    Processing,
    Completed,
    Cancelled,
}

impl ReturnStatus {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::AwaitingArrival => "AwaitingArrival",
            Self::Arrived => "Arrived",
            Self::Processing => "Processing",
            Self::Completed => "Completed",
            Self::Cancelled => "Cancelled",
        }
    }
}

/// What becomes of a unit; `Default` is what the product's own settings say, and is asked for, never taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Default,
    Restock,
    Quarantine,
    Dispose,
}

impl Action {
    const ALL: [Self; 4] = [Self::Default, Self::Restock, Self::Quarantine, Self::Dispose];

    pub(super) fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.word() == word)
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Default => "Default",
            Self::Restock => "Restock",
            Self::Quarantine => "Quarantine",
            Self::Dispose => "Dispose",
        }
    }
}

/// An inventory item as the warehouse keeps it.
pub(super) struct Item {
    pub(super) inventory_id: i64,
    pub(super) sku: String,
    pub(super) name: String,
}

/// Units that were found in a parcel.
pub(super) struct Found {
    pub(super) sku: String,
    pub(super) quantity: i64,
    pub(super) action: Action,
}

impl Return {
    pub(super) fn status(&self) -> ReturnStatus {
        self.history.last().map_or(ReturnStatus::AwaitingArrival, |(status, _)| *status)
    }

    /// When it last got there; none while it has not.
    pub(super) fn since(&self, wanted: ReturnStatus) -> Option<Timestamp> {
        self.history.iter().rev().find(|(status, _)| *status == wanted).map(|(_, at)| *at)
    }

    pub(super) fn created_at(&self) -> Timestamp {
        self.history.first().map(|(_, at)| *at).unwrap_or_default()
    }

    pub(super) fn turn(&mut self, status: ReturnStatus, now: Timestamp) {
        if self.status() != status {
            self.history.push((status, now));
        }
    }

    /// Books what was found; an item that nobody announced gets an entry of its own.
    fn book(&mut self, item: Item, found: &Found) {
        let known = self.items.iter_mut().find(|known| known.inventory_id == item.inventory_id);
        let entry = match known {
            Some(known) => known,
            None => {
                self.items.push(ReturnItem::of(item, 0, Action::Default));
                let Some(added) = self.items.last_mut() else { return };
                added.is_announced = false;
                added
            }
        };
        if !entry.is_announced {
            entry.quantity += found.quantity;
        }
        match entry.taken.iter_mut().find(|(action, _)| *action == found.action) {
            Some((_, quantity)) => *quantity += found.quantity,
            None => entry.taken.push((found.action, found.quantity)),
        }
    }
}

impl ReturnItem {
    fn of(item: Item, quantity: i64, requested: Action) -> Self {
        let Item { inventory_id, sku, name } = item;
        Self { inventory_id, sku, name, quantity, requested, is_announced: true, taken: Vec::new() }
    }
}

impl Origin {
    pub(super) fn of(order: &Order, shipment: &Shipment) -> Self {
        Self {
            order: order.id,
            order_reference: order.request.reference_id.clone(),
            shipment: shipment.id,
            tracking_number: shipment.tracking.as_ref().map(|tracking| tracking.number.clone()),
        }
    }
}

impl Warehouse {
    pub(super) fn find_return(&self, reference_id: &str) -> Option<&Return> {
        self.returns.values().find(|known| known.reference_id.as_deref() == Some(reference_id))
    }

    /// Takes a return request in. Refusals are the vendor's 422.
    pub(super) fn announce(&mut self, request: ReturnRequest, now: Timestamp) -> Result<u64, Vec<String>> {
        if self.find_return(&request.reference_id).is_some() {
            return Err(vec![format!("Return with ReferenceId {} already exists", request.reference_id)]);
        }
        let center = self.center(Some(request.center))?;
        let origin = request.shipment.map(|id| {
            let found = self.shipment(id).map(|(order, shipment)| Origin::of(order, shipment));
            found.ok_or_else(|| vec![format!("Shipment {id} does not exist")])
        });
        let items = request.items.iter().map(|(id, quantity, action)| {
            let item = self.item(|candidate, _| candidate == *id);
            let item = item.ok_or_else(|| vec![format!("Inventory {id} does not exist")])?;
            Ok(ReturnItem::of(item, *quantity, *action))
        });
        let (items, origin) = (items.collect::<Result<_, Vec<String>>>()?, origin.transpose()?);
        Ok(self.keep(Return {
            id: 0,
            reference_id: Some(request.reference_id),
            kind: ReturnKind::Regular,
            center,
            origin,
            tracking_number: request.tracking_number,
            items,
            history: vec![(ReturnStatus::AwaitingArrival, now)],
        }))
    }

    /// Takes a parcel in that no request announced; it is there, and nothing of it is booked yet.
    fn take_back(&mut self, (kind, reference_id): (ReturnKind, Option<String>), parcel: Parcel) -> u64 {
        self.keep(Return {
            id: 0,
            reference_id,
            kind,
            center: parcel.center,
            tracking_number: None,
            origin: Some(parcel.origin),
            items: Vec::new(),
            history: vec![(ReturnStatus::Arrived, parcel.arrived_at)],
        })
    }

    fn keep(&mut self, made: Return) -> u64 {
        let id = self.next_return;
        self.next_return += 1;
        self.returns.insert(id, Return { id, ..made });
        id
    }

    pub(super) fn shipment(&self, id: u64) -> Option<(&Order, &Shipment)> {
        let of_order = |order: &'_ Order| order.shipments.iter().position(|shipment| shipment.id == id);
        self.orders.values().find_map(|order| Some((order, order.shipments.get(of_order(order)?)?)))
    }

    /// The first known item that is wanted, by its inventory id and names.
    fn item(&self, wanted: impl Fn(i64, &[&str]) -> bool) -> Option<Item> {
        let lines = self.orders.values().flat_map(|order| &order.lines);
        let mut ordered = lines.filter(|line| wanted(inventory_id(line.product_id), &[&line.sku, &line.reference_id]));
        if let Some(line) = ordered.next() {
            let inventory_id = inventory_id(line.product_id);
            return Some(Item { inventory_id, sku: line.sku.clone(), name: line.name.clone() });
        }
        let mut products = self.products.iter().map(|(reference, id)| (reference, inventory_id(*id)));
        let (reference, inventory_id) = products.find(|(reference, id)| wanted(*id, &[reference]))?;
        Some(Item { inventory_id, sku: reference.clone(), name: reference.clone() })
    }

    /// The item with this SKU, which becomes known if it was not: anything can be in a parcel.
    pub(super) fn item_found(&mut self, sku: &str) -> Item {
        if let Some(item) = self.item(|_, names| names.contains(&sku)) {
            return item;
        }
        let inventory_id = inventory_id(self.product_id(sku));
        Item { inventory_id, sku: sku.to_owned(), name: sku.to_owned() }
    }

    /// Books what was found under a return.
    fn book(&mut self, id: u64, found: &[Found], now: Timestamp) {
        for found in found {
            let item = self.item_found(&found.sku);
            let Some(known) = self.returns.get_mut(&id) else { continue };
            let (sku, center) = (item.sku.clone(), known.center.id);
            known.book(item, found);
            known.turn(ReturnStatus::Processing, now);
            self.put_back((&sku, center), found.action, found.quantity);
        }
        self.reallocate(now);
    }
}

/// A parcel that came back.
struct Parcel {
    origin: Origin,
    center: FulfillmentCenter,
    arrived_at: Timestamp,
}

impl Parcel {
    fn of(order: &Order, shipment: &Shipment, arrived_at: Timestamp) -> Self {
        Self { origin: Origin::of(order, shipment), center: shipment.center.clone(), arrived_at }
    }
}

/// Whether a parcel is on its way, so that it may come back undelivered.
fn is_under_way(shipment: &Shipment) -> bool {
    shipment.status == ShipmentStatus::Completed && shipment.delivered_at.is_none()
}
