//! An order as the shop keeps it: lines, money in minor units, fulfilment orders and fulfilments.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::ledger::{Agreement, Dispute, Refund, Return, Shares, Transaction, TransactionKind, TransactionStatus};
use super::money::{Currency, Rate, spread};
use super::payload::presented;
use super::template::{Address, DiscountTemplate, DiscountValue, Factor, FinancialStatus, LineTemplate, OrderTemplate};

/// No order here is worth more; below it no sum of an order overflows.
const LARGEST_AMOUNT: i64 = 1_000_000_000_000_000;

#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) id: u64,
    /// `1001`, `1002`, …: the number customers see, with `#` before it.
    pub(super) number: u64,
    /// The secret part of the order's public address.
    pub(super) token: String,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) cancelled_at: Option<Timestamp>,
    pub(super) cancel_reason: Option<String>,
    pub(super) currency: Currency,
    pub(super) presentment: Option<(Currency, Factor)>,
    pub(super) taxes_included: bool,
    pub(super) tax_rate: Rate,
    pub(super) tax_title: String,
    pub(super) lines: Vec<Line>,
    pub(super) shipping: Shipping,
    pub(super) discounts: Vec<DiscountApplication>,
    pub(super) financial_status: FinancialStatus,
    pub(super) gateway: String,
    pub(super) test: bool,
    pub(super) email: Option<String>,
    pub(super) customer_id: u64,
    pub(super) shipping_address: Option<Address>,
    pub(super) billing_address: Option<Address>,
    pub(super) note: Option<String>,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) tags: String,
    pub(super) fulfillment_orders: Vec<FulfillmentOrder>,
    pub(super) fulfillments: Vec<Fulfillment>,
    /// Shipping that has not been refunded.
    pub(super) shipping_left: Shares,
    pub(super) transactions: Vec<Transaction>,
    pub(super) refunds: Vec<Refund>,
    pub(super) returns: Vec<Return>,
    pub(super) agreements: Vec<Agreement>,
    pub(super) disputes: Vec<Dispute>,
}

#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) id: u64,
    pub(super) sku: Option<String>,
    pub(super) title: String,
    /// Units that were ever ordered.
    pub(super) quantity: i64,
    /// Units that are still on the order: ordered, less removed, less refunded.
    pub(super) current: i64,
    /// Units that had left and were refunded.
    pub(super) returned: i64,
    pub(super) unit_price: i64,
    /// Index of the discount application, and its share of this line.
    pub(super) discounts: Vec<(usize, i64)>,
    pub(super) taxable: bool,
    /// None when the line is not taxed.
    pub(super) tax: Option<i64>,
    pub(super) requires_shipping: bool,
    pub(super) gift_card: bool,
    pub(super) grams: u32,
    pub(super) location: String,
}

impl Line {
    pub(super) fn gross(&self) -> i64 {
        self.unit_price * self.quantity
    }

    pub(super) fn discount(&self) -> i64 {
        self.discounts.iter().map(|(_, amount)| amount).sum()
    }

    pub(super) fn net(&self) -> i64 {
        self.gross() - self.discount()
    }
}

#[derive(Debug, Clone)]
pub(super) struct Shipping {
    pub(super) id: u64,
    pub(super) title: String,
    pub(super) price: i64,
    pub(super) discounts: Vec<(usize, i64)>,
    pub(super) tax: Option<i64>,
}

impl Shipping {
    pub(super) fn discount(&self) -> i64 {
        self.discounts.iter().map(|(_, amount)| amount).sum()
    }

    pub(super) fn net(&self) -> i64 {
        self.price - self.discount()
    }

    pub(super) fn shares(&self) -> Shares {
        Shares { price: self.net(), tax: self.tax.unwrap_or(0), discount: self.discount() }
    }
}

#[derive(Debug, Clone)]
pub(super) struct DiscountApplication {
    pub(super) code: Option<String>,
    pub(super) value: AppliedValue,
    pub(super) target: DiscountTarget,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum AppliedValue {
    Fixed(i64),
    Percentage(Decimal),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DiscountTarget {
    AllLines,
    OneLine,
    Shipping,
}

#[derive(Debug, Clone)]
pub(super) struct FulfillmentOrder {
    pub(super) id: u64,
    pub(super) location: String,
    pub(super) status: FulfillmentOrderStatus,
    pub(super) holds: Vec<Hold>,
    pub(super) lines: Vec<FulfillmentOrderLine>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FulfillmentOrderStatus {
    Open,
    InProgress,
    OnHold,
    Closed,
}

impl FulfillmentOrderStatus {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::InProgress => "in_progress",
            Self::OnHold => "on_hold",
            Self::Closed => "closed",
        }
    }

    pub(super) fn is_fulfillable(self) -> bool {
        match self {
            Self::Open | Self::InProgress => true,
            Self::OnHold | Self::Closed => false,
        }
    }
}

impl FulfillmentOrder {
    pub(super) fn remaining(&self) -> i64 {
        self.lines.iter().map(|line| line.remaining).sum()
    }

    pub(super) fn total(&self) -> i64 {
        self.lines.iter().map(|line| line.total).sum()
    }

    /// The status that follows from the quantities, once no hold is in the way.
    pub(super) fn unheld_status(&self) -> FulfillmentOrderStatus {
        match self.remaining() {
            0 => FulfillmentOrderStatus::Closed,
            remaining if remaining == self.total() => FulfillmentOrderStatus::Open,
            _ => FulfillmentOrderStatus::InProgress,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Hold {
    pub(super) id: u64,
    pub(super) reason: String,
    pub(super) notes: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct FulfillmentOrderLine {
    pub(super) id: u64,
    /// Index into the order's lines.
    pub(super) line: usize,
    pub(super) total: i64,
    pub(super) remaining: i64,
}

#[derive(Debug, Clone)]
pub(super) struct Fulfillment {
    pub(super) id: u64,
    pub(super) location: String,
    pub(super) created_at: Timestamp,
    pub(super) tracking: Vec<Tracking>,
    pub(super) lines: Vec<FulfillmentLine>,
    pub(super) fulfillment_orders: Vec<u64>,
    pub(super) notify_customer: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tracking {
    pub(super) company: Option<String>,
    pub(super) number: Option<String>,
    pub(super) url: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct FulfillmentLine {
    pub(super) id: u64,
    /// Index into the order's lines.
    pub(super) line: usize,
    pub(super) quantity: i64,
}

/// Gives out ids that no other document of this shop has.
#[derive(Debug, Clone)]
pub(super) struct Ids {
    next_order: u64,
    next_number: u64,
    serial: u64,
}

/// Where the vendor's ids for lines and other documents stood when this was written; lines are above 2^53.
const LINE_IDS: u64 = 866_550_311_766_439_020;
const DOCUMENT_IDS: u64 = 9_825_095_713_074;

impl Ids {
    pub(super) fn from(first_order: u64) -> Self {
        Self { next_order: first_order, next_number: 1001, serial: 0 }
    }

    fn order(&mut self) -> u64 {
        let id = self.next_order;
        self.next_order += 1;
        id
    }

    fn number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    fn line(&mut self) -> u64 {
        self.serial += 1;
        LINE_IDS + self.serial
    }

    pub(super) fn document(&mut self) -> u64 {
        self.serial += 1;
        DOCUMENT_IDS + self.serial
    }
}

impl Order {
    /// Prices an order. Discounts are spread over the lines, tax is rounded per line.
    pub(super) fn place(
        template: &OrderTemplate,
        currency: Currency,
        now: Timestamp,
        ids: &mut Ids,
    ) -> Result<Self, String> {
        let presentment = presentment(template)?;
        let mut lines = priced_lines(template, &currency, ids)?;
        let mut discounts = Vec::new();
        discount_single_lines(template, &currency, &mut (&mut lines, &mut discounts))?;
        if let Some(discount) = &template.discount {
            discount_all_lines(discount, &currency, &mut (&mut lines, &mut discounts))?;
        }
        let mut shipping = shipping(template, &currency, &mut discounts, ids)?;
        tax(template, &mut lines, &mut shipping);
        let placed_at = template.placed_at.unwrap_or(now);
        let mut order = Self {
            id: ids.order(),
            number: ids.number(),
            token: String::new(),
            created_at: placed_at,
            updated_at: placed_at,
            cancelled_at: None,
            cancel_reason: None,
            currency,
            presentment,
            taxes_included: template.taxes_included,
            tax_rate: template.tax_rate,
            tax_title: template.tax_title.clone(),
            lines,
            shipping,
            discounts,
            financial_status: template.financial_status,
            gateway: template.gateway.clone(),
            test: template.test,
            email: template.email.clone(),
            customer_id: ids.document(),
            shipping_address: template.shipping_address.clone(),
            billing_address: template.billing_address.clone(),
            note: template.note.clone(),
            attributes: template.attributes.clone(),
            tags: template.tags.clone(),
            fulfillment_orders: Vec::new(),
            fulfillments: Vec::new(),
            shipping_left: Shares::default(),
            transactions: Vec::new(),
            refunds: Vec::new(),
            returns: Vec::new(),
            agreements: Vec::new(),
            disputes: Vec::new(),
        };
        order.shipping_left = order.shipping.shares();
        order.fulfillment_orders = one_per_location(&order, ids);
        order.open_books(ids);
        Ok(order)
    }

    /// The first entries of the ledger, and what was paid or promised with the order.
    fn open_books(&mut self, ids: &mut Ids) {
        self.agreements.push(self.placed_agreement(ids));
        let kind = match self.financial_status {
            FinancialStatus::Paid => TransactionKind::Sale,
            FinancialStatus::Authorized => TransactionKind::Authorization,
            FinancialStatus::Pending | FinancialStatus::Voided => return,
        };
        let amount = self.total();
        if amount > 0 {
            self.pay(kind, amount, (ids, self.created_at));
        }
    }

    /// Books a payment.
    pub(super) fn pay(&mut self, kind: TransactionKind, amount: i64, (ids, at): (&mut Ids, Timestamp)) {
        let authorization = self.transactions.iter().find(|it| it.kind == TransactionKind::Authorization);
        self.transactions.push(Transaction {
            id: ids.document(),
            kind,
            status: TransactionStatus::Success,
            gateway: self.gateway.clone(),
            parent: authorization.map(|it| it.id),
            amount,
            presented: presented(self, amount).1,
            refund: None,
            created_at: at,
        });
    }

    pub(super) fn name(&self) -> String {
        format!("#{}", self.number)
    }

    pub(super) fn total_line_items(&self) -> i64 {
        self.lines.iter().map(Line::gross).sum()
    }

    pub(super) fn subtotal(&self) -> i64 {
        self.lines.iter().map(Line::net).sum()
    }

    pub(super) fn total_discounts(&self) -> i64 {
        self.lines.iter().map(Line::discount).sum::<i64>() + self.shipping.discount()
    }

    /// What one discount application took off all lines and the shipping.
    pub(super) fn taken_off_by(&self, application: usize) -> i64 {
        let lines = self.lines.iter().flat_map(|line| &line.discounts);
        let taken = lines.chain(&self.shipping.discounts);
        taken.filter(|(index, _)| *index == application).map(|(_, amount)| amount).sum()
    }

    pub(super) fn total_tax(&self) -> i64 {
        let lines: i64 = self.lines.iter().filter_map(|line| line.tax).sum();
        lines + self.shipping.tax.unwrap_or(0)
    }

    pub(super) fn total(&self) -> i64 {
        let tax = if self.taxes_included { 0 } else { self.total_tax() };
        self.subtotal() + self.shipping.net() + tax
    }

    pub(super) fn fulfilled_quantity(&self, line: usize) -> i64 {
        let lines = self.fulfillments.iter().flat_map(|fulfillment| &fulfillment.lines);
        lines.filter(|shipped| shipped.line == line).map(|shipped| shipped.quantity).sum()
    }

    pub(super) fn is_fully_fulfilled(&self) -> bool {
        self.lines
            .iter()
            .enumerate()
            .filter(|(_, line)| line.requires_shipping)
            .all(|(index, _)| self.open_units(index) == 0)
    }

    pub(super) fn display_fulfillment_status(&self) -> &'static str {
        let has = |status| self.fulfillment_orders.iter().any(|order| order.status == status);
        if !self.fulfillments.is_empty() {
            return if self.is_fully_fulfilled() { "FULFILLED" } else { "PARTIALLY_FULFILLED" };
        }
        if has(FulfillmentOrderStatus::OnHold) {
            "ON_HOLD"
        } else if has(FulfillmentOrderStatus::InProgress) {
            "IN_PROGRESS"
        } else {
            "UNFULFILLED"
        }
    }
}

fn presentment(template: &OrderTemplate) -> Result<Option<(Currency, Factor)>, String> {
    match (&template.presentment_currency, template.exchange_rate) {
        (None, None) => Ok(None),
        (Some(code), Some(rate)) => Ok(Some((Currency::from_code(code)?, rate))),
        (Some(_), None) | (None, Some(_)) => Err("presentment_currency and exchange_rate go together".to_owned()),
    }
}

fn priced_lines(template: &OrderTemplate, currency: &Currency, ids: &mut Ids) -> Result<Vec<Line>, String> {
    if template.lines.is_empty() {
        return Err("an order has at least one line".to_owned());
    }
    let mut sum = bounded(Some(currency.minor(template.shipping)?))?;
    let mut lines = Vec::new();
    for line in &template.lines {
        let priced = priced_line(line, &template.location, currency, ids)?;
        sum = bounded(sum.checked_add(priced.unit_price.saturating_mul(priced.quantity)))?;
        lines.push(priced);
    }
    Ok(lines)
}

fn bounded(amount: Option<i64>) -> Result<i64, String> {
    amount
        .filter(|amount| (0..=LARGEST_AMOUNT).contains(amount))
        .ok_or_else(|| format!("an amount of an order is below 0 or above {LARGEST_AMOUNT} minor units"))
}

/// A line before discounts and tax.
pub(super) fn priced_line(
    line: &LineTemplate,
    location: &str,
    currency: &Currency,
    ids: &mut Ids,
) -> Result<Line, String> {
    let title = line.title.clone().or_else(|| line.sku.clone());
    if line.quantity < 1 {
        return Err(format!("a quantity of {} cannot be ordered", line.quantity));
    }
    Ok(Line {
        id: ids.line(),
        sku: line.sku.clone(),
        title: title.unwrap_or_else(|| "Custom item".to_owned()),
        quantity: line.quantity,
        current: line.quantity,
        returned: 0,
        unit_price: bounded(Some(currency.minor(line.price)?))?,
        discounts: Vec::new(),
        taxable: line.taxable,
        tax: None,
        requires_shipping: line.requires_shipping,
        gift_card: line.gift_card,
        grams: line.grams,
        location: line.location.clone().unwrap_or_else(|| location.to_owned()),
    })
}

type Discounted<'a> = (&'a mut Vec<Line>, &'a mut Vec<DiscountApplication>);

fn discount_single_lines(
    template: &OrderTemplate,
    currency: &Currency,
    (lines, discounts): &mut Discounted<'_>,
) -> Result<(), String> {
    for (line, wanted) in lines.iter_mut().zip(&template.lines) {
        let amount = bounded(Some(currency.minor(wanted.discount)?))?.min(line.gross());
        if amount > 0 {
            line.discounts.push((discounts.len(), amount));
            discounts.push(DiscountApplication {
                code: None,
                value: AppliedValue::Fixed(amount),
                target: DiscountTarget::OneLine,
            });
        }
    }
    Ok(())
}

fn discount_all_lines(
    discount: &DiscountTemplate,
    currency: &Currency,
    (lines, discounts): &mut Discounted<'_>,
) -> Result<(), String> {
    let weights: Vec<i64> = lines.iter().map(Line::net).collect();
    let sum: i64 = weights.iter().sum();
    let (value, amount) = match discount.value {
        DiscountValue::Fixed(amount) => {
            let amount = bounded(Some(currency.minor(amount)?))?;
            (AppliedValue::Fixed(amount), amount.min(sum))
        }
        DiscountValue::Percentage(percentage) => {
            let share = Rate(percentage / Decimal::ONE_HUNDRED);
            (AppliedValue::Percentage(percentage), share.of(sum))
        }
    };
    for (line, share) in lines.iter_mut().zip(spread(amount, &weights)) {
        if share > 0 {
            line.discounts.push((discounts.len(), share));
        }
    }
    discounts.push(DiscountApplication { code: discount.code.clone(), value, target: DiscountTarget::AllLines });
    Ok(())
}

fn shipping(
    template: &OrderTemplate,
    currency: &Currency,
    discounts: &mut Vec<DiscountApplication>,
    ids: &mut Ids,
) -> Result<Shipping, String> {
    let price = bounded(Some(currency.minor(template.shipping)?))?;
    let discount = bounded(Some(currency.minor(template.shipping_discount)?))?.min(price);
    let mut shipping = Shipping {
        id: ids.document(),
        title: template.shipping_title.clone(),
        price,
        discounts: Vec::new(),
        tax: None,
    };
    if discount > 0 {
        shipping.discounts.push((discounts.len(), discount));
        discounts.push(DiscountApplication {
            code: None,
            value: AppliedValue::Fixed(discount),
            target: DiscountTarget::Shipping,
        });
    }
    Ok(shipping)
}

fn tax(template: &OrderTemplate, lines: &mut [Line], shipping: &mut Shipping) {
    let rate = template.tax_rate;
    if rate.0.is_zero() {
        return;
    }
    for line in lines.iter_mut().filter(|line| line.taxable) {
        line.tax = Some(rate.tax(line.net(), template.taxes_included));
    }
    if shipping.price > 0 {
        shipping.tax = Some(rate.tax(shipping.net(), template.taxes_included));
    }
}

/// What needs no shipping is in no fulfilment order.
fn one_per_location(order: &Order, ids: &mut Ids) -> Vec<FulfillmentOrder> {
    let mut orders: Vec<FulfillmentOrder> = Vec::new();
    for (index, line) in order.lines.iter().enumerate() {
        if !line.requires_shipping {
            continue;
        }
        let part =
            FulfillmentOrderLine { id: ids.document(), line: index, total: line.quantity, remaining: line.quantity };
        match orders.iter_mut().find(|order| order.location == line.location) {
            Some(order) => order.lines.push(part),
            None => orders.push(FulfillmentOrder {
                id: ids.document(),
                location: line.location.clone(),
                status: FulfillmentOrderStatus::Open,
                holds: Vec::new(),
                lines: vec![part],
                created_at: order.created_at,
                updated_at: order.created_at,
            }),
        }
    }
    orders
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn place(template: Value) -> Result<Order, String> {
        let template: OrderTemplate = serde_json::from_value(template).unwrap();
        let currency = Currency::from_code(template.currency.as_deref().unwrap_or("GBP"))?;
        let ids = &mut Ids::from(820_982_911_946_154_500);
        Order::place(&template, currency, Timestamp::UNIX_EPOCH, ids)
    }

    #[test]
    fn an_order_with_included_tax_totals_what_the_customer_pays() {
        let order = place(json!({
            "lines": [{ "sku": "A", "quantity": 2, "price": "24.99" }, { "sku": "B", "quantity": 1, "price": "12.00" }],
            "shipping": "4.95", "tax_rate": "0.2", "taxes_included": true,
            "discount": { "code": "TENOFF", "amount": "10.00" },
        }))
        .unwrap();
        assert_eq!(order.subtotal(), 5198);
        assert_eq!(order.total(), 5198 + 495);
        assert_eq!(order.total_tax(), 699 + 168 + 83);
        assert_eq!(order.total_discounts(), 1000);
    }

    #[test]
    fn each_location_gets_its_own_fulfilment_order_and_what_is_not_shipped_gets_none() {
        let order = place(json!({ "lines": [
            { "sku": "A", "quantity": 2, "price": 100 },
            { "sku": "B", "quantity": 1, "price": 100, "location": "MAN1" },
            { "sku": "E-BOOK", "quantity": 1, "price": 100, "requires_shipping": false },
        ]}))
        .unwrap();
        let locations: Vec<(&str, i64)> =
            order.fulfillment_orders.iter().map(|order| (order.location.as_str(), order.total())).collect();
        assert_eq!(locations, [("LON1", 2), ("MAN1", 1)]);
    }

    #[test]
    fn a_discount_never_exceeds_what_it_is_taken_from() {
        let order = place(json!({
            "lines": [{ "sku": "A", "quantity": 1, "price": 500, "discount": 100 }],
            "discount": "99.00", "shipping": 300, "shipping_discount": 900,
        }))
        .unwrap();
        assert_eq!(order.total(), 0);
        assert_eq!(order.total_discounts(), 800);
    }

    #[test]
    fn what_cannot_be_sold_is_refused() {
        assert!(place(json!({ "lines": [] })).is_err());
        assert!(place(json!({ "lines": [{ "sku": "A", "quantity": 0, "price": 1 }] })).is_err());
        assert!(place(json!({ "lines": [{ "sku": "A", "quantity": 1, "price": -1 }] })).is_err());
        let vast = json!({ "lines": [{ "sku": "A", "quantity": i64::MAX, "price": i64::MAX }] });
        assert!(place(vast).is_err());
        let unknown = json!({ "lines": [{ "sku": "A", "quantity": 1, "price": 1 }], "currency": "QQQ" });
        assert!(place(unknown).is_err());
    }
}
