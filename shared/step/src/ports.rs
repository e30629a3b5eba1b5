//! What functions need of the world, as traits, so that tests can stand in for it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::Failure;

/// The time. An argument everywhere, so that tests decide it.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(Timestamp::now))
    }

    /// Any other clock.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// A queue that messages can be put on.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Puts one message on the queue, visible after a delay of at most 15 minutes.
    async fn send(&self, body: String, delay: SignedDuration) -> Result<(), Failure>;

    /// Hides a message that was received until a time from now, so that it is delivered again then.
    async fn hide(&self, receipt: &str, delay: SignedDuration) -> Result<(), Failure>;
}

/// A queue that is left to its own time-outs: for a function that reads several queues.
#[derive(Debug, Clone, Copy)]
pub struct Untouched;

#[async_trait]
impl Queue for Untouched {
    async fn send(&self, _body: String, _delay: SignedDuration) -> Result<(), Failure> {
        Err(Failure::retry("there is no queue to put the message back on"))
    }

    async fn hide(&self, _receipt: &str, _delay: SignedDuration) -> Result<(), Failure> {
        Ok(())
    }
}

/// One event for the bus.
#[derive(Debug, Clone, PartialEq)]
pub struct BusEntry {
    /// Who says so.
    pub source: String,
    /// What has happened, with its version.
    pub detail_type: String,
    /// The content.
    pub detail: serde_json::Value,
    /// When.
    pub at: Timestamp,
}

/// The event bus.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Puts events on the bus; succeeds only when every one of them was taken.
    async fn put(&self, entries: Vec<BusEntry>) -> Result<(), Failure>;
}

/// A secret of a connection: a JSON object. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(serde_json::Value);

impl Secret {
    /// Wraps a secret's content.
    #[must_use]
    pub const fn new(content: serde_json::Value) -> Self {
        Self(content)
    }

    /// A text field.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<&str> {
        self.0.get(field)?.as_str()
    }

    /// A field that holds one text or several: during a rotation two secrets are valid.
    #[must_use]
    pub fn texts(&self, field: &str) -> Vec<&str> {
        match self.0.get(field) {
            Some(serde_json::Value::String(one)) => vec![one],
            Some(serde_json::Value::Array(several)) => several.iter().filter_map(serde_json::Value::as_str).collect(),
            _ => Vec::new(),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// Secrets by connection.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The secret of a connection; may be up to five minutes old.
    async fn secret(&self, connection: &str) -> Result<Secret, Failure>;

    /// The secret as it is now: for the one retry after a refusal.
    async fn fresh_secret(&self, connection: &str) -> Result<Secret, Failure>;
}
