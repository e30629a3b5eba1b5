//! What an item can be made of.

use std::collections::BTreeMap;

use crossdock_domain::Sku;
use crossdock_domain::item::Item;
use crossdock_domain::kit::{MOST_COMPONENTS, refusal};

use crate::samples::{catalogue, item, sku};

fn made_of(components: &[(&str, u32)]) -> BTreeMap<Sku, u32> {
    components.iter().map(|(name, units)| (sku(name), *units)).collect()
}

fn kit(name: &str, components: &[(&str, u32)]) -> Item {
    Item { components: made_of(components), ..Item::new(sku(name)) }
}

#[test]
fn a_kit_is_made_of_what_is_no_kit_and_not_of_itself() {
    let known = catalogue([item("TEE", &[]), kit("BOX", &[("TEE", 1)])]);
    let none = BTreeMap::new();
    let why = |components: &[(&str, u32)]| refusal(&Item::new(sku("SET")), &made_of(components), &known, &none);
    assert_eq!(why(&[("TEE", 2)]), None);
    assert_eq!(why(&[("TEE", 2), ("COMES-LATER", 1)]), None, "nothing can be made of it until it is known");
    assert!(why(&[("BOX", 1)]).unwrap().contains("BOX cannot be a component of SET"));
    assert!(why(&[("SET", 1)]).unwrap().contains("not of itself"));
    let many: Vec<String> = (0..=MOST_COMPONENTS).map(|n| format!("C{n}")).collect();
    let many: Vec<(&str, u32)> = many.iter().map(|name| (name.as_str(), 1)).collect();
    assert!(why(&many).unwrap().contains("more than 20"));
}

#[test]
fn what_an_item_is_made_of_stays_while_anybody_has_it() {
    let known = catalogue([item("TEE", &[])]);
    let none = BTreeMap::new();
    let there = item("SET", &[("LON1", 1)]);
    assert!(refusal(&there, &made_of(&[("TEE", 1)]), &known, &none).unwrap().contains("there is stock of SET"));
    let mut ordered = kit("SET", &[("TEE", 1)]);
    let stock = ordered.stock.entry("LON1".parse().unwrap()).or_default();
    stock.reserved.insert("web-uk".parse().unwrap(), 1);
    stock.on_hand = 1;
    assert!(refusal(&ordered, &BTreeMap::new(), &known, &none).is_some());
    assert_eq!(refusal(&ordered, &made_of(&[("TEE", 1)]), &known, &none), None, "it is that already");
}

#[test]
fn a_component_becomes_no_kit() {
    let kits = catalogue([kit("BOX", &[("SET", 1)])]);
    let known = catalogue([item("TEE", &[])]);
    let why = refusal(&Item::new(sku("SET")), &made_of(&[("TEE", 1)]), &known, &kits);
    assert!(why.unwrap().contains("SET is a component of BOX"));
    // A kit that it was a component of once is none of these.
    let before = catalogue([kit("BOX", &[("TEE", 1)])]);
    assert_eq!(refusal(&Item::new(sku("SET")), &made_of(&[("TEE", 1)]), &known, &before), None);
}
