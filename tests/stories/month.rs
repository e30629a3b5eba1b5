//! A month of a shop: most orders go their way, some are cancelled, changed, disputed, and 15 of 100 come back.

use std::collections::BTreeMap;

use crossdock_connectors::rehearsal::rehearse;
use crossdock_world::{Style, World, WorldOptions};
use fastrand::Rng;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::acts::{place, retry_everything, ship_all};
use crate::replays::recording;
use crate::settled::{accounts_by_order, assert_laws, paid_back};
use crate::telling::run;

const SEED: u64 = 20_261_101;
const DAYS: u32 = 30;
const ORDERS_PER_DAY: u32 = 5;
const SKUS: [(&str, &str); 4] =
    [("TEE-BLK-M", "24.99"), ("MUG-WHT", "12.00"), ("CAP-RED", "18.50"), ("POSTER-A2", "9.49")];

/// What becomes of an order, in hundredths of all orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Delivered,
    CancelledByApi,
    CancelledAtTheShop,
    Lowered,
    Raised,
    Returned,
    ReturnedAtTheShop,
    RefundedFirst,
    Goodwill,
    DisputedAndWon,
    DisputedAndLost,
}

fn fate(random: &mut Rng) -> Fate {
    match random.u8(..100) {
        0..4 => Fate::CancelledByApi,
        4..7 => Fate::CancelledAtTheShop,
        7..9 => Fate::Lowered,
        9..11 => Fate::Raised,
        11..20 => Fate::Returned,
        20..23 => Fate::ReturnedAtTheShop,
        23..26 => Fate::RefundedFirst,
        26..29 => Fate::Goodwill,
        29..31 => Fate::DisputedAndWon,
        31..32 => Fate::DisputedAndLost,
        _ => Fate::Delivered,
    }
}

/// One order, what becomes of it, and what its first line is of.
struct Life {
    id: String,
    fate: Fate,
    sku: &'static str,
    quantity: u32,
    placed_on: u32,
}

impl Life {
    fn order_id(&self) -> String {
        format!("shopify-uk.{}", self.id)
    }
}

fn place_one(world: &World, random: &mut Rng, day: u32) -> Life {
    let first = random.usize(..SKUS.len());
    let quantity = random.u32(1..4);
    let mut lines = vec![json!({ "sku": SKUS[first].0, "quantity": quantity, "price": SKUS[first].1 })];
    if random.bool() {
        let (sku, price) = SKUS[(first + 1) % SKUS.len()];
        lines.push(json!({ "sku": sku, "quantity": random.u32(1..3), "price": price }));
    }
    let mut order = json!({ "lines": lines, "taxes_included": true, "tax_rate": "0.2" });
    if random.u8(..3) > 0 {
        order["shipping"] = json!("4.95");
    }
    Life { id: place(world, order), fate: fate(random), sku: SKUS[first].0, quantity, placed_on: day }
}

/// What happens to an order on the day on which it was placed, while it may be anywhere between the shop and the 3PL.
async fn on_the_first_day(world: &mut World, random: &mut Rng, life: &Life) {
    let order = &life.id;
    let lower = life.quantity - 1;
    match life.fate {
        Fate::CancelledByApi => {
            let key = format!("cancel-{order}");
            world.moves(random.usize(..12)).await;
            if !world.orders().iter().any(|known| known.id.channel.as_str() == order.as_str()) {
                world.settle().await;
            }
            let body = json!({ "reason": "customer" });
            let reply = world.ask_of_order((&life.order_id(), "cancellation"), &key, &body).await;
            assert_eq!(reply.status, 202, "{}", reply.body);
        }
        Fate::CancelledAtTheShop => {
            let refund = if random.bool() { "full" } else { "none" };
            world.shopify.act(json!({ "cancel_order": { "order": order, "refund": refund } })).unwrap();
        }
        Fate::Lowered => {
            let set = json!([{ "sku": life.sku, "quantity": lower }]);
            world.shopify.act(json!({ "edit_order": { "order": order, "set": set } })).unwrap();
            world.moves(random.usize(..12)).await;
            let price = SKUS.iter().find(|(sku, _)| *sku == life.sku).map(|(_, price)| *price);
            world.shopify.act(json!({ "refund_order": { "order": order, "amount": price } })).unwrap();
        }
        Fate::Raised => {
            let add = json!([{ "sku": "TEE-BLK-M", "quantity": 1, "price": "24.99" }]);
            world.shopify.act(json!({ "edit_order": { "order": order, "add": add } })).unwrap();
            world.settle().await;
            world.shopify.act(json!({ "pay_order": { "order": order } })).unwrap();
        }
        Fate::Delivered
        | Fate::Returned
        | Fate::ReturnedAtTheShop
        | Fate::RefundedFirst
        | Fate::Goodwill
        | Fate::DisputedAndWon
        | Fate::DisputedAndLost => {}
    }
}

fn one_unit_of(life: &Life) -> Value {
    json!([{ "sku": life.sku, "quantity": 1, "restock_type": "return" }])
}

/// What happens a week later, when all is delivered.
async fn a_week_later(world: &mut World, life: &Life) {
    let order = &life.id;
    match life.fate {
        Fate::Returned => {
            let known = world.order(&life.order_id());
            let line = known.lines().find(|line| line.sku.as_ref().is_some_and(|sku| sku.as_str() == life.sku));
            let line = line.unwrap().id.clone();
            let body = json!({ "lines": [{ "line_id": line, "quantity": life.quantity, "reason": "unwanted" }] });
            let key = format!("return-{order}");
            let reply = world.ask_of_order((&life.order_id(), "returns"), &key, &body).await;
            assert_eq!(reply.status, 202, "{}", reply.body);
        }
        Fate::ReturnedAtTheShop => {
            let lines = json!([{ "sku": life.sku, "quantity": 1, "reason": "UNWANTED" }]);
            world.shopify.act(json!({ "open_return": { "order": order, "lines": lines } })).unwrap();
        }
        Fate::RefundedFirst => {
            world.shopify.act(json!({ "refund_order": { "order": order, "lines": one_unit_of(life) } })).unwrap();
        }
        Fate::Goodwill => {
            world.shopify.act(json!({ "refund_order": { "order": order, "amount": "2.50" } })).unwrap();
        }
        Fate::DisputedAndWon | Fate::DisputedAndLost => {
            world.shopify.act(json!({ "open_dispute": { "order": order, "reason": "fraudulent" } })).unwrap();
        }
        // Where the shop has kept the money, its people find that out by then.
        Fate::CancelledAtTheShop if paid_back(world, order).is_empty() => {
            let paid = world.order(&life.order_id()).tendered().unwrap().get();
            let amount = format!("{}.{:02}", paid / 100, paid % 100);
            world.shopify.act(json!({ "refund_order": { "order": order, "amount": amount } })).unwrap();
        }
        Fate::Delivered | Fate::CancelledByApi | Fate::CancelledAtTheShop | Fate::Lowered | Fate::Raised => {}
    }
}

/// What happens another three days later: the goods are back and looked at, the dispute is decided.
fn ten_days_later(world: &World, random: &mut Rng, life: &Life) {
    let units = match life.fate {
        Fate::Returned => life.quantity,
        Fate::ReturnedAtTheShop | Fate::RefundedFirst => 1,
        Fate::DisputedAndWon | Fate::DisputedAndLost => {
            let won = life.fate == Fate::DisputedAndWon;
            world.shopify.act(json!({ "close_dispute": { "order": life.id, "won": won } })).unwrap();
            return;
        }
        Fate::Delivered
        | Fate::CancelledByApi
        | Fate::CancelledAtTheShop
        | Fate::Lowered
        | Fate::Raised
        | Fate::Goodwill => return,
    };
    let mut found: BTreeMap<&str, u32> = BTreeMap::new();
    for _ in 0..units {
        *found.entry(["Restock", "Restock", "Quarantine", "Dispose"][random.usize(..4)]).or_default() += 1;
    }
    let lines: Vec<Value> = found
        .into_iter()
        .map(|(action, quantity)| json!({ "sku": life.sku, "quantity": quantity, "action": action }))
        .collect();
    let reference = format!("UK-{}-RMA1", life.id);
    let back = json!({ "reference_id": reference, "lines": lines, "completed": true });
    world.shipbob.act(json!({ "receive_return": back })).unwrap();
}

async fn a_month(world: &mut World, seed: u64) -> Vec<(String, Fate)> {
    let mut random = Rng::with_seed(seed);
    let mut lives: Vec<Life> = Vec::new();
    for day in 0..DAYS + 11 {
        if day < DAYS {
            for _ in 0..ORDERS_PER_DAY {
                let life = place_one(world, &mut random, day);
                on_the_first_day(world, &mut random, &life).await;
                lives.push(life);
            }
        }
        world.settle().await;
        ship_all(world);
        world.settle().await;
        for life in lives.iter().filter(|life| life.placed_on + 7 == day) {
            a_week_later(world, life).await;
        }
        world.settle().await;
        for life in lives.iter().filter(|life| life.placed_on + 10 == day) {
            ten_days_later(world, &mut random, life);
        }
        world.wait(SignedDuration::from_hours(24)).await;
    }
    // What was added too late is sent after the order, if somebody says so.
    retry_everything(world).await;
    ship_all(world);
    world.settle().await;
    lives.into_iter().map(|life| (life.id, life.fate)).collect()
}

/// Every order is through, and the ERP's ledger agrees with what the shop has received and paid back, order by order.
#[test]
fn a_month_with_fifteen_returns_in_a_hundred_ends_in_books_that_agree() {
    let mut world = World::new(WorldOptions { style: Style::Shuffled(SEED), ..WorldOptions::default() });
    let fates = run(a_month(&mut world, SEED));
    let mut counted: BTreeMap<Fate, usize> = BTreeMap::new();
    for (id, fate) in &fates {
        *counted.entry(*fate).or_default() += 1;
        let order = world.order(&format!("shopify-uk.{id}"));
        assert!(order.is_finished(), "{id} {fate:?}: {:#?} {:#?}", order.outstanding(), order.attention());
        assert!(order.attention().is_empty(), "{id} {fate:?}: {:#?}", order.attention());
    }
    assert_eq!(fates.len(), (DAYS * ORDERS_PER_DAY) as usize);
    let come_back: usize = [Fate::Returned, Fate::ReturnedAtTheShop, Fate::RefundedFirst]
        .iter()
        .filter_map(|fate| counted.get(fate))
        .sum();
    assert!(come_back * 100 >= fates.len() * 12, "{counted:?}");
    assert!(counted.len() == 11, "every fate is met: {counted:?}");
    assert_laws(&world);
    let refunds = fates.iter().map(|(id, _)| paid_back(&world, id).len()).sum::<usize>();
    assert!(refunds >= come_back, "{refunds} refunds");
    assert!(accounts_by_order(&world).len() >= fates.len() - counted[&Fate::CancelledAtTheShop]);
    for (id, fate) in &fates {
        // Told twice, late and out of order: whatever is read again of it, this build does what it has done.
        let (_, recording) = run(recording(&mut world, &format!("shopify-uk.{id}")));
        assert_eq!(rehearse(&recording).unwrap().differences, [], "{id}, {fate:?}");
    }
}
