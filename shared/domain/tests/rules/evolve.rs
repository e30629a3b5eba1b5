//! The fold of facts: whatever the order in which their sources tell them, nothing is lost and nothing goes backwards.

use crossdock_domain::event::{FailureClass, Parked, Return, UnknownEvent, WaitsOn};
use crossdock_domain::order::MAX_COMMITS;
use crossdock_domain::outstanding::TaskId;
use crossdock_domain::{Event, Hold, HoldCode, Order, Status, Task, TaskKind};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::samples::{accepted, allocated, at, document, given, order_id, ordinary, shipped, sku, tender};
use crate::simulation::{any_order, any_play, played};

fn task(kind: TaskKind, document: &str) -> TaskId {
    TaskId { kind, document: document.into() }
}

fn kinds(order: &Order) -> Vec<String> {
    order.outstanding().iter().map(|task| task.id.to_string()).collect()
}

fn parked(task: TaskId, waits_on: WaitsOn) -> Event {
    Event::TaskParked(Parked {
        task,
        class: FailureClass::Stock,
        reason: "2 x TEE are missing".into(),
        waits_on,
        at: None,
        part: 0,
        kits: [].into(),
    })
}

fn held(code: HoldCode) -> Event {
    Event::OrderHeld { holds: vec![Hold::new(code, "why")] }
}

fn whole() -> [(usize, u32); 2] {
    [(0, 2), (1, 1)]
}

fn sales_order() -> Event {
    Event::SalesOrderPosted { document: document("SO", Some(2799)) }
}

#[test]
fn what_is_left_to_do_follows_the_way_of_an_order() {
    let mut order = given([accepted(ordinary())]);
    assert_eq!(kinds(&order), ["allocate:A1", "post_sales_order:SO"]);
    let total = ordinary().total.get();
    let f1 = Event::FulfillmentRequested { number: 1, document: document("F1", None) };
    let steps: [(Event, &[&str]); 8] = [
        (allocated(1, "LON1", &whole()), &["request_fulfillment:F1", "post_sales_order:SO"]),
        (f1, &["confirm_shipment:F1", "post_sales_order:SO"]),
        (sales_order(), &["confirm_shipment:F1", "post_deposit:DEP1"]),
        (shipped(1, 1, &whole()), &["announce_shipment:S1", "post_deposit:DEP1", "post_item_fulfillment:IF1"]),
        (
            Event::DepositPosted { tender: "T1".into(), document: document("DEP1", None) },
            &["announce_shipment:S1", "post_item_fulfillment:IF1"],
        ),
        (
            Event::ItemFulfillmentPosted { shipment: 1, document: document("IF1", None) },
            &["announce_shipment:S1", "post_invoice:INV1"],
        ),
        (
            Event::InvoicePosted { shipment: 1, document: document("INV1", Some(total)) },
            &["announce_shipment:S1", "apply_deposit:DA1"],
        ),
        (Event::ShipmentAnnounced { shipment: 1, document: document("S1", None) }, &["apply_deposit:DA1"]),
    ];
    for (fact, left) in steps {
        order.evolve(&fact, at(100));
        assert_eq!(kinds(&order), left, "after {}", fact.type_name());
        assert!(!order.is_finished());
    }
    let plan = order.next_application().unwrap();
    let applied = serde_json::json!({
        "number": 1, "shipment": 1, "tender": plan.tender, "amount": plan.amount, "document": document("DA1", None),
    });
    order.evolve(&Event::DepositApplied(serde_json::from_value(applied).unwrap()), at(101));
    assert!(order.is_finished() && order.outstanding().is_empty());
    assert_eq!(order.status(), Status::Shipped);
    order.evolve(&Event::OrderCompleted {}, at(102));
    assert_eq!(order.status(), Status::Completed);
}

#[test]
fn nobody_is_told_where_there_is_no_storefront() {
    let Event::OrderAccepted(mut fact) = accepted(ordinary()) else { unreachable!() };
    fact.routes.storefront = None;
    let order = given([Event::OrderAccepted(fact), allocated(1, "LON1", &whole()), shipped(1, 1, &whole())]);
    assert_eq!(kinds(&order), ["post_sales_order:SO"]);
}

#[test]
fn invoices_come_one_after_the_other() {
    let parcels = [shipped(1, 1, &[(0, 1)]), shipped(2, 1, &[(0, 1), (1, 1)])];
    let mut order =
        given([accepted(ordinary()), allocated(1, "LON1", &whole()), sales_order()].into_iter().chain(parcels));
    for shipment in [2, 1] {
        order.evolve(&Event::ItemFulfillmentPosted { shipment, document: document("IF", None) }, at(50));
        let invoices = kinds(&order).into_iter().filter(|task| task.starts_with("post_invoice")).collect::<Vec<_>>();
        assert_eq!(invoices, if shipment == 2 { vec![] } else { vec!["post_invoice:INV1"] });
    }
}

#[test]
fn a_hold_hides_what_is_left_and_its_end_brings_it_back() {
    let facts = vec![accepted(ordinary()), allocated(1, "LON1", &whole()), sales_order()];
    let before = kinds(&given(facts.clone()));
    let order = given([facts.clone(), vec![held(HoldCode::Risk)]].concat());
    assert_eq!((order.status(), kinds(&order), order.is_finished()), (Status::Held, vec![], false));
    assert_eq!(order.attention()[0].about, "hold:risk");
    let lifted = Event::OrderReleased { codes: vec![HoldCode::Risk] };
    assert_eq!(kinds(&given([facts, vec![held(HoldCode::Risk), lifted]].concat())), before);
}

type Shows = fn(&Order) -> bool;

#[test]
fn an_effect_that_was_done_shows_whatever_has_happened_meanwhile() {
    let late_facts: [(Event, Shows); 6] = [
        (sales_order(), |order| order.sales_order.is_some()),
        (allocated(1, "LON1", &whole()), |order| order.allocations.len() == 1),
        (Event::FulfillmentRequested { number: 1, document: document("F1", None) }, |order| {
            order.fulfillments.len() == 1
        }),
        (shipped(1, 1, &whole()), |order| order.shipments.len() == 1),
        (Event::InvoicePosted { shipment: 1, document: document("INV1", Some(5)) }, |order| order.invoices.len() == 1),
        (Event::TenderCaptured { number: 2, tender: tender("T2", 5) }, |order| order.tenders().len() == 2),
    ];
    let meanwhile = || {
        [
            held(HoldCode::CancelledAtStorefront),
            held(HoldCode::Unreadable),
            Event::TaskClaimed { task: task(TaskKind::PostSalesOrder, "SO"), attempt: 1, until: at(9999) },
            parked(task(TaskKind::PostSalesOrder, "SO"), WaitsOn::Operator),
            Event::OrderCompleted {},
            Event::Unknown(UnknownEvent { kind: "OrderTeleported.v1".into(), data: serde_json::Value::Null }),
        ]
    };
    for (fact, shows) in &late_facts {
        for between in meanwhile() {
            let order = given([accepted(ordinary()), between.clone(), fact.clone()]);
            assert!(shows(&order), "{} after {}", fact.type_name(), between.type_name());
        }
    }
}

#[test]
fn a_task_that_was_done_while_it_was_parked_needs_nobody() {
    let so = task(TaskKind::PostSalesOrder, "SO");
    let mut order = given([accepted(ordinary()), parked(so.clone(), WaitsOn::Operator)]);
    assert_eq!(order.attention().len(), 1);
    assert!(order.runnable(at(10)).iter().all(|task| task.id != so));
    order.evolve(&sales_order(), at(11));
    assert_eq!(order.attention(), []);
    let order = given([
        accepted(ordinary()),
        allocated(1, "LON1", &whole()),
        parked(task(TaskKind::Allocate, "A1"), WaitsOn::Sku(sku("TEE"))),
    ]);
    assert_eq!((order.attention(), order.summary().waits_on), (vec![], None));
}

#[test]
fn a_backorder_is_seen_waits_for_its_sku_and_is_looked_at_by_itself() {
    let allocate = task(TaskKind::Allocate, "A1");
    let mut order = given([accepted(ordinary()), sales_order(), parked(allocate.clone(), WaitsOn::Sku(sku("TEE")))]);
    assert_eq!(order.summary().waits_on.as_deref(), Some("sku#TEE"));
    let exception = &order.summary().attention[0];
    assert_eq!((exception.about.as_str(), exception.class.as_str(), exception.since), ("allocate:A1", "stock", at(3)));
    assert!(order.runnable(at(9)).iter().all(|task| task.id != allocate));
    assert!(order.next_due().is_some(), "stock may arrive without anybody being told");
    order.evolve(&held(HoldCode::Risk), at(5));
    assert_eq!(order.summary().waits_on.as_deref(), Some("sku#TEE"), "a held order still waits for its goods");
    order.evolve(&Event::OrderReleased { codes: vec![HoldCode::Risk] }, at(6));
    order.evolve(&Event::TaskReleased { task: allocate.clone() }, at(7));
    assert_eq!((order.summary().waits_on, order.attention()), (None, vec![]));
    assert!(order.runnable(at(9)).iter().any(|task| task.id == allocate));
}

#[test]
fn what_waits_for_a_person_is_never_due() {
    let order = given([
        accepted(ordinary()),
        parked(task(TaskKind::Allocate, "A1"), WaitsOn::Operator),
        parked(task(TaskKind::PostSalesOrder, "SO"), WaitsOn::Operator),
    ]);
    assert_eq!(order.next_due(), None);
    assert_eq!(order.attention().len(), 2);
}

#[test]
fn what_was_given_up_was_tried() {
    let so = task(TaskKind::PostSalesOrder, "SO");
    let refused = || parked(so.clone(), WaitsOn::Operator);
    let claimed = |attempt| Event::TaskClaimed { task: so.clone(), attempt, until: at(60) };
    let tries = |events: Vec<Event>| {
        let order = given([accepted(ordinary())].into_iter().chain(events));
        (order.attempts(&so), order.attention()[0].attempts)
    };
    assert_eq!(tries(vec![refused()]), (1, 1));
    assert_eq!(tries(vec![claimed(1), refused()]), (1, 1), "the claim was of the same try");
    assert_eq!(tries(vec![claimed(1), claimed(2), refused()]), (2, 2));
    assert_eq!(tries(vec![refused(), Event::TaskReleased { task: so.clone() }, refused()]), (2, 2));
}

#[test]
fn a_claim_keeps_others_away_until_it_ends() {
    let so = task(TaskKind::PostSalesOrder, "SO");
    let order = given([accepted(ordinary()), Event::TaskClaimed { task: so.clone(), attempt: 1, until: at(60) }]);
    let is_free = |now| order.runnable(now).iter().any(|task| task.id == so);
    assert!(!is_free(at(59)) && is_free(at(60)));
    assert_eq!(order.attempts(&so), 1);
    assert!(order.outstanding().iter().any(|task| task.id == so), "what is claimed is still owed");
}

#[test]
fn a_task_that_stays_late_is_an_exception() {
    let so = task(TaskKind::PostSalesOrder, "SO");
    let mut order =
        given([accepted(ordinary()), allocated(1, "LON1", &whole()), Event::TaskOverdue { task: so.clone() }]);
    assert_eq!(order.attention(), [], "once is the fast path's fault");
    order.evolve(&Event::TaskOverdue { task: so.clone() }, at(900));
    let exception = &order.attention()[0];
    assert_eq!((exception.class.as_str(), exception.attempts), ("overdue", 2));
    order.evolve(&Event::TaskReleased { task: so }, at(901));
    assert_eq!(order.attention(), [], "a retry starts anew");
}

#[test]
fn an_unknown_fact_stops_all_work_and_no_recording() {
    let unknown = Event::Unknown(UnknownEvent { kind: "OrderTeleported.v1".into(), data: serde_json::Value::Null });
    let order = given([accepted(ordinary()), unknown, allocated(1, "LON1", &whole())]);
    assert_eq!(order.runnable(at(99)), []);
    assert!(!order.outstanding().is_empty() && !order.is_finished());
    assert_eq!(order.allocations.len(), 1);
    assert!(order.attention().iter().any(|exception| exception.about == "order"));
}

#[test]
fn a_full_stream_takes_facts_and_no_work() {
    let mut order = given([accepted(ordinary())]);
    order.seq = MAX_COMMITS - 21;
    assert!(!order.is_full() && !order.runnable(at(99)).is_empty());
    order.seq = MAX_COMMITS - 20;
    assert!(order.is_full() && order.runnable(at(99)).is_empty());
    assert!(order.attention().iter().any(|exception| exception.about == "order"));
    order.evolve(&sales_order(), at(100));
    assert!(order.sales_order.is_some());
}

#[test]
fn a_completed_order_is_reopened_by_money_that_arrives() {
    let mut order = completed();
    assert!(order.is_finished());
    order.evolve(&Event::TenderCaptured { number: 2, tender: tender("T2", 100) }, at(2000));
    assert_eq!(kinds(&order), ["post_deposit:DEP2"]);
    assert!(!order.is_finished());
}

fn completed() -> Order {
    let total = ordinary().total.get();
    let application = serde_json::json!({ "number": 1, "shipment": 1, "tender": "T1", "amount": total, "document": document("DA1", None) });
    given([
        accepted(ordinary()),
        allocated(1, "LON1", &whole()),
        shipped(1, 1, &whole()),
        sales_order(),
        Event::DepositPosted { tender: "T1".into(), document: document("DEP1", None) },
        Event::ItemFulfillmentPosted { shipment: 1, document: document("IF1", None) },
        Event::InvoicePosted { shipment: 1, document: document("INV1", Some(total)) },
        Event::DepositApplied(serde_json::from_value(application).unwrap()),
        Event::ShipmentAnnounced { shipment: 1, document: document("S1", None) },
        Event::OrderCompleted {},
    ])
}

#[test]
fn an_order_that_nobody_has_accepted_owes_nothing() {
    let order = given([shipped(1, 1, &whole())]);
    assert_eq!((order.status(), order.outstanding(), order.is_finished()), (Status::Announced, vec![], false));
    assert_eq!(Order::new(order_id()).due(at(0)), given([]).due(at(0)));
}

/// Facts that say something about the same thing keep their order, because one source tells them; all others may
/// overtake one another.
#[expect(clippy::too_many_lines, reason = "a list of all types, a line each")]
fn subject(event: &Event) -> String {
    match event {
        Event::OrderHeld { .. } | Event::OrderReleased { .. } => "holds".into(),
        Event::TaskClaimed { task, .. } | Event::TaskReleased { task } | Event::TaskOverdue { task } => {
            task.to_string()
        }
        Event::TaskParked(parked) => parked.task.to_string(),
        Event::OrderEdited(_) | Event::ChangeRefused(_) => "edits".into(),
        Event::ExceptionHandled(said) => format!("said of {}", said.about),
        Event::StorefrontChanged { .. } => "changes".into(),
        Event::RecipientChanged { .. } => "recipient".into(),
        Event::FulfillmentStopped(stop) => format!("stops of {}", stop.number),
        Event::ReturnRequested(Return { number, .. })
        | Event::ReturnClosed { number, .. }
        | Event::ReturnResolved { number, .. } => format!("return {number}"),
        Event::RefundDecided(refund) | Event::RefundRecorded { refund, .. } => format!("refund {}", refund.number),
        Event::RefundIssued { number, .. } => format!("refund {number}"),
        Event::OrderAccepted(_)
        | Event::OrderRefused(_)
        | Event::TenderCaptured { .. }
        | Event::OrderAllocated(_)
        | Event::FulfillmentRequested { .. }
        | Event::ShipmentRecorded(_)
        | Event::SalesOrderPosted { .. }
        | Event::DepositPosted { .. }
        | Event::ItemFulfillmentPosted { .. }
        | Event::InvoicePosted { .. }
        | Event::DepositApplied(_)
        | Event::ShipmentAnnounced { .. }
        | Event::OrderCancelled(_)
        | Event::StorefrontCancelled { .. }
        | Event::SalesRead { .. }
        | Event::ReturnAuthorized { .. }
        | Event::ReturnAnnounced { .. }
        | Event::ReturnReceived(_)
        | Event::RefundWithdrawn { .. }
        | Event::SalesOrderAmended { .. }
        | Event::ReturnAuthorizationPosted { .. }
        | Event::ItemReceiptPosted { .. }
        | Event::AdjustmentPosted { .. }
        | Event::CreditMemoPosted { .. }
        | Event::CustomerRefundPosted { .. }
        | Event::CreditApplied(_)
        | Event::DisputeOpened(_)
        | Event::DisputeClosed(_)
        | Event::DisputePosted { .. }
        | Event::DisputeSettled { .. }
        | Event::OrderCompleted {}
        | Event::StockReceived(_)
        | Event::StockCounted(_)
        | Event::StockAdjusted(_)
        | Event::StockTransferred(_)
        | Event::StockPosted(_)
        | Event::ReconciliationRequested(_)
        | Event::ReconciliationFinished(_)
        | Event::StockParked(_)
        | Event::StockReleased { .. }
        | Event::InventoryDriftDetected(_)
        | Event::InventoryDriftEnded(_)
        | Event::CatalogueItemRefused(_)
        | Event::CatalogueItemKept(_)
        | Event::StockSpread { .. }
        | Event::StockHeld(_)
        | Event::HoldTaken { .. }
        | Event::HoldExpired {}
        | Event::HoldReleased {}
        | Event::ShortageFound(_)
        | Event::Unknown(_) => serde_json::to_string(event).unwrap(),
    }
}

/// Another order of the same facts: each takes the place that its key says, unless it would overtake its own subject.
fn permuted(facts: &[(Event, Timestamp)], keys: &[u32]) -> Vec<(Event, Timestamp)> {
    let mut keyed: Vec<(u32, usize)> = Vec::new();
    for (place, (event, _)) in facts.iter().enumerate() {
        let before = keyed
            .iter()
            .filter(|(_, earlier)| subject(&facts[*earlier].0) == subject(event))
            .map(|(key, _)| *key)
            .max();
        let key = keys.get(place % keys.len().max(1)).copied().unwrap_or(0);
        keyed.push((before.map_or(key, |before| key.max(before)), place));
    }
    keyed.sort();
    keyed.into_iter().map(|(_, place)| facts[place].clone()).collect()
}

fn folded(facts: &[(Event, Timestamp)]) -> Order {
    let mut order = Order::new(order_id());
    facts.iter().for_each(|(event, at)| order.evolve(event, *at));
    order
}

fn late(order: &Order, now: Timestamp) -> Vec<Task> {
    order.outstanding().into_iter().filter(|task| order.due_at(task) <= now).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn facts_of_different_sources_give_the_same_state_in_any_order(
        order in any_order(), play in any_play(), keys in prop::collection::vec(any::<u32>(), 1..60),
    ) {
        let world = played(order, &play);
        let facts: Vec<(Event, Timestamp)> =
            world.commits.iter().flat_map(|commit| commit.events.iter().map(|event| (event.clone(), commit.at))).collect();
        let expected = folded(&facts);
        prop_assert_eq!(&folded(&permuted(&facts, &keys)), &expected);
        prop_assert_eq!(expected.outstanding(), world.order.outstanding());
    }

    #[test]
    fn a_fact_told_twice_is_one_fact(order in any_order(), play in any_play()) {
        let world = played(order, &play);
        let facts = world.commits.iter().flat_map(|commit| commit.events.iter().map(|event| (event.clone(), commit.at)));
        let counted = |event: &Event| matches!(event, Event::TaskOverdue { .. } | Event::TaskParked(_));
        let twice: Vec<(Event, Timestamp)> = facts
            .clone()
            .flat_map(|fact| { let times = if counted(&fact.0) { 1 } else { 2 }; std::iter::repeat_n(fact, times) })
            .collect();
        prop_assert_eq!(folded(&twice), folded(&facts.collect::<Vec<_>>()));
    }

    #[test]
    fn somebody_looks_before_a_task_is_due_and_later_every_time(order in any_order(), play in any_play()) {
        let mut order = played(order, &play).order;
        let mut now = order.updated_at.unwrap();
        for _ in 0..12 {
            let Some(due) = order.next_due() else { return Ok(()) };
            for task in order.outstanding().iter().filter(|task| !order.parked.contains_key(&task.id)) {
                prop_assert!(due <= order.due_at(task));
            }
            now = now.max(due);
            for task in late(&order, now) {
                order.evolve(&Event::TaskOverdue { task: task.id }, now);
            }
            let next = order.next_due().unwrap();
            prop_assert!(next > now, "after the late tasks were triggered, the next look lies ahead");
            prop_assert!(next.duration_since(now) <= SignedDuration::from_hours(12), "and not for ever away");
        }
    }
}
