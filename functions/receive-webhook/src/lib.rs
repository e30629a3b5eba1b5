//! Takes vendors' deliveries: checks the signature on the raw bytes, enqueues, answers. It parses nothing and writes
//! nothing else, so that the vendor has its answer in milliseconds.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayProxyResponse};
use crossdock_connectors::{Delivery, webhook};
use crossdock_domain::ids::ConnectionId;
use crossdock_runner::Directory;
use crossdock_runner::inbound::InboundMessage;
use crossdock_step::api::{Answer, Problem, Reply, Request, serve};
use crossdock_step::{Clock, Failure, Queue, Secrets};
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::json;

/// The largest message that SQS takes.
const MAX_MESSAGE_BYTES: usize = 1_048_576;

/// The function.
pub struct ReceiveWebhook {
    /// Connections.
    pub directory: Arc<Directory>,
    /// Their secrets.
    pub secrets: Arc<dyn Secrets>,
    /// Where deliveries wait for translation.
    pub inbound: Arc<dyn Queue>,
    /// The time.
    pub clock: Clock,
}

impl ReceiveWebhook {
    /// Handles one delivery.
    pub async fn handle(&self, event: ApiGatewayProxyRequest) -> ApiGatewayProxyResponse {
        serve(event, async |request| self.receive(request).await).await
    }

    async fn receive(&self, request: &Request) -> Answer {
        let unknown = || Problem::not_found("connection");
        let connection: ConnectionId = request.path("connection").parse().map_err(|_| unknown())?;
        let record = self.directory.find(&connection).await.map_err(unavailable)?.ok_or_else(unknown)?;
        let secret = self.secrets.secret(connection.as_str()).await.map_err(unavailable)?;
        let signed = (request.body.as_slice(), self.clock.now());
        if let Err(rejected) = webhook::verify(&record.settings, &secret, &request.headers, signed) {
            tracing::warn!(%connection, reason = %rejected, "delivery rejected");
            return Err(Problem::new(StatusCode::UNAUTHORIZED, "signature", rejected.to_string()));
        }
        let kept = webhook::kept_headers(&record.settings);
        let headers: BTreeMap<String, String> =
            request.headers.iter().filter(|(name, _)| kept.contains(&name.as_str())).cloned().collect();
        let delivery = Delivery { headers, body: request.body.clone() };
        let message = InboundMessage::new(connection.clone(), &request.correlation_id, self.clock.now(), delivery);
        let body = serde_json::to_string(&message).map_err(|_| Problem::unavailable())?;
        if body.len() > MAX_MESSAGE_BYTES {
            tracing::error!(%connection, bytes = body.len(), "a delivery is too large for the queue");
            return Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "the delivery is larger than a queue message",
            ));
        }
        self.inbound.send(body, SignedDuration::ZERO).await.map_err(unavailable)?;
        tracing::info!(%connection, correlation_id = request.correlation_id, "delivery taken");
        Ok(Reply::json(StatusCode::OK, &json!({})))
    }
}

fn unavailable(failure: Failure) -> Problem {
    tracing::error!(%failure, "a delivery could not be taken; its sender repeats it");
    Problem::unavailable()
}
