//! Orders that are cancelled, in each phase of their life: by our API, at the storefront, and by the 3PL.

use crossdock_domain::order::Status;
use crossdock_world::{Style, World, WorldOptions};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::acts::{attention, but, fault, goes_its_way, one_mug, place, ship_all, ship_part, two_lines, units_of};
use crate::books::{assert_stock, rows};
use crate::settled::{accounts_by_order, assert_settled, documents_of, paid_back};
use crate::taken_back::{
    MUG, ask, ask_to_return, at_the_shop, by_hand, found, line_of, only_order, stock_moved, taken_back,
};
use crate::telling::{run, told_in_every_way};

/// A T-shirt, two mugs and shipping, with tax.
const TWO_LINES: i64 = 5394;

/// The whole order, because the buyer wants it so.
fn whole() -> Value {
    json!({ "reason": "customer" })
}

/// So many units of one SKU.
fn part(world: &World, id: &str, sku: &str, quantity: u32) -> Value {
    json!({ "reason": "customer", "lines": [{ "line_id": line_of(world, id, sku), "quantity": quantity }] })
}

async fn cancel(world: &mut World, id: &str, body: &Value) {
    ask(world, id, ("cancellation", "cancel-1"), body).await;
    world.settle().await;
}

/// Placed, posted and at the 3PL; what follows is the story's own.
async fn at_the_3pl(world: &mut World, order: Value) -> String {
    let id = place(world, order);
    world.settle().await;
    world.plan.from_here();
    id
}

fn all_documents(world: &World) -> Vec<String> {
    documents_of(world, &format!("UK-{}", only_order(world)))
}

fn assert_cancelled(world: &World, paid: &[i64]) {
    assert_settled(world);
    assert_eq!(world.orders()[0].status(), Status::Cancelled);
    assert_eq!(paid_back(world, &only_order(world)), paid);
    let documents = world.shopify.documents();
    assert!(rows(&documents, "orders").all(|order| order["cancelled"] == true), "the shop shows it");
}

#[test]
fn an_order_that_waits_for_its_payment_is_cancelled_without_any_document() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = at_the_3pl(world, but(two_lines(), json!({ "financial_status": "pending" }))).await;
        cancel(world, &id, &whole()).await;
    });
    assert_cancelled(&world, &[]);
    assert_eq!(all_documents(&world), [""; 0]);
}

/// Nothing was captured: the shop voids the authorisation with the cancellation that we ask it for.
#[test]
fn an_authorised_payment_is_voided_with_the_order() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = at_the_3pl(world, but(two_lines(), json!({ "financial_status": "authorized" }))).await;
        cancel(world, &id, &whole()).await;
    });
    assert_cancelled(&world, &[]);
    assert_eq!(all_documents(&world), [""; 0]);
    assert_eq!(world.shopify.documents()["orders"][0]["financial_status"], "voided");
}

#[test]
fn an_unpaid_order_that_the_shop_cancels_is_over() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = at_the_3pl(world, but(two_lines(), json!({ "financial_status": "pending" }))).await;
        at_the_shop(world, "cancel_order", &id, json!({ "reason": "declined" }));
        world.settle().await;
    });
    assert_cancelled(&world, &[]);
    assert_eq!(all_documents(&world), [""; 0]);
}

/// Stock that arrives later is for others.
#[test]
fn a_backorder_that_is_cancelled_is_paid_back_and_takes_no_stock() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = at_the_3pl(world, units_of("SOCKS-3PK", 2)).await;
        assert_eq!(attention(world).await, ["allocate:A1 stock"]);
        cancel(world, &id, &whole()).await;
        let lines = json!([{ "sku": "SOCKS-3PK", "quantity": 5 }]);
        world.receive_stock(&json!({ "receipt_id": "GR-1", "location": "LON1", "lines": lines })).await;
        world.wait(SignedDuration::from_hours(7)).await;
    });
    assert_cancelled(&world, &[2400]);
    assert_eq!(all_documents(&world), ["SO", "DEP1", "CR101"]);
    assert_eq!(stock_moved(&world, "SOCKS-3PK"), (5, 5));
    assert!(world.shipbob.requests().is_empty(), "the 3PL never heard of it");
}

#[test]
fn one_unit_of_a_backorder_is_cancelled_and_the_other_goes_when_stock_is_there() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = at_the_3pl(world, units_of("SOCKS-3PK", 2)).await;
        let body = part(world, &id, "SOCKS-3PK", 1);
        cancel(world, &id, &body).await;
        let lines = json!([{ "sku": "SOCKS-3PK", "quantity": 1 }]);
        world.receive_stock(&json!({ "receipt_id": "GR-1", "location": "LON1", "lines": lines })).await;
        world.wait(SignedDuration::from_hours(7)).await;
        goes_its_way(world).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [1200]);
    assert_eq!(taken_back(&world), ["CR101 1200"]);
}

/// Nothing has left: the deposit is paid back, and no credit memo is made.
#[test]
fn a_cancelled_order_that_the_3pl_has_is_stopped_and_paid_back() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = at_the_3pl(world, two_lines()).await;
        cancel(world, &id, &whole()).await;
    });
    assert_cancelled(&world, &[TWO_LINES]);
    assert_eq!(all_documents(&world), ["SO", "DEP1", "CR101"]);
    assert_eq!((stock_moved(&world, "MUG-WHT"), stock_moved(&world, "TEE-BLK-M")), ((0, 0), (0, 0)));
}

#[test]
fn one_unit_of_a_line_that_the_3pl_has_is_cancelled_and_the_rest_goes() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = at_the_3pl(world, two_lines()).await;
        let body = part(world, &id, "MUG-WHT", 1);
        cancel(world, &id, &body).await;
        goes_its_way(world).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [MUG]);
    assert_eq!(taken_back(&world), ["CR101 1200"]);
    assert_eq!((stock_moved(&world, "MUG-WHT"), stock_moved(&world, "TEE-BLK-M")), ((-1, -1), (-1, -1)));
}

/// At any moment between the shop and the 3PL, whatever has been done by then is undone.
#[test]
fn an_order_may_be_cancelled_at_every_moment_before_it_is_picked() {
    for by_api in [true, false] {
        for moves in 0..25 {
            let mut world = World::new(WorldOptions { style: Style::Calm, ..WorldOptions::default() });
            run(async {
                let id = place(&world, two_lines());
                world.moves(moves).await;
                if by_api && !world.orders().is_empty() && world.orders()[0].accepted.is_some() {
                    cancel(&mut world, &id, &whole()).await;
                } else {
                    at_the_shop(&world, "cancel_order", &id, json!({ "refund": "full" }));
                    world.settle().await;
                }
                ship_all(&world);
                world.settle().await;
            });
            assert_cancelled(&world, &[TWO_LINES]);
            assert_eq!((stock_moved(&world, "MUG-WHT"), stock_moved(&world, "TEE-BLK-M")), ((0, 0), (0, 0)));
        }
    }
}

#[test]
fn an_order_that_the_shop_cancels_and_refunds_is_stopped() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = at_the_3pl(world, two_lines()).await;
        at_the_shop(world, "cancel_order", &id, json!({ "reason": "customer", "refund": "full" }));
        world.settle().await;
    });
    assert_cancelled(&world, &[TWO_LINES]);
    assert_eq!(all_documents(&world), ["SO", "DEP1", "CR101"]);
}

/// Whether the shop puts the units back on its own shelf is its own matter: the 3PL has them.
#[test]
fn an_order_that_the_shop_cancels_without_restocking_is_stopped_all_the_same() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = at_the_3pl(world, one_mug()).await;
        at_the_shop(world, "cancel_order", &id, json!({ "refund": "full", "restock": false }));
        world.settle().await;
    });
    assert_cancelled(&world, &[MUG]);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (0, 0));
}

/// The shop keeps the money for now: it stays a deposit, and somebody is told until it is paid back.
#[test]
fn money_of_a_cancelled_order_that_the_shop_keeps_is_told_until_it_is_paid_back() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = at_the_3pl(world, one_mug()).await;
        at_the_shop(world, "cancel_order", &id, json!({ "refund": "none" }));
        world.settle().await;
        assert_eq!(attention(world).await, ["books value"]);
        assert_eq!(taken_back(world), [""; 0]);
        by_hand(world, &id, json!({ "amount": "12.00" }));
        world.settle().await;
    });
    assert_cancelled(&world, &[MUG]);
    assert_eq!(taken_back(&world), ["CR101 1200"]);
}

#[test]
fn an_order_that_the_3pl_refuses_is_paid_back_by_us() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = at_the_3pl(world, two_lines()).await;
        world.shipbob.act(json!({ "refuse": { "reference_id": format!("UK-{id}-F1") } })).unwrap();
        world.settle().await;
    });
    assert_cancelled(&world, &[TWO_LINES]);
    assert_eq!(all_documents(&world), ["SO", "DEP1", "CR101"]);
}

/// Picked is picked: the goods leave, and come back before the money does.
#[test]
fn what_is_picked_already_leaves_and_is_paid_back_when_it_comes_back() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = at_the_3pl(world, one_mug()).await;
        world.shipbob.act(json!({ "pick": { "reference_id": format!("UK-{id}-F1") } })).unwrap();
        cancel(world, &id, &whole()).await;
        assert!(paid_back(world, &id).is_empty(), "the 3PL has it");
        ship_all(world);
        world.settle().await;
        assert!(paid_back(world, &id).is_empty(), "the buyer has it");
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [MUG]);
    assert_eq!(taken_back(&world), ["RA1", "IR1", "CM1 1200", "CR101 1200"]);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (0, 0));
}

/// The shop has paid back what is about to leave: the money is gone before the goods, and the books say so.
#[test]
fn what_is_picked_already_and_refunded_by_the_shop_comes_back_as_a_return() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = at_the_3pl(world, one_mug()).await;
        world.shipbob.act(json!({ "pick": { "reference_id": format!("UK-{id}-F1") } })).unwrap();
        at_the_shop(world, "cancel_order", &id, json!({ "refund": "full" }));
        world.settle().await;
        ship_all(world);
        world.settle().await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [MUG]);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (0, 0));
}

#[test]
fn of_a_partly_shipped_order_the_rest_is_cancelled() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = at_the_3pl(world, units_of("MUG-WHT", 3)).await;
        ship_part(world, &format!("UK-{id}-F1"), json!([{ "sku": "MUG-WHT", "quantity": 1 }]));
        world.settle().await;
        cancel(world, &id, &whole()).await;
    });
    assert_settled(&world);
    assert_eq!(world.orders()[0].status(), Status::Completed);
    assert_eq!(paid_back(&world, &only_order(&world)), [2 * MUG]);
    assert_eq!(taken_back(&world), ["CR101 2400"]);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (-1, -1));
}

#[test]
fn of_a_partly_shipped_order_the_shop_cancels_the_rest() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = at_the_3pl(world, units_of("MUG-WHT", 3)).await;
        ship_part(world, &format!("UK-{id}-F1"), json!([{ "sku": "MUG-WHT", "quantity": 1 }]));
        world.settle().await;
        let two = json!([{ "sku": "MUG-WHT", "quantity": 2, "restock_type": "cancel" }]);
        by_hand(world, &id, json!({ "lines": two }));
        world.settle().await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [2 * MUG]);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (-1, -1));
}

/// One mug came broken; nobody says a word on the goods. The other two are still sent.
#[test]
fn what_the_shop_refunds_of_a_part_that_has_left_takes_nothing_off_the_rest() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = at_the_3pl(world, units_of("MUG-WHT", 3)).await;
        ship_part(world, &format!("UK-{id}-F1"), json!([{ "sku": "MUG-WHT", "quantity": 1 }]));
        world.settle().await;
        by_hand(world, &id, json!({ "lines": [{ "sku": "MUG-WHT", "quantity": 1, "restock_type": "no_restock" }] }));
        goes_its_way(world).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [MUG]);
    assert_eq!(taken_back(&world), ["CM1 1200", "CR101 1200"]);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (-3, -3));
}

#[test]
fn what_the_shop_takes_off_without_restocking_is_not_sent() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = at_the_3pl(world, units_of("MUG-WHT", 3)).await;
        ship_part(world, &format!("UK-{id}-F1"), json!([{ "sku": "MUG-WHT", "quantity": 1 }]));
        world.settle().await;
        by_hand(world, &id, json!({ "lines": [{ "sku": "MUG-WHT", "quantity": 2, "restock_type": "removal" }] }));
        goes_its_way(world).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [2 * MUG]);
    assert_eq!(taken_back(&world), ["CR101 2400"]);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (-1, -1));
}

#[test]
fn the_rest_of_a_partly_shipped_order_that_the_3pl_refuses_is_paid_back() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = at_the_3pl(world, units_of("MUG-WHT", 3)).await;
        ship_part(world, &format!("UK-{id}-F1"), json!([{ "sku": "MUG-WHT", "quantity": 1 }]));
        world.settle().await;
        world.shipbob.act(json!({ "refuse": { "reference_id": format!("UK-{id}-F1") } })).unwrap();
        world.settle().await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [2 * MUG]);
}

/// What has left cannot be cancelled, whether or not the books know already.
#[test]
fn what_has_left_is_not_cancelled_even_before_it_is_invoiced() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = at_the_3pl(world, one_mug()).await;
        world.netsuite.add_fault(fault("* /services/rest/record/v1", "status:500", 6));
        ship_all(world);
        world.moves(8).await;
        world.wait(SignedDuration::from_mins(1)).await;
        let reply = world.ask_of_order((&format!("shopify-uk.{id}"), "cancellation"), "cancel-1", &whole()).await;
        assert_eq!(reply.status, 422, "{}", reply.body);
        world.wait(SignedDuration::from_hours(2)).await;
    });
    assert_settled(&world);
    assert_eq!((paid_back(&world, &only_order(&world)), taken_back(&world)), (vec![], vec![]));
}

#[test]
fn a_completed_order_is_not_cancelled_and_says_what_to_do_instead() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = at_the_3pl(world, one_mug()).await;
        goes_its_way(world).await;
        let before = world.orders()[0].seq;
        let reply = world.ask_of_order((&format!("shopify-uk.{id}"), "cancellation"), "cancel-1", &whole()).await;
        assert_eq!((reply.status, &reply.json()["type"]), (422, &json!("/problems/cancellation-refused")));
        assert!(reply.body.contains("ask for a return instead"), "{}", reply.body);
        assert_eq!(world.orders()[0].seq, before);
    });
    assert_settled(&world);
    assert!(taken_back(&world).is_empty());
}

#[test]
fn what_the_shop_has_cancelled_is_not_cancelled_again_for_its_money() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = at_the_3pl(world, one_mug()).await;
        at_the_shop(world, "cancel_order", &id, json!({ "refund": "none" }));
        world.settle().await;
        let reply = world.ask_of_order((&format!("shopify-uk.{id}"), "cancellation"), "cancel-1", &whole()).await;
        assert_eq!(reply.status, 422, "{}", reply.body);
    });
    let order = world.orders().remove(0);
    let about: Vec<String> = order.attention().iter().map(|a| format!("{} {}", a.about, a.class)).collect();
    assert_eq!((order.status(), about), (Status::Cancelled, vec!["books value".to_owned()]));
    let accounts = accounts_by_order(&world).remove(&format!("UK-{}", only_order(&world))).unwrap();
    assert_eq!((accounts["clearing:shopify_payments"], accounts["deposits"]), (MUG, -MUG));
    assert_stock(&world);
}

/// What was not cancelled is an order like any other: it is delivered, and may come back.
#[test]
fn what_is_left_of_an_order_is_delivered_and_returned() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = place(world, units_of("MUG-WHT", 2));
        world.settle().await;
        let body = part(world, &id, "MUG-WHT", 1);
        cancel(world, &id, &body).await;
        goes_its_way(world).await;
        world.plan.from_here();
        ask_to_return(world, &id, "MUG-WHT", 1).await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [MUG, MUG]);
    assert_eq!(taken_back(&world), ["CR101 1200", "RA1", "IR1", "CM2 1200", "CR201 1200"]);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (0, 0));
}
