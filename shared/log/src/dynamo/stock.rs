//! Items, their stock and its ledger on DynamoDB.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use async_trait::async_trait;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, Put, TransactWriteItem, Update};
use crossdock_domain::ids::{ConnectionId, LocationId};
use crossdock_domain::item::{Item, Shown, Stock, StockMove};
use crossdock_domain::{Commit, Sku};
use serde::Deserialize;

use super::{Dynamo, KEYS_PER_BATCH, Tables, number, parse, row_of, store_error, text};
use crate::ledger::{account, entry_at, rows_of};
use crate::{Items, LedgerPage, LedgerRow, LedgerRows, StoreError};

/// A part of a SKU's stock beyond part 0.
#[derive(Deserialize)]
struct Part {
    sku: String,
    #[serde(default)]
    stock: BTreeMap<LocationId, Stock>,
}

/// Key of a part of a SKU's stock. No SKU holds a control character.
fn key_of(sku: &Sku, part: u16) -> String {
    if part == 0 { sku.to_string() } else { format!("{sku}\u{1}{part}") }
}

/// The kits that a SKU is a component of: a record of its own, which is no item.
#[derive(Deserialize)]
struct PartOf {
    kits: BTreeSet<Sku>,
}

fn key_of_kits(component: &Sku) -> String {
    format!("{component}\u{1}kits")
}

/// What the stock of commits adds to their transaction: one update per record, because a transaction may touch a record
/// only once, and one row per commit and ledger.
pub(super) fn writes(tables: &Tables, commits: &[&Commit]) -> Result<Vec<TransactWriteItem>, StoreError> {
    let mut by_record: BTreeMap<String, Vec<&StockMove>> = BTreeMap::new();
    for stock in commits.iter().flat_map(|commit| &commit.moves) {
        by_record.entry(key_of(&stock.sku, stock.part)).or_default().push(stock);
    }
    let updates = by_record.iter().map(|(key, moves)| Changes::of(moves).update(&tables.items, key));
    let rows = commits.iter().flat_map(|commit| rows_of(commit)).map(|row| {
        let put = Put::builder().table_name(&tables.ledger).set_item(Some(row_of(&row, "TransactWriteItems")?));
        Ok(TransactWriteItem::builder().put(put.build().map_err(unbuildable)?).build())
    });
    updates.chain(rows).collect()
}

fn unbuildable(error: impl ToString) -> StoreError {
    StoreError { operation: "TransactWriteItems", reason: error.to_string() }
}

/// One update of a record, in the making.
struct Changes {
    update: UpdateBuilder,
    sets: Vec<String>,
    conditions: Vec<String>,
    values: usize,
}

impl Changes {
    fn of(moves: &[&StockMove]) -> Self {
        let mut by_location: BTreeMap<&LocationId, Vec<&StockMove>> = BTreeMap::new();
        for stock in moves {
            by_location.entry(&stock.location).or_default().push(stock);
        }
        let update = Update::builder().expression_attribute_names("#stock", "stock");
        let mut changes = Self { update, sets: Vec::new(), conditions: Vec::new(), values: 0 };
        for (n, (location, moves)) in by_location.into_iter().enumerate() {
            let name = format!("#l{n}");
            changes.update = changes.update.expression_attribute_names(&name, location.as_str());
            changes.change(&format!("#stock.{name}"), &moves);
            changes.change_by_channel(&format!("#stock.{name}"), &moves);
        }
        changes
    }

    fn value(&mut self, value: AttributeValue) -> String {
        let name = format!(":v{}", self.values);
        self.values += 1;
        self.update = std::mem::take(&mut self.update).expression_attribute_values(&name, value);
        name
    }

    /// Adds to a counter, which may not be there yet.
    fn add(&mut self, path: &str, units: i64) {
        if units != 0 {
            let (zero, units) = (self.value(number(0)), self.value(number(units)));
            self.sets.push(format!("{path} = if_not_exists({path}, {zero}) + {units}"));
        }
    }

    fn change(&mut self, path: &str, moves: &[&StockMove]) {
        let sum = |of: fn(&StockMove) -> i64| moves.iter().map(|stock| of(stock)).sum::<i64>();
        let available = sum(StockMove::available);
        self.add(&format!("{path}.on_hand"), sum(|stock| stock.on_hand));
        self.add(&format!("{path}.available"), available);
        self.add(&format!("{path}.quarantine"), sum(|stock| stock.quarantine));
        self.add(&format!("{path}.in_transit"), sum(|stock| stock.in_transit));
        self.add(&format!("{path}.version"), sum(|_| 1));
        self.add(&format!("{path}.physical"), sum(|stock| i64::from(stock.is_physical())));
        if let Some(at) = moves.iter().find_map(|stock| stock.counted_at) {
            let at = self.value(text(at.to_string()));
            self.sets.push(format!("{path}.counted_at = {at}"));
        }
        // Whatever is given back in the same place is given first: only what is missing then has to be there.
        if available < 0 && moves.iter().any(|stock| stock.is_promise()) {
            let floor = moves.iter().map(|stock| stock.floor).max().unwrap_or(0);
            let need = self.value(number(floor - available));
            self.conditions.push(format!("{path}.available >= {need}"));
        } else {
            self.conditions.push(format!("attribute_exists({path})"));
        }
        if let Some(seen) = moves.iter().find_map(|stock| stock.seen) {
            let value = self.value(number(seen));
            // A record that never changed has no such counter.
            let never = if seen == 0 { format!("attribute_not_exists({path}.physical) OR ") } else { String::new() };
            self.conditions.push(format!("({never}{path}.physical = {value})"));
        }
    }

    fn change_by_channel(&mut self, path: &str, moves: &[&StockMove]) {
        let mut channels: BTreeMap<&ConnectionId, [i64; 4]> = BTreeMap::new();
        for (channel, stock) in moves.iter().filter_map(|stock| Some((stock.channel.as_ref()?, stock))) {
            let sums = channels.entry(channel).or_default();
            for (sum, units) in sums.iter_mut().zip([stock.reserved, stock.untold, stock.told, stock.waiting]) {
                *sum += units;
            }
        }
        for (channel, sums) in channels.into_iter().filter(|(_, sums)| sums.iter().any(|units| *units != 0)) {
            let name = format!("#c{}", self.values);
            self.update = std::mem::take(&mut self.update).expression_attribute_names(&name, channel.as_str());
            for (counter, units) in ["reserved", "untold", "told", "waiting"].into_iter().zip(sums) {
                self.add(&format!("{path}.{counter}.{name}"), units);
            }
        }
    }

    fn update(self, table: &str, key: &str) -> Result<TransactWriteItem, StoreError> {
        let update = self.update.table_name(table).key("sku", text(key));
        let update = update.update_expression(format!("SET {}", self.sets.join(", ")));
        let update = update.condition_expression(self.conditions.join(" AND "));
        Ok(TransactWriteItem::builder().update(update.build().map_err(unbuildable)?).build())
    }
}

fn sku_key(key: &str) -> HashMap<String, AttributeValue> {
    HashMap::from([("sku".to_owned(), text(key))])
}

/// A stock record in which nothing is yet. Its maps are there from the beginning: an update can fill, but not make
/// them.
fn nothing(operation: &'static str) -> Result<AttributeValue, StoreError> {
    Ok(AttributeValue::M(row_of(&Stock::default(), operation)?))
}

impl Dynamo {
    async fn rows_of_items(&self, keys: &[String]) -> Result<Vec<HashMap<String, AttributeValue>>, StoreError> {
        let mut rows = Vec::new();
        for chunk in keys.chunks(KEYS_PER_BATCH) {
            let keys = chunk.iter().map(|key| sku_key(key)).collect();
            let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
            let keys = keys.map_err(|e| StoreError { operation: "BatchGetItem", reason: e.to_string() })?;
            rows.extend(self.rows_of_batch(&self.tables.items, keys).await?);
        }
        Ok(rows)
    }

    /// The parts beyond part 0 of items whose stock is kept in several.
    async fn parts_of(&self, items: &BTreeMap<Sku, Item>) -> Result<BTreeMap<String, Part>, StoreError> {
        let keys = items.values().flat_map(|item| (1..item.parts).map(|part| key_of(&item.sku, part)));
        let keys: Vec<String> = keys.collect();
        let rows = self.rows_of_items(&keys).await?.into_iter();
        rows.map(|row| parse::<Part>(row, "BatchGetItem").map(|part| (part.sku.clone(), part))).collect()
    }

    async fn note_kit(&self, component: &Sku, kit: &Sku) -> Result<(), StoreError> {
        let update = self.client.update_item().table_name(&self.tables.items);
        let update = update.key("sku", text(key_of_kits(component))).update_expression("ADD kits :kit");
        let update = update.expression_attribute_values(":kit", AttributeValue::Ss(vec![kit.to_string()]));
        update.send().await.map(|_| ()).map_err(|error| store_error("UpdateItem", &error))
    }

    async fn open_record(&self, key: &str, locations: &[&LocationId]) -> Result<(), StoreError> {
        let update = self.client.update_item().table_name(&self.tables.items).key("sku", text(key));
        let update = update.update_expression("SET #stock = if_not_exists(#stock, :nothing)");
        let update = update.expression_attribute_names("#stock", "stock");
        let update = update.expression_attribute_values(":nothing", AttributeValue::M(HashMap::new()));
        update.send().await.map_err(|error| store_error("UpdateItem", &error))?;
        for location in locations {
            self.open_at(key, location).await?;
        }
        Ok(())
    }

    async fn open_at(&self, key: &str, location: &LocationId) -> Result<(), StoreError> {
        let update = self.client.update_item().table_name(&self.tables.items).key("sku", text(key));
        let update = update.update_expression("SET #stock.#l = if_not_exists(#stock.#l, :nothing)");
        let update =
            update.expression_attribute_names("#stock", "stock").expression_attribute_names("#l", location.as_str());
        let update = update.expression_attribute_values(":nothing", nothing("UpdateItem")?);
        update.send().await.map(|_| ()).map_err(|error| store_error("UpdateItem", &error))
    }
}

#[async_trait]
impl Items for Dynamo {
    async fn items(&self, skus: &[Sku]) -> Result<BTreeMap<Sku, Item>, StoreError> {
        let distinct: BTreeSet<&Sku> = skus.iter().collect();
        let keys: Vec<String> = distinct.into_iter().map(|sku| key_of(sku, 0)).collect();
        let mut items = BTreeMap::new();
        for row in self.rows_of_items(&keys).await? {
            let item: Item = parse(row, "BatchGetItem")?;
            items.insert(item.sku.clone(), item);
        }
        if items.values().all(|item| item.parts <= 1) {
            return Ok(items);
        }
        let mut parts = self.parts_of(&items).await?;
        let whole = items.into_iter().map(|(sku, item)| {
            let beyond = (1..item.parts).map(|part| parts.remove(&key_of(&sku, part)).map(|part| part.stock));
            let beyond: Vec<_> = beyond.map(Option::unwrap_or_default).collect();
            (sku, item.with_parts(beyond))
        });
        Ok(whole.collect())
    }

    async fn ledger(&self, sku: &Sku, location: &LocationId, page: &LedgerPage) -> Result<LedgerRows, StoreError> {
        let since = page.since.map(entry_at).unwrap_or_default();
        // Above every entry: they begin with a digit.
        let before = page.before.clone().unwrap_or_else(|| "~".into());
        let ask = self.client.query().table_name(&self.tables.ledger).consistent_read(true);
        let ask = ask.key_condition_expression("#account = :account AND #entry BETWEEN :since AND :before");
        let ask = ask.expression_attribute_names("#account", "account").expression_attribute_names("#entry", "entry");
        let ask = ask
            .expression_attribute_values(":account", text(account(sku, location)))
            .expression_attribute_values(":since", text(if since.is_empty() { "0".into() } else { since }))
            .expression_attribute_values(":before", text(&before));
        let answer = ask.scan_index_forward(false).limit(page.limit.max(1).saturating_add(1)).send().await;
        let answer = answer.map_err(|error| store_error("Query", &error))?;
        let more = answer.last_evaluated_key.is_some();
        let rows = answer.items.unwrap_or_default().into_iter().map(|row| parse(row, "Query"));
        let rows = rows.collect::<Result<Vec<LedgerRow>, _>>()?;
        Ok(crate::ledger::page_of(rows, page, more))
    }

    async fn keep_item(&self, item: &Item) -> Result<bool, StoreError> {
        self.open_record(item.sku.as_str(), &[]).await?;
        let mut row = row_of(item, "UpdateItem")?;
        let update = self.client.update_item().table_name(&self.tables.items).key("sku", text(item.sku.as_str()));
        let mut update = update.expression_attribute_names("#revision", "revision");
        let mut sets = vec!["#revision = :next".to_owned()];
        let nothing = || AttributeValue::M(HashMap::new());
        let fields = ["prices", "identities", "safety", "components"].map(|field| (field, Some(nothing())));
        let flags = [("inactive", Some(AttributeValue::Bool(false))), ("told", None)];
        for (n, (field, empty)) in fields.into_iter().chain(flags).enumerate() {
            let Some(value) = row.remove(field).or(empty) else { continue };
            update = update.expression_attribute_names(format!("#f{n}"), field);
            update = update.expression_attribute_values(format!(":f{n}"), value);
            sets.push(format!("#f{n} = :f{n}"));
        }
        // Before the kit itself: whoever sees the kit finds it by its components.
        for component in item.components.keys() {
            self.note_kit(component, &item.sku).await?;
        }
        // An item that was never kept by this rule has no number.
        let never = if item.revision == 0 { "attribute_not_exists(#revision) OR " } else { "" };
        let update = update.condition_expression(format!("{never}#revision = :read"));
        let update = update.expression_attribute_values(":read", number(item.revision));
        let update = update.expression_attribute_values(":next", number(item.revision + 1));
        match update.update_expression(format!("SET {}", sets.join(", "))).send().await {
            Ok(_) => Ok(true),
            Err(error) if super::is_condition(&error) => Ok(false),
            Err(error) => Err(store_error("UpdateItem", &error)),
        }
    }

    async fn kits_of(&self, skus: &[Sku]) -> Result<BTreeSet<Sku>, StoreError> {
        let keys: Vec<String> = skus.iter().map(key_of_kits).collect();
        let rows = self.rows_of_items(&keys).await?.into_iter();
        let kits = rows.map(|row| parse::<PartOf>(row, "BatchGetItem").map(|part| part.kits));
        Ok(kits.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    async fn open_parts(&self, item: &Item, parts: u16) -> Result<(), StoreError> {
        let locations: Vec<&LocationId> = item.stock.keys().collect();
        for part in 1..parts {
            self.open_record(&key_of(&item.sku, part), &locations).await?;
        }
        // More parts than there were: fewer would hide what is in the others.
        let update = self.client.update_item().table_name(&self.tables.items).key("sku", text(item.sku.as_str()));
        let update = update.update_expression("SET parts = :parts");
        let update =
            update.condition_expression("attribute_exists(sku) AND (attribute_not_exists(parts) OR parts < :parts)");
        match update.expression_attribute_values(":parts", number(parts)).send().await {
            Ok(_) => Ok(()),
            Err(error) if super::is_condition(&error) => Ok(()),
            Err(error) => Err(store_error("UpdateItem", &error)),
        }
    }

    async fn note_shown(
        &self,
        at: (&Sku, &LocationId),
        channel: &ConnectionId,
        shown: Shown,
    ) -> Result<(), StoreError> {
        let update = self.client.update_item().table_name(&self.tables.items).key("sku", text(at.0.as_str()));
        let update = update.update_expression("SET #stock.#l.shown.#c = :shown");
        let update = update.condition_expression("attribute_exists(#stock.#l)");
        let update = update.expression_attribute_names("#stock", "stock");
        let update = update.expression_attribute_names("#l", at.1.as_str());
        let update = update.expression_attribute_names("#c", channel.as_str());
        let shown = AttributeValue::M(row_of(&shown, "UpdateItem")?);
        let sent = update.expression_attribute_values(":shown", shown).send().await;
        sent.map(|_| ()).map_err(|error| store_error("UpdateItem", &error))
    }

    async fn open_location(&self, sku: &Sku, location: &LocationId) -> Result<(), StoreError> {
        self.open_at(sku.as_str(), location).await
    }
}
