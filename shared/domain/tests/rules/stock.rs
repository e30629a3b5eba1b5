//! Counters of stock, whatever happens to them and in whatever order it is told.

use std::collections::BTreeMap;

use crossdock_domain::event::Decision;
use crossdock_domain::inventory::{Counted, counted, is_in_count};
use crossdock_domain::item::{Item, Movement, Stock, StockMove};
use crossdock_domain::{ConnectionId, Event, LocationId, Sku};
use jiff::Timestamp;
use proptest::prelude::*;

use crate::samples::{at, sku};

fn place(name: &str) -> LocationId {
    name.parse().unwrap()
}

fn web() -> ConnectionId {
    "web-uk".parse().unwrap()
}

/// A warehouse and what it would say of itself: it knows what happened when it happened, we when we are told.
struct Shelf {
    /// Ours.
    item: Item,
    /// Every move that we have recorded, with when.
    ledger: Vec<(Timestamp, StockMove)>,
    /// What is really there, and not fit for sale.
    there: i64,
    broken: i64,
    /// What has happened and we were not told of.
    untold: Vec<StockMove>,
    seconds: i64,
    /// Sums by why.
    sums: BTreeMap<Movement, i64>,
    opening: i64,
}

const LONDON: &str = "LON1";

impl Shelf {
    fn new(opening: i64, safety: i64) -> Self {
        let mut item = Item::new(sku("TEE"));
        item.stock.insert(place(LONDON), Stock::of(opening));
        item.safety.insert(place(LONDON), safety);
        Self {
            item,
            ledger: Vec::new(),
            there: opening,
            broken: 0,
            untold: Vec::new(),
            seconds: 0,
            sums: BTreeMap::new(),
            opening,
        }
    }

    fn stock(&self) -> &Stock {
        &self.item.stock[&place(LONDON)]
    }

    fn now(&self) -> Timestamp {
        at(self.seconds)
    }

    fn record(&mut self, moves: Vec<StockMove>) {
        // Anything happens between two facts.
        self.seconds += 1;
        for stock in moves {
            *self.sums.entry(stock.why).or_default() += stock.on_hand;
            self.item.stock.get_mut(&stock.location).unwrap().apply(&stock);
            self.ledger.push((self.now(), stock));
        }
    }

    fn of(&self, why: Movement) -> StockMove {
        StockMove { channel: Some(web()), ..StockMove::new(why, sku("TEE"), place(LONDON)) }
    }

    /// A buyer: promised only what may be, and never below the floor.
    fn promise(&mut self, units: i64) {
        let promisable = self.item.promisable(&place(LONDON));
        let moves = self.item.reserve((&place(LONDON), units), 0, 7).into_iter();
        let moves: Vec<StockMove> = moves.map(|stock| StockMove { channel: Some(web()), ..stock }).collect();
        let taken: i64 = moves.iter().map(|stock| stock.reserved).sum();
        assert_eq!(taken, units, "a promise is for what was asked");
        let fits = moves.iter().all(|stock| self.stock().available + stock.available() >= stock.floor);
        assert_eq!(fits, units <= promisable, "{units} of {promisable}");
        if fits {
            self.record(moves);
        }
    }

    /// Something happens at the warehouse; we are told later.
    fn happens(&mut self, why: Movement, (on_hand, quarantine, reserved): (i64, i64, i64)) {
        self.seconds += 1;
        self.there += on_hand;
        self.broken += quarantine;
        self.untold.push(StockMove { on_hand, quarantine, reserved, occurred_at: Some(self.now()), ..self.of(why) });
    }

    fn told(&mut self, which: usize) {
        if self.untold.is_empty() {
            return;
        }
        let stock = self.untold.remove(which % self.untold.len());
        let items = BTreeMap::from([(sku("TEE"), self.item.clone())]);
        let decision = Decision { events: vec![Event::OrderCompleted {}], moves: vec![stock] };
        self.record(decision.past_counts(&items).moves);
    }

    /// Somebody counts, and tells us at once or after other things have been told.
    fn count(&mut self, moment: Timestamp, (units, broken): (i64, i64)) {
        let since = self.ledger.iter().filter(|(recorded, stock)| !is_in_count(stock, *recorded, moment));
        let since: Vec<StockMove> = since.map(|(_, stock)| stock.clone()).collect();
        let name: Sku = sku("TEE");
        let stock = self.stock().clone();
        let line = Counted {
            sku: &name,
            counted: units,
            quarantine: Some(broken),
            stock: &stock,
            physical: stock.physical,
            since: &since,
        };
        let (told, moved) = counted(&line, &place(LONDON), moment);
        assert_eq!(told.stale, moved.is_none());
        self.record(moved.into_iter().collect());
    }

    fn check(&self) {
        let stock = self.stock();
        assert_eq!(stock.available, stock.on_hand - stock.quarantine - stock.reserved());
        let sum: i64 = self.sums.values().sum();
        assert_eq!(stock.on_hand, self.opening + sum, "on hand is the opening and every move of it: {:?}", self.sums);
    }
}

fn act(shelf: &mut Shelf, (what, units, which): (u8, i64, usize), pending: &mut Vec<(Timestamp, i64, i64)>) {
    match what {
        0..=3 => shelf.promise(units),
        4..=5 => {
            // What was promised leaves; never more than is there.
            let units = units.min(shelf.stock().reserved() - leaving(shelf)).min(shelf.there - shelf.broken);
            if units > 0 {
                shelf.happens(Movement::Shipped, (-units, 0, -units));
            }
        }
        6 => shelf.happens(Movement::Received, (units, 0, 0)),
        7 => shelf.happens(Movement::Returned, (units, units.min(1), 0)),
        8 => shelf.happens(Movement::Adjusted, (-units.min(shelf.there - shelf.broken).max(0), 0, 0)),
        9..=11 => shelf.told(which),
        12 => pending.push((shelf.now(), shelf.there, shelf.broken)),
        _ => {
            if !pending.is_empty() {
                let (moment, units, broken) = pending.remove(which % pending.len());
                shelf.count(moment, (units, broken));
            }
        }
    }
    shelf.check();
}

/// Units that have left and that we still think promised.
fn leaving(shelf: &Shelf) -> i64 {
    shelf.untold.iter().map(|stock| -stock.reserved).sum()
}

proptest! {
    #[test]
    fn on_hand_is_what_happened_and_a_count_of_now_is_the_truth(
        opening in 0_i64..20,
        safety in 0_i64..4,
        acts in prop::collection::vec((0_u8..15, 1_i64..5, 0_usize..9), 0..60),
    ) {
        let mut shelf = Shelf::new(opening, safety);
        let mut pending = Vec::new();
        for told in acts {
            act(&mut shelf, told, &mut pending);
        }
        while !shelf.untold.is_empty() {
            shelf.told(0);
            shelf.check();
        }
        prop_assert_eq!(leaving(&shelf), 0);
        // Everything is told: a count of now finds what we say, whatever counts there were and however late.
        let (there, broken) = (shelf.there, shelf.broken);
        prop_assert_eq!((shelf.stock().on_hand, shelf.stock().quarantine), (there, broken));
        let moment = shelf.now();
        let before = shelf.stock().on_hand;
        shelf.count(moment, (there, broken));
        prop_assert_eq!(shelf.stock().on_hand, before);
    }

    /// Parts are one number: evened out or not, a promise takes what is asked, and never more than all of them have.
    #[test]
    fn parts_promise_together_what_one_record_would(
        parts in prop::collection::vec(0_i64..6, 1..8),
        main in 0_i64..10,
        safety in 0_i64..4,
        units in 1_i64..30,
        seed in any::<u64>(),
    ) {
        let mut item = Item::new(sku("TEE"));
        item.parts = u16::try_from(parts.len()).unwrap() + 1;
        item.stock.insert(place(LONDON), Stock::of(main));
        item.safety.insert(place(LONDON), safety);
        let beyond = parts.iter().map(|units| BTreeMap::from([(place(LONDON), Stock::of(*units))]));
        let item = item.with_parts(beyond.collect::<Vec<_>>());
        let has = item.available_by_part(&place(LONDON));
        prop_assert_eq!(has.iter().sum::<i64>(), item.stock[&place(LONDON)].available);
        let moves = item.reserve((&place(LONDON), units), 0, seed);
        prop_assert_eq!(moves.iter().map(|stock| stock.reserved).sum::<i64>(), units);
        let fits = moves.iter().all(|stock| has[usize::from(stock.part)] - stock.reserved >= stock.floor);
        let together: i64 = has[1..].iter().sum::<i64>() + (main - safety).max(0);
        prop_assert_eq!(fits, units <= together, "{:?} of {:?}", moves, has);
        let evened = item.even_out();
        prop_assert_eq!(evened.iter().map(|stock| stock.on_hand).sum::<i64>(), 0, "evening out moves nothing away");
        let kept = evened.iter().all(|stock| has[usize::from(stock.part)] + stock.on_hand >= stock.floor.min(has[0]));
        prop_assert!(kept, "{:?} of {:?}", evened, has);
    }
}
