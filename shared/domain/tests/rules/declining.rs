//! An operator's no.

use crossdock_domain::event::{Disposition, Edit, Resolution};
use crossdock_domain::returns::{ReturnCommand, ReturnReport, decline, record_return, request_return, resolve};
use crossdock_domain::reversals::{RefusedChange, Return, ReturnLine, ReturnSource};
use crossdock_domain::{Event, Order};
use serde_json::json;

use crate::samples::{
    accepted_under, after, allocated, at, document, gone, kinds, line, needs, ordinary, refund_totals, settled,
    shipped, shop, sku, tender, whole,
};

/// A caller asks to return a tee.
fn asked(order: &Order) -> Order {
    let lines = vec![("L-TEE".to_owned(), 1, "unwanted".to_owned())];
    let command = ReturnCommand { lines, resolution: Resolution::Refund, request_hash: "ab".into(), at: at(7200) };
    after(order, request_return(order, &command).unwrap())
}

fn tee_comes_back(order: &Order, of_return: Option<u32>) -> Order {
    let report = ReturnReport {
        id: "RET-1".into(),
        location: "LON1".parse().unwrap(),
        lines: vec![(sku("TEE"), 1, Disposition::Restock)],
        completed: true,
        received_at: at(7900),
    };
    after(order, record_return(order, &report, of_return, &shop()))
}

fn closed(reason: &str) -> Vec<Event> {
    vec![Event::ReturnClosed { number: 1, reason: reason.into() }]
}

#[test]
fn a_return_that_waits_for_approval_is_declined() {
    let dear = accepted_under(ordinary(), json!({ "approval_above": { "GBP": 1 } }));
    let order = asked(&settled([dear, allocated(1, "LON1", &whole()), shipped(1, 1, &whole())]));
    assert_eq!(needs(&order), [("return:RMA1".into(), "approval".into())]);
    let decision = decline(&order, "return:RMA1");
    assert_eq!(decision.events, closed("declined"));
    let order = after(&order, decision);
    assert_eq!((needs(&order), order.returnable(0), refund_totals(&order)), (vec![], 2, vec![]));
    assert_eq!((decline(&order, "return:RMA1").events, resolve(&order, "return:RMA1").events), (vec![], vec![]));
}

#[test]
fn a_return_whose_goods_do_not_come_is_given_up() {
    let order = asked(&settled(gone()));
    let order = after(&order, Event::ReturnAnnounced { number: 1, document: document("RMA1", None) });
    assert!(kinds(&order).contains(&"await_return:RMA1".into()));
    let decision = decline(&order, "await_return:RMA1");
    assert_eq!(decision.events, closed("given up: the goods did not come"));
    let order = after(&order, decision);
    assert!(!kinds(&order).iter().any(|task| task.contains("RMA1") || task.contains(":RA1")), "nobody waits for it");
    assert_eq!((order.returnable(0), refund_totals(&order)), (2, vec![]));
}

#[test]
fn goods_that_came_unannounced_are_kept_without_a_refund() {
    let order = tee_comes_back(&settled(gone()), None);
    assert_eq!(needs(&order), [("return:RMA1".into(), "unannounced".into())]);
    let decision = decline(&order, "return:RMA1");
    assert_eq!(decision.events, closed("came unannounced and is not refunded"));
    let order = after(&order, decision);
    assert_eq!((needs(&order), refund_totals(&order), order.with_buyer(0)), (vec![], vec![], 1));
    assert_eq!(resolve(&order, "return:RMA1").events, []);
}

#[test]
fn a_change_that_came_too_late_is_not_followed() {
    let late = RefusedChange { id: "E1".into(), reason: "too late".into(), lines: vec![line("TEE", 1, 1000)] };
    let order = settled([gone(), vec![Event::ChangeRefused(late)]].concat());
    let decision = decline(&order, "change:E1");
    assert_eq!(decision.events, [Event::OrderEdited(Edit { id: "E1".into(), lines: Vec::new() })]);
    let order = after(&order, decision);
    assert_eq!((needs(&order), order.lines().count()), (vec![], 2));
    let order = after(&order, Event::TenderCaptured { number: 2, tender: tender("T2", 1000) });
    assert_eq!((decline(&order, "change:E1").events, resolve(&order, "change:E1").events), (vec![], vec![]));
}

#[test]
fn what_the_storefront_agrees_to_is_called_off_there() {
    let known = Return {
        number: 1,
        source: ReturnSource::Storefront("RET".into()),
        lines: vec![ReturnLine { line: 0, quantity: 1, reason: "unwanted".into() }],
        resolution: Resolution::Refund,
        expects_goods: true,
        approval: Some("the buyer asks for it".into()),
        request_hash: None,
    };
    let order = settled([gone(), vec![Event::ReturnRequested(known)]].concat());
    assert_eq!(needs(&order), [("return:RMA1".into(), "approval".into())]);
    assert_eq!(decline(&order, "return:RMA1").events, []);
    let order = after(&order, Event::ReturnAuthorized { number: 1 });
    assert_eq!(decline(&order, "await_return:RMA1").events, []);
}

#[test]
fn no_is_said_to_nothing_that_does_not_wait() {
    let order = tee_comes_back(&asked(&settled(gone())), Some(1));
    assert_eq!(refund_totals(&order), [1110]);
    for about in ["return:RMA1", "await_return:RMA1", "return:RMA9", "change:E9", "refund:R1", "weather"] {
        assert_eq!(decline(&order, about).events, [], "{about}");
    }
}
