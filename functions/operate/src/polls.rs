//! Storefronts' lists of orders: how far they were looked through, and having that done from an earlier moment on.

use crossdock_connectors::api::parse_poll;
use crossdock_log::ConnectionRecord;
use crossdock_runner::faults;
use crossdock_runner::polling::{Asked, Polled};
use crossdock_step::api::{Answer, Caller, Problem, Reply, Request};
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::Operate;
use crate::act::nothing_to_do;

/// Shopify shows an app the orders of the last 60 days. [doc: "Access scopes: read_all_orders"]
const LONGEST_LOOK_BACK: SignedDuration = SignedDuration::from_hours(24 * 60);

impl Operate {
    /// Has what the storefront did not tell looked for from a moment on. `poll-source` takes it up when it runs next.
    pub(crate) async fn poll(&self, (request, caller): (&Request, &Caller), record: &ConnectionRecord) -> Answer {
        let (name, now) = (&record.connection, self.recorder.clock().now());
        if !is_polled(record) {
            return Err(nothing_to_do(format!("{name} is no storefront: it has no list of orders to look through")));
        }
        let from = parse_poll(&request.body).map_err(|found| faults::problem(&found))?;
        if from > now || from < now - LONGEST_LOOK_BACK {
            let detail = "from has to be a moment within the last 60 days";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail));
        }
        let asked = Asked { from, at: now, by: caller.name.clone() };
        asked.keep(self.markers.as_ref(), name).await.map_err(Problem::unavailable_because)?;
        tracing::info!(connection = %name, by = caller.name, %from, "what was not told is looked for");
        let answer = json!({ "connection": name, "from": from, "asked_at": now });
        Ok(Reply::json(StatusCode::ACCEPTED, &answer))
    }

    /// How far each connection's list was looked through; nothing where it has none, or never was.
    pub(crate) async fn polled(&self, records: &[ConnectionRecord]) -> Result<Vec<Option<Polled>>, Problem> {
        let mut polled = Vec::with_capacity(records.len());
        for record in records {
            polled.push(if is_polled(record) {
                let read = Polled::read(self.markers.as_ref(), &record.connection).await;
                read.map_err(Problem::unavailable_because)?
            } else {
                None
            });
        }
        Ok(polled)
    }
}

/// Whether a connection is a storefront with a list of orders of its own.
pub(crate) fn is_polled(record: &ConnectionRecord) -> bool {
    record.takes_orders() && crossdock_connectors::lists_orders(&record.settings)
}

pub(crate) fn polled_json(polled: &Polled) -> Value {
    json!({
        "since": polled.since,
        "until": polled.until,
        "under_way": polled.walk.is_some(),
        "last": polled.last,
    })
}
