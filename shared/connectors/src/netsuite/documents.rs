//! Our drafts as NetSuite's records, and NetSuite's records held against our drafts.

use std::collections::BTreeMap;

use crossdock_domain::event::FailureClass;
use crossdock_domain::money::Currency;
use crossdock_domain::posting::{DepositDraft, FulfillmentDraft, Header, PostingLine, PostingTax, SalesDraft};
use crossdock_domain::{Minor, MoneyError, Sku};
use crossdock_step::Failure;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::config::{InternalId, Settings};
use super::translate::Asked;
use crate::ApplicationDraft;
use crate::address::quoted;

/// Longest external id that every ERP accepts.
const LONGEST_REFERENCE: usize = 35;
/// The tax details' name for shipping.
const SHIPPING: &str = "SHIPPING";
/// The price level that takes our amounts as they are.
const CUSTOM_PRICE: &str = "-1";

/// Checks a reference before it becomes part of an address.
///
/// # Errors
/// It is too long or has other characters than `A-Z0-9-`.
pub fn check_reference(reference: &str) -> Result<(), Failure> {
    let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-';
    if (1..=LONGEST_REFERENCE).contains(&reference.len()) && reference.bytes().all(plain) {
        return Ok(());
    }
    let reason = format!(
        "{:?} cannot be a reference: at most {LONGEST_REFERENCE} characters of A-Z, 0-9 and -; shorten the connection's prefix",
        quoted(reference)
    );
    Err(Failure::permanent(FailureClass::Value, reason))
}

/// External id of the customer that stands for all guests of a channel in a currency.
#[must_use]
pub fn guest(header: &Header) -> String {
    let name = format!("GUEST-{}-{}", header.channel.to_uppercase(), header.currency);
    if name.len() <= LONGEST_REFERENCE {
        return name;
    }
    let hash = crossdock_domain::canonical::hash_bytes(header.channel.as_bytes()).to_uppercase();
    format!("GUEST-{}-{}", hash.get(..24).unwrap_or(&hash), header.currency)
}

/// That customer.
///
/// # Errors
/// The currency is not mapped.
pub fn guest_customer(settings: &Settings, header: &Header) -> Result<Value, Failure> {
    Ok(json!({
        "companyName": format!("Guests of {} in {}", header.channel, header.currency),
        "isPerson": false,
        "subsidiary": id(&settings.subsidiary),
        "currency": id(settings.currency(header.currency)?),
    }))
}

/// The sales order of a draft.
///
/// # Errors
/// Something is not mapped.
pub fn sales_order(
    settings: &Settings,
    draft: &SalesDraft,
    customer: &str,
    items: &BTreeMap<Sku, String>,
) -> Result<Value, Failure> {
    let lines = draft.lines.iter().map(|line| {
        let item = items.get(&line.sku).ok_or_else(|| {
            let reason = format!("{} has no item in the ERP: map it in the item's identities, then retry", line.sku);
            Failure::permanent(FailureClass::Mapping, reason)
        })?;
        let mut fields = sold(draft.header.currency, line)?;
        fields.insert("line".into(), json!(number_of(line.line)));
        fields.insert("item".into(), json!({ "id": item }));
        fields.insert("price".into(), json!({ "id": CUSTOM_PRICE }));
        Ok(Value::Object(fields))
    });
    let lines = lines.collect::<Result<Vec<_>, Failure>>()?;
    let mut body = sales(settings, draft, lines)?;
    body.insert("entity".into(), json!({ "id": customer }));
    body.insert("subsidiary".into(), id(&settings.subsidiary));
    body.insert("currency".into(), id(settings.currency(draft.header.currency)?));
    body.insert("otherRefNum".into(), json!(draft.header.order_name));
    body.insert("orderStatus".into(), json!({ "id": "B" }));
    Ok(Value::Object(body))
}

/// The invoice of a draft, as a transformation of its sales order: amounts are stated, not computed anew.
///
/// # Errors
/// Something is not mapped.
pub fn invoice(settings: &Settings, draft: &SalesDraft) -> Result<Value, Failure> {
    let lines = draft.lines.iter().map(|line| {
        let mut fields = sold(draft.header.currency, line)?;
        fields.insert("orderLine".into(), json!(number_of(line.line)));
        Ok(Value::Object(fields))
    });
    let lines = lines.collect::<Result<Vec<_>, Failure>>()?;
    let mut body = sales(settings, draft, lines)?;
    body.insert("externalId".into(), json!(draft.header.reference));
    body.insert("otherRefNum".into(), json!(draft.header.order_name));
    Ok(Value::Object(body))
}

/// A change that adds a rounding line for a difference. The line's number follows from the lines that the ERP holds, so
/// that sending it twice changes nothing; a rounding line that is there already is the one that is changed.
///
/// # Errors
/// The amount cannot be written.
pub fn rounding(draft: &SalesDraft, held: &Value, line: (&InternalId, Minor)) -> Result<Value, Failure> {
    let (rounding_item, amount) = line;
    let number = |line: &Value| line.get("line").and_then(Value::as_u64);
    let is_rounding = |line: &&Value| reference_id(line.get("item")).as_deref() == Some(rounding_item.as_str());
    let lines = lines_of(held);
    let existing = lines.iter().find(is_rounding).and_then(number);
    let next = lines.iter().filter_map(number).max().unwrap_or(0) + 1;
    Ok(json!({ "item": { "items": [{
        "line": existing.unwrap_or(next),
        "item": id(rounding_item),
        "quantity": 1,
        "amount": amount_of(draft.header.currency, amount)?,
        "price": { "id": CUSTOM_PRICE },
    }] } }))
}

/// The deposit of a draft.
///
/// # Errors
/// Something is not mapped.
pub fn deposit(settings: &Settings, draft: &DepositDraft, customer: &str, sales_order: &str) -> Result<Value, Failure> {
    let mut body = transaction(settings, &draft.header);
    body.insert("customer".into(), json!({ "id": customer }));
    body.insert("salesOrder".into(), json!({ "id": sales_order }));
    body.insert("currency".into(), id(settings.currency(draft.header.currency)?));
    body.insert("payment".into(), amount_of(draft.header.currency, draft.amount)?);
    body.insert("undepFunds".into(), json!({ "id": "F" }));
    body.insert("account".into(), id(settings.account(&draft.gateway)?));
    Ok(Value::Object(body))
}

/// The item fulfilment of a draft, as a transformation of its sales order.
///
/// # Errors
/// The location is not mapped.
pub fn item_fulfillment(settings: &Settings, draft: &FulfillmentDraft) -> Result<Value, Failure> {
    let location = settings.location(&draft.location)?;
    let lines = draft.lines.iter().map(|(line, quantity)| {
        json!({
            "orderLine": number_of(*line),
            "location": id(location),
            "itemReceive": true,
            "quantity": quantity,
        })
    });
    let mut body = transaction(settings, &draft.header);
    body.insert("externalId".into(), json!(draft.header.reference));
    body.insert("shipStatus".into(), json!({ "id": "C" }));
    body.insert("item".into(), json!({ "items": lines.collect::<Vec<_>>() }));
    Ok(Value::Object(body))
}

/// The application of a deposit, as a transformation of it.
///
/// # Errors
/// The amount cannot be written.
pub fn application(settings: &Settings, draft: &ApplicationDraft) -> Result<Value, Failure> {
    let amount = amount_of(draft.header.currency, draft.amount)?;
    let mut body = transaction(settings, &draft.header);
    body.insert("externalId".into(), json!(draft.header.reference));
    let applied = json!({ "doc": { "id": draft.invoice }, "apply": true, "amount": amount });
    body.insert("apply".into(), json!({ "items": [applied] }));
    Ok(Value::Object(body))
}

/// What every transaction has. The order's name goes into the memo: not every record has a field for it.
fn transaction(settings: &Settings, header: &Header) -> Map<String, Value> {
    let mut body = settings.fields.clone();
    body.insert("tranDate".into(), json!(header.posting_date.to_string()));
    body.insert("memo".into(), json!(header.order_name));
    body
}

/// What sales orders and invoices share: date, lines, shipping, and tax exactly as the storefront charged it.
fn sales(settings: &Settings, draft: &SalesDraft, lines: Vec<Value>) -> Result<Map<String, Value>, Failure> {
    let currency = draft.header.currency;
    let mut body = transaction(settings, &draft.header);
    if let Some(method) = &settings.ship_method {
        body.insert("shipMethod".into(), id(method));
    }
    body.insert("shippingCost".into(), amount_of(currency, draft.shipping)?);
    body.insert("item".into(), json!({ "items": lines }));
    let mut details = Vec::new();
    for line in &draft.lines {
        details.extend(tax_details(settings, currency, (&tax_reference(line.line), line.net), &line.taxes)?);
    }
    details.extend(tax_details(settings, currency, (SHIPPING, draft.shipping), &draft.shipping_taxes)?);
    body.insert("taxDetailsOverride".into(), json!(true));
    body.insert("taxDetails".into(), json!({ "items": details }));
    Ok(body)
}

fn sold(currency: Currency, line: &PostingLine) -> Result<Map<String, Value>, Failure> {
    let mut fields = Map::new();
    fields.insert("quantity".into(), json!(line.quantity));
    fields.insert("amount".into(), amount_of(currency, line.net)?);
    fields.insert("taxDetailsReference".into(), json!(tax_reference(line.line)));
    Ok(fields)
}

fn tax_details(
    settings: &Settings,
    currency: Currency,
    taxed: (&str, Minor),
    taxes: &[PostingTax],
) -> Result<Vec<Value>, Failure> {
    let (reference, basis) = taxed;
    let mut details = Vec::new();
    for tax in taxes {
        let code = match settings.tax_code(tax) {
            Ok(code) => code,
            // A tax of nothing needs no code; storefronts list them where an exemption applies.
            Err(_) if tax.amount == Minor::ZERO => continue,
            Err(failure) => return Err(failure),
        };
        let mut detail = Map::new();
        detail.insert("taxDetailsReference".into(), json!(reference));
        if let Some(tax_type) = &settings.tax_type {
            detail.insert("taxType".into(), json!(tax_type.as_str()));
        }
        detail.insert("taxCode".into(), id(code));
        detail.insert("taxBasis".into(), amount_of(currency, basis)?);
        detail.insert("taxRate".into(), per_cent(tax)?);
        detail.insert("taxAmount".into(), amount_of(currency, tax.amount)?);
        details.push(Value::Object(detail));
    }
    Ok(details)
}

/// Number of an order line in the ERP: its position in the order, from 1.
fn number_of(line: usize) -> usize {
    line + 1
}

fn tax_reference(line: usize) -> String {
    format!("LINE-{}", number_of(line))
}

fn id(id: &InternalId) -> Value {
    json!({ "id": id.as_str() })
}

fn per_cent(tax: &PostingTax) -> Result<Value, Failure> {
    let rate = Decimal::from_str_exact(&tax.rate).ok().and_then(|rate| rate.checked_mul(Decimal::ONE_HUNDRED));
    let rate = rate.ok_or_else(|| {
        let reason = format!("the tax rate {:?} is no decimal fraction, such as 0.2", quoted(&tax.rate));
        Failure::permanent(FailureClass::Value, reason)
    })?;
    number(rate.normalize())
}

fn amount_of(currency: Currency, amount: Minor) -> Result<Value, Failure> {
    number(currency.decimal(amount))
}

/// A decimal as a JSON number: made from its text and held against it, so that no digit is lost.
fn number(exact: Decimal) -> Result<Value, Failure> {
    let written: Option<Value> = serde_json::from_str(&exact.to_string()).ok();
    let is_exact = |written: &Value| decimal(Some(written)) == Some(exact);
    written.filter(is_exact).ok_or_else(|| {
        let reason = format!("{exact} has more digits than a JSON number carries safely");
        Failure::permanent(FailureClass::Value, reason)
    })
}

/// The exact decimal of a JSON number, by its text.
fn decimal(value: Option<&Value>) -> Option<Decimal> {
    let text = match value? {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    Decimal::from_str_exact(&text).or_else(|_| Decimal::from_scientific(&text)).ok()
}

/// An amount that the ERP holds.
fn minor(currency: Currency, value: Option<&Value>) -> Option<Minor> {
    currency.parse_amount(&decimal(value)?.normalize().to_string()).ok()
}

/// The `id` of `{"id": …}`, whatever it is written as.
fn reference_id(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Object(fields) => reference_id(fields.get("id")),
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) => None,
    }
}

fn lines_of(held: &Value) -> &[Value] {
    held.pointer("/item/items").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A record that the ERP holds under our reference, held against our draft.
pub struct Held<'a> {
    /// What was asked for.
    pub asked: &'a Asked<'a>,
    /// The connection's settings.
    pub settings: &'a Settings,
    /// The record.
    pub record: &'a Value,
}

impl Held<'_> {
    /// The internal id, once it is sure that the record is the one asked for: ours by reference, currency and date,
    /// and the one that the write named.
    ///
    /// # Errors
    /// It is another record.
    pub fn identity(&self, header: &Header, written: Option<&str>) -> Result<String, Failure> {
        let id = reference_id(Some(self.record)).filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| self.unreadable("it has no id"))?;
        let external = self.record.get("externalId").and_then(Value::as_str);
        if external.is_some_and(|external| external != header.reference) {
            return Err(self.unreadable("it answered with another document"));
        }
        if written.is_some_and(|written| written != id) {
            return Err(self.unreadable("it wrote one document and shows another"));
        }
        let currency = reference_id(self.record.get("currency"));
        if currency.is_some_and(|held| self.settings.currency(header.currency).is_ok_and(|ours| held != ours.as_str())) {
            return Err(self.unreadable("it is in another currency"));
        }
        let date = self.record.get("tranDate").and_then(Value::as_str);
        if date.is_some_and(|date| date != header.posting_date.to_string()) {
            return Err(self.differs("has another date", &header.posting_date.to_string()));
        }
        Ok(id)
    }

    /// Compares the lines of a sales order or an invoice; gives back its total without a rounding line, and the
    /// rounding line's amount.
    ///
    /// # Errors
    /// A line differs, or a number cannot be read.
    pub fn sales(&self, draft: &SalesDraft, key: &str) -> Result<(Minor, Minor), Failure> {
        let currency = draft.header.currency;
        let rounding_item = self.settings.rounding_item.as_ref().map(InternalId::as_str);
        let mut rounding = Minor::ZERO;
        let mut held = BTreeMap::new();
        for line in lines_of(self.record) {
            let amount = minor(currency, line.get("amount")).ok_or_else(|| self.unreadable("a line has no amount"))?;
            if rounding_item.is_some() && reference_id(line.get("item")).as_deref() == rounding_item {
                rounding = rounding.plus(amount)?;
                continue;
            }
            let number = line.get(key).and_then(Value::as_u64);
            held.insert(number, (decimal(line.get("quantity")), currency.decimal(amount)));
        }
        let ours = draft.lines.iter().map(|line| {
            let number = u64::try_from(number_of(line.line)).ok();
            (number, (Some(Decimal::from(line.quantity)), currency.decimal(line.net)))
        });
        let ours = ours.collect::<BTreeMap<_, _>>();
        if held != ours {
            return Err(self.differs(&told(&held, currency), &told(&ours, currency)));
        }
        let total = minor(currency, self.record.get("total")).ok_or_else(|| self.unreadable("it has no total"))?;
        let lines = Minor::sum(draft.lines.iter().map(|line| line.net))?.plus(rounding)?;
        self.adds_up(currency, lines, total)?;
        Ok((total.minus(rounding)?, rounding))
    }

    /// A total that is not the sum of its own parts is a wrong answer, not a rounding difference to be corrected.
    fn adds_up(&self, currency: Currency, lines: Minor, total: Minor) -> Result<(), Failure> {
        let part = |name: &str| minor(currency, self.record.get(name));
        let (Some(shipping), Some(tax)) = (part("shippingCost"), part("taxTotal")) else { return Ok(()) };
        if Minor::sum([lines, shipping, tax])? == total {
            Ok(())
        } else {
            Err(self.unreadable("its parts do not add up to its total"))
        }
    }

    /// The failure of a total that is too far from ours.
    #[must_use]
    pub fn total_differs(&self, draft: &SalesDraft, total: Minor) -> Failure {
        let currency = draft.header.currency;
        let shown = |amount: Minor| format!("{} {currency}", currency.decimal(amount));
        self.differs(&shown(total), &shown(draft.total))
    }

    /// The amount of a deposit.
    ///
    /// # Errors
    /// It differs.
    pub fn deposit(&self, draft: &DepositDraft, sales_order: &str) -> Result<Minor, Failure> {
        let order = reference_id(self.record.get("salesOrder"));
        if order.is_some_and(|order| order != sales_order) {
            return Err(self.unreadable("it is for another sales order"));
        }
        let account = reference_id(self.record.get("account"));
        let wanted = self.settings.account(&draft.gateway)?;
        if account.is_some_and(|account| account != wanted.as_str()) {
            return Err(self.unreadable("it arrived at another account"));
        }
        self.amount(draft.header.currency, self.record.get("payment"), draft.amount)
    }

    /// Compares the lines of an item fulfilment.
    ///
    /// # Errors
    /// They differ.
    pub fn item_fulfillment(&self, draft: &FulfillmentDraft) -> Result<(), Failure> {
        let received = |line: &&Value| line.get("itemReceive").and_then(Value::as_bool) != Some(false);
        let mut held = BTreeMap::<u64, Decimal>::new();
        for line in lines_of(self.record).iter().filter(received) {
            let number = line.get("orderLine").and_then(Value::as_u64).unwrap_or(0);
            *held.entry(number).or_default() += decimal(line.get("quantity")).unwrap_or_default();
        }
        held.retain(|_, quantity| !quantity.is_zero());
        let ours = draft.lines.iter().filter_map(|(line, quantity)| {
            Some((u64::try_from(number_of(*line)).ok()?, Decimal::from(*quantity)))
        });
        let ours = ours.collect::<BTreeMap<_, _>>();
        let told = |lines: &BTreeMap<u64, Decimal>| {
            lines.iter().map(|(line, units)| format!("{units} of line {line}")).collect::<Vec<_>>().join(", ")
        };
        if held == ours { Ok(()) } else { Err(self.differs(&told(&held), &told(&ours))) }
    }

    /// The amount that an application sets against our invoice.
    ///
    /// # Errors
    /// It differs, or there are others.
    pub fn application(&self, draft: &ApplicationDraft) -> Result<Minor, Failure> {
        let applied = self.record.pointer("/apply/items").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let applied = applied.iter().filter(|line| line.get("apply").and_then(Value::as_bool) == Some(true));
        let applied = applied.collect::<Vec<_>>();
        match applied.as_slice() {
            [one] if reference_id(one.get("doc")).as_deref() == Some(&draft.invoice) => {
                self.amount(draft.header.currency, one.get("amount"), draft.amount)
            }
            _ => Err(self.unreadable("it does not settle our invoice and nothing else")),
        }
    }

    fn amount(&self, currency: Currency, held: Option<&Value>, ours: Minor) -> Result<Minor, Failure> {
        let held = minor(currency, held).ok_or_else(|| self.unreadable("it has no amount"))?;
        let shown = |amount: Minor| format!("{} {currency}", currency.decimal(amount));
        if held == ours { Ok(held) } else { Err(self.differs(&shown(held), &shown(ours))) }
    }

    fn differs(&self, held: &str, ours: &str) -> Failure {
        let reason = format!(
            "for {} the ERP has {}, the storefront sold {ours}: correct or delete the document there, then retry",
            self.asked.what,
            quoted(held)
        );
        Failure::permanent(FailureClass::Value, reason)
    }

    fn unreadable(&self, why: &str) -> Failure {
        let reason = format!("NetSuite's answer for {} cannot be right: {why}; look it up there, then retry", self.asked.what);
        Failure::permanent(FailureClass::Parse, reason)
    }
}

fn told(lines: &BTreeMap<Option<u64>, (Option<Decimal>, Decimal)>, currency: Currency) -> String {
    let line = |(number, (quantity, amount)): (&Option<u64>, &(Option<Decimal>, Decimal))| {
        let number = number.map_or_else(|| "?".to_owned(), |number| number.to_string());
        let quantity = quantity.map_or_else(|| "?".to_owned(), |quantity| quantity.normalize().to_string());
        format!("line {number}: {quantity} for {amount} {currency}")
    };
    lines.iter().map(line).collect::<Vec<_>>().join(", ")
}

/// How far a total may be from ours to be corrected by a rounding line.
///
/// # Errors
/// Overflow.
pub fn correctable(draft: &SalesDraft, total: Minor) -> Result<Option<Minor>, MoneyError> {
    let difference = draft.total.minus(total)?;
    let is_small = difference.get().unsigned_abs() <= draft.header.rounding_tolerance.get().unsigned_abs();
    Ok(is_small.then_some(difference))
}

#[cfg(test)]
mod tests {
    use crossdock_domain::money::MAX_MINOR;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Money goes out as a JSON number and comes back: no digit is lost, whatever the currency's exponent.
        #[test]
        fn every_amount_survives_json(amount in -MAX_MINOR..=MAX_MINOR, code in prop::sample::select(vec!["JPY", "GBP", "KWD"])) {
            let currency: Currency = code.parse().unwrap();
            let amount = Minor::new(amount).unwrap();
            let sent = amount_of(currency, amount).unwrap().to_string();
            let received: Value = serde_json::from_str(&sent).unwrap();
            prop_assert_eq!(minor(currency, Some(&received)), Some(amount));
        }
    }

    #[test]
    fn amounts_read_as_the_currency_writes_them() {
        let written = |code: &str, amount: i64| amount_of(code.parse().unwrap(), Minor::new(amount).unwrap()).unwrap().to_string();
        assert_eq!(written("GBP", 4198), "41.98");
        assert_eq!(written("JPY", 4198), "4198");
        assert_eq!(written("KWD", 4198), "4.198");
        assert_eq!(written("GBP", -1), "-0.01");
    }

    #[test]
    fn an_amount_with_more_decimals_than_its_currency_is_not_read() {
        let gbp: Currency = "GBP".parse().unwrap();
        assert_eq!(minor(gbp, Some(&json!(41.985))), None);
        assert_eq!(minor(gbp, Some(&json!("41.98"))), Minor::new(4198).ok());
        for nothing in [json!(null), json!({}), json!("NaN"), json!(1e300), json!(true)] {
            assert_eq!(minor(gbp, Some(&nothing)), None, "{nothing}");
        }
    }

    #[test]
    fn a_guest_of_a_channel_with_a_long_name_still_has_a_reference() {
        let header = |channel: &str| Header {
            reference: "UK-1-SO".into(),
            order_name: "#1".into(),
            channel: channel.into(),
            posting_date: jiff::civil::date(2026, 11, 23),
            currency: "GBP".parse().unwrap(),
            rounding_tolerance: Minor::ZERO,
        };
        assert_eq!(guest(&header("shopify-uk")), "GUEST-SHOPIFY-UK-GBP");
        let long = ["a-storefront-with-a-very-long-name-1", "a-storefront-with-a-very-long-name-2"].map(|name| guest(&header(name)));
        assert!(long.iter().all(|name| check_reference(name).is_ok()), "{long:?}");
        assert_ne!(long[0], long[1]);
    }
}
