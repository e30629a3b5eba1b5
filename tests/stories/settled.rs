//! What has to be true of the outside systems once orders are settled of which something was cancelled, changed,
//! returned or refunded. Read from the outside, not from what Crossdock thinks of itself.

use std::collections::BTreeMap;

use crossdock_domain::order::Status;
use crossdock_world::World;
use serde_json::Value;

use crate::books::{assert_stock, rows, text};

/// Every order of the world is through, nobody has to do anything, and the laws hold.
pub fn assert_settled(world: &World) {
    assert!(!world.orders().is_empty(), "there is no order");
    for order in world.orders() {
        let story = world.transcript.join("\n");
        let through = matches!(order.status(), Status::Completed | Status::Cancelled) && order.is_finished();
        let (owed, attention) = (order.outstanding(), order.attention());
        assert!(through && attention.is_empty(), "{}: {owed:#?} {attention:#?}\n{story}", order.id);
    }
    assert_laws(world);
}

/// What holds of orders that are settled, whether or not somebody still has to look at one of them.
pub fn assert_laws(world: &World) {
    assert_money(world);
    assert_goods(world);
    assert_stock(world);
}

/// The order part of one of our references: `UK-820982911946154508-INV2` is of `UK-820982911946154508`.
pub fn order_of(reference: &str) -> String {
    reference.rsplit_once('-').map_or("", |(order, _)| order).to_owned()
}

/// What one order's documents have moved, by account: debits positive, in minor units.
type Accounts = BTreeMap<String, i64>;

/// Balances per order, from the entries behind the ERP's ledger.
pub fn accounts_by_order(world: &World) -> BTreeMap<String, Accounts> {
    let mut all: BTreeMap<String, Accounts> = BTreeMap::new();
    for entry in rows(&world.netsuite.ledger(), "entries") {
        let accounts = all.entry(order_of(&text(entry, "externalId"))).or_default();
        for line in rows(entry, "lines") {
            let moved = line["debit"].as_i64().unwrap() - line["credit"].as_i64().unwrap();
            *accounts.entry(text(line, "account")).or_default() += moved;
        }
    }
    all
}

fn sum(accounts: &Accounts, wanted: impl Fn(&str) -> bool) -> i64 {
    accounts.iter().filter(|(account, _)| wanted(account)).map(|(_, amount)| amount).sum()
}

/// Where money is that came from, or went to, the buyer.
fn is_money(account: &str) -> bool {
    account.starts_with("clearing:") || account.starts_with("liability:") || account.starts_with("dispute")
}

/// DOMAIN 4.2 per order: nothing is receivable, no deposit and no credit is open; the money that the books show is what
/// the shop has received less what it has paid back, and so is income with tax.
fn assert_money(world: &World) {
    let books = accounts_by_order(world);
    for order in rows(&world.shopify.documents(), "orders") {
        let id = text(order, "id");
        let none = Accounts::new();
        let (name, accounts) = books
            .iter()
            .find(|(name, _)| name.split_once('-').is_some_and(|(_, own)| own == id))
            .map_or(("nothing posted", &none), |(name, accounts)| (name.as_str(), accounts));
        let story = world.transcript.join("\n");
        let open = (sum(accounts, |a| a == "receivables"), sum(accounts, |a| a == "deposits"));
        assert_eq!(open, (0, 0), "{name}: receivable and deposit of {accounts:#?}\n{story}");
        let kept = order["received"].as_i64().unwrap() - order["refunded"].as_i64().unwrap();
        assert_eq!(sum(accounts, is_money), kept, "{name}: money of {order:#} in {accounts:#?}\n{story}");
        let income = |a: &str| matches!(a, "revenue" | "shipping" | "rounding" | "allowances") || a.starts_with("tax:");
        assert_eq!(-sum(accounts, income), kept, "{name}: income and tax of {accounts:#?}\n{story}");
    }
    let documents = world.netsuite.documents();
    let mut references: Vec<String> = rows(&documents, "documents").map(|d| text(d, "externalId")).collect();
    let all = references.len();
    references.sort();
    references.dedup();
    assert_eq!(references.len(), all, "a reference was used twice");
}

/// Everything that the 3PL has booked of returns: SKU and location, units, and `Restock`, `Quarantine` or `Dispose`.
pub fn come_back(world: &World) -> Vec<((String, String), i64, String)> {
    let documents = world.shipbob.documents();
    let mut all = Vec::new();
    for back in rows(&documents, "returns") {
        for found in rows(back, "lines") {
            let place = (text(found, "sku"), text(back, "location"));
            all.push((place, found["quantity"].as_i64().unwrap(), text(found, "action")));
        }
    }
    all
}

/// Units that documents of these kinds name, by order.
fn units_in_books(world: &World, kinds: &[&str]) -> BTreeMap<String, i64> {
    let mut units = BTreeMap::new();
    for document in rows(&world.netsuite.documents(), "documents") {
        // Documents of stock belong to no order.
        let of_order = !document["externalId"].as_str().is_some_and(|id| id.starts_with("ST-"));
        if of_order && kinds.contains(&text(document, "record").as_str()) {
            let lines = rows(document, "lines");
            let named: f64 = lines
                .map(|line| line["quantity"].as_f64().or_else(|| line["adjustQtyBy"].as_f64()).unwrap_or_default())
                .sum();
            #[expect(clippy::cast_possible_truncation, reason = "the vendor writes whole units as decimals")]
            let named = named.round() as i64;
            *units.entry(order_of(&text(document, "externalId"))).or_default() += named;
        }
    }
    units
}

/// What the 3PL has sent and got back is what the books say has left and come back, to the unit, per order.
fn assert_goods(world: &World) {
    let documents = world.shipbob.documents();
    let (mut left, mut back): (BTreeMap<String, i64>, BTreeMap<String, i64>) = (BTreeMap::new(), BTreeMap::new());
    for order in rows(&documents, "orders") {
        let shipped = rows(order, "shipments").filter(|shipment| !shipment["shipped_at"].is_null());
        let units: i64 =
            shipped.flat_map(|s| rows(s, "products")).map(|product| product["quantity"].as_i64().unwrap()).sum();
        *left.entry(order_of(&text(order, "reference_id"))).or_default() += units;
    }
    for of in rows(&documents, "returns") {
        let named = |field: &str| of[field].as_str().filter(|reference| reference.contains('-')).map(order_of);
        let order = named("order_reference").or_else(|| named("reference_id")).unwrap_or_default();
        *back.entry(order).or_default() += rows(of, "lines").map(|t| t["quantity"].as_i64().unwrap()).sum::<i64>();
    }
    let some = |units: BTreeMap<String, i64>| -> BTreeMap<String, i64> {
        units.into_iter().filter(|(_, units)| *units != 0).collect()
    };
    let story = world.transcript.join("\n");
    assert_eq!(some(units_in_books(world, &["itemFulfillment"])), some(left), "units that left\n{story}");
    let received = units_in_books(world, &["itemReceipt", "inventoryAdjustment"]);
    assert_eq!(some(received), some(back), "units that came back\n{story}");
}

/// Our refunds and those of others at the shop, of one order.
pub fn paid_back(world: &World, id: &str) -> Vec<i64> {
    let documents = world.shopify.documents();
    let order = rows(&documents, "orders").find(|order| text(order, "id") == id).unwrap_or(&Value::Null);
    rows(order, "refunds").map(|refund| refund["amount"].as_i64().unwrap()).collect()
}

/// Kinds and references of an order's documents in the books, in order of their making, without the sales order.
pub fn documents_of(world: &World, order: &str) -> Vec<String> {
    let documents = world.netsuite.documents();
    let of_order = rows(&documents, "documents").filter(|document| order_of(&text(document, "externalId")) == order);
    of_order.map(|d| text(d, "externalId").rsplit('-').next().unwrap_or_default().to_owned()).collect()
}
