//! Parcels: several of them, parts of them, too early, twice and untold.

use crossdock_world::World;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::acts::{goes_its_way, one_mug, place, ship_all, ship_part, two_lines, units_of};
use crate::books::{assert_all_closed, rows};
use crate::telling::{told_and_looked_at, told_in_every_way};

/// A cap that only London has and a poster that only Manchester has.
fn cap_and_poster() -> Value {
    json!({
        "lines": [
            { "sku": "CAP-RED", "quantity": 1, "price": "18.50" },
            { "sku": "POSTER-A2", "quantity": 1, "price": "9.50" },
        ],
        "taxes_included": true, "tax_rate": "0.2", "shipping": "4.95",
    })
}

#[test]
fn an_order_split_over_two_locations_is_two_parcels_and_two_invoices() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = place(world, cap_and_poster());
        world.settle().await;
        world.plan.from_here();
        ship_part(world, &format!("UK-{id}-F1"), json!([{ "sku": "CAP-RED", "quantity": 1 }]));
        world.settle().await;
        ship_all(world);
        world.settle().await;
    });
    assert_all_closed(&world);
    let order = world.orders().remove(0);
    assert_eq!((order.fulfillments.len(), order.shipments.len(), order.invoices.len()), (2, 2, 2));
    assert_eq!((order.deposits.len(), order.applications.len()), (1, 2));
}

/// Which of the two parcels is the first depends on who is heard first; the books do not.
#[test]
fn two_parcels_that_leave_at_once_close_the_books_in_any_order() {
    let story = async |world: &mut World| {
        place(world, cap_and_poster());
        goes_its_way(world).await;
    };
    told_and_looked_at(story, |world, _| assert_all_closed(world));
}

#[test]
fn one_allocation_may_leave_in_parts() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = place(world, units_of("MUG-WHT", 3));
        world.settle().await;
        world.plan.from_here();
        ship_part(world, &format!("UK-{id}-F1"), json!([{ "sku": "MUG-WHT", "quantity": 2 }]));
        world.settle().await;
        ship_all(world);
        world.settle().await;
    });
    assert_all_closed(&world);
    let order = world.orders().remove(0);
    assert_eq!((order.fulfillments.len(), order.shipments.len(), order.invoices.len()), (1, 2, 2));
}

#[test]
fn a_shipment_that_is_told_before_its_order_is_acknowledged_is_one_shipment() {
    let world = told_in_every_way(async |world: &mut World| {
        world.shipbob.act(json!({ "early_shipments": { "times": 1 } })).unwrap();
        place(world, one_mug());
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
    assert_eq!(world.orders()[0].shipments.len(), 1);
}

#[test]
fn a_shipment_that_is_told_again_days_later_is_still_one() {
    let world = told_in_every_way(async |world: &mut World| {
        place(world, one_mug());
        goes_its_way(world).await;
        world.plan.from_here();
        world.clock.pass(SignedDuration::from_hours(72));
        for new_webhook_id in [false, true] {
            world.shipbob.act(json!({ "redeliver": { "order": "all", "new_webhook_id": new_webhook_id } })).unwrap();
            world.settle().await;
        }
    });
    assert_all_closed(&world);
    assert_eq!(world.orders()[0].shipments.len(), 1);
}

#[test]
fn an_order_that_is_told_again_with_another_delivery_is_still_one() {
    let world = told_in_every_way(async |world: &mut World| {
        place(world, one_mug());
        goes_its_way(world).await;
        world.plan.from_here();
        world.clock.pass(SignedDuration::from_hours(72));
        world.shopify.act(json!({ "redeliver": { "order": "all", "new_webhook_id": true } })).unwrap();
        world.settle().await;
    });
    assert_all_closed(&world);
    assert_eq!(rows(&world.shipbob.documents(), "orders").count(), 1);
}

#[test]
fn a_shipment_that_nobody_told_of_is_found_by_asking() {
    let world = told_in_every_way(async |world: &mut World| {
        place(world, two_lines());
        world.settle().await;
        world.plan.from_here();
        ship_all(world);
        let untold = world.shipbob.take_deliveries();
        assert!(!untold.is_empty());
        // Should whoever asks die, the next deadline asks again.
        world.wait(SignedDuration::from_hours(26)).await;
        world.settle().await;
    });
    assert_all_closed(&world);
}
