//! A world of one order: its log, the stock, and all that exists outside. Time passes when somebody says so.

use std::collections::{BTreeMap, BTreeSet};

use crossdock_domain::accept::{Context, storefront_order};
use crossdock_domain::demand::following;
use crossdock_domain::event::{Decision, Disposition, IssuedRefund};
use crossdock_domain::item::{Item, Stock, StockMove};
use crossdock_domain::kit::{kits_among, units_in};
use crossdock_domain::outstanding::TaskId;
use crossdock_domain::reversals::RefundOrigin;
use crossdock_domain::sales::SalesReport;
use crossdock_domain::shipping::ShipmentReport;
use crossdock_domain::{CanonicalOrder, Commit, Event, Minor, Order, Sku, TaskKind, Tender, TenderStatus};
use jiff::Timestamp;

use super::actions::ACTIONS;
use super::books::Books;
use super::effects::{content, depends_on_what_is_left};
use super::generate::SET;
use super::shop::{Shop, captured};
use super::taken_back::Back;
use crate::samples::{at, catalogue, inbound, item, order_id, settings, sku, tender};

/// What exists outside under one of our references.
pub struct Outside {
    /// Everything that was on it.
    pub content: String,
    /// How often it was made.
    pub times: u32,
}

/// An effect that was done and is not committed yet.
pub struct Flight {
    pub task: TaskId,
    pub outcome: Outcome,
}

/// What came of a task; what it means, the order says that it is told to.
pub enum Outcome {
    Happened(Event),
    Stopped { number: u32, told: Vec<(Sku, u32)> },
    Read { report: Box<SalesReport>, changes: u32 },
    Issued { number: u32, issued: IssuedRefund },
}

pub struct World {
    pub order: Order,
    pub commits: Vec<Commit>,
    /// Which fact made which kind of task appear.
    pub observed: BTreeSet<(String, TaskKind)>,
    /// How often each action was taken.
    pub taken: [usize; ACTIONS.len()],
    pub(super) seconds: i64,
    pub(super) stock: BTreeMap<Sku, Item>,
    pub(super) outside: BTreeMap<String, Outside>,
    pub(super) flights: Vec<Flight>,
    /// What the 3PL still has to ship, by our allocation.
    pub(super) picking: BTreeMap<u32, Vec<(Sku, u32)>>,
    pub(super) reports: Vec<ShipmentReport>,
    pub(super) source: CanonicalOrder,
    pub shop: Shop,
    pub books: Books,
    /// What the 3PL has stopped of each of its orders, and which of them we have asked it to stop.
    pub(super) stopped: BTreeMap<u32, Vec<(Sku, u32)>>,
    pub(super) asked_to_stop: BTreeSet<u32>,
    pub(super) stop_reports: Vec<(u32, Vec<(Sku, u32)>)>,
    pub(super) back: Vec<Back>,
    /// Units that have arrived from outside since the beginning.
    pub(super) arrived: BTreeMap<Sku, i64>,
    /// Whether everybody does at once what he is asked.
    pub obliging: bool,
    /// Whether nobody but us has moved money or taken anything off.
    pub is_left_alone: bool,
    /// Whether an order is told with one sum of all that was paid for it at first.
    tells_sums: bool,
    drafts: BTreeMap<TaskId, String>,
}

impl World {
    /// A world in which a storefront has just taken an order; there is not always enough in stock for it.
    pub fn new(order: CanonicalOrder) -> Self {
        let mut stock = catalogue(["TEE", "MUG"].map(|name| item(name, &[("LON1", 1), ("MAN1", 2)])));
        let components = SET.map(|(name, units)| (sku(name), units)).into();
        stock.insert(sku("SET"), Item { components, ..item("SET", &[("LON1", 0), ("MAN1", 0)]) });
        let tells_sums = order.total.get() % 2 == 0;
        let mut world = Self {
            order: Order::new(order_id()),
            commits: Vec::new(),
            observed: BTreeSet::new(),
            taken: [0; ACTIONS.len()],
            seconds: 0,
            stock,
            outside: BTreeMap::new(),
            flights: Vec::new(),
            picking: BTreeMap::new(),
            reports: Vec::new(),
            shop: Shop::new(&order),
            source: order,
            books: Books::default(),
            stopped: BTreeMap::new(),
            asked_to_stop: BTreeSet::new(),
            stop_reports: Vec::new(),
            back: Vec::new(),
            arrived: BTreeMap::new(),
            obliging: false,
            is_left_alone: true,
            tells_sums,
            drafts: BTreeMap::new(),
        };
        world.tell_order();
        world
    }

    /// The order in the storefront's words: some tell what was paid as one sum, under the order's own name.
    fn told(&self) -> CanonicalOrder {
        let mut told = self.source.clone();
        if self.tells_sums {
            let promised = told.tenders.iter().any(|tender| tender.status == TenderStatus::Pending);
            let status = if promised { TenderStatus::Pending } else { TenderStatus::Captured };
            let at = told.tenders.iter().map(|tender| tender.at).max().unwrap_or_else(|| self.now());
            let sum = Tender { status, at, ..tender(&self.order.id.channel.to_string(), told.total.get()) };
            told.tenders = if told.total > Minor::ZERO { vec![sum] } else { Vec::new() };
        }
        told
    }

    /// Money arrives at the storefront; its ledger knows it at once.
    pub(super) fn arrives(&mut self, payment: Tender) {
        self.shop.untold.push(format!("payment:{}", payment.id));
        self.source.tenders.push(payment);
    }

    /// Money that has arrived at the storefront.
    pub fn taken_at_storefront(&self) -> i64 {
        captured(&self.source)
    }

    pub fn documents(&self) -> BTreeSet<String> {
        assert!(self.outside.values().all(|outside| outside.times == 1), "a document was made twice");
        self.outside.keys().cloned().collect()
    }

    pub fn now(&self) -> Timestamp {
        at(self.seconds)
    }

    /// The storefront tells the order as it is now.
    pub fn tell_order(&mut self) {
        let (settings, items) = (settings(), self.stock.clone());
        let context = Context { settings: &settings, items: &items };
        let decision = storefront_order(&self.order, &inbound(self.told()), context);
        self.record(&format!("fact:order:{}", self.seconds), decision);
    }

    /// Appends under a cause, once; what nobody decided is not written.
    pub fn record(&mut self, cause: &str, decision: Decision) -> bool {
        if self.order.causes.contains(cause) || decision.events.is_empty() {
            return false;
        }
        self.move_stock(&decision.moves);
        let (before, then) = (self.ids(), self.order.clone());
        let events = self.with_consequences(decision.events);
        let appeared = self.appearances(&events);
        let commit = self.commit_of(cause, events);
        self.order.apply(&commit);
        self.commits.push(commit);
        self.move_stock(&following(&then, &self.order));
        self.seconds += 1;
        let after = self.ids();
        self.observed.extend(
            appeared
                .into_iter()
                .filter(|(_, id)| !before.contains(id) && after.contains(id))
                .map(|(fact, id)| (fact, id.kind)),
        );
        self.check();
        true
    }

    /// What follows goes into the same commit; it ends, and then nothing follows any more.
    fn with_consequences(&self, mut events: Vec<Event>) -> Vec<Event> {
        let mut next = self.order.clone();
        events.iter().for_each(|event| next.evolve(event, self.now()));
        let before = next.clone();
        let following = next.settle_consequences(self.now());
        assert!(following.len() < 20, "it follows and follows: {following:?}");
        assert_eq!(next.consequence(), None);
        check_refunds(before, &following);
        events.extend(following);
        events
    }

    fn ids(&self) -> BTreeSet<TaskId> {
        self.order.outstanding().into_iter().map(|task| task.id).collect()
    }

    /// Tasks that each single fact makes appear.
    fn appearances(&self, events: &[Event]) -> Vec<(String, TaskId)> {
        let mut order = self.order.clone();
        let ids = |order: &Order| order.outstanding().into_iter().map(|task| task.id).collect::<BTreeSet<_>>();
        let mut known = ids(&order);
        let mut appeared = Vec::new();
        for event in events {
            order.evolve(event, self.now());
            let now = ids(&order);
            appeared.extend(now.difference(&known).map(|id| (event.type_name().to_owned(), id.clone())));
            known = now;
        }
        appeared
    }

    /// As the runner writes it: completion goes into the commit that leaves nothing to do.
    fn commit_of(&self, cause: &str, mut events: Vec<Event>) -> Commit {
        let mut next = self.order.clone();
        events.iter().for_each(|event| next.evolve(event, self.now()));
        if next.is_finished() && next.completed_at.is_none() {
            events.push(Event::OrderCompleted {});
        }
        Commit {
            stream: self.order.id.stream(),
            seq: self.order.seq + 1,
            cause: cause.to_owned(),
            at: self.now(),
            actor: "simulation".into(),
            correlation_id: "c".into(),
            causation_id: None,
            prev_hash: self.order.last_hash.clone(),
            due: next.due(self.now()),
            summary: next.summary(),
            events,
            moves: Vec::new(),
        }
    }

    fn move_stock(&mut self, moves: &[StockMove]) {
        for stock in moves {
            let place = self.stock.get_mut(&stock.sku).unwrap().stock.get_mut(&stock.location).unwrap();
            place.apply(stock);
            assert!(
                place.available >= 0 && place.on_hand >= place.available,
                "more was promised or left than there is"
            );
            assert_eq!(place.available, place.on_hand - place.quarantine - place.reserved());
            for counter in [&place.reserved, &place.waiting, &place.untold, &place.told] {
                assert!(counter.values().all(|units| *units >= 0), "a counter is below zero: {place:?}");
            }
        }
    }

    /// The log is all there is.
    pub(super) fn check_log(&self) {
        assert_eq!(Order::fold(order_id(), &self.commits), self.order, "the log rebuilds the state");
        let links = self.commits.windows(2).all(|pair| pair[1].prev_hash == pair[0].hash());
        assert!(links, "the chain is unbroken");
    }

    /// An order at its end keeps no stock from anybody.
    pub(super) fn check_demand(&self) {
        for stock in self.stock.values().flat_map(|item| item.stock.values()) {
            for demand in [&stock.reserved, &stock.waiting, &stock.untold] {
                assert!(demand.values().all(|units| *units == 0), "demand without an order: {stock:?}");
            }
        }
    }

    /// What holds at every moment.
    fn check(&mut self) {
        for (index, line) in self.order.goods() {
            let (shipped, allocated) = (self.order.shipped(index), self.order.allocated(index));
            assert!(shipped <= allocated && allocated <= line.quantity + self.order.reshipped(index));
        }
        self.check_reservations();
        for task in self.order.outstanding().into_iter().filter(|task| !depends_on_what_is_left(task)) {
            if let Some(content) = content(&self.order, &task) {
                let known = self.drafts.entry(task.id.clone()).or_insert_with(|| content.clone());
                assert_eq!(*known, content, "what {} is to say changed while it was owed", task.id);
            }
        }
        let waited_for = self
            .order
            .outstanding()
            .iter()
            .filter(|task| !self.order.parked.contains_key(&task.id))
            .map(|task| self.order.due_at(task))
            .min();
        assert!(waited_for.is_none_or(|due| self.order.next_due().is_some_and(|next| next <= due)));
    }

    fn check_reservations(&self) {
        for item in self.stock.values() {
            let (mut owed, mut shipped) = (0, 0);
            for (index, line) in self.order.goods() {
                let units = self.units_in(line.sku.as_ref().unwrap(), &item.sku);
                shipped += units * i64::from(self.order.shipped(index));
                owed += units * (i64::from(self.order.allocated(index)) - i64::from(self.order.shipped(index)));
            }
            let (restocked, quarantined) =
                (self.returned(&item.sku, Disposition::Restock), self.returned(&item.sku, Disposition::Quarantine));
            let sum = |of: fn(&Stock) -> i64| -> i64 { item.stock.values().map(of).sum() };
            let (on_hand, available) = (sum(|stock| stock.on_hand), sum(|stock| stock.available));
            if !item.components.is_empty() {
                let waiting = sum(|stock| stock.waiting.values().sum());
                assert_eq!(
                    (on_hand - available, available),
                    (owed, waiting),
                    "a kit is there as far as orders have it"
                );
                continue;
            }
            assert_eq!(
                on_hand - available,
                owed + quarantined,
                "no reservation of {} without its fact, no fact without its reservation",
                item.sku
            );
            let arrived = 3 + self.arrived.get(&item.sku).copied().unwrap_or(0);
            assert_eq!(on_hand, arrived - shipped + restocked + quarantined, "{} leaves and comes back once", item.sku);
        }
    }

    /// Units of a SKU that came back in this state, as the facts tell it.
    fn returned(&self, sku: &Sku, disposition: Disposition) -> i64 {
        let lines = self.order.reversals.receipts.values().flat_map(|receipt| &receipt.fact.lines);
        let lines = lines.filter(|of| of.disposition == disposition);
        lines.map(|of| self.units_in(&of.sku, sku) * i64::from(of.quantity)).sum()
    }

    fn units_in(&self, sold: &Sku, sku: &Sku) -> i64 {
        units_in(&kits_among([sold], &self.stock), sold, sku) + i64::from(sold == sku && sold.as_str() == "SET")
    }

    /// What is there by itself of something that is sold.
    pub(super) fn parts_of(&self, sold: &Sku) -> Vec<Sku> {
        let components: Vec<Sku> = self.stock[sold].components.keys().cloned().collect();
        if components.is_empty() { vec![sold.clone()] } else { components }
    }
}

/// We decide to pay back no more than there is.
fn check_refunds(mut order: Order, following: &[Event]) {
    for event in following {
        if let Event::RefundDecided(refund) = event
            && refund.origin != RefundOrigin::Overtaken
        {
            assert!(refund.total > Minor::ZERO && refund.total <= order.left_to_refund(), "{refund:?}");
        }
        order.evolve(event, at(0));
    }
}
