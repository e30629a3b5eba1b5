//! The ledger of a SKU, parts of its stock, and what is kept of it besides.

use std::collections::BTreeMap;

use crossdock_domain::item::{Item, Movement, Shown, Stock, StockMove};
use crossdock_domain::{Commit, Minor};
use crossdock_log::{AppendError, LedgerPage};

use crate::samples::{at, commit, commit_of, item, moved, moving, reserved, sku};
use crate::subject::Subject;

fn place(name: &str) -> crossdock_domain::LocationId {
    name.parse().unwrap()
}

async fn stock(subject: &Subject, name: &str, location: &str) -> Stock {
    let items = subject.store.items(&[sku(name)]).await.unwrap();
    items[&sku(name)].stock[&place(location)].clone()
}

fn page(limit: i32, before: Option<String>) -> LedgerPage {
    LedgerPage { limit, before, since: None }
}

pub async fn every_move_is_in_the_ledger_newest_first(subject: &Subject) {
    subject.back.put_item(item("TEE", &[("LON1", 9), ("MAN1", 9)])).await;
    for seq in 1..=5 {
        let moves = [reserved("TEE", "LON1", 1), reserved("TEE", "MAN1", 1)];
        subject.store.append(&moving(commit(seq), &moves)).await.unwrap();
    }
    let mut read = Vec::new();
    let mut before = None;
    loop {
        let (rows, next) = subject.store.ledger(&sku("TEE"), &place("LON1"), &page(2, before)).await.unwrap();
        assert!(rows.len() <= 2 && rows.iter().all(|row| row.moves == [reserved("TEE", "LON1", 1)]));
        read.extend(rows.into_iter().map(|row| row.seq));
        before = next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(read, [5, 4, 3, 2, 1]);
    let since = LedgerPage { limit: 10, before: None, since: Some(at(4)) };
    let (rows, next) = subject.store.ledger(&sku("TEE"), &place("LON1"), &since).await.unwrap();
    assert_eq!((rows.iter().map(|row| row.seq).collect::<Vec<_>>(), next), (vec![5, 4], None));
}

pub async fn what_was_not_committed_is_in_no_ledger(subject: &Subject) {
    subject.back.put_item(item("TEE", &[("LON1", 1)])).await;
    let too_much = moving(commit(1), &[reserved("TEE", "LON1", 2)]);
    assert_eq!(subject.store.append(&too_much).await, Err(AppendError::StockShort));
    let (rows, _) = subject.store.ledger(&sku("TEE"), &place("LON1"), &page(9, None)).await.unwrap();
    assert_eq!(rows, []);
}

pub async fn every_counter_moves_by_its_channel(subject: &Subject) {
    subject.back.put_item(item("TEE", &[("LON1", 9)])).await;
    let of = |channel: &str, why, change: fn(&mut StockMove)| {
        let mut stock =
            StockMove { channel: Some(channel.parse().unwrap()), ..StockMove::new(why, sku("TEE"), place("LON1")) };
        change(&mut stock);
        stock
    };
    let moves = [
        of("web", Movement::Reserved, |stock| stock.reserved = 2),
        of("shopify-uk", Movement::Reserved, |stock| stock.reserved = 3),
        of("shopify-uk", Movement::Shipped, |stock| (stock.on_hand, stock.reserved, stock.untold) = (-2, -2, 2)),
        of("shopify-uk", Movement::Told, |stock| (stock.untold, stock.told) = (-1, 1)),
        of("web", Movement::Waiting, |stock| stock.waiting = 4),
        of("web", Movement::Returned, |stock| (stock.on_hand, stock.quarantine, stock.in_transit) = (2, 1, 5)),
    ];
    subject.store.append(&moving(commit(1), &moves)).await.unwrap();
    let mut expected = Stock::of(9);
    moves.iter().for_each(|stock| expected.apply(stock));
    let found = stock(subject, "TEE", "LON1").await;
    assert_eq!(found, expected);
    assert_eq!((found.on_hand, found.available, found.quarantine, found.in_transit), (9, 5, 1, 5));
    assert_eq!(found.available, found.on_hand - found.quarantine - found.reserved());
}

pub async fn a_promise_leaves_the_floor(subject: &Subject) {
    subject.back.put_item(item("TEE", &[("LON1", 5)])).await;
    let with_floor = |units, floor| StockMove { floor, ..reserved("TEE", "LON1", units) };
    for (units, floor, fits) in [(4, 2, false), (3, 2, true), (3, -1, true), (1, -1, false)] {
        let seq = if fits { subject.store.last_seq(crate::samples::STREAM).await.unwrap() + 1 } else { 9 };
        let outcome = subject.store.append(&moving(commit(seq), &[with_floor(units, floor)])).await;
        assert_eq!(outcome, if fits { Ok(()) } else { Err(AppendError::StockShort) }, "{units} above {floor}");
    }
}

pub async fn a_count_holds_only_while_nothing_has_moved(subject: &Subject) {
    subject.back.put_item(item("TEE", &[("LON1", 5)])).await;
    let count = |seen| StockMove {
        on_hand: 2,
        seen: Some(seen),
        counted_at: Some(at(50)),
        ..StockMove::new(Movement::Counted, sku("TEE"), place("LON1"))
    };
    subject.store.append(&moving(commit(1), &[reserved("TEE", "LON1", 1)])).await.unwrap();
    assert_eq!(subject.store.append(&moving(commit(2), &[count(1)])).await, Err(AppendError::StockShort));
    subject.store.append(&moving(commit(2), &[count(0)])).await.unwrap();
    assert_eq!(subject.store.append(&moving(commit(3), &[count(0)])).await, Err(AppendError::StockShort));
    let found = stock(subject, "TEE", "LON1").await;
    assert_eq!((found.on_hand, found.available, found.counted_at), (7, 6, Some(at(50))));
    assert_eq!((found.version, found.physical), (2, 1), "a promise changes nothing that can be counted");
}

pub async fn stock_in_parts_is_one_number(subject: &Subject) {
    subject.back.put_item(item("TEE", &[("LON1", 10), ("MAN1", 2)])).await;
    let tee = subject.store.items(&[sku("TEE")]).await.unwrap().remove(&sku("TEE")).unwrap();
    subject.store.open_parts(&tee, 3).await.unwrap();
    let spread =
        |part, units| StockMove { part, on_hand: units, ..StockMove::new(Movement::Spread, sku("TEE"), place("LON1")) };
    subject.store.append(&moving(commit(1), &[spread(0, -6), spread(1, 3), spread(2, 3)])).await.unwrap();
    let tee = subject.store.items(&[sku("TEE"), sku("MUG")]).await.unwrap().remove(&sku("TEE")).unwrap();
    assert_eq!((tee.stock[&place("LON1")].available, tee.stock[&place("MAN1")].available), (10, 2));
    assert_eq!(tee.spread[&place("LON1")].iter().map(|part| part.available).collect::<Vec<_>>(), [3, 3]);
    let from = |seed, units| {
        let moves = tee.reserve((&place("LON1"), units), 0, seed);
        moves.iter().map(|stock| (stock.part, stock.reserved)).collect::<Vec<_>>()
    };
    assert_eq!((from(0, 4), from(1, 3), from(2, 3)), (vec![(0, 4)], vec![(1, 3)], vec![(2, 3)]));
    assert_eq!(from(2, 4), [(0, 4)], "one part that has all is enough");
    assert_eq!(from(1, 9), [(1, 3), (2, 3), (0, 3)], "no part has all, together they do");
    let all = tee.reserve((&place("LON1"), 10), 0, 1);
    subject.store.append(&moving(commit(2), &all)).await.unwrap();
    assert_eq!(stock(subject, "TEE", "LON1").await.available, 0);
    let more = tee.reserve((&place("LON1"), 1), 0, 2);
    assert_eq!(subject.store.append(&moving(commit(3), &more)).await, Err(AppendError::StockShort));
    subject.store.open_parts(&tee, 2).await.unwrap();
    let tee = subject.store.items(&[sku("TEE")]).await.unwrap().remove(&sku("TEE")).unwrap();
    assert_eq!(tee.parts, 3, "fewer parts would hide what is in the others");
}

pub async fn the_catalogue_leaves_stock_alone(subject: &Subject) {
    subject.back.put_item(item("TEE", &[("LON1", 5)])).await;
    subject.store.append(&moving(commit(1), &[reserved("TEE", "LON1", 2)])).await.unwrap();
    for (name, units) in [("TEE", Some(3)), ("NEW", None)] {
        let kept = Item {
            prices: BTreeMap::from([("EUR".parse().unwrap(), Minor::new(4).unwrap())]),
            safety: BTreeMap::from([(place("LON1"), 1)]),
            components: BTreeMap::from([(sku("CAP"), 2)]),
            ..Item::new(sku(name))
        };
        assert!(subject.store.keep_item(&kept).await.unwrap());
        let found = subject.store.items(&[sku(name)]).await.unwrap().remove(&sku(name)).unwrap();
        assert_eq!((&found.prices, &found.safety, &found.components), (&kept.prices, &kept.safety, &kept.components));
        assert_eq!(found.stock.get(&place("LON1")).map(|stock| stock.available), units);
        assert_eq!(found.promisable(&place("LON1")), units.map_or(0, |units| units - 1));
    }
    subject.store.open_location(&sku("NEW"), &place("LON1")).await.unwrap();
    subject
        .store
        .append(&moving(commit_of("inventory#R-1", 1, Vec::new()), &[moved("NEW", "LON1", (3, 3))]))
        .await
        .unwrap();
    assert_eq!(stock(subject, "NEW", "LON1").await.on_hand, 3);
}

pub async fn what_a_storefront_shows_is_remembered(subject: &Subject) {
    subject.back.put_item(item("TEE", &[("LON1", 9)])).await;
    let (tee, london, shop) = (sku("TEE"), place("LON1"), "shopify-uk".parse().unwrap());
    let told = StockMove {
        told: 2,
        channel: Some("shopify-uk".parse().unwrap()),
        ..StockMove::new(Movement::Told, sku("TEE"), place("LON1"))
    };
    subject.store.append(&moving(commit(1), std::slice::from_ref(&told))).await.unwrap();
    assert_eq!(stock(subject, "TEE", "LON1").await.shown_at(&shop), None);
    let shown = Shown { on_hand: 9, told: 2, at: at(60) };
    subject.store.note_shown((&tee, &london), &shop, shown).await.unwrap();
    assert_eq!(stock(subject, "TEE", "LON1").await.shown_at(&shop), Some(9));
    subject.store.append(&moving(commit(2), &[told])).await.unwrap();
    assert_eq!(stock(subject, "TEE", "LON1").await.shown_at(&shop), Some(7), "the storefront took them off itself");
    assert!(subject.store.note_shown((&tee, &place("NOWHERE")), &shop, shown).await.is_err());
    let rows: Vec<Commit> = subject.store.load(crate::samples::STREAM, 1).await.unwrap();
    assert_eq!(rows.len(), 2);
}
