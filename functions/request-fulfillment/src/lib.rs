//! Gives each allocation to the 3PL, and asks the 3PL what has left when its word is overdue.

use std::sync::Arc;

use async_trait::async_trait;
use crossdock_connectors::{Fulfillment, FulfillmentLine, FulfillmentRequest};
use crossdock_domain::event::{Allocation, Document, FailureClass};
use crossdock_domain::ids::ConnectionId;
use crossdock_domain::shipping::record_shipment;
use crossdock_domain::{Event, Order, Recipient, Sku, Task, TaskKind};
use crossdock_log::{Items, People};
use crossdock_runner::{Calls, Connectors, Directory, Done, Step, store_failure};
use crossdock_step::Failure;

/// The step.
pub struct RequestFulfillment {
    /// Connections.
    pub directory: Arc<Directory>,
    /// How outside calls are made.
    pub calls: Calls,
    /// The connectors of this environment.
    pub fulfillments: Connectors<dyn Fulfillment>,
    /// Items with their identity at the 3PL.
    pub items: Arc<dyn Items>,
    /// Recipients.
    pub people: Arc<dyn People>,
}

#[async_trait]
impl Step for RequestFulfillment {
    fn kinds(&self) -> &'static [TaskKind] {
        &[TaskKind::RequestFulfillment, TaskKind::ConfirmShipment]
    }

    /// A shipment is told by webhook; the 3PL is asked only when it is overdue.
    fn eager(&self, kind: TaskKind) -> bool {
        kind != TaskKind::ConfirmShipment
    }

    fn connection(&self, order: &Order, _task: &Task) -> Option<ConnectionId> {
        route(order)
    }

    async fn perform(&self, order: &Order, task: &Task) -> Result<Done, Failure> {
        let system = route(order).ok_or_else(|| missing(task, "order"))?;
        let fulfillment = self.fulfillments.get(self.directory.outside(&system, &self.calls).await?)?;
        let reference = order.reference(&task.id.document).ok_or_else(|| missing(task, "reference"))?;
        if task.id.kind == TaskKind::ConfirmShipment {
            let reports = fulfillment.shipments(&reference).await?;
            // One at a time: what the next report means depends on the one before; the task stays until all is told.
            let decision = reports.iter().map(|report| record_shipment(order, report)).find(|d| !d.events.is_empty());
            return Ok(Done::Decided(decision.unwrap_or_default()));
        }
        let allocation = order.allocations.get(&task.number).ok_or_else(|| missing(task, "allocation"))?;
        let request = self.request(order, (&allocation.fact, task), (&system, reference.clone())).await?;
        let posted = fulfillment.request(&request).await?;
        let document = Document { system, id: posted.id, reference: Some(reference), total_minor: None };
        Ok(Done::Happened(vec![Event::FulfillmentRequested { number: task.number, document }]))
    }
}

impl RequestFulfillment {
    async fn request(
        &self,
        order: &Order,
        (allocation, task): (&Allocation, &Task),
        (system, reference): (&ConnectionId, String),
    ) -> Result<FulfillmentRequest, Failure> {
        let order_name = order.accepted.as_ref().map(|a| a.fact.order.name.clone()).unwrap_or_default();
        Ok(FulfillmentRequest {
            reference,
            order_name,
            location: allocation.location.clone(),
            lines: self.lines(order, allocation, system).await?,
            recipient: self.recipient(order, task).await?,
        })
    }

    async fn lines(
        &self,
        order: &Order,
        allocation: &Allocation,
        system: &ConnectionId,
    ) -> Result<Vec<FulfillmentLine>, Failure> {
        let skus: Vec<Sku> = allocation.lines.iter().filter_map(|line| order.sku(line.line).cloned()).collect();
        let items = self.items.items(&skus).await.map_err(store_failure)?;
        let mut lines: Vec<FulfillmentLine> = Vec::new();
        for (quantity, sku) in allocation.lines.iter().filter_map(|line| Some((line.quantity, order.sku(line.line)?))) {
            let identity = items.get(sku).and_then(|item| item.identities.get(system)).cloned();
            let item = identity.ok_or_else(|| {
                Failure::permanent(
                    FailureClass::Mapping,
                    format!("{sku} has no identity in {system}: map it, then retry"),
                )
            })?;
            // Two order lines of one SKU are one line for the warehouse.
            match lines.iter_mut().find(|line| line.sku == *sku) {
                Some(same) => same.quantity += quantity,
                None => lines.push(FulfillmentLine { item, sku: sku.clone(), quantity }),
            }
        }
        Ok(lines)
    }

    async fn recipient(&self, order: &Order, task: &Task) -> Result<Recipient, Failure> {
        let hash = order.accepted.as_ref().and_then(|accepted| accepted.fact.recipient.as_deref());
        let hash = hash.ok_or_else(|| missing(task, "recipient"))?;
        let found = self.people.find(&order.id.stream(), hash).await.map_err(store_failure)?;
        found.ok_or_else(|| missing(task, "recipient (was it erased?)"))
    }
}

fn route(order: &Order) -> Option<ConnectionId> {
    order.accepted.as_ref().map(|accepted| accepted.fact.routes.fulfillment.clone())
}

fn missing(task: &Task, what: &str) -> Failure {
    Failure::permanent(FailureClass::Missing, format!("there is no {what} for {}", task.id))
}
