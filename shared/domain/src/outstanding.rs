//! What is left to do. Nothing else in Crossdock decides what happens next.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::event::Parked;
use crate::money::Minor;
use crate::order::{At, Order, Status};

/// The kinds of work on an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// Choose locations and reserve stock.
    Allocate,
    /// Give an allocation to the 3PL.
    RequestFulfillment,
    /// Learn that the 3PL has shipped: normally by webhook, else by asking.
    ConfirmShipment,
    /// Tell the storefront of a shipment.
    AnnounceShipment,
    /// Post the sales order.
    PostSalesOrder,
    /// Post a customer deposit.
    PostDeposit,
    /// Post the item fulfilment of a shipment.
    PostItemFulfillment,
    /// Post the invoice of a shipment.
    PostInvoice,
    /// Settle an invoice by a deposit.
    ApplyDeposit,
}

impl TaskKind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Allocate,
        Self::RequestFulfillment,
        Self::ConfirmShipment,
        Self::AnnounceShipment,
        Self::PostSalesOrder,
        Self::PostDeposit,
        Self::PostItemFulfillment,
        Self::PostInvoice,
        Self::ApplyDeposit,
    ];

    /// How long the fast path may take before the task is triggered again. The customer waits for allocation and
    /// parcels, the books can wait a little, a warehouse takes its hours.
    #[must_use]
    pub const fn patience(self) -> SignedDuration {
        match self {
            Self::Allocate => SignedDuration::from_secs(60),
            Self::RequestFulfillment | Self::AnnounceShipment => SignedDuration::from_secs(120),
            Self::PostSalesOrder
            | Self::PostDeposit
            | Self::PostItemFulfillment
            | Self::PostInvoice
            | Self::ApplyDeposit => SignedDuration::from_secs(300),
            Self::ConfirmShipment => SignedDuration::from_hours(12),
        }
    }
}

impl TaskKind {
    /// Which facts can make a task of this kind outstanding; a test derives the same from generated histories and
    /// holds both against the bus's rules. Facts that the function doing the task writes itself are left out: it goes
    /// on by itself. `TaskReleased` and `TaskDue` name their task and are routed by it. A hold hides every task, so its
    /// end brings back whatever was left to do.
    #[must_use]
    pub const fn made_outstanding_by(self) -> &'static [&'static str] {
        match self {
            Self::Allocate | Self::PostSalesOrder => &["OrderAccepted.v1", "OrderReleased.v1"],
            Self::RequestFulfillment => &["OrderAllocated.v1", "OrderReleased.v1"],
            // Waited for: the 3PL's webhook does it, or the deadline asks.
            Self::ConfirmShipment => &[],
            Self::AnnounceShipment | Self::PostItemFulfillment => &["OrderReleased.v1", "ShipmentRecorded.v1"],
            Self::PostDeposit => &["OrderReleased.v1", "TenderCaptured.v1"],
            // After the sales order, the item fulfilment or the invoice, which the same function posts.
            Self::PostInvoice | Self::ApplyDeposit => &["OrderReleased.v1"],
        }
    }
}

impl fmt::Display for TaskKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// Identity of a task within its order. Reads `<kind>:<document>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskId {
    /// What is to be done.
    pub kind: TaskKind,
    /// The document it makes, as in its reference: `INV2`.
    pub document: String,
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.document)
    }
}

impl FromStr for TaskId {
    type Err = serde_json::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, document) = text.split_once(':').unwrap_or((text, ""));
        Ok(Self { kind: serde_json::from_value(kind.into())?, document: document.to_owned() })
    }
}

/// One piece of work that is owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Which.
    pub id: TaskId,
    /// Number of the allocation, tender, shipment or application it is about, from 1.
    pub number: u32,
    /// Since when it has been owed.
    pub since: Timestamp,
}

impl Task {
    fn new(kind: TaskKind, prefix: &str, number: u32, since: Timestamp) -> Self {
        let document = if kind == TaskKind::PostSalesOrder { prefix.to_owned() } else { format!("{prefix}{number}") };
        Self { id: TaskId { kind, document }, number, since }
    }
}

impl Order {
    /// What is left to do, in the order in which it is best done. A task appears once all that it stands on is done,
    /// and what it stands on is itself in the list until then, so an empty list means finished.
    #[must_use]
    pub fn outstanding(&self) -> Vec<Task> {
        if matches!(self.status(), Status::Accepted | Status::Fulfilling | Status::Shipped | Status::Completed) {
            self.owed()
        } else {
            Vec::new()
        }
    }

    /// What would be left to do if nothing held the order.
    fn owed(&self) -> Vec<Task> {
        let mut tasks = Vec::new();
        self.owe_allocation(&mut tasks);
        self.owe_fulfillment(&mut tasks);
        self.owe_announcements(&mut tasks);
        self.owe_postings(&mut tasks);
        tasks
    }

    fn owe_allocation(&self, tasks: &mut Vec<Task>) {
        let Some(accepted) = &self.accepted else { return };
        if self.unallocated().next().is_some() {
            let since = self.released_at.unwrap_or(accepted.at);
            tasks.push(Task::new(TaskKind::Allocate, "A", self.next_allocation(), since));
        }
    }

    fn owe_fulfillment(&self, tasks: &mut Vec<Task>) {
        for allocation in self.allocations.values() {
            let number = allocation.fact.number;
            if self.unshipped_of(allocation).is_empty() {
                continue;
            }
            let task = match self.fulfillments.get(&number) {
                None => Task::new(TaskKind::RequestFulfillment, "F", number, allocation.at),
                Some(fulfillment) => Task::new(TaskKind::ConfirmShipment, "F", number, fulfillment.at),
            };
            tasks.push(task);
        }
    }

    fn owe_announcements(&self, tasks: &mut Vec<Task>) {
        if self.accepted.as_ref().is_none_or(|a| a.fact.routes.storefront.is_none()) {
            return;
        }
        let untold = self.shipments.values().filter(|s| !self.announcements.contains_key(&s.fact.number));
        tasks.extend(untold.map(|s| Task::new(TaskKind::AnnounceShipment, "S", s.fact.number, s.at)));
    }

    fn owe_postings(&self, tasks: &mut Vec<Task>) {
        let Some(accepted) = &self.accepted else { return };
        let Some(sales_order) = &self.sales_order else {
            let since = self.released_at.unwrap_or(accepted.at);
            tasks.push(Task::new(TaskKind::PostSalesOrder, "SO", 1, since));
            return;
        };
        for (number, tender) in self.captured_tenders() {
            // A free order is "paid" by nothing, and nothing is no deposit.
            if tender.amount > Minor::ZERO && !self.deposits.contains_key(&tender.id) {
                tasks.push(Task::new(TaskKind::PostDeposit, "DEP", number, sales_order.at.max(tender.at)));
            }
        }
        self.owe_shipment_postings(sales_order.at, tasks);
    }

    /// Invoices and applications come one after the other: the amounts of each depend on those before it.
    fn owe_shipment_postings(&self, sales_order_at: Timestamp, tasks: &mut Vec<Task>) {
        let mut invoice_owed = false;
        for shipment in self.shipments.values() {
            let (number, since) = (shipment.fact.number, shipment.at.max(sales_order_at));
            if !self.item_fulfillments.contains_key(&number) {
                tasks.push(Task::new(TaskKind::PostItemFulfillment, "IF", number, since));
                invoice_owed = true;
            } else if !self.invoices.contains_key(&number) && !invoice_owed {
                tasks.push(Task::new(TaskKind::PostInvoice, "INV", number, since));
                invoice_owed = true;
            }
        }
        if let Some(application) = self.next_application() {
            let since = self.invoices.get(&application.shipment).map_or(sales_order_at, |i| i.at);
            tasks.push(Task::new(TaskKind::ApplyDeposit, "DA", application.number, since));
        }
    }

    /// Outstanding tasks that may be tried now: neither parked nor claimed by somebody else.
    #[must_use]
    pub fn runnable(&self, now: Timestamp) -> Vec<Task> {
        if self.has_unknown_facts || self.is_full() {
            return Vec::new();
        }
        let free = |task: &Task| {
            !self.parked.contains_key(&task.id) && self.claims.get(&task.id).is_none_or(|claim| claim.until <= now)
        };
        self.outstanding().into_iter().filter(free).collect()
    }

    /// When a task is due to be looked at again: its patience after it became owed, doubled with every time it was
    /// triggered again or parked again, at most six hours at a time (or its patience, if longer).
    #[must_use]
    pub fn due_at(&self, task: &Task) -> Timestamp {
        let patience = task.id.kind.patience();
        let most = patience.max(SignedDuration::from_hours(6));
        let doubled = |times: u32| (patience * 2_i32.saturating_pow(times.min(10))).min(most);
        if let Some(overdue) = self.overdue.get(&task.id) {
            return overdue.last_at + doubled(overdue.times);
        }
        // What was taken up and parked again waits longer each time: stock that some other order could use must not
        // fill this one's stream.
        let again = if self.parked.contains_key(&task.id) {
            self.parkings.get(&task.id).map_or(0, |times| times - 1)
        } else {
            0
        };
        task.since.max(self.moved_at(&task.id)) + doubled(again)
    }

    /// Parked tasks that are still owed. One that was done all the same, by somebody who was under way when it was
    /// parked, needs nobody any more.
    pub(crate) fn waiting(&self) -> Vec<&At<Parked>> {
        self.owed().iter().filter_map(|task| self.parked.get(&task.id)).collect()
    }

    /// When a task was last parked or taken up again.
    fn moved_at(&self, task: &TaskId) -> Timestamp {
        let unparked = self.unparked.get(task).copied();
        let parked = self.parked.get(task).map(|parked| parked.at);
        unparked.max(parked).unwrap_or(Timestamp::MIN)
    }

    /// The earliest moment at which somebody has to look at the order again; `None` where only a person can help.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        let waiting_for_nobody =
            |task: &&Task| self.parked.get(&task.id).is_none_or(|parked| parked.fact.waits_on.key().is_some());
        self.outstanding().iter().filter(waiting_for_nobody).map(|task| self.due_at(task)).min()
    }
}
