//! Calls to SuiteTalk REST.

use bytes::Bytes;
use crossdock_domain::event::FailureClass;
use crossdock_step::Failure;
use http::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::config::Settings;
use super::login::Login;
use super::translate::{self, Asked};
use super::turns::Turns;
use crate::{Outside, address};

const RECORDS: &str = "/services/rest/record/v1";
const QUERIES: &str = "/services/rest/query/v1/suiteql";

/// Calls NetSuite as one connection; signed in once for all its calls.
pub struct Client {
    outside: Outside,
    settings: Settings,
    login: Turns<Login>,
}

/// One call.
struct Call<'a> {
    method: Method,
    service: &'static str,
    path: &'a str,
    body: Option<&'a Value>,
}

impl Client {
    /// A client; makes no call.
    #[must_use]
    pub fn new(outside: Outside, settings: Settings) -> Self {
        Self { outside, settings, login: Turns::default() }
    }

    /// The connection's settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The connection's name.
    #[must_use]
    pub fn connection(&self) -> &str {
        &self.outside.connection
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.outside.clock.now()
    }

    /// `GET /<record>/eid:<external id>` with all its lines; `None` where the ERP has no such record.
    pub async fn find(&self, record: &str, external_id: &str, asked: &Asked<'_>) -> Result<Option<Value>, Failure> {
        let answer = self.get(&format!("/{record}/eid:{external_id}")).await?;
        match answer.status() {
            StatusCode::OK => translate::record(asked, answer.body()).map(Some),
            StatusCode::NOT_FOUND if translate::is_nonexistent(&answer) => Ok(None),
            _ => Err(translate::refusal(asked, &answer)),
        }
    }

    /// `GET /<record>/<id>` with all its lines: what another document builds on.
    pub async fn read(&self, record: (&str, &str), asked: &Asked<'_>) -> Result<Value, Failure> {
        let answer = self.get(&format!("/{}/{}", record.0, record.1)).await?;
        match answer.status() {
            StatusCode::OK => translate::record(asked, answer.body()),
            _ => Err(translate::refusal(asked, &answer)),
        }
    }

    async fn get(&self, path: &str) -> Result<Response<Bytes>, Failure> {
        let path = format!("{path}?expandSubResources=true");
        self.call(Call { method: Method::GET, service: RECORDS, path: &path, body: None }).await
    }

    /// `PUT /<record>/eid:<external id>`: makes the record or changes it; safe to repeat. The lines and tax
    /// details of a whole document take the place of those that are there, because merging would double them on a
    /// repeat; a single line, sent without tax details, is merged by its number.
    pub async fn upsert(
        &self,
        record: (&str, &str),
        body: &Value,
        asked: &Asked<'_>,
    ) -> Result<Option<String>, Failure> {
        let (kind, external_id) = record;
        let is_whole = body.get("item").is_some() && body.get("taxDetails").is_some();
        let query = if is_whole { "?replace=item,taxDetails" } else { "" };
        let path = format!("/{kind}/eid:{external_id}{query}");
        self.write((Method::PUT, &path), body, asked).await.map_err(|failure| match failure {
            // Two callers made it at the same time: ours becomes a change of what is there now.
            Failure::Permanent { class: FailureClass::Duplicate, reason } => Failure::retry(reason),
            Failure::Permanent { .. } | Failure::Retry { .. } | Failure::Paused { .. } => failure,
        })
    }

    /// `POST /<from>/<id>/!transform/<to>`. Not idempotent by itself: the body carries the external id.
    pub async fn transform(
        &self,
        from: (&str, &str),
        to: (&str, &Value),
        asked: &Asked<'_>,
    ) -> Result<Option<String>, Failure> {
        let (source, id) = from;
        let (target, body) = to;
        // Lines that are not sent are not part of it; without this, all that is open of the source would be.
        let query = if body.get("item").is_some() { "?replace=item" } else { "" };
        let path = format!("/{source}/{id}/!transform/{target}{query}");
        self.write((Method::POST, &path), body, asked).await
    }

    /// `POST /<record>`. Not idempotent by itself: the body carries the external id. What is there is never changed.
    pub async fn create(&self, record: &str, body: &Value, asked: &Asked<'_>) -> Result<Option<String>, Failure> {
        self.write((Method::POST, &format!("/{record}")), body, asked).await
    }

    /// `PATCH /<record>/<id>`: merges what the body says into what is there; safe to repeat where the body names its
    /// lines by their keys. Tax details have no key: where the body has some, they are all there are.
    pub async fn update(
        &self,
        record: (&str, &str),
        body: &Value,
        asked: &Asked<'_>,
    ) -> Result<Option<String>, Failure> {
        let query = if body.get("taxDetails").is_some() { "?replace=taxDetails" } else { "" };
        let path = format!("/{}/{}{query}", record.0, record.1);
        self.write((Method::PATCH, &path), body, asked).await
    }

    async fn write(&self, to: (Method, &str), body: &Value, asked: &Asked<'_>) -> Result<Option<String>, Failure> {
        let (method, path) = to;
        let answer = self.call(Call { method, service: RECORDS, path, body: Some(body) }).await?;
        written(asked, &answer)
    }

    /// `POST /suiteql`: at most `limit` rows of a statement from row `offset` on. Only reads, so that it may be repeated.
    pub async fn query(&self, statement: &str, page: (usize, usize), asked: &Asked<'_>) -> Result<Value, Failure> {
        let (limit, offset) = page;
        let path = format!("?limit={limit}&offset={offset}");
        let body = json!({ "q": statement });
        let answer = self.call(Call { method: Method::POST, service: QUERIES, path: &path, body: Some(&body) }).await?;
        match answer.status() {
            StatusCode::OK => translate::record(asked, answer.body()),
            _ => Err(translate::refusal(asked, &answer)),
        }
    }

    /// Sends a call. A token that is refused is replaced once.
    async fn call(&self, call: Call<'_>) -> Result<Response<Bytes>, Failure> {
        let base_url = &self.settings.base_url;
        let mut turn = self.login.take().await?;
        let outcome = turn.content().token(&self.outside, base_url).await;
        let token = turn.end(outcome)?;
        let answer = self.outside.http.send(self.request(&call, &token)?).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let mut turn = self.login.take().await?;
        let outcome = turn.content().token_instead_of(&token, &self.outside, base_url).await;
        let token = turn.end(outcome)?;
        let answer = self.outside.http.send(self.request(&call, &token)?).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            self.login.take().await?.content().give_up(&token, self.now());
        }
        Ok(answer)
    }

    fn request(&self, call: &Call<'_>, token: &str) -> Result<Request<Bytes>, Failure> {
        let request = Request::builder()
            .method(&call.method)
            .uri(format!("{}{}{}", self.settings.base_url, call.service, call.path))
            .header("authorization", format!("Bearer {token}"))
            .header("accept", "application/json")
            .header("content-type", "application/json")
            // The default drops a misspelt field in silence.
            .header("x-netsuite-propertynamevalidation", "Error")
            .header("x-netsuite-propertyvaluevalidation", "Error");
        // A query's result is not kept; NetSuite offers nothing else and wants to be told.
        let is_query = call.service == QUERIES;
        let request = if is_query { request.header("prefer", "transient") } else { request };
        request.body(call.body.map_or_else(Bytes::new, |body| body.to_string().into())).map_err(|_| {
            address::misconfigured(self.connection(), "a setting holds characters that HTTP does not allow")
        })
    }
}

/// The internal id that a write names in `Location`. "200" is not success: a page of a proxy is no yes.
fn written(asked: &Asked<'_>, answer: &Response<Bytes>) -> Result<Option<String>, Failure> {
    let is_bare = answer.body().iter().all(u8::is_ascii_whitespace);
    let is_record = || serde_json::from_slice::<Value>(answer.body()).is_ok_and(|body| body.is_object());
    match answer.status() {
        StatusCode::NO_CONTENT => {}
        StatusCode::OK | StatusCode::CREATED if is_bare || is_record() => {}
        _ => return Err(translate::refusal(asked, answer).of_a_change()),
    }
    let location = answer.headers().get("location").and_then(|value| value.to_str().ok());
    Ok(location.and_then(|location| location.rsplit('/').next()).map(str::to_owned))
}
