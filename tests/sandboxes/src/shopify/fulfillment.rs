//! `fulfillmentCreate`: its preconditions, in the order in which the vendor checks them, and its effect.
//!
//! It is not idempotent: a repeat ships what remains, and fails only when nothing does.

use jiff::Timestamp;
use serde_json::Value;

use super::order::{Fulfillment, FulfillmentLine, FulfillmentOrder, Order, Tracking};
use super::payload;
use super::shop::Shop;
use super::stock;

/// The argument of the mutation, after coercion.
#[derive(Debug)]
pub(super) struct FulfillmentRequest {
    groups: Vec<Group>,
    tracking: Vec<Tracking>,
    notify_customer: bool,
}

#[derive(Debug)]
struct Group {
    fulfillment_order: Option<u64>,
    /// None: everything that remains.
    lines: Option<Vec<(Option<u64>, i64)>>,
}

/// A refusal of the mutation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UserError {
    /// None where the vendor names no field.
    pub(super) field: Option<Vec<String>>,
    pub(super) message: String,
}

impl UserError {
    fn on_fulfillment(message: impl Into<String>) -> Self {
        Self { field: Some(vec!["fulfillment".to_owned()]), message: message.into() }
    }

    pub(super) fn plain(message: impl Into<String>) -> Self {
        Self { field: None, message: message.into() }
    }
}

impl FulfillmentRequest {
    pub(super) fn read(input: &Value) -> Self {
        let groups = input.get("lineItemsByFulfillmentOrder").and_then(Value::as_array);
        let notify = input.get("notifyCustomer").and_then(Value::as_bool);
        Self {
            groups: groups.into_iter().flatten().map(group).collect(),
            tracking: input.get("trackingInfo").map(tracking).unwrap_or_default(),
            notify_customer: notify.unwrap_or(false),
        }
    }

    fn first_bad_quantity(&self) -> Option<UserError> {
        for (group_index, group) in self.groups.iter().enumerate() {
            for (line_index, (_, quantity)) in group.lines.iter().flatten().enumerate() {
                if *quantity <= 0 {
                    return Some(UserError {
                        field: Some(
                            [
                                "fulfillment",
                                "lineItemsByFulfillmentOrder",
                                &group_index.to_string(),
                                "fulfillmentOrderLineItems",
                                &line_index.to_string(),
                                "quantity",
                            ]
                            .map(str::to_owned)
                            .to_vec(),
                        ),
                        message: "Quantity must be greater than 0".to_owned(),
                    });
                }
            }
        }
        None
    }
}

fn group(input: &Value) -> Group {
    let lines = input.get("fulfillmentOrderLineItems").and_then(Value::as_array);
    let line = |line: &Value| {
        let quantity = line.get("quantity").and_then(Value::as_i64).unwrap_or(0);
        (gid_of(line.get("id"), "FulfillmentOrderLineItem"), quantity)
    };
    Group {
        fulfillment_order: gid_of(input.get("fulfillmentOrderId"), "FulfillmentOrder"),
        lines: lines.filter(|lines| !lines.is_empty()).map(|lines| lines.iter().map(line).collect()),
    }
}

/// The number in `gid://shopify/<kind>/<number>`; none when it is the id of something else.
pub(super) fn gid_of(value: Option<&Value>, kind: &str) -> Option<u64> {
    let rest = value?.as_str()?.strip_prefix("gid://shopify/")?;
    rest.strip_prefix(kind)?.strip_prefix('/')?.parse().ok()
}

fn tracking(input: &Value) -> Vec<Tracking> {
    let text = |name: &str| input.get(name).and_then(Value::as_str).map(str::to_owned);
    let list = |one: &str, many: &str| -> Vec<String> {
        let many = input.get(many).and_then(Value::as_array).into_iter().flatten();
        let mut all: Vec<String> = many.filter_map(Value::as_str).map(str::to_owned).collect();
        if let Some(one) = text(one).filter(|one| !all.contains(one)) {
            all.insert(0, one);
        }
        all
    };
    let (numbers, urls) = (list("number", "numbers"), list("url", "urls"));
    let parcel = |index: usize| Tracking {
        company: text("company"),
        number: numbers.get(index).cloned(),
        url: urls.get(index).cloned(),
    };
    (0..numbers.len().max(urls.len())).map(parcel).collect()
}

/// What a request takes from an order.
struct Picked {
    order: u64,
    taken: Vec<Taken>,
}

/// What one line of one fulfilment order contributes.
struct Taken {
    order_index: usize,
    line_index: usize,
    quantity: i64,
}

impl Shop {
    /// Creates a fulfilment; the ids of the order and of the fulfilment.
    pub(super) fn fulfill(&mut self, request: &FulfillmentRequest, now: Timestamp) -> Result<(u64, u64), UserError> {
        if let Some(error) = request.first_bad_quantity() {
            return Err(error);
        }
        let order_id = self.order_of(request)?;
        let order = self.orders.get(&order_id).ok_or_else(does_not_exist)?;
        self.check_location(order, request)?;
        let picked = Picked { order: order_id, taken: take(order, request)? };
        let gone = stock::shipped(order, lines(order, &picked));
        let fulfillment = self.ship(&picked, request, now);
        self.moves(&gone, now);
        self.tell_of_fulfillment(order_id, now);
        Ok((order_id, fulfillment))
    }

    /// The one order that all fulfilment orders belong to.
    fn order_of(&self, request: &FulfillmentRequest) -> Result<u64, UserError> {
        let mut found: Vec<u64> = Vec::new();
        for group in &request.groups {
            let order =
                group.fulfillment_order.and_then(|id| self.orders.values().find(|order| part(order, id).is_some()));
            let id = order.ok_or_else(does_not_exist)?.id;
            if !found.contains(&id) {
                found.push(id);
            }
        }
        match found.as_slice() {
            [] => Err(does_not_exist()),
            [one] => Ok(*one),
            several => Err(UserError::on_fulfillment(format!(
                "All fulfillment orders must belong to the same order. \
                 Multiple orders with ids {several:?} were found."
            ))),
        }
    }

    fn check_location(&self, order: &Order, request: &FulfillmentRequest) -> Result<(), UserError> {
        let mut found: Vec<u64> = Vec::new();
        for (_, part) in parts(order, request) {
            let id = self.letterhead.location_id(&part.location).unwrap_or(0);
            if !found.contains(&id) {
                found.push(id);
            }
        }
        if found.len() > 1 {
            return Err(UserError::on_fulfillment(format!(
                "All fulfillment orders must be assigned to a single location. \
                 Multiple locations with ids {found:?} were found."
            )));
        }
        Ok(())
    }

    fn ship(&mut self, picked: &Picked, request: &FulfillmentRequest, now: Timestamp) -> u64 {
        let mut ids = self.ids.clone();
        let id = ids.document();
        let Some(order) = self.orders.get_mut(&picked.order) else {
            return id;
        };
        let mut shipped = Fulfillment {
            id,
            location: String::new(),
            created_at: now,
            tracking: request.tracking.clone(),
            lines: Vec::new(),
            fulfillment_orders: Vec::new(),
            notify_customer: request.notify_customer,
        };
        for taken in &picked.taken {
            let Some(part) = order.fulfillment_orders.get_mut(taken.order_index) else {
                continue;
            };
            shipped.location.clone_from(&part.location);
            if !shipped.fulfillment_orders.contains(&part.id) {
                shipped.fulfillment_orders.push(part.id);
            }
            let Some(line) = part.lines.get_mut(taken.line_index) else {
                continue;
            };
            line.remaining -= taken.quantity;
            merge(&mut shipped.lines, line.line, taken.quantity, || ids.document());
            part.status = part.unheld_status();
            part.updated_at = now;
        }
        order.updated_at = now;
        order.fulfillments.push(shipped);
        self.ids = ids;
        id
    }

    /// Our own doing comes back as webhooks, if they are subscribed to.
    fn tell_of_fulfillment(&mut self, order_id: u64, now: Timestamp) {
        let news = self.news(now);
        let Some(order) = self.orders.get(&order_id) else {
            return;
        };
        let newest = order.fulfillments.iter().enumerate().next_back();
        let body = newest.map(|(index, it)| payload::fulfillment(order, index, it, &self.letterhead));
        let topic = if order.is_fully_fulfilled() { "orders/fulfilled" } else { "orders/partially_fulfilled" };
        if let Some(body) = body {
            self.send((order_id, "fulfillments/create"), &body, &news);
        }
        self.tell(order_id, topic, &news);
        self.tell(order_id, "orders/updated", &news);
    }
}

fn does_not_exist() -> UserError {
    UserError::on_fulfillment("Fulfillment order does not exist.")
}

fn part(order: &Order, id: u64) -> Option<(usize, &FulfillmentOrder)> {
    order.fulfillment_orders.iter().enumerate().find(|(_, part)| part.id == id)
}

fn parts<'a>(order: &'a Order, request: &'a FulfillmentRequest) -> impl Iterator<Item = (usize, &'a FulfillmentOrder)> {
    request.groups.iter().filter_map(|group| part(order, group.fulfillment_order?))
}

/// Index of each line that is picked, with units.
fn lines<'a>(order: &'a Order, picked: &'a Picked) -> impl Iterator<Item = (usize, i64)> + 'a {
    picked.taken.iter().filter_map(|taken| {
        let part = order.fulfillment_orders.get(taken.order_index)?;
        Some((part.lines.get(taken.line_index)?.line, taken.quantity))
    })
}

/// What the request takes from each line, after the checks of status, existence and quantity.
fn take(order: &Order, request: &FulfillmentRequest) -> Result<Vec<Taken>, UserError> {
    for (_, part) in parts(order, request) {
        if !part.status.is_fulfillable() {
            return Err(UserError::on_fulfillment(format!(
                "Fulfillment order {} has an unfulfillable status= {}.",
                part.id,
                part.status.word()
            )));
        }
    }
    let mut taken: Vec<Taken> = Vec::new();
    for group in &request.groups {
        let Some((order_index, part)) = group.fulfillment_order.and_then(|id| part(order, id)) else {
            continue;
        };
        for (line_index, quantity) in wanted(group, part)? {
            taken.push(Taken { order_index, line_index, quantity });
        }
    }
    check_remaining(order, &taken)?;
    Ok(taken)
}

fn wanted(group: &Group, part: &FulfillmentOrder) -> Result<Vec<(usize, i64)>, UserError> {
    let Some(lines) = &group.lines else {
        let open = part.lines.iter().enumerate().filter(|(_, line)| line.remaining > 0);
        return Ok(open.map(|(index, line)| (index, line.remaining)).collect());
    };
    let found = lines.iter().map(|(id, quantity)| {
        let index = part.lines.iter().position(|line| Some(line.id) == *id);
        index.map(|index| (index, *quantity))
    });
    found
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| UserError::on_fulfillment("Fulfillment order line item does not exist."))
}

/// The same line may be named twice: together they may not exceed what remains.
fn check_remaining(order: &Order, taken: &[Taken]) -> Result<(), UserError> {
    for (order_index, part) in order.fulfillment_orders.iter().enumerate() {
        for (line_index, line) in part.lines.iter().enumerate() {
            let of_line =
                taken.iter().filter(|taken| (taken.order_index, taken.line_index) == (order_index, line_index));
            let asked: i64 = of_line.map(|taken| taken.quantity).fold(0, i64::saturating_add);
            if asked > line.remaining {
                let message = "Invalid fulfillment order line item quantity requested.";
                return Err(UserError::on_fulfillment(message));
            }
        }
    }
    Ok(())
}

/// Two fulfilment orders of one line make one line of the fulfilment.
fn merge(lines: &mut Vec<FulfillmentLine>, line: usize, quantity: i64, mut id: impl FnMut() -> u64) {
    match lines.iter_mut().find(|shipped| shipped.line == line) {
        Some(shipped) => shipped.quantity += quantity,
        None => lines.push(FulfillmentLine { id: id(), line, quantity }),
    }
}
