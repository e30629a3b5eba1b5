//! What would happen: the outside calls and documents that an order's facts lead to, in order, without making any.

use jiff::Timestamp;

use crate::cancel::quantities;
use crate::event::{Allocation, Application, CreditApplication, Document, Event};
use crate::ids::ConnectionId;
use crate::money::Minor;
use crate::order::Order;
use crate::outstanding::{Task, TaskKind};
use crate::posting::ApplicationPlan;
use crate::reversals::{Disposition, IssuedRefund, Receipt, ReceiptLine, next};
use crate::reversing::CreditPlan;
use crate::sales::{RefundStatus, RefundTender};
use crate::shipping::units;

/// One outside call that will be made.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Effect {
    /// The task that makes it: `post_credit_memo:CM1`.
    pub task: String,
    /// The system that is called.
    pub system: ConnectionId,
    /// Our reference of the document that it makes or changes.
    pub reference: String,
    /// What the document comes to, in minor units of the order's currency; absent where it is no money.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount_minor: Option<Minor>,
    /// What has to happen first, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<&'static str>,
}

/// What would follow from a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreseen {
    /// The facts that would be recorded at once.
    pub facts: Vec<Event>,
    /// Every outside call, in order.
    pub effects: Vec<Effect>,
    /// Money that would go back to the buyer, in minor units of the order's currency.
    pub refunded_minor: Minor,
}

impl Foreseen {
    /// Nothing follows from it that calls anybody.
    #[must_use]
    pub const fn nothing() -> Self {
        Self { facts: Vec::new(), effects: Vec::new(), refunded_minor: Minor::ZERO }
    }
}

/// No order owes so many things.
const MOST: usize = 500;

/// What is said of effects that come only once the goods are promised.
const WHEN_IN_STOCK: &str = "when the goods are promised from stock";

/// What is said of effects that come only with the goods.
const WHEN_RETURNED: &str = "when the goods are back, all of them and sellable";

impl Order {
    /// Every outside call that the order would owe after these facts, supposing that each goes well, that the 3PL
    /// stops what it is asked to stop, and that announced goods come back as announced.
    #[must_use]
    pub fn foresee(&self, facts: &[Event], at: Timestamp) -> Foreseen {
        let mut order = self.clone();
        order.evolve_all(facts, at);
        let mut facts = facts.to_vec();
        facts.extend(order.settle_consequences(at));
        let (mut effects, mut when) = (Vec::new(), None);
        for _ in 0..MOST {
            order.settle_consequences(at);
            if let Some(promised) = order.promised_anew(self) {
                order.evolve(&promised, at);
                continue;
            }
            let next = order.outstanding().iter().find_map(|task| order.foreseen(task, at));
            if let Some((effect, fact)) = next {
                order.evolve_all(&fact, at);
                effects.push(Effect { when, ..effect });
            } else if let Some(receipt) = order.goods_come_back(at) {
                when = Some(WHEN_RETURNED);
                order.evolve(&receipt, at);
            } else if let Some(promised) = order.sent_again(self) {
                when = Some(WHEN_IN_STOCK);
                order.evolve(&promised, at);
            } else {
                break;
            }
        }
        let before = self.refunded().unwrap_or_default();
        let refunded_minor = order.refunded().and_then(|after| after.minus(before)).unwrap_or_default();
        Foreseen { facts, effects, refunded_minor }
    }

    /// What is still wanted of allocations that were stopped since `before` is sent anew from where it was: its stock was
    /// just freed there. Of anything else nobody knows where, or whether, it will be in stock.
    fn promised_anew(&self, before: &Self) -> Option<Event> {
        let stopped = |order: &Self, number: u32, line: usize| {
            let stops = order.reversals.stops.get(&number).into_iter().flatten();
            units(stops.flat_map(|stop| &stop.stopped), line)
        };
        let number = self.reversals.stops.keys().copied().find(|number| {
            self.unallocated().any(|(line, ..)| stopped(self, *number, line) > stopped(before, *number, line))
        })?;
        let freed = |line: usize| stopped(self, number, line).saturating_sub(stopped(before, number, line));
        let lines = self.unallocated().map(|(line, _, wanted)| (line, wanted.min(freed(line)))).collect();
        let stopped = &self.allocations.get(&number)?.fact;
        let (number, lines) = (self.next_allocation(), quantities(&lines));
        Some(Event::OrderAllocated(Allocation { number, lines, ..stopped.clone() }))
    }

    /// What is to be sent again and was not wanted `before`, from where the goods left first.
    fn sent_again(&self, before: &Self) -> Option<Event> {
        let wanted = |line: usize| self.wanted(line).saturating_sub(before.wanted(line));
        let lines = self.unallocated().map(|(line, _, units)| (line, units.min(wanted(line)))).collect();
        let lines = quantities(&lines);
        let first = &self.allocations.get(&self.shipments.values().next()?.fact.allocation)?.fact;
        let number = self.next_allocation();
        (!lines.is_empty()).then(|| Event::OrderAllocated(Allocation { number, lines, ..first.clone() }))
    }

    /// The arrival of the first return that is waited for.
    fn goods_come_back(&self, at: Timestamp) -> Option<Event> {
        let waited = self.outstanding().into_iter().find(|task| task.id.kind == TaskKind::AwaitReturn)?;
        let known = &self.reversals.returns.get(&waited.number)?.fact;
        let location = self.shipments.values().next()?.fact.location.clone();
        let lines = known.lines.iter().filter_map(|of| {
            let (sku, disposition) = (self.sku(of.line)?.clone(), Disposition::Restock);
            Some(ReceiptLine { line: Some(of.line), sku, quantity: of.quantity, disposition })
        });
        Some(Event::ReturnReceived(Receipt {
            number: next(&self.reversals.receipts),
            of_return: Some(known.number),
            id: format!("foreseen-{}", known.number),
            location,
            lines: lines.collect(),
            completed: true,
            received_at: at,
        }))
    }

    /// The facts of a commit, and the order after them: what was decided, what follows from it, and that the order is completed
    /// where nothing is left to do.
    #[must_use]
    pub fn with_consequences(&self, decided: Vec<Event>, at: Timestamp) -> (Vec<Event>, Self) {
        let (mut events, mut next) = (decided, self.clone());
        next.evolve_all(&events, at);
        events.extend(next.settle_consequences(at));
        if next.is_finished() && next.completed_at.is_none() {
            events.push(Event::OrderCompleted {});
            next.evolve(&Event::OrderCompleted {}, at);
        }
        (events, next)
    }

    /// Adds what follows from the facts, and the facts that follow from that.
    pub fn settle_consequences(&mut self, at: Timestamp) -> Vec<Event> {
        let mut all = Vec::new();
        while let Some(events) = self.consequence().filter(|_| all.len() < MOST) {
            self.evolve_all(&events, at);
            all.extend(events);
        }
        all
    }

    fn evolve_all(&mut self, events: &[Event], at: Timestamp) {
        events.iter().for_each(|event| self.evolve(event, at));
    }

    fn foreseen(&self, task: &Task, at: Timestamp) -> Option<(Effect, Vec<Event>)> {
        let routes = &self.accepted.as_ref()?.fact.routes;
        let (system, amount, events) = if TaskKind::ERP.contains(&task.id.kind) {
            let (amount, event) = self.foreseen_posting(task)?;
            (routes.erp.clone(), amount, vec![event])
        } else if TaskKind::STOREFRONT.contains(&task.id.kind) {
            let (amount, event) = self.foreseen_at_storefront(task, at)?;
            (routes.storefront.clone()?, amount, vec![event])
        } else {
            (routes.fulfillment.clone(), None, self.foreseen_at_3pl(task)?)
        };
        let reference = self.foreseen_reference(task)?;
        Some((Effect { task: task.id.to_string(), system, reference, amount_minor: amount, when: None }, events))
    }

    /// The reference of the document that a task makes or changes: an amendment changes the sales order, an application
    /// of credit the credit memo, and the storefront's order is known by its own identity there.
    fn foreseen_reference(&self, task: &Task) -> Option<String> {
        if task.id.kind == TaskKind::CancelAtStorefront {
            Some(self.id.channel.to_string())
        } else if task.id.kind == TaskKind::AmendSalesOrder {
            self.reference("SO")
        } else if task.id.kind == TaskKind::ApplyCredit {
            self.reference(&format!("CM{}", self.next_credit_application()?.refund))
        } else {
            self.reference(&task.id.document)
        }
    }

    fn foreseen_at_3pl(&self, task: &Task) -> Option<Vec<Event>> {
        let (kind, number) = (task.id.kind, task.number);
        if kind == TaskKind::RequestFulfillment {
            Some(vec![Event::FulfillmentRequested { number, document: self.paper(task, None) }])
        } else if kind == TaskKind::AnnounceReturn {
            Some(vec![Event::ReturnAnnounced { number, document: self.paper(task, None) }])
        } else if kind == TaskKind::CancelFulfillment {
            let allocation = self.allocations.get(&number)?;
            let open = self.unshipped_of(allocation);
            let told: Vec<_> = open.iter().filter_map(|l| Some((self.sku(l.line)?.clone(), l.quantity))).collect();
            Some(crate::cancel::stop_answered(self, number, &told).events)
        } else {
            None
        }
    }

    fn foreseen_at_storefront(&self, task: &Task, at: Timestamp) -> Option<(Option<Minor>, Event)> {
        let (kind, document) = (task.id.kind, self.paper(task, None));
        if kind == TaskKind::AnnounceShipment {
            Some((None, Event::ShipmentAnnounced { shipment: task.number, document }))
        } else if kind == TaskKind::CancelAtStorefront {
            Some((None, Event::StorefrontCancelled { document }))
        } else if kind == TaskKind::IssueRefund {
            let refund = &self.reversals.refunds.get(&task.number)?.fact;
            let gateway = self.captured_tenders().next().map(|(_, tender)| tender.gateway.clone())?;
            let (id, status) = ("foreseen".to_owned(), RefundStatus::Succeeded);
            let tender = RefundTender { id, gateway, amount: refund.total, status };
            let issued = IssuedRefund { id: format!("foreseen-{}", refund.number), at, tenders: vec![tender] };
            Some((Some(refund.total), Event::RefundIssued { number: refund.number, issued }))
        } else {
            None
        }
    }

    fn foreseen_posting(&self, task: &Task) -> Option<(Option<Minor>, Event)> {
        let amount = self.foreseen_amount(task)?;
        Some((amount, self.posted_as(task, self.paper(task, amount))?))
    }

    /// The fact that the ERP has the document of a task.
    pub(crate) fn posted_as(&self, task: &Task, document: Document) -> Option<Event> {
        let number = task.number;
        Some(match task.id.kind {
            TaskKind::PostSalesOrder => Event::SalesOrderPosted { document },
            TaskKind::PostDeposit => Event::DepositPosted { tender: self.deposit_draft(number)?.0.id, document },
            TaskKind::PostItemFulfillment => Event::ItemFulfillmentPosted { shipment: number, document },
            TaskKind::PostInvoice => Event::InvoicePosted { shipment: number, document },
            TaskKind::AmendSalesOrder => Event::SalesOrderAmended { revision: number, document },
            TaskKind::PostReturnAuthorization => Event::ReturnAuthorizationPosted { number, document },
            TaskKind::PostItemReceipt => Event::ItemReceiptPosted { receipt: number, document },
            TaskKind::PostAdjustment => Event::AdjustmentPosted { receipt: number, document },
            TaskKind::PostCreditMemo => Event::CreditMemoPosted { refund: number, document },
            TaskKind::PostCustomerRefund => Event::CustomerRefundPosted { number, document },
            TaskKind::PostDispute => Event::DisputePosted { number, document },
            TaskKind::SettleDispute => Event::DisputeSettled { number, document },
            TaskKind::ApplyDeposit => {
                let ApplicationPlan { number, shipment, tender, amount } = self.next_application()?;
                Event::DepositApplied(Application { number, shipment, tender, amount, document })
            }
            TaskKind::ApplyCredit => {
                let CreditPlan { number, refund, shipment, amount } = self.next_credit_application()?;
                Event::CreditApplied(CreditApplication { number, refund, shipment, amount, document })
            }
            TaskKind::Allocate
            | TaskKind::RequestFulfillment
            | TaskKind::ConfirmShipment
            | TaskKind::AnnounceShipment
            | TaskKind::CancelFulfillment
            | TaskKind::AnnounceReturn
            | TaskKind::AwaitReturn
            | TaskKind::ReadSales
            | TaskKind::IssueRefund
            | TaskKind::CancelAtStorefront => return None,
        })
    }

    /// What a document will come to; nothing inside where it is no money, nothing at all where it cannot be made.
    pub(crate) fn foreseen_amount(&self, task: &Task) -> Option<Option<Minor>> {
        let (kind, number) = (task.id.kind, task.number);
        Some(if kind == TaskKind::PostSalesOrder {
            Some(self.sales_order_draft().ok()??.total)
        } else if kind == TaskKind::PostDeposit {
            Some(self.deposit_draft(number)?.1.amount)
        } else if kind == TaskKind::PostInvoice {
            Some(self.invoice_draft(number).ok()??.total)
        } else if kind == TaskKind::ApplyDeposit {
            Some(self.next_application()?.amount)
        } else if kind == TaskKind::PostCreditMemo {
            Some(self.credit_draft(number).ok()??.1.total)
        } else if kind == TaskKind::PostCustomerRefund {
            Some(self.customer_refund_draft(number)?.amount)
        } else if kind == TaskKind::PostDispute {
            Some(self.dispute_draft(number)?.amount)
        } else if kind == TaskKind::SettleDispute {
            Some(self.dispute_end_draft(number)?.amount)
        } else if kind == TaskKind::ApplyCredit {
            Some(self.next_credit_application()?.amount)
        } else {
            None
        })
    }

    fn paper(&self, task: &Task, total_minor: Option<Minor>) -> Document {
        let system = self.accepted.as_ref().map_or_else(|| self.id.connection.clone(), |a| a.fact.routes.erp.clone());
        let reference = self.reference(&task.id.document);
        Document { system, id: format!("foreseen-{}", task.id), reference, total_minor }
    }
}
