//! Documents of stock: what came in, was counted, found, lost or moved. Each is a stream of its own, so that what is
//! told twice counts once, and whoever asks why a number is what it is finds the document.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::catalogue::ItemRefused;
use crate::commit::{Attention, Commit};
use crate::event::{Document, Event, FailureClass, ReceiptLine, StockReceipt};
use crate::exception::{Handling, after_words};
use crate::ids::{ConnectionId, LocationId, Sku};
use crate::item::{Movement, Stock, StockMove, merged};

/// The most SKUs that one commit moves: a transaction holds 100 actions, and each SKU takes two, its record and its
/// row of the ledger.
pub const MOST_SKUS_PER_COMMIT: usize = 45;

/// Somebody counted what is there. The count is of one moment: what happened before is in it, what happened later is
/// not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockCount {
    /// The count's identity where it was made.
    pub count_id: String,
    /// Who counted: a connection, or a caller of our API.
    pub source: String,
    /// Where.
    pub location: LocationId,
    /// Of which moment it is, by the counter's clock.
    pub counted_at: Timestamp,
    /// What.
    pub lines: Vec<CountedLine>,
    /// The ERP that is to know of the differences; none where nobody is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erp: Option<ConnectionId>,
}

/// One SKU of a count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedLine {
    /// The SKU.
    pub sku: Sku,
    /// Units there, whatever their state.
    pub counted: i64,
    /// Of them: not fit for sale; absent where the count does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<i64>,
    /// By how much our number of units there was changed.
    pub difference: i64,
    /// By how much our number of units not fit for sale was changed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub quarantine_difference: i64,
    /// Whether a later count was known already: then nothing was changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stale: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
const fn is_zero(units: &i64) -> bool {
    *units == 0
}

/// Units that were found, lost, broken or repaired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockAdjustment {
    /// The adjustment's identity where it was made.
    pub adjustment_id: String,
    /// Where.
    pub location: LocationId,
    /// Why.
    pub reason: AdjustmentReason,
    /// When.
    pub adjusted_at: Timestamp,
    /// What.
    pub lines: Vec<AdjustedLine>,
    /// The ERP that is to know of it; none where nobody is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erp: Option<ConnectionId>,
}

/// Why stock was adjusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdjustmentReason {
    /// Units that nobody knew of.
    Found,
    /// Units that are gone.
    Lost,
    /// Units that are not fit for sale any more, or again.
    Condition,
    /// Anything else, by a person's word.
    Correction,
    /// Reconciliation has found our number to differ from that of the system that owns it.
    Drift,
}

/// One SKU of an adjustment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdjustedLine {
    /// The SKU.
    pub sku: Sku,
    /// Change of what is there.
    #[serde(default)]
    pub on_hand: i64,
    /// Change of what is there and not fit for sale.
    #[serde(default)]
    pub quarantine: i64,
}

/// Goods that went from one location to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockTransfer {
    /// The transfer's identity where it was made.
    pub transfer_id: String,
    /// From where.
    pub from: LocationId,
    /// To where.
    pub to: LocationId,
    /// What has happened.
    pub stage: TransferStage,
    /// When.
    pub moved_at: Timestamp,
    /// What.
    pub lines: Vec<ReceiptLine>,
    /// The ERP that is to know of it; none where nobody is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erp: Option<ConnectionId>,
}

/// What has happened to a transfer. The two may be told in either order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferStage {
    /// The goods have left.
    Dispatched,
    /// The goods are there.
    Arrived,
}

/// The ERP has a document of stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockPosted {
    /// Number of the commit with the fact that it is of.
    pub of: u64,
    /// The document.
    pub document: Document,
}

/// A document of stock cannot be posted until a person has done something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockParked {
    /// The ERP that it is for.
    pub erp: ConnectionId,
    /// The class of failure.
    pub class: FailureClass,
    /// What happened, and what to do.
    pub reason: String,
}

/// Somebody wants stock to be compared with the other systems now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconciliationRequested {
    /// Its identity at whoever asks.
    pub reconciliation_id: String,
    /// Of which SKUs; absent: of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skus: Option<BTreeSet<Sku>>,
}

/// Stock was compared with the other systems, because somebody wanted it. Each drift is a fact of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconciliationFinished {
    /// Levels that were compared, quantity by quantity.
    pub compared: usize,
    /// Of them: differences that are on their way.
    pub pending: usize,
    /// Of them: drifts.
    pub drifts: usize,
    /// By how many units in all, whatever the sign.
    pub units: u64,
    /// Drifts that were repaired.
    pub repaired: usize,
    /// SKUs of which something could not be compared.
    pub excluded: usize,
    /// SKUs that drift; of more than [`MOST_SKUS_TOLD`] the first.
    pub drifting: BTreeSet<Sku>,
    /// Whether all that was asked for was compared: a run ends in time, and a system may not answer.
    pub complete: bool,
    /// Why not, where a system was the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// So many drifting SKUs are told of one reconciliation by name; the drifts themselves are all recorded.
pub const MOST_SKUS_TOLD: usize = 100;

/// What is to be posted of a document of stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToPost<'a> {
    /// Number of the commit with the fact.
    pub of: u64,
    /// The ERP.
    pub erp: &'a ConnectionId,
    /// When it was recorded.
    pub at: Timestamp,
    /// The fact.
    pub fact: &'a Event,
}

/// A document of stock, as its stream tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StockDocument {
    /// Number of its last commit.
    pub seq: u64,
    /// Link of the chain.
    pub last_hash: String,
    /// What follows it from here on.
    pub correlation_id: Option<String>,
    /// Identities of what has happened, with the number of their commit.
    pub causes: BTreeMap<String, u64>,
    /// Its facts, by the number of their commit.
    pub facts: BTreeMap<u64, (Timestamp, Event)>,
    posted: BTreeSet<u64>,
    /// How often it was taken up again.
    pub reminders: u32,
    /// Why nobody posts it, and since when.
    pub parked: Option<(StockParked, Timestamp)>,
    /// Of an item of an ERP: why it cannot be kept, and since when.
    pub refused: Option<(ItemRefused, Timestamp)>,
    /// What people have said about its exceptions.
    pub handlings: BTreeMap<String, Handling>,
}

impl StockDocument {
    /// Folds a stream.
    #[must_use]
    pub fn fold(commits: &[Commit]) -> Self {
        let mut document = Self::default();
        commits.iter().for_each(|commit| document.apply(commit));
        document
    }

    /// Folds one more commit in.
    pub fn apply(&mut self, commit: &Commit) {
        self.seq = commit.seq;
        self.last_hash = commit.hash();
        self.correlation_id.get_or_insert_with(|| commit.correlation_id.clone());
        self.causes.insert(commit.cause.clone(), commit.seq);
        for event in &commit.events {
            if let Event::StockPosted(posted) = event {
                self.posted.insert(posted.of);
            } else if let Event::StockParked(parked) = event {
                self.parked = Some((parked.clone(), commit.at));
            } else if let Event::ExceptionHandled(said) = event {
                self.handlings.entry(said.about.clone()).or_default().evolve(&said.act);
            } else if let Event::StockReleased { .. } = event {
                self.parked = None;
                self.reminders += 1;
            } else if matches!(event, Event::ReconciliationRequested(_)) && self.requested().is_some() {
                self.reminders += 1;
            } else {
                if let Event::CatalogueItemRefused(refused) = event {
                    self.refused = Some((refused.clone(), commit.at));
                } else if let Event::CatalogueItemKept(_) = event {
                    self.refused = None;
                }
                self.facts.insert(commit.seq, (commit.at, event.clone()));
            }
        }
    }

    /// What the ERP does not have yet, the oldest first.
    #[must_use]
    pub fn to_post(&self) -> Vec<ToPost<'_>> {
        let open = self.facts.iter().filter(|(seq, _)| !self.posted.contains(seq));
        open.filter_map(|(seq, (at, fact))| Some(ToPost { of: *seq, erp: erp_of(fact)?, at: *at, fact })).collect()
    }

    /// Whether the ERP has the fact of a commit.
    #[must_use]
    pub fn is_posted(&self, of: u64) -> bool {
        self.posted.contains(&of)
    }

    /// The fact that was recorded under a cause.
    #[must_use]
    pub fn fact_of(&self, cause: &str) -> Option<&Event> {
        self.facts.get(self.causes.get(cause)?).map(|(_, fact)| fact)
    }

    /// Whether nobody has to look at it again.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.to_post().is_empty() && self.unanswered().is_none()
    }

    /// What of it needs a person: that its ERP does not take it, or that the catalogue cannot keep it.
    #[must_use]
    pub fn attention(&self) -> Vec<Attention> {
        let parked = self.parked.iter().map(|(parked, since)| Attention {
            attempts: self.reminders,
            ..Attention::new("post", parked.class.to_string(), (parked.reason.clone(), *since))
        });
        let refused = self.refused.iter().map(|(refused, since)| {
            Attention::new("catalogue", refused.class.to_string(), (refused.reason.clone(), *since))
        });
        after_words(parked.chain(refused), &self.handlings)
    }

    /// Whose exceptions these are: the ERP's that does not take it, or has told it.
    #[must_use]
    pub fn connection(&self) -> Option<&ConnectionId> {
        let parked = self.parked.as_ref().map(|(parked, _)| &parked.erp);
        parked.or_else(|| self.refused.as_ref().map(|(refused, _)| &refused.erp))
    }

    /// What was asked to be compared, and nobody has answered.
    #[must_use]
    pub fn unanswered(&self) -> Option<&ReconciliationRequested> {
        self.requested().map(|(_, asked)| asked).filter(|_| self.finished().is_none())
    }

    /// What was asked to be compared, and when, where that is what the document is about.
    #[must_use]
    pub fn requested(&self) -> Option<(Timestamp, &ReconciliationRequested)> {
        self.facts.values().find_map(|(at, fact)| {
            if let Event::ReconciliationRequested(requested) = fact { Some((*at, requested)) } else { None }
        })
    }

    /// What was found, and when.
    #[must_use]
    pub fn finished(&self) -> Option<(Timestamp, &ReconciliationFinished)> {
        self.facts.values().find_map(|(at, fact)| {
            if let Event::ReconciliationFinished(finished) = fact { Some((*at, finished)) } else { None }
        })
    }
}

/// The ERP that is to have a fact, where it changes what the ERP counts.
#[expect(clippy::wildcard_enum_match_arm, reason = "whatever else there is or will be moves no stock of an ERP")]
fn erp_of(fact: &Event) -> Option<&ConnectionId> {
    match fact {
        Event::StockReceived(receipt) => receipt.erp.as_ref(),
        Event::StockCounted(count) => {
            count.erp.as_ref().filter(|_| count.lines.iter().any(|line| line.difference != 0))
        }
        Event::StockAdjusted(adjustment) => {
            adjustment.erp.as_ref().filter(|_| adjustment.lines.iter().any(|line| line.on_hand != 0))
        }
        // Between the two the goods are nowhere; the ERP moves them when they are there.
        Event::StockTransferred(transfer) => transfer.erp.as_ref().filter(|_| transfer.stage == TransferStage::Arrived),
        _ => None,
    }
}

/// Goods that came in.
#[must_use]
pub fn received(receipt: &StockReceipt) -> Vec<StockMove> {
    merged(receipt.lines.iter().map(|line| StockMove {
        on_hand: i64::from(line.quantity),
        ..StockMove::new(Movement::Received, line.sku.clone(), receipt.location.clone())
    }))
}

/// Units that were found, lost, broken or repaired.
#[must_use]
pub fn adjusted(adjustment: &StockAdjustment) -> Vec<StockMove> {
    let why = if adjustment.reason == AdjustmentReason::Drift { Movement::Repaired } else { Movement::Adjusted };
    merged(adjustment.lines.iter().map(|line| StockMove {
        on_hand: line.on_hand,
        quarantine: line.quarantine,
        occurred_at: Some(adjustment.adjusted_at),
        ..StockMove::new(why, line.sku.clone(), adjustment.location.clone())
    }))
}

/// Goods that went from one location to another.
#[must_use]
pub fn transferred(transfer: &StockTransfer) -> Vec<StockMove> {
    let moved = |line: &ReceiptLine| {
        let units = i64::from(line.quantity);
        let at = |location: &LocationId, on_hand, in_transit| StockMove {
            on_hand,
            in_transit,
            occurred_at: Some(transfer.moved_at),
            ..StockMove::new(Movement::Transferred, line.sku.clone(), location.clone())
        };
        match transfer.stage {
            TransferStage::Dispatched => vec![at(&transfer.from, -units, 0), at(&transfer.to, 0, units)],
            TransferStage::Arrived => vec![at(&transfer.to, units, -units)],
        }
    };
    merged(transfer.lines.iter().flat_map(moved))
}

/// What a count says of one SKU, and what we know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted<'a> {
    /// The SKU.
    pub sku: &'a Sku,
    /// Units counted.
    pub counted: i64,
    /// Units counted that are not fit for sale, where the count says.
    pub quarantine: Option<i64>,
    /// Our stock now.
    pub stock: &'a Stock,
    /// `physical` of part 0 of it.
    pub physical: i64,
    /// What has moved since the moment of the count, as far as we know.
    pub since: &'a [StockMove],
}

/// Reads a count against our own numbers: our number becomes what was counted, and what has moved since. A count that is
/// older than the last one known changes nothing.
#[must_use]
pub fn counted(line: &Counted<'_>, location: &LocationId, at: Timestamp) -> (CountedLine, Option<StockMove>) {
    let mut told = CountedLine {
        sku: line.sku.clone(),
        counted: line.counted,
        quarantine: line.quarantine,
        difference: 0,
        quarantine_difference: 0,
        stale: line.stock.counted_at.is_some_and(|known| known >= at),
    };
    if told.stale {
        return (told, None);
    }
    let sum = |of: fn(&StockMove) -> i64| line.since.iter().map(of).sum::<i64>();
    told.difference = line.counted + sum(|stock| stock.on_hand) - line.stock.on_hand;
    told.quarantine_difference =
        line.quarantine.map_or(0, |units| units + sum(|stock| stock.quarantine) - line.stock.quarantine);
    let moved = StockMove {
        on_hand: told.difference,
        quarantine: told.quarantine_difference,
        counted_at: Some(at),
        seen: Some(line.physical),
        occurred_at: Some(at),
        ..StockMove::new(Movement::Counted, line.sku.clone(), location.clone())
    };
    (told, Some(moved))
}

/// Whether a move is in a count of that moment: it happened no later.
#[must_use]
pub fn is_in_count(stock: &StockMove, committed_at: Timestamp, counted_at: Timestamp) -> bool {
    stock.occurred_at.unwrap_or(committed_at) <= counted_at
}
