//! What the ERP refuses of documents that undo a sale: returns, receipts, credits, refunds, and of journal entries.

use rust_decimal::Decimal;

use super::books::Books;
use super::record::{Kind, Line, Record};
use super::refusal::Refusal;
use super::rules::{applied, lines, party, source};

/// No more may come back than has left and is not on its way back already.
pub(super) fn authorization(books: &Books, record: &Record, before: Option<&Record>) -> Result<(), Refusal> {
    party(books, record)?;
    let order = source(books, record, Kind::SalesOrder)?;
    if record.lines.is_empty() {
        return Err(Refusal::user_error("There is nothing left to return on this sales order.").at("item"));
    }
    lines(books, record)?;
    for (at, line) in record.lines.iter().enumerate() {
        let ordered = line.order_line.and_then(|number| order.line(number)).filter(|sold| sold.item == line.item);
        let left = ordered.map_or(Decimal::ZERO, |ordered| {
            books.shipped(order.id, ordered.number) - books.authorized(order.id, ordered.number, record.id)
        });
        if line.quantity > left {
            return Err(beyond(at, line, (left, "that was fulfilled and may be returned")));
        }
    }
    for line in before.map(|before| before.lines.as_slice()).unwrap_or_default() {
        let taken = |kind| books.taken(record.id, (kind, line.number), 0);
        let least = taken(Kind::ItemReceipt).max(taken(Kind::CreditMemo));
        let now = record.line(line.number).filter(|now| now.item == line.item);
        if now.map_or(Decimal::ZERO, |now| now.quantity) < least {
            let detail = format!("Line {} is received or credited and cannot be reduced below {least}.", line.number);
            return Err(Refusal::user_error(&detail).at("item"));
        }
    }
    Ok(())
}

/// No more is received than was authorized.
pub(super) fn receipt(books: &Books, record: &Record) -> Result<(), Refusal> {
    let authorization = approved(books, record, "received")?;
    if record.lines.is_empty() {
        return Err(Refusal::user_error("There is nothing left to receive on this return authorization.").at("item"));
    }
    for (at, line) in record.lines.iter().enumerate() {
        let authorized = line
            .order_line
            .and_then(|number| authorization.line(number))
            .filter(|authorized| !authorized.closed && books.is_shippable(authorized.item));
        let left = authorized.map_or(Decimal::ZERO, |authorized| {
            authorized.quantity - books.taken(authorization.id, (Kind::ItemReceipt, authorized.number), record.id)
        });
        if line.quantity > left {
            return Err(beyond(at, line, (left, "that remains to be received")));
        }
        if line.location.or(record.location).is_none() {
            return Err(Refusal::missing("Location", &format!("item.items[{at}].location")));
        }
    }
    Ok(())
}

/// No more goods are credited than were authorized, and no more of the credit is used than there is.
pub(super) fn credit(books: &Books, record: &Record) -> Result<(), Refusal> {
    party(books, record)?;
    lines(books, record)?;
    let authorization = match record.created_from {
        Some(_) => Some(approved(books, record, "credited")?),
        None => None,
    };
    for (at, line) in record.lines.iter().enumerate() {
        let Some(number) = line.order_line else {
            if books.is_shippable(line.item) && line.location.or(record.location).is_none() {
                return Err(Refusal::missing("Location", &format!("item.items[{at}].location")));
            }
            continue;
        };
        let authorized = authorization.and_then(|authorization| authorization.line(number));
        let taken = books.taken(record.created_from.unwrap_or(0), (Kind::CreditMemo, number), record.id);
        let left = authorized.map_or(Decimal::ZERO, |authorized| authorized.quantity - taken);
        if line.quantity > left {
            return Err(beyond(at, line, (left, "that is authorized and not credited")));
        }
    }
    if !record.applied.is_empty() {
        applied(books, record)?;
    }
    let left = books.open_credit(record, 0);
    if left < Decimal::ZERO {
        let detail = format!("The credit memo is applied and refunded with {} more than its total.", -left);
        return Err(Refusal::user_error(&detail).at("apply"));
    }
    Ok(())
}

/// No more is paid back than is left of each credit memo and deposit.
pub(super) fn refund(books: &Books, record: &Record) -> Result<(), Refusal> {
    party(books, record)?;
    if record.account.is_none() {
        return Err(Refusal::missing("Account", "account"));
    }
    if record.applied.is_empty() && record.deposits.is_empty() {
        return Err(Refusal::missing("Apply", "apply"));
    }
    for (at, applied) in record.applied.iter().enumerate() {
        let memo = of_customer(books, record, (Kind::CreditMemo, applied.doc), &format!("apply.items[{at}].doc"))?;
        let left = books.open_credit(memo, record.id);
        payable(applied.amount, left, ("credit memo", &format!("apply.items[{at}].amount")))?;
    }
    for (at, refunded) in record.deposits.iter().enumerate() {
        let path = format!("deposit.items[{at}].doc");
        let deposit = of_customer(books, record, (Kind::CustomerDeposit, refunded.deposit), &path)?;
        let left = deposit.payment - books.deposit_used(deposit.id, record.id);
        payable(refunded.amount, left, ("deposit", &format!("deposit.items[{at}].amount")))?;
    }
    Ok(())
}

fn of_customer<'a>(
    books: &'a Books,
    record: &Record,
    document: (Kind, u64),
    path: &str,
) -> Result<&'a Record, Refusal> {
    let (kind, id) = document;
    books
        .get(kind, id)
        .filter(|document| document.entity == record.entity && document.currency == record.currency)
        .ok_or_else(|| Refusal::invalid_field(&id.to_string(), "doc", path))
}

fn payable(amount: Decimal, left: Decimal, of: (&str, &str)) -> Result<(), Refusal> {
    let (what, path) = of;
    if amount > Decimal::ZERO && amount <= left {
        return Ok(());
    }
    let detail = format!("You cannot refund {amount} because only {left} of the {what} is left.");
    Err(Refusal::user_error(&detail).at(path))
}

/// Debits equal credits.
pub(super) fn journal(record: &Record) -> Result<(), Refusal> {
    if record.subsidiary.is_none() {
        return Err(Refusal::missing("Subsidiary", "subsidiary"));
    }
    if record.currency.is_none() {
        return Err(Refusal::missing("Currency", "currency"));
    }
    if record.sides.iter().any(|side| side.amount.is_zero()) || record.sides.len() < 2 {
        return Err(Refusal::user_error("A journal entry needs two lines with an amount.").at("line"));
    }
    let difference: Decimal = record.sides.iter().map(|side| side.amount).sum();
    if difference.is_zero() {
        Ok(())
    } else {
        Err(Refusal::user_error(&format!("The journal entry is out of balance by {difference}.")).at("line"))
    }
}

fn approved<'a>(books: &'a Books, record: &Record, what: &str) -> Result<&'a Record, Refusal> {
    let authorization = source(books, record, Kind::ReturnAuthorization)?;
    if authorization.stage == 'B' {
        return Ok(authorization);
    }
    let detail = format!("The return authorization is pending approval and cannot be {what}.");
    Err(Refusal::user_error(&detail))
}

fn beyond(at: usize, line: &Line, left: (Decimal, &str)) -> Refusal {
    let number = line.order_line.unwrap_or(line.number);
    let (left, what) = left;
    let detail = format!("Line {number}: quantity {} exceeds the quantity {left} {what}.", line.quantity);
    Refusal::user_error(&detail).at(&format!("item.items[{at}].quantity"))
}
