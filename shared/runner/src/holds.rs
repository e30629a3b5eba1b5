//! Holds on stock: each is made once and ended once, in a stream of its own; and orders that take them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crossdock_domain::canonical::hash_of;
use crossdock_domain::commit::{Summary, due_bucket};
use crossdock_domain::event::Decision;
use crossdock_domain::hold::{Held, HoldRequest, Holding, hold, stream_of};
use crossdock_domain::ids::HoldId;
use crossdock_domain::item::Item;
use crossdock_domain::settings::ChannelSettings;
use crossdock_domain::{Commit, Order, Sku};
use crossdock_log::{AppendError, Items, Log};
use crossdock_step::{Clock, Failure};
use jiff::{SignedDuration, Timestamp};

use crate::commit::{CONFLICT_TRIES, CommitError, Committed, Origin, Recorder, store_failure};

/// How often a hold is decided again when others were faster.
const TRIES: u32 = 12;

/// Once a hold has ended, nothing is left but to make sure that it was published.
const PUBLICATION_CHECK: SignedDuration = SignedDuration::from_mins(2);

/// What became of the wish to hold something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It is held now.
    Made(Held),
    /// The same was asked for before; this is what became of it.
    Again(Held),
    /// Something else was asked for under that name.
    Reused,
    /// Not all of it can be held: what could be promised of each line.
    Short(Vec<i64>),
    /// It lies in more places than one transaction reaches.
    Scattered,
}

/// Makes and ends holds.
#[derive(Clone)]
pub struct HoldKeeper {
    log: Arc<dyn Log>,
    items: Arc<dyn Items>,
    clock: Clock,
}

impl HoldKeeper {
    /// A keeper over a log and the items whose stock moves with it.
    #[must_use]
    pub fn new(log: Arc<dyn Log>, items: Arc<dyn Items>, clock: Clock) -> Self {
        Self { log, items, clock }
    }

    /// A hold as it is now, if there ever was one of that stream.
    ///
    /// # Errors
    /// The log does not answer.
    pub async fn load(&self, stream: &str) -> Result<Option<Held>, Failure> {
        load(self.log.as_ref(), stream).await
    }

    /// Holds all of what is wished for, or nothing. The same wish again changes nothing.
    ///
    /// # Errors
    /// The store does not answer, or others take the stock faster each time.
    pub async fn hold(&self, wish: &HoldRequest, settings: &ChannelSettings, origin: &Origin) -> Result<Kept, Failure> {
        let stream = stream_of(&wish.connection, &wish.hold_id);
        let cause = format!("hold:{}", hash_of(wish));
        let skus: Vec<Sku> = wish.lines.iter().map(|(sku, _)| sku.clone()).collect();
        for _ in 0..TRIES {
            if let Some(known) = self.load(&stream).await? {
                return Ok(if known.cause == cause { Kept::Again(known) } else { Kept::Reused });
            }
            let items: BTreeMap<Sku, Item> = self.items.items_with_components(&skus).await.map_err(store_failure)?;
            let now = self.clock.now();
            let decision = match hold(wish, &items, settings, now) {
                Holding::Held(decision) => decision,
                Holding::Short(promisable) => return Ok(Kept::Short(promisable)),
                Holding::Scattered => return Ok(Kept::Scattered),
            };
            let commit = first(&stream, (&cause, origin), decision, now);
            if self.write(&commit).await? {
                return Held::fold(&[commit]).map(Kept::Made).ok_or_else(|| Failure::retry("a hold of nothing"));
            }
        }
        Err(Failure::retry("others take the stock faster than it can be held"))
    }

    /// Ends a hold, if it is to be on the state of that moment; gives back what it is then.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn end(
        &self,
        stream: &str,
        origin: &Origin,
        decide: impl Fn(&Held) -> Option<Decision> + Send,
    ) -> Result<Option<Held>, Failure> {
        for _ in 0..TRIES {
            let Some(held) = self.load(stream).await? else { return Ok(None) };
            let Some(decision) = decide(&held) else { return Ok(Some(held)) };
            let commit = second(&held, origin, decision, self.clock.now());
            if self.write(&commit).await? {
                // As everybody reads it from now on.
                return self.load(stream).await;
            }
        }
        Err(Failure::retry("too many others write to the same hold"))
    }

    /// Whether it was committed; if not, somebody else was faster, or the stock has moved.
    async fn write(&self, commit: &Commit) -> Result<bool, Failure> {
        match self.log.append(commit).await {
            Ok(()) => Ok(true),
            Err(AppendError::SeqTaken(_) | AppendError::OtherTaken(_) | AppendError::StockShort) => Ok(false),
            Err(AppendError::Store(error)) => Err(store_failure(error)),
        }
    }
}

async fn load(log: &dyn Log, stream: &str) -> Result<Option<Held>, Failure> {
    Ok(Held::fold(&log.load(stream, 1).await.map_err(store_failure)?))
}

/// The commit that makes a hold. Somebody looks at it again when its time is over.
fn first(stream: &str, (cause, origin): (&str, &Origin), decision: Decision, now: Timestamp) -> Commit {
    let commit = Commit {
        stream: stream.to_owned(),
        seq: 1,
        cause: cause.to_owned(),
        at: now,
        actor: origin.actor.clone(),
        correlation_id: origin.correlation_id.clone(),
        causation_id: origin.causation_id.clone(),
        prev_hash: String::new(),
        due: None,
        summary: summary("open", now),
        events: decision.events,
        moves: decision.moves,
    };
    let over = Held::fold(std::slice::from_ref(&commit)).map_or(now, |held| held.hold.expires_at);
    Commit { due: Some(due_bucket(over, stream)), ..commit }
}

/// The commit that ends a hold.
fn second(held: &Held, origin: &Origin, decision: Decision, now: Timestamp) -> Commit {
    let stream = held.stream();
    let how = decision.events.first().map_or("ended", |event| event.type_name().trim_end_matches(".v1"));
    Commit {
        seq: held.seq + 1,
        cause: format!("ended:{how}"),
        at: now,
        actor: origin.actor.clone(),
        correlation_id: held.correlation_id.clone(),
        causation_id: origin.causation_id.clone(),
        prev_hash: held.last_hash.clone(),
        due: Some(due_bucket(now + PUBLICATION_CHECK, &stream)),
        summary: summary("ended", now),
        events: decision.events,
        moves: decision.moves,
        stream,
    }
}

fn summary(status: &str, now: Timestamp) -> Summary {
    Summary::new(status, now)
}

impl Recorder {
    /// Records a decision as [`Self::record`] does. Where it accepts an order that names a hold which nobody has ended,
    /// the order takes it in the same transaction: both happen or neither, and of a payment and an expiry of the same
    /// moment one wins. Without the hold the order is an order like any other.
    ///
    /// # Errors
    /// As for [`Self::record`].
    pub async fn record_taking(
        &self,
        order: &mut Order,
        what: (&str, &Origin),
        (hold_id, decide): (Option<&HoldId>, impl Fn(&Order) -> Decision + Send),
    ) -> Result<Committed, CommitError> {
        let Some(hold_id) = hold_id else { return self.record(order, what, decide).await };
        let stream = stream_of(&order.id.connection, hold_id);
        for _ in 0..CONFLICT_TRIES {
            if order.causes.contains(what.0) {
                return Ok(Committed::Already);
            }
            let decision = decide(order);
            if order.accepted.is_some() || !decision.accepts() {
                return self.record(order, what, decide).await;
            }
            let Some((held, taken)) = self.take(&stream, order, what.1).await? else {
                return self.record(order, what, decide).await;
            };
            match self.append_with(order, what, (&decision.holding(&held), Some(&taken))).await {
                Ok(commit) => return Ok(Committed::Appended(Box::new(commit))),
                Err(CommitError::MovedOn) => self.refresh(order).await?,
                // Only where the record itself is gone: an order that was paid for is taken all the same.
                Err(CommitError::StockShort) => return self.record(order, what, decide).await,
                Err(other) => return Err(other),
            }
        }
        Err(Failure::retry("too many others write to the same order or hold").into())
    }

    /// A hold that nobody has ended, and the commit with which the order takes it.
    async fn take(&self, stream: &str, order: &Order, origin: &Origin) -> Result<Option<(Held, Commit)>, Failure> {
        let held = load(self.log(), stream).await?;
        let taken = held.and_then(|held| Some((held.take(&order.id)?, held)));
        Ok(taken.map(|(decision, held)| {
            let commit = second(&held, origin, decision, self.clock().now());
            (held, commit)
        }))
    }
}
