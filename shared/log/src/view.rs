//! What lists show of an order.

use crossdock_domain::{Attention, Commit, Event};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One row of the view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderView {
    /// `<connection>.<channel order id>`, or the name of something else that needs attention.
    pub order_id: String,
    /// The connection that took it.
    pub connection: String,
    /// Its status.
    pub status: String,
    /// The last commit that the view has seen.
    pub seq: u64,
    /// When that was.
    pub updated_at: Timestamp,
    /// Sort key of lists: `<placed_at>#<order_id>`.
    pub placed_order: String,
    /// Partition key of lists by status: `<connection>#<status>`.
    pub connection_status: String,
    /// What needs a person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Attention>,
    /// The connection again, present only while there is an exception: partition key of a sparse index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention: Option<String>,
    /// Sort key of that index: `<since>#<order_id>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention_since: Option<String>,
    /// What a parked task waits on: partition key of a sparse index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_on: Option<String>,
}

/// The name of the exception that a document of stock may be: `stock:count~CC-1`.
#[must_use]
pub fn stock_exception(stream: &str) -> Option<String> {
    Some(format!("stock:{}", stream.strip_prefix("inventory#")?.replace('#', "~")))
}

/// The stream of the document of stock that an exception is about.
#[must_use]
pub fn stock_stream(exception: &str) -> Option<String> {
    Some(format!("inventory#{}", exception.strip_prefix("stock:")?.replace('~', "#")))
}

/// Which list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ViewQuery {
    /// All orders of a connection, newest first.
    Connection(String),
    /// Orders of a connection with a status, newest first.
    Status(String, String),
    /// What needs a person at a connection, oldest first.
    Attention(String),
    /// Orders that wait on something, oldest first.
    Waiting(String),
}

impl ViewQuery {
    /// The index, its partition key's name and value, and its sort key's name.
    pub(crate) fn index(&self) -> (&'static str, &'static str, String, &'static str) {
        match self {
            Self::Connection(connection) => ("by_connection", "connection", connection.clone(), "placed_order"),
            Self::Status(connection, status) => {
                ("by_status", "connection_status", format!("{connection}#{status}"), "placed_order")
            }
            Self::Attention(connection) => ("attention", "attention", connection.clone(), "attention_since"),
            Self::Waiting(what) => ("waiting", "waits_on", what.clone(), "placed_order"),
        }
    }

    pub(crate) const fn newest_first(&self) -> bool {
        matches!(self, Self::Connection(_) | Self::Status(..))
    }
}

/// Which part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// At most so many rows.
    pub limit: i32,
    /// Sort key of the last row of the page before.
    pub after: Option<String>,
}

impl OrderView {
    /// The row that a commit of an order makes.
    #[must_use]
    pub fn of(order_id: &crossdock_domain::OrderId, commit: &Commit) -> Self {
        Self::row(order_id.connection.to_string(), order_id.to_string(), commit)
    }

    fn row(connection: String, order_id: String, commit: &Commit) -> Self {
        let summary = &commit.summary;
        let since = summary.attention.iter().map(|exception| exception.since).min();
        Self {
            status: summary.status.clone(),
            seq: commit.seq,
            updated_at: commit.at,
            // A fixed number of digits, so that texts sort as times do.
            placed_order: format!("{:.3}#{order_id}", summary.placed_at),
            connection_status: format!("{connection}#{}", summary.status),
            exceptions: summary.attention.clone(),
            attention: since.map(|_| connection.clone()),
            attention_since: since.map(|since| format!("{since:.3}#{order_id}")),
            waits_on: summary.waits_on.clone(),
            connection,
            order_id,
        }
    }

    /// The row that a commit of a document of stock makes, where it says that somebody is waited for, or no longer.
    #[must_use]
    #[expect(clippy::wildcard_enum_match_arm, reason = "whatever else there is or will be waits for nobody")]
    pub fn of_stock(commit: &Commit) -> Option<Self> {
        let erp = commit.events.iter().find_map(|event| match event {
            Event::StockParked(parked) => Some(parked.erp.to_string()),
            Event::StockReleased { erp } => Some(erp.to_string()),
            Event::CatalogueItemRefused(refused) => Some(refused.erp.to_string()),
            Event::CatalogueItemKept(kept) => Some(kept.erp.to_string()),
            _ => None,
        })?;
        Some(Self::row(erp, stock_exception(&commit.stream)?, commit))
    }

    pub(crate) fn sort_key(&self, name: &str) -> &str {
        if name == "attention_since" { self.attention_since.as_deref().unwrap_or_default() } else { &self.placed_order }
    }
}
