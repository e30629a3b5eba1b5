//! Talks to the local AWS: only the few requests that the launcher makes, unsigned, since nothing there checks signatures.

use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::trouble::Trouble;

/// Where the local AWS is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Aws {
    /// `http://127.0.0.1:<port>`.
    pub(crate) endpoint: String,
    pub(crate) region: String,
}

/// Speaks HTTP to everything local; patient enough for a function's cold start.
pub(crate) fn http() -> Result<reqwest::Client, Trouble> {
    reqwest::Client::builder()
        .no_proxy()
        .connect_timeout(Duration::from_secs(2))
        .timeout(Duration::from_secs(60))
        .build()
        .map_err(|error| Trouble::content("the HTTP client", error))
}

/// A JSON service of the local AWS.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service {
    name: &'static str,
    target: &'static str,
    version: &'static str,
}

/// `DynamoDB`.
pub(crate) const DYNAMODB: Service = Service { name: "dynamodb", target: "DynamoDB_20120810", version: "1.0" };
/// Secrets Manager.
pub(crate) const SECRETS: Service = Service { name: "secretsmanager", target: "secretsmanager", version: "1.1" };
/// `CloudWatch` Logs.
pub(crate) const LOGS: Service = Service { name: "logs", target: "Logs_20140328", version: "1.1" };
/// `CloudWatch` metrics.
pub(crate) const CLOUDWATCH: Service =
    Service { name: "monitoring", target: "GraniteServiceVersion20100801", version: "1.0" };

/// What a function answered.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) failed: bool,
    pub(crate) payload: Value,
}

/// A connection to the local AWS.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    aws: Aws,
    http: reqwest::Client,
}

impl Client {
    pub(crate) fn to(aws: &Aws) -> Result<Self, Trouble> {
        Ok(Self { aws: aws.clone(), http: http()? })
    }

    /// One operation of a JSON service.
    pub(crate) async fn call(&self, service: Service, operation: &str, input: &Value) -> Result<Value, Trouble> {
        let request = self
            .http
            .post(&self.aws.endpoint)
            .header("content-type", format!("application/x-amz-json-{}", service.version))
            .header("x-amz-target", format!("{}.{operation}", service.target))
            .body(input.to_string());
        read_json(self.send(request, service.name).await?).await
    }

    /// A GET of a REST service.
    pub(crate) async fn get(&self, service: &str, path: &str) -> Result<Value, Trouble> {
        let request = self.http.get(format!("{}{path}", self.aws.endpoint));
        read_json(self.send(request, service).await?).await
    }

    /// Runs a function and waits for its answer.
    pub(crate) async fn invoke(&self, function: &str, payload: String) -> Result<Invocation, Trouble> {
        let url = format!("{}/2015-03-31/functions/{function}/invocations", self.aws.endpoint);
        let response = self.send(self.http.post(url).body(payload), "lambda").await?;
        let failed = response.headers().contains_key("x-amz-function-error");
        let text = response.text().await.map_err(|error| Trouble::content("the answer", error))?;
        let payload = serde_json::from_str(&text).unwrap_or_else(|_| json!(text));
        Ok(Invocation { failed, payload })
    }

    async fn send(&self, request: RequestBuilder, service: &str) -> Result<Response, Trouble> {
        // Nobody verifies it; the region is read from it.
        let scope = format!("test/20260101/{}/{service}/aws4_request", self.aws.region);
        let signed = request.header(
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none"),
        );
        accepted(signed).await
    }
}

/// Sends, and makes an answer that is no success into a trouble.
pub(crate) async fn accepted(request: RequestBuilder) -> Result<Response, Trouble> {
    let response = request.send().await.map_err(|error| unreachable(&error))?;
    if response.status().is_success() {
        return Ok(response);
    }
    let (url, status) = (response.url().to_string(), response.status().as_u16());
    let body = response.text().await.unwrap_or_default();
    Err(Trouble::Refused { url, status, body: body.split_whitespace().collect::<Vec<_>>().join(" ") })
}

fn unreachable(error: &reqwest::Error) -> Trouble {
    let url = error.url().map(ToString::to_string).unwrap_or_default();
    let reason = if error.is_timeout() { "it did not answer in time" } else { "nothing listens there" };
    Trouble::Unreachable { url, reason: reason.to_owned() }
}

pub(crate) async fn read_json(response: Response) -> Result<Value, Trouble> {
    let url = response.url().to_string();
    let bytes = response.bytes().await.map_err(|error| Trouble::content(url.clone(), error))?;
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&bytes).map_err(|error| Trouble::content(url, error))
}
