//! Says whether a cart could be sold right now, from one read of our own store; it never calls an outside system.

use std::sync::Arc;

use aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayProxyResponse};
use crossdock_connectors::api::parse_cart;
use crossdock_domain::Sku;
use crossdock_domain::checkout::validate;
use crossdock_log::Items;
use crossdock_runner::{Directory, faults};
use crossdock_step::api::{Answer, Reply, Request, serve};
use http::StatusCode;

/// The function.
pub struct ValidateCheckout {
    /// Connections.
    pub directory: Arc<Directory>,
    /// Items with prices and stock.
    pub items: Arc<dyn Items>,
}

impl ValidateCheckout {
    /// Handles one request.
    pub async fn handle(&self, event: ApiGatewayProxyRequest) -> ApiGatewayProxyResponse {
        serve(event, async |request| self.validate(request).await).await
    }

    async fn validate(&self, request: &Request) -> Answer {
        let caller = request.allowed("checkout:validate")?;
        let (connection, cart) = parse_cart(&request.body).map_err(|found| faults::problem(&found))?;
        let settings = self.directory.channel_for(caller, &connection).await?;
        let skus: Vec<Sku> = cart.lines.iter().map(|line| line.sku.clone()).collect();
        let items = self.items.items_with_components(&skus).await;
        if let Err(error) = &items {
            tracing::error!(%error, %connection, "answering degraded");
        }
        let answer = validate(&cart, items.as_ref().ok(), &settings, self.directory.now());
        tracing::info!(%connection, decision = ?answer.decision, degraded = answer.degraded, "validated");
        Ok(Reply::json(StatusCode::OK, &answer))
    }
}
