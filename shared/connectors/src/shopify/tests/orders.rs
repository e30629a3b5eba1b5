//! Orders, field by field: what is read, what holds them and what makes them unreadable.

use crossdock_domain::accept::Inbound;
use crossdock_domain::{Currency, HoldCode, LineKind, Minor, TenderStatus};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::shopify::reading::Unreadable;
use crate::shopify::translate::order;

/// A small ordinary order: 2 × 10.00, 1.00 off, 5.00 delivery, prices with 20 % tax.
fn ordinary() -> Value {
    json!({
        "id": 820_982_911_946_154_508_u64,
        "name": "#1001",
        "created_at": "2026-11-19T10:42:07+01:00",
        "processed_at": "2026-11-19T10:42:05+01:00",
        "updated_at": "2026-11-19T10:42:12+01:00",
        "currency": "GBP",
        "taxes_included": true,
        "financial_status": "paid",
        "payment_gateway_names": ["shopify_payments"],
        "total_outstanding": "0.00",
        "total_price": "24.00",
        "current_total_price": "24.00",
        "total_tax": "4.00",
        "current_total_tax": "4.00",
        "email": "buyer@example.com",
        "shipping_address": {
            "first_name": "Example", "last_name": "Buyer", "address1": "1 Sample Street", "city": "London",
            "zip": "SW1A 1AA", "country_code": "gb", "province_code": null, "company": "",
        },
        "line_items": [{
            "id": 866_550_311_766_439_020_u64, "sku": "TEA-250", "quantity": 2, "current_quantity": 2, "price": "10.00",
            "requires_shipping": true, "gift_card": false,
            "discount_allocations": [{ "amount": "1.00" }],
            "tax_lines": [{ "title": "GB VAT", "rate": 0.2, "price": "3.17", "channel_liable": null }],
        }],
        "shipping_lines": [{
            "price": "5.00", "discounted_price": "5.00", "discount_allocations": [],
            "tax_lines": [{ "title": "GB VAT", "rate": 0.2, "price": "0.83" }],
        }],
    })
}

/// The ordinary order with some fields set otherwise, by JSON pointer.
fn with(changes: &[(&str, Value)]) -> Value {
    let mut body = ordinary();
    for (pointer, value) in changes {
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        let parent = body.pointer_mut(parent).unwrap();
        match field.parse::<usize>() {
            Ok(index) => parent[index] = value.clone(),
            Err(_) => parent[field] = value.clone(),
        }
    }
    body
}

fn read(changes: &[(&str, Value)]) -> Inbound {
    order(&with(changes)).unwrap_or_else(|error| panic!("{error}"))
}

fn complaint(changes: &[(&str, Value)]) -> String {
    order(&with(changes)).map(|_| ()).unwrap_err().to_string()
}

fn codes(inbound: &Inbound) -> Vec<HoldCode> {
    inbound.oddities.iter().map(|hold| hold.code).collect()
}

fn minor(amount: i64) -> Minor {
    Minor::new(amount).unwrap()
}

#[test]
fn an_ordinary_order_is_read_whole() {
    let inbound = read(&[]);
    let order = &inbound.order;
    assert_eq!(codes(&inbound), []);
    assert_eq!(order.name, "#1001");
    assert_eq!(order.placed_at.to_string(), "2026-11-19T09:42:05Z", "the offset is taken into account");
    assert_eq!(inbound.source_version.to_string(), "2026-11-19T09:42:12Z");
    assert_eq!(order.currency.code(), "GBP");
    assert_eq!(order.total, minor(2400));
    assert_eq!(order.totals().unwrap().total_minor, minor(2400));
    assert_eq!(order.totals().unwrap().tax_minor, minor(400));
    assert_eq!(order.country.as_ref().map(|c| c.as_str()), Some("GB"));
    let [line] = order.lines.as_slice() else { panic!("one line") };
    assert_eq!(line.id, "866550311766439020", "exact beyond 2^53");
    assert_eq!((line.quantity, line.unit_price, line.discount), (2, minor(1000), minor(100)));
    assert_eq!((line.taxes[0].rate.as_str(), line.taxes[0].amount), ("0.2", minor(317)));
    let [tender] = order.tenders.as_slice() else { panic!("one tender") };
    assert_eq!(
        (tender.gateway.as_str(), tender.status, tender.amount),
        ("shopify_payments", TenderStatus::Captured, minor(2400))
    );
    assert_eq!(tender.id, "820982911946154508");
    let recipient = inbound.recipient.unwrap();
    assert_eq!(recipient.name, "Example Buyer", "put together where it is not told whole");
    assert_eq!((recipient.company, recipient.region), (None, None));
    assert_eq!(recipient.email.as_deref(), Some("buyer@example.com"));
}

#[test]
fn an_order_names_its_hold_by_an_attribute() {
    let named = |attributes: Value| read(&[("/note_attributes", attributes)]).hold.map(|hold| hold.to_string());
    let hold = |value: Value| json!([{ "name": "gift", "value": "yes" }, { "name": "crossdock_hold", "value": value }]);
    assert_eq!(named(hold(json!("cart_7f3a"))).as_deref(), Some("cart_7f3a"));
    // A buyer may have written anything: whatever names no hold is none, and the order is taken all the same.
    for odd in [json!("not a name"), json!(""), json!(7), json!(null), json!("x".repeat(41))] {
        assert_eq!(named(hold(odd)), None);
    }
    for nothing in [json!([]), json!(null), json!("crossdock_hold"), json!([{ "name": "gift" }, 3])] {
        assert_eq!(named(nothing), None);
    }
}

#[test]
fn a_payment_keeps_its_identity_when_it_arrives_later() {
    let waiting = [("/financial_status", json!("pending")), ("/payment_gateway_names", json!([]))];
    let (before, after) = (read(&waiting), read(&[]));
    assert_eq!(before.order.tenders[0].status, TenderStatus::Pending);
    assert_eq!(before.order.tenders[0].id, after.order.tenders[0].id);
    assert_eq!(before.order.content_hash(), after.order.content_hash(), "it is still the same order");
}

#[test]
fn only_money_that_somebody_took_counts_as_captured() {
    for status in ["pending", "authorized", "partially_paid", "voided", "expired", "something new", ""] {
        let inbound = read(&[("/financial_status", json!(status))]);
        assert_eq!(inbound.order.tenders[0].status, TenderStatus::Pending, "{status}");
    }
    assert_eq!(read(&[("/financial_status", Value::Null)]).order.tenders[0].status, TenderStatus::Pending);
    for (field, value) in [
        ("/total_outstanding", json!("24.00")),
        ("/total_outstanding", json!("-1.00")),
        ("/payment_gateway_names", json!([])),
    ] {
        let inbound = read(&[(field, value)]);
        assert_eq!(inbound.order.tenders[0].status, TenderStatus::Pending, "{field}");
        assert_eq!(codes(&inbound), [HoldCode::Unpaid], "{field}");
    }
    let unnamed = read(&[("/payment_gateway_names", json!([""]))]);
    assert_eq!(unnamed.order.tenders[0].gateway, "unknown");
}

#[test]
fn several_gateways_hold_the_order_and_one_named_twice_does_not() {
    let several = read(&[("/payment_gateway_names", json!(["gift_card", "stripe"]))]);
    assert_eq!(codes(&several), [HoldCode::SeveralTenders]);
    assert!(several.order.tenders.is_empty());
    assert_eq!(codes(&read(&[("/payment_gateway_names", json!(["stripe", "stripe"]))])), []);
}

#[test]
fn what_was_refunded_or_cancelled_before_we_know_of_the_order_is_read_as_it_was_placed() {
    let refund = json!([{ "id": 1, "refund_line_items": [] }]);
    let gone: [(&str, Value); 4] = [
        ("/line_items/0/current_quantity", json!(0)),
        ("/current_total_price", json!("0.00")),
        ("/current_total_tax", json!("0.00")),
        ("/refunds", refund),
    ];
    for status in ["refunded", "partially_refunded"] {
        let inbound = read(&[gone.as_slice(), &[("/financial_status", json!(status))]].concat());
        assert_eq!(codes(&inbound), []);
        assert_eq!((inbound.order.total, inbound.order.lines[0].quantity), (minor(2400), 2));
        let tender = &inbound.order.tenders[0];
        assert_eq!((tender.status, tender.amount), (TenderStatus::Captured, minor(2400)), "the money did arrive");
        assert_eq!(inbound.order, read(&[]).order, "whichever message comes first");
        let alone = read(&[("/financial_status", json!(status))]);
        assert_eq!(alone.order, inbound.order, "the status says it too");
        let unnamed = read(&[("/financial_status", json!(status)), ("/payment_gateway_names", json!([]))]);
        assert_eq!(codes(&unnamed), [HoldCode::Unpaid], "nobody knows through whom it was paid");
    }
    let at = ("/cancelled_at", json!("2026-11-20T00:00:00Z"));
    let cancelled = read(&[gone.as_slice(), &[at.clone(), ("/total_outstanding", json!("-24.00"))]].concat());
    assert!(cancelled.cancelled);
    assert_eq!((codes(&cancelled), &cancelled.order), (vec![], &read(&[]).order), "owed to the buyer, and paid before");
    let owed = read(&[at, ("/total_outstanding", json!("24.00"))]);
    assert_eq!(codes(&owed), [HoldCode::Unpaid]);
}

#[test]
fn foreign_shipments_before_we_know_of_the_order_hold_it() {
    for status in ["partial", "fulfilled", "restocked"] {
        assert_eq!(codes(&read(&[("/fulfillment_status", json!(status))])), [HoldCode::ChangedAtStorefront]);
    }
}

#[test]
fn current_quantities_go_with_current_totals_and_placed_ones_with_placed_totals() {
    let edited = read(&[
        ("/line_items/0/current_quantity", json!(1)),
        ("/current_total_price", json!("14.50")),
        ("/current_total_tax", json!("2.42")),
    ]);
    assert_eq!(codes(&edited), []);
    assert_eq!(edited.order.lines[0].discount, minor(50));
    assert_eq!(edited.order.totals().unwrap().total_minor, edited.order.total);
    let mut old = with(&[("/current_total_price", json!("1.00"))]);
    old["line_items"][0].as_object_mut().unwrap().remove("current_quantity");
    assert_eq!(
        order(&old).unwrap().order.total,
        minor(2400),
        "current totals without current quantities add up to nothing"
    );
    let removed = read(&[
        ("/line_items/0/current_quantity", json!(0)),
        ("/current_total_price", json!("5.00")),
        ("/current_total_tax", json!("0.83")),
    ]);
    assert_eq!((removed.order.lines[0].quantity, removed.order.lines[0].taxes.len()), (0, 0));
    assert_eq!(removed.order.totals().unwrap().total_minor, removed.order.total);
}

#[test]
fn tax_lines_that_are_not_the_orders_tax_hold_it() {
    let inbound = read(&[("/current_total_tax", json!("4.01"))]);
    assert_eq!(codes(&inbound), [HoldCode::Totals], "with tax included the total alone would not show it");
}

#[test]
fn lines_are_what_they_are() {
    let kind = |changes: &[(&str, Value)]| read(changes).order.lines[0].kind;
    assert_eq!(kind(&[]), LineKind::Product);
    assert_eq!(kind(&[("/line_items/0/gift_card", json!(true))]), LineKind::GiftCard);
    assert_eq!(kind(&[("/line_items/0/requires_shipping", json!(false))]), LineKind::Service);
    assert_eq!(kind(&[("/line_items/0/requires_shipping", Value::Null)]), LineKind::Product);
    for nothing in [Value::Null, json!(""), json!("  ")] {
        assert_eq!(kind(&[("/line_items/0/sku", nothing)]), LineKind::Custom);
    }
    for strange in [json!("a\u{0}b"), json!("x".repeat(65)), json!(5)] {
        let inbound = read(&[("/line_items/0/sku", strange)]);
        assert_eq!((inbound.order.lines[0].kind, codes(&inbound)), (LineKind::Custom, vec![HoldCode::UnknownSku]));
    }
    let twin = read(&[("/line_items/0/sku", json!("CAFE\u{301}"))]);
    assert_eq!(twin.order.lines[0].sku.as_ref().map(|sku| sku.as_str()), Some("CAF\u{c9}"), "one spelling, one SKU");
}

#[test]
fn tips_duties_and_fees_are_charges_and_included_duties_are_not_counted_twice() {
    let set = |amount: &str| {
        json!({
            "shop_money": { "amount": amount, "currency_code": "GBP" },
            "presentment_money": { "amount": amount, "currency_code": "GBP" },
        })
    };
    let inbound = read(&[
        ("/total_tip_received", json!("2.00")),
        ("/current_total_duties_set", set("3.00")),
        ("/original_total_additional_fees_set", set("1.00")),
        ("/current_total_price", json!("30.00")),
    ]);
    assert_eq!(inbound.order.totals().unwrap().total_minor, minor(3000));
    assert_eq!(inbound.order.charges.len(), 4);
    let included = read(&[("/current_total_duties_set", set("3.00")), ("/duties_included", json!(true))]);
    assert_eq!(codes(&included), [HoldCode::RareCharge]);
    assert_eq!(included.order.totals().unwrap().total_minor, minor(2400));
    let as_line = read(&[("/line_items/0/tip", json!({ "payment_gateway": "stripe" }))]);
    assert!(as_line.order.lines.is_empty(), "a tip that comes as a line is no goods");
}

#[test]
fn an_address_that_nobody_could_ship_to_holds_the_order() {
    assert_eq!(codes(&read(&[("/shipping_address/country_code", json!("GBR"))])), [HoldCode::Address]);
    assert_eq!(codes(&read(&[("/shipping_address/country_code", Value::Null)])), [HoldCode::Address]);
    assert_eq!(codes(&read(&[("/shipping_address/address1", json!("x".repeat(256)))])), [HoldCode::Address]);
    let none = read(&[("/shipping_address", Value::Null)]);
    assert_eq!((none.recipient, none.order.country), (None, None), "acceptance says that it is missing");
    let nul = read(&[("/shipping_address/city", json!("Lon\u{0}don\r\n"))]);
    assert_eq!(nul.recipient.unwrap().city, "Lon don");
}

#[test]
fn money_in_two_currencies_is_read_in_the_buyers_or_held() {
    let set = |gbp: &str, usd: &str| {
        json!({
            "shop_money": { "amount": gbp, "currency_code": "GBP" },
            "presentment_money": { "amount": usd, "currency_code": "USD" },
        })
    };
    let mut changes = vec![
        ("/presentment_currency", json!("USD")),
        ("/line_items/0/price_set", set("10.00", "13.00")),
        ("/line_items/0/discount_allocations/0/amount_set", set("1.00", "1.30")),
        ("/line_items/0/tax_lines/0/price_set", set("3.17", "4.12")),
        ("/shipping_lines/0/price_set", set("5.00", "6.50")),
        ("/shipping_lines/0/tax_lines/0/price_set", set("0.83", "1.08")),
        ("/current_total_price_set", set("24.00", "31.20")),
        ("/total_price_set", set("24.00", "31.20")),
        ("/current_total_tax_set", set("4.00", "5.20")),
    ];
    let inbound = read(&changes);
    assert_eq!((inbound.order.currency.code(), inbound.order.total, codes(&inbound)), ("USD", minor(3120), vec![]));
    assert_eq!(inbound.order.totals().unwrap().total_minor, minor(3120));
    changes.remove(4);
    let held = read(&changes);
    assert_eq!(
        (held.order.currency.code(), held.order.total),
        ("GBP", minor(2400)),
        "all in the shop's, not a mixture"
    );
    assert_eq!(codes(&held), [HoldCode::Currency]);
    let tipped = read(&[changes.as_slice(), &[("/total_tip_received", json!("1.00"))]].concat());
    assert_eq!(codes(&tipped), [HoldCode::Currency], "a tip is told in the shop's currency only");
}

#[test]
fn amounts_that_are_none_make_the_order_unreadable_without_repeating_them() {
    for (amount, why) in [
        (json!("1,000.00"), "is not a decimal amount"),
        (json!("NaN"), "is not a decimal amount"),
        (json!("1e400"), "is not a decimal amount"),
        (json!("secret@example.com"), "is not a decimal amount"),
        (json!(""), "is not a decimal amount"),
        (json!(1e20), "is not a decimal amount"),
        (json!(123_456_789_012_345.67), "is not a decimal amount"),
        (json!([]), "is not a decimal amount"),
        (json!(true), "is not a decimal amount"),
        (json!("10.001"), "has more decimals than GBP allows"),
        (json!("99999999999999999999"), "is larger than Crossdock accepts"),
        (json!("-10.00"), "is negative"),
        (Value::Null, "is missing"),
    ] {
        assert_eq!(complaint(&[("/line_items/0/price", amount)]), format!("line_items[0].price {why}"));
    }
    assert_eq!(read(&[("/line_items/0/price", json!(10.0))]).order.lines[0].unit_price, minor(1000), "a JSON number");
    assert_eq!(read(&[("/line_items/0/price", json!(10))]).order.lines[0].unit_price, minor(1000));
    assert_eq!(
        read(&[("/line_items/0/discount_allocations/0/amount", json!("-0.00"))]).order.lines[0].discount,
        minor(0)
    );
}

#[test]
fn decimals_follow_the_currency() {
    let in_currency = |code: &str, amount: &str| {
        let mut body = with(&[("/currency", json!(code)), ("/current_total_price", json!(amount))]);
        body["line_items"] = json!([]);
        body["shipping_lines"] = json!([]);
        order(&body).map(|inbound| inbound.order.total.get()).map_err(|error: Unreadable| error.to_string())
    };
    assert_eq!(in_currency("JPY", "1980"), Ok(1980));
    assert_eq!(in_currency("JPY", "1980.00"), Ok(1980));
    assert!(in_currency("JPY", "1980.50").is_err());
    assert_eq!(in_currency("KWD", "1.234"), Ok(1234));
    assert!(in_currency("EUR", "1.234").is_err());
    assert!(in_currency("ABC", "1").is_err());
}

#[test]
fn wrong_types_are_named_by_their_place() {
    for (pointer, value, says) in [
        ("/line_items", json!("none"), "line_items is not a list"),
        ("/line_items/0/quantity", json!(-1), "line_items[0].quantity is not a whole number of units"),
        ("/line_items/0/quantity", json!(1.5), "line_items[0].quantity is not a whole number of units"),
        ("/line_items/0/quantity", json!(4_294_967_296_u64), "line_items[0].quantity is not a whole number of units"),
        ("/line_items/0/quantity", Value::Null, "line_items[0].quantity is missing"),
        ("/line_items/0/id", json!(0.5), "line_items[0].id is not a whole number of at most 64 bits"),
        ("/line_items/0/tax_lines/0/price", json!({}), "line_items[0].tax_lines[0].price is not a decimal amount"),
        ("/line_items/0/price_set", json!([]), "line_items[0].price_set has nothing in GBP"),
        ("/line_items/0/tax_lines/0/rate", json!([]), "line_items[0].tax_lines[0].rate is not a decimal fraction"),
        ("/line_items/0/discount_allocations", json!({}), "line_items[0].discount_allocations is not a list"),
        ("/shipping_address", json!("here"), "shipping_address is not an address"),
        ("/processed_at", json!("yesterday"), "processed_at is not a time with an offset"),
        ("/processed_at", json!("2026-11-19T10:42:05"), "processed_at is not a time with an offset"),
        ("/taxes_included", json!("yes"), "taxes_included is neither true nor false"),
        ("/payment_gateway_names", json!([1]), "payment_gateway_names is not a list of texts"),
        ("/currency", json!(5), "currency is not a text"),
        ("/presentment_currency", json!("£"), "presentment_currency is not an ISO 4217 currency"),
        ("/line_items/0", json!(5), "line_items[0].id is missing"),
    ] {
        let told = complaint(&[(pointer, value)]);
        assert_eq!(told, says, "{pointer}");
    }
    let no_total = complaint(&[("/current_total_price", Value::Null), ("/total_price", Value::Null)]);
    assert_eq!(no_total, "total_price is missing");
    assert!(order(&json!([])).is_err() && order(&Value::Null).is_err() && order(&json!("x")).is_err());
}

#[test]
fn an_amount_that_is_told_twice_differently_is_not_believed() {
    let set = json!({ "presentment_money": { "amount": "9.00", "currency_code": "GBP" } });
    assert_eq!(complaint(&[("/line_items/0/price_set", set)]), "line_items[0].price is told twice, with two amounts");
}

#[test]
fn an_order_that_is_too_large_to_keep_is_unreadable_quickly() {
    let line = ordinary()["line_items"][0].clone();
    let ten_thousand = complaint(&[("/line_items", json!(vec![line.clone(); 10_000]))]);
    assert_eq!(ten_thousand, "line_items has 10000 lines, and an order may have 500");
    let mut taxed = line;
    taxed["tax_lines"] = json!(vec![json!({ "title": "x".repeat(500), "rate": 0.2, "price": "0.01" }); 100]);
    let heavy = complaint(&[("/line_items", json!(vec![taxed; 500]))]);
    assert!(heavy.contains("200000 can be kept"), "{heavy}");
}

#[test]
fn long_and_strange_names_are_cut_to_what_people_can_read() {
    assert_eq!(read(&[("/name", json!("n".repeat(1000)))]).order.name.len(), 64);
    assert_eq!(read(&[("/name", json!("\u{0}\u{7}"))]).order.name, "#820982911946154508");
    assert_eq!(read(&[("/name", Value::Null), ("/order_number", json!(1001))]).order.name, "#1001");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "-?[0-9]{0,25}(\\.[0-9]{0,4})?".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,12}", inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Every pointer into the ordinary order.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let mut go = |name: String, inner: &Value| {
        let at = format!("{at}/{name}");
        found.push(at.clone());
        places(inner, &at, found);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, inner)| go(name.clone(), inner)),
        Value::Array(list) => list.iter().enumerate().for_each(|(index, inner)| go(index.to_string(), inner)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

proptest! {
    #[test]
    fn any_amount_of_any_currency_is_read_exactly(
        amount in 0_i64..=1_000_000_000_000,
        code in prop::sample::select(vec!["JPY", "GBP", "EUR", "KWD"]),
    ) {
        let currency: Currency = code.parse().unwrap();
        let told = currency.decimal(minor(amount)).to_string();
        let mut body = with(&[("/currency", json!(code)), ("/current_total_price", json!(told)), ("/total_price", json!(told))]);
        body["current_total_tax"] = json!("0");
        body["shipping_lines"] = json!([]);
        let line = json!({ "id": 1, "sku": "A", "quantity": 1, "current_quantity": 1, "price": told });
        body["line_items"] = json!([line]);
        let inbound = order(&body).unwrap();
        prop_assert_eq!(inbound.order.total.get(), amount);
        prop_assert_eq!(inbound.order.totals().unwrap().total_minor.get(), amount);
        prop_assert_eq!(codes(&inbound), vec![]);
    }

    /// However an order was discounted and edited: what adds up is taken, and what is taken adds up.
    #[test]
    fn a_placed_order_adds_up_whatever_its_parts(
        prices in prop::collection::vec((1_i64..100_000, 1_u32..50, 0_i64..100, 0_i64..2000), 1..20),
        included in any::<bool>(),
        delivery in 0_i64..5000,
    ) {
        let text = |amount: i64| json!("GBP".parse::<Currency>().unwrap().decimal(minor(amount)).to_string());
        let (mut total, mut taxes, mut lines) = (delivery, 0, Vec::new());
        for (index, (price, quantity, discount, tax)) in prices.iter().enumerate() {
            total += price * i64::from(*quantity) - discount + if included { 0 } else { *tax };
            taxes += tax;
            lines.push(json!({
                "id": index + 1, "sku": "A", "quantity": quantity, "current_quantity": quantity, "price": text(*price),
                "discount_allocations": [{ "amount": text(*discount) }],
                "tax_lines": [{ "title": "VAT", "rate": 0.2, "price": text(*tax) }],
            }));
        }
        let mut body = with(&[("/taxes_included", json!(included)), ("/line_items", json!(lines))]);
        body["shipping_lines"] = json!([{ "price": text(delivery) }]);
        body["current_total_price"] = text(total);
        body["current_total_tax"] = text(taxes);
        let inbound = order(&body).unwrap_or_else(|error| panic!("{error}"));
        prop_assert_eq!(inbound.order.totals().unwrap().total_minor.get(), total);
        prop_assert_eq!(codes(&inbound), vec![]);
    }

    /// One place of an ordinary order holds anything: it is read, or its place is named; it never panics.
    #[test]
    fn anything_anywhere_is_read_or_named(place in any::<prop::sample::Index>(), value in any_json()) {
        let mut all = Vec::new();
        places(&ordinary(), "", &mut all);
        if let Err(error) = order(&with(&[(place.get(&all).as_str(), value)])) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn anything_at_all_never_panics(value in any_json()) {
        let _ = order(&value);
    }
}
