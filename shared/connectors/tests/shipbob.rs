//! The ShipBob connector against ShipBob's sandbox: whatever happens on the way, one order and nothing half-read.

#![expect(clippy::unwrap_used, reason = "what a test cannot have fails it")]

mod in_process;

use std::sync::Arc;

use crossdock_connectors::shipbob::ShipBob;
use crossdock_connectors::webhook::{self, Rejected};
use crossdock_connectors::{Delivery, Fulfillment as _, FulfillmentLine, FulfillmentRequest, InboundFact};
use crossdock_domain::Recipient;
use crossdock_domain::event::FailureClass;
use crossdock_sandboxes::shipbob::{ShipBob as Sandbox, ShipBobConfig};
use crossdock_sandboxes::{Fault, FaultKind};
use crossdock_step::{Failure, Secret};
use serde_json::{Value, json};

use in_process::{Time, Vault, outside};

const REFERENCE: &str = "UK-820982911946154508-F1";

struct Scene {
    sandbox: Sandbox,
    connector: ShipBob,
    vault: Arc<Vault>,
    time: Time,
    settings: Value,
    secret: Secret,
}

fn scene() -> Scene {
    scene_with(ShipBobConfig::default())
}

fn scene_with(config: ShipBobConfig) -> Scene {
    let time = Time::at("2026-11-23T10:00:00Z");
    let settings = json!({
        "kind": "shipbob", "base_url": "http://127.0.0.1:4601", "api_version": "2026-01",
        "channel_id": config.channel_id.to_string(), "shipping_method": "Standard",
        "locations": { "LON1": config.centers[0].id.to_string(), "MAN1": config.centers[1].id },
    });
    let secret = json!({ "token": config.token, "webhook_secrets": [config.webhook_secret] });
    let sandbox = Sandbox::new(config, time.of_vendor());
    let vault = Vault::holding(secret.clone());
    let outside = outside(("shipbob", sandbox.router()), settings.clone(), vault.clone(), &time);
    let connector = ShipBob::new(outside).unwrap();
    Scene { sandbox, connector, vault, time, settings, secret: Secret::new(secret) }
}

fn request() -> FulfillmentRequest {
    let line = |item: &str, quantity| FulfillmentLine { item: item.into(), sku: item.parse().unwrap(), quantity };
    FulfillmentRequest {
        reference: REFERENCE.into(),
        order_name: "#1001".into(),
        location: "LON1".parse().unwrap(),
        lines: vec![line("TEE-BLK-M", 2), line("MUG-WHT", 1)],
        recipient: Recipient {
            name: "Canary Name".into(),
            address1: "1 Canary Street".into(),
            city: "London".into(),
            postal_code: "E1 6AN".into(),
            country: "GB".into(),
            email: Some("canary@example.com".into()),
            phone: Some("+44 20 5550 0000".into()),
            ..Recipient::default()
        },
    }
}

impl Scene {
    fn orders(&self) -> Vec<Value> {
        self.sandbox.documents()["orders"].as_array().unwrap().clone()
    }

    fn fault(&self, matching: &str, kind: FaultKind) {
        self.sandbox.add_fault(Fault::new(matching, kind, 1));
    }

    fn paths(&self) -> Vec<String> {
        self.sandbox.requests().iter().map(|request| format!("{} {}", request.method, request.path)).collect()
    }
}

fn permanent(failure: &Failure) -> (FailureClass, &str) {
    match failure {
        Failure::Permanent { class, reason } => (*class, reason),
        Failure::Retry { .. } | Failure::Paused { .. } => panic!("{failure:?} is not lasting"),
    }
}

fn assert_nothing_personal(text: &str) {
    for personal in ["Canary", "canary", "E1 6AN", "5550"] {
        assert!(!text.contains(personal), "{text:?} tells who the recipient is");
    }
}

#[tokio::test]
async fn an_order_is_handed_over_with_all_that_shipbob_needs() {
    let scene = scene();
    let posted = scene.connector.request(&request()).await.unwrap();
    let orders = scene.orders();
    assert_eq!(orders.len(), 1);
    assert_eq!(orders[0]["id"].to_string(), posted.id);
    assert_eq!(posted.total, None);
    assert_eq!(orders[0]["reference_id"], REFERENCE);
    assert_eq!(orders[0]["order_number"], "#1001");
    assert_eq!(orders[0]["location"], "LON1");
    assert_eq!(
        orders[0]["products"],
        json!([
            { "reference_id": "TEE-BLK-M", "sku": "TEE-BLK-M", "quantity": 2 },
            { "reference_id": "MUG-WHT", "sku": "MUG-WHT", "quantity": 1 },
        ])
    );
    assert_eq!(orders[0]["recipient"]["address"]["zip_code"], "E1 6AN");
    assert_eq!(scene.paths(), ["POST /2026-01/order"]);
}

#[tokio::test]
async fn the_same_request_again_finds_the_first_order() {
    let scene = scene();
    let first = scene.connector.request(&request()).await.unwrap();
    let second = scene.connector.request(&request()).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(scene.orders().len(), 1);
}

#[tokio::test]
async fn an_order_whose_answer_was_lost_is_found_and_not_made_twice() {
    let scene = scene();
    for lost in [FaultKind::TimeoutAfterCommit, FaultKind::StatusAfterCommit(502, None)] {
        scene.fault("POST /2026-01/order", lost);
        let failure = scene.connector.request(&request()).await.unwrap_err();
        assert!(matches!(failure, Failure::Retry { .. }), "{failure:?}");
    }
    let posted = scene.connector.request(&request()).await.unwrap();
    assert_eq!(scene.orders().len(), 1);
    assert_eq!(scene.orders()[0]["id"].to_string(), posted.id);
}

#[tokio::test]
async fn an_order_that_never_arrived_is_sent_again() {
    let scene = scene();
    scene.fault("POST /2026-01/order", FaultKind::TimeoutBeforeCommit);
    assert!(matches!(scene.connector.request(&request()).await, Err(Failure::Retry { .. })));
    assert!(scene.orders().is_empty());
    scene.connector.request(&request()).await.unwrap();
    assert_eq!(scene.orders().len(), 1);
}

#[tokio::test]
async fn another_order_under_our_reference_is_not_taken_for_ours() {
    let scene = scene();
    scene.connector.request(&request()).await.unwrap();
    for other in [
        FulfillmentRequest { lines: request().lines[..1].to_vec(), ..request() },
        FulfillmentRequest {
            lines: vec![FulfillmentLine { quantity: 3, ..request().lines[0].clone() }, request().lines[1].clone()],
            ..request()
        },
    ] {
        let failure = scene.connector.request(&other).await.unwrap_err();
        let (class, reason) = permanent(&failure);
        assert_eq!(class, FailureClass::Duplicate);
        assert!(reason.contains(REFERENCE), "{reason}");
    }
    assert_eq!(scene.orders().len(), 1);
}

#[tokio::test]
async fn an_order_that_was_cancelled_there_is_not_waited_for() {
    let scene = scene();
    let posted = scene.connector.request(&request()).await.unwrap();
    let cancel = http::Request::post(format!("/2026-01/order/{}:cancel", posted.id))
        .header("authorization", format!("Bearer {}", scene.secret.text("token").unwrap()))
        .header("shipbob_channel_id", scene.settings["channel_id"].as_str().unwrap());
    let cancel = cancel.body(axum::body::Body::empty()).unwrap();
    let answer = tower::ServiceExt::oneshot(scene.sandbox.router(), cancel).await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
    let failure = scene.connector.request(&request()).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Refused);
    assert!(failure.to_string().contains("was cancelled there"), "{failure}");
}

#[tokio::test]
async fn an_address_that_cannot_be_reached_is_told_without_telling_the_address() {
    let scene = scene();
    let mut unreachable = request();
    unreachable.recipient.postal_code = "00000".into();
    unreachable.recipient.city = "Canary Town".into();
    let failure = scene.connector.request(&unreachable).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Value);
    assert!(failure.to_string().contains("correct the address"), "{failure}");
    assert_nothing_personal(&failure.to_string());

    let mut incomplete = request();
    incomplete.recipient.address1 = String::new();
    let failure = scene.connector.request(&incomplete).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Value);
    assert!(failure.to_string().contains("recipient.address.address1"), "{failure}");
    assert_nothing_personal(&failure.to_string());
    assert!(scene.orders().is_empty());
}

#[tokio::test]
async fn a_product_that_shipbob_does_not_have_is_a_matter_of_mapping() {
    let scene = scene_with(ShipBobConfig { catalogue: Some(vec!["TEE-BLK-M".into()]), ..ShipBobConfig::default() });
    let failure = scene.connector.request(&request()).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Mapping);
    assert!(scene.orders().is_empty());
}

#[tokio::test]
async fn a_location_that_is_not_mapped_makes_no_call() {
    let scene = scene();
    let elsewhere = FulfillmentRequest { location: "PAR1".parse().unwrap(), ..request() };
    let failure = scene.connector.request(&elsewhere).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Mapping);
    assert!(scene.paths().is_empty());
}

#[tokio::test]
async fn too_many_calls_pause_the_connection_for_as_long_as_shipbob_says() {
    let scene = scene_with(ShipBobConfig { calls_per_minute: Some(1), ..ShipBobConfig::default() });
    scene.connector.request(&request()).await.unwrap();
    scene.time.pass(20);
    let failure = scene.connector.request(&request()).await.unwrap_err();
    let Failure::Paused { connection, until, .. } = &failure else { panic!("{failure:?} does not pause") };
    assert_eq!(connection, "shipbob");
    let pause = until.duration_since(scene.time.now()).as_secs();
    assert!((40..=43).contains(&pause), "{pause} seconds are not what is left of the minute");
    scene.time.pass(pause + 1);
    // The repeat and its look-up would be two calls of the one that is left.
    let other = FulfillmentRequest { reference: "UK-2-F1".into(), ..request() };
    scene.connector.request(&other).await.unwrap();
}

#[tokio::test]
async fn an_outage_is_waited_out() {
    let scene = scene();
    for status in [500, 502, 503, 504] {
        scene.fault("POST /2026-01/order", FaultKind::Status(status, None));
        assert!(matches!(scene.connector.request(&request()).await, Err(Failure::Retry { .. })), "{status}");
    }
    assert!(scene.orders().is_empty());
}

#[tokio::test]
async fn a_wrong_answer_is_no_success() {
    let scene = scene();
    for wrong in [FaultKind::HtmlPage, FaultKind::WrongAnswer] {
        scene.fault("POST /2026-01/order", wrong.clone());
        let failure = scene.connector.request(&request()).await.unwrap_err();
        assert_eq!(permanent(&failure).0, FailureClass::Parse, "{wrong:?}");
        assert_nothing_personal(&failure.to_string());
    }
    // Once somebody has looked and released it, the order that is there is found.
    scene.connector.request(&request()).await.unwrap();
    assert_eq!(scene.orders().len(), 1);
}

#[tokio::test]
async fn a_token_that_was_rotated_is_read_anew_once() {
    let scene = scene_with(ShipBobConfig { token: "new".into(), ..ShipBobConfig::default() });
    let old = Vault::holding(json!({ "token": "old" }));
    old.rotate(json!({ "token": "new" }));
    let connector =
        ShipBob::new(outside(("shipbob", scene.sandbox.router()), scene.settings.clone(), old.clone(), &scene.time));
    connector.unwrap().request(&request()).await.unwrap();
    assert_eq!(old.fresh_reads(), 1);
    assert_eq!(scene.orders().len(), 1);
}

#[tokio::test]
async fn a_token_that_is_refused_for_good_is_said_so_after_one_look() {
    let scene = scene();
    let wrong = Vault::holding(json!({ "token": "wrong" }));
    let connector =
        ShipBob::new(outside(("shipbob", scene.sandbox.router()), scene.settings.clone(), wrong.clone(), &scene.time));
    let failure = connector.unwrap().request(&request()).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Connection);
    assert_eq!((wrong.fresh_reads(), scene.paths().len()), (1, 1));
    assert_eq!(scene.vault.fresh_reads(), 0);
}

#[tokio::test]
async fn what_has_left_is_read_from_the_order() {
    let scene = scene();
    assert_eq!(scene.connector.shipments(REFERENCE).await.unwrap(), []);
    scene.connector.request(&request()).await.unwrap();
    assert_eq!(scene.connector.shipments(REFERENCE).await.unwrap(), []);
    scene.time.pass(3600);
    let part = json!([{ "sku": "TEE-BLK-M", "quantity": 1 }]);
    let ship = json!({ "reference_id": REFERENCE, "lines": part, "tracking_number": "T1", "carrier": "DPD" });
    scene.sandbox.act(json!({ "ship": ship })).unwrap();
    let shipments = scene.connector.shipments(REFERENCE).await.unwrap();
    assert_eq!(shipments.len(), 1);
    assert_eq!(shipments[0].allocation, 1);
    assert_eq!(shipments[0].lines, [("TEE-BLK-M".parse().unwrap(), 1)]);
    assert_eq!(shipments[0].tracking[0].number, "T1");
    assert_eq!(shipments[0].tracking[0].carrier.as_deref(), Some("DPD"));
    assert_eq!(shipments[0].shipped_at, scene.time.now());
    scene.sandbox.act(json!({ "ship": "all" })).unwrap();
    let shipments = scene.connector.shipments(REFERENCE).await.unwrap();
    assert_eq!(shipments.len(), 2);
    let units: u32 = shipments.iter().flat_map(|shipment| &shipment.lines).map(|(_, quantity)| quantity).sum();
    assert_eq!(units, 3);
}

fn arrived(delivery: &crossdock_sandboxes::Delivery) -> Delivery {
    Delivery { headers: delivery.headers.iter().cloned().collect(), body: delivery.body.clone() }
}

#[tokio::test]
async fn a_shipment_is_the_same_by_webhook_and_by_asking() {
    let scene = scene();
    scene.connector.request(&request()).await.unwrap();
    scene.sandbox.act(json!({ "ship": { "reference_id": REFERENCE } })).unwrap();
    let asked = scene.connector.shipments(REFERENCE).await.unwrap();
    let deliveries = scene.sandbox.take_deliveries();
    assert_eq!(deliveries.len(), 1);
    let body = (deliveries[0].body.as_slice(), scene.time.now());
    webhook::verify(&scene.settings, &scene.secret, &deliveries[0].headers, body).unwrap();
    let facts = webhook::translate(&scene.settings, &arrived(&deliveries[0])).unwrap();
    let [InboundFact::Shipment { reference, report }] = facts.as_slice() else { panic!("{facts:?}") };
    assert_eq!(reference, REFERENCE);
    assert_eq!(*report, asked[0]);
    scene.sandbox.act(json!({ "deliver": "all" })).unwrap();
    let facts = webhook::translate(&scene.settings, &arrived(&scene.sandbox.take_deliveries()[0])).unwrap();
    assert_eq!(facts, [InboundFact::Shipment { reference: REFERENCE.into(), report: asked[0].clone() }]);
}

#[tokio::test]
async fn deliveries_that_ship_nothing_of_ours_are_ignored() {
    let scene = scene();
    let strangers = FulfillmentRequest { reference: "WHOLESALE 4711".into(), ..request() };
    let deposit = FulfillmentRequest { reference: "UK-1-DEP1".into(), ..request() };
    for other in [strangers, deposit] {
        // The sandbox is told directly: the connector never sends such a reference.
        scene.connector.request(&other).await.unwrap();
    }
    scene.connector.request(&request()).await.unwrap();
    scene.sandbox.act(json!({ "hold": { "reference_id": REFERENCE } })).unwrap();
    scene.sandbox.act(json!({ "exception": { "reference_id": REFERENCE } })).unwrap();
    scene.sandbox.act(json!({ "ship": "all" })).unwrap();
    let deliveries = scene.sandbox.take_deliveries();
    assert_eq!(deliveries.len(), 4);
    for delivery in deliveries {
        let facts = webhook::translate(&scene.settings, &arrived(&delivery)).unwrap();
        assert!(matches!(facts.as_slice(), [InboundFact::Ignored { .. }]), "{facts:?}");
    }
}

#[tokio::test]
async fn only_the_vendor_can_sign() {
    let scene = scene();
    scene.connector.request(&request()).await.unwrap();
    scene.sandbox.act(json!({ "ship": "all" })).unwrap();
    let delivery = scene.sandbox.take_deliveries().remove(0);
    let now = scene.time.now();
    let verify = |headers: &[(String, String)], body: &[u8]| {
        webhook::verify(&scene.settings, &scene.secret, headers, (body, now))
    };
    assert_eq!(verify(&delivery.headers, &delivery.body), Ok(()));
    let changed = |name: &str, value: &str| {
        let header = |(n, v): &(String, String)| (n.clone(), if n == name { value.to_owned() } else { v.clone() });
        delivery.headers.iter().map(header).collect::<Vec<_>>()
    };
    let genuine = delivery.headers.iter().find(|(name, _)| name == "webhook-signature").unwrap().1.clone();
    for forged in [
        String::new(),
        "v1,".to_owned(),
        "v1,AAAA".to_owned(),
        genuine.replace("v1,", "v1a,"),
        genuine.replace("v1,", "v2,"),
        genuine.to_lowercase(),
        genuine.trim_end_matches('=').to_owned(),
        format!("{} {genuine}", ["v1,AAAA"; 8].join(" ")),
    ] {
        let headers = changed("webhook-signature", &forged);
        assert_eq!(verify(&headers, &delivery.body), Err(Rejected::Signature), "{forged}");
    }
    assert_eq!(verify(&changed("webhook-id", "msg_other"), &delivery.body), Err(Rejected::Signature));
    assert_eq!(verify(&changed("webhook-timestamp", "1"), &delivery.body), Err(Rejected::Signature));
    assert_eq!(verify(&delivery.headers, &delivery.body[1..]), Err(Rejected::Signature));
    let respaced = String::from_utf8(delivery.body.clone()).unwrap().replacen(':', ": ", 1);
    assert_eq!(verify(&delivery.headers, respaced.as_bytes()), Err(Rejected::Signature));
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature", "x-webhook-topic"] {
        let without = delivery.headers.iter().filter(|(n, _)| n != name).cloned().collect::<Vec<_>>();
        assert_eq!(verify(&without, &delivery.body), Err(Rejected::Signature), "without {name}");
        let again = delivery.headers.iter().filter(|(n, _)| n == name).chain(&delivery.headers).cloned();
        assert_eq!(verify(&again.collect::<Vec<_>>(), &delivery.body), Err(Rejected::Signature), "{name} twice");
    }
    for secrets in [json!({}), json!({ "webhook_secrets": [] }), json!({ "webhook_secrets": ["whsec_"] })] {
        let secret = Secret::new(secrets);
        let verified = webhook::verify(&scene.settings, &secret, &delivery.headers, (&delivery.body, now));
        assert_eq!(verified, Err(Rejected::Signature));
    }
}

#[tokio::test]
async fn an_old_delivery_is_a_replay() {
    let scene = scene();
    scene.connector.request(&request()).await.unwrap();
    scene.sandbox.act(json!({ "ship": "all" })).unwrap();
    let delivery = scene.sandbox.take_deliveries().remove(0);
    let verify = |seconds: i64| {
        let now = scene.time.now().saturating_add(jiff::SignedDuration::from_secs(seconds)).unwrap();
        webhook::verify(&scene.settings, &scene.secret, &delivery.headers, (&delivery.body, now))
    };
    assert_eq!((verify(300), verify(-300)), (Ok(()), Ok(())));
    assert_eq!((verify(301), verify(-301)), (Err(Rejected::Time), Err(Rejected::Time)));
}

#[tokio::test]
async fn during_a_rotation_either_secret_is_good() {
    let scene = scene();
    let (old, new) = ("whsec_b2xkLXNlY3JldC1vZi1zaGlwYm9i", "whsec_bmV3LXNlY3JldC1vZi1zaGlwYm9i");
    scene.connector.request(&request()).await.unwrap();
    scene.sandbox.act(json!({ "ship": "all" })).unwrap();
    for (signed_with, valid, accepted) in [
        (json!([old]), json!([old]), true),
        (json!([old]), json!([new, old]), true),
        (json!([new, old]), json!([old]), true),
        (json!([new]), json!(new), true),
        (json!([old]), json!([new]), false),
    ] {
        scene.sandbox.act(json!({ "set_secrets": { "secrets": signed_with } })).unwrap();
        scene.sandbox.act(json!({ "redeliver": "all" })).unwrap();
        let delivery = scene.sandbox.take_deliveries().pop().unwrap();
        let secret = Secret::new(json!({ "webhook_secrets": valid }));
        let body = (delivery.body.as_slice(), scene.time.now());
        let verified = webhook::verify(&scene.settings, &secret, &delivery.headers, body);
        assert_eq!(verified.is_ok(), accepted, "signed with {signed_with}, valid {valid}");
    }
}

/// The vector of the Standard Webhooks libraries.
#[test]
fn the_published_vector_is_verified() {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers = [
        header("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        header("webhook-timestamp", "1614265330"),
        header("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        header("x-webhook-topic", "order.shipped"),
    ];
    let secret = Secret::new(json!({ "webhook_secrets": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }));
    let settings = json!({ "kind": "shipbob" });
    let now = jiff::Timestamp::from_second(1_614_265_330).unwrap();
    let verify = |body: &[u8]| webhook::verify(&settings, &secret, &headers, (body, now));
    assert_eq!(verify(br#"{"test": 2432232314}"#), Ok(()));
    assert_eq!(verify(br#"{"test":2432232314}"#), Err(Rejected::Signature));
}

#[test]
fn a_shipment_of_ours_that_cannot_be_understood_is_an_error_and_not_ignored() {
    let settings = json!({ "kind": "shipbob" });
    let translate = |body: &str| {
        let headers = [("x-webhook-topic".to_owned(), "order.shipped".to_owned())].into();
        webhook::translate(&settings, &Delivery { headers, body: body.as_bytes().to_vec() })
    };
    let shipment = |products: Value| json!({ "id": 7, "reference_id": REFERENCE, "products": products }).to_string();
    let two_items = json!([{ "id": 1, "quantity": 1 }, { "id": 2, "quantity": 2 }]);
    for (body, said) in [
        ("{".to_owned(), "is not JSON"),
        (json!({ "reference_id": REFERENCE }).to_string(), "missing field `id`"),
        (shipment(Value::Null), "does not say what is in it"),
        (shipment(json!([{ "sku": "A", "inventory_items": [] }])), "no quantity"),
        (shipment(json!([{ "sku": "", "inventory_items": [{ "id": 1, "quantity": 1 }] }])), "a SKU must be"),
        (shipment(json!([{ "sku": "A", "inventory_items": [{ "id": 1, "quantity": -1 }] }])), "u32"),
        (shipment(json!([{ "sku": "KIT", "inventory_items": two_items }])), "a bundle"),
        (shipment(json!([{ "sku": "A", "inventory_items": [{ "id": 1, "quantity": 1 }] }])), "when it left"),
    ] {
        let error = translate(&body).unwrap_err();
        assert!(error.contains(said), "{body}: {error}");
    }
}

#[test]
fn two_lots_of_one_item_add_up_and_a_time_without_offset_is_utc() {
    let settings = json!({ "kind": "shipbob" });
    let lot = |quantity| json!({ "id": 1, "quantity": quantity });
    let body = json!({
        "id": 7, "reference_id": REFERENCE, "status": "Completed", "tracking": null,
        "actual_fulfillment_date": "2026-11-23T09:59:58.1234567",
        "products": [{ "sku": null, "reference_id": "TEE-BLK-M", "inventory_items": [lot(2), lot(3)] }],
    });
    let headers = [("x-webhook-topic".to_owned(), "order.shipped".to_owned())].into();
    let facts = webhook::translate(&settings, &Delivery { headers, body: body.to_string().into_bytes() }).unwrap();
    let [InboundFact::Shipment { report, .. }] = facts.as_slice() else { panic!("{facts:?}") };
    assert_eq!(report.lines, [("TEE-BLK-M".parse().unwrap(), 5)]);
    assert_eq!(report.tracking, []);
    assert_eq!(report.shipped_at.to_string(), "2026-11-23T09:59:58.1234567Z");
}
