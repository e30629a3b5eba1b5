//! What came once more, and another build rehearsed with what was recorded: nothing is undone, nothing is done twice.

use crossdock_connectors::rehearsal::{Recording, Rehearsed, rehearse};
use crossdock_world::{EVERYBODY, Reply, Style, World};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::acts::{but, configure, goes_its_way, one_mug, place, ship_all, shop_delivers, two_lines};
use crate::asked::calm;
use crate::books::assert_all_closed;
use crate::telling::{outside, run, told};

async fn replay(world: &mut World, body: &Value, dry_run: bool) -> Reply {
    world.replay(EVERYBODY, body, dry_run).await
}

fn of_order(order_id: &str, what: &str) -> Value {
    json!({ "what": what, "order_id": order_id, "reason": "a story" })
}

/// What each delivery of an order would do, in words.
async fn foretold(world: &mut World, order_id: &str) -> Vec<String> {
    let reply = replay(world, &of_order(order_id, "deliveries"), true).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let deliveries = reply.json()["deliveries"].as_array().unwrap().clone();
    let outcome = |told: &Value| told["would"][0]["outcome"].as_str().unwrap().to_owned();
    deliveries.iter().map(outcome).collect()
}

#[test]
fn a_delivery_that_nobody_can_read_is_an_exception_at_once() {
    let mut world = calm();
    run(async {
        shop_delivers(&mut world, "orders/create", br#"{"id":"not a number","email":"marker@example.com"}"#).await;
        world.moves(1).await;
        let found = world.exceptions().await;
        assert_eq!((found.len(), found[0]["class"].as_str()), (1, Some("parse")), "{found:?}");
        assert!(found[0]["reason"].as_str().unwrap().contains("names no order"), "{found:?}");
        world.settle().await;
        assert_eq!(world.exceptions().await.len(), 1, "and only once");
        assert!(world.waiting_on("InboundQueue").is_empty() && world.waiting_on("InboundDeadLetters").is_empty());
    });
}

#[test]
fn what_an_order_knows_is_not_recorded_again_and_old_news_change_nothing() {
    let mut world = calm();
    run(async {
        let id = place(&world, two_lines());
        world.settle().await;
        world
            .shopify
            .act(json!({ "edit_order": { "order": id, "set": [{ "sku": "MUG-WHT", "quantity": 1 }] } }))
            .unwrap();
        world.settle().await;
        ship_all(&world);
        world.settle().await;
        let order_id = format!("shopify-uk.{id}");
        let would = foretold(&mut world, &order_id).await;
        assert!(would.len() >= 3 && would.iter().all(|would| would == "known"), "{would:?}");
        let (before, seq) = (outside(&world), world.order(&order_id).seq);
        let reply = replay(&mut world, &of_order(&order_id, "deliveries"), false).await;
        assert_eq!(
            (reply.status, reply.json()["replayed"].as_u64()),
            (200, Some(would.len() as u64)),
            "{}",
            reply.body
        );
        world.settle().await;
        assert_eq!((outside(&world), world.order(&order_id).seq), (before, seq), "the oldest word came last");
        assert_eq!(foretold(&mut world, &order_id).await.len(), would.len(), "and is kept once");
    });
}

#[test]
fn what_was_passed_over_for_a_wrong_setting_is_taken_in_by_a_window() {
    let mut world = calm();
    run(async {
        let began = world.clock.now();
        let id = place(&world, one_mug());
        world.settle().await;
        configure(&world, "shipbob", |settings| settings["channels"] = json!({ "XX": "shopify-uk" })).await;
        ship_all(&world);
        world.moves(40).await;
        let order_id = format!("shopify-uk.{id}");
        assert!(world.order(&order_id).shipments.is_empty(), "the 3PL's prefix is not the shop's");
        configure(&world, "shipbob", |settings| settings["channels"] = json!({ "UK": "shopify-uk" })).await;
        let window = json!({
            "what": "deliveries", "connection": "shipbob", "reason": "the prefix was wrong",
            "from": began, "to": world.clock.now(),
        });
        let reply = replay(&mut world, &window, true).await;
        assert!(reply.body.contains("ShipmentRecorded.v1"), "{}", reply.body);
        let mut other = window.clone();
        other["only"] = json!("orders/create");
        let reply = replay(&mut world, &other, true).await;
        assert_eq!(reply.json()["replayed"], 0, "{}", reply.body);
        let reply = replay(&mut world, &window, false).await;
        assert!(reply.json()["replayed"].as_u64().unwrap() > 0, "{}", reply.body);
        world.settle().await;
        assert!(world.order(&order_id).completed_at.is_some());
    });
    assert_all_closed(&world);
}

#[test]
fn events_are_told_once_more_under_their_own_identities() {
    let mut world = calm();
    run(async {
        let id = place(&world, two_lines());
        goes_its_way(&mut world).await;
        let order_id = format!("shopify-uk.{id}");
        let (before, seq, entries) = (outside(&world), world.order(&order_id).seq, world.traffic().1);
        let reply = replay(&mut world, &of_order(&order_id, "events"), true).await;
        let events = reply.json()["events"].as_u64().unwrap();
        assert!(events > 5 && world.traffic().1 == entries, "{}", reply.body);
        let reply = replay(&mut world, &of_order(&order_id, "events"), false).await;
        assert_eq!((reply.status, reply.json()["events"].as_u64()), (200, Some(events)));
        assert_eq!(world.traffic().1, entries + events);
        let window = json!({
            "what": "events", "connection": "shopify-uk", "only": "OrderAccepted.v1", "reason": "a subscriber was down",
            "from": world.clock.now() - SignedDuration::from_hours(24), "to": world.clock.now() + SignedDuration::from_hours(1),
        });
        let reply = replay(&mut world, &window, false).await;
        assert_eq!(
            (reply.json()["replayed"].as_u64(), reply.json()["events"].as_u64()),
            (Some(1), Some(1)),
            "{}",
            reply.body
        );
        world.settle().await;
        assert_eq!((outside(&world), world.order(&order_id).seq), (before, seq));
    });
    assert_all_closed(&world);
}

#[test]
fn a_replay_that_cannot_be_understood_is_refused() {
    let mut world = calm();
    run(async {
        let (now, hour) = (world.clock.now(), SignedDuration::from_hours(1));
        let window = |from, to| json!({ "what": "deliveries", "reason": "because", "connection": "shipbob", "from": from, "to": to });
        for (body, status) in [
            (json!({ "what": "deliveries", "reason": "because" }), 422),
            (json!({ "what": "everything", "reason": "because", "order_id": "shopify-uk.1" }), 422),
            (json!({ "what": "deliveries", "order_id": "shopify-uk.1" }), 400),
            (window(now, now - hour), 422),
            (window(now - hour * 24 * 8, now), 422),
            (but(window(now - hour, now), json!({ "order_id": "shopify-uk.1" })), 422),
            (but(window(now - hour, now), json!({ "cursor": "nonsense" })), 422),
            (json!({ "what": "events", "reason": "because", "order_id": "shopify-uk.1" }), 404),
        ] {
            let reply = replay(&mut world, &body, false).await;
            assert_eq!(reply.status, status, "{body}: {}", reply.body);
        }
        let others = world.replay(LIMITED, &of_order("shopify-uk.1", "deliveries"), true).await;
        assert_eq!(others.status, 404, "{}", others.body);
    });
}

const LIMITED: crossdock_world::Caller<'static> = ("web", "ops:write ops:read", "web-uk");

/// An order with a buyer whose every part is a marker.
fn of_a_marked_buyer() -> Value {
    let address = json!({
        "first_name": "Markeria", "last_name": "Markerson", "address1": "77 Marker Street", "address2": "Markerflat",
        "city": "Markerham", "company": "Marker Works", "phone": "+447700900123",
    });
    but(two_lines(), json!({ "shipping_address": address, "email": "marker@example.com", "note": "for Markeria" }))
}

/// An order as it was recorded, as text and read.
pub async fn recording(world: &mut World, order_id: &str) -> (String, Recording) {
    let reply = world.ops("/ops/recordings/{order_id}", &[("order_id", order_id)], &[]).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let recording = serde_json::from_str(&reply.body).unwrap();
    (reply.body, recording)
}

/// An order that was edited, sent, and returned in part.
async fn a_full_life(world: &mut World) -> String {
    let id = place(world, of_a_marked_buyer());
    world.settle().await;
    world.shopify.act(json!({ "edit_order": { "order": id, "set": [{ "sku": "MUG-WHT", "quantity": 1 }] } })).unwrap();
    goes_its_way(world).await;
    world.shopify.act(json!({ "refund_order": { "order": id, "amount": "5.00" } })).unwrap();
    world.settle().await;
    format!("shopify-uk.{id}")
}

#[test]
fn a_recording_has_nobody_in_it_and_this_build_does_what_was_recorded() {
    let mut world = calm();
    run(async {
        let order_id = a_full_life(&mut world).await;
        let (text, recording) = recording(&mut world, &order_id).await;
        for marker in ["Marker", "marker", "Markeria", "7700900123"] {
            assert!(!text.contains(marker), "{marker} is in {text}");
        }
        let Rehearsed { deliveries, decisions, documents, commits, differences } = rehearse(&recording).unwrap();
        assert_eq!(differences, []);
        assert!(
            deliveries >= 4 && decisions >= 3 && documents >= 4 && commits >= 8,
            "{deliveries} {decisions} {documents} {commits}"
        );
        let reply = world.ops("/ops/recordings/{order_id}", &[("order_id", "shopify-uk.1")], &[]).await;
        assert_eq!(reply.status, 404);
    });
}

#[test]
fn what_another_build_would_do_otherwise_is_told() {
    let mut world = calm();
    run(async {
        let order_id = a_full_life(&mut world).await;
        let (_, recording) = recording(&mut world, &order_id).await;
        // The other build is this one: what was recorded is of a build that read, decided, posted and showed otherwise.
        let whats = |change: &dyn Fn(&mut Value)| -> Vec<String> {
            let mut changed = serde_json::to_value(&recording).unwrap();
            change(&mut changed);
            let rehearsed = rehearse(&serde_json::from_value(changed).unwrap()).unwrap();
            rehearsed.differences.into_iter().map(|difference| difference.what).collect()
        };
        let first = "what a delivery is taken for";
        let order = "/commits/0/events/0/data/order";
        let read = |recorded: &mut Value| {
            recorded.pointer_mut(&format!("{order}/lines/0")).map(|line| line["sku"] = json!("OTHER")).unwrap()
        };
        assert!(whats(&read).iter().any(|what| what == first));
        let shown = |recorded: &mut Value| recorded["commits"][1]["summary"]["status"] = json!("held");
        assert_eq!(whats(&shown), ["how the order stands: status"]);
        let posted = |recorded: &mut Value| {
            let commits = recorded["commits"].as_array_mut().unwrap();
            let events = commits.iter_mut().flat_map(|commit| commit["events"].as_array_mut().unwrap());
            let invoice = events.into_iter().find(|event| event["type"] == "InvoicePosted.v1").unwrap();
            invoice["data"]["document"]["total_minor"] = json!(1);
        };
        assert!(whats(&posted).contains(&"what InvoicePosted.v1 comes to, in minor units".to_owned()));
        let passed_over = |recorded: &mut Value| {
            let commits = recorded["commits"].as_array_mut().unwrap();
            let shipped = |commit: &Value| {
                commit["events"].as_array().unwrap().iter().any(|event| event["type"] == "ShipmentRecorded.v1")
            };
            let at = commits.iter().position(shipped).unwrap();
            commits.truncate(at);
        };
        assert!(whats(&passed_over).contains(&"a delivery that was passed over".to_owned()));
        let mut old = recording.clone();
        old.recording = 0;
        assert!(rehearse(&old).unwrap_err().contains("record the order again"));
    });
}

#[test]
fn what_was_sent_and_answered_is_on_the_exceptions_page() {
    let world = told(
        async |world: &mut World| {
            let address = json!({ "zip": "00000", "address1": "Hidden Street 77", "city": "Hiddenham" });
            place(world, but(one_mug(), json!({ "shipping_address": address })));
            world.settle().await;
            let found = world.exceptions().await;
            let id = found[0]["exception_id"].as_str().unwrap().to_owned();
            let reply = world.ops("/ops/exceptions/{exception_id}", &[("exception_id", &id)], &[]).await;
            let last = &reply.json()["last_failure"];
            assert_eq!(
                (last["class"].as_str(), last["calls"].as_array().map(Vec::len)),
                (Some("value"), Some(2)),
                "{}",
                reply.body
            );
            assert!(!reply.body.contains("Hidden"), "{}", reply.body);
        },
        Style::Calm,
    );
    drop(world);
}
