//! What commits say of the business. Nothing is read for it: a commit and its summary are all there is.

use std::collections::BTreeSet;

use crossdock_domain::{Attention, Commit, Event};
use crossdock_runner::metrics;
use crossdock_step::telemetry::Metrics;
use jiff::Timestamp;

/// Counts a batch of commits. A commit that the stream delivers twice is counted twice, and one that it loses is not
/// counted: the log has the truth, these are for watching.
#[must_use]
pub fn figures(commits: &[Commit], now: Timestamp) -> Metrics {
    let mut figures = Metrics::of("publish-events");
    for commit in commits {
        for event in &commit.events {
            count(&mut figures, commit, event);
            measure(&mut figures, commit, event);
        }
    }
    raised(&mut figures, commits);
    if let Some(oldest) = commits.iter().map(|commit| commit.at).min() {
        figures.add(metrics::PUBLISHING_LAG_SECONDS, seconds(oldest, now));
    }
    figures
}

/// Never negative: clocks of other systems are not ours.
fn seconds(from: Timestamp, until: Timestamp) -> i64 {
    until.duration_since(from).as_secs().max(0)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "most facts are counted by nobody")]
fn count(figures: &mut Metrics, commit: &Commit, event: &Event) {
    match event {
        Event::OrderAccepted(accepted) => {
            figures.add(metrics::ORDERS_ACCEPTED, 1);
            let order = &accepted.order;
            figures.add_for(metrics::REVENUE_MINOR, order.currency.code(), order.total.get());
        }
        Event::OrderRefused(_) => figures.add(metrics::ORDERS_REFUSED, 1),
        Event::OrderHeld { .. } => figures.add(metrics::ORDERS_HELD, 1),
        Event::OrderCompleted {} => figures.add(metrics::ORDERS_COMPLETED, 1),
        Event::TaskParked(parked) => figures.add_for(metrics::TASKS_PARKED, parked.task.kind.to_string(), 1),
        Event::TaskOverdue { task } => figures.add_for(metrics::TASKS_OVERDUE, task.kind.to_string(), 1),
        Event::StockParked(parked) => figures.add_for(metrics::EXCEPTIONS_RAISED, parked.class.to_string(), 1),
        Event::CatalogueItemRefused(refused) => {
            figures.add_for(metrics::EXCEPTIONS_RAISED, refused.class.to_string(), 1);
        }
        Event::ShipmentRecorded(shipment) => {
            figures.add(metrics::SHIPMENT_NEWS_SECONDS, seconds(shipment.shipped_at, commit.at));
        }
        _ => {}
    }
}

/// How long the first of each document took from the buyer's click.
#[expect(clippy::wildcard_enum_match_arm, reason = "most facts end nothing that is measured")]
fn measure(figures: &mut Metrics, commit: &Commit, event: &Event) {
    let (metric, until) = match event {
        Event::OrderAllocated(allocation) if allocation.number == 1 => (metrics::CLICK_TO_ALLOCATE_SECONDS, commit.at),
        Event::ShipmentRecorded(shipment) if shipment.number == 1 => {
            (metrics::CLICK_TO_SHIP_SECONDS, shipment.shipped_at)
        }
        Event::InvoicePosted { shipment: 1, .. } => (metrics::CLICK_TO_INVOICE_SECONDS, commit.at),
        _ => return,
    };
    figures.add(metric, seconds(commit.summary.placed_at, until));
}

/// What needs a person since one of these commits: held orders, tasks that were given up, returns, refunds and changes
/// that wait for somebody's word.
fn raised(figures: &mut Metrics, commits: &[Commit]) {
    let mut seen = BTreeSet::new();
    for commit in commits {
        // One that comes back after a retry ages from its first time, and is raised again. A late task is counted as such.
        let begins = |found: &&Attention| found.last_seen() == commit.at && found.class != "overdue";
        for exception in commit.summary.attention.iter().filter(begins) {
            if seen.insert((&commit.stream, &exception.about, exception.last_seen())) {
                figures.add_for(metrics::EXCEPTIONS_RAISED, exception.class.clone(), 1);
            }
        }
    }
}
