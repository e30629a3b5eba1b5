//! Functions that keep dying, streams that lose records, deliveries that nobody can make sense of.

use crossdock_world::World;
use jiff::SignedDuration;
use serde_json::json;

use crate::acts::{
    attention, configure, goes_its_way, place, retry_everything, ship_all, shop_delivers, signed_by_the_shop, two_lines,
};
use crate::books::assert_all_closed;
use crate::telling::told_in_every_way;

async fn with_a_deadly(host: &str, world: &mut World) {
    world.plan.deadly_host(Some(host));
    world.wait(SignedDuration::from_hours(2)).await;
    let exceptions = attention(world).await;
    assert!(exceptions.iter().any(|exception| exception.ends_with(" exhausted")), "{exceptions:?}");
    world.plan.deadly_host(None);
    retry_everything(world).await;
}

#[test]
fn a_task_whose_function_dies_every_time_is_parked_and_a_retry_does_it() {
    let world = told_in_every_way(async |world: &mut World| {
        place(world, two_lines());
        with_a_deadly("netsuite.sandbox", world).await;
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
}

#[test]
fn a_3pl_order_whose_function_dies_every_time_is_parked_and_a_retry_does_it() {
    let world = told_in_every_way(async |world: &mut World| {
        place(world, two_lines());
        with_a_deadly("shipbob.sandbox", world).await;
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
}

#[test]
fn an_announcement_whose_function_dies_every_time_is_parked_and_a_retry_does_it() {
    let world = told_in_every_way(async |world: &mut World| {
        place(world, two_lines());
        world.settle().await;
        world.plan.from_here();
        ship_all(world);
        with_a_deadly("shopify-uk.sandbox", world).await;
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
}

/// What the stream has lost is published by the deadline, wherever it was lost.
#[test]
fn what_the_stream_loses_is_published_by_the_deadline() {
    for lost_after in 1..=24 {
        let world = crate::telling::told(
            async |world: &mut World| {
                place(world, two_lines());
                world.moves(lost_after).await;
                world.lose_stream();
                world.settle().await;
                ship_all(world);
                world.moves(lost_after).await;
                world.lose_stream();
                world.settle().await;
                goes_its_way(world).await;
            },
            crossdock_world::Style::Calm,
        );
        assert_all_closed(&world);
    }
}

#[test]
fn a_stream_that_loses_everything_is_only_slower() {
    let world = told_in_every_way(async |world: &mut World| {
        place(world, two_lines());
        for _ in 0..60 {
            world.moves(1).await;
            world.lose_stream();
        }
        world.settle().await;
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
}

#[test]
fn a_delivery_that_nobody_understands_is_an_exception_and_no_loop() {
    let world = told_in_every_way(async |world: &mut World| {
        shop_delivers(world, "orders/create", b"{ not JSON").await;
        world.wait(SignedDuration::from_hours(3)).await;
        let exceptions = attention(world).await;
        assert!(
            !exceptions.is_empty() && exceptions.iter().all(|exception| exception == "delivery parse"),
            "{exceptions:?}"
        );
        retry_everything(world).await;
        world.wait(SignedDuration::from_hours(3)).await;
        assert!(!attention(world).await.is_empty(), "it is still not understood");
    });
    assert!(world.orders().is_empty());
    assert!(world.waiting_on("InboundQueue").is_empty() && world.waiting_on("InboundDeadLetters").is_empty());
}

/// The connection lost its settings as a channel: deliveries wait as exceptions, and are taken once it is mended.
#[test]
fn a_delivery_that_could_not_be_taken_is_taken_by_a_retry() {
    let world = told_in_every_way(async |world: &mut World| {
        let key = "channel";
        let kept = std::sync::Mutex::new(serde_json::Value::Null);
        configure(world, "shopify-uk", |settings| *kept.lock().unwrap() = settings[key].take()).await;
        configure(world, "shopify-uk", |settings| {
            settings.as_object_mut().unwrap().remove(key);
        })
        .await;
        place(world, two_lines());
        world.wait(SignedDuration::from_hours(3)).await;
        assert!(world.orders().is_empty());
        let kept = kept.into_inner().unwrap();
        configure(world, "shopify-uk", |settings| settings[key] = kept.clone()).await;
        retry_everything(world).await;
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
}

/// A signature that is not the shop's leaves nothing behind.
#[test]
fn a_forged_delivery_is_refused_and_leaves_nothing() {
    let world = crate::telling::told(
        async |world: &mut World| {
            let body = json!({ "id": 1 }).to_string();
            let mut headers = signed_by_the_shop("orders/create", b"something else");
            let reply = world.deliver("shopify-uk", &headers, body.as_bytes()).await.unwrap();
            assert_eq!(reply.status, 401);
            headers.retain(|(name, _)| name != "X-Shopify-Hmac-Sha256");
            let reply = world.deliver("shopify-uk", &headers, body.as_bytes()).await.unwrap();
            assert_eq!(reply.status, 401);
            world.settle().await;
        },
        crossdock_world::Style::Calm,
    );
    assert_eq!((world.orders().len(), world.traffic()), (0, (0, 0)));
}
