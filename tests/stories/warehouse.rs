//! A 3PL that says no, too much, or nothing.

use crossdock_domain::order::Status;
use crossdock_world::{Style, World};
use jiff::SignedDuration;
use serde_json::json;

use crate::acts::{attention, but, fault, goes_its_way, one_mug, place, two_lines};
use crate::books::{assert_all_closed, rows};
use crate::telling::{told, told_in_every_way};

#[test]
fn an_address_that_the_3pl_refuses_parks_the_order_without_telling_the_address() {
    let world = told_in_every_way(async |world: &mut World| {
        place(world, but(one_mug(), json!({ "shipping_address": { "zip": "00000", "address1": "Hidden Street 77" } })));
        world.settle().await;
    });
    let order = world.orders().remove(0);
    assert_eq!(order.status(), Status::Accepted);
    let exception = order.attention().remove(0);
    assert_eq!(exception.about, "request_fulfillment:F1");
    assert!(!exception.reason.contains("Hidden") && !exception.reason.contains("00000"), "{}", exception.reason);
    assert!(order.sales_order.is_some() && order.deposits.len() == 1, "the books do not wait for the warehouse");
}

#[test]
fn answers_of_the_3pl_that_are_lost_make_no_second_order() {
    let world = told_in_every_way(async |world: &mut World| {
        world.shipbob.add_fault(fault("POST /", "timeout_after_commit", 2));
        world.shipbob.add_fault(fault("POST /", "status:500", 2));
        place(world, two_lines());
        goes_its_way(world).await;
        world.wait(SignedDuration::from_hours(1)).await;
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
    assert_eq!(rows(&world.shipbob.documents(), "orders").count(), 1);
}

/// Ten orders meet one 429: one exception names the connection, nothing is parked, and all go on afterwards.
#[test]
fn a_3pl_that_asks_for_fewer_calls_is_one_exception_and_no_dead_letter() {
    for style in [Style::Calm, Style::Doubled, Style::Shuffled(1), Style::Shuffled(2), Style::Stormy(3)] {
        let world = told(
            async |world: &mut World| {
                world.shipbob.add_fault(fault("* /", "status:429", 30));
                for _ in 0..10 {
                    place(world, one_mug());
                }
                let mut paused_at_once = false;
                for _ in 0..150 {
                    world.moves(1).await;
                    let attention = attention(world).await;
                    let of_connection = attention.iter().filter(|a| a.starts_with("connection")).count();
                    assert!(of_connection <= 1, "{attention:?}");
                    assert_eq!(attention.len(), of_connection, "only the connection needs attention: {attention:?}");
                    paused_at_once |= of_connection == 1;
                }
                assert!(paused_at_once, "nobody was told of the pause");
                goes_its_way(world).await;
                world.wait(SignedDuration::from_hours(1)).await;
                goes_its_way(world).await;
            },
            style,
        );
        assert_all_closed(&world);
        assert!(!world.transcript.iter().any(|line| line.contains("DeadLetters")), "a pause burns no receives");
    }
}
