//! An order that nobody can read is walked again for a while, and never holds up the others.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use crossdock_domain::commit::{Summary, due_bucket};
use crossdock_domain::event::{Hold, HoldCode};
use crossdock_domain::{Commit, Event};
use crossdock_log::{AppendError, Log, Markers, Memory, StoreError};
use crossdock_runner::{HoldKeeper, Recorder, StockKeeper};
use crossdock_step::{Bus, BusEntry, Clock, Failure};
use jiff::{SignedDuration, Timestamp};
use watch_deadlines::{Office, WatchDeadlines};

const BROKEN: &str = "order#shop#BROKEN";

/// A log in which one order cannot be read.
struct Torn(Arc<Memory>);

#[async_trait]
impl Log for Torn {
    async fn load(&self, stream: &str, from: u64) -> Result<Vec<Commit>, StoreError> {
        if stream == BROKEN {
            return Err(StoreError { operation: "Query", reason: "no commit of this kind is known".into() });
        }
        self.0.load(stream, from).await
    }
    async fn append_with(&self, commit: &Commit, other: Option<&Commit>) -> Result<(), AppendError> {
        self.0.append_with(commit, other).await
    }
    async fn due(&self, bucket: &str) -> Result<Vec<(String, u64)>, StoreError> {
        self.0.due(bucket).await
    }
    async fn last_seq(&self, stream: &str) -> Result<u64, StoreError> {
        self.0.last_seq(stream).await
    }
}

#[derive(Default)]
struct Heard(Mutex<Vec<BusEntry>>);

#[async_trait]
impl Bus for Heard {
    async fn put(&self, entries: Vec<BusEntry>) -> Result<(), Failure> {
        self.0.lock().unwrap().extend(entries);
        Ok(())
    }
}

fn commit(stream: &str, at: Timestamp) -> Commit {
    Commit {
        stream: stream.into(),
        seq: 1,
        cause: "test".into(),
        at,
        actor: "test".into(),
        correlation_id: "c".into(),
        causation_id: None,
        prev_hash: String::new(),
        due: Some(due_bucket(at, stream)),
        summary: Summary::new("held", at),
        events: vec![Event::OrderHeld { holds: vec![Hold::new(HoldCode::Risk, "because")] }],
        moves: Vec::new(),
    }
}

#[tokio::test]
async fn one_order_that_cannot_be_read_holds_nobody_up() {
    let begun: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
    let minutes = Arc::new(AtomicI64::new(1));
    let passed = minutes.clone();
    let clock = Clock::new(move || begun + SignedDuration::from_mins(passed.load(Ordering::SeqCst)));
    let (memory, heard) = (Arc::new(Memory::default()), Arc::<Heard>::default());
    for stream in [BROKEN, "order#shop#GOOD"] {
        memory.append(&commit(stream, begun)).await.unwrap();
    }
    let function = WatchDeadlines {
        keeper: StockKeeper::new(memory.clone(), memory.clone(), clock.clone()),
        holds: HoldKeeper::new(memory.clone(), memory.clone(), clock.clone()),
        recorder: Recorder::new(Arc::new(Torn(memory.clone())), clock),
        bus: heard.clone(),
        views: memory.clone(),
        markers: memory.clone(),
        items: memory.clone(),
        connections: memory.clone(),
        office: Office::always_open(),
    };
    assert!(function.handle(Timestamp::MAX).await.is_err(), "the alarm on errors has to hear of it");
    let published = |heard: &Heard| {
        heard.0.lock().unwrap().iter().filter(|entry| entry.detail.to_string().contains("GOOD")).count()
    };
    assert_eq!(published(&heard), 1, "the other order was looked at all the same");
    minutes.store(20, Ordering::SeqCst);
    assert!(function.handle(Timestamp::MAX).await.is_err(), "walked again");
    minutes.store(45, Ordering::SeqCst);
    let _ = function.handle(Timestamp::MAX).await;
    assert!(function.handle(Timestamp::MAX).await.is_ok(), "and passed over in the end");
    let cursor: i64 = memory.marker("cursor#due").await.unwrap().unwrap().parse().unwrap();
    assert_eq!(cursor, begun.as_second() / 60 + 45);
}
