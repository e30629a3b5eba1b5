//! One GraphQL call: the token, the answer, and which refusals are worth a second token.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use crossdock_domain::event::FailureClass;
use crossdock_step::outbound::Http;
use crossdock_step::{Clock, Failure, Secret, Secrets};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::config::Config;
use super::translate::{Refusal, failure};
use crate::Outside;

/// No wait that a vendor asks for is longer than this; after it we ask again.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(15);

/// A GraphQL document with one operation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Document {
    /// The operation's name.
    pub(super) name: &'static str,
    /// Its text, validated by a test against Shopify's published schema.
    pub(super) text: &'static str,
}

/// The Admin API of one shop.
pub(super) struct Client {
    pub(super) config: Config,
    connection: String,
    http: Arc<dyn Http>,
    secrets: Arc<dyn Secrets>,
    clock: Clock,
    /// Until when the bucket of points is less than half full, as the last answer tells it.
    busy_until: Mutex<Option<Timestamp>>,
}

impl Client {
    pub(super) fn new(outside: Outside) -> Result<Self, Failure> {
        let config = Config::read(&outside.settings)?;
        let Outside { connection, http, secrets, clock, .. } = outside;
        Ok(Self { config, connection, http, secrets, clock, busy_until: Mutex::default() })
    }

    /// The time.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Until when what can wait should leave the bucket to what cannot.
    pub(super) fn busy_until(&self) -> Option<Timestamp> {
        let until = *self.busy_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.filter(|until| *until > self.now())
    }

    /// All apps' processes pay from one bucket, and every answer says what is left of it.
    fn note_budget(&self, body: &Value) {
        let until = below_half(body).map(|wait| self.now() + wait);
        *self.busy_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// Runs a document and reads its data.
    pub(super) async fn call<T: DeserializeOwned>(&self, document: Document, variables: Value) -> Result<T, Failure> {
        let body = json!({ "query": document.text, "operationName": document.name, "variables": variables });
        let body = Bytes::from(body.to_string());
        let mut answer = self.attempt(&self.secrets.secret(&self.connection).await?, body.clone()).await?;
        if answer.as_ref().is_err_and(Refusal::may_be_stale_token) {
            answer = self.attempt(&self.secrets.fresh_secret(&self.connection).await?, body).await?;
        }
        let is_change = document.text.lines().any(|line| line.starts_with("mutation"));
        let data = answer.map_err(|refusal| {
            let failure = self.failure(&refusal);
            if is_change { failure.of_a_change() } else { failure }
        })?;
        serde_json::from_value(data).map_err(|error| {
            self.failure(&Refusal::Unparsable { detail: format!("{} of {}", category(&error), document.name) })
        })
    }

    /// What a refusal means.
    pub(super) fn failure(&self, refusal: &Refusal) -> Failure {
        failure(refusal, &self.connection, self.clock.now())
    }

    async fn attempt(&self, secret: &Secret, body: Bytes) -> Result<Result<Value, Refusal>, Failure> {
        let request = self.request(secret, body)?;
        let answer = self.http.send(request).await?;
        self.check_version(answer.headers());
        let body = match body_of(&answer, self.clock.now()) {
            Ok(body) => body,
            Err(refusal) => return Ok(Err(refusal)),
        };
        self.note_budget(&body);
        Ok(read(body))
    }

    fn request(&self, secret: &Secret, body: Bytes) -> Result<http::Request<Bytes>, Failure> {
        let lacking = || {
            let reason = "the connection's secret has no usable access_token: store one and retry";
            Failure::permanent(FailureClass::Connection, reason)
        };
        let token = secret.text("access_token").filter(|token| !token.is_empty()).ok_or_else(lacking)?;
        let mut token = HeaderValue::from_str(token).map_err(|_| lacking())?;
        token.set_sensitive(true);
        http::Request::post(self.config.endpoint())
            .header(CONTENT_TYPE, "application/json")
            .header("x-shopify-access-token", token)
            .body(body)
            .map_err(|error| {
                Failure::permanent(FailureClass::Connection, format!("base_url cannot be called: {error}"))
            })
    }

    /// A retired version is served by another one without a word; only the answer's header tells. What was checked
    /// against the schema then no longer holds, but stopping all calls would be worse than a warning.
    fn check_version(&self, headers: &HeaderMap) {
        let served = headers.get("x-shopify-api-version").and_then(|version| version.to_str().ok());
        if let Some(served) = served
            && served != self.config.api_version
        {
            tracing::warn!(
                connection = %self.connection, asked = %self.config.api_version, served,
                "Shopify serves another API version than was asked for: set api_version to a supported one"
            );
        }
    }
}

/// What a JSON error is about, without the value that it complains about.
fn category(error: &serde_json::Error) -> &'static str {
    if error.is_data() { "a field is missing or has another type in the answer" } else { "no JSON in the answer" }
}

fn unparsable(detail: &str) -> Refusal {
    Refusal::Unparsable { detail: detail.to_owned() }
}

/// What an answer says.
fn body_of(answer: &http::Response<Bytes>, now: Timestamp) -> Result<Value, Refusal> {
    if answer.status() != http::StatusCode::OK {
        return Err(Refusal::Status { status: answer.status().as_u16(), wait: retry_after(answer.headers(), now) });
    }
    serde_json::from_slice(answer.body()).map_err(|_| unparsable("status 200 without JSON"))
}

/// The data of an answer, or how it says no. Data beside errors counts as a no: half an answer is none.
fn read(mut body: Value) -> Result<Value, Refusal> {
    match body.get("errors") {
        None | Some(Value::Null) => {}
        Some(errors) => return Err(graphql_errors(errors, &body)),
    }
    match body.get_mut("data").map(Value::take) {
        Some(data @ Value::Object(_)) => Ok(data),
        _ => Err(unparsable("status 200 with neither data nor errors")),
    }
}

fn graphql_errors(errors: &Value, body: &Value) -> Refusal {
    let all = errors.as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    Refusal::Graphql {
        codes: all.iter().map(|error| text(error.pointer("/extensions/code"))).collect(),
        message: all.first().map_or_else(|| text(Some(errors)), |error| text(error.get("message"))),
        wait: throttled(body),
    }
}

/// How long until the bucket can pay the query: `(requested - available) / restore rate`, rounded up. `None`: never.
fn throttled(body: &Value) -> Option<SignedDuration> {
    let number = |path: &str| body.pointer(path).and_then(whole);
    let requested = number("/extensions/cost/requestedQueryCost");
    let most = number("/extensions/cost/throttleStatus/maximumAvailable");
    if requested.zip(most).is_some_and(|(requested, most)| requested > most) {
        return None;
    }
    let available = number("/extensions/cost/throttleStatus/currentlyAvailable");
    let rate = number("/extensions/cost/throttleStatus/restoreRate").filter(|rate| *rate > 0);
    let seconds = match (requested, available, rate) {
        (Some(requested), Some(available), Some(rate)) => seconds_for((requested - available).max(0), rate),
        _ => 2,
    };
    Some(SignedDuration::from_secs(seconds).min(LONGEST_WAIT))
}

/// How long until the bucket is half full again; `None`: it is.
fn below_half(body: &Value) -> Option<SignedDuration> {
    let status = body.pointer("/extensions/cost/throttleStatus")?;
    let number = |name: &str| status.get(name).and_then(whole);
    let (most, available, rate) = (number("maximumAvailable")?, number("currentlyAvailable")?, number("restoreRate")?);
    let missing = most / 2 - available;
    (missing > 0 && rate > 0).then(|| SignedDuration::from_secs(seconds_for(missing, rate)).min(LONGEST_WAIT))
}

/// Rounded up, and at least one: a pause of nothing is no pause.
const fn seconds_for(points: i64, per_second: i64) -> i64 {
    let seconds = (points + per_second - 1) / per_second;
    if seconds < 1 { 1 } else { seconds }
}

/// Points are whole numbers that Shopify sometimes writes with a decimal point.
fn whole(value: &Value) -> Option<i64> {
    let text = value.as_number()?.to_string();
    let whole = text.split_once('.').map_or(text.as_str(), |(whole, _)| whole);
    whole.parse().ok().filter(|points: &i64| points.abs() < 1_000_000_000)
}

/// `Retry-After`: seconds, also with decimals, or a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<SignedDuration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = text.split_once('.').map_or(text, |(whole, _)| whole);
    let wait = match seconds.parse::<u32>() {
        Ok(seconds) => SignedDuration::from_secs(i64::from(seconds)),
        Err(_) => jiff::fmt::rfc2822::parse(text).ok()?.timestamp().duration_since(now),
    };
    Some(wait.clamp(SignedDuration::from_secs(1), LONGEST_WAIT))
}
