//! The Shopify connector against its sandbox: what a storefront's connector promises, with every call failing in
//! every way.
#![expect(clippy::unwrap_used, reason = "a test stops where something is not as it must be")]

mod in_process;

use std::collections::BTreeMap;
use std::sync::Arc;

use crossdock_connectors::{Announcement, Delivery, InboundFact, Posted, storefront, webhook};
use crossdock_domain::event::{FailureClass, Tracking};
use crossdock_domain::{CanonicalOrder, TenderStatus};
use crossdock_sandboxes::shopify::{Shopify, ShopifyConfig};
use crossdock_sandboxes::{Fault, FaultKind};
use crossdock_step::{Failure, Secret};
use serde_json::{Value, json};

use in_process::{Time, Vault, outside};

const ENDPOINT: &str = "POST /admin/api/";

struct Shop {
    sandbox: Shopify,
    order: CanonicalOrder,
    channel: String,
    secrets: Arc<Vault>,
    time: Time,
}

fn settings() -> Value {
    json!({
        "kind": "shopify", "base_url": "https://crossdock-uk.myshopify.com", "api_version": "2026-10",
        "shop_domain": "crossdock-uk.myshopify.com",
    })
}

impl Shop {
    /// A shop with one order, which came to us as its webhook says.
    fn with(place: Value) -> Self {
        let time = Time::at("2026-11-23T12:00:00Z");
        let sandbox = Shopify::new(ShopifyConfig::default(), time.of_vendor());
        sandbox.act(json!({ "place_order": place })).unwrap();
        let sent = sandbox.take_deliveries();
        let created = sent.iter().find(|delivery| delivery.topic == "orders/create").unwrap();
        let headers: Vec<(String, String)> =
            created.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
        let secret = Secret::new(json!({ "webhook_secrets": ["shpss_sandbox"] }));
        webhook::verify(&settings(), &secret, &headers, (&created.body, time.now())).unwrap();
        let kept = webhook::kept_headers(&settings());
        let headers: BTreeMap<String, String> =
            headers.into_iter().filter(|(name, _)| kept.contains(&name.as_str())).collect();
        let delivery = Delivery { headers, body: created.body.clone() };
        assert!(webhook::delivery_id(&settings(), &delivery).is_some());
        let fact = webhook::translate(&settings(), &delivery).unwrap().remove(0);
        let InboundFact::Order { channel, inbound } = fact else { panic!("{fact:?}") };
        assert_eq!(inbound.oddities, []);
        let secrets = Vault::holding(json!({ "access_token": "shpat_sandbox" }));
        Self { sandbox, order: inbound.order, channel: channel.to_string(), secrets, time }
    }

    /// Two tea, one pot, at one location.
    fn ordinary() -> Self {
        Self::with(json!({ "lines": [
            { "sku": "TEA-250", "quantity": 2, "price": "19.99" }, { "sku": "POT-1", "quantity": 1, "price": "34.50" },
        ]}))
    }

    fn announcement(&self, units: &[u32], number: &str) -> Announcement {
        let lines = self.order.lines.iter().zip(units).map(|(line, units)| (line.id.clone(), *units)).collect();
        let tracking = Tracking { carrier: Some("Royal Mail".into()), number: number.into(), url: None };
        let tracking = if number.is_empty() { Vec::new() } else { vec![tracking] };
        let claimed_until = jiff::Timestamp::MAX;
        Announcement { channel: self.channel.parse().unwrap(), lines, tracking, claimed_until }
    }

    async fn announce(&self, units: &[u32], number: &str) -> Result<Posted, Failure> {
        let vendor = ("shopify-uk", self.sandbox.router());
        let outside = outside(vendor, settings(), self.secrets.clone(), &self.time);
        storefront(outside).unwrap().announce_shipment(&self.announcement(units, number)).await
    }

    /// Until it is told; gives how many tries failed before.
    async fn announce_stubbornly(&self, units: &[u32], number: &str) -> (Posted, usize) {
        for failures in 0..20 {
            match self.announce(units, number).await {
                Ok(posted) => return (posted, failures),
                Err(_) => continue,
            }
        }
        panic!("it never succeeds")
    }

    fn document(&self) -> Value {
        self.sandbox.documents()["orders"][0].clone()
    }

    fn fulfillments(&self) -> Vec<Value> {
        self.document()["fulfillments"].as_array().unwrap().clone()
    }
}

#[test]
fn a_delivered_order_costs_what_the_shop_says() {
    for place in [
        json!({ "lines": [{ "sku": "A", "quantity": 3, "price": "19.99" }], "taxes_included": true, "tax_rate": "0.2",
                "shipping": "4.95", "discount": { "code": "TEN", "percentage": "10" } }),
        json!({ "lines": [{ "sku": "A", "quantity": 3, "price": "19.99" }, { "sku": "B", "quantity": 1, "price": "0.01" }],
                "taxes_included": false, "tax_rate": "0.0775", "shipping": "4.95", "discount": "1.00" }),
        json!({ "lines": [{ "sku": "A", "quantity": 2, "price": "1980" }], "currency": "JPY", "shipping": "550" }),
        json!({ "lines": [{ "sku": "A", "quantity": 2, "price": "7.125" }], "currency": "KWD", "shipping": "1.500" }),
    ] {
        let shop = Shop::with(place);
        let total = shop.document()["total"].as_i64().unwrap();
        assert_eq!(shop.order.total.get(), total);
        assert_eq!(shop.order.totals().unwrap().total_minor.get(), total);
        assert_eq!(shop.order.totals().unwrap().tax_minor.get(), shop.document()["tax"].as_i64().unwrap());
        assert_eq!(shop.order.tenders[0].status, TenderStatus::Captured);
    }
}

#[test]
fn what_the_buyer_was_charged_counts_where_the_shop_books_another_currency() {
    let shop = Shop::with(json!({
        "lines": [{ "sku": "A", "quantity": 3, "price": "19.99" }], "shipping": "4.95",
        "presentment_currency": "USD", "exchange_rate": "1.25",
    }));
    assert_eq!(shop.order.currency.code(), "USD");
}

#[tokio::test]
async fn a_shipment_is_told_once_however_often_it_is_announced() {
    let shop = Shop::ordinary();
    let first = shop.announce(&[2, 1], "T1").await.unwrap();
    let again = shop.announce(&[2, 1], "T1").await.unwrap();
    assert_eq!(first, again);
    let told = shop.fulfillments();
    assert_eq!((told.len(), &told[0]["id"]), (1, &json!(first.id)));
    assert_eq!(told[0]["tracking_numbers"], json!(["T1"]));
    assert_eq!(told[0]["tracking_company"], "Royal Mail");
    assert_eq!(told[0]["notify_customer"], true);
    assert_eq!(shop.document()["fulfillment_status"], "FULFILLED");
}

#[tokio::test]
async fn partial_shipments_are_told_one_by_one_with_exact_units() {
    let shop = Shop::ordinary();
    shop.announce(&[1, 0], "T1").await.unwrap();
    assert_eq!(shop.document()["fulfillment_status"], "PARTIALLY_FULFILLED");
    shop.announce(&[1, 1], "T2").await.unwrap();
    shop.announce(&[1, 0], "T1").await.unwrap();
    let lines: Vec<Value> = shop.fulfillments().into_iter().map(|it| it["lines"].clone()).collect();
    assert_eq!(
        lines,
        [
            json!([{ "sku": "TEA-250", "quantity": 1 }]),
            json!([{ "sku": "TEA-250", "quantity": 1 }, { "sku": "POT-1", "quantity": 1 }]),
        ]
    );
    let failure = shop.announce(&[1, 0], "T3").await.unwrap_err();
    assert!(matches!(failure, Failure::Permanent { class: FailureClass::Refused, .. }), "nothing is left: {failure}");
}

#[tokio::test]
async fn whichever_call_fails_in_whatever_way_the_shipment_is_told_once() {
    let faults = [
        FaultKind::TimeoutBeforeCommit,
        FaultKind::TimeoutAfterCommit,
        FaultKind::Status(500, None),
        FaultKind::Status(503, None),
        FaultKind::StatusAfterCommit(500, None),
        FaultKind::Status(429, None),
        FaultKind::StatusAfterCommit(502, None),
        FaultKind::WrongAnswer,
        FaultKind::HtmlPage,
    ];
    for number in ["T1", ""] {
        for operation in ["OrderFulfillments", "FulfillmentCreate"] {
            for fault in &faults {
                let shop = Shop::ordinary();
                let struck = Fault::new(ENDPOINT, fault.clone(), 2).only_when_body_contains(operation);
                shop.sandbox.add_fault(struck);
                let (posted, _) = shop.announce_stubbornly(&[2, 0], number).await;
                let told = shop.fulfillments();
                assert_eq!(told.len(), 1, "{operation} {fault:?} {number:?}");
                assert_eq!(told[0]["id"], json!(posted.id));
                assert_eq!(told[0]["lines"], json!([{ "sku": "TEA-250", "quantity": 2 }]));
            }
        }
    }
}

#[tokio::test]
async fn a_shipment_over_two_locations_survives_a_crash_between_its_two_calls() {
    let shop = Shop::with(json!({ "lines": [
        { "sku": "TEA-250", "quantity": 2, "price": "19.99", "location": "LON1" },
        { "sku": "POT-1", "quantity": 1, "price": "34.50", "location": "MAN1" },
    ]}));
    let every_second =
        Fault::new(ENDPOINT, FaultKind::TimeoutAfterCommit, 1).every(2).only_when_body_contains("FulfillmentCreate");
    shop.sandbox.add_fault(every_second);
    let (_, failures) = shop.announce_stubbornly(&[2, 1], "T1").await;
    assert!(failures > 0);
    let told = shop.fulfillments();
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|it| it["tracking_numbers"] == json!(["T1"])));
    assert_eq!(shop.document()["fulfillment_status"], "FULFILLED");
}

#[tokio::test]
async fn what_the_shop_holds_waits_for_a_person_and_goes_on_when_it_is_released() {
    let shop = Shop::ordinary();
    shop.sandbox
        .act(json!({ "hold_fulfillment_order": { "order": shop.channel, "reason": "HIGH_RISK_OF_FRAUD" } }))
        .unwrap();
    let failure = shop.announce(&[2, 1], "T1").await.unwrap_err();
    assert!(failure.to_string().contains("HIGH_RISK_OF_FRAUD"), "{failure}");
    assert!(shop.fulfillments().is_empty());
    shop.sandbox.act(json!({ "release_hold": { "order": shop.channel } })).unwrap();
    shop.announce(&[2, 1], "T1").await.unwrap();
    assert_eq!(shop.fulfillments().len(), 1);
}

#[tokio::test]
async fn an_empty_bucket_pauses_the_connection() {
    let shop = Shop::ordinary();
    shop.sandbox.act(json!({ "drain_bucket": { "points": 0 } })).unwrap();
    let failure = shop.announce(&[2, 1], "T1").await.unwrap_err();
    let Failure::Paused { connection, until, .. } = failure else { panic!("{failure}") };
    assert_eq!(connection, "shopify-uk");
    let wait = until.duration_since(shop.time.now()).as_secs();
    assert!((1..=20).contains(&wait), "{wait} s: the bucket is full again after 20");
    shop.time.pass(wait);
    shop.announce(&[2, 1], "T1").await.unwrap();
}

#[tokio::test]
async fn a_token_that_was_rotated_away_is_replaced_on_the_way() {
    let shop = Shop::ordinary();
    let stale = Vault::holding(json!({ "access_token": "shpat_gone" }));
    stale.rotate(json!({ "access_token": "shpat_sandbox" }));
    let shop = Shop { secrets: stale, ..shop };
    shop.announce(&[2, 1], "T1").await.unwrap();
    assert_eq!(shop.secrets.fresh_reads(), 1);
    let shop = Shop { secrets: Vault::holding(json!({ "access_token": "shpat_wrong" })), ..shop };
    let failure = shop.announce(&[2, 1], "T1").await.unwrap_err();
    assert!(matches!(failure, Failure::Permanent { class: FailureClass::Connection, .. }), "{failure}");
}

#[tokio::test]
async fn an_order_that_the_shop_does_not_have_is_missing_for_good() {
    let mut shop = Shop::ordinary();
    shop.channel = "1".into();
    let failure = shop.announce(&[2, 1], "T1").await.unwrap_err();
    assert!(matches!(failure, Failure::Permanent { class: FailureClass::Missing, .. }), "{failure}");
}
