//! What the steps do outside, and the facts that come of it.

use crossdock_domain::event::{Application, CreditApplication, Document, FailureClass, Parked, WaitsOn};
use crossdock_domain::sourcing::{Short, Sourcing, source};
use crossdock_domain::{Event, Minor, Order, Sku, Task, TaskKind};

use super::taken_back::decide;
use super::world::{Outcome, Outside, World};
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
        format!("{:?}", taken_back.storefront_cancelled)
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

/// Applications are what the last state of the books makes them; everything else is fixed once it is owed.
pub fn depends_on_what_is_left(task: &Task) -> bool {
    matches!(task.id.kind, TaskKind::ApplyDeposit | TaskKind::ApplyCredit)
}

impl World {
    /// Does a task outside and gives back what came of it; `None` where the outside refuses it for now.
    pub(super) fn outcome(&mut self, task: &Task) -> Option<Outcome> {
        match task.id.kind {
            TaskKind::Allocate | TaskKind::ConfirmShipment | TaskKind::AwaitReturn => None,
            TaskKind::CancelFulfillment | TaskKind::ReadSales | TaskKind::IssueRefund => {
                self.outcome_without_document(task)
            }
            TaskKind::RequestFulfillment
            | TaskKind::AnnounceShipment
            | TaskKind::AnnounceReturn
            | TaskKind::CancelAtStorefront
            | TaskKind::PostSalesOrder
            | TaskKind::PostDeposit
            | TaskKind::PostItemFulfillment
            | TaskKind::PostInvoice
            | TaskKind::ApplyDeposit
            | TaskKind::AmendSalesOrder
            | TaskKind::PostReturnAuthorization
            | TaskKind::PostItemReceipt
            | TaskKind::PostAdjustment
            | TaskKind::PostCreditMemo
            | TaskKind::PostCustomerRefund
            | TaskKind::ApplyCredit
            | TaskKind::PostDispute
            | TaskKind::SettleDispute => Some(Outcome::Happened(self.document(task))),
        }
    }

    /// Makes a document; what exists already is found by its reference.
    fn document(&mut self, task: &Task) -> Event {
        let content = content(&self.order, task).unwrap();
        self.refuse_what_the_outside_refuses(task);
        let name = task.id.document.clone();
        // A refund that is learned of between the ERP's yes and our commit: the connector finds another amount, and
        // somebody is asked to delete the document.
        if depends_on_what_is_left(task) && self.outside.get(&name).is_some_and(|made| made.content != content) {
            self.outside.remove(&name);
            self.books.delete_application(&name);
        }
        let is_new = !self.outside.contains_key(&name);
        let made = self.outside.entry(name.clone()).or_insert_with(|| Outside { content: content.clone(), times: 1 });
        assert_eq!(made.content, content, "{name} exists and says something else");
        if is_new {
            self.books.post(&self.order, task);
            self.take_note(task);
        }
        fact(&self.order, task)
    }

    fn take_note(&mut self, task: &Task) {
        if task.id.kind == TaskKind::RequestFulfillment {
            self.begin_picking(task.number);
        } else if task.id.kind == TaskKind::AnnounceShipment {
            self.shop.fulfil(&self.order, &self.order.to_announce(task.number));
        } else if task.id.kind == TaskKind::CancelAtStorefront {
            self.shop.cancel_by_us(self.now());
        }
    }

    /// The ERP takes nothing that has nothing to stand on.
    fn refuse_what_the_outside_refuses(&self, task: &Task) {
        let exists = |name: String| assert!(self.outside.contains_key(&name), "{} came before {name}", task.id);
        let number = task.number;
        match task.id.kind {
            TaskKind::PostDeposit | TaskKind::PostItemFulfillment | TaskKind::AmendSalesOrder => exists("SO".into()),
            TaskKind::PostReturnAuthorization => {
                assert!(self.order.shipments.keys().all(|number| self.outside.contains_key(&format!("INV{number}"))));
            }
            TaskKind::PostItemReceipt => exists(format!("RA{}", self.order.receipt_draft(number).unwrap().0)),
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
        let cause = format!("task:{}", task.id);
        if task.id.kind == TaskKind::Allocate {
            self.allocate(task);
        } else if task.id.kind == TaskKind::ConfirmShipment {
            self.ask_for_shipments(task.number);
        } else if task.id.kind == TaskKind::AwaitReturn {
            self.ask_for_return(task.number);
        } else if task.id.kind == TaskKind::IssueRefund && !self.order.is_refund_still_owed(task.number) {
            let reason = "others have paid it back meanwhile".into();
            self.record(&cause, Event::RefundWithdrawn { number: task.number, reason }.into());
        } else {
            self.claim_if_needed(task);
            if let Some(outcome) = self.outcome(task) {
                let decision = decide(&outcome, &self.order);
                self.record(&cause, decision);
            }
        }
    }

    /// The storefront has no idempotency key, so its call is claimed first.
    pub(super) fn claim_if_needed(&mut self, task: &Task) {
        if TaskKind::STOREFRONT.contains(&task.id.kind) && task.id.kind != TaskKind::ReadSales {
            let attempt = self.order.claims.get(&task.id).map_or(1, |claim| claim.attempt + 1);
            let until = self.now() + jiff::SignedDuration::from_secs(45);
            let claim = Event::TaskClaimed { task: task.id.clone(), attempt, until };
            self.record(&format!("claim:{}:{attempt}", task.id), claim.into());
        }
    }

    fn allocate(&mut self, task: &Task) {
        match source(&self.order, &self.stock, &settings(), self.now()) {
            Sourcing::Promised(decision) => {
                self.record(&format!("task:{}", task.id), decision);
            }
            Sourcing::Short(Short { sku, missing, at, kits }) => {
                let reason = format!("{missing} x {sku} are missing");
                let (task, class, waits_on) = (task.id.clone(), FailureClass::Stock, WaitsOn::Sku(sku));
                let parked = Parked { task: task.clone(), class, reason, waits_on, at: Some(at), part: 0, kits };
                self.record(&format!("park:{task}:{}", self.order.seq), Event::TaskParked(parked).into());
            }
            Sourcing::Nowhere => unreachable!("London serves Great Britain"),
        }
    }
}
