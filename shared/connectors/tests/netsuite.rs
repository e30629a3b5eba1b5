//! The NetSuite connector against NetSuite's sandbox with its ledger: whatever happens on the way, one document each,
//! to the penny.

#![expect(clippy::unwrap_used, reason = "what a test cannot have fails it")]

mod in_process;
mod netsuite_scene;

use crossdock_connectors::{Erp as _, Posted};
use crossdock_domain::Currency;
use crossdock_domain::Minor;
use crossdock_domain::event::FailureClass;
use crossdock_domain::posting::{FulfillmentDraft, Header, PostingLine, PostingTax, SalesDraft};
use crossdock_sandboxes::FaultKind;
use crossdock_sandboxes::keys::SigningKey;
use crossdock_sandboxes::netsuite::NetSuiteConfig;
use crossdock_step::Failure;
use serde_json::json;

use in_process::Vault;
use netsuite_scene::{
    RECORDS, TOKEN, application, balance, deposit, first_invoice, fulfillment, header, items, line, minor, order,
    permanent, scene, scene_with, second_invoice, settings, tax,
};

#[tokio::test]
async fn a_sales_order_is_posted_as_the_storefront_sold_it() {
    let scene = scene();
    let posted = scene.ordered().await;
    assert_eq!(posted.total, Some(minor(5997)));
    let orders = scene.documents("salesOrder");
    assert_eq!(orders.len(), 1);
    assert_eq!(orders[0]["id"], posted.id.as_str());
    assert_eq!(orders[0]["externalId"], "UK-820982911946154508-SO");
    assert_eq!(orders[0]["otherRefNum"], "#1001");
    assert_eq!(orders[0]["tranDate"], "2026-11-23");
    assert_eq!(orders[0]["total_minor"], 5997);
    assert_eq!(orders[0]["status"], "Pending Fulfillment");
    assert_eq!(orders[0]["lines"].as_array().unwrap().len(), 2);
    assert_eq!(orders[0]["taxDetails"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn guests_of_a_channel_are_one_customer_that_is_made_once() {
    let scene = scene();
    let before = scene.documents("customer").len();
    scene.ordered().await;
    let second = SalesDraft { header: Header { reference: "UK-2-SO".into(), ..header("SO") }, ..order() };
    scene.connector.post_sales_order(&second, &items()).await.unwrap();
    let customers = scene.documents("customer");
    assert_eq!(customers.len(), before + 1);
    let guest = customers.iter().find(|customer| customer["externalId"] == "GUEST-SHOPIFY-UK-GBP").unwrap();
    for order in scene.documents("salesOrder") {
        assert_eq!(order["entity"], guest["id"]);
    }
    let asked = scene.sandbox.requests().iter().filter(|request| request.path.contains("/customer/")).count();
    assert_eq!(asked, 3, "looked for, made, looked at; then remembered");
}

#[tokio::test]
async fn a_whole_order_leaves_nothing_open_in_the_ledger() {
    let scene = scene();
    let connector = &scene.connector;
    let order = scene.ordered().await;
    let deposit = connector.post_deposit(&deposit(), &order.id).await.unwrap();
    assert_eq!(deposit.total, Some(minor(5997)));
    let first = fulfillment(1, vec![(0, 1), (1, 1)]);
    connector.post_item_fulfillment(&first, &order.id).await.unwrap();
    let invoice = connector.post_invoice(&first_invoice(), &order.id).await.unwrap();
    assert_eq!(invoice.total, Some(minor(3998)));
    let applied = connector.apply_deposit(&application(1, (&deposit, &invoice), 3998)).await.unwrap();
    assert_eq!(applied.total, Some(minor(3998)));
    connector.post_item_fulfillment(&fulfillment(2, vec![(0, 1)]), &order.id).await.unwrap();
    let invoice = connector.post_invoice(&second_invoice(), &order.id).await.unwrap();
    connector.apply_deposit(&application(2, (&deposit, &invoice), 1999)).await.unwrap();

    for (record, count) in
        [("salesOrder", 1), ("customerDeposit", 1), ("itemFulfillment", 2), ("invoice", 2), ("depositApplication", 2)]
    {
        assert_eq!(scene.documents(record).len(), count, "{record}");
    }
    assert_eq!(scene.documents("salesOrder")[0]["status"], "Billed");
    assert!(scene.documents("invoice").iter().all(|invoice| invoice["status"] == "Paid In Full"));
    assert_eq!(scene.documents("customerDeposit")[0]["status"], "Fully Applied");
    let ledger = scene.sandbox.ledger();
    let sold = [
        ("receivables", 0),
        ("deposits", 0),
        ("clearing:shopify_payments", 5997),
        ("revenue", 3332 + 833),
        ("shipping", 832),
        ("tax:GB-S", 666 + 167 + 167),
        ("rounding", 0),
    ];
    for (account, expected) in sold {
        assert_eq!(balance(&ledger, account), expected, "{account}");
    }
}

#[tokio::test]
async fn a_part_of_an_order_ships_and_is_invoiced_without_the_rest() {
    let scene = scene();
    let order = scene.ordered().await;
    scene.connector.post_item_fulfillment(&fulfillment(1, vec![(1, 1)]), &order.id).await.unwrap();
    let fulfillments = scene.documents("itemFulfillment");
    let lines = fulfillments[0]["lines"].as_array().unwrap();
    assert_eq!((lines.len(), &lines[0]["orderLine"], lines[0]["quantity"].as_f64()), (1, &json!(2), Some(1.0)));
    let part = SalesDraft {
        header: header("INV1"),
        lines: vec![line(1, "MUG-WHT", 1, (833, 167))],
        total: minor(1999),
        ..order_draft_shipping()
    };
    let invoice = scene.connector.post_invoice(&part, &order.id).await.unwrap();
    assert_eq!(invoice.total, Some(minor(1999)));
    assert_eq!(scene.documents("invoice")[0]["lines"].as_array().unwrap().len(), 1);
}

fn order_draft_shipping() -> SalesDraft {
    SalesDraft { lines: Vec::new(), ..order() }
}

/// F21, F09: every write is committed, its answer lost, and the task is run again from the start.
#[tokio::test]
async fn a_document_whose_answer_was_lost_is_found_and_not_made_twice() {
    let after_commit = |status| FaultKind::StatusAfterCommit(status, None);
    for lost in [FaultKind::TimeoutAfterCommit, after_commit(500), after_commit(503)] {
        let scene = scene();
        let connector = &scene.connector;
        let in_doubt = |failure: Failure| assert!(matches!(failure, Failure::Retry { .. }), "{failure:?}");
        scene.fault(&format!("PUT {RECORDS}/customer"), lost.clone());
        in_doubt(connector.post_sales_order(&order(), &items()).await.unwrap_err());
        scene.fault(&format!("PUT {RECORDS}/salesOrder"), lost.clone());
        in_doubt(connector.post_sales_order(&order(), &items()).await.unwrap_err());
        let order = connector.post_sales_order(&order(), &items()).await.unwrap();
        scene.fault(&format!("PUT {RECORDS}/customerDeposit"), lost.clone());
        in_doubt(connector.post_deposit(&deposit(), &order.id).await.unwrap_err());
        let deposited = connector.post_deposit(&deposit(), &order.id).await.unwrap();
        let all = fulfillment(1, vec![(0, 2), (1, 1)]);
        scene.fault(&format!("POST {RECORDS}/salesOrder/*itemFulfillment"), lost.clone());
        in_doubt(connector.post_item_fulfillment(&all, &order.id).await.unwrap_err());
        connector.post_item_fulfillment(&all, &order.id).await.unwrap();
        let whole = SalesDraft { header: header("INV1"), ..self::order() };
        scene.fault(&format!("POST {RECORDS}/salesOrder/*invoice"), lost.clone());
        in_doubt(connector.post_invoice(&whole, &order.id).await.unwrap_err());
        let invoice = connector.post_invoice(&whole, &order.id).await.unwrap();
        let draft = application(1, (&deposited, &invoice), 5997);
        scene.fault(&format!("POST {RECORDS}/customerDeposit/*depositApplication"), lost.clone());
        in_doubt(connector.apply_deposit(&draft).await.unwrap_err());
        connector.apply_deposit(&draft).await.unwrap();

        for record in ["salesOrder", "customerDeposit", "itemFulfillment", "invoice", "depositApplication"] {
            assert_eq!(scene.documents(record).len(), 1, "{record} after {lost:?}");
        }
        assert_eq!(balance(&scene.sandbox.ledger(), "receivables"), 0);
        assert_eq!(balance(&scene.sandbox.ledger(), "deposits"), 0);
    }
}

#[tokio::test]
async fn every_document_posted_again_is_the_first() {
    let scene = scene();
    let connector = &scene.connector;
    let order = scene.ordered().await;
    assert_eq!(scene.ordered().await, order);
    let deposited = connector.post_deposit(&deposit(), &order.id).await.unwrap();
    assert_eq!(connector.post_deposit(&deposit(), &order.id).await.unwrap(), deposited);
    let all = fulfillment(1, vec![(0, 2), (1, 1)]);
    let fulfilled = connector.post_item_fulfillment(&all, &order.id).await.unwrap();
    assert_eq!(connector.post_item_fulfillment(&all, &order.id).await.unwrap(), fulfilled);
    let whole = SalesDraft { header: header("INV1"), ..self::order() };
    let invoice = connector.post_invoice(&whole, &order.id).await.unwrap();
    assert_eq!(connector.post_invoice(&whole, &order.id).await.unwrap(), invoice);
    let draft = application(1, (&deposited, &invoice), 5997);
    let applied = connector.apply_deposit(&draft).await.unwrap();
    assert_eq!(connector.apply_deposit(&draft).await.unwrap(), applied);
    for record in ["salesOrder", "customerDeposit", "itemFulfillment", "invoice", "depositApplication"] {
        assert_eq!(scene.documents(record).len(), 1, "{record}");
    }
}

#[tokio::test]
async fn a_document_under_our_reference_that_differs_is_not_taken_for_ours() {
    let scene = scene();
    let order = scene.ordered().await;
    scene.shipped(&order).await;
    let other = fulfillment(1, vec![(0, 1)]);
    let failure = scene.connector.post_item_fulfillment(&other, &order.id).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Value);
    assert_eq!(
        failure.to_string(),
        "for UK-820982911946154508-IF1 the ERP has 2 of line 1, 1 of line 2, the storefront sold 1 of line 1: \
         correct or delete the document there, then retry"
    );
}

#[tokio::test]
async fn tax_that_the_erp_computes_anew_goes_to_the_rounding_line() {
    let scene = scene_with(NetSuiteConfig { recompute_tax: true, ..NetSuiteConfig::default() }, settings());
    // 20 % of 8.33 is 1.666, which the ERP rounds to 1.67; the storefront charged 1.66.
    let draft = SalesDraft {
        lines: vec![line(0, "TEE-BLK-M", 2, (3332, 666)), line(1, "MUG-WHT", 1, (833, 166))],
        shipping: Minor::ZERO,
        shipping_taxes: Vec::new(),
        total: minor(4997),
        ..order()
    };
    let posted = scene.connector.post_sales_order(&draft, &items()).await.unwrap();
    assert_eq!(posted.total, Some(minor(4997)));
    let order = &scene.documents("salesOrder")[0];
    assert_eq!(order["total_minor"], 4997);
    assert_eq!(order["lines"].as_array().unwrap().len(), 3);
    // Again, and again after a lost answer: still one rounding line.
    scene.fault(&format!("PUT {RECORDS}/salesOrder"), FaultKind::TimeoutAfterCommit);
    scene.connector.post_sales_order(&draft, &items()).await.unwrap_err();
    assert_eq!(scene.connector.post_sales_order(&draft, &items()).await.unwrap(), posted);
    assert_eq!(scene.documents("salesOrder")[0]["lines"].as_array().unwrap().len(), 3);

    scene.connector.post_item_fulfillment(&fulfillment(1, vec![(0, 2), (1, 1)]), &posted.id).await.unwrap();
    let draft = SalesDraft { header: header("INV1"), ..draft };
    scene.fault(&format!("PUT {RECORDS}/invoice"), FaultKind::TimeoutAfterCommit);
    scene.connector.post_invoice(&draft, &posted.id).await.unwrap_err();
    let invoice = scene.connector.post_invoice(&draft, &posted.id).await.unwrap();
    assert_eq!(invoice.total, Some(minor(4997)));
    assert_eq!(scene.documents("invoice")[0]["total_minor"], 4997);
    assert_eq!(scene.documents("invoice")[0]["lines"].as_array().unwrap().len(), 3);
    let ledger = scene.sandbox.ledger();
    assert_eq!((balance(&ledger, "receivables"), balance(&ledger, "rounding")), (4997, -1));
}

#[tokio::test]
async fn a_difference_beyond_tolerance_is_held_with_both_totals() {
    let scene = scene_with(NetSuiteConfig { recompute_tax: true, ..NetSuiteConfig::default() }, settings());
    let draft = SalesDraft {
        lines: vec![line(1, "MUG-WHT", 1, (833, 160))],
        shipping: Minor::ZERO,
        shipping_taxes: Vec::new(),
        total: minor(993),
        ..order()
    };
    let failure = scene.connector.post_sales_order(&draft, &items()).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Value);
    assert!(failure.to_string().contains("the ERP has 10.00 GBP, the storefront sold 9.93 GBP"), "{failure}");
    assert_eq!(scene.documents("salesOrder")[0]["lines"].as_array().unwrap().len(), 1, "no rounding line");

    let exact = SalesDraft { header: Header { rounding_tolerance: Minor::ZERO, ..header("SO") }, ..draft };
    let off_by_one = SalesDraft { lines: vec![line(1, "MUG-WHT", 1, (833, 166))], total: minor(999), ..exact };
    let failure = scene.connector.post_sales_order(&off_by_one, &items()).await.unwrap_err();
    assert!(failure.to_string().contains("the ERP has 10.00 GBP, the storefront sold 9.99 GBP"), "{failure}");
}

#[tokio::test]
async fn currencies_without_and_with_three_decimals_are_exact() {
    for (code, net, vat, shown) in
        [("JPY", 1999, 200, 2199), ("KWD", 1999, 200, 2199), ("KWD", 100_000_000_001, 1, 100_000_000_002_i64)]
    {
        let scene = scene();
        let taxes = vec![PostingTax { title: "CT".into(), rate: "0.1".into(), amount: minor(vat) }];
        let currency: Currency = code.parse().unwrap();
        let draft = SalesDraft {
            header: Header { currency, ..header("SO") },
            lines: vec![PostingLine { taxes, ..line(0, "TEE-BLK-M", 3, (net, 0)) }],
            shipping: Minor::ZERO,
            shipping_taxes: Vec::new(),
            total: minor(shown),
        };
        let posted = scene.connector.post_sales_order(&draft, &items()).await.unwrap();
        assert_eq!(posted.total, Some(minor(shown)), "{code}");
        assert_eq!(scene.documents("salesOrder")[0]["total_minor"], shown, "{code}");
    }
}

#[tokio::test]
async fn a_closed_period_is_named_with_what_to_do() {
    let scene = scene();
    let order = scene.ordered().await;
    scene.shipped(&order).await;
    scene.sandbox.act(json!({ "action": "close_period", "month": "2026-11" })).unwrap();
    let whole = SalesDraft { header: header("INV1"), ..self::order() };
    let failure = scene.connector.post_invoice(&whole, &order.id).await.unwrap_err();
    let (class, reason) = permanent(&failure);
    assert_eq!(class, FailureClass::Refused);
    assert!(reason.contains("posting date 2026-11-23, period 2026-11"), "{reason}");
    assert!(reason.contains("open the accounting period"), "{reason}");
    assert!(scene.documents("invoice").is_empty());
    scene.sandbox.act(json!({ "action": "open_period", "month": "2026-11" })).unwrap();
    scene.connector.post_invoice(&whole, &order.id).await.unwrap();
}

#[tokio::test]
async fn what_the_erp_does_not_know_is_a_matter_of_mapping() {
    let scene = scene();
    scene.sandbox.act(json!({ "action": "remove_item", "item": 502 })).unwrap();
    let failure = scene.connector.post_sales_order(&order(), &items()).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Mapping, "{failure}");
    assert!(failure.to_string().contains("502"), "{failure}");

    let unmapped = items().into_iter().take(1).collect();
    let failure = scene.connector.post_sales_order(&order(), &unmapped).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Mapping);

    let strange = SalesDraft { shipping_taxes: vec![tax("0.13", 167)], ..order() };
    let failure = scene.connector.post_sales_order(&strange, &items()).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Mapping);
    assert!(failure.to_string().contains("GB VAT 0.13"), "{failure}");

    let euros = Header { currency: "EUR".parse().unwrap(), ..header("SO") };
    let euros = SalesDraft { header: euros, ..order() };
    let failure = scene.connector.post_sales_order(&euros, &items()).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Mapping);

    let elsewhere = FulfillmentDraft { location: "PAR1".parse().unwrap(), ..fulfillment(1, vec![(0, 1)]) };
    let failure = scene.connector.post_item_fulfillment(&elsewhere, "10001").await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Mapping);
    assert!(scene.documents("salesOrder").is_empty());
}

#[tokio::test]
async fn a_guest_that_was_merged_away_at_the_erp_is_looked_for_again() {
    let scene = scene();
    scene.ordered().await;
    let control = |path: &str| http::Request::post(path).body(axum::body::Body::empty()).unwrap();
    tower::ServiceExt::oneshot(scene.sandbox.router(), control("/_sandbox/reset")).await.unwrap();
    assert!(scene.documents("salesOrder").is_empty());
    let posted = scene.ordered().await;
    assert_eq!(scene.documents("salesOrder")[0]["id"], posted.id.as_str());
    scene.connector.post_deposit(&deposit(), &posted.id).await.unwrap();
}

#[tokio::test]
async fn an_outage_is_told_to_all_who_wait_at_once() {
    let scene = scene();
    scene.faults(TOKEN, FaultKind::TimeoutBeforeCommit, 100);
    let (draft, items) = (order(), items());
    let posts = (0..10).map(|_| scene.connector.post_sales_order(&draft, &items));
    for outcome in futures_util::future::join_all(posts).await {
        assert!(matches!(outcome, Err(Failure::Retry { .. })), "{outcome:?}");
    }
    assert!(scene.logins() < 10, "{} time-outs in a row", scene.logins());
}

/// What a first try or a person left behind under our reference is replaced, not merged with.
#[tokio::test]
async fn a_sales_order_that_has_other_lines_becomes_ours() {
    let scene = scene();
    let posted = scene.ordered().await;
    let smaller = SalesDraft { lines: vec![line(1, "MUG-WHT", 1, (833, 167))], total: minor(1999), ..order() };
    let again = scene.connector.post_sales_order(&smaller, &items()).await.unwrap();
    assert_eq!(again, Posted { id: posted.id, total: Some(minor(1999)) });
    let order = &scene.documents("salesOrder")[0];
    assert_eq!(order["lines"].as_array().unwrap().len(), 1);
    assert_eq!(order["taxDetails"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_tax_of_nothing_needs_no_code() {
    let scene = scene();
    let exempt = SalesDraft { shipping_taxes: vec![tax("0", 0)], total: minor(5830), ..order() };
    let posted = scene.connector.post_sales_order(&exempt, &items()).await.unwrap();
    assert_eq!(posted.total, Some(minor(5830)));
}

#[tokio::test]
async fn a_reference_of_36_characters_is_refused_before_any_call() {
    let scene = scene();
    for reference in ["UK-8209829119461545081234567890123-SO", "uk-1-SO", "UK/1", "", "UK-1-SO?replace=item"] {
        let draft = SalesDraft { header: Header { reference: reference.into(), ..header("SO") }, ..order() };
        let failure = scene.connector.post_sales_order(&draft, &items()).await.unwrap_err();
        assert_eq!(permanent(&failure).0, FailureClass::Value, "{reference}");
    }
    let failure = scene.connector.post_invoice(&first_invoice(), "1/../../2").await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Value);
    assert!(scene.sandbox.requests().is_empty());
    let longest = Header { reference: format!("WEB-{}-SO", "9".repeat(28)), ..header("SO") };
    assert_eq!(longest.reference.len(), 35);
    scene.connector.post_sales_order(&SalesDraft { header: longest, ..order() }, &items()).await.unwrap();
}

#[tokio::test]
async fn what_is_not_shipped_is_not_invoiced() {
    let scene = scene();
    let order = scene.ordered().await;
    let failure = scene.connector.post_invoice(&first_invoice(), &order.id).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Refused, "{failure}");
    assert!(scene.documents("invoice").is_empty());
}

#[tokio::test]
async fn a_deposit_is_not_applied_twice_under_another_reference() {
    let scene = scene();
    let order = scene.ordered().await;
    let deposited = scene.connector.post_deposit(&deposit(), &order.id).await.unwrap();
    scene.shipped(&order).await;
    let whole = SalesDraft { header: header("INV1"), ..self::order() };
    let invoice = scene.connector.post_invoice(&whole, &order.id).await.unwrap();
    scene.connector.apply_deposit(&application(1, (&deposited, &invoice), 5997)).await.unwrap();
    let failure = scene.connector.apply_deposit(&application(2, (&deposited, &invoice), 5997)).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Refused, "{failure}");
    assert_eq!(scene.documents("depositApplication").len(), 1);
}

/// F24: under 429, under 400, and in a body that is no JSON.
#[tokio::test]
async fn too_many_calls_pause_the_connection_for_one_to_five_seconds() {
    let scene = scene();
    let variant = |name: &str| Some(name.to_owned());
    for (matching, kind) in [
        (TOKEN, FaultKind::Status(429, None)),
        ("GET /services/rest/record", FaultKind::Status(429, variant("malformed"))),
        ("PUT /services/rest/record", FaultKind::Status(429, variant("too_many"))),
        ("PUT /services/rest/record", FaultKind::Status(400, variant("concurrency"))),
    ] {
        scene.fault(matching, kind.clone());
        let failure = scene.connector.post_sales_order(&order(), &items()).await.unwrap_err();
        let Failure::Paused { connection, until, .. } = &failure else { panic!("{kind:?}: {failure:?}") };
        let pause = until.duration_since(scene.time.now()).as_millis();
        assert_eq!(connection, "netsuite");
        assert!((1000..=5000).contains(&pause), "{pause} ms");
    }
    scene.ordered().await;
    assert_eq!(scene.documents("salesOrder").len(), 1);
}

#[tokio::test]
async fn an_outage_is_waited_out() {
    let scene = scene();
    let order = scene.ordered().await;
    scene.shipped(&order).await;
    for status in [500, 502, 503] {
        for matching in [format!("POST {RECORDS}"), format!("GET {RECORDS}/invoice")] {
            scene.fault(&matching, FaultKind::Status(status, None));
            let failure = scene.connector.post_invoice(&first_invoice(), &order.id).await.unwrap_err();
            assert!(matches!(failure, Failure::Retry { .. }), "{status}: {failure:?}");
        }
    }
    let posted = scene.connector.post_invoice(&first_invoice(), &order.id).await.unwrap();
    assert_eq!(posted.total, Some(minor(3998)));
    assert_eq!(scene.documents("invoice").len(), 1);
}

/// F26.
#[tokio::test]
async fn a_wrong_answer_is_no_success() {
    let scene = scene();
    for (matching, wrong) in [
        (format!("PUT {RECORDS}/salesOrder"), FaultKind::HtmlPage),
        (format!("GET {RECORDS}/salesOrder"), FaultKind::HtmlPage),
        (format!("PUT {RECORDS}/salesOrder"), FaultKind::WrongAnswer),
        (format!("GET {RECORDS}/salesOrder"), FaultKind::WrongAnswer),
        (format!("GET {RECORDS}/customer"), FaultKind::HtmlPage),
        (TOKEN.to_owned(), FaultKind::HtmlPage),
    ] {
        // Another environment: nothing is remembered, so that every call is made.
        let connector = scene.connector_with(&scene.vault);
        scene.fault(&matching, wrong.clone());
        let failure = connector.post_sales_order(&order(), &items()).await.unwrap_err();
        assert_eq!(permanent(&failure).0, FailureClass::Parse, "{matching} {wrong:?}: {failure}");
        assert!(!failure.to_string().contains("<html"), "{failure}");
    }
    assert_eq!(scene.ordered().await.total, Some(minor(5997)));
    assert_eq!(scene.documents("salesOrder").len(), 1);
    scene.fault(&format!("GET {RECORDS}/customerDeposit"), FaultKind::WrongAnswer);
    let order = scene.documents("salesOrder")[0]["id"].as_str().unwrap().to_owned();
    let failure = scene.connector.post_deposit(&deposit(), &order).await.unwrap_err();
    assert!(failure.to_string().contains("the ERP has 59.98 GBP, the storefront sold 59.97 GBP"), "{failure}");
}

#[tokio::test]
async fn what_the_role_may_not_and_what_a_workflow_locks_is_told_apart() {
    let scene = scene();
    for (status, variant, class, action) in [
        (400, Some("permission"), FailureClass::Connection, "give the integration's role the permission"),
        (403, None, FailureClass::Connection, "give the integration's role the permission"),
        (400, Some("locked"), FailureClass::Refused, "workflow"),
    ] {
        scene.fault(&format!("PUT {RECORDS}/salesOrder"), FaultKind::Status(status, variant.map(str::to_owned)));
        let failure = scene.connector.post_sales_order(&order(), &items()).await.unwrap_err();
        let (found, reason) = permanent(&failure);
        assert_eq!(found, class, "{reason}");
        assert!(reason.contains(action), "{reason}");
    }
}

#[tokio::test]
async fn a_token_is_bought_once_for_many_calls_and_again_before_it_ends() {
    let scene = scene();
    scene.ordered().await;
    scene.ordered().await;
    assert_eq!(scene.logins(), 1);
    scene.time.pass(3541);
    scene.ordered().await;
    assert_eq!(scene.logins(), 2);
}

#[tokio::test]
async fn a_token_that_expired_early_is_replaced_once() {
    let scene = scene();
    scene.ordered().await;
    scene.sandbox.act(json!({ "action": "expire_tokens" })).unwrap();
    scene.ordered().await;
    assert_eq!((scene.logins(), scene.vault.fresh_reads()), (2, 1));
}

/// F27.
#[tokio::test]
async fn a_rotated_secret_is_read_anew_once() {
    let scene = scene();
    let old = Vault::holding(json!({
        "client_id": "client-1", "certificate_id": "certificate-0",
        "private_key": SigningKey::generate().private_pem().unwrap(),
    }));
    old.rotate(scene.secret.clone());
    scene.connector_with(&old).post_sales_order(&order(), &items()).await.unwrap();
    assert_eq!((scene.logins(), old.fresh_reads()), (2, 1));
}

/// F27: no lockout storm.
#[tokio::test]
async fn a_secret_that_is_refused_is_not_tried_again_for_a_minute() {
    let scene = scene();
    let wrong = Vault::holding(json!({
        "client_id": "client-1", "certificate_id": "certificate-1",
        "private_key": SigningKey::generate().private_pem().unwrap(),
    }));
    let connector = scene.connector_with(&wrong);
    for _ in 0..20 {
        let failure = connector.post_sales_order(&order(), &items()).await.unwrap_err();
        assert_eq!(permanent(&failure).0, FailureClass::Connection);
        assert!(!failure.to_string().contains("PRIVATE KEY"));
    }
    assert_eq!(scene.logins(), 1);
    wrong.rotate(scene.secret.clone());
    connector.post_sales_order(&order(), &items()).await.unwrap();
}

#[tokio::test]
async fn an_api_that_refuses_every_token_is_left_alone() {
    let scene = scene();
    scene.faults("GET /services/rest/record", FaultKind::Status(401, None), 100);
    for _ in 0..20 {
        let failure = scene.connector.post_sales_order(&order(), &items()).await.unwrap_err();
        assert_eq!(permanent(&failure).0, FailureClass::Connection);
    }
    assert_eq!((scene.logins(), scene.calls("GET")), (2, 2));
}

#[tokio::test]
async fn a_secret_that_cannot_sign_is_named_without_being_shown() {
    let scene = scene();
    for (secret, named) in [
        (json!({}), "\"private_key\""),
        (json!({ "private_key": "CANARY", "client_id": "c", "certificate_id": "k" }), "PKCS#8"),
        (json!({ "private_key": "CANARY" }), "\"client_id\""),
    ] {
        let connector = scene.connector_with(&Vault::holding(secret));
        let failure = connector.post_sales_order(&order(), &items()).await.unwrap_err();
        assert_eq!(permanent(&failure).0, FailureClass::Connection);
        assert!(failure.to_string().contains(named), "{failure}");
        assert!(!failure.to_string().contains("CANARY"), "{failure}");
    }
    assert!(scene.sandbox.requests().is_empty());
}

#[tokio::test]
async fn a_hundred_orders_at_once_sign_in_once_and_make_one_customer() {
    let scene = scene_with(NetSuiteConfig { concurrency_limit: 1000, ..NetSuiteConfig::default() }, settings());
    let drafts = (0..100).map(|number| SalesDraft {
        header: Header { reference: format!("UK-{number}-SO"), ..header("SO") },
        ..order()
    });
    let drafts = drafts.collect::<Vec<_>>();
    let items = items();
    let posts = drafts.iter().map(|draft| scene.connector.post_sales_order(draft, &items));
    for posted in futures_util::future::join_all(posts).await {
        posted.unwrap();
    }
    assert_eq!(scene.logins(), 1);
    assert_eq!(scene.documents("salesOrder").len(), 100);
    let guests = scene.documents("customer").iter().filter(|c| c["externalId"] == "GUEST-SHOPIFY-UK-GBP").count();
    assert_eq!(guests, 1);
}
