//! The NetSuite sandbox keeps stock that no order moves, and answers queries about it and about what is sold.
#![expect(clippy::unwrap_used, reason = "a test stops where something is not as it must be")]

mod support;

use axum::body::Body;
use crossdock_sandboxes::NetSuiteConfig;
use http::Request;
use serde_json::{Value, json};
use support::{Answer, Erp, call};

const STOCK: &str = "SELECT item, location, NVL(quantityonhand, 0) AS onhand FROM aggregateItemLocation WHERE item IN \
                     (501) AND location IN (11, 12) ORDER BY item, location";

async fn query(erp: &Erp, statement: &str, parameters: &str) -> Answer {
    query_preferring(erp, (statement, parameters), Some("transient")).await
}

async fn query_preferring(erp: &Erp, asked: (&str, &str), prefer: Option<&str>) -> Answer {
    let (statement, parameters) = asked;
    let request = Request::builder()
        .method("POST")
        .uri(format!("/services/rest/query/v1/suiteql{parameters}"))
        .header("authorization", format!("Bearer {}", erp.token))
        .header("content-type", "application/json");
    let request = prefer.into_iter().fold(request, |request, prefer| request.header("prefer", prefer));
    call(&erp.router, request.body(Body::from(json!({ "q": statement }).to_string())).unwrap()).await
}

async fn selected(erp: &Erp, statement: &str) -> Value {
    let answer = query(erp, statement, "").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let mut rows = answer.body["items"].clone();
    for row in rows.as_array_mut().unwrap() {
        row.as_object_mut().unwrap().remove("links");
    }
    rows
}

fn adjust(erp: &Erp, sku: &str, location: &str, quantity: i64) -> Value {
    let act = json!({ "adjust_stock": { "sku": sku, "location": location, "quantity": quantity } });
    erp.netsuite.act(act).unwrap()["quantity"].clone()
}

fn transfer(reference: &str, lines: &Value) -> Value {
    json!({
        "externalId": reference, "tranDate": "2026-11-20", "subsidiary": { "id": "1" }, "location": { "id": "11" },
        "transferLocation": { "id": "12" }, "inventory": { "items": lines },
    })
}

#[tokio::test]
async fn a_transfer_moves_stock_between_two_locations_and_back_when_it_is_changed() {
    let erp = Erp::new();
    adjust(&erp, "TEE-BLK-M", "LON1", 10);
    let body = transfer("ST-1", &json!([{ "line": 1, "item": { "id": "501" }, "adjustQtyBy": 4 }]));
    let id = erp.call("POST", "/inventoryTransfer", &body).await.id();
    assert_eq!((adjust(&erp, "TEE-BLK-M", "LON1", 0), adjust(&erp, "TEE-BLK-M", "MAN1", 0)), (json!(6), json!(4)));
    let held = erp.get("/inventoryTransfer/eid:ST-1").await;
    assert_eq!((&held["id"], &held["transferLocation"]["id"]), (&json!(id), &json!("12")));
    assert_eq!(held["inventory"]["items"][0]["adjustQtyBy"], json!(4.0));
    erp.call("POST", "/inventoryTransfer", &body).await.assert_refused("USER_ERROR", "already exists");
    let fewer = json!({ "inventory": { "items": [{ "line": 1, "adjustQtyBy": 1 }] } });
    erp.call("PATCH", &format!("/inventoryTransfer/{id}"), &fewer).await.id();
    assert_eq!((adjust(&erp, "TEE-BLK-M", "LON1", 0), adjust(&erp, "TEE-BLK-M", "MAN1", 0)), (json!(9), json!(1)));
}

#[tokio::test]
async fn a_transfer_that_says_too_little_is_refused() {
    let erp = Erp::new();
    let tee = json!([{ "item": { "id": "501" }, "adjustQtyBy": 1 }]);
    for (field, value, code, words) in [
        ("subsidiary", Value::Null, "INVALID_CONTENT", "Subsidiary"),
        ("location", Value::Null, "INVALID_CONTENT", "From Location"),
        ("transferLocation", Value::Null, "INVALID_CONTENT", "To Location"),
        ("transferLocation", json!({ "id": "11" }), "USER_ERROR", "transferLocation"),
        ("transferLocation", json!({ "id": "99" }), "USER_ERROR", "transferLocation"),
        ("inventory", json!({ "items": [] }), "USER_ERROR", "at least one line"),
        ("inventory", json!({ "items": [{ "item": { "id": "501" }, "adjustQtyBy": -1 }] }), "INVALID_CONTENT", "Qty."),
        ("inventory", json!({ "items": [{ "item": { "id": "580" }, "adjustQtyBy": 1 }] }), "USER_ERROR", "580"),
        ("transferlocations", json!(1), "INVALID_CONTENT", "Unknown property"),
    ] {
        let mut body = transfer("ST-1", &tee);
        body[field] = value;
        erp.call("POST", "/inventoryTransfer", &body).await.assert_refused(code, words);
    }
    erp.netsuite.act(json!({ "close_period": { "month": "2026-11" } })).unwrap();
    erp.call("POST", "/inventoryTransfer", &transfer("ST-1", &tee)).await.assert_refused("USER_ERROR", "closed period");
    assert!(erp.documents("inventoryTransfer").is_empty());
}

#[tokio::test]
async fn no_more_leaves_than_is_there_once_somebody_minds() {
    let erp = Erp::new();
    let order = erp.order("UK-1-SO").await;
    erp.netsuite.act(json!({ "refuse_negative_stock": { "on": true } })).unwrap();
    adjust(&erp, "TEE-BLK-M", "LON1", 1);
    let two = json!([{ "orderLine": 1, "quantity": 2 }]);
    let words = "You only have 1 available. Please enter a different quantity.";
    erp.ship(&order, "UK-1-IF1", &two).await.assert_refused("USER_ERROR", words);
    erp.netsuite.act(json!({ "refuse_negative_stock": { "on": false } })).unwrap();
    erp.ship(&order, "UK-1-IF1", &two).await.id();
    assert_eq!(adjust(&erp, "TEE-BLK-M", "LON1", 0), json!(-1));
}

#[tokio::test]
async fn a_kit_leaves_as_its_members() {
    let erp = Erp::with(NetSuiteConfig { track_stock: true, ..NetSuiteConfig::default() });
    let members = json!([{ "sku": "CAP-RED", "quantity": 2 }, { "sku": "POSTER-A2", "quantity": 1 }]);
    erp.netsuite.act(json!({ "set_item": { "sku": "TEE-BLK-M", "components": members } })).unwrap();
    adjust(&erp, "CAP-RED", "LON1", 3);
    adjust(&erp, "POSTER-A2", "LON1", 3);
    let order = erp.order("UK-1-SO").await;
    let kits = |quantity: u32| json!([{ "orderLine": 1, "quantity": quantity }]);
    erp.ship(&order, "UK-1-IF1", &kits(2)).await.assert_refused("USER_ERROR", "You only have 3 available.");
    erp.ship(&order, "UK-1-IF1", &kits(1)).await.id();
    assert_eq!((adjust(&erp, "CAP-RED", "LON1", 0), adjust(&erp, "POSTER-A2", "LON1", 0)), (json!(1), json!(2)));
    assert_eq!(adjust(&erp, "TEE-BLK-M", "LON1", 0), json!(0));
    // Of the kit itself there is no stock to move.
    let kit = transfer("ST-1", &json!([{ "item": { "id": "501" }, "adjustQtyBy": 1 }]));
    erp.call("POST", "/inventoryTransfer", &kit).await.assert_refused("USER_ERROR", "Invalid Field Value 501");
}

#[tokio::test]
async fn stock_is_told_as_texts_and_null_where_there_never_was_any() {
    let erp = Erp::new();
    adjust(&erp, "TEE-BLK-M", "MAN1", -3);
    let expected = json!([
        { "item": "501", "location": "11", "onhand": "0" },
        { "item": "501", "location": "12", "onhand": "-3" },
    ]);
    assert_eq!(selected(&erp, STOCK).await, expected);
    let bare = STOCK.replace("NVL(quantityonhand, 0) AS onhand", "quantityonhand");
    assert_eq!(selected(&erp, &bare).await[0], json!({ "item": "501", "location": "11" }));
}

#[tokio::test]
async fn items_are_told_with_their_time_prices_and_members() {
    let erp = Erp::new();
    erp.watch.advance(60);
    let members = json!([{ "sku": "MUG-WHT", "quantity": 2 }]);
    let said =
        json!({ "sku": "SET", "name": "A set", "price": { "GBP": "9.90", "JPY": "990" }, "components": members });
    let made = erp.netsuite.act(json!({ "set_item": said })).unwrap();
    let id = made["id"].to_string();
    let changed = "SELECT id, itemid, displayname, itemtype, isinactive, TO_CHAR(lastmodifieddate, 'YYYY-MM-DD \
                   HH24:MI:SS') AS changed FROM item WHERE itemtype IN ('Kit') AND id > 500 AND lastmodifieddate >= \
                   TO_TIMESTAMP('2026-11-20 10:01:00', 'YYYY-MM-DD HH24:MI:SS') ORDER BY id";
    let expected = json!([{
        "id": id, "itemid": "SET", "displayname": "A set", "itemtype": "Kit", "isinactive": "F",
        "changed": "2026-11-20 10:01:00",
    }]);
    assert_eq!(selected(&erp, changed).await, expected);
    assert_eq!(selected(&erp, &changed.replace("10:01:00'", "10:01:01'")).await, json!([]));
    let prices =
        format!("SELECT item, currency, unitprice FROM pricing WHERE pricelevel = 1 AND item IN ({id}) ORDER BY item");
    let expected = json!([
        { "item": id, "currency": "1", "unitprice": "9.90" }, { "item": id, "currency": "5", "unitprice": "990" },
    ]);
    assert_eq!(selected(&erp, &prices).await, expected);
    let members = format!(
        "SELECT kitItemMember.parentitem, item.itemid, kitItemMember.quantity FROM kitItemMember INNER JOIN item ON item.id \
         = kitItemMember.item WHERE kitItemMember.parentitem IN ({id}) ORDER BY item.itemid"
    );
    assert_eq!(selected(&erp, &members).await, json!([{ "parentitem": id, "itemid": "MUG-WHT", "quantity": "2" }]));
}

#[tokio::test]
async fn results_are_paged() {
    let erp = Erp::new();
    let all = "SELECT item, location FROM aggregateItemLocation ORDER BY item, location";
    let whole = query(&erp, all, "").await.body;
    assert_eq!((&whole["count"], &whole["hasMore"], &whole["totalResults"]), (&json!(20), &json!(false), &json!(20)));
    let mut pages = Vec::new();
    for offset in [0, 8, 16] {
        let page = query(&erp, all, &format!("?limit=8&offset={offset}")).await.body;
        assert_eq!(page["hasMore"], json!(offset < 16), "{offset}");
        pages.extend(page["items"].as_array().unwrap().clone());
    }
    assert_eq!(Value::Array(pages), whole["items"]);
    for odd in ["?limit=0", "?limit=1001", "?limit=8&offset=4", "?offset=x"] {
        query(&erp, all, odd).await.assert_refused("INVALID_PARAMETER", "Invalid search query.");
    }
}

#[tokio::test]
async fn a_statement_that_is_not_spoken_here_is_refused() {
    let erp = Erp::new();
    for (statement, words) in [
        ("SELECT foo FROM item ORDER BY id", "Field 'foo' not found"),
        ("SELECT id FROM item ORDER BY foo", "Field 'foo' not found"),
        ("SELECT id FROM item WHERE foo = 1 ORDER BY id", "Field 'foo' not found"),
        ("SELECT id FROM customer ORDER BY id", "Record 'customer' not found"),
        ("SELECT id FROM item", "Invalid or unsupported search"),
        ("DELETE FROM item ORDER BY id", "Invalid or unsupported search"),
        ("SELECT COUNT(id) FROM item ORDER BY id", "Invalid or unsupported search"),
        ("SELECT id FROM item WHERE id BETWEEN 1 ORDER BY id", "Invalid or unsupported search"),
        ("SELECT id FROM item WHERE id IN (1) OR id = 2 ORDER BY id", "Invalid or unsupported search"),
        ("SELECT id FROM item WHERE lastmodifieddate >= '2026-11-20' ORDER BY id", "Invalid or unsupported search"),
        ("", "Invalid or unsupported search"),
    ] {
        query(&erp, statement, "").await.assert_refused("INVALID_PARAMETER", words);
    }
    for prefer in [None, Some("respond-async")] {
        query_preferring(&erp, (STOCK, ""), prefer).await.assert_refused("INVALID_PARAMETER", "Prefer");
    }
}

#[tokio::test]
async fn an_item_keeps_what_is_not_said_and_refuses_what_cannot_be() {
    let erp = Erp::new();
    let set = |said: Value| erp.netsuite.act(json!({ "set_item": said }));
    set(json!({ "sku": "MUG-WHT", "name": "Mug", "price": { "GBP": "5.00" } })).unwrap();
    let now = set(json!({ "sku": "MUG-WHT", "inactive": true, "price": { "GBP": null, "JPY": "900" } })).unwrap();
    assert_eq!(
        (&now["name"], &now["inactive"], &now["prices"]),
        (&json!("Mug"), &json!(true), &json!({ "JPY": "900" }))
    );
    for (said, words) in [
        (json!({ "sku": "MUG-WHT", "price": { "XYZ": "1" } }), "no currency XYZ"),
        (json!({ "sku": "MUG-WHT", "price": { "GBP": "dear" } }), "decimal"),
        (json!({ "sku": "MUG-WHT", "components": [{ "sku": "NONE", "quantity": 1 }] }), "no item NONE"),
        (json!({ "sku": "MUG-WHT", "colour": "red" }), "colour"),
        (json!({ "name": "Nothing" }), "sku"),
    ] {
        let refused = set(said.clone()).unwrap_err();
        assert!(refused.contains(words), "{said}: {refused}");
    }
    assert_eq!(set(json!({ "sku": "MUG-WHT" })).unwrap()["prices"], json!({ "JPY": "900" }));
    for wrong in
        [json!({ "sku": "NONE", "location": "LON1", "quantity": 1 }), json!({ "sku": "MUG-WHT", "location": "X" })]
    {
        assert!(erp.netsuite.act(json!({ "adjust_stock": wrong })).is_err());
    }
}
