//! Money that goes back: how much is left, what is due, and what others have paid.

use std::collections::BTreeMap;

use crate::cancel::Reason;
use crate::canonical::{ChargeKind, Line, TaxLine};
use crate::event::{Decision, Event, HoldCode, IssuedRefund, LineQuantity};
use crate::money::{Minor, MoneyError};
use crate::order::Order;
use crate::reversals::{Goods, Refund, RefundLine, RefundOrigin, Resolution, Return, ReturnLine, next};
use crate::sales::RefundStatus;
use crate::settings::RefundShipping;

/// A share of a line: its amount without tax, and its taxes.
type Share = (Minor, Vec<TaxLine>);

impl Order {
    /// Refunds that were made, or are to be made: neither withdrawn nor failed.
    pub fn standing_refunds(&self) -> impl Iterator<Item = &Refund> {
        self.reversals.refunds.values().map(|known| &known.fact).filter(|refund| self.stands(refund.number))
    }

    fn stands(&self, number: u32) -> bool {
        !self.has_failed(number) && !self.reversals.withdrawn.contains(&number)
    }

    pub(crate) fn has_failed(&self, number: u32) -> bool {
        self.reversals.issued.get(&number).is_some_and(|issued| issued.fact.status() == RefundStatus::Failed)
    }

    /// Refunds whose payment has failed and that nobody has paid another way, or withdrawn.
    pub fn failed_refunds(&self) -> impl Iterator<Item = &Refund> {
        let refunds = self.reversals.refunds.values().map(|known| &known.fact);
        refunds.filter(|refund| self.has_failed(refund.number) && !self.reversals.withdrawn.contains(&refund.number))
    }

    /// Refunds that need no other decision: those that stand, and those of ours whose payment has failed. A payment that
    /// fails would fail again; somebody has to look.
    fn decided_refunds(&self) -> impl Iterator<Item = &Refund> {
        let failed = self.failed_refunds().filter(|refund| refund.origin != RefundOrigin::Storefront);
        self.standing_refunds().chain(failed)
    }

    /// Money that has arrived.
    ///
    /// # Errors
    /// Overflow.
    pub fn tendered(&self) -> Result<Minor, MoneyError> {
        Minor::sum(self.captured_tenders().map(|(_, tender)| tender.amount))
    }

    /// Money that has gone back, or is promised to: what was issued counts as it was issued.
    ///
    /// # Errors
    /// Overflow.
    pub fn refunded(&self) -> Result<Minor, MoneyError> {
        Minor::sum(self.standing_refunds().map(|refund| self.paid_by(refund)))
    }

    pub(crate) fn paid_by(&self, refund: &Refund) -> Minor {
        match (self.reversals.issued.get(&refund.number), refund.origin) {
            (Some(issued), _) => Minor::sum(issued.fact.tenders.iter().map(|tender| tender.amount)).unwrap_or_default(),
            (None, RefundOrigin::Overtaken) => Minor::ZERO,
            (None, _) => refund.total,
        }
    }

    /// Money that may still go back: neither paid back nor lost by a dispute. Below zero where others have paid back more
    /// than arrived.
    #[must_use]
    pub fn left_to_refund(&self) -> Minor {
        let gone = || self.refunded()?.plus(self.lost_by_disputes());
        let left = self.tendered().and_then(|tendered| tendered.minus(gone()?));
        left.unwrap_or(Minor::ZERO)
    }

    /// The refund that the facts make due and nobody has decided yet. Decided one at a time, each in the commit that
    /// makes it due, so that two requests at once cannot both take what is left.
    #[must_use]
    pub fn refund_due(&self) -> Option<Refund> {
        if self.is_disputed() {
            return self.overtaken_credit_due();
        }
        if !self.to_stop().is_empty() {
            // Whether units were stopped in time decides whether they are refunded now or when they are back.
            return self.return_refund_due();
        }
        self.overtaken_credit_due().or_else(|| self.cancellation_refund_due()).or_else(|| self.return_refund_due())
    }

    /// Units that somebody had cancelled through us, that were stopped, and that are not paid back.
    fn cancellation_refund_due(&self) -> Option<Refund> {
        // What is still to be paid for the rest is not paid back.
        if self.holds.contains_key(&HoldCode::Unpaid) && !self.is_cancelled() {
            return None;
        }
        let mut lines = Vec::new();
        for (index, line) in self.goods() {
            let due = self.cancellation_units_due(index);
            if due > 0 {
                lines.push(self.tail(index, line, due)?);
            }
        }
        if lines.is_empty() {
            return self.late_money_due();
        }
        let mut refund = self.blank(RefundOrigin::Cancellation, lines);
        if self.is_cancelled() && !self.shipping_is_refunded() {
            (refund.shipping, refund.shipping_taxes) = self.shipping_charge()?;
            refund.shipping_unbilled = true;
        }
        // What others have paid back without saying what for may have been for these units.
        self.bounded(refund, self.overpaid().ok()?)
    }

    /// Money that arrives after all was cancelled, and less than all of it could be paid back: it goes back too.
    fn late_money_due(&self) -> Option<Refund> {
        let ours = self.reversals.cancellations.values().all(|known| known.fact.by.refunded_by_us());
        if !ours || !self.is_cancelled() {
            return None;
        }
        let refunds = self.standing_refunds().filter(|refund| refund.origin == RefundOrigin::Cancellation);
        // What went back of it since then is not short any more.
        let short = Minor::sum(refunds.flat_map(|refund| [refund.adjustment, refund.overpaid])).ok()?;
        let short = Minor::ZERO.minus(short).ok()?;
        let mut refund = self.blank(RefundOrigin::Cancellation, Vec::new());
        refund.overpaid = self.overpaid().ok()?.min(short).min(self.left_to_refund());
        self.bounded(refund, self.left_to_refund())
    }

    fn cancellation_units_due(&self, line: usize) -> u32 {
        let ours = self.cancellation_asked(line, crate::reversals::CancelledBy::refunded_by_us);
        let theirs = self.cancellation_asked(line, |by| !by.refunded_by_us());
        let refunded = |origin: RefundOrigin| {
            let refunds = self.decided_refunds().filter(move |refund| refund.origin == origin);
            let lines = refunds.flat_map(|refund| &refund.lines);
            let units = lines.filter(|known| known.line == line && known.goods == Goods::Cancelled);
            units.map(|known| known.quantity).sum::<u32>()
        };
        let by_hand = refunded(RefundOrigin::Storefront).saturating_sub(theirs);
        let due = ours.min(self.cancelled(line)).saturating_sub(refunded(RefundOrigin::Cancellation) + by_hand);
        // No unit is paid back twice, however often it was asked to be cancelled.
        due.min(self.cancelled(line).saturating_sub(self.cancelled_and_paid(line)))
    }

    /// Units that were paid back as cancelled and left all the same: their invoice is settled by credit.
    fn overtaken_credit_due(&self) -> Option<Refund> {
        let known =
            self.authorized_returns().find(|known| known.source == crate::reversals::ReturnSource::Cancellation)?;
        let mut lines = Vec::new();
        for (index, line) in self.goods() {
            let (paid, credited) = (crate::cancel::refunded_as_cancelled(self, index), self.overtaken_credited(index));
            let due = paid.saturating_sub(self.cancelled(index) + credited);
            if due > 0 {
                // The credit is what was paid for these very units, to the minor unit.
                let done = line.quantity.saturating_sub(paid) + credited;
                lines.push(self.refund_line((index, line), (done, due), Goods::Returned)?);
            }
        }
        if lines.is_empty() {
            lines = self.overtaken_units(self.paid_in_advance().ok()?);
        }
        if lines.is_empty() {
            return None;
        }
        let mut credit = self.blank(RefundOrigin::Overtaken, lines);
        credit.of_return = Some(known.number);
        if self.standing_refunds().any(|refund| refund.shipping_unbilled) {
            (credit.shipping, credit.shipping_taxes) = self.shipping_charge()?;
        }
        credit.total = credit.sum().ok()?;
        Some(credit)
    }

    /// Money that went back, without naming units, for what was taken off and left all the same: the buyer owes it again.
    fn paid_in_advance(&self) -> Result<Minor, MoneyError> {
        let unnamed = Minor::sum(self.standing_refunds().map(|refund| refund.overpaid))?;
        Ok(self.amount_due()?.minus(self.paid_for_it()?)?.min(unnamed))
    }

    /// Units that left although they were cancelled, and that nobody has paid back yet: as many as the money pays for.
    pub(crate) fn overtaken_units(&self, mut money: Minor) -> Vec<RefundLine> {
        let mut lines = Vec::new();
        for (index, line) in self.goods() {
            let paid = self.refunded_units(index, |known| known.goods != Goods::Cancelled);
            let open = self.overtaken(index).saturating_sub(paid);
            let done = line.quantity.saturating_sub(open);
            let fits = |units: u32| {
                let of = self.refund_line((index, line), (done, units), Goods::Returned)?;
                let left = money.minus(of.value().ok()?).ok().filter(|left| *left >= Minor::ZERO)?;
                Some((of, left))
            };
            if let Some((of, left)) = (1..=open).rev().find_map(fits) {
                lines.push(of);
                money = left;
            }
        }
        lines
    }

    fn return_refund_due(&self) -> Option<Refund> {
        let returns: Vec<&Return> = self.authorized_returns().collect();
        returns.into_iter().find_map(|known| self.refund_of_return(known))
    }

    fn refund_of_return(&self, known: &Return) -> Option<Refund> {
        let goods = if known.expects_goods { Goods::Returned } else { Goods::Kept };
        let (mut lines, mut fee) = (Vec::new(), 0_i64);
        let mut seen = std::collections::BTreeSet::new();
        for of in &known.lines {
            let due = self.refundable_of_return(known, of.line);
            if due > 0 && seen.insert(of.line) {
                let line = self.refund_line((of.line, self.line(of.line)?), (self.credited(of.line), due), goods)?;
                fee += self.fee(&of.reason, &line);
                lines.push(line);
            }
        }
        if lines.is_empty() {
            return None;
        }
        let mut refund = self.blank(RefundOrigin::Return, lines);
        refund.of_return = Some(known.number);
        refund.adjustment = Minor::new(-fee).ok()?;
        if self.gives_shipping_back(&refund) {
            (refund.shipping, refund.shipping_taxes) = self.shipping_charge()?;
        }
        self.bounded(refund, self.left_to_refund())
    }

    /// What is kept back, in minor units: a share of the value with tax, rounded half away from zero.
    fn fee(&self, reason: &str, line: &RefundLine) -> i64 {
        let hundredths = self.return_policy().restocking_fees.get(reason).copied().unwrap_or(0);
        line.value().map_or(0, |value| value.share(0, hundredths.min(10_000), 10_000).get())
    }

    fn gives_shipping_back(&self, refund: &Refund) -> bool {
        let all_back = || {
            self.goods().all(|(index, line)| {
                let now: u32 = refund.lines.iter().filter(|of| of.line == index).map(|of| of.quantity).sum();
                self.refunded_units(index, |_| true) + now >= line.quantity
            })
        };
        self.return_policy().refund_shipping == RefundShipping::WhenAllReturned
            && !self.shipping_is_refunded()
            && all_back()
    }

    fn shipping_is_refunded(&self) -> bool {
        self.decided_refunds().any(|refund| refund.shipping != Minor::ZERO)
    }

    fn blank(&self, origin: RefundOrigin, lines: Vec<RefundLine>) -> Refund {
        Refund {
            number: next(&self.reversals.refunds),
            origin,
            of_return: None,
            lines,
            shipping: Minor::ZERO,
            shipping_taxes: Vec::new(),
            shipping_unbilled: false,
            overpaid: Minor::ZERO,
            adjustment: Minor::ZERO,
            total: Minor::ZERO,
        }
    }

    /// The refund with its sum, or what is left of the money if that is less, and no more than `most`; nothing where
    /// nothing is left.
    fn bounded(&self, mut refund: Refund, most: Minor) -> Option<Refund> {
        let (sum, left) = (refund.sum().ok()?, self.left_to_refund().min(most));
        if sum > left {
            refund.adjustment = refund.adjustment.plus(left.minus(sum).ok()?).ok()?;
        }
        refund.total = sum.min(left);
        (refund.total > Minor::ZERO).then_some(refund)
    }

    /// Says of money that no part of a refund names what it is: what was overpaid since units were taken off the order
    /// comes out of the deposit, the rest is a gift.
    pub(crate) fn explain(&self, refund: &mut Refund, unexplained: Minor) {
        if unexplained > Minor::ZERO {
            let overpaid = unexplained.min(self.overpaid().unwrap_or_default());
            refund.overpaid = overpaid;
            let gift = unexplained.minus(overpaid).and_then(|gift| refund.adjustment.plus(gift));
            refund.adjustment = gift.unwrap_or(refund.adjustment);
        }
        let displaced = self.displaced(refund).unwrap_or_default();
        if let (Ok(overpaid), Ok(gift)) = (refund.overpaid.plus(displaced), refund.adjustment.minus(displaced)) {
            (refund.overpaid, refund.adjustment) = (overpaid, gift);
        }
    }

    /// What a gift by others takes of deposits that we have decided to pay back and have not paid: ours is withdrawn
    /// then, and decided anew over what is left, so that the gift came out of the deposit.
    fn displaced(&self, refund: &Refund) -> Result<Minor, MoneyError> {
        let gift = refund.adjustment.max(Minor::ZERO);
        if gift == Minor::ZERO {
            return Ok(gift);
        }
        // Ours for units that others have paid back is withdrawn whatever becomes of this gift.
        let replaced: Vec<&Refund> = self.replaced_by(refund).collect();
        let stays = self.refunds_to_issue().filter(|ours| !replaced.iter().any(|of| of.number == ours.number));
        let decided = stays.map(Refund::from_deposit).collect::<Result<Vec<_>, _>>()?;
        let left = Minor::sum(replaced.into_iter().map(|refund| refund.total))?.plus(self.left_to_refund())?;
        let short = |paid: Minor| Ok(paid.minus(left)?.max(Minor::ZERO));
        let (all, named) = (short(refund.sum()?)?, short(refund.sum()?.minus(gift)?)?);
        let most = Minor::sum(decided)?.minus(named)?.max(Minor::ZERO);
        Ok(all.minus(named)?.min(gift).min(most))
    }

    /// Money that will never be invoiced and is not paid back: what pays for what is delivered, less what that costs now.
    fn overpaid(&self) -> Result<Minor, MoneyError> {
        let due = if self.is_cancelled() { Minor::ZERO } else { self.amount_due()? };
        Ok(self.paid_for_it()?.minus(due)?.max(Minor::ZERO))
    }

    fn back_from_deposits(&self) -> Result<Minor, MoneyError> {
        Minor::sum(self.standing_refunds().map(Refund::from_deposit).collect::<Result<Vec<_>, _>>()?)
    }

    /// Money that pays for what is delivered: what has arrived, less what went back for units that were taken off, unless
    /// they left all the same and were credited for it.
    ///
    /// # Errors
    /// Overflow.
    pub fn paid_for_it(&self) -> Result<Minor, MoneyError> {
        let credits = self.standing_refunds().filter(|refund| refund.origin == RefundOrigin::Overtaken);
        let credited = Minor::sum(credits.map(|refund| refund.total))?;
        self.tendered()?.minus(self.back_from_deposits()?)?.plus(credited)
    }

    /// Shipping without tax, and its taxes.
    fn shipping_charge(&self) -> Option<Share> {
        let order = &self.accepted.as_ref()?.fact.order;
        let (mut net, mut taxes) = (Minor::ZERO, Vec::new());
        for charge in order.charges.iter().filter(|charge| charge.kind == ChargeKind::Shipping) {
            let tax = if order.taxes_included { charge.tax().ok()? } else { Minor::ZERO };
            net = net.plus(charge.price().ok()?.minus(tax).ok()?).ok()?;
            taxes.extend(charge.taxes.iter().cloned());
        }
        Some((net, taxes))
    }

    /// Units of a line that a credit memo has given back: the next ones carry the next share.
    fn credited(&self, line: usize) -> u32 {
        self.refunded_units(line, |known| known.goods != Goods::Cancelled).saturating_sub(self.overtaken_credited(line))
    }

    fn overtaken_credited(&self, line: usize) -> u32 {
        let credits = self.standing_refunds().filter(|refund| refund.origin == RefundOrigin::Overtaken);
        let lines = credits.flat_map(|refund| &refund.lines).filter(|of| of.line == line);
        lines.map(|of| of.quantity).sum()
    }

    /// Units of a line that are paid back as cancelled, without those that left all the same.
    fn cancelled_and_paid(&self, line: usize) -> u32 {
        crate::cancel::refunded_as_cancelled(self, line).saturating_sub(self.overtaken_credited(line))
    }

    /// Cancelled units carry the last shares of a line, because invoices carry the first.
    fn tail(&self, index: usize, line: &Line, quantity: u32) -> Option<RefundLine> {
        self.last_shares((index, line), (self.cancelled_and_paid(index), quantity))
    }

    fn last_shares(&self, line: (usize, &Line), (before, quantity): (u32, u32)) -> Option<RefundLine> {
        let done = line.1.quantity.saturating_sub(before + quantity);
        self.refund_line(line, (done, quantity), Goods::Cancelled)
    }

    /// Gives the units that a storefront has paid back as not sent the value that they were sold for. What it has paid
    /// beyond that is an adjustment: it may have rounded another unit of the line up, or given something on top.
    pub(crate) fn value_as_sold(&self, refund: &mut Refund) -> Result<(), MoneyError> {
        let replaced: Vec<u32> = self.replaced_by(refund).map(|ours| ours.number).collect();
        let stays = self.standing_refunds().filter(|known| !replaced.contains(&known.number));
        let mut before: BTreeMap<usize, u32> = BTreeMap::new();
        for of in stays.flat_map(|known| &known.lines).filter(|of| of.goods == Goods::Cancelled) {
            *before.entry(of.line).or_default() += of.quantity;
        }
        for of in refund.lines.iter_mut().filter(|of| of.goods == Goods::Cancelled) {
            let paid = before.entry(of.line).or_default();
            let units = (paid.saturating_sub(self.overtaken_credited(of.line)), of.quantity);
            *paid += of.quantity;
            let Some(sold) = self.line(of.line).and_then(|line| self.last_shares((of.line, line), units)) else {
                continue;
            };
            refund.adjustment = refund.adjustment.plus(of.value()?.minus(sold.value()?)?)?;
            *of = sold;
        }
        Ok(())
    }

    /// Refunds of ours that are withdrawn because this one, which others have made, pays for the same units.
    fn replaced_by(&self, refund: &Refund) -> impl Iterator<Item = &Refund> {
        let mut told = self.clone();
        let (at, id, tenders) = (jiff::Timestamp::UNIX_EPOCH, String::new(), Vec::new());
        told.evolve(&Event::RefundRecorded { refund: refund.clone(), issued: IssuedRefund { id, at, tenders } }, at);
        self.refunds_to_issue().filter(move |ours| told.is_paid_by_others(ours))
    }

    fn refund_line(&self, (index, line): (usize, &Line), units: (u32, u32), goods: Goods) -> Option<RefundLine> {
        let (net, taxes) = self.share_of(line, units).ok()?;
        Some(RefundLine { line: index, quantity: units.1, goods, net, taxes })
    }

    /// Units `done..done + quantity` of a line, with their exact share of its amounts.
    pub(crate) fn share_of(&self, line: &Line, (done, quantity): (u32, u32)) -> Result<Share, MoneyError> {
        let included = self.accepted.as_ref().is_some_and(|accepted| accepted.fact.order.taxes_included);
        let net = if included { line.price()?.minus(line.tax()?)? } else { line.price()? };
        let taxes = line
            .taxes
            .iter()
            .map(|tax| TaxLine { amount: tax.amount.share(done, quantity, line.quantity), ..tax.clone() });
        Ok((net.share(done, quantity, line.quantity), taxes.collect()))
    }

    /// What units cost with tax.
    #[must_use]
    pub(crate) fn value_of_units(&self, lines: &[ReturnLine]) -> Option<Minor> {
        let values = lines.iter().map(|of| {
            let (net, taxes) = self.share_of(self.line(of.line)?, (0, of.quantity)).ok()?;
            Minor::sum(taxes.iter().map(|tax| tax.amount)).ok()?.plus(net).ok()
        });
        Minor::sum(values.collect::<Option<Vec<_>>>()?).ok()
    }

    /// Refunds of ours that the storefront does not have yet.
    pub fn refunds_to_issue(&self) -> impl Iterator<Item = &Refund> {
        let open = |refund: &&Refund| {
            !matches!(refund.origin, RefundOrigin::Overtaken | RefundOrigin::Storefront)
                && !self.reversals.issued.contains_key(&refund.number)
        };
        self.standing_refunds().filter(open)
    }

    /// Whether a refund of ours that was decided is still owed: what others have paid meanwhile is not paid twice.
    #[must_use]
    pub fn is_refund_still_owed(&self, number: u32) -> bool {
        let known = self.reversals.refunds.get(&number).map(|known| &known.fact);
        known.is_some_and(|refund| self.left_to_refund() >= Minor::ZERO && !self.is_paid_by_others(refund))
    }

    /// Whether more units were paid back than there were to pay back, those of this refund among them.
    fn is_paid_by_others(&self, refund: &Refund) -> bool {
        let over = |line: &RefundLine| {
            let units = self.refunded_units(line.line, |known| {
                (known.goods == Goods::Cancelled) == (line.goods == Goods::Cancelled)
            });
            let most = match line.goods {
                // What left all the same is no unit to pay back as not sent, unless it was and has been credited for it.
                Goods::Cancelled => self.cancelled(line.line) + self.overtaken_credited(line.line),
                Goods::Returned | Goods::Kept => self.ever_with_buyer(line.line),
            };
            let of_return = refund.of_return.filter(|_| line.goods != Goods::Cancelled);
            let paid_under_it = of_return.and_then(|of| self.reversals.returns.get(&of)).is_some_and(|known| {
                let number = known.fact.number;
                self.refunded_of_return(number, line.line) > self.asked(&known.fact, line.line)
            });
            units > most || paid_under_it
        };
        refund.lines.iter().any(over)
    }

    /// Whether the books may have a refund: all of its money has gone, or none was to go.
    #[must_use]
    pub(crate) fn is_settled(&self, refund: &Refund) -> bool {
        match self.reversals.issued.get(&refund.number) {
            Some(issued) => issued.fact.status() == RefundStatus::Succeeded,
            None => refund.origin == RefundOrigin::Overtaken,
        }
    }

    /// Everything that follows from the facts without anybody's doing, to be committed with the fact that it follows
    /// from; one at a time, until nothing follows any more.
    #[must_use]
    pub fn consequence(&self) -> Option<Vec<Event>> {
        self.accepted.as_ref().filter(|accepted| !accepted.fact.order.test)?;
        if self.reversals.cancellations.is_empty() && self.reversals.returns.is_empty() {
            return None;
        }
        if let Some(released) = crate::cancel::holds_ended_by_cancellation(self) {
            return Some(vec![released]);
        }
        if let Some(released) = crate::cancel::allocation_to_retry(self) {
            return Some(vec![released]);
        }
        if let Some(cancelled) = crate::cancel::taken_off_besides(self) {
            return Some(vec![cancelled]);
        }
        if let Some(back) = crate::cancel::overtaken_return(self) {
            let number = back.number;
            return Some(vec![Event::ReturnRequested(back), Event::ReturnAuthorized { number }]);
        }
        self.refund_due().map(|refund| vec![Event::RefundDecided(refund)])
    }
}

impl Refund {
    /// The sum of its parts.
    ///
    /// # Errors
    /// Overflow.
    pub fn sum(&self) -> Result<Minor, MoneyError> {
        let lines = Minor::sum(self.lines.iter().map(RefundLine::value).collect::<Result<Vec<_>, _>>()?)?;
        let taxes = Minor::sum(self.shipping_taxes.iter().map(|tax| tax.amount))?;
        Minor::sum([lines, self.shipping, taxes, self.overpaid, self.adjustment])
    }

    /// Shipping with its tax.
    ///
    /// # Errors
    /// Overflow.
    pub fn shipping_value(&self) -> Result<Minor, MoneyError> {
        Minor::sum(self.shipping_taxes.iter().map(|tax| tax.amount))?.plus(self.shipping)
    }

    /// What of it was never invoiced: the deposit pays it.
    ///
    /// # Errors
    /// Overflow.
    pub fn from_deposit(&self) -> Result<Minor, MoneyError> {
        let cancelled = self.lines.iter().filter(|line| line.goods == Goods::Cancelled).map(RefundLine::value);
        let mut amount = Minor::sum(cancelled.collect::<Result<Vec<_>, _>>()?)?.plus(self.overpaid)?;
        if self.shipping_unbilled {
            amount = amount.plus(self.shipping_value()?)?;
        }
        // A fee on nothing but cancelled units lowers what the deposit pays; a gift on top is a credit of its own.
        let only_cancelled = amount > Minor::ZERO && !self.lines.iter().any(|line| line.goods != Goods::Cancelled);
        if only_cancelled && self.adjustment < Minor::ZERO {
            amount = amount.plus(self.adjustment)?;
        }
        Ok(amount.min(self.total))
    }

    /// What of it a credit memo gives back.
    ///
    /// # Errors
    /// Overflow.
    pub fn by_credit(&self) -> Result<Minor, MoneyError> {
        self.total.minus(self.from_deposit()?)
    }

    /// Its units by line.
    pub fn units(&self) -> impl Iterator<Item = LineQuantity> {
        self.lines.iter().map(|line| LineQuantity { line: line.line, quantity: line.quantity })
    }
}

impl RefundLine {
    /// Amount with tax.
    ///
    /// # Errors
    /// Overflow.
    pub fn value(&self) -> Result<Minor, MoneyError> {
        Minor::sum(self.taxes.iter().map(|tax| tax.amount))?.plus(self.net)
    }
}

/// Whether a return that nobody asked for waits for somebody's word.
pub(crate) fn waits_for_word(known: &Return) -> bool {
    known.resolution == Resolution::Undecided
}

/// Money that a shop says it has paid back: for a refund that was decided here, by its number, or by its own decision.
///
/// # Errors
/// There is no such refund, it is paid already, the amount is another, or the shop is asked by us and not the other way.
pub fn record_payment(order: &Order, number: Option<u32>, issued: &IssuedRefund) -> Result<Decision, Vec<Reason>> {
    let refuse = |code, detail: &str| Err(vec![Reason::new(code, detail)]);
    if order.accepted.as_ref().is_some_and(|accepted| accepted.fact.routes.storefront.is_some()) {
        return refuse("storefront", "this order's storefront is connected: what it pays back is read from there");
    }
    if order.reversals.issued.iter().any(|(own, known)| known.fact.id == issued.id && Some(*own) != number) {
        return refuse("known", "this transaction was told before");
    }
    let paid = Minor::sum(issued.tenders.iter().map(|tender| tender.amount)).unwrap_or_default();
    let Some(number) = number else {
        let mut refund = order.blank(RefundOrigin::Storefront, Vec::new());
        order.explain(&mut refund, paid);
        refund.total = paid;
        return Ok(Event::RefundRecorded { refund, issued: issued.clone() }.into());
    };
    let Some(refund) = order.standing_refunds().find(|refund| refund.number == number) else {
        return refuse("unknown_refund", "the order owes no refund of this number");
    };
    if refund.total != paid {
        let detail = format!("refund {number} is of {} minor units", refund.total.get());
        return Err(vec![Reason::new("amount", detail)]);
    }
    match order.reversals.issued.get(&number) {
        Some(known) if known.fact.status() == RefundStatus::Succeeded => refuse("known", "the refund is paid already"),
        Some(_) | None => Ok(Event::RefundIssued { number, issued: issued.clone() }.into()),
    }
}
