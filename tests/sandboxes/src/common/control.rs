//! The routes under `/_sandbox/`: what a test or a person at the vendor may see and do.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::desk::attend;
use super::{Fault, Vendor};
use crate::json::parse;

/// The vendor's API behind its front desk, and the control routes beside it.
pub fn router<V: Vendor>(vendor: V) -> Router {
    let api = vendor.api().layer(middleware::from_fn_with_state(vendor.clone(), attend::<V>));
    let control = Router::new()
        .route("/_sandbox/health", get(health::<V>))
        .route("/_sandbox/documents", get(documents::<V>))
        .route("/_sandbox/requests", get(requests::<V>))
        .route("/_sandbox/deliveries", get(deliveries::<V>))
        .route("/_sandbox/faults", get(list_faults::<V>).post(add_faults::<V>).delete(clear_faults::<V>))
        .route("/_sandbox/act", post(act::<V>))
        .route("/_sandbox/webhooks", post(webhooks::<V>))
        .route("/_sandbox/reset", post(reset::<V>))
        .with_state(vendor.clone());
    api.merge(control).merge(vendor.more_control_routes())
}

async fn health<V: Vendor>(State(vendor): State<V>) -> Response {
    answer(StatusCode::OK, &json!({ "sandbox": vendor.name(), "ok": true }))
}

async fn documents<V: Vendor>(State(vendor): State<V>) -> Response {
    answer(StatusCode::OK, &vendor.documents())
}

async fn requests<V: Vendor>(State(vendor): State<V>) -> Response {
    answer(StatusCode::OK, &json!({ "requests": vendor.front_desk().requests() }))
}

async fn deliveries<V: Vendor>(State(vendor): State<V>) -> Response {
    let records = vendor.front_desk().outbox().records();
    answer(StatusCode::OK, &json!({ "deliveries": records }))
}

async fn list_faults<V: Vendor>(State(vendor): State<V>) -> Response {
    answer(StatusCode::OK, &json!({ "faults": vendor.front_desk().faults() }))
}

async fn clear_faults<V: Vendor>(State(vendor): State<V>) -> Response {
    vendor.front_desk().clear_faults();
    StatusCode::NO_CONTENT.into_response()
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<Fault>),
    One(Fault),
}

async fn add_faults<V: Vendor>(State(vendor): State<V>, body: Bytes) -> Response {
    let faults = match serde_json::from_slice(&body) {
        Ok(OneOrMany::Many(faults)) => faults,
        Ok(OneOrMany::One(fault)) => vec![fault],
        Err(error) => return refused(&why_no_fault(&body, &error)),
    };
    for fault in faults {
        vendor.front_desk().add_fault(fault);
    }
    answer(StatusCode::CREATED, &json!({ "faults": vendor.front_desk().faults() }))
}

/// An untagged enum says only that nothing matched; reading the one form again says what is wrong with it.
fn why_no_fault(body: &[u8], error: &serde_json::Error) -> String {
    serde_json::from_slice::<Fault>(body).err().map_or_else(|| error.to_string(), |better| better.to_string())
}

async fn act<V: Vendor>(State(vendor): State<V>, body: Bytes) -> Response {
    let Some(action) = parse(&body) else {
        return refused("the body is no JSON: send { \"action\": …, … }");
    };
    match vendor.act(action) {
        Ok(outcome) => answer(StatusCode::OK, &outcome),
        Err(reason) => refused(&reason),
    }
}

#[derive(Deserialize)]
struct WebhookTarget {
    url: Option<String>,
    #[serde(default = "one_copy")]
    copies: u32,
}

fn one_copy() -> u32 {
    1
}

async fn webhooks<V: Vendor>(State(vendor): State<V>, body: Bytes) -> Response {
    match serde_json::from_slice::<WebhookTarget>(&body) {
        Ok(target) => {
            vendor.front_desk().outbox().send_to(target.url, target.copies);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(error) => refused(&format!("send {{ \"url\": \"http://…\" }}: {error}")),
    }
}

async fn reset<V: Vendor>(State(vendor): State<V>) -> Response {
    vendor.reset();
    vendor.front_desk().reset();
    StatusCode::NO_CONTENT.into_response()
}

fn refused(reason: &str) -> Response {
    answer(StatusCode::BAD_REQUEST, &json!({ "error": reason }))
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (status, axum::Json(body)).into_response()
}
