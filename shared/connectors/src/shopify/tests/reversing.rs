//! Refunds and the ledger, against a shop that answers from a script: what the sandbox does not do.

use crossdock_domain::Minor;
use crossdock_domain::event::FailureClass;
use crossdock_domain::sales::Restock;
use crossdock_step::Failure;
use serde_json::{Value, json};

use super::scripted::shop;
use crate::{CancelInstruction, RefundInstruction, Storefront as _};

const REFERENCE: &str = "UK-77-R1";

fn minor(amount: i64) -> Minor {
    Minor::new(amount).unwrap()
}

fn money(amount: &str) -> Value {
    let money = json!({ "amount": amount, "currencyCode": "GBP" });
    json!({ "shopMoney": money, "presentmentMoney": money })
}

fn page(nodes: Value) -> Value {
    json!({ "nodes": nodes, "pageInfo": { "hasNextPage": false, "endCursor": null } })
}

fn payments(refunds: Value, transactions: Value) -> Value {
    json!({ "order": {
        "currencyCode": "GBP", "presentmentCurrencyCode": "GBP", "taxesIncluded": true,
        "totalRefundedShippingSet": money("0.0"), "shippingLine": null, "refunds": refunds, "transactions": transactions,
    }})
}

fn payment(id: u64, kind: &str, status: &str, amount: &str) -> Value {
    json!({ "id": format!("gid://shopify/OrderTransaction/{id}"), "kind": kind, "status": status, "gateway": "card",
        "createdAt": "2026-11-23T10:00:00Z", "amountSet": money(amount), "parentTransaction": null })
}

fn refund(id: u64, note: &Value, transactions: Value) -> Value {
    json!({ "id": format!("gid://shopify/Refund/{id}"), "createdAt": "2026-11-23T12:00:00Z", "note": note,
        "return": { "id": "gid://shopify/Return/5" }, "transactions": page(transactions),
        "refundLineItems": page(json!([{ "quantity": 2, "restockType": "RETURN",
            "lineItem": { "id": "gid://shopify/LineItem/501" },
            "subtotalSet": money("12.0"), "totalTaxSet": money("2.0") }])) })
}

fn refunds(refunds: Value) -> Value {
    json!({ "order": { "updatedAt": "2026-11-23T12:00:00Z", "taxesIncluded": true, "refunds": refunds } })
}

fn agreements(edges: Value) -> Value {
    json!({ "order": { "updatedAt": "2026-11-23T12:00:00Z", "taxesIncluded": true,
        "agreements": { "edges": edges, "pageInfo": { "hasNextPage": false, "endCursor": null } } } })
}

fn returned(unprocessed: u32) -> Value {
    exchanging(unprocessed, json!([]))
}

fn exchanging(unprocessed: u32, exchange: Value) -> Value {
    json!({ "order": { "updatedAt": "2026-11-23T12:00:00Z", "returns": page(json!([{
        "id": "gid://shopify/Return/5", "status": "OPEN", "exchangeLineItems": page(exchange),
        "returnLineItems": page(json!([{ "id": "gid://shopify/ReturnLineItem/6", "quantity": 2,
            "unprocessedQuantity": unprocessed, "returnReasonDefinition": null,
            "fulfillmentLineItem": { "lineItem": { "id": "gid://shopify/LineItem/501" } } }])),
    }])) } })
}

fn instruction(amount: i64, return_id: Option<&str>) -> RefundInstruction {
    RefundInstruction {
        channel: "77".parse().unwrap(),
        reference: REFERENCE.into(),
        currency: "GBP".parse().unwrap(),
        lines: vec![("501".into(), 2, Restock::Return)],
        shipping: Minor::ZERO,
        amount: minor(amount),
        return_id: return_id.map(str::to_owned),
        claimed_until: jiff::Timestamp::MAX,
    }
}

fn known(id: u64, note: &Value) -> Value {
    json!({ "id": format!("gid://shopify/Refund/{id}"), "note": note, "return": { "id": "gid://shopify/Return/5" } })
}

#[tokio::test]
async fn only_what_is_left_of_money_that_came_in_is_paid_back_oldest_first() {
    let back = |id: u64, status: &str, amount: &str| {
        let mut back = payment(id, "REFUND", status, amount);
        back["parentTransaction"] = json!({ "id": "gid://shopify/OrderTransaction/2" });
        back
    };
    let transactions = json!([
        payment(1, "AUTHORIZATION", "SUCCESS", "30.0"),
        payment(2, "CAPTURE", "SUCCESS", "10.0"),
        payment(3, "SALE", "FAILURE", "20.0"),
        payment(4, "SALE", "SUCCESS", "20.0"),
        back(5, "PENDING", "4.0"),
        back(6, "FAILURE", "6.0"),
    ]);
    let paid = json!([payment(8, "REFUND", "SUCCESS", "6.0"), payment(9, "REFUND", "SUCCESS", "6.0")]);
    let created = json!({ "refundCreate": { "refund": { "id": "gid://shopify/Refund/7" }, "userErrors": [] } });
    let script = vec![
        payments(json!([]), transactions),
        created,
        refunds(json!([refund(7, &json!(REFERENCE), paid)])),
        agreements(json!([])),
    ];
    let (asked, shop) = shop(script);
    let told = shop.refund(&instruction(1200, None)).await.unwrap();
    assert_eq!((told.lines[0].net, told.lines[0].taxes[0].amount), (minor(1000), minor(200)), "the refund's own sums");
    let asked = asked.asked.lock().unwrap();
    let variables = &asked[1]["variables"];
    assert_eq!(variables["key"], REFERENCE);
    let parts = variables["input"]["transactions"].as_array().unwrap();
    let parts: Vec<(&str, &str)> =
        parts.iter().map(|it| (it["parentId"].as_str().unwrap(), it["amount"].as_str().unwrap())).collect();
    assert_eq!(parts, [("gid://shopify/OrderTransaction/2", "6.00"), ("gid://shopify/OrderTransaction/4", "6.00")]);
    assert_eq!(variables["input"]["refundLineItems"][0]["restockType"], "RETURN");
}

#[tokio::test]
async fn a_refund_that_was_refused_because_an_earlier_try_made_it_is_found() {
    let no = |code: &str| {
        let errors = json!([{ "field": null, "message": format!("{code}: try otherwise") }]);
        json!({ "refundCreate": { "refund": null, "userErrors": errors } })
    };
    let nothing = || payments(json!([]), json!([payment(2, "SALE", "SUCCESS", "30.0")]));
    let noted = payments(json!([known(7, &json!(REFERENCE))]), json!([]));
    let made = refunds(json!([refund(7, &json!(REFERENCE), json!([payment(8, "REFUND", "SUCCESS", "12.0")]))]));
    let failed = "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED";
    let (_, found) = shop(vec![nothing(), no(failed), noted, made, agreements(json!([]))]);
    assert_eq!(found.refund(&instruction(1200, None)).await.unwrap().id, "7");
    let (_, lost) = shop(vec![nothing(), no(failed), nothing()]);
    let failure = lost.refund(&instruction(1200, None)).await.unwrap_err();
    assert!(matches!(failure, Failure::Permanent { class: FailureClass::Refused, .. }), "{failure}");
    let (_, busy) = shop(vec![nothing(), no("IDEMPOTENCY_CONCURRENT_REQUEST")]);
    assert!(matches!(busy.refund(&instruction(1200, None)).await, Err(Failure::Retry { .. })));
}

#[tokio::test]
async fn a_settled_return_is_recognised_although_its_refund_carries_no_note() {
    let paid = || json!([payment(8, "REFUND", "SUCCESS", "12.0")]);
    let before = || payments(json!([]), json!([payment(2, "SALE", "SUCCESS", "30.0")]));
    let after = || payments(json!([known(7, &Value::Null)]), json!([payment(2, "SALE", "SUCCESS", "30.0")]));
    let read = || vec![refunds(json!([refund(7, &Value::Null, paid())])), agreements(json!([]))];
    let processed = json!({ "returnProcess": { "return": null, "userErrors": [] } });
    let script = [vec![before(), returned(2), processed, after()], read()].concat();
    let (asked, first) = shop(script);
    let told = first.refund(&instruction(1200, Some("5"))).await.unwrap();
    assert_eq!((told.id.as_str(), told.reference.as_deref()), ("7", Some(REFERENCE)));
    let input = asked.asked.lock().unwrap()[2]["variables"]["input"].clone();
    assert_eq!(input["returnLineItems"], json!([{ "id": "gid://shopify/ReturnLineItem/6", "quantity": 2 }]));
    let transfer = &input["financialTransfer"]["issueRefund"]["orderTransactions"][0]["transactionAmount"];
    assert_eq!(*transfer, json!({ "amount": "12.00", "currencyCode": "GBP" }));
    let (_, again) = shop([vec![after(), returned(0)], read()].concat());
    assert_eq!(again.refund(&instruction(1200, Some("5"))).await.unwrap(), told, "after a lost answer");
    let two = payments(json!([known(7, &Value::Null), known(8, &Value::Null)]), json!([]));
    let (_, unclear) = shop(vec![two, returned(1)]);
    let failure = unclear.refund(&instruction(1200, Some("5"))).await.unwrap_err();
    assert!(matches!(failure, Failure::Permanent { class: FailureClass::Refused, .. }), "{failure}");
}

/// What Shopify suggests for a return, without its exchange and with it.
fn suggested(without: Value, with: Value) -> Value {
    json!({ "return": { "without": without, "with": with } })
}

fn transfer(kind: &str, amount: &str) -> Value {
    json!({ "financialTransfer": { "__typename": kind, "amount": money(amount) } })
}

#[tokio::test]
async fn what_an_exchange_costs_is_the_difference_of_what_shopify_suggests() {
    let before = || payments(json!([]), json!([payment(2, "SALE", "SUCCESS", "30.0")]));
    let cup = || json!([{ "id": "gid://shopify/ExchangeLineItem/9", "quantity": 3, "unprocessedQuantity": 3 }]);
    let settles = async |without: Value, with: Value| {
        let no = json!([{ "field": null, "message": "Return is not open.", "code": "INVALID" }]);
        let refused = json!({ "returnProcess": { "return": null, "userErrors": no } });
        let (asked, shop) = shop(vec![before(), exchanging(2, cup()), suggested(without, with), refused, before()]);
        let failure = shop.refund(&instruction(1200, Some("5"))).await.unwrap_err();
        let asked = asked.asked.lock().unwrap();
        let line = json!([{ "id": "gid://shopify/ReturnLineItem/6", "quantity": 2 }]);
        let exchange = json!([{ "id": "gid://shopify/ExchangeLineItem/9", "quantity": 3 }]);
        assert_eq!(
            asked[2]["variables"],
            json!({ "return": "gid://shopify/Return/5", "lines": line, "exchange": exchange })
        );
        let input = asked.get(3).map(|call| call["variables"]["input"]["financialTransfer"].clone());
        (
            input.map(|input| input["issueRefund"]["orderTransactions"][0]["transactionAmount"]["amount"].clone()),
            failure,
        )
    };
    let refund = |amount: &str| transfer("RefundReturnOutcome", amount);
    let none = || json!({ "financialTransfer": null });
    // The order has 2.00 more to be paid: it is in both.
    let (paid, _) = settles(refund("10.0"), refund("4.5")).await;
    assert_eq!(paid, Some(json!("6.50")));
    let (paid, _) = settles(none(), transfer("InvoiceReturnOutcome", "5.0")).await;
    assert_eq!(paid, Some(json!("7.00")));
    let (paid, _) = settles(refund("12.0"), transfer("InvoiceReturnOutcome", "5.0")).await;
    assert_eq!(paid, Some(Value::Null), "it costs more than the return is worth");
    let (paid, failure) = settles(refund("1.0"), refund("2.0")).await;
    assert!(paid.is_none() && matches!(failure, Failure::Permanent { class: FailureClass::Value, .. }), "{failure}");
    for unknown in [Value::Null, transfer("GiftReturnOutcome", "1.0")] {
        let (paid, failure) = settles(refund("12.0"), unknown).await;
        assert!(
            paid.is_none() && matches!(failure, Failure::Permanent { class: FailureClass::Refused, .. }),
            "{failure}"
        );
    }
}

#[tokio::test]
async fn a_cancellation_that_still_runs_is_looked_at_again() {
    let open = || json!({ "order": { "cancelledAt": null } });
    let errors = |errors: Value| json!({ "orderCancel": { "job": null, "orderCancelUserErrors": errors } });
    let instruction = CancelInstruction {
        channel: "77".parse().unwrap(),
        reason: "customer".into(),
        claimed_until: jiff::Timestamp::MAX,
    };
    let (asked, runs) = shop(vec![open(), errors(json!([])), open()]);
    assert!(matches!(runs.cancel(&instruction).await, Err(Failure::Retry { after: Some(_), .. })));
    let asked = asked.asked.lock().unwrap()[1].clone();
    assert_eq!(asked["variables"], json!({ "order": "gid://shopify/Order/77", "reason": "CUSTOMER" }));
    let done = json!({ "order": { "cancelledAt": "2026-11-23T12:00:00Z" } });
    let already = json!([{ "message": "Cannot cancel an order that has already been canceled" }]);
    let (_, raced) = shop(vec![open(), errors(already), done]);
    assert_eq!(raced.cancel(&instruction).await.unwrap().id, "77");
}

#[tokio::test]
async fn an_order_that_changes_while_it_is_read_is_read_again() {
    let state = json!({ "order": { "updatedAt": "2026-11-23T11:00:00Z", "cancelledAt": null, "cancelReason": null, "transactions": [],
        "taxesIncluded": true, "lineItems": page(json!([])) } });
    let (_, shop) = shop(vec![state, agreements(json!([]))]);
    let read = shop.sales(&"77".parse().unwrap(), "GBP".parse().unwrap()).await;
    assert!(matches!(read, Err(Failure::Retry { .. })), "{read:?}");
}

#[tokio::test]
async fn an_edit_of_discount_or_delivery_is_told_in_words() {
    let sale = |line_type: &str, action: &str, line: Value| {
        json!({ "__typename": "x", "actionType": action, "lineType": line_type, "quantity": null,
            "totalAmount": money("-1.5"), "totalTaxAmount": money("-0.25"), "taxes": [], "lineItem": line })
    };
    let line = json!({ "id": "gid://shopify/LineItem/501", "sku": "TEA", "isGiftCard": false, "requiresShipping": true,
        "originalUnitPriceSet": money("10.0") });
    let edit = json!({ "cursor": "a", "node": { "__typename": "OrderEditAgreement",
        "id": "gid://shopify/OrderEditAgreement/9", "happenedAt": "2026-11-23T12:00:00Z",
        "sales": page(json!([sale("PRODUCT", "UPDATE", line), sale("SHIPPING", "RETURN", Value::Null)])) } });
    let at = "2026-11-23T12:00:00Z";
    let state = json!({ "order": { "updatedAt": at, "cancelledAt": null, "cancelReason": null, "transactions": [], "taxesIncluded": true,
        "lineItems": page(json!([])) } });
    let none = json!({ "order": { "updatedAt": at, "returns": page(json!([])) } });
    let (_, shop) = shop(vec![state, agreements(json!([edit])), refunds(json!([])), none]);
    let report = shop.sales(&"77".parse().unwrap(), "GBP".parse().unwrap()).await.unwrap();
    let edit = &report.edits[0];
    assert!(edit.added.is_empty() && edit.removed.is_empty());
    assert_eq!(edit.other, ["product of line 501: update -1.50 GBP", "shipping: return -1.50 GBP"]);
}
