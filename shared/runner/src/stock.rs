//! Documents of stock: recorded once, each in a stream of its own, with the stock that they move.

use std::sync::Arc;

use crossdock_domain::canonical::hash_of;
use crossdock_domain::commit::{Summary, due_bucket};
use crossdock_domain::event::StockReceipt;
use crossdock_domain::ids::{ConnectionId, LocationId};
use crossdock_domain::inventory::{
    Counted, CountedLine, MOST_SKUS_PER_COMMIT, StockAdjustment, StockCount, StockDocument, StockTransfer,
    TransferStage, adjusted, counted, is_in_count, received, transferred,
};
use crossdock_domain::item::{Item, StockMove};
use crossdock_domain::{Commit, Event, Sku};
use crossdock_log::{AppendError, Items, LedgerPage, Log};
use crossdock_step::{Clock, Failure};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::commit::{Origin, store_failure};

/// How often a document is tried again when others were faster.
const TRIES: u32 = 12;

/// Somebody looks at a document again after so long, while it is not posted.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// Rows of a ledger that are read at once.
const ROWS: i32 = 200;

/// What became of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It is in the log now.
    Recorded(Event),
    /// It was there already.
    Again(Event),
    /// Another document of that name is there.
    Reused,
}

/// What somebody counted, before it is read against our own numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// The count's identity where it was made.
    pub count_id: String,
    /// Who counted.
    pub source: String,
    /// Where.
    pub location: LocationId,
    /// Of which moment it is.
    pub counted_at: Timestamp,
    /// SKU, units there, and of them those not fit for sale, where the count says.
    pub lines: Vec<(Sku, i64, Option<i64>)>,
    /// The ERP that is to know of the differences.
    pub erp: Option<ConnectionId>,
}

/// Records documents of stock.
#[derive(Clone)]
pub struct StockKeeper {
    log: Arc<dyn Log>,
    items: Arc<dyn Items>,
    clock: Clock,
}

/// One part of a document, ready to be committed.
struct Part<'a> {
    stream: String,
    /// Which part of the document, and the identity of its content.
    cause: (String, String),
    origin: &'a Origin,
}

impl StockKeeper {
    /// A keeper over a log and the items whose stock moves with it.
    #[must_use]
    pub fn new(log: Arc<dyn Log>, items: Arc<dyn Items>, clock: Clock) -> Self {
        Self { log, items, clock }
    }

    /// A document of stock as it is now.
    ///
    /// # Errors
    /// The log does not answer.
    pub async fn load(&self, stream: &str) -> Result<StockDocument, Failure> {
        Ok(StockDocument::fold(&self.log.load(stream, 1).await.map_err(store_failure)?))
    }

    /// Goods that came in.
    ///
    /// # Errors
    /// The store does not answer. SKUs that the catalogue does not know are the caller's to check.
    pub async fn receive(&self, receipt: &StockReceipt, origin: &Origin) -> Result<Kept, Failure> {
        let skus: Vec<Sku> = receipt.lines.iter().map(|line| line.sku.clone()).collect();
        self.items.items_at(&skus, &receipt.location).await.map_err(store_failure)?;
        let fact = Event::StockReceived(receipt.clone());
        let told = (&receipt.location, &receipt.lines);
        let part = part(format!("inventory#{}", receipt.receipt_id), ("receipt", &told), origin);
        self.keep(&part, fact, received(receipt)).await
    }

    /// Units that were found, lost, broken or repaired.
    ///
    /// # Errors
    /// As for [`Self::receive`].
    pub async fn adjust(&self, adjustment: &StockAdjustment, origin: &Origin) -> Result<Kept, Failure> {
        let skus: Vec<Sku> = adjustment.lines.iter().map(|line| line.sku.clone()).collect();
        self.items.items_at(&skus, &adjustment.location).await.map_err(store_failure)?;
        let (fact, part) = (Event::StockAdjusted(adjustment.clone()), part_of(adjustment, origin));
        self.keep(&part, fact, adjusted(adjustment)).await
    }

    /// Our number follows the system that owns it, unless what is there has changed since it was read (`seen` is
    /// `physical` as it was): then nothing is recorded, and the numbers have to be compared again.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn repair(
        &self,
        adjustment: &StockAdjustment,
        seen: i64,
        origin: &Origin,
    ) -> Result<Option<Kept>, Failure> {
        let (fact, part) = (Event::StockAdjusted(adjustment.clone()), part_of(adjustment, origin));
        let mut document = self.load(&part.stream).await?;
        if let Some(kept) = known(&document, &part) {
            return Ok(Some(kept));
        }
        let moves = adjusted(adjustment).into_iter().map(|stock| StockMove { seen: Some(seen), ..stock }).collect();
        let appended = self.append(&mut document, &part, (fact.clone(), moves)).await?;
        Ok(appended.then_some(Kept::Recorded(fact)))
    }

    /// Goods that went from one location to another: one call per stage, in either order.
    ///
    /// # Errors
    /// As for [`Self::receive`].
    pub async fn transfer(&self, transfer: &StockTransfer, origin: &Origin) -> Result<Kept, Failure> {
        let skus: Vec<Sku> = transfer.lines.iter().map(|line| line.sku.clone()).collect();
        for location in [&transfer.from, &transfer.to] {
            self.items.items_at(&skus, location).await.map_err(store_failure)?;
        }
        let fact = Event::StockTransferred(transfer.clone());
        let stage = match transfer.stage {
            TransferStage::Dispatched => "dispatched",
            TransferStage::Arrived => "arrived",
        };
        let told = (&transfer.from, &transfer.to, &transfer.lines);
        let part = part(format!("inventory#transfer#{}", transfer.transfer_id), (stage, &told), origin);
        self.keep(&part, fact, transferred(transfer)).await
    }

    /// What somebody counted: read against our own numbers, part by part.
    ///
    /// # Errors
    /// As for [`Self::receive`]; or stock moves faster than it can be counted, and the count has to be sent again.
    pub async fn count(&self, count: &Count, origin: &Origin) -> Result<Kept, Failure> {
        let mut whole: Option<StockCount> = None;
        let mut fresh = false;
        for (number, lines) in count.lines.chunks(MOST_SKUS_PER_COMMIT).enumerate() {
            let name = format!("count:{number}");
            let identity = hash_of(&(&count.location, count.counted_at, lines));
            let part = Part { stream: format!("inventory#count#{}", count.count_id), cause: (name, identity), origin };
            match self.count_part(count, lines, &part).await? {
                Kept::Reused => return Ok(Kept::Reused),
                Kept::Recorded(Event::StockCounted(told)) => {
                    fresh = true;
                    append(&mut whole, told);
                }
                Kept::Again(Event::StockCounted(told)) => append(&mut whole, told),
                Kept::Recorded(_) | Kept::Again(_) => return Ok(Kept::Reused),
            }
        }
        let told = whole.map(Event::StockCounted).ok_or_else(|| Failure::retry("a count of nothing"))?;
        Ok(if fresh { Kept::Recorded(told) } else { Kept::Again(told) })
    }

    /// Evens out the parts in which a SKU's stock is kept; gives back what is there afterwards.
    ///
    /// # Errors
    /// The store does not answer, or buyers are faster each time.
    pub async fn even_out(&self, sku: &Sku, origin: &Origin) -> Result<Item, Failure> {
        let stream = format!("inventory#parts#{}", hash_of(sku));
        for _ in 0..TRIES {
            let mut document = self.load(&stream).await?;
            let items = self.items.items(std::slice::from_ref(sku)).await.map_err(store_failure)?;
            let item =
                items.into_values().next().ok_or_else(|| Failure::retry(format!("{sku} is not in the catalogue")))?;
            let moves = item.even_out();
            if moves.is_empty() {
                return Ok(item);
            }
            let cause = (format!("spread:{}", document.seq + 1), hash_of(&moves));
            let part = Part { stream: stream.clone(), cause, origin };
            let fact = Event::StockSpread { sku: sku.clone(), parts: item.parts };
            self.append(&mut document, &part, (fact, moves)).await?;
        }
        Err(Failure::retry("buyers take the stock faster than it can be spread"))
    }

    async fn count_part(
        &self,
        count: &Count,
        lines: &[(Sku, i64, Option<i64>)],
        part: &Part<'_>,
    ) -> Result<Kept, Failure> {
        let skus: Vec<Sku> = lines.iter().map(|(sku, ..)| sku.clone()).collect();
        for _ in 0..TRIES {
            let mut document = self.load(&part.stream).await?;
            if let Some(kept) = known(&document, part) {
                return Ok(kept);
            }
            let items = self.items.items_at(&skus, &count.location).await.map_err(store_failure)?;
            let (mut told, mut moves) = (Vec::new(), Vec::new());
            for (sku, units, quarantine) in lines {
                let item = items.get(sku).ok_or_else(|| Failure::retry(format!("{sku} is not in the catalogue")))?;
                let (line, moved) = self.count_line(item, count, (*units, *quarantine)).await?;
                told.push(line);
                moves.extend(moved);
            }
            let fact = Event::StockCounted(told_of(count, told));
            if self.append(&mut document, part, (fact.clone(), moves)).await? {
                return Ok(Kept::Recorded(fact));
            }
        }
        Err(Failure::retry("stock moves faster than it can be counted"))
    }

    async fn count_line(
        &self,
        item: &Item,
        count: &Count,
        (units, quarantine): (i64, Option<i64>),
    ) -> Result<(CountedLine, Option<StockMove>), Failure> {
        let stock = item.stock.get(&count.location).cloned().unwrap_or_default();
        let since = self.moved_since((&item.sku, &count.location), count.counted_at).await?;
        let line = Counted {
            sku: &item.sku,
            counted: units,
            quarantine,
            physical: stock.physical,
            stock: &stock,
            since: &since,
        };
        Ok(counted(&line, &count.location, count.counted_at))
    }

    /// What has moved since a moment, by the time at which it happened.
    async fn moved_since(&self, at: (&Sku, &LocationId), moment: Timestamp) -> Result<Vec<StockMove>, Failure> {
        let mut moves = Vec::new();
        let mut page = LedgerPage { limit: ROWS, before: None, since: Some(moment) };
        loop {
            let (rows, next) = self.items.ledger(at.0, at.1, &page).await.map_err(store_failure)?;
            let later = rows.into_iter().flat_map(|row| row.moves.into_iter().map(move |stock| (row.at, stock)));
            moves.extend(later.filter(|(at, stock)| !is_in_count(stock, *at, moment)).map(|(_, stock)| stock));
            let Some(next) = next else { return Ok(moves) };
            page.before = Some(next);
        }
    }

    async fn keep(&self, part: &Part<'_>, fact: Event, moves: Vec<StockMove>) -> Result<Kept, Failure> {
        for _ in 0..TRIES {
            let mut document = self.load(&part.stream).await?;
            if let Some(kept) = known(&document, part) {
                return Ok(kept);
            }
            if self.append(&mut document, part, (fact.clone(), moves.clone())).await? {
                return Ok(Kept::Recorded(fact));
            }
        }
        Err(Failure::retry("too many others write to the same document"))
    }

    /// Whether it was committed; if not, somebody else was faster, or the stock has moved.
    async fn append(
        &self,
        document: &mut StockDocument,
        part: &Part<'_>,
        (fact, moves): (Event, Vec<StockMove>),
    ) -> Result<bool, Failure> {
        let cause = format!("{}:{}", part.cause.0, part.cause.1);
        let commit = self.commit_of(document, (&part.stream, cause, part.origin), (vec![fact], moves));
        self.write(document, &commit).await
    }

    /// Records something about a document that moves no stock; what was recorded under the same cause is not again.
    ///
    /// # Errors
    /// The log does not answer.
    pub async fn note(
        &self,
        stream: &str,
        what: (&str, &Origin),
        decide: impl Fn(&StockDocument) -> Option<Event> + Send,
    ) -> Result<StockDocument, Failure> {
        self.note_moving(stream, what, move |document| Some((decide(document)?, Vec::new()))).await
    }

    /// The same with stock that moves with it.
    ///
    /// # Errors
    /// The log does not answer.
    pub async fn note_moving(
        &self,
        stream: &str,
        what: (&str, &Origin),
        decide: impl Fn(&StockDocument) -> Option<(Event, Vec<StockMove>)> + Send,
    ) -> Result<StockDocument, Failure> {
        for _ in 0..TRIES {
            let mut document = self.load(stream).await?;
            if document.causes.contains_key(what.0) {
                return Ok(document);
            }
            let Some((event, moves)) = decide(&document) else { return Ok(document) };
            let commit = self.commit_of(&document, (stream, what.0.to_owned(), what.1), (vec![event], moves));
            if self.write(&mut document, &commit).await? {
                return Ok(document);
            }
        }
        Err(Failure::retry("too many others write to the same document"))
    }

    async fn write(&self, document: &mut StockDocument, commit: &Commit) -> Result<bool, Failure> {
        match self.log.append(commit).await {
            Ok(()) => {
                document.apply(commit);
                Ok(true)
            }
            Err(AppendError::SeqTaken(_) | AppendError::OtherTaken(_) | AppendError::StockShort) => Ok(false),
            Err(AppendError::Store(error)) => Err(store_failure(error)),
        }
    }

    /// The commit, with when it is looked at again and what the view shows: both follow from the document after it.
    fn commit_of(
        &self,
        document: &StockDocument,
        (stream, cause, origin): (&str, String, &Origin),
        (events, moves): (Vec<Event>, Vec<StockMove>),
    ) -> Commit {
        let now = self.clock.now();
        let commit = Commit {
            stream: stream.to_owned(),
            seq: document.seq + 1,
            cause,
            at: now,
            actor: origin.actor.clone(),
            correlation_id: document.correlation_id.clone().unwrap_or_else(|| origin.correlation_id.clone()),
            causation_id: origin.causation_id.clone(),
            prev_hash: document.last_hash.clone(),
            due: None,
            summary: summary(document, now),
            events,
            moves,
        };
        let mut after = document.clone();
        after.apply(&commit);
        Commit { due: Some(due_bucket(now + patience(&after), stream)), summary: summary(&after, now), ..commit }
    }
}

/// When somebody looks at a document again. Once it was published, nothing is left to be seen to; what a person is
/// waited for is an exception.
fn patience(after: &StockDocument) -> SignedDuration {
    if after.is_done() || after.parked.is_some() {
        SignedDuration::from_mins(2)
    } else {
        PATIENCE * (1 << after.reminders.min(6))
    }
}

fn summary(document: &StockDocument, now: Timestamp) -> Summary {
    let attention = document.attention();
    let status = if attention.is_empty() { "recorded" } else { "parked" };
    Summary { attention, connection: document.connection().cloned(), ..Summary::new(status, now) }
}

/// A document is known by what it says; when it happened, and which ERP is to know of it, may be ours to say.
fn part<'a>(stream: String, (name, told): (&str, &impl Serialize), origin: &'a Origin) -> Part<'a> {
    Part { stream, cause: (name.to_owned(), hash_of(told)), origin }
}

fn part_of<'a>(adjustment: &StockAdjustment, origin: &'a Origin) -> Part<'a> {
    let told = (&adjustment.location, &adjustment.reason, &adjustment.lines);
    part(format!("inventory#adjustment#{}", adjustment.adjustment_id), ("adjustment", &told), origin)
}

/// What is known of a part: the same, or another of its name.
fn known(document: &StockDocument, part: &Part<'_>) -> Option<Kept> {
    let name = format!("{}:", part.cause.0);
    let cause = format!("{name}{}", part.cause.1);
    let is_known = document.causes.keys().any(|known| known.starts_with(&name));
    is_known.then(|| document.fact_of(&cause).map_or(Kept::Reused, |fact| Kept::Again(fact.clone())))
}

fn told_of(count: &Count, lines: Vec<CountedLine>) -> StockCount {
    StockCount {
        count_id: count.count_id.clone(),
        source: count.source.clone(),
        location: count.location.clone(),
        counted_at: count.counted_at,
        lines,
        erp: count.erp.clone(),
    }
}

fn append(whole: &mut Option<StockCount>, told: StockCount) {
    match whole {
        Some(known) => known.lines.extend(told.lines),
        None => *whole = Some(told),
    }
}
