//! The money side of an order: transactions, refunds, returns and the sales ledger, all in minor units of the shop's
//! currency. What is left of an order follows from its lines' current quantities by cumulative shares, so that the
//! amounts of any series of refunds and edits add up to the whole exactly.

use jiff::Timestamp;
use serde::Deserialize;

use super::order::{Ids, Line, Order};
use super::template::FinancialStatus;

/// One movement of money.
#[derive(Debug, Clone)]
pub(super) struct Transaction {
    pub(super) id: u64,
    pub(super) kind: TransactionKind,
    pub(super) status: TransactionStatus,
    pub(super) gateway: String,
    /// The payment that a capture or a refund belongs to.
    pub(super) parent: Option<u64>,
    pub(super) amount: i64,
    /// The same in the customer's currency.
    pub(super) presented: i64,
    /// The refund that it pays.
    pub(super) refund: Option<u64>,
    pub(super) created_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TransactionKind {
    Authorization,
    Sale,
    Capture,
    Refund,
}

impl TransactionKind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Authorization => "authorization",
            Self::Sale => "sale",
            Self::Capture => "capture",
            Self::Refund => "refund",
        }
    }

    pub(super) fn brings_money(self) -> bool {
        match self {
            Self::Sale | Self::Capture => true,
            Self::Authorization | Self::Refund => false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TransactionStatus {
    #[default]
    Success,
    Pending,
    Failure,
}

impl TransactionStatus {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Pending => "pending",
            Self::Failure => "failure",
        }
    }
}

/// What becomes of refunded units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Restock {
    Cancel,
    Return,
    /// What has left goes first; what has not is taken off.
    #[default]
    #[serde(rename = "no_restock")]
    Nothing,
    /// The admin's own way for what has not left and does not go back on the shelf; told as `no_restock`.
    Removal,
}

impl Restock {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Return => "return",
            Self::Nothing | Self::Removal => "no_restock",
        }
    }

    pub(super) fn restocks(self) -> bool {
        match self {
            Self::Cancel | Self::Return => true,
            Self::Nothing | Self::Removal => false,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Refund {
    pub(super) id: u64,
    pub(super) created_at: Timestamp,
    pub(super) note: Option<String>,
    pub(super) lines: Vec<RefundLine>,
    /// Refunded shipping in the order's price terms: with tax where prices include it.
    pub(super) shipping: Shares,
    /// What was given beyond the lines and the shipping; below zero what was kept back.
    pub(super) adjustment: i64,
    pub(super) return_id: Option<u64>,
}

/// A price after discounts, the tax on it, and the discount that it had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Shares {
    pub(super) price: i64,
    pub(super) tax: i64,
    pub(super) discount: i64,
}

impl Shares {
    pub(super) fn minus(self, other: Self) -> Self {
        Self { price: self.price - other.price, tax: self.tax - other.tax, discount: self.discount - other.discount }
    }

    /// What the customer pays for it.
    pub(super) fn total(self, taxes_included: bool) -> i64 {
        if taxes_included { self.price } else { self.price + self.tax }
    }
}

#[derive(Debug, Clone)]
pub(super) struct RefundLine {
    pub(super) id: u64,
    /// Index into the order's lines.
    pub(super) line: usize,
    pub(super) quantity: i64,
    pub(super) restock: Restock,
    pub(super) shares: Shares,
}

/// What was agreed at one moment.
#[derive(Debug, Clone)]
pub(super) struct Agreement {
    pub(super) id: u64,
    pub(super) why: AgreementKind,
    pub(super) at: Timestamp,
    pub(super) sales: Vec<Sale>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AgreementKind {
    Order,
    Edit,
    Refund(u64),
    Return(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SaleOf {
    /// Index into the order's lines.
    Line(usize),
    Shipping,
    Adjustment,
}

/// One entry of the ledger; what the customer gets back is below zero.
#[derive(Debug, Clone)]
pub(super) struct Sale {
    pub(super) id: u64,
    pub(super) of: SaleOf,
    /// Units; below zero when they leave the order.
    pub(super) quantity: Option<i64>,
    pub(super) shares: Shares,
}

impl Sale {
    pub(super) fn is_return(&self) -> bool {
        match self.quantity {
            Some(quantity) => quantity < 0,
            None => true,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReturnStatus {
    Requested,
    Open,
    Closed,
    Declined,
    Canceled,
}

impl ReturnStatus {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Declined => "declined",
            Self::Canceled => "canceled",
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Return {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) status: ReturnStatus,
    pub(super) created_at: Timestamp,
    pub(super) closed_at: Option<Timestamp>,
    pub(super) lines: Vec<ReturnLine>,
    pub(super) exchange: Vec<ExchangeLine>,
}

#[derive(Debug, Clone)]
pub(super) struct ReturnLine {
    pub(super) id: u64,
    /// Indexes of the fulfilment and of its line.
    pub(super) fulfilled: (usize, usize),
    /// Index into the order's lines.
    pub(super) line: usize,
    pub(super) quantity: i64,
    pub(super) processed: i64,
    pub(super) reason: String,
}

/// What the customer gets instead. It joins the order's lines when the return is processed.
#[derive(Debug, Clone)]
pub(super) struct ExchangeLine {
    pub(super) id: u64,
    pub(super) wanted: Line,
    /// Index into the order's lines, once processed.
    pub(super) line: Option<usize>,
}

#[derive(Debug, Clone)]
pub(super) struct Dispute {
    pub(super) id: u64,
    pub(super) amount: i64,
    pub(super) reason: String,
    pub(super) status: &'static str,
    pub(super) initiated_at: Timestamp,
    pub(super) finalized_at: Option<Timestamp>,
}

/// The part of `amount` that `units` of `whole` carry, half a minor unit away from zero.
fn cumulative(amount: i64, units: i64, whole: i64) -> i64 {
    if whole <= 0 || units >= whole {
        return amount;
    }
    let twice = 2 * i128::from(amount) * i128::from(units);
    let rounded = (twice.abs() + i128::from(whole)) / (2 * i128::from(whole)) * twice.signum();
    i64::try_from(rounded).unwrap_or(amount)
}

impl Line {
    /// What so many of its units carry.
    pub(super) fn shares_of(&self, units: i64) -> Shares {
        let discount = cumulative(self.discount(), units, self.quantity);
        Shares {
            price: self.unit_price * units - discount,
            tax: cumulative(self.tax.unwrap_or(0), units, self.quantity),
            discount,
        }
    }
}

impl Order {
    /// What is left of the lines.
    pub(super) fn current_lines(&self) -> Shares {
        let each = self.lines.iter().map(|line| line.shares_of(line.current));
        each.fold(Shares::default(), |sum, of| Shares {
            price: sum.price + of.price,
            tax: sum.tax + of.tax,
            discount: sum.discount + of.discount,
        })
    }

    pub(super) fn current_tax(&self) -> i64 {
        self.current_lines().tax + self.shipping_left.tax
    }

    /// What the order costs after edits, refunds and returns.
    pub(super) fn current_total(&self) -> i64 {
        let given: i64 = self.refunds.iter().map(|refund| refund.adjustment).sum();
        let included = self.taxes_included;
        self.current_lines().total(included) + self.shipping_left.total(included) - given
    }

    pub(super) fn received(&self) -> i64 {
        let paid = self.transactions.iter().filter(|it| it.kind.brings_money());
        paid.filter(|it| it.status == TransactionStatus::Success).map(|it| it.amount).sum()
    }

    /// Money that went back or is on its way.
    pub(super) fn refunded(&self) -> i64 {
        let back = self.transactions.iter().filter(|it| it.kind == TransactionKind::Refund);
        back.filter(|it| it.status != TransactionStatus::Failure).map(|it| it.amount).sum()
    }

    /// What the customer has paid beyond what the order costs; below zero what is owed.
    pub(super) fn credit(&self) -> i64 {
        self.received() - self.refunded() - self.current_total()
    }

    /// What the customer still owes; below zero what is owed to the customer.
    pub(super) fn outstanding(&self) -> i64 {
        match self.financial_status {
            FinancialStatus::Voided => 0,
            FinancialStatus::Paid | FinancialStatus::Pending | FinancialStatus::Authorized => {
                if self.cancelled_at.is_some() { 0 } else { -self.credit() }
            }
        }
    }

    pub(super) fn financial_word(&self) -> &'static str {
        let (received, refunded) = (self.received(), self.refunded());
        if refunded > 0 {
            return if refunded >= received { "refunded" } else { "partially_refunded" };
        }
        match self.financial_status {
            FinancialStatus::Paid if self.outstanding() > 0 => "partially_paid",
            status @ (FinancialStatus::Paid
            | FinancialStatus::Pending
            | FinancialStatus::Authorized
            | FinancialStatus::Voided) => status.word(),
        }
    }

    /// What of a payment has not gone back.
    pub(super) fn refundable(&self, payment: &Transaction) -> i64 {
        let back = self.transactions.iter().filter(|it| it.parent == Some(payment.id));
        let back = back.filter(|it| it.kind == TransactionKind::Refund && it.status != TransactionStatus::Failure);
        payment.amount - back.map(|it| it.amount).sum::<i64>()
    }

    pub(super) fn payments(&self) -> impl Iterator<Item = &Transaction> {
        self.transactions.iter().filter(|it| it.kind.brings_money() && it.status == TransactionStatus::Success)
    }

    /// Units of a line that are on the order and have not left.
    pub(super) fn open_units(&self, index: usize) -> i64 {
        let Some(line) = self.lines.get(index) else { return 0 };
        (line.current - (self.fulfilled_quantity(index) - line.returned)).max(0)
    }

    /// Every gateway that took money.
    pub(super) fn gateways(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for name in self.payments().map(|it| it.gateway.as_str()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.is_empty() && self.total() > 0 {
            names.push(&self.gateway);
        }
        names
    }

    /// What was agreed when the order was placed.
    pub(super) fn placed_agreement(&self, ids: &mut Ids) -> Agreement {
        let mut sales: Vec<Sale> = Vec::new();
        for (index, line) in self.lines.iter().enumerate() {
            let (of, quantity) = (SaleOf::Line(index), Some(line.quantity));
            sales.push(Sale { id: ids.document(), of, quantity, shares: line.shares_of(line.quantity) });
        }
        if self.shipping.price > 0 {
            let (of, quantity) = (SaleOf::Shipping, Some(1));
            sales.push(Sale { id: ids.document(), of, quantity, shares: self.shipping_left });
        }
        Agreement { id: ids.document(), why: AgreementKind::Order, at: self.created_at, sales }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_a_line_add_up_in_whatever_steps_it_is_refunded() {
        let steps = |amount: i64, whole: i64| -> i64 {
            (0..whole).map(|units| cumulative(amount, units + 1, whole) - cumulative(amount, units, whole)).sum()
        };
        assert_eq!(steps(1000, 3), 1000);
        assert_eq!(steps(417, 7), 417);
        assert_eq!(cumulative(5, 1, 2), 3, "half a unit rounds away from zero");
        assert_eq!(cumulative(-5, 1, 2), -3);
    }
}
