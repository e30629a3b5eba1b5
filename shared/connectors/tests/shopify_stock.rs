//! Stock: the Shopify connector against its sandbox, with calls failing in every way.
#![expect(clippy::unwrap_used, reason = "a test stops where something is not as it must be")]

mod in_process;

use std::sync::Arc;

use crossdock_connectors::{Shown, ShownStock, StockTarget, Storefront, storefront};
use crossdock_domain::event::FailureClass;
use crossdock_domain::{LocationId, Sku};
use crossdock_sandboxes::shopify::{AdminSchema, BucketSize, Shopify, ShopifyConfig, StockLevel};
use crossdock_sandboxes::{Fault, FaultKind};
use crossdock_step::Failure;
use serde_json::{Value, json};

use in_process::{Time, Vault, outside};

const ENDPOINT: &str = "POST /admin/api/";

struct Shop {
    sandbox: Shopify,
    time: Time,
}

impl Shop {
    fn new() -> Self {
        Self::with(ShopifyConfig::default())
    }

    fn with(config: ShopifyConfig) -> Self {
        let time = Time::at("2026-11-23T12:00:00Z");
        Self { sandbox: Shopify::new(config, time.of_vendor()), time }
    }

    /// Ten teas and five pots in London, two teas in Manchester.
    fn ordinary() -> Self {
        let shop = Self::new();
        shop.count(("TEA", "LON1"), 10);
        shop.count(("POT", "LON1"), 5);
        shop.count(("TEA", "MAN1"), 2);
        shop
    }

    fn count(&self, (sku, location): (&str, &str), on_hand: i64) {
        let act = json!({ "set_inventory": { "sku": sku, "location": location, "on_hand": on_hand } });
        self.sandbox.act(act).unwrap();
    }

    fn connector(&self) -> Box<dyn Storefront> {
        let settings = json!({
            "kind": "shopify", "base_url": "https://crossdock-uk.myshopify.com", "api_version": "2026-10",
            "shop_domain": "crossdock-uk.myshopify.com",
            "locations": { "LON1": "113884102962", "MAN1": 114_038_047_026_u64, "GONE": 7 },
        });
        let secrets = Vault::holding(json!({ "access_token": "shpat_sandbox" }));
        storefront(outside(("shopify-uk", self.sandbox.router()), settings, secrets, &self.time)).unwrap()
    }

    async fn show(&self, key: &str, targets: &[StockTarget]) -> Result<Vec<Shown>, Failure> {
        self.connector().show_stock(key, targets).await
    }

    async fn read(&self, skus: &[&str], locations: &[&str]) -> Result<Vec<ShownStock>, Failure> {
        let items: Vec<(Sku, Option<String>)> = skus.iter().map(|sku| (sku.parse().unwrap(), None)).collect();
        let locations: Vec<LocationId> = locations.iter().map(|location| location.parse().unwrap()).collect();
        self.connector().stock(&items, &locations).await
    }

    fn on_hand(&self, sku: &str) -> i64 {
        self.sandbox.stock(sku, "LON1").unwrap().on_hand
    }

    fn sell(&self, sku: &str, quantity: i64) {
        let place = json!({ "lines": [{ "sku": sku, "quantity": quantity, "price": "9.99" }] });
        self.sandbox.act(json!({ "place_order": place })).unwrap();
    }

    fn strike(&self, kind: FaultKind, operation: &str) {
        self.sandbox.add_fault(Fault::new(ENDPOINT, kind, 1).only_when_body_contains(operation));
    }

    /// The bodies of calls that carry this operation.
    fn calls(&self, operation: &str) -> Vec<Value> {
        let sent = self.sandbox.requests().into_iter().map(|request| serde_json::to_value(request).unwrap());
        let bodies = sent.map(|request| {
            let body = &request["body"];
            body.as_str().map_or_else(|| body.clone(), |text| serde_json::from_str(text).unwrap())
        });
        bodies.filter(|body: &Value| body["operationName"] == operation).collect()
    }
}

fn published() -> Option<Arc<AdminSchema>> {
    let path = std::env::var_os("CROSSDOCK_SHOPIFY_SCHEMA")?;
    Some(AdminSchema::load(std::path::Path::new(&path)).unwrap())
}

fn target(sku: &str, change_from: i64, on_hand: i64) -> StockTarget {
    StockTarget { sku: sku.parse().unwrap(), item: None, location: "LON1".parse().unwrap(), on_hand, change_from }
}

fn at(location: &str, target: StockTarget) -> StockTarget {
    StockTarget { location: location.parse().unwrap(), ..target }
}

fn shown(sku: &str, location: &str, (on_hand, committed): (i64, i64)) -> ShownStock {
    let available = on_hand - committed;
    ShownStock { sku: sku.parse().unwrap(), location: location.parse().unwrap(), on_hand, available, committed }
}

fn stale(actual: i64) -> Shown {
    Shown::Stale { actual: Some(actual) }
}

fn reason(shown: &Shown) -> &str {
    let Shown::Unknown { reason } = shown else { panic!("{shown:?}") };
    reason
}

fn class_of(failure: &Failure) -> Option<FailureClass> {
    match failure {
        Failure::Permanent { class, .. } => Some(*class),
        Failure::Retry { .. } | Failure::Paused { .. } => None,
    }
}

#[tokio::test]
async fn the_sandbox_and_the_published_schema_both_take_every_call() {
    let Some(schema) = published() else { return };
    let shop = Shop::with(ShopifyConfig { schema: Some(schema), ..ShopifyConfig::default() });
    shop.count(("TEA", "LON1"), 10);
    assert_eq!(shop.show("k", &[target("TEA", 10, 4)]).await.unwrap(), [Shown::Set]);
    let item = shop.sandbox.inventory_item("TEA").unwrap().to_string();
    let known = StockTarget { item: Some(item), ..target("TEA", 9, 3) };
    assert_eq!(shop.show("l", &[known]).await.unwrap(), [stale(4)]);
}

#[tokio::test]
async fn what_is_set_is_read_back() {
    let shop = Shop::ordinary();
    let targets = [target("TEA", 10, 8), target("POT", 5, 5), at("MAN1", target("TEA", 2, 0))];
    assert_eq!(shop.show("k", &targets).await.unwrap(), [Shown::Set, Shown::Set, Shown::Set]);
    shop.sell("TEA", 3);
    let read = shop.read(&["TEA", "POT", "CUP"], &["LON1", "MAN1", "GONE", "NY1"]).await.unwrap();
    assert_eq!(read, [shown("TEA", "LON1", (8, 3)), shown("POT", "LON1", (5, 0)), shown("TEA", "MAN1", (0, 0))]);
    let calls = shop.calls("StockSet");
    assert_eq!((calls.len(), &calls[0]["variables"]["key"]), (1, &json!("k")));
    let input = &calls[0]["variables"]["input"];
    assert_eq!((&input["name"], &input["reason"]), (&json!("on_hand"), &json!("correction")));
    assert_eq!(input["referenceDocumentUri"], "gid://crossdock/Stock/k");
}

#[tokio::test]
async fn what_shows_something_else_is_left_alone_and_the_rest_is_set() {
    let shop = Shop::ordinary();
    let targets = [target("TEA", 11, 8), target("POT", 5, 4), at("MAN1", target("TEA", 3, 0))];
    assert_eq!(shop.show("k", &targets).await.unwrap(), [stale(10), Shown::Set, stale(2)]);
    assert_eq!((shop.on_hand("TEA"), shop.on_hand("POT")), (10, 4));
    let keys: Vec<String> = shop.calls("StockSet").iter().map(|it| it["variables"]["key"].to_string()).collect();
    assert_eq!(keys.len(), 2, "the rest once more: {keys:?}");
    assert_ne!(keys[0], keys[1]);
}

#[tokio::test]
async fn a_sale_in_between_is_never_overwritten() {
    let shop = Shop::ordinary();
    let before = shop.read(&["TEA"], &["LON1"]).await.unwrap();
    shop.sell("TEA", 4);
    assert_eq!(shop.show("k", &[target("TEA", before[0].on_hand, 9)]).await.unwrap(), [Shown::Set]);
    let level = StockLevel { on_hand: 9, available: 5, committed: 4 };
    assert_eq!(shop.sandbox.stock("TEA", "LON1"), Some(level));
    shop.sandbox.act(json!({ "adjust_inventory": { "sku": "TEA", "location": "LON1", "delta": -2 } })).unwrap();
    assert_eq!(shop.show("l", &[target("TEA", 9, 20)]).await.unwrap(), [stale(7)], "what staff has counted stands");
}

#[tokio::test]
async fn the_same_key_sets_once_and_says_so_again() {
    let shop = Shop::ordinary();
    let targets = [target("TEA", 10, 8)];
    assert_eq!(shop.show("k", &targets).await.unwrap(), [Shown::Set]);
    shop.count(("TEA", "LON1"), 10);
    assert_eq!(shop.show("k", &targets).await.unwrap(), [Shown::Set]);
    assert_eq!(shop.on_hand("TEA"), 10, "it was not done again");
    let failure = shop.show("k", &[target("TEA", 10, 7)]).await.unwrap_err();
    assert_eq!(class_of(&failure), Some(FailureClass::Refused), "{failure}");
    assert!(failure.to_string().contains("key"), "{failure}");
    assert_eq!(shop.on_hand("TEA"), 10);
}

#[tokio::test]
async fn after_a_lost_answer_the_same_key_is_safe_and_another_tells_what_shows() {
    for kind in [FaultKind::TimeoutAfterCommit, FaultKind::StatusAfterCommit(502, None)] {
        let shop = Shop::ordinary();
        let targets = [target("TEA", 10, 8), target("POT", 5, 6)];
        shop.strike(kind, "StockSet");
        assert!(matches!(shop.show("k", &targets).await, Err(Failure::Retry { .. })));
        assert_eq!(shop.on_hand("TEA"), 8, "it was set");
        assert_eq!(shop.show("l", &targets).await.unwrap(), [stale(8), stale(6)]);
        assert_eq!(shop.show("k", &targets).await.unwrap(), [Shown::Set, Shown::Set]);
        assert_eq!((shop.on_hand("TEA"), shop.on_hand("POT")), (8, 6));
    }
}

#[tokio::test]
async fn a_lost_answer_to_the_rest_is_recovered_too() {
    let shop = Shop::ordinary();
    let targets = [target("TEA", 11, 8), target("POT", 5, 6)];
    let struck = Fault::new(ENDPOINT, FaultKind::TimeoutAfterCommit, 1).only_when_body_contains("\"k:");
    shop.sandbox.add_fault(struck);
    assert!(matches!(shop.show("k", &targets).await, Err(Failure::Retry { .. })));
    assert_eq!(shop.on_hand("POT"), 6);
    assert_eq!(shop.show("k", &targets).await.unwrap(), [stale(10), stale(6)], "what shows is what was wanted");
    assert_eq!((shop.on_hand("TEA"), shop.on_hand("POT")), (10, 6));
}

#[tokio::test]
async fn whichever_call_fails_in_whatever_way_stock_is_set_once_and_never_beside_the_mark() {
    let faults = [
        FaultKind::TimeoutBeforeCommit,
        FaultKind::TimeoutAfterCommit,
        FaultKind::Status(500, None),
        FaultKind::StatusAfterCommit(502, None),
        FaultKind::Status(429, None),
        FaultKind::HtmlPage,
    ];
    for operation in ["StockOfSkus", "StockSet"] {
        for fault in &faults {
            let shop = Shop::ordinary();
            shop.strike(fault.clone(), operation);
            let targets = [target("TEA", 10, 8)];
            let failure = shop.show("k", &targets).await.unwrap_err();
            let html = matches!(fault, FaultKind::HtmlPage);
            assert_eq!(class_of(&failure), html.then_some(FailureClass::Parse), "{operation} {fault:?}: {failure}");
            assert_eq!(shop.show("k", &targets).await.unwrap(), [Shown::Set], "{operation} {fault:?}");
            assert_eq!(shop.on_hand("TEA"), 8);
        }
    }
}

#[tokio::test]
async fn an_answer_that_says_other_changes_is_not_believed_but_read_after() {
    let shop = Shop::ordinary();
    shop.strike(FaultKind::WrongAnswer, "StockSet");
    assert_eq!(shop.show("k", &[target("TEA", 10, 8)]).await.unwrap(), [Shown::Set], "the level says what was asked");
    assert_eq!(shop.calls("StockOfItems").len(), 1, "and it was looked at");
    shop.strike(FaultKind::WrongAnswer, "StockSet");
    shop.strike(FaultKind::WrongAnswer, "StockOfItems");
    let failure = shop.show("l", &[target("TEA", 8, 7)]).await.unwrap_err();
    assert_eq!(class_of(&failure), Some(FailureClass::Parse), "{failure}");
}

#[tokio::test]
async fn more_than_one_call_takes_are_set_in_several() {
    let shop = Shop::with(ShopifyConfig {
        bucket: BucketSize { points: 20_000, restored_per_second: 1000 },
        ..ShopifyConfig::default()
    });
    let skus: Vec<String> = (0..260).map(|number| format!("SKU-{number:03}")).collect();
    for sku in &skus {
        shop.count((sku, "LON1"), 1);
    }
    let mut targets: Vec<StockTarget> = skus.iter().map(|sku| target(sku, 1, 2)).collect();
    targets[3].change_from = 9;
    let outcomes = shop.show("k", &targets).await.unwrap();
    let set = outcomes.iter().filter(|outcome| **outcome == Shown::Set).count();
    assert_eq!((set, &outcomes[3], outcomes.len()), (259, &stale(1), 260));
    let sizes: Vec<usize> = shop
        .calls("StockSet")
        .iter()
        .map(|call| call["variables"]["input"]["quantities"].as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [250, 249, 10]);
    assert_eq!(shop.calls("StockOfSkus").len(), 6, "not one call per SKU");
    assert_eq!((shop.on_hand("SKU-003"), shop.on_hand("SKU-259")), (1, 2));
    let read = shop.read(&skus.iter().map(String::as_str).collect::<Vec<_>>(), &["LON1"]).await.unwrap();
    assert_eq!(read.len(), 260);
    let items: Vec<(Sku, Option<String>)> = skus
        .iter()
        .map(|sku| (sku.parse().unwrap(), shop.sandbox.inventory_item(sku).map(|id| id.to_string())))
        .collect();
    let by_item = shop.connector().stock(&items, &["LON1".parse().unwrap()]).await.unwrap();
    assert_eq!(by_item, read);
    assert_eq!(shop.calls("StockOfItems").len(), 3 + 3, "after the stale one, and now");
}

#[tokio::test]
async fn what_is_unknown_is_said_why_and_does_not_keep_the_rest_back() {
    let shop = Shop::ordinary();
    let untracked = json!({ "set_inventory": { "sku": "CUP", "location": "LON1", "on_hand": 3, "tracked": false } });
    shop.sandbox.act(untracked).unwrap();
    let item = |item: &str, target: StockTarget| StockTarget { item: Some(item.into()), ..target };
    let tea = format!("gid://shopify/InventoryItem/{}", shop.sandbox.inventory_item("TEA").unwrap());
    let targets = [
        target("TEAPOT", 0, 1),
        at("MAN1", target("POT", 0, 1)),
        at("GONE", target("TEA", 0, 1)),
        at("NY1", target("TEA", 0, 1)),
        target("CUP", 3, 1),
        item("4711", target("POT", 5, 1)),
        item(&tea, target("TEA-BY-ID", 10, 9)),
        target("TEA", 10, 8),
        target("POT", 5, 4),
    ];
    let outcomes = shop.show("k", &targets).await.unwrap();
    for (outcome, says) in outcomes.iter().zip([
        "has no item TEAPOT",
        "does not stock POT at MAN1",
        "does not stock TEA at GONE",
        "name no Shopify location for NY1",
        "does not track CUP",
        "has no item POT",
    ]) {
        assert!(reason(outcome).contains(says), "{outcome:?} {says}");
    }
    assert_eq!(outcomes[6], Shown::Set);
    assert!(reason(&outcomes[7]).contains("same item"), "{:?}", outcomes[7]);
    assert_eq!(outcomes[8], Shown::Set);
    assert_eq!((shop.on_hand("TEA"), shop.on_hand("POT"), shop.on_hand("CUP")), (9, 4, 3));
    let levels = shop.sandbox.documents()["inventory"].clone();
    assert_eq!(levels.as_array().unwrap().len(), 4, "nothing was set where nothing is stocked: {levels}");
    let call = &shop.calls("StockSet")[0];
    assert_eq!(call["variables"]["input"]["quantities"].as_array().unwrap().len(), 2);
    assert_eq!(shop.show("none", &targets[..6]).await.unwrap().len(), 6);
    assert_eq!(shop.calls("StockSet").len(), 1, "with nothing to set nothing is called");
    assert_eq!(shop.show("empty", &[]).await.unwrap(), []);
}

#[tokio::test]
async fn a_search_that_finds_more_than_was_asked_for_is_read_exactly() {
    let shop = Shop::new();
    for number in 0..230 {
        shop.count((&format!("TEA-{number:03}"), "LON1"), number);
    }
    for (sku, on_hand) in [("tea", 1), ("TEA", 2), ("TÉ \"X\" \\ 1", 3), ("TEA OR sku:POT", 4)] {
        shop.count((sku, "LON1"), on_hand);
    }
    let read = shop.read(&["TEA", "TÉ \"X\" \\ 1", "TEA OR sku:POT", "TE"], &["LON1"]).await.unwrap();
    let units: Vec<(&str, i64)> = read.iter().map(|it| (it.sku.as_str(), it.on_hand)).collect();
    assert_eq!(units, [("TEA", 2), ("TÉ \"X\" \\ 1", 3), ("TEA OR sku:POT", 4)]);
    assert_eq!(shop.calls("StockOfSkus").len(), 3, "three pages");
}

#[tokio::test]
async fn a_throttled_call_pauses_the_connection_and_a_busy_one_is_tried_again() {
    let shop = Shop::ordinary();
    let targets = [target("TEA", 10, 8)];
    shop.sandbox.act(json!({ "drain_bucket": { "points": 0 } })).unwrap();
    for failure in [shop.show("k", &targets).await.unwrap_err(), shop.read(&["TEA"], &["LON1"]).await.unwrap_err()] {
        let Failure::Paused { until, connection, .. } = failure else { panic!("{failure}") };
        assert!(connection == "shopify-uk" && until > shop.time.now());
    }
    shop.time.pass(30);
    shop.sandbox.act(json!({ "fail_next": { "code": "THROTTLED" } })).unwrap();
    assert!(matches!(shop.show("k", &targets).await, Err(Failure::Paused { .. })));
    let busy = json!({ "next_stock": { "code": "IDEMPOTENCY_CONCURRENT_REQUEST" } });
    shop.sandbox.act(busy).unwrap();
    let failure = shop.show("k", &targets).await.unwrap_err();
    assert!(matches!(failure, Failure::Retry { .. }), "{failure}");
    assert_eq!(shop.on_hand("TEA"), 10);
    assert_eq!(shop.show("k", &targets).await.unwrap(), [Shown::Set]);
}

#[tokio::test]
async fn a_key_that_is_spent_is_followed_by_another() {
    let shop = Shop::ordinary();
    let targets = [target("TEA", 11, 8)];
    assert_eq!(shop.show("k", &targets).await.unwrap(), [stale(10)]);
    shop.count(("TEA", "LON1"), 11);
    assert_eq!(shop.show("k", &targets).await.unwrap(), [Shown::Set]);
    let spent = json!({ "next_stock": { "code": "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", "times": 6 } });
    shop.sandbox.act(spent).unwrap();
    let failure = shop.show("l", &[target("TEA", 8, 7)]).await.unwrap_err();
    assert!(matches!(failure, Failure::Retry { .. }), "not for ever: {failure}");
    assert_eq!(shop.on_hand("TEA"), 8);
}

#[tokio::test]
async fn a_refusal_of_the_whole_call_lasts_and_a_nameless_stale_one_is_looked_into() {
    let shop = Shop::ordinary();
    for code in ["INVALID_REASON", "INVALID_INVENTORY_ITEM"] {
        shop.sandbox.act(json!({ "next_stock": { "code": code } })).unwrap();
        let failure = shop.show(code, &[target("TEA", 10, 8)]).await.unwrap_err();
        assert_eq!(class_of(&failure), Some(FailureClass::Refused), "{failure}");
    }
    let nameless = json!({ "next_stock": { "code": "CHANGE_FROM_QUANTITY_STALE" } });
    shop.sandbox.act(nameless.clone()).unwrap();
    let targets = [target("TEA", 11, 8), target("POT", 5, 4)];
    assert_eq!(shop.show("k", &targets).await.unwrap(), [stale(10), Shown::Set]);
    shop.sandbox.act(nameless).unwrap();
    let failure = shop.show("l", &[target("TEA", 10, 8)]).await.unwrap_err();
    assert!(matches!(failure, Failure::Retry { .. }), "nothing is stale: {failure}");
    assert_eq!((shop.on_hand("TEA"), shop.on_hand("POT")), (10, 4));
}

#[tokio::test]
async fn what_no_storefront_can_show_is_refused_before_anything_is_sent() {
    let shop = Shop::ordinary();
    let fine = target("POT", 5, 4);
    for wrong in [target("TEA", 10, -1), target("TEA", 10, 1_000_000_001), target("TEA", i64::MIN, 1)] {
        let failure = shop.show("k", &[fine.clone(), wrong]).await.unwrap_err();
        assert_eq!(class_of(&failure), Some(FailureClass::Value), "{failure}");
    }
    assert_eq!(class_of(&shop.show("", &[fine]).await.unwrap_err()), Some(FailureClass::Value));
    assert_eq!(shop.sandbox.requests().len(), 0);
}

#[tokio::test]
async fn without_the_scope_a_person_is_asked() {
    let shop = Shop::ordinary();
    for (field, operation) in [("inventorySetQuantities", "set"), ("inventoryItems", "read")] {
        shop.sandbox.act(json!({ "set_access": { "denied": [field] } })).unwrap();
        let failure = shop.show(operation, &[target("TEA", 10, 8)]).await.unwrap_err();
        assert_eq!(class_of(&failure), Some(FailureClass::Connection), "{failure}");
    }
    assert_eq!(shop.on_hand("TEA"), 10);
}

#[tokio::test]
async fn two_at_once_set_what_one_of_them_wants() {
    let shop = Shop::ordinary();
    let (one, other) = ([target("TEA", 10, 8)], [target("TEA", 10, 3)]);
    let (one, other) = futures_util::join!(shop.show("k", &one), shop.show("l", &other));
    let outcomes = [one.unwrap(), other.unwrap()].concat();
    let winner = outcomes.iter().position(|outcome| *outcome == Shown::Set).unwrap();
    let expected = [8, 3][winner];
    assert_eq!((shop.on_hand("TEA"), &outcomes[1 - winner]), (expected, &stale(expected)));
}
