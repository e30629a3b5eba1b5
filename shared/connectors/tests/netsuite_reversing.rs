//! The NetSuite connector takes back what was sold, against NetSuite's sandbox with its ledger: whatever happens on the
//! way, one document each, stock once, to the penny.

#![expect(clippy::unwrap_used, reason = "what a test cannot have fails it")]

mod in_process;
mod netsuite_scene;

use std::collections::BTreeMap;

use crossdock_connectors::netsuite::NetSuite;
use crossdock_connectors::{Erp as _, Posted};
use crossdock_domain::event::{Disposition, FailureClass};
use crossdock_domain::posting::{Header, PostingLine, PostingTax, SalesDraft};
use crossdock_domain::reversing::{
    AdjustmentDraft, AmendedLine, AmendmentDraft, CreditApplicationDraft, CreditDraft, CreditKind, CreditLine,
    JournalAccount, JournalDraft, ReceiptDraft, RefundDraft, RefundSource, ReturnDraft,
};
use crossdock_domain::{Minor, Sku};
use crossdock_sandboxes::FaultKind;
use crossdock_sandboxes::netsuite::NetSuiteConfig;
use crossdock_step::Failure;
use serde_json::{Value, json};

use in_process::outside;
use netsuite_scene::{
    RECORDS, Scene, application, balance, deposit, fulfillment, header, items, line, minor, order, permanent, scene,
    scene_with, settings, tax,
};

/// A document and the call that makes it.
const STEPS: [(&str, &str); 10] = [
    ("amendment", "PATCH salesOrder"),
    ("returnAuthorization", "POST salesOrder/*returnAuthorization"),
    ("itemReceipt", "POST returnAuthorization/*itemReceipt"),
    ("creditMemo", "POST returnAuthorization/*creditMemo"),
    ("application", "PATCH creditMemo"),
    ("refund of the memo", "POST customerRefund"),
    ("refund of the deposit", "POST customerRefund"),
    ("adjustment", "POST inventoryAdjustment"),
    ("lone creditMemo", "POST creditMemo"),
    ("journal", "POST journalEntry"),
];

fn call_of(step: &str) -> String {
    let (_, call) = STEPS.iter().find(|(name, _)| *name == step).unwrap();
    let (method, path) = call.split_once(' ').unwrap();
    format!("{method} {RECORDS}/{path}")
}

fn all_items() -> BTreeMap<Sku, String> {
    let mut items = items();
    items.insert("CAP-RED".parse().unwrap(), "503".into());
    items
}

fn goods() -> Vec<PostingLine> {
    vec![line(0, "TEE-BLK-M", 2, (3332, 666)), line(1, "MUG-WHT", 1, (833, 167))]
}

fn amended(line: PostingLine, closed: bool) -> AmendedLine {
    AmendedLine { line, closed }
}

/// One more cap than was ordered at first.
fn amendment() -> AmendmentDraft {
    let mut lines = goods();
    lines.push(line(2, "CAP-RED", 1, (1542, 308)));
    AmendmentDraft { header: header("SO"), lines: lines.into_iter().map(|line| amended(line, false)).collect() }
}

fn authorization() -> ReturnDraft {
    ReturnDraft { header: header("RMA1"), lines: goods() }
}

fn receipt() -> ReceiptDraft {
    ReceiptDraft {
        header: header("IR1"),
        location: "LON1".parse().unwrap(),
        lines: vec![(0, 1, Disposition::Restock), (1, 1, Disposition::Quarantine), (0, 1, Disposition::Scrap)],
    }
}

fn credit_line(kind: CreditKind, amounts: (i64, i64)) -> CreditLine {
    let (net, vat) = amounts;
    CreditLine { kind, net: minor(net), taxes: vec![tax("0.2", vat)] }
}

/// All goods and shipping, less a restocking fee of 6.00.
fn credit() -> CreditDraft {
    CreditDraft {
        header: header("CM1"),
        goods: goods(),
        others: vec![credit_line(CreditKind::Shipping, (832, 167)), credit_line(CreditKind::Adjustment, (-500, -100))],
        total: minor(5397),
    }
}

fn lone_credit() -> CreditDraft {
    CreditDraft {
        header: header("CM2"),
        goods: Vec::new(),
        others: vec![credit_line(CreditKind::Kept, (833, 167)), credit_line(CreditKind::Adjustment, (100, 20))],
        total: minor(1120),
    }
}

fn refund(number: u32, source: RefundSource, amount: i64) -> RefundDraft {
    let header = header(&format!("CR{number}"));
    RefundDraft { header, gateway: "shopify_payments".into(), amount: minor(amount), source }
}

fn adjustment(lines: &[(&str, u32, Disposition)]) -> AdjustmentDraft {
    AdjustmentDraft {
        header: header("IA1"),
        location: "LON1".parse().unwrap(),
        lines: lines.iter().map(|(sku, units, fate)| (sku.parse().unwrap(), *units, *fate)).collect(),
    }
}

fn chargeback() -> JournalDraft {
    JournalDraft {
        header: header("JE1"),
        debit: JournalAccount::Disputes,
        credit: JournalAccount::Gateway("shopify_payments".into()),
        amount: minor(5997),
    }
}

/// An order that was shipped, invoiced and paid for but 9.97, and what has been posted to take it back.
struct Story {
    scene: Scene,
    order: Posted,
    deposit: Posted,
    invoice: Posted,
    posted: BTreeMap<String, Posted>,
}

impl Story {
    async fn sold() -> Self {
        Self::sold_in(scene()).await
    }

    async fn sold_in(scene: Scene) -> Self {
        let order = scene.ordered().await;
        let deposit = scene.connector.post_deposit(&deposit(), &order.id).await.unwrap();
        scene.shipped(&order).await;
        let whole = SalesDraft { header: header("INV1"), ..self::order() };
        let invoice = scene.connector.post_invoice(&whole, &order.id).await.unwrap();
        scene.connector.apply_deposit(&application(1, (&deposit, &invoice), 5000)).await.unwrap();
        Self { scene, order, deposit, invoice, posted: BTreeMap::new() }
    }

    fn id(&self, step: &str) -> String {
        self.posted.get(step).unwrap().id.clone()
    }

    async fn post(&mut self, step: &str) -> Result<Posted, Failure> {
        let posted = self.try_to_post(&self.scene.connector, step).await?;
        self.posted.insert(step.to_owned(), posted.clone());
        Ok(posted)
    }

    async fn try_to_post(&self, erp: &NetSuite, step: &str) -> Result<Posted, Failure> {
        match step {
            "amendment" => erp.amend_sales_order(&amendment(), &self.order.id, &all_items()).await,
            "returnAuthorization" => erp.post_return_authorization(&authorization(), &self.order.id).await,
            "itemReceipt" => erp.post_item_receipt(&receipt(), &self.id("returnAuthorization")).await,
            "creditMemo" => erp.post_credit_memo(&credit(), Some(&self.id("returnAuthorization"))).await,
            "application" => erp.apply_credit(&self.application(997)).await,
            "refund of the memo" => {
                let source = RefundSource::CreditMemo(self.id("creditMemo"));
                erp.post_customer_refund(&refund(1, source, 4400)).await
            }
            "refund of the deposit" => {
                let source = RefundSource::Deposit(self.deposit.id.clone());
                erp.post_customer_refund(&refund(2, source, 997)).await
            }
            "adjustment" => {
                let wrong_item = adjustment(&[("CAP-RED", 1, Disposition::Restock)]);
                erp.post_adjustment(&wrong_item, &all_items()).await
            }
            "lone creditMemo" => erp.post_credit_memo(&lone_credit(), None).await,
            "journal" => erp.post_journal(&chargeback()).await,
            _ => panic!("{step}"),
        }
    }

    fn application(&self, amount: i64) -> CreditApplicationDraft {
        CreditApplicationDraft {
            // The day of the exchange, not that of the memo.
            header: Header { posting_date: "2026-11-25".parse().unwrap(), ..header("CM1") },
            credit_memo: self.id("creditMemo"),
            invoice: self.invoice.id.clone(),
            amount: minor(amount),
        }
    }

    fn assert_one_of_each(&self, told: &str) {
        let expected = [
            ("salesOrder", 1),
            ("returnAuthorization", 1),
            ("itemReceipt", 2),
            ("creditMemo", 2),
            ("customerRefund", 2),
            ("inventoryAdjustment", 1),
            ("journalEntry", 1),
        ];
        for (record, count) in expected {
            assert_eq!(self.scene.documents(record).len(), count, "{record} {told}");
        }
        assert_eq!(self.scene.documents("salesOrder")[0]["lines"].as_array().unwrap().len(), 3, "{told}");
        let ledger = self.scene.sandbox.ledger();
        let expected = [
            ("deposits", 0),
            ("receivables", -1120),
            ("clearing:shopify_payments", 5997 - 4400 - 997 - 5997),
            ("disputes", 5997),
            ("shipping", 0),
            ("revenue", -833),
            ("allowances", 500 - 100),
            ("tax:GB-S", 100 - 187),
        ];
        for (account, expected) in expected {
            assert_eq!(balance(&ledger, account), expected, "{account} {told}");
        }
    }

    fn stock(&self, item: u32, location: u32) -> f64 {
        let look = json!({ "action": "receive_stock", "item": item, "location": location, "quantity": 0 });
        self.scene.sandbox.act(look).unwrap()["quantity"].as_f64().unwrap()
    }
}

#[tokio::test]
async fn a_returned_order_with_mixed_fates_is_credited_and_paid_back_and_leaves_nothing_open() {
    let mut story = Story::sold().await;
    assert_eq!((story.stock(501, 11), story.stock(502, 11)), (-2.0, -1.0));
    for (step, total) in [
        ("returnAuthorization", Some(4998)),
        ("itemReceipt", None),
        ("creditMemo", Some(5397)),
        ("application", Some(997)),
        ("refund of the memo", Some(4400)),
        ("refund of the deposit", Some(997)),
    ] {
        assert_eq!(story.post(step).await.unwrap().total, total.map(minor), "{step}");
    }
    // One tee is sellable again, one was thrown away, the mug waits in quarantine.
    assert_eq!((story.stock(501, 11), story.stock(502, 11), story.stock(502, 21)), (-1.0, -1.0, 1.0));
    let receipts = story.scene.documents("itemReceipt");
    let references = receipts.iter().map(|receipt| receipt["externalId"].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(references, ["UK-820982911946154508-IR1", "UK-820982911946154508-IR1B"]);
    assert_eq!(receipts[0]["id"], story.id("itemReceipt").as_str());
    let ledger = story.scene.sandbox.ledger();
    let settled = [
        ("receivables", 0),
        ("deposits", 0),
        ("clearing:shopify_payments", 5997 - 4400 - 997),
        ("revenue", 0),
        ("shipping", 0),
        ("allowances", 500),
        ("tax:GB-S", 100),
        ("cogs", 620),
        ("inventory", -620),
    ];
    for (account, expected) in settled {
        assert_eq!(balance(&ledger, account), expected, "{account}");
    }
    assert_eq!(story.scene.documents("returnAuthorization")[0]["status"], "Refunded");
    assert_eq!(story.scene.documents("creditMemo")[0]["status"], "Fully Applied");
    assert_eq!(story.scene.documents("invoice")[0]["status"], "Paid In Full");
    assert_eq!(story.scene.documents("customerDeposit")[0]["status"], "Fully Applied");
}

#[tokio::test]
async fn an_order_that_was_cancelled_before_it_left_is_closed_and_its_deposit_paid_back() {
    let scene = scene();
    let order = scene.ordered().await;
    let deposit = scene.connector.post_deposit(&deposit(), &order.id).await.unwrap();
    let lines = goods().into_iter().map(|line| amended(line, true)).collect();
    let draft = AmendmentDraft { header: header("SO"), lines };
    let closed = scene.connector.amend_sales_order(&draft, &order.id, &items()).await.unwrap();
    assert_eq!(closed.id, order.id);
    let draft = refund(1, RefundSource::Deposit(deposit.id), 5997);
    scene.connector.post_customer_refund(&draft).await.unwrap();
    assert_eq!(scene.documents("salesOrder")[0]["status"], "Closed");
    let ledger = scene.sandbox.ledger();
    for account in ["receivables", "deposits", "clearing:shopify_payments", "revenue", "shipping"] {
        assert_eq!(balance(&ledger, account), 0, "{account}");
    }
    let failure = scene.connector.post_item_fulfillment(&fulfillment(1, vec![(0, 1)]), &order.id).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Refused);
}

#[tokio::test]
async fn every_document_posted_again_is_the_first() {
    let mut story = Story::sold().await;
    for (step, _) in STEPS {
        let first = story.post(step).await.unwrap();
        assert_eq!(story.post(step).await.unwrap(), first, "{step}");
    }
    for (step, _) in STEPS {
        let before = story.posted.get(step).unwrap().clone();
        assert_eq!(story.post(step).await.unwrap(), before, "{step} once more, at the end");
    }
    story.assert_one_of_each("posted again");
}

#[tokio::test]
async fn a_document_whose_answer_was_lost_is_found_and_not_made_twice() {
    let after_commit = |status| FaultKind::StatusAfterCommit(status, None);
    for lost in [FaultKind::TimeoutAfterCommit, after_commit(500), after_commit(503)] {
        let mut story = Story::sold().await;
        for (step, _) in STEPS {
            story.scene.fault(&call_of(step), lost.clone());
            let failure = story.post(step).await.unwrap_err();
            assert!(matches!(failure, Failure::Retry { .. }), "{step}: {failure:?}");
            story.post(step).await.unwrap();
        }
        story.assert_one_of_each(&format!("after {lost:?}"));
    }
}

#[tokio::test]
async fn an_outage_is_waited_out() {
    let mut story = Story::sold().await;
    for (step, _) in STEPS {
        for fault in [FaultKind::Status(500, None), FaultKind::Status(503, None), FaultKind::TimeoutBeforeCommit] {
            story.scene.fault(&call_of(step), fault.clone());
            let failure = story.post(step).await.unwrap_err();
            assert!(matches!(failure, Failure::Retry { .. }), "{step} {fault:?}: {failure:?}");
        }
        story.scene.fault(&call_of(step), FaultKind::Status(429, None));
        let failure = story.post(step).await.unwrap_err();
        assert!(matches!(failure, Failure::Paused { .. }), "{step}: {failure:?}");
        story.post(step).await.unwrap();
    }
    story.assert_one_of_each("after an outage");
}

#[tokio::test]
async fn a_wrong_answer_is_no_success() {
    let mut story = Story::sold().await;
    for (step, _) in STEPS {
        for wrong in [FaultKind::HtmlPage, FaultKind::WrongAnswer] {
            story.scene.fault(&call_of(step), wrong.clone());
            let failure = story.post(step).await.unwrap_err();
            assert_eq!(permanent(&failure).0, FailureClass::Parse, "{step} {wrong:?}: {failure}");
        }
        story.post(step).await.unwrap();
    }
    story.assert_one_of_each("after wrong answers");
    for (step, record) in [
        ("amendment", "salesOrder"),
        ("creditMemo", "creditMemo/eid:UK-820982911946154508-CM1"),
        ("lone creditMemo", "creditMemo/eid:UK-820982911946154508-CM2"),
        ("refund of the memo", "customerRefund"),
        ("journal", "journalEntry"),
    ] {
        story.scene.fault(&format!("GET {RECORDS}/{record}"), FaultKind::HtmlPage);
        let failure = story.post(step).await.unwrap_err();
        assert_eq!(permanent(&failure).0, FailureClass::Parse, "{step}: {failure}");
    }
    story.scene.fault(&format!("GET {RECORDS}/customerRefund"), FaultKind::WrongAnswer);
    let failure = story.post("refund of the memo").await.unwrap_err();
    assert!(failure.to_string().contains("the ERP has 44.01 GBP, the order says 44.00 GBP"), "{failure}");
}

#[tokio::test]
async fn a_closed_period_is_named_with_what_to_do() {
    let mut story = Story::sold().await;
    for (step, _) in STEPS {
        let posts = !["amendment", "returnAuthorization"].contains(&step);
        story.scene.sandbox.act(json!({ "action": "close_period", "month": "2026-11" })).unwrap();
        let outcome = story.post(step).await;
        match outcome {
            Err(failure) if posts => {
                let (class, reason) = permanent(&failure);
                assert_eq!(class, FailureClass::Refused, "{step}: {reason}");
                assert!(reason.contains("period 2026-11") && reason.contains("open the accounting period"), "{reason}");
            }
            outcome => assert!(outcome.is_ok() && !posts, "{step}: {outcome:?}"),
        }
        story.scene.sandbox.act(json!({ "action": "open_period", "month": "2026-11" })).unwrap();
        let posted = story.post(step).await.unwrap();
        // What was posted before the period was closed is found in it.
        story.scene.sandbox.act(json!({ "action": "close_period", "month": "2026-11" })).unwrap();
        assert_eq!(story.post(step).await.unwrap(), posted, "{step}");
        story.scene.sandbox.act(json!({ "action": "open_period", "month": "2026-11" })).unwrap();
    }
    story.assert_one_of_each("after closed periods");
}

#[tokio::test]
async fn what_is_not_configured_is_named_before_anything_is_posted() {
    let mut story = Story::sold().await;
    for (step, _) in STEPS {
        story.post(step).await.unwrap();
    }
    let before = story.scene.sandbox.ledger();
    for (step, setting, named) in [
        ("itemReceipt", "quarantine_locations", "\"quarantine_locations\""),
        ("itemReceipt", "locations", "\"locations\""),
        ("creditMemo", "adjustment_item", "\"adjustment_item\" is missing"),
        ("creditMemo", "tax_codes", "\"tax_codes\""),
        ("lone creditMemo", "kept_goods_item", "\"kept_goods_item\" is missing"),
        ("refund of the memo", "gateways", "\"gateways\""),
        ("adjustment", "adjustment_account", "\"adjustment_account\" is missing"),
        ("journal", "dispute_account", "\"dispute_account\" is missing"),
    ] {
        let mut unmapped = settings();
        unmapped.as_object_mut().unwrap().remove(setting);
        let writes = |story: &Story| story.scene.calls("POST") + story.scene.calls("PATCH") + story.scene.calls("PUT");
        let (vault, time) = (story.scene.vault.clone(), &story.scene.time);
        let router = story.scene.sandbox.router();
        let connector = NetSuite::new(outside(("netsuite", router), unmapped, vault, time)).unwrap();
        let (calls, logins) = (writes(&story), story.scene.logins());
        let failure = story.try_to_post(&connector, step).await.unwrap_err();
        let (class, reason) = permanent(&failure);
        assert_eq!(class, FailureClass::Mapping, "{step}: {reason}");
        assert!(reason.contains(named), "{step}: {reason}");
        assert_eq!(writes(&story) - calls, story.scene.logins() - logins, "{step}: something was written");
    }
    let loss = JournalDraft { debit: JournalAccount::DisputeLosses, credit: JournalAccount::Disputes, ..chargeback() };
    let mut unmapped = settings();
    unmapped["dispute_loss_account"] = Value::Null;
    let (vault, router) = (story.scene.vault.clone(), story.scene.sandbox.router());
    let connector = NetSuite::new(outside(("netsuite", router), unmapped, vault, &story.scene.time)).unwrap();
    let failure = connector.post_journal(&loss).await.unwrap_err();
    assert!(permanent(&failure).1.contains("\"dispute_loss_account\" is missing"), "{failure}");
    let failure = story.scene.connector.amend_sales_order(&amendment(), &story.order.id, &BTreeMap::new()).await;
    assert!(failure.is_ok(), "lines that are there need no mapping");
    let unknown = adjustment(&[("SOCKS-3PK", 1, Disposition::Restock)]);
    let failure = story.scene.connector.post_adjustment(&unknown, &items()).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Mapping);
    assert_eq!(before, story.scene.sandbox.ledger());
}

#[tokio::test]
async fn an_added_line_needs_a_mapped_item() {
    let story = Story::sold().await;
    let failure = story.scene.connector.amend_sales_order(&amendment(), &story.order.id, &items()).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Mapping, "{failure}");
    assert!(failure.to_string().contains("CAP-RED"), "{failure}");
}

#[tokio::test]
async fn an_order_that_was_edited_after_a_part_of_it_left_is_shipped_and_invoiced_as_it_reads_now() {
    let scene = scene();
    let connector = &scene.connector;
    let order = scene.ordered().await;
    connector.post_item_fulfillment(&fulfillment(1, vec![(0, 1)]), &order.id).await.unwrap();
    let lines = vec![
        amended(line(0, "TEE-BLK-M", 1, (1666, 333)), false),
        amended(line(1, "MUG-WHT", 1, (833, 167)), true),
        amended(PostingLine { taxes: vec![tax("0.05", 77)], ..line(2, "CAP-RED", 1, (1542, 0)) }, false),
    ];
    let draft = AmendmentDraft { header: header("SO"), lines };
    let total = minor(1666 + 333 + 833 + 167 + 1542 + 77 + 832 + 167);
    let posted = connector.amend_sales_order(&draft, &order.id, &all_items()).await.unwrap();
    assert_eq!(posted, Posted { id: order.id.clone(), total: Some(total) });
    scene.fault(&call_of("amendment"), FaultKind::TimeoutAfterCommit);
    connector.amend_sales_order(&draft, &order.id, &all_items()).await.unwrap_err();
    assert_eq!(connector.amend_sales_order(&draft, &order.id, &all_items()).await.unwrap(), posted);
    let held = &scene.documents("salesOrder")[0];
    assert_eq!(held["lines"].as_array().unwrap().len(), 3);
    assert_eq!(held["taxDetails"].as_array().unwrap().len(), 4, "{held:#}");

    let failure = connector.post_item_fulfillment(&fulfillment(2, vec![(1, 1)]), &order.id).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Refused, "a closed line is not shipped");
    connector.post_item_fulfillment(&fulfillment(2, vec![(2, 1)]), &order.id).await.unwrap();
    let invoiced = SalesDraft {
        header: header("INV1"),
        lines: vec![line(0, "TEE-BLK-M", 1, (1666, 333)), draft.lines[2].line.clone()],
        shipping: minor(832),
        shipping_taxes: vec![tax("0.2", 167)],
        total: minor(1999 + 1619 + 999),
    };
    assert_eq!(connector.post_invoice(&invoiced, &order.id).await.unwrap().total, Some(invoiced.total));
    assert_eq!(scene.documents("salesOrder")[0]["status"], "Billed");
    let less = AmendmentDraft { lines: vec![amended(line(0, "TEE-BLK-M", 0, (0, 0)), false)], ..draft };
    let failure = connector.amend_sales_order(&less, &order.id, &all_items()).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Refused, "{failure}");
}

#[tokio::test]
async fn an_order_line_that_nobody_amended_is_not_taken_for_ours() {
    let story = Story::sold().await;
    let only = AmendmentDraft { header: header("SO"), lines: vec![amended(goods().remove(0), false)] };
    let failure = story.scene.connector.amend_sales_order(&only, &story.order.id, &items()).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Value);
    assert!(
        failure.to_string().contains("line 2: 1 for 8.33 GBP, the order says line 1: 2 for 33.32 GBP"),
        "{failure}"
    );
    let other = AmendmentDraft { header: header("SO2"), ..amendment() };
    let failure = story.scene.connector.amend_sales_order(&other, &story.order.id, &all_items()).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Parse, "{failure}");
    assert_eq!(story.scene.documents("salesOrder")[0]["lines"].as_array().unwrap().len(), 2);
}

/// The trap: the receipt and the credit both bring the goods back.
#[tokio::test]
async fn goods_come_back_into_stock_once() {
    let mut story = Story::sold().await;
    story.post("returnAuthorization").await.unwrap();
    let all = vec![(0, 2, Disposition::Restock), (1, 1, Disposition::Restock)];
    let draft = ReceiptDraft { lines: all, ..receipt() };
    story.scene.connector.post_item_receipt(&draft, &story.id("returnAuthorization")).await.unwrap();
    assert_eq!((story.stock(501, 11), story.stock(502, 11)), (0.0, 0.0));
    story.post("creditMemo").await.unwrap();
    story.post("lone creditMemo").await.unwrap();
    assert_eq!((story.stock(501, 11), story.stock(502, 11)), (0.0, 0.0));
    let ledger = story.scene.sandbox.ledger();
    assert_eq!((balance(&ledger, "cogs"), balance(&ledger, "inventory")), (0, 0));

    let calls = story.scene.sandbox.requests().len();
    let failure = story.scene.connector.post_credit_memo(&credit(), None).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Value);
    assert!(failure.to_string().contains("would move stock a second time"), "{failure}");
    assert_eq!(story.scene.sandbox.requests().len(), calls);
}

/// The authorization's first line is the order's second.
#[tokio::test]
async fn a_return_of_the_second_line_alone_is_received_and_credited_as_such() {
    let mut story = Story::sold().await;
    let draft = ReturnDraft { lines: vec![goods().remove(1)], ..authorization() };
    let id = story.scene.connector.post_return_authorization(&draft, &story.order.id).await.unwrap().id;
    let received = ReceiptDraft { lines: vec![(1, 1, Disposition::Restock)], ..receipt() };
    story.scene.connector.post_item_receipt(&received, &id).await.unwrap();
    assert_eq!((story.stock(501, 11), story.stock(502, 11)), (-2.0, 0.0));
    let credited = CreditDraft { goods: draft.lines, others: Vec::new(), total: minor(1000), ..credit() };
    let memo = story.scene.connector.post_credit_memo(&credited, Some(&id)).await.unwrap();
    assert_eq!(memo.total, Some(minor(1000)));
    let tee = ReceiptDraft { header: header("IR2"), lines: vec![(0, 1, Disposition::Restock)], ..receipt() };
    let failure = story.scene.connector.post_item_receipt(&tee, &id).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Value);
    assert!(failure.to_string().contains("has no line for line 1 of the order"), "{failure}");
    story.posted.clear();
}

#[tokio::test]
async fn no_more_is_returned_received_or_credited_than_there_was() {
    let mut story = Story::sold().await;
    story.post("returnAuthorization").await.unwrap();
    story.post("itemReceipt").await.unwrap();
    story.post("creditMemo").await.unwrap();
    let id = story.id("returnAuthorization");
    let erp = &story.scene.connector;
    let refused = |outcome: Result<Posted, Failure>| {
        let failure = outcome.unwrap_err();
        assert_eq!(permanent(&failure).0, FailureClass::Refused, "{failure}");
    };
    let again = ReturnDraft { header: header("RMA2"), ..authorization() };
    refused(erp.post_return_authorization(&again, &story.order.id).await);
    refused(erp.post_item_receipt(&ReceiptDraft { header: header("IR2"), ..receipt() }, &id).await);
    refused(erp.post_credit_memo(&CreditDraft { header: header("CM3"), ..credit() }, Some(&id)).await);
    let memo = RefundSource::CreditMemo(story.id("creditMemo"));
    refused(erp.post_customer_refund(&refund(1, memo, 5398)).await);
    let deposit = RefundSource::Deposit(story.deposit.id.clone());
    refused(erp.post_customer_refund(&refund(1, deposit, 998)).await);
    refused(erp.apply_credit(&story.application(998)).await);
}

#[tokio::test]
async fn what_a_memo_gives_an_invoice_is_said_in_all_and_may_be_said_again_otherwise() {
    let mut story = Story::sold().await;
    story.post("returnAuthorization").await.unwrap();
    story.post("creditMemo").await.unwrap();
    for amount in [500, 500, 997, 300] {
        let posted = story.scene.connector.apply_credit(&story.application(amount)).await.unwrap();
        assert_eq!(posted, Posted { id: story.id("creditMemo"), total: Some(minor(amount)) });
        let memo = &story.scene.documents("creditMemo")[0];
        assert_eq!(memo["applied"].as_array().unwrap().len(), 1);
    }
    let posted = story.scene.connector.apply_credit(&story.application(0)).await.unwrap();
    assert_eq!(posted.total, Some(Minor::ZERO));
    assert_eq!(story.scene.documents("creditMemo")[0]["applied"], json!([]));
}

#[tokio::test]
async fn tax_that_the_erp_computes_anew_goes_to_the_rounding_line_of_a_credit_memo() {
    let config = NetSuiteConfig { recompute_tax: true, ..NetSuiteConfig::default() };
    let mut story = Story::sold_in(scene_with(config, settings())).await;
    let id = story.post("returnAuthorization").await.unwrap().id;
    // 20 % of 8.33 is 1.666, which the ERP rounds to 1.67; the storefront gave back 1.66.
    let goods = vec![line(1, "MUG-WHT", 1, (833, 166))];
    let draft = CreditDraft { goods, others: Vec::new(), total: minor(999), ..credit() };
    let posted = story.scene.connector.post_credit_memo(&draft, Some(&id)).await.unwrap();
    assert_eq!(posted.total, Some(minor(999)));
    let again = story.scene.connector.post_credit_memo(&draft, Some(&id)).await.unwrap();
    assert_eq!(again, posted);
    let memo = &story.scene.documents("creditMemo")[0];
    assert_eq!((&memo["total_minor"], memo["lines"].as_array().unwrap().len()), (&json!(999), 2));

    let lone = |document: &str, vat: i64| CreditDraft {
        header: header(document),
        others: vec![credit_line(CreditKind::Kept, (833, vat))],
        total: minor(833 + vat),
        ..lone_credit()
    };
    let posted = story.scene.connector.post_credit_memo(&lone("CM2", 166), None).await.unwrap();
    // A rounding line is no obstacle to a repeat, not even once all of the memo is paid back.
    let paid = refund(1, RefundSource::CreditMemo(posted.id.clone()), 999);
    story.scene.connector.post_customer_refund(&paid).await.unwrap();
    assert_eq!(story.scene.connector.post_credit_memo(&lone("CM2", 166), None).await.unwrap(), posted);

    let failure = story.scene.connector.post_credit_memo(&lone("CM3", 160), None).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Value);
    assert!(failure.to_string().contains("the ERP has 10.00 GBP, the order says 9.93 GBP"), "{failure}");
}

#[tokio::test]
async fn a_rounding_line_of_a_sales_order_follows_its_amendments() {
    let scene = scene_with(NetSuiteConfig { recompute_tax: true, ..NetSuiteConfig::default() }, settings());
    // 20 % of 8.33 is 1.666, which the ERP rounds to 1.67; the storefront charged 1.66.
    let mug = |vat: i64| line(1, "MUG-WHT", 1, (833, vat));
    let draft = SalesDraft {
        lines: vec![line(0, "TEE-BLK-M", 2, (3332, 666)), mug(166)],
        shipping: Minor::ZERO,
        shipping_taxes: Vec::new(),
        total: minor(4997),
        ..order()
    };
    let posted = scene.connector.post_sales_order(&draft, &items()).await.unwrap();
    let amendment = |vat: i64| {
        let tee = amended(line(0, "TEE-BLK-M", 1, (1666, 333)), false);
        AmendmentDraft { header: header("SO"), lines: vec![tee, amended(mug(vat), false)] }
    };
    for (vat, total) in [(166, 2998), (166, 2998), (167, 2999)] {
        let posted = scene.connector.amend_sales_order(&amendment(vat), &posted.id, &items()).await.unwrap();
        assert_eq!(posted.total, Some(minor(total)));
        assert_eq!(scene.documents("salesOrder")[0]["lines"].as_array().unwrap().len(), 3);
    }
    let failure = scene.connector.amend_sales_order(&amendment(160), &posted.id, &items()).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Value);
    assert!(failure.to_string().contains("the ERP has 29.99 GBP, the order says 29.92 GBP"), "{failure}");
}

#[tokio::test]
async fn a_reference_that_leaves_no_room_for_a_further_receipt_is_refused_before_the_first() {
    let mut story = Story::sold().await;
    story.post("returnAuthorization").await.unwrap();
    let header = Header { reference: format!("UK-{}-IR1", "9".repeat(28)), ..header("IR1") };
    assert_eq!(header.reference.len(), 35);
    let draft = ReceiptDraft { header, ..receipt() };
    let failure = story.scene.connector.post_item_receipt(&draft, &story.id("returnAuthorization")).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Value, "{failure}");
    assert!(story.scene.documents("itemReceipt").is_empty());
    let draft = ReceiptDraft { lines: vec![(0, 2, Disposition::Restock)], ..draft };
    story.scene.connector.post_item_receipt(&draft, &story.id("returnAuthorization")).await.unwrap();
}

#[tokio::test]
async fn shipping_alone_is_given_back_on_a_memo_with_a_line_of_nothing() {
    let story = Story::sold().await;
    let shipping = |net, vat, rate: &str| CreditLine {
        kind: CreditKind::Shipping,
        net: minor(net),
        taxes: vec![PostingTax { rate: rate.into(), ..tax("0.2", vat) }],
    };
    let others = vec![shipping(500, 100, "0.2"), shipping(332, 67, "0.2"), shipping(0, 5, "0.05")];
    let draft = CreditDraft { header: header("CM2"), goods: Vec::new(), others, total: minor(832 + 172) };
    let posted = story.scene.connector.post_credit_memo(&draft, None).await.unwrap();
    assert_eq!(posted.total, Some(draft.total));
    let memo = &story.scene.documents("creditMemo")[0];
    assert_eq!((memo["shippingCost"].as_f64(), memo["lines"].as_array().unwrap().len()), (Some(8.32), 1));
    assert_eq!(memo["taxDetails"].as_array().unwrap().len(), 2);
    assert_eq!(story.scene.connector.post_credit_memo(&draft, None).await.unwrap(), posted);
}

#[tokio::test]
async fn money_that_goes_to_a_gift_card_is_a_liability() {
    let story = Story::sold().await;
    let source = RefundSource::Deposit(story.deposit.id.clone());
    let draft = RefundDraft { gateway: "gift_card".into(), ..refund(1, source, 997) };
    story.scene.connector.post_customer_refund(&draft).await.unwrap();
    let ledger = story.scene.sandbox.ledger();
    assert_eq!((balance(&ledger, "liability:gift_card"), balance(&ledger, "clearing:shopify_payments")), (997, 5997));
    assert_eq!(story.scene.documents("customerRefund")[0]["account"], "liability:gift_card");
}

#[tokio::test]
async fn goods_that_nobody_announced_are_adjusted_by_what_becomes_of_them() {
    let story = Story::sold().await;
    let draft = adjustment(&[
        ("CAP-RED", 2, Disposition::Restock),
        ("MUG-WHT", 3, Disposition::Quarantine),
        ("TEE-BLK-M", 4, Disposition::Scrap),
    ]);
    let posted = story.scene.connector.post_adjustment(&draft, &all_items()).await.unwrap();
    assert_eq!(story.scene.connector.post_adjustment(&draft, &all_items()).await.unwrap(), posted);
    assert_eq!((story.stock(503, 11), story.stock(502, 21), story.stock(501, 11)), (2.0, 3.0, -2.0));
    assert_eq!(balance(&story.scene.sandbox.ledger(), "adjustment"), -(2 * 540 + 3 * 310));
    let scrap = AdjustmentDraft { header: header("IA2"), ..adjustment(&[("TEE-BLK-M", 4, Disposition::Scrap)]) };
    story.scene.connector.post_adjustment(&scrap, &all_items()).await.unwrap();
    assert_eq!(story.stock(501, 11), -2.0, "what is thrown away leaves a document and no stock");
}

#[tokio::test]
async fn a_chargeback_is_withheld_and_won_or_lost_by_journal_entries() {
    let story = Story::sold().await;
    story.scene.connector.post_journal(&chargeback()).await.unwrap();
    let lost = JournalDraft {
        header: header("JE2"),
        debit: JournalAccount::DisputeLosses,
        credit: JournalAccount::Disputes,
        ..chargeback()
    };
    let posted = story.scene.connector.post_journal(&lost).await.unwrap();
    assert_eq!(posted.total, Some(minor(5997)));
    let ledger = story.scene.sandbox.ledger();
    for (account, expected) in [("disputes", 0), ("dispute_losses", 5997), ("clearing:shopify_payments", 0)] {
        assert_eq!(balance(&ledger, account), expected, "{account}");
    }
    let other = JournalDraft { amount: minor(5996), ..lost };
    let failure = story.scene.connector.post_journal(&other).await.unwrap_err();
    assert_eq!(
        failure.to_string(),
        "for UK-820982911946154508-JE2 the ERP has credit 59.97 GBP of account 140, debit 59.97 GBP of account 141, the \
         order says credit 59.96 GBP of account 140, debit 59.96 GBP of account 141: correct or delete the document \
         there, then retry"
    );
}

#[tokio::test]
async fn a_document_under_our_reference_that_differs_is_not_taken_for_ours() {
    let mut story = Story::sold().await;
    for (step, _) in STEPS {
        story.post(step).await.unwrap();
    }
    let id = story.id("returnAuthorization");
    let erp = &story.scene.connector;
    let differs = |outcome: Result<Posted, Failure>, words: &str| {
        let failure = outcome.unwrap_err();
        assert_eq!(permanent(&failure).0, FailureClass::Value, "{failure}");
        assert!(failure.to_string().contains(words), "{failure}");
    };
    let fewer = ReturnDraft { lines: vec![goods().remove(1)], ..authorization() };
    differs(erp.post_return_authorization(&fewer, &story.order.id).await, "line 1: 2 for 33.32 GBP");
    let restocked = ReceiptDraft { lines: vec![(1, 1, Disposition::Restock)], ..receipt() };
    let words = "1 of line 2 restocked at location 21, the order says 1 of line 2 restocked at location 11";
    differs(erp.post_item_receipt(&restocked, &id).await, words);
    let without_fee = CreditDraft { others: Vec::new(), total: minor(4998), ..credit() };
    differs(erp.post_credit_memo(&without_fee, Some(&id)).await, "item 595: -5.00 GBP");
    let more = adjustment(&[("CAP-RED", 2, Disposition::Restock)]);
    differs(erp.post_adjustment(&more, &all_items()).await, "1 of item 503 at location 11");
    let source = RefundSource::Deposit(story.deposit.id.clone());
    differs(erp.post_customer_refund(&refund(2, source, 1)).await, "9.97 GBP");
    let other = refund(1, RefundSource::CreditMemo("4711".into()), 4400);
    let failure = erp.post_customer_refund(&other).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Parse, "{failure}");
}
