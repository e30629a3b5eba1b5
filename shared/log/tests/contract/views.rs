//! Lists.

use crossdock_domain::{Attention, OrderId, TaskKind};
use crossdock_log::{OrderView, Page, Showing, ViewQuery};

use crate::samples::{at, commit_of};
use crate::subject::Subject;

/// What a commit shows of an order: where it stands, since when it needs somebody, what it waits on.
struct Shown {
    order: &'static str,
    placed: i64,
    status: &'static str,
    since: Option<i64>,
    waits_on: Option<&'static str>,
}

fn row(shown: &Shown, seq: u64) -> OrderView {
    let id: OrderId = shown.order.parse().unwrap();
    let mut commit = commit_of(&id.stream(), seq, vec![]);
    commit.summary.status = shown.status.into();
    commit.summary.placed_at = at(shown.placed);
    commit.summary.waits_on = shown.waits_on.map(Into::into);
    let exception =
        |since| Attention { attempts: 1, ..Attention::new("x", "stock", ("missing".to_owned(), at(since))) };
    commit.summary.attention = shown.since.map(exception).into_iter().collect();
    OrderView::of(&id, &commit)
}

const fn fine(order: &'static str, placed: i64) -> Shown {
    Shown { order, placed, status: "accepted", since: None, waits_on: None }
}

async fn show(subject: &Subject, shown: &Shown, seq: u64) {
    subject.store.show(&row(shown, seq)).await.unwrap();
}

/// Walks a list page by page.
async fn pages(subject: &Subject, query: &ViewQuery, limit: i32) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut after = None;
    for _ in 0..20 {
        let (rows, next) = subject.store.list(query, &Page { limit, after }).await.unwrap();
        if !rows.is_empty() {
            pages.push(rows.into_iter().map(|row| row.order_id).collect());
        }
        let Some(next) = next else { return pages };
        after = Some(next);
    }
    panic!("the list never ends: {pages:?}");
}

async fn listed(subject: &Subject, query: &ViewQuery) -> Vec<String> {
    pages(subject, query, 50).await.concat()
}

fn connection(name: &str) -> ViewQuery {
    ViewQuery::Connection(name.into())
}

pub async fn a_row_is_seen_as_it_was_shown(subject: &Subject) {
    let shown = Shown { since: Some(7), waits_on: Some("sku#TEE"), ..fine("shopify-uk.1", 0) };
    assert_eq!(subject.store.seen("shopify-uk.1").await.unwrap(), None);
    show(subject, &shown, 3).await;
    let seen = subject.store.seen("shopify-uk.1").await.unwrap().unwrap();
    assert_eq!(seen, row(&shown, 3));
    assert_eq!((seen.seq, seen.status.as_str(), seen.exceptions.len()), (3, "accepted", 1));
}

pub async fn a_late_row_changes_nothing(subject: &Subject) {
    show(subject, &Shown { status: "completed", ..fine("shopify-uk.1", 0) }, 10).await;
    for seq in [9, 10, 2] {
        show(subject, &Shown { status: "held", since: Some(1), ..fine("shopify-uk.1", 0) }, seq).await;
        let seen = subject.store.seen("shopify-uk.1").await.unwrap().unwrap();
        assert_eq!((seen.seq, seen.status.as_str()), (10, "completed"));
    }
    assert_eq!(listed(subject, &ViewQuery::Attention("shopify-uk".into())).await, Vec::<String>::new());
    show(subject, &Shown { status: "shipped", ..fine("shopify-uk.1", 0) }, 11).await;
    assert_eq!(subject.store.seen("shopify-uk.1").await.unwrap().unwrap().status, "shipped");
}

/// What is left to do of an order, and what its storefront calls it.
fn flying(order: &str, seq: u64, (owed, name): (&[TaskKind], &str)) -> OrderView {
    let id: OrderId = order.parse().unwrap();
    let mut commit = commit_of(&id.stream(), seq, vec![]);
    commit.summary.placed_at = at(i64::try_from(order.len()).unwrap());
    commit.summary.owed = owed.iter().map(|kind| (*kind, at(7))).collect();
    commit.summary.name = Some(name.to_owned());
    OrderView::of(&id, &commit)
}

pub async fn what_is_in_flight_is_found_until_it_has_landed(subject: &Subject) {
    let flight = ViewQuery::InFlight("shopify-uk".into());
    let (both, one) = ([TaskKind::Allocate, TaskKind::PostSalesOrder], [TaskKind::PostSalesOrder]);
    for order in ["shopify-uk.1", "shopify-uk.22", "web-uk.3"] {
        subject.store.show(&flying(order, 1, (&both, "#1"))).await.unwrap();
    }
    assert_eq!(pages(subject, &flight, 1).await, [["shopify-uk.1"], ["shopify-uk.22"]]);
    subject.store.show(&flying("shopify-uk.22", 2, (&one, "#1"))).await.unwrap();
    let (rows, _) = subject.store.list(&flight, &Page { limit: 50, after: None }).await.unwrap();
    assert_eq!(rows[1].owed.keys().copied().collect::<Vec<_>>(), one, "the rows are whole");
    subject.store.show(&flying("shopify-uk.22", 3, (&[], "#1"))).await.unwrap();
    assert_eq!(listed(subject, &flight).await, ["shopify-uk.1"]);
}

pub async fn an_order_is_found_by_what_its_storefront_calls_it(subject: &Subject) {
    for (order, name) in [("shopify-uk.1", "#1001"), ("shopify-uk.2", "#1002"), ("web-uk.3", "#1001")] {
        subject.store.show(&flying(order, 1, (&[], name))).await.unwrap();
    }
    for name in ["#1001", "1001", " 1001 "] {
        let query = ViewQuery::Named("shopify-uk".into(), name.into());
        assert_eq!(listed(subject, &query).await, ["shopify-uk.1"], "{name}");
    }
    assert_eq!(listed(subject, &ViewQuery::Named("web-uk".into(), "1002".into())).await, Vec::<String>::new());
}

pub async fn who_shows_a_row_learns_what_was_there(subject: &Subject) {
    let (first, second) = (flying("shopify-uk.1", 1, (&[], "#1")), flying("shopify-uk.1", 2, (&[], "#1")));
    assert_eq!(subject.store.show(&first).await.unwrap(), Showing::Written(None));
    assert_eq!(subject.store.show(&first).await.unwrap(), Showing::Known);
    assert_eq!(subject.store.show(&second).await.unwrap(), Showing::Written(Some(Box::new(first.clone()))));
    assert_eq!(subject.store.show(&first).await.unwrap(), Showing::Known);
}

pub async fn every_list_has_its_own_rows(subject: &Subject) {
    show(subject, &fine("shopify-uk.1", 0), 1).await;
    show(subject, &Shown { status: "held", since: Some(5), ..fine("shopify-uk.2", 10) }, 1).await;
    show(subject, &Shown { waits_on: Some("sku#TEE"), since: Some(6), ..fine("shopify-uk.3", 20) }, 1).await;
    show(subject, &Shown { waits_on: Some("sku#TEE"), since: Some(7), ..fine("web-uk.4", 30) }, 1).await;
    show(subject, &Shown { waits_on: Some("sku#MUG"), ..fine("web-uk.5", 40) }, 1).await;
    let status = |status: &str| ViewQuery::Status("shopify-uk".into(), status.into());
    for (query, orders) in [
        (connection("shopify-uk"), vec!["shopify-uk.3", "shopify-uk.2", "shopify-uk.1"]),
        (connection("web-uk"), vec!["web-uk.5", "web-uk.4"]),
        (connection("shopify"), vec![]),
        (status("accepted"), vec!["shopify-uk.3", "shopify-uk.1"]),
        (status("held"), vec!["shopify-uk.2"]),
        (status("completed"), vec![]),
        (ViewQuery::Attention("shopify-uk".into()), vec!["shopify-uk.2", "shopify-uk.3"]),
        (ViewQuery::Attention("web-uk".into()), vec!["web-uk.4"]),
        (ViewQuery::Waiting("sku#TEE".into()), vec!["shopify-uk.3", "web-uk.4"]),
        (ViewQuery::Waiting("sku#CAP".into()), vec![]),
    ] {
        assert_eq!(listed(subject, &query).await, orders, "{query:?}");
    }
}

const ORDERS: [&str; 5] = ["shopify-uk.1", "shopify-uk.2", "shopify-uk.3", "shopify-uk.4", "shopify-uk.5"];

/// Five orders, shown in another order than that in which they were placed.
async fn five(subject: &Subject) {
    for n in [3, 1, 5, 2, 4] {
        let placed = i64::try_from(n).unwrap();
        let shown = Shown {
            status: "held",
            since: Some(100 - placed),
            waits_on: Some("sku#TEE"),
            ..fine(ORDERS[n - 1], placed)
        };
        show(subject, &shown, 1).await;
    }
}

pub async fn orders_come_newest_first_in_pages(subject: &Subject) {
    five(subject).await;
    let expected = [vec![ORDERS[4], ORDERS[3]], vec![ORDERS[2], ORDERS[1]], vec![ORDERS[0]]];
    assert_eq!(pages(subject, &connection("shopify-uk"), 2).await, expected);
    assert_eq!(pages(subject, &ViewQuery::Status("shopify-uk".into(), "held".into()), 2).await, expected);
    assert_eq!(pages(subject, &connection("shopify-uk"), 5).await.concat().len(), 5);
    assert_eq!(pages(subject, &connection("shopify-uk"), 0).await.len(), 5, "a page has at least one row");
}

pub async fn exceptions_come_oldest_first_in_pages(subject: &Subject) {
    five(subject).await;
    let expected = [vec![ORDERS[4], ORDERS[3], ORDERS[2]], vec![ORDERS[1], ORDERS[0]]];
    assert_eq!(pages(subject, &ViewQuery::Attention("shopify-uk".into()), 3).await, expected);
}

pub async fn waiters_come_oldest_first_in_pages(subject: &Subject) {
    five(subject).await;
    let expected = [vec![ORDERS[0], ORDERS[1]], vec![ORDERS[2], ORDERS[3]], vec![ORDERS[4]]];
    assert_eq!(pages(subject, &ViewQuery::Waiting("sku#TEE".into()), 2).await, expected);
}

pub async fn a_row_leaves_the_lists_that_it_no_longer_belongs_to(subject: &Subject) {
    show(subject, &Shown { status: "held", since: Some(5), waits_on: Some("sku#TEE"), ..fine("shopify-uk.1", 0) }, 1)
        .await;
    show(subject, &Shown { status: "completed", ..fine("shopify-uk.1", 0) }, 2).await;
    for query in [
        ViewQuery::Attention("shopify-uk".into()),
        ViewQuery::Waiting("sku#TEE".into()),
        ViewQuery::Status("shopify-uk".into(), "held".into()),
    ] {
        assert_eq!(listed(subject, &query).await, Vec::<String>::new(), "{query:?}");
    }
    assert_eq!(listed(subject, &ViewQuery::Status("shopify-uk".into(), "completed".into())).await, ["shopify-uk.1"]);
}

pub async fn rows_of_the_same_moment_are_all_shown(subject: &Subject) {
    for order in ["shopify-uk.A", "shopify-uk.B", "shopify-uk.C"] {
        show(subject, &Shown { since: Some(1), ..fine(order, 0) }, 1).await;
    }
    for query in [connection("shopify-uk"), ViewQuery::Attention("shopify-uk".into())] {
        let mut orders = pages(subject, &query, 1).await.concat();
        orders.sort();
        assert_eq!(orders, ["shopify-uk.A", "shopify-uk.B", "shopify-uk.C"]);
    }
}

pub async fn orders_of_one_second_come_in_their_order(subject: &Subject) {
    for (order, milliseconds) in [("shopify-uk.A", 0), ("shopify-uk.B", 250), ("shopify-uk.C", 1000)] {
        let mut commit = commit_of(&order.replace('.', "#"), 1, vec![]);
        commit.summary.placed_at = at(0) + jiff::SignedDuration::from_millis(milliseconds);
        subject.store.show(&OrderView::of(&order.parse().unwrap(), &commit)).await.unwrap();
    }
    assert_eq!(listed(subject, &connection("shopify-uk")).await, ["shopify-uk.C", "shopify-uk.B", "shopify-uk.A"]);
}
