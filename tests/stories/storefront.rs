//! A storefront that is not always ready to be told.

use crossdock_world::World;
use jiff::SignedDuration;
use serde_json::json;

use crate::acts::{attention, fault, goes_its_way, one_mug, place, retry_everything, ship_all, ship_part, units_of};
use crate::books::{assert_all_closed, rows};
use crate::telling::told_in_every_way;

#[test]
fn a_fulfilment_that_the_shop_holds_is_told_once_the_hold_is_released() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = place(world, one_mug());
        world.settle().await;
        world.plan.from_here();
        world.shopify.act(json!({ "hold_fulfillment_order": { "order": id } })).unwrap();
        ship_all(world);
        world.settle().await;
        assert_eq!(attention(world).await, ["announce_shipment:S1 refused"]);
        world.shopify.act(json!({ "release_hold": { "order": id } })).unwrap();
        retry_everything(world).await;
    });
    assert_all_closed(&world);
}

#[test]
fn a_throttled_shop_is_left_alone_and_told_later() {
    let world = told_in_every_way(async |world: &mut World| {
        place(world, one_mug());
        world.settle().await;
        world.plan.from_here();
        world.shopify.act(json!({ "fail_next": { "code": "THROTTLED", "times": 4 } })).unwrap();
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
    assert!(!world.transcript.iter().any(|line| line.contains("goes to")), "a pause burns no receives");
}

/// The answer to a partial fulfilment is lost. Telling it again must find it, and not fulfil the rest of the order.
#[test]
fn a_lost_answer_never_fulfils_what_has_not_left() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = place(world, units_of("MUG-WHT", 3));
        world.settle().await;
        world.plan.from_here();
        let lost = fault("POST /admin/api", "timeout_after_commit", 1).only_when_body_contains("fulfillmentCreate");
        world.shopify.add_fault(lost);
        ship_part(world, &format!("UK-{id}-F1"), json!([{ "sku": "MUG-WHT", "quantity": 1 }]));
        world.settle().await;
        let told: Vec<i64> = told_units(world);
        assert_eq!(told, [1], "one unit has left and one is told");
        ship_all(world);
        world.settle().await;
        assert_eq!(told_units(world), [1, 2]);
    });
    assert_all_closed(&world);
}

fn told_units(world: &World) -> Vec<i64> {
    let documents = world.shopify.documents();
    let order = rows(&documents, "orders").next().unwrap();
    let units = |f| rows(f, "lines").map(|line| line["quantity"].as_i64().unwrap()).sum();
    rows(order, "fulfillments").map(units).collect()
}

#[test]
fn an_outage_of_the_shop_delays_only_its_own_news() {
    let world = told_in_every_way(async |world: &mut World| {
        place(world, one_mug());
        world.settle().await;
        world.plan.from_here();
        world.shopify.add_fault(fault("POST /admin/api", "status:503", 9));
        goes_its_way(world).await;
        world.wait(SignedDuration::from_hours(2)).await;
    });
    assert_all_closed(&world);
}
