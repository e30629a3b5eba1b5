//! What is exchanged: its price is kept of what a return is worth, and only the rest is paid back.

use crossdock_domain::event::FailureClass;
use crossdock_domain::sales::ToldRefund;
use crossdock_domain::{Currency, Minor};
use crossdock_step::Failure;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::Document;
use super::ledger::{Agreement, MoneyBag, Reader, Refund, Return};
use super::paying::Payments;
use super::{Shopify, refused};
use crate::RefundInstruction;

pub(super) const RETURN_OUTCOME: Document =
    Document { name: "ReturnOutcome", text: include_str!("queries/return_outcome.graphql") };

#[derive(Deserialize)]
struct ReturnData {
    #[serde(rename = "return")]
    of_return: Option<Outcomes>,
}

#[derive(Deserialize)]
struct Outcomes {
    without: Option<Outcome>,
    with: Option<Outcome>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    financial_transfer: Option<Transfer>,
}

#[derive(Deserialize)]
struct Transfer {
    #[serde(rename = "__typename")]
    kind: String,
    amount: MoneyBag,
}

impl Outcome {
    /// What the buyer gets; below zero what the buyer has to pay.
    fn amount(&self, currency: Currency) -> Result<Minor, Failure> {
        let Some(transfer) = &self.financial_transfer else { return Ok(Minor::ZERO) };
        let amount = transfer.amount.of(currency)?;
        match transfer.kind.as_str() {
            "RefundReturnOutcome" => Ok(amount),
            "InvoiceReturnOutcome" => Ok(Minor::ZERO.minus(amount)?),
            _ => Err(refused("Shopify suggests an outcome of the return that we do not know: settle it in the admin")),
        }
    }
}

/// What the ledger says of an order, as far as it was read.
pub(super) struct Ledger<'a> {
    pub(super) refunds: &'a [Refund],
    pub(super) agreements: &'a [Agreement],
}

/// What was exchanged under a return: its price, and since when it is on the order.
struct Exchanged {
    price: Minor,
    since: Timestamp,
}

impl Shopify {
    /// What a refund of a return pays out: its amount, less the price of what is exchanged now, and of what was exchanged
    /// before and is not paid yet.
    pub(super) async fn less_exchange(
        &self,
        instruction: &RefundInstruction,
        payments: &Payments,
        (of, lines, exchange): (&Return, &[Value], &[Value]),
    ) -> Result<Minor, Failure> {
        let new = self.price_of_exchange(of, (lines, exchange), instruction.currency).await?;
        let is_first = payments.of_return(super::number_of(&of.id)).is_empty();
        let old = if is_first && !of.exchange_line_items.nodes.iter().any(|line| line.is_begun()) {
            Minor::ZERO
        } else {
            let gid = super::reversing::gid_of(&instruction.channel);
            let (refunds, agreements) = (self.refunds(&gid).await?, self.agreements(&gid, None).await?);
            let reader = Reader::of(instruction, refunds.taxes_included);
            let ledger = Ledger { refunds: &refunds.refunds, agreements: &agreements };
            self.unpaid_exchange(&reader, instruction, (&ledger, None)).await?
        };
        rest(instruction.amount, old.plus(new)?)
    }

    /// What lines of a return that are not settled yet would cost in exchange, by Shopify's own reckoning.
    async fn price_of_exchange(
        &self,
        of: &Return,
        (lines, exchange): (&[Value], &[Value]),
        currency: Currency,
    ) -> Result<Minor, Failure> {
        if exchange.is_empty() {
            return Ok(Minor::ZERO);
        }
        let variables = json!({ "return": of.id, "lines": lines, "exchange": exchange });
        let answer: ReturnData = self.client.call(RETURN_OUTCOME, variables).await?;
        let Some(Outcomes { without: Some(without), with: Some(with) }) = answer.of_return else {
            return Err(refused(
                "Shopify does not say what the return's exchange costs: settle the return in the admin",
            ));
        };
        let price = without.amount(currency)?.minus(with.amount(currency)?)?;
        if price < Minor::ZERO {
            let reason = "the return's exchange would cost less than nothing: settle the return in the admin";
            return Err(Failure::permanent(FailureClass::Value, reason));
        }
        Ok(price)
    }

    /// What a refund of a return must have paid out, by the ledger.
    pub(super) async fn expected(
        &self,
        reader: &Reader,
        instruction: &RefundInstruction,
        (ledger, told): (&Ledger<'_>, &ToldRefund),
    ) -> Result<Minor, Failure> {
        rest(instruction.amount, self.unpaid_exchange(reader, instruction, (ledger, Some(told))).await?)
    }

    /// What of an exchange's price was open before a refund of its return (or is open now): earlier refunds have kept a
    /// part by paying less than they are worth, and the buyer may have paid since. Below zero where more was kept.
    async fn unpaid_exchange(
        &self,
        reader: &Reader,
        instruction: &RefundInstruction,
        (ledger, before): (&Ledger<'_>, Option<&ToldRefund>),
    ) -> Result<Minor, Failure> {
        let Some(of) = &instruction.return_id else { return Ok(Minor::ZERO) };
        let exchanged = reader.exchanged(of, ledger.agreements)?;
        let is_older = |of: &ToldRefund| before.is_none_or(|told| (of.at, &of.id) < (told.at, &told.id));
        let mut open = exchanged.as_ref().map_or(Minor::ZERO, |exchanged| exchanged.price);
        for refund in reader.refunds_of_return(of, ledger)?.iter().filter(|refund| is_older(refund)) {
            open = open.minus(kept(refund)?)?;
        }
        let Some(Exchanged { since, .. }) = exchanged else { return Ok(open) };
        let payments = self.payments(&super::reversing::gid_of(&instruction.channel)).await?;
        let until = before.map_or(Timestamp::MAX, |told| told.at);
        Ok(open.minus(payments.arrived((since, until), instruction.currency)?)?)
    }
}

/// What is left of an amount; nothing where more is kept than it is.
fn rest(amount: Minor, kept: Minor) -> Result<Minor, Failure> {
    Ok(amount.minus(kept.max(Minor::ZERO))?.max(Minor::ZERO))
}

/// What a refund is worth beyond what it has paid.
fn kept(refund: &ToldRefund) -> Result<Minor, Failure> {
    let taxes = refund.lines.iter().flat_map(|line| &line.taxes).chain(&refund.shipping_taxes);
    let parts = refund.lines.iter().map(|line| line.net).chain(taxes.map(|tax| tax.amount));
    let worth = Minor::sum(parts.chain([refund.shipping, refund.adjustment]))?;
    let paid = Minor::sum(refund.tenders.iter().map(|tender| tender.amount))?;
    Ok(worth.minus(paid)?.max(Minor::ZERO))
}

impl Reader {
    fn exchanged(&self, of: &str, agreements: &[Agreement]) -> Result<Option<Exchanged>, Failure> {
        let mut exchanged: Option<Exchanged> = None;
        for (agreement, sale, _) in super::ledger::exchanges(of, agreements) {
            let (price, at) = (sale.total(self.currency)?, agreement.at());
            let before = exchanged.map_or((Minor::ZERO, at), |known| (known.price, known.since.min(at)));
            exchanged = Some(Exchanged { price: before.0.plus(price)?, since: before.1 });
        }
        Ok(exchanged)
    }

    fn refunds_of_return(&self, of: &str, ledger: &Ledger<'_>) -> Result<Vec<ToldRefund>, Failure> {
        let refunds: Vec<Refund> = ledger.refunds.iter().filter(|refund| refund.is_of(of)).cloned().collect();
        self.refunds(&refunds, ledger.agreements)
    }
}
