//! The front desk: every request to a vendor's API passes it, is written down, and meets its fault.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use super::journal::{readable_body, readable_headers};
use super::{Fault, FaultKind, Outbox, RecordedRequest, lock};
use crate::Clock;

/// The status that means "no answer came" when a router is called in-process; see [`FrontDesk`].
pub const TIMEOUT_STATUS: u16 = 599;
pub(super) const FAULT_HEADER: &str = "x-sandbox-fault";
pub(super) const HANG_HEADER: &str = "x-sandbox-hang-ms";
/// No vendor here takes more; NetSuite's own limit of 104 MB is not worth the memory.
const LARGEST_BODY: usize = 16 * 1024 * 1024;
const DEFAULT_HANG: Duration = Duration::from_secs(15);

/// What one vendor's sandbox adds to the common parts.
pub trait Vendor: Clone + Send + Sync + 'static {
    /// The name it is known by in logs.
    fn name(&self) -> &'static str;
    /// Its journal, faults, outbox and clock.
    fn front_desk(&self) -> &FrontDesk;
    /// The vendor's own routes, its 404 as the fallback.
    fn api(&self) -> Router;
    /// An error answer exactly as the vendor gives it (headers and body); `variant` names a known oddity.
    fn error(&self, status: u16, variant: Option<&str>) -> Response;
    /// Turns a good answer into a plausible wrong one: another id, another amount.
    fn wrong_answer(&self, answer: http::Response<Bytes>) -> http::Response<Bytes>;
    /// Asked before each request: the vendor's rate or concurrency limit.
    ///
    /// # Errors
    /// The refusal to answer with.
    #[expect(clippy::result_large_err, reason = "a refusal is an answer like any other")]
    fn admit(&self) -> Result<Slot, Response> {
        Ok(Slot::default())
    }
    /// What the sandbox holds.
    fn documents(&self) -> Value;
    /// Does what a person at the vendor would do.
    ///
    /// # Errors
    /// Why it cannot be done.
    fn act(&self, action: Value) -> Result<Value, String>;
    /// Forgets everything that was stored; configuration stays.
    fn reset(&self);
    /// Further routes under `/_sandbox/`.
    fn more_control_routes(&self) -> Router {
        Router::new()
    }
}

/// Holds a place among the requests under way; given back when dropped.
#[derive(Default)]
pub struct Slot(Option<Box<dyn FnOnce() + Send>>);

impl Slot {
    /// A slot that runs `release` when the request is over.
    #[must_use]
    pub fn held(release: impl FnOnce() + Send + 'static) -> Self {
        Self(Some(Box::new(release)))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(release) = self.0.take() {
            release();
        }
    }
}

/// Journal, faults, outbox and clock of one sandbox.
///
/// A timeout is expressible without waiting: the router answers status [`TIMEOUT_STATUS`] with the header
/// `x-sandbox-fault: timeout`. An in-process HTTP port turns that into a timeout error; the server holds
/// the connection for the hang time and then closes it without an answer.
#[derive(Clone)]
pub struct FrontDesk {
    clock: Clock,
    book: Arc<Mutex<Book>>,
    outbox: Outbox,
}

struct Book {
    requests: Vec<RecordedRequest>,
    last_number: u64,
    faults: Vec<Standing>,
    hang: Duration,
}

/// A fault and how many requests it has seen.
struct Standing {
    fault: Fault,
    seen: u32,
}

impl FrontDesk {
    /// A desk whose outbox retries after each of `retry_after`.
    #[must_use]
    pub fn new(clock: Clock, retry_after: &[Duration]) -> Self {
        let book = Book { requests: Vec::new(), last_number: 0, faults: Vec::new(), hang: DEFAULT_HANG };
        Self { clock, book: Arc::new(Mutex::new(book)), outbox: Outbox::new(retry_after) }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> jiff::Timestamp {
        (self.clock)()
    }

    /// The webhooks that this vendor sends.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// How long a served sandbox holds the connection of a request that times out.
    pub fn hang_for(&self, hang: Duration) {
        lock(&self.book).hang = hang;
    }

    /// Adds a fault; the oldest that matches strikes first.
    pub fn add_fault(&self, fault: Fault) {
        lock(&self.book).faults.push(Standing { fault, seen: 0 });
    }

    /// Faults that are not used up.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let book = lock(&self.book);
        book.faults.iter().map(|standing| standing.fault.clone()).collect()
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        lock(&self.book).faults.clear();
    }

    /// What the vendor's API was sent, in order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        lock(&self.book).requests.clone()
    }

    /// Forgets requests, faults and deliveries.
    pub fn reset(&self) {
        let mut book = lock(&self.book);
        book.requests.clear();
        book.faults.clear();
        drop(book);
        self.outbox.reset();
    }

    fn receive(&self, parts: &http::request::Parts, body: &[u8]) -> (u64, Option<FaultKind>) {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let at = self.now();
        let mut book = lock(&self.book);
        book.last_number += 1;
        let number = book.last_number;
        let fault = book.strike(parts.method.as_str(), path, body);
        book.requests.push(RecordedRequest {
            number,
            method: parts.method.to_string(),
            path: path.to_owned(),
            headers: readable_headers(&parts.headers),
            body: readable_body(&parts.headers, body),
            status: None,
            fault: fault.clone().map(String::from),
            at,
        });
        (number, fault)
    }

    fn answered(&self, number: u64, status: StatusCode) {
        let mut book = lock(&self.book);
        // From the end: the request is nearly always among the last ones.
        let request = book.requests.iter_mut().rev().find(|request| request.number == number);
        if let Some(request) = request {
            request.status = Some(status.as_u16());
        }
    }

    fn no_answer(&self) -> Response {
        let hang = lock(&self.book).hang.as_millis().to_string();
        let status = StatusCode::from_u16(TIMEOUT_STATUS).unwrap_or(StatusCode::GATEWAY_TIMEOUT);
        (status, [(FAULT_HEADER, "timeout".to_owned()), (HANG_HEADER, hang)]).into_response()
    }
}

impl Book {
    /// The first fault that wants this request; those before it have seen it and let it pass.
    fn strike(&mut self, method: &str, path: &str, body: &[u8]) -> Option<FaultKind> {
        let mut struck = None;
        for standing in &mut self.faults {
            let fault = &mut standing.fault;
            if struck.is_some() || fault.times == 0 || !fault.strikes(method, path, body) {
                continue;
            }
            standing.seen += 1;
            if standing.seen.is_multiple_of(fault.every.max(1)) {
                fault.times -= 1;
                struck = Some(fault.fault.clone());
            }
        }
        self.faults.retain(|standing| standing.fault.times > 0);
        struck
    }
}

/// The middleware around all vendor routes: writes the request down, applies its fault, asks the limit.
pub(super) async fn attend<V: Vendor>(State(vendor): State<V>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return vendor.error(413, None);
    };
    let (number, fault) = vendor.front_desk().receive(&parts, &body);
    let request = Request::from_parts(parts, Body::from(body));
    let answer = match fault {
        None => admitted(&vendor, request, next).await,
        Some(kind) => struck(&vendor, kind, request, next).await,
    };
    if answer.status().as_u16() != TIMEOUT_STATUS {
        vendor.front_desk().answered(number, answer.status());
    }
    answer
}

async fn admitted<V: Vendor>(vendor: &V, request: Request, next: Next) -> Response {
    match vendor.admit() {
        Ok(slot) => {
            let answer = next.run(request).await;
            drop(slot);
            answer
        }
        Err(refusal) => refusal,
    }
}

async fn struck<V: Vendor>(vendor: &V, kind: FaultKind, request: Request, next: Next) -> Response {
    match kind {
        FaultKind::TimeoutBeforeCommit => vendor.front_desk().no_answer(),
        FaultKind::TimeoutAfterCommit => {
            admitted(vendor, request, next).await;
            vendor.front_desk().no_answer()
        }
        FaultKind::Status(status, variant) => vendor.error(status, variant.as_deref()),
        FaultKind::StatusAfterCommit(status, variant) => {
            admitted(vendor, request, next).await;
            vendor.error(status, variant.as_deref())
        }
        FaultKind::Slow(ms) => match vendor.admit() {
            Ok(slot) => {
                let answer = next.run(request).await;
                tokio::time::sleep(Duration::from_millis(ms)).await;
                drop(slot);
                answer
            }
            Err(refusal) => refusal,
        },
        FaultKind::WrongAnswer => distorted(vendor, admitted(vendor, request, next).await).await,
        FaultKind::HtmlPage => axum::response::Html(MAINTENANCE_PAGE).into_response(),
    }
}

const MAINTENANCE_PAGE: &str = "<!DOCTYPE html><html><head><title>We'll be right back</title></head>\
    <body><h1>Scheduled maintenance</h1></body></html>";

async fn distorted<V: Vendor>(vendor: &V, answer: Response) -> Response {
    let (parts, body) = answer.into_parts();
    match to_bytes(body, LARGEST_BODY).await {
        Ok(body) => vendor.wrong_answer(http::Response::from_parts(parts, body)).map(Body::from),
        Err(_) => vendor.error(500, None),
    }
}
