//! Reading JSON without losing a digit: numbers keep their text, money is computed as decimals.

use rust_decimal::Decimal;
use serde_json::Value;

/// Parses a body; none when it is not JSON.
pub(crate) fn parse(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body).ok()
}

/// The exact decimal of a JSON number or of a string that holds one.
pub(crate) fn decimal(value: &Value) -> Option<Decimal> {
    match value {
        Value::Number(number) => {
            let text = number.to_string();
            Decimal::from_str_exact(&text).or_else(|_| Decimal::from_scientific(&text)).ok()
        }
        Value::String(text) => Decimal::from_str_exact(text.trim()).ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A decimal as a JSON number that shows all its digits.
pub(crate) fn number(amount: Decimal) -> Value {
    serde_json::from_str(&amount.to_string()).unwrap_or(Value::Null)
}

/// The `id` of a reference `{ "id": "11" }`, of `"11"` or of `11`.
pub(crate) fn reference(value: &Value) -> Option<String> {
    match value {
        Value::Object(fields) => fields.get("id").and_then(reference),
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) => None,
    }
}
