//! ShipBob: orders to be shipped, their shipments, and signed webhooks.

mod client;
mod config;
mod translate;
pub mod webhook;

use async_trait::async_trait;
use crossdock_domain::event::FailureClass;
use crossdock_domain::shipping::ShipmentReport;
use crossdock_step::Failure;
use http::StatusCode;

use crate::{Fulfillment, FulfillmentRequest, Outside, Posted, address};

use client::Client;
use config::Settings;

/// A ShipBob connection.
pub struct ShipBob {
    client: Client,
}

impl ShipBob {
    /// Reads the connection's settings; makes no call.
    ///
    /// # Errors
    /// The settings are incomplete or wrong.
    pub fn new(outside: Outside) -> Result<Self, Failure> {
        let settings =
            Settings::read(&outside.settings).map_err(|error| address::misconfigured(&outside.connection, &error))?;
        Ok(Self { client: Client::new(outside, settings) })
    }

    /// After a 422: the order that is there, if it is this one. Whether the 422 meant a duplicate is not read from
    /// its words; that there is an order with our reference is the proof.
    async fn existing(&self, request: &FulfillmentRequest, refusal: Failure) -> Result<Posted, Failure> {
        let Some(order) = self.client.order(&request.reference).await? else { return Err(refusal) };
        let (id, reference) = (order.id, &request.reference);
        if order.status == "Cancelled" {
            let reason = format!(
                "ShipBob's order {id} has the reference {reference} and was cancelled there, and a reference cannot be \
                 used twice: have it shipped by hand"
            );
            return Err(Failure::permanent(FailureClass::Refused, reason));
        }
        if !order.is(request) {
            let reason = format!(
                "ShipBob's order {id} has the reference {reference} with other products: compare them and cancel what \
                 is wrong there"
            );
            return Err(Failure::permanent(FailureClass::Duplicate, reason));
        }
        Ok(Posted { id: id.to_string(), total: None })
    }
}

#[async_trait]
impl Fulfillment for ShipBob {
    async fn request(&self, request: &FulfillmentRequest) -> Result<Posted, Failure> {
        let order = translate::order(self.client.settings(), request)?;
        let answer = self.client.create_order(&order).await?;
        match answer.status() {
            StatusCode::CREATED | StatusCode::OK => created(request, answer.body()),
            StatusCode::UNPROCESSABLE_ENTITY => self.existing(request, self.client.refusal(&answer)).await,
            _ => Err(self.client.refusal(&answer)),
        }
    }

    async fn shipments(&self, reference: &str) -> Result<Vec<ShipmentReport>, Failure> {
        let unreadable = |error: String| Failure::permanent(FailureClass::Parse, format!("{reference}: {error}"));
        let allocation = translate::allocation(reference)
            .ok_or_else(|| unreadable("is not a reference of a 3PL order of ours".to_owned()))?;
        let Some(order) = self.client.order(reference).await? else { return Ok(Vec::new()) };
        let left = order.shipments.iter().filter(|shipment| shipment.has_left());
        left.map(|shipment| shipment.report(allocation, None)).collect::<Result<_, _>>().map_err(unreadable)
    }
}

/// "201" is not yet success: the answer must be our order.
fn created(request: &FulfillmentRequest, body: &[u8]) -> Result<Posted, Failure> {
    let order: Option<translate::Order> = serde_json::from_slice(body).ok();
    match order.filter(|order| order.reference_id.as_deref() == Some(&request.reference) && order.is(request)) {
        Some(order) => Ok(Posted { id: order.id.to_string(), total: None }),
        None => {
            let reference = &request.reference;
            let reason = format!("ShipBob took {reference} but answered with another order: look there, then retry");
            Err(Failure::permanent(FailureClass::Parse, reason))
        }
    }
}
