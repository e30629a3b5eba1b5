//! What a person in the account can do.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Value, json};

use super::books::Books;
use super::config::{Component, Item};
use crate::json;
use crate::shopify::{named, said as read};

/// Does one action, `{ "close_period": { "month": "2026-10" } }` or `{ "action": "close_period", "month": "2026-10" }`.
pub(super) fn act(books: &mut Books, action: Value, now: Timestamp) -> Result<Value, String> {
    let (name, said) = named(action)?;
    match name.as_str() {
        "close_period" => {
            let month = month(&said)?;
            if !books.config.closed_periods.contains(&month) {
                books.config.closed_periods.push(month);
            }
            Ok(json!({ "closed_periods": books.config.closed_periods }))
        }
        "open_period" => {
            let month = month(&said)?;
            books.config.closed_periods.retain(|closed| *closed != month);
            Ok(json!({ "closed_periods": books.config.closed_periods }))
        }
        "receive_stock" => receive_stock(books, &said),
        "adjust_stock" => adjust_stock(books, &said),
        "refuse_negative_stock" => {
            let on = said.get("on").and_then(Value::as_bool).ok_or("say whether it is `on`")?;
            books.config.track_stock = on;
            Ok(json!({ "refuse_negative_stock": on }))
        }
        "set_item" => set_item(books, &said, now),
        "remove_item" => {
            let id = whole(&said, "item")?;
            books.config.items.retain(|item| item.id != id);
            Ok(json!({ "items": books.config.items }))
        }
        "expire_tokens" => {
            let expired = books.tokens.len();
            books.tokens.clear();
            Ok(json!({ "expired": expired }))
        }
        "configure" => configure(books, &said),
        _ => Err(format!(
            "unknown action {name}: use close_period, open_period, receive_stock, adjust_stock, refuse_negative_stock, \
             set_item, remove_item, expire_tokens or configure"
        )),
    }
}

fn receive_stock(books: &mut Books, action: &Value) -> Result<Value, String> {
    let (item, location) = (whole(action, "item")?, whole(action, "location")?);
    let quantity: Decimal = action.get("quantity").and_then(json::decimal).ok_or("receive_stock needs a `quantity`")?;
    books.receive_stock(item, location, quantity);
    Ok(json!({ "item": item, "location": location, "quantity": json::number(books.in_stock(item, location)) }))
}

fn adjust_stock(books: &mut Books, said: &Value) -> Result<Value, String> {
    let text = |name: &str| said.get(name).and_then(Value::as_str).ok_or_else(|| format!("say the `{name}`"));
    let (sku, place) = (text("sku")?, text("location")?);
    let item = books.config.items.iter().find(|item| item.sku == sku).ok_or_else(|| format!("no item {sku}"))?.id;
    let location = books.config.locations.iter().find(|location| location.name == place);
    let location = location.ok_or_else(|| format!("no location {place}"))?.id;
    let quantity = said.get("quantity").and_then(json::decimal).ok_or("adjust_stock needs a `quantity`")?;
    books.receive_stock(item, location, quantity);
    Ok(json!({ "sku": sku, "location": place, "quantity": json::number(books.in_stock(item, location)) }))
}

/// What an item's page says; what is not said stays as it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemPage {
    /// Which item; without it the one of that SKU, or a new one.
    #[serde(default)]
    id: Option<u64>,
    sku: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    price: BTreeMap<String, Option<String>>,
    #[serde(default)]
    inactive: Option<bool>,
    #[serde(default)]
    components: Option<Vec<Component>>,
}

fn set_item(books: &mut Books, said: &Value, now: Timestamp) -> Result<Value, String> {
    let page: ItemPage = read("set_item", said.clone())?;
    for (code, price) in &page.price {
        let known = books.config.currencies.iter().find(|currency| currency.symbol == *code);
        known.ok_or_else(|| format!("the account has no currency {code}"))?;
        if price.as_deref().is_some_and(|price| Decimal::from_str_exact(price).is_err()) {
            return Err(format!("the price in {code} must be a decimal in a text, such as \"24.99\""));
        }
    }
    let sold = |sku: &str| books.config.items.iter().any(|item| item.sku == sku);
    if let Some(unknown) = page.components.iter().flatten().find(|member| !sold(&member.sku)) {
        return Err(format!("no item {}", unknown.sku));
    }
    let of_sku = books.config.items.iter().find(|item| item.sku == page.sku).map(|item| item.id);
    let next = books.config.items.iter().map(|item| item.id).max().unwrap_or(0) + 1;
    let id = page.id.or(of_sku).unwrap_or(next);
    if !books.config.items.iter().any(|item| item.id == id) {
        books.config.items.push(Item::goods(id, &page.sku));
    }
    let item = books.config.items.iter_mut().find(|item| item.id == id).ok_or("no such item")?;
    item.sku = page.sku;
    item.name = page.name.or(item.name.take());
    item.inactive = page.inactive.unwrap_or(item.inactive);
    item.components = page.components.unwrap_or_else(|| std::mem::take(&mut item.components));
    for (code, price) in page.price {
        match price {
            Some(price) => item.prices.insert(code, price),
            None => item.prices.remove(&code),
        };
    }
    item.modified_at = Some(now);
    serde_json::to_value(&*item).map_err(|error| error.to_string())
}

/// Turns the switches of the configuration while the account runs.
fn configure(books: &mut Books, action: &Value) -> Result<Value, String> {
    let flag = |name: &str| action.get(name).and_then(Value::as_bool);
    let number = |name: &str| action.get(name).and_then(Value::as_u64);
    let config = &mut books.config;
    config.recompute_tax = flag("recompute_tax").unwrap_or(config.recompute_tax);
    config.track_stock = flag("track_stock").unwrap_or(config.track_stock);
    config.answer_ms = number("answer_ms").unwrap_or(config.answer_ms);
    if let Some(limit) = number("concurrency_limit") {
        config.concurrency_limit = usize::try_from(limit).map_err(|error| error.to_string())?;
    }
    Ok(json!({
        "recompute_tax": config.recompute_tax,
        "track_stock": config.track_stock,
        "answer_ms": config.answer_ms,
        "concurrency_limit": config.concurrency_limit,
    }))
}

fn month(action: &Value) -> Result<String, String> {
    let text = action.get("month").and_then(Value::as_str).unwrap_or_default();
    format!("{text}-01")
        .parse::<jiff::civil::Date>()
        .map(|_| text.to_owned())
        .map_err(|_| "this action needs a `month` like 2026-10".to_owned())
}

fn whole(action: &Value, name: &str) -> Result<u64, String> {
    action
        .get(name)
        .and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()))
        .ok_or_else(|| format!("this action needs `{name}`, an internal id"))
}
