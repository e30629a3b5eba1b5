//! Orders that somebody at the shop changes after they were placed: lines, quantities and the address, before the order
//! is sent, while the 3PL has it, and after it has left.

use crossdock_domain::order::Status;
use crossdock_world::{Style, World, WorldOptions};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::acts::{
    attention, but, goes_its_way, one_mug, place, retry_everything, ship_all, ship_part, shop_delivers, two_lines,
    units_of,
};
use crate::books::{rows, text};
use crate::settled::{assert_settled, paid_back};
use crate::taken_back::{MUG, ask, at_the_shop, by_hand, delivered, found, line_of, only_order, stock_moved};
use crate::telling::{run, told_and_looked_at, told_in_every_way};

/// Placed, posted and as far as it gets; what follows is the story's own.
async fn waiting(world: &mut World, order: Value) -> String {
    let id = place(world, order);
    world.settle().await;
    world.plan.from_here();
    id
}

/// A pair of socks, which nobody has, and two mugs.
fn socks_and_mugs() -> Value {
    json!({
        "lines": [
            { "sku": "SOCKS-3PK", "quantity": 1, "price": "9.00" },
            { "sku": "MUG-WHT", "quantity": 2, "price": "12.00" },
        ],
        "taxes_included": true, "tax_rate": "0.2",
    })
}

fn set(world: &World, id: &str, sku: &str, quantity: u32) {
    at_the_shop(world, "edit_order", id, json!({ "set": [{ "sku": sku, "quantity": quantity }] }));
}

/// Staff adds a mug at its usual price.
fn add_a_mug(world: &World, id: &str) {
    at_the_shop(world, "edit_order", id, json!({ "add": [{ "sku": "MUG-WHT", "quantity": 1, "price": "12.00" }] }));
}

/// Staff adds a cap for nine pounds.
fn add_a_cap(world: &World, id: &str) {
    at_the_shop(world, "edit_order", id, json!({ "add": [{ "sku": "CAP-RED", "quantity": 1, "price": "9.00" }] }));
}

fn pays(world: &World, id: &str) {
    at_the_shop(world, "pay_order", id, json!({}));
}

/// Staff changes the address, a minute after the shop last told us of the order.
fn moves_to(world: &World, id: &str, street: &str, country: &str) {
    world.clock.pass(SignedDuration::from_secs(60));
    let address = json!({
        "first_name": "Ada", "last_name": "Buyer", "address1": street, "city": "Leeds", "zip": "LS1 1AA",
        "country_code": country,
    });
    at_the_shop(world, "change_address", id, json!({ "shipping_address": address }));
}

/// What waits for a word about a change that came too late, by the exception's id.
async fn change_to_decide(world: &mut World) -> String {
    let exceptions = world.exceptions().await;
    let of_change = exceptions.iter().find(|e| e["class"] == "too_late").unwrap();
    of_change["exception_id"].as_str().unwrap().to_owned()
}

/// What the 3PL was asked to send and has not cancelled: reference and units.
fn at_the_warehouse(world: &World) -> Vec<(String, i64)> {
    let documents = world.shipbob.documents();
    let standing = rows(&documents, "orders").filter(|order| text(order, "status") != "Cancelled");
    let units = |order: &Value| rows(order, "products").map(|line| line["quantity"].as_i64().unwrap()).sum::<i64>();
    standing.map(|order| (text(order, "reference_id"), units(order))).collect()
}

/// Goods of one SKU arrive, and whoever waits for them goes on.
async fn arrive(world: &mut World, sku: &str, quantity: u32) {
    let lines = json!([{ "sku": sku, "quantity": quantity }]);
    world.receive_stock(&json!({ "receipt_id": "GR-1", "location": "LON1", "lines": lines })).await;
    world.wait(SignedDuration::from_hours(7)).await;
}

/// Settled, and the buyer has paid what the shop shows the order to cost.
fn assert_kept(world: &World, kept: i64) {
    assert_settled(world);
    let documents = world.shopify.documents();
    let order = rows(&documents, "orders").next().unwrap();
    let money = |field: &str| order[field].as_i64().unwrap();
    assert_eq!((money("received") - money("refunded"), money("outstanding")), (kept, 0));
    assert_eq!(money("current_total"), kept);
}

/// Whether we hear of the order before or after the edit decides which documents there are, and nothing else.
#[test]
fn a_quantity_that_is_lowered_right_after_the_order_was_placed_is_not_sent() {
    let story = async |world: &mut World| {
        let id = place(world, units_of("MUG-WHT", 3));
        set(world, &id, "MUG-WHT", 2);
        by_hand(world, &id, json!({ "amount": "12.00" }));
        goes_its_way(world).await;
    };
    told_and_looked_at(story, |world, how| {
        assert_kept(world, 2 * MUG);
        assert_eq!(
            (paid_back(world, &only_order(world)), stock_moved(world, "MUG-WHT")),
            (vec![MUG], (-2, -2)),
            "{how}"
        );
    });
}

/// Nobody has the socks; without them nothing is missing any more.
#[test]
fn a_backordered_line_that_is_taken_off_lets_the_rest_go() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = waiting(world, socks_and_mugs()).await;
        assert_eq!(attention(world).await, ["allocate:A1 stock"]);
        set(world, &id, "SOCKS-3PK", 0);
        by_hand(world, &id, json!({ "amount": "9.00" }));
        goes_its_way(world).await;
    });
    assert_kept(&world, 2 * MUG);
    assert_eq!(paid_back(&world, &only_order(&world)), [900]);
    assert_eq!((stock_moved(&world, "MUG-WHT"), stock_moved(&world, "SOCKS-3PK")), ((-2, -2), (0, 0)));
}

#[test]
fn a_backordered_line_that_is_exchanged_for_another_of_its_price_moves_no_money() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = waiting(world, units_of("SOCKS-3PK", 1)).await;
        let mug = json!([{ "sku": "MUG-WHT", "quantity": 1, "price": "12.00" }]);
        let none = json!([{ "sku": "SOCKS-3PK", "quantity": 0 }]);
        at_the_shop(world, "edit_order", &id, json!({ "add": mug, "set": none }));
        goes_its_way(world).await;
    });
    assert_kept(&world, MUG);
    assert!(paid_back(&world, &only_order(&world)).is_empty());
    assert_eq!((stock_moved(&world, "MUG-WHT"), stock_moved(&world, "SOCKS-3PK")), ((-1, -1), (0, 0)));
}

/// What is not paid does not leave: the whole order waits for the payment of what was added.
#[test]
fn a_line_that_is_added_to_a_backorder_waits_for_its_payment_and_goes_with_it() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = waiting(world, units_of("SOCKS-3PK", 1)).await;
        add_a_mug(world, &id);
        world.settle().await;
        assert!(attention(world).await.contains(&"hold:unpaid unpaid".to_owned()));
        pays(world, &id);
        world.settle().await;
        assert_eq!(attention(world).await, ["allocate:A1 stock"]);
        arrive(world, "SOCKS-3PK", 1).await;
        assert_eq!(at_the_warehouse(world), [(format!("UK-{id}-F1"), 2)]);
        goes_its_way(world).await;
    });
    assert_kept(&world, 2 * MUG);
}

#[test]
fn a_line_that_is_added_and_taken_off_again_unpaid_leaves_the_order_as_it_was() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = waiting(world, units_of("SOCKS-3PK", 1)).await;
        add_a_mug(world, &id);
        world.settle().await;
        set(world, &id, "MUG-WHT", 0);
        world.settle().await;
        assert_eq!(attention(world).await, ["allocate:A1 stock"]);
        arrive(world, "SOCKS-3PK", 1).await;
        goes_its_way(world).await;
    });
    assert_kept(&world, MUG);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (0, 0));
}

#[test]
fn a_quantity_that_is_raised_before_the_order_is_paid_is_paid_and_sent() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = waiting(world, but(one_mug(), json!({ "financial_status": "pending" }))).await;
        set(world, &id, "MUG-WHT", 2);
        world.settle().await;
        assert_eq!(attention(world).await, ["hold:unpaid unpaid"]);
        pays(world, &id);
        goes_its_way(world).await;
    });
    assert_kept(&world, 2 * MUG);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (-2, -2));
}

#[test]
fn an_unpaid_order_that_is_made_cheaper_costs_what_is_left_of_it() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = waiting(world, but(two_lines(), json!({ "financial_status": "pending" }))).await;
        set(world, &id, "MUG-WHT", 1);
        world.settle().await;
        pays(world, &id);
        goes_its_way(world).await;
    });
    assert_kept(&world, 2499 + MUG + 495);
    assert!(paid_back(&world, &only_order(&world)).is_empty());
}

/// The shop keeps the difference for now: finance is told until it is paid back.
#[test]
fn what_an_edit_makes_cheaper_and_the_shop_keeps_is_told_until_it_is_paid_back() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = waiting(world, units_of("MUG-WHT", 2)).await;
        set(world, &id, "MUG-WHT", 1);
        goes_its_way(world).await;
        assert_eq!(attention(world).await, ["books value"]);
        by_hand(world, &id, json!({ "amount": "12.00" }));
        world.settle().await;
    });
    assert_kept(&world, MUG);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (-1, -1));
}

#[test]
fn a_quantity_that_is_lowered_at_the_3pl_is_stopped_and_the_rest_sent_anew() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = waiting(world, units_of("MUG-WHT", 3)).await;
        set(world, &id, "MUG-WHT", 1);
        by_hand(world, &id, json!({ "amount": "24.00" }));
        world.settle().await;
        assert_eq!(at_the_warehouse(world), [(format!("UK-{id}-F2"), 1)]);
        goes_its_way(world).await;
    });
    assert_kept(&world, MUG);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (-1, -1));
}

/// The warehouse has it in hand: it leaves, and what the shop took off comes back.
#[test]
fn a_line_that_is_taken_off_after_it_was_picked_leaves_and_comes_back() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = waiting(world, units_of("MUG-WHT", 2)).await;
        world.shipbob.act(json!({ "pick": { "reference_id": format!("UK-{id}-F1") } })).unwrap();
        set(world, &id, "MUG-WHT", 1);
        by_hand(world, &id, json!({ "amount": "12.00" }));
        goes_its_way(world).await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
    });
    assert_settled(&world);
    assert_eq!((paid_back(&world, &only_order(&world)), stock_moved(&world, "MUG-WHT")), (vec![MUG], (-1, -1)));
}

/// A second parcel is somebody's decision, and no unpaid one leaves.
#[test]
fn a_line_that_is_added_while_the_3pl_has_the_order_follows_once_it_is_paid_and_agreed() {
    let story = async |world: &mut World| {
        let id = waiting(world, one_mug()).await;
        add_a_mug(world, &id);
        world.settle().await;
        let change = change_to_decide(world).await;
        assert_eq!(world.retry(&change).await.status, 409, "it is not paid");
        pays(world, &id);
        world.settle().await;
        world.retry(&change).await;
        world.settle().await;
        assert_eq!(at_the_warehouse(world), [(format!("UK-{id}-F1"), 1), (format!("UK-{id}-F2"), 1)]);
        goes_its_way(world).await;
    };
    // Which of two parcels is heard of first decides their numbers.
    told_and_looked_at(story, |world, how| {
        assert_kept(world, 2 * MUG);
        assert_eq!(stock_moved(world, "MUG-WHT"), (-2, -2), "{how}");
    });
}

#[test]
fn a_line_that_is_added_after_the_order_has_left_is_sent_after_it() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        add_a_mug(world, &id);
        pays(world, &id);
        world.settle().await;
        let change = change_to_decide(world).await;
        world.retry(&change).await;
        goes_its_way(world).await;
    });
    assert_kept(&world, 2 * MUG);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (-2, -2));
}

/// Declined here, the shop takes it off again and pays back what it had taken for it.
#[test]
fn a_line_that_is_added_too_late_and_declined_is_not_sent() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = waiting(world, one_mug()).await;
        add_a_cap(world, &id);
        pays(world, &id);
        world.settle().await;
        let change = change_to_decide(world).await;
        world.decline(&change).await;
        world.settle().await;
        set(world, &id, "CAP-RED", 0);
        by_hand(world, &id, json!({ "amount": "9.00" }));
        goes_its_way(world).await;
    });
    assert_kept(&world, MUG);
    assert_eq!(stock_moved(&world, "CAP-RED"), (0, 0));
}

#[test]
fn a_line_that_is_added_too_late_and_taken_off_again_needs_nobody() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = waiting(world, one_mug()).await;
        add_a_cap(world, &id);
        world.settle().await;
        assert_eq!(attention(world).await.len(), 1);
        set(world, &id, "CAP-RED", 0);
        goes_its_way(world).await;
    });
    assert_kept(&world, MUG);
    assert_eq!(stock_moved(&world, "CAP-RED"), (0, 0));
}

/// Of three mugs one has left, and of the others one is taken off.
#[test]
fn a_quantity_that_is_lowered_after_a_part_has_left_stops_the_rest() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = waiting(world, units_of("MUG-WHT", 3)).await;
        ship_part(world, &format!("UK-{id}-F1"), json!([{ "sku": "MUG-WHT", "quantity": 1 }]));
        world.settle().await;
        set(world, &id, "MUG-WHT", 2);
        by_hand(world, &id, json!({ "amount": "12.00" }));
        goes_its_way(world).await;
    });
    assert_kept(&world, 2 * MUG);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (-2, -2));
}

/// Two people, each with a unit of their own: both units stay, and each side pays back its own.
#[test]
fn an_edit_and_a_cancellation_of_ours_at_once_are_two_units() {
    let story = async |world: &mut World| {
        let id = waiting(world, units_of("MUG-WHT", 3)).await;
        let one =
            json!({ "reason": "customer", "lines": [{ "line_id": line_of(world, &id, "MUG-WHT"), "quantity": 1 }] });
        ask(world, &id, ("cancellation", "cancel-1"), &one).await;
        set(world, &id, "MUG-WHT", 2);
        by_hand(world, &id, json!({ "amount": "12.00" }));
        world.settle().await;
        goes_its_way(world).await;
    };
    told_and_looked_at(story, |world, how| {
        assert_settled(world);
        let paid: i64 = paid_back(world, &only_order(world)).iter().sum();
        assert_eq!((paid, stock_moved(world, "MUG-WHT")), (2 * MUG, (-1, -1)), "{how}");
    });
}

/// What the shop said of an edit is lost on its way, and comes, twice, when the order has left whole.
#[test]
fn an_edit_that_is_heard_of_after_the_order_has_left_comes_back() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = waiting(world, units_of("MUG-WHT", 2)).await;
        set(world, &id, "MUG-WHT", 1);
        by_hand(world, &id, json!({ "amount": "12.00" }));
        let late = world.shopify.take_deliveries();
        goes_its_way(world).await;
        for delivery in late.iter().rev().chain(&late) {
            shop_delivers(world, &delivery.topic, &delivery.body).await;
        }
        world.settle().await;
        // The shop would not take our word for a unit that it did not know of any more.
        retry_everything(world).await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
    });
    assert_settled(&world);
    assert_eq!((paid_back(&world, &only_order(&world)), stock_moved(&world, "MUG-WHT")), (vec![MUG], (-1, -1)));
}

/// The first that we hear of it is its newest version: what the ledger tells of the edit is in it already.
#[test]
fn an_order_that_is_first_heard_of_after_an_edit_is_sent_as_it_is() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = place(world, units_of("MUG-WHT", 2));
        drop(world.shopify.take_deliveries());
        set(world, &id, "MUG-WHT", 1);
        at_the_shop(
            world,
            "edit_order",
            &id,
            json!({ "add": [{ "sku": "CAP-RED", "quantity": 1, "price": "12.00" }] }),
        );
        goes_its_way(world).await;
    });
    assert_kept(&world, 2 * MUG);
    assert_eq!((stock_moved(&world, "MUG-WHT"), stock_moved(&world, "CAP-RED")), ((-1, -1), (-1, -1)));
}

/// A line is closed for nothing: it was a gift, or is paid back in the shop's till.
#[test]
fn a_line_that_is_refunded_for_nothing_is_not_sent() {
    let world = told_in_every_way(async |world: &mut World| {
        let gift = json!({ "sku": "MUG-WHT", "quantity": 1, "price": "0.00" });
        let tee = json!({ "sku": "TEE-BLK-M", "quantity": 1, "price": "24.99" });
        let id = waiting(world, but(two_lines(), json!({ "lines": [tee, gift] }))).await;
        let mug = json!([{ "sku": "MUG-WHT", "quantity": 1, "restock_type": "cancel" }]);
        by_hand(world, &id, json!({ "lines": mug }));
        goes_its_way(world).await;
    });
    assert_kept(&world, 2499 + 495);
    assert_eq!((stock_moved(&world, "MUG-WHT"), stock_moved(&world, "TEE-BLK-M")), ((0, 0), (-1, -1)));
}

/// Where the 3PL sends what it has not cancelled.
fn streets(world: &World) -> Vec<String> {
    let documents = world.shipbob.documents();
    rows(&documents, "orders").map(|order| text(&order["recipient"]["address"], "address1")).collect()
}

#[test]
fn an_address_that_is_changed_before_the_order_is_sent_is_where_it_goes() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = waiting(world, units_of("SOCKS-3PK", 1)).await;
        moves_to(world, &id, "2 Low Street", "GB");
        world.settle().await;
        arrive(world, "SOCKS-3PK", 1).await;
        goes_its_way(world).await;
    });
    assert_kept(&world, MUG);
    assert_eq!(streets(&world), ["2 Low Street"]);
}

/// The 3PL has the old address: somebody has it changed there, and says so; or says that it stays.
#[test]
fn an_address_that_is_changed_while_the_3pl_has_the_order_waits_for_a_word() {
    for confirmed in [true, false] {
        let world = told_in_every_way(async |world: &mut World| {
            let id = waiting(world, one_mug()).await;
            moves_to(world, &id, "2 Low Street", "GB");
            world.settle().await;
            let change = change_to_decide(world).await;
            assert!(change.contains("~change:address:"), "{change}");
            if confirmed {
                world.retry(&change).await;
            } else {
                world.decline(&change).await;
            }
            goes_its_way(world).await;
        });
        assert_kept(&world, MUG);
        assert_eq!(streets(&world), ["1 Example Street"]);
    }
}

#[test]
fn an_address_that_was_missing_lets_the_order_go_when_it_is_given() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = waiting(world, but(one_mug(), json!({ "shipping_address": null }))).await;
        assert_eq!(attention(world).await, ["hold:address address"]);
        moves_to(world, &id, "2 Low Street", "GB");
        goes_its_way(world).await;
    });
    assert_kept(&world, MUG);
    assert_eq!(streets(&world), ["2 Low Street"]);
}

/// Stock was promised for the old country: the order is held, and may be cancelled there.
#[test]
fn another_country_after_the_order_is_at_the_3pl_holds_it() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = waiting(world, one_mug()).await;
        moves_to(world, &id, "2 Rue Basse", "FR");
        world.settle().await;
        let all = attention(world).await;
        assert!(all.contains(&"hold:changed_at_storefront changed_at_storefront".to_owned()), "{all:?}");
        at_the_shop(world, "cancel_order", &id, json!({ "refund": "full" }));
        world.settle().await;
        let open: Vec<Value> = world.exceptions().await;
        for exception in open {
            world.decline(exception["exception_id"].as_str().unwrap()).await;
        }
        ship_all(world);
        world.settle().await;
    });
    assert_settled(&world);
    assert_eq!((world.orders()[0].status(), stock_moved(&world, "MUG-WHT")), (Status::Cancelled, (0, 0)));
}

/// What is on the way of one order at each moment, from its first to its last: the story is told with so many things done.
async fn after_moves(world: &mut World, moves: usize) -> String {
    let id = place(world, units_of("MUG-WHT", 3));
    world.moves(moves).await;
    if moves > SHIPPED_AFTER {
        ship_all(world);
        world.moves(moves - SHIPPED_AFTER).await;
    }
    id
}

/// From here on the parcel leaves as well.
const SHIPPED_AFTER: usize = 20;

/// Taken off in time, or sent all the same and come back: either way two mugs are kept and paid.
#[test]
fn a_quantity_may_be_lowered_at_every_moment() {
    let mut outcomes = [0, 0];
    for moves in 0..30 {
        let mut world = World::new(WorldOptions { style: Style::Calm, ..WorldOptions::default() });
        let sent = run(async {
            let id = after_moves(&mut world, moves).await;
            if moves > SHIPPED_AFTER && is_told(&world) {
                return false;
            }
            set(&world, &id, "MUG-WHT", 2);
            by_hand(&world, &id, json!({ "amount": "12.00" }));
            goes_its_way(&mut world).await;
            let comes_back = !world.orders()[0].reversals.returns.is_empty();
            if comes_back {
                found(&mut world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
            }
            outcomes[usize::from(comes_back)] += 1;
            true
        });
        if sent {
            assert_settled(&world);
            assert_eq!((paid_back(&world, &only_order(&world)), stock_moved(&world, "MUG-WHT")), (vec![MUG], (-2, -2)));
        }
    }
    assert!(outcomes.iter().all(|times| *times > 0), "in time and too late: {outcomes:?}");
}

/// Whether the shop knows that all has left: it lets nobody take off what has.
fn is_told(world: &World) -> bool {
    let documents = world.shopify.documents();
    rows(&documents, "orders").any(|order| text(order, "fulfillment_status").eq_ignore_ascii_case("fulfilled"))
}

/// With the rest, or after somebody's word as a parcel of its own: four mugs are sent and paid.
#[test]
fn a_line_may_be_added_at_every_moment() {
    for moves in 0..30 {
        let mut world = World::new(WorldOptions { style: Style::Calm, ..WorldOptions::default() });
        run(async {
            let id = after_moves(&mut world, moves).await;
            add_a_mug(&world, &id);
            pays(&world, &id);
            goes_its_way(&mut world).await;
            retry_everything(&mut world).await;
            goes_its_way(&mut world).await;
        });
        assert_settled(&world);
        assert_eq!(
            (paid_back(&world, &only_order(&world)), stock_moved(&world, "MUG-WHT")),
            (vec![], (-4, -4)),
            "{moves}"
        );
    }
}

/// Staff pays a mug back as not sent, whatever has become of it by then.
#[test]
fn a_unit_may_be_refunded_as_not_sent_at_every_moment() {
    for moves in 0..30 {
        let mut world = World::new(WorldOptions { style: Style::Calm, ..WorldOptions::default() });
        run(async {
            let id = after_moves(&mut world, moves).await;
            if is_told(&world) {
                return;
            }
            by_hand(&world, &id, json!({ "lines": [{ "sku": "MUG-WHT", "quantity": 1, "restock_type": "cancel" }] }));
            goes_its_way(&mut world).await;
            if !world.orders()[0].reversals.returns.is_empty() {
                found(&mut world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
            }
            assert_settled(&world);
            assert_eq!((paid_back(&world, &id), stock_moved(&world, "MUG-WHT")), (vec![MUG], (-2, -2)), "{moves}");
        });
    }
}
