//! How everything stands, and what cannot wait until the morning.

use std::collections::BTreeMap;

use crossdock_domain::Attention;
use crossdock_domain::exception::Handling;
use crossdock_domain::outstanding::{Criticality, TaskKind};
use crossdock_domain::overview::{Down, MOST_LISTED, Overview, Row, Urgency};
use crossdock_domain::settings::Routes;

use crate::samples::at;

const NOW: i64 = 100_000;

struct Told {
    id: String,
    owed: BTreeMap<TaskKind, jiff::Timestamp>,
    ship_by: Option<i64>,
    waits_on: Option<&'static str>,
}

fn owing(id: &str, owed: &[(TaskKind, i64)]) -> Told {
    let owed = owed.iter().map(|(kind, ago)| (*kind, at(NOW - ago))).collect();
    Told { id: id.into(), owed, ship_by: None, waits_on: None }
}

fn overview(down: &[&str], orders: &[Told]) -> Overview {
    let routes = Routes {
        storefront: Some("shopify-uk".parse().unwrap()),
        fulfillment: "shipbob".parse().unwrap(),
        erp: "netsuite".parse().unwrap(),
    };
    let down = down.iter().map(|name| Down {
        connection: name.parse().unwrap(),
        since: at(NOW - 600),
        reason: "503".into(),
        concerns: Criticality::Financial,
    });
    let mut overview = Overview::new(at(NOW), down.collect());
    for told in orders {
        overview.add_order(&Row {
            order_id: &told.id,
            owed: &told.owed,
            ship_by: told.ship_by.map(|seconds| at(NOW + seconds)),
            waits_on: told.waits_on,
            routes: Some(&routes),
        });
    }
    overview.sorted()
}

fn listed(overview: &Overview, urgency: Urgency) -> Vec<&str> {
    let list = overview.urgent.get(&urgency);
    list.into_iter().flat_map(|list| &list.orders).map(|order| order.order_id.as_str()).collect()
}

#[test]
fn an_order_that_misses_its_carrier_comes_first() {
    let to_hand_over =
        |id: &str, ship_by| Told { ship_by: Some(ship_by), ..owing(id, &[(TaskKind::RequestFulfillment, 60)]) };
    let with_3pl = |id: &str, ship_by| Told { ship_by: Some(ship_by), ..owing(id, &[(TaskKind::ConfirmShipment, 60)]) };
    let gone = Told { ship_by: Some(-60), ..owing("gone", &[(TaskKind::PostInvoice, 60)]) };
    let told = [
        to_hand_over("soon", 3_600),
        to_hand_over("tomorrow", 90_000),
        with_3pl("missed", -60),
        with_3pl("in-time", 3_600),
        to_hand_over("sooner", 60),
        gone,
    ];
    let overview = overview(&[], &told);
    assert_eq!(listed(&overview, Urgency::CutOff), ["missed", "sooner", "soon"]);
    assert_eq!(overview.cut_offs_missed, 1);
}

#[test]
fn what_a_buyer_waits_for_is_listed_once_it_has_not_healed() {
    let told = [
        owing("paid", &[(TaskKind::Allocate, 1_000)]),
        owing("just-paid", &[(TaskKind::Allocate, 100)]),
        Told { waits_on: Some("sku#TEE"), ..owing("oversold", &[(TaskKind::Allocate, 100)]) },
        owing("untold", &[(TaskKind::AnnounceShipment, 900), (TaskKind::PostInvoice, 5_000)]),
        owing("unpaid", &[(TaskKind::IssueRefund, 901)]),
        owing("books", &[(TaskKind::PostCreditMemo, 90_000)]),
    ];
    let overview = overview(&[], &told);
    assert_eq!(listed(&overview, Urgency::NotAtThe3pl), ["paid"]);
    assert_eq!(listed(&overview, Urgency::Oversold), ["oversold"]);
    assert_eq!(listed(&overview, Urgency::NotTold), ["untold"]);
    assert_eq!(listed(&overview, Urgency::RefundUnpaid), ["unpaid"]);
    let postings = overview.postings.unwrap();
    assert_eq!((postings.orders, postings.oldest), (2, at(NOW - 90_000)));
    assert_eq!((overview.in_flight, overview.steps[&TaskKind::Allocate].orders), (6, 3));
}

#[test]
fn a_connection_that_is_down_tells_who_waits_for_it_and_how_long_that_is_safe() {
    let told = [
        Told { ship_by: Some(7_200), ..owing("a", &[(TaskKind::RequestFulfillment, 60), (TaskKind::PostDeposit, 60)]) },
        Told { ship_by: Some(1_800), ..owing("b", &[(TaskKind::RequestFulfillment, 60)]) },
        owing("c", &[(TaskKind::PostInvoice, 60)]),
        owing("d", &[(TaskKind::AnnounceShipment, 60)]),
    ];
    let overview = overview(&["shipbob", "netsuite", "shopify-uk", "legacy"], &told);
    let behind: Vec<(&str, u64, Option<i64>)> = overview
        .down
        .iter()
        .map(|down| (down.connection.as_str(), down.orders, down.safe_until.map(|at| at.as_second())))
        .collect();
    let safe = |seconds: i64| Some(at(NOW + seconds).as_second());
    assert_eq!(
        behind,
        [("shipbob", 2, safe(1_800)), ("netsuite", 2, safe(7_200)), ("shopify-uk", 1, None), ("legacy", 0, None)]
    );
}

#[test]
fn exceptions_are_counted_by_class_and_by_whom_they_concern() {
    let mut overview = overview(&[], &[]);
    let told = |about: &str, class: &str, since| Attention::new(about, class, ("why".to_owned(), at(since)));
    let snoozed = Attention {
        handling: Handling { snoozed_until: Some(at(NOW + 1)), ..Handling::default() },
        ..told("books", "value", 1)
    };
    overview.add_exceptions(&[told("post_invoice:INV1", "mapping", 50), told("hold:risk", "risk", 40), snoozed]);
    overview.add_exceptions(&[told("post_sales_order:SO", "mapping", 60)]);
    assert_eq!(overview.classes, [("mapping".to_owned(), 2), ("risk".to_owned(), 1)].into());
    assert_eq!((overview.exceptions(Criticality::Financial), overview.exceptions(Criticality::CustomerFacing)), (2, 1));
    assert_eq!(overview.oldest_exception, Some(at(40)));
}

#[test]
fn a_long_list_names_the_worst_and_counts_all() {
    let told: Vec<Told> = (0..80).map(|n| owing(&format!("o{n:02}"), &[(TaskKind::Allocate, 1_000 + n)])).collect();
    let overview = overview(&[], &told);
    assert_eq!(overview.count(Urgency::NotAtThe3pl), 80);
    assert_eq!(listed(&overview, Urgency::NotAtThe3pl).len(), MOST_LISTED);
    assert_eq!(listed(&overview, Urgency::NotAtThe3pl)[0], "o79", "the oldest first");
    let kept = serde_json::to_string(&overview).unwrap();
    assert_eq!(serde_json::from_str::<Overview>(&kept).unwrap(), overview);
}
