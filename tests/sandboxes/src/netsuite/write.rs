//! Writing a body onto a record: what it says, line by line. Whether the result may stand is for the rules.

use std::collections::HashSet;

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::books::{Books, Key};
use super::read::{Fields, QUANTITY_DECIMALS, RATE_DECIMALS, Reference};
use super::record::{Kind, Line, Record, half_up};
use super::refusal::Refusal;
use super::sublists;
use super::tax::{self, LineTax, known, line_amount};

/// Fields with a meaning; all others are kept as they come.
const MEANT: &[&str] = &[
    "externalId",
    "entity",
    "customer",
    "subsidiary",
    "currency",
    "location",
    "transferLocation",
    "tranDate",
    "tranId",
    "orderStatus",
    "shipStatus",
    "shippingCost",
    "account",
    "payment",
    "salesOrder",
    "item",
    "taxDetails",
    "taxDetailsOverride",
    "apply",
    "createdFrom",
    "deposit",
    "inventory",
    "line",
];
const MEANT_OF_LINE: &[&str] = &[
    "line",
    "orderLine",
    "item",
    "quantity",
    "rate",
    "amount",
    "location",
    "taxDetailsReference",
    "taxCode",
    "taxAmount",
    "isClosed",
    "itemReceive",
    "restock",
];

/// A body and how its sublists are to be taken.
pub(super) struct Write<'a> {
    pub(super) body: &'a Map<String, Value>,
    /// Sublists named by `?replace=`.
    pub(super) replace: HashSet<String>,
    /// The source's lines, when the record comes from a transform.
    pub(super) templates: &'a [Line],
}

impl Write<'_> {
    /// Writes the body onto the record.
    pub(super) fn apply(&self, books: &Books, record: &mut Record) -> Result<(), Refusal> {
        let body = Fields::of_record(self.body);
        header(books, record, &body)?;
        let line_taxes = self.lines(books, record, &body)?;
        if !self.templates.is_empty() {
            tax::compute(record, books.decimals(record));
        }
        let anew = self.replaces("taxDetails") || self.replaces("item") || !self.templates.is_empty();
        tax::read_details(books, record, &body, anew)?;
        if record.tax_override {
            tax::take_line_taxes(record, line_taxes)?;
        }
        tax::settle(books, record);
        sublists::read(books, record, &body, |sublist| self.replaces(sublist))?;
        record.other.extend(body.others(MEANT));
        record.other.retain(|_, value| !value.is_null());
        Ok(())
    }

    fn replaces(&self, sublist: &str) -> bool {
        self.replace.contains(&sublist.to_ascii_lowercase())
    }

    fn lines(&self, books: &Books, record: &mut Record, body: &Fields<'_>) -> Result<Vec<LineTax>, Refusal> {
        let mut taxes = Vec::new();
        if let Some(items) = body.sublist("item")? {
            if self.replaces("item") {
                record.lines.clear();
            }
            for item in items {
                let mut line = self.line_for(record, &item)?;
                fill(books, record, &mut line, &item)?;
                taxes.extend(line_tax(books, &line, &item, books.decimals(record))?);
                match record.lines.iter_mut().find(|known| known.number == line.number) {
                    Some(known) => *known = line,
                    None => record.lines.push(line),
                }
            }
        }
        if record.created_from.is_some() {
            // Left out of the document: quantity 0 or `itemReceive: false`.
            record.lines.retain(|line| line.order_line.is_none() || !line.quantity.is_zero());
        }
        if record.kind == Kind::ReturnAuthorization && !self.templates.is_empty() {
            // Its lines are its own: what builds on it names them by these numbers, not by the order's.
            for (number, line) in (1..).zip(&mut record.lines) {
                line.number = number;
            }
        }
        Ok(taxes)
    }

    /// The line that an item of the body means: one that exists, one of the source, or a new one.
    fn line_for(&self, record: &Record, item: &Fields<'_>) -> Result<Line, Refusal> {
        if let Some(order_line) = item.count("orderLine")? {
            let of_order = |line: &&Line| line.order_line == Some(order_line);
            return record
                .lines
                .iter()
                .find(of_order)
                .or_else(|| self.templates.iter().find(of_order))
                .cloned()
                .ok_or_else(|| item.invalid("orderLine", &order_line.to_string()));
        }
        let number = item.count("line")?;
        if let Some(line) = number.and_then(|number| record.line(number)) {
            return Ok(line.clone());
        }
        // Without a line key nothing says that the line is known already: it is appended.
        let highest_template = self.templates.iter().map(|line| line.number).max().unwrap_or(0);
        let number = number.unwrap_or_else(|| record.next_line_number().max(highest_template + 1));
        Ok(Line::blank(number, record.id))
    }
}

fn header(books: &Books, record: &mut Record, body: &Fields<'_>) -> Result<(), Refusal> {
    if let Some(external_id) = body.text("externalId")? {
        record.external_id = Some(external_id);
    }
    if let Some(date) = body.date("tranDate")? {
        record.tran_date = date;
    }
    if let Some(number) = body.text("tranId")? {
        record.tran_id = number;
    }
    parties(books, record, body)?;
    if let Some(location) = known(&books.config.locations, body, "location")? {
        record.location = Some(location);
    }
    if record.kind == Kind::InventoryTransfer {
        let to = known(&books.config.locations, body, "transferLocation")?;
        record.transfer_location = to.or(record.transfer_location);
    }
    let stage = match record.kind {
        Kind::SalesOrder | Kind::ReturnAuthorization => body.choice("orderStatus", &['A', 'B'])?,
        Kind::ItemFulfillment => body.choice("shipStatus", &['A', 'B', 'C'])?,
        Kind::Customer
        | Kind::CustomerDeposit
        | Kind::Invoice
        | Kind::DepositApplication
        | Kind::CustomerPayment
        | Kind::ItemReceipt
        | Kind::CreditMemo
        | Kind::CustomerRefund
        | Kind::InventoryAdjustment
        | Kind::InventoryTransfer
        | Kind::JournalEntry => None,
    };
    record.stage = stage.unwrap_or(record.stage);
    let decimals = books.decimals(record);
    if let Some(shipping) = body.number("shippingCost", decimals)? {
        record.shipping = shipping;
    }
    money(books, record, body)
}

fn money(books: &Books, record: &mut Record, body: &Fields<'_>) -> Result<(), Refusal> {
    let comes_in = matches!(record.kind, Kind::CustomerDeposit | Kind::CustomerPayment);
    if comes_in || matches!(record.kind, Kind::CustomerRefund | Kind::InventoryAdjustment) {
        record.account = known(&books.config.accounts, body, "account")?.or(record.account);
    }
    if !comes_in {
        return Ok(());
    }
    if let Some(payment) = body.number("payment", books.decimals(record))? {
        record.payment = payment;
    }
    if let Some(order) = body.reference("salesOrder")? {
        let order = find(books, Kind::SalesOrder, &order)
            .filter(|found| found.entity == record.entity)
            .ok_or_else(|| body.invalid("salesOrder", order.shown()))?;
        record.sales_order = Some(order.id);
    }
    Ok(())
}

/// Customer, currency and subsidiary: named, taken over from the customer, and never changed on a derived document.
fn parties(books: &Books, record: &mut Record, body: &Fields<'_>) -> Result<(), Refusal> {
    let derived = record.created_from.is_some();
    let field = record.kind.customer_field();
    if let Some(reference) = body.reference(field)? {
        let customer = find(books, Kind::Customer, &reference)
            .filter(|customer| !derived || record.entity == Some(customer.id))
            .ok_or_else(|| body.invalid(field, reference.shown()))?;
        record.entity = Some(customer.id);
        record.currency = record.currency.or(customer.currency);
        record.subsidiary = record.subsidiary.or(customer.subsidiary);
    }
    for (name, list, current) in [
        ("currency", books.config.currency_names(), &mut record.currency),
        ("subsidiary", books.config.subsidiary_names(), &mut record.subsidiary),
    ] {
        if let Some(id) = known(&list, body, name)? {
            if derived && *current != Some(id) {
                return Err(body.invalid(name, &id.to_string()));
            }
            *current = Some(id);
        }
    }
    Ok(())
}

/// Writes an item of the body onto its line.
fn fill(books: &Books, record: &Record, line: &mut Line, item: &Fields<'_>) -> Result<(), Refusal> {
    if let Some(reference) = item.reference("item")? {
        let id = reference
            .id()
            .filter(|id| books.item(*id).is_some())
            .filter(|id| line.order_line.is_none() || line.item == *id)
            .ok_or_else(|| item.invalid("item", reference.shown()))?;
        line.item = id;
    }
    if line.item == 0 {
        return Err(Refusal::missing("Item", &item.path("item")));
    }
    if let Some(location) = known(&books.config.locations, item, "location")? {
        line.location = Some(location);
    }
    if let Some(reference) = item.text("taxDetailsReference")? {
        line.tax_reference = reference;
    }
    line.closed = item.flag("isClosed")?.unwrap_or(line.closed);
    line.restock = item.flag("restock")?.unwrap_or(line.restock);
    price(books, record, line, item)?;
    line.other.extend(item.others(MEANT_OF_LINE));
    Ok(())
}

fn price(books: &Books, record: &Record, line: &mut Line, item: &Fields<'_>) -> Result<(), Refusal> {
    let decimals = books.decimals(record);
    let rate = item.number("rate", RATE_DECIMALS)?;
    let amount = item.number("amount", decimals)?;
    let mut quantity = item.number("quantity", QUANTITY_DECIMALS)?;
    if item.flag("itemReceive")? == Some(false) {
        quantity = Some(Decimal::ZERO);
    }
    if let Some(negative) = quantity.filter(|quantity| *quantity < Decimal::ZERO) {
        return Err(item.invalid("quantity", &negative.to_string()));
    }
    line.rate = rate.or(line.rate);
    let is_new = line.quantity.is_zero() && line.order_line.is_none();
    let new_quantity = quantity.unwrap_or(if is_new { Decimal::ONE } else { line.quantity });
    line.amount = match (amount, rate) {
        (Some(amount), _) => amount,
        (None, Some(rate)) => half_up(rate * new_quantity, decimals),
        (None, None) => source_amount(books, record, line, new_quantity),
    };
    line.quantity = new_quantity;
    Ok(())
}

/// The amount that follows from the source's line, so that all units together cost exactly what it says.
fn source_amount(books: &Books, record: &Record, line: &Line, quantity: Decimal) -> Decimal {
    let of_source = record
        .created_from
        .and_then(|id| books.any(id))
        .zip(line.order_line)
        .and_then(|(source, number)| source.line(number));
    line_amount(of_source.unwrap_or(line), quantity, books.decimals(record))
}

fn line_tax(books: &Books, line: &Line, item: &Fields<'_>, decimals: u32) -> Result<Option<LineTax>, Refusal> {
    let code = known(&books.config.tax_codes, item, "taxCode")?;
    Ok(item.number("taxAmount", decimals)?.map(|amount| LineTax {
        reference: line.tax_reference.clone(),
        code,
        amount,
        path: item.path("taxCode"),
    }))
}

/// The record of a kind that a reference means.
pub(super) fn find<'a>(books: &'a Books, kind: Kind, reference: &Reference) -> Option<&'a Record> {
    let key = match reference {
        Reference::Id(id) => Key::Id(id.parse().ok()?),
        Reference::External(external) => Key::External(external.clone()),
    };
    books.find(kind, &key)
}
