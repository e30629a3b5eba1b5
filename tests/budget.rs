//! What one order costs: requests, capacity units, events, messages and bytes of log, against a table that is checked
//! in. Whoever makes an order dearer sees it here.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;

use crossdock_world::{World, WorldOptions};
use serde_json::json;

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/budget.txt");

async fn one_order(world: &mut World) {
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

fn told() -> World {
    // orders/create only: that the shop also says orders/paid is its own choice, and one delivery more.
    let mut options = WorldOptions::default();
    options.shopify.topics = vec!["orders/create".into()];
    let mut world = World::new(options);
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(one_order(&mut world));
    world
}

fn table(world: &World) -> String {
    let usage = world.usage();
    let (messages, entries) = world.traffic();
    let order = world.orders().pop().unwrap();
    let calls = |requests: usize| requests;
    let rows: [(&str, u64); 12] = [
        ("commits", order.seq),
        ("log reads", usage.log_reads),
        ("log writes", usage.log_writes),
        ("log bytes (as JSON)", usage.log_bytes),
        ("other DynamoDB reads", usage.other_reads),
        ("other DynamoDB writes", usage.other_writes),
        ("read capacity units x 2", usage.half_read_units),
        ("write capacity units", usage.write_units),
        ("EventBridge entries", entries),
        ("SQS messages", messages),
        ("calls of the ERP", calls(world.netsuite.requests().len()) as u64),
        ("calls of 3PL and storefront", (world.shipbob.requests().len() + world.shopify.requests().len()) as u64),
    ];
    let mut text =
        String::from("One prepaid order of two lines, from its webhook to completed, every function cold once.\n\n");
    for (name, count) in rows {
        writeln!(text, "{name:<28} {count:>7}").unwrap();
    }
    text
}

#[test]
fn an_order_costs_what_the_table_says() {
    let world = told();
    assert_eq!(world.orders().pop().unwrap().status().to_string(), "completed");
    let now = table(&world);
    if std::env::var_os("CROSSDOCK_ACCEPT").is_some() {
        std::fs::write(TABLE, &now).unwrap();
    }
    let agreed = std::fs::read_to_string(TABLE).unwrap_or_default();
    assert_eq!(
        now, agreed,
        "an order costs something else than tests/budget.txt says; if that is meant: CROSSDOCK_ACCEPT=1 cargo test --test budget"
    );
}

/// The least that a durable step can cost: one read and one write of the log.
#[test]
fn a_step_costs_at_most_one_read_and_one_write_of_the_log() {
    let world = told();
    let usage = world.usage();
    let order = world.orders().pop().unwrap();
    assert_eq!(usage.log_writes, order.seq, "no write of the log was in vain");
    assert!(usage.log_reads <= usage.log_writes, "{} reads for {} writes", usage.log_reads, usage.log_writes);
}
