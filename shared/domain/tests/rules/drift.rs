//! What other systems say is there, against what we say, and why it differs.

use crossdock_domain::drift::{
    Drift, DriftCause, DriftDetected, Ending, Finding, Held, Known, Ledger, Level, Quantity, Reported, Role, Row,
    Towards, UnderWay, leaks, news, open, released, stream_of,
};
use crossdock_domain::inventory::StockDocument;
use crossdock_domain::item::{Movement, Shown, Stock, StockMove};
use crossdock_domain::{ConnectionId, Event, LocationId, OrderId};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::samples::{at, sku};

const GRACE: i64 = 600;

/// When everybody is asked.
const NOW: i64 = 100_000;

fn here() -> LocationId {
    "LON1".parse().unwrap()
}

fn connection(name: &str) -> ConnectionId {
    name.parse().unwrap()
}

fn moved(why: Movement, on_hand: i64) -> StockMove {
    StockMove { on_hand, ..StockMove::new(why, sku("TEE"), here()) }
}

/// Our side, and what the shelf really holds.
#[derive(Clone)]
struct Scene {
    role: Role,
    stock: Stock,
    ledger: Ledger,
    on_way: Vec<UnderWay>,
    held: Vec<Held>,
    is_mapped: bool,
    floor: i64,
    shelf: i64,
    unfit: i64,
    committed: i64,
}

impl Scene {
    fn with(units: i64) -> Self {
        let ledger = Ledger { rows: Vec::new(), is_whole: true };
        Self {
            role: Role::Fulfillment,
            stock: Stock::of(units),
            ledger,
            on_way: Vec::new(),
            held: Vec::new(),
            is_mapped: true,
            floor: 0,
            shelf: units,
            unfit: 0,
            committed: 0,
        }
    }

    /// We record something.
    fn record(&mut self, stream: &str, when: i64, stock: StockMove) {
        self.stock.apply(&stock);
        self.ledger.rows.push(Row { stream: stream.to_owned(), at: at(when), moves: vec![stock] });
    }

    /// It happens at the shelf, and we record it.
    fn happens(&mut self, stream: &str, when: i64, stock: StockMove) {
        self.shelf += stock.on_hand;
        self.unfit += stock.quarantine;
        self.record(stream, when, stock);
    }

    /// Somebody counts the shelf as it is, and we have all that happened before.
    fn count(&mut self, stream: &str, when: i64, counted: i64) {
        let difference = counted - self.stock.on_hand;
        let count = StockMove {
            counted_at: Some(at(when)),
            occurred_at: Some(at(when)),
            ..moved(Movement::Counted, difference)
        };
        self.record(stream, when, count);
    }

    fn way(&mut self, units: i64, since: i64, towards: Towards) {
        self.on_way.push(UnderWay { units, since: at(since), towards });
    }

    fn compare(&self) -> Vec<(Quantity, Finding)> {
        let (system, goods, location) = (connection("system"), sku("TEE"), here());
        let known = Known {
            is_mapped: self.is_mapped,
            stock: &self.stock,
            floor: self.floor,
            ledger: &self.ledger,
            under_way: &self.on_way,
            held: Some(&self.held),
        };
        let reported = Reported {
            on_hand: self.shelf,
            quarantine: Some(self.unfit),
            committed: Some(self.committed),
            as_of: at(NOW),
        };
        let level = Level {
            system: &system,
            role: self.role,
            sku: &goods,
            location: &location,
            reported,
            known: Some(known),
            from: at(0),
            grace: SignedDuration::from_secs(GRACE),
        };
        level.compare()
    }

    fn finding(&self, quantity: Quantity) -> Finding {
        self.compare().into_iter().find(|(of, _)| *of == quantity).unwrap().1
    }

    fn drift(&self, quantity: Quantity) -> Drift {
        let finding = self.finding(quantity);
        let Finding::Drift(drift) = finding else { panic!("{finding:?}") };
        drift
    }

    fn cause(&self) -> (DriftCause, i64, Option<i64>) {
        let drift = self.drift(Quantity::OnHand);
        (drift.cause, drift.difference, drift.lag_seconds)
    }
}

fn left_at(units: i64, when: i64) -> StockMove {
    StockMove { occurred_at: Some(at(when)), ..moved(Movement::Shipped, -units) }
}

#[test]
fn numbers_that_are_the_same_are_no_drift() {
    let mut scene = Scene::with(10);
    scene.happens("inventory#GR-1", 10, moved(Movement::Received, 5));
    assert!(scene.compare().iter().all(|(_, finding)| *finding == Finding::Even));
}

#[test]
fn what_happened_after_the_report_is_not_asked_of_it() {
    let mut scene = Scene::with(10);
    scene.record("order#uk#A1", NOW + 5, left_at(2, NOW + 1));
    assert_eq!(scene.finding(Quantity::OnHand), Finding::Even);
}

#[test]
fn an_event_that_is_recorded_later_than_the_report_and_happened_before_it_is_in_both() {
    let mut scene = Scene::with(10);
    scene.shelf = 8;
    scene.record("order#uk#A1", NOW + 5, left_at(2, NOW - 5));
    assert_eq!(scene.finding(Quantity::OnHand), Finding::Even);
}

#[test]
fn a_sku_that_the_catalogue_lacks_is_unmapped() {
    let (system, goods, location) = (connection("shipbob"), sku("NEW"), here());
    let mut reported = Reported { on_hand: 7, quarantine: None, committed: None, as_of: at(NOW) };
    let level = |reported| Level {
        system: &system,
        role: Role::Fulfillment,
        sku: &goods,
        location: &location,
        reported,
        known: None,
        from: at(0),
        grace: SignedDuration::from_secs(GRACE),
    };
    let findings = level(reported).compare();
    let [(Quantity::OnHand, Finding::Drift(drift))] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!((drift.cause, drift.expected, drift.difference), (DriftCause::UnmappedSku, 0, 7));
    reported.on_hand = 0;
    assert_eq!(level(reported).compare(), [(Quantity::OnHand, Finding::Even)]);
}

#[test]
fn an_item_without_an_identity_there_is_unmapped() {
    let mut scene = Scene::with(4);
    scene.is_mapped = false;
    scene.shelf = 0;
    assert_eq!(scene.cause(), (DriftCause::UnmappedSku, -4, None));
}

#[test]
fn a_parcel_whose_event_is_on_its_way_is_pending_and_after_the_grace_period_missing() {
    let mut scene = Scene::with(10);
    scene.shelf = 8;
    scene.way(-2, NOW - GRACE, Towards::Us);
    assert_eq!(scene.finding(Quantity::OnHand), Finding::Pending { units: -2, since: at(NOW - GRACE) });
    scene.on_way[0].since = at(NOW - GRACE - 1);
    assert_eq!(scene.cause(), (DriftCause::EventMissing, -2, Some(GRACE + 1)));
}

#[test]
fn of_two_parcels_that_are_on_their_way_the_old_one_is_named() {
    let mut scene = Scene::with(10);
    scene.shelf = 7;
    scene.way(-2, NOW - 5000, Towards::Us);
    scene.way(-1, NOW - 5, Towards::Us);
    assert_eq!(scene.cause(), (DriftCause::EventMissing, -3, Some(5000)));
}

#[test]
fn an_erp_that_has_not_been_told_yet_is_pending_and_later_late() {
    let mut scene = Scene::with(10);
    scene.role = Role::Erp;
    scene.record("order#uk#A1", NOW - 30, left_at(3, NOW - 40));
    scene.way(3, NOW - 30, Towards::Them);
    assert_eq!(scene.finding(Quantity::OnHand), Finding::Pending { units: 3, since: at(NOW - 30) });
    scene.ledger.rows[0].at = at(NOW - 3000);
    scene.on_way[0].since = at(NOW - 3000);
    assert_eq!(scene.cause(), (DriftCause::EventLate, 3, Some(3000)));
    // In doubt: it may have the document already.
    scene.shelf = 7;
    assert_eq!(scene.finding(Quantity::OnHand), Finding::Even);
}

#[test]
fn an_erp_may_count_unfit_goods_or_not_and_no_more_than_that() {
    let mut scene = Scene::with(10);
    scene.role = Role::Erp;
    scene.stock.quarantine = 2;
    for shelf in 8..=10 {
        scene.shelf = shelf;
        assert_eq!(scene.finding(Quantity::OnHand), Finding::Even, "{shelf}");
    }
    scene.shelf = 7;
    assert_eq!(scene.cause(), (DriftCause::ManualChange, -1, None));
    scene.shelf = 11;
    assert_eq!(scene.cause(), (DriftCause::ManualChange, 1, None));
}

#[test]
fn a_receipt_told_under_two_names_is_a_duplicate() {
    let mut scene = Scene::with(10);
    scene.happens("inventory#GR-1", 100, moved(Movement::Received, 5));
    scene.record("inventory#GR-2", 160, moved(Movement::Received, 5));
    assert_eq!(scene.cause(), (DriftCause::Duplicate, -5, Some(60)));
    // With another difference it is none.
    scene.shelf -= 1;
    assert_eq!(scene.cause(), (DriftCause::ManualChange, -6, None));
}

#[test]
fn a_duplicate_beyond_the_window_is_no_evidence() {
    let mut scene = Scene::with(10);
    scene.happens("inventory#GR-1", -100, moved(Movement::Received, 5));
    scene.record("inventory#GR-2", -60, moved(Movement::Received, 5));
    assert_eq!(scene.cause().0, DriftCause::ManualChange);
}

#[test]
fn two_parcels_of_one_unit_each_are_no_duplicate_unless_they_left_in_one_moment() {
    let mut scene = Scene::with(10);
    scene.happens("order#uk#A1", 100, left_at(1, 90));
    scene.happens("order#uk#A2", 200, left_at(1, 190));
    scene.shelf += 1;
    assert_eq!(scene.cause(), (DriftCause::ManualChange, 1, None));
    scene.ledger.rows[1].moves[0].occurred_at = Some(at(90));
    assert_eq!(scene.cause(), (DriftCause::Duplicate, 1, Some(100)));
}

#[test]
fn what_was_recorded_after_a_count_that_had_it_counts_twice() {
    let mut scene = Scene::with(10);
    scene.shelf = 8;
    scene.count("inventory#count#C", 1000, 8);
    scene.record("order#uk#A1", 1500, left_at(2, 900));
    assert_eq!(scene.cause(), (DriftCause::EventLate, 2, Some(600)));
}

#[test]
fn a_count_of_a_number_that_lacked_the_last_moves_is_stale() {
    let mut scene = Scene::with(10);
    let snapshot = scene.shelf;
    scene.happens("order#uk#A1", 900, left_at(3, 890));
    scene.count("inventory#count#C", 1000, snapshot);
    assert_eq!(scene.cause(), (DriftCause::StaleSnapshot, -3, Some(100)));
    // The same difference where the count undid nothing is somebody's doing.
    scene.ledger.rows[0].moves[0].on_hand = -4;
    assert_eq!(scene.cause().0, DriftCause::ManualChange);
}

#[test]
fn what_nothing_explains_somebody_has_changed() {
    let mut scene = Scene::with(10);
    scene.happens("inventory#GR-1", 100, moved(Movement::Received, 5));
    scene.shelf -= 2;
    assert_eq!(scene.cause(), (DriftCause::ManualChange, -2, None));
}

#[test]
fn goods_set_aside_there_are_a_drift_of_their_own() {
    let mut scene = Scene::with(10);
    scene.unfit = 2;
    assert_eq!(scene.finding(Quantity::OnHand), Finding::Even);
    let drift = scene.drift(Quantity::Quarantine);
    assert_eq!((drift.cause, drift.difference), (DriftCause::ManualChange, 2));
}

fn promise(scene: &mut Scene, order: &str, units: i64) {
    let channel = Some(connection("uk"));
    scene.record(order, 50, StockMove { reserved: units, channel, ..moved(Movement::Reserved, 0) });
}

fn holds(order: &str, units: i64) -> Held {
    Held { stream: order.to_owned(), channel: connection("uk"), units }
}

#[test]
fn a_promise_that_no_order_holds_is_a_leak_once_the_3pl_says_so_too() {
    let mut scene = Scene::with(10);
    promise(&mut scene, "order#uk#A1", 3);
    promise(&mut scene, "order#uk#A2", 2);
    scene.held = vec![holds("order#uk#A1", 3), holds("order#uk#A2", 0)];
    scene.committed = 5;
    assert_eq!(scene.finding(Quantity::Reserved), Finding::Even);
    scene.committed = 3;
    let drift = scene.drift(Quantity::Reserved);
    assert_eq!(
        (drift.cause, drift.expected, drift.reported, drift.difference),
        (DriftCause::ReservationLeak, 5, 3, -2)
    );
    let leaked = leaks(&scene.stock, &scene.ledger, &scene.held, 3);
    released(&drift, &leaked).iter().for_each(|stock| scene.stock.apply(stock));
    assert_eq!((scene.stock.reserved(), scene.stock.available), (3, 7));
    assert_eq!(scene.finding(Quantity::Reserved), Finding::Even);
}

/// A number that was changed beside the ledger names no order; only a whole ledger tells.
#[test]
fn a_promise_without_a_row_is_a_leak_where_the_ledger_is_whole() {
    let mut scene = Scene::with(10);
    promise(&mut scene, "order#uk#A1", 3);
    scene.held = vec![holds("order#uk#A1", 3)];
    scene.committed = 3;
    scene.stock.reserved.insert(connection("uk"), 5);
    assert_eq!(scene.drift(Quantity::Reserved).difference, -2);
    scene.ledger.is_whole = false;
    assert_eq!(scene.finding(Quantity::Reserved), Finding::Even);
}

fn shop() -> Scene {
    let mut scene = Scene::with(10);
    scene.role = Role::Storefront;
    scene.stock.shown.insert(connection("system"), Shown { on_hand: 10, told: 0, at: at(10) });
    scene
}

#[test]
fn a_storefront_that_will_be_shown_the_new_number_is_pending_and_then_stale() {
    let mut scene = shop();
    scene.record("inventory#GR-1", NOW - 60, moved(Movement::Received, 5));
    assert_eq!(scene.finding(Quantity::OnHand), Finding::Pending { units: -5, since: at(NOW - 60) });
    scene.ledger.rows[0].at = at(NOW - 5000);
    assert_eq!(scene.cause(), (DriftCause::StaleSnapshot, -5, Some(5000)));
}

#[test]
fn a_storefront_that_shows_what_it_was_shown_before_is_stale() {
    let mut scene = shop();
    scene.record("inventory#GR-1", 1000, moved(Movement::Received, 5));
    scene.stock.shown.insert(connection("system"), Shown { on_hand: 15, told: 0, at: at(1010) });
    assert_eq!(scene.cause(), (DriftCause::StaleSnapshot, -5, Some(NOW - 1000)));
    scene.shelf = 11;
    assert_eq!(scene.cause(), (DriftCause::ManualChange, -4, None));
    scene.shelf = 15;
    assert_eq!(scene.finding(Quantity::OnHand), Finding::Even);
}

#[test]
fn a_storefront_that_knows_of_a_parcel_first_is_pending_and_later_an_event_is_missing() {
    let mut scene = shop();
    let uk = Some(connection("system"));
    scene.record("order#uk#A1", NOW - 60, StockMove { channel: uk.clone(), ..left_at(2, NOW - 70) });
    scene.stock.untold.insert(connection("system"), 2);
    assert_eq!(scene.finding(Quantity::OnHand), Finding::Even);
    scene.shelf = 8;
    assert_eq!(scene.finding(Quantity::OnHand), Finding::Pending { units: -2, since: at(NOW - 70) });
    scene.ledger.rows[0].moves[0].occurred_at = Some(at(NOW - 7000));
    assert_eq!(scene.cause(), (DriftCause::EventMissing, -2, Some(7000)));
}

#[test]
fn the_same_drift_is_said_once_and_another_anew() {
    let mut scene = Scene::with(10);
    scene.shelf = 8;
    let finding = scene.finding(Quantity::OnHand);
    let Some(Event::InventoryDriftDetected(found)) = news(None, &finding, false) else { panic!("nothing is said") };
    assert_eq!(news(Some(&found), &finding, false), None);
    let pending = Finding::Pending { units: -2, since: at(1) };
    assert_eq!(news(Some(&found), &pending, false), None);
    scene.shelf = 7;
    assert!(matches!(
        news(Some(&found), &scene.finding(Quantity::OnHand), false),
        Some(Event::InventoryDriftDetected(DriftDetected { drift: Drift { difference: -3, .. }, repaired: false }))
    ));
    let how = |repaired: bool| match news(Some(&found), &Finding::Even, repaired) {
        Some(Event::InventoryDriftEnded(ended)) => ended.how,
        other => panic!("{other:?}"),
    };
    assert_eq!(how(false), Ending::Gone);
    assert_eq!(how(true), Ending::Repaired);
    let mut document = StockDocument::default();
    document.facts.insert(1, (at(1), Event::InventoryDriftDetected(found.clone())));
    assert_eq!(open(&document).into_iter().collect::<Vec<_>>(), [(Quantity::OnHand, (1, found.clone()))]);
    document.facts.insert(2, (at(2), news(Some(&found), &Finding::Even, false).unwrap()));
    assert!(open(&document).is_empty());
    assert_eq!(news(None, &Finding::Even, false), None);
}

#[test]
fn each_level_has_a_stream_of_its_own() {
    let of = |goods: &str, location: &str, system: &str| {
        stream_of(&sku(goods), &location.parse().unwrap(), &connection(system))
    };
    let all = [of("A", "B", "c"), of("A", "C", "c"), of("B", "B", "c"), of("A", "B", "d")];
    assert!(all.iter().all(|stream| stream.starts_with("inventory#drift#") && OrderId::from_stream(stream).is_err()));
    assert!((1..4).all(|n| !all[..n].contains(&all[n])));
}

/// What goes wrong in a life.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Nothing,
    Late,
    Missing,
    Unmapped,
    Manual,
    Duplicate,
    Stale,
    Leak,
}

/// A life of one level: what happens to it, and one fault at the end of it. Units are distinct powers of two, so that
/// no sum of some is a sum of others.
fn life(steps: &[u8], fault: Fault) -> Scene {
    let mut scene = Scene::with(1 << 40);
    for (step, kind) in steps.iter().enumerate() {
        let (units, when) = (1_i64 << step, 100 * (step as i64 + 1));
        match kind % 4 {
            0 => scene.happens(&format!("inventory#GR-{step}"), when, moved(Movement::Received, units)),
            1 => scene.happens(&format!("order#uk#A{step}"), when, left_at(units, when - 50)),
            2 => scene.happens(&format!("inventory#adjustment#D-{step}"), when, moved(Movement::Adjusted, -units)),
            _ => {
                // Something was found that nobody had told us of.
                scene.shelf += units;
                let counted = scene.shelf;
                scene.count(&format!("inventory#count#{step}"), when, counted);
            }
        }
    }
    let big = 1_i64 << 30;
    match fault {
        Fault::Nothing => {}
        Fault::Late => {
            scene.shelf -= big;
            let counted = scene.shelf;
            scene.count("inventory#count#last", 5000, counted);
            scene.record("order#uk#LATE", 5500, left_at(big, 4900));
        }
        Fault::Missing => {
            scene.shelf -= big;
            scene.way(-big, 5000, Towards::Us);
        }
        Fault::Unmapped => {
            scene.is_mapped = false;
            scene.shelf += big;
        }
        Fault::Manual => scene.shelf += big,
        Fault::Duplicate => {
            scene.happens("inventory#GR-ONE", 5000, moved(Movement::Received, big));
            scene.record("inventory#GR-TWO", 5100, moved(Movement::Received, big));
        }
        Fault::Stale => {
            let snapshot = scene.shelf;
            scene.happens("order#uk#BEFORE", 5000, left_at(big, 4990));
            scene.count("inventory#count#last", 5100, snapshot);
        }
        Fault::Leak => {
            promise(&mut scene, "order#uk#GONE", 3);
            scene.held = vec![holds("order#uk#GONE", 0)];
        }
    }
    scene
}

proptest! {
    #[test]
    fn a_planted_fault_is_named(steps in prop::collection::vec(any::<u8>(), 0..20)) {
        let planted = [
            (Fault::Late, DriftCause::EventLate, 1 << 30),
            (Fault::Missing, DriftCause::EventMissing, -(1 << 30)),
            (Fault::Unmapped, DriftCause::UnmappedSku, 1 << 30),
            (Fault::Manual, DriftCause::ManualChange, 1 << 30),
            (Fault::Duplicate, DriftCause::Duplicate, -(1 << 30)),
            (Fault::Stale, DriftCause::StaleSnapshot, -(1 << 30)),
        ];
        for (fault, cause, units) in planted {
            let drift = life(&steps, fault).drift(Quantity::OnHand);
            prop_assert_eq!((drift.cause, drift.difference), (cause, units), "{:?}: {}", fault, drift.explanation);
        }
        let leak = life(&steps, Fault::Leak);
        prop_assert_eq!(leak.drift(Quantity::Reserved).cause, DriftCause::ReservationLeak);
        prop_assert_eq!(leak.finding(Quantity::OnHand), Finding::Even);
    }

    #[test]
    fn where_nothing_went_wrong_there_is_never_a_drift(
        steps in prop::collection::vec(any::<u8>(), 0..20),
        on_way in prop::collection::vec((1_i64..5, 0..GRACE), 0..5),
        later in prop::collection::vec(1_i64..5, 0..5),
    ) {
        let mut scene = life(&steps, Fault::Nothing);
        for (units, age) in &on_way {
            scene.shelf -= units;
            scene.way(-units, NOW - age, Towards::Us);
        }
        for (number, units) in later.iter().enumerate() {
            scene.record(&format!("order#uk#L{number}"), NOW + 10, left_at(*units, NOW + 1));
        }
        for (quantity, finding) in scene.compare() {
            let is_drift = matches!(finding, Finding::Drift(_));
            prop_assert!(!is_drift, "{:?} {:?}", quantity, finding);
            let even = on_way.is_empty() || quantity != Quantity::OnHand;
            prop_assert_eq!(finding == Finding::Even, even);
        }
    }
}

#[test]
fn time_is_told_in_whole_seconds_and_never_below_none() {
    let mut scene = Scene::with(10);
    scene.shelf = 9;
    scene.way(-1, NOW - GRACE * 2, Towards::Us);
    let lag = scene.drift(Quantity::OnHand).lag_seconds.unwrap();
    let since: Timestamp = scene.on_way[0].since;
    assert_eq!(lag, at(NOW).duration_since(since).as_secs());
}
