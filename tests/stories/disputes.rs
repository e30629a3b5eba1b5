//! Payments that the buyer disputes: the money is withheld, nothing is paid back meanwhile, and the books say where it
//! is.

use crossdock_world::World;
use serde_json::json;

use crate::acts::{attention, goes_its_way, one_mug, place};
use crate::settled::{accounts_by_order, assert_laws, assert_settled, documents_of, paid_back};
use crate::telling::told_in_every_way;

/// A mug, with tax.
const MUG: i64 = 1200;

fn open(world: &World, id: &str) {
    world.shopify.act(json!({ "open_dispute": { "order": id, "reason": "fraudulent" } })).unwrap();
}

fn close(world: &World, id: &str, won: bool) {
    world.shopify.act(json!({ "close_dispute": { "order": id, "won": won } })).unwrap();
}

async fn a_delivered_mug(world: &mut World) -> String {
    let id = place(world, one_mug());
    goes_its_way(world).await;
    world.plan.from_here();
    id
}

fn only_order(world: &World) -> String {
    world.orders().remove(0).id.channel.to_string()
}

fn balance(world: &World, account: &str) -> i64 {
    let accounts = accounts_by_order(world).remove(&format!("UK-{}", only_order(world))).unwrap();
    accounts.get(account).copied().unwrap_or(0)
}

#[test]
fn money_that_is_withheld_stands_on_the_disputes_account_until_it_is_decided() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = a_delivered_mug(world).await;
        open(world, &id);
        world.settle().await;
    });
    let order = world.orders().remove(0);
    let about: Vec<String> = order.attention().iter().map(|a| format!("{} {}", a.about, a.class)).collect();
    assert_eq!(about, ["dispute:D1 disputed"]);
    assert_eq!((balance(&world, "disputes"), balance(&world, "clearing:shopify_payments")), (MUG, 0));
    assert_laws(&world);
}

#[test]
fn a_dispute_that_is_won_gives_the_money_back() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = a_delivered_mug(world).await;
        open(world, &id);
        world.settle().await;
        close(world, &id, true);
        world.settle().await;
    });
    assert_settled(&world);
    assert_eq!((balance(&world, "disputes"), balance(&world, "clearing:shopify_payments")), (0, MUG));
    let id = only_order(&world);
    assert_eq!(documents_of(&world, &format!("UK-{id}")), ["SO", "DEP1", "IF1", "INV1", "DA1", "DI1", "DO1"]);
}

/// Both deliveries are under way at once: the end may come before the beginning.
#[test]
fn a_dispute_that_is_lost_is_written_off() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = a_delivered_mug(world).await;
        open(world, &id);
        close(world, &id, false);
        world.settle().await;
    });
    assert_settled(&world);
    assert_eq!((balance(&world, "disputes"), balance(&world, "dispute_losses")), (0, MUG));
}

async fn asks_for_a_return(world: &mut World, id: &str) {
    let body = json!({ "lines": [{ "line_id": line_of(world), "quantity": 1, "reason": "unwanted" }] });
    let reply = world.ask_of_order((&format!("shopify-uk.{id}"), "returns"), "key-1", &body).await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    world.settle().await;
}

fn line_of(world: &World) -> String {
    world.orders().remove(0).line(0).unwrap().id.clone()
}

fn comes_back(world: &World, id: &str) {
    let lines = json!([{ "sku": "MUG-WHT", "quantity": 1, "action": "Restock" }]);
    let back = json!({ "reference_id": format!("UK-{id}-RMA1"), "lines": lines, "completed": true });
    world.shipbob.act(json!({ "receive_return": back })).unwrap();
}

#[test]
fn a_return_is_refunded_only_after_the_dispute_was_won() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = a_delivered_mug(world).await;
        open(world, &id);
        world.settle().await;
        asks_for_a_return(world, &id).await;
        comes_back(world, &id);
        world.settle().await;
        assert_eq!(attention(world).await, ["dispute:D1 disputed"]);
        assert!(paid_back(world, &id).is_empty(), "refunds are blocked while the dispute is open");
        close(world, &id, true);
        world.settle().await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [MUG]);
}

/// The buyer has the money already, by the dispute: the goods come back and nothing more is paid.
#[test]
fn a_return_is_not_refunded_after_the_dispute_was_lost() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = a_delivered_mug(world).await;
        asks_for_a_return(world, &id).await;
        open(world, &id);
        world.settle().await;
        comes_back(world, &id);
        close(world, &id, false);
        world.settle().await;
    });
    assert_settled(&world);
    assert!(paid_back(&world, &only_order(&world)).is_empty());
    assert_eq!(balance(&world, "dispute_losses"), MUG);
}

/// Paid back by hand, and charged back as well: somebody has to answer the dispute with the refund.
#[test]
fn a_payment_that_was_refunded_and_charged_back_needs_somebody() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = a_delivered_mug(world).await;
        world.shopify.act(json!({ "refund_order": { "order": id, "amount": "12.00" } })).unwrap();
        world.settle().await;
        world
            .shopify
            .act(json!({ "open_dispute": { "order": id, "amount": "12.00", "reason": "fraudulent" } }))
            .unwrap();
        world.settle().await;
        close(world, &id, false);
        world.settle().await;
        assert_eq!(attention(world).await, ["refund:total value"]);
    });
    assert_laws(&world);
    assert_eq!(balance(&world, "dispute_losses"), MUG);
}
