//! What NetSuite answers to queries (SuiteQL): rows, page by page, and the stock that they tell.
//!
//! Statements hold nothing but internal ids, times and words of our own: a query has no parameters to bind.

use std::collections::{BTreeMap, BTreeSet};

use crossdock_domain::Sku;
use crossdock_domain::event::FailureClass;
use crossdock_step::Failure;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde_json::Value;

use super::NetSuite;
use super::amounts::decimal;
use super::config::InternalId;
use super::translate::Asked;
use crate::ErpStock;
use crate::address::quoted;

/// Rows of one page; NetSuite's largest.
const ROWS: usize = 1000;
/// Items named in one statement.
const ITEMS_AT_ONCE: usize = 500;

/// One row: columns by name in lower case; a column that is null is not there.
pub struct Row<'a> {
    asked: &'a Asked<'a>,
    fields: Value,
}

impl Row<'_> {
    /// A column as a text; `None` where it is null.
    #[must_use]
    pub fn text(&self, column: &str) -> Option<String> {
        self.fields.get(column).and_then(Value::as_str).map(str::to_owned).filter(|text| !text.is_empty())
    }

    /// A column that must have a text.
    ///
    /// # Errors
    /// It has none.
    pub fn some_text(&self, column: &str) -> Result<String, Failure> {
        self.text(column).ok_or_else(|| self.lacks(column))
    }

    /// A column that must have an internal id, written as a text or as a number.
    ///
    /// # Errors
    /// It has none.
    pub fn id(&self, column: &str) -> Result<String, Failure> {
        let id = self.fields.get(column).cloned().and_then(|id| InternalId::try_from(id).ok());
        id.map(String::from).ok_or_else(|| self.lacks(column))
    }

    /// A column that must have a whole number, written as a text or as a number.
    ///
    /// # Errors
    /// It has none.
    pub fn whole(&self, column: &str) -> Result<i64, Failure> {
        let exact = decimal(self.fields.get(column)).ok_or_else(|| self.lacks(column))?;
        exact
            .to_i64()
            .filter(|whole| Decimal::from(*whole) == exact)
            .ok_or_else(|| unreadable(self.asked, &format!("{column} is {exact}, which is no whole number")))
    }

    /// A column as it came.
    #[must_use]
    pub fn value(&self, column: &str) -> Option<&Value> {
        self.fields.get(column).filter(|value| !value.is_null())
    }

    /// The failure of a column that is not as it must be.
    #[must_use]
    pub fn lacks(&self, column: &str) -> Failure {
        unreadable(self.asked, &format!("a row has no {column}"))
    }
}

/// Something that cannot be an answer to our query.
#[must_use]
pub fn unreadable(asked: &Asked<'_>, why: &str) -> Failure {
    let what = asked.what;
    let reason = format!("NetSuite's answer for {what} cannot be right: {}; look it up there, then retry", quoted(why));
    Failure::permanent(FailureClass::Parse, reason)
}

/// Internal ids as a statement lists them.
#[must_use]
pub fn listed(ids: &[InternalId]) -> String {
    ids.iter().map(InternalId::as_str).collect::<Vec<_>>().join(", ")
}

impl NetSuite {
    /// One page of a statement's rows, and whether there are more.
    pub(super) async fn rows<'a>(
        &self,
        statement: &str,
        page: (usize, usize),
        asked: &'a Asked<'a>,
    ) -> Result<(Vec<Row<'a>>, bool), Failure> {
        let mut answer = self.client.query(statement, page, asked).await?;
        let has_more = answer.get("hasMore").and_then(Value::as_bool);
        let (Some(has_more), Some(Value::Array(items))) = (has_more, answer.get_mut("items").map(Value::take)) else {
            return Err(unreadable(asked, "it is no page of rows"));
        };
        if has_more && items.is_empty() {
            return Err(unreadable(asked, "a page has no rows and is not the last"));
        }
        Ok((items.into_iter().map(|fields| Row { asked, fields }).collect(), has_more))
    }

    /// All rows of a statement. Its order must be unambiguous, else rows are missed between the pages.
    pub(super) async fn all_rows<'a>(&self, statement: &str, asked: &'a Asked<'a>) -> Result<Vec<Row<'a>>, Failure> {
        let mut all = Vec::new();
        for page in 0.. {
            let (rows, has_more) = self.rows(statement, (ROWS, page * ROWS), asked).await?;
            all.extend(rows);
            if !has_more {
                break;
            }
        }
        Ok(all)
    }

    /// On hand of each item at each mapped location. Where NetSuite never had any, its quantity is null: none.
    pub(super) async fn levels(&self, items: &BTreeMap<Sku, String>) -> Result<Vec<ErpStock>, Failure> {
        let asked = self.asked_about("stock");
        let mut skus = BTreeMap::<String, Vec<&Sku>>::new();
        let mut ids = Vec::new();
        for (sku, item) in items {
            let id = InternalId::try_from(Value::from(item.as_str())).map_err(|error| {
                Failure::permanent(FailureClass::Mapping, format!("{sku}: {error}, in the item's identities"))
            })?;
            let known = skus.entry(id.as_str().to_owned()).or_default();
            if known.is_empty() {
                ids.push(id);
            }
            known.push(sku);
        }
        let places = self.settings().locations.values().cloned().collect::<Vec<_>>();
        let mut levels = Vec::new();
        // Without a place there is nothing to ask for.
        for chunk in ids.chunks(ITEMS_AT_ONCE).filter(|_| !places.is_empty()) {
            let statement = format!(
                "SELECT item, location, NVL(quantityonhand, 0) AS onhand FROM aggregateItemLocation WHERE item IN ({}) \
                 AND location IN ({}) ORDER BY item, location",
                listed(chunk),
                listed(&places)
            );
            for row in self.all_rows(&statement, &asked).await? {
                self.told(&row, &skus, &mut levels)?;
            }
        }
        unambiguous(&asked, &levels)?;
        Ok(levels)
    }

    /// What a row tells, for each of our names of its item and its location.
    fn told(
        &self,
        row: &Row<'_>,
        skus: &BTreeMap<String, Vec<&Sku>>,
        levels: &mut Vec<ErpStock>,
    ) -> Result<(), Failure> {
        let (item, place, on_hand) = (row.id("item")?, row.id("location")?, row.whole("onhand")?);
        let locations = self.settings().locations.iter().filter(|(_, id)| id.as_str() == place);
        let locations = locations.map(|(location, _)| location).collect::<Vec<_>>();
        let skus = skus.get(&item).filter(|_| !locations.is_empty());
        let skus = skus.ok_or_else(|| unreadable(row.asked, "it tells of what was not asked for"))?;
        for sku in skus {
            for location in &locations {
                levels.push(ErpStock { sku: (*sku).clone(), location: (*location).clone(), on_hand });
            }
        }
        Ok(())
    }
}

/// Two rows of one item and place are no count of it.
fn unambiguous(asked: &Asked<'_>, levels: &[ErpStock]) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    match levels.iter().find(|level| !seen.insert((&level.sku, &level.location))) {
        Some(twice) => Err(unreadable(asked, &format!("it tells twice of {} at {}", twice.sku, twice.location))),
        None => Ok(()),
    }
}
