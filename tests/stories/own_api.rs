//! Orders that a caller of our own API brings: they have no storefront that is to be told.

use crossdock_world::World;
use serde_json::{Value, json};

use crate::acts::{goes_its_way, place, two_lines};
use crate::books::{assert_all_closed, assert_books, assert_documents, assert_stock};
use crate::telling::told_in_every_way;

fn offer(channel_order_id: &str) -> Value {
    json!({
        "connection": "web-uk", "channel_order_id": channel_order_id, "name": "#10042",
        "placed_at": "2026-11-23T08:55:00Z", "currency": "GBP", "taxes_included": true,
        "shipping_address": {
            "name": "A Buyer", "address1": "1 Example Street", "city": "London", "postal_code": "SW1A 1AA", "country": "GB",
        },
        "lines": [
            { "line_id": "L1", "sku": "MUG-WHT", "quantity": 2, "unit_price_minor": 1200,
              "tax_lines": [{ "title": "GB VAT", "rate": "0.2", "amount_minor": 400 }] },
            { "line_id": "L2", "sku": "TEE-BLK-M", "quantity": 1, "unit_price_minor": 2499, "discount_minor": 100,
              "tax_lines": [{ "title": "GB VAT", "rate": "0.2", "amount_minor": 400 }] },
        ],
        "shipping": [{ "title": "Standard", "amount_minor": 495, "tax_lines": [{ "title": "GB VAT", "rate": "0.2", "amount_minor": 83 }] }],
        "tenders": [{ "tender_id": "pay-1", "gateway": "stripe", "kind": "sale", "status": "success", "amount_minor": 5294 }],
        "total_minor": 5294,
    })
}

#[test]
fn an_order_by_api_goes_all_the_way_without_a_storefront() {
    let world = told_in_every_way(async |world: &mut World| {
        let reply = world.post_order("key-1", offer("W-10042").to_string().as_bytes()).await;
        assert_eq!(reply.status, 202, "{}", reply.body);
        goes_its_way(world).await;
    });
    let order = world.orders().remove(0);
    assert_eq!(order.status().to_string(), "completed");
    assert!(order.announcements.is_empty() && world.shopify.requests().is_empty(), "nobody is to be told");
    assert_books(&world, &[("GBP".to_owned(), 5294)].into());
    assert_documents(&world);
    assert_stock(&world);
}

#[test]
fn the_same_order_under_another_key_is_one_order() {
    let world = told_in_every_way(async |world: &mut World| {
        let body = offer("W-10042").to_string();
        let first = world.post_order("key-1", body.as_bytes()).await;
        assert_eq!(first.status, 202, "{}", first.body);
        let second = world.post_order("key-2", body.as_bytes()).await;
        assert_eq!((second.status, &second.json()["differs"]), (200, &json!(false)), "{}", second.body);
        let mut dearer = offer("W-10042");
        dearer["name"] = json!("#10043");
        let third = world.post_order("key-3", dearer.to_string().as_bytes()).await;
        assert_eq!((third.status, &third.json()["differs"]), (200, &json!(true)), "{}", third.body);
        goes_its_way(world).await;
    });
    assert_eq!(world.orders().len(), 1);
    assert_books(&world, &[("GBP".to_owned(), 5294)].into());
}

#[test]
fn the_same_order_by_webhook_and_by_api_is_one_order() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = place(world, two_lines());
        world.settle().await;
        let mut body = offer(&id);
        body["connection"] = json!("shopify-uk");
        let reply = world.post_order("key-1", body.to_string().as_bytes()).await;
        assert_eq!((reply.status, &reply.json()["differs"]), (200, &json!(true)), "{}", reply.body);
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
}
