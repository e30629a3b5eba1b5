//! Commits, items and rows to try things with.

use std::collections::BTreeMap;

use crossdock_domain::commit::Summary;
use crossdock_domain::event::{HoldCode, StockReceipt};
use crossdock_domain::item::{Item, Movement, Stock, StockMove};
use crossdock_domain::{Commit, Event, Minor, Sku};
use jiff::Timestamp;

pub const STREAM: &str = "order#shopify-uk#5001";

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_764_000_000 + seconds).unwrap()
}

pub fn commit_of(stream: &str, seq: u64, events: Vec<Event>) -> Commit {
    Commit {
        stream: stream.into(),
        seq,
        cause: format!("test:{seq}"),
        at: at(i64::try_from(seq).unwrap()),
        actor: "test".into(),
        correlation_id: "c-1".into(),
        causation_id: None,
        prev_hash: format!("hash of {}", seq - 1),
        due: None,
        summary: Summary::new("held", at(0)),
        events,
        moves: Vec::new(),
    }
}

/// A commit with the stock that moves with it.
pub fn moving(commit: Commit, moves: &[StockMove]) -> Commit {
    Commit { moves: moves.to_vec(), ..commit }
}

pub fn commit(seq: u64) -> Commit {
    commit_of(STREAM, seq, vec![Event::OrderReleased { codes: vec![HoldCode::Risk] }])
}

/// A receipt, whose commit moves stock.
pub fn receipt(stream: &str) -> Commit {
    let receipt =
        StockReceipt { receipt_id: "R-1".into(), location: "LON1".parse().unwrap(), lines: Vec::new(), erp: None };
    commit_of(stream, 1, vec![Event::StockReceived(receipt)])
}

pub fn sku(name: &str) -> Sku {
    name.parse().unwrap()
}

pub fn item(name: &str, stock: &[(&str, i64)]) -> Item {
    let place = |(location, units): &(&str, i64)| (location.parse().unwrap(), Stock::of(*units));
    Item {
        prices: BTreeMap::from([("GBP".parse().unwrap(), Minor::new(1999).unwrap())]),
        identities: [("netsuite".parse().unwrap(), "501".into())].into(),
        stock: stock.iter().map(place).collect(),
        ..Item::new(sku(name))
    }
}

/// Goods that come in or leave: what is there, and what of it is promised.
pub fn moved(name: &str, location: &str, (on_hand, available): (i64, i64)) -> StockMove {
    let why = if on_hand < 0 { Movement::Shipped } else { Movement::Received };
    let reserved = on_hand - available;
    let channel = (reserved != 0).then(|| "shopify-uk".parse().unwrap());
    StockMove { on_hand, reserved, channel, ..StockMove::new(why, sku(name), location.parse().unwrap()) }
}

pub fn reserved(name: &str, location: &str, units: i64) -> StockMove {
    let channel = Some("shopify-uk".parse().unwrap());
    StockMove { reserved: units, channel, ..StockMove::new(Movement::Reserved, sku(name), location.parse().unwrap()) }
}
