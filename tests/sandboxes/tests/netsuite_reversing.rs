//! The NetSuite sandbox takes back what was sold: no more than left, no more than once, and to the penny.
#![expect(clippy::unwrap_used, reason = "a test stops where something is not as it must be")]

mod support;

use crossdock_sandboxes::NetSuiteConfig;
use crossdock_sandboxes::netsuite::Stock;
use serde_json::{Value, json};
use support::{Answer, Erp, order_body, tax};

/// Two tees and a mug, shipped and invoiced: 90.00.
async fn sold(erp: &Erp) -> (String, String) {
    let order = erp.order("UK-1-SO").await;
    erp.ship(&order, "UK-1-IF1", &json!([{ "orderLine": 1 }, { "orderLine": 2 }])).await.id();
    let invoice = erp.bill(&order, &json!({ "externalId": "UK-1-INV1" })).await.id();
    (order, invoice)
}

async fn transform(erp: &Erp, from: (&str, &str), to: (&str, &Value)) -> Answer {
    let path = format!("/{}/{}/!transform/{}?replace=item", from.0, from.1, to.0);
    erp.call("POST", &path, to.1).await
}

async fn authorize(erp: &Erp, order: &str, reference: &str, lines: &Value) -> Answer {
    let body = json!({ "externalId": reference, "orderStatus": { "id": "B" }, "item": { "items": lines } });
    transform(erp, ("salesOrder", order), ("returnAuthorization", &body)).await
}

async fn receive(erp: &Erp, authorization: &str, reference: &str, lines: &Value) -> Answer {
    let body = json!({ "externalId": reference, "item": { "items": lines } });
    transform(erp, ("returnAuthorization", authorization), ("itemReceipt", &body)).await
}

async fn credit(erp: &Erp, authorization: &str, reference: &str, lines: &Value) -> Answer {
    let body = json!({ "externalId": reference, "item": { "items": lines } });
    transform(erp, ("returnAuthorization", authorization), ("creditMemo", &body)).await
}

async fn refund(erp: &Erp, reference: &str, sublist: (&str, &str, f64)) -> Answer {
    let (name, doc, amount) = sublist;
    let customer = erp.customer("1").await;
    let body = json!({
        "customer": { "id": customer }, "currency": { "id": "1" }, "account": { "id": "120" },
        name: { "items": [{ "doc": { "id": doc }, "apply": true, "amount": amount }] },
    });
    erp.put(&format!("/customerRefund/eid:{reference}"), &body).await
}

fn stock(erp: &Erp, item: u64, location: u64) -> f64 {
    let look = json!({ "action": "receive_stock", "item": item, "location": location, "quantity": 0 });
    erp.netsuite.act(look).unwrap()["quantity"].as_f64().unwrap()
}

#[tokio::test]
async fn no_more_is_returned_than_has_left() {
    let erp = Erp::new();
    let order = erp.order("UK-1-SO").await;
    let one = json!([{ "orderLine": 1, "quantity": 1 }]);
    authorize(&erp, &order, "UK-1-RMA1", &one).await.assert_refused("USER_ERROR", "exceeds the quantity 0");
    erp.ship(&order, "UK-1-IF1", &one).await.id();
    let id = authorize(&erp, &order, "UK-1-RMA1", &one).await.id();
    authorize(&erp, &order, "UK-1-RMA2", &one).await.assert_refused("USER_ERROR", "exceeds the quantity 0");
    authorize(&erp, &order, "UK-1-RMA1", &one).await.assert_refused("USER_ERROR", "already exists");
    let held = erp.get(&format!("/returnAuthorization/{id}")).await;
    assert_eq!((&held["status"]["id"], &held["createdFrom"]["id"]), (&json!("B"), &json!(order)));
    assert_eq!((&held["subtotal"], &held["total"]), (&json!(25.0), &json!(30.0)));
    let nowhere = erp.put("/returnAuthorization/eid:UK-1-RMA3", &json!({})).await;
    nowhere.assert_refused("USER_ERROR", "created by transforming");
}

#[tokio::test]
async fn a_closed_line_of_an_authorization_leaves_its_units_to_another() {
    let erp = Erp::new();
    let (order, _) = sold(&erp).await;
    let id = authorize(&erp, &order, "UK-1-RMA1", &json!([{ "orderLine": 1, "quantity": 2 }])).await.id();
    receive(&erp, &id, "UK-1-IR1", &json!([{ "orderLine": 1, "quantity": 1 }])).await.id();
    let path = format!("/returnAuthorization/{id}");
    let fewer = json!({ "item": { "items": [{ "orderLine": 1, "quantity": 0 }] } });
    erp.call("PATCH", &path, &fewer).await.assert_refused("USER_ERROR", "nothing left to return");
    let fewer = json!({ "item": { "items": [{ "orderLine": 1, "quantity": 0.5 }] } });
    erp.call("PATCH", &path, &fewer).await.assert_refused("USER_ERROR", "cannot be reduced below 1");
    erp.call("PATCH", &path, &json!({ "item": { "items": [{ "line": 1, "isClosed": true }] } })).await.id();
    let refused = receive(&erp, &id, "UK-1-IR2", &json!([{ "orderLine": 1, "quantity": 1 }])).await;
    refused.assert_refused("USER_ERROR", "exceeds the quantity 0 that remains to be received");
    authorize(&erp, &order, "UK-1-RMA2", &json!([{ "orderLine": 1, "quantity": 1 }])).await.id();
}

#[tokio::test]
async fn an_authorization_pending_approval_receives_and_credits_nothing() {
    let erp = Erp::new();
    let (order, _) = sold(&erp).await;
    let body = json!({ "externalId": "UK-1-RMA1", "item": { "items": [{ "orderLine": 2 }] } });
    let id = transform(&erp, ("salesOrder", &order), ("returnAuthorization", &body)).await.id();
    let lines = json!([{ "orderLine": 1 }]);
    receive(&erp, &id, "UK-1-IR1", &lines).await.assert_refused("USER_ERROR", "pending approval");
    credit(&erp, &id, "UK-1-CM1", &lines).await.assert_refused("USER_ERROR", "pending approval");
}

/// What builds on an authorization names the authorization's lines, not the order's.
#[tokio::test]
async fn an_authorization_numbers_its_lines_itself() {
    let erp = Erp::new();
    let (order, _) = sold(&erp).await;
    let id = authorize(&erp, &order, "UK-1-RMA1", &json!([{ "orderLine": 2, "quantity": 1 }])).await.id();
    let line = erp.get(&format!("/returnAuthorization/{id}")).await["item"]["items"][0].clone();
    assert_eq!((&line["line"], &line["orderLine"]), (&json!(1), &json!(2)));
    let answer = receive(&erp, &id, "UK-1-IR1", &json!([{ "orderLine": 2, "quantity": 1 }])).await;
    answer.assert_refused("USER_ERROR", "Invalid Field Value 2 for the following field: orderLine");
    receive(&erp, &id, "UK-1-IR1", &json!([{ "orderLine": 1, "quantity": 1 }])).await.id();
}

#[tokio::test]
async fn a_receipt_puts_into_stock_what_is_to_be_restocked_and_writes_off_the_rest() {
    let erp = Erp::with(NetSuiteConfig {
        stock: vec![Stock { item: 501, location: 11, quantity: 5 }],
        ..NetSuiteConfig::default()
    });
    let (order, _) = sold(&erp).await;
    assert_eq!(stock(&erp, 501, 11), 3.0);
    let all = json!([{ "orderLine": 1 }, { "orderLine": 2 }]);
    let id = authorize(&erp, &order, "UK-1-RMA1", &all).await.id();
    let lines = json!([
        { "orderLine": 1, "quantity": 1, "restock": true, "location": { "id": "21" } },
        { "orderLine": 2, "quantity": 1, "restock": false },
    ]);
    receive(&erp, &id, "UK-1-IR1", &lines).await.id();
    assert_eq!((stock(&erp, 501, 21), stock(&erp, 501, 11), stock(&erp, 502, 11)), (1.0, 3.0, -1.0));
    assert_eq!((erp.balance("GBP", "inventory"), erp.balance("GBP", "cogs")), (-930, 930));
    assert_eq!(erp.get(&format!("/returnAuthorization/{id}")).await["status"]["id"], "E");
    let rest = receive(&erp, &id, "UK-1-IR2", &json!([{ "orderLine": 1, "quantity": 2 }])).await;
    rest.assert_refused("USER_ERROR", "exceeds the quantity 1 that remains to be received");
    receive(&erp, &id, "UK-1-IR2", &json!([{ "orderLine": 1, "quantity": 1 }])).await.id();
    assert_eq!(stock(&erp, 501, 11), 4.0);
    assert_eq!(erp.get(&format!("/returnAuthorization/{id}")).await["status"]["id"], "F");
    let receipt = erp.documents("itemReceipt")[0].clone();
    assert_eq!(receipt["lines"][1]["restock"], false);
    assert_eq!(receipt["createdFrom"], json!(id));
}

/// The trap: the same goods come back by a receipt and by a credit memo of their own.
#[tokio::test]
async fn stock_comes_back_by_a_receipt_or_by_a_credit_memo_of_its_own_not_by_that_of_a_return() {
    let erp = Erp::new();
    let (order, _) = sold(&erp).await;
    let id = authorize(&erp, &order, "UK-1-RMA1", &json!([{ "orderLine": 2, "quantity": 1 }])).await.id();
    receive(&erp, &id, "UK-1-IR1", &json!([{ "orderLine": 1, "quantity": 1 }])).await.id();
    assert_eq!((stock(&erp, 502, 11), erp.balance("GBP", "cogs")), (0.0, 1240));
    credit(&erp, &id, "UK-1-CM1", &json!([{ "orderLine": 1, "quantity": 1 }])).await.id();
    assert_eq!((stock(&erp, 502, 11), erp.balance("GBP", "cogs")), (0.0, 1240));
    let refused = credit(&erp, &id, "UK-1-CM2", &json!([{ "orderLine": 1, "quantity": 1 }])).await;
    refused.assert_refused("USER_ERROR", "exceeds the quantity 0 that is authorized and not credited");
    assert_eq!(erp.get(&format!("/returnAuthorization/{id}")).await["status"]["id"], "G");

    let customer = erp.customer("1").await;
    let mut body = json!({
        "entity": { "id": customer }, "currency": { "id": "1" }, "subsidiary": { "id": "1" },
        "item": { "items": [{ "line": 1, "item": { "id": "502" }, "quantity": 1, "amount": 20.0 }] },
    });
    let nowhere = erp.put("/creditMemo/eid:UK-1-CM2", &body).await;
    nowhere.assert_refused("INVALID_CONTENT", "Location");
    body["location"] = json!({ "id": "11" });
    erp.put("/creditMemo/eid:UK-1-CM2?replace=item", &body).await.id();
    erp.put("/creditMemo/eid:UK-1-CM2?replace=item", &body).await.id();
    assert_eq!((stock(&erp, 502, 11), erp.balance("GBP", "cogs")), (1.0, 930), "it came back twice");
    body["item"]["items"][0]["item"]["id"] = json!("594");
    erp.put("/creditMemo/eid:UK-1-CM2?replace=item", &body).await.id();
    assert_eq!((stock(&erp, 502, 11), erp.balance("GBP", "cogs")), (0.0, 1240), "what is kept moves no stock");
}

#[tokio::test]
async fn a_credit_memo_takes_a_fee_shipping_and_tax_as_they_are_stated() {
    let erp = Erp::new();
    let (order, _) = sold(&erp).await;
    let id = authorize(&erp, &order, "UK-1-RMA1", &json!([{ "orderLine": 2, "quantity": 1 }])).await.id();
    let body = json!({
        "externalId": "UK-1-CM1", "shippingCost": 5.0,
        "item": { "items": [
            { "orderLine": 1, "quantity": 1, "amount": 20.0, "taxDetailsReference": "LINE-2" },
            { "item": { "id": "595" }, "quantity": 1, "amount": -3.0, "taxDetailsReference": "CREDIT-1" },
        ] },
        "taxDetailsOverride": true,
        "taxDetails": { "items": [
            tax("LINE-2", 20.0, 4.01), tax("CREDIT-1", -3.0, -0.6), tax("SHIPPING", 5.0, 1.0),
        ] },
    });
    let memo = transform(&erp, ("returnAuthorization", &id), ("creditMemo", &body)).await.id();
    let held = erp.get(&format!("/creditMemo/{memo}")).await;
    assert_eq!((&held["total"], &held["unapplied"]), (&json!(26.41), &json!(26.41)));
    let accounts = ["receivables", "revenue", "allowances", "shipping", "tax:GB-S"];
    let balances = accounts.map(|account| erp.balance("GBP", account));
    assert_eq!(balances, [9000 - 2641, 7000 - 2000, 300, 0, 1500 - 441]);
    let document = &erp.documents("creditMemo")[0];
    assert_eq!((&document["total_minor"], &document["createdFrom"]), (&json!(2641), &json!(id)));

    let customer = erp.customer("1").await;
    let fee_only = json!({
        "entity": { "id": customer }, "currency": { "id": "1" }, "subsidiary": { "id": "1" },
        "item": { "items": [{ "line": 1, "item": { "id": "595" }, "amount": -3.0 }] },
    });
    let answer = erp.put("/creditMemo/eid:UK-1-CM2", &fee_only).await;
    answer.assert_refused("USER_ERROR", "cannot be negative");
}

#[tokio::test]
async fn a_credit_memo_settles_invoices_and_is_paid_back_up_to_its_total() {
    let erp = Erp::new();
    let (order, invoice) = sold(&erp).await;
    let id = authorize(&erp, &order, "UK-1-RMA1", &json!([{ "orderLine": 1, "quantity": 1 }])).await.id();
    let memo = credit(&erp, &id, "UK-1-CM1", &json!([{ "orderLine": 1, "quantity": 1 }])).await.id();
    let path = format!("/creditMemo/{memo}");
    let apply = |doc: &str, amount: f64| json!({ "apply": { "items": [{ "doc": { "id": doc }, "apply": true, "amount": amount }] } });
    let answer = erp.call("PATCH", &path, &apply("4711", 1.0)).await;
    answer.assert_refused("USER_ERROR", "Invalid Field Value 4711 for the following field: doc");
    let answer = erp.call("PATCH", &path, &apply(&invoice, 30.01)).await;
    answer.assert_refused("USER_ERROR", "applied and refunded with 0.01 more than its total");
    for _ in 0..2 {
        erp.call("PATCH", &path, &apply(&invoice, 10.0)).await.id();
    }
    assert_eq!(erp.get(&format!("/invoice/{invoice}")).await["amountRemaining"], json!(80.0));
    assert_eq!(erp.get(&path).await["unapplied"], json!(20.0));
    assert_eq!(erp.documents("creditMemo")[0]["applied"][0]["externalId"], "UK-1-INV1");

    let answer = refund(&erp, "UK-1-CR1", ("apply", &memo, 20.01)).await;
    answer.assert_refused("USER_ERROR", "only 20 of the credit memo is left");
    for _ in 0..2 {
        refund(&erp, "UK-1-CR1", ("apply", &memo, 15.0)).await.id();
    }
    let answer = refund(&erp, "UK-1-CR2", ("apply", &memo, 5.01)).await;
    answer.assert_refused("USER_ERROR", "only 5 of the credit memo is left");
    let answer = erp.call("PATCH", &path, &apply(&invoice, 15.01)).await;
    answer.assert_refused("USER_ERROR", "applied and refunded with 0.01 more");
    refund(&erp, "UK-1-CR2", ("apply", &memo, 5.0)).await.id();
    assert_eq!(erp.get(&path).await["status"]["refName"], "Fully Applied");
    assert_eq!(erp.balance("GBP", "receivables"), 9000 - 3000 + 2000);
    assert_eq!(erp.balance("GBP", "clearing:shopify_payments"), -2000);

    let other = erp.pay(&order, "UK-1-DEP1", &json!(90.0)).await.id();
    let beyond = erp.apply(&other, &invoice, ("UK-1-DA1", &json!(80.01))).await;
    beyond.assert_refused("USER_ERROR", "of which 80 is open");
}

#[tokio::test]
async fn a_deposit_is_applied_or_paid_back_and_not_both() {
    let erp = Erp::new();
    let (order, invoice) = sold(&erp).await;
    let deposit = erp.pay(&order, "UK-1-DEP1", &json!(90.0)).await.id();
    let refunded = refund(&erp, "UK-1-CR1", ("deposit", &deposit, 30.0)).await.id();
    erp.apply(&deposit, &invoice, ("UK-1-DA1", &json!(60.01))).await.assert_refused("USER_ERROR", "only 60 of");
    erp.apply(&deposit, &invoice, ("UK-1-DA1", &json!(50.0))).await.id();
    let answer = refund(&erp, "UK-1-CR2", ("deposit", &deposit, 10.01)).await;
    answer.assert_refused("USER_ERROR", "only 10 of the deposit is left");
    refund(&erp, "UK-1-CR2", ("deposit", &deposit, 10.0)).await.id();
    assert_eq!(erp.get(&format!("/customerDeposit/{deposit}")).await["status"]["refName"], "Fully Applied");
    assert_eq!((erp.balance("GBP", "deposits"), erp.balance("GBP", "clearing:shopify_payments")), (0, 5000));
    erp.pay(&order, "UK-1-DEP1", &json!(89.99)).await.assert_refused("USER_ERROR", "applied to more than this");

    // Oracle: the deposit is shown as a deposit application, its own sublist is empty and cannot be updated.
    let held = erp.get(&format!("/customerRefund/{refunded}")).await;
    assert_eq!(held["deposit"]["items"], json!([]));
    let shown = &held["apply"]["items"][0];
    assert_eq!((&shown["type"], &shown["amount"]), (&json!("Deposit Application"), &json!(30.0)));
    refund(&erp, "UK-1-CR1", ("deposit", &deposit, 1.0)).await.id();
    assert_eq!(erp.get(&format!("/customerRefund/{refunded}")).await["total"], json!(30.0));
    assert_eq!(erp.documents("customerRefund")[0]["deposits"][0]["externalId"], "UK-1-DEP1");
}

#[tokio::test]
async fn a_refund_names_an_account_and_what_it_pays_back() {
    let erp = Erp::new();
    let (order, _) = sold(&erp).await;
    let deposit = erp.pay(&order, "UK-1-DEP1", &json!(90.0)).await.id();
    let customer = erp.customer("1").await;
    let mut body = json!({ "customer": { "id": customer }, "currency": { "id": "1" } });
    erp.put("/customerRefund/eid:UK-1-CR1", &body).await.assert_refused("INVALID_CONTENT", "Account");
    body["account"] = json!({ "id": "777" });
    let answer = erp.put("/customerRefund/eid:UK-1-CR1", &body).await;
    answer.assert_refused("USER_ERROR", "Invalid Field Value 777 for the following field: account");
    body["account"] = json!({ "id": "131" });
    erp.put("/customerRefund/eid:UK-1-CR1", &body).await.assert_refused("INVALID_CONTENT", "Apply");
    body["deposit"] = json!({ "items": [{ "doc": { "id": deposit }, "apply": true, "amount": 12.5 }] });
    erp.put("/customerRefund/eid:UK-1-CR1", &body).await.id();
    assert_eq!(erp.balance("GBP", "liability:store_credit"), 1250, "a liability stands on its credit side");
    body["externalId"] = json!("UK-1-CR1");
    erp.call("POST", "/customerRefund", &body).await.assert_refused("USER_ERROR", "already exists");
}

#[tokio::test]
async fn an_adjustment_moves_stock_and_its_cost() {
    let erp = Erp::new();
    let mut body = json!({
        "subsidiary": { "id": "1" }, "account": { "id": "142" },
        "inventory": { "items": [
            { "line": 1, "item": { "id": "501" }, "location": { "id": "11" }, "adjustQtyBy": 2 },
            { "line": 2, "item": { "id": "502" }, "location": { "id": "21" }, "adjustQtyBy": -1 },
        ] },
    });
    for _ in 0..2 {
        erp.put("/inventoryAdjustment/eid:UK-1-IA1", &body).await.id();
    }
    assert_eq!((stock(&erp, 501, 11), stock(&erp, 502, 21)), (2.0, -1.0));
    assert_eq!((erp.balance("GBP", "inventory"), erp.balance("GBP", "adjustment")), (930, -930));
    assert_eq!(erp.documents("inventoryAdjustment")[0]["lines"].as_array().unwrap().len(), 2);
    body["inventory"]["items"][0]["adjustQtyBy"] = json!(0);
    let answer = erp.put("/inventoryAdjustment/eid:UK-1-IA1", &body).await;
    answer.assert_refused("INVALID_CONTENT", "Adjust Qty. By");
    body["inventory"]["items"][0]["item"]["id"] = json!("594");
    let answer = erp.put("/inventoryAdjustment/eid:UK-1-IA1", &body).await;
    answer.assert_refused("USER_ERROR", "Invalid Field Value 594 for the following field: item");
    body["inventory"]["items"][0]["adjustQty"] = json!(1);
    erp.put("/inventoryAdjustment/eid:UK-1-IA1", &body).await.assert_refused("INVALID_CONTENT", "adjustQty");
}

#[tokio::test]
async fn a_journal_entry_balances_or_is_refused() {
    let erp = Erp::new();
    let mut body = json!({
        "subsidiary": { "id": "1" }, "currency": { "id": "1" },
        "line": { "items": [
            { "account": { "id": "140" }, "debit": 12.5 },
            { "account": { "id": "120" }, "credit": 12.49 },
        ] },
    });
    let answer = erp.put("/journalEntry/eid:UK-1-JE1", &body).await;
    answer.assert_refused("USER_ERROR", "out of balance by 0.01");
    body["line"]["items"][1]["credit"] = json!(12.5);
    erp.put("/journalEntry/eid:UK-1-JE1?replace=line", &body).await.id();
    erp.put("/journalEntry/eid:UK-1-JE1?replace=line", &body).await.id();
    assert_eq!((erp.balance("GBP", "disputes"), erp.balance("GBP", "clearing:shopify_payments")), (1250, -1250));
    assert_eq!(erp.documents("journalEntry")[0]["total_minor"], 1250);
    erp.put("/journalEntry/eid:UK-1-JE1", &body).await.id();
    assert_eq!(erp.balance("GBP", "disputes"), 2500, "without line keys a repeat appends");
    body["line"]["items"][0]["credit"] = json!(1);
    erp.put("/journalEntry/eid:UK-1-JE2", &body).await.assert_refused("INVALID_CONTENT", "Debit or Credit");
}

#[tokio::test]
async fn nothing_is_reversed_into_a_closed_period() {
    let erp = Erp::new();
    let (order, _) = sold(&erp).await;
    let deposit = erp.pay(&order, "UK-1-DEP1", &json!(90.0)).await.id();
    erp.netsuite.act(json!({ "action": "close_period", "month": "2026-11" })).unwrap();
    let lines = json!([{ "orderLine": 1, "quantity": 1 }]);
    let id = authorize(&erp, &order, "UK-1-RMA1", &lines).await.id();
    let before = erp.netsuite.ledger();
    receive(&erp, &id, "UK-1-IR1", &lines).await.assert_refused("USER_ERROR", "closed period 2026-11");
    credit(&erp, &id, "UK-1-CM1", &lines).await.assert_refused("USER_ERROR", "closed period 2026-11");
    refund(&erp, "UK-1-CR1", ("deposit", &deposit, 1.0)).await.assert_refused("USER_ERROR", "closed period 2026-11");
    assert_eq!(before, erp.netsuite.ledger());
}

#[tokio::test]
async fn a_sales_order_is_changed_after_it_was_shipped_and_billed() {
    let erp = Erp::new();
    let customer = erp.customer("1").await;
    let order = erp.put("/salesOrder/eid:UK-1-SO", &order_body(&customer)).await.id();
    erp.ship(&order, "UK-1-IF1", &json!([{ "orderLine": 1, "quantity": 1 }])).await.id();
    let path = format!("/salesOrder/{order}");
    let changed = json!({ "item": { "items": [
        { "line": 1, "quantity": 1, "amount": 25.0 },
        { "line": 2, "isClosed": true },
        { "line": 3, "item": { "id": "503" }, "quantity": 1, "amount": 18.5, "taxDetailsReference": "LINE-3" },
    ] } });
    for _ in 0..2 {
        erp.call("PATCH", &path, &changed).await.id();
    }
    let lines = erp.get(&path).await["item"]["items"].clone();
    assert_eq!(lines.as_array().unwrap().len(), 3);
    let closed = erp.ship(&order, "UK-1-IF2", &json!([{ "orderLine": 2, "quantity": 1 }])).await;
    closed.assert_refused("USER_ERROR", "exceeds the quantity 0");
    let close = json!({ "item": { "items": [{ "line": 1, "isClosed": true }] } });
    erp.call("PATCH", &path, &close).await.id();
    // What was shipped is invoiced, although its line is closed by now.
    let body = json!({ "externalId": "UK-1-INV1", "item": { "items": [{ "orderLine": 1, "quantity": 1 }] } });
    erp.bill(&order, &body).await.id();
    let body = json!({ "item": { "items": [{ "line": 1, "quantity": 0 }] } });
    erp.call("PATCH", &path, &body).await.assert_refused("USER_ERROR", "cannot be reduced below 1");
    erp.ship(&order, "UK-1-IF2", &json!([{ "orderLine": 3, "quantity": 1 }])).await.id();
    let body = json!({ "externalId": "UK-1-INV2", "item": { "items": [{ "orderLine": 3, "quantity": 1 }] } });
    erp.bill(&order, &body).await.id();
    assert_eq!(erp.get(&path).await["status"]["refName"], "Billed");
}
