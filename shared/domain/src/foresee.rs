//! What would happen: the outside calls and documents that an order's facts lead to, in order, without making any.

use jiff::Timestamp;

use crate::event::{Document, Event};
use crate::ids::ConnectionId;
use crate::money::Minor;
use crate::order::Order;
use crate::outstanding::{Task, TaskKind};
use crate::reversals::{Disposition, IssuedRefund, Receipt, ReceiptLine, next};
use crate::sales::{RefundStatus, RefundTender};

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

/// No order owes so many things.
const MOST: usize = 500;

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
            let next = order.outstanding().iter().find_map(|task| order.foreseen(task, at));
            if let Some((effect, fact)) = next {
                order.evolve_all(&fact, at);
                effects.push(Effect { when, ..effect });
            } else if let Some(receipt) = order.goods_come_back(at) {
                when = Some(WHEN_RETURNED);
                order.evolve(&receipt, at);
            } else {
                break;
            }
        }
        let before = self.refunded().unwrap_or_default();
        let refunded_minor = order.refunded().and_then(|after| after.minus(before)).unwrap_or_default();
        Foreseen { facts, effects, refunded_minor }
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
        let named = match task.id.kind {
            TaskKind::AmendSalesOrder => "SO",
            TaskKind::CancelAtStorefront => "",
            _ => task.id.document.as_str(),
        };
        let reference = if named.is_empty() { self.id.channel.to_string() } else { self.reference(named)? };
        Some((Effect { task: task.id.to_string(), system, reference, amount_minor: amount, when: None }, events))
    }

    fn foreseen_at_3pl(&self, task: &Task) -> Option<Vec<Event>> {
        let document = self.paper(task, None);
        match task.id.kind {
            TaskKind::RequestFulfillment => Some(vec![Event::FulfillmentRequested { number: task.number, document }]),
            TaskKind::AnnounceReturn => Some(vec![Event::ReturnAnnounced { number: task.number, document }]),
            TaskKind::CancelFulfillment => {
                let allocation = self.allocations.get(&task.number)?;
                let open = self.unshipped_of(allocation);
                let told: Vec<_> = open.iter().filter_map(|l| Some((self.sku(l.line)?.clone(), l.quantity))).collect();
                Some(crate::cancel::stop_answered(self, task.number, &told).events)
            }
            _ => None,
        }
    }

    fn foreseen_at_storefront(&self, task: &Task, at: Timestamp) -> Option<(Option<Minor>, Event)> {
        let document = self.paper(task, None);
        match task.id.kind {
            TaskKind::AnnounceShipment => Some((None, Event::ShipmentAnnounced { shipment: task.number, document })),
            TaskKind::CancelAtStorefront => Some((None, Event::StorefrontCancelled { document })),
            TaskKind::IssueRefund => {
                let refund = &self.reversals.refunds.get(&task.number)?.fact;
                let gateway = self.captured_tenders().next().map(|(_, tender)| tender.gateway.clone())?;
                let tender = RefundTender {
                    id: "foreseen".into(),
                    gateway,
                    amount: refund.total,
                    status: RefundStatus::Succeeded,
                };
                let issued = IssuedRefund { id: format!("foreseen-{}", refund.number), at, tenders: vec![tender] };
                Some((Some(refund.total), Event::RefundIssued { number: refund.number, issued }))
            }
            _ => None,
        }
    }

    fn foreseen_posting(&self, task: &Task) -> Option<(Option<Minor>, Event)> {
        let number = task.number;
        let priced = |total: Minor| (Some(total), self.paper(task, Some(total)));
        Some(match task.id.kind {
            TaskKind::PostSalesOrder => {
                let (amount, document) = priced(self.sales_order_draft().ok()??.total);
                (amount, Event::SalesOrderPosted { document })
            }
            TaskKind::PostDeposit => {
                let (tender, draft) = self.deposit_draft(number)?;
                let (amount, document) = priced(draft.amount);
                (amount, Event::DepositPosted { tender: tender.id, document })
            }
            TaskKind::PostItemFulfillment => {
                (None, Event::ItemFulfillmentPosted { shipment: number, document: self.paper(task, None) })
            }
            TaskKind::PostInvoice => {
                let (amount, document) = priced(self.invoice_draft(number).ok()??.total);
                (amount, Event::InvoicePosted { shipment: number, document })
            }
            TaskKind::AmendSalesOrder => {
                (None, Event::SalesOrderAmended { revision: number, document: self.paper(task, None) })
            }
            _ => return self.foreseen_reversal(task),
        })
    }

    fn foreseen_reversal(&self, task: &Task) -> Option<(Option<Minor>, Event)> {
        let number = task.number;
        let document = |total: Option<Minor>| self.paper(task, total);
        Some(match task.id.kind {
            TaskKind::ApplyDeposit => {
                let plan = self.next_application()?;
                let (amount, document) = (plan.amount, document(Some(plan.amount)));
                let (number, shipment, tender) = (plan.number, plan.shipment, plan.tender);
                let fact = crate::event::Application { number, shipment, tender, amount, document };
                (Some(amount), Event::DepositApplied(fact))
            }
            TaskKind::PostReturnAuthorization => {
                (None, Event::ReturnAuthorizationPosted { number, document: document(None) })
            }
            TaskKind::PostItemReceipt => (None, Event::ItemReceiptPosted { receipt: number, document: document(None) }),
            TaskKind::PostAdjustment => (None, Event::AdjustmentPosted { receipt: number, document: document(None) }),
            TaskKind::PostCreditMemo => {
                let total = self.credit_draft(number).ok()??.1.total;
                (Some(total), Event::CreditMemoPosted { refund: number, document: document(Some(total)) })
            }
            TaskKind::PostCustomerRefund => {
                let amount = self.customer_refund_draft(number)?.amount;
                (Some(amount), Event::CustomerRefundPosted { number, document: document(Some(amount)) })
            }
            TaskKind::ApplyCredit => {
                let plan = self.next_credit_application()?;
                let (amount, document) = (plan.amount, document(Some(plan.amount)));
                let (number, refund, shipment) = (plan.number, plan.refund, plan.shipment);
                let fact = crate::event::CreditApplication { number, refund, shipment, amount, document };
                (Some(amount), Event::CreditApplied(fact))
            }
            _ => return None,
        })
    }

    fn paper(&self, task: &Task, total_minor: Option<Minor>) -> Document {
        let system = self.accepted.as_ref().map_or_else(|| self.id.connection.clone(), |a| a.fact.routes.erp.clone());
        let reference = self.reference(&task.id.document);
        Document { system, id: format!("foreseen-{}", task.id), reference, total_minor }
    }
}
