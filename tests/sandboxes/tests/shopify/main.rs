//! The Shopify sandbox behaves as the vendor's published API does.

#![expect(clippy::unwrap_used, reason = "clippy knows test functions, not what they call")]

mod access;
mod body_of_orders;
mod faults;
mod fulfillment;
mod graphql;
mod money;
mod published;
mod reversing;
mod stock;
mod webhooks;

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
        let clock: Clock = Arc::new(move || jiff::Timestamp::from_millisecond(shown.load(Ordering::Relaxed)).unwrap());
        Self { shop: Shopify::new(config, clock), now_ms }
    }

    fn wait_ms(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::Relaxed);
    }

    async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> (StatusCode, Response<()>, Value) {
        let mut request = Request::post(path).header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("X-Shopify-Access-Token", token);
        }
        let request = request.body(Body::from(body.to_string())).unwrap();
        let (parts, body) = self.shop.router().oneshot(request).await.unwrap().into_parts();
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
        let answer = self.ask(READ_ORDER, json!({ "id": gid("Order", id) })).await;
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
        let answer = self.ask(FULFILL, json!({ "fulfillment": fulfillment })).await;
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"]["fulfillmentCreate"].clone()
    }
}

fn gid(kind: &str, id: &str) -> String {
    format!("gid://shopify/{kind}/{id}")
}

fn parts(order: &Value) -> Vec<Value> {
    order["fulfillmentOrders"]["nodes"].as_array().unwrap().clone()
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
