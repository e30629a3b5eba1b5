//! What would happen, told before it does.

use crossdock_domain::cancel::{CancelCommand, cancel};
use crossdock_domain::event::Resolution;
use crossdock_domain::foresee::Foreseen;
use crossdock_domain::returns::{ReturnCommand, request_return};
use crossdock_domain::{Event, Order};

use crate::samples::{
    accepted, all_done, allocated, at, given, gone, minor, ordinary, settled, shipped, whole, with_3pl,
};

/// Task, reference and amount of every call, and whether it waits for something.
fn shown(foreseen: &Foreseen) -> Vec<(String, String, Option<i64>, bool)> {
    let effects = foreseen.effects.iter();
    let of = |effect: &crossdock_domain::foresee::Effect| {
        let amount = effect.amount_minor.map(crossdock_domain::Minor::get);
        (effect.task.clone(), effect.reference.clone(), amount, effect.when.is_some())
    };
    effects.map(of).collect()
}

fn row(task: &str, reference: &str, amount: Option<i64>, waits: bool) -> (String, String, Option<i64>, bool) {
    (task.into(), reference.into(), amount, waits)
}

fn cancelling(order: &Order) -> Foreseen {
    let command = CancelCommand { lines: Vec::new(), reason: "customer".into(), request_hash: "ab".into() };
    order.foresee(&cancel(order, &command).unwrap().events, at(9000))
}

#[test]
fn the_cancellation_of_a_paid_order_that_the_3pl_has() {
    let order = all_done(&given(with_3pl()));
    let before = order.clone();
    let foreseen = cancelling(&order);
    let total = ordinary().total.get();
    assert_eq!(
        shown(&foreseen),
        [
            row("cancel_fulfillment:F1", "UK-5001-F1", None, false),
            row("issue_refund:R1", "UK-5001-R1", Some(total), false),
            row("cancel_at_storefront:X1", "5001", None, false),
            row("amend_sales_order:AM1", "UK-5001-SO", None, false),
            row("post_customer_refund:CR101", "UK-5001-CR101", Some(total), false),
        ]
    );
    assert_eq!(foreseen.refunded_minor, minor(total));
    let systems: Vec<&str> = foreseen.effects.iter().map(|effect| effect.system.as_str()).collect();
    assert_eq!(systems, ["shipbob", "shopify-uk", "shopify-uk", "netsuite", "netsuite"]);
    assert_eq!(foreseen.facts.len(), 1, "the refund follows the 3PL's answer");
    assert_eq!(order, before, "and nothing has happened");
}

#[test]
fn the_cancellation_of_an_order_that_nobody_has_yet() {
    let foreseen = cancelling(&given([accepted(ordinary())]));
    let types: Vec<&str> = foreseen.facts.iter().map(Event::type_name).collect();
    assert_eq!(types, ["OrderCancelled.v1", "RefundDecided.v1"]);
    assert!(!shown(&foreseen).iter().any(|(task, ..)| task.contains("fulfillment")), "there is nothing to stop");
}

#[test]
fn the_cancellation_of_what_is_left_after_a_parcel() {
    let order = all_done(&settled([with_3pl(), vec![shipped(1, 1, &[(0, 1)])]].concat()));
    assert_eq!(
        shown(&cancelling(&order)),
        [
            row("cancel_fulfillment:F1", "UK-5001-F1", None, false),
            row("issue_refund:R1", "UK-5001-R1", Some(1110 + 600), false),
            row("amend_sales_order:AM1", "UK-5001-SO", None, false),
            row("post_customer_refund:CR101", "UK-5001-CR101", Some(1710), false),
        ]
    );
}

/// The 3PL stops an order whole; what is still wanted of it is sent anew, where its stock was just freed.
#[test]
fn the_cancellation_of_a_part_of_what_the_3pl_has() {
    let order = all_done(&given(with_3pl()));
    let command =
        CancelCommand { lines: vec![("L-TEE".into(), 1)], reason: "customer".into(), request_hash: "ab".into() };
    assert_eq!(
        shown(&order.foresee(&cancel(&order, &command).unwrap().events, at(9000))),
        [
            row("cancel_fulfillment:F1", "UK-5001-F1", None, false),
            row("request_fulfillment:F2", "UK-5001-F2", None, false),
            row("issue_refund:R1", "UK-5001-R1", Some(1110), false),
            row("amend_sales_order:AM1", "UK-5001-SO", None, false),
            row("post_customer_refund:CR101", "UK-5001-CR101", Some(1110), false),
        ]
    );
}

#[test]
fn a_return_within_the_window() {
    let order = all_done(&settled(gone()));
    let command = ReturnCommand {
        lines: vec![("L-TEE".into(), 1, "unwanted".into())],
        resolution: Resolution::Refund,
        request_hash: "ab".into(),
        at: at(7200),
    };
    let foreseen = order.foresee(&request_return(&order, &command).unwrap().events, at(9000));
    assert_eq!(
        shown(&foreseen),
        [
            row("announce_return:RMA1", "UK-5001-RMA1", None, false),
            row("post_return_authorization:RA1", "UK-5001-RA1", None, false),
            row("issue_refund:R1", "UK-5001-R1", Some(1110), true),
            row("post_item_receipt:IR1", "UK-5001-IR1", None, true),
            row("post_credit_memo:CM1", "UK-5001-CM1", Some(1110), true),
            row("post_customer_refund:CR101", "UK-5001-CR101", Some(1110), true),
        ]
    );
    assert_eq!(foreseen.refunded_minor, minor(1110));
}

#[test]
fn what_is_sent_again_is_promised_first() {
    let order = all_done(&settled(gone()));
    let command = ReturnCommand {
        lines: vec![("L-TEE".into(), 1, "lost".into())],
        resolution: Resolution::Reship,
        request_hash: "ab".into(),
        at: at(7200),
    };
    let foreseen = order.foresee(&request_return(&order, &command).unwrap().events, at(9000));
    assert_eq!(
        shown(&foreseen),
        [
            row("amend_sales_order:AM1", "UK-5001-SO", None, false),
            row("request_fulfillment:F2", "UK-5001-F2", None, true),
        ]
    );
}

#[test]
fn where_nothing_is_decided_what_is_owed_is_foreseen() {
    let facts = [accepted(ordinary()), allocated(1, "LON1", &whole())];
    let tasks: Vec<String> = given(facts).foresee(&[], at(9000)).effects.into_iter().map(|of| of.task).collect();
    assert_eq!(tasks, ["request_fulfillment:F1", "post_sales_order:SO", "post_deposit:DEP1"]);
}
