//! What has to be true of the outside systems once orders are completed, whatever happened on the way. Read from the
//! outside, not from what Crossdock thinks of itself.

use std::collections::BTreeMap;

use crossdock_domain::event::Event;
use crossdock_domain::hold::Held;
use crossdock_domain::ids::LocationId;
use crossdock_domain::item::{Item, Movement};
use crossdock_domain::order::Status;
use crossdock_domain::{Order, Sku};
use crossdock_world::World;
use serde_json::Value;

pub fn rows<'a>(documents: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    documents.get(field).and_then(Value::as_array).into_iter().flatten()
}

pub fn text(value: &Value, field: &str) -> String {
    value.get(field).map_or_else(String::new, |field| field.as_str().map_or_else(|| field.to_string(), str::to_owned))
}

/// Every order of the world is completed and every identity of the books holds.
pub fn assert_all_closed(world: &World) {
    assert!(!world.orders().is_empty(), "there is no order");
    for order in world.orders() {
        let story = world.transcript.join("\n");
        assert_eq!(order.status(), Status::Completed, "{}: {:#?}\n{story}", order.id, order.attention());
    }
    assert_books(world, &sold_at_the_shop(world, |_| true));
    assert_documents(world);
    assert_told(world);
    assert_stock(world);
}

/// What the storefront sold, per currency, in minor units.
pub fn sold_at_the_shop(world: &World, counts: impl Fn(&str) -> bool) -> BTreeMap<String, i64> {
    let mut sold = BTreeMap::new();
    for order in rows(&world.shopify.documents(), "orders").filter(|order| counts(&text(order, "id"))) {
        *sold.entry(text(order, "currency")).or_default() += order["total"].as_i64().unwrap();
    }
    sold
}

/// Nothing is receivable, no deposit is left, and income and tax are what was sold.
pub fn assert_books(world: &World, sold: &BTreeMap<String, i64>) {
    let ledger = world.netsuite.ledger();
    for (currency, sold) in sold {
        let book = ledger["currencies"].get(currency).unwrap_or_else(|| panic!("nothing was posted in {currency}"));
        assert_eq!(book["balanced"], true, "{book:#}");
        let accounts: BTreeMap<String, i64> = serde_json::from_value(book["accounts"].clone()).unwrap();
        assert_eq!((accounts["receivables"], accounts["deposits"]), (0, 0), "{accounts:#?}");
        let is_income =
            |account: &str| matches!(account, "revenue" | "shipping" | "rounding") || account.starts_with("tax:");
        let income: i64 = accounts.iter().filter(|(account, _)| is_income(account)).map(|(_, amount)| amount).sum();
        assert_eq!(income, *sold, "income and tax in {currency}: {accounts:#?}");
    }
}

/// One sales order and one deposit per captured tender; one fulfilment and one invoice per parcel that left; no
/// reference twice.
pub fn assert_documents(world: &World) {
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    let documents = world.netsuite.documents();
    let mut references: Vec<String> = rows(&documents, "documents").map(|d| text(d, "externalId")).collect();
    for document in rows(&documents, "documents") {
        let reference = text(document, "externalId");
        let order = reference.rsplit_once('-').map_or("", |(order, _)| order).to_owned();
        *counts.entry((order, text(document, "record"))).or_default() += 1;
    }
    let all = references.len();
    references.sort();
    references.dedup();
    assert_eq!(references.len(), all, "a reference was used twice");
    let shipments = parcels_by_order(world);
    for order in world.orders().iter().filter(|order| order.status() == Status::Completed) {
        let name = order.reference("SO").unwrap().trim_end_matches("-SO").to_owned();
        let count = |record: &str| counts.get(&(name.clone(), record.to_owned())).copied().unwrap_or(0);
        let shipped = shipments.get(&name).copied().unwrap_or(0);
        let paid = order.captured_tenders().filter(|(_, tender)| tender.amount.get() > 0).count();
        assert_eq!(count("salesOrder"), 1, "{name}");
        assert_eq!(count("customerDeposit"), paid, "{name}");
        assert_eq!((count("itemFulfillment"), count("invoice")), (shipped, shipped), "{name}: one per shipment");
        assert!(shipped > 0, "{name} never left");
    }
}

/// Shipments that the 3PL has made, by the order part of our reference.
fn parcels_by_order(world: &World) -> BTreeMap<String, usize> {
    let documents = world.shipbob.documents();
    let mut shipments = BTreeMap::new();
    for order in rows(&documents, "orders") {
        let reference = text(order, "reference_id");
        let name = reference.rsplit_once('-').map_or("", |(order, _)| order).to_owned();
        let left = rows(order, "shipments").filter(|shipment| !shipment["shipped_at"].is_null()).count();
        *shipments.entry(name).or_default() += left;
    }
    shipments
}

/// The shop was told of every unit once.
pub fn assert_told(world: &World) {
    for order in rows(&world.shopify.documents(), "orders") {
        let ordered: i64 = rows(order, "lines").map(|line| line["quantity"].as_i64().unwrap()).sum();
        let told: i64 =
            rows(order, "fulfillments").flat_map(|f| rows(f, "lines")).map(|l| l["quantity"].as_i64().unwrap()).sum();
        assert_eq!(told, ordered, "{}: units told and ordered", text(order, "name"));
    }
}

/// SKU, location and units by which a document of stock says that there is more, or less.
#[expect(clippy::wildcard_enum_match_arm, reason = "no other fact says so")]
fn told_of_stock(event: &Event) -> Vec<(String, String, i64)> {
    let line = |sku: &Sku, location: &LocationId, units: i64| (sku.to_string(), location.to_string(), units);
    match event {
        Event::StockReceived(told) => {
            told.lines.iter().map(|l| line(&l.sku, &told.location, i64::from(l.quantity))).collect()
        }
        Event::StockCounted(told) => told.lines.iter().map(|l| line(&l.sku, &told.location, l.difference)).collect(),
        Event::StockAdjusted(told) => told.lines.iter().map(|l| line(&l.sku, &told.location, l.on_hand)).collect(),
        _ => Vec::new(),
    }
}

/// On hand is what was there, came and came back, less what left; what may be promised is that less what is reserved or
/// in quarantine; neither is ever below zero.
pub fn assert_stock(world: &World) {
    let mut on_hand: Places = world
        .opening()
        .iter()
        .map(|((sku, location), units)| ((sku.to_string(), location.to_string()), *units))
        .collect();
    for event in world.store.streams().values().flatten().flat_map(|commit| &commit.events) {
        for (sku, location, units) in told_of_stock(event) {
            *on_hand.entry((sku, location)).or_default() += units;
        }
    }
    // What had left before a count and was told after it: the count is corrected.
    let orders = world.store.streams().into_iter().filter(|(stream, _)| stream.starts_with("order#"));
    for stock in orders.flat_map(|(_, commits)| commits).flat_map(|commit| commit.moves) {
        if stock.why == Movement::Counted {
            *on_hand.entry((stock.sku.to_string(), stock.location.to_string())).or_default() += stock.on_hand;
        }
    }
    let mut quarantined = Places::new();
    for (place, units, action) in crate::settled::come_back(world) {
        if action != "Dispose" {
            *on_hand.entry(place.clone()).or_default() += units;
        }
        if action == "Quarantine" {
            *quarantined.entry(place).or_default() += units;
        }
    }
    for order in rows(&world.shipbob.documents(), "orders") {
        for shipment in rows(order, "shipments").filter(|shipment| !shipment["shipped_at"].is_null()) {
            for product in rows(shipment, "products") {
                let place = (text(product, "sku"), text(shipment, "location"));
                *on_hand.entry(place).or_default() -= product["quantity"].as_i64().unwrap();
            }
        }
    }
    let mut reserved = promised(world);
    let items = world.store.all_items();
    for units in [&mut on_hand, &mut quarantined, &mut reserved] {
        *units = in_components(units, &items);
    }
    for item in items.values() {
        for (location, stock) in &item.stock {
            let place = (item.sku.to_string(), location.to_string());
            let of = |from: &Places| from.get(&place).copied().unwrap_or(0);
            let (mut expected, mut free) = (of(&on_hand), of(&on_hand) - of(&quarantined) - of(&reserved));
            if !item.components.is_empty() {
                // Of a kit there is what orders have of it.
                free = stock.waiting.values().sum();
                expected = free + of(&reserved);
            }
            assert!(stock.on_hand >= 0 && stock.available >= 0, "{place:?} is below zero: {stock:?}");
            assert_eq!(
                (stock.on_hand, stock.available),
                (expected, free),
                "{place:?}\n{}",
                world.transcript.join("\n")
            );
        }
    }
}

/// What orders have been promised and has not left, and what is kept for buyers.
fn promised(world: &World) -> Places {
    let mut reserved = held_for_buyers(world);
    for order in world.orders() {
        for allocation in order.allocations.values() {
            for line in order.unshipped_of(allocation) {
                let place = (order.sku(line.line).unwrap().to_string(), allocation.fact.location.to_string());
                *reserved.entry(place).or_default() += i64::from(line.quantity);
            }
        }
    }
    reserved
}

/// Units by SKU and location.
type Places = BTreeMap<(String, String), i64>;

/// What is there, or promised, of kits is there of their components too.
fn in_components(units: &Places, items: &BTreeMap<Sku, Item>) -> Places {
    let mut all = units.clone();
    for ((sku, location), units) in units {
        let components = items.get(&sku.parse::<Sku>().unwrap()).map(|item| &item.components).into_iter().flatten();
        for (component, each) in components {
            *all.entry((component.to_string(), location.clone())).or_default() += units * i64::from(*each);
        }
    }
    all
}

/// Units that are kept for buyers who are paying, or who have paid and whose orders are not allocated yet.
pub fn held_for_buyers(world: &World) -> Places {
    let mut units: Places = Places::new();
    for commits in world.store.streams().values() {
        for held in Held::fold(commits).filter(Held::is_open).into_iter().flat_map(|held| held.units) {
            *units.entry((held.sku.to_string(), held.location.to_string())).or_default() += i64::from(held.quantity);
        }
    }
    for ((sku, location, _), kept) in world.orders().iter().flat_map(Order::units_held) {
        *units.entry((sku.to_string(), location.to_string())).or_default() += kept;
    }
    units
}
