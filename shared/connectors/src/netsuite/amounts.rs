//! Amounts and references in JSON: numbers are written from their decimal text and read by their text.

use crossdock_domain::Minor;
use crossdock_domain::event::FailureClass;
use crossdock_domain::money::Currency;
use crossdock_step::Failure;
use rust_decimal::Decimal;
use serde_json::Value;

/// An amount as the ERP reads it.
///
/// # Errors
/// It has too many digits.
pub fn amount_of(currency: Currency, amount: Minor) -> Result<Value, Failure> {
    number(currency.decimal(amount))
}

/// A decimal as a JSON number: made from its text and held against it, so that no digit is lost.
///
/// # Errors
/// It has too many digits.
pub fn number(exact: Decimal) -> Result<Value, Failure> {
    let written: Option<Value> = serde_json::from_str(&exact.to_string()).ok();
    let is_exact = |written: &Value| decimal(Some(written)) == Some(exact);
    written.filter(is_exact).ok_or_else(|| {
        let reason = format!("{exact} has more digits than a JSON number carries safely");
        Failure::permanent(FailureClass::Value, reason)
    })
}

/// The exact decimal of a JSON number, by its text.
#[must_use]
pub fn decimal(value: Option<&Value>) -> Option<Decimal> {
    let text = match value? {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let exact = Decimal::from_str_exact(&text).or_else(|_| Decimal::from_scientific(&text));
    exact.ok().map(|decimal| decimal.normalize())
}

/// An amount that the ERP holds.
#[must_use]
pub fn minor(currency: Currency, value: Option<&Value>) -> Option<Minor> {
    currency.parse_amount(&decimal(value)?.to_string()).ok()
}

/// The `id` of `{"id": …}`, whatever it is written as.
#[must_use]
pub fn reference_id(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Object(fields) => reference_id(fields.get("id")),
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use crossdock_domain::money::MAX_MINOR;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        /// Money goes out as a JSON number and comes back: no digit is lost, whatever the currency's exponent.
        #[test]
        fn every_amount_survives_json(
            amount in -MAX_MINOR..=MAX_MINOR,
            code in prop::sample::select(vec!["JPY", "GBP", "KWD"]),
        ) {
            let currency: Currency = code.parse().unwrap();
            let amount = Minor::new(amount).unwrap();
            let sent = amount_of(currency, amount).unwrap().to_string();
            let received: Value = serde_json::from_str(&sent).unwrap();
            prop_assert_eq!(minor(currency, Some(&received)), Some(amount));
        }
    }

    #[test]
    fn amounts_read_as_the_currency_writes_them() {
        let written = |code: &str, amount: i64| {
            amount_of(code.parse().unwrap(), Minor::new(amount).unwrap()).unwrap().to_string()
        };
        assert_eq!(written("GBP", 4198), "41.98");
        assert_eq!(written("JPY", 4198), "4198");
        assert_eq!(written("KWD", 4198), "4.198");
        assert_eq!(written("GBP", -1), "-0.01");
    }

    #[test]
    fn an_amount_with_more_decimals_than_its_currency_is_not_read() {
        let gbp: Currency = "GBP".parse().unwrap();
        assert_eq!(minor(gbp, Some(&json!(41.985))), None);
        assert_eq!(minor(gbp, Some(&json!("41.98"))), Minor::new(4198).ok());
        for nothing in [json!(null), json!({}), json!("NaN"), json!(1e300), json!(true)] {
            assert_eq!(minor(gbp, Some(&nothing)), None, "{nothing}");
        }
    }
}
