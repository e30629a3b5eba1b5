//! The ShipBob sandbox behaves as the vendor's published API does.

#![expect(clippy::unwrap_used, reason = "clippy knows test functions, not what they call")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crossdock_sandboxes::shipbob::{ShipBob, ShipBobConfig};
use crossdock_sandboxes::{Clock, Delivery, Fault, FaultKind};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, Method, Request, StatusCode};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::Sha256;
use tower::ServiceExt;

const TOKEN: &str = "shipbob-sandbox-token";
const SECRET: &str = "whsec_c2hpcGJvYi1zYW5kYm94LXNlY3JldCE=";

/// An account and the clock that the test moves.
struct Stage {
    shipbob: ShipBob,
    now_ms: Arc<AtomicI64>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Stage {
    fn new() -> Self {
        Self::with(ShipBobConfig::default())
    }

    fn with(config: ShipBobConfig) -> Self {
        let now_ms = Arc::new(AtomicI64::new(1_782_000_000_000));
        let shown = now_ms.clone();
        let clock: Clock = Arc::new(move || jiff::Timestamp::from_millisecond(shown.load(Ordering::Relaxed)).unwrap());
        Self { shipbob: ShipBob::new(config, clock), now_ms }
    }

    fn wait_ms(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::Relaxed);
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("shipbob_channel_id", "280001")
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        self.send(request).await
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.shipbob.router().oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, Value::Null).await
    }

    async fn order(&self, body: Value) -> Answer {
        self.call(Method::POST, "/2026-01/order", body).await
    }

    async fn take_in(&self, reference: &str) -> u64 {
        let answer = self.order(order(reference)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        answer.body["id"].as_u64().unwrap()
    }

    fn act(&self, act: Value) -> Value {
        self.shipbob.act(act).unwrap()
    }

    fn documents(&self) -> Value {
        self.shipbob.documents()["orders"].clone()
    }
}

fn order(reference: &str) -> Value {
    json!({
        "reference_id": reference, "order_number": "#1001", "shipping_method": "Standard", "type": "DTC",
        "location_id": 101,
        "recipient": {
            "name": "Test Customer", "email": "buyer@example.com",
            "address": { "address1": "1 Example Street", "city": "London", "country": "GB", "zip_code": "EC1A 1BB" },
        },
        "products": [
            { "reference_id": "TEA", "name": "Tea", "quantity": 3 },
            { "reference_id": "CUP", "name": "Cup", "quantity": 1 },
        ],
    })
}

fn without(mut body: Value, pointer: &str) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
    body
}

fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    *body.pointer_mut(pointer).unwrap() = value;
    body
}

fn header<'d>(delivery: &'d Delivery, name: &str) -> &'d str {
    let found = delivery.headers.iter().find(|(header, _)| header == name);
    found.map(|(_, value)| value.as_str()).unwrap()
}

fn body(delivery: &Delivery) -> Value {
    serde_json::from_slice(&delivery.body).unwrap()
}

/// As the specification says: over `id.timestamp.body`, with the decoded key.
fn expected_signature(secret: &str, delivery: &Delivery) -> String {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    let stamp = format!("{}.{}.", header(delivery, "webhook-id"), header(delivery, "webhook-timestamp"));
    mac.update(stamp.as_bytes());
    mac.update(&delivery.body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

fn shipped_quantities(shipment: &Value) -> Vec<(String, i64)> {
    let products = shipment["products"].as_array().unwrap();
    let quantity = |product: &Value| product["inventory_items"][0]["quantity"].as_i64().unwrap();
    products.iter().map(|product| (product["sku"].as_str().unwrap().to_owned(), quantity(product))).collect()
}

// Orders

#[tokio::test]
async fn an_order_is_taken_in_as_one_shipment_from_its_centre() {
    let stage = Stage::new();
    let answer = stage.order(order("UK-1-F1")).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let taken = &answer.body;
    assert_eq!((&taken["reference_id"], &taken["status"]), (&json!("UK-1-F1"), &json!("Processing")));
    assert_eq!(taken["channel"]["id"], 280_001);
    assert_eq!(taken["products"][0]["quantity"], 3);
    let shipment = &taken["shipments"][0];
    assert_eq!(shipment["location"], json!({ "id": 101, "name": "LON1" }));
    assert_eq!((&shipment["status"], &shipment["tracking"]), (&json!("Processing"), &Value::Null));
    assert_eq!(shipped_quantities(shipment), [("TEA".to_owned(), 3), ("CUP".to_owned(), 1)]);
}

#[tokio::test]
async fn without_the_token_or_the_channel_nothing_is_done() {
    let stage = Stage::new();
    let request = |token: &str, channel: Option<&str>| {
        let mut request = Request::post("/2026-01/order").header("authorization", format!("Bearer {token}"));
        if let Some(channel) = channel {
            request = request.header("shipbob_channel_id", channel);
        }
        request.body(Body::from(order("UK-1-F1").to_string())).unwrap()
    };
    assert_eq!(stage.send(request("other", Some("280001"))).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(stage.send(request(TOKEN, Some("5"))).await.status, StatusCode::FORBIDDEN);
    let nameless = stage.send(request(TOKEN, None)).await;
    assert_eq!(nameless.status, StatusCode::BAD_REQUEST);
    assert!(nameless.body["shipbob_channel_id"].is_array());
    assert_eq!(stage.get("/1.0/order").await.status, StatusCode::NOT_FOUND);
    assert_eq!(stage.documents(), json!([]));
}

#[tokio::test]
async fn each_required_field_is_asked_for_by_name() {
    let stage = Stage::new();
    for (pointer, field) in [
        ("/reference_id", "reference_id"),
        ("/shipping_method", "shipping_method"),
        ("/type", "type"),
        ("/products", "products"),
        ("/recipient", "recipient"),
        ("/recipient/name", "recipient.name"),
        ("/recipient/address", "recipient.address"),
        ("/recipient/address/address1", "recipient.address.address1"),
        ("/recipient/address/country", "recipient.address.country"),
    ] {
        let answer = stage.order(without(order("UK-1-F1"), pointer)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{pointer}");
        assert!(answer.body[field][0].as_str().unwrap().contains("required"), "{pointer}: {}", answer.body);
    }
    for (pointer, value, field) in [
        ("/type", json!("B2X"), "type"),
        ("/products", json!([]), "products"),
        ("/products/0/quantity", json!(0), "products[0].quantity"),
        ("/products/1/quantity", json!(3_000_000_000_u64), "products[1].quantity"),
        ("/reference_id", json!("R".repeat(301)), "reference_id"),
    ] {
        let answer = stage.order(with(order("UK-1-F1"), pointer, value)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{pointer}");
        assert!(answer.body[field].is_array(), "{pointer}: {}", answer.body);
    }
    assert_eq!(stage.documents(), json!([]));
}

#[tokio::test]
async fn a_reference_is_used_once_even_after_a_cancellation() {
    let stage = Stage::new();
    let id = stage.take_in("UK-1-F1").await;
    let cancelled = stage.call(Method::POST, &format!("/2026-01/order/{id}:cancel"), Value::Null).await;
    assert_eq!(cancelled.status, StatusCode::OK);
    let again = stage.order(order("UK-1-F1")).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(again.body, json!({ "errors": ["Cannot insert order with existing ReferenceId"] }));
    assert_eq!(stage.documents().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_with_reasons() {
    let stage = Stage::with(ShipBobConfig {
        catalogue: Some(vec!["TEA".to_owned(), "CUP".to_owned()]),
        ..ShipBobConfig::default()
    });
    let refused = async |body: Value| {
        let answer = stage.order(body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.body);
        answer.body["errors"][0].as_str().unwrap().to_owned()
    };
    let body = || order("UK-1-F1");
    assert!(refused(with(body(), "/products/0/reference_id", json!("HAT"))).await.contains("'HAT'"));
    assert!(refused(with(body(), "/recipient/address/zip_code", json!("00000"))).await.contains("Zip"));
    assert!(refused(without(body(), "/recipient/address/city")).await.contains("City"));
    assert!(refused(with(body(), "/location_id", json!(7))).await.contains('7'));
    stage.act(json!({ "withdraw_product": { "sku": "CUP" } }));
    assert!(refused(body()).await.contains("'CUP'"));
    stage.act(json!({ "restore_product": { "sku": "CUP" } }));
    stage.take_in("UK-1-F1").await;
}

#[tokio::test]
async fn orders_are_found_by_reference_id_and_tracking() {
    let stage = Stage::new();
    let first = stage.take_in("UK-1-F1").await;
    stage.take_in("UK-2-F1").await;
    stage.take_in("UK-3-F1").await;
    let found = async |query: &str| {
        let answer = stage.get(&format!("/2026-01/order?{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let orders = answer.body.as_array().unwrap().clone();
        orders.iter().map(|order| order["reference_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found("ReferenceIds=UK-3-F1,UK-1-F1,UK-9-F1").await, ["UK-1-F1", "UK-3-F1"]);
    assert_eq!(found("ReferenceIds=UK-9-F1").await, Vec::<String>::new());
    assert_eq!(found(&format!("IDs={first}")).await, ["UK-1-F1"]);
    assert_eq!(found("Limit=2&Page=2").await, ["UK-3-F1"]);
    stage.act(json!({ "ship": { "reference_id": "UK-2-F1" } }));
    assert_eq!(found("HasTracking=true").await, ["UK-2-F1"]);
    assert_eq!(stage.get("/2026-01/order?Limit=251").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(stage.get(&format!("/2026-01/order/{first}")).await.body["reference_id"], "UK-1-F1");
    assert_eq!(stage.get("/2026-01/order/1").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn cancelling_is_too_late_once_an_order_is_picked() {
    let stage = Stage::new();
    let id = stage.take_in("UK-1-F1").await;
    stage.act(json!({ "pick": { "order": id } }));
    let late = stage.call(Method::POST, &format!("/2026-01/order/{id}:cancel"), Value::Null).await;
    assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(late.body["errors"][0].is_string());

    let early = stage.take_in("UK-2-F1").await;
    let done = stage.call(Method::POST, &format!("/2026-01/order/{early}:cancel"), Value::Null).await;
    assert_eq!((done.status, &done.body["status"]), (StatusCode::OK, &json!("Success")));
    assert_eq!(done.body["canceled_shipment_results"][0]["is_success"], true);
    assert_eq!(done.body["order"]["status"], "Cancelled");
    assert_eq!(stage.shipbob.take_deliveries()[0].topic, "order.shipment.cancelled");
    assert!(stage.shipbob.act(json!({ "ship": { "order": early } })).is_err());
    let unknown = stage.call(Method::POST, "/2026-01/order/1:cancel", Value::Null).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

// Shipments and webhooks

#[tokio::test]
async fn a_shipped_order_is_announced_with_its_tracking_and_signed() {
    let stage = Stage::new();
    let id = stage.take_in("UK-1-F1").await;
    stage.act(json!({ "ship": { "reference_id": "UK-1-F1", "tracking_number": "RM1", "carrier": "Royal Mail" } }));
    let deliveries = stage.shipbob.take_deliveries();
    assert_eq!(deliveries.len(), 1);
    let told = &deliveries[0];
    assert_eq!(header(told, "x-webhook-topic"), "order.shipped");
    assert_eq!(header(told, "webhook-timestamp"), "1782000000");
    assert!(header(told, "webhook-id").starts_with("msg_"));
    assert_eq!(header(told, "webhook-signature"), expected_signature(SECRET, told));
    let shipment = body(told);
    assert_eq!(shipment["order_id"], id);
    assert_eq!(shipment["reference_id"], "UK-1-F1");
    assert_eq!(shipment["status"], "Completed");
    assert_eq!(
        (&shipment["tracking"]["tracking_number"], &shipment["tracking"]["carrier"]),
        (&json!("RM1"), &json!("Royal Mail"))
    );
    assert_eq!(shipped_quantities(&shipment), [("TEA".to_owned(), 3), ("CUP".to_owned(), 1)]);
    let shown = stage.get(&format!("/2026-01/order/{id}")).await.body;
    assert_eq!((&shown["status"], &shown["shipments"][0]), (&json!("Fulfilled"), &shipment), "poll and webhook agree");
    assert!(stage.shipbob.act(json!({ "ship": { "order": id } })).is_err(), "nothing is left to ship");
}

#[tokio::test]
async fn a_part_gets_a_shipment_of_its_own_and_the_rest_waits() {
    let stage = Stage::new();
    let id = stage.take_in("UK-1-F1").await;
    stage.act(json!({ "ship": { "order": id, "lines": [{ "sku": "TEA", "quantity": 2 }] } }));
    let shown = stage.get(&format!("/2026-01/order/{id}")).await.body;
    assert_eq!(shown["status"], "PartiallyFulfilled");
    let shipments = stage.get(&format!("/2026-01/order/{id}/shipment")).await.body;
    assert_eq!(shipped_quantities(&shipments[0]), [("TEA".to_owned(), 1), ("CUP".to_owned(), 1)]);
    assert_eq!(shipped_quantities(&shipments[1]), [("TEA".to_owned(), 2)]);
    assert_eq!((&shipments[0]["status"], &shipments[1]["status"]), (&json!("Processing"), &json!("Completed")));
    let too_many = json!({ "ship": { "order": id, "lines": [{ "sku": "TEA", "quantity": 2 }] } });
    assert!(stage.shipbob.act(too_many).is_err());

    stage.act(json!({ "ship": { "order": id } }));
    let told: Vec<Value> = stage.shipbob.take_deliveries().iter().map(body).collect();
    assert_eq!(told.len(), 2);
    assert_ne!(told[0]["id"], told[1]["id"]);
    assert_ne!(told[0]["tracking"]["tracking_number"], told[1]["tracking"]["tracking_number"]);
    let one = format!("/2026-01/order/{id}/shipment/{}", told[1]["id"]);
    assert_eq!(stage.get(&one).await.body, told[1]);
    assert_eq!(stage.get(&format!("/2026-01/order/{id}")).await.body["status"], "Fulfilled");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn however_an_order_is_split_every_piece_is_in_one_shipment(
        parts in prop::collection::vec(prop::collection::vec((prop::sample::select(vec!["TEA", "CUP"]), 0_i64..4), 1..3), 0..6),
    ) {
        let stage = Stage::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let id = runtime.block_on(stage.take_in("UK-1-F1"));
        for part in parts {
            let lines: Vec<Value> =
                part.iter().map(|(sku, quantity)| json!({ "sku": sku, "quantity": quantity })).collect();
            // Some of these ask for what is not there: they are refused and change nothing.
            let _ = stage.shipbob.act(json!({ "ship": { "order": id, "lines": lines } }));
            let shown = runtime.block_on(stage.get(&format!("/2026-01/order/{id}"))).body;
            let shipments = shown["shipments"].as_array().unwrap();
            let all: Vec<_> = shipments.iter().flat_map(shipped_quantities).collect();
            let sum = |sku: &str| all.iter().filter(|(it, _)| it == sku).map(|(_, quantity)| quantity).sum::<i64>();
            prop_assert_eq!((sum("TEA"), sum("CUP")), (3, 1));
            prop_assert!(all.iter().all(|(_, quantity)| *quantity > 0));
            let ids: std::collections::BTreeSet<String> =
                shipments.iter().map(|shipment| shipment["id"].to_string()).collect();
            prop_assert_eq!(ids.len(), shipments.len());
        }
    }
}

#[tokio::test]
async fn all_that_waits_ships_at_once() {
    let stage = Stage::new();
    for reference in ["UK-1-F1", "UK-2-F1", "UK-3-F1"] {
        stage.take_in(reference).await;
    }
    stage.act(json!({ "hold": { "reference_id": "UK-2-F1", "reason": "Invalid address" } }));
    let shipped = stage.act(json!({ "ship": "all" }));
    assert_eq!(shipped["shipped"].as_array().unwrap().len(), 2);
    let statuses: Vec<Value> = stage.documents().as_array().unwrap().iter().map(|it| it["status"].clone()).collect();
    assert_eq!(statuses, ["Fulfilled", "Exception", "Fulfilled"]);
    stage.act(json!({ "resolve": { "reference_id": "UK-2-F1" } }));
    stage.act(json!({ "ship": "all" }));
    assert_eq!(stage.documents()[1]["status"], "Fulfilled");
}

#[tokio::test]
async fn holds_exceptions_and_deliveries_are_announced_with_their_topics() {
    let stage = Stage::new();
    stage.take_in("UK-1-F1").await;
    let about = json!({ "reference_id": "UK-1-F1", "reason": "Shelf is empty" });
    for (act, topic, status) in
        [("hold", "order.shipment.on_hold", "OnHold"), ("exception", "order.shipment.exception", "Exception")]
    {
        stage.act(json!({ act: about }));
        let told = stage.shipbob.take_deliveries();
        assert_eq!((told[0].topic.as_str(), &body(&told[0])["status"]), (topic, &json!(status)));
        assert_eq!(body(&told[0])["status_details"][0]["description"], "Shelf is empty");
    }
    stage.act(json!({ "resolve": { "reference_id": "UK-1-F1" } }));
    stage.act(json!({ "ship": { "reference_id": "UK-1-F1" } }));
    stage.act(json!({ "deliver": { "reference_id": "UK-1-F1" } }));
    let topics: Vec<String> = stage.shipbob.take_deliveries().into_iter().map(|told| told.topic).collect();
    assert_eq!(topics, ["order.shipped", "order.shipment.delivered"]);
}

#[tokio::test]
async fn a_redelivery_keeps_its_id_and_is_signed_anew() {
    let stage = Stage::new();
    stage.take_in("UK-1-F1").await;
    stage.act(json!({ "ship": "all" }));
    let first = stage.shipbob.take_deliveries().remove(0);
    stage.wait_ms(300_000);
    stage.act(json!({ "redeliver": { "reference_id": "UK-1-F1" } }));
    let again = stage.shipbob.take_deliveries().remove(0);
    assert_eq!((&again.body, header(&again, "webhook-id")), (&first.body, header(&first, "webhook-id")));
    assert_eq!(header(&again, "webhook-timestamp"), "1782000300");
    assert_eq!(header(&again, "webhook-signature"), expected_signature(SECRET, &again));
    stage.act(json!({ "redeliver": { "order": "all", "new_webhook_id": true } }));
    let renamed = stage.shipbob.take_deliveries().remove(0);
    assert_ne!(header(&renamed, "webhook-id"), header(&first, "webhook-id"));
}

#[tokio::test]
async fn during_a_rotation_a_message_carries_both_signatures() {
    let stage = Stage::new();
    let new = "whsec_bmV3LXNlY3JldC1uZXctc2VjcmV0IQ==";
    stage.act(json!({ "set_secrets": { "secrets": [new, SECRET] } }));
    stage.take_in("UK-1-F1").await;
    stage.act(json!({ "ship": "all" }));
    let told = &stage.shipbob.take_deliveries()[0];
    let both = format!("{} {}", expected_signature(new, told), expected_signature(SECRET, told));
    assert_eq!(header(told, "webhook-signature"), both);
}

#[tokio::test]
async fn a_shipment_can_overtake_the_answer_to_its_order() {
    let stage = Stage::new();
    stage.act(json!({ "early_shipments": { "times": 1 } }));
    let answer = stage.order(order("UK-1-F1")).await;
    assert_eq!(answer.body["status"], "Processing", "the answer does not know of the shipment yet");
    let told = stage.shipbob.take_deliveries();
    assert_eq!(body(&told[0])["reference_id"], "UK-1-F1");
    stage.take_in("UK-2-F1").await;
    assert!(stage.shipbob.take_deliveries().is_empty());
}

#[tokio::test(start_paused = true)]
async fn orders_ship_by_themselves_where_that_is_wanted() {
    let auto_ship_after = Some(Duration::from_millis(1500));
    let stage = Stage::with(ShipBobConfig { auto_ship_after, ..ShipBobConfig::default() });
    stage.take_in("UK-1-F1").await;
    stage.take_in("UK-2-F1").await;
    stage.act(json!({ "hold": { "reference_id": "UK-2-F1" } }));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let statuses: Vec<Value> = stage.documents().as_array().unwrap().iter().map(|it| it["status"].clone()).collect();
    assert_eq!(statuses, ["Fulfilled", "Exception"]);
}

// Limits and faults

#[tokio::test]
async fn the_limit_slides_and_says_how_long_to_wait() {
    let stage = Stage::with(ShipBobConfig { calls_per_minute: Some(2), ..ShipBobConfig::default() });
    assert_eq!(stage.get("/2026-01/order").await.headers["x-remaining-calls"], "1");
    stage.wait_ms(10_000);
    assert_eq!(stage.get("/2026-01/order").await.headers["x-remaining-calls"], "0");
    let refused = stage.order(order("UK-1-F1")).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.body["statusCode"], 429);
    assert!(refused.body["message"].is_string());
    assert_eq!(refused.headers["x-remaining-calls"], "0");
    let wait: i64 = refused.headers["x-retry-after"].to_str().unwrap().parse().unwrap();
    assert_eq!(stage.documents(), json!([]));
    stage.wait_ms(wait * 1000);
    assert_eq!(stage.order(order("UK-1-F1")).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn after_a_lost_answer_the_order_is_there_and_a_repeat_is_refused() {
    let stage = Stage::new();
    stage.shipbob.add_fault(Fault::new("POST /2026-01/order", FaultKind::TimeoutAfterCommit, 1));
    assert_eq!(stage.order(order("UK-1-F1")).await.status.as_u16(), 599);
    assert_eq!(stage.order(order("UK-1-F1")).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let found = stage.get("/2026-01/order?ReferenceIds=UK-1-F1").await.body;
    assert_eq!(found.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_wrong_answer_names_another_order() {
    let stage = Stage::new();
    stage.shipbob.add_fault(Fault::new("POST /2026-01/order", FaultKind::WrongAnswer, 1));
    let answer = stage.order(order("UK-1-F1")).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.body["reference_id"], "UK-1-F1-X");
    assert_eq!(stage.documents()[0]["reference_id"], "UK-1-F1");
}

#[tokio::test]
async fn a_reset_account_never_gives_an_id_twice() {
    let stage = Stage::new();
    let first = stage.take_in("UK-1-F1").await;
    let reset = Request::post("/_sandbox/reset").body(Body::empty()).unwrap();
    assert!(stage.send(reset).await.status.is_success());
    assert_eq!(stage.documents(), json!([]));
    assert_ne!(stage.take_in("UK-1-F1").await, first);
}

// The vendor's own material, where it is at hand

/// The published model has these fields; ours has them all.
#[tokio::test]
async fn orders_and_shipments_have_every_field_of_the_published_model() {
    let Ok(path) = std::env::var("CROSSDOCK_SHIPBOB_OPENAPI") else {
        return;
    };
    let specification: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let stage = Stage::new();
    stage.take_in("UK-1-F1").await;
    stage.act(json!({ "ship": "all" }));
    let shown = stage.get("/2026-01/order").await.body[0].clone();
    let shipment = &shown["shipments"][0];
    for (model, ours) in [
        ("OrderViewModel", &shown),
        ("ProductInfoViewModel", &shown["products"][0]),
        ("ShipmentViewModel", shipment),
        ("ShipmentProductViewModel", &shipment["products"][0]),
        ("InventoryViewModel", &shipment["products"][0]["inventory_items"][0]),
        ("TrackingViewModel", &shipment["tracking"]),
        ("StatusDetailViewModel", &shipment["status_details"][0]),
    ] {
        let fields = &specification["components"]["schemas"][format!("Orders.{model}")]["properties"];
        for field in fields.as_object().unwrap().keys() {
            assert!(ours.get(field).is_some(), "{model}.{field}");
        }
    }
}

/// The libraries' own test vector: the sandbox's scheme is theirs.
#[test]
fn the_scheme_is_that_of_the_published_vector() {
    let Ok(path) = std::env::var("CROSSDOCK_STANDARD_WEBHOOKS_VECTOR") else {
        return;
    };
    let vector: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let text = |name: &str| vector[name].as_str().unwrap().to_owned();
    let delivery = Delivery {
        topic: String::new(),
        headers: ["webhook-id", "webhook-timestamp"].map(|name| (name.to_owned(), text(name))).to_vec(),
        body: text("body").into_bytes(),
    };
    assert_eq!(expected_signature(&text("secret"), &delivery), text("webhook-signature"));
}
