//! Looks through what the storefront has changed for what no webhook told of: an order that never came, a cancellation
//! or a refund that nobody has heard of. What is found is put on the inbound queue as the webhook would have told it, so
//! that everything after it is as if it had come. What a run does not get to, the next one goes on with.

use std::sync::Arc;

use crossdock_connectors::{Delivery, ListedOrder, OrderPage, Storefront};
use crossdock_domain::accept::is_unheard;
use crossdock_domain::{ConnectionId, Order, OrderId};
use crossdock_log::Markers;
use crossdock_runner::inbound::InboundMessage;
use crossdock_runner::polling::{Asked, Polled, Walk};
use crossdock_runner::{Calls, Connectors, Foretold, Intake, metrics};
use crossdock_step::telemetry::Metrics;
use crossdock_step::{Failure, Queue, Trace};
use futures_util::{StreamExt as _, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// The function.
pub struct PollSource {
    /// Knows what we have heard of, and what a delivery would do.
    pub intake: Intake,
    /// The cursor.
    pub markers: Arc<dyn Markers>,
    /// How outside calls are made.
    pub calls: Calls,
    /// The connectors of this environment.
    pub storefronts: Connectors<dyn Storefront>,
    /// The storefront.
    pub storefront: ConnectionId,
    /// Where deliveries wait for translation.
    pub inbound: Arc<dyn Queue>,
}

/// For so long a webhook may be on its way.
const GRACE: SignedDuration = SignedDuration::from_mins(2);

/// Looked at once more by the next walk: a storefront's list may be behind, or its clock.
const OVERLAP: SignedDuration = SignedDuration::from_mins(5);

/// Stop in time.
const RESERVE: SignedDuration = SignedDuration::from_secs(15);

/// Orders that are looked up at the same time.
const CONCURRENCY: usize = 8;

/// What one run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Orders that the storefront listed.
    pub listed: u64,
    /// Of them, or of those on a page that is not done: read whole.
    pub read: u64,
    /// Of these: nobody had told us.
    pub missed: u64,
    /// Whether everything was looked at.
    pub finished: bool,
}

impl PollSource {
    /// Looks through what was changed since the last run, or from where somebody has asked for.
    ///
    /// # Errors
    /// The store does not answer, or the storefront does not; what was found until then is on its way.
    pub async fn handle(&self, deadline: Timestamp) -> Result<Report, Failure> {
        Arc::new(Trace::of_run("poll-source")).follow(self.run(deadline - RESERVE)).await
    }

    async fn run(&self, until: Timestamp) -> Result<Report, Failure> {
        let (begun, mut report) = (self.now(), Report::default());
        let walked = self.walk(until, &mut report).await;
        let mut measured = Metrics::of("poll-source");
        measured.add(metrics::MISSED_NEWS, i64::try_from(report.missed).unwrap_or(i64::MAX));
        measured.print(self.now());
        tracing::info!(
            storefront = %self.storefront,
            listed = report.listed,
            read = report.read,
            missed = report.missed,
            finished = report.finished,
            "looked for what no webhook told of"
        );
        walked.or_else(|failure| failure.unless_paused_before(begun)).map(|()| report)
    }

    fn now(&self) -> Timestamp {
        self.intake.recorder.clock().now()
    }

    async fn walk(&self, until: Timestamp, report: &mut Report) -> Result<(), Failure> {
        let Some(mut polled) = self.begin().await? else {
            report.finished = true;
            return Ok(());
        };
        let storefront = self.storefront().await?;
        while self.now() < until {
            let mut walk = polled.walk.take().unwrap_or_else(|| self.new_walk());
            let within = (polled.until - OVERLAP, walk.until);
            let page = storefront.changed_orders(within, walk.after.as_deref()).await;
            let page = match self.intake.directory.went(&self.storefront, page).await {
                Ok(page) => page,
                Err(failure) => {
                    if walk.after.is_some() && matches!(failure, Failure::Permanent { .. }) {
                        // The storefront may know the page no more: begin with the first.
                        self.remember(&polled).await?;
                    }
                    return Err(failure);
                }
            };
            let missed_before = report.missed;
            let is_done = self.look_at(&page, (storefront.as_ref(), polled.since), report).await?;
            walk.missed += report.missed - missed_before;
            if !is_done {
                polled.walk = Some(walk);
                return self.remember(&polled).await;
            }
            let listed = u64::try_from(page.orders.len()).unwrap_or(u64::MAX);
            report.listed += listed;
            (walk.listed, walk.after) = (walk.listed + listed, page.next);
            report.finished = walk.after.is_none();
            polled = polled.after(walk, self.now());
            self.remember(&polled).await?;
            if report.finished {
                break;
            }
        }
        Ok(())
    }

    /// How far the list was looked through, with what was asked for meanwhile; nothing where it begins now.
    async fn begin(&self) -> Result<Option<Polled>, Failure> {
        let asked = Asked::read(self.markers.as_ref(), &self.storefront).await?;
        let known = Polled::read(self.markers.as_ref(), &self.storefront).await?;
        let is_new = known.is_none();
        let polled = known.unwrap_or_else(|| Polled::beginning(self.now())).taking_up(asked.as_ref());
        if is_new {
            self.remember(&polled).await?;
        }
        Ok(Some(polled).filter(|_| !is_new || asked.is_some()))
    }

    fn new_walk(&self) -> Walk {
        Walk { until: self.now() - GRACE, after: None, listed: 0, missed: 0 }
    }

    async fn storefront(&self) -> Result<Arc<dyn Storefront>, Failure> {
        let directory = &self.intake.directory;
        directory.check(&self.storefront).await?;
        self.storefronts.get(directory.outside(&self.storefront, &self.calls).await?)
    }

    /// Looks at a page of orders. False where it ends before all were looked at: below half of the storefront's budget of
    /// calls what cannot wait goes first. One is always read, so that every run gets on.
    async fn look_at(
        &self,
        page: &OrderPage,
        (storefront, since): (&dyn Storefront, Timestamp),
        report: &mut Report,
    ) -> Result<bool, Failure> {
        // Storefronts count in seconds.
        let ours = page.orders.iter().filter(|listed| listed.placed_at.as_second() >= since.as_second());
        let each = futures_util::stream::iter(ours.map(|listed| self.unheard(listed)));
        let unheard: Vec<Option<(Order, &ListedOrder)>> = each.buffered(CONCURRENCY).try_collect().await?;
        for (order, listed) in unheard.into_iter().flatten() {
            if report.read > 0 && storefront.busy_until().is_some() {
                return Ok(false);
            }
            report.read += 1;
            report.missed += u64::from(self.tell(&order, listed, storefront).await?);
        }
        Ok(true)
    }

    /// An order of which the list shows something that we do not know.
    async fn unheard<'a>(&self, listed: &'a ListedOrder) -> Result<Option<(Order, &'a ListedOrder)>, Failure> {
        let id = OrderId { connection: self.storefront.clone(), channel: listed.channel.clone() };
        let order = self.intake.recorder.load(&id).await?;
        Ok(is_unheard(&order, listed.cancelled, &listed.refunds).then_some((order, listed)))
    }

    /// Has an order taken in as its webhook would have told it, if anything follows from that.
    async fn tell(&self, order: &Order, listed: &ListedOrder, storefront: &dyn Storefront) -> Result<bool, Failure> {
        let delivery = storefront.delivery(&listed.channel).await;
        let Some(delivery) = self.intake.directory.went(&self.storefront, delivery).await? else { return Ok(false) };
        let body = self.written(order, delivery)?;
        let foretold = self.intake.foretell(&body).await?;
        if !foretold.iter().any(|told| matches!(told, Foretold::Records { .. })) {
            return Ok(false);
        }
        self.inbound.send(body, SignedDuration::ZERO).await?;
        tracing::warn!(order = %order.id, changed_at = %listed.updated_at, "no webhook told of it");
        Ok(true)
    }

    /// As receive-webhook would have put it on the queue.
    fn written(&self, order: &Order, delivery: Delivery) -> Result<String, Failure> {
        let correlation_id = order.correlation_id.clone();
        let correlation_id = correlation_id.unwrap_or_else(|| Trace::of_run("poll-source").correlation_id().to_owned());
        let message = InboundMessage::new(self.storefront.clone(), &correlation_id, self.now(), delivery);
        serde_json::to_string(&message).map_err(|error| Failure::retry(error.to_string()))
    }

    async fn remember(&self, polled: &Polled) -> Result<(), Failure> {
        polled.keep(self.markers.as_ref(), &self.storefront).await
    }
}
