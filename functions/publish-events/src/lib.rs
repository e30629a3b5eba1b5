//! The log table's stream: every commit goes to the bus and into the view, and what it says of the business is counted.

mod figures;

use std::sync::Arc;

use aws_lambda_events::dynamodb::{Event, EventRecord};
use crossdock_domain::Commit;
use crossdock_log::{Markers, Views};
use crossdock_runner::publish;
use crossdock_runner::tally::count_turns;
use crossdock_step::{Bus, Clock, Failure};

pub use figures::figures;

/// The function.
pub struct PublishEvents {
    /// Where events go.
    pub bus: Arc<dyn Bus>,
    /// The view.
    pub views: Arc<dyn Views>,
    /// Where it is counted what has become of orders.
    pub markers: Arc<dyn Markers>,
    /// The time.
    pub clock: Clock,
}

impl PublishEvents {
    /// Publishes a batch of stream records. The batch succeeds or fails as a whole: publishing twice is harmless, and
    /// a partial answer is not understood everywhere. A record that cannot be read is reported and passed over, so
    /// that it blocks nobody; its order's deadline brings it up again.
    ///
    /// # Errors
    /// The bus or the view did not take all of it.
    pub async fn handle(&self, event: Event) -> Result<(), Failure> {
        let inserted = event.records.into_iter().filter(|record| record.event_name == "INSERT");
        let commits: Vec<Commit> = inserted.filter_map(readable).collect();
        let turns = publish(&commits, self.bus.as_ref(), self.views.as_ref()).await?;
        // The rows are written: to fail now would lose the counts for good, and stop the stream for them.
        let now = self.clock.now();
        if let Err(error) = count_turns(&turns, self.markers.as_ref(), now).await {
            tracing::warn!(%error, orders = turns.len(), "what has become of these orders is missing in the counts");
        }
        figures(&commits, now).print(now);
        tracing::info!(commits = commits.len(), "published");
        Ok(())
    }
}

fn readable(record: EventRecord) -> Option<Commit> {
    match serde_dynamo::from_item(record.change.new_image) {
        Ok(commit) => Some(commit),
        Err(error) => {
            tracing::error!(%error, sequence = record.change.sequence_number.as_deref(), "a commit cannot be read");
            None
        }
    }
}
