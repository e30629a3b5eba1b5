//! The ShipBob sandbox keeps stock: counted places ship what they have, others whatever is ordered.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as it must be")]

mod support;

use axum::body::Body;
use crossdock_sandboxes::shipbob::{OpeningStock, ShelfStock, ShipBob, ShipBobConfig};
use http::Request;
use serde_json::{Value, json};
use support::{Answer, Watch, call};

struct Stage {
    shipbob: ShipBob,
}

impl Stage {
    fn with(stock: Vec<OpeningStock>) -> Self {
        let config = ShipBobConfig { stock, ..ShipBobConfig::default() };
        Self { shipbob: ShipBob::new(config, Watch::at("2026-11-20T10:00:00Z").clock()) }
    }

    fn counted(on_hand: i64) -> Self {
        Self::with(vec![OpeningStock { sku: "TEA".into(), location: "LON1".into(), on_hand }])
    }

    async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("/2026-01/{path}"))
            .header("authorization", "Bearer shipbob-sandbox-token")
            .header("shipbob_channel_id", "280001")
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        call(&self.shipbob.router(), request).await
    }

    async fn levels(&self, query: &str) -> Answer {
        self.call("GET", &format!("inventory-level/locations{query}"), &Value::Null).await
    }

    async fn order(&self, reference: &str, quantity: i64) -> Value {
        let body = json!({
            "reference_id": reference, "shipping_method": "Standard", "type": "DTC", "location_id": 101,
            "recipient": {
                "name": "Test", "address": { "address1": "1 Street", "city": "London", "country": "GB", "zip_code": "E1" },
            },
            "products": [{ "reference_id": "TEA", "quantity": quantity }],
        });
        let answer = self.call("POST", "order", &body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.body
    }

    fn act(&self, act: Value) -> Result<Value, String> {
        self.shipbob.act(act)
    }

    fn tea(&self) -> ShelfStock {
        self.shipbob.stock("TEA", "LON1").unwrap()
    }

    fn status(&self, reference: &str) -> String {
        let documents = self.shipbob.documents();
        let orders = documents["orders"].as_array().unwrap();
        let order = orders.iter().find(|order| order["reference_id"] == reference).unwrap();
        order["status"].as_str().unwrap().to_owned()
    }

    fn topics(&self) -> Vec<String> {
        let told = self.shipbob.take_deliveries();
        told.iter()
            .map(|it| it.headers.iter().find(|(name, _)| *name == "x-webhook-topic").unwrap().1.clone())
            .collect()
    }
}

fn shelf(on_hand: i64, quarantine: i64, committed: i64, awaiting: i64) -> ShelfStock {
    ShelfStock { on_hand, quarantine, committed, awaiting }
}

#[tokio::test]
async fn a_place_that_nobody_has_counted_ships_whatever_is_ordered() {
    let stage = Stage::with(Vec::new());
    stage.order("UK-1-F1", 1000).await;
    stage.act(json!({ "ship": "all" })).unwrap();
    assert_eq!(stage.status("UK-1-F1"), "Fulfilled");
    assert_eq!(stage.shipbob.stock("TEA", "LON1"), None);
    assert_eq!(stage.levels("").await.body["items"], json!([]));
    let refused = stage.act(json!({ "adjust_stock": { "sku": "TEA", "location": "LON1", "delta": 1 } })).unwrap_err();
    assert!(refused.contains("nobody has counted"), "{refused}");
}

#[tokio::test]
async fn orders_that_the_shelf_cannot_cover_wait_and_the_oldest_goes_first() {
    let stage = Stage::counted(3);
    let first = stage.order("UK-1-F1", 4).await;
    assert_eq!(first["status"], "Exception");
    assert_eq!(stage.topics(), ["order.shipment.exception"]);
    stage.order("UK-2-F1", 2).await;
    stage.order("UK-3-F1", 2).await;
    assert_eq!(stage.tea(), shelf(3, 0, 2, 0));
    let waits = ["Exception", "Processing", "Exception"];
    assert_eq!(["UK-1-F1", "UK-2-F1", "UK-3-F1"].map(|reference| stage.status(reference)), waits);
    stage.act(json!({ "receive_stock": { "sku": "TEA", "location": "LON1", "quantity": 3 } })).unwrap();
    let waits = ["Processing", "Processing", "Exception"];
    assert_eq!(["UK-1-F1", "UK-2-F1", "UK-3-F1"].map(|reference| stage.status(reference)), waits);
    stage.act(json!({ "cancel": { "reference_id": "UK-2-F1" } })).unwrap();
    assert_eq!(stage.status("UK-3-F1"), "Processing");
    stage.act(json!({ "ship": "all" })).unwrap();
    assert_eq!(stage.tea(), shelf(0, 0, 0, 0));
}

#[tokio::test]
async fn what_is_lost_or_unfit_after_it_was_promised_cannot_be_shipped() {
    let stage = Stage::counted(3);
    stage.order("UK-1-F1", 3).await;
    stage.act(json!({ "quarantine_stock": { "sku": "TEA", "location": "LON1", "quantity": 1 } })).unwrap();
    let refused = stage.act(json!({ "ship": { "reference_id": "UK-1-F1" } })).unwrap_err();
    assert!(refused.contains("only 2 of TEA"), "{refused}");
    let part = json!({ "reference_id": "UK-1-F1", "lines": [{ "sku": "TEA", "quantity": 2 }] });
    stage.act(json!({ "ship": part })).unwrap();
    assert_eq!(stage.tea(), shelf(1, 1, 1, 0));
}

#[tokio::test]
async fn counts_that_cannot_be_are_refused_and_change_nothing() {
    let stage = Stage::counted(3);
    for (act, words) in [
        (json!({ "adjust_stock": { "sku": "TEA", "location": "LON1", "delta": -4 } }), "only 3"),
        (json!({ "quarantine_stock": { "sku": "TEA", "location": "LON1", "quantity": 4 } }), "only 3"),
        (json!({ "receive_stock": { "sku": "TEA", "location": "LON1", "quantity": 0 } }), "one or more"),
        (json!({ "set_stock": { "sku": "TEA", "location": "LON1", "on_hand": -1 } }), "on_hand"),
        (json!({ "set_stock": { "sku": "TEA", "location": "NYC", "on_hand": 1 } }), "no fulfillment center"),
        (json!({ "set_stock": { "sku": "TEA", "location": "LON1", "units": 1 } }), "units"),
    ] {
        let refused = stage.act(act.clone()).unwrap_err();
        assert!(refused.contains(words), "{act}: {refused}");
    }
    assert_eq!(stage.tea(), shelf(3, 0, 0, 0));
}

#[tokio::test]
async fn levels_are_paged_filtered_and_shown_beside_the_documents() {
    let stage = Stage::counted(3);
    for (sku, location) in [("CUP", "LON1"), ("TEA", "MAN1"), ("POT", "MAN1")] {
        stage.act(json!({ "set_stock": { "sku": sku, "location": location, "on_hand": 1 } })).unwrap();
    }
    let whole = stage.levels("").await.body;
    assert_eq!((whole["items"].as_array().unwrap().len(), &whole["next"]), (3, &Value::Null));
    let first = stage.levels("?pagesize=2").await.body;
    let next = first["next"].as_str().unwrap().strip_prefix("/2026-01/inventory-level/locations").unwrap().to_owned();
    let second = stage.levels(&next).await.body;
    let pages = [first["items"].as_array().unwrap().clone(), second["items"].as_array().unwrap().clone()].concat();
    assert_eq!(Value::Array(pages), whole["items"]);
    let manchester = stage.levels("?LocationId=102").await.body;
    let tea = &manchester["items"].as_array().unwrap().iter().find(|item| item["sku"] == "TEA").unwrap()["locations"];
    assert_eq!((tea.as_array().unwrap().len(), &tea[0]["name"]), (1, &json!("MAN1")));
    let id = whole["items"][0]["inventory_id"].to_string();
    assert_eq!(stage.levels(&format!("?InventoryIds={id}")).await.body["items"].as_array().unwrap().len(), 1);
    for wrong in ["?PageSize=0", "?PageSize=many", "?Cursor=x", "?InventoryIds=TEA", "?LocationId=LON1"] {
        assert_eq!(stage.levels(wrong).await.status, 400, "{wrong}");
    }
    assert_eq!(stage.shipbob.documents()["stock"].as_array().unwrap().len(), 4);
}
