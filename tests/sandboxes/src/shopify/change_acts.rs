//! Acts that change an order after it was placed.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Value, json};

use super::Inner;
use super::act::{Which, said};
use super::changing::{Cancelling, Edit};
use super::ledger::{Restock, ReturnStatus, TransactionStatus};
use super::money::Amount;
use super::order::Order;
use super::refunding::{Payment, RefundRequest, ShippingRefund};
use super::returning::{Processing, Wish};
use super::template::{Address, LineTemplate};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cancellation {
    order: Which,
    #[serde(default = "by_customer")]
    reason: String,
    #[serde(default)]
    refund: Everything,
    #[serde(default = "yes")]
    restock: bool,
    #[serde(default)]
    status: TransactionStatus,
}

/// `"full"` or `true`, `"none"` or `false`.
#[derive(Default)]
struct Everything(bool);

impl<'de> Deserialize<'de> for Everything {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match (value.as_bool(), value.as_str()) {
            (Some(all), _) => Ok(Self(all)),
            (None, Some("full")) => Ok(Self(true)),
            (None, Some("none")) => Ok(Self(false)),
            (None, Some(_) | None) => Err(de::Error::custom(format!("{value} is neither \"full\" nor \"none\""))),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Units {
    sku: String,
    quantity: i64,
    #[serde(default)]
    restock_type: Restock,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refunded {
    order: Which,
    #[serde(default)]
    lines: Vec<Units>,
    #[serde(default)]
    shipping: Option<Value>,
    #[serde(default)]
    amount: Option<Amount>,
    #[serde(default)]
    gateway: Option<String>,
    #[serde(default)]
    note: Option<String>,
    #[serde(default)]
    status: TransactionStatus,
    #[serde(default)]
    allow_over_refund: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settlement {
    order: Which,
    refund: Which,
    status: TransactionStatus,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edited {
    order: Which,
    #[serde(default)]
    add: Vec<LineTemplate>,
    #[serde(default)]
    set: Vec<Target>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    sku: String,
    quantity: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Moved {
    order: Which,
    shipping_address: Address,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Returned {
    order: Which,
    lines: Vec<SentBack>,
    #[serde(default)]
    exchange: Vec<LineTemplate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SentBack {
    sku: String,
    quantity: i64,
    #[serde(default = "unwanted")]
    reason: String,
}

/// Without `return` the newest is meant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfReturn {
    order: Which,
    #[serde(default, rename = "return")]
    of: Option<Which>,
    #[serde(default)]
    amount: Option<Amount>,
    #[serde(default)]
    shipping: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Disputed {
    order: Which,
    #[serde(default)]
    amount: Option<Amount>,
    #[serde(default = "fraudulent")]
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Decided {
    order: Which,
    won: bool,
}

fn by_customer() -> String {
    "customer".to_owned()
}

fn yes() -> bool {
    true
}

fn unwanted() -> String {
    "UNWANTED".to_owned()
}

fn fraudulent() -> String {
    "fraudulent".to_owned()
}

impl Inner {
    pub(super) fn change(&mut self, name: &str, content: Value, now: Timestamp) -> Result<Value, String> {
        match name {
            "cancel_order" => self.cancel_order(said(name, content)?, now),
            "refund_order" => self.refund_order(said(name, content)?, now),
            "settle_refund" => {
                let act: Settlement = said(name, content)?;
                let settled = self.shop.settle_refund((act.order.one()?, act.refund.one()?), act.status, now)?;
                Ok(json!({ "settled": settled }))
            }
            "edit_order" => self.edit_order(said(name, content)?, now),
            "change_address" => {
                let act: Moved = said(name, content)?;
                self.shop.change_address(act.order.one()?, act.shipping_address, now)?;
                Ok(json!({ "changed": true }))
            }
            "request_return" => self.start_return(said(name, content)?, ReturnStatus::Requested, now),
            "open_return" => self.start_return(said(name, content)?, ReturnStatus::Open, now),
            "process_return" => self.process_return(&said(name, content)?, now),
            "approve_return" | "decline_return" | "cancel_return" | "close_return" | "reopen_return" => {
                self.move_return(name, &said(name, content)?, now)
            }
            "open_dispute" => {
                let act: Disputed = said(name, content)?;
                let id = act.order.one()?;
                let amount = act.amount.map(|amount| self.shop.order_mut(id)?.currency.minor(amount)).transpose()?;
                let dispute = self.shop.open_dispute(id, (amount, act.reason), now)?;
                Ok(json!({ "dispute": dispute.to_string() }))
            }
            "close_dispute" => {
                let act: Decided = said(name, content)?;
                let dispute = self.shop.close_dispute(act.order.one()?, act.won, now)?;
                Ok(json!({ "dispute": dispute.to_string() }))
            }
            _ => Err(format!(
                "nobody at the shop can {name:?}: place_order, place_orders, pay_order, cancel_order, refund_order, \
                 settle_refund, edit_order, change_address, request_return, approve_return, decline_return, \
                 open_return, process_return, cancel_return, close_return, reopen_return, open_dispute, \
                 close_dispute, hold_fulfillment_order, release_hold, redeliver, set_secrets, set_access, fail_next, \
                 next_refunds, set_inventory, adjust_inventory, next_stock, drain_bucket"
            )),
        }
    }

    fn cancel_order(&mut self, act: Cancellation, now: Timestamp) -> Result<Value, String> {
        let id = act.order.one()?;
        let how = Cancelling { reason: act.reason, refund: act.refund.0, restock: act.restock, status: act.status };
        self.shop.cancel(id, &how, now)?;
        let refund = self.shop.order_mut(id)?.refunds.last().map(|refund| refund.id.to_string());
        Ok(json!({ "cancelled": id.to_string(), "refund": refund.filter(|_| how.refund) }))
    }

    fn refund_order(&mut self, act: Refunded, now: Timestamp) -> Result<Value, String> {
        let id = act.order.one()?;
        let order = self.shop.order_mut(id)?;
        let lines = act.lines.iter().map(|units| Ok((order.line_of(&units.sku)?, units.quantity, units.restock_type)));
        let lines = lines.collect::<Result<Vec<_>, String>>()?;
        let amount = act.amount.map(|amount| order.currency.minor(amount)).transpose()?;
        let request = RefundRequest {
            lines,
            shipping: shipping(order, act.shipping.as_ref())?,
            payment: Payment::Chosen { amount, gateway: act.gateway },
            note: act.note,
            status: act.status,
            allow_over_refund: act.allow_over_refund,
            ..RefundRequest::default()
        };
        let refund = self.shop.refund(id, &request, now).map_err(|error| error.message)?;
        Ok(json!({ "refund": refund.to_string() }))
    }

    fn edit_order(&mut self, act: Edited, now: Timestamp) -> Result<Value, String> {
        let set = act.set.into_iter().map(|target| (target.sku, target.quantity)).collect();
        let edited = self.shop.edit(act.order.one()?, &Edit { add: act.add, set }, now)?;
        Ok(json!({ "edit": edited.to_string() }))
    }

    fn start_return(&mut self, act: Returned, status: ReturnStatus, now: Timestamp) -> Result<Value, String> {
        let lines = act.lines.into_iter().map(|line| (line.sku, line.quantity, line.reason)).collect();
        let wish = Wish { lines, exchange: act.exchange };
        let started = self.shop.start_return(act.order.one()?, (&wish, status), now)?;
        Ok(json!({ "return": started.to_string() }))
    }

    fn which_return(&mut self, act: &OfReturn) -> Result<(u64, u64), String> {
        let id = act.order.one()?;
        let newest = self.shop.order_mut(id)?.returns.last().map(|it| it.id);
        let of = act.of.map(Which::one).transpose()?.or(newest);
        Ok((id, of.ok_or_else(|| format!("order {id} has no return"))?))
    }

    fn move_return(&mut self, name: &str, act: &OfReturn, now: Timestamp) -> Result<Value, String> {
        let ids = self.which_return(act)?;
        let (from, to): (&[ReturnStatus], ReturnStatus) = match name {
            "approve_return" => (&[ReturnStatus::Requested], ReturnStatus::Open),
            "decline_return" => (&[ReturnStatus::Requested], ReturnStatus::Declined),
            "cancel_return" => (&[ReturnStatus::Requested, ReturnStatus::Open], ReturnStatus::Canceled),
            "reopen_return" => (&[ReturnStatus::Closed], ReturnStatus::Open),
            _ => (&[ReturnStatus::Open], ReturnStatus::Closed),
        };
        let topic = format!("returns/{}", name.trim_end_matches("_return"));
        self.shop.move_return(ids, (from, to), (&topic, now))?;
        Ok(json!({ "return": ids.1.to_string() }))
    }

    /// Staff settles a return in the admin: all that is left of it.
    fn process_return(&mut self, act: &OfReturn, now: Timestamp) -> Result<Value, String> {
        let (id, of) = self.which_return(act)?;
        let order = self.shop.order_mut(id)?;
        let amount = act.amount.map(|amount| order.currency.minor(amount)).transpose()?;
        let mut processing = Processing {
            shipping: shipping(order, act.shipping.as_ref())?,
            payment: Payment::Chosen { amount, gateway: None },
            ..Processing::default()
        };
        if let Some(of) = order.returns.iter().find(|it| it.id == of) {
            let open = of.lines.iter().filter(|line| line.processed < line.quantity);
            processing.lines = open.map(|line| (line.id, line.quantity - line.processed)).collect();
            processing.exchange = of.exchange.iter().filter(|it| it.line.is_none()).map(|it| it.id).collect();
        }
        let (_, refund) = self.shop.process_return(of, &processing, now).map_err(|error| error.message)?;
        Ok(json!({ "return": of.to_string(), "refund": refund.map(|id| id.to_string()) }))
    }
}

/// `"full"`, or an amount in the order's price terms.
fn shipping(order: &Order, told: Option<&Value>) -> Result<ShippingRefund, String> {
    match told {
        None => Ok(ShippingRefund::Nothing),
        Some(Value::String(text)) if text == "full" => Ok(ShippingRefund::Full),
        Some(amount) => Ok(ShippingRefund::Amount(order.currency.minor(Amount::read(amount)?)?)),
    }
}
