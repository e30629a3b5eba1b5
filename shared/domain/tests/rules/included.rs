//! Orders of which we first hear after they were edited: what the ledger tells of those edits is in them already.

use crossdock_domain::accept::storefront_order;
use crossdock_domain::sales::{Restock, SalesReport, ToldEdit, ToldRefund, ToldRefundLine, record_sales};
use crossdock_domain::{CanonicalOrder, Event, Line, Minor, Order};

use crate::samples::{accepted, at, given, in_shop, inbound, line, minor, order_id, paid, unpaid};

/// Two tees and a mug now, of three tees; the mug was added.
fn edited() -> SalesReport {
    let edit = |id: &str, added: Vec<Line>, removed: Vec<(String, u32)>| ToldEdit {
        id: id.into(),
        at: at(5),
        added,
        removed,
        other: Vec::new(),
    };
    SalesReport {
        version: at(100),
        cancelled: None,
        current: vec![("L-TEE".into(), 2), ("L-MUG".into(), 1)],
        unfulfilled: Vec::new(),
        payments: Vec::new(),
        edits: vec![
            edit("E1", Vec::new(), vec![("L-TEE".into(), 1)]),
            edit("E2", vec![line("MUG", 1, 500)], Vec::new()),
        ],
        refunds: Vec::new(),
        returns: Vec::new(),
    }
}

fn told(lines: Vec<Line>) -> Order {
    given([accepted(paid(unpaid(lines, Vec::new())))])
}

/// Tees and mugs that are wanted after the ledger was read, and how many edits it brought.
fn read(order: &Order) -> (u32, u32, usize) {
    let events = record_sales(order, &edited(), 1).events;
    let mut after = order.clone();
    events.iter().for_each(|event| after.evolve(event, at(100)));
    let of = |name: &str| {
        let lines = after.goods().filter(|(_, line)| line.id == name);
        lines.map(|(index, _)| after.wanted(index)).sum()
    };
    let edits = events.iter().filter(|event| matches!(event, Event::OrderEdited(_))).count();
    (of("L-TEE"), of("L-MUG"), edits)
}

#[test]
fn edits_after_the_version_that_was_accepted_are_new() {
    assert_eq!(read(&told(vec![line("TEE", 3, 1000)])), (2, 1, 2));
}

#[test]
fn edits_before_the_version_that_was_accepted_are_in_it() {
    assert_eq!(read(&told(vec![line("TEE", 2, 1000), line("MUG", 1, 500)])), (2, 1, 0));
}

#[test]
fn of_edits_on_both_sides_of_the_accepted_version_only_the_later_are_new() {
    assert_eq!(read(&told(vec![line("TEE", 2, 1000)])), (2, 1, 1));
}

/// An order that was refunded since is told as it was placed, with the lines that were added.
#[test]
fn an_order_that_is_told_as_it_was_placed_has_what_was_added() {
    assert_eq!(read(&told(vec![line("TEE", 3, 1000), line("MUG", 1, 500)])), (2, 1, 1));
}

#[test]
fn units_that_were_refunded_since_do_not_hide_which_version_it_was() {
    let mut report = edited();
    report.current = vec![("L-TEE".into(), 1), ("L-MUG".into(), 1)];
    let refund = ToldRefund {
        id: "R1".into(),
        at: at(90),
        reference: None,
        return_id: None,
        lines: vec![ToldRefundLine {
            line_id: "L-TEE".into(),
            quantity: 1,
            restock: Restock::Nothing,
            net: Minor::ZERO,
            taxes: Vec::new(),
        }],
        shipping: Minor::ZERO,
        shipping_taxes: Vec::new(),
        adjustment: Minor::ZERO,
        tenders: Vec::new(),
    };
    report.refunds.push(refund);
    let order = told(vec![line("TEE", 2, 1000), line("MUG", 1, 500)]);
    let events = record_sales(&order, &report, 1).events;
    assert!(!events.iter().any(|event| matches!(event, Event::OrderEdited(_))), "{events:?}");
}

/// The order itself tells a sum; which payments it is made of, and when they came, only the ledger knows.
#[test]
fn an_order_that_says_it_was_paid_more_has_its_ledger_read() {
    let mut order = paid(unpaid(vec![line("TEE", 2, 1000)], Vec::new()));
    order.tenders[0].id = order_id().channel.to_string();
    let known = given([accepted(order.clone())]);
    let news = |order: &CanonicalOrder| in_shop(|shop| storefront_order(&known, &inbound(order.clone()), shop)).events;
    assert!(news(&order).is_empty());
    order.tenders[0].amount = minor(2900);
    assert_eq!(news(&order), [Event::StorefrontChanged { what: "paid:2900".into() }]);
}
