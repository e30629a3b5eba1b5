//! The ledger of a SKU at a location: one row per commit that has moved it, written with the commit.

use std::collections::BTreeMap;

use crossdock_domain::item::StockMove;
use crossdock_domain::{Commit, LocationId, Sku};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerRow {
    /// Partition key: the SKU and the location.
    pub account: String,
    /// Sort key: when it was committed, then by which commit.
    pub entry: String,
    /// The stream of the commit: an order, or a document of stock.
    pub stream: String,
    /// The commit's number there.
    pub seq: u64,
    /// When it was committed.
    pub at: Timestamp,
    /// Who did it.
    pub actor: String,
    /// The identity of what happened.
    pub cause: String,
    /// What moved.
    pub moves: Vec<StockMove>,
}

/// Which part of a ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerPage {
    /// At most so many rows.
    pub limit: i32,
    /// Rows before (older than) this entry.
    pub before: Option<String>,
    /// No row that was committed before this.
    pub since: Option<Timestamp>,
}

/// Rows, and the entry to go on from where there are more.
pub type LedgerRows = (Vec<LedgerRow>, Option<String>);

/// The partition of a SKU at a location. No SKU and no location holds a control character.
pub(crate) fn account(sku: &Sku, location: &LocationId) -> String {
    format!("{sku}\u{1}{location}")
}

/// Sort key of the first row that could have been committed at a time.
pub(crate) fn entry_at(at: Timestamp) -> String {
    format!("{at:.9}")
}

/// The rows of a commit. Telling a storefront moves no stock and has none.
pub(crate) fn rows_of(commit: &Commit) -> Vec<LedgerRow> {
    let mut by_account: BTreeMap<String, Vec<StockMove>> = BTreeMap::new();
    for stock in commit.moves.iter().filter(|stock| is_told(stock)) {
        by_account.entry(account(&stock.sku, &stock.location)).or_default().push(stock.clone());
    }
    let row = |(account, moves)| LedgerRow {
        account,
        entry: format!("{}#{}#{}", entry_at(commit.at), commit.stream, commit.seq),
        stream: commit.stream.clone(),
        seq: commit.seq,
        at: commit.at,
        actor: commit.actor.clone(),
        cause: commit.cause.clone(),
        moves,
    };
    by_account.into_iter().map(row).collect()
}

const fn is_told(stock: &StockMove) -> bool {
    let physical = stock.on_hand != 0 || stock.quarantine != 0 || stock.in_transit != 0;
    physical || stock.reserved != 0 || stock.waiting != 0
}

/// Rows that were read with one more than were asked for, newest first, as a page.
pub(crate) fn page_of(mut rows: Vec<LedgerRow>, page: &LedgerPage, more: bool) -> LedgerRows {
    let limit = usize::try_from(page.limit).unwrap_or(1).max(1);
    // The entry to go on from is the last one of the page before.
    rows.retain(|row| page.before.as_ref() != Some(&row.entry));
    let more = more || rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| row.entry.clone());
    (rows, next)
}
