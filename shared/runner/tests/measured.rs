//! What the runner and a queue's batch measure of an invocation.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use aws_lambda_events::sqs::SqsEvent;
use crossdock_domain::event::FailureClass;
use crossdock_domain::{Commit, Event, Order, OrderId, Task, TaskKind};
use crossdock_log::{Log as _, Memory};
use crossdock_runner::{Directory, Done, Recorder, Runner, Step, metrics};
use crossdock_step::batch::{self, Limits, Trigger};
use crossdock_step::ports::Untouched;
use crossdock_step::telemetry::{Metrics, Tally};
use crossdock_step::{Clock, Failure};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const ACCEPTED_AT: &str = "2026-11-23T09:00:00Z";

/// A clock that a step can turn.
#[derive(Clone, Default)]
struct Hand(Arc<AtomicI64>);

impl Hand {
    fn clock(&self) -> Clock {
        let (begun, passed) = (ACCEPTED_AT.parse::<Timestamp>().unwrap(), self.0.clone());
        Clock::new(move || begun + SignedDuration::from_millis(passed.load(Ordering::SeqCst)))
    }

    fn turn(&self, milliseconds: i64) {
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

/// Posts sales orders in 250 ms each, or is refused after as long.
struct Posts {
    hand: Hand,
    is_refused: bool,
}

#[async_trait]
impl Step for Posts {
    fn kinds(&self) -> &'static [TaskKind] {
        &[TaskKind::PostSalesOrder]
    }

    async fn perform(&self, _order: &Order, _task: &Task) -> Result<Done, Failure> {
        self.hand.turn(250);
        if self.is_refused {
            return Err(Failure::permanent(FailureClass::Refused, "the period is closed"));
        }
        Ok(Done::Happened(vec![example("SalesOrderPosted.v1")]))
    }
}

fn examples(kind: &str) -> Value {
    let path = format!("{}/../../events/{kind}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn example(kind: &str) -> Event {
    serde_json::from_value(json!({ "type": kind, "data": examples(kind)[0]["detail"]["data"] })).unwrap()
}

/// An order that was accepted 40 seconds ago, and what one run of a step on it measured.
async fn run(is_refused: bool) -> Metrics {
    let stream = examples("OrderAccepted.v1")[0]["detail"]["metadata"]["stream"].as_str().unwrap().to_owned();
    let commit: Commit = serde_json::from_value(json!({
        "stream": stream, "seq": 1, "cause": "test", "at": ACCEPTED_AT, "actor": "test", "correlation_id": "c",
        "summary": { "status": "open", "placed_at": ACCEPTED_AT }, "events": [example("OrderAccepted.v1")],
    }))
    .unwrap();
    let (memory, hand) = (Arc::new(Memory::default()), Hand::default());
    memory.append(&commit).await.unwrap();
    hand.turn(40_000);
    let recorder = Recorder::new(memory.clone(), hand.clock());
    let runner = Runner::new(recorder, Arc::new(Directory::new(memory.clone(), hand.clock())), memory, "post-to-erp");
    let trigger = Trigger { stream: OrderId::from_stream(&stream).unwrap().stream(), event_id: None, task: None };
    runner.run(&Posts { hand, is_refused }, &trigger, Timestamp::MAX).await.unwrap();
    runner.take_metrics()
}

fn lines(metrics: &Metrics) -> Vec<Value> {
    metrics.lines(Timestamp::UNIX_EPOCH).iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_task_that_is_done_tells_how_long_it_took_and_how_long_it_was_owed() {
    let lines = lines(&run(false).await);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["task"], "post_sales_order");
    assert_eq!((&lines[0]["TaskMilliseconds"], &lines[0]["TaskAgeSeconds"]), (&json!(250), &json!(40)));
}

#[tokio::test]
async fn a_task_that_is_given_up_tells_how_long_it_took_and_was_not_done() {
    let lines = lines(&run(true).await);
    assert_eq!((&lines[0]["TaskMilliseconds"], &lines[0]["TaskAgeSeconds"]), (&json!(250), &Value::Null));
}

#[tokio::test]
async fn messages_are_counted_by_what_becomes_of_them() {
    let record = |id: &str| json!({ "messageId": id, "receiptHandle": "r", "body": "{}" });
    let records = ["done", "again", "again", "paused", "lost"].map(record);
    let event: SqsEvent = serde_json::from_value(json!({ "Records": records })).unwrap();
    let (hand, tally) = (Hand::default(), Tally::of("translate-inbound"));
    let clock = hand.clock();
    let (measured, begun, pause) = (metrics::of_batch(&tally), clock.now(), SignedDuration::from_mins(5));
    let limits = Limits { queue: &Untouched, clock: &clock, deadline: Timestamp::MAX, concurrency: 1, measured };
    batch::run(event, limits, |message| async move {
        match message.id.as_str() {
            "done" => Ok(()),
            "again" => Err(Failure::retry("busy")),
            "paused" => Err(Failure::paused("netsuite", (begun, pause), "down")),
            _ => Err(Failure::permanent(FailureClass::Parse, "no delivery")),
        }
    })
    .await;
    let line = lines(&tally.take()).remove(0);
    let count = |name: &str| line[name].as_i64();
    assert_eq!((count("MessagesRetried"), count("MessagesPutBack")), (Some(2), Some(1)));
    assert_eq!((count("MessagesFailed"), &line["class"]), (Some(1), &json!("parse")));
}
