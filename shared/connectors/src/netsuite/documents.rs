//! Our drafts as NetSuite's records.

use std::collections::BTreeMap;

use crossdock_domain::event::FailureClass;
use crossdock_domain::money::Currency;
use crossdock_domain::posting::{DepositDraft, FulfillmentDraft, Header, PostingLine, PostingTax, SalesDraft};
use crossdock_domain::{Minor, Sku};
use crossdock_step::Failure;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::amounts::{amount_of, number, reference_id};
use super::config::{InternalId, Settings};
use super::readback::lines_of;
use crate::ApplicationDraft;
use crate::address::quoted;

/// Longest external id that every ERP accepts.
const LONGEST_REFERENCE: usize = 35;
/// The tax details' name for shipping.
pub(super) const SHIPPING: &str = "SHIPPING";
/// The price level that takes our amounts as they are.
pub(super) const CUSTOM_PRICE: &str = "-1";

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
        "{:?} cannot be a reference: it must be at most {LONGEST_REFERENCE} characters of A-Z, 0-9 and -; shorten the \
         connection's prefix",
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
        let item = item_of(items, &line.sku)?;
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

/// The ERP's item of a SKU.
///
/// # Errors
/// It is not mapped.
pub fn item_of<'a>(items: &'a BTreeMap<Sku, String>, sku: &Sku) -> Result<&'a str, Failure> {
    items.get(sku).map(String::as_str).ok_or_else(|| {
        let reason = format!("{sku} has no item in the ERP: map it in the item's identities, then retry");
        Failure::permanent(FailureClass::Mapping, reason)
    })
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
pub fn rounding(currency: Currency, held: &Value, line: (&InternalId, Minor)) -> Result<Value, Failure> {
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
        "amount": amount_of(currency, amount)?,
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
pub(super) fn transaction(settings: &Settings, header: &Header) -> Map<String, Value> {
    dated(settings, header.posting_date, &header.order_name)
}

/// The same of a document that belongs to no order.
pub(super) fn dated(settings: &Settings, posting_date: Date, memo: &str) -> Map<String, Value> {
    let mut body = settings.fields.clone();
    body.insert("tranDate".into(), json!(posting_date.to_string()));
    body.insert("memo".into(), json!(memo));
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

/// Quantity, amount and tax reference of a line of goods.
pub(super) fn sold(currency: Currency, line: &PostingLine) -> Result<Map<String, Value>, Failure> {
    let mut fields = Map::new();
    fields.insert("quantity".into(), json!(line.quantity));
    fields.insert("amount".into(), amount_of(currency, line.net)?);
    fields.insert("taxDetailsReference".into(), json!(tax_reference(line.line)));
    Ok(fields)
}

/// The taxes of what a reference names, with its amount without tax.
pub(super) fn tax_details(
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
#[must_use]
pub fn number_of(line: usize) -> usize {
    line + 1
}

/// The tax details' name for an order line.
pub(super) fn tax_reference(line: usize) -> String {
    format!("LINE-{}", number_of(line))
}

/// A reference by internal id.
pub(super) fn id(id: &InternalId) -> Value {
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

#[cfg(test)]
mod tests {
    use super::*;

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
        let long = ["a-storefront-with-a-very-long-name-1", "a-storefront-with-a-very-long-name-2"];
        let long = long.map(|name| guest(&header(name)));
        assert!(long.iter().all(|name| check_reference(name).is_ok()), "{long:?}");
        assert_ne!(long[0], long[1]);
    }
}
