//! What there is of a SKU, and why.

use std::collections::{BTreeMap, BTreeSet};

use crossdock_domain::item::{Item, Stock, StockMove};
use crossdock_domain::kit;
use crossdock_domain::settings::SourcingRule;
use crossdock_domain::{ConnectionId, LocationId, Sku};
use crossdock_log::{LedgerPage, LedgerRow};
use crossdock_step::api::{Answer, Problem, Reply, Request};
use http::StatusCode;
use serde_json::{Value, json};

use crate::{ManageStock, location, sku};

/// Rows of one page of a ledger.
const PAGE: i32 = 100;

impl ManageStock {
    pub(crate) async fn levels(&self, request: &Request) -> Answer {
        request.allowed_everywhere("inventory:read")?;
        let sku = sku(request)?;
        let items = self.items.items_with_components(std::slice::from_ref(&sku)).await;
        let items = items.map_err(Problem::unavailable_because)?;
        let item = items.get(&sku).ok_or_else(|| Problem::not_found("item"))?;
        let rules = self.rules_of_storefronts(item).await?;
        Ok(Reply::json(StatusCode::OK, &levels_json(&Shelf { item, items: &items, rules: &rules })))
    }

    /// Where the storefronts that are shown the item sell from.
    async fn rules_of_storefronts(&self, item: &Item) -> Result<Rules, Problem> {
        let shown: BTreeSet<&ConnectionId> = item.stock.values().flat_map(|stock| stock.shown.keys()).collect();
        let mut rules = Rules::new();
        for storefront in shown {
            let settings = self.directory.channel(storefront).await.map_err(Problem::unavailable_because)?;
            rules.insert(storefront.clone(), settings.map(|known| known.sourcing.locations).unwrap_or_default());
        }
        Ok(rules)
    }

    /// The ledger, newest first: each row with what was there after it, reckoned back from what is there now. A page
    /// hands on the number that it ended with, so that the next one reckons on from there.
    pub(crate) async fn ledger(&self, request: &Request) -> Answer {
        request.allowed_everywhere("inventory:read")?;
        let (sku, location) = (sku(request)?, location(request)?);
        let item = self.item(&sku).await?;
        let (mut balance, before) = match request.query.get("cursor") {
            None => (Balance::of(&item.stock.get(&location).cloned().unwrap_or_default()), None),
            Some(cursor) => parse_cursor(cursor)?,
        };
        let page = LedgerPage { limit: PAGE, before, since: None };
        let (rows, next) = self.items.ledger(&sku, &location, &page).await.map_err(Problem::unavailable_because)?;
        let entries: Vec<Value> = rows.iter().map(|row| balance.entry(row)).collect();
        let next_cursor = next.map(|entry| format!("{}|{entry}", balance.cursor()));
        let opening = next_cursor.is_none().then(|| balance.json());
        let body = json!({ "sku": sku, "location": location, "entries": entries, "opening": opening, "next_cursor": next_cursor });
        Ok(Reply::json(StatusCode::OK, &body))
    }

    pub(crate) async fn item(&self, sku: &Sku) -> Result<Item, Problem> {
        let items = self.items.items(std::slice::from_ref(sku)).await.map_err(Problem::unavailable_because)?;
        items.into_values().next().ok_or_else(|| Problem::not_found("item"))
    }
}

/// Locations that each storefront sells from.
type Rules = BTreeMap<ConnectionId, Vec<SourcingRule>>;

/// An item, what it is made of, and who sells it.
struct Shelf<'a> {
    item: &'a Item,
    items: &'a BTreeMap<Sku, Item>,
    rules: &'a Rules,
}

/// Of a kit, `promisable` is what its components make, and its own numbers what orders have of it.
fn levels_json(shelf: &Shelf<'_>) -> Value {
    let (item, items) = (shelf.item, shelf.items);
    let level = |(location, stock): (&LocationId, &Stock)| {
        json!({
            "location": location,
            "on_hand": stock.on_hand,
            "quarantine": stock.quarantine,
            "reserved": stock.reserved(),
            "reserved_by_channel": stock.reserved,
            "waiting_by_channel": stock.waiting,
            "in_transit": stock.in_transit,
            "safety": item.floor(location),
            "available": stock.available - item.floor(location),
            "promisable": kit::promisable(item, (location, 0), items),
            "counted_at": stock.counted_at,
            "storefronts": storefronts(shelf, location, stock),
            "parts": item.parts,
        })
    };
    let nothing = Stock::default();
    let of_components = item.components.keys().filter_map(|sku| items.get(sku)).flat_map(|item| item.stock.keys());
    let places: BTreeSet<&LocationId> = item.stock.keys().chain(of_components).collect();
    let at = |location: &LocationId| item.stock.get(location).unwrap_or(&nothing);
    let levels: Vec<Value> = places.into_iter().map(|location| level((location, at(location)))).collect();
    json!({ "sku": item.sku, "components": item.components, "levels": levels })
}

/// What each storefront shows, and is to show.
fn storefronts(shelf: &Shelf<'_>, location: &LocationId, stock: &Stock) -> Vec<Value> {
    let shown = stock.shown.iter().map(|(storefront, shown)| {
        let rule = shelf.rules.get(storefront).into_iter().flatten().find(|rule| rule.location == *location);
        let keep_back = rule.map_or(0, |rule| rule.keep_back);
        json!({
            "connection": storefront,
            "on_hand_shown": stock.shown_at(storefront),
            "on_hand_to_show": kit::to_show(shelf.item, storefront, (location, keep_back), shelf.items),
            "shown_at": shown.at,
        })
    });
    shown.collect()
}

/// The numbers that a ledger explains.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Balance {
    on_hand: i64,
    quarantine: i64,
    reserved: i64,
    in_transit: i64,
    waiting: i64,
}

impl Balance {
    fn of(stock: &Stock) -> Self {
        Self {
            on_hand: stock.on_hand,
            quarantine: stock.quarantine,
            reserved: stock.reserved(),
            in_transit: stock.in_transit,
            waiting: stock.waiting.values().sum(),
        }
    }

    /// A row with the numbers after it; from then on those before it.
    fn entry(&mut self, row: &LedgerRow) -> Value {
        let after = self.json();
        row.moves.iter().for_each(|stock| self.take_back(stock));
        let moves: Vec<Value> = row.moves.iter().map(move_json).collect();
        json!({
            "at": row.at,
            "document": row.stream.split_once('#').map_or(row.stream.as_str(), |(_, name)| name),
            "kind": row.stream.split_once('#').map(|(kind, _)| kind),
            "commit": row.seq,
            "cause": row.cause,
            "actor": row.actor,
            "moves": moves,
            "after": after,
        })
    }

    fn take_back(&mut self, stock: &StockMove) {
        self.on_hand -= stock.on_hand;
        self.quarantine -= stock.quarantine;
        self.reserved -= stock.reserved;
        self.in_transit -= stock.in_transit;
        self.waiting -= stock.waiting;
    }

    fn json(&self) -> Value {
        json!({
            "on_hand": self.on_hand,
            "quarantine": self.quarantine,
            "reserved": self.reserved,
            "available": self.on_hand - self.quarantine - self.reserved,
            "in_transit": self.in_transit,
            "waiting": self.waiting,
        })
    }

    fn cursor(&self) -> String {
        [self.on_hand, self.quarantine, self.reserved, self.in_transit, self.waiting]
            .map(|units| units.to_string())
            .join(",")
    }
}

fn move_json(stock: &StockMove) -> Value {
    let mut told = serde_json::to_value(stock).unwrap_or_default();
    if let Some(fields) = told.as_object_mut() {
        for inner in ["sku", "location", "floor", "seen"] {
            fields.remove(inner);
        }
    }
    told
}

fn parse_cursor(cursor: &str) -> Result<(Balance, Option<String>), Problem> {
    let wrong = || Problem::new(StatusCode::BAD_REQUEST, "malformed", "cursor is none that a page of this list gave");
    let (numbers, entry) = cursor.split_once('|').ok_or_else(wrong)?;
    let numbers: Vec<i64> = numbers.split(',').map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?;
    let [on_hand, quarantine, reserved, in_transit, waiting] = numbers[..] else { return Err(wrong()) };
    Ok((Balance { on_hand, quarantine, reserved, in_transit, waiting }, Some(entry.to_owned())))
}
