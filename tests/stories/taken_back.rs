//! What stories of returns and refunds share: who asks for what, what the warehouse finds, and what is looked at.

use crossdock_world::{Reply, World};
use serde_json::{Value, json};

use crate::acts::{goes_its_way, place};
use crate::books::{rows, text};
use crate::settled::order_of;

/// A mug, with tax.
pub const MUG: i64 = 1200;

/// Sold, sent, told and posted; what follows is the story's own.
pub async fn delivered(world: &mut World, order: Value) -> String {
    let id = place(world, order);
    goes_its_way(world).await;
    world.plan.from_here();
    id
}

/// The storefront's identity of the first line with this SKU.
pub fn line_of(world: &World, id: &str, sku: &str) -> String {
    let documents = world.shopify.documents();
    let order = rows(&documents, "orders").find(|order| text(order, "id") == id).unwrap();
    text(rows(order, "lines").find(|line| text(line, "sku") == sku).unwrap(), "id")
}

/// A request to return units of these SKUs, each for a reason.
pub fn request(world: &World, id: &str, lines: &[(&str, u32, &str)]) -> Value {
    let line = |(sku, quantity, reason): &(&str, u32, &str)| json!({ "line_id": line_of(world, id, sku), "quantity": quantity, "reason": reason });
    json!({ "lines": lines.iter().map(line).collect::<Vec<_>>() })
}

/// Asks under a key, and is told yes.
pub async fn ask(world: &mut World, id: &str, (what, key): (&str, &str), body: &Value) -> Reply {
    let reply = world.ask_of_order((&format!("shopify-uk.{id}"), what), key, body).await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    reply
}

/// The buyer asks our API to return units because they are not wanted.
pub async fn ask_to_return(world: &mut World, id: &str, sku: &str, quantity: u32) {
    let body = request(world, id, &[(sku, quantity, "unwanted")]);
    ask(world, id, ("returns", "return-1"), &body).await;
    world.settle().await;
}

/// The warehouse finds units of a return, and is done with it or not.
pub async fn found(world: &mut World, (id, number): (&str, u32), lines: &[(&str, u32, &str)], completed: bool) {
    let reference = format!("UK-{id}-RMA{number}");
    let back = json!({ "reference_id": reference, "lines": found_lines(lines), "completed": completed });
    world.shipbob.act(json!({ "receive_return": back })).unwrap();
    world.settle().await;
}

/// SKU, units and what is done with them, as the warehouse writes it.
pub fn found_lines(lines: &[(&str, u32, &str)]) -> Value {
    let line =
        |(sku, quantity, action): &(&str, u32, &str)| json!({ "sku": sku, "quantity": quantity, "action": action });
    lines.iter().map(line).collect()
}

/// Staff refunds in the admin; gives back the refund's id.
pub fn by_hand(world: &World, id: &str, mut refund: Value) -> String {
    refund["order"] = json!(id);
    text(&world.shopify.act(json!({ "refund_order": refund })).unwrap(), "refund")
}

/// Somebody at the shop does something with the order.
pub fn at_the_shop(world: &World, act: &str, id: &str, mut content: Value) {
    content["order"] = json!(id);
    world.shopify.act(json!({ act: content })).unwrap();
}

/// The shop's id of the only order.
pub fn only_order(world: &World) -> String {
    world.orders().remove(0).id.channel.to_string()
}

/// The documents by which the only order was taken back, in order of their making, each with what it comes to, if that
/// is money.
pub fn taken_back(world: &World) -> Vec<String> {
    let order = format!("UK-{}", only_order(world));
    let documents = world.netsuite.documents();
    let name = |document: &Value| text(document, "externalId").rsplit('-').next().unwrap_or_default().to_owned();
    let is_sale = |name: &str| ["SO", "DEP", "IF", "INV", "DA"].contains(&name.trim_end_matches(char::is_numeric));
    let shown = |document: &Value| {
        let name = name(document);
        let money = name.starts_with('C').then(|| format!(" {}", minor_units(&text(document, "total"))));
        format!("{name}{}", money.unwrap_or_default())
    };
    rows(&documents, "documents")
        .filter(|document| order_of(&text(document, "externalId")) == order && !is_sale(&name(document)))
        .map(shown)
        .collect()
}

/// Pence of an amount as the ERP writes it: `12.0` is 1200.
pub fn minor_units(decimal: &str) -> i64 {
    let (whole, part) = decimal.split_once('.').unwrap_or((decimal, "0"));
    format!("{whole}{part:0<2}").parse().unwrap()
}

/// Units of a SKU at all locations, by what has changed since the beginning: on hand, and of these for sale.
pub fn stock_moved(world: &World, sku: &str) -> (i64, i64) {
    let opening = world.opening().iter().filter(|((of, _), _)| of.as_str() == sku).map(|(_, units)| units).sum::<i64>();
    let items = world.store.all_items();
    let item = items.values().find(|item| item.sku.as_str() == sku).unwrap();
    let sum = |of: fn(&crossdock_domain::item::Stock) -> i64| item.stock.values().map(of).sum::<i64>() - opening;
    (sum(|stock| stock.on_hand), sum(|stock| stock.available))
}
