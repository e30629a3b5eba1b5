//! ShipBob: orders, shipments and signed webhooks.
//!
//! A reference that was used is refused for ever (422), which is what makes a repeated `POST /order` safe.
//! Whether a product reference is known, whether an address can be reached and how an order is split into
//! shipments is the warehouse's own business, as it is the vendor's.
//!
//! Acts are about `"all"` orders, one `reference_id` or one `order` (id):
//!
//! | act | what it says |
//! |---|---|
//! | `ship` | `lines?: [{ sku, quantity }]` for a part, `tracking_number?`, `carrier?` |
//! | `pick` | from here on it is too late to cancel |
//! | `deliver` | what was shipped has arrived |
//! | `hold`, `exception`, `resolve` | `reason?` |
//! | `refuse` (or `cancel`) | `reason?`: the warehouse cancels by itself whatever has not left |
//! | `redeliver` | `new_webhook_id?`; `reference_id` may be a return's |
//! | `withdraw_product`, `restore_product` | `sku` |
//! | `set_secrets` | `secrets`: every message is signed with each |
//! | `early_shipments` | `times`: so many orders ship, and say so, before they are answered |
//!
//! Acts of the returns desk; `lines` are `[{ sku, quantity, action: "Restock"|"Quarantine"|"Dispose" }]`, and
//! `completed` (true) says that nothing more will come:
//!
//! | act | what it says |
//! |---|---|
//! | `receive_return` | `reference_id` (the return's), `lines`, `completed?`; several acts add up |
//! | `receive_unannounced` | `order_reference`, `lines`, `completed?`, `return_type?` (`Regular`, `ReturnToSender`) |
//! | `return_to_sender` | `reference_id` (the order's), `action?` (`Restock`), `completed?` |
//!
//! Acts at the shelves; all say `sku` and `location` (`LON1`). Once somebody has counted a SKU at a place it ships no
//! more than it has there, and an order that it cannot cover waits as an exception; before, it ships all that is
//! ordered. ShipBob tells nobody of stock: `GET /inventory-level/locations` is polled.
//!
//! | act | what it says |
//! |---|---|
//! | `set_stock` | `on_hand`, `reference_id?` (the product's, where it is not the SKU): a count |
//! | `adjust_stock` | `delta`, `reason?`: shrinkage, or a find |
//! | `quarantine_stock` | `quantity`: no longer fit for sale |
//! | `expect_stock` | `quantity`: on its way in |
//! | `receive_stock` | `quantity`: it came, expected or not |

mod act;
mod intake;
mod limit;
mod listing;
mod returns;
mod stock;
mod view;
mod warehouse;
mod webhook;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

pub use stock::{OpeningStock, ShelfStock};
pub use warehouse::FulfillmentCenter;

use crate::common::{self, Slot, lock};
use crate::{Clock, Delivery, Fault, FrontDesk, Outbox, RecordedRequest, Vendor};
use intake::{FieldErrors, OrderRequest};
use limit::{Call, SlidingWindow};
use listing::Listing;
use view::Channel;
use warehouse::{Order, ShipOrder, ShipmentStatus, Stop, Warehouse};
use webhook::{About, Message, message_id};

/// The vendor retries at once, after 5 s, 5 min, 30 min and so on; here as often, within a minute.
const RETRY_AFTER_MS: [u64; 7] = [100, 500, 1000, 2000, 5000, 10_000, 20_000];

/// How a ShipBob account is set up.
#[derive(Clone)]
pub struct ShipBobConfig {
    /// The personal access token.
    pub token: String,
    /// The channel that orders come from, sent as `shipbob_channel_id`.
    pub channel_id: i64,
    /// `whsec_` and a key in base64.
    pub webhook_secret: String,
    /// API versions that are served.
    pub versions: Vec<String>,
    /// Fulfilment centres; the first takes orders that name none.
    pub centers: Vec<FulfillmentCenter>,
    /// The product references that are known. None: any reference is, and becomes a product when first ordered.
    pub catalogue: Option<Vec<String>>,
    /// Orders and webhook ids are numbered from here.
    pub first_order_id: u64,
    /// Calls within any sixty seconds; none: no limit. The vendor's is 150.
    pub calls_per_minute: Option<u32>,
    /// Ships every order by itself after so long; for the demo and for load.
    pub auto_ship_after: Option<Duration>,
    /// How long the answer to `POST /order` is held back when its shipment comes first.
    pub early_answer_delay: Duration,
    /// What stands on the shelves from the start; SKUs and places that are not named are not counted.
    pub stock: Vec<OpeningStock>,
}

impl Default for ShipBobConfig {
    fn default() -> Self {
        let center = |id, name: &str| FulfillmentCenter { id, name: name.to_owned() };
        Self {
            token: "shipbob-sandbox-token".to_owned(),
            channel_id: 280_001,
            webhook_secret: "whsec_c2hpcGJvYi1zYW5kYm94LXNlY3JldCE=".to_owned(),
            versions: ["2025-07", "2026-01", "2026-07"].map(str::to_owned).to_vec(),
            centers: vec![center(101, "LON1"), center(102, "MAN1")],
            catalogue: None,
            first_order_id: 287_000_001,
            calls_per_minute: None,
            auto_ship_after: None,
            early_answer_delay: Duration::ZERO,
            stock: Vec::new(),
        }
    }
}

impl std::fmt::Debug for ShipBobConfig {
    /// Tokens and secrets stay out of it.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ShipBobConfig")
            .field("channel_id", &self.channel_id)
            .field("centers", &self.centers)
            .field("calls_per_minute", &self.calls_per_minute)
            .field("auto_ship_after", &self.auto_ship_after)
            .finish_non_exhaustive()
    }
}

/// A ShipBob account; clones share their state.
#[derive(Clone)]
pub struct ShipBob {
    config: Arc<ShipBobConfig>,
    desk: FrontDesk,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    warehouse: Warehouse,
    window: SlidingWindow,
    secrets: Vec<String>,
    sent: Vec<Message>,
    message_seed: u64,
    message_serial: u64,
    /// So many orders are shipped, and say so, before they are answered.
    early_shipments: u32,
    channel: Channel,
    outbox: Outbox,
}

impl Inner {
    fn new(config: &ShipBobConfig, outbox: Outbox) -> Self {
        let mut warehouse = Warehouse {
            centers: config.centers.clone(),
            catalogue: config.catalogue.as_ref().map(|known| known.iter().cloned().collect()),
            withdrawn: BTreeSet::new(),
            orders: BTreeMap::new(),
            products: BTreeMap::new(),
            next_order: config.first_order_id,
            next_shipment: config.first_order_id + 31_000_000,
            returns: BTreeMap::new(),
            next_return: config.first_order_id + 62_000_000,
            stock: BTreeMap::new(),
        };
        warehouse.open(&config.stock);
        Self {
            warehouse,
            window: SlidingWindow::of(config.calls_per_minute),
            secrets: vec![config.webhook_secret.clone()],
            sent: Vec::new(),
            message_seed: config.first_order_id,
            message_serial: 0,
            early_shipments: 0,
            channel: channel(config),
            outbox,
        }
    }

    fn ship(&mut self, order: u64, wanted: &ShipOrder, now: Timestamp) -> Result<u64, String> {
        let shipment = self.warehouse.ship(order, wanted, now)?;
        self.tell((order, shipment), "order.shipped", now);
        Ok(shipment)
    }

    /// Says of an order that was just taken in that it waits for stock, if it does.
    fn tell_exceptions(&mut self, order: u64, now: Timestamp) {
        let shipments = self.warehouse.orders.get(&order).map(|order| order.shipments.as_slice()).unwrap_or_default();
        let stuck = shipments.iter().filter(|shipment| shipment.status == ShipmentStatus::Exception);
        for shipment in stuck.map(|shipment| shipment.id).collect::<Vec<_>>() {
            self.tell((order, shipment), "order.shipment.exception", now);
        }
    }

    /// Sends a webhook about a shipment.
    fn tell(&mut self, (order_id, shipment_id): (u64, u64), topic: &'static str, now: Timestamp) {
        let Some(order) = self.warehouse.orders.get(&order_id) else {
            return;
        };
        let shipment = order.shipments.iter().find(|shipment| shipment.id == shipment_id);
        let Some(body) = shipment.map(|shipment| view::shipment(order, shipment)) else {
            return;
        };
        self.send(About { order: Some(order_id), returned: None }, (topic, &body), now);
    }

    fn send(&mut self, about: About, (topic, body): (&'static str, &Value), now: Timestamp) {
        let message = Message { about, topic, id: self.next_message_id(), body: body.to_string().into_bytes() };
        self.outbox.push(message.delivery(&self.secrets, now));
        self.sent.push(message);
    }

    fn next_message_id(&mut self) -> String {
        self.message_serial += 1;
        message_id(self.message_seed, self.message_serial)
    }

    fn takes_shipment_first(&mut self) -> bool {
        let early = self.early_shipments > 0;
        self.early_shipments = self.early_shipments.saturating_sub(1);
        early
    }
}

impl ShipBob {
    /// Opens an account.
    #[must_use]
    pub fn new(config: ShipBobConfig, clock: Clock) -> Self {
        let desk = FrontDesk::new(clock, &RETRY_AFTER_MS.map(Duration::from_millis));
        let inner = Inner::new(&config, desk.outbox().clone());
        Self { config: Arc::new(config), desk, inner: Arc::new(Mutex::new(inner)) }
    }

    /// The vendor's API and the control routes, for in-process calls and for serving.
    pub fn router(&self) -> Router {
        common::router(self.clone())
    }

    /// What the warehouse holds: orders by our reference, with their shipments, returns, and what stands
    /// on the shelves.
    #[must_use]
    pub fn documents(&self) -> Value {
        let inner = lock(&self.inner);
        json!({
            "orders": inner.warehouse.orders.values().map(view::document).collect::<Vec<_>>(),
            "returns": inner.warehouse.returns.values().map(returns::document).collect::<Vec<_>>(),
            "stock": stock::documents(&inner.warehouse),
        })
    }

    /// What stands on the shelf of a SKU at a place (`LON1`); none where nobody has counted.
    #[must_use]
    pub fn stock(&self, sku: &str, location: &str) -> Option<ShelfStock> {
        let inner = lock(&self.inner);
        let center = inner.warehouse.center_named(location).ok()?.id;
        inner.warehouse.shelf_stock(sku, center)
    }

    /// Does what people at the warehouse would do: `{ "ship": { "reference_id": … } }`, `{ "ship": "all" }`.
    ///
    /// # Errors
    /// Why it cannot be done.
    pub fn act(&self, act: Value) -> Result<Value, String> {
        lock(&self.inner).act(act, self.desk.now())
    }

    /// Makes the next matching requests fail.
    pub fn add_fault(&self, fault: Fault) {
        self.desk.add_fault(fault);
    }

    /// What the API was sent.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.desk.requests()
    }

    /// Takes the webhooks that wait to be sent.
    #[must_use]
    pub fn take_deliveries(&self) -> Vec<Delivery> {
        self.desk.outbox().take()
    }

    fn channel(&self) -> Channel {
        channel(&self.config)
    }

    /// Version and token, asked of every request.
    fn refusal(&self, version: &str, headers: &HeaderMap) -> Option<Response> {
        if !self.config.versions.iter().any(|served| served == version) {
            return Some(StatusCode::NOT_FOUND.into_response());
        }
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = given.and_then(|given| given.strip_prefix("Bearer ")).unwrap_or_default();
        let fits = bool::from(token.as_bytes().ct_eq(self.config.token.as_bytes()));
        (!fits).then(|| StatusCode::UNAUTHORIZED.into_response())
    }

    /// The channel must be named when an order is created or cancelled.
    fn channel_refusal(&self, headers: &HeaderMap) -> Option<Response> {
        let Some(given) = headers.get("shipbob_channel_id") else {
            let message = "The shipbob_channel_id field is required.".to_owned();
            let errors = FieldErrors::from([("shipbob_channel_id".to_owned(), vec![message])]);
            return Some(bad_request(&errors));
        };
        let fits = given.to_str().is_ok_and(|given| given == self.config.channel_id.to_string());
        (!fits).then(|| StatusCode::FORBIDDEN.into_response())
    }

    async fn create(&self, body: &Bytes) -> Response {
        let Some(body) = crate::json::parse(body) else {
            let message = "The input is not valid JSON.".to_owned();
            return bad_request(&FieldErrors::from([("$".to_owned(), vec![message])]));
        };
        let request = match OrderRequest::read(&body) {
            Ok(request) => request,
            Err(errors) => return bad_request(&errors),
        };
        let (response, is_early) = self.take_in(request);
        if is_early {
            tokio::time::sleep(self.config.early_answer_delay).await;
        }
        response
    }

    fn take_in(&self, request: OrderRequest) -> (Response, bool) {
        let now = self.desk.now();
        let mut inner = lock(&self.inner);
        let id = match inner.warehouse.take_in(request, now) {
            Ok(id) => id,
            Err(errors) => return (unprocessable(&errors), false),
        };
        // The answer is what was known before the shipment.
        let shown = inner.warehouse.orders.get(&id).map(|order| view::order(order, &self.channel()));
        inner.tell_exceptions(id, now);
        let is_early = inner.takes_shipment_first();
        if is_early {
            // Only an empty shelf can be in the way of shipping an order that has just been taken in.
            let _ = inner.ship(id, &ShipOrder::default(), now);
        } else {
            self.ship_later(id);
        }
        (answer(StatusCode::CREATED, &shown.unwrap_or_default()), is_early)
    }

    fn ship_later(&self, order: u64) {
        let Some(pause) = self.config.auto_ship_after else {
            return;
        };
        let account = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            let now = account.desk.now();
            // What somebody held, cancelled or shipped meanwhile is no longer waiting.
            let _ = lock(&account.inner).ship(order, &ShipOrder::default(), now);
        });
    }

    fn list(&self, filters: &BTreeMap<String, String>) -> Response {
        let inner = lock(&self.inner);
        let listed = match Listing::read(filters) {
            Ok(listing) => listing.of(inner.warehouse.orders.values()),
            Err(errors) => return bad_request(&errors),
        };
        let channel = self.channel();
        let shown = listed.into_iter().map(|order| view::order(order, &channel)).collect();
        answer(StatusCode::OK, &Value::Array(shown))
    }

    fn cancel(&self, id: &str) -> Response {
        let now = self.desk.now();
        let mut inner = lock(&self.inner);
        let cancelled = id.parse().ok().and_then(|id| Some((id, inner.warehouse.cancel(id, now)?)));
        let Some((id, results)) = cancelled else {
            return not_found();
        };
        if !results.is_empty() && results.iter().all(|(_, stop)| *stop == Stop::Gone) {
            return unprocessable(&["Order cannot be cancelled: it has been fulfilled".to_owned()]);
        }
        for (shipment, _) in results.iter().filter(|(_, stop)| *stop == Stop::Now) {
            inner.tell((id, *shipment), "order.shipment.cancelled", now);
        }
        let shown = inner.warehouse.orders.get(&id).map(|order| view::order(order, &inner.channel));
        answer(StatusCode::OK, &view::cancelled(&results, shown.unwrap_or_default()))
    }

    fn show(&self, id: &str, view: impl FnOnce(&Order) -> Option<Value>) -> Response {
        let inner = lock(&self.inner);
        let order = id.parse().ok().and_then(|id: u64| inner.warehouse.orders.get(&id));
        match order.and_then(view) {
            Some(body) => answer(StatusCode::OK, &body),
            None => not_found(),
        }
    }
}

impl Vendor for ShipBob {
    fn name(&self) -> &'static str {
        "shipbob"
    }

    fn front_desk(&self) -> &FrontDesk {
        &self.desk
    }

    fn api(&self) -> Router {
        Router::new()
            .route("/{version}/order", get(list_route).post(create_route))
            .route("/{version}/order/{order}", get(order_route).post(order_action_route))
            .route("/{version}/order/{order}/shipment", get(shipments_route))
            .route("/{version}/order/{order}/shipment/{shipment}", get(shipment_route))
            .route("/{version}/shipment/{shipment}", get(lone_shipment_route))
            .merge(returns::routes())
            .merge(stock::routes())
            .fallback(async || not_found())
            .layer(axum::middleware::map_response_with_state(self.clone(), remaining_calls))
            .with_state(self.clone())
    }

    fn error(&self, status: u16, _variant: Option<&str>) -> Response {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => status.into_response(),
            StatusCode::TOO_MANY_REQUESTS => throttled(1),
            StatusCode::UNPROCESSABLE_ENTITY => unprocessable(&["The request could not be handled".to_owned()]),
            _ => {
                let message = status.canonical_reason().unwrap_or("Error");
                answer(status, &json!({ "statusCode": status.as_u16(), "message": message }))
            }
        }
    }

    fn wrong_answer(&self, answer: http::Response<Bytes>) -> http::Response<Bytes> {
        let (mut parts, body) = answer.into_parts();
        let Some(mut value) = crate::json::parse(&body) else {
            return http::Response::from_parts(parts, body);
        };
        mislead(&mut value);
        parts.headers.remove(header::CONTENT_LENGTH);
        http::Response::from_parts(parts, Bytes::from(value.to_string()))
    }

    fn admit(&self) -> Result<Slot, Response> {
        match lock(&self.inner).window.call(self.desk.now()) {
            Call::Unlimited | Call::Passes { .. } => Ok(Slot::default()),
            Call::Waits { seconds } => Err(throttled(seconds)),
        }
    }

    fn documents(&self) -> Value {
        Self::documents(self)
    }

    fn act(&self, action: Value) -> Result<Value, String> {
        Self::act(self, action)
    }

    fn reset(&self) {
        let mut inner = lock(&self.inner);
        let fresh = Inner::new(&self.config, self.desk.outbox().clone());
        let old = std::mem::replace(&mut *inner, fresh);
        // Later orders and messages must not be taken for earlier ones.
        inner.warehouse.next_order = old.warehouse.next_order;
        inner.warehouse.next_shipment = old.warehouse.next_shipment;
        inner.warehouse.next_return = old.warehouse.next_return;
        inner.message_serial = old.message_serial;
    }
}

fn channel(config: &ShipBobConfig) -> Channel {
    Channel { id: config.channel_id, name: "Crossdock".to_owned() }
}

/// Another order's reference and one piece more: the kind of answer that only a reader's own check finds.
fn mislead(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                match (name.as_str(), field.as_i64(), field.as_str()) {
                    ("quantity", Some(quantity), _) => *field = json!(quantity + 1),
                    ("reference_id", _, Some(reference)) => *field = json!(format!("{reference}-X")),
                    _ => mislead(field),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mislead),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

async fn create_route(
    State(shipbob): State<ShipBob>,
    Path(version): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match shipbob.refusal(&version, &headers).or_else(|| shipbob.channel_refusal(&headers)) {
        Some(refusal) => refusal,
        None => shipbob.create(&body).await,
    }
}

async fn list_route(
    State(shipbob): State<ShipBob>,
    Path(version): Path<String>,
    Query(filters): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    shipbob.refusal(&version, &headers).unwrap_or_else(|| shipbob.list(&filters))
}

async fn order_route(
    State(shipbob): State<ShipBob>,
    Path((version, order)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let channel = shipbob.channel();
    let show = || shipbob.show(&order, |order| Some(view::order(order, &channel)));
    shipbob.refusal(&version, &headers).unwrap_or_else(show)
}

/// The only action is `POST /order/{id}:cancel`.
async fn order_action_route(
    State(shipbob): State<ShipBob>,
    Path((version, order)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let cancel = || order.strip_suffix(":cancel").map_or_else(not_found, |id| shipbob.cancel(id));
    shipbob.refusal(&version, &headers).unwrap_or_else(cancel)
}

async fn shipments_route(
    State(shipbob): State<ShipBob>,
    Path((version, order)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let all = |order: &Order| -> Option<Value> {
        Some(order.shipments.iter().map(|shipment| view::shipment(order, shipment)).collect())
    };
    shipbob.refusal(&version, &headers).unwrap_or_else(|| shipbob.show(&order, all))
}

async fn shipment_route(
    State(shipbob): State<ShipBob>,
    Path((version, order, shipment)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    let one = |order: &Order| {
        let found = order.shipments.iter().find(|candidate| candidate.id.to_string() == shipment);
        found.map(|found| view::shipment(order, found))
    };
    shipbob.refusal(&version, &headers).unwrap_or_else(|| shipbob.show(&order, one))
}

async fn lone_shipment_route(
    State(shipbob): State<ShipBob>,
    Path((version, shipment)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let show = || {
        let inner = lock(&shipbob.inner);
        let found = shipment.parse().ok().and_then(|id| inner.warehouse.shipment(id));
        found.map_or_else(not_found, |(order, found)| answer(StatusCode::OK, &view::shipment(order, found)))
    };
    shipbob.refusal(&version, &headers).unwrap_or_else(show)
}

/// Every answer says how many calls are left, where there is a limit.
async fn remaining_calls(State(shipbob): State<ShipBob>, mut response: Response) -> Response {
    if let Some(remaining) = lock(&shipbob.inner).window.remaining() {
        response.headers_mut().insert("x-remaining-calls", remaining.into());
    }
    response
}

fn throttled(seconds: i64) -> Response {
    let message = format!("Rate limit is exceeded. Try again in {seconds} seconds.");
    let mut response = answer(StatusCode::TOO_MANY_REQUESTS, &json!({ "statusCode": 429, "message": message }));
    response.headers_mut().insert("x-retry-after", seconds.into());
    response.headers_mut().insert("x-remaining-calls", 0.into());
    response
}

fn bad_request(errors: &FieldErrors) -> Response {
    answer(StatusCode::BAD_REQUEST, &json!(errors))
}

fn unprocessable(errors: &[String]) -> Response {
    answer(StatusCode::UNPROCESSABLE_ENTITY, &json!({ "errors": errors }))
}

fn not_found() -> Response {
    answer(StatusCode::NOT_FOUND, &json!({ "statusCode": 404, "message": "Resource not found" }))
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (status, axum::Json(body)).into_response()
}
