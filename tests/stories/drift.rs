//! Stock that is not the same everywhere: each cause is planted in the outside systems and named, once.

use crossdock_domain::Event;
use crossdock_domain::drift::DriftCause;
use crossdock_sandboxes::Delivery;
use crossdock_world::{Phase, Style, World};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::acts::{configure, fault, goes_its_way, one_mug, paused, place, ship_all};
use crate::telling::{run, told, told_with_deaths};

const MUG: &str = "MUG-WHT";

/// So long nothing is a drift.
const GRACE: SignedDuration = SignedDuration::from_mins(10);

/// The 3PL and the ERP begin with what we begin with.
fn opens(world: &World) {
    for location in ["LON1", "MAN1"] {
        let stock = json!({ "sku": MUG, "reference_id": MUG, "location": location, "on_hand": 1000 });
        world.shipbob.act(json!({ "set_stock": stock })).unwrap();
        let look =
            |quantity: i64| json!({ "adjust_stock": { "sku": MUG, "location": location, "quantity": quantity } });
        let there = world.netsuite.act(look(0)).unwrap()["quantity"].as_i64().unwrap();
        world.netsuite.act(look(1000 - there)).unwrap();
    }
}

async fn repairs(world: &World, connection: &str) {
    configure(world, connection, |settings| settings["repair_drift"] = json!(true)).await;
}

fn at_the_shelf(world: &World, delta: i64) {
    let act = json!({ "adjust_stock": { "sku": MUG, "location": "LON1", "delta": delta } });
    world.shipbob.act(act).unwrap();
}

fn on_hand(world: &World) -> i64 {
    let items = world.store.all_items();
    let mug = items.values().find(|item| item.sku.as_str() == MUG).unwrap();
    mug.stock.iter().find(|(location, _)| location.as_str() == "LON1").unwrap().1.on_hand
}

fn in_erp(world: &World) -> i64 {
    let look = json!({ "adjust_stock": { "sku": MUG, "location": "LON1", "quantity": 0 } });
    world.netsuite.act(look).unwrap()["quantity"].as_i64().unwrap()
}

/// What was recorded of drifts, in sequence.
fn recorded(world: &World) -> Vec<String> {
    let streams = world.store.streams();
    let drifts = streams.iter().filter(|(stream, _)| stream.starts_with("inventory#drift#"));
    let mut commits: Vec<_> = drifts.flat_map(|(_, commits)| commits).collect();
    commits.sort_by_key(|commit| (commit.at, commit.seq));
    let name = |value: Value| value.as_str().unwrap_or_default().to_owned();
    let mut said = Vec::new();
    for event in commits.into_iter().flat_map(|commit| &commit.events) {
        if let Event::InventoryDriftDetected(found) = event {
            let (of, cause) = (&found.drift, name(json!(found.drift.cause)));
            let repaired = if found.repaired { ", repaired" } else { "" };
            said.push(format!("{} {} {cause} {:+}{repaired}", of.system, name(json!(of.quantity)), of.difference));
        } else if let Event::InventoryDriftEnded(ended) = event {
            said.push(format!("{} {} {}", ended.system, name(json!(ended.quantity)), name(json!(ended.how))));
        }
    }
    said
}

/// Reconciles twice: what is found again is not said again.
async fn reconciled(world: &mut World) -> Vec<String> {
    world.reconcile().await.unwrap_or_else(|| panic!("{}", world.transcript.join("\n")));
    let once = recorded(world);
    world.clock.pass(SignedDuration::from_mins(1));
    world.reconcile().await.unwrap_or_else(|| panic!("{}", world.transcript.join("\n")));
    assert_eq!(recorded(world), once, "the second run said more");
    once
}

/// The warehouse ships, and its deliveries do not come yet.
async fn ships_unheard(world: &mut World) -> Vec<Delivery> {
    place(world, one_mug());
    world.settle().await;
    ship_all(world);
    world.shipbob.take_deliveries()
}

async fn heard(world: &mut World, withheld: Vec<Delivery>) {
    for delivery in withheld {
        let reply = world.deliver("shipbob", &delivery.headers, &delivery.body).await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
    world.settle().await;
}

async fn count(world: &mut World, counted: i64) {
    let counted_at = world.clock.now();
    let lines = json!([{ "sku": MUG, "on_hand": counted }]);
    let count = json!({ "count_id": "C-1", "location": "LON1", "counted_at": counted_at, "lines": lines });
    let reply = world.tell_stock("counts", &count).await;
    assert!(matches!(reply.status, 200 | 201), "{}", reply.body);
    world.settle().await;
}

#[test]
fn an_ordinary_day_has_no_drift() {
    for style in [Style::Calm, Style::Doubled, Style::Stormy(3)] {
        let story = async |world: &mut World| {
            opens(world);
            place(world, one_mug());
            world.settle().await;
            assert_eq!(reconciled(world).await, [""; 0]);
            goes_its_way(world).await;
            let report = world.reconcile().await.unwrap();
            assert!(report.compared >= 8 && report.finished, "{report:?}");
            assert_eq!((report.drifts, report.units), (0, 0));
            world.clock.pass(GRACE * 2);
            assert_eq!(reconciled(world).await, [""; 0]);
        };
        told(story, style);
    }
}

#[test]
fn a_parcel_of_which_nobody_has_told_us_is_pending_then_missing_and_gone_when_it_is_heard_of() {
    let story = async |world: &mut World| {
        opens(world);
        repairs(world, "shipbob").await;
        ships_unheard(world).await;
        let report = world.reconcile().await.unwrap();
        assert_eq!((report.pending, report.drifts), (1, 0));
        assert_eq!(recorded(world), [""; 0]);
        world.clock.pass(GRACE * 2);
        assert_eq!(reconciled(world).await, ["shipbob on_hand event_missing -1"]);
        // The order's own deadline asks the 3PL.
        world.wait(SignedDuration::from_hours(13)).await;
        assert_eq!(reconciled(world).await, ["shipbob on_hand event_missing -1", "shipbob on_hand gone"]);
        assert_eq!(on_hand(world), 999);
    };
    told(story, Style::Calm);
}

#[test]
fn what_somebody_changed_at_the_3pl_is_said_once_and_again_only_when_it_is_another() {
    let story = async |world: &mut World| {
        opens(world);
        at_the_shelf(world, -2);
        let first = "shipbob on_hand manual_change -2";
        assert_eq!(reconciled(world).await, [first]);
        at_the_shelf(world, -1);
        let second = "shipbob on_hand manual_change -3";
        assert_eq!(reconciled(world).await, [first, second]);
        assert_eq!(on_hand(world), 1000, "nothing is repaired that nobody has allowed");
        at_the_shelf(world, 3);
        assert_eq!(reconciled(world).await, [first, second, "shipbob on_hand gone"]);
    };
    told(story, Style::Calm);
}

#[test]
fn our_number_follows_the_3pls_where_the_settings_allow_it_and_the_erp_is_told() {
    let story = async |world: &mut World| {
        opens(world);
        repairs(world, "shipbob").await;
        at_the_shelf(world, -2);
        let said = ["shipbob on_hand manual_change -2, repaired", "shipbob on_hand repaired"];
        let report = world.reconcile().await.unwrap();
        assert_eq!((report.drifts, report.repaired), (1, 1));
        assert_eq!((recorded(world), on_hand(world)), (said.map(str::to_owned).to_vec(), 998));
        world.settle().await;
        assert_eq!(in_erp(world), 998);
        world.clock.pass(GRACE * 2);
        assert_eq!(reconciled(world).await, said);
    };
    told(story, Style::Calm);
}

#[test]
fn whoever_dies_while_it_is_repaired_leaves_nothing_doubled_and_nothing_undone() {
    let story = async |world: &mut World| {
        opens(world);
        repairs(world, "shipbob").await;
        at_the_shelf(world, -2);
        world.plan.from_here();
        for _ in 0..3 {
            world.reconcile().await;
        }
        world.settle().await;
    };
    let look = |world: &World, how: &str| {
        assert_eq!(
            recorded(world),
            ["shipbob on_hand manual_change -2, repaired", "shipbob on_hand repaired"],
            "{how}"
        );
        assert_eq!((on_hand(world), in_erp(world)), (998, 998), "{how}");
    };
    told_with_deaths(story, &[Phase::Before, Phase::After], look);
}

#[test]
fn goods_that_are_set_aside_at_the_3pl_are_a_drift_of_their_own() {
    let story = async |world: &mut World| {
        opens(world);
        repairs(world, "shipbob").await;
        let aside = json!({ "quarantine_stock": { "sku": MUG, "location": "LON1", "quantity": 3 } });
        world.shipbob.act(aside).unwrap();
        let said = ["shipbob quarantine manual_change +3, repaired", "shipbob quarantine repaired"];
        assert_eq!(reconciled(world).await, said);
        assert_eq!(on_hand(world), 1000);
    };
    told(story, Style::Calm);
}

#[test]
fn a_receipt_that_was_told_under_two_names_is_a_duplicate() {
    let story = async |world: &mut World| {
        opens(world);
        repairs(world, "shipbob").await;
        for receipt in ["GR-1", "GR-2"] {
            let lines = json!([{ "sku": MUG, "quantity": 5 }]);
            let told = json!({ "receipt_id": receipt, "location": "LON1", "lines": lines });
            let reply = world.receive_stock(&told).await;
            assert!(matches!(reply.status, 200 | 201), "{}", reply.body);
            world.clock.pass(SignedDuration::from_secs(5));
        }
        let came = json!({ "receive_stock": { "sku": MUG, "location": "LON1", "quantity": 5 } });
        world.shipbob.act(came).unwrap();
        world.settle().await;
        assert_eq!(reconciled(world).await, [""; 0], "the 3PL may not show it yet");
        world.clock.pass(GRACE * 2);
        let said = ["shipbob on_hand duplicate -5, repaired", "shipbob on_hand repaired"];
        assert_eq!(reconciled(world).await, said);
        world.settle().await;
        assert_eq!((on_hand(world), in_erp(world)), (1005, 1005));
    };
    told(story, Style::Calm);
}

/// The count lacked it already: as it is recorded, the count is corrected, and our number stays the 3PL's.
#[test]
fn a_parcel_that_is_heard_of_after_the_count_that_lacked_it_counts_once() {
    let story = async |world: &mut World| {
        opens(world);
        let withheld = ships_unheard(world).await;
        world.clock.pass(SignedDuration::from_mins(1));
        count(world, 999).await;
        world.clock.pass(SignedDuration::from_mins(1));
        heard(world, withheld).await;
        assert_eq!(on_hand(world), 999);
        world.clock.pass(GRACE * 2);
        let said = reconciled(world).await;
        assert!(said.iter().all(|line| line.starts_with("netsuite ")), "{said:?}");
        // The ERP has the count's difference and the parcel: somebody has to put it right there.
        assert_eq!(said.len(), 1, "{said:?}");
    };
    told(story, Style::Calm);
}

#[test]
fn what_the_erp_gets_late_is_named_so_and_ends_when_it_has_it() {
    let story = async |world: &mut World| {
        opens(world);
        let lines = json!([{ "sku": MUG, "quantity": 5 }]);
        let reply = world.receive_stock(&json!({ "receipt_id": "GR-1", "location": "LON1", "lines": lines })).await;
        assert!(matches!(reply.status, 200 | 201), "{}", reply.body);
        world.shipbob.act(json!({ "receive_stock": { "sku": MUG, "location": "LON1", "quantity": 5 } })).unwrap();
        world.clock.pass(GRACE * 2);
        assert_eq!(reconciled(world).await, ["netsuite on_hand event_late -5"]);
        world.settle().await;
        world.clock.pass(GRACE * 2);
        assert_eq!(reconciled(world).await, ["netsuite on_hand event_late -5", "netsuite on_hand gone"]);
    };
    told(story, Style::Calm);
}

#[test]
fn a_count_from_before_the_last_parcel_is_stale() {
    let story = async |world: &mut World| {
        opens(world);
        repairs(world, "shipbob").await;
        place(world, one_mug());
        goes_its_way(world).await;
        world.clock.pass(SignedDuration::from_mins(1));
        count(world, 1000).await;
        world.clock.pass(GRACE * 2);
        let said = ["shipbob on_hand stale_snapshot -1, repaired", "shipbob on_hand repaired"];
        assert_eq!(reconciled(world).await, said);
        assert_eq!(on_hand(world), 999);
    };
    told(story, Style::Calm);
}

#[test]
fn what_is_promised_to_no_order_is_released() {
    let story = async |world: &mut World| {
        opens(world);
        repairs(world, "shipbob").await;
        place(world, one_mug());
        world.settle().await;
        let mut mug = world.store.all_items().into_values().find(|item| item.sku.as_str() == MUG).unwrap();
        let stock = mug.stock.iter_mut().find(|(location, _)| location.as_str() == "LON1").unwrap().1;
        *stock.reserved.get_mut(&"shopify-uk".parse().unwrap()).unwrap() += 2;
        stock.available -= 2;
        world.store.put_item(mug);
        let said = ["shipbob reserved reservation_leak -2, repaired", "shipbob reserved repaired"];
        assert_eq!(reconciled(world).await, said);
        let items = world.store.all_items();
        let stock = &items.values().find(|item| item.sku.as_str() == MUG).unwrap().stock[&"LON1".parse().unwrap()];
        assert_eq!((stock.reserved(), stock.available, stock.on_hand), (1, 999, 1000));
    };
    told(story, Style::Calm);
}

#[test]
fn what_the_catalogue_lacks_is_unmapped_and_left_to_a_person() {
    let story = async |world: &mut World| {
        opens(world);
        repairs(world, "shipbob").await;
        let new = json!({ "sku": "NEW-1", "reference_id": "NEW-1", "location": "LON1", "on_hand": 7 });
        world.shipbob.act(json!({ "set_stock": new })).unwrap();
        assert_eq!(reconciled(world).await, ["shipbob on_hand unmapped_sku +7"]);
    };
    told(story, Style::Calm);
}

#[test]
fn an_erp_that_somebody_changed_is_named_and_never_repaired() {
    let story = async |world: &mut World| {
        opens(world);
        for connection in ["shipbob", "netsuite"] {
            repairs(world, connection).await;
        }
        let act = |units: i64| json!({ "adjust_stock": { "sku": MUG, "location": "LON1", "quantity": units } });
        world.netsuite.act(act(-4)).unwrap();
        assert_eq!(reconciled(world).await, ["netsuite on_hand manual_change -4"]);
        assert_eq!((on_hand(world), in_erp(world)), (1000, 996));
        world.netsuite.act(act(4)).unwrap();
        assert_eq!(reconciled(world).await, ["netsuite on_hand manual_change -4", "netsuite on_hand gone"]);
    };
    told(story, Style::Calm);
}

#[test]
fn a_shop_that_somebody_changed_is_brought_back() {
    let story = async |world: &mut World| {
        opens(world);
        configure(world, "shopify-uk", |settings| {
            settings["repair_drift"] = json!(true);
            settings["channel"]["publish_stock"] = json!(true);
            settings["locations"] = json!({ "LON1": "113884102962" });
        })
        .await;
        let shows = |units: i64| json!({ "set_inventory": { "sku": MUG, "location": "LON1", "on_hand": units } });
        world.shopify.act(shows(1000)).unwrap();
        world.send("StockQueue", &json!({ "moved": [MUG], "since": null }).to_string());
        world.settle().await;
        assert_eq!(reconciled(world).await, [""; 0]);
        world.shopify.act(shows(400)).unwrap();
        world.reconcile().await.unwrap();
        let found = "shopify-uk on_hand manual_change -600, repaired";
        assert_eq!(recorded(world), [found]);
        world.settle().await;
        assert_eq!(reconciled(world).await, [found, "shopify-uk on_hand repaired"]);
        let told = world.shopify.act(json!({ "adjust_inventory": { "sku": MUG, "location": "LON1", "delta": 0 } }));
        assert_eq!(told.unwrap()["on_hand"], 1000);
    };
    told(story, Style::Calm);
}

#[test]
fn a_system_that_does_not_answer_keeps_nobody_from_being_compared_with_the_others() {
    let mut world = World::new(crossdock_world::WorldOptions::default());
    run(async {
        opens(&world);
        at_the_shelf(&world, -2);
        world.netsuite.add_fault(crate::acts::fault("* /services/rest/query", "status:500", 100));
        assert_eq!(world.reconcile().await, None, "the run says that it failed");
        assert_eq!(recorded(&world), ["shipbob on_hand manual_change -2"]);
    });
}

/// A pause is somebody's will, or an outage that is told elsewhere: no run fails of it, and the others are compared.
#[test]
fn a_system_that_is_paused_is_left_out() {
    let mut world = World::new(crossdock_world::WorldOptions::default());
    run(async {
        opens(&world);
        at_the_shelf(&world, -2);
        paused(&mut world, "netsuite").await;
        let report = world.reconcile().await.unwrap();
        assert!(report.finished && recorded(&world) == ["shipbob on_hand manual_change -2"], "{report:?}");
        assert!(world.netsuite.requests().is_empty());
        paused(&mut world, "shipbob").await;
        let asked = world.shipbob.requests().len();
        let report = world.reconcile().await.unwrap();
        assert_eq!((report.finished, report.compared), (false, 0), "nothing can be compared without the 3PL");
        assert_eq!(world.shipbob.requests().len(), asked);
    });
}

/// Every cause has a name of its own on the wire.
#[test]
fn causes_are_told_apart_on_the_wire() {
    let all = [
        (DriftCause::EventLate, "event_late"),
        (DriftCause::EventMissing, "event_missing"),
        (DriftCause::UnmappedSku, "unmapped_sku"),
        (DriftCause::ManualChange, "manual_change"),
        (DriftCause::Duplicate, "duplicate"),
        (DriftCause::StaleSnapshot, "stale_snapshot"),
        (DriftCause::ReservationLeak, "reservation_leak"),
    ];
    for (cause, name) in all {
        assert_eq!(json!(cause), json!(name));
    }
}

/// What somebody asks to be compared is a fact, is compared at once and answered; what is asked again is not.
#[test]
fn whoever_asks_has_stock_compared_and_is_answered() {
    for style in [Style::Calm, Style::Doubled, Style::Shuffled(1), Style::Stormy(3)] {
        let story = async |world: &mut World| {
            opens(world);
            at_the_shelf(world, -2);
            let asked = json!({ "reconciliation_id": "R-1", "skus": [MUG, "CAP-RED"] });
            let reply = world.ask_to_reconcile(&asked).await;
            assert_eq!((reply.status, reply.json()["status"].as_str()), (202, Some("requested")), "{}", reply.body);
            world.settle().await;
            let told = world.reconciliation("R-1").await.json();
            assert_eq!(told["status"], "finished", "{style:?}: {told}\n{}", world.transcript.join("\n"));
            let found = &told["found"];
            assert_eq!((&found["drifts"], &found["units"], &found["complete"]), (&json!(1), &json!(2), &json!(true)));
            assert_eq!(found["drifting"], json!([MUG]));
            let again = world.ask_to_reconcile(&asked).await;
            assert_eq!((again.status, again.json()), (200, told), "{style:?}");
            world.settle().await;
            assert_eq!(recorded(world), ["shipbob on_hand manual_change -2"], "{style:?}");
        };
        told(story, style);
    }
}

#[test]
fn a_reconciliation_that_dies_is_taken_up_again() {
    let story = async |world: &mut World| {
        opens(world);
        at_the_shelf(world, -2);
        world.plan.from_here();
        while world.ask_to_reconcile(&json!({ "reconciliation_id": "R-1", "skus": [MUG] })).await.status != 202 {}
        world.settle().await;
    };
    let look = |world: &World, how: &str| {
        let asked = &world.store.streams()["inventory#reconciliation#R-1"];
        let answers = asked.iter().flat_map(|commit| &commit.events);
        let answers = answers.filter(|event| matches!(event, Event::ReconciliationFinished(found) if found.complete));
        assert_eq!(answers.count(), 1, "{how}: {asked:?}");
        assert_eq!(recorded(world), ["shipbob on_hand manual_change -2"], "{how}");
    };
    told_with_deaths(story, &[Phase::Before, Phase::After], look);
}

#[test]
fn a_system_that_does_not_answer_is_said_to_whoever_asks() {
    run(async {
        let mut world = World::new(crossdock_world::WorldOptions::default());
        opens(&world);
        world.shipbob.add_fault(fault("GET /", "status:503", 50));
        world.ask_to_reconcile(&json!({ "reconciliation_id": "R-1" })).await;
        world.settle().await;
        let told = world.reconciliation("R-1").await.json();
        assert_eq!((&told["status"], &told["found"]["complete"]), (&json!("finished"), &json!(false)), "{told}");
        assert!(told["found"]["failure"].is_string(), "{told}");
        let wrong = [
            json!({}),
            json!({ "reconciliation_id": "R 1" }),
            json!({ "reconciliation_id": "R-2", "skus": [] }),
            json!({ "reconciliation_id": "R-2", "skus": [""] }),
            json!({ "reconciliation_id": "R-1", "skus": [MUG] }),
        ];
        for body in wrong {
            let reply = world.ask_to_reconcile(&body).await;
            assert!(matches!(reply.status, 400 | 422), "{body}: {}", reply.body);
        }
        assert_eq!(world.reconciliation("R-2").await.status, 404);
    });
}
