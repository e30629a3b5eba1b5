//! Kits: sold, shipped and posted as one, kept as what they are made of.

use crossdock_domain::order::Status;
use crossdock_world::{Style, World, WorldOptions};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::acts::{attention, configure, goes_its_way, place, ship_all, units_of};
use crate::books::{assert_all_closed, assert_stock};
use crate::settled::assert_settled;
use crate::taken_back::{ask_to_return, delivered, found};
use crate::telling::{run, told, told_in_every_way};

/// On hand, promisable and reserved of a SKU in London, as a caller reads them.
async fn level(world: &mut World, sku: &str) -> (i64, i64, i64) {
    let body = world.levels(sku).await.json();
    let level = body["levels"].as_array().unwrap().iter().find(|level| level["location"] == "LON1").cloned();
    let level = level.unwrap_or_else(|| json!({ "on_hand": 0, "promisable": 0, "reserved": 0 }));
    let of = |name: &str| level[name].as_i64().unwrap();
    (of("on_hand"), of("promisable"), of("reserved"))
}

/// So many tees and mugs in London; a gift set is a tee and two mugs.
async fn open(world: &mut World, tees: i64, mugs: i64) {
    world.begin_with("TEE-BLK-M", &[("LON1", tees)]);
    world.begin_with("MUG-WHT", &[("LON1", mugs)]);
    let members = json!([{ "sku": "TEE-BLK-M", "quantity": 1 }, { "sku": "MUG-WHT", "quantity": 2 }]);
    let kit = json!({ "sku": "GIFT-SET", "name": "A tee and two mugs", "components": members });
    let made = world.netsuite.act(json!({ "set_item": kit })).unwrap();
    let item = json!({
        "prices_minor": { "GBP": 1200 },
        "identities": { "netsuite": made["id"].to_string(), "shipbob": "GIFT-SET" },
        "components": { "TEE-BLK-M": 1, "MUG-WHT": 2 },
    });
    let reply = world.keep_item("GIFT-SET", &item).await;
    assert!(matches!(reply.status, 200 | 201), "{}", reply.body);
}

fn sets_and_mugs(sets: u32, mugs: u32) -> Value {
    json!({
        "lines": [
            { "sku": "GIFT-SET", "quantity": sets, "price": "12.00" },
            { "sku": "MUG-WHT", "quantity": mugs, "price": "12.00" },
        ],
        "taxes_included": true, "tax_rate": "0.2",
    })
}

async fn receive(world: &mut World, id: &str, sku: &str, units: u32) {
    let goods = json!([{ "sku": sku, "quantity": units }]);
    let receipt = json!({ "receipt_id": id, "location": "LON1", "lines": goods });
    let reply = world.tell_stock("receipts", &receipt).await;
    assert!(matches!(reply.status, 200 | 201), "{}", reply.body);
    world.settle().await;
}

#[test]
fn a_kit_goes_its_way_and_takes_its_components_along() {
    let mut world = told_in_every_way(async |world: &mut World| {
        open(world, 3, 10).await;
        place(world, sets_and_mugs(2, 1));
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
    assert_stock(&world);
    run(async {
        assert_eq!(level(&mut world, "TEE-BLK-M").await, (1, 1, 0));
        assert_eq!(level(&mut world, "MUG-WHT").await, (5, 5, 0));
        assert_eq!(level(&mut world, "GIFT-SET").await, (0, 1, 0), "one more can be made");
        let (entries, _) = world.ledger("MUG-WHT", "LON1").await;
        let moved = entries.iter().map(|entry| entry["moves"].as_array().unwrap().len());
        assert_eq!(moved.collect::<Vec<_>>(), [2, 2], "the ledger names mugs and mugs of sets apart");
    });
}

#[test]
fn a_kit_that_cannot_be_made_waits_for_what_is_missing() {
    for style in [Style::Calm, Style::Doubled, Style::Shuffled(1), Style::Shuffled(2), Style::Stormy(3)] {
        let mut world = told(
            async |world: &mut World| {
                open(world, 1, 10).await;
                place(world, units_of("GIFT-SET", 2));
                world.settle().await;
                assert_eq!(attention(world).await, ["allocate:A1 stock"], "{style:?}");
                // Who waits comes first: nothing is left for others, though a tee and mugs are there.
                assert_eq!(level(world, "TEE-BLK-M").await, (1, 0, 0), "{style:?}");
                receive(world, "GR-1", "MUG-WHT", 5).await;
                assert_eq!(attention(world).await, ["allocate:A1 stock"], "mugs are not what is missing");
                receive(world, "GR-2", "TEE-BLK-M", 1).await;
                goes_its_way(world).await;
            },
            style,
        );
        assert_all_closed(&world);
        run(async {
            assert_eq!(level(&mut world, "TEE-BLK-M").await, (0, 0, 0), "{style:?}");
            assert_eq!(level(&mut world, "MUG-WHT").await, (11, 11, 0), "{style:?}");
        });
    }
}

/// A tee is lost between promise and picking: the set that was to have it is given up, and comes once there is another.
#[test]
fn a_kit_whose_component_is_lost_becomes_a_backorder() {
    let mut world = told_in_every_way(async |world: &mut World| {
        open(world, 2, 10).await;
        place(world, units_of("GIFT-SET", 2));
        world.settle().await;
        let lost = json!({ "adjustment_id": "A-1", "location": "LON1", "reason": "lost",
                           "lines": [{ "sku": "TEE-BLK-M", "on_hand": -1 }] });
        let reply = world.tell_stock("adjustments", &lost).await;
        assert!(matches!(reply.status, 200 | 201), "{}", reply.body);
        world.settle().await;
        receive(world, "GR-1", "TEE-BLK-M", 1).await;
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
    run(async {
        assert_eq!(level(&mut world, "TEE-BLK-M").await, (0, 0, 0));
        assert_eq!(level(&mut world, "MUG-WHT").await, (6, 6, 0));
    });
}

/// The count lacked its components already: they are taken off once.
#[test]
fn a_kit_that_is_heard_of_after_the_count_that_lacked_it_counts_once() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        open(&mut world, 3, 10).await;
        place(&world, units_of("GIFT-SET", 1));
        world.settle().await;
        ship_all(&world);
        let withheld = world.shipbob.take_deliveries();
        world.clock.pass(SignedDuration::from_mins(1));
        let lines = json!([{ "sku": "MUG-WHT", "on_hand": 8 }, { "sku": "TEE-BLK-M", "on_hand": 2 }]);
        let count = json!({ "count_id": "C-1", "location": "LON1", "counted_at": world.clock.now(), "lines": lines });
        assert_eq!(world.tell_stock("counts", &count).await.status, 201);
        world.clock.pass(SignedDuration::from_mins(1));
        for delivery in withheld {
            world.deliver("shipbob", &delivery.headers, &delivery.body).await;
        }
        world.settle().await;
        assert_eq!((level(&mut world, "MUG-WHT").await.0, level(&mut world, "TEE-BLK-M").await.0), (8, 2));
        assert_stock(&world);
    });
}

#[test]
fn a_kit_that_comes_back_is_its_components_again() {
    let mut world = told_in_every_way(async |world: &mut World| {
        open(world, 3, 10).await;
        let id = delivered(world, units_of("GIFT-SET", 1)).await;
        ask_to_return(world, &id, "GIFT-SET", 1).await;
        found(world, (&id, 1), &[("GIFT-SET", 1, "Restock")], true).await;
    });
    assert_settled(&world);
    assert!(world.orders().iter().all(|order| order.status() == Status::Completed));
    run(async {
        assert_eq!(level(&mut world, "TEE-BLK-M").await, (3, 3, 0));
        assert_eq!(level(&mut world, "MUG-WHT").await, (10, 10, 0));
    });
}

/// What a buyer is paying for is kept for him, in components, until his order has it.
#[test]
fn a_kit_that_is_held_is_its_buyers() {
    let world = told_in_every_way(async |world: &mut World| {
        open(world, 3, 4).await;
        let hold = json!({ "connection": "web-uk", "hold_id": "cart_1", "country": "GB", "expires_in_seconds": 1800,
                           "lines": [{ "sku": "GIFT-SET", "quantity": 2 }] });
        let reply = world.hold_stock(&hold).await;
        assert!(matches!(reply.status, 200 | 201), "{}", reply.body);
        let mug = json!([{ "sku": "MUG-WHT", "quantity": 1, "unit_price_minor": 1200 }]);
        assert_eq!(cart(world, mug).await.0, "reject", "both sets need all mugs");
        let order = json!({
            "connection": "web-uk", "channel_order_id": "W-1", "name": "#1", "placed_at": "2026-11-23T08:55:00Z",
            "currency": "GBP", "taxes_included": true, "total_minor": 2400, "shipping": [], "hold": "cart_1",
            "tenders": [{ "tender_id": "T1", "gateway": "stripe", "kind": "sale", "status": "success", "amount_minor": 2400 }],
            "shipping_address": { "name": "A Buyer", "address1": "1 Example Street", "city": "London", "postal_code": "SW1A 1AA", "country": "GB" },
            "lines": [{ "line_id": "L1", "sku": "GIFT-SET", "quantity": 2, "unit_price_minor": 1200, "tax_lines": [] }],
        });
        let reply = world.post_order("W-1", order.to_string().as_bytes()).await;
        assert_eq!(reply.status, 202, "{}", reply.body);
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
    assert_stock(&world);
}

/// On hand and available of a SKU in London, as the shop shows them.
fn shop(world: &World, sku: &str) -> (i64, i64) {
    let level = world.shopify.stock(sku, "LON1").unwrap();
    (level.on_hand, level.available)
}

#[test]
fn the_shop_shows_as_many_kits_as_can_be_made() {
    for style in [Style::Calm, Style::Doubled, Style::Shuffled(1), Style::Stormy(2)] {
        told(
            async |world: &mut World| {
                configure(world, "shopify-uk", |settings| {
                    settings["channel"]["publish_stock"] = json!(true);
                    settings["channel"]["sourcing"] = json!({ "locations": [{ "location": "LON1", "keep_back": 1 }] });
                })
                .await;
                open(world, 20, 9).await;
                for sku in ["GIFT-SET", "MUG-WHT", "TEE-BLK-M"] {
                    let none = json!({ "sku": sku, "location": "LON1", "on_hand": 0 });
                    world.shopify.act(json!({ "set_inventory": none })).unwrap();
                }
                receive(world, "GR-1", "MUG-WHT", 2).await;
                // One mug is left to others: five sets of ten.
                assert_eq!((shop(world, "GIFT-SET"), shop(world, "MUG-WHT")), ((5, 5), (10, 10)), "{style:?}");
                // The shop takes a set that it sold off its sets, and knows nothing of the mugs in it.
                place(world, units_of("GIFT-SET", 1));
                world.settle().await;
                assert_eq!((shop(world, "GIFT-SET"), shop(world, "MUG-WHT")), ((5, 4), (8, 8)), "{style:?}");
                // A mug that it sold makes one set less.
                place(world, units_of("MUG-WHT", 1));
                world.settle().await;
                assert_eq!((shop(world, "GIFT-SET"), shop(world, "MUG-WHT")), ((4, 3), (8, 7)), "{style:?}");
                ship_all(world);
                world.settle().await;
                assert_eq!((shop(world, "GIFT-SET"), shop(world, "MUG-WHT")), ((3, 3), (7, 7)), "{style:?}");
            },
            style,
        );
    }
}

async fn cart(world: &mut World, lines: Value) -> (String, Vec<String>) {
    let cart = json!({ "connection": "web-uk", "currency": "GBP", "ship_to": { "country": "GB" }, "lines": lines });
    let answer = world.validate_cart(cart.to_string().as_bytes()).await.json();
    let codes = answer["reasons"].as_array().unwrap().iter().map(|reason| reason["code"].as_str().unwrap().to_owned());
    (answer["decision"].as_str().unwrap().to_owned(), codes.collect())
}

#[test]
fn a_cart_of_kits_and_their_components_is_promised_once() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        open(&mut world, 5, 6).await;
        let line = |sku: &str, quantity: u32| json!({ "sku": sku, "quantity": quantity, "unit_price_minor": 1200 });
        let of = |sets: u32, mugs: u32| json!([line("GIFT-SET", sets), line("MUG-WHT", mugs)]);
        assert_eq!(cart(&mut world, of(2, 2)).await, ("accept".into(), vec![]));
        let none = ("reject".to_owned(), vec!["not_available".to_owned()]);
        assert_eq!(cart(&mut world, json!([line("GIFT-SET", 4)])).await, none);
        let (decision, codes) = cart(&mut world, of(2, 3)).await;
        assert_eq!((decision.as_str(), codes.len()), ("reject", 2), "each line could be promised alone");
    });
}

#[test]
fn what_cannot_be_a_kit_is_refused() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        open(&mut world, 5, 6).await;
        let mut refused = async |sku: &str, components: Value, words: &str| {
            let reply = world.keep_item(sku, &json!({ "components": components })).await;
            assert_eq!(reply.status, 422, "{sku}: {}", reply.body);
            assert!(reply.body.contains(words), "{}", reply.body);
        };
        refused("MUG-WHT", json!({ "TEE-BLK-M": 1 }), "there is stock of MUG-WHT").await;
        refused("NEW-SET", json!({ "NOBODY-KNOWS": 1 }), "must be in the catalogue").await;
        refused("NEW-SET", json!({ "GIFT-SET": 1 }), "no kit").await;
        refused("NEW-SET", json!({ "NEW-SET": 1 }), "must be in the catalogue").await;
        refused("NEW-SET", json!({ "MUG-WHT": 0 }), "components").await;
        // Nobody counts kits.
        let goods = json!([{ "sku": "GIFT-SET", "quantity": 1 }]);
        let receipt = json!({ "receipt_id": "GR-1", "location": "LON1", "lines": goods });
        let reply = world.tell_stock("receipts", &receipt).await;
        assert_eq!(reply.status, 422, "{}", reply.body);
        assert!(reply.body.contains("tell of its components"), "{}", reply.body);
        // Once orders have it, what it is made of stays.
        place(&world, units_of("GIFT-SET", 1));
        world.settle().await;
        let reply = world.keep_item("GIFT-SET", &json!({ "components": {} })).await;
        assert_eq!(reply.status, 422, "{}", reply.body);
        goes_its_way(&mut world).await;
        let reply = world.keep_item("GIFT-SET", &json!({ "components": { "MUG-WHT": 3 } })).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
    });
}
