//! A JSON body of a caller, taken apart strictly: bounded in bytes, depth and length, no field twice, none unknown,
//! and everything that is wrong told at once, by its place and never by its content.

use std::cell::RefCell;
use std::fmt;
use std::str::FromStr;

use crossdock_domain::Minor;
use jiff::Timestamp;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// The largest body that is read.
pub const MAX_BODY_BYTES: usize = 256 * 1024;
/// How deep a body may be nested.
const MAX_DEPTH: usize = 32;
/// As many faults as an answer names.
const MAX_FAULTS: usize = 100;
/// The largest amount that a caller may bring, in minor units.
const MAX_AMOUNT: i64 = 1_000_000_000_000;
/// The most units of one line.
const MAX_UNITS: u64 = 1_000_000;

/// One thing that is wrong with a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where in the body (JSON Pointer, RFC 6901); empty for the body as a whole.
    pub pointer: String,
    /// What is wrong and what is expected, without what was sent.
    pub detail: String,
    /// What kind of fault it is.
    pub kind: FaultKind,
}

/// Kinds of faults, by the status of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// 422: the body has the right shape, a value is out of bounds.
    Invalid,
    /// 400: not JSON, or not of the shape that was asked for.
    Malformed,
    /// 413: the body is larger than [`MAX_BODY_BYTES`].
    TooLarge,
}

impl FaultKind {
    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Invalid => 422,
            Self::Malformed => 400,
            Self::TooLarge => 413,
        }
    }
}

/// What is wrong with one value.
pub(super) struct Wrong(FaultKind, String);

pub(super) fn invalid(detail: impl Into<String>) -> Wrong {
    Wrong(FaultKind::Invalid, detail.into())
}

pub(super) fn shape(detail: &str) -> Wrong {
    Wrong(FaultKind::Malformed, detail.to_owned())
}

/// Everything that was found wrong so far.
#[derive(Default)]
pub(super) struct Complaints(RefCell<Vec<Fault>>);

impl Complaints {
    pub(super) fn add(&self, pointer: impl Into<String>, wrong: Wrong) {
        let mut faults = self.0.borrow_mut();
        if faults.len() < MAX_FAULTS {
            faults.push(Fault { pointer: pointer.into(), detail: wrong.1, kind: wrong.0 });
        }
    }

    /// The faults; what was read counts only when there are none.
    pub(super) fn or<T>(self, read: Option<T>) -> Result<T, Vec<Fault>> {
        let faults = self.0.into_inner();
        match read {
            Some(read) if faults.is_empty() => Ok(read),
            _ if faults.is_empty() => Err(vec![malformed("the body cannot be understood")]),
            _ => Err(faults),
        }
    }
}

fn malformed(detail: impl Into<String>) -> Fault {
    Fault { pointer: String::new(), detail: detail.into(), kind: FaultKind::Malformed }
}

/// Parses a body.
pub(super) fn parse(body: &[u8]) -> Result<Value, Fault> {
    if body.len() > MAX_BODY_BYTES {
        let detail = format!("the body has {} bytes, and at most {MAX_BODY_BYTES} are read", body.len());
        return Err(Fault { pointer: String::new(), detail, kind: FaultKind::TooLarge });
    }
    if body.starts_with(b"\xEF\xBB\xBF") {
        return Err(malformed("the body starts with a byte order mark: send JSON in UTF-8 without one"));
    }
    if depth(body) > MAX_DEPTH {
        return Err(malformed(format!("the body is nested deeper than {MAX_DEPTH} levels")));
    }
    let twice = RefCell::new(None);
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let parsed = Strict { at: String::new(), twice: &twice }.deserialize(&mut deserializer);
    let parsed = parsed.and_then(|value| deserializer.end().map(|()| value));
    if let Some(pointer) = twice.into_inner() {
        return Err(Fault { pointer, detail: "is there twice".into(), kind: FaultKind::Malformed });
    }
    // The parser names line and column, never the content.
    parsed.map_err(|error| malformed(format!("the body is not JSON: {error}")))
}

/// How deep brackets are nested outside of texts. Read before anything recurses.
fn depth(body: &[u8]) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0_usize, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Any JSON, but no field twice: two readers could each believe another one.
struct Strict<'r> {
    at: String,
    twice: &'r RefCell<Option<String>>,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let seed = Strict { at: format!("{}/{}", self.at, list.len()), twice: self.twice };
            let Some(entry) = entries.next_element_seed(seed)? else { return Ok(Value::Array(list)) };
            list.push(entry);
        }
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let at = pointer(&self.at, &name);
            if fields.contains_key(&name) {
                *self.twice.borrow_mut() = Some(at);
                return Err(A::Error::custom("a field is there twice"));
            }
            fields.insert(name, map.next_value_seed(Strict { at, twice: self.twice })?);
        }
        Ok(Value::Object(fields))
    }
}

/// The pointer to a field; a name that nobody could mean is cut.
fn pointer(at: &str, name: &str) -> String {
    let name: String = name.chars().take(60).map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect();
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// What a list may hold: so many objects, with these fields.
#[derive(Clone, Copy)]
pub(super) struct Entries<'k> {
    pub(super) least: usize,
    pub(super) most: usize,
    pub(super) fields: &'k [&'k str],
}

/// An object whose fields are read one by one.
pub(super) struct Object<'a> {
    pub(super) at: String,
    fields: &'a Map<String, Value>,
    complaints: &'a Complaints,
}

impl<'a> Object<'a> {
    /// The object at a place, with the fields it may have.
    pub(super) fn new(value: &'a Value, at: String, known: &[&str], complaints: &'a Complaints) -> Option<Self> {
        let Some(fields) = value.as_object() else {
            complaints.add(at, shape("must be an object"));
            return None;
        };
        for name in fields.keys().filter(|name| !known.contains(&name.as_str())) {
            complaints.add(pointer(&at, name), shape("is not a field of this request"));
        }
        Some(Self { at, fields, complaints })
    }

    pub(super) fn complain(&self, name: &str, wrong: Wrong) {
        let at = if name.is_empty() { self.at.clone() } else { pointer(&self.at, name) };
        self.complaints.add(at, wrong);
    }

    fn told(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// A field that must be there.
    pub(super) fn required<T>(&self, name: &str, read: impl Fn(&'a Value) -> Result<T, Wrong>) -> Option<T> {
        if self.told(name).is_none() {
            self.complain(name, shape("is missing"));
        }
        self.optional(name, read)
    }

    /// A field that may be left out (or null). A wrong one is complained of and counts as left out.
    pub(super) fn optional<T>(&self, name: &str, read: impl Fn(&'a Value) -> Result<T, Wrong>) -> Option<T> {
        match read(self.told(name)?) {
            Ok(value) => Some(value),
            Err(wrong) => {
                self.complain(name, wrong);
                None
            }
        }
    }

    /// An object in a field that may be left out.
    pub(super) fn object(&self, name: &str, known: &[&str]) -> Option<Object<'a>> {
        Object::new(self.told(name)?, pointer(&self.at, name), known, self.complaints)
    }

    /// An object in a field that must be there.
    pub(super) fn required_object(&self, name: &str, known: &[&str]) -> Option<Object<'a>> {
        if self.told(name).is_none() {
            self.complain(name, shape("is missing"));
        }
        self.object(name, known)
    }

    /// A list of objects that must be there, even if it is empty.
    pub(super) fn required_list<T>(
        &self,
        name: &str,
        entries: Entries<'_>,
        read: impl Fn(&Object<'a>, usize) -> Option<T>,
    ) -> Vec<T> {
        if self.told(name).is_none() {
            self.complain(name, shape("is missing"));
        }
        self.list(name, entries, read)
    }

    /// A list of objects; left out is empty.
    pub(super) fn list<T>(
        &self,
        name: &str,
        entries: Entries<'_>,
        read: impl Fn(&Object<'a>, usize) -> Option<T>,
    ) -> Vec<T> {
        let Entries { least, most, fields } = entries;
        let told = self.optional(name, |value| value.as_array().ok_or_else(|| shape("must be a list")));
        let entries = told.map(Vec::as_slice).unwrap_or_default();
        if told.is_some() && !(least..=most).contains(&entries.len()) {
            self.complain(name, invalid(format!("must have {least} to {most} entries")));
            return Vec::new();
        }
        let at = pointer(&self.at, name);
        let object = |(index, entry)| {
            let object = Object::new(entry, format!("{at}/{index}"), fields, self.complaints)?;
            read(&object, index)
        };
        entries.iter().enumerate().filter_map(object).collect()
    }
}

fn string(value: &Value) -> Result<&str, Wrong> {
    let text = value.as_str().ok_or_else(|| shape("must be a text"))?;
    if text.chars().any(char::is_control) {
        return Err(invalid("has control characters, which no outside system takes"));
    }
    Ok(text)
}

/// A text of so many characters that people wrote, without spaces around it.
pub(super) fn text(least: usize, most: usize) -> impl Fn(&Value) -> Result<String, Wrong> {
    let read = reference(least, most);
    move |value| {
        let text = read(value)?;
        if has_card_number(&text) {
            return Err(invalid("looks like it holds a card number: never send one"));
        }
        Ok(text)
    }
}

/// What a system calls something, perhaps put in by a person: spaces around it go, and a number in it is no card's.
/// One in ten numbers of an order would have a card's check digit.
pub(super) fn reference(least: usize, most: usize) -> impl Fn(&Value) -> Result<String, Wrong> {
    move |value| {
        let text = string(value)?.trim();
        let length = text.chars().count();
        if (least..=most).contains(&length) {
            Ok(text.to_owned())
        } else {
            Err(invalid(format!("must have {least} to {most} characters")))
        }
    }
}

/// A text for people that is empty or absent alike.
pub(super) fn some_text(most: usize) -> impl Fn(&Value) -> Result<Option<String>, Wrong> {
    let read = text(0, most);
    move |value| read(value).map(|text| Some(text).filter(|text| !text.is_empty()))
}

/// A text that machines made: any printable characters, and a number in it is no card's.
pub(super) fn token(least: usize, most: usize) -> impl Fn(&Value) -> Result<String, Wrong> {
    move |value| {
        let token = string(value)?;
        let length = token.chars().count();
        let fits = (least..=most).contains(&length) && token.trim() == token;
        if fits {
            Ok(token.to_owned())
        } else {
            Err(invalid(format!("must have {least} to {most} characters, no spaces around")))
        }
    }
}

/// One of several words.
pub(super) fn word(words: &'static [&'static str]) -> impl Fn(&Value) -> Result<&'static str, Wrong> {
    move |value| {
        let told = string(value)?;
        let known = words.iter().find(|word| **word == told);
        known.copied().ok_or_else(|| invalid(format!("must be one of {}", words.join(", "))))
    }
}

/// Anything that is parsed from a text and says itself what it must be.
pub(super) fn parsed<T: FromStr<Err: fmt::Display>>(value: &Value) -> Result<T, Wrong> {
    string(value)?.parse().map_err(|error: T::Err| invalid(error.to_string()))
}

/// An identity, exactly as written: no spaces around it, no other spelling of it.
pub(super) fn exact<T: FromStr<Err: fmt::Display> + fmt::Display>(value: &Value) -> Result<T, Wrong> {
    let told = string(value)?;
    let read: T = told.parse().map_err(|error: T::Err| invalid(error.to_string()))?;
    if read.to_string() == told { Ok(read) } else { Err(invalid("has spaces around it")) }
}

/// An ISO 4217 currency. What was sent instead is not repeated.
pub(super) fn currency(value: &Value) -> Result<crossdock_domain::Currency, Wrong> {
    string(value)?.parse().map_err(|_| invalid("must be an ISO 4217 currency code"))
}

/// An amount in minor units.
pub(super) fn minor(value: &Value) -> Result<Minor, Wrong> {
    let bounds = || invalid(format!("must be a whole number of minor units from 0 to {MAX_AMOUNT}"));
    let number = value.as_number().ok_or_else(|| shape("must be a whole number of minor units"))?;
    let minor = number.as_i64().filter(|minor| (0..=MAX_AMOUNT).contains(minor)).ok_or_else(bounds)?;
    Minor::new(minor).map_err(|_| bounds())
}

/// Units of goods.
pub(super) fn units(value: &Value) -> Result<u32, Wrong> {
    let number = value.as_number().ok_or_else(|| shape("must be a whole number of units"))?;
    let units = number.as_u64().filter(|units| (1..=MAX_UNITS).contains(units));
    let units = units.and_then(|units| u32::try_from(units).ok());
    units.ok_or_else(|| invalid(format!("must be a whole number of units from 1 to {MAX_UNITS}")))
}

/// Yes or no.
pub(super) fn flag(value: &Value) -> Result<bool, Wrong> {
    value.as_bool().ok_or_else(|| shape("must be true or false"))
}

/// A point in time of this century.
pub(super) fn time(value: &Value) -> Result<Timestamp, Wrong> {
    const YEAR_2000: i64 = 946_684_800;
    const YEAR_2100: i64 = 4_102_444_800;
    let time: Option<Timestamp> = string(value)?.parse().ok();
    let time = time.filter(|time| (YEAR_2000..YEAR_2100).contains(&time.as_second()));
    time.ok_or_else(|| invalid("must be an RFC 3339 time with its offset, such as 2026-11-20T09:15:00Z"))
}

/// A tax rate as a decimal fraction: `0.2` is twenty per cent.
pub(super) fn rate(value: &Value) -> Result<String, Wrong> {
    let text = string(value)?;
    let (whole, part) = text.split_once('.').map_or((text, None), |(whole, part)| (whole, Some(part)));
    let digits = |text: &str, most: usize| (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if digits(whole, 3) && part.is_none_or(|part| digits(part, 10)) {
        Ok(text.to_owned())
    } else {
        Err(invalid("must be a decimal fraction such as 0.2"))
    }
}

/// An address of electronic mail, as far as it can be told without sending one.
pub(super) fn email(value: &Value) -> Result<String, Wrong> {
    let text = string(value)?.trim();
    let plausible =
        text.split_once('@').is_some_and(|(who, host)| !who.is_empty() && !host.is_empty() && !host.contains('@'));
    if plausible && text.len() <= 254 && !text.contains(char::is_whitespace) {
        Ok(text.to_owned())
    } else {
        Err(invalid("must be an e-mail address of at most 254 characters"))
    }
}

/// Whether a text holds the number of a payment card: 14 to 19 digits, perhaps in groups, with a scheme's first
/// digits and a right check digit.
fn has_card_number(text: &str) -> bool {
    let mut runs: Vec<Vec<Vec<u32>>> = vec![vec![Vec::new()]];
    for c in text.chars() {
        let Some(run) = runs.last_mut() else { return false };
        match (c.to_digit(10), c) {
            (Some(digit), _) => run.last_mut().into_iter().for_each(|group| group.push(digit)),
            (None, ' ' | '-') if run.last().is_some_and(|group| !group.is_empty()) => run.push(Vec::new()),
            (None, _) => runs.push(vec![Vec::new()]),
        }
    }
    runs.iter().any(|groups| {
        (0..groups.len()).any(|from| {
            (from..groups.len())
                .take(MAX_GROUPS)
                .any(|to| groups.get(from..=to).is_some_and(|g| is_card_number(&g.concat())))
        })
    })
}

/// Card numbers are written in four groups, or five; each digit alone is what a person does to get around this.
const MAX_GROUPS: usize = 19;

/// The schemes' first digits go by the length: a Visa has 16 or 19 digits, so the 17 of an order of Amazon
/// (`402-1234567-1234567`) are none; only JCB, Maestro, Discover and UnionPay have 17 and 18.
fn is_card_number(digits: &[u32]) -> bool {
    let leading = digits.iter().take(4).fold(0, |number, digit| number * 10 + digit);
    let long = matches!(leading, 3528..=3589 | 5018 | 5020 | 5038 | 5600..=5899 | 6000..=6999);
    let issued = match digits.len() {
        14 => matches!(leading, 3000..=3059 | 3600..=3699 | 3800..=3999),
        15 => matches!(leading, 3400..=3499 | 3700..=3799),
        16 => matches!(leading, 2221..=2720 | 3528..=3589 | 4000..=6999),
        17 | 18 => long,
        19 => long || matches!(leading, 4000..=4999),
        _ => false,
    };
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let placed = digits.iter().rev().enumerate();
    let sum: u32 = placed.map(|(place, digit)| if place % 2 == 1 { doubled(*digit) } else { *digit }).sum();
    issued && sum.is_multiple_of(10)
}
