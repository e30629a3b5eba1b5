//! What a storefront's sales ledger says, read as a whole.

use crossdock_domain::cancel::{stop_answered, stopped_by_3pl};
use crossdock_domain::event::{Cancellation, CancelledBy, Document, Edit, Refund, Resolution};
use crossdock_domain::returns::{ReturnCommand, request_return, resolve};
use crossdock_domain::reversals::{Goods, RefundOrigin, ReturnSource};
use crossdock_domain::sales::{
    RefundStatus, Restock, SalesReport, ToldCancellation, ToldEdit, ToldRefund, ToldRefundLine, ToldReturn,
    ToldReturnStatus, record_sales, shows_all,
};
use crossdock_domain::{ChargeKind, Event, HoldCode, Line, Minor, Order, Status, Tender};

use crate::samples::{
    accepted, after, all_done, allocated, at, cancelled, charge, document, given, gone, issued, kinds, line, minor,
    needs, ordinary, paid, refund_totals, requested, settled, shipped, tax, tender, units, unpaid, whole, with_3pl,
};

fn nothing() -> SalesReport {
    SalesReport {
        version: at(100),
        cancelled: None,
        current: Vec::new(),
        unfulfilled: Vec::new(),
        payments: Vec::new(),
        edits: Vec::new(),
        refunds: Vec::new(),
        returns: Vec::new(),
    }
}

fn edit(added: Vec<Line>, removed: &[(&str, u32)]) -> SalesReport {
    let removed = removed.iter().map(|(line, units)| ((*line).to_owned(), *units)).collect();
    SalesReport {
        edits: vec![ToldEdit { id: "E1".into(), at: at(90), added, removed, other: Vec::new() }],
        ..nothing()
    }
}

fn refunded(lines: Vec<ToldRefundLine>, paid: &[i64]) -> ToldRefund {
    let issued = issued("R9", paid, RefundStatus::Succeeded);
    ToldRefund {
        id: issued.id,
        at: issued.at,
        reference: None,
        return_id: None,
        lines,
        shipping: Minor::ZERO,
        shipping_taxes: Vec::new(),
        adjustment: Minor::ZERO,
        tenders: issued.tenders,
    }
}

/// One tee for its price.
fn a_tee(restock: Restock) -> ToldRefundLine {
    ToldRefundLine { line_id: "L-TEE".into(), quantity: 1, restock, net: minor(925), taxes: vec![tax(185)] }
}

fn refunds(refunds: Vec<ToldRefund>) -> SalesReport {
    SalesReport { refunds, ..nothing() }
}

fn returns(status: ToldReturnStatus, exchange: Vec<Line>) -> SalesReport {
    let lines = vec![("L-TEE".to_owned(), 1, "unwanted".to_owned())];
    SalesReport { returns: vec![ToldReturn { id: "RET".into(), status, lines, exchange }], ..nothing() }
}

fn cancelled_there() -> SalesReport {
    SalesReport { cancelled: Some(ToldCancellation { at: at(90), reason: "fraud".into() }), ..nothing() }
}

fn read(order: &Order, report: &SalesReport) -> Order {
    after(order, record_sales(order, report, 1))
}

/// What is told again says nothing but that it was read.
fn says_nothing_more(order: &Order, report: &SalesReport) {
    assert_eq!(record_sales(order, report, 2).events, [Event::SalesRead { changes: 2 }]);
}

fn known(order: &Order, number: u32) -> &crossdock_domain::event::Refund {
    &order.reversals.refunds.get(&number).unwrap().fact
}

#[test]
fn units_that_were_added_in_time_are_sent_once_they_are_paid() {
    let report = edit(vec![Line { id: "L-CAP".into(), taxes: vec![tax(20)], ..line("CAP", 1, 100) }], &[]);
    let order = read(&given([accepted(ordinary())]), &report);
    assert_eq!((order.ordered(2), order.status()), (1, Status::Held));
    assert_eq!(order.amount_due().unwrap(), minor(ordinary().total.get() + 120));
    assert!(order.holds.contains_key(&HoldCode::Unpaid));
    says_nothing_more(&order, &report);
    let free = edit(vec![line("CAP", 1, 0)], &[]);
    let order = read(&given([accepted(ordinary())]), &free);
    assert_eq!((order.status(), order.unallocated().count()), (Status::Accepted, 3));
}

#[test]
fn units_that_were_added_too_late_wait_for_somebody_s_word() {
    let report = edit(vec![line("CAP", 1, 100)], &[]);
    let order = read(&given(with_3pl()), &report);
    assert_eq!((order.lines().count(), needs(&order)), (2, vec![("change:E1".into(), "too_late".into())]));
    says_nothing_more(&order, &report);
}

/// Two caps that were added too late, and then this many of them taken off again.
fn caps_taken_off(units: u32) -> (SalesReport, Order) {
    let caps = Line { discount: minor(10), taxes: vec![tax(40)], ..line("CAP", 2, 100) };
    let mut report = edit(vec![caps], &[]);
    let order = read(&given(with_3pl()), &report);
    assert_eq!(needs(&order), [("change:E1".into(), "too_late".into())]);
    let (id, removed) = ("E2".to_owned(), vec![("L-CAP".to_owned(), units)]);
    report.edits.push(ToldEdit { id, at: at(95), added: Vec::new(), removed, other: Vec::new() });
    let order = read(&order, &report);
    assert_eq!((order.reversals.cancellations.len(), order.lines().count()), (0, 2), "they were never sent");
    says_nothing_more(&order, &report);
    (report, order)
}

#[test]
fn units_that_were_added_too_late_and_are_taken_off_again_need_nobody() {
    let (_, order) = caps_taken_off(2);
    assert_eq!((needs(&order), order.amount_due().unwrap()), (vec![], ordinary().total));
}

#[test]
fn of_units_that_were_added_too_late_only_those_that_are_left_wait_for_a_word() {
    let (_, order) = caps_taken_off(1);
    let left = &order.reversals.refused_changes.get("E1").unwrap().fact.lines;
    let caps = Line { discount: minor(5), taxes: vec![tax(20)], ..line("CAP", 1, 100) };
    assert_eq!(left, &[caps]);
    let tender = Tender { at: at(96), ..tender("T2", 115) };
    let order = after(&order, Event::TenderCaptured { number: 2, tender });
    let order = after(&order, resolve(&order, "change:E1"));
    assert_eq!((needs(&order), order.wanted(2), order.is_paid()), (vec![], 1, true));
}

#[test]
fn what_comes_in_exchange_is_not_due() {
    let order = settled(gone());
    let exchange = vec![line("CAP", 1, 5000)];
    let order = read(&order, &returns(ToldReturnStatus::Open, exchange.clone()));
    assert_eq!((order.ordered(2), order.amount_due().unwrap()), (1, ordinary().total));
    assert!(order.is_paid() && order.holds.is_empty(), "the credit of what comes back pays it");
    let added = edit(vec![line("MUG", 1, 50)], &[]);
    let order = read(&given([accepted(ordinary())]), &added);
    let order = read(&order, &returns(ToldReturnStatus::Open, exchange));
    assert_eq!(order.amount_due().unwrap(), minor(ordinary().total.get() + 50), "what was added besides is");
}

#[test]
fn units_that_an_edit_takes_off_are_cancelled_and_not_paid_back_by_us() {
    let report = edit(Vec::new(), &[("L-TEE", 1)]);
    let order = read(&given([accepted(ordinary())]), &report);
    let fact = &order.reversals.cancellations.get(&1).unwrap().fact;
    assert_eq!((fact.by, fact.reason.as_str(), &fact.lines), (CancelledBy::Storefront, "edit", &units(&[(0, 1)])));
    assert_eq!((order.wanted(0), refund_totals(&order)), (1, vec![]));
    says_nothing_more(&order, &report);
    let order = read(&settled(gone()), &report);
    assert_eq!((order.cancelled(0), order.overtaken(0)), (0, 1), "what has left comes back");
    says_nothing_more(&order, &report);
}

#[test]
fn an_edit_that_adds_and_takes_off_does_both_once() {
    let report = edit(vec![line("CAP", 1, 0)], &[("L-MUG", 1)]);
    let order = read(&given([accepted(ordinary())]), &report);
    assert_eq!((order.wanted(1), order.wanted(2), order.revision()), (0, 1, 2));
    says_nothing_more(&order, &report);
}

#[test]
fn what_an_edit_changes_beside_units_somebody_has_to_see() {
    let mut report = edit(Vec::new(), &[]);
    report.edits[0].other = vec!["a discount".into(), "shipping".into()];
    let order = read(&given([accepted(ordinary())]), &report);
    let hold = &order.holds.get(&HoldCode::ChangedAtStorefront).unwrap().fact;
    assert_eq!(hold.detail, "the storefront has changed a discount, shipping");
    says_nothing_more(&order, &report);
}

#[test]
fn an_order_that_the_storefront_cancels_is_stopped_and_left_to_it() {
    let order = read(&given(with_3pl()), &cancelled_there());
    let fact = &order.reversals.cancellations.get(&1).unwrap().fact;
    assert_eq!((fact.by, fact.reason.as_str(), &fact.lines), (CancelledBy::Storefront, "fraud", &units(&whole())));
    assert_eq!(kinds(&order), ["cancel_fulfillment:F1", "post_sales_order:SO"]);
    assert_eq!(refund_totals(&order), Vec::<i64>::new());
    says_nothing_more(&order, &cancelled_there());
    let announced = Event::ShipmentAnnounced { shipment: 1, document: document("S1", None) };
    let left = settled([with_3pl(), vec![shipped(1, 1, &[(0, 2)]), announced]].concat());
    let left = read(&left, &cancelled_there());
    assert_eq!(left.reversals.cancellations.get(&1).unwrap().fact.lines, units(&[(1, 1)]), "the rest");
}

#[test]
fn our_own_cancellation_that_the_storefront_shows_is_no_news() {
    let shown = Event::StorefrontCancelled { document: document("X1", None) };
    let order = settled([accepted(ordinary()), cancelled(1, &whole()), shown]);
    says_nothing_more(&order, &cancelled_there());
    // Told before our own call is committed, it cancels nothing twice, and is asked for no more.
    let early = read(&settled([accepted(ordinary()), cancelled(1, &whole())]), &cancelled_there());
    assert_eq!(early.reversals.cancellations.len(), 1);
}

#[test]
fn units_that_are_refunded_before_they_leave_do_not_leave() {
    for restock in [Restock::Cancel, Restock::Nothing] {
        let report = refunds(vec![refunded(vec![a_tee(restock)], &[1110])]);
        let order = read(&given([accepted(ordinary())]), &report);
        let cancellation = &order.reversals.cancellations.get(&1).unwrap().fact;
        assert_eq!((cancellation.by, cancellation.reason.as_str()), (CancelledBy::Storefront, "refund"));
        let refund = known(&order, 1);
        assert_eq!((refund.lines[0].goods, refund.origin), (Goods::Cancelled, RefundOrigin::Storefront), "{restock:?}");
        assert_eq!((order.wanted(0), refund_totals(&order)), (1, vec![1110]), "and nobody pays again");
        says_nothing_more(&order, &report);
    }
}

/// One of two tees has left, the 3PL has the other. Somebody refunds one without a word on the goods.
#[test]
fn of_units_that_are_refunded_without_restocking_those_are_off_that_the_storefront_does_not_expect_any_more() {
    let told = Event::ShipmentAnnounced { shipment: 1, document: document("F1", None) };
    let order = settled([with_3pl(), vec![shipped(1, 1, &[(0, 1)]), told]].concat());
    let expects = |open: u32, lines: Vec<ToldRefundLine>| SalesReport {
        unfulfilled: vec![("L-TEE".into(), open)],
        ..refunds(vec![refunded(lines, &[1110])])
    };
    let goods = |order: &Order| known(order, 1).lines.iter().map(|line| line.goods).collect::<Vec<_>>();

    let of_the_first = expects(1, vec![a_tee(Restock::Nothing)]);
    let kept = read(&order, &of_the_first);
    assert_eq!((goods(&kept), kept.wanted(0)), (vec![Goods::Kept], 2), "the other is still sent");
    says_nothing_more(&kept, &of_the_first);

    let off = read(&order, &expects(0, vec![a_tee(Restock::Nothing)]));
    assert_eq!((goods(&off), off.wanted(0)), (vec![Goods::Cancelled], 1), "the first is not paid back");

    // One refund of both: it says itself which of them is off.
    let both = read(&order, &expects(0, vec![a_tee(Restock::Nothing), a_tee(Restock::Cancel)]));
    assert_eq!((goods(&both), both.wanted(0)), (vec![Goods::Kept, Goods::Cancelled], 1));
}

#[test]
fn what_has_left_and_is_refunded_is_kept_or_comes_back() {
    let kept = refunds(vec![refunded(vec![a_tee(Restock::Nothing)], &[1110])]);
    let order = read(&settled(gone()), &kept);
    assert_eq!((known(&order, 1).lines[0].goods, known(&order, 1).of_return), (Goods::Kept, None));
    assert_eq!((order.wanted(0), order.reversals.returns.len()), (2, 0));

    let back = refunds(vec![refunded(vec![a_tee(Restock::Return)], &[1110])]);
    let order = read(&settled(gone()), &back);
    assert_eq!((known(&order, 1).lines[0].goods, known(&order, 1).of_return), (Goods::Returned, Some(1)));
    let request = &order.reversals.returns.get(&1).unwrap().fact;
    assert_eq!((&request.source, request.expects_goods), (&ReturnSource::Refund("R9".into()), true));
    assert!(kinds(&order).contains(&"announce_return:RMA1".into()), "refunded first, and waited for");
    says_nothing_more(&order, &back);
}

/// The storefront has not heard of the parcel yet when somebody refunds what is in it as not sent.
#[test]
fn what_is_refunded_as_not_sent_and_has_left_all_the_same_is_credited_and_waited_for() {
    let report = refunds(vec![refunded(vec![a_tee(Restock::Cancel)], &[1110])]);
    let order = read(&settled(gone()), &report);
    assert_eq!((known(&order, 1).lines[0].goods, known(&order, 1).of_return), (Goods::Returned, Some(1)));
    assert_eq!(known(&order, 1).from_deposit().unwrap(), Minor::ZERO, "it is invoiced: no deposit is left for it");
    assert_eq!(all_done(&order).open_books(), (0, 0, 0));
    assert!(kinds(&order).contains(&"announce_return:RMA1".into()));
}

#[test]
fn a_refund_of_units_of_which_a_part_has_left_is_split_to_the_cent() {
    let two = ToldRefundLine { quantity: 2, net: minor(1851), taxes: vec![tax(371)], ..a_tee(Restock::Cancel) };
    let order = settled([with_3pl(), vec![shipped(1, 1, &[(0, 1)])]].concat());
    let order = read(&order, &refunds(vec![refunded(vec![two], &[2222])]));
    let parts: Vec<_> = known(&order, 1).lines.iter().map(|of| (of.goods, of.quantity, of.net.get())).collect();
    assert_eq!(parts, [(Goods::Returned, 1, 926), (Goods::Cancelled, 1, 925)]);
    assert_eq!((known(&order, 1).total, known(&order, 1).adjustment), (minor(2222), Minor::ZERO));
}

#[test]
fn a_refund_of_units_that_were_cancelled_before_comes_out_of_the_deposit() {
    let order = read(&given([accepted(ordinary())]), &cancelled_there());
    let order = read(&order, &refunds(vec![refunded(vec![a_tee(Restock::Cancel)], &[1110])]));
    assert_eq!((order.reversals.cancellations.len(), known(&order, 1).lines[0].goods), (1, Goods::Cancelled));
    assert_eq!(known(&order, 1).from_deposit().unwrap(), minor(1110));
}

#[test]
fn a_refund_by_hand_that_is_faster_than_ours_takes_its_place() {
    let order = settled([accepted(ordinary()), cancelled(1, &whole())]);
    let lines = vec![ToldRefundLine { quantity: 2, net: minor(1850), taxes: vec![tax(370)], ..a_tee(Restock::Cancel) }];
    let order = read(&order, &refunds(vec![refunded(lines, &[2220])]));
    assert_eq!((known(&order, 2).lines[0].goods, order.reversals.returns.len()), (Goods::Cancelled, 0));
    assert!(order.reversals.withdrawn.contains(&1), "what was read has taken its place");
    let order = after(&order, Event::RefundWithdrawn { number: 1, reason: "paid".into() });
    assert_eq!(refund_totals(&order), [ordinary().total.get(), 2220, 1079], "the rest of ours is decided anew");
}

/// One tee has left; the 3PL stops the other, and we pay it back; staff has paid back a tee as not sent, which we took for
/// the one that was stopped. Both were made: so the one that has left was taken off as well, and is to come back.
#[test]
fn two_refunds_for_the_same_unit_that_were_both_made_take_two_off() {
    let order = settled([with_3pl(), vec![shipped(1, 1, &[(0, 1), (1, 1)]), cancelled(1, &[(0, 1)])]].concat());
    let order = after(&order, stop_answered(&order, 1, &[("TEE".parse().unwrap(), 1)]));
    let own = ToldRefund {
        id: "O1".into(),
        reference: Some("UK-5001-R1".into()),
        ..refunded(vec![a_tee(Restock::Cancel)], &[1110])
    };
    let theirs = refunded(vec![a_tee(Restock::Cancel)], &[1110]);
    let order = read(&order, &refunds(vec![theirs.clone(), own.clone()]));
    assert_eq!((order.cancelled(0), order.overtaken(0), order.reversals.returns.len()), (1, 1, 1));
    assert_eq!(order.refunded().unwrap(), minor(2220));
    let done = all_done(&order);
    assert_eq!((done.open_books(), needs(&done)), ((0, 0, 0), vec![]));
    says_nothing_more(&order, &refunds(vec![theirs, own]));
}

fn by_hand(id: &str, lines: Vec<ToldRefundLine>, amount: i64) -> ToldRefund {
    let tenders = issued(id, &[amount], RefundStatus::Succeeded).tenders;
    ToldRefund { id: id.into(), tenders, ..refunded(lines, &[]) }
}

/// Two tees at 1350 and shipping; one has left and is invoiced, the 3PL stops the other, and we are to pay it back. Before
/// we do, staff pays both back as not sent, and gives something besides.
fn both_paid_back_by_hand(shipping: i64, gift: Option<i64>) -> Order {
    let order = paid(unpaid(vec![line("TEE", 2, 1350)], vec![charge(ChargeKind::Shipping, shipping)]));
    let with_3pl =
        [allocated(1, "LON1", &[(0, 1)]), allocated(2, "MAN1", &[(0, 1)]), requested(1), requested(2)].to_vec();
    let order = settled([vec![accepted(order)], with_3pl, vec![shipped(1, 2, &[(0, 1)])]].concat());
    let order = all_done(&order);
    let order = after(&order, stopped_by_3pl(&order, 1, &[("TEE".parse().unwrap(), 1)]));
    assert_eq!((order.refunds_to_issue().count(), refund_totals(&order)), (1, vec![1350]));
    let tee = || ToldRefundLine { net: minor(1350), taxes: Vec::new(), ..a_tee(Restock::Cancel) };
    let mut told = vec![by_hand("H1", vec![tee()], 1350), by_hand("H2", vec![tee()], 1350)];
    told.extend(gift.map(|amount| by_hand("H3", Vec::new(), amount)));
    let report = refunds(told);
    let order = read(&order, &report);
    says_nothing_more(&order, &report);
    let goods = |number| known(&order, number).lines[0].goods;
    assert_eq!((goods(2), goods(3), order.overtaken(0)), (Goods::Cancelled, Goods::Returned, 1));
    order
}

/// What the books have of payments back.
fn booked_back(order: &Order) -> i64 {
    let booked = |number: &u32| order.reversals.customer_refunds.contains_key(number);
    order.refund_postings().iter().filter(|of| booked(&of.number)).map(|of| of.amount.get()).sum()
}

#[test]
fn a_gift_takes_nothing_of_a_deposit_that_others_have_paid_back_already() {
    let order = both_paid_back_by_hand(600, Some(650));
    let gift = known(&order, 4);
    assert_eq!((gift.overpaid, gift.adjustment), (Minor::ZERO, minor(650)), "the shipping is invoiced");
    assert!(order.reversals.withdrawn.contains(&1));
    let done = all_done(&order);
    assert_eq!((done.open_books(), booked_back(&done)), ((0, 0, 0), 3350), "all that has gone is in the books");
    assert_eq!(needs(&done).into_iter().map(|(about, _)| about).collect::<Vec<_>>(), ["refund:total"]);
}

/// There would be money for a third payment; there are only two units.
#[test]
fn a_unit_that_left_all_the_same_leaves_nothing_of_the_other_to_pay_back() {
    let order = both_paid_back_by_hand(2600, None);
    assert!(order.reversals.withdrawn.contains(&1));
    assert_eq!(
        (refund_totals(&order), order.left_to_refund()),
        (vec![1350; 3], minor(2600)),
        "nothing is decided anew"
    );
    let done = all_done(&order);
    assert_eq!((done.open_books(), booked_back(&done), needs(&done)), ((0, 0, 0), 2700, vec![]));
}

#[test]
fn a_gift_beside_a_refund_that_takes_the_place_of_ours_takes_no_place_itself() {
    let order = settled([accepted(ordinary()), cancelled(1, &[(0, 1)])]);
    let theirs = refunded(vec![a_tee(Restock::Cancel)], &[1110]);
    let gift = ToldRefund { id: "R10".into(), ..refunded(Vec::new(), &[30]) };
    let order = read(&order, &refunds(vec![theirs, gift]));
    let gift = known(&order, 3);
    assert_eq!((gift.adjustment, gift.overpaid), (minor(30), Minor::ZERO));
}

/// Two units with three pence of tax: the invoice of the first has two of them, so the second was sold for one. The shop
/// has paid two back.
#[test]
fn what_a_storefront_rounds_otherwise_is_a_difference_and_not_the_deposit_s() {
    let two = Line { taxes: vec![tax(3)], ..line("TEE", 2, 1000) };
    let order = accepted(paid(unpaid(vec![two], Vec::new())));
    let order = settled([order, allocated(1, "LON1", &[(0, 2)]), shipped(1, 1, &[(0, 1)]), cancelled(1, &[(0, 1)])]);
    let order = after(&order, stop_answered(&order, 1, &[("TEE".parse().unwrap(), 1)]));
    let told = |pence: i64| {
        let line = ToldRefundLine { net: minor(1000), taxes: vec![tax(pence)], ..a_tee(Restock::Cancel) };
        let refund = read(&order, &refunds(vec![refunded(vec![line], &[1000 + pence])]));
        let refund = known(&refund, 2).clone();
        (refund.total.get(), refund.from_deposit().unwrap().get(), refund.by_credit().unwrap().get())
    };
    assert_eq!((told(2), told(1), told(0)), ((1002, 1001, 1), (1001, 1001, 0), (1000, 1000, 0)));
    assert_eq!(order.amount_due().unwrap(), minor(1002));
}

#[test]
fn a_refund_of_goods_that_never_left_is_no_credit_whatever_it_says_of_them() {
    let order = settled([accepted(ordinary()), cancelled(1, &whole())]);
    let order = read(&order, &refunds(vec![refunded(vec![a_tee(Restock::Nothing)], &[1110])]));
    assert_eq!(
        (known(&order, 2).lines[0].goods, known(&order, 2).by_credit().unwrap()),
        (Goods::Cancelled, Minor::ZERO)
    );
    let edited = read(&given([accepted(ordinary())]), &edit(Vec::new(), &[("L-TEE", 1)]));
    let edited = after(&edited, cancelled(2, &[(0, 1)]));
    let two = ToldRefundLine { quantity: 2, ..a_tee(Restock::Cancel) };
    let edited = read(&edited, &refunds(vec![refunded(vec![two], &[1110])]));
    assert!(known(&edited, 2).lines.iter().all(|of| of.goods == Goods::Cancelled), "nothing comes back");
}

#[test]
fn a_refund_by_hand_settles_the_return_that_waits_for_it_and_is_not_paid_again() {
    let command = ReturnCommand {
        lines: vec![("L-TEE".into(), 1, "unwanted".into())],
        resolution: Resolution::Refund,
        request_hash: "ab".into(),
        at: at(7200),
    };
    let order = settled(gone());
    let order = after(&order, request_return(&order, &command).unwrap());
    let order = read(&order, &refunds(vec![refunded(vec![a_tee(Restock::Return)], &[1110])]));
    assert_eq!((known(&order, 1).of_return, order.reversals.returns.len()), (Some(1), 1));
    let receipt = serde_json::json!({ "number": 1, "return": 1, "id": "RET", "location": "LON1", "completed": true,
        "received_at": at(9), "lines": [{ "line": 0, "sku": "TEE", "quantity": 1, "disposition": "restock" }] });
    let order = after(&order, Event::ReturnReceived(serde_json::from_value(receipt).unwrap()));
    assert_eq!(refund_totals(&order), [1110]);
}

#[test]
fn our_own_refund_is_known_by_its_reference_and_counted_once() {
    let order = settled([accepted(ordinary()), cancelled(1, &[(0, 1)])]);
    let own = ToldRefund { reference: Some("UK-5001-R1".into()), ..refunded(vec![a_tee(Restock::Cancel)], &[1110]) };
    let report = refunds(vec![own]);
    let decision = record_sales(&order, &report, 1);
    assert_eq!(
        decision.events[0],
        Event::RefundIssued {
            number: 1,
            issued: crossdock_domain::event::IssuedRefund {
                at: at(8000),
                ..issued("R9", &[1110], RefundStatus::Succeeded)
            },
        }
    );
    let order = after(&order, decision);
    assert_eq!((refund_totals(&order), order.refunded().unwrap()), (vec![1110], minor(1110)));
    assert!(!kinds(&order).iter().any(|task| task.starts_with("issue_refund")));
    says_nothing_more(&order, &report);
}

#[test]
fn a_refund_under_way_is_read_again_and_booked_once_it_has_gone() {
    let with = |status| {
        let told = refunded(vec![a_tee(Restock::Cancel)], &[1110]);
        refunds(vec![ToldRefund { tenders: issued("R9", &[1110], status).tenders, ..told }])
    };
    let booked = [Event::SalesOrderPosted { document: document("SO", None) }, deposit()];
    let order = settled([vec![accepted(ordinary())], booked.to_vec()].concat());
    let order = read(&order, &with(RefundStatus::Pending));
    assert!(!kinds(&order).iter().any(|task| task.contains(":CR")));
    assert_eq!(order.refunded().unwrap(), minor(1110), "it is promised");
    let gone = read(&order, &with(RefundStatus::Succeeded));
    assert!(kinds(&gone).contains(&"post_customer_refund:CR101".into()));
    says_nothing_more(&gone, &with(RefundStatus::Pending));
    let failed = read(&order, &with(RefundStatus::Failed));
    assert_eq!(
        (failed.refunded().unwrap(), needs(&failed)),
        (Minor::ZERO, vec![("refund:R1".into(), "refused".into())])
    );
}

fn deposit() -> Event {
    Event::DepositPosted { tender: "T1".into(), document: Document { total_minor: None, ..document("DEP1", None) } }
}

#[test]
fn money_for_nothing_in_particular_is_a_gift() {
    let order = read(&settled(gone()), &refunds(vec![refunded(Vec::new(), &[300])]));
    let refund = known(&order, 1);
    assert_eq!((refund.total, refund.adjustment, refund.lines.len()), (minor(300), minor(300), 0));
    assert_eq!((order.left_to_refund(), needs(&order)), (minor(ordinary().total.get() - 300), vec![]));
}

#[test]
fn money_that_an_order_does_not_cost_any_more_is_no_gift() {
    let order = read(&given([accepted(ordinary())]), &edit(Vec::new(), &[("L-TEE", 1)]));
    let order = read(&order, &refunds(vec![refunded(Vec::new(), &[1500])]));
    let refund = known(&order, 1);
    assert_eq!((refund.overpaid, refund.adjustment), (minor(1110), minor(390)));
    assert_eq!(refund.from_deposit().unwrap(), minor(1110));
}

#[test]
fn what_a_refund_does_not_pay_out_stays_the_buyer_s_credit() {
    let order = read(&settled(gone()), &refunds(vec![refunded(vec![a_tee(Restock::Nothing)], &[])]));
    assert_eq!((known(&order, 1).total, order.refunded().unwrap()), (minor(1110), Minor::ZERO));
}

#[test]
fn too_much_that_was_paid_back_is_recorded_as_it_is_and_somebody_sees_it() {
    let total = ordinary().total.get();
    let order = read(&settled(gone()), &refunds(vec![refunded(Vec::new(), &[total + 1])]));
    assert_eq!((order.left_to_refund(), refund_totals(&order)), (minor(-1), vec![total + 1]));
    assert_eq!(needs(&order), [("refund:total".into(), "value".into())]);
}

#[test]
fn a_return_at_the_storefront_waits_for_its_approval_there() {
    let asked = returns(ToldReturnStatus::Requested, Vec::new());
    let order = read(&settled(gone()), &asked);
    assert_eq!(needs(&order), [("return:RMA1".into(), "approval".into())]);
    assert!(crossdock_domain::returns::resolve(&order, "return:RMA1").events.is_empty(), "it is approved there");
    says_nothing_more(&order, &asked);
    let open = read(&order, &returns(ToldReturnStatus::Open, Vec::new()));
    assert_eq!((needs(&open), open.reversals.returns.len()), (vec![], 1));
    assert!(kinds(&open).contains(&"announce_return:RMA1".into()));
    for status in [ToldReturnStatus::Declined, ToldReturnStatus::Cancelled] {
        let report = returns(status, Vec::new());
        let over = read(&order, &report);
        assert_eq!((needs(&over), over.returnable(0)), (vec![], 2), "{status:?}");
        says_nothing_more(&over, &report);
    }
    let settled_there = read(&settled(gone()), &returns(ToldReturnStatus::Closed, Vec::new()));
    assert!(kinds(&settled_there).contains(&"announce_return:RMA1".into()), "the goods are still waited for");
}

#[test]
fn what_the_buyer_gets_instead_is_a_new_line_of_the_order_once() {
    let report = returns(ToldReturnStatus::Open, vec![line("CAP", 1, 900)]);
    let order = read(&settled(gone()), &report);
    assert_eq!((order.ordered(2), order.status(), needs(&order)), (1, Status::Fulfilling, vec![]));
    assert!(kinds(&order).contains(&"allocate:A2".into()));
    says_nothing_more(&order, &report);
    let asked = read(&settled(gone()), &returns(ToldReturnStatus::Requested, vec![line("CAP", 1, 900)]));
    assert_eq!(asked.ordered(2), 0, "nobody has agreed yet");
}

#[test]
fn a_ledger_is_read_until_it_shows_what_was_told() {
    let order = given([accepted(ordinary()), changed("refund:R9")]);
    assert!(!shows_all(&order, &nothing()));
    assert!(shows_all(&order, &refunds(vec![refunded(Vec::new(), &[1])])));
    assert!(shows_all(&given([accepted(ordinary()), changed("cancelled")]), &nothing()));
}

fn changed(what: &str) -> Event {
    Event::StorefrontChanged { what: what.into() }
}

#[test]
fn nothing_is_sent_out_before_the_ledger_is_read_and_what_came_meanwhile_is_read_anew() {
    let order = given([accepted(ordinary()), changed("edit:E1"), changed("refund:R9")]);
    assert_eq!(kinds(&order), ["read_sales:V2", "post_sales_order:SO"]);
    let early = after(&order, record_sales(&order, &nothing(), 1));
    assert_eq!(kinds(&early)[0], "read_sales:V2", "the second came after it was read");
    assert_eq!(kinds(&after(&order, record_sales(&order, &nothing(), 2)))[0], "allocate:A1");
}

#[test]
fn units_added_to_a_line_that_was_there_are_taken_off_first() {
    let more = Event::OrderEdited(Edit { id: "E0".into(), lines: vec![line("TEE", 1, 1000)] });
    let order = read(&given([accepted(ordinary()), more]), &edit(Vec::new(), &[("L-TEE", 2)]));
    let fact: &Cancellation = &order.reversals.cancellations.get(&1).unwrap().fact;
    assert_eq!(fact.lines, units(&[(0, 1), (2, 1)]));
}

/// The edit is heard of when the parcel has left: what it took off comes back, and is paid back once.
#[test]
fn units_that_an_edit_takes_off_after_they_have_left_come_back() {
    let order = given(gone());
    let report = SalesReport { refunds: vec![refunded(Vec::new(), &[1110])], ..edit(Vec::new(), &[("L-TEE", 1)]) };
    let order = after(&order, record_sales(&order, &report, 1));
    let back = &order.reversals.returns.get(&1).unwrap().fact;
    let lines: Vec<_> = back.lines.iter().map(|of| (of.line, of.quantity)).collect();
    assert_eq!((&back.source, lines), (&ReturnSource::Cancellation, vec![(0, 1)]));
    let refund = &order.reversals.refunds.get(&1).unwrap().fact;
    assert_eq!((refund.of_return, refund.adjustment, refund.lines[0].goods), (Some(1), Minor::ZERO, Goods::Returned));
    assert_eq!((order.reversals.returns.len(), refund_totals(&order)), (1, vec![1110]));
}

#[test]
fn units_that_an_edit_takes_off_after_we_cancelled_them_are_the_same_units() {
    let order = given([with_3pl(), vec![shipped(1, 1, &[(0, 1)]), cancelled(1, &[(0, 1)])]].concat());
    let order = after(&order, record_sales(&order, &edit(Vec::new(), &[("L-TEE", 1)]), 1));
    assert_eq!((order.reversals.cancellations.len(), order.overtaken(0)), (1, 0));
}

/// The storefront did not know of the parcel: it is told nothing of it any more, and the goods are asked back.
#[test]
fn an_order_that_is_cancelled_after_it_has_left_comes_back_and_is_not_announced() {
    let order = given(gone());
    assert!(kinds(&order).contains(&"announce_shipment:S1".to_owned()));
    let order = read(&order, &cancelled_there());
    assert!(!kinds(&order).iter().any(|task| task.starts_with("announce_shipment")), "{:?}", kinds(&order));
    let back = &order.reversals.returns.get(&1).unwrap().fact;
    assert_eq!((&back.source, back.lines.len()), (&ReturnSource::Cancellation, 2));
    says_nothing_more(&order, &cancelled_there());
}

#[test]
fn what_was_taken_off_there_and_left_all_the_same_is_paid_back_by_amount() {
    let order = read(&given(gone()), &edit(Vec::new(), &[("L-TEE", 1)]));
    let returned = |line: usize, of_return: u32| {
        let line = serde_json::json!({ "line": line, "quantity": 1, "goods": "returned", "net": 925 });
        let refund =
            serde_json::json!({ "number": 1, "origin": "return", "return": of_return, "lines": [line], "total": 925 });
        serde_json::from_value::<Refund>(refund).unwrap()
    };
    let is_off = |refund: &Refund| order.named_at_storefront(refund, &refund.lines[0]) == 0;
    assert!(is_off(&returned(0, 1)));
    assert!(!is_off(&returned(1, 1)) && !is_off(&returned(0, 2)), "other lines, and other returns, are as they were");
}
