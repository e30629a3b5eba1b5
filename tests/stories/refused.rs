//! Returns and payments back that are asked for, or told, wrongly: they say what is wrong and change nothing.

use crossdock_world::{Call, EVERYBODY, Reply, World};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::acts::{but, configure, one_mug, place, two_lines};
use crate::asked::{self, assert_not_for_others, calm, everything, problem};
use crate::refunds::{own_delivered, tells};
use crate::taken_back::{MUG, ask, delivered, found, line_of, request};
use crate::telling::run;

async fn refused(world: &mut World, id: &str, key: &str, body: &Value) -> Reply {
    asked::refused(world, (&format!("shopify-uk.{id}"), "returns"), key, body).await
}

/// Refused by the order's rules, with this code and these words.
async fn declined(world: &mut World, id: &str, key: &str, (body, code, says): (&Value, &str, &str)) {
    let reply = refused(world, id, key, body).await;
    assert_eq!((reply.status, problem(&reply).as_str()), (422, "/problems/return-declined"), "{}", reply.body);
    assert!(reply.body.contains(code) && reply.body.contains(says), "{}", reply.body);
}

#[test]
fn what_cannot_be_returned_is_refused_with_every_reason() {
    let mut world = calm();
    run(async {
        let id = delivered(&mut world, two_lines()).await;
        let unknown = json!({ "lines": [{ "line_id": "4711", "quantity": 1, "reason": "unwanted" }] });
        let mixed = request(&world, &id, &[("MUG-WHT", 1, "lost"), ("TEE-BLK-M", 1, "unwanted")]);
        let mut keep = request(&world, &id, &[("TEE-BLK-M", 1, "unwanted")]);
        keep["resolution"] = json!("keep");
        let cases = [
            (unknown, "unknown_line", "has no line"),
            (request(&world, &id, &[("MUG-WHT", 3, "unwanted")]), "too_many", "2 units have left"),
            (request(&world, &id, &[("MUG-WHT", 1, "bored")]), "unknown_reason", "reason must be one of"),
            (mixed, "mixed_reasons", "in a request of its own"),
            (keep, "keep_not_allowed", "ask for resolution refund"),
        ];
        for (number, (body, code, says)) in cases.iter().enumerate() {
            declined(&mut world, &id, &format!("key-{number}"), (body, code, says)).await;
        }
        let both = json!({ "lines": [{ "line_id": "4711", "quantity": 1, "reason": "bored" }] });
        let reply = refused(&mut world, &id, "key-both", &both).await;
        assert_eq!(reply.json()["reasons"].as_array().map(Vec::len), Some(2), "{}", reply.body);
    });
}

#[test]
fn what_has_not_left_cannot_be_returned() {
    let mut world = calm();
    run(async {
        let id = place(&world, one_mug());
        world.settle().await;
        let body = request(&world, &id, &[("MUG-WHT", 1, "unwanted")]);
        declined(&mut world, &id, "key-1", (&body, "too_many", "0 units have left")).await;
    });
}

#[test]
fn the_same_units_are_returned_once() {
    let mut world = calm();
    run(async {
        let id = delivered(&mut world, one_mug()).await;
        let body = request(&world, &id, &[("MUG-WHT", 1, "unwanted")]);
        ask(&mut world, &id, ("returns", "key-1"), &body).await;
        world.settle().await;
        declined(&mut world, &id, "key-2", (&body, "too_many", "0 units have left and are in no return")).await;
        found(&mut world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
        declined(&mut world, &id, "key-3", (&body, "too_many", "0 units")).await;
        let before = everything(&world);
        let again = ask(&mut world, &id, ("returns", "key-1"), &body).await;
        world.settle().await;
        assert_eq!(
            (again.json()["return"].as_u64(), everything(&world)),
            (Some(1), before),
            "a repeat is answered again"
        );
    });
}

#[test]
fn a_key_of_one_return_is_no_key_of_another() {
    let mut world = calm();
    run(async {
        let id = delivered(&mut world, two_lines()).await;
        let first = request(&world, &id, &[("MUG-WHT", 1, "unwanted")]);
        ask(&mut world, &id, ("returns", "key-1"), &first).await;
        world.settle().await;
        let other = request(&world, &id, &[("MUG-WHT", 2, "unwanted")]);
        let reply = refused(&mut world, &id, "key-1", &other).await;
        assert_eq!((reply.status, problem(&reply).as_str()), (422, "/problems/key-reused"), "{}", reply.body);
        let before = everything(&world);
        let order = format!("shopify-uk.{id}");
        let (path, body) = ([("order_id", order.as_str())], first.to_string());
        let call = Call::post("/orders/{order_id}/returns", body.as_bytes()).at(&path);
        let reply = world.call(Some(EVERYBODY), &call).await;
        assert_eq!((reply.status, reply.body.contains("Idempotency-Key")), (400, true), "{}", reply.body);
        assert_eq!(everything(&world), before);
    });
}

#[test]
fn after_the_window_nothing_is_taken_back() {
    let mut world = calm();
    run(async {
        let id = delivered(&mut world, one_mug()).await;
        world.wait(SignedDuration::from_hours(24 * 31)).await;
        let body = request(&world, &id, &[("MUG-WHT", 1, "unwanted")]);
        declined(&mut world, &id, "key-1", (&body, "after_the_window", "it left more than 30 days ago")).await;
    });
}

#[test]
fn what_is_sold_for_good_is_not_taken_back() {
    let mut world = calm();
    run(async {
        let policy = json!({ "final_sale": ["MUG-WHT"] });
        configure(&world, "shopify-uk", |of| of["channel"]["returns"] = policy.clone()).await;
        let id = delivered(&mut world, two_lines()).await;
        let body = request(&world, &id, &[("MUG-WHT", 1, "unwanted")]);
        declined(&mut world, &id, "key-1", (&body, "final_sale", "MUG-WHT is not taken back")).await;
        let tee = request(&world, &id, &[("TEE-BLK-M", 1, "unwanted")]);
        ask(&mut world, &id, ("returns", "key-2"), &tee).await;
    });
}

#[test]
fn what_is_no_return_is_refused_and_says_where() {
    let mut world = calm();
    run(async {
        let id = delivered(&mut world, one_mug()).await;
        let mug = line_of(&world, &id, "MUG-WHT");
        let line = |with: Value| json!({ "lines": [but(json!({ "line_id": mug, "quantity": 1, "reason": "unwanted" }), with)] });
        let once = json!({ "line_id": mug, "quantity": 1, "reason": "unwanted" });
        let cases = [
            (json!({}), "lines"),
            (json!([]), ""),
            (json!({ "lines": [] }), "lines"),
            (json!({ "lines": [once, once] }), "twice"),
            (line(json!({ "quantity": 0 })), "quantity"),
            (line(json!({ "quantity": -1 })), "quantity"),
            (line(json!({ "quantity": 1.5 })), "quantity"),
            (line(json!({ "quantity": "1" })), "quantity"),
            (line(json!({ "reason": null })), "reason"),
            (line(json!({ "amount_minor": 1200 })), "amount_minor"),
            (json!({ "lines": [once], "resolution": "exchange" }), "resolution"),
            (json!({ "lines": [once], "refund": true }), "refund"),
        ];
        for (number, (body, says)) in cases.iter().enumerate() {
            let reply = refused(&mut world, &id, &format!("key-{number}"), body).await;
            assert!((400..500).contains(&reply.status), "{body}: {} {}", reply.status, reply.body);
            assert!(problem(&reply).starts_with("/problems/") && reply.body.contains(says), "{body}: {}", reply.body);
        }
    });
}

#[test]
fn who_may_not_know_an_order_does_not_find_it() {
    let mut world = calm();
    run(async {
        let id = delivered(&mut world, one_mug()).await;
        let body = request(&world, &id, &[("MUG-WHT", 1, "unwanted")]);
        assert_not_for_others(&mut world, (&id, "returns"), ("returns:write", "orders:write"), &body).await;
    });
}

#[test]
fn what_a_connected_shop_pays_back_is_not_taken_from_others() {
    let mut world = calm();
    run(async {
        let id = delivered(&mut world, one_mug()).await;
        let body = json!({ "transaction_id": "re_1", "gateway": "stripe", "amount_minor": 1200, "status": "success",
            "refunded_at": "2026-11-24T09:00:00Z" });
        let reply = asked::refused(&mut world, (&format!("shopify-uk.{id}"), "refunds"), "key-1", &body).await;
        assert_eq!((reply.status, problem(&reply).as_str()), (422, "/problems/refund-refused"), "{}", reply.body);
        assert!(reply.body.contains("what it pays back is read from there"), "{}", reply.body);
    });
}

/// What a shop tells by itself of money that it has paid back.
#[test]
fn a_payment_back_that_makes_no_sense_is_refused_and_says_why() {
    let mut world = calm();
    run(async {
        own_delivered(&mut world).await;
        let paid = json!({ "transaction_id": "re_1", "amount_minor": MUG });
        let cases = [
            (json!({ "refund": 7 }), "refund-refused", "the order owes no refund of this number"),
            (json!({ "amount_minor": -1 }), "invalid", "amount_minor"),
            (json!({ "amount_minor": 12.5 }), "invalid", "amount_minor"),
            (json!({ "amount_minor": "12.00" }), "malformed", "amount_minor"),
            (json!({ "status": "done" }), "invalid", "status"),
            (json!({ "refunded_at": "yesterday" }), "invalid", "refunded_at"),
            (json!({ "transaction_id": "" }), "invalid", "transaction_id"),
            (json!({ "currency": "GBP" }), "malformed", "currency"),
        ];
        for (number, (with, kind, says)) in cases.iter().enumerate() {
            let before = everything(&world);
            let told = but(paid.clone(), with.clone());
            let reply = tells(&mut world, &format!("key-{number}"), told).await;
            world.settle().await;
            assert!((400..500).contains(&reply.status), "{with}: {}", reply.body);
            assert_eq!(problem(&reply), format!("/problems/{kind}"), "{with}: {}", reply.body);
            assert!(reply.body.contains(says), "{with}: {}", reply.body);
            assert_eq!(everything(&world), before, "{with}");
        }
    });
}
