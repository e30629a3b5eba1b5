//! Reads the ERP's catalogue, which owns items and prices, page by page, and keeps what is new of each SKU. What it does
//! not get to, the next run goes on with. Then whatever has stopped at a SKU that was not known is taken up again.

mod keep;
mod word;

use std::sync::Arc;

use crossdock_connectors::{CataloguePage, Erp};
use crossdock_domain::ConnectionId;
use crossdock_log::{Items, Markers};
use crossdock_runner::{Calls, Connectors, Directory, StockKeeper, Unmapped, store_failure};
use crossdock_step::{Failure, Trace};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The function.
pub struct SyncCatalogue {
    /// Records what cannot be kept.
    pub keeper: StockKeeper,
    /// The catalogue.
    pub items: Arc<dyn Items>,
    /// The cursor.
    pub markers: Arc<dyn Markers>,
    /// Connections.
    pub directory: Arc<Directory>,
    /// How outside calls are made.
    pub calls: Calls,
    /// The connectors of this environment.
    pub erps: Connectors<dyn Erp>,
    /// The ERP that owns the catalogue.
    pub erp: ConnectionId,
    /// What waits for a SKU to be known.
    pub unmapped: Unmapped,
}

/// Asked for once more at the next walk: what was changed while the ERP answered, and what its clock is behind ours.
const OVERLAP: SignedDuration = SignedDuration::from_mins(15);

/// Stop in time.
const RESERVE: SignedDuration = SignedDuration::from_secs(15);

/// A walk through the ERP's catalogue: what it has still to read, or how the next one begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Walk {
    /// Only what was changed since then; none: everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    /// When it began; none: it has not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    began: Option<Timestamp>,
    /// The page to go on with; none: the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    /// An item of the ERP has given up its SKU, for which another may have been refused: the next walk reads everything.
    #[serde(default)]
    again: bool,
}

/// What one run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Items that were read.
    pub read: usize,
    /// Of them: kept, because something was new.
    pub kept: usize,
    /// Of them: known already, or none of ours.
    pub unchanged: usize,
    /// Of them: older than what is known.
    pub stale: usize,
    /// Of them: an exception each.
    pub refused: usize,
    /// Orders and documents that were taken up again.
    pub taken_up: usize,
    /// Whether all pages were read.
    pub finished: bool,
}

impl SyncCatalogue {
    /// Reads what has changed since the last walk, or goes on with one; with `full` in the event, everything.
    ///
    /// # Errors
    /// The store does not answer, or the ERP does not; what was read until then is kept. That the ERP is paused is none.
    pub async fn handle(&self, event: &Value, deadline: Timestamp) -> Result<Report, Failure> {
        Arc::new(Trace::of_run("sync-catalogue")).follow(self.run(event, deadline)).await
    }

    async fn run(&self, event: &Value, deadline: Timestamp) -> Result<Report, Failure> {
        let (begun, mut report) = (self.now(), Report::default());
        let walked = self.walk(event, deadline - RESERVE, &mut report).await;
        // Also what a person has mapped meanwhile, and what the list of exceptions did not show yet the last time.
        let taken_up = self.unmapped.take_up("sync-catalogue", deadline - RESERVE / 3).await;
        report.taken_up = *taken_up.as_ref().unwrap_or(&0);
        tracing::info!(
            read = report.read,
            kept = report.kept,
            unchanged = report.unchanged,
            stale = report.stale,
            refused = report.refused,
            taken_up = report.taken_up,
            finished = report.finished,
            "synchronised the catalogue"
        );
        walked.or_else(|failure| failure.unless_paused_before(begun))?;
        taken_up?;
        Ok(report)
    }

    fn now(&self) -> Timestamp {
        self.directory.now()
    }

    async fn walk(&self, event: &Value, until: Timestamp, report: &mut Report) -> Result<(), Failure> {
        let mut walk = self.begin(event).await?;
        while self.now() < until {
            let page = match self.page(&walk).await {
                Ok(page) => page,
                Err(failure) => {
                    if walk.after.take().is_some() && matches!(failure, Failure::Permanent { .. }) {
                        // The ERP may know the page no more: begin with the first.
                        self.remember(&walk).await?;
                    }
                    return Err(failure);
                }
            };
            let next = page.next.clone();
            self.keep_page(page, &mut walk, report).await?;
            walk.after = next;
            if walk.after.is_none() {
                report.finished = true;
                return self.remember(&walk.ended()).await;
            }
            self.remember(&walk).await?;
        }
        Ok(())
    }

    /// The walk to go on with, or a new one. One that was asked for is remembered at once, so that a crash does not
    /// forget it.
    async fn begin(&self, event: &Value) -> Result<Walk, Failure> {
        let told = self.markers.marker(&self.cursor()).await.map_err(store_failure)?;
        let known: Walk = told.and_then(|told| serde_json::from_str(&told).ok()).unwrap_or_default();
        if event.get("full").and_then(Value::as_bool) == Some(true) {
            let walk = Walk { began: Some(self.now()), ..Walk::default() };
            self.remember(&walk).await?;
            return Ok(walk);
        }
        if known.began.is_some() {
            return Ok(known);
        }
        Ok(Walk { began: Some(self.now()), ..known })
    }

    async fn page(&self, walk: &Walk) -> Result<CataloguePage, Failure> {
        self.directory.check(&self.erp).await?;
        let erp = self.erps.get(self.directory.outside(&self.erp, &self.calls).await?)?;
        self.directory.went(&self.erp, erp.catalogue(walk.since, walk.after.as_deref()).await).await
    }

    fn cursor(&self) -> String {
        format!("cursor#sync-catalogue#{}", self.erp)
    }

    pub(crate) async fn remember(&self, walk: &Walk) -> Result<(), Failure> {
        let told = serde_json::to_string(walk).map_err(|error| Failure::retry(error.to_string()))?;
        self.markers.set_marker(&self.cursor(), &told).await.map_err(store_failure)
    }
}

impl Walk {
    /// How the next walk begins after this one.
    fn ended(&self) -> Self {
        let since = self.began.filter(|_| !self.again).map(|began| began - OVERLAP);
        Self { since, ..Self::default() }
    }
}
