//! Turns deliveries into facts of orders. A delivery may come twice, late or out of order: what it says has an
//! identity of its own, and what is known already is not recorded again.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use crossdock_connectors::{InboundFact, StopOutcome, webhook};
use crossdock_domain::accept::{Context, Inbound, storefront_changed, storefront_order, unreadable_order};
use crossdock_domain::cancel::stopped_by_3pl;
use crossdock_domain::canonical::hash_of;
use crossdock_domain::disputes::{DisputeOutcome, record_dispute};
use crossdock_domain::event::{Decision, FailureClass};
use crossdock_domain::ids::{ChannelOrderId, ConnectionId, split_reference};
use crossdock_domain::item::Item;
use crossdock_domain::returns::{ReturnReport, record_return, return_number};
use crossdock_domain::settings::ChannelSettings;
use crossdock_domain::shipping::{ShipmentReport, record_shipment};
use crossdock_domain::{Order, OrderId, Sku};
use crossdock_log::{ConnectionRecord, Items, People};
use crossdock_runner::inbound::InboundMessage;
use crossdock_runner::{Committed, Directory, Origin, Recorder, metrics, store_failure};
use crossdock_step::batch::{self, Limits};
use crossdock_step::telemetry::Tally;
use crossdock_step::{Failure, Queue};
use jiff::Timestamp;

/// The function.
pub struct TranslateInbound {
    /// Reads and appends orders.
    pub recorder: Recorder,
    /// Connections.
    pub directory: Arc<Directory>,
    /// Recipients.
    pub people: Arc<dyn People>,
    /// The catalogue.
    pub items: Arc<dyn Items>,
    /// The queue that deliveries come from.
    pub queue: Arc<dyn Queue>,
}

/// Deliveries of a batch that are worked on at the same time.
const CONCURRENCY: usize = 10;

impl TranslateInbound {
    /// Handles one batch of deliveries.
    pub async fn handle(&self, event: SqsEvent, deadline: Timestamp) -> SqsBatchResponse {
        let clock = self.recorder.clock();
        let tally = Tally::of("translate-inbound");
        let measured = metrics::of_batch(&tally);
        let limits = Limits { queue: self.queue.as_ref(), clock, deadline, concurrency: CONCURRENCY, measured };
        let response = batch::run(event, limits, |message| async move { self.translate(&message.body).await }).await;
        tally.take().print(clock.now());
        response
    }

    async fn translate(&self, body: &str) -> Result<(), Failure> {
        let message: InboundMessage = serde_json::from_str(body)
            .map_err(|error| Failure::permanent(FailureClass::Parse, format!("the message is no delivery: {error}")))?;
        let record = self.directory.get(&message.connection).await?;
        let unreadable = |reason: String| Failure::permanent(FailureClass::Parse, reason);
        let delivery = message.delivery().map_err(unreadable)?;
        let facts = webhook::translate(&record.settings, &delivery).map_err(unreadable)?;
        let origin = Origin {
            actor: message.connection.to_string(),
            correlation_id: message.correlation_id.clone(),
            causation_id: webhook::delivery_id(&record.settings, &delivery),
        };
        for fact in facts {
            self.record(fact, &record, &origin).await?;
        }
        Ok(())
    }

    async fn record(&self, fact: InboundFact, record: &ConnectionRecord, origin: &Origin) -> Result<(), Failure> {
        match fact {
            InboundFact::Order { channel, inbound } => {
                self.record_order((&record.connection, channel), &inbound, origin).await
            }
            InboundFact::Unreadable { channel, detail } => {
                let mut order = self.load(&record.connection, channel).await?;
                let cause = format!("fact:{}:unreadable", record.connection);
                self.commit(&mut order, (&cause, origin), |order| unreadable_order(order, &detail)).await
            }
            InboundFact::Shipment { reference, report } => {
                self.record_shipment((&reference, record), &report, origin).await
            }
            InboundFact::Changed { channel, what, at } => {
                let mut order = self.load(&record.connection, channel).await?;
                let cause = format!("fact:{}:changed:{what}:{at}", record.connection);
                self.commit(&mut order, (&cause, origin), |order| storefront_changed(order, &what)).await
            }
            InboundFact::Disputed { channel, report } => {
                let mut order = self.load(&record.connection, channel).await?;
                let state = report.end.map_or("open", |(outcome, _)| match outcome {
                    DisputeOutcome::Won => "won",
                    DisputeOutcome::Lost => "lost",
                });
                let cause = format!("fact:{}:dispute:{}:{state}", record.connection, report.id);
                self.commit(&mut order, (&cause, origin), |order| record_dispute(order, &report)).await
            }
            InboundFact::Returned { reference, report } => {
                self.record_return((&reference, record), &report, origin).await
            }
            InboundFact::FulfillmentStopped { reference, outcome } => {
                self.record_stop((&reference, record), &outcome, origin).await
            }
            InboundFact::Ignored { topic } => {
                tracing::info!(connection = %record.connection, topic, "ignored");
                Ok(())
            }
        }
    }

    async fn load(&self, connection: &ConnectionId, channel: ChannelOrderId) -> Result<Order, Failure> {
        self.recorder.load(&OrderId { connection: connection.clone(), channel }).await
    }

    async fn record_order(
        &self,
        (connection, channel): (&ConnectionId, ChannelOrderId),
        inbound: &Inbound,
        origin: &Origin,
    ) -> Result<(), Failure> {
        let mut order = self.load(connection, channel).await?;
        // The version alone is not enough: storefronts count in seconds.
        let content = hash_of(&(&inbound.order, inbound.cancelled));
        let cause = format!("fact:{connection}:order:{}:{content}", inbound.source_version);
        if order.causes.contains(&cause) {
            return Ok(());
        }
        let settings = self.directory.channel(connection).await?.ok_or_else(|| {
            Failure::permanent(FailureClass::Connection, format!("{connection} is not configured as a channel"))
        })?;
        let (mut items, stream) = (BTreeMap::new(), order.id.stream());
        if order.accepted.is_none() {
            items = self.known_items(inbound).await?;
        }
        // Before the commit that names it: a commit must never point at nobody.
        if let Some(recipient) = inbound.recipient.as_ref().filter(|r| order.recipient() != Some(r.hash().as_str())) {
            self.people.keep(&stream, recipient).await.map_err(store_failure)?;
        }
        let decide = |order: &Order| storefront_order(order, inbound, context(&settings, &items));
        // A checkout may have held the goods while the buyer was paying.
        let committed =
            self.recorder.record_taking(&mut order, (&cause, origin), (inbound.hold.as_ref(), decide)).await?;
        translated(&order, &cause, &committed);
        Ok(())
    }

    async fn known_items(&self, inbound: &Inbound) -> Result<BTreeMap<Sku, Item>, Failure> {
        let skus: Vec<Sku> = inbound.order.lines.iter().filter_map(|line| line.sku.clone()).collect();
        self.items.items(&skus).await.map_err(store_failure)
    }

    async fn record_shipment(
        &self,
        (reference, record): (&str, &ConnectionRecord),
        report: &ShipmentReport,
        origin: &Origin,
    ) -> Result<(), Failure> {
        let Some((connection, channel)) = channel_of(reference, record) else {
            tracing::info!(connection = %record.connection, "a shipment of an order that is not ours");
            return Ok(());
        };
        let mut order = self.load(&connection, channel).await?;
        let cause = format!("fact:{}:shipment:{}", record.connection, report.id);
        if order.causes.contains(&cause) {
            return Ok(());
        }
        let skus: Vec<Sku> = report.lines.iter().map(|(sku, _)| sku.clone()).collect();
        // A count is of components: what left before it was in theirs.
        let items = self.items.items_with_components(&skus).await.map_err(store_failure)?;
        let decide = |order: &Order| record_shipment(order, report).past_counts(&items);
        self.commit(&mut order, (&cause, origin), decide).await
    }

    /// Goods that came back, for a return of ours or for a 3PL order that they left with.
    async fn record_return(
        &self,
        (reference, record): (&str, &ConnectionRecord),
        report: &ReturnReport,
        origin: &Origin,
    ) -> Result<(), Failure> {
        let Some((connection, channel)) = channel_of(reference, record) else {
            tracing::info!(connection = %record.connection, "a return of an order that is not ours");
            return Ok(());
        };
        let named = split_reference(reference).and_then(|(_, _, document)| return_number(&document));
        let mut order = self.load(&connection, channel).await?;
        let told = (&report.location, &report.lines, report.completed);
        let told = hash_of(&(told.0, told.1.iter().collect::<Vec<_>>(), told.2));
        let cause = format!("fact:{}:return:{}:{told}", record.connection, report.id);
        if order.causes.contains(&cause) {
            return Ok(());
        }
        let skus: Vec<Sku> = report.lines.iter().map(|(sku, ..)| sku.clone()).collect();
        let items = self.items.items_at(&skus, &report.location).await.map_err(store_failure)?;
        let decide = |order: &Order| record_return(order, report, named, &items).past_counts(&items);
        self.commit(&mut order, (&cause, origin), decide).await
    }

    /// Units that the 3PL will not ship, by its own doing.
    async fn record_stop(
        &self,
        (reference, record): (&str, &ConnectionRecord),
        outcome: &StopOutcome,
        origin: &Origin,
    ) -> Result<(), Failure> {
        let number = split_reference(reference).and_then(|(_, _, document)| document.strip_prefix('F')?.parse().ok());
        let (Some((connection, channel)), Some(number)) = (channel_of(reference, record), number) else {
            tracing::info!(connection = %record.connection, "a cancellation of an order that is not ours");
            return Ok(());
        };
        let mut order = self.load(&connection, channel).await?;
        let told = hash_of(&outcome.stopped.iter().collect::<Vec<_>>());
        let cause = format!("fact:{}:stopped:{reference}:{told}", record.connection);
        self.commit(&mut order, (&cause, origin), |order| stopped_by_3pl(order, number, &outcome.stopped)).await
    }

    async fn commit(
        &self,
        order: &mut Order,
        what: (&str, &Origin),
        decide: impl Fn(&Order) -> Decision + Send,
    ) -> Result<(), Failure> {
        let committed = self.recorder.record(order, what, decide).await?;
        translated(order, what.0, &committed);
        Ok(())
    }
}

fn translated(order: &Order, cause: &str, committed: &Committed) {
    tracing::info!(order = %order.id, cause, correlation_id = order.correlation_id.as_deref(), outcome = committed.word(), "translated");
}

const fn context<'a>(settings: &'a ChannelSettings, items: &'a BTreeMap<Sku, Item>) -> Context<'a> {
    Context { settings, items }
}

/// The order that a reference of ours names: the 3PL's settings say which channel a prefix belongs to.
fn channel_of(reference: &str, record: &ConnectionRecord) -> Option<(ConnectionId, ChannelOrderId)> {
    let (prefix, channel, _) = split_reference(reference)?;
    let connection = record.settings.get("channels")?.get(prefix.as_str())?.as_str()?.parse().ok()?;
    Some((connection, channel))
}
