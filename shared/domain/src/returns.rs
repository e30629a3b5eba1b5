//! Goods that come back: who may return what, what arrived, and what follows from it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::cancel::{Reason, Units};
use crate::event::{Decision, Event};
use crate::ids::{LocationId, Sku};
use crate::item::{Item, Movement, StockMove, merged};
use crate::kit;
use crate::money::Minor;
use crate::order::Order;
use crate::reversals::{
    Disposition, Goods, Receipt, ReceiptLine, Refund, RefundOrigin, Resolution, Return, ReturnLine, ReturnSource, next,
};
use crate::settings::ReturnPolicy;
use crate::shipping::units;

/// What a 3PL says has come back. A report says all that has arrived under one return so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnReport {
    /// The 3PL's identity of the return.
    pub id: String,
    /// Where.
    pub location: LocationId,
    /// What was found and what was done with it, in units of the SKU as found.
    pub lines: Vec<(Sku, u32, Disposition)>,
    /// Whether the 3PL is through with it: nothing more of it will come.
    pub completed: bool,
    /// When it was processed.
    pub received_at: Timestamp,
}

/// What a caller asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnCommand {
    /// Line identities, units and reasons.
    pub lines: Vec<(String, u32, String)>,
    /// What is wanted.
    pub resolution: Resolution,
    /// Hash of the request.
    pub request_hash: String,
    /// When it is asked.
    pub at: Timestamp,
}

/// Reasons that go with goods that never arrived.
const NEVER_ARRIVED: &str = "lost";

impl Order {
    /// The channel's return policy as it was when the order was accepted.
    #[must_use]
    pub fn return_policy(&self) -> ReturnPolicy {
        let kept = self.accepted.as_ref().and_then(|accepted| accepted.fact.returns.as_deref());
        kept.cloned().unwrap_or_default()
    }

    /// Returns that are authorized and not called off.
    pub fn authorized_returns(&self) -> impl Iterator<Item = &Return> {
        let reversals = &self.reversals;
        let returns = reversals.returns.values().map(|known| &known.fact);
        returns.filter(|known| reversals.authorized.contains_key(&known.number))
    }

    /// Units of a line that are asked to be returned, or were.
    #[must_use]
    pub fn in_return(&self, line: usize) -> u32 {
        let reversals = &self.reversals;
        let returns = reversals.returns.values().map(|known| &known.fact);
        returns
            .map(|known| {
                let asked: u32 = known.lines.iter().filter(|of| of.line == line).map(|of| of.quantity).sum();
                let over = reversals.closed.contains_key(&known.number);
                if over && known.expects_goods { asked.min(self.received(known.number, line)) } else { asked }
            })
            .sum()
    }

    /// Units of a line that the buyer has or had, or that are on their way: two returns may name the same ones.
    pub(crate) fn ever_with_buyer(&self, line: usize) -> u32 {
        self.shipped(line).max(self.in_return(line).min(self.wanted(line)))
    }

    /// Units of a line that have left and that nobody has asked to return yet.
    #[must_use]
    pub fn returnable(&self, line: usize) -> u32 {
        self.shipped(line).saturating_sub(self.in_return(line))
    }

    /// Units of a line that came back under a return, whatever they look like.
    #[must_use]
    pub fn received(&self, of_return: u32, line: usize) -> u32 {
        self.received_as(of_return, line, |_| true)
    }

    pub(crate) fn received_as(&self, of_return: u32, line: usize, wanted: impl Fn(Disposition) -> bool) -> u32 {
        let receipts = self.reversals.receipts.values().filter(|known| known.fact.of_return == Some(of_return));
        let lines = receipts.flat_map(|known| &known.fact.lines).filter(|of| of.line == Some(line));
        lines.filter(|of| wanted(of.disposition)).map(|of| of.quantity).sum()
    }

    /// Whether nothing more of a return is waited for.
    #[must_use]
    pub fn is_return_over(&self, known: &Return) -> bool {
        let completed = || {
            let mut receipts = self.reversals.receipts.values().map(|receipt| &receipt.fact);
            receipts.any(|receipt| receipt.of_return == Some(known.number) && receipt.completed)
        };
        let all_here = || {
            let lines = Units::from_iter(known.lines.iter().map(|line| (line.line, 0)));
            lines.keys().all(|line| self.received(known.number, *line) >= self.asked(known, *line))
        };
        !known.expects_goods || self.reversals.closed.contains_key(&known.number) || completed() || all_here()
    }

    pub(crate) fn asked(&self, known: &Return, line: usize) -> u32 {
        known.lines.iter().filter(|of| of.line == line).map(|of| of.quantity).sum()
    }

    /// The last moment at which units of a line left.
    fn last_shipped_at(&self, line: usize) -> Option<Timestamp> {
        let of_line = self.shipments.values().filter(|s| s.fact.lines.iter().any(|of| of.line == line));
        of_line.map(|shipment| shipment.fact.shipped_at).max()
    }
}

/// A return that a caller asks for: authorized, or waiting for approval.
///
/// # Errors
/// Every reason why not. Nothing is changed then.
pub fn request_return(order: &Order, command: &ReturnCommand) -> Result<Decision, Vec<Reason>> {
    if let Some(decision) = resolved_now(order, command) {
        return Ok(decision);
    }
    let policy = order.return_policy();
    let mut reasons = Vec::new();
    if command.lines.is_empty() {
        reasons.push(Reason::new("no_lines", "name the lines and units to be returned"));
    }
    let lines = return_lines(order, command, &policy, &mut reasons);
    reasons.extend(resolution_reasons(order, command, (&policy, &lines)));
    if !reasons.is_empty() {
        return Err(reasons);
    }
    let lost = command.lines.iter().all(|(_, _, reason)| reason == NEVER_ARRIVED);
    let approval = approval(order, &policy, &lines);
    let number = next(&order.reversals.returns);
    let request = Return {
        number,
        source: ReturnSource::Api,
        expects_goods: command.resolution != Resolution::Keep && !lost,
        lines,
        resolution: command.resolution,
        approval: approval.clone(),
        request_hash: Some(command.request_hash.clone()),
    };
    let mut events = vec![Event::ReturnRequested(request)];
    if approval.is_none() {
        events.push(Event::ReturnAuthorized { number });
    }
    Ok(events.into())
}

fn return_lines(
    order: &Order,
    command: &ReturnCommand,
    policy: &ReturnPolicy,
    reasons: &mut Vec<Reason>,
) -> Vec<ReturnLine> {
    let mut taken = Units::new();
    let mut lines = Vec::new();
    for (line_id, quantity, reason) in &command.lines {
        if !policy.reasons.contains(reason) {
            let known: Vec<&str> = policy.reasons.iter().map(String::as_str).collect();
            reasons.push(Reason::new("unknown_reason", format!("reason must be one of {}", known.join(", "))));
        }
        let before = taken.clone();
        if !order.goods().any(|(_, line)| line.id == *line_id) {
            reasons.push(Reason::new("unknown_line", format!("the order has no line {line_id:?} of goods")));
            continue;
        }
        let left = order.spread((line_id, *quantity), |index| order.returnable(index), &mut taken);
        if left > 0 {
            let detail = format!(
                "of line {line_id} {} units have left and are in no return, and {quantity} were asked for",
                quantity - left
            );
            reasons.push(Reason::new("too_many", detail));
        }
        for (line, units) in &taken {
            let quantity = units - before.get(line).copied().unwrap_or(0);
            if quantity > 0 {
                reasons.extend(line_reasons(order, (*line, command.at), policy));
                lines.push(ReturnLine { line: *line, quantity, reason: reason.clone() });
            }
        }
    }
    lines
}

fn line_reasons(order: &Order, (line, at): (usize, Timestamp), policy: &ReturnPolicy) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let window = SignedDuration::from_hours(24 * i64::from(policy.window_days));
    if order.last_shipped_at(line).is_some_and(|left| at.duration_since(left) > window) {
        let detail = format!("it left more than {} days ago", policy.window_days);
        reasons.push(Reason::new("after_the_window", detail));
    }
    if let Some(sku) = order.sku(line).filter(|sku| policy.final_sale.contains(*sku)) {
        reasons.push(Reason::new("final_sale", format!("{sku} is not taken back")));
    }
    reasons
}

fn resolution_reasons(
    order: &Order,
    command: &ReturnCommand,
    (policy, lines): (&ReturnPolicy, &[ReturnLine]),
) -> Vec<Reason> {
    let Some(accepted) = &order.accepted else { return Vec::new() };
    let lost = command.lines.iter().filter(|(_, _, reason)| reason == NEVER_ARRIVED).count();
    let mut reasons = Vec::new();
    if lost > 0 && lost < command.lines.len() {
        let detail = "what is lost does not come back with the rest: ask for it in a request of its own";
        reasons.push(Reason::new("mixed_reasons", detail));
    }
    if command.resolution == Resolution::Undecided {
        reasons.push(Reason::new("resolution", "resolution must be refund, keep or reship"));
    }
    if command.resolution == Resolution::Keep && lost == 0 {
        let most = policy.keep_up_to.get(&accepted.fact.order.currency).copied().unwrap_or(Minor::ZERO);
        if order.value_of_units(lines).is_none_or(|value| value > most) {
            let detail = "goods of this value are not refunded unless they come back: ask for resolution refund";
            reasons.push(Reason::new("keep_not_allowed", detail));
        }
    }
    reasons
}

/// What an operator's word means about something that waits for it: a return is approved, goods that came unannounced
/// are refunded, a change that came too late is taken over all the same. Nothing where nothing waits under that name.
#[must_use]
pub fn resolve(order: &Order, about: &str) -> Decision {
    let reversals = &order.reversals;
    if let Some(number) = about.strip_prefix("return:").and_then(return_number) {
        let waits = reversals.returns.get(&number).filter(|_| !reversals.closed.contains_key(&number));
        return match waits {
            Some(known) if !reversals.authorized.contains_key(&number) => {
                // What the storefront has to approve is approved there.
                let ours = !matches!(known.fact.source, ReturnSource::Storefront(_));
                if ours { Event::ReturnAuthorized { number }.into() } else { Decision::default() }
            }
            Some(known) if crate::refund::waits_for_word(&known.fact) => {
                Event::ReturnResolved { number, resolution: Resolution::Refund, request_hash: None }.into()
            }
            Some(_) | None => Decision::default(),
        };
    }
    if let Some(number) = about.strip_prefix("refund:R").and_then(|number| number.parse().ok()) {
        // What its payment was due for is due again: it is decided anew with the withdrawal.
        let ours = |refund: &&Refund| refund.number == number && refund.origin != RefundOrigin::Storefront;
        let failed = order.failed_refunds().find(ours);
        return failed.map_or_else(Decision::default, |_| {
            Event::RefundWithdrawn { number, reason: "its payment has failed and is tried again".into() }.into()
        });
    }
    let change = about.strip_prefix("change:").and_then(|id| reversals.refused_changes.get(id));
    let edited = change.map(|change| {
        let (id, lines) = (change.fact.id.clone(), change.fact.lines.clone());
        Event::OrderEdited(crate::reversals::Edit { id, lines })
    });
    let Some(edited) = edited else { return Decision::default() };
    let (mut after, at) = (order.clone(), command_time(order));
    after.evolve(&edited, at);
    // What is not paid does not leave. An address sends nothing.
    let sends = change.is_some_and(|change| !change.fact.lines.is_empty());
    if after.is_paid() || !sends { edited.into() } else { Decision::default() }
}

/// A word is said of the order as it is: the time of its last commit will do to look ahead.
fn command_time(order: &Order) -> Timestamp {
    order.updated_at.unwrap_or(Timestamp::UNIX_EPOCH)
}

/// An operator's no to something that waits for a word: a return is declined or given up, goods that came unannounced
/// are kept without a refund, a change that came too late is not followed. Nothing where nothing waits under that name.
#[must_use]
pub fn decline(order: &Order, about: &str) -> Decision {
    let reversals = &order.reversals;
    let of_return = about.strip_prefix("return:").or_else(|| about.strip_prefix("await_return:"));
    if let Some(number) = of_return.and_then(return_number) {
        let open = |known: &&Return| !reversals.closed.contains_key(&known.number) && !order.is_return_over(known);
        let known = reversals.returns.get(&number).map(|known| &known.fact);
        let waits = known.filter(|known| open(known) || crate::refund::waits_for_word(known));
        // What the storefront has agreed to is called off there.
        let ours = waits.filter(|known| !matches!(known.source, ReturnSource::Storefront(_)));
        return ours.map_or_else(Decision::default, |known| {
            let authorized = reversals.authorized.contains_key(&number);
            let reason = match (&known.source, authorized) {
                (ReturnSource::Receipt, _) => "came unannounced and is not refunded",
                (_, true) => "given up: the goods did not come",
                (_, false) => "declined",
            };
            Event::ReturnClosed { number, reason: reason.into() }.into()
        });
    }
    let change = about.strip_prefix("change:").and_then(|id| reversals.refused_changes.get(id));
    change.map_or_else(Decision::default, |change| {
        Event::OrderEdited(crate::reversals::Edit { id: change.fact.id.clone(), lines: Vec::new() }).into()
    })
}

/// Goods that came unannounced, and that the buyer now says something about: exactly these units.
fn resolved_now(order: &Order, command: &ReturnCommand) -> Option<Decision> {
    let mut wanted: BTreeMap<&str, u32> = BTreeMap::new();
    for (line, units, _) in &command.lines {
        *wanted.entry(line.as_str()).or_default() += units;
    }
    let same = |known: &&Return| {
        let mut here: BTreeMap<&str, u32> = BTreeMap::new();
        for of in &known.lines {
            *here.entry(order.line(of.line).map_or("", |line| line.id.as_str())).or_default() += of.quantity;
        }
        here == wanted
    };
    let known = order.authorized_returns().filter(|known| crate::refund::waits_for_word(known)).find(same)?;
    let (number, resolution) = (known.number, command.resolution);
    let request_hash = Some(command.request_hash.clone());
    (resolution != Resolution::Undecided).then(|| Event::ReturnResolved { number, resolution, request_hash }.into())
}

fn approval(order: &Order, policy: &ReturnPolicy, lines: &[ReturnLine]) -> Option<String> {
    let currency = order.currency()?;
    let most = policy.approval_above.get(&currency)?;
    let value = order.value_of_units(lines)?;
    (value > *most).then(|| {
        let (value, most) = (currency.written(value.get()), currency.written(most.get()));
        format!("{value} are more than the {most} that are returned without approval")
    })
}

/// What a 3PL's report of returned goods means. A report tells everything so far; what is known is not counted again.
/// `items` are the SKUs that the catalogue knows: others have no stock record to move.
#[must_use]
pub fn record_return(
    order: &Order,
    report: &ReturnReport,
    named: Option<u32>,
    items: &BTreeMap<Sku, Item>,
) -> Decision {
    let known = |receipt: &&Receipt| receipt.id == report.id;
    let before: Vec<&Receipt> = order.reversals.receipts.values().map(|at| &at.fact).filter(known).collect();
    let of_return = named
        .or_else(|| before.iter().find_map(|receipt| receipt.of_return))
        .filter(|number| order.reversals.returns.contains_key(number));
    let fresh = fresh_units(&before, report);
    let was_completed = before.iter().any(|receipt| receipt.completed);
    if fresh.is_empty() && (was_completed || !report.completed) {
        return Decision::default();
    }
    let mut placing = Placing { order, open: open_units(order, of_return), lines: Vec::new(), unannounced: Vec::new() };
    fresh.iter().for_each(|found| placing.place(found, of_return.is_some()));
    placing.decision(report, of_return, items)
}

/// Units of a report that were not recorded before.
fn fresh_units(before: &[&Receipt], report: &ReturnReport) -> Vec<(Sku, u32, Disposition)> {
    let mut told: BTreeMap<(&Sku, Disposition), u32> = BTreeMap::new();
    for (sku, quantity, disposition) in &report.lines {
        *told.entry((sku, *disposition)).or_default() += quantity;
    }
    for line in before.iter().flat_map(|receipt| &receipt.lines) {
        if let Some(left) = told.get_mut(&(&line.sku, line.disposition)) {
            *left = left.saturating_sub(line.quantity);
        }
    }
    let some = told.into_iter().filter(|(_, quantity)| *quantity > 0);
    some.map(|((sku, disposition), quantity)| (sku.clone(), quantity, disposition)).collect()
}

/// Units that a return still expects, by line.
fn open_units(order: &Order, of_return: Option<u32>) -> Units {
    let known = of_return.and_then(|number| order.reversals.returns.get(&number));
    let lines = known.iter().flat_map(|known| known.fact.lines.iter().map(|line| line.line));
    let open = |line: usize| {
        let known = known.map(|known| &known.fact);
        known.map_or(0, |known| order.asked(known, line).saturating_sub(order.received(known.number, line)))
    };
    lines.map(|line| (line, open(line))).collect()
}

/// Finds out to which line of the order each found unit belongs.
struct Placing<'a> {
    order: &'a Order,
    open: Units,
    lines: Vec<ReceiptLine>,
    /// Units of the order that no return announced.
    unannounced: Vec<ReceiptLine>,
}

impl Placing<'_> {
    fn place(&mut self, (sku, quantity, disposition): &(Sku, u32, Disposition), announced: bool) {
        let mut left = *quantity;
        let of_sku: Vec<usize> =
            self.order.goods().filter(|(_, line)| line.sku.as_ref() == Some(sku)).map(|(index, _)| index).collect();
        for line in &of_sku {
            let units = left.min(self.open.get(line).copied().unwrap_or(0));
            if announced && units > 0 {
                *self.open.entry(*line).or_default() -= units;
                left -= units;
                self.lines.push(receipt_line(Some(*line), (sku, units, *disposition)));
            }
        }
        for line in of_sku {
            let taken: u32 =
                self.unannounced.iter().filter(|known| known.line == Some(line)).map(|known| known.quantity).sum();
            let units = left.min(self.order.returnable(line).saturating_sub(taken));
            if units > 0 {
                left -= units;
                self.unannounced.push(receipt_line(Some(line), (sku, units, *disposition)));
            }
        }
        if left > 0 {
            self.lines.push(receipt_line(None, (sku, left, *disposition)));
        }
    }

    fn decision(self, report: &ReturnReport, of_return: Option<u32>, items: &BTreeMap<Sku, Item>) -> Decision {
        let moved = self.lines.iter().chain(&self.unannounced);
        let kits = self.order.kits(items);
        let moves =
            merged(moved.filter_map(|line| returning(line, report, items)).flat_map(|stock| kit::moved(&kits, stock)));
        let mut events = Vec::new();
        let mut number = next(&self.order.reversals.receipts);
        if of_return.is_some() || !self.lines.is_empty() {
            events.push(Event::ReturnReceived(receipt(report, (number, of_return), self.lines)));
            number += 1;
        }
        if !self.unannounced.is_empty() {
            let request = unannounced(self.order, &self.unannounced);
            let of_return = request.number;
            events.push(Event::ReturnRequested(request));
            events.push(Event::ReturnAuthorized { number: of_return });
            events.push(Event::ReturnReceived(receipt(report, (number, Some(of_return)), self.unannounced)));
        }
        Decision { events, moves }
    }
}

fn receipt_line(line: Option<usize>, (sku, quantity, disposition): (&Sku, u32, Disposition)) -> ReceiptLine {
    ReceiptLine { line, sku: sku.clone(), quantity, disposition }
}

fn receipt(report: &ReturnReport, (number, of_return): (u32, Option<u32>), lines: Vec<ReceiptLine>) -> Receipt {
    Receipt {
        number,
        of_return,
        id: report.id.clone(),
        location: report.location.clone(),
        lines,
        completed: report.completed,
        received_at: report.received_at,
    }
}

/// A return for goods that nobody announced: they are here, what the buyer gets for them somebody has to say.
fn unannounced(order: &Order, lines: &[ReceiptLine]) -> Return {
    let mut units = Units::new();
    for line in lines {
        *units.entry(line.line.unwrap_or_default()).or_default() += line.quantity;
    }
    let lines = units.into_iter().map(|(line, quantity)| ReturnLine { line, quantity, reason: "unannounced".into() });
    Return {
        number: next(&order.reversals.returns),
        source: ReturnSource::Receipt,
        lines: lines.collect(),
        resolution: Resolution::Undecided,
        expects_goods: true,
        approval: None,
        request_hash: None,
    }
}

/// The stock that comes back with a line: quarantined units are there, but not for sale; scrapped ones are gone.
fn returning(line: &ReceiptLine, report: &ReturnReport, items: &BTreeMap<Sku, Item>) -> Option<StockMove> {
    items.get(&line.sku)?;
    let quantity = i64::from(line.quantity);
    let quarantine = match line.disposition {
        Disposition::Restock => 0,
        Disposition::Quarantine => quantity,
        Disposition::Scrap => return None,
    };
    Some(StockMove {
        on_hand: quantity,
        quarantine,
        occurred_at: Some(report.received_at),
        ..StockMove::new(Movement::Returned, line.sku.clone(), report.location.clone())
    })
}

/// Number of our return behind a reference's document such as `RMA2`.
#[must_use]
pub fn return_number(document: &str) -> Option<u32> {
    document.strip_prefix("RMA")?.parse().ok()
}

impl Order {
    /// Units of a line that were refunded, of those that `wanted` names.
    pub(crate) fn refunded_units(&self, line: usize, wanted: impl Fn(&crate::reversals::RefundLine) -> bool) -> u32 {
        let refunds = self.standing_refunds().flat_map(|refund| &refund.lines);
        refunds.filter(|known| known.line == line && wanted(known)).map(|known| known.quantity).sum()
    }

    /// Units of a line that were, or are to be, refunded under a return.
    pub(crate) fn refunded_of_return(&self, of_return: u32, line: usize) -> u32 {
        self.units_of_return((of_return, line), |_| true)
    }

    /// The same without what is only decided.
    pub(crate) fn paid_of_return(&self, of_return: u32, line: usize) -> u32 {
        self.units_of_return((of_return, line), |refund| self.reversals.issued.contains_key(&refund.number))
    }

    fn units_of_return(&self, (of_return, line): (u32, usize), wanted: impl Fn(&Refund) -> bool) -> u32 {
        let refunds = self.standing_refunds().filter(|refund| refund.of_return == Some(of_return) && wanted(refund));
        let lines = refunds.flat_map(|refund| &refund.lines).filter(|known| known.line == line);
        lines.filter(|known| known.goods != Goods::Cancelled).map(|known| known.quantity).sum()
    }

    /// The same with refunds of ours whose payment has failed.
    fn decided_of_return(&self, of_return: u32, line: usize) -> u32 {
        let failed = self.failed_refunds().filter(|refund| refund.of_return == Some(of_return));
        let failed = failed.filter(|refund| refund.origin != RefundOrigin::Storefront);
        let lines = failed.flat_map(|refund| &refund.lines).filter(|known| known.line == line);
        let units: u32 = lines.filter(|known| known.goods != Goods::Cancelled).map(|known| known.quantity).sum();
        self.refunded_of_return(of_return, line) + units
    }

    /// Units of a line that are refundable under an authorized return now.
    pub(crate) fn refundable_of_return(&self, known: &Return, line: usize) -> u32 {
        let policy = self.return_policy();
        let asked = self.asked(known, line);
        let here = |wanted: &dyn Fn(Disposition) -> bool| self.received_as(known.number, line, wanted).min(asked);
        let due = match (known.resolution, &known.source) {
            (Resolution::Undecided | Resolution::Reship, _) => 0,
            (Resolution::Keep, _) => asked,
            (Resolution::Refund, _) if !known.expects_goods => asked,
            // What was cancelled in time by the buyer is refunded as it comes.
            (Resolution::Refund, _) => match policy.refund_on {
                crate::settings::RefundOn::Inspected => {
                    here(&|disposition| policy.refunded_dispositions.contains(&disposition))
                }
                crate::settings::RefundOn::Received => here(&|_| true),
                crate::settings::RefundOn::Authorized => asked,
            },
        };
        // What was refunded under another name is not refunded again when it comes back.
        let credited = self.refunded_units(line, |of| of.goods != Goods::Cancelled);
        let room = self.ever_with_buyer(line).saturating_sub(credited);
        due.saturating_sub(self.decided_of_return(known.number, line)).min(room)
    }

    /// Units that have left less those that came back: what the buyer has.
    #[must_use]
    pub fn with_buyer(&self, line: usize) -> u32 {
        let receipts = self.reversals.receipts.values().flat_map(|known| &known.fact.lines);
        let back: u32 = receipts.filter(|known| known.line == Some(line)).map(|known| known.quantity).sum();
        units(self.shipments.values().flat_map(|s| &s.fact.lines), line).saturating_sub(back)
    }
}

impl Order {
    /// What of a reversal needs a person.
    pub(crate) fn reversal_attention(&self) -> Vec<crate::commit::Attention> {
        let reversals = &self.reversals;
        let mut found = self.dispute_attention();
        let mut tell = |about: String, class: &str, why: (String, Timestamp)| {
            found.push(crate::commit::Attention::new(about, class, why));
        };
        for known in reversals.returns.values() {
            let number = known.fact.number;
            let over = reversals.closed.contains_key(&number);
            if let Some(why) =
                known.fact.approval.as_ref().filter(|_| !over && !reversals.authorized.contains_key(&number))
            {
                tell(format!("return:RMA{number}"), "approval", (why.clone(), known.at));
            } else if !over && crate::refund::waits_for_word(&known.fact) {
                let reason = "goods came back that nobody had announced: retry to refund them, or ask for a return \
                              that says otherwise";
                tell(format!("return:RMA{number}"), "unannounced", (reason.to_owned(), known.at));
            }
        }
        for change in reversals.refused_changes.values() {
            tell(format!("change:{}", change.fact.id), "too_late", (change.fact.reason.clone(), change.at));
        }
        for refund in self.failed_refunds() {
            let since = reversals.issued.get(&refund.number).map_or(Timestamp::UNIX_EPOCH, |issued| issued.at);
            let reason = if refund.origin == RefundOrigin::Storefront {
                "a payment back to the buyer has failed: pay the same amount another way at the storefront"
            } else {
                "a payment back to the buyer has failed: retry to pay it again, or pay the same amount another way at \
                 the storefront"
            };
            tell(format!("refund:R{}", refund.number), "refused", (reason.to_owned(), since));
        }
        if self.accepted.as_ref().is_some_and(|accepted| accepted.fact.routes.storefront.is_none()) {
            for refund in self.refunds_to_issue() {
                let since = reversals.refunds.get(&refund.number).map_or(Timestamp::UNIX_EPOCH, |known| known.at);
                let (number, total) = (refund.number, self.written(refund.total.get()));
                let reason = format!(
                    "{total} are to be paid back by the shop; tell of it by POST \
                     /v1/orders/{}/refunds with refund {number}",
                    self.id
                );
                tell(format!("refund:R{number}"), "to_pay", (reason, since));
            }
        }
        if self.left_to_refund() < Minor::ZERO {
            let since = self.updated_at.unwrap_or(Timestamp::UNIX_EPOCH);
            let reason = format!(
                "{} more were paid back than had arrived: claim them back from the buyer",
                self.written(-self.left_to_refund().get())
            );
            tell("refund:total".into(), "value", (reason, since));
        }
        found
    }
}
