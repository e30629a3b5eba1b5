//! The ShipBob connector asks what is there, against ShipBob's sandbox, and against answers that are none.

#![expect(clippy::unwrap_used, reason = "what a test cannot have fails it")]

mod in_process;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::Uri;
use crossdock_connectors::shipbob::ShipBob;
use crossdock_connectors::{CountedStock, Fulfillment as _, FulfillmentLine, FulfillmentRequest, StockPage};
use crossdock_domain::Recipient;
use crossdock_domain::event::FailureClass;
use crossdock_sandboxes::shipbob::{OpeningStock, ShipBob as Sandbox, ShipBobConfig};
use crossdock_sandboxes::{Fault, FaultKind};
use crossdock_step::Failure;
use serde_json::{Value, json};

use in_process::{Time, Vault, outside};

const TEE: &str = "TEE-BLK-M";
const MUG: &str = "MUG-WHT";
const LEVELS: &str = "GET /2026-01/inventory-level/locations";

struct Scene {
    sandbox: Sandbox,
    connector: ShipBob,
    time: Time,
}

fn settings(config: &ShipBobConfig) -> Value {
    json!({
        "kind": "shipbob", "base_url": "http://127.0.0.1:4601", "api_version": "2026-01",
        "channel_id": config.channel_id.to_string(), "shipping_method": "Standard", "locations": { "LON1": 101 },
    })
}

fn scene_with(config: ShipBobConfig) -> Scene {
    let time = Time::at("2026-11-23T10:00:00Z");
    let settings = settings(&config);
    let vault = Vault::holding(json!({ "token": config.token }));
    let sandbox = Sandbox::new(config, time.of_vendor());
    let connector = ShipBob::new(outside(("shipbob", sandbox.router()), settings, vault, &time)).unwrap();
    Scene { sandbox, connector, time }
}

fn opening(sku: &str, on_hand: i64) -> OpeningStock {
    OpeningStock { sku: sku.into(), location: "LON1".into(), on_hand }
}

fn scene() -> Scene {
    scene_with(ShipBobConfig { stock: vec![opening(TEE, 10), opening(MUG, 4)], ..ShipBobConfig::default() })
}

impl Scene {
    fn act(&self, act: Value) {
        self.sandbox.act(act).unwrap();
    }

    fn shelf_act(&self, name: &str, said: Value) {
        let mut content = json!({ "sku": TEE, "location": "LON1" });
        content.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
        self.act(json!({ name: content }));
    }

    fn fault(&self, kind: FaultKind) {
        self.sandbox.add_fault(Fault::new(LEVELS, kind, 1));
    }

    async fn page(&self) -> StockPage {
        self.connector.stock(None).await.unwrap()
    }

    /// On hand, quarantine, committed and in transit of the tees in London.
    async fn tees(&self) -> (i64, i64, i64, i64) {
        let page = self.page().await;
        let tees = page.levels.iter().find(|level| level.sku.as_deref() == Some(TEE)).unwrap();
        (tees.on_hand, tees.quarantine, tees.committed, tees.in_transit)
    }

    async fn ordered(&self, reference: &str, quantity: u32) {
        let request = FulfillmentRequest {
            reference: reference.into(),
            order_name: "#1001".into(),
            location: "LON1".parse().unwrap(),
            lines: vec![FulfillmentLine { item: TEE.into(), sku: TEE.parse().unwrap(), quantity }],
            recipient: Recipient {
                name: "Canary Name".into(),
                address1: "1 Canary Street".into(),
                city: "London".into(),
                postal_code: "E1 6AN".into(),
                country: "GB".into(),
                ..Recipient::default()
            },
        };
        self.connector.request(&request).await.unwrap();
    }
}

fn permanent(failure: &Failure) -> (FailureClass, &str) {
    match failure {
        Failure::Permanent { class, reason } => (*class, reason),
        Failure::Retry { .. } | Failure::Paused { .. } => panic!("{failure:?} is not lasting"),
    }
}

#[tokio::test]
async fn stock_is_told_per_item_and_place() {
    let scene = scene();
    let page = scene.page().await;
    assert_eq!((page.as_of, page.next, page.strangers), (scene.time.now(), None, Vec::new()));
    let told =
        page.levels.iter().map(|level| (level.sku.as_deref().unwrap(), level.on_hand)).collect::<BTreeMap<_, _>>();
    assert_eq!(told, BTreeMap::from([(TEE, 10), (MUG, 4)]));
    let tees = page.levels.iter().find(|level| level.sku.as_deref() == Some(TEE)).unwrap();
    let expected = CountedStock {
        item: tees.item.clone(),
        sku: Some(TEE.into()),
        location: "LON1".parse().unwrap(),
        on_hand: 10,
        quarantine: 0,
        committed: 0,
        in_transit: 0,
    };
    assert_eq!(*tees, expected);
    assert!(tees.item.parse::<i32>().is_ok_and(|id| id > 0), "{} is no inventory id", tees.item);
}

#[tokio::test]
async fn orders_commit_and_take_and_cancellations_free() {
    let scene = scene();
    scene.ordered("UK-1-F1", 3).await;
    scene.ordered("UK-2-F1", 2).await;
    assert_eq!(scene.tees().await, (10, 0, 5, 0));
    scene.act(json!({ "ship": { "reference_id": "UK-1-F1" } }));
    assert_eq!(scene.tees().await, (7, 0, 2, 0));
    scene.connector.cancel("UK-2-F1").await.unwrap();
    assert_eq!(scene.tees().await, (7, 0, 0, 0));
}

#[tokio::test]
async fn what_happens_at_the_shelves_is_told() {
    let scene = scene();
    scene.shelf_act("adjust_stock", json!({ "delta": -1, "reason": "shrinkage" }));
    scene.shelf_act("quarantine_stock", json!({ "quantity": 2 }));
    assert_eq!(scene.tees().await, (9, 2, 0, 0));
    scene.shelf_act("expect_stock", json!({ "quantity": 6 }));
    assert_eq!(scene.tees().await, (9, 2, 0, 6));
    scene.shelf_act("receive_stock", json!({ "quantity": 5 }));
    assert_eq!(scene.tees().await, (14, 2, 0, 1));
    scene.ordered("UK-1-F1", 3).await;
    scene.act(json!({ "ship": "all" }));
    let found = json!([{ "sku": TEE, "quantity": 1, "action": "Restock" },
                       { "sku": TEE, "quantity": 1, "action": "Quarantine" },
                       { "sku": TEE, "quantity": 1, "action": "Dispose" }]);
    scene.act(json!({ "receive_unannounced": { "order_reference": "UK-1-F1", "lines": found } }));
    assert_eq!(scene.tees().await, (13, 3, 0, 1));
}

#[tokio::test]
async fn an_order_that_waits_for_stock_commits_none_and_makes_no_quarantine() {
    let scene = scene();
    scene.ordered("UK-1-F1", 9).await;
    scene.ordered("UK-2-F1", 2).await;
    assert_eq!(scene.tees().await, (10, 0, 9, 0));
    // More is promised than is there once a unit is lost.
    scene.shelf_act("adjust_stock", json!({ "delta": -4 }));
    assert_eq!(scene.tees().await, (6, 0, 9, 0));
}

#[tokio::test]
async fn every_item_stands_on_exactly_one_page() {
    let skus = (0..230).map(|number| format!("SKU-{number}")).collect::<Vec<_>>();
    let stock = skus.iter().map(|sku| opening(sku, 1)).collect();
    let scene = scene_with(ShipBobConfig { stock, ..ShipBobConfig::default() });
    let (mut told, mut sizes, mut after) = (Vec::new(), Vec::new(), None);
    loop {
        let page = scene.connector.stock(after.as_deref()).await.unwrap();
        sizes.push(page.levels.len());
        told.extend(page.levels.into_iter().map(|level| level.sku.unwrap()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [100, 100, 30]);
    told.sort();
    let mut skus = skus;
    skus.sort();
    assert_eq!(told, skus);
}

#[tokio::test]
async fn a_place_that_is_not_mapped_is_named_if_something_is_there() {
    let scene = scene();
    scene.shelf_act("set_stock", json!({ "location": "MAN1", "on_hand": 0 }));
    assert_eq!(scene.page().await.strangers, Vec::<String>::new());
    scene.shelf_act("expect_stock", json!({ "location": "MAN1", "quantity": 1 }));
    let page = scene.page().await;
    assert_eq!(page.strangers, ["102 (MAN1)"]);
    assert!(page.levels.iter().all(|level| level.location.as_str() == "LON1"), "{:?}", page.levels);
}

#[tokio::test]
async fn too_many_calls_pause_the_connection() {
    let scene = scene_with(ShipBobConfig { calls_per_minute: Some(1), ..ShipBobConfig::default() });
    scene.page().await;
    let failure = scene.connector.stock(None).await.unwrap_err();
    let Failure::Paused { connection, until, .. } = &failure else { panic!("{failure:?} does not pause") };
    assert_eq!(connection, "shipbob");
    let pause = until.duration_since(scene.time.now()).as_secs();
    assert!((59..=62).contains(&pause), "{pause}");
    scene.time.pass(pause + 1);
    assert_eq!(scene.page().await.as_of, scene.time.now());
}

#[tokio::test]
async fn an_outage_is_waited_out_and_a_foreign_page_is_no_answer() {
    let scene = scene();
    for passing in [FaultKind::TimeoutAfterCommit, FaultKind::TimeoutBeforeCommit, FaultKind::Status(503, None)] {
        scene.fault(passing.clone());
        let failure = scene.connector.stock(None).await.unwrap_err();
        assert!(matches!(failure, Failure::Retry { .. }), "{passing:?}: {failure:?}");
    }
    scene.fault(FaultKind::HtmlPage);
    let failure = scene.connector.stock(None).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Parse);
    scene.fault(FaultKind::Status(403, None));
    let failure = scene.connector.stock(None).await.unwrap_err();
    let (class, reason) = permanent(&failure);
    assert_eq!(class, FailureClass::Connection);
    assert!(reason.contains("inventory_read"), "{reason}");
}

/// A ShipBob that says what the test wants, and what it was asked.
fn saying(answer: Value) -> (ShipBob, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let seen = asked.clone();
    let router = Router::new().fallback(move |uri: Uri| {
        seen.lock().unwrap().push(uri.to_string());
        async move { axum::Json(answer) }
    });
    let time = Time::at("2026-11-23T10:00:00Z");
    let settings = settings(&ShipBobConfig::default());
    let vault = Vault::holding(json!({ "token": "token" }));
    (ShipBob::new(outside(("shipbob", router), settings, vault, &time)).unwrap(), asked)
}

fn page(place: Value, next: Value) -> Value {
    json!({ "items": [{ "inventory_id": 1, "name": null, "sku": null, "locations": [place] }], "next": next })
}

fn place() -> Value {
    json!({
        "location_id": 101, "name": null, "on_hand_quantity": 7, "committed_quantity": 2, "fulfillable_quantity": 4,
        "awaiting_quantity": 0, "internal_transfer_quantity": 3,
    })
}

#[tokio::test]
async fn a_quantity_or_a_list_that_is_missing_is_not_zero() {
    let (connector, _) = saying(page(place(), Value::Null));
    let told = connector.stock(None).await.unwrap().levels;
    assert_eq!((told[0].sku.clone(), told[0].on_hand, told[0].quarantine), (None, 7, 1));
    for missing in
        ["location_id", "on_hand_quantity", "committed_quantity", "fulfillable_quantity", "awaiting_quantity"]
    {
        let mut place = place();
        place.as_object_mut().unwrap().remove(missing);
        let failure = saying(page(place, Value::Null)).0.stock(None).await.unwrap_err();
        assert_eq!(permanent(&failure).0, FailureClass::Parse, "{missing}");
    }
    for none in [json!({}), json!([]), json!({ "items": null }), json!({ "items": [{ "inventory_id": 1 }] })] {
        let failure = saying(none.clone()).0.stock(None).await.unwrap_err();
        assert_eq!(permanent(&failure).0, FailureClass::Parse, "{none}");
    }
    let (connector, _) = saying(json!({ "items": [{ "inventory_id": 1, "locations": null }], "next": "" }));
    assert!(connector.stock(None).await.unwrap().levels.is_empty());
}

#[tokio::test]
async fn the_next_page_is_asked_at_our_own_address_and_never_twice() {
    let next = "https://elsewhere.example/2026-01/inventory-level/locations?Cursor=abc&PageSize=100";
    let (connector, asked) = saying(page(place(), json!(next)));
    let after = connector.stock(None).await.unwrap().next.unwrap();
    // It names itself: that would go on for ever.
    let failure = connector.stock(Some(&after)).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Parse);
    let base = "http://127.0.0.1:4601/2026-01/inventory-level/locations";
    let expected = [format!("{base}?PageSize=100"), format!("{base}?Cursor=abc&PageSize=100")];
    assert_eq!(*asked.lock().unwrap(), expected);
    for odd in ["/2026-01/order?Page=2", "/2026-01/inventory-level/locations", "?", "inventory-level/locations?a b"] {
        let failure = saying(page(place(), json!(odd))).0.stock(None).await.unwrap_err();
        assert_eq!(permanent(&failure).0, FailureClass::Parse, "{odd}");
    }
    for odd in ["", "Cursor=a#b", "Cursor=a b", "Cursor=a\r\nx: y"] {
        assert_eq!(permanent(&connector.stock(Some(odd)).await.unwrap_err()).0, FailureClass::Value, "{odd}");
    }
    assert_eq!(asked.lock().unwrap().len(), 2);
}
