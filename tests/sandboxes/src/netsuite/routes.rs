//! The REST routes.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value, json};

use super::NetSuite;
use super::books::{Books, Key};
use super::properties::Properties;
use super::record::{Kind, Record};
use super::refusal::Refusal;
use super::render::{self, Sublists};
use super::token::{self, TOKEN_PATH};
use super::transform::{self, Draft};
use super::write::Write;
use super::{ledger, rules, suiteql};
use crate::common::lock;
use crate::json::parse;

const RESOURCE_TYPE: &str = "application/vnd.oracle.resource+json; type=singular";

type Parameters = Query<HashMap<String, String>>;

/// The vendor's API.
pub(super) fn api(netsuite: NetSuite) -> Router {
    let records = Router::new()
        .route("/services/rest/record/v1/{record}", post(create))
        .route("/services/rest/record/v1/{record}/{id}", get(read).put(upsert).patch(update))
        .route("/services/rest/record/v1/{record}/{id}/{sublist}", get(read_sublist))
        .route("/services/rest/record/v1/{record}/{id}/!transform/{target}", post(transform))
        .route("/services/rest/query/v1/suiteql", post(query))
        .route("/services/rest/system/v1/governanceLimits", get(governance))
        .fallback(|| async { Refusal::not_offered("The requested resource does not exist.") })
        .method_not_allowed_fallback(|| async { Refusal::method_not_allowed() })
        .layer(middleware::from_fn_with_state(netsuite.clone(), signed_in));
    Router::new()
        .route(TOKEN_PATH, post(issue_token))
        .fallback_service(records.with_state(netsuite.clone()))
        .layer(middleware::from_fn_with_state(netsuite.clone(), take_time))
        .with_state(netsuite)
}

/// The ledger beside the common control routes.
pub(super) fn control(netsuite: NetSuite) -> Router {
    let trial_balance =
        |State(netsuite): State<NetSuite>| async move { axum::Json(ledger::trial_balance(&lock(&netsuite.books))) };
    Router::new().route("/_sandbox/ledger", get(trial_balance)).with_state(netsuite)
}

/// The time that each request takes, so that a concurrency limit means something.
async fn take_time(State(netsuite): State<NetSuite>, request: Request, next: Next) -> Response {
    let ms = lock(&netsuite.books).config.answer_ms;
    let answer = next.run(request).await;
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
    answer
}

async fn signed_in(State(netsuite): State<NetSuite>, request: Request, next: Next) -> Response {
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if token::is_signed_in(&lock(&netsuite.books), authorization, netsuite.desk.now()) {
        next.run(request).await
    } else {
        Refusal::invalid_login().into_response()
    }
}

async fn issue_token(State(netsuite): State<NetSuite>, body: Bytes) -> Response {
    match token::grant(&mut lock(&netsuite.books), &body, netsuite.desk.now()) {
        Ok(answer) => ([(header::CACHE_CONTROL, "no-store")], axum::Json(answer)).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn governance(State(netsuite): State<NetSuite>) -> Response {
    let limit = lock(&netsuite.books).config.concurrency_limit;
    let answer = json!({ "accountConcurrencyLimit": limit, "accountUnallocatedConcurrencyLimit": limit });
    axum::Json(answer).into_response()
}

async fn read(
    State(netsuite): State<NetSuite>,
    Path((record, id)): Path<(String, String)>,
    Query(parameters): Parameters,
) -> Result<Response, Refusal> {
    let books = lock(&netsuite.books);
    let record = find(&books, kind_of(&record)?, &id)?;
    let expand = parameters.get("expandSubResources").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let sublists = if expand { Sublists::Expanded } else { Sublists::Linked };
    Ok(resource(&render::record(&books, record, sublists)))
}

async fn query(State(netsuite): State<NetSuite>, call: Call) -> Result<Response, Refusal> {
    let prefers = call.headers.get("prefer").and_then(|value| value.to_str().ok());
    if prefers != Some("transient") {
        return Err(Refusal::invalid_query("The header 'Prefer' must be 'transient'."));
    }
    let body = parse(&call.bytes).ok_or_else(|| Refusal::invalid_content("The request body is no JSON.", "body"))?;
    let statement = body.get("q").and_then(Value::as_str).ok_or_else(|| Refusal::missing("q", "q"))?;
    let page = suiteql::Page::read(&call.parameters)?;
    let books = lock(&netsuite.books);
    Ok(axum::Json(suiteql::run(&books, statement, page)?).into_response())
}

async fn read_sublist(
    State(netsuite): State<NetSuite>,
    Path((record, id, sublist)): Path<(String, String, String)>,
) -> Result<Response, Refusal> {
    let books = lock(&netsuite.books);
    let record = find(&books, kind_of(&record)?, &id)?;
    let lines = render::sublist(&books, record, &sublist)
        .ok_or_else(|| Refusal::not_offered("The record has no such sublist."))?;
    Ok(resource(&lines))
}

async fn create(State(netsuite): State<NetSuite>, Path(record): Path<String>, call: Call) -> Result<Response, Refusal> {
    let kind = kind_of(&record)?;
    let mut books = lock(&netsuite.books);
    let body = call.body(&books, kind)?;
    let draft = blank(&mut books, kind, &call)?;
    call.write(&mut books, draft, &body)
}

async fn upsert(
    State(netsuite): State<NetSuite>,
    Path((record, id)): Path<(String, String)>,
    call: Call,
) -> Result<Response, Refusal> {
    let kind = kind_of(&record)?;
    let mut books = lock(&netsuite.books);
    let mut body = call.body(&books, kind)?;
    let key = Key::of_path(&id).ok_or_else(Refusal::nonexistent)?;
    if let Key::External(external) = &key {
        let named = body.entry("externalId").or_insert_with(|| json!(external));
        if named.as_str() != Some(external) {
            let detail = "The externalId in the body differs from the one in the address.";
            return Err(Refusal::invalid_content(detail, "externalId"));
        }
    }
    let draft = match (books.find(kind, &key).cloned(), &key) {
        (Some(record), _) => existing(record),
        (None, Key::External(_)) => blank(&mut books, kind, &call)?,
        (None, Key::Id(_)) => return Err(Refusal::nonexistent()),
    };
    call.write(&mut books, draft, &body)
}

async fn update(
    State(netsuite): State<NetSuite>,
    Path((record, id)): Path<(String, String)>,
    call: Call,
) -> Result<Response, Refusal> {
    let kind = kind_of(&record)?;
    let mut books = lock(&netsuite.books);
    let body = call.body(&books, kind)?;
    let draft = existing(find(&books, kind, &id)?.clone());
    call.write(&mut books, draft, &body)
}

async fn transform(
    State(netsuite): State<NetSuite>,
    Path((record, id, target)): Path<(String, String, String)>,
    call: Call,
) -> Result<Response, Refusal> {
    let (kind, target) = (kind_of(&record)?, kind_of(&target)?);
    let mut books = lock(&netsuite.books);
    let body = call.body(&books, target)?;
    let source = find(&books, kind, &id)?.clone();
    let draft = transform::start(&mut books, &source, target, call.now)?;
    call.write(&mut books, draft, &body)
}

fn kind_of(name: &str) -> Result<Kind, Refusal> {
    Kind::of_path(name).ok_or_else(|| Refusal::not_offered(&format!("Record type '{name}' is not available.")))
}

fn find<'a>(books: &'a Books, kind: Kind, id: &str) -> Result<&'a Record, Refusal> {
    Key::of_path(id).and_then(|key| books.find(kind, &key)).ok_or_else(Refusal::nonexistent)
}

fn existing(record: Record) -> Draft {
    Draft { record, templates: Vec::new() }
}

fn blank(books: &mut Books, kind: Kind, call: &Call) -> Result<Draft, Refusal> {
    if kind.only_by_transform() {
        let detail = format!("A {} is created by transforming another record.", kind.name());
        return Err(Refusal::user_error(&detail));
    }
    let mut record = Record::blank(kind, books.next_id(), call.now);
    if kind == Kind::SalesOrder {
        record.stage = books.config.default_order_status;
    }
    Ok(existing(record))
}

fn resource(body: &Value) -> Response {
    ([(header::CONTENT_TYPE, RESOURCE_TYPE)], body.to_string()).into_response()
}

/// What a writing request brings beside its path.
struct Call {
    now: jiff::Timestamp,
    parameters: HashMap<String, String>,
    headers: HeaderMap,
    bytes: Bytes,
}

impl axum::extract::FromRequest<NetSuite> for Call {
    type Rejection = Response;

    async fn from_request(request: Request, netsuite: &NetSuite) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let Query(parameters) =
            <Parameters as axum::extract::FromRequestParts<NetSuite>>::from_request_parts(&mut parts, netsuite)
                .await
                .map_err(IntoResponse::into_response)?;
        let bytes = axum::body::to_bytes(body, usize::MAX)
            .await
            .map_err(|_| Refusal::invalid_content("The request body ended early.", "").into_response())?;
        Ok(Self { now: netsuite.desk.now(), parameters, headers: parts.headers, bytes })
    }
}

impl Call {
    /// The body with its property names checked; a transform may come without one.
    fn body(&self, books: &Books, kind: Kind) -> Result<Map<String, Value>, Refusal> {
        let parsed = if self.bytes.is_empty() { Some(json!({})) } else { parse(&self.bytes) };
        let Some(Value::Object(body)) = parsed else {
            return Err(Refusal::invalid_content("The request body is not a valid JSON object.", "body"));
        };
        let strict = self
            .headers
            .get("x-netsuite-propertynamevalidation")
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"error"));
        Properties { custom_fields: &books.config.custom_fields, strict }.check(kind, body)
    }

    fn replace(&self) -> HashSet<String> {
        let names = self.parameters.get("replace").map(String::as_str).unwrap_or_default();
        names.split(',').map(|name| name.trim().to_ascii_lowercase()).collect()
    }

    /// Writes, checks, stores: all of it or nothing.
    fn write(&self, books: &mut Books, draft: Draft, body: &Map<String, Value>) -> Result<Response, Refusal> {
        let Draft { mut record, templates } = draft;
        let before = books.get(record.kind, record.id).cloned();
        record.modified_at = self.now;
        Write { body, replace: self.replace(), templates: &templates }.apply(books, &mut record)?;
        rules::check(books, &record, before.as_ref())?;
        let location = render::address(books, &record);
        books.commit(record);
        Ok((StatusCode::NO_CONTENT, [(header::LOCATION, location)]).into_response())
    }
}
