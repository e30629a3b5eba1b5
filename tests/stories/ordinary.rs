//! The ordinary prepaid order.

use crossdock_world::{World, WorldOptions};
use serde_json::json;

use crate::telling::{told, told_in_every_way};
use crossdock_world::Style;

async fn two_lines_shipped_at_once(world: &mut World) {
    world
        .shopify
        .act(json!({ "place_order": {
            "lines": [
                { "sku": "TEE-BLK-M", "quantity": 1, "price": "24.99" },
                { "sku": "MUG-WHT", "quantity": 2, "price": "12.00" },
            ],
            "taxes_included": true, "tax_rate": "0.2", "shipping": "4.95",
        }}))
        .unwrap();
    world.settle().await;
    world.shipbob.act(json!({ "ship": "all" })).unwrap();
    world.settle().await;
}

#[test]
fn an_ordinary_order_goes_all_the_way() {
    let (_, outside) = told(|world| Box::pin(two_lines_shipped_at_once(world)), &WorldOptions::default(), Style::Calm);
    assert_eq!(outside["orders"][0]["status"], "completed");
}

#[test]
fn an_ordinary_order_survives_everything() {
    told_in_every_way(|world| Box::pin(two_lines_shipped_at_once(world)), &WorldOptions::default());
}
