//! Cancellations that are asked for wrongly: they say what is wrong and change nothing. And what a dry run says.

use crossdock_world::{Call, EVERYBODY, Reply, World};
use serde_json::{Value, json};

use crate::acts::{one_mug, place, ship_part, two_lines, units_of};
use crate::asked::{self, assert_not_for_others, calm, everything, problem};
use crate::settled::assert_settled;
use crate::taken_back::{ask, delivered, line_of};
use crate::telling::run;

async fn refused(world: &mut World, id: &str, key: &str, body: &Value) -> Reply {
    asked::refused(world, (&format!("shopify-uk.{id}"), "cancellation"), key, body).await
}

async fn at_the_3pl(world: &mut World, order: Value) -> String {
    let id = place(world, order);
    world.settle().await;
    id
}

#[test]
fn what_cannot_be_cancelled_is_refused_with_every_reason() {
    let mut world = calm();
    run(async {
        let id = at_the_3pl(&mut world, two_lines()).await;
        let mug = line_of(&world, &id, "MUG-WHT");
        let lines = |line: &str, quantity: u32| json!([{ "line_id": line, "quantity": quantity }]);
        let cases = [
            (json!({ "reason": "customer", "lines": lines("4711", 1) }), "unknown_line", "has no line"),
            (json!({ "reason": "customer", "lines": lines(&mug, 3) }), "too_many", "2 units can still be cancelled"),
            (json!({ "reason": "bored" }), "unknown_reason", "reason must be one of customer, inventory"),
        ];
        for (number, (body, code, says)) in cases.iter().enumerate() {
            let reply = refused(&mut world, &id, &format!("key-{number}"), body).await;
            assert_eq!((reply.status, problem(&reply).as_str()), (422, "/problems/cancellation-refused"));
            assert!(reply.body.contains(code) && reply.body.contains(says), "{}", reply.body);
        }
        let both = json!({ "reason": "bored", "lines": lines("4711", 1) });
        let reply = refused(&mut world, &id, "key-both", &both).await;
        assert_eq!(reply.json()["reasons"].as_array().map(Vec::len), Some(2), "{}", reply.body);
    });
}

#[test]
fn what_is_no_cancellation_is_refused_and_says_where() {
    let mut world = calm();
    run(async {
        let id = at_the_3pl(&mut world, one_mug()).await;
        let mug = line_of(&world, &id, "MUG-WHT");
        let twice = json!([{ "line_id": mug, "quantity": 1 }, { "line_id": mug, "quantity": 1 }]);
        let bodies = [
            json!({}),
            json!([]),
            json!({ "reason": 7 }),
            json!({ "reason": "customer", "lines": [] }),
            json!({ "reason": "customer", "lines": [{ "line_id": mug, "quantity": 0 }] }),
            json!({ "reason": "customer", "lines": [{ "line_id": mug, "quantity": -1 }] }),
            json!({ "reason": "customer", "lines": [{ "line_id": mug, "quantity": 1.5 }] }),
            json!({ "reason": "customer", "lines": [{ "line_id": mug }] }),
            json!({ "reason": "customer", "lines": twice }),
            json!({ "reason": "customer", "refund": "none" }),
        ];
        for (number, body) in bodies.iter().enumerate() {
            let reply = refused(&mut world, &id, &format!("key-{number}"), body).await;
            assert!((400..500).contains(&reply.status), "{body}: {} {}", reply.status, reply.body);
            assert!(problem(&reply).starts_with("/problems/"), "{body}: {}", reply.body);
        }
    });
}

#[test]
fn who_may_not_know_an_order_does_not_find_it() {
    let mut world = calm();
    run(async {
        let id = at_the_3pl(&mut world, one_mug()).await;
        let body = json!({ "reason": "customer" });
        assert_not_for_others(&mut world, (&id, "cancellation"), ("orders:write", "orders:read"), &body).await;
    });
}

#[test]
fn a_cancellation_needs_a_key_of_its_own() {
    let mut world = calm();
    run(async {
        let id = at_the_3pl(&mut world, two_lines()).await;
        let before = everything(&world);
        let order = format!("shopify-uk.{id}");
        let path = [("order_id", order.as_str())];
        let call = Call::post("/orders/{order_id}/cancellation", br#"{"reason":"customer"}"#).at(&path);
        let reply = world.call(Some(EVERYBODY), &call).await;
        assert_eq!(reply.status, 400, "{}", reply.body);
        assert!(reply.body.contains("Idempotency-Key"), "{}", reply.body);
        world.settle().await;
        assert_eq!(everything(&world), before);
        let mug = json!([{ "line_id": line_of(&world, &id, "MUG-WHT"), "quantity": 1 }]);
        ask(&mut world, &id, ("cancellation", "key-1"), &json!({ "reason": "customer", "lines": mug })).await;
        world.settle().await;
        let reply = refused(&mut world, &id, "key-1", &json!({ "reason": "customer" })).await;
        assert_eq!((reply.status, problem(&reply).as_str()), (422, "/problems/key-reused"), "{}", reply.body);
        assert!(reply.body.contains("use a new key"), "{}", reply.body);
    });
}

#[test]
fn where_nothing_is_left_to_cancel_a_cancellation_says_what_to_do() {
    let mut world = calm();
    run(async {
        let id = delivered(&mut world, one_mug()).await;
        for (number, body) in [json!({ "reason": "customer" }), json!({ "reason": "staff" })].iter().enumerate() {
            let reply = refused(&mut world, &id, &format!("key-{number}"), body).await;
            assert_eq!((reply.status, problem(&reply).as_str()), (422, "/problems/cancellation-refused"));
            assert!(reply.body.contains("ask for a return instead"), "{}", reply.body);
        }
    });
}

async fn foretold(world: &mut World, id: &str, body: &Value) -> Vec<String> {
    asked::foretold(world, (id, "cancellation"), body, async |_: &mut World| {}).await
}

/// The tasks that a real run has done, by what they left behind, are those that were foretold.
#[test]
fn a_dry_run_foretells_what_a_cancellation_does_at_the_3pl() {
    let mut world = calm();
    run(async {
        let id = at_the_3pl(&mut world, two_lines()).await;
        let tasks = foretold(&mut world, &id, &json!({ "reason": "customer" })).await;
        let mut sorted = tasks.clone();
        sorted.sort();
        let expected = [
            "amend_sales_order:AM1",
            "cancel_at_storefront:X1",
            "cancel_fulfillment:F1",
            "issue_refund:R1",
            "post_customer_refund:CR101",
        ];
        assert_eq!(sorted, expected, "{tasks:?}");
    });
    assert_settled(&world);
}

#[test]
fn a_dry_run_foretells_what_a_cancellation_of_a_backorder_does() {
    let mut world = calm();
    run(async {
        let id = at_the_3pl(&mut world, units_of("SOCKS-3PK", 2)).await;
        let tasks = foretold(&mut world, &id, &json!({ "reason": "inventory" })).await;
        assert!(!tasks.iter().any(|task| task.starts_with("cancel_fulfillment")), "{tasks:?}");
    });
    assert_settled(&world);
}

#[test]
fn a_dry_run_foretells_what_a_cancellation_of_an_unpaid_order_does() {
    let mut world = calm();
    run(async {
        let order = crate::acts::but(two_lines(), json!({ "financial_status": "pending" }));
        let id = at_the_3pl(&mut world, order).await;
        let tasks = foretold(&mut world, &id, &json!({ "reason": "declined" })).await;
        assert_eq!(tasks, ["cancel_at_storefront:X1"]);
    });
    assert_settled(&world);
}

#[test]
fn a_dry_run_foretells_what_a_cancellation_of_the_rest_does() {
    let mut world = calm();
    run(async {
        let id = at_the_3pl(&mut world, units_of("MUG-WHT", 3)).await;
        ship_part(&world, &format!("UK-{id}-F1"), json!([{ "sku": "MUG-WHT", "quantity": 1 }]));
        world.settle().await;
        let tasks = foretold(&mut world, &id, &json!({ "reason": "customer" })).await;
        assert!(tasks.contains(&"cancel_fulfillment:F1".to_owned()), "{tasks:?}");
        assert!(!tasks.iter().any(|task| task.starts_with("cancel_at_storefront")), "{tasks:?}");
    });
    assert_settled(&world);
}

#[test]
fn a_dry_run_refuses_what_the_real_run_refuses() {
    let mut world = calm();
    run(async {
        let id = delivered(&mut world, one_mug()).await;
        let before = everything(&world);
        let order = format!("shopify-uk.{id}");
        let reply = world.dry_run((&order, "cancellation"), &json!({ "reason": "customer" })).await;
        assert_eq!((reply.status, problem(&reply).as_str()), (422, "/problems/cancellation-refused"));
        assert_eq!(everything(&world), before);
    });
}
