//! Lines, charges and tax of a Shopify order, in canonical terms.

use crossdock_domain::{Charge, ChargeKind, Hold, HoldCode, Line, LineKind, Minor, Sku, TaxLine};
use serde_json::Value;

use super::money::Purse;
use super::reading::{Unreadable, each, flag, get, id, list, printable, text, units};

/// Which state of an order its totals describe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// After edits, refunds and returns: `current_quantity` goes with `current_total_price`.
    Current,
    /// As placed: `quantity` goes with `total_price`.
    Placed,
}

impl View {
    /// Current where the body tells current totals *and* current quantities: a mixture of the two adds up to nothing.
    /// An order that was cancelled or refunded is read as placed: what became of it since then, the sales ledger says,
    /// and its acceptance must not depend on which of its messages came first.
    pub(super) fn of(order: &Value) -> Result<Self, Unreadable> {
        let lines = list(order, "line_items")?;
        let counted = lines.is_empty() || lines.iter().any(|line| get(line, "current_quantity").is_some());
        let priced = ["current_total_price", "current_total_price_set"].iter().any(|name| get(order, name).is_some());
        Ok(if counted && priced && !is_reversed(order)? { Self::Current } else { Self::Placed })
    }

    /// The name of a total in this view.
    pub(super) fn name(self, current: &'static str, placed: &'static str) -> &'static str {
        if self == Self::Current { current } else { placed }
    }
}

/// Whether an order was cancelled, or money of it went back.
fn is_reversed(order: &Value) -> Result<bool, Unreadable> {
    let refunded = matches!(text(order, "financial_status")?, Some("refunded" | "partially_refunded"));
    Ok(refunded || get(order, "cancelled_at").is_some() || !list(order, "refunds")?.is_empty())
}

/// How an order is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader {
    pub(super) purse: Purse,
    pub(super) view: View,
}

/// The parts of an order, and what about them needs a person.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) lines: Vec<Line>,
    pub(super) charges: Vec<Charge>,
    pub(super) oddities: Vec<Hold>,
}

impl Reader {
    pub(super) fn parts(self, order: &Value) -> Result<Parts, Unreadable> {
        let mut parts = Parts::default();
        let mut tips = Vec::new();
        for (index, item) in list(order, "line_items")?.iter().enumerate() {
            let line = self.line(item, &mut parts.oddities).map_err(|error| error.within("line_items", index))?;
            if is_tip(item) {
                tips.push(as_tip(&line).map_err(|error| error.within("line_items", index))?);
            } else {
                parts.lines.push(line);
            }
        }
        parts.charges = each(order, "shipping_lines", |line| self.shipping(line))?.into_iter().flatten().collect();
        if tips.is_empty() {
            let tip = self.purse.amount(order, "total_tip_received")?.unwrap_or_default();
            tips.push(Charge { kind: ChargeKind::Tip, amount: tip, discount: Minor::ZERO, taxes: Vec::new() });
        }
        parts.charges.extend(tips);
        parts.charges.push(self.fee(order)?);
        parts.charges.extend(self.duty(order, &mut parts.oddities)?);
        // A charge of nothing says nothing; delivery for nothing is still a delivery.
        let says_something =
            |c: &Charge| c.kind == ChargeKind::Shipping || c.amount != Minor::ZERO || !c.taxes.is_empty();
        parts.charges.retain(says_something);
        Ok(parts)
    }

    fn line(self, item: &Value, oddities: &mut Vec<Hold>) -> Result<Line, Unreadable> {
        let id = id(item, "id")?.to_string();
        let placed = units(item, "quantity")?.ok_or_else(|| Unreadable::new("quantity", "is missing"))?;
        let current = units(item, "current_quantity")?.filter(|_| self.view == View::Current);
        let quantity = current.unwrap_or(placed);
        // Allocations and taxes are told for the quantity as placed; what is left carries its share. Whether that is
        // what the storefront makes of it, the order's own totals decide.
        let share = |amount: Minor| if quantity < placed { amount.share(0, quantity, placed) } else { amount };
        let mut taxes = self.taxes(item)?;
        taxes.iter_mut().for_each(|tax| tax.amount = share(tax.amount));
        if quantity == 0 {
            taxes.clear();
        }
        let sku = sku(item).unwrap_or_else(|hold| {
            oddities.push(Hold::new(HoldCode::UnknownSku, format!("line {id}: {hold}")));
            None
        });
        let unit_price = self.purse.required(item, "price")?;
        let discount = share(self.line_discount(item)?);
        unit_price.times(placed.max(quantity)).map_err(|error| Unreadable::new("price", error.to_string()))?;
        Ok(Line { id, kind: kind(item, sku.as_ref())?, sku, quantity, unit_price, discount, taxes })
    }

    /// Allocations carry every discount of a line; `total_discount` counts only some, and stands in where a body has
    /// no allocations at all.
    fn line_discount(self, item: &Value) -> Result<Minor, Unreadable> {
        if get(item, "discount_allocations").is_some() {
            return self.purse.sum(item, "discount_allocations", "amount");
        }
        Ok(self.purse.amount(item, "total_discount")?.unwrap_or_default())
    }

    fn shipping(self, line: &Value) -> Result<Option<Charge>, Unreadable> {
        if self.view == View::Current && flag(line, "is_removed")? {
            return Ok(None);
        }
        let amount = self.purse.required(line, "price")?;
        let discount = if get(line, "discount_allocations").is_some() {
            self.purse.sum(line, "discount_allocations", "amount")?
        } else {
            let discounted = self.purse.amount(line, "discounted_price")?.unwrap_or(amount);
            amount.minus(discounted).map_err(|error| Unreadable::new("discounted_price", error.to_string()))?
        };
        Ok(Some(Charge { kind: ChargeKind::Shipping, amount, discount, taxes: self.taxes(line)? }))
    }

    fn fee(self, order: &Value) -> Result<Charge, Unreadable> {
        let amount = self.told(order, "current_total_additional_fees", "original_total_additional_fees")?;
        Ok(Charge { kind: ChargeKind::Fee, amount, discount: Minor::ZERO, taxes: Vec::new() })
    }

    /// Duties are a charge of their own, unless the prices contain them.
    fn duty(self, order: &Value, oddities: &mut Vec<Hold>) -> Result<Option<Charge>, Unreadable> {
        let amount = self.told(order, "current_total_duties", "original_total_duties")?;
        if flag(order, "duties_included")? && amount != Minor::ZERO {
            oddities.push(Hold::new(HoldCode::RareCharge, "the prices contain duties"));
            return Ok(None);
        }
        let mut taxes = Vec::new();
        for (index, item) in list(order, "line_items")?.iter().enumerate() {
            let of_line = each(item, "duties", |duty| self.taxes(duty)).map_err(|e| e.within("line_items", index))?;
            taxes.extend(of_line.into_iter().flatten());
        }
        Ok(Some(Charge { kind: ChargeKind::Duty, amount, discount: Minor::ZERO, taxes }))
    }

    /// A total that is told for this view, or else as placed, or else nothing.
    fn told(self, order: &Value, current: &'static str, placed: &'static str) -> Result<Minor, Unreadable> {
        let of_view = self.purse.amount(order, self.view.name(current, placed))?;
        let told = if of_view.is_some() { of_view } else { self.purse.amount(order, placed)? };
        Ok(told.unwrap_or_default())
    }

    fn taxes(self, of: &Value) -> Result<Vec<TaxLine>, Unreadable> {
        each(of, "tax_lines", |tax| {
            Ok(TaxLine {
                title: text(tax, "title")?.map(|title| printable(title, 80)).unwrap_or_default(),
                rate: rate(tax)?,
                amount: self.purse.required(tax, "price")?,
                channel_liable: flag(tax, "channel_liable")?,
            })
        })
    }
}

/// A tax rate as text. It is a label that tax codes are found by; no amount is ever computed from it.
fn rate(tax: &Value) -> Result<String, Unreadable> {
    match get(tax, "rate") {
        None => Ok(String::new()),
        Some(Value::Number(rate)) => Ok(rate.to_string()),
        Some(Value::String(rate)) if rate.len() <= 20 && rate.bytes().all(|b| b.is_ascii_digit() || b == b'.') => {
            Ok(rate.clone())
        }
        Some(_) => Err(Unreadable::new("rate", "is not a decimal fraction")),
    }
}

fn kind(item: &Value, sku: Option<&Sku>) -> Result<LineKind, Unreadable> {
    let shipped = get(item, "requires_shipping").is_none() || flag(item, "requires_shipping")?;
    Ok(match (flag(item, "gift_card")?, shipped, sku) {
        (true, ..) => LineKind::GiftCard,
        (false, false, _) => LineKind::Service,
        (false, true, None) => LineKind::Custom,
        (false, true, Some(_)) => LineKind::Product,
    })
}

/// The line's SKU; `Err` says why what stands there is none.
fn sku(item: &Value) -> Result<Option<Sku>, String> {
    match text(item, "sku") {
        Ok(None) => Ok(None),
        Ok(Some(sku)) => sku.parse().map(Some).map_err(|error: crossdock_domain::ids::IdError| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// A tip given in a checkout comes as a line.
fn is_tip(item: &Value) -> bool {
    ["tip", "tip_payment_gateway"].iter().any(|name| get(item, name).is_some())
}

fn as_tip(line: &Line) -> Result<Charge, Unreadable> {
    let amount = line.unit_price.times(line.quantity).map_err(|error| Unreadable::new("price", error.to_string()))?;
    Ok(Charge { kind: ChargeKind::Tip, amount, discount: line.discount, taxes: line.taxes.clone() })
}
