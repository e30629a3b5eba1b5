//! Tells the storefront of each shipment, so that the buyer gets the tracking.

use std::sync::Arc;

use async_trait::async_trait;
use crossdock_connectors::{Announcement, Storefront, by_line_id};
use crossdock_domain::event::{Document, FailureClass};
use crossdock_domain::ids::ConnectionId;
use crossdock_domain::{Event, Order, Task, TaskKind};
use crossdock_runner::{Calls, Connectors, Directory, Done, Step};
use crossdock_step::Failure;
use jiff::SignedDuration;

/// How long an announcement is claimed: the function's time-out and the time after which the storefront surely shows
/// a fulfilment that it has made.
pub const LEASE: SignedDuration = SignedDuration::from_secs(45);

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
        &[TaskKind::AnnounceShipment]
    }

    /// A storefront's fulfilment has no idempotency key: a repeat could fulfil the rest of the order.
    fn lease(&self, _task: &Task) -> Option<SignedDuration> {
        Some(LEASE)
    }

    fn connection(&self, order: &Order, _task: &Task) -> Option<ConnectionId> {
        order.accepted.as_ref()?.fact.routes.storefront.clone()
    }

    async fn perform(&self, order: &Order, task: &Task) -> Result<Done, Failure> {
        let missing = || Failure::permanent(FailureClass::Missing, format!("there is nothing to tell for {}", task.id));
        let system = self.connection(order, task).ok_or_else(missing)?;
        let shipment = &order.shipments.get(&task.number).ok_or_else(missing)?.fact;
        let outside = self.directory.outside(&system, &self.calls).await?;
        let announcement = Announcement {
            channel: order.id.channel.clone(),
            lines: by_line_id(order, &shipment.lines),
            tracking: shipment.tracking.clone(),
            claimed_until: order.claims.get(&task.id).ok_or_else(missing)?.until,
        };
        let posted = self.storefronts.get(outside)?.announce_shipment(&announcement).await?;
        let document = Document { system, id: posted.id, reference: None, total_minor: None };
        Ok(Done::Happened(vec![Event::ShipmentAnnounced { shipment: task.number, document }]))
    }
}
