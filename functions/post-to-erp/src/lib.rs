//! Posts an order's documents to its ERP: sales order, deposits, item fulfilments, invoices, applications of deposits.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use crossdock_connectors::{ApplicationDraft, Erp, Posted};
use crossdock_domain::event::{Application, Document, FailureClass};
use crossdock_domain::ids::ConnectionId;
use crossdock_domain::{Event, Order, Sku, Task, TaskKind};
use crossdock_log::Items;
use crossdock_runner::{Calls, Connectors, Directory, Done, Step, store_failure};
use crossdock_step::Failure;

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
        &[
            TaskKind::PostSalesOrder,
            TaskKind::PostDeposit,
            TaskKind::PostItemFulfillment,
            TaskKind::PostInvoice,
            TaskKind::ApplyDeposit,
        ]
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
            TaskKind::PostDeposit => posting.deposit(task).await?,
            TaskKind::PostItemFulfillment => posting.item_fulfillment(task).await?,
            TaskKind::PostInvoice => posting.invoice(task).await?,
            TaskKind::ApplyDeposit => posting.application(task).await?,
            TaskKind::Allocate
            | TaskKind::RequestFulfillment
            | TaskKind::ConfirmShipment
            | TaskKind::AnnounceShipment => {
                return Err(gone(task));
            }
        };
        Ok(Done::Happened(vec![event]))
    }
}

impl PostToErp {
    async fn item_identities(&self, order: &Order) -> Result<BTreeMap<Sku, String>, Failure> {
        let Some(erp) = route(order) else { return Ok(BTreeMap::new()) };
        let skus: Vec<Sku> = order.goods().filter_map(|(_, line)| line.sku.clone()).collect();
        let items = self.items.items(&skus).await.map_err(store_failure)?;
        let unmapped = skus.iter().find(|sku| items.get(sku).is_none_or(|item| !item.identities.contains_key(&erp)));
        if let Some(sku) = unmapped {
            return Err(Failure::permanent(
                FailureClass::Mapping,
                format!("{sku} has no identity in {erp}: map it, then retry"),
            ));
        }
        Ok(items.into_iter().filter_map(|(sku, item)| Some((sku, item.identities.get(&erp)?.clone()))).collect())
    }
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
}
