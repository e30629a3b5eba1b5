//! The ShipBob connector against ShipBob's sandbox: stopping what has not left, and goods that come back.

#![expect(clippy::unwrap_used, reason = "what a test cannot have fails it")]

mod in_process;

use crossdock_connectors::shipbob::ShipBob;
use crossdock_connectors::webhook;
use crossdock_connectors::{
    Delivery, Fulfillment as _, FulfillmentLine, FulfillmentRequest, InboundFact, ReturnNotice, StopOutcome,
};
use crossdock_domain::event::{Disposition, FailureClass};
use crossdock_domain::returns::ReturnReport;
use crossdock_domain::{Recipient, Sku};
use crossdock_sandboxes::shipbob::{ShipBob as Sandbox, ShipBobConfig};
use crossdock_sandboxes::{Fault, FaultKind};
use crossdock_step::{Failure, Secret};
use serde_json::{Value, json};

use in_process::{Time, Vault, outside};

const ORDER: &str = "UK-820982911946154508-F1";
const RETURN: &str = "UK-820982911946154508-RMA1";
const TEE: &str = "TEE-BLK-M";
const MUG: &str = "MUG-WHT";
const HAT: &str = "HAT-RED";

struct Scene {
    sandbox: Sandbox,
    connector: ShipBob,
    time: Time,
    settings: Value,
    secret: Secret,
}

fn scene() -> Scene {
    let config = ShipBobConfig::default();
    let time = Time::at("2026-11-23T10:00:00Z");
    let settings = json!({
        "kind": "shipbob", "base_url": "http://127.0.0.1:4601", "api_version": "2026-01",
        "channel_id": config.channel_id.to_string(), "shipping_method": "Standard",
        "locations": { "LON1": config.centers[0].id, "MAN1": config.centers[1].id },
    });
    let secret = json!({ "token": config.token, "webhook_secrets": [config.webhook_secret] });
    let sandbox = Sandbox::new(config, time.of_vendor());
    let vault = Vault::holding(secret.clone());
    let connector = ShipBob::new(outside(("shipbob", sandbox.router()), settings.clone(), vault, &time)).unwrap();
    Scene { sandbox, connector, time, settings, secret: Secret::new(secret) }
}

fn line(item: &str, quantity: u32) -> FulfillmentLine {
    FulfillmentLine { item: item.into(), sku: item.parse().unwrap(), quantity }
}

fn request(reference: &str) -> FulfillmentRequest {
    FulfillmentRequest {
        reference: reference.into(),
        order_name: "#1001".into(),
        location: "LON1".parse().unwrap(),
        lines: vec![line(TEE, 2), line(MUG, 1)],
        recipient: Recipient {
            name: "Canary Name".into(),
            address1: "1 Canary Street".into(),
            city: "London".into(),
            postal_code: "E1 6AN".into(),
            country: "GB".into(),
            ..Recipient::default()
        },
    }
}

fn notice(shipment: Option<&str>) -> ReturnNotice {
    ReturnNotice {
        reference: RETURN.into(),
        location: "LON1".parse().unwrap(),
        shipment: shipment.map(str::to_owned),
        lines: vec![line(TEE, 2), line(MUG, 1)],
    }
}

fn units(all: &[(&str, u32)]) -> Vec<(Sku, u32)> {
    all.iter().map(|(sku, quantity)| (sku.parse().unwrap(), *quantity)).collect()
}

fn outcome(stopped: &[(&str, u32)], kept: &[(&str, u32)]) -> StopOutcome {
    StopOutcome { stopped: units(stopped), kept: units(kept) }
}

fn found(all: &[(&str, u32, Disposition)]) -> Vec<(Sku, u32, Disposition)> {
    all.iter().map(|(sku, quantity, disposition)| (sku.parse().unwrap(), *quantity, *disposition)).collect()
}

fn parcel(all: &[(&str, u32, &str)]) -> Value {
    all.iter().map(|(sku, quantity, action)| json!({ "sku": sku, "quantity": quantity, "action": action })).collect()
}

impl Scene {
    async fn handed_over(self) -> Self {
        self.connector.request(&request(ORDER)).await.unwrap();
        self
    }

    /// The order has left; the identity of its shipment.
    async fn shipped(&self) -> String {
        self.connector.request(&request(ORDER)).await.unwrap();
        self.act(json!({ "ship": { "reference_id": ORDER } }));
        self.facts();
        self.connector.shipments(ORDER).await.unwrap()[0].id.clone()
    }

    /// A return has been announced.
    async fn announced() -> Self {
        let scene = scene();
        let shipment = scene.shipped().await;
        scene.connector.announce_return(&notice(Some(&shipment))).await.unwrap();
        scene.facts();
        scene
    }

    fn act(&self, act: Value) {
        self.sandbox.act(act).unwrap();
    }

    fn receive(&self, lines: &[(&str, u32, &str)], completed: bool) {
        let said = json!({ "reference_id": RETURN, "lines": parcel(lines), "completed": completed });
        self.act(json!({ "receive_return": said }));
    }

    fn fault(&self, matching: &str, kind: FaultKind) {
        self.sandbox.add_fault(Fault::new(matching, kind, 1));
    }

    fn returns(&self) -> Vec<Value> {
        self.sandbox.documents()["returns"].as_array().unwrap().clone()
    }

    fn calls(&self, start: &str) -> usize {
        let requests = self.sandbox.requests();
        requests.iter().filter(|it| format!("{} {}", it.method, it.path).starts_with(start)).count()
    }

    /// What the webhooks that wait say; each is verified first.
    fn facts(&self) -> Vec<InboundFact> {
        let mut facts = Vec::new();
        for delivery in self.sandbox.take_deliveries() {
            let body = (delivery.body.as_slice(), self.time.now());
            webhook::verify(&self.settings, &self.secret, &delivery.headers, body).unwrap();
            let arrived = Delivery { headers: delivery.headers.into_iter().collect(), body: delivery.body };
            facts.extend(webhook::translate(&self.settings, &arrived).unwrap());
        }
        facts
    }

    /// Those of them that tell of goods that came back.
    fn told(&self) -> Vec<(String, ReturnReport)> {
        let returned = |fact| {
            if let InboundFact::Returned { reference, report } = fact {
                return Some((reference, report));
            }
            assert!(matches!(fact, InboundFact::Ignored { .. }), "{fact:?} is no return");
            None
        };
        self.facts().into_iter().filter_map(returned).collect()
    }

    async fn asked(&self, reference: &str) -> Option<ReturnReport> {
        self.connector.returned(reference).await.unwrap()
    }
}

fn permanent(failure: &Failure) -> (FailureClass, &str) {
    match failure {
        Failure::Permanent { class, reason } => (*class, reason),
        Failure::Retry { .. } | Failure::Paused { .. } => panic!("{failure:?} is not lasting"),
    }
}

fn assert_waits(failure: &Failure, kind: &FaultKind) {
    let is_limit = matches!(kind, FaultKind::Status(429, _));
    let waits =
        if is_limit { matches!(failure, Failure::Paused { .. }) } else { matches!(failure, Failure::Retry { .. }) };
    assert!(waits, "{kind:?}: {failure:?}");
}

fn passing() -> [FaultKind; 5] {
    [
        FaultKind::TimeoutAfterCommit,
        FaultKind::TimeoutBeforeCommit,
        FaultKind::StatusAfterCommit(502, None),
        FaultKind::Status(429, None),
        FaultKind::Status(500, None),
    ]
}

// Stopping

#[tokio::test]
async fn what_is_not_picked_is_stopped_and_stays_stopped() {
    let scene = scene().handed_over().await;
    let all = outcome(&[(MUG, 1), (TEE, 2)], &[]);
    assert_eq!(scene.connector.cancel(ORDER).await.unwrap().unwrap(), all);
    assert_eq!(scene.sandbox.documents()["orders"][0]["status"], "Cancelled");
    assert_eq!(scene.connector.cancel(ORDER).await.unwrap().unwrap(), all);
    assert_eq!(scene.calls("POST /2026-01/order/"), 1, "what is settled is not asked for again");
}

#[tokio::test]
async fn what_is_picked_is_kept() {
    let scene = scene().handed_over().await;
    scene.act(json!({ "pick": "all" }));
    let none = outcome(&[], &[(MUG, 1), (TEE, 2)]);
    assert_eq!(scene.connector.cancel(ORDER).await.unwrap().unwrap(), none);
    assert_eq!(scene.connector.cancel(ORDER).await.unwrap().unwrap(), none);
    scene.act(json!({ "ship": "all" }));
    assert_eq!(scene.connector.cancel(ORDER).await.unwrap().unwrap(), none);
}

#[tokio::test]
async fn a_refusal_because_it_is_too_late_is_an_answer() {
    let scene = scene().handed_over().await;
    scene.fault("POST /2026-01/order/*:cancel", FaultKind::Status(422, None));
    assert_eq!(scene.connector.cancel(ORDER).await.unwrap().unwrap(), outcome(&[], &[(MUG, 1), (TEE, 2)]));
}

#[tokio::test]
async fn of_an_order_that_left_in_part_the_rest_is_stopped() {
    let scene = scene().handed_over().await;
    scene.act(json!({ "ship": { "reference_id": ORDER, "lines": [{ "sku": TEE, "quantity": 1 }] } }));
    let part = outcome(&[(MUG, 1), (TEE, 1)], &[(TEE, 1)]);
    assert_eq!(scene.connector.cancel(ORDER).await.unwrap().unwrap(), part);
    assert_eq!(scene.connector.cancel(ORDER).await.unwrap().unwrap(), part);
}

#[tokio::test]
async fn a_cancellation_survives_whatever_happens_to_its_call() {
    for kind in passing() {
        let scene = scene().handed_over().await;
        scene.fault("POST /2026-01/order/*:cancel", kind.clone());
        assert_waits(&scene.connector.cancel(ORDER).await.unwrap_err(), &kind);
        let outcome = scene.connector.cancel(ORDER).await.unwrap().unwrap();
        assert_eq!((outcome.stopped, outcome.kept), (units(&[(MUG, 1), (TEE, 2)]), Vec::new()), "{kind:?}");
    }
}

#[tokio::test]
async fn an_answer_to_a_cancellation_is_not_believed_and_the_order_is_read() {
    let scene = scene().handed_over().await;
    scene.fault("POST /2026-01/order/*:cancel", FaultKind::WrongAnswer);
    let outcome = scene.connector.cancel(ORDER).await.unwrap().unwrap();
    assert_eq!(outcome.stopped, units(&[(MUG, 1), (TEE, 2)]));
}

#[tokio::test]
async fn an_order_that_shipbob_does_not_show_is_neither_stopped_nor_kept() {
    let scene = scene();
    assert_eq!(scene.connector.cancel(ORDER).await, Ok(None));
    let stranger = scene.connector.cancel("WHOLESALE 4711").await.unwrap_err();
    assert_eq!(permanent(&stranger).0, FailureClass::Parse);
    assert_eq!(scene.calls("GET /2026-01/order?ReferenceIds=WHOLESALE"), 0);
}

#[tokio::test]
async fn what_the_warehouse_stops_by_itself_is_told_shipment_by_shipment() {
    let scene = scene().handed_over().await;
    scene.act(json!({ "ship": { "reference_id": ORDER, "lines": [{ "sku": TEE, "quantity": 1 }] } }));
    scene.facts();
    scene.act(json!({ "refuse": { "reference_id": ORDER, "reason": "Damaged" } }));
    let stopped = outcome(&[(MUG, 1), (TEE, 1)], &[]);
    assert_eq!(
        scene.facts(),
        [InboundFact::FulfillmentStopped { reference: ORDER.into(), outcome: stopped }],
        "of what has left nothing is said"
    );
    assert_eq!(scene.connector.cancel(ORDER).await.unwrap().unwrap(), outcome(&[(MUG, 1), (TEE, 1)], &[(TEE, 1)]));
}

#[test]
fn a_cancellation_that_its_body_does_not_bear_out_is_ignored() {
    let fact = |status: &str, reference: &str| {
        let products = json!([{ "sku": TEE, "inventory_items": [{ "id": 1, "quantity": 1 }] }]);
        let body = json!({ "id": 7, "reference_id": reference, "status": status, "products": products });
        told("order.shipment.cancelled", &body).unwrap()
    };
    assert!(matches!(fact("Completed", ORDER), InboundFact::Ignored { .. }));
    assert!(matches!(fact("Cancelled", "WHOLESALE 4711"), InboundFact::Ignored { .. }));
    assert!(matches!(fact("Cancelled", ORDER), InboundFact::FulfillmentStopped { .. }));
}

#[tokio::test]
async fn a_cancellation_that_was_made_before_the_order_could_be_read_is_found() {
    let scene = scene().handed_over().await;
    // The look before passes, the look after does not.
    scene.sandbox.add_fault(Fault { every: 2, ..Fault::new("GET /2026-01/order", FaultKind::Status(500, None), 1) });
    let failure = scene.connector.cancel(ORDER).await.unwrap_err();
    assert!(matches!(failure, Failure::Retry { .. }), "{failure:?}");
    assert_eq!(scene.connector.cancel(ORDER).await.unwrap().unwrap(), outcome(&[(MUG, 1), (TEE, 2)], &[]));
    assert_eq!(scene.calls("POST /2026-01/order/"), 1);
}

#[tokio::test]
async fn a_token_that_was_rotated_stops_neither_cancellations_nor_returns() {
    let scene = scene();
    let shipment = scene.shipped().await;
    let old = Vault::holding(json!({ "token": "old" }));
    old.rotate(json!({ "token": scene.secret.text("token").unwrap() }));
    let vendor = ("shipbob", scene.sandbox.router());
    let connector = ShipBob::new(outside(vendor, scene.settings.clone(), old.clone(), &scene.time)).unwrap();
    assert!(connector.cancel(ORDER).await.unwrap().unwrap().stopped.is_empty());
    connector.announce_return(&notice(Some(&shipment))).await.unwrap();
    assert_eq!(old.fresh_reads(), 1);
}

// Announcing returns

#[tokio::test]
async fn a_return_is_announced_with_its_shipment_and_a_repeat_finds_it() {
    let scene = scene();
    let shipment = scene.shipped().await;
    let posted = scene.connector.announce_return(&notice(Some(&shipment))).await.unwrap();
    let returns = scene.returns();
    assert_eq!(returns[0]["id"].to_string(), posted.id);
    assert_eq!((&returns[0]["reference_id"], &returns[0]["status"]), (&json!(RETURN), &json!("AwaitingArrival")));
    assert_eq!((&returns[0]["location"], &returns[0]["order_reference"]), (&json!("LON1"), &json!(ORDER)));
    assert_eq!(returns[0]["original_shipment_id"].to_string(), shipment);
    let announced = json!([{ "sku": TEE, "quantity": 2 }, { "sku": MUG, "quantity": 1 }]);
    assert_eq!(returns[0]["announced"], announced);
    assert_eq!(scene.connector.announce_return(&notice(Some(&shipment))).await.unwrap(), posted);
    assert_eq!((scene.returns().len(), scene.calls("POST /2026-01/return")), (1, 1));
    assert!(scene.told().is_empty(), "an announcement is ours: it tells nothing");
}

#[tokio::test]
async fn goods_of_several_orders_are_announced_without_a_shipment() {
    let scene = scene().handed_over().await;
    let second =
        FulfillmentRequest { reference: ORDER.replace("F1", "F2"), lines: vec![line(HAT, 1)], ..request(ORDER) };
    scene.connector.request(&second).await.unwrap();
    scene.act(json!({ "ship": "all" }));
    let both = ReturnNotice { lines: vec![line(HAT, 1), line(TEE, 1)], ..notice(None) };
    scene.connector.announce_return(&both).await.unwrap();
    assert_eq!(scene.returns()[0]["original_shipment_id"], Value::Null);
    assert_eq!(scene.returns()[0]["announced"].as_array().unwrap().len(), 2);
    assert_eq!(scene.connector.announce_return(&both).await.unwrap().id, scene.returns()[0]["id"].to_string());
}

#[tokio::test]
async fn an_announcement_survives_whatever_happens_to_its_call() {
    for kind in passing() {
        let scene = scene();
        let shipment = scene.shipped().await;
        scene.fault("POST /2026-01/return", kind.clone());
        let failure = scene.connector.announce_return(&notice(Some(&shipment))).await.unwrap_err();
        assert_waits(&failure, &kind);
        let posted = scene.connector.announce_return(&notice(Some(&shipment))).await.unwrap();
        assert_eq!(scene.returns().len(), 1, "{kind:?}");
        assert_eq!(scene.returns()[0]["id"].to_string(), posted.id);
    }
}

#[tokio::test]
async fn a_reference_that_was_used_meanwhile_is_looked_up_again() {
    let scene = Scene::announced().await;
    // The first look finds nothing, as if the announcement had been made a moment later.
    scene.fault("GET /2026-01/return", FaultKind::WrongAnswer);
    let posted = scene.connector.announce_return(&notice(None)).await.unwrap();
    assert_eq!(scene.returns()[0]["id"].to_string(), posted.id);
    assert_eq!((scene.returns().len(), scene.calls("POST /2026-01/return")), (1, 2));
}

#[tokio::test]
async fn another_return_under_our_reference_is_not_taken_for_ours() {
    let scene = Scene::announced().await;
    for lines in [vec![line(TEE, 2)], vec![line(TEE, 1), line(MUG, 1)], vec![line(TEE, 2), line(MUG, 1), line(HAT, 1)]]
    {
        let failure = scene.connector.announce_return(&ReturnNotice { lines, ..notice(None) }).await.unwrap_err();
        let (class, reason) = permanent(&failure);
        assert_eq!(class, FailureClass::Duplicate);
        assert!(reason.contains(RETURN), "{reason}");
    }
    scene.receive(&[(HAT, 1, "Quarantine")], false);
    scene.connector.announce_return(&notice(None)).await.unwrap();
    assert_eq!(scene.returns().len(), 1, "what came with it does not make it another one");
}

#[tokio::test]
async fn a_return_that_was_cancelled_there_is_not_waited_for() {
    let scene = Scene::announced().await;
    let cancel = http::Request::post(format!("/2026-01/return/{}:cancel", scene.returns()[0]["id"]))
        .header("authorization", format!("Bearer {}", scene.secret.text("token").unwrap()));
    let cancel = cancel.body(axum::body::Body::empty()).unwrap();
    let answer = tower::ServiceExt::oneshot(scene.sandbox.router(), cancel).await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
    let failure = scene.connector.announce_return(&notice(None)).await.unwrap_err();
    assert_eq!(permanent(&failure).0, FailureClass::Refused);
    assert_eq!(scene.asked(RETURN).await, None);
    assert!(scene.told().is_empty());
}

#[tokio::test]
async fn a_return_that_cannot_be_mapped_is_not_announced() {
    let scene = scene();
    let shipment = scene.shipped().await;
    let known = notice(Some(&shipment));
    for (wrong, said) in [
        (ReturnNotice { lines: vec![line(HAT, 1)], ..known.clone() }, HAT),
        (ReturnNotice { location: "PAR1".parse().unwrap(), ..known.clone() }, "PAR1"),
        (ReturnNotice { shipment: Some("12".into()), ..known.clone() }, "12"),
        (ReturnNotice { shipment: Some("SHP-1".into()), ..known.clone() }, "SHP-1"),
    ] {
        let failure = scene.connector.announce_return(&wrong).await.unwrap_err();
        let (class, reason) = permanent(&failure);
        assert_eq!(class, FailureClass::Mapping, "{reason}");
        assert!(reason.contains(said), "{reason}");
    }
    let stranger = ReturnNotice { reference: ORDER.into(), ..known };
    assert_eq!(permanent(&scene.connector.announce_return(&stranger).await.unwrap_err()).0, FailureClass::Parse);
    assert_eq!((scene.returns().len(), scene.calls("POST /2026-01/return")), (0, 0));
}

#[tokio::test]
async fn a_wrong_answer_to_an_announcement_is_no_success() {
    let scene = scene();
    let shipment = scene.shipped().await;
    for wrong in [FaultKind::HtmlPage, FaultKind::WrongAnswer] {
        scene.fault("POST /2026-01/return", wrong.clone());
        let failure = scene.connector.announce_return(&notice(Some(&shipment))).await.unwrap_err();
        assert_eq!(permanent(&failure).0, FailureClass::Parse, "{wrong:?}");
    }
    // Once somebody has looked and released it, the return that is there is found.
    scene.connector.announce_return(&notice(Some(&shipment))).await.unwrap();
    assert_eq!(scene.returns().len(), 1);
}

// What came back

#[tokio::test]
async fn what_came_back_is_the_same_by_webhook_and_by_asking() {
    let scene = Scene::announced().await;
    assert_eq!(scene.asked(RETURN).await, None);
    scene.time.pass(3600);
    scene.receive(&[(TEE, 1, "Restock"), (TEE, 1, "Dispose"), (MUG, 1, "Quarantine")], true);
    let report = scene.asked(RETURN).await.unwrap();
    assert_eq!(report.id, scene.returns()[0]["id"].to_string());
    assert_eq!(report.location.as_str(), "LON1");
    assert_eq!(
        report.lines,
        found(&[(MUG, 1, Disposition::Quarantine), (TEE, 1, Disposition::Restock), (TEE, 1, Disposition::Scrap)])
    );
    assert!(report.completed);
    assert_eq!(report.received_at, scene.time.now());
    assert_eq!(scene.told(), [(RETURN.to_owned(), report.clone())], "that it has arrived tells nothing yet");
    scene.act(json!({ "redeliver": { "reference_id": RETURN } }));
    assert_eq!(scene.told(), [(RETURN.to_owned(), report)]);
}

#[tokio::test]
async fn parts_of_a_return_add_up() {
    let scene = Scene::announced().await;
    scene.receive(&[(TEE, 1, "Restock")], false);
    let first = scene.asked(RETURN).await.unwrap();
    assert_eq!((&first.lines, first.completed), (&found(&[(TEE, 1, Disposition::Restock)]), false));
    assert_eq!(scene.told(), [(RETURN.to_owned(), first.clone())]);
    scene.time.pass(3600);
    scene.receive(&[(TEE, 1, "Restock"), (MUG, 1, "Restock")], true);
    let all = scene.asked(RETURN).await.unwrap();
    let lines = found(&[(MUG, 1, Disposition::Restock), (TEE, 2, Disposition::Restock)]);
    assert_eq!((&all.lines, all.completed, &all.id), (&lines, true, &first.id));
    assert_eq!(all.received_at.duration_since(first.received_at).as_secs(), 3600);
    assert_eq!(scene.told(), [(RETURN.to_owned(), all)]);
}

#[tokio::test]
async fn what_is_missing_is_not_reported_and_another_item_is() {
    let scene = Scene::announced().await;
    scene.receive(&[(TEE, 2, "Restock"), (HAT, 1, "Quarantine")], true);
    let report = scene.asked(RETURN).await.unwrap();
    assert_eq!(report.lines, found(&[(HAT, 1, Disposition::Quarantine), (TEE, 2, Disposition::Restock)]));
    assert!(report.completed);
    assert_eq!(scene.told(), [(RETURN.to_owned(), report)]);
}

#[tokio::test]
async fn an_empty_parcel_is_a_report_of_nothing() {
    let scene = Scene::announced().await;
    scene.receive(&[], true);
    let report = scene.asked(RETURN).await.unwrap();
    assert_eq!((&report.lines, report.completed), (&Vec::new(), true));
    assert_eq!(scene.told(), [(RETURN.to_owned(), report)]);
}

#[tokio::test]
async fn goods_that_nobody_announced_are_told_under_their_order() {
    let scene = scene();
    scene.shipped().await;
    assert_eq!(scene.asked(ORDER).await, None);
    let unannounced = json!({ "order_reference": ORDER, "lines": parcel(&[(TEE, 1, "Restock")]) });
    scene.act(json!({ "receive_unannounced": unannounced }));
    let report = scene.asked(ORDER).await.unwrap();
    assert_eq!(report.lines, found(&[(TEE, 1, Disposition::Restock)]));
    assert_eq!(scene.told(), [(ORDER.to_owned(), report)]);
    assert_eq!(scene.asked(RETURN).await, None);
}

#[tokio::test]
async fn a_parcel_that_could_not_be_delivered_is_told_under_its_order() {
    let scene = Scene::announced().await;
    scene.act(json!({ "return_to_sender": { "reference_id": ORDER } }));
    let report = scene.asked(ORDER).await.unwrap();
    assert_eq!(report.lines, found(&[(MUG, 1, Disposition::Restock), (TEE, 2, Disposition::Restock)]));
    assert_eq!(scene.told(), [(ORDER.to_owned(), report)]);
    assert_eq!(scene.asked(RETURN).await, None, "the announced return is another one");
}

#[tokio::test]
async fn asking_survives_a_limit_and_an_outage_and_asks_for_nothing_of_strangers() {
    let scene = Scene::announced().await;
    scene.receive(&[(TEE, 2, "Restock")], true);
    for kind in [FaultKind::TimeoutBeforeCommit, FaultKind::Status(429, None), FaultKind::Status(500, None)] {
        scene.fault("GET /2026-01/return", kind.clone());
        assert_waits(&scene.connector.returned(RETURN).await.unwrap_err(), &kind);
    }
    scene.fault("GET /2026-01/return", FaultKind::Status(403, None));
    let failure = scene.connector.returned(RETURN).await.unwrap_err();
    assert!(permanent(&failure).1.contains("returns_read"), "{failure}");
    scene.fault("GET /2026-01/return", FaultKind::HtmlPage);
    assert_eq!(permanent(&scene.connector.returned(RETURN).await.unwrap_err()).0, FailureClass::Parse);
    assert_eq!(permanent(&scene.connector.returned("4711&Ids=1").await.unwrap_err()).0, FailureClass::Parse);
    assert!(scene.asked(RETURN).await.is_some());
}

fn told(topic: &str, body: &Value) -> Result<InboundFact, String> {
    let settings = json!({
        "kind": "shipbob", "base_url": "https://api.shipbob.com", "api_version": "2026-01",
        "channel_id": "1", "shipping_method": "Standard", "locations": { "LON1": 101 },
    });
    let headers = [("x-webhook-topic", topic), ("webhook-timestamp", "1764000000")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let facts = webhook::translate(&settings, &Delivery { headers, body: body.to_string().into_bytes() });
    facts.map(|facts| facts.into_iter().next().unwrap())
}

fn processed(items: Value) -> Value {
    json!({
        "id": 9, "reference_id": RETURN, "status": "Processing", "fulfillment_center": { "id": 101 },
        "inventory": items,
    })
}

fn item(sku: Value, action: &str) -> Value {
    json!({ "id": 5, "sku": sku, "quantity": 1, "action_taken": [{ "action": action, "quantity_processed": 1 }] })
}

#[test]
fn a_return_of_ours_that_cannot_be_understood_is_an_error_and_not_ignored() {
    let elsewhere = json!({ "fulfillment_center": { "id": 7 } });
    let nowhere = json!({ "fulfillment_center": null });
    for (items, change, said) in [
        (json!([item(json!(TEE), "Incinerate")]), json!({}), "Incinerate"),
        (json!([item(Value::Null, "Restock")]), json!({}), "a SKU must be"),
        (json!([item(json!(TEE), "Restock")]), elsewhere, "do not map"),
        (json!([item(json!(TEE), "Restock")]), nowhere, "does not say where"),
        (json!([{ "sku": TEE }]), json!({}), "missing field `id`"),
    ] {
        let mut body = processed(items);
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let error = told("return.updated", &body).unwrap_err();
        assert!(error.contains(said) && error.contains(RETURN), "{error}");
    }
}

#[test]
fn returns_of_strangers_are_ignored_however_they_read() {
    for reference in [Value::Null, json!("WHOLESALE 4711"), json!("UK-1-INV1"), json!("RTS-1-2")] {
        let mut body = processed(json!("no list"));
        body["reference_id"] = reference;
        let fact = told("return.completed", &body).unwrap();
        assert!(matches!(fact, InboundFact::Ignored { .. }), "{fact:?}");
    }
    let fact = told("return.created", &processed(json!([]))).unwrap();
    assert!(matches!(fact, InboundFact::Ignored { .. }), "{fact:?}");
}

#[test]
fn a_return_that_does_not_say_when_came_when_we_were_told_and_lots_add_up() {
    let mut body = processed(json!([item(json!(TEE), "Restock"), item(json!(TEE), "Restock")]));
    let InboundFact::Returned { report, .. } = told("return.updated", &body).unwrap() else { panic!("no return") };
    assert_eq!(report.lines, found(&[(TEE, 2, Disposition::Restock)]));
    assert_eq!(report.received_at.as_second(), 1_764_000_000);
    body["arrived_date"] = json!("2026-11-23T09:59:58");
    let InboundFact::Returned { report, .. } = told("return.updated", &body).unwrap() else { panic!("no return") };
    assert_eq!(report.received_at.to_string(), "2026-11-23T09:59:58Z");
}
