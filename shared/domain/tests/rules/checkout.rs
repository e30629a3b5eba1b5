//! Whether a cart could be sold right now.

use crossdock_domain::checkout::{Answer, Cart, CartLine, Verdict, validate};
use crossdock_domain::settings::{ChannelSettings, DegradedCheckout, Split};

use crate::samples::{at, catalogue, item, minor, settings, shop, sku};

fn cart(lines: &[(&str, u32, i64)]) -> Cart {
    let lines = lines.iter().map(|(name, quantity, price)| CartLine {
        sku: sku(name),
        quantity: *quantity,
        unit_price: minor(*price),
    });
    Cart { currency: "GBP".parse().unwrap(), country: "GB".parse().unwrap(), lines: lines.collect() }
}

fn judged(cart: &Cart) -> Answer {
    validate(cart, Some(&shop()), &settings(), at(0))
}

fn reasons(answer: &Answer) -> Vec<(&'static str, Option<usize>)> {
    answer.reasons.iter().map(|reason| (reason.code, reason.line)).collect()
}

#[test]
fn a_cart_that_can_be_sold_is_accepted_with_its_prices_and_stock() {
    let answer = judged(&cart(&[("TEE", 2, 1000), ("MUG", 10, 1001)]));
    assert_eq!((answer.decision, answer.degraded, reasons(&answer)), (Verdict::Accept, false, vec![]));
    assert_eq!(answer.lines[0].available_to_promise, Some(10));
    assert_eq!(answer.lines[0].unit_price_minor, Some(minor(1000)));
    assert_eq!(answer.lines[1].requested, 10);
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let mut items = shop();
    items.get_mut(&sku("MUG")).unwrap().prices.clear();
    let mut wrong = cart(&[("GONE", 1, 1000), ("TEE", 100, 998), ("MUG", 1, 990_000)]);
    wrong.country = "US".parse().unwrap();
    let answer = validate(&wrong, Some(&items), &settings(), at(0));
    assert_eq!(answer.decision, Verdict::Reject);
    let expected = [
        ("country_not_served", None),
        ("value_limit", None),
        ("unknown_sku", Some(0)),
        ("quantity_limit", Some(1)),
        ("price_differs", Some(1)),
        ("currency_mismatch", Some(2)),
        ("not_available", Some(1)),
        ("not_available", Some(2)),
    ];
    assert_eq!(reasons(&answer), expected);
    assert!(answer.reasons.iter().all(|reason| !reason.detail.is_empty()));
    wrong.currency = "USD".parse().unwrap();
    assert!(reasons(&judged(&wrong)).contains(&("currency_not_supported", None)));
}

#[test]
fn a_price_may_differ_by_the_tolerance_and_no_more() {
    for (price, accepted) in [(999, true), (1001, true), (998, false), (1002, false)] {
        assert_eq!(judged(&cart(&[("TEE", 1, price)])).decision == Verdict::Accept, accepted, "{price}");
    }
}

#[test]
fn lines_of_one_sku_share_its_stock() {
    assert_eq!(judged(&cart(&[("TEE", 5, 1000), ("TEE", 5, 1000)])).decision, Verdict::Accept);
    let answer = judged(&cart(&[("TEE", 5, 1000), ("MUG", 1, 1000), ("TEE", 6, 1000)]));
    assert_eq!(reasons(&answer), [("not_available", Some(0)), ("not_available", Some(2))]);
}

#[test]
fn only_stock_of_locations_that_serve_the_country_counts() {
    let items = catalogue([item("TEE", &[("LON1", 3), ("MAN1", 4), ("PAR1", 50)])]);
    let mut cart = cart(&[("TEE", 7, 1000)]);
    assert_eq!(validate(&cart, Some(&items), &settings(), at(0)).lines[0].available_to_promise, Some(7));
    cart.country = "DE".parse().unwrap();
    let answer = validate(&cart, Some(&items), &settings(), at(0));
    assert_eq!(answer.lines[0].available_to_promise, Some(4));
    assert_eq!(reasons(&answer), [("not_available", Some(0))]);
}

#[test]
fn where_an_order_ships_from_one_place_the_stock_of_two_does_not_add_up() {
    let items = catalogue([item("TEE", &[("LON1", 3), ("MAN1", 4)])]);
    let mut settings = settings();
    settings.sourcing.split = Split::Never;
    let answer = validate(&cart(&[("TEE", 5, 1000)]), Some(&items), &settings, at(0));
    assert_eq!(answer.lines[0].available_to_promise, Some(4));
    assert_eq!(reasons(&answer), [("not_available", Some(0))]);
}

#[test]
fn a_location_below_zero_takes_nothing_from_another() {
    let mut items = catalogue([item("TEE", &[("LON1", 5), ("MAN1", 0)])]);
    let stock = &mut items.get_mut(&sku("TEE")).unwrap().stock;
    stock.get_mut(&"MAN1".parse().unwrap()).unwrap().available = -3;
    let answer = validate(&cart(&[("TEE", 5, 1000)]), Some(&items), &settings(), at(0));
    assert_eq!(answer.decision, Verdict::Accept);
}

#[test]
fn while_stock_cannot_be_read_the_policy_answers() {
    let rejecting = ChannelSettings { degraded_checkout: DegradedCheckout::Reject, ..settings() };
    let fine = cart(&[("TEE", 2, 1000)]);
    let answer = validate(&fine, None, &settings(), at(0));
    assert_eq!((answer.decision, answer.degraded, reasons(&answer)), (Verdict::Accept, true, vec![]));
    assert_eq!((answer.lines[0].available_to_promise, answer.lines[0].unit_price_minor), (None, None));
    let answer = validate(&fine, None, &rejecting, at(0));
    assert_eq!((answer.decision, answer.degraded), (Verdict::Reject, true));
}

#[test]
fn what_needs_no_stock_is_judged_even_then() {
    let mut wrong = cart(&[("TEE", 100, 1000)]);
    wrong.country = "US".parse().unwrap();
    let answer = validate(&wrong, None, &settings(), at(0));
    assert_eq!(answer.decision, Verdict::Reject);
    assert_eq!(reasons(&answer), [("country_not_served", None), ("quantity_limit", Some(0))]);
}

#[test]
fn a_value_beyond_all_bounds_is_above_the_limit_of_every_currency() {
    let mut huge = cart(&[("TEE", 99, 900_000_000_000_000)]);
    assert!(reasons(&judged(&huge)).contains(&("value_limit", None)));
    huge.currency = "EUR".parse().unwrap();
    assert!(reasons(&judged(&huge)).contains(&("value_limit", None)));
}
