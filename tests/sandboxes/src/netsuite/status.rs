//! Where a record stands, as its page shows it.

use rust_decimal::Decimal;

use super::books::Books;
use super::record::{Kind, Line, Record};

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
        Kind::CustomerPayment | Kind::CustomerRefund => ("C", "Deposited"),
        Kind::ReturnAuthorization => authorization_status(books, record),
        Kind::ItemReceipt => ("B", "Received"),
        Kind::CreditMemo if books.open_credit(record, 0) <= Decimal::ZERO => ("B", "Fully Applied"),
        Kind::CreditMemo => ("A", "Open"),
        Kind::InventoryAdjustment | Kind::InventoryTransfer => ("B", "Approved"),
        Kind::JournalEntry => ("B", "Approved for Posting"),
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

fn authorization_status(books: &Books, authorization: &Record) -> (&'static str, &'static str) {
    if authorization.stage == 'A' {
        return ("A", "Pending Approval");
    }
    let taken = |kind: Kind, line: &Line| books.taken(authorization.id, (kind, line.number), 0);
    let open = || authorization.lines.iter().filter(|line| !line.closed);
    let any_received = authorization.lines.iter().any(|line| !taken(Kind::ItemReceipt, line).is_zero());
    let to_credit =
        authorization.lines.iter().any(|line| taken(Kind::ItemReceipt, line) > taken(Kind::CreditMemo, line));
    if open().next().is_none() && !to_credit {
        return if any_received { ("G", "Refunded") } else { ("H", "Closed") };
    }
    let received = |line: &Line| !books.is_shippable(line.item) || taken(Kind::ItemReceipt, line) >= line.quantity;
    let credited = |line: &Line| taken(Kind::CreditMemo, line) >= line.quantity;
    match (open().all(received), open().all(credited) && !to_credit) {
        (true, true) => ("G", "Refunded"),
        (true, false) => ("F", "Pending Refund"),
        (false, _) if any_received && to_credit => ("E", "Pending Refund/Partially Received"),
        (false, _) if any_received => ("D", "Partially Received"),
        (false, _) => ("B", "Pending Receipt"),
    }
}
