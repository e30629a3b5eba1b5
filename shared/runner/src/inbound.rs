//! The message on the inbound queue: a delivery with the connection that it came from. Written by receive-webhook,
//! read by translate-inbound and, when nobody could make sense of it, by the operator's tools.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use crossdock_connectors::Delivery;
use crossdock_domain::ids::ConnectionId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A delivery on its way to translation. Its body may hold personal data.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboundMessage {
    /// Who sent it.
    pub connection: ConnectionId,
    /// Follows it through everything that it causes.
    pub correlation_id: String,
    /// When it arrived.
    pub received_at: Timestamp,
    /// The headers that its translation needs.
    pub headers: std::collections::BTreeMap<String, String>,
    /// The body, as text or in base64.
    body: Payload,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Payload {
    Text(String),
    Base64(String),
}

impl std::fmt::Debug for InboundMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "InboundMessage(from {}, correlation id {})", self.connection, self.correlation_id)
    }
}

impl InboundMessage {
    /// Wraps a delivery.
    #[must_use]
    pub fn new(connection: ConnectionId, correlation_id: &str, received_at: Timestamp, delivery: Delivery) -> Self {
        let body = match String::from_utf8(delivery.body) {
            Ok(text) => Payload::Text(text),
            Err(bytes) => Payload::Base64(BASE64_STANDARD.encode(bytes.as_bytes())),
        };
        Self { connection, correlation_id: correlation_id.to_owned(), received_at, headers: delivery.headers, body }
    }

    /// The same delivery with another body.
    #[must_use]
    pub fn with_body(self, body: String) -> Self {
        Self { body: Payload::Text(body), ..self }
    }

    /// The delivery.
    ///
    /// # Errors
    /// The body claims to be base64 and is not.
    pub fn delivery(&self) -> Result<Delivery, String> {
        let body = match &self.body {
            Payload::Text(text) => text.clone().into_bytes(),
            Payload::Base64(text) => BASE64_STANDARD.decode(text).map_err(|error| error.to_string())?,
        };
        Ok(Delivery { headers: self.headers.clone(), body })
    }
}
