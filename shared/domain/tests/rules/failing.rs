//! Payments back that fail: tried again, or made good another way, and never paid twice.

use crossdock_domain::event::Refund;
use crossdock_domain::returns::resolve;
use crossdock_domain::sales::{RefundStatus, SalesReport, ToldRefund, record_sales};
use crossdock_domain::{Event, Minor, Order};

use crate::samples::{
    accepted, after, at, cancelled, gone, issued, lost, minor, needs, ordinary, refund_totals, settled,
};

/// A tee was cancelled, and its payment back has failed.
fn failed() -> Order {
    let order = settled([accepted(ordinary()), cancelled(1, &[(0, 1)])]);
    after(&order, Event::RefundIssued { number: 1, issued: issued("9", &[1110], RefundStatus::Failed) })
}

fn told(id: &str, amount: i64, status: RefundStatus) -> ToldRefund {
    let issued = issued(id, &[amount], status);
    ToldRefund {
        id: issued.id,
        at: issued.at,
        reference: None,
        return_id: None,
        lines: Vec::new(),
        shipping: Minor::ZERO,
        shipping_taxes: Vec::new(),
        adjustment: minor(amount),
        tenders: issued.tenders,
    }
}

fn ledger(refunds: Vec<ToldRefund>) -> SalesReport {
    SalesReport {
        version: at(100),
        cancelled: None,
        current: Vec::new(),
        unfulfilled: Vec::new(),
        payments: Vec::new(),
        edits: Vec::new(),
        refunds,
        returns: Vec::new(),
    }
}

fn to_issue(order: &Order) -> Vec<u32> {
    order.refunds_to_issue().map(|refund| refund.number).collect()
}

#[test]
fn a_failed_refund_is_decided_anew_once_when_somebody_says_so() {
    let order = failed();
    assert_eq!((refund_totals(&order), to_issue(&order)), (vec![1110], vec![]), "not by itself");
    let retried = after(&order, resolve(&order, "refund:R1"));
    assert_eq!((refund_totals(&retried), to_issue(&retried), needs(&retried)), (vec![1110, 1110], vec![2], vec![]));
    assert_eq!(resolve(&retried, "refund:R1").events, [], "said once");
    let paid =
        after(&retried, Event::RefundIssued { number: 2, issued: issued("10", &[1110], RefundStatus::Succeeded) });
    assert_eq!((paid.refunded().unwrap(), to_issue(&paid), needs(&paid)), (minor(1110), vec![], vec![]));
    assert_eq!(resolve(&paid, "refund:R2").events, [], "what has gone is not tried again");
}

/// The storefront keeps the tee as refunded: named once more it would be refused.
#[test]
fn what_a_failed_refund_has_named_is_paid_by_amount() {
    let order = failed();
    let mut order = after(&order, resolve(&order, "refund:R1"));
    let named = |order: &Order, number: u32| {
        let refund = &order.reversals.refunds.get(&number).unwrap().fact;
        refund.lines.iter().map(|line| order.named_at_storefront(refund, line)).collect::<Vec<_>>()
    };
    assert_eq!((named(&order, 1), named(&order, 2)), (vec![1], vec![0]));
    for (number, status) in [(2, RefundStatus::Failed), (3, RefundStatus::Succeeded)] {
        let issued = issued(&format!("1{number}"), &[1110], status);
        order = after(&order, Event::RefundIssued { number, issued });
        order = after(&order, resolve(&order, &format!("refund:R{number}")));
        assert_eq!(named(&order, 3), [0], "however often it fails");
    }
    let order = after(&order, cancelled(2, &[(0, 1)]));
    assert_eq!(named(&order, 4), [1], "the other tee is there yet");
}

/// Staff has paid back a tee as not sent, and it left all the same: the line has one unit less there than we know of.
#[test]
fn of_units_that_others_have_refunded_on_the_line_only_the_money_is_asked_for() {
    let order = settled(crate::samples::gone());
    let by_hand = serde_json::json!({ "number": 7, "origin": "storefront", "total": 2220, "lines": [
        { "line": 0, "quantity": 2, "goods": "kept", "net": 2220 }] });
    let refund = serde_json::from_value::<Refund>(by_hand).unwrap();
    let order = after(&order, Event::RefundRecorded { refund, issued: issued("H1", &[2220], RefundStatus::Succeeded) });
    let ours = serde_json::json!({ "number": 8, "origin": "return", "return": 1, "total": 1110, "lines": [
        { "line": 0, "quantity": 1, "goods": "kept", "net": 1110 }] });
    let ours = serde_json::from_value::<Refund>(ours).unwrap();
    assert_eq!(order.named_at_storefront(&ours, &ours.lines[0]), 0);
}

#[test]
fn a_second_failure_waits_for_somebody_like_the_first() {
    let order = failed();
    let order = after(&order, resolve(&order, "refund:R1"));
    let order = after(&order, Event::RefundIssued { number: 2, issued: issued("10", &[1110], RefundStatus::Failed) });
    assert_eq!((needs(&order), to_issue(&order)), (vec![("refund:R2".into(), "refused".into())], vec![]));
    let order = after(&order, resolve(&order, "refund:R2"));
    assert_eq!((to_issue(&order), order.refunded().unwrap()), (vec![3], minor(1110)));
}

#[test]
fn a_failed_refund_is_made_good_by_the_same_amount_by_hand() {
    let both = ledger(vec![told("9", 1110, RefundStatus::Failed), told("11", 1110, RefundStatus::Succeeded)]);
    let decision = record_sales(&failed(), &both, 1);
    let made_good = Event::RefundIssued { number: 1, issued: issued("11", &[1110], RefundStatus::Succeeded) };
    assert_eq!(decision.events, [made_good, Event::SalesRead { changes: 1 }]);
    let order = after(&failed(), decision);
    assert_eq!((refund_totals(&order), order.refunded().unwrap(), needs(&order)), (vec![1110], minor(1110), vec![]));
    assert_eq!(resolve(&order, "refund:R1").events, []);
    assert_eq!(record_sales(&order, &both, 2).events, [Event::SalesRead { changes: 2 }], "told again");
}

#[test]
fn another_amount_by_hand_makes_nothing_good() {
    let order = failed();
    for (amount, status) in [(1109, RefundStatus::Succeeded), (1110, RefundStatus::Failed)] {
        let report = ledger(vec![told("11", amount, status)]);
        let order = after(&order, record_sales(&order, &report, 1));
        assert!(order.failed_refunds().any(|refund| refund.number == 1), "{amount} {status:?}");
        assert_eq!(order.reversals.refunds.len(), 2);
    }
}

#[test]
fn what_somebody_paid_by_hand_and_failed_is_not_paid_by_us() {
    let order = settled([accepted(ordinary())]);
    let order = after(&order, record_sales(&order, &ledger(vec![told("9", 300, RefundStatus::Failed)]), 1));
    assert_eq!(needs(&order), [("refund:R1".into(), "refused".into())]);
    assert_eq!((resolve(&order, "refund:R1").events, to_issue(&order)), (vec![], vec![]));
    let report = ledger(vec![told("10", 300, RefundStatus::Succeeded)]);
    let order = after(&order, record_sales(&order, &report, 2));
    assert_eq!((refund_totals(&order), order.refunded().unwrap()), (vec![300], minor(300)), "but by whoever began it");
}

/// A lost tee is worth 1110. The storefront has kept 800 of it for an exchange, and the payment of the rest has failed.
fn failed_beside_an_exchange() -> Order {
    let order = settled(gone().into_iter().chain(lost(1, &[(0, 1)])));
    after(&order, Event::RefundIssued { number: 1, issued: issued("9", &[310], RefundStatus::Failed) })
}

fn to_pay_out(order: &Order, number: u32) -> i64 {
    order.to_pay_out(&order.reversals.refunds.get(&number).unwrap().fact).get()
}

#[test]
fn what_was_kept_for_an_exchange_is_not_paid_when_the_rest_is_tried_again() {
    let mut order = failed_beside_an_exchange();
    assert_eq!(
        (refund_totals(&order), to_pay_out(&order, 1)),
        (vec![1110], 1110),
        "the storefront keeps its price of it"
    );
    for number in 2..4 {
        order = after(&order, resolve(&order, &format!("refund:R{}", number - 1)));
        assert_eq!((refund_totals(&order).last(), to_pay_out(&order, number)), (Some(&1110), 310));
        let issued = issued(&format!("1{number}"), &[310], RefundStatus::Failed);
        order = after(&order, Event::RefundIssued { number, issued });
    }
    assert_eq!(to_pay_out(&failed_again_in_full(), 2), 1110, "all of it had failed");
}

fn failed_again_in_full() -> Order {
    let order = settled(gone().into_iter().chain(lost(1, &[(0, 1)])));
    let order = after(&order, Event::RefundIssued { number: 1, issued: issued("9", &[1110], RefundStatus::Failed) });
    after(&order, resolve(&order, "refund:R1"))
}

#[test]
fn a_failed_rest_beside_an_exchange_is_made_good_by_the_rest() {
    let order = failed_beside_an_exchange();
    let report = ledger(vec![told("9", 310, RefundStatus::Failed), told("11", 310, RefundStatus::Succeeded)]);
    let order = after(&order, record_sales(&order, &report, 1));
    assert_eq!((order.reversals.refunds.len(), order.refunded().unwrap(), needs(&order)), (1, minor(310), vec![]));
}
