//! The vendor's rate limit: so many calls within any sixty seconds.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

const WINDOW: SignedDuration = SignedDuration::from_secs(60);

pub(super) struct SlidingWindow {
    limit: Option<u32>,
    calls: VecDeque<Timestamp>,
}

/// How a call stands to the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// Nothing is limited.
    Unlimited,
    /// It may pass, and so many more may.
    Passes { remaining: u32 },
    /// It may not; a call after so many seconds may.
    Waits { seconds: i64 },
}

impl SlidingWindow {
    pub(super) fn of(limit: Option<u32>) -> Self {
        Self { limit, calls: VecDeque::new() }
    }

    pub(super) fn call(&mut self, now: Timestamp) -> Call {
        let Some(limit) = self.limit else {
            return Call::Unlimited;
        };
        while self.calls.front().is_some_and(|first| now.duration_since(*first) >= WINDOW) {
            self.calls.pop_front();
        }
        let made = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
        match self.calls.front() {
            Some(first) if made >= limit => {
                let left = WINDOW - now.duration_since(*first);
                // Rounded up: a caller that waits so long passes.
                Call::Waits { seconds: (left.as_millis() as i64).div_euclid(1000) + 1 }
            }
            _ => {
                self.calls.push_back(now);
                Call::Passes { remaining: limit.saturating_sub(made + 1) }
            }
        }
    }

    pub(super) fn remaining(&self) -> Option<u32> {
        let made = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
        self.limit.map(|limit| limit.saturating_sub(made))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    #[test]
    fn the_window_slides() {
        let mut window = SlidingWindow::of(Some(2));
        assert_eq!(window.call(at(0)), Call::Passes { remaining: 1 });
        assert_eq!(window.call(at(30_000)), Call::Passes { remaining: 0 });
        assert_eq!(window.call(at(30_500)), Call::Waits { seconds: 30 });
        assert_eq!(window.call(at(60_000)), Call::Passes { remaining: 0 });
        assert_eq!(window.call(at(60_001)), Call::Waits { seconds: 30 });
    }

    #[test]
    fn a_caller_that_waits_as_told_passes() {
        let mut window = SlidingWindow::of(Some(1));
        window.call(at(0));
        let Call::Waits { seconds } = window.call(at(1)) else { panic!("the limit did not hold") };
        assert_eq!(window.call(at(1 + seconds * 1000)), Call::Passes { remaining: 0 });
    }
}
