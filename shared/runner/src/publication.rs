//! From commits to the bus and the view. Used by the stream's function and, for what the stream has lost, by the one
//! that watches deadlines.

use std::collections::BTreeSet;

use crossdock_domain::{Commit, OrderId};
use crossdock_log::{OrderView, Showing, Views};
use crossdock_step::{Bus, BusEntry, Failure};
use serde_json::json;

use crate::commit::store_failure;

/// A commit's events as the bus takes them.
#[must_use]
pub fn bus_entries(commit: &Commit) -> Vec<BusEntry> {
    let kind = if commit.stream.starts_with("order#") { "order" } else { "inventory" };
    let moved: BTreeSet<&str> = commit.moves.iter().map(|stock| stock.sku.as_str()).collect();
    let entry = |(index, event): (usize, &crossdock_domain::Event)| {
        let written = serde_json::to_value(event).unwrap_or_default();
        let mut entry = BusEntry {
            source: format!("crossdock.{kind}"),
            detail_type: event.type_name().to_owned(),
            detail: json!({
                "metadata": {
                    "event_id": commit.event_id(index),
                    "stream": commit.stream,
                    "seq": commit.seq,
                    "correlation_id": commit.correlation_id,
                    "causation_id": commit.causation_id,
                    "occurred_at": commit.at,
                    "actor": commit.actor,
                    "routes": commit.summary.routes,
                },
                "data": written.get("data").cloned().unwrap_or_else(|| json!({})),
            }),
            at: commit.at,
        };
        // Said once per commit: whoever shows stock somewhere is called once.
        if index == 0 && !moved.is_empty() {
            entry.detail["metadata"]["moved"] = json!(moved);
        }
        entry
    };
    commit.events.iter().enumerate().map(entry).collect()
}

/// A row of the view that was written: what it was before, if it was, and what it is.
pub type Turn = (Option<Box<OrderView>>, OrderView);

/// Publishes commits: events first, then one row of the view per order, so that the view's number proves publication.
/// Gives back the rows of orders that were written.
///
/// # Errors
/// The bus or the view does not take all of it; publishing again is harmless.
pub async fn publish(commits: &[Commit], bus: &dyn Bus, views: &dyn Views) -> Result<Vec<Turn>, Failure> {
    let entries: Vec<BusEntry> = commits.iter().flat_map(bus_entries).collect();
    if !entries.is_empty() {
        bus.put(entries).await?;
    }
    let mut last: std::collections::BTreeMap<&str, &Commit> = std::collections::BTreeMap::new();
    for commit in commits {
        let newest = last.entry(&commit.stream).or_insert(commit);
        if newest.seq < commit.seq {
            *newest = commit;
        }
    }
    let mut turns = Vec::new();
    for commit in last.into_values() {
        if let Ok(order_id) = OrderId::from_stream(&commit.stream) {
            let row = OrderView::of(&order_id, commit);
            if let Showing::Written(before) = views.show(&row).await.map_err(store_failure)? {
                turns.push((before, row));
            }
        } else if let Some(row) = OrderView::of_stock(commit) {
            views.show(&row).await.map_err(store_failure)?;
        }
    }
    Ok(turns)
}
