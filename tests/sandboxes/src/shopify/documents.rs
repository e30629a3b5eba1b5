//! What the shop holds, as tests see it from outside: money in minor units.

use serde_json::{Value, json};

use super::ledger::{Refund, Return, Transaction, TransactionKind, TransactionStatus};
use super::order::Order;
use super::shop::Shop;

impl Shop {
    /// Everything the shop holds, money in minor units.
    pub(super) fn documents(&self) -> Value {
        let orders = self.orders.values().map(document).collect::<Vec<_>>();
        json!({ "orders": orders, "inventory": self.stock_documents() })
    }
}

fn document(order: &Order) -> Value {
    json!({
        "id": order.id.to_string(),
        "name": order.name(),
        "created_at": order.created_at,
        "currency": order.currency.code,
        "subtotal": order.subtotal(),
        "discounts": order.total_discounts(),
        "shipping": order.shipping.net(),
        "tax": order.total_tax(),
        "taxes_included": order.taxes_included,
        "total": order.total(),
        "test": order.test,
        "financial_status": order.financial_word(),
        "fulfillment_status": order.display_fulfillment_status(),
        "cancelled": order.cancelled_at.is_some(),
        "current_total": order.current_total(),
        "received": order.received(),
        "refunded": refunded(order),
        "outstanding": order.outstanding(),
        "refunds": order.refunds.iter().map(|it| refund(order, it)).collect::<Vec<_>>(),
        "returns": order.returns.iter().map(|it| one_return(order, it)).collect::<Vec<_>>(),
        "lines": order.lines.iter().map(|line| json!({
            "id": line.id.to_string(), "sku": line.sku, "quantity": line.quantity, "current": line.current,
            "unit_price": line.unit_price, "discount": line.discount(), "tax": line.tax,
        })).collect::<Vec<_>>(),
        "fulfillment_orders": fulfillment_orders(order),
        "fulfillments": fulfillments(order),
    })
}

/// Money that has gone back, without what is still on its way.
fn refunded(order: &Order) -> i64 {
    let gone = |it: &&Transaction| it.kind == TransactionKind::Refund && it.status == TransactionStatus::Success;
    order.transactions.iter().filter(gone).map(|it| it.amount).sum()
}

fn fulfillment_orders(order: &Order) -> Vec<Value> {
    let all = order.fulfillment_orders.iter().map(|part| {
        json!({
            "id": part.id.to_string(), "location": part.location, "status": part.status.word(),
            "holds": part.holds.iter().map(|hold| hold.reason.clone()).collect::<Vec<_>>(),
            "lines": part.lines.iter().map(|line| json!({
                "id": line.id.to_string(), "sku": sku(order, line.line),
                "total": line.total, "remaining": line.remaining,
            })).collect::<Vec<_>>(),
        })
    });
    all.collect()
}

fn fulfillments(order: &Order) -> Vec<Value> {
    let all = order.fulfillments.iter().map(|fulfillment| {
        json!({
            "id": fulfillment.id.to_string(),
            "location": fulfillment.location,
            "created_at": fulfillment.created_at,
            "notify_customer": fulfillment.notify_customer,
            "tracking_numbers": fulfillment.tracking.iter().map(|it| it.number.clone()).collect::<Vec<_>>(),
            "tracking_company": fulfillment.tracking.first().map(|it| it.company.clone()),
            "lines": fulfillment.lines.iter().map(|line| json!({
                "sku": sku(order, line.line), "quantity": line.quantity,
            })).collect::<Vec<_>>(),
        })
    });
    all.collect()
}

fn refund(order: &Order, refund: &Refund) -> Value {
    let paid = order.transactions.iter().filter(|it| it.refund == Some(refund.id));
    let paid: Vec<_> = paid.collect();
    json!({
        "id": refund.id.to_string(),
        "note": refund.note,
        "amount": paid.iter().map(|it| it.amount).sum::<i64>(),
        "return": refund.return_id.map(|id| id.to_string()),
        "shipping": refund.shipping.total(order.taxes_included),
        "adjustment": refund.adjustment,
        "lines": refund.lines.iter().map(|line| json!({
            "sku": sku(order, line.line), "quantity": line.quantity, "restock": line.restock.word(),
            "amount": line.shares.total(order.taxes_included), "tax": line.shares.tax,
        })).collect::<Vec<_>>(),
        "transactions": paid.iter().map(|it| json!({
            "gateway": it.gateway, "amount": it.amount, "status": it.status.word(),
        })).collect::<Vec<_>>(),
    })
}

fn one_return(order: &Order, of: &Return) -> Value {
    json!({
        "id": of.id.to_string(),
        "status": of.status.word(),
        "lines": of.lines.iter().map(|line| json!({
            "sku": sku(order, line.line), "quantity": line.quantity, "processed": line.processed,
            "reason": line.reason,
        })).collect::<Vec<_>>(),
        "exchange": of.exchange.iter().map(|it| json!({
            "sku": it.wanted.sku, "quantity": it.wanted.quantity, "processed": it.line.is_some(),
        })).collect::<Vec<_>>(),
    })
}

fn sku(order: &Order, line: usize) -> Option<String> {
    order.lines.get(line).and_then(|line| line.sku.clone())
}
