//! Money back: what staff does by hand and what `refundCreate` does are one and the same here.

use jiff::Timestamp;

use super::fulfillment::UserError;
use super::ledger::{
    Agreement, AgreementKind, Refund, RefundLine, Restock, Sale, SaleOf, Shares, Transaction, TransactionKind,
    TransactionStatus,
};
use super::order::{FulfillmentOrderStatus, Ids, Order};
use super::payload::presented;
use super::shop::Shop;
use super::stock;

/// What is to be refunded.
#[derive(Debug, Clone, Default)]
pub(super) struct RefundRequest {
    /// Index into the order's lines, units, and what becomes of them.
    pub(super) lines: Vec<(usize, i64, Restock)>,
    pub(super) shipping: ShippingRefund,
    pub(super) payment: Payment,
    pub(super) note: Option<String>,
    pub(super) status: TransactionStatus,
    pub(super) allow_over_refund: bool,
    pub(super) return_id: Option<u64>,
    /// What the customer gets instead of money: the price of an exchange.
    pub(super) exchanged: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum ShippingRefund {
    #[default]
    Nothing,
    Full,
    /// In the order's price terms: with tax where prices include it.
    Amount(i64),
}

/// How much goes back, and through whom.
#[derive(Debug, Clone, Default)]
pub(super) enum Payment {
    /// What the lines and the shipping come to.
    #[default]
    Computed,
    /// Another amount or gateway, as staff chooses.
    Chosen { amount: Option<i64>, gateway: Option<String> },
    /// As an app says, transaction by transaction.
    Exact(Vec<Part>),
}

#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) parent: Option<u64>,
    pub(super) gateway: String,
    pub(super) amount: i64,
    /// The same in the customer's currency.
    pub(super) presented: i64,
}

/// What a request comes to.
struct Computed {
    lines: Vec<(usize, i64, Restock, Shares)>,
    shipping: Shares,
    amount: i64,
    adjustment: i64,
    parts: Vec<Part>,
}

impl Shop {
    /// Refunds; the refund's id.
    pub(super) fn refund(&mut self, id: u64, request: &RefundRequest, now: Timestamp) -> Result<u64, UserError> {
        let refund = self.book_refund(id, request, now)?;
        let news = self.news(now);
        self.tell_of_refund((id, refund), "refunds/create", &news);
        self.tell(id, "orders/updated", &news);
        Ok(refund)
    }

    /// Refunds without telling anybody.
    pub(super) fn book_refund(&mut self, id: u64, request: &RefundRequest, now: Timestamp) -> Result<u64, UserError> {
        let order = self.orders.get(&id).ok_or_else(|| UserError::plain("Order does not exist"))?;
        let computed = compute(order, request)?;
        let is_call = matches!(request.payment, Payment::Exact(_));
        let status = is_call.then(|| self.refund_fates.pop_front()).flatten().unwrap_or(request.status);
        let mut ids = self.ids.clone();
        let open = stock::open_units(order);
        let order = self.orders.get_mut(&id).ok_or_else(|| UserError::plain("Order does not exist"))?;
        let refund = book(order, (request, status, &computed), now, &mut ids);
        let moved = stock::refunded(order, &open, &request.lines);
        self.ids = ids;
        self.moves(&moved, now);
        Ok(refund)
    }

    /// The bank says what became of money that was under way.
    pub(super) fn settle_refund(
        &mut self,
        (id, refund): (u64, u64),
        status: TransactionStatus,
        now: Timestamp,
    ) -> Result<usize, String> {
        let order = self.order_mut(id)?;
        let mut settled = Vec::new();
        let waiting = order.transactions.iter_mut().filter(|it| it.refund == Some(refund));
        for transaction in waiting.filter(|it| it.status == TransactionStatus::Pending) {
            transaction.status = status;
            settled.push(transaction.id);
        }
        if settled.is_empty() {
            return Err(format!("order {id} has no refund {refund} that is under way"));
        }
        order.updated_at = now;
        let news = self.news(now);
        for transaction in &settled {
            self.tell_of_transaction((id, *transaction), &news);
        }
        self.tell(id, "orders/updated", &news);
        Ok(settled.len())
    }
}

fn compute(order: &Order, request: &RefundRequest) -> Result<Computed, UserError> {
    check_quantities(order, request)?;
    let lines = order.shares_of_lines(&request.lines);
    let shipping = shipping(order, request.shipping)?;
    let included = order.taxes_included;
    let worth = lines.iter().map(|(.., shares)| shares.total(included)).sum::<i64>() + shipping.total(included);
    // What is exchanged is on the order already: the customer had this credit before.
    let credit = order.credit() + request.exchanged;
    let worth = (worth - request.exchanged).max(0);
    let owed = worth + credit;
    let names_nothing = request.lines.is_empty() && request.shipping == ShippingRefund::Nothing;
    let usual = if names_nothing { owed.max(0) } else { (worth + credit.min(0)).max(0) };
    let received = (order.received() - order.refunded()).max(0);
    let (amount, parts) = payment(order, &request.payment, usual.min(received));
    if amount > received && !request.allow_over_refund {
        return Err(UserError::plain(format!(
            "Refund amount ${} is greater than net payment received ${}",
            order.currency.text(amount),
            order.currency.text(received),
        )));
    }
    let adjustment = if amount < usual { amount - usual } else { (amount - owed.max(usual)).max(0) };
    Ok(Computed { lines, shipping, amount, adjustment, parts })
}

/// No more than is on the order; `cancel` takes what has not left, `return` what has.
fn check_quantities(order: &Order, request: &RefundRequest) -> Result<(), UserError> {
    let on = |index: usize, field: &str, message: &str| {
        let field = ["refundLineItems", &index.to_string(), field].map(str::to_owned).to_vec();
        UserError { field: Some(field), message: message.to_owned() }
    };
    for (at, (index, quantity, restock)) in request.lines.iter().enumerate() {
        let Some(line) = order.lines.get(*index) else {
            return Err(on(at, "lineItemId", "Line item does not exist"));
        };
        if *quantity < 1 {
            return Err(on(at, "quantity", "Quantity must be greater than 0"));
        }
        let asked = |kind: Option<Restock>| -> i64 {
            let same =
                request.lines.iter().filter(|(other, _, how)| other == index && kind.is_none_or(|it| it == *how));
            same.map(|(_, quantity, _)| *quantity).fold(0, i64::saturating_add)
        };
        let open = order.open_units(*index);
        let left = match restock {
            Restock::Cancel | Restock::Removal => open,
            Restock::Return => line.current - open,
            Restock::Nothing => line.current,
        };
        if asked(None) > line.current || asked(Some(*restock)) > left {
            return Err(on(at, "quantity", "Quantity cannot refund more items than were purchased"));
        }
    }
    Ok(())
}

fn shipping(order: &Order, refund: ShippingRefund) -> Result<Shares, UserError> {
    let left = order.shipping_left;
    match refund {
        ShippingRefund::Nothing => Ok(Shares::default()),
        ShippingRefund::Full => Ok(left),
        ShippingRefund::Amount(price) if price == left.price => Ok(left),
        ShippingRefund::Amount(price) if (0..left.price).contains(&price) => {
            let tax = i128::from(left.tax) * i128::from(price) / i128::from(left.price.max(1));
            Ok(Shares { price, tax: i64::try_from(tax).unwrap_or(0), discount: 0 })
        }
        ShippingRefund::Amount(_) => Err(UserError {
            field: Some(vec!["shipping".to_owned(), "amount".to_owned()]),
            message: "Refund amount for shipping exceeds the amount that can be refunded".to_owned(),
        }),
    }
}

fn payment(order: &Order, payment: &Payment, usual: i64) -> (i64, Vec<Part>) {
    match payment {
        Payment::Exact(parts) => (parts.iter().map(|part| part.amount).sum(), parts.clone()),
        Payment::Computed => (usual, over_parents(order, usual, None)),
        Payment::Chosen { amount, gateway } => {
            let amount = amount.unwrap_or(usual);
            (amount, over_parents(order, amount, gateway.as_deref()))
        }
    }
}

/// Money goes back the way it came, oldest payment first. To another gateway it goes in one piece.
fn over_parents(order: &Order, amount: i64, gateway: Option<&str>) -> Vec<Part> {
    let part = |parent: Option<u64>, gateway: &str, amount: i64| Part {
        parent,
        gateway: gateway.to_owned(),
        amount,
        presented: presented(order, amount).1,
    };
    if amount == 0 {
        return Vec::new();
    }
    let first = order.payments().next();
    if let Some(gateway) = gateway {
        return vec![part(first.map(|it| it.id), gateway, amount)];
    }
    let mut left = amount;
    let mut parts = Vec::new();
    for payment in order.payments() {
        let taken = order.refundable(payment).min(left);
        if taken > 0 {
            left -= taken;
            parts.push(part(Some(payment.id), &payment.gateway, taken));
        }
    }
    if left > 0 {
        parts.push(part(first.map(|it| it.id), &order.gateway, left));
    }
    parts
}

fn book(
    order: &mut Order,
    (request, status, computed): (&RefundRequest, TransactionStatus, &Computed),
    now: Timestamp,
    ids: &mut Ids,
) -> u64 {
    let id = ids.document();
    let mut sales = Vec::new();
    let mut lines = Vec::new();
    for (line, quantity, restock, shares) in &computed.lines {
        lines.push(RefundLine {
            id: ids.document(),
            line: *line,
            quantity: *quantity,
            restock: *restock,
            shares: *shares,
        });
        let shares = Shares::default().minus(*shares);
        sales.push(Sale { id: ids.document(), of: SaleOf::Line(*line), quantity: Some(-quantity), shares });
        order.take_off(*line, *quantity, *restock);
    }
    if computed.shipping != Shares::default() {
        let shares = Shares::default().minus(computed.shipping);
        sales.push(Sale { id: ids.document(), of: SaleOf::Shipping, quantity: None, shares });
        order.shipping_left = order.shipping_left.minus(computed.shipping);
    }
    if computed.adjustment != 0 {
        let shares = Shares { price: -computed.adjustment, ..Shares::default() };
        sales.push(Sale { id: ids.document(), of: SaleOf::Adjustment, quantity: None, shares });
    }
    for part in &computed.parts {
        order.transactions.push(Transaction {
            id: ids.document(),
            kind: TransactionKind::Refund,
            status,
            gateway: part.gateway.clone(),
            parent: part.parent,
            amount: part.amount,
            presented: part.presented,
            refund: Some(id),
            created_at: now,
        });
    }
    order.agreements.push(Agreement { id: ids.document(), why: AgreementKind::Refund(id), at: now, sales });
    order.refunds.push(Refund {
        id,
        created_at: now,
        note: request.note.clone(),
        lines,
        shipping: computed.shipping,
        adjustment: computed.adjustment,
        return_id: request.return_id,
    });
    order.updated_at = now;
    debug_assert_eq!(computed.amount, computed.parts.iter().map(|part| part.amount).sum::<i64>());
    id
}

impl Order {
    /// What units carry that leave the order, line by line.
    pub(super) fn shares_of_lines(&self, leaving: &[(usize, i64, Restock)]) -> Vec<(usize, i64, Restock, Shares)> {
        let mut lines: Vec<(usize, i64, Restock, Shares)> = Vec::new();
        for (index, quantity, restock) in leaving {
            let Some(line) = self.lines.get(*index) else { continue };
            let before: i64 = lines.iter().filter(|(at, ..)| at == index).map(|(_, quantity, ..)| quantity).sum();
            let (from, to) = (line.current - before, line.current - before - quantity);
            lines.push((*index, *quantity, *restock, line.shares_of(from).minus(line.shares_of(to))));
        }
        lines
    }

    /// Takes refunded units off the order: those that have not left, off its fulfilment orders as well.
    fn take_off(&mut self, index: usize, quantity: i64, restock: Restock) {
        let open = match restock {
            Restock::Cancel | Restock::Removal => quantity,
            Restock::Return => 0,
            // The units that have left go first. [community.shopify.dev, "Refunding an unfulfilled item without restocking"]
            Restock::Nothing => {
                let here = self.lines.get(index).map_or(0, |line| line.current);
                (quantity - (here - self.open_units(index)).max(0)).max(0)
            }
        };
        self.unschedule(index, open);
        if let Some(line) = self.lines.get_mut(index) {
            line.current -= quantity;
            line.returned += quantity - open;
        }
    }

    /// Units that will not be shipped: what remains of their fulfilment orders falls, and an emptied one is closed.
    pub(super) fn unschedule(&mut self, index: usize, mut units: i64) {
        for part in &mut self.fulfillment_orders {
            let mut changed = false;
            for line in part.lines.iter_mut().filter(|line| line.line == index) {
                let taken = line.remaining.min(units);
                line.remaining -= taken;
                line.total -= taken;
                units -= taken;
                changed |= taken > 0;
            }
            if changed && part.remaining() == 0 {
                part.status = FulfillmentOrderStatus::Closed;
                part.holds.clear();
            }
        }
    }
}
