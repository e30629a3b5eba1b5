//! A flash sale: very many buyers want one SKU at the same moment. Exactly what is there is sold, nothing is lost and
//! nothing stays reserved for nobody; and how fast one SKU can be sold, measured with its stock in one record and in
//! several.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use allocate_order::{AllocateOrder, Function};
use async_trait::async_trait;
use crossdock_domain::event::{Accepted, Event};
use crossdock_domain::ids::{ConnectionId, LocationId};
use crossdock_domain::item::{Item, Shown, Stock};
use crossdock_domain::{Commit, Order, OrderId, Sku};
use crossdock_log::{AppendError, ConnectionRecord, Items, LedgerPage, LedgerRows, Log, Memory, StoreError};
use crossdock_runner::{Directory, Origin, Recorder, Runner, StockKeeper};
use crossdock_step::Clock;
use futures_util::StreamExt as _;
use jiff::Timestamp;
use serde_json::{Value, json};

const BUYERS: usize = 2000;
const UNITS: i64 = 500;

/// How long DynamoDB keeps the records of a transaction from others: its two phases, each a round of its storage nodes.
/// An assumption; what is compared stands for any value.
const TRANSACTION: Duration = Duration::from_millis(10);

/// Lambda environments at the same time.
const ENVIRONMENTS: usize = 1000;

/// A store whose transactions take their time and meet each other, as DynamoDB's do.
struct Contended {
    memory: Arc<Memory>,
    held: Mutex<BTreeSet<(Sku, u16)>>,
    conflicts: AtomicU64,
    transactions: AtomicU64,
    /// How long a transaction keeps its records.
    lasts: Duration,
}

impl Contended {
    fn hold(&self, records: &BTreeSet<(Sku, u16)>) -> bool {
        let mut held = self.held.lock().unwrap();
        if records.iter().any(|record| held.contains(record)) {
            return false;
        }
        held.extend(records.iter().cloned());
        true
    }
}

#[async_trait]
impl Log for Contended {
    async fn load(&self, stream: &str, from: u64) -> Result<Vec<Commit>, StoreError> {
        tokio::time::sleep(self.lasts / 3).await;
        self.memory.load(stream, from).await
    }
    /// As the store on DynamoDB does: contention is met again after a short, random pause, eight times.
    async fn append_with(&self, commit: &Commit, other: Option<&Commit>) -> Result<(), AppendError> {
        let moves = std::iter::once(commit).chain(other).flat_map(|commit| &commit.moves);
        let records: BTreeSet<(Sku, u16)> = moves.map(|stock| (stock.sku.clone(), stock.part)).collect();
        for attempt in 0..8 {
            self.transactions.fetch_add(1, Ordering::SeqCst);
            if self.hold(&records) {
                tokio::time::sleep(self.lasts).await;
                let outcome = self.memory.append_with(commit, other).await;
                self.held.lock().unwrap().retain(|record| !records.contains(record));
                return outcome;
            }
            self.conflicts.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(fastrand::u64(5..=20 * 2_u64.pow(attempt)))).await;
        }
        Err(StoreError { operation: "TransactWriteItems", reason: "TransactionConflict".into() }.into())
    }
    async fn due(&self, bucket: &str) -> Result<Vec<(String, u64)>, StoreError> {
        self.memory.due(bucket).await
    }
    async fn last_seq(&self, stream: &str) -> Result<u64, StoreError> {
        self.memory.last_seq(stream).await
    }
}

#[async_trait]
impl Items for Contended {
    async fn items(&self, skus: &[Sku]) -> Result<BTreeMap<Sku, Item>, StoreError> {
        tokio::time::sleep(self.lasts / 3).await;
        self.memory.items(skus).await
    }
    async fn ledger(&self, sku: &Sku, location: &LocationId, page: &LedgerPage) -> Result<LedgerRows, StoreError> {
        self.memory.ledger(sku, location, page).await
    }
    async fn keep_item(&self, item: &Item) -> Result<bool, StoreError> {
        self.memory.keep_item(item).await
    }
    async fn kits_of(&self, skus: &[Sku]) -> Result<BTreeSet<Sku>, StoreError> {
        self.memory.kits_of(skus).await
    }
    async fn open_parts(&self, item: &Item, parts: u16) -> Result<(), StoreError> {
        self.memory.open_parts(item, parts).await
    }
    async fn note_shown(
        &self,
        at: (&Sku, &LocationId),
        channel: &ConnectionId,
        shown: Shown,
    ) -> Result<(), StoreError> {
        self.memory.note_shown(at, channel, shown).await
    }
    async fn open_location(&self, sku: &Sku, location: &LocationId) -> Result<(), StoreError> {
        self.memory.open_location(sku, location).await
    }
}

/// A sale: the store, and the function that allocates over it.
struct Sale {
    memory: Arc<Memory>,
    store: Arc<Contended>,
    function: Arc<Function>,
    clock: Clock,
}

fn begun() -> Timestamp {
    "2026-11-27T09:00:00Z".parse().unwrap()
}

fn place() -> LocationId {
    "LON1".parse().unwrap()
}

impl Sale {
    fn new(memory: Arc<Memory>, lasts: Duration) -> Self {
        let store = Arc::new(Contended {
            memory: memory.clone(),
            held: Mutex::default(),
            conflicts: AtomicU64::new(0),
            transactions: AtomicU64::new(0),
            lasts,
        });
        let clock = Clock::new(begun);
        let recorder = Recorder::new(store.clone(), clock.clone());
        let directory = Arc::new(Directory::new(memory.clone(), clock.clone()));
        let function = Arc::new(Function {
            runner: Runner::new(recorder.clone(), directory.clone(), memory.clone(), "allocate-order"),
            step: AllocateOrder { directory, items: store.clone() },
            recorder,
            views: memory.clone(),
        });
        Self { memory, store, function, clock }
    }

    /// One item that everybody wants and two that there are plenty of; the wanted one in so many parts.
    async fn open(parts: u16, lasts: Duration) -> Self {
        let memory = Arc::new(Memory::default());
        for (sku, units) in [("HOT", UNITS), ("MUG", 100_000), ("CAP", 100_000)] {
            let stock = BTreeMap::from([(place(), Stock::of(units))]);
            memory.put_item(Item { stock, ..Item::new(sku.parse().unwrap()) });
        }
        memory.put_connection(ConnectionRecord {
            connection: "web-uk".parse().unwrap(),
            settings: json!({ "kind": "api", "channel": channel() }),
            paused_until: None,
            paused_since: None,
            paused_reason: None,
        });
        let sale = Self::new(memory, lasts);
        sale.spread("HOT", parts).await;
        // Everybody's cart has the same three lines: what is plentiful is written as often.
        sale.spread("MUG", parts).await;
        sale.spread("CAP", parts).await;
        sale
    }

    async fn spread(&self, sku: &str, parts: u16) {
        let sku: Sku = sku.parse().unwrap();
        let item = self.memory.items(std::slice::from_ref(&sku)).await.unwrap().remove(&sku).unwrap();
        self.memory.open_parts(&item, parts).await.unwrap();
        let keeper = StockKeeper::new(self.memory.clone(), self.memory.clone(), self.clock.clone());
        let origin = Origin { actor: "test".into(), correlation_id: "c".into(), causation_id: None };
        keeper.even_out(&sku, &origin).await.unwrap();
    }

    /// A buyer's order is accepted; the event that says so.
    async fn accept(&self, buyer: usize) -> Value {
        let id: OrderId = format!("web-uk.B{buyer}").parse().unwrap();
        let recorder = Recorder::new(self.memory.clone(), self.clock.clone());
        let mut order = Order::new(id.clone());
        let accepted: Accepted = serde_json::from_value(accepted(buyer)).unwrap();
        let origin = Origin { actor: "accept-order".into(), correlation_id: format!("c-{buyer}"), causation_id: None };
        let decide = |_: &Order| Event::OrderAccepted(Box::new(accepted.clone())).into();
        recorder.record(&mut order, ("accept", &origin), decide).await.unwrap();
        json!({ "detail": { "metadata": { "stream": id.stream(), "event_id": format!("{}/1/0", id.stream()) }, "data": {} } })
    }

    /// All events at once; what fails is called again after a pause, as Lambda does. Gives back how often it was called.
    async fn rush(&self, events: Vec<Value>) -> usize {
        let calls = AtomicU64::new(0);
        let calls = &calls;
        let deadline = begun() + jiff::SignedDuration::from_hours(1);
        let all = events.into_iter().map(|event| async move {
            for again in 0..50_u64 {
                calls.fetch_add(1, Ordering::SeqCst);
                if self.function.handle(&event, deadline).await.is_ok() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(fastrand::u64(500..=1000 * (again + 1)))).await;
            }
            panic!("an order that nobody allocates");
        });
        futures_util::stream::iter(all).buffer_unordered(ENVIRONMENTS).collect::<Vec<()>>().await;
        usize::try_from(calls.load(Ordering::SeqCst)).unwrap()
    }

    fn orders(&self) -> Vec<Order> {
        let streams = self.memory.streams();
        let orders = streams.iter().filter_map(|(stream, commits)| Some((OrderId::from_stream(stream).ok()?, commits)));
        orders.map(|(id, commits)| Order::fold(id, commits)).collect()
    }

    fn stock(&self, sku: &str) -> Stock {
        self.memory.all_items()[&sku.parse::<Sku>().unwrap()].stock[&place()].clone()
    }
}

fn channel() -> Value {
    json!({
        "reference_prefix": "WEB", "legal_entity": "1", "time_zone": "Europe/London", "currencies": ["GBP"],
        "countries": ["GB"], "routes": { "fulfillment": "shipbob", "erp": "netsuite" },
        "sourcing": { "locations": [{ "location": "LON1" }] },
    })
}

fn accepted(buyer: usize) -> Value {
    let line = |n: usize, sku: &str| json!({ "id": format!("L{n}"), "kind": "product", "sku": sku, "quantity": 1, "unit_price": 1000, "discount": 0, "taxes": [] });
    json!({
        "order": {
            "name": format!("#{buyer}"), "country": "GB", "placed_at": begun(), "currency": "GBP", "taxes_included": true, "total": 3000,
            "lines": [line(1, "HOT"), line(2, "MUG"), line(3, "CAP")], "charges": [], "tenders": [], "test": false,
        },
        "recipient": "r", "routes": { "fulfillment": "shipbob", "erp": "netsuite" },
        "prefix": "WEB", "time_zone": "Europe/London", "rounding_tolerance": 0, "process": 1, "source_version": begun(),
    })
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.unwrap().block_on(future)
}

/// Sells to everybody, and gives back what it took: seconds, transactions, conflicts and calls.
async fn sell(sale: &Sale, buyers: usize) -> (f64, u64, u64, usize) {
    let mut events = Vec::new();
    for buyer in 0..buyers {
        events.push(sale.accept(buyer).await);
    }
    let from = tokio::time::Instant::now();
    let calls = sale.rush(events).await;
    let seconds = from.elapsed().as_secs_f64();
    let (all, conflicts) = (&sale.store.transactions, &sale.store.conflicts);
    (seconds, all.load(Ordering::SeqCst), conflicts.load(Ordering::SeqCst), calls)
}

#[test]
fn exactly_what_is_there_is_sold_to_two_thousand_buyers() {
    for parts in [1, 16] {
        run(async {
            fastrand::seed(7);
            let sale = Sale::open(parts, Duration::from_millis(1)).await;
            let (seconds, ..) = sell(&sale, BUYERS).await;
            let orders = sale.orders();
            let sold = orders.iter().filter(|order| !order.allocations.is_empty()).count();
            let waiting = orders.iter().filter(|order| !order.parked.is_empty()).count();
            assert_eq!((orders.len(), sold, waiting), (BUYERS, 500, 1500), "none is lost, in {parts} parts");
            let hot = sale.stock("HOT");
            assert_eq!((hot.on_hand, hot.available, hot.reserved()), (UNITS, 0, UNITS), "none below zero");
            assert_eq!(hot.waiting.values().sum::<i64>(), 1500);
            for sku in ["MUG", "CAP"] {
                assert_eq!(sale.stock(sku).reserved(), 500, "who got no {sku} keeps none from anybody");
            }
            let parts_of = sale.memory.all_items()[&"HOT".parse::<Sku>().unwrap()].available_by_part(&place());
            assert!(parts_of.iter().all(|units| *units == 0), "{parts_of:?}");
            assert!(seconds > 0.0);
        });
    }
}

/// `cargo test -p crossdock-tests --test flash_sale -- --ignored --nocapture`
#[test]
#[ignore = "a measurement: it prints a table"]
#[expect(clippy::print_stdout, reason = "a measurement is read")]
fn measured_with_the_stock_in_one_record_and_in_several() {
    println!(
        "{BUYERS} buyers of three lines, {UNITS} units, {ENVIRONMENTS} environments, transactions of {TRANSACTION:?}"
    );
    println!(
        "{:>5} {:>9} {:>14} {:>13} {:>11} {:>7}",
        "parts", "seconds", "promises/s", "transactions", "conflicts", "calls"
    );
    for parts in [1, 2, 4, 8, 16, 32] {
        run(async {
            fastrand::seed(7);
            let sale = Sale::open(parts, TRANSACTION).await;
            let (seconds, transactions, conflicts, calls) = sell(&sale, BUYERS).await;
            #[expect(clippy::cast_precision_loss, reason = "it is printed")]
            let (rate, share) = (UNITS as f64 / seconds, 100.0 * conflicts as f64 / transactions as f64);
            println!("{parts:>5} {seconds:>9.1} {rate:>14.0} {transactions:>13} {share:>10.1}% {calls:>7}");
        });
    }
}
