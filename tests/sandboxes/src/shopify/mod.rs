//! Shopify: Admin GraphQL and signed webhooks.
//!
//! Documents are parsed and validated by a real GraphQL engine (against the vendor's published schema too,
//! where one is configured), so a connector that asks for a field that does not exist is told so here.
//! `fulfillmentCreate` has the vendor's preconditions and, like the vendor's, is not idempotent.
//!
//! | act | what it says |
//! |---|---|
//! | `place_order` | `lines: [{ sku, quantity, price, discount?, title?, location?, requires_shipping?, taxable?, gift_card?, grams? }]`; and any of `currency`, `taxes_included`, `tax_rate`, `tax_title`, `shipping`, `shipping_title`, `shipping_discount`, `discount` (an amount, or `{ code?, amount \| percentage }`), `location`, `financial_status` (`paid`, `pending`, `authorized`), `test`, `email`, `shipping_address`, `billing_address`, `gateway`, `note`, `attributes` (by name), `tags`, `placed_at`, `presentment_currency` with `exchange_rate` |
//! | `place_orders` | `count`, `template`, `from?`, `vary?`: a repeatable series |
//! | `pay_order` | `order` |
//! | `cancel_order` | `order`, `reason?`, `refund?` (`"full"`, `"none"`), `restock?`, `status?` of the refund |
//! | `refund_order` | `order`, `lines?: [{ sku, quantity, restock_type? }]` (`cancel`, `return`, `no_restock`, `removal`), `shipping?` (`"full"` or an amount), `amount?`, `gateway?`, `note?`, `status?` (`success`, `pending`, `failure`), `allow_over_refund?` |
//! | `settle_refund` | `order`, `refund`, `status` |
//! | `edit_order` | `order`, `add?: [a line as in place_order]`, `set?: [{ sku, quantity }]` |
//! | `change_address` | `order`, `shipping_address` |
//! | `request_return`, `open_return` | `order`, `lines: [{ sku, quantity, reason? }]`, `exchange?: [a line as in place_order]` |
//! | `approve_return`, `decline_return`, `cancel_return`, `close_return`, `reopen_return` | `order`, `return?` |
//! | `process_return` | `order`, `return?`, `amount?`, `shipping?`: staff settles all that is left of it |
//! | `open_dispute`, `close_dispute` | `order`; `amount?`, `reason?`; `won` |
//! | `hold_fulfillment_order`, `release_hold` | `order`, `location?`; `reason?`, `notes?` |
//! | `redeliver` | `order` or `"all"`, `topic?`, `new_webhook_id?` |
//! | `set_secrets` | `secrets`, `sign_with?` (an index) |
//! | `set_access` | `denied`: root fields that answer ACCESS_DENIED |
//! | `set_topics` | `topics`: webhooks that the app is subscribed to; none: nothing is told |
//! | `fail_next` | `code` (THROTTLED, INTERNAL_SERVER_ERROR, …), `times?`, `after_commit?` |
//! | `next_refunds` | `status` (`success`, `pending`, `failure`), `times?`: what becomes of the money of refunds that are made by call |
//! | `set_inventory` | `sku`, `location`, `on_hand`, `tracked?`: staff counts; the location stocks the SKU from then on |
//! | `adjust_inventory` | `sku`, `location`, `delta` |
//! | `next_stock` | `code`, `times?`: the next `inventorySetQuantities` are refused with this code |
//! | `drain_bucket` | `points` that are left |
//!
//! Stock is kept of SKUs that `set_inventory` has counted, and of no other. Whatever waits at a location to be shipped is
//! committed there; a fulfilment takes it from what is on hand; what an order or an edit takes off is available again
//! (without restocking it is gone from what is on hand too); what a refund puts back is on hand again.
//!
//! Amounts: a string is decimal (`"24.99"`), an integer is minor units (`2499`).

mod act;
mod change_acts;
mod changing;
mod cost;
mod documents;
mod fields;
mod fulfillment;
mod graphql;
mod ledger;
mod ledger_fields;
mod money;
mod nodes;
mod order;
mod payload;
mod query;
mod refunding;
mod returning;
mod reversals;
mod reversing;
mod shop;
mod stock;
mod stock_acts;
mod stock_calls;
mod stock_fields;
mod template;
mod webhook;
mod whole_fields;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

pub(crate) use act::{named, said};
pub use cost::BucketSize;
pub use graphql::{AdminSchema, SchemaError};
pub use stock::StockLevel;

use crate::common::{self, lock};
use crate::{Clock, Delivery, Fault, FrontDesk, RecordedRequest, Vendor};
use cost::Bucket;
use graphql::{Counter, GraphqlRequest};
use order::Ids;
use payload::Letterhead;
use shop::Shop;
use webhook::{Sender, Uuids};

/// A token of the client-credentials grant lives a day.
const TOKEN_LIFE: SignedDuration = SignedDuration::from_secs(86_399);
const NO_TOKEN: &str = "[API] Invalid API key or access token (unrecognized login or wrong password)";
/// The vendor retries eight times over four hours; here the same number of times, within a minute.
const RETRY_AFTER_MS: [u64; 8] = [500, 1000, 2000, 4000, 8000, 8000, 16000, 16000];

/// What the app subscribes to unless a test says otherwise.
const TOPICS: &[&str] = &[
    "orders/create",
    "orders/updated",
    "orders/paid",
    "orders/cancelled",
    "orders/edited",
    "refunds/create",
    "order_transactions/create",
    "returns/request",
    "returns/approve",
    "returns/decline",
    "returns/cancel",
    "returns/close",
    "returns/reopen",
    "returns/update",
    "returns/process",
    "disputes/create",
    "disputes/update",
];

/// How a shop and the app on it are set up.
#[derive(Clone)]
pub struct ShopifyConfig {
    /// `<name>.myshopify.com`.
    pub shop_domain: String,
    /// The app's permanent Admin API access token.
    pub access_token: String,
    /// The app's client id, for the client-credentials grant.
    pub client_id: String,
    /// The app's client secret: it gets tokens, and it signs webhooks.
    pub client_secret: String,
    /// The version that webhooks are written in.
    pub api_version: String,
    /// Versions that are served, oldest first. Older ones fall forward to the first of them.
    pub supported_versions: Vec<String>,
    /// The shop's currency, ISO 4217.
    pub currency: String,
    /// The offset of times in webhooks.
    pub time_zone: TimeZone,
    /// Location codes (their names too) and ids.
    pub locations: Vec<(String, u64)>,
    /// Orders are numbered from here. Another start also gives other webhook ids, so a shop that starts anew
    /// beside a receiver that remembers must start elsewhere.
    pub first_order_id: u64,
    /// The query cost budget.
    pub bucket: BucketSize,
    /// Webhook topics that the app subscribes to.
    pub topics: Vec<String>,
    /// The vendor's published schema: documents must be valid there too.
    pub schema: Option<Arc<AdminSchema>>,
}

impl Default for ShopifyConfig {
    fn default() -> Self {
        let texts = |texts: &[&str]| texts.iter().copied().map(str::to_owned).collect();
        Self {
            shop_domain: "crossdock-uk.myshopify.com".to_owned(),
            access_token: "shpat_sandbox".to_owned(),
            client_id: "crossdock-sandbox".to_owned(),
            client_secret: "shpss_sandbox".to_owned(),
            api_version: "2026-10".to_owned(),
            supported_versions: texts(&["2026-01", "2026-04", "2026-07", "2026-10"]),
            currency: "GBP".to_owned(),
            time_zone: TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC),
            locations: vec![("LON1".to_owned(), 113_884_102_962), ("MAN1".to_owned(), 114_038_047_026)],
            first_order_id: 820_982_911_946_154_500,
            bucket: BucketSize::default(),
            topics: texts(TOPICS),
            schema: None,
        }
    }
}

impl std::fmt::Debug for ShopifyConfig {
    /// Tokens and secrets stay out of it.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ShopifyConfig")
            .field("shop_domain", &self.shop_domain)
            .field("api_version", &self.api_version)
            .field("locations", &self.locations)
            .field("topics", &self.topics)
            .finish_non_exhaustive()
    }
}

/// A Shopify shop; clones share their state.
#[derive(Clone)]
pub struct Shopify {
    config: Arc<ShopifyConfig>,
    desk: FrontDesk,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    shop: Shop,
    bucket: Bucket,
    /// Tokens of the client-credentials grant and when they expire.
    tokens: BTreeMap<String, Timestamp>,
}

impl Inner {
    fn new(config: &ShopifyConfig, desk: &FrontDesk) -> Self {
        Self {
            shop: open_shop(config, desk),
            bucket: Bucket::full(config.bucket.clone(), desk.now()),
            tokens: BTreeMap::new(),
        }
    }
}

fn open_shop(config: &ShopifyConfig, desk: &FrontDesk) -> Shop {
    Shop {
        letterhead: Letterhead {
            shop_domain: config.shop_domain.clone(),
            time_zone: config.time_zone.clone(),
            locations: config.locations.clone(),
        },
        sender: Sender { shop_domain: config.shop_domain.clone(), api_version: config.api_version.clone() },
        currency: config.currency.clone(),
        secrets: vec![config.client_secret.clone()],
        sign_with: 0,
        topics: config.topics.iter().cloned().collect(),
        orders: BTreeMap::new(),
        ids: Ids::from(config.first_order_id),
        uuids: Uuids::from(config.first_order_id),
        sent: Vec::new(),
        denied: std::collections::BTreeSet::new(),
        planned_errors: std::collections::VecDeque::new(),
        refund_fates: std::collections::VecDeque::new(),
        keys: BTreeMap::new(),
        inventory: stock::Inventory::default(),
        outbox: desk.outbox().clone(),
    }
}

impl Shopify {
    /// Opens a shop.
    #[must_use]
    pub fn new(config: ShopifyConfig, clock: Clock) -> Self {
        let desk = FrontDesk::new(clock, &RETRY_AFTER_MS.map(Duration::from_millis));
        let inner = Inner::new(&config, &desk);
        Self { config: Arc::new(config), desk, inner: Arc::new(Mutex::new(inner)) }
    }

    /// The vendor's API and the control routes, for in-process calls and for serving.
    pub fn router(&self) -> Router {
        common::router(self.clone())
    }

    /// What the shop holds: orders with totals in minor units, fulfilment orders, fulfilments; and its stock.
    #[must_use]
    pub fn documents(&self) -> Value {
        lock(&self.inner).shop.documents()
    }

    /// Does what a customer or the staff would do: `{ "place_order": { "lines": […] } }`.
    ///
    /// # Errors
    /// Why it cannot be done.
    pub fn act(&self, act: Value) -> Result<Value, String> {
        lock(&self.inner).act(act, self.desk.now())
    }

    /// What the shop shows of a SKU at a location, by the location's code; nothing where it does not stock it.
    #[must_use]
    pub fn stock(&self, sku: &str, location: &str) -> Option<StockLevel> {
        lock(&self.inner).shop.stock(sku, location)
    }

    /// The number of a SKU's inventory item, where the shop stocks it anywhere.
    #[must_use]
    pub fn inventory_item(&self, sku: &str) -> Option<u64> {
        lock(&self.inner).shop.inventory.by_sku(sku).map(|item| item.id)
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

    fn is_authorized(&self, headers: &HeaderMap) -> bool {
        let Some(given) = headers.get("x-shopify-access-token") else {
            return false;
        };
        let is = |token: &str| bool::from(given.as_bytes().ct_eq(token.as_bytes()));
        let now = self.desk.now();
        let inner = lock(&self.inner);
        is(&self.config.access_token) || inner.tokens.iter().any(|(token, expires_at)| is(token) && now < *expires_at)
    }

    /// The version that answers a request for `asked`; none when it is no version at all.
    fn served_version<'a>(&'a self, asked: &'a str) -> Option<&'a str> {
        let supported = &self.config.supported_versions;
        if supported.iter().any(|version| version == asked) {
            return Some(asked);
        }
        let is_version = asked == "unstable" || is_quarter(asked);
        supported.first().filter(|_| is_version).map(String::as_str)
    }

    fn graphql(&self, body: &Bytes) -> Response {
        let Ok(request) = serde_json::from_slice::<GraphqlRequest>(body) else {
            let errors = json!({ "errors": { "query": "Required parameter missing or invalid" } });
            return answer(StatusCode::BAD_REQUEST, &errors);
        };
        let mut inner = lock(&self.inner);
        let Inner { shop, bucket, .. } = &mut *inner;
        let mut counter = Counter { shop, bucket, published: self.config.schema.as_deref(), now: self.desk.now() };
        answer(StatusCode::OK, &counter.answer(&request))
    }

    fn grant(&self, form: &BTreeMap<String, String>) -> Response {
        let given = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let is = |name: &str, value: &str| bool::from(given(name).as_bytes().ct_eq(value.as_bytes()));
        if given("grant_type") != "client_credentials" {
            return answer(StatusCode::BAD_REQUEST, &json!({ "error": "unsupported_grant_type" }));
        }
        let mut inner = lock(&self.inner);
        let secret_fits = inner.shop.secrets.iter().any(|secret| is("client_secret", secret));
        if !is("client_id", &self.config.client_id) || !secret_fits {
            return answer(StatusCode::UNAUTHORIZED, &json!({ "error": "invalid_client" }));
        }
        let token = format!("shpat_{}", inner.shop.uuids.token());
        let expires_at = self.desk.now().saturating_add(TOKEN_LIFE).unwrap_or(Timestamp::MAX);
        inner.tokens.insert(token.clone(), expires_at);
        let granted = json!({
            "access_token": token,
            "scope": "write_orders,write_returns,write_inventory,write_merchant_managed_fulfillment_orders",
            "expires_in": TOKEN_LIFE.as_secs(),
        });
        answer(StatusCode::OK, &granted)
    }
}

/// `2026-10`: a year and the first month of a quarter.
fn is_quarter(version: &str) -> bool {
    version.split_once('-').is_some_and(|(year, month)| {
        year.len() == 4
            && year.bytes().all(|digit| digit.is_ascii_digit())
            && matches!(month, "01" | "04" | "07" | "10")
    })
}

impl Vendor for Shopify {
    fn name(&self) -> &'static str {
        "shopify"
    }

    fn front_desk(&self) -> &FrontDesk {
        &self.desk
    }

    fn api(&self) -> Router {
        Router::new()
            .route("/admin/api/{version}/graphql.json", post(graphql_route))
            .route("/admin/oauth/access_token", post(grant_route))
            .fallback(async || not_found())
            .with_state(self.clone())
    }

    fn error(&self, status: u16, _variant: Option<&str>) -> Response {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = answer(status, &json!({ "errors": error_message(status.as_u16()) }));
        if status == StatusCode::TOO_MANY_REQUESTS {
            let pause = http::HeaderValue::from_static("2.0");
            response.headers_mut().insert(header::RETRY_AFTER, pause);
        }
        response
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

    fn documents(&self) -> Value {
        Self::documents(self)
    }

    fn act(&self, action: Value) -> Result<Value, String> {
        Self::act(self, action)
    }

    fn reset(&self) {
        let mut inner = lock(&self.inner);
        // Later orders and deliveries must not be taken for earlier ones.
        let (ids, uuids) = (inner.shop.ids.clone(), inner.shop.uuids.clone());
        *inner = Inner::new(&self.config, &self.desk);
        inner.shop.ids = ids;
        inner.shop.uuids = uuids;
    }
}

/// Quantities and changes off by one and another parcel's number: what only a reader's own check finds.
fn mislead(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                match (name.as_str(), field.as_i64(), field.as_str()) {
                    ("quantity" | "delta" | "remainingQuantity" | "totalQuantity", Some(quantity), _) => {
                        *field = json!(quantity + 1);
                    }
                    ("number", _, Some(number)) => *field = json!(format!("{number}X")),
                    _ => mislead(field),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mislead),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn error_message(status: u16) -> &'static str {
    match status {
        401 => NO_TOKEN,
        402 => "Unavailable Shop",
        403 => "[API] This action requires merchant approval for the necessary scope.",
        404 => "Not Found",
        423 => "Shop is locked",
        429 => {
            "Exceeded 2 calls per second for api client. \
             Reduce request rates to resume uninterrupted service."
        }
        430 => "Shopify Security Rejection",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Internal Server Error",
    }
}

async fn graphql_route(
    State(shopify): State<Shopify>,
    Path(version): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(served) = shopify.served_version(&version) else {
        return not_found();
    };
    let mut response = if shopify.is_authorized(&headers) { shopify.graphql(&body) } else { shopify.error(401, None) };
    let headers = response.headers_mut();
    if let Ok(value) = served.parse() {
        headers.insert("x-shopify-api-version", value);
    }
    if served != version {
        let warning = http::HeaderValue::from_static("https://shopify.dev/concepts/about-apis/versioning");
        headers.insert("x-shopify-api-version-warning", warning);
    }
    response
}

async fn grant_route(State(shopify): State<Shopify>, headers: HeaderMap, body: Bytes) -> Response {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let form = if kind.is_some_and(|kind| kind.starts_with("application/json")) {
        serde_json::from_slice(&body).unwrap_or_default()
    } else {
        form_urlencoded::parse(&body).into_owned().collect()
    };
    shopify.grant(&form)
}

fn not_found() -> Response {
    answer(StatusCode::NOT_FOUND, &json!({ "errors": "Not Found" }))
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (status, axum::Json(body)).into_response()
}
