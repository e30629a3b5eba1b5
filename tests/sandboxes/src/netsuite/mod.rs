//! NetSuite SuiteTalk REST with a general ledger behind it.
//!
//! | act | what it says |
//! |---|---|
//! | `close_period`, `open_period` | `month`: `2026-10` |
//! | `receive_stock` | `item`, `location` (internal ids), `quantity` |
//! | `adjust_stock` | `sku`, `location` (`LON1`), `quantity` (may be below zero): somebody corrects stock by hand |
//! | `refuse_negative_stock` | `on`: whether more may be fulfilled than is there |
//! | `set_item` | `sku`, `name?`, `price?` (`{ "GBP": "24.99" }`; null takes one away), `inactive?`, `components?` (`[{ sku, quantity }]`: it is a kit); a SKU that is not there is added |
//! | `remove_item` | `item` (internal id) |
//! | `expire_tokens` | |
//! | `configure` | `recompute_tax?`, `track_stock?`, `answer_ms?`, `concurrency_limit?` |

mod act;
mod books;
mod config;
mod ledger;
mod properties;
mod read;
mod record;
mod refusal;
mod render;
mod reversals;
mod routes;
mod rules;
mod specific;
mod status;
mod stocking;
mod sublists;
mod suiteql;
mod tables;
mod tax;
mod token;
mod transform;
mod write;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header;
use serde_json::{Value, json};

use self::books::Books;
use self::refusal::Refusal;
use crate::common::{self, Fault, FrontDesk, RecordedRequest, Slot, Vendor, lock};
use crate::keys::random_token;
use crate::{Clock, json};

pub use self::config::{
    Certificate, Component, Currency, Item, ItemKind, KnownCustomer, Named, NetSuiteConfig, Stock, Subsidiary,
};

/// A NetSuite account; a cheap handle.
#[derive(Clone)]
pub struct NetSuite {
    desk: FrontDesk,
    books: Arc<Mutex<Books>>,
    under_way: Arc<AtomicUsize>,
}

impl NetSuite {
    /// An account as configured.
    #[must_use]
    pub fn new(config: NetSuiteConfig, clock: Clock) -> Self {
        let desk = FrontDesk::new(clock, &[]);
        let books = Books::new(config, desk.now());
        Self { desk, books: Arc::new(Mutex::new(books)), under_way: Arc::default() }
    }

    /// The API with the control routes beside it.
    pub fn router(&self) -> Router {
        common::router(self.clone())
    }

    /// Every record it holds: `{ "documents": [ { record, id, externalId, … } ] }`.
    #[must_use]
    pub fn documents(&self) -> Value {
        let books = lock(&self.books);
        let documents: Vec<Value> = books.records().map(|record| render::document(&books, record)).collect();
        json!({ "documents": documents })
    }

    /// The trial balance per currency, in minor units, with the entries behind it.
    #[must_use]
    pub fn ledger(&self) -> Value {
        ledger::trial_balance(&lock(&self.books))
    }

    /// Does what a person in the account would do: `{ "action": "close_period", "month": "2026-10" }` and others.
    ///
    /// # Errors
    /// The action is unknown or lacks something.
    pub fn act(&self, action: Value) -> Result<Value, String> {
        act::act(&mut lock(&self.books), action, self.desk.now())
    }

    /// Adds a fault.
    pub fn add_fault(&self, fault: Fault) {
        self.desk.add_fault(fault);
    }

    /// Faults that are not used up.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        self.desk.faults()
    }

    /// What the API was sent.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.desk.requests()
    }

    /// A bearer token without the token endpoint; valid for an hour.
    #[must_use]
    pub fn issue_token(&self) -> String {
        let token = random_token();
        let expires_at = self.desk.now() + std::time::Duration::from_secs(3600);
        lock(&self.books).tokens.insert(token.clone(), expires_at);
        token
    }

    /// Names the account after the address that it is served at.
    pub fn set_base_url(&self, base_url: &str) {
        lock(&self.books).config.base_url = Some(base_url.to_owned());
    }
}

impl Vendor for NetSuite {
    fn name(&self) -> &'static str {
        "netsuite"
    }

    fn front_desk(&self) -> &FrontDesk {
        &self.desk
    }

    fn api(&self) -> Router {
        routes::api(self.clone())
    }

    fn error(&self, status: u16, variant: Option<&str>) -> Response {
        refusal::injected(status, variant)
    }

    /// The id of another record, an amount that is off by one hundredth, a unit more.
    fn wrong_answer(&self, mut answer: http::Response<Bytes>) -> http::Response<Bytes> {
        if let Some(wrong) = answer.headers().get(header::LOCATION).and_then(one_further) {
            answer.headers_mut().insert(header::LOCATION, wrong);
        }
        if let Some(mut body) = json::parse(answer.body()) {
            for field in ["total", "payment"] {
                if let Some(amount) = body.get(field).and_then(json::decimal) {
                    body[field] = json::number(amount + rust_decimal::Decimal::new(1, 2));
                }
            }
            let lines = body.pointer_mut("/inventory/items").and_then(Value::as_array_mut);
            for units in lines.into_iter().flatten().filter_map(|line| line.get_mut("adjustQtyBy")) {
                if let Some(quantity) = json::decimal(units) {
                    *units = json::number(quantity + rust_decimal::Decimal::ONE);
                }
            }
            answer.headers_mut().remove(header::CONTENT_LENGTH);
            *answer.body_mut() = Bytes::from(body.to_string());
        }
        answer
    }

    fn admit(&self) -> Result<Slot, Response> {
        let limit = lock(&self.books).config.concurrency_limit;
        if self.under_way.fetch_add(1, Ordering::SeqCst) >= limit {
            self.under_way.fetch_sub(1, Ordering::SeqCst);
            return Err(Refusal::concurrency_limit().into_response());
        }
        let under_way = self.under_way.clone();
        Ok(Slot::held(move || {
            under_way.fetch_sub(1, Ordering::SeqCst);
        }))
    }

    fn documents(&self) -> Value {
        Self::documents(self)
    }

    fn act(&self, action: Value) -> Result<Value, String> {
        Self::act(self, action)
    }

    fn reset(&self) {
        lock(&self.books).forget(self.desk.now());
    }

    fn more_control_routes(&self) -> Router {
        routes::control(self.clone())
    }
}

/// The address of the record with the next higher id.
fn one_further(location: &http::HeaderValue) -> Option<http::HeaderValue> {
    let (base, id) = location.to_str().ok()?.rsplit_once('/')?;
    let id: u64 = id.parse().ok()?;
    format!("{base}/{}", id + 1).parse().ok()
}
