//! Reading a body that may hold anything: each field by its name, each complaint with the place where it stands and
//! never with what stands there, because that may be somebody's name.

use std::fmt;

use jiff::Timestamp;
use serde_json::Value;

/// Why a body cannot be understood, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unreadable {
    /// From the innermost to the outermost.
    path: Vec<String>,
    what: String,
    pub(super) kind: Kind,
}

/// What an unreadable field means for the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The field is missing or broken.
    Broken,
    /// The amount is there, but not in the currency that it was asked for in.
    OtherCurrency,
}

impl Unreadable {
    pub(super) fn new(field: &str, what: impl Into<String>) -> Self {
        Self { path: vec![field.to_owned()], what: what.into(), kind: Kind::Broken }
    }

    pub(super) fn other_currency(field: &str, what: impl Into<String>) -> Self {
        Self { kind: Kind::OtherCurrency, ..Self::new(field, what) }
    }

    /// The same complaint, seen from one level further out.
    pub(super) fn within(mut self, list: &str, index: usize) -> Self {
        self.path.push(format!("{list}[{index}]"));
        self
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outermost_first: Vec<&str> = self.path.iter().rev().map(String::as_str).collect();
        write!(f, "{} {}", outermost_first.join("."), self.what)
    }
}

/// A field that is there and not null.
pub(super) fn get<'a>(of: &'a Value, name: &str) -> Option<&'a Value> {
    of.get(name).filter(|value| !value.is_null())
}

/// A list; absent and null are empty.
pub(super) fn list<'a>(of: &'a Value, name: &str) -> Result<&'a [Value], Unreadable> {
    match get(of, name) {
        None => Ok(&[]),
        Some(value) => value.as_array().map(Vec::as_slice).ok_or_else(|| Unreadable::new(name, "is not a list")),
    }
}

/// Reads each entry of a list; a complaint says which entry.
pub(super) fn each<'a, T>(
    of: &'a Value,
    name: &str,
    mut read: impl FnMut(&'a Value) -> Result<T, Unreadable>,
) -> Result<Vec<T>, Unreadable> {
    let entries = list(of, name)?.iter().enumerate();
    entries.map(|(index, entry)| read(entry).map_err(|error| error.within(name, index))).collect()
}

/// A text; absent, null and empty are nothing.
pub(super) fn text<'a>(of: &'a Value, name: &str) -> Result<Option<&'a str>, Unreadable> {
    match get(of, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
        Some(_) => Err(Unreadable::new(name, "is not a text")),
    }
}

/// A yes or no; absent and null are no.
pub(super) fn flag(of: &Value, name: &str) -> Result<bool, Unreadable> {
    match get(of, name) {
        None => Ok(false),
        Some(value) => value.as_bool().ok_or_else(|| Unreadable::new(name, "is neither true nor false")),
    }
}

/// An identity: exact beyond 2^53.
pub(super) fn id(of: &Value, name: &str) -> Result<u64, Unreadable> {
    let value = get(of, name).ok_or_else(|| Unreadable::new(name, "is missing"))?;
    id_of(value).ok_or_else(|| Unreadable::new(name, "is not a whole number of at most 64 bits"))
}

/// An identity, written as a number or as its digits.
pub(super) fn id_of(value: &Value) -> Option<u64> {
    let digits = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    value.as_u64().or_else(|| value.as_str().filter(digits)?.parse().ok())
}

/// Units.
pub(super) fn units(of: &Value, name: &str) -> Result<Option<u32>, Unreadable> {
    let whole = |value: &Value| value.as_u64().and_then(|units| u32::try_from(units).ok());
    let broken = || Unreadable::new(name, "is not a whole number of units");
    get(of, name).map(|value| whole(value).ok_or_else(broken)).transpose()
}

/// A point in time, written with its offset.
pub(super) fn time(of: &Value, name: &str) -> Result<Option<Timestamp>, Unreadable> {
    let parse = |text: &str| text.parse().map_err(|_| Unreadable::new(name, "is not a time with an offset"));
    text(of, name)?.map(parse).transpose()
}

/// Text for labels and documents: control characters (NUL among them) become spaces, because no outside system takes
/// them; what is too long is cut.
pub(super) fn printable(text: &str, longest: usize) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(longest).collect::<String>().trim().to_owned()
}
