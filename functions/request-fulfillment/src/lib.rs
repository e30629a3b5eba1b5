//! Gives each allocation to the 3PL, has it stopped when it is cancelled, announces returns, and asks the 3PL what has
//! left or come back when its word is overdue.

use std::sync::Arc;

use async_trait::async_trait;
use crossdock_connectors::{Fulfillment, FulfillmentLine, FulfillmentRequest, ReturnNotice};
use crossdock_domain::cancel::stop_answered;
use crossdock_domain::event::{Document, FailureClass, LineQuantity, Shipment};
use crossdock_domain::identities::unmapped;
use crossdock_domain::ids::ConnectionId;
use crossdock_domain::returns::record_return;
use crossdock_domain::shipping::record_shipment;
use crossdock_domain::{Event, Order, Recipient, Sku, Task, TaskKind};
use crossdock_log::{Items, People};
use crossdock_runner::{Calls, Connectors, Directory, Done, Step, store_failure};
use crossdock_step::Failure;
use jiff::{SignedDuration, Timestamp};

/// An order that the 3PL does not know may still be on its way to it, sent by somebody who had not seen the
/// cancellation: so long after the cancellation nobody is, because functions end before that.
const STILL_ON_ITS_WAY: SignedDuration = SignedDuration::from_secs(60);

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
        &TaskKind::FULFILLMENT
    }

    /// What leaves and what comes back is told by webhook; the 3PL is asked only when it is overdue.
    fn eager(&self, kind: TaskKind) -> bool {
        !kind.is_waited_for()
    }

    fn connection(&self, order: &Order, _task: &Task) -> Option<ConnectionId> {
        route(order)
    }

    async fn perform(&self, order: &Order, task: &Task) -> Result<Done, Failure> {
        let system = route(order).ok_or_else(|| missing(task, "order"))?;
        let fulfillment = self.fulfillments.get(self.directory.outside(&system, &self.calls).await?)?;
        let reference = order.reference(&task.id.document).ok_or_else(|| missing(task, "reference"))?;
        let asking = Asking { fulfillment: fulfillment.as_ref(), order, task, reference, system };
        match task.id.kind {
            TaskKind::RequestFulfillment => self.hand_over(&asking).await,
            TaskKind::ConfirmShipment => asking.shipments(self.items.as_ref()).await,
            TaskKind::CancelFulfillment => asking.cancel(self.directory.now()).await,
            TaskKind::AnnounceReturn => self.announce_return(&asking).await,
            TaskKind::AwaitReturn => self.ask_for_return(&asking).await,
            TaskKind::Allocate
            | TaskKind::AnnounceShipment
            | TaskKind::ReadSales
            | TaskKind::IssueRefund
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
            | TaskKind::PostDispute
            | TaskKind::SettleDispute
            | TaskKind::ApplyCredit => Err(missing(task, "work at the 3PL")),
        }
    }
}

/// One question to the 3PL.
struct Asking<'a> {
    fulfillment: &'a dyn Fulfillment,
    order: &'a Order,
    task: &'a Task,
    reference: String,
    system: ConnectionId,
}

impl Asking<'_> {
    fn document(&self, id: String) -> Document {
        let reference = Some(self.reference.clone());
        Document { system: self.system.clone(), id, reference, total_minor: None }
    }

    async fn shipments(&self, items: &dyn Items) -> Result<Done, Failure> {
        let reports = self.fulfillment.shipments(&self.reference).await?;
        // One at a time: what the next report means depends on the one before; the task stays until all is told.
        let read = |report| record_shipment(self.order, report);
        let decision = reports.iter().map(read).find(|decision| !decision.events.is_empty());
        let decision = decision.unwrap_or_default();
        let known = items.items(&decision.skus()).await.map_err(store_failure)?;
        Ok(Done::Decided(decision.past_counts(&known)))
    }

    async fn cancel(&self, now: Timestamp) -> Result<Done, Failure> {
        let (order, number) = (self.order, self.task.number);
        let stopped = match self.fulfillment.cancel(&self.reference).await? {
            Some(outcome) => outcome.stopped,
            None if order.fulfillments.contains_key(&number) => {
                return Err(Failure::in_doubt(format!("the 3PL took {} but does not show it", self.reference)));
            }
            None => {
                let sure_at = self.task.since + STILL_ON_ITS_WAY;
                if now < sure_at {
                    let reason = "the 3PL does not know the order; it may be on its way there";
                    return Err(Failure::retry_after(sure_at.duration_since(now), reason));
                }
                let allocation = order.allocations.get(&number).ok_or_else(|| missing(self.task, "allocation"))?;
                let open = order.unshipped_of(allocation);
                open.iter().filter_map(|line| Some((order.sku(line.line)?.clone(), line.quantity))).collect()
            }
        };
        Ok(Done::Reported(Box::new(move |order| stop_answered(order, number, &stopped))))
    }
}

impl RequestFulfillment {
    async fn hand_over(&self, asking: &Asking<'_>) -> Result<Done, Failure> {
        let (order, task) = (asking.order, asking.task);
        let allocation = &order.allocations.get(&task.number).ok_or_else(|| missing(task, "allocation"))?.fact;
        let request = FulfillmentRequest {
            reference: asking.reference.clone(),
            order_name: order.accepted.as_ref().map(|a| a.fact.order.name.clone()).unwrap_or_default(),
            location: allocation.location.clone(),
            lines: self.lines(order, &allocation.lines, &asking.system).await?,
            recipient: self.recipient(order, task).await?,
        };
        let posted = asking.fulfillment.request(&request).await?;
        let document = asking.document(posted.id);
        Ok(Done::Happened(vec![Event::FulfillmentRequested { number: task.number, document }]))
    }

    /// Goods go back to where they came from.
    async fn announce_return(&self, asking: &Asking<'_>) -> Result<Done, Failure> {
        let (order, task) = (asking.order, asking.task);
        let known = &order.reversals.returns.get(&task.number).ok_or_else(|| missing(task, "return"))?.fact;
        let lines: Vec<LineQuantity> =
            known.lines.iter().map(|of| LineQuantity { line: of.line, quantity: of.quantity }).collect();
        let shipment = left_with(order, &lines).ok_or_else(|| missing(task, "shipment"))?;
        let notice = ReturnNotice {
            reference: asking.reference.clone(),
            location: shipment.location.clone(),
            shipment: Some(shipment.id.clone()),
            lines: self.lines(order, &lines, &asking.system).await?,
        };
        let posted = asking.fulfillment.announce_return(&notice).await?;
        let document = asking.document(posted.id);
        Ok(Done::Happened(vec![Event::ReturnAnnounced { number: task.number, document }]))
    }

    async fn ask_for_return(&self, asking: &Asking<'_>) -> Result<Done, Failure> {
        let number = asking.task.number;
        let Some(report) = asking.fulfillment.returned(&asking.reference).await? else {
            return Ok(Done::Decided(crossdock_domain::event::Decision::default()));
        };
        let skus: Vec<Sku> = report.lines.iter().map(|(sku, ..)| sku.clone()).collect();
        let items = self.items.items_at(&skus, &report.location).await.map_err(store_failure)?;
        let read = record_return(asking.order, &report, Some(number), &items);
        if read.events.is_empty() {
            return Ok(Done::Decided(read));
        }
        Ok(Done::Reported(Box::new(move |order| {
            record_return(order, &report, Some(number), &items).past_counts(&items)
        })))
    }

    async fn lines(
        &self,
        order: &Order,
        quantities: &[LineQuantity],
        system: &ConnectionId,
    ) -> Result<Vec<FulfillmentLine>, Failure> {
        let skus: Vec<Sku> = quantities.iter().filter_map(|line| order.sku(line.line).cloned()).collect();
        let items = self.items.items(&skus).await.map_err(store_failure)?;
        let now = self.directory.now();
        let mut lines: Vec<FulfillmentLine> = Vec::new();
        for (quantity, sku) in quantities.iter().filter_map(|line| Some((line.quantity, order.sku(line.line)?))) {
            let identity = items.get(sku).and_then(|item| item.identities.at(system, now));
            let item = identity.map(str::to_owned).ok_or_else(|| {
                let reason = format!("{}: map it, then retry", unmapped(sku, system));
                Failure::permanent(FailureClass::Mapping, reason)
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
        let hash = order.recipient().ok_or_else(|| missing(task, "recipient"))?;
        let found = self.people.find(&order.id.stream(), hash).await.map_err(store_failure)?;
        found.ok_or_else(|| missing(task, "recipient (was it erased?)"))
    }
}

fn route(order: &Order) -> Option<ConnectionId> {
    order.accepted.as_ref().map(|accepted| accepted.fact.routes.fulfillment.clone())
}

/// The shipment that most of the lines left with.
fn left_with<'a>(order: &'a Order, lines: &[LineQuantity]) -> Option<&'a Shipment> {
    let concerned = |shipment: &Shipment| {
        shipment.lines.iter().filter(|of| lines.iter().any(|line| line.line == of.line)).map(|of| of.quantity).sum()
    };
    let shipments = order.shipments.values().map(|known| (concerned(&known.fact), &known.fact));
    shipments.filter(|(units, _): &(u32, _)| *units > 0).max_by_key(|(units, _)| *units).map(|(_, shipment)| shipment)
}

fn missing(task: &Task, what: &str) -> Failure {
    Failure::permanent(FailureClass::Missing, format!("there is no {what} for {}", task.id))
}
