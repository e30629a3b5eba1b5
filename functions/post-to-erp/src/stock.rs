//! Documents of stock: what came in, was counted, found, lost or moved is posted, or the ERP's stock runs dry and its
//! fulfilments stop.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use crossdock_connectors::{Erp, Posted};
use crossdock_domain::event::{Document, FailureClass};
use crossdock_domain::inventory::{StockDocument, StockParked, StockPosted, ToPost};
use crossdock_domain::stocking::{Draft, StockHeader, reference};
use crossdock_domain::{ConnectionId, Event, Sku};
use crossdock_log::{Items, People};
use crossdock_runner::{Calls, Connectors, Directory, Documents, LastFailure, Origin, StockKeeper, store_failure};
use crossdock_step::batch::Trigger;
use crossdock_step::{Failure, Trace};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Posts documents of stock.
pub struct PostStock {
    /// Records that they were posted.
    pub keeper: StockKeeper,
    /// Connections.
    pub directory: Arc<Directory>,
    /// How outside calls are made.
    pub calls: Calls,
    /// The connectors of this environment.
    pub erps: Connectors<dyn Erp>,
    /// Items with their identity in the ERP.
    pub items: Arc<dyn Items>,
    /// Where failures are kept.
    pub people: Arc<dyn People>,
}

/// After a pause it comes behind what a buyer is owed, with the rest of the books.
const LANE: u32 = 1;

#[async_trait]
impl Documents for PostStock {
    async fn handle(&self, trigger: &Trigger, _deadline: Timestamp) -> Result<(), Failure> {
        let document = self.keeper.load(&trigger.stream).await?;
        if document.parked.is_some() {
            return Ok(());
        }
        let origin = Origin::following("post-to-erp", document.correlation_id.as_ref(), trigger.event_id.clone());
        let trace = Arc::new(Trace::following(document.correlation_id.as_deref(), "post-to-erp"));
        let work = async {
            for open in document.to_post() {
                self.post(&trigger.stream, (&document, &open), &origin).await?;
            }
            Ok(())
        };
        trace.follow(work).await.map_err(|failure: Failure| failure.in_lane(LANE))
    }
}

impl PostStock {
    async fn post(
        &self,
        stream: &str,
        (document, open): (&StockDocument, &ToPost<'_>),
        origin: &Origin,
    ) -> Result<(), Failure> {
        self.directory.check(open.erp).await?;
        let trace = Arc::new(Trace::following(document.correlation_id.as_deref(), "post-to-erp").with_calls());
        let called = trace.clone().follow(self.call(stream, open)).await.map_err(|failure| trace.scrubbed(failure));
        if let Err(failure) = &called {
            let now = self.directory.now();
            LastFailure::keep(self.people.as_ref(), (stream, LastFailure::OF_DOCUMENT), (trace.as_ref(), failure), now)
                .await;
        }
        let (cause, event) = match called {
            Ok(posted) => {
                self.directory.went_well(open.erp);
                (format!("posted:{}", open.of), Event::StockPosted(StockPosted { of: open.of, document: posted }))
            }
            Err(Failure::Permanent { class, reason }) => {
                tracing::error!(stream, %class, reason, "a document of stock was parked");
                let parked = StockParked { erp: open.erp.clone(), class, reason };
                (format!("parked:{}", document.seq), Event::StockParked(parked))
            }
            Err(failure) => return Err(self.directory.note(open.erp, failure).await),
        };
        self.keeper.note(stream, (&cause, origin), |_| Some(event.clone())).await.map(|_| ())
    }

    async fn call(&self, stream: &str, open: &ToPost<'_>) -> Result<Document, Failure> {
        let connection = self.directory.get(open.erp).await?;
        let erp = self.erps.get(self.directory.outside(open.erp, &self.calls).await?)?;
        let zone = connection.settings.get("time_zone").and_then(|zone| zone.as_str()).unwrap_or("UTC");
        let zone = TimeZone::get(zone).map_err(|error| {
            Failure::permanent(FailureClass::Connection, format!("time_zone of {}: {error}", open.erp))
        })?;
        let reference = reference(stream, open.of);
        let header = |at: Timestamp, source: &str| StockHeader {
            reference: reference.clone(),
            posting_date: zone.to_datetime(at).date(),
            source: source.to_owned(),
        };
        let draft = open.draft(header).ok_or_else(|| gone(stream))?;
        let posted = match &draft {
            Draft::Stock(draft) => erp.post_stock(draft, &self.identities(open, &skus(&draft.lines)).await?).await?,
            Draft::Transfer(draft) => {
                erp.post_transfer(draft, &self.identities(open, &skus(&draft.lines)).await?).await?
            }
        };
        Ok(told(posted, open.erp, reference))
    }

    async fn identities(&self, open: &ToPost<'_>, skus: &[Sku]) -> Result<BTreeMap<Sku, String>, Failure> {
        let items = self.items.items(skus).await.map_err(store_failure)?;
        crate::identities(&items, (open.erp, &[open.at, self.directory.now()]), skus)
    }
}

fn skus(lines: &[crossdock_domain::stocking::StockLine]) -> Vec<Sku> {
    lines.iter().map(|line| line.sku.clone()).collect()
}

fn told(posted: Posted, erp: &ConnectionId, reference: String) -> Document {
    Document { system: erp.clone(), id: posted.id, reference: Some(reference), total_minor: None }
}

/// A fact without its draft: impossible while both agree, so it must be seen.
fn gone(stream: &str) -> Failure {
    Failure::permanent(FailureClass::Missing, format!("there is nothing to post for {stream}"))
}
