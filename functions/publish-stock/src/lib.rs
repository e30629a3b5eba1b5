//! Shows each storefront how much of a SKU is on hand. A storefront subtracts its own orders itself, also those that we
//! have not seen, so that *on hand* is published and never what is available; by compare-and-set, so that a value that
//! somebody has changed meanwhile is never overwritten unseen. What is shown is always reckoned from the stock as it is
//! now: a message says which SKUs have moved, not what there is of them, so a thousand of them become one call.

mod shop;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use crossdock_connectors::Storefront;
use crossdock_domain::{ConnectionId, Sku};
use crossdock_log::Items;
use crossdock_runner::{Calls, Connectors, Directory, metrics};
use crossdock_step::telemetry::Metrics;
use crossdock_step::{Clock, Failure, Queue, Trace};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The function.
pub struct PublishStock {
    /// Connections.
    pub directory: Arc<Directory>,
    /// How outside calls are made.
    pub calls: Calls,
    /// The connectors of this environment.
    pub storefronts: Connectors<dyn Storefront>,
    /// The catalogue, with stock.
    pub items: Arc<dyn Items>,
    /// The storefronts that may be shown stock.
    pub shops: Vec<ConnectionId>,
    /// Its own queue: what has to wait is asked for again there.
    pub queue: Arc<dyn Queue>,
    /// The time.
    pub clock: Clock,
}

/// SKUs that have moved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Which.
    pub moved: BTreeSet<Sku>,
    /// Since when they have not been shown.
    pub since: Option<Timestamp>,
    /// How often it was tried.
    #[serde(default)]
    pub tries: u32,
    /// Which storefront, where only one is left; otherwise all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storefront: Option<ConnectionId>,
}

/// SKUs that are read and shown together.
const TOGETHER: usize = 100;

/// It is asked for again after so long, where the storefront says that it cannot be done now.
const AGAIN: SignedDuration = SignedDuration::from_secs(5);

/// The longest that a queue delays a message.
const LONGEST: SignedDuration = SignedDuration::from_mins(15);

impl PublishStock {
    /// Handles one batch: all of it together, since many messages are about few SKUs. What cannot be done now is asked
    /// for again by one message, and the batch is done with; only when that cannot be sent the batch comes back.
    pub async fn handle(&self, event: SqsEvent) -> SqsBatchResponse {
        // Many orders' messages become one call: it is followed by an id of its own.
        Arc::new(Trace::of_run("publish-stock")).follow(self.publish_all(event)).await
    }

    async fn publish_all(&self, event: SqsEvent) -> SqsBatchResponse {
        let mut response = SqsBatchResponse::default();
        let mut jobs: BTreeMap<(Option<ConnectionId>, u32), Moved> = BTreeMap::new();
        let mut taken = Vec::new();
        for record in event.records {
            let id = record.message_id.unwrap_or_default();
            match read(record.body.as_deref().unwrap_or_default()) {
                Ok(told) => {
                    let job = jobs.entry((told.storefront.clone(), told.tries)).or_default();
                    job.since = job.since.into_iter().chain(told.since).min();
                    job.moved.extend(told.moved);
                    taken.push(id);
                }
                Err(failure) => {
                    tracing::error!(message = %id, %failure, "the message cannot be read");
                    response.batch_item_failures.push(failed(id));
                }
            }
        }
        for ((storefront, tries), job) in jobs {
            let job = Moved { storefront, tries, ..job };
            if let Err(failure) = self.publish(job).await {
                tracing::error!(%failure, "the stock could neither be shown nor asked for again");
                response.batch_item_failures.extend(taken.drain(..).map(failed));
            }
        }
        response
    }

    async fn publish(&self, job: Moved) -> Result<(), Failure> {
        let skus: Vec<Sku> = job.moved.iter().cloned().collect();
        for storefront in self.shops.iter().filter(|shop| job.storefront.as_ref().is_none_or(|only| only == *shop)) {
            for skus in skus.chunks(TOGETHER) {
                let outcome = self.show(storefront, skus, job.tries).await;
                self.follow(&job, (storefront, skus), outcome).await?;
            }
        }
        Ok(())
    }

    /// What is left of it is asked for again.
    async fn follow(
        &self,
        job: &Moved,
        (storefront, skus): (&ConnectionId, &[Sku]),
        outcome: Result<shop::Outcome, Failure>,
    ) -> Result<(), Failure> {
        let (again, wait) = match outcome {
            Ok(outcome) => {
                self.measure(job, &outcome);
                let busy = outcome.not_before.map(|until| until.duration_since(self.clock.now()));
                (outcome.again, busy.map_or(AGAIN, |wait| wait.max(SignedDuration::from_secs(1))))
            }
            Err(Failure::Paused { until, .. }) => {
                (skus.iter().cloned().collect(), until.duration_since(self.clock.now()).max(AGAIN))
            }
            Err(Failure::Retry { after, reason, .. }) => {
                tracing::warn!(%storefront, reason, "stock could not be shown");
                let backoff = AGAIN * i32::try_from(2_u32.saturating_pow(job.tries.min(7))).unwrap_or(128);
                (skus.iter().cloned().collect(), after.unwrap_or(backoff))
            }
            Err(failure @ Failure::Permanent { .. }) => {
                tracing::error!(%storefront, %failure, "stock cannot be shown until somebody has put that right");
                return Ok(());
            }
        };
        if again.is_empty() {
            return Ok(());
        }
        let message =
            Moved { moved: again, since: job.since, tries: job.tries + 1, storefront: Some(storefront.clone()) };
        let body = serde_json::to_string(&message).map_err(|error| Failure::retry(error.to_string()))?;
        self.queue.send(body, wait.min(LONGEST)).await
    }

    /// How long storefronts showed what was not so any more.
    fn measure(&self, job: &Moved, outcome: &shop::Outcome) {
        if outcome.shown == 0 {
            return;
        }
        let now = self.clock.now();
        let lag = job.since.map_or(0, |since| now.duration_since(since).as_secs().max(0));
        let mut measured = Metrics::of("publish-stock");
        measured.add(metrics::STOCK_LEVELS_SHOWN, i64::try_from(outcome.shown).unwrap_or(i64::MAX));
        measured.add(metrics::STOCK_PUBLICATION_LAG_SECONDS, lag);
        measured.print(now);
        tracing::info!(shown = outcome.shown, lag_seconds = lag, "shown");
    }
}

fn failed(id: String) -> BatchItemFailure {
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = id;
    failure
}

/// Reads an event that a rule has put on the queue, or a message of our own.
fn read(body: &str) -> Result<Moved, Failure> {
    let unreadable =
        |error: serde_json::Error| Failure::retry(format!("the message is no event of Crossdock: {error}"));
    let envelope: serde_json::Value = serde_json::from_str(body).map_err(unreadable)?;
    let Some(metadata) = envelope.pointer("/detail/metadata") else {
        return serde_json::from_value(envelope).map_err(unreadable);
    };
    let of = |name: &str| metadata.get(name).cloned().unwrap_or_default();
    let moved = serde_json::from_value(of("moved")).map_err(unreadable)?;
    Ok(Moved { moved, since: serde_json::from_value(of("occurred_at")).map_err(unreadable)?, ..Moved::default() })
}
