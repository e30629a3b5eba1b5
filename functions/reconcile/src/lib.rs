//! Compares our numbers of units with those of the 3PL, the ERP and the storefront, per SKU and location. What differs
//! is named with amount, lag and cause (`crossdock_domain::drift`), recorded once, and repaired where the connection's
//! settings allow it. It reads the 3PL's pages; what it does not get to, the next run goes on with.

mod compare;
mod evidence;
mod repair;
mod systems;

use std::collections::BTreeSet;
use std::sync::Arc;

use crossdock_connectors::StockPage;
use crossdock_domain::event::FailureClass;
use crossdock_domain::inventory::{MOST_SKUS_TOLD, ReconciliationFinished, StockDocument};
use crossdock_domain::{Event, Sku};
use crossdock_log::{Items, Markers};
use crossdock_runner::tally::LAST_DRIFT;
use crossdock_runner::{Recorder, StockKeeper, metrics, store_failure};
use crossdock_step::telemetry::Metrics;
use crossdock_step::{Failure, Queue, Trace};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

pub use systems::Systems;

/// The function.
pub struct Reconcile {
    /// Reads orders, for what they hold.
    pub recorder: Recorder,
    /// Records drifts and repairs.
    pub keeper: StockKeeper,
    /// The catalogue, with stock and its ledger.
    pub items: Arc<dyn Items>,
    /// The cursor.
    pub markers: Arc<dyn Markers>,
    /// The systems that are compared.
    pub systems: Systems,
    /// The queue of publish-stock.
    pub stock_queue: Arc<dyn Queue>,
}

/// The 3PL's page to go on with; empty: the first.
const CURSOR: &str = "cursor#reconcile";

/// Stop in time.
const RESERVE: SignedDuration = SignedDuration::from_secs(10);

/// What one run found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Levels that were compared, quantity by quantity.
    pub compared: usize,
    /// Of them: differences that are on their way.
    pub pending: usize,
    /// Of them: drifts.
    pub drifts: usize,
    /// By how many units in all, whatever the sign.
    pub units: u64,
    /// SKUs that drift.
    pub skus: BTreeSet<Sku>,
    /// SKUs of which something could not be compared, with why.
    pub excluded: BTreeSet<(String, &'static str)>,
    /// Drifts that were repaired.
    pub repaired: usize,
    /// Whether all pages were read.
    pub finished: bool,
    /// What kept a system from being compared.
    #[serde(skip)]
    pub(crate) failure: Option<Failure>,
}

impl Report {
    pub(crate) fn add(&mut self, part: Self) {
        self.compared += part.compared;
        self.pending += part.pending;
        self.drifts += part.drifts;
        self.units += part.units;
        self.skus.extend(part.skus);
        self.excluded.extend(part.excluded);
        self.repaired += part.repaired;
    }

    fn excluded(&self) -> BTreeSet<&str> {
        self.excluded.iter().map(|(sku, _)| sku.as_str()).collect()
    }

    pub(crate) fn exclude(&mut self, sku: &str, why: &'static str) {
        self.excluded.insert((sku.to_owned(), why));
    }
}

impl Reconcile {
    /// Compares everything from where the last run ended; or what somebody has asked for, who is answered in the same
    /// stream; or the SKUs that the event names as `skus`.
    ///
    /// # Errors
    /// The store does not answer, or an outside system does not; what was found until then is recorded. A system that is
    /// paused is no error: its part is left out, and `finished` says so where it is the 3PL.
    pub async fn handle(&self, event: Value, deadline: Timestamp) -> Result<Report, Failure> {
        let trace = Arc::new(Trace::of_event(&event, "reconcile"));
        trace.follow(self.run(&event, deadline)).await
    }

    async fn run(&self, event: &Value, deadline: Timestamp) -> Result<Report, Failure> {
        let asked = Asked::read(event)?;
        if let Asked::For { stream, .. } = &asked
            && self.keeper.load(stream).await?.finished().is_some()
        {
            return Ok(Report::default());
        }
        let (begun, mut report) = (self.now(), Report::default());
        let outcome = self.walk(&asked, deadline, &mut report).await;
        if asked == Asked::AsScheduled {
            self.keep(&report).await?;
        }
        self.tell(&report, asked == Asked::AsScheduled);
        let failure = outcome.err().or_else(|| report.failure.take());
        if let Asked::For { stream, .. } = &asked {
            self.answer(stream, &report, failure.as_ref()).await?;
        }
        failure.map_or(Ok(()), |failure| failure.unless_paused_before(begun)).map(|()| report)
    }

    /// Tells whoever has asked.
    async fn answer(&self, stream: &str, report: &Report, failure: Option<&Failure>) -> Result<(), Failure> {
        let document = self.keeper.load(stream).await?;
        let finished = ReconciliationFinished {
            compared: report.compared,
            pending: report.pending,
            drifts: report.drifts,
            units: report.units,
            repaired: report.repaired,
            excluded: report.excluded().len(),
            drifting: report.skus.iter().take(MOST_SKUS_TOLD).cloned().collect(),
            complete: report.finished && failure.is_none(),
            failure: failure.map(ToString::to_string),
        };
        let decide =
            |known: &StockDocument| known.finished().is_none().then(|| Event::ReconciliationFinished(finished.clone()));
        self.keeper.note(stream, ("finished", &compare::origin(&document)), decide).await.map(|_| ())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.recorder.clock().now()
    }

    async fn walk(&self, asked: &Asked, deadline: Timestamp, report: &mut Report) -> Result<(), Failure> {
        let mut after = match asked {
            Asked::AsScheduled => {
                self.markers.marker(CURSOR).await.map_err(store_failure)?.filter(|page| !page.is_empty())
            }
            Asked::Of(_) | Asked::For { .. } => None,
        };
        while self.now() + RESERVE < deadline {
            let page = match self.systems.page(after.as_deref()).await {
                Ok(page) => page,
                Err(failure) => {
                    // The 3PL may know the page no more: begin with the first.
                    self.remember(asked, matches!(failure, Failure::Permanent { .. }).then_some("")).await?;
                    return Err(failure);
                }
            };
            if !self.compare_page(&page, (asked.skus(), deadline), report).await? {
                return Ok(());
            }
            let StockPage { next, strangers, .. } = page;
            for place in strangers {
                tracing::warn!(place, "the 3PL has something of ours at a place that the settings do not map");
            }
            self.remember(asked, Some(next.as_deref().unwrap_or_default())).await?;
            after = next;
            if after.is_none() {
                report.finished = true;
                break;
            }
        }
        Ok(())
    }

    async fn remember(&self, asked: &Asked, page: Option<&str>) -> Result<(), Failure> {
        match page.filter(|_| *asked == Asked::AsScheduled) {
            Some(page) => self.markers.set_marker(CURSOR, page).await.map_err(store_failure),
            None => Ok(()),
        }
    }

    /// Keeps what was found, for whoever looks at how everything stands.
    async fn keep(&self, report: &Report) -> Result<(), Failure> {
        let kept = json!({
            "at": self.now(),
            "compared": report.compared,
            "pending": report.pending,
            "drifts": report.drifts,
            "units": report.units,
            "skus": report.skus.iter().take(MOST_SKUS_TOLD).collect::<Vec<_>>(),
            "excluded": report.excluded().len(),
            "complete": report.finished,
        });
        self.markers.set_marker(LAST_DRIFT, &kept.to_string()).await.map_err(store_failure)
    }

    fn tell(&self, report: &Report, is_scheduled: bool) {
        let excluded = report.excluded();
        if is_scheduled {
            let count = |found: usize| i64::try_from(found).unwrap_or(i64::MAX);
            let mut measured = Metrics::of("reconcile");
            measured.add(metrics::INVENTORY_DRIFT_UNITS, i64::try_from(report.units).unwrap_or(i64::MAX));
            measured.add(metrics::INVENTORY_DRIFT_SKUS, count(report.skus.len()));
            measured.add(metrics::INVENTORY_DRIFT_PENDING, count(report.pending));
            measured.add(metrics::INVENTORY_DRIFT_EXCLUDED, count(excluded.len()));
            measured.print(self.now());
        }
        tracing::info!(
            compared = report.compared,
            pending = report.pending,
            drifts = report.drifts,
            units = report.units,
            skus = report.skus.len(),
            excluded = excluded.len(),
            repaired = report.repaired,
            finished = report.finished,
            "reconciled"
        );
    }
}

/// What is to be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Asked {
    /// Everything, from where the last run ended.
    AsScheduled,
    /// These SKUs.
    Of(BTreeSet<Sku>),
    /// What a request names: some SKUs, or all.
    For {
        /// The request's stream.
        stream: String,
        /// Which.
        skus: Option<BTreeSet<Sku>>,
    },
}

impl Asked {
    /// A schedule's event names nothing.
    fn read(event: &Value) -> Result<Self, Failure> {
        let skus = |named: Option<&Value>| {
            let named = named.filter(|skus| !skus.is_null()).map(|skus| serde_json::from_value(skus.clone()));
            named.transpose().map_err(|error| {
                let reason = format!("skus is no list of SKUs: {error}; leave it out for all");
                Failure::permanent(FailureClass::Value, reason)
            })
        };
        if let Some(stream) = event.pointer("/detail/metadata/stream").and_then(Value::as_str) {
            let skus = skus(event.pointer("/detail/data/skus"))?;
            return Ok(Self::For { stream: stream.to_owned(), skus });
        }
        Ok(skus(event.get("skus"))?.map_or(Self::AsScheduled, Self::Of))
    }

    const fn skus(&self) -> Option<&BTreeSet<Sku>> {
        match self {
            Self::AsScheduled => None,
            Self::Of(skus) => Some(skus),
            Self::For { skus, .. } => skus.as_ref(),
        }
    }
}
