//! The bodies of order webhooks.

use super::*;

#[tokio::test]
async fn the_body_has_the_shape_of_the_vendors() {
    let stage = Stage::new();
    stage.place(json!({
        "lines": [{ "sku": "TEA", "quantity": 3, "price": "9.99" }, { "sku": null, "quantity": 1, "price": "5.00" }],
        "currency": "GBP", "taxes_included": true, "tax_rate": 0.2, "shipping": "4.95",
        "discount": { "code": "TENOFF", "amount": "10.00" }, "email": "buyer@example.com",
        "shipping_address": { "city": "Leeds" },
    }));
    let order = body(&stage.shop.take_deliveries()[0]);
    assert_eq!(order["id"], json!(820_982_911_946_154_500_u64));
    assert_eq!(order["admin_graphql_api_id"], "gid://shopify/Order/820982911946154500");
    assert_eq!(order["name"], "#1001");
    assert_eq!(order["created_at"], "2026-06-21T01:00:00+01:00", "the shop's own offset, in summer");
    assert_eq!(order["total_line_items_price"], "34.97");
    assert_eq!(order["total_discounts"], "10.00");
    assert_eq!(order["subtotal_price"], "24.97");
    assert_eq!(order["total_price"], "29.92");
    assert_eq!(order["total_tax"], "5.00", "3.57 and 0.60 of the lines, 0.83 of the shipping");
    assert_eq!(order["total_price_set"]["presentment_money"]["amount"], "29.92");
    assert_eq!(order["tax_lines"][0]["rate"], json!(0.2));
    assert_eq!(order["line_items"][0]["discount_allocations"][0]["amount"], "8.58");
    assert_eq!(order["line_items"][1]["discount_allocations"][0]["amount"], "1.42");
    assert_eq!(order["line_items"][1]["sku"], Value::Null);
    assert_eq!(order["discount_codes"][0]["code"], "TENOFF");
    assert_eq!(order["shipping_address"]["city"], "Leeds");
    assert_eq!(order["customer"]["email"], "buyer@example.com");
    assert_eq!(order["payment_gateway_names"], json!(["shopify_payments"]));
    assert!(order["line_items"][0]["id"].as_u64().unwrap() > 1 << 53);
}

#[tokio::test]
async fn yen_have_no_decimals_dinars_three_and_a_free_order_no_gateway() {
    let stage = Stage::new();
    let total = |currency: &str, price: &str| {
        let lines = json!([{ "sku": "TEA", "quantity": 2, "price": price }]);
        stage.place(json!({ "lines": lines, "currency": currency, "tax_rate": "0.1" }));
        body(&stage.shop.take_deliveries()[0])
    };
    assert_eq!(total("JPY", "1500")["total_price"], "3300");
    assert_eq!(total("KWD", "1.505")["total_price"], "3.311");
    let free = total("GBP", "0.00");
    assert_eq!(free["total_price"], "0.00");
    assert_eq!(free["payment_gateway_names"], json!([]));
}

#[tokio::test]
async fn the_customers_currency_stands_beside_the_shops() {
    let stage = Stage::new();
    stage.place(json!({
        "lines": [{ "sku": "TEA", "quantity": 1, "price": "10.00" }],
        "presentment_currency": "JPY", "exchange_rate": "190.5",
    }));
    let order = body(&stage.shop.take_deliveries()[0]);
    assert_eq!(order["presentment_currency"], "JPY");
    assert_eq!(order["total_price_set"]["shop_money"], json!({ "amount": "10.00", "currency_code": "GBP" }));
    assert_eq!(order["total_price_set"]["presentment_money"], json!({ "amount": "1905", "currency_code": "JPY" }));
}

#[tokio::test]
async fn a_series_of_orders_is_varied_and_repeatable() {
    let series = json!({ "place_orders": { "count": 40, "template": { "lines": [
        { "sku": "TEA", "quantity": 1, "price": "10.00" }, { "sku": "CUP", "quantity": 1, "price": "7.50" },
    ], "shipping": "4.95" } } });
    let totals = || {
        let stage = Stage::new();
        let placed = stage.shop.act(series.clone()).unwrap();
        let orders = placed["orders"].as_array().unwrap().clone();
        orders.iter().map(|order| order["total"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(totals(), totals());
    assert_eq!(totals().len(), 40);
    assert!(totals().iter().collect::<BTreeSet<_>>().len() > 8);
}
