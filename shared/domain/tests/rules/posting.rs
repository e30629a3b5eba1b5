//! What the ERP is told: exact to the minor unit, however the goods leave.

use std::collections::BTreeMap;

use crossdock_domain::event::Application;
use crossdock_domain::posting::{PostingTax, SalesDraft};
use crossdock_domain::{
    CanonicalOrder, Charge, ChargeKind, Event, Line, Minor, Order, TaskKind, TaxLine, Tender, TenderStatus,
};
use proptest::prelude::*;

use crate::samples::{
    accepted, allocated, at, charge, document, given, line, minor, ordinary, paid, shipped, tax, tender, unpaid,
};
use crate::simulation::any_order;

/// The facts of one posting, as the ERP's function would write them; the draft of an invoice goes into the list.
fn posted(order: &Order, kind: TaskKind, number: u32, invoices: &mut Vec<SalesDraft>) -> Option<Event> {
    match kind {
        TaskKind::PostSalesOrder => {
            let total = order.sales_order_draft().unwrap().unwrap().total.get();
            Some(Event::SalesOrderPosted { document: document("SO", Some(total)) })
        }
        TaskKind::PostDeposit => {
            let (tender, draft) = order.deposit_draft(number).unwrap();
            Some(Event::DepositPosted { tender: tender.id, document: document("DEP", Some(draft.amount.get())) })
        }
        TaskKind::PostItemFulfillment => {
            Some(Event::ItemFulfillmentPosted { shipment: number, document: document("IF", None) })
        }
        TaskKind::PostInvoice => {
            let draft = order.invoice_draft(number).unwrap().unwrap();
            let document = document("INV", Some(draft.total.get()));
            invoices.push(draft);
            Some(Event::InvoicePosted { shipment: number, document })
        }
        TaskKind::ApplyDeposit => {
            let plan = order.next_application().unwrap();
            let (number, shipment, tender, amount) = (plan.number, plan.shipment, plan.tender, plan.amount);
            Some(Event::DepositApplied(Application {
                number,
                shipment,
                tender,
                amount,
                document: document("DA", None),
            }))
        }
        TaskKind::Allocate
        | TaskKind::RequestFulfillment
        | TaskKind::ConfirmShipment
        | TaskKind::AnnounceShipment
        | TaskKind::CancelFulfillment
        | TaskKind::AnnounceReturn
        | TaskKind::AwaitReturn
        | TaskKind::ReadSales
        | TaskKind::IssueRefund
        | TaskKind::CancelAtStorefront
        | TaskKind::AmendSalesOrder
        | TaskKind::PostReturnAuthorization
        | TaskKind::PostItemReceipt
        | TaskKind::PostAdjustment
        | TaskKind::PostCreditMemo
        | TaskKind::PostCustomerRefund
        | TaskKind::ApplyCredit
        | TaskKind::PostDispute
        | TaskKind::SettleDispute => None,
    }
}

/// Posts whatever is owed to the ERP; gives back the invoices.
fn post_all(order: &mut Order) -> Vec<SalesDraft> {
    let mut invoices = Vec::new();
    for _ in 0..200 {
        let tasks = order.outstanding();
        let Some(fact) = tasks.iter().find_map(|task| posted(order, task.id.kind, task.number, &mut invoices)) else {
            return invoices;
        };
        order.evolve(&fact, at(9000));
    }
    panic!("the postings never end: {:?}", order.outstanding());
}

#[test]
fn the_sales_order_is_the_whole_order() {
    let draft = given([accepted(ordinary())]).sales_order_draft().unwrap().unwrap();
    assert_eq!(draft.header.reference, "UK-5001-SO");
    assert_eq!((draft.header.order_name.as_str(), draft.header.channel.as_str()), ("#1001", "shopify-uk"));
    assert_eq!(draft.header.rounding_tolerance, minor(5));
    assert_eq!(
        (draft.lines[0].quantity, draft.lines[0].net, draft.lines[0].taxes[0].amount),
        (2, minor(1850), minor(370))
    );
    assert_eq!((draft.shipping, draft.shipping_taxes[0].amount), (minor(399), minor(80)));
    assert_eq!(draft.total, ordinary().total);
}

#[test]
fn included_tax_is_taken_out_of_the_net_amount() {
    let tees = Line { discount: minor(200), taxes: vec![tax(300)], ..line("TEE", 2, 1000) };
    let shipping = Charge { taxes: vec![tax(80)], ..charge(ChargeKind::Shipping, 480) };
    let order = paid(CanonicalOrder { taxes_included: true, ..unpaid(vec![tees], vec![shipping]) });
    let draft = given([accepted(order)]).sales_order_draft().unwrap().unwrap();
    assert_eq!((draft.lines[0].net, draft.shipping, draft.total), (minor(1500), minor(400), minor(2280)));
}

#[test]
fn lines_of_no_units_and_several_shipping_charges_are_posted_as_they_are() {
    let lines = vec![line("TEE", 0, 1000), line("MUG", 1, 500)];
    let charges =
        vec![charge(ChargeKind::Shipping, 100), Charge { discount: minor(50), ..charge(ChargeKind::Shipping, 200) }];
    let draft = given([accepted(paid(unpaid(lines, charges)))]).sales_order_draft().unwrap().unwrap();
    assert_eq!(draft.lines.iter().map(|line| line.line).collect::<Vec<_>>(), [1]);
    assert_eq!(draft.shipping, minor(250));
}

#[test]
fn three_parcels_of_a_hundred_lose_nothing_and_the_first_carries_shipping() {
    let tees = Line { taxes: vec![tax(20)], ..line("TEE", 3, 0) };
    let tees = Line { unit_price: minor(34), discount: minor(2), ..tees };
    let order = paid(unpaid(vec![tees], vec![charge(ChargeKind::Shipping, 399)]));
    let facts = [accepted(order), allocated(1, "LON1", &[(0, 3)])];
    let parcels = (1..=3).map(|number| shipped(number, 1, &[(0, 1)]));
    let mut order = given(facts.into_iter().chain(parcels));
    let invoices = post_all(&mut order);
    let nets: Vec<i64> = invoices.iter().map(|draft| draft.lines[0].net.get()).collect();
    let taxes: Vec<i64> = invoices.iter().map(|draft| draft.lines[0].taxes[0].amount.get()).collect();
    let shipping: Vec<i64> = invoices.iter().map(|draft| draft.shipping.get()).collect();
    assert_eq!((nets, taxes, shipping), (vec![33, 34, 33], vec![7, 6, 7], vec![399, 0, 0]));
    assert!(order.outstanding().iter().all(|task| task.id.kind == TaskKind::AnnounceShipment));
}

#[test]
fn a_document_is_dated_by_the_legal_entity_s_calendar() {
    // Half past eleven in the evening of 30 June in UTC is July in London.
    let evening = "2026-06-30T23:30:00Z".parse().unwrap();
    let Event::OrderAccepted(fact) = accepted(ordinary()) else { unreachable!() };
    assert_eq!(fact.posting_date(evening).to_string(), "2026-07-01");
    let mut abroad = (*fact).clone();
    abroad.time_zone = "Asia/Tokyo".into();
    assert_eq!(abroad.posting_date("2025-12-31T15:00:00Z".parse().unwrap()).to_string(), "2026-01-01");
    abroad.time_zone = "Nowhere/Land".into();
    assert_eq!(abroad.posting_date(evening).to_string(), "2026-06-30", "an unknown zone counts as UTC");
}

#[test]
fn each_document_carries_the_date_of_its_own_event() {
    let mut order = ordinary();
    order.tenders[0].at = at(-86_400);
    let order = given([accepted(order), allocated(1, "LON1", &[(0, 2), (1, 1)]), shipped(1, 1, &[(0, 2), (1, 1)])]);
    let date = |seconds| order.accepted.as_ref().unwrap().fact.posting_date(at(seconds));
    let (_, deposit) = order.deposit_draft(1).unwrap();
    assert_eq!((deposit.header.reference.as_str(), deposit.header.posting_date), ("UK-5001-DEP1", date(-86_400)));
    let fulfilment = order.item_fulfillment_draft(1).unwrap();
    assert_eq!((fulfilment.header.reference.as_str(), fulfilment.header.posting_date), ("UK-5001-IF1", date(3600)));
    assert_eq!(fulfilment.lines, [(0, 2), (1, 1)]);
    let invoice = order.invoice_draft(1).unwrap().unwrap();
    assert_eq!((invoice.header.reference.as_str(), invoice.header.posting_date), ("UK-5001-INV1", date(3600)));
}

#[test]
fn what_does_not_exist_has_no_draft() {
    let nothing = Order::new("shopify-uk.9".parse().unwrap());
    assert_eq!(nothing.sales_order_draft().unwrap(), None);
    assert_eq!((nothing.reference("SO"), nothing.next_application()), (None, None));
    let order = given([accepted(ordinary())]);
    assert!(order.deposit_draft(2).is_none() && order.item_fulfillment_draft(1).is_none());
    assert!(order.invoice_draft(1).unwrap().is_none());
}

#[test]
fn an_application_waits_for_the_first_deposit_and_never_changes_its_mind() {
    let mut order = ordinary();
    let total = order.total.get();
    order.tenders = vec![tender("T1", 1000), tender("T2", total - 1000)];
    let mut order = given([accepted(order), allocated(1, "LON1", &[(0, 2), (1, 1)]), shipped(1, 1, &[(0, 2), (1, 1)])]);
    for fact in [
        Event::SalesOrderPosted { document: document("SO", None) },
        Event::ItemFulfillmentPosted { shipment: 1, document: document("IF", None) },
        Event::InvoicePosted { shipment: 1, document: document("INV", Some(total)) },
        Event::DepositPosted { tender: "T2".into(), document: document("DEP2", None) },
    ] {
        order.evolve(&fact, at(9000));
    }
    assert_eq!(order.next_application(), None, "DEP1 is on its way; passing it over would make another DA1");
    order.evolve(&Event::DepositPosted { tender: "T1".into(), document: document("DEP1", None) }, at(9001));
    let plan = order.next_application().unwrap();
    assert_eq!((plan.number, plan.tender.as_str(), plan.amount), (1, "T1", minor(1000)));
    assert_eq!(order.application_header(&plan).unwrap().reference, "UK-5001-DA1");
}

#[test]
fn a_free_order_owes_no_deposit() {
    let mut order = paid(unpaid(vec![Line { discount: minor(1000), ..line("TEE", 1, 1000) }], Vec::new()));
    assert_eq!(order.total, Minor::ZERO);
    order.tenders = vec![tender("T1", 0)];
    let mut order = given([accepted(order), allocated(1, "LON1", &[(0, 1)]), shipped(1, 1, &[(0, 1)])]);
    let invoices = post_all(&mut order);
    assert_eq!(
        (invoices.len(), invoices[0].total, order.deposits.len(), order.applications.len()),
        (1, Minor::ZERO, 0, 0)
    );
}

/// Cuts every line into units, deals them out to parcels and gives each parcel a turn.
fn parcels_of(order: &CanonicalOrder, deal: &[usize]) -> Vec<Vec<(usize, u32)>> {
    let mut parcels: BTreeMap<usize, Vec<(usize, u32)>> = BTreeMap::new();
    let units = order.lines.iter().enumerate().flat_map(|(line, bought)| (0..bought.quantity).map(move |_| line));
    for (turn, line) in units.enumerate() {
        let parcel = deal.get(turn % deal.len().max(1)).copied().unwrap_or(0);
        parcels.entry(parcel).or_default().push((line, 1));
    }
    parcels.into_values().collect()
}

/// The amount that some lines of invoices carry for one tax.
fn taxed<'a>(taxes: impl Iterator<Item = &'a PostingTax>, like: &TaxLine) -> i64 {
    taxes.filter(|tax| (&tax.title, &tax.rate) == (&like.title, &like.rate)).map(|tax| tax.amount.get()).sum()
}

fn arrived(tender: Tender) -> Tender {
    Tender { status: TenderStatus::Captured, ..tender }
}

fn check_lines(order: &CanonicalOrder, invoices: &[SalesDraft]) {
    for (index, bought) in order.lines.iter().enumerate() {
        let parts = || invoices.iter().flat_map(|invoice| &invoice.lines).filter(move |part| part.line == index);
        let tax: i64 = bought.taxes.iter().map(|tax| tax.amount.get()).sum();
        let net = bought.price().unwrap().get() - if order.taxes_included { tax } else { 0 };
        assert_eq!(parts().map(|part| part.net.get()).sum::<i64>(), net, "net of line {index}");
        assert_eq!(parts().map(|part| part.quantity).sum::<u32>(), bought.quantity, "units of line {index}");
        for tax in &bought.taxes {
            assert_eq!(
                taxed(parts().flat_map(|part| &part.taxes), tax),
                tax.amount.get(),
                "{} of line {index}",
                tax.title
            );
        }
    }
}

fn check_settled(order: &Order) {
    let applied = |wanted: &dyn Fn(&Application) -> bool| -> i64 {
        order.applications.values().filter(|a| wanted(&a.fact)).map(|a| a.fact.amount.get()).sum()
    };
    for (shipment, invoice) in &order.invoices {
        let total = invoice.fact.total_minor.unwrap().get();
        assert_eq!(applied(&|a| a.shipment == *shipment), total, "invoice {shipment} is settled");
    }
    for (_, tender) in order.captured_tenders() {
        assert_eq!(applied(&|a| a.tender == tender.id), tender.amount.get(), "deposit {} is used up", tender.id);
    }
    assert!(order.applications.values().all(|a| a.fact.amount > Minor::ZERO));
}

proptest! {
    #[test]
    fn invoices_add_up_to_the_order_however_it_ships(order in any_order(), deal in prop::collection::vec(0_usize..6, 1..9)) {
        let order = CanonicalOrder { tenders: order.tenders.into_iter().map(arrived).collect(), ..order };
        let promised: Vec<(usize, u32)> = order.lines.iter().enumerate().map(|(n, line)| (n, line.quantity)).collect();
        let parcels = parcels_of(&order, &deal);
        let facts = [accepted(order.clone()), allocated(1, "LON1", &promised)].into_iter();
        let mut state = given(facts.chain((1..).zip(&parcels).map(|(number, lines)| shipped(number, 1, lines))));
        prop_assert!(state.is_shipped());
        prop_assert_eq!(state.sales_order_draft().unwrap().unwrap().total, order.total);

        let invoices = post_all(&mut state);
        prop_assert_eq!(invoices.len(), parcels.len());
        prop_assert_eq!(Minor::sum(invoices.iter().map(|draft| draft.total)).unwrap(), order.total);
        prop_assert!(invoices.iter().skip(1).all(|draft| draft.shipping == Minor::ZERO && draft.shipping_taxes.is_empty()));
        check_lines(&order, &invoices);
        check_settled(&state);
    }
}
