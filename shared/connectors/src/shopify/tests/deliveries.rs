//! Signatures, topics, and bodies that are no order.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crossdock_domain::disputes::DisputeOutcome;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::shopify::webhook::{KEPT_HEADERS, translate, verify};
use crate::webhook::Rejected;
use crate::{Delivery, InboundFact};

const BODY: &[u8] = b"what do ya want for nothing?";
/// RFC 4231, test case 2 (key "Jefe"), in base64.
const SIGNATURE: &str = "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=";
const SHOP: &str = "crossdock-uk.myshopify.com";

fn settings() -> Value {
    json!({ "kind": "shopify", "shop_domain": SHOP })
}

fn headers(signature: &str) -> Vec<(String, String)> {
    vec![
        ("content-type".into(), "application/json".into()),
        ("x-shopify-hmac-sha256".into(), signature.into()),
        ("x-shopify-shop-domain".into(), SHOP.into()),
    ]
}

fn check(secrets: &[&str], headers: &[(String, String)], body: &[u8]) -> Result<(), Rejected> {
    verify(&settings(), secrets, headers, body)
}

fn sign(secret: &str, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

#[test]
fn a_signature_by_any_valid_secret_is_taken() {
    assert_eq!(check(&["Jefe"], &headers(SIGNATURE), BODY), Ok(()));
    assert_eq!(check(&["new", "Jefe"], &headers(SIGNATURE), BODY), Ok(()), "the old one, during a rotation");
    assert_eq!(check(&["Jefe", "new"], &headers(&sign("new", BODY)), BODY), Ok(()), "the new one, during a rotation");
}

#[test]
fn the_spelling_without_x_is_taken_too() {
    let plain = vec![
        ("shopify-hmac-sha256".to_owned(), SIGNATURE.to_owned()),
        ("shopify-shop-domain".to_owned(), "Crossdock-UK.myshopify.com".to_owned()),
    ];
    assert_eq!(check(&["Jefe"], &plain, BODY), Ok(()));
}

#[test]
fn anything_else_is_rejected() {
    let hex = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    let signed = |signature: &str| check(&["Jefe"], &headers(signature), BODY);
    for (signature, why) in [
        ("", "empty"),
        (hex, "hexadecimal digits"),
        (&SIGNATURE.to_lowercase(), "another case"),
        (&SIGNATURE[..43], "without its padding"),
        (&SIGNATURE[..20], "truncated"),
        (&format!("{SIGNATURE} "), "with a space"),
        (&format!("sha256={SIGNATURE}"), "with a prefix"),
        (&STANDARD.encode(hex), "base64 of hexadecimal digits"),
        (&STANDARD.encode(&STANDARD.decode(SIGNATURE).unwrap()[..16]), "half of the bytes"),
        (&sign("other", BODY), "by another secret"),
    ] {
        assert_eq!(signed(signature), Err(Rejected::Signature), "{why}");
    }
    assert_eq!(
        check(&["Jefe"], &headers(SIGNATURE), b"what do ya want for nothing? "),
        Err(Rejected::Signature),
        "body"
    );
    assert_eq!(check(&[], &headers(SIGNATURE), BODY), Err(Rejected::Signature), "no secret");
    assert_eq!(check(&[""], &headers(&sign("", BODY)), BODY), Err(Rejected::Signature), "an empty secret is none");
}

#[test]
fn a_header_that_comes_twice_is_rejected_even_if_both_are_right() {
    for name in ["x-shopify-hmac-sha256", "shopify-hmac-sha256", "X-Shopify-Hmac-SHA256"] {
        let mut twice = headers(SIGNATURE);
        twice.push((name.into(), SIGNATURE.into()));
        assert_eq!(check(&["Jefe"], &twice, BODY), Err(Rejected::Signature), "{name}");
    }
    let mut shops = headers(SIGNATURE);
    shops.push(("x-shopify-shop-domain".into(), SHOP.into()));
    assert_eq!(check(&["Jefe"], &shops, BODY), Err(Rejected::Signature));
}

#[test]
fn a_delivery_of_another_shop_is_rejected_although_its_app_has_the_same_secret() {
    let mut other = headers(SIGNATURE);
    other[2].1 = "somebody-else.myshopify.com".into();
    assert_eq!(check(&["Jefe"], &other, BODY), Err(Rejected::Signature));
    other.remove(2);
    assert_eq!(check(&["Jefe"], &other, BODY), Err(Rejected::Signature), "no shop at all");
    let nowhere = json!({ "kind": "shopify", "shop_domain": "" });
    let mut nobody = headers(SIGNATURE);
    nobody[2].1.clear();
    assert_eq!(verify(&nowhere, &["Jefe"], &nobody, BODY), Err(Rejected::Signature), "no shop configured");
}

fn deliver(topic: &str, body: &str) -> Result<Vec<InboundFact>, String> {
    let headers = BTreeMap::from([("x-shopify-topic".to_owned(), topic.to_owned())]);
    translate(&Delivery { headers, body: body.as_bytes().to_vec() })
}

fn unreadable(body: &str) -> (String, String) {
    let facts = deliver("orders/create", body).unwrap_or_else(|error| panic!("{error}"));
    match facts.as_slice() {
        [InboundFact::Unreadable { channel, detail }] => (channel.to_string(), detail.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn topics_that_are_no_order_are_ignored() {
    for topic in [
        "orders/fulfilled",
        "orders/partially_fulfilled",
        "fulfillments/create",
        "returns/something_new",
        "app/uninstalled",
        "customers/data_request",
        "customers/redact",
        "shop/redact",
    ] {
        assert_eq!(deliver(topic, "not even JSON"), Ok(vec![InboundFact::Ignored { topic: topic.into() }]));
    }
}

fn told_dispute(status: &str, with: &str) -> Result<Vec<InboundFact>, String> {
    let body = format!(
        r#"{{"id":598735659,"order_id":820982911946154508,"type":"chargeback","amount":"11.50","currency":"GBP",
            "reason":"fraudulent","status":"{status}","initiated_at":"2026-11-20T10:00:00+01:00"{with}}}"#
    );
    deliver("disputes/update", &body)
}

#[test]
fn a_chargeback_is_told_whole_each_time() {
    let finalized = r#","finalized_on":"2026-12-01T09:00:00Z""#;
    let end = |outcome| Some((outcome, "2026-12-01T09:00:00Z".parse().unwrap()));
    for (status, with, expected) in [
        ("needs_response", r#","finalized_on":null"#, None),
        ("under_review", "", None),
        ("won", finalized, end(DisputeOutcome::Won)),
        ("prevented", finalized, end(DisputeOutcome::Won)),
        ("charge_refunded", finalized, end(DisputeOutcome::Won)),
        ("lost", finalized, end(DisputeOutcome::Lost)),
        (
            "accepted",
            r#","finalized_on":"2026-12-01""#,
            Some((DisputeOutcome::Lost, "2026-12-01T00:00:00Z".parse().unwrap())),
        ),
    ] {
        let facts = told_dispute(status, with).unwrap_or_else(|error| panic!("{status}: {error}"));
        let [InboundFact::Disputed { channel, report }] = facts.as_slice() else { panic!("{status}: {facts:?}") };
        assert_eq!((channel.as_str(), report.id.as_str()), ("820982911946154508", "598735659"));
        assert_eq!((report.amount.get(), report.currency.to_string()), (1150, "GBP".to_owned()));
        assert_eq!((report.gateway.as_str(), report.end), ("shopify_payments", expected), "{status}");
    }
}

#[test]
fn a_dispute_that_cannot_be_understood_is_refused_and_an_inquiry_ignored() {
    assert!(told_dispute("somehow", "").unwrap_err().contains("status"));
    for (field, body) in [
        (
            "amount",
            r#"{"id":1,"order_id":2,"type":"chargeback","currency":"GBP","status":"won","initiated_at":"2026-11-20T10:00:00Z"}"#,
        ),
        ("currency", r#"{"id":1,"order_id":2,"type":"chargeback","amount":"1.00","currency":"XXQ","status":"won"}"#),
        (
            "initiated_at",
            r#"{"id":1,"order_id":2,"type":"chargeback","amount":"1.00","currency":"GBP","status":"lost"}"#,
        ),
    ] {
        let error = deliver("disputes/create", body).unwrap_err();
        assert!(error.contains(field), "{field}: {error}");
    }
    let inquiry =
        r#"{"id":1,"order_id":2,"type":"inquiry","amount":"1.00","currency":"GBP","status":"needs_response"}"#;
    assert!(matches!(deliver("disputes/create", inquiry).unwrap().as_slice(), [InboundFact::Ignored { .. }]));
}

#[test]
fn news_of_the_sales_ledger_name_the_order_what_it_is_and_when() {
    let at = r#""created_at":"2026-11-20T10:00:00+01:00""#;
    let big = "820982911946154508";
    for (topic, body, what) in [
        ("refunds/create", format!(r#"{{"id":929361472,"order_id":{big},{at}}}"#), "refund:929361472"),
        ("orders/edited", format!(r#"{{"order_edit":{{"id":3,"order_id":{big},{at}}}}}"#), "edit:3"),
        ("order_transactions/create", format!(r#"{{"id":4,"order_id":{big},{at}}}"#), "transaction:4"),
        ("returns/approve", format!(r#"{{"id":5,"order":{{"id":{big}}},{at}}}"#), "return:5:approve"),
        ("returns/close", format!(r#"{{"id":5,"order_id":{big},{at}}}"#), "return:5:close"),
    ] {
        let facts = deliver(topic, &body).unwrap_or_else(|error| panic!("{error}"));
        let [InboundFact::Changed { channel, what: told, at }] = facts.as_slice() else { panic!("{facts:?}") };
        assert_eq!((channel.as_str(), told.as_str(), at.to_string().as_str()), (big, what, "2026-11-20T09:00:00Z"));
    }
    let headers = BTreeMap::from([
        ("x-shopify-topic".to_owned(), "returns/request".to_owned()),
        ("x-shopify-triggered-at".to_owned(), "2026-11-20T12:00:00.5Z".to_owned()),
    ]);
    let body = br#"{"id":5,"order":{"id":7}}"#.to_vec();
    let facts = translate(&Delivery { headers, body }).unwrap();
    assert!(
        matches!(facts.as_slice(), [InboundFact::Changed { at, .. }] if at.to_string() == "2026-11-20T12:00:00.5Z")
    );
}

#[test]
fn news_of_the_sales_ledger_that_names_no_order_is_an_error() {
    let at = r#""created_at":"2026-11-20T10:00:00Z""#;
    for (topic, body) in [
        ("refunds/create", "not even JSON".to_owned()),
        ("refunds/create", format!(r#"{{"id":1,{at}}}"#)),
        ("refunds/create", format!(r#"{{"order_id":1,{at}}}"#)),
        ("refunds/create", r#"{"id":1,"order_id":2}"#.to_owned()),
        ("orders/edited", format!(r#"{{"order_edit":{{"id":1,{at}}}}}"#)),
        ("returns/request", format!(r#"{{"id":1,"order":{{}},{at}}}"#)),
    ] {
        assert!(deliver(topic, &body).is_err(), "{topic} {body}");
    }
}

#[test]
fn the_order_topics_are_taken_in_either_spelling_of_the_header() {
    let body = br#"{"id":1}"#.to_vec();
    for (header, topic) in
        [("x-shopify-topic", "orders/paid"), ("shopify-topic", "ORDERS/UPDATED"), ("shopify-topic", "orders/cancelled")]
    {
        assert!(KEPT_HEADERS.contains(&header));
        let headers = BTreeMap::from([(header.to_owned(), topic.to_owned())]);
        let facts = translate(&Delivery { headers, body: body.clone() }).unwrap();
        assert!(matches!(facts.as_slice(), [InboundFact::Unreadable { .. }]), "{facts:?}");
    }
    assert!(translate(&Delivery { headers: BTreeMap::new(), body }).is_err(), "no topic");
}

#[test]
fn a_body_that_was_cut_down_to_its_id_says_so() {
    let (order, detail) =
        unreadable(r#"{"id":820982911946154508,"admin_graphql_api_id":"gid://shopify/Order/820982911946154508"}"#);
    assert_eq!(order, "820982911946154508", "exact beyond 2^53");
    assert!(detail.starts_with("the body held only an id"), "{detail}");
}

#[test]
fn whatever_cannot_be_read_still_names_its_order() {
    let deep = format!(r#"{{"id":7,"note":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let deep_before = format!(r#"{{"note":{}1{},"id":7}}"#, "[".repeat(10_000), "]".repeat(10_000));
    for body in [
        deep.as_str(),
        &deep_before,
        r#"{"id":7,"note":"\ud800"}"#,
        r#"{"note":"\ud800 lone","id":7}"#,
        r#"{"id":7,"total_price":1e400}"#,
        r#"{"id":7,"line_items":[{"pri"#,
        r#"{"id":"7"}"#,
        r#"{"id":7,"line_items":[]} trailing"#,
        "{\"id\":7,\"note\":\"a\u{0}b\"}",
        r#"{"id":7,"line_items":"none","currency":"GBP"}"#,
        r#"{"id":7,"currency":"XX9","line_items":[]}"#,
    ] {
        let (order, detail) = unreadable(body);
        assert_eq!(order, "7");
        assert!(!detail.is_empty());
    }
}

#[test]
fn a_body_that_names_no_order_is_an_error() {
    for body in [
        "",
        "null",
        "[]",
        "[{\"id\":1}]",
        "{}",
        r#"{"id":null}"#,
        r#"{"id":-1}"#,
        r#"{"id":1.5}"#,
        r#"{"id":1e3}"#,
        r#"{"id":18446744073709551616}"#,
        r#"{"id":"#,
        r#"{"id":1,"id":2}"#,
        r#"{"id":"1a"}"#,
        "\u{FEFF}{\"id\":1}",
    ] {
        assert!(deliver("orders/create", body).is_err(), "{body}");
    }
}
