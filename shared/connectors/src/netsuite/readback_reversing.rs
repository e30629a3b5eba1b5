//! What the ERP holds of documents that undo or change a sale, held against our drafts.

use crossdock_domain::Minor;
use crossdock_domain::money::Currency;
use crossdock_domain::reversing::{
    AmendmentDraft, CreditApplicationDraft, JournalDraft, RefundDraft, RefundSource, ReturnDraft,
};
use crossdock_step::Failure;
use rust_decimal::Decimal;
use serde_json::Value;

use super::amounts::{decimal, minor, reference_id};
use super::config::InternalId;
use super::documents::{number_of, tax_reference};
use super::documents_reversing::ReceivedLine;
use super::readback::{Held, Priced, by_number, lines_of};

impl Held<'_> {
    /// What a sales order comes to beside its lines of goods and its rounding line: shipping, with its tax. Amendments
    /// leave it as it is.
    ///
    /// # Errors
    /// A number cannot be read.
    pub fn beside(&self, draft: &AmendmentDraft) -> Result<Minor, Failure> {
        let currency = draft.header.currency;
        let ours = draft.lines.iter().map(|amended| tax_reference(amended.line.line)).collect::<Vec<_>>();
        let of_ours =
            |detail: &&Value| reference_id(detail.get("taxDetailsReference")).is_some_and(|r| ours.contains(&r));
        let mut sum = minor(currency, self.record.get("shippingCost")).unwrap_or_default();
        for detail in self.sublist("taxDetails").iter().filter(|detail| !of_ours(detail)) {
            let tax = minor(currency, detail.get("taxAmount"));
            sum = sum.plus(tax.ok_or_else(|| self.unreadable("a tax detail has no amount"))?)?;
        }
        Ok(sum)
    }

    /// Compares which lines of an amended sales order are closed.
    ///
    /// # Errors
    /// Others are.
    pub fn closed_lines(&self, draft: &AmendmentDraft) -> Result<(), Failure> {
        let is_closed = |line: &&Value| line.get("isClosed").and_then(Value::as_bool).unwrap_or(false);
        let closed = lines_of(self.record).iter().filter(is_closed);
        let mut closed = closed.filter_map(|line| line.get("line").and_then(Value::as_u64)).collect::<Vec<_>>();
        let ours = draft.lines.iter().filter(|amended| amended.closed);
        let mut ours = ours.filter_map(|amended| u64::try_from(number_of(amended.line.line)).ok()).collect::<Vec<_>>();
        closed.sort_unstable();
        ours.sort_unstable();
        if closed == ours {
            return Ok(());
        }
        Err(self.differs(&format!("closed lines {closed:?}"), &format!("closed lines {ours:?}")))
    }

    /// Compares the lines of a return authorization; gives back its total, which posts nothing.
    ///
    /// # Errors
    /// A line differs, or a number cannot be read.
    pub fn return_authorization(&self, draft: &ReturnDraft) -> Result<Minor, Failure> {
        self.priced(&Priced {
            header: &draft.header,
            record: "returnAuthorization",
            key: "orderLine",
            lines: by_number(&draft.lines),
            others: Vec::new(),
            total: Minor::ZERO,
            source: self.source,
        })?;
        self.total(draft.header.currency)
    }

    /// Compares what an item receipt took in, where, and whether into stock.
    ///
    /// # Errors
    /// It differs.
    pub fn item_receipt(&self, ours: &[ReceivedLine]) -> Result<(), Failure> {
        let received = |line: &&Value| line.get("itemReceive").and_then(Value::as_bool) != Some(false);
        let held = lines_of(self.record).iter().filter(received).map(|line| {
            let number = line.get("orderLine").and_then(Value::as_u64).unwrap_or(0);
            // A field that the ERP does not show is taken to be as it was sent.
            let sent = ours.iter().find(|ours| ours.line == number);
            let restock = line.get("restock").and_then(Value::as_bool).or(sent.map(|sent| sent.restock));
            let location = reference_id(line.get("location")).or(sent.map(|sent| sent.location.clone()));
            let quantity = decimal(line.get("quantity")).unwrap_or_default();
            received_as_told((number, quantity), &location.unwrap_or_default(), restock.unwrap_or_default())
        });
        let mut held = held.collect::<Vec<_>>();
        let ours = ours
            .iter()
            .map(|line| received_as_told((line.line, Decimal::from(line.quantity)), &line.location, line.restock));
        let mut ours = ours.collect::<Vec<_>>();
        held.sort();
        ours.sort();
        if held == ours { Ok(()) } else { Err(self.differs(&held.join(", "), &ours.join(", "))) }
    }

    /// Compares item, location and units of each line of an inventory adjustment.
    ///
    /// # Errors
    /// They differ.
    pub fn adjustment(&self, ours: &[(String, String, i64)]) -> Result<(), Failure> {
        let line = |line: &Value| {
            let item = reference_id(line.get("item"))?;
            Some((item, reference_id(line.get("location"))?, decimal(line.get("adjustQtyBy"))?))
        };
        let mut held = self.sublist("inventory").iter().filter_map(line).collect::<Vec<_>>();
        let ours = ours.iter().map(|(item, location, units)| (item.clone(), location.clone(), Decimal::from(*units)));
        let mut ours = ours.collect::<Vec<_>>();
        held.sort();
        ours.sort();
        let told = |lines: &[(String, String, Decimal)]| {
            let line = |(item, location, units): &(String, String, Decimal)| {
                format!("{units} of item {item} at location {location}")
            };
            lines.iter().map(line).collect::<Vec<_>>().join(", ")
        };
        if held == ours { Ok(()) } else { Err(self.differs(&told(&held), &told(&ours))) }
    }

    /// The amount of a refund, from our account and of our credit memo or deposit. A deposit is not shown as itself but
    /// as a deposit application, so that only its amount can be compared.
    ///
    /// # Errors
    /// It differs.
    pub fn refund(&self, draft: &RefundDraft) -> Result<Minor, Failure> {
        let account = reference_id(self.record.get("account"));
        let wanted = self.settings.account(&draft.gateway)?;
        if account.is_some_and(|account| account != wanted.as_str()) {
            return Err(self.unreadable("it went out of another account"));
        }
        let applied = self.applied().collect::<Vec<_>>();
        let [one] = applied.as_slice() else {
            return Err(self.unreadable("it does not pay back one document and nothing else"));
        };
        match &draft.source {
            RefundSource::CreditMemo(memo) if reference_id(one.get("doc")).as_ref() != Some(memo) => {
                return Err(self.unreadable("it pays back another document"));
            }
            RefundSource::CreditMemo(_) | RefundSource::Deposit(_) => {}
        }
        self.amount(draft.header.currency, one.get("amount"), draft.amount)?;
        self.amount(draft.header.currency, self.record.get("total").or(one.get("amount")), draft.amount)
    }

    /// The amount that a credit memo sets against our invoice. It may settle others, too.
    ///
    /// # Errors
    /// It differs.
    pub fn credit_application(&self, draft: &CreditApplicationDraft) -> Result<Minor, Failure> {
        let ours = |line: &&Value| reference_id(line.get("doc")).as_ref() == Some(&draft.invoice);
        match self.applied().find(ours) {
            Some(line) => self.amount(draft.header.currency, line.get("amount"), draft.amount),
            None if draft.amount == Minor::ZERO => Ok(Minor::ZERO),
            None => Err(self.unreadable("it does not settle our invoice")),
        }
    }

    /// The amount of a journal entry between our two accounts.
    ///
    /// # Errors
    /// It differs.
    pub fn journal(&self, draft: &JournalDraft) -> Result<Minor, Failure> {
        let currency = draft.header.currency;
        let amount = |line: &Value, name: &str| {
            let amount = minor(currency, line.get(name)).filter(|amount| *amount != Minor::ZERO)?;
            Some((name.to_owned(), reference_id(line.get("account"))?, amount))
        };
        let lines = self.sublist("line").iter();
        let sides = lines.flat_map(|line| [amount(line, "credit"), amount(line, "debit")]).flatten();
        let mut held = sides.collect::<Vec<_>>();
        held.sort();
        let side = |name: &str, account: &InternalId| (name.to_owned(), account.to_string(), draft.amount);
        let ours = [
            side("credit", self.settings.journal_account(&draft.credit)?),
            side("debit", self.settings.journal_account(&draft.debit)?),
        ];
        if held == ours {
            return Ok(draft.amount);
        }
        Err(self.differs(&sides_as_told(currency, &held), &sides_as_told(currency, &ours)))
    }

    pub(super) fn sublist(&self, name: &str) -> &[Value] {
        self.record.get(name).and_then(|list| list.get("items")).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}

fn received_as_told(units: (u64, Decimal), location: &str, restock: bool) -> String {
    let (line, quantity) = units;
    let fate = if restock { "restocked" } else { "written off" };
    format!("{quantity} of line {line} {fate} at location {location}")
}

fn sides_as_told(currency: Currency, sides: &[(String, String, Minor)]) -> String {
    let side = |(name, account, amount): &(String, String, Minor)| {
        format!("{name} {} of account {account}", currency.written(amount.get()))
    };
    sides.iter().map(side).collect::<Vec<_>>().join(", ")
}
