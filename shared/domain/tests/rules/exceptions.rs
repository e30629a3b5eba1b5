//! What needs a person, and what people may say about it.

use std::collections::BTreeSet;

use crossdock_domain::event::{FailureClass, Parked, WaitsOn};
use crossdock_domain::exception::{Act, Action, Handled, Settlement, criticality};
use crossdock_domain::outstanding::{Criticality, TaskId};
use crossdock_domain::{Attention, Event, Hold, HoldCode, Order, TaskKind};
use jiff::SignedDuration;
use proptest::prelude::*;

use crate::samples::{accepted, after, at, document, given, ordinary, sku};
use crate::simulation::{any_order, any_play, played};

const SALES_ORDER: &str = "post_sales_order:SO";

fn parked(about: &str, class: FailureClass, reason: &str) -> Event {
    Event::TaskParked(Parked::for_a_person(about.parse().unwrap(), class, reason.into()))
}

fn said(about: &str, act: Act) -> Event {
    Event::ExceptionHandled(Handled { about: about.into(), by: "finance".into(), act })
}

fn stuck(reason: &str) -> Order {
    given([accepted(ordinary()), parked(SALES_ORDER, FailureClass::Refused, reason)])
}

fn settlement<'a>(about: &'a str, document_id: Option<&'a str>) -> Settlement<'a> {
    Settlement { about, by: "finance", reason: "settled with the bank", document_id }
}

fn names(order: &Order, about: &str) -> Vec<&'static str> {
    let exception = order.attention().into_iter().find(|known| known.about == about).unwrap();
    order.legal_actions(&exception).iter().map(|legal| legal.action.name()).collect()
}

#[test]
fn who_sees_to_it_and_what_it_is_found_under_stays_with_it() {
    let tags: BTreeSet<String> = ["period".to_owned()].into();
    let mut order = stuck("the period is closed");
    for act in [
        Act::Assigned { owner: Some("finance".into()) },
        Act::Tagged { tags: tags.clone() },
        Act::Snoozed { until: Some(at(9_000)) },
    ] {
        order.evolve(&said(SALES_ORDER, act), at(100));
    }
    let known = &order.attention()[0];
    assert_eq!((known.handling.owner.as_deref(), &known.handling.tags), (Some("finance"), &tags));
    assert!(known.is_snoozed(at(8_999)) && !known.is_snoozed(at(9_000)));
    order.evolve(&said(SALES_ORDER, Act::Assigned { owner: None }), at(101));
    order.evolve(&said(SALES_ORDER, Act::Snoozed { until: None }), at(101));
    let known = &order.attention()[0];
    assert_eq!((known.handling.owner.as_deref(), known.is_snoozed(at(102))), (None, false));
}

#[test]
fn an_exception_ages_from_when_it_was_seen_first() {
    let mut order = given([accepted(ordinary())]);
    let task: TaskId = SALES_ORDER.parse().unwrap();
    order.evolve(&parked(SALES_ORDER, FailureClass::Refused, "closed"), at(100));
    order.evolve(&Event::TaskReleased { task }, at(200));
    assert_eq!(order.attention(), [], "it is tried again");
    order.evolve(&parked(SALES_ORDER, FailureClass::Refused, "closed"), at(300));
    let known = &order.attention()[0];
    assert_eq!((known.since, known.last_seen()), (at(100), at(300)));
}

#[test]
fn what_is_settled_elsewhere_ends_for_its_own_cause_only() {
    let (hold, about) =
        (|detail: &str| Event::OrderHeld { holds: vec![Hold::new(HoldCode::Totals, detail)] }, "hold:totals");
    let order = given([accepted(ordinary()), hold("1 minor unit is missing")]);
    let settled = after(&order, order.settle(&settlement(about, None)));
    assert_eq!(settled.attention(), []);
    let again = after(&settled, hold("2 minor units are missing"));
    assert_eq!(again.attention()[0].about, about, "another cause is another exception");
    let reopened = after(&settled, said(about, Act::Reopened {}));
    assert_eq!(reopened.attention()[0].about, about);
    let twice = after(&settled, settled.settle(&settlement(about, None)));
    assert_eq!(twice.seq, settled.seq, "what is settled is not settled again");
}

#[test]
fn what_was_posted_by_hand_is_posted() {
    let order = stuck("the period is closed");
    assert_eq!(order.settle(&settlement(SALES_ORDER, None)).events, [], "which document?");
    let settled = after(&order, order.settle(&settlement(SALES_ORDER, Some("4711"))));
    let posted = &settled.sales_order.as_ref().unwrap().fact;
    assert_eq!((posted.id.as_str(), posted.system.as_str()), ("4711", "netsuite"));
    assert_eq!(posted.total_minor, Some(ordinary().total), "the books count it as what it has to come to");
    assert_eq!(settled.attention(), []);
    assert!(!settled.outstanding().iter().any(|task| task.id.kind == TaskKind::PostSalesOrder), "and never again");
}

#[test]
fn what_nobody_has_to_say_is_not_said() {
    let order = given([accepted(ordinary())]);
    for about in [SALES_ORDER, "books", "hold:risk", "nonsense", ""] {
        assert_eq!(order.settle(&settlement(about, Some("1"))).events, [], "{about}");
    }
    let held = given([accepted(ordinary()), Event::OrderHeld { holds: vec![Hold::new(HoldCode::Risk, "risky")] }]);
    assert_eq!(held.settle(&settlement("hold:risk", None)).events, [], "a review releases it, or it is cancelled");
}

#[test]
fn every_exception_says_what_may_be_done_now() {
    assert_eq!(names(&stuck("closed"), SALES_ORDER), ["retry", "resolve"]);
    let unmapped = given([accepted(ordinary()), parked(SALES_ORDER, FailureClass::Mapping, "TEE is unknown")]);
    assert_eq!(names(&unmapped, SALES_ORDER), ["retry", "map", "resolve"]);
    for (code, actions) in [
        (HoldCode::Risk, vec!["retry", "cancel"]),
        (HoldCode::Address, vec!["retry", "edit-recipient", "cancel"]),
        (HoldCode::Unmapped, vec!["retry", "map", "cancel"]),
        (HoldCode::Totals, vec!["resolve", "cancel"]),
    ] {
        let held = given([accepted(ordinary()), Event::OrderHeld { holds: vec![Hold::new(code, "why")] }]);
        assert_eq!(names(&held, &format!("hold:{code}")), actions);
    }
    let unknown = given([Event::OrderHeld { holds: vec![Hold::new(HoldCode::Unreadable, "why")] }]);
    assert_eq!(names(&unknown, "hold:unreadable"), ["resolve"], "there is nothing to cancel yet");
}

#[test]
fn a_task_that_is_late_may_be_triggered_again() {
    let mut order = given([accepted(ordinary())]);
    let task: TaskId = SALES_ORDER.parse().unwrap();
    assert_eq!(order.release(&task).events, [], "it runs");
    for seconds in [300, 900] {
        order.evolve(&Event::TaskOverdue { task: task.clone() }, at(seconds));
    }
    assert_eq!(names(&order, SALES_ORDER)[0], "retry");
    let released = after(&order, order.release(&task));
    assert_eq!(released.attention(), []);
}

#[test]
fn whom_it_concerns() {
    for (about, concerned) in [
        ("post_invoice:INV1", Criticality::Financial),
        ("request_fulfillment:F1", Criticality::Fulfilment),
        ("issue_refund:R1", Criticality::CustomerFacing),
        ("hold:address", Criticality::CustomerFacing),
        ("return:RMA1", Criticality::CustomerFacing),
        ("change:e1", Criticality::Fulfilment),
        ("books", Criticality::Financial),
        ("dispute:D1", Criticality::Financial),
        ("post", Criticality::Financial),
        ("delivery", Criticality::CustomerFacing),
    ] {
        assert_eq!(criticality(about), concerned, "{about}");
    }
}

#[test]
fn an_order_that_nobody_had_to_see_to_is_untouched() {
    let quiet = given([accepted(ordinary()), Event::SalesOrderPosted { document: document("SO", Some(2799)) }]);
    assert!(!quiet.touched && !quiet.summary().touched);
    let backordered = Event::TaskParked(Parked {
        waits_on: WaitsOn::Sku(sku("TEE")),
        ..Parked::for_a_person("allocate:A1".parse().unwrap(), FailureClass::Stock, "2 x TEE".into())
    });
    assert!(!after(&quiet, backordered).touched, "stock comes by itself");
    let overdue = || Event::TaskOverdue { task: SALES_ORDER.parse().unwrap() };
    let late = given([accepted(ordinary()), overdue()]);
    assert!(!late.touched, "once is the fast path's fault");
    assert!(after(&late, overdue()).touched);
    assert!(stuck("closed").touched);
}

#[test]
fn actions_are_known_by_their_names() {
    for action in Action::ALL {
        assert_eq!(Action::named(action.name()), Some(action));
    }
    assert_eq!(Action::named("forget"), None);
}

proptest! {
    /// Whatever people say, nothing is owed or done by it, and what is said of one cause hides no other.
    #[test]
    fn words_change_nothing_but_what_is_shown(of in any_order(), play in any_play(), which in 0_usize..8, owner in "[a-z]{1,8}") {
        let order = played(of, &play).order;
        let found: Vec<Attention> = order.attention();
        let Some(exception) = found.get(which % found.len().max(1)) else { return Ok(()) };
        for act in [
            Act::Assigned { owner: Some(owner.clone()) },
            Act::Tagged { tags: [owner.clone()].into() },
            Act::Snoozed { until: order.updated_at.map(|at| at + SignedDuration::from_hours(1)) },
            Act::Resolved { reason: owner.clone(), cause: "another".into() },
        ] {
            let mut told = order.clone();
            told.evolve(&said(&exception.about, act), at(0));
            prop_assert_eq!(told.outstanding(), order.outstanding());
            prop_assert_eq!(told.status(), order.status());
            let (was, is) = (abouts(&order), abouts(&told));
            prop_assert_eq!(was, is);
        }
    }

    /// Every legal action is one that leads somewhere: resolving one ends it, and nothing else.
    #[test]
    fn resolving_ends_what_it_may(of in any_order(), play in any_play()) {
        let order = played(of, &play).order;
        for exception in order.attention() {
            let may = order.legal_actions(&exception).iter().any(|legal| legal.action == Action::Resolve);
            let decision = order.settle(&settlement(&exception.about, Some("4711")));
            prop_assert_eq!(may, !decision.events.is_empty(), "{}", &exception.about);
            if may {
                let settled = after(&order, decision);
                prop_assert!(!abouts(&settled).contains(&exception.about), "{}", &exception.about);
            }
        }
    }
}

fn abouts(order: &Order) -> Vec<String> {
    order.attention().into_iter().map(|known| known.about).collect()
}
