//! What SuiteQL shows of the account: tables of rows. Column names are in lower case; a column without a value is
//! null and stands in no answer.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::books::Books;
use super::config::{Item, ItemKind};

/// What stands in a column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cell {
    Null,
    Number(Decimal),
    Text(String),
    Time(Timestamp),
}

pub(super) type Row = BTreeMap<&'static str, Cell>;

/// A table of the account.
pub(super) struct Table {
    pub(super) columns: &'static [&'static str],
    pub(super) rows: Vec<Row>,
}

/// The price level that base prices stand on.
const BASE_PRICE: u64 = 1;

impl Table {
    /// The table, or the join, with this name: as the statement writes it, in lower case with single spaces.
    pub(super) fn named(books: &Books, name: &str) -> Option<Self> {
        match name {
            "aggregateitemlocation" => Some(levels(books)),
            "item" => Some(items(books)),
            "pricing" => Some(prices(books)),
            "kititemmember inner join item on item.id = kititemmember.item" => Some(members(books)),
            _ => None,
        }
    }
}

fn id(id: u64) -> Cell {
    Cell::Number(Decimal::from(id))
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

/// Every item at every location; where it never was, its quantity is null.
fn levels(books: &Books) -> Table {
    let known = books.stock().map(|(item, location, units)| ((item, location), units)).collect::<BTreeMap<_, _>>();
    let mut rows = Vec::new();
    for item in books.config.items.iter().filter(|item| books.is_stocked(item.id)) {
        for location in &books.config.locations {
            let units = known.get(&(item.id, location.id)).map_or(Cell::Null, |units| Cell::Number(units.normalize()));
            rows.push(Row::from([("item", id(item.id)), ("location", id(location.id)), ("quantityonhand", units)]));
        }
    }
    Table { columns: &["item", "location", "quantityonhand"], rows }
}

fn items(books: &Books) -> Table {
    let row = |item: &Item| {
        Row::from([
            ("id", id(item.id)),
            ("itemid", text(&item.sku)),
            ("displayname", item.name.as_deref().map_or(Cell::Null, text)),
            ("itemtype", text(item_type(item))),
            ("isinactive", text(if item.inactive { "T" } else { "F" })),
            ("lastmodifieddate", item.modified_at.map_or(Cell::Null, Cell::Time)),
        ])
    };
    let columns = &["id", "itemid", "displayname", "itemtype", "isinactive", "lastmodifieddate"];
    Table { columns, rows: books.config.items.iter().map(row).collect() }
}

fn item_type(item: &Item) -> &'static str {
    match item.kind {
        _ if !item.components.is_empty() => "Kit",
        ItemKind::Inventory => "InvtPart",
        ItemKind::Service => "Service",
    }
}

fn prices(books: &Books) -> Table {
    let mut rows = Vec::new();
    for item in &books.config.items {
        for (code, price) in &item.prices {
            let currency = books.config.currencies.iter().find(|currency| currency.symbol == *code);
            let (Some(currency), Ok(price)) = (currency, Decimal::from_str_exact(price)) else { continue };
            rows.push(Row::from([
                ("item", id(item.id)),
                ("pricelevel", id(BASE_PRICE)),
                ("currency", id(currency.id)),
                ("quantity", Cell::Number(Decimal::ZERO)),
                ("unitprice", Cell::Number(price)),
            ]));
        }
    }
    Table { columns: &["item", "pricelevel", "currency", "quantity", "unitprice"], rows }
}

fn members(books: &Books) -> Table {
    let mut rows = Vec::new();
    for item in &books.config.items {
        for member in &item.components {
            rows.push(Row::from([
                ("kititemmember.parentitem", id(item.id)),
                ("kititemmember.quantity", Cell::Number(Decimal::from(member.quantity))),
                ("item.itemid", text(&member.sku)),
            ]));
        }
    }
    Table { columns: &["kititemmember.parentitem", "kititemmember.quantity", "item.itemid"], rows }
}
