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
    /// Have the 3PL stop an allocation.
    CancelFulfillment,
    /// Tell the 3PL of goods that will come back.
    AnnounceReturn,
    /// Learn what came back: normally by webhook, else by asking.
    AwaitReturn,
    /// Read what the storefront's sales ledger says has changed.
    ReadSales,
    /// Pay money back through the storefront.
    IssueRefund,
    /// Have the storefront show the order as cancelled.
    CancelAtStorefront,
    /// Make the sales order read as the order does now.
    AmendSalesOrder,
    /// Post the return authorization of a return.
    PostReturnAuthorization,
    /// Post the item receipt of what came back.
    PostItemReceipt,
    /// Post what came back and belongs to no line.
    PostAdjustment,
    /// Post the credit memo of a refund.
    PostCreditMemo,
    /// Post money that went back.
    PostCustomerRefund,
    /// Settle an invoice by a credit memo.
    ApplyCredit,
    /// Post the money that a dispute withholds.
    PostDispute,
    /// Post how a dispute ended.
    SettleDispute,
}

impl TaskKind {
    /// All kinds.
    pub const ALL: [Self; 24] = [
        Self::Allocate,
        Self::RequestFulfillment,
        Self::ConfirmShipment,
        Self::AnnounceShipment,
        Self::PostSalesOrder,
        Self::PostDeposit,
        Self::PostItemFulfillment,
        Self::PostInvoice,
        Self::ApplyDeposit,
        Self::CancelFulfillment,
        Self::AnnounceReturn,
        Self::AwaitReturn,
        Self::ReadSales,
        Self::IssueRefund,
        Self::CancelAtStorefront,
        Self::AmendSalesOrder,
        Self::PostReturnAuthorization,
        Self::PostItemReceipt,
        Self::PostAdjustment,
        Self::PostCreditMemo,
        Self::PostCustomerRefund,
        Self::ApplyCredit,
        Self::PostDispute,
        Self::SettleDispute,
    ];

    /// Kinds that `post-to-erp` does.
    pub const ERP: [Self; 14] = [
        Self::PostSalesOrder,
        Self::PostDeposit,
        Self::PostItemFulfillment,
        Self::PostInvoice,
        Self::ApplyDeposit,
        Self::AmendSalesOrder,
        Self::PostReturnAuthorization,
        Self::PostItemReceipt,
        Self::PostAdjustment,
        Self::PostCreditMemo,
        Self::PostCustomerRefund,
        Self::ApplyCredit,
        Self::PostDispute,
        Self::SettleDispute,
    ];
    /// Kinds that `request-fulfillment` does.
    pub const FULFILLMENT: [Self; 5] = [
        Self::RequestFulfillment,
        Self::ConfirmShipment,
        Self::CancelFulfillment,
        Self::AnnounceReturn,
        Self::AwaitReturn,
    ];
    /// Kinds that `update-storefront` does.
    pub const STOREFRONT: [Self; 4] =
        [Self::AnnounceShipment, Self::ReadSales, Self::IssueRefund, Self::CancelAtStorefront];

    /// Whether the task is done by somebody else's word and only asked after when that is late.
    #[must_use]
    pub const fn is_waited_for(self) -> bool {
        matches!(self, Self::ConfirmShipment | Self::AwaitReturn)
    }

    /// How long the fast path may take before the task is triggered again. The customer waits for allocation and
    /// parcels, the books can wait a little, a warehouse takes its hours.
    #[must_use]
    pub const fn patience(self) -> SignedDuration {
        match self {
            Self::Allocate => SignedDuration::from_secs(60),
            // A parcel that should not leave is as urgent as one that should; a promised refund is waited for.
            Self::CancelFulfillment => SignedDuration::from_secs(90),
            Self::RequestFulfillment
            | Self::AnnounceShipment
            | Self::ReadSales
            | Self::IssueRefund
            | Self::CancelAtStorefront
            | Self::AnnounceReturn => SignedDuration::from_secs(120),
            Self::PostSalesOrder
            | Self::PostDeposit
            | Self::PostItemFulfillment
            | Self::PostInvoice
            | Self::ApplyDeposit
            | Self::AmendSalesOrder
            | Self::PostReturnAuthorization
            | Self::PostItemReceipt
            | Self::PostAdjustment
            | Self::PostCreditMemo
            | Self::PostCustomerRefund
            | Self::ApplyCredit
            | Self::PostDispute
            | Self::SettleDispute => SignedDuration::from_secs(300),
            Self::ConfirmShipment => SignedDuration::from_hours(12),
            // Buyers take their time; after the second look somebody is told.
            Self::AwaitReturn => SignedDuration::from_hours(24 * 14),
        }
    }
}

/// Whom it hurts that a task is late, most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criticality {
    /// The buyer waits for it.
    CustomerFacing,
    /// A parcel waits for it.
    Fulfilment,
    /// The books wait for it.
    Financial,
}

impl TaskKind {
    /// Whom it hurts that a task of this kind is late.
    #[must_use]
    pub const fn criticality(self) -> Criticality {
        match self {
            Self::Allocate
            | Self::AnnounceShipment
            | Self::ReadSales
            | Self::IssueRefund
            | Self::CancelAtStorefront => Criticality::CustomerFacing,
            Self::RequestFulfillment
            | Self::ConfirmShipment
            | Self::CancelFulfillment
            | Self::AnnounceReturn
            | Self::AwaitReturn => Criticality::Fulfilment,
            Self::PostSalesOrder
            | Self::PostDeposit
            | Self::PostItemFulfillment
            | Self::PostInvoice
            | Self::ApplyDeposit
            | Self::AmendSalesOrder
            | Self::PostReturnAuthorization
            | Self::PostItemReceipt
            | Self::PostAdjustment
            | Self::PostCreditMemo
            | Self::PostCustomerRefund
            | Self::ApplyCredit
            | Self::PostDispute
            | Self::SettleDispute => Criticality::Financial,
        }
    }

    /// Whether it posts money that a buyer is owed.
    #[must_use]
    pub const fn is_owed_to_a_buyer(self) -> bool {
        matches!(self, Self::PostCreditMemo | Self::PostCustomerRefund)
    }

    /// Which facts can make a task of this kind outstanding; a test derives the same from generated histories and
    /// holds both against the bus's rules. Facts that the function doing the task writes itself are left out: it goes
    /// on by itself. `TaskReleased` and `TaskDue` name their task and are routed by it. A hold hides every task, so its
    /// end brings back whatever was left to do.
    #[must_use]
    pub const fn made_outstanding_by(self) -> &'static [&'static str] {
        match self {
            Self::Allocate => &[
                "FulfillmentStopped.v1",
                "OrderAccepted.v1",
                "OrderEdited.v1",
                "OrderReleased.v1",
                "ReturnAuthorized.v1",
                "ReturnResolved.v1",
                "SalesRead.v1",
            ],
            Self::PostSalesOrder => &["OrderAccepted.v1", "OrderReleased.v1", "TenderCaptured.v1"],
            Self::RequestFulfillment => &["OrderAllocated.v1", "OrderReleased.v1", "SalesRead.v1"],
            // Waited for: the 3PL's webhook does it, or the deadline asks.
            Self::ConfirmShipment | Self::AwaitReturn => &[],
            Self::AnnounceShipment | Self::PostItemFulfillment => &["OrderReleased.v1", "ShipmentRecorded.v1"],
            Self::PostDeposit => &["OrderReleased.v1", "TenderCaptured.v1"],
            // What has left instead cannot be stopped any more: another allocation has to be.
            Self::CancelFulfillment => {
                &["OrderCancelled.v1", "OrderReleased.v1", "ShipmentRecorded.v1", "ShortageFound.v1"]
            }
            Self::AnnounceReturn => &["OrderReleased.v1", "ReturnAuthorized.v1", "ShipmentRecorded.v1"],
            // A hold does not hide it: what the storefront says may end the hold.
            Self::ReadSales => &["OrderAccepted.v1", "StorefrontChanged.v1"],
            Self::IssueRefund => &["DisputeClosed.v1", "OrderReleased.v1", "RefundDecided.v1"],
            Self::CancelAtStorefront => &["FulfillmentStopped.v1", "OrderCancelled.v1", "OrderReleased.v1"],
            Self::AmendSalesOrder => &[
                "FulfillmentStopped.v1",
                "OrderCancelled.v1",
                "OrderEdited.v1",
                "OrderReleased.v1",
                "ReturnAuthorized.v1",
                "ReturnResolved.v1",
            ],
            // A return that was called off is one all the same once goods of it are there.
            Self::PostReturnAuthorization => &["OrderReleased.v1", "ReturnAuthorized.v1", "ReturnReceived.v1"],
            Self::PostItemReceipt | Self::PostAdjustment => &["OrderReleased.v1", "ReturnReceived.v1"],
            Self::PostCreditMemo => &["OrderReleased.v1", "RefundDecided.v1", "RefundIssued.v1", "RefundRecorded.v1"],
            Self::PostCustomerRefund => &["OrderReleased.v1", "RefundIssued.v1", "RefundRecorded.v1"],
            Self::PostDispute => &["DisputeOpened.v1", "OrderReleased.v1"],
            Self::SettleDispute => &["DisputeClosed.v1", "OrderReleased.v1"],
            // After the sales order, the item fulfilment, the invoice or the credit memo, which the same function posts.
            Self::PostInvoice | Self::ApplyDeposit | Self::ApplyCredit => &["OrderReleased.v1"],
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
        match self.status() {
            Status::Accepted | Status::Fulfilling | Status::Shipped | Status::Cancelled | Status::Completed => {
                self.owed()
            }
            // What the storefront says may be what ends the hold.
            Status::Held => {
                let mut tasks = Vec::new();
                self.owe_reading(&mut tasks);
                tasks
            }
            Status::Announced | Status::Refused | Status::Test => Vec::new(),
        }
    }

    /// What would be left to do if nothing held the order.
    fn owed(&self) -> Vec<Task> {
        let mut tasks = Vec::new();
        self.owe_reading(&mut tasks);
        self.owe_allocation(&mut tasks);
        self.owe_fulfillment(&mut tasks);
        self.owe_returns(&mut tasks);
        self.owe_announcements(&mut tasks);
        self.owe_refunds(&mut tasks);
        self.owe_postings(&mut tasks);
        tasks
    }

    fn owe_reading(&self, tasks: &mut Vec<Task>) {
        let (reversals, known) = (&self.reversals, u32::try_from(self.reversals.changes.len()).unwrap_or(u32::MAX));
        let Some(accepted) = self.accepted.as_ref().filter(|a| a.fact.routes.storefront.is_some()) else { return };
        if let Some(changed_at) = reversals.changed_at.filter(|_| self.has_unread_changes()) {
            tasks.push(Task::new(TaskKind::ReadSales, "V", known, changed_at.max(accepted.at)));
        }
    }

    /// Whether the storefront has changed something that was not read yet: nothing more is sent out until then.
    fn has_unread_changes(&self) -> bool {
        self.reversals.changes.len() > self.reversals.read as usize
    }

    fn owe_allocation(&self, tasks: &mut Vec<Task>) {
        let Some(accepted) = &self.accepted else { return };
        if !self.has_unread_changes() && self.unallocated().next().is_some() {
            let since = self.released_at.unwrap_or(accepted.at);
            tasks.push(Task::new(TaskKind::Allocate, "A", self.next_allocation(), since));
        }
    }

    fn owe_fulfillment(&self, tasks: &mut Vec<Task>) {
        let to_stop = self.to_stop();
        for allocation in self.allocations.values() {
            let number = allocation.fact.number;
            if self.unshipped_of(allocation).is_empty() {
                continue;
            }
            let task = match self.fulfillments.get(&number) {
                _ if to_stop.contains(&number) => {
                    let short = self.shortages.get(&number).map(|known| known.at);
                    let since = self.last_cancelled_at().max(short).unwrap_or(allocation.at).max(allocation.at);
                    Task::new(TaskKind::CancelFulfillment, "F", number, since)
                }
                None if self.has_unread_changes() => continue,
                None => Task::new(TaskKind::RequestFulfillment, "F", number, allocation.at),
                Some(fulfillment) => Task::new(TaskKind::ConfirmShipment, "F", number, fulfillment.at),
            };
            tasks.push(task);
        }
    }

    fn owe_returns(&self, tasks: &mut Vec<Task>) {
        let reversals = &self.reversals;
        for known in self.authorized_returns().filter(|known| known.expects_goods && !self.is_return_over(known)) {
            let number = known.number;
            let since = reversals.authorized.get(&number).copied().unwrap_or(Timestamp::UNIX_EPOCH);
            let left = known.lines.iter().all(|line| self.shipped(line.line) >= line.quantity);
            if let Some(announced) = reversals.announced.get(&number) {
                tasks.push(Task::new(TaskKind::AwaitReturn, "RMA", number, announced.at));
            } else if left {
                let last = self.shipments.values().map(|shipment| shipment.at).max().unwrap_or(since);
                tasks.push(Task::new(TaskKind::AnnounceReturn, "RMA", number, since.max(last)));
            }
        }
    }

    fn owe_announcements(&self, tasks: &mut Vec<Task>) {
        if self.accepted.as_ref().is_none_or(|a| a.fact.routes.storefront.is_none()) {
            return;
        }
        let untold = self.shipments.values().filter(|s| !self.announcements.contains_key(&s.fact.number));
        let untold = untold.filter(|s| !self.to_announce(s.fact.number).is_empty());
        tasks.extend(untold.map(|s| Task::new(TaskKind::AnnounceShipment, "S", s.fact.number, s.at)));
    }

    fn owe_refunds(&self, tasks: &mut Vec<Task>) {
        if self.accepted.as_ref().is_none_or(|a| a.fact.routes.storefront.is_none()) {
            return;
        }
        let reversals = &self.reversals;
        let settled = reversals.dispute_ends.values().map(|end| end.at).max();
        let since = |number: u32| {
            reversals
                .refunds
                .get(&number)
                .map_or(Timestamp::UNIX_EPOCH, |known| known.at)
                .max(settled.unwrap_or_default())
        };
        // What the storefront has changed may be a refund, or a cancellation, of its own.
        let issuable = self.refunds_to_issue().filter(|_| !self.is_disputed() && !self.has_unread_changes());
        tasks.extend(issuable.map(|r| Task::new(TaskKind::IssueRefund, "R", r.number, since(r.number))));
        let by_us = reversals.cancellations.values().any(|known| known.fact.by.refunded_by_us());
        let shown = reversals.storefront_cancelled.is_some() || self.is_cancelled_at_storefront();
        if by_us
            && self.is_cancelled()
            && !shown
            && self.to_stop().is_empty()
            && self.refunds_to_issue().next().is_none()
        {
            let since = self.last_cancelled_at().unwrap_or(Timestamp::UNIX_EPOCH);
            tasks.push(Task::new(TaskKind::CancelAtStorefront, "X", 1, since));
        }
    }

    fn owe_postings(&self, tasks: &mut Vec<Task>) {
        let Some(accepted) = &self.accepted else { return };
        let Some(sales_order) = &self.sales_order else {
            // Where nothing was paid and nothing will leave, there is nothing to tell the books.
            let paid = self.captured_tenders().any(|(_, tender)| tender.amount > Minor::ZERO);
            if paid || !self.is_cancelled() {
                let since = self.released_at.unwrap_or(accepted.at);
                tasks.push(Task::new(TaskKind::PostSalesOrder, "SO", 1, since));
            }
            return;
        };
        for (number, tender) in self.captured_tenders() {
            // A free order is "paid" by nothing, and nothing is no deposit.
            if tender.amount > Minor::ZERO && !self.deposits.contains_key(&tender.id) {
                tasks.push(Task::new(TaskKind::PostDeposit, "DEP", number, sales_order.at.max(tender.at)));
            }
        }
        let revision = self.revision();
        if self.reversals.amended < revision {
            // What it says is what fulfilments and invoices stand on.
            let since = self.revised_at().unwrap_or(sales_order.at).max(sales_order.at);
            tasks.push(Task::new(TaskKind::AmendSalesOrder, "AM", revision, since));
        } else {
            self.owe_shipment_postings(sales_order.at, tasks);
        }
        self.owe_reversal_postings(sales_order.at, tasks);
        self.owe_dispute_postings(sales_order.at, tasks);
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

    fn owe_reversal_postings(&self, sales_order_at: Timestamp, tasks: &mut Vec<Task>) {
        let reversals = &self.reversals;
        // What came back stands on what left: the ERP refuses a return of units that it has not seen leave.
        let in_order = self.shipments.keys().all(|number| self.invoices.contains_key(number));
        for known in self.authorized_returns().filter(|known| self.goes_by_authorization(known)) {
            let since = reversals.authorized.get(&known.number).copied().unwrap_or(sales_order_at).max(sales_order_at);
            if in_order && !reversals.return_authorizations.contains_key(&known.number) && self.has_left(known) {
                tasks.push(Task::new(TaskKind::PostReturnAuthorization, "RA", known.number, since));
            }
        }
        for receipt in reversals.receipts.values() {
            let (number, since) = (receipt.fact.number, receipt.at.max(sales_order_at));
            let authorized = receipt.fact.of_return.is_some_and(|of| reversals.return_authorizations.contains_key(&of));
            let (ours, foreign) = (self.has_units(&receipt.fact, true), self.has_units(&receipt.fact, false));
            if ours && authorized && !reversals.item_receipts.contains_key(&number) {
                tasks.push(Task::new(TaskKind::PostItemReceipt, "IR", number, since));
            }
            if foreign && !reversals.adjustments.contains_key(&number) {
                tasks.push(Task::new(TaskKind::PostAdjustment, "IA", number, since));
            }
        }
        self.owe_refund_postings(in_order, tasks);
    }

    fn owe_dispute_postings(&self, sales_order_at: Timestamp, tasks: &mut Vec<Task>) {
        let reversals = &self.reversals;
        for (number, dispute) in &reversals.disputes {
            if self.dispute_draft(*number).is_none() {
                continue;
            }
            if !reversals.dispute_journals.contains_key(number) {
                tasks.push(Task::new(TaskKind::PostDispute, "DI", *number, dispute.at.max(sales_order_at)));
            }
            let end = reversals.dispute_ends.get(number);
            if let Some(end) = end.filter(|_| !reversals.dispute_settlements.contains_key(number)) {
                tasks.push(Task::new(TaskKind::SettleDispute, "DO", *number, end.at.max(sales_order_at)));
            }
        }
    }

    fn owe_refund_postings(&self, in_order: bool, tasks: &mut Vec<Task>) {
        let reversals = &self.reversals;
        for refund in self.standing_refunds().filter(|refund| self.is_settled(refund)) {
            let number = refund.number;
            let decided = reversals.refunds.get(&number).map_or(Timestamp::UNIX_EPOCH, |known| known.at);
            let since = reversals.issued.get(&number).map_or(decided, |issued| issued.at);
            if self.owes_credit_memo(refund, in_order) {
                tasks.push(Task::new(TaskKind::PostCreditMemo, "CM", number, since));
            }
            let ready = |posting: &&crate::reversing::RefundPosting| self.is_posting_ready(posting);
            let postings = self.refund_postings();
            let open = postings.iter().filter(|posting| posting.number / 100 == number).filter(ready);
            tasks.extend(open.map(|posting| Task::new(TaskKind::PostCustomerRefund, "CR", posting.number, since)));
        }
        if let Some(plan) = self.next_credit_application() {
            let since = self.invoices.get(&plan.shipment).map_or(Timestamp::UNIX_EPOCH, |invoice| invoice.at);
            tasks.push(Task::new(TaskKind::ApplyCredit, "CA", plan.number, since));
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
