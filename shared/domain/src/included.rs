//! How much of what was edited at the storefront an order had in it when it was accepted: the first that we hear of an
//! order may be a later version of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::canonical::Line;
use crate::order::Order;
use crate::sales::{SalesReport, ToldEdit};

/// How many of the edits, oldest first, were in the order when it was accepted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Included {
    /// As a whole.
    pub(crate) whole: usize,
    /// With what they add: an order that was cancelled or refunded since is told as it was placed, and the added lines
    /// with it.
    pub(crate) additions: usize,
}

/// Units by line identity.
type Units = BTreeMap<String, i64>;

fn add(units: &mut Units, line: &str, quantity: i64) {
    if let Some(known) = units.get_mut(line) {
        *known += quantity;
    }
}

fn sum_of(lines: &[Line], id: &str) -> i64 {
    lines.iter().filter(|line| line.id == id).map(|line| i64::from(line.quantity)).sum()
}

/// Compares the units that were accepted with those that were placed, edit by edit. Where nothing fits, no edit was in.
pub(crate) fn included(order: &Order, report: &SalesReport) -> Included {
    let Some(accepted) = order.accepted.as_ref().map(|known| &known.fact.order.lines) else {
        return Included::default();
    };
    let exchanged: BTreeSet<&str> =
        report.returns.iter().flat_map(|of| &of.exchange).map(|line| line.id.as_str()).collect();
    let edited = report.edits.iter().flat_map(|edit| &edit.added).map(|line| line.id.as_str());
    let lines: BTreeSet<&str> =
        accepted.iter().map(|line| line.id.as_str()).chain(edited).filter(|id| !exchanged.contains(id)).collect();
    let wanted: Units = lines.iter().map(|id| ((*id).to_owned(), sum_of(accepted, id))).collect();
    let placed = placed(&lines, report);
    let reached = |step: fn(&mut Units, &ToldEdit)| {
        let mut units = placed.clone();
        let mut edits = report.edits.iter();
        let mut count = 0;
        while units != wanted {
            step(&mut units, edits.next()?);
            count += 1;
        }
        Some(count)
    };
    match reached(edit_units) {
        Some(whole) => Included { whole, additions: whole },
        None => Included { whole: 0, additions: reached(add_units).unwrap_or(0) },
    }
}

/// Units as they were placed: what is on the order now, before all that was refunded, removed and added.
fn placed(lines: &BTreeSet<&str>, report: &SalesReport) -> Units {
    let mut units: Units = lines.iter().map(|id| ((*id).to_owned(), 0)).collect();
    for (line, quantity) in &report.current {
        add(&mut units, line, i64::from(*quantity));
    }
    for line in report.refunds.iter().flat_map(|refund| &refund.lines) {
        add(&mut units, &line.line_id, i64::from(line.quantity));
    }
    for edit in &report.edits {
        for (line, quantity) in &edit.removed {
            add(&mut units, line, i64::from(*quantity));
        }
        for line in &edit.added {
            add(&mut units, &line.id, -i64::from(line.quantity));
        }
    }
    units
}

fn edit_units(units: &mut Units, edit: &ToldEdit) {
    add_units(units, edit);
    for (line, quantity) in &edit.removed {
        add(units, line, -i64::from(*quantity));
    }
}

fn add_units(units: &mut Units, edit: &ToldEdit) {
    for line in &edit.added {
        add(units, &line.id, i64::from(line.quantity));
    }
}
