//! Documents that undo or change a sale: exact to the minor unit, and in step with what they stand on.

use crossdock_domain::cancel::stop_answered;
use crossdock_domain::event::{Edit, Refund};
use crossdock_domain::reversing::{CreditKind, PaidFrom, RefundSource};
use crossdock_domain::sales::RefundStatus;
use crossdock_domain::{CanonicalOrder, Event, Line, Minor, Order, TaskKind, Tender};
use serde_json::json;

use crate::samples::{
    accepted, after, all_done, allocated, at, cancelled, document, given, gone, issued, kinds, line, lost, minor,
    ordinary, paid, refund_totals, settled, shipped, tender, unpaid, whole, with_3pl,
};

fn edited(id: &str, lines: Vec<Line>) -> Event {
    Event::OrderEdited(Edit { id: id.into(), lines })
}

fn then(order: &Order, facts: impl IntoIterator<Item = Event>) -> Order {
    facts.into_iter().fold(order.clone(), |order, fact| after(&order, fact))
}

fn by_hand(refund: serde_json::Value, paid: &[i64]) -> Event {
    let refund: Refund = serde_json::from_value(refund).unwrap();
    let issued = issued(&format!("H{}", refund.number), paid, RefundStatus::Succeeded);
    Event::RefundRecorded { refund, issued }
}

fn back(number: u32, resolution: &str) -> [Event; 2] {
    let request = json!({ "number": number, "source": { "kind": "api" }, "resolution": resolution,
        "expects_goods": true, "lines": [{ "line": 0, "quantity": 1, "reason": "unwanted" }] });
    [Event::ReturnRequested(serde_json::from_value(request).unwrap()), Event::ReturnAuthorized { number }]
}

fn received(number: u32, of_return: u32) -> Event {
    let receipt = json!({ "number": number, "return": of_return, "id": "RET", "location": "LON1", "completed": true,
        "received_at": at(8000), "lines": [{ "line": 0, "sku": "TEE", "quantity": 1, "disposition": "restock" }] });
    Event::ReturnReceived(serde_json::from_value(receipt).unwrap())
}

#[test]
fn the_sales_order_is_amended_for_what_changes_it_and_for_nothing_else() {
    let revision = |facts: Vec<Event>| settled([with_3pl(), facts].concat()).revision();
    assert_eq!(revision(vec![]), 0);
    assert_eq!(revision(vec![edited("cancelled", vec![])]), 0, "a marker is no change");
    assert_eq!(revision(vec![edited("E1", vec![line("CAP", 1, 100)])]), 1);
    assert_eq!(revision(back(1, "refund").to_vec()), 0, "what comes back has been sold");
    assert_eq!(revision(back(1, "reship").to_vec()), 1);
    assert_eq!(revision(vec![cancelled(1, &[(0, 1)]), cancelled(2, &[(0, 1)])]), 2);
    let order = settled([with_3pl(), vec![cancelled(1, &whole())]].concat());
    assert_eq!(after(&order, stop_answered(&order, 1, &[])).revision(), 3, "too late, and what is sent after all");
}

#[test]
fn an_amended_sales_order_reads_as_the_order_does_and_closes_what_is_gone() {
    let booked = Event::SalesOrderPosted { document: document("SO", None) };
    let facts =
        [accepted(ordinary()), booked, cancelled(1, &[(0, 1), (1, 1)]), edited("E1", vec![line("CAP", 3, 100)])];
    let order = settled(facts);
    assert!(kinds(&order).contains(&"amend_sales_order:AM2".into()));
    let draft = order.amendment_draft().unwrap().unwrap();
    assert_eq!(draft.header.reference, "UK-5001-SO", "it is the sales order");
    let lines: Vec<_> =
        draft.lines.iter().map(|of| (of.line.line, of.line.quantity, of.line.net.get(), of.closed)).collect();
    assert_eq!(lines, [(0, 1, 925, false), (1, 1, 500, true), (2, 3, 300, false)]);
    let order = after(&order, Event::SalesOrderAmended { revision: 2, document: document("SO", None) });
    assert!(!kinds(&order).iter().any(|task| task.starts_with("amend")));
    let late = after(&order, Event::SalesOrderAmended { revision: 1, document: document("SO", None) });
    assert!(!kinds(&late).iter().any(|task| task.starts_with("amend")), "an older state told late changes nothing");
}

#[test]
fn nothing_is_fulfilled_or_invoiced_before_the_sales_order_reads_right() {
    let booked = Event::SalesOrderPosted { document: document("SO", None) };
    let order = settled([with_3pl(), vec![booked, cancelled(1, &[(0, 1)])]].concat());
    let order = then(&order, [shipped(1, 1, &[(0, 1), (1, 1)])]);
    assert!(!kinds(&order).iter().any(|task| task.contains(":IF")));
    let order = after(&order, Event::SalesOrderAmended { revision: 1, document: document("SO", None) });
    assert!(kinds(&order).contains(&"post_item_fulfillment:IF1".into()));
}

#[test]
fn a_credit_memo_adds_up_to_its_total() {
    let refund = json!({ "number": 1, "origin": "storefront", "return": 1, "adjustment": -111, "shipping": 399,
        "shipping_taxes": [{ "title": "GB VAT", "rate": "0.2", "amount": 80 }], "total": 925 + 185 + 600 + 479 - 111,
        "lines": [
            { "line": 0, "quantity": 1, "goods": "returned", "net": 925,
              "taxes": [{ "title": "GB VAT", "rate": "0.2", "amount": 185 }] },
            { "line": 1, "quantity": 1, "goods": "kept", "net": 500,
              "taxes": [{ "title": "GB VAT", "rate": "0.2", "amount": 100 }] }] });
    let order = then(&settled(gone()), [&back(1, "refund")[..], &[by_hand(refund, &[2078])]].concat());
    let (of_return, draft) = order.credit_draft(1).unwrap().unwrap();
    assert_eq!((of_return, draft.header.reference.as_str(), draft.total), (Some(1), "UK-5001-CM1", minor(2078)));
    let others: Vec<_> = draft.others.iter().map(|of| (of.kind, of.net.get())).collect();
    assert_eq!(others, [(CreditKind::Kept, 500), (CreditKind::Shipping, 399), (CreditKind::Adjustment, -111)]);
    assert_eq!((draft.goods.len(), draft.goods[0].quantity), (1, 1));
    let taxes = draft.goods.iter().flat_map(|of| &of.taxes).chain(draft.others.iter().flat_map(|of| &of.taxes));
    let nets = draft.goods.iter().map(|of| of.net).chain(draft.others.iter().map(|of| of.net));
    assert_eq!(Minor::sum(nets.chain(taxes.map(|tax| tax.amount))).unwrap(), draft.total);
}

#[test]
fn what_was_never_invoiced_is_paid_by_the_deposit_and_needs_no_credit_memo() {
    let order = all_done(&settled([accepted(ordinary()), cancelled(1, &whole())]));
    assert_eq!((order.reversals.credit_memos.len(), order.reversals.customer_refunds.len()), (0, 1));
    let draft = order.customer_refund_draft(101).unwrap();
    assert_eq!((draft.amount, draft.source), (ordinary().total, RefundSource::Deposit("id-DEP1".into())));
    assert_eq!(draft.header.reference, "UK-5001-CR101");
    assert_eq!((order.open_books(), kinds(&order)), ((0, 0, 0), vec![]));
}

fn two_payments(first: i64) -> CanonicalOrder {
    let order = ordinary();
    let rest = order.total.get() - first;
    CanonicalOrder { tenders: vec![tender("T1", first), Tender { ..tender("T2", rest) }], ..order }
}

#[test]
fn payments_back_are_numbered_and_take_the_newest_deposit_first() {
    let refund = json!({ "number": 1, "origin": "storefront", "adjustment": 100, "total": 3399, "shipping": 479,
        "shipping_unbilled": true, "lines": [
            { "line": 0, "quantity": 2, "goods": "cancelled", "net": 2220 },
            { "line": 1, "quantity": 1, "goods": "cancelled", "net": 600 }] });
    let order = settled([accepted(two_payments(1000)), cancelled(1, &whole()), by_hand(refund, &[3000, 399])]);
    let postings: Vec<_> =
        order.refund_postings().into_iter().map(|of| (of.number, of.amount.get(), of.source)).collect();
    let (first, second) = (PaidFrom::Deposit("T1".into()), PaidFrom::Deposit("T2".into()));
    let credit = PaidFrom::Credit(1);
    assert_eq!(postings, [(101, 2299, second), (102, 701, first.clone()), (103, 299, first), (104, 100, credit)]);
}

/// The invoice of a parcel that was cancelled too late has taken all of the deposit; a mug of it is paid back as well.
#[test]
fn where_the_deposit_is_used_up_the_credit_pays_that_was_given_for_what_used_it() {
    let refund = |number: u32, line: u32, net: i64| {
        json!({ "number": number, "origin": "storefront", "total": net, "lines": [
            { "line": line, "quantity": 1, "goods": "cancelled", "net": net }] })
    };
    let order = paid(unpaid(vec![line("TEE", 1, 1000), line("MUG", 1, 600)], Vec::new()));
    let facts = [accepted(order), allocated(1, "LON1", &[(0, 1), (1, 1)]), cancelled(1, &[(0, 1), (1, 1)])];
    let order = settled(facts);
    let order = after(&order, by_hand(refund(8, 0, 1000), &[1000]));
    let order = after(&order, stop_answered(&order, 1, &[("MUG".parse().unwrap(), 1)]));
    let mut order = after(&order, shipped(1, 1, &[(0, 1)]));
    // The invoice takes the rest of the deposit, before anybody hears that the mug is paid back.
    while !order.applications.contains_key(&1) {
        let next = order.outstanding().into_iter().find(|task| TaskKind::ERP.contains(&task.id.kind)).unwrap();
        order = after(&order, crate::simulation::fact(&order, &next));
    }
    let order = after(&order, by_hand(refund(9, 1, 600), &[600]));
    let source = |order: &Order| {
        order.refund_postings().into_iter().find(|of| of.number == 901).map(|of| (of.source, of.amount))
    };
    assert_eq!(source(&order), None, "there is nothing yet to pay it from");
    let done = all_done(&order);
    assert!(matches!(source(&done), Some((PaidFrom::Credit(_), amount)) if amount == minor(600)));
    assert_eq!(done.open_books(), (0, 0, 0));
}

#[test]
fn what_settles_later_does_not_change_what_was_posted_before() {
    let refund = |number: u32, line: u32, net: i64| {
        json!({ "number": number, "origin": "storefront", "total": net, "lines": [
            { "line": line, "quantity": 1, "goods": "cancelled", "net": net }] })
    };
    let pending = Event::RefundRecorded {
        refund: serde_json::from_value(refund(1, 0, 1110)).unwrap(),
        issued: issued("H1", &[1110], RefundStatus::Pending),
    };
    let order =
        settled([accepted(two_payments(2000)), cancelled(1, &whole()), pending, by_hand(refund(2, 1, 600), &[600])]);
    let posting = |order: &Order| order.refund_postings().into_iter().find(|posting| posting.number == 201);
    assert!(posting(&order).is_some());
    let gone = Event::RefundIssued { number: 1, issued: issued("H1", &[1110], RefundStatus::Succeeded) };
    let later = after(&order, gone);
    assert_eq!(posting(&later), posting(&order), "CR201 is the same");
    let more = Tender { at: at(9000), ..tender("T3", 50) };
    assert_eq!(posting(&after(&later, Event::TenderCaptured { number: 3, tender: more })), posting(&order));
}

#[test]
fn a_payment_back_waits_for_what_it_comes_out_of() {
    let order = then(&settled(gone()), lost(1, &[(1, 1)]));
    let paid = Event::RefundIssued { number: 1, issued: issued("9", &[600], RefundStatus::Succeeded) };
    let order = after(&order, paid);
    assert_eq!(order.refund_postings()[0].source, PaidFrom::Credit(1));
    assert_eq!(order.customer_refund_draft(101), None, "there is no credit memo yet");
    let done = all_done(&order);
    let draft = done.customer_refund_draft(101).unwrap();
    assert_eq!((draft.amount, draft.source), (minor(600), RefundSource::CreditMemo("id-CM1".into())));
    assert_eq!((done.open_books(), kinds(&done)), ((0, 0, 0), vec![]));
}

#[test]
fn goods_come_back_in_the_books_after_they_have_left_them() {
    let order = then(&settled(gone()), back(1, "refund"));
    let order = after(&order, received(1, 1));
    assert!(!kinds(&order).iter().any(|task| task.contains(":RA") || task.contains(":IR")));
    let done = all_done(&order);
    assert_eq!(refund_totals(&done), [1110]);
    let taken_back = &done.reversals;
    let papers = [&taken_back.return_authorizations, &taken_back.item_receipts, &taken_back.credit_memos];
    assert!(papers.iter().all(|of| of.len() == 1));
    assert_eq!(done.return_draft(1).unwrap().unwrap().lines[0].quantity, 1);
    let (of_return, receipt) = done.receipt_draft(1).unwrap();
    assert_eq!((of_return, receipt.lines.len(), receipt.header.reference.as_str()), (1, 1, "UK-5001-IR1"));
    assert_eq!(done.open_books(), (0, 0, 0));
}

#[test]
fn a_return_that_comes_to_nothing_is_no_document() {
    let order = then(&settled(gone()), back(1, "refund"));
    let closed = after(&order, Event::ReturnClosed { number: 1, reason: "called off".into() });
    assert_eq!(all_done(&closed).reversals.return_authorizations.len(), 0);
    assert_eq!(all_done(&order).reversals.return_authorizations.len(), 1);
}

#[test]
fn what_a_credit_memo_does_not_pay_out_settles_what_is_owed() {
    let instead = edited("return:1", vec![line("CAP", 1, 500)]);
    let credit = json!({ "number": 1, "origin": "storefront", "total": 600, "lines": [
        { "line": 1, "quantity": 1, "goods": "kept", "net": 600 }] });
    let order = settled([gone(), vec![instead, by_hand(credit, &[100])]].concat());
    let order = all_done(&then(&order, [allocated(2, "LON1", &[(2, 1)]), shipped(2, 2, &[(2, 1)])]));
    let applied = &order.reversals.credit_applications.get(&1).unwrap().fact;
    assert_eq!((applied.refund, applied.shipment, applied.amount), (1, 2, minor(500)));
    assert_eq!((order.open_books(), order.next_credit_application()), ((0, 0, 0), None));
}

#[test]
fn a_deposit_settles_before_a_credit_does() {
    let lines = vec![line("TEE", 1, 1000)];
    let order = paid(unpaid(lines, Vec::new()));
    let credit = json!({ "number": 1, "origin": "storefront", "total": 300, "adjustment": 300 });
    let facts = [accepted(order), allocated(1, "LON1", &[(0, 1)]), shipped(1, 1, &[(0, 1)]), by_hand(credit, &[])];
    let order = all_done(&settled(facts));
    assert_eq!((order.applications.len(), order.reversals.credit_applications.len()), (1, 0));
    assert_eq!(order.open_books(), (0, 0, 300), "the buyer has credit");
}

#[test]
fn what_does_not_exist_has_no_draft() {
    let order = given([accepted(ordinary())]);
    assert!(order.return_draft(1).unwrap().is_none() && order.credit_draft(1).unwrap().is_none());
    assert!(order.receipt_draft(1).is_none() && order.adjustment_draft(1).is_none());
    assert!(order.customer_refund_draft(101).is_none() && order.next_credit_application().is_none());
}
