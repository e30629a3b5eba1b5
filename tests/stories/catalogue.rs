//! The catalogue follows the ERP: what it tells new is sold, late changes nothing, cannot be kept is an exception that
//! ends by itself; and what has stopped at a SKU goes on once the SKU is known.

use std::collections::BTreeMap;

use crossdock_domain::item::Item;
use crossdock_domain::order::Status;
use crossdock_domain::{Minor, Sku};
use crossdock_log::{Connections as _, Pause};
use crossdock_world::{Phase, World, WorldOptions};
use jiff::SignedDuration;
use serde_json::{Value, json};
use sync_catalogue::Report;

use crate::acts::{attention, goes_its_way, one_mug, place, ship_all, units_of};
use crate::books::{assert_all_closed, rows, text};
use crate::telling::{run, told_in_every_way, told_with_deaths};

const HAT: &str = "HAT-NEW";

/// Somebody changes an item's page in the ERP.
fn erp(world: &World, page: Value) {
    world.netsuite.act(json!({ "set_item": page })).unwrap();
}

/// The schedule calls until a run answers: one that dies is followed by the next.
async fn synced(world: &mut World, event: Value) -> Report {
    for _ in 0..3 {
        if let Some(report) = world.sync_catalogue(&event).await {
            world.settle().await;
            return report;
        }
    }
    panic!("{}", world.transcript.join("\n"))
}

async fn hourly(world: &mut World) -> Report {
    world.clock.pass(SignedDuration::from_hours(1));
    synced(world, json!({})).await
}

async fn full(world: &mut World) -> Report {
    synced(world, json!({ "full": true })).await
}

fn item(world: &World, sku: &str) -> Item {
    world.store.all_items().remove(&sku.parse::<Sku>().unwrap()).unwrap_or_else(|| panic!("no {sku}"))
}

fn in_erp(world: &World, sku: &str) -> Option<String> {
    item(world, sku).identities.at(&"netsuite".parse().unwrap(), world.clock.now()).map(str::to_owned)
}

fn price(world: &World, sku: &str) -> Option<i64> {
    item(world, sku).prices.get(&"GBP".parse().unwrap()).copied().map(Minor::get)
}

async fn put(world: &mut World, sku: &str, page: Value) {
    let reply = world.keep_item(sku, &page).await;
    assert!(matches!(reply.status, 200 | 201), "{}", reply.body);
    world.settle().await;
}

async fn arrives(world: &mut World, sku: &str) {
    let lines = json!([{ "sku": sku, "quantity": 9 }]);
    let reply = world.receive_stock(&json!({ "receipt_id": "GR-1", "location": "LON1", "lines": lines })).await;
    assert!(matches!(reply.status, 200..=202), "{}", reply.body);
    world.settle().await;
}

/// Which item of the ERP the first line of each sales order names, in the sequence of the orders.
fn sold_items(world: &World) -> Vec<String> {
    let documents = world.netsuite.documents();
    let orders = rows(&documents, "documents").filter(|document| text(document, "record") == "salesOrder");
    let mut sold: Vec<(String, String)> = orders
        .map(|order| {
            let line = rows(order, "lines").next().unwrap_or_else(|| panic!("{order:#}"));
            let of = line.get("item").unwrap_or_else(|| panic!("{line:#}"));
            (text(order, "externalId"), of.get("id").map_or_else(|| of.to_string(), |_| text(of, "id")))
        })
        .collect();
    sold.sort();
    sold.into_iter().map(|(_, item)| item).collect()
}

#[test]
fn a_new_item_of_the_erp_is_sold_allocated_and_posted() {
    let world = told_in_every_way(async |world: &mut World| {
        place(world, units_of(HAT, 1));
        world.settle().await;
        assert_eq!(attention(world).await, ["hold:unknown_sku unknown_sku"]);
        erp(world, json!({ "sku": HAT, "price": { "GBP": "12.00" } }));
        hourly(world).await;
        assert_eq!((in_erp(world, HAT).as_deref(), price(world, HAT)), (Some("596"), Some(1200)));
        // The 3PL does not know it yet: nothing goes on halfway.
        assert_eq!(attention(world).await, ["hold:unknown_sku unknown_sku"]);
        arrives(world, HAT).await;
        put(world, HAT, json!({ "identities": { "shipbob": HAT } })).await;
        assert_eq!(attention(world).await, [""; 0], "nobody had to retry it");
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
    assert_eq!(sold_items(&world), ["596"]);
}

#[test]
fn what_is_mapped_at_the_3pl_first_goes_on_with_the_sync() {
    let world = told_in_every_way(async |world: &mut World| {
        put(world, HAT, json!({ "identities": { "shipbob": HAT }, "prices_minor": { "GBP": 1200 } })).await;
        arrives(world, HAT).await;
        place(world, units_of(HAT, 1));
        world.settle().await;
        assert_eq!(attention(world).await, ["post mapping", "hold:unmapped unmapped"]);
        erp(world, json!({ "sku": HAT, "price": { "GBP": "12.00" } }));
        hourly(world).await;
        assert_eq!(attention(world).await, [""; 0], "the order goes on, and the receipt is posted");
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
}

/// An identity is taken away while an order is under way: its task is parked, and taken up again with the next sync.
#[test]
fn a_posting_that_was_parked_for_a_mapping_is_done_when_the_erp_tells_it() {
    let world = told_in_every_way(async |world: &mut World| {
        place(world, one_mug());
        put(world, "MUG-WHT", json!({ "identities": { "netsuite": [{ "from": "2030-01-01T00:00:00Z", "id": "1" }] } }))
            .await;
        assert_eq!(attention(world).await, ["post_sales_order:SO mapping"]);
        full(world).await;
        assert_eq!(attention(world).await, [""; 0]);
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
    let later = "2030-01-02T00:00:00Z".parse().unwrap();
    let dated = item(&world, "MUG-WHT").identities.at(&"netsuite".parse().unwrap(), later).map(str::to_owned);
    assert_eq!((dated.as_deref(), sold_items(&world)), (Some("1"), vec!["502".to_owned()]), "a person's word stays");
}

#[test]
fn a_changed_price_is_what_carts_are_held_against() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        let cart = json!({ "connection": "shopify-uk", "currency": "GBP", "ship_to": { "country": "GB" },
            "lines": [{ "sku": "MUG-WHT", "quantity": 1, "unit_price_minor": 1350 }] })
        .to_string();
        let codes = async |world: &mut World| {
            let answer = world.validate_cart(cart.as_bytes()).await.json();
            let reasons = rows(&answer, "reasons").map(|reason| text(reason, "code")).collect::<Vec<_>>();
            (answer["decision"].clone(), reasons)
        };
        hourly(&mut world).await;
        assert_eq!(codes(&mut world).await, (json!("reject"), vec!["price_differs".to_owned()]));
        erp(&world, json!({ "sku": "MUG-WHT", "price": { "GBP": "13.50" } }));
        let report = hourly(&mut world).await;
        assert_eq!((report.kept, report.finished), (1, true), "{report:?}");
        assert_eq!(codes(&mut world).await, (json!("accept"), vec![]));
        // A price that the ERP has no more is nobody's price.
        erp(&world, json!({ "sku": "MUG-WHT", "price": { "GBP": null } }));
        hourly(&mut world).await;
        assert_eq!(price(&world, "MUG-WHT"), None);
    });
}

/// Everything that a person sees of the catalogue and of what was said of it.
fn catalogue(world: &World) -> (BTreeMap<Sku, Item>, Vec<String>) {
    let streams = world.store.streams();
    let told = streams.iter().filter(|(stream, _)| stream.starts_with("inventory#catalogue#"));
    let facts = told.flat_map(|(stream, commits)| {
        commits.iter().flat_map(move |commit| commit.events.iter().map(move |event| format!("{stream} {event:?}")))
    });
    (world.store.all_items(), facts.collect())
}

#[test]
fn what_changes_nothing_writes_nothing() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        erp(&world, json!({ "sku": HAT, "price": { "GBP": "12.00" } }));
        assert_eq!(full(&mut world).await.kept, 6);
        let (before, usage) = (catalogue(&world), world.store.usage());
        let report = world.sync_catalogue(&json!({ "full": true })).await.unwrap();
        assert_eq!((report.read, report.kept, report.unchanged), (6, 0, 6), "{report:?}");
        let after = world.store.usage();
        assert_eq!(catalogue(&world), before);
        // The cursor: where the walk begins, and where it has ended.
        assert_eq!((after.log_writes - usage.log_writes, after.other_writes - usage.other_writes), (0, 2));
        // The hourly run reads what its overlap covers, and no more once that is past.
        world.clock.pass(SignedDuration::from_hours(1));
        world.sync_catalogue(&json!({})).await.unwrap();
        world.clock.pass(SignedDuration::from_hours(1));
        assert_eq!(world.sync_catalogue(&json!({})).await.unwrap().read, 0);
        assert_eq!(catalogue(&world), before);
    });
}

#[test]
fn an_older_word_changes_nothing() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        erp(&world, json!({ "sku": "MUG-WHT", "price": { "GBP": "13.50" } }));
        full(&mut world).await;
        let mut mug = item(&world, "MUG-WHT");
        // Another run has kept a later word meanwhile.
        let told = mug.told.as_mut().unwrap();
        told.at = world.clock.now() + SignedDuration::from_hours(1);
        mug.prices.insert("GBP".parse().unwrap(), Minor::new(1400).unwrap());
        world.store.put_item(mug);
        let before = catalogue(&world);
        let report = full(&mut world).await;
        assert_eq!((report.stale, report.kept), (1, 0), "{report:?}");
        assert_eq!(catalogue(&world), before);
        // Nor is it an exception.
        erp(&world, json!({ "sku": "MUG-WHT", "price": { "GBP": "13.505" } }));
        assert_eq!(full(&mut world).await.stale, 1);
        assert_eq!((catalogue(&world), attention(&mut world).await), (before, vec![]));
    });
}

#[test]
fn whoever_dies_in_the_middle_of_a_sync_has_done_no_harm() {
    let story = async |world: &mut World| {
        erp(world, json!({ "sku": HAT, "price": { "GBP": "12.00" } }));
        erp(
            world,
            json!({ "sku": "SET-1", "price": { "GBP": "30.00" },
            "components": [{ "sku": HAT, "quantity": 2 }] }),
        );
        erp(world, json!({ "id": 777, "sku": "CAP-RED" }));
        full(world).await;
    };
    let calm = {
        let mut world = World::new(WorldOptions::default());
        run(story(&mut world));
        catalogue(&world)
    };
    let (hat, set): (Sku, Sku) = (HAT.parse().unwrap(), "SET-1".parse().unwrap());
    assert_eq!(calm.0[&set].components, BTreeMap::from([(hat, 2)]));
    let at_all = |facts: &[String]| facts.iter().map(|fact| fact.replace(char::is_numeric, "")).collect::<Vec<_>>();
    told_with_deaths(story, &[Phase::Before, Phase::After], |world, how| {
        let (items, facts) = catalogue(world);
        assert_eq!((&items, at_all(&facts)), (&calm.0, at_all(&calm.1)), "{how}:\n{}", world.transcript.join("\n"));
    });
}

#[test]
fn a_sync_that_dies_between_pages_goes_on_where_it_was() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        for number in 0..145 {
            erp(&world, json!({ "sku": format!("SKU-{number:03}"), "price": { "GBP": format!("{number}.50") } }));
        }
        // Each item is a fact and a record: the first page is done, the second is not.
        world.plan.at(world.plan.effects() + 250, Phase::After);
        assert_eq!(world.sync_catalogue(&json!({})).await, None, "it died");
        let report = world.sync_catalogue(&json!({})).await.unwrap();
        assert!(report.finished && report.read == 50, "{report:?}");
        assert_eq!(world.store.all_items().len(), 150);
        assert_eq!(price(&world, "SKU-144"), Some(14_450));
        // Nothing that it has read is asked for again, but for the overlap.
        world.clock.pass(SignedDuration::from_hours(1));
        world.sync_catalogue(&json!({})).await.unwrap();
        world.clock.pass(SignedDuration::from_hours(1));
        assert_eq!(world.sync_catalogue(&json!({})).await.unwrap().read, 0);
    });
}

/// From a moment on the mug is another item of the ERP: orders of before are that of before, posted late, or amended.
#[test]
fn an_identity_that_changes_at_a_moment_is_right_before_and_after() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        let moment = world.clock.now() + SignedDuration::from_hours(2);
        let dated = json!({ "identities": { "netsuite": [{ "id": "502" }, { "from": moment, "id": "503" }] } });
        let reply = world.keep_item("MUG-WHT", &dated).await;
        let written = json!([{ "id": "502" }, { "from": moment, "id": "503" }]);
        assert_eq!((reply.status, &reply.json()["identities"]["netsuite"]), (200, &written), "{}", reply.body);
        place(&world, units_of("MUG-WHT", 2));
        world.settle().await;
        // Taken before, and the ERP is away until after.
        let pause = Pause {
            now: world.clock.now(),
            until: moment + SignedDuration::from_hours(1),
            reason: "it is being moved".into(),
        };
        world.store.pause(&"netsuite".parse().unwrap(), &pause).await.unwrap();
        world.clock.pass(SignedDuration::from_secs(6));
        place(&world, one_mug());
        world.wait(SignedDuration::from_mins(150)).await;
        assert_eq!(sold_items(&world).len(), 1);
        world.wait(SignedDuration::from_hours(2)).await;
        crate::acts::retry_everything(&mut world).await;
        place(&world, one_mug());
        world.settle().await;
        assert_eq!(sold_items(&world), ["502", "502", "503"]);
        goes_its_way(&mut world).await;
        crate::acts::retry_everything(&mut world).await;
        assert!(
            world.orders().iter().all(|order| order.status() == Status::Completed),
            "{}",
            world.transcript.join("\n")
        );
    });
}

#[test]
fn an_erp_that_is_paused_is_not_asked() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        crate::acts::paused(&mut world, "netsuite").await;
        let report = world.sync_catalogue(&json!({})).await.unwrap();
        assert_eq!((report.finished, report.read), (false, 0));
        assert!(world.netsuite.requests().is_empty());
        assert_eq!(world.act_on_connection("netsuite", "resume", &Value::Null).await.status, 200);
        world.clock.pass(SignedDuration::from_mins(1));
        assert!(world.sync_catalogue(&json!({})).await.unwrap().finished);
    });
}

/// What is wrong with the ERP's items, as a person sees it.
async fn refused(world: &mut World) -> Vec<String> {
    let exceptions = world.exceptions().await;
    let mut all: Vec<String> = exceptions
        .iter()
        .filter(|exception| exception["task"] == "catalogue")
        .map(|exception| format!("{} {}", text(exception, "exception_id"), text(exception, "class")))
        .collect();
    all.sort();
    all
}

#[test]
fn what_cannot_be_kept_is_an_exception_that_ends_by_itself() {
    let world = told_in_every_way(async |world: &mut World| {
        full(world).await;
        erp(world, json!({ "id": 777, "sku": "CAP-RED" }));
        erp(world, json!({ "id": 778, "sku": "" }));
        erp(world, json!({ "sku": "MUG-WHT", "price": { "GBP": "12.005" } }));
        erp(world, json!({ "sku": "TEE-BLK-M", "price": { "GBP": "25.00" } }));
        hourly(world).await;
        let expected = ["777 duplicate", "778 mapping", "502 value"].map(|of| format!("stock:catalogue~netsuite~{of}"));
        let mut expected = expected.to_vec();
        expected.sort();
        assert_eq!(refused(world).await, expected);
        // One bad item holds up no other, and what was known of it stays.
        assert_eq!((price(world, "TEE-BLK-M"), price(world, "MUG-WHT")), (Some(2500), Some(1200)));
        assert_eq!(in_erp(world, "CAP-RED").as_deref(), Some("503"));
        let reply = world.retry("stock:catalogue~netsuite~777").await;
        assert_eq!(reply.status, 409, "no word helps: {}", reply.body);
        // Told again, nothing is said again.
        let before = catalogue(world);
        full(world).await;
        assert_eq!(catalogue(world), before);
        erp(world, json!({ "id": 777, "sku": "CAP-BLUE" }));
        erp(world, json!({ "id": 778, "sku": "", "inactive": true }));
        erp(world, json!({ "sku": "MUG-WHT", "price": { "GBP": "12.50" } }));
        hourly(world).await;
        assert_eq!(refused(world).await, [""; 0]);
        assert_eq!((price(world, "MUG-WHT"), in_erp(world, "CAP-BLUE").as_deref()), (Some(1250), Some("777")));
        place(world, one_mug());
        world.settle().await;
        ship_all(world);
        world.settle().await;
    });
    assert_all_closed(&world);
}

/// The other of the two is renamed, not the one that was refused: the next run reads everything and finds it.
#[test]
fn a_sku_that_is_given_up_goes_to_who_was_refused_for_it() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        full(&mut world).await;
        erp(&world, json!({ "id": 777, "sku": "CAP-RED" }));
        hourly(&mut world).await;
        assert_eq!(refused(&mut world).await.len(), 1);
        erp(&world, json!({ "id": 503, "sku": "CAP-OLD" }));
        world.clock.pass(SignedDuration::from_hours(2));
        hourly(&mut world).await;
        hourly(&mut world).await;
        assert_eq!(refused(&mut world).await, [""; 0]);
        assert_eq!(in_erp(&world, "CAP-RED").as_deref(), Some("777"));
        assert_eq!(in_erp(&world, "CAP-OLD").as_deref(), Some("503"));
        // By a person's word it is the other.
        erp(&world, json!({ "id": 778, "sku": "CAP-RED" }));
        hourly(&mut world).await;
        assert_eq!(refused(&mut world).await.len(), 1);
        put(&mut world, "CAP-RED", json!({ "identities": { "netsuite": "778" } })).await;
        erp(&world, json!({ "id": 777, "sku": "CAP-RED", "inactive": true }));
        full(&mut world).await;
        assert_eq!(refused(&mut world).await, [""; 0]);
        assert_eq!(in_erp(&world, "CAP-RED").as_deref(), Some("778"));
    });
}

#[test]
fn an_identity_that_cannot_be_read_is_refused_and_nothing_is_kept() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        let before = world.store.all_items();
        let twice = json!([{ "id": "1" }, { "id": "2" }]);
        let many: Vec<Value> = (0..21).map(|n| json!({ "id": format!("{n}") })).collect();
        for wrong in [
            json!(5),
            json!([5]),
            json!([{}]),
            json!([{ "id": "1", "until": "x" }]),
            json!(many),
            twice,
            json!([{ "id": "1", "from": "tomorrow" }]),
            json!(""),
        ] {
            let reply = world.keep_item("MUG-WHT", &json!({ "identities": { "netsuite": wrong } })).await;
            assert!(matches!(reply.status, 400 | 422), "{wrong}: {}", reply.body);
        }
        assert_eq!(world.store.all_items(), before);
        // What is not spoken of stays; an empty list takes away.
        put(&mut world, "MUG-WHT", json!({ "identities": { "netsuite": [] } })).await;
        let mug = item(&world, "MUG-WHT");
        let known = ["netsuite", "shipbob"].map(|system| mug.identities.is_known(&system.parse().unwrap()));
        assert_eq!(known, [false, true]);
    });
}
