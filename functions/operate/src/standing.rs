//! How everything stands: what watch-deadlines has found in the last minute, and what was counted since.

use crossdock_domain::overview::Overview;
use crossdock_log::Tally;
use crossdock_runner::tally::{
    COMPLETED, HELD, LAST_DRIFT, OVERVIEW, REFUSED, TAKEN, TOUCHLESS, counts_of, in_minute, tally_id,
};
use crossdock_step::api::{Answer, Caller, Problem, Reply, Request};
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::Operate;

/// Rates are of the last day, the hour that runs included.
const HOURS: i64 = 24;

/// Orders per minute are of so many minutes before the one that runs.
const MINUTES: i64 = 10;

/// What was counted of a connection's orders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rates {
    /// Orders of the last ten whole minutes.
    pub(crate) last_minutes: i64,
    /// What was counted in a day.
    pub(crate) day: Tally,
}

impl Rates {
    fn count(&self, name: &str) -> i64 {
        self.day.get(name).copied().unwrap_or(0)
    }

    /// Orders that came.
    pub(crate) fn taken(&self) -> i64 {
        self.count(TAKEN)
    }

    /// Parts of a hundred, where there is something to be a part of.
    fn percent(part: i64, whole: i64) -> Option<i64> {
        (whole > 0).then(|| part.max(0) * 100 / whole)
    }

    /// Of the orders that came, those that were accepted at once.
    pub(crate) fn acceptance(&self) -> Option<i64> {
        let (taken, refused) = (self.count(TAKEN), self.count(REFUSED));
        Self::percent(taken - self.count(HELD), taken + refused)
    }

    /// Of the orders that were completed, those that nobody had to see to.
    pub(crate) fn touchless(&self) -> Option<i64> {
        Self::percent(self.count(TOUCHLESS), self.count(COMPLETED))
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "orders_last_10_minutes": self.last_minutes,
            "orders_24_hours": self.count(TAKEN),
            "completed_24_hours": self.count(COMPLETED),
            "acceptance_percent": self.acceptance(),
            "touchless_percent": self.touchless(),
        })
    }

    fn add(&mut self, other: &Self) {
        self.last_minutes += other.last_minutes;
        for (name, count) in &other.day {
            *self.day.entry(name.clone()).or_default() += count;
        }
    }
}

impl Operate {
    pub(crate) async fn read_overview(&self, request: &Request) -> Answer {
        let caller = request.allowed_everywhere("ops:read")?;
        let overview = self.overview().await?;
        let rates = self.rates(caller).await?;
        let drift = self.drift().await?;
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
        let mut sum = Rates::default();
        for record in self.reached(caller).await? {
            if record.settings.get("channel").is_none() {
                continue;
            }
            let (name, markers) = (record.connection.as_str(), self.markers.as_ref());
            let day = counts_of(name, markers, (now, HOURS)).await.map_err(Problem::unavailable_because)?;
            let mut last_minutes = 0;
            for hour in [now, now - SignedDuration::from_hours(1)] {
                let id = tally_id(name, hour);
                let counts = markers.counted(&id).await.map_err(Problem::unavailable_because)?;
                let minutes = (1..=MINUTES).map(|minute| now - SignedDuration::from_mins(minute));
                let of_hour = minutes.filter(|minute| tally_id(name, *minute) == id);
                last_minutes += of_hour.filter_map(|minute| counts.get(&in_minute(TAKEN, minute))).sum::<i64>();
            }
            sum.add(&Rates { last_minutes, day });
        }
        Ok(sum)
    }
}
