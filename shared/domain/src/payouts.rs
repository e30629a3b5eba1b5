//! Out of which deposit each payment back comes, or out of which credit memo. It is fixed with the fact that the refund
//! was made, so that nothing that is learned later changes what was, or may have been, posted.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::canonical::Tender;
use crate::event::{Event, IssuedRefund, Refund};
use crate::money::Minor;
use crate::order::{At, Order};
use crate::reversals::RefundOrigin;
use crate::reversing::{PaidFrom, RefundPosting};
use crate::sales::RefundTender;

/// The payments back of one refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payout {
    /// How it was issued, whatever has become of its payments since.
    issued: Vec<(String, Minor)>,
    /// What is fixed; more is added when more money is there to pay it from, nothing is changed.
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    /// The payment back.
    payment: String,
    posting: RefundPosting,
}

fn payments(issued: &IssuedRefund) -> Vec<(String, Minor)> {
    issued.tenders.iter().map(|tender| (tender.id.clone(), tender.amount)).collect()
}

impl Order {
    /// Every payment back of every refund that is settled.
    #[must_use]
    pub fn refund_postings(&self) -> Vec<RefundPosting> {
        let settled = self.standing_refunds().filter(|refund| self.is_settled(refund));
        let payouts = settled.filter_map(|refund| self.reversals.payouts.get(&refund.number));
        payouts.flat_map(|payout| payout.parts.iter().map(|part| part.posting.clone())).collect()
    }

    /// What refunds have taken, or will take once their payments have gone, out of a tender's deposit: no invoice takes it.
    pub(crate) fn refunded_of_deposit(&self, tender: &str) -> i64 {
        self.paid_out_of(|source| matches!(source, PaidFrom::Deposit(of) if of == tender))
    }

    /// The same of the credit memo of a refund: it settles no invoice.
    pub(crate) fn refunded_of_credit(&self, refund: u32) -> i64 {
        self.paid_out_of(|source| *source == PaidFrom::Credit(refund))
    }

    fn paid_out_of(&self, is_meant: impl Fn(&PaidFrom) -> bool) -> i64 {
        let parts = self.reversals.payouts.values().flat_map(|payout| &payout.parts);
        parts.filter(|part| is_meant(&part.posting.source)).map(|part| part.posting.amount.get()).sum()
    }

    /// Fixes what a fact allows to be fixed.
    pub(crate) fn fix_payouts(&mut self, event: &Event) {
        let matters = matches!(
            event,
            Event::RefundIssued { .. }
                | Event::RefundRecorded { .. }
                | Event::RefundWithdrawn { .. }
                | Event::TenderCaptured { .. }
                | Event::CreditMemoPosted { .. }
        );
        if !matters {
            return;
        }
        let mut made: Vec<(Timestamp, Refund, IssuedRefund)> = self
            .standing_refunds()
            .filter_map(|refund| {
                let issued = self.reversals.issued.get(&refund.number)?;
                Some((issued.at, refund.clone(), issued.fact.clone()))
            })
            .collect();
        made.sort_by_key(|(at, refund, _)| (*at, refund.number));
        let stands: BTreeMap<u32, Vec<(String, Minor)>> =
            made.iter().map(|(_, refund, issued)| (refund.number, payments(issued))).collect();
        self.reversals.payouts.retain(|number, payout| stands.get(number) == Some(&payout.issued));
        for (_, refund, issued) in made {
            let payout = self.payout(&refund, &issued);
            self.reversals.payouts.insert(refund.number, payout);
        }
    }

    /// A refund's payments back, as far as there is money for them. The deposits pay first what was never sold; of these
    /// the newest, because invoices take the oldest first. Where an invoice has taken a deposit that was to pay for units
    /// which did not leave, the credit pays that was given for units of the invoice; and what was to come in exchange for
    /// goods is paid by the credit for these.
    fn payout(&self, refund: &Refund, issued: &IssuedRefund) -> Payout {
        let known = self.reversals.payouts.get(&refund.number);
        let mut parts = known.map_or_else(Vec::new, |payout| payout.parts.clone());
        let mut sources = self.free_sources();
        let own = PaidFrom::Credit(refund.number);
        let mut from_deposit = refund.from_deposit().unwrap_or_default();
        for tender in &issued.tenders {
            let share = tender.amount.min(from_deposit);
            from_deposit = from_deposit.minus(share).unwrap_or_default();
            let fixed = parts.iter().filter(|part| part.payment == tender.id && part.posting.source != own);
            let fixed = Minor::sum(fixed.map(|part| part.posting.amount)).unwrap_or_default();
            let mut open = share.minus(fixed).unwrap_or_default();
            for (source, free) in &mut sources {
                let amount = open.min(*free);
                if amount > Minor::ZERO {
                    parts.push(part((refund.number, parts.len()), (tender, amount), (source.clone(), issued.at)));
                    *free = free.minus(amount).unwrap_or_default();
                    open = open.minus(amount).unwrap_or_default();
                }
            }
            let credit = tender.amount.minus(share).unwrap_or_default();
            if known.is_none() && credit > Minor::ZERO {
                parts.push(part((refund.number, parts.len()), (tender, credit), (own.clone(), issued.at)));
            }
        }
        Payout { issued: payments(issued), parts }
    }

    /// What may pay for units that were never sold, in this order, and how much is left of it.
    fn free_sources(&self) -> Vec<(PaidFrom, Minor)> {
        let deposits = self.captured_tenders().map(|(_, of)| (PaidFrom::Deposit(of.id.clone()), self.free_deposit(of)));
        let mut sources: Vec<(PaidFrom, Minor)> = deposits.collect();
        sources.reverse();
        // Credit whose own payment back has not been made is nobody else's.
        let memos = self.reversals.credit_memos.keys().filter(|number| {
            let overtaken = |known: &At<Refund>| known.fact.origin == RefundOrigin::Overtaken;
            self.reversals.issued.contains_key(*number) || self.reversals.refunds.get(number).is_some_and(overtaken)
        });
        let credit = |number: &u32| Minor::new(self.open_credit(*number).max(0)).unwrap_or_default();
        sources.extend(memos.map(|number| (PaidFrom::Credit(*number), credit(number))));
        sources
    }

    /// What neither invoices nor payments back have taken of a tender's deposit.
    fn free_deposit(&self, tender: &Tender) -> Minor {
        let applied = self.applications.values().filter(|known| known.fact.tender == tender.id);
        let applied: i64 = applied.map(|known| known.fact.amount.get()).sum();
        let left = tender.amount.get() - applied - self.refunded_of_deposit(&tender.id);
        Minor::new(left.max(0)).unwrap_or_default()
    }
}

fn part(
    (refund, place): (u32, usize),
    (tender, amount): (&RefundTender, Minor),
    (source, at): (PaidFrom, Timestamp),
) -> Part {
    let number = refund * 100 + u32::try_from(place + 1).unwrap_or(99);
    Part {
        payment: tender.id.clone(),
        posting: RefundPosting { number, gateway: tender.gateway.clone(), amount, source, at },
    }
}
