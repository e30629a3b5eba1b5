//! Cancellations that come twice, or from two sides at once.

use crossdock_domain::order::Status;
use crossdock_world::{Style, World};
use serde_json::{Value, json};

use crate::acts::{goes_its_way, one_mug, place, retry_everything, two_lines, units_of};
use crate::settled::{assert_settled, documents_of, paid_back};
use crate::taken_back::{MUG, ask, at_the_shop, by_hand, line_of, only_order, stock_moved};
use crate::telling::{told, told_and_looked_at, told_in_every_way};

/// A T-shirt, two mugs and shipping, with tax.
const TWO_LINES: i64 = 5394;

fn whole() -> Value {
    json!({ "reason": "customer" })
}

fn part(world: &World, id: &str, sku: &str, quantity: u32) -> Value {
    json!({ "reason": "customer", "lines": [{ "line_id": line_of(world, id, sku), "quantity": quantity }] })
}

async fn at_the_3pl(world: &mut World, order: Value) -> String {
    let id = place(world, order);
    world.settle().await;
    world.plan.from_here();
    id
}

fn assert_cancelled_once(world: &World, paid: i64) {
    assert_settled(world);
    assert_eq!(world.orders()[0].status(), Status::Cancelled);
    let id = only_order(world);
    assert_eq!(paid_back(world, &id), [paid]);
    assert_eq!(documents_of(world, &format!("UK-{id}")), ["SO", "DEP1", "CR101"]);
}

/// Who is heard first decides under which of our numbers the money goes back, and nothing else.
fn assert_paid_back(world: &World, how: &str, paid: i64) {
    assert_settled(world);
    assert_eq!(world.orders()[0].status(), Status::Cancelled, "{how}");
    let sum: i64 = paid_back(world, &only_order(world)).iter().sum();
    assert_eq!(sum, paid, "{how}");
    assert_eq!((stock_moved(world, "MUG-WHT"), stock_moved(world, "TEE-BLK-M")), ((0, 0), (0, 0)), "{how}");
}

/// The answer is the first one's, byte for byte, whatever has happened since.
#[test]
fn the_same_cancellation_under_the_same_key_is_one() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = at_the_3pl(world, two_lines()).await;
        let first = ask(world, &id, ("cancellation", "cancel-1"), &whole()).await;
        let at_once = ask(world, &id, ("cancellation", "cancel-1"), &whole()).await;
        world.settle().await;
        let later = ask(world, &id, ("cancellation", "cancel-1"), &whole()).await;
        assert_eq!((&at_once.body, &later.body), (&first.body, &first.body));
        world.settle().await;
    });
    assert_cancelled_once(&world, TWO_LINES);
}

#[test]
fn a_cancelled_order_is_not_cancelled_again_under_another_key() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = at_the_3pl(world, two_lines()).await;
        ask(world, &id, ("cancellation", "cancel-1"), &whole()).await;
        let order = format!("shopify-uk.{id}");
        let at_once = world.ask_of_order((&order, "cancellation"), "cancel-2", &whole()).await;
        assert_eq!(at_once.status, 422, "{}", at_once.body);
        assert!(at_once.body.contains("nothing_to_cancel"), "{}", at_once.body);
        world.settle().await;
        let later = world.ask_of_order((&order, "cancellation"), "cancel-2", &whole()).await;
        assert_eq!(later.status, 422, "{}", later.body);
    });
    assert_cancelled_once(&world, TWO_LINES);
}

/// The shop pays back first, because it is asked first; ours finds nothing left to pay.
#[test]
fn an_order_that_is_cancelled_at_the_shop_and_by_us_at_once_is_paid_back_once() {
    let story = async |world: &mut World| {
        let id = at_the_3pl(world, two_lines()).await;
        at_the_shop(world, "cancel_order", &id, json!({ "refund": "full" }));
        ask(world, &id, ("cancellation", "cancel-1"), &whole()).await;
        world.settle().await;
    };
    told_and_looked_at(story, |world, how| assert_paid_back(world, how, TWO_LINES));
}

#[test]
fn an_order_that_is_cancelled_by_us_and_then_at_the_shop_is_paid_back_once() {
    let story = async |world: &mut World| {
        let id = at_the_3pl(world, two_lines()).await;
        ask(world, &id, ("cancellation", "cancel-1"), &whole()).await;
        at_the_shop(world, "cancel_order", &id, json!({ "refund": "full" }));
        world.settle().await;
    };
    told_and_looked_at(story, |world, how| assert_paid_back(world, how, TWO_LINES));
}

/// We were asked as well, and so the money is ours to pay although the shop kept it.
#[test]
fn an_order_that_the_shop_cancels_without_refund_after_us_is_paid_back_by_us() {
    let story = async |world: &mut World| {
        let id = at_the_3pl(world, one_mug()).await;
        ask(world, &id, ("cancellation", "cancel-1"), &whole()).await;
        at_the_shop(world, "cancel_order", &id, json!({ "refund": "none" }));
        world.settle().await;
        // Where we were faster than the shop's word, it has refused our refund of what it had taken off.
        retry_everything(world).await;
    };
    told_and_looked_at(story, |world, how| assert_paid_back(world, how, MUG));
}

#[test]
fn an_order_that_the_3pl_refuses_while_it_is_cancelled_is_paid_back_once() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = at_the_3pl(world, two_lines()).await;
        world.shipbob.act(json!({ "refuse": { "reference_id": format!("UK-{id}-F1") } })).unwrap();
        ask(world, &id, ("cancellation", "cancel-1"), &whole()).await;
        world.settle().await;
    });
    assert_cancelled_once(&world, TWO_LINES);
}

/// Two callers, each with a line of their own, before the 3PL has answered either.
#[test]
fn two_lines_that_are_cancelled_at_once_are_both_cancelled() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = at_the_3pl(world, two_lines()).await;
        let (tee, mug) = (part(world, &id, "TEE-BLK-M", 1), part(world, &id, "MUG-WHT", 1));
        ask(world, &id, ("cancellation", "cancel-1"), &tee).await;
        ask(world, &id, ("cancellation", "cancel-2"), &mug).await;
        world.settle().await;
        goes_its_way(world).await;
    });
    assert_settled(&world);
    let paid = paid_back(&world, &only_order(&world));
    assert_eq!(paid.iter().sum::<i64>(), 2499 + MUG, "{paid:?}");
    assert_eq!((stock_moved(&world, "MUG-WHT"), stock_moved(&world, "TEE-BLK-M")), ((-1, -1), (0, 0)));
}

#[test]
fn the_same_unit_is_not_cancelled_twice() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = at_the_3pl(world, units_of("MUG-WHT", 3)).await;
        let two = part(world, &id, "MUG-WHT", 2);
        ask(world, &id, ("cancellation", "cancel-1"), &two).await;
        let reply = world.ask_of_order((&format!("shopify-uk.{id}"), "cancellation"), "cancel-2", &two).await;
        assert_eq!(reply.status, 422, "{}", reply.body);
        assert!(reply.body.contains("1 units can still be cancelled"), "{}", reply.body);
        world.settle().await;
        goes_its_way(world).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [2 * MUG]);
}

/// Staff refunds in the admin what we are about to pay back: the shop's word is read before anything is paid.
#[test]
fn a_cancellation_that_races_a_refund_by_hand_is_paid_back_once() {
    let story = async |world: &mut World| {
        let id = at_the_3pl(world, one_mug()).await;
        let mug = json!([{ "sku": "MUG-WHT", "quantity": 1, "restock_type": "cancel" }]);
        by_hand(world, &id, json!({ "lines": mug }));
        ask(world, &id, ("cancellation", "cancel-1"), &whole()).await;
        world.settle().await;
    };
    told_and_looked_at(story, |world, how| assert_paid_back(world, how, MUG));
}

/// Whether such a payment is for the cancellation depends on which of the two is heard of first. Before it, it is a gift
/// on an order that will be delivered, and finance is told of the deposit that nobody can use any more.
fn assert_paid_back_and_told(world: &World, how: &str, paid: i64) {
    let order = world.orders().remove(0);
    let about: Vec<String> = order.attention().iter().map(|a| format!("{} {}", a.about, a.class)).collect();
    if about.is_empty() {
        return assert_paid_back(world, how, paid);
    }
    assert_eq!((about, order.status()), (vec!["books value".to_owned()], Status::Cancelled), "{how}");
    let sum: i64 = paid_back(world, &only_order(world)).iter().sum();
    assert_eq!((sum, stock_moved(world, "MUG-WHT")), (paid, (0, 0)), "{how}");
}

#[test]
fn a_refund_by_hand_of_an_amount_counts_for_a_cancellation_that_follows() {
    let story = async |world: &mut World| {
        let id = at_the_3pl(world, two_lines()).await;
        by_hand(world, &id, json!({ "amount": "5.00" }));
        ask(world, &id, ("cancellation", "cancel-1"), &whole()).await;
        world.settle().await;
    };
    assert_paid_back(&told(story, Style::Calm), "told calmly", TWO_LINES);
    told_and_looked_at(story, |world, how| assert_paid_back_and_told(world, how, TWO_LINES));
}

#[test]
fn what_is_cancelled_and_refunded_by_hand_meanwhile_at_the_shop_is_paid_back_once() {
    let story = async |world: &mut World| {
        let id = at_the_3pl(world, one_mug()).await;
        ask(world, &id, ("cancellation", "cancel-1"), &whole()).await;
        by_hand(world, &id, json!({ "amount": "12.00" }));
        world.settle().await;
    };
    assert_paid_back(&told(story, Style::Calm), "told calmly", MUG);
    told_and_looked_at(story, |world, how| assert_paid_back_and_told(world, how, MUG));
}
