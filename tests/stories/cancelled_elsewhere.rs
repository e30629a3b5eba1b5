//! Orders that others cancel: the shop, at whatever stage it finds them, and the 3PL of itself.

use crossdock_domain::order::Status;
use crossdock_world::World;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::acts::{
    attention, but, fault, goes_its_way, one_mug, place, retry_everything, ship_all, ship_part, units_of,
};
use crate::books::{rows, text};
use crate::settled::{assert_settled, documents_of, paid_back};
use crate::taken_back::{MUG, at_the_shop, by_hand, found, only_order, stock_moved, taken_back};
use crate::telling::{told_and_looked_at, told_in_every_way};

/// Placed, posted and as far as it gets; what follows is the story's own.
async fn waiting(world: &mut World, order: Value) -> String {
    let id = place(world, order);
    world.settle().await;
    world.plan.from_here();
    id
}

fn cancelled_by_the_shop(world: &World, id: &str, how: Value) {
    at_the_shop(world, "cancel_order", id, how);
}

/// Nothing of it was delivered, and this was paid back.
fn assert_cancelled(world: &World, paid: &[i64]) {
    assert_settled(world);
    assert_eq!(world.orders()[0].status(), Status::Cancelled);
    assert_eq!(paid_back(world, &only_order(world)), paid);
    assert_eq!(stock_moved(world, "MUG-WHT"), (0, 0));
}

/// Orders at the 3PL that it would still send: reference and state.
fn standing(world: &World) -> Vec<String> {
    let documents = world.shipbob.documents();
    let open = rows(&documents, "orders").filter(|order| text(order, "status") != "Cancelled");
    open.map(|order| text(order, "reference_id")).collect()
}

/// A hold keeps the order from the 3PL and not from being over.
#[test]
fn an_order_that_is_held_for_its_address_and_cancelled_by_the_shop_is_over() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = waiting(world, but(one_mug(), json!({ "shipping_address": null }))).await;
        assert_eq!(attention(world).await, ["hold:address address"]);
        cancelled_by_the_shop(world, &id, json!({ "refund": "full" }));
        world.settle().await;
    });
    assert_cancelled(&world, &[MUG]);
    assert!(world.shipbob.requests().is_empty(), "the 3PL never heard of it");
}

/// Stock that comes later is for others; the shop cancels with the money, or pays it back the day after.
#[test]
fn a_backorder_that_the_shop_cancels_takes_no_stock_when_it_comes() {
    for refund in ["full", "none"] {
        let world = told_in_every_way(async |world: &mut World| {
            let id = waiting(world, units_of("SOCKS-3PK", 1)).await;
            cancelled_by_the_shop(world, &id, json!({ "refund": refund }));
            world.settle().await;
            if refund == "none" {
                assert_eq!(attention(world).await, ["books value"]);
                by_hand(world, &id, json!({ "amount": "12.00" }));
            }
            let lines = json!([{ "sku": "SOCKS-3PK", "quantity": 5 }]);
            world.receive_stock(&json!({ "receipt_id": "GR-1", "location": "LON1", "lines": lines })).await;
            world.wait(SignedDuration::from_hours(7)).await;
        });
        assert_cancelled(&world, &[MUG]);
        assert_eq!(taken_back(&world), ["CR101 1200"]);
        assert_eq!(stock_moved(&world, "SOCKS-3PK"), (5, 5));
    }
}

/// The shop's refund is still under way at the gateway: the books wait for it, and nobody pays twice.
#[test]
fn a_cancellation_whose_refund_is_under_way_is_posted_when_the_money_has_gone() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = waiting(world, one_mug()).await;
        cancelled_by_the_shop(world, &id, json!({ "refund": "full", "status": "pending" }));
        world.settle().await;
        assert_eq!(documents_of(world, &format!("UK-{id}")), ["SO", "DEP1"]);
        let documents = world.shopify.documents();
        let refund = rows(&documents, "orders").flat_map(|order| rows(order, "refunds")).next().unwrap();
        let settled = json!({ "order": id, "refund": refund["id"], "status": "success" });
        world.shopify.act(json!({ "settle_refund": settled })).unwrap();
        world.settle().await;
    });
    assert_cancelled(&world, &[MUG]);
    assert_eq!(taken_back(&world), ["CR101 1200"]);
}

/// The units are the 3PL's: it keeps them out of the parcel, whether or not the shop counts them on its own shelf.
#[test]
fn a_picked_order_that_the_shop_cancels_without_refund_is_paid_back_when_it_comes_back() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = waiting(world, one_mug()).await;
        world.shipbob.act(json!({ "pick": { "reference_id": format!("UK-{id}-F1") } })).unwrap();
        cancelled_by_the_shop(world, &id, json!({ "refund": "none", "restock": false }));
        world.settle().await;
        ship_all(world);
        world.settle().await;
        assert!(paid_back(world, &id).is_empty(), "the buyer has it");
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [MUG]);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (0, 0));
}

/// The shop pays back later, before the parcel is back: what comes back then is paid already.
#[test]
fn a_picked_order_that_the_shop_cancels_and_pays_back_by_amount_is_paid_back_once() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = waiting(world, one_mug()).await;
        world.shipbob.act(json!({ "pick": { "reference_id": format!("UK-{id}-F1") } })).unwrap();
        cancelled_by_the_shop(world, &id, json!({ "refund": "none" }));
        world.settle().await;
        ship_all(world);
        world.settle().await;
        by_hand(world, &id, json!({ "amount": "12.00" }));
        world.settle().await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [MUG]);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (0, 0));
}

/// The shop does not know yet of the parcel that has left, and cancels all: what has left comes back.
#[test]
fn an_order_that_the_shop_cancels_after_it_has_left_comes_back() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = waiting(world, one_mug()).await;
        world.shopify.add_fault(fault("POST /admin/api", "status:503", 3));
        ship_all(world);
        cancelled_by_the_shop(world, &id, json!({ "refund": "full" }));
        world.settle().await;
        retry_everything(world).await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [MUG]);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (0, 0));
}

/// Of two mugs one has left and is not told yet; the shop cancels both and pays both back.
#[test]
fn a_partly_shipped_order_that_the_shop_cancels_whole_gets_its_parcel_back() {
    let story = async |world: &mut World| {
        let id = waiting(world, units_of("MUG-WHT", 2)).await;
        ship_part(world, &format!("UK-{id}-F1"), json!([{ "sku": "MUG-WHT", "quantity": 1 }]));
        cancelled_by_the_shop(world, &id, json!({ "refund": "full" }));
        world.settle().await;
        retry_everything(world).await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
    };
    told_and_looked_at(story, |world, how| {
        assert_settled(world);
        assert_eq!(paid_back(world, &only_order(world)), [2 * MUG], "{how}");
        assert_eq!((standing(world).len(), stock_moved(world, "MUG-WHT")), (1, (0, 0)), "{how}");
    });
}

/// The second of two warehouses cannot send its part; the first one's has left.
#[test]
fn the_part_of_another_warehouse_that_the_3pl_refuses_is_paid_back() {
    let order = json!({
        "lines": [
            { "sku": "CAP-RED", "quantity": 1, "price": "9.00" },
            { "sku": "POSTER-A2", "quantity": 1, "price": "15.00" },
        ],
        "taxes_included": true, "tax_rate": "0.2", "shipping": "4.95",
    });
    let world = told_in_every_way(async |world: &mut World| {
        let id = waiting(world, order.clone()).await;
        assert_eq!(standing(world).len(), 2);
        ship_part(world, &format!("UK-{id}-F1"), json!([{ "sku": "CAP-RED", "quantity": 1 }]));
        world.settle().await;
        world.shipbob.act(json!({ "refuse": { "reference_id": format!("UK-{id}-F2") } })).unwrap();
        world.settle().await;
    });
    assert_settled(&world);
    assert_eq!((world.orders()[0].status(), paid_back(&world, &only_order(&world))), (Status::Completed, vec![1500]));
    assert_eq!((stock_moved(&world, "CAP-RED"), stock_moved(&world, "POSTER-A2")), ((-1, -1), (0, 0)));
}

/// Both say so at once: the 3PL has none, and the shop has cancelled and paid back.
#[test]
fn an_order_that_the_3pl_refuses_while_the_shop_cancels_it_is_paid_back_once() {
    let story = async |world: &mut World| {
        let id = waiting(world, one_mug()).await;
        world.shipbob.act(json!({ "refuse": { "reference_id": format!("UK-{id}-F1") } })).unwrap();
        cancelled_by_the_shop(world, &id, json!({ "refund": "full", "reason": "inventory" }));
        world.settle().await;
        retry_everything(world).await;
    };
    told_and_looked_at(story, |world, how| {
        assert_cancelled(world, &[MUG]);
        assert!(standing(world).is_empty(), "{how}");
    });
}

/// Two mugs were cancelled by the shop one after the other, in two refunds.
#[test]
fn an_order_whose_units_the_shop_takes_off_one_by_one_is_over_with_the_last() {
    let story = async |world: &mut World| {
        let id = waiting(world, units_of("MUG-WHT", 2)).await;
        let mug = json!([{ "sku": "MUG-WHT", "quantity": 1, "restock_type": "cancel" }]);
        by_hand(world, &id, json!({ "lines": mug }));
        world.settle().await;
        assert_eq!(standing(world), [format!("UK-{id}-F2")]);
        cancelled_by_the_shop(world, &id, json!({ "refund": "full" }));
        goes_its_way(world).await;
    };
    told_and_looked_at(story, |world, _| assert_cancelled(world, &[MUG, MUG]));
}
