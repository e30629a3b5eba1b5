//! Money that arrives: told by the order as one sum, by the storefront's ledger payment by payment, in any order.

use crossdock_domain::accept::{liftable_holds, storefront_order};
use crossdock_domain::event::Edit;
use crossdock_domain::sales::{SalesReport, ToldPayment, record_sales};
use crossdock_domain::{CanonicalOrder, Event, Hold, HoldCode, Line, Order, Status, Tender, TenderStatus};
use proptest::prelude::*;

use crate::samples::{
    accepted, after, at, given, in_shop, inbound, line, minor, order_id, ordinary, recipient, tax, tender,
};

/// The order as its storefront tells it: paid, or to be paid, by one sum under its own name.
fn by_sum(status: TenderStatus) -> CanonicalOrder {
    let total = ordinary().total.get();
    let sum = Tender { status, ..tender(&order_id().channel.to_string(), total) };
    CanonicalOrder { tenders: vec![sum], ..ordinary() }
}

fn told_by_sum(order: &Order) -> Vec<Event> {
    in_shop(|shop| storefront_order(order, &inbound(by_sum(TenderStatus::Captured)), shop)).events
}

/// The order as it came, while its sum was only promised.
fn promised() -> Order {
    let told = inbound(by_sum(TenderStatus::Pending));
    let order = given(in_shop(|shop| storefront_order(&Order::new(order_id()), &told, shop)).events);
    assert_eq!(order.status(), Status::Held);
    order
}

fn payment(id: &str, amount: i64) -> ToldPayment {
    ToldPayment { id: id.into(), gateway: "shopify_payments".into(), amount: minor(amount), at: at(50) }
}

/// Two payments that come to what the order costs, and one besides.
fn payments() -> [ToldPayment; 3] {
    [payment("T1", 1000), payment("T2", ordinary().total.get() - 1000), payment("T3", 500)]
}

fn ledger(payments: &[ToldPayment]) -> SalesReport {
    SalesReport {
        version: at(100),
        cancelled: None,
        current: Vec::new(),
        unfulfilled: Vec::new(),
        payments: payments.to_vec(),
        edits: Vec::new(),
        refunds: Vec::new(),
        returns: Vec::new(),
    }
}

fn told_by_ledger(order: &Order, payments: &[ToldPayment]) -> Vec<Event> {
    let mut events = record_sales(order, &ledger(payments), 1).events;
    assert_eq!(events.pop(), Some(Event::SalesRead { changes: 1 }));
    events
}

fn next(order: &Order, events: Vec<Event>) -> Order {
    events.into_iter().fold(order.clone(), |order, event| after(&order, event))
}

fn captured(number: u32, id: &str, amount: i64) -> Event {
    Event::TenderCaptured { number, tender: Tender { at: at(50), ..tender(id, amount) } }
}

fn released() -> Event {
    Event::OrderReleased { codes: vec![HoldCode::Unpaid] }
}

#[test]
fn single_payments_after_their_sum_are_nothing_new() {
    let order = given([accepted(by_sum(TenderStatus::Captured))]);
    assert_eq!(told_by_ledger(&order, &payments()[..1]), []);
    assert_eq!(told_by_ledger(&order, &payments()[..2]), []);
    assert_eq!(told_by_ledger(&order, &payments()), [captured(2, "T3", 500)], "but what they come to beyond it is");
}

#[test]
fn of_a_payment_only_what_the_sum_does_not_cover_is_new() {
    let order = given([accepted(by_sum(TenderStatus::Captured))]);
    let total = ordinary().total.get();
    assert_eq!(told_by_ledger(&order, &[payment("T1", total + 30)]), [captured(2, "T1", 30)]);
}

#[test]
fn the_sum_after_single_payments_is_what_they_do_not_come_to() {
    let order = next(&promised(), told_by_ledger(&promised(), &payments()[..1]));
    assert_eq!((order.tendered().unwrap(), order.status()), (minor(1000), Status::Held), "a part is paid");
    let rest = ordinary().total.get() - 1000;
    let sum = Event::TenderCaptured { number: 2, tender: tender(&order_id().channel.to_string(), rest) };
    assert_eq!(told_by_sum(&order), [sum, released()]);
}

#[test]
fn the_sum_after_all_single_payments_is_nothing_new() {
    let events = told_by_ledger(&promised(), &payments()[..2]);
    let rest = ordinary().total.get() - 1000;
    assert_eq!(events, [captured(1, "T1", 1000), captured(2, "T2", rest), released()], "the promised one is kept");
    let order = next(&promised(), events);
    assert_eq!(told_by_sum(&order), []);
    assert_eq!(told_by_ledger(&order, &payments()[..2]), [], "nor is what is told again");
}

proptest! {
    #[test]
    fn money_counts_once_in_whatever_order_it_is_told(tellings in prop::collection::vec(0_usize..4, 0..8)) {
        let total = ordinary().total.get();
        let mut order = promised();
        for telling in tellings.into_iter().chain([3]) {
            let events = if telling == 0 { told_by_sum(&order) } else { told_by_ledger(&order, &payments()[..telling]) };
            order = next(&order, events);
            prop_assert!(order.tendered().unwrap() <= minor(total + 500));
        }
        prop_assert_eq!((order.tendered().unwrap(), order.status()), (minor(total + 500), Status::Accepted));
    }
}

#[test]
fn an_addition_that_is_not_paid_keeps_its_hold_until_it_is() {
    let cap = Line { taxes: vec![tax(20)], ..line("CAP", 1, 100) };
    let added = Event::OrderEdited(Edit { id: "E1".into(), lines: vec![cap] });
    let held = Event::OrderHeld { holds: vec![Hold::new(HoldCode::Unpaid, "120 are missing")] };
    let order = given([accepted(ordinary()), added, held]);
    let liftable = |order: &Order| in_shop(|shop| liftable_holds(order, Some(&recipient()), shop));
    assert_eq!(liftable(&order), []);
    let part = after(&order, captured(2, "T2", 119));
    assert_eq!(liftable(&part), [], "all but a penny");
    assert_eq!(liftable(&after(&part, captured(3, "T3", 1))), [HoldCode::Unpaid]);
}
