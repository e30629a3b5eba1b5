//! The store in memory, for tests: the same behaviour, and it counts what it is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use crossdock_domain::ids::{ConnectionId, LocationId};
use crossdock_domain::item::{Item, Shown, Stock, StockMove};
use crossdock_domain::{Commit, Recipient, Sku};
use jiff::Timestamp;

use crate::archive::{arrived_in, packed};
use crate::ledger::{account, entry_at, page_of, rows_of};
use crate::{
    AppendError, Archive, Archived, ConnectionRecord, Connections, Items, LedgerPage, LedgerRow, LedgerRows, Log,
    Markers, OrderView, Page, Pause, People, Showing, StoreError, Tally, ViewQuery, Views,
};

/// The store in memory.
#[derive(Debug, Default)]
pub struct Memory {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    log: BTreeMap<String, Vec<Commit>>,
    appended: Vec<Commit>,
    people: BTreeMap<(String, String), Recipient>,
    deliveries: BTreeMap<String, String>,
    exchanges: BTreeMap<(String, String), String>,
    archive: BTreeMap<(String, String), Archived>,
    items: BTreeMap<Sku, Item>,
    /// Parts beyond part 0.
    parts: BTreeMap<(Sku, u16), BTreeMap<LocationId, Stock>>,
    ledger: BTreeMap<(String, String), LedgerRow>,
    connections: BTreeMap<ConnectionId, ConnectionRecord>,
    markers: BTreeMap<String, String>,
    tallies: BTreeMap<String, Tally>,
    views: BTreeMap<String, OrderView>,
    usage: Usage,
}

/// What the store was asked, in requests and in DynamoDB capacity units (4 KB consistent reads, 1 KB writes).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Reads of the log.
    pub log_reads: u64,
    /// Writes of the log.
    pub log_writes: u64,
    /// Bytes of commits written.
    pub log_bytes: u64,
    /// Other reads.
    pub other_reads: u64,
    /// Other writes.
    pub other_writes: u64,
    /// Read capacity units of all reads, doubled to stay whole: an eventually consistent read costs half.
    pub half_read_units: u64,
    /// Write capacity units of all writes, with index and transaction surcharges.
    pub write_units: u64,
}

impl Memory {
    /// Every kept failure by stream and task, for tests.
    #[must_use]
    pub fn exchanges(&self) -> BTreeMap<(String, String), String> {
        self.state().exchanges.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits appended since the last call: the table's stream.
    #[must_use]
    pub fn take_stream(&self) -> Vec<Commit> {
        std::mem::take(&mut self.state().appended)
    }

    /// What has been asked so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.state().usage
    }

    /// Adds or replaces an item.
    pub fn put_item(&self, item: Item) {
        self.state().items.insert(item.sku.clone(), item);
    }

    /// Adds or replaces a connection.
    pub fn put_connection(&self, record: ConnectionRecord) {
        self.state().connections.insert(record.connection.clone(), record);
    }

    /// Every stream with its commits.
    #[must_use]
    pub fn streams(&self) -> BTreeMap<String, Vec<Commit>> {
        self.state().log.clone()
    }

    /// Every item.
    #[must_use]
    pub fn all_items(&self) -> BTreeMap<Sku, Item> {
        let state = self.state();
        state.items.keys().filter_map(|sku| Some((sku.clone(), state.whole(sku)?))).collect()
    }
}

fn json_bytes<T: serde::Serialize>(value: &T) -> u64 {
    serde_json::to_vec(value).map_or(0, |json| json.len() as u64)
}

const fn units(bytes: u64, size: u64) -> u64 {
    if bytes == 0 { 1 } else { bytes.div_ceil(size) }
}

impl State {
    fn read<T: serde::Serialize>(&mut self, value: &T, half_units: u64) {
        self.usage.other_reads += 1;
        self.usage.half_read_units += half_units * units(json_bytes(value), 4096);
    }

    fn write<T: serde::Serialize>(&mut self, value: &T) {
        self.usage.other_writes += 1;
        self.usage.write_units += units(json_bytes(value), 1024);
    }

    fn count_append(&mut self, commit: &Commit) {
        let bytes = json_bytes(commit);
        let times = if commit.moves.is_empty() { 1 } else { 2 };
        self.usage.log_writes += 1;
        self.usage.log_bytes += bytes;
        self.usage.write_units += times * units(bytes, 1024) + u64::from(commit.due.is_some());
        let records: std::collections::BTreeSet<_> =
            commit.moves.iter().map(|stock| (&stock.sku, stock.part)).collect();
        for (sku, part) in records {
            let size = if part == 0 { self.items.get(sku).map_or(0, json_bytes) } else { 0 };
            self.usage.write_units += 2 * units(size, 1024);
        }
        self.usage.write_units += rows_of(commit).iter().map(|row| 2 * units(json_bytes(row), 1024)).sum::<u64>();
    }

    fn stock(&mut self, stock: &StockMove) -> Option<&mut Stock> {
        if stock.part == 0 {
            return self.items.get_mut(&stock.sku)?.stock.get_mut(&stock.location);
        }
        self.parts.get_mut(&(stock.sku.clone(), stock.part))?.get_mut(&stock.location)
    }

    /// Whether the moves of one record at one location may be: they stand or fall together.
    fn covers(&mut self, moves: &[&StockMove]) -> bool {
        let Some(at) = moves.first().and_then(|first| self.stock(first)) else { return false };
        let change: i64 = moves.iter().map(|stock| stock.available()).sum();
        let floor = moves.iter().map(|stock| stock.floor).max().unwrap_or(0);
        // Whatever is given back in the same place is given first: only what is missing then has to be there.
        let promised = change < 0 && moves.iter().any(|stock| stock.is_promise());
        let unchanged = moves.iter().filter_map(|stock| stock.seen).all(|seen| at.physical == seen);
        unchanged && (!promised || at.available + change >= floor)
    }

    fn is_taken(&self, commit: &Commit) -> bool {
        self.log.get(&commit.stream).and_then(|commits| commits.last()).is_some_and(|last| commit.seq <= last.seq)
    }

    fn keep(&mut self, commit: &Commit) {
        for stock in &commit.moves {
            if let Some(at) = self.stock(stock) {
                at.apply(stock);
            }
        }
        for row in rows_of(commit) {
            self.ledger.insert((row.account.clone(), row.entry.clone()), row);
        }
        self.log.entry(commit.stream.clone()).or_default().push(commit.clone());
        self.appended.push(commit.clone());
    }

    fn whole(&self, sku: &Sku) -> Option<Item> {
        let item = self.items.get(sku)?.clone();
        let parts: Vec<_> =
            (1..item.parts).map(|part| self.parts.get(&(sku.clone(), part)).cloned().unwrap_or_default()).collect();
        Some(if parts.is_empty() { item } else { item.with_parts(parts) })
    }
}

#[async_trait]
impl Log for Memory {
    async fn load(&self, stream: &str, from: u64) -> Result<Vec<Commit>, StoreError> {
        let mut state = self.state();
        let commits: Vec<Commit> =
            state.log.get(stream).into_iter().flatten().filter(|commit| commit.seq >= from).cloned().collect();
        state.usage.log_reads += 1;
        state.usage.half_read_units += 2 * units(json_bytes(&commits), 4096);
        Ok(commits)
    }

    async fn append_with(&self, commit: &Commit, other: Option<&Commit>) -> Result<(), AppendError> {
        let mut state = self.state();
        let commits = || std::iter::once(commit).chain(other);
        commits().for_each(|commit| state.count_append(commit));
        if state.is_taken(commit) {
            return Err(AppendError::SeqTaken(commit.seq));
        }
        if let Some(taken) = other.filter(|other| state.is_taken(other)) {
            return Err(AppendError::OtherTaken(taken.seq));
        }
        let mut records: BTreeMap<_, Vec<&StockMove>> = BTreeMap::new();
        for stock in commits().flat_map(|commit| &commit.moves) {
            records.entry((&stock.sku, stock.part, &stock.location)).or_default().push(stock);
        }
        if !records.values().all(|moves| state.covers(moves)) {
            return Err(AppendError::StockShort);
        }
        commits().for_each(|commit| state.keep(commit));
        Ok(())
    }

    async fn due(&self, bucket: &str) -> Result<Vec<(String, u64)>, StoreError> {
        let mut state = self.state();
        let all = state.log.values().flatten();
        let due: Vec<_> = all.filter(|c| c.due.as_deref() == Some(bucket)).map(|c| (c.stream.clone(), c.seq)).collect();
        state.read(&due, 1);
        Ok(due)
    }

    async fn last_seq(&self, stream: &str) -> Result<u64, StoreError> {
        let mut state = self.state();
        state.usage.log_reads += 1;
        state.usage.half_read_units += 2;
        Ok(state.log.get(stream).and_then(|commits| commits.last()).map_or(0, |last| last.seq))
    }
}

#[async_trait]
impl People for Memory {
    async fn keep(&self, stream: &str, recipient: &Recipient) -> Result<String, StoreError> {
        let mut state = self.state();
        let hash = recipient.hash();
        state.write(recipient);
        state.people.insert((stream.to_owned(), hash.clone()), recipient.clone());
        Ok(hash)
    }

    async fn find(&self, stream: &str, hash: &str) -> Result<Option<Recipient>, StoreError> {
        let mut state = self.state();
        let found = state.people.get(&(stream.to_owned(), hash.to_owned())).cloned();
        state.read(&found, 2);
        Ok(found)
    }

    async fn keep_delivery(&self, id: &str, message: &str) -> Result<(), StoreError> {
        let mut state = self.state();
        state.write(&message);
        state.deliveries.insert(id.to_owned(), message.to_owned());
        Ok(())
    }

    async fn find_delivery(&self, id: &str) -> Result<Option<String>, StoreError> {
        let mut state = self.state();
        let found = state.deliveries.get(id).cloned();
        state.read(&found, 2);
        Ok(found)
    }

    async fn keep_exchange(&self, stream: &str, task: &str, exchange: &str) -> Result<(), StoreError> {
        let mut state = self.state();
        state.write(&exchange);
        state.exchanges.insert((stream.to_owned(), task.to_owned()), exchange.to_owned());
        Ok(())
    }

    async fn find_exchange(&self, stream: &str, task: &str) -> Result<Option<String>, StoreError> {
        let mut state = self.state();
        let found = state.exchanges.get(&(stream.to_owned(), task.to_owned())).cloned();
        state.read(&found, 2);
        Ok(found)
    }
}

#[async_trait]
impl Archive for Memory {
    async fn archive(&self, delivery: &Archived, _until: Timestamp) -> Result<(), StoreError> {
        let mut state = self.state();
        state.usage.other_writes += 1;
        // The index holds its key.
        state.usage.write_units += units(packed(&delivery.message).len() as u64 + ROW_BYTES, 1024) + 1;
        state.archive.insert((delivery.stream.clone(), delivery.key()), delivery.clone());
        Ok(())
    }

    async fn archived_of(&self, stream: &str, page: &Page) -> Result<(Vec<Archived>, Option<String>), StoreError> {
        let mut state = self.state();
        let found: Vec<Archived> = state.archive.values().filter(|kept| kept.stream == stream).cloned().collect();
        state.usage.other_reads += 1;
        Ok(archived_page(found, page))
    }

    async fn archived_in(
        &self,
        of: (&str, Timestamp),
        page: &Page,
    ) -> Result<(Vec<Archived>, Option<String>), StoreError> {
        let mut state = self.state();
        let part = arrived_in(of.0, of.1);
        let found: Vec<Archived> = state.archive.values().filter(|kept| kept.arrived() == part).cloned().collect();
        state.usage.other_reads += 1;
        Ok(archived_page(found, page))
    }
}

/// What a row has beside its payload: keys, names, times.
const ROW_BYTES: u64 = 250;

fn archived_page(mut found: Vec<Archived>, page: &Page) -> (Vec<Archived>, Option<String>) {
    found.sort_by_key(Archived::key);
    found.retain(|kept| page.after.as_ref().is_none_or(|after| kept.key() > *after));
    let limit = usize::try_from(page.limit.max(1)).unwrap_or(1);
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(Archived::key);
    (found, next)
}

#[async_trait]
impl Items for Memory {
    async fn items(&self, skus: &[Sku]) -> Result<BTreeMap<Sku, Item>, StoreError> {
        let mut state = self.state();
        let found: BTreeMap<Sku, Item> = skus.iter().filter_map(|sku| Some((sku.clone(), state.whole(sku)?))).collect();
        state.usage.other_reads += 1;
        state.usage.half_read_units += 2 * found.values().map(|item| units(json_bytes(item), 4096)).sum::<u64>();
        Ok(found)
    }

    async fn ledger(&self, sku: &Sku, location: &LocationId, page: &LedgerPage) -> Result<LedgerRows, StoreError> {
        let mut state = self.state();
        let account = account(sku, location);
        let since = page.since.map(entry_at).unwrap_or_default();
        let asked = |row: &&LedgerRow| {
            let older = page.before.as_ref().is_none_or(|before| row.entry <= *before);
            row.account == account && row.entry >= since && older
        };
        let rows: Vec<LedgerRow> = state.ledger.values().rev().filter(asked).cloned().collect();
        state.read(&rows, 2);
        Ok(page_of(rows, page, false))
    }

    async fn keep_item(&self, item: &Item) -> Result<bool, StoreError> {
        let mut state = self.state();
        state.write(item);
        if state.items.get(&item.sku).map_or(0, |known| known.revision) != item.revision {
            return Ok(false);
        }
        let known = state.items.entry(item.sku.clone()).or_insert_with(|| Item::new(item.sku.clone()));
        known.prices.clone_from(&item.prices);
        known.identities.clone_from(&item.identities);
        known.safety.clone_from(&item.safety);
        known.components.clone_from(&item.components);
        known.inactive = item.inactive;
        known.told.clone_from(&item.told);
        known.revision += 1;
        Ok(true)
    }

    async fn kits_of(&self, skus: &[Sku]) -> Result<BTreeSet<Sku>, StoreError> {
        let mut state = self.state();
        let is_made_of = |item: &&Item| skus.iter().any(|sku| item.components.contains_key(sku));
        let kits = state.items.values().filter(is_made_of).map(|item| item.sku.clone()).collect();
        state.read(&kits, 1);
        Ok(kits)
    }

    async fn open_parts(&self, item: &Item, parts: u16) -> Result<(), StoreError> {
        let mut state = self.state();
        for part in 1..parts {
            let stock = state.parts.entry((item.sku.clone(), part)).or_default();
            for location in item.stock.keys() {
                stock.entry(location.clone()).or_default();
            }
        }
        if let Some(known) = state.items.get_mut(&item.sku) {
            known.parts = known.parts.max(parts);
        }
        state.write(&0);
        Ok(())
    }

    async fn note_shown(
        &self,
        at: (&Sku, &LocationId),
        channel: &ConnectionId,
        shown: Shown,
    ) -> Result<(), StoreError> {
        let mut state = self.state();
        state.write(&0);
        let stock = state.items.get_mut(at.0).and_then(|item| item.stock.get_mut(at.1)).ok_or_else(|| StoreError {
            operation: "note_shown",
            reason: format!("{} is not stocked at {}", at.0, at.1),
        })?;
        stock.shown.insert(channel.clone(), shown);
        Ok(())
    }

    async fn open_location(&self, sku: &Sku, location: &LocationId) -> Result<(), StoreError> {
        let mut state = self.state();
        let Some(item) = state.items.get_mut(sku) else {
            return Err(StoreError { operation: "open_location", reason: format!("{sku} is not in the catalogue") });
        };
        item.stock.entry(location.clone()).or_default();
        state.write(&0);
        Ok(())
    }
}

#[async_trait]
impl Connections for Memory {
    async fn connection(&self, connection: &ConnectionId) -> Result<Option<ConnectionRecord>, StoreError> {
        let mut state = self.state();
        let found = state.connections.get(connection).cloned();
        state.read(&found, 1);
        Ok(found)
    }

    async fn connections(&self) -> Result<Vec<ConnectionRecord>, StoreError> {
        let mut state = self.state();
        let all: Vec<_> = state.connections.values().cloned().collect();
        state.read(&all, 1);
        Ok(all)
    }

    async fn pause(&self, connection: &ConnectionId, pause: &Pause) -> Result<(), StoreError> {
        let mut state = self.state();
        state.write(&0);
        if let Some(record) = state.connections.get_mut(connection)
            && record.paused_until.is_none_or(|until| until < pause.until)
        {
            let still_paused = record.paused_until.is_some_and(|until| until >= pause.now);
            if !still_paused {
                record.paused_since = Some(pause.now);
            }
            record.paused_until = Some(pause.until);
            record.paused_reason = Some(pause.reason.clone());
        }
        Ok(())
    }

    async fn resume(&self, connection: &ConnectionId) -> Result<(), StoreError> {
        let mut state = self.state();
        state.write(&0);
        if let Some(record) = state.connections.get_mut(connection) {
            (record.paused_until, record.paused_since, record.paused_reason) = (None, None, None);
        }
        Ok(())
    }
}

#[async_trait]
impl Markers for Memory {
    async fn mark(&self, id: &str, value: &str, _expires_at: Timestamp) -> Result<Option<String>, StoreError> {
        let mut state = self.state();
        state.write(&value);
        if let Some(known) = state.markers.get(id) {
            return Ok(Some(known.clone()));
        }
        state.markers.insert(id.to_owned(), value.to_owned());
        Ok(None)
    }

    async fn marker(&self, id: &str) -> Result<Option<String>, StoreError> {
        let mut state = self.state();
        let found = state.markers.get(id).cloned();
        state.read(&found, 2);
        Ok(found)
    }

    async fn set_marker(&self, id: &str, value: &str) -> Result<(), StoreError> {
        let mut state = self.state();
        state.write(&value);
        state.markers.insert(id.to_owned(), value.to_owned());
        Ok(())
    }

    async fn count(&self, id: &str, counts: &Tally, _expires_at: Timestamp) -> Result<(), StoreError> {
        let mut state = self.state();
        state.write(counts);
        let known = state.tallies.entry(id.to_owned()).or_default();
        for (name, count) in counts {
            *known.entry(name.clone()).or_default() += count;
        }
        Ok(())
    }

    async fn counted(&self, ids: &[String]) -> Result<BTreeMap<String, Tally>, StoreError> {
        let mut state = self.state();
        let known = ids.iter().filter_map(|id| Some((id.clone(), state.tallies.get(id)?.clone())));
        let found: BTreeMap<String, Tally> = known.collect();
        state.read(&found, 1);
        Ok(found)
    }
}

#[async_trait]
impl Views for Memory {
    async fn show(&self, view: &OrderView) -> Result<Showing, StoreError> {
        let mut state = self.state();
        // Two indexes hold every row: three writes of its size.
        state.write(view);
        state.usage.write_units += 2 * units(json_bytes(view), 1024);
        let known = state.views.get(&view.order_id);
        if known.is_some_and(|known| known.seq >= view.seq) {
            return Ok(Showing::Known);
        }
        // Those that hold names only are written when a name comes or goes.
        let keys =
            |row: Option<&OrderView>| row.map(|row| (row.in_flight.clone(), row.named.clone())).unwrap_or_default();
        let ((flew, was), (flies, is)) = (keys(known), keys(Some(view)));
        state.usage.write_units += u64::from(flew != flies) + u64::from(was != is);
        let before = state.views.insert(view.order_id.clone(), view.clone());
        Ok(Showing::Written(before.map(Box::new)))
    }

    async fn seen(&self, order_id: &str) -> Result<Option<OrderView>, StoreError> {
        let mut state = self.state();
        let found = state.views.get(order_id).cloned();
        state.read(&found, 2);
        Ok(found)
    }

    async fn list(&self, query: &ViewQuery, page: &Page) -> Result<(Vec<OrderView>, Option<String>), StoreError> {
        let mut state = self.state();
        let (_, _, value, sort) = query.index();
        let belongs = |row: &&OrderView| match query {
            ViewQuery::Connection(_) => row.connection == value,
            ViewQuery::Status(..) => row.connection_status == value,
            ViewQuery::Attention(_) => row.attention.as_ref() == Some(&value),
            ViewQuery::Waiting(_) => row.waits_on.as_ref() == Some(&value),
            ViewQuery::InFlight(_) => row.in_flight.as_ref() == Some(&value),
            ViewQuery::Named(..) => row.named.as_ref() == Some(&value),
        };
        let mut rows: Vec<OrderView> = state.views.values().filter(belongs).cloned().collect();
        rows.sort_by(|a, b| a.sort_key(sort).cmp(b.sort_key(sort)));
        if query.newest_first() {
            rows.reverse();
        }
        let passed = |row: &OrderView| match (&page.after, query.newest_first()) {
            (None, _) => true,
            (Some(after), true) => row.sort_key(sort) < after.as_str(),
            (Some(after), false) => row.sort_key(sort) > after.as_str(),
        };
        rows.retain(passed);
        let limit = usize::try_from(page.limit).unwrap_or(1).max(1);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|row| row.sort_key(sort).to_owned());
        state.read(&rows, 1);
        Ok((rows, next))
    }
}
