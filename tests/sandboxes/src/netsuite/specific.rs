//! What `GET` shows of one type of record and of no other.

use serde_json::{Map, Value, json};

use super::books::Books;
use super::record::{Kind, Record};
use super::render::{double, named, refer};
use super::status::status;

/// The fields that only this type of record has.
pub(super) fn specific(books: &Books, record: &Record) -> Map<String, Value> {
    let fields = match record.kind {
        Kind::Customer | Kind::ItemReceipt | Kind::JournalEntry => json!({}),
        Kind::InventoryTransfer => json!({
            "transferLocation": named(&books.config.locations, record.transfer_location),
        }),
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
        Kind::ReturnAuthorization => sale(
            record,
            json!({ "orderStatus": { "id": status(books, record).0, "refName": status(books, record).1 } }),
        ),
        Kind::CreditMemo => {
            let left = double(books.open_credit(record, 0));
            sale(
                record,
                json!({ "applied": double(record.applied_total()), "unapplied": left, "amountRemaining": left }),
            )
        }
        Kind::CustomerDeposit
        | Kind::CustomerPayment
        | Kind::DepositApplication
        | Kind::CustomerRefund
        | Kind::InventoryAdjustment => of_money(books, record),
        Kind::ItemFulfillment => json!({
            "shipStatus": { "id": record.stage.to_string(), "refName": status(books, record).1 },
        }),
    };
    match fields {
        Value::Object(fields) => fields,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

fn of_money(books: &Books, record: &Record) -> Value {
    let account = named(&books.config.accounts, record.account);
    match record.kind {
        Kind::CustomerDeposit => json!({
            "payment": double(record.payment),
            "account": account,
            "undepFunds": undeposited(record),
            "salesOrder": refer(books, Kind::SalesOrder, record.sales_order),
        }),
        Kind::CustomerPayment => json!({
            "payment": double(record.payment),
            "account": account,
            "undepFunds": undeposited(record),
            "applied": double(record.applied_total()),
            "unapplied": double(record.payment - record.applied_total()),
        }),
        Kind::DepositApplication => json!({
            "applied": double(record.applied_total()),
            "total": double(record.total()),
            "deposit": refer(books, Kind::CustomerDeposit, record.created_from),
        }),
        Kind::CustomerRefund => json!({
            "account": account,
            "total": double(record.total()),
        }),
        Kind::InventoryAdjustment => json!({ "account": account }),
        Kind::Customer
        | Kind::SalesOrder
        | Kind::ItemFulfillment
        | Kind::Invoice
        | Kind::ReturnAuthorization
        | Kind::ItemReceipt
        | Kind::CreditMemo
        | Kind::InventoryTransfer
        | Kind::JournalEntry => Value::Null,
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
