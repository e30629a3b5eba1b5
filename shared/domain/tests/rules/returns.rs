//! Goods that come back.

use crossdock_domain::event::{Disposition, Resolution};
use crossdock_domain::returns::{ReturnCommand, ReturnReport, record_return, request_return, resolve, return_number};
use crossdock_domain::reversals::{Goods, RefusedChange, ReturnSource};
use crossdock_domain::sales::RefundStatus;
use crossdock_domain::{Event, Order, TaskKind};
use jiff::Timestamp;
use serde_json::json;

use crate::samples::{
    accepted, accepted_under, after, allocated, at, catalogue, document, given, gone, issued, item, kinds, line, moved,
    moves, needs, ordinary, paid, reason_codes, refund_totals, settled, shipped, shop, sku, tender, unpaid, whole,
};

fn asked(lines: &[(&str, u32, &str)]) -> ReturnCommand {
    let lines = lines.iter().map(|(line, units, reason)| ((*line).to_owned(), *units, (*reason).to_owned()));
    ReturnCommand { lines: lines.collect(), resolution: Resolution::Refund, request_hash: "ab".into(), at: at(7200) }
}

fn one_tee() -> ReturnCommand {
    asked(&[("L-TEE", 1, "unwanted")])
}

fn wanting(resolution: Resolution, command: ReturnCommand) -> ReturnCommand {
    ReturnCommand { resolution, ..command }
}

fn under(policy: serde_json::Value) -> Order {
    settled([accepted_under(ordinary(), policy), allocated(1, "LON1", &whole()), shipped(1, 1, &whole())])
}

fn returned(order: &Order, command: &ReturnCommand) -> Order {
    after(order, request_return(order, command).unwrap())
}

fn report(lines: &[(&str, u32, Disposition)], completed: bool) -> ReturnReport {
    ReturnReport {
        id: "RET-1".into(),
        location: "LON1".parse().unwrap(),
        lines: lines.iter().map(|(name, units, disposition)| (sku(name), *units, *disposition)).collect(),
        completed,
        received_at: at(7900),
    }
}

fn came(order: &Order, lines: &[(&str, u32, Disposition)], completed: bool) -> Order {
    after(order, record_return(order, &report(lines, completed), Some(1), &shop()))
}

#[test]
fn a_return_within_the_terms_is_authorized_at_once_and_announced() {
    let order = settled(gone());
    let decision = request_return(&order, &one_tee()).unwrap();
    assert_eq!(decision.events[1..], [Event::ReturnAuthorized { number: 1 }]);
    let order = after(&order, decision);
    let known = &order.reversals.returns.get(&1).unwrap().fact;
    assert_eq!((&known.source, known.expects_goods, &known.approval), (&ReturnSource::Api, true, &None));
    assert!(kinds(&order).contains(&"announce_return:RMA1".into()));
    assert_eq!((order.in_return(0), order.returnable(0), refund_totals(&order)), (1, 1, vec![]));
    let order = after(&order, Event::ReturnAnnounced { number: 1, document: document("RMA1", None) });
    assert!(kinds(&order).contains(&"await_return:RMA1".into()));
}

#[test]
fn the_window_begins_with_the_last_parcel_of_the_line_and_ends_on_the_second() {
    let order = under(json!({ "window_days": 2 }));
    let when = |at: Timestamp| request_return(&order, &ReturnCommand { at, ..one_tee() });
    let end = 3600 + 2 * 24 * 3600;
    assert!(when(at(end)).is_ok());
    assert_eq!(reason_codes(when(at(end + 1))), ["after_the_window"]);
}

#[test]
fn what_is_sold_for_good_is_not_taken_back() {
    let order = under(json!({ "final_sale": ["TEE"] }));
    assert_eq!(reason_codes(request_return(&order, &one_tee())), ["final_sale"]);
    assert!(request_return(&order, &asked(&[("L-MUG", 1, "unwanted")])).is_ok());
}

#[test]
fn a_dear_return_waits_for_somebody_s_word() {
    assert!(
        request_return(&under(json!({ "approval_above": { "GBP": 1110 } })), &one_tee()).unwrap().events.len() == 2
    );
    let order = returned(&under(json!({ "approval_above": { "GBP": 1109 } })), &one_tee());
    assert_eq!(needs(&order), [("return:RMA1".into(), "approval".into())]);
    assert!(order.authorized_returns().next().is_none());
    assert!(!kinds(&order).iter().any(|task| task.contains("RMA")));
    assert_eq!(resolve(&order, "return:RMA2").events, []);
    let order = after(&order, resolve(&order, "return:RMA1"));
    assert_eq!(needs(&order), []);
    assert!(kinds(&order).contains(&"announce_return:RMA1".into()));
    assert_eq!(resolve(&order, "return:RMA1").events, [], "said once");
}

#[test]
fn the_buyer_keeps_cheap_goods_and_is_refunded_at_once() {
    let keep = wanting(Resolution::Keep, one_tee());
    let order = returned(&under(json!({ "keep_up_to": { "GBP": 1110 } })), &keep);
    let refund = &order.reversals.refunds.get(&1).unwrap().fact;
    assert_eq!((refund.total.get(), refund.lines[0].goods), (1110, Goods::Kept));
    assert!(!kinds(&order).iter().any(|task| task.contains("RMA") || task.contains(":RA")), "nothing comes back");
    for policy in [json!({ "keep_up_to": { "GBP": 1109 } }), json!({}), json!({ "keep_up_to": { "EUR": 5000 } })] {
        assert_eq!(reason_codes(request_return(&under(policy), &keep)), ["keep_not_allowed"]);
    }
}

#[test]
fn what_never_arrived_is_not_waited_for() {
    let order = returned(&settled(gone()), &asked(&[("L-TEE", 2, "lost")]));
    assert!(!order.reversals.returns.get(&1).unwrap().fact.expects_goods);
    assert_eq!(refund_totals(&order), [2220]);
    let kept = wanting(Resolution::Keep, asked(&[("L-TEE", 2, "lost")]));
    assert!(request_return(&settled(gone()), &kept).is_ok(), "there is nothing to send back");
}

#[test]
fn what_is_sent_again_leaves_a_second_time_and_costs_nothing() {
    let again = wanting(Resolution::Reship, asked(&[("L-MUG", 1, "lost")]));
    let order = returned(&settled(gone()), &again);
    assert_eq!((order.reshipped(1), order.wanted(1), refund_totals(&order)), (1, 2, vec![]));
    assert!(kinds(&order).contains(&"allocate:A2".into()));
}

#[test]
fn every_reason_why_not_is_told_at_once() {
    let order = settled(gone());
    let refused = |command: &ReturnCommand| reason_codes(request_return(&order, command));
    assert_eq!(refused(&asked(&[])), ["no_lines"]);
    assert_eq!(refused(&asked(&[("L-CAP", 1, "unwanted")])), ["unknown_line"]);
    assert_eq!(refused(&asked(&[("L-TEE", 1, "whim")])), ["unknown_reason"]);
    assert_eq!(refused(&asked(&[("L-TEE", 3, "unwanted")])), ["too_many"]);
    assert_eq!(refused(&asked(&[("L-TEE", 2, "unwanted"), ("L-TEE", 1, "defective")])), ["too_many"]);
    assert_eq!(refused(&asked(&[("L-TEE", 1, "unwanted"), ("L-MUG", 1, "lost")])), ["mixed_reasons"]);
    assert_eq!(refused(&wanting(Resolution::Undecided, one_tee())), ["resolution"]);
    let all = wanting(Resolution::Undecided, asked(&[("L-CAP", 1, "whim"), ("L-MUG", 1, "lost")]));
    assert_eq!(refused(&all), ["unknown_reason", "unknown_line", "mixed_reasons", "resolution"]);
}

#[test]
fn what_has_not_left_or_is_in_a_return_already_is_too_many() {
    let order = given([accepted(ordinary()), allocated(1, "LON1", &whole()), shipped(1, 1, &[(0, 1)])]);
    assert_eq!(reason_codes(request_return(&order, &asked(&[("L-MUG", 1, "unwanted")]))), ["too_many"]);
    let order = returned(&order, &one_tee());
    assert_eq!(reason_codes(request_return(&order, &one_tee())), ["too_many"]);
}

#[test]
fn a_return_that_was_called_off_leaves_its_units_to_another() {
    let order = returned(&settled(gone()), &asked(&[("L-TEE", 2, "unwanted")]));
    let order = came(&order, &[("TEE", 1, Disposition::Restock)], false);
    let order = after(&order, Event::ReturnClosed { number: 1, reason: "called off".into() });
    assert_eq!((order.in_return(0), order.returnable(0)), (1, 1));
    assert!(!kinds(&order).iter().any(|task| task.contains("RMA")));
}

#[test]
fn what_came_back_is_sellable_set_aside_or_gone() {
    let order = returned(&settled(gone()), &asked(&[("L-TEE", 2, "unwanted"), ("L-MUG", 1, "unwanted")]));
    for (disposition, on_hand, available, refunded) in
        [(Disposition::Restock, 1, 1, true), (Disposition::Quarantine, 1, 0, false), (Disposition::Scrap, 0, 0, true)]
    {
        let decision = record_return(&order, &report(&[("TEE", 1, disposition)], false), Some(1), &shop());
        let expected = if on_hand > 0 { vec![moved("TEE", on_hand, available)] } else { Vec::new() };
        assert_eq!(moves(&decision), expected, "{disposition:?}");
        let order = after(&order, decision);
        assert_eq!((order.received(1, 0), order.with_buyer(0)), (1, 1));
        assert_eq!(refund_totals(&order), if refunded { vec![1110] } else { vec![] }, "{disposition:?}");
    }
}

#[test]
fn the_terms_say_when_the_money_goes_back() {
    let of = |refund_on: &str| under(json!({ "refund_on": refund_on }));
    let order = returned(&of("authorized"), &one_tee());
    assert_eq!(refund_totals(&order), [1110], "before anything is back");
    assert_eq!(refund_totals(&came(&order, &[("TEE", 1, Disposition::Restock)], true)), [1110], "and only once");
    let order = returned(&of("received"), &one_tee());
    assert_eq!(refund_totals(&order), Vec::<i64>::new());
    assert_eq!(refund_totals(&came(&order, &[("TEE", 1, Disposition::Quarantine)], true)), [1110]);
    let strict = under(json!({ "refunded_dispositions": ["restock"] }));
    assert_eq!(
        refund_totals(&came(&returned(&strict, &one_tee()), &[("TEE", 1, Disposition::Scrap)], true)),
        Vec::<i64>::new()
    );
}

#[test]
fn a_report_tells_all_so_far_and_is_counted_by_its_difference() {
    let order = returned(&settled(gone()), &asked(&[("L-TEE", 2, "unwanted"), ("L-MUG", 1, "unwanted")]));
    let order = came(&order, &[("TEE", 1, Disposition::Restock)], false);
    let again = report(&[("TEE", 1, Disposition::Restock)], false);
    assert!(record_return(&order, &again, Some(1), &shop()).events.is_empty(), "told twice");
    let more = report(&[("TEE", 2, Disposition::Restock), ("MUG", 1, Disposition::Scrap)], false);
    let decision = record_return(&order, &more, None, &shop());
    assert_eq!(moves(&decision), [moved("TEE", 1, 1)], "and its return is known by its identity");
    let order = after(&order, decision);
    assert_eq!((order.received(1, 0), order.received(1, 1), refund_totals(&order)), (2, 1, vec![1110, 1710]));
}

#[test]
fn a_short_return_is_over_when_the_3pl_says_so() {
    let order = returned(&settled(gone()), &asked(&[("L-TEE", 2, "unwanted")]));
    let part = came(&order, &[("TEE", 1, Disposition::Restock)], false);
    assert!(!part.is_return_over(&part.reversals.returns.get(&1).unwrap().fact));
    let order = came(&part, &[("TEE", 1, Disposition::Restock)], true);
    assert!(order.is_return_over(&order.reversals.returns.get(&1).unwrap().fact));
    assert_eq!((order.reversals.receipts.len(), refund_totals(&order)), (2, vec![1110]));
    let end = report(&[("TEE", 1, Disposition::Restock)], true);
    assert!(record_return(&order, &end, Some(1), &shop()).events.is_empty(), "over once");
}

#[test]
fn what_belongs_to_no_line_is_adjusted_and_not_refunded() {
    let order = returned(&settled(gone()), &one_tee());
    let items = catalogue([item("TEE", &[]), item("CAP", &[])]);
    let strange = [("CAP", 2, Disposition::Restock), ("SCARF", 1, Disposition::Restock)];
    let decision = record_return(&order, &report(&strange, false), Some(1), &items);
    assert_eq!(moves(&decision), [moved("CAP", 2, 2)], "nobody has a stock record of scarves");
    let order = after(&order, decision);
    let receipt = &order.reversals.receipts.get(&1).unwrap().fact;
    assert_eq!(receipt.lines.iter().map(|line| line.line).collect::<Vec<_>>(), [None, None]);
    assert_eq!(refund_totals(&order), Vec::<i64>::new());
    let booked = after(&order, Event::SalesOrderPosted { document: document("SO", None) });
    assert!(kinds(&booked).contains(&"post_adjustment:IA1".into()));
    assert!(!booked.is_return_over(&booked.reversals.returns.get(&1).unwrap().fact), "the tee is still waited for");
}

#[test]
fn what_nobody_had_announced_is_here_and_somebody_has_to_say_what_for() {
    let order = settled(gone());
    let decision = record_return(&order, &report(&[("TEE", 1, Disposition::Restock)], true), None, &shop());
    assert_eq!(moves(&decision), [moved("TEE", 1, 1)]);
    let order = after(&order, decision);
    let known = &order.reversals.returns.get(&1).unwrap().fact;
    assert_eq!((&known.source, known.resolution), (&ReturnSource::Receipt, Resolution::Undecided));
    assert_eq!((needs(&order), refund_totals(&order)), (vec![("return:RMA1".into(), "unannounced".into())], vec![]));
    let refunded = after(&order, resolve(&order, "return:RMA1"));
    assert_eq!((needs(&refunded), refund_totals(&refunded)), (vec![], vec![1110]));
    assert_eq!(resolve(&refunded, "return:RMA1").events, []);
    let asked_for = request_return(&order, &one_tee()).unwrap();
    assert_eq!(
        asked_for.events,
        [Event::ReturnResolved { number: 1, resolution: Resolution::Refund, request_hash: Some("ab".into()) }]
    );
    let another = request_return(&order, &asked(&[("L-MUG", 1, "unwanted")])).unwrap();
    assert_eq!(another.events.len(), 2, "a return of its own");
}

#[test]
fn more_than_was_announced_is_a_return_of_its_own() {
    let order = returned(&settled(gone()), &one_tee());
    let order = came(&order, &[("TEE", 2, Disposition::Restock), ("MUG", 4, Disposition::Restock)], true);
    assert_eq!((order.received(1, 0), order.received(2, 0), order.received(2, 1)), (1, 1, 1));
    let foreign: u32 = order
        .reversals
        .receipts
        .values()
        .flat_map(|r| &r.fact.lines)
        .filter(|l| l.line.is_none())
        .map(|l| l.quantity)
        .sum();
    assert_eq!(foreign, 3, "one mug was sold");
    assert_eq!(refund_totals(&order), [1110]);
}

#[test]
fn two_lines_of_one_sku_take_what_each_expects() {
    let second = crossdock_domain::Line { id: "L-TEE-2".into(), ..line("TEE", 1, 900) };
    let both = paid(unpaid(vec![line("TEE", 1, 1000), second], Vec::new()));
    let order = settled([accepted(both), allocated(1, "LON1", &[(0, 1), (1, 1)]), shipped(1, 1, &[(0, 1), (1, 1)])]);
    let order = returned(&order, &asked(&[("L-TEE-2", 1, "unwanted")]));
    let order = came(&order, &[("TEE", 1, Disposition::Restock)], true);
    assert_eq!((order.received(1, 0), order.received(1, 1), refund_totals(&order)), (0, 1, vec![900]));
}

/// The ordinary order, all of it gone, and a tee more that was added too late.
fn with_late_tee() -> Order {
    let late = RefusedChange { id: "E1".into(), reason: "too late".into(), lines: vec![line("TEE", 1, 1000)] };
    settled([gone(), vec![Event::ChangeRefused(late)]].concat())
}

#[test]
fn a_change_that_came_too_late_is_not_taken_over_while_it_is_unpaid() {
    let order = with_late_tee();
    assert_eq!(needs(&order), [("change:E1".into(), "too_late".into())]);
    assert_eq!(resolve(&order, "change:E1").events, [], "nothing of it is paid");
    let order = after(&order, Event::TenderCaptured { number: 2, tender: tender("T2", 999) });
    assert_eq!(resolve(&order, "change:E1").events, [], "not all of it is paid");
    assert_eq!((needs(&order), order.lines().count()), (vec![("change:E1".into(), "too_late".into())], 2));
}

#[test]
fn a_change_that_came_too_late_is_taken_over_by_somebody_s_word_once_it_is_paid() {
    let order = after(&with_late_tee(), Event::TenderCaptured { number: 2, tender: tender("T2", 1000) });
    let order = after(&order, resolve(&order, "change:E1"));
    assert_eq!((needs(&order), order.wanted(2)), (vec![], 1));
    assert_eq!(resolve(&order, "change:E1").events, []);
    assert_eq!(resolve(&order, "weather").events, []);
    assert!(order.outstanding().iter().any(|task| task.id.kind == TaskKind::Allocate));
}

#[test]
fn a_return_reads_its_number_from_its_reference_only() {
    assert_eq!((return_number("RMA12"), return_number("F12"), return_number("RMA")), (Some(12), None, None));
}

#[test]
fn what_was_refunded_by_hand_is_not_refunded_again_when_it_comes_back() {
    let kept = json!({ "number": 1, "origin": "storefront", "total": 2220, "lines": [
        { "line": 0, "quantity": 2, "goods": "kept", "net": 2220 }] });
    let recorded = Event::RefundRecorded {
        refund: serde_json::from_value(kept).unwrap(),
        issued: issued("9", &[2220], RefundStatus::Succeeded),
    };
    let order = returned(&settled([gone(), vec![recorded]].concat()), &one_tee());
    let order = came(&order, &[("TEE", 1, Disposition::Restock)], true);
    assert_eq!(refund_totals(&order), [2220]);
}
