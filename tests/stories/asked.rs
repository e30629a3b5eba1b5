//! What stories share that look at a request's answer: that a refusal changes nothing, and that a dry run says what is
//! then done.

use crossdock_world::{Reply, Style, World};
use serde_json::Value;

use crate::books::{rows, text};
use crate::settled::paid_back;
use crate::taken_back::{ask, minor_units};
use crate::telling::{outside, told};

/// A world in which nothing has happened yet and nothing goes wrong.
pub fn calm() -> World {
    told(async |_: &mut World| {}, Style::Calm)
}

/// Everything that a refused request must leave as it was: the log, and the outside with stock and ledger.
pub fn everything(world: &World) -> (Vec<u64>, Value, usize) {
    let requests = world.shopify.requests().len() + world.shipbob.requests().len() + world.netsuite.requests().len();
    (world.orders().iter().map(|order| order.seq).collect(), outside(world), requests)
}

/// What kind of problem an answer says it is.
pub fn problem(reply: &Reply) -> String {
    reply.json()["type"].as_str().unwrap_or_default().to_owned()
}

/// Asks for something that is refused, and sees that nothing was changed.
pub async fn refused(world: &mut World, (order, what): (&str, &str), key: &str, body: &Value) -> Reply {
    let before = everything(world);
    let reply = world.ask_of_order((order, what), key, body).await;
    world.settle().await;
    assert_eq!(everything(world), before, "{}", reply.body);
    reply
}

/// Documents of the ERP by reference, with what they come to in minor units.
fn made(world: &World) -> Vec<(String, i64)> {
    let documents = world.netsuite.documents();
    let minor = |d: &Value| if d["total"].is_null() { 0 } else { minor_units(&text(d, "total")) };
    rows(&documents, "documents").map(|d| (text(d, "externalId"), minor(d))).collect()
}

/// The tasks that a dry run lists, in order.
pub fn listed(dry: &Value) -> Vec<String> {
    rows(dry, "effects").map(|effect| text(effect, "task")).collect()
}

/// Whoever may not know an order does not find it, and whoever may only do something else is refused.
pub async fn assert_not_for_others(
    world: &mut World,
    (id, what): (&str, &str),
    (scope, other): (&str, &str),
    body: &Value,
) {
    let (before, order) = (everything(world), format!("shopify-uk.{id}"));
    let reply = world.ask_of_order_as(("stranger", scope, "web-uk"), (&order, what), ("key-1", body)).await;
    assert_eq!((reply.status, problem(&reply).as_str()), (404, "/problems/not-found"), "{}", reply.body);
    let reply = world.ask_of_order_as(("another", other, "*"), (&order, what), ("key-1", body)).await;
    assert_eq!(reply.status, 403, "{}", reply.body);
    for unknown in ["shopify-uk.1", "nonsense", "nowhere.1"] {
        let reply = world.ask_of_order((unknown, what), "key-1", body).await;
        assert_eq!((reply.status, problem(&reply).as_str()), (404, "/problems/not-found"), "{}", reply.body);
    }
    world.settle().await;
    assert_eq!(everything(world), before);
}

/// Compares what a dry run says with what the real run does once everybody has done what was asked of him. Gives back the
/// tasks that were foretold.
pub async fn foretold(
    world: &mut World,
    (id, what): (&str, &str),
    body: &Value,
    then: impl AsyncFn(&mut World),
) -> Vec<String> {
    let (order, before) = (format!("shopify-uk.{id}"), everything(world));
    let (back, known) = (paid_back(world, id).iter().sum::<i64>(), made(world));
    let dry = world.dry_run((&order, what), body).await;
    assert_eq!(dry.status, 200, "{}", dry.body);
    world.settle().await;
    assert_eq!(everything(world), before, "a dry run changes nothing");
    let dry = dry.json();
    ask(world, id, (what, "foretold"), body).await;
    world.settle().await;
    then(world).await;
    let refunded = paid_back(world, id).iter().sum::<i64>() - back;
    assert_eq!(dry["refunded_minor"].as_i64(), Some(refunded), "{dry:#}");
    let new: Vec<(String, i64)> = made(world).into_iter().filter(|document| !known.contains(document)).collect();
    let said: Vec<(String, i64)> = rows(&dry, "effects")
        .filter(|effect| effect["task"].as_str().is_some_and(|task| task.starts_with("post_")))
        .map(|effect| (text(effect, "reference"), effect["amount_minor"].as_i64().unwrap_or(0)))
        .collect();
    // The sales order reads otherwise now; it is no new document. A return authorization moves no money.
    let new = new.into_iter().filter(|(reference, _)| !reference.ends_with("-SO"));
    let new: Vec<(String, i64)> = new
        .map(|(reference, total)| if reference.contains("-RA") { (reference, 0) } else { (reference, total) })
        .collect();
    assert_eq!(said, new, "{dry:#}");
    listed(&dry)
}
