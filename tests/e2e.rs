//! The deployed stack, driven over HTTP. `cargo local test` runs these; by hand: `cargo local up`, then
//! `cargo test -p crossdock-tests --test e2e -- --ignored --test-threads 1`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod reversals;
mod stack;
mod stocked;

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use stack::books::Books;
use stack::{
    SOON, Stack, api_order, assert_one_each, erp_documents, placed_ids, runtime, ship_everything, ship_until_completed,
    unique,
};

#[test]
#[ignore = "needs the stack: cargo local test"]
fn a_shopify_order_goes_all_the_way() {
    runtime().block_on(async {
        let stack = Stack::open();
        let placed = stack
            .act("shopify-uk", &json!({ "place_order": {
                "lines": [{ "sku": "TEE-BLK-M", "quantity": 1, "price": "24.99" }, { "sku": "MUG-WHT", "quantity": 2, "price": "12.00" }],
                "taxes_included": true, "tax_rate": "0.2", "shipping": "4.95",
            }}))
            .await;
        let channel = placed_ids(&placed).remove(0);
        let id = format!("shopify-uk.{channel}");
        stack.wait_for_status(&id, "fulfilling", SOON).await;
        ship_everything(&stack).await;
        let order = stack.wait_for_status(&id, "completed", SOON).await;
        assert_eq!(order["outstanding"], json!([]));
        assert_eq!(order["totals"]["total_minor"], 5394);
        assert_eq!(order["totals"]["invoiced_minor"], 5394);
        let events: Vec<&str> = order["timeline"].as_array().unwrap().iter().map(|e| e["event"].as_str().unwrap()).collect();
        for wanted in ["OrderAccepted.v1", "OrderAllocated.v1", "SalesOrderPosted.v1", "DepositPosted.v1", "FulfillmentRequested.v1",
            "ShipmentRecorded.v1", "ShipmentAnnounced.v1", "ItemFulfillmentPosted.v1", "InvoicePosted.v1", "DepositApplied.v1", "OrderCompleted.v1"]
        {
            assert_eq!(events.iter().filter(|event| **event == wanted).count(), 1, "{wanted} in {events:?}");
        }
        let correlation: std::collections::BTreeSet<&str> =
            order["timeline"].as_array().unwrap().iter().map(|e| e["correlation_id"].as_str().unwrap()).collect();
        assert_eq!(correlation.len(), 1, "one correlation id from the storefront to the last posting");
        assert_one_each(&erp_documents(&stack.sandbox("netsuite", "/_sandbox/documents").await), "UK", &channel);
        // The list follows the log by the stream.
        stack.wait("the list shows it as completed", SOON, async |stack| {
            let list = stack.api((Method::GET, "/orders?connection=shopify-uk&status=completed"), &[], None).await.json();
            list["orders"].as_array()?.iter().find(|row| row["order_id"] == id.as_str()).map(|_| ())
        }).await;
    });
}

#[test]
#[ignore = "needs the stack: cargo local test"]
fn an_api_order_is_accepted_once_and_goes_all_the_way() {
    runtime().block_on(async {
        let stack = Stack::open();
        let channel = unique("E");
        let (key, other_key) = (unique("key-"), unique("other-"));
        let body = api_order(&channel);
        let first = stack.api((Method::POST, "/orders"), &[("idempotency-key", &key)], Some(&body)).await;
        assert_eq!(first.status, 202, "{}", first.body);
        let again = stack.api((Method::POST, "/orders"), &[("idempotency-key", &key)], Some(&body)).await;
        assert_eq!((again.status, &again.body), (first.status, &first.body), "a repeat gets the same bytes");
        let mut changed = body.clone();
        changed["total_minor"] = json!(5395);
        let reused = stack.api((Method::POST, "/orders"), &[("idempotency-key", &key)], Some(&changed)).await;
        assert_eq!(reused.status, 422, "{}", reused.body);
        let linked = stack.api((Method::POST, "/orders"), &[("idempotency-key", &other_key)], Some(&body)).await;
        assert_eq!((linked.status.as_u16(), &linked.json()["differs"]), (200, &json!(false)), "{}", linked.body);
        let keyless = stack.api((Method::POST, "/orders"), &[], Some(&body)).await;
        assert_eq!(keyless.status, 400);
        let id = format!("web-uk.{channel}");
        ship_until_completed(&stack, std::slice::from_ref(&id), SOON).await;
        assert_one_each(&erp_documents(&stack.sandbox("netsuite", "/_sandbox/documents").await), "WEB", &channel);
    });
}

#[test]
#[ignore = "needs the stack: cargo local test"]
fn the_gateway_lets_in_whom_it_should() {
    runtime().block_on(async {
        let stack = Stack::open();
        let url = format!("{}/orders/shopify-uk.1", stack.text("/api"));
        let all = stack.headers();
        let without =
            |name: &str| all.iter().filter(|(own, _)| !own.eq_ignore_ascii_case(name)).cloned().collect::<Vec<_>>();
        assert_eq!(stack.send((Method::GET, &url), &without("authorization"), None).await.status, 401);
        assert_eq!(stack.send((Method::GET, &url), &without("x-api-key"), None).await.status, 403);
        let forged = [("Authorization".to_owned(), "Bearer eyJhbGciOiJub25lIn0.e30.".to_owned())];
        let with_forged: Vec<_> = without("authorization").into_iter().chain(forged).collect();
        assert_eq!(stack.send((Method::GET, &url), &with_forged, None).await.status, 401);
        assert_eq!(stack.send((Method::GET, &url), &all, None).await.status, 404, "an order that is not there");
        let webhook = format!("{}/webhooks/shopify-uk", stack.text("/api"));
        let unsigned = stack.send((Method::POST, &webhook), &[], Some(b"{\"id\":1}".to_vec())).await;
        assert_eq!(unsigned.status, 401, "{}", unsigned.body);
        let nobody = format!("{}/webhooks/nobody", stack.text("/api"));
        assert_eq!(stack.send((Method::POST, &nobody), &[], Some(b"{}".to_vec())).await.status, 404);
    });
}

#[test]
#[ignore = "needs the stack: cargo local test"]
fn a_cart_is_judged_in_one_answer() {
    runtime().block_on(async {
        let stack = Stack::open();
        let cart = json!({
            "connection": "web-uk", "currency": "GBP", "ship_to": { "country": "US" },
            "lines": [
                { "sku": "TEE-BLK-M", "quantity": 1, "unit_price_minor": 2499 },
                { "sku": "NO-SUCH-SKU", "quantity": 1, "unit_price_minor": 100 },
                { "sku": "MUG-WHT", "quantity": 1, "unit_price_minor": 1 },
            ],
        });
        let answer = stack.api((Method::POST, "/checkout/validations"), &[], Some(&cart)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let answer = answer.json();
        assert_eq!(answer["decision"], "reject");
        let codes: Vec<&str> =
            answer["reasons"].as_array().unwrap().iter().map(|r| r["code"].as_str().unwrap()).collect();
        for wanted in ["country_not_served", "unknown_sku", "price_differs"] {
            assert!(codes.contains(&wanted), "{wanted} in {codes:?}");
        }
    });
}

#[test]
#[ignore = "needs the stack: cargo local test"]
fn a_backorder_is_released_when_stock_arrives() {
    runtime().block_on(async {
        let stack = Stack::open();
        let placed = stack
            .act("shopify-uk", &json!({ "place_order": {
                "lines": [{ "sku": "SOCKS-3PK", "quantity": 2, "price": "11.00" }], "taxes_included": true, "tax_rate": "0.2",
            }}))
            .await;
        let id = format!("shopify-uk.{}", placed_ids(&placed).remove(0));
        let exception = stack.wait("the backorder is an exception", SOON, async |stack| {
            let all = stack.api((Method::GET, "/ops/exceptions?connection=shopify-uk"), &[], None).await.json();
            all["exceptions"].as_array()?.iter().find(|e| e["order_id"] == id.as_str() && e["class"] == "stock").cloned()
        }).await;
        assert_eq!(exception["task"], "allocate:A1");
        let receipt = json!({ "receipt_id": unique("R"), "location": "MAN1", "lines": [{ "sku": "SOCKS-3PK", "quantity": 2 }] });
        let received = stack.api((Method::POST, "/inventory/receipts"), &[], Some(&receipt)).await;
        assert_eq!(received.status, 201, "{}", received.body);
        let repeated = stack.api((Method::POST, "/inventory/receipts"), &[], Some(&receipt)).await;
        assert_eq!((repeated.status.as_u16(), repeated.body), (200, received.body));
        ship_until_completed(&stack, &[id], Duration::from_secs(180)).await;
    });
}

/// The shop has lost our webhooks; somebody has what it did not tell looked for.
#[test]
#[ignore = "needs the stack: cargo local test"]
fn an_order_that_no_webhook_told_of_is_found() {
    runtime().block_on(async {
        let stack = Stack::open();
        let look = async || stack.lambda((Method::POST, "poll-source", "invocations"), Some(&json!({}))).await;
        look().await;
        let gone = stack.act("shopify-uk", &json!({ "set_topics": { "topics": [] } })).await;
        let placed_at = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(10);
        let placed = stack
            .act("shopify-uk", &json!({ "place_order": {
                "lines": [{ "sku": "MUG-WHT", "quantity": 1, "price": "12.00" }], "taxes_included": true, "tax_rate": "0.2",
                "placed_at": placed_at,
            }}))
            .await;
        stack.act("shopify-uk", &json!({ "set_topics": { "topics": gone["before"] } })).await;
        let id = format!("shopify-uk.{}", placed_ids(&placed).remove(0));
        assert_eq!(stack.api((Method::GET, &format!("/orders/{id}")), &[], None).await.status, 404);
        let asked = stack.api((Method::POST, "/ops/connections/shopify-uk/poll"), &[], Some(&json!({ "from": placed_at }))).await;
        assert_eq!(asked.status, 202, "{}", asked.body);
        look().await;
        stack.wait("it has come", SOON, async |stack| {
            (stack.api((Method::GET, &format!("/orders/{id}")), &[], None).await.status == 200).then_some(())
        }).await;
        ship_until_completed(&stack, std::slice::from_ref(&id), SOON).await;
    });
}

/// The bad day: two hundred orders at once, a fifth of the deliveries twice, an ERP that commits and does not answer,
/// fails, and asks for patience. Afterwards every order is completed, everything exists once, and the books agree.
#[test]
#[ignore = "needs the stack: cargo local test"]
fn two_hundred_orders_on_a_bad_day() {
    runtime().block_on(async {
        let stack = Stack::open();
        let faults = [
            ("PUT /services/rest/record/v1/salesOrder/", "timeout_after_commit", 3),
            ("PUT /services/rest/record/v1/customerDeposit/", "timeout_after_commit", 3),
            ("POST /services/rest/record/v1/salesOrder/*/!transform/invoice", "timeout_after_commit", 3),
            ("POST /services/rest/record/v1/salesOrder/*/!transform/itemFulfillment", "status:500", 10),
            ("PUT /services/rest/record/v1/salesOrder/", "status:500", 10),
            ("PUT /services/rest/record/v1/", "status:429", 10),
            ("POST /services/rest/record/v1/", "status:429", 10),
        ];
        for (matching, fault, times) in faults {
            stack.tell("netsuite", "/_sandbox/faults", &json!({ "match": matching, "fault": fault, "times": times })).await;
        }
        let placed = stack
            .act("shopify-uk", &json!({ "place_orders": { "count": 200, "template": {
                "lines": [{ "sku": "TEE-BLK-M", "quantity": 1, "price": "24.99" }, { "sku": "MUG-WHT", "quantity": 2, "price": "12.00" }],
                "taxes_included": true, "tax_rate": "0.2", "shipping": "4.95",
            }, "vary": false }}))
            .await;
        let channels = placed_ids(&placed);
        assert_eq!(channels.len(), 200, "{placed}");
        for channel in channels.iter().step_by(5) {
            stack.act("shopify-uk", &json!({ "redeliver": { "order": channel } })).await;
        }
        let ids: Vec<String> = channels.iter().map(|channel| format!("shopify-uk.{channel}")).collect();
        ship_until_completed(&stack, &ids, Duration::from_secs(420)).await;
        let documents = erp_documents(&stack.sandbox("netsuite", "/_sandbox/documents").await);
        for channel in &channels {
            assert_one_each(&documents, "UK", channel);
        }
        let threepl = stack.sandbox("shipbob", "/_sandbox/documents").await;
        let references: Vec<&str> = threepl["orders"].as_array().unwrap().iter().filter_map(|o| o["reference_id"].as_str()).collect();
        for channel in &channels {
            let wanted = format!("UK-{channel}-F1");
            assert_eq!(references.iter().filter(|reference| **reference == wanted).count(), 1, "{wanted}");
        }
        let ledger = stack.sandbox("netsuite", "/_sandbox/ledger").await;
        let books = Books::of(&ledger, channels.iter().map(|channel| format!("UK-{channel}")));
        assert_eq!((books.unsettled(), books.money(), books.income()), ((0, 0), 200 * 5394, 200 * 5394), "{:#?}", books.0);
    });
}
