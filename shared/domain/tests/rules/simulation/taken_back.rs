//! What can be taken back, by whom.

use crossdock_domain::cancel::{CancelCommand, cancel, stop_answered, stopped_by_3pl};
use crossdock_domain::disputes::{DisputeOutcome, DisputeReport, record_dispute};
use crossdock_domain::event::{Disposition, Resolution};
use crossdock_domain::returns::{ReturnCommand, ReturnReport, decline, record_return, request_return, resolve};
use crossdock_domain::{Sku, Task, TaskKind};

use super::actions::pick;
use super::generate::SKUS;
use super::shop::{ByHand, captured};
use super::world::{Outcome, World};
use crate::samples::{minor, sku};

/// Goods that have come back, and under which of our returns.
pub struct Back {
    pub report: ReturnReport,
    pub named: Option<u32>,
}

impl World {
    pub(super) fn hand(&self, which: usize) -> ByHand {
        ByHand { which, at: self.now(), captured: captured(&self.source) }
    }

    /// What the 3PL says about stopping an allocation: everything, nothing, or a half, as it likes.
    pub(super) fn stop_at_3pl(&mut self, number: u32) -> Vec<(Sku, u32)> {
        if !self.outside.contains_key(&format!("F{number}")) {
            let open = self.order.unshipped_of(self.order.allocations.get(&number).unwrap());
            return open.iter().map(|of| (self.order.sku(of.line).unwrap().clone(), of.quantity)).collect();
        }
        if self.asked_to_stop.insert(number) {
            let mood = if self.obliging { 0 } else { (self.seconds + i64::from(number)) % 3 };
            let keeps = |units: u32| match mood {
                0 => 0,
                1 => units,
                _ => units / 2,
            };
            let picking = self.picking.remove(&number).unwrap_or_default();
            let stopped = picking.iter().map(|(sku, units)| (sku.clone(), units - keeps(*units)));
            self.stopped.entry(number).or_default().extend(stopped);
            let kept: Vec<_> = picking.into_iter().map(|(sku, units)| (sku, keeps(units))).collect();
            if kept.iter().any(|(_, units)| *units > 0) {
                self.picking.insert(number, kept.into_iter().filter(|(_, units)| *units > 0).collect());
            }
        }
        let mut all: Vec<(Sku, u32)> = Vec::new();
        for (sku, units) in self.stopped.get(&number).into_iter().flatten() {
            match all.iter_mut().find(|(known, _)| known == sku) {
                Some((_, sum)) => *sum += units,
                None => all.push((sku.clone(), *units)),
            }
        }
        all
    }

    /// Does what is taken back, as far as it makes no document; `None` where the outside refuses, for now.
    pub(super) fn outcome_without_document(&mut self, task: &Task) -> Option<Outcome> {
        let number = task.number;
        if task.id.kind == TaskKind::CancelFulfillment {
            Some(Outcome::Stopped { number, told: self.stop_at_3pl(number) })
        } else if task.id.kind == TaskKind::ReadSales {
            Some(Outcome::Read { report: Box::new(self.shop.report(&self.source, self.now())), changes: number })
        } else {
            let refund = self.order.reversals.refunds.get(&number)?.fact.clone();
            let which = if self.obliging { 0 } else { usize::try_from(self.seconds).unwrap() };
            let (hand, order) = (self.hand(which), self.order.clone());
            let issued = self.shop.refund_for_us(&order, &refund, hand)?;
            Some(Outcome::Issued { number, issued })
        }
    }

    pub(super) fn tell_back(&mut self, which: usize) {
        let Some(back) = which.checked_rem(self.back.len()).map(|which| &self.back[which]) else { return };
        let (report, named) = (back.report.clone(), back.named);
        let decision = record_return(&self.order, &report, named, &self.stock);
        let told = format!("{}:{}:{}", report.id, report.lines.len(), report.completed);
        self.record(&format!("fact:shipbob:return:{told}"), decision);
    }

    pub(super) fn ask_for_return(&mut self, number: u32) {
        if let Some(which) = self.back.iter().position(|back| back.named == Some(number)) {
            self.tell_back(which);
        }
    }

    /// Units of a SKU that have left and are not back, whoever knows of it.
    fn with_buyer(&self, sku: &Sku) -> u32 {
        let reports = self.reports.iter().flat_map(|report| &report.lines);
        let left: u32 = reports.filter(|(known, _)| known == sku).map(|(_, quantity)| *quantity).sum();
        let back = self.back.iter().flat_map(|back| &back.report.lines);
        let back: u32 = back.filter(|(known, ..)| known == sku).map(|(_, quantity, _)| *quantity).sum();
        left.saturating_sub(back)
    }

    fn comes_back(&mut self, named: Option<u32>, line: Option<(Sku, u32, Disposition)>, completed: bool) {
        let known = self.back.iter().position(|back| named.is_some() && back.named == named);
        let which = known.unwrap_or_else(|| {
            let id = named.map_or_else(|| format!("RET-U{}", self.back.len()), |number| format!("RET-{number}"));
            let (location, received_at) = ("LON1".parse().unwrap(), self.now());
            let report = ReturnReport { id, location, lines: Vec::new(), completed: false, received_at };
            self.back.push(Back { report, named });
            self.back.len() - 1
        });
        let report = &mut self.back[which].report;
        report.lines.extend(line);
        report.completed |= completed;
    }

    /// Whether units leave a second time. A unit of those that is cancelled is left to the rules' own tests.
    fn reships(&self) -> bool {
        self.order.goods().any(|(index, _)| self.order.reshipped(index) > 0)
    }

    /// Everybody who is waited for says his word, once.
    pub(super) fn settle_reversals(&mut self) {
        (0..self.stop_reports.len()).for_each(|which| tell_stop(self, which));
        while self.shop.answer_return(usize::try_from(self.seconds / 60).unwrap()) {}
        self.shop.settle();
        close_dispute(self, 1);
        while !self.shop.untold.is_empty() {
            tell_change(self, 0);
        }
        for task in self.order.outstanding() {
            if task.id.kind == TaskKind::AwaitReturn {
                self.bring_the_rest(task.number);
            }
        }
        (0..self.back.len()).for_each(|which| self.tell_back(which));
        for about in self.order.attention().into_iter().map(|attention| attention.about) {
            self.record(&format!("retry:{about}:{}", self.order.seq), resolve(&self.order, &about));
        }
    }

    /// The storefront tells all that has changed, and is read.
    pub(super) fn read_all(&mut self) {
        while !self.shop.untold.is_empty() {
            tell_change(self, 0);
        }
        let reading = self.order.outstanding().into_iter().find(|task| task.id.kind == TaskKind::ReadSales);
        if let Some(task) = reading {
            self.perform(&task);
        }
    }

    fn bring_the_rest(&mut self, number: u32) {
        let known = self.order.reversals.returns.get(&number).unwrap().fact.clone();
        for of in &known.lines {
            let name = self.order.sku(of.line).unwrap().clone();
            let here = self.back.iter().filter(|back| back.named == Some(number)).flat_map(|back| &back.report.lines);
            let here: u32 = here.filter(|(sku, ..)| *sku == name).map(|(_, units, _)| *units).sum();
            let units = of.quantity.saturating_sub(here).min(self.with_buyer(&name));
            if units > 0 {
                self.comes_back(Some(number), Some((name, units, Disposition::Restock)), false);
            }
        }
        self.comes_back(Some(number), None, true);
    }
}

/// A caller cancels a part, or all.
pub fn cancel_by_api(world: &mut World, which: usize) {
    if world.reships() {
        return;
    }
    let ids: Vec<String> = world.order.goods().map(|(_, line)| line.id.clone()).collect();
    let lines = if which.is_multiple_of(3) { None } else { pick(&ids, which / 3).map(|id| (id, 1)) };
    let command =
        CancelCommand { lines: lines.into_iter().collect(), reason: "customer".into(), request_hash: "ab".into() };
    if world.order.accepted.is_some()
        && let Ok(decision) = cancel(&world.order, &command)
    {
        world.record(&format!("api:cancel:{}", world.order.seq), decision);
    }
}

pub fn cancel_at_storefront(world: &mut World, which: usize) {
    let hand = world.hand(which);
    world.is_left_alone &= world.reships() || !world.shop.cancel(hand);
}

/// The 3PL finds that it has not got what it was to send.
pub fn stop_by_3pl(world: &mut World, which: usize) {
    let numbers: Vec<u32> =
        world.picking.keys().copied().filter(|number| !world.asked_to_stop.contains(number)).collect();
    let Some(number) = pick(&numbers, which).filter(|_| !world.reships()) else { return };
    let mut picking = world.picking.remove(&number).unwrap();
    let place = which % picking.len();
    let units = if which.is_multiple_of(2) { picking[place].1 } else { 1 };
    picking[place].1 -= units;
    let told = vec![(picking[place].0.clone(), units)];
    picking.retain(|(_, units)| *units > 0);
    if !picking.is_empty() {
        world.picking.insert(number, picking);
    }
    world.stopped.entry(number).or_default().extend(told.clone());
    world.stop_reports.push((number, told));
}

pub fn tell_stop(world: &mut World, which: usize) {
    let Some(which) = which.checked_rem(world.stop_reports.len()) else { return };
    let (number, told) = world.stop_reports[which].clone();
    let decision = stopped_by_3pl(&world.order, number, &told);
    world.record(&format!("fact:shipbob:stopped:{which}"), decision);
}

pub fn edit(world: &mut World, which: usize) {
    let at = world.now();
    world.is_left_alone &= world.reships() || !world.shop.edit(which, at);
}

pub fn refund_units(world: &mut World, which: usize) {
    let hand = world.hand(which);
    world.is_left_alone &= world.reships() || !world.shop.refund_units(hand);
}

/// A gift; seldom, more than there is.
pub fn give(world: &mut World, which: usize) {
    let hand = world.hand(which);
    let left = (hand.captured - world.shop.paid_back()).max(0);
    let amount = if which.is_multiple_of(4) { left + 50 } else { left.min(30) };
    if amount > 0 {
        world.shop.give(hand, amount);
        world.is_left_alone = false;
    }
}

pub fn settle_payment(world: &mut World, _: usize) {
    world.shop.settle();
}

pub fn open_return(world: &mut World, which: usize) {
    world.is_left_alone &= !world.shop.open_return(which);
}

pub fn answer_return(world: &mut World, which: usize) {
    world.shop.answer_return(which);
}

/// A change at the storefront is told, in whatever order.
pub fn tell_change(world: &mut World, which: usize) {
    let Some(which) = which.checked_rem(world.shop.untold.len()) else { return };
    let what = world.shop.untold.remove(which);
    let decision = crossdock_domain::accept::storefront_changed(&world.order, &what);
    world.record(&format!("fact:shopify:{what}"), decision);
}

pub fn ask_for_return(world: &mut World, which: usize) {
    let ids: Vec<String> = world.order.goods().map(|(_, line)| line.id.clone()).collect();
    let Some(id) = pick(&ids, which) else { return };
    let resolution = [Resolution::Refund, Resolution::Refund, Resolution::Keep, Resolution::Reship][which / 3 % 4];
    let is_untouched =
        world.is_left_alone && world.stop_reports.is_empty() && world.order.reversals.cancellations.is_empty();
    let resolution = if resolution == Resolution::Reship && !is_untouched { Resolution::Refund } else { resolution };
    let reason = if which.is_multiple_of(4) { "lost" } else { "unwanted" };
    let lines = vec![(id, 1 + u32::try_from(which % 2).unwrap(), reason.to_owned())];
    let command = ReturnCommand { lines, resolution, request_hash: "ab".into(), at: world.now() };
    if let Ok(decision) = request_return(&world.order, &command) {
        world.record(&format!("api:return:{}", world.order.seq), decision);
    }
}

/// Goods come back: announced or not, in any state, of the right kind or not.
pub fn come_back(world: &mut World, which: usize) {
    let expected: Vec<u32> = (1..9).filter(|number| world.outside.contains_key(&format!("RMA{number}"))).collect();
    let named = if which.is_multiple_of(4) { None } else { pick(&expected, which / 4) };
    let name = sku(SKUS[which % SKUS.len()]);
    let units =
        if which.is_multiple_of(9) { 1 } else { world.with_buyer(&name).min(1 + u32::try_from(which % 2).unwrap()) };
    let dispositions = [Disposition::Restock, Disposition::Restock, Disposition::Quarantine, Disposition::Scrap];
    if units > 0 {
        world.comes_back(named, Some((name, units, dispositions[which / 5 % 4])), which.is_multiple_of(6));
    }
}

pub fn tell_back(world: &mut World, which: usize) {
    world.tell_back(which);
}

/// Somebody says his word about something that waits for it: a yes or a no, or the other where that means nothing.
pub fn say(world: &mut World, which: usize) {
    let prefers_no = which.is_multiple_of(4);
    let answer = |about: &str, is_no: bool| {
        let decision = if is_no { decline(&world.order, about) } else { resolve(&world.order, about) };
        (!decision.events.is_empty()).then_some((about.to_owned(), is_no, decision))
    };
    // Much of what needs attention waits for no word: a task does, or money that is missing.
    let abouts = world.order.attention().into_iter().map(|attention| attention.about);
    let waiting: Vec<_> =
        abouts.filter_map(|about| answer(&about, prefers_no).or_else(|| answer(&about, !prefers_no))).collect();
    let Some((about, is_no, decision)) = pick(&waiting, which / 4) else { return };
    let word = if is_no { "decline" } else { "retry" };
    let told = world.record(&format!("{word}:{about}:{}", world.order.seq), decision);
    world.is_left_alone &= !(is_no && told);
}

fn dispute(world: &World, end: Option<DisputeOutcome>) -> DisputeReport {
    DisputeReport {
        id: "D1".into(),
        gateway: "shopify_payments".into(),
        amount: minor(500),
        currency: "GBP".parse().unwrap(),
        opened_at: world.now(),
        end: end.map(|outcome| (outcome, world.now())),
    }
}

pub fn open_dispute(world: &mut World, _: usize) {
    let decision = record_dispute(&world.order, &dispute(world, None));
    world.record("fact:shopify:dispute:open", decision);
}

pub fn close_dispute(world: &mut World, which: usize) {
    if world.order.reversals.disputes.is_empty() {
        return;
    }
    let lost = which.is_multiple_of(3);
    let outcome = if lost { DisputeOutcome::Lost } else { DisputeOutcome::Won };
    let decision = record_dispute(&world.order, &dispute(world, Some(outcome)));
    let told = world.record("fact:shopify:dispute:closed", decision);
    world.is_left_alone &= !(told && lost);
}

/// What an outcome means on the order as it is by then.
pub fn decide(outcome: &Outcome, order: &crossdock_domain::Order) -> crossdock_domain::event::Decision {
    match outcome {
        Outcome::Happened(fact) => fact.clone().into(),
        Outcome::Stopped { number, told } => stop_answered(order, *number, told),
        Outcome::Read { report, changes } => crossdock_domain::sales::record_sales(order, report, *changes),
        Outcome::Issued { number, .. } if order.reversals.issued.contains_key(number) => {
            crossdock_domain::event::Decision::default()
        }
        Outcome::Issued { number, issued } => {
            crossdock_domain::Event::RefundIssued { number: *number, issued: issued.clone() }.into()
        }
    }
}
