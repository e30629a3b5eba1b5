//! Cancellations of ours that meet something under way: stock being promised, a parcel leaving, an invoice being posted,
//! money going back. Whoever is first, the books are even and nobody is paid twice.

use crossdock_domain::order::Status;
use crossdock_world::{Style, World, WorldOptions};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::acts::{fault, goes_its_way, one_mug, place, ship_all, ship_part, two_lines, units_of};
use crate::books::{rows, text};
use crate::settled::{assert_settled, paid_back};
use crate::taken_back::{MUG, ask, ask_to_return, found, line_of, only_order, stock_moved};
use crate::telling::{run, told_and_looked_at, told_in_every_way};

/// Placed, posted and as far as it gets; what follows is the story's own.
async fn waiting(world: &mut World, order: Value) -> String {
    let id = place(world, order);
    world.settle().await;
    world.plan.from_here();
    id
}

fn whole() -> Value {
    json!({ "reason": "customer" })
}

fn part(world: &World, id: &str, sku: &str, quantity: u32) -> Value {
    json!({ "reason": "customer", "lines": [{ "line_id": line_of(world, id, sku), "quantity": quantity }] })
}

fn total_paid_back(world: &World) -> i64 {
    paid_back(world, &only_order(world)).iter().sum()
}

/// Orders at the 3PL that it would still send, or has sent.
fn standing(world: &World) -> usize {
    let documents = world.shipbob.documents();
    rows(&documents, "orders").filter(|order| text(order, "status") != "Cancelled").count()
}

/// Socks are promised to the buyer, who does not want them any more.
#[test]
fn a_cancellation_that_meets_the_allocation_leaves_the_stock_to_others() {
    let story = async |world: &mut World| {
        let id = waiting(world, units_of("SOCKS-3PK", 2)).await;
        let lines = json!([{ "sku": "SOCKS-3PK", "quantity": 5 }]);
        world.receive_stock(&json!({ "receipt_id": "GR-1", "location": "LON1", "lines": lines })).await;
        ask(world, &id, ("cancellation", "cancel-1"), &whole()).await;
        world.wait(SignedDuration::from_hours(7)).await;
    };
    told_and_looked_at(story, |world, how| {
        assert_settled(world);
        assert_eq!((total_paid_back(world), standing(world)), (2 * MUG, 0), "{how}");
        assert_eq!(stock_moved(world, "SOCKS-3PK"), (5, 5), "{how}");
    });
}

/// The 3PL has it, and we do not know: it is asked before the money goes back.
#[test]
fn a_cancellation_that_meets_an_order_whose_answer_was_lost_stops_it_at_the_3pl() {
    let mut world = World::new(WorldOptions { style: Style::Calm, ..WorldOptions::default() });
    run(async {
        world.shipbob.add_fault(fault("POST /", "timeout_after_commit", 1));
        let id = place(&world, one_mug());
        while rows(&world.shipbob.documents(), "orders").next().is_none() {
            world.moves(1).await;
        }
        assert!(world.orders()[0].fulfillments.is_empty(), "we have not heard of it");
        ask(&mut world, &id, ("cancellation", "cancel-1"), &whole()).await;
        world.settle().await;
        ship_all(&world);
        world.settle().await;
    });
    assert_settled(&world);
    assert_eq!((total_paid_back(&world), standing(&world), stock_moved(&world, "MUG-WHT")), (MUG, 0, (0, 0)));
}

/// The parcel leaves before the 3PL is asked to stop it.
#[test]
fn a_cancellation_that_meets_the_parcel_is_a_return() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = waiting(world, one_mug()).await;
        ask(world, &id, ("cancellation", "cancel-1"), &whole()).await;
        ship_all(world);
        world.settle().await;
        assert!(paid_back(world, &id).is_empty(), "the buyer has it");
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
    });
    assert_settled(&world);
    assert_eq!((total_paid_back(&world), stock_moved(&world, "MUG-WHT")), (MUG, (0, 0)));
}

/// At any moment from the parcel's leaving to the last document, a cancellation is refused, or is a return.
#[test]
fn a_cancellation_at_every_moment_of_shipping_is_refused_or_is_a_return() {
    let mut outcomes = [0, 0];
    for moves in 0..14 {
        let mut world = World::new(WorldOptions { style: Style::Calm, ..WorldOptions::default() });
        let taken = run(async {
            let id = waiting(&mut world, units_of("MUG-WHT", 2)).await;
            ship_all(&world);
            world.moves(moves).await;
            let reply = world.ask_of_order((&format!("shopify-uk.{id}"), "cancellation"), "cancel-1", &whole()).await;
            world.settle().await;
            if reply.status == 202 {
                found(&mut world, (&id, 1), &[("MUG-WHT", 2, "Restock")], true).await;
            }
            reply.status == 202
        });
        assert_settled(&world);
        let expected = if taken { (2 * MUG, (0, 0)) } else { (0, (-2, -2)) };
        assert_eq!((total_paid_back(&world), stock_moved(&world, "MUG-WHT")), expected, "after {moves} moves");
        outcomes[usize::from(taken)] += 1;
    }
    assert!(outcomes.iter().all(|times| *times > 0), "refused and taken: {outcomes:?}");
}

/// The mugs leave while the T-shirt is cancelled: each is right about its own.
#[test]
fn one_line_that_is_cancelled_while_another_leaves_is_stopped() {
    let story = async |world: &mut World| {
        let id = waiting(world, two_lines()).await;
        let tee = part(world, &id, "TEE-BLK-M", 1);
        ask(world, &id, ("cancellation", "cancel-1"), &tee).await;
        ship_part(world, &format!("UK-{id}-F1"), json!([{ "sku": "MUG-WHT", "quantity": 2 }]));
        world.settle().await;
        goes_its_way(world).await;
    };
    told_and_looked_at(story, |world, how| {
        assert_settled(world);
        assert_eq!((total_paid_back(world), world.orders()[0].status()), (2499, Status::Completed), "{how}");
        assert_eq!((stock_moved(world, "MUG-WHT"), stock_moved(world, "TEE-BLK-M")), ((-2, -2), (0, 0)), "{how}");
    });
}

/// Of three mugs one leaves while one is cancelled: the 3PL stops what it still has, and sends what is still wanted.
#[test]
fn a_unit_that_is_cancelled_while_another_of_its_line_leaves_stays() {
    let story = async |world: &mut World| {
        let id = waiting(world, units_of("MUG-WHT", 3)).await;
        let one = part(world, &id, "MUG-WHT", 1);
        ask(world, &id, ("cancellation", "cancel-1"), &one).await;
        ship_part(world, &format!("UK-{id}-F1"), json!([{ "sku": "MUG-WHT", "quantity": 1 }]));
        world.settle().await;
        goes_its_way(world).await;
    };
    told_and_looked_at(story, |world, how| {
        assert_settled(world);
        assert_eq!((total_paid_back(world), stock_moved(world, "MUG-WHT")), (MUG, (-2, -2)), "{how}");
    });
}

/// The money of the first has gone, and nobody has heard so yet; the rest is cancelled meanwhile.
#[test]
fn a_cancellation_that_meets_a_refund_whose_answer_was_lost_pays_the_rest_only() {
    let story = async |world: &mut World| {
        let id = waiting(world, units_of("MUG-WHT", 3)).await;
        let lost = fault("POST /admin/api", "timeout_after_commit", 1).only_when_body_contains("refundCreate");
        world.shopify.add_fault(lost);
        let one = part(world, &id, "MUG-WHT", 1);
        ask(world, &id, ("cancellation", "cancel-1"), &one).await;
        world.moves(12).await;
        ask(world, &id, ("cancellation", "cancel-2"), &whole()).await;
        world.settle().await;
    };
    told_and_looked_at(story, |world, how| {
        assert_settled(world);
        assert_eq!((total_paid_back(world), world.orders()[0].status()), (3 * MUG, Status::Cancelled), "{how}");
        assert_eq!((standing(world), stock_moved(world, "MUG-WHT")), (0, (0, 0)), "{how}");
    });
}

/// One of two mugs comes back while the other one is cancelled: two refunds, for two units.
#[test]
fn what_comes_back_while_the_rest_is_cancelled_is_paid_back_besides() {
    let story = async |world: &mut World| {
        let id = waiting(world, units_of("MUG-WHT", 2)).await;
        ship_part(world, &format!("UK-{id}-F1"), json!([{ "sku": "MUG-WHT", "quantity": 1 }]));
        world.settle().await;
        ask_to_return(world, &id, "MUG-WHT", 1).await;
        ask(world, &id, ("cancellation", "cancel-1"), &whole()).await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
    };
    told_and_looked_at(story, |world, how| {
        assert_settled(world);
        assert_eq!((total_paid_back(world), stock_moved(world, "MUG-WHT")), (2 * MUG, (0, 0)), "{how}");
    });
}
