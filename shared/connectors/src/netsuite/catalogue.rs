//! The items that NetSuite sells: names, prices and what kits are made of.

use std::collections::BTreeMap;

use crossdock_domain::event::FailureClass;
use crossdock_domain::{Currency, Minor};
use crossdock_step::Failure;
use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::NetSuite;
use super::amounts::minor;
use super::config::InternalId;
use super::suiteql::{Row, listed};
use super::translate::Asked;
use crate::address::quoted;
use crate::{CatalogueItem, CataloguePage, FaultyItem};

/// Items of one page.
const ITEMS: usize = 100;
/// What can be sold, sent or put into a kit. Discounts, subtotals, shipping and the like are items in NetSuite, too.
const GOODS: &str = "'Assembly', 'InvtPart', 'Kit', 'NonInvtPart'";
/// How times are written, by jiff and by NetSuite.
const TIME: (&str, &str) = ("%Y-%m-%d %H:%M:%S", "YYYY-MM-DD HH24:MI:SS");

/// What is wrong with a kit whose member cannot be read.
const UNREADABLE_MEMBER: &str =
    "a component of it has no SKU, or no whole number of units from one up; correct the kit there";

/// What is told of an item, or what is wrong with it.
type Told<T> = Result<T, String>;

impl NetSuite {
    /// Pages go by the items' ids, so that an item that changes meanwhile does not move between them.
    pub(super) async fn catalogued(
        &self,
        since: Option<Timestamp>,
        after: Option<&str>,
    ) -> Result<CataloguePage, Failure> {
        let asked = self.asked_about("the catalogue");
        let statement = self.changed_items(since, after)?;
        let (rows, has_more) = self.rows(&statement, (ITEMS, 0), &asked).await?;
        let told = rows.iter().map(|row| self.catalogue_item(row)).collect::<Result<Vec<_>, _>>()?;
        let next = told.last().filter(|_| has_more).map(|item| item.id.clone());
        let ids = told.iter().filter_map(|item| InternalId::try_from(Value::from(item.id.as_str())).ok());
        let ids = ids.collect::<Vec<_>>();
        let (mut items, mut faulty) = (Vec::new(), Vec::new());
        if ids.is_empty() {
            return Ok(CataloguePage { items, faulty, next });
        }
        let (mut prices, mut members) = (self.prices(&ids, &asked).await?, self.members(&ids, &asked).await?);
        for item in told {
            let (prices, members) = (prices.remove(&item.id), members.remove(&item.id));
            match whole(item, prices.transpose(), members.transpose()) {
                Ok(item) => items.push(item),
                Err(fault) => faulty.push(fault),
            }
        }
        Ok(CataloguePage { items, faulty, next })
    }

    fn changed_items(&self, since: Option<Timestamp>, after: Option<&str>) -> Result<String, Failure> {
        let mut conditions = vec![format!("itemtype IN ({GOODS})")];
        if let Some(after) = after {
            let id = InternalId::try_from(Value::from(after));
            let id = id.map_err(|error| Failure::permanent(FailureClass::Value, format!("catalogue: {error}")))?;
            conditions.push(format!("id > {id}"));
        }
        if let Some(since) = since {
            let (written, read) = TIME;
            let zone = self.time_zone()?;
            // Where clocks are put back, an hour is told twice: what changed in either must not be missed.
            let earlier = if zone.to_fixed_offset().is_ok() { 0 } else { 1 };
            let since = since.saturating_sub(SignedDuration::from_hours(earlier)).unwrap_or(since);
            let moment = since.to_zoned_datetime(zone).strftime(written).to_string();
            conditions.push(format!("lastmodifieddate >= TO_TIMESTAMP('{moment}', '{read}')"));
        }
        let (conditions, read) = (conditions.join(" AND "), TIME.1);
        Ok(format!(
            "SELECT id, itemid, displayname, isinactive, TO_CHAR(lastmodifieddate, '{read}') AS changed FROM item WHERE \
             {conditions} ORDER BY id"
        ))
    }

    fn time_zone(&self) -> Result<jiff::tz::TimeZone, Failure> {
        self.settings().time_zone().map_err(|error| crate::address::misconfigured(self.client.connection(), &error))
    }

    /// An item without its prices and members.
    fn catalogue_item(&self, row: &Row<'_>) -> Result<CatalogueItem, Failure> {
        let changed = DateTime::strptime(TIME.0, row.some_text("changed")?).ok();
        let changed_at = changed.and_then(|local| self.time_zone().ok()?.to_timestamp(local).ok());
        let active = match row.some_text("isinactive")?.as_str() {
            "F" => true,
            "T" => false,
            _ => return Err(row.lacks("isinactive that is T or F")),
        };
        Ok(CatalogueItem {
            id: row.id("id")?,
            sku: row.text("itemid").unwrap_or_default(),
            name: row.text("displayname"),
            active,
            prices: BTreeMap::new(),
            components: Vec::new(),
            changed_at: changed_at.ok_or_else(|| row.lacks("time of its change that can be read"))?,
        })
    }

    /// The prices of one unit by item. Where a level has breaks by quantity, the lowest is that of one unit.
    async fn prices(
        &self,
        items: &[InternalId],
        asked: &Asked<'_>,
    ) -> Result<BTreeMap<String, Told<BTreeMap<Currency, Minor>>>, Failure> {
        let statement = format!(
            "SELECT item, currency, unitprice FROM pricing WHERE pricelevel = {} AND item IN ({}) ORDER BY item, \
             currency, quantity",
            self.settings().price_level,
            listed(items)
        );
        let mut told = BTreeMap::<(String, Currency), Told<Option<Minor>>>::new();
        for row in self.all_rows(&statement, asked).await? {
            let (item, id) = (row.id("item")?, row.id("currency")?);
            let mut mapped = self.settings().currencies.iter().filter(|(_, known)| known.as_str() == id);
            // A currency that is not ours does not concern us; a price that is null is none.
            let Some((currency, _)) = mapped.next() else { continue };
            let exact = |price| minor(*currency, Some(price)).ok_or_else(|| inexact(*currency, price));
            let price = row.value("unitprice").map(exact).transpose();
            told.entry((item, *currency)).or_insert(price);
        }
        let mut prices = BTreeMap::<String, Told<BTreeMap<Currency, Minor>>>::new();
        for ((item, currency), price) in told {
            let of_item = prices.entry(item).or_insert_with(|| Ok(BTreeMap::new()));
            match (of_item.as_mut(), price) {
                (Ok(known), Ok(price)) => known.extend(price.map(|price| (currency, price))),
                (Ok(_), Err(wrong)) => *of_item = Err(wrong),
                (Err(_), _) => {}
            }
        }
        Ok(prices)
    }

    /// SKU and units of the members of each kit.
    async fn members(
        &self,
        items: &[InternalId],
        asked: &Asked<'_>,
    ) -> Result<BTreeMap<String, Told<Vec<(String, u32)>>>, Failure> {
        let statement = format!(
            "SELECT kitItemMember.parentitem, item.itemid, kitItemMember.quantity FROM kitItemMember INNER JOIN item ON \
             item.id = kitItemMember.item WHERE kitItemMember.parentitem IN ({}) ORDER BY kitItemMember.parentitem, \
             item.itemid",
            listed(items)
        );
        let mut members = BTreeMap::<String, Told<Vec<(String, u32)>>>::new();
        for row in self.all_rows(&statement, asked).await? {
            let units = row.whole("quantity").ok().and_then(|units| u32::try_from(units).ok());
            let member = row.text("itemid").zip(units.filter(|units| *units > 0));
            let of_kit = members.entry(row.id("parentitem")?).or_insert_with(|| Ok(Vec::new()));
            match (of_kit.as_mut(), member) {
                (Ok(known), Some(member)) => known.push(member),
                (Ok(_), None) => *of_kit = Err(UNREADABLE_MEMBER.to_owned()),
                (Err(_), _) => {}
            }
        }
        Ok(members)
    }
}

fn whole(
    item: CatalogueItem,
    prices: Told<Option<BTreeMap<Currency, Minor>>>,
    members: Told<Option<Vec<(String, u32)>>>,
) -> Result<CatalogueItem, FaultyItem> {
    match (prices, members) {
        (Ok(prices), Ok(members)) => {
            Ok(CatalogueItem { prices: prices.unwrap_or_default(), components: members.unwrap_or_default(), ..item })
        }
        (Err(wrong), _) | (_, Err(wrong)) => {
            let reason = format!("the ERP's item {}: {wrong}", item.id);
            Err(item.faulty(FailureClass::Value, reason))
        }
    }
}

fn inexact(currency: Currency, price: &Value) -> String {
    let price = quoted(&price.to_string());
    format!("its price {price} is no amount in {currency}; round it there to what {currency} has")
}
