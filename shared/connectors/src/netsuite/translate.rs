//! What NetSuite's answers mean: every refusal is classified in [`refusal`], by code and text rather than by status.

use bytes::Bytes;
use crossdock_domain::event::FailureClass;
use crossdock_step::Failure;
use http::{Response, StatusCode};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::address::quoted;

/// What was asked of the ERP: goes into failures, and holds nothing personal.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The connection.
    pub connection: &'a str,
    /// Now.
    pub now: Timestamp,
    /// The reference of the document, or what else was asked for.
    pub what: &'a str,
    /// The document's date.
    pub posting_date: Option<Date>,
}

impl<'a> Asked<'a> {
    /// A token.
    #[must_use]
    pub const fn login(connection: &'a str, now: Timestamp) -> Self {
        Self { connection, now, what: "a token", posting_date: None }
    }
}

/// The one function that says what a refusal means.
#[must_use]
pub fn refusal(asked: &Asked<'_>, answer: &Response<Bytes>) -> Failure {
    let status = answer.status();
    let said = Said::read(answer.body());
    let what = asked.what;
    if is_overload(answer) {
        return overloaded(asked);
    }
    if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
        return Failure::retry(format!("NetSuite answered {status} to {what}{}", said.quote()));
    }
    if status == StatusCode::UNAUTHORIZED || said.has_code("INVALID_LOGIN") {
        let reason = format!(
            "our token is refused for {what}: see its Login Audit Trail, renew the connection's secret, then retry"
        );
        return Failure::permanent(FailureClass::Connection, reason);
    }
    if status.is_success() {
        let reason = format!(
            "NetSuite answered {status} to {what} with something that is no answer of it: look the document up there, \
             then retry"
        );
        return Failure::permanent(FailureClass::Parse, reason);
    }
    let (class, action) = meaning(&said, status);
    let period = asked.posting_date.filter(|_| said.is_closed_period());
    let named = |date: Date| format!(" (posting date {date}, period {})", date.strftime("%Y-%m"));
    let period = period.map_or_else(String::new, named);
    Failure::permanent(class, format!("NetSuite refused {what}{period}{}: {action}", said.quote()))
}

/// What NetSuite says of units that it does not have: at a location, in a bin or a lot, committed to the order.
const STOCK_SHORT: [&str; 4] = [
    "please enter a different quantity",
    "you only have",
    "please enter a quantity that is",
    "inventory quantity is not sufficient",
];

/// What a lasting refusal means and what a person can do about it.
fn meaning(said: &Said, status: StatusCode) -> (FailureClass, &'static str) {
    use FailureClass::{Connection, Duplicate, Mapping, Missing, Refused, Stock, TooLarge, Value};
    if status == StatusCode::PAYLOAD_TOO_LARGE || said.mentions(&["payload too large", "request entity too large"]) {
        return (
            TooLarge,
            "the document is larger than the ERP takes: post it there by hand, or ask for fewer lines an order",
        );
    }
    if said.mentions(&["already exists"]) || said.has_code("DUP_RCRD") {
        return (Duplicate, "it is there already");
    }
    if said.mentions(&STOCK_SHORT) {
        return (Stock, "the ERP's stock is short: post the missing receipt or adjustment there, then retry");
    }
    if said.is_closed_period() {
        return (Refused, "open the accounting period or have the document dated into an open one, then retry");
    }
    if said.mentions(&["locked by a user defined workflow", "record has been locked"]) {
        return (Refused, "let the ERP's workflow release the record, then retry");
    }
    if said.mentions(&["does not have permission", "do not have permission"])
        || said.has_code("INSUFFICIENT_PERMISSION")
        || status == StatusCode::FORBIDDEN
    {
        return (Connection, "give the integration's role the permission, then retry");
    }
    if status == StatusCode::NOT_FOUND || said.has_code("NONEXISTENT_ID") {
        return (Missing, "what it builds on is not in the ERP; check base_url and who deleted it, then retry");
    }
    let bad_reference = ["invalid field value", "invalid reference", "reference key", "does not exist", "invalid item"];
    if said.mentions(&bad_reference) || said.has_code("INVALID_KEY_OR_REF") || said.has_code("RCRD_DSNT_EXIST") {
        return (Mapping, "correct the mapping of the item or the connection's settings, then retry");
    }
    if said.mentions(&["please enter value", "you must enter a value"])
        || said.codes.iter().any(|code| code.starts_with("INVALID_"))
    {
        return (Value, "give the ERP the value it wants (\"fields\" in the connection's settings), then retry");
    }
    if status.is_redirection() || status == StatusCode::METHOD_NOT_ALLOWED {
        return (Connection, "check base_url in the connection's settings, then retry");
    }
    (Refused, "change what the ERP objects to, then retry")
}

/// Whether there were too many calls: said under 429 and under 400, and once in a body that is no JSON.
#[must_use]
pub fn is_overload(answer: &Response<Bytes>) -> bool {
    let said = Said::read(answer.body());
    let codes = ["CONCURRENCY_LIMIT_EXCEEDED", "SSS_REQUEST_LIMIT_EXCEEDED", "REQUEST_LIMIT_EXCEEDED"];
    answer.status() == StatusCode::TOO_MANY_REQUESTS || codes.iter().any(|code| said.has_code(code))
}

/// NetSuite does not say when to come back: in one to five seconds, everybody at another moment.
fn overloaded(asked: &Asked<'_>) -> Failure {
    let pause = SignedDuration::from_millis(fastrand::i64(1000..=5000));
    let reason = "NetSuite has more calls under way than the account's concurrency limit allows";
    Failure::paused(asked.connection, (asked.now, pause), reason)
}

/// Whether a 404 means that there is no such record, rather than no such address.
#[must_use]
pub fn is_nonexistent(answer: &Response<Bytes>) -> bool {
    let said = Said::read(answer.body());
    said.has_code("NONEXISTENT_ID") || said.mentions(&["does not exist"])
}

/// A record that was read.
///
/// # Errors
/// The answer is none: an empty body, or a page of something in between.
pub fn record(asked: &Asked<'_>, body: &[u8]) -> Result<Value, Failure> {
    let record: Option<Value> = serde_json::from_slice(body).ok();
    record.filter(Value::is_object).ok_or_else(|| {
        let what = asked.what;
        let reason = format!("NetSuite's answer for {what} is no record: check what stands in between, then retry");
        Failure::permanent(FailureClass::Parse, reason)
    })
}

/// What an error body says; `type`, `title` and `status` may be missing, and Oracle's own sample is malformed.
#[derive(Default)]
struct Said {
    codes: Vec<String>,
    details: Vec<String>,
    paths: Vec<String>,
}

impl Said {
    fn read(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body.get(..LONGEST_ERROR).unwrap_or(body));
        Self {
            codes: texts(&text, "\"o:errorCode\""),
            details: texts(&text, "\"detail\""),
            paths: texts(&text, "\"o:errorPath\""),
        }
    }

    fn has_code(&self, code: &str) -> bool {
        self.codes.iter().any(|said| said == code)
    }

    fn mentions(&self, parts: &[&str]) -> bool {
        let lower = self.details.iter().map(|detail| detail.to_lowercase()).collect::<Vec<_>>();
        parts.iter().any(|part| lower.iter().any(|detail| detail.contains(part)))
    }

    fn is_closed_period(&self) -> bool {
        self.mentions(&["period"]) && self.mentions(&["closed", "locked"])
    }

    /// What it said, for people. The documents that we send hold nothing personal, so neither does this.
    fn quote(&self) -> String {
        let Some(detail) = self.details.first() else { return String::new() };
        let detail = quoted(detail.trim_start_matches("Error while accessing a resource.").trim());
        match self.paths.first() {
            Some(path) => format!(" (\"{detail}\" at {})", quoted(path)),
            None => format!(" (\"{detail}\")"),
        }
    }
}

/// An error body is a few hundred bytes; a page of a proxy may be any size.
const LONGEST_ERROR: usize = 16 * 1024;

/// The texts behind a name. Read by eye rather than by a parser, because a malformed body must not hide its code.
fn texts(body: &str, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = body;
    while let Some(at) = rest.find(name) {
        rest = rest.get(at + name.len()..).unwrap_or_default();
        let Some(value) = rest.trim_start().strip_prefix(':').map(str::trim_start) else { continue };
        if let Some(Ok(Value::String(text))) = serde_json::Deserializer::from_str(value).into_iter().next() {
            found.push(text);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Response<Bytes> {
        Response::builder().status(status).body(Bytes::copy_from_slice(body.as_bytes())).unwrap()
    }

    fn classified(status: u16, body: &str) -> Failure {
        let asked = Asked {
            connection: "netsuite",
            now: Timestamp::UNIX_EPOCH,
            what: "UK-1-INV1",
            posting_date: Some(jiff::civil::date(2026, 10, 31)),
        };
        refusal(&asked, &answer(status, body))
    }

    fn user_error(detail: &str) -> String {
        let resource = "Error while accessing a resource. ";
        format!(r#"{{"o:errorDetails":[{{"detail":"{resource}{detail}","o:errorCode":"USER_ERROR"}}]}}"#)
    }

    fn class(failure: &Failure) -> Option<FailureClass> {
        match failure {
            Failure::Permanent { class, .. } => Some(*class),
            Failure::Retry { .. } | Failure::Paused { .. } => None,
        }
    }

    /// USER_ERROR is the catch-all: only its text tells these apart. Texts as seen in public.
    #[test]
    fn user_errors_are_told_apart_by_their_text() {
        for (detail, expected) in [
            ("This entity already exists.", FailureClass::Duplicate),
            ("You have entered an Invalid Field Value 53384 for the following field: customer.", FailureClass::Mapping),
            ("You must enter a value for Company Name.", FailureClass::Value),
            ("Your current role does not have permission to perform this action.", FailureClass::Connection),
            ("This record has been locked by a user defined workflow.", FailureClass::Refused),
            ("You cannot enter or change a transaction in the closed period Oct 2026.", FailureClass::Refused),
            ("The transaction date is in a period that has been locked.", FailureClass::Refused),
            ("The quantity exceeds what remains.", FailureClass::Refused),
            ("You only have 1 available. Please enter a different quantity.", FailureClass::Stock),
            ("Please enter a quantity that is less than or equal to what is committed.", FailureClass::Stock),
        ] {
            let failure = classified(400, &user_error(detail));
            assert_eq!(class(&failure), Some(expected), "{failure}");
            assert!(failure.to_string().contains(detail), "{failure}");
        }
    }

    #[test]
    fn codes_decide_where_they_say_more() {
        let coded = |code: &str, detail: &str| {
            let path = "item.items[0].item";
            format!(r#"{{"o:errorDetails":[{{"detail":"{detail}","o:errorPath":"{path}","o:errorCode":"{code}"}}]}}"#)
        };
        for (status, code, expected) in [
            (400, "INVALID_CONTENT", FailureClass::Value),
            (413, "USER_ERROR", FailureClass::TooLarge),
            (400, "INVALID_LOGIN", FailureClass::Connection),
            (401, "INVALID_LOGIN", FailureClass::Connection),
            (400, "INSUFFICIENT_PERMISSION", FailureClass::Connection),
            (404, "NONEXISTENT_ID", FailureClass::Missing),
            (400, "RCRD_DSNT_EXIST", FailureClass::Mapping),
            (405, "METHOD_NOT_ALLOWED", FailureClass::Connection),
        ] {
            let failure = classified(status, &coded(code, "Please look."));
            assert_eq!(class(&failure), Some(expected), "{status} {code}: {failure}");
        }
        let failure = classified(400, &coded("INVALID_CONTENT", "Please enter value(s) for: Item."));
        let told = "(\"Please enter value(s) for: Item.\" at item.items[0].item)";
        assert!(failure.to_string().contains(told), "{failure}");
    }

    #[test]
    fn too_many_calls_are_recognised_in_every_disguise() {
        let malformed = r#"{ "title": "Bad Request", "status": 429, "o:errorCode": "USER_ERROR"
            "o:errorDetails": [ { "detail": "Request blocked.", "o:errorCode": "CONCURRENCY_LIMIT_EXCEEDED" } ] }"#;
        let restlet = r#"{"error":{},"o:errorDetails":[{"o:errorCode" : "SSS_REQUEST_LIMIT_EXCEEDED"}]}"#;
        for (status, body) in [(429, ""), (429, "<html>"), (429, malformed), (400, malformed), (400, restlet)] {
            assert!(matches!(classified(status, body), Failure::Paused { .. }), "{status} {body}");
        }
    }

    #[test]
    fn pages_of_something_in_between_are_waited_out_or_parked_by_their_status() {
        let page = "<html><body>Bad gateway</body></html>";
        for status in [500, 502, 503, 504, 408] {
            assert!(matches!(classified(status, page), Failure::Retry { .. }), "{status}");
        }
        assert_eq!(class(&classified(200, page)), Some(FailureClass::Parse));
        assert_eq!(class(&classified(302, page)), Some(FailureClass::Connection));
        assert!(!classified(200, page).to_string().contains("html"));
    }

    #[test]
    fn a_closed_period_is_named() {
        let failure = classified(400, &user_error("You cannot post to a closed period."));
        assert_eq!(
            failure.to_string(),
            "NetSuite refused UK-1-INV1 (posting date 2026-10-31, period 2026-10) (\"You cannot post to a closed \
             period.\"): open the accounting period or have the document dated into an open one, then retry"
        );
    }

    #[test]
    fn short_stock_says_what_to_do() {
        let failure = classified(400, &user_error("You only have 1 available. Please enter a different quantity."));
        assert_eq!(
            failure.to_string(),
            "NetSuite refused UK-1-INV1 (\"You only have 1 available. Please enter a different quantity.\"): the ERP's \
             stock is short: post the missing receipt or adjustment there, then retry"
        );
    }

    #[test]
    fn what_the_vendor_says_stays_one_bounded_line() {
        let failure = classified(400, &user_error(&format!("forged\\nline {}", "x".repeat(5000))));
        let text = failure.to_string();
        assert!(!text.contains('\n') && text.len() < 600, "{text}");
    }

    #[test]
    fn endless_and_broken_bodies_do_no_harm() {
        for body in ["\"detail\":".repeat(100_000), "\"o:errorCode\": \"".into(), "\u{fffd}".repeat(20_000)] {
            assert_eq!(class(&classified(400, &body)), Some(FailureClass::Refused));
        }
    }
}
