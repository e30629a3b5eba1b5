//! What no webhook told of is found and taken in as if one had; what is known already is left alone.

use crossdock_domain::order::Status;
use crossdock_world::World;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::acts::{one_mug, paused, place, ship_all, two_lines};
use crate::asked::calm;
use crate::books::{assert_all_closed, rows};
use crate::settled::{assert_settled, paid_back};
use crate::taken_back::{MUG, at_the_shop, only_order};
use crate::telling::{run, told_in_every_way};

/// The app's subscriptions are gone.
fn deaf(world: &World) {
    world.shopify.act(json!({ "set_topics": { "topics": [] } })).unwrap();
}

/// Ten minutes later, as often as it takes: a run may die.
///
/// As many orders as the last run looked at, and as were missed of them.
async fn polled(world: &mut World) -> (u64, u64) {
    world.clock.pass(SignedDuration::from_mins(10));
    for _ in 0..4 {
        if let Some(report) = world.poll().await.filter(|report| report.finished) {
            return (report.listed, report.missed);
        }
    }
    panic!("it never ends:\n{}", world.transcript.join("\n"));
}

/// One run, now: looked at, missed, and whether that is all.
async fn once(world: &mut World) -> (u64, u64, bool) {
    let report = world.poll().await.unwrap();
    (report.listed, report.missed, report.finished)
}

fn status(world: &World, id: &str) -> Status {
    world.order(&format!("shopify-uk.{id}")).status()
}

#[test]
fn an_order_that_no_webhook_told_of_goes_its_way() {
    let world = told_in_every_way(async |world: &mut World| {
        polled(world).await;
        deaf(world);
        let id = place(world, two_lines());
        world.plan.from_here();
        polled(world).await;
        world.settle().await;
        ship_all(world);
        world.settle().await;
        assert_eq!(status(world, &id), Status::Completed);
        assert_eq!(polled(world).await.1, 0, "it is known now");
        world.settle().await;
    });
    assert_eq!(world.orders().len(), 1);
    assert_all_closed(&world);
}

#[test]
fn a_cancellation_and_a_refund_that_no_webhook_told_of_are_read() {
    let world = told_in_every_way(async |world: &mut World| {
        polled(world).await;
        let id = place(world, one_mug());
        world.settle().await;
        deaf(world);
        world.plan.from_here();
        at_the_shop(world, "cancel_order", &id, json!({ "refund": "full" }));
        polled(world).await;
        world.settle().await;
        assert_eq!(status(world, &id), Status::Cancelled);
        assert_eq!(polled(world).await.1, 0);
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [MUG]);
}

#[test]
fn what_webhooks_told_is_looked_at_and_left_alone() {
    let mut world = calm();
    run(async {
        assert_eq!(polled(&mut world).await, (0, 0), "it begins");
        let ids: Vec<String> = (0..3).map(|_| place(&world, two_lines())).collect();
        at_the_shop(&world, "refund_order", &ids[0], json!({ "lines": [{ "sku": "MUG-WHT", "quantity": 1 }] }));
        world.settle().await;
        let written = world.orders().iter().map(|order| order.seq).collect::<Vec<_>>();
        assert_eq!(polled(&mut world).await, (3, 0));
        world.settle().await;
        assert_eq!(world.orders().iter().map(|order| order.seq).collect::<Vec<_>>(), written);
    });
}

/// A webhook may be on its way: what has just changed is for the next run.
#[test]
fn what_has_just_changed_is_not_looked_at_yet() {
    let mut world = calm();
    run(async {
        polled(&mut world).await;
        deaf(&world);
        world.clock.pass(SignedDuration::from_mins(10));
        place(&world, one_mug());
        assert_eq!(once(&mut world).await, (0, 0, true));
        assert_eq!(polled(&mut world).await, (1, 1));
    });
}

#[test]
fn what_was_placed_before_is_left_alone_until_somebody_asks_for_it() {
    let mut world = calm();
    run(async {
        deaf(&world);
        let before = world.clock.now();
        let id = place(&world, one_mug());
        assert_eq!(polled(&mut world).await, (0, 0), "it begins");
        at_the_shop(&world, "change_address", &id, json!({ "shipping_address": { "address1": "2 Other Street" } }));
        assert_eq!(polled(&mut world).await, (1, 0), "it was changed, and is none of ours");
        assert!(world.orders().is_empty());

        let asked = world.act_on_connection("shopify-uk", "poll", &json!({ "from": before })).await;
        assert_eq!(asked.status, 202, "{}", asked.body);
        assert_eq!(polled(&mut world).await, (1, 1));
        world.settle().await;
        assert_eq!(world.orders().len(), 1);
        let shown = world.ops("/ops/connections", &[], &[]).await.json();
        let of_shop = rows(&shown, "connections").find(|shown| shown["connection"] == "shopify-uk").unwrap();
        assert_eq!((&of_shop["polled"]["last"]["missed"], &of_shop["polled"]["since"]), (&json!(1), &json!(before)));
        assert_eq!(polled(&mut world).await.1, 0, "it is taken up once");
    });
}

#[test]
fn what_cannot_be_asked_for_is_refused() {
    let mut world = calm();
    run(async {
        let now = world.clock.now();
        let long_ago = now - SignedDuration::from_hours(24 * 61);
        let later = now + SignedDuration::from_secs(1);
        for (connection, word, status) in [
            ("shopify-uk", json!({}), 400),
            ("shopify-uk", json!({ "from": "yesterday" }), 422),
            ("shopify-uk", json!({ "from": long_ago }), 422),
            ("shopify-uk", json!({ "from": later }), 422),
            ("shipbob", json!({ "from": now }), 409),
            ("web-uk", json!({ "from": now }), 409),
            ("nobody", json!({ "from": now }), 404),
        ] {
            let reply = world.act_on_connection(connection, "poll", &word).await;
            assert_eq!(reply.status, status, "{connection} {word}: {}", reply.body);
        }
    });
}

/// What cannot wait goes first: below half of the shop's budget a run ends, and the next goes on where it was.
#[test]
fn a_run_leaves_half_of_the_budget_to_others_and_the_next_goes_on() {
    let mut world = calm();
    run(async {
        polled(&mut world).await;
        deaf(&world);
        let series = json!({ "count": 60, "template": one_mug(), "vary": false });
        world.shopify.act(json!({ "place_orders": series })).unwrap();
        let mut runs: Vec<(u64, u64, bool)> = Vec::new();
        while runs.last().is_none_or(|(.., finished)| !finished) {
            assert!(runs.len() < 20, "it never ends: {runs:?}");
            world.clock.pass(SignedDuration::from_mins(10));
            runs.push(once(&mut world).await);
            while !world.waiting_on("InboundQueue").is_empty() {
                world.moves(1).await;
            }
        }
        assert!(runs.len() > 1, "the budget is enough for all of them: {runs:?}");
        assert_eq!(runs.iter().map(|(_, missed, _)| missed).sum::<u64>(), 60, "each once: {runs:?}");
        assert_eq!(world.orders().len(), 60);
        let paused = world.ops("/ops/connections", &[], &[]).await.json();
        assert!(rows(&paused, "connections").all(|shown| shown["paused_until"].is_null()), "{paused}");
    });
}

#[test]
fn a_storefront_that_is_paused_is_not_asked() {
    let mut world = calm();
    run(async {
        polled(&mut world).await;
        paused(&mut world, "shopify-uk").await;
        deaf(&world);
        place(&world, one_mug());
        let asked = world.shopify.requests().len();
        world.clock.pass(SignedDuration::from_mins(10));
        assert_eq!(once(&mut world).await, (0, 0, false), "no error, and nothing was looked at");
        assert_eq!(world.shopify.requests().len(), asked);
        assert_eq!(world.act_on_connection("shopify-uk", "resume", &Value::Null).await.status, 200);
        assert_eq!(polled(&mut world).await, (1, 1));
    });
}
