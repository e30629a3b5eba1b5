//! Stock: what an item's units are made of, and what the ERP refuses of documents that move them.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::books::Books;
use super::record::Record;
use super::refusal::Refusal;

/// Every line says what, where and how many more or fewer.
pub(super) fn adjustment(books: &Books, record: &Record) -> Result<(), Refusal> {
    if record.subsidiary.is_none() {
        return Err(Refusal::missing("Subsidiary", "subsidiary"));
    }
    if record.account.is_none() {
        return Err(Refusal::missing("Adjustment Account", "account"));
    }
    if record.lines.is_empty() {
        return Err(Refusal::user_error("You must enter at least one line item for this transaction.").at("inventory"));
    }
    for (at, line) in record.lines.iter().enumerate() {
        let path = |field: &str| format!("inventory.items[{at}].{field}");
        if line.location.or(record.location).is_none() {
            return Err(Refusal::missing("Location", &path("location")));
        }
        if line.quantity.is_zero() || !books.is_stocked(line.item) {
            return Err(Refusal::missing("Adjust Qty. By", &path("adjustQtyBy")));
        }
    }
    Ok(())
}

/// A transfer says where from, where to and how many.
pub(super) fn transfer(books: &Books, record: &Record) -> Result<(), Refusal> {
    if record.subsidiary.is_none() {
        return Err(Refusal::missing("Subsidiary", "subsidiary"));
    }
    let Some(from) = record.location else { return Err(Refusal::missing("From Location", "location")) };
    let Some(to) = record.transfer_location else {
        return Err(Refusal::missing("To Location", "transferLocation"));
    };
    if from == to {
        return Err(Refusal::invalid_field(&to.to_string(), "transferLocation", "transferLocation"));
    }
    if record.lines.is_empty() {
        return Err(Refusal::user_error("You must enter at least one line item for this transaction.").at("inventory"));
    }
    for (at, line) in record.lines.iter().enumerate() {
        let path = format!("inventory.items[{at}].adjustQtyBy");
        if line.quantity <= Decimal::ZERO || !books.is_stocked(line.item) {
            return Err(Refusal::missing("Qty. to Transfer", &path));
        }
    }
    Ok(())
}

/// What a fulfilment takes of an item at a location is there; of a kit, what it is made of.
pub(super) fn available(books: &Books, record: &Record, place: (u64, u64)) -> Result<(), Refusal> {
    let (item, location) = place;
    let mut wanted = BTreeMap::<u64, Decimal>::new();
    for line in record.lines.iter().filter(|line| line.location == Some(location)) {
        for (part, units) in books.parts(line.item, line.quantity) {
            *wanted.entry(part).or_default() += units;
        }
    }
    for (part, _) in books.parts(item, Decimal::ONE) {
        let there = books.in_stock(part, location);
        if wanted.get(&part).is_some_and(|wanted| *wanted > there) {
            let there = there.max(Decimal::ZERO).normalize();
            let detail = format!("You only have {there} available. Please enter a different quantity.");
            return Err(Refusal::user_error(&detail));
        }
    }
    Ok(())
}
