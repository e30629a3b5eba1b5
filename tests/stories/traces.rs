//! One correlation id from the storefront's request to the last call; and what is kept of a call that failed.

use std::collections::BTreeSet;

use crossdock_sandboxes::RecordedRequest;
use crossdock_step::Trace;
use crossdock_step::trace::TraceParent;
use crossdock_world::{Style, World};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::acts::{but, fault, goes_its_way, one_mug, place, two_lines};
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

/// The last failure of a task, as it lies with the order's people.
fn kept(world: &World, task: &str) -> Option<Value> {
    let kept = world.store.exchanges().into_iter().find(|((_, of), _)| of == task);
    kept.map(|(_, text)| serde_json::from_str(&text).unwrap())
}

#[test]
fn what_was_sent_and_answered_is_kept_without_the_person() {
    let world = told(
        async |world: &mut World| {
            let address = json!({ "zip": "00000", "address1": "Hidden Street 77", "city": "Hiddenham" });
            place(world, but(one_mug(), json!({ "shipping_address": address })));
            world.settle().await;
        },
        Style::Calm,
    );
    let kept = kept(&world, "request_fulfillment:F1").expect("the 3PL has refused the address");
    assert_eq!(kept["class"], "value");
    let calls = kept["calls"].as_array().unwrap();
    let call = calls.iter().find(|call| call["sent"]["method"] == "POST").expect("the order was sent");
    assert_eq!(call["answered"]["status"].as_u64().unwrap() / 100, 4);
    let body = &call["sent"]["body"];
    assert!(body["reference_id"].as_str().unwrap().ends_with("-F1"), "{body}");
    assert_eq!(
        (&body["products"][0]["quantity"], &body["recipient"]["address"]["zip_code"]),
        (&json!(1), &json!("•••(5)"))
    );
    for hidden in ["Hidden", "00000", "Bearer"] {
        assert!(!kept.to_string().contains(hidden), "{hidden} is in {kept:#}");
    }
}

#[test]
fn what_goes_well_leaves_nothing_behind() {
    let world = told(
        async |world: &mut World| {
            place(world, two_lines());
            goes_its_way(world).await;
        },
        Style::Calm,
    );
    assert!(world.store.exchanges().is_empty());
}

#[test]
fn a_message_that_died_says_of_what() {
    told(
        async |world: &mut World| {
            world.netsuite.add_fault(fault("* /services/rest/record/v1/", "status:503", 2));
            place(world, one_mug());
            while kept(world, "post_sales_order:SO").is_none() {
                world.moves(1).await;
            }
            let message = world.waiting_on("ErpQueue").remove(0);
            world.send("ErpDeadLetters", &message);
            world.moves(1).await;
            while world.orders()[0].attention().is_empty() {
                world.wait(SignedDuration::from_millis(100)).await;
            }
            let exception = world.orders()[0].attention().remove(0);
            assert_eq!(exception.about, "post_sales_order:SO");
            assert!(["intermittent", "in_doubt"].contains(&exception.class.as_str()), "{exception:?}");
            assert!(
                exception.reason.starts_with("every retry failed; the last time: NetSuite answered 503"),
                "{exception:?}"
            );
        },
        Style::Calm,
    );
}
