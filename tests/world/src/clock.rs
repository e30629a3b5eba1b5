//! The world's time: it stands still until the world moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// A clock that only the world moves.
#[derive(Debug, Clone)]
pub struct WorldClock(Arc<AtomicI64>);

impl WorldClock {
    /// A clock that shows this moment.
    #[must_use]
    pub fn at(moment: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(moment.as_millisecond())))
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap_or(Timestamp::MAX)
    }

    /// Lets time pass.
    pub fn pass(&self, time: SignedDuration) {
        self.0.fetch_add(i64::try_from(time.as_millis()).unwrap_or(0), Ordering::SeqCst);
    }

    /// Goes to a later moment.
    pub fn reach(&self, moment: Timestamp) {
        self.0.fetch_max(moment.as_millisecond(), Ordering::SeqCst);
    }
}
