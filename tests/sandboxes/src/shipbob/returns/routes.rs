//! The routes of returns.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::json;

use super::{ReturnListing, ReturnRequest, ReturnStatus, view};
use crate::common::lock;
use crate::shipbob::intake::FieldErrors;
use crate::shipbob::webhook::About;
use crate::shipbob::{Inner, ShipBob, answer, bad_request, not_found};

pub(in crate::shipbob) fn routes() -> Router<ShipBob> {
    Router::new()
        .route("/{version}/return", get(list_route).post(create_route))
        .route("/{version}/return/{id}", get(show_route).post(action_route))
}

impl Inner {
    /// Sends a webhook about a return.
    pub(super) fn tell_return(&mut self, id: u64, topic: &'static str, now: Timestamp) {
        let Some(shown) = self.warehouse.returns.get(&id) else { return };
        let about = About { order: shown.origin.as_ref().map(|origin| origin.order), returned: Some(id) };
        let body = view::full(shown, &self.channel);
        self.send(about, (topic, &body), now);
    }
}

impl ShipBob {
    fn announce(&self, body: &Bytes) -> Response {
        let Some(body) = crate::json::parse(body) else {
            let message = "The input is not valid JSON.".to_owned();
            return bad_request(&FieldErrors::from([("$".to_owned(), vec![message])]));
        };
        let request = match ReturnRequest::read(&body) {
            Ok(request) => request,
            Err(errors) => return bad_request(&errors),
        };
        let now = self.desk.now();
        let mut inner = lock(&self.inner);
        let id = match inner.warehouse.announce(request, now) {
            Ok(id) => id,
            Err(errors) => return refused(&errors),
        };
        inner.tell_return(id, "return.created", now);
        let shown = inner.warehouse.returns.get(&id).map(|made| view::answered(made, &self.channel()));
        answer(StatusCode::CREATED, &shown.unwrap_or_default())
    }

    fn list_returns(&self, filters: &BTreeMap<String, String>) -> Response {
        let inner = lock(&self.inner);
        match ReturnListing::read(filters) {
            Ok(listing) => {
                let page = listing.of(inner.warehouse.returns.values());
                answer(StatusCode::OK, &view::page(&page, &self.channel()))
            }
            Err(errors) => bad_request(&errors),
        }
    }

    fn show_return(&self, id: &str) -> Response {
        let inner = lock(&self.inner);
        let found = id.parse().ok().and_then(|id: u64| inner.warehouse.returns.get(&id));
        found.map_or_else(not_found, |found| answer(StatusCode::OK, &view::full(found, &self.channel())))
    }

    /// Only what has not arrived can be called off.
    fn cancel_return(&self, id: &str) -> Response {
        let now = self.desk.now();
        let mut inner = lock(&self.inner);
        let Some(found) = id.parse().ok().and_then(|id: u64| inner.warehouse.returns.get_mut(&id)) else {
            return not_found();
        };
        let id = found.id;
        match found.status() {
            ReturnStatus::AwaitingArrival => {
                found.turn(ReturnStatus::Cancelled, now);
                inner.tell_return(id, "return.updated", now);
                StatusCode::OK.into_response()
            }
            ReturnStatus::Cancelled => StatusCode::OK.into_response(),
            ReturnStatus::Arrived | ReturnStatus::Processing | ReturnStatus::Completed => {
                StatusCode::BAD_REQUEST.into_response()
            }
        }
    }
}

/// `Returns.ApiError`.
fn refused(errors: &[String]) -> Response {
    let body = json!({ "message": "Validation failed", "errors": errors, "details": null, "stackTrace": null });
    answer(StatusCode::UNPROCESSABLE_ENTITY, &body)
}

async fn create_route(
    State(shipbob): State<ShipBob>,
    Path(version): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let refusal = shipbob.refusal(&version, &headers).or_else(|| shipbob.channel_refusal(&headers));
    refusal.unwrap_or_else(|| shipbob.announce(&body))
}

async fn list_route(
    State(shipbob): State<ShipBob>,
    Path(version): Path<String>,
    Query(filters): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    shipbob.refusal(&version, &headers).unwrap_or_else(|| shipbob.list_returns(&filters))
}

async fn show_route(
    State(shipbob): State<ShipBob>,
    Path((version, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    shipbob.refusal(&version, &headers).unwrap_or_else(|| shipbob.show_return(&id))
}

/// The only action is `POST /return/{id}:cancel`.
async fn action_route(
    State(shipbob): State<ShipBob>,
    Path((version, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let cancel = || id.strip_suffix(":cancel").map_or_else(not_found, |id| shipbob.cancel_return(id));
    shipbob.refusal(&version, &headers).unwrap_or_else(cancel)
}
