//! Payments that the buyer disputes: the money is withheld when the dispute opens, and comes back or is lost when it
//! closes. Until then nothing is paid back.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::{Decision, Event};
use crate::money::{Currency, Minor};
use crate::order::Order;
use crate::reversals::next;
use crate::reversing::{JournalAccount, JournalDraft};

/// A payment that the buyer disputes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    /// From 1, per order.
    pub number: u32,
    /// Its identity at the storefront.
    pub id: String,
    /// Through whom the payment came; names the clearing account that the money is withheld from.
    pub gateway: String,
    /// How much is withheld, in minor units of `currency`.
    pub amount: Minor,
    /// In which currency.
    pub currency: Currency,
    /// Since when: the posting date of the withdrawal.
    pub opened_at: Timestamp,
}

/// How a dispute ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeOutcome {
    /// The money came back.
    Won,
    /// The buyer keeps it.
    Lost,
}

/// The end of a dispute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputeEnd {
    /// Number of the dispute.
    pub number: u32,
    /// How it ended.
    pub outcome: DisputeOutcome,
    /// When: the posting date of the outcome.
    pub closed_at: Timestamp,
}

/// What a storefront says of a dispute; each report says all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputeReport {
    /// Its identity there.
    pub id: String,
    /// Through whom the payment came.
    pub gateway: String,
    /// How much is withheld.
    pub amount: Minor,
    /// In which currency.
    pub currency: Currency,
    /// Since when.
    pub opened_at: Timestamp,
    /// How and when it ended, once it has.
    pub end: Option<(DisputeOutcome, Timestamp)>,
}

/// Records what a storefront says of a dispute that is not known yet. Its end may be told before its beginning.
#[must_use]
pub fn record_dispute(order: &Order, report: &DisputeReport) -> Decision {
    let disputes = &order.reversals.disputes;
    let known = disputes.values().find(|known| known.fact.id == report.id).map(|known| known.fact.number);
    let number = known.unwrap_or_else(|| next(disputes));
    let mut events = Vec::new();
    if known.is_none() {
        events.push(Event::DisputeOpened(Dispute {
            number,
            id: report.id.clone(),
            gateway: report.gateway.clone(),
            amount: report.amount,
            currency: report.currency,
            opened_at: report.opened_at,
        }));
    }
    if let Some((outcome, closed_at)) = report.end.filter(|_| !order.reversals.dispute_ends.contains_key(&number)) {
        events.push(Event::DisputeClosed(DisputeEnd { number, outcome, closed_at }));
    }
    events.into()
}

impl Order {
    fn is_own_currency(&self, dispute: &Dispute) -> bool {
        self.currency() == Some(dispute.currency)
    }

    /// Whether a payment is disputed now: nothing is paid back meanwhile, because the buyer may get it that way.
    #[must_use]
    pub fn is_disputed(&self) -> bool {
        self.reversals.disputes.keys().any(|number| !self.reversals.dispute_ends.contains_key(number))
    }

    /// What was lost by disputes, in minor units of the order's currency.
    #[must_use]
    pub fn lost_by_disputes(&self) -> Minor {
        let lost = self.reversals.disputes.values().map(|known| &known.fact).filter(|dispute| {
            let end = self.reversals.dispute_ends.get(&dispute.number);
            end.is_some_and(|end| end.fact.outcome == DisputeOutcome::Lost) && self.is_own_currency(dispute)
        });
        Minor::sum(lost.map(|dispute| dispute.amount)).unwrap_or_default()
    }

    /// The journal entry of the withdrawal: clearing to disputes. `None` where it is not in the order's currency.
    #[must_use]
    pub fn dispute_draft(&self, number: u32) -> Option<JournalDraft> {
        let dispute = self.reversals.disputes.get(&number).map(|known| &known.fact)?;
        let header =
            self.header(&format!("DI{number}"), dispute.opened_at).filter(|_| self.is_own_currency(dispute))?;
        let (debit, credit) = (JournalAccount::Disputes, JournalAccount::Gateway(dispute.gateway.clone()));
        Some(JournalDraft { header, debit, credit, amount: dispute.amount })
    }

    /// The journal entry of the end: won, back to clearing; lost, written off.
    #[must_use]
    pub fn dispute_end_draft(&self, number: u32) -> Option<JournalDraft> {
        let end = &self.reversals.dispute_ends.get(&number)?.fact;
        let withdrawal = self.dispute_draft(number)?;
        let header = self.header(&format!("DO{number}"), end.closed_at)?;
        let debit = match end.outcome {
            DisputeOutcome::Won => withdrawal.credit,
            DisputeOutcome::Lost => JournalAccount::DisputeLosses,
        };
        Some(JournalDraft { header, debit, credit: JournalAccount::Disputes, amount: withdrawal.amount })
    }

    /// What of disputes needs a person.
    pub(crate) fn dispute_attention(&self) -> Vec<crate::commit::Attention> {
        let told = |dispute: &Dispute, class: &str, why: (String, Timestamp)| {
            crate::commit::Attention::new(format!("dispute:D{}", dispute.number), class, why)
        };
        let mut found = Vec::new();
        for known in self.reversals.disputes.values() {
            let dispute = &known.fact;
            if self.accepted.is_some() && !self.is_own_currency(dispute) {
                let amount = dispute.currency.written(dispute.amount.get());
                let reason = format!("{amount} are disputed, not in the order's currency: post it by hand");
                found.push(told(dispute, "value", (reason, known.at)));
            } else if !self.reversals.dispute_ends.contains_key(&dispute.number) {
                let reason = "the buyer disputes the payment: answer it at the storefront; nothing is paid back \
                              until it is decided"
                    .to_owned();
                found.push(told(dispute, "disputed", (reason, known.at)));
            }
        }
        found
    }
}
