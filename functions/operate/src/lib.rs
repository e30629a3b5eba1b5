//! What a person on call does: see how everything stands and what needs somebody, and repair it; leave a connection
//! alone or ask it again; have stock compared; by calls of the API, or by pages of the console.

mod act;
mod bulk;
mod connections;
mod console;
mod detail;
mod inbox;
mod polls;
mod reconciliations;
mod recordings;
mod replays;
mod standing;

use std::sync::Arc;

use aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayProxyResponse};
use crossdock_log::{Archive, Connections, Items, Markers, People, Views};
use crossdock_runner::{Directory, Recorder, StockKeeper, Unmapped};
use crossdock_step::api::{Answer, Problem, Request, serve};
use crossdock_step::{Bus, Queue};

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
    /// Recipients, and deliveries that were kept.
    pub people: Arc<dyn People>,
    /// Where deliveries are sent again.
    pub inbound: Arc<dyn Queue>,
    /// What was found and counted, and what is said of connections.
    pub markers: Arc<dyn Markers>,
    /// Deliveries as they came.
    pub archive: Arc<dyn Archive>,
    /// Where events go.
    pub bus: Arc<dyn Bus>,
    /// What waits for a SKU to be known.
    pub unmapped: Unmapped,
    /// What the console needs beside.
    pub console: Console,
}

pub use console::Console;

impl Operate {
    /// Handles one request.
    pub async fn handle(&self, event: ApiGatewayProxyRequest) -> ApiGatewayProxyResponse {
        let route = (event.http_method.to_string(), event.resource.clone().unwrap_or_default());
        serve(event, async |request| self.route(&route, request).await).await
    }

    async fn route(&self, route: &(String, String), request: &Request) -> Answer {
        match (route.0.as_str(), route.1.as_str()) {
            (method, "/console" | "/console/{proxy+}") => self.visit(method, request).await,
            ("GET", "/ops/overview") => self.read_overview(request).await,
            ("GET", "/ops/exceptions") => self.list_exceptions(request).await,
            ("GET", "/ops/exceptions.csv") => self.export_exceptions(request).await,
            ("GET", "/ops/exceptions/{exception_id}") => self.read_exception(request).await,
            ("POST", "/ops/exceptions/{exception_id}/{action}") => self.act_on_exception(request).await,
            ("POST", "/ops/bulk-actions") => self.act_on_many(request).await,
            ("GET", "/ops/connections") => self.list_connections(request).await,
            ("POST", "/ops/connections/{connection}/{action}") => self.act_on_connections(request).await,
            ("POST", "/ops/replays") => self.replay(request).await,
            ("GET", "/ops/recordings/{order_id}") => self.read_recording(request).await,
            ("POST", "/ops/reconciliations") => self.request_reconciliation(request).await,
            ("GET", "/ops/reconciliations/{reconciliation_id}") => self.read_reconciliation(request).await,
            _ => Err(Problem::not_found("operation")),
        }
    }
}
