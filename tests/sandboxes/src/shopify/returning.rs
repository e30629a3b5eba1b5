//! Returns and exchanges: requested, approved or declined, opened, processed, closed.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::fulfillment::{UserError, gid_of};
use super::ledger::{Agreement, AgreementKind, ExchangeLine, Restock, Return, ReturnLine, ReturnStatus};
use super::order::{Ids, Order};
use super::payload::gid;
use super::refunding::{Payment, RefundRequest, ShippingRefund};
use super::shop::Shop;
use super::template::LineTemplate;

/// What a customer wants to send back, and have instead.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    /// SKU, units, reason.
    pub(super) lines: Vec<(String, i64, String)>,
    pub(super) exchange: Vec<LineTemplate>,
}

/// What of a return is processed.
#[derive(Debug, Clone, Default)]
pub(super) struct Processing {
    /// Ids of return lines, with units.
    pub(super) lines: Vec<(u64, i64)>,
    /// Ids of exchange lines.
    pub(super) exchange: Vec<u64>,
    pub(super) shipping: ShippingRefund,
    pub(super) payment: Payment,
    pub(super) note: Option<String>,
    pub(super) allow_over_refund: bool,
}

/// Lines of a return that somebody asks after: their ids, with units.
#[derive(Debug, Clone, Default)]
pub(super) struct Chosen {
    lines: Vec<(u64, i64)>,
    exchange: Vec<(u64, i64)>,
}

impl Chosen {
    /// The arguments of `suggestedFinancialOutcome`. What is no id names no line.
    pub(super) fn read(arguments: &Value) -> Self {
        let each = |name: &str, kind: &str| {
            let lines = arguments.get(name).and_then(Value::as_array).into_iter().flatten();
            let units = |line: &Value| line.get("quantity").and_then(Value::as_i64).unwrap_or(0);
            lines.map(|line| (gid_of(line.get("id"), kind).unwrap_or(0), units(line))).collect()
        };
        Self {
            lines: each("returnLineItems", "ReturnLineItem"),
            exchange: each("exchangeLineItems", "ExchangeLineItem"),
        }
    }
}

impl Shop {
    /// Opens a return, or asks for one; its id.
    pub(super) fn start_return(
        &mut self,
        id: u64,
        (wish, status): (&Wish, ReturnStatus),
        now: Timestamp,
    ) -> Result<u64, String> {
        let mut ids = self.ids.clone();
        let order = self.order_mut(id)?;
        let mut lines = Vec::new();
        for (sku, quantity, reason) in &wish.lines {
            lines.extend(order.returnable((sku, *quantity, reason), &lines, &mut ids)?);
        }
        let mut exchange = Vec::new();
        for template in &wish.exchange {
            exchange.push(ExchangeLine { id: ids.document(), wanted: order.new_line(template, &mut ids)?, line: None });
        }
        let started = ids.document();
        let name = format!("{}-R{}", order.name(), order.returns.len() + 1);
        order.returns.push(Return { id: started, name, status, created_at: now, closed_at: None, lines, exchange });
        order.updated_at = now;
        self.ids = ids;
        let topic = if status == ReturnStatus::Requested { "returns/request" } else { "returns/approve" };
        self.tell_of_return((id, started), topic, now);
        Ok(started)
    }

    /// Moves a return on.
    pub(super) fn move_return(
        &mut self,
        (id, of): (u64, u64),
        (from, to): (&[ReturnStatus], ReturnStatus),
        (topic, now): (&str, Timestamp),
    ) -> Result<(), String> {
        let order = self.order_mut(id)?;
        let found = order.returns.iter_mut().find(|it| it.id == of);
        let found = found.ok_or_else(|| format!("order {id} has no return {of}"))?;
        if !from.contains(&found.status) {
            return Err(format!("return {of} is {}", found.status.word()));
        }
        found.status = to;
        found.closed_at = (to == ReturnStatus::Closed).then_some(now);
        order.updated_at = now;
        self.tell_of_return((id, of), topic, now);
        Ok(())
    }

    /// Settles a return: refunds its lines and puts what is exchanged on the order. The refund's id.
    pub(super) fn process_return(
        &mut self,
        of: u64,
        processing: &Processing,
        now: Timestamp,
    ) -> Result<(u64, Option<u64>), UserError> {
        let known = self.orders.values().find(|order| order.returns.iter().any(|it| it.id == of));
        let mut order = known.cloned().ok_or_else(|| no("returnId", "Return does not exist."))?;
        let (id, mut ids) = (order.id, self.ids.clone());
        let (lines, exchanged) = order.process((of, processing), now, &mut ids)?;
        let money = match &processing.payment {
            Payment::Exact(parts) => !parts.is_empty(),
            Payment::Computed | Payment::Chosen { .. } => true,
        };
        let refunds = !lines.is_empty() || money;
        let (before, before_ids) = (self.orders.insert(id, order), self.ids.clone());
        self.ids = ids;
        let request = RefundRequest {
            lines,
            shipping: processing.shipping,
            payment: processing.payment.clone(),
            note: processing.note.clone(),
            allow_over_refund: processing.allow_over_refund,
            return_id: Some(of),
            exchanged,
            ..RefundRequest::default()
        };
        let refund = if refunds { self.book_refund(id, &request, now).map(Some) } else { Ok(None) };
        if let (Err(error), Some(before)) = (&refund, before) {
            self.orders.insert(id, before);
            self.ids = before_ids;
            return Err(error.clone());
        }
        self.tell_of_return((id, of), "returns/process", now);
        let (refund, news) = (refund?, self.news(now));
        if let Some(refund) = refund {
            self.tell_of_refund((id, refund), "refunds/create", &news);
        }
        self.tell(id, "orders/updated", &news);
        Ok((id, refund))
    }

    fn tell_of_return(&mut self, (id, of): (u64, u64), topic: &str, now: Timestamp) {
        let news = self.news(now);
        let Some(order) = self.orders.get(&id) else { return };
        if let Some(body) = order.returns.iter().find(|it| it.id == of).map(|it| body(order, it)) {
            self.send((id, topic), &body, &news);
        }
    }
}

fn no(field: &str, message: &str) -> UserError {
    UserError { field: Some(vec!["input".to_owned(), field.to_owned()]), message: message.to_owned() }
}

fn body(order: &Order, of: &Return) -> Value {
    let line = |line: &ReturnLine| {
        let of_order = order.lines.get(line.line).map(|it| it.id);
        json!({
            "id": line.id,
            "admin_graphql_api_id": gid("ReturnLineItem", line.id),
            "fulfillment_line_item": { "line_item": { "id": of_order } },
            "quantity": line.quantity,
            "return_reason": line.reason,
            "return_reason_note": "",
            "customer_note": null,
        })
    };
    json!({
        "id": of.id,
        "admin_graphql_api_id": gid("Return", of.id),
        "status": of.status.word(),
        "order": { "id": order.id, "admin_graphql_api_id": gid("Order", order.id) },
        "total_return_line_items": of.lines.iter().map(|line| line.quantity).sum::<i64>(),
        "name": of.name,
        "return_line_items": of.lines.iter().map(line).collect::<Vec<_>>(),
        "exchange_line_items": of.exchange.iter().map(|it| json!({ "id": it.id, "quantity": it.wanted.quantity }))
            .collect::<Vec<_>>(),
    })
}

/// Units to refund, and the price of what is exchanged.
type Processed = (Vec<(usize, i64, Restock)>, i64);

impl Order {
    /// Units of shipped lines that no other return has.
    fn returnable(
        &self,
        (sku, quantity, reason): (&str, i64, &str),
        so_far: &[ReturnLine],
        ids: &mut Ids,
    ) -> Result<Vec<ReturnLine>, String> {
        let dead = |it: &&Return| matches!(it.status, ReturnStatus::Declined | ReturnStatus::Canceled);
        let taken = |at: (usize, usize)| -> i64 {
            let others = self.returns.iter().filter(|it| !dead(it)).flat_map(|it| &it.lines).chain(so_far);
            others.filter(|line| line.fulfilled == at).map(|line| line.quantity).sum()
        };
        let (mut left, mut found) = (quantity, Vec::new());
        for (at, fulfillment) in self.fulfillments.iter().enumerate() {
            for (inner, shipped) in fulfillment.lines.iter().enumerate() {
                let of_sku = self.lines.get(shipped.line).is_some_and(|line| line.sku.as_deref() == Some(sku));
                let units = (shipped.quantity - taken((at, inner))).min(left);
                if of_sku && units > 0 {
                    left -= units;
                    let reason = reason.to_ascii_uppercase();
                    let (fulfilled, line) = ((at, inner), shipped.line);
                    found.push(ReturnLine {
                        id: ids.document(),
                        fulfilled,
                        line,
                        quantity: units,
                        processed: 0,
                        reason,
                    });
                }
            }
        }
        if left > 0 || quantity < 1 {
            return Err(format!("{sku}: {} units were shipped and can be returned", quantity - left));
        }
        Ok(found)
    }

    /// What the buyer would get for chosen lines of a return, less the price of what is exchanged and what is owed on
    /// the order; below zero what the buyer would have to pay. Nothing where one of them is not left.
    pub(super) fn outcome_of(&self, of: &Return, chosen: &Chosen) -> Option<i64> {
        let (mut back, mut price) = (Vec::new(), 0);
        for (id, units) in &chosen.lines {
            let line = of.lines.iter().find(|line| line.id == *id)?;
            (1..=line.quantity - line.processed).contains(units).then_some(())?;
            back.push((line.line, *units, Restock::Return));
        }
        for (id, units) in &chosen.exchange {
            let line = of.exchange.iter().find(|line| line.id == *id && line.line.is_none())?;
            (1..=line.wanted.quantity).contains(units).then_some(())?;
            price += line.wanted.shares_of(*units).total(self.taxes_included);
        }
        let worth: i64 = self.shares_of_lines(&back).iter().map(|(.., shares)| shares.total(self.taxes_included)).sum();
        Some(worth - price + self.credit().min(0))
    }

    fn process(
        &mut self,
        (of, processing): (u64, &Processing),
        now: Timestamp,
        ids: &mut Ids,
    ) -> Result<Processed, UserError> {
        let at = self.returns.iter().position(|it| it.id == of).unwrap_or(usize::MAX);
        let Some(found) = self.returns.get_mut(at) else { return Err(no("returnId", "Return does not exist.")) };
        if !matches!(found.status, ReturnStatus::Open) {
            return Err(no("returnId", "Return is not open."));
        }
        let mut lines = Vec::new();
        for (id, units) in &processing.lines {
            let line = found.lines.iter_mut().find(|line| line.id == *id);
            let line = line.ok_or_else(|| no("returnLineItems", "Return line item does not exist."))?;
            if *units < 1 || *units > line.quantity - line.processed {
                return Err(no("returnLineItems", "Quantity is not available for processing."));
            }
            line.processed += units;
            lines.push((line.line, *units, Restock::Return));
        }
        let mut wanted = Vec::new();
        for id in &processing.exchange {
            let waiting = found.exchange.iter().position(|it| it.id == *id && it.line.is_none());
            let inner = waiting.ok_or_else(|| no("exchangeLineItems", "Exchange line item does not exist."))?;
            wanted.extend(found.exchange.get(inner).map(|it| (inner, it.wanted.clone())));
        }
        let mut sales = Vec::new();
        for (inner, line) in wanted {
            let (index, sale) = self.append_exchanged(line, now, ids);
            sales.push(sale);
            let exchange = self.returns.get_mut(at).and_then(|it| it.exchange.get_mut(inner));
            if let Some(exchange) = exchange {
                exchange.line = Some(index);
            }
        }
        let exchanged = sales.iter().map(|sale| sale.shares.total(self.taxes_included)).sum();
        if !sales.is_empty() {
            self.agreements.push(Agreement { id: ids.document(), why: AgreementKind::Return(of), at: now, sales });
        }
        self.updated_at = now;
        Ok((lines, exchanged))
    }
}
