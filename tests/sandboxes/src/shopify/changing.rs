//! What staff changes about an order after it was placed: cancelling, editing, the address, disputes.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::ledger::{Agreement, AgreementKind, Dispute, Restock, Sale, SaleOf, TransactionStatus};
use super::order::{FulfillmentOrder, FulfillmentOrderLine, FulfillmentOrderStatus, Ids, Line, Order, priced_line};
use super::payload::gid;
use super::refunding::{RefundRequest, ShippingRefund};
use super::reversals;
use super::shop::Shop;
use super::stock;
use super::template::{Address, FinancialStatus, LineTemplate};

/// How an order is cancelled.
#[derive(Debug, Clone)]
pub(super) struct Cancelling {
    pub(super) reason: String,
    pub(super) refund: bool,
    pub(super) restock: bool,
    pub(super) status: TransactionStatus,
}

/// An edit of an order.
#[derive(Debug, Clone)]
pub(super) struct Edit {
    pub(super) add: Vec<LineTemplate>,
    /// SKU, and the units that the line is to have.
    pub(super) set: Vec<(String, i64)>,
}

impl Shop {
    pub(super) fn cancel(&mut self, id: u64, how: &Cancelling, now: Timestamp) -> Result<(), String> {
        let order = self.order_mut(id)?;
        if order.cancelled_at.is_some() {
            return Err("Cannot cancel an order that has already been canceled".to_owned());
        }
        if !order.fulfillments.is_empty() {
            return Err("Cannot cancel an order that has outstanding fulfillments".to_owned());
        }
        let paid = order.received() - order.refunded() > 0;
        order.cancelled_at = Some(now);
        order.cancel_reason = Some(how.reason.clone());
        order.updated_at = now;
        let news = self.news(now);
        if how.refund && paid {
            let refund = self.refund_all(id, how, now)?;
            self.close((id, how.restock), now);
            self.tell(id, "orders/cancelled", &news);
            self.tell_of_refund((id, refund), "refunds/create", &news);
        } else {
            self.close((id, how.restock), now);
            self.tell(id, "orders/cancelled", &news);
        }
        self.tell(id, "orders/updated", &news);
        Ok(())
    }

    fn refund_all(&mut self, id: u64, how: &Cancelling, now: Timestamp) -> Result<u64, String> {
        let restock = if how.restock { Restock::Cancel } else { Restock::Removal };
        let order = self.order_mut(id)?;
        let lines = order.lines.iter().enumerate().filter(|(_, line)| line.current > 0);
        let request = RefundRequest {
            lines: lines.map(|(index, line)| (index, line.current, restock)).collect(),
            shipping: ShippingRefund::Full,
            status: how.status,
            ..RefundRequest::default()
        };
        self.book_refund(id, &request, now).map_err(|error| error.message)
    }

    /// Nothing of a cancelled order is left to ship or to pay.
    fn close(&mut self, (id, restock): (u64, bool), now: Timestamp) {
        let Some(order) = self.orders.get_mut(&id) else { return };
        let gone = if restock { Vec::new() } else { stock::written_off(order) };
        for line in &mut order.lines {
            line.current = 0;
        }
        order.shipping_left = super::ledger::Shares::default();
        if let FinancialStatus::Pending | FinancialStatus::Authorized = order.financial_status {
            order.financial_status = FinancialStatus::Voided;
        }
        for part in &mut order.fulfillment_orders {
            part.status = FulfillmentOrderStatus::Closed;
            part.holds.clear();
            part.updated_at = now;
        }
        self.moves(&gone, now);
    }

    pub(super) fn change_address(&mut self, id: u64, address: Address, now: Timestamp) -> Result<(), String> {
        let order = self.order_mut(id)?;
        order.shipping_address = Some(address);
        order.updated_at = now;
        let news = self.news(now);
        self.tell(id, "orders/updated", &news);
        Ok(())
    }

    /// Adds lines and sets quantities; the id of the edit as webhooks tell it.
    pub(super) fn edit(&mut self, id: u64, edit: &Edit, now: Timestamp) -> Result<u64, String> {
        for location in edit.add.iter().filter_map(|line| line.location.as_ref()) {
            if self.letterhead.location_id(location).is_none() {
                return Err(format!("the shop has no location {location:?}"));
            }
        }
        let mut ids = self.ids.clone();
        let mut order = self.order_mut(id)?.clone();
        if order.cancelled_at.is_some() {
            return Err("a cancelled order cannot be edited".to_owned());
        }
        let mut changes = Vec::new();
        for template in &edit.add {
            changes.push(order.add(template, now, &mut ids)?);
        }
        for (sku, quantity) in &edit.set {
            changes.extend(order.set((sku, *quantity), now, &mut ids)?);
        }
        let (additions, removals) = told(&order, &changes);
        let sales = changes.into_iter().map(|change| change.sale).collect();
        order.agreements.push(Agreement { id: ids.document(), why: AgreementKind::Edit, at: now, sales });
        order.updated_at = now;
        let edited = ids.document();
        self.orders.insert(id, order);
        self.ids = ids;
        let news = self.news(now);
        let body = json!({ "order_edit": {
            "id": edited, "app_id": null, "order_id": id, "notify_customer": false, "staff_note": null,
            "committed_at": self.letterhead.time(now), "created_at": self.letterhead.time(now), "user_id": null,
            "line_items": { "additions": additions, "removals": removals },
            "discounts": { "line_item": { "additions": [], "removals": [] } },
            "shipping_lines": { "additions": [], "removals": [] },
        }});
        self.send((id, "orders/edited"), &body, &news);
        self.tell(id, "orders/updated", &news);
        Ok(edited)
    }

    pub(super) fn open_dispute(
        &mut self,
        id: u64,
        (amount, reason): (Option<i64>, String),
        now: Timestamp,
    ) -> Result<u64, String> {
        let dispute = self.ids.document();
        let order = self.order_mut(id)?;
        let amount = amount.unwrap_or_else(|| order.received() - order.refunded());
        order.disputes.push(Dispute {
            id: dispute,
            amount,
            reason,
            status: "needs_response",
            initiated_at: now,
            finalized_at: None,
        });
        self.tell_of_dispute((id, dispute), "disputes/create", now);
        Ok(dispute)
    }

    /// Closes the newest open dispute of an order.
    pub(super) fn close_dispute(&mut self, id: u64, won: bool, now: Timestamp) -> Result<u64, String> {
        let order = self.order_mut(id)?;
        let open = order.disputes.iter_mut().rev().find(|dispute| dispute.finalized_at.is_none());
        let dispute = open.ok_or_else(|| format!("order {id} has no open dispute"))?;
        dispute.status = if won { "won" } else { "lost" };
        dispute.finalized_at = Some(now);
        let dispute = dispute.id;
        self.tell_of_dispute((id, dispute), "disputes/update", now);
        Ok(dispute)
    }

    fn tell_of_dispute(&mut self, (id, dispute): (u64, u64), topic: &str, now: Timestamp) {
        let news = self.news(now);
        let Some(order) = self.orders.get(&id) else { return };
        let body = order.disputes.iter().find(|it| it.id == dispute).map(|it| {
            json!({
                "id": it.id,
                "admin_graphql_api_id": gid("ShopifyPaymentsDispute", it.id),
                "order_id": id,
                "type": "chargeback",
                "amount": order.currency.text(it.amount),
                "currency": order.currency.code,
                "reason": it.reason,
                "network_reason_code": "4837",
                "status": it.status,
                "evidence_due_by": null,
                "evidence_sent_on": null,
                "initiated_at": self.letterhead.time(it.initiated_at),
                "finalized_on": it.finalized_at.map(|at| self.letterhead.time(at)),
            })
        });
        if let Some(body) = body {
            self.send((id, topic), &body, &news);
        }
    }

    pub(super) fn tell_of_refund(&mut self, (id, refund): (u64, u64), topic: &str, news: &super::shop::News) {
        let Some(order) = self.orders.get(&id) else { return };
        let found = order.refunds.iter().find(|it| it.id == refund);
        if let Some(body) = found.map(|it| reversals::refund(order, it, &self.letterhead)) {
            self.send((id, topic), &body, news);
        }
    }

    pub(super) fn tell_of_transaction(&mut self, (id, transaction): (u64, u64), news: &super::shop::News) {
        let Some(order) = self.orders.get(&id) else { return };
        let found = order.transactions.iter().find(|it| it.id == transaction);
        if let Some(body) = found.map(|it| reversals::transaction(order, it, &self.letterhead)) {
            self.send((id, "order_transactions/create"), &body, news);
        }
    }
}

/// One line of an edit, as the ledger keeps it.
struct Change {
    line: usize,
    sale: Sale,
}

fn told(order: &Order, changes: &[Change]) -> (Vec<Value>, Vec<Value>) {
    let (mut additions, mut removals) = (Vec::new(), Vec::new());
    for change in changes {
        let (Some(line), Some(delta)) = (order.lines.get(change.line), change.sale.quantity) else { continue };
        let entry = json!({ "id": line.id, "delta": delta.abs() });
        if delta > 0 { additions.push(entry) } else { removals.push(entry) }
    }
    (additions, removals)
}

impl Order {
    fn add(&mut self, template: &LineTemplate, now: Timestamp, ids: &mut Ids) -> Result<Change, String> {
        let line = self.new_line(template, ids)?;
        Ok(self.append(line, now, ids))
    }

    /// A priced and taxed line that is not on the order yet.
    pub(super) fn new_line(&self, template: &LineTemplate, ids: &mut Ids) -> Result<Line, String> {
        let location = self.lines.first().map(|line| line.location.clone()).unwrap_or_default();
        let mut line = priced_line(template, &location, &self.currency.clone(), ids)?;
        if line.taxable && !self.tax_rate.0.is_zero() {
            line.tax = Some(self.tax_rate.tax(line.net(), self.taxes_included));
        }
        Ok(line)
    }

    /// Puts a new line on the order.
    fn append(&mut self, line: Line, now: Timestamp, ids: &mut Ids) -> Change {
        let (index, quantity) = (self.lines.len(), line.quantity);
        let shares = line.shares_of(quantity);
        self.lines.push(line);
        self.schedule((index, quantity), now, ids);
        let sale = Sale { id: ids.document(), of: SaleOf::Line(index), quantity: Some(quantity), shares };
        Change { line: index, sale }
    }

    /// Puts what an exchange brings on the order: the line's index and its entry of the ledger.
    pub(super) fn append_exchanged(&mut self, line: Line, now: Timestamp, ids: &mut Ids) -> (usize, Sale) {
        let change = self.append(line, now, ids);
        (change.line, change.sale)
    }

    fn set(&mut self, (sku, wanted): (&str, i64), now: Timestamp, ids: &mut Ids) -> Result<Option<Change>, String> {
        let index = self.line_of(sku)?;
        let open = self.open_units(index);
        let (rate, included) = (self.tax_rate, self.taxes_included);
        let Some(line) = self.lines.get_mut(index) else { return Ok(None) };
        let before = line.shares_of(line.current);
        let delta = wanted - line.current;
        if wanted < 0 || -delta > open {
            return Err(format!("{sku}: {open} units have not left, only those can be taken off"));
        }
        if delta > 0 {
            line.quantity += delta;
            let taxed = line.taxable && !rate.0.is_zero();
            let added = if taxed { rate.tax(line.unit_price * delta, included) } else { 0 };
            line.tax = line.tax.map(|tax| tax + added).or_else(|| taxed.then_some(added));
        }
        line.current = wanted;
        let shares = line.shares_of(wanted).minus(before);
        if delta > 0 {
            self.schedule((index, delta), now, ids);
        } else {
            self.unschedule(index, -delta);
        }
        let sale = Sale { id: ids.document(), of: SaleOf::Line(index), quantity: Some(delta), shares };
        Ok((delta != 0).then_some(Change { line: index, sale }))
    }

    pub(super) fn line_of(&self, sku: &str) -> Result<usize, String> {
        let same = |line: &Line| line.sku.as_deref() == Some(sku);
        // The same SKU may be on several lines: the one that still has units is meant.
        let live = self.lines.iter().position(|line| same(line) && line.current > 0);
        live.or_else(|| self.lines.iter().position(same)).ok_or_else(|| format!("order {} has no {sku:?}", self.id))
    }

    /// More units to ship: on the open fulfilment order of their location, or on a new one.
    fn schedule(&mut self, (index, quantity): (usize, i64), now: Timestamp, ids: &mut Ids) {
        let Some(line) = self.lines.get(index).filter(|line| line.requires_shipping) else { return };
        let location = line.location.clone();
        let open =
            |part: &&mut FulfillmentOrder| part.location == location && part.status != FulfillmentOrderStatus::Closed;
        let Some(part) = self.fulfillment_orders.iter_mut().find(open) else {
            let lines =
                vec![FulfillmentOrderLine { id: ids.document(), line: index, total: quantity, remaining: quantity }];
            self.fulfillment_orders.push(FulfillmentOrder {
                id: ids.document(),
                location,
                status: FulfillmentOrderStatus::Open,
                holds: Vec::new(),
                lines,
                created_at: now,
                updated_at: now,
            });
            return;
        };
        part.updated_at = now;
        match part.lines.iter_mut().find(|line| line.line == index) {
            Some(line) => {
                line.total += quantity;
                line.remaining += quantity;
            }
            None => part.lines.push(FulfillmentOrderLine {
                id: ids.document(),
                line: index,
                total: quantity,
                remaining: quantity,
            }),
        }
    }
}
