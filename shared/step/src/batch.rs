//! Queue batches: each record has its own fate, and none decides another's.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::{FutureExt as _, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::{Clock, Failure, Queue, Trace};

/// A message may be put back for a paused connection so many times; with 15 minutes each, ten days.
const MAX_HOPS: u64 = 1000;

/// No record is begun with less than this left: a time-out would return the finished ones, too.
const RESERVE: SignedDuration = SignedDuration::from_secs(3);

/// One message of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The queue's identity of it.
    pub id: String,
    /// The handle of this delivery.
    pub receipt: String,
    /// The content.
    pub body: String,
    /// How many times it has been delivered, this time included.
    pub receives: u32,
}

/// Why a function was called: what an event's metadata says of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Trigger {
    /// Which stream to look at.
    pub stream: String,
    /// Identity of the event that led here.
    #[serde(default)]
    pub event_id: Option<String>,
    /// The task that the event names, if it is about one.
    #[serde(skip)]
    pub task: Option<serde_json::Value>,
}

impl Trigger {
    /// Reads an EventBridge envelope, as a rule delivers it to a queue or a function.
    ///
    /// # Errors
    /// It is not an event of ours.
    pub fn parse(envelope: &serde_json::Value) -> Result<Self, Failure> {
        let metadata = envelope.pointer("/detail/metadata").cloned().unwrap_or_default();
        let trigger: Self = serde_json::from_value(metadata)
            .map_err(|error| Failure::retry(format!("the message is no event of Crossdock: {error}")))?;
        Ok(Self { task: envelope.pointer("/detail/data/task").cloned(), ..trigger })
    }
}

impl std::str::FromStr for Trigger {
    type Err = Failure;
    fn from_str(body: &str) -> Result<Self, Failure> {
        let envelope =
            serde_json::from_str(body).map_err(|error| Failure::retry(format!("the message is no JSON: {error}")))?;
        Self::parse(&envelope)
    }
}

/// What a batch is run with.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// The queue that the messages came from.
    pub queue: &'a dyn Queue,
    /// The time.
    pub clock: &'a Clock,
    /// When the invocation is ended.
    pub deadline: Timestamp,
    /// How many streams are worked on at the same time.
    pub concurrency: usize,
}

/// Runs a batch: messages of one stream one after the other, streams at the same time. A failure goes back to the
/// queue with backoff; a paused connection's message is put back whole, without burning receives; a panic fails its
/// own record only.
pub async fn run<F, Fut>(event: SqsEvent, limits: Limits<'_>, handle: F) -> SqsBatchResponse
where
    F: Fn(Message) -> Fut + Sync,
    Fut: Future<Output = Result<(), Failure>>,
{
    let groups = by_stream(event.records);
    let work = groups.into_iter().map(|group| run_group(group, limits, &handle));
    let failed: Vec<String> =
        futures_util::stream::iter(work).buffer_unordered(limits.concurrency.max(1)).concat().await;
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failed
        .into_iter()
        .map(|id| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            failure
        })
        .collect();
    response
}

fn by_stream(records: Vec<SqsMessage>) -> Vec<Vec<Message>> {
    let mut groups: Vec<(Option<String>, Vec<Message>)> = Vec::new();
    for record in records {
        let message = message_of(record);
        let stream = stream_of(&message.body);
        match groups.iter_mut().find(|(known, _)| known.is_some() && *known == stream) {
            Some((_, group)) => group.push(message),
            None => groups.push((stream, vec![message])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

fn stream_of(body: &str) -> Option<String> {
    body.parse::<Trigger>().ok().map(|trigger| trigger.stream)
}

fn message_of(record: SqsMessage) -> Message {
    let receives = record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
    Message {
        id: record.message_id.unwrap_or_default(),
        receipt: record.receipt_handle.unwrap_or_default(),
        body: record.body.unwrap_or_default(),
        receives: receives.unwrap_or(1),
    }
}

async fn run_group<F, Fut>(group: Vec<Message>, limits: Limits<'_>, handle: &F) -> Vec<String>
where
    F: Fn(Message) -> Fut + Sync,
    Fut: Future<Output = Result<(), Failure>>,
{
    let mut failed = Vec::new();
    for message in group {
        let out_of_time = limits.clock.now() + RESERVE >= limits.deadline;
        let trace = Arc::new(Trace::of_message(&message.body, &message.id));
        if out_of_time || !trace.follow(run_one(&message, limits, handle)).await {
            failed.push(message.id);
        }
    }
    failed
}

/// Whether the message is done with.
async fn run_one<F, Fut>(message: &Message, limits: Limits<'_>, handle: &F) -> bool
where
    F: Fn(Message) -> Fut + Sync,
    Fut: Future<Output = Result<(), Failure>>,
{
    let outcome = AssertUnwindSafe(async { handle(message.clone()).await }).catch_unwind().await;
    let failure = match outcome {
        Ok(Ok(())) => return true,
        Ok(Err(failure)) => failure,
        Err(_) => Failure::retry("the step panicked"),
    };
    tracing::warn!(message = %message.id, receives = message.receives, %failure, "not done");
    match failure {
        Failure::Paused { until, .. } => put_back(message, limits, until).await,
        Failure::Retry { after, .. } => {
            let delay = after.unwrap_or_else(|| backoff(message.receives));
            if let Err(error) = limits.queue.hide(&message.receipt, delay).await {
                tracing::warn!(%error, "the queue's own visibility time-out applies instead");
            }
            false
        }
        Failure::Permanent { .. } => false,
    }
}

/// Sends a copy that waits and lets the original go: a pause of hours must not use up the message's receives.
async fn put_back(message: &Message, limits: Limits<'_>, until: Timestamp) -> bool {
    let Ok(serde_json::Value::Object(mut envelope)) = serde_json::from_str(&message.body) else { return false };
    let hops = envelope.get("hops").and_then(serde_json::Value::as_u64).unwrap_or(0) + 1;
    if hops > MAX_HOPS {
        return false;
    }
    envelope.insert("hops".into(), hops.into());
    let wait = until.duration_since(limits.clock.now()).max(SignedDuration::from_secs(1));
    // Spread out, so that a connection that is back is not met by everybody at once.
    let jitter = SignedDuration::from_millis(fastrand::i64(0..1000));
    let sent = limits.queue.send(serde_json::Value::Object(envelope).to_string(), wait + jitter).await;
    if let Err(error) = &sent {
        tracing::warn!(%error, "the message could not be put back and is retried instead");
    }
    sent.is_ok()
}

/// Exponential backoff with full jitter: at most 2 s at first, at most 15 minutes ever.
#[must_use]
pub fn backoff(receives: u32) -> SignedDuration {
    let most = 1000_i64.saturating_mul(2_i64.saturating_pow(receives.clamp(1, 10))).min(900_000);
    SignedDuration::from_millis(fastrand::i64(500..=most))
}
