//! Payloads on DynamoDB: packed and, where one record does not hold them, in several.

use async_trait::async_trait;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::{Dynamo, KEYS_PER_BATCH, Row, keys_of, number, person_key, store_error, text};
use crate::archive::{DELIVERED, arrived_in, packed, unpacked};
use crate::{Archive, Archived, Page, StoreError};

/// A record holds 400 KB with its names; a message of a queue can be of 1 MB.
const LARGEST_PART: usize = 380_000;

/// The index of what came when.
const BY_ARRIVAL: &str = "by_arrival";

impl Dynamo {
    /// Keeps a text in as many records as it takes. The first is written last: whoever finds it finds all.
    pub(super) async fn put_packed(&self, key: (&str, &str), content: &str, also: Row) -> Result<(), StoreError> {
        let bytes = packed(content);
        let parts: Vec<&[u8]> = bytes.chunks(LARGEST_PART).collect();
        for (index, part) in parts.iter().enumerate().rev() {
            let mut row = person_key((key.0, &part_key(key.1, index)));
            row.insert("payload".to_owned(), AttributeValue::B(Blob::new(*part)));
            row.extend(also.iter().filter(|(name, _)| index == 0 || *name == EXPIRES_AT).map(owned));
            if index == 0 {
                row.insert("parts".to_owned(), number(parts.len()));
            }
            let put = self.client.put_item().table_name(&self.tables.people).set_item(Some(row));
            put.send().await.map_err(|error| store_error("PutItem", &error))?;
        }
        Ok(())
    }

    /// The text of a first record.
    pub(super) async fn unpacked(&self, row: &Row) -> Result<String, StoreError> {
        let unreadable = || StoreError { operation: "GetItem", reason: "a payload is not whole".into() };
        let of = |name: &str| row.get(name).and_then(|value| value.as_s().ok());
        let (stream, key) = of("stream").zip(of("hash")).ok_or_else(unreadable)?;
        let parts: usize = row.get("parts").and_then(|parts| parts.as_n().ok()?.parse().ok()).ok_or_else(unreadable)?;
        let mut bytes = payload(row).ok_or_else(unreadable)?.to_vec();
        for index in 1..parts {
            let part = self.person_row((stream, &part_key(key, index))).await?;
            bytes.extend(part.as_ref().and_then(payload).ok_or_else(unreadable)?);
        }
        unpacked(&bytes).ok_or_else(unreadable)
    }

    async fn archived(&self, row: &Row) -> Result<Archived, StoreError> {
        let unreadable = |name: &str| StoreError { operation: "Query", reason: format!("a delivery lacks {name}") };
        let of = |name: &'static str| {
            row.get(name).and_then(|value| value.as_s().ok()).cloned().ok_or_else(|| unreadable(name))
        };
        Ok(Archived {
            stream: of("stream")?,
            connection: of("connection")?,
            received_at: of("received_at")?.parse().map_err(|_| unreadable("received_at"))?,
            message: self.unpacked(row).await?,
        })
    }

    async fn all_archived(&self, rows: Vec<Row>) -> Result<Vec<Archived>, StoreError> {
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            found.push(self.archived(&row).await?);
        }
        found.sort_by_key(Archived::key);
        Ok(found)
    }
}

/// The attribute by which DynamoDB forgets a record.
const EXPIRES_AT: &str = "expires_at";

fn owned((name, value): (&String, &AttributeValue)) -> (String, AttributeValue) {
    (name.clone(), value.clone())
}

fn part_key(key: &str, index: usize) -> String {
    if index == 0 { key.to_owned() } else { format!("part#{key}#{index}") }
}

fn payload(row: &Row) -> Option<&[u8]> {
    row.get("payload")?.as_b().ok().map(AsRef::as_ref)
}

/// The sort keys of a page's rows, and where the next one goes on.
fn next_of(rows: &[Row], more: bool) -> Option<String> {
    rows.last().filter(|_| more).and_then(|row| row.get("hash")?.as_s().ok().cloned())
}

#[async_trait]
impl Archive for Dynamo {
    async fn archive(&self, delivery: &Archived, until: Timestamp) -> Result<(), StoreError> {
        let also = [
            ("arrived", text(delivery.arrived())),
            ("connection", text(&delivery.connection)),
            ("received_at", text(delivery.received_at.to_string())),
            (EXPIRES_AT, number(until.as_second())),
        ];
        let also = also.map(|(name, value)| (name.to_owned(), value)).into();
        self.put_packed((&delivery.stream, &delivery.key()), &delivery.message, also).await
    }

    async fn archived_of(&self, stream: &str, page: &Page) -> Result<(Vec<Archived>, Option<String>), StoreError> {
        let query = self.client.query().table_name(&self.tables.people).consistent_read(true);
        let query = query.key_condition_expression("#stream = :stream AND #hash BETWEEN :first AND :last");
        let query = query.expression_attribute_names("#stream", "stream").expression_attribute_names("#hash", "hash");
        let first = page.after.as_deref().map_or_else(|| DELIVERED.to_owned(), |after| format!("{after} "));
        let query = query.expression_attribute_values(":stream", text(stream));
        let query = query.expression_attribute_values(":first", text(first));
        let query = query.expression_attribute_values(":last", text(format!("{DELIVERED}~")));
        let answer = query.limit(page.limit.max(1)).send().await.map_err(|error| store_error("Query", &error))?;
        let more = answer.last_evaluated_key.is_some();
        let rows = answer.items.unwrap_or_default();
        let next = next_of(&rows, more);
        Ok((self.all_archived(rows).await?, next))
    }

    async fn archived_in(
        &self,
        of: (&str, Timestamp),
        page: &Page,
    ) -> Result<(Vec<Archived>, Option<String>), StoreError> {
        let mut query = self.client.query().table_name(&self.tables.people).index_name(BY_ARRIVAL);
        let also = page.after.as_ref().map_or("", |_| " AND #hash > :after");
        query = query.key_condition_expression(format!("#arrived = :arrived{also}"));
        query = query.expression_attribute_names("#arrived", "arrived");
        query = query.expression_attribute_values(":arrived", text(arrived_in(of.0, of.1)));
        if let Some(after) = &page.after {
            query = query.expression_attribute_names("#hash", "hash");
            query = query.expression_attribute_values(":after", text(after));
        }
        let answer = query.limit(page.limit.max(1)).send().await.map_err(|error| store_error("Query", &error))?;
        let more = answer.last_evaluated_key.is_some();
        let named = answer.items.unwrap_or_default();
        let next = next_of(&named, more);
        // The index holds names only: a payload is written once.
        let keys: Vec<Row> = named
            .into_iter()
            .map(|row| row.into_iter().filter(|(name, _)| ["stream", "hash"].contains(&name.as_str())).collect())
            .collect();
        let mut rows = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(KEYS_PER_BATCH) {
            rows.extend(self.rows_of_batch(&self.tables.people, keys_of(chunk.to_vec())?).await?);
        }
        Ok((self.all_archived(rows).await?, next))
    }
}
