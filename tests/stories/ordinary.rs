//! Orders that go straight through, in every kind of money.

use crossdock_domain::order::Status;
use crossdock_world::{Phase, Style, World};
use serde_json::{Value, json};

use crate::acts::{but, goes_its_way, one_mug, place, two_lines};
use crate::books::{assert_all_closed, rows, text};
use crate::telling::{same_as_calm, told, told_in_every_way, told_with_deaths};

async fn two_lines_shipped_at_once(world: &mut World) {
    place(world, two_lines());
    goes_its_way(world).await;
}

#[test]
fn an_ordinary_order_goes_all_the_way() {
    assert_all_closed(&told(two_lines_shipped_at_once, Style::Calm));
}

#[test]
fn an_ordinary_order_survives_everything() {
    let sides = [Phase::Before, Phase::After];
    assert_all_closed(&told_with_deaths(two_lines_shipped_at_once, &sides, same_as_calm(two_lines_shipped_at_once)));
}

/// Two deaths in one story: the second may hit whoever repairs what the first has left.
#[test]
fn an_ordinary_order_survives_any_two_deaths() {
    let same = same_as_calm(two_lines_shipped_at_once);
    let effects = told(two_lines_shipped_at_once, Style::Calm).plan.effects();
    let mut random = fastrand::Rng::with_seed(10);
    for _ in 0..60 {
        let (first, second) = (random.u64(1..effects), random.u64(1..effects));
        let sides = [Phase::Before, Phase::After];
        let sides = [sides[random.usize(..2)], sides[random.usize(..2)]];
        let world = told(
            async |world: &mut World| {
                world.plan.at(first, sides[0]);
                world.plan.at(second, sides[1]);
                two_lines_shipped_at_once(world).await;
            },
            Style::Calm,
        );
        same(&world, &format!("crashed {sides:?} effects {first} and {second}"));
    }
}

fn erp_totals(world: &World) -> Vec<(String, i64)> {
    let documents = world.netsuite.documents();
    let mut totals: Vec<(String, i64)> = rows(&documents, "documents")
        .filter(|d| text(d, "record") != "customer" && text(d, "record") != "itemFulfillment")
        .map(|d| (text(d, "record"), d["total_minor"].as_i64().unwrap()))
        .collect();
    totals.sort();
    totals
}

#[test]
fn discount_and_tax_on_top_are_posted_to_the_penny() {
    let world = told_in_every_way(async |world: &mut World| {
        let order = json!({
            "lines": [
                { "sku": "TEE-BLK-M", "quantity": 3, "price": "24.99", "discount": "7.00" },
                { "sku": "MUG-WHT", "quantity": 1, "price": "12.00" },
            ],
            "taxes_included": false, "tax_rate": "0.2", "shipping": "4.95",
            "discount": { "code": "TENOFF", "percentage": 10 },
        });
        place(world, order);
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
}

#[test]
fn a_free_order_is_shipped_and_invoiced_and_nothing_is_deposited() {
    let world = told_in_every_way(async |world: &mut World| {
        place(world, json!({ "lines": [{ "sku": "MUG-WHT", "quantity": 1, "price": "0.00" }] }));
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
    assert_eq!(erp_totals(&world), vec![("invoice".to_owned(), 0), ("salesOrder".to_owned(), 0)]);
}

fn in_money(currency: &'static str, prices: (&'static str, &'static str)) -> Value {
    json!({
        "currency": currency, "taxes_included": true, "tax_rate": "0.1", "shipping": prices.1,
        "lines": [{ "sku": "MUG-WHT", "quantity": 3, "price": prices.0 }],
        "shipping_address": { "country_code": "JP", "country": "Japan", "province": null, "province_code": null },
    })
}

#[test]
fn yen_have_no_decimals() {
    let world = told_in_every_way(async |world: &mut World| {
        place(world, in_money("JPY", ("2400", "333")));
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
    assert_eq!(erp_totals(&world)[0], ("customerDeposit".to_owned(), 7533));
}

#[test]
fn dinars_have_three_decimals() {
    let world = told_in_every_way(async |world: &mut World| {
        place(
            world,
            but(
                in_money("KWD", ("4.805", "1.001")),
                json!({ "shipping_address": { "country_code": "KW", "country": "Kuwait" } }),
            ),
        );
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
    assert_eq!(erp_totals(&world)[0], ("customerDeposit".to_owned(), 15_416));
}

#[test]
fn a_test_order_stops_after_acceptance() {
    let world = told_in_every_way(async |world: &mut World| {
        place(world, but(one_mug(), json!({ "test": true })));
        goes_its_way(world).await;
    });
    assert_eq!(world.orders()[0].status(), Status::Test);
    assert_eq!(rows(&world.netsuite.documents(), "documents").count(), 0);
    assert_eq!(rows(&world.shipbob.documents(), "orders").count(), 0);
}
