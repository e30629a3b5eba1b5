//! The events that Crossdock publishes are a promise: an example and a schema of each, and none ever changes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crossdock_domain::commit::Summary;
use crossdock_domain::settings::Routes;
use crossdock_domain::{Commit, Event};
use crossdock_runner::bus_entries;
use crossdock_world::{World, WorldOptions};
use jiff::SignedDuration;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../events")
}

fn read(file: &str) -> Value {
    let text = fs::read_to_string(folder().join(file)).unwrap_or_else(|error| panic!("events/{file}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("events/{file}: {error}"))
}

fn types() -> impl Iterator<Item = &'static str> {
    Event::TYPES.into_iter().chain(["TaskDue.v1"])
}

/// The files of a folder of events/, by name.
fn files(within: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(folder().join(within)).unwrap().map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    files.map(|file| format!("{within}{}", file.file_name().into_string().unwrap())).collect()
}

/// The files with examples of a type: `<type>.json`, and `<type>.<what it shows>.json` for what came later.
fn example_files(kind: &str) -> BTreeSet<String> {
    let own =
        |file: &String| file.strip_prefix(kind).is_some_and(|rest| rest.starts_with('.') && rest.ends_with(".json"));
    files("").into_iter().filter(own).collect()
}

/// Every example of a type, as the bus carries it.
fn examples(kind: &str) -> Vec<Value> {
    let lists = example_files(kind).into_iter().map(|file| {
        let examples = read(&file);
        examples.as_array().cloned().unwrap_or_else(|| panic!("events/{file} is a list of examples"))
    });
    let examples: Vec<Value> = lists.flatten().collect();
    assert!(!examples.is_empty(), "{kind} has no example");
    examples
}

fn validator(kind: &str) -> jsonschema::Validator {
    let schema = read(&format!("schemas/{kind}.schema.json"));
    jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{kind}: {error}"))
}

fn check(validator: &jsonschema::Validator, event: &Value) {
    let wrong: Vec<String> =
        validator.iter_errors(event).map(|error| format!("{error} at {}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{}: {wrong:?} in {event}", event["detail-type"]);
}

#[test]
fn every_example_is_what_its_schema_says() {
    for kind in types() {
        let validator = validator(kind);
        examples(kind).iter().for_each(|example| check(&validator, example));
    }
}

#[test]
fn a_schema_refuses_what_lacks_a_field() {
    for kind in types() {
        let validator = validator(kind);
        let mut example = examples(kind).remove(0);
        example["detail"]["metadata"].as_object_mut().unwrap().remove("stream");
        assert!(!validator.is_valid(&example), "{kind} says nothing about its metadata");
    }
}

/// What was published once must be readable for ever, and this version still writes the same.
#[test]
fn every_example_is_read_and_written_again_the_same() {
    for kind in Event::TYPES {
        for example in examples(kind) {
            let data = &example["detail"]["data"];
            let event: Event = serde_json::from_value(json!({ "type": kind, "data": data })).unwrap();
            assert!(!matches!(event, Event::Unknown(_)), "{kind} is not understood any more: {data}");
            assert_eq!(event.type_name(), kind);
            let entry = bus_entries(&commit(&example, event)).remove(0);
            assert_eq!(
                (entry.source.as_str(), entry.detail_type.as_str()),
                (example["source"].as_str().unwrap(), kind)
            );
            assert_eq!(entry.detail, example["detail"], "{kind}");
        }
    }
}

/// The commit that an example was published from.
fn commit(example: &Value, event: Event) -> Commit {
    let metadata = &example["detail"]["metadata"];
    let text = |name: &str| metadata[name].as_str().map(str::to_owned);
    let routes: Option<Routes> = serde_json::from_value(metadata["routes"].clone()).unwrap();
    let at = text("occurred_at").unwrap().parse().unwrap();
    Commit {
        stream: text("stream").unwrap(),
        seq: metadata["seq"].as_u64().unwrap(),
        cause: "example".into(),
        at,
        actor: text("actor").unwrap(),
        correlation_id: text("correlation_id").unwrap(),
        causation_id: text("causation_id"),
        prev_hash: String::new(),
        due: None,
        summary: Summary { routes, ..Summary::new("", at) },
        moves: Vec::new(),
        events: vec![event],
    }
}

fn fingerprints() -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let schemas = types().map(|kind| format!("schemas/{kind}.schema.json"));
    for file in types().flat_map(example_files).chain(schemas) {
        let bytes = fs::read(folder().join(&file)).unwrap_or_else(|error| panic!("events/{file}: {error}"));
        let hex = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        all.insert(file, hex);
    }
    all
}

/// A new type adds its files here: `CROSSDOCK_ACCEPT=1 cargo test --test events` writes the lines of new files only.
#[test]
fn nothing_that_was_published_changes_or_vanishes() {
    let path = folder().join("LOCK.json");
    let locked = fs::read_to_string(&path).unwrap_or_else(|_| "{}".into());
    let mut locked: BTreeMap<String, String> = serde_json::from_str(&locked).unwrap();
    let now = fingerprints();
    for (file, hash) in &locked {
        let same = now.get(file) == Some(hash);
        assert!(
            same,
            "events/{file} has changed or vanished; readers stand on it: add a .v2 beside it instead, or an example in a file of its own"
        );
    }
    let new: BTreeSet<&String> = now.keys().filter(|file| !locked.contains_key(*file)).collect();
    if std::env::var_os("CROSSDOCK_ACCEPT").is_none() {
        assert!(new.is_empty(), "not in events/LOCK.json yet: {new:?}; run with CROSSDOCK_ACCEPT=1");
    }
    let new: Vec<String> = new.into_iter().cloned().collect();
    if !new.is_empty() {
        locked.extend(new.into_iter().map(|file| (file.clone(), now[&file].clone())));
        fs::write(&path, serde_json::to_string_pretty(&locked).unwrap() + "\n").unwrap();
    }
}

#[test]
fn the_catalogue_names_every_event() {
    let catalogue = fs::read_to_string(folder().join("README.md")).unwrap();
    for kind in types() {
        assert!(catalogue.contains(&format!("`{kind}`")), "events/README.md does not name {kind}");
    }
}

#[test]
fn no_file_belongs_to_no_event() {
    let known: BTreeSet<String> = fingerprints().into_keys().chain(["LOCK.json".into(), "README.md".into()]).collect();
    let strangers: Vec<String> =
        files("").into_iter().chain(files("schemas/")).filter(|file| !known.contains(file)).collect();
    assert!(strangers.is_empty(), "events/ has files of no event: {strangers:?}");
}

/// Every document of stock; one that the ERP cannot have until it is mapped; and a count below what is promised.
async fn stock_is_told_of(world: &mut World) {
    let lines = |sku: &str, units: i64| json!([{ "sku": sku, "on_hand": units }]);
    let goods = json!([{ "sku": "SOCKS-3PK", "quantity": 1 }]);
    let now = world.clock.now();
    for (kind, document) in [
        (
            "adjustments",
            json!({ "adjustment_id": "A-1", "location": "LON1", "reason": "found", "lines": lines("SOCKS-3PK", 3) }),
        ),
        (
            "transfers",
            json!({ "transfer_id": "T-1", "from": "LON1", "to": "MAN1", "stage": "dispatched", "lines": goods }),
        ),
        ("counts", json!({ "count_id": "C-1", "location": "LON1", "counted_at": now, "lines": lines("SOCKS-3PK", 1) })),
    ] {
        let reply = world.tell_stock(kind, &document).await;
        assert_eq!(reply.status, 201, "{kind}: {}", reply.body);
    }
    world.keep_item("SCARF-NEW", &json!({ "prices_minor": { "GBP": 900 } })).await;
    world
        .receive_stock(
            &json!({ "receipt_id": "GR-2", "location": "LON1", "lines": [{ "sku": "SCARF-NEW", "quantity": 4 }] }),
        )
        .await;
    world.settle().await;
    world.keep_item("SCARF-NEW", &json!({ "identities": { "netsuite": "501" } })).await;
    world.settle().await;
    assert_eq!(world.spread("SCARF-NEW", 2).await.status, 200);
    let line = json!({ "sku": "MUG-WHT", "quantity": 2, "price": "12.00" });
    world
        .shopify
        .act(json!({ "place_order": { "lines": [line], "taxes_included": true, "tax_rate": "0.2" } }))
        .unwrap();
    world.settle().await;
    let counted =
        json!({ "count_id": "C-2", "location": "LON1", "counted_at": world.clock.now(), "lines": lines("MUG-WHT", 0) });
    assert_eq!(world.tell_stock("counts", &counted).await.status, 201);
    world.settle().await;
}

/// The ERP has a SKU twice, and one of the two gets another.
async fn a_catalogue(world: &mut World) {
    for sku in ["CAP-RED", "CAP-BLUE"] {
        world.netsuite.act(json!({ "set_item": { "id": 777, "sku": sku, "price": { "GBP": "9.00" } } })).unwrap();
        assert!(world.sync_catalogue(&json!({ "full": true })).await.is_some(), "{}", world.transcript.join("\n"));
        world.settle().await;
        world.clock.pass(SignedDuration::from_mins(1));
    }
}

/// An order that waits for stock, is overdue, goes all the way in two parcels; one that is held; and a refusal.
async fn some_lives(world: &mut World) {
    let line = |sku: &str, quantity: u32| json!({ "sku": sku, "quantity": quantity, "price": "12.00" });
    let order = |lines: Value| json!({ "place_order": { "lines": lines, "taxes_included": true, "tax_rate": "0.2", "shipping": "4.95" } });
    world.shopify.act(order(json!([line("SOCKS-3PK", 2), line("MUG-WHT", 2)]))).unwrap();
    world.shopify.act(order(json!([line("NOBODY-KNOWS-IT", 1)]))).unwrap();
    world.wait(SignedDuration::from_mins(10)).await;
    let receipt = json!({ "receipt_id": "GR-1", "location": "LON1", "lines": [{ "sku": "SOCKS-3PK", "quantity": 5 }] });
    world.receive_stock(&receipt).await;
    world.wait(SignedDuration::from_hours(13)).await;
    world.shipbob.act(json!({ "ship": "all" })).unwrap();
    world.wait(SignedDuration::from_mins(10)).await;
    let unpaid = json!({
        "connection": "web-uk", "channel_order_id": "W-1", "name": "#1", "placed_at": "2026-11-23T08:55:00Z",
        "currency": "GBP", "taxes_included": true, "total_minor": 1200, "shipping": [], "tenders": [],
        "shipping_address": { "name": "A Buyer", "address1": "1 Example Street", "city": "London", "postal_code": "SW1A 1AA", "country": "GB" },
        "lines": [{ "line_id": "L1", "sku": "MUG-WHT", "quantity": 1, "unit_price_minor": 1200, "tax_lines": [] }],
    });
    stock_is_told_of(world).await;
    let refused = world.post_order("key-1", unpaid.to_string().as_bytes()).await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    world.settle().await;
}

/// One order that is cancelled at the 3PL; one that comes back with something else in the box, is paid for a second time
/// by hand and disputed; one to which something is added too late.
async fn some_reversals(world: &mut World) {
    let mut ids = Vec::new();
    for _ in 0..3 {
        let lines = json!([{ "sku": "MUG-WHT", "quantity": 2, "price": "12.00" }]);
        let order = json!({ "place_order": { "lines": lines, "taxes_included": true, "tax_rate": "0.2" } });
        let placed = world.shopify.act(order).unwrap();
        ids.push(placed["id"].as_str().unwrap().to_owned());
    }
    world.settle().await;
    let [cancelled, returned, edited] = ids.as_slice() else { panic!("three orders") };
    let of = |id: &str| format!("shopify-uk.{id}");
    let reply = world.ask_of_order((&of(cancelled), "cancellation"), "key-1", &json!({ "reason": "customer" })).await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    world.settle().await;
    let added = json!([{ "sku": "TEE-BLK-M", "quantity": 1, "price": "24.99" }]);
    world
        .shopify
        .act(json!({ "edit_order": { "order": edited, "add": added, "set": [{ "sku": "MUG-WHT", "quantity": 1 }] } }))
        .unwrap();
    world.settle().await;
    world.shipbob.act(json!({ "ship": "all" })).unwrap();
    world.settle().await;
    let line = world.order(&of(returned)).line(0).unwrap().id.clone();
    let request = json!({ "lines": [{ "line_id": line, "quantity": 1, "reason": "unwanted" }] });
    let reply = world.ask_of_order((&of(returned), "returns"), "key-2", &request).await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    world.settle().await;
    let found = json!([
        { "sku": "MUG-WHT", "quantity": 1, "action": "Restock" },
        { "sku": "CAP-RED", "quantity": 1, "action": "Quarantine" },
    ]);
    let back = json!({ "reference_id": format!("UK-{returned}-RMA1"), "lines": found, "completed": true });
    world.shipbob.act(json!({ "receive_return": back })).unwrap();
    world.settle().await;
    for act in [
        json!({ "refund_order": { "order": returned, "amount": "1.00" } }),
        json!({ "open_dispute": { "order": returned, "reason": "fraudulent" } }),
        json!({ "close_dispute": { "order": returned, "won": false } }),
    ] {
        world.shopify.act(act).unwrap();
        world.settle().await;
    }
}

/// One hold is taken by its order, one is given up, and for one nobody pays.
async fn some_holds(world: &mut World) {
    for hold_id in ["cart_1", "cart_2", "cart_3"] {
        let hold = json!({ "connection": "web-uk", "hold_id": hold_id, "country": "GB",
                           "lines": [{ "sku": "TEE-BLK-M", "quantity": 1 }] });
        assert_eq!(world.hold_stock(&hold).await.status, 201);
    }
    let order = json!({
        "connection": "web-uk", "channel_order_id": "W-2", "placed_at": "2026-11-23T08:55:00Z", "hold": "cart_1",
        "currency": "GBP", "taxes_included": true, "total_minor": 2499, "shipping": [],
        "tenders": [{ "tender_id": "T1", "gateway": "stripe", "kind": "sale", "status": "success", "amount_minor": 2499 }],
        "shipping_address": { "name": "A Buyer", "address1": "1 Example Street", "city": "London", "postal_code": "SW1A 1AA", "country": "GB" },
        "lines": [{ "line_id": "L1", "sku": "TEE-BLK-M", "quantity": 1, "unit_price_minor": 2499, "tax_lines": [] }],
    });
    let reply = world.post_order("key-hold", order.to_string().as_bytes()).await;
    assert_eq!((reply.status, &reply.json()["hold"]), (202, &json!("cart_1")), "{}", reply.body);
    assert_eq!(world.ask_of_hold(http::Method::DELETE, ("web-uk", "cart_2")).await.status, 200);
    world.wait(SignedDuration::from_mins(15)).await;
}

/// The 3PL has another number than we have, and then the same.
async fn a_drift(world: &mut World) {
    let sku = "CAP-RED";
    let items = world.store.all_items();
    let cap = items.values().find(|item| item.sku.as_str() == sku).unwrap();
    let ours = cap.stock.iter().find(|(location, _)| location.as_str() == "LON1").unwrap().1.on_hand;
    for units in [ours + 3, ours] {
        let stock = json!({ "sku": sku, "reference_id": sku, "location": "LON1", "on_hand": units });
        world.shipbob.act(json!({ "set_stock": stock })).unwrap();
        world.wait(SignedDuration::from_hours(1)).await;
        world.reconcile().await;
    }
    let asked = json!({ "reconciliation_id": "R-1", "skus": [sku] });
    assert_eq!(world.ask_to_reconcile(&asked).await.status, 202);
    world.settle().await;
}

/// Somebody says everything that can be said about an exception.
async fn some_words(world: &mut World) {
    let held = world.exceptions().await.into_iter().find(|known| known["task"] == "hold:unknown_sku").unwrap();
    let id = held["exception_id"].as_str().unwrap();
    for (action, word) in [
        ("assign", json!({ "owner": "catalogue" })),
        ("tag", json!({ "tags": ["new-season"] })),
        ("snooze", json!({ "until": world.clock.now() + SignedDuration::from_hours(1) })),
    ] {
        let reply = world.act_on((id, action), &word).await;
        assert_eq!(reply.status, 202, "{action}: {}", reply.body);
    }
}

#[test]
fn what_whole_lives_put_on_the_bus_is_what_the_schemas_say() {
    let mut world = World::new(WorldOptions::default());
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
        some_lives(&mut world).await;
        some_words(&mut world).await;
        some_reversals(&mut world).await;
        a_drift(&mut world).await;
        a_catalogue(&mut world).await;
        some_holds(&mut world).await;
    });
    let mut seen = BTreeSet::new();
    for entry in world.store.streams().values().flatten().flat_map(bus_entries) {
        let kind = entry.detail_type.clone();
        check(&validator(&kind), &json!({ "source": entry.source, "detail-type": kind, "detail": entry.detail }));
        seen.insert(kind);
    }
    let rare = [
        "OrderReleased.v1",
        "TenderCaptured.v1",
        "RecipientChanged.v1",
        "ReturnClosed.v1",
        "ReturnResolved.v1",
        "RefundWithdrawn.v1",
        "CreditApplied.v1",
    ];
    let unseen: Vec<&str> =
        Event::TYPES.into_iter().filter(|kind| !seen.contains(*kind) && !rare.contains(kind)).collect();
    assert!(unseen.is_empty(), "these lives no longer show {unseen:?}");
}
