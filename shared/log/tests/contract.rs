//! One contract for every store: in memory, and on DynamoDB (an embedded engine that is verified against AWS).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod engine;

use std::sync::Arc;

use crossdock_domain::commit::Summary;
use crossdock_domain::event::{Hold, HoldCode};
use crossdock_domain::item::{Item, Stock, StockMove};
use crossdock_domain::{Attention, Commit, Event, OrderId, Recipient, Sku};
use crossdock_log::{
    AppendError, Connections, Items, Log, Markers, Memory, OrderView, Page, Pause, People, ViewQuery, Views,
};
use jiff::Timestamp;

/// Everything that the contract speaks of.
trait Store: Log + People + Items + Connections + Markers + Views {}
impl<T: Log + People + Items + Connections + Markers + Views> Store for T {}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_424_400 + second).unwrap()
}

fn sku(text: &str) -> Sku {
    text.parse().unwrap()
}

fn commit(stream: &str, seq: u64) -> Commit {
    Commit {
        stream: stream.to_owned(),
        seq,
        cause: format!("cause {seq}"),
        at: at(i64::try_from(seq).unwrap()),
        actor: "test".into(),
        correlation_id: "c".into(),
        causation_id: None,
        prev_hash: String::new(),
        due: None,
        summary: Summary {
            status: "held".into(),
            attention: Vec::new(),
            waits_on: None,
            routes: None,
            placed_at: at(0),
        },
        events: vec![Event::OrderHeld { holds: vec![Hold::new(HoldCode::Risk, "because")] }],
    }
}

fn item(name: &str) -> Item {
    let stock = |available| Stock { on_hand: available, available };
    Item {
        sku: sku(name),
        prices: [("GBP".parse().unwrap(), crossdock_domain::Minor::new(1999).unwrap())].into(),
        identities: [("netsuite".parse().unwrap(), "501".to_owned())].into(),
        stock: [("LON1".parse().unwrap(), stock(5)), ("MAN1".parse().unwrap(), stock(3))].into(),
    }
}

fn reserve(name: &str, location: &str, units: i64) -> StockMove {
    StockMove { sku: sku(name), location: location.parse().unwrap(), on_hand: 0, available: -units }
}

async fn available(store: &dyn Store, name: &str, location: &str) -> i64 {
    store.items(&[sku(name)]).await.unwrap()[&sku(name)].stock[&location.parse().unwrap()].available
}

async fn what_is_appended_is_read_in_order(store: &dyn Store) {
    for seq in 1..=12 {
        store.append(&commit("order#a#1", seq), &[]).await.unwrap();
    }
    let all = store.load("order#a#1", 1).await.unwrap();
    assert_eq!(all.iter().map(|c| c.seq).collect::<Vec<_>>(), (1..=12).collect::<Vec<_>>());
    assert_eq!(all[3], commit("order#a#1", 4), "a commit comes back as it was");
    assert_eq!(store.load("order#a#1", 11).await.unwrap().len(), 2);
    assert_eq!(store.last_seq("order#a#1").await.unwrap(), 12);
    assert_eq!((store.last_seq("order#a#2").await.unwrap(), store.load("order#a#2", 1).await.unwrap().len()), (0, 0));
}

async fn a_number_is_given_once(store: &dyn Store) {
    store.append(&commit("order#b#1", 1), &[]).await.unwrap();
    let mut other = commit("order#b#1", 1);
    other.cause = "somebody else".into();
    assert_eq!(store.append(&other, &[]).await, Err(AppendError::SeqTaken(1)));
    assert_eq!(store.load("order#b#1", 1).await.unwrap()[0].cause, "cause 1");
}

async fn stock_moves_with_its_fact_or_not_at_all(store: &dyn Store) {
    let moves = [reserve("CONTRACT-A", "LON1", 2), reserve("CONTRACT-A", "MAN1", 3), reserve("CONTRACT-B", "LON1", 5)];
    store.append(&commit("order#c#1", 1), &moves).await.unwrap();
    assert_eq!((available(store, "CONTRACT-A", "LON1").await, available(store, "CONTRACT-A", "MAN1").await), (3, 0));
    let too_much = [reserve("CONTRACT-A", "LON1", 1), reserve("CONTRACT-B", "LON1", 1)];
    assert_eq!(store.append(&commit("order#c#2", 1), &too_much).await, Err(AppendError::StockShort));
    assert_eq!(available(store, "CONTRACT-A", "LON1").await, 3, "nothing of it was taken");
    assert_eq!(store.last_seq("order#c#2").await.unwrap(), 0, "and no fact says so");
    let taken = store.append(&commit("order#c#1", 1), &too_much).await;
    assert_eq!(taken, Err(AppendError::SeqTaken(1)), "a taken number is the stronger reason");
    let left = StockMove { on_hand: -2, available: 0, ..reserve("CONTRACT-A", "LON1", 0) };
    store.append(&commit("order#c#1", 2), &[left]).await.unwrap();
    let stock = store.items(&[sku("CONTRACT-A")]).await.unwrap()[&sku("CONTRACT-A")].stock[&"LON1".parse().unwrap()];
    assert_eq!(stock, Stock { on_hand: 3, available: 3 });
    let nowhere = store.append(&commit("order#c#3", 1), &[reserve("CONTRACT-A", "NONE", 1)]).await;
    assert_eq!(nowhere, Err(AppendError::StockShort), "a place without a record has nothing");
}

async fn the_last_unit_is_promised_once(store: Arc<dyn Store>) {
    let tries: Vec<_> = (1..=12)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                store.append(&commit(&format!("order#d#{n}"), 1), &[reserve("CONTRACT-C", "LON1", 1)]).await
            })
        })
        .collect();
    let mut promised = 0;
    for attempt in tries {
        match attempt.await.unwrap() {
            Ok(()) => promised += 1,
            Err(error) => assert_eq!(error, AppendError::StockShort),
        }
    }
    assert_eq!((promised, available(store.as_ref(), "CONTRACT-C", "LON1").await), (5, 0));
}

async fn a_location_is_opened_once(store: &dyn Store) {
    let (name, place) = (sku("CONTRACT-D"), "NEW1".parse().unwrap());
    store.open_location(&name, &place).await.unwrap();
    let receive = StockMove { sku: name.clone(), location: place.clone(), on_hand: 7, available: 7 };
    store.append(&commit("inventory#R1", 1), std::slice::from_ref(&receive)).await.unwrap();
    store.open_location(&name, &place).await.unwrap();
    assert_eq!(available(store, "CONTRACT-D", "NEW1").await, 7, "opening again changes nothing");
    assert_eq!(store.append(&commit("inventory#R1", 1), &[receive]).await, Err(AppendError::SeqTaken(1)));
    assert_eq!(available(store, "CONTRACT-D", "NEW1").await, 7, "a receipt counts once");
}

async fn many_items_are_read_at_once(store: &dyn Store) {
    let names: Vec<Sku> = (0..130).map(|n| sku(&format!("MANY-{n}"))).chain([sku("NOT-THERE"), sku("MANY-1")]).collect();
    let found = store.items(&names).await.unwrap();
    assert_eq!(found.len(), 130);
    assert_eq!(found[&sku("MANY-7")], item("MANY-7"), "an item comes back as it was");
}

async fn what_is_due_is_found_by_its_bucket(store: &dyn Store) {
    let due = Commit { due: Some("29923740#1".into()), ..commit("order#e#1", 1) };
    store.append(&due, &[]).await.unwrap();
    store.append(&commit("order#e#2", 1), &[]).await.unwrap();
    assert_eq!(store.due("29923740#1").await.unwrap(), [("order#e#1".to_owned(), 1)]);
    assert_eq!(store.due("29923740#2").await.unwrap(), []);
}

async fn people_are_kept_apart(store: &dyn Store) {
    let recipient = Recipient { name: "A Buyer".into(), city: "London".into(), ..Recipient::default() };
    let hash = store.keep("order#f#1", &recipient).await.unwrap();
    assert_eq!(store.keep("order#f#1", &recipient).await.unwrap(), hash, "the same content has the same name");
    assert_eq!(store.find("order#f#1", &hash).await.unwrap(), Some(recipient));
    assert_eq!(store.find("order#f#2", &hash).await.unwrap(), None);
    store.keep_delivery("m1", "{\"a\":1}").await.unwrap();
    assert_eq!(store.find_delivery("m1").await.unwrap().as_deref(), Some("{\"a\":1}"));
    assert_eq!(store.find_delivery("m2").await.unwrap(), None);
}

async fn the_longest_pause_holds(store: &dyn Store) {
    let name = "netsuite".parse().unwrap();
    let pause = |from, until, reason: &str| Pause { now: at(from), until: at(until), reason: reason.into() };
    store.pause(&name, &pause(0, 60, "busy")).await.unwrap();
    store.pause(&name, &pause(5, 30, "shorter")).await.unwrap();
    let record = store.connection(&name).await.unwrap().unwrap();
    assert_eq!((record.paused_until, record.paused_reason.as_deref()), (Some(at(60)), Some("busy")));
    store.pause(&name, &pause(50, 120, "still")).await.unwrap();
    let record = store.connection(&name).await.unwrap().unwrap();
    assert_eq!((record.paused_since, record.paused_until), (Some(at(0)), Some(at(120))), "paused without interruption");
    assert_eq!(record.settings["kind"], "netsuite");
    store.resume(&name).await.unwrap();
    let record = store.connection(&name).await.unwrap().unwrap();
    assert_eq!((record.paused_since, record.paused_until, record.paused_reason), (None, None, None));
    store.pause(&name, &pause(200, 210, "once")).await.unwrap();
    store.pause(&name, &pause(400, 410, "again")).await.unwrap();
    let record = store.connection(&name).await.unwrap().unwrap();
    assert_eq!(record.paused_since, Some(at(400)), "a pause that has ended is not the same pause");
    assert_eq!(store.connection(&"nobody".parse().unwrap()).await.unwrap(), None);
    assert!(store.connections().await.unwrap().iter().any(|record| record.connection == name));
}

async fn a_marker_is_written_once(store: &dyn Store) {
    assert_eq!(store.mark("key#1", "first", at(3600)).await.unwrap(), None);
    assert_eq!(store.mark("key#1", "second", at(3600)).await.unwrap().as_deref(), Some("first"));
    assert_eq!(store.marker("key#1").await.unwrap().as_deref(), Some("first"));
    store.set_marker("cursor", "1").await.unwrap();
    store.set_marker("cursor", "2").await.unwrap();
    assert_eq!(store.marker("cursor").await.unwrap().as_deref(), Some("2"));
    assert_eq!(store.marker("none").await.unwrap(), None);
}

fn row(number: u64, status: &str, waits_on: Option<&str>) -> OrderView {
    let id: OrderId = format!("shop.{number:03}").parse().unwrap();
    let exception = Attention {
        about: "allocate:A1".into(),
        class: "stock".into(),
        reason: "none".into(),
        since: at(i64::try_from(number).unwrap()),
        attempts: 0,
    };
    let mut commit = commit(&id.stream(), 4);
    commit.summary = Summary {
        status: status.into(),
        attention: waits_on.map(|_| exception).into_iter().collect(),
        waits_on: waits_on.map(str::to_owned),
        routes: None,
        placed_at: at(i64::try_from(number).unwrap()),
    };
    OrderView::of(&id, &commit)
}

async fn listed(store: &dyn Store, query: &ViewQuery) -> Vec<String> {
    let mut page = Page { limit: 2, after: None };
    let mut all = Vec::new();
    loop {
        let (rows, next) = store.list(query, &page).await.unwrap();
        assert!(rows.len() <= 2);
        all.extend(rows.into_iter().map(|row| row.order_id));
        let Some(next) = next else { return all };
        page.after = Some(next);
    }
}

async fn the_view_follows_and_never_goes_back(store: &dyn Store) {
    for number in 1..=5 {
        store.show(&row(number, "completed", None)).await.unwrap();
    }
    for number in 6..=8 {
        store.show(&row(number, "accepted", Some("sku#SOCKS"))).await.unwrap();
    }
    let shop = |numbers: &[u64]| numbers.iter().map(|n| format!("shop.{n:03}")).collect::<Vec<_>>();
    assert_eq!(listed(store, &ViewQuery::Connection("shop".into())).await, shop(&[8, 7, 6, 5, 4, 3, 2, 1]));
    assert_eq!(listed(store, &ViewQuery::Status("shop".into(), "completed".into())).await, shop(&[5, 4, 3, 2, 1]));
    assert_eq!(listed(store, &ViewQuery::Waiting("sku#SOCKS".into())).await, shop(&[6, 7, 8]));
    assert_eq!(listed(store, &ViewQuery::Attention("shop".into())).await, shop(&[6, 7, 8]));
    let old = OrderView { seq: 3, status: "held".into(), ..row(1, "held", None) };
    store.show(&old).await.unwrap();
    assert_eq!(store.seen("shop.001").await.unwrap().unwrap().status, "completed", "an older commit changes nothing");
    let later = OrderView { seq: 5, ..row(6, "completed", None) };
    store.show(&later).await.unwrap();
    assert_eq!(listed(store, &ViewQuery::Attention("shop".into())).await, shop(&[7, 8]), "gone with its cause");
    assert_eq!(store.seen("shop.999").await.unwrap(), None);
}

async fn contract(store: Arc<dyn Store>) {
    let plain = store.as_ref();
    what_is_appended_is_read_in_order(plain).await;
    a_number_is_given_once(plain).await;
    stock_moves_with_its_fact_or_not_at_all(plain).await;
    the_last_unit_is_promised_once(store.clone()).await;
    a_location_is_opened_once(plain).await;
    many_items_are_read_at_once(plain).await;
    what_is_due_is_found_by_its_bucket(plain).await;
    people_are_kept_apart(plain).await;
    the_longest_pause_holds(plain).await;
    a_marker_is_written_once(plain).await;
    the_view_follows_and_never_goes_back(plain).await;
}

/// The items that the contract stands on.
fn items() -> Vec<Item> {
    let named = ["CONTRACT-A", "CONTRACT-B", "CONTRACT-C", "CONTRACT-D"].into_iter().map(str::to_owned);
    named.chain((0..130).map(|n| format!("MANY-{n}"))).map(|name| item(&name)).collect()
}

fn pause_test_connection() -> crossdock_log::ConnectionRecord {
    serde_json::from_value(serde_json::json!({ "connection": "netsuite", "settings": { "kind": "netsuite" } })).unwrap()
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    let store = Memory::default();
    items().into_iter().for_each(|item| store.put_item(item));
    store.put_connection(pause_test_connection());
    contract(Arc::new(store)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dynamodb_keeps_the_contract() {
    let (store, client) = engine::dynamodb().await;
    for item in items() {
        engine::put(&client, "items", serde_dynamo::to_item(&item).unwrap()).await;
    }
    let record = pause_test_connection();
    let row = [
        ("connection".to_owned(), engine::text(record.connection.as_str())),
        ("settings".to_owned(), engine::text(&record.settings.to_string())),
    ];
    engine::put(&client, "connections", row.into()).await;
    contract(Arc::new(store)).await;
    let log = client.scan().table_name("log").send().await.unwrap();
    assert!(!format!("{:?}", log.items()).contains("A Buyer"), "personal data never enters the log");
}
