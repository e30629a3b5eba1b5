//! The three fates of a failure.

use crossdock_domain::event::FailureClass;
use crossdock_domain::money::MoneyError;
use jiff::{SignedDuration, Timestamp};

/// Why work was not done, by what follows from it. `?` gives [`Failure::Retry`]; giving up must be said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Back to the queue, with backoff, or after the time that the other side asked for.
    #[error("{reason}")]
    Retry {
        /// What the other side asked for.
        after: Option<SignedDuration>,
        /// What happened, without personal data.
        reason: String,
    },
    /// The connection is overloaded, or down: everybody leaves it alone until then.
    #[error("{connection} is left alone until {until}: {reason}")]
    Paused {
        /// Which connection.
        connection: String,
        /// Until when.
        until: Timestamp,
        /// Why.
        reason: String,
    },
    /// A lasting failure: the task is parked at once and burns no retries.
    #[error("{reason}")]
    Permanent {
        /// What kind.
        class: FailureClass,
        /// What happened and what to do, without personal data.
        reason: String,
    },
}

impl Failure {
    /// A failure that passes by itself.
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::Retry { after: None, reason: reason.into() }
    }

    /// A failure that passes, with the other side's word on when.
    pub fn retry_after(after: SignedDuration, reason: impl Into<String>) -> Self {
        Self::Retry { after: Some(after), reason: reason.into() }
    }

    /// A failure that lasts until something is changed.
    pub fn permanent(class: FailureClass, reason: impl Into<String>) -> Self {
        Self::Permanent { class, reason: reason.into() }
    }
}

impl From<MoneyError> for Failure {
    fn from(error: MoneyError) -> Self {
        Self::permanent(FailureClass::Value, error.to_string())
    }
}
