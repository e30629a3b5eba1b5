//! Our credits as NetSuite's credit memos.

use std::collections::BTreeMap;

use crossdock_domain::posting::PostingTax;
use crossdock_domain::reversing::{CreditApplicationDraft, CreditDraft, CreditKind, CreditLine};
use crossdock_domain::{Minor, MoneyError};
use crossdock_step::Failure;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::amounts::amount_of;
use super::config::{InternalId, Settings};
use super::documents::{CUSTOM_PRICE, SHIPPING, id, sold, tax_details, tax_reference};
use super::documents_reversing::{authorized_line, named};
use super::readback::Priced;

/// What a credit memo gives back beside goods, sorted into what the ERP has lines and what it has a field for.
struct Others<'a> {
    lines: Vec<(&'a InternalId, &'a CreditLine)>,
    shipping: CreditLine,
}

impl<'a> Others<'a> {
    fn of(settings: &'a Settings, draft: &'a CreditDraft) -> Result<Self, Failure> {
        let mut shipping = CreditLine { kind: CreditKind::Shipping, net: Minor::ZERO, taxes: Vec::new() };
        let mut lines = Vec::new();
        for line in &draft.others {
            match line.kind {
                CreditKind::Kept | CreditKind::Adjustment => lines.push((settings.credited_as(line.kind)?, line)),
                CreditKind::Shipping => {
                    shipping.net = shipping.net.plus(line.net)?;
                    add_taxes(&mut shipping.taxes, &line.taxes)?;
                }
            }
        }
        Ok(Self { lines, shipping })
    }
}

fn add_taxes(all: &mut Vec<PostingTax>, more: &[PostingTax]) -> Result<(), MoneyError> {
    for tax in more {
        match all.iter_mut().find(|known| known.title == tax.title && known.rate == tax.rate) {
            Some(known) => known.amount = known.amount.plus(tax.amount)?,
            None => all.push(tax.clone()),
        }
    }
    Ok(())
}

/// What the credit memo of a draft must read. A memo has at least one line, so one that gives back shipping alone
/// carries one of nothing.
///
/// # Errors
/// An item is not configured.
pub fn credited<'a>(
    settings: &Settings,
    draft: &'a CreditDraft,
    authorized: &BTreeMap<u64, u64>,
) -> Result<Priced<'a>, Failure> {
    let mut lines = BTreeMap::new();
    for line in &draft.goods {
        let number = authorized_line(authorized, line.line, &draft.header)?;
        lines.insert(number, (Some(Decimal::from(line.quantity)), line.net));
    }
    let of_order = Others::of(settings, draft)?;
    let mut others = of_order.lines.iter().map(|(item, line)| (item.to_string(), line.net)).collect::<Vec<_>>();
    if lines.is_empty() && others.is_empty() {
        others.push((settings.credited_as(CreditKind::Shipping)?.to_string(), Minor::ZERO));
    }
    let (record, key, source) = ("creditMemo", "orderLine", "the order says");
    Ok(Priced { header: &draft.header, record, key, lines, others, total: draft.total, source })
}

/// The credit memo of a draft. Its goods are lines of a return authorization, so that they move no stock: that is what
/// the receipt does.
///
/// # Errors
/// Something is not mapped.
pub fn credit_memo(
    settings: &Settings,
    draft: &CreditDraft,
    authorized: &BTreeMap<u64, u64>,
) -> Result<Map<String, Value>, Failure> {
    let currency = draft.header.currency;
    let (mut lines, mut details) = (Vec::new(), Vec::new());
    for line in &draft.goods {
        let mut fields = sold(currency, line)?;
        fields.insert("orderLine".into(), json!(authorized_line(authorized, line.line, &draft.header)?));
        lines.push(Value::Object(fields));
        details.extend(tax_details(settings, currency, (&tax_reference(line.line), line.net), &line.taxes)?);
    }
    let others = Others::of(settings, draft)?;
    for ((item, line), number) in others.lines.iter().zip(1..) {
        let reference = format!("CREDIT-{number}");
        lines.push(other_line(item, (amount_of(currency, line.net)?, &reference)));
        details.extend(tax_details(settings, currency, (&reference, line.net), &line.taxes)?);
    }
    if lines.is_empty() {
        let nothing = amount_of(currency, Minor::ZERO)?;
        lines.push(other_line(settings.credited_as(CreditKind::Shipping)?, (nothing, "CREDIT-1")));
    }
    let shipping = &others.shipping;
    details.extend(tax_details(settings, currency, (SHIPPING, shipping.net), &shipping.taxes)?);
    let mut body = named(settings, &draft.header);
    if let Some(method) = &settings.ship_method {
        body.insert("shipMethod".into(), id(method));
    }
    body.insert("otherRefNum".into(), json!(draft.header.order_name));
    body.insert("shippingCost".into(), amount_of(currency, shipping.net)?);
    body.insert("item".into(), json!({ "items": lines }));
    body.insert("taxDetailsOverride".into(), json!(true));
    body.insert("taxDetails".into(), json!({ "items": details }));
    Ok(body)
}

fn other_line(item: &InternalId, priced: (Value, &str)) -> Value {
    let (amount, reference) = priced;
    json!({
        "item": id(item), "quantity": 1, "amount": amount, "price": { "id": CUSTOM_PRICE },
        "taxDetailsReference": reference,
    })
}

/// A credit memo that stands alone names its customer itself.
///
/// # Errors
/// Something is not mapped.
pub fn lone_credit_memo(settings: &Settings, draft: &CreditDraft, customer: &str) -> Result<Value, Failure> {
    let mut body = credit_memo(settings, draft, &BTreeMap::new())?;
    body.insert("entity".into(), json!({ "id": customer }));
    body.insert("subsidiary".into(), id(&settings.subsidiary));
    body.insert("currency".into(), id(settings.currency(draft.header.currency)?));
    Ok(Value::Object(body))
}

/// The change that sets a part of a credit memo against an invoice; keyed by the invoice, so that a repeat changes
/// nothing.
///
/// # Errors
/// The amount cannot be written.
pub fn credit_application(draft: &CreditApplicationDraft) -> Result<Value, Failure> {
    let amount = amount_of(draft.header.currency, draft.amount)?;
    let applied = json!({ "doc": { "id": draft.invoice }, "apply": draft.amount != Minor::ZERO, "amount": amount });
    Ok(json!({ "apply": { "items": [applied] } }))
}
