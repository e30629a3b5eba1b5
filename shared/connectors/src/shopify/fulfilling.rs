//! What Shopify knows of an order's shipments, and how a further one is told.

use std::collections::BTreeMap;

use crossdock_domain::event::Tracking;
use serde::Deserialize;
use serde_json::{Value, json};

/// Units by line; lines by the number that webhooks call them by.
pub(super) type Units = BTreeMap<String, u64>;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<T> {
    pub(super) nodes: Vec<T>,
    pub(super) page_info: PageInfo,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageInfo {
    pub(super) has_next_page: bool,
    #[serde(default)]
    pub(super) end_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Where the next page starts, if there is one.
    pub(super) fn next(&self) -> Option<String> {
        self.page_info.end_cursor.clone().filter(|_| self.page_info.has_next_page)
    }
}

/// Any object of which only the id matters.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Named {
    pub(super) id: String,
}

impl Named {
    /// The number at the end of `gid://shopify/<kind>/<number>`.
    pub(super) fn number(&self) -> &str {
        number_of(&self.id)
    }
}

/// The number at the end of a global id.
pub(super) fn number_of(gid: &str) -> &str {
    gid.rsplit('/').next().unwrap_or(gid)
}

/// A shipment that Shopify was told of.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fulfillment {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) total_quantity: u64,
    #[serde(default)]
    pub(super) tracking_info: Vec<TrackingInfo>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct TrackingInfo {
    pub(super) number: Option<String>,
}

impl Fulfillment {
    /// Whether it counts as shipped.
    pub(super) fn stands(&self) -> bool {
        matches!(self.status.as_str(), "SUCCESS" | "OPEN" | "PENDING")
    }

    fn numbers(&self) -> impl Iterator<Item = &str> {
        self.tracking_info.iter().filter_map(|tracking| tracking.number.as_deref()).filter(|number| !number.is_empty())
    }

    /// Whether it may be the shipment with this tracking: it has one of its numbers, or neither has any.
    pub(super) fn is_of(&self, tracking: &[Tracking]) -> bool {
        let ours = numbers(tracking);
        if ours.is_empty() {
            self.numbers().next().is_none()
        } else {
            self.numbers().any(|number| ours.contains(&number))
        }
    }
}

/// The numbers of a shipment's parcels.
pub(super) fn numbers(tracking: &[Tracking]) -> Vec<&str> {
    tracking.iter().map(|parcel| parcel.number.trim()).filter(|number| !number.is_empty()).collect()
}

/// What Shopify wants shipped together.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FulfillmentOrder {
    pub(super) id: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) fulfill_at: Option<String>,
    pub(super) fulfillment_holds: Vec<Hold>,
    pub(super) assigned_location: AssignedLocation,
    pub(super) line_items: Page<OpenLine>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Hold {
    pub(super) reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct AssignedLocation {
    pub(super) location: Option<Named>,
}

/// Units of a line that Shopify still wants shipped.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OpenLine {
    pub(super) id: String,
    pub(super) remaining_quantity: u64,
    pub(super) line_item: Named,
}

/// Units of a line that a fulfilment told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FulfilledLine {
    pub(super) quantity: Option<u64>,
    pub(super) line_item: Named,
}

impl FulfillmentOrder {
    fn is_ready(&self) -> bool {
        matches!(self.status.as_str(), "OPEN" | "IN_PROGRESS") && self.fulfillment_holds.is_empty()
    }

    fn location(&self) -> &str {
        self.assigned_location.location.as_ref().map(|location| location.id.as_str()).unwrap_or_default()
    }
}

/// Units to be told in one call: fulfilment order, then its lines with units. All at one location.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Part {
    groups: Vec<(String, Vec<(String, u64)>)>,
}

impl Part {
    /// Units in it.
    pub(super) fn units(&self) -> u64 {
        self.groups.iter().flat_map(|(_, lines)| lines).map(|(_, units)| units).sum()
    }

    /// The argument of `fulfillmentCreate`.
    pub(super) fn input(&self, tracking: &[Tracking], notify: Value) -> Value {
        let groups = self.groups.iter().map(|(id, lines)| {
            let lines: Vec<Value> = lines.iter().map(|(id, units)| json!({ "id": id, "quantity": units })).collect();
            json!({ "fulfillmentOrderId": id, "fulfillmentOrderLineItems": lines })
        });
        let mut input = json!({
            "lineItemsByFulfillmentOrder": groups.collect::<Vec<_>>(),
            "notifyCustomer": notify,
        });
        if let Some(tracking) = tracking_input(tracking)
            && let Some(fields) = input.as_object_mut()
        {
            fields.insert("trackingInfo".into(), tracking);
        }
        input
    }
}

/// Shopify makes the pages of carriers it knows by itself; ours are sent only where every parcel has one, because
/// numbers and pages are matched by position.
fn tracking_input(tracking: &[Tracking]) -> Option<Value> {
    let numbers = numbers(tracking);
    if numbers.is_empty() {
        return None;
    }
    let is_page = |url: &&str| url.starts_with("https://") || url.starts_with("http://");
    let urls: Vec<&str> = tracking.iter().filter_map(|parcel| parcel.url.as_deref().filter(is_page)).collect();
    let mut input = json!({ "numbers": numbers });
    let fields = input.as_object_mut()?;
    if let Some(company) = tracking.iter().find_map(|parcel| parcel.carrier.as_deref()) {
        fields.insert("company".into(), json!(company));
    }
    if urls.len() == numbers.len() {
        fields.insert("urls".into(), json!(urls));
    }
    Some(input)
}

/// Why units cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Obstacle {
    #[error("the storefront holds what was shipped ({0}): release the hold there, then retry")]
    Held(String),
    #[error("the storefront has scheduled what was shipped for {0}: open it there, then retry")]
    Scheduled(String),
    #[error(
        "the storefront has nothing open for {units} units of line {line}: it was fulfilled or cancelled there by somebody else"
    )]
    NothingOpen { line: String, units: u64 },
}

/// Which units of which fulfilment orders to tell: all at one location where one has them, else what each has.
pub(super) fn plan(orders: &[FulfillmentOrder], missing: &Units) -> Result<Vec<Part>, Obstacle> {
    let ready: Vec<&FulfillmentOrder> = orders.iter().filter(|order| order.is_ready()).collect();
    let mut by_location: BTreeMap<&str, Vec<&FulfillmentOrder>> = BTreeMap::new();
    for order in ready {
        by_location.entry(order.location()).or_default().push(order);
    }
    for at_one in by_location.values() {
        let mut left = missing.clone();
        let part = take(at_one, &mut left);
        if left.is_empty() {
            return Ok(vec![part]);
        }
    }
    let mut left = missing.clone();
    let parts: Vec<Part> = by_location.values().map(|at_one| take(at_one, &mut left)).collect();
    match left.into_iter().next() {
        None => Ok(parts.into_iter().filter(|part| part.units() > 0).collect()),
        Some((line, units)) => Err(obstacle(orders, line, units)),
    }
}

/// Takes units from fulfilment orders, in their order, and from what is missing.
fn take(orders: &[&FulfillmentOrder], missing: &mut Units) -> Part {
    let mut part = Part::default();
    for order in orders {
        let mut lines = Vec::new();
        for line in &order.line_items.nodes {
            let Some(wanted) = missing.get_mut(line.line_item.number()) else { continue };
            let units = line.remaining_quantity.min(*wanted);
            if units > 0 {
                *wanted -= units;
                lines.push((line.id.clone(), units));
            }
        }
        missing.retain(|_, units| *units > 0);
        if !lines.is_empty() {
            part.groups.push((order.id.clone(), lines));
        }
    }
    part
}

fn obstacle(orders: &[FulfillmentOrder], line: String, units: u64) -> Obstacle {
    let has_it = |order: &&FulfillmentOrder| {
        order.line_items.nodes.iter().any(|open| open.remaining_quantity > 0 && open.line_item.number() == line)
    };
    for order in orders.iter().filter(has_it) {
        if order.status == "ON_HOLD" || !order.fulfillment_holds.is_empty() {
            let reasons: Vec<&str> = order.fulfillment_holds.iter().map(|hold| hold.reason.as_str()).collect();
            return Obstacle::Held(if reasons.is_empty() { "ON_HOLD".into() } else { reasons.join(", ") });
        }
        if order.status == "SCHEDULED" {
            return Obstacle::Scheduled(order.fulfill_at.clone().unwrap_or_else(|| "later".into()));
        }
    }
    Obstacle::NothingOpen { line, units }
}

/// What of a shipment is not told yet, when this was told.
pub(super) fn missing(wanted: &Units, told: &Units) -> Units {
    let left = |(line, units): (&String, &u64)| {
        let units = units.saturating_sub(told.get(line).copied().unwrap_or_default());
        (units > 0).then(|| (line.clone(), units))
    };
    wanted.iter().filter_map(left).collect()
}
