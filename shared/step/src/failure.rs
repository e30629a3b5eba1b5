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
        /// What kind: decides how long it is waited, and what a person is told when every retry has failed.
        class: FailureClass,
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
        /// Since when.
        since: Timestamp,
        /// Until when.
        until: Timestamp,
        /// How many more urgent kinds of work go first once it is over.
        lane: u32,
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
        Self::Retry { class: FailureClass::Intermittent, after: None, reason: reason.into() }
    }

    /// A failure that passes, with the other side's word on when.
    pub fn retry_after(after: SignedDuration, reason: impl Into<String>) -> Self {
        Self::Retry { class: FailureClass::Intermittent, after: Some(after), reason: reason.into() }
    }

    /// A call of which it is not known whether it took effect. The next try looks first.
    pub fn in_doubt(reason: impl Into<String>) -> Self {
        Self::Retry { class: FailureClass::InDoubt, after: None, reason: reason.into() }
    }

    /// Too many calls, by the other side's count, which may have said when it takes more.
    pub fn rate_limit(after: Option<SignedDuration>, reason: impl Into<String>) -> Self {
        Self::Retry { class: FailureClass::RateLimit, after, reason: reason.into() }
    }

    /// The connection is to be left alone for so long from now on.
    pub fn paused(connection: &str, (now, pause): (Timestamp, SignedDuration), reason: impl Into<String>) -> Self {
        let until = now.saturating_add(pause).unwrap_or(now);
        Self::Paused { connection: connection.to_owned(), since: now, until, lane: 0, reason: reason.into() }
    }

    /// Nothing, if it is a pause that began before a moment: whoever has paused the connection, or found it down, has
    /// told so already, and a scheduled run that comes upon it has not failed.
    ///
    /// # Errors
    /// The failure itself, if it is any other.
    pub fn unless_paused_before(self, moment: Timestamp) -> Result<(), Self> {
        match self {
            Self::Paused { since, .. } if since < moment => Ok(()),
            Self::Retry { .. } | Self::Paused { .. } | Self::Permanent { .. } => Err(self),
        }
    }

    /// The same for work that so many more urgent kinds go before.
    #[must_use]
    pub fn in_lane(mut self, behind: u32) -> Self {
        if let Self::Paused { lane, .. } = &mut self {
            *lane = behind;
        }
        self
    }

    /// The same of a call that was to change something: where it passes by itself, it is not known whether it did.
    #[must_use]
    pub fn of_a_change(mut self) -> Self {
        if let Self::Retry { class, .. } = &mut self
            && *class == FailureClass::Intermittent
        {
            *class = FailureClass::InDoubt;
        }
        self
    }

    /// A failure that lasts until something is changed.
    pub fn permanent(class: FailureClass, reason: impl Into<String>) -> Self {
        Self::Permanent { class, reason: reason.into() }
    }

    /// What kind it is.
    #[must_use]
    pub const fn class(&self) -> FailureClass {
        match self {
            Self::Retry { class, .. } | Self::Permanent { class, .. } => *class,
            Self::Paused { .. } => FailureClass::RateLimit,
        }
    }

    /// What happened.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Retry { reason, .. } | Self::Permanent { reason, .. } | Self::Paused { reason, .. } => reason,
        }
    }

    /// The same in other words.
    #[must_use]
    pub fn with_reason(mut self, say: impl FnOnce(&str) -> String) -> Self {
        let (Self::Retry { reason, .. } | Self::Permanent { reason, .. } | Self::Paused { reason, .. }) = &mut self;
        *reason = say(reason);
        self
    }
}

impl From<MoneyError> for Failure {
    fn from(error: MoneyError) -> Self {
        Self::permanent(FailureClass::Value, error.to_string())
    }
}
