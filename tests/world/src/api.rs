//! Calls of the API, as API Gateway makes them after authorization.

use std::collections::HashMap;

use aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayProxyResponse};
use aws_lambda_events::encodings::Body;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
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

/// Who calls: a name, scopes and connections, as the authorizer found them out.
pub type Caller<'a> = (&'a str, &'a str, &'a str);

/// A caller with every scope, on every connection.
pub const EVERYBODY: Caller<'static> = (
    "tester",
    "orders:write orders:read returns:write checkout:validate checkout:hold ops:read ops:write inventory:write inventory:read \
     catalogue:write",
    "*",
);

/// A call of any route.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// The method.
    pub method: Method,
    /// The resource as the template has it: `/orders/{order_id}`.
    pub resource: &'a str,
    /// Path parameters.
    pub path: &'a [(&'a str, &'a str)],
    /// Query parameters.
    pub query: &'a [(&'a str, &'a str)],
    /// Headers.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
}

impl<'a> Call<'a> {
    /// Reads a resource.
    #[must_use]
    pub const fn get(resource: &'a str) -> Self {
        Self { method: Method::GET, resource, path: &[], query: &[], headers: &[], body: b"" }
    }

    /// Posts to a resource.
    #[must_use]
    pub const fn post(resource: &'a str, body: &'a [u8]) -> Self {
        Self { method: Method::POST, resource, path: &[], query: &[], headers: &[], body }
    }

    /// With path parameters.
    #[must_use]
    pub fn at(self, path: &'a [(&'a str, &'a str)]) -> Self {
        Self { path, ..self }
    }

    /// With query parameters.
    #[must_use]
    pub fn asking(self, query: &'a [(&'a str, &'a str)]) -> Self {
        Self { query, ..self }
    }

    /// With headers.
    #[must_use]
    pub fn with(self, headers: &'a [(&'a str, &'a str)]) -> Self {
        Self { headers, ..self }
    }

    /// As API Gateway hands it to a function.
    fn event(&self, caller: Option<Caller<'_>>) -> ApiGatewayProxyRequest {
        let mut event = ApiGatewayProxyRequest::default();
        event.http_method = self.method.clone();
        event.resource = Some(self.resource.to_owned());
        match std::str::from_utf8(self.body) {
            Ok(text) => event.body = Some(text.to_owned()),
            Err(_) => {
                event.body = Some(BASE64_STANDARD.encode(self.body));
                event.is_base64_encoded = true;
            }
        }
        event.headers = headers(self.headers);
        event.path_parameters = owned(self.path);
        event.query_string_parameters = owned(self.query).into();
        event.request_context.request_id = Some("request-1".into());
        if let Some(caller) = caller {
            let fields = [("caller", caller.0), ("scopes", caller.1), ("connections", caller.2)];
            event.request_context.authorizer.fields.extend(fields.map(|(name, value)| (name.to_owned(), json!(value))));
        }
        event
    }
}

fn owned(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        let name = HeaderName::try_from(name.to_ascii_lowercase());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            map.append(name, value);
        }
    }
    map
}

impl World {
    /// Calls a route as somebody, or as nobody. A crash is met as a client meets it: by the same request again.
    pub async fn call(&mut self, caller: Option<Caller<'_>>, call: &Call<'_>) -> Reply {
        loop {
            if let Some(reply) = self.call_once(caller, call).await {
                return reply;
            }
        }
    }

    /// Calls a route; `None` when the function died before it answered.
    pub async fn call_once(&mut self, caller: Option<Caller<'_>>, call: &Call<'_>) -> Option<Reply> {
        let event = call.event(caller);
        let functions = self.functions.clone();
        let answer = async {
            match (call.method.as_str(), call.resource) {
                ("POST", "/orders") => functions.accept_order.handle(event).await,
                ("POST", "/orders/{order_id}/cancellation") => functions.cancel_order.handle(event).await,
                ("POST", "/orders/{order_id}/returns" | "/orders/{order_id}/refunds") => {
                    functions.request_return.handle(event).await
                }
                ("POST", "/checkout/validations") => functions.validate_checkout.handle(event).await,
                (_, path) if path.starts_with("/checkout/holds") => functions.hold_stock.handle(event).await,
                ("POST", "/webhooks/{connection}") => functions.receive_webhook.handle(event).await,
                ("GET", "/orders" | "/orders/{order_id}") => functions.read_order.handle(event).await,
                (_, path) if path.starts_with("/inventory") || path.starts_with("/catalogue") => {
                    functions.manage_stock.handle(event).await
                }
                _ => functions.operate.handle(event).await,
            }
        };
        self.survive(answer).await.map(Reply::of)
    }

    /// Sends a body to `POST /v1/orders`.
    pub async fn post_order(&mut self, key: &str, body: &[u8]) -> Reply {
        self.post_order_as(EVERYBODY, Some(key), body).await
    }

    /// The same as somebody in particular, with or without a key.
    pub async fn post_order_as(&mut self, caller: Caller<'_>, key: Option<&str>, body: &[u8]) -> Reply {
        let key = key.map(|key| [("idempotency-key", key)]);
        let call = Call::post("/orders", body);
        self.call(Some(caller), &call.with(key.as_ref().map_or(&[][..], |key| &key[..]))).await
    }

    /// Sends a body to `POST /v1/orders/{order_id}/<what>`: `cancellation`, `returns` or `refunds`.
    pub async fn ask_of_order(&mut self, (order_id, what): (&str, &str), key: &str, body: &Value) -> Reply {
        self.ask_of_order_as(EVERYBODY, (order_id, what), (key, body)).await
    }

    /// The same as somebody in particular.
    pub async fn ask_of_order_as(
        &mut self,
        caller: Caller<'_>,
        (order_id, what): (&str, &str),
        (key, body): (&str, &Value),
    ) -> Reply {
        let resource = format!("/orders/{{order_id}}/{what}");
        let (path, headers, body) = ([("order_id", order_id)], [("idempotency-key", key)], body.to_string());
        let call = Call::post(&resource, body.as_bytes()).at(&path).with(&headers);
        self.call(Some(caller), &call).await
    }

    /// What `POST /v1/orders/{order_id}/<what>` would lead to.
    pub async fn dry_run(&mut self, (order_id, what): (&str, &str), body: &Value) -> Reply {
        let resource = format!("/orders/{{order_id}}/{what}");
        let (path, body) = ([("order_id", order_id)], body.to_string());
        let call = Call::post(&resource, body.as_bytes()).at(&path).asking(&[("dry_run", "true")]);
        self.call(Some(EVERYBODY), &call).await
    }

    /// Asks `POST /v1/checkout/validations`.
    pub async fn validate_cart(&mut self, body: &[u8]) -> Reply {
        self.call(Some(EVERYBODY), &Call::post("/checkout/validations", body)).await
    }

    /// Sends a body to `POST /v1/checkout/holds`.
    pub async fn hold_stock(&mut self, hold: &Value) -> Reply {
        let body = hold.to_string();
        self.call(Some(EVERYBODY), &Call::post("/checkout/holds", body.as_bytes())).await
    }

    /// Asks `/v1/checkout/holds/{connection}/{hold_id}`: `GET` or `DELETE`.
    pub async fn ask_of_hold(&mut self, method: Method, (connection, hold_id): (&str, &str)) -> Reply {
        let path = [("connection", connection), ("hold_id", hold_id)];
        let call = Call { method, ..Call::get("/checkout/holds/{connection}/{hold_id}") };
        self.call(Some(EVERYBODY), &call.at(&path)).await
    }

    /// Asks `GET /v1/orders/{order_id}`.
    pub async fn get_order(&mut self, order_id: &str) -> Reply {
        self.get_order_as(EVERYBODY, order_id).await
    }

    /// The same as somebody in particular.
    pub async fn get_order_as(&mut self, caller: Caller<'_>, order_id: &str) -> Reply {
        self.call(Some(caller), &Call::get("/orders/{order_id}").at(&[("order_id", order_id)])).await
    }

    /// Asks `GET /v1/ops/exceptions`.
    pub async fn exceptions(&mut self) -> Vec<Value> {
        let reply = self.call(Some(EVERYBODY), &Call::get("/ops/exceptions")).await;
        reply.json().get("exceptions").and_then(Value::as_array).cloned().unwrap_or_default()
    }

    /// Asks a route of the operators, with these parameters.
    pub async fn ops(&mut self, resource: &str, path: &[(&str, &str)], query: &[(&str, &str)]) -> Reply {
        self.call(Some(EVERYBODY), &Call::get(resource).at(path).asking(query)).await
    }

    /// Sends `POST /v1/ops/exceptions/{exception_id}/{action}`.
    pub async fn act_on(&mut self, (exception_id, action): (&str, &str), word: &Value) -> Reply {
        self.act_on_as(EVERYBODY, (exception_id, action), (word, false)).await
    }

    /// The same, as somebody; or as a dry run.
    pub async fn act_on_as(
        &mut self,
        caller: Caller<'_>,
        (exception_id, action): (&str, &str),
        (word, dry_run): (&Value, bool),
    ) -> Reply {
        let body = if word.is_null() { String::new() } else { word.to_string() };
        let path = [("exception_id", exception_id), ("action", action)];
        let query = [("dry_run", "true")];
        let call = Call::post("/ops/exceptions/{exception_id}/{action}", body.as_bytes()).at(&path);
        let call = if dry_run { call.asking(&query) } else { call };
        self.call(Some(caller), &call).await
    }

    /// Sends `POST /v1/ops/replays`, as somebody; or as a dry run.
    pub async fn replay(&mut self, caller: Caller<'_>, replay: &Value, dry_run: bool) -> Reply {
        let body = replay.to_string();
        let query: &[(&str, &str)] = if dry_run { &[("dry_run", "true")] } else { &[] };
        self.call(Some(caller), &Call::post("/ops/replays", body.as_bytes()).asking(query)).await
    }

    /// Sends `POST /v1/ops/bulk-actions`.
    pub async fn act_on_many(&mut self, bulk: &Value, dry_run: bool) -> Reply {
        let (body, query) = (bulk.to_string(), [("dry_run", "true")]);
        let call = Call::post("/ops/bulk-actions", body.as_bytes());
        let call = if dry_run { call.asking(&query) } else { call };
        self.call(Some(EVERYBODY), &call).await
    }

    /// Sends `POST /v1/ops/connections/{connection}/{action}`.
    pub async fn act_on_connection(&mut self, connection: &str, action: &str, word: &Value) -> Reply {
        let body = if word.is_null() { String::new() } else { word.to_string() };
        let path = [("connection", connection), ("action", action)];
        self.call(Some(EVERYBODY), &Call::post("/ops/connections/{connection}/{action}", body.as_bytes()).at(&path))
            .await
    }

    /// Retries an exception.
    pub async fn retry(&mut self, exception_id: &str) -> Reply {
        self.act_on((exception_id, "retry"), &Value::Null).await
    }

    /// Declines an exception.
    pub async fn decline(&mut self, exception_id: &str) -> Reply {
        self.act_on((exception_id, "decline"), &Value::Null).await
    }

    /// Sends `POST /v1/ops/reconciliations`.
    pub async fn ask_to_reconcile(&mut self, request: &Value) -> Reply {
        let body = request.to_string();
        self.call(Some(EVERYBODY), &Call::post("/ops/reconciliations", body.as_bytes())).await
    }

    /// Asks `GET /v1/ops/reconciliations/{reconciliation_id}`.
    pub async fn reconciliation(&mut self, id: &str) -> Reply {
        let call = Call::get("/ops/reconciliations/{reconciliation_id}");
        self.call(Some(EVERYBODY), &call.at(&[("reconciliation_id", id)])).await
    }

    /// Sends `POST /v1/inventory/receipts`.
    pub async fn receive_stock(&mut self, receipt: &Value) -> Reply {
        let body = receipt.to_string();
        self.call(Some(EVERYBODY), &Call::post("/inventory/receipts", body.as_bytes())).await
    }

    /// Sends a document of stock: `receipts`, `counts`, `adjustments` or `transfers`.
    pub async fn tell_stock(&mut self, kind: &str, document: &Value) -> Reply {
        let (resource, body) = (format!("/inventory/{kind}"), document.to_string());
        self.call(Some(EVERYBODY), &Call::post(&resource, body.as_bytes())).await
    }

    /// Asks `GET /v1/inventory/items/{sku}`.
    pub async fn levels(&mut self, sku: &str) -> Reply {
        self.call(Some(EVERYBODY), &Call::get("/inventory/items/{sku}").at(&[("sku", sku)])).await
    }

    /// Every entry of `GET /v1/inventory/items/{sku}/ledger`, newest first, and what there was before the first.
    pub async fn ledger(&mut self, sku: &str, location: &str) -> (Vec<Value>, Value) {
        let mut entries = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut query = vec![("location", location)];
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let call = Call::get("/inventory/items/{sku}/ledger");
            let page = self.call(Some(EVERYBODY), &call.at(&[("sku", sku)]).asking(&query)).await.json();
            entries.extend(page["entries"].as_array().cloned().unwrap_or_default());
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return (entries, page["opening"].clone());
            }
        }
    }

    /// Sends `POST /v1/inventory/items/{sku}/parts`.
    pub async fn spread(&mut self, sku: &str, parts: u16) -> Reply {
        let body = json!({ "parts": parts }).to_string();
        let call = Call::post("/inventory/items/{sku}/parts", body.as_bytes());
        self.call(Some(EVERYBODY), &call.at(&[("sku", sku)])).await
    }

    /// Sends `PUT /v1/catalogue/items/{sku}`.
    pub async fn keep_item(&mut self, sku: &str, item: &Value) -> Reply {
        let body = item.to_string();
        let call = Call { method: Method::PUT, ..Call::post("/catalogue/items/{sku}", body.as_bytes()) };
        self.call(Some(EVERYBODY), &call.at(&[("sku", sku)])).await
    }

    /// Delivers a webhook; `None` when the function died before it answered.
    pub async fn deliver(&mut self, connection: &str, with: &[(String, String)], body: &[u8]) -> Option<Reply> {
        let headers: Vec<(&str, &str)> = with.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let path = [("connection", connection)];
        self.call_once(None, &Call::post("/webhooks/{connection}", body).at(&path).with(&headers)).await
    }
}
