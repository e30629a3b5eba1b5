//! Running a step on one order.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use crossdock_domain::event::{Decision, Parked};
use crossdock_domain::ids::ConnectionId;
use crossdock_domain::outstanding::TaskId;
use crossdock_domain::{Event, Order, OrderId, Task, TaskKind};
use crossdock_log::People;
use crossdock_step::batch::Trigger;
use crossdock_step::batch::{self, Limits};
use crossdock_step::telemetry::{Metrics, Tally};
use crossdock_step::{Failure, Queue, Trace};
use jiff::{SignedDuration, Timestamp};

use crate::commit::{CommitError, Committed, Origin, Recorder};
use crate::directory::Directory;
use crate::failed::LastFailure;
use crate::metrics;

/// No task is begun with less than this left of the invocation.
const RESERVE: SignedDuration = SignedDuration::from_secs(3);

/// How often one task is decided again in one run, when others move the order or the stock.
const REDECISIONS: u32 = 20;

/// Reads on the order's state what something that has happened means.
pub type Reading = Box<dyn Fn(&Order) -> Decision + Send + Sync>;

/// What came of a task.
pub enum Done {
    /// Something has happened outside: it is recorded whatever the order looks like by then.
    Happened(Vec<Event>),
    /// Something has happened outside, and what it means depends on the order: it is recorded in any case, as it reads
    /// on the state of that moment.
    Reported(Reading),
    /// Something was decided on this state of the order and this stock: when either has moved, it is decided again.
    Decided(Decision),
}

/// One kind of work, or a few that belong together.
#[async_trait]
pub trait Step: Send + Sync {
    /// Which kinds of task it does.
    fn kinds(&self) -> &'static [TaskKind];

    /// Whether a kind is done whenever the order is looked at; otherwise only when the message names the task.
    fn eager(&self, _kind: TaskKind) -> bool {
        true
    }

    /// For how long a task is claimed before its outside call, where a repeat of the call would do harm.
    fn lease(&self, _task: &Task) -> Option<SignedDuration> {
        None
    }

    /// Which connection a task talks to; its pauses hold the task.
    fn connection(&self, _order: &Order, _task: &Task) -> Option<ConnectionId> {
        None
    }

    /// Does one task.
    async fn perform(&self, order: &Order, task: &Task) -> Result<Done, Failure>;
}

/// Runs steps.
#[derive(Clone)]
pub struct Runner {
    recorder: Recorder,
    directory: Arc<Directory>,
    people: Arc<dyn People>,
    /// The function's name.
    actor: &'static str,
    tally: Tally,
}

/// One run: whom it is for, and until when.
struct Run<'a> {
    step: &'a dyn Step,
    origin: Origin,
    named: Option<TaskId>,
    deadline: Timestamp,
}

impl Runner {
    /// A runner for one function.
    #[must_use]
    pub fn new(recorder: Recorder, directory: Arc<Directory>, people: Arc<dyn People>, actor: &'static str) -> Self {
        Self { recorder, directory, people, actor, tally: Tally::of(actor) }
    }

    /// Takes out what was measured since the last time.
    #[must_use]
    pub fn take_metrics(&self) -> Metrics {
        self.tally.take()
    }

    /// Prints it: once per invocation, at its end.
    pub fn print_metrics(&self) {
        self.take_metrics().print(self.now());
    }

    /// Does every outstanding task of the step's kinds on the order that a message names, one commit each.
    ///
    /// # Errors
    /// Something has to be tried again later. What was done until then is committed.
    pub async fn run(&self, step: &dyn Step, trigger: &Trigger, deadline: Timestamp) -> Result<(), Failure> {
        let id = OrderId::from_stream(&trigger.stream).map_err(|error| Failure::retry(error.to_string()))?;
        let mut order = self.recorder.load(&id).await?;
        let origin = Origin::following(self.actor, order.correlation_id.as_ref(), trigger.event_id.clone());
        let named = trigger.task.clone().and_then(|task| serde_json::from_value(task).ok());
        let run = Run { step, origin, named, deadline };
        let trace = Arc::new(Trace::following(order.correlation_id.as_deref(), self.actor));
        let work = async {
            self.run_all(&run, &mut order).await?;
            self.wait_for_claims(&run, &order)
        };
        trace.follow(work).await
    }

    async fn run_all(&self, run: &Run<'_>, order: &mut Order) -> Result<(), Failure> {
        let mut tried: BTreeSet<TaskId> = BTreeSet::new();
        let mut redecisions = 0;
        while let Some(task) = self.next(run, order, &tried) {
            if self.now() + RESERVE > run.deadline {
                return Err(Failure::retry_after(SignedDuration::ZERO, "the invocation is out of time"));
            }
            match self.attempt(run, order, &task).await {
                Ok(()) => {
                    tried.insert(task.id);
                }
                Err(CommitError::MovedOn | CommitError::StockShort) if redecisions < REDECISIONS => {
                    redecisions += 1;
                    self.recorder.refresh(order).await?;
                }
                Err(CommitError::MovedOn | CommitError::StockShort) => {
                    return Err(Failure::retry("others keep moving the order or its stock"));
                }
                Err(CommitError::Failed(failure)) => return Err(failure.in_lane(self.lane(run, order))),
            }
        }
        Ok(())
    }

    /// How many kinds of work that the same connection gets are more urgent than all that is left to do here.
    fn lane(&self, run: &Run<'_>, order: &Order) -> u32 {
        let urgency = |kind: TaskKind| (kind.criticality(), !kind.is_owed_to_a_buyer());
        let mine = |task: &Task| run.step.kinds().contains(&task.id.kind);
        let own = order.runnable(self.now()).iter().filter(|task| mine(task)).map(|task| urgency(task.id.kind)).min();
        let all: BTreeSet<_> = run.step.kinds().iter().map(|kind| urgency(*kind)).collect();
        let before = all.iter().filter(|other| own.as_ref().is_some_and(|own| *other < own)).count();
        u32::try_from(before).unwrap_or(u32::MAX)
    }

    fn now(&self) -> Timestamp {
        self.recorder.clock().now()
    }

    fn next(&self, run: &Run<'_>, order: &Order, tried: &BTreeSet<TaskId>) -> Option<Task> {
        let ours = |task: &Task| {
            let wanted = run.step.eager(task.id.kind) || run.named.as_ref() == Some(&task.id);
            run.step.kinds().contains(&task.id.kind) && wanted && !tried.contains(&task.id)
        };
        order.runnable(self.now()).into_iter().find(ours)
    }

    async fn attempt(&self, run: &Run<'_>, order: &mut Order, task: &Task) -> Result<(), CommitError> {
        let connection = run.step.connection(order, task);
        if let Some(connection) = &connection {
            self.directory.check(connection).await?;
        }
        if let Some(lease) = run.step.lease(task) {
            self.claim(run, order, (task, lease)).await?;
        }
        let begun = self.now();
        let performed = self.perform(run, order, (task, connection.as_ref())).await;
        let took = i64::try_from(self.now().duration_since(begun).as_millis()).unwrap_or(i64::MAX);
        self.tally.add_for(metrics::TASK_MILLISECONDS, task.id.kind.to_string(), took.max(0));
        match performed {
            Ok(done) => self.keep(run, order, (task, done)).await,
            Err(Failure::Permanent { class, reason }) => {
                let parked = Parked::for_a_person(task.id.clone(), class, reason);
                self.park(run, order, parked).await
            }
            Err(failure) => {
                let failure = match &connection {
                    Some(connection) => self.directory.note(connection, failure).await,
                    None => failure,
                };
                if matches!(failure, Failure::Paused { .. }) {
                    self.unclaim(run, order, task).await?;
                }
                Err(failure.into())
            }
        }
    }

    /// Does the task, and keeps what was sent and answered where that has failed.
    async fn perform(
        &self,
        run: &Run<'_>,
        order: &Order,
        (task, connection): (&Task, Option<&ConnectionId>),
    ) -> Result<Done, Failure> {
        let trace = Arc::new(Trace::following(order.correlation_id.as_deref(), self.actor).with_calls());
        let performed = trace.clone().follow(run.step.perform(order, task)).await;
        let performed = performed.map_err(|failure| trace.scrubbed(failure));
        match (connection, &performed) {
            (Some(connection), Ok(_)) => self.directory.went_well(connection),
            (Some(_), Err(failure)) => {
                let at = (order.id.stream(), task.id.to_string());
                let what = (trace.as_ref(), failure);
                LastFailure::keep(self.people.as_ref(), (&at.0, &at.1), what, self.now()).await;
            }
            (None, Ok(_) | Err(_)) => {}
        }
        performed
    }

    async fn keep(&self, run: &Run<'_>, order: &mut Order, what: (&Task, Done)) -> Result<(), CommitError> {
        let (task, done) = what;
        let cause = format!("task:{}", task.id);
        let committed = match done {
            Done::Happened(events) => {
                let decision = Decision::from(events);
                self.recorder.record(order, (&cause, &run.origin), |_| decision.clone()).await?
            }
            Done::Reported(reading) => self.recorder.record(order, (&cause, &run.origin), reading).await?,
            Done::Decided(decision) if decision.events.is_empty() => Committed::Nothing,
            Done::Decided(decision) if parks(&decision) => {
                // The same task may be parked more than once in its life: each time is a cause of its own.
                let cause = format!("park:{}:{}", task.id, order.seq);
                Committed::Appended(Box::new(self.recorder.append(order, (&cause, &run.origin), &decision).await?))
            }
            Done::Decided(decision) => {
                Committed::Appended(Box::new(self.recorder.append(order, (&cause, &run.origin), &decision).await?))
            }
        };
        if let Committed::Appended(commit) = &committed
            && !commit.events.iter().any(is_parking)
        {
            let age = self.now().duration_since(task.since).as_secs().max(0);
            self.tally.add_for(metrics::TASK_AGE_SECONDS, task.id.kind.to_string(), age);
        }
        let (order, correlation) = (&order.id, order.correlation_id.as_deref());
        tracing::info!(%order, task = %task.id, correlation_id = correlation, outcome = committed.word(), "done");
        Ok(())
    }

    async fn park(&self, run: &Run<'_>, order: &mut Order, parked: Parked) -> Result<(), CommitError> {
        tracing::warn!(order = %order.id, task = %parked.task, class = %parked.class, reason = %parked.reason, "parked");
        let cause = format!("park:{}:{}", parked.task, order.seq);
        let decide = |order: &Order| {
            if order.parked.contains_key(&parked.task) {
                Decision::default()
            } else {
                Event::TaskParked(parked.clone()).into()
            }
        };
        self.recorder.record(order, (&cause, &run.origin), decide).await.map(|_| ())
    }

    /// Claims a task for a while; whoever is not the first finds that the order has moved on.
    async fn claim(&self, run: &Run<'_>, order: &mut Order, what: (&Task, SignedDuration)) -> Result<(), CommitError> {
        let (task, lease) = what;
        let attempt = order.claims.get(&task.id).map_or(1, |claim| claim.attempt + 1);
        let until = self.now() + lease;
        let claim = Event::TaskClaimed { task: task.id.clone(), attempt, until };
        let cause = format!("claim:{}:{attempt}", task.id);
        self.recorder.append(order, (&cause, &run.origin), &claim.into()).await.map(|_| ())
    }

    /// Ends our claim early when the call certainly had no effect.
    async fn unclaim(&self, run: &Run<'_>, order: &mut Order, task: &Task) -> Result<(), CommitError> {
        let Some(claim) = order.claims.get(&task.id).cloned() else { return Ok(()) };
        let cause = format!("unclaim:{}:{}", task.id, claim.attempt);
        let ended = Event::TaskClaimed { task: task.id.clone(), attempt: claim.attempt, until: self.now() };
        self.recorder.record(order, (&cause, &run.origin), |_| ended.clone().into()).await.map(|_| ())
    }

    /// A task that somebody else has claimed is looked at again when the claim ends.
    fn wait_for_claims(&self, run: &Run<'_>, order: &Order) -> Result<(), Failure> {
        let now = self.now();
        let claimed = order.outstanding().into_iter().filter(|task| run.step.kinds().contains(&task.id.kind));
        let until =
            claimed.filter_map(|task| order.claims.get(&task.id)).map(|claim| claim.until).filter(|until| *until > now);
        match until.min() {
            Some(until) => Err(Failure::retry_after(until.duration_since(now), "somebody else has claimed the task")),
            None => Ok(()),
        }
    }
}

fn parks(decision: &Decision) -> bool {
    decision.events.iter().any(is_parking)
}

const fn is_parking(event: &Event) -> bool {
    matches!(event, Event::TaskParked(_))
}

/// What is done about documents of stock, whose streams are no orders.
#[async_trait]
pub trait Documents: Send + Sync {
    /// Does what is left to do of the document that a message names.
    async fn handle(&self, trigger: &Trigger, deadline: Timestamp) -> Result<(), Failure>;
}

/// A step behind a queue: what a function of this kind is.
pub struct StepFunction {
    /// Runs the step.
    pub runner: Runner,
    /// The step.
    pub step: Box<dyn Step>,
    /// The queue that its messages come from.
    pub queue: Arc<dyn Queue>,
    /// Who does what is to be done about documents of stock, where the function is for them, too.
    pub documents: Option<Box<dyn Documents>>,
}

/// How many orders of a batch are worked on at the same time.
const CONCURRENCY: usize = 5;

impl StepFunction {
    /// The same, for documents of stock as well.
    #[must_use]
    pub fn with_documents(self, documents: impl Documents + 'static) -> Self {
        Self { documents: Some(Box::new(documents)), ..self }
    }

    /// Handles one batch of events that rules have put on the queue.
    pub async fn handle(&self, event: SqsEvent, deadline: Timestamp) -> SqsBatchResponse {
        let clock = self.runner.recorder.clock();
        let measured = metrics::of_batch(&self.runner.tally);
        let limits = Limits { queue: self.queue.as_ref(), clock, deadline, concurrency: CONCURRENCY, measured };
        let response = batch::run(event, limits, |message| async move {
            let trigger: Trigger = message.body.parse()?;
            match &self.documents {
                Some(documents) if trigger.stream.starts_with("inventory#") => {
                    documents.handle(&trigger, deadline).await
                }
                Some(_) | None => self.runner.run(self.step.as_ref(), &trigger, deadline).await,
            }
        })
        .await;
        self.runner.print_metrics();
        response
    }
}
