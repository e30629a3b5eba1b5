//! One item of the log: facts that became true together, and what the view needs to know of the order after them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical::hash_of;
use crate::event::Event;
use crate::exception::Handling;
use crate::ids::ConnectionId;
use crate::item::StockMove;
use crate::outstanding::TaskKind;

/// One commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Partition key: the order.
    pub stream: String,
    /// Sort key: from 1, without gaps.
    pub seq: u64,
    /// The identity of what happened, not of the message that told us.
    pub cause: String,
    /// When it was committed.
    pub at: Timestamp,
    /// Who did it: a function, a connection or a caller.
    pub actor: String,
    /// One per order, from the storefront's request to the last posting.
    pub correlation_id: String,
    /// The message that led here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<String>,
    /// Hash of the commit before; empty on the first.
    #[serde(default)]
    pub prev_hash: String,
    /// Bucket of the `due` index in which watch-deadlines looks at the order again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    /// What the view shows.
    pub summary: Summary,
    /// The facts.
    pub events: Vec<Event>,
    /// The stock that moves with them, in the same transaction.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<StockMove>,
}

/// What the view shows of an order after a commit, so that publishing needs no read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The order's status.
    pub status: String,
    /// What needs a person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attention: Vec<Attention>,
    /// What a parked task waits on, if anything but a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_on: Option<String>,
    /// Routes of the order, copied to each event for the bus's rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routes: Option<crate::settings::Routes>,
    /// When the buyer ordered: the order of lists and of releases.
    pub placed_at: Timestamp,
    /// What is left to do, by kind, and since when the oldest of each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub owed: BTreeMap<TaskKind, Timestamp>,
    /// Until when what has not left yet has to leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ship_by: Option<Timestamp>,
    /// Whether a person has had to see to the order in its life.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub touched: bool,
    /// What the storefront calls the order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Of what is no order: whose exceptions these are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<ConnectionId>,
}

impl Summary {
    /// A summary of what is no order, or of an order that owes nothing.
    #[must_use]
    pub fn new(status: impl Into<String>, placed_at: Timestamp) -> Self {
        Self {
            status: status.into(),
            attention: Vec::new(),
            waits_on: None,
            routes: None,
            placed_at,
            owed: BTreeMap::new(),
            ship_by: None,
            touched: false,
            name: None,
            connection: None,
        }
    }
}

/// Something about an order that needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attention {
    /// The task (`kind:document`) or `hold:<code>`.
    pub about: String,
    /// The class of failure or reason.
    pub class: String,
    /// What happened.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// How often it was tried or triggered again.
    #[serde(default)]
    pub attempts: u32,
    /// When it was seen last, where that was later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
    /// What people have said about it.
    #[serde(default, skip_serializing_if = "Handling::is_none")]
    pub handling: Handling,
}

impl Commit {
    /// The link of the chain that the next commit carries as `prev_hash`: whoever alters a commit breaks it. It covers
    /// all but the due bucket and the summary, which follow from the rest. Keys are sorted, so that a version that
    /// does not know an event's type finds the same hash as the one that wrote it.
    #[must_use]
    pub fn hash(&self) -> String {
        let origin = (&self.actor, &self.correlation_id, &self.causation_id);
        let sealed = (&self.prev_hash, &self.stream, self.seq, &self.cause, self.at, origin, &self.events);
        // Commits without stock have the hash that they had before commits carried any.
        let sealed = if self.moves.is_empty() {
            serde_json::to_value(sealed)
        } else {
            serde_json::to_value((sealed, &self.moves))
        };
        hash_of(&sorted(sealed.unwrap_or_default()))
    }

    /// Identity of one of its events.
    #[must_use]
    pub fn event_id(&self, index: usize) -> String {
        format!("{}/{}/{index}", self.stream, self.seq)
    }
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(String, Value)> =
                fields.into_iter().map(|(key, field)| (key, sorted(field))).collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// Number of partitions of one minute in the `due` index.
pub const DUE_SHARDS: u64 = 4;

/// The bucket of the `due` index for a moment and a stream: `<minute>#<shard>`.
#[must_use]
pub fn due_bucket(at: Timestamp, stream: &str) -> String {
    // A minute later than asked, never earlier: a bucket is walked once its minute has begun.
    let minute = at.as_second().div_euclid(60) + 1;
    let shard = stream.bytes().fold(0_u64, |sum, b| sum.wrapping_mul(31).wrapping_add(u64::from(b))) % DUE_SHARDS;
    format!("{minute}#{shard}")
}
