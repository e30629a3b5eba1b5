//! Goods that come back, and what the buyer gets for them.

use crossdock_world::World;
use jiff::SignedDuration;
use serde_json::json;

use crate::acts::{attention, but, configure, goes_its_way, one_mug, retry_everything, two_lines, units_of};
use crate::settled::{assert_settled, paid_back};
use crate::taken_back::{
    MUG, ask, ask_to_return, at_the_shop, by_hand, delivered, found, found_lines, only_order, request, stock_moved,
    taken_back,
};
use crate::telling::told_in_every_way;

/// The refund that we make at the shop is told back to us by the shop, often before our own call is answered: it is
/// one refund and one customer refund.
#[test]
fn a_return_by_api_is_refunded_once_the_goods_were_looked_at() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        ask_to_return(world, &id, "MUG-WHT", 1).await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [MUG]);
    assert_eq!(taken_back(&world), ["RA1", "IR1", "CM1 1200", "CR101 1200"]);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (0, 0));
}

/// The return at the shop is settled there too, by `returnProcess`, so that it does not stay open for ever.
#[test]
fn a_return_at_the_shop_is_settled_there_once_the_goods_are_back() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        at_the_shop(world, "open_return", &id, json!({ "lines": [{ "sku": "MUG-WHT", "quantity": 1 }] }));
        world.settle().await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [MUG]);
    assert_eq!(taken_back(&world), ["RA1", "IR1", "CM1 1200", "CR101 1200"]);
    let processed = world.shopify.documents()["orders"][0]["returns"][0]["lines"][0]["processed"].clone();
    assert_eq!(processed, 1);
}

#[test]
fn a_return_that_the_buyer_asks_for_at_the_shop_waits_for_the_shops_word() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        at_the_shop(world, "request_return", &id, json!({ "lines": [{ "sku": "MUG-WHT", "quantity": 1 }] }));
        world.settle().await;
        assert_eq!(attention(world).await, ["return:RMA1 approval"]);
        at_the_shop(world, "approve_return", &id, json!({}));
        world.settle().await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
    });
    assert_settled(&world);
    assert_eq!(taken_back(&world), ["RA1", "IR1", "CM1 1200", "CR101 1200"]);
}

#[test]
fn a_return_that_the_shop_declines_leaves_nothing_to_do() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        at_the_shop(world, "request_return", &id, json!({ "lines": [{ "sku": "MUG-WHT", "quantity": 1 }] }));
        world.settle().await;
        at_the_shop(world, "decline_return", &id, json!({}));
        world.settle().await;
    });
    assert_settled(&world);
    assert!(taken_back(&world).is_empty() && paid_back(&world, &only_order(&world)).is_empty());
}

/// The money is back before the goods: the refund is recorded as it is, and the goods are waited for.
#[test]
fn goods_that_were_refunded_first_are_received_when_they_come() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        by_hand(world, &id, json!({ "lines": [{ "sku": "MUG-WHT", "quantity": 1, "restock_type": "return" }] }));
        world.settle().await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [MUG]);
    assert_eq!(taken_back(&world), ["RA1", "CM1 1200", "CR101 1200", "IR1"]);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (0, 0));
}

/// Twice fourteen days are waited; then somebody is told.
#[test]
fn goods_that_were_refunded_first_and_never_come_are_asked_after_and_told_of() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        by_hand(world, &id, json!({ "lines": [{ "sku": "MUG-WHT", "quantity": 1, "restock_type": "return" }] }));
        world.settle().await;
        for _ in 0..3 {
            world.wait(SignedDuration::from_hours(24 * 15)).await;
        }
    });
    let order = world.orders().remove(0);
    let about: Vec<String> = order.attention().iter().map(|a| format!("{} {}", a.about, a.class)).collect();
    assert_eq!(about, ["await_return:RMA1 overdue"]);
    assert_eq!(taken_back(&world), ["RA1", "CM1 1200", "CR101 1200"]);
}

/// Four units were announced; three of them come, each in another state (to each its own receipt), and with them what
/// nobody expected.
#[test]
fn what_is_found_is_booked_as_it_is() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(
            world,
            but(
                two_lines(),
                json!({ "lines": [
                    { "sku": "MUG-WHT", "quantity": 4, "price": "12.00" },
                    { "sku": "TEE-BLK-M", "quantity": 1, "price": "24.99" },
                ]}),
            ),
        )
        .await;
        ask_to_return(world, &id, "MUG-WHT", 4).await;
        let lines = [
            ("MUG-WHT", 1, "Restock"),
            ("MUG-WHT", 1, "Quarantine"),
            ("MUG-WHT", 1, "Dispose"),
            ("CAP-RED", 1, "Restock"),
            ("TEE-BLK-M", 1, "Restock"),
        ];
        found(world, (&id, 1), &lines, true).await;
        assert_eq!(attention(world).await, ["return:RMA2 unannounced"]);
        retry_everything(world).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [2 * MUG, 2499]);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (-2, -3));
    assert_eq!(stock_moved(&world, "CAP-RED"), (1, 1));
    assert_eq!(stock_moved(&world, "TEE-BLK-M"), (0, 0));
    let all = ["RA1", "IR1", "IR1B", "IR1C", "IA1", "CM1 2400", "CR101 2400", "RA2", "IR2", "CM2 2499", "CR201 2499"];
    let mut made = taken_back(&world);
    made.sort();
    let mut all = all.map(str::to_owned).to_vec();
    all.sort();
    assert_eq!(made, all);
}

/// What is in quarantine is sent back to the buyer, or repaired: it is not paid for.
#[test]
fn a_return_that_is_refused_goes_to_quarantine_without_credit() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        ask_to_return(world, &id, "MUG-WHT", 1).await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Quarantine")], true).await;
    });
    assert_settled(&world);
    assert!(paid_back(&world, &only_order(&world)).is_empty());
    assert_eq!(taken_back(&world), ["RA1", "IR1"]);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (0, -1));
}

#[test]
fn the_buyer_keeps_what_is_not_worth_its_way_back() {
    let world = told_in_every_way(async |world: &mut World| {
        configure(world, "shopify-uk", |of| of["channel"]["returns"] = json!({ "keep_up_to": { "GBP": 1500 } })).await;
        let id = delivered(world, one_mug()).await;
        let mut body = request(world, &id, &[("MUG-WHT", 1, "defective")]);
        body["resolution"] = json!("keep");
        ask(world, &id, ("returns", "return-1"), &body).await;
        world.settle().await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [MUG]);
    assert_eq!(taken_back(&world), ["CM1 1200", "CR101 1200"]);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (-1, -1));
}

#[test]
fn what_is_lost_is_refunded_without_being_waited_for() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        let body = request(world, &id, &[("MUG-WHT", 1, "lost")]);
        ask(world, &id, ("returns", "return-1"), &body).await;
        world.settle().await;
    });
    assert_settled(&world);
    assert_eq!(taken_back(&world), ["CM1 1200", "CR101 1200"]);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (-1, -1));
}

/// Others leave at no price: the books see a second fulfilment and an invoice of nothing.
#[test]
fn what_is_lost_is_sent_again_at_no_price() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        let mut body = request(world, &id, &[("MUG-WHT", 1, "lost")]);
        body["resolution"] = json!("reship");
        ask(world, &id, ("returns", "return-1"), &body).await;
        goes_its_way(world).await;
    });
    assert_settled(&world);
    assert!(taken_back(&world).is_empty() && paid_back(&world, &only_order(&world)).is_empty());
    assert_eq!(stock_moved(&world, "MUG-WHT"), (-2, -2));
}

#[test]
fn several_returns_of_one_order_are_each_for_themselves() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, units_of("MUG-WHT", 3)).await;
        for number in 1..=2 {
            let body = request(world, &id, &[("MUG-WHT", 1, "unwanted")]);
            ask(world, &id, ("returns", &format!("return-{number}")), &body).await;
            world.settle().await;
        }
        found(world, (&id, 2), &[("MUG-WHT", 1, "Restock")], true).await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Dispose")], true).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [MUG, MUG]);
    let all = ["RA1", "RA2", "IR1", "CM1 1200", "CR101 1200", "IR2", "CM2 1200", "CR201 1200"];
    assert_eq!(taken_back(&world), all);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (-2, -2));
}

#[test]
fn a_return_that_comes_in_pieces_is_refunded_in_pieces() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, units_of("MUG-WHT", 3)).await;
        ask_to_return(world, &id, "MUG-WHT", 3).await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], false).await;
        found(world, (&id, 1), &[("MUG-WHT", 2, "Restock")], true).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [MUG, 2 * MUG]);
    let all = ["RA1", "IR1", "CM1 1200", "CR101 1200", "IR2", "CM2 2400", "CR201 2400"];
    assert_eq!(taken_back(&world), all);
}

/// A quarter is kept back of what is not wanted, on a line of the credit memo of its own.
#[test]
fn a_restocking_fee_is_kept_back() {
    let world = told_in_every_way(async |world: &mut World| {
        let fees = json!({ "restocking_fees": { "unwanted": 2500 } });
        configure(world, "shopify-uk", |of| of["channel"]["returns"] = fees.clone()).await;
        let id = delivered(world, one_mug()).await;
        ask_to_return(world, &id, "MUG-WHT", 1).await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [900]);
    assert_eq!(taken_back(&world), ["RA1", "IR1", "CM1 900", "CR101 900"]);
}

#[test]
fn a_parcel_that_could_not_be_delivered_is_refunded_on_somebodys_word() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        world.shipbob.act(json!({ "return_to_sender": { "reference_id": format!("UK-{id}-F1") } })).unwrap();
        world.settle().await;
        assert_eq!(attention(world).await, ["return:RMA1 unannounced"]);
        retry_everything(world).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [MUG]);
    assert_eq!(taken_back(&world), ["RA1", "IR1", "CM1 1200", "CR101 1200"]);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (0, 0));
}

#[test]
fn a_parcel_that_could_not_be_delivered_is_sent_again_on_the_buyers_word() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        world.shipbob.act(json!({ "return_to_sender": { "reference_id": format!("UK-{id}-F1") } })).unwrap();
        world.settle().await;
        let mut body = request(world, &id, &[("MUG-WHT", 1, "undeliverable")]);
        body["resolution"] = json!("reship");
        ask(world, &id, ("returns", "return-1"), &body).await;
        goes_its_way(world).await;
    });
    assert_settled(&world);
    assert!(paid_back(&world, &only_order(&world)).is_empty());
    assert_eq!(taken_back(&world), ["RA1", "IR1"]);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (-1, -1));
}

#[test]
fn a_parcel_that_nobody_announced_is_taken_in_and_asked_about() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, units_of("MUG-WHT", 2)).await;
        let lines = found_lines(&[("MUG-WHT", 1, "Restock")]);
        let parcel = json!({ "order_reference": format!("UK-{id}-F1"), "lines": lines, "return_type": "Regular" });
        world.shipbob.act(json!({ "receive_unannounced": parcel })).unwrap();
        world.settle().await;
        assert_eq!(attention(world).await, ["return:RMA1 unannounced"]);
        retry_everything(world).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [MUG]);
    assert_eq!(taken_back(&world), ["RA1", "IR1", "CM1 1200", "CR101 1200"]);
}

#[test]
fn a_return_of_much_value_waits_for_approval() {
    let world = told_in_every_way(async |world: &mut World| {
        let policy = json!({ "approval_above": { "GBP": 1000 } });
        configure(world, "shopify-uk", |of| of["channel"]["returns"] = policy.clone()).await;
        let id = delivered(world, one_mug()).await;
        ask_to_return(world, &id, "MUG-WHT", 1).await;
        assert_eq!(attention(world).await, ["return:RMA1 approval"]);
        assert!(world.shipbob.documents()["returns"].as_array().unwrap().is_empty(), "nobody is told yet");
        retry_everything(world).await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
    });
    assert_settled(&world);
    assert_eq!(taken_back(&world), ["RA1", "IR1", "CM1 1200", "CR101 1200"]);
}

/// Closed at the shop after it was announced: whatever the shop thinks of it, the goods are under way.
#[test]
fn a_return_that_is_called_off_at_the_shop_is_waited_for_no_more() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        at_the_shop(world, "open_return", &id, json!({ "lines": [{ "sku": "MUG-WHT", "quantity": 1 }] }));
        world.settle().await;
        at_the_shop(world, "cancel_return", &id, json!({}));
        world.settle().await;
    });
    assert_settled(&world);
    assert!(paid_back(&world, &only_order(&world)).is_empty());
    assert_eq!(taken_back(&world), ["RA1"]);
}

#[test]
fn a_return_that_is_closed_at_the_shop_is_still_waited_for() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        at_the_shop(world, "open_return", &id, json!({ "lines": [{ "sku": "MUG-WHT", "quantity": 1 }] }));
        world.settle().await;
        at_the_shop(world, "close_return", &id, json!({}));
        world.settle().await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [MUG]);
    assert_eq!(taken_back(&world), ["RA1", "IR1", "CM1 1200", "CR101 1200"]);
}

/// Each is valid alone; together they would return more than has left.
#[test]
fn two_requests_for_the_same_units_are_one_return() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        let body = request(world, &id, &[("MUG-WHT", 1, "unwanted")]);
        let order = format!("shopify-uk.{id}");
        ask(world, &id, ("returns", "key-1"), &body).await;
        let second = world.ask_of_order((&order, "returns"), "key-2", &body).await;
        assert_eq!((second.status, second.body.contains("too_many")), (422, true), "{}", second.body);
        world.settle().await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [MUG]);
}
