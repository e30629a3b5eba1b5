//! Stock, against a shop that answers from a script: what the sandbox does not do.

use crossdock_domain::event::FailureClass;
use crossdock_step::Failure;
use serde_json::{Value, json};

use super::scripted::{Shop, shop};
use crate::{Shown, StockTarget, Storefront as _};

fn target(sku: &str, change_from: i64, on_hand: i64) -> StockTarget {
    StockTarget { sku: sku.parse().unwrap(), item: None, location: "LON1".parse().unwrap(), on_hand, change_from }
}

fn level(on_hand: i64) -> Value {
    let quantity = |name: &str, quantity: i64| json!({ "name": name, "quantity": quantity });
    json!({ "quantities": [quantity("available", on_hand), quantity("committed", 0), quantity("on_hand", on_hand)] })
}

fn item(id: u64, sku: &str, level: Value) -> Value {
    let id = format!("gid://shopify/InventoryItem/{id}");
    json!({ "id": id, "sku": sku, "tracked": true, "inventoryLevel": level })
}

fn page(nodes: Value, next: Option<&str>) -> Value {
    json!({ "inventoryItems": { "nodes": nodes, "pageInfo": { "hasNextPage": next.is_some(), "endCursor": next } } })
}

fn refused(errors: Value) -> Value {
    json!({ "inventorySetQuantities": { "inventoryAdjustmentGroup": null, "userErrors": errors } })
}

fn taken(changes: &[(u64, i64)]) -> Value {
    let change = |(id, delta): &(u64, i64)| {
        let item = format!("gid://shopify/InventoryItem/{id}");
        json!({ "delta": delta, "item": { "id": item }, "location": { "id": "gid://shopify/Location/1" } })
    };
    let changes: Vec<Value> = changes.iter().map(change).collect();
    json!({ "inventorySetQuantities": { "inventoryAdjustmentGroup": { "changes": changes }, "userErrors": [] } })
}

fn keys(asked: &Shop) -> Vec<String> {
    let asked = asked.asked.lock().unwrap();
    asked.iter().filter_map(|body| body["variables"]["key"].as_str()).map(str::to_owned).collect()
}

async fn failure(script: Vec<Value>) -> Failure {
    let (_, shop) = shop(script);
    shop.show_stock("k", &[target("TEA", 10, 8)]).await.unwrap_err()
}

fn is_parse(failure: &Failure) -> bool {
    matches!(failure, Failure::Permanent { class: FailureClass::Parse, .. })
}

#[tokio::test]
async fn an_answer_that_lacks_something_is_not_believed() {
    let tea = || page(json!([item(5, "TEA", level(10))]), None);
    let mut half = level(10);
    half["quantities"].as_array_mut().unwrap().pop();
    let mut untold = item(5, "TEA", level(10));
    untold.as_object_mut().unwrap().remove("tracked");
    for script in [
        vec![json!({})],
        vec![json!({ "inventoryItems": null })],
        vec![page(json!([untold]), None)],
        vec![page(json!([item(5, "TEA", half)]), None)],
        vec![page(json!([item(5, "TEA", json!({}))]), None)],
        vec![tea(), json!({})],
        vec![tea(), json!({ "inventorySetQuantities": null })],
        vec![tea(), json!({ "inventorySetQuantities": { "inventoryAdjustmentGroup": null } })],
        vec![tea(), taken(&[(5, -3)]), json!({ "nodes": [item(5, "TEA", level(7))] })],
        vec![tea(), taken(&[(6, -2)]), json!({ "nodes": [item(5, "TEA", level(10))] })],
        vec![tea(), taken(&[]), json!({ "nodes": [] })],
        vec![tea(), taken(&[]), json!({ "nodes": [item(6, "TEA", level(8))] })],
    ] {
        let said = failure(script.clone()).await;
        assert!(is_parse(&said), "{script:?}: {said}");
    }
    let endless = failure((0..20).map(|_| page(json!([]), Some("next"))).collect()).await;
    assert!(matches!(endless, Failure::Permanent { class: FailureClass::Refused, .. }), "{endless}");
}

#[tokio::test]
async fn changes_that_are_not_told_are_read() {
    let tea = || page(json!([item(5, "TEA", level(10))]), None);
    let (_, first) = shop(vec![tea(), taken(&[(5, -2)])]);
    assert_eq!(first.show_stock("k", &[target("TEA", 10, 8)]).await.unwrap(), [Shown::Set]);
    let (_, silent) = shop(vec![tea(), taken(&[]), json!({ "nodes": [item(5, "TEA", level(8))] })]);
    assert_eq!(silent.show_stock("k", &[target("TEA", 10, 8)]).await.unwrap(), [Shown::Set]);
    let (_, same) = shop(vec![tea(), refused(json!([]))]);
    assert_eq!(same.show_stock("k", &[target("TEA", 10, 10)]).await.unwrap(), [Shown::Set], "nothing was to change");
}

#[tokio::test]
async fn of_items_that_share_a_sku_none_is_set_or_read() {
    let two = || page(json!([item(5, "TEA", level(10)), item(6, "TEA", level(10)), item(7, "POT", level(1))]), None);
    let (asked, twins) = shop(vec![two(), taken(&[(7, 1)])]);
    let outcomes = twins.show_stock("k", &[target("TEA", 10, 8), target("POT", 1, 2)]).await.unwrap();
    assert!(matches!(&outcomes[0], Shown::Unknown { reason } if reason.contains("several items")), "{outcomes:?}");
    assert_eq!(outcomes[1], Shown::Set);
    assert!(keys(&asked)[0].starts_with("k:"), "what leaves a target out has another key");
    let (_, twins) = shop(vec![two()]);
    let items = ["TEA", "POT"].map(|sku| (sku.parse().unwrap(), None));
    let read = twins.stock(&items, &["LON1".parse().unwrap()]).await.unwrap();
    assert_eq!(read.iter().map(|it| it.sku.as_str()).collect::<Vec<_>>(), ["POT"]);
    let moved =
        vec![page(json!([item(5, "TEA", level(9))]), Some("next")), page(json!([item(5, "TEA", level(9))]), None)];
    let (_, moved) = shop(moved);
    let read = moved.stock(&items[..1], &["LON1".parse().unwrap()]).await.unwrap();
    assert_eq!(read.len(), 1, "one item on two pages is one");
}

#[tokio::test]
async fn a_stale_quantity_is_known_by_its_words_where_it_has_no_code() {
    let tea = || page(json!([item(5, "TEA", level(10))]), None);
    let words = "The changeFromQuantity argument no longer matches the persisted quantity.";
    let errors = json!([{ "field": null, "code": null, "message": words }]);
    let (_, stale) = shop(vec![tea(), refused(errors), json!({ "nodes": [item(5, "TEA", level(7))] })]);
    let outcomes = stale.show_stock("k", &[target("TEA", 10, 8)]).await.unwrap();
    assert_eq!(outcomes, [Shown::Stale { actual: Some(7) }]);
    let beyond = json!([{ "field": ["input", "quantities", "9", "changeFromQuantity"], "code": "CHANGE_FROM_QUANTITY_STALE", "message": words }]);
    let (_, gone) = shop(vec![tea(), refused(beyond), json!({ "nodes": [null] })]);
    let outcomes = gone.show_stock("k", &[target("TEA", 10, 8)]).await.unwrap();
    assert_eq!(
        outcomes,
        [Shown::Stale { actual: None }],
        "an index of nothing is no index; the item is gone meanwhile"
    );
}

#[tokio::test]
async fn one_that_is_named_stale_is_reason_to_look_at_all() {
    let three = page(json!([item(5, "TEA", level(10)), item(6, "POT", level(5)), item(7, "CUP", level(3))]), None);
    let first = json!([{ "field": ["input", "quantities", "0", "changeFromQuantity"], "code": "CHANGE_FROM_QUANTITY_STALE", "message": "no" }]);
    let now = json!({ "nodes": [item(5, "TEA", level(9)), item(6, "POT", level(4)), item(7, "CUP", level(3))] });
    let (asked, shop) = shop(vec![three, refused(first), now, taken(&[(7, 1)])]);
    let targets = [target("TEA", 10, 8), target("POT", 5, 6), target("CUP", 3, 4)];
    let outcomes = shop.show_stock("k", &targets).await.unwrap();
    assert_eq!(outcomes, [Shown::Stale { actual: Some(9) }, Shown::Stale { actual: Some(4) }, Shown::Set]);
    assert_eq!(keys(&asked).len(), 2);
}

#[tokio::test]
async fn what_shopify_does_not_know_after_all_is_left_out() {
    let both = page(json!([item(5, "TEA", level(10)), item(6, "POT", level(5))]), None);
    let at = |index: &str, field: &str| json!(["input", "quantities", index, field]);
    let errors = json!([
        { "field": at("0", "inventoryItemId"), "code": "NON_MUTABLE_INVENTORY_ITEM", "message": "It is a bundle." },
        { "field": at("1", "changeFromQuantity"), "code": "CHANGE_FROM_QUANTITY_STALE", "message": "no longer" },
    ]);
    let (_, shop) =
        shop(vec![both, refused(errors), json!({ "nodes": [item(5, "TEA", level(9)), item(6, "POT", level(4))] })]);
    let outcomes = shop.show_stock("k", &[target("TEA", 10, 8), target("POT", 5, 6)]).await.unwrap();
    assert!(matches!(&outcomes[0], Shown::Unknown { reason } if reason.contains("bundle")), "{outcomes:?}");
    assert_eq!(outcomes[1], Shown::Stale { actual: Some(4) });
}

#[tokio::test]
async fn a_call_that_is_stale_time_and_again_is_given_back() {
    let words = json!([{ "field": ["input", "quantities", "0", "changeFromQuantity"], "code": "CHANGE_FROM_QUANTITY_STALE", "message": "no" }]);
    let skus: Vec<String> = (0..8).map(|number| format!("S{number}")).collect();
    let items: Vec<Value> = skus.iter().zip(1..).map(|(sku, id)| item(id, sku, level(1))).collect();
    let mut script = vec![page(json!(items), None)];
    for id in 1..=6_u64 {
        // Whoever changes the first does so again and again.
        let open = (id..=8).map(|other| item(other, "S", level(if other == id { 2 } else { 1 })));
        script.extend([refused(words.clone()), json!({ "nodes": open.collect::<Vec<_>>() })]);
    }
    let (asked, shop) = shop(script);
    let targets: Vec<StockTarget> = skus.iter().map(|sku| target(sku, 1, 3)).collect();
    let failure = shop.show_stock("k", &targets).await.unwrap_err();
    assert!(matches!(failure, Failure::Retry { .. }), "{failure}");
    let keys = keys(&asked);
    let different: std::collections::BTreeSet<&String> = keys.iter().collect();
    assert_eq!((keys.len(), different.len()), (6, 6), "each call has its own key: {keys:?}");
}
