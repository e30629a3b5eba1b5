//! What can happen next.

use crossdock_domain::event::{FailureClass, Parked, WaitsOn};
use crossdock_domain::shipping::{ShipmentReport, record_shipment};
use crossdock_domain::{Event, Hold, HoldCode, Minor, Sku, Task, TaskKind, Tender, TenderStatus};

use super::generate::SKUS;
use super::shop::captured;
use super::taken_back;
use super::world::{Flight, World};
use crate::samples::{at, sku, tender};

type Action = fn(&mut World, usize);

/// Everything that can happen, by what people would call it, and how often it does in a whole life: work goes on and
/// parcels leave oftener than somebody changes his mind.
pub const ACTIONS: [(&str, u32, Action); 32] = [
    ("a task is done", 12, work),
    ("another task is done", 12, work),
    ("a task is begun", 4, begin),
    ("what was begun is committed", 4, land),
    ("a function dies before its commit", 1, lose),
    ("parcels leave", 6, ship),
    ("a shipment is told", 6, tell),
    ("the order is held", 1, hold),
    ("the hold is lifted", 3, lift),
    ("a task is parked", 1, park),
    ("a parked task is released", 2, release),
    ("late tasks are triggered again", 1, overdue),
    ("a task is claimed by somebody who dies", 4, claim),
    ("stock arrives", 2, restock),
    ("money arrives", 1, pay),
    ("the order is told again", 3, tell_again),
    ("a caller cancels", 1, taken_back::cancel_by_api),
    ("the storefront cancels", 1, taken_back::cancel_at_storefront),
    ("the 3PL stops by itself", 3, taken_back::stop_by_3pl),
    ("a stop is told", 6, taken_back::tell_stop),
    ("the order is edited", 1, taken_back::edit),
    ("units are refunded by hand", 1, taken_back::refund_units),
    ("money is given by hand", 1, taken_back::give),
    ("a payment back settles", 2, taken_back::settle_payment),
    ("a return is opened at the storefront", 4, taken_back::open_return),
    ("a return is answered at the storefront", 8, taken_back::answer_return),
    ("a change is told", 3, taken_back::tell_change),
    ("a caller asks for a return", 2, taken_back::ask_for_return),
    ("goods come back", 2, taken_back::come_back),
    ("goods that came back are told", 3, taken_back::tell_back),
    ("somebody says his word", 12, taken_back::say),
    ("a dispute opens or closes", 1, disputed),
];

/// How many of them, from the first, take nothing back.
pub const ORDINARY: usize = 16;

/// Beyond so many commits nobody disturbs any more: a stream is bounded.
const QUIET_AFTER: u64 = 100;

pub fn pick<T: Clone>(of: &[T], which: usize) -> Option<T> {
    of.get(which.checked_rem(of.len())?).cloned()
}

impl World {
    pub fn act(&mut self, choice: u16) {
        let (action, which) = (usize::from(choice) % ACTIONS.len(), usize::from(choice) / ACTIONS.len());
        if self.order.seq < QUIET_AFTER {
            let before = self.traces();
            self.seconds += 1;
            (ACTIONS[action].2)(self, which);
            let after = self.traces();
            self.taken[action] += usize::from(before != after);
        }
    }

    /// What shows that something has happened.
    fn traces(&self) -> [u64; 5] {
        let outside = self.flights.len() + self.reports.len() + self.stop_reports.len();
        let back: usize = self.back.iter().map(|back| back.report.lines.len()).sum();
        let shop = self.shop.refunds.len() + self.shop.returns.len();
        [self.order.seq, outside as u64, back as u64, shop as u64, self.shop.untold.len() as u64]
    }

    fn runnable(&self) -> Vec<Task> {
        self.order.runnable(self.now())
    }

    /// Calm: every fault is over, everybody does their work. Panics where that does not complete the order.
    pub fn finish(&mut self) {
        for round in 0..60 {
            let before = self.order.seq;
            self.seconds += 60;
            self.end_disturbances();
            for task in self.runnable() {
                if self.runnable().contains(&task) {
                    self.perform(&task);
                }
            }
            while !self.picking.is_empty() {
                ship(self, round);
            }
            self.tell_shipments();
            let is_quiet = self.flights.is_empty() && !self.shop.has_news() && self.order.seq == before;
            if is_quiet && self.order.completed_at.is_some() && self.order.outstanding().is_empty() {
                assert!(!self.order.is_full(), "it took too many commits");
                self.check_log();
                self.check_demand();
                return;
            }
        }
        let (status, tasks, needs) = (self.order.status(), self.order.outstanding(), self.order.attention());
        panic!("the order never ends: it is {status} with {tasks:?} and {needs:?}\n{}", super::story(self));
    }

    pub(super) fn end_disturbances(&mut self) {
        lift(self, 0);
        while !self.flights.is_empty() {
            land(self, 0);
        }
        if self.source.tenders.iter().any(|tender| tender.status == TenderStatus::Pending) {
            pay(self, 0);
        }
        self.settle_reversals();
        self.pay_what_is_due();
        for _ in 0..self.order.parked.len() {
            release(self, 0);
        }
        for which in 0..missing(self).len() {
            restock(self, which);
        }
    }

    /// The buyer pays what was added to the order, in time or too late.
    fn pay_what_is_due(&mut self) {
        let late = self.order.reversals.refused_changes.values().flat_map(|change| &change.fact.lines);
        let late: i64 = late.map(|line| line.price().unwrap().plus(line.tax().unwrap()).unwrap().get()).sum();
        let untold = captured(&self.source) - self.order.tendered().unwrap().get();
        let paid = self.order.paid_for_it().unwrap().get() + untold;
        let missing = self.order.amount_due().unwrap().get() + late - paid;
        if (late > 0 || self.order.holds.contains_key(&HoldCode::Unpaid)) && missing > 0 {
            let id = format!("DUE{}", self.order.seq);
            self.arrives(Tender { at: self.now(), ..tender(&id, missing) });
            self.tell_order();
        }
    }

    pub(super) fn ask_for_shipments(&mut self, allocation: u32) {
        let reports: Vec<ShipmentReport> =
            self.reports.iter().filter(|report| report.allocation == allocation).cloned().collect();
        if let Some(report) = reports.iter().find(|report| !record_shipment(&self.order, report).events.is_empty()) {
            self.tell_report(report);
        }
    }

    /// The 3PL tells of all that has left.
    pub(super) fn tell_shipments(&mut self) {
        (0..self.reports.len()).for_each(|which| tell(self, which));
    }

    fn tell_report(&mut self, report: &ShipmentReport) {
        let decision = record_shipment(&self.order, report);
        self.record(&format!("fact:shipbob:shipment:{}", report.id), decision);
    }
}

fn work(world: &mut World, which: usize) {
    if let Some(task) = pick(&world.runnable(), which) {
        world.perform(&task);
    }
}

fn begin(world: &mut World, which: usize) {
    let Some(task) = pick(&world.runnable(), which) else { return };
    if task.id.kind == TaskKind::IssueRefund && !world.order.is_refund_still_owed(task.number) {
        return;
    }
    world.claim_if_needed(&task);
    if let Some(outcome) = world.outcome(&task) {
        world.flights.push(Flight { task: task.id, outcome });
    }
}

/// A fact is appended whatever the order looks like by then.
fn land(world: &mut World, which: usize) {
    let Some(which) = which.checked_rem(world.flights.len()) else { return };
    let flight = world.flights.remove(which);
    let decision = taken_back::decide(&flight.outcome, &world.order);
    world.record(&format!("task:{}", flight.task), decision);
}

fn lose(world: &mut World, which: usize) {
    if let Some(which) = which.checked_rem(world.flights.len()) {
        world.flights.remove(which);
    }
}

/// The 3PL ships a part, or all, of what it still has.
fn ship(world: &mut World, which: usize) {
    let numbers: Vec<u32> = world.picking.keys().copied().collect();
    let Some(number) = pick(&numbers, which) else { return };
    let wanted = world.picking.remove(&number).unwrap_or_default();
    let (mut parcel, mut rest) = (Vec::new(), Vec::new());
    for (sku, quantity) in wanted {
        let gone = if which.is_multiple_of(3) { quantity } else { quantity.div_ceil(2) };
        parcel.push((sku.clone(), gone));
        if quantity > gone {
            rest.push((sku, quantity - gone));
        }
    }
    if !rest.is_empty() {
        world.picking.insert(number, rest);
    }
    let id = format!("SHIP-{}", world.reports.len());
    world.reports.push(ShipmentReport {
        id,
        allocation: number,
        lines: parcel,
        tracking: Vec::new(),
        shipped_at: world.now(),
    });
}

fn tell(world: &mut World, which: usize) {
    if let Some(report) = pick(&world.reports, which) {
        world.tell_report(&report);
    }
}

/// A hold that a person can lift.
fn hold(world: &mut World, _: usize) {
    let holds = vec![Hold::new(HoldCode::ShippedDifferently, "somebody wants to look")];
    world.record(&format!("hold:{}", world.order.seq), Event::OrderHeld { holds }.into());
}

fn lift(world: &mut World, _: usize) {
    if world.order.holds.contains_key(&HoldCode::ShippedDifferently) {
        let codes = vec![HoldCode::ShippedDifferently];
        world.record(&format!("lift:{}", world.order.seq), Event::OrderReleased { codes }.into());
    }
}

fn park(world: &mut World, which: usize) {
    let Some(task) = pick(&world.order.outstanding(), which) else { return };
    if !world.order.parked.contains_key(&task.id) {
        let (task, class, waits_on) = (task.id, FailureClass::Exhausted, WaitsOn::Operator);
        let parked = Parked {
            task: task.clone(),
            class,
            reason: "it died".into(),
            waits_on,
            at: None,
            part: 0,
            kits: [].into(),
        };
        world.record(&format!("park:{task}:{}", world.order.seq), Event::TaskParked(parked).into());
    }
}

fn release(world: &mut World, which: usize) {
    let parked: Vec<_> = world.order.parked.keys().cloned().collect();
    if let Some(task) = pick(&parked, which) {
        let cause = format!("release:{task}:{}", world.order.seq);
        world.record(&cause, Event::TaskReleased { task }.into());
    }
}

fn overdue(world: &mut World, _: usize) {
    let Some(due) = world.order.next_due() else { return };
    world.seconds += due.duration_since(world.now()).as_secs().max(0) + 1;
    let now = world.now();
    let late: Vec<Task> =
        world.order.outstanding().into_iter().filter(|task| world.order.due_at(task) <= now).collect();
    for task in late {
        let cause = format!("due:{}:{}", task.id, world.order.seq);
        world.record(&cause, Event::TaskOverdue { task: task.id }.into());
    }
}

fn claim(world: &mut World, which: usize) {
    let tasks: Vec<Task> =
        world.runnable().into_iter().filter(|task| task.id.kind == TaskKind::AnnounceShipment).collect();
    if let Some(task) = pick(&tasks, which) {
        world.claim_if_needed(&task);
    }
}

/// What may be missing of what is not promised yet.
fn missing(world: &World) -> Vec<Sku> {
    let sold = world.order.unallocated().filter_map(|(_, line, _)| line.sku.clone());
    sold.flat_map(|sold| world.parts_of(&sold)).collect()
}

/// Nine of one SKU arrive in London, and whoever waited for it goes on.
fn restock(world: &mut World, which: usize) {
    let skus = SKUS.iter().flat_map(|name| world.parts_of(&sku(name))).collect::<Vec<Sku>>();
    let missing = missing(world);
    let Some(sku) = pick(if missing.is_empty() { &skus } else { &missing }, which) else { return };
    let london = world.stock.get_mut(&sku).unwrap().stock.get_mut(&"LON1".parse().unwrap()).unwrap();
    london.on_hand += 9;
    london.available += 9;
    *world.arrived.entry(sku.clone()).or_default() += 9;
    let waits = |parked: &Parked| parked.waits_on == WaitsOn::Sku(sku.clone());
    let waiting: Vec<_> = world
        .order
        .parked
        .values()
        .filter(|parked| waits(&parked.fact))
        .map(|parked| parked.fact.task.clone())
        .collect();
    for task in waiting {
        let cause = format!("release:{task}:{}", world.order.seq);
        world.record(&cause, Event::TaskReleased { task }.into());
    }
}

/// What was promised is captured; where nothing was, somebody pays a little too much, once.
fn pay(world: &mut World, _: usize) {
    let promised = world.source.tenders.iter_mut().find(|tender| tender.status == TenderStatus::Pending);
    if let Some(tender) = promised {
        (tender.status, tender.at) = (TenderStatus::Captured, at(world.seconds));
        let what = format!("payment:{}", tender.id);
        world.shop.untold.push(what);
    } else if !world.source.tenders.iter().any(|tender| tender.id == "EXTRA") && world.source.total > Minor::ZERO {
        world.arrives(Tender { at: world.now(), ..tender("EXTRA", 7) });
        world.is_left_alone = false;
    }
    world.tell_order();
}

fn tell_again(world: &mut World, _: usize) {
    let before = world.order.seq;
    world.tell_order();
    assert_eq!(world.order.seq, before, "an order told again says nothing new");
    // The shipments of a day are told again too.
    world.tell_shipments();
}

fn disputed(world: &mut World, which: usize) {
    if which.is_multiple_of(2) {
        taken_back::open_dispute(world, which)
    } else {
        taken_back::close_dispute(world, which)
    }
}
