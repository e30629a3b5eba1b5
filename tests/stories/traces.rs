//! One correlation id from the storefront's request to the last call.

use std::collections::BTreeSet;

use crossdock_sandboxes::RecordedRequest;
use crossdock_step::Trace;
use crossdock_step::trace::TraceParent;
use crossdock_world::{Style, World};

use crate::acts::{goes_its_way, one_mug, place, two_lines};
use crate::telling::told;

/// What of the two orders of the story names whom, and how their first requests were called.
const CORRELATION_IDS: [&str; 2] = ["4bf92f3577b34da6a3ce929d0e0e4736", "checkout-0042"];

/// The shop tells of a new order with this correlation id.
async fn placed_as(world: &mut World, order: serde_json::Value, correlation_id: &str) -> String {
    let id = place(world, order);
    for delivery in world.shopify.take_deliveries() {
        let mut headers = delivery.headers.clone();
        headers.push(("x-correlation-id".into(), correlation_id.into()));
        assert_eq!(world.deliver("shopify-uk", &headers, &delivery.body).await.unwrap().status, 200);
    }
    id
}

fn header<'a>(request: &'a RecordedRequest, name: &str) -> &'a str {
    let found: Vec<&str> =
        request.headers.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str()).collect();
    assert_eq!(found.len(), 1, "{name} of {} {}", request.method, request.path);
    found[0]
}

#[test]
fn every_call_to_the_outside_carries_the_orders_correlation_id() {
    let mut ids = Vec::new();
    let ids_of = std::cell::RefCell::new(&mut ids);
    let world = told(
        async |world: &mut World| {
            let first = placed_as(world, two_lines(), CORRELATION_IDS[0]).await;
            let second = placed_as(world, one_mug(), CORRELATION_IDS[1]).await;
            goes_its_way(world).await;
            **ids_of.borrow_mut() = vec![first, second];
        },
        Style::Calm,
    );
    for (order, expected) in ids.iter().zip(CORRELATION_IDS) {
        let order = world.order(&format!("shopify-uk.{order}"));
        assert_eq!(order.correlation_id.as_deref(), Some(expected), "as GET /v1/orders/{{order_id}} shows it");
        assert!(order.completed_at.is_some());
    }
    let mut spans = BTreeSet::new();
    for (system, requests) in [
        ("shopify", world.shopify.requests()),
        ("shipbob", world.shipbob.requests()),
        ("netsuite", world.netsuite.requests()),
    ] {
        assert!(requests.len() >= 2, "{system} was called");
        for request in requests {
            let correlation_id = header(&request, "x-correlation-id");
            let traceparent = TraceParent::parse(header(&request, "traceparent")).expect("a well-formed traceparent");
            assert_eq!(traceparent.trace_id, Trace::new(correlation_id).trace_id());
            assert!(spans.insert(traceparent.span_id), "each call is a span of its own");
            let said = format!("{} {}", request.path, request.body);
            for (order, expected) in ids.iter().zip(CORRELATION_IDS) {
                if said.contains(order.as_str()) {
                    assert_eq!(correlation_id, expected, "{system}: {} {said}", request.method);
                }
            }
            assert!(
                CORRELATION_IDS.contains(&correlation_id) || correlation_id.starts_with("publish-stock-"),
                "{said}"
            );
        }
    }
}

#[test]
fn a_callers_traceparent_is_followed_where_it_is_well_formed() {
    for (traceparent, expected) in [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", "request-1"),
        ("00-not-a-trace", "request-1"),
    ] {
        told(
            async |world: &mut World| {
                let id = place(world, one_mug());
                for delivery in world.shopify.take_deliveries() {
                    let mut headers = delivery.headers.clone();
                    headers.push(("traceparent".into(), traceparent.into()));
                    let reply = world.deliver("shopify-uk", &headers, &delivery.body).await.unwrap();
                    assert_eq!(reply.status, 200);
                }
                world.settle().await;
                let order = world.order(&format!("shopify-uk.{id}"));
                assert_eq!(order.correlation_id.as_deref(), Some(expected), "{traceparent}");
            },
            Style::Calm,
        );
    }
}
