//! Chooses where an order ships from and reserves the stock in the same transaction as the fact.

mod shortage;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use crossdock_domain::event::{Decision, FailureClass, Parked, WaitsOn};
use crossdock_domain::hold::is_hold;
use crossdock_domain::inventory::MOST_SKUS_PER_COMMIT;
use crossdock_domain::item::Item;
use crossdock_domain::sourcing::{Short, Sourcing, seed, source};
use crossdock_domain::{Event, LocationId, Order, OrderId, Sku, Task, TaskKind};
use crossdock_log::{Items, Page, ViewQuery, Views};
use crossdock_runner::{Directory, Done, Origin, Recorder, Runner, Step, store_failure};
use crossdock_step::batch::Trigger;
use crossdock_step::{Failure, Trace};
use jiff::Timestamp;
use serde_json::Value;

/// The step.
pub struct AllocateOrder {
    /// Connections: the channel's sourcing rules.
    pub directory: Arc<Directory>,
    /// Items with their stock.
    pub items: Arc<dyn Items>,
}

#[async_trait]
impl Step for AllocateOrder {
    fn kinds(&self) -> &'static [TaskKind] {
        &[TaskKind::Allocate]
    }

    async fn perform(&self, order: &Order, task: &Task) -> Result<Done, Failure> {
        let connection = &order.id.connection;
        let settings = self.directory.channel(connection).await?.ok_or_else(|| {
            Failure::permanent(
                FailureClass::Connection,
                format!("{connection} is not configured as a channel any more"),
            )
        })?;
        let skus: Vec<Sku> = order.unallocated().filter_map(|(_, line, _)| line.sku.clone()).collect();
        let items = self.items.items_with_components(&skus).await.map_err(store_failure)?;
        match source(order, &items, &settings, self.directory.now()) {
            Sourcing::Promised(decision) => {
                self.can_be_kept(&decision, &items).await?;
                Ok(Done::Decided(decision))
            }
            Sourcing::Short(short) => {
                // What waits is counted where it would have come from, also where nothing has ever been.
                self.items.items_at(&skus, &short.at).await.map_err(store_failure)?;
                let part = items.get(&short.sku).map_or(0, |item| item.part_of(&short.at, seed(order)));
                Ok(Done::Decided(backorder(task, short, part).into()))
            }
            Sourcing::Nowhere => Err(Failure::permanent(
                FailureClass::Missing,
                "no location serves the country: add one to the sourcing rules, then retry",
            )),
        }
    }
}

impl AllocateOrder {
    /// Makes sure that a kit can be counted where it is promised, where nothing of its own ever lies; and that all of it
    /// is one transaction.
    async fn can_be_kept(&self, decision: &Decision, items: &BTreeMap<Sku, Item>) -> Result<(), Failure> {
        let places: BTreeSet<(&Sku, &LocationId)> =
            decision.moves.iter().map(|stock| (&stock.sku, &stock.location)).collect();
        if places.len() > MOST_SKUS_PER_COMMIT {
            let reason = format!(
                "the order moves the stock of {} SKUs, counting what kits are made of, and at most {MOST_SKUS_PER_COMMIT} \
                 can be promised at once: cancel lines of it and order them apart",
                places.len()
            );
            return Err(Failure::permanent(FailureClass::Value, reason));
        }
        for (sku, location) in places {
            if items.get(sku).is_some_and(|item| !item.stock.contains_key(location)) {
                self.items.open_location(sku, location).await.map_err(store_failure)?;
            }
        }
        Ok(())
    }
}

fn backorder(task: &Task, short: Short, part: u16) -> Event {
    Event::TaskParked(Parked {
        task: task.id.clone(),
        class: FailureClass::Stock,
        reason: format!("{} x {} are missing", short.missing, short.sku),
        waits_on: WaitsOn::Sku(short.sku),
        at: Some(short.at),
        part,
        kits: short.kits,
    })
}

/// The function: allocates the order of an event, or, when stock has arrived, the orders that waited for it.
pub struct Function {
    /// Runs the step.
    pub runner: Runner,
    /// The step.
    pub step: AllocateOrder,
    /// Appends releases.
    pub recorder: Recorder,
    /// Finds the orders that wait.
    pub views: Arc<dyn Views>,
}

/// Waiting orders are released in pages of this size, oldest first.
const PAGE: i32 = 50;

impl Function {
    /// Handles one event.
    ///
    /// # Errors
    /// Something has to be tried again.
    pub async fn handle(&self, envelope: &Value, deadline: Timestamp) -> Result<(), Failure> {
        let trace = Arc::new(Trace::of_event(envelope, "allocate-order"));
        let outcome = trace.follow(self.take_up(envelope, deadline)).await;
        self.runner.print_metrics();
        outcome
    }

    async fn take_up(&self, envelope: &Value, deadline: Timestamp) -> Result<(), Failure> {
        let trigger = Trigger::parse(envelope)?;
        if is_hold(&trigger.stream) {
            return self.released(envelope, &trigger, deadline).await;
        }
        if !trigger.stream.starts_with("inventory#") {
            return self.runner.run(&self.step, &trigger, deadline).await;
        }
        let document = envelope.pointer("/detail/data").cloned().unwrap_or_default();
        let lines = document.get("lines").and_then(Value::as_array);
        let places = ["location", "from", "to"].iter().filter_map(|place| document.get(*place)?.as_str()?.parse().ok());
        let places: Vec<LocationId> = places.collect();
        let skus = lines.into_iter().flatten().filter_map(|line| line.get("sku")?.as_str()?.parse().ok());
        let skus: Vec<Sku> = skus.collect();
        let items = self.step.items.items(&skus).await.map_err(store_failure)?;
        for sku in &skus {
            // Mostly nothing is short: one read tells it of all.
            let short = |location: &&LocationId| items.get(sku).is_some_and(|item| item.uncovered(location) > 0);
            for location in places.iter().filter(short) {
                self.resolve_shortage((sku, location), &trigger).await?;
            }
            self.release_waiters(sku.as_str(), &trigger, deadline).await?;
        }
        Ok(())
    }

    /// A hold has ended, and its units are free again: there is more to promise, and nothing can be short.
    async fn released(&self, envelope: &Value, trigger: &Trigger, deadline: Timestamp) -> Result<(), Failure> {
        let moved = envelope.pointer("/detail/metadata/moved").and_then(Value::as_array);
        for sku in moved.into_iter().flatten().filter_map(Value::as_str) {
            self.release_waiters(sku, trigger, deadline).await?;
        }
        Ok(())
    }

    async fn release_waiters(&self, sku: &str, trigger: &Trigger, deadline: Timestamp) -> Result<(), Failure> {
        let query = ViewQuery::Waiting(format!("sku#{sku}"));
        let mut page = Page { limit: PAGE, after: None };
        loop {
            let (waiting, next) = self.views.list(&query, &page).await.map_err(store_failure)?;
            for row in waiting {
                let id: OrderId = row.order_id.parse().map_err(|error| Failure::retry(format!("{error}")))?;
                self.release(&id, sku, (trigger, deadline)).await?;
            }
            let Some(next) = next else { return Ok(()) };
            page.after = Some(next);
        }
    }

    /// Takes the order's waiting task up again and does it at once.
    async fn release(&self, id: &OrderId, sku: &str, why: (&Trigger, Timestamp)) -> Result<(), Failure> {
        let (trigger, deadline) = why;
        let mut order = self.recorder.load(id).await?;
        let waits = |order: &Order| -> Option<crossdock_domain::outstanding::TaskId> {
            let parked =
                order.parked.values().find(|p| p.fact.waits_on.key().is_some_and(|key| key == format!("sku#{sku}")))?;
            Some(parked.fact.task.clone())
        };
        let origin = Origin::following("allocate-order", order.correlation_id.as_ref(), trigger.event_id.clone());
        let cause = format!("release:{}", trigger.stream);
        let decide = |order: &Order| waits(order).map(|task| Event::TaskReleased { task }.into()).unwrap_or_default();
        self.recorder.record(&mut order, (&cause, &origin), decide).await?;
        let again = Trigger { stream: id.stream(), event_id: trigger.event_id.clone(), task: None };
        self.runner.run(&self.step, &again, deadline).await
    }
}
