//! The store on DynamoDB.

mod packed;
mod stock;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{DisplayErrorContext, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, Put, ReturnValue, TransactWriteItem};
use crossdock_domain::ids::ConnectionId;
use crossdock_domain::{Commit, Recipient};
use jiff::Timestamp;

use crate::{
    AppendError, ConnectionRecord, Connections, Log, Markers, OrderView, Page, Pause, People, Showing, StoreError,
    Tally, ViewQuery, Views,
};

/// Names of the tables. A function is given those that it needs; another's name may be empty.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    /// Commits.
    pub log: String,
    /// Personal data.
    pub people: String,
    /// Items and stock.
    pub items: String,
    /// What has moved, per SKU and location.
    pub ledger: String,
    /// Connections.
    pub connections: String,
    /// Idempotency keys and cursors.
    pub markers: String,
    /// The view.
    pub view: String,
}

/// The store on DynamoDB.
#[derive(Debug, Clone)]
pub struct Dynamo {
    client: Client,
    tables: Tables,
}

type Row = HashMap<String, AttributeValue>;

/// BatchGetItem takes at most so many keys.
const KEYS_PER_BATCH: usize = 100;

/// How often a write that met another transaction on the same item is tried before the caller is told to wait.
const CONTENTION_TRIES: u32 = 8;

impl Tables {
    /// Names by the variables that the template sets: `LOG_TABLE` and so on.
    #[must_use]
    pub fn named(variable: impl Fn(&str) -> Option<String>) -> Self {
        let name = |table: &str| variable(table).unwrap_or_default();
        Self {
            log: name("LOG_TABLE"),
            people: name("PEOPLE_TABLE"),
            items: name("ITEMS_TABLE"),
            ledger: name("LEDGER_TABLE"),
            connections: name("CONNECTIONS_TABLE"),
            markers: name("MARKERS_TABLE"),
            view: name("VIEW_TABLE"),
        }
    }
}

impl Dynamo {
    /// A store over these tables.
    #[must_use]
    pub const fn new(client: Client, tables: Tables) -> Self {
        Self { client, tables }
    }

    /// A commit as the part of a transaction.
    fn put_of(&self, commit: &Commit) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder().table_name(&self.tables.log).set_item(Some(row_of(commit, "TransactWriteItems")?));
        let put =
            put.condition_expression("attribute_not_exists(#stream)").expression_attribute_names("#stream", "stream");
        let put = put.build().map_err(|e| StoreError { operation: "TransactWriteItems", reason: e.to_string() })?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Sends what begins with these commits.
    async fn transact(&self, puts: Vec<TransactWriteItem>, commits: &[&Commit]) -> Result<(), Attempt> {
        let sent = self.client.transact_write_items().set_transact_items(Some(puts)).send().await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) => Err(classify(error, commits)),
        }
    }

    async fn get(&self, table: &str, key: Row, operation: &'static str) -> Result<Option<Row>, StoreError> {
        let answer = self.client.get_item().table_name(table).set_key(Some(key)).consistent_read(true).send().await;
        Ok(answer.map_err(|error| store_error(operation, &error))?.item)
    }

    async fn rows_of_batch(&self, table: &str, keys: KeysAndAttributes) -> Result<Vec<Row>, StoreError> {
        let mut rows = Vec::new();
        let mut open = Some(HashMap::from([(table.to_owned(), keys)]));
        for attempt in 0..CONTENTION_TRIES {
            let Some(request) = open.take() else { return Ok(rows) };
            let answer = self.client.batch_get_item().set_request_items(Some(request)).send().await;
            let answer = answer.map_err(|error| store_error("BatchGetItem", &error))?;
            rows.extend(answer.responses.unwrap_or_default().into_values().flatten());
            open = answer.unprocessed_keys.filter(|keys| !keys.is_empty());
            if open.is_some() {
                tokio::time::sleep(pause(attempt)).await;
            }
        }
        match open {
            None => Ok(rows),
            Some(_) => Err(StoreError { operation: "BatchGetItem", reason: "keys stayed unprocessed".into() }),
        }
    }
}

/// Rows that are asked for together.
fn keys_of(keys: Vec<Row>) -> Result<KeysAndAttributes, StoreError> {
    let keys = KeysAndAttributes::builder().set_keys(Some(keys)).build();
    keys.map_err(|error| StoreError { operation: "BatchGetItem", reason: error.to_string() })
}

/// What one try of a transaction came to.
enum Attempt {
    Decided(AppendError),
    Contended(String),
}

/// The strongest reason decides: a taken number, then that of the other stream, then too little stock, then contention.
fn classify(error: SdkError<TransactWriteItemsError>, commits: &[&Commit]) -> Attempt {
    let text = DisplayErrorContext(&error).to_string();
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error.into_service_error() else {
        return Attempt::Decided(StoreError { operation: "TransactWriteItems", reason: text }.into());
    };
    let codes: Vec<&str> = cancelled.cancellation_reasons().iter().map(|r| r.code().unwrap_or("None")).collect();
    let failed = |code: &&str| **code == *"ConditionalCheckFailed";
    let passing =
        ["None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "ConditionalCheckFailed"];
    let taken = commits.iter().zip(&codes).position(|(_, code)| failed(code));
    if let Some((place, commit)) = taken.and_then(|place| Some((place, commits.get(place)?))) {
        Attempt::Decided(if place == 0 {
            AppendError::SeqTaken(commit.seq)
        } else {
            AppendError::OtherTaken(commit.seq)
        })
    } else if let Some(bug) = codes.iter().find(|code| !passing.contains(code)) {
        Attempt::Decided(StoreError { operation: "TransactWriteItems", reason: format!("{bug}: {text}") }.into())
    } else if codes.iter().any(failed) {
        Attempt::Decided(AppendError::StockShort)
    } else {
        Attempt::Contended(text)
    }
}

fn pause(attempt: u32) -> Duration {
    Duration::from_millis(fastrand::u64(5..=20 * 2_u64.pow(attempt.min(6))))
}

fn store_error<E: std::error::Error + 'static>(operation: &'static str, error: &SdkError<E>) -> StoreError {
    StoreError { operation, reason: DisplayErrorContext(error).to_string() }
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn row_of<T: serde::Serialize>(value: &T, operation: &'static str) -> Result<Row, StoreError> {
    serde_dynamo::to_item(value).map_err(|error| StoreError { operation, reason: error.to_string() })
}

fn parse<T: serde::de::DeserializeOwned>(row: Row, operation: &'static str) -> Result<T, StoreError> {
    serde_dynamo::from_item(row).map_err(|error| StoreError { operation, reason: error.to_string() })
}

#[async_trait]
impl Log for Dynamo {
    async fn load(&self, stream: &str, from: u64) -> Result<Vec<Commit>, StoreError> {
        let query = self.client.query().table_name(&self.tables.log).consistent_read(true);
        let query = query.key_condition_expression("#stream = :stream AND seq >= :from");
        let query = query.expression_attribute_names("#stream", "stream");
        let query = query.expression_attribute_values(":stream", text(stream));
        let answer = query.expression_attribute_values(":from", number(from)).send().await;
        let answer = answer.map_err(|error| store_error("Query", &error))?;
        if answer.last_evaluated_key.is_some() {
            return Err(StoreError { operation: "Query", reason: format!("{stream} is longer than one page") });
        }
        answer.items.unwrap_or_default().into_iter().map(|row| parse(row, "Query")).collect()
    }

    async fn append_with(&self, commit: &Commit, other: Option<&Commit>) -> Result<(), AppendError> {
        if commit.moves.is_empty() && other.is_none() {
            return self.put_commit(row_of(commit, "PutItem")?, commit.seq).await;
        }
        let commits: Vec<&Commit> = std::iter::once(commit).chain(other).collect();
        let puts = commits.iter().map(|commit| self.put_of(commit));
        let mut writes = puts.collect::<Result<Vec<_>, _>>()?;
        writes.extend(stock::writes(&self.tables, &commits)?);
        let mut contended = String::new();
        for attempt in 0..CONTENTION_TRIES {
            match self.transact(writes.clone(), &commits).await {
                Ok(()) => return Ok(()),
                Err(Attempt::Decided(error)) => return Err(error),
                Err(Attempt::Contended(reason)) => contended = reason,
            }
            tokio::time::sleep(pause(attempt)).await;
        }
        Err(StoreError { operation: "TransactWriteItems", reason: contended }.into())
    }

    async fn due(&self, bucket: &str) -> Result<Vec<(String, u64)>, StoreError> {
        let query = self.client.query().table_name(&self.tables.log).index_name("due");
        let query = query.key_condition_expression("#due = :due").expression_attribute_names("#due", "due");
        let mut pages = query.expression_attribute_values(":due", text(bucket)).into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(row) = pages.next().await {
            let row = row.map_err(|error| store_error("Query", &error))?;
            let stream = row.get("stream").and_then(|value| value.as_s().ok()).cloned();
            let seq = row.get("seq").and_then(|value| value.as_n().ok()).and_then(|n| n.parse().ok());
            found.extend(stream.zip(seq));
        }
        Ok(found)
    }

    async fn last_seq(&self, stream: &str) -> Result<u64, StoreError> {
        let query = self.client.query().table_name(&self.tables.log).consistent_read(true);
        let query = query.key_condition_expression("#stream = :stream").expression_attribute_names("#stream", "stream");
        let query = query.expression_attribute_values(":stream", text(stream)).projection_expression("seq");
        let answer = query.scan_index_forward(false).limit(1).send().await;
        let rows = answer.map_err(|error| store_error("Query", &error))?.items.unwrap_or_default();
        let seq = rows.first().and_then(|row| row.get("seq")?.as_n().ok()?.parse().ok());
        Ok(seq.unwrap_or(0))
    }
}

impl Dynamo {
    async fn put_commit(&self, row: Row, seq: u64) -> Result<(), AppendError> {
        let put = self.client.put_item().table_name(&self.tables.log).set_item(Some(row));
        let put =
            put.condition_expression("attribute_not_exists(#stream)").expression_attribute_names("#stream", "stream");
        match put.send().await {
            Ok(_) => Ok(()),
            Err(error)
                if matches!(error.as_service_error(), Some(PutItemError::ConditionalCheckFailedException(_))) =>
            {
                Err(AppendError::SeqTaken(seq))
            }
            Err(error) => Err(store_error("PutItem", &error).into()),
        }
    }
}

#[async_trait]
impl People for Dynamo {
    async fn keep(&self, stream: &str, recipient: &Recipient) -> Result<String, StoreError> {
        let hash = recipient.hash();
        let content = serde_json::to_string(recipient)
            .map_err(|error| StoreError { operation: "PutItem", reason: error.to_string() })?;
        self.put_person((stream, &hash), content).await?;
        Ok(hash)
    }

    async fn find(&self, stream: &str, hash: &str) -> Result<Option<Recipient>, StoreError> {
        let Some(content) = self.person((stream, hash)).await? else { return Ok(None) };
        let unreadable = |error: serde_json::Error| StoreError { operation: "GetItem", reason: error.to_string() };
        serde_json::from_str(&content).map(Some).map_err(unreadable)
    }

    async fn keep_delivery(&self, id: &str, message: &str) -> Result<(), StoreError> {
        self.put_packed((DELIVERIES, id), message, Row::new()).await
    }

    async fn find_delivery(&self, id: &str) -> Result<Option<String>, StoreError> {
        let Some(row) = self.person_row((DELIVERIES, id)).await? else { return Ok(None) };
        self.unpacked(&row).await.map(Some)
    }

    async fn keep_exchange(&self, stream: &str, task: &str, exchange: &str) -> Result<(), StoreError> {
        self.put_person((stream, &exchange_of(task)), exchange.to_owned()).await
    }

    async fn find_exchange(&self, stream: &str, task: &str) -> Result<Option<String>, StoreError> {
        self.person((stream, &exchange_of(task))).await
    }
}

/// Sort key of a task's last failure; no hash has such a form.
fn exchange_of(task: &str) -> String {
    format!("exchange#{task}")
}

impl Dynamo {
    /// The rows that an index names, in its order.
    async fn rows_of(&self, named: Vec<Row>) -> Result<Vec<OrderView>, StoreError> {
        let ids: Vec<String> = named.iter().filter_map(|row| row.get("order_id")?.as_s().ok().cloned()).collect();
        let mut rows: HashMap<String, OrderView> = HashMap::new();
        for chunk in ids.chunks(KEYS_PER_BATCH) {
            let keys = chunk.iter().map(|id| HashMap::from([("order_id".to_owned(), text(id))])).collect();
            for row in self.rows_of_batch(&self.tables.view, keys_of(keys)?).await? {
                let row: OrderView = parse(row, "BatchGetItem")?;
                rows.insert(row.order_id.clone(), row);
            }
        }
        Ok(ids.iter().filter_map(|id| rows.remove(id)).collect())
    }
}

fn person_key((stream, hash): (&str, &str)) -> Row {
    HashMap::from([("stream".to_owned(), text(stream)), ("hash".to_owned(), text(hash))])
}

/// Partition of deliveries that nobody could understand.
const DELIVERIES: &str = "delivery";

impl Dynamo {
    async fn put_person(&self, key: (&str, &str), content: String) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(&self.tables.people);
        let put = put.item("stream", text(key.0)).item("hash", text(key.1)).item("content", text(content));
        put.send().await.map(|_| ()).map_err(|error| store_error("PutItem", &error))
    }

    async fn person(&self, key: (&str, &str)) -> Result<Option<String>, StoreError> {
        let row = self.person_row(key).await?;
        Ok(row.and_then(|row| row.get("content")?.as_s().ok().cloned()))
    }

    async fn person_row(&self, key: (&str, &str)) -> Result<Option<Row>, StoreError> {
        self.get(&self.tables.people, person_key(key), "GetItem").await
    }
}

#[async_trait]
impl Connections for Dynamo {
    async fn connection(&self, connection: &ConnectionId) -> Result<Option<ConnectionRecord>, StoreError> {
        let key = HashMap::from([("connection".to_owned(), text(connection.as_str()))]);
        let answer = self.client.get_item().table_name(&self.tables.connections).set_key(Some(key)).send().await;
        let row = answer.map_err(|error| store_error("GetItem", &error))?.item;
        row.map(connection_of).transpose()
    }

    async fn connections(&self) -> Result<Vec<ConnectionRecord>, StoreError> {
        // A scan of a handful of items, asked for by an operator: the one exception to "no scan".
        let answer = self.client.scan().table_name(&self.tables.connections).send().await;
        let rows = answer.map_err(|error| store_error("Scan", &error))?.items.unwrap_or_default();
        rows.into_iter().map(connection_of).collect()
    }

    async fn pause(&self, connection: &ConnectionId, pause: &Pause) -> Result<(), StoreError> {
        let begins = "SET paused_since = :now, paused_until = :until, paused_reason = :why";
        let idle = "attribute_not_exists(paused_until) OR paused_until < :now";
        if self.pause_if(connection, pause, (begins, idle)).await? {
            return Ok(());
        }
        // Paused already: for longer, if at all, and since the same moment.
        let lengthens =
            "SET paused_since = if_not_exists(paused_since, :now), paused_until = :until, paused_reason = :why";
        self.pause_if(connection, pause, (lengthens, "paused_until < :until")).await.map(|_| ())
    }

    async fn resume(&self, connection: &ConnectionId) -> Result<(), StoreError> {
        let update = self.client.update_item().table_name(&self.tables.connections);
        let update = update.key("connection", text(connection.as_str()));
        let update = update.update_expression("REMOVE paused_since, paused_until, paused_reason");
        let update = update.condition_expression("attribute_exists(#connection)");
        match update.expression_attribute_names("#connection", "connection").send().await {
            Ok(_) => Ok(()),
            Err(error) if is_condition(&error) => Ok(()),
            Err(error) => Err(store_error("UpdateItem", &error)),
        }
    }
}

impl Dynamo {
    /// Whether the pause was written.
    async fn pause_if(&self, connection: &ConnectionId, pause: &Pause, how: (&str, &str)) -> Result<bool, StoreError> {
        let update = self.client.update_item().table_name(&self.tables.connections);
        let update = update.key("connection", text(connection.as_str()));
        let update = update
            .update_expression(how.0)
            // An update would make the item; who is not configured stays unknown.
            .condition_expression(format!("attribute_exists(#connection) AND ({})", how.1))
            .expression_attribute_names("#connection", "connection")
            .expression_attribute_values(":now", text(sortable(pause.now)))
            .expression_attribute_values(":until", text(sortable(pause.until)))
            .expression_attribute_values(":why", text(&pause.reason));
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error) if is_condition(&error) => Ok(false),
            Err(error) => Err(store_error("UpdateItem", &error)),
        }
    }
}

/// Times that are compared by DynamoDB have a fixed number of digits.
fn sortable(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// Settings are kept as JSON text, so that no number of theirs changes its shape.
fn connection_of(row: Row) -> Result<ConnectionRecord, StoreError> {
    let unreadable = |reason: String| StoreError { operation: "GetItem", reason };
    let field = |name: &str| row.get(name).and_then(|value| value.as_s().ok()).map(String::as_str);
    let time = |name: &str| {
        field(name).map(|at| at.parse::<Timestamp>().map_err(|e| unreadable(format!("{name}: {e}")))).transpose()
    };
    Ok(ConnectionRecord {
        connection: field("connection").unwrap_or_default().parse().map_err(|e| unreadable(format!("{e}")))?,
        settings: serde_json::from_str(field("settings").unwrap_or("null")).map_err(|e| unreadable(e.to_string()))?,
        paused_until: time("paused_until")?,
        paused_since: time("paused_since")?,
        paused_reason: field("paused_reason").map(str::to_owned),
    })
}

fn is_condition(error: &SdkError<UpdateItemError>) -> bool {
    matches!(error.as_service_error(), Some(UpdateItemError::ConditionalCheckFailedException(_)))
}

#[async_trait]
impl Markers for Dynamo {
    async fn mark(&self, id: &str, value: &str, expires_at: Timestamp) -> Result<Option<String>, StoreError> {
        let put = self.client.put_item().table_name(&self.tables.markers);
        let put = put.item("id", text(id)).item("value", text(value));
        let put =
            put.item("expires_at", number(expires_at.as_second())).condition_expression("attribute_not_exists(id)");
        match put.send().await {
            Ok(_) => Ok(None),
            Err(error)
                if matches!(error.as_service_error(), Some(PutItemError::ConditionalCheckFailedException(_))) =>
            {
                self.marker(id).await
            }
            Err(error) => Err(store_error("PutItem", &error)),
        }
    }

    async fn marker(&self, id: &str) -> Result<Option<String>, StoreError> {
        let key = HashMap::from([("id".to_owned(), text(id))]);
        let row = self.get(&self.tables.markers, key, "GetItem").await?;
        Ok(row.and_then(|row| row.get("value")?.as_s().ok().cloned()))
    }

    async fn set_marker(&self, id: &str, value: &str) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(&self.tables.markers);
        let put = put.item("id", text(id)).item("value", text(value));
        put.send().await.map(|_| ()).map_err(|error| store_error("PutItem", &error))
    }

    async fn count(&self, id: &str, counts: &Tally, expires_at: Timestamp) -> Result<(), StoreError> {
        let mut update = self.client.update_item().table_name(&self.tables.markers).key("id", text(id));
        update = update.expression_attribute_values(":expires", number(expires_at.as_second()));
        let mut adds = Vec::new();
        for (place, (name, count)) in counts.iter().enumerate() {
            adds.push(format!("#n{place} :n{place}"));
            update = update.expression_attribute_names(format!("#n{place}"), format!("{COUNT}{name}"));
            update = update.expression_attribute_values(format!(":n{place}"), number(count));
        }
        let expression = format!("ADD {} SET expires_at = :expires", adds.join(", "));
        update.update_expression(expression).send().await.map(|_| ()).map_err(|error| store_error("UpdateItem", &error))
    }

    async fn counted(&self, ids: &[String]) -> Result<BTreeMap<String, Tally>, StoreError> {
        let count = |(name, value): (&String, &AttributeValue)| {
            Some((name.strip_prefix(COUNT)?.to_owned(), value.as_n().ok()?.parse().ok()?))
        };
        let mut counted = BTreeMap::new();
        for chunk in ids.chunks(KEYS_PER_BATCH) {
            let keys = chunk.iter().map(|id| HashMap::from([("id".to_owned(), text(id))])).collect();
            for row in self.rows_of_batch(&self.tables.markers, keys_of(keys)?).await? {
                let id = row.get("id").and_then(|id| id.as_s().ok()).cloned().unwrap_or_default();
                counted.insert(id, row.iter().filter_map(count).collect());
            }
        }
        Ok(counted)
    }
}

/// What the attributes begin with that hold counts.
const COUNT: &str = "n_";

#[async_trait]
impl Views for Dynamo {
    async fn show(&self, view: &OrderView) -> Result<Showing, StoreError> {
        let put = self.client.put_item().table_name(&self.tables.view).set_item(Some(row_of(view, "PutItem")?));
        let put = put.condition_expression("attribute_not_exists(order_id) OR seq < :seq");
        let put = put.return_values(ReturnValue::AllOld);
        match put.expression_attribute_values(":seq", number(view.seq)).send().await {
            Ok(written) => {
                let before = written.attributes.filter(|row| !row.is_empty());
                Ok(Showing::Written(before.map(|row| parse(row, "PutItem")).transpose()?.map(Box::new)))
            }
            Err(error)
                if matches!(error.as_service_error(), Some(PutItemError::ConditionalCheckFailedException(_))) =>
            {
                Ok(Showing::Known)
            }
            Err(error) => Err(store_error("PutItem", &error)),
        }
    }

    async fn seen(&self, order_id: &str) -> Result<Option<OrderView>, StoreError> {
        let key = HashMap::from([("order_id".to_owned(), text(order_id))]);
        let row = self.get(&self.tables.view, key, "GetItem").await?;
        row.map(|row| parse(row, "GetItem")).transpose()
    }

    async fn list(&self, query: &ViewQuery, page: &Page) -> Result<(Vec<OrderView>, Option<String>), StoreError> {
        let (index, key, value, sort) = query.index();
        let compare = if query.newest_first() { "<" } else { ">" };
        let condition = page
            .after
            .as_ref()
            .map_or_else(|| "#key = :key".into(), |_| format!("#key = :key AND #sort {compare} :after"));
        let mut ask = self.client.query().table_name(&self.tables.view).index_name(index);
        ask = ask.key_condition_expression(condition).expression_attribute_names("#key", key);
        ask = ask.expression_attribute_values(":key", text(value));
        if let Some(after) = &page.after {
            ask = ask.expression_attribute_names("#sort", sort).expression_attribute_values(":after", text(after));
        }
        let answer = ask.scan_index_forward(!query.newest_first()).limit(page.limit.max(1)).send().await;
        let answer = answer.map_err(|error| store_error("Query", &error))?;
        let more = answer.last_evaluated_key.is_some();
        let found = answer.items.unwrap_or_default();
        let last = found.last().and_then(|row| row.get(sort)?.as_s().ok().cloned());
        let next = last.filter(|_| more);
        if query.holds_keys_only() {
            return Ok((self.rows_of(found).await?, next));
        }
        let rows = found.into_iter().map(|row| parse(row, "Query")).collect::<Result<Vec<OrderView>, _>>()?;
        Ok((rows, next))
    }
}
