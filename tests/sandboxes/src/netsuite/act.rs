//! What a person in the account can do.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::books::Books;
use crate::json;
use crate::shopify::named;

/// Does one action, `{ "close_period": { "month": "2026-10" } }` or `{ "action": "close_period", "month": "2026-10" }`.
pub(super) fn act(books: &mut Books, action: Value) -> Result<Value, String> {
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
            "unknown action {name}: use close_period, open_period, receive_stock, remove_item, expire_tokens or configure"
        )),
    }
}

fn receive_stock(books: &mut Books, action: &Value) -> Result<Value, String> {
    let (item, location) = (whole(action, "item")?, whole(action, "location")?);
    let quantity: Decimal = action.get("quantity").and_then(json::decimal).ok_or("receive_stock needs a `quantity`")?;
    books.receive_stock(item, location, quantity);
    Ok(json!({ "item": item, "location": location, "quantity": json::number(books.in_stock(item, location)) }))
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
