//! What a person on call does: see what needs attention, retry it, and have stock compared.

mod exceptions;
mod reconciliations;
mod retry;

use std::sync::Arc;

use aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayProxyResponse};
use crossdock_log::{Connections, Items, People, Views};
use crossdock_runner::{Directory, Recorder, StockKeeper};
use crossdock_step::Queue;
use crossdock_step::api::{Answer, Problem, Request, serve};

/// The function.
pub struct Operate {
    /// Reads and appends orders.
    pub recorder: Recorder,
    /// Reads and notes documents of stock.
    pub keeper: StockKeeper,
    /// Channels' settings.
    pub directory: Arc<Directory>,
    /// The view.
    pub views: Arc<dyn Views>,
    /// Connections and their pauses.
    pub connections: Arc<dyn Connections>,
    /// The catalogue.
    pub items: Arc<dyn Items>,
    /// Deliveries that were kept.
    pub people: Arc<dyn People>,
    /// Where deliveries are sent again.
    pub inbound: Arc<dyn Queue>,
}

impl Operate {
    /// Handles one request.
    pub async fn handle(&self, event: ApiGatewayProxyRequest) -> ApiGatewayProxyResponse {
        let route = (event.http_method.to_string(), event.resource.clone().unwrap_or_default());
        serve(event, async |request| self.route(&route, request).await).await
    }

    async fn route(&self, route: &(String, String), request: &Request) -> Answer {
        match (route.0.as_str(), route.1.as_str()) {
            ("GET", "/ops/exceptions") => self.list_exceptions(request).await,
            ("POST", "/ops/exceptions/{exception_id}/retry") => self.retry_exception(request).await,
            ("POST", "/ops/exceptions/{exception_id}/decline") => self.decline_exception(request).await,
            ("POST", "/ops/reconciliations") => self.request_reconciliation(request).await,
            ("GET", "/ops/reconciliations/{reconciliation_id}") => self.read_reconciliation(request).await,
            _ => Err(Problem::not_found("operation")),
        }
    }
}
