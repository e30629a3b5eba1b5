//! What apps say in `refundCreate`, `orderCancel` and `returnProcess`, and what the shop makes of it.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::Value;

use super::changing::Cancelling;
use super::fulfillment::{UserError, gid_of};
use super::ledger::{Restock, TransactionStatus};
use super::order::Order;
use super::payload::presentment;
use super::refunding::{Part, Payment, RefundRequest, ShippingRefund};
use super::returning::Processing;
use super::shop::Shop;

const LONGEST_NOTE: usize = 255;

impl Shop {
    /// `refundCreate` under an idempotency key: what was done under it once is the answer for ever.
    pub(super) fn refund_create(&mut self, key: &str, input: &Value, now: Timestamp) -> Result<(u64, u64), UserError> {
        let id = gid_of(input.get("orderId"), "Order").unwrap_or(0);
        if let Some((asked, outcome)) = self.keys.get(key) {
            let mismatch =
                "IDEMPOTENCY_KEY_PARAMETER_MISMATCH: The same idempotency key was used with other parameters";
            let failed = "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED: The previous attempt with this idempotency key failed";
            return match outcome {
                _ if asked != input => Err(UserError::plain(mismatch)),
                Some(refund) => Ok((id, *refund)),
                None => Err(UserError::plain(failed)),
            };
        }
        let request = self.orders.get(&id).map(|order| request(order, input));
        let request = request.unwrap_or_else(|| Err(on("orderId", "Order does not exist")));
        let outcome = request.and_then(|request| self.refund(id, &request, now));
        self.keys.insert(key.to_owned(), (input.clone(), outcome.as_ref().ok().copied()));
        outcome.map(|refund| (id, refund))
    }

    pub(super) fn order_cancel(&mut self, arguments: &Value, now: Timestamp) -> Result<(), UserError> {
        let text = |name: &str| arguments.get(name).and_then(Value::as_str).unwrap_or_default();
        if text("staffNote").chars().count() > LONGEST_NOTE {
            return Err(on("staffNote", "Staff note is too long. Maximum length is 255 characters."));
        }
        let id = gid_of(arguments.get("orderId"), "Order").filter(|id| self.orders.contains_key(id));
        let id = id.ok_or_else(|| on("orderId", "Order does not exist"))?;
        let refund = arguments.pointer("/refundMethod/originalPaymentMethodsRefund").and_then(Value::as_bool);
        let how = Cancelling {
            reason: text("reason").to_ascii_lowercase(),
            refund: refund.unwrap_or(false),
            restock: arguments.get("restock").and_then(Value::as_bool).unwrap_or(false),
            status: TransactionStatus::Success,
        };
        self.cancel(id, &how, now).map_err(|message| on("orderId", &message))
    }

    /// `returnProcess`: it has no key, and a repeat processes what is left.
    pub(super) fn return_process(&mut self, input: &Value, now: Timestamp) -> Result<(u64, u64), UserError> {
        let of = gid_of(input.get("returnId"), "Return").unwrap_or(0);
        let order = self.orders.values().find(|order| order.returns.iter().any(|it| it.id == of));
        let order = order.ok_or_else(|| on("returnId", "Return does not exist."))?;
        let each = |name: &str| input.get(name).and_then(Value::as_array).into_iter().flatten();
        let line = |line: &Value| {
            let quantity = line.get("quantity").and_then(Value::as_i64).unwrap_or(0);
            (gid_of(line.get("id"), "ReturnLineItem").unwrap_or(0), quantity)
        };
        let refund = input.pointer("/financialTransfer/issueRefund");
        let transfers = refund.and_then(|refund| refund.get("orderTransactions")).and_then(Value::as_array);
        let part = |transfer: &Value| {
            let amount = transfer.pointer("/transactionAmount/amount");
            part(order, (transfer.get("parentId"), amount))
        };
        let parts = transfers.into_iter().flatten().map(part).collect::<Result<Vec<_>, _>>()?;
        let processing = Processing {
            lines: each("returnLineItems").map(line).collect(),
            exchange: each("exchangeLineItems")
                .map(|it| gid_of(it.get("id"), "ExchangeLineItem").unwrap_or(0))
                .collect(),
            shipping: shipping(order, input.get("refundShipping"), "/shippingRefundAmount/amount")?,
            payment: Payment::Exact(parts),
            note: input.get("note").and_then(Value::as_str).map(str::to_owned),
            allow_over_refund: flag(refund, "allowOverRefunding"),
        };
        let (id, _) = self.process_return(of, &processing, now)?;
        Ok((id, of))
    }
}

fn on(field: &str, message: &str) -> UserError {
    UserError { field: Some(vec![field.to_owned()]), message: message.to_owned() }
}

fn flag(of: Option<&Value>, name: &str) -> bool {
    of.and_then(|of| of.get(name)).and_then(Value::as_bool).unwrap_or(false)
}

fn request(order: &Order, input: &Value) -> Result<RefundRequest, UserError> {
    let charged = &presentment(order).code;
    let told = input.get("currency").and_then(Value::as_str);
    if told.is_some_and(|told| told != charged) || (told.is_none() && *charged != order.currency.code) {
        return Err(on("currency", "Currency must be the presentment currency of the order"));
    }
    let each = |name: &str| input.get(name).and_then(Value::as_array).into_iter().flatten();
    let transfer = |transfer: &Value| {
        let kind = transfer.get("kind").and_then(Value::as_str).unwrap_or_default();
        if kind != "REFUND" {
            let kind = kind.to_ascii_lowercase();
            return Err(UserError::plain(format!("Kind {kind} is not a valid transaction")));
        }
        part(order, (transfer.get("parentId"), transfer.get("amount")))
    };
    let parts = each("transactions").map(transfer).collect::<Result<Vec<_>, _>>()?;
    Ok(RefundRequest {
        lines: each("refundLineItems").map(|line| units(order, line)).collect(),
        shipping: shipping(order, input.get("shipping"), "/amount")?,
        payment: Payment::Exact(parts),
        note: input.get("note").and_then(Value::as_str).map(str::to_owned),
        allow_over_refund: flag(Some(input), "allowOverRefunding"),
        ..RefundRequest::default()
    })
}

/// A line that the order does not have is refused later, with the place where it stands.
fn units(order: &Order, line: &Value) -> (usize, i64, Restock) {
    let id = gid_of(line.get("lineItemId"), "LineItem");
    let index = order.lines.iter().position(|line| Some(line.id) == id).unwrap_or(usize::MAX);
    let restock = match line.get("restockType").and_then(Value::as_str) {
        Some("CANCEL") => Restock::Cancel,
        Some("RETURN") => Restock::Return,
        _ => Restock::Nothing,
    };
    (index, line.get("quantity").and_then(Value::as_i64).unwrap_or(0), restock)
}

/// Whatever gateway is named, the money goes through that of the payment it belongs to.
fn part(order: &Order, (parent, amount): (Option<&Value>, Option<&Value>)) -> Result<Part, UserError> {
    let parent = gid_of(parent, "OrderTransaction").and_then(|id| order.transactions.iter().find(|it| it.id == id));
    let parent =
        parent.ok_or_else(|| on("transactions", "Transactions require a parent_id associated with the order"))?;
    let presented = minor(order, amount)?;
    Ok(Part {
        parent: Some(parent.id),
        gateway: parent.gateway.clone(),
        amount: in_shop_money(order, presented),
        presented,
    })
}

fn shipping(order: &Order, told: Option<&Value>, amount: &str) -> Result<ShippingRefund, UserError> {
    let Some(told) = told.filter(|told| !told.is_null()) else { return Ok(ShippingRefund::Nothing) };
    if flag(Some(told), "fullRefund") {
        return Ok(ShippingRefund::Full);
    }
    match told.pointer(amount).filter(|amount| !amount.is_null()) {
        None => Ok(ShippingRefund::Nothing),
        Some(amount) => {
            let price = in_shop_money(order, minor(order, Some(amount))?);
            Ok(ShippingRefund::Amount(price))
        }
    }
}

/// An amount in the customer's currency.
fn minor(order: &Order, amount: Option<&Value>) -> Result<i64, UserError> {
    let decimal = amount.and_then(crate::json::decimal);
    let minor = decimal.and_then(|decimal| presentment(order).minor(super::money::Amount::Decimal(decimal)).ok());
    minor.filter(|minor| *minor >= 0).ok_or_else(|| UserError::plain("Amount is not a valid amount"))
}

fn in_shop_money(order: &Order, presented: i64) -> i64 {
    match &order.presentment {
        None => presented,
        Some((currency, factor)) => currency.convert(presented, &order.currency, Decimal::ONE / factor.0),
    }
}
