//! Calls of the API, as API Gateway makes them after authorization.

use aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayProxyResponse};
use aws_lambda_events::encodings::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

use crate::engine::World;

/// An answer of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: i64,
    /// The body, byte for byte.
    pub body: String,
    /// The headers.
    pub headers: HeaderMap,
}

impl Reply {
    /// The body as JSON; null if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    fn of(response: ApiGatewayProxyResponse) -> Self {
        let body = match response.body {
            Some(Body::Text(text)) => text,
            Some(Body::Binary(_) | Body::Empty) | None => String::new(),
            Some(other) => format!("{other:?}"),
        };
        Self { status: response.status_code, body, headers: response.headers }
    }
}

/// A caller with every scope, on every connection.
const EVERYBODY: (&str, &str, &str) =
    ("tester", "orders:write orders:read checkout:validate ops:read ops:write inventory:write", "*");

fn event(method: &Method, resource: &str, body: &[u8]) -> ApiGatewayProxyRequest {
    let mut event = ApiGatewayProxyRequest::default();
    event.http_method = method.clone();
    event.resource = Some(resource.to_owned());
    event.body = Some(String::from_utf8_lossy(body).into_owned());
    event.request_context.request_id = Some("request-1".into());
    event
}

fn sign_in(event: &mut ApiGatewayProxyRequest, caller: (&str, &str, &str)) {
    let fields = [("caller", caller.0), ("scopes", caller.1), ("connections", caller.2)];
    event.request_context.authorizer.fields.extend(fields.map(|(name, value)| (name.to_owned(), json!(value))));
}

fn headers(pairs: &[(String, String)]) -> HeaderMap {
    let header = |(name, value): &(String, String)| {
        Some((HeaderName::try_from(name.to_ascii_lowercase()).ok()?, HeaderValue::from_str(value).ok()?))
    };
    pairs.iter().filter_map(header).collect()
}

impl World {
    /// Sends a body to `POST /v1/orders`. A crash is met as a client meets it: by the same request again.
    pub async fn post_order(&mut self, key: &str, body: &[u8]) -> Reply {
        self.post_order_as(EVERYBODY, Some(key), body).await
    }

    /// The same as somebody in particular, with or without a key.
    pub async fn post_order_as(&mut self, caller: (&str, &str, &str), key: Option<&str>, body: &[u8]) -> Reply {
        loop {
            let mut event = event(&Method::POST, "/orders", body);
            sign_in(&mut event, caller);
            event.headers = headers(&key.map(|key| ("idempotency-key".to_owned(), key.to_owned())).into_iter().collect::<Vec<_>>());
            let functions = self.functions.clone();
            if let Some(response) = self.survive(functions.accept_order.handle(event)).await {
                return Reply::of(response);
            }
        }
    }

    /// Asks `POST /v1/checkout/validations`.
    pub async fn validate_cart(&mut self, body: &[u8]) -> Reply {
        let mut event = event(&Method::POST, "/checkout/validations", body);
        sign_in(&mut event, EVERYBODY);
        Reply::of(self.functions.validate_checkout.handle(event).await)
    }

    /// Asks `GET /v1/orders/{order_id}`.
    pub async fn get_order(&self, order_id: &str) -> Reply {
        self.get_order_as(EVERYBODY, order_id).await
    }

    /// The same as somebody in particular.
    pub async fn get_order_as(&self, caller: (&str, &str, &str), order_id: &str) -> Reply {
        let mut event = event(&Method::GET, "/orders/{order_id}", b"");
        sign_in(&mut event, caller);
        event.path_parameters.insert("order_id".into(), order_id.into());
        Reply::of(self.functions.read_order.handle(event).await)
    }

    /// Asks `GET /v1/ops/exceptions`.
    pub async fn exceptions(&self) -> Vec<Value> {
        let mut event = event(&Method::GET, "/ops/exceptions", b"");
        sign_in(&mut event, EVERYBODY);
        let reply = Reply::of(self.functions.operate.handle(event).await);
        reply.json().get("exceptions").and_then(Value::as_array).cloned().unwrap_or_default()
    }

    /// Sends `POST /v1/ops/exceptions/{exception_id}/retry`.
    pub async fn retry(&mut self, exception_id: &str) -> Reply {
        loop {
            let mut event = event(&Method::POST, "/ops/exceptions/{exception_id}/retry", b"");
            sign_in(&mut event, EVERYBODY);
            event.path_parameters.insert("exception_id".into(), exception_id.into());
            let functions = self.functions.clone();
            if let Some(response) = self.survive(functions.operate.handle(event)).await {
                return Reply::of(response);
            }
        }
    }

    /// Sends `POST /v1/inventory/receipts`.
    pub async fn receive_stock(&mut self, receipt: &Value) -> Reply {
        loop {
            let mut event = event(&Method::POST, "/inventory/receipts", receipt.to_string().as_bytes());
            sign_in(&mut event, EVERYBODY);
            let functions = self.functions.clone();
            if let Some(response) = self.survive(functions.operate.handle(event)).await {
                return Reply::of(response);
            }
        }
    }

    /// Delivers a webhook; `None` when the function died before it answered.
    pub async fn deliver(&mut self, connection: &str, with: &[(String, String)], body: &[u8]) -> Option<Reply> {
        let mut event = event(&Method::POST, "/webhooks/{connection}", body);
        event.headers = headers(with);
        event.path_parameters.insert("connection".into(), connection.into());
        let functions = self.functions.clone();
        self.survive(functions.receive_webhook.handle(event)).await.map(Reply::of)
    }
}
