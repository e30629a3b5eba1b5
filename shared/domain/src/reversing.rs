//! Drafts of the ERP documents that undo or change a sale. All computed from the order alone, exact to the minor unit.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::canonical::TaxLine;
use crate::event::Disposition;
use crate::ids::{LocationId, Sku};
use crate::money::{Minor, MoneyError};
use crate::order::Order;
use crate::posting::{Header, PostingLine, PostingTax, posting_tax};
use crate::reversals::{Goods, Receipt, Refund, RefundLine, Resolution, Return, next};

/// A sales order as it should read now; replaces quantities and amounts of what is there. The header's reference is
/// the sales order's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmendmentDraft {
    /// Reference, date and currency of the sales order.
    pub header: Header,
    /// Every line of goods that still stands or ever stood, each with the units and amounts that are left of it. A
    /// line of which nothing is left keeps the units it had and is closed.
    pub lines: Vec<AmendedLine>,
}

/// One line of an amended sales order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmendedLine {
    /// The line as it should read.
    pub line: PostingLine,
    /// Whether nothing more of it will be shipped.
    pub closed: bool,
}

/// A return authorization: what of a sales order may come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnDraft {
    /// Reference, date, currency.
    pub header: Header,
    /// Order lines and units.
    pub lines: Vec<PostingLine>,
}

/// An item receipt: what of a return authorization came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptDraft {
    /// Reference, date, currency.
    pub header: Header,
    /// Where.
    pub location: LocationId,
    /// Order line, units, and what becomes of them.
    pub lines: Vec<(usize, u32, Disposition)>,
}

/// An inventory adjustment: goods that no document announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdjustmentDraft {
    /// Reference, date, currency.
    pub header: Header,
    /// Where.
    pub location: LocationId,
    /// SKU, units (positive: more than before) and what becomes of them.
    pub lines: Vec<(Sku, u32, Disposition)>,
}

/// What a credit gives back beside returned goods. None of it moves stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CreditKind {
    /// Goods that the buyer keeps, or that are lost.
    Kept,
    /// Shipping.
    Shipping,
    /// Goodwill and differences; below zero, a restocking fee.
    Adjustment,
}

/// One line of a credit memo that moves no stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditLine {
    /// What for.
    pub kind: CreditKind,
    /// Amount without tax; below zero for a fee.
    pub net: Minor,
    /// Its taxes.
    pub taxes: Vec<PostingTax>,
}

/// A credit memo. Stock comes back by item receipt, never by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditDraft {
    /// Reference, date, currency.
    pub header: Header,
    /// Goods of a return authorization; empty where nothing comes back.
    pub goods: Vec<PostingLine>,
    /// Everything else, numbered after the goods in this order.
    pub others: Vec<CreditLine>,
    /// What it must come to.
    pub total: Minor,
}

/// Where the money of a customer refund comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundSource {
    /// A deposit of which a part was never invoiced: its identity in the ERP.
    Deposit(String),
    /// A credit memo: its identity in the ERP.
    CreditMemo(String),
}

/// A customer refund: money that went back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundDraft {
    /// Reference, date, currency.
    pub header: Header,
    /// Through whom it went; names the clearing or liability account.
    pub gateway: String,
    /// How much.
    pub amount: Minor,
    /// What it settles.
    pub source: RefundSource,
}

/// A part of a credit memo that settles an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditApplicationDraft {
    /// Reference (the credit memo's), date, currency.
    pub header: Header,
    /// The credit memo's identity in the ERP.
    pub credit_memo: String,
    /// The invoice's identity in the ERP.
    pub invoice: String,
    /// How much of the credit memo this invoice gets in all.
    pub amount: Minor,
}

/// A side of a journal entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalAccount {
    /// The clearing account of a gateway.
    Gateway(String),
    /// Money withheld by a chargeback.
    Disputes,
    /// Money lost by a chargeback.
    DisputeLosses,
}

/// A journal entry of one amount from one account to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalDraft {
    /// Reference, date, currency.
    pub header: Header,
    /// The account that gains.
    pub debit: JournalAccount,
    /// The account that loses.
    pub credit: JournalAccount,
    /// How much.
    pub amount: Minor,
}

/// What a payment back comes out of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaidFrom {
    /// The deposit of the tender with this identity.
    Deposit(String),
    /// The credit memo of the refund with this number.
    Credit(u32),
}

/// One payment back, as the books have it: each comes out of one deposit or out of one credit memo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundPosting {
    /// The refund's number times a hundred, and the posting's place among those of the refund, from 1.
    pub number: u32,
    /// Through whom the money went.
    pub gateway: String,
    /// How much.
    pub amount: Minor,
    /// What it comes out of.
    pub source: PaidFrom,
    /// When it went.
    pub at: Timestamp,
}

/// A part of a credit memo that is to settle an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditPlan {
    /// From 1, per order.
    pub number: u32,
    /// Number of the refund whose credit memo it is.
    pub refund: u32,
    /// Number of the shipment whose invoice is settled.
    pub shipment: u32,
    /// How much.
    pub amount: Minor,
}

impl Order {
    /// Which state of the order the sales order should read as: one more with every fact that changes it.
    #[must_use]
    pub fn revision(&self) -> u32 {
        let late = self.reversals.stops.values().flatten().filter(|stop| !stop.too_late.is_empty()).count();
        let reshipped = self.authorized_returns().filter(|known| known.resolution == Resolution::Reship).count();
        let overtaken =
            self.authorized_returns().filter(|known| known.source == crate::reversals::ReturnSource::Cancellation);
        // An edit without lines only remembers that something was taken note of.
        let edited = self.reversals.edits.iter().filter(|edit| !edit.fact.lines.is_empty()).count();
        let changes = self.reversals.cancellations.len() + edited + late + reshipped;
        u32::try_from(changes + overtaken.count()).unwrap_or(u32::MAX)
    }

    pub(crate) fn revised_at(&self) -> Option<Timestamp> {
        let cancelled = self.last_cancelled_at();
        let edited = self.reversals.edits.iter().map(|edit| edit.at).max();
        cancelled.max(edited).max(self.reversals.authorized.values().copied().max())
    }

    /// The sales order as it should read now.
    ///
    /// # Errors
    /// Overflow.
    pub fn amendment_draft(&self) -> Result<Option<AmendmentDraft>, MoneyError> {
        let Some(accepted) = &self.accepted else { return Ok(None) };
        let Some(header) = self.header("SO", accepted.at) else { return Ok(None) };
        let mut lines = Vec::new();
        for (index, line) in self.goods() {
            let (wanted, shipped) = (self.wanted(index), self.shipped(index));
            // Nothing can be taken off that has left; a line of which nothing stands keeps its units and is closed.
            let standing = wanted.max(shipped);
            let quantity = if standing == 0 { line.quantity } else { standing };
            if let Some(part) = self.part(index, (0, quantity))? {
                lines.push(AmendedLine { line: part, closed: standing == 0 });
            }
        }
        Ok(Some(AmendmentDraft { header, lines }))
    }

    /// Whether the ERP is told of a return by a return authorization: goods of the order come back.
    pub(crate) fn goes_by_authorization(&self, known: &Return) -> bool {
        let over_for_nothing = self.reversals.closed.contains_key(&known.number)
            && !self.standing_refunds().any(|refund| refund.of_return == Some(known.number))
            && !self.reversals.receipts.values().any(|receipt| receipt.fact.of_return == Some(known.number));
        known.expects_goods && !over_for_nothing
    }

    pub(crate) fn has_left(&self, known: &Return) -> bool {
        known.lines.iter().all(|line| self.shipped(line.line) >= self.asked(known, line.line))
    }

    pub(crate) fn has_units(&self, receipt: &Receipt, of_order: bool) -> bool {
        receipt.lines.iter().any(|line| line.line.is_some() == of_order)
    }

    /// The return authorization of a return.
    ///
    /// # Errors
    /// Overflow.
    pub fn return_draft(&self, number: u32) -> Result<Option<ReturnDraft>, MoneyError> {
        let Some(known) = self.reversals.returns.get(&number) else { return Ok(None) };
        let authorized = self.reversals.authorized.get(&number).copied().unwrap_or(known.at);
        let Some(header) = self.header(&format!("RA{number}"), authorized) else { return Ok(None) };
        let mut units: BTreeMap<usize, u32> = BTreeMap::new();
        for line in &known.fact.lines {
            *units.entry(line.line).or_default() += line.quantity;
        }
        let lines = units.into_iter().map(|(line, quantity)| self.part(line, (0, quantity)));
        let lines = lines.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        Ok(Some(ReturnDraft { header, lines }))
    }

    /// The item receipt of what came back.
    #[must_use]
    pub fn receipt_draft(&self, number: u32) -> Option<(u32, ReceiptDraft)> {
        let receipt = &self.reversals.receipts.get(&number)?.fact;
        let header = self.header(&format!("IR{number}"), receipt.received_at)?;
        let lines = receipt.lines.iter().filter_map(|of| Some((of.line?, of.quantity, of.disposition)));
        Some((receipt.of_return?, ReceiptDraft { header, location: receipt.location.clone(), lines: lines.collect() }))
    }

    /// The adjustment of what came back and belongs to no line.
    #[must_use]
    pub fn adjustment_draft(&self, number: u32) -> Option<AdjustmentDraft> {
        let receipt = &self.reversals.receipts.get(&number)?.fact;
        let header = self.header(&format!("IA{number}"), receipt.received_at)?;
        let foreign = receipt.lines.iter().filter(|of| of.line.is_none());
        let lines = foreign.map(|of| (of.sku.clone(), of.quantity, of.disposition)).collect();
        Some(AdjustmentDraft { header, location: receipt.location.clone(), lines })
    }

    pub(crate) fn owes_credit_memo(&self, refund: &Refund, in_order: bool) -> bool {
        let authorized = match refund.of_return {
            Some(of) if refund.lines.iter().any(|line| line.goods == Goods::Returned) => {
                self.reversals.return_authorizations.contains_key(&of)
            }
            Some(_) | None => true,
        };
        let due = refund.by_credit().is_ok_and(|credit| credit != Minor::ZERO);
        in_order && authorized && due && !self.reversals.credit_memos.contains_key(&refund.number)
    }

    /// The credit memo of a refund, and the return whose authorization it is for.
    ///
    /// # Errors
    /// Overflow.
    pub fn credit_draft(&self, number: u32) -> Result<Option<(Option<u32>, CreditDraft)>, MoneyError> {
        let Some(known) = self.reversals.refunds.get(&number) else { return Ok(None) };
        let refund = &known.fact;
        let at = self.reversals.issued.get(&number).map_or(known.at, |issued| issued.fact.at);
        let Some(header) = self.header(&format!("CM{number}"), at) else { return Ok(None) };
        let of_goods = |goods: Goods| refund.lines.iter().filter(move |line| line.goods == goods);
        let of_return = refund.of_return.filter(|_| of_goods(Goods::Returned).next().is_some());
        let goods = of_goods(Goods::Returned).filter_map(|line| self.posting_line(line)).collect();
        let mut others: Vec<CreditLine> = of_goods(Goods::Kept)
            .map(|line| CreditLine { kind: CreditKind::Kept, net: line.net, taxes: posting_taxes(&line.taxes) })
            .collect();
        if !refund.shipping_unbilled && refund.shipping_value()? != Minor::ZERO {
            let taxes = posting_taxes(&refund.shipping_taxes);
            others.push(CreditLine { kind: CreditKind::Shipping, net: refund.shipping, taxes });
        }
        let total = refund.by_credit()?;
        let named = Minor::sum(
            of_goods(Goods::Returned)
                .chain(of_goods(Goods::Kept))
                .map(RefundLine::value)
                .collect::<Result<Vec<_>, _>>()?
                .into_iter()
                .chain(if refund.shipping_unbilled { None } else { Some(refund.shipping_value()?) }),
        )?;
        let rest = total.minus(named)?;
        if rest != Minor::ZERO {
            others.push(CreditLine { kind: CreditKind::Adjustment, net: rest, taxes: Vec::new() });
        }
        Ok(Some((of_return, CreditDraft { header, goods, others, total })))
    }

    fn posting_line(&self, line: &RefundLine) -> Option<PostingLine> {
        let taxes = posting_taxes(&line.taxes);
        Some(PostingLine {
            line: line.line,
            sku: self.sku(line.line)?.clone(),
            quantity: line.quantity,
            net: line.net,
            taxes,
        })
    }

    pub(crate) fn is_posting_ready(&self, posting: &RefundPosting) -> bool {
        let source = match &posting.source {
            PaidFrom::Deposit(tender) => self.deposits.contains_key(tender),
            PaidFrom::Credit(refund) => self.reversals.credit_memos.contains_key(refund),
        };
        source && !self.reversals.customer_refunds.contains_key(&posting.number)
    }

    /// The customer refund of one payment back.
    #[must_use]
    pub fn customer_refund_draft(&self, number: u32) -> Option<RefundDraft> {
        let posting = self.refund_postings().into_iter().find(|posting| posting.number == number)?;
        let source = match &posting.source {
            PaidFrom::Deposit(tender) => RefundSource::Deposit(self.deposits.get(tender)?.fact.id.clone()),
            PaidFrom::Credit(refund) => {
                RefundSource::CreditMemo(self.reversals.credit_memos.get(refund)?.fact.id.clone())
            }
        };
        let header = self.header(&format!("CR{number}"), posting.at)?;
        Some(RefundDraft { header, gateway: posting.gateway, amount: posting.amount, source })
    }

    /// What of a credit memo no payment back takes: it settles invoices.
    pub(crate) fn open_credit(&self, refund: u32) -> i64 {
        let memo = self.reversals.credit_memos.get(&refund).and_then(|memo| memo.fact.total_minor);
        let applied = self.reversals.credit_applications.values().filter(|known| known.fact.refund == refund);
        let applied: i64 = applied.map(|known| known.fact.amount.get()).sum();
        memo.map_or(0, Minor::get) - self.refunded_of_credit(refund) - applied
    }

    /// Which credit settles which invoice next: only where no deposit is left for it.
    #[must_use]
    pub fn next_credit_application(&self) -> Option<CreditPlan> {
        if self.next_application().is_some() {
            return None;
        }
        let number = next(&self.reversals.credit_applications);
        let (refund, left) = self
            .reversals
            .credit_memos
            .keys()
            .map(|refund| (*refund, self.open_credit(*refund)))
            .find(|(_, left)| *left > 0)?;
        let (shipment, due) = self.invoices.keys().map(|n| (*n, self.open_invoice(*n))).find(|(_, due)| *due > 0)?;
        Some(CreditPlan { number, refund, shipment, amount: Minor::new(due.min(left)).ok()? })
    }

    /// What an application of credit carries; the amount is what this invoice gets from this credit memo in all.
    #[must_use]
    pub fn credit_application_draft(&self, plan: &CreditPlan) -> Option<CreditApplicationDraft> {
        let refund = self.reversals.refunds.get(&plan.refund)?;
        let at = self.reversals.issued.get(&plan.refund).map_or(refund.at, |issued| issued.fact.at);
        let before = self.reversals.credit_applications.values().map(|known| &known.fact);
        let before = before.filter(|known| (known.refund, known.shipment) == (plan.refund, plan.shipment));
        let before: i64 = before.map(|known| known.amount.get()).sum();
        Some(CreditApplicationDraft {
            header: self.header(&format!("CM{}", plan.refund), at)?,
            credit_memo: self.reversals.credit_memos.get(&plan.refund)?.fact.id.clone(),
            invoice: self.invoices.get(&plan.shipment)?.fact.id.clone(),
            amount: Minor::new(before + plan.amount.get()).ok()?,
        })
    }

    /// What is still owed on an invoice.
    #[must_use]
    pub fn open_invoice(&self, shipment: u32) -> i64 {
        let total = self.invoices.get(&shipment).and_then(|invoice| invoice.fact.total_minor).map_or(0, Minor::get);
        let deposits = self.applications.values().filter(|known| known.fact.shipment == shipment);
        let credit = self.reversals.credit_applications.values().filter(|known| known.fact.shipment == shipment);
        let paid = deposits.map(|known| known.fact.amount.get()).sum::<i64>();
        total - paid - credit.map(|known| known.fact.amount.get()).sum::<i64>()
    }

    /// What the books of the order have open: receivable, deposit, credit. All zero when a prepaid order is settled.
    #[must_use]
    pub fn open_books(&self) -> (i64, i64, i64) {
        let receivable = self.invoices.keys().map(|shipment| self.open_invoice(*shipment)).sum();
        let applied: i64 = self.applications.values().map(|known| known.fact.amount.get()).sum();
        let tendered: i64 = self.captured_tenders().map(|(_, tender)| tender.amount.get()).sum();
        let of_deposits = |posting: &RefundPosting| matches!(posting.source, PaidFrom::Deposit(_));
        let postings = self.refund_postings();
        let refunded: i64 = postings.iter().filter(|p| of_deposits(p)).map(|p| p.amount.get()).sum();
        let credit = self.reversals.credit_memos.keys().map(|refund| self.open_credit(*refund)).sum();
        (receivable, tendered - applied - refunded, credit)
    }
}

fn posting_taxes(taxes: &[TaxLine]) -> Vec<PostingTax> {
    taxes.iter().map(posting_tax).collect()
}
