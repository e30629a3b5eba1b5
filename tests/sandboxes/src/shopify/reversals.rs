//! The bodies of webhooks that tell of refunds and transactions; both are parts of an order's body too.

use serde_json::{Value, json};

use super::ledger::{Refund, RefundLine, Transaction};
use super::order::Order;
use super::payload::{Letterhead, gid, line_item, money_set, presentment};

/// The body of `refunds/create`.
pub(super) fn refund(order: &Order, refund: &Refund, letterhead: &Letterhead) -> Value {
    let at = letterhead.time(refund.created_at);
    let lines = refund.lines.iter().map(|line| refund_line(order, line));
    let paid = order.transactions.iter().filter(|it| it.refund == Some(refund.id));
    json!({
        "id": refund.id,
        "admin_graphql_api_id": gid("Refund", refund.id),
        "order_id": order.id,
        "created_at": at,
        "processed_at": at,
        "note": refund.note,
        "user_id": null,
        "restock": refund.lines.iter().any(|line| line.restock.restocks()),
        "return": refund.return_id.map(|id| json!({ "id": id, "admin_graphql_api_id": gid("Return", id) })),
        "duties": [],
        "total_duties_set": money_set(order, 0),
        "additional_fees": [],
        "total_additional_fees_set": money_set(order, 0),
        "refund_shipping_lines": shipping_lines(order, refund),
        "order_adjustments": adjustments(order, refund),
        "refund_line_items": lines.collect::<Vec<_>>(),
        "transactions": paid.map(|it| transaction(order, it, letterhead)).collect::<Vec<_>>(),
    })
}

fn refund_line(order: &Order, line: &RefundLine) -> Value {
    let of_order = order.lines.get(line.line);
    json!({
        "id": line.id,
        "line_item_id": of_order.map(|line| line.id),
        "location_id": null,
        "quantity": line.quantity,
        "restock_type": line.restock.word(),
        // These two are JSON numbers at the vendor's.
        "subtotal": crate::json::number(order.currency.decimal(line.shares.price)),
        "total_tax": crate::json::number(order.currency.decimal(line.shares.tax)),
        "subtotal_set": money_set(order, line.shares.price),
        "total_tax_set": money_set(order, line.shares.tax),
        "line_item": of_order.map(|it| line_item(order, line.line, it)),
    })
}

fn shipping_lines(order: &Order, refund: &Refund) -> Vec<Value> {
    if refund.shipping.price == 0 {
        return Vec::new();
    }
    vec![json!({
        "id": refund.id,
        "shipping_line_id": order.shipping.id,
        "subtotal_amount_set": money_set(order, refund.shipping.price),
        "tax_amount_set": money_set(order, refund.shipping.tax),
    })]
}

/// What the customer gets is below zero here.
fn adjustments(order: &Order, refund: &Refund) -> Vec<Value> {
    if refund.adjustment == 0 {
        return Vec::new();
    }
    vec![json!({
        "id": refund.id,
        "order_id": order.id,
        "refund_id": refund.id,
        "kind": "refund_discrepancy",
        "reason": "Refund discrepancy",
        "amount": order.currency.text(-refund.adjustment),
        "tax_amount": order.currency.text(0),
        "amount_set": money_set(order, -refund.adjustment),
        "tax_amount_set": money_set(order, 0),
    })]
}

/// The body of `order_transactions/create`.
pub(super) fn transaction(order: &Order, transaction: &Transaction, letterhead: &Letterhead) -> Value {
    let at = letterhead.time(transaction.created_at);
    json!({
        "id": transaction.id,
        "admin_graphql_api_id": gid("OrderTransaction", transaction.id),
        "order_id": order.id,
        "kind": transaction.kind.word(),
        "status": transaction.status.word(),
        "gateway": transaction.gateway,
        "parent_id": transaction.parent,
        "amount": presentment(order).text(transaction.presented),
        "currency": presentment(order).code,
        "created_at": at,
        "processed_at": at,
        "message": null,
        "test": order.test,
        "authorization": null,
        "location_id": null,
        "user_id": null,
        "device_id": null,
        "error_code": null,
        "source_name": "web",
        "receipt": {},
        "payment_id": format!("c{}.1", transaction.id),
        "manual_payment_gateway": false,
        "amount_rounding": null,
    })
}
