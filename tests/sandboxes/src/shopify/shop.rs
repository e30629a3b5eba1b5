//! The shop: its orders, what its staff and customers do, and the webhooks that tell of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;
use serde_json::Value;

use super::ledger::{TransactionKind, TransactionStatus};
use super::money::Currency;
use super::order::{FulfillmentOrder, FulfillmentOrderStatus, Hold, Ids, Order};
use super::payload::{self, Letterhead};
use super::stock::Inventory;
use super::template::{FinancialStatus, OrderTemplate};
use super::webhook::{Sender, Sent, Uuids};
use crate::Outbox;

pub(super) struct Shop {
    pub(super) letterhead: Letterhead,
    pub(super) sender: Sender,
    pub(super) currency: String,
    /// The app's client secrets; after a rotation the vendor may sign with either for an hour.
    pub(super) secrets: Vec<String>,
    pub(super) sign_with: usize,
    /// The topics that the app has subscribed to.
    pub(super) topics: BTreeSet<String>,
    pub(super) orders: BTreeMap<u64, Order>,
    pub(super) ids: Ids,
    pub(super) uuids: Uuids,
    pub(super) sent: Vec<Sent>,
    /// Root fields that the app may not read or call.
    pub(super) denied: BTreeSet<String>,
    pub(super) planned_errors: VecDeque<PlannedError>,
    /// What becomes of the money of the next refunds that are made by call.
    pub(super) refund_fates: VecDeque<TransactionStatus>,
    /// Keys of `@idempotent` calls, with what was asked and the refund that it made, if any.
    pub(super) keys: BTreeMap<String, (Value, Option<u64>)>,
    pub(super) inventory: Inventory,
    pub(super) outbox: Outbox,
}

/// Something that happened at the shop, as webhooks tell of it.
pub(super) struct News {
    /// One per thing that happened, whatever number of topics tells of it.
    event_id: String,
    at: Timestamp,
}

/// The fulfilment orders of one order, or those of them at one location.
pub(super) struct Parts {
    pub(super) order: u64,
    pub(super) location: Option<String>,
}

/// A top-level error that the next GraphQL requests get.
#[derive(Debug, Clone)]
pub(super) struct PlannedError {
    pub(super) code: String,
    /// The operation is carried out and its answer lost.
    pub(super) after_commit: bool,
}

impl Shop {
    /// A customer places an order.
    pub(super) fn place(&mut self, template: &OrderTemplate, now: Timestamp) -> Result<u64, String> {
        self.check_locations(template)?;
        let currency = template.currency.as_ref().unwrap_or(&self.currency);
        let currency = Currency::from_code(currency)?;
        let mut order = Order::place(template, currency, now, &mut self.ids)?;
        order.token = self.uuids.token();
        let (id, status) = (order.id, order.financial_status);
        self.orders.insert(id, order);
        let news = self.news(now);
        self.tell(id, "orders/create", &news);
        if status == FinancialStatus::Paid {
            self.tell(id, "orders/paid", &news);
        }
        Ok(id)
    }

    fn check_locations(&self, template: &OrderTemplate) -> Result<(), String> {
        let of_lines = template.lines.iter().filter_map(|line| line.location.as_ref());
        for location in of_lines.chain([&template.location]) {
            if self.letterhead.location_id(location).is_none() {
                return Err(format!("the shop has no location {location:?}"));
            }
        }
        Ok(())
    }

    /// The customer pays what is outstanding.
    pub(super) fn pay(&mut self, id: u64, now: Timestamp) -> Result<(), String> {
        let mut ids = self.ids.clone();
        let order = self.order_mut(id)?;
        let due = order.outstanding();
        let kind = match order.financial_status {
            FinancialStatus::Authorized => TransactionKind::Capture,
            FinancialStatus::Pending => TransactionKind::Sale,
            FinancialStatus::Paid if due > 0 => TransactionKind::Sale,
            FinancialStatus::Paid | FinancialStatus::Voided => {
                return Err(format!("order {id} is {} and cannot be paid", order.financial_word()));
            }
        };
        if due > 0 {
            order.pay(kind, due, (&mut ids, now));
        }
        order.financial_status = FinancialStatus::Paid;
        order.updated_at = now;
        self.ids = ids;
        let news = self.news(now);
        self.tell(id, "orders/paid", &news);
        self.tell(id, "orders/updated", &news);
        Ok(())
    }

    /// Holds fulfilment orders that are not closed; how many that were.
    pub(super) fn hold(
        &mut self,
        parts: &Parts,
        (reason, notes): (&str, Option<&str>),
        now: Timestamp,
    ) -> Result<usize, String> {
        let mut ids = self.ids.clone();
        let held = self.each_open_part(parts, |part| {
            part.status = FulfillmentOrderStatus::OnHold;
            part.updated_at = now;
            part.holds.push(Hold {
                id: ids.document(),
                reason: reason.to_ascii_uppercase(),
                notes: notes.map(str::to_owned),
            });
        })?;
        self.ids = ids;
        Ok(held)
    }

    /// Releases all holds of fulfilment orders; how many of these there were.
    pub(super) fn release(&mut self, parts: &Parts, now: Timestamp) -> Result<usize, String> {
        self.each_open_part(parts, |part| {
            part.holds.clear();
            part.status = part.unheld_status();
            part.updated_at = now;
        })
    }

    fn each_open_part(
        &mut self,
        parts: &Parts,
        mut change: impl FnMut(&mut FulfillmentOrder),
    ) -> Result<usize, String> {
        let order = self.order_mut(parts.order)?;
        let mut changed = 0;
        for part in &mut order.fulfillment_orders {
            let wanted = parts.location.as_ref().is_none_or(|location| part.location == *location);
            if wanted && part.status != FulfillmentOrderStatus::Closed {
                change(part);
                changed += 1;
            }
        }
        match changed {
            0 => Err(format!("order {} has no such fulfilment order that is not closed", parts.order)),
            _ => Ok(changed),
        }
    }

    pub(super) fn order_mut(&mut self, id: u64) -> Result<&mut Order, String> {
        self.orders.get_mut(&id).ok_or_else(|| format!("the shop has no order {id}"))
    }

    pub(super) fn news(&mut self, at: Timestamp) -> News {
        News { event_id: self.uuids.next(), at }
    }

    /// Emits a webhook about an order, if its topic is subscribed to.
    pub(super) fn tell(&mut self, order: u64, topic: &str, news: &News) {
        let known = self.orders.get(&order);
        if let Some(body) = known.map(|order| payload::order(order, &self.letterhead)) {
            self.send((order, topic), &body, news);
        }
    }

    /// Emits a webhook with any body, if its topic is subscribed to.
    pub(super) fn send(&mut self, (order, topic): (u64, &str), body: &Value, news: &News) {
        if !self.topics.contains(topic) {
            return;
        }
        let sent = Sent {
            order,
            topic: topic.to_owned(),
            webhook_id: self.uuids.next(),
            event_id: news.event_id.clone(),
            triggered_at: news.at,
            body: body.to_string().into_bytes(),
        };
        self.dispatch(&sent);
        self.sent.push(sent);
    }

    /// Sends deliveries of an order (or of all orders) again; how many.
    pub(super) fn redeliver(&mut self, order: Option<u64>, topic: Option<&str>, ids: WebhookIds) -> usize {
        let wanted = |sent: &&Sent| {
            order.is_none_or(|order| sent.order == order) && topic.is_none_or(|topic| sent.topic == topic)
        };
        let mut again: Vec<Sent> = self.sent.iter().filter(wanted).cloned().collect();
        for sent in &mut again {
            if ids == WebhookIds::New {
                sent.webhook_id = self.uuids.next();
            }
            self.dispatch(sent);
        }
        again.len()
    }

    fn dispatch(&self, sent: &Sent) {
        let secret = self.secrets.get(self.sign_with).or_else(|| self.secrets.first());
        let secret = secret.map(String::as_str).unwrap_or_default();
        self.outbox.push(sent.delivery(&self.sender, secret));
    }
}

/// Whether a repeated delivery keeps its id, as a retry does, or is another delivery of the same news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WebhookIds {
    Same,
    New,
}
