//! What was promised, what has left, and what a report of the 3PL means.

use jiff::Timestamp;

use crate::cancel::{Units, quantities};
use crate::canonical::{Line, LineKind};
use crate::event::{Allocation, Decision, Event, Hold, HoldCode, LineQuantity, Shipment, Tracking};
use crate::ids::Sku;
use crate::item::{Movement, StockMove, merged};
use crate::kit::moved;
use crate::order::{At, Order};

/// What a 3PL says has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShipmentReport {
    /// The 3PL's identity of the shipment.
    pub id: String,
    /// Number of our allocation, from the reference that the 3PL gave back.
    pub allocation: u32,
    /// What is in it.
    pub lines: Vec<(Sku, u32)>,
    /// How to follow it.
    pub tracking: Vec<Tracking>,
    /// When it left.
    pub shipped_at: Timestamp,
}

impl Order {
    /// Lines of goods with their position.
    pub fn goods(&self) -> impl Iterator<Item = (usize, &Line)> {
        self.lines().enumerate().filter(|(_, line)| line.kind == LineKind::Product && line.quantity > 0)
    }

    /// Units of a line that are promised at a location: those that the 3PL has stopped are not any more.
    #[must_use]
    pub fn allocated(&self, line: usize) -> u32 {
        let promised = units(self.allocations.values().flat_map(|a| &a.fact.lines), line);
        promised.saturating_sub(self.stopped(line))
    }

    /// Units of a line that have left.
    #[must_use]
    pub fn shipped(&self, line: usize) -> u32 {
        units(self.shipments.values().flat_map(|s| &s.fact.lines), line)
    }

    /// Units of a line that have been invoiced.
    #[must_use]
    pub fn invoiced(&self, line: usize) -> u32 {
        let invoiced = self.shipments.values().filter(|s| self.invoices.contains_key(&s.fact.number));
        units(invoiced.flat_map(|s| &s.fact.lines), line)
    }

    /// Units that are not promised anywhere yet, by line.
    pub fn unallocated(&self) -> impl Iterator<Item = (usize, &Line, u32)> {
        self.goods().filter_map(|(index, line)| {
            let missing = self.wanted(index).saturating_sub(self.allocated(index));
            (missing > 0).then_some((index, line, missing))
        })
    }

    /// Number of the next allocation.
    #[must_use]
    pub fn next_allocation(&self) -> u32 {
        self.allocations.keys().max().map_or(1, |last| last + 1)
    }

    /// Units of an allocation that have neither left nor were stopped.
    #[must_use]
    pub fn unshipped_of(&self, allocation: &At<Allocation>) -> Vec<LineQuantity> {
        let number = allocation.fact.number;
        let gone = |line| {
            let of_this = self.shipments.values().filter(|shipment| shipment.fact.allocation == number);
            let stops = self.reversals.stops.get(&number).into_iter().flatten();
            units(of_this.flat_map(|s| &s.fact.lines), line) + units(stops.flat_map(|stop| &stop.stopped), line)
        };
        let open = allocation
            .fact
            .lines
            .iter()
            .map(|line| LineQuantity { line: line.line, quantity: line.quantity.saturating_sub(gone(line.line)) });
        open.filter(|line| line.quantity > 0).collect()
    }

    /// What the storefront is told of a shipment: not units that it has taken off the order itself, nor those that
    /// left a second time; nothing where it has cancelled the order, of which it lets nothing leave any more.
    #[must_use]
    pub fn to_announce(&self, number: u32) -> Vec<LineQuantity> {
        let shipment = self.shipments.get(&number).filter(|_| !self.is_cancelled_at_storefront());
        let Some(shipment) = shipment else { return Vec::new() };
        let told = |line: usize| units(self.shipments.range(..number).flat_map(|(_, s)| &s.fact.lines), line);
        let room = |line: usize| {
            let off = self.cancellation_asked(line, |by| !by.refunded_by_us());
            self.ordered(line).saturating_sub(off + told(line))
        };
        let mut lines: Vec<LineQuantity> = Vec::new();
        for line in &shipment.fact.lines {
            let left = room(line.line).saturating_sub(units(lines.iter(), line.line));
            let quantity = line.quantity.min(left);
            if quantity > 0 {
                lines.push(LineQuantity { line: line.line, quantity });
            }
        }
        lines
    }

    /// Units of a line of which the storefront was told that they have left.
    pub(crate) fn announced(&self, line: usize) -> u32 {
        let told = self.shipments.values().filter(|shipment| self.announcements.contains_key(&shipment.fact.number));
        units(told.flat_map(|shipment| &shipment.fact.lines), line)
    }

    /// Whether every unit that is still wanted has left.
    #[must_use]
    pub fn is_shipped(&self) -> bool {
        !self.shipments.is_empty() && self.goods().all(|(index, _)| self.shipped(index) >= self.wanted(index))
    }

    /// The SKU of a line.
    #[must_use]
    pub fn sku(&self, line: usize) -> Option<&Sku> {
        self.line(line)?.sku.as_ref()
    }
}

/// Units of one line in a list of quantities.
pub(crate) fn units<'a>(lines: impl Iterator<Item = &'a LineQuantity>, line: usize) -> u32 {
    lines.filter(|quantity| quantity.line == line).map(|quantity| quantity.quantity).sum()
}

/// Records what a 3PL says has left. The same shipment told twice is one; units that were not asked for are recorded
/// as a hold, because what happened outside is never dropped.
#[must_use]
pub fn record_shipment(order: &Order, report: &ShipmentReport) -> Decision {
    if order.shipments.values().any(|known| known.fact.id == report.id) {
        return Decision::default();
    }
    let Some(allocation) = order.allocations.get(&report.allocation) else {
        let detail = format!("shipment {} is for part {}, which was never asked for", report.id, report.allocation);
        return Event::OrderHeld { holds: vec![Hold::new(HoldCode::ShippedDifferently, detail)] }.into();
    };
    // What is not wanted any more may be stopped yet.
    let is_wanted = |line: usize| order.wanted(line).saturating_sub(order.shipped(line));
    let (lines, surplus) = take_first(order, &mut order.unshipped_of(allocation), &report.lines, is_wanted);
    let surplus: Vec<String> = surplus.iter().map(|(sku, left)| format!("{left} x {sku}")).collect();
    let mut decision = Decision::default();
    if !lines.is_empty() {
        let shipment = shipment(order, &allocation.fact, (report, lines));
        decision.moves = leaving(order, &allocation.fact, &shipment);
        decision.events.push(Event::ShipmentRecorded(shipment));
    }
    if !surplus.is_empty() {
        let detail = format!("shipment {} has more than was asked for: {}", report.id, surplus.join(", "));
        decision.events.push(Event::OrderHeld { holds: vec![Hold::new(HoldCode::ShippedDifferently, detail)] });
    }
    decision
}

/// Takes units of SKUs from the open lines: of lines of the same SKU first as many as `first` says, then whatever is
/// open. Gives back what was taken and what could not be placed.
pub(crate) fn take_first(
    order: &Order,
    open: &mut [LineQuantity],
    told: &[(Sku, u32)],
    first: impl Fn(usize) -> u32,
) -> (Vec<LineQuantity>, Vec<(Sku, u32)>) {
    let capped = |line: &LineQuantity| LineQuantity { line: line.line, quantity: line.quantity.min(first(line.line)) };
    let mut preferred: Vec<LineQuantity> = open.iter().map(capped).collect();
    let (mut lines, mut surplus) = (Vec::new(), Vec::new());
    for (sku, quantity) in told {
        let before = lines.len();
        let left = take(order, &mut preferred, (sku, *quantity), &mut lines);
        for line in open.iter_mut() {
            line.quantity -= units(lines.iter().skip(before), line.line);
        }
        let left = take(order, open, (sku, left), &mut lines);
        if left > 0 {
            surplus.push((sku.clone(), left));
        }
    }
    let mut taken = Units::new();
    for line in &lines {
        *taken.entry(line.line).or_default() += line.quantity;
    }
    (quantities(&taken), surplus)
}

/// Takes units of a SKU from the open lines; gives back how many could not be placed.
fn take(order: &Order, open: &mut [LineQuantity], want: (&Sku, u32), taken: &mut Vec<LineQuantity>) -> u32 {
    let (sku, mut left) = want;
    for line in open.iter_mut().filter(|line| order.sku(line.line) == Some(sku)) {
        let quantity = left.min(line.quantity);
        if quantity > 0 {
            line.quantity -= quantity;
            left -= quantity;
            taken.push(LineQuantity { line: line.line, quantity });
        }
    }
    left
}

fn shipment(order: &Order, allocation: &Allocation, what: (&ShipmentReport, Vec<LineQuantity>)) -> Shipment {
    let (report, lines) = what;
    Shipment {
        number: order.shipments.keys().max().map_or(1, |last| last + 1),
        id: report.id.clone(),
        allocation: allocation.number,
        location: allocation.location.clone(),
        lines,
        tracking: report.tracking.clone(),
        shipped_at: report.shipped_at,
    }
}

/// Goods that leave are there no more, and promised no more.
fn leaving(order: &Order, allocation: &Allocation, shipment: &Shipment) -> Vec<StockMove> {
    let moves = shipment.lines.iter().filter_map(|line| {
        let gone = i64::from(line.quantity);
        let sold = StockMove {
            on_hand: -gone,
            reserved: -gone,
            channel: Some(order.id.connection.clone()),
            occurred_at: Some(shipment.shipped_at),
            ..StockMove::new(Movement::Shipped, order.sku(line.line)?.clone(), shipment.location.clone())
        };
        Some(moved(&allocation.kits, sold))
    });
    merged(moves.flatten())
}
