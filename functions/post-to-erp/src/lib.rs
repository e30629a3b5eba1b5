//! Posts an order's documents to its ERP: sales order, deposits, item fulfilments, invoices, applications of deposits;
//! and those that take a sale back: amendments, return authorizations, receipts, credit memos, refunds.

mod stock;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use crossdock_connectors::{ApplicationDraft, Erp, Posted};
use crossdock_domain::event::{Application, CreditApplication, Document, FailureClass};
use crossdock_domain::identities::unmapped;
use crossdock_domain::ids::ConnectionId;
use crossdock_domain::item::Item;
use crossdock_domain::{Event, Order, Sku, Task, TaskKind};
use crossdock_log::Items;
use crossdock_runner::{Calls, Connectors, Directory, Done, Step, store_failure};
use crossdock_step::Failure;
use jiff::Timestamp;

pub use self::stock::PostStock;

/// The step.
pub struct PostToErp {
    /// Connections.
    pub directory: Arc<Directory>,
    /// How outside calls are made.
    pub calls: Calls,
    /// The connectors of this environment.
    pub erps: Connectors<dyn Erp>,
    /// Items with their identity in the ERP.
    pub items: Arc<dyn Items>,
}

#[async_trait]
impl Step for PostToErp {
    fn kinds(&self) -> &'static [TaskKind] {
        &TaskKind::ERP
    }

    fn connection(&self, order: &Order, _task: &Task) -> Option<ConnectionId> {
        route(order)
    }

    async fn perform(&self, order: &Order, task: &Task) -> Result<Done, Failure> {
        let system = route(order).ok_or_else(|| gone(task))?;
        let erp = self.erps.get(self.directory.outside(&system, &self.calls).await?)?;
        let posting = Posting { erp: erp.as_ref(), order, system };
        let event = match task.id.kind {
            TaskKind::PostSalesOrder => posting.sales_order(&self.item_identities(order).await?, task).await?,
            TaskKind::AmendSalesOrder => posting.amendment(&self.item_identities(order).await?, task).await?,
            TaskKind::PostReturnAuthorization => posting.return_authorization(task).await?,
            TaskKind::PostItemReceipt => posting.item_receipt(task).await?,
            TaskKind::PostAdjustment => posting.adjustment(&self.found_identities(order, task).await?, task).await?,
            TaskKind::PostCreditMemo => posting.credit_memo(task).await?,
            TaskKind::PostCustomerRefund => posting.customer_refund(task).await?,
            TaskKind::ApplyCredit => posting.credit_application(task).await?,
            TaskKind::PostDispute => posting.dispute(task).await?,
            TaskKind::SettleDispute => posting.dispute_end(task).await?,
            TaskKind::PostDeposit => posting.deposit(task).await?,
            TaskKind::PostItemFulfillment => posting.item_fulfillment(task).await?,
            TaskKind::PostInvoice => posting.invoice(task).await?,
            TaskKind::ApplyDeposit => posting.application(task).await?,
            TaskKind::Allocate
            | TaskKind::RequestFulfillment
            | TaskKind::ConfirmShipment
            | TaskKind::AnnounceShipment
            | TaskKind::CancelFulfillment
            | TaskKind::AnnounceReturn
            | TaskKind::AwaitReturn
            | TaskKind::ReadSales
            | TaskKind::IssueRefund
            | TaskKind::CancelAtStorefront => {
                return Err(gone(task));
            }
        };
        Ok(Done::Happened(vec![event]))
    }
}

impl PostToErp {
    async fn item_identities(&self, order: &Order) -> Result<BTreeMap<Sku, String>, Failure> {
        let skus: Vec<Sku> = order.goods().filter_map(|(_, line)| line.sku.clone()).collect();
        self.identities(order, &skus).await
    }

    /// Identities of what came back and belongs to no line of the order.
    async fn found_identities(&self, order: &Order, task: &Task) -> Result<BTreeMap<Sku, String>, Failure> {
        let draft = order.adjustment_draft(task.number).ok_or_else(|| gone(task))?;
        let skus: Vec<Sku> = draft.lines.into_iter().map(|(sku, ..)| sku).collect();
        self.identities(order, &skus).await
    }

    /// The sales order is of the moment of acceptance: posted late, or amended later, it names the same items.
    async fn identities(&self, order: &Order, skus: &[Sku]) -> Result<BTreeMap<Sku, String>, Failure> {
        let Some(accepted) = &order.accepted else { return Ok(BTreeMap::new()) };
        let items = self.items.items(skus).await.map_err(store_failure)?;
        let moments = [accepted.at, self.directory.now()];
        identities(&items, (&accepted.fact.routes.erp, &moments), skus)
    }
}

/// Identities of all of these SKUs in an ERP at the first of the moments at which it has one: what was mapped only
/// after the document's own moment is better than nothing.
pub(crate) fn identities(
    items: &BTreeMap<Sku, Item>,
    (erp, moments): (&ConnectionId, &[Timestamp]),
    skus: &[Sku],
) -> Result<BTreeMap<Sku, String>, Failure> {
    let identity = |sku: &Sku| {
        let known = items.get(sku).and_then(|item| moments.iter().find_map(|at| item.identities.at(erp, *at)));
        let unmapped = || {
            let unmapped = unmapped(sku, erp);
            let reason = format!("{unmapped}: map it (PUT /v1/catalogue/items/{{sku}}), then retry");
            Failure::permanent(FailureClass::Mapping, reason)
        };
        known.map(|identity| (sku.clone(), identity.to_owned())).ok_or_else(unmapped)
    };
    skus.iter().map(identity).collect()
}

fn route(order: &Order) -> Option<ConnectionId> {
    order.accepted.as_ref().map(|accepted| accepted.fact.routes.erp.clone())
}

/// A task without its draft: impossible while `outstanding` and the drafts agree, so it must be seen.
fn gone(task: &Task) -> Failure {
    Failure::permanent(FailureClass::Missing, format!("there is nothing to post for {}", task.id))
}

struct Posting<'a> {
    erp: &'a dyn Erp,
    order: &'a Order,
    system: ConnectionId,
}

impl Posting<'_> {
    fn document(&self, posted: Posted, reference: String) -> Document {
        Document { system: self.system.clone(), id: posted.id, reference: Some(reference), total_minor: posted.total }
    }

    fn sales_order_id(&self, task: &Task) -> Result<&str, Failure> {
        Ok(&self.order.sales_order.as_ref().ok_or_else(|| gone(task))?.fact.id)
    }

    async fn sales_order(&self, items: &BTreeMap<Sku, String>, task: &Task) -> Result<Event, Failure> {
        let draft = self.order.sales_order_draft()?.ok_or_else(|| gone(task))?;
        let posted = self.erp.post_sales_order(&draft, items).await?;
        Ok(Event::SalesOrderPosted { document: self.document(posted, draft.header.reference) })
    }

    async fn deposit(&self, task: &Task) -> Result<Event, Failure> {
        let (tender, draft) = self.order.deposit_draft(task.number).ok_or_else(|| gone(task))?;
        let posted = self.erp.post_deposit(&draft, self.sales_order_id(task)?).await?;
        Ok(Event::DepositPosted { tender: tender.id, document: self.document(posted, draft.header.reference) })
    }

    async fn item_fulfillment(&self, task: &Task) -> Result<Event, Failure> {
        let draft = self.order.item_fulfillment_draft(task.number).ok_or_else(|| gone(task))?;
        let posted = self.erp.post_item_fulfillment(&draft, self.sales_order_id(task)?).await?;
        let document = self.document(posted, draft.header.reference);
        Ok(Event::ItemFulfillmentPosted { shipment: task.number, document })
    }

    async fn invoice(&self, task: &Task) -> Result<Event, Failure> {
        let draft = self.order.invoice_draft(task.number)?.ok_or_else(|| gone(task))?;
        let posted = self.erp.post_invoice(&draft, self.sales_order_id(task)?).await?;
        Ok(Event::InvoicePosted { shipment: task.number, document: self.document(posted, draft.header.reference) })
    }

    async fn application(&self, task: &Task) -> Result<Event, Failure> {
        let plan = self.order.next_application().ok_or_else(|| gone(task))?;
        let deposit = self.order.deposits.get(&plan.tender).ok_or_else(|| gone(task))?;
        let invoice = self.order.invoices.get(&plan.shipment).ok_or_else(|| gone(task))?;
        let header = self.order.application_header(&plan).ok_or_else(|| gone(task))?;
        let draft = ApplicationDraft {
            header,
            deposit: deposit.fact.id.clone(),
            invoice: invoice.fact.id.clone(),
            amount: plan.amount,
        };
        let posted = self.erp.apply_deposit(&draft).await?;
        let document = self.document(posted, draft.header.reference);
        let (number, shipment) = (plan.number, plan.shipment);
        Ok(Event::DepositApplied(Application { number, shipment, tender: plan.tender, amount: plan.amount, document }))
    }

    async fn amendment(&self, items: &BTreeMap<Sku, String>, task: &Task) -> Result<Event, Failure> {
        let draft = self.order.amendment_draft()?.ok_or_else(|| gone(task))?;
        let posted = self.erp.amend_sales_order(&draft, self.sales_order_id(task)?, items).await?;
        let document = self.document(posted, draft.header.reference);
        Ok(Event::SalesOrderAmended { revision: task.number, document })
    }

    async fn return_authorization(&self, task: &Task) -> Result<Event, Failure> {
        let draft = self.order.return_draft(task.number)?.ok_or_else(|| gone(task))?;
        let posted = self.erp.post_return_authorization(&draft, self.sales_order_id(task)?).await?;
        let document = self.document(posted, draft.header.reference);
        Ok(Event::ReturnAuthorizationPosted { number: task.number, document })
    }

    fn authorization_id(&self, of_return: u32, task: &Task) -> Result<&str, Failure> {
        let known = self.order.reversals.return_authorizations.get(&of_return).ok_or_else(|| gone(task))?;
        Ok(&known.fact.id)
    }

    async fn item_receipt(&self, task: &Task) -> Result<Event, Failure> {
        let (of_return, draft) = self.order.receipt_draft(task.number).ok_or_else(|| gone(task))?;
        let posted = self.erp.post_item_receipt(&draft, self.authorization_id(of_return, task)?).await?;
        Ok(Event::ItemReceiptPosted { receipt: task.number, document: self.document(posted, draft.header.reference) })
    }

    async fn adjustment(&self, items: &BTreeMap<Sku, String>, task: &Task) -> Result<Event, Failure> {
        let draft = self.order.adjustment_draft(task.number).ok_or_else(|| gone(task))?;
        let posted = self.erp.post_adjustment(&draft, items).await?;
        Ok(Event::AdjustmentPosted { receipt: task.number, document: self.document(posted, draft.header.reference) })
    }

    async fn credit_memo(&self, task: &Task) -> Result<Event, Failure> {
        let (of_return, draft) = self.order.credit_draft(task.number)?.ok_or_else(|| gone(task))?;
        let authorization = of_return.map(|number| self.authorization_id(number, task)).transpose()?;
        let posted = self.erp.post_credit_memo(&draft, authorization).await?;
        Ok(Event::CreditMemoPosted { refund: task.number, document: self.document(posted, draft.header.reference) })
    }

    async fn customer_refund(&self, task: &Task) -> Result<Event, Failure> {
        let draft = self.order.customer_refund_draft(task.number).ok_or_else(|| gone(task))?;
        let posted = self.erp.post_customer_refund(&draft).await?;
        let document = self.document(posted, draft.header.reference);
        Ok(Event::CustomerRefundPosted { number: task.number, document })
    }

    async fn dispute(&self, task: &Task) -> Result<Event, Failure> {
        let draft = self.order.dispute_draft(task.number).ok_or_else(|| gone(task))?;
        let posted = self.erp.post_journal(&draft).await?;
        Ok(Event::DisputePosted { number: task.number, document: self.document(posted, draft.header.reference) })
    }

    async fn dispute_end(&self, task: &Task) -> Result<Event, Failure> {
        let draft = self.order.dispute_end_draft(task.number).ok_or_else(|| gone(task))?;
        let posted = self.erp.post_journal(&draft).await?;
        Ok(Event::DisputeSettled { number: task.number, document: self.document(posted, draft.header.reference) })
    }

    async fn credit_application(&self, task: &Task) -> Result<Event, Failure> {
        let plan = self.order.next_credit_application().ok_or_else(|| gone(task))?;
        let draft = self.order.credit_application_draft(&plan).ok_or_else(|| gone(task))?;
        let posted = self.erp.apply_credit(&draft).await?;
        let document = self.document(posted, draft.header.reference);
        let (number, refund, shipment, amount) = (plan.number, plan.refund, plan.shipment, plan.amount);
        Ok(Event::CreditApplied(CreditApplication { number, refund, shipment, amount, document }))
    }
}
