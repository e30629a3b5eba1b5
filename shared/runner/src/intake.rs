//! Deliveries into facts of orders. A delivery may come twice, late or out of order: what it says has an identity of its
//! own, and what is known already is not recorded again. Each is kept as it came, so that it can be taken in once more.

use std::collections::BTreeMap;
use std::sync::Arc;

use crossdock_connectors::heard::{Heard, Known, Needed};
use crossdock_connectors::{Delivery, InboundFact, webhook};
use crossdock_domain::event::{Decision, FailureClass};
use crossdock_domain::item::Item;
use crossdock_domain::settings::ChannelSettings;
use crossdock_domain::{Order, OrderId, Sku};
use crossdock_log::{Archive, Archived, ConnectionRecord, Items, People};
use crossdock_step::Failure;
use jiff::SignedDuration;

use crate::inbound::InboundMessage;
use crate::{Directory, Origin, Recorder, store_failure};

/// Takes deliveries in.
pub struct Intake {
    /// Reads and appends orders.
    pub recorder: Recorder,
    /// Connections.
    pub directory: Arc<Directory>,
    /// The catalogue.
    pub items: Arc<dyn Items>,
}

/// Where that is kept which is personal in a delivery.
pub struct Keeping {
    /// Recipients.
    pub people: Arc<dyn People>,
    /// Deliveries as they came.
    pub archive: Arc<dyn Archive>,
    /// For how long these.
    pub kept_for: SignedDuration,
}

/// What a delivery would do if it was taken in now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Foretold {
    /// Facts would be recorded.
    Records {
        /// Of which order.
        order: OrderId,
        /// Which, by their types.
        facts: Vec<String>,
    },
    /// The order has it, or knows better by now.
    Known {
        /// Which.
        order: OrderId,
    },
    /// It concerns no order of ours, or cannot be read: why.
    Nothing(String),
}

/// A delivery that was read.
struct Reading {
    record: Arc<ConnectionRecord>,
    origin: Origin,
    facts: Vec<InboundFact>,
}

/// What it takes to decide.
struct World {
    settings: Option<ChannelSettings>,
    items: BTreeMap<Sku, Item>,
}

impl World {
    const fn known(&self) -> Known<'_> {
        Known { settings: self.settings.as_ref(), items: &self.items }
    }
}

impl Intake {
    /// Takes a message of the inbound queue in.
    ///
    /// # Errors
    /// It cannot be read, its connection is not configured as it has to be, or the store does not answer.
    pub async fn take(&self, body: &str, keeping: &Keeping) -> Result<(), Failure> {
        let message = parsed(body)?;
        let Reading { record, origin, facts } = self.read(&message).await?;
        let heard: Vec<Result<Heard, String>> =
            facts.into_iter().map(|fact| Heard::of(fact, (&record.connection, &record.settings))).collect();
        for heard in &heard {
            match heard {
                Ok(heard) => self.record(heard, &origin, keeping).await?,
                Err(why) => tracing::info!(connection = %record.connection, why, "ignored"),
            }
        }
        // Last, so that no fact waits for it: the message stays on its queue until this is written, too.
        keeping.archive(body, &message, heard.iter().flatten().next()).await
    }

    /// What would follow if a message was taken in now. Nothing is written.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn foretell(&self, body: &str) -> Result<Vec<Foretold>, Failure> {
        let read = match parsed(body) {
            Ok(message) => self.read(&message).await,
            Err(failure) => Err(failure),
        };
        let Reading { record, facts, .. } = match read {
            Ok(reading) => reading,
            Err(failure @ Failure::Permanent { .. }) => {
                return Ok(vec![Foretold::Nothing(failure.reason().to_owned())]);
            }
            Err(failure) => return Err(failure),
        };
        let mut foretold = Vec::with_capacity(facts.len());
        for fact in facts {
            foretold.push(match Heard::of(fact, (&record.connection, &record.settings)) {
                Ok(heard) => self.foretell_one(&heard).await?,
                Err(why) => Foretold::Nothing(why),
            });
        }
        Ok(foretold)
    }

    async fn foretell_one(&self, heard: &Heard) -> Result<Foretold, Failure> {
        let order = self.recorder.load(&heard.order).await?;
        let known = Foretold::Known { order: heard.order.clone() };
        if order.causes.contains(&heard.cause) {
            return Ok(known);
        }
        let world = self.world(heard, &order).await?;
        let decision = heard.decide(&order, world.known());
        let facts: Vec<String> = decision.events.iter().map(|event| event.type_name().to_owned()).collect();
        Ok(if facts.is_empty() { known } else { Foretold::Records { order: heard.order.clone(), facts } })
    }

    async fn read(&self, message: &InboundMessage) -> Result<Reading, Failure> {
        let record = self.directory.get(&message.connection).await?;
        let delivery: Delivery = message.delivery().map_err(unreadable)?;
        let facts = webhook::translate(&record.settings, &delivery).map_err(unreadable)?;
        let origin = Origin {
            actor: message.connection.to_string(),
            correlation_id: message.correlation_id.clone(),
            causation_id: webhook::delivery_id(&record.settings, &delivery),
        };
        Ok(Reading { record, origin, facts })
    }

    async fn world(&self, heard: &Heard, order: &Order) -> Result<World, Failure> {
        let connection = &heard.order.connection;
        let settings = if heard.needs_channel() {
            let missing = || format!("{connection} is not configured as a channel");
            let found = self.directory.channel(connection).await?;
            Some(found.ok_or_else(|| Failure::permanent(FailureClass::Connection, missing()))?)
        } else {
            None
        };
        let items = match heard.needed(order) {
            Needed::Nothing => Ok(BTreeMap::new()),
            Needed::Items(skus) => self.items.items(&skus).await,
            Needed::WithComponents(skus) => self.items.items_with_components(&skus).await,
            Needed::At(skus, location) => self.items.items_at(&skus, &location).await,
        };
        Ok(World { settings, items: items.map_err(store_failure)? })
    }

    async fn record(&self, heard: &Heard, origin: &Origin, keeping: &Keeping) -> Result<(), Failure> {
        let mut order = self.recorder.load(&heard.order).await?;
        if order.causes.contains(&heard.cause) {
            return Ok(());
        }
        let (world, stream) = (self.world(heard, &order).await?, order.id.stream());
        // Before the commit that names it: a commit must never point at nobody.
        if let Some(recipient) = heard.recipient().filter(|r| order.recipient() != Some(r.hash().as_str())) {
            keeping.people.keep(&stream, recipient).await.map_err(store_failure)?;
        }
        let decide = |order: &Order| -> Decision { heard.decide(order, world.known()) };
        let what = (heard.cause.as_str(), origin);
        // A checkout may have held the goods while the buyer was paying.
        let committed = self.recorder.record_taking(&mut order, what, (heard.hold(), decide)).await?;
        tracing::info!(order = %order.id, cause = heard.cause, correlation_id = order.correlation_id.as_deref(), outcome = committed.word(), "translated");
        Ok(())
    }
}

impl Keeping {
    async fn archive(&self, body: &str, message: &InboundMessage, heard: Option<&Heard>) -> Result<(), Failure> {
        let connection = message.connection.to_string();
        let stream = heard.map_or_else(|| format!("connection#{connection}"), |heard| heard.order.stream());
        let received_at = message.received_at;
        let delivery = Archived { stream, connection, received_at, message: body.to_owned() };
        self.archive.archive(&delivery, received_at + self.kept_for).await.map_err(store_failure)
    }
}

fn unreadable(reason: String) -> Failure {
    Failure::permanent(FailureClass::Parse, reason)
}

fn parsed(body: &str) -> Result<InboundMessage, Failure> {
    // What is wrong is not told by the library's words: they repeat what they found, which may be a person's.
    serde_json::from_str(body).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        unreadable(format!("the message is no delivery as receive-webhook writes it: {place}"))
    })
}
