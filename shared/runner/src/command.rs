//! What callers of our API ask of one order: under a key, so that a repeat gets the same answer byte for byte; or as a
//! dry run, which answers what would follow and changes nothing.

use std::sync::{Mutex, PoisonError};

use crossdock_domain::cancel::Reason;
use crossdock_domain::canonical::hash_bytes;
use crossdock_domain::event::Decision;
use crossdock_domain::foresee::Foreseen;
use crossdock_domain::{Commit, Order, OrderId};
use crossdock_step::api::{Problem, Request};
use http::StatusCode;

use crate::commit::{Committed, Origin, Recorder};

/// Which operation, and what it takes to call it.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// Its name in causes: `cancel-order`.
    pub name: &'static str,
    /// The scope that a token needs.
    pub scope: &'static str,
    /// The kind of problem that a refusal is.
    pub refused: &'static str,
}

/// What came of a command.
pub enum Outcome {
    /// It is in the log, by this request or by an earlier one under the same key.
    Done(Box<Commit>),
    /// What it would have led to.
    Dry(Box<Foreseen>),
}

/// A command on its way: the order as it is, and the request's identity.
pub struct Command<'a> {
    recorder: &'a Recorder,
    operation: Operation,
    order: Order,
    cause: String,
    origin: Origin,
    earlier: Option<Commit>,
    dry_run: bool,
    /// Hash of the request's body, to be written into the fact that it leads to.
    pub request_hash: String,
}

fn unavailable(error: impl std::fmt::Display) -> Problem {
    tracing::error!(%error, "a command could not be carried out");
    Problem::unavailable()
}

impl<'a> Command<'a> {
    /// Reads the order that a request is about.
    ///
    /// # Errors
    /// The caller may not, the order is not there for it, or the key is missing.
    pub async fn begin(recorder: &'a Recorder, request: &Request, operation: Operation) -> Result<Self, Problem> {
        let caller = request.allowed(operation.scope)?;
        let dry_run = request.flag("dry_run")?;
        let unknown = || Problem::not_found("order");
        let id: OrderId = request.path("order_id").parse().map_err(|_| unknown())?;
        if !caller.reaches(id.connection.as_str()) {
            return Err(unknown());
        }
        // A dry run changes nothing, and so needs no name.
        let key = if dry_run { "" } else { request.idempotency_key()? };
        let commits = recorder.log().load(&id.stream(), 1).await.map_err(unavailable)?;
        let order = Order::fold(id, &commits);
        if order.accepted.is_none() {
            return Err(unknown());
        }
        let actor = format!("api:{}", caller.name);
        let cause = format!("{actor}:{}:{}", operation.name, hash_bytes(key.as_bytes()));
        let earlier = commits.into_iter().find(|commit| !dry_run && commit.cause == cause);
        let causation_id = Some(request.correlation_id.clone());
        let origin = Origin { actor, correlation_id: request.correlation_id.clone(), causation_id };
        let request_hash = hash_bytes(&request.body);
        Ok(Self { recorder, operation, order, cause, origin, earlier, dry_run, request_hash })
    }

    /// The order as it was read.
    #[must_use]
    pub const fn order(&self) -> &Order {
        &self.order
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> jiff::Timestamp {
        self.recorder.clock().now()
    }

    /// Carries the command out, or finds out what it would lead to. `known_hash` finds the request's hash in a commit
    /// that an earlier request under the same key has made.
    ///
    /// # Errors
    /// The key came with another body before; every reason why the command is refused; or the store does not answer.
    pub async fn finish(
        mut self,
        known_hash: impl Fn(&Commit) -> Option<String>,
        decide: impl Fn(&Order) -> Result<Decision, Vec<Reason>> + Send + Sync,
    ) -> Result<Outcome, Problem> {
        if let Some(commit) = self.earlier.take() {
            return self.repeated(commit, known_hash);
        }
        if self.dry_run {
            let decision = decide(&self.order).map_err(|reasons| self.refusal(&reasons))?;
            return Ok(Outcome::Dry(Box::new(self.order.foresee(&decision.events, self.now()))));
        }
        let refused = Mutex::new(Vec::new());
        let unless_refused = |order: &Order| {
            decide(order).unwrap_or_else(|reasons| {
                *refused.lock().unwrap_or_else(PoisonError::into_inner) = reasons;
                Decision::default()
            })
        };
        let recorded = self.recorder.record(&mut self.order, (&self.cause, &self.origin), unless_refused).await;
        match recorded.map_err(unavailable)? {
            Committed::Appended(commit) => Ok(Outcome::Done(commit)),
            Committed::Nothing => {
                let reasons = refused.into_inner().unwrap_or_else(PoisonError::into_inner);
                Err(self.refusal(&reasons))
            }
            // The same request again, at the same time, was faster.
            Committed::Already => {
                let commits = self.recorder.log().load(&self.order.id.stream(), 1).await.map_err(unavailable)?;
                let commit = commits.into_iter().find(|commit| commit.cause == self.cause);
                self.repeated(commit.ok_or_else(Problem::unavailable)?, known_hash)
            }
        }
    }

    fn repeated(&self, commit: Commit, hash: impl Fn(&Commit) -> Option<String>) -> Result<Outcome, Problem> {
        if hash(&commit).is_some_and(|known| known != self.request_hash) {
            let detail = "this Idempotency-Key came with another body before; use a new key for a new request";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "key-reused", detail));
        }
        Ok(Outcome::Done(Box::new(commit)))
    }

    fn refusal(&self, reasons: &[Reason]) -> Problem {
        let detail = "the order does not allow it; see reasons. Nothing was changed";
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, self.operation.refused, detail).with("reasons", reasons)
    }
}
