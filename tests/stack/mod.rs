//! The deployed stack, as `.local/stack.json` describes it (`CROSSDOCK_STACK` names the file).

#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod books;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// How long one order may take on a machine that is busy.
pub const SOON: Duration = Duration::from_secs(60);

/// The stack.
pub struct Stack {
    /// Its description.
    pub described: Value,
    http: reqwest::Client,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

impl Stack {
    /// Reads the description of the running stack.
    pub fn open() -> Self {
        let path = std::env::var("CROSSDOCK_STACK")
            .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../.local/stack.json").to_owned());
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|_| panic!("{path} is not there: run `cargo local up` first"));
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(Duration::from_secs(60)).build().unwrap();
        Self { described: serde_json::from_str(&text).unwrap(), http }
    }

    /// A text of the description, by pointer.
    pub fn text(&self, pointer: &str) -> String {
        let found = self.described.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_else(|| panic!("stack.json has no {pointer}")).to_owned()
    }

    /// Headers of an authorized caller.
    pub fn headers(&self) -> Vec<(String, String)> {
        let headers = self.described["headers"].as_object().unwrap();
        headers.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
    }

    /// Calls any address.
    pub async fn send(&self, what: (Method, &str), headers: &[(String, String)], body: Option<Vec<u8>>) -> Answer {
        let (method, url) = what;
        let mut request = self.http.request(method, url);
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::try_from(name.as_str()).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        if body.is_some() && !map.contains_key("content-type") {
            map.insert("content-type", HeaderValue::from_static("application/json"));
        }
        request = request.headers(map);
        if let Some(body) = body {
            request = request.body(body);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        Answer { status, headers, body: answer.text().await.unwrap() }
    }

    /// Calls the API as the authorized caller.
    pub async fn api(&self, what: (Method, &str), more: &[(&str, &str)], body: Option<&Value>) -> Answer {
        let (method, path) = what;
        let mut headers = self.headers();
        headers.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let url = format!("{}{path}", self.text("/api"));
        self.send((method, &url), &headers, body.map(|body| body.to_string().into_bytes())).await
    }

    /// Changes the settings of a connection. Functions that have read them know the old ones for some seconds more.
    pub async fn configure(&self, connection: &str, change: impl Fn(&mut Value)) {
        let table = self.text("/tables/connections");
        let key = json!({ "connection": { "S": connection } });
        let row = self.dynamodb("GetItem", &json!({ "TableName": table, "Key": key })).await;
        let mut settings: Value = serde_json::from_str(row["Item"]["settings"]["S"].as_str().unwrap()).unwrap();
        change(&mut settings);
        let update = json!({
            "TableName": table, "Key": key, "UpdateExpression": "SET settings = :settings",
            "ExpressionAttributeValues": { ":settings": { "S": settings.to_string() } },
        });
        self.dynamodb("UpdateItem", &update).await;
    }

    /// One request to the local DynamoDB.
    pub async fn dynamodb(&self, operation: &str, input: &Value) -> Value {
        self.aws(("dynamodb", &format!("DynamoDB_20120810.{operation}")), input).await
    }

    /// One request to a service of the local AWS that takes JSON.
    pub async fn aws(&self, what: (&str, &str), input: &Value) -> Value {
        let answer = self.ask_aws(what, input).await;
        assert!(answer.status.is_success(), "{}: {}", what.1, answer.body);
        answer.json()
    }

    /// The same, which may be refused.
    pub async fn try_aws(&self, what: (&str, &str), input: &Value) -> Option<Value> {
        let answer = self.ask_aws(what, input).await;
        answer.status.is_success().then(|| answer.json())
    }

    async fn ask_aws(&self, (service, target): (&str, &str), input: &Value) -> Answer {
        let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", target)];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let headers: Vec<_> = headers.into_iter().chain([self.unsigned(service)]).collect();
        let url = self.text("/aws/endpoint");
        self.send((Method::POST, &url), &headers, Some(input.to_string().into_bytes())).await
    }

    /// One request to the local Lambda, below a function's address.
    pub async fn lambda(&self, (method, function, what): (Method, &str, &str), body: Option<&Value>) -> Value {
        let name = self.text(&format!("/functions/{function}"));
        let url = format!("{}/2015-03-31/functions/{name}/{what}", self.text("/aws/endpoint"));
        let body = body.map(|body| body.to_string().into_bytes());
        let answer = self.send((method, &url), &[self.unsigned("lambda")], body).await;
        assert!(answer.status.is_success(), "{function} {what}: {}", answer.body);
        answer.json()
    }

    /// The local AWS checks no signature, and reads the region from it.
    fn unsigned(&self, service: &str) -> (String, String) {
        let scope = format!("test/20260101/{}/{service}/aws4_request", self.text("/aws/region"));
        let signed = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none");
        ("authorization".to_owned(), signed)
    }

    /// Reads one order.
    pub async fn order(&self, order_id: &str) -> Value {
        self.api((Method::GET, &format!("/orders/{order_id}")), &[], None).await.json()
    }

    /// Asks a sandbox.
    pub async fn sandbox(&self, name: &str, path: &str) -> Value {
        let url = format!("{}{path}", self.text(&format!("/sandboxes/{name}")));
        self.send((Method::GET, &url), &[], None).await.json()
    }

    /// Tells a sandbox something.
    pub async fn tell(&self, name: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.text(&format!("/sandboxes/{name}")));
        let answer = self.send((Method::POST, &url), &[], Some(body.to_string().into_bytes())).await;
        assert!(answer.status.is_success(), "{name} {path}: {} {}", answer.status, answer.body);
        answer.json()
    }

    /// What a person at a sandbox does.
    pub async fn act(&self, name: &str, act: &Value) -> Value {
        self.tell(name, "/_sandbox/act", act).await
    }

    /// A sandbox does everything right again.
    pub async fn forget_faults(&self, name: &str) {
        let url = format!("{}/_sandbox/faults", self.text(&format!("/sandboxes/{name}")));
        let answer = self.send((Method::DELETE, &url), &[], None).await;
        assert!(answer.status.is_success(), "{name}: {} {}", answer.status, answer.body);
    }

    /// Waits until something holds, and gives it back.
    pub async fn wait<T>(&self, what: &str, most: Duration, mut look: impl AsyncFnMut(&Self) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = look(self).await {
                return found;
            }
            assert!(begun.elapsed() < most, "{what}: not within {most:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until an order has a status.
    pub async fn wait_for_status(&self, order_id: &str, status: &str, most: Duration) -> Value {
        let what = format!("{order_id} {status}");
        let mut last = Value::Null;
        let begun = Instant::now();
        loop {
            let order = self.order(order_id).await;
            if order["status"] == status {
                return order;
            }
            if begun.elapsed() > most {
                panic!("{what}: not within {most:?}; it is {} with {}", order["status"], order["outstanding"]);
            }
            if order != last {
                last = order;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Orders that an answer of the shop's sandbox names.
pub fn placed_ids(answer: &Value) -> Vec<String> {
    let text = answer.to_string();
    let mut ids: Vec<String> = text
        .split(|c: char| !c.is_ascii_digit())
        .filter(|digits| digits.len() == 18 && digits.starts_with("82"))
        .map(str::to_owned)
        .collect();
    ids.sort();
    ids.dedup();
    ids
}

pub async fn ship_everything(stack: &Stack) {
    stack.act("shipbob", &json!({ "ship": "all" })).await;
}

/// Ships until every order is completed.
pub async fn ship_until_completed(stack: &Stack, ids: &[String], most: Duration) {
    let begun = std::time::Instant::now();
    let mut open: Vec<String> = ids.to_vec();
    while !open.is_empty() {
        ship_everything(stack).await;
        let mut still = Vec::new();
        for id in open {
            let order = stack.order(&id).await;
            if order["status"] != "completed" {
                still.push((id, order));
            }
        }
        assert!(
            begun.elapsed() < most,
            "{} orders are not completed within {most:?}: {:?}",
            still.len(),
            still.first()
        );
        open = still.into_iter().map(|(id, _)| id).collect();
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Orders of different runs must differ: a stack that is left running remembers.
pub fn unique(prefix: &str) -> String {
    let nanoseconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    format!("{prefix}{}", nanoseconds % 1_000_000_000_000)
}

pub fn erp_documents(documents: &Value) -> BTreeMap<String, Vec<String>> {
    let mut by_record: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for document in documents["documents"].as_array().into_iter().flatten() {
        let field = |name: &str| document[name].as_str().unwrap_or_default().to_owned();
        by_record.entry(field("record")).or_default().push(field("externalId"));
    }
    by_record
}

/// Exactly one document of each kind for one order.
pub fn assert_one_each(documents: &BTreeMap<String, Vec<String>>, prefix: &str, channel: &str) {
    let kinds = [
        ("salesOrder", "SO"),
        ("customerDeposit", "DEP1"),
        ("itemFulfillment", "IF1"),
        ("invoice", "INV1"),
        ("depositApplication", "DA1"),
    ];
    for (record, document) in kinds {
        let wanted = format!("{prefix}-{channel}-{document}");
        let found = documents.get(record).into_iter().flatten().filter(|external| **external == wanted).count();
        assert_eq!(found, 1, "{wanted} exists {found} times as {record}");
        let others = format!("{prefix}-{channel}-");
        let all = documents.get(record).into_iter().flatten().filter(|external| external.starts_with(&others)).count();
        assert_eq!(all, 1, "{others}… has {all} documents of kind {record}");
    }
}

/// An order for `POST /v1/orders` that is in order.
pub fn api_order(channel_order_id: &str) -> Value {
    json!({
        "connection": "web-uk",
        "channel_order_id": channel_order_id,
        "name": format!("W{channel_order_id}"),
        "placed_at": "2026-11-23T09:00:00Z",
        "currency": "GBP",
        "taxes_included": true,
        "shipping_address": {
            "name": "A Buyer", "address1": "1 High Street", "city": "London", "postal_code": "N1 1AA", "country": "GB",
        },
        "lines": [
            { "line_id": "1", "sku": "TEE-BLK-M", "quantity": 1, "unit_price_minor": 2499,
              "tax_lines": [{ "title": "GB VAT", "rate": "0.2", "amount_minor": 417 }] },
            { "line_id": "2", "sku": "MUG-WHT", "quantity": 2, "unit_price_minor": 1200,
              "tax_lines": [{ "title": "GB VAT", "rate": "0.2", "amount_minor": 400 }] },
        ],
        "shipping": [{ "title": "Standard", "amount_minor": 495, "tax_lines": [{ "title": "GB VAT", "rate": "0.2", "amount_minor": 83 }] }],
        "tenders": [{ "tender_id": "T1", "gateway": "stripe", "kind": "sale", "status": "success", "amount_minor": 5394 }],
        "total_minor": 5394,
    })
}
