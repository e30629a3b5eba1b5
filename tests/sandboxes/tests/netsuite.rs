//! The NetSuite sandbox keeps, refuses and posts as the ERP does.

mod support;

use crossdock_sandboxes::netsuite::Stock;
use crossdock_sandboxes::{Fault, FaultKind, NetSuiteConfig};
use serde_json::{Value, json};
use support::{Erp, order_body, tax};

#[tokio::test]
async fn an_order_is_kept_with_its_lines_tax_and_totals() {
    let erp = Erp::new();
    let id = erp.order("UK-1-SO").await;
    let held = erp.get("/salesOrder/eid:UK-1-SO").await;
    assert_eq!(held["id"], id);
    assert_eq!(held["externalId"], "UK-1-SO");
    assert_eq!(held["tranId"], "SO1001");
    assert_eq!(held["status"]["refName"], "Pending Fulfillment");
    assert_eq!(
        (&held["subtotal"], &held["shippingCost"], &held["taxTotal"], &held["total"]),
        (&json!(70.0), &json!(5.0), &json!(15.0), &json!(90.0))
    );
    let lines = held["item"]["items"].as_array().unwrap();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["taxAmount"], json!(10.0));
    assert_eq!(lines[0]["custcol_crossdock_line"], "866550311766439020");
    assert_eq!(held["taxDetails"]["items"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn sublists_are_links_unless_they_are_expanded() {
    let erp = Erp::new();
    let id = erp.order("UK-1-SO").await;
    let plain = erp.call("GET", &format!("/salesOrder/{id}"), &Value::Null).await;
    assert!(plain.body["item"]["items"].is_null());
    let lines = erp.call("GET", &format!("/salesOrder/{id}/item"), &Value::Null).await;
    assert_eq!(lines.body["totalResults"], 2);
}

#[tokio::test]
async fn the_same_put_twice_is_one_order() {
    let erp = Erp::new();
    let first = erp.order("UK-1-SO").await;
    let again = erp.order("UK-1-SO").await;
    assert_eq!(first, again);
    assert_eq!(erp.documents("salesOrder").len(), 1);
    assert_eq!(erp.get(&format!("/salesOrder/{first}")).await["total"], json!(90.0));
}

#[tokio::test]
async fn without_line_keys_and_replace_a_repeated_put_appends_its_lines() {
    let erp = Erp::new();
    let customer = erp.customer("1").await;
    let mut body = order_body(&customer);
    for line in body["item"]["items"].as_array_mut().unwrap() {
        line.as_object_mut().unwrap().remove("line");
    }
    erp.put("/salesOrder/eid:UK-1-SO", &body).await.id();
    erp.put("/salesOrder/eid:UK-1-SO", &body).await.id();
    let held = erp.get("/salesOrder/eid:UK-1-SO").await;
    assert_eq!(held["item"]["items"].as_array().unwrap().len(), 4);
    erp.put("/salesOrder/eid:UK-1-SO?replace=item", &body).await.id();
    let held = erp.get("/salesOrder/eid:UK-1-SO").await;
    assert_eq!(held["item"]["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_taken_external_id_is_refused_to_post_and_transform() {
    let erp = Erp::new();
    let id = erp.order("UK-1-SO").await;
    let customer = erp.customer("1").await;
    let mut body = order_body(&customer);
    body["externalId"] = json!("UK-1-SO");
    erp.call("POST", "/salesOrder", &body).await.assert_refused("USER_ERROR", "This entity already exists.");
    let lines = json!([{ "orderLine": 1, "quantity": 1 }]);
    erp.ship(&id, "UK-1-IF1", &lines).await.id();
    erp.ship(&id, "UK-1-IF1", &lines).await.assert_refused("USER_ERROR", "This entity already exists.");
    assert_eq!(erp.documents("itemFulfillment").len(), 1);
}

#[tokio::test]
async fn an_external_id_has_at_most_35_characters_of_its_alphabet() {
    let erp = Erp::new();
    let customer = erp.customer("1").await;
    let longest = "A".repeat(35);
    erp.put(&format!("/salesOrder/eid:{longest}"), &order_body(&customer)).await.id();
    let path = format!("/salesOrder/eid:{longest}B");
    erp.put(&path, &order_body(&customer)).await.assert_refused("USER_ERROR", "( 35 )");
    let answer = erp.put("/salesOrder/eid:uk_1", &order_body(&customer)).await;
    answer.assert_refused("USER_ERROR", "Invalid Field Value uk_1 for the following field: externalId");
}

#[tokio::test]
async fn references_to_nothing_are_refused_with_their_path() {
    let erp = Erp::new();
    let customer = erp.customer("1").await;
    for (pointer, field, path) in [
        ("/entity/id", "entity", "entity"),
        ("/currency/id", "currency", "currency"),
        ("/subsidiary/id", "subsidiary", "subsidiary"),
        ("/location/id", "location", "location"),
        ("/item/items/1/item/id", "item", "item.items[1].item"),
        ("/taxDetails/items/0/taxCode/id", "taxCode", "taxDetails.items[0].taxCode"),
    ] {
        let mut body = order_body(&customer);
        *body.pointer_mut(pointer).unwrap() = json!("53384");
        let answer = erp.put("/salesOrder/eid:UK-1-SO", &body).await;
        let (status, code, detail, found) = answer.refusal();
        assert_eq!((status, code.as_str(), found.as_str()), (400, "USER_ERROR", path));
        assert!(detail.ends_with(&format!("Invalid Field Value 53384 for the following field: {field}.")), "{detail}");
    }
    assert!(erp.documents("salesOrder").is_empty());
}

#[tokio::test]
async fn a_customer_pays_in_its_own_currency() {
    let erp = Erp::new();
    let customer = erp.customer("1").await;
    let mut body = order_body(&customer);
    body["currency"] = json!({ "id": "2" });
    let answer = erp.put("/salesOrder/eid:UK-1-SO", &body).await;
    answer.assert_refused("USER_ERROR", "Invalid Field Value 2 for the following field: currency");
}

#[tokio::test]
async fn an_unknown_property_is_refused_when_asked_and_dropped_when_not() {
    let erp = Erp::new();
    let customer = erp.customer("1").await;
    let mut body = order_body(&customer);
    body["item"]["items"][0]["quantitty"] = json!(3);
    let answer = erp.put("/salesOrder/eid:UK-1-SO", &body).await;
    answer.assert_refused("INVALID_CONTENT", "quantitty");
    assert_eq!(answer.refusal().3, "item.items[0].quantitty");
    let lenient = http::Request::put(format!("{}/salesOrder/eid:UK-1-SO", support::RECORDS))
        .header("authorization", format!("Bearer {}", erp.token))
        .body(body.to_string().into())
        .unwrap();
    assert_eq!(support::call(&erp.router, lenient).await.status, 204);
}

#[tokio::test]
async fn an_amount_keeps_to_the_decimals_of_its_currency() {
    let erp = Erp::new();
    let yen = erp.customer("5").await;
    let mut body = order_body(&yen);
    body["currency"] = json!({ "id": "5" });
    body["taxDetails"] = Value::Null;
    body["shippingCost"] = json!(500);
    body["item"]["items"][0]["amount"] = json!(1200.5);
    let answer = erp.put("/salesOrder/eid:UK-1-SO", &body).await;
    answer.assert_refused("USER_ERROR", "Invalid Field Value 1200.5 for the following field: amount");
    body["item"]["items"][0]["amount"] = json!("1200");
    let answer = erp.put("/salesOrder/eid:UK-1-SO", &body).await;
    answer.assert_refused("INVALID_CONTENT", "must be a number");
}

#[tokio::test]
async fn nothing_posts_into_a_closed_period() {
    let erp = Erp::new();
    let order = erp.order("UK-1-SO").await;
    erp.netsuite.act(json!({ "action": "close_period", "month": "2026-11" })).unwrap();
    let refused = erp.pay(&order, "UK-1-DEP1", &json!(90.0)).await;
    refused.assert_refused("USER_ERROR", "closed period 2026-11");
    let lines = json!([{ "orderLine": 1 }]);
    erp.ship(&order, "UK-1-IF1", &lines).await.assert_refused("USER_ERROR", "closed period");
    erp.netsuite.act(json!({ "action": "open_period", "month": "2026-11" })).unwrap();
    erp.pay(&order, "UK-1-DEP1", &json!(90.0)).await.id();
}

#[tokio::test]
async fn no_more_is_fulfilled_than_was_ordered() {
    let erp = Erp::new();
    let order = erp.order("UK-1-SO").await;
    erp.ship(&order, "UK-1-IF1", &json!([{ "orderLine": 1, "quantity": 1 }])).await.id();
    let answer = erp.ship(&order, "UK-1-IF2", &json!([{ "orderLine": 1, "quantity": 2 }])).await;
    answer.assert_refused("USER_ERROR", "exceeds the quantity 1 that remains to be fulfilled");
    let answer = erp.ship(&order, "UK-1-IF2", &json!([{ "orderLine": 7, "quantity": 1 }])).await;
    answer.assert_refused("USER_ERROR", "Invalid Field Value 7 for the following field: orderLine");
}

#[tokio::test]
async fn a_transform_carries_every_open_line_that_the_body_does_not_exclude() {
    let erp = Erp::new();
    let order = erp.order("UK-1-SO").await;
    let path = format!("/salesOrder/{order}/!transform/itemFulfillment");
    let body = json!({ "externalId": "UK-1-IF1", "item": { "items": [{ "orderLine": 1, "quantity": 1 }] } });
    let id = erp.call("POST", &path, &body).await.id();
    let lines = erp.get(&format!("/itemFulfillment/{id}")).await["item"]["items"].clone();
    let taken = |at: usize| (lines[at]["orderLine"].clone(), lines[at]["quantity"].clone());
    assert_eq!((taken(0), taken(1)), ((json!(1), json!(1.0)), (json!(2), json!(1.0))));

    let excluded = json!({ "externalId": "UK-1-IF2", "item": { "items": [{ "orderLine": 1, "itemReceive": false }] } });
    let answer = erp.call("POST", &path, &excluded).await;
    answer.assert_refused("USER_ERROR", "nothing left to fulfill");
}

#[tokio::test]
async fn what_has_not_been_shipped_is_not_invoiced() {
    let erp = Erp::new();
    let order = erp.order("UK-1-SO").await;
    let body = json!({ "externalId": "UK-1-INV1", "item": { "items": [{ "orderLine": 1, "quantity": 1 }] } });
    erp.bill(&order, &body).await.assert_refused("USER_ERROR", "exceeds the quantity 0 that is shipped and not billed");
    // Picked is not shipped.
    let path = format!("/salesOrder/{order}/!transform/itemFulfillment?replace=item");
    let picked = json!({ "externalId": "UK-1-IF1", "item": { "items": [{ "orderLine": 1, "quantity": 1 }] } });
    let fulfilment = erp.call("POST", &path, &picked).await.id();
    erp.bill(&order, &body).await.assert_refused("USER_ERROR", "shipped and not billed");
    let shipped = json!({ "shipStatus": { "id": "C" } });
    erp.call("PATCH", &format!("/itemFulfillment/{fulfilment}"), &shipped).await.id();
    erp.bill(&order, &body).await.id();
    let again = json!({ "externalId": "UK-1-INV2", "item": { "items": [{ "orderLine": 1, "quantity": 1 }] } });
    erp.bill(&order, &again).await.assert_refused("USER_ERROR", "shipped and not billed");
}

#[tokio::test]
async fn an_order_pending_approval_goes_nowhere() {
    let erp = Erp::new();
    let customer = erp.customer("1").await;
    let mut body = order_body(&customer);
    body["orderStatus"] = json!({ "id": "A" });
    let order = erp.put("/salesOrder/eid:UK-1-SO", &body).await.id();
    let answer = erp.ship(&order, "UK-1-IF1", &json!([{ "orderLine": 1 }])).await;
    answer.assert_refused("USER_ERROR", "pending approval");
}

#[tokio::test]
async fn a_closed_line_is_not_fulfilled_and_a_fulfilled_one_is_not_reduced() {
    let erp = Erp::new();
    let order = erp.order("UK-1-SO").await;
    erp.ship(&order, "UK-1-IF1", &json!([{ "orderLine": 1 }])).await.id();
    let path = format!("/salesOrder/{order}");
    let less = json!({ "item": { "items": [{ "line": 1, "quantity": 1 }] } });
    erp.call("PATCH", &path, &less).await.assert_refused("USER_ERROR", "cannot be reduced below 2");
    let close = json!({ "item": { "items": [{ "line": 2, "isClosed": true }] } });
    erp.call("PATCH", &path, &close).await.id();
    let answer = erp.ship(&order, "UK-1-IF2", &json!([{ "orderLine": 2, "quantity": 1 }])).await;
    answer.assert_refused("USER_ERROR", "exceeds the quantity 0");
    assert_eq!(erp.get(&path).await["status"]["refName"], "Pending Billing");
}

#[tokio::test]
async fn a_deposit_is_applied_once_and_never_beyond_what_it_holds() {
    let erp = Erp::new();
    let order = erp.order("UK-1-SO").await;
    let deposit = erp.pay(&order, "UK-1-DEP1", &json!(80.0)).await.id();
    erp.ship(&order, "UK-1-IF1", &json!([{ "orderLine": 1 }, { "orderLine": 2 }])).await.id();
    let path = format!("/salesOrder/{order}/!transform/invoice");
    let invoice = erp.call("POST", &path, &json!({ "externalId": "UK-1-INV1" })).await.id();
    assert_eq!(erp.get(&format!("/invoice/{invoice}")).await["total"], json!(90.0));

    let more = erp.apply(&deposit, &invoice, ("UK-1-DA1", &json!(80.01))).await;
    more.assert_refused("USER_ERROR", "only 80 of the deposit is left");
    erp.apply(&deposit, &invoice, ("UK-1-DA1", &json!(80.0))).await.id();
    let twice = erp.apply(&deposit, &invoice, ("UK-1-DA2", &json!(10.0))).await;
    twice.assert_refused("USER_ERROR", "only 0 of the deposit is left");
    let other = erp.pay(&order, "UK-1-DEP2", &json!(50.0)).await.id();
    let beyond = erp.apply(&other, &invoice, ("UK-1-DA2", &json!(10.01))).await;
    beyond.assert_refused("USER_ERROR", "of which 10 is open");
    erp.apply(&other, &invoice, ("UK-1-DA2", &json!(10.0))).await.id();

    let held = erp.get(&format!("/invoice/{invoice}")).await;
    assert_eq!((&held["status"]["refName"], &held["amountRemaining"]), (&json!("Paid In Full"), &json!(0.0)));
    assert_eq!(erp.get(&format!("/customerDeposit/{deposit}")).await["status"]["refName"], "Fully Applied");
    assert_eq!((erp.balance("GBP", "receivables"), erp.balance("GBP", "deposits")), (0, 4000));
    let less = erp.pay(&order, "UK-1-DEP1", &json!(79.0)).await;
    less.assert_refused("USER_ERROR", "applied to more than this amount");
}

#[tokio::test]
async fn fulfilments_and_applications_come_only_from_transforms() {
    let erp = Erp::new();
    for record in ["itemFulfillment", "depositApplication"] {
        let answer = erp.put(&format!("/{record}/eid:UK-1-X"), &json!({})).await;
        answer.assert_refused("USER_ERROR", "created by transforming");
    }
    let order = erp.order("UK-1-SO").await;
    let answer = erp.call("POST", &format!("/salesOrder/{order}/!transform/customerPayment"), &json!({})).await;
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn an_invoice_takes_amounts_and_tax_as_they_are_stated() {
    let erp = Erp::new();
    let order = erp.order("UK-1-SO").await;
    erp.ship(&order, "UK-1-IF1", &json!([{ "orderLine": 1, "quantity": 1 }])).await.id();
    let body = json!({
        "externalId": "UK-1-INV1", "shippingCost": 5.0,
        "item": { "items": [{ "orderLine": 1, "quantity": 1, "amount": 24.99, "taxDetailsReference": "LINE-1" }] },
        "taxDetailsOverride": true,
        "taxDetails": { "items": [tax("LINE-1", 24.99, 5.01), tax("SHIPPING", 5.0, 1.0)] },
    });
    let id = erp.bill(&order, &body).await.id();
    let held = erp.get(&format!("/invoice/{id}")).await;
    assert_eq!((&held["taxTotal"], &held["total"]), (&json!(6.01), &json!(36.0)));
    assert_eq!(held["createdFrom"]["id"], order);
    assert_eq!(erp.balance("GBP", "tax:GB-S"), 601);

    let unknown = json!({
        "externalId": "UK-1-INV2", "taxDetailsOverride": true,
        "taxDetails": { "items": [tax("LINE-2", 20.0, 4.0)] }, "item": { "items": [{ "orderLine": 1, "quantity": 0 }] },
    });
    let answer = erp.bill(&order, &unknown).await;
    answer.assert_refused("USER_ERROR", "following field: taxDetailsReference");
}

#[tokio::test]
async fn an_account_that_computes_tax_itself_differs_and_a_rounding_line_settles_it() {
    let erp = Erp::with(NetSuiteConfig { recompute_tax: true, ..NetSuiteConfig::default() });
    let customer = erp.customer("1").await;
    let mut body = order_body(&customer);
    // The shop charged 9.99 where 20 % of 50.00 are 10.00.
    body["taxDetails"]["items"][0]["taxAmount"] = json!(9.99);
    erp.put("/salesOrder/eid:UK-1-SO", &body).await.id();
    assert_eq!(erp.get("/salesOrder/eid:UK-1-SO").await["total"], json!(90.0));
    let rounding =
        json!({ "item": { "items": [{ "line": 3, "item": { "id": "590" }, "quantity": 1, "amount": -0.01 }] } });
    erp.put("/salesOrder/eid:UK-1-SO", &rounding).await.id();
    erp.put("/salesOrder/eid:UK-1-SO", &rounding).await.id();
    let held = erp.get("/salesOrder/eid:UK-1-SO").await;
    assert_eq!((&held["total"], held["item"]["items"].as_array().unwrap().len()), (&json!(89.99), 3));
}

#[tokio::test]
async fn tax_without_an_override_is_computed_half_up_from_the_rate() {
    let erp = Erp::new();
    let customer = erp.customer("1").await;
    let mut body = order_body(&customer);
    body["taxDetailsOverride"] = json!(false);
    body["item"]["items"][1]["amount"] = json!(20.13);
    // 20 % of 20.13 are 4.026.
    erp.put("/salesOrder/eid:UK-1-SO", &body).await.id();
    let held = erp.get("/salesOrder/eid:UK-1-SO").await;
    assert_eq!(held["taxDetails"]["items"][1]["taxAmount"], json!(4.03));
}

#[tokio::test]
async fn stock_is_minded_where_the_account_minds_it() {
    let erp = Erp::with(NetSuiteConfig {
        track_stock: true,
        stock: vec![Stock { item: 501, location: 11, quantity: 1 }],
        ..NetSuiteConfig::default()
    });
    let order = erp.order("UK-1-SO").await;
    let answer = erp.ship(&order, "UK-1-IF1", &json!([{ "orderLine": 1, "quantity": 2 }])).await;
    answer.assert_refused("USER_ERROR", "You only have 1 available. Please enter a different quantity.");
    let receipt = json!({ "action": "receive_stock", "item": 501, "location": 11, "quantity": 1 });
    erp.netsuite.act(receipt).unwrap();
    erp.ship(&order, "UK-1-IF1", &json!([{ "orderLine": 1, "quantity": 2 }])).await.id();
    let answer = erp.ship(&order, "UK-1-IF2", &json!([{ "orderLine": 2, "location": { "id": "12" } }])).await;
    answer.assert_refused("USER_ERROR", "You only have 0 available.");
}

#[tokio::test]
async fn a_payment_at_shipment_settles_its_invoice() {
    let erp = Erp::new();
    let order = erp.order("UK-1-SO").await;
    erp.ship(&order, "UK-1-IF1", &json!([{ "orderLine": 1 }, { "orderLine": 2 }])).await.id();
    let invoice = erp.bill(&order, &json!({ "externalId": "UK-1-INV1" })).await.id();
    let body = json!({ "externalId": "UK-1-PAY1", "account": { "id": "121" } });
    erp.call("POST", &format!("/invoice/{invoice}/!transform/customerPayment"), &body).await.id();
    assert_eq!((erp.balance("GBP", "receivables"), erp.balance("GBP", "clearing:paypal")), (0, 9000));
    assert_eq!(erp.get(&format!("/salesOrder/{order}")).await["status"]["refName"], "Billed");
}

#[tokio::test]
async fn the_ledger_of_a_settled_order_shows_what_was_sold() {
    let erp = Erp::new();
    let order = erp.order("UK-1-SO").await;
    let deposit = erp.pay(&order, "UK-1-DEP1", &json!(90.0)).await.id();
    assert_eq!((erp.balance("GBP", "clearing:shopify_payments"), erp.balance("GBP", "deposits")), (9000, 9000));
    erp.ship(&order, "UK-1-IF1", &json!([{ "orderLine": 1 }, { "orderLine": 2 }])).await.id();
    let invoice = erp.bill(&order, &json!({ "externalId": "UK-1-INV1" })).await.id();
    erp.apply(&deposit, &invoice, ("UK-1-DA1", &json!(90.0))).await.id();
    let ledger = erp.netsuite.ledger();
    assert_eq!(
        ledger["currencies"]["GBP"],
        json!({ "balanced": true, "accounts": {
            "receivables": 0, "deposits": 0, "clearing:shopify_payments": 9000, "revenue": 7000, "shipping": 500,
            "tax:GB-S": 1500, "rounding": 0, "cogs": 1550, "inventory": -1550,
        } })
    );
    let references: Vec<&str> =
        ledger["entries"].as_array().unwrap().iter().map(|entry| entry["externalId"].as_str().unwrap()).collect();
    assert_eq!(references, ["UK-1-DEP1", "UK-1-IF1", "UK-1-INV1", "UK-1-DA1"]);
}

#[tokio::test]
async fn more_requests_at_once_than_allowed_are_refused() {
    let erp = Erp::with(NetSuiteConfig { concurrency_limit: 2, answer_ms: 50, ..NetSuiteConfig::default() });
    let read = || erp.call("GET", "/salesOrder/eid:UK-1-SO", &Value::Null);
    let (first, second, third) = tokio::join!(read(), read(), read());
    assert_eq!((first.status, second.status, third.status), (404, 404, 429));
    assert_eq!(third.body["o:errorDetails"][0]["o:errorCode"], "CONCURRENCY_LIMIT_EXCEEDED");
    assert_eq!(read().await.status, 404);
}

#[tokio::test]
async fn a_timeout_after_commit_leaves_the_document_behind() {
    let erp = Erp::new();
    let customer = erp.customer("1").await;
    let path = "PUT /services/rest/record/v1/salesOrder…";
    erp.netsuite.add_fault(Fault::new(path, FaultKind::TimeoutAfterCommit, 1));
    let answer = erp.put("/salesOrder/eid:UK-1-SO", &order_body(&customer)).await;
    assert_eq!((answer.status, answer.headers["x-sandbox-fault"].to_str().unwrap()), (599, "timeout"));
    assert_eq!(erp.documents("salesOrder").len(), 1);
    let last = erp.netsuite.requests().pop().unwrap();
    assert_eq!((last.status, last.fault.as_deref()), (None, Some("timeout_after_commit")));
    erp.netsuite.add_fault(Fault::new(path, FaultKind::TimeoutBeforeCommit, 1));
    assert_eq!(erp.put("/salesOrder/eid:UK-2-SO", &order_body(&customer)).await.status, 599);
    assert_eq!(erp.documents("salesOrder").len(), 1);
}

#[tokio::test]
async fn injected_errors_have_the_vendors_bodies() {
    let erp = Erp::new();
    let mut bodies = Vec::new();
    for fault in
        ["status:429", "status:429:malformed", "status:400:concurrency", "status:500", "status:503", "status:401"]
    {
        let kind = FaultKind::try_from(fault.to_owned()).unwrap();
        erp.netsuite.add_fault(Fault::new("GET *", kind, 1));
        bodies.push(erp.call("GET", "/salesOrder/1", &Value::Null).await);
    }
    let statuses: Vec<u16> = bodies.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [429, 429, 400, 500, 503, 401]);
    let codes: Vec<String> = bodies.iter().map(|answer| answer.refusal().1).collect();
    let limit = "CONCURRENCY_LIMIT_EXCEEDED";
    assert_eq!(codes, [limit, "", limit, "UNEXPECTED_ERROR", "SERVICE_UNAVAILABLE", "INVALID_LOGIN"]);
    assert!(bodies[1].body.is_null() && bodies[1].text.contains(limit), "the sample that is no JSON");
}

#[tokio::test]
async fn a_wrong_answer_names_another_record_or_amount() {
    let erp = Erp::new();
    let customer = erp.customer("1").await;
    erp.netsuite.add_fault(Fault::new("* /services", FaultKind::WrongAnswer, 2));
    let claimed = erp.put("/salesOrder/eid:UK-1-SO", &order_body(&customer)).await.id();
    let wrong = erp.get("/salesOrder/eid:UK-1-SO").await;
    let right = erp.get("/salesOrder/eid:UK-1-SO").await;
    assert_ne!(json!(claimed), right["id"]);
    assert_eq!((&wrong["total"], &right["total"]), (&json!(90.01), &json!(90.0)));
    erp.netsuite.add_fault(Fault::new("GET *", FaultKind::HtmlPage, 1));
    let page = erp.call("GET", "/salesOrder/eid:UK-1-SO", &Value::Null).await;
    assert_eq!(page.status, 200);
    assert!(page.text.starts_with("<!DOCTYPE html>"));
}

#[tokio::test]
async fn bodies_that_are_no_records_are_refused_and_nothing_is_kept() {
    let erp = Erp::new();
    let customer = erp.customer("1").await;
    for body in [
        json!([]),
        json!("text"),
        json!({ "item": { "items": "none" } }),
        json!({ "item": { "items": [7] } }),
        json!({ "entity": { "id": customer }, "item": { "items": [] } }),
        json!({ "entity": { "id": customer }, "tranDate": "20.11.2026", "item": { "items": [] } }),
        json!({ "entity": { "id": customer }, "item": { "items": [{ "item": { "id": "501" }, "amount": 1e300 }] } }),
        json!({ "entity": { "id": customer }, "item": { "items": [{ "item": { "id": "501" }, "amount": -1 }] } }),
        json!({ "entity": { "id": customer }, "item": { "items": [{ "quantity": 1 }] } }),
    ] {
        let answer = erp.put("/salesOrder/eid:UK-1-SO", &body).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text);
    }
    assert!(erp.documents("salesOrder").is_empty());
    assert_eq!(erp.call("GET", "/salesOrder/eid:UK-1-SO", &Value::Null).await.refusal().1, "NONEXISTENT_ID");
    assert_eq!(erp.call("DELETE", "/salesOrder/1", &Value::Null).await.status, 405);
    assert_eq!(erp.call("GET", "/purchaseOrder/1", &Value::Null).await.status, 404);
}

#[tokio::test]
async fn reset_forgets_documents_but_neither_callers_nor_ids() {
    let erp = Erp::new();
    let first = erp.order("UK-1-SO").await;
    let reset = http::Request::post("/_sandbox/reset").body(axum::body::Body::empty()).unwrap();
    assert_eq!(support::call(&erp.router, reset).await.status, 204);
    assert!(erp.documents("salesOrder").is_empty() && erp.netsuite.requests().is_empty());
    assert_ne!(erp.order("UK-1-SO").await, first, "an id is never given out again");
}

#[tokio::test]
async fn a_fault_may_strike_every_third_request_only() {
    let erp = Erp::new();
    let often = Fault::new("GET *", FaultKind::Status(500, None), 2).every(3);
    erp.netsuite.add_fault(often);
    let mut statuses = Vec::new();
    for _ in 0..7 {
        let answer = erp.call("GET", "/salesOrder/1", &Value::Null).await;
        statuses.push(answer.status);
    }
    assert_eq!(statuses, [404, 404, 500, 404, 404, 500, 404]);
}

#[tokio::test]
async fn an_item_that_was_removed_and_a_token_that_expired_are_unknown() {
    let erp = Erp::new();
    let customer = erp.customer("1").await;
    erp.netsuite.act(json!({ "remove_item": { "item": 502 } })).unwrap();
    let answer = erp.put("/salesOrder/eid:UK-1-SO", &order_body(&customer)).await;
    answer.assert_refused("USER_ERROR", "Invalid Field Value 502 for the following field: item");
    erp.netsuite.act(json!({ "action": "expire_tokens" })).unwrap();
    let answer = erp.put("/salesOrder/eid:UK-1-SO", &order_body(&customer)).await;
    assert_eq!(answer.refusal().1, "INVALID_LOGIN");
    let unknown = erp.netsuite.act(json!({ "explode": {} })).unwrap_err();
    assert!(unknown.starts_with("unknown action explode: use close_period"), "{unknown}");
}
