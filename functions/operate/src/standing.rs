//! How everything stands: what watch-deadlines has found in the last minute, and what was counted since.

use std::collections::BTreeMap;

use crossdock_domain::overview::Overview;
use crossdock_log::{StoreError, Tally};
use crossdock_runner::tally::{
    COMPLETED, HELD, LAST_DRIFT, OVERVIEW, REFUSED, TAKEN, TOUCHLESS, counted_in, counts_by_hour, in_minute, percent,
    tally_id,
};
use crossdock_step::api::{Answer, Caller, Problem, Reply, Request};
use futures_util::future::{try_join_all, try_join3};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::Operate;

/// Rates are of the last day, the hour that runs included.
const HOURS: i64 = 24;

/// Orders per minute are of so many minutes before the one that runs.
const MINUTES: i64 = 10;

/// What was counted of orders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rates {
    /// Orders of the last ten whole minutes.
    pub(crate) last_minutes: i64,
    /// Orders that came in a day.
    pub(crate) taken: i64,
    held: i64,
    refused: i64,
    completed: i64,
    touchless: i64,
}

impl Rates {
    /// Of the orders that came, those that were accepted at once.
    pub(crate) fn acceptance(&self) -> Option<i64> {
        percent(self.taken - self.held, self.taken + self.refused)
    }

    /// Of the orders that were completed, those that nobody had to see to.
    pub(crate) fn touchless(&self) -> Option<i64> {
        percent(self.touchless, self.completed)
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "orders_last_10_minutes": self.last_minutes,
            "orders_24_hours": self.taken,
            "completed_24_hours": self.completed,
            "acceptance_percent": self.acceptance(),
            "touchless_percent": self.touchless(),
        })
    }

    /// Adds what was counted of one connection's orders.
    fn add(&mut self, connection: &str, hours: &BTreeMap<String, Tally>, now: Timestamp) {
        let minutes = (1..=MINUTES).map(|minute| now - SignedDuration::from_mins(minute));
        let in_minute = |at| hours.get(&tally_id(connection, at))?.get(&in_minute(TAKEN, at));
        self.last_minutes += minutes.filter_map(in_minute).sum::<i64>();
        self.taken += counted_in(hours, TAKEN);
        self.held += counted_in(hours, HELD);
        self.refused += counted_in(hours, REFUSED);
        self.completed += counted_in(hours, COMPLETED);
        self.touchless += counted_in(hours, TOUCHLESS);
    }
}

impl Operate {
    pub(crate) async fn read_overview(&self, request: &Request) -> Answer {
        let caller = request.allowed_everywhere("ops:read")?;
        let (overview, rates, drift) = try_join3(self.overview(), self.rates(caller), self.drift()).await?;
        let told = json!({ "overview": overview, "rates": rates.json(), "drift": drift });
        Ok(Reply::json(StatusCode::OK, &told))
    }

    /// What watch-deadlines has found last; nothing before its first run.
    pub(crate) async fn overview(&self) -> Result<Option<Overview>, Problem> {
        let kept = self.markers.marker(OVERVIEW).await.map_err(Problem::unavailable_because)?;
        Ok(kept.and_then(|kept| serde_json::from_str(&kept).ok()))
    }

    /// What reconcile has found last.
    pub(crate) async fn drift(&self) -> Result<Option<Value>, Problem> {
        let kept = self.markers.marker(LAST_DRIFT).await.map_err(Problem::unavailable_because)?;
        Ok(kept.and_then(|kept| serde_json::from_str(&kept).ok()))
    }

    /// What was counted of all connections that a caller reaches.
    pub(crate) async fn rates(&self, caller: &Caller) -> Result<Rates, Problem> {
        let now = self.recorder.clock().now();
        let records = self.reached(caller).await?;
        let names = records.iter().filter(|record| record.takes_orders()).map(|record| record.connection.as_str());
        let markers = self.markers.as_ref();
        let each = names.map(|name| async move {
            let hours = counts_by_hour(name, markers, (now, HOURS)).await?;
            Ok::<_, StoreError>((name, hours))
        });
        let each = try_join_all(each).await.map_err(Problem::unavailable_because)?;
        let mut sum = Rates::default();
        for (name, hours) in each {
            sum.add(name, &hours, now);
        }
        Ok(sum)
    }
}
