//! What each of Shopify's errors means for us.

use crossdock_domain::event::FailureClass;
use crossdock_step::Failure;
use jiff::{SignedDuration, Timestamp};

use crate::shopify::translate::{Refusal, failure};

fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn meaning(refusal: &Refusal) -> String {
    match failure(refusal, "shopify-uk", now()) {
        Failure::Retry { after: None, .. } => "retry".into(),
        Failure::Retry { after: Some(after), .. } => format!("retry after {}", after.as_secs()),
        Failure::Paused { until, connection, .. } => {
            assert_eq!(connection, "shopify-uk");
            format!("pause {}", until.duration_since(now()).as_secs())
        }
        Failure::Permanent { class, reason } => {
            assert!(!reason.is_empty() && reason.chars().count() <= 300);
            format!("permanent {class}")
        }
    }
}

fn status(status: u16, wait: Option<i64>) -> String {
    meaning(&Refusal::Status { status, wait: wait.map(SignedDuration::from_secs) })
}

fn code(code: &str, wait: Option<i64>) -> String {
    let wait = wait.map(SignedDuration::from_secs);
    meaning(&Refusal::Graphql { codes: vec![code.into()], message: "said".into(), wait })
}

#[test]
fn statuses_mean_what_the_documentation_says() {
    assert_eq!(status(401, None), "permanent connection");
    assert_eq!(status(403, None), "permanent connection");
    assert_eq!(status(404, None), "permanent connection");
    assert_eq!(status(402, None), "pause 900");
    assert_eq!(status(423, Some(30)), "pause 30");
    assert_eq!(status(429, Some(2)), "pause 2");
    assert_eq!(status(430, None), "pause 10");
    assert_eq!(status(500, None), "retry");
    assert_eq!(status(503, Some(7)), "retry after 7");
    assert_eq!(status(408, None), "retry");
    assert_eq!(status(400, None), "permanent refused");
    assert_eq!(status(413, None), "permanent too_large");
    assert_eq!(status(301, None), "permanent refused", "a redirect is not followed with a token");
}

#[test]
fn graphql_codes_mean_what_the_documentation_says() {
    assert_eq!(code("THROTTLED", Some(7)), "pause 7");
    assert_eq!(code("THROTTLED", None), "permanent too_large", "no wait will ever be long enough");
    assert_eq!(code("INTERNAL_SERVER_ERROR", Some(2)), "retry");
    assert_eq!(code("ACCESS_DENIED", None), "permanent connection");
    assert_eq!(code("SHOP_INACTIVE", None), "permanent connection");
    for lasting in ["MAX_COST_EXCEEDED", "BAD_REQUEST", "INVALID_VARIABLE", "INVALID_FIELD_ARGUMENTS", ""] {
        assert_eq!(code(lasting, None), "permanent refused", "{lasting}");
    }
}

#[test]
fn codes_of_a_refused_call_mean_what_the_schema_says() {
    let coded = |code: &str| meaning(&Refusal::Coded { codes: vec![code.into()], messages: vec!["no".into()] });
    assert_eq!(coded("IDEMPOTENCY_CONCURRENT_REQUEST"), "retry");
    for lasting in ["IDEMPOTENCY_KEY_PARAMETER_MISMATCH", "INVALID_REASON", ""] {
        assert_eq!(coded(lasting), "permanent refused", "{lasting}");
    }
}

#[test]
fn a_rule_of_the_shop_and_a_strange_answer_last() {
    assert_eq!(meaning(&Refusal::User { messages: vec!["no".into(), "x".repeat(1000)] }), "permanent refused");
    assert_eq!(meaning(&Refusal::Unparsable { detail: "200 of HTML".into() }), "permanent parse");
    let failure = failure(&Refusal::User { messages: vec!["on\u{0}hold".into()] }, "shopify-uk", now());
    let expected = Failure::permanent(FailureClass::Refused, "Shopify refuses: on hold");
    assert_eq!(failure, expected);
}
