//! Money that goes back: by staff at the shop, by our rules, under way, failed, and told of by a shop of one's own.

use crossdock_domain::order::Status;
use crossdock_world::{Reply, World};
use serde_json::{Value, json};

use crate::acts::{attention, but, goes_its_way, one_mug, place, retry_everything, two_lines, units_of};
use crate::settled::{accounts_by_order, assert_laws, assert_settled, paid_back};
use crate::taken_back::{
    MUG, ask, ask_to_return, at_the_shop, by_hand, delivered, found, only_order, request, stock_moved, taken_back,
};
use crate::telling::{told_and_looked_at, told_in_every_way};

/// What the bank, the buyer, or staff does with a refund that is under way.
fn settles(world: &World, id: &str, status: &str) {
    let documents = world.shopify.documents();
    let refund = documents["orders"][0]["refunds"][0]["id"].clone();
    at_the_shop(world, "settle_refund", id, json!({ "refund": refund, "status": status }));
}

/// What one order's documents have moved on an account.
fn balance(world: &World, account: &str) -> i64 {
    let accounts = accounts_by_order(world).remove(&format!("UK-{}", only_order(world))).unwrap_or_default();
    accounts.get(account).copied().unwrap_or(0)
}

#[test]
fn shipping_alone_is_refunded_by_hand() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, two_lines()).await;
        by_hand(world, &id, json!({ "shipping": "full" }));
        world.settle().await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [495]);
    assert_eq!(taken_back(&world), ["CM1 495", "CR101 495"]);
}

#[test]
fn goodwill_is_a_credit_without_goods() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        by_hand(world, &id, json!({ "amount": "3.00" }));
        world.settle().await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [300]);
    assert_eq!(taken_back(&world), ["CM1 300", "CR101 300"]);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (-1, -1));
}

/// The buyer keeps it: nothing is expected, and nothing is paid by us.
#[test]
fn a_refund_by_hand_is_recorded_and_never_repeated() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, two_lines()).await;
        by_hand(world, &id, json!({ "lines": [{ "sku": "MUG-WHT", "quantity": 2, "restock_type": "no_restock" }] }));
        world.settle().await;
        at_the_shop(world, "redeliver", &id, json!({ "new_webhook_id": true }));
        world.settle().await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [2 * MUG]);
    assert_eq!(taken_back(&world), ["CM1 2400", "CR101 2400"]);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (-2, -2));
}

/// Staff pays what the returns desk is about to find: who is faster pays, the other finds it paid.
#[test]
fn goods_that_staff_refunds_while_they_are_looked_at_are_paid_once() {
    let story = async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        ask_to_return(world, &id, "MUG-WHT", 1).await;
        by_hand(world, &id, json!({ "lines": [{ "sku": "MUG-WHT", "quantity": 1, "restock_type": "return" }] }));
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
    };
    told_and_looked_at(story, |world, how| {
        assert_settled(world);
        assert_eq!(paid_back(world, &only_order(world)), [MUG], "{how}");
        assert_eq!(stock_moved(world, "MUG-WHT"), (0, 0), "{how}");
    });
}

/// It is recorded as it is, and somebody is told, because no rule of ours would have paid it.
#[test]
fn more_than_was_paid_is_recorded_and_told() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        by_hand(world, &id, json!({ "amount": "15.00", "allow_over_refund": true }));
        world.settle().await;
        assert!(attention(world).await.contains(&"refund:total value".to_owned()));
    });
    assert_eq!(world.orders()[0].status(), Status::Completed);
    assert_eq!(
        (paid_back(&world, &only_order(&world)), balance(&world, "clearing:shopify_payments")),
        (vec![1500], -300)
    );
    assert_laws(&world);
}

#[test]
fn a_refund_of_nothing_moves_nothing() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        by_hand(world, &id, json!({ "amount": "0.00", "note": "a word to the buyer" }));
        world.settle().await;
    });
    assert_settled(&world);
    assert_eq!(taken_back(&world), [""; 0]);
}

/// The bank needs days: until it has said yes, nothing is in the books.
#[test]
fn a_refund_that_is_under_way_is_booked_once_the_bank_has_paid_it() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        by_hand(world, &id, json!({ "amount": "3.00", "status": "pending" }));
        world.settle().await;
        assert_eq!(taken_back(world), [""; 0], "nothing is posted yet");
        settles(world, &id, "success");
        world.settle().await;
    });
    assert_settled(&world);
    assert_eq!(taken_back(&world), ["CM1 300", "CR101 300"]);
}

#[test]
fn a_refund_that_the_bank_refuses_is_in_no_book_and_somebody_is_told() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        by_hand(world, &id, json!({ "amount": "3.00", "status": "pending" }));
        world.settle().await;
        settles(world, &id, "failure");
        world.settle().await;
        assert_eq!(attention(world).await, ["refund:R1 refused"]);
    });
    assert_eq!(taken_back(&world), [""; 0]);
    assert_laws(&world);
}

/// Staff pays the same amount another way: it counts for the one that failed.
#[test]
fn a_refund_that_the_bank_refuses_is_made_good_at_the_shop() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        by_hand(world, &id, json!({ "amount": "3.00", "status": "failure" }));
        world.settle().await;
        by_hand(world, &id, json!({ "amount": "3.00", "gateway": "manual" }));
        world.settle().await;
    });
    assert_settled(&world);
    assert_eq!(taken_back(&world), ["CM1 300", "CR101 300"]);
    assert_eq!(balance(&world, "clearing:manual"), -300);
}

/// Ours fails at the gateway: nothing is tried again before somebody has said so.
#[test]
fn a_refund_of_ours_that_fails_is_tried_again_on_somebodys_word() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        world.shopify.act(json!({ "next_refunds": { "status": "failure" } })).unwrap();
        ask_to_return(world, &id, "MUG-WHT", 1).await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
        assert_eq!(attention(world).await, ["refund:R1 refused"]);
        retry_everything(world).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)).len(), 2, "the one that failed, and the one that went");
    assert_eq!(taken_back(&world), ["RA1", "IR1", "CM2 1200", "CR201 1200"]);
}

/// The same where the return is the shop's own: it is settled there with the first try.
#[test]
fn a_refund_of_a_return_at_the_shop_that_fails_is_tried_again_on_somebodys_word() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        world.shopify.act(json!({ "next_refunds": { "status": "failure" } })).unwrap();
        at_the_shop(world, "open_return", &id, json!({ "lines": [{ "sku": "MUG-WHT", "quantity": 1 }] }));
        world.settle().await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
        assert_eq!(attention(world).await, ["refund:R1 refused"]);
        retry_everything(world).await;
    });
    assert_settled(&world);
    assert_eq!(taken_back(&world), ["RA1", "IR1", "CM2 1200", "CR201 1200"]);
}

/// Not sent, shipping and all.
#[test]
fn a_refund_of_a_cancellation_that_fails_is_tried_again_on_somebodys_word() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = place(world, two_lines());
        world.settle().await;
        world.plan.from_here();
        world.shopify.act(json!({ "next_refunds": { "status": "failure" } })).unwrap();
        ask(world, &id, ("cancellation", "cancel-1"), &json!({ "reason": "customer" })).await;
        world.settle().await;
        assert_eq!(attention(world).await, ["refund:R1 refused"]);
        retry_everything(world).await;
    });
    assert_settled(&world);
    assert_eq!(world.orders()[0].status(), Status::Cancelled);
    assert_eq!(taken_back(&world), ["CR201 5394"]);
}

#[test]
fn a_refund_of_ours_that_is_under_way_is_booked_once_it_has_gone() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        world.shopify.act(json!({ "next_refunds": { "status": "pending" } })).unwrap();
        ask_to_return(world, &id, "MUG-WHT", 1).await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
        assert_eq!(taken_back(world), ["RA1", "IR1"]);
        settles(world, &id, "success");
        world.settle().await;
    });
    assert_settled(&world);
    assert_eq!(taken_back(&world), ["RA1", "IR1", "CM1 1200", "CR101 1200"]);
}

/// The money stands on the liability account of the gift cards until the buyer spends it.
#[test]
fn a_refund_to_a_gift_card_is_a_liability() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        let mug = json!([{ "sku": "MUG-WHT", "quantity": 1, "restock_type": "no_restock" }]);
        by_hand(world, &id, json!({ "lines": mug, "gateway": "gift_card" }));
        world.settle().await;
    });
    assert_settled(&world);
    assert_eq!(taken_back(&world), ["CM1 1200", "CR101 1200"]);
    assert_eq!((balance(&world, "clearing:shopify_payments"), balance(&world, "liability:gift_card")), (MUG, -MUG));
}

#[test]
fn a_refund_as_store_credit_is_a_liability() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        by_hand(world, &id, json!({ "amount": "5.00", "gateway": "shopify_store_credit" }));
        world.settle().await;
    });
    assert_settled(&world);
    assert_eq!(balance(&world, "liability:store_credit"), -500);
}

/// The buyer paid euros at a shop that counts in pounds: everything is taken back in euros.
#[test]
fn what_was_paid_in_another_currency_goes_back_in_it() {
    let world = told_in_every_way(async |world: &mut World| {
        let euros = json!({ "presentment_currency": "EUR", "exchange_rate": "1.25" });
        let id = delivered(world, but(one_mug(), euros)).await;
        ask_to_return(world, &id, "MUG-WHT", 1).await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
    });
    let order = world.orders().remove(0);
    assert!(order.is_finished() && order.attention().is_empty(), "{:#?}", order.attention());
    assert_eq!(taken_back(&world), ["RA1", "IR1", "CM1 1500", "CR101 1500"]);
    let ledger = world.netsuite.ledger();
    let euros = &ledger["currencies"]["EUR"]["accounts"];
    assert_eq!(
        (&euros["receivables"], &euros["deposits"], &euros["clearing:shopify_payments"]),
        (&json!(0), &json!(0), &json!(0))
    );
    assert_eq!(stock_moved(&world, "MUG-WHT"), (0, 0));
}

/// An order of a shop that Crossdock cannot ask: it pays by itself, and tells.
fn own_order() -> Value {
    json!({
        "connection": "web-uk", "channel_order_id": "W-7", "placed_at": "2026-11-23T08:55:00Z", "currency": "GBP",
        "taxes_included": true,
        "shipping_address": {
            "name": "A Buyer", "address1": "1 Example Street", "city": "London", "postal_code": "SW1A 1AA", "country": "GB",
        },
        "lines": [{ "line_id": "L1", "sku": "MUG-WHT", "quantity": 2, "unit_price_minor": 1200,
                    "tax_lines": [{ "title": "GB VAT", "rate": "0.2", "amount_minor": 400 }] }],
        "tenders": [{ "tender_id": "pay-1", "gateway": "stripe", "kind": "sale", "status": "success", "amount_minor": 2400 }],
        "total_minor": 2400,
    })
}

pub async fn own_delivered(world: &mut World) {
    let reply = world.post_order("order-1", own_order().to_string().as_bytes()).await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    goes_its_way(world).await;
    world.plan.from_here();
}

pub async fn tells(world: &mut World, key: &str, paid: Value) -> Reply {
    let body = but(json!({ "gateway": "stripe", "status": "success", "refunded_at": "2026-11-24T09:00:00Z" }), paid);
    world.ask_of_order(("web-uk.W-7", "refunds"), key, &body).await
}

/// Receivable, deposit and credit of the only order in the ERP, and what the buyer's money comes to.
fn own_books(world: &World) -> (i64, i64, i64) {
    let accounts = accounts_by_order(world).remove("WEB-W-7").unwrap_or_default();
    let of = |name: &str| accounts.get(name).copied().unwrap_or(0);
    (of("receivables"), of("deposits"), of("clearing:stripe"))
}

#[test]
fn a_shop_that_pays_by_itself_is_told_what_to_pay_and_tells_that_it_has() {
    let world = told_in_every_way(async |world: &mut World| {
        own_delivered(world).await;
        let body = json!({ "lines": [{ "line_id": "L1", "quantity": 1, "reason": "unwanted" }] });
        let reply = world.ask_of_order(("web-uk.W-7", "returns"), "return-1", &body).await;
        assert_eq!(reply.status, 202, "{}", reply.body);
        world.settle().await;
        let lines = json!([{ "sku": "MUG-WHT", "quantity": 1, "action": "Restock" }]);
        let back = json!({ "reference_id": "WEB-W-7-RMA1", "lines": lines, "completed": true });
        world.shipbob.act(json!({ "receive_return": back })).unwrap();
        world.settle().await;
        assert!(attention(world).await.contains(&"refund:R1 to_pay".to_owned()));
        let other =
            tells(world, "paid-0", json!({ "refund": 1, "transaction_id": "re_0", "amount_minor": 1100 })).await;
        assert_eq!(
            (other.status, other.body.contains("refund 1 is of 1200 minor units")),
            (422, true),
            "{}",
            other.body
        );
        for _ in 0..2 {
            let paid = json!({ "refund": 1, "transaction_id": "re_1", "amount_minor": 1200 });
            let reply = tells(world, "paid-1", paid).await;
            assert_eq!(reply.status, 202, "{}", reply.body);
        }
        world.settle().await;
    });
    let order = world.orders().remove(0);
    assert!(order.is_finished() && order.attention().is_empty(), "{:#?}", order.attention());
    assert_eq!(own_books(&world), (0, 0, MUG));
}

/// Two colleagues tell of the same payment, each under a key of their own: it is one.
#[test]
fn a_payment_that_a_shop_tells_twice_is_one() {
    let world = told_in_every_way(async |world: &mut World| {
        own_delivered(world).await;
        let paid = json!({ "transaction_id": "re_1", "amount_minor": 300 });
        let first = tells(world, "paid-1", paid.clone()).await;
        assert_eq!(first.status, 202, "{}", first.body);
        let second = tells(world, "paid-2", paid).await;
        assert_eq!((second.status, second.body.contains("\"known\"")), (422, true), "{}", second.body);
        world.settle().await;
    });
    let order = world.orders().remove(0);
    assert!(order.is_finished() && order.attention().is_empty(), "{:#?}", order.attention());
    assert_eq!(own_books(&world), (0, 0, 2 * MUG - 300));
}

/// Each is valid alone, and together they would be more than was paid: the second waits for nothing and takes nothing.
#[test]
fn two_returns_at_once_never_pay_back_more_than_was_paid() {
    let story = async |world: &mut World| {
        let id = delivered(world, units_of("MUG-WHT", 2)).await;
        by_hand(world, &id, json!({ "amount": "10.00" }));
        for number in 1..=2 {
            let body = request(world, &id, &[("MUG-WHT", 1, "lost")]);
            ask(world, &id, ("returns", &format!("return-{number}")), &body).await;
        }
        world.settle().await;
        goes_its_way(world).await;
    };
    told_and_looked_at(story, |world, how| {
        let paid: i64 = paid_back(world, &only_order(world)).iter().sum();
        assert_eq!(paid, 2 * MUG, "{how}");
        assert_settled(world);
    });
}

/// The order was cancelled in part; of what was delivered a part comes back, and shipping is given as well.
#[test]
fn cancelled_returned_and_given_in_one_order_add_up() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = place(world, two_lines());
        world.settle().await;
        let mug = json!([{ "line_id": crate::taken_back::line_of(world, &id, "MUG-WHT"), "quantity": 1 }]);
        ask(world, &id, ("cancellation", "cancel-1"), &json!({ "reason": "customer", "lines": mug })).await;
        goes_its_way(world).await;
        world.plan.from_here();
        ask_to_return(world, &id, "TEE-BLK-M", 1).await;
        found(world, (&id, 1), &[("TEE-BLK-M", 1, "Restock")], true).await;
        by_hand(world, &id, json!({ "shipping": "full" }));
        world.settle().await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [MUG, 2499, 495]);
    assert_eq!(stock_moved(&world, "TEE-BLK-M"), (0, 0));
}
