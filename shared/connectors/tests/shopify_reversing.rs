//! Refunds, cancellations and the sales ledger: the Shopify connector against its sandbox, with calls failing.
#![expect(clippy::unwrap_used, reason = "a test stops where something is not as it must be")]

mod in_process;

use std::sync::Arc;

use crossdock_connectors::{CancelInstruction, Posted, RefundInstruction, Storefront, storefront};
use crossdock_domain::event::FailureClass;
use crossdock_domain::sales::{RefundStatus, Restock, SalesReport, ToldRefund, ToldReturnStatus};
use crossdock_domain::{Currency, Minor};
use crossdock_sandboxes::shopify::{AdminSchema, Shopify, ShopifyConfig};
use crossdock_sandboxes::{Fault, FaultKind};
use crossdock_step::Failure;
use serde_json::{Value, json};

use in_process::{Time, Vault, outside};

const ENDPOINT: &str = "POST /admin/api/";
const CHANNEL: &str = "820982911946154500";
const REFERENCE: &str = "UK-820982911946154500-R1";

struct Shop {
    sandbox: Shopify,
    lines: Vec<String>,
    time: Time,
}

fn published() -> Option<Arc<AdminSchema>> {
    let path = std::env::var_os("CROSSDOCK_SHOPIFY_SCHEMA")?;
    Some(AdminSchema::load(std::path::Path::new(&path)).unwrap())
}

impl Shop {
    fn with(place: Value) -> Self {
        let time = Time::at("2026-11-23T12:00:00Z");
        let sandbox = Shopify::new(ShopifyConfig::default(), time.of_vendor());
        Self::placed(sandbox, time, place)
    }

    fn placed(sandbox: Shopify, time: Time, place: Value) -> Self {
        sandbox.act(json!({ "place_order": place })).unwrap();
        let lines = sandbox.documents()["orders"][0]["lines"].clone();
        let lines = lines.as_array().unwrap().iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect();
        Self { sandbox, lines, time }
    }

    /// Two tea, one pot with 20 % tax included and 5.00 delivery: 59.48.
    fn ordinary() -> Self {
        Self::with(json!({
            "lines": [{ "sku": "TEA", "quantity": 2, "price": "9.99" }, { "sku": "POT", "quantity": 1, "price": "34.50" }],
            "taxes_included": true, "tax_rate": "0.2", "shipping": "5.00",
        }))
    }

    fn connector(&self) -> Box<dyn Storefront> {
        self.connector_with(Vault::holding(json!({ "access_token": "shpat_sandbox" })))
    }

    fn connector_with(&self, secrets: Arc<Vault>) -> Box<dyn Storefront> {
        let settings = json!({
            "kind": "shopify", "base_url": "https://crossdock-uk.myshopify.com", "api_version": "2026-10",
            "shop_domain": "crossdock-uk.myshopify.com",
        });
        storefront(outside(("shopify-uk", self.sandbox.router()), settings, secrets, &self.time)).unwrap()
    }

    fn act(&self, name: &str, mut act: Value) -> Value {
        act["order"] = json!(CHANNEL);
        self.sandbox.act(json!({ name: act })).unwrap()
    }

    fn instruction(&self, lines: &[(usize, u32, Restock)], amount: i64) -> RefundInstruction {
        RefundInstruction {
            channel: CHANNEL.parse().unwrap(),
            reference: REFERENCE.into(),
            currency: gbp(),
            lines: lines.iter().map(|(at, units, restock)| (self.lines[*at].clone(), *units, *restock)).collect(),
            shipping: Minor::ZERO,
            amount: minor(amount),
            return_id: None,
            claimed_until: jiff::Timestamp::MAX,
        }
    }

    async fn refund(&self, instruction: &RefundInstruction) -> Result<ToldRefund, Failure> {
        self.connector().refund(instruction).await
    }

    async fn refund_stubbornly(&self, instruction: &RefundInstruction) -> ToldRefund {
        for _ in 0..20 {
            if let Ok(refund) = self.refund(instruction).await {
                return refund;
            }
        }
        panic!("it never succeeds")
    }

    async fn cancel(&self) -> Result<Posted, Failure> {
        let instruction = CancelInstruction {
            channel: CHANNEL.parse().unwrap(),
            reason: "inventory".into(),
            claimed_until: jiff::Timestamp::MAX,
        };
        self.connector().cancel(&instruction).await
    }

    async fn sales(&self) -> SalesReport {
        self.connector().sales(&CHANNEL.parse().unwrap(), gbp()).await.unwrap_or_else(|failure| panic!("{failure}"))
    }

    fn document(&self) -> Value {
        self.sandbox.documents()["orders"][0].clone()
    }

    fn refunds(&self) -> Vec<Value> {
        self.document()["refunds"].as_array().unwrap().clone()
    }

    /// Everything leaves.
    async fn ship(&self) {
        let lines = self.document()["lines"].as_array().unwrap().clone();
        let units = |line: &Value| u32::try_from(line["current"].as_u64().unwrap()).unwrap();
        let lines = lines.iter().map(|line| (line["id"].as_str().unwrap().to_owned(), units(line))).collect();
        let announcement = crossdock_connectors::Announcement {
            channel: CHANNEL.parse().unwrap(),
            lines,
            tracking: Vec::new(),
            claimed_until: jiff::Timestamp::MAX,
        };
        self.connector().announce_shipment(&announcement).await.unwrap();
    }
}

fn gbp() -> Currency {
    "GBP".parse().unwrap()
}

fn minor(amount: i64) -> Minor {
    Minor::new(amount).unwrap()
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
    let time = Time::at("2026-11-23T12:00:00Z");
    let config = ShopifyConfig { schema: Some(schema), ..ShopifyConfig::default() };
    let place = json!({ "lines": [{ "sku": "TEA", "quantity": 1, "price": "9.99" }] });
    let shop = Shop::placed(Shopify::new(config, time.of_vendor()), time, place);
    shop.refund(&shop.instruction(&[(0, 1, Restock::Cancel)], 999)).await.unwrap();
    shop.cancel().await.unwrap();
    assert!(shop.sales().await.cancelled.is_some());
}

#[tokio::test]
async fn a_refund_is_paid_once_however_often_it_is_asked_for_and_told_as_the_ledger_has_it() {
    let shop = Shop::ordinary();
    let instruction = shop.instruction(&[(0, 1, Restock::Cancel)], 999);
    let first = shop.refund(&instruction).await.unwrap();
    let again = shop.refund(&instruction).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(shop.refunds().len(), 1);
    assert_eq!(shop.refunds()[0]["note"], REFERENCE);
    assert_eq!(first.reference.as_deref(), Some(REFERENCE));
    let [line] = first.lines.as_slice() else { panic!("{first:?}") };
    assert_eq!((line.line_id.as_str(), line.quantity, line.restock), (shop.lines[0].as_str(), 1, Restock::Cancel));
    let tax = &line.taxes[0];
    assert_eq!((line.net.get(), tax.amount.get(), tax.rate.as_str()), (833, 166, "0.2"));
    let [tender] = first.tenders.as_slice() else { panic!("{first:?}") };
    assert_eq!((tender.gateway.as_str(), tender.amount.get()), ("shopify_payments", 999));
    assert_eq!(tender.status, RefundStatus::Succeeded);
    let report = shop.sales().await;
    assert_eq!(report.refunds, [first], "one reader for both");
    assert_eq!(report.current, [(shop.lines[0].clone(), 1), (shop.lines[1].clone(), 1)]);
}

#[tokio::test]
async fn whichever_call_fails_in_whatever_way_the_money_goes_back_once() {
    let faults = [
        FaultKind::TimeoutBeforeCommit,
        FaultKind::TimeoutAfterCommit,
        FaultKind::Status(500, None),
        FaultKind::StatusAfterCommit(502, None),
        FaultKind::Status(429, None),
        FaultKind::HtmlPage,
    ];
    for operation in ["OrderPayments", "RefundCreate", "OrderRefunds", "OrderAgreements"] {
        for fault in &faults {
            let shop = Shop::ordinary();
            shop.sandbox.add_fault(Fault::new(ENDPOINT, fault.clone(), 2).only_when_body_contains(operation));
            let refund = shop.refund_stubbornly(&shop.instruction(&[(1, 1, Restock::Cancel)], 3450)).await;
            assert_eq!(shop.refunds().len(), 1, "{operation} {fault:?}");
            assert_eq!((shop.refunds()[0]["id"].as_str(), refund.lines.len()), (Some(refund.id.as_str()), 1));
        }
    }
}

#[tokio::test]
async fn a_throttled_refund_pauses_the_connection_and_a_concurrent_one_is_tried_again() {
    let shop = Shop::ordinary();
    let instruction = shop.instruction(&[], 100);
    shop.sandbox.act(json!({ "drain_bucket": { "points": 0 } })).unwrap();
    let failure = shop.refund(&instruction).await.unwrap_err();
    assert!(matches!(failure, Failure::Paused { .. }), "{failure}");
    shop.time.pass(30);
    let body = "RefundCreate";
    let struck = Fault::new(ENDPOINT, FaultKind::TimeoutAfterCommit, 1).only_when_body_contains(body);
    shop.sandbox.add_fault(struck);
    assert!(matches!(shop.refund(&instruction).await, Err(Failure::Retry { .. })));
    let failed = json!({ "fail_next": { "code": "IDEMPOTENCY_CONCURRENT_REQUEST" } });
    shop.sandbox.act(failed).unwrap();
    let failure = shop.refund(&instruction).await.unwrap_err();
    assert!(matches!(failure, Failure::Retry { .. }), "{failure}");
    shop.refund(&instruction).await.unwrap();
    assert_eq!(shop.refunds().len(), 1);
}

#[tokio::test]
async fn a_token_that_was_rotated_away_is_replaced_on_the_way() {
    let shop = Shop::ordinary();
    let stale = Vault::holding(json!({ "access_token": "shpat_gone" }));
    stale.rotate(json!({ "access_token": "shpat_sandbox" }));
    shop.connector_with(stale.clone()).refund(&shop.instruction(&[], 100)).await.unwrap();
    assert_eq!((stale.fresh_reads(), shop.refunds().len()), (1, 1));
}

#[tokio::test]
async fn two_at_once_make_one_refund() {
    let shop = Shop::ordinary();
    let instruction = shop.instruction(&[(0, 2, Restock::Cancel)], 1998);
    let (one, other) = futures_util::join!(shop.refund(&instruction), shop.refund(&instruction));
    assert_eq!(one.unwrap().id, other.unwrap().id);
    assert_eq!(shop.refunds().len(), 1);
}

#[tokio::test]
async fn what_the_payments_do_not_cover_is_refused_for_good() {
    let shop = Shop::ordinary();
    let failure = shop.refund(&shop.instruction(&[], 5949)).await.unwrap_err();
    assert_eq!(class_of(&failure), Some(FailureClass::Refused), "{failure}");
    let failure = shop.refund(&shop.instruction(&[(0, 3, Restock::Cancel)], 10)).await.unwrap_err();
    assert_eq!(class_of(&failure), Some(FailureClass::Refused), "{failure}");
    assert!(failure.to_string().contains("cannot refund more items"), "{failure}");
    let failure = shop.refund(&shop.instruction(&[], 10)).await.unwrap_err();
    assert_eq!(class_of(&failure), Some(FailureClass::Refused), "another input under the same key: {failure}");
    assert!(shop.refunds().is_empty());
    let late = RefundInstruction { claimed_until: jiff::Timestamp::MIN, ..shop.instruction(&[], 10) };
    assert!(matches!(shop.refund(&late).await, Err(Failure::Retry { .. })), "the claim has ended");
    assert!(shop.refunds().is_empty());
}

#[tokio::test]
async fn a_refund_of_another_amount_than_was_asked_for_is_not_taken_for_ours() {
    let shop = Shop::ordinary();
    shop.act("refund_order", json!({ "amount": "1.00", "note": REFERENCE }));
    let failure = shop.refund(&shop.instruction(&[], 200)).await.unwrap_err();
    assert_eq!(class_of(&failure), Some(FailureClass::Value), "{failure}");
}

#[tokio::test]
async fn delivery_alone_and_what_is_kept_or_given_besides_are_told_apart() {
    let shop = Shop::ordinary();
    let shipping = RefundInstruction { shipping: minor(500), ..shop.instruction(&[], 500) };
    let refund = shop.refund(&shipping).await.unwrap();
    assert_eq!((refund.shipping.get(), refund.shipping_taxes[0].amount.get(), refund.adjustment.get()), (417, 83, 0));
    let kept = RefundInstruction {
        reference: "UK-820982911946154500-R2".into(),
        ..shop.instruction(&[(1, 1, Restock::Nothing)], 3000)
    };
    let refund = shop.refund(&kept).await.unwrap();
    let line = &refund.lines[0];
    assert_eq!((line.net.get() + line.taxes[0].amount.get(), refund.adjustment.get()), (3450, -450));
    assert_eq!(line.restock, Restock::Nothing);
    let given = RefundInstruction { reference: "UK-820982911946154500-R3".into(), ..shop.instruction(&[], 300) };
    assert_eq!(shop.refund(&given).await.unwrap().adjustment.get(), 300);
}

#[tokio::test]
async fn delivery_without_its_tax_in_the_price_is_given_back_with_it() {
    let shop = Shop::with(json!({
        "lines": [{ "sku": "TEA", "quantity": 1, "price": "10.00" }], "tax_rate": "0.2", "shipping": "5.00",
    }));
    let half = RefundInstruction { shipping: minor(300), ..shop.instruction(&[], 300) };
    let refund = shop.refund(&half).await.unwrap();
    assert_eq!((refund.shipping.get(), refund.shipping_taxes[0].amount.get()), (250, 50));
    assert_eq!(refund.adjustment.get(), 0);
}

#[tokio::test]
async fn money_goes_back_over_every_payment_it_came_by() {
    let shop = Shop::ordinary();
    shop.act("edit_order", json!({ "set": [{ "sku": "TEA", "quantity": 3 }] }));
    shop.act("pay_order", json!({}));
    let refund = shop.refund(&shop.instruction(&[], 6500)).await.unwrap();
    let amounts: Vec<i64> = refund.tenders.iter().map(|tender| tender.amount.get()).collect();
    assert_eq!(amounts, [5948, 552]);
}

#[tokio::test]
async fn what_the_buyer_was_charged_goes_back_in_the_buyers_currency() {
    let shop = Shop::with(json!({
        "lines": [{ "sku": "TEA", "quantity": 1, "price": "10.00" }],
        "presentment_currency": "USD", "exchange_rate": "1.25",
    }));
    let usd = "USD".parse().unwrap();
    let instruction = RefundInstruction { currency: usd, ..shop.instruction(&[(0, 1, Restock::Cancel)], 1250) };
    let refund = shop.refund(&instruction).await.unwrap();
    assert_eq!((refund.tenders[0].amount.get(), refund.lines[0].net.get()), (1250, 1250));
    let failure = shop.connector().sales(&CHANNEL.parse().unwrap(), "EUR".parse().unwrap()).await.unwrap_err();
    assert_eq!(class_of(&failure), Some(FailureClass::Value), "{failure}");
}

#[tokio::test]
async fn an_order_is_cancelled_once_and_nothing_is_paid_back_by_it() {
    let shop = Shop::ordinary();
    let first = shop.cancel().await.unwrap();
    assert_eq!((first.id.as_str(), shop.cancel().await.unwrap().id.as_str()), (CHANNEL, CHANNEL));
    assert!(shop.refunds().is_empty());
    let cancelled = shop.sales().await.cancelled.unwrap();
    assert_eq!((cancelled.reason.as_str(), cancelled.at), ("inventory", shop.time.now()));
    let shipped = Shop::ordinary();
    shipped.ship().await;
    let failure = shipped.cancel().await.unwrap_err();
    assert_eq!(class_of(&failure), Some(FailureClass::Refused), "{failure}");
}

#[tokio::test]
async fn a_cancellation_whose_answer_was_lost_is_found() {
    for fault in
        [FaultKind::TimeoutAfterCommit, FaultKind::TimeoutBeforeCommit, FaultKind::StatusAfterCommit(500, None)]
    {
        let shop = Shop::ordinary();
        shop.sandbox.add_fault(Fault::new(ENDPOINT, fault, 1).only_when_body_contains("OrderCancel("));
        assert!(matches!(shop.cancel().await, Err(Failure::Retry { .. })));
        shop.cancel().await.unwrap();
        assert_eq!(shop.document()["cancelled"], true);
    }
}

#[tokio::test]
async fn the_ledger_tells_edits_with_price_and_tax() {
    let shop = Shop::ordinary();
    shop.time.pass(60);
    let add = json!([{ "sku": "CUP", "quantity": 2, "price": "3.00" }]);
    let set = json!([{ "sku": "TEA", "quantity": 3 }, { "sku": "POT", "quantity": 0 }]);
    shop.act("edit_order", json!({ "add": add, "set": set }));
    let report = shop.sales().await;
    let [edit] = report.edits.as_slice() else { panic!("{report:?}") };
    assert_eq!((edit.at, report.version), (shop.time.now(), shop.time.now()));
    let added: Vec<_> =
        edit.added.iter().map(|line| (line.quantity, line.unit_price.get(), line.discount.get())).collect();
    assert_eq!(added, [(2, 300, 0), (1, 999, 0)]);
    assert_eq!(edit.added[0].sku.as_ref().map(|sku| sku.as_str()), Some("CUP"));
    assert_eq!(edit.added[1].id, shop.lines[0], "a line that was there keeps its identity");
    assert_eq!(edit.added[0].taxes[0].amount.get(), 100);
    assert_eq!(edit.removed, [(shop.lines[1].clone(), 1)]);
    assert!(edit.other.is_empty());
    let current: Vec<u32> = report.current.iter().map(|(_, units)| *units).collect();
    assert_eq!(current, [3, 0, 2]);
}

#[tokio::test]
async fn the_ledger_tells_refunds_by_hand_under_way_and_to_other_gateways() {
    let shop = Shop::ordinary();
    shop.act("refund_order", json!({ "amount": "5.00", "status": "pending", "gateway": "gift_card", "note": "sorry" }));
    let report = shop.sales().await;
    let [refund] = report.refunds.as_slice() else { panic!("{report:?}") };
    assert_eq!((refund.reference.as_deref(), refund.adjustment.get()), (None, 500));
    let tender = refund.tenders[0].clone();
    assert_eq!((tender.gateway.as_str(), tender.status), ("gift_card", RefundStatus::Pending));
    shop.act("settle_refund", json!({ "refund": refund.id, "status": "failure" }));
    let settled = shop.sales().await.refunds[0].tenders[0].clone();
    assert_eq!((settled.id, settled.status), (tender.id, RefundStatus::Failed));
    shop.act("cancel_order", json!({ "refund": "full", "reason": "fraud" }));
    let report = shop.sales().await;
    assert_eq!(report.cancelled.as_ref().map(|it| it.reason.as_str()), Some("fraud"));
    assert_eq!(report.refunds[1].lines.len(), 2);
    assert!(report.refunds[1].lines.iter().all(|line| line.restock == Restock::Cancel));
    assert!(report.current.iter().all(|(_, units)| *units == 0));
}

#[tokio::test]
async fn long_orders_are_read_whole() {
    let lines: Vec<Value> =
        (0..70).map(|at| json!({ "sku": format!("A{at}"), "quantity": 1, "price": "1.00" })).collect();
    let shop = Shop::with(json!({ "lines": lines }));
    let all: Vec<(usize, u32, Restock)> = (0..70).map(|at| (at, 1, Restock::Cancel)).collect();
    let refund = match shop.refund(&shop.instruction(&all, 7_000)).await {
        Err(Failure::Paused { .. }) => {
            shop.time.pass(20);
            shop.refund(&shop.instruction(&all, 7_000)).await.unwrap()
        }
        other => other.unwrap(),
    };
    assert_eq!(shop.refunds().len(), 1);
    assert_eq!(refund.lines.len(), 70);
    assert_eq!(Minor::sum(refund.lines.iter().map(|line| line.net)).unwrap(), minor(7_000));
    shop.time.pass(60);
    assert_eq!(shop.sales().await.current.len(), 70);
}

#[tokio::test]
async fn a_return_is_settled_once_with_what_is_exchanged() {
    for fault in [None, Some(FaultKind::TimeoutAfterCommit), Some(FaultKind::TimeoutBeforeCommit)] {
        let shop = Shop::ordinary();
        shop.ship().await;
        let wish = json!({ "lines": [{ "sku": "TEA", "quantity": 2, "reason": "size_too_small" }],
            "exchange": [{ "sku": "CUP", "quantity": 1, "price": "3.00" }] });
        shop.act("request_return", wish);
        assert_eq!(shop.sales().await.returns[0].status, ToldReturnStatus::Requested);
        let of = shop.act("approve_return", json!({}))["return"].as_str().unwrap().to_owned();
        if let Some(fault) = fault {
            shop.sandbox.add_fault(Fault::new(ENDPOINT, fault, 1).only_when_body_contains("ReturnProcess("));
        }
        let instruction =
            RefundInstruction { return_id: Some(of.clone()), ..shop.instruction(&[(0, 2, Restock::Return)], 1998) };
        let refund = shop.refund_stubbornly(&instruction).await;
        assert_eq!(refund.tenders.iter().map(|tender| tender.amount.get()).collect::<Vec<_>>(), [1998 - 300]);
        assert_eq!(shop.refund(&instruction).await.unwrap(), refund);
        assert_eq!(shop.refunds().len(), 1);
        assert_eq!((refund.return_id.as_deref(), refund.adjustment.get()), (Some(of.as_str()), 0));
        assert_eq!((refund.lines[0].quantity, refund.lines[0].restock), (2, Restock::Return));
        let report = shop.sales().await;
        let [told] = report.returns.as_slice() else { panic!("{report:?}") };
        assert_eq!((told.id.as_str(), told.status), (of.as_str(), ToldReturnStatus::Open));
        assert_eq!(told.lines, [(shop.lines[0].clone(), 2, "size_too_small".to_owned())]);
        assert_eq!((told.exchange.len(), told.exchange[0].unit_price.get()), (1, 300));
        shop.act("close_return", json!({}));
        assert_eq!(shop.sales().await.returns[0].status, ToldReturnStatus::Closed);
    }
}

/// Opens a return of teas of 9.99 each, with something for `price` in exchange; the shop's id of the return.
async fn exchanging(price: &str) -> (Shop, String) {
    let shop = Shop::ordinary();
    shop.ship().await;
    shop.time.pass(60);
    let wish = json!({ "lines": [{ "sku": "TEA", "quantity": 2 }],
        "exchange": [{ "sku": "CUP", "quantity": 2, "price": price }] });
    let of = shop.act("open_return", wish)["return"].as_str().unwrap().to_owned();
    (shop, of)
}

/// So many teas of the return under our refund of this number, each worth its price.
fn teas(shop: &Shop, of: &str, (number, units): (u32, u32)) -> RefundInstruction {
    RefundInstruction {
        return_id: Some(of.to_owned()),
        reference: format!("UK-820982911946154500-R{number}"),
        ..shop.instruction(&[(0, units, Restock::Return)], 999 * i64::from(units))
    }
}

fn paid(refund: &ToldRefund) -> i64 {
    refund.tenders.iter().map(|tender| tender.amount.get()).sum()
}

#[tokio::test]
async fn nothing_is_paid_out_where_what_is_exchanged_costs_as_much_or_more() {
    for (price, owed) in [("9.99", 0), ("12.00", 402)] {
        let (shop, of) = exchanging(price).await;
        let instruction = teas(&shop, &of, (1, 2));
        let refund = shop.refund(&instruction).await.unwrap();
        assert_eq!((refund.tenders.len(), refund.adjustment.get()), (0, 0), "{price}");
        assert_eq!(shop.refund(&instruction).await.unwrap(), refund);
        assert_eq!((shop.refunds().len(), &shop.document()["outstanding"]), (1, &json!(owed)), "{price}");
    }
}

/// The exchange is settled with the first piece; what it costs beyond that, the second one pays, unless the buyer has.
#[tokio::test]
async fn what_an_exchange_costs_beyond_the_first_piece_is_kept_of_the_second() {
    for (price, buyer_pays, rest) in [("7.00", false, 1998 - 1400), ("7.00", true, 999), ("3.00", false, 999)] {
        let (shop, of) = exchanging(price).await;
        let first = shop.refund(&teas(&shop, &of, (1, 1))).await.unwrap();
        let kept: i64 = if price == "3.00" { 999 - 600 } else { 0 };
        assert_eq!(paid(&first), kept, "{price}");
        shop.time.pass(60);
        if buyer_pays {
            shop.act("pay_order", json!({}));
            shop.time.pass(60);
        }
        let fault = Fault::new(ENDPOINT, FaultKind::TimeoutAfterCommit, 1);
        shop.sandbox.add_fault(fault.only_when_body_contains("ReturnProcess("));
        let instruction = teas(&shop, &of, (2, 1));
        let second = shop.refund_stubbornly(&instruction).await;
        assert_eq!(paid(&second), rest, "{price} {buyer_pays}");
        assert_eq!(shop.refund(&instruction).await.unwrap(), second);
        assert_eq!((shop.refunds().len(), &shop.document()["outstanding"]), (2, &json!(0)), "{price} {buyer_pays}");
    }
}

#[tokio::test]
async fn of_what_is_left_of_a_closed_return_the_price_of_its_exchange_is_kept_too() {
    let (shop, of) = exchanging("7.00").await;
    shop.refund(&teas(&shop, &of, (1, 1))).await.unwrap();
    shop.time.pass(60);
    shop.act("close_return", json!({}));
    let instruction = teas(&shop, &of, (2, 1));
    let second = shop.refund(&instruction).await.unwrap();
    assert_eq!((paid(&second), second.return_id.as_deref()), (1998 - 1400, None));
    assert_eq!(shop.refund(&instruction).await.unwrap(), second);
    assert_eq!(shop.document()["outstanding"], 0);
}

#[tokio::test]
async fn a_return_that_staff_has_settled_with_its_exchange_is_found_settled() {
    let (shop, of) = exchanging("7.00").await;
    shop.act("process_return", json!({}));
    let refund = shop.refund(&teas(&shop, &of, (1, 2))).await.unwrap();
    assert_eq!((paid(&refund), shop.refunds().len()), (1998 - 1400, 1));
}

#[tokio::test]
async fn what_the_buyer_gets_of_an_exchange_goes_back_in_the_buyers_currency() {
    let shop = Shop::with(json!({
        "lines": [{ "sku": "TEA", "quantity": 1, "price": "10.00" }], "taxes_included": true,
        "presentment_currency": "USD", "exchange_rate": "1.25",
    }));
    shop.ship().await;
    let wish = json!({ "lines": [{ "sku": "TEA", "quantity": 1 }], "exchange": [{ "sku": "CUP", "quantity": 1, "price": "3.00" }] });
    let of = shop.act("open_return", wish)["return"].as_str().unwrap().to_owned();
    let instruction = RefundInstruction {
        currency: "USD".parse().unwrap(),
        return_id: Some(of),
        ..shop.instruction(&[(0, 1, Restock::Return)], 1250)
    };
    assert_eq!(paid(&shop.refund(&instruction).await.unwrap()), 1250 - 375);
}

#[tokio::test]
async fn a_return_that_the_shop_does_not_have_or_has_settled_otherwise_waits_for_a_person() {
    let shop = Shop::ordinary();
    shop.ship().await;
    let unknown =
        RefundInstruction { return_id: Some("1".into()), ..shop.instruction(&[(0, 1, Restock::Return)], 999) };
    assert_eq!(class_of(&shop.refund(&unknown).await.unwrap_err()), Some(FailureClass::Missing));
    let of = shop.act("open_return", json!({ "lines": [{ "sku": "TEA", "quantity": 1 }] }));
    shop.act("process_return", json!({ "amount": "5.00" }));
    let late = RefundInstruction {
        return_id: of["return"].as_str().map(str::to_owned),
        ..shop.instruction(&[(0, 1, Restock::Return)], 999)
    };
    assert_eq!(
        class_of(&shop.refund(&late).await.unwrap_err()),
        Some(FailureClass::Value),
        "staff paid another amount"
    );
    assert_eq!(shop.refunds().len(), 1);
}
