//! Retrying: a parked task is taken up again, a hold whose cause is gone is lifted, a pause is ended, a delivery is
//! translated again.

use std::collections::BTreeMap;

use crossdock_domain::accept::{Context, liftable_holds};
use crossdock_domain::event::{Decision, HoldCode};
use crossdock_domain::ids::ConnectionId;
use crossdock_domain::inventory::StockDocument;
use crossdock_domain::outstanding::TaskId;
use crossdock_domain::returns::{decline, resolve};
use crossdock_domain::{Attention, Event, Order, OrderId, Sku};
use crossdock_log::{OrderView, stock_stream};
use crossdock_runner::{CommitError, Committed, Origin};
use crossdock_step::api::{Answer, Caller, Problem, Reply, Request};
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::json;

use crate::Operate;

fn unknown() -> Problem {
    Problem::not_found("exception")
}

pub(crate) fn origin(request: &Request, caller: &Caller) -> Origin {
    Origin::asked_by("operator", request, caller)
}

/// An exception that no word of an operator ends: what it says has to be done elsewhere.
fn no_word_helps(order: &Order, about: &str) -> Problem {
    let known = order.attention().into_iter().find(|exception| exception.about == about);
    known.map_or_else(unknown, |exception| nothing_to_retry(exception.reason))
}

/// What is told when somebody's word was recorded, or had nothing to change.
fn done(committed: Result<Committed, CommitError>, order: &Order, about: &str) -> Result<(), Problem> {
    match committed.map_err(Problem::unavailable_because)? {
        Committed::Appended(_) | Committed::Already => Ok(()),
        Committed::Nothing if order.attention().iter().any(|exception| exception.about == about) => {
            Err(no_word_helps(order, about))
        }
        Committed::Nothing => {
            Err(nothing_to_retry("nothing waits for your word: it runs, is done, or is for the storefront to say"))
        }
    }
}

fn nothing_to_retry(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::CONFLICT, "nothing-to-retry", detail)
}

impl Operate {
    pub(crate) async fn retry_exception(&self, request: &Request) -> Answer {
        let caller = request.allowed("ops:write")?;
        let id = request.path("exception_id");
        if let Some(connection) = id.strip_prefix("connection:") {
            self.end_pause(caller, connection).await?;
        } else if let Some(delivery) = id.strip_prefix("delivery:") {
            self.translate_again(caller, delivery).await?;
        } else if id.starts_with("stock:") {
            self.post_again(request, caller, id).await?;
        } else {
            self.retry_order(request, caller, id).await?;
        }
        Ok(Reply::json(StatusCode::ACCEPTED, &json!({ "exception_id": id, "released": true })))
    }

    async fn end_pause(&self, caller: &Caller, connection: &str) -> Result<(), Problem> {
        let connection: ConnectionId = connection.parse().map_err(|_| unknown())?;
        let record = self.connections.connection(&connection).await.map_err(Problem::unavailable_because)?;
        let record = record.filter(|_| caller.reaches(connection.as_str())).ok_or_else(unknown)?;
        if record.paused_until.is_none_or(|until| until <= self.recorder.clock().now()) {
            return Err(nothing_to_retry(format!("{connection} is not paused")));
        }
        self.connections.resume(&connection).await.map_err(Problem::unavailable_because)
    }

    async fn translate_again(&self, caller: &Caller, delivery: &str) -> Result<(), Problem> {
        let row = self
            .views
            .seen(&format!("delivery:{delivery}"))
            .await
            .map_err(Problem::unavailable_because)?
            .ok_or_else(unknown)?;
        if !caller.reaches(&row.connection) {
            return Err(unknown());
        }
        let message =
            self.people.find_delivery(delivery).await.map_err(Problem::unavailable_because)?.ok_or_else(unknown)?;
        if row.exceptions.is_empty() {
            return Err(nothing_to_retry("the delivery was sent to translation again already"));
        }
        self.inbound.send(message, SignedDuration::ZERO).await.map_err(Problem::unavailable_because)?;
        // Should it fail again, it comes back under its new message's name.
        let closed = OrderView {
            seq: row.seq + 1,
            status: "retried".into(),
            connection_status: format!("{}#retried", row.connection),
            exceptions: Vec::<Attention>::new(),
            attention: None,
            attention_since: None,
            ..row
        };
        self.views.show(&closed).await.map(|_| ()).map_err(Problem::unavailable_because)
    }

    /// Takes a document of stock up again that its ERP did not take.
    async fn post_again(&self, request: &Request, caller: &Caller, id: &str) -> Result<(), Problem> {
        let stream = stock_stream(id).ok_or_else(unknown)?;
        let document = self.keeper.load(&stream).await.map_err(Problem::unavailable_because)?;
        let Some((parked, _)) = &document.parked else {
            if let Some((refused, _)) = document.refused.filter(|(refused, _)| caller.reaches(refused.erp.as_str())) {
                return Err(nothing_to_retry(refused.reason));
            }
            return Err(if document.seq == 0 { unknown() } else { nothing_to_retry("it is posted, or on its way") });
        };
        if !caller.reaches(parked.erp.as_str()) {
            return Err(unknown());
        }
        let (erp, cause) = (parked.erp.clone(), format!("api:{}:retry:{}", caller.name, document.seq));
        let decide = |known: &StockDocument| known.parked.as_ref().map(|_| Event::StockReleased { erp: erp.clone() });
        self.keeper
            .note(&stream, (&cause, &origin(request, caller)), decide)
            .await
            .map(|_| ())
            .map_err(Problem::unavailable_because)
    }

    /// The order that an exception is about, and what of it.
    async fn order_of<'a>(&self, caller: &Caller, id: &'a str) -> Result<(Order, &'a str), Problem> {
        let (order_id, about) = id.split_once('~').ok_or_else(unknown)?;
        let order_id: OrderId = order_id.parse().map_err(|_| unknown())?;
        if !caller.reaches(order_id.connection.as_str()) {
            return Err(unknown());
        }
        let order = self.recorder.load(&order_id).await.map_err(Problem::unavailable_because)?;
        if order.seq == 0 { Err(unknown()) } else { Ok((order, about)) }
    }

    async fn retry_order(&self, request: &Request, caller: &Caller, id: &str) -> Result<(), Problem> {
        let (mut order, about) = self.order_of(caller, id).await?;
        let origin = origin(request, caller);
        // Each retry is an act of its own: the state that it saw is part of its identity.
        let cause = format!("api:{}:retry:{about}:{}", caller.name, order.seq);
        let committed = if let Some(code) = about.strip_prefix("hold:") {
            let code: HoldCode = serde_json::from_value(code.into()).map_err(|_| unknown())?;
            let liftable = self.liftable(&order).await?;
            if !liftable.contains(&code) {
                return Err(nothing_to_retry(format!(
                    "the order is still held for {code}; {}",
                    code.actions().join(", or ")
                )));
            }
            self.recorder.record(&mut order, (&cause, &origin), |order| lift(order, &liftable)).await
        } else if let Ok(task) = about.parse::<TaskId>() {
            self.recorder.record(&mut order, (&cause, &origin), |order| release(order, &task)).await
        } else if ["return:", "change:", "refund:"].iter().any(|of| about.starts_with(of)) {
            self.recorder.record(&mut order, (&cause, &origin), |order| resolve(order, about)).await
        } else {
            return Err(no_word_helps(&order, about));
        };
        done(committed, &order, about)
    }

    pub(crate) async fn decline_exception(&self, request: &Request) -> Answer {
        let caller = request.allowed("ops:write")?;
        let id = request.path("exception_id");
        let (mut order, about) = self.order_of(caller, id).await?;
        let cause = format!("api:{}:decline:{about}:{}", caller.name, order.seq);
        let origin = origin(request, caller);
        let committed = self.recorder.record(&mut order, (&cause, &origin), |order| decline(order, about)).await;
        done(committed, &order, about)?;
        Ok(Reply::json(StatusCode::ACCEPTED, &json!({ "exception_id": id, "declined": true })))
    }

    /// Every hold whose cause is gone: they are lifted together, so that one retry is enough.
    async fn liftable(&self, order: &Order) -> Result<Vec<HoldCode>, Problem> {
        let settings = self
            .directory
            .channel(&order.id.connection)
            .await
            .map_err(Problem::unavailable_because)?
            .ok_or_else(unknown)?;
        let skus: Vec<Sku> = order.goods().filter_map(|(_, line)| line.sku.clone()).collect();
        let items: BTreeMap<_, _> = self.items.items(&skus).await.map_err(Problem::unavailable_because)?;
        let recipient = match order.recipient() {
            Some(hash) => self.people.find(&order.id.stream(), hash).await.map_err(Problem::unavailable_because)?,
            None => None,
        };
        Ok(liftable_holds(order, recipient.as_ref(), Context { settings: &settings, items: &items }))
    }
}

fn lift(order: &Order, codes: &[HoldCode]) -> Decision {
    let codes: Vec<HoldCode> = codes.iter().copied().filter(|code| order.holds.contains_key(code)).collect();
    if codes.is_empty() { Decision::default() } else { Event::OrderReleased { codes }.into() }
}

fn release(order: &Order, task: &TaskId) -> Decision {
    if order.parked.contains_key(task) {
        Event::TaskReleased { task: task.clone() }.into()
    } else {
        Decision::default()
    }
}
