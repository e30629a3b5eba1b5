//! What the buyer gets instead of money: its price is kept of what comes back, and only the rest moves.

use crossdock_world::World;
use serde_json::{Value, json};

use crate::acts::{attention, but, fault, goes_its_way, one_mug, place, retry_everything, units_of};
use crate::books::{rows, text};
use crate::settled::{accounts_by_order, assert_settled, documents_of, paid_back};
use crate::taken_back::{MUG, at_the_shop, by_hand, delivered, found, only_order, stock_moved, taken_back};
use crate::telling::told_in_every_way;

/// A mug that was delivered is to come back, and a cap is wanted for it.
async fn wants_a_cap_instead(world: &mut World, price: &str) -> String {
    let id = delivered(world, one_mug()).await;
    let cap = json!([{ "sku": "CAP-RED", "quantity": 1, "price": price }]);
    let mug = json!([{ "sku": "MUG-WHT", "quantity": 1 }]);
    at_the_shop(world, "open_return", &id, json!({ "lines": mug, "exchange": cap }));
    world.settle().await;
    id
}

/// The mug is back, and the cap leaves.
async fn is_exchanged(world: &mut World, id: &str) {
    found(world, (id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
    goes_its_way(world).await;
}

/// The mug is in stock again and the cap is gone; the books have all of it, in this order.
fn assert_exchanged(world: &World, expected: &[&str]) {
    assert_eq!((stock_moved(world, "MUG-WHT"), stock_moved(world, "CAP-RED")), ((0, 0), (-1, -1)));
    assert_eq!(taken_back(world), expected);
    let sold: Vec<String> = documents_of(world, &format!("UK-{}", only_order(world)))
        .into_iter()
        .filter(|name| name.starts_with("INV"))
        .collect();
    assert_eq!(sold, ["INV1", "INV2"]);
    assert_eq!(world.shopify.documents()["orders"][0]["outstanding"], 0);
}

fn owes(world: &World) -> i64 {
    world.orders()[0].open_books().0
}

#[test]
fn an_exchange_at_the_same_price_moves_no_money() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = wants_a_cap_instead(world, "12.00").await;
        is_exchanged(world, &id).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [0]);
    assert_exchanged(&world, &["RA1", "IR1", "CM1 1200"]);
}

#[test]
fn an_exchange_for_something_cheaper_pays_the_difference_back() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = wants_a_cap_instead(world, "8.00").await;
        is_exchanged(world, &id).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [400]);
    assert_exchanged(&world, &["RA1", "IR1", "CM1 1200", "CR101 400"]);
}

/// Nothing goes back, and the cap leaves; what it costs more is owed until it is paid.
#[test]
fn an_exchange_for_something_dearer_leaves_the_difference_owed_until_it_is_paid() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = wants_a_cap_instead(world, "18.50").await;
        is_exchanged(world, &id).await;
        assert_eq!((attention(world).await, owes(world)), (vec!["books value".to_owned()], 650));
        at_the_shop(world, "pay_order", &id, json!({}));
        world.settle().await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [0]);
    assert_exchanged(&world, &["RA1", "IR1", "CM1 1200"]);
}

/// Staff settles it in the admin before we do: the same books.
#[test]
fn an_exchange_that_staff_settles_at_the_shop_has_the_same_books() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = wants_a_cap_instead(world, "8.00").await;
        at_the_shop(world, "process_return", &id, json!({}));
        world.settle().await;
        is_exchanged(world, &id).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [400]);
    let mut made = taken_back(&world);
    made.sort();
    assert_eq!(made, ["CM1 1200", "CR101 400", "IR1", "RA1"]);
    assert_eq!((stock_moved(&world, "MUG-WHT"), stock_moved(&world, "CAP-RED")), ((0, 0), (-1, -1)));
}

/// `returnProcess` has no key: what was settled by the call whose answer is lost is found settled.
#[test]
fn an_exchange_whose_answer_is_lost_is_settled_once() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = wants_a_cap_instead(world, "8.00").await;
        let lost = fault("POST /admin/api/", "timeout_after_commit", 1);
        world.shopify.add_fault(lost.only_when_body_contains("returnProcess"));
        is_exchanged(world, &id).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [400]);
    assert_exchanged(&world, &["RA1", "IR1", "CM1 1200", "CR101 400"]);
}

/// The exchange is settled with the mug that is back first; what the cap costs more is kept of the second mug.
#[test]
fn what_an_exchange_costs_beyond_the_first_piece_is_kept_of_the_second() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, units_of("MUG-WHT", 2)).await;
        let cap = json!([{ "sku": "CAP-RED", "quantity": 1, "price": "18.50" }]);
        let mugs = json!([{ "sku": "MUG-WHT", "quantity": 2 }]);
        at_the_shop(world, "open_return", &id, json!({ "lines": mugs, "exchange": cap }));
        world.settle().await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], false).await;
        goes_its_way(world).await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [0, 2 * MUG - 1850]);
    assert_exchanged(&world, &["RA1", "IR1", "CM1 1200", "IR2", "CM2 1200", "CR201 550"]);
}

/// The bank refuses what is left beside the cap; once somebody says so, that is paid, and not what the cap costs.
#[test]
fn what_is_left_beside_an_exchange_is_tried_again_without_its_price() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = wants_a_cap_instead(world, "8.00").await;
        world.shopify.act(json!({ "next_refunds": { "status": "failure" } })).unwrap();
        is_exchanged(world, &id).await;
        assert!(attention(world).await.contains(&"refund:R1 refused".to_owned()));
        retry_everything(world).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [400, 400]);
    assert_exchanged(&world, &["RA1", "IR1", "CM2 1200", "CR201 400"]);
}

/// The credit is a payment of the order that comes after it.
fn paid_by_credit() -> Value {
    but(units_of("CAP-RED", 1), json!({ "gateway": "exchange-credit" }))
}

/// What the documents of one order have moved, by account.
fn moved(world: &World, id: &str, account: &str) -> i64 {
    let accounts = accounts_by_order(world).remove(&format!("UK-{id}")).unwrap_or_default();
    accounts.get(account).copied().unwrap_or(0)
}

/// An app exchanges by a second order, which the credit pays. The account of the credit gives what it takes.
#[test]
fn an_exchange_by_a_second_order_leaves_nothing_on_the_account_of_its_credit() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        let mug = json!([{ "sku": "MUG-WHT", "quantity": 1, "restock_type": "return" }]);
        by_hand(world, &id, json!({ "lines": mug, "gateway": "exchange-credit" }));
        place(world, paid_by_credit());
        goes_its_way(world).await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
    });
    assert_settled(&world);
    let documents = world.shopify.documents();
    let ids: Vec<String> = rows(&documents, "orders").map(|order| text(order, "id")).collect();
    let [first, second] = ids.as_slice() else { panic!("{ids:?}") };
    let credit = "clearing:exchange_credit";
    assert_eq!((moved(&world, first, credit), moved(&world, second, credit)), (-MUG, MUG));
    assert_eq!(moved(&world, first, "clearing:shopify_payments"), MUG);
    assert_eq!((stock_moved(&world, "MUG-WHT"), stock_moved(&world, "CAP-RED")), ((0, 0), (-1, -1)));
}
