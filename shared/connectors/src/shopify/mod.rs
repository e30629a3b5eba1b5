//! Shopify: orders come by webhook, or are found by asking; shipments, refunds, cancellations and stock are told, and its sales ledger is read,
//! through the Admin GraphQL API. README.md beside this file says
//! what it can do and where Shopify's facts come from.

mod client;
pub mod config;
mod disputing;
mod exchanging;
mod fulfilling;
mod ledger;
mod money;
mod order;
mod paying;
mod polling;
mod reading;
mod reversing;
mod stocking;
mod translate;
pub mod webhook;

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use crossdock_domain::event::FailureClass;
use crossdock_domain::ids::{ChannelOrderId, LocationId};
use crossdock_domain::sales::{SalesReport, ToldRefund};
use crossdock_domain::{Currency, Sku};
use crossdock_step::Failure;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use self::client::{Client, Document};
use self::fulfilling::{
    FulfilledLine, Fulfillment, FulfillmentOrder, OpenLine, Page, Part, Units, missing, number_of, numbers, plan,
};
use self::translate::Refusal;
use crate::{
    Announcement, CancelInstruction, Delivery, OrderPage, Outside, Posted, RefundInstruction, Shown, ShownStock,
    StockTarget, Storefront,
};

const ORDER_FULFILLMENTS: Document =
    Document { name: "OrderFulfillments", text: include_str!("queries/order_fulfillments.graphql") };
const FULFILLMENT_ORDER_LINES: Document =
    Document { name: "FulfillmentOrderLines", text: include_str!("queries/fulfillment_order_lines.graphql") };
const FULFILLED_LINES: Document =
    Document { name: "FulfilledLines", text: include_str!("queries/fulfilled_lines.graphql") };
const FULFILLMENT_CREATE: Document =
    Document { name: "FulfillmentCreate", text: include_str!("queries/fulfillment_create.graphql") };

/// As many fulfilments as one query reads; an order with more is told by hand.
const MOST_FULFILLMENTS: usize = 50;
/// Pages of anything are read up to here: an answer that never ends is not followed.
const MOST_PAGES: usize = 20;

/// A Shopify shop.
pub struct Shopify {
    client: Client,
}

impl Shopify {
    /// A shop behind a connection's settings.
    ///
    /// # Errors
    /// The settings lack something.
    pub fn new(outside: Outside) -> Result<Self, Failure> {
        Ok(Self { client: Client::new(outside)? })
    }
}

/// What Shopify knows of an order's shipments.
struct Standing {
    gid: String,
    fulfillments: Vec<Fulfillment>,
    open: Vec<FulfillmentOrder>,
}

/// How much of a shipment Shopify was told already.
struct Told {
    /// The fulfilment that says so.
    fulfillment: Option<String>,
    missing: Units,
}

#[derive(Deserialize)]
struct OrderData<T> {
    order: Option<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fulfillments {
    fulfillments: Vec<Fulfillment>,
    fulfillment_orders: Page<FulfillmentOrder>,
}

#[derive(Deserialize)]
struct FulfilledOrder {
    fulfillments: Vec<Fulfilled>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fulfilled {
    id: String,
    fulfillment_line_items: Page<FulfilledLine>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderLines {
    fulfillment_order: Option<Lines>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lines {
    line_items: Page<OpenLine>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    fulfillment_create: Outcome,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    fulfillment: Option<Fulfillment>,
    user_errors: Vec<UserError>,
}

#[derive(Deserialize)]
struct UserError {
    message: String,
}

#[async_trait]
impl Storefront for Shopify {
    async fn announce_shipment(&self, announcement: &Announcement) -> Result<Posted, Failure> {
        let wanted = wanted(announcement)?;
        let standing = self.standing(announcement).await?;
        let told = self.told(&standing, announcement, &wanted).await?;
        if let (Some(fulfillment), true) = (&told.fulfillment, told.missing.is_empty()) {
            return Ok(posted(fulfillment));
        }
        let parts = plan(&standing.open, &told.missing).map_err(|obstacle| refused(&obstacle.to_string()))?;
        if parts.len() > 1 && numbers(&announcement.tracking).is_empty() {
            // Told in two calls, it could not be recognised after a crash between them.
            return Err(refused(
                "the storefront wants it shipped from several locations and it has no tracking number",
            ));
        }
        let mut last = None;
        for part in parts {
            match self.create(&part, announcement).await? {
                Ok(fulfillment) => last = Some(fulfillment),
                Err(refusal) => return self.told_meanwhile(announcement, &wanted, &refusal).await,
            }
        }
        last.map(|fulfillment| posted(&fulfillment)).ok_or_else(|| refused("there was nothing left to tell"))
    }

    async fn refund(&self, instruction: &RefundInstruction) -> Result<ToldRefund, Failure> {
        self.pay_back(instruction).await
    }

    async fn cancel(&self, instruction: &CancelInstruction) -> Result<Posted, Failure> {
        self.cancel_order(instruction).await
    }

    async fn sales(&self, channel: &ChannelOrderId, currency: Currency) -> Result<SalesReport, Failure> {
        self.read_sales(channel, currency).await
    }

    async fn stock(
        &self,
        items: &[(Sku, Option<String>)],
        locations: &[LocationId],
    ) -> Result<Vec<ShownStock>, Failure> {
        self.read_stock(items, locations).await
    }

    async fn show_stock(&self, key: &str, targets: &[StockTarget]) -> Result<Vec<Shown>, Failure> {
        self.set_stock(key, targets).await
    }

    async fn changed_orders(&self, within: (Timestamp, Timestamp), after: Option<&str>) -> Result<OrderPage, Failure> {
        self.list_changed(within, after).await
    }

    async fn delivery(&self, channel: &ChannelOrderId) -> Result<Option<Delivery>, Failure> {
        self.read_delivery(channel).await
    }

    fn busy_until(&self) -> Option<Timestamp> {
        self.client.busy_until()
    }
}

impl Shopify {
    /// Reads what was told and what is open, page by page.
    async fn standing(&self, announcement: &Announcement) -> Result<Standing, Failure> {
        let gid = format!("gid://shopify/Order/{}", announcement.channel);
        let mut open = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let variables = json!({ "order": gid, "after": after });
            let answer: OrderData<Fulfillments> = self.client.call(ORDER_FULFILLMENTS, variables).await?;
            let order = answer.order.ok_or_else(|| missing_order(&gid))?;
            if order.fulfillments.len() >= MOST_FULFILLMENTS {
                return Err(refused("the order has too many fulfilments to tell ours apart: tell this one by hand"));
            }
            after = order.fulfillment_orders.next();
            for fulfillment_order in order.fulfillment_orders.nodes {
                open.push(self.whole(fulfillment_order).await?);
            }
            if after.is_none() {
                return Ok(Standing { gid, fulfillments: order.fulfillments, open });
            }
        }
        Err(refused("the order has too many fulfilment orders to be read"))
    }

    /// A fulfilment order with all its lines.
    async fn whole(&self, mut order: FulfillmentOrder) -> Result<FulfillmentOrder, Failure> {
        for _ in 0..MOST_PAGES {
            let Some(after) = order.line_items.next() else { return Ok(order) };
            let variables = json!({ "id": order.id, "after": after });
            let answer: OrderLines = self.client.call(FULFILLMENT_ORDER_LINES, variables).await?;
            let lines =
                answer.fulfillment_order.ok_or_else(|| refused("a fulfilment order vanished while it was read"))?;
            order.line_items.nodes.extend(lines.line_items.nodes);
            order.line_items.page_info = lines.line_items.page_info;
        }
        Err(refused("a fulfilment order has too many lines to be read"))
    }

    /// Finds our shipment among those that Shopify was told of: by tracking number, or by its units where it has none.
    async fn told(&self, standing: &Standing, announcement: &Announcement, wanted: &Units) -> Result<Told, Failure> {
        let tracked = !numbers(&announcement.tracking).is_empty();
        let total: u64 = wanted.values().sum();
        let ours = |it: &&Fulfillment| it.stands() && it.is_of(&announcement.tracking);
        let mut ours: Vec<&Fulfillment> = standing.fulfillments.iter().filter(ours).collect();
        if !tracked {
            ours.retain(|it| it.total_quantity == total);
        }
        let Some(last) = ours.last() else { return Ok(Told { fulfillment: None, missing: wanted.clone() }) };
        let fulfillment = Some(last.id.clone());
        let ids: Vec<&str> = ours.iter().map(|it| it.id.as_str()).collect();
        let Some(lines) = self.fulfilled_lines(&standing.gid, &ids).await? else {
            let units: u64 = ours.iter().map(|it| it.total_quantity).sum();
            let why = "a fulfilment has too many lines to tell whether it is ours: tell this one by hand";
            let done = Told { fulfillment, missing: Units::new() };
            return if tracked && units == total { Ok(done) } else { Err(refused(why)) };
        };
        if !tracked {
            let same = lines.iter().any(|units| units == wanted);
            return Ok(Told { fulfillment, missing: if same { Units::new() } else { wanted.clone() } });
        }
        // One parcel can bring two shipments of one order: what counts is which units were told under its number.
        let mut all = Units::new();
        for (line, units) in lines.iter().flatten() {
            *all.entry(line.clone()).or_default() += units;
        }
        Ok(Told { fulfillment, missing: missing(wanted, &all) })
    }

    /// The units of some fulfilments, each by line; nothing where one of them has more lines than a page.
    async fn fulfilled_lines(&self, gid: &str, of: &[&str]) -> Result<Option<Vec<Units>>, Failure> {
        let answer: OrderData<FulfilledOrder> = self.client.call(FULFILLED_LINES, json!({ "order": gid })).await?;
        let order = answer.order.ok_or_else(|| missing_order(gid))?;
        let asked_for = order.fulfillments.into_iter().filter(|it| of.contains(&it.id.as_str()));
        let units = |fulfilled: Fulfilled| {
            if fulfilled.fulfillment_line_items.page_info.has_next_page {
                return None;
            }
            let mut units = Units::new();
            for line in fulfilled.fulfillment_line_items.nodes {
                *units.entry(line.line_item.number().to_owned()).or_default() += line.quantity.unwrap_or_default();
            }
            Some(units)
        };
        Ok(asked_for.map(units).collect())
    }

    /// Tells of one part; the inner error is a "no" of the shop's rules.
    async fn create(&self, part: &Part, announcement: &Announcement) -> Result<Result<String, Refusal>, Failure> {
        if self.client.now() >= announcement.claimed_until {
            return Err(Failure::retry("the claim has ended before the storefront was told"));
        }
        let notify = Value::Bool(self.client.config.notify_customer);
        let variables = json!({ "fulfillment": part.input(&announcement.tracking, notify) });
        let answer: Created = self.client.call(FULFILLMENT_CREATE, variables).await?;
        let Outcome { fulfillment, user_errors } = answer.fulfillment_create;
        if !user_errors.is_empty() {
            let messages = user_errors.into_iter().map(|error| error.message).collect();
            return Ok(Err(Refusal::User { messages }));
        }
        let made = fulfillment.filter(Fulfillment::stands).ok_or_else(|| {
            self.client.failure(&Refusal::Unparsable { detail: "it took the shipment, and shows none".into() })
        })?;
        if made.total_quantity != part.units() {
            let reason = format!("Shopify was told of {} units and shows {}", part.units(), made.total_quantity);
            return Err(refused(&reason));
        }
        Ok(Ok(made.id))
    }

    /// After a "no": perhaps because an earlier call of ours, whose answer was lost, or somebody at the shop came
    /// first. Then what we wanted told is told.
    async fn told_meanwhile(
        &self,
        announcement: &Announcement,
        wanted: &Units,
        refusal: &Refusal,
    ) -> Result<Posted, Failure> {
        let standing = self.standing(announcement).await?;
        let told = self.told(&standing, announcement, wanted).await?;
        match told.fulfillment {
            Some(fulfillment) if told.missing.is_empty() => Ok(posted(&fulfillment)),
            _ => Err(self.client.failure(refusal)),
        }
    }
}

/// Units by line; one line may be announced in several pieces.
fn wanted(announcement: &Announcement) -> Result<Units, Failure> {
    let mut wanted = Units::new();
    for (line, units) in announcement.lines.iter().filter(|(_, units)| *units > 0) {
        *wanted.entry(number_of(line).to_owned()).or_default() += u64::from(*units);
    }
    if wanted.is_empty() {
        return Err(Failure::permanent(FailureClass::Value, "the shipment has no units to tell the storefront of"));
    }
    Ok(wanted)
}

fn posted(gid: &str) -> Posted {
    Posted { id: number_of(gid).to_owned(), total: None }
}

fn refused(reason: &str) -> Failure {
    Failure::permanent(FailureClass::Refused, reason)
}

fn missing_order(gid: &str) -> Failure {
    let order = number_of(gid);
    let reason =
        format!("the storefront has no order {order}, or its token may not read it: check the read_orders scopes");
    Failure::permanent(FailureClass::Missing, reason)
}
