//! What a task failed of, with what was sent to the outside and answered: for whoever has to find out why.

use crossdock_domain::event::FailureClass;
use crossdock_log::{People, StoreError};
use crossdock_step::{Failure, Trace};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The last failure of a task. Personal data and secrets are masked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LastFailure {
    /// What kind.
    pub class: FailureClass,
    /// What happened, in words.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// The last calls to the outside, oldest first: each `sent`, and `answered` or `failed`.
    pub calls: Vec<Value>,
}

impl LastFailure {
    /// Under which name that of a document of stock is kept.
    pub const OF_DOCUMENT: &str = "post_stock";

    /// Keeps a failure that has come of the calls of a trace. One that is a pause is left out: the task did not fail, its
    /// turn has not come. Where it cannot be kept, the task goes its way all the same.
    pub async fn keep(
        people: &dyn People,
        (stream, task): (&str, &str),
        (trace, failure): (&Trace, &Failure),
        at: Timestamp,
    ) {
        if matches!(failure, Failure::Paused { .. }) {
            return;
        }
        let last = Self { class: failure.class(), reason: failure.reason().to_owned(), at, calls: trace.calls() };
        let text = serde_json::to_string(&last).unwrap_or_default();
        if let Err(error) = people.keep_exchange(stream, task, &text).await {
            tracing::warn!(%error, task, "what was sent and answered could not be kept");
        }
    }

    /// The last failure of a task, if it was kept and can be read.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn find(people: &dyn People, stream: &str, task: &str) -> Result<Option<Self>, StoreError> {
        let kept = people.find_exchange(stream, task).await?;
        Ok(kept.and_then(|text| serde_json::from_str(&text).ok()))
    }
}
