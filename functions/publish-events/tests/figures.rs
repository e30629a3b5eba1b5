//! What commits say of the business, of the examples that `events/` has of each fact.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use crossdock_domain::{Attention, Commit, Event};
use jiff::{SignedDuration, Timestamp};
use publish_events::figures;
use serde_json::{Value, json};

const PLACED_AT: &str = "2026-11-23T09:00:00Z";

fn placed_at() -> Timestamp {
    PLACED_AT.parse().unwrap()
}

fn after(seconds: i64) -> Timestamp {
    placed_at() + SignedDuration::from_secs(seconds)
}

/// The first example of an event, changed.
fn example(kind: &str, change: impl Fn(&mut Value)) -> Event {
    let path = format!("{}/../../events/{kind}.json", env!("CARGO_MANIFEST_DIR"));
    let examples: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut data = examples[0]["detail"]["data"].clone();
    change(&mut data);
    serde_json::from_value(json!({ "type": kind, "data": data })).unwrap()
}

fn commit(at: Timestamp, events: Vec<Event>) -> Commit {
    let commit = json!({
        "stream": "order#shopify-uk#1", "seq": 1, "cause": "test", "at": at, "actor": "test", "correlation_id": "c",
        "summary": { "status": "open", "placed_at": PLACED_AT }, "events": events,
    });
    serde_json::from_value(commit).unwrap()
}

/// All values of all lines, by name; what has another dimension than the function under `name/value of the dimension`.
fn measured(commits: &[Commit], now: Timestamp) -> Value {
    let mut found = json!({});
    for line in figures(commits, now).lines(now) {
        let line: Value = serde_json::from_str(&line).unwrap();
        for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
            let dimension = directive["Dimensions"][0][0].as_str().unwrap();
            for metric in directive["Metrics"].as_array().unwrap() {
                let name = metric["Name"].as_str().unwrap();
                let of = line[dimension].as_str().unwrap();
                let key = if dimension == "function" { name.to_owned() } else { format!("{name}/{of}") };
                assert!(found.get(&key).is_none(), "{key} is told twice");
                found[key] = line[name].clone();
            }
        }
    }
    found
}

#[test]
fn acceptance_counts_an_order_and_its_total_in_its_currency() {
    let in_currency = |currency: &str, total: i64| {
        example("OrderAccepted.v1", |data| {
            data["order"]["currency"] = json!(currency);
            data["order"]["total"] = json!(total);
        })
    };
    let orders = [("GBP", 5_394), ("EUR", 700), ("GBP", 6)];
    let commits: Vec<Commit> =
        orders.map(|(currency, total)| commit(after(2), vec![in_currency(currency, total)])).into();
    let expected = json!({
        "OrdersAccepted": 3, "RevenueMinor/GBP": 5_400, "RevenueMinor/EUR": 700, "PublishingLagSeconds": 3,
    });
    assert_eq!(measured(&commits, after(5)), expected);
}

#[test]
fn the_first_document_of_each_kind_is_measured_from_the_buyers_click() {
    let number = |number: u32| move |data: &mut Value| data["number"] = json!(number);
    let shipped = |number: u32, seconds: i64| {
        example("ShipmentRecorded.v1", |data| {
            data["number"] = json!(number);
            data["shipped_at"] = json!(after(seconds));
        })
    };
    let invoiced = |shipment: u32| example("InvoicePosted.v1", |data| data["shipment"] = json!(shipment));
    let commits = [
        commit(after(3), vec![example("OrderAllocated.v1", number(1)), example("OrderAllocated.v1", number(2))]),
        commit(after(90_000), vec![shipped(1, 86_400)]),
        commit(after(90_060), vec![invoiced(1)]),
        commit(after(180_000), vec![shipped(2, 179_000), invoiced(2), Event::OrderCompleted {}]),
    ];
    let expected = json!({
        "ClickToAllocateSeconds": 3, "ClickToShipSeconds": 86_400, "ClickToInvoiceSeconds": 90_060,
        "ShipmentNewsSeconds": [3_600, 1_000], "OrdersCompleted": 1, "PublishingLagSeconds": 179_998,
    });
    assert_eq!(measured(&commits, after(180_001)), expected);
}

#[test]
fn a_3pl_whose_clock_is_ahead_of_ours_has_shipped_just_now() {
    let shipment = example("ShipmentRecorded.v1", |data| {
        data["number"] = json!(2);
        data["shipped_at"] = json!(after(500));
    });
    assert_eq!(measured(&[commit(after(100), vec![shipment])], after(100))["ShipmentNewsSeconds"], 0);
}

#[test]
fn what_needs_a_person_is_counted_once_when_it_begins() {
    let since =
        |about: &str, class: &str, at: Timestamp| Attention::new(about, class, ("somebody has to look".to_owned(), at));
    let mut first = commit(after(10), vec![]);
    first.summary.attention =
        vec![since("return:RMA1", "approval", after(10)), since("change:1", "too_late", after(10))];
    let mut second = commit(after(20), vec![]);
    second.seq = 2;
    second.summary.attention = vec![
        since("return:RMA1", "approval", after(10)),
        since("change:1", "too_late", after(10)),
        since("refund:R1", "refused", after(20)),
    ];
    let expected = json!({
        "ExceptionsRaised/approval": 1, "ExceptionsRaised/too_late": 1, "ExceptionsRaised/refused": 1,
        "PublishingLagSeconds": 10,
    });
    assert_eq!(measured(&[first, second], after(20)), expected);
}

#[test]
fn items_that_cannot_be_kept_and_documents_of_stock_that_are_parked_are_exceptions_too() {
    let refused = example("CatalogueItemRefused.v1", |data| data["class"] = json!("missing"));
    let parked = example("StockParked.v1", |data| data["class"] = json!("exhausted"));
    let late = example("TaskOverdue.v1", |data| data["task"]["kind"] = json!("confirm_shipment"));
    let expected = json!({
        "ExceptionsRaised/missing": 1, "ExceptionsRaised/exhausted": 1, "TasksOverdue/confirm_shipment": 1,
        "PublishingLagSeconds": 0,
    });
    assert_eq!(measured(&[commit(after(1), vec![refused, parked, late])], after(1)), expected);
}

#[test]
fn nothing_is_no_line() {
    assert!(figures(&[], placed_at()).lines(placed_at()).is_empty());
}
