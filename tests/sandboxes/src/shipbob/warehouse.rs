//! The warehouse: orders, the shipments that they are split into, and how far each has got.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use super::intake::{OrderRequest, ProductKey};
use super::returns::Return;
use super::stock::{self, Stock};

/// A fulfilment centre: its name, which is also the code that merchants call it, and its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FulfillmentCenter {
    /// The id that orders name in `location_id`.
    pub id: i64,
    /// For example `LON1`.
    pub name: String,
}

pub(super) struct Warehouse {
    pub(super) centers: Vec<FulfillmentCenter>,
    /// The only references that are known; none: any is, and becomes a product with its first order.
    pub(super) catalogue: Option<BTreeSet<String>>,
    /// References that are known no longer.
    pub(super) withdrawn: BTreeSet<String>,
    pub(super) orders: BTreeMap<u64, Order>,
    pub(super) products: BTreeMap<String, i64>,
    pub(super) next_order: u64,
    pub(super) next_shipment: u64,
    pub(super) returns: BTreeMap<u64, Return>,
    pub(super) next_return: u64,
    /// What stands on the shelves that somebody has counted.
    pub(super) stock: Stock,
}

#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) id: u64,
    pub(super) created_at: Timestamp,
    pub(super) request: OrderRequest,
    pub(super) lines: Vec<Line>,
    pub(super) shipments: Vec<Shipment>,
}

#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) product_id: i64,
    pub(super) reference_id: String,
    pub(super) sku: String,
    pub(super) name: String,
    pub(super) quantity: i64,
    pub(super) external_line_id: Value,
    pub(super) unit_price: Value,
}

#[derive(Debug, Clone)]
pub(super) struct Shipment {
    pub(super) id: u64,
    pub(super) status: ShipmentStatus,
    pub(super) center: FulfillmentCenter,
    /// Index into the order's lines, and a quantity.
    pub(super) contents: Vec<(usize, i64)>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) shipped_at: Option<Timestamp>,
    pub(super) delivered_at: Option<Timestamp>,
    pub(super) tracking: Option<Tracking>,
    /// Why it is an exception or on hold.
    pub(super) detail: Option<String>,
    /// Once it is being picked it can no longer be cancelled.
    pub(super) is_picked: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tracking {
    pub(super) carrier: String,
    pub(super) number: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShipmentStatus {
    Processing,
    Completed,
    Exception,
    OnHold,
    Cancelled,
}

impl ShipmentStatus {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Processing => "Processing",
            Self::Completed => "Completed",
            Self::Exception => "Exception",
            Self::OnHold => "OnHold",
            Self::Cancelled => "Cancelled",
        }
    }
}

/// What to ship.
#[derive(Debug, Clone, Default)]
pub(super) struct ShipOrder {
    /// SKUs (or references) and quantities; none: all that waits.
    pub(super) lines: Option<Vec<(String, i64)>>,
    pub(super) tracking_number: Option<String>,
    pub(super) carrier: Option<String>,
}

/// A change of state that shipments make together.
pub(super) struct Turn<'a> {
    pub(super) from: &'a [ShipmentStatus],
    pub(super) to: ShipmentStatus,
    pub(super) detail: Option<&'a str>,
}

impl Order {
    pub(super) fn status(&self) -> &'static str {
        let has = |status| self.shipments.iter().any(|shipment| shipment.status == status);
        let open = has(ShipmentStatus::Processing);
        let stuck = has(ShipmentStatus::Exception) || has(ShipmentStatus::OnHold);
        match (has(ShipmentStatus::Completed), open || stuck) {
            (true, true) => "PartiallyFulfilled",
            (true, false) => "Fulfilled",
            (false, true) if stuck => "Exception",
            (false, true) => "Processing",
            (false, false) => "Cancelled",
        }
    }

    /// Takes `contents` out of a shipment into one of its own with this id; all of it stays where it is.
    fn split_off(&mut self, shipment: usize, contents: Vec<(usize, i64)>, id: u64) -> Option<&mut Shipment> {
        let whole = self.shipments.get_mut(shipment)?;
        let mut part = whole.clone();
        for (line, quantity) in &mut whole.contents {
            let taken = contents.iter().filter(|(taken, _)| taken == line);
            *quantity -= taken.map(|(_, quantity)| quantity).sum::<i64>();
        }
        whole.contents.retain(|(_, quantity)| *quantity > 0);
        if whole.contents.is_empty() {
            whole.contents = contents;
            return self.shipments.get_mut(shipment);
        }
        part.id = id;
        part.contents = contents;
        self.shipments.push(part);
        self.shipments.last_mut()
    }

    pub(super) fn updated_at(&self) -> Timestamp {
        let newest = self.shipments.iter().map(|shipment| shipment.updated_at).max();
        newest.unwrap_or(self.created_at)
    }
}

impl Warehouse {
    pub(super) fn find(&self, reference_id: &str) -> Option<&Order> {
        self.orders.values().find(|order| order.request.reference_id == reference_id)
    }

    /// Takes an order in, as one shipment from one centre. Refusals are the vendor's 422.
    pub(super) fn take_in(&mut self, request: OrderRequest, now: Timestamp) -> Result<u64, Vec<String>> {
        if self.find(&request.reference_id).is_some() {
            return Err(vec!["Cannot insert order with existing ReferenceId".to_owned()]);
        }
        let center = self.center(request.location_id)?;
        if let Some(problem) = request.address_problem() {
            return Err(vec![problem.to_owned()]);
        }
        let lines = self.lines(&request)?;
        let id = self.next_order;
        self.next_order += 1;
        let contents = lines.iter().enumerate().map(|(index, line)| (index, line.quantity)).collect();
        let shipment = self.new_shipment(center, contents, now);
        let mut order = Order { id, created_at: now, request, lines, shipments: vec![shipment] };
        self.allocate(&mut order);
        self.orders.insert(id, order);
        Ok(id)
    }

    pub(super) fn center(&self, id: Option<i64>) -> Result<FulfillmentCenter, Vec<String>> {
        let found = match id {
            None => self.centers.first(),
            Some(id) => self.centers.iter().find(|center| center.id == id),
        };
        found.cloned().ok_or_else(|| vec![format!("Fulfillment center {} does not exist", id.unwrap_or_default())])
    }

    fn lines(&mut self, request: &OrderRequest) -> Result<Vec<Line>, Vec<String>> {
        let mut unknown = Vec::new();
        let mut lines = Vec::new();
        for product in &request.products {
            match self.reference(&product.key) {
                Ok(reference_id) => lines.push(Line {
                    product_id: self.product_id(&reference_id),
                    sku: product.sku.clone().unwrap_or_else(|| reference_id.clone()),
                    name: product.name.clone().unwrap_or_else(|| reference_id.clone()),
                    reference_id,
                    quantity: product.quantity,
                    external_line_id: product.external_line_id.clone(),
                    unit_price: product.unit_price.clone(),
                }),
                Err(problem) => unknown.push(problem),
            }
        }
        if unknown.is_empty() { Ok(lines) } else { Err(unknown) }
    }

    fn reference(&self, key: &ProductKey) -> Result<String, String> {
        match key {
            ProductKey::Reference(reference) => {
                let listed = self.catalogue.as_ref().is_none_or(|known| known.contains(reference));
                if listed && !self.withdrawn.contains(reference) {
                    Ok(reference.clone())
                } else {
                    Err(format!("Product with reference_id '{reference}' does not exist"))
                }
            }
            ProductKey::Id(id) => {
                let known = self.products.iter().find(|(_, known)| *known == id);
                known
                    .map(|(reference, _)| reference.clone())
                    .ok_or_else(|| format!("Product with id {id} does not exist"))
            }
        }
    }

    pub(super) fn product_id(&mut self, reference: &str) -> i64 {
        const FIRST_PRODUCT: i64 = 40_001;
        let next = FIRST_PRODUCT + i64::try_from(self.products.len()).unwrap_or(i64::MAX - FIRST_PRODUCT);
        *self.products.entry(reference.to_owned()).or_insert(next)
    }

    fn new_shipment(&mut self, center: FulfillmentCenter, contents: Vec<(usize, i64)>, now: Timestamp) -> Shipment {
        let id = self.next_shipment;
        self.next_shipment += 1;
        Shipment {
            id,
            status: ShipmentStatus::Processing,
            center,
            contents,
            created_at: now,
            updated_at: now,
            shipped_at: None,
            delivered_at: None,
            tracking: None,
            detail: None,
            is_picked: false,
        }
    }

    /// Ships what waits of an order, or a part of it, which then gets a shipment of its own; the shipment's id.
    pub(super) fn ship(&mut self, order_id: u64, wanted: &ShipOrder, now: Timestamp) -> Result<u64, String> {
        let order = self.orders.get(&order_id).ok_or_else(|| no_order(order_id))?;
        let mut shipments = order.shipments.iter().enumerate();
        let (waiting, center) = shipments
            .find(|(_, shipment)| shipment.status == ShipmentStatus::Processing)
            .map(|(at, shipment)| (at, shipment.center.id))
            .ok_or_else(|| format!("nothing of order {order_id} waits to be shipped"))?;
        let contents = part_of(order, waiting, wanted)?;
        let leaving = stock::units(order, &contents);
        self.leave(center, &leaving)?;
        let order = self.orders.get_mut(&order_id).ok_or_else(|| no_order(order_id))?;
        let shipment = order.split_off(waiting, contents, self.next_shipment).ok_or_else(|| no_order(order_id))?;
        self.next_shipment += 1;
        let number = wanted.tracking_number.clone();
        let carrier = wanted.carrier.clone();
        shipment.status = ShipmentStatus::Completed;
        shipment.is_picked = true;
        shipment.shipped_at = Some(now);
        shipment.updated_at = now;
        shipment.tracking = Some(Tracking {
            carrier: carrier.unwrap_or_else(|| "Royal Mail".to_owned()),
            number: number.unwrap_or_else(|| format!("SB{}GB", shipment.id)),
        });
        Ok(shipment.id)
    }

    /// Moves the shipments of an order from one state to another; the ids of those that moved.
    pub(super) fn turn(&mut self, order: u64, turn: &Turn<'_>, now: Timestamp) -> Result<Vec<u64>, String> {
        let order = self.orders.get_mut(&order).ok_or_else(|| no_order(order))?;
        let mut turned = Vec::new();
        for shipment in &mut order.shipments {
            if turn.from.contains(&shipment.status) {
                shipment.status = turn.to;
                shipment.detail = turn.detail.map(str::to_owned);
                shipment.updated_at = now;
                turned.push(shipment.id);
            }
        }
        if turned.is_empty() {
            return Err(format!("order {} has no shipment that could become {}", order.id, turn.to.word()));
        }
        self.reallocate(now);
        Ok(turned)
    }

    /// Cancels what is not picked; for each shipment what came of it. None: there is no such order.
    pub(super) fn cancel(&mut self, order: u64, now: Timestamp) -> Option<Vec<(u64, Stop)>> {
        let order = self.orders.get_mut(&order)?;
        let mut results = Vec::new();
        for shipment in &mut order.shipments {
            let stop = match shipment.status {
                ShipmentStatus::Cancelled => Stop::Before,
                ShipmentStatus::Completed => Stop::Gone,
                ShipmentStatus::Processing | ShipmentStatus::Exception | ShipmentStatus::OnHold => {
                    if shipment.is_picked { Stop::Picked } else { Stop::Now }
                }
            };
            if stop == Stop::Now {
                shipment.status = ShipmentStatus::Cancelled;
                shipment.updated_at = now;
            }
            results.push((shipment.id, stop));
        }
        self.reallocate(now);
        Some(results)
    }
}

/// What came of the wish to cancel a shipment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Now,
    Before,
    Picked,
    Gone,
}

impl Stop {
    /// Why it could not be; none when it is cancelled.
    pub(super) fn reason(self) -> Option<&'static str> {
        match self {
            Self::Now | Self::Before => None,
            Self::Picked => Some("Shipment is already being picked"),
            Self::Gone => Some("Shipment has already been fulfilled"),
        }
    }
}

/// The inventory item behind a product; every product here has one.
pub(super) fn inventory_id(product: i64) -> i64 {
    const APART: i64 = 5_000_000;
    product + APART
}

fn no_order(id: u64) -> String {
    format!("there is no order {id}")
}

/// What of the waiting shipment is wanted, checked against what it holds.
fn part_of(order: &Order, waiting: usize, wanted: &ShipOrder) -> Result<Vec<(usize, i64)>, String> {
    let held = order.shipments.get(waiting).map(|shipment| shipment.contents.clone()).unwrap_or_default();
    let Some(lines) = &wanted.lines else {
        return Ok(held);
    };
    let mut left = held;
    let mut part = Vec::new();
    for (sku, quantity) in lines {
        let mut open = *quantity;
        for (line, remaining) in &mut left {
            let is_wanted = order.lines.get(*line).is_some_and(|line| line.sku == *sku || line.reference_id == *sku);
            let taken = if is_wanted { open.min(*remaining) } else { 0 };
            if taken > 0 {
                *remaining -= taken;
                open -= taken;
                part.push((*line, taken));
            }
        }
        if open != 0 || *quantity < 1 {
            return Err(format!("order {} does not wait for {quantity} of {sku}", order.id));
        }
    }
    Ok(merged(part))
}

fn merged(part: Vec<(usize, i64)>) -> Vec<(usize, i64)> {
    let mut sums = BTreeMap::new();
    for (line, quantity) in part {
        *sums.entry(line).or_insert(0) += quantity;
    }
    sums.into_iter().collect()
}
