//! How a story is told: what a person would find in the outside systems afterwards has to be the same every time.

use crossdock_world::{Phase, Style, World, WorldOptions};
use serde_json::{Value, json};

use crate::books::{rows, text};

/// A story with more effects than this is too long to be crashed at each of them: tell a shorter one.
const MOST_EFFECTS: usize = 400;

/// Orders of things that are drawn for every story.
const SHUFFLES: u64 = 4;

pub fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

fn world(style: Style) -> World {
    World::new(WorldOptions { style, ..WorldOptions::default() })
}

/// Tells a story in one style.
pub fn told(story: impl AsyncFn(&mut World), style: Style) -> World {
    let mut world = world(style);
    run(story(&mut world));
    world
}

/// Tells a story in every style and with a death after every effect of its own, and has each outcome looked at. Gives
/// back the calm one.
pub fn told_and_looked_at(story: impl AsyncFn(&mut World), look: impl Fn(&World, &str)) -> World {
    // Between two effects of one invocation nothing happens that anybody could see, so that a death before the second
    // is a death after the first. What is left of the deaths before an effect, the ordinary story tells.
    told_with_deaths(story, &[Phase::After], look)
}

/// The same with deaths on these sides of every effect.
pub fn told_with_deaths(story: impl AsyncFn(&mut World), sides: &[Phase], look: impl Fn(&World, &str)) -> World {
    let calm = told(&story, Style::Calm);
    look(&calm, "told calmly");
    let styles = [Style::Doubled].into_iter().chain((1..=SHUFFLES).map(Style::Shuffled));
    for style in styles {
        look(&told(&story, style), &format!("told {style:?}"));
    }
    let effects = calm.plan.begun() + 1..=calm.plan.effects();
    let count = effects.clone().count();
    assert!(count > 0 && count < MOST_EFFECTS, "a story with {count} effects");
    for effect in effects {
        for side in sides {
            let mut world = world(Style::Calm);
            world.plan.at(effect, *side);
            run(story(&mut world));
            assert!(world.plan.has_crashed(), "effect {effect} never came");
            look(&world, &format!("crashed {side:?} effect {effect}"));
        }
    }
    calm
}

/// Tells a story in every way and holds each outcome against the calm one, which it gives back.
pub fn told_in_every_way(story: impl AsyncFn(&mut World)) -> World {
    let same = same_as_calm(&story);
    told_and_looked_at(&story, same)
}

/// What holds an outcome against that of the calm story.
pub fn same_as_calm<S: AsyncFn(&mut World)>(story: S) -> impl Fn(&World, &str) + use<S> {
    let expected = outside(&told(story, Style::Calm));
    move |world, how| assert_eq!(outside(world), expected, "{how}:\n{}", world.transcript.join("\n"))
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

fn erp_documents(world: &World) -> Vec<String> {
    let documents = world.netsuite.documents();
    let mut all: Vec<String> = rows(&documents, "documents")
        .map(|d| {
            format!("{} {} {} {}", text(d, "record"), text(d, "externalId"), text(d, "total"), text(d, "currency"))
        })
        .collect();
    all.sort();
    all
}

fn threepl_documents(world: &World) -> Vec<String> {
    let documents = world.shipbob.documents();
    let mut all: Vec<String> =
        rows(&documents, "orders").map(|d| format!("{} {}", text(d, "reference_id"), text(d, "status"))).collect();
    all.extend(
        rows(&documents, "returns")
            .map(|d| format!("{} {} {}", text(d, "reference_id"), text(d, "status"), d["lines"])),
    );
    all.sort();
    all
}

fn shop_documents(world: &World) -> Vec<String> {
    let documents = world.shopify.documents();
    let told = |order: &Value| {
        let parcels: Vec<String> =
            rows(order, "fulfillments").map(|f| format!("{} {}", f["tracking_numbers"], f["lines"])).collect();
        let refunds: Vec<String> = rows(order, "refunds")
            .map(|refund| format!("{} for {} {}", refund["amount"], refund["lines"], refund["transactions"]))
            .collect();
        let returns: Vec<String> =
            rows(order, "returns").map(|of| format!("{} {}", of["status"], of["lines"])).collect();
        let cancelled = if order["cancelled"] == true { "cancelled" } else { "standing" };
        format!(
            "{} {cancelled} {} {}; paid back {}; returns {}",
            text(order, "name"),
            text(order, "fulfillment_status"),
            parcels.join(" + "),
            refunds.join(" + "),
            returns.join(" + ")
        )
    };
    let mut all: Vec<String> = rows(&documents, "orders").map(told).collect();
    all.sort();
    all
}
