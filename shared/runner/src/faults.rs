//! What is wrong with a request, as a problem.

use crossdock_connectors::api::{Fault, FaultKind};
use crossdock_step::api::Problem;
use serde_json::json;

/// The problem that tells all faults at once. Malformed beats too large beats invalid.
#[must_use]
pub fn problem(faults: &[Fault]) -> Problem {
    let any = |kind: FaultKind| faults.iter().any(|fault| fault.kind == kind);
    let (status, slug, detail) = if any(FaultKind::Malformed) {
        (400, "malformed", "the body is not what this operation takes; see reasons")
    } else if any(FaultKind::TooLarge) {
        (413, "too-large", "the body is larger than this operation takes; see reasons")
    } else {
        (422, "invalid", "the body has invalid values; see reasons")
    };
    let reason = |fault: &Fault| json!({ "code": "invalid_field", "pointer": fault.pointer, "detail": fault.detail });
    let reasons: Vec<_> = faults.iter().take(100).map(reason).collect();
    let status = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::BAD_REQUEST);
    Problem::new(status, slug, detail).with("reasons", reasons)
}
