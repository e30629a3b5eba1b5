//! The NetSuite connector posts stock that no order moves, and asks for stock and catalogue, against NetSuite's sandbox:
//! whatever happens on the way, one document each, and no number but the ERP's.

#![expect(clippy::unwrap_used, reason = "what a test cannot have fails it")]

mod in_process;
mod netsuite_scene;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::Uri;
use crossdock_connectors::netsuite::NetSuite;
use crossdock_connectors::{CatalogueItem, CataloguePage, Erp as _, ErpStock, Posted};
use crossdock_domain::Sku;
use crossdock_domain::event::FailureClass;
use crossdock_domain::stocking::{StockDraft, StockHeader, StockLine, StockReason, TransferDraft};
use crossdock_sandboxes::FaultKind;
use crossdock_sandboxes::netsuite::NetSuiteConfig;
use crossdock_step::Failure;
use jiff::Timestamp;
use serde_json::{Value, json};

use in_process::outside;
use netsuite_scene::{RECORDS, Scene, balance, fulfillment, items, minor, permanent, scene, scene_with, settings};

const QUERY: &str = "POST /services/rest/query/v1/suiteql";
const ADJUSTMENT: &str = "inventoryAdjustment";
const TRANSFER: &str = "inventoryTransfer";
const KINDS: [&str; 2] = [ADJUSTMENT, TRANSFER];

fn stock_header(document: &str) -> StockHeader {
    StockHeader {
        reference: format!("STOCK-LON1-{document}"),
        posting_date: "2026-11-23".parse().unwrap(),
        source: "ASN-77".into(),
    }
}

fn lines(all: &[(&str, i64)]) -> Vec<StockLine> {
    all.iter().map(|(sku, quantity)| StockLine { sku: sku.parse().unwrap(), quantity: *quantity }).collect()
}

fn stock_draft(reason: StockReason, all: &[(&str, i64)]) -> StockDraft {
    StockDraft { header: stock_header("IA1"), location: "LON1".parse().unwrap(), reason, lines: lines(all) }
}

fn transfer_draft(to: &str, all: &[(&str, i64)]) -> TransferDraft {
    let (from, to) = ("LON1".parse().unwrap(), to.parse().unwrap());
    TransferDraft { header: stock_header("IT1"), from, to, lines: lines(all) }
}

fn at(scene: &Scene, item: u32, location: u32) -> f64 {
    let look = json!({ "action": "receive_stock", "item": item, "location": location, "quantity": 0 });
    scene.sandbox.act(look).unwrap()["quantity"].as_f64().unwrap()
}

/// Twelve tees came in, or two of them went to Manchester.
async fn post(scene: &Scene, kind: &str) -> Result<Posted, Failure> {
    match kind {
        ADJUSTMENT => {
            scene.connector.post_stock(&stock_draft(StockReason::Receipt, &[("TEE-BLK-M", 12)]), &items()).await
        }
        _ => scene.connector.post_transfer(&transfer_draft("MAN1", &[("TEE-BLK-M", 2)]), &items()).await,
    }
}

fn assert_posted_once(scene: &Scene, told: &str) {
    for kind in KINDS {
        assert_eq!(scene.documents(kind).len(), 1, "{kind} {told}");
    }
    assert_eq!((at(scene, 501, 11), at(scene, 501, 12)), (10.0, 2.0), "{told}");
}

// Documents

#[tokio::test]
async fn what_came_in_was_lost_or_counted_is_adjusted_with_its_sign_and_against_its_account() {
    let mut settings = settings();
    settings["stock_accounts"] = json!({ "receipt": "129" });
    let scene = scene_with(NetSuiteConfig::default(), settings);
    let receipt = stock_draft(StockReason::Receipt, &[("TEE-BLK-M", 12), ("MUG-WHT", 0)]);
    scene.connector.post_stock(&receipt, &items()).await.unwrap();
    let header = stock_header("IA2");
    let count = StockDraft { header, ..stock_draft(StockReason::Count, &[("TEE-BLK-M", -2), ("MUG-WHT", 1)]) };
    let counted = scene.connector.post_stock(&count, &items()).await.unwrap();
    assert_eq!((at(&scene, 501, 11), at(&scene, 502, 11)), (10.0, 1.0));
    let told = scene.documents(ADJUSTMENT);
    let shown = |document: &Value| {
        (document["memo"].clone(), document["account"].clone(), document["lines"].as_array().unwrap().len())
    };
    assert_eq!(shown(&told[0]), (json!("receipt ASN-77"), json!("clearing:other"), 1));
    assert_eq!(shown(&told[1]), (json!("count ASN-77"), json!("adjustment"), 2));
    assert_eq!((&told[1]["id"], &told[1]["tranDate"]), (&json!(counted.id), &json!("2026-11-23")));
    assert_eq!(counted.total, None);
    let ledger = scene.sandbox.ledger();
    assert_eq!(balance(&ledger, "inventory"), 10 * 620 + 310);
}

#[tokio::test]
async fn what_went_elsewhere_is_there_and_worth_the_same() {
    let scene = scene();
    post(&scene, ADJUSTMENT).await.unwrap();
    let before = balance(&scene.sandbox.ledger(), "inventory");
    post(&scene, TRANSFER).await.unwrap();
    assert_posted_once(&scene, "at once");
    assert_eq!(balance(&scene.sandbox.ledger(), "inventory"), before);
    let transfer = &scene.documents(TRANSFER)[0];
    assert_eq!((&transfer["location"], &transfer["transferLocation"]), (&json!("LON1"), &json!("MAN1")));
    assert_eq!(transfer["memo"], "transfer ASN-77");
}

#[tokio::test]
async fn posted_again_it_is_the_first_and_with_other_units_it_is_another() {
    let scene = scene();
    for kind in KINDS {
        let first = post(&scene, kind).await.unwrap();
        assert_eq!(post(&scene, kind).await.unwrap(), first, "{kind}");
    }
    assert_posted_once(&scene, "posted again");
    let other = stock_draft(StockReason::Receipt, &[("TEE-BLK-M", 11)]);
    let failure = scene.connector.post_stock(&other, &items()).await.unwrap_err();
    let (class, reason) = permanent(&failure);
    assert_eq!(class, FailureClass::Value);
    assert!(reason.contains("the ERP has 12 of item 501 at location 11, our stock says 11 of item 501"), "{reason}");
    let other = transfer_draft("MAN1", &[("TEE-BLK-M", 3)]);
    let failure = scene.connector.post_transfer(&other, &items()).await.unwrap_err();
    assert!(failure.to_string().contains("the ERP has 2 of item 501 from location 11 to 12"), "{failure}");
    let backwards = TransferDraft { from: "MAN1".parse().unwrap(), to: "LON1".parse().unwrap(), ..other };
    let backwards = TransferDraft { lines: lines(&[("TEE-BLK-M", 2)]), ..backwards };
    let failure = scene.connector.post_transfer(&backwards, &items()).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Value, "{failure}");
    let later = StockHeader { posting_date: "2026-11-24".parse().unwrap(), ..stock_header("IA1") };
    let later = StockDraft { header: later, ..stock_draft(StockReason::Receipt, &[("TEE-BLK-M", 12)]) };
    let failure = scene.connector.post_stock(&later, &items()).await.unwrap_err();
    assert!(failure.to_string().contains("another date"), "{failure}");
    assert_posted_once(&scene, "after other drafts");
}

#[tokio::test]
async fn another_account_than_the_one_of_today_is_not_overlooked() {
    let scene = scene();
    post(&scene, ADJUSTMENT).await.unwrap();
    let mut changed = settings();
    changed["stock_accounts"] = json!({ "receipt": "129" });
    let outside = outside(("netsuite", scene.sandbox.router()), changed, scene.vault.clone(), &scene.time);
    let draft = stock_draft(StockReason::Receipt, &[("TEE-BLK-M", 12)]);
    let failure = NetSuite::new(outside).unwrap().post_stock(&draft, &items()).await.unwrap_err();
    assert!(failure.to_string().contains("the ERP has account 142, our stock says account 129"), "{failure}");
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_document() {
    let after_commit = |status| FaultKind::StatusAfterCommit(status, None);
    for lost in [FaultKind::TimeoutAfterCommit, after_commit(500), after_commit(503)] {
        let scene = scene();
        for kind in KINDS {
            scene.fault(&format!("POST {RECORDS}/{kind}"), lost.clone());
            let failure = post(&scene, kind).await.unwrap_err();
            assert!(matches!(failure, Failure::Retry { .. }), "{kind}: {failure:?}");
            post(&scene, kind).await.unwrap();
        }
        assert_posted_once(&scene, &format!("after {lost:?}"));
    }
}

#[tokio::test]
async fn outages_and_limits_are_waited_out() {
    let scene = scene();
    for kind in KINDS {
        for fault in [FaultKind::Status(500, None), FaultKind::Status(503, None), FaultKind::TimeoutBeforeCommit] {
            scene.fault(&format!("POST {RECORDS}/{kind}"), fault.clone());
            let failure = post(&scene, kind).await.unwrap_err();
            assert!(matches!(failure, Failure::Retry { .. }), "{kind} {fault:?}: {failure:?}");
        }
        scene.fault(&format!("POST {RECORDS}/{kind}"), FaultKind::Status(429, None));
        let failure = post(&scene, kind).await.unwrap_err();
        assert!(matches!(failure, Failure::Paused { .. }), "{kind}: {failure:?}");
        post(&scene, kind).await.unwrap();
    }
    assert_posted_once(&scene, "after an outage");
}

#[tokio::test]
async fn a_wrong_answer_is_no_success() {
    let scene = scene();
    for kind in KINDS {
        for wrong in [FaultKind::HtmlPage, FaultKind::WrongAnswer] {
            scene.fault(&format!("POST {RECORDS}/{kind}"), wrong.clone());
            let failure = post(&scene, kind).await.unwrap_err();
            assert_eq!(permanent(&failure).0, FailureClass::Parse, "{kind} {wrong:?}: {failure}");
        }
        scene.fault(&format!("GET {RECORDS}/{kind}"), FaultKind::HtmlPage);
        assert_eq!(permanent(&post(&scene, kind).await.unwrap_err()).0, FailureClass::Parse, "{kind}");
        // A unit more than was asked for.
        scene.fault(&format!("GET {RECORDS}/{kind}"), FaultKind::WrongAnswer);
        let failure = post(&scene, kind).await.unwrap_err();
        let (class, reason) = permanent(&failure);
        assert_eq!(class, FailureClass::Value, "{kind}: {reason}");
        let told = if kind == ADJUSTMENT { "has 13 of item 501" } else { "has 3 of item 501" };
        assert!(reason.contains(told), "{reason}");
        post(&scene, kind).await.unwrap();
    }
    assert_posted_once(&scene, "after wrong answers");
}

#[tokio::test]
async fn a_draft_that_cannot_be_posted_is_known_without_a_call() {
    let scene = scene();
    let post_stock = async |draft: StockDraft| scene.connector.post_stock(&draft, &items()).await.unwrap_err();
    let post_transfer = async |draft: TransferDraft| scene.connector.post_transfer(&draft, &items()).await.unwrap_err();
    let tee = [("TEE-BLK-M", 1)];
    let receipt = |all: &[(&str, i64)]| stock_draft(StockReason::Receipt, all);
    let elsewhere = StockDraft { location: "NYC1".parse().unwrap(), ..receipt(&tee) };
    let long = StockHeader { reference: "X".repeat(36), ..stock_header("IA1") };
    for (failure, class) in [
        (post_stock(receipt(&[])).await, FailureClass::Value),
        (post_stock(receipt(&[("TEE-BLK-M", 0)])).await, FailureClass::Value),
        (post_stock(StockDraft { header: long, ..receipt(&tee) }).await, FailureClass::Value),
        (post_stock(receipt(&[("CAP-RED", 1)])).await, FailureClass::Mapping),
        (post_stock(elsewhere).await, FailureClass::Mapping),
        (post_transfer(transfer_draft("MAN1", &[("TEE-BLK-M", -1)])).await, FailureClass::Value),
        (post_transfer(transfer_draft("MAN1", &[])).await, FailureClass::Value),
        (post_transfer(transfer_draft("LON1", &tee)).await, FailureClass::Value),
        (post_transfer(transfer_draft("NYC1", &tee)).await, FailureClass::Mapping),
    ] {
        assert_eq!(permanent(&failure).0, class, "{failure}");
    }
    assert!(scene.sandbox.requests().is_empty());
}

#[tokio::test]
async fn a_shipment_that_the_erp_is_short_of_waits_for_the_missing_receipt() {
    let scene = scene();
    let order = scene.ordered().await;
    scene.sandbox.act(json!({ "refuse_negative_stock": { "on": true } })).unwrap();
    scene.sandbox.act(json!({ "adjust_stock": { "sku": "MUG-WHT", "location": "LON1", "quantity": 1 } })).unwrap();
    let all = fulfillment(1, vec![(0, 2), (1, 1)]);
    let failure = scene.connector.post_item_fulfillment(&all, &order.id).await.unwrap_err();
    let (class, reason) = permanent(&failure);
    assert_eq!(class, FailureClass::Stock);
    let action = "the ERP's stock is short: post the missing receipt or adjustment there, then retry";
    assert!(reason.contains("You only have 0 available.") && reason.ends_with(action), "{reason}");
    assert!(scene.documents("itemFulfillment").is_empty());
    let receipt = stock_draft(StockReason::Receipt, &[("TEE-BLK-M", 2)]);
    scene.connector.post_stock(&receipt, &items()).await.unwrap();
    let posted = scene.connector.post_item_fulfillment(&all, &order.id).await.unwrap();
    // The repeat is short of stock, and finds what took it.
    assert_eq!(scene.connector.post_item_fulfillment(&all, &order.id).await.unwrap(), posted);
}

// Stock

fn level(sku: &str, location: &str, on_hand: i64) -> ErpStock {
    ErpStock { sku: sku.parse().unwrap(), location: location.parse().unwrap(), on_hand }
}

#[tokio::test]
async fn stock_is_told_per_sku_and_mapped_location() {
    let scene = scene();
    for (sku, location, quantity) in
        [("TEE-BLK-M", "LON1", 7), ("TEE-BLK-M", "LON1-QUARANTINE", 3), ("MUG-WHT", "MAN1", -2), ("CAP-RED", "LON1", 9)]
    {
        let act = json!({ "adjust_stock": { "sku": sku, "location": location, "quantity": quantity } });
        scene.sandbox.act(act).unwrap();
    }
    let told = scene.connector.stock(&items()).await.unwrap();
    let expected = [
        level("TEE-BLK-M", "LON1", 7),
        level("TEE-BLK-M", "MAN1", 0),
        level("MUG-WHT", "LON1", 0),
        level("MUG-WHT", "MAN1", -2),
    ];
    assert_eq!(told, expected);
    assert!(scene.connector.stock(&BTreeMap::new()).await.unwrap().is_empty());
    let service = BTreeMap::from([("GIFT-CARD".parse().unwrap(), "580".to_owned())]);
    assert!(scene.connector.stock(&service).await.unwrap().is_empty());
}

#[tokio::test]
async fn every_page_of_stock_is_read() {
    let mut settings = settings();
    settings["locations"] = json!({ "LON1": "11", "MAN1": "12", "LON9": "21" });
    let scene = scene_with(NetSuiteConfig::default(), settings);
    let mut items = BTreeMap::<Sku, String>::new();
    for number in 0..510 {
        let sku = format!("SKU-{number}");
        let made = scene.sandbox.act(json!({ "set_item": { "sku": sku } })).unwrap();
        scene.sandbox.act(json!({ "adjust_stock": { "sku": sku, "location": "MAN1", "quantity": number } })).unwrap();
        items.insert(sku.parse().unwrap(), made["id"].to_string());
    }
    let told = scene.connector.stock(&items).await.unwrap();
    assert_eq!(told.len(), 3 * 510);
    assert_eq!(told.iter().map(|level| level.on_hand).sum::<i64>(), (0..510).sum::<i64>());
    // 500 items at three places are two pages; ten are one.
    assert_eq!(scene.sandbox.requests().iter().filter(|it| it.path.contains("/suiteql")).count(), 3);
}

#[tokio::test]
async fn an_item_that_is_no_id_never_gets_into_a_query() {
    let scene = scene();
    let items = BTreeMap::from([("TEE-BLK-M".parse().unwrap(), "501) OR (1 = 1".to_owned())]);
    let failure = scene.connector.stock(&items).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Mapping);
    assert!(scene.sandbox.requests().is_empty());
    let failure = scene.connector.catalogue(None, Some("1 OR 1 = 1")).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Value);
    assert!(scene.sandbox.requests().is_empty());
}

#[tokio::test]
async fn queries_wait_out_outages_and_limits_and_take_no_foreign_page() {
    let scene = scene();
    for passing in [FaultKind::TimeoutAfterCommit, FaultKind::TimeoutBeforeCommit, FaultKind::Status(503, None)] {
        scene.fault(QUERY, passing.clone());
        let failure = scene.connector.stock(&items()).await.unwrap_err();
        assert!(matches!(failure, Failure::Retry { .. }), "{passing:?}: {failure:?}");
    }
    for limit in [FaultKind::Status(429, None), FaultKind::Status(400, Some("concurrency".into()))] {
        scene.fault(QUERY, limit.clone());
        let failure = scene.connector.catalogue(None, None).await.unwrap_err();
        assert!(matches!(failure, Failure::Paused { .. }), "{limit:?}: {failure:?}");
    }
    scene.fault(QUERY, FaultKind::HtmlPage);
    assert_eq!(permanent(&scene.connector.stock(&items()).await.unwrap_err()).0, FailureClass::Parse);
    scene.fault(QUERY, FaultKind::Status(400, Some("permission".into())));
    assert_eq!(permanent(&scene.connector.stock(&items()).await.unwrap_err()).0, FailureClass::Connection);
    assert_eq!(scene.connector.stock(&items()).await.unwrap().len(), 4);
}

/// A NetSuite that answers every query with what the test wants, and what it was asked.
fn saying(answer: Value) -> (NetSuite, Arc<Mutex<Vec<String>>>) {
    let scene = scene();
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let seen = asked.clone();
    let router = Router::new().fallback(move |uri: Uri| {
        let is_login = uri.path().ends_with("/token");
        if !is_login {
            seen.lock().unwrap().push(uri.to_string());
        }
        let token = json!({ "access_token": "token", "expires_in": "3600", "token_type": "bearer" });
        let answer = if is_login { token } else { answer };
        async move { axum::Json(answer) }
    });
    (NetSuite::new(outside(("netsuite", router), settings(), scene.vault, &scene.time)).unwrap(), asked)
}

fn rows(rows: Value) -> Value {
    json!({ "links": [], "count": 1, "hasMore": false, "items": rows, "offset": 0, "totalResults": 1 })
}

#[tokio::test]
async fn quantities_are_texts_or_numbers_and_nothing_else() {
    for (units, expected) in [(json!("7"), 7), (json!(7), 7), (json!(7.0), 7), (json!("-3"), -3), (json!("7.000"), 7)] {
        let answer = rows(json!([{ "item": "501", "location": 11, "onhand": units }]));
        let told = saying(answer).0.stock(&items()).await.unwrap();
        assert_eq!(told, [level("TEE-BLK-M", "LON1", expected)], "{units}");
    }
    for wrong in [json!("7.5"), json!(0.1), json!("many"), json!(true), Value::Null, json!("99999999999999999999")] {
        let answer = rows(json!([{ "item": "501", "location": "11", "onhand": wrong }]));
        let failure = saying(answer).0.stock(&items()).await.unwrap_err();
        assert_eq!(permanent(&failure).0, FailureClass::Parse, "{wrong}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_page_of_what_was_asked_for_is_refused() {
    let row = json!({ "item": "501", "location": "11", "onhand": "7" });
    let mut endless = rows(json!([]));
    endless["hasMore"] = json!(true);
    for wrong in [
        json!({}),
        json!({ "items": [] }),
        json!({ "hasMore": false }),
        json!({ "hasMore": "no", "items": [] }),
        endless,
        rows(json!([{ "location": "11", "onhand": "7" }])),
        rows(json!([{ "item": "501", "onhand": "7" }])),
        rows(json!([{ "item": "501", "location": "11" }])),
        rows(json!([{ "item": "999", "location": "11", "onhand": "7" }])),
        rows(json!([{ "item": "501", "location": "99", "onhand": "7" }])),
        rows(json!([row, row])),
    ] {
        let failure = saying(wrong.clone()).0.stock(&items()).await.unwrap_err();
        assert_eq!(permanent(&failure).0, FailureClass::Parse, "{wrong}");
    }
    let (connector, asked) = saying(rows(json!([row])));
    connector.stock(&items()).await.unwrap();
    assert_eq!(*asked.lock().unwrap(), ["http://127.0.0.1:4602/services/rest/query/v1/suiteql?limit=1000&offset=0"]);
}

// Catalogue

fn since(text: &str) -> Option<Timestamp> {
    Some(text.parse().unwrap())
}

fn of_item<'p>(page: &'p CataloguePage, sku: &str) -> &'p CatalogueItem {
    page.items.iter().find(|item| item.sku == sku).unwrap()
}

#[tokio::test]
async fn the_catalogue_tells_names_exact_prices_and_members() {
    let scene = scene();
    for said in [
        json!({ "sku": "TEE-BLK-M", "name": "Tee, black", "price": { "GBP": "24.99", "JPY": "4800", "KWD": "9.125" } }),
        // No currency of the connection's.
        json!({ "sku": "MUG-WHT", "price": { "GBP": "0.10", "EUR": "0.12" }, "inactive": true }),
        json!({ "sku": "SET-1", "price": { "GBP": "900719925474.99" },
                "components": [{ "sku": "TEE-BLK-M", "quantity": 2 }, { "sku": "MUG-WHT", "quantity": 1 }] }),
    ] {
        scene.sandbox.act(json!({ "set_item": said })).unwrap();
    }
    let page = scene.connector.catalogue(None, None).await.unwrap();
    assert_eq!(page.next, None);
    let currency = |code: &str| code.parse().unwrap();
    let prices = |all: &[(&str, i64)]| all.iter().map(|(code, amount)| (currency(code), minor(*amount))).collect();
    let tee = CatalogueItem {
        id: "501".into(),
        sku: "TEE-BLK-M".into(),
        name: Some("Tee, black".into()),
        active: true,
        prices: prices(&[("GBP", 2499), ("JPY", 4800), ("KWD", 9125)]),
        components: Vec::new(),
        changed_at: "2026-11-23T10:00:00Z".parse().unwrap(),
    };
    assert_eq!(*of_item(&page, "TEE-BLK-M"), tee);
    let mug = of_item(&page, "MUG-WHT");
    assert_eq!((mug.active, mug.name.clone(), mug.prices.clone()), (false, None, prices(&[("GBP", 10)])));
    let set = of_item(&page, "SET-1");
    assert_eq!(set.components, [("MUG-WHT".to_owned(), 1), ("TEE-BLK-M".to_owned(), 2)]);
    assert_eq!(set.prices, prices(&[("GBP", 90_071_992_547_499)]));
    // Gift cards, fees and the rounding line are no goods.
    let skus = page.items.iter().map(|item| item.sku.as_str()).collect::<Vec<_>>();
    assert_eq!(skus, ["TEE-BLK-M", "MUG-WHT", "CAP-RED", "POSTER-A2", "SOCKS-3PK", "SET-1"]);
}

#[tokio::test]
async fn only_what_changed_since_is_told() {
    let scene = scene();
    scene.time.pass(3600);
    scene.sandbox.act(json!({ "set_item": { "sku": "CAP-RED", "price": { "GBP": "12.00" } } })).unwrap();
    for (moment, expected) in [
        ("2026-11-23T11:00:00Z", vec!["CAP-RED"]),
        // Below a second nothing is asked: rather once more than not at all.
        ("2026-11-23T11:00:00.900Z", vec!["CAP-RED"]),
        ("2026-11-23T11:00:01Z", vec![]),
    ] {
        let page = scene.connector.catalogue(since(moment), None).await.unwrap();
        assert_eq!(page.items.iter().map(|item| item.sku.as_str()).collect::<Vec<_>>(), expected, "{moment}");
    }
    let page = scene.connector.catalogue(since("2026-11-23T10:30:00Z"), None).await.unwrap();
    assert_eq!(page.items[0].changed_at, "2026-11-23T11:00:00Z".parse().unwrap());
}

#[tokio::test]
async fn times_are_read_in_the_time_zone_of_the_account() {
    let scene = scene();
    let mut settings = settings();
    settings["query_time_zone"] = json!("America/Los_Angeles");
    let outside = outside(("netsuite", scene.sandbox.router()), settings, scene.vault.clone(), &scene.time);
    let connector = NetSuite::new(outside).unwrap();
    let page = connector.catalogue(None, None).await.unwrap();
    assert_eq!(page.items[0].changed_at, "2026-11-23T18:00:00Z".parse().unwrap());
    // An hour earlier is asked for, where clocks are put back once a year.
    assert_eq!(connector.catalogue(since("2026-11-23T19:00:00Z"), None).await.unwrap().items.len(), 5);
    assert!(connector.catalogue(since("2026-11-23T19:00:01Z"), None).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn pages_of_the_catalogue_hold_every_item_once_also_when_one_changes_meanwhile() {
    let scene = scene();
    for number in 0..220 {
        let said = json!({ "sku": format!("SKU-{number:03}"), "price": { "GBP": format!("{number}.50") } });
        scene.sandbox.act(json!({ "set_item": said })).unwrap();
    }
    let (mut told, mut sizes, mut after) = (Vec::new(), Vec::new(), None);
    loop {
        let page = scene.connector.catalogue(None, after.as_deref()).await.unwrap();
        sizes.push(page.items.len());
        told.extend(page.items);
        scene.sandbox.act(json!({ "set_item": { "sku": "SKU-000", "name": "Changed" } })).unwrap();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [100, 100, 25]);
    let mut skus = told.iter().map(|item| item.sku.as_str()).collect::<Vec<_>>();
    skus.sort_unstable();
    skus.dedup();
    assert_eq!(skus.len(), 225);
    let last = told.iter().find(|item| item.sku == "SKU-219").unwrap();
    assert_eq!(last.prices, BTreeMap::from([("GBP".parse().unwrap(), minor(21_950))]));
}

#[tokio::test]
async fn a_price_that_its_currency_does_not_have_is_not_rounded() {
    let scene = scene();
    for (code, price) in [("GBP", "24.995"), ("JPY", "0.5")] {
        scene.sandbox.act(json!({ "set_item": { "sku": "TEE-BLK-M", "price": { code: price } } })).unwrap();
        let page = scene.connector.catalogue(None, None).await.unwrap();
        let [fault] = page.faulty.as_slice() else { panic!("{page:?}") };
        assert_eq!((fault.id.as_str(), fault.sku.as_deref(), fault.active), ("501", Some("TEE-BLK-M"), true));
        assert_eq!((fault.class, fault.changed_at), (FailureClass::Value, "2026-11-23T10:00:00Z".parse().unwrap()));
        assert!(fault.reason.contains(price) && fault.reason.contains("item 501"), "{}", fault.reason);
        assert_eq!(page.items.len(), 4, "the others are none the worse for it");
        scene.sandbox.act(json!({ "set_item": { "sku": "TEE-BLK-M", "price": { code: null } } })).unwrap();
    }
    assert!(scene.connector.catalogue(None, None).await.unwrap().items[0].prices.is_empty());
}

#[tokio::test]
async fn an_item_that_is_told_by_halves_is_no_item() {
    let item = json!({ "id": "501", "itemid": "TEE", "isinactive": "F", "changed": "2026-11-23 10:00:00" });
    for missing in ["id", "isinactive", "changed"] {
        let mut item = item.clone();
        item.as_object_mut().unwrap().remove(missing);
        let failure = saying(rows(json!([item]))).0.catalogue(None, None).await.unwrap_err();
        assert_eq!(permanent(&failure).0, FailureClass::Parse, "{missing}");
    }
    for (column, wrong) in [("isinactive", "no"), ("changed", "23/11/2026"), ("id", "TEE")] {
        let mut item = item.clone();
        item[column] = json!(wrong);
        let failure = saying(rows(json!([item]))).0.catalogue(None, None).await.unwrap_err();
        assert_eq!(permanent(&failure).0, FailureClass::Parse, "{column}");
    }
}
