//! The Shopify sandbox behaves as the vendor's published API does.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::{Body, to_bytes};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crossdock_sandboxes::shopify::{AdminSchema, BucketSize, Shopify, ShopifyConfig};
use crossdock_sandboxes::{Clock, Delivery, Fault, FaultKind};
use hmac::{Hmac, KeyInit, Mac};
use http::{Request, Response, StatusCode};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sha2::Sha256;
use tower::ServiceExt;

const GRAPHQL: &str = "/admin/api/2026-10/graphql.json";

const READ_ORDER: &str = r"
query ReadOrder($id: ID!) {
  order(id: $id) {
    id name displayFulfillmentStatus displayFinancialStatus
    fulfillmentOrders(first: 20) {
      nodes {
        id status requestStatus
        fulfillmentHolds { reason }
        assignedLocation { name location { id name } }
        lineItems(first: 50) { nodes { id totalQuantity remainingQuantity lineItem { id sku } } }
      }
    }
    fulfillments(first: 20) {
      id status
      trackingInfo { company number url }
      fulfillmentLineItems(first: 50) { nodes { quantity lineItem { id sku } } }
    }
  }
}";

const FULFILL: &str = r"
mutation Fulfill($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) {
    fulfillment { id status trackingInfo { company number url } totalQuantity }
    userErrors { field message }
  }
}";

/// A shop and the clock that the test moves.
struct Stage {
    shop: Shopify,
    now_ms: Arc<AtomicI64>,
}

impl Stage {
    fn new() -> Self {
        Self::with(ShopifyConfig::default())
    }

    fn with(config: ShopifyConfig) -> Self {
        let now_ms = Arc::new(AtomicI64::new(1_782_000_000_000));
        let shown = now_ms.clone();
        let clock: Clock = Arc::new(move || {
            jiff::Timestamp::from_millisecond(shown.load(Ordering::Relaxed)).unwrap()
        });
        Self {
            shop: Shopify::new(config, clock),
            now_ms,
        }
    }

    fn wait_ms(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::Relaxed);
    }

    async fn post(
        &self,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> (StatusCode, Response<()>, Value) {
        let mut request = Request::post(path).header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("X-Shopify-Access-Token", token);
        }
        let request = request.body(Body::from(body.to_string())).unwrap();
        let (parts, body) = self
            .shop
            .router()
            .oneshot(request)
            .await
            .unwrap()
            .into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        (parts.status, Response::from_parts(parts, ()), value)
    }

    async fn ask(&self, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables });
        let (status, _, answer) = self.post(GRAPHQL, Some("shpat_sandbox"), &body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    async fn order(&self, id: &str) -> Value {
        let answer = self
            .ask(READ_ORDER, json!({ "id": gid("Order", id) }))
            .await;
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"]["order"].clone()
    }

    /// Places the order and says its id.
    fn place(&self, template: Value) -> String {
        let placed = self.shop.act(json!({ "place_order": template })).unwrap();
        placed["id"].as_str().unwrap().to_owned()
    }

    fn two_teas(&self) -> String {
        self.place(json!({ "lines": [{ "sku": "TEA", "quantity": 2, "price": "10.00" }] }))
    }

    async fn fulfill(&self, fulfillment: Value) -> Value {
        let answer = self
            .ask(FULFILL, json!({ "fulfillment": fulfillment }))
            .await;
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"]["fulfillmentCreate"].clone()
    }
}

fn gid(kind: &str, id: &str) -> String {
    format!("gid://shopify/{kind}/{id}")
}

fn parts(order: &Value) -> Vec<Value> {
    order["fulfillmentOrders"]["nodes"]
        .as_array()
        .unwrap()
        .clone()
}

fn whole(part: &Value) -> Value {
    json!({ "lineItemsByFulfillmentOrder": [{ "fulfillmentOrderId": part["id"] }] })
}

fn some(part: &Value, quantity: i64) -> Value {
    json!({ "lineItemsByFulfillmentOrder": [{
        "fulfillmentOrderId": part["id"],
        "fulfillmentOrderLineItems": [{ "id": part["lineItems"]["nodes"][0]["id"], "quantity": quantity }],
    }] })
}

fn header<'d>(delivery: &'d Delivery, name: &str) -> &'d str {
    let found = delivery.headers.iter().find(|(header, _)| header == name);
    found.map(|(_, value)| value.as_str()).unwrap()
}

fn body(delivery: &Delivery) -> Value {
    serde_json::from_slice(&delivery.body).unwrap()
}

fn signed(secret: &str, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    STANDARD.encode(mac.chain_update(body).finalize().into_bytes())
}

// Authentication and versions

#[tokio::test]
async fn a_wrong_or_missing_token_is_refused_in_the_vendors_words() {
    let stage = Stage::new();
    for token in [None, Some("shpat_other")] {
        let (status, _, answer) = stage
            .post(GRAPHQL, token, &json!({ "query": "{ shop { name } }" }))
            .await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        let said = "[API] Invalid API key or access token (unrecognized login or wrong password)";
        assert_eq!(answer, json!({ "errors": said }));
    }
}

#[tokio::test]
async fn client_credentials_give_a_token_that_lives_a_day() {
    let stage = Stage::new();
    let ask = json!({
        "grant_type": "client_credentials", "client_id": "crossdock-sandbox", "client_secret": "shpss_sandbox",
    });
    let (status, _, granted) = stage.post("/admin/oauth/access_token", None, &ask).await;
    assert_eq!(
        (status, &granted["expires_in"]),
        (StatusCode::OK, &json!(86_399))
    );
    let token = granted["access_token"].as_str().unwrap();
    let read = json!({ "query": "{ shop { name } }" });
    assert_eq!(
        stage.post(GRAPHQL, Some(token), &read).await.0,
        StatusCode::OK
    );
    stage.wait_ms(86_400_000);
    assert_eq!(
        stage.post(GRAPHQL, Some(token), &read).await.0,
        StatusCode::UNAUTHORIZED
    );

    let wrong = json!({ "grant_type": "client_credentials", "client_id": "crossdock-sandbox", "client_secret": "x" });
    assert_eq!(
        stage
            .post("/admin/oauth/access_token", None, &wrong)
            .await
            .0,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn a_retired_version_falls_forward_and_only_the_header_says_so() {
    let stage = Stage::new();
    let read = json!({ "query": "{ shop { name } }" });
    let served = |response: &Response<()>| {
        response
            .headers()
            .get("x-shopify-api-version")
            .map(|value| value.to_str().unwrap().to_owned())
    };
    let (_, current, _) = stage.post(GRAPHQL, Some("shpat_sandbox"), &read).await;
    assert_eq!(served(&current).as_deref(), Some("2026-10"));
    let (status, old, _) = stage
        .post(
            "/admin/api/2025-01/graphql.json",
            Some("shpat_sandbox"),
            &read,
        )
        .await;
    assert_eq!(
        (status, served(&old).as_deref()),
        (StatusCode::OK, Some("2026-01"))
    );
    assert!(old.headers().contains_key("x-shopify-api-version-warning"));
    let (status, ..) = stage
        .post(
            "/admin/api/latest/graphql.json",
            Some("shpat_sandbox"),
            &read,
        )
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

// Webhooks

#[tokio::test]
async fn a_paid_order_is_announced_twice_signed_and_under_one_event() {
    let stage = Stage::new();
    let id = stage.two_teas();
    let deliveries = stage.shop.take_deliveries();
    let topics: Vec<&str> = deliveries
        .iter()
        .map(|it| header(it, "X-Shopify-Topic"))
        .collect();
    assert_eq!(topics, ["orders/create", "orders/paid"]);
    for delivery in &deliveries {
        assert_eq!(
            header(delivery, "X-Shopify-Hmac-SHA256"),
            signed("shpss_sandbox", &delivery.body)
        );
        assert_eq!(
            header(delivery, "X-Shopify-Shop-Domain"),
            "crossdock-uk.myshopify.com"
        );
        assert_eq!(header(delivery, "X-Shopify-API-Version"), "2026-10");
        assert_eq!(
            header(delivery, "X-Shopify-Name"),
            delivery.topic.replace('/', "-")
        );
        assert!(header(delivery, "X-Shopify-Triggered-At").ends_with('Z'));
        assert_eq!(body(delivery)["id"].to_string(), id);
    }
    let ids = |name: &str| {
        deliveries
            .iter()
            .map(|it| header(it, name))
            .collect::<BTreeSet<_>>()
            .len()
    };
    assert_eq!(ids("X-Shopify-Event-Id"), 1);
    assert_eq!(ids("X-Shopify-Webhook-Id"), 2);
}

#[tokio::test]
async fn an_unpaid_order_is_announced_as_paid_when_it_is_paid() {
    let stage = Stage::new();
    let lines = json!([{ "sku": "TEA", "quantity": 1, "price": "10.00" }]);
    let id = stage.place(json!({ "lines": lines, "financial_status": "pending" }));
    let created = stage.shop.take_deliveries();
    assert_eq!(created.len(), 1);
    assert_eq!(body(&created[0])["financial_status"], "pending");
    assert_eq!(body(&created[0])["total_outstanding"], "10.00");
    stage
        .shop
        .act(json!({ "pay_order": { "order": id } }))
        .unwrap();
    let paid = stage.shop.take_deliveries();
    assert_eq!(paid[0].topic, "orders/paid");
    assert_eq!(body(&paid[0])["total_outstanding"], "0.00");
    assert!(
        stage
            .shop
            .act(json!({ "pay_order": { "order": id } }))
            .is_err()
    );
}

#[tokio::test]
async fn a_redelivery_keeps_its_id_and_its_bytes() {
    let stage = Stage::new();
    let id = stage.two_teas();
    let first = stage.shop.take_deliveries();
    stage.wait_ms(5000);
    stage
        .shop
        .act(json!({ "redeliver": { "order": id, "topic": "orders/create" } }))
        .unwrap();
    assert_eq!(stage.shop.take_deliveries(), first[..1]);
    stage
        .shop
        .act(json!({ "redeliver": { "order": "all", "new_webhook_id": true } }))
        .unwrap();
    let again = stage.shop.take_deliveries();
    assert_eq!(again.len(), 2);
    for (old, new) in first.iter().zip(&again) {
        assert_eq!(old.body, new.body);
        assert_ne!(
            header(old, "X-Shopify-Webhook-Id"),
            header(new, "X-Shopify-Webhook-Id")
        );
    }
}

#[tokio::test]
async fn after_a_rotation_either_secret_may_sign() {
    let stage = Stage::new();
    for (sign_with, secret) in [(0, "new"), (1, "shpss_sandbox")] {
        let rotation = json!({ "secrets": ["new", "shpss_sandbox"], "sign_with": sign_with });
        stage.shop.act(json!({ "set_secrets": rotation })).unwrap();
        stage.two_teas();
        let delivery = &stage.shop.take_deliveries()[0];
        assert_eq!(
            header(delivery, "X-Shopify-Hmac-SHA256"),
            signed(secret, &delivery.body)
        );
    }
}

#[tokio::test]
async fn a_cancelled_order_is_announced_and_its_fulfilment_orders_close() {
    let stage = Stage::new();
    let id = stage.two_teas();
    assert_eq!(stage.shop.take_deliveries().len(), 2);
    stage
        .shop
        .act(json!({ "cancel_order": { "order": id, "reason": "fraud", "refund": true } }))
        .unwrap();
    let told = stage.shop.take_deliveries();
    assert_eq!(told[0].topic, "orders/cancelled");
    let cancelled = body(&told[0]);
    assert_eq!(cancelled["cancel_reason"], "fraud");
    assert_eq!(cancelled["financial_status"], "refunded");
    assert_eq!(cancelled["line_items"][0]["fulfillable_quantity"], 0);
    assert_eq!(cancelled["current_total_price"], "0.00");
    let order = stage.order(&id).await;
    assert_eq!(parts(&order)[0]["status"], "CLOSED");
    let twice = stage
        .shop
        .act(json!({ "cancel_order": { "order": id } }))
        .unwrap_err();
    assert_eq!(
        twice,
        "Cannot cancel an order that has already been canceled"
    );
}

#[tokio::test]
async fn only_subscribed_topics_are_sent_and_our_own_fulfilments_can_be_among_them() {
    let topics = [
        "fulfillments/create",
        "orders/partially_fulfilled",
        "orders/fulfilled",
    ];
    let stage = Stage::with(ShopifyConfig {
        topics: topics.map(str::to_owned).to_vec(),
        ..ShopifyConfig::default()
    });
    let id = stage.two_teas();
    assert!(stage.shop.take_deliveries().is_empty());
    let part = parts(&stage.order(&id).await)[0].clone();
    stage.fulfill(some(&part, 1)).await;
    let told = stage.shop.take_deliveries();
    assert_eq!(
        told.iter().map(|it| it.topic.as_str()).collect::<Vec<_>>(),
        topics[..2]
    );
    assert_eq!(body(&told[0])["line_items"][0]["quantity"], 1);
    assert_eq!(body(&told[1])["fulfillment_status"], "partial");
    stage.fulfill(whole(&part)).await;
    let told = stage.shop.take_deliveries();
    assert_eq!(told[1].topic, "orders/fulfilled");
    assert_eq!(
        body(&told[1])["line_items"][0]["fulfillment_status"],
        "fulfilled"
    );
}

// The body

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
    assert_eq!(
        order["admin_graphql_api_id"],
        "gid://shopify/Order/820982911946154500"
    );
    assert_eq!(order["name"], "#1001");
    assert_eq!(
        order["created_at"], "2026-06-21T01:00:00+01:00",
        "the shop's own offset, in summer"
    );
    assert_eq!(order["total_line_items_price"], "34.97");
    assert_eq!(order["total_discounts"], "10.00");
    assert_eq!(order["subtotal_price"], "24.97");
    assert_eq!(order["total_price"], "29.92");
    assert_eq!(
        order["total_tax"], "5.00",
        "3.57 and 0.60 of the lines, 0.83 of the shipping"
    );
    assert_eq!(
        order["total_price_set"]["presentment_money"]["amount"],
        "29.92"
    );
    assert_eq!(order["tax_lines"][0]["rate"], json!(0.2));
    assert_eq!(
        order["line_items"][0]["discount_allocations"][0]["amount"],
        "8.58"
    );
    assert_eq!(
        order["line_items"][1]["discount_allocations"][0]["amount"],
        "1.42"
    );
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
    assert_eq!(
        order["total_price_set"]["shop_money"],
        json!({ "amount": "10.00", "currency_code": "GBP" })
    );
    assert_eq!(
        order["total_price_set"]["presentment_money"],
        json!({ "amount": "1905", "currency_code": "JPY" })
    );
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
        orders
            .iter()
            .map(|order| order["total"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(totals(), totals());
    assert_eq!(totals().len(), 40);
    assert!(totals().iter().collect::<BTreeSet<_>>().len() > 8);
}

// GraphQL

#[tokio::test]
async fn only_what_is_asked_for_is_answered() {
    let stage = Stage::new();
    let id = stage.two_teas();
    let answer = stage.ask(
        "query($id: ID!, $with: Boolean!) { it: order(id: $id) { ...Name test @include(if: $with) } }
         fragment Name on Order { name __typename }",
        json!({ "id": gid("Order", &id), "with": false }),
    );
    let answer = answer.await;
    assert_eq!(
        answer["data"],
        json!({ "it": { "name": "#1001", "__typename": "Order" } })
    );
    let cost = &answer["extensions"]["cost"];
    assert!(
        cost["actualQueryCost"].as_u64().unwrap() <= cost["requestedQueryCost"].as_u64().unwrap()
    );
}

#[tokio::test]
async fn an_order_shows_its_fulfilment_orders_lines_and_location() {
    let stage = Stage::new();
    let id = stage.place(json!({ "lines": [
        { "sku": "TEA", "quantity": 2, "price": "10.00" },
        { "sku": "CUP", "quantity": 1, "price": "7.50", "location": "MAN1" },
    ] }));
    let order = stage.order(&id).await;
    assert_eq!(order["displayFulfillmentStatus"], "UNFULFILLED");
    assert_eq!(order["displayFinancialStatus"], "PAID");
    let parts = parts(&order);
    assert_eq!(parts.len(), 2);
    assert_eq!(parts[0]["assignedLocation"]["location"]["name"], "LON1");
    assert_eq!(parts[1]["assignedLocation"]["name"], "MAN1");
    assert_eq!(parts[0]["lineItems"]["nodes"][0]["lineItem"]["sku"], "TEA");
    assert_eq!(parts[0]["lineItems"]["nodes"][0]["remainingQuantity"], 2);
    assert_eq!(parts[0]["requestStatus"], "UNSUBMITTED");
    assert_eq!(
        stage
            .ask(READ_ORDER, json!({ "id": gid("Order", "1") }))
            .await["data"]["order"],
        Value::Null
    );
}

#[tokio::test]
async fn documents_that_the_schema_does_not_allow_get_a_top_level_error() {
    let stage = Stage::new();
    for (query, code) in [
        ("{ shop { nmae } }", Some("undefinedField")),
        ("{ shop { name }", None),
        ("query($id: ID!) { order(id: $id) }", None),
        ("{ order { id } }", Some("missingRequiredArguments")),
    ] {
        let answer = stage.ask(query, json!({})).await;
        assert!(answer.get("data").is_none(), "{query}: {answer}");
        let error = &answer["errors"][0];
        assert!(error["locations"][0]["line"].is_u64(), "{query}: {answer}");
        assert_eq!(
            error["extensions"]["code"].as_str(),
            code,
            "{query}: {answer}"
        );
    }
    let answer = stage
        .ask(READ_ORDER, json!({ "id": { "not": "an id" } }))
        .await;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"],
        "INVALID_VARIABLE"
    );
    let answer = stage.ask(READ_ORDER, json!({})).await;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"],
        "INVALID_VARIABLE"
    );
    let answer = stage
        .ask(READ_ORDER, json!({ "id": gid("Product", "1") }))
        .await;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"],
        "RESOURCE_NOT_FOUND"
    );
    let (status, _, _) = stage
        .post(GRAPHQL, Some("shpat_sandbox"), &json!({ "nothing": 1 }))
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_connection_wants_a_page_size_and_pages_by_cursor() {
    let stage = Stage::new();
    let first = stage.two_teas();
    stage.wait_ms(60_000);
    let second = stage.two_teas();
    let answer = stage.ask("{ orders { nodes { id } } }", json!({})).await;
    assert_eq!(
        answer["errors"][0]["message"],
        "you must provide one of first or last"
    );
    let page = "query($after: String) { orders(first: 1, after: $after) {
        edges { node { legacyResourceId } } pageInfo { hasNextPage endCursor } } }";
    let one = stage.ask(page, json!({})).await["data"]["orders"].clone();
    assert_eq!(one["edges"][0]["node"]["legacyResourceId"], json!(first));
    assert_eq!(one["pageInfo"]["hasNextPage"], true);
    let two = stage
        .ask(page, json!({ "after": one["pageInfo"]["endCursor"] }))
        .await["data"]["orders"]
        .clone();
    assert_eq!(two["edges"][0]["node"]["legacyResourceId"], json!(second));
    assert_eq!(two["pageInfo"]["hasNextPage"], false);
    let since =
        "{ orders(first: 5, query: \"updated_at:>'2026-06-21T00:00:00Z'\", sortKey: UPDATED_AT) {
        nodes { legacyResourceId } } }";
    let recent = stage.ask(since, json!({})).await["data"]["orders"]["nodes"].clone();
    assert_eq!(recent, json!([{ "legacyResourceId": second }]));
}

#[tokio::test]
async fn an_empty_bucket_throttles_with_http_200_and_refills() {
    let bucket = BucketSize {
        points: 400,
        restored_per_second: 50,
    };
    let stage = Stage::with(ShopifyConfig {
        bucket,
        ..ShopifyConfig::default()
    });
    let id = stage.two_teas();
    let read = json!({ "id": gid("Order", &id) });
    stage
        .shop
        .act(json!({ "drain_bucket": { "points": 3 } }))
        .unwrap();
    let throttled = stage.ask(READ_ORDER, read.clone()).await;
    assert_eq!(throttled["errors"][0]["message"], "Throttled");
    assert_eq!(throttled["errors"][0]["extensions"]["code"], "THROTTLED");
    assert!(throttled.get("data").is_none());
    let cost = &throttled["extensions"]["cost"];
    assert_eq!(cost["actualQueryCost"], Value::Null);
    let status = &cost["throttleStatus"];
    assert_eq!(
        (
            &status["maximumAvailable"],
            &status["currentlyAvailable"],
            &status["restoreRate"]
        ),
        (&json!(400), &json!(3), &json!(50))
    );
    let missing = cost["requestedQueryCost"].as_i64().unwrap() - 3;
    stage.wait_ms(missing * 1000 / 50 + 1);
    assert!(
        stage.ask(READ_ORDER, read).await.get("errors").is_none(),
        "waiting as told is enough"
    );
}

#[tokio::test]
async fn a_query_may_not_be_estimated_above_the_limit() {
    let stage = Stage::new();
    let vast = "{ orders(first: 250) { nodes { fulfillmentOrders(first: 250) { nodes { lineItems(first: 250) {
        nodes { lineItem { id } } } } } } } }";
    let answer = stage.ask(vast, json!({})).await;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"],
        "MAX_COST_EXCEEDED"
    );
}

#[tokio::test]
async fn access_can_be_denied_to_one_root_field() {
    let stage = Stage::new();
    let id = stage.two_teas();
    stage
        .shop
        .act(json!({ "set_access": { "denied": ["order"] } }))
        .unwrap();
    let answer = stage
        .ask(READ_ORDER, json!({ "id": gid("Order", &id) }))
        .await;
    assert_eq!(answer["data"], json!({ "order": null }));
    assert_eq!(answer["errors"][0]["extensions"]["code"], "ACCESS_DENIED");
    assert_eq!(answer["errors"][0]["path"], json!(["order"]));
}

// fulfillmentCreate

#[tokio::test]
async fn a_fulfilment_ships_what_remains_and_carries_its_tracking() {
    let stage = Stage::new();
    let id = stage.two_teas();
    let part = parts(&stage.order(&id).await)[0].clone();
    let mut input = whole(&part);
    input["trackingInfo"] =
        json!({ "company": "Royal Mail", "number": "RM1", "url": "https://example.com/RM1" });
    let outcome = stage.fulfill(input).await;
    assert_eq!(outcome["userErrors"], json!([]));
    assert_eq!(outcome["fulfillment"]["status"], "SUCCESS");
    assert_eq!(outcome["fulfillment"]["totalQuantity"], 2);
    let order = stage.order(&id).await;
    assert_eq!(order["displayFulfillmentStatus"], "FULFILLED");
    assert_eq!(parts(&order)[0]["status"], "CLOSED");
    assert_eq!(
        order["fulfillments"][0]["trackingInfo"],
        json!([{ "company": "Royal Mail", "number": "RM1", "url": "https://example.com/RM1" }])
    );
    let documents = stage.shop.documents();
    let fulfillment = &documents["orders"][0]["fulfillments"][0];
    assert_eq!(fulfillment["tracking_numbers"], json!(["RM1"]));
    assert_eq!(
        fulfillment["lines"],
        json!([{ "sku": "TEA", "quantity": 2 }])
    );
}

#[tokio::test]
async fn a_repeat_ships_the_rest_and_fails_only_when_nothing_is_left() {
    let stage = Stage::new();
    let id = stage.two_teas();
    let part = parts(&stage.order(&id).await)[0].clone();
    let one = some(&part, 1);
    assert_eq!(stage.fulfill(one.clone()).await["userErrors"], json!([]));
    let order = stage.order(&id).await;
    assert_eq!(order["displayFulfillmentStatus"], "PARTIALLY_FULFILLED");
    assert_eq!(parts(&order)[0]["status"], "IN_PROGRESS");
    assert_eq!(
        parts(&order)[0]["lineItems"]["nodes"][0]["remainingQuantity"],
        1
    );
    assert_eq!(
        stage.fulfill(one.clone()).await["userErrors"],
        json!([]),
        "it is not idempotent"
    );
    assert_eq!(
        stage.order(&id).await["fulfillments"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let number = part["id"].as_str().unwrap().rsplit('/').next().unwrap();
    let refused = stage.fulfill(one).await;
    assert_eq!(refused["fulfillment"], Value::Null);
    assert_eq!(
        refused["userErrors"],
        json!([{
            "field": ["fulfillment"],
            "message": format!("Fulfillment order {number} has an unfulfillable status= closed."),
        }])
    );
}

#[tokio::test]
async fn a_held_fulfilment_order_cannot_be_shipped_until_it_is_released() {
    let stage = Stage::new();
    let id = stage.two_teas();
    stage
        .shop
        .act(json!({ "hold_fulfillment_order": { "order": id, "reason": "HIGH_RISK_OF_FRAUD" } }))
        .unwrap();
    let order = stage.order(&id).await;
    let part = parts(&order)[0].clone();
    assert_eq!(part["status"], "ON_HOLD");
    assert_eq!(
        part["fulfillmentHolds"],
        json!([{ "reason": "HIGH_RISK_OF_FRAUD" }])
    );
    assert_eq!(order["displayFulfillmentStatus"], "ON_HOLD");
    let refused = stage.fulfill(whole(&part)).await;
    let said = refused["userErrors"][0]["message"].as_str().unwrap();
    assert!(
        said.ends_with("has an unfulfillable status= on_hold."),
        "{said}"
    );
    stage
        .shop
        .act(json!({ "release_hold": { "order": id } }))
        .unwrap();
    assert_eq!(stage.fulfill(whole(&part)).await["userErrors"], json!([]));
}

#[tokio::test]
async fn each_precondition_is_checked_in_the_vendors_order_and_words() {
    let stage = Stage::new();
    let part_of = async |id: &str| parts(&stage.order(id).await);
    let both = stage.place(json!({ "lines": [
        { "sku": "TEA", "quantity": 1, "price": 1000 },
        { "sku": "CUP", "quantity": 1, "price": 1000, "location": "MAN1" },
    ] }));
    let other = stage.two_teas();
    let (here, elsewhere) = (part_of(&both).await, part_of(&other).await);
    let unknown = json!({ "fulfillmentOrderId": gid("FulfillmentOrder", "999999999") });
    let groups = |groups: Value| json!({ "lineItemsByFulfillmentOrder": groups });
    let group = |part: &Value| json!({ "fulfillmentOrderId": part["id"] });
    let with_line = |part: &Value, line: &str, quantity: i64| json!({ "fulfillmentOrderId": part["id"], "fulfillmentOrderLineItems": [{ "id": line, "quantity": quantity }] });
    let line = here[0]["lineItems"]["nodes"][0]["id"].as_str().unwrap();
    let no_line = gid("FulfillmentOrderLineItem", "1");
    for (input, message) in [
        (groups(json!([group(&here[0]), unknown])), "Fulfillment order does not exist.".to_owned()),
        (
            groups(json!([group(&here[0]), group(&elsewhere[0])])),
            format!("All fulfillment orders must belong to the same order. Multiple orders with ids [{both}, {other}] were found."),
        ),
        (
            groups(json!([group(&here[0]), group(&here[1])])),
            "All fulfillment orders must be assigned to a single location. Multiple locations with ids [113884102962, 114038047026] were found.".to_owned(),
        ),
        (groups(json!([with_line(&here[0], &no_line, 1)])), "Fulfillment order line item does not exist.".to_owned()),
        (groups(json!([with_line(&here[0], line, 2)])), "Invalid fulfillment order line item quantity requested.".to_owned()),
        (
            groups(json!([with_line(&here[0], line, 1), with_line(&here[0], line, 1)])),
            "Invalid fulfillment order line item quantity requested.".to_owned(),
        ),
    ] {
        let refused = stage.fulfill(input).await;
        assert_eq!(refused["userErrors"], json!([{ "field": ["fulfillment"], "message": message }]));
        assert_eq!(refused["fulfillment"], Value::Null);
    }
    let zero = stage
        .fulfill(groups(json!([unknown, with_line(&here[0], line, 0)])))
        .await;
    let field = [
        "fulfillment",
        "lineItemsByFulfillmentOrder",
        "1",
        "fulfillmentOrderLineItems",
        "0",
        "quantity",
    ];
    assert_eq!(
        zero["userErrors"],
        json!([{ "field": field, "message": "Quantity must be greater than 0" }]),
        "quantities are looked at first"
    );
    assert!(
        stage.order(&both).await["fulfillments"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

// Faults

#[tokio::test]
async fn a_timeout_after_commit_leaves_the_fulfilment_behind() {
    let stage = Stage::new();
    let id = stage.two_teas();
    let part = parts(&stage.order(&id).await)[0].clone();
    let fault = Fault::new("POST /admin/api/", FaultKind::TimeoutAfterCommit, 1);
    stage
        .shop
        .add_fault(fault.only_when_body_contains("fulfillmentCreate"));
    let body = json!({ "query": FULFILL, "variables": { "fulfillment": whole(&part) } });
    let (status, ..) = stage.post(GRAPHQL, Some("shpat_sandbox"), &body).await;
    assert_eq!(status.as_u16(), 599);
    assert_eq!(
        stage.order(&id).await["displayFulfillmentStatus"],
        "FULFILLED"
    );
}

#[tokio::test]
async fn each_status_fault_has_the_vendors_body() {
    let stage = Stage::new();
    for (status, said) in [
        (402, "Unavailable Shop"),
        (430, "Shopify Security Rejection"),
        (500, "Internal Server Error"),
    ] {
        stage.shop.add_fault(Fault::new(
            "POST /admin/api/",
            FaultKind::Status(status, None),
            1,
        ));
        let (given, _, answer) = stage
            .post(
                GRAPHQL,
                Some("shpat_sandbox"),
                &json!({ "query": "{ shop { id } }" }),
            )
            .await;
        assert_eq!((given.as_u16(), &answer["errors"]), (status, &json!(said)));
    }
    stage.shop.add_fault(Fault::new(
        "POST /admin/api/",
        FaultKind::Status(429, None),
        1,
    ));
    let (_, response, _) = stage
        .post(
            GRAPHQL,
            Some("shpat_sandbox"),
            &json!({ "query": "{ shop { id } }" }),
        )
        .await;
    assert_eq!(response.headers()["retry-after"], "2.0");
}

#[tokio::test]
async fn a_top_level_error_can_come_before_or_after_the_deed() {
    let stage = Stage::new();
    let id = stage.two_teas();
    let part = parts(&stage.order(&id).await)[0].clone();
    for (after_commit, status) in [(false, "UNFULFILLED"), (true, "FULFILLED")] {
        let plan = json!({ "code": "INTERNAL_SERVER_ERROR", "after_commit": after_commit });
        stage.shop.act(json!({ "fail_next": plan })).unwrap();
        let answer = stage
            .ask(FULFILL, json!({ "fulfillment": whole(&part) }))
            .await;
        assert_eq!(
            answer["errors"][0]["extensions"]["code"],
            "INTERNAL_SERVER_ERROR"
        );
        assert_eq!(stage.order(&id).await["displayFulfillmentStatus"], status);
    }
}

#[tokio::test]
async fn a_reset_shop_never_gives_an_id_twice() {
    let stage = Stage::new();
    let first = stage.two_teas();
    let webhook = header(&stage.shop.take_deliveries()[0], "X-Shopify-Webhook-Id").to_owned();
    let request = Request::post("/_sandbox/reset")
        .body(Body::empty())
        .unwrap();
    let answer = stage.shop.router().oneshot(request).await.unwrap();
    assert!(answer.status().is_success());
    assert_eq!(stage.shop.documents(), json!({ "orders": [] }));
    assert_ne!(stage.two_teas(), first);
    assert_ne!(
        header(&stage.shop.take_deliveries()[0], "X-Shopify-Webhook-Id"),
        webhook
    );
}

#[test]
fn an_act_that_nobody_can_do_says_what_can_be_done() {
    let stage = Stage::new();
    let refused = stage.shop.act(json!({ "place_ordr": {} })).unwrap_err();
    assert!(refused.contains("place_order"), "{refused}");
    let named = json!({ "action": "place_order", "lines": [{ "sku": "TEA", "quantity": 1, "price": 100 }] });
    assert!(stage.shop.act(named).is_ok());
    let elsewhere = json!({ "place_order": { "lines": [{ "sku": "TEA", "quantity": 1, "price": 100 }], "location": "NOWHERE" } });
    assert!(stage.shop.act(elsewhere).unwrap_err().contains("NOWHERE"));
}

// Money

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

fn check_sums(order: &Value, exponent: u32) {
    let at = |name: &str| minor(&order[name], exponent);
    let lines = list(order, "line_items");
    let gross: i64 = lines
        .iter()
        .map(|line| minor(&line["price"], exponent) * line["quantity"].as_i64().unwrap())
        .sum();
    let allocations = |from: &'_ [Value]| -> i64 {
        from.iter()
            .map(|it| {
                sum(
                    list(it, "discount_allocations")
                        .iter()
                        .map(|a| &a["amount"]),
                    exponent,
                )
            })
            .sum()
    };
    let taxes = |from: &'_ [Value]| -> i64 {
        from.iter()
            .map(|it| {
                sum(
                    list(it, "tax_lines").iter().map(|tax| &tax["price"]),
                    exponent,
                )
            })
            .sum()
    };
    let shipping = list(order, "shipping_lines");
    let freight = sum(shipping.iter().map(|line| &line["price"]), exponent);
    let discounts = allocations(lines) + allocations(shipping);
    let tax = taxes(lines) + taxes(shipping);
    let added = if order["taxes_included"] == json!(true) {
        0
    } else {
        tax
    };
    assert_eq!(at("total_price"), gross - discounts + freight + added);
    assert_eq!(at("total_line_items_price"), gross);
    assert_eq!(at("subtotal_price"), gross - allocations(lines));
    assert_eq!(at("total_discounts"), discounts);
    assert_eq!(at("total_tax"), tax);
    assert_eq!(
        taxes(std::slice::from_ref(order)),
        tax,
        "the order's own tax lines"
    );
    for name in [
        "total_price",
        "subtotal_price",
        "total_tax",
        "total_discounts",
        "total_line_items_price",
    ] {
        assert_eq!(
            order[name],
            order[format!("{name}_set")]["shop_money"]["amount"]
        );
        let current = format!("current_{name}");
        assert!(
            order
                .get(&current)
                .is_none_or(|value| *value == order[name]),
            "{current}"
        );
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

// The vendor's own material, where it is at hand

/// The published SDL, where the environment says where it is.
fn published() -> Option<Arc<AdminSchema>> {
    let path = std::env::var("CROSSDOCK_SHOPIFY_SCHEMA").ok()?;
    Some(AdminSchema::load(Path::new(&path)).unwrap())
}

#[tokio::test]
async fn what_is_simulated_is_a_subset_of_the_published_schema() {
    let Some(published) = published() else { return };
    for query in [READ_ORDER, FULFILL] {
        assert_eq!(published.problems(query), Vec::<Value>::new());
    }
    assert!(
        !published
            .problems("{ order(id: 1) { nonsense } }")
            .is_empty()
    );
    let simulated = AdminSchema::load(Path::new("src/shopify/admin.graphql")).unwrap();
    for (name, simulated) in &simulated.schema().types {
        if simulated.is_built_in() {
            continue;
        }
        let theirs = published
            .schema()
            .types
            .get(name)
            .unwrap_or_else(|| panic!("{name} is not published"));
        compare(name, simulated, theirs);
    }
}

use apollo_compiler::schema::ExtendedType;

fn compare(name: &str, simulated: &ExtendedType, theirs: &ExtendedType) {
    match (simulated, theirs) {
        (ExtendedType::Object(ours), ExtendedType::Object(theirs)) => {
            for (field, ours) in &ours.fields {
                let theirs = theirs
                    .fields
                    .get(field)
                    .unwrap_or_else(|| panic!("{name}.{field} is not published"));
                assert_eq!(ours.ty, theirs.ty, "{name}.{field}");
                for argument in &ours.arguments {
                    let published = theirs.argument_by_name(&argument.name);
                    assert_eq!(
                        Some(&argument.ty),
                        published.map(|it| &it.ty),
                        "{name}.{field}({})",
                        argument.name
                    );
                }
            }
        }
        (ExtendedType::InputObject(ours), ExtendedType::InputObject(theirs)) => {
            for (field, ours) in &ours.fields {
                assert_eq!(
                    Some(&ours.ty),
                    theirs.fields.get(field).map(|it| &it.ty),
                    "{name}.{field}"
                );
            }
            let required = theirs.fields.values().filter(|field| field.is_required());
            for field in required {
                assert!(
                    ours.fields.contains_key(&field.name),
                    "{name}.{} is required there",
                    field.name
                );
            }
        }
        (ExtendedType::Enum(ours), ExtendedType::Enum(theirs)) => {
            for value in ours.values.keys() {
                assert!(
                    theirs.values.contains_key(value),
                    "{name}.{value} is not published"
                );
            }
        }
        (ExtendedType::Interface(_), ExtendedType::Interface(_))
        | (ExtendedType::Scalar(_), ExtendedType::Scalar(_)) => {}
        _ => panic!("{name} is another kind of type there"),
    }
}

#[tokio::test]
async fn documents_are_held_against_the_published_schema_too() {
    let Some(schema) = published() else { return };
    let stage = Stage::with(ShopifyConfig {
        schema: Some(schema),
        ..ShopifyConfig::default()
    });
    let id = stage.two_teas();
    assert_eq!(stage.order(&id).await["name"], "#1001");
    let unsimulated = stage.ask("{ shop { email } }", json!({})).await;
    assert_eq!(
        unsimulated["errors"][0]["extensions"]["code"], "undefinedField",
        "valid there, not simulated here"
    );
    let retired = "mutation($f: FulfillmentV2Input!) { fulfillmentCreateV2(fulfillment: $f) { userErrors { message } } }";
    assert!(
        !stage.ask(retired, json!({})).await["errors"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

/// Every key of a real order is in ours: a reader that needs one finds it.
#[tokio::test]
async fn the_body_has_every_key_of_a_published_sample() {
    let Ok(corpus) = std::env::var("CROSSDOCK_CORPUS") else {
        return;
    };
    let sample = Path::new(&corpus).join("webhook-shaped-2026-07/orders__order_08_get.json");
    let Ok(sample) = std::fs::read(sample) else {
        return;
    };
    let sample: Value = serde_json::from_slice(&sample).unwrap();
    let stage = Stage::new();
    stage.place(json!({
        "lines": [{ "sku": "A", "quantity": 1, "price": 1000 }], "tax_rate": "0.2", "email": "a@example.com",
        "discount": { "code": "OFF", "amount": 100 }, "shipping": 100,
    }));
    let order = body(&stage.shop.take_deliveries()[0]);
    let missing = |theirs: &Value, ours: &Value| -> Vec<String> {
        let keys = theirs.as_object().unwrap().keys();
        keys.filter(|key| ours.get(key.as_str()).is_none())
            .cloned()
            .collect()
    };
    assert_eq!(missing(&sample, &order), Vec::<String>::new());
    assert_eq!(
        missing(&sample["line_items"][0], &order["line_items"][0]),
        Vec::<String>::new()
    );
    assert_eq!(
        missing(&sample["shipping_lines"][0], &order["shipping_lines"][0]),
        Vec::<String>::new()
    );
    assert_eq!(
        missing(&sample["shipping_address"], &order["shipping_address"]),
        Vec::<String>::new()
    );
}
