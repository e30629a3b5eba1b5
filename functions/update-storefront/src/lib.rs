//! What the storefront is told and asked: shipments, refunds, cancellations, and what its own sales ledger says.

use std::sync::Arc;

use async_trait::async_trait;
use crossdock_connectors::{Announcement, CancelInstruction, RefundInstruction, Storefront, by_line_id};
use crossdock_domain::event::{Document, FailureClass, IssuedRefund, Refund};
use crossdock_domain::ids::ConnectionId;
use crossdock_domain::reversals::{Goods, ReturnSource};
use crossdock_domain::sales::{Restock, record_sales, shows_all};
use crossdock_domain::{Event, Minor, Order, Task, TaskKind};
use crossdock_runner::{Calls, Connectors, Directory, Done, Step};
use crossdock_step::Failure;
use jiff::{SignedDuration, Timestamp};

/// How long a call is claimed: the function's time-out and the time after which the storefront surely shows what it
/// has made.
pub const LEASE: SignedDuration = SignedDuration::from_secs(45);

/// A sales ledger that does not show yet what a delivery has told is read again after so long.
const READ_AGAIN: SignedDuration = SignedDuration::from_secs(5);

/// The step.
pub struct UpdateStorefront {
    /// Connections.
    pub directory: Arc<Directory>,
    /// How outside calls are made.
    pub calls: Calls,
    /// The connectors of this environment.
    pub storefronts: Connectors<dyn Storefront>,
}

#[async_trait]
impl Step for UpdateStorefront {
    fn kinds(&self) -> &'static [TaskKind] {
        &TaskKind::STOREFRONT
    }

    /// A storefront's fulfilment has no idempotency key: a repeat could fulfil the rest of the order. Nor has the
    /// settling of a return, or a cancellation. Reading harms nobody.
    fn lease(&self, task: &Task) -> Option<SignedDuration> {
        (task.id.kind != TaskKind::ReadSales).then_some(LEASE)
    }

    fn connection(&self, order: &Order, _task: &Task) -> Option<ConnectionId> {
        order.accepted.as_ref()?.fact.routes.storefront.clone()
    }

    async fn perform(&self, order: &Order, task: &Task) -> Result<Done, Failure> {
        let system = self.connection(order, task).ok_or_else(|| missing(task))?;
        let storefront = self.storefronts.get(self.directory.outside(&system, &self.calls).await?)?;
        let telling = Telling { storefront: storefront.as_ref(), order, task, system };
        match task.id.kind {
            TaskKind::AnnounceShipment => telling.announce().await,
            TaskKind::ReadSales => telling.read().await,
            TaskKind::IssueRefund => telling.refund().await,
            TaskKind::CancelAtStorefront => telling.cancel().await,
            TaskKind::Allocate
            | TaskKind::RequestFulfillment
            | TaskKind::ConfirmShipment
            | TaskKind::CancelFulfillment
            | TaskKind::AnnounceReturn
            | TaskKind::AwaitReturn
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
            | TaskKind::ApplyCredit => Err(missing(task)),
        }
    }
}

fn missing(task: &Task) -> Failure {
    Failure::permanent(FailureClass::Missing, format!("there is nothing to tell for {}", task.id))
}

struct Telling<'a> {
    storefront: &'a dyn Storefront,
    order: &'a Order,
    task: &'a Task,
    system: ConnectionId,
}

impl Telling<'_> {
    fn claimed_until(&self) -> Result<Timestamp, Failure> {
        Ok(self.order.claims.get(&self.task.id).ok_or_else(|| missing(self.task))?.until)
    }

    fn document(&self, id: String) -> Document {
        Document { system: self.system.clone(), id, reference: None, total_minor: None }
    }

    async fn announce(&self) -> Result<Done, Failure> {
        let (order, number) = (self.order, self.task.number);
        let shipment = &order.shipments.get(&number).ok_or_else(|| missing(self.task))?.fact;
        let announcement = Announcement {
            channel: order.id.channel.clone(),
            lines: by_line_id(order, &order.to_announce(number)),
            tracking: shipment.tracking.clone(),
            claimed_until: self.claimed_until()?,
        };
        let posted = self.storefront.announce_shipment(&announcement).await?;
        Ok(Done::Happened(vec![Event::ShipmentAnnounced { shipment: number, document: self.document(posted.id) }]))
    }

    /// Reads the whole ledger and records whatever of it is not known. A delivery may be faster than the ledger that it
    /// tells of.
    async fn read(&self) -> Result<Done, Failure> {
        let currency = self.order.currency().ok_or_else(|| missing(self.task))?;
        let report = self.storefront.sales(&self.order.id.channel, currency).await?;
        if !shows_all(self.order, &report) {
            let reason = "the storefront's sales ledger does not show yet what it has told us of";
            return Err(Failure::retry_after(READ_AGAIN, reason));
        }
        let changes = self.task.number;
        Ok(Done::Reported(Box::new(move |order| record_sales(order, &report, changes))))
    }

    async fn refund(&self) -> Result<Done, Failure> {
        let (order, number) = (self.order, self.task.number);
        let known = order.reversals.refunds.get(&number).ok_or_else(|| missing(self.task))?;
        if !order.is_refund_still_owed(number) {
            let reason = "others have paid it back meanwhile".to_owned();
            return Ok(Done::Decided(Event::RefundWithdrawn { number, reason }.into()));
        }
        let instruction = self.instruction(&known.fact)?;
        let told = self.storefront.refund(&instruction).await?;
        let issued = IssuedRefund { id: told.id, at: told.at, tenders: told.tenders };
        Ok(Done::Reported(Box::new(move |order| {
            // The storefront's own word of it may have come first.
            if order.reversals.issued.contains_key(&number) {
                return crossdock_domain::event::Decision::default();
            }
            Event::RefundIssued { number, issued: issued.clone() }.into()
        })))
    }

    fn instruction(&self, refund: &Refund) -> Result<RefundInstruction, Failure> {
        let order = self.order;
        let accepted = order.accepted.as_ref().ok_or_else(|| missing(self.task))?;
        let restock = |goods: Goods| match goods {
            Goods::Cancelled => Restock::Cancel,
            Goods::Returned => Restock::Return,
            Goods::Kept => Restock::Nothing,
        };
        let named = refund.lines.iter().map(|of| (of, order.named_at_storefront(refund, of)));
        let lines = named.filter(|(_, units)| *units > 0).filter_map(|(of, units)| {
            let line = order.line(of.line)?.id.clone();
            Some((line, units, restock(of.goods)))
        });
        let lines: Vec<(String, u32, Restock)> = lines.collect();
        let of_return = refund.of_return.and_then(|number| order.reversals.returns.get(&number));
        let return_id = of_return.and_then(|known| match &known.fact.source {
            // Where nothing of it can be named, it is settled there already; only the money has not gone.
            ReturnSource::Storefront(id) => (!lines.is_empty()).then(|| id.clone()),
            ReturnSource::Api | ReturnSource::Refund(_) | ReturnSource::Cancellation | ReturnSource::Receipt => None,
        });
        Ok(RefundInstruction {
            channel: order.id.channel.clone(),
            reference: order.reference(&self.task.id.document).ok_or_else(|| missing(self.task))?,
            currency: accepted.fact.order.currency,
            lines,
            shipping: if order.is_shipping_off_at_storefront(refund) {
                Minor::ZERO
            } else {
                refund.shipping_value()?
            },
            amount: order.to_pay_out(refund),
            return_id,
            claimed_until: self.claimed_until()?,
        })
    }

    async fn cancel(&self) -> Result<Done, Failure> {
        let cancellations = &self.order.reversals.cancellations;
        let last = cancellations.values().next_back().ok_or_else(|| missing(self.task))?;
        let instruction = CancelInstruction {
            channel: self.order.id.channel.clone(),
            reason: last.fact.reason.clone(),
            claimed_until: self.claimed_until()?,
        };
        let posted = self.storefront.cancel(&instruction).await?;
        Ok(Done::Happened(vec![Event::StorefrontCancelled { document: self.document(posted.id) }]))
    }
}
