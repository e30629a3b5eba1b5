//! Stock as callers see and tell it: receipts, counts, adjustments and transfers come in; levels and the ledger of a SKU
//! go out. It calls no outside system.

mod catalogue;
mod documents;
mod levels;

use std::sync::Arc;

use aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayProxyResponse};
use crossdock_domain::{ConnectionId, LocationId, Sku};
use crossdock_log::Items;
use crossdock_runner::{Directory, Origin, StockKeeper, Unmapped};
use crossdock_step::Clock;
use crossdock_step::api::{Answer, Caller, Problem, Request, serve};
use http::StatusCode;
use serde_json::json;

/// The function.
pub struct ManageStock {
    /// Records documents.
    pub keeper: StockKeeper,
    /// The catalogue, with stock and its ledger.
    pub items: Arc<dyn Items>,
    /// Connections.
    pub directory: Arc<Directory>,
    /// The time.
    pub clock: Clock,
    /// The ERP that is to know of what comes in and of differences.
    pub erp: ConnectionId,
    /// What waits for a SKU to be known.
    pub unmapped: Unmapped,
}

impl ManageStock {
    /// Handles one request.
    pub async fn handle(&self, event: ApiGatewayProxyRequest) -> ApiGatewayProxyResponse {
        let route = (event.http_method.to_string(), event.resource.clone().unwrap_or_default());
        serve(event, async |request| self.route(&route, request).await).await
    }

    async fn route(&self, route: &(String, String), request: &Request) -> Answer {
        match (route.0.as_str(), route.1.as_str()) {
            ("POST", "/inventory/receipts") => self.receive(request).await,
            ("POST", "/inventory/counts") => self.count(request).await,
            ("POST", "/inventory/adjustments") => self.adjust(request).await,
            ("POST", "/inventory/transfers") => self.transfer(request).await,
            ("GET", "/inventory/items/{sku}") => self.levels(request).await,
            ("GET", "/inventory/items/{sku}/ledger") => self.ledger(request).await,
            ("POST", "/inventory/items/{sku}/parts") => self.spread(request).await,
            ("PUT", "/catalogue/items/{sku}") => self.keep_item(request).await,
            _ => Err(Problem::not_found("operation")),
        }
    }

    /// SKUs that the catalogue does not know, and kits, which have no stock: nothing of a document that names one is
    /// recorded.
    async fn check_skus(&self, skus: &[Sku]) -> Result<(), Problem> {
        let items = self.items.items(skus).await.map_err(Problem::unavailable_because)?;
        let strangers: Vec<&Sku> = skus.iter().filter(|sku| !items.contains_key(*sku)).collect();
        if strangers.is_empty() {
            let kit = items.values().find(|item| item.is_kit());
            return kit.map_or(Ok(()), |kit| {
                let detail =
                    format!("{} is a kit: tell of its components; nothing of the document was recorded", kit.sku);
                Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "a-kit", detail))
            });
        }
        let detail = "the catalogue does not know every SKU of the document; nothing of it was recorded. Add them with PUT \
                      /v1/catalogue/items/{sku}, then send it again";
        let reasons: Vec<_> = strangers.iter().map(|sku| json!({ "code": "unknown_sku", "detail": sku })).collect();
        Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "unknown-sku", detail).with("reasons", reasons))
    }
}

pub(crate) fn origin(request: &Request, caller: &Caller) -> Origin {
    Origin::asked_by("api", request, caller)
}

pub(crate) fn sku(request: &Request) -> Result<Sku, Problem> {
    request.path("sku").parse().map_err(|_| Problem::not_found("item"))
}

pub(crate) fn location(request: &Request) -> Result<LocationId, Problem> {
    let told = request.query.get("location").map(String::as_str).unwrap_or_default();
    let detail = "location is missing or names none: 1 to 20 characters of A-Z, 0-9 and -";
    told.parse().map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "malformed", detail))
}
