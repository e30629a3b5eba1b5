//! API Gateway: requests in, answers out. Errors are RFC 9457 problems that say what to do and show no internals.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayProxyResponse};
use aws_lambda_events::encodings::Body;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use problem_details::ProblemDetails;
use serde::Serialize;

use crate::Trace;
use crate::trace::{CORRELATION_HEADER, TRACEPARENT_HEADER, TraceParent};

/// Who calls, as the authorizer found out. Functions check it again: a cached policy may cover more than its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The token's subject.
    pub name: String,
    scopes: Vec<String>,
    connections: Vec<String>,
}

impl Caller {
    /// A caller with what it may do and where.
    #[must_use]
    pub fn new(name: &str, scopes: &str, connections: &str) -> Self {
        let list = |text: &str| text.split([' ', ',']).filter(|part| !part.is_empty()).map(str::to_owned).collect();
        Self { name: name.to_owned(), scopes: list(scopes), connections: list(connections) }
    }

    /// Whether the token allows this kind of operation.
    #[must_use]
    pub fn may(&self, scope: &str) -> bool {
        self.scopes.iter().any(|own| own == scope)
    }

    /// Whether the token reaches this connection's orders.
    #[must_use]
    pub fn reaches(&self, connection: &str) -> bool {
        self.connections.iter().any(|own| own == connection || own == "*")
    }

    /// The connections it reaches; `None` means all.
    #[must_use]
    pub fn connections(&self) -> Option<&[String]> {
        if self.connections.iter().any(|own| own == "*") { None } else { Some(&self.connections) }
    }
}

/// A request, unwrapped.
#[derive(Debug, Clone)]
pub struct Request {
    /// The raw body.
    pub body: Vec<u8>,
    /// Every header, names in lower case; one that came twice is listed twice.
    pub headers: Vec<(String, String)>,
    /// Path parameters.
    pub path: BTreeMap<String, String>,
    /// Query parameters.
    pub query: BTreeMap<String, String>,
    /// Who calls; `None` on routes without authorization.
    pub caller: Option<Caller>,
    /// Follows the request through everything that it causes.
    pub correlation_id: String,
    /// The caller's own trace, if it has sent one.
    pub parent: Option<TraceParent>,
}

impl Request {
    /// Unwraps API Gateway's proxy event.
    ///
    /// # Errors
    /// The body claims to be base64 and is not.
    pub fn parse(event: ApiGatewayProxyRequest) -> Result<Self, Problem> {
        let headers = headers_of(&event);
        let parent = parent(&headers);
        let correlation_id = correlation_id(&headers, (parent.as_ref(), event.request_context.request_id.as_deref()));
        let text = event.body.unwrap_or_default();
        let body = if event.is_base64_encoded {
            BASE64_STANDARD
                .decode(text)
                .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "unreadable-body", "the body is not base64"))?
        } else {
            text.into_bytes()
        };
        let fields = &event.request_context.authorizer.fields;
        let field = |name: &str| fields.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
        let caller = fields
            .contains_key("caller")
            .then(|| Caller::new(&field("caller"), &field("scopes"), &field("connections")));
        Ok(Self {
            body,
            headers,
            path: event.path_parameters.into_iter().collect(),
            query: event.query_string_parameters.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
            caller,
            correlation_id,
            parent,
        })
    }

    /// A header's value. Of one that came twice, the first.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// A path parameter; empty where the template and the function disagree, which no identity accepts.
    #[must_use]
    pub fn path(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    /// The caller, if it may do this kind of operation.
    ///
    /// # Errors
    /// 401 without a caller, 403 without the scope.
    pub fn allowed(&self, scope: &str) -> Result<&Caller, Problem> {
        let caller = self.caller.as_ref().ok_or_else(Problem::unauthorized)?;
        if caller.may(scope) {
            return Ok(caller);
        }
        Err(Problem::new(StatusCode::FORBIDDEN, "missing-scope", format!("the token lacks the scope {scope}")))
    }

    /// The caller, if it may do this kind of operation for all connections: what is no channel's own (stock, the
    /// catalogue) reaches all of them.
    ///
    /// # Errors
    /// As for [`Self::allowed`]; 404 where the caller is limited to some connections.
    pub fn allowed_everywhere(&self, scope: &str) -> Result<&Caller, Problem> {
        let caller = self.allowed(scope)?;
        if caller.connections().is_some() { Err(Problem::not_found("operation")) } else { Ok(caller) }
    }
}

impl Request {
    /// The key under which a repeat of this request is known.
    ///
    /// # Errors
    /// There is none, or it is not one plain header.
    pub fn idempotency_key(&self) -> Result<&str, Problem> {
        let wrong = |detail: &'static str| Problem::new(StatusCode::BAD_REQUEST, "idempotency-key", detail);
        let mut keys = self.headers.iter().filter(|(name, _)| name == "idempotency-key").map(|(_, key)| key.as_str());
        let key = keys.next().ok_or_else(|| wrong("send an Idempotency-Key header, one per request that you make"))?;
        let printable = (1..=255).contains(&key.len()) && key.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
        if !printable || keys.next().is_some() {
            return Err(wrong(
                "the Idempotency-Key has to be one header of 1 to 255 printable ASCII characters without spaces",
            ));
        }
        Ok(key)
    }

    /// A query parameter that says yes or no; absent is no.
    ///
    /// # Errors
    /// It says something else.
    pub fn flag(&self, name: &'static str) -> Result<bool, Problem> {
        match self.query.get(name).map(String::as_str) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "flag", format!("{name} has to be true or false"))),
        }
    }
}

fn headers_of(event: &ApiGatewayProxyRequest) -> Vec<(String, String)> {
    let source = if event.multi_value_headers.is_empty() { &event.headers } else { &event.multi_value_headers };
    source
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_ascii_lowercase(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect()
}

/// The caller's `traceparent`. One that is not well formed, or not alone, is as none: so the recommendation has it.
fn parent(headers: &[(String, String)]) -> Option<TraceParent> {
    let mut sent = headers.iter().filter(|(name, _)| name == TRACEPARENT_HEADER.as_str());
    let (first, second) = (sent.next()?, sent.next());
    if second.is_some() { None } else { TraceParent::parse(&first.1) }
}

/// The caller's own correlation id, else the trace id of its `traceparent`, else the request's id.
fn correlation_id(headers: &[(String, String)], (parent, request_id): (Option<&TraceParent>, Option<&str>)) -> String {
    let clean = |text: &&str| {
        (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let own = headers.iter().find(|(name, _)| name == CORRELATION_HEADER.as_str()).map(|(_, value)| value.as_str());
    own.filter(clean).or(parent.map(|parent| parent.trace_id.as_str())).or(request_id).unwrap_or("unknown").to_owned()
}

/// An answer that is not a success, as RFC 9457 has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    status: StatusCode,
    slug: &'static str,
    detail: String,
    extra: BTreeMap<String, serde_json::Value>,
    retry_after_seconds: Option<u32>,
}

impl Problem {
    /// A problem of a kind (`slug`) with what happened and what to do.
    pub fn new(status: StatusCode, slug: &'static str, detail: impl Into<String>) -> Self {
        Self { status, slug, detail: detail.into(), extra: BTreeMap::new(), retry_after_seconds: None }
    }

    /// Adds a member beside the standard ones.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        self.extra.insert(name.to_owned(), serde_json::to_value(value).unwrap_or_default());
        self
    }

    /// Nobody is signed in.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "send a valid bearer token and API key")
    }

    /// It does not exist, or belongs to somebody else: callers cannot tell which.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", format!("there is no such {what} among your connections"))
    }

    /// We cannot answer now; nothing was changed.
    #[must_use]
    pub fn unavailable() -> Self {
        let detail = "Crossdock cannot reach its store; nothing was changed, try again with the same key";
        Self { retry_after_seconds: Some(2), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail) }
    }

    /// The same, with what went wrong in the log and not in the answer.
    pub fn unavailable_because(error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "the operation could not be done");
        Self::unavailable()
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// Every single reason, in words, where there are several.
    #[must_use]
    pub fn reasons(&self) -> Vec<&str> {
        let all = self.extra.get("reasons").and_then(serde_json::Value::as_array);
        all.into_iter().flatten().filter_map(|reason| reason.get("detail")?.as_str()).collect()
    }

    /// What happened and what to do, in words.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

/// Whatever a handler answers.
pub type Answer = Result<Reply, Problem>;

/// A success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The body's JSON, byte for byte.
    pub body: String,
    /// Where the thing is that was made.
    pub location: Option<String>,
    /// What kind of body it is.
    pub content_type: &'static str,
    /// Further headers.
    pub headers: Vec<(header::HeaderName, String)>,
}

impl Reply {
    /// A JSON answer.
    pub fn json(status: StatusCode, body: &impl Serialize) -> Self {
        Self::text(status, "application/json", serde_json::to_string(body).unwrap_or_default())
    }

    /// An answer of any kind.
    #[must_use]
    pub const fn text(status: StatusCode, content_type: &'static str, body: String) -> Self {
        Self { status, body, location: None, content_type, headers: Vec::new() }
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: header::HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds where the thing is that was made.
    #[must_use]
    pub fn at(mut self, location: impl Into<String>) -> Self {
        self.location = Some(location.into());
        self
    }
}

/// Serves one request: unwraps it, follows it, and wraps the answer.
pub async fn serve(
    event: ApiGatewayProxyRequest,
    handle: impl AsyncFnOnce(&Request) -> Answer,
) -> ApiGatewayProxyResponse {
    match Request::parse(event) {
        Ok(request) => {
            let trace = Arc::new(Trace::new(&request.correlation_id).under(request.parent.clone()));
            respond(trace.follow(handle(&request)).await, &request.correlation_id)
        }
        Err(problem) => respond(Err(problem), "unknown"),
    }
}

/// Wraps an answer for API Gateway.
fn respond(answer: Answer, correlation_id: &str) -> ApiGatewayProxyResponse {
    let mut headers = HeaderMap::new();
    let mut put = |name: header::HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    put(CORRELATION_HEADER, correlation_id);
    let (status, body) = match answer {
        Ok(reply) => {
            put(header::CONTENT_TYPE, reply.content_type);
            for (name, value) in &reply.headers {
                put(name.clone(), value);
            }
            if let Some(location) = &reply.location {
                put(header::LOCATION, location);
            }
            (reply.status, reply.body)
        }
        Err(problem) => {
            put(header::CONTENT_TYPE, "application/problem+json");
            if let Some(seconds) = problem.retry_after_seconds {
                put(header::RETRY_AFTER, &seconds.to_string());
            }
            (problem.status, problem_body(&problem))
        }
    };
    let mut response = ApiGatewayProxyResponse::default();
    response.status_code = i64::from(status.as_u16());
    response.headers = headers;
    response.body = Some(Body::Text(body));
    response
}

fn problem_body(problem: &Problem) -> String {
    // Relative to the API: docs/problems.md describes each.
    let kind: http::Uri = format!("/problems/{}", problem.slug).parse().unwrap_or_default();
    let details = ProblemDetails::new()
        .with_type(kind)
        .with_status(problem.status)
        .with_title(problem.status.canonical_reason().unwrap_or("Error"))
        .with_detail(&problem.detail)
        .with_extensions(problem.extra.clone());
    serde_json::to_string(&details).unwrap_or_default()
}
