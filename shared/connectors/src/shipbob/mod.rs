//! ShipBob: orders to be shipped or stopped, their shipments, goods that come back, stock, and signed webhooks.

mod client;
mod config;
mod returns;
mod stock;
mod translate;
pub mod webhook;

use async_trait::async_trait;
use crossdock_domain::event::FailureClass;
use crossdock_domain::ids;
use crossdock_domain::returns::ReturnReport;
use crossdock_domain::shipping::ShipmentReport;
use crossdock_step::Failure;
use http::StatusCode;

use crate::{Fulfillment, FulfillmentRequest, Outside, Posted, ReturnNotice, StockPage, StopOutcome, address};

use client::Client;
use config::Settings;
use returns::unreadable;
use translate::{Order, Shipment};

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

    /// The order, which was taken: only what ShipBob has can be stopped there.
    async fn known(&self, reference: &str) -> Result<Order, Failure> {
        let order = self.client.order(reference).await?;
        order.ok_or_else(|| Failure::retry(format!("ShipBob does not show {reference} yet")))
    }

    /// The shipments that the goods of a notice left with: the one that it names, else all of the order's.
    async fn shipped(&self, notice: &ReturnNotice) -> Result<Vec<Shipment>, Failure> {
        if let Some(shipment) = &notice.shipment {
            let found = match returns::shipment_id(notice) {
                Some(id) => self.client.shipment(id).await?,
                None => None,
            };
            return found.map(|found| vec![found]).ok_or_else(|| {
                let reason = format!("{}: ShipBob has no shipment {shipment}: look there", notice.reference);
                Failure::permanent(FailureClass::Mapping, reason)
            });
        }
        let Some((prefix, channel, _)) = ids::split_reference(&notice.reference) else { return Ok(Vec::new()) };
        let names = (1..=MOST_ALLOCATIONS).map(|number| ids::reference(&prefix, &channel, &format!("F{number}")));
        let names = names.collect::<Vec<_>>();
        let orders = self.client.orders(&names.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        Ok(orders.into_iter().flat_map(|order| order.shipments).collect())
    }
}

/// A notice that names no shipment is looked up in so many 3PL orders of its order; more are not seen in practice.
const MOST_ALLOCATIONS: u32 = 9;

#[async_trait]
impl Fulfillment for ShipBob {
    async fn request(&self, request: &FulfillmentRequest) -> Result<Posted, Failure> {
        let order = translate::order(self.client.settings(), request)?;
        let answer = self.client.create_order(&order).await?;
        match answer.status() {
            StatusCode::CREATED | StatusCode::OK => created(request, answer.body()),
            StatusCode::UNPROCESSABLE_ENTITY => self.existing(request, self.client.refusal(&answer)).await,
            _ => Err(self.client.refusal(&answer).of_a_change()),
        }
    }

    async fn shipments(&self, reference: &str) -> Result<Vec<ShipmentReport>, Failure> {
        let allocation = allocation(reference)?;
        let Some(order) = self.client.order(reference).await? else { return Ok(Vec::new()) };
        let left = order.shipments.iter().filter(|shipment| shipment.has_left());
        let reports = left.map(|shipment| shipment.report(allocation, None)).collect::<Result<_, _>>();
        reports.map_err(|error| unreadable(reference, &error))
    }

    /// What could be stopped is read from the order itself, never from the answer: a cancellation whose answer was
    /// lost, or that ShipBob refuses because all has left, is told by the same look.
    async fn cancel(&self, reference: &str) -> Result<Option<StopOutcome>, Failure> {
        allocation(reference)?;
        let Some(order) = self.client.order(reference).await? else { return Ok(None) };
        if order.is_settled() {
            return order.outcome().map(Some).map_err(|error| unreadable(reference, &error));
        }
        let answer = self.client.cancel_order(order.id).await?;
        if !answer.status().is_success() && answer.status() != StatusCode::UNPROCESSABLE_ENTITY {
            return Err(self.client.refusal(&answer).of_a_change());
        }
        let outcome = self.known(reference).await?.outcome();
        outcome.map(Some).map_err(|error| unreadable(reference, &error))
    }

    async fn announce_return(&self, notice: &ReturnNotice) -> Result<Posted, Failure> {
        return_number(&notice.reference)?;
        let center = translate::center(self.client.settings(), &notice.location)?;
        if let Some(found) = self.client.announced(&notice.reference).await? {
            return found.posted(notice);
        }
        let inventory = returns::inventory(notice, &self.shipped(notice).await?)?;
        let answer = self.client.create_return(&returns::announcement(notice, center, &inventory)).await?;
        match answer.status() {
            StatusCode::CREATED | StatusCode::OK => returns::created(notice, &inventory, answer.body()),
            // That there is a return with our reference is the proof that it was used, not the words of the refusal.
            StatusCode::UNPROCESSABLE_ENTITY => match self.client.announced(&notice.reference).await? {
                Some(found) => found.posted(notice),
                None => Err(self.client.refusal(&answer).of_a_change()),
            },
            _ => Err(self.client.refusal(&answer).of_a_change()),
        }
    }

    /// Of an order of ours: what came back of it unannounced, the newest of which something is known.
    async fn returned(&self, reference: &str) -> Result<Option<ReturnReport>, Failure> {
        let found = if translate::allocation(reference).is_some() {
            self.client.unannounced(reference).await?
        } else {
            return_number(reference)?;
            self.client.announced(reference).await?.into_iter().collect()
        };
        let reports = found.iter().map(|found| found.report(self.client.settings(), None));
        let reports = reports.collect::<Result<Vec<_>, _>>().map_err(|error| unreadable(reference, &error))?;
        Ok(reports.into_iter().flatten().next())
    }

    async fn stock(&self, after: Option<&str>) -> Result<StockPage, Failure> {
        let query = stock::query(after)?;
        let as_of = self.client.now();
        self.client.levels(query).await?.page(self.client.settings(), as_of, query)
    }
}

/// The number in the reference of an order of ours. A stranger's is never asked for.
fn allocation(reference: &str) -> Result<u32, Failure> {
    translate::allocation(reference).ok_or_else(|| unreadable(reference, "is not a reference of a 3PL order of ours"))
}

fn return_number(reference: &str) -> Result<u32, Failure> {
    translate::return_number(reference).ok_or_else(|| unreadable(reference, "is not a reference of a return of ours"))
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
