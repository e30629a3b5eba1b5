//! Orders that wait for somebody.

use crossdock_world::World;
use serde_json::{Value, json};

use crate::acts::{attention, but, goes_its_way, one_mug, place, retry_everything, shop_delivers, two_lines, units_of};
use crate::books::{assert_all_closed, rows};
use crate::telling::told_in_every_way;

#[test]
fn an_unpaid_order_waits_for_its_payment() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = place(world, but(two_lines(), json!({ "financial_status": "pending" })));
        world.settle().await;
        assert_eq!(attention(world).await, ["hold:unpaid unpaid"]);
        assert_eq!(rows(&world.netsuite.documents(), "documents").count(), 0, "nothing is posted before it is paid");
        world.shopify.act(json!({ "pay_order": { "order": id } })).unwrap();
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
}

/// A person retries before the cause is gone: nothing happens, and they are told why.
#[test]
fn an_unknown_sku_is_held_until_the_catalogue_knows_it() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = place(world, units_of("HAT-NEW", 1));
        world.settle().await;
        assert_eq!(attention(world).await, ["hold:unknown_sku unknown_sku"]);
        let early = world.retry(&format!("shopify-uk.{id}~hold:unknown_sku")).await;
        assert_eq!(
            (early.status, early.json()["type"].as_str()),
            (409, Some("/problems/nothing-to-retry")),
            "{}",
            early.body
        );
        let item = json!({
            "sku": "HAT-NEW", "prices": { "GBP": 1200 }, "identities": { "netsuite": "503", "shipbob": "HAT-NEW" },
            "stock": { "LON1": { "on_hand": 0, "available": 0 } },
        });
        world.store.put_item(serde_json::from_value(item).unwrap());
        world.begin_with("HAT-NEW", &[("LON1", 9)]);
        retry_everything(world).await;
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
}

/// Told again without any change, with a newer time: the same order.
#[test]
fn an_order_that_was_only_touched_goes_on() {
    let world = told_in_every_way(async |world: &mut World| {
        place(world, one_mug());
        let first = world.shopify.take_deliveries().remove(0);
        shop_delivers(world, "orders/create", &first.body).await;
        let mut touched: Value = serde_json::from_slice(&first.body).unwrap();
        touched["updated_at"] = json!("2026-11-23T10:00:00+00:00");
        touched["note"] = json!("called the buyer");
        shop_delivers(world, "orders/updated", touched.to_string().as_bytes()).await;
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
}

#[test]
fn an_order_that_cannot_be_read_is_held_and_goes_when_it_comes_again() {
    let world = told_in_every_way(async |world: &mut World| {
        place(world, one_mug());
        let whole = world.shopify.take_deliveries().remove(0);
        let mut torn: Value = serde_json::from_slice(&whole.body).unwrap();
        torn["current_total_price_set"] = json!({ "shop_money": { "amount": "twelve", "currency_code": "GBP" } });
        torn["current_total_price"] = json!("twelve");
        torn["total_price"] = json!("twelve");
        torn["total_price_set"] = json!("twelve");
        shop_delivers(world, "orders/create", torn.to_string().as_bytes()).await;
        world.settle().await;
        assert_eq!(attention(world).await, ["hold:unreadable unreadable"]);
        shop_delivers(world, "orders/updated", &whole.body).await;
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
}
