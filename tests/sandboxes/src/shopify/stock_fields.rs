//! The fields of inventory items, their levels, and of what a call has changed.

use std::rc::Rc;

use apollo_compiler::resolvers::{ResolveInfo, ResolvedValue};
use serde_json::{Value, json};

use super::fulfillment::gid_of;
use super::nodes::{Answer, Branch, Desk, Kind, Tree, arguments, failed, instant, required_gid};
use super::payload::{Letterhead, gid};
use super::shop::Shop;
use super::stock::Item;
use super::stock_calls::{Change, Group, StockError, malformed};

/// States that are always empty here.
const EMPTY_STATES: [&str; 5] = ["damaged", "incoming", "quality_control", "reserved", "safety_stock"];

impl Desk<'_> {
    pub(super) fn inventory_item(&self, arguments: &Value) -> Answer<'_> {
        let id = required_gid(arguments, "InventoryItem")?;
        Ok(self.nullable(self.find_item(id)))
    }

    pub(super) fn find_item(&self, id: u64) -> Option<Kind> {
        self.shop.borrow().inventory.items.contains_key(&id).then_some(Kind::Item(id))
    }

    pub(super) fn inventory_items(&self, arguments: &Value) -> Answer<'_> {
        let query = arguments.get("query").and_then(Value::as_str).unwrap_or_default();
        let skus = searched(query).map_err(failed)?;
        let shop = self.shop.borrow();
        let found = shop.inventory.items.values().filter(|item| skus.is_empty() || resembles(&item.sku, &skus));
        let kinds = found.map(|item| Kind::Item(item.id)).collect();
        self.connection("InventoryItem", kinds, arguments)
    }

    pub(super) fn nodes(&self, arguments: &Value) -> Answer<'_> {
        let ids = arguments.get("ids").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let found: Vec<Option<Kind>> = ids.iter().map(|id| self.find_node(Some(id))).collect();
        Ok(ResolvedValue::list(found.into_iter().map(|kind| self.nullable(kind))))
    }

    pub(super) fn inventory_set_quantities(&self, arguments: &Value, info: &ResolveInfo<'_>) -> Answer<'_> {
        *self.mutations.borrow_mut() += 1;
        let key = self.required_key(info)?;
        let input = arguments.get("input").unwrap_or(&Value::Null);
        if let Some(problem) = malformed(input) {
            return Err(failed(problem));
        }
        let outcome = self.shop.borrow_mut().set_quantities(&key, input, self.now);
        let errors = outcome.as_ref().err().into_iter().flatten().map(user_error).collect();
        let group = outcome.ok().flatten().map(|group| Kind::Adjustment(Rc::new(group)));
        let fields: Tree = vec![("inventoryAdjustmentGroup", Branch::One(group)), ("userErrors", Branch::Many(errors))];
        Ok(self.object(Kind::Tree("InventorySetQuantitiesPayload", Rc::new(fields))))
    }

    fn nullable(&self, kind: Option<Kind>) -> ResolvedValue<'_> {
        kind.map_or_else(ResolvedValue::null, |kind| self.object(kind))
    }
}

/// The SKUs of a search such as `sku:"A" OR sku:B`.
fn searched(query: &str) -> Result<Vec<String>, String> {
    let unknown = || format!("this sandbox cannot search inventory items by {query:?}");
    let (mut rest, mut skus) = (query.trim(), Vec::new());
    while !rest.is_empty() {
        if !skus.is_empty() {
            rest = rest.strip_prefix("OR ").ok_or_else(unknown)?.trim_start();
        }
        let (sku, behind) = value(rest.strip_prefix("sku:").ok_or_else(unknown)?).ok_or_else(unknown)?;
        skus.push(sku);
        rest = behind.trim_start();
    }
    Ok(skus)
}

/// A bare or quoted value, and what stands behind it. A backslash takes the meaning from what follows.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(' ').unwrap_or(text.len());
        let (bare, behind) = text.split_at_checked(end)?;
        return Some((bare.to_owned(), behind));
    };
    let (mut read, mut escaped) = (String::new(), false);
    for (at, letter) in quoted.char_indices() {
        match letter {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return Some((read, quoted.get(at + 1..)?)),
            _ => {
                read.push(letter);
                escaped = false;
            }
        }
    }
    None
}

/// The vendor's search is not exact: it takes no notice of case and finds what begins alike.
fn resembles(sku: &str, searched: &[String]) -> bool {
    let sku = sku.to_lowercase();
    searched.iter().any(|wanted| sku.starts_with(&wanted.to_lowercase()))
}

pub(super) fn item_field(desk: &Desk<'_>, id: u64, info: &ResolveInfo<'_>) -> Option<Branch> {
    let shop = desk.shop.borrow();
    let item = shop.inventory.items.get(&id)?;
    let asked = arguments(info);
    let unseen_too = asked.get("includeInactive").and_then(Value::as_bool).unwrap_or(false);
    let seen = |code: &str| item.levels.get(code).is_some_and(|level| level.stocked || unseen_too);
    Some(match info.field_name() {
        "id" => Branch::Leaf(json!(gid("InventoryItem", id))),
        "legacyResourceId" => Branch::Leaf(json!(id.to_string())),
        "sku" => Branch::Leaf(json!(item.sku)),
        "tracked" => Branch::Leaf(json!(item.tracked)),
        "variant" => Branch::One(Some(Kind::Record("ProductVariant", variant(item)))),
        "inventoryLevel" => {
            let code = code_of(&shop.letterhead, asked.get("locationId")).filter(|code| seen(code));
            Branch::One(code.map(|code| Kind::Level(id, code)))
        }
        "inventoryLevels" => {
            let codes = item.levels.keys().filter(|code| seen(code));
            Branch::Pages("InventoryLevel", codes.map(|code| Kind::Level(id, code.clone())).collect())
        }
        _ => return None,
    })
}

fn code_of(letterhead: &Letterhead, id: Option<&Value>) -> Option<String> {
    let id = gid_of(id, "Location");
    letterhead.locations.iter().find(|(_, known)| Some(*known) == id).map(|(code, _)| code.clone())
}

fn variant(item: &Item) -> Value {
    json!({ "id": gid("ProductVariant", item.id), "sku": item.sku })
}

pub(super) fn level_field(desk: &Desk<'_>, (id, code): (u64, &str), info: &ResolveInfo<'_>) -> Option<Branch> {
    let shop = desk.shop.borrow();
    let item = shop.inventory.items.get(&id)?;
    let level = item.levels.get(code)?;
    let of = level_id(&shop, id, code);
    Some(match info.field_name() {
        "id" => Branch::Leaf(json!(format!("gid://shopify/InventoryLevel/{of}"))),
        "isActive" => Branch::Leaf(json!(level.stocked)),
        "updatedAt" => Branch::Leaf(json!(instant(level.updated_at))),
        "item" => Branch::One(Some(Kind::Item(id))),
        "location" => Branch::One(Some(Kind::Record("Location", location(&shop.letterhead, code)))),
        "quantities" => {
            let asked = arguments(info);
            let names = asked.get("names").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let quantities = names.iter().filter_map(Value::as_str).map(|name| {
                let units = quantity(&shop, (item, code), name)?;
                let changed = (name == "on_hand").then(|| instant(level.updated_at));
                let id = format!("gid://shopify/InventoryQuantity/{of}&name={name}");
                let fields: Tree = vec![
                    ("id", Branch::Leaf(json!(id))),
                    ("name", Branch::Leaf(json!(name))),
                    ("quantity", Branch::Leaf(json!(units))),
                    ("updatedAt", Branch::Leaf(json!(changed))),
                ];
                Some(Kind::Entry("InventoryQuantity", Rc::new(fields)))
            });
            // A state that does not exist answers no field at all, which is an error.
            Branch::Many(quantities.collect::<Option<Vec<_>>>()?)
        }
        _ => return None,
    })
}

fn level_id(shop: &Shop, item: u64, code: &str) -> String {
    let location = shop.letterhead.location_id(code).unwrap_or_default();
    format!("{location}?inventory_item_id={item}")
}

fn quantity(shop: &Shop, (item, code): (&Item, &str), name: &str) -> Option<i64> {
    let level = shop.level(item, code)?;
    match name {
        "on_hand" => Some(level.on_hand),
        "available" => Some(level.available),
        "committed" => Some(level.committed),
        other => EMPTY_STATES.contains(&other).then_some(0),
    }
}

fn location(letterhead: &Letterhead, code: &str) -> Value {
    let id = letterhead.location_id(code).unwrap_or_default();
    json!({ "id": gid("Location", id), "name": code, "isActive": true, "legacyResourceId": id.to_string() })
}

pub(super) fn group_field(desk: &Desk<'_>, group: &Group, info: &ResolveInfo<'_>) -> Option<Branch> {
    Some(match info.field_name() {
        "id" => Branch::Leaf(json!(gid("InventoryAdjustmentGroup", group.id))),
        "createdAt" => Branch::Leaf(json!(instant(group.at))),
        "reason" => Branch::Leaf(json!(group.reason)),
        "referenceDocumentUri" => Branch::Leaf(json!(group.document)),
        "changes" => {
            let (shop, asked) = (desk.shop.borrow(), arguments(info));
            let wanted = |name: &str, value: &str| {
                let values = asked.get(name).and_then(Value::as_array);
                values.is_none_or(|values| values.iter().any(|it| it == value))
            };
            let changes = group.changes.iter().filter_map(|change| {
                let location = shop.letterhead.location_id(&change.location).unwrap_or_default();
                let ids = (gid("InventoryItem", change.item), gid("Location", location));
                let named = wanted("quantityNames", change.name);
                let told = named && wanted("inventoryItemIds", &ids.0) && wanted("locationIds", &ids.1);
                told.then(|| one_change(change, ids, &shop))
            });
            Branch::Many(changes.collect())
        }
        _ => return None,
    })
}

fn one_change(change: &Change, (item, location): (String, String), shop: &Shop) -> Kind {
    let sku = shop.inventory.items.get(&change.item).map(|item| item.sku.clone());
    let item: Tree = vec![("id", Branch::Leaf(json!(item))), ("sku", Branch::Leaf(json!(sku)))];
    let location: Tree = vec![("id", Branch::Leaf(json!(location))), ("name", Branch::Leaf(json!(change.location)))];
    let fields: Tree = vec![
        ("name", Branch::Leaf(json!(change.name))),
        ("delta", Branch::Leaf(json!(change.delta))),
        ("quantityAfterChange", Branch::Leaf(Value::Null)),
        ("ledgerDocumentUri", Branch::Leaf(Value::Null)),
        ("item", Branch::One(Some(Kind::Entry("InventoryItem", Rc::new(item))))),
        ("location", Branch::One(Some(Kind::Entry("Location", Rc::new(location))))),
    ];
    Kind::Entry("InventoryChange", Rc::new(fields))
}

fn user_error(error: &StockError) -> Kind {
    let fields = json!({ "field": error.field, "code": error.code, "message": error.message });
    Kind::Record("InventorySetQuantitiesUserError", fields)
}
