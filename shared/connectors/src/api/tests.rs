//! What callers may bring, and what they are told when they may not.

use crossdock_domain::{LineKind, Minor, TenderStatus};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Fault, FaultKind, MAX_BODY_BYTES, parse_cart, parse_hold, parse_order, parse_receipt};

fn prepaid() -> Value {
    json!({
        "connection": "web-uk", "channel_order_id": "W-10042", "name": "#10042", "placed_at": "2026-11-20T09:15:00+01:00",
        "currency": "GBP", "taxes_included": true, "email": "buyer@example.com",
        "customer": { "name": "A Buyer", "email": "other@example.com", "phone": "+442079460000" },
        "shipping_address": {
            "name": "A Buyer", "company": "", "address1": "1 Example Street", "city": "London", "postal_code": "SW1A 1AA",
            "country": "GB",
        },
        "lines": [
            { "sku": "TEA-250", "quantity": 2, "unit_price_minor": 1250, "discount_minor": 100,
              "tax_lines": [{ "title": "GB VAT", "rate": "0.2", "amount_minor": 400 }] },
            { "line_id": "L2", "sku": "POT-1", "title": "Pot", "quantity": 1, "unit_price_minor": 3900,
              "tax_lines": [], "requires_shipping": false },
        ],
        "shipping": [{ "title": "Standard", "amount_minor": 495, "tax_lines": [] }],
        "tenders": [{ "tender_id": "pay-1", "gateway": "stripe", "kind": "sale", "status": "success", "amount_minor": 6795 }],
        "total_minor": 6795,
        "note": "Leave it with the neighbour, please",
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut body = prepaid();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap();
    match field.parse::<usize>() {
        Ok(index) => parent[index] = value,
        Err(_) => parent[field] = value,
    }
    body
}

fn faults(body: &Value) -> Vec<Fault> {
    parse_order(body.to_string().as_bytes()).map(|_| ()).unwrap_err()
}

fn faults_of(text: &str) -> Vec<Fault> {
    parse_order(text.as_bytes()).map(|_| ()).unwrap_err()
}

/// The one fault of a body: where and of what kind.
fn fault(body: &Value) -> (String, FaultKind) {
    match faults(body).as_slice() {
        [one] => (one.pointer.clone(), one.kind),
        several => panic!("{several:?}"),
    }
}

#[test]
fn an_order_is_read_whole() {
    let order = parse_order(prepaid().to_string().as_bytes()).unwrap();
    assert_eq!((order.connection.as_str(), order.channel.as_str()), ("web-uk", "W-10042"));
    let inbound = order.inbound;
    assert_eq!(inbound.order.placed_at.to_string(), "2026-11-20T08:15:00Z");
    assert_eq!(inbound.order.totals().unwrap().total_minor, inbound.order.total);
    assert_eq!(inbound.order.lines[0].id, "1", "its position, where it has no identity");
    assert_eq!((inbound.order.lines[1].id.as_str(), inbound.order.lines[1].kind), ("L2", LineKind::Service));
    assert_eq!(inbound.order.tenders[0].status, TenderStatus::Captured);
    let recipient = inbound.recipient.unwrap();
    assert_eq!((recipient.company, recipient.email.as_deref()), (None, Some("buyer@example.com")));
    assert_eq!(recipient.phone.as_deref(), Some("+442079460000"));
}

#[test]
fn only_money_that_arrived_is_captured() {
    for (kind, status, captured) in [
        ("sale", "success", true),
        ("capture", "success", true),
        ("authorization", "success", false),
        ("sale", "pending", false),
    ] {
        let mut body = with("/tenders/0/kind", json!(kind));
        body["tenders"][0]["status"] = json!(status);
        let order = parse_order(body.to_string().as_bytes()).unwrap().inbound.order;
        assert_eq!(order.tenders[0].status == TenderStatus::Captured, captured, "{kind} {status}");
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let mut body = with("/lines/0/quantity", json!(0));
    body["lines"][1]["sku"] = json!("");
    body["currency"] = json!("XYZ");
    body["colour"] = json!("red");
    body["shipping_address"]["country"] = json!("Britain");
    body.as_object_mut().unwrap().remove("total_minor");
    let told: Vec<(String, FaultKind)> = faults(&body).into_iter().map(|f| (f.pointer, f.kind)).collect();
    assert_eq!(
        told,
        [
            ("/colour".to_owned(), FaultKind::Malformed),
            ("/currency".to_owned(), FaultKind::Invalid),
            ("/shipping_address/country".to_owned(), FaultKind::Invalid),
            ("/lines/0/quantity".to_owned(), FaultKind::Invalid),
            ("/lines/1/sku".to_owned(), FaultKind::Invalid),
            ("/total_minor".to_owned(), FaultKind::Malformed),
        ]
    );
}

#[test]
fn every_value_has_its_bounds() {
    use FaultKind::{Invalid, Malformed};
    for (pointer, value, kind) in [
        ("/connection", json!("Web UK"), Invalid),
        ("/connection", json!(" web-uk"), Invalid),
        ("/channel_order_id", json!("w-1"), Invalid),
        ("/channel_order_id", json!("W-123456789012345678901"), Invalid),
        ("/channel_order_id", json!("W-\u{0410}"), Invalid),
        ("/channel_order_id", json!(10042), Malformed),
        ("/name", json!(""), Invalid),
        ("/name", json!("#1\u{0}"), Invalid),
        ("/placed_at", json!("yesterday"), Invalid),
        ("/placed_at", json!("2026-11-20T09:15:00"), Invalid),
        ("/placed_at", json!("1970-01-01T00:00:00Z"), Invalid),
        ("/currency", json!("gbp"), Invalid),
        ("/taxes_included", json!("true"), Malformed),
        ("/test", json!(1), Malformed),
        ("/email", json!("nobody"), Invalid),
        ("/email", json!("a b@example.com"), Invalid),
        ("/customer", json!("A Buyer"), Malformed),
        ("/customer/phone", json!("1".repeat(41)), Invalid),
        ("/shipping_address", Value::Null, Malformed),
        ("/shipping_address/name", json!("  "), Invalid),
        ("/shipping_address/city", json!("x".repeat(101)), Invalid),
        ("/shipping_address/country", json!("gb"), Invalid),
        ("/lines", json!([]), Invalid),
        ("/lines", json!({}), Malformed),
        ("/lines", Value::Null, Malformed),
        ("/lines/0", json!(5), Malformed),
        ("/lines/0/tax_lines", Value::Null, Malformed),
        ("/tenders", Value::Null, Malformed),
        ("/lines/0/line_id", json!("L2"), Invalid),
        ("/lines/0/sku", json!("x".repeat(65)), Invalid),
        ("/lines/0/quantity", json!(-1), Invalid),
        ("/lines/0/quantity", json!(1.5), Invalid),
        ("/lines/0/quantity", json!(2_147_483_648_u64), Invalid),
        ("/lines/0/quantity", json!("2"), Malformed),
        ("/lines/0/unit_price_minor", json!(-1), Invalid),
        ("/lines/0/unit_price_minor", json!(12.5), Invalid),
        ("/lines/0/unit_price_minor", json!("12.50"), Malformed),
        ("/lines/0/unit_price_minor", json!(u64::MAX), Invalid),
        ("/lines/0/discount_minor", json!(2501), Invalid),
        ("/lines/0/tax_lines/0/rate", json!("20%"), Invalid),
        ("/lines/0/tax_lines/0/rate", json!(0.2), Malformed),
        ("/lines/0/tax_lines/0/amount_minor", json!(-1), Invalid),
        ("/shipping/0/amount_minor", Value::Null, Malformed),
        ("/shipping/0/discount_minor", json!(496), Invalid),
        ("/tenders/0/kind", json!("refund"), Invalid),
        ("/tenders/0/status", json!("failed"), Invalid),
        ("/total_minor", json!(1_000_000_000_001_i64), Invalid),
        ("/note", json!("x".repeat(1001)), Invalid),
    ] {
        let (at, told) = fault(&with(pointer, value.clone()));
        let at_list = pointer == "/lines/0/line_id" && at == "/lines";
        assert!((at == pointer || at_list) && told == kind, "{pointer} {value}: {at} {told:?}");
    }
}

#[test]
fn sums_that_leave_every_bound_are_refused_not_wrapped() {
    let mut body = with("/lines/0/quantity", json!(1_000_000));
    body["lines"][0]["unit_price_minor"] = json!(1_000_000_000_000_i64);
    let told: Vec<String> = faults(&body).into_iter().map(|fault| fault.pointer).collect();
    assert_eq!(told, ["/lines/0", ""], "the line, and with it the sum");
    let line = json!({ "sku": "A", "quantity": 1000, "unit_price_minor": 1_000_000_000_000_i64, "tax_lines": [] });
    assert_eq!(fault(&with("/lines", json!([line, line]))), (String::new(), FaultKind::Invalid));
}

#[test]
fn what_exists_twice_is_refused() {
    let tender = prepaid()["tenders"][0].clone();
    assert_eq!(fault(&with("/tenders", json!([tender, tender]))).0, "/tenders");
    let told = faults_of(r#"{"connection":"web-uk","lines":[{"sku":"A","sku":"B"}]}"#);
    assert_eq!((told[0].pointer.as_str(), told[0].kind, told.len()), ("/lines/0/sku", FaultKind::Malformed, 1));
    let escaped = faults_of(r#"{"a/b~c":1,"a/b~c":2}"#);
    assert_eq!(escaped[0].pointer, "/a~1b~0c", "RFC 6901");
}

#[test]
fn what_is_not_json_of_this_shape_is_a_400() {
    for text in [
        "",
        "null",
        "[]",
        "5",
        "\"\"",
        "{",
        "{\"connection\":",
        "{} trailing",
        "{\"note\":\"\\ud800\"}",
        "{\"note\":\"\\udc00x\"}",
        "{\"note\":\"a\u{0}b\"}",
        "{\"total_minor\":1e400}",
        "{\"total_minor\":NaN}",
        "{'a':1}",
        "\u{FEFF}{}",
        "{\"a\":01}",
    ] {
        let told = faults_of(text);
        assert!(told.iter().all(|fault| fault.kind == FaultKind::Malformed), "{text}: {told:?}");
    }
    let told = parse_order(b"{\"note\":\"\xFF\xFE\"}").unwrap_err();
    assert_eq!(told[0].kind, FaultKind::Malformed, "not UTF-8");
}

#[test]
fn depth_and_size_are_bounded_before_anything_is_built() {
    let deep = format!("{{\"note\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    assert!(faults_of(&deep)[0].detail.contains("deeper than 32"));
    let quoted = with("/note", json!("[".repeat(100)));
    assert!(parse_order(quoted.to_string().as_bytes()).is_ok(), "brackets inside of texts nest nothing");
    let large = format!("{{\"note\":\"{}\"}}", "x".repeat(MAX_BODY_BYTES));
    assert_eq!(faults_of(&large)[0].kind, FaultKind::TooLarge);
    let line = json!({ "sku": "A", "quantity": 1, "unit_price_minor": 1, "tax_lines": [] });
    let many = with("/lines", json!(vec![line; 501]));
    assert_eq!(fault(&many), ("/lines".to_owned(), FaultKind::Invalid));
    let wrong = with("/lines", json!(vec![json!({ "sku": 5 }); 400]));
    assert_eq!(faults(&wrong).len(), 100, "an answer has an end");
}

#[test]
fn a_card_number_is_refused_in_every_text_and_never_repeated() {
    for number in [
        "4111111111111111",
        "my card is 4111 1111 1111 1111, thanks",
        "5555-5555-5555-4444",
        "378282246310005",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "order 12 4111111111111111",
        "2223003122003222",
        "6011 1111 1111 1117",
    ] {
        for pointer in ["/note", "/shipping_address/company", "/lines/1/title"] {
            let told = faults(&with(pointer, json!(number)));
            assert_eq!(
                (told[0].pointer.as_str(), told[0].kind, told.len()),
                (pointer, FaultKind::Invalid, 1),
                "{number}"
            );
            assert!(!told[0].detail.contains(|c: char| c.is_ascii_digit()), "{}", told[0].detail);
        }
    }
    for harmless in [
        "4111111111111112",
        "4006381333931",
        "call 020 7946 0000",
        "10042 of 2026-11-20",
        "0000000000000000",
        "402-1234567-1234564",
    ] {
        assert!(parse_order(with("/note", json!(harmless)).to_string().as_bytes()).is_ok(), "{harmless}");
    }
}

#[test]
fn what_systems_call_something_may_be_any_number() {
    for number in ["4111111111111111", "378282246310005", "6011-1111111111117"] {
        let named = with("/name", json!(format!(" {number} ")));
        let order = parse_order(named.to_string().as_bytes()).unwrap();
        assert_eq!(order.inbound.order.name, number);
        let numbered = with("/channel_order_id", json!(number));
        assert!(parse_order(numbered.to_string().as_bytes()).is_ok(), "{number}");
    }
}

#[test]
fn faults_never_repeat_what_was_sent() {
    for pointer in [
        "/currency",
        "/email",
        "/placed_at",
        "/connection",
        "/lines/0/sku",
        "/tenders/0/kind",
        "/shipping_address/country",
    ] {
        let long = "SECRET ".repeat(60);
        let told = faults(&with(pointer, json!(long)));
        assert!(told.iter().all(|fault| !fault.detail.contains("SECRET")), "{told:?}");
    }
}

#[test]
fn one_spelling_of_a_sku_is_one_sku() {
    let order = parse_order(with("/lines/0/sku", json!("CAFE\u{301}")).to_string().as_bytes()).unwrap();
    assert_eq!(order.inbound.order.lines[0].sku.as_ref().map(|sku| sku.as_str()), Some("CAF\u{c9}"));
}

#[test]
fn a_cart_is_read_by_the_same_rules() {
    let cart = json!({
        "connection": "web-uk", "currency": "GBP", "ship_to": { "country": "GB", "postal_code": "SW1A 1AA" },
        "lines": [{ "sku": "TEA-250", "quantity": 2, "unit_price_minor": 1250 }],
    });
    let (connection, read) = parse_cart(cart.to_string().as_bytes()).unwrap();
    assert_eq!((connection.as_str(), read.country.as_str(), read.lines.len()), ("web-uk", "GB", 1));
    assert_eq!(read.lines[0].unit_price, Minor::new(1250).unwrap());
    let mut wrong = cart.clone();
    wrong["ship_to"] = json!({ "country": "GBR", "street": "no" });
    wrong["lines"][0]["quantity"] = json!(1_000_001);
    let told: Vec<String> =
        parse_cart(wrong.to_string().as_bytes()).unwrap_err().into_iter().map(|f| f.pointer).collect();
    assert_eq!(told, ["/ship_to/street", "/ship_to/country", "/lines/0/quantity"]);
    assert_eq!(parse_cart(b"{}").unwrap_err().len(), 4);
}

#[test]
fn a_receipt_is_read_by_the_same_rules() {
    let line = |sku: &str| json!({ "sku": sku, "quantity": 5 });
    let receipt = |id: &str, lines: Value| json!({ "receipt_id": id, "location": "LON1", "lines": lines }).to_string();
    let read = parse_receipt(receipt("GRN-1", json!([line("A"), line("B")])).as_bytes()).unwrap();
    assert_eq!((read.receipt_id.as_str(), read.location.as_str(), read.lines.len()), ("GRN-1", "LON1", 2));
    for (id, lines) in [
        ("", json!([line("A")])),
        ("a b", json!([line("A")])),
        ("GRN/1", json!([line("A")])),
        ("GRN-1", json!([])),
        ("GRN-1", json!([line("A"), line("A")])),
        ("GRN-1", json!((0..91).map(|n| line(&n.to_string())).collect::<Vec<_>>())),
    ] {
        let told = parse_receipt(receipt(id, lines).as_bytes()).unwrap_err();
        assert_eq!((told.len(), told[0].kind.status()), (1, 422), "{told:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_taken_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = (parse_order(&bytes), parse_cart(&bytes), parse_receipt(&bytes));
    }

    /// An order cut off anywhere is malformed as a whole; nothing of it is read.
    #[test]
    fn a_truncated_order_is_a_400(end in any::<prop::sample::Index>()) {
        let body = prepaid().to_string();
        let told = parse_order(&body.as_bytes()[..end.index(body.len())]).unwrap_err();
        prop_assert_eq!(told.len(), 1);
        prop_assert_eq!(told[0].kind, FaultKind::Malformed);
    }

    /// What is taken says what was sent: no amount is ever rounded on the way.
    #[test]
    fn amounts_are_taken_exactly(price in 0_i64..=1_000_000_000, quantity in 1_u32..1000) {
        let mut body = with("/lines/0/unit_price_minor", json!(price));
        body["lines"][0]["quantity"] = json!(quantity);
        body["lines"][0]["discount_minor"] = json!(0);
        let line = parse_order(body.to_string().as_bytes()).unwrap().inbound.order.lines.remove(0);
        prop_assert_eq!(line.price().unwrap().get(), price * i64::from(quantity));
    }
}

#[test]
fn a_hold_is_read_strictly() {
    let hold = |name: &str, value: Value| {
        let mut body = json!({ "connection": "web-uk", "hold_id": "cart_7f3a", "country": "GB",
                               "lines": [{ "sku": "TEA-250", "quantity": 2 }, { "sku": "POT-1", "quantity": 1 }] });
        body[name] = value;
        parse_hold(body.to_string().as_bytes())
    };
    let read = hold("country", json!("IE")).unwrap();
    assert_eq!((read.country.as_str(), read.seconds, read.lines.len()), ("IE", 600, 2));
    assert_eq!(hold("expires_in_seconds", json!(1800)).unwrap().seconds, 1800);
    let wrong = [
        ("expires_in_seconds", json!(59), "/expires_in_seconds"),
        ("expires_in_seconds", json!(1801), "/expires_in_seconds"),
        ("hold_id", json!("cart#1"), "/hold_id"),
        ("hold_id", json!("x".repeat(41)), "/hold_id"),
        ("lines", json!([]), "/lines"),
        ("lines", json!([{ "sku": "A", "quantity": 1 }, { "sku": "A", "quantity": 2 }]), "/lines"),
        (
            "lines",
            json!((0..31).map(|n| json!({ "sku": format!("S{n}"), "quantity": 1 })).collect::<Vec<_>>()),
            "/lines",
        ),
        ("lines", json!([{ "sku": "A", "quantity": 0 }]), "/lines/0/quantity"),
        ("seconds", json!(60), "/seconds"),
    ];
    for (name, value, pointer) in wrong {
        let faults = hold(name, value.clone()).unwrap_err();
        assert_eq!(faults.iter().map(|fault| fault.pointer.as_str()).collect::<Vec<_>>(), [pointer], "{value}");
    }
}

#[test]
fn an_order_may_name_a_hold() {
    let named = |value: Value| parse_order(with("/hold", value).to_string().as_bytes()).map(|order| order.inbound.hold);
    assert_eq!(named(json!("Cart_7-f")).unwrap().unwrap().as_str(), "Cart_7-f");
    assert_eq!(fault(&with("/hold", json!("no such name"))), ("/hold".to_owned(), FaultKind::Invalid));
    assert_eq!(parse_order(prepaid().to_string().as_bytes()).unwrap().inbound.hold, None);
}
