//! A NetSuite account in-process, and the documents of an ordinary order.
#![allow(dead_code, missing_docs, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "a test stops where something is not as it must be")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use crossdock_sandboxes::{Clock, NetSuite, NetSuiteConfig};
use http::{HeaderMap, Request};
use jiff::Timestamp;
use serde_json::{Value, json};
use tower::ServiceExt;

pub const RECORDS: &str = "/services/rest/record/v1";

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Answer {
    /// The internal id that `Location` ends in.
    pub fn id(&self) -> String {
        assert_eq!(self.status, 204, "{}", self.text);
        let location = self.headers["location"].to_str().unwrap();
        location.rsplit('/').next().unwrap().to_owned()
    }

    /// Code, detail and path of the refusal.
    pub fn refusal(&self) -> (u16, String, String, String) {
        let detail = &self.body["o:errorDetails"][0];
        let text = |name: &str| detail[name].as_str().unwrap_or_default().to_owned();
        (self.status, text("o:errorCode"), text("detail"), text("o:errorPath"))
    }

    /// Asserts a refusal whose detail contains `words`.
    #[track_caller]
    pub fn assert_refused(&self, code: &str, words: &str) {
        let (status, found, detail, _) = self.refusal();
        assert_eq!((status, found.as_str()), (400, code), "{}", self.text);
        assert!(detail.contains(words), "{detail:?} does not say {words:?}");
    }
}

/// A clock that stands still until it is moved.
#[derive(Clone)]
pub struct Watch(Arc<AtomicI64>);

impl Watch {
    pub fn at(text: &str) -> Self {
        Self(Arc::new(AtomicI64::new(text.parse::<Timestamp>().unwrap().as_second())))
    }

    pub fn clock(&self) -> Clock {
        let seconds = self.0.clone();
        Arc::new(move || Timestamp::from_second(seconds.load(Ordering::SeqCst)).unwrap())
    }

    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    pub fn second(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Calls a router without a socket.
pub async fn call(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        text: String::from_utf8_lossy(&bytes).into_owned(),
        body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    }
}

/// An account and a caller who is signed in.
pub struct Erp {
    pub netsuite: NetSuite,
    pub router: Router,
    pub watch: Watch,
    pub token: String,
}

impl Erp {
    pub fn new() -> Self {
        Self::with(NetSuiteConfig::default())
    }

    pub fn with(config: NetSuiteConfig) -> Self {
        let watch = Watch::at("2026-11-20T10:00:00Z");
        let netsuite = NetSuite::new(config, watch.clock());
        let router = netsuite.router();
        let token = netsuite.issue_token();
        Self { netsuite, router, watch, token }
    }

    /// A call to a record's path, with strict property names.
    pub async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("{RECORDS}{path}"))
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json")
            .header("x-netsuite-propertynamevalidation", "Error")
            .body(if body.is_null() { Body::empty() } else { Body::from(body.to_string()) })
            .unwrap();
        call(&self.router, request).await
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self.call("GET", &format!("{path}?expandSubResources=true"), &Value::Null).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.call("PUT", path, body).await
    }

    /// The customer that stands for guests in a currency (internal id).
    pub async fn customer(&self, currency: &str) -> String {
        let body = json!({
            "companyName": "Guests of the web shop",
            "subsidiary": { "id": "1" },
            "currency": { "id": currency },
        });
        self.put(&format!("/customer/eid:GUEST-{currency}"), &body).await.id()
    }

    /// Two tees and a mug, shipping, 20 % tax as the shop charged it: 70.00 + 5.00 + 15.00 = 90.00 GBP.
    pub async fn order(&self, reference: &str) -> String {
        let customer = self.customer("1").await;
        self.put(&format!("/salesOrder/eid:{reference}?replace=item"), &order_body(&customer)).await.id()
    }

    /// Ships lines of an order, all of each if no quantity is given.
    pub async fn ship(&self, order: &str, reference: &str, lines: &Value) -> Answer {
        let path = format!("/salesOrder/{order}/!transform/itemFulfillment?replace=item");
        let body = json!({ "externalId": reference, "shipStatus": { "id": "C" }, "item": { "items": lines } });
        self.call("POST", &path, &body).await
    }

    pub async fn bill(&self, order: &str, body: &Value) -> Answer {
        self.call("POST", &format!("/salesOrder/{order}/!transform/invoice?replace=item"), body).await
    }

    pub async fn pay(&self, order: &str, reference: &str, amount: &Value) -> Answer {
        let customer = self.customer("1").await;
        let body = json!({
            "customer": { "id": customer }, "currency": { "id": "1" }, "salesOrder": { "id": order },
            "payment": amount, "account": { "id": "120" }, "undepFunds": { "id": "F" },
        });
        self.put(&format!("/customerDeposit/eid:{reference}"), &body).await
    }

    pub async fn apply(&self, deposit: &str, invoice: &str, apply: (&str, &Value)) -> Answer {
        let (reference, amount) = apply;
        let body = json!({
            "externalId": reference,
            "apply": { "items": [{ "doc": { "id": invoice }, "apply": true, "amount": amount }] },
        });
        self.call("POST", &format!("/customerDeposit/{deposit}/!transform/depositApplication"), &body).await
    }

    /// Documents of a record type.
    pub fn documents(&self, record: &str) -> Vec<Value> {
        let all = self.netsuite.documents();
        let documents = all["documents"].as_array().unwrap();
        documents.iter().filter(|document| document["record"] == record).cloned().collect()
    }

    pub fn balance(&self, currency: &str, account: &str) -> i64 {
        self.netsuite.ledger()["currencies"][currency]["accounts"][account].as_i64().unwrap_or(0)
    }
}

/// The sales order of [`Erp::order`].
pub fn order_body(customer: &str) -> Value {
    json!({
        "entity": { "id": customer }, "subsidiary": { "id": "1" }, "currency": { "id": "1" },
        "tranDate": "2026-11-20", "otherRefNum": "#1001", "orderStatus": { "id": "B" },
        "location": { "id": "11" }, "shippingCost": 5.00,
        "item": { "items": [
            { "line": 1, "item": { "id": "501" }, "quantity": 2, "rate": 25.0, "amount": 50.0,
              "taxDetailsReference": "LINE-1", "custcol_crossdock_line": "866550311766439020" },
            { "line": 2, "item": { "id": "502" }, "quantity": 1, "amount": 20.0, "taxDetailsReference": "LINE-2" },
        ] },
        "taxDetailsOverride": true,
        "taxDetails": { "items": [
            tax("LINE-1", 50.0, 10.0), tax("LINE-2", 20.0, 4.0), tax("SHIPPING", 5.0, 1.0),
        ] },
    })
}

/// One tax detail at 20 %.
pub fn tax(reference: &str, basis: f64, amount: f64) -> Value {
    json!({
        "taxDetailsReference": reference, "taxType": { "id": "70" }, "taxCode": { "id": "701" },
        "taxBasis": basis, "taxRate": 20.0, "taxAmount": amount,
    })
}
