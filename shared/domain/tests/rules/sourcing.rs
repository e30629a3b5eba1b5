//! Where an order ships from.

use std::collections::BTreeMap;

use crossdock_domain::event::{Decision, FailureClass, Parked, WaitsOn};
use crossdock_domain::item::Item;
use crossdock_domain::outstanding::TaskId;
use crossdock_domain::settings::{ChannelSettings, Sourcing as SourcingRules, Split};
use crossdock_domain::sourcing::{Short, Sourcing, source as source_at};
use crossdock_domain::{CanonicalOrder, Event, Line, Order, Sku, TaskKind};
use proptest::prelude::*;
use serde_json::json;

use crate::samples::{accepted, allocated, at, catalogue, given, item, line, moved_at, moves, settings, sku, unpaid};

fn ordered(lines: Vec<Line>) -> Order {
    given([accepted(unpaid(lines, Vec::new()))])
}

fn source(order: &Order, items: &BTreeMap<Sku, Item>, settings: &ChannelSettings) -> Sourcing {
    source_at(order, items, settings, at(0))
}

fn promised(outcome: Sourcing) -> Decision {
    match outcome {
        Sourcing::Promised(decision) => decision,
        Sourcing::Short(_) | Sourcing::Nowhere => panic!("{outcome:?}"),
    }
}

fn missing(name: &str, missing: i64) -> Sourcing {
    Sourcing::Short(Short { sku: sku(name), missing, at: "LON1".parse().unwrap(), kits: [].into() })
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
    assert_eq!(outcome, missing("TEE", 2));
    let items = catalogue([item("TEE", &[("LON1", 3), ("MAN1", 5)])]);
    let decision = promised(source(&order, &items, &never_split()));
    assert_eq!(decision.events, [allocated(1, "MAN1", &[(0, 5)])]);
}

#[test]
fn an_order_that_cannot_be_promised_whole_reserves_nothing() {
    let order = ordered(vec![line("TEE", 1, 1000), line("MUG", 3, 500)]);
    let items = catalogue([item("TEE", &[("LON1", 9)]), item("MUG", &[("LON1", 1), ("MAN1", 1)])]);
    assert_eq!(source(&order, &items, &settings()), missing("MUG", 1));
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
    assert_eq!(source(&order, &items(3), &settings()), missing("TEE", 1));
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
            Sourcing::Short(Short { sku, missing, .. }) => {
                prop_assert!(missing > 0);
                let wanted: i64 = order.goods().filter(|(_, line)| line.sku.as_ref() == Some(&sku)).map(|(_, line)| i64::from(line.quantity)).sum();
                let enough = total_available(&items, &sku) >= wanted;
                prop_assert!(!(split && enough), "{} is not short: {} wanted", sku, wanted);
            }
            Sourcing::Nowhere => prop_assert!(false, "London serves Great Britain"),
        }
    }
}

/// A set of two tees and a mug.
fn with_set(items: impl IntoIterator<Item = Item>) -> BTreeMap<Sku, Item> {
    let components = [(sku("TEE"), 2), (sku("MUG"), 1)].into();
    catalogue(items.into_iter().chain([Item { components, ..Item::new(sku("SET")) }]))
}

fn short(outcome: Sourcing) -> (String, i64) {
    match outcome {
        Sourcing::Short(short) => (short.sku.to_string(), short.missing),
        Sourcing::Promised(_) | Sourcing::Nowhere => panic!("{outcome:?}"),
    }
}

fn at_most(places: u8) -> ChannelSettings {
    let mut settings = settings();
    settings.sourcing.split = Split::AtMost(places.try_into().unwrap());
    settings
}

/// What moves, by SKU and by whose it is: units reserved, and units there.
fn by_channel(decision: &Decision) -> Vec<(String, String, i64, i64)> {
    let told = |stock: &crossdock_domain::item::StockMove| {
        let channel = stock.channel.as_ref().map(ToString::to_string).unwrap_or_default();
        (stock.sku.to_string(), channel, stock.reserved, stock.on_hand)
    };
    let mut all: Vec<_> = decision.moves.iter().map(told).collect();
    all.sort();
    all
}

#[test]
fn a_kit_is_promised_out_of_its_components() {
    let order = ordered(vec![line("SET", 2, 3000), line("TEE", 1, 1000)]);
    let items = with_set([item("TEE", &[("LON1", 5)]), item("MUG", &[("LON1", 2)])]);
    let decision = promised(source(&order, &items, &settings()));
    let Event::OrderAllocated(allocation) = &decision.events[0] else { panic!("{decision:?}") };
    assert_eq!((allocation.lines.len(), allocation.kits[&sku("SET")][&sku("TEE")]), (2, 2));
    let moved =
        [("MUG", "kits", 2, 0), ("SET", "shopify-uk", 2, 2), ("TEE", "kits", 4, 0), ("TEE", "shopify-uk", 1, 0)];
    let moved = moved.map(|(name, channel, reserved, on_hand)| (name.into(), channel.into(), reserved, on_hand));
    assert_eq!(by_channel(&decision), moved);
}

#[test]
fn of_a_kit_the_component_that_is_missing_is_waited_for() {
    let order = ordered(vec![line("SET", 3, 3000)]);
    let items = |tees, mugs| with_set([item("TEE", &[("LON1", tees)]), item("MUG", &[("LON1", mugs)])]);
    assert_eq!(short(source(&order, &items(4, 9), &settings())), ("TEE".into(), 2));
    assert_eq!(short(source(&order, &items(9, 1), &settings())), ("MUG".into(), 2));
    let both = ordered(vec![line("TEE", 2, 1000), line("SET", 1, 3000)]);
    assert_eq!(short(source(&both, &items(3, 9), &settings())), ("TEE".into(), 1), "tees are promised once");
    promised(source(&both, &items(4, 1), &settings()));
}

#[test]
fn a_kit_is_put_together_at_one_place() {
    let order = ordered(vec![line("SET", 1, 3000)]);
    let apart = with_set([item("TEE", &[("LON1", 2)]), item("MUG", &[("MAN1", 5)])]);
    assert_eq!(short(source(&order, &apart, &settings())), ("MUG".into(), 1));
    let two = ordered(vec![line("SET", 2, 3000)]);
    let each = with_set([item("TEE", &[("LON1", 2), ("MAN1", 2)]), item("MUG", &[("LON1", 5), ("MAN1", 5)])]);
    let decision = promised(source(&two, &each, &settings()));
    assert_eq!(decision.events.len(), 2, "one kit from each");
}

#[test]
fn kits_and_their_components_come_out_of_several_parts() {
    let order = ordered(vec![line("SET", 2, 3000), line("TEE", 3, 1000)]);
    let mut tee = item("TEE", &[("LON1", 3)]);
    tee.parts = 3;
    let part = |units| [("LON1".parse().unwrap(), crossdock_domain::item::Stock::of(units))].into();
    let tee = tee.with_parts([part(2), part(2)]);
    let decision = promised(source(&order, &with_set([tee, item("MUG", &[("LON1", 2)])]), &settings()));
    let mut tees: BTreeMap<u16, i64> = BTreeMap::new();
    for stock in decision.moves.iter().filter(|stock| stock.sku.as_str() == "TEE") {
        *tees.entry(stock.part).or_default() += stock.reserved;
    }
    assert_eq!(tees, BTreeMap::from([(0, 3), (1, 2), (2, 2)]), "no part gives more than it has");
}

#[test]
fn an_order_ships_from_at_most_so_many_places() {
    let order = ordered(vec![line("TEE", 6, 1000)]);
    let mut three = settings();
    let places = ["LON1", "MAN1", "LEE1"].map(|name| json!({ "location": name }));
    three.sourcing.locations = serde_json::from_value(json!(places)).unwrap();
    let items = |london, manchester, leeds| {
        catalogue([item("TEE", &[("LON1", london), ("MAN1", manchester), ("LEE1", leeds)])])
    };
    let limited = |most| ChannelSettings {
        sourcing: SourcingRules { split: at_most(most).sourcing.split, ..three.sourcing.clone() },
        ..three.clone()
    };
    let places = |outcome| promised(outcome).events.len();
    assert_eq!(places(source(&order, &items(2, 2, 2), &limited(3))), 3);
    short(source(&order, &items(2, 2, 2), &limited(2)));
    // The fewest parcels, though the preferred location has some.
    let decision = promised(source(&order, &items(1, 3, 3), &limited(3)));
    assert_eq!(decision.events, [allocated(1, "MAN1", &[(0, 3)]), allocated(2, "LEE1", &[(0, 3)])]);
    assert_eq!(places(source(&order, &items(0, 0, 6), &limited(1))), 1);
}

#[test]
fn a_channel_leaves_units_to_others() {
    let mut modest = settings();
    for rule in &mut modest.sourcing.locations {
        rule.keep_back = 3;
    }
    let items = catalogue([item("TEE", &[("LON1", 5), ("MAN1", 3)])]);
    let decision = promised(source(&ordered(vec![line("TEE", 2, 1000)]), &items, &modest));
    assert_eq!(decision.moves[0].floor, 3, "another channel may take it meanwhile");
    assert_eq!(short(source(&ordered(vec![line("TEE", 3, 1000)]), &items, &modest)), ("TEE".into(), 1));
    promised(source(&ordered(vec![line("TEE", 8, 1000)]), &items, &settings()));
}

/// London is open from Monday to Friday until three; Manchester on Saturdays too.
fn with_calendars(prefer: &str) -> ChannelSettings {
    let mut settings = settings();
    let days = |closed: &[&str]| json!({ "time_zone": "Europe/London", "cut_off": "15:00", "closed": closed, "holidays": ["2026-12-25"] });
    settings.sourcing = serde_json::from_value(json!({
        "locations": [
            { "location": "LON1", "calendar": days(&["saturday", "sunday"]) },
            { "location": "MAN1", "calendar": days(&["sunday"]) },
        ],
        "prefer": prefer,
    }))
    .unwrap();
    settings
}

#[test]
fn what_is_allocated_before_the_cut_off_leaves_the_same_day() {
    let order = ordered(vec![line("TEE", 1, 1000)]);
    let items = catalogue([item("TEE", &[("LON1", 5), ("MAN1", 5)])]);
    let chosen = |prefer: &str, now: &str| {
        let decision = promised(source_at(&order, &items, &with_calendars(prefer), now.parse().unwrap()));
        let Event::OrderAllocated(allocation) = &decision.events[0] else { panic!("{decision:?}") };
        (allocation.location.to_string(), allocation.ship_by.unwrap().to_string())
    };
    let expect = |prefer, now, location: &str, ship_by: &str| {
        assert_eq!(chosen(prefer, now), (location.into(), ship_by.into()), "{prefer} at {now}")
    };
    // A Friday in winter, until three and after it.
    expect("priority", "2026-11-27T15:00:00Z", "LON1", "2026-11-27T15:00:00Z");
    expect("priority", "2026-11-27T15:00:01Z", "LON1", "2026-11-30T15:00:00Z");
    expect("soonest", "2026-11-27T15:00:01Z", "MAN1", "2026-11-28T15:00:00Z");
    expect("soonest", "2026-11-27T14:00:00Z", "LON1", "2026-11-27T15:00:00Z");
    // Christmas is a Friday; in summer three is two by Greenwich.
    expect("soonest", "2026-12-24T16:00:00Z", "MAN1", "2026-12-26T15:00:00Z");
    expect("priority", "2026-07-01T13:59:00Z", "LON1", "2026-07-01T14:00:00Z");
    expect("priority", "2026-07-01T14:01:00Z", "LON1", "2026-07-02T14:00:00Z");
}

#[test]
fn a_calendar_of_nowhere_and_a_limit_of_nothing_are_refused() {
    let rule = |calendar: serde_json::Value| json!({ "locations": [{ "location": "LON1", "calendar": calendar }] });
    let read = |value| serde_json::from_value::<SourcingRules>(value).map(|_| ()).map_err(|error| error.to_string());
    let zone = |name: &str| rule(json!({ "time_zone": name, "cut_off": "15:00" }));
    assert_eq!(read(zone("Europe/London")), Ok(()));
    assert!(read(zone("Europe/Atlantis")).unwrap_err().contains("Atlantis"));
    assert!(read(json!({ "locations": [], "split": { "at_most": 0 } })).is_err());
    assert!(read(json!({ "locations": [{ "location": "LON1", "keep_back": -1 }] })).is_err());
    assert_eq!(read(json!({ "locations": [], "split": { "at_most": 2 } })), Ok(()));
}

/// Several orders wait for one SKU, and one unit comes: whoever is asked first gets it, and no newcomer does.
#[test]
fn those_who_wait_do_not_keep_each_other_from_what_has_come() {
    let mut items = catalogue([item("TEE", &[("LON1", 1)])]);
    let stock = items.get_mut(&sku("TEE")).unwrap().stock.get_mut(&"LON1".parse().unwrap()).unwrap();
    stock.waiting.insert("web-uk".parse().unwrap(), 1);
    let newcomer = ordered(vec![line("TEE", 1, 1000)]);
    short(source(&newcomer, &items, &settings()));
    let task = TaskId { kind: TaskKind::Allocate, document: "A1".into() };
    let (class, waits_on) = (FailureClass::Stock, WaitsOn::Sku(sku("TEE")));
    let at_london = Some("LON1".parse().unwrap());
    let parked = Parked {
        task: task.clone(),
        class,
        reason: "1 x TEE are missing".into(),
        waits_on,
        at: at_london,
        part: 0,
        kits: [].into(),
    };
    let waited = given([
        accepted(unpaid(vec![line("TEE", 1, 1000)], Vec::new())),
        Event::TaskParked(parked),
        Event::TaskReleased { task },
    ]);
    promised(source(&waited, &items, &settings()));
}
