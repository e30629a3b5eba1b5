//! Where an order ships from.

use std::collections::BTreeMap;

use crossdock_domain::event::Decision;
use crossdock_domain::item::Item;
use crossdock_domain::settings::{ChannelSettings, Split};
use crossdock_domain::sourcing::{Sourcing, source};
use crossdock_domain::{CanonicalOrder, Event, Line, Order, Sku};
use proptest::prelude::*;

use crate::samples::{accepted, allocated, at, catalogue, given, item, line, moved_at, moves, settings, sku, unpaid};

fn ordered(lines: Vec<Line>) -> Order {
    given([accepted(unpaid(lines, Vec::new()))])
}

fn promised(outcome: Sourcing) -> Decision {
    match outcome {
        Sourcing::Promised(decision) => decision,
        Sourcing::Short { .. } | Sourcing::Nowhere => panic!("{outcome:?}"),
    }
}

fn never_split() -> ChannelSettings {
    let mut settings = settings();
    settings.sourcing.split = Split::Never;
    settings
}

#[test]
fn the_preferred_location_that_has_everything_wins() {
    let order = ordered(vec![line("TEE", 2, 1000), line("MUG", 1, 500)]);
    let items = catalogue([item("TEE", &[("LON1", 2), ("MAN1", 9)]), item("MUG", &[("LON1", 1), ("MAN1", 9)])]);
    let decision = promised(source(&order, &items, &settings()));
    assert_eq!(decision.events, [allocated(1, "LON1", &[(0, 2), (1, 1)])]);
}

#[test]
fn one_location_that_has_everything_beats_two_of_which_one_is_preferred() {
    let order = ordered(vec![line("TEE", 2, 1000), line("MUG", 1, 500)]);
    let items = catalogue([item("TEE", &[("LON1", 2), ("MAN1", 9)]), item("MUG", &[("LON1", 0), ("MAN1", 9)])]);
    let decision = promised(source(&order, &items, &settings()));
    assert_eq!(decision.events, [allocated(1, "MAN1", &[(0, 2), (1, 1)])]);
}

#[test]
fn where_nobody_has_everything_each_location_gives_what_it_has() {
    let order = ordered(vec![line("TEE", 5, 1000), line("MUG", 1, 500)]);
    let items = catalogue([item("TEE", &[("LON1", 3), ("MAN1", 3)]), item("MUG", &[("MAN1", 1)])]);
    let decision = promised(source(&order, &items, &settings()));
    assert_eq!(decision.events, [allocated(1, "LON1", &[(0, 3)]), allocated(2, "MAN1", &[(0, 2), (1, 1)])]);
    let mut moved = moves(&decision);
    moved.sort();
    let reserved = |name, location, units: i64| moved_at(name, location, 0, -units);
    assert_eq!(moved, [reserved("MUG", "MAN1", 1), reserved("TEE", "LON1", 3), reserved("TEE", "MAN1", 2)]);
}

#[test]
fn where_splitting_is_not_allowed_the_order_waits_for_the_preferred_location() {
    let order = ordered(vec![line("TEE", 5, 1000)]);
    let items = catalogue([item("TEE", &[("LON1", 3), ("MAN1", 4)])]);
    let outcome = source(&order, &items, &never_split());
    assert_eq!(outcome, Sourcing::Short { sku: sku("TEE"), missing: 2, at: "LON1".parse().unwrap() });
    let items = catalogue([item("TEE", &[("LON1", 3), ("MAN1", 5)])]);
    let decision = promised(source(&order, &items, &never_split()));
    assert_eq!(decision.events, [allocated(1, "MAN1", &[(0, 5)])]);
}

#[test]
fn an_order_that_cannot_be_promised_whole_reserves_nothing() {
    let order = ordered(vec![line("TEE", 1, 1000), line("MUG", 3, 500)]);
    let items = catalogue([item("TEE", &[("LON1", 9)]), item("MUG", &[("LON1", 1), ("MAN1", 1)])]);
    assert_eq!(
        source(&order, &items, &settings()),
        Sourcing::Short { sku: sku("MUG"), missing: 1, at: "LON1".parse().unwrap() }
    );
}

#[test]
fn a_location_ships_only_to_its_countries() {
    let items = catalogue([item("TEE", &[("LON1", 9), ("MAN1", 9)])]);
    let to = |country: Option<&str>| {
        let order = unpaid(vec![line("TEE", 1, 1000)], Vec::new());
        let country = country.map(|code| code.parse().unwrap());
        given([accepted(CanonicalOrder { country, ..order })])
    };
    let decision = promised(source(&to(Some("DE")), &items, &settings()));
    assert_eq!(decision.events, [allocated(1, "MAN1", &[(0, 1)])]);
    let mut only_london = settings();
    only_london.sourcing.locations.truncate(1);
    assert_eq!(source(&to(Some("DE")), &items, &only_london), Sourcing::Nowhere);
    assert_eq!(source(&to(None), &items, &only_london), Sourcing::Nowhere);
}

#[test]
fn lines_of_one_sku_share_its_stock() {
    let order = ordered(vec![line("TEE", 2, 1000), line("TEE", 2, 900)]);
    let items = |units| catalogue([item("TEE", &[("LON1", units)])]);
    assert_eq!(
        source(&order, &items(3), &settings()),
        Sourcing::Short { sku: sku("TEE"), missing: 1, at: "LON1".parse().unwrap() }
    );
    let decision = promised(source(&order, &items(4), &settings()));
    assert_eq!(decision.moves.len(), 1, "a transaction may touch an item only once");
    assert_eq!(decision.moves[0].available(), -4);
}

#[test]
fn only_what_is_not_promised_yet_is_promised() {
    let mut order = ordered(vec![line("TEE", 5, 1000)]);
    order.evolve(&allocated(1, "LON1", &[(0, 2)]), at(2));
    let decision = promised(source(&order, &catalogue([item("TEE", &[("LON1", 9)])]), &settings()));
    assert_eq!(decision.events, [allocated(2, "LON1", &[(0, 3)])]);
}

#[test]
fn stock_below_zero_is_no_stock() {
    let mut items = catalogue([item("TEE", &[("LON1", 0), ("MAN1", 5)])]);
    items.get_mut(&sku("TEE")).unwrap().stock.get_mut(&"LON1".parse().unwrap()).unwrap().available = -7;
    let decision = promised(source(&ordered(vec![line("TEE", 5, 1000)]), &items, &settings()));
    assert_eq!(decision.events, [allocated(1, "MAN1", &[(0, 5)])]);
}

fn any_stock() -> impl Strategy<Value = BTreeMap<Sku, Item>> {
    prop::collection::vec((-3_i64..9, -3_i64..9), 3).prop_map(|stock| {
        let items = ["A", "B", "C"].into_iter().zip(stock);
        catalogue(items.map(|(name, (london, manchester))| item(name, &[("LON1", london), ("MAN1", manchester)])))
    })
}

fn any_lines() -> impl Strategy<Value = Vec<Line>> {
    let line_of = |(name, quantity): (usize, u32)| line(["A", "B", "C", "D"][name], quantity, 100);
    prop::collection::vec((0_usize..4, 0_u32..6).prop_map(line_of), 0..6)
}

fn total_available(items: &BTreeMap<Sku, Item>, name: &Sku) -> i64 {
    items.get(name).map_or(0, |item| item.stock.values().map(|stock| stock.available.max(0)).sum())
}

fn check_promise(order: &Order, items: &BTreeMap<Sku, Item>, decision: &Decision) {
    for stock in &decision.moves {
        let available = items[&stock.sku].stock[&stock.location].available;
        assert!(stock.available() < 0 && available + stock.available() >= 0, "promised more than there is: {stock:?}");
    }
    let mut after = order.clone();
    let mut reserved: BTreeMap<(String, Sku), i64> = BTreeMap::new();
    for event in &decision.events {
        after.evolve(event, at(9));
        let Event::OrderAllocated(allocation) = event else { panic!("{event:?}") };
        for promised in &allocation.lines {
            let key = (allocation.location.to_string(), after.sku(promised.line).unwrap().clone());
            *reserved.entry(key).or_default() += i64::from(promised.quantity);
        }
    }
    let moved =
        decision.moves.iter().map(|stock| ((stock.location.to_string(), stock.sku.clone()), -stock.available()));
    assert_eq!(moved.collect::<BTreeMap<_, _>>(), reserved, "nothing is reserved without its fact");
    assert!(after.goods().all(|(index, line)| after.allocated(index) == line.quantity), "all or nothing");
}

proptest! {
    #[test]
    fn a_promise_is_whole_covered_and_told(lines in any_lines(), items in any_stock(), split in any::<bool>()) {
        let order = ordered(lines);
        let settings = if split { settings() } else { never_split() };
        match source(&order, &items, &settings) {
            Sourcing::Promised(decision) => {
                check_promise(&order, &items, &decision);
                let (places, most) = (decision.events.len(), if split { 2 } else { 1 });
                prop_assert!(places <= most);
            }
            Sourcing::Short { sku, missing, .. } => {
                prop_assert!(missing > 0);
                let wanted: i64 = order.goods().filter(|(_, line)| line.sku.as_ref() == Some(&sku)).map(|(_, line)| i64::from(line.quantity)).sum();
                let enough = total_available(&items, &sku) >= wanted;
                prop_assert!(!(split && enough), "{} is not short: {} wanted", sku, wanted);
            }
            Sourcing::Nowhere => prop_assert!(false, "London serves Great Britain"),
        }
    }
}
