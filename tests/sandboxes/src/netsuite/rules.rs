//! What the ERP refuses.

use rust_decimal::Decimal;

use super::books::Books;
use super::record::{Kind, Record};
use super::refusal::Refusal;
use super::{reversals, stocking};

const LONGEST_EXTERNAL_ID: usize = 35;

/// Whether a record may stand as it is; `before` is what it was.
pub(super) fn check(books: &Books, record: &Record, before: Option<&Record>) -> Result<(), Refusal> {
    identity(books, record)?;
    if record.kind.posts() {
        open_period(books, record)?;
        if let Some(before) = before {
            open_period(books, before)?;
        }
    }
    match record.kind {
        Kind::Customer => customer(record),
        Kind::SalesOrder => sales_order(books, record, before),
        Kind::CustomerDeposit => deposit(books, record),
        Kind::ItemFulfillment => fulfilment(books, record),
        Kind::Invoice => invoice(books, record),
        Kind::DepositApplication => application(books, record),
        Kind::CustomerPayment => payment(books, record),
        Kind::ReturnAuthorization => reversals::authorization(books, record, before),
        Kind::ItemReceipt => reversals::receipt(books, record),
        Kind::CreditMemo => reversals::credit(books, record),
        Kind::CustomerRefund => reversals::refund(books, record),
        Kind::InventoryAdjustment => stocking::adjustment(books, record),
        Kind::InventoryTransfer => stocking::transfer(books, record),
        Kind::JournalEntry => reversals::journal(record),
    }
}

fn identity(books: &Books, record: &Record) -> Result<(), Refusal> {
    let Some(external) = &record.external_id else {
        return Ok(());
    };
    if external.chars().count() > LONGEST_EXTERNAL_ID {
        let detail = format!(
            "The field externalId contained more than the maximum number ( {LONGEST_EXTERNAL_ID} ) of characters allowed."
        );
        return Err(Refusal::user_error(&detail).at("externalId"));
    }
    let allowed = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '-';
    if external.is_empty() || !external.chars().all(allowed) {
        return Err(Refusal::invalid_field(external, "externalId", "externalId"));
    }
    let holder = books.find(record.kind, &super::books::Key::External(external.clone()));
    if holder.is_some_and(|holder| holder.id != record.id) {
        return Err(Refusal::already_exists());
    }
    Ok(())
}

fn open_period(books: &Books, record: &Record) -> Result<(), Refusal> {
    let month = record.tran_date.strftime("%Y-%m").to_string();
    if books.config.closed_periods.contains(&month) {
        let detail = format!("You cannot enter or change a transaction in the closed period {month}.");
        return Err(Refusal::user_error(&detail).at("tranDate"));
    }
    Ok(())
}

fn customer(record: &Record) -> Result<(), Refusal> {
    let named =
        |field: &str| record.other.get(field).and_then(|value| value.as_str()).is_some_and(|name| !name.is_empty());
    let has_name = named("companyName") || (named("firstName") && named("lastName"));
    if !has_name {
        return Err(Refusal::user_error("You must enter a value for Company Name."));
    }
    if record.subsidiary.is_none() {
        return Err(Refusal::missing("Primary Subsidiary", "subsidiary"));
    }
    if record.currency.is_none() {
        return Err(Refusal::missing("Primary Currency", "currency"));
    }
    Ok(())
}

/// A transaction names its customer and is in that customer's currency and subsidiary.
pub(super) fn party(books: &Books, record: &Record) -> Result<(), Refusal> {
    let field = record.kind.customer_field();
    let customer = record
        .entity
        .and_then(|id| books.get(Kind::Customer, id))
        .ok_or_else(|| Refusal::missing("Customer", field))?;
    for (name, of_record, of_customer) in
        [("currency", record.currency, customer.currency), ("subsidiary", record.subsidiary, customer.subsidiary)]
    {
        if of_record != of_customer {
            let shown = of_record.map(|id| id.to_string()).unwrap_or_default();
            return Err(Refusal::invalid_field(&shown, name, name));
        }
    }
    Ok(())
}

/// At least one line, and nothing negative but on service lines (discounts, rounding).
pub(super) fn lines(books: &Books, record: &Record) -> Result<(), Refusal> {
    if record.lines.is_empty() {
        return Err(Refusal::user_error("You must enter at least one line item for this transaction.").at("item"));
    }
    for (at, line) in record.lines.iter().enumerate() {
        if line.amount < Decimal::ZERO && books.is_shippable(line.item) {
            let path = format!("item.items[{at}].amount");
            return Err(Refusal::invalid_field(&line.amount.to_string(), "amount", &path));
        }
    }
    if record.shipping < Decimal::ZERO {
        return Err(Refusal::invalid_field(&record.shipping.to_string(), "shippingCost", "shippingCost"));
    }
    if record.total() < Decimal::ZERO {
        return Err(Refusal::user_error("Transaction amount cannot be negative.").at("total"));
    }
    Ok(())
}

fn sales_order(books: &Books, record: &Record, before: Option<&Record>) -> Result<(), Refusal> {
    party(books, record)?;
    lines(books, record)?;
    for line in before.map(|before| before.lines.as_slice()).unwrap_or_default() {
        let taken = books.fulfilled(record.id, line.number, 0).max(books.invoiced(record.id, line.number, 0));
        if taken.is_zero() {
            continue;
        }
        let kept = record.line(line.number).filter(|now| now.item == line.item);
        if kept.is_none_or(|now| now.quantity < taken) {
            let detail = format!("Line {} is fulfilled or billed and cannot be reduced below {taken}.", line.number);
            return Err(Refusal::user_error(&detail).at("item"));
        }
    }
    Ok(())
}

fn deposit(books: &Books, record: &Record) -> Result<(), Refusal> {
    party(books, record)?;
    if record.payment <= Decimal::ZERO {
        return Err(Refusal::missing("Payment Amount", "payment"));
    }
    if books.deposit_used(record.id, 0) > record.payment {
        return Err(Refusal::user_error("The deposit has been applied to more than this amount.").at("payment"));
    }
    Ok(())
}

fn fulfilment(books: &Books, record: &Record) -> Result<(), Refusal> {
    let order = source(books, record, Kind::SalesOrder)?;
    if order.stage != 'B' {
        return Err(Refusal::user_error("The sales order is pending approval and cannot be fulfilled."));
    }
    if record.lines.is_empty() {
        return Err(Refusal::user_error("There is nothing left to fulfill on this sales order.").at("item"));
    }
    for (at, line) in record.lines.iter().enumerate() {
        let path = |field: &str| format!("item.items[{at}].{field}");
        let number = line.order_line.unwrap_or(line.number);
        let ordered = order.line(number).filter(|ordered| !ordered.closed && books.is_shippable(ordered.item));
        let left =
            ordered.map_or(Decimal::ZERO, |ordered| ordered.quantity - books.fulfilled(order.id, number, record.id));
        if line.quantity > left {
            let detail = format!(
                "Line {number}: quantity {} exceeds the quantity {left} that remains to be fulfilled.",
                line.quantity
            );
            return Err(Refusal::user_error(&detail).at(&path("quantity")));
        }
        let Some(location) = line.location else {
            return Err(Refusal::missing("Location", &path("location")));
        };
        let is_new = books.get(record.kind, record.id).is_none();
        if books.config.track_stock && is_new {
            stocking::available(books, record, (line.item, location))
                .map_err(|refusal| refusal.at(&path("quantity")))?;
        }
    }
    Ok(())
}

fn invoice(books: &Books, record: &Record) -> Result<(), Refusal> {
    party(books, record)?;
    if record.lines.is_empty() && record.shipping.is_zero() {
        return Err(Refusal::user_error("There is nothing left to bill on this sales order.").at("item"));
    }
    if !record.lines.is_empty() {
        lines(books, record)?;
    }
    if let Some(order) = record.created_from.and_then(|id| books.get(Kind::SalesOrder, id)) {
        if order.stage != 'B' {
            return Err(Refusal::user_error("The sales order is pending approval and cannot be billed."));
        }
        billable(books, record, order)?;
    }
    if record.total() < books.paid(record.id, 0) {
        return Err(Refusal::user_error("The invoice has been paid with more than this amount.").at("total"));
    }
    Ok(())
}

fn billable(books: &Books, record: &Record, order: &Record) -> Result<(), Refusal> {
    for (at, line) in record.lines.iter().enumerate() {
        let Some(ordered) = line.order_line.and_then(|number| order.line(number)) else {
            if books.is_shippable(line.item) {
                return Err(Refusal::invalid_field(&line.item.to_string(), "item", &format!("item.items[{at}].item")));
            }
            continue;
        };
        let invoiced = books.invoiced(order.id, ordered.number, record.id);
        let shippable = books.is_shippable(ordered.item);
        let limit = if shippable { books.shipped(order.id, ordered.number) } else { ordered.quantity };
        if line.quantity > limit - invoiced {
            let what = if shippable { "shipped" } else { "ordered" };
            let detail = format!(
                "Line {}: quantity {} exceeds the quantity {} that is {what} and not billed.",
                ordered.number,
                line.quantity,
                limit - invoiced
            );
            return Err(Refusal::user_error(&detail).at(&format!("item.items[{at}].quantity")));
        }
    }
    Ok(())
}

fn application(books: &Books, record: &Record) -> Result<(), Refusal> {
    let deposit = source(books, record, Kind::CustomerDeposit)?;
    let left = deposit.payment - books.deposit_used(deposit.id, record.id);
    applied(books, record)?;
    if record.applied_total() > left {
        let detail = format!("You cannot apply {} because only {left} of the deposit is left.", record.applied_total());
        return Err(Refusal::user_error(&detail).at("apply.items[0].amount"));
    }
    Ok(())
}

fn payment(books: &Books, record: &Record) -> Result<(), Refusal> {
    party(books, record)?;
    if record.payment <= Decimal::ZERO {
        return Err(Refusal::missing("Payment Amount", "payment"));
    }
    applied(books, record)?;
    if record.applied_total() > record.payment {
        return Err(Refusal::user_error("You cannot apply more than the payment amount.").at("apply.items[0].amount"));
    }
    Ok(())
}

/// Every amount is positive and owed on an invoice of the same customer and currency.
pub(super) fn applied(books: &Books, record: &Record) -> Result<(), Refusal> {
    if record.applied.is_empty() {
        return Err(Refusal::missing("Apply", "apply"));
    }
    for (at, applied) in record.applied.iter().enumerate() {
        let path = |field: &str| format!("apply.items[{at}].{field}");
        let invoice = books
            .get(Kind::Invoice, applied.doc)
            .filter(|invoice| invoice.entity == record.entity && invoice.currency == record.currency)
            .ok_or_else(|| Refusal::invalid_field(&applied.doc.to_string(), "doc", &path("doc")))?;
        let open = invoice.total() - books.paid(invoice.id, record.id);
        if applied.amount <= Decimal::ZERO || applied.amount > open {
            let detail = format!("You cannot apply {} to an invoice of which {open} is open.", applied.amount);
            return Err(Refusal::user_error(&detail).at(&path("amount")));
        }
    }
    Ok(())
}

/// What a document was made from.
pub(super) fn source<'a>(books: &'a Books, record: &Record, kind: Kind) -> Result<&'a Record, Refusal> {
    record
        .created_from
        .and_then(|id| books.get(kind, id))
        .ok_or_else(|| Refusal::missing("Created From", "createdFrom"))
}
