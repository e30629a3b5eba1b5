//! What was sent to the outside and answered while one thing was done: remembered until it is done, and shown only when it
//! fails, masked.

use std::collections::VecDeque;

use bytes::Bytes;
use crossdock_domain::mask::Hidden;
use http::{HeaderMap, Request, Response, header};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::outbound::HttpError;

/// So many of the last calls are shown.
const SHOWN: usize = 5;

/// A call takes at most so many bytes as it is shown.
const LONGEST_CALL: usize = 8 * 1024;

/// So many of the last calls are remembered as they were; of the earlier ones, what has to be hidden.
const REMEMBERED: usize = 32;

/// A larger body is neither remembered nor read; only its length is told.
const LONGEST_BODY: usize = 256 * 1024;

/// Where a call is too long, each of its texts is cut to so many characters.
const LONGEST_TEXT: usize = 400;

/// Where it is too long even so, its bodies and its path are cut, shorter and shorter.
const CUTS: [usize; 3] = [1200, 300, 0];

/// Headers of an answer that say what became of the call, and how many more may come.
const TELLING: [&str; 12] = [
    "content-type",
    "retry-after",
    "x-retry-after",
    "x-request-id",
    "request-id",
    "x-correlation-id",
    "x-n-operationid",
    "x-remaining-calls",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-shopify-api-version",
];

/// A body with what it says it is.
struct Body {
    kind: String,
    length: usize,
    bytes: Bytes,
}

impl Body {
    fn of(headers: &HeaderMap, bytes: &Bytes) -> Self {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let kept = if bytes.len() > LONGEST_BODY { Bytes::new() } else { bytes.clone() };
        Self { kind, length: bytes.len(), bytes: kept }
    }

    /// What it says, if it is of a form in which what is personal can be told.
    fn read(&self) -> Option<Value> {
        if self.kind == "application/x-www-form-urlencoded" {
            return Some(form(std::str::from_utf8(&self.bytes).ok()?));
        }
        serde_json::from_slice(&self.bytes).ok().filter(|body: &Value| body.is_object() || body.is_array())
    }

    fn shown(&self, hidden: &Hidden) -> Value {
        match self.read() {
            Some(body) => hidden.masked(&body),
            None if self.length == 0 => Value::Null,
            None => json!({ "content_type": hidden.scrubbed(&self.kind), "bytes": self.length }),
        }
    }
}

/// A request without its headers: secrets travel there.
pub(crate) struct Sent {
    method: String,
    path: String,
    query: Value,
    body: Body,
}

impl Sent {
    /// Remembers a request.
    pub(crate) fn of(request: &Request<Bytes>) -> Self {
        let uri = request.uri();
        Self {
            method: request.method().to_string(),
            path: percent_decode_str(uri.path()).decode_utf8_lossy().into_owned(),
            query: form(uri.query().unwrap_or_default()),
            body: Body::of(request.headers(), request.body()),
        }
    }
}

enum Outcome {
    Answered { status: u16, headers: Vec<(&'static str, String)>, body: Body },
    Failed(String),
}

struct Exchange {
    sent: Sent,
    outcome: Outcome,
}

/// The calls of one task.
#[derive(Default)]
pub(crate) struct Exchanges {
    last: VecDeque<Exchange>,
    /// What those that are not among the last any more have told of people.
    hidden: Hidden,
}

impl std::fmt::Debug for Exchanges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Exchanges({})", self.last.len())
    }
}

impl Exchanges {
    /// Remembers a call.
    pub(crate) fn record(&mut self, sent: Sent, answer: &Result<Response<Bytes>, HttpError>) {
        let outcome = match answer {
            Ok(answer) => {
                let header =
                    |name: &&'static str| Some((*name, answer.headers().get(*name)?.to_str().ok()?.to_owned()));
                let headers = TELLING.iter().filter_map(header).collect();
                let body = Body::of(answer.headers(), answer.body());
                Outcome::Answered { status: answer.status().as_u16(), headers, body }
            }
            Err(error) => Outcome::Failed(error.to_string()),
        };
        self.last.push_back(Exchange { sent, outcome });
        if self.last.len() > REMEMBERED
            && let Some(first) = self.last.pop_front()
        {
            learn(&mut self.hidden, &first);
        }
    }

    /// All that has to be hidden.
    pub(crate) fn hidden(&self) -> Hidden {
        let mut hidden = self.hidden.clone();
        self.last.iter().for_each(|exchange| learn(&mut hidden, exchange));
        hidden
    }

    /// The last calls as they may be shown, oldest first.
    pub(crate) fn shown(&self, hidden: &Hidden) -> Vec<Value> {
        let skipped = self.last.len().saturating_sub(SHOWN);
        self.last.iter().skip(skipped).map(|exchange| bounded(shown(exchange, hidden))).collect()
    }
}

fn learn(hidden: &mut Hidden, exchange: &Exchange) {
    let answered = match &exchange.outcome {
        Outcome::Answered { body, .. } => body.read(),
        Outcome::Failed(_) => None,
    };
    hidden.learn(&exchange.sent.query);
    exchange.sent.body.read().into_iter().chain(answered).for_each(|body| hidden.learn(&body));
}

fn shown(exchange: &Exchange, hidden: &Hidden) -> Value {
    let Exchange { sent, outcome } = exchange;
    let query = hidden.masked(&sent.query);
    let query: Vec<String> = query.as_object().into_iter().flatten().map(|(name, value)| pair(name, value)).collect();
    let mark = if query.is_empty() { "" } else { "?" };
    let path = format!("{}{mark}{}", hidden.plain(&sent.path), query.join("&"));
    let sent = json!({ "method": sent.method, "path": path, "body": sent.body.shown(hidden) });
    match outcome {
        Outcome::Answered { status, headers, body } => {
            let headers: Map<String, Value> =
                headers.iter().map(|(name, value)| ((*name).to_owned(), hidden.plain(value).into())).collect();
            json!({ "sent": sent, "answered": { "status": status, "headers": headers, "body": body.shown(hidden) } })
        }
        Outcome::Failed(error) => json!({ "sent": sent, "failed": hidden.scrubbed(error) }),
    }
}

fn pair(name: &str, value: &Value) -> String {
    value.as_str().map_or_else(|| format!("{name}={value}"), |text| format!("{name}={text}"))
}

/// A call in at most so many bytes. What is cut was masked before, so nothing comes to light by it.
fn bounded(mut call: Value) -> Value {
    if call.to_string().len() <= LONGEST_CALL {
        return call;
    }
    shorten(&mut call);
    if call.to_string().len() <= LONGEST_CALL {
        return call;
    }
    for most in CUTS {
        for part in ["/sent/body", "/answered/body", "/answered/headers", "/sent/path"] {
            if let Some(part) = call.pointer_mut(part).filter(|part| !part.is_null()) {
                let text = part.as_str().map_or_else(|| part.to_string(), str::to_owned);
                *part = cut(&text, most).into();
            }
        }
        if call.to_string().len() <= LONGEST_CALL {
            break;
        }
    }
    call
}

fn shorten(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        Value::Array(items) => items.iter_mut().for_each(shorten),
        Value::String(text) => *text = cut(text, LONGEST_TEXT),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}… ({} bytes more)", &text[..at], text.len() - at),
        None => text.to_owned(),
    }
}

/// A form's fields; one that comes twice has a list.
fn form(text: &str) -> Value {
    let mut fields: Map<String, Value> = Map::new();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        let value = Value::from(value.into_owned());
        match fields.get_mut(name.as_ref()) {
            Some(Value::Array(several)) => several.push(value),
            Some(one) => *one = json!([one.take(), value]),
            None => {
                fields.insert(name.into_owned(), value);
            }
        }
    }
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(body: &str) -> Request<Bytes> {
        Request::post("https://api.example.com/2025/order%20a?ReferenceIds=UK-1-F1&email=jo%40example.com&limit=5")
            .header("authorization", "Bearer very-secret")
            .header("content-type", "application/json")
            .body(Bytes::copy_from_slice(body.as_bytes()))
            .unwrap()
    }

    fn answer(status: u16, body: &str) -> Result<Response<Bytes>, HttpError> {
        let answer = Response::builder().status(status).header("retry-after", "30").header("set-cookie", "secret=1");
        Ok(answer.body(Bytes::copy_from_slice(body.as_bytes())).unwrap())
    }

    fn shown_of(exchanges: &Exchanges) -> Vec<Value> {
        exchanges.shown(&exchanges.hidden())
    }

    #[test]
    fn a_call_is_shown_without_host_headers_and_people() {
        let mut exchanges = Exchanges::default();
        let sent = request(r#"{"reference":"UK-1-F1","name":"Zoe Dent"}"#);
        exchanges.record(Sent::of(&sent), &answer(422, r#"{"message":"zoe dent is unknown"}"#));
        let expected = json!([{
            "sent": {
                "method": "POST", "path": "/2025/order a?ReferenceIds=UK-1-F1&email=•••(14)&limit=5",
                "body": { "reference": "UK-1-F1", "name": "•••(8)" },
            },
            "answered": { "status": 422, "headers": { "retry-after": "30" }, "body": { "message": "•••(8) is unknown" } },
        }]);
        assert_eq!(Value::from(shown_of(&exchanges)), expected);
    }

    #[test]
    fn the_last_five_are_shown_and_what_the_first_told_stays_hidden() {
        let mut exchanges = Exchanges::default();
        exchanges.record(Sent::of(&request(r#"{"name":"Zoe Dent"}"#)), &answer(200, "{}"));
        for number in 0..40 {
            let said = format!(r#"{{"message":"no {number} for zoe dent"}}"#);
            exchanges.record(Sent::of(&request("{}")), &answer(503, &said));
        }
        let shown = shown_of(&exchanges);
        assert_eq!(shown.len(), SHOWN);
        assert_eq!(shown[4]["answered"]["body"]["message"], "no 39 for •••(8)");
    }

    #[test]
    fn what_is_neither_json_nor_a_form_is_told_by_its_length() {
        let mut exchanges = Exchanges::default();
        exchanges.record(Sent::of(&request("<p>Zoe Dent</p>")), &answer(502, "<html>Zoe Dent</html>"));
        exchanges.record(Sent::of(&request("\"Zoe Dent\"")), &Err(HttpError::NoAnswer("timed out".into())));
        let shown = Value::from(shown_of(&exchanges));
        assert!(!shown.to_string().contains("Zoe"), "{shown}");
        assert_eq!(shown[0]["answered"]["body"]["bytes"], 21);
        assert!(shown[1]["failed"].as_str().unwrap().ends_with("timed out"));
    }

    #[test]
    fn a_form_is_masked_by_field() {
        let mut exchanges = Exchanges::default();
        let form = "grant_type=client_credentials&client_assertion=abc.def&name=Zoe+Dent&id=1&id=2";
        let request = Request::post("https://api.example.com/token")
            .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
            .body(Bytes::from(form))
            .unwrap();
        exchanges.record(Sent::of(&request), &answer(400, r#"{"error":"invalid_request"}"#));
        let shown = Value::from(shown_of(&exchanges));
        let expected = json!({ "grant_type": "client_credentials", "client_assertion": "•••", "name": "•••(8)", "id": ["1", "2"] });
        assert_eq!(shown[0]["sent"]["body"], expected);
        assert_eq!(shown[0]["answered"]["body"], json!({ "error": "invalid_request" }));
    }

    #[test]
    fn no_call_takes_more_than_its_share() {
        let mut exchanges = Exchanges::default();
        let texts = json!({ "message": "x ".repeat(20_000), "ids": vec!["abcdefgh"; 2_000] }).to_string();
        exchanges.record(Sent::of(&request(&texts)), &answer(400, &texts));
        exchanges.record(Sent::of(&request(&"y".repeat(LONGEST_BODY + 1))), &answer(413, ""));
        for call in shown_of(&exchanges) {
            assert!(call.to_string().len() <= LONGEST_CALL, "{}", call.to_string().len());
        }
    }
}
