//! Deliveries that nobody could make sense of: kept whole, and shown as an exception of their connection, so that nothing
//! is lost and somebody sees it.

use std::sync::Arc;

use crossdock_domain::Attention;
use crossdock_domain::event::FailureClass;
use crossdock_log::{OrderView, People, Views};
use crossdock_step::{Clock, Failure};

use crate::inbound::InboundMessage;
use crate::store_failure;

/// Keeps deliveries that nobody could understand.
pub struct Undelivered {
    /// Where they are kept.
    pub people: Arc<dyn People>,
    /// Where they are shown.
    pub views: Arc<dyn Views>,
    /// The time.
    pub clock: Clock,
}

impl Undelivered {
    /// Keeps a message under its identity, and shows it with its class and what is wrong with it. The same message twice
    /// is one.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn keep(
        &self,
        (id, body): (&str, &str),
        (class, reason): (FailureClass, &str),
        attempts: u32,
    ) -> Result<(), Failure> {
        self.people.keep_delivery(id, body).await.map_err(store_failure)?;
        let inbound: Option<InboundMessage> = serde_json::from_str(body).ok();
        let connection =
            inbound.as_ref().map_or_else(|| "unknown".to_owned(), |inbound| inbound.connection.to_string());
        let now = self.clock.now();
        let since = inbound.map_or(now, |inbound| inbound.received_at);
        let reason = format!("a delivery could not be understood: {reason}");
        let exception = Attention { attempts, ..Attention::new("delivery", class.to_string(), (reason, since)) };
        tracing::error!(connection, message = id, "a delivery could not be understood");
        let row = OrderView::of_delivery((id, &connection), exception, now);
        self.views.show(&row).await.map(|_| ()).map_err(store_failure)
    }
}
