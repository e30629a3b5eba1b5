//! Error bodies as Oracle documents them and as they were seen (`fixtures/netsuite/errors`).

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::{Value, json};

const ERROR_TYPE: &str = "application/vnd.oracle.resource+json; type=error";
const LOGIN_DETAIL: &str = "Invalid login attempt. For more details, see the Login Audit Trail in the NetSuite UI at \
    Setup > Users/Roles > User Management > View Login Audit Trail.";
const CONCURRENCY_DETAIL: &str = "Concurrent request limit exceeded. Request blocked.";

/// Why the ERP says no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    status: u16,
    code: &'static str,
    detail: String,
    path: Option<String>,
}

impl Refusal {
    /// The catch-all for business rules.
    pub(super) fn user_error(detail: &str) -> Self {
        Self {
            status: 400,
            code: "USER_ERROR",
            detail: format!("Error while accessing a resource. {detail}"),
            path: None,
        }
    }

    /// The body is not what the record's schema says.
    pub(super) fn invalid_content(detail: &str, path: &str) -> Self {
        Self {
            status: 400,
            code: "INVALID_CONTENT",
            detail: format!("Error while accessing a resource. {detail}"),
            path: Some(path.to_owned()),
        }
    }

    /// A reference to something that does not exist, or a value a field cannot take.
    pub(super) fn invalid_field(value: &str, field: &str, path: &str) -> Self {
        let detail = format!("You have entered an Invalid Field Value {value} for the following field: {field}.");
        Self::user_error(&detail).at(path)
    }

    /// A mandatory field without a value.
    pub(super) fn missing(field: &str, path: &str) -> Self {
        Self::invalid_content(&format!("Please enter value(s) for: {field}."), path)
    }

    /// The external id is taken.
    pub(super) fn already_exists() -> Self {
        Self::user_error("This entity already exists.")
    }

    /// No such record.
    pub(super) fn nonexistent() -> Self {
        Self {
            status: 404,
            code: "NONEXISTENT_ID",
            detail: "The record instance does not exist. Provide a valid record instance ID.".to_owned(),
            path: None,
        }
    }

    /// No such record type, operation or transformation.
    pub(super) fn not_offered(detail: &str) -> Self {
        Self { status: 404, code: "NOT_FOUND", detail: detail.to_owned(), path: None }
    }

    /// The method is not offered for this resource.
    pub(super) fn method_not_allowed() -> Self {
        Self {
            status: 405,
            code: "METHOD_NOT_ALLOWED",
            detail: "The HTTP method is not supported for this resource.".to_owned(),
            path: None,
        }
    }

    /// A query, or a parameter of one, that cannot be run.
    pub(super) fn invalid_query(detail: &str) -> Self {
        let detail = format!("Invalid search query. Detailed unprocessed description follows. {detail}");
        Self { status: 400, code: "INVALID_PARAMETER", detail, path: None }
    }

    /// No token, an unknown one or an expired one.
    pub(super) fn invalid_login() -> Self {
        Self { status: 401, code: "INVALID_LOGIN", detail: LOGIN_DETAIL.to_owned(), path: None }
    }

    /// Too many requests under way.
    pub(super) fn concurrency_limit() -> Self {
        Self { status: 429, code: "CONCURRENCY_LIMIT_EXCEEDED", detail: CONCURRENCY_DETAIL.to_owned(), path: None }
    }

    /// Names the property that is wrong.
    pub(super) fn at(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    fn body(&self) -> Value {
        let mut detail = json!({ "detail": self.detail, "o:errorCode": self.code });
        if let Some(path) = &self.path {
            detail["o:errorPath"] = json!(path);
        }
        json!({
            "type": section(self.status),
            "title": title(self.status),
            "status": self.status,
            "o:errorDetails": [detail],
        })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        answer(self.status, self.body().to_string())
    }
}

fn answer(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, ERROR_TYPE)], body).into_response()
}

fn title(status: u16) -> &'static str {
    match status {
        // Oracle's own sample of 429 says so, too.
        400 | 429 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Payload Too Large",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

fn section(status: u16) -> &'static str {
    match status {
        400 => "https://www.rfc-editor.org/rfc/rfc9110.html#section-15.5.1",
        401 => "https://www.rfc-editor.org/rfc/rfc9110.html#section-15.5.2",
        403 => "https://www.rfc-editor.org/rfc/rfc9110.html#section-15.5.4",
        404 => "https://www.rfc-editor.org/rfc/rfc9110.html#section-15.5.5",
        405 => "https://www.rfc-editor.org/rfc/rfc9110.html#section-15.5.6",
        429 => "https://www.w3.org/Protocols/rfc2616/rfc2616-sec10.html",
        503 => "https://www.rfc-editor.org/rfc/rfc9110.html#section-15.6.4",
        _ => "https://www.rfc-editor.org/rfc/rfc9110.html#section-15.6.1",
    }
}

/// An injected error, as the vendor answers it. Variants: `429:malformed`, `429:too_many`, `400:concurrency`,
/// `400:locked`, `400:permission`.
pub(super) fn injected(status: u16, variant: Option<&str>) -> Response {
    match (status, variant) {
        (401, _) => Refusal::invalid_login().into_response(),
        (404, _) => Refusal::nonexistent().into_response(),
        (429, Some("malformed")) => answer(429, MALFORMED.to_owned()),
        (429, Some("too_many")) => {
            let mut body = Refusal::concurrency_limit().body();
            body["title"] = json!("Too Many Requests");
            answer(429, body.to_string())
        }
        (429, _) => Refusal::concurrency_limit().into_response(),
        // Seen under 400 as well, without type and status.
        (400, Some("concurrency")) => bare(
            Some("Bad Request"),
            "CONCURRENCY_LIMIT_EXCEEDED",
            &format!(
                "{CONCURRENCY_DETAIL} Verify your concurrency limits at Setup > Integration > Integration \
                Management > Integration Governance."
            ),
        ),
        (400, Some("locked")) => bare(
            None,
            "USER_ERROR",
            "Error while accessing a resource. This record has been locked by a user defined workflow.",
        ),
        (400, Some("permission")) => {
            bare(None, "USER_ERROR", "Your current role does not have permission to perform this action.")
        }
        (400, _) => Refusal::user_error("Invalid value.").into_response(),
        (403, _) => coded(403, "INSUFFICIENT_PERMISSION", "You do not have permission to access this record."),
        (503, _) => coded(503, "SERVICE_UNAVAILABLE", "The service is temporarily unavailable."),
        (500, _) => coded(500, "UNEXPECTED_ERROR", "An unexpected error occurred. Error ID: jgjx9o3t1sbx4xv0a1cx"),
        (other, _) => coded(other, "UNEXPECTED_ERROR", "An unexpected error occurred."),
    }
}

fn coded(status: u16, code: &'static str, detail: &str) -> Response {
    Refusal { status, code, detail: detail.to_owned(), path: None }.into_response()
}

fn bare(title: Option<&str>, code: &str, detail: &str) -> Response {
    let mut body = json!({ "o:errorDetails": [{ "detail": detail, "o:errorCode": code }] });
    if let Some(title) = title {
        body["title"] = json!(title);
    }
    answer(400, body.to_string())
}

/// Oracle's own sample lacks a comma: a client must not fail over it.
const MALFORMED: &str = r#"{
  "type": "https://www.w3.org/Protocols/rfc2616/rfc2616-sec10.html",
  "title": "Bad Request",
  "status": 429,
  "o:errorCode": "USER_ERROR"
  "o:errorDetails": [
    {
      "detail": "Concurrent request limit exceeded. Request blocked.",
      "o:errorCode": "CONCURRENCY_LIMIT_EXCEEDED"
    }
  ]
}
"#;
