//! Units that are not to be delivered.

use crossdock_domain::cancel::{CancelCommand, cancel, stop_answered, stopped_by_3pl};
use crossdock_domain::event::{CancelledBy, Edit, FailureClass, Parked, Stop, WaitsOn};
use crossdock_domain::outstanding::TaskId;
use crossdock_domain::reversals::{Resolution, ReturnSource};
use crossdock_domain::shipping::{ShipmentReport, record_shipment};
use crossdock_domain::{Event, Hold, HoldCode, Order, Sku, Status, TaskKind, TenderStatus};

use crate::samples::{
    accepted, after, all_done, allocated, at, cancelled, document, given, gone, kinds, line, minor, moved, moves,
    ordinary, paid, reason_codes, refund_totals, requested, settled, shipped, sku, tender, units, unpaid, whole,
    with_3pl,
};

fn wanted(lines: &[(&str, u32)]) -> CancelCommand {
    let lines = lines.iter().map(|(line, units)| ((*line).to_owned(), *units)).collect();
    CancelCommand { lines, reason: "customer".into(), request_hash: "ab".into() }
}

fn all() -> CancelCommand {
    wanted(&[])
}

fn after_cancel(order: &Order, command: &CancelCommand) -> Order {
    after(order, cancel(order, command).unwrap())
}

fn told(lines: &[(&str, u32)]) -> Vec<(Sku, u32)> {
    lines.iter().map(|(name, units)| (sku(name), *units)).collect()
}

#[test]
fn everything_that_has_not_left_is_cancelled_where_no_line_is_named() {
    let order = given([accepted(ordinary())]);
    assert_eq!(cancel(&order, &all()).unwrap().events, [cancelled(1, &whole())]);
    let order = after_cancel(&order, &all());
    assert_eq!((order.status(), order.wanted(0), order.wanted(1)), (Status::Cancelled, 0, 0));
    assert_eq!(refund_totals(&order), [ordinary().total.get()], "with shipping, because nothing is delivered");
    assert_eq!(kinds(&order), ["issue_refund:R1", "post_sales_order:SO"]);
}

#[test]
fn units_of_a_line_are_cancelled_and_the_rest_goes_its_way() {
    let order = given([accepted(ordinary())]);
    assert_eq!(cancel(&order, &wanted(&[("L-TEE", 1)])).unwrap().events, [cancelled(1, &[(0, 1)])]);
    let order = after_cancel(&order, &wanted(&[("L-TEE", 1)]));
    assert_eq!((order.wanted(0), order.cancelled(0), order.cancellable(0)), (1, 1, 1));
    assert_eq!((order.status(), refund_totals(&order)), (Status::Accepted, vec![925 + 185]));
    assert_eq!(kinds(&order), ["allocate:A1", "issue_refund:R1", "post_sales_order:SO"]);
}

#[test]
fn what_has_left_stays_and_the_rest_is_cancelled() {
    let order = settled([with_3pl(), vec![shipped(1, 1, &[(0, 1)])]].concat());
    assert_eq!(cancel(&order, &all()).unwrap().events, [cancelled(1, &[(0, 1), (1, 1)])]);
    let order = after_cancel(&order, &all());
    assert_eq!((order.status(), order.is_cancelled()), (Status::Shipped, false));
}

#[test]
fn units_that_were_added_to_a_line_are_cancelled_before_those_that_were_there() {
    let added = Event::OrderEdited(Edit { id: "E1".into(), lines: vec![line("TEE", 1, 1000)] });
    let order = given([accepted(ordinary()), added]);
    assert_eq!(cancel(&order, &wanted(&[("L-TEE", 2)])).unwrap().events, [cancelled(1, &[(0, 1), (2, 1)])]);
    assert_eq!(reason_codes(cancel(&order, &wanted(&[("L-TEE", 4)]))), ["too_many"]);
}

#[test]
fn every_reason_why_not_is_told_at_once() {
    let order = given([accepted(ordinary())]);
    let command = CancelCommand { reason: "whim".into(), ..wanted(&[("L-CAP", 1), ("L-TEE", 3)]) };
    assert_eq!(reason_codes(cancel(&order, &command)), ["unknown_reason", "unknown_line", "too_many"]);
    let twice_named = wanted(&[("L-TEE", 1), ("L-TEE", 2)]);
    assert_eq!(reason_codes(cancel(&order, &twice_named)), ["too_many"]);
    assert_eq!(reason_codes(cancel(&order, &wanted(&[("L-TEE", 0)]))), ["nothing_to_cancel"]);
}

#[test]
fn nothing_is_left_to_cancel_once_all_of_it_has_left_was_cancelled_or_is_too_late() {
    let left = cancel(&given(gone()), &all()).unwrap_err();
    assert_eq!(left[0].code, "nothing_to_cancel");
    assert!(left[0].detail.contains("return"), "{}", left[0].detail);
    let order = after_cancel(&given([accepted(ordinary())]), &all());
    assert_eq!(reason_codes(cancel(&order, &all())), ["nothing_to_cancel"]);
    let asked = after_cancel(&given(with_3pl()), &all());
    let late = after(&asked, stop_answered(&asked, 1, &[]));
    assert_eq!(reason_codes(cancel(&late, &all())), ["nothing_to_cancel"]);
    assert_eq!(reason_codes(cancel(&late, &wanted(&[("L-MUG", 1)]))), ["too_many"]);
}

#[test]
fn the_3pl_is_asked_before_money_goes_back() {
    let order = after_cancel(&given(with_3pl()), &all());
    assert_eq!(kinds(&order), ["cancel_fulfillment:F1", "post_sales_order:SO"]);
    assert_eq!(refund_totals(&order), Vec::<i64>::new());
    let answer = stop_answered(&order, 1, &told(&[("TEE", 2), ("MUG", 1)]));
    assert_eq!(moves(&answer), [moved("TEE", 0, 2), moved("MUG", 0, 1)], "the stock is free again");
    let order = after(&order, answer);
    assert_eq!(refund_totals(&order), [ordinary().total.get()]);
    assert_eq!(kinds(&order), ["issue_refund:R1", "post_sales_order:SO"]);
}

#[test]
fn the_storefront_shows_the_order_as_cancelled_once_the_buyer_has_the_money() {
    let order = after_cancel(&given([accepted(ordinary())]), &all());
    let total = ordinary().total.get();
    let issued = serde_json::json!({ "id": "9", "at": at(1), "tenders": [
        { "id": "P", "gateway": "shopify_payments", "amount": total, "status": "succeeded" }] });
    let paid = Event::RefundIssued { number: 1, issued: serde_json::from_value(issued).unwrap() };
    let order = after(&order, paid);
    assert_eq!(kinds(&order), ["cancel_at_storefront:X1", "post_sales_order:SO"]);
    let shown = after(&order, Event::StorefrontCancelled { document: document("X1", None) });
    assert_eq!(kinds(&shown), ["post_sales_order:SO"]);
}

#[test]
fn what_is_too_late_is_delivered_and_becomes_a_return_at_once() {
    let order = after_cancel(&given(with_3pl()), &all());
    let answer = stop_answered(&order, 1, &[]);
    let stop = Stop { number: 1, stopped: vec![], too_late: units(&whole()), answered: true };
    assert_eq!((&answer.events, moves(&answer)), (&vec![Event::FulfillmentStopped(stop)], vec![]));
    let order = after(&order, answer);
    assert_eq!((order.wanted(0), order.cancelled(0), order.overtaken(0)), (2, 0, 2));
    let back = &order.reversals.returns.get(&1).unwrap().fact;
    assert_eq!((&back.source, back.resolution), (&ReturnSource::Cancellation, Resolution::Refund));
    assert_eq!(back.lines.iter().map(|of| (of.line, of.quantity)).collect::<Vec<_>>(), whole());
    assert_eq!(
        (refund_totals(&order), kinds(&order)),
        (vec![], vec!["confirm_shipment:F1".into(), "post_sales_order:SO".into()])
    );
}

#[test]
fn what_leaves_before_the_3pl_answers_is_no_longer_cancelled() {
    let order = after_cancel(&given(with_3pl()), &all());
    let order = after(&order, shipped(1, 1, &[(0, 2)]));
    assert_eq!((order.cancelled(0), order.cancelled(1), order.overtaken(0)), (0, 1, 2));
    assert_eq!(order.reversals.returns.len(), 1);
    let order = after(&order, stop_answered(&order, 1, &told(&[("MUG", 1)])));
    assert_eq!((order.reversals.returns.len(), refund_totals(&order)), (1, vec![600]), "the mug only, and no shipping");
}

#[test]
fn a_3pl_that_stops_a_part_is_believed_to_the_unit() {
    let order = after_cancel(&given(with_3pl()), &all());
    let order = after(&order, stop_answered(&order, 1, &told(&[("TEE", 1)])));
    assert_eq!((order.cancelled(0), order.cancelled(1), order.stopped(0)), (1, 0, 1));
    assert_eq!((order.allocated(0), refund_totals(&order)), (1, vec![1110]));
    assert_eq!(reason_codes(cancel(&order, &all())), ["nothing_to_cancel"]);
}

#[test]
fn a_3pl_that_stops_more_than_was_asked_gets_the_rest_anew() {
    let order = after_cancel(&given(with_3pl()), &wanted(&[("L-TEE", 1)]));
    let order = after(&order, stop_answered(&order, 1, &told(&[("TEE", 2), ("MUG", 1)])));
    assert_eq!(order.unallocated().map(|(index, _, units)| (index, units)).collect::<Vec<_>>(), [(0, 1), (1, 1)]);
    assert_eq!((order.wanted(0), order.cancelled(0), refund_totals(&order)), (1, 1, vec![1110]));
    assert!(kinds(&order).contains(&"allocate:A2".into()));
}

#[test]
fn an_answer_counts_once_whatever_it_says_the_second_time() {
    let order = after_cancel(&given(with_3pl()), &all());
    let order = after(&order, stop_answered(&order, 1, &told(&[("TEE", 1)])));
    assert!(stop_answered(&order, 1, &told(&[("TEE", 2)])).events.is_empty());
    assert!(stop_answered(&order, 7, &told(&[("TEE", 2)])).events.is_empty(), "no such allocation");
}

#[test]
fn an_answer_tells_all_that_was_stopped_so_far() {
    let order = given(with_3pl());
    let order = after(&order, stopped_by_3pl(&order, 1, &told(&[("TEE", 1)])));
    let order = after_cancel(&order, &all());
    let answer = stop_answered(&order, 1, &told(&[("TEE", 2), ("MUG", 1)]));
    assert_eq!(moves(&answer), [moved("TEE", 0, 1), moved("MUG", 0, 1)]);
    assert_eq!((after(&order, answer).stopped(0)), 2);
}

#[test]
fn what_the_3pl_stops_by_itself_is_cancelled_and_paid_back() {
    let order = given(with_3pl());
    let stopped = stopped_by_3pl(&order, 1, &told(&[("TEE", 1)]));
    assert_eq!(moves(&stopped), [moved("TEE", 0, 1)]);
    let order = after(&order, stopped);
    let known = &order.reversals.cancellations.get(&1).unwrap().fact;
    assert_eq!(
        (known.by, known.reason.as_str(), &known.lines),
        (CancelledBy::Fulfillment, "inventory", &units(&[(0, 1)]))
    );
    assert_eq!((order.wanted(0), refund_totals(&order)), (1, vec![1110]));
    assert!(!kinds(&order).iter().any(|task| task.starts_with("allocate")), "nobody else has them");
}

#[test]
fn a_3pl_stops_no_more_than_it_has() {
    let order = given(with_3pl());
    let order = after(&order, stopped_by_3pl(&order, 1, &told(&[("MUG", 5), ("CAP", 1)])));
    assert_eq!((order.stopped(1), order.cancelled(1)), (1, 1));
    assert!(stopped_by_3pl(&order, 1, &told(&[("MUG", 1)])).events.is_empty(), "it has none any more");
    assert!(stopped_by_3pl(&order, 4, &told(&[("TEE", 1)])).events.is_empty(), "no such allocation");
}

#[test]
fn our_own_request_that_comes_back_as_news_is_none() {
    let order = after_cancel(&given(with_3pl()), &all());
    let news = told(&[("TEE", 2), ("MUG", 1)]);
    assert!(stopped_by_3pl(&order, 1, &news).events.is_empty(), "its answer says all of it");
    let order = after(&order, stop_answered(&order, 1, &news));
    assert!(stopped_by_3pl(&order, 1, &news).events.is_empty());
}

#[test]
fn what_the_3pl_does_not_have_yet_is_stopped_first_and_then_the_newest() {
    let tees = || paid(unpaid(vec![line("TEE", 6, 1000)], Vec::new()));
    let parts = [1, 2, 3].map(|number| allocated(number, "LON1", &[(0, 2)]));
    let facts = [vec![accepted(tees())], parts.to_vec(), vec![requested(1), requested(3)]].concat();
    let of = |units: u32| after_cancel(&given(facts.clone()), &wanted(&[("L-TEE", units)])).to_stop();
    assert_eq!(of(1).into_iter().collect::<Vec<_>>(), [2]);
    assert_eq!(of(3).into_iter().collect::<Vec<_>>(), [2, 3]);
    assert_eq!(of(5).into_iter().collect::<Vec<_>>(), [1, 2, 3]);
    assert!(given(facts).to_stop().is_empty());
}

#[test]
fn holds_that_keep_nobody_from_anything_end_with_the_order() {
    let holds = [HoldCode::Risk, HoldCode::Totals].map(|code| Hold::new(code, "why")).to_vec();
    let held = given([accepted(ordinary()), Event::OrderHeld { holds }]);
    let part = after_cancel(&held, &wanted(&[("L-TEE", 2)]));
    assert_eq!(part.holds.len(), 2, "the mug still waits");
    let order = after_cancel(&part, &all());
    assert_eq!(order.holds.keys().copied().collect::<Vec<_>>(), [HoldCode::Totals], "money that nobody understands");
}

#[test]
fn an_order_that_nobody_has_paid_leaves_nothing_to_the_books() {
    let mut promised = ordinary();
    promised.tenders[0].status = TenderStatus::Pending;
    let hold = Event::OrderHeld { holds: vec![Hold::new(HoldCode::Unpaid, "0 are paid")] };
    let order = after_cancel(&given([accepted(promised.clone()), hold]), &all());
    assert_eq!((order.status(), refund_totals(&order)), (Status::Cancelled, vec![]));
    assert_eq!(kinds(&order), ["cancel_at_storefront:X1"]);
    // Money that arrives all the same goes back.
    let mut tender = promised.tenders[0].clone();
    tender.status = TenderStatus::Captured;
    let order = after(&order, Event::TenderCaptured { number: 1, tender });
    assert_eq!(refund_totals(&order), [promised.total.get()]);
    assert_eq!(order.left_to_refund(), minor(0));
}

#[test]
fn money_that_arrives_after_all_was_cancelled_goes_back_too() {
    let mut promised = ordinary();
    promised.tenders = vec![tender("T1", 1000), tender("T2", promised.total.get() - 1000)];
    promised.tenders[1].status = TenderStatus::Pending;
    let hold = Event::OrderHeld { holds: vec![Hold::new(HoldCode::Unpaid, "1000 are paid")] };
    let order = after_cancel(&given([accepted(promised.clone()), hold.clone()]), &all());
    assert_eq!(refund_totals(&order), [1000]);
    let late = Event::TenderCaptured { number: 2, tender: tender("T2", promised.total.get() - 1000) };
    let order = after(&order, late.clone());
    assert_eq!((refund_totals(&order), order.left_to_refund()), (vec![1000, 2299], minor(0)));
    assert_eq!(all_done(&order).open_books(), (0, 0, 0));
    // Of what is still to be paid for the rest, nothing goes back before all of it is there.
    let part = after_cancel(&given([accepted(promised), hold]), &wanted(&[("L-TEE", 1)]));
    assert_eq!(refund_totals(&part), Vec::<i64>::new());
    let part = after(&part, late);
    assert_eq!((refund_totals(&part), part.holds.len()), (vec![1110], 0));
}

#[test]
fn a_unit_that_is_cancelled_twice_is_one_return_and_one_refund() {
    let order = after_cancel(&given(with_3pl()), &wanted(&[("L-MUG", 1)]));
    let order = after(&order, stop_answered(&order, 1, &[]));
    let mut again = cancelled(2, &[(1, 1)]);
    if let Event::OrderCancelled(fact) = &mut again {
        fact.by = CancelledBy::Storefront;
    }
    let order = after(&after(&order, again), shipped(1, 1, &whole()));
    assert_eq!((order.overtaken(1), order.reversals.returns.len()), (1, 1));
}

/// The order's allocation was given up because tees are missing.
fn short_of_tees() -> Event {
    let task = TaskId { kind: TaskKind::Allocate, document: "A1".into() };
    let (class, waits_on) = (FailureClass::Stock, WaitsOn::Sku(sku("TEE")));
    Event::TaskParked(Parked {
        task,
        class,
        reason: "1 x TEE are missing".into(),
        waits_on,
        at: None,
        part: 0,
        kits: [].into(),
    })
}

/// What is left may be there, or may be of other SKUs: nobody would look before tees arrive.
#[test]
fn an_allocation_that_waits_for_stock_is_decided_anew_when_less_is_wanted() {
    let order = given([accepted(ordinary()), short_of_tees()]);
    let order = after_cancel(&order, &wanted(&[("L-TEE", 2)]));
    assert!(order.parked.is_empty(), "the mug does not wait for tees");
    // Still short: it waits until less is wanted again.
    let order = after(&order, short_of_tees());
    assert_eq!(order.parked.len(), 1);
    let order =
        after(&order, Event::TaskOverdue { task: TaskId { kind: TaskKind::PostSalesOrder, document: "SO".into() } });
    assert_eq!(order.parked.len(), 1, "and not for ever anew");
    let order = after_cancel(&order, &all());
    assert_eq!((order.status(), order.attention()), (Status::Cancelled, vec![]));
}

/// Two lines of one SKU, at two prices, in one parcel; one unit of the first is cancelled.
fn two_lines_of_one_sku() -> Order {
    let second = crossdock_domain::Line { id: "L-TEE-2".into(), ..line("TEE", 1, 900) };
    let both = paid(unpaid(vec![line("TEE", 1, 1000), second], Vec::new()));
    let order = settled([accepted(both), allocated(1, "LON1", &[(0, 1), (1, 1)]), requested(1)]);
    after_cancel(&order, &wanted(&[("L-TEE", 1)]))
}

#[test]
fn what_leaves_is_what_is_wanted_where_two_lines_are_of_one_sku() {
    let order = two_lines_of_one_sku();
    let report = ShipmentReport {
        id: "S1".into(),
        allocation: 1,
        lines: told(&[("TEE", 1)]),
        tracking: Vec::new(),
        shipped_at: at(7200),
    };
    let order = after(&order, record_shipment(&order, &report));
    assert_eq!((order.shipped(0), order.shipped(1), order.overtaken(0)), (0, 1, 0));
    assert!(order.to_stop().contains(&1), "the other is still to be stopped");
}

#[test]
fn what_is_stopped_is_what_is_not_wanted_where_two_lines_are_of_one_sku() {
    let order = two_lines_of_one_sku();
    let order = after(&order, stop_answered(&order, 1, &told(&[("TEE", 1)])));
    assert_eq!((order.stopped(0), order.stopped(1), order.overtaken(0)), (1, 0, 0));
    assert_eq!(refund_totals(&order), [1000]);
    let second = two_lines_of_one_sku();
    let second = after_cancel(&second, &wanted(&[("L-TEE-2", 1)]));
    let second = after(&second, stop_answered(&second, 1, &told(&[("TEE", 2)])));
    assert_eq!((second.stopped(0), second.stopped(1), second.is_cancelled()), (1, 1, true));
}
