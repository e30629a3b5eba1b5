//! How a story is told: what a person would find in the outside systems afterwards has to be the same every time.

use std::future::Future;
use std::pin::Pin;

use crossdock_world::{Phase, Style, World, WorldOptions};
use serde_json::{Value, json};

/// A story: what people and vendors do in a world.
pub type Story = for<'w> fn(&'w mut World) -> Pin<Box<dyn Future<Output = ()> + 'w>>;

/// Crashes at every effect are tried up to here; a story has far fewer.
const MOST_EFFECTS: u64 = 400;

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// Tells a story in one style and gives back what the outside holds then.
pub fn told(story: Story, options: &WorldOptions, style: Style) -> (World, Value) {
    let mut world = World::new(WorldOptions { style, ..options.clone() });
    run(story(&mut world));
    let outside = outside(&world);
    (world, outside)
}

/// Tells a story in every way and holds each outcome against the calm one, which it gives back.
pub fn told_in_every_way(story: Story, options: &WorldOptions) -> (World, Value) {
    let (calm, expected) = told(story, options, Style::Calm);
    let mut styles = vec![Style::Doubled];
    styles.extend((1..=8).map(Style::Shuffled));
    for style in styles {
        let (world, outcome) = told(story, options, style);
        assert_eq!(outcome, expected, "told {style:?}:\n{}", world.transcript.join("\n"));
    }
    let effects = calm.plan.effects();
    assert!(effects > 5 && effects < MOST_EFFECTS, "a story with {effects} effects");
    for effect in 1..=effects {
        for phase in [Phase::Before, Phase::After] {
            let mut world = World::new(options.clone());
            world.plan.at(effect, phase);
            run(story(&mut world));
            assert!(world.plan.has_crashed(), "effect {effect} never came");
            let told = world.transcript.join("\n");
            assert_eq!(outside(&world), expected, "crashed {phase:?} effect {effect}:\n{told}");
        }
    }
    (calm, expected)
}

/// What a person finds: statuses, documents by reference with their amounts, the ledger, and what is parked.
pub fn outside(world: &World) -> Value {
    let orders: Vec<Value> = world
        .orders()
        .iter()
        .map(|order| {
            json!({
                "order": order.id,
                "status": order.status(),
                "attention": order.attention().iter().map(|a| format!("{} {}", a.about, a.class)).collect::<Vec<_>>(),
                "outstanding": order.outstanding().iter().map(|task| task.id.to_string()).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "orders": orders,
        "netsuite": erp_documents(world),
        "ledger": world.netsuite.ledger().get("currencies"),
        "shipbob": threepl_documents(world),
        "shopify": shop_documents(world),
        "stock": world.store.all_items().values().map(|item| json!({ "sku": item.sku, "stock": item.stock })).collect::<Vec<_>>(),
    })
}

fn rows<'a>(documents: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    documents.get(field).and_then(Value::as_array).into_iter().flatten()
}

fn erp_documents(world: &World) -> Vec<String> {
    let documents = world.netsuite.documents();
    let mut all: Vec<String> = rows(&documents, "documents")
        .map(|d| format!("{} {} {} {}", text(d, "record"), text(d, "externalId"), text(d, "total"), text(d, "currency")))
        .collect();
    all.sort();
    all
}

fn threepl_documents(world: &World) -> Vec<String> {
    let documents = world.shipbob.documents();
    let mut all: Vec<String> =
        rows(&documents, "orders").map(|d| format!("{} {}", text(d, "reference_id"), text(d, "status"))).collect();
    all.sort();
    all
}

fn shop_documents(world: &World) -> Vec<String> {
    let documents = world.shopify.documents();
    let told = |order: &Value| {
        let parcels: Vec<String> =
            rows(order, "fulfillments").map(|f| format!("{} {}", f["tracking_numbers"], f["lines"])).collect();
        format!("{} {} {}", text(order, "name"), text(order, "fulfillment_status"), parcels.join(" + "))
    };
    let mut all: Vec<String> = rows(&documents, "orders").map(told).collect();
    all.sort();
    all
}

fn text(value: &Value, field: &str) -> String {
    value.get(field).map_or_else(String::new, |field| field.as_str().map_or_else(|| field.to_string(), str::to_owned))
}
