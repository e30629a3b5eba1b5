//! The sums of generated orders.

use super::*;

/// The minor units of an amount as the body writes it.
fn minor(value: &Value, exponent: u32) -> i64 {
    let amount: Decimal = value.as_str().unwrap().parse().unwrap();
    assert_eq!(amount.scale(), exponent, "{value}");
    i64::try_from(amount.mantissa()).unwrap()
}

fn sum<'v>(values: impl IntoIterator<Item = &'v Value>, exponent: u32) -> i64 {
    values.into_iter().map(|value| minor(value, exponent)).sum()
}

fn list<'v>(value: &'v Value, name: &str) -> &'v Vec<Value> {
    value[name].as_array().unwrap()
}

/// The sum of `amount` over the lists called `name` of these parts of an order.
fn over(parts: &[Value], (name, amount): (&str, &str), exponent: u32) -> i64 {
    let amounts = parts.iter().flat_map(|part| list(part, name));
    sum(amounts.map(|one| &one[amount]), exponent)
}

fn check_sums(order: &Value, exponent: u32) {
    const ALLOCATED: (&str, &str) = ("discount_allocations", "amount");
    const TAXED: (&str, &str) = ("tax_lines", "price");
    let at = |name: &str| minor(&order[name], exponent);
    let (lines, shipping) = (list(order, "line_items"), list(order, "shipping_lines"));
    let price = |line: &Value| minor(&line["price"], exponent);
    let gross: i64 = lines.iter().map(|line| price(line) * line["quantity"].as_i64().unwrap()).sum();
    let freight: i64 = shipping.iter().map(price).sum();
    let off_lines = over(lines, ALLOCATED, exponent);
    let discounts = off_lines + over(shipping, ALLOCATED, exponent);
    let tax = over(lines, TAXED, exponent) + over(shipping, TAXED, exponent);
    let is_included = order["taxes_included"] == json!(true);
    let added = if is_included { 0 } else { tax };
    assert_eq!(at("total_price"), gross - discounts + freight + added);
    assert_eq!(at("total_line_items_price"), gross);
    assert_eq!(at("subtotal_price"), gross - off_lines);
    assert_eq!(at("total_discounts"), discounts);
    assert_eq!(at("total_tax"), tax);
    let summed = over(std::slice::from_ref(order), TAXED, exponent);
    assert_eq!(summed, tax, "the order's own tax lines");
    check_sets(order);
}

/// Every amount is said twice or three times, and each time the same.
fn check_sets(order: &Value) {
    for name in ["total_price", "subtotal_price", "total_tax", "total_discounts"] {
        assert_eq!(order[name], order[format!("{name}_set")]["shop_money"]["amount"]);
        assert_eq!(order[name], order[format!("current_{name}")]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_sums_of_every_order_are_exact(
        lines in prop::collection::vec((1_i64..5, 0_i64..200_000, 0_i64..5_000), 1..6),
        currency in prop::sample::select(vec![("GBP", 2), ("JPY", 0), ("KWD", 3), ("EUR", 2)]),
        taxes_included: bool,
        tax_per_mille in 0_u32..300,
        shipping in 0_i64..3_000,
        shipping_discount in 0_i64..4_000,
        discount in prop_oneof![
            (0_i64..400_000).prop_map(|amount| json!({ "code": "OFF", "amount": amount })),
            (0_u8..=100).prop_map(|percentage| json!({ "percentage": percentage })),
        ],
    ) {
        let lines: Vec<Value> = lines
            .iter()
            .map(|(quantity, price, off)| json!({ "sku": "A", "quantity": quantity, "price": price, "discount": off }))
            .collect();
        let stage = Stage::new();
        stage.place(json!({
            "lines": lines, "currency": currency.0, "taxes_included": taxes_included,
            "tax_rate": format!("0.{tax_per_mille:03}"), "shipping": shipping,
            "shipping_discount": shipping_discount, "discount": discount,
        }));
        let delivery = &stage.shop.take_deliveries()[0];
        let order = body(delivery);
        check_sums(&order, currency.1);
        let document = &stage.shop.documents()["orders"][0];
        prop_assert_eq!(document["total"].as_i64().unwrap(), minor(&order["total_price"], currency.1));
    }
}
