//! Addresses that the storefront changes after it has told the order.

use crossdock_domain::accept::{Context, Inbound, liftable_holds, storefront_order};
use crossdock_domain::returns::resolve;
use crossdock_domain::sourcing::{Sourcing, source};
use crossdock_domain::{Event, HoldCode, Order, Recipient};

use crate::samples::{
    accepted, after, allocated, at, given, in_shop, inbound, order_id, ordinary, recipient, requested, settings, shop,
    whole, with_3pl,
};

fn moved_to(street: &str, country: &str, seconds: i64) -> Inbound {
    let to = Recipient { address1: street.into(), country: country.into(), ..recipient() };
    let mut order = ordinary();
    order.country = country.parse().ok();
    Inbound { recipient: Some(to), source_version: at(seconds), ..inbound(order) }
}

fn told(order: &Order, inbound: &Inbound) -> Vec<Event> {
    in_shop(|shop| storefront_order(order, inbound, shop)).events
}

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(Event::type_name).collect()
}

fn hash(inbound: &Inbound) -> String {
    inbound.recipient.as_ref().unwrap().hash()
}

#[test]
fn another_address_is_taken_over_for_what_is_not_with_the_3pl() {
    let order = given([accepted(ordinary()), allocated(1, "LON1", &whole())]);
    let inbound = moved_to("2 Low Street", "GB", 60);
    let events = told(&order, &inbound);
    assert_eq!(names(&events), ["RecipientChanged.v1"]);
    let order = after(&order, events);
    assert_eq!(order.recipient(), Some(hash(&inbound).as_str()));
    assert!(told(&order, &inbound).is_empty(), "told again it says nothing new");
    assert!(told(&order, &moved_to("3 Old Street", "GB", 59)).is_empty(), "what is older came too late");
}

#[test]
fn an_address_that_changes_after_the_3pl_has_the_order_waits_for_somebody() {
    let order = given(with_3pl());
    let inbound = moved_to("2 Low Street", "GB", 60);
    let events = told(&order, &inbound);
    assert_eq!(names(&events), ["ChangeRefused.v1", "RecipientChanged.v1"]);
    let order = after(&order, events);
    let about = format!("change:address:{}", at(60));
    let needs: Vec<String> = order.attention().into_iter().map(|attention| attention.about).collect();
    assert_eq!(needs, [about.as_str()]);
    assert_eq!(order.recipient(), Some(hash(&inbound).as_str()), "what is sent later goes to the new one");
    assert!(told(&order, &inbound).is_empty());
    assert!(after(&order, resolve(&order, &about)).attention().is_empty());
}

#[test]
fn of_several_addresses_only_the_last_waits_for_somebody() {
    let order = given(with_3pl());
    let order = after(&order, told(&order, &moved_to("2 Low Street", "GB", 60)));
    let order = after(&order, told(&order, &moved_to("3 Old Street", "GB", 70)));
    let needs: Vec<String> = order.attention().into_iter().map(|attention| attention.about).collect();
    assert_eq!(needs, [format!("change:address:{}", at(70))]);
}

#[test]
fn an_address_that_was_missing_lifts_its_hold_and_says_where_to_send_from() {
    let mut nowhere = ordinary();
    nowhere.country = None;
    let first = Inbound { recipient: None, ..inbound(nowhere) };
    let order = Order::new(order_id());
    let order = after(&order, told(&order, &first));
    assert!(order.holds.contains_key(&HoldCode::Address));
    let order = after(&order, told(&order, &moved_to("2 Low Street", "GB", 60)));
    assert!(order.holds.is_empty(), "{:?}", order.holds);
    assert_eq!(order.country().map(ToString::to_string).as_deref(), Some("GB"));
    assert!(matches!(source(&order, &shop(), &settings(), at(0)), Sourcing::Promised(_)));
}

#[test]
fn an_address_that_no_parcel_reaches_holds_the_order() {
    let order = given([accepted(ordinary())]);
    let order = after(&order, told(&order, &moved_to("", "GB", 60)));
    assert_eq!(order.holds.keys().copied().collect::<Vec<_>>(), [HoldCode::Address]);
    let order = after(&order, told(&order, &moved_to("1 Rue Haute", "CH", 70)));
    assert_eq!(order.holds.keys().copied().collect::<Vec<_>>(), [HoldCode::Country]);
    let order = after(&order, told(&order, &moved_to("2 Low Street", "GB", 80)));
    assert!(order.holds.is_empty());
}

/// Stock was promised where the old country is served from.
#[test]
fn another_country_after_allocation_holds_the_order() {
    let order = given([accepted(ordinary()), allocated(1, "LON1", &whole())]);
    let country = settings().countries.into_iter().find(|country| country.to_string() != "GB").unwrap().to_string();
    let events = told(&order, &moved_to("1 Long Lane", &country, 60));
    let order = after(&order, events);
    assert_eq!(order.holds.keys().copied().collect::<Vec<_>>(), [HoldCode::ChangedAtStorefront]);
}

#[test]
fn what_a_retry_finds_is_judged_by_the_new_country() {
    let order = given([accepted(ordinary()), requested(1)]);
    let order = after(&order, told(&order, &moved_to("1 Rue Haute", "CH", 60)));
    let (narrow, mut wider) = (settings(), settings());
    wider.countries.insert("CH".parse().unwrap());
    let (items, to) = (shop(), moved_to("1 Rue Haute", "CH", 60).recipient.unwrap());
    let liftable = |settings| liftable_holds(&order, Some(&to), Context { settings, items: &items });
    assert!(liftable(&narrow).is_empty());
    assert_eq!(liftable(&wider), [HoldCode::Country]);
}
