//! Records as the API gives them back.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::books::Books;
use super::config::Named;
use super::ledger::minor;
use super::record::{Kind, Line, Record, Side, TaxDetail};
use super::specific::specific;
use super::status::status;

/// Whether sublists come with their lines; without `expandSubResources=true` they are links.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sublists {
    Linked,
    Expanded,
}

/// A record as `GET` answers it.
pub(super) fn record(books: &Books, record: &Record, sublists: Sublists) -> Value {
    let mut fields = record.other.clone();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            fields.insert(name.to_owned(), value);
        }
    };
    put("id", json!(record.id.to_string()));
    put("links", json!([{ "rel": "self", "href": address(books, record) }]));
    put("externalId", json!(record.external_id));
    put("createdDate", json!(record.created_at.to_string()));
    put("lastModifiedDate", json!(record.modified_at.to_string()));
    put("currency", named(&books.config.currency_names(), record.currency));
    put("subsidiary", named(&books.config.subsidiary_names(), record.subsidiary));
    if record.kind == Kind::Customer {
        put("entityId", json!(record.tran_id));
        return Value::Object(fields);
    }
    put("tranId", json!(record.tran_id));
    put("tranDate", json!(record.tran_date.to_string()));
    put("location", named(&books.config.locations, record.location));
    put(record.kind.customer_field(), refer(books, Kind::Customer, record.entity));
    let (status_id, status_name) = status(books, record);
    put("status", json!({ "id": status_id, "refName": status_name }));
    put("createdFrom", created_from(books, record));
    for (name, value) in specific(books, record) {
        put(&name, value);
    }
    for (name, lines) in sublists_of(books, record) {
        let href = format!("{}/{name}", address(books, record));
        let mut sublist = json!({ "links": [{ "rel": "self", "href": href }] });
        if sublists == Sublists::Expanded {
            sublist["items"] = Value::Array(lines);
        }
        put(name, sublist);
    }
    Value::Object(fields)
}

/// The lines of a sublist; none when the record has no such sublist.
pub(super) fn sublist(books: &Books, record: &Record, name: &str) -> Option<Value> {
    let (_, lines) = sublists_of(books, record).into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    let count = lines.len();
    Some(json!({ "items": lines, "count": count, "totalResults": count, "offset": 0, "hasMore": false }))
}

/// The address of a record.
pub(super) fn address(books: &Books, record: &Record) -> String {
    format!("{}/services/rest/record/v1/{}/{}", books.config.base(), record.kind.name(), record.id)
}

/// A record as `/_sandbox/documents` shows it.
pub(super) fn document(books: &Books, record: &Record) -> Value {
    let decimals = books.decimals(record);
    let symbol = record.currency.and_then(|id| books.currency(id)).map(|currency| currency.symbol.clone());
    let sides = record.sides.iter().map(|side| journal_line(books, side));
    let lines: Vec<Value> = record.lines.iter().map(|line| item_line(books, record, line)).chain(sides).collect();
    let settled = |doc: u64, amount: Decimal| {
        let reference = books.any(doc).and_then(|document| document.external_id.clone());
        json!({ "doc": doc.to_string(), "externalId": reference, "amount": double(amount) })
    };
    let applied: Vec<Value> = record.applied.iter().map(|applied| settled(applied.doc, applied.amount)).collect();
    let deposits: Vec<Value> =
        record.deposits.iter().map(|refunded| settled(refunded.deposit, refunded.amount)).collect();
    json!({
        "record": record.kind.name(),
        "id": record.id.to_string(),
        "externalId": record.external_id,
        "tranId": record.tran_id,
        "otherRefNum": record.other.get("otherRefNum"),
        "memo": record.other.get("memo"),
        "entity": record.entity.map(|id| id.to_string()),
        "currency": symbol,
        "status": status(books, record).1,
        "createdFrom": record.created_from.map(|id| id.to_string()),
        "salesOrder": record.sales_order.map(|id| id.to_string()),
        "tranDate": record.tran_date.to_string(),
        "subtotal": double(record.subtotal()),
        "shippingCost": double(record.shipping),
        "taxTotal": double(record.tax_total()),
        "total": double(record.total()),
        "total_minor": minor(record.total(), decimals),
        "lines": lines,
        "taxDetails": record.tax.iter().map(|tax| tax_line(books, tax)).collect::<Vec<_>>(),
        "applied": applied,
        "deposits": deposits,
        "account": named(&books.config.accounts, record.account).get("refName"),
        "location": named(&books.config.locations, record.location).get("refName"),
        "transferLocation": named(&books.config.locations, record.transfer_location).get("refName"),
    })
}

fn sublists_of(books: &Books, record: &Record) -> Vec<(&'static str, Vec<Value>)> {
    let items = || record.lines.iter().map(|line| item_line(books, record, line)).collect();
    let taxes = || record.tax.iter().map(|tax| tax_line(books, tax)).collect();
    match record.kind {
        Kind::SalesOrder | Kind::Invoice => vec![("item", items()), ("taxDetails", taxes())],
        Kind::ReturnAuthorization => vec![("item", items()), ("taxDetails", taxes())],
        Kind::CreditMemo => vec![("item", items()), ("taxDetails", taxes()), ("apply", applied(books, record))],
        Kind::ItemFulfillment | Kind::ItemReceipt => vec![("item", items())],
        Kind::DepositApplication | Kind::CustomerPayment => vec![("apply", applied(books, record))],
        Kind::CustomerRefund => vec![("apply", applied(books, record)), ("deposit", Vec::new())],
        Kind::InventoryAdjustment | Kind::InventoryTransfer => {
            vec![("inventory", record.lines.iter().map(|line| inventory_line(books, line)).collect())]
        }
        Kind::JournalEntry => vec![("line", record.sides.iter().map(|side| journal_line(books, side)).collect())],
        Kind::Customer | Kind::CustomerDeposit => Vec::new(),
    }
}

/// What a document settles. A deposit that is paid back stands here as a deposit application, and the sublist
/// `deposit` is empty (Oracle's "Customer Refund", Limitations).
fn applied(books: &Books, record: &Record) -> Vec<Value> {
    let kind = if record.kind == Kind::CustomerRefund { Kind::CreditMemo } else { Kind::Invoice };
    let settled = record.applied.iter().map(|applied| {
        json!({
            "doc": refer(books, kind, Some(applied.doc)),
            "apply": true,
            "amount": double(applied.amount),
        })
    });
    let refunded = record.deposits.iter().map(|refunded| {
        json!({
            "doc": { "id": refunded.application.to_string() },
            "type": "Deposit Application",
            "apply": true,
            "amount": double(refunded.amount),
        })
    });
    settled.chain(refunded).collect()
}

fn inventory_line(books: &Books, line: &Line) -> Value {
    let sku = books.item(line.item).map(|item| item.sku.clone());
    json!({
        "line": line.number,
        "item": { "id": line.item.to_string(), "refName": sku },
        "location": named(&books.config.locations, line.location),
        "adjustQtyBy": double(line.quantity),
    })
}

fn journal_line(books: &Books, side: &Side) -> Value {
    let (name, amount) = if side.amount < Decimal::ZERO { ("credit", -side.amount) } else { ("debit", side.amount) };
    let mut fields = side.other.clone();
    fields.insert("line".to_owned(), json!(side.number));
    fields.insert("account".to_owned(), named(&books.config.accounts, Some(side.account)));
    fields.insert(name.to_owned(), double(amount));
    Value::Object(fields)
}

fn item_line(books: &Books, record: &Record, line: &Line) -> Value {
    let mut fields = line.other.clone();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            fields.insert(name.to_owned(), value);
        }
    };
    let sku = books.item(line.item).map(|item| item.sku.clone());
    put("line", json!(line.number));
    put("orderLine", json!(line.order_line));
    put("item", json!({ "id": line.item.to_string(), "refName": sku }));
    put("quantity", double(line.quantity));
    put("location", named(&books.config.locations, line.location));
    match record.kind {
        Kind::SalesOrder => {
            put("quantityFulfilled", double(books.fulfilled(record.id, line.number, 0)));
            put("quantityBilled", double(books.invoiced(record.id, line.number, 0)));
            put("isClosed", json!(line.closed));
        }
        Kind::ReturnAuthorization => {
            put("quantityReceived", double(books.taken(record.id, (Kind::ItemReceipt, line.number), 0)));
            put("quantityBilled", double(books.taken(record.id, (Kind::CreditMemo, line.number), 0)));
            put("isClosed", json!(line.closed));
        }
        Kind::ItemFulfillment => put("itemReceive", json!(true)),
        Kind::ItemReceipt => {
            put("itemReceive", json!(true));
            put("restock", json!(line.restock));
        }
        Kind::Customer
        | Kind::CustomerDeposit
        | Kind::Invoice
        | Kind::DepositApplication
        | Kind::CustomerPayment
        | Kind::CreditMemo
        | Kind::CustomerRefund
        | Kind::InventoryAdjustment
        | Kind::InventoryTransfer
        | Kind::JournalEntry => {}
    }
    let is_unpriced = matches!(record.kind, Kind::ItemFulfillment | Kind::ItemReceipt);
    if !is_unpriced && !matches!(record.kind, Kind::InventoryAdjustment | Kind::InventoryTransfer) {
        let tax: Decimal =
            record.tax.iter().filter(|tax| tax.reference == line.tax_reference).map(|tax| tax.amount).sum();
        put("rate", line.rate.map_or(Value::Null, double));
        put("amount", double(line.amount));
        put("taxAmount", double(tax));
        put("taxDetailsReference", json!(line.tax_reference));
    }
    Value::Object(fields)
}

fn tax_line(books: &Books, tax: &TaxDetail) -> Value {
    json!({
        "taxDetailsReference": tax.reference,
        "taxType": named(&books.config.tax_types, tax.tax_type),
        "taxCode": named(&books.config.tax_codes, Some(tax.code)),
        "taxBasis": double(tax.basis),
        "taxRate": double(tax.rate),
        "taxAmount": double(tax.amount),
    })
}

fn created_from(books: &Books, record: &Record) -> Value {
    let source = record.created_from.and_then(|id| books.any(id));
    source.map_or(Value::Null, |source| refer(books, source.kind, Some(source.id)))
}

pub(super) fn refer(books: &Books, kind: Kind, id: Option<u64>) -> Value {
    match id.and_then(|id| books.get(kind, id)) {
        Some(record) => json!({
            "id": record.id.to_string(),
            "refName": record.tran_id,
            "links": [{ "rel": "self", "href": address(books, record) }],
        }),
        None => Value::Null,
    }
}

pub(super) fn named(list: &[Named], id: Option<u64>) -> Value {
    match id.and_then(|id| list.iter().find(|entry| entry.id == id)) {
        Some(entry) => json!({ "id": entry.id.to_string(), "refName": entry.name }),
        None => Value::Null,
    }
}

/// Amounts and quantities are doubles: `199.0`, as the service writes them.
pub(super) fn double(amount: Decimal) -> Value {
    let plain = amount.normalize();
    let text = if plain.scale() == 0 { format!("{plain}.0") } else { plain.to_string() };
    serde_json::from_str(&text).unwrap_or(Value::Null)
}
