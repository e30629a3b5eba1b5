//! How far a storefront's list of orders was looked through for what no webhook told of. `poll-source` writes it; who
//! wants the list to be looked through from an earlier moment on writes beside it.

use crossdock_domain::ConnectionId;
use crossdock_log::Markers;
use crossdock_step::Failure;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::store_failure;

/// How far the list was looked through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Polled {
    /// Orders that were placed before are left alone: they are of the time before Crossdock.
    pub since: Timestamp,
    /// What was changed before was looked at.
    pub until: Timestamp,
    /// The walk under way, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub walk: Option<Walk>,
    /// When that was asked for which is done, or under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
    /// What the last walk found that is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Walked>,
}

/// A walk through the list, page by page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walk {
    /// Up to which change.
    pub until: Timestamp,
    /// The page to go on with; none: the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// What it has found until now.
    #[serde(default)]
    pub listed: u64,
    /// Of them: nobody had told us.
    #[serde(default)]
    pub missed: u64,
}

/// What a walk found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walked {
    /// When it ended.
    pub at: Timestamp,
    /// Orders that it saw.
    pub listed: u64,
    /// Of them: nobody had told us.
    pub missed: u64,
}

/// That somebody wants the list to be looked through from an earlier moment on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// From which change on; orders that were placed since then are ours.
    pub from: Timestamp,
    /// When it was asked for.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
}

impl Polled {
    /// Where a storefront begins: what is there already is none of ours.
    #[must_use]
    pub const fn beginning(now: Timestamp) -> Self {
        Self { since: now, until: now, walk: None, asked_at: None, last: None }
    }

    /// With what was asked for, unless it was taken up before.
    #[must_use]
    pub fn taking_up(self, asked: Option<&Asked>) -> Self {
        let Some(asked) = asked.filter(|asked| self.asked_at.is_none_or(|known| known < asked.at)) else {
            return self;
        };
        Self {
            since: self.since.min(asked.from),
            until: self.until.min(asked.from),
            walk: None,
            asked_at: Some(asked.at),
            ..self
        }
    }

    /// After a page of a walk; one that has no more pages is over.
    #[must_use]
    pub fn after(self, walk: Walk, now: Timestamp) -> Self {
        if walk.after.is_some() {
            return Self { walk: Some(walk), ..self };
        }
        let last = Walked { at: now, listed: walk.listed, missed: walk.missed };
        // The first walk after a beginning ends before it.
        Self { until: walk.until.max(self.until), walk: None, last: Some(last), ..self }
    }

    /// Of a storefront; nothing where its list was never looked through.
    ///
    /// # Errors
    /// The store does not answer, or the record cannot be read.
    pub async fn read(markers: &dyn Markers, storefront: &ConnectionId) -> Result<Option<Self>, Failure> {
        read(markers, &Self::record(storefront)).await
    }

    /// Keeps it.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn keep(&self, markers: &dyn Markers, storefront: &ConnectionId) -> Result<(), Failure> {
        keep(markers, &Self::record(storefront), self).await
    }

    fn record(storefront: &ConnectionId) -> String {
        format!("polled#{storefront}")
    }
}

impl Asked {
    /// The last that was asked for of a storefront.
    ///
    /// # Errors
    /// The store does not answer, or the record cannot be read.
    pub async fn read(markers: &dyn Markers, storefront: &ConnectionId) -> Result<Option<Self>, Failure> {
        read(markers, &Self::record(storefront)).await
    }

    /// Keeps it.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn keep(&self, markers: &dyn Markers, storefront: &ConnectionId) -> Result<(), Failure> {
        keep(markers, &Self::record(storefront), self).await
    }

    fn record(storefront: &ConnectionId) -> String {
        format!("poll#{storefront}")
    }
}

async fn read<T: DeserializeOwned>(markers: &dyn Markers, record: &str) -> Result<Option<T>, Failure> {
    let told = markers.marker(record).await.map_err(store_failure)?;
    let read = told.map(|told| serde_json::from_str(&told)).transpose();
    read.map_err(|error| Failure::retry(format!("the record {record} cannot be read: {error}")))
}

async fn keep<T: Serialize + Sync>(markers: &dyn Markers, record: &str, what: &T) -> Result<(), Failure> {
    let told = serde_json::to_string(what).map_err(|error| Failure::retry(error.to_string()))?;
    markers.set_marker(record, &told).await.map_err(store_failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    #[test]
    fn what_is_asked_for_is_taken_up_once_and_never_shortens_what_is_looked_at() {
        let walk = Some(Walk { until: at(90), after: Some("page".into()), listed: 7, missed: 1 });
        let known = Polled { walk, until: at(80), ..Polled::beginning(at(60)) };
        let asked = |from, when| Asked { from: at(from), at: at(when), by: "someone".into() };
        let earlier = known.clone().taking_up(Some(&asked(30, 95)));
        assert_eq!((earlier.since, earlier.until, earlier.walk.as_ref()), (at(30), at(30), None));
        let done = Polled { until: at(94), ..earlier };
        assert_eq!(done.clone().taking_up(Some(&asked(30, 95))), done, "it was taken up before");
        let later = known.clone().taking_up(Some(&asked(85, 95)));
        assert_eq!((later.since, later.until), (at(60), at(80)));
        assert_eq!(known.clone().taking_up(None), known);
    }
}
