//! What would happen: the outside calls and documents that an order's facts lead to, in order, without making any.

use jiff::Timestamp;

use crate::event::{Document, Event};
use crate::ids::ConnectionId;
use crate::money::Minor;
use crate::order::Order;
use crate::outstanding::{Task, TaskKind};
use crate::reversals::{IssuedRefund, RefundOrigin};
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
}

/// No order owes so many things.
const MOST: usize = 500;

impl Order {
    /// Every outside call that the order owes from here on, supposing that each goes well, that the 3PL stops what it
    /// is asked to stop, and that what is only waited for does not come.
    #[must_use]
    pub fn foresee(&self, at: Timestamp) -> Vec<Effect> {
        let (mut order, mut effects) = (self.clone(), Vec::new());
        for _ in 0..MOST {
            order.settle_consequences(at);
            let Some((effect, fact)) = order.outstanding().iter().find_map(|task| order.foreseen(task, at)) else {
                break;
            };
            order.evolve_all(&fact, at);
            effects.push(effect);
        }
        effects
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
        Some((Effect { task: task.id.to_string(), system, reference, amount_minor: amount }, events))
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

    /// The money that goes back by refunds that are not issued yet.
    ///
    /// # Errors
    /// Overflow.
    pub fn refund_promised(&self) -> Result<Minor, crate::money::MoneyError> {
        let open = self.refunds_to_issue().filter(|refund| refund.origin != RefundOrigin::Overtaken);
        Minor::sum(open.map(|refund| refund.total))
    }
}
