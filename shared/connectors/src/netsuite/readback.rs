//! What the ERP holds, held against our drafts: "200" is not success.

use std::collections::BTreeMap;

use crossdock_domain::event::FailureClass;
use crossdock_domain::money::Currency;
use crossdock_domain::posting::{DepositDraft, FulfillmentDraft, Header, PostingLine, SalesDraft};
use crossdock_domain::{Minor, MoneyError};
use crossdock_step::Failure;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::Value;

use super::amounts::{decimal, minor, reference_id};
use super::config::{InternalId, Settings};
use super::documents::number_of;
use super::translate::Asked;
use crate::ApplicationDraft;
use crate::address::quoted;

/// The lines of a record.
#[must_use]
pub fn lines_of(held: &Value) -> &[Value] {
    held.pointer("/item/items").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A record that the ERP holds under our reference, held against our draft.
pub struct Held<'a> {
    /// What was asked for.
    pub asked: &'a Asked<'a>,
    /// The connection's settings.
    pub settings: &'a Settings,
    /// The record.
    pub record: &'a Value,
    /// What our draft is taken from, as a failure tells it: "the storefront sold".
    pub source: &'static str,
}

/// What a document that sells or credits must read.
pub struct Priced<'a> {
    /// Reference, date, currency.
    pub header: &'a Header,
    /// The record type.
    pub record: &'static str,
    /// The field that carries a line's number.
    pub key: &'static str,
    /// Quantity and amount of each numbered line.
    pub lines: BTreeMap<u64, (Option<Decimal>, Minor)>,
    /// Item and amount of each line without such a number.
    pub others: Vec<(String, Minor)>,
    /// What it must come to.
    pub total: Minor,
    /// What it is taken from, as a failure tells it.
    pub source: &'static str,
}

impl<'a> Priced<'a> {
    /// A sales order or an invoice.
    #[must_use]
    pub fn sale(record: &'static str, key: &'static str, draft: &'a SalesDraft) -> Self {
        let lines = by_number(&draft.lines);
        let (others, source) = (Vec::new(), "the storefront sold");
        Self { header: &draft.header, record, key, lines, others, total: draft.total, source }
    }

    /// How far a total may be from ours to be corrected by a rounding line.
    ///
    /// # Errors
    /// Overflow.
    pub fn correctable(&self, total: Minor) -> Result<Option<Minor>, MoneyError> {
        let difference = self.total.minus(total)?;
        let is_small = difference.get().unsigned_abs() <= self.header.rounding_tolerance.get().unsigned_abs();
        Ok(is_small.then_some(difference))
    }
}

/// Quantity and amount of each order line by its number in the ERP.
#[must_use]
pub fn by_number(lines: &[PostingLine]) -> BTreeMap<u64, (Option<Decimal>, Minor)> {
    let line = |line: &PostingLine| {
        let number = u64::try_from(number_of(line.line)).ok()?;
        Some((number, (Some(Decimal::from(line.quantity)), line.net)))
    };
    lines.iter().filter_map(line).collect()
}

impl Held<'_> {
    /// The internal id, once it is sure that the record is the one asked for: ours by reference, currency and date,
    /// and the one that the write named.
    ///
    /// # Errors
    /// It is another record.
    pub fn identity(&self, header: &Header, written: Option<&str>) -> Result<String, Failure> {
        let id = self.undated_identity(header, written)?;
        self.dated(header.posting_date)?;
        Ok(id)
    }

    /// The same of a record that an earlier event made: its date is that event's.
    ///
    /// # Errors
    /// It is another record.
    pub fn undated_identity(&self, header: &Header, written: Option<&str>) -> Result<String, Failure> {
        let id = self.named(&header.reference, written)?;
        let currency = reference_id(self.record.get("currency"));
        let ours = self.settings.currency(header.currency)?;
        if currency.is_some_and(|held| held != ours.as_str()) {
            return Err(self.unreadable("it is in another currency"));
        }
        Ok(id)
    }

    /// The internal id of a record that is ours by reference, and the one that the write named.
    pub(super) fn named(&self, reference: &str, written: Option<&str>) -> Result<String, Failure> {
        let id = reference_id(Some(self.record)).filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| self.unreadable("it has no id"))?;
        let external = self.record.get("externalId").and_then(Value::as_str);
        if external.is_some_and(|external| external != reference) {
            return Err(self.unreadable("it answered with another document"));
        }
        if written.is_some_and(|written| written != id) {
            return Err(self.unreadable("it wrote one document and shows another"));
        }
        Ok(id)
    }

    /// Compares the date.
    pub(super) fn dated(&self, posting_date: Date) -> Result<(), Failure> {
        let date = self.record.get("tranDate").and_then(Value::as_str);
        if date.is_some_and(|date| date != posting_date.to_string()) {
            return Err(self.differs("has another date", &posting_date.to_string()));
        }
        Ok(())
    }

    /// Compares the lines of a document that sells or credits; gives back its total without a rounding line, and the
    /// rounding line's amount.
    ///
    /// # Errors
    /// A line differs, or a number cannot be read.
    pub fn priced(&self, ours: &Priced<'_>) -> Result<(Minor, Minor), Failure> {
        let currency = ours.header.currency;
        let rounding_item = self.settings.rounding_item.as_ref().map(InternalId::as_str);
        let mut rounding = Minor::ZERO;
        let (mut lines, mut others) = (BTreeMap::new(), Vec::new());
        for line in lines_of(self.record) {
            let amount = minor(currency, line.get("amount")).ok_or_else(|| self.unreadable("a line has no amount"))?;
            let item = reference_id(line.get("item"));
            if rounding_item.is_some() && item.as_deref() == rounding_item {
                rounding = rounding.plus(amount)?;
            } else if let Some(number) = line.get(ours.key).and_then(Value::as_u64) {
                lines.insert(number, (decimal(line.get("quantity")), amount));
            } else {
                others.push((item.unwrap_or_default(), amount));
            }
        }
        let mut wanted = ours.others.clone();
        wanted.sort();
        others.sort();
        if lines != ours.lines || others != wanted {
            return Err(self.differs(&told(currency, &lines, &others), &told(currency, &ours.lines, &wanted)));
        }
        let total = self.total(currency)?;
        let amounts = lines.values().map(|(_, amount)| *amount).chain(others.iter().map(|(_, amount)| *amount));
        self.adds_up(currency, Minor::sum(amounts)?.plus(rounding)?, total)?;
        Ok((total.minus(rounding)?, rounding))
    }

    /// The record's total.
    ///
    /// # Errors
    /// It has none that can be read.
    pub fn total(&self, currency: Currency) -> Result<Minor, Failure> {
        minor(currency, self.record.get("total")).ok_or_else(|| self.unreadable("it has no total"))
    }

    /// A total that is not the sum of its own parts is a wrong answer, not a rounding difference to be corrected.
    pub(super) fn adds_up(&self, currency: Currency, lines: Minor, total: Minor) -> Result<(), Failure> {
        let part = |name: &str| minor(currency, self.record.get(name));
        let (Some(shipping), Some(tax)) = (part("shippingCost"), part("taxTotal")) else { return Ok(()) };
        if Minor::sum([lines, shipping, tax])? == total {
            Ok(())
        } else {
            Err(self.unreadable("its parts do not add up to its total"))
        }
    }

    /// The failure of a total that is too far from ours.
    #[must_use]
    pub fn total_differs(&self, ours: &Priced<'_>, total: Minor) -> Failure {
        let currency = ours.header.currency;
        self.differs(&currency.written(total.get()), &currency.written(ours.total.get()))
    }

    /// The amount of a deposit.
    ///
    /// # Errors
    /// It differs.
    pub fn deposit(&self, draft: &DepositDraft, sales_order: &str) -> Result<Minor, Failure> {
        let order = reference_id(self.record.get("salesOrder"));
        if order.is_some_and(|order| order != sales_order) {
            return Err(self.unreadable("it is for another sales order"));
        }
        let account = reference_id(self.record.get("account"));
        let wanted = self.settings.account(&draft.gateway)?;
        if account.is_some_and(|account| account != wanted.as_str()) {
            return Err(self.unreadable("it arrived at another account"));
        }
        self.amount(draft.header.currency, self.record.get("payment"), draft.amount)
    }

    /// Compares the lines of an item fulfilment.
    ///
    /// # Errors
    /// They differ.
    pub fn item_fulfillment(&self, draft: &FulfillmentDraft) -> Result<(), Failure> {
        let received = |line: &&Value| line.get("itemReceive").and_then(Value::as_bool) != Some(false);
        let mut held = BTreeMap::<u64, Decimal>::new();
        for line in lines_of(self.record).iter().filter(received) {
            let number = line.get("orderLine").and_then(Value::as_u64).unwrap_or(0);
            *held.entry(number).or_default() += decimal(line.get("quantity")).unwrap_or_default();
        }
        held.retain(|_, quantity| !quantity.is_zero());
        let ours = draft
            .lines
            .iter()
            .filter_map(|(line, quantity)| Some((u64::try_from(number_of(*line)).ok()?, Decimal::from(*quantity))));
        let ours = ours.collect::<BTreeMap<_, _>>();
        let told = |lines: &BTreeMap<u64, Decimal>| {
            lines.iter().map(|(line, units)| format!("{units} of line {line}")).collect::<Vec<_>>().join(", ")
        };
        if held == ours { Ok(()) } else { Err(self.differs(&told(&held), &told(&ours))) }
    }

    /// The amount that an application sets against our invoice.
    ///
    /// # Errors
    /// It differs, or there are others.
    pub fn application(&self, draft: &ApplicationDraft) -> Result<Minor, Failure> {
        let applied = self.applied().collect::<Vec<_>>();
        match applied.as_slice() {
            [one] if reference_id(one.get("doc")).as_deref() == Some(&draft.invoice) => {
                self.amount(draft.header.currency, one.get("amount"), draft.amount)
            }
            _ => Err(self.unreadable("it does not settle our invoice and nothing else")),
        }
    }

    /// What the record settles.
    pub(super) fn applied(&self) -> impl Iterator<Item = &Value> {
        let lines = self.record.pointer("/apply/items").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        lines.iter().filter(|line| line.get("apply").and_then(Value::as_bool) == Some(true))
    }

    /// Compares an amount.
    ///
    /// # Errors
    /// It differs, or cannot be read.
    pub(super) fn amount(&self, currency: Currency, held: Option<&Value>, ours: Minor) -> Result<Minor, Failure> {
        let held = minor(currency, held).ok_or_else(|| self.unreadable("it has no amount"))?;
        let differs = || self.differs(&currency.written(held.get()), &currency.written(ours.get()));
        if held == ours { Ok(held) } else { Err(differs()) }
    }

    pub(super) fn differs(&self, held: &str, ours: &str) -> Failure {
        let reason = format!(
            "for {} the ERP has {}, {} {ours}: correct or delete the document there, then retry",
            self.asked.what,
            quoted(held),
            self.source
        );
        Failure::permanent(FailureClass::Value, reason)
    }

    pub(super) fn unreadable(&self, why: &str) -> Failure {
        let what = self.asked.what;
        let reason = format!("NetSuite's answer for {what} cannot be right: {why}; look it up there, then retry");
        Failure::permanent(FailureClass::Parse, reason)
    }
}

fn told(currency: Currency, lines: &BTreeMap<u64, (Option<Decimal>, Minor)>, others: &[(String, Minor)]) -> String {
    let line = |(number, (quantity, amount)): (&u64, &(Option<Decimal>, Minor))| {
        let quantity = quantity.map_or_else(|| "?".to_owned(), |quantity| quantity.to_string());
        format!("line {number}: {quantity} for {}", currency.written(amount.get()))
    };
    let other = |(item, amount): &(String, Minor)| format!("item {item}: {}", currency.written(amount.get()));
    lines.iter().map(line).chain(others.iter().map(other)).collect::<Vec<_>>().join(", ")
}
