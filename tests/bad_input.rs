//! Bad input: a clear 4xx that says what to do, and nothing stored.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "stack/mod.rs"]
mod stack;

use crossdock_world::{Reply, World, WorldOptions};
use serde_json::{Value, json};
use stack::api_order;

const EVERYBODY: (&str, &str, &str) = ("tester", "orders:write", "*");

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

fn stored(world: &World) -> (usize, u64, u64) {
    let usage = world.usage();
    (world.store.streams().len(), usage.log_writes, usage.other_writes)
}

fn says(reply: &Reply, status: i64) {
    assert_eq!(reply.status, status, "{}", reply.body);
    let problem = reply.json();
    assert_eq!(problem["status"], status);
    assert_eq!(reply.headers["content-type"], "application/problem+json");
    for member in ["type", "title", "detail"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member} in {problem}");
    }
}

/// Sends one body and holds that it is refused and leaves nothing behind.
async fn refused(world: &mut World, body: &[u8], statuses: &[i64]) -> Value {
    let before = stored(world);
    let reply = world.post_order("a-key", body).await;
    assert!(
        statuses.contains(&reply.status),
        "{} for {}",
        reply.status,
        String::from_utf8_lossy(&body[..body.len().min(200)])
    );
    says(&reply, reply.status);
    assert_eq!(stored(world), before, "something was stored for {}", reply.body);
    reply.json()
}

fn with(pointer: &str, value: Value) -> Vec<u8> {
    let mut order = api_order("BAD-1");
    *order.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
    order.to_string().into_bytes()
}

#[test]
fn what_is_no_json_object_is_refused() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        let whole = api_order("BAD-1").to_string();
        let nested = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
        let inside = whole.replace("\"United", "x").replacen("\"GBP\"", &nested, 1);
        let twice = whole.replacen('{', "{\"currency\":\"EUR\",", 1);
        let surrogate = whole.replacen("Buyer", "\\ud800", 1);
        let bodies: Vec<Vec<u8>> = vec![
            b"".to_vec(),
            b"null".to_vec(),
            b"[]".to_vec(),
            b"42".to_vec(),
            b"{".to_vec(),
            whole.as_bytes()[..whole.len() / 2].to_vec(),
            [b"\xef\xbb\xbf", whole.as_bytes()].concat(),
            b"\xff\xfe".to_vec(),
            nested.into_bytes(),
            inside.into_bytes(),
            twice.into_bytes(),
            surrogate.into_bytes(),
            vec![b'a'; 300 * 1024],
        ];
        for body in bodies {
            refused(&mut world, &body, &[400, 413, 422]).await;
        }
    });
}

#[test]
fn a_wrong_value_is_named_by_its_place() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        let cases = [
            ("/lines/0/quantity", json!(0)),
            ("/lines/0/quantity", json!(-1)),
            ("/lines/0/quantity", json!(1.5)),
            ("/lines/0/quantity", json!(4_294_967_296_u64)),
            ("/lines/0/quantity", json!("1")),
            ("/lines/0/unit_price_minor", json!(-1)),
            ("/lines/0/unit_price_minor", json!(24.99)),
            ("/lines/0/unit_price_minor", json!(i64::MAX)),
            ("/lines/0/unit_price_minor", json!("1,000.00")),
            ("/lines/0/sku", json!("")),
            ("/lines/0/sku", json!("TEE\u{0}BLK")),
            ("/lines/0/tax_lines/0/rate", json!("NaN")),
            ("/total_minor", json!(-5)),
            ("/currency", json!("POUND")),
            ("/currency", json!(826)),
            ("/placed_at", json!("yesterday")),
            ("/channel_order_id", json!("has spaces")),
            ("/channel_order_id", json!("ThisIdentityIsLongerThanTwenty")),
            ("/connection", json!("Shopify UK")),
            ("/shipping_address/country", json!("Great Britain")),
            ("/shipping_address/name", json!("x".repeat(10_000))),
            ("/lines", json!([])),
        ];
        for (pointer, value) in cases {
            let problem = refused(&mut world, &with(pointer, value.clone()), &[400, 422]).await;
            let named = problem["reasons"].as_array().into_iter().flatten();
            let places: Vec<&str> = named.filter_map(|reason| reason["pointer"].as_str()).collect();
            assert!(places.iter().any(|place| place.starts_with(pointer)), "{pointer} = {value}: {problem}");
        }
        refused(&mut world, &api_order("BAD-1").to_string().replace("2499", "1e400").into_bytes(), &[400, 422]).await;
        let mut stranger = api_order("BAD-1");
        stranger["status"] = json!("completed");
        refused(&mut world, stranger.to_string().as_bytes(), &[400, 422]).await;
    });
}

#[test]
fn ten_thousand_lines_are_too_many() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        let line = api_order("BAD-1")["lines"][0].clone();
        refused(&mut world, &with("/lines", json!(vec![line.clone(); 10_000])), &[400, 413, 422]).await;
        refused(&mut world, &with("/lines", json!(vec![line; 501])), &[400, 413, 422]).await;
    });
}

#[test]
fn a_card_number_is_refused_and_not_repeated() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        let mut order = api_order("BAD-1");
        order["note"] = json!("please charge 4111 1111 1111 1111");
        let problem = refused(&mut world, order.to_string().as_bytes(), &[422]).await;
        assert!(!problem.to_string().contains("4111"), "{problem}");
    });
}

#[test]
fn a_cart_and_a_receipt_are_judged_as_strictly() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        let before = stored(&world);
        for body in [
            "",
            "{}",
            "[]",
            "{\"connection\":\"web-uk\",\"lines\":[]}",
            "{\"connection\":\"web-uk\",\"currency\":\"GBP\",\"ship_to\":{\"country\":\"GB\"},\"lines\":[{\"sku\":\"A\",\"quantity\":-1,\"unit_price_minor\":1}]}",
        ] {
            let reply = world.validate_cart(body.as_bytes()).await;
            assert!([400, 422].contains(&reply.status), "{body}: {}", reply.status);
            says(&reply, reply.status);
        }
        let line = json!({ "sku": "TEE-BLK-M", "quantity": 1 });
        let hold = json!({ "connection": "web-uk", "hold_id": "c", "country": "GB", "lines": [line] });
        for (name, value) in [
            ("hold_id", json!("a b")),
            ("country", json!("Britain")),
            ("lines", json!([line, line])),
            ("lines", json!([])),
            ("expires_in_seconds", json!(5)),
            ("colour", json!("red")),
        ] {
            let mut body = hold.clone();
            body[name] = value;
            let reply = world.hold_stock(&body).await;
            assert!([400, 422].contains(&reply.status), "{body}: {}", reply.status);
            says(&reply, reply.status);
        }
        let receipts = [
            json!({}),
            json!({ "receipt_id": "R1", "location": "LON1", "lines": [] }),
            json!({ "receipt_id": "R1", "location": "LON1", "lines": [{ "sku": "TEE-BLK-M", "quantity": 0 }] }),
            json!({ "receipt_id": "R1", "location": "LON1", "lines": [{ "sku": "TEE-BLK-M", "quantity": -3 }] }),
            json!({ "receipt_id": "R1", "location": "LON1", "lines": [{ "sku": "NO-SUCH-SKU", "quantity": 3 }] }),
            json!({ "receipt_id": "R 1#", "location": "nowhere!", "lines": [{ "sku": "TEE-BLK-M", "quantity": 3 }] }),
        ];
        for receipt in receipts {
            let reply = world.receive_stock(&receipt).await;
            assert!([400, 422].contains(&reply.status), "{receipt}: {}", reply.status);
            says(&reply, reply.status);
        }
        assert_eq!(stored(&world), before);
    });
}

#[test]
fn a_key_is_asked_for_and_bounded() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        let body = api_order("KEY-1").to_string();
        let long = "k".repeat(10_000);
        for key in [None, Some(""), Some("has spaces"), Some(long.as_str())] {
            let before = stored(&world);
            let reply = world.post_order_as(EVERYBODY, key, body.as_bytes()).await;
            says(&reply, 400);
            assert_eq!(stored(&world), before);
        }
    });
}

#[test]
fn one_key_is_one_request() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        let body = api_order("KEY-2").to_string();
        let first = world.post_order("key-2", body.as_bytes()).await;
        assert_eq!(first.status, 202, "{}", first.body);
        assert_eq!(first.headers["location"], "/v1/orders/web-uk.KEY-2");
        world.settle().await;
        let again = world.post_order("key-2", body.as_bytes()).await;
        assert_eq!((again.status, &again.body), (202, &first.body), "byte for byte, however far the order is by now");
        let mut dearer = api_order("KEY-2");
        dearer["total_minor"] = json!(5395);
        says(&world.post_order("key-2", dearer.to_string().as_bytes()).await, 422);
        let mut elsewhere = api_order("KEY-3");
        elsewhere["name"] = json!("another order under the same key");
        says(&world.post_order("key-2", elsewhere.to_string().as_bytes()).await, 422);
        let same_key_of_somebody_else =
            world.post_order_as(("other", "orders:write", "*"), Some("key-2"), body.as_bytes()).await;
        assert_eq!(same_key_of_somebody_else.status, 200, "callers' keys never meet");
        let linked = world.post_order("key-4", body.as_bytes()).await;
        assert_eq!((linked.status, &linked.json()["differs"]), (200, &json!(false)), "{}", linked.body);
        let mut other = api_order("KEY-2");
        other["lines"][0]["quantity"] = json!(2);
        let differs = world.post_order("key-5", other.to_string().as_bytes()).await;
        assert_eq!((differs.status, &differs.json()["differs"]), (200, &json!(true)), "{}", differs.body);
        assert_eq!(world.orders().len(), 1, "never a second order");
    });
}

#[test]
fn a_refusal_is_answered_the_same_and_can_be_corrected_under_a_new_key() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        let mut wrong = api_order("KEY-6");
        wrong["lines"][0]["sku"] = json!("NO-SUCH-SKU");
        wrong["shipping_address"]["country"] = json!("US");
        let refused = world.post_order("key-6", wrong.to_string().as_bytes()).await;
        says(&refused, 422);
        let problem = refused.json();
        let codes: Vec<&str> =
            problem["reasons"].as_array().unwrap().iter().map(|r| r["code"].as_str().unwrap()).collect();
        assert!(codes.contains(&"unknown_sku") && codes.contains(&"country"), "every reason at once: {codes:?}");
        let again = world.post_order("key-6", wrong.to_string().as_bytes()).await;
        assert_eq!((again.status, again.body), (422, refused.body));
        world.settle().await;
        assert_eq!(world.netsuite.documents()["documents"], json!([]), "nothing of it reached anybody");
        let right = world.post_order("key-7", api_order("KEY-6").to_string().as_bytes()).await;
        assert_eq!(right.status, 202, "{}", right.body);
    });
}

#[test]
fn an_unsigned_delivery_leaves_nothing_behind() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        world
            .shopify
            .act(json!({ "place_order": { "lines": [{ "sku": "TEE-BLK-M", "quantity": 1, "price": "24.99" }] } }))
            .unwrap();
        let delivery = world.shopify.take_deliveries().remove(0);
        let signature = |headers: &[(String, String)]| {
            headers.iter().position(|(name, _)| name.eq_ignore_ascii_case("x-shopify-hmac-sha256")).unwrap()
        };
        let at = signature(&delivery.headers);
        let mut without = delivery.headers.clone();
        without.remove(at);
        let mut wrong = delivery.headers.clone();
        wrong[at].1 = "bm90IHRoZSBzaWduYXR1cmU=".into();
        let mut doubled = delivery.headers.clone();
        doubled.push(doubled[at].clone());
        let mut other_shop = delivery.headers.clone();
        for (name, value) in &mut other_shop {
            if name.eq_ignore_ascii_case("x-shopify-shop-domain") {
                *value = "somebody-else.myshopify.com".into();
            }
        }
        let (before, sent) = (stored(&world), world.traffic());
        for headers in [&without, &wrong, &doubled, &other_shop] {
            says(&world.deliver("shopify-uk", headers, &delivery.body).await.unwrap(), 401);
        }
        let longer = [delivery.body.as_slice(), b" "].concat();
        says(&world.deliver("shopify-uk", &delivery.headers, &longer).await.unwrap(), 401);
        says(&world.deliver("nobody", &delivery.headers, &delivery.body).await.unwrap(), 404);
        assert_eq!((stored(&world), world.traffic()), (before, sent), "nothing was written, nothing enqueued");
        assert_eq!(world.deliver("shopify-uk", &delivery.headers, &delivery.body).await.unwrap().status, 200);
    });
}
