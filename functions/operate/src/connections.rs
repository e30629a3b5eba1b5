//! Connections: how they stand; leaving one alone, taking it up again, asking it again.

use crossdock_connectors::api::parse_pause;
use crossdock_domain::accept::storefront_changed;
use crossdock_domain::event::Decision;
use crossdock_domain::{ConnectionId, Order, OrderId, TaskKind};
use crossdock_log::{ConnectionRecord, OrderView, Page, Pause, ViewQuery};
use crossdock_runner::faults;
use crossdock_runner::polling::Polled;
use crossdock_step::api::{Answer, Caller, Problem, Reply, Request};
use futures_util::StreamExt as _;
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::Operate;
use crate::act::{nothing_to_do, origin};
use crate::polls::polled_json;

/// A call ends in time; the next goes on from its cursor.
const WORK_FOR: SignedDuration = SignedDuration::from_secs(7);

/// Orders that are asked about at the same time.
const CONCURRENCY: usize = 8;

/// Rows that are read at once.
const ROWS: i32 = 100;

/// The longest pause that a person may ask for: what waits that long needs somebody in any case.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(24 * 7);

impl Operate {
    pub(crate) async fn list_connections(&self, request: &Request) -> Answer {
        let caller = request.allowed("ops:read")?;
        let records = self.reached(caller).await?;
        let now = self.recorder.clock().now();
        let polled = self.polled(&records).await?;
        let each = records.iter().zip(&polled);
        let connections: Vec<Value> =
            each.map(|(record, polled)| connection_json(record, polled.as_ref(), now)).collect();
        Ok(Reply::json(StatusCode::OK, &json!({ "connections": connections })))
    }

    /// The connections that a caller reaches, in order of their names.
    pub(crate) async fn reached(&self, caller: &Caller) -> Result<Vec<ConnectionRecord>, Problem> {
        let mut records = self.connections.connections().await.map_err(Problem::unavailable_because)?;
        records.retain(|record| caller.reaches(record.connection.as_str()));
        records.sort_by(|a, b| a.connection.cmp(&b.connection));
        Ok(records)
    }

    pub(crate) async fn act_on_connections(&self, request: &Request) -> Answer {
        let caller = request.allowed("ops:write")?;
        let unknown = || Problem::not_found("connection");
        let name = request.path("connection");
        let connection: ConnectionId = name.parse().map_err(|_| unknown())?;
        let record = self.connections.connection(&connection).await.map_err(Problem::unavailable_because)?;
        let record = record.filter(|_| caller.reaches(name)).ok_or_else(unknown)?;
        match request.path("action") {
            "pause" => self.pause((request, caller), &connection).await,
            "resume" => {
                self.resume(caller, &connection).await?;
                Ok(Reply::json(StatusCode::OK, &json!({ "connection": connection, "paused_until": null })))
            }
            "ask-again" => self.ask_again((request, caller), &record).await,
            "poll" => self.poll((request, caller), &record).await,
            _ => Err(Problem::not_found("operation")),
        }
    }

    /// Takes a connection up again.
    pub(crate) async fn resume(&self, caller: &Caller, connection: &ConnectionId) -> Result<(), Problem> {
        tracing::info!(%connection, by = caller.name, "a pause is ended");
        self.connections.resume(connection).await.map_err(Problem::unavailable_because)
    }

    /// Leaves a connection alone: what is for it waits, and burns no receives.
    async fn pause(&self, (request, caller): (&Request, &Caller), connection: &ConnectionId) -> Answer {
        let (reason, until) = parse_pause(&request.body).map_err(|found| faults::problem(&found))?;
        let now = self.recorder.clock().now();
        if until <= now || until > now + LONGEST_PAUSE {
            let detail = "until has to be a moment within the next seven days";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail));
        }
        let reason = format!("{reason} (by {})", caller.name);
        self.connections
            .pause(connection, &Pause { now, until, reason: reason.clone() })
            .await
            .map_err(Problem::unavailable_because)?;
        tracing::info!(%connection, by = caller.name, %until, "a connection is paused");
        Ok(Reply::json(StatusCode::OK, &json!({ "connection": connection, "paused_until": until, "reason": reason })))
    }

    /// Has a system asked again about every order of which it was to tell something by itself: a 3PL about parcels and
    /// returns, a storefront about what it has changed. Nothing is asked of an ERP, which tells nothing by itself.
    async fn ask_again(&self, (request, caller): (&Request, &Caller), record: &ConnectionRecord) -> Answer {
        let (now, name) = (self.recorder.clock().now(), record.connection.as_str());
        let until = now + WORK_FOR;
        let channels = self.channels_behind(record).await?;
        if channels.is_empty() {
            return Err(nothing_to_do(format!("{name} is no storefront and no 3PL: there is nothing to ask it about")));
        }
        let after = request.query.get("cursor").and_then(|cursor| cursor.split_once('|'));
        let mut asked = 0;
        for channel in channels.iter().filter(|channel| after.is_none_or(|(at, _)| at <= channel.as_str())) {
            let from = after.filter(|(at, _)| at == channel).map(|(_, key)| key.to_owned());
            let mut page = Page { limit: ROWS, after: from };
            loop {
                let rows = self.views.list(&ViewQuery::InFlight(channel.clone()), &page).await;
                let (rows, next) = rows.map_err(Problem::unavailable_because)?;
                let each = rows.iter().filter(|row| concerns(row, name));
                let each = each.map(|row| self.ask_about((request, caller), row, name));
                let each: Vec<_> = futures_util::stream::iter(each).buffer_unordered(CONCURRENCY).collect().await;
                for outcome in each {
                    asked += usize::from(outcome?);
                }
                let Some(next) = next else { break };
                if self.recorder.clock().now() >= until {
                    let told = json!({ "asked": asked, "next_cursor": format!("{channel}|{next}") });
                    return Ok(Reply::json(StatusCode::OK, &told));
                }
                page.after = Some(next);
            }
        }
        Ok(Reply::json(StatusCode::OK, &json!({ "asked": asked, "next_cursor": null })))
    }

    /// The channels whose orders a connection works on: a storefront on its own, a 3PL on those that it lists.
    async fn channels_behind(&self, record: &ConnectionRecord) -> Result<Vec<String>, Problem> {
        let channel = self.directory.channel(&record.connection).await.map_err(Problem::unavailable_because)?;
        if channel.is_some() {
            return Ok(vec![record.connection.to_string()]);
        }
        let listed = record.settings.get("channels").and_then(Value::as_object);
        let mut channels: Vec<String> =
            listed.into_iter().flat_map(|all| all.values()).filter_map(Value::as_str).map(str::to_owned).collect();
        channels.sort();
        channels.dedup();
        Ok(channels)
    }

    async fn ask_about(
        &self,
        (request, caller): (&Request, &Caller),
        row: &OrderView,
        connection: &str,
    ) -> Result<bool, Problem> {
        let Ok(id) = row.order_id.parse::<OrderId>() else { return Ok(false) };
        let mut order = self.recorder.load(&id).await.map_err(Problem::unavailable_because)?;
        let now = self.recorder.clock().now();
        let of_storefront = id.connection.as_str() == connection;
        let decide = |order: &Order| -> Decision {
            if of_storefront { storefront_changed(order, &format!("asked:{now}")) } else { order.ask_again() }
        };
        let cause = format!("api:{}:ask-again:{}", caller.name, order.seq);
        let recorded = self.recorder.record(&mut order, (&cause, &origin(request, caller)), decide).await;
        Ok(matches!(recorded.map_err(Problem::unavailable_because)?, crossdock_runner::Committed::Appended(_)))
    }
}

/// Whether a system was to tell something of an order by itself.
fn concerns(row: &OrderView, connection: &str) -> bool {
    let Some(routes) = &row.routes else { return false };
    let waits = [TaskKind::ConfirmShipment, TaskKind::AwaitReturn].iter().any(|kind| row.owed.contains_key(kind));
    (routes.fulfillment.as_str() == connection && waits)
        || routes.storefront.as_ref().is_some_and(|storefront| storefront.as_str() == connection)
}

fn connection_json(record: &ConnectionRecord, polled: Option<&Polled>, now: jiff::Timestamp) -> Value {
    let paused = record.paused(now);
    json!({
        "connection": record.connection,
        "kind": record.settings.get("kind"),
        "paused_until": paused,
        "paused_since": paused.and(record.paused_since),
        "reason": paused.and(record.paused_reason.as_ref()),
        "polled": polled.map(polled_json),
    })
}
