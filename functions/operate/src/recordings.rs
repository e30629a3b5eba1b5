//! An order as it was recorded, for rehearsing another build with it: its deliveries without the people in them, its
//! commits, and what was known of the world.

use std::collections::{BTreeMap, BTreeSet};

use crossdock_connectors::rehearsal::{RECORDING, RecordedDelivery, Recording};
use crossdock_domain::{ConnectionId, Order, OrderId, Sku};
use crossdock_log::Page;
use crossdock_runner::inbound::InboundMessage;
use crossdock_step::api::{Answer, Problem, Reply, Request};
use http::StatusCode;
use serde_json::Value;

use crate::Operate;

/// A recording has at most so many deliveries, the oldest: an answer of a function has at most 6 MB.
const MOST_DELIVERIES: i32 = 100;

impl Operate {
    pub(crate) async fn read_recording(&self, request: &Request) -> Answer {
        let caller = request.allowed("ops:read")?;
        let unknown = || Problem::not_found("order");
        let id: OrderId = request.path("order_id").parse().map_err(|_| unknown())?;
        if !caller.reaches(id.connection.as_str()) {
            return Err(unknown());
        }
        let commits = self.recorder.log().load(&id.stream(), 1).await.map_err(Problem::unavailable_because)?;
        let page = Page { limit: MOST_DELIVERIES, after: None };
        let kept = self.archive.archived_of(&id.stream(), &page).await.map_err(Problem::unavailable_because)?;
        if commits.is_empty() && kept.0.is_empty() {
            return Err(unknown());
        }
        let order = Order::fold(id.clone(), &commits);
        let messages = kept.0.iter().filter_map(|kept| serde_json::from_str::<InboundMessage>(&kept.message).ok());
        let messages: Vec<InboundMessage> = messages.collect();
        let from = messages.iter().map(|message| message.connection.clone()).chain([id.connection.clone()]);
        let connections = self.settings_of(from.collect()).await?;
        let skus: Vec<Sku> = order.goods().filter_map(|(_, line)| line.sku.clone()).collect();
        let items = self.items.items_with_components(&skus).await.map_err(Problem::unavailable_because)?;
        let deliveries = messages.iter().filter_map(|message| recorded(message, &connections)).collect();
        let recording = Recording { recording: RECORDING, order: id, connections, items, deliveries, commits };
        let told = serde_json::to_value(&recording).map_err(Problem::unavailable_because)?;
        Ok(Reply::json(StatusCode::OK, &told))
    }

    async fn settings_of(&self, names: BTreeSet<ConnectionId>) -> Result<BTreeMap<ConnectionId, Value>, Problem> {
        let mut settings = BTreeMap::new();
        for name in names {
            if let Some(record) = self.directory.find(&name).await.map_err(Problem::unavailable_because)? {
                settings.insert(name, record.settings.clone());
            }
        }
        Ok(settings)
    }
}

fn recorded(message: &InboundMessage, connections: &BTreeMap<ConnectionId, Value>) -> Option<RecordedDelivery> {
    let settings = connections.get(&message.connection)?;
    let delivery = message.delivery().ok()?;
    RecordedDelivery::of((&message.connection, settings), message.received_at, &delivery)
}
