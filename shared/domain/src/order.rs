//! The state of an order: the fold of its facts. Facts that come from different sources may come in any order; the
//! state is the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::canonical::Line;
use crate::canonical::{Tender, TenderStatus};
use crate::commit::{Attention, Commit, Summary, due_bucket};
use crate::event::{
    Accepted, Allocation, Application, Document, Event, Hold, HoldCode, Parked, Refused, Shipment, Shortage, WaitsOn,
};
use crate::exception::{Handling, after_words};
use crate::ids::{CountryCode, OrderId, Sku};
use crate::item::Item;
use crate::kit::{Kits, kits_among};
use crate::money::{Currency, written};
use crate::outstanding::{TaskId, TaskKind};
use crate::reversals::Reversals;

/// The most commits a stream may hold: one page of a query.
pub const MAX_COMMITS: u64 = 200;

/// Commits kept free for facts: beyond `MAX_COMMITS - RESERVED_FOR_FACTS` no work is done on an order any more.
const RESERVED_FOR_FACTS: u64 = 20;

/// A fact with the time of its commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<T> {
    /// The fact.
    pub fact: T,
    /// When it was committed.
    pub at: Timestamp,
}

/// A claim on a task whose outside call must not be made twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Which try, from 1.
    pub attempt: u32,
    /// Until when it holds.
    pub until: Timestamp,
}

/// How often a task was found late.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdue {
    /// How many times.
    pub times: u32,
    /// When last.
    pub last_at: Timestamp,
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Facts about it are known, the order itself is not.
    Announced,
    /// A caller of our API was told no.
    Refused,
    /// Waits for somebody.
    Held,
    /// A test order: nothing more happens.
    Test,
    /// Accepted.
    Accepted,
    /// The 3PL has it, or a part of it.
    Fulfilling,
    /// All of it has left.
    Shipped,
    /// Nothing of it will be delivered, and nothing was.
    Cancelled,
    /// Nothing is outstanding.
    Completed,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// An order as its facts tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Which order.
    pub id: OrderId,
    /// Number of the last commit folded in.
    pub seq: u64,
    /// Hash of the last commit.
    pub last_hash: String,
    /// When the last commit was made.
    pub updated_at: Option<Timestamp>,
    /// The correlation id its first commit gave it.
    pub correlation_id: Option<String>,
    /// Identities of all that has happened.
    pub causes: BTreeSet<String>,
    /// What was accepted.
    pub accepted: Option<At<Accepted>>,
    /// The last refusal.
    pub refused: Option<At<Refused>>,
    /// Why it waits.
    pub holds: BTreeMap<HoldCode, At<Hold>>,
    /// When holds were last lifted.
    pub released_at: Option<Timestamp>,
    /// Payments that arrived after acceptance, by their number.
    pub late_tenders: BTreeMap<u32, Tender>,
    /// Reservations, by number.
    pub allocations: BTreeMap<u32, At<Allocation>>,
    /// 3PL orders, by number of their allocation.
    pub fulfillments: BTreeMap<u32, At<Document>>,
    /// Shortages that were found, by allocation.
    pub shortages: BTreeMap<u32, At<Shortage>>,
    /// Shipments, by number.
    pub shipments: BTreeMap<u32, At<Shipment>>,
    /// The ERP's sales order.
    pub sales_order: Option<At<Document>>,
    /// Deposits, by tender.
    pub deposits: BTreeMap<String, At<Document>>,
    /// Item fulfilments, by number of their shipment.
    pub item_fulfillments: BTreeMap<u32, At<Document>>,
    /// Invoices, by number of their shipment.
    pub invoices: BTreeMap<u32, At<Document>>,
    /// Applications of deposits, by number.
    pub applications: BTreeMap<u32, At<Application>>,
    /// The storefront's fulfilments, by number of their shipment.
    pub announcements: BTreeMap<u32, At<Document>>,
    /// Claims under way or expired.
    pub claims: BTreeMap<TaskId, Claim>,
    /// Tasks that were given up for now.
    pub parked: BTreeMap<TaskId, At<Parked>>,
    /// How often a task was parked in its life.
    pub parkings: BTreeMap<TaskId, u32>,
    /// When a task was parked first.
    pub first_parked: BTreeMap<TaskId, Timestamp>,
    /// How many cancellations were known when the allocation was last given up for now: with every one since then less
    /// is wanted.
    pub parked_after: usize,
    /// When a task was last taken up again.
    pub unparked: BTreeMap<TaskId, Timestamp>,
    /// Tasks that were found late.
    pub overdue: BTreeMap<TaskId, Overdue>,
    /// What people have said about its exceptions.
    pub handlings: BTreeMap<String, Handling>,
    /// Whether a person has had to see to it.
    pub touched: bool,
    /// What has been taken back.
    pub reversals: Reversals,
    /// When nothing was outstanding any more; nothing while something is outstanding again.
    pub completed_at: Option<Timestamp>,
    /// A newer version of Crossdock has written facts that this one does not know.
    pub has_unknown_facts: bool,
}

impl Order {
    /// An order of which nothing is known.
    #[must_use]
    pub fn new(id: OrderId) -> Self {
        Self {
            id,
            seq: 0,
            last_hash: String::new(),
            updated_at: None,
            correlation_id: None,
            causes: BTreeSet::new(),
            accepted: None,
            refused: None,
            holds: BTreeMap::new(),
            released_at: None,
            late_tenders: BTreeMap::new(),
            allocations: BTreeMap::new(),
            fulfillments: BTreeMap::new(),
            shortages: BTreeMap::new(),
            shipments: BTreeMap::new(),
            sales_order: None,
            deposits: BTreeMap::new(),
            item_fulfillments: BTreeMap::new(),
            invoices: BTreeMap::new(),
            applications: BTreeMap::new(),
            announcements: BTreeMap::new(),
            claims: BTreeMap::new(),
            parked: BTreeMap::new(),
            parkings: BTreeMap::new(),
            first_parked: BTreeMap::new(),
            parked_after: 0,
            unparked: BTreeMap::new(),
            overdue: BTreeMap::new(),
            handlings: BTreeMap::new(),
            touched: false,
            reversals: Reversals::default(),
            completed_at: None,
            has_unknown_facts: false,
        }
    }

    /// The order that these commits tell.
    #[must_use]
    pub fn fold<'a>(id: OrderId, commits: impl IntoIterator<Item = &'a Commit>) -> Self {
        let mut order = Self::new(id);
        commits.into_iter().for_each(|commit| order.apply(commit));
        order
    }

    /// Adds one commit.
    pub fn apply(&mut self, commit: &Commit) {
        self.seq = commit.seq;
        self.last_hash = commit.hash();
        self.updated_at = Some(commit.at);
        self.correlation_id.get_or_insert_with(|| commit.correlation_id.clone());
        self.causes.insert(commit.cause.clone());
        for event in &commit.events {
            self.evolve(event, commit.at);
        }
    }

    /// Adds one fact.
    #[expect(clippy::too_many_lines, reason = "a list of all facts, of which most are handed on")]
    pub fn evolve(&mut self, event: &Event, at: Timestamp) {
        self.touched |= self.needs_somebody(event);
        match event {
            Event::OrderAccepted(fact) => self.accepted = Some(At { fact: (**fact).clone(), at }),
            Event::OrderRefused(fact) => self.refused = Some(At { fact: fact.clone(), at }),
            Event::OrderHeld { holds } => {
                self.holds.extend(holds.iter().map(|hold| (hold.code, At { fact: hold.clone(), at })));
            }
            Event::OrderReleased { codes } => {
                self.holds.retain(|code, _| !codes.contains(code));
                self.released_at = Some(at);
            }
            Event::TenderCaptured { number, tender } => {
                self.late_tenders.insert(*number, tender.clone());
            }
            Event::OrderCompleted {} => self.completed_at = Some(at),
            Event::ExceptionHandled(said) => {
                self.handlings.entry(said.about.clone()).or_default().evolve(&said.act);
            }
            Event::Unknown(_) => self.has_unknown_facts = true,
            Event::StockReceived(_)
            | Event::StockCounted(_)
            | Event::StockAdjusted(_)
            | Event::StockTransferred(_)
            | Event::StockPosted(_)
            | Event::ReconciliationRequested(_)
            | Event::ReconciliationFinished(_)
            | Event::StockParked(_)
            | Event::StockSpread { .. }
            | Event::StockHeld(_)
            | Event::HoldTaken { .. }
            | Event::HoldExpired {}
            | Event::HoldReleased {}
            | Event::InventoryDriftDetected(_)
            | Event::InventoryDriftEnded(_)
            | Event::CatalogueItemRefused(_)
            | Event::CatalogueItemKept(_)
            | Event::StockReleased { .. } => {}
            Event::TaskClaimed { .. }
            | Event::TaskParked(_)
            | Event::TaskReleased { .. }
            | Event::TaskOverdue { .. } => self.evolve_task(event, at),
            Event::OrderAllocated(_)
            | Event::FulfillmentRequested { .. }
            | Event::ShipmentRecorded(_)
            | Event::ShortageFound(_)
            | Event::ShipmentAnnounced { .. } => self.evolve_fulfillment(event, at),
            Event::SalesOrderPosted { .. }
            | Event::DepositPosted { .. }
            | Event::ItemFulfillmentPosted { .. }
            | Event::InvoicePosted { .. }
            | Event::DepositApplied(_) => self.evolve_posting(event, at),
            Event::OrderCancelled(_)
            | Event::FulfillmentStopped(_)
            | Event::StorefrontCancelled { .. }
            | Event::OrderEdited(_)
            | Event::ChangeRefused(_)
            | Event::RecipientChanged { .. }
            | Event::StorefrontChanged { .. }
            | Event::SalesRead { .. }
            | Event::ReturnRequested(_)
            | Event::ReturnAuthorized { .. }
            | Event::ReturnClosed { .. }
            | Event::ReturnResolved { .. }
            | Event::ReturnAnnounced { .. }
            | Event::ReturnReceived(_)
            | Event::RefundDecided(_)
            | Event::RefundIssued { .. }
            | Event::RefundRecorded { .. }
            | Event::RefundWithdrawn { .. }
            | Event::SalesOrderAmended { .. }
            | Event::ReturnAuthorizationPosted { .. }
            | Event::ItemReceiptPosted { .. }
            | Event::AdjustmentPosted { .. }
            | Event::CreditMemoPosted { .. }
            | Event::CustomerRefundPosted { .. }
            | Event::CreditApplied(_)
            | Event::DisputeOpened(_)
            | Event::DisputeClosed(_)
            | Event::DisputePosted { .. }
            | Event::DisputeSettled { .. } => self.evolve_reversal(event, at),
        }
        self.fix_payouts(event);
    }

    /// Whether a fact makes a person see to the order, or says that one has.
    fn needs_somebody(&self, event: &Event) -> bool {
        if let Event::TaskParked(parked) = event {
            parked.waits_on == WaitsOn::Operator
        } else if let Event::TaskOverdue { task } = event {
            self.overdue.contains_key(task)
        } else {
            matches!(event, Event::OrderHeld { .. } | Event::ChangeRefused(_) | Event::ExceptionHandled(_))
        }
    }

    /// Lines as they were accepted, and then those that were added later.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        let accepted = self.accepted.iter().flat_map(|accepted| &accepted.fact.order.lines);
        accepted.chain(self.reversals.edits.iter().flat_map(|edit| &edit.fact.lines))
    }

    /// The line at a position.
    #[must_use]
    pub fn line(&self, index: usize) -> Option<&Line> {
        self.lines().nth(index)
    }

    /// What the kits of the order are made of: as they were promised, and where they were not, as they are now.
    pub(crate) fn kits(&self, items: &BTreeMap<Sku, Item>) -> Kits {
        let mut kits = kits_among(self.lines().filter_map(|line| line.sku.as_ref()), items);
        kits.extend(self.allocations.values().flat_map(|allocation| allocation.fact.kits.clone()));
        kits
    }

    /// Whether its allocation was given up for now before.
    #[must_use]
    pub fn has_waited_for_stock(&self) -> bool {
        self.parkings.keys().any(|task| task.kind == TaskKind::Allocate)
    }

    /// Under which name the people table keeps the recipient: the newest that the storefront has told.
    #[must_use]
    pub fn recipient(&self) -> Option<&str> {
        let changed = self.reversals.recipient.as_ref().map(|known| known.name.as_str());
        changed.or_else(|| self.accepted.as_ref()?.fact.recipient.as_deref())
    }

    /// In which country the parcels go; `None` where no address names one.
    #[must_use]
    pub fn country(&self) -> Option<&CountryCode> {
        let changed = self.reversals.recipient.as_ref().and_then(|known| known.country.as_ref());
        changed.or_else(|| self.accepted.as_ref()?.fact.order.country.as_ref())
    }

    /// What is taken back can leave something to do again: then the order is not completed any more.
    fn evolve_reversal(&mut self, event: &Event, at: Timestamp) {
        self.reversals.evolve(event, at);
        if self.completed_at.is_some() && !self.outstanding().is_empty() {
            self.completed_at = None;
        }
    }

    fn evolve_fulfillment(&mut self, event: &Event, at: Timestamp) {
        if let Event::OrderAllocated(fact) = event {
            self.allocations.insert(fact.number, At { fact: fact.clone(), at });
        } else if let Event::FulfillmentRequested { number, document } = event {
            self.fulfillments.insert(*number, At { fact: document.clone(), at });
        } else if let Event::ShipmentRecorded(fact) = event {
            self.shipments.insert(fact.number, At { fact: fact.clone(), at });
        } else if let Event::ShortageFound(fact) = event {
            self.shortages.insert(fact.number, At { fact: fact.clone(), at });
        } else if let Event::ShipmentAnnounced { shipment, document } = event {
            self.announcements.insert(*shipment, At { fact: document.clone(), at });
        }
    }

    fn evolve_posting(&mut self, event: &Event, at: Timestamp) {
        if let Event::SalesOrderPosted { document } = event {
            self.sales_order = Some(At { fact: document.clone(), at });
        } else if let Event::DepositPosted { tender, document } = event {
            self.deposits.insert(tender.clone(), At { fact: document.clone(), at });
        } else if let Event::ItemFulfillmentPosted { shipment, document } = event {
            self.item_fulfillments.insert(*shipment, At { fact: document.clone(), at });
        } else if let Event::InvoicePosted { shipment, document } = event {
            self.invoices.insert(*shipment, At { fact: document.clone(), at });
        } else if let Event::DepositApplied(fact) = event {
            self.applications.insert(fact.number, At { fact: fact.clone(), at });
        }
    }

    fn evolve_task(&mut self, event: &Event, at: Timestamp) {
        if let Event::TaskClaimed { task, attempt, until } = event {
            self.claims.insert(task.clone(), Claim { attempt: *attempt, until: *until });
        } else if let Event::TaskParked(fact) = event {
            *self.parkings.entry(fact.task.clone()).or_default() += 1;
            self.first_parked.entry(fact.task.clone()).or_insert(at);
            if fact.task.kind == TaskKind::Allocate {
                self.parked_after = self.reversals.cancellations.len();
            }
            self.parked.insert(fact.task.clone(), At { fact: fact.clone(), at });
        } else if let Event::TaskReleased { task } = event {
            self.parked.remove(task);
            self.overdue.remove(task);
            self.unparked.insert(task.clone(), at);
        } else if let Event::TaskOverdue { task } = event {
            let times = self.overdue.get(task).map_or(0, |overdue| overdue.times) + 1;
            self.overdue.insert(task.clone(), Overdue { times, last_at: at });
        }
    }

    /// Where the order stands.
    #[must_use]
    pub fn status(&self) -> Status {
        let Some(accepted) = &self.accepted else {
            return match (&self.refused, self.holds.is_empty()) {
                (_, false) => Status::Held,
                (Some(_), true) => Status::Refused,
                (None, true) => Status::Announced,
            };
        };
        if accepted.fact.order.test {
            Status::Test
        } else if !self.holds.is_empty() {
            Status::Held
        } else if self.is_cancelled() {
            Status::Cancelled
        } else if self.completed_at.is_some() {
            Status::Completed
        } else if self.is_shipped() {
            Status::Shipped
        } else if !self.fulfillments.is_empty() || !self.shipments.is_empty() {
            Status::Fulfilling
        } else {
            Status::Accepted
        }
    }

    /// Whether the stream has no room left but for facts.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.seq >= MAX_COMMITS - RESERVED_FOR_FACTS
    }

    /// Whether nothing is left to do that was ever owed. False for orders that were held, refused or are tests.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.is_live() && self.outstanding().is_empty() && !self.has_unknown_facts
    }

    /// Whether work is done on it: accepted, not held, no test.
    #[must_use]
    pub(crate) fn is_live(&self) -> bool {
        match self.status() {
            Status::Accepted | Status::Fulfilling | Status::Shipped | Status::Cancelled | Status::Completed => true,
            Status::Announced | Status::Refused | Status::Held | Status::Test => false,
        }
    }

    /// What its amounts are in; none before it is accepted.
    #[must_use]
    pub fn currency(&self) -> Option<Currency> {
        self.accepted.as_ref().map(|accepted| accepted.fact.order.currency)
    }

    /// Minor units of its currency as people read them.
    #[must_use]
    pub fn written(&self, minor: i64) -> String {
        written(self.currency(), minor)
    }

    /// Every tender with its number: those of the order as accepted by their place, later ones by the number that
    /// they were recorded with. What arrived later replaces what was promised.
    #[must_use]
    pub fn tenders(&self) -> BTreeMap<u32, &Tender> {
        let accepted = self.accepted.iter().flat_map(|a| (1..).zip(&a.fact.order.tenders));
        accepted.chain(self.late_tenders.iter().map(|(number, tender)| (*number, tender))).collect()
    }

    /// Tenders whose money has arrived, by number.
    pub fn captured_tenders(&self) -> impl Iterator<Item = (u32, &Tender)> {
        self.tenders().into_iter().filter(|(_, tender)| tender.status == TenderStatus::Captured)
    }

    /// What needs a person: holds, parked tasks and tasks that stayed undone after they were triggered again. What
    /// somebody has settled elsewhere needs nobody, as long as it is what it was then.
    #[must_use]
    pub fn attention(&self) -> Vec<Attention> {
        after_words(self.found(), &self.handlings)
    }

    /// The same, whatever people have said about it.
    fn found(&self) -> Vec<Attention> {
        let holds = self.holds.iter().map(|(code, hold)| {
            Attention::new(format!("hold:{code}"), code.to_string(), (hold.fact.detail.clone(), hold.at))
        });
        let waiting = self.waiting();
        let parked = waiting.iter().map(|parked| {
            let task = &parked.fact.task;
            let first = self.first_parked.get(task).copied().unwrap_or(parked.at);
            let why = (parked.fact.reason.clone(), first);
            Attention {
                attempts: self.attempts(task),
                last_seen: (parked.at > first).then_some(parked.at),
                ..Attention::new(task.to_string(), parked.fact.class.to_string(), why)
            }
        });
        let outstanding = self.outstanding();
        let late = outstanding.iter().filter(|task| !self.parked.contains_key(&task.id)).filter_map(|task| {
            let overdue = self.overdue.get(&task.id).filter(|overdue| overdue.times > 1)?;
            let reason = format!("not done {} times after it was due", overdue.times);
            Some(Attention {
                attempts: overdue.times,
                last_seen: Some(overdue.last_at),
                ..Attention::new(task.id.to_string(), "overdue", (reason, task.since))
            })
        });
        let reversals = self.reversal_attention();
        let books = self.uneven_books().filter(|_| reversals.is_empty());
        holds.chain(parked).chain(late).chain(reversals).chain(books).chain(self.structural_attention()).collect()
    }

    /// Nothing is left to do, and the books still say that somebody owes something.
    fn uneven_books(&self) -> Option<Attention> {
        let (receivable, deposit, credit) = self.open_books();
        let under_way = self.standing_refunds().any(|refund| !self.is_settled(refund));
        ((receivable, deposit, credit) != (0, 0, 0) && self.is_finished() && !under_way).then(|| {
            let reason = format!(
                "everything is done and the books are not even: {} are receivable, {} of deposits and {} of credits are \
                 left; settle them in the ERP",
                self.written(receivable),
                self.written(deposit),
                self.written(credit)
            );
            Attention::new("books", "value", (reason, self.updated_at.unwrap_or(Timestamp::UNIX_EPOCH)))
        })
    }

    fn structural_attention(&self) -> Option<Attention> {
        let reason = if self.has_unknown_facts {
            "a newer version of Crossdock has written facts that this version does not know; deploy that version again"
        } else if self.is_full() {
            "the order has too many commits; finish it by hand"
        } else {
            return None;
        };
        let since = self.updated_at.unwrap_or(Timestamp::UNIX_EPOCH);
        Some(Attention::new("order", "value", (reason.to_owned(), since)))
    }

    /// How often a task was tried or triggered again, as far as the log tells: a try leaves a trace in it where it was
    /// claimed, or ended in giving the task up for now.
    #[must_use]
    pub fn attempts(&self, task: &TaskId) -> u32 {
        let claims = self.claims.get(task).map_or(0, |claim| claim.attempt);
        let parkings = self.parkings.get(task).copied().unwrap_or(0);
        claims.max(parkings) + self.overdue.get(task).map_or(0, |overdue| overdue.times)
    }

    /// Every document of it in an outside system, with what kind it is.
    #[must_use]
    pub fn documents(&self) -> Vec<(&'static str, &Document)> {
        fn of<'a>(
            kind: &'static str,
            known: impl Iterator<Item = &'a At<Document>>,
        ) -> impl Iterator<Item = (&'static str, &'a Document)> {
            known.map(move |document| (kind, &document.fact))
        }
        let back = &self.reversals;
        let mut documents: Vec<(&'static str, &Document)> = of("sales_order", self.sales_order.iter()).collect();
        documents.extend(of("customer_deposit", self.deposits.values()));
        documents.extend(of("fulfillment_order", self.fulfillments.values()));
        documents.extend(of("storefront_fulfillment", self.announcements.values()));
        documents.extend(of("item_fulfillment", self.item_fulfillments.values()));
        documents.extend(of("invoice", self.invoices.values()));
        documents.extend(self.applications.values().map(|known| ("deposit_application", &known.fact.document)));
        for (kind, known) in [
            ("return_order", &back.announced),
            ("return_authorization", &back.return_authorizations),
            ("item_receipt", &back.item_receipts),
            ("inventory_adjustment", &back.adjustments),
            ("credit_memo", &back.credit_memos),
            ("customer_refund", &back.customer_refunds),
            ("dispute_journal", &back.dispute_journals),
            ("dispute_settlement", &back.dispute_settlements),
        ] {
            documents.extend(of(kind, known.values()));
        }
        documents
    }

    /// What the view shows of the order.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let accepted = self.accepted.as_ref().map(|accepted| &accepted.fact);
        let placed_at = accepted.map_or(self.updated_at.unwrap_or(Timestamp::UNIX_EPOCH), |a| a.order.placed_at);
        let mut owed: BTreeMap<TaskKind, Timestamp> = BTreeMap::new();
        for task in self.outstanding() {
            let oldest = owed.entry(task.id.kind).or_insert(task.since);
            *oldest = task.since.min(*oldest);
        }
        Summary {
            attention: self.attention(),
            waits_on: self.waiting().iter().find_map(|parked| parked.fact.waits_on.key()),
            routes: accepted.map(|accepted| accepted.routes.clone()),
            owed,
            ship_by: self.ship_by(),
            touched: self.touched,
            name: accepted.map(|accepted| accepted.order.name.clone()),
            ..Summary::new(self.status().to_string(), placed_at)
        }
    }

    /// Until when the earliest of what has not left yet has to leave; absent where nothing has a moment.
    #[must_use]
    pub fn ship_by(&self) -> Option<Timestamp> {
        let open = self.allocations.values().filter(|allocation| !self.unshipped_of(allocation).is_empty());
        open.filter_map(|allocation| allocation.fact.ship_by).min()
    }

    /// The bucket in which somebody looks at the order again. A finished order is looked at once more, to make sure
    /// that its last facts were published.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> Option<String> {
        let publication_check = now + jiff::SignedDuration::from_mins(10);
        let at = self.next_due().unwrap_or(publication_check);
        Some(due_bucket(at.max(now), &self.id.stream()))
    }
}
