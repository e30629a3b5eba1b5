//! What a storefront's own sales ledger says has become of an order: edits, cancellation, refunds and returns, each
//! with the identity that it has there. Read as a whole, so that it does not matter which message said that there is
//! something new, or in which order messages came.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::cancel::{Units, cancelled_at_storefront, issued_as_cancelled, overtaken_return};
use crate::canonical::{Line, TaxLine, Tender, TenderStatus};
use crate::event::{Decision, Event, Hold, HoldCode};
use crate::included::{Included, included};
use crate::money::Minor;
use crate::order::Order;
use crate::outstanding::{TaskId, TaskKind};
use crate::reversals::{
    CancelledBy, Edit, Goods, IssuedRefund, Refund, RefundLine, RefundOrigin, RefusedChange, Resolution, Return,
    ReturnLine, ReturnSource, next,
};

/// Everything that was agreed on an order since it was placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalesReport {
    /// When the storefront last changed the order.
    pub version: Timestamp,
    /// Whether, and since when, the whole order is cancelled there.
    pub cancelled: Option<ToldCancellation>,
    /// Units that are still on the order, by the storefront's identity of the line: ordered, less removed, less
    /// refunded.
    pub current: Vec<(String, u32)>,
    /// Units that the storefront still expects to be sent, by its identity of the line. Of a line that is not named
    /// nothing is known.
    pub unfulfilled: Vec<(String, u32)>,
    /// Payments that have arrived, oldest first.
    pub payments: Vec<ToldPayment>,
    /// Edits, oldest first.
    pub edits: Vec<ToldEdit>,
    /// Refunds, oldest first.
    pub refunds: Vec<ToldRefund>,
    /// Returns, oldest first.
    pub returns: Vec<ToldReturn>,
}

/// A cancellation at the storefront.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldCancellation {
    /// When.
    pub at: Timestamp,
    /// The storefront's word for the reason, in lower case: `customer`, `inventory`, `fraud`, `declined`, `staff`,
    /// `other`.
    pub reason: String,
}

/// One payment by the buyer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldPayment {
    /// Its identity at the storefront.
    pub id: String,
    /// Through whom it came; names the clearing (or, for stored value, the liability) account.
    pub gateway: String,
    /// How much.
    pub amount: Minor,
    /// When: the posting date of the deposit.
    pub at: Timestamp,
}

/// One edit of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldEdit {
    /// Its identity at the storefront.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// Units that were added, with their price and tax; a line that was there before keeps its identity.
    pub added: Vec<Line>,
    /// Units that were taken off, by line identity.
    pub removed: Vec<(String, u32)>,
    /// What the edit changed beside units (a discount, shipping), in the storefront's words; empty when nothing.
    pub other: Vec<String>,
}

/// What becomes of refunded units, as the storefront was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restock {
    /// They had not left and are taken off the order.
    Cancel,
    /// They come back, or came back.
    Return,
    /// Nothing is said of the goods: they had left and stay with the buyer, or they had not and are taken off. Which,
    /// the units tell that the storefront still expects to be sent.
    Nothing,
}

/// One refund, with its amounts from the sales ledger. All amounts are what the buyer gets: positive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldRefund {
    /// Its identity at the storefront.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// Our reference, where it is a refund of ours.
    pub reference: Option<String>,
    /// The storefront's return that it settles.
    pub return_id: Option<String>,
    /// Refunded units with their amounts.
    pub lines: Vec<ToldRefundLine>,
    /// Refunded shipping without tax.
    pub shipping: Minor,
    /// Taxes of refunded shipping.
    pub shipping_taxes: Vec<TaxLine>,
    /// What else was given back (or, below zero, kept back): goodwill, fees, differences. Carries no tax.
    pub adjustment: Minor,
    /// The money.
    pub tenders: Vec<RefundTender>,
}

/// Refunded units of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldRefundLine {
    /// The storefront's identity of the line.
    pub line_id: String,
    /// Units.
    pub quantity: u32,
    /// What becomes of them.
    pub restock: Restock,
    /// Amount without tax.
    pub net: Minor,
    /// Its taxes.
    pub taxes: Vec<TaxLine>,
}

/// Whether a refund's money has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    /// It has.
    Succeeded,
    /// Under way.
    Pending,
    /// It has not, and will not.
    Failed,
}

/// One payment back to the buyer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RefundTender {
    /// Its identity at the storefront.
    pub id: String,
    /// Through whom; names the clearing (or, for gift cards and store credit, the liability) account.
    pub gateway: String,
    /// How much, in the order's currency.
    pub amount: Minor,
    /// Whether it has gone.
    pub status: RefundStatus,
}

/// How far a return at the storefront has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToldReturnStatus {
    /// The buyer asks for it; nobody has agreed.
    Requested,
    /// Agreed, under way.
    Open,
    /// Settled.
    Closed,
    /// Refused.
    Declined,
    /// Called off.
    Cancelled,
}

/// One return at the storefront.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldReturn {
    /// Its identity there.
    pub id: String,
    /// How far it has got.
    pub status: ToldReturnStatus,
    /// Line identity, units, and the storefront's word for the reason in lower case.
    pub lines: Vec<(String, u32, String)>,
    /// Units that the buyer gets instead, with price and tax.
    pub exchange: Vec<Line>,
}

/// Records what a storefront's sales ledger says that is not known yet. What happened there is recorded as it is;
/// what follows from it, the order's own rules say.
#[must_use]
pub fn record_sales(order: &Order, report: &SalesReport, changes: u32) -> Decision {
    let unfulfilled = report.unfulfilled.iter().cloned().collect();
    let mut reading =
        Reading { order: order.clone(), events: Vec::new(), at: report.version, added: false, unfulfilled };
    reading.edits(&report.edits, included(order, report));
    reading.payments(&report.payments);
    reading.hold_unless_paid();
    reading.returns(&report.returns);
    reading.refunds(&report.refunds);
    reading.cancellation(report.cancelled.as_ref());
    reading.withdraw("others have paid it back meanwhile", |order, refund| !order.is_refund_still_owed(refund.number));
    reading.say(Event::SalesRead { changes });
    reading.events.into()
}

/// Whether a report shows everything that the storefront has told us of so far; if not, it was read too early.
#[must_use]
pub fn shows_all(order: &Order, report: &SalesReport) -> bool {
    let told = order.reversals.changes.iter().filter_map(|what| what.strip_prefix("refund:"));
    told.into_iter().all(|id| report.refunds.iter().any(|refund| refund.id == id))
}

/// A report on its way into the log: each fact is decided on the order as the ones before it leave it.
struct Reading {
    order: Order,
    events: Vec<Event>,
    at: Timestamp,
    /// Whether units were added.
    added: bool,
    /// Units that the storefront still expects to be sent.
    unfulfilled: BTreeMap<String, u32>,
}

impl Reading {
    fn say(&mut self, event: Event) {
        self.order.evolve(&event, self.at);
        self.events.push(event);
    }

    fn edits(&mut self, edits: &[ToldEdit], included: Included) {
        for (place, edit) in edits.iter().enumerate().skip(included.whole) {
            self.removed(edit);
            if place >= included.additions {
                self.added(&edit.id, &edit.added);
            }
            let id = format!("{}:other", edit.id);
            if !edit.other.is_empty() && !self.knows_change(&id) {
                let detail = format!("the storefront has changed {}", edit.other.join(", "));
                self.say(Event::OrderHeld { holds: vec![Hold::new(HoldCode::ChangedAtStorefront, detail)] });
                self.say(Event::OrderEdited(Edit { id, lines: Vec::new() }));
            }
        }
    }

    /// Money that arrived since the order was accepted. An order tells its payments as one sum under a name of its own:
    /// what the ledger shows beyond such sums is new.
    fn payments(&mut self, payments: &[ToldPayment]) {
        let named = |id: &str| payments.iter().any(|payment| payment.id == id);
        let known: Vec<(String, Minor)> =
            self.order.captured_tenders().map(|(_, tender)| (tender.id.clone(), tender.amount)).collect();
        let sums = known.iter().filter(|(id, _)| !named(id)).map(|(_, amount)| *amount);
        let mut covered = Minor::sum(sums).unwrap_or_default();
        for payment in payments.iter().filter(|payment| !known.iter().any(|(id, _)| *id == payment.id)) {
            let told = covered.min(payment.amount);
            covered = covered.minus(told).unwrap_or_default();
            let amount = payment.amount.minus(told).unwrap_or_default();
            if amount > Minor::ZERO {
                let tenders = self.order.tenders();
                let promised = |(_, tender): &(&u32, &&Tender)| tender.status == TenderStatus::Pending;
                let number = tenders.iter().find(promised).map_or_else(|| next(&tenders), |(number, _)| *number);
                let (id, gateway, at) = (payment.id.clone(), payment.gateway.clone(), payment.at);
                let tender = Tender { id, gateway, status: TenderStatus::Captured, amount, at };
                self.say(Event::TenderCaptured { number, tender });
            }
        }
        if self.order.holds.contains_key(&HoldCode::Unpaid) && self.order.is_paid() {
            self.say(Event::OrderReleased { codes: vec![HoldCode::Unpaid] });
        }
    }

    fn knows_change(&self, id: &str) -> bool {
        let reversals = &self.order.reversals;
        reversals.edits.iter().any(|known| known.fact.id == id) || reversals.refused_changes.contains_key(id)
    }

    /// Units that an edit has taken off: cancelled, by their difference to what is known to be off already.
    fn removed(&mut self, edit: &ToldEdit) {
        let id = format!("{}:removed", edit.id);
        if edit.removed.is_empty() || self.knows_change(&id) {
            return;
        }
        let mut left = edit.removed.clone();
        for (line, units) in &mut left {
            *units -= self.never_sent(line, *units);
        }
        let units = self.taken_off(&left);
        if let Some(cancelled) = cancelled_at_storefront(&self.order, EDITED, &units) {
            self.say(cancelled);
        }
        self.say(Event::OrderEdited(Edit { id, lines: Vec::new() }));
    }

    /// Units that are not to be delivered any more. What has left by the time that we hear of it comes back: it is
    /// cancelled too late. What was cancelled here, and is not off the order there yet, is not meant twice.
    fn taken_off(&self, told: &[(String, u32)]) -> Units {
        let order = &self.order;
        let (mut units, mut known) = (Units::new(), Units::new());
        for (line, quantity) in told {
            let left = order.spread((line, *quantity), |index| order.cancellable(index), &mut units);
            let left = order.spread((line, left), |index| order.unpaid_cancelled(index), &mut known);
            order.spread((line, left), |index| order.cancellable(index) + order.leaving(index), &mut units);
        }
        units
    }

    /// Units that were added too late and are taken off again before anybody sent them; gives back how many.
    fn never_sent(&mut self, line_id: &str, units: u32) -> u32 {
        let refused: Vec<RefusedChange> =
            self.order.reversals.refused_changes.values().map(|known| known.fact.clone()).collect();
        let mut left = units;
        for mut change in refused {
            let before = left;
            for line in change.lines.iter_mut().filter(|line| line.id == line_id) {
                left -= take_units(line, left);
            }
            change.lines.retain(|line| line.quantity > 0);
            if left < before && change.lines.is_empty() {
                self.say(Event::OrderEdited(Edit { id: change.id, lines: Vec::new() }));
            } else if left < before {
                self.say(Event::ChangeRefused(change));
            }
        }
        units - left
    }

    /// Added units are taken over until a part of the order is with the 3PL; after that somebody has to say.
    fn added(&mut self, id: &str, lines: &[Line]) {
        if lines.is_empty() || self.knows_change(id) {
            return;
        }
        if self.order.fulfillments.is_empty() && self.order.shipments.is_empty() {
            self.say(Event::OrderEdited(Edit { id: id.to_owned(), lines: lines.to_vec() }));
            self.added = true;
        } else {
            let units: u32 = lines.iter().map(|line| line.quantity).sum();
            let reason = format!(
                "{units} units were added after the order went to the 3PL: once they are paid, retry to send them \
                 after it, or take them off at the storefront"
            );
            self.say(Event::ChangeRefused(RefusedChange { id: id.to_owned(), reason, lines: lines.to_vec() }));
        }
    }

    /// What was added has to be paid before it leaves.
    fn hold_unless_paid(&mut self) {
        let (Ok(due), Ok(paid)) = (self.order.amount_due(), self.order.paid_for_it()) else { return };
        if self.added && due > paid && !self.order.holds.contains_key(&HoldCode::Unpaid) {
            let (paid, due) = (self.order.written(paid.get()), self.order.written(due.get()));
            let detail = format!("{paid} of {due} are paid since the order was edited");
            self.say(Event::OrderHeld { holds: vec![Hold::new(HoldCode::Unpaid, detail)] });
        }
    }

    fn cancellation(&mut self, told: Option<&ToldCancellation>) {
        let Some(told) = told else { return };
        if self.order.reversals.storefront_cancelled.is_some() || self.order.is_cancelled_at_storefront() {
            return;
        }
        // What has left without the storefront's knowing comes back.
        let order = &self.order;
        let known = |index: usize| order.announced(index) + order.in_return(index);
        let late = |index: usize| order.leaving(index).saturating_sub(known(index));
        let units: Units = order.goods().map(|(index, _)| (index, order.cancellable(index) + late(index))).collect();
        if let Some(cancelled) = cancelled_at_storefront(&self.order, &told.reason, &units) {
            self.say(cancelled);
        }
        self.say(Event::OrderEdited(Edit { id: CANCELLED.into(), lines: Vec::new() }));
        // Its lines are gone there: what they cost is asked for anew, without them.
        let names_lines = |_: &Order, refund: &Refund| refund.lines.iter().any(|line| line.goods == Goods::Cancelled);
        self.withdraw("the storefront has cancelled the order", names_lines);
    }

    /// Takes back decisions of ours to pay that nobody is carrying out just now.
    fn withdraw(&mut self, reason: &str, which: impl Fn(&Order, &Refund) -> bool) {
        let order = self.order.clone();
        let is_under_way = |refund: &Refund| {
            let task = TaskId { kind: TaskKind::IssueRefund, document: format!("R{}", refund.number) };
            order.claims.contains_key(&task) && !order.parked.contains_key(&task)
        };
        for refund in order.refunds_to_issue().filter(|refund| !is_under_way(refund) && which(&order, refund)) {
            self.say(Event::RefundWithdrawn { number: refund.number, reason: reason.to_owned() });
        }
    }

    fn returns(&mut self, returns: &[ToldReturn]) {
        for told in returns {
            let source = ReturnSource::Storefront(told.id.clone());
            let known = self.order.reversals.returns.values().find(|known| known.fact.source == source);
            let number = match known.map(|known| known.fact.number) {
                Some(number) => number,
                None => match self.return_told(told, source) {
                    Some(number) => number,
                    None => continue,
                },
            };
            self.return_status(number, told);
            if told.status == ToldReturnStatus::Open || told.status == ToldReturnStatus::Closed {
                self.exchange(&told.id, &told.exchange);
            }
        }
    }

    fn return_told(&mut self, told: &ToldReturn, source: ReturnSource) -> Option<u32> {
        let mut lines = Vec::new();
        let mut taken = Units::new();
        for (line_id, quantity, reason) in &told.lines {
            let before = taken.clone();
            self.order.spread((line_id, *quantity), |index| self.order.ordered(index), &mut taken);
            lines.extend(taken.iter().filter_map(|(line, units)| {
                let quantity = units - before.get(line).copied().unwrap_or(0);
                (quantity > 0).then(|| ReturnLine { line: *line, quantity, reason: reason.clone() })
            }));
        }
        let number = next(&self.order.reversals.returns);
        let approval = (told.status == ToldReturnStatus::Requested)
            .then(|| "the buyer asks for it: approve or decline it at the storefront".to_owned());
        (!lines.is_empty()).then(|| {
            self.say(Event::ReturnRequested(Return {
                number,
                source,
                lines,
                resolution: Resolution::Refund,
                expects_goods: true,
                approval,
                request_hash: None,
            }));
            number
        })
    }

    fn return_status(&mut self, number: u32, told: &ToldReturn) {
        let (authorized, closed) = {
            let reversals = &self.order.reversals;
            (reversals.authorized.contains_key(&number), reversals.closed.contains_key(&number))
        };
        match told.status {
            ToldReturnStatus::Requested => {}
            ToldReturnStatus::Open if !authorized => self.say(Event::ReturnAuthorized { number }),
            // Settled there, whoever did it: the goods are still waited for.
            ToldReturnStatus::Closed if !authorized => self.say(Event::ReturnAuthorized { number }),
            ToldReturnStatus::Open | ToldReturnStatus::Closed => {}
            ToldReturnStatus::Declined | ToldReturnStatus::Cancelled if !closed => {
                let word = if told.status == ToldReturnStatus::Declined { "declined" } else { "called off" };
                self.say(Event::ReturnClosed { number, reason: format!("{word} at the storefront") });
            }
            ToldReturnStatus::Declined | ToldReturnStatus::Cancelled => {}
        }
    }

    /// Units that the buyer gets instead: new lines of the order, paid by the credit of what comes back.
    fn exchange(&mut self, of_return: &str, lines: &[Line]) {
        let id = format!("{EXCHANGE}{of_return}");
        if !lines.is_empty() && !self.knows_change(&id) {
            self.say(Event::OrderEdited(Edit { id, lines: lines.to_vec() }));
        }
    }

    fn refunds(&mut self, refunds: &[ToldRefund]) {
        for (place, told) in refunds.iter().enumerate() {
            let issued = IssuedRefund { id: told.id.clone(), at: told.at, tenders: told.tenders.clone() };
            let known = self.order.reversals.issued.iter().find(|(_, known)| known.fact.id == told.id);
            if let Some((number, known)) = known {
                if known.fact.tenders != issued.tenders && !is_older(&issued, &known.fact) {
                    self.say(Event::RefundIssued { number: *number, issued });
                }
            } else if self.order.reversals.told_refunds.contains(&told.id) {
                // It failed, and was paid another way since then.
            } else if let Some(number) = self.order.own_refund(told).or_else(|| self.order.makes_good(&issued)) {
                self.say(Event::RefundIssued { number, issued });
            } else {
                self.by_hand(refunds.get(place..).unwrap_or_default(), issued);
            }
        }
    }

    /// A refund that somebody made at the storefront, the first of these: recorded as it is.
    fn by_hand(&mut self, refunds: &[ToldRefund], issued: IssuedRefund) {
        let Some(told) = refunds.first() else { return };
        let off = self.off_by_refund(refunds);
        if let Some(cancelled) = cancelled_at_storefront(&self.order, "refund", &self.off_units(told, &off)) {
            self.say(cancelled);
            self.expect_what_left();
        }
        let lines = if told.lines.is_empty() { self.overtaken_lines(told) } else { self.refund_lines(told, &off) };
        let of_return = self.return_of(told, &lines);
        let (shipping, shipping_taxes) = (told.shipping, told.shipping_taxes.clone());
        let mut refund = Refund {
            number: next(&self.order.reversals.refunds),
            origin: RefundOrigin::Storefront,
            of_return,
            lines,
            shipping,
            shipping_taxes,
            shipping_unbilled: told.shipping != Minor::ZERO && self.order.is_cancelled(),
            overpaid: Minor::ZERO,
            adjustment: told.adjustment,
            total: Minor::ZERO,
        };
        let as_told = refund.clone();
        if self.order.value_as_sold(&mut refund).is_err() {
            refund = as_told;
        }
        let named = refund.sum().unwrap_or_default();
        let paid = Minor::sum(issued.tenders.iter().map(|tender| tender.amount)).unwrap_or_default();
        // What was not paid out stays the buyer's credit.
        self.order.explain(&mut refund, paid.minus(named).unwrap_or_default());
        refund.total = named.max(paid);
        self.say(Event::RefundRecorded { refund, issued });
    }

    /// A refund that names no units, and pays for units that left although they were taken off the order.
    fn overtaken_lines(&mut self, told: &ToldRefund) -> Vec<RefundLine> {
        let paid = Minor::sum(told.tenders.iter().map(|tender| tender.amount)).unwrap_or_default();
        if told.return_id.is_some() || told.shipping != Minor::ZERO || told.adjustment != Minor::ZERO {
            return Vec::new();
        }
        let lines = self.order.overtaken_units(paid);
        if !lines.is_empty() {
            self.expect_what_left();
        }
        lines
    }

    /// What has left although it was taken off is to come back: the refund of it is for that return.
    fn expect_what_left(&mut self) {
        if let Some(back) = overtaken_return(&self.order) {
            let number = back.number;
            self.say(Event::ReturnRequested(back));
            self.say(Event::ReturnAuthorized { number });
        }
    }

    /// Which units a refund has taken off what is to be sent. Where the storefront does not say what it expects to be sent,
    /// and not that it has cancelled the units, those that have left are none of them.
    fn off_units(&self, told: &ToldRefund, off: &[u32]) -> Units {
        let (mut surely, mut perhaps) = (Vec::new(), Vec::new());
        for (line, units) in told.lines.iter().zip(off) {
            let is_sure = line.restock == Restock::Cancel || self.unfulfilled.contains_key(&line.line_id);
            let of = if is_sure { &mut surely } else { &mut perhaps };
            of.push((line.line_id.clone(), *units));
        }
        let mut units = self.taken_off(&surely);
        for (line, quantity) in &perhaps {
            self.order.spread((line, *quantity), |index| self.order.cancellable(index), &mut units);
        }
        units
    }

    /// How many units of each line the first of these refunds takes off what is to be sent.
    fn off_by_refund(&self, refunds: &[ToldRefund]) -> Vec<u32> {
        let Some(told) = refunds.first() else { return Vec::new() };
        let mut done: BTreeMap<&str, u32> = BTreeMap::new();
        let mut off = Vec::new();
        for line in &told.lines {
            let before = done.entry(&line.line_id).or_default();
            let units = match line.restock {
                Restock::Cancel => line.quantity,
                Restock::Return => 0,
                Restock::Nothing => {
                    let gone = self.gone_from_plan(&line.line_id, refunds).map(|gone| gone.saturating_sub(*before));
                    line.quantity.min(gone.unwrap_or(line.quantity))
                }
            };
            if line.restock == Restock::Nothing {
                *before += units;
            }
            off.push(units);
        }
        off
    }

    /// Units of a line that the storefront does not expect to be sent any more, and of which no fact and no cancelling
    /// line of these refunds says so. `None` where it does not say what it expects.
    fn gone_from_plan(&self, line_id: &str, refunds: &[ToldRefund]) -> Option<u32> {
        let open = self.unfulfilled.get(line_id)?;
        let is_new = |refund: &&ToldRefund| !self.order.reversals.told_refunds.contains(&refund.id);
        let lines = refunds.iter().filter(is_new).flat_map(|refund| &refund.lines);
        let cancelling = lines.filter(|line| line.line_id == line_id && line.restock == Restock::Cancel);
        let named: u32 = cancelling.map(|line| line.quantity).sum();
        let expected: u32 = self.order.positions_of(line_id).map(|index| self.order.expected_there(index)).sum();
        Some(expected.saturating_sub(named + open))
    }

    /// What the refunded units are, for the books: those that had not left, and are off now, come out of the deposit. What
    /// the storefront takes for not sent and has left all the same will be, or was, invoiced: it is to come back.
    fn refund_lines(&self, told: &ToldRefund, off: &[u32]) -> Vec<RefundLine> {
        let mut lines: Vec<RefundLine> = Vec::new();
        for (line, taken_off) in told.lines.iter().zip(off) {
            let most = |index: usize| {
                let here = lines.iter().filter(|of| of.line == index && of.goods == Goods::Cancelled);
                self.order.unpaid_cancelled(index).saturating_sub(here.map(|of| of.quantity).sum())
            };
            // What is still to be sent, and paid back already, the buyer keeps when it comes.
            let stays = line.restock == Restock::Nothing && self.unfulfilled.contains_key(&line.line_id);
            let has_left = |index: usize| {
                let all = stays || line.restock == Restock::Return;
                if all { self.order.ordered(index) } else { self.order.gone(index) }
            };
            let (mut off, mut gone) = (Units::new(), Units::new());
            let left = self.order.spread((&line.line_id, *taken_off), most, &mut off);
            let left = left + line.quantity.saturating_sub(*taken_off);
            let left = self.order.spread((&line.line_id, left), has_left, &mut gone);
            // Nothing comes back that never left.
            self.order.spread((&line.line_id, left), |index| self.order.ordered(index), &mut off);
            let goods = if line.restock == Restock::Nothing { Goods::Kept } else { Goods::Returned };
            // What was not sent carries the last shares, because invoices carry the first.
            let gone = gone.into_iter().map(|part| (part, goods));
            lines.extend(shares(line, gone.chain(off.into_iter().map(|part| (part, Goods::Cancelled)))));
        }
        lines
    }

    /// The return that a refund settles: the storefront's own, one of ours that waits for these units, or a new one
    /// for goods that are refunded before they are back. What we have only decided, others may pay first.
    fn return_of(&mut self, told: &ToldRefund, lines: &[RefundLine]) -> Option<u32> {
        let returned: Vec<&RefundLine> = lines.iter().filter(|line| line.goods == Goods::Returned).collect();
        let source = told.return_id.as_ref().map(|id| ReturnSource::Storefront(id.clone()));
        let by_source = self.order.reversals.returns.values().find(|known| Some(&known.fact.source) == source.as_ref());
        if let Some(known) = by_source {
            return Some(known.fact.number);
        }
        if returned.is_empty() {
            return None;
        }
        let waits = |known: &&Return| {
            returned.iter().all(|line| {
                let open = self.order.asked(known, line.line);
                open.saturating_sub(self.order.paid_of_return(known.number, line.line)) >= line.quantity
            })
        };
        let expecting = || self.order.authorized_returns().filter(|known| known.expects_goods);
        let concerned = |known: &&Return| returned.iter().any(|of| self.order.asked(known, of.line) > 0);
        let lines = self.not_in_return(&returned);
        let none_left = || expecting().find(concerned).filter(|_| lines.is_empty());
        if let Some(known) = expecting().find(waits).or_else(none_left) {
            return Some(known.number);
        }
        let whole = || {
            let line =
                |of: &&RefundLine| ReturnLine { line: of.line, quantity: of.quantity, reason: "refunded".into() };
            returned.iter().map(line).collect()
        };
        let lines = if lines.is_empty() { whole() } else { lines };
        let number = next(&self.order.reversals.returns);
        self.say(Event::ReturnRequested(Return {
            number,
            source: ReturnSource::Refund(told.id.clone()),
            lines,
            resolution: Resolution::Refund,
            expects_goods: true,
            approval: None,
            request_hash: None,
        }));
        self.say(Event::ReturnAuthorized { number });
        Some(number)
    }
}

impl Reading {
    /// Refunded units that no other return expects: no unit comes back twice.
    fn not_in_return(&self, returned: &[&RefundLine]) -> Vec<ReturnLine> {
        let mut taken = Units::new();
        let mut lines = Vec::new();
        for of in returned {
            let before = taken.entry(of.line).or_default();
            let leaves = self.order.wanted(of.line).max(self.order.shipped(of.line));
            let quantity = of.quantity.min(leaves.saturating_sub(self.order.in_return(of.line) + *before));
            *before += quantity;
            if quantity > 0 {
                lines.push(ReturnLine { line: of.line, quantity, reason: "refunded".into() });
            }
        }
        lines
    }
}

/// Whether what is told of a refund was read before what is known of it: a payment back that has gone, or failed, is not
/// under way again.
fn is_older(told: &IssuedRefund, known: &IssuedRefund) -> bool {
    told.tenders.iter().any(|of| {
        let same = known.tenders.iter().find(|tender| tender.id == of.id);
        of.status == RefundStatus::Pending && same.is_some_and(|tender| tender.status != RefundStatus::Pending)
    })
}

/// Takes units off an added line, with their share of its amounts; gives back how many.
fn take_units(line: &mut Line, most: u32) -> u32 {
    let (taken, whole) = (most.min(line.quantity), line.quantity);
    let left = whole - taken;
    line.discount = line.discount.share(0, left, whole);
    for tax in &mut line.taxes {
        tax.amount = tax.amount.share(0, left, whole);
    }
    line.quantity = left;
    taken
}

/// What begins the name of the change under which an exchange's new lines are remembered.
const EXCHANGE: &str = "return:";

/// Spreads a refunded line's amounts over what its units are: together they are what the storefront said.
fn shares(line: &ToldRefundLine, parts: impl Iterator<Item = ((usize, u32), Goods)>) -> Vec<RefundLine> {
    let mut done = 0;
    let part = |((index, quantity), goods)| {
        let share = |amount: Minor| amount.share(done, quantity, line.quantity);
        let taxes = line.taxes.iter().map(|tax| TaxLine { amount: share(tax.amount), ..tax.clone() }).collect();
        let part = RefundLine { line: index, quantity, goods, net: share(line.net), taxes };
        done += quantity;
        part
    };
    parts.map(part).collect()
}

/// The reason of a cancellation that is an edit.
const EDITED: &str = "edit";

/// The change under which a cancellation at the storefront is remembered.
const CANCELLED: &str = "cancelled";

impl Order {
    /// Whether the storefront itself has cancelled the order.
    #[must_use]
    pub fn is_cancelled_at_storefront(&self) -> bool {
        self.reversals.edits.iter().any(|known| known.fact.id == CANCELLED)
    }

    /// Units of a refund of ours that the storefront still has on a line, so that they can be named to it. Of all others
    /// only the money can go back there.
    #[must_use]
    pub fn named_at_storefront(&self, refund: &Refund, line: &RefundLine) -> u32 {
        if self.is_off_at_storefront(refund, line) {
            return 0;
        }
        let units =
            |of: &Refund| of.lines.iter().filter(|other| other.line == line.line).map(|other| other.quantity).sum();
        let is_other = |of: &&Refund| of.number != refund.number && self.reversals.issued.contains_key(&of.number);
        let (mut room, mut unpaid) = (self.ordered(line.line), BTreeMap::new());
        for of in self.reversals.refunds.values().map(|known| &known.fact).filter(is_other) {
            // What a refund has named stays refunded there, although its payment has failed; a later one pays it by amount.
            let open: &mut u32 = unpaid.entry((of.origin, of.of_return)).or_default();
            let by_amount = (*open).min(units(of));
            let named = (units(of) - by_amount).min(room);
            room -= named;
            *open -= by_amount;
            if self.has_failed(of.number) {
                *open += units(of);
            }
        }
        let unpaid = unpaid.get(&(refund.origin, refund.of_return)).copied().unwrap_or(0);
        line.quantity.saturating_sub(unpaid).min(room)
    }

    /// Refunds of ours for the same that the storefront has had before.
    fn issued_before<'a>(&'a self, refund: &'a Refund) -> impl Iterator<Item = &'a Refund> {
        let before = self.reversals.refunds.range(..refund.number).map(|(_, known)| &known.fact);
        let is_same = |of: &&Refund| (of.origin, of.of_return) == (refund.origin, refund.of_return);
        before.filter(is_same).filter(|of| self.reversals.issued.contains_key(&of.number))
    }

    /// Whether the storefront has given the shipping back already, by a refund whose payment has failed.
    #[must_use]
    pub fn is_shipping_off_at_storefront(&self, refund: &Refund) -> bool {
        self.issued_before(refund).any(|of| self.has_failed(of.number) && of.shipping != Minor::ZERO)
    }

    /// Whether the storefront has these units of a refund on no line any more: it has cancelled the order, or taken them
    /// off before it heard that they had left.
    fn is_off_at_storefront(&self, refund: &Refund, line: &RefundLine) -> bool {
        let of_return = refund.of_return.and_then(|number| self.reversals.returns.get(&number));
        let too_late = of_return.is_some_and(|known| known.fact.source == ReturnSource::Cancellation);
        let theirs = || self.cancellation_asked(line.line, |by| !by.refunded_by_us()) > 0;
        self.is_cancelled_at_storefront() || (too_late && theirs())
    }

    /// What the storefront is asked to pay out of a refund of ours. What it kept for an exchange when it settled the return,
    /// it has kept, although the payment of the rest has failed: that is not paid with the next try.
    #[must_use]
    pub fn to_pay_out(&self, refund: &Refund) -> Minor {
        let is_named = |line: &RefundLine| self.named_at_storefront(refund, line) == line.quantity;
        let failed = self.issued_before(refund).filter(|of| self.has_failed(of.number)).last();
        let Some(failed) = failed.filter(|_| !refund.lines.iter().all(is_named)) else { return refund.total };
        let kept = failed.total.minus(self.paid_by(failed)).unwrap_or_default().max(Minor::ZERO);
        refund.total.minus(kept).unwrap_or_default().max(Minor::ZERO)
    }

    /// A refund that had failed and that this one pays instead: of the same amount.
    fn makes_good(&self, issued: &IssuedRefund) -> Option<u32> {
        let paid = Minor::sum(issued.tenders.iter().map(|tender| tender.amount)).ok()?;
        let failed = self.failed_refunds().find(|refund| self.paid_by(refund) == paid);
        failed.filter(|_| issued.status() != RefundStatus::Failed).map(|refund| refund.number)
    }

    /// Cancelled units of a line that the storefront can still refund: what we have only decided, others may pay first;
    /// what an edit has taken off is no part of any line there.
    fn unpaid_cancelled(&self, line: usize) -> u32 {
        let edits = self.reversals.cancellations.values().filter(|known| known.fact.reason == EDITED);
        let removed = edits.flat_map(|known| &known.fact.lines).filter(|of| of.line == line);
        let removed: u32 = removed.map(|of| of.quantity).sum();
        self.cancelled(line).saturating_sub(issued_as_cancelled(self, line, |_| true) + removed)
    }

    /// Units of a line that the storefront expects to be sent, as far as we know: neither told of as sent, nor taken off
    /// there, by it or by us.
    fn expected_there(&self, line: usize) -> u32 {
        let theirs = self.cancellation_asked(line, |by| by == CancelledBy::Storefront);
        let ours = issued_as_cancelled(self, line, |refund| refund.origin == RefundOrigin::Cancellation);
        self.ordered(line).saturating_sub(self.announced(line) + theirs + ours)
    }

    /// Our refund that a refund at the storefront is, by the reference that it carries.
    fn own_refund(&self, told: &ToldRefund) -> Option<u32> {
        let reference = told.reference.as_deref()?;
        let ours = |number: &&u32| self.reference(&format!("R{number}")).as_deref() == Some(reference);
        self.reversals.refunds.keys().find(ours).copied()
    }

    /// Whether as much has arrived as the order costs.
    #[must_use]
    pub fn is_paid(&self) -> bool {
        matches!((self.amount_due(), self.paid_for_it()), (Ok(due), Ok(paid)) if paid >= due)
    }

    /// What the order costs now: as accepted, with what was added, without what was cancelled. What comes in exchange
    /// is paid by the credit of what goes back.
    ///
    /// # Errors
    /// Overflow.
    pub fn amount_due(&self) -> Result<Minor, crate::money::MoneyError> {
        let Some(accepted) = &self.accepted else { return Ok(Minor::ZERO) };
        let mut due = accepted.fact.order.total;
        let edits = self.reversals.edits.iter().filter(|edit| !edit.fact.id.starts_with(EXCHANGE));
        for line in edits.flat_map(|edit| &edit.fact.lines) {
            let tax = if accepted.fact.order.taxes_included { Minor::ZERO } else { line.tax()? };
            due = Minor::sum([due, line.price()?, tax])?;
        }
        for (index, line) in self.goods() {
            // Invoices carry the first shares of a line, so that what is cancelled had the last.
            let cancelled = self.cancelled(index).min(line.quantity);
            let (net, taxes) = self.share_of(line, (line.quantity - cancelled, cancelled))?;
            due = due.minus(Minor::sum(taxes.iter().map(|tax| tax.amount))?.plus(net)?)?;
        }
        Ok(due)
    }
}
