//! Records as the API gives them back.

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::books::Books;
use super::config::Named;
use super::ledger::minor;
use super::record::{Kind, Line, Record, TaxDetail};

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
    let lines: Vec<Value> = record.lines.iter().map(|line| item_line(books, record, line)).collect();
    let applied: Vec<Value> = record
        .applied
        .iter()
        .map(|applied| {
            let reference = books.get(Kind::Invoice, applied.invoice).and_then(|invoice| invoice.external_id.clone());
            json!({ "doc": applied.invoice.to_string(), "externalId": reference, "amount": double(applied.amount) })
        })
        .collect();
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
    })
}

fn specific(books: &Books, record: &Record) -> Map<String, Value> {
    let fields = match record.kind {
        Kind::Customer => json!({}),
        Kind::SalesOrder => sale(
            record,
            json!({
                "orderStatus": { "id": status(books, record).0, "refName": status(books, record).1 },
            }),
        ),
        Kind::Invoice => {
            let open = books.open_amount(record);
            sale(
                record,
                json!({
                    "amountRemaining": double(open),
                    "amountPaid": double(record.total() - open),
                }),
            )
        }
        Kind::CustomerDeposit => json!({
            "payment": double(record.payment),
            "account": named(&books.config.accounts, record.account),
            "undepFunds": undeposited(record),
            "salesOrder": refer(books, Kind::SalesOrder, record.sales_order),
        }),
        Kind::CustomerPayment => json!({
            "payment": double(record.payment),
            "account": named(&books.config.accounts, record.account),
            "undepFunds": undeposited(record),
            "applied": double(record.applied_total()),
            "unapplied": double(record.payment - record.applied_total()),
        }),
        Kind::DepositApplication => json!({
            "applied": double(record.applied_total()),
            "total": double(record.total()),
            "deposit": refer(books, Kind::CustomerDeposit, record.created_from),
        }),
        Kind::ItemFulfillment => json!({
            "shipStatus": { "id": record.stage.to_string(), "refName": status(books, record).1 },
        }),
    };
    match fields {
        Value::Object(fields) => fields,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

fn undeposited(record: &Record) -> Value {
    match record.account {
        Some(_) => json!({ "id": "F", "refName": "No" }),
        None => json!({ "id": "T", "refName": "Yes" }),
    }
}

fn sale(record: &Record, mut more: Value) -> Value {
    more["subtotal"] = double(record.subtotal());
    more["shippingCost"] = double(record.shipping);
    more["taxTotal"] = double(record.tax_total());
    more["total"] = double(record.total());
    more["taxDetailsOverride"] = json!(record.tax_override);
    more
}

fn sublists_of(books: &Books, record: &Record) -> Vec<(&'static str, Vec<Value>)> {
    let items = || record.lines.iter().map(|line| item_line(books, record, line)).collect();
    let taxes = || record.tax.iter().map(|tax| tax_line(books, tax)).collect();
    let applied = || {
        record
            .applied
            .iter()
            .map(|applied| {
                json!({
                    "doc": refer(books, Kind::Invoice, Some(applied.invoice)),
                    "apply": true,
                    "amount": double(applied.amount),
                })
            })
            .collect()
    };
    match record.kind {
        Kind::SalesOrder | Kind::Invoice => vec![("item", items()), ("taxDetails", taxes())],
        Kind::ItemFulfillment => vec![("item", items())],
        Kind::DepositApplication | Kind::CustomerPayment => vec![("apply", applied())],
        Kind::Customer | Kind::CustomerDeposit => Vec::new(),
    }
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
        Kind::ItemFulfillment => put("itemReceive", json!(true)),
        Kind::Customer | Kind::CustomerDeposit | Kind::Invoice | Kind::DepositApplication | Kind::CustomerPayment => {}
    }
    if record.kind != Kind::ItemFulfillment {
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

/// Status id and name as the record's page shows them.
pub(super) fn status(books: &Books, record: &Record) -> (&'static str, &'static str) {
    match record.kind {
        Kind::Customer => ("13", "CUSTOMER-Closed Won"),
        Kind::SalesOrder => order_status(books, record),
        Kind::CustomerDeposit if books.deposit_used(record.id, 0) >= record.payment => ("C", "Fully Applied"),
        Kind::CustomerDeposit if record.account.is_some() => ("B", "Deposited"),
        Kind::CustomerDeposit => ("A", "Not Deposited"),
        Kind::ItemFulfillment => match record.stage {
            'C' => ("C", "Shipped"),
            'B' => ("B", "Packed"),
            _ => ("A", "Picked"),
        },
        Kind::Invoice if books.open_amount(record) <= Decimal::ZERO => ("B", "Paid In Full"),
        Kind::Invoice => ("A", "Open"),
        Kind::DepositApplication => ("B", "Approved"),
        Kind::CustomerPayment => ("C", "Deposited"),
    }
}

fn order_status(books: &Books, order: &Record) -> (&'static str, &'static str) {
    if order.stage == 'A' {
        return ("A", "Pending Approval");
    }
    let open = || order.lines.iter().filter(|line| !line.closed);
    let fulfilled =
        |line: &Line| !books.is_shippable(line.item) || books.fulfilled(order.id, line.number, 0) >= line.quantity;
    let billed = |line: &Line| books.invoiced(order.id, line.number, 0) >= line.quantity;
    let any_fulfilled = order.lines.iter().any(|line| !books.fulfilled(order.id, line.number, 0).is_zero());
    let to_bill =
        order.lines.iter().any(|line| books.shipped(order.id, line.number) > books.invoiced(order.id, line.number, 0));
    if open().next().is_none() && !to_bill {
        return if any_fulfilled { ("G", "Billed") } else { ("H", "Closed") };
    }
    match (open().all(fulfilled), open().all(billed) && !to_bill) {
        (true, true) => ("G", "Billed"),
        (true, false) => ("F", "Pending Billing"),
        (false, _) if any_fulfilled && to_bill => ("E", "Pending Billing/Partially Fulfilled"),
        (false, _) if any_fulfilled => ("D", "Partially Fulfilled"),
        (false, _) => ("B", "Pending Fulfillment"),
    }
}

fn created_from(books: &Books, record: &Record) -> Value {
    [Kind::SalesOrder, Kind::CustomerDeposit, Kind::Invoice]
        .into_iter()
        .find(|kind| record.created_from.is_some_and(|id| books.get(*kind, id).is_some()))
        .map_or(Value::Null, |kind| refer(books, kind, record.created_from))
}

fn refer(books: &Books, kind: Kind, id: Option<u64>) -> Value {
    match id.and_then(|id| books.get(kind, id)) {
        Some(record) => json!({
            "id": record.id.to_string(),
            "refName": record.tran_id,
            "links": [{ "rel": "self", "href": address(books, record) }],
        }),
        None => Value::Null,
    }
}

fn named(list: &[Named], id: Option<u64>) -> Value {
    match id.and_then(|id| list.iter().find(|entry| entry.id == id)) {
        Some(entry) => json!({ "id": entry.id.to_string(), "refName": entry.name }),
        None => Value::Null,
    }
}

/// Amounts and quantities are doubles: `199.0`, as the service writes them.
fn double(amount: Decimal) -> Value {
    let plain = amount.normalize();
    let text = if plain.scale() == 0 { format!("{plain}.0") } else { plain.to_string() };
    serde_json::from_str(&text).unwrap_or(Value::Null)
}
