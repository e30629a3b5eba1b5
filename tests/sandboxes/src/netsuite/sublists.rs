//! Sublists beside the lines of goods: what a document settles, refunds, adjusts or journalizes.

use rust_decimal::Decimal;

use super::books::Books;
use super::read::{Fields, QUANTITY_DECIMALS};
use super::record::{Applied, DepositRefund, Kind, Line, Record, Side};
use super::refusal::Refusal;
use super::tax::known;
use super::write::find;

/// Reads the body's sublists into the record; `replaces` says which are to be taken anew.
pub(super) fn read(
    books: &Books,
    record: &mut Record,
    body: &Fields<'_>,
    replaces: impl Fn(&str) -> bool,
) -> Result<(), Refusal> {
    if replaces("apply") && body.present("apply").is_some() {
        record.applied.clear();
    }
    applied(books, record, body)?;
    match record.kind {
        Kind::CustomerRefund => deposits(books, record, body),
        Kind::InventoryAdjustment | Kind::InventoryTransfer => inventory(books, record, body, replaces("inventory")),
        Kind::JournalEntry => sides(books, record, body, replaces("line")),
        Kind::Customer
        | Kind::SalesOrder
        | Kind::CustomerDeposit
        | Kind::ItemFulfillment
        | Kind::Invoice
        | Kind::DepositApplication
        | Kind::CustomerPayment
        | Kind::ReturnAuthorization
        | Kind::ItemReceipt
        | Kind::CreditMemo => Ok(()),
    }
}

/// The sublist `apply`, keyed by `doc`: invoices, and on a refund credit memos.
fn applied(books: &Books, record: &mut Record, body: &Fields<'_>) -> Result<(), Refusal> {
    let Some(items) = body.sublist("apply")? else {
        return Ok(());
    };
    let kind = if record.kind == Kind::CustomerRefund { Kind::CreditMemo } else { Kind::Invoice };
    for item in items {
        let doc = item.reference("doc")?.ok_or_else(|| Refusal::missing("Doc", &item.path("doc")))?;
        let settled = find(books, kind, &doc).ok_or_else(|| item.invalid("doc", doc.shown()))?;
        record.applied.retain(|applied| applied.doc != settled.id);
        if item.flag("apply")? == Some(false) {
            continue;
        }
        let open = books.open_of(settled, record.id);
        let most = spendable(books, record).map_or(open, |spendable| open.min(spendable - record.applied_total()));
        let amount = item.number("amount", books.decimals(record))?.unwrap_or(most);
        record.applied.push(Applied { doc: settled.id, amount });
    }
    Ok(())
}

/// What a payment, a credit memo or the deposit behind an application has to give; a refund gives what it is asked.
fn spendable(books: &Books, record: &Record) -> Option<Decimal> {
    match (record.kind, record.created_from.and_then(|id| books.get(Kind::CustomerDeposit, id))) {
        (Kind::CustomerRefund, _) => None,
        (Kind::CreditMemo, _) => Some(record.total() - books.refunded(record.id, 0)),
        (_, Some(deposit)) => Some(deposit.payment - books.deposit_used(deposit.id, record.id)),
        (_, None) => Some(record.payment),
    }
}

/// The sublist `deposit` of a refund. It "cannot be updated" (Oracle's "Customer Refund"): on a refund that exists it
/// changes nothing.
fn deposits(books: &Books, record: &mut Record, body: &Fields<'_>) -> Result<(), Refusal> {
    let Some(items) = body.sublist("deposit")?.filter(|_| books.any(record.id).is_none()) else {
        return Ok(());
    };
    for item in items {
        let doc = item.reference("doc")?.ok_or_else(|| Refusal::missing("Doc", &item.path("doc")))?;
        let deposit = find(books, Kind::CustomerDeposit, &doc).ok_or_else(|| item.invalid("doc", doc.shown()))?;
        record.deposits.retain(|refunded| refunded.deposit != deposit.id);
        if item.flag("apply")? == Some(false) {
            continue;
        }
        let left = deposit.payment - books.deposit_used(deposit.id, record.id);
        let amount = item.number("amount", books.decimals(record))?.unwrap_or(left);
        record.deposits.push(DepositRefund { deposit: deposit.id, amount, application: 0 });
    }
    Ok(())
}

/// The sublist `inventory` of an adjustment or a transfer: merged by `line`, appended without it.
fn inventory(books: &Books, record: &mut Record, body: &Fields<'_>, anew: bool) -> Result<(), Refusal> {
    let Some(items) = body.sublist("inventory")? else {
        return Ok(());
    };
    if anew {
        record.lines.clear();
    }
    for item in items {
        let number = item.count("line")?.unwrap_or_else(|| record.next_line_number());
        let known_line = record.line(number).cloned();
        let mut line = known_line.unwrap_or_else(|| Line::blank(number, record.id));
        if let Some(reference) = item.reference("item")? {
            let id = reference.id().filter(|id| books.is_stocked(*id));
            line.item = id.ok_or_else(|| item.invalid("item", reference.shown()))?;
        }
        if line.item == 0 {
            return Err(Refusal::missing("Item", &item.path("item")));
        }
        line.location = known(&books.config.locations, &item, "location")?.or(line.location);
        line.quantity = item.number("adjustQtyBy", QUANTITY_DECIMALS)?.unwrap_or(line.quantity);
        line.other.extend(item.others(&["line", "item", "location", "adjustQtyBy"]));
        record.lines.retain(|known| known.number != number);
        record.lines.push(line);
    }
    record.lines.sort_by_key(|line| line.number);
    Ok(())
}

/// The sublist `line` of a journal entry: merged by `line`, appended without it.
fn sides(books: &Books, record: &mut Record, body: &Fields<'_>, anew: bool) -> Result<(), Refusal> {
    let Some(items) = body.sublist("line")? else {
        return Ok(());
    };
    if anew {
        record.sides.clear();
    }
    let decimals = books.decimals(record);
    for item in items {
        let next = record.sides.iter().map(|side| side.number).max().unwrap_or(0) + 1;
        let number = item.count("line")?.unwrap_or(next);
        let before = record.sides.iter().position(|side| side.number == number).map(|at| record.sides.remove(at));
        let account = known(&books.config.accounts, &item, "account")?
            .or(before.as_ref().map(|side| side.account))
            .ok_or_else(|| Refusal::missing("Account", &item.path("account")))?;
        let (debit, credit) = (item.number("debit", decimals)?, item.number("credit", decimals)?);
        let amount = match (debit, credit, before.as_ref()) {
            (Some(debit), None, _) => debit,
            (None, Some(credit), _) => -credit,
            (None, None, Some(before)) => before.amount,
            (None, None, None) | (Some(_), Some(_), _) => {
                return Err(Refusal::missing("Debit or Credit", &item.path("debit")));
            }
        };
        let other = item.others(&["line", "account", "debit", "credit"]);
        record.sides.push(Side { number, account, amount, other });
    }
    record.sides.sort_by_key(|side| side.number);
    Ok(())
}
