//! The list of what needs a person. It is a projection: parked and overdue tasks, holds, paused connections, and
//! deliveries that nobody understood. Nothing is closed by age; a row is gone when its cause is.

use crossdock_connectors::api::ExceptionFilter;
use crossdock_domain::event::HoldCode;
use crossdock_domain::exception::{Handling, criticality};
use crossdock_domain::outstanding::{TaskId, TaskKind};
use crossdock_domain::{Attention, ConnectionId};
use crossdock_log::{ConnectionRecord, OrderView, Page, ViewQuery};
use crossdock_step::api::{Answer, Caller, Problem, Reply, Request};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::Operate;

/// Rows that are read at once.
const ROWS: i32 = 50;

/// Rows that are read at most to fill one page of a filtered list: what is left is on the next page.
const MOST_PAGES: usize = 20;

/// Exceptions of deliveries of which not even the sender is known.
const UNKNOWN: &str = "unknown";

/// An exception with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its name in addresses.
    pub(crate) id: String,
    /// The order that it is about, if it is about one.
    pub(crate) order_id: Option<String>,
    /// Whose it is.
    pub(crate) connection: String,
    /// What it is.
    pub(crate) found: Attention,
    /// When it is looked at again by itself, where that is known.
    pub(crate) due_at: Option<Timestamp>,
}

impl Listed {
    fn of(row: &OrderView, found: &Attention) -> Self {
        let is_order = !["delivery:", "stock:"].iter().any(|other| row.order_id.starts_with(other));
        Self {
            id: if is_order { exception_of(&row.order_id, &found.about) } else { row.order_id.clone() },
            order_id: is_order.then(|| row.order_id.clone()),
            connection: row.connection.clone(),
            found: found.clone(),
            due_at: None,
        }
    }

    /// As the API tells it.
    pub(crate) fn json(&self) -> Value {
        let (found, handling) = (&self.found, &self.found.handling);
        json!({
            "exception_id": self.id,
            "order_id": self.order_id,
            "connection": self.connection,
            "task": found.about,
            "step": step_of(&found.about),
            "concerns": criticality(&found.about),
            "class": found.class,
            "reason": found.reason,
            "since": found.since,
            "last_seen": found.last_seen(),
            "due_at": self.due_at,
            "attempts": found.attempts,
            "owner": handling.owner,
            "tags": handling.tags,
            "snoozed_until": handling.snoozed_until,
            "actions": self.words(),
        })
    }

    fn words(&self) -> Vec<String> {
        if self.found.about == CONNECTION { vec!["retry to end the pause now".into()] } else { words(&self.found) }
    }

    fn is_in(&self, filter: &ExceptionFilter, now: Timestamp) -> bool {
        let (found, handling) = (&self.found, &self.found.handling);
        let kind = found.about.split_once(':').map_or(found.about.as_str(), |(kind, _)| kind);
        let is = |asked: &Option<String>, known: &str| asked.as_ref().is_none_or(|asked| asked == known);
        is(&filter.class, &found.class)
            && filter.task.as_ref().is_none_or(|task| task == kind || *task == found.about)
            && is(&filter.owner, handling.owner.as_deref().unwrap_or_default())
            && filter.tag.as_ref().is_none_or(|tag| handling.tags.contains(tag))
            && filter.concerns.is_none_or(|concerns| concerns == found.criticality())
            && (filter.snoozed || !found.is_snoozed(now))
    }
}

/// The name of an order's exception in addresses.
pub(crate) fn exception_of(order_id: &str, about: &str) -> String {
    format!("{order_id}~{about}")
}

/// What an exception of a paused connection is about.
pub(crate) const CONNECTION: &str = "connection";

/// One page of exceptions, and where the next begins.
pub(crate) type Listing = (Vec<Listed>, Option<String>);

impl Operate {
    pub(crate) async fn list_exceptions(&self, request: &Request) -> Answer {
        let caller = request.allowed("ops:read")?;
        let filter = filter_of(request)?;
        let cursor = request.query.get("cursor").map(String::as_str);
        let (found, next_cursor) = self.page_of(caller, &filter, cursor).await?;
        let exceptions: Vec<Value> = found.iter().map(Listed::json).collect();
        Ok(Reply::json(StatusCode::OK, &json!({ "exceptions": exceptions, "next_cursor": next_cursor })))
    }

    /// One page of the exceptions that a caller may see; the oldest of each connection first. The first page begins with
    /// the connections that are down.
    pub(crate) async fn page_of(
        &self,
        caller: &Caller,
        filter: &ExceptionFilter,
        cursor: Option<&str>,
    ) -> Result<Listing, Problem> {
        let records = self.connections.connections().await.map_err(Problem::unavailable_because)?;
        let visible = visible(filter, caller, &records)?;
        let now = self.recorder.clock().now();
        let mut found = if cursor.is_none() { self.paused(&records, &visible).await? } else { Vec::new() };
        found.retain(|listed| listed.is_in(filter, now));
        // A cursor goes on within one connection; without one, every connection gives its oldest page.
        let after = cursor.and_then(|cursor| cursor.split_once('|'));
        let mut pages = 0;
        for connection in visible.iter().filter(|name| after.is_none_or(|(at, _)| at <= name.as_str())) {
            let from = after.filter(|(at, _)| at == connection).map(|(_, key)| key.to_owned());
            let mut page = Page { limit: ROWS, after: from };
            loop {
                let rows = self.views.list(&ViewQuery::Attention(connection.clone()), &page).await;
                let (rows, next) = rows.map_err(Problem::unavailable_because)?;
                let listed = rows.iter().flat_map(|row| row.exceptions.iter().map(|found| Listed::of(row, found)));
                found.extend(listed.filter(|listed| listed.is_in(filter, now)));
                pages += 1;
                let Some(next) = next else { break };
                if found.len() >= ROWS as usize || pages >= MOST_PAGES {
                    return Ok((found, Some(format!("{connection}|{next}"))));
                }
                page.after = Some(next);
            }
        }
        Ok((found, None))
    }

    /// Connections that are left alone: one exception each, however many orders wait.
    async fn paused(&self, records: &[ConnectionRecord], visible: &[String]) -> Result<Vec<Listed>, Problem> {
        let now = self.recorder.clock().now();
        let mut found = Vec::new();
        for record in records.iter().filter(|record| visible.iter().any(|name| name == record.connection.as_str())) {
            let Some(until) = record.paused(now) else { continue };
            let why = (record.paused_reason.clone().unwrap_or_default(), record.paused_since.unwrap_or(now));
            let handling = self.handling_of(&record.connection).await?;
            found.push(Listed {
                id: format!("connection:{}", record.connection),
                order_id: None,
                connection: record.connection.to_string(),
                found: Attention { handling, ..Attention::new(CONNECTION, "connection", why) },
                due_at: Some(until),
            });
        }
        Ok(found)
    }

    /// What people have said about a connection that is down. It has no stream; the last word counts.
    pub(crate) async fn handling_of(&self, connection: &ConnectionId) -> Result<Handling, Problem> {
        let kept = self.markers.marker(&handling_id(connection)).await.map_err(Problem::unavailable_because)?;
        Ok(kept.and_then(|kept| serde_json::from_str(&kept).ok()).unwrap_or_default())
    }
}

pub(crate) fn handling_id(connection: &ConnectionId) -> String {
    format!("handling#{connection}")
}

/// Which exceptions a request's address asks for.
pub(crate) fn filter_of(request: &Request) -> Result<ExceptionFilter, Problem> {
    ExceptionFilter::of(|name| request.query.get(name).map(String::as_str)).map_err(|name| {
        let detail = format!("{name} is none that a filter knows; see infra/openapi.yaml");
        Problem::new(StatusCode::BAD_REQUEST, "filter", detail)
    })
}

/// The connections that the caller reaches (or the one it asks for), in order of their names.
fn visible(filter: &ExceptionFilter, caller: &Caller, all: &[ConnectionRecord]) -> Result<Vec<String>, Problem> {
    if let Some(asked) = &filter.connection {
        return if caller.reaches(asked) { Ok(vec![asked.clone()]) } else { Err(Problem::not_found("connection")) };
    }
    let mut names: Vec<String> = all.iter().map(|record| record.connection.to_string()).collect();
    names.retain(|name| caller.reaches(name));
    if caller.connections().is_none() {
        names.push(UNKNOWN.into());
    }
    names.sort();
    Ok(names)
}

/// The function that does what an exception is about; none where nobody does anything before a person has spoken.
pub(crate) fn step_of(about: &str) -> Option<&'static str> {
    let Ok(task) = about.parse::<TaskId>() else {
        return match about {
            "delivery" => Some("translate-inbound"),
            "post" => Some("post-to-erp"),
            "catalogue" => Some("sync-catalogue"),
            _ => None,
        };
    };
    Some(if task.kind == TaskKind::Allocate {
        "allocate-order"
    } else if TaskKind::FULFILLMENT.contains(&task.kind) {
        "request-fulfillment"
    } else if TaskKind::STOREFRONT.contains(&task.kind) {
        "update-storefront"
    } else {
        "post-to-erp"
    })
}

/// What may be done about an exception, in words. The exception itself tells what is legal now.
fn words(exception: &Attention) -> Vec<String> {
    let about = exception.about.as_str();
    if let Some(code) = about.strip_prefix("hold:") {
        let code: Option<HoldCode> = serde_json::from_value(code.into()).ok();
        return code.map_or_else(Vec::new, |code| code.actions().iter().map(|action| (*action).to_owned()).collect());
    }
    let words: &[&str] = match (about.split_once(':').map_or(about, |(of, _)| of), exception.class.as_str()) {
        ("return", "unannounced") => &["retry to refund it", "decline to keep the goods without a refund"],
        ("return", _) => {
            &["retry to approve it", "decline it", "answer it at the storefront if it was asked for there"]
        }
        ("await_return", _) => &["bring the goods in", "decline to give the return up"],
        ("change", _) => &["do what the reason says, then retry", "decline to leave the order as it was sent"],
        ("refund", "to_pay") => &["pay it, then tell of it"],
        ("refund", "refused") => &["retry to pay it again", "pay the same amount another way at the storefront"],
        ("books", _) | ("refund" | "dispute", "value") => {
            &["do what the reason says: it ends by itself", "resolve it with a reason where it was settled elsewhere"]
        }
        ("dispute" | "order" | "catalogue", _) => &["do what the reason says: it ends by itself"],
        _ => &["remove the cause, then retry"],
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}
