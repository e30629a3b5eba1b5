//! What a sandbox was sent.

use serde::Serialize;
use serde_json::Value;

use crate::json;

/// One request that reached the vendor's API, with secrets masked.
#[derive(Clone, Debug, Serialize)]
pub struct RecordedRequest {
    /// Position in the journal, from 1.
    pub number: u64,
    /// HTTP method.
    pub method: String,
    /// Path and query as sent.
    pub path: String,
    /// Header names in lower case with their values; credentials are masked.
    pub headers: Vec<(String, String)>,
    /// The body: JSON where it is JSON, else text.
    pub body: Value,
    /// The status that was answered; none while under way and when no answer came.
    pub status: Option<u16>,
    /// The fault that struck this request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// When it arrived.
    pub at: jiff::Timestamp,
}

const MASK: &str = "***";

/// Names whose values never enter the journal.
const SECRET_NAMES: [&str; 12] = [
    "authorization",
    "x-shopify-access-token",
    "x-api-key",
    "api-key",
    "cookie",
    "proxy-authorization",
    "client_secret",
    "client_assertion",
    "access_token",
    "refresh_token",
    "password",
    "api_key",
];

fn is_secret(name: &str) -> bool {
    SECRET_NAMES.iter().any(|secret| secret.eq_ignore_ascii_case(name))
}

/// Headers as text, credentials masked.
pub(crate) fn readable_headers(headers: &http::HeaderMap) -> Vec<(String, String)> {
    let readable = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        let shown = if is_secret(name.as_str()) {
            MASK.to_owned()
        } else {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        };
        (name.as_str().to_owned(), shown)
    };
    headers.iter().map(readable).collect()
}

/// A body as JSON or text, credentials masked.
pub(crate) fn readable_body(headers: &http::HeaderMap, body: &[u8]) -> Value {
    let is_form = headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    if is_form {
        return Value::Object(form_urlencoded::parse(body).map(masked_pair).collect());
    }
    match json::parse(body) {
        Some(mut value) => {
            mask(&mut value);
            value
        }
        None => Value::String(String::from_utf8_lossy(body).into_owned()),
    }
}

fn masked_pair((name, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)) -> (String, Value) {
    let shown = if is_secret(&name) { MASK.to_owned() } else { value.into_owned() };
    (name.into_owned(), Value::String(shown))
}

/// Masks secrets in place. The walk is bounded by the parser's own depth limit.
fn mask(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                if is_secret(name) {
                    *field = Value::String(MASK.to_owned());
                } else {
                    mask(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
