//! Stock that comes in, is counted, lost and moved; and what it does to what was promised.

use crossdock_domain::inventory::StockDocument;
use crossdock_domain::order::Status;
use crossdock_world::{Style, World};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::acts::{attention, configure, goes_its_way, one_mug, place, retry_everything, ship_all, units_of};
use crate::books::{assert_all_closed, rows};
use crate::telling::{run, told, told_in_every_way};

/// On hand, available, reserved and in transit of a SKU at a location, as a caller reads them.
async fn level(world: &mut World, sku: &str, location: &str) -> (i64, i64, i64, i64) {
    let body = world.levels(sku).await.json();
    let level = body["levels"].as_array().unwrap().iter().find(|level| level["location"] == location).cloned().unwrap();
    let of = |name: &str| level[name].as_i64().unwrap();
    (of("on_hand"), of("available"), of("reserved"), of("in_transit"))
}

/// Tells a document until it is taken: a caller that got no answer sends it again.
async fn tell(world: &mut World, kind: &str, document: &Value) -> Value {
    let reply = world.tell_stock(kind, document).await;
    assert!(matches!(reply.status, 200 | 201), "{}", reply.body);
    // No two documents are of the same moment.
    world.clock.pass(SignedDuration::from_secs(1));
    reply.json()
}

fn count_at(at: Timestamp, id: &str, units: i64) -> Value {
    json!({ "count_id": id, "location": "LON1", "counted_at": at,
            "lines": [{ "sku": "MUG-WHT", "on_hand": units }] })
}

fn count(world: &World, id: &str, ago: SignedDuration, units: i64) -> Value {
    count_at(world.clock.now() - ago, id, units)
}

/// What the ERP holds of documents of stock: their kind, and the units that they move.
fn erp_stock(world: &World) -> Vec<(String, i64)> {
    let documents = world.netsuite.documents();
    let ours =
        rows(&documents, "documents").filter(|d| d["externalId"].as_str().is_some_and(|id| id.starts_with("ST-")));
    let units = |document: &Value| -> i64 {
        let lines = rows(document, "lines");
        lines.filter_map(|line| line["quantity"].as_f64().or(line["adjustQtyBy"].as_f64())).map(whole).sum()
    };
    ours.map(|document| (document["record"].as_str().unwrap().to_owned(), units(document))).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "the vendor writes whole units as decimals")]
fn whole(units: f64) -> i64 {
    units.round() as i64
}

async fn a_week_in_the_warehouse(world: &mut World) {
    world.begin_with("MUG-WHT", &[("LON1", 10), ("MAN1", 0)]);
    tell(
        world,
        "receipts",
        &json!({ "receipt_id": "GR-1", "location": "LON1", "lines": [{ "sku": "MUG-WHT", "quantity": 5 }] }),
    )
    .await;
    let lost = json!({ "adjustment_id": "A-1", "location": "LON1", "reason": "lost", "lines": [{ "sku": "MUG-WHT", "on_hand": -2 }] });
    tell(world, "adjustments", &lost).await;
    let broken = json!({ "adjustment_id": "A-2", "location": "LON1", "reason": "condition", "lines": [{ "sku": "MUG-WHT", "quarantine": 1 }] });
    tell(world, "adjustments", &broken).await;
    for stage in ["dispatched", "arrived"] {
        let transfer = json!({ "transfer_id": "T-1", "from": "LON1", "to": "MAN1", "stage": stage, "lines": [{ "sku": "MUG-WHT", "quantity": 4 }] });
        tell(world, "transfers", &transfer).await;
    }
    let counted = count(world, "C-1", SignedDuration::ZERO, 8);
    tell(world, "counts", &counted).await;
    world.settle().await;
}

#[test]
fn what_came_in_was_lost_moved_and_counted_is_there_once_and_in_the_erp() {
    let mut world = told_in_every_way(a_week_in_the_warehouse);
    run(async {
        // 10 + 5 received − 2 lost − 4 away = 9, counted 8; one of them is broken.
        assert_eq!(level(&mut world, "MUG-WHT", "LON1").await, (8, 7, 0, 0));
        assert_eq!(level(&mut world, "MUG-WHT", "MAN1").await, (4, 4, 0, 0));
        let mut posted = erp_stock(&world);
        posted.sort();
        let adjusted = |units| ("inventoryAdjustment".to_owned(), units);
        assert_eq!(posted, [adjusted(-2), adjusted(-1), adjusted(5), ("inventoryTransfer".to_owned(), 4)]);
        let (entries, opening) = world.ledger("MUG-WHT", "LON1").await;
        let why: Vec<&str> = entries.iter().map(|entry| entry["moves"][0]["why"].as_str().unwrap()).collect();
        assert_eq!(why, ["counted", "transferred", "adjusted", "adjusted", "received"]);
        assert_eq!((entries[0]["after"]["on_hand"].as_i64(), opening["on_hand"].as_i64()), (Some(8), Some(10)));
    });
}

#[test]
fn a_transfer_may_be_told_backwards() {
    run(async {
        let mut world = World::new(crossdock_world::WorldOptions::default());
        world.begin_with("MUG-WHT", &[("LON1", 10)]);
        for (stage, expected) in [("arrived", (10, -4)), ("dispatched", (6, 0))] {
            let transfer = json!({ "transfer_id": "T-1", "from": "LON1", "to": "MAN1", "stage": stage, "lines": [{ "sku": "MUG-WHT", "quantity": 4 }] });
            tell(&mut world, "transfers", &transfer).await;
            let (there, way) =
                (level(&mut world, "MUG-WHT", "LON1").await.0, level(&mut world, "MUG-WHT", "MAN1").await.3);
            assert_eq!((there, way), expected, "{stage}");
        }
        assert_eq!(level(&mut world, "MUG-WHT", "MAN1").await, (4, 4, 0, 0));
    });
}

/// Whoever got no answer sends it again, later; what it does not say itself (the time) makes it no other document.
#[test]
fn a_document_that_is_told_again_later_is_one() {
    run(async {
        let mut world = World::new(crossdock_world::WorldOptions::default());
        world.begin_with("MUG-WHT", &[("LON1", 10)]);
        let goods = json!([{ "sku": "MUG-WHT", "quantity": 2 }]);
        let documents = [
            ("receipts", json!({ "receipt_id": "GR-1", "location": "LON1", "lines": goods })),
            (
                "adjustments",
                json!({ "adjustment_id": "A-1", "location": "LON1", "reason": "lost",
                                    "lines": [{ "sku": "MUG-WHT", "on_hand": -1 }] }),
            ),
            (
                "transfers",
                json!({ "transfer_id": "T-1", "from": "LON1", "to": "MAN1", "stage": "dispatched", "lines": goods }),
            ),
        ];
        for (kind, document) in documents {
            let told = world.tell_stock(kind, &document).await;
            world.clock.pass(SignedDuration::from_hours(1));
            let again = world.tell_stock(kind, &document).await;
            assert_eq!((told.status, again.status, &again.body), (201, 200, &told.body), "{kind}");
            let mut other = document;
            other["lines"][0]["sku"] = json!("CAP-RED");
            assert_eq!(world.tell_stock(kind, &other).await.status, 422, "{kind}");
        }
        assert_eq!(level(&mut world, "MUG-WHT", "LON1").await.0, 9);
    });
}

#[test]
fn an_old_count_changes_nothing_and_says_so() {
    run(async {
        let mut world = World::new(crossdock_world::WorldOptions::default());
        world.begin_with("MUG-WHT", &[("LON1", 10)]);
        let counted = count(&world, "C-1", SignedDuration::from_mins(10), 7);
        tell(&mut world, "counts", &counted).await;
        let counted = count(&world, "C-0", SignedDuration::from_hours(2), 12);
        let late = tell(&mut world, "counts", &counted).await;
        assert_eq!(
            (late["lines"][0]["stale"].as_bool(), late["lines"][0]["difference"].as_i64()),
            (Some(true), Some(0))
        );
        assert_eq!(level(&mut world, "MUG-WHT", "LON1").await.0, 7);
        let counted = count(&world, "C-1", SignedDuration::ZERO, 9);
        let other = world.tell_stock("counts", &counted).await;
        assert_eq!(other.status, 422, "another count of that name: {}", other.body);
        let counted = count(&world, "C-2", SignedDuration::from_hours(-1), 9);
        let future = world.tell_stock("counts", &counted).await;
        assert_eq!(future.status, 422, "{}", future.body);
        assert_eq!(level(&mut world, "MUG-WHT", "LON1").await.0, 7);
    });
}

/// The count is of eleven o'clock and is told at one; in between a parcel left, and one that left at ten is told last.
#[test]
fn a_count_is_of_its_moment_whatever_is_told_when() {
    for style in [Style::Calm, Style::Doubled] {
        let mut world = told(
            async |world: &mut World| {
                world.begin_with("MUG-WHT", &[("LON1", 10), ("MAN1", 0)]);
                place(world, one_mug());
                place(world, one_mug());
                world.settle().await;
                // Two leave; of neither the world is told yet.
                let first = rows(&world.shipbob.documents(), "orders").next().unwrap()["reference_id"]
                    .as_str()
                    .unwrap()
                    .to_owned();
                world.shipbob.act(json!({ "ship": { "reference_id": first } })).unwrap();
                let withheld = world.shipbob.take_deliveries();
                world.clock.reach(world.clock.now() + SignedDuration::from_mins(1));
                let counted = count(world, "C-1", SignedDuration::ZERO, 9);
                world.clock.reach(world.clock.now() + SignedDuration::from_mins(1));
                ship_all(world);
                world.settle().await;
                tell(world, "counts", &counted).await;
                for delivery in withheld {
                    world.deliver("shipbob", &delivery.headers, &delivery.body).await;
                }
                world.settle().await;
            },
            style,
        );
        run(async {
            assert_eq!(level(&mut world, "MUG-WHT", "LON1").await, (8, 8, 0, 0), "{style:?}");
        });
        assert_all_closed(&world);
    }
}

/// Three are promised and one is there: the two newest wait, and go when there are more.
#[test]
fn a_count_below_what_is_promised_backorders_the_newest() {
    for style in [Style::Calm, Style::Doubled, Style::Shuffled(3), Style::Stormy(5)] {
        let mut world = told(
            async |world: &mut World| {
                world.begin_with("MUG-WHT", &[("LON1", 3), ("MAN1", 0)]);
                for _ in 0..3 {
                    place(world, one_mug());
                    world.settle().await;
                }
                let counted = count(world, "C-1", SignedDuration::ZERO, 1);
                tell(world, "counts", &counted).await;
                world.wait(SignedDuration::from_hours(1)).await;
                let parked: Vec<bool> = world.orders().iter().map(|order| !order.attention().is_empty()).collect();
                assert_eq!(parked, [false, true, true], "{style:?}\n{}", world.transcript.join("\n"));
                assert_eq!(level(world, "MUG-WHT", "LON1").await.1, 0);
                ship_all(world);
                world.settle().await;
                tell(world, "receipts", &json!({ "receipt_id": "GR-1", "location": "LON1", "lines": [{ "sku": "MUG-WHT", "quantity": 2 }] })).await;
                world.wait(SignedDuration::from_hours(7)).await;
                goes_its_way(world).await;
            },
            style,
        );
        assert_all_closed(&world);
        run(async { assert_eq!(level(&mut world, "MUG-WHT", "LON1").await, (0, 0, 0, 0), "{style:?}") });
    }
}

/// What is picked leaves: nobody can have it back, and the shortage stays to be seen.
#[test]
fn a_shortage_of_what_is_picked_stops_nobody() {
    run(async {
        let mut world = World::new(crossdock_world::WorldOptions::default());
        world.begin_with("MUG-WHT", &[("LON1", 2), ("MAN1", 0)]);
        place(&world, one_mug());
        place(&world, one_mug());
        world.settle().await;
        world.shipbob.act(json!({ "pick": "all" })).unwrap();
        let counted = count(&world, "C-1", SignedDuration::ZERO, 1);
        tell(&mut world, "counts", &counted).await;
        world.wait(SignedDuration::from_hours(1)).await;
        assert_eq!(level(&mut world, "MUG-WHT", "LON1").await, (1, -1, 2, 0));
        goes_its_way(&mut world).await;
        assert!(world.orders().iter().all(|order| order.status() == Status::Completed));
    });
}

#[test]
fn what_the_erp_does_not_know_waits_for_a_mapping_and_is_posted_then() {
    run(async {
        let mut world = World::new(crossdock_world::WorldOptions::default());
        let item = json!({ "prices_minor": { "GBP": 1200 } });
        assert_eq!(world.keep_item("SCARF-NEW", &item).await.status, 201);
        tell(
            &mut world,
            "receipts",
            &json!({ "receipt_id": "GR-9", "location": "LON1", "lines": [{ "sku": "SCARF-NEW", "quantity": 5 }] }),
        )
        .await;
        world.settle().await;
        let exceptions = world.exceptions().await;
        let waiting = exceptions.iter().find(|e| e["exception_id"] == "stock:GR-9").expect("it is an exception");
        assert_eq!(waiting["class"], "mapping");
        let mapped = json!({ "identities": { "netsuite": "501", "shipbob": "9001" } });
        assert_eq!(world.keep_item("SCARF-NEW", &mapped).await.status, 200);
        // Nobody has to ask for it again.
        world.settle().await;
        assert_eq!(attention(&mut world).await, Vec::<String>::new());
        let document = StockDocument::fold(&world.store.streams()["inventory#GR-9"]);
        assert!(document.is_done() && erp_stock(&world) == [("inventoryAdjustment".to_owned(), 5)]);
        assert_eq!(world.retry("stock:GR-9").await.status, 409);
        assert_eq!(level(&mut world, "SCARF-NEW", "LON1").await, (5, 5, 0, 0));
    });
}

/// The ERP's connection is lost for a while: every document is posted afterwards, once.
#[test]
fn an_erp_that_is_away_gets_every_document_later() {
    run(async {
        let mut world = World::new(crossdock_world::WorldOptions::default());
        world.netsuite.add_fault(crate::acts::fault("inventoryAdjustment", "status:503", 9));
        for n in 1..=3 {
            let receipt = json!({ "receipt_id": format!("GR-{n}"), "location": "LON1", "lines": [{ "sku": "MUG-WHT", "quantity": n }] });
            tell(&mut world, "receipts", &receipt).await;
        }
        world.wait(SignedDuration::from_hours(3)).await;
        retry_everything(&mut world).await;
        let mut posted = erp_stock(&world);
        posted.sort();
        assert_eq!(posted, [1, 2, 3].map(|units| ("inventoryAdjustment".to_owned(), units)));
    });
}

/// Safety stock is promised to nobody; a pre-order allowance is.
#[test]
fn a_location_keeps_its_safety_stock_and_gives_its_allowance() {
    run(async {
        let mut world = World::new(crossdock_world::WorldOptions::default());
        configure(&world, "shopify-uk", |settings| settings["channel"]["sourcing"]["split"] = json!("never")).await;
        world.begin_with("MUG-WHT", &[("LON1", 3), ("MAN1", 0)]);
        assert_eq!(world.keep_item("MUG-WHT", &json!({ "safety": { "LON1": 2 } })).await.status, 200);
        let cart = |quantity: u32| {
            json!({ "connection": "shopify-uk", "currency": "GBP", "ship_to": { "country": "GB" },
                    "lines": [{ "sku": "MUG-WHT", "quantity": quantity, "unit_price_minor": 1200 }] })
            .to_string()
        };
        for (units, verdict) in [(1, "accept"), (2, "reject")] {
            assert_eq!(world.validate_cart(cart(units).as_bytes()).await.json()["decision"], verdict, "{units}");
        }
        place(&world, units_of("MUG-WHT", 2));
        world.settle().await;
        assert_eq!(attention(&mut world).await, ["allocate:A1 stock"]);
        assert_eq!(world.validate_cart(cart(1).as_bytes()).await.json()["decision"], "reject", "who waits comes first");
        assert_eq!(world.keep_item("MUG-WHT", &json!({ "safety": { "LON1": -1 } })).await.status, 200);
        world.wait(SignedDuration::from_hours(7)).await;
        assert_eq!(
            level(&mut world, "MUG-WHT", "LON1").await,
            (3, 2, 2, 0),
            "one is left, and one may be promised before it is there"
        );
    });
}
