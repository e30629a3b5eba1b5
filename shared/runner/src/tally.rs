//! What has become of orders, counted per connection and hour from what the view's rows were and are. A row that is
//! written twice counts once; a count that is lost with its function is missing, so money is never counted here.

use std::collections::BTreeMap;

use crossdock_log::{Markers, StoreError, Tally};
use jiff::{SignedDuration, Timestamp};

use crate::publication::Turn;

/// The record that watch-deadlines keeps the overview in.
pub const OVERVIEW: &str = "overview";

/// The record that reconcile keeps what its last run has found in.
pub const LAST_DRIFT: &str = "drift";

/// Counts are kept so long.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 40);

/// An order has come: accepted or held.
pub const TAKEN: &str = "taken";
/// Of them: held at once.
pub const HELD: &str = "held";
/// A caller was told no.
pub const REFUSED: &str = "refused";
/// Nothing is left to do of an order.
pub const COMPLETED: &str = "completed";
/// Of them: without anybody's doing.
pub const TOUCHLESS: &str = "touchless";

/// The name of the counts of a connection and the hour of a moment.
#[must_use]
pub fn tally_id(connection: &str, at: Timestamp) -> String {
    format!("tally#{connection}#{}", at.strftime("%Y-%m-%dT%H"))
}

/// The name of a count within one minute of its hour.
#[must_use]
pub fn in_minute(name: &str, at: Timestamp) -> String {
    format!("{name}@{}", at.strftime("%M"))
}

/// What rows that were written add to the counts, by the counts' name.
#[must_use]
pub fn tallied(turns: &[Turn]) -> BTreeMap<String, Tally> {
    let mut found: BTreeMap<String, Tally> = BTreeMap::new();
    for (before, row) in turns {
        let before = before.as_ref().map_or("", |row| row.status.as_str());
        let names = turned((before, row.status.as_str()), row.touched);
        for name in names {
            let tally = found.entry(tally_id(&row.connection, row.updated_at)).or_default();
            *tally.entry(name.to_owned()).or_default() += 1;
            if name == TAKEN {
                *tally.entry(in_minute(name, row.updated_at)).or_default() += 1;
            }
        }
    }
    found
}

fn turned((before, now): (&str, &str), touched: bool) -> Vec<&'static str> {
    let is_here = |status: &str| !["", "announced", "refused", "test"].contains(&status);
    let mut names = Vec::new();
    if is_here(now) && !is_here(before) {
        names.push(TAKEN);
        if now == "held" {
            names.push(HELD);
        }
    }
    if now == "refused" && before != now {
        names.push(REFUSED);
    }
    if now == "completed" && before != now {
        names.push(COMPLETED);
        if !touched {
            names.push(TOUCHLESS);
        }
    }
    names
}

/// Adds to the counts what rows that were written add to them.
///
/// # Errors
/// The store does not answer.
pub async fn count_turns(turns: &[Turn], markers: &dyn Markers, now: Timestamp) -> Result<(), StoreError> {
    for (id, tally) in tallied(turns) {
        markers.count(&id, &tally, now + KEPT).await?;
    }
    Ok(())
}

/// Counts of a connection by the name of their hour, over so many hours, the hour of `now` included.
///
/// # Errors
/// The store does not answer.
pub async fn counts_by_hour(
    connection: &str,
    markers: &dyn Markers,
    (now, hours): (Timestamp, i64),
) -> Result<BTreeMap<String, Tally>, StoreError> {
    let ids: Vec<String> =
        (0..hours).map(|hour| tally_id(connection, now - SignedDuration::from_hours(hour))).collect();
    markers.counted(&ids).await
}

/// A count of all hours together.
#[must_use]
pub fn counted_in(hours: &BTreeMap<String, Tally>, name: &str) -> i64 {
    hours.values().filter_map(|tally| tally.get(name)).sum()
}

/// Whole parts of a hundred, rounded down; nothing where there is nothing to be a part of.
#[must_use]
pub fn percent(part: i64, whole: i64) -> Option<i64> {
    (whole > 0).then(|| part.max(0) * 100 / whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_become_of_an_order_counts_once() {
        for (before, now, touched, names) in [
            ("", "accepted", false, vec![TAKEN]),
            ("announced", "accepted", false, vec![TAKEN]),
            ("refused", "accepted", false, vec![TAKEN]),
            ("", "held", true, vec![TAKEN, HELD]),
            ("held", "accepted", true, vec![]),
            ("", "announced", false, vec![]),
            ("", "refused", false, vec![REFUSED]),
            ("refused", "refused", false, vec![]),
            ("", "test", false, vec![]),
            ("accepted", "completed", false, vec![COMPLETED, TOUCHLESS]),
            ("shipped", "completed", true, vec![COMPLETED]),
            ("", "completed", false, vec![TAKEN, COMPLETED, TOUCHLESS]),
            ("completed", "completed", false, vec![]),
        ] {
            assert_eq!(turned((before, now), touched), names, "{before} to {now}");
        }
    }

    #[test]
    fn counts_are_named_by_the_hour_and_the_minute() {
        let at = "2026-11-27T23:05:09Z".parse().unwrap();
        assert_eq!(tally_id("shopify-uk", at), "tally#shopify-uk#2026-11-27T23");
        assert_eq!(in_minute(TAKEN, at), "taken@05");
    }
}
