//! Goods that are kept for buyers who are paying: whoever comes when, every unit is somebody's once.

use std::collections::BTreeMap;

use crossdock_domain::cancel::{CancelCommand, cancel};
use crossdock_domain::demand::{Units, following};
use crossdock_domain::event::{Decision, Hold, HoldCode};
use crossdock_domain::hold::{Held, HoldRequest, HoldState, Holding, hold};
use crossdock_domain::item::{Item, Stock, StockMove, holds};
use crossdock_domain::sourcing::{Sourcing, source};
use crossdock_domain::{Commit, Event, LocationId, Order, OrderId, Sku};
use jiff::Timestamp;
use proptest::prelude::*;

use crate::samples::{accepted, at, line, paid, settings, sku, unpaid};

fn place(name: &str) -> LocationId {
    name.parse().unwrap()
}

fn commit(stream: &str, seq: u64, decision: Decision) -> Commit {
    Commit {
        stream: stream.into(),
        seq,
        cause: format!("test:{seq}"),
        at: at(0),
        actor: "test".into(),
        correlation_id: "c".into(),
        causation_id: None,
        prev_hash: String::new(),
        due: None,
        summary: Order::new("web-uk.X".parse().unwrap()).summary(),
        events: decision.events,
        moves: decision.moves,
    }
}

fn wish(cart: usize, lines: &[(&str, u32)]) -> HoldRequest {
    HoldRequest {
        connection: "web-uk".parse().unwrap(),
        hold_id: format!("cart_{cart}").parse().unwrap(),
        country: "GB".parse().unwrap(),
        lines: lines.iter().map(|(name, quantity)| (sku(name), *quantity)).collect(),
        seconds: 600,
    }
}

/// A shop whose tees in London lie in three parts.
struct Shop {
    records: BTreeMap<(Sku, LocationId, u16), Stock>,
    carts: BTreeMap<usize, Vec<Commit>>,
    orders: BTreeMap<usize, Order>,
    now: Timestamp,
}

impl Shop {
    fn new() -> Self {
        let stock = [("TEE", "LON1", 0, 3), ("TEE", "LON1", 1, 2), ("TEE", "LON1", 2, 1), ("TEE", "MAN1", 0, 2)];
        let stock = stock.into_iter().chain([("MUG", "LON1", 0, 4), ("MUG", "MAN1", 0, 0)]);
        let records = stock.map(|(name, at, part, units)| ((sku(name), place(at), part), Stock::of(units)));
        Self { records: records.collect(), carts: BTreeMap::new(), orders: BTreeMap::new(), now: at(0) }
    }

    fn items(&self) -> BTreeMap<Sku, Item> {
        let part = |name: &str, part: u16| -> BTreeMap<LocationId, Stock> {
            let own = self.records.iter().filter(|((of, _, number), _)| of.as_str() == name && *number == part);
            own.map(|((_, location, _), stock)| (location.clone(), stock.clone())).collect()
        };
        let item = |name: &str| Item { stock: part(name, 0), ..Item::new(sku(name)) };
        let tee = Item { parts: 3, ..item("TEE") }.with_parts([part("TEE", 1), part("TEE", 2)]);
        [(sku("TEE"), tee), (sku("MUG"), item("MUG"))].into()
    }

    /// As the store does it: what is given back in a record counts first.
    fn commit(&mut self, moves: &[StockMove]) -> bool {
        let key = |stock: &StockMove| (stock.sku.clone(), stock.location.clone(), stock.part);
        let mut net: BTreeMap<_, (i64, i64, bool)> = BTreeMap::new();
        for stock in moves {
            let of = net.entry(key(stock)).or_default();
            *of = (of.0 + stock.available(), of.1.max(stock.floor), of.2 || stock.is_promise());
        }
        let fits = net.iter().all(|(record, (change, floor, promised))| {
            *change >= 0 || !promised || self.records[record].available + change >= *floor
        });
        if fits {
            moves.iter().for_each(|stock| self.records.get_mut(&key(stock)).unwrap().apply(stock));
        }
        fits
    }

    fn held(&self, cart: usize) -> Option<Held> {
        self.carts.get(&cart).and_then(|commits| Held::fold(commits))
    }

    fn hold(&mut self, cart: usize, lines: &[(&str, u32)]) {
        if self.carts.contains_key(&cart) {
            return;
        }
        let outcome = hold(&wish(cart, lines), &self.items(), &settings(), self.now);
        if let Holding::Held(decision) = outcome {
            assert!(self.commit(&decision.moves), "what could be promised can be held");
            self.carts.insert(cart, vec![commit(&format!("hold#web-uk#cart_{cart}"), 1, decision)]);
        }
    }

    fn end(&mut self, cart: usize, decide: impl Fn(&Held) -> Option<Decision>) -> Vec<StockMove> {
        let Some(decision) = self.held(cart).and_then(|held| decide(&held)) else { return Vec::new() };
        let moves = decision.moves.clone();
        self.carts.get_mut(&cart).unwrap().push(commit(&format!("hold#web-uk#cart_{cart}"), 2, decision));
        moves
    }

    /// The order of a cart, which may be of other goods than were held.
    fn pay(&mut self, cart: usize, lines: &[(&str, u32)]) {
        if self.orders.contains_key(&cart) {
            return;
        }
        let id: OrderId = format!("web-uk.W-{cart}").parse().unwrap();
        let lines = lines.iter().map(|(name, quantity)| line(name, *quantity, 1000)).collect();
        let mut decision: Decision = accepted(paid(unpaid(lines, Vec::new()))).into();
        let held = self.held(cart).filter(Held::is_open);
        if let Some(held) = &held {
            decision = decision.holding(held);
        }
        let given_back = self.end(cart, |held| held.take(&id));
        let order = Order::new(id);
        assert!(self.record((cart, order), decision, given_back), "an order that was paid for is taken");
        // More is never kept than was held.
        let kept: i64 = self.orders[&cart].units_held().values().sum();
        let most = held.map_or(0, |held| held.units.iter().map(|held| i64::from(held.quantity)).sum());
        assert!(kept <= most);
    }

    fn record(&mut self, (cart, before): (usize, Order), decision: Decision, other: Vec<StockMove>) -> bool {
        let mut after = before.clone();
        decision.events.iter().for_each(|event| after.evolve(event, self.now));
        let moves = decision.moves.into_iter().chain(following(&before, &after)).chain(other);
        let fits = self.commit(&moves.collect::<Vec<_>>());
        if fits {
            self.orders.insert(cart, after);
        }
        fits
    }

    fn decide(&mut self, cart: usize, decide: impl Fn(&Order) -> Decision) {
        let Some(order) = self.orders.get(&cart).cloned() else { return };
        let decision = decide(&order);
        assert!(self.record((cart, order), decision, Vec::new()), "what has happened is recorded");
    }

    fn allocate(&mut self, cart: usize) {
        let Some(order) = self.orders.get(&cart).cloned() else { return };
        if !order.holds.is_empty() || order.unallocated().next().is_none() {
            return;
        }
        if let Sourcing::Promised(decision) = source(&order, &self.items(), &settings()) {
            assert!(self.record((cart, order), decision, Vec::new()), "what is free or held can be promised");
            assert!(self.orders[&cart].units_held().is_empty());
        }
    }

    fn cancel(&mut self, cart: usize, lines: Vec<(String, u32)>) {
        let command = |lines| CancelCommand { reason: "customer".into(), lines, request_hash: "ab".into() };
        self.decide(cart, |order| cancel(order, &command(lines.clone())).unwrap_or_default());
    }

    fn check(&self) {
        let mut kept = Units::new();
        for held in self.carts.values().filter_map(|commits| Held::fold(commits)).filter(Held::is_open) {
            for held in &held.units {
                let place = (held.sku.clone(), held.location.clone(), held.part);
                *kept.entry(place).or_default() += i64::from(held.quantity);
            }
        }
        for (place, units) in self.orders.values().flat_map(Order::units_held) {
            *kept.entry(place).or_default() += units;
        }
        for (record, stock) in &self.records {
            let reserved = stock.reserved.get(&holds()).copied().unwrap_or(0);
            assert_eq!(reserved, kept.get(record).copied().unwrap_or(0), "{record:?}");
            assert_eq!(stock.available, stock.on_hand - stock.reserved(), "{record:?}");
            assert!(reserved >= 0 && stock.available >= 0, "{record:?} {stock:?}");
        }
    }
}

type Act = (u8, usize, u32, u32);

fn lines(tees: u32, mugs: u32) -> Vec<(&'static str, u32)> {
    [("TEE", tees), ("MUG", mugs)].into_iter().filter(|(_, units)| *units > 0).collect()
}

fn act(shop: &mut Shop, (what, cart, tees, mugs): Act) {
    match what {
        0..=3 => shop.hold(cart, &lines(tees.max(1), mugs)),
        4..=6 => shop.pay(cart, &lines(tees, mugs.max(1))),
        7..=9 => shop.allocate(cart),
        10 => {
            shop.now += jiff::SignedDuration::from_mins(11);
            let now = shop.now;
            let moves = shop.end(cart, |held| held.expire(now));
            assert!(shop.commit(&moves));
        }
        11 => {
            let moves = shop.end(cart, Held::release);
            assert!(shop.commit(&moves));
        }
        12 => shop.cancel(cart, vec![("L-MUG".into(), 1)]),
        13 => shop.cancel(cart, Vec::new()),
        14 => shop.decide(cart, |order| {
            let risk = Event::OrderHeld { holds: vec![Hold::new(HoldCode::Risk, "odd")] };
            if order.accepted.is_some() { risk.into() } else { Decision::default() }
        }),
        _ => shop.decide(cart, |_| Event::OrderReleased { codes: vec![HoldCode::Risk] }.into()),
    }
    shop.check();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]
    #[test]
    fn whatever_becomes_of_holds_every_unit_is_somebodys_once(
        acts in prop::collection::vec((0_u8..16, 0_usize..5, 0_u32..4, 0_u32..3), 1..60)
    ) {
        let mut shop = Shop::new();
        acts.into_iter().for_each(|one| act(&mut shop, one));
        for cart in 0..5 {
            act(&mut shop, (10, cart, 0, 0));
            act(&mut shop, (15, cart, 0, 0));
            act(&mut shop, (7, cart, 0, 0));
            act(&mut shop, (13, cart, 0, 0));
        }
        for stock in shop.records.values() {
            prop_assert_eq!(stock.reserved.get(&holds()).copied().unwrap_or(0), 0);
        }
    }

    /// Whoever has ordered meanwhile, and however many wait: what was held is what the order gets.
    #[test]
    fn an_order_of_what_was_held_is_allocated_whoever_else_wants_it(
        acts in prop::collection::vec((0_u8..16, 1_usize..5, 0_u32..4, 0_u32..3), 0..40), tees in 1_u32..6, waiting in 0_i64..9
    ) {
        let mut shop = Shop::new();
        shop.hold(0, &lines(tees, 1));
        acts.into_iter().for_each(|one| act(&mut shop, one));
        for stock in shop.records.values_mut() {
            stock.waiting.insert("shopify-uk".parse().unwrap(), waiting);
        }
        shop.pay(0, &lines(tees, 1));
        shop.allocate(0);
        prop_assert!(!shop.orders[&0].allocations.is_empty());
        shop.check();
    }
}

#[test]
fn a_hold_ends_once_and_not_before_its_time() {
    let mut shop = Shop::new();
    shop.hold(0, &lines(1, 0));
    let held = shop.held(0).unwrap();
    assert_eq!(held.expire(at(599)), None);
    let order: OrderId = "web-uk.W-1".parse().unwrap();
    assert!(held.expire(at(600)).is_some() && held.take(&order).is_some(), "past its time it can still be taken");
    let ends: [fn(&Held) -> Option<Decision>; 3] =
        [|held| held.expire(at(600)), Held::release, |held| held.take(&"web-uk.W-1".parse().unwrap())];
    for decide in ends {
        let mut shop = Shop::new();
        shop.hold(0, &lines(1, 0));
        let moves = shop.end(0, decide);
        assert!(shop.commit(&moves));
        let ended = shop.held(0).unwrap();
        assert!(!ended.is_open() && ended.state != HoldState::Open);
        assert_eq!((ended.take(&order), ended.release(), ended.expire(at(9999))), (None, None, None));
        assert!(shop.records.values().all(|stock| stock.reserved() == 0));
    }
}

#[test]
fn a_hold_is_of_all_or_of_nothing_and_says_what_there_is() {
    let shop = Shop::new();
    let ask = |lines: &[(&str, u32)]| hold(&wish(0, lines), &shop.items(), &settings(), at(0));
    assert_eq!(ask(&[("TEE", 9), ("MUG", 1)]), Holding::Short(vec![8, 4]));
    assert_eq!(ask(&[("MUG", 1), ("GONE", 1)]), Holding::Short(vec![4, 0]));
    let Holding::Held(decision) = ask(&[("TEE", 8)]) else { panic!("all of it is there") };
    let total: i64 = decision.moves.iter().map(|stock| stock.reserved).sum();
    assert_eq!((decision.events.len(), total), (1, 8));
    assert!(decision.moves.iter().all(|stock| stock.channel == Some(holds())));
}

/// One transaction takes it later, with two rows of each ledger: what lies in too many places is not begun.
#[test]
fn what_lies_in_too_many_places_is_not_held() {
    let parts = || (0..32).map(|_| BTreeMap::from([(place("LON1"), Stock::of(1))]));
    let spread = |name: &str| {
        let item = Item { stock: [(place("LON1"), Stock::of(1))].into(), parts: 33, ..Item::new(sku(name)) };
        (sku(name), item.with_parts(parts()))
    };
    let items: BTreeMap<Sku, Item> = ["A", "B", "C"].map(spread).into();
    let ask = |lines: &[(&str, u32)]| hold(&wish(0, lines), &items, &settings(), at(0));
    assert!(matches!(ask(&[("A", 33), ("B", 33)]), Holding::Held(_)));
    assert_eq!(ask(&[("A", 33), ("B", 33), ("C", 33)]), Holding::Scattered);
}
