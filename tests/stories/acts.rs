//! What people and vendors do in stories.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use crossdock_domain::ids::ConnectionId;
use crossdock_log::{ConnectionRecord, Connections as _};
use crossdock_sandboxes::Fault;
use crossdock_world::World;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::SignedDuration;
use serde_json::{Value, json};
use sha2::Sha256;

/// A customer places an order at the shop; gives back its id there.
pub fn place(world: &World, order: Value) -> String {
    let placed = world.shopify.act(json!({ "place_order": order })).unwrap();
    placed["id"].as_str().unwrap().to_owned()
}

/// Two different lines, tax included, with shipping.
pub fn two_lines() -> Value {
    json!({
        "lines": [
            { "sku": "TEE-BLK-M", "quantity": 1, "price": "24.99" },
            { "sku": "MUG-WHT", "quantity": 2, "price": "12.00" },
        ],
        "taxes_included": true, "tax_rate": "0.2", "shipping": "4.95",
    })
}

/// So many units of one SKU.
pub fn units_of(sku: &str, quantity: u32) -> Value {
    json!({
        "lines": [{ "sku": sku, "quantity": quantity, "price": "12.00" }],
        "taxes_included": true, "tax_rate": "0.2",
    })
}

/// One mug.
pub fn one_mug() -> Value {
    units_of("MUG-WHT", 1)
}

/// The same order with other words.
pub fn but(mut order: Value, with: Value) -> Value {
    for (name, value) in with.as_object().unwrap() {
        order[name] = value.clone();
    }
    order
}

/// The warehouse ships all that it has.
pub fn ship_all(world: &World) {
    world.shipbob.act(json!({ "ship": "all" })).unwrap();
}

/// The warehouse ships a part of one order; does nothing when a part of that size has left already.
pub fn ship_part(world: &World, reference: &str, lines: Value) {
    world.shipbob.act(json!({ "ship": { "reference_id": reference, "lines": lines } })).unwrap();
}

/// The world settles, the warehouse ships, the world settles.
pub async fn goes_its_way(world: &mut World) {
    world.settle().await;
    ship_all(world);
    world.settle().await;
}

/// Somebody on call retries everything that asks for attention. What a death of the function has left undone is
/// retried by the next one; what nobody needs to retry any more is refused, and that is fine.
pub async fn retry_everything(world: &mut World) {
    for exception in world.exceptions().await {
        let id = exception["exception_id"].as_str().unwrap().to_owned();
        world.retry(&id).await;
    }
    world.settle().await;
}

/// Somebody pauses a connection for an hour, and everybody gets to know of it.
pub async fn paused(world: &mut World, connection: &str) {
    let until = world.clock.now() + SignedDuration::from_hours(1);
    let word = json!({ "reason": "it is being moved", "until": until });
    assert_eq!(world.act_on_connection(connection, "pause", &word).await.status, 200);
    world.clock.pass(SignedDuration::from_mins(1));
}

/// What asks for attention: the task or hold and its class.
pub async fn attention(world: &mut World) -> Vec<String> {
    let exceptions = world.exceptions().await;
    exceptions
        .iter()
        .map(|e| format!("{} {}", e["task"].as_str().unwrap_or("connection"), e["class"].as_str().unwrap_or("paused")))
        .collect()
}

/// A fault, as the sandboxes' control route takes it.
pub fn fault(matching: &str, kind: &str, times: u32) -> Fault {
    serde_json::from_value(json!({ "match": matching, "fault": kind, "times": times })).unwrap()
}

/// Somebody changes the settings of a connection. Whoever has read them knows the old ones for five seconds more.
pub async fn configure(world: &World, connection: &str, change: impl Fn(&mut Value)) {
    let id: ConnectionId = connection.parse().unwrap();
    let mut record: ConnectionRecord = world.store.connection(&id).await.unwrap().unwrap();
    change(&mut record.settings);
    world.store.put_connection(record);
    world.clock.pass(SignedDuration::from_secs(6));
}

/// A delivery of the shop with any body, signed as the shop signs.
pub fn signed_by_the_shop(topic: &str, body: &[u8]) -> Vec<(String, String)> {
    let mac = Hmac::<Sha256>::new_from_slice(b"shpss_sandbox").unwrap().chain_update(body);
    let headers = [
        ("X-Shopify-Topic", topic.to_owned()),
        ("X-Shopify-Shop-Domain", "crossdock-uk.myshopify.com".to_owned()),
        ("X-Shopify-Webhook-Id", "9a5f0b4e-0000-4000-8000-000000000001".to_owned()),
        ("X-Shopify-Hmac-Sha256", BASE64_STANDARD.encode(mac.finalize().into_bytes())),
    ];
    headers.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

/// The shop delivers a body of any content until it is taken.
pub async fn shop_delivers(world: &mut World, topic: &str, body: &[u8]) {
    let headers = signed_by_the_shop(topic, body);
    loop {
        if let Some(reply) = world.deliver("shopify-uk", &headers, body).await {
            assert_eq!(reply.status, 200, "{}", reply.body);
            return;
        }
    }
}
