//! What the steps do outside, and the facts that come of it.

use crossdock_domain::event::{Application, CreditApplication, Document, FailureClass, Parked, WaitsOn};
use crossdock_domain::sourcing::{Sourcing, source};
use crossdock_domain::{Event, Minor, Order, Sku, Task, TaskKind};

use super::world::{Outside, World};
use crate::samples::settings;

/// All that a document says; `None` for tasks that make none.
pub fn content(order: &Order, task: &Task) -> Option<String> {
    let said = match task.id.kind {
        TaskKind::Allocate
        | TaskKind::ConfirmShipment
        | TaskKind::CancelFulfillment
        | TaskKind::AwaitReturn
        | TaskKind::ReadSales => return None,
        TaskKind::AnnounceReturn
        | TaskKind::IssueRefund
        | TaskKind::CancelAtStorefront
        | TaskKind::AmendSalesOrder
        | TaskKind::PostReturnAuthorization
        | TaskKind::PostItemReceipt
        | TaskKind::PostAdjustment
        | TaskKind::PostCreditMemo
        | TaskKind::PostCustomerRefund
        | TaskKind::ApplyCredit
        | TaskKind::PostDispute
        | TaskKind::SettleDispute => return reversal_content(order, task),
        TaskKind::RequestFulfillment => format!("{:?}", order.allocations.get(&task.number).unwrap().fact),
        TaskKind::AnnounceShipment => format!("{:?}", order.shipments.get(&task.number).unwrap().fact),
        TaskKind::PostSalesOrder => format!("{:?}", order.sales_order_draft().unwrap().unwrap()),
        TaskKind::PostDeposit => format!("{:?}", order.deposit_draft(task.number).unwrap()),
        TaskKind::PostItemFulfillment => format!("{:?}", order.item_fulfillment_draft(task.number).unwrap()),
        TaskKind::PostInvoice => format!("{:?}", order.invoice_draft(task.number).unwrap().unwrap()),
        TaskKind::ApplyDeposit => {
            let plan = order.next_application().unwrap();
            format!("{:?} {:?}", order.application_header(&plan).unwrap(), plan)
        }
    };
    Some(said)
}

/// The same, for what takes something back.
fn reversal_content(order: &Order, task: &Task) -> Option<String> {
    let (kind, number, taken_back) = (task.id.kind, task.number, &order.reversals);
    let said = if kind == TaskKind::AnnounceReturn {
        format!("{:?}", taken_back.returns.get(&number)?.fact.lines)
    } else if kind == TaskKind::IssueRefund {
        format!("{:?}", taken_back.refunds.get(&number)?.fact)
    } else if kind == TaskKind::CancelAtStorefront {
        format!("{:?}", taken_back.cancellations.values().next_back()?.fact.reason)
    } else if kind == TaskKind::AmendSalesOrder {
        format!("{:?}", order.amendment_draft().unwrap()?)
    } else if kind == TaskKind::PostReturnAuthorization {
        format!("{:?}", order.return_draft(number).unwrap()?)
    } else if kind == TaskKind::PostItemReceipt {
        format!("{:?}", order.receipt_draft(number)?)
    } else if kind == TaskKind::PostAdjustment {
        format!("{:?}", order.adjustment_draft(number)?)
    } else if kind == TaskKind::PostCreditMemo {
        format!("{:?}", order.credit_draft(number).unwrap()?)
    } else if kind == TaskKind::PostCustomerRefund {
        format!("{:?}", order.customer_refund_draft(number)?)
    } else if kind == TaskKind::PostDispute {
        format!("{:?}", order.dispute_draft(number)?)
    } else if kind == TaskKind::SettleDispute {
        format!("{:?}", order.dispute_end_draft(number)?)
    } else {
        let plan = order.next_credit_application()?;
        format!("{:?} {plan:?}", order.credit_application_draft(&plan)?)
    };
    Some(said)
}

/// The fact that a task was done, as its function writes it.
pub fn fact(order: &Order, task: &Task) -> Event {
    let number = task.number;
    match task.id.kind {
        TaskKind::RequestFulfillment => Event::FulfillmentRequested { number, document: paper(order, task, None) },
        TaskKind::AnnounceShipment => Event::ShipmentAnnounced { shipment: number, document: paper(order, task, None) },
        TaskKind::PostSalesOrder => {
            let total = order.sales_order_draft().unwrap().unwrap().total;
            Event::SalesOrderPosted { document: paper(order, task, Some(total)) }
        }
        TaskKind::PostDeposit => {
            let (tender, draft) = order.deposit_draft(number).unwrap();
            Event::DepositPosted { tender: tender.id, document: paper(order, task, Some(draft.amount)) }
        }
        TaskKind::PostItemFulfillment => {
            Event::ItemFulfillmentPosted { shipment: number, document: paper(order, task, None) }
        }
        TaskKind::PostInvoice => {
            let total = order.invoice_draft(number).unwrap().unwrap().total;
            Event::InvoicePosted { shipment: number, document: paper(order, task, Some(total)) }
        }
        TaskKind::ApplyDeposit => {
            let plan = order.next_application().unwrap();
            let (number, shipment, tender, amount) = (plan.number, plan.shipment, plan.tender, plan.amount);
            let document = paper(order, task, None);
            Event::DepositApplied(Application { number, shipment, tender, amount, document })
        }
        TaskKind::Allocate
        | TaskKind::ConfirmShipment
        | TaskKind::CancelFulfillment
        | TaskKind::AwaitReturn
        | TaskKind::ReadSales
        | TaskKind::IssueRefund => unreachable!("they make no document"),
        TaskKind::AnnounceReturn
        | TaskKind::CancelAtStorefront
        | TaskKind::AmendSalesOrder
        | TaskKind::PostReturnAuthorization
        | TaskKind::PostItemReceipt
        | TaskKind::PostAdjustment
        | TaskKind::PostCreditMemo
        | TaskKind::PostCustomerRefund
        | TaskKind::ApplyCredit
        | TaskKind::PostDispute
        | TaskKind::SettleDispute => reversal_fact(order, task),
    }
}

/// The same, for what takes something back.
fn reversal_fact(order: &Order, task: &Task) -> Event {
    let (kind, number, document) = (task.id.kind, task.number, paper(order, task, None));
    if kind == TaskKind::AnnounceReturn {
        Event::ReturnAnnounced { number, document }
    } else if kind == TaskKind::CancelAtStorefront {
        Event::StorefrontCancelled { document }
    } else if kind == TaskKind::AmendSalesOrder {
        Event::SalesOrderAmended { revision: number, document }
    } else if kind == TaskKind::PostReturnAuthorization {
        Event::ReturnAuthorizationPosted { number, document }
    } else if kind == TaskKind::PostItemReceipt {
        Event::ItemReceiptPosted { receipt: number, document }
    } else if kind == TaskKind::PostAdjustment {
        Event::AdjustmentPosted { receipt: number, document }
    } else if kind == TaskKind::PostCreditMemo {
        let (_, draft) = order.credit_draft(number).unwrap().unwrap();
        Event::CreditMemoPosted { refund: number, document: paper(order, task, Some(draft.total)) }
    } else if kind == TaskKind::PostCustomerRefund {
        let draft = order.customer_refund_draft(number).unwrap();
        Event::CustomerRefundPosted { number, document: paper(order, task, Some(draft.amount)) }
    } else if kind == TaskKind::PostDispute {
        Event::DisputePosted { number, document }
    } else if kind == TaskKind::SettleDispute {
        Event::DisputeSettled { number, document }
    } else {
        let plan = order.next_credit_application().unwrap();
        let (number, refund, shipment, amount) = (plan.number, plan.refund, plan.shipment, plan.amount);
        Event::CreditApplied(CreditApplication { number, refund, shipment, amount, document })
    }
}

fn paper(order: &Order, task: &Task, total_minor: Option<Minor>) -> Document {
    let (id, reference) = (format!("id-{}", task.id.document), order.reference(&task.id.document));
    Document { system: "netsuite".parse().unwrap(), id, reference, total_minor }
}

impl World {
    /// Does a task outside and gives back the fact; what exists already is found by its reference.
    pub(super) fn effect(&mut self, task: &Task) -> Option<Event> {
        let content = content(&self.order, task)?;
        self.refuse_what_the_outside_refuses(task);
        let name = task.id.document.clone();
        let is_new = !self.outside.contains_key(&name);
        let made = self.outside.entry(name.clone()).or_insert_with(|| Outside { content: content.clone(), times: 1 });
        assert_eq!(made.content, content, "{name} exists and says something else");
        if is_new && task.id.kind == TaskKind::RequestFulfillment {
            self.begin_picking(task.number);
        }
        Some(fact(&self.order, task))
    }

    /// The ERP takes nothing that has nothing to stand on.
    fn refuse_what_the_outside_refuses(&self, task: &Task) {
        let exists = |name: String| assert!(self.outside.contains_key(&name), "{} came before {name}", task.id);
        let number = task.number;
        match task.id.kind {
            TaskKind::PostDeposit | TaskKind::PostItemFulfillment => exists("SO".into()),
            TaskKind::PostInvoice => exists(format!("IF{number}")),
            TaskKind::ApplyDeposit => {
                let plan = self.order.next_application().unwrap();
                exists(format!("INV{}", plan.shipment));
                assert!(self.order.deposits.contains_key(&plan.tender) && plan.amount > Minor::ZERO);
            }
            TaskKind::Allocate
            | TaskKind::RequestFulfillment
            | TaskKind::ConfirmShipment
            | TaskKind::AnnounceShipment
            | TaskKind::PostSalesOrder
            | TaskKind::CancelFulfillment
            | TaskKind::AnnounceReturn
            | TaskKind::AwaitReturn
            | TaskKind::ReadSales
            | TaskKind::IssueRefund
            | TaskKind::CancelAtStorefront
            | TaskKind::AmendSalesOrder
            | TaskKind::PostReturnAuthorization
            | TaskKind::PostItemReceipt
            | TaskKind::PostAdjustment
            | TaskKind::PostCreditMemo
            | TaskKind::PostCustomerRefund
            | TaskKind::ApplyCredit
            | TaskKind::PostDispute
            | TaskKind::SettleDispute => {}
        }
    }

    fn begin_picking(&mut self, number: u32) {
        let lines = &self.order.allocations.get(&number).unwrap().fact.lines;
        let mut wanted: Vec<(Sku, u32)> = Vec::new();
        for line in lines {
            let sku = self.order.sku(line.line).unwrap().clone();
            match wanted.iter_mut().find(|(known, _)| *known == sku) {
                Some((_, quantity)) => *quantity += line.quantity,
                None => wanted.push((sku, line.quantity)),
            }
        }
        self.picking.insert(number, wanted);
    }

    /// Does one task from beginning to end, as its function would.
    pub(super) fn perform(&mut self, task: &Task) {
        match task.id.kind {
            TaskKind::Allocate => self.allocate(task),
            TaskKind::ConfirmShipment => self.ask_for_shipments(task.number),
            TaskKind::RequestFulfillment
            | TaskKind::PostSalesOrder
            | TaskKind::PostDeposit
            | TaskKind::PostItemFulfillment
            | TaskKind::PostInvoice
            | TaskKind::ApplyDeposit
            | TaskKind::AnnounceShipment => {
                self.claim_if_needed(task);
                let fact = self.effect(task).unwrap();
                self.record(&format!("task:{}", task.id), fact.into());
            }
            TaskKind::CancelFulfillment
            | TaskKind::AnnounceReturn
            | TaskKind::AwaitReturn
            | TaskKind::ReadSales
            | TaskKind::IssueRefund
            | TaskKind::CancelAtStorefront
            | TaskKind::AmendSalesOrder
            | TaskKind::PostReturnAuthorization
            | TaskKind::PostItemReceipt
            | TaskKind::PostAdjustment
            | TaskKind::PostCreditMemo
            | TaskKind::PostCustomerRefund
            | TaskKind::ApplyCredit
            | TaskKind::PostDispute
            | TaskKind::SettleDispute => unreachable!("nothing is taken back"),
        }
    }

    /// The storefront has no idempotency key, so its call is claimed first.
    pub(super) fn claim_if_needed(&mut self, task: &Task) {
        if task.id.kind == TaskKind::AnnounceShipment {
            let attempt = self.order.claims.get(&task.id).map_or(1, |claim| claim.attempt + 1);
            let until = self.now() + jiff::SignedDuration::from_secs(45);
            let claim = Event::TaskClaimed { task: task.id.clone(), attempt, until };
            self.record(&format!("claim:{}:{attempt}", task.id), claim.into());
        }
    }

    fn allocate(&mut self, task: &Task) {
        match source(&self.order, &self.stock, &settings()) {
            Sourcing::Promised(decision) => {
                self.record(&format!("task:{}", task.id), decision);
            }
            Sourcing::Short { sku, missing } => {
                let reason = format!("{missing} x {sku} are missing");
                let (task, waits_on) = (task.id.clone(), WaitsOn::Sku(sku));
                let parked = Parked { task: task.clone(), class: FailureClass::Stock, reason, waits_on };
                self.record(&format!("park:{task}:{}", self.order.seq), Event::TaskParked(parked).into());
            }
            Sourcing::Nowhere => unreachable!("London serves Great Britain"),
        }
    }
}
