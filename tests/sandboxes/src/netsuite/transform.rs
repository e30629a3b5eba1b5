//! Transformations: what a new document starts with before its body is read.
//!
//! A transform carries every open line by itself. The body changes the lines that it names by `orderLine`;
//! a line it does not name stays with its whole remaining quantity, unless the sublist is replaced
//! (`?replace=item`). To leave a line out, its quantity is 0 or `itemReceive` is false (Oracle's sample
//! "Fulfill Your Sales Order").

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::books::Books;
use super::record::{Applied, Kind, Line, Record};
use super::refusal::Refusal;
use super::tax::line_amount;

/// A document about to be created.
pub(super) struct Draft {
    pub(super) record: Record,
    /// The lines that a body may name: one per line of the source, open or not.
    pub(super) templates: Vec<Line>,
}

/// Starts the document that `source` is transformed into.
pub(super) fn start(books: &mut Books, source: &Record, target: Kind, now: Timestamp) -> Result<Draft, Refusal> {
    let mut record = Record::blank(target, books.next_id(), now);
    record.created_from = Some(source.id);
    record.entity = source.entity;
    record.subsidiary = source.subsidiary;
    record.currency = source.currency;
    record.location = source.location;
    let templates = match (source.kind, target) {
        (Kind::SalesOrder, Kind::ItemFulfillment) => fulfilment_lines(books, source),
        (Kind::SalesOrder, Kind::Invoice) => {
            record.shipping = source.shipping - books.shipping_invoiced(source.id);
            record.tax.clone_from(&source.tax);
            invoice_lines(books, source)
        }
        (Kind::SalesOrder, Kind::ReturnAuthorization) => {
            record.stage = books.config.default_order_status;
            record.tax.clone_from(&source.tax);
            returnable_lines(books, source)
        }
        (Kind::ReturnAuthorization, Kind::ItemReceipt) => returned_lines(books, source, target),
        (Kind::ReturnAuthorization, Kind::CreditMemo) => {
            record.shipping = source.shipping;
            record.tax.clone_from(&source.tax);
            returned_lines(books, source, target)
        }
        (Kind::CustomerDeposit, Kind::DepositApplication) => Vec::new(),
        (Kind::Invoice, Kind::CustomerPayment) => {
            let open = books.open_amount(source);
            record.payment = open;
            record.applied = vec![Applied { doc: source.id, amount: open }];
            Vec::new()
        }
        (from, to) => {
            let detail = format!("A {} cannot be transformed into a {}.", from.name(), to.name());
            return Err(Refusal::not_offered(&detail));
        }
    };
    record.lines = templates.iter().filter(|line| line.quantity > Decimal::ZERO).cloned().collect();
    Ok(Draft { record, templates })
}

fn fulfilment_lines(books: &Books, order: &Record) -> Vec<Line> {
    let remaining = |line: &Line| {
        if line.closed { Decimal::ZERO } else { line.quantity - books.fulfilled(order.id, line.number, 0) }
    };
    order
        .lines
        .iter()
        .filter(|line| books.is_shippable(line.item))
        .map(|line| derived(books, order, line, remaining(line)))
        .collect()
}

fn invoice_lines(books: &Books, order: &Record) -> Vec<Line> {
    let remaining = |line: &Line| {
        let invoiced = books.invoiced(order.id, line.number, 0);
        if books.is_shippable(line.item) {
            books.shipped(order.id, line.number) - invoiced
        } else if line.closed {
            Decimal::ZERO
        } else {
            line.quantity - invoiced
        }
    };
    order.lines.iter().map(|line| derived(books, order, line, remaining(line))).collect()
}

/// What has left and may come back.
fn returnable_lines(books: &Books, order: &Record) -> Vec<Line> {
    let returnable = |line: &Line| books.shipped(order.id, line.number) - books.authorized(order.id, line.number, 0);
    order
        .lines
        .iter()
        .filter(|line| books.is_shippable(line.item))
        .map(|line| derived(books, order, line, returnable(line)))
        .collect()
}

/// What a return authorization still waits for: goods to receive, or goods to credit.
fn returned_lines(books: &Books, authorization: &Record, target: Kind) -> Vec<Line> {
    let remaining = |line: &Line| {
        let taken = books.taken(authorization.id, (target, line.number), 0);
        if line.closed { Decimal::ZERO } else { line.quantity - taken }
    };
    authorization
        .lines
        .iter()
        .filter(|line| target == Kind::CreditMemo || books.is_shippable(line.item))
        .map(|line| derived(books, authorization, line, remaining(line)))
        .collect()
}

fn derived(books: &Books, order: &Record, line: &Line, quantity: Decimal) -> Line {
    Line {
        order_line: Some(line.number),
        quantity,
        amount: line_amount(line, quantity, books.decimals(order)),
        location: line.location.or(order.location),
        ..line.clone()
    }
}
