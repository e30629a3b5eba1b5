//! What the storefront shows as on hand: it subtracts its own orders itself, also those that we have not seen.

use crossdock_world::{Style, World, WorldOptions};
use jiff::SignedDuration;
use serde_json::json;

use crate::acts::{configure, fault, goes_its_way, one_mug, place, ship_all, units_of};
use crate::telling::{run, told};

/// On hand, available and committed of mugs in London, as the shop shows them.
fn shop(world: &World) -> (i64, i64, i64) {
    let level = world.shopify.stock("MUG-WHT", "LON1").unwrap();
    (level.on_hand, level.available, level.committed)
}

/// How many times the shop was told of stock.
fn calls(world: &World) -> usize {
    world
        .shopify
        .requests()
        .iter()
        .filter(|request| request.body.to_string().contains("inventorySetQuantities("))
        .count()
}

/// A shop that is shown stock and sells mugs from London.
async fn open(world: &mut World, units: i64) {
    configure(world, "shopify-uk", |settings| {
        settings["channel"]["publish_stock"] = json!(true);
        settings["channel"]["sourcing"] = json!({ "locations": [{ "location": "LON1" }], "split": "never" });
    })
    .await;
    world.begin_with("MUG-WHT", &[("LON1", units)]);
    world.shopify.act(json!({ "set_inventory": { "sku": "MUG-WHT", "location": "LON1", "on_hand": 0 } })).unwrap();
}

async fn adjust(world: &mut World, id: &str, units: i64) {
    let document = json!({ "adjustment_id": id, "location": "LON1", "reason": "correction",
                           "lines": [{ "sku": "MUG-WHT", "on_hand": units }] });
    let reply = world.tell_stock("adjustments", &document).await;
    assert!(matches!(reply.status, 200 | 201), "{}", reply.body);
}

/// An order of another channel.
async fn sold_elsewhere(world: &mut World, id: &str, units: u32) {
    let order = json!({
        "connection": "web-uk", "channel_order_id": id, "name": format!("#{id}"), "placed_at": "2026-11-23T08:55:00Z",
        "currency": "GBP", "taxes_included": true, "total_minor": 1200 * i64::from(units), "shipping": [],
        "tenders": [{ "tender_id": "T1", "gateway": "stripe", "kind": "sale", "status": "success", "amount_minor": 1200 * i64::from(units) }],
        "shipping_address": { "name": "A Buyer", "address1": "1 Example Street", "city": "London", "postal_code": "SW1A 1AA", "country": "GB" },
        "lines": [{ "line_id": "L1", "sku": "MUG-WHT", "quantity": units, "unit_price_minor": 1200, "tax_lines": [] }],
    });
    let reply = world.post_order(id, order.to_string().as_bytes()).await;
    assert_eq!(reply.status, 202, "{}", reply.body);
}

#[test]
fn the_shop_shows_what_is_there_less_what_others_have_sold() {
    for style in [Style::Calm, Style::Doubled, Style::Shuffled(1), Style::Shuffled(2), Style::Stormy(3)] {
        let world = told(
            async |world: &mut World| {
                open(world, 10).await;
                adjust(world, "A-1", 5).await;
                world.settle().await;
                assert_eq!(shop(world), (15, 15, 0), "{style:?}");
                // Its own order it subtracts itself; our reservation of it changes nothing that it is shown.
                place(world, units_of("MUG-WHT", 2));
                world.settle().await;
                assert_eq!(shop(world), (15, 13, 2), "{style:?}");
                sold_elsewhere(world, "W-1", 3).await;
                world.settle().await;
                assert_eq!(shop(world), (12, 10, 2), "{style:?}");
                // What leaves is told, and the shop takes it off by itself.
                goes_its_way(world).await;
                assert_eq!(shop(world), (10, 10, 0), "{style:?}\n{}", world.transcript.join("\n"));
                adjust(world, "A-2", -1).await;
                world.settle().await;
            },
            style,
        );
        assert_eq!(shop(&world), (9, 9, 0), "{style:?}");
    }
}

/// An order that we have not seen yet is safe: what we show is on hand, of which the shop subtracts it.
#[test]
fn an_order_that_nobody_has_told_us_of_is_not_sold_again() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        open(&mut world, 10).await;
        adjust(&mut world, "A-1", -4).await;
        world.settle().await;
        place(&world, units_of("MUG-WHT", 5));
        let withheld = world.shopify.take_deliveries();
        adjust(&mut world, "A-2", -1).await;
        world.settle().await;
        assert_eq!(shop(&world), (5, 0, 5), "nothing is left to sell, though we know of no order");
        for delivery in withheld {
            world.deliver("shopify-uk", &delivery.headers, &delivery.body).await;
        }
        goes_its_way(&mut world).await;
        assert_eq!(shop(&world), (0, 0, 0));
    });
}

/// What can wait leaves the shop's budget of calls to what cannot: with less than half of it left, stock is shown later.
#[test]
fn orders_and_refunds_go_before_stock() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        open(&mut world, 100).await;
        adjust(&mut world, "A-0", -1).await;
        world.settle().await;
        let before = calls(&world);
        // Another app's process is busy; the first call finds out.
        world.shopify.act(json!({ "drain_bucket": { "points": 400 } })).unwrap();
        adjust(&mut world, "A-1", -1).await;
        world.moves(50).await;
        let first = calls(&world);
        assert_eq!(first, before + 1);
        for n in 2..20 {
            adjust(&mut world, &format!("A-{n}"), -1).await;
            world.moves(20).await;
        }
        assert_eq!(calls(&world), first, "it waits until the bucket is half full");
        world.settle().await;
        assert_eq!((shop(&world), calls(&world)), ((80, 80, 0), first + 1), "and then shows the last value");
    });
}

/// Two hundred changes of one SKU in a burst are a handful of calls, and the last value is shown.
#[test]
fn a_burst_is_a_handful_of_calls() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        open(&mut world, 1000).await;
        for n in 0..200 {
            adjust(&mut world, &format!("A-{n}"), -1).await;
        }
        world.settle().await;
        assert_eq!(shop(&world), (800, 800, 0));
        assert!(calls(&world) <= 5, "{} calls for 200 changes", calls(&world));
    });
}

/// A call whose answer was lost, a shop that is busy, and one that is away: the last value is shown in the end.
#[test]
fn whatever_fails_the_last_value_is_shown() {
    for kind in ["timeout_after_commit", "status:500", "status:429", "status:503", "wrong_answer"] {
        run(async {
            let mut world = World::new(WorldOptions::default());
            open(&mut world, 10).await;
            adjust(&mut world, "A-1", 1).await;
            world.settle().await;
            world.shopify.add_fault(fault("inventorySetQuantities", kind, 3));
            for n in 2..6 {
                adjust(&mut world, &format!("A-{n}"), 1).await;
                world.moves(3).await;
            }
            world.wait(SignedDuration::from_hours(1)).await;
            assert_eq!(shop(&world), (15, 15, 0), "{kind}\n{}", world.transcript.join("\n"));
        });
    }
}

/// Somebody changes the number at the shop. It stays for a moment, because it may be a parcel that the shop was told of;
/// then it is brought back to what is there.
#[test]
fn a_number_that_somebody_has_changed_is_brought_back() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        open(&mut world, 10).await;
        adjust(&mut world, "A-1", 1).await;
        world.settle().await;
        world.shopify.act(json!({ "set_inventory": { "sku": "MUG-WHT", "location": "LON1", "on_hand": 50 } })).unwrap();
        adjust(&mut world, "A-2", 1).await;
        world.wait(SignedDuration::from_mins(5)).await;
        assert_eq!(shop(&world), (12, 12, 0), "{}", world.transcript.join("\n"));
    });
}

#[test]
fn a_shop_that_nobody_shows_stock_to_is_left_alone() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        world.shopify.act(json!({ "set_inventory": { "sku": "MUG-WHT", "location": "LON1", "on_hand": 3 } })).unwrap();
        place(&world, one_mug());
        world.settle().await;
        ship_all(&world);
        world.settle().await;
        assert_eq!((calls(&world), shop(&world).0), (0, 2));
    });
}
