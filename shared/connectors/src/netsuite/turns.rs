//! Work that many orders need at the same time and that is done once: a token, a guest's customer.

use std::sync::atomic::{AtomicU64, Ordering};

use crossdock_step::Failure;
use tokio::sync::{Mutex, MutexGuard};

/// A state that one caller at a time works on. Those who waited while the work failed for a passing reason share its
/// failure: during an outage ten orders wait for one time-out, not for ten in a row.
pub struct Turns<S> {
    /// How many turns have failed so far.
    failures: AtomicU64,
    state: Mutex<State<S>>,
}

#[derive(Default)]
struct State<S> {
    content: S,
    failure: Option<Failure>,
}

/// One caller's turn.
pub struct Turn<'a, S> {
    failures: &'a AtomicU64,
    state: MutexGuard<'a, State<S>>,
}

impl<S: Default> Default for Turns<S> {
    fn default() -> Self {
        Self { failures: AtomicU64::new(0), state: Mutex::default() }
    }
}

impl<S> Turns<S> {
    /// Waits for its turn.
    ///
    /// # Errors
    /// What failed while it waited.
    pub async fn take(&self) -> Result<Turn<'_, S>, Failure> {
        let before = self.failures.load(Ordering::SeqCst);
        let state = self.state.lock().await;
        match &state.failure {
            Some(failure) if self.failures.load(Ordering::SeqCst) != before => Err(failure.clone()),
            Some(_) | None => Ok(Turn { failures: &self.failures, state }),
        }
    }
}

impl<S> Turn<'_, S> {
    /// What is worked on.
    pub fn content(&mut self) -> &mut S {
        &mut self.state.content
    }

    /// Ends the turn; those who wait learn of a passing failure. A lasting one may be about this order alone.
    ///
    /// # Errors
    /// The outcome's.
    pub fn end<T>(mut self, outcome: Result<T, Failure>) -> Result<T, Failure> {
        if let Err(failure @ (Failure::Retry { .. } | Failure::Paused { .. })) = &outcome {
            self.state.failure = Some(failure.clone());
            self.failures.fetch_add(1, Ordering::SeqCst);
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use crossdock_domain::event::FailureClass;
    use futures_util::future::join_all;

    use super::*;

    async fn turn(turns: &Turns<u32>, failure: Option<Failure>) -> Result<u32, Failure> {
        let mut turn = turns.take().await?;
        *turn.content() += 1;
        tokio::task::yield_now().await;
        let count = *turn.content();
        turn.end(failure.map_or(Ok(count), Err))
    }

    #[tokio::test]
    async fn those_who_wait_share_a_passing_failure_and_later_ones_try_again() {
        let turns = Turns::<u32>::default();
        let outage = Failure::retry("no answer");
        let outcomes = join_all((0..5).map(|_| turn(&turns, Some(outage.clone())))).await;
        assert_eq!(outcomes, vec![Err(outage.clone()); 5]);
        assert_eq!(turn(&turns, None).await, Ok(2), "one turn failed for five; the sixth caller had one of its own");
    }

    #[tokio::test]
    async fn a_lasting_failure_is_its_own() {
        let turns = Turns::<u32>::default();
        let unmapped = Failure::permanent(FailureClass::Mapping, "EUR is not mapped");
        let (first, second) = tokio::join!(turn(&turns, Some(unmapped.clone())), turn(&turns, None));
        assert_eq!((first, second), (Err(unmapped), Ok(2)));
    }
}
