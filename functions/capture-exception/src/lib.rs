//! Takes what died without being parked, names its order and parks the task, so that somebody sees it.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use crossdock_domain::event::{Decision, FailureClass, Parked};
use crossdock_domain::inventory::{StockDocument, StockParked};
use crossdock_domain::outstanding::TaskId;
use crossdock_domain::{Event, Order, OrderId, TaskKind};
use crossdock_log::People;
use crossdock_runner::{LastFailure, Origin, Recorder, StockKeeper, Undelivered, metrics, store_failure};
use crossdock_step::Failure;
use crossdock_step::batch::{self, Limits, Message, Trigger};
use crossdock_step::ports::Untouched;
use crossdock_step::telemetry::Tally;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// Whose dead letters a queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Messages of a step: these kinds of task are parked.
    Step(&'static [TaskKind]),
    /// Deliveries that nobody could translate.
    Inbound,
    /// Anything that a deadline brings up again by itself.
    Healing,
}

/// The function.
pub struct CaptureException {
    /// Reads and appends orders.
    pub recorder: Recorder,
    /// Reads and notes documents of stock.
    pub keeper: StockKeeper,
    /// Keeps what names no order.
    pub undelivered: Undelivered,
    /// Where the last failures are.
    pub people: Arc<dyn People>,
    /// What each queue holds, by the queue's ARN.
    pub sources: BTreeMap<String, Source>,
}

/// The ERP's kinds.
pub const ERP: &[TaskKind] = &TaskKind::ERP;
/// The 3PL's kinds.
pub const FULFILLMENT: &[TaskKind] = &TaskKind::FULFILLMENT;
/// The storefront's kinds.
pub const STOREFRONT: &[TaskKind] = &TaskKind::STOREFRONT;
/// Allocation.
pub const ALLOCATION: &[TaskKind] = &[TaskKind::Allocate];

impl CaptureException {
    /// Handles one batch of dead letters.
    pub async fn handle(&self, event: SqsEvent, deadline: Timestamp) -> SqsBatchResponse {
        let sources: BTreeMap<String, Source> = event.records.iter().map(|record| self.source(record)).collect();
        let clock = self.recorder.clock();
        let tally = Tally::of("capture-exception");
        let measured = metrics::of_batch(&tally);
        let limits = Limits { queue: &Untouched, clock, deadline, concurrency: 4, measured };
        let sources = &sources;
        let response = batch::run(event, limits, |message| async move {
            match sources.get(&message.id).copied().unwrap_or(Source::Healing) {
                Source::Step(kinds) => self.park(&message, kinds).await,
                Source::Inbound => self.keep(&message).await,
                Source::Healing => {
                    tracing::error!(message = %message.id, "undelivered; its order's deadline brings it up again");
                    Ok(())
                }
            }
        })
        .await;
        tally.take().print(clock.now());
        response
    }

    fn source(&self, record: &SqsMessage) -> (String, Source) {
        let arn = record.event_source_arn.as_deref().unwrap_or_default();
        (record.message_id.clone().unwrap_or_default(), self.sources.get(arn).copied().unwrap_or(Source::Healing))
    }

    async fn park(&self, message: &Message, kinds: &[TaskKind]) -> Result<(), Failure> {
        let Some(trigger) = trigger_of(&message.body) else {
            return self.keep(message).await;
        };
        let Ok(id) = OrderId::from_stream(&trigger.stream) else {
            return self.park_document(&trigger, message).await;
        };
        let mut order = self.recorder.load(&id).await?;
        let origin = Origin::following("capture-exception", order.correlation_id.as_ref(), trigger.event_id);
        let cause = format!("dead-letter:{}", message.id);
        let last = self.last_failures(&order, kinds).await?;
        let recorded = self.recorder.record(&mut order, (&cause, &origin), |order| give_up(order, kinds, &last)).await;
        tracing::error!(order = %id, correlation_id = order.correlation_id.as_deref(), "a message died; its tasks are parked");
        recorded?;
        Ok(())
    }

    /// Parks a document of stock, so that somebody sees that the ERP does not have it.
    async fn park_document(&self, trigger: &Trigger, message: &Message) -> Result<(), Failure> {
        let document = self.keeper.load(&trigger.stream).await?;
        tracing::error!(stream = trigger.stream, "a message about a document of stock died");
        let Some(erp) = document.to_post().first().map(|open| open.erp.clone()) else { return Ok(()) };
        let origin = Origin::following("capture-exception", document.correlation_id.as_ref(), trigger.event_id.clone());
        let (class, reason) = why(self.last_failure(&trigger.stream, LastFailure::OF_DOCUMENT).await?.as_ref());
        let parked = StockParked { erp, class, reason };
        let cause = format!("dead-letter:{}", message.id);
        let decide = |known: &StockDocument| {
            (known.parked.is_none() && !known.is_done()).then(|| Event::StockParked(parked.clone()))
        };
        self.keeper.note(&trigger.stream, (&cause, &origin), decide).await.map(|_| ())
    }

    /// The last failure of each task that the message may have been for.
    async fn last_failures(&self, order: &Order, kinds: &[TaskKind]) -> Result<BTreeMap<TaskId, LastFailure>, Failure> {
        let mut failures = BTreeMap::new();
        for task in order.outstanding().into_iter().filter(|task| kinds.contains(&task.id.kind)) {
            if let Some(failure) = self.last_failure(&order.id.stream(), &task.id.to_string()).await? {
                failures.insert(task.id, failure);
            }
        }
        Ok(failures)
    }

    /// One that is old is not what the message died of.
    async fn last_failure(&self, stream: &str, task: &str) -> Result<Option<LastFailure>, Failure> {
        let last = LastFailure::find(self.people.as_ref(), stream, task).await.map_err(store_failure)?;
        let since = self.recorder.clock().now() - RECENT;
        Ok(last.filter(|failure| failure.at >= since))
    }

    /// Keeps what names no order, and shows it as an exception of its connection.
    async fn keep(&self, message: &Message) -> Result<(), Failure> {
        let why = (FailureClass::Exhausted, "every retry failed; the log names the last error");
        self.undelivered.keep((&message.id, &message.body), why, message.receives).await
    }
}

const EXHAUSTED: &str = "every retry failed; the log names the last error under the order's correlation id";

/// A failure is what a message died of if it is not older than all its tries take.
const RECENT: SignedDuration = SignedDuration::from_hours(24);

/// Why something is given up: its last failure, or nobody knows.
fn why(last: Option<&LastFailure>) -> (FailureClass, String) {
    match last {
        Some(last) => (last.class, format!("every retry failed; the last time: {}", last.reason)),
        None => (FailureClass::Exhausted, EXHAUSTED.to_owned()),
    }
}

/// Parks what the dead message was for and nobody has done since.
fn give_up(order: &Order, kinds: &[TaskKind], last: &BTreeMap<TaskId, LastFailure>) -> Decision {
    let undone = order.outstanding().into_iter().filter(|task| kinds.contains(&task.id.kind));
    // What is only waited for is not what died.
    let undone = undone.filter(|task| !task.id.kind.is_waited_for() && !order.parked.contains_key(&task.id));
    let park = |task: crossdock_domain::Task| {
        let (class, reason) = why(last.get(&task.id));
        Event::TaskParked(Parked::for_a_person(task.id, class, reason))
    };
    undone.map(park).collect::<Vec<_>>().into()
}

/// The event inside a dead letter: itself, or wrapped by Lambda's on-failure destination.
fn trigger_of(body: &str) -> Option<Trigger> {
    let letter: Value = serde_json::from_str(body).ok()?;
    let event = letter.get("requestPayload").unwrap_or(&letter);
    Trigger::parse(event).ok()
}
