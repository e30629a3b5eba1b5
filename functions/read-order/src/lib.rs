//! What an order is, what has happened to it, and what is left to do and why.

use std::sync::Arc;

use aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayProxyResponse};
use crossdock_domain::event::Document;
use crossdock_domain::{Commit, Minor, Order, OrderId};
use crossdock_log::{Log, OrderView, Page, ViewQuery, Views};
use crossdock_step::api::{Answer, Caller, Problem, Reply, Request, serve};
use http::StatusCode;
use serde_json::{Value, json};

/// The function.
pub struct ReadOrder {
    /// The log: one order is read from its facts.
    pub log: Arc<dyn Log>,
    /// The view: lists are read from it, seconds behind at most.
    pub views: Arc<dyn Views>,
}

/// Rows of a page, unless the caller asks for fewer.
const PAGE: i32 = 50;

impl ReadOrder {
    /// Handles one request.
    pub async fn handle(&self, event: ApiGatewayProxyRequest) -> ApiGatewayProxyResponse {
        serve(event, async |request| self.read(request).await).await
    }

    async fn read(&self, request: &Request) -> Answer {
        let caller = request.allowed("orders:read")?;
        if request.path.contains_key("order_id") {
            return self.one(request, caller).await;
        }
        self.list(request, caller).await
    }

    async fn one(&self, request: &Request, caller: &Caller) -> Answer {
        let unknown = || Problem::not_found("order");
        let id: OrderId = request.path("order_id").parse().map_err(|_| unknown())?;
        if !caller.reaches(id.connection.as_str()) {
            return Err(unknown());
        }
        let commits = self.log.load(&id.stream(), 1).await.map_err(|_| Problem::unavailable())?;
        if commits.is_empty() {
            return Err(unknown());
        }
        Ok(Reply::json(StatusCode::OK, &order_json(&Order::fold(id, &commits), &commits)))
    }

    async fn list(&self, request: &Request, caller: &Caller) -> Answer {
        let connection = listed_connection(request, caller)?;
        let query = match request.query.get("status") {
            Some(status) => ViewQuery::Status(connection, status.clone()),
            None => ViewQuery::Connection(connection),
        };
        let limit = match request.query.get("limit") {
            None => PAGE,
            Some(text) => text.parse().ok().filter(|limit| (1..=PAGE).contains(limit)).ok_or_else(|| {
                Problem::new(StatusCode::BAD_REQUEST, "limit", format!("limit has to be a number from 1 to {PAGE}"))
            })?,
        };
        let page = Page { limit, after: request.query.get("cursor").cloned() };
        let (rows, next) = self.views.list(&query, &page).await.map_err(|_| Problem::unavailable())?;
        let orders: Vec<Value> = rows.iter().map(row_json).collect();
        Ok(Reply::json(StatusCode::OK, &json!({ "orders": orders, "next_cursor": next })))
    }
}

/// The connection to list: the one asked for, or the only one that the caller reaches.
fn listed_connection(request: &Request, caller: &Caller) -> Result<String, Problem> {
    if let Some(asked) = request.query.get("connection") {
        return if caller.reaches(asked) { Ok(asked.clone()) } else { Err(Problem::not_found("connection")) };
    }
    match caller.connections() {
        Some([only]) => Ok(only.clone()),
        Some(_) | None => {
            Err(Problem::new(StatusCode::BAD_REQUEST, "connection", "name the connection to list: ?connection=<name>"))
        }
    }
}

fn row_json(row: &OrderView) -> Value {
    json!({
        "order_id": row.order_id,
        "connection": row.connection,
        "status": row.status,
        "updated_at": row.updated_at,
        "exceptions": row.exceptions.len(),
    })
}

fn order_json(order: &Order, commits: &[Commit]) -> Value {
    json!({
        "order_id": order.id,
        "status": order.status(),
        "name": order.accepted.as_ref().map(|accepted| &accepted.fact.order.name),
        "correlation_id": order.correlation_id,
        "lines": lines_json(order),
        "totals": totals_json(order),
        "holds": order.holds.values().map(|hold| json!({
            "code": hold.fact.code, "detail": hold.fact.detail, "since": hold.at, "actions": hold.fact.code.actions(),
        })).collect::<Vec<_>>(),
        "timeline": commits.iter().flat_map(timeline_json).collect::<Vec<_>>(),
        "outstanding": outstanding_json(order),
        "returns": returns_json(order),
        "refunds": refunds_json(order),
        "disputes": disputes_json(order),
        "documents": documents_json(order),
    })
}

fn lines_json(order: &Order) -> Vec<Value> {
    let lines = order.lines().enumerate();
    lines
        .map(|(index, line)| {
            json!({
                "line": index,
                "line_id": line.id,
                "sku": line.sku,
                "ordered": line.quantity,
                "allocated": order.allocated(index),
                "shipped": order.shipped(index),
                "invoiced": order.invoiced(index),
                "cancelled": order.cancelled(index),
                "in_return": order.in_return(index),
                "unit_price_minor": line.unit_price,
            })
        })
        .collect()
}

fn totals_json(order: &Order) -> Value {
    let Some(accepted) = &order.accepted else { return Value::Null };
    let mut totals = accepted.fact.order.totals().map_or(Value::Null, |totals| json!(totals));
    let invoiced: i64 = order.invoices.values().filter_map(|i| i.fact.total_minor).map(Minor::get).sum();
    let tendered: i64 = order.captured_tenders().map(|(_, tender)| tender.amount.get()).sum();
    if let Some(fields) = totals.as_object_mut() {
        fields.insert("currency".into(), json!(accepted.fact.order.currency));
        fields.insert("invoiced_minor".into(), invoiced.into());
        fields.insert("tendered_minor".into(), tendered.into());
        fields.insert("refunded_minor".into(), json!(order.refunded().unwrap_or_default()));
        let (receivable, deposit, credit) = order.open_books();
        fields.insert("open_minor".into(), json!({ "receivable": receivable, "deposit": deposit, "credit": credit }));
    }
    totals
}

fn timeline_json(commit: &Commit) -> Vec<Value> {
    let entry = |event: &crossdock_domain::Event| {
        let written = serde_json::to_value(event).unwrap_or_default();
        json!({
            "seq": commit.seq,
            "event": event.type_name(),
            "at": commit.at,
            "actor": commit.actor,
            "correlation_id": commit.correlation_id,
            "data": written.get("data"),
        })
    };
    commit.events.iter().map(entry).collect()
}

fn outstanding_json(order: &Order) -> Vec<Value> {
    let entry = |task: crossdock_domain::Task| {
        let parked = order.parked.get(&task.id).map(|parked| &parked.fact);
        json!({
            "task": task.id.to_string(),
            "since": task.since,
            "due_at": order.due_at(&task),
            "attempts": order.attempts(&task.id),
            "parked": parked.map(|parked| json!({
                "class": parked.class, "reason": parked.reason, "waits_on": parked.waits_on,
            })),
        })
    };
    order.outstanding().into_iter().map(entry).collect()
}

fn returns_json(order: &Order) -> Vec<Value> {
    let known = order.reversals.returns.values().map(|known| &known.fact);
    let status =
        |number: u32| match (order.reversals.closed.get(&number), order.reversals.authorized.contains_key(&number)) {
            (Some(reason), _) => reason.clone(),
            (None, true) => "authorized".to_owned(),
            (None, false) => "waits_for_approval".to_owned(),
        };
    known
        .map(|known| {
            json!({
                "return": known.number,
                "status": status(known.number),
                "resolution": known.resolution,
                "lines": known.lines.iter().map(|line| json!({
                    "line": line.line,
                    "quantity": line.quantity,
                    "reason": line.reason,
                    "received": order.received(known.number, line.line),
                })).collect::<Vec<_>>(),
            })
        })
        .collect()
}

fn refunds_json(order: &Order) -> Vec<Value> {
    let known = order.reversals.refunds.values().map(|known| &known.fact);
    known
        .map(|refund| {
            let issued = order.reversals.issued.get(&refund.number).map(|issued| &issued.fact);
            json!({
                "refund": refund.number,
                "origin": refund.origin,
                "return": refund.of_return,
                "total_minor": refund.total,
                "status": issued.map(crossdock_domain::event::IssuedRefund::status),
                "withdrawn": order.reversals.withdrawn.contains(&refund.number),
            })
        })
        .collect()
}

fn disputes_json(order: &Order) -> Vec<Value> {
    let known = order.reversals.disputes.values().map(|known| &known.fact);
    known
        .map(|dispute| {
            let end = order.reversals.dispute_ends.get(&dispute.number).map(|end| end.fact.outcome);
            json!({
                "dispute": dispute.number,
                "status": end.map_or_else(|| json!("open"), |outcome| json!(outcome)),
                "amount_minor": dispute.amount,
                "currency": dispute.currency,
            })
        })
        .collect()
}

fn documents_json(order: &Order) -> Vec<Value> {
    let entry = |(kind, document): (&str, &Document)| {
        json!({
            "system": document.system,
            "kind": kind,
            "id": document.id,
            "reference": document.reference,
            "total_minor": document.total_minor,
        })
    };
    order.documents().into_iter().map(entry).collect()
}
