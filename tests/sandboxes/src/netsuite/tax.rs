//! Tax as SuiteTax keeps it: details keyed to lines by a reference, as sent (override) or computed per line.

use rust_decimal::Decimal;

use super::read::{Fields, Reference};
use super::record::{Line, Record, SHIPPING_REFERENCE, TaxDetail, half_up};
use super::refusal::Refusal;
use super::{books::Books, config::Named};

const HUNDRED: Decimal = Decimal::ONE_HUNDRED;

/// What so many units of a line cost: the line's own amount for all of them, else rate times quantity.
pub(super) fn line_amount(line: &Line, quantity: Decimal, decimals: u32) -> Decimal {
    if quantity == line.quantity {
        return line.amount;
    }
    match line.rate {
        Some(rate) => half_up(rate * quantity, decimals),
        None if line.quantity.is_zero() => Decimal::ZERO,
        None => half_up(line.amount * quantity / line.quantity, decimals),
    }
}

/// Reads the body's tax details into the record.
pub(super) fn read_details(books: &Books, record: &mut Record, body: &Fields<'_>, anew: bool) -> Result<(), Refusal> {
    if let Some(flag) = body.flag("taxDetailsOverride")? {
        record.tax_override = flag;
    }
    let Some(items) = body.sublist("taxDetails")? else {
        return Ok(());
    };
    if anew {
        record.tax.clear();
    }
    let decimals = books.decimals(record);
    for item in items {
        let detail = read_detail(books, &item, decimals, record.tax_override)?;
        if detail.reference != SHIPPING_REFERENCE && record.taxable(&detail.reference).is_none() {
            return Err(item.invalid("taxDetailsReference", &detail.reference));
        }
        let same = |known: &&mut TaxDetail| known.reference == detail.reference && known.code == detail.code;
        match record.tax.iter_mut().find(same) {
            Some(known) => *known = detail,
            None => record.tax.push(detail),
        }
    }
    Ok(())
}

fn read_detail(books: &Books, item: &Fields<'_>, decimals: u32, override_: bool) -> Result<TaxDetail, Refusal> {
    let missing = |label: &str, name: &str| Refusal::missing(label, &item.path(name));
    let reference =
        item.text("taxDetailsReference")?.ok_or_else(|| missing("Tax Details Reference", "taxDetailsReference"))?;
    let code = known(&books.config.tax_codes, item, "taxCode")?.ok_or_else(|| missing("Tax Code", "taxCode"))?;
    let amount = item.number("taxAmount", decimals)?;
    if override_ && amount.is_none() {
        return Err(missing("Tax Amount", "taxAmount"));
    }
    Ok(TaxDetail {
        reference,
        tax_type: known(&books.config.tax_types, item, "taxType")?,
        code,
        basis: item.number("taxBasis", decimals)?.unwrap_or_default(),
        rate: item.number("taxRate", super::read::RATE_DECIMALS)?.unwrap_or_default(),
        amount: amount.unwrap_or_default(),
    })
}

/// The id of an entry of a configured list.
pub(super) fn known(list: &[Named], fields: &Fields<'_>, name: &str) -> Result<Option<u64>, Refusal> {
    let Some(reference) = fields.reference(name)? else {
        return Ok(None);
    };
    let id = Reference::id(&reference).filter(|id| list.iter().any(|entry| entry.id == *id));
    id.map(Some).ok_or_else(|| fields.invalid(name, reference.shown()))
}

/// The tax of one line as sent with the line itself.
pub(super) struct LineTax {
    pub(super) reference: String,
    pub(super) code: Option<u64>,
    pub(super) amount: Decimal,
    pub(super) path: String,
}

/// Sets amounts that lines carried themselves; only an override takes them.
pub(super) fn take_line_taxes(record: &mut Record, taxes: Vec<LineTax>) -> Result<(), Refusal> {
    for tax in taxes {
        let basis = record.taxable(&tax.reference).unwrap_or_default();
        let of_line = record.tax.iter_mut().find(|detail| detail.reference == tax.reference);
        match (of_line, tax.code) {
            (Some(detail), _) => {
                detail.amount = tax.amount;
                detail.basis = basis;
            }
            (None, Some(code)) => record.tax.push(TaxDetail {
                reference: tax.reference,
                tax_type: None,
                code,
                basis,
                rate: Decimal::ZERO,
                amount: tax.amount,
            }),
            (None, None) => return Err(Refusal::missing("Tax Code", &tax.path)),
        }
    }
    Ok(())
}

/// Computes what no override fixed, and forgets tax of lines that are gone.
pub(super) fn settle(books: &Books, record: &mut Record) {
    if !record.tax_override || books.config.recompute_tax {
        compute(record, books.decimals(record));
    } else {
        let tax = std::mem::take(&mut record.tax);
        record.tax = tax.into_iter().filter(|detail| record.taxable(&detail.reference).is_some()).collect();
    }
}

/// Tax of every line from its rate, half up; forgets tax of lines that are gone.
pub(super) fn compute(record: &mut Record, decimals: u32) {
    let mut tax = std::mem::take(&mut record.tax);
    tax.retain_mut(|detail| {
        let Some(basis) = record.taxable(&detail.reference) else {
            return false;
        };
        detail.basis = basis;
        detail.amount = half_up(basis * detail.rate / HUNDRED, decimals);
        true
    });
    record.tax = tax;
}
