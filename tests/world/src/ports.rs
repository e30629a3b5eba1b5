//! The ports of the world, each of which can crash before or after its effect.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use axum::Router;
use bytes::Bytes;
use crossdock_domain::ids::{ConnectionId, LocationId};
use crossdock_domain::item::{Item, Shown};
use crossdock_domain::{Commit, Recipient, Sku};
use crossdock_log::{
    AppendError, Archive, Archived, ConnectionRecord, Connections, Items, LedgerPage, LedgerRows, Log, Markers, Memory,
    OrderView, Page, Pause, People, Showing, StoreError, Tally, ViewQuery, Views,
};
use crossdock_step::outbound::{Http, HttpError};
use crossdock_step::{Bus, BusEntry, Failure, Queue, Secret, Secrets};
use jiff::{SignedDuration, Timestamp};
use tower::ServiceExt as _;

/// On which side of an effect a function dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The effect never happens.
    Before,
    /// The effect happens, and nobody learns of it.
    After,
}

/// Where, if anywhere, a function dies; and how many effects there were.
#[derive(Debug, Default)]
pub struct CrashPlan {
    effects: AtomicU64,
    begun: AtomicU64,
    planned: Mutex<BTreeMap<u64, Phase>>,
    deadly: Mutex<Option<String>>,
    crashed: AtomicBool,
    wake: tokio::sync::Notify,
}

impl CrashPlan {
    /// Plans one more death, at the effect with this number, from 1.
    pub fn at(&self, effect: u64, phase: Phase) {
        locked(&self.planned).insert(effect, phase);
    }

    /// What is told from here on is this story's own: deaths before here are another story's.
    pub fn from_here(&self) {
        self.begun.store(self.effects(), Ordering::SeqCst);
    }

    /// Effects before the story's own part.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }

    /// From now on whoever calls this host dies before its call, until it is `None` again.
    pub fn deadly_host(&self, host: Option<&str>) {
        *locked(&self.deadly) = host.map(str::to_owned);
    }

    async fn meet(&self, host: &str) {
        let deadly = locked(&self.deadly).as_deref() == Some(host);
        if deadly {
            self.die().await;
        }
    }

    /// Effects so far.
    #[must_use]
    pub fn effects(&self) -> u64 {
        self.effects.load(Ordering::SeqCst)
    }

    /// Whether the planned death has come.
    #[must_use]
    pub fn has_crashed(&self) -> bool {
        self.crashed.load(Ordering::SeqCst)
    }

    /// Resolves when the function that is running has to die.
    pub(crate) async fn death(&self) {
        self.wake.notified().await;
    }

    async fn die(&self) -> ! {
        self.crashed.store(true, Ordering::SeqCst);
        self.wake.notify_one();
        std::future::pending().await
    }

    async fn around<T>(&self, effect: impl Future<Output = T>) -> T {
        let number = self.effects.fetch_add(1, Ordering::SeqCst) + 1;
        let planned = locked(&self.planned).remove(&number);
        if planned == Some(Phase::Before) {
            self.die().await;
        }
        let outcome = effect.await;
        if planned == Some(Phase::After) {
            self.die().await;
        }
        outcome
    }
}

/// The store, whose writes can crash.
#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) memory: Arc<Memory>,
    pub(crate) plan: Arc<CrashPlan>,
}

#[async_trait]
impl Log for Store {
    async fn load(&self, stream: &str, from: u64) -> Result<Vec<Commit>, StoreError> {
        self.memory.load(stream, from).await
    }
    async fn append_with(&self, commit: &Commit, other: Option<&Commit>) -> Result<(), AppendError> {
        self.plan.around(self.memory.append_with(commit, other)).await
    }
    async fn due(&self, bucket: &str) -> Result<Vec<(String, u64)>, StoreError> {
        self.memory.due(bucket).await
    }
    async fn last_seq(&self, stream: &str) -> Result<u64, StoreError> {
        self.memory.last_seq(stream).await
    }
}

#[async_trait]
impl People for Store {
    async fn keep(&self, stream: &str, recipient: &Recipient) -> Result<String, StoreError> {
        self.plan.around(self.memory.keep(stream, recipient)).await
    }
    async fn find(&self, stream: &str, hash: &str) -> Result<Option<Recipient>, StoreError> {
        self.memory.find(stream, hash).await
    }
    async fn keep_delivery(&self, id: &str, message: &str) -> Result<(), StoreError> {
        self.plan.around(self.memory.keep_delivery(id, message)).await
    }
    async fn find_delivery(&self, id: &str) -> Result<Option<String>, StoreError> {
        self.memory.find_delivery(id).await
    }
    async fn keep_exchange(&self, stream: &str, task: &str, exchange: &str) -> Result<(), StoreError> {
        self.plan.around(self.memory.keep_exchange(stream, task, exchange)).await
    }
    async fn find_exchange(&self, stream: &str, task: &str) -> Result<Option<String>, StoreError> {
        self.memory.find_exchange(stream, task).await
    }
}

#[async_trait]
impl Archive for Store {
    async fn archive(&self, delivery: &Archived, until: Timestamp) -> Result<(), StoreError> {
        self.plan.around(self.memory.archive(delivery, until)).await
    }
    async fn archived_of(&self, stream: &str, page: &Page) -> Result<(Vec<Archived>, Option<String>), StoreError> {
        self.memory.archived_of(stream, page).await
    }
    async fn archived_in(
        &self,
        of: (&str, Timestamp),
        page: &Page,
    ) -> Result<(Vec<Archived>, Option<String>), StoreError> {
        self.memory.archived_in(of, page).await
    }
}

#[async_trait]
impl Items for Store {
    async fn items(&self, skus: &[Sku]) -> Result<BTreeMap<Sku, Item>, StoreError> {
        self.memory.items(skus).await
    }
    async fn ledger(&self, sku: &Sku, location: &LocationId, page: &LedgerPage) -> Result<LedgerRows, StoreError> {
        self.memory.ledger(sku, location, page).await
    }
    async fn keep_item(&self, item: &Item) -> Result<bool, StoreError> {
        self.plan.around(self.memory.keep_item(item)).await
    }
    async fn kits_of(&self, skus: &[Sku]) -> Result<BTreeSet<Sku>, StoreError> {
        self.memory.kits_of(skus).await
    }
    async fn open_parts(&self, item: &Item, parts: u16) -> Result<(), StoreError> {
        self.plan.around(self.memory.open_parts(item, parts)).await
    }
    async fn note_shown(
        &self,
        at: (&Sku, &LocationId),
        channel: &ConnectionId,
        shown: Shown,
    ) -> Result<(), StoreError> {
        self.plan.around(self.memory.note_shown(at, channel, shown)).await
    }
    async fn open_location(&self, sku: &Sku, location: &LocationId) -> Result<(), StoreError> {
        self.plan.around(self.memory.open_location(sku, location)).await
    }
}

#[async_trait]
impl Connections for Store {
    async fn connection(&self, connection: &ConnectionId) -> Result<Option<ConnectionRecord>, StoreError> {
        self.memory.connection(connection).await
    }
    async fn connections(&self) -> Result<Vec<ConnectionRecord>, StoreError> {
        self.memory.connections().await
    }
    async fn pause(&self, connection: &ConnectionId, pause: &Pause) -> Result<(), StoreError> {
        self.plan.around(self.memory.pause(connection, pause)).await
    }
    async fn resume(&self, connection: &ConnectionId) -> Result<(), StoreError> {
        self.plan.around(self.memory.resume(connection)).await
    }
}

#[async_trait]
impl Markers for Store {
    async fn mark(&self, id: &str, value: &str, expires_at: Timestamp) -> Result<Option<String>, StoreError> {
        self.plan.around(self.memory.mark(id, value, expires_at)).await
    }
    async fn marker(&self, id: &str) -> Result<Option<String>, StoreError> {
        self.memory.marker(id).await
    }
    async fn set_marker(&self, id: &str, value: &str) -> Result<(), StoreError> {
        self.plan.around(self.memory.set_marker(id, value)).await
    }
    async fn count(&self, id: &str, counts: &Tally, expires_at: Timestamp) -> Result<(), StoreError> {
        self.memory.count(id, counts, expires_at).await
    }
    async fn counted(&self, ids: &[String]) -> Result<BTreeMap<String, Tally>, StoreError> {
        self.memory.counted(ids).await
    }
}

#[async_trait]
impl Views for Store {
    async fn show(&self, view: &OrderView) -> Result<Showing, StoreError> {
        self.plan.around(self.memory.show(view)).await
    }
    async fn seen(&self, order_id: &str) -> Result<Option<OrderView>, StoreError> {
        self.memory.seen(order_id).await
    }
    async fn list(&self, query: &ViewQuery, page: &Page) -> Result<(Vec<OrderView>, Option<String>), StoreError> {
        self.memory.list(query, page).await
    }
}

/// What goes over queues and bus, collected for the engine.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) sent: Mutex<Vec<(String, String, SignedDuration)>>,
    pub(crate) hidden: Mutex<BTreeMap<String, SignedDuration>>,
    pub(crate) put: Mutex<Vec<BusEntry>>,
    pub(crate) messages: AtomicU64,
    pub(crate) entries: AtomicU64,
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// SQS delays a message by at most so much.
const LONGEST_DELAY: SignedDuration = SignedDuration::from_mins(15);

/// One queue of the world.
pub(crate) struct WorldQueue {
    pub(crate) name: String,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) plan: Arc<CrashPlan>,
}

#[async_trait]
impl Queue for WorldQueue {
    async fn send(&self, body: String, delay: SignedDuration) -> Result<(), Failure> {
        self.plan
            .around(async {
                self.traffic.messages.fetch_add(1, Ordering::SeqCst);
                locked(&self.traffic.sent).push((self.name.clone(), body, delay.min(LONGEST_DELAY)));
                Ok(())
            })
            .await
    }
    async fn hide(&self, receipt: &str, delay: SignedDuration) -> Result<(), Failure> {
        self.plan
            .around(async {
                locked(&self.traffic.hidden).insert(receipt.to_owned(), delay);
                Ok(())
            })
            .await
    }
}

/// The bus of the world.
pub(crate) struct WorldBus {
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) plan: Arc<CrashPlan>,
}

#[async_trait]
impl Bus for WorldBus {
    async fn put(&self, entries: Vec<BusEntry>) -> Result<(), Failure> {
        self.plan
            .around(async {
                self.traffic.entries.fetch_add(entries.len() as u64, Ordering::SeqCst);
                locked(&self.traffic.put).extend(entries);
                Ok(())
            })
            .await
    }
}

/// The outside: vendors' sandboxes by host name, without sockets.
pub(crate) struct WorldHttp {
    pub(crate) hosts: BTreeMap<String, Router>,
    pub(crate) plan: Arc<CrashPlan>,
}

#[async_trait]
impl Http for WorldHttp {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let Some(router) = self.hosts.get(&host).cloned() else {
            return Err(HttpError::NotSent(format!("there is no host {host}")));
        };
        self.plan.meet(&host).await;
        self.plan.around(answer(router, request)).await
    }
}

async fn answer(router: Router, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
    let (parts, body) = request.into_parts();
    let request = http::Request::from_parts(parts, axum::body::Body::from(body));
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let (parts, body) = response.into_parts();
    if parts.headers.contains_key("x-sandbox-fault") && parts.status.as_u16() == 599 {
        return Err(HttpError::NoAnswer("timed out".into()));
    }
    let body = axum::body::to_bytes(body, usize::MAX).await.map_err(|error| HttpError::NoAnswer(error.to_string()))?;
    Ok(http::Response::from_parts(parts, body))
}

/// The secrets of the world.
pub(crate) struct WorldSecrets(pub(crate) BTreeMap<String, Secret>);

#[async_trait]
impl Secrets for WorldSecrets {
    async fn secret(&self, connection: &str) -> Result<Secret, Failure> {
        self.0.get(connection).cloned().ok_or_else(|| Failure::retry(format!("{connection} has no secret")))
    }
    async fn fresh_secret(&self, connection: &str) -> Result<Secret, Failure> {
        self.secret(connection).await
    }
}
