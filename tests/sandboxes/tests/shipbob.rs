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
    let late = stage.cancel(id).await;
    assert_eq!((late.status, &late.body["status"]), (StatusCode::OK, &json!("Failure")));
    let result = &late.body["canceled_shipment_results"][0];
    assert_eq!((&result["action"], &result["is_success"]), (&json!("Cancel"), &json!(false)));
    assert!(result["reason"].is_string());
    assert!(stage.shipbob.take_deliveries().is_empty());
    stage.act(json!({ "ship": { "order": id } }));
    let gone = stage.cancel(id).await;
    assert_eq!(gone.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(gone.body["errors"][0].is_string());
    let unknown = stage.call(Method::POST, "/2026-01/order/1:cancel", Value::Null).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_not_picked_can_be_cancelled_and_cancelled_again() {
    let stage = Stage::new();
    let id = stage.take_in("UK-1-F1").await;
    for _ in 0..2 {
        let done = stage.cancel(id).await;
        assert_eq!((done.status, &done.body["status"]), (StatusCode::OK, &json!("Success")));
        assert_eq!(done.body["canceled_shipment_results"][0]["is_success"], true);
        assert_eq!((&done.body["order_id"], &done.body["order"]["status"]), (&json!(id), &json!("Cancelled")));
    }
    let told = stage.shipbob.take_deliveries();
    assert_eq!(told.iter().map(|told| told.topic.as_str()).collect::<Vec<_>>(), ["order.shipment.cancelled"]);
    assert!(stage.shipbob.act(json!({ "ship": { "order": id } })).is_err());
}

#[tokio::test]
async fn what_has_left_of_an_order_is_not_cancelled_with_the_rest() {
    let stage = Stage::new();
    let id = stage.take_in("UK-1-F1").await;
    stage.act(json!({ "ship": { "order": id, "lines": [{ "sku": "TEA", "quantity": 2 }] } }));
    let done = stage.cancel(id).await;
    assert_eq!((done.status, &done.body["status"]), (StatusCode::OK, &json!("PartialSuccess")));
    let shipments = done.body["order"]["shipments"].as_array().unwrap().clone();
    let shown: Vec<_> = shipments.iter().map(|it| (it["status"].clone(), shipped_quantities(it))).collect();
    let units = |sku: &str, quantity| (sku.to_owned(), quantity);
    assert_eq!(shown[0], (json!("Cancelled"), vec![units("TEA", 1), units("CUP", 1)]));
    assert_eq!(shown[1], (json!("Completed"), vec![units("TEA", 2)]));
}

#[tokio::test]
async fn the_warehouse_can_refuse_what_it_has_taken() {
    let stage = Stage::new();
    let first = stage.take_in("UK-1-F1").await;
    stage.take_in("UK-2-F1").await;
    stage.act(json!({ "pick": "all" }));
    stage.act(json!({ "refuse": { "reference_id": "UK-1-F1", "reason": "Damaged" } }));
    stage.act(json!({ "cancel": { "reference_id": "UK-2-F1" } }));
    let told = stage.shipbob.take_deliveries();
    assert_eq!(told.len(), 2);
    assert_eq!((told[0].topic.as_str(), &body(&told[0])["order_id"]), ("order.shipment.cancelled", &json!(first)));
    assert_eq!((&body(&told[0])["status"], &body(&told[0])["reference_id"]), (&json!("Cancelled"), &json!("UK-1-F1")));
    assert!(stage.shipbob.act(json!({ "refuse": { "order": first } })).is_err(), "nothing is left to refuse");
}

// Returns

fn announcement(reference: &str, shipment: &Value) -> Value {
    json!({
        "reference_id": reference, "fulfillment_center": { "id": 101 }, "original_shipment_id": shipment["id"],
        "inventory": [
            { "id": shipment["products"][0]["inventory_items"][0]["id"], "quantity": 2, "requested_action": "Default" },
            { "id": shipment["products"][1]["inventory_items"][0]["id"], "quantity": 1, "requested_action": "Restock" },
        ],
    })
}

impl Stage {
    async fn cancel(&self, id: u64) -> Answer {
        self.call(Method::POST, &format!("/2026-01/order/{id}:cancel"), Value::Null).await
    }

    /// An order that has left, as its shipment shows it.
    async fn shipped(&self, reference: &str) -> Value {
        let id = self.take_in(reference).await;
        self.act(json!({ "ship": { "order": id } }));
        self.told();
        self.get(&format!("/2026-01/order/{id}/shipment")).await.body[0].clone()
    }

    async fn announce(&self, body: Value) -> Answer {
        self.call(Method::POST, "/2026-01/return", body).await
    }

    fn returns(&self) -> Value {
        self.shipbob.documents()["returns"].clone()
    }

    fn told(&self) -> Vec<(String, Value)> {
        self.shipbob.take_deliveries().iter().map(|told| (told.topic.clone(), body(told))).collect()
    }
}

#[tokio::test]
async fn a_return_is_announced_by_inventory_ids_and_its_reference_is_used_once() {
    let stage = Stage::new();
    let shipment = stage.shipped("UK-1-F1").await;
    assert_eq!(stage.get(&format!("/2026-01/shipment/{}", shipment["id"])).await.body, shipment);
    assert_eq!(stage.get("/2026-01/shipment/1").await.status, StatusCode::NOT_FOUND);
    let made = stage.announce(announcement("UK-1-RMA1", &shipment)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    assert_eq!((&made.body["reference_id"], &made.body["status"]), (&json!("UK-1-RMA1"), &json!("AwaitingArrival")));
    assert!(made.body["inventory"][0].get("sku").is_none(), "the answer has no SKUs");
    let told = stage.shipbob.take_deliveries();
    assert_eq!(header(&told[0], "webhook-signature"), expected_signature(SECRET, &told[0]));
    let shown = stage.get(&format!("/2026-01/return/{}", made.body["id"])).await.body;
    assert_eq!((told[0].topic.as_str(), body(&told[0])), ("return.created", shown.clone()));
    assert_eq!(shown["original_shipment_id"], shipment["id"]);
    assert_eq!(shown["store_order_id"], "UK-1-F1");
    assert_eq!((&shown["inventory"][0]["sku"], &shown["inventory"][0]["quantity"]), (&json!("TEA"), &json!(2)));

    let again = stage.announce(announcement("UK-1-RMA1", &shipment)).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(again.body["errors"][0].as_str().unwrap().contains("already exists"));
    assert_eq!(stage.returns().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_return_that_makes_no_sense_is_refused_by_field_or_with_reasons() {
    let stage = Stage::new();
    let shipment = stage.shipped("UK-1-F1").await;
    let sound = || announcement("UK-1-RMA1", &shipment);
    for (pointer, value, field) in [
        ("/reference_id", json!("R".repeat(51)), "reference_id"),
        ("/reference_id", json!(""), "reference_id"),
        ("/fulfillment_center", json!(null), "fulfillment_center"),
        ("/inventory", json!([]), "inventory"),
        ("/inventory/0/quantity", json!(0), "inventory[0].quantity"),
        ("/inventory/1/requested_action", json!("Keep"), "inventory[1].requested_action"),
    ] {
        let answer = stage.announce(with(sound(), pointer, value)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{pointer}");
        assert!(answer.body[field].is_array(), "{pointer}: {}", answer.body);
    }
    for (pointer, value) in
        [("/fulfillment_center/id", json!(7)), ("/inventory/0/id", json!(7)), ("/original_shipment_id", json!(7))]
    {
        let answer = stage.announce(with(sound(), pointer, value)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{pointer}");
        assert!(answer.body["errors"][0].as_str().unwrap().contains('7'), "{}", answer.body);
    }
    assert_eq!(stage.returns(), json!([]));
}

#[tokio::test]
async fn a_return_arrives_in_parts_and_with_what_nobody_announced() {
    let stage = Stage::new();
    let shipment = stage.shipped("UK-1-F1").await;
    stage.announce(announcement("UK-1-RMA1", &shipment)).await;
    stage.told();
    let line = |sku: &str, action: &str| json!({ "sku": sku, "quantity": 1, "action": action });
    let receive = |lines: Value, completed: bool| {
        let said = json!({ "reference_id": "UK-1-RMA1", "lines": lines, "completed": completed });
        stage.shipbob.act(json!({ "receive_return": said }))
    };
    receive(json!([line("TEA", "Restock")]), false).unwrap();
    let told = stage.told();
    assert_eq!(told.iter().map(|(topic, _)| topic.as_str()).collect::<Vec<_>>(), ["return.updated", "return.updated"]);
    let statuses: Vec<_> = told.iter().map(|(_, body)| body["status"].clone()).collect();
    assert_eq!(statuses, ["Arrived", "Processing"]);
    receive(json!([line("TEA", "Dispose"), line("HAT", "Quarantine")]), true).unwrap();
    let (topic, shown) = stage.told().remove(0);
    assert_eq!((topic.as_str(), &shown["status"]), ("return.completed", &json!("Completed")));
    let found: Vec<_> = shown["inventory"].as_array().unwrap().iter().map(|it| (&it["sku"], &it["quantity"])).collect();
    assert_eq!(found, [(&json!("TEA"), &json!(2)), (&json!("CUP"), &json!(1)), (&json!("HAT"), &json!(1))]);
    assert_eq!(shown["inventory"][1]["action_taken"], json!([]), "the cup is missing");
    let document = stage.returns()[0].clone();
    assert_eq!((&document["status"], &document["return_type"]), (&json!("Completed"), &json!("Regular")));
    assert_eq!(document["lines"], json!([line("TEA", "Restock"), line("TEA", "Dispose"), line("HAT", "Quarantine")]));
    assert!(receive(json!([line("CUP", "Restock")]), true).is_err(), "it is closed");
    assert!(stage.shipbob.act(json!({ "receive_return": { "reference_id": "UK-9-RMA1" } })).is_err());
    stage.act(json!({ "redeliver": { "reference_id": "UK-1-RMA1" } }));
    assert_eq!(stage.told().len(), 4);
}

#[tokio::test]
async fn parcels_come_back_that_nobody_announced() {
    let stage = Stage::new();
    let shipment = stage.shipped("UK-1-F1").await;
    let lines = json!([{ "sku": "TEA", "quantity": 1, "action": "Restock" }]);
    let unannounced = json!({ "order_reference": "UK-1-F1", "lines": lines, "return_type": "Regular" });
    stage.act(json!({ "receive_unannounced": unannounced }));
    let told = stage.told();
    assert_eq!(
        told.iter().map(|(topic, _)| topic.as_str()).collect::<Vec<_>>(),
        ["return.created", "return.completed"]
    );
    let shown = &told[1].1;
    assert_eq!((&shown["reference_id"], &shown["store_order_id"]), (&Value::Null, &json!("UK-1-F1")));
    assert_eq!(shown["original_shipment_id"], shipment["id"]);

    let undelivered = json!({ "return_to_sender": { "reference_id": "UK-1-F1" } });
    stage.act(undelivered.clone());
    let shown = stage.told().remove(1).1;
    assert_eq!(shown["return_type"], "ReturnToSender");
    assert_eq!(shown["inventory"][0]["action_taken"][0]["quantity_processed"], 3);
    assert_eq!(shown["inventory"][1]["action_taken"][0]["action"], "Restock");
    assert!(stage.shipbob.act(undelivered).is_err(), "a parcel comes back once");
    stage.take_in("UK-2-F1").await;
    let too_soon = json!({ "return_to_sender": { "reference_id": "UK-2-F1" } });
    assert!(stage.shipbob.act(too_soon).is_err(), "it has not left");
}

#[tokio::test]
async fn returns_are_found_by_reference_and_order_and_can_be_called_off_until_they_arrive() {
    let stage = Stage::new();
    let shipment = stage.shipped("UK-1-F1").await;
    for number in 1..=3 {
        stage.announce(announcement(&format!("UK-1-RMA{number}"), &shipment)).await;
    }
    let found = async |query: &str| {
        let answer = stage.get(&format!("/2026-01/return?{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let items = answer.body["items"].as_array().unwrap().clone();
        items.iter().map(|it| it["reference_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found("ReferenceIds=UK-1-RMA2,UK-9-RMA1").await, ["UK-1-RMA2"]);
    assert_eq!(found("StoreOrderIds=UK-1-F1&Limit=2").await, ["UK-1-RMA3", "UK-1-RMA2"]);
    assert_eq!(found("Limit=2&Cursor=2").await, ["UK-1-RMA1"]);
    assert_eq!(found("Status=Completed").await, Vec::<String>::new());
    assert_eq!(stage.get("/2026-01/return?Limit=0").await.status, StatusCode::BAD_REQUEST);

    let cancel = async |index: usize| {
        let id = stage.returns()[index]["id"].clone();
        stage.call(Method::POST, &format!("/2026-01/return/{id}:cancel"), Value::Null).await.status
    };
    assert_eq!((cancel(0).await, cancel(0).await), (StatusCode::OK, StatusCode::OK));
    let late = json!({ "receive_return": { "reference_id": "UK-1-RMA1" } });
    assert!(stage.shipbob.act(late).is_err(), "it was called off");
    stage.act(json!({ "receive_return": { "reference_id": "UK-1-RMA2", "completed": false } }));
    assert_eq!(cancel(1).await, StatusCode::BAD_REQUEST);
    assert_eq!(stage.returns()[0]["status"], "Cancelled");
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
async fn orders_shipments_and_returns_have_every_field_of_the_published_model() {
    let Ok(path) = std::env::var("CROSSDOCK_SHIPBOB_OPENAPI") else {
        return;
    };
    let specification: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let stage = Stage::new();
    stage.take_in("UK-1-F1").await;
    stage.act(json!({ "ship": "all" }));
    let shown = stage.get("/2026-01/order").await.body[0].clone();
    let shipment = &shown["shipments"][0];
    let lines = json!([{ "sku": "TEA", "quantity": 1, "action": "Restock" }]);
    stage.act(json!({ "receive_unannounced": { "order_reference": "UK-1-F1", "lines": lines } }));
    let page = stage.get("/2026-01/return").await.body;
    let returned = &page["items"][0];
    let made = stage.announce(announcement("UK-1-RMA1", shipment)).await.body;
    for (model, ours) in [
        ("Returns.PublicReturnDtoPagedUrlResultDto", &page),
        ("Returns.PublicReturnDto", returned),
        ("Returns.InventoryItemDto", &returned["inventory"][0]),
        ("Returns.ActionTakenDto", &returned["inventory"][0]["action_taken"][0]),
        ("Returns.ActionRequestedDto", &returned["inventory"][0]["action_requested"]),
        ("Returns.PublicReturnV1Dto", &made),
        ("Returns.InventoryItemV1Dto", &made["inventory"][0]),
        ("Orders.OrderViewModel", &shown),
        ("Orders.ProductInfoViewModel", &shown["products"][0]),
        ("Orders.ShipmentViewModel", shipment),
        ("Orders.ShipmentProductViewModel", &shipment["products"][0]),
        ("Orders.InventoryViewModel", &shipment["products"][0]["inventory_items"][0]),
        ("Orders.TrackingViewModel", &shipment["tracking"]),
        ("Orders.StatusDetailViewModel", &shipment["status_details"][0]),
    ] {
        let fields = &specification["components"]["schemas"][model]["properties"];
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
