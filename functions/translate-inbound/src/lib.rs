//! Turns deliveries into facts of orders. One that nobody can make sense of is an exception at once: to try it again
//! changes nothing.

use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use crossdock_runner::{Intake, Keeping, Undelivered, metrics};
use crossdock_step::batch::{self, Limits, Measured, Message};
use crossdock_step::telemetry::Tally;
use crossdock_step::{Failure, Queue};
use jiff::Timestamp;

/// The function.
pub struct TranslateInbound {
    /// Takes deliveries in.
    pub intake: Intake,
    /// Keeps what is personal in them.
    pub keeping: Keeping,
    /// Keeps those that cannot be understood.
    pub undelivered: Undelivered,
    /// The queue that deliveries come from.
    pub queue: Arc<dyn Queue>,
}

/// Deliveries of a batch that are worked on at the same time.
const CONCURRENCY: usize = 10;

impl TranslateInbound {
    /// Handles one batch of deliveries.
    pub async fn handle(&self, event: SqsEvent, deadline: Timestamp) -> SqsBatchResponse {
        let clock = self.intake.recorder.clock();
        let tally = Tally::of("translate-inbound");
        let measured = metrics::of_batch(&tally);
        let limits = Limits { queue: self.queue.as_ref(), clock, deadline, concurrency: CONCURRENCY, measured };
        let response = batch::run(event, limits, |message| self.translate(message, measured)).await;
        tally.take().print(clock.now());
        response
    }

    async fn translate(&self, message: Message, measured: Measured<'_>) -> Result<(), Failure> {
        match self.intake.take(&message.body, &self.keeping).await {
            Err(ref failure @ Failure::Permanent { class, ref reason }) => {
                measured.note(failure);
                self.undelivered.keep((&message.id, &message.body), (class, reason), message.receives).await
            }
            taken => taken,
        }
    }
}
