//! Many orders at once, in bad weather.

use crossdock_world::{Phase, Style, World};
use jiff::SignedDuration;
use serde_json::json;

use crate::acts::{fault, retry_everything, ship_all};
use crate::books::assert_all_closed;
use crate::telling::told;

const ORDERS: u32 = 30;

/// Faults of every vendor and deaths of functions, drawn from a seed.
fn bad_weather(world: &World, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let kinds =
        ["timeout_after_commit", "timeout_before_commit", "status:500", "status:429", "status_after_commit:500"];
    for _ in 0..12 {
        let kind = kinds[random.usize(..kinds.len())];
        let times = random.u32(1..4);
        match random.u8(..4) {
            0 => world.shipbob.add_fault(fault("* /", kind, times)),
            1 => world.shopify.add_fault(fault("POST /admin/api", kind, times)),
            _ => world.netsuite.add_fault(fault("* /services/rest/record/", kind, times)),
        }
    }
    for _ in 0..25 {
        let phase = if random.bool() { Phase::Before } else { Phase::After };
        world.plan.at(random.u64(1..3000), phase);
    }
}

async fn thirty_orders(world: &mut World, seed: u64) {
    bad_weather(world, seed);
    let template = json!({
        "lines": [
            { "sku": "TEE-BLK-M", "quantity": 1, "price": "24.99" },
            { "sku": "MUG-WHT", "quantity": 2, "price": "12.00" },
        ],
        "taxes_included": true, "tax_rate": "0.2", "shipping": "4.95",
    });
    world.shopify.act(json!({ "place_orders": { "count": ORDERS, "template": template, "from": seed } })).unwrap();
    for _ in 0..6 {
        world.settle().await;
        ship_all(world);
        world.wait(SignedDuration::from_hours(2)).await;
        // An answer lost three times in a row may need somebody who looks; nobody has to do anything else.
        retry_everything(world).await;
    }
    world.wait(SignedDuration::from_hours(14)).await;
}

#[test]
fn thirty_orders_in_bad_weather_are_all_completed_once() {
    for seed in 1..=4 {
        let world = told(async |world: &mut World| thirty_orders(world, seed).await, Style::Stormy(seed));
        assert_eq!(world.orders().len(), ORDERS as usize);
        assert!(world.plan.has_crashed(), "nothing died");
        assert_all_closed(&world);
    }
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let transcript =
        |_: u32| told(async |world: &mut World| thirty_orders(world, 7).await, Style::Stormy(7)).transcript;
    assert_eq!(transcript(1), transcript(2));
}
