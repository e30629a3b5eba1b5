//! ShipBob's words and ours: orders, shipments, and what its refusals mean.

use std::collections::BTreeMap;

use bytes::Bytes;
use crossdock_domain::event::{FailureClass, Tracking};
use crossdock_domain::ids::LocationId;
use crossdock_domain::shipping::ShipmentReport;
use crossdock_domain::{Recipient, Sku, ids};
use crossdock_step::Failure;
use http::StatusCode;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use super::config::Settings;
use crate::{FulfillmentLine, FulfillmentRequest, StopOutcome};

/// SKUs, each with its units.
pub type Units = Vec<(Sku, u32)>;

/// `CreateOrderModel` of a request.
///
/// # Errors
/// The location is not mapped.
pub fn order(settings: &Settings, request: &FulfillmentRequest) -> Result<Value, Failure> {
    let location = center(settings, &request.location)?;
    let products = request
        .lines
        .iter()
        .map(|line| json!({ "reference_id": line.item, "name": line.sku, "sku": line.sku, "quantity": line.quantity }));
    Ok(json!({
        "reference_id": request.reference,
        "order_number": request.order_name,
        "type": settings.kind,
        "shipping_method": settings.shipping_method,
        "location_id": location,
        "products": products.collect::<Vec<_>>(),
        "recipient": recipient(&request.recipient),
    }))
}

/// ShipBob's fulfilment centre behind a location of ours.
///
/// # Errors
/// The location is not mapped.
pub fn center(settings: &Settings, location: &LocationId) -> Result<i32, Failure> {
    settings.locations.get(location).map(|number| number.0).ok_or_else(|| {
        let reason = format!("location {location} has no ShipBob location: map it in the connection's settings");
        Failure::permanent(FailureClass::Mapping, reason)
    })
}

fn recipient(to: &Recipient) -> Value {
    let address = filled([
        ("company_name", to.company.as_deref()),
        ("address1", Some(&to.address1)),
        ("address2", to.address2.as_deref()),
        ("city", Some(&to.city)),
        ("state", to.region.as_deref()),
        ("zip_code", Some(&to.postal_code)),
        ("country", Some(&to.country)),
    ]);
    let mut person =
        filled([("name", Some(&to.name)), ("email", to.email.as_deref()), ("phone_number", to.phone.as_deref())]);
    person.insert("address".to_owned(), Value::Object(address));
    Value::Object(person)
}

/// Fields that have a value: ShipBob checks the form of those that are sent, even if they are empty.
fn filled<const N: usize>(fields: [(&str, Option<&str>); N]) -> Map<String, Value> {
    let given = fields.into_iter().filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)));
    given.map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
}

/// `OrderViewModel`, as far as it is read.
#[derive(Deserialize)]
pub struct Order {
    /// ShipBob's identity of the order.
    pub id: i64,
    /// Our reference.
    #[serde(default)]
    pub reference_id: Option<String>,
    /// How far it has got.
    #[serde(default, deserialize_with = "or_default")]
    pub status: String,
    /// What it ships.
    #[serde(default, deserialize_with = "or_default")]
    pub products: Vec<Product>,
    /// Its shipments.
    #[serde(default, deserialize_with = "or_default")]
    pub shipments: Vec<Shipment>,
}

/// A product of an order.
#[derive(Deserialize)]
pub struct Product {
    #[serde(default)]
    reference_id: Option<String>,
    #[serde(default)]
    sku: Option<String>,
    #[serde(default)]
    quantity: i64,
}

/// The specification marks nearly everything nullable: null is what an absent field is.
pub fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// A time, also where ShipBob leaves the offset out: then it is UTC.
pub fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
    let at = text.parse().or_else(|_| {
        let local: DateTime = text.parse()?;
        TimeZone::UTC.to_timestamp(local)
    });
    at.map(Some).map_err(serde::de::Error::custom)
}

impl Order {
    /// Whether ShipBob holds exactly the products and quantities of the request.
    #[must_use]
    pub fn is(&self, request: &FulfillmentRequest) -> bool {
        let mut open = BTreeMap::<&str, i64>::new();
        for line in &request.lines {
            *open.entry(&line.item).or_default() += i64::from(line.quantity);
        }
        for product in &self.products {
            let keys = [product.reference_id.as_deref(), product.sku.as_deref()];
            let key = keys.into_iter().flatten().find(|key| open.contains_key(key));
            match key.and_then(|key| open.get_mut(key)) {
                Some(left) => *left -= product.quantity,
                None => return false,
            }
        }
        open.values().all(|left| *left == 0)
    }

    /// Whether nothing of it can change any more: all of it has left or is cancelled.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let is_settled = |shipment: &Shipment| shipment.has_left() || shipment.is_cancelled();
        !self.shipments.is_empty() && self.shipments.iter().all(is_settled)
    }

    /// What of it will not leave, and what will.
    ///
    /// # Errors
    /// Its shipments do not account for all units of its products: what is missing may be in a parcel or nowhere.
    pub fn outcome(&self) -> Result<StopOutcome, String> {
        let (stopped, kept): (Vec<_>, Vec<_>) = self.parts()?.into_iter().partition(|(is_cancelled, _)| *is_cancelled);
        let side = |parts: Vec<(bool, Units)>| summed(parts.into_iter().flat_map(|(_, lines)| lines));
        let outcome = StopOutcome { stopped: side(stopped)?, kept: side(kept)? };
        let told: i64 = outcome.stopped.iter().chain(&outcome.kept).map(|(_, quantity)| i64::from(*quantity)).sum();
        let ordered: i64 = self.products.iter().map(|product| product.quantity).sum();
        if told == ordered {
            Ok(outcome)
        } else {
            Err(format!("its shipments hold {told} units, its products are {ordered}"))
        }
    }

    /// Whether each part of it is cancelled, and what is in it: its shipments, or, before it has any, all of it.
    fn parts(&self) -> Result<Vec<(bool, Units)>, String> {
        if self.shipments.is_empty() {
            let lines = self.products.iter().map(Product::line).collect::<Result<_, _>>()?;
            return Ok(vec![(self.status == "Cancelled", lines)]);
        }
        self.shipments.iter().map(|shipment| Ok((shipment.is_cancelled(), shipment.lines()?))).collect()
    }
}

/// `ShipmentViewModel`, as far as it is read; also the body of shipment webhooks.
#[derive(Deserialize)]
pub struct Shipment {
    id: i64,
    #[serde(default, deserialize_with = "or_default")]
    status: String,
    #[serde(default)]
    tracking: Option<ShipmentTracking>,
    #[serde(default, deserialize_with = "or_default")]
    products: Vec<ShipmentProduct>,
    #[serde(default, deserialize_with = "moment")]
    actual_fulfillment_date: Option<Timestamp>,
}

#[derive(Deserialize)]
struct ShipmentTracking {
    #[serde(default)]
    carrier: Option<String>,
    #[serde(default)]
    tracking_number: Option<String>,
    #[serde(default)]
    tracking_url: Option<String>,
    #[serde(default, deserialize_with = "moment")]
    shipping_date: Option<Timestamp>,
}

#[derive(Deserialize)]
struct ShipmentProduct {
    #[serde(default)]
    reference_id: Option<String>,
    #[serde(default)]
    sku: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    inventory_items: Vec<InventoryItem>,
}

#[derive(Deserialize)]
struct InventoryItem {
    id: i64,
    quantity: u32,
}

impl Shipment {
    /// Reads a shipment.
    ///
    /// # Errors
    /// It does not have the form of one.
    pub fn read(body: &Value) -> Result<Self, String> {
        Self::deserialize(body).map_err(|error| error.to_string())
    }

    /// Whether it has left the building: packed, labelled and handed over. `Completed` says so; a label alone does not.
    #[must_use]
    pub fn has_left(&self) -> bool {
        let is_under_way = self.status == "LabeledCreated" && self.actual_fulfillment_date.is_some();
        self.status == "Completed" || is_under_way
    }

    /// Whether it will not leave.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.status == "Cancelled"
    }

    /// SKUs and units in it.
    ///
    /// # Errors
    /// It holds nothing, or something whose quantity cannot be told.
    pub fn lines(&self) -> Result<Units, String> {
        let lines = self.products.iter().map(ShipmentProduct::line).collect::<Result<Vec<_>, _>>()?;
        if lines.is_empty() { Err(format!("shipment {} does not say what is in it", self.id)) } else { Ok(lines) }
    }

    /// That it will not leave, and nothing about other shipments of its order.
    ///
    /// # Errors
    /// It holds nothing, or something whose quantity cannot be told.
    pub fn stopped(&self) -> Result<StopOutcome, String> {
        Ok(StopOutcome { stopped: summed(self.lines()?)?, kept: Vec::new() })
    }

    /// ShipBob's inventory item behind one of our lines; none where it is not in this shipment, or is a bundle of
    /// several items.
    #[must_use]
    pub fn inventory_id(&self, line: &FulfillmentLine) -> Option<i64> {
        let is_it = |product: &&ShipmentProduct| {
            product.reference_id.as_deref() == Some(&line.item) || product.sku.as_deref() == Some(line.sku.as_str())
        };
        let items = &self.products.iter().find(is_it)?.inventory_items;
        let first = items.first()?.id;
        items.iter().all(|item| item.id == first).then_some(first)
    }

    /// The canonical report. `told_at` is when we were told, for a shipment that does not say when it left.
    ///
    /// # Errors
    /// Something that a report needs is missing or ambiguous.
    pub fn report(&self, allocation: u32, told_at: Option<Timestamp>) -> Result<ShipmentReport, String> {
        let shipped_at = [self.actual_fulfillment_date, self.tracking.as_ref().and_then(|t| t.shipping_date), told_at];
        let shipped_at = shipped_at.into_iter().flatten().next();
        Ok(ShipmentReport {
            id: self.id.to_string(),
            allocation,
            lines: self.lines()?,
            tracking: self.tracking.iter().filter_map(ShipmentTracking::canonical).collect(),
            shipped_at: shipped_at.ok_or_else(|| format!("shipment {} does not say when it left", self.id))?,
        })
    }
}

impl ShipmentTracking {
    fn canonical(&self) -> Option<Tracking> {
        let number = self.tracking_number.as_deref().map(str::trim).filter(|number| !number.is_empty())?;
        let is_link = |url: &&String| url.starts_with("https://") || url.starts_with("http://");
        Some(Tracking {
            carrier: self.carrier.clone().filter(|carrier| !carrier.is_empty()),
            number: number.to_owned(),
            url: self.tracking_url.as_ref().filter(is_link).cloned(),
        })
    }
}

impl Product {
    fn line(&self) -> Result<(Sku, u32), String> {
        let sku = named(self.sku.as_deref(), self.reference_id.as_deref())?;
        let quantity = u32::try_from(self.quantity).map_err(|_| format!("{sku} has no quantity"))?;
        Ok((sku, quantity))
    }
}

/// Units per SKU.
fn summed(lines: impl IntoIterator<Item = (Sku, u32)>) -> Result<Units, String> {
    let mut sums = BTreeMap::<Sku, u32>::new();
    for (sku, quantity) in lines.into_iter().filter(|(_, quantity)| *quantity > 0) {
        let sum = sums.entry(sku).or_default();
        *sum = sum.checked_add(quantity).ok_or("its quantity is beyond all measure")?;
    }
    Ok(sums.into_iter().collect())
}

/// Our SKU of a product of ShipBob's: its SKU, or where it has none its reference.
fn named(sku: Option<&str>, reference: Option<&str>) -> Result<Sku, String> {
    let name = [sku, reference].into_iter().flatten().find(|text| !text.is_empty());
    name.unwrap_or_default().parse().map_err(|error| format!("a product of it: {error}"))
}

impl ShipmentProduct {
    /// SKU and units. Quantities stand with the inventory items: several lots of one item add up, but several items
    /// are a bundle whose own quantity nobody tells.
    fn line(&self) -> Result<(Sku, u32), String> {
        let sku = named(self.sku.as_deref(), self.reference_id.as_deref())?;
        let first = self.inventory_items.first().ok_or_else(|| format!("{sku} has no quantity"))?;
        if self.inventory_items.iter().any(|item| item.id != first.id) {
            return Err(format!("{sku} is a bundle of several inventory items, whose quantity cannot be told"));
        }
        let quantity = self.inventory_items.iter().try_fold(0_u32, |sum, item| sum.checked_add(item.quantity));
        Ok((sku, quantity.ok_or("its quantity is beyond all measure")?))
    }
}

/// Number of our allocation behind a reference such as `UK-820982911946154508-F1`; `None` for a stranger's.
#[must_use]
pub fn allocation(reference: &str) -> Option<u32> {
    numbered(reference, "F")
}

/// Number of our return behind a reference such as `UK-820982911946154508-RMA1`; `None` for a stranger's.
#[must_use]
pub fn return_number(reference: &str) -> Option<u32> {
    numbered(reference, "RMA")
}

fn numbered(reference: &str, kind: &str) -> Option<u32> {
    let (_, _, document) = ids::split_reference(reference)?;
    let number = document.strip_prefix(kind)?;
    let is_plain = !number.starts_with('0') && number.bytes().all(|b| b.is_ascii_digit());
    if is_plain { number.parse().ok() } else { None }
}

/// Longest and shortest time that a connection is left alone when ShipBob says that it is asked too often.
const PAUSE_S: (i64, i64) = (1, 300);
/// Its window slides over a minute; without a word from it, a part of that.
const UNSAID_PAUSE_S: i64 = 10;

/// Everything that ShipBob can say instead of yes, and what follows from it.
#[must_use]
pub fn refusal(connection: &str, now: Timestamp, answer: &http::Response<Bytes>) -> Failure {
    let status = answer.status();
    match status {
        StatusCode::TOO_MANY_REQUESTS => {
            Failure::paused(connection, (now, pause(answer)), "ShipBob takes 150 calls a minute and had more")
        }
        StatusCode::PAYLOAD_TOO_LARGE => lasting(
            FailureClass::TooLarge,
            "the order or return is larger than ShipBob takes: give it to ShipBob by hand, or ask for fewer lines an order",
        ),
        _ if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
            Failure::retry(format!("ShipBob answered {status}"))
        }
        StatusCode::UNAUTHORIZED => {
            lasting(FailureClass::Connection, "ShipBob does not take our token: renew it in the connection's secret")
        }
        StatusCode::FORBIDDEN => {
            let scopes = "orders_read, orders_write, returns_read, returns_write and inventory_read";
            lasting(FailureClass::Connection, format!("the ShipBob token lacks a scope: it needs {scopes}"))
        }
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => refused_content(status, answer.body()),
        _ if status.is_client_error() || status.is_redirection() => {
            let action = "check base_url and api_version in the connection's settings, then retry";
            lasting(FailureClass::Connection, format!("ShipBob answered {status}: {action}"))
        }
        _ => {
            lasting(FailureClass::Parse, format!("ShipBob answered {status} with something that it does not document"))
        }
    }
}

fn lasting(class: FailureClass, reason: impl Into<String>) -> Failure {
    Failure::permanent(class, reason)
}

fn pause(answer: &http::Response<Bytes>) -> SignedDuration {
    let header = |name: &str| answer.headers().get(name)?.to_str().ok()?.trim().parse::<Decimal>().ok();
    let said = header("x-retry-after").or_else(|| header("retry-after"));
    let seconds = said.and_then(|s| i64::try_from(s.ceil()).ok()).unwrap_or(UNSAID_PAUSE_S).clamp(PAUSE_S.0, PAUSE_S.1);
    // Those who wait must not all come back in the same instant.
    SignedDuration::from_secs(seconds) + SignedDuration::from_millis(fastrand::i64(0..1000))
}

/// A refusal of what an order or a return says. Names the fields, never their values: the recipient is personal data, and
/// ShipBob's messages quote what they refuse.
fn refused_content(status: StatusCode, body: &Bytes) -> Failure {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let fields = field_names(&said);
    let touches = |part: &str| fields.iter().any(|field| field.contains(part)) || mentions(&said, part);
    let list = if fields.is_empty() { "no field named".to_owned() } else { fields.join(", ") };
    let (class, action) = if touches("recipient") || touches("address") {
        (FailureClass::Value, "correct the address, then retry")
    } else if touches("products") || touches("product with") || touches("inventory") {
        (FailureClass::Mapping, "map the item to a product that ShipBob has, then retry")
    } else if touches("location") || touches("fulfillment") || touches("shipping_method") || touches("channel") {
        (FailureClass::Connection, "correct the connection's settings, then retry")
    } else {
        (FailureClass::Value, "look at ShipBob what is there, then retry")
    };
    lasting(class, format!("ShipBob refused the content ({status}; {list}): {action}"))
}

/// Names of the fields that were refused: keys of the answer, if they look like names of fields.
fn field_names(said: &Value) -> Vec<String> {
    let keys = said.as_object().into_iter().flat_map(serde_json::Map::keys);
    let is_name = |key: &&String| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'[' | b']' | b'$');
        key.as_str() != "errors" && key.len() <= 60 && key.bytes().all(plain)
    };
    keys.filter(is_name).take(8).cloned().collect()
}

/// Whether one of the messages speaks of something; the messages themselves are not passed on.
fn mentions(said: &Value, part: &str) -> bool {
    let messages = said.as_object().into_iter().flat_map(|fields| fields.values());
    let texts = messages.flat_map(|messages| messages.as_array().into_iter().flatten()).filter_map(Value::as_str);
    texts.into_iter().any(|text| text.to_ascii_lowercase().contains(part))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Order;
    use crate::StopOutcome;

    fn order(status: &str, shipments: Value) -> Order {
        let products = json!([{ "sku": "TEE", "quantity": 2 }, { "reference_id": "MUG", "quantity": 1 }]);
        let body = json!({ "id": 7, "status": status, "products": products, "shipments": shipments });
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn an_order_without_shipments_is_stopped_or_kept_as_a_whole() {
        let all = || vec![("MUG".parse().unwrap(), 1), ("TEE".parse().unwrap(), 2)];
        let stopped = StopOutcome { stopped: all(), kept: Vec::new() };
        assert_eq!(order("Cancelled", json!(null)).outcome(), Ok(stopped));
        let waiting = order("ImportReview", json!([]));
        assert_eq!(waiting.outcome(), Ok(StopOutcome { stopped: Vec::new(), kept: all() }));
        assert!(!waiting.is_settled(), "it can still be cancelled");
    }

    #[test]
    fn units_that_no_shipment_holds_are_not_taken_for_stopped() {
        let products = json!([{ "sku": "TEE", "inventory_items": [{ "id": 1, "quantity": 2 }] }]);
        let read = order("Cancelled", json!([{ "id": 8, "status": "Cancelled", "products": products }])).outcome();
        assert_eq!(read, Err("its shipments hold 2 units, its products are 3".to_owned()));
    }
}
