//! Appending to an order's stream.

use std::sync::Arc;

use crossdock_domain::demand::following;
use crossdock_domain::event::Decision;
use crossdock_domain::item::{StockMove, merged};
use crossdock_domain::order::MAX_COMMITS;
use crossdock_domain::{Commit, Order, OrderId};
use crossdock_log::{AppendError, Log, StoreError};
use crossdock_step::api::{Caller, Request};
use crossdock_step::{Clock, Failure};

/// How often a decision is made again on a state that has moved on.
pub(crate) const CONFLICT_TRIES: u32 = 12;

/// Who does something, and what made them do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// A function, a connection or a caller.
    pub actor: String,
    /// For an order's first commit: what follows it from here on.
    pub correlation_id: String,
    /// The message or request that led here.
    pub causation_id: Option<String>,
}

impl Origin {
    /// A caller who asks for something, in a role: `api`, `operator`.
    #[must_use]
    pub fn asked_by(role: &str, request: &Request, caller: &Caller) -> Self {
        Self {
            actor: format!("{role}:{}", caller.name),
            correlation_id: request.correlation_id.clone(),
            causation_id: Some(request.correlation_id.clone()),
        }
    }

    /// A function that goes on with what has begun before, because of a message, if any.
    #[must_use]
    pub fn following(actor: &str, correlation_id: Option<&String>, causation_id: Option<String>) -> Self {
        Self { actor: actor.to_owned(), correlation_id: correlation_id.cloned().unwrap_or_default(), causation_id }
    }
}

/// What became of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// It is in the log now.
    Appended(Box<Commit>),
    /// It was there already.
    Already,
    /// There was nothing to record.
    Nothing,
}

impl Committed {
    /// What became of it, in a word for the log.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Appended(_) => "appended",
            Self::Already => "already",
            Self::Nothing => "nothing",
        }
    }
}

/// Why nothing was committed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The stock that the decision reserves is gone.
    #[error("the stock is gone")]
    StockShort,
    /// The state has moved on and the decision has to be made again by the caller.
    #[error("the order has moved on")]
    MovedOn,
    /// Anything else.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl From<CommitError> for Failure {
    /// What was not committed because others were faster is tried again later.
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Failed(failure) => failure,
            CommitError::StockShort | CommitError::MovedOn => Self::retry(error.to_string()),
        }
    }
}

/// Reads and appends orders.
#[derive(Clone)]
pub struct Recorder {
    log: Arc<dyn Log>,
    clock: Clock,
}

/// A store that does not answer is tried again later.
#[must_use]
pub fn store_failure(error: StoreError) -> Failure {
    Failure::retry(error.to_string())
}

impl Recorder {
    /// A recorder on a log.
    #[must_use]
    pub fn new(log: Arc<dyn Log>, clock: Clock) -> Self {
        Self { log, clock }
    }

    /// The time.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &dyn Log {
        self.log.as_ref()
    }

    /// An order as it is now.
    ///
    /// # Errors
    /// The log does not answer.
    pub async fn load(&self, id: &OrderId) -> Result<Order, Failure> {
        let commits = self.log.load(&id.stream(), 1).await.map_err(store_failure)?;
        Ok(Order::fold(id.clone(), &commits))
    }

    /// Reads what was appended since the order was loaded.
    ///
    /// # Errors
    /// The log does not answer.
    pub async fn refresh(&self, order: &mut Order) -> Result<(), Failure> {
        let commits = self.log.load(&order.id.stream(), order.seq + 1).await.map_err(store_failure)?;
        commits.iter().for_each(|commit| order.apply(commit));
        Ok(())
    }

    /// Decides on the order and appends what was decided under its cause; decides again whenever somebody else was
    /// faster. What has happened once (by its cause) is never recorded twice.
    ///
    /// # Errors
    /// The stock is gone, or the log does not answer.
    pub async fn record(
        &self,
        order: &mut Order,
        what: (&str, &Origin),
        decide: impl Fn(&Order) -> Decision + Send,
    ) -> Result<Committed, CommitError> {
        for _ in 0..CONFLICT_TRIES {
            if order.causes.contains(what.0) {
                return Ok(Committed::Already);
            }
            let decision = decide(order);
            if decision.events.is_empty() {
                return Ok(Committed::Nothing);
            }
            match self.append(order, what, &decision).await {
                Ok(commit) => return Ok(Committed::Appended(Box::new(commit))),
                Err(CommitError::MovedOn) => self.refresh(order).await?,
                Err(other) => return Err(other),
            }
        }
        Err(Failure::retry("too many others write to the same order").into())
    }

    /// Appends one decision to the order as it was loaded, and folds it in.
    ///
    /// # Errors
    /// Somebody else was faster, the stock is gone, the stream is full, or the log does not answer.
    pub async fn append(
        &self,
        order: &mut Order,
        what: (&str, &Origin),
        decision: &Decision,
    ) -> Result<Commit, CommitError> {
        self.append_with(order, what, (decision, None)).await
    }

    /// The same, with a commit of another stream that stands or falls with it.
    ///
    /// # Errors
    /// As for [`Self::append`]; also where somebody was faster in the other stream.
    pub(crate) async fn append_with(
        &self,
        order: &mut Order,
        what: (&str, &Origin),
        (decision, other): (&Decision, Option<&Commit>),
    ) -> Result<Commit, CommitError> {
        if order.seq >= MAX_COMMITS {
            let reason = format!("order {} has {MAX_COMMITS} commits; finish it by hand", order.id);
            return Err(Failure::permanent(crossdock_domain::event::FailureClass::Value, reason).into());
        }
        let (mut commit, mut next) = self.commit_of(order, what, decision);
        let mut outcome = self.log.append_with(&commit, other).await;
        if outcome == Err(AppendError::StockShort) && !commit.moves.iter().any(StockMove::is_promise) {
            // It has happened, whatever our stock record says: the fact is kept, reconciliation finds the difference.
            tracing::error!(order = %order.id, cause = what.0, "stock moved that we do not have on record");
            commit.moves.clear();
            next.last_hash = commit.hash();
            outcome = self.log.append_with(&commit, other).await;
        }
        match outcome {
            Ok(()) => {
                *order = next;
                Ok(commit)
            }
            Err(AppendError::SeqTaken(_) | AppendError::OtherTaken(_)) => Err(CommitError::MovedOn),
            Err(AppendError::StockShort) => Err(CommitError::StockShort),
            Err(AppendError::Store(error)) => Err(store_failure(error).into()),
        }
    }

    /// The commit, and the order after it. Adds what follows from the facts (a refund that they make due, a return of
    /// what left too late), and `OrderCompleted` when nothing is left to do: in the same commit, so that of two facts
    /// at once the later one sees what the earlier one made due.
    fn commit_of(&self, order: &Order, what: (&str, &Origin), decision: &Decision) -> (Commit, Order) {
        let (cause, origin) = what;
        let now = self.clock.now();
        let (events, mut next) = order.with_consequences(decision.events.clone(), now);
        next.updated_at = Some(now);
        let commit = Commit {
            stream: order.id.stream(),
            seq: order.seq + 1,
            cause: cause.to_owned(),
            at: now,
            actor: origin.actor.clone(),
            correlation_id: order.correlation_id.clone().unwrap_or_else(|| origin.correlation_id.clone()),
            causation_id: origin.causation_id.clone(),
            prev_hash: order.last_hash.clone(),
            due: next.due(now),
            summary: next.summary(),
            moves: merged(decision.moves.iter().cloned().chain(following(order, &next))),
            events,
        };
        let mut after = order.clone();
        after.apply(&commit);
        (commit, after)
    }
}
