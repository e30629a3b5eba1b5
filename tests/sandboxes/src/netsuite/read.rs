//! Reading a body's fields by their types. Money is a JSON number with no more decimals than its currency has.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::refusal::Refusal;
use crate::json;

/// The fields of a record or of a sublist line, and where in the body they stand.
#[derive(Clone)]
pub(super) struct Fields<'a> {
    fields: &'a Map<String, Value>,
    path: String,
}

/// A reference to another record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reference {
    Id(String),
    External(String),
}

impl Reference {
    pub(super) fn shown(&self) -> &str {
        match self {
            Self::Id(text) | Self::External(text) => text,
        }
    }

    pub(super) fn id(&self) -> Option<u64> {
        match self {
            Self::Id(text) => text.parse().ok(),
            Self::External(_) => None,
        }
    }
}

/// Beyond this an amount is a mistake, and sums of amounts stay exact.
const LARGEST: i64 = 1_000_000_000_000;
/// Parts of a unit that a quantity may have.
pub(super) const QUANTITY_DECIMALS: u32 = 5;
/// Rates may have more decimals than amounts.
pub(super) const RATE_DECIMALS: u32 = 8;

impl<'a> Fields<'a> {
    pub(super) fn of_record(fields: &'a Map<String, Value>) -> Self {
        Self { fields, path: String::new() }
    }

    pub(super) fn path(&self, name: &str) -> String {
        format!("{}{name}", self.path)
    }

    /// The lines of a sublist; none when the body does not mention it.
    pub(super) fn sublist(&self, name: &str) -> Result<Option<Vec<Fields<'a>>>, Refusal> {
        let Some(sublist) = self.present(name) else {
            return Ok(None);
        };
        let wrong = || Refusal::invalid_content(&format!("'{name}' must hold an array 'items'."), &self.path(name));
        let items = sublist.get("items").and_then(Value::as_array).ok_or_else(wrong)?;
        let line = |(at, item): (usize, &'a Value)| {
            let fields = item.as_object().ok_or_else(wrong)?;
            Ok(Fields { fields, path: format!("{name}.items[{at}].") })
        };
        items.iter().enumerate().map(line).collect::<Result<_, _>>().map(Some)
    }

    pub(super) fn present(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// The fields that are none of `meant`.
    pub(super) fn others(&self, meant: &[&str]) -> Map<String, Value> {
        self.fields
            .iter()
            .filter(|(name, _)| !meant.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Refusal> {
        match self.present(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.wrong_type(name, "a string")),
        }
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.present(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.wrong_type(name, "a boolean")),
        }
    }

    pub(super) fn count(&self, name: &str) -> Result<Option<u32>, Refusal> {
        match self.present(name) {
            None => Ok(None),
            Some(value) => value
                .as_u64()
                .and_then(|count| u32::try_from(count).ok())
                .map(Some)
                .ok_or_else(|| self.wrong_type(name, "a whole number")),
        }
    }

    pub(super) fn date(&self, name: &str) -> Result<Option<Date>, Refusal> {
        match self.text(name)? {
            None => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| self.wrong_type(name, "a date (YYYY-MM-DD)")),
        }
    }

    /// A number with at most so many decimals.
    pub(super) fn number(&self, name: &str, decimals: u32) -> Result<Option<Decimal>, Refusal> {
        let Some(value) = self.present(name) else {
            return Ok(None);
        };
        let number = Some(value)
            .filter(|value| value.is_number())
            .and_then(json::decimal)
            .ok_or_else(|| self.wrong_type(name, "a number"))?
            .normalize();
        if number.scale() > decimals || number.abs() > Decimal::from(LARGEST) {
            return Err(self.invalid(name, &number.to_string()));
        }
        Ok(Some(number))
    }

    /// The id of an enumeration's value, `{ "id": "B" }` or `"B"`.
    pub(super) fn choice(&self, name: &str, allowed: &[char]) -> Result<Option<char>, Refusal> {
        let Some(reference) = self.reference(name)? else {
            return Ok(None);
        };
        let mut letters = reference.shown().chars();
        match (letters.next(), letters.next()) {
            (Some(letter), None) if allowed.contains(&letter) => Ok(Some(letter)),
            _ => Err(self.invalid(name, reference.shown())),
        }
    }

    pub(super) fn reference(&self, name: &str) -> Result<Option<Reference>, Refusal> {
        let Some(value) = self.present(name) else {
            return Ok(None);
        };
        let external = value.get("externalId").and_then(Value::as_str);
        match (json::reference(value), external) {
            (Some(id), _) => Ok(Some(Reference::Id(id))),
            (None, Some(external)) => Ok(Some(Reference::External(external.to_owned()))),
            (None, None) => Err(self.wrong_type(name, "a reference { \"id\": … }")),
        }
    }

    /// The reference's value is not known, or not allowed here.
    pub(super) fn invalid(&self, name: &str, value: &str) -> Refusal {
        Refusal::invalid_field(value, name, &self.path(name))
    }

    fn wrong_type(&self, name: &str, expected: &str) -> Refusal {
        Refusal::invalid_content(&format!("The value of '{name}' must be {expected}."), &self.path(name))
    }
}
