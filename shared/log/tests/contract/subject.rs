//! The stores under test, fresh for every test.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use crossdock_domain::item::Item;
use crossdock_log::{Archive, ConnectionRecord, Connections, Items, Log, Markers, Memory, People, Views};

use crate::engine;

/// Everything that a store can do.
pub trait Store: Log + People + Archive + Items + Connections + Markers + Views {}

impl<T: Log + People + Archive + Items + Connections + Markers + Views> Store for T {}

/// What is put into a store, and looked at, by the back door.
#[async_trait]
pub trait BackDoor: Send + Sync {
    async fn put_item(&self, item: Item);
    async fn put_connection(&self, record: ConnectionRecord);
    /// All that the log holds, as text.
    async fn log_text(&self) -> String;
}

/// A store under test.
pub struct Subject {
    pub store: Arc<dyn Store>,
    pub back: Arc<dyn BackDoor>,
}

#[async_trait]
impl BackDoor for Memory {
    async fn put_item(&self, item: Item) {
        Self::put_item(self, item);
    }

    async fn put_connection(&self, record: ConnectionRecord) {
        Self::put_connection(self, record);
    }

    async fn log_text(&self) -> String {
        serde_json::to_string(&self.streams()).unwrap()
    }
}

pub fn in_memory() -> Subject {
    let memory = Arc::new(Memory::default());
    Subject { store: memory.clone(), back: memory }
}

#[async_trait]
impl BackDoor for Client {
    async fn put_item(&self, item: Item) {
        engine::put(self, "items", serde_dynamo::to_item(item).unwrap()).await;
    }

    async fn put_connection(&self, record: ConnectionRecord) {
        let row = [
            ("connection".to_owned(), engine::text(record.connection.as_str())),
            ("settings".to_owned(), engine::text(&record.settings.to_string())),
        ];
        engine::put(self, "connections", row.into()).await;
    }

    async fn log_text(&self) -> String {
        format!("{:?}", self.scan().table_name("log").send().await.unwrap().items)
    }
}

pub async fn on_dynamodb() -> Subject {
    let (store, client) = engine::dynamodb().await;
    Subject { store: Arc::new(store), back: Arc::new(client) }
}
