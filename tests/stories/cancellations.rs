//! Orders that are cancelled, in each phase of their life.

use crossdock_world::World;
use serde_json::json;

use crate::acts::{place, two_lines};
use crate::settled::{assert_settled, documents_of, paid_back};
use crate::telling::told_in_every_way;

/// Nothing has left: the deposit is paid back, and no credit memo is made.
#[test]
fn a_cancelled_order_that_the_3pl_has_is_stopped_and_paid_back() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = place(world, two_lines());
        world.settle().await;
        world.plan.from_here();
        let order = format!("shopify-uk.{id}");
        let reply = world.ask_of_order((&order, "cancellation"), "key-1", &json!({ "reason": "customer" })).await;
        assert_eq!(reply.status, 202, "{}", reply.body);
        world.settle().await;
    });
    assert_settled(&world);
    let id = world.orders().remove(0).id.channel.to_string();
    assert_eq!(paid_back(&world, &id), [5394]);
    assert_eq!(documents_of(&world, &format!("UK-{id}")), ["SO", "DEP1", "CR101"]);
}
