//! The commit log and the few tables beside it, as ports with two implementations: [`Dynamo`] and [`Memory`]. One
//! contract suite (`tests/contract.rs`) holds both to the same behaviour.

mod archive;
mod dynamo;
mod ledger;
mod memory;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use crossdock_domain::ids::{ConnectionId, LocationId};
use crossdock_domain::item::{Item, Shown};
use crossdock_domain::kit::components_beyond;
use crossdock_domain::{Commit, Recipient, Sku};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use archive::{Archive, Archived};
pub use dynamo::{Dynamo, Tables};
pub use ledger::{LedgerPage, LedgerRow, LedgerRows};
pub use memory::{Memory, Usage};
pub use view::{OrderView, Page, ViewQuery, stock_exception, stock_stream};

/// The store could not be asked, or its answer not be understood. Trying again later is the only remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the store did not answer {operation}: {reason}")]
pub struct StoreError {
    /// What was asked.
    pub operation: &'static str,
    /// What went wrong.
    pub reason: String,
}

/// Why a commit was not appended. Nothing of it is stored then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Somebody else has written that number: read on from there and decide again.
    #[error("commit {0} is taken")]
    SeqTaken(u64),
    /// A reservation asked for more than is available: read the stock and decide again.
    #[error("not enough stock for the reservation")]
    StockShort,
    /// Somebody else has written that number of the other stream: read it again and decide again.
    #[error("commit {0} of the other stream is taken")]
    OtherTaken(u64),
    /// Try later.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Streams of commits.
#[async_trait]
pub trait Log: Send + Sync {
    /// The commits of a stream with `seq >= from`, strongly consistent, in order.
    async fn load(&self, stream: &str, from: u64) -> Result<Vec<Commit>, StoreError>;

    /// Appends one commit, together with the stock that moves with it and its rows of the ledger: all or nothing.
    async fn append(&self, commit: &Commit) -> Result<(), AppendError> {
        self.append_with(commit, None).await
    }

    /// The same, with a commit of another stream: both or neither. Of a record that both move, only what becomes of it
    /// counts.
    async fn append_with(&self, commit: &Commit, other: Option<&Commit>) -> Result<(), AppendError>;

    /// Streams whose commit of the given number is due in a bucket of the `due` index (eventually consistent).
    async fn due(&self, bucket: &str) -> Result<Vec<(String, u64)>, StoreError>;

    /// Number of the last commit of a stream, 0 if there is none; strongly consistent.
    async fn last_seq(&self, stream: &str) -> Result<u64, StoreError>;
}

/// Personal data, apart from the log, so that it can be erased without touching the books.
#[async_trait]
pub trait People: Send + Sync {
    /// Keeps a recipient under its content's hash, which is returned.
    async fn keep(&self, stream: &str, recipient: &Recipient) -> Result<String, StoreError>;

    /// The recipient of that name, if it was kept and not erased.
    async fn find(&self, stream: &str, hash: &str) -> Result<Option<Recipient>, StoreError>;

    /// Keeps a delivery that nobody could understand, payload and all, until an operator has dealt with it.
    async fn keep_delivery(&self, id: &str, message: &str) -> Result<(), StoreError>;

    /// A delivery that was kept.
    async fn find_delivery(&self, id: &str) -> Result<Option<String>, StoreError>;

    /// Keeps the last failure of a task with what was sent and answered (JSON, masked), in the place of the one before. It
    /// lies with the stream's people, so that whoever erases them erases it, too.
    async fn keep_exchange(&self, stream: &str, task: &str, exchange: &str) -> Result<(), StoreError>;

    /// The last failure of a task, if it was kept.
    async fn find_exchange(&self, stream: &str, task: &str) -> Result<Option<String>, StoreError>;
}

/// Items with prices, identities and stock.
#[async_trait]
pub trait Items: Send + Sync {
    /// Those of the given SKUs that exist; up to 100 distinct SKUs in one request.
    async fn items(&self, skus: &[Sku]) -> Result<BTreeMap<Sku, Item>, StoreError>;

    /// What has moved of a SKU at a location, newest first; strongly consistent.
    async fn ledger(&self, sku: &Sku, location: &LocationId, page: &LedgerPage) -> Result<LedgerRows, StoreError>;

    /// Keeps an item's catalogue data (prices, identities, rules), and leaves its stock alone. Whether it was kept: not
    /// where somebody else has kept it since it was read (`revision`), whose word would be lost.
    async fn keep_item(&self, item: &Item) -> Result<bool, StoreError>;

    /// Keeps a SKU's stock in so many parts from now on; each has a record at every location that the item has. What
    /// is in them moves by commits.
    async fn open_parts(&self, item: &Item, parts: u16) -> Result<(), StoreError>;

    /// Takes note that a storefront shows so many units more (or less) than it did, as far as we know.
    async fn note_shown(&self, at: (&Sku, &LocationId), channel: &ConnectionId, shown: Shown)
    -> Result<(), StoreError>;

    /// Makes sure that an item has a (possibly zero) stock record at a location.
    async fn open_location(&self, sku: &Sku, location: &LocationId) -> Result<(), StoreError>;

    /// The kits that some SKUs are components of, or were.
    async fn kits_of(&self, skus: &[Sku]) -> Result<BTreeSet<Sku>, StoreError>;

    /// The same as items, of one SKU.
    async fn kits_with(&self, sku: &Sku) -> Result<BTreeMap<Sku, Item>, StoreError> {
        let kits: Vec<Sku> = self.kits_of(std::slice::from_ref(sku)).await?.into_iter().collect();
        self.items(&kits).await
    }

    /// Those of the given SKUs that exist, and what the kits among them are made of; a second read only where there are
    /// kits.
    async fn items_with_components(&self, skus: &[Sku]) -> Result<BTreeMap<Sku, Item>, StoreError> {
        let mut items = self.items(skus).await?;
        let beyond = components_beyond(&items);
        if !beyond.is_empty() {
            items.extend(self.items(&beyond).await?);
        }
        Ok(items)
    }

    /// The same, after stock can move at a location for each of them.
    async fn items_at(&self, skus: &[Sku], location: &LocationId) -> Result<BTreeMap<Sku, Item>, StoreError> {
        let items = self.items_with_components(skus).await?;
        for (sku, item) in &items {
            if !item.stock.contains_key(location) {
                self.open_location(sku, location).await?;
            }
        }
        Ok(items)
    }
}

/// A configured connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionRecord {
    /// Its name.
    pub connection: ConnectionId,
    /// Its settings, as its kind reads them.
    pub settings: serde_json::Value,
    /// Nobody calls it before then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_until: Option<Timestamp>,
    /// Since when it has been paused without interruption.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_since: Option<Timestamp>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_reason: Option<String>,
}

impl ConnectionRecord {
    /// Until when it is left alone; nothing where it is in use.
    #[must_use]
    pub fn paused(&self, now: Timestamp) -> Option<Timestamp> {
        self.paused_until.filter(|until| *until > now)
    }

    /// Whether it takes orders: a storefront, or a shop of our own.
    #[must_use]
    pub fn takes_orders(&self) -> bool {
        self.settings.get("channel").is_some()
    }

    /// Whether it works on the orders of others: a 3PL names the channels that it ships for.
    #[must_use]
    pub fn ships_for_others(&self) -> bool {
        self.settings.get("channels").is_some()
    }
}

/// A pause of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// From when.
    pub now: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Why, without personal data.
    pub reason: String,
}

/// Connections: settings and pauses.
#[async_trait]
pub trait Connections: Send + Sync {
    /// A connection, if it is configured.
    async fn connection(&self, connection: &ConnectionId) -> Result<Option<ConnectionRecord>, StoreError>;

    /// All connections. A handful; used by operators' lists only.
    async fn connections(&self) -> Result<Vec<ConnectionRecord>, StoreError>;

    /// Pauses a connection until a moment, unless it is paused for longer already.
    async fn pause(&self, connection: &ConnectionId, pause: &Pause) -> Result<(), StoreError>;

    /// Ends a pause.
    async fn resume(&self, connection: &ConnectionId) -> Result<(), StoreError>;
}

/// Counts by name.
pub type Tally = BTreeMap<String, i64>;

/// Small records: idempotency keys, cursors, counts.
#[async_trait]
pub trait Markers: Send + Sync {
    /// Writes a marker unless one of that name exists; then its value is returned instead.
    async fn mark(&self, id: &str, value: &str, expires_at: Timestamp) -> Result<Option<String>, StoreError>;

    /// A marker's value.
    async fn marker(&self, id: &str) -> Result<Option<String>, StoreError>;

    /// Writes a marker whether or not it exists.
    async fn set_marker(&self, id: &str, value: &str) -> Result<(), StoreError>;

    /// Adds to counts of that name, which is forgotten after a moment that each call moves.
    async fn count(&self, id: &str, counts: &Tally, expires_at: Timestamp) -> Result<(), StoreError>;

    /// Counts by their names; those that nobody has counted are not there.
    async fn counted(&self, ids: &[String]) -> Result<BTreeMap<String, Tally>, StoreError>;
}

/// What became of a row of the view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Showing {
    /// The view had that commit, or a later one.
    Known,
    /// It is there now; what was there before.
    Written(Option<Box<OrderView>>),
}

/// The view of all orders that lists and exceptions are read from. It follows the log by the table's stream.
#[async_trait]
pub trait Views: Send + Sync {
    /// Writes what an order looks like, unless the view has seen that commit or a later one. Gives back what it looked
    /// like before, where it was written.
    async fn show(&self, view: &OrderView) -> Result<Showing, StoreError>;

    /// What the view has of an order.
    async fn seen(&self, order_id: &str) -> Result<Option<OrderView>, StoreError>;

    /// One page of a list.
    async fn list(&self, query: &ViewQuery, page: &Page) -> Result<(Vec<OrderView>, Option<String>), StoreError>;
}
