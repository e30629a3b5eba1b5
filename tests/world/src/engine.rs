//! The engine: moves what was said to whoever listens, calmly, doubled or shuffled, until nothing moves any more.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use aws_lambda_events::dynamodb::{Event as StreamEvent, EventRecord};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use crossdock_domain::hold::is_hold;
use crossdock_domain::ids::{ConnectionId, LocationId};
use crossdock_domain::inventory::StockDocument;
use crossdock_domain::item::{Item, Stock};
use crossdock_domain::overview::Overview;
use crossdock_domain::{Commit, Order, OrderId, Sku};
use crossdock_log::{ConnectionRecord, Memory, Usage};
use crossdock_runner::Calls;
use crossdock_sandboxes::netsuite::Certificate;
use crossdock_sandboxes::shipbob::{ShipBob, ShipBobConfig};
use crossdock_sandboxes::shopify::{Shopify, ShopifyConfig};
use crossdock_sandboxes::{Delivery, Identity, IdentityConfig, NetSuite, NetSuiteConfig, SigningKey};
use crossdock_step::{Clock, Failure, Secret};
use jiff::{SignedDuration, Timestamp};
use reconcile::Report;
use serde_json::{Value, json};

use crate::clock::WorldClock;
use crate::functions::{Functions, Parts};
use crate::ports::{CrashPlan, Store, Traffic, WorldHttp, WorldSecrets, locked};
use crate::template::{Target, Template};

/// How a story is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Everything once and in order.
    Calm,
    /// Everything delivered twice.
    Doubled,
    /// Everything once, in an order drawn from this seed.
    Shuffled(u64),
    /// In an order drawn from this seed, and every fifth thing twice.
    Stormy(u64),
}

impl Style {
    const fn seed(self) -> Option<u64> {
        match self {
            Self::Shuffled(seed) | Self::Stormy(seed) => Some(seed),
            Self::Calm | Self::Doubled => None,
        }
    }
}

/// What a world starts from.
#[derive(Clone)]
pub struct WorldOptions {
    /// How stories are told.
    pub style: Style,
    /// The shop.
    pub shopify: ShopifyConfig,
    /// The 3PL.
    pub shipbob: ShipBobConfig,
    /// The ERP.
    pub netsuite: NetSuiteConfig,
}

impl Default for WorldOptions {
    fn default() -> Self {
        Self {
            style: Style::Calm,
            shopify: ShopifyConfig::default(),
            shipbob: ShipBobConfig::default(),
            netsuite: NetSuiteConfig { base_url: Some("https://netsuite.sandbox".into()), ..NetSuiteConfig::default() },
        }
    }
}

struct QueueMessage {
    id: String,
    body: String,
    receives: u32,
    visible_at: Timestamp,
}

/// The world.
pub struct World {
    /// The store.
    pub store: Arc<Memory>,
    /// The shop.
    pub shopify: Shopify,
    /// The 3PL.
    pub shipbob: ShipBob,
    /// The ERP.
    pub netsuite: NetSuite,
    /// Who gives out tokens.
    pub identity: Identity,
    /// The time.
    pub clock: WorldClock,
    /// Where functions die.
    pub plan: Arc<CrashPlan>,
    pub(crate) functions: Arc<Functions>,
    template: &'static Template,
    traffic: Arc<Traffic>,
    style: Style,
    random: fastrand::Rng,
    stream: VecDeque<Commit>,
    direct: VecDeque<(String, Value)>,
    queues: BTreeMap<String, Vec<QueueMessage>>,
    webhooks: VecDeque<(&'static str, Delivery)>,
    messages: u64,
    opening: BTreeMap<(Sku, LocationId), i64>,
    folded: BTreeMap<String, Order>,
    documents: BTreeMap<String, StockDocument>,
    dues: BTreeMap<String, Option<Timestamp>>,
    /// Every line of what happened, for a story's reader.
    pub transcript: Vec<String>,
}

/// Where the world's time begins: a Monday morning, far from any change of clocks or of year.
const BEGINNING: &str = "2026-11-23T09:00:00Z";

const CLIENT: (&str, &str) = ("crossdock-client", "crossdock-certificate");

/// Orders that are due later than this from now are left alone by [`World::settle`]: a warehouse takes its hours.
const HORIZON: SignedDuration = SignedDuration::from_mins(45);

/// No story needs so many moves; one that does is a loop.
const MOST_MOVES: usize = 20_000;

enum Work {
    Stream(usize),
    Direct(usize),
    Queue(String),
    Webhook(usize),
}

impl World {
    /// A world in which nothing has happened yet, seeded as the local stack is.
    ///
    /// # Panics
    /// The repository's own seed or template cannot be read.
    #[must_use]
    pub fn new(options: WorldOptions) -> Self {
        let clock = WorldClock::at(BEGINNING.parse().unwrap_or(Timestamp::UNIX_EPOCH));
        let (store, plan, traffic) =
            (Arc::new(Memory::default()), Arc::<CrashPlan>::default(), Arc::<Traffic>::default());
        seed(&store);
        let now = clock.clone();
        let sandbox_clock: crossdock_sandboxes::Clock = Arc::new(move || now.now());
        let key = key_pair();
        let netsuite = NetSuite::new(certified(options.netsuite, key), sandbox_clock.clone());
        let shopify = Shopify::new(options.shopify.clone(), sandbox_clock.clone());
        let shipbob = ShipBob::new(options.shipbob.clone(), sandbox_clock.clone());
        let identity = Identity::new(IdentityConfig::default(), sandbox_clock);
        let secrets = secrets(&options.shopify, &options.shipbob, key);
        let hosts = [
            ("shopify-uk.sandbox".to_owned(), shopify.router()),
            ("shipbob.sandbox".to_owned(), shipbob.router()),
            ("netsuite.sandbox".to_owned(), netsuite.router()),
            ("identity.sandbox".to_owned(), identity.router()),
        ];
        let http = WorldHttp { hosts: hosts.into(), plan: plan.clone() };
        let now = clock.clone();
        let parts = Parts {
            store: Store { memory: store.clone(), plan: plan.clone() },
            clock: Clock::new(move || now.now()),
            calls: Calls::new(Arc::new(http), Arc::new(secrets)),
            traffic: traffic.clone(),
            plan: plan.clone(),
            fulfillment: connection("shipbob"),
            erp: connection("netsuite"),
            storefront: connection("shopify-uk"),
        };
        let opening = store.all_items().values().flat_map(opening_of).collect();
        let seed = options.style.seed().unwrap_or_default();
        // Backoff has jitter: the same seed has to tell the same story.
        fastrand::seed(seed);
        Self {
            functions: Arc::new(parts.build()),
            template: template(),
            random: fastrand::Rng::with_seed(seed),
            style: options.style,
            stream: VecDeque::new(),
            direct: VecDeque::new(),
            queues: BTreeMap::new(),
            webhooks: VecDeque::new(),
            messages: 0,
            opening,
            folded: BTreeMap::new(),
            documents: BTreeMap::new(),
            dues: BTreeMap::new(),
            transcript: Vec::new(),
            store,
            shopify,
            shipbob,
            netsuite,
            identity,
            clock,
            plan,
            traffic,
        }
    }

    /// What the store was asked so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.store.usage()
    }

    /// Messages sent by functions and rules, and events put on the bus, so far.
    #[must_use]
    pub fn traffic(&self) -> (u64, u64) {
        (self.traffic.messages.load(Ordering::SeqCst), self.traffic.entries.load(Ordering::SeqCst))
    }

    /// Begins with so many units of a SKU at a location, and none anywhere else.
    ///
    /// # Panics
    /// The catalogue does not know the SKU, or there is no such location.
    pub fn begin_with(&mut self, sku: &str, stock: &[(&str, i64)]) {
        let items = self.store.all_items();
        let Some(mut item) = items.into_values().find(|item| item.sku.as_str() == sku) else { panic!("no {sku}") };
        let units = |location: &LocationId| {
            let said = stock.iter().find(|(name, _)| *name == location.as_str());
            said.map_or(0, |(_, units)| *units)
        };
        for (location, at) in &mut item.stock {
            *at = Stock::of(units(location));
        }
        assert!(stock.iter().all(|(name, _)| item.stock.keys().any(|l| l.as_str() == *name)), "no such location");
        self.opening.extend(opening_of(&item));
        self.store.put_item(item);
    }

    /// Units on hand at the beginning.
    #[must_use]
    pub const fn opening(&self) -> &BTreeMap<(Sku, LocationId), i64> {
        &self.opening
    }

    /// What the template wires.
    #[must_use]
    pub const fn template(&self) -> &'static Template {
        self.template
    }

    /// An order as its facts tell it.
    ///
    /// # Panics
    /// The id cannot be read.
    #[must_use]
    pub fn order(&self, order_id: &str) -> Order {
        let Ok(id) = order_id.parse::<OrderId>() else { panic!("{order_id} is no order id") };
        let commits = self.store.streams().remove(&id.stream()).unwrap_or_default();
        Order::fold(id, &commits)
    }

    /// Every order.
    #[must_use]
    pub fn orders(&self) -> Vec<Order> {
        let streams = self.store.streams();
        let ids = streams.iter().filter_map(|(stream, commits)| Some((OrderId::from_stream(stream).ok()?, commits)));
        ids.map(|(id, commits)| Order::fold(id, commits)).collect()
    }

    /// Runs a function until it answers or dies.
    pub(crate) async fn survive<T>(&mut self, invocation: impl Future<Output = T>) -> Option<T> {
        let plan = self.plan.clone();
        tokio::select! {
            biased;
            () = plan.death() => {
                self.transcript.push(format!("the function died at effect {}", plan.effects()));
                None
            }
            answer = invocation => Some(answer),
        }
    }

    /// Lets everything happen that can happen without the warehouse or a person: messages, retries after their
    /// backoff, and deadlines that are near.
    ///
    /// # Panics
    /// The world goes on for ever.
    pub async fn settle(&mut self) {
        for _ in 0..MOST_MOVES {
            self.gather();
            if let Some(work) = self.choose() {
                self.perform(work).await;
            } else if !self.let_time_pass((Timestamp::MAX, self.clock.now() + HORIZON)).await {
                return;
            }
        }
        panic!("the world does not settle:\n{}", self.transcript.join("\n"));
    }

    /// Lets so much time pass, and everything happen that happens meanwhile.
    ///
    /// # Panics
    /// The world goes on for ever.
    pub async fn wait(&mut self, time: SignedDuration) {
        let until = self.clock.now() + time;
        for _ in 0..MOST_MOVES {
            self.gather();
            if let Some(work) = self.choose() {
                self.perform(work).await;
            } else if !self.let_time_pass((until, until)).await {
                self.clock.reach(until);
                return;
            }
        }
        panic!("the world does not settle:\n{}", self.transcript.join("\n"));
    }

    /// Loses what the log's stream has not handed over yet, as a stream does after 24 hours; gives back how many
    /// commits that were.
    pub fn lose_stream(&mut self) -> usize {
        let lost = self.stream.len() + self.take_stream().len();
        self.stream.clear();
        lost
    }

    /// Takes part of what can happen now, in the calm order: so many moves.
    pub async fn moves(&mut self, most: usize) {
        for _ in 0..most {
            self.gather();
            let Some(work) = self.choose() else { return };
            self.perform(work).await;
        }
    }

    /// Bodies of the messages that wait on a queue, by its logical name.
    #[must_use]
    pub fn waiting_on(&self, queue: &str) -> Vec<String> {
        self.queues.get(queue).into_iter().flatten().map(|message| message.body.clone()).collect()
    }

    /// Puts a message on a queue, as if somebody had sent it.
    pub fn send(&mut self, queue: &str, body: &str) {
        self.enqueue(queue, body, (SignedDuration::ZERO, 1));
    }

    /// Calls watch-deadlines, as the schedule does.
    pub async fn watch(&mut self) {
        let functions = self.functions.clone();
        let deadline = self.clock.now() + SignedDuration::from_secs(60);
        if let Some(Err(failure)) = self.survive(functions.watch_deadlines.handle(deadline)).await {
            self.transcript.push(format!("watch-deadlines: {failure}"));
        }
        self.gather();
    }

    /// Takes note of how everything stands, as watch-deadlines does after its walk.
    pub async fn survey(&mut self) -> Option<Overview> {
        let functions = self.functions.clone();
        let deadline = self.clock.now() + SignedDuration::from_secs(60);
        self.survive(functions.watch_deadlines.survey(deadline)).await?.ok()
    }

    /// Calls reconcile, as the schedule does; what it found, unless it died or failed.
    pub async fn reconcile(&mut self) -> Option<Report> {
        let functions = self.functions.clone();
        let deadline = self.clock.now() + SignedDuration::from_secs(300);
        let outcome = self.survive(functions.reconcile.handle(json!({}), deadline)).await;
        self.reported("reconcile", outcome)
    }

    /// Calls poll-source, as the schedule does; what it found, unless it died or failed.
    pub async fn poll(&mut self) -> Option<poll_source::Report> {
        let functions = self.functions.clone();
        let deadline = self.clock.now() + SignedDuration::from_secs(240);
        let outcome = self.survive(functions.poll_source.handle(deadline)).await;
        self.reported("poll-source", outcome)
    }

    /// Calls sync-catalogue, as the schedule does, or with what is asked of it; what it did, unless it died or failed.
    pub async fn sync_catalogue(&mut self, event: &Value) -> Option<sync_catalogue::Report> {
        let functions = self.functions.clone();
        let deadline = self.clock.now() + SignedDuration::from_secs(300);
        let outcome = self.survive(functions.sync_catalogue.handle(event, deadline)).await;
        self.reported("sync-catalogue", outcome)
    }

    /// What a run tells that was called by itself; nothing where it died or failed.
    fn reported<T>(&mut self, function: &str, outcome: Option<Result<T, Failure>>) -> Option<T> {
        self.gather();
        outcome?.inspect_err(|failure| self.transcript.push(format!("{function}: {failure}"))).ok()
    }

    /// To the next moment at which something is due; false when that is later.
    async fn let_time_pass(&mut self, (messages_until, deadlines_until): (Timestamp, Timestamp)) -> bool {
        let hidden = self.queues.values().flatten().map(|message| message.visible_at);
        // A hold is seen to once, when its time is over.
        let is_open = |(stream, document): &(&String, &StockDocument)| {
            if is_hold(stream) { document.seq == 1 } else { !document.is_done() && document.parked.is_none() }
        };
        let open = self.documents.iter().filter(is_open);
        let documents = open.filter_map(|(stream, _)| *self.dues.get(stream)?);
        let orders = self.folded.values().filter_map(Order::next_due).map(|due| due + SignedDuration::from_secs(61));
        let due = orders.chain(documents).min();
        let near = due.filter(|due| *due < deadlines_until);
        match (hidden.min().filter(|visible| *visible < messages_until), near) {
            (Some(visible), due) if due.is_none_or(|due| visible <= due) => {
                self.clock.reach(visible);
                true
            }
            (_, Some(due)) => {
                // What is due already was looked at just now: the schedule comes again in a minute.
                self.clock.reach(due.max(self.clock.now() + SignedDuration::from_secs(60)));
                self.watch().await;
                true
            }
            (_, None) => false,
        }
    }

    /// Collects what was said since the last move.
    fn gather(&mut self) {
        for commit in self.take_stream() {
            let copies = self.copies();
            self.stream.extend(std::iter::repeat_n(commit, copies));
        }
        let put = std::mem::take(&mut *locked(&self.traffic.put));
        for entry in put {
            let event = json!({ "source": entry.source, "detail-type": entry.detail_type, "detail": entry.detail });
            self.route(&event);
        }
        let sent = std::mem::take(&mut *locked(&self.traffic.sent));
        for (queue, body, delay) in sent {
            // What a step puts back on its own queue is doubled when it is delivered: twice would be without end.
            let copies = if queue == "InboundQueue" { self.copies() } else { 1 };
            self.enqueue(&queue, &body, (delay, copies));
        }
        let shop = self.shopify.take_deliveries().into_iter().map(|delivery| ("shopify-uk", delivery));
        let warehouse = self.shipbob.take_deliveries().into_iter().map(|delivery| ("shipbob", delivery));
        for delivery in shop.chain(warehouse).collect::<Vec<_>>() {
            let copies = self.copies();
            self.webhooks.extend(std::iter::repeat_n(delivery, copies));
        }
    }

    /// Commits since the last look, folded into what the world knows of its orders.
    fn take_stream(&mut self) -> Vec<Commit> {
        let commits = self.store.take_stream();
        for commit in &commits {
            let Ok(id) = OrderId::from_stream(&commit.stream) else {
                let document = self.documents.entry(commit.stream.clone()).or_default();
                document.apply(commit);
                self.dues.insert(commit.stream.clone(), due_at(commit));
                continue;
            };
            self.folded.entry(commit.stream.clone()).or_insert_with(|| Order::new(id)).apply(commit);
        }
        commits
    }

    /// How often the next thing is delivered.
    fn copies(&mut self) -> usize {
        match self.style {
            Style::Calm | Style::Shuffled(_) => 1,
            Style::Doubled => 2,
            Style::Stormy(_) => 1 + usize::from(self.random.u8(..5) == 0),
        }
    }

    fn route(&mut self, event: &Value) {
        let targets: Vec<Target> = self
            .template
            .rules
            .iter()
            .filter(|rule| rule.matches(event))
            .flat_map(|rule| rule.targets.clone())
            .collect();
        for target in targets {
            let copies = self.copies();
            match target {
                Target::Queue(queue) => {
                    self.traffic.messages.fetch_add(1, Ordering::SeqCst);
                    self.enqueue(&queue, &event.to_string(), (SignedDuration::ZERO, copies));
                }
                Target::Function(name) => self.direct.extend(std::iter::repeat_n((name, event.clone()), copies)),
            }
        }
    }

    fn enqueue(&mut self, queue: &str, body: &str, (delay, copies): (SignedDuration, usize)) {
        let visible_at = self.clock.now() + delay;
        for _ in 0..copies {
            self.messages += 1;
            let message =
                QueueMessage { id: format!("m{}", self.messages), body: body.to_owned(), receives: 0, visible_at };
            self.queues.entry(queue.to_owned()).or_default().push(message);
        }
    }

    /// What happens next: in order, or drawn.
    fn choose(&mut self) -> Option<Work> {
        let now = self.clock.now();
        let ready = self.queues.iter().filter(|(_, messages)| messages.iter().any(|m| m.visible_at <= now));
        let mut possible: Vec<Work> = Vec::new();
        possible.extend((0..self.stream.len()).map(Work::Stream));
        possible.extend((0..self.webhooks.len()).map(Work::Webhook));
        possible.extend((0..self.direct.len()).map(Work::Direct));
        possible.extend(ready.map(|(name, _)| Work::Queue(name.clone())));
        if possible.is_empty() {
            return None;
        }
        let chosen = if self.style.seed().is_some() { self.random.usize(..possible.len()) } else { 0 };
        Some(possible.swap_remove(chosen))
    }

    async fn perform(&mut self, work: Work) {
        match work {
            Work::Stream(index) => self.publish(index).await,
            Work::Direct(index) => self.invoke(index).await,
            Work::Queue(name) => self.receive(&name).await,
            Work::Webhook(index) => self.webhook(index).await,
        }
    }

    /// Publishes one commit. A stream keeps the order of one item's records.
    async fn publish(&mut self, index: usize) {
        let stream = self.stream.get(index).map(|commit| commit.stream.clone());
        let first = self.stream.iter().position(|commit| Some(&commit.stream) == stream.as_ref());
        let Some(commit) = first.and_then(|first| self.stream.remove(first)) else { return };
        self.transcript.push(said(&commit));
        let functions = self.functions.clone();
        let published = self.survive(functions.publish_events.handle(stream_event(&commit))).await;
        if !matches!(published, Some(Ok(()))) {
            self.stream.push_front(commit);
        }
    }

    /// A rule's direct call: tried once and forgotten when it fails, as the local engine does; the deadline heals it.
    async fn invoke(&mut self, index: usize) {
        let Some((name, event)) = self.direct.remove(index) else { return };
        let functions = self.functions.clone();
        let deadline = self.clock.now() + SignedDuration::from_secs(30);
        let outcome = match name.as_str() {
            "Reconcile" => self.survive(functions.reconcile.handle(event, deadline)).await.map(|done| done.map(|_| ())),
            "AllocateOrder" => self.survive(functions.allocate_order.handle(&event, deadline)).await,
            other => panic!("nobody calls {other} in this world"),
        };
        if let Some(Err(failure)) = outcome {
            self.transcript.push(format!("{name}: {failure}"));
        }
    }

    async fn webhook(&mut self, index: usize) {
        let Some((connection, delivery)) = self.webhooks.remove(index) else { return };
        let reply = self.deliver(connection, &delivery.headers, &delivery.body).await;
        let taken = reply.is_some_and(|reply| reply.status == 200);
        self.transcript.push(format!(
            "{connection} delivers {}: {}",
            delivery.topic,
            if taken { "taken" } else { "not taken" }
        ));
        if !taken {
            self.webhooks.push_back((connection, delivery));
        }
    }

    async fn receive(&mut self, queue: &str) {
        let now = self.clock.now();
        let Some(messages) = self.queues.get_mut(queue) else { return };
        let (ready, later): (Vec<_>, Vec<_>) = messages.drain(..).partition(|message| message.visible_at <= now);
        *messages = later;
        let mut batch = ready;
        if self.style.seed().is_some() {
            self.random.shuffle(&mut batch);
        }
        let most = self.template.batches.get(queue).copied().unwrap_or(10).min(batch.len());
        for rest in batch.split_off(most) {
            self.queues.entry(queue.to_owned()).or_default().push(rest);
        }
        for message in &mut batch {
            message.receives += 1;
        }
        let event = sqs_event(queue, &batch);
        let deadline = now + SignedDuration::from_secs(30);
        let functions = self.functions.clone();
        let reader = self.template.readers.get(queue).cloned().unwrap_or_default();
        let response = self.survive(run_reader(&functions, &reader, event, deadline)).await;
        self.finish(queue, batch, response.as_ref());
    }

    /// Lets go of what is done; what failed comes back when it was told to, or after the queue's own time-out, or
    /// goes to the dead letters.
    fn finish(&mut self, queue: &str, batch: Vec<QueueMessage>, response: Option<&SqsBatchResponse>) {
        let failed = |id: &str| response.is_none_or(|r| r.batch_item_failures.iter().any(|f| f.item_identifier == id));
        let time_out = self.template.visibility.get(queue).copied().unwrap_or(30);
        let hidden = std::mem::take(&mut *locked(&self.traffic.hidden));
        let now = self.clock.now();
        for mut message in batch.into_iter().filter(|message| failed(&message.id)) {
            let hide = hidden.get(&message.id).copied().filter(|_| response.is_some());
            message.visible_at = now + hide.unwrap_or_else(|| SignedDuration::from_secs(time_out));
            let dead = self.template.dead_letters.get(queue).filter(|(_, most)| message.receives >= *most).cloned();
            let target = dead.map_or_else(|| queue.to_owned(), |(letters, _)| letters);
            if target != queue {
                self.transcript.push(format!("{} goes to {target}", message.id));
                (message.visible_at, message.receives) = (now, 0);
            }
            self.queues.entry(target).or_default().push(message);
        }
    }
}

async fn run_reader(functions: &Functions, reader: &str, event: SqsEvent, deadline: Timestamp) -> SqsBatchResponse {
    match reader {
        "TranslateInbound" => functions.translate_inbound.handle(event, deadline).await,
        "PublishStock" => functions.publish_stock.handle(event).await,
        "CaptureException" => functions.capture_exception.handle(event, deadline).await,
        step => match functions.steps.get(step) {
            Some(function) => function.handle(event, deadline).await,
            None => panic!("the template lets {step} read a queue, and the world has no such function"),
        },
    }
}

fn said(commit: &Commit) -> String {
    let events: Vec<&str> = commit.events.iter().map(crossdock_domain::Event::type_name).collect();
    format!("{} {} {}", commit.stream, commit.seq, events.join(" + "))
}

fn sqs_event(queue: &str, batch: &[QueueMessage]) -> SqsEvent {
    let mut event = SqsEvent::default();
    event.records = batch
        .iter()
        .map(|message| {
            let mut record = SqsMessage::default();
            record.message_id = Some(message.id.clone());
            record.receipt_handle = Some(message.id.clone());
            record.body = Some(message.body.clone());
            record.attributes.insert("ApproximateReceiveCount".into(), message.receives.to_string());
            record.event_source_arn = Some(queue.to_owned());
            record
        })
        .collect();
    event
}

/// A stream record as DynamoDB writes it: the real function parses it.
fn stream_event(commit: &Commit) -> StreamEvent {
    let mut record = EventRecord::default();
    record.event_name = "INSERT".into();
    match serde_dynamo::to_item(commit) {
        Ok(image) => record.change.new_image = image,
        Err(error) => panic!("a commit cannot be written as a row: {error}"),
    }
    let mut event = StreamEvent::default();
    event.records = vec![record];
    event
}

fn certified(mut config: NetSuiteConfig, key: &KeyPair) -> NetSuiteConfig {
    let (client_id, kid, public_key_pem) = (CLIENT.0.to_owned(), CLIENT.1.to_owned(), key.public.clone());
    config.certificates.push(Certificate { kid, client_id, public_key_pem });
    config
}

fn secrets(shopify: &ShopifyConfig, shipbob: &ShipBobConfig, key: &KeyPair) -> WorldSecrets {
    let shop = json!({ "webhook_secrets": [shopify.client_secret], "access_token": shopify.access_token });
    let warehouse = json!({ "webhook_secrets": [shipbob.webhook_secret], "token": shipbob.token });
    let erp = json!({ "client_id": CLIENT.0, "certificate_id": CLIENT.1, "private_key": key.private });
    let all = [("shopify-uk", shop), ("shipbob", warehouse), ("netsuite", erp)];
    WorldSecrets(all.into_iter().map(|(name, secret)| (name.to_owned(), Secret::new(secret))).collect())
}

/// The minute in which a commit's stream is looked at again.
fn due_at(commit: &Commit) -> Option<Timestamp> {
    let minute: i64 = commit.due.as_ref()?.split_once('#')?.0.parse().ok()?;
    Timestamp::from_second(minute * 60).ok()
}

fn connection(name: &str) -> ConnectionId {
    let Ok(connection) = name.parse() else { panic!("{name} is no connection's name") };
    connection
}

fn opening_of(item: &Item) -> Vec<((Sku, LocationId), i64)> {
    item.stock.iter().map(|(location, stock)| ((item.sku.clone(), location.clone()), stock.on_hand)).collect()
}

/// Read once: every story of a run stands on the same template.
fn template() -> &'static Template {
    static TEMPLATE: OnceLock<Template> = OnceLock::new();
    TEMPLATE.get_or_init(Template::read)
}

/// What the ERP's integration signs in with, as PEM.
struct KeyPair {
    private: String,
    public: String,
}

/// Made once per run: nothing that signs is ever checked in.
fn key_pair() -> &'static KeyPair {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    KEY.get_or_init(|| {
        let key = SigningKey::generate();
        match (key.private_pem(), key.public_pem()) {
            (Ok(private), Ok(public)) => KeyPair { private, public },
            (Err(error), _) | (_, Err(error)) => panic!("the key cannot be written: {error}"),
        }
    })
}

/// The same seed as the local stack's, with the sandboxes under host names of the world.
fn seed(store: &Memory) {
    static SEED: OnceLock<(Vec<ConnectionRecord>, Vec<Item>)> = OnceLock::new();
    let (connections, items) = SEED.get_or_init(read_seed);
    connections.iter().for_each(|record| store.put_connection(record.clone()));
    items.iter().for_each(|item| store.put_item(item.clone()));
}

fn read_seed() -> (Vec<ConnectionRecord>, Vec<Item>) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/local/seed.json");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let text = text.replace("${sandbox:", "https://").replace("}\"", ".sandbox\"");
    let Ok(seed) = serde_json::from_str::<Value>(&text) else { panic!("{path} is no JSON") };
    (listed(&seed, "connections"), listed(&seed, "items"))
}

fn listed<T: serde::de::DeserializeOwned>(seed: &Value, name: &str) -> Vec<T> {
    let list = seed.get(name).cloned().unwrap_or_default();
    match serde_json::from_value(list) {
        Ok(list) => list,
        Err(error) => panic!("the seed's {name} cannot be read: {error}"),
    }
}
