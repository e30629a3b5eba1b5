//! Money that goes back: to the cent, and never more than there is.

use crossdock_domain::cancel::stop_answered;
use crossdock_domain::event::{CancelledBy, IssuedRefund, Refund};
use crossdock_domain::refund::record_payment;
use crossdock_domain::reversals::{Goods, RefundOrigin};
use crossdock_domain::sales::RefundStatus;
use crossdock_domain::{CanonicalOrder, Event, Minor, Order, Tender, TenderStatus};
use proptest::prelude::*;
use serde_json::json;

use crate::samples::{
    accepted, accepted_alone, accepted_under, after, all_done, allocated, at, cancelled, gone, issued, kinds, lost,
    minor, needs, ordinary, reason_codes, refund_totals, settled, shipped, tender, units, whole, with_3pl,
};
use crate::simulation::any_order;

fn refund(order: &Order, number: u32) -> &Refund {
    &order.reversals.refunds.get(&number).unwrap().fact
}

fn gone_under(policy: serde_json::Value) -> Order {
    settled([accepted_under(ordinary(), policy), allocated(1, "LON1", &whole()), shipped(1, 1, &whole())])
}

fn then(order: &Order, facts: impl IntoIterator<Item = Event>) -> Order {
    facts.into_iter().fold(order.clone(), |order, fact| after(&order, fact))
}

#[test]
fn a_refund_names_what_it_pays_for() {
    let order = then(&settled(gone()), lost(1, &[(0, 1)]));
    let refund = refund(&order, 1);
    assert_eq!((refund.origin, refund.of_return, refund.total), (RefundOrigin::Return, Some(1), minor(1110)));
    let line = &refund.lines[0];
    assert_eq!((line.goods, line.net, line.taxes[0].amount), (Goods::Kept, minor(925), minor(185)));
    assert_eq!(kinds(&order)[1], "issue_refund:R1");
}

#[test]
fn a_fee_is_kept_back_of_the_value_with_tax() {
    let order = gone_under(json!({ "restocking_fees": { "lost": 1250 } }));
    let order = then(&order, lost(1, &[(0, 1), (1, 1)]));
    let refund = refund(&order, 1);
    // 12.5 % of 1110 is 138.75 and of 600 is 75.
    assert_eq!((refund.adjustment, refund.total), (minor(-139 - 75), minor(1110 + 600 - 214)));
    let all = then(&gone_under(json!({ "restocking_fees": { "lost": 20_000 } })), lost(1, &[(1, 1)]));
    assert_eq!(refund_totals(&all), Vec::<i64>::new(), "no more is kept back than there is");
}

#[test]
fn shipping_is_given_back_with_the_last_unit_where_the_terms_say_so() {
    let terms = || gone_under(json!({ "refund_shipping": "when_all_returned" }));
    let order = then(&terms(), lost(1, &[(0, 2)]));
    assert_eq!(refund(&order, 1).shipping, Minor::ZERO);
    let order = then(&order, lost(2, &[(1, 1)]));
    let last = refund(&order, 2);
    assert_eq!((last.shipping, last.shipping_unbilled, last.total), (minor(399), false, minor(600 + 479)));
    assert_eq!(order.left_to_refund(), Minor::ZERO);
    let order = then(&settled(gone()), lost(1, &whole()));
    assert_eq!((refund(&order, 1).shipping, order.left_to_refund()), (Minor::ZERO, minor(479)));
}

#[test]
fn no_more_goes_back_than_is_left() {
    let gift = json!({ "number": 1, "origin": "storefront", "adjustment": 3000, "total": 3000 });
    let given_away = Event::RefundRecorded {
        refund: serde_json::from_value(gift).unwrap(),
        issued: issued("9", &[3000], RefundStatus::Succeeded),
    };
    let order = settled([gone(), vec![given_away]].concat());
    assert_eq!(order.left_to_refund(), minor(299));
    let order = then(&order, lost(2, &[(0, 1)]));
    assert_eq!((refund(&order, 2).total, refund(&order, 2).adjustment), (minor(299), minor(299 - 1110)));
    let order = then(&order, lost(3, &[(0, 1)]));
    assert_eq!((refund_totals(&order), order.left_to_refund()), (vec![3000, 299], Minor::ZERO), "nothing is left");
}

#[test]
fn what_others_have_paid_meanwhile_is_not_paid_twice() {
    let order = settled([accepted(ordinary()), cancelled(1, &[(0, 1)])]);
    assert!(order.is_refund_still_owed(1) && !order.is_refund_still_owed(2));
    let by_hand = |units: u32, number: u32| {
        let line = json!({ "line": 0, "quantity": units, "goods": "cancelled", "net": 1110 });
        let refund = json!({ "number": number, "origin": "storefront", "lines": [line], "total": 1110 });
        Event::RefundRecorded {
            refund: serde_json::from_value(refund).unwrap(),
            issued: issued("9", &[1110], RefundStatus::Succeeded),
        }
    };
    let twice = after(&order, by_hand(1, 2));
    assert!(!twice.is_refund_still_owed(1), "the one unit is paid by hand");
    let withdrawn = after(&twice, Event::RefundWithdrawn { number: 1, reason: "paid".into() });
    assert_eq!((withdrawn.refunds_to_issue().count(), refund_totals(&withdrawn)), (0, vec![1110, 1110]));
    assert_eq!(withdrawn.refunded().unwrap(), minor(1110));
}

#[test]
fn a_refund_that_failed_does_not_count_as_paid_and_somebody_sees_it() {
    let order = settled([accepted(ordinary()), cancelled(1, &[(0, 1)])]);
    let failed = after(&order, Event::RefundIssued { number: 1, issued: issued("9", &[1110], RefundStatus::Failed) });
    assert!(needs(&failed).contains(&("refund:R1".into(), "refused".into())));
    assert!(failed.refunds_to_issue().all(|refund| refund.number != 1), "the same is not tried again");
}

/// The storefront cancels and refunds while the 3PL packs: too late.
fn overtaken() -> Order {
    let by_storefront = json!({ "number": 1, "by": "storefront", "reason": "customer", "lines": units(&whole()) });
    let total = ordinary().total.get();
    let line = |line: u32, quantity: u32, net: i64| json!({ "line": line, "quantity": quantity, "goods": "cancelled", "net": net });
    let refund = json!({ "number": 1, "origin": "storefront", "lines": [line(0, 2, 2220), line(1, 1, 600)],
        "shipping": 479, "shipping_unbilled": true, "total": total });
    let refunded = Event::RefundRecorded {
        refund: serde_json::from_value(refund).unwrap(),
        issued: issued("9", &[total], RefundStatus::Succeeded),
    };
    let cancelled = Event::OrderCancelled(serde_json::from_value(by_storefront).unwrap());
    let order = settled([with_3pl(), vec![cancelled, refunded]].concat());
    after(&order, stop_answered(&order, 1, &[]))
}

#[test]
fn units_that_leave_although_they_were_paid_back_are_credited_without_money() {
    let order = overtaken();
    let credit = refund(&order, 2);
    assert_eq!((credit.origin, credit.total), (RefundOrigin::Overtaken, ordinary().total));
    assert_eq!((order.left_to_refund(), order.refunds_to_issue().count()), (Minor::ZERO, 0));
    let order = all_done(&after(&order, shipped(1, 1, &whole())));
    assert_eq!(order.open_books(), (0, 0, 0), "the invoice is settled by the credit");
    assert_eq!(kinds(&order), ["announce_return:RMA1"], "and the goods are waited for");
}

/// The mug is taken off by an edit, and the shop pays back what it cost; an edit's refund names no units.
fn taken_off_and_paid_back(facts: Vec<Event>) -> Order {
    let edit = json!({ "number": 1, "by": "storefront", "reason": "edit", "lines": units(&[(1, 1)]) });
    let refund = json!({ "number": 1, "origin": "storefront", "overpaid": 600, "total": 600 });
    let refunded = Event::RefundRecorded {
        refund: serde_json::from_value(refund).unwrap(),
        issued: issued("9", &[600], RefundStatus::Succeeded),
    };
    settled([facts, vec![Event::OrderCancelled(serde_json::from_value(edit).unwrap()), refunded]].concat())
}

#[test]
fn units_that_leave_although_an_edit_was_paid_back_are_credited_and_not_paid_again() {
    let order = taken_off_and_paid_back(with_3pl());
    assert_eq!(refund_totals(&order), [600]);
    let order = after(&order, stop_answered(&order, 1, &[]));
    let credit = refund(&order, 2);
    assert_eq!((credit.origin, credit.of_return, credit.total), (RefundOrigin::Overtaken, Some(1), minor(600)));
    let order = all_done(&after(&order, shipped(1, 1, &whole())));
    assert_eq!(order.open_books(), (0, 0, 0), "the invoice is settled by the credit");
    assert_eq!((kinds(&order), refund_totals(&order)), (vec!["announce_return:RMA1".into()], vec![600, 600]));
}

#[test]
fn units_that_are_stopped_in_time_are_not_credited() {
    let order = taken_off_and_paid_back(with_3pl());
    let order = after(&order, stop_answered(&order, 1, &[("TEE".parse().unwrap(), 2), ("MUG".parse().unwrap(), 1)]));
    assert_eq!(refund_totals(&order), [600]);
}

#[test]
fn a_storefront_that_pays_is_not_told_so_by_others() {
    let order = settled([accepted(ordinary()), cancelled(1, &[(0, 1)])]);
    let paid = issued("9", &[1110], RefundStatus::Succeeded);
    assert_eq!(reason_codes(record_payment(&order, Some(1), &paid)), ["storefront"]);
}

#[test]
fn a_shop_tells_of_its_payment_once_and_of_the_right_amount() {
    let order = settled([accepted_alone(ordinary()), cancelled(1, &[(0, 1)])]);
    assert_eq!(needs(&order), [("refund:R1".into(), "to_pay".into())]);
    assert!(!kinds(&order).iter().any(|task| task.starts_with("issue_refund")), "nobody can be asked to");
    let paid = |id: &str, amount: i64| issued(id, &[amount], RefundStatus::Succeeded);
    assert_eq!(reason_codes(record_payment(&order, Some(2), &paid("9", 1110))), ["unknown_refund"]);
    assert_eq!(reason_codes(record_payment(&order, Some(1), &paid("9", 1109))), ["amount"]);
    let order = after(&order, record_payment(&order, Some(1), &paid("9", 1110)).unwrap());
    assert_eq!((needs(&order), order.refunded().unwrap()), (vec![], minor(1110)));
    assert_eq!(reason_codes(record_payment(&order, Some(1), &paid("9", 1110))), ["known"]);
    assert_eq!(reason_codes(record_payment(&order, Some(1), &paid("10", 1110))), ["known"]);
    assert_eq!(reason_codes(record_payment(&order, None, &paid("9", 5))), ["known"]);
}

#[test]
fn a_payment_that_was_under_way_is_told_again_once_it_has_gone() {
    let order = settled([accepted_alone(ordinary()), cancelled(1, &[(0, 1)])]);
    let told = |status| issued("9", &[1110], status);
    let order = after(&order, record_payment(&order, Some(1), &told(RefundStatus::Pending)).unwrap());
    let order = after(&order, record_payment(&order, Some(1), &told(RefundStatus::Succeeded)).unwrap());
    assert_eq!(reason_codes(record_payment(&order, Some(1), &told(RefundStatus::Succeeded))), ["known"]);
}

#[test]
fn a_shop_that_pays_of_its_own_accord_is_believed() {
    let order = settled([accepted_alone(ordinary())]);
    let gift = IssuedRefund { at: at(5), ..issued("9", &[100, 50], RefundStatus::Succeeded) };
    let order = after(&order, record_payment(&order, None, &gift).unwrap());
    let known = refund(&order, 1);
    assert_eq!((known.origin, known.total, known.adjustment), (RefundOrigin::Storefront, minor(150), minor(150)));
    assert_eq!(order.left_to_refund(), minor(ordinary().total.get() - 150));
}

#[test]
fn what_was_cancelled_by_the_storefront_it_pays_back_itself() {
    for (by, ours) in [(CancelledBy::Storefront, false), (CancelledBy::Api, true), (CancelledBy::Fulfillment, true)] {
        let mut fact = cancelled(1, &whole());
        if let Event::OrderCancelled(cancellation) = &mut fact {
            cancellation.by = by;
        }
        assert_eq!(!refund_totals(&settled([accepted(ordinary()), fact])).is_empty(), ours, "{by:?}");
    }
}

#[test]
fn money_comes_back_out_of_several_payments() {
    let mut order = ordinary();
    order.tenders = vec![tender("T1", 1000), tender("T2", order.total.get() - 1000)];
    let order = settled([accepted(order), cancelled(1, &whole())]);
    assert_eq!(refund_totals(&order), [ordinary().total.get()]);
    assert_eq!(all_done(&order).open_books(), (0, 0, 0));
}

/// All money of an order has arrived.
fn captured(order: CanonicalOrder) -> CanonicalOrder {
    let arrived = |tender: Tender| Tender { status: TenderStatus::Captured, ..tender };
    CanonicalOrder { tenders: order.tenders.into_iter().map(arrived).collect(), ..order }
}

/// Cuts units into portions.
fn portions(quantity: u32, sizes: &[u32]) -> Vec<u32> {
    let (mut left, mut cut) = (quantity, Vec::new());
    for size in sizes.iter().cycle().take(quantity as usize) {
        let portion = left.min(*size);
        cut.extend((portion > 0).then_some(portion));
        left -= portion;
    }
    cut.extend((left > 0).then_some(left));
    cut
}

fn value(order: &Order, line: usize) -> i64 {
    let accepted = &order.accepted.as_ref().unwrap().fact.order;
    let bought = &accepted.lines[line];
    let tax = if accepted.taxes_included { 0 } else { bought.tax().unwrap().get() };
    bought.price().unwrap().get() + tax
}

fn line_values(order: &Order, line: usize, of: fn(Goods) -> bool) -> i64 {
    let lines = order.reversals.refunds.values().flat_map(|refund| &refund.fact.lines);
    lines.filter(|known| known.line == line && of(known.goods)).map(|known| known.value().unwrap().get()).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn shares_add_up_to_the_cent_however_units_are_cancelled_shipped_and_returned(
        order in any_order(), off in prop::collection::vec(0_u32..5, 3), sizes in prop::collection::vec(1_u32..3, 1..4),
        cancelled_first in any::<bool>(),
    ) {
        let lines = order.lines.clone();
        let of = |n: usize| off[n].min(lines[n].quantity);
        let rest: Vec<(usize, u32)> =
            lines.iter().enumerate().map(|(n, line)| (n, line.quantity - of(n))).filter(|(_, units)| *units > 0).collect();
        let portioned = |n: usize, units: u32| portions(units, &sizes).into_iter().map(move |units| (n, units));
        let cancels = (1..).zip((0..lines.len()).flat_map(|n| portioned(n, of(n))));
        let cancels: Vec<Event> = cancels.map(|(number, part)| cancelled(number, &[part])).collect();
        let leaves = if rest.is_empty() { vec![] } else { vec![allocated(1, "LON1", &rest), shipped(1, 1, &rest)] };
        let parts = if cancelled_first { [cancels, leaves] } else { [leaves, cancels] };
        let state = settled([vec![accepted(captured(order.clone()))], parts.concat()].concat());
        for (n, _) in lines.iter().enumerate() {
            let paid = line_values(&state, n, |goods| goods == Goods::Cancelled);
            let invoiced = state.invoice_draft(1).unwrap().map_or(0, |invoice| {
                let parts = invoice.lines.iter().filter(|part| part.line == n);
                parts.map(|part| part.net.get() + part.taxes.iter().map(|tax| tax.amount.get()).sum::<i64>()).sum()
            });
            prop_assert_eq!(paid + invoiced, value(&state, n), "cancelled and invoiced shares of line {}", n);
        }
        let back = (1..).zip(rest.iter().flat_map(|(n, units)| portioned(*n, *units)));
        let state = back.fold(state, |state, (number, part)| then(&state, lost(number, &[part])));
        for (n, _) in lines.iter().enumerate() {
            prop_assert_eq!(line_values(&state, n, |_| true), value(&state, n), "all shares of line {}", n);
        }
        let shipping = if rest.is_empty() { 0 } else {
            order.total.get() - (0..lines.len()).map(|n| value(&state, n)).sum::<i64>()
        };
        prop_assert_eq!(state.left_to_refund().get(), shipping);
        let total: i64 = refund_totals(&state).iter().sum();
        prop_assert_eq!(total + shipping, order.total.get());
    }
}
