//! Whole lives of orders: whatever the order in which work is begun, finished, lost, doubled, held, parked and claimed,
//! every order ends completed with every document exactly once.

mod actions;
mod books;
mod effects;
mod generate;
mod shop;
mod taken_back;
mod world;

use std::collections::BTreeSet;

use crossdock_domain::cancel::{CancelCommand, cancel};
use crossdock_domain::{Minor, Status, TaskKind};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{RngSeed, TestRunner};

pub use effects::fact;
pub use generate::{any_life, any_order, any_play};
pub use world::World;

use actions::ACTIONS;
use crossdock_domain::CanonicalOrder;

/// The same lives in every run, so that a change is judged by what it changes. `PROPTEST_CASES` draws as many new ones:
/// whoever changes a rule looks at some thousands.
fn cases(usual: u32) -> ProptestConfig {
    if std::env::var_os("PROPTEST_CASES").is_some() {
        ProptestConfig::default()
    } else {
        ProptestConfig { rng_seed: RngSeed::Fixed(1), ..ProptestConfig::with_cases(usual) }
    }
}

/// An order after some choices, wherever that leaves it.
pub fn played(order: CanonicalOrder, choices: &[u16]) -> World {
    let mut world = World::new(order);
    for choice in choices {
        world.act(*choice);
    }
    world
}

/// The same, brought to its end.
fn finished(order: CanonicalOrder, choices: &[u16]) -> World {
    let mut world = played(order, choices);
    world.finish();
    world
}

fn order_total(world: &World) -> Minor {
    world.order.accepted.as_ref().unwrap().fact.order.total
}

fn check_books(world: &World) {
    let order = &world.order;
    let accepted = &order.accepted.as_ref().unwrap().fact.order;
    let invoiced = Minor::sum(order.invoices.values().filter_map(|invoice| invoice.fact.total_minor)).unwrap();
    assert_eq!(invoiced, accepted.total, "what was invoiced is what was sold");
    assert_eq!(order.sales_order.as_ref().unwrap().fact.total_minor, Some(accepted.total));
    let applied = Minor::sum(order.applications.values().map(|a| a.fact.amount)).unwrap();
    assert_eq!(applied, accepted.total, "receivables are zero");
    for (index, line) in order.goods() {
        assert_eq!((order.allocated(index), order.shipped(index)), (line.quantity, line.quantity));
    }
    let mut expected: BTreeSet<String> = BTreeSet::from(["SO".into()]);
    let worth = order.captured_tenders().filter(|(_, tender)| tender.amount > Minor::ZERO);
    expected.extend(worth.map(|(number, _)| format!("DEP{number}")));
    expected.extend(order.allocations.keys().map(|n| format!("F{n}")));
    expected.extend(order.shipments.keys().flat_map(|n| [format!("S{n}"), format!("IF{n}"), format!("INV{n}")]));
    expected.extend(order.applications.keys().map(|n| format!("DA{n}")));
    assert_eq!(world.documents(), expected, "every document exactly once, and none besides");
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn every_order_ends_completed_with_every_document_exactly_once(order in any_order(), play in any_play()) {
        let world = finished(order, &play);
        prop_assert_eq!(world.order.status(), Status::Completed);
        prop_assert_eq!(world.order.outstanding(), vec![]);
        let needs: Vec<String> = world.order.attention().into_iter().map(|attention| attention.about).collect();
        let is_overpaid = world.order.tendered().unwrap() > order_total(&world);
        prop_assert_eq!(needs, if is_overpaid { vec!["books"] } else { vec![] }, "somebody paid too much");
        check_books(&world);
    }
}

/// What has happened, a fact a line.
fn story(world: &World) -> String {
    let facts = world.commits.iter().flat_map(|commit| commit.events.iter().map(move |fact| (commit.seq, fact)));
    let line = |(seq, fact)| format!("{seq} {}\n", serde_json::to_string(fact).unwrap_or_default());
    facts.map(line).collect()
}

/// The order's books after everything: whoever has done what, each side is what the documents say, and nobody owes and
/// is owed at once.
fn check_reversed_books(world: &World) {
    let (order, books) = (&world.order, &world.books);
    let (receivable, deposit, credit) = books.open();
    assert_eq!(order.open_books(), (receivable, deposit, credit), "ours and the ERP's");
    let story = story(world);
    let net = books.invoiced - books.credited - books.tendered + books.refunded;
    assert_eq!((receivable, deposit + credit), (net.max(0), (-net).max(0)), "{story}");
    assert_eq!(books.refunded, world.shop.paid_back(), "every payment back is in the books once\n{story}");
    assert_eq!(books.tendered, world.taken_at_storefront(), "every payment is in the books once");
    for (index, _) in order.goods() {
        assert_eq!((order.allocated(index), order.shipped(index)), (order.wanted(index), order.wanted(index)));
    }
    let needs: BTreeSet<String> = order.attention().into_iter().map(|attention| attention.about).collect();
    if world.is_left_alone {
        assert_eq!((receivable, deposit, credit), (0, 0, 0), "what we alone do leaves nothing open\n{story}");
        assert_eq!(needs, BTreeSet::new());
    }
    let expected = BTreeSet::from(["books".to_owned(), "refund:total".to_owned()]);
    assert!(needs.is_subset(&expected), "{needs:?}");
    // What is open has a name: that too much was paid back, or else that the books are not even.
    let is_even = (receivable, deposit, credit) == (0, 0, 0);
    assert!(!needs.contains("books") || !is_even);
    assert!(!needs.is_empty() || is_even, "nobody is told of what is open");
}

proptest! {
    #![proptest_config(cases(192))]

    #[test]
    fn every_order_ends_whatever_is_taken_back_and_by_whom(order in any_order(), life in any_life()) {
        let world = finished(order, &life);
        let status = world.order.status();
        prop_assert!(matches!(status, Status::Completed | Status::Cancelled), "it ends {status}");
        prop_assert_eq!(world.order.outstanding(), vec![]);
        world.documents();
        check_reversed_books(&world);
    }
}

/// An order in some state, with nothing under way, in a world in which everybody does what he is asked.
fn quiet(order: CanonicalOrder, play: &[u16]) -> World {
    let mut world = World::new(order);
    world.obliging = true;
    play.iter().for_each(|choice| world.act(*choice));
    world.end_disturbances();
    // What has left can be stopped by nobody, and what the storefront knows may change all: no dry run knows of what
    // was not told.
    world.tell_shipments();
    world.read_all();
    world
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn what_a_dry_run_of_a_cancellation_lists_is_what_is_then_done(order in any_order(), play in any_play()) {
        let mut world = quiet(order, &play);
        let command = CancelCommand { lines: Vec::new(), reason: "customer".into(), request_hash: "ab".into() };
        let Ok(decision) = cancel(&world.order, &command) else { return Ok(()) };
        let foreseen = world.order.foresee(&decision.events, world.now());
        let before = world.shop.paid_back();
        world.record("api:cancel", decision);
        let mut done = Vec::new();
        while let Some(task) = world.order.outstanding().into_iter().find(|task| !task.id.kind.is_waited_for()) {
            world.perform(&task);
            prop_assert!(!world.order.outstanding().contains(&task), "{} is not done", task.id);
            done.push(task.id.to_string());
        }
        let listed: Vec<String> = foreseen.effects.into_iter().map(|effect| effect.task).collect();
        prop_assert_eq!(done, listed);
        prop_assert_eq!(foreseen.refunded_minor.get(), world.shop.paid_back() - before);
    }
}

/// Facts that the function writes which also does the task: it goes on by itself.
const OWN_FACTS: [(&str, TaskKind); 31] = [
    ("CreditApplied.v1", TaskKind::ApplyCredit),
    ("CreditMemoPosted.v1", TaskKind::ApplyCredit),
    ("CreditMemoPosted.v1", TaskKind::PostCustomerRefund),
    ("DepositApplied.v1", TaskKind::ApplyCredit),
    ("DepositApplied.v1", TaskKind::ApplyDeposit),
    ("DepositPosted.v1", TaskKind::ApplyDeposit),
    ("DepositPosted.v1", TaskKind::PostCustomerRefund),
    ("FulfillmentRequested.v1", TaskKind::CancelFulfillment),
    ("FulfillmentStopped.v1", TaskKind::CancelFulfillment),
    ("FulfillmentStopped.v1", TaskKind::RequestFulfillment),
    ("InvoicePosted.v1", TaskKind::ApplyCredit),
    ("InvoicePosted.v1", TaskKind::ApplyDeposit),
    ("InvoicePosted.v1", TaskKind::PostCreditMemo),
    ("InvoicePosted.v1", TaskKind::PostInvoice),
    ("InvoicePosted.v1", TaskKind::PostReturnAuthorization),
    ("ItemFulfillmentPosted.v1", TaskKind::PostInvoice),
    ("RefundIssued.v1", TaskKind::CancelAtStorefront),
    ("RefundWithdrawn.v1", TaskKind::CancelAtStorefront),
    ("ReturnAuthorizationPosted.v1", TaskKind::PostCreditMemo),
    ("ReturnAuthorizationPosted.v1", TaskKind::PostItemReceipt),
    ("SalesOrderAmended.v1", TaskKind::ApplyDeposit),
    ("SalesOrderAmended.v1", TaskKind::PostInvoice),
    ("SalesOrderAmended.v1", TaskKind::PostItemFulfillment),
    ("SalesOrderPosted.v1", TaskKind::AmendSalesOrder),
    ("SalesOrderPosted.v1", TaskKind::PostAdjustment),
    ("SalesOrderPosted.v1", TaskKind::PostCreditMemo),
    ("SalesOrderPosted.v1", TaskKind::PostDeposit),
    ("SalesOrderPosted.v1", TaskKind::PostDispute),
    ("SalesOrderPosted.v1", TaskKind::PostItemFulfillment),
    ("SalesOrderPosted.v1", TaskKind::SettleDispute),
    ("SalesRead.v1", TaskKind::IssueRefund),
];

/// What these lives seldom come to, and tests of their own show: goods sent again, orders that were cancelled before we
/// heard of them, credit that was decided while the order was held, what a 3PL keeps of an
/// allocation that it had before we knew, goods of a return that was called off.
const SELDOM: [(&str, TaskKind); 10] = [
    ("FulfillmentStopped.v1", TaskKind::RequestFulfillment),
    ("OrderAccepted.v1", TaskKind::ReadSales),
    ("OrderReleased.v1", TaskKind::ApplyCredit),
    ("OrderReleased.v1", TaskKind::PostItemReceipt),
    ("RefundDecided.v1", TaskKind::PostCreditMemo),
    ("ReturnAuthorized.v1", TaskKind::Allocate),
    ("ReturnReceived.v1", TaskKind::PostReturnAuthorization),
    ("ShortageFound.v1", TaskKind::CancelFulfillment),
    ("ReturnResolved.v1", TaskKind::Allocate),
    ("ReturnResolved.v1", TaskKind::AmendSalesOrder),
];

#[test]
fn what_makes_a_task_outstanding_is_what_many_lives_show() {
    let mut runner = TestRunner::deterministic();
    let mut observed: BTreeSet<(String, TaskKind)> = BTreeSet::new();
    let mut taken = [0_usize; ACTIONS.len()];
    for _ in 0..800 {
        let (order, play) = (any_order(), any_life()).new_tree(&mut runner).unwrap().current();
        let world = finished(order, &play);
        observed.extend(world.observed);
        world.taken.iter().zip(&mut taken).for_each(|(once, all)| *all += once);
    }
    let counted = ACTIONS.iter().map(|(name, ..)| *name).zip(taken);
    let rare: Vec<(&str, usize)> = counted.filter(|(_, count)| *count <= 20).collect();
    assert!(rare.is_empty(), "the lives say too little about {rare:?}");
    let own = OWN_FACTS.map(|(fact, kind)| (fact.to_owned(), kind));
    let is_seldom = |(fact, kind): &(String, TaskKind)| SELDOM.contains(&(fact.as_str(), *kind));
    let never: Vec<_> = own.iter().filter(|pair| !observed.remove(*pair) && !is_seldom(pair)).collect();
    assert!(never.is_empty(), "these make nothing outstanding: leave them out of the list: {never:?}");
    // Nobody does these on hearing of something: the 3PL tells of parcels and of goods, or the deadline asks.
    observed.retain(|(_, kind)| !kind.is_waited_for());
    let told = TaskKind::ALL
        .into_iter()
        .flat_map(|kind| kind.made_outstanding_by().iter().map(move |fact| ((*fact).to_owned(), kind)));
    let told = told.collect::<BTreeSet<_>>();
    let unknown: Vec<_> = observed.difference(&told).collect();
    assert!(unknown.is_empty(), "nobody hears of what makes these outstanding: {unknown:?}");
    let idle: Vec<_> = told.difference(&observed).filter(|pair| !is_seldom(pair)).collect();
    assert!(idle.is_empty(), "no life shows that these make anything outstanding: {idle:?}");
}
