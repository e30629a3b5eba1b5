//! Queue batches: each record has its own fate, and none decides another's.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use crossdock_domain::event::FailureClass;
use futures_util::{FutureExt as _, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::telemetry::{Metric, Tally};
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

/// Whose metrics a batch adds to, and what it calls them.
#[derive(Clone, Copy)]
pub struct Measured<'a> {
    /// Where they are noted.
    pub tally: &'a Tally,
    /// Messages that go back to the queue.
    pub retried: Metric,
    /// Messages that are put back whole.
    pub put_back: Metric,
    /// Messages that no retry will help, by class.
    pub failed: Metric,
}

impl Measured<'_> {
    /// Counts a failure.
    pub fn note(&self, failure: &Failure) {
        match failure {
            Failure::Retry { .. } => self.tally.add(self.retried, 1),
            Failure::Paused { .. } => self.tally.add(self.put_back, 1),
            Failure::Permanent { class, .. } => self.tally.add_for(self.failed, class.to_string(), 1),
        }
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
    /// What is counted.
    pub measured: Measured<'a>,
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
    limits.measured.note(&failure);
    match failure {
        Failure::Paused { since, until, lane, .. } => put_back(message, limits, turn(since, until, lane)).await,
        Failure::Retry { class, after, .. } => {
            let delay = after.unwrap_or_else(|| backoff(class, message.receives));
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

/// Between two lanes lies a tenth of the pause, because the longer it was the more has gathered; at most a minute.
const LONGEST_LANE: SignedDuration = SignedDuration::from_secs(60);

/// When it is a message's turn after a pause: the more urgent lanes go first.
fn turn(since: Timestamp, until: Timestamp, lane: u32) -> Timestamp {
    let tenth = until.duration_since(since).as_millis() / 10;
    let step =
        SignedDuration::from_millis(i64::try_from(tenth).unwrap_or(i64::MAX)).clamp(SignedDuration::ZERO, LONGEST_LANE);
    let wait = step * i32::try_from(lane).unwrap_or(i32::MAX);
    until.saturating_add(wait).unwrap_or(until)
}

/// The longest that a message is hidden before it is tried again.
const LONGEST_BACKOFF_MS: i64 = 900_000;

/// Exponential backoff with full jitter, at most 15 minutes: at most 2 s at first, and 5 s where the other side wants fewer
/// calls, or where the next try looks for what the last one may have made and the other side needs its time to show it.
#[must_use]
pub fn backoff(class: FailureClass, receives: u32) -> SignedDuration {
    let first = match class {
        FailureClass::RateLimit | FailureClass::InDoubt => 5000,
        FailureClass::Intermittent
        | FailureClass::Value
        | FailureClass::Missing
        | FailureClass::Mapping
        | FailureClass::Duplicate
        | FailureClass::Connection
        | FailureClass::Parse
        | FailureClass::Stock
        | FailureClass::Refused
        | FailureClass::TooLarge
        | FailureClass::Exhausted => 2000_i64,
    };
    let most = first.saturating_mul(2_i64.saturating_pow(receives.clamp(1, 10) - 1)).min(LONGEST_BACKOFF_MS);
    SignedDuration::from_millis(fastrand::i64(500..=most))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn backoff_grows_from_two_or_five_seconds_to_a_quarter_of_an_hour(receives in 0_u32..30, careful in any::<bool>()) {
            let (class, first) = if careful { (FailureClass::InDoubt, 5) } else { (FailureClass::Intermittent, 2) };
            let most = (first << (receives.clamp(1, 10) - 1)).min(900);
            let wait = backoff(class, receives);
            prop_assert!(wait >= SignedDuration::from_millis(500) && wait <= SignedDuration::from_secs(most), "{wait}");
        }

        #[test]
        fn the_more_urgent_lane_has_its_turn_first(pause in 0_i64..100_000, lane in 0_u32..5) {
            let since = Timestamp::UNIX_EPOCH;
            let until = since + SignedDuration::from_secs(pause);
            prop_assert_eq!(turn(since, until, 0), until);
            let step = turn(since, until, lane + 1).duration_since(turn(since, until, lane));
            prop_assert!(step <= LONGEST_LANE && (pause == 0 || step > SignedDuration::ZERO), "{step}");
        }
    }

    #[derive(Default)]
    struct Kept(Mutex<Vec<(String, SignedDuration)>>);

    #[async_trait]
    impl Queue for Kept {
        async fn send(&self, body: String, delay: SignedDuration) -> Result<(), Failure> {
            self.0.lock().unwrap().push((body, delay));
            Ok(())
        }
        async fn hide(&self, receipt: &str, delay: SignedDuration) -> Result<(), Failure> {
            self.0.lock().unwrap().push((receipt.to_owned(), delay));
            Ok(())
        }
    }

    fn handled(failure: &Failure) -> (bool, SignedDuration) {
        let queue = Kept::default();
        let clock = Clock::new(|| Timestamp::UNIX_EPOCH);
        let (tally, counted) = (Tally::of("test"), Metric::new("Counted", crate::telemetry::Unit::Count));
        let measured = Measured { tally: &tally, retried: counted, put_back: counted, failed: counted };
        let limits = Limits { queue: &queue, clock: &clock, deadline: Timestamp::MAX, concurrency: 1, measured };
        let mut event = SqsEvent::default();
        let mut record = SqsMessage::default();
        record.message_id = Some("m1".into());
        record.body = Some("{}".into());
        event.records = vec![record];
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let response = runtime.block_on(run(event, limits, |_| async { Err(failure.clone()) }));
        let delay = queue.0.lock().unwrap().first().unwrap().1;
        (response.batch_item_failures.is_empty(), delay)
    }

    #[test]
    fn a_paused_message_waits_for_the_end_and_for_its_lane() {
        let paused =
            |lane| Failure::paused("erp", (Timestamp::UNIX_EPOCH, SignedDuration::from_mins(5)), "down").in_lane(lane);
        for (lane, seconds) in [(0, 300), (1, 330), (2, 360)] {
            let (is_done, delay) = handled(&paused(lane));
            assert!(is_done && (seconds..=seconds + 1).contains(&delay.as_secs()), "{lane}: {delay}");
        }
    }

    #[test]
    fn what_the_other_side_asked_for_is_waited() {
        let (is_done, delay) = handled(&Failure::rate_limit(Some(SignedDuration::from_secs(77)), "slower"));
        assert_eq!((is_done, delay), (false, SignedDuration::from_secs(77)));
    }
}
