//! The list of what needs a person. It is a projection: parked and overdue tasks, holds, paused connections, and
//! deliveries that nobody understood. Nothing is closed by age; a row is gone when its cause is.

use crossdock_domain::{Attention, HoldCode};
use crossdock_log::{ConnectionRecord, OrderView, Page, ViewQuery};
use crossdock_step::api::{Answer, Caller, Problem, Reply, Request};
use http::StatusCode;
use serde_json::{Value, json};

use crate::Operate;

const PAGE: i32 = 50;

impl Operate {
    pub(crate) async fn list_exceptions(&self, request: &Request) -> Answer {
        let caller = request.allowed("ops:read")?;
        let connections = self.connections.connections().await.map_err(Problem::unavailable_because)?;
        let visible = visible(request, caller, &connections)?;
        let now = self.recorder.clock().now();
        let paused = connections.iter().filter(|record| visible.iter().any(|name| name == record.connection.as_str()));
        let paused = paused.filter(|record| record.paused_until.is_some_and(|until| until > now));
        let mut exceptions: Vec<Value> = paused.map(pause_json).collect();
        // A cursor goes on within one connection; without one, every connection gives its oldest page.
        let after = request.query.get("cursor").and_then(|cursor| cursor.split_once('|'));
        let mut next_cursor = None;
        for connection in visible.iter().filter(|name| after.is_none_or(|(at, _)| at <= name.as_str())) {
            let from = after.filter(|(at, _)| at == connection).map(|(_, key)| key.to_owned());
            let page = Page { limit: PAGE, after: from };
            let rows = self.views.list(&ViewQuery::Attention(connection.clone()), &page).await;
            let (rows, next) = rows.map_err(Problem::unavailable_because)?;
            exceptions.extend(rows.iter().flat_map(|row| row.exceptions.iter().map(|e| exception_json(row, e))));
            if let Some(next) = next {
                next_cursor = Some(format!("{connection}|{next}"));
                break;
            }
        }
        Ok(Reply::json(StatusCode::OK, &json!({ "exceptions": exceptions, "next_cursor": next_cursor })))
    }
}

/// The connections that the caller reaches (or the one it asks for), in order of their names.
fn visible(request: &Request, caller: &Caller, all: &[ConnectionRecord]) -> Result<Vec<String>, Problem> {
    if let Some(asked) = request.query.get("connection") {
        return if caller.reaches(asked) { Ok(vec![asked.clone()]) } else { Err(Problem::not_found("connection")) };
    }
    let mut names: Vec<String> = all.iter().map(|record| record.connection.to_string()).collect();
    names.retain(|name| caller.reaches(name));
    if caller.connections().is_none() {
        names.push("unknown".into());
    }
    names.sort();
    Ok(names)
}

fn pause_json(record: &ConnectionRecord) -> Value {
    json!({
        "exception_id": format!("connection:{}", record.connection),
        "connection": record.connection,
        "class": "connection",
        "reason": record.paused_reason,
        "since": record.paused_since,
        "due_at": record.paused_until,
        "attempts": 0,
        "actions": ["retry to end the pause now"],
    })
}

fn exception_json(row: &OrderView, exception: &Attention) -> Value {
    let is_order = !["delivery:", "stock:"].iter().any(|other| row.order_id.starts_with(other));
    let id = if is_order { format!("{}~{}", row.order_id, exception.about) } else { row.order_id.clone() };
    json!({
        "exception_id": id,
        "order_id": is_order.then_some(&row.order_id),
        "connection": row.connection,
        "task": exception.about,
        "class": exception.class,
        "reason": exception.reason,
        "since": exception.since,
        "attempts": exception.attempts,
        "actions": actions(exception),
    })
}

/// What may be done about an exception now, in words.
fn actions(exception: &Attention) -> Vec<String> {
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
        ("refund" | "books" | "dispute" | "order" | "catalogue", _) => &["do what the reason says: it ends by itself"],
        _ => &["remove the cause, then retry"],
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}
