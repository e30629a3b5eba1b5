//! What a dry run of a return says: the same list that the real run then does, once the goods were found as announced.

use crossdock_world::World;
use serde_json::{Value, json};

use crate::acts::{configure, goes_its_way, one_mug, place, two_lines, units_of};
use crate::asked::{calm, everything, foretold, listed, problem};
use crate::settled::assert_settled;
use crate::taken_back::{ask, delivered, found, request};
use crate::telling::run;

/// The documents and calls of one return with its refund.
const WHOLE: [&str; 6] = [
    "announce_return:RMA1",
    "issue_refund:R1",
    "post_credit_memo:CM1",
    "post_customer_refund:CR101",
    "post_item_receipt:IR1",
    "post_return_authorization:RA1",
];

fn sorted(mut tasks: Vec<String>) -> Vec<String> {
    tasks.sort();
    tasks
}

#[test]
fn a_dry_run_of_a_return_says_all_that_follows_once_the_goods_are_found_as_announced() {
    let mut world = calm();
    run(async {
        let id = delivered(&mut world, two_lines()).await;
        let body = request(&world, &id, &[("MUG-WHT", 1, "unwanted"), ("TEE-BLK-M", 1, "defective")]);
        let tasks = foretold(&mut world, (&id, "returns"), &body, async |world: &mut World| {
            found(world, (&id, 1), &[("MUG-WHT", 1, "Restock"), ("TEE-BLK-M", 1, "Restock")], true).await;
        });
        assert_eq!(sorted(tasks.await), WHOLE);
    });
    assert_settled(&world);
}

#[test]
fn a_dry_run_of_a_return_keeps_the_restocking_fee_back() {
    let mut world = calm();
    run(async {
        let fees = json!({ "restocking_fees": { "unwanted": 2500 } });
        configure(&world, "shopify-uk", |of| of["channel"]["returns"] = fees.clone()).await;
        let id = delivered(&mut world, one_mug()).await;
        let body = request(&world, &id, &[("MUG-WHT", 1, "unwanted")]);
        let order = format!("shopify-uk.{id}");
        assert_eq!(world.dry_run((&order, "returns"), &body).await.json()["refunded_minor"], 900);
        let tasks = foretold(&mut world, (&id, "returns"), &body, async |world: &mut World| {
            found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
        });
        assert_eq!(sorted(tasks.await), WHOLE);
    });
    assert_settled(&world);
}

#[test]
fn a_dry_run_of_a_return_of_all_gives_shipping_back_where_the_policy_does() {
    let mut world = calm();
    run(async {
        let policy = json!({ "refund_shipping": "when_all_returned" });
        configure(&world, "shopify-uk", |of| of["channel"]["returns"] = policy.clone()).await;
        let id = delivered(&mut world, two_lines()).await;
        let body = request(&world, &id, &[("MUG-WHT", 2, "unwanted"), ("TEE-BLK-M", 1, "unwanted")]);
        let order = format!("shopify-uk.{id}");
        assert_eq!(world.dry_run((&order, "returns"), &body).await.json()["refunded_minor"], 2499 + 2400 + 495);
        let tasks = foretold(&mut world, (&id, "returns"), &body, async |world: &mut World| {
            found(world, (&id, 1), &[("MUG-WHT", 2, "Restock"), ("TEE-BLK-M", 1, "Restock")], true).await;
        });
        assert_eq!(sorted(tasks.await), WHOLE);
    });
    assert_settled(&world);
}

#[test]
fn a_dry_run_of_what_is_lost_waits_for_no_goods() {
    let mut world = calm();
    run(async {
        let id = delivered(&mut world, one_mug()).await;
        let body = request(&world, &id, &[("MUG-WHT", 1, "lost")]);
        let tasks = foretold(&mut world, (&id, "returns"), &body, async |_: &mut World| {}).await;
        assert_eq!(sorted(tasks), ["issue_refund:R1", "post_credit_memo:CM1", "post_customer_refund:CR101"]);
    });
    assert_settled(&world);
}

#[test]
fn a_dry_run_of_a_replacement_lists_what_is_sent_again() {
    let mut world = calm();
    run(async {
        let id = delivered(&mut world, one_mug()).await;
        let mut body = request(&world, &id, &[("MUG-WHT", 1, "lost")]);
        body["resolution"] = json!("reship");
        let (order, before) = (format!("shopify-uk.{id}"), everything(&world));
        let dry = world.dry_run((&order, "returns"), &body).await.json();
        let tasks = listed(&dry);
        assert_eq!(everything(&world), before);
        assert!(tasks.contains(&"request_fulfillment:F2".to_owned()), "{dry:#}");
        assert!(!tasks.iter().any(|task| task.starts_with("issue_refund")), "{dry:#}");
        assert_eq!(dry["refunded_minor"], 0);
        ask(&mut world, &id, ("returns", "key-1"), &body).await;
        goes_its_way(&mut world).await;
    });
    assert_settled(&world);
}

#[test]
fn a_dry_run_of_a_second_return_says_only_what_is_new() {
    let mut world = calm();
    run(async {
        let id = delivered(&mut world, units_of("MUG-WHT", 3)).await;
        let body = request(&world, &id, &[("MUG-WHT", 1, "unwanted")]);
        for number in 1..=2 {
            let tasks = foretold_once(&mut world, &id, number, &body).await;
            assert!(tasks.contains(&format!("post_credit_memo:CM{number}")), "{tasks:?}");
            assert_eq!(tasks.len(), WHOLE.len(), "{tasks:?}");
        }
    });
    assert_settled(&world);
}

async fn foretold_once(world: &mut World, id: &str, number: u32, body: &Value) -> Vec<String> {
    let order = format!("shopify-uk.{id}");
    let tasks = listed(&world.dry_run((&order, "returns"), body).await.json());
    ask(world, id, ("returns", &format!("return-{number}")), body).await;
    world.settle().await;
    found(world, (id, number), &[("MUG-WHT", 1, "Restock")], true).await;
    tasks
}

#[test]
fn a_dry_run_of_a_return_that_waits_for_approval_says_what_it_waits_for() {
    let mut world = calm();
    run(async {
        let policy = json!({ "approval_above": { "GBP": 1000 } });
        configure(&world, "shopify-uk", |of| of["channel"]["returns"] = policy.clone()).await;
        let id = delivered(&mut world, one_mug()).await;
        let body = request(&world, &id, &[("MUG-WHT", 1, "unwanted")]);
        let before = everything(&world);
        let dry = world.dry_run((&format!("shopify-uk.{id}"), "returns"), &body).await.json();
        assert_eq!((dry["status"].as_str(), dry["refunded_minor"].as_i64()), (Some("waits_for_approval"), Some(0)));
        assert_eq!(dry["effects"], json!([]), "nobody is told of it before somebody has said yes");
        assert_eq!(everything(&world), before);
    });
}

#[test]
fn a_dry_run_of_a_return_refuses_what_the_real_run_refuses() {
    let mut world = calm();
    run(async {
        let id = place(&world, one_mug());
        world.settle().await;
        let body = request(&world, &id, &[("MUG-WHT", 1, "unwanted")]);
        let before = everything(&world);
        let reply = world.dry_run((&format!("shopify-uk.{id}"), "returns"), &body).await;
        assert_eq!((reply.status, problem(&reply).as_str()), (422, "/problems/return-declined"), "{}", reply.body);
        assert!(reply.body.contains("too_many"), "{}", reply.body);
        assert_eq!(everything(&world), before);
    });
}
