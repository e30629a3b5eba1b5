//! How money goes back: over which of the order's payments, and how much of the delivery.

use crossdock_domain::event::FailureClass;
use crossdock_domain::sales::{Restock, ToldPayment};
use crossdock_domain::{Currency, Minor};
use crossdock_step::Failure;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::fulfilling::{Named, number_of};
use super::ledger::MoneyBag;
use super::reading::printable;
use super::refused;
use super::reversing::MOST_REFUNDS;
use crate::RefundInstruction;

/// As many payments as one query reads.
pub(super) const MOST_TRANSACTIONS: usize = 100;

/// What an order was paid with, and what went back.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payments {
    presentment_currency_code: String,
    taxes_included: bool,
    total_refunded_shipping_set: MoneyBag,
    shipping_line: Option<Delivery>,
    refunds: Vec<KnownRefund>,
    transactions: Vec<Transaction>,
}

#[derive(Debug, Clone, Deserialize)]
struct KnownRefund {
    id: String,
    note: Option<String>,
    #[serde(rename = "return")]
    of_return: Option<Named>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delivery {
    discounted_price_set: MoneyBag,
    tax_lines: Vec<DeliveryTax>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeliveryTax {
    price_set: MoneyBag,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Transaction {
    id: String,
    kind: String,
    status: String,
    gateway: Option<String>,
    created_at: Timestamp,
    amount_set: MoneyBag,
    parent_transaction: Option<Named>,
}

impl Transaction {
    pub(super) fn brings_money(&self) -> bool {
        matches!(self.kind.as_str(), "SALE" | "CAPTURE") && self.status == "SUCCESS"
    }

    /// A payment as the order's own rules want it.
    pub(super) fn told(&self, currency: Currency) -> Result<ToldPayment, Failure> {
        let gateway = self.gateway.as_deref().map(|gateway| printable(gateway, 64));
        Ok(ToldPayment {
            id: number_of(&self.id).to_owned(),
            gateway: gateway.filter(|gateway| !gateway.is_empty()).unwrap_or_else(|| "unknown".to_owned()),
            amount: self.amount_set.of(currency)?,
            at: self.created_at,
        })
    }

    /// Whether it takes money back from a payment, or may still do so.
    fn takes_from(&self, payment: &Self) -> bool {
        self.kind == "REFUND"
            && !matches!(self.status.as_str(), "FAILURE" | "ERROR")
            && self.parent_transaction.as_ref().is_some_and(|parent| parent.id == payment.id)
    }
}

/// A part of a refund that goes back over one payment.
struct Part<'a> {
    payment: &'a Transaction,
    amount: Minor,
}

impl Payments {
    /// An answer that was cut off would hide a refund of ours.
    pub(super) fn check_whole(&self) -> Result<(), Failure> {
        if self.refunds.len() >= MOST_REFUNDS || self.transactions.len() >= MOST_TRANSACTIONS {
            return Err(refused("the order has too many payments and refunds to find ours: refund it by hand"));
        }
        Ok(())
    }

    /// The refund whose note is our reference.
    pub(super) fn noted(&self, reference: &str) -> Option<&str> {
        let ours = |refund: &&KnownRefund| refund.note.as_deref().is_some_and(|note| note.trim() == reference);
        self.refunds.iter().find(ours).map(|refund| number_of(&refund.id))
    }

    /// The refunds that settled a return.
    pub(super) fn of_return(&self, of: &str) -> Vec<&str> {
        let of_it = |refund: &&KnownRefund| refund.of_return.as_ref().is_some_and(|named| named.number() == of);
        self.refunds.iter().filter(of_it).map(|refund| number_of(&refund.id)).collect()
    }

    /// Money that has arrived after a moment, until another.
    pub(super) fn arrived(&self, (since, until): (Timestamp, Timestamp), currency: Currency) -> Result<Minor, Failure> {
        let meant = |payment: &&Transaction| {
            payment.brings_money() && since < payment.created_at && payment.created_at <= until
        };
        let amounts = self.transactions.iter().filter(meant).map(|payment| payment.amount_set.of(currency));
        Ok(Minor::sum(amounts.collect::<Result<Vec<_>, _>>()?)?)
    }

    /// Spreads an amount over the payments, oldest first: no more over one than what is left of it.
    fn spread(&self, amount: Minor, currency: Currency) -> Result<Vec<Part<'_>>, Failure> {
        let mut left = amount;
        let mut parts = Vec::new();
        for payment in self.transactions.iter().filter(|it| it.brings_money()) {
            let mut open = payment.amount_set.of(currency)?;
            for refund in self.transactions.iter().filter(|it| it.takes_from(payment)) {
                open = open.minus(refund.amount_set.of(currency)?)?;
            }
            let amount = open.min(left);
            if amount > Minor::ZERO {
                left = left.minus(amount)?;
                parts.push(Part { payment, amount });
            }
        }
        if left > Minor::ZERO {
            let (short, whole) = (currency.decimal(left), currency.decimal(amount));
            return Err(refused(&format!("{short} of {whole} {currency} is more than the order's payments have left")));
        }
        Ok(parts)
    }

    /// Shopify takes the delivery's price as the order has it: with tax where prices contain it. `None`: all of it.
    fn delivery(&self, gross: Minor, currency: Currency) -> Result<Option<Minor>, Failure> {
        let no_delivery = || refused("the order has no delivery that could be refunded");
        let delivery = self.shipping_line.as_ref().ok_or_else(no_delivery)?;
        let price = delivery.discounted_price_set.of(currency)?;
        let mut tax = Minor::ZERO;
        for line in &delivery.tax_lines {
            tax = tax.plus(line.price_set.of(currency)?)?;
        }
        let whole = if self.taxes_included { price } else { price.plus(tax)? };
        if gross == whole && self.total_refunded_shipping_set.of(currency)? == Minor::ZERO {
            return Ok(None);
        }
        if self.taxes_included || whole == Minor::ZERO {
            return Ok(Some(gross));
        }
        let (part, price, whole) = (i128::from(gross.get()), i128::from(price.get()), i128::from(whole.get()));
        let rounded = (2 * part * price + whole) / (2 * whole);
        let rounded = i64::try_from(rounded).map_err(|_| no_delivery())?;
        Ok(Some(Minor::new(rounded)?))
    }

    /// Refunds are made in the currency that the buyer was charged in.
    fn check_currency(&self, currency: Currency) -> Result<(), Failure> {
        if self.presentment_currency_code == currency.code() {
            return Ok(());
        }
        let charged = &self.presentment_currency_code;
        let reason = format!("the buyer was charged in {charged} and we know the order in {currency}: refund by hand");
        Err(Failure::permanent(FailureClass::Value, reason))
    }
}

/// The argument of `refundCreate`, by which so much is paid out.
pub(super) fn refund_input(
    instruction: &RefundInstruction,
    payments: &Payments,
    amount: Minor,
) -> Result<Value, Failure> {
    let currency = instruction.currency;
    payments.check_currency(currency)?;
    let order = format!("gid://shopify/Order/{}", instruction.channel);
    let line = |(line, units, restock): &(String, u32, Restock)| {
        json!({
            "lineItemId": format!("gid://shopify/LineItem/{}", number_of(line)),
            "quantity": units,
            "restockType": restock_type(*restock),
        })
    };
    let transaction = |part: &Part<'_>| {
        json!({
            "orderId": order,
            "parentId": part.payment.id,
            "gateway": part.payment.gateway.as_deref().unwrap_or_default(),
            "kind": "REFUND",
            "amount": currency.decimal(part.amount).to_string(),
        })
    };
    let parts = payments.spread(amount, currency)?;
    let mut input = json!({
        "orderId": order,
        "note": instruction.reference,
        "notify": false,
        "currency": currency.code(),
        "refundLineItems": instruction.lines.iter().filter(|(_, units, _)| *units > 0).map(line).collect::<Vec<_>>(),
        "transactions": parts.iter().map(transaction).collect::<Vec<_>>(),
    });
    if instruction.shipping > Minor::ZERO {
        input["shipping"] = match payments.delivery(instruction.shipping, currency)? {
            None => json!({ "fullRefund": true }),
            Some(amount) => json!({ "amount": currency.decimal(amount).to_string() }),
        };
    }
    Ok(input)
}

/// The delivery in the argument of `returnProcess`; null where none of it is refunded.
pub(super) fn shipping_of_return(instruction: &RefundInstruction, payments: &Payments) -> Result<Value, Failure> {
    if instruction.shipping == Minor::ZERO {
        return Ok(Value::Null);
    }
    let currency = instruction.currency;
    Ok(match payments.delivery(instruction.shipping, currency)? {
        None => json!({ "fullRefund": true }),
        Some(amount) => json!({ "shippingRefundAmount": money(amount, currency) }),
    })
}

/// The money in the argument of `returnProcess`; null where nothing goes back.
pub(super) fn financial_transfer(amount: Minor, currency: Currency, payments: &Payments) -> Result<Value, Failure> {
    payments.check_currency(currency)?;
    let parts = payments.spread(amount, currency)?;
    if parts.is_empty() {
        return Ok(Value::Null);
    }
    let transaction =
        |part: &Part<'_>| json!({ "parentId": part.payment.id, "transactionAmount": money(part.amount, currency) });
    let transactions: Vec<Value> = parts.iter().map(transaction).collect();
    Ok(json!({ "issueRefund": { "orderTransactions": transactions } }))
}

fn money(amount: Minor, currency: Currency) -> Value {
    json!({ "amount": currency.decimal(amount).to_string(), "currencyCode": currency.code() })
}

fn restock_type(restock: Restock) -> &'static str {
    match restock {
        Restock::Cancel => "CANCEL",
        Restock::Return => "RETURN",
        Restock::Nothing => "NO_RESTOCK",
    }
}
