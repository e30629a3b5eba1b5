//! Stock that is short.

use crossdock_domain::order::Status;
use crossdock_world::{Style, World};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::acts::{attention, but, goes_its_way, one_mug, place, units_of};
use crate::books::{assert_all_closed, assert_stock};
use crate::telling::{told, told_and_looked_at, told_in_every_way};

fn receipt(id: &str, sku: &str, quantity: u32) -> Value {
    json!({ "receipt_id": id, "location": "LON1", "lines": [{ "sku": sku, "quantity": quantity }] })
}

#[test]
fn a_backorder_waits_for_its_sku_and_goes_when_stock_has_arrived() {
    let world = told_in_every_way(async |world: &mut World| {
        place(world, units_of("SOCKS-3PK", 2));
        world.settle().await;
        assert_eq!(attention(world).await, ["allocate:A1 stock"]);
        world.plan.from_here();
        for _ in 0..2 {
            let reply = world.receive_stock(&receipt("GR-1", "SOCKS-3PK", 5)).await;
            assert!(matches!(reply.status, 200 | 201), "{}", reply.body);
            // Should whoever releases the order die, its deadline finds the stock within six hours.
            world.wait(SignedDuration::from_hours(7)).await;
        }
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
}

#[test]
fn stock_that_is_not_enough_leaves_the_backorder_waiting() {
    for style in [Style::Calm, Style::Doubled, Style::Shuffled(1), Style::Stormy(2)] {
        let world = told(
            async |world: &mut World| {
                place(world, units_of("SOCKS-3PK", 4));
                world.settle().await;
                for (id, units) in [("GR-1", 3), ("GR-2", 1)] {
                    world.receive_stock(&receipt(id, "SOCKS-3PK", units)).await;
                    world.wait(SignedDuration::from_hours(7)).await;
                }
                goes_its_way(world).await;
            },
            style,
        );
        assert_all_closed(&world);
    }
}

/// Only London has caps, and London does not serve Germany: the stock is there, and not for this order. Waiting for
/// two days must not fill its stream.
#[test]
fn stock_that_is_there_for_others_does_not_wear_an_order_out() {
    let world = told(
        async |world: &mut World| {
            let to = json!({ "shipping_address": { "country_code": "DE", "country": "Germany" } });
            place(world, but(units_of("CAP-RED", 1), to));
            world.wait(SignedDuration::from_hours(48)).await;
        },
        Style::Calm,
    );
    let order = world.orders().remove(0);
    assert_eq!(order.attention().len(), 1);
    assert!(order.seq < 60, "{} commits in two days", order.seq);
}

async fn two_want_the_last_one(world: &mut World) {
    world.begin_with("MUG-WHT", &[("LON1", 1)]);
    place(world, one_mug());
    place(world, one_mug());
    goes_its_way(world).await;
}

/// Which of them gets it depends on who is heard first; that only one gets it does not.
#[test]
fn of_two_orders_for_the_last_unit_exactly_one_is_promised() {
    told_and_looked_at(two_want_the_last_one, |world, how| {
        let mut statuses: Vec<Status> = world.orders().iter().map(crossdock_domain::Order::status).collect();
        statuses.sort();
        assert_eq!(statuses, [Status::Accepted, Status::Completed], "{how}");
        assert_stock(world);
    });
}

#[test]
fn the_order_that_came_too_late_goes_with_the_next_unit() {
    let story = async |world: &mut World| {
        two_want_the_last_one(world).await;
        world.plan.from_here();
        world.receive_stock(&receipt("GR-1", "MUG-WHT", 1)).await;
        world.wait(SignedDuration::from_hours(7)).await;
        goes_its_way(world).await;
    };
    told_and_looked_at(story, |world, _| assert_all_closed(world));
}

/// Three wait for a pair of socks each, and two pairs come: two orders have them, whatever else waits.
#[test]
fn those_who_wait_do_not_keep_each_other_from_what_has_come() {
    for style in [Style::Calm, Style::Doubled, Style::Shuffled(1), Style::Shuffled(2), Style::Stormy(3)] {
        told(
            async |world: &mut World| {
                for _ in 0..3 {
                    place(world, units_of("SOCKS-3PK", 1));
                    world.settle().await;
                }
                let reply = world.receive_stock(&receipt("GR-1", "SOCKS-3PK", 2)).await;
                assert!(matches!(reply.status, 200 | 201), "{}", reply.body);
                world.settle().await;
                let promised = world.orders().iter().filter(|order| !order.allocations.is_empty()).count();
                assert_eq!(promised, 2, "{style:?}\n{}", world.transcript.join("\n"));
                assert_eq!(attention(world).await, ["allocate:A1 stock"], "{style:?}");
                assert_stock(world);
            },
            style,
        );
    }
}
