//! What lists show of an order.

use std::collections::BTreeMap;

use crossdock_domain::settings::Routes;
use crossdock_domain::{Attention, Commit, Event, TaskKind};
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
    /// The connection again, present only while something is left to do: partition key of a sparse index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<String>,
    /// What is left to do, by kind, and since when the oldest of each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub owed: BTreeMap<TaskKind, Timestamp>,
    /// Until when what has not left yet has to leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ship_by: Option<Timestamp>,
    /// Whether a person has had to see to the order.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub touched: bool,
    /// `<connection>#<what the storefront calls the order>`: partition key of an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named: Option<String>,
    /// Which connections work on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routes: Option<Routes>,
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

/// Partition key of the index by name. People leave the number sign out, or do not.
fn named(connection: &str, name: &str) -> String {
    format!("{connection}#{}", name.trim().trim_start_matches('#').to_lowercase())
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
    /// Orders of a connection of which something is left to do, oldest first.
    InFlight(String),
    /// Orders of a connection that its storefront calls so.
    Named(String, String),
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
            Self::InFlight(connection) => ("in_flight", "in_flight", connection.clone(), "placed_order"),
            Self::Named(connection, name) => ("by_name", "named", named(connection, name), "placed_order"),
        }
    }

    /// Whether the index holds names only, so that the rows are read after them: an index of whole rows is written with
    /// every change of one.
    pub(crate) const fn holds_keys_only(&self) -> bool {
        matches!(self, Self::InFlight(_) | Self::Named(..))
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
            in_flight: (!summary.owed.is_empty()).then(|| connection.clone()),
            owed: summary.owed.clone(),
            ship_by: summary.ship_by,
            touched: summary.touched,
            named: summary.name.as_ref().map(|name| named(&connection, name)),
            routes: summary.routes.clone(),
            connection,
            order_id,
        }
    }

    /// The row of a delivery that nobody could understand.
    #[must_use]
    pub fn of_delivery((id, connection): (&str, &str), exception: Attention, now: Timestamp) -> Self {
        let order_id = format!("delivery:{id}");
        Self {
            connection: connection.to_owned(),
            status: "undelivered".into(),
            seq: 1,
            updated_at: now,
            placed_order: format!("{:.3}#{order_id}", exception.since),
            connection_status: format!("{connection}#undelivered"),
            attention: Some(connection.to_owned()),
            attention_since: Some(format!("{:.3}#{order_id}", exception.since)),
            exceptions: vec![exception],
            waits_on: None,
            in_flight: None,
            owed: BTreeMap::new(),
            ship_by: None,
            touched: false,
            named: None,
            routes: None,
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
            Event::ExceptionHandled(_) => commit.summary.connection.as_ref().map(ToString::to_string),
            _ => None,
        })?;
        Some(Self::row(erp, stock_exception(&commit.stream)?, commit))
    }

    pub(crate) fn sort_key(&self, name: &str) -> &str {
        if name == "attention_since" { self.attention_since.as_deref().unwrap_or_default() } else { &self.placed_order }
    }
}
