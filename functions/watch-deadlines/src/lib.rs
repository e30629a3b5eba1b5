//! The guarantee behind the fast path: every minute, orders whose deadline has come are looked at. What is still
//! outstanding is triggered again, what was never published is published. It trusts no event.

mod gauges;
mod office;
pub mod survey;

use std::sync::Arc;

use crossdock_domain::commit::DUE_SHARDS;
use crossdock_domain::event::WaitsOn;
use crossdock_domain::hold::is_hold;
use crossdock_domain::inventory::StockDocument;
use crossdock_domain::overview::Overview;
use crossdock_domain::{Event, Order, OrderId, Task};
use crossdock_log::{Connections, Items, Markers, Views};
use crossdock_runner::tally::count_turns;
use crossdock_runner::{CommitError, HoldKeeper, Origin, Recorder, StockKeeper, publish, store_failure};
use crossdock_step::{Bus, BusEntry, Failure};
use futures_util::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::survey::Survey;
pub use gauges::{ByCriticality, Gauges, measured};
pub use office::{Office, OfficeError};

/// The function.
pub struct WatchDeadlines {
    /// Reads and appends orders.
    pub recorder: Recorder,
    /// Reads and notes documents of stock.
    pub keeper: StockKeeper,
    /// Ends holds on stock.
    pub holds: HoldKeeper,
    /// Where events go.
    pub bus: Arc<dyn Bus>,
    /// The view, whose numbers prove publication.
    pub views: Arc<dyn Views>,
    /// The cursor.
    pub markers: Arc<dyn Markers>,
    /// Stock, for tasks that wait for it.
    pub items: Arc<dyn Items>,
    /// Which connections there are, and which are down.
    pub connections: Arc<dyn Connections>,
    /// When the office may be disturbed.
    pub office: Office,
}

const CURSOR: &str = "cursor#due";

/// Buckets are walked again for so many minutes: the index is eventually consistent.
const OVERLAP_MINUTES: i64 = 2;

/// The first walk goes back so far; a walk after an outage goes on from its cursor.
const FIRST_WALK_MINUTES: i64 = 60;

/// At most so many minutes are walked in one call; the next call goes on.
const WALK_MINUTES: i64 = 120;

/// A bucket of which something fails is walked again for so long.
const PATIENCE_MINUTES: i64 = 30;

/// Orders looked at at the same time.
const CONCURRENCY: usize = 8;

/// Stop in time.
const RESERVE: SignedDuration = SignedDuration::from_secs(5);

/// What one walk did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Walk {
    /// Orders looked at.
    pub looked_at: usize,
    /// Tasks triggered again.
    pub triggered: usize,
}

impl WatchDeadlines {
    /// Walks the buckets from the cursor to now.
    ///
    /// # Errors
    /// The store or the bus does not answer; the cursor stays before the minute that could not be walked.
    pub async fn handle(&self, deadline: Timestamp) -> Result<Walk, Failure> {
        // Whatever becomes of the walk: who is silenced by it must not stay so because something else fails.
        measured(Some(self.office.is_closed(self.now())), None).print(self.now());
        let this_minute = self.now().as_second().div_euclid(60);
        let cursor =
            self.markers.marker(CURSOR).await.map_err(store_failure)?.and_then(|minute| minute.parse::<i64>().ok());
        let from = cursor.unwrap_or(this_minute - FIRST_WALK_MINUTES) - OVERLAP_MINUTES;
        let until = this_minute.min(from + WALK_MINUTES);
        let mut walk = Walk::default();
        let (mut reached, mut stuck) = (None, None);
        for minute in from..=until {
            if self.now() + RESERVE > deadline {
                break;
            }
            reached = Some(minute);
            if let Err(failure) = self.walk_minute(minute, &mut walk).await {
                tracing::error!(minute, %failure, "not everything that was due could be looked at");
                stuck = stuck.or(Some((minute, failure)));
            }
        }
        // What failed is walked again, but not for ever: one order that nobody can read must not hold up the others.
        let again = stuck.as_ref().map(|(minute, _)| *minute).filter(|minute| this_minute - minute < PATIENCE_MINUTES);
        // Once per walk: who dies before it walks the same minutes again, which is harmless.
        if let Some(cursor) = again.map(|minute| minute - 1 + OVERLAP_MINUTES).or(reached) {
            self.markers.set_marker(CURSOR, &cursor.min(this_minute).to_string()).await.map_err(store_failure)?;
        }
        if let Some((_, failure)) = stuck {
            return Err(failure);
        }
        tracing::info!(looked_at = walk.looked_at, triggered = walk.triggered, "walked");
        Ok(walk)
    }

    /// Takes note of how everything stands.
    ///
    /// # Errors
    /// The store does not answer; the overview stays as it was.
    pub async fn survey(&self, deadline: Timestamp) -> Result<Overview, Failure> {
        let (views, markers) = (self.views.as_ref(), self.markers.as_ref());
        let records = self.connections.connections().await.map_err(store_failure)?;
        let survey = Survey { views, markers };
        let overview = survey.take(&records, self.now(), || deadline.duration_since(self.now())).await?;
        let counted = survey.ended(&records, overview.at).await?;
        measured(None, Some(&Gauges::of(&overview, counted))).print(self.now());
        Ok(overview)
    }

    fn now(&self) -> Timestamp {
        self.recorder.clock().now()
    }

    /// Looks at every order of a minute; one that fails keeps nobody else from being looked at.
    async fn walk_minute(&self, minute: i64, walk: &mut Walk) -> Result<(), Failure> {
        let mut failed = Ok(());
        for shard in 0..DUE_SHARDS {
            let due = self.recorder.log().due(&format!("{minute}#{shard}")).await.map_err(store_failure)?;
            walk.looked_at += due.len();
            let looks = due.into_iter().map(|(stream, seq)| async move { self.look(&stream, seq).await });
            let outcomes: Vec<Result<usize, Failure>> =
                futures_util::stream::iter(looks).buffer_unordered(CONCURRENCY).collect().await;
            for outcome in outcomes {
                match outcome {
                    Ok(triggered) => walk.triggered += triggered,
                    Err(failure) => failed = Err(failure),
                }
            }
        }
        failed
    }

    /// Looks at one order; gives back how many tasks were triggered again.
    async fn look(&self, stream: &str, seq: u64) -> Result<usize, Failure> {
        // A later commit carries a deadline of its own.
        if self.recorder.log().last_seq(stream).await.map_err(store_failure)? != seq {
            return Ok(0);
        }
        if is_hold(stream) {
            return self.look_at_hold(stream, seq).await;
        }
        let Ok(id) = OrderId::from_stream(stream) else { return self.look_at_document(stream).await };
        let seen = self.views.seen(&id.to_string()).await.map_err(store_failure)?.map_or(0, |view| view.seq);
        if seen < seq {
            self.republish(stream, seen).await?;
        }
        let mut order = self.recorder.load(&id).await?;
        let now = self.now();
        let late: Vec<Task> = order.outstanding().into_iter().filter(|task| order.due_at(task) <= now).collect();
        let mut triggered = 0;
        for task in late {
            triggered += usize::from(self.trigger(&mut order, &task).await?);
        }
        Ok(triggered)
    }

    /// A document of stock: it is published again, which harms nobody; and what its ERP does not have yet, or what was to
    /// be compared and was not, is taken up again.
    async fn look_at_document(&self, stream: &str) -> Result<usize, Failure> {
        self.republish(stream, 0).await?;
        let document = self.keeper.load(stream).await?;
        let open = document.to_post().first().map(|open| open.erp.clone()).filter(|_| document.parked.is_none());
        let again = match (open, document.unanswered()) {
            (Some(erp), _) => Event::StockReleased { erp },
            (None, Some(asked)) => Event::ReconciliationRequested(asked.clone()),
            (None, None) => return Ok(0),
        };
        let origin = Origin::following("watch-deadlines", document.correlation_id.as_ref(), None);
        let cause = format!("due:{}", document.seq);
        let decide = |known: &StockDocument| (known.seq == document.seq).then(|| again.clone());
        self.keeper.note(stream, (&cause, &origin), decide).await?;
        Ok(1)
    }

    /// A hold whose time is over ends, unless an order was faster. Its last commit is published again, which harms nobody.
    async fn look_at_hold(&self, stream: &str, seq: u64) -> Result<usize, Failure> {
        self.republish(stream, seq - 1).await?;
        let origin = Origin::following("watch-deadlines", None, None);
        let now = self.now();
        self.holds.end(stream, &origin, |held| held.expire(now)).await?;
        Ok(0)
    }

    async fn republish(&self, stream: &str, seen: u64) -> Result<(), Failure> {
        let commits = self.recorder.log().load(stream, seen + 1).await.map_err(store_failure)?;
        tracing::warn!(stream, commits = commits.len(), "the stream has not published these");
        let turns = publish(&commits, self.bus.as_ref(), self.views.as_ref()).await?;
        count_turns(&turns, self.markers.as_ref(), self.now()).await.map_err(store_failure)
    }

    /// Triggers a late task again and records it, in this order: whoever dies in between is followed by somebody who
    /// triggers once more, which is harmless. A task whose stock is there is released instead, which triggers it.
    async fn trigger(&self, order: &mut Order, task: &Task) -> Result<bool, Failure> {
        let waits_on = order.parked.get(&task.id).map(|parked| parked.fact.waits_on.clone());
        let event = match waits_on {
            Some(WaitsOn::Operator) => return Ok(false),
            Some(WaitsOn::Sku(sku)) if self.is_in_stock(&sku).await? => Event::TaskReleased { task: task.id.clone() },
            Some(WaitsOn::Sku(_)) => Event::TaskOverdue { task: task.id.clone() },
            None => {
                self.bus.put(vec![due_event(order, task, self.now())]).await?;
                Event::TaskOverdue { task: task.id.clone() }
            }
        };
        let origin = Origin::following("watch-deadlines", order.correlation_id.as_ref(), None);
        let cause = format!("due:{}:{}", task.id, order.seq);
        match self.recorder.append(order, (&cause, &origin), &event.into()).await {
            Ok(_) => Ok(true),
            // Somebody has moved the order meanwhile: it is not stuck, and its new commit has its own deadline.
            Err(CommitError::MovedOn | CommitError::StockShort) => Ok(false),
            Err(CommitError::Failed(failure)) => Err(failure),
        }
    }

    async fn is_in_stock(&self, sku: &crossdock_domain::Sku) -> Result<bool, Failure> {
        let items = self.items.items(std::slice::from_ref(sku)).await.map_err(store_failure)?;
        Ok(items.values().any(|item| item.stock.values().any(|stock| stock.available > 0)))
    }
}

fn due_event(order: &Order, task: &Task, now: Timestamp) -> BusEntry {
    BusEntry {
        source: "crossdock.ops".into(),
        detail_type: "TaskDue.v1".into(),
        detail: json!({
            "metadata": {
                "event_id": format!("due/{}/{}/{}", order.id.stream(), task.id, order.seq),
                "stream": order.id.stream(),
                "seq": order.seq,
                "correlation_id": order.correlation_id,
                "occurred_at": now,
                "actor": "watch-deadlines",
                "routes": order.accepted.as_ref().map(|accepted| &accepted.fact.routes),
            },
            "data": { "task": task.id, "since": task.since },
        }),
        at: now,
    }
}
