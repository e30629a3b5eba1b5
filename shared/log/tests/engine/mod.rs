//! An embedded DynamoDB with the tables of the template.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use crossdock_log::{Dynamo, Tables};

/// A key: its name, and whether it is a number.
type Key = (&'static str, bool);

/// A table or an index: partition key, sort key.
type Keys = (Key, Option<Key>);

/// A store over a fresh engine, and a client for what the store does not do.
pub async fn dynamodb() -> (Dynamo, Client) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-2"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(http)
        .endpoint_url(endpoint)
        .build();
    let client = Client::from_conf(config);
    create_tables(&client).await;
    let named = |name: &str| Some(name.trim_end_matches("_TABLE").to_lowercase());
    (Dynamo::new(client.clone(), Tables::named(named)), client)
}

async fn create_tables(client: &Client) {
    let text = |name| (name, false);
    create(client, "log", (text("stream"), Some(("seq", true))), &[("due", (text("due"), None), false)]).await;
    let by_arrival = ("by_arrival", (text("arrived"), Some(text("hash"))), false);
    create(client, "people", (text("stream"), Some(text("hash"))), &[by_arrival]).await;
    create(client, "items", (text("sku"), None), &[]).await;
    create(client, "ledger", (text("account"), Some(text("entry"))), &[]).await;
    create(client, "connections", (text("connection"), None), &[]).await;
    create(client, "markers", (text("id"), None), &[]).await;
    let view = [
        ("by_connection", (text("connection"), Some(text("placed_order"))), true),
        ("by_status", (text("connection_status"), Some(text("placed_order"))), true),
        ("attention", (text("attention"), Some(text("attention_since"))), true),
        ("waiting", (text("waits_on"), Some(text("placed_order"))), true),
        ("in_flight", (text("in_flight"), Some(text("placed_order"))), false),
        ("by_name", (text("named"), Some(text("placed_order"))), false),
    ];
    create(client, "view", (text("order_id"), None), &view).await;
}

async fn create(client: &Client, table: &str, keys: Keys, indexes: &[(&str, Keys, bool)]) {
    let mut defined: HashMap<&str, bool> = HashMap::new();
    for keys in indexes.iter().map(|(_, keys, _)| *keys).chain([keys]) {
        defined.extend([keys.0].into_iter().chain(keys.1));
    }
    let mut request = client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    for (name, is_number) in defined {
        let kind = if is_number { ScalarAttributeType::N } else { ScalarAttributeType::S };
        let definition = AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().unwrap();
        request = request.attribute_definitions(definition);
    }
    for (name, keys, whole) in indexes {
        let kind = if *whole { ProjectionType::All } else { ProjectionType::KeysOnly };
        let projection = Projection::builder().projection_type(kind).build();
        let index = GlobalSecondaryIndex::builder().index_name(*name).set_key_schema(Some(schema(*keys)));
        request = request.global_secondary_indexes(index.projection(projection).build().unwrap());
    }
    request.set_key_schema(Some(schema(keys))).send().await.unwrap();
}

fn schema(keys: Keys) -> Vec<KeySchemaElement> {
    let element = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let partition = element(keys.0.0, KeyType::Hash);
    [partition].into_iter().chain(keys.1.map(|(name, _)| element(name, KeyType::Range))).collect()
}

/// Writes a row as it is.
pub async fn put(client: &Client, table: &str, row: HashMap<String, AttributeValue>) {
    client.put_item().table_name(table).set_item(Some(row)).send().await.unwrap();
}

/// A text value.
pub fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}
