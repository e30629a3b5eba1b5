//! Units that are not to be delivered: who may ask for it, what the 3PL makes of it, and what is left of the order.

use std::collections::{BTreeMap, BTreeSet};

use crate::canonical::TenderStatus;
use crate::event::{Allocation, Decision, Event, FailureClass, HoldCode, LineQuantity, Parked, Shortage};
use crate::ids::Sku;
use crate::item::{Movement, StockMove, merged};
use crate::kit::moved;
use crate::order::{At, Order};
use crate::outstanding::TaskKind;
use crate::reversals::{
    Cancellation, CancelledBy, Goods, Refund, Resolution, Return, ReturnLine, ReturnSource, Stop, next,
};
use crate::shipping::{take_first, units};

/// Reasons that a caller may give for a cancellation: those that storefronts know.
pub const REASONS: [&str; 6] = ["customer", "inventory", "fraud", "declined", "staff", "other"];

/// Units per line, by position.
pub type Units = BTreeMap<usize, u32>;

/// What a caller wants cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelCommand {
    /// Line identities and units; empty for everything that has not left.
    pub lines: Vec<(String, u32)>,
    /// Why.
    pub reason: String,
    /// Hash of the request.
    pub request_hash: String,
}

/// Why something is not done: a word for programs and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Reason {
    /// The word.
    pub code: &'static str,
    /// The sentence, without personal data.
    pub detail: String,
}

impl Reason {
    pub(crate) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

impl Order {
    /// Units of a line that were ordered, those added later included.
    #[must_use]
    pub fn ordered(&self, line: usize) -> u32 {
        self.line(line).map_or(0, |line| line.quantity)
    }

    /// Units of a line that leave a second time, at no price.
    #[must_use]
    pub fn reshipped(&self, line: usize) -> u32 {
        self.authorized_returns()
            .filter(|known| known.resolution == Resolution::Reship)
            .flat_map(|known| &known.lines)
            .filter(|of| of.line == line)
            .map(|of| of.quantity)
            .sum()
    }

    /// Units of a line that somebody wanted cancelled, whatever came of it.
    pub(crate) fn cancellation_asked(&self, line: usize, of: impl Fn(CancelledBy) -> bool) -> u32 {
        let asked = self.reversals.cancellations.values().filter(|known| of(known.fact.by));
        units(asked.flat_map(|known| &known.fact.lines), line)
    }

    /// Units of a line that will not be delivered: what was asked for, less what left, or is known to leave, all the same.
    #[must_use]
    pub fn cancelled(&self, line: usize) -> u32 {
        let leaves = self.gone(line);
        let asked = self.cancellation_asked(line, |_| true);
        asked.min((self.ordered(line) + self.reshipped(line)).saturating_sub(leaves))
    }

    /// Units of a line that the 3PL has refused to stop, and that have not left yet.
    fn unstoppable(&self, line: usize) -> u32 {
        let answered = self.allocations.values().filter(|known| self.is_answered(known.fact.number));
        answered.map(|known| units(self.unshipped_of(known).iter(), line)).sum()
    }

    /// Units of a line that left, or will leave, although somebody wanted them cancelled.
    #[must_use]
    pub fn overtaken(&self, line: usize) -> u32 {
        let asked = self.cancellation_asked(line, |_| true).min(self.ordered(line) + self.reshipped(line));
        asked.saturating_sub(self.cancelled(line))
    }

    /// Units of a line that are to be delivered, those that were included.
    #[must_use]
    pub fn wanted(&self, line: usize) -> u32 {
        (self.ordered(line) + self.reshipped(line)).saturating_sub(self.cancelled(line))
    }

    /// Units of a line that the 3PL has stopped.
    #[must_use]
    pub fn stopped(&self, line: usize) -> u32 {
        units(self.reversals.stops.values().flatten().flat_map(|stop| &stop.stopped), line)
    }

    /// Units of a line that may still be cancelled: neither left, nor cancelled, nor refused by the 3PL.
    #[must_use]
    pub fn cancellable(&self, line: usize) -> u32 {
        self.wanted(line).saturating_sub(self.gone(line))
    }

    /// Units of a line that have left, or will, because the 3PL has said that it is too late.
    pub(crate) fn gone(&self, line: usize) -> u32 {
        self.shipped(line) + self.unstoppable(line)
    }

    /// Units of a line that have left, or will, and that nobody wanted cancelled.
    pub(crate) fn leaving(&self, line: usize) -> u32 {
        self.gone(line).saturating_sub(self.overtaken(line))
    }

    /// Whether nothing was delivered, and nothing will be.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        !self.reversals.cancellations.is_empty()
            && self.shipments.is_empty()
            && self.goods().all(|(index, _)| self.wanted(index) == 0)
    }

    /// Whether an order that waits for its money has all of it, since it costs less than it did.
    fn is_paid_after_all(&self) -> bool {
        let is_promised = self.tenders().values().any(|tender| tender.status == TenderStatus::Pending);
        self.holds.contains_key(&HoldCode::Unpaid) && !is_promised && self.is_paid()
    }

    /// Whether a 3PL has said what it stops of an allocation.
    #[must_use]
    pub fn is_answered(&self, allocation: u32) -> bool {
        self.reversals.stops.get(&allocation).is_some_and(|stops| stops.iter().any(|stop| stop.answered))
    }

    /// Units of a line that are promised and not to be delivered.
    fn unwanted(&self, line: usize) -> u32 {
        self.allocated(line).saturating_sub(self.wanted(line))
    }

    /// Allocations that the 3PL has to stop: because they hold more than is wanted, those that the 3PL does not have yet,
    /// as far as we know, first, then the newest; and because what they hold is not there.
    #[must_use]
    pub fn to_stop(&self) -> BTreeSet<u32> {
        let mut surplus: Units =
            self.goods().map(|(index, _)| (index, self.unwanted(index))).filter(|(_, units)| *units > 0).collect();
        let mut open: Vec<u32> = self.allocations.keys().copied().filter(|n| !self.is_answered(*n)).collect();
        open.sort_by_key(|number| (self.fulfillments.contains_key(number), std::cmp::Reverse(*number)));
        let mut stop: BTreeSet<u32> = open.iter().copied().filter(|n| self.shortages.contains_key(n)).collect();
        for number in open {
            let held = self.allocations.get(&number).map(|known| self.unshipped_of(known)).unwrap_or_default();
            let concerned = held.iter().any(|line| surplus.get(&line.line).is_some_and(|units| *units > 0));
            if concerned {
                stop.insert(number);
                for line in held {
                    if let Some(units) = surplus.get_mut(&line.line) {
                        *units = units.saturating_sub(line.quantity);
                    }
                }
            }
        }
        stop
    }

    /// Since when a line's units are to be stopped: the last cancellation.
    pub(crate) fn last_cancelled_at(&self) -> Option<jiff::Timestamp> {
        self.reversals.cancellations.values().map(|known| known.at).max()
    }

    pub(crate) fn positions_of<'a>(&'a self, line_id: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.goods().filter(move |(_, line)| line.id == line_id).map(|(index, _)| index)
    }

    /// Spreads units of a storefront's line over the positions that bear its identity, the newest first, up to what
    /// `most` allows; gives back how many could not be placed.
    pub(crate) fn spread(&self, want: (&str, u32), most: impl Fn(usize) -> u32, into: &mut Units) -> u32 {
        let (line_id, mut left) = want;
        let mut positions: Vec<usize> = self.positions_of(line_id).collect();
        positions.reverse();
        for index in positions {
            let taken = into.get(&index).copied().unwrap_or(0);
            let quantity = left.min(most(index).saturating_sub(taken));
            if quantity > 0 {
                *into.entry(index).or_default() += quantity;
                left -= quantity;
            }
        }
        left
    }
}

pub(crate) fn quantities(of: &Units) -> Vec<LineQuantity> {
    let some = of.iter().filter(|(_, quantity)| **quantity > 0);
    some.map(|(line, quantity)| LineQuantity { line: *line, quantity: *quantity }).collect()
}

/// A cancellation that a caller asks for.
///
/// # Errors
/// Every reason why not. Nothing is changed then.
pub fn cancel(order: &Order, command: &CancelCommand) -> Result<Decision, Vec<Reason>> {
    let mut reasons = Vec::new();
    if !REASONS.contains(&command.reason.as_str()) {
        reasons.push(Reason::new("unknown_reason", format!("reason must be one of {}", REASONS.join(", "))));
    }
    let units = wanted_units(order, &command.lines, &mut reasons);
    if reasons.is_empty() && units.values().all(|quantity| *quantity == 0) {
        let detail = if order.is_shipped() {
            "everything has left: ask for a return instead"
        } else {
            "nothing is left to cancel: it is cancelled already, or the 3PL has said that it is too late"
        };
        reasons.push(Reason::new("nothing_to_cancel", detail));
    }
    if !reasons.is_empty() {
        return Err(reasons);
    }
    let cancellation = Cancellation {
        number: next(&order.reversals.cancellations),
        by: CancelledBy::Api,
        reason: command.reason.clone(),
        lines: quantities(&units),
        request_hash: Some(command.request_hash.clone()),
    };
    Ok(Event::OrderCancelled(cancellation).into())
}

fn wanted_units(order: &Order, lines: &[(String, u32)], reasons: &mut Vec<Reason>) -> Units {
    if lines.is_empty() {
        return order.goods().map(|(index, _)| (index, order.cancellable(index))).collect();
    }
    let mut taken = Units::new();
    for (line_id, quantity) in lines {
        if order.positions_of(line_id).next().is_none() {
            reasons.push(Reason::new("unknown_line", format!("the order has no line {line_id:?} of goods")));
            continue;
        }
        let left = order.spread((line_id, *quantity), |index| order.cancellable(index), &mut taken);
        if left > 0 {
            let most: u32 = order.positions_of(line_id).map(|index| order.cancellable(index)).sum();
            let detail =
                format!("of line {line_id} {most} units can still be cancelled, and {quantity} were asked for");
            reasons.push(Reason::new("too_many", detail));
        }
    }
    taken
}

/// Units that the storefront has taken off the order.
pub(crate) fn cancelled_at_storefront(order: &Order, reason: &str, units: &Units) -> Option<Event> {
    let lines = quantities(units);
    (!lines.is_empty()).then(|| {
        Event::OrderCancelled(Cancellation {
            number: next(&order.reversals.cancellations),
            by: CancelledBy::Storefront,
            reason: reason.to_owned(),
            lines,
            request_hash: None,
        })
    })
}

/// Gives an allocation up, because what it holds of a SKU is not there: the 3PL is asked to stop it, and what it stops is
/// allocated anew, from elsewhere or when there is more. Goods that are picked already leave.
#[must_use]
pub fn shortage(order: &Order, found: &Shortage) -> Decision {
    let known = order.allocations.get(&found.number).filter(|_| !order.shortages.contains_key(&found.number));
    let held = known.map_or(0, |known| order.held_in(found.number, &found.sku, &known.fact.location));
    if held > 0 && !order.is_answered(found.number) {
        Event::ShortageFound(found.clone()).into()
    } else {
        Decision::default()
    }
}

/// What a 3PL answered to our request to stop an allocation: SKUs and units that it has stopped in all, and those that
/// it keeps. Stock of what is stopped is free again in the same transaction.
#[must_use]
pub fn stop_answered(order: &Order, number: u32, stopped: &[(Sku, u32)]) -> Decision {
    let Some(allocation) = order.allocations.get(&number) else { return Decision::default() };
    if order.is_answered(number) {
        return Decision::default();
    }
    let (stopped, open) = newly_stopped(order, number, stopped);
    let mut too_late = Units::new();
    for line in open {
        let freed = units(stopped.iter(), line.line);
        let surplus = order.allocated(line.line).saturating_sub(freed).saturating_sub(order.wanted(line.line));
        too_late.insert(line.line, surplus.min(line.quantity));
    }
    let stop = Stop { number, too_late: quantities(&too_late), stopped, answered: true };
    let moves = freed(order, &allocation.fact, &stop.stopped);
    Decision { events: vec![Event::FulfillmentStopped(stop)], moves }
}

/// What a 3PL has stopped by itself, told once per parcel: those units are cancelled, because nobody else has them.
#[must_use]
pub fn stopped_by_3pl(order: &Order, number: u32, stopped: &[(Sku, u32)]) -> Decision {
    let Some(allocation) = order.allocations.get(&number) else { return Decision::default() };
    // Our own request comes back as a delivery too; its answer says all of it.
    if order.is_answered(number) || order.to_stop().contains(&number) {
        return Decision::default();
    }
    let (stopped, _) = take_first(order, &mut order.unshipped_of(allocation), stopped, |line| order.unwanted(line));
    if stopped.is_empty() {
        return Decision::default();
    }
    let moves = freed(order, &allocation.fact, &stopped);
    let cancellation = Cancellation {
        number: next(&order.reversals.cancellations),
        by: CancelledBy::Fulfillment,
        reason: "inventory".into(),
        lines: stopped.clone(),
        request_hash: None,
    };
    let stop = Stop { number, stopped, too_late: Vec::new(), answered: false };
    Decision { events: vec![Event::FulfillmentStopped(stop), Event::OrderCancelled(cancellation)], moves }
}

/// Which units of an allocation are stopped that were not before, and what is open besides.
fn newly_stopped(order: &Order, number: u32, told: &[(Sku, u32)]) -> (Vec<LineQuantity>, Vec<LineQuantity>) {
    let Some(allocation) = order.allocations.get(&number) else { return (Vec::new(), Vec::new()) };
    let known = order.reversals.stops.get(&number).into_iter().flatten().flat_map(|stop| &stop.stopped);
    let mut before: BTreeMap<&Sku, u32> = BTreeMap::new();
    for line in known {
        if let Some(sku) = order.sku(line.line) {
            *before.entry(sku).or_default() += line.quantity;
        }
    }
    let mut open = order.unshipped_of(allocation);
    let fresh =
        |(sku, quantity): &(Sku, u32)| (sku.clone(), quantity.saturating_sub(before.get(sku).copied().unwrap_or(0)));
    let fresh: Vec<(Sku, u32)> = told.iter().map(fresh).collect();
    let (stopped, _) = take_first(order, &mut open, &fresh, |line| order.unwanted(line));
    open.retain(|line| line.quantity > 0);
    (stopped, open)
}

fn freed(order: &Order, allocation: &Allocation, lines: &[LineQuantity]) -> Vec<StockMove> {
    let moves = lines.iter().filter_map(|line| {
        let sold = StockMove {
            reserved: -i64::from(line.quantity),
            channel: Some(order.id.connection.clone()),
            ..StockMove::new(Movement::Released, order.sku(line.line)?.clone(), allocation.location.clone())
        };
        Some(moved(&allocation.kits, sold))
    });
    merged(moves.flatten())
}

/// Holds that keep nobody from anything once nothing is left to deliver.
#[must_use]
pub(crate) fn holds_ended_by_cancellation(order: &Order) -> Option<Event> {
    let ends = |code: &HoldCode| {
        matches!(
            code,
            HoldCode::Unpaid
                | HoldCode::Risk
                | HoldCode::UnknownSku
                | HoldCode::Unmapped
                | HoldCode::Address
                | HoldCode::Country
                | HoldCode::Limit
                | HoldCode::CancelledAtStorefront
                | HoldCode::ChangedAtStorefront
        )
    };
    if !order.is_cancelled() {
        return order.is_paid_after_all().then(|| Event::OrderReleased { codes: vec![HoldCode::Unpaid] });
    }
    let codes: Vec<HoldCode> = order.holds.keys().copied().filter(ends).collect();
    (!codes.is_empty()).then_some(Event::OrderReleased { codes })
}

/// An allocation that waits for stock is decided anew once less is wanted than when it was given up: what is left may be
/// there by now, or be of other SKUs than the one that it waits for.
#[must_use]
pub(crate) fn allocation_to_retry(order: &Order) -> Option<Event> {
    let of_stock =
        |parked: &&At<Parked>| parked.fact.task.kind == TaskKind::Allocate && parked.fact.class == FailureClass::Stock;
    let waits = order.parked.values().find(of_stock)?;
    let is_less = order.reversals.cancellations.len() > order.parked_after;
    (is_less && order.unallocated().next().is_some()).then(|| Event::TaskReleased { task: waits.fact.task.clone() })
}

/// Units that went back as not sent beyond those that anybody had cancelled: of two refunds that were thought to be for
/// the same units, both were made, so the storefront has taken off the units of each.
#[must_use]
pub(crate) fn taken_off_besides(order: &Order) -> Option<Event> {
    let besides = |line: usize| {
        let paid = issued_as_cancelled(order, line, |_| true).min(order.ordered(line));
        paid.saturating_sub(order.cancellation_asked(line, |_| true))
    };
    let units: Units = order.goods().map(|(index, _)| (index, besides(index))).collect();
    cancelled_at_storefront(order, "refund", &units)
}

/// Units that leave although they were cancelled become a return: the buyer is not to keep them unpaid.
#[must_use]
pub(crate) fn overtaken_return(order: &Order) -> Option<Return> {
    let expected = |line: usize| -> u32 {
        let of = order.reversals.returns.values().filter(|known| known.fact.source == ReturnSource::Cancellation);
        of.flat_map(|known| &known.fact.lines).filter(|known| known.line == line).map(|known| known.quantity).sum()
    };
    let lines: Vec<ReturnLine> = order
        .goods()
        .map(|(index, _)| (index, order.overtaken(index).saturating_sub(expected(index))))
        .filter(|(_, quantity)| *quantity > 0)
        .map(|(line, quantity)| ReturnLine { line, quantity, reason: "cancelled_too_late".into() })
        .collect();
    (!lines.is_empty()).then(|| Return {
        number: next(&order.reversals.returns),
        source: ReturnSource::Cancellation,
        lines,
        resolution: Resolution::Refund,
        expects_goods: true,
        approval: None,
        request_hash: None,
    })
}

/// Units of a line that were refunded as cancelled.
pub(crate) fn refunded_as_cancelled(order: &Order, line: usize) -> u32 {
    order.refunded_units(line, |known| known.goods == Goods::Cancelled)
}

/// The same, of such refunds, without what is only decided.
pub(crate) fn issued_as_cancelled(order: &Order, line: usize, of: impl Fn(&Refund) -> bool) -> u32 {
    let made = order.standing_refunds().filter(|refund| order.reversals.issued.contains_key(&refund.number));
    let lines = made.filter(|refund| of(refund)).flat_map(|refund| &refund.lines);
    lines.filter(|known| known.line == line && known.goods == Goods::Cancelled).map(|known| known.quantity).sum()
}
