//! Our drafts of what undoes or changes a sale as NetSuite's records.

use std::collections::BTreeMap;

use crossdock_domain::event::{Disposition, FailureClass};
use crossdock_domain::ids::LocationId;
use crossdock_domain::posting::Header;
use crossdock_domain::reversing::{
    AdjustmentDraft, AmendmentDraft, JournalDraft, RefundDraft, RefundSource, ReturnDraft,
};
use crossdock_domain::{Minor, Sku};
use crossdock_step::Failure;
use serde_json::{Map, Value, json};

use super::amounts::{amount_of, reference_id};
use super::config::{InternalId, Settings};
use super::documents::{CUSTOM_PRICE, id, item_of, number_of, sold, tax_details, tax_reference, transaction};
use super::readback::{Priced, by_number, lines_of};

/// Units of one line that came back under a return authorization and share their fate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedLine {
    /// The return authorization's number of it.
    pub line: u64,
    /// Units.
    pub quantity: u32,
    /// Where they go.
    pub location: String,
    /// Whether they go into stock there; otherwise they are written off.
    pub restock: bool,
}

/// Numbers of a return authorization's lines by the number of the order line that they stand for: what is made from
/// the authorization names its lines, not the order's.
#[must_use]
pub fn lines_of_return(authorization: &Value) -> BTreeMap<u64, u64> {
    let number = |line: &Value, name: &str| line.get(name).and_then(Value::as_u64);
    lines_of(authorization)
        .iter()
        .filter_map(|line| Some((number(line, "orderLine")?, number(line, "line")?)))
        .collect()
}

/// The authorization's number of an order line.
///
/// # Errors
/// The authorization has no such line.
pub fn authorized_line(lines: &BTreeMap<u64, u64>, line: usize, header: &Header) -> Result<u64, Failure> {
    let order_line = u64::try_from(number_of(line)).ok();
    let found = order_line.and_then(|number| lines.get(&number).copied());
    found.ok_or_else(|| {
        let (reference, number) = (&header.reference, number_of(line));
        let reason = format!(
            "{reference}: the ERP's return authorization has no line for line {number} of the order: correct it there, \
             then retry"
        );
        Failure::permanent(FailureClass::Value, reason)
    })
}

/// The change that makes a sales order read as the draft. Lines are merged by their number, so that sending it twice
/// changes nothing and a shipped line is never taken out and put in again; tax details have no number and are sent as
/// a whole, with those that are not our lines' (shipping) as they are.
///
/// # Errors
/// An item or a tax is not mapped.
pub fn amendment(
    settings: &Settings,
    draft: &AmendmentDraft,
    held: &Value,
    items: &BTreeMap<Sku, String>,
) -> Result<Value, Failure> {
    let currency = draft.header.currency;
    let known = lines_of(held).iter().filter_map(|line| line.get("line").and_then(Value::as_u64)).collect::<Vec<_>>();
    let (mut lines, mut details) = (Vec::new(), Vec::new());
    for amended in &draft.lines {
        let (line, number) = (&amended.line, number_of(amended.line.line));
        let mut fields = sold(currency, line)?;
        fields.insert("line".into(), json!(number));
        fields.insert("isClosed".into(), json!(amended.closed));
        if !known.iter().any(|known| usize::try_from(*known) == Ok(number)) {
            fields.insert("item".into(), json!({ "id": item_of(items, &line.sku)? }));
            fields.insert("price".into(), json!({ "id": CUSTOM_PRICE }));
        }
        lines.push(Value::Object(fields));
        details.extend(tax_details(settings, currency, (&tax_reference(line.line), line.net), &line.taxes)?);
    }
    let ours = draft.lines.iter().map(|amended| tax_reference(amended.line.line)).collect::<Vec<_>>();
    let kept = held.pointer("/taxDetails/items").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    details.extend(kept.iter().filter_map(|detail| as_sent(detail, &ours)));
    Ok(json!({
        "item": { "items": lines },
        "taxDetailsOverride": true,
        "taxDetails": { "items": details },
    }))
}

/// What an amended sales order must read: its lines, and `beside` that what was never a line.
///
/// # Errors
/// Overflow.
pub fn amended_order(draft: &AmendmentDraft, beside: Minor) -> Result<Priced<'_>, Failure> {
    let lines = draft.lines.iter().map(|amended| amended.line.clone()).collect::<Vec<_>>();
    let mut total = beside;
    for line in &lines {
        total = total.plus(line.net)?.plus(Minor::sum(line.taxes.iter().map(|tax| tax.amount))?)?;
    }
    let (record, key, source) = ("salesOrder", "line", "the order says");
    Ok(Priced { header: &draft.header, record, key, lines: by_number(&lines), others: Vec::new(), total, source })
}

/// A tax detail that the ERP holds as it was sent; `None` where it is of one of our lines.
fn as_sent(detail: &Value, ours: &[String]) -> Option<Value> {
    let reference = reference_id(detail.get("taxDetailsReference")).filter(|reference| !ours.contains(reference))?;
    let mut sent = Map::new();
    sent.insert("taxDetailsReference".into(), json!(reference));
    if let Some(tax_type) = reference_id(detail.get("taxType")) {
        sent.insert("taxType".into(), json!(tax_type));
    }
    sent.insert("taxCode".into(), json!({ "id": reference_id(detail.get("taxCode"))? }));
    for name in ["taxBasis", "taxRate", "taxAmount"] {
        sent.insert(name.into(), detail.get(name).cloned().unwrap_or(Value::Null));
    }
    Some(Value::Object(sent))
}

/// The return authorization of a draft, as a transformation of its sales order; approved, because the storefront has
/// agreed to it already.
///
/// # Errors
/// A tax is not mapped.
pub fn return_authorization(settings: &Settings, draft: &ReturnDraft) -> Result<Value, Failure> {
    let currency = draft.header.currency;
    let (mut lines, mut details) = (Vec::new(), Vec::new());
    for line in &draft.lines {
        let mut fields = sold(currency, line)?;
        fields.insert("orderLine".into(), json!(number_of(line.line)));
        lines.push(Value::Object(fields));
        details.extend(tax_details(settings, currency, (&tax_reference(line.line), line.net), &line.taxes)?);
    }
    let mut body = named(settings, &draft.header);
    body.insert("orderStatus".into(), json!({ "id": "B" }));
    body.insert("otherRefNum".into(), json!(draft.header.order_name));
    body.insert("item".into(), json!({ "items": lines }));
    body.insert("taxDetailsOverride".into(), json!(true));
    body.insert("taxDetails".into(), json!({ "items": details }));
    Ok(Value::Object(body))
}

/// Where units go for what becomes of them, and whether they go into stock there.
///
/// # Errors
/// The location is not mapped.
pub fn place<'a>(
    settings: &'a Settings,
    location: &LocationId,
    disposition: Disposition,
) -> Result<(&'a InternalId, bool), Failure> {
    match disposition {
        Disposition::Restock => Ok((settings.location(location)?, true)),
        Disposition::Quarantine => Ok((settings.quarantine(location)?, true)),
        Disposition::Scrap => Ok((settings.location(location)?, false)),
    }
}

/// An item receipt, as a transformation of its return authorization.
#[must_use]
pub fn item_receipt(settings: &Settings, header: &Header, lines: &[ReceivedLine]) -> Value {
    let lines = lines.iter().map(|line| {
        json!({
            "orderLine": line.line,
            "quantity": line.quantity,
            "itemReceive": true,
            "restock": line.restock,
            "location": { "id": line.location },
        })
    });
    let lines = lines.collect::<Vec<_>>();
    let mut body = named(settings, header);
    body.insert("item".into(), json!({ "items": lines }));
    Value::Object(body)
}

/// Item, location and units of each line of an inventory adjustment. What is thrown away comes and goes: two lines,
/// so that the document tells of it and stock stays as it was.
///
/// # Errors
/// An item or the location is not mapped.
pub fn adjusted(
    settings: &Settings,
    draft: &AdjustmentDraft,
    items: &BTreeMap<Sku, String>,
) -> Result<Vec<(String, String, i64)>, Failure> {
    let mut lines = Vec::new();
    for (sku, quantity, disposition) in &draft.lines {
        let (location, restock) = place(settings, &draft.location, *disposition)?;
        let line = |units: i64| Ok::<_, Failure>((item_of(items, sku)?.to_owned(), location.to_string(), units));
        lines.push(line(i64::from(*quantity))?);
        if !restock {
            lines.push(line(-i64::from(*quantity))?);
        }
    }
    Ok(lines)
}

/// The inventory adjustment of such lines, booked against an account. `body` has its reference, date and memo.
#[must_use]
pub fn adjustment(
    settings: &Settings,
    mut body: Map<String, Value>,
    account: &InternalId,
    lines: &[(String, String, i64)],
) -> Value {
    let lines = lines.iter().zip(1..).map(|((item, location, units), number)| {
        json!({
            "line": number, "item": { "id": item }, "location": { "id": location }, "adjustQtyBy": units,
        })
    });
    let lines = lines.collect::<Vec<_>>();
    body.insert("subsidiary".into(), id(&settings.subsidiary));
    body.insert("account".into(), id(account));
    body.insert("inventory".into(), json!({ "items": lines }));
    Value::Object(body)
}

/// The customer refund of a draft.
///
/// # Errors
/// The gateway is not mapped.
pub fn customer_refund(settings: &Settings, draft: &RefundDraft, customer: &str) -> Result<Value, Failure> {
    let amount = amount_of(draft.header.currency, draft.amount)?;
    let (sublist, doc) = match &draft.source {
        RefundSource::Deposit(deposit) => ("deposit", deposit),
        RefundSource::CreditMemo(memo) => ("apply", memo),
    };
    let mut body = named(settings, &draft.header);
    body.insert("customer".into(), json!({ "id": customer }));
    body.insert("currency".into(), id(settings.currency(draft.header.currency)?));
    body.insert("account".into(), id(settings.account(&draft.gateway)?));
    if let Some(method) = &settings.refund_method {
        body.insert("paymentMethod".into(), id(method));
    }
    let paid = json!({ "doc": { "id": doc }, "apply": true, "amount": amount });
    body.insert(sublist.into(), json!({ "items": [paid] }));
    Ok(Value::Object(body))
}

/// The journal entry of a draft.
///
/// # Errors
/// An account is not configured.
pub fn journal(settings: &Settings, draft: &JournalDraft) -> Result<Value, Failure> {
    let amount = amount_of(draft.header.currency, draft.amount)?;
    let mut body = named(settings, &draft.header);
    body.insert("subsidiary".into(), id(&settings.subsidiary));
    body.insert("currency".into(), id(settings.currency(draft.header.currency)?));
    let debit = json!({ "line": 1, "account": id(settings.journal_account(&draft.debit)?), "debit": amount });
    let credit = json!({ "line": 2, "account": id(settings.journal_account(&draft.credit)?), "credit": amount });
    body.insert("line".into(), json!({ "items": [debit, credit] }));
    Ok(Value::Object(body))
}

/// A transaction that carries its external id, because it is made by a POST.
pub(super) fn named(settings: &Settings, header: &Header) -> Map<String, Value> {
    let mut body = transaction(settings, header);
    body.insert("externalId".into(), json!(header.reference));
    body
}
