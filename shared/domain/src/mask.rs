//! What may be shown of a call to an outside system: its form, its identities and what was said of it, but nobody's name,
//! address or secret. Everything is hidden that is not known to be harmless; so a vendor's new field is hidden, too.
//!
//! Two passes: [`Hidden::learn`] reads all bodies of a task for what has to be hidden; then [`Hidden::masked`] shows one
//! of them. Learning comes first because vendors echo: the postcode of the request stands in the answer's message.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::ids::split_reference;

/// Stands for what is hidden, with how many characters it has: `•••(12)`.
const MARK: &str = "•••";

/// Shorter texts are not looked for in other texts: they would be found everywhere.
const SHORTEST_ECHO: usize = 3;

/// A number is looked for in other texts only if it has so many digits.
const SHORTEST_NUMBER: usize = 5;

/// What a key says of its value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// It is not shown, nor is its length.
    Secret,
    /// It is about a person, and so is all that is in it. A note may be of many words, which are no names.
    Personal { names: bool },
    /// It is an identity, a state, an amount, a time.
    Plain,
    /// It is a sentence: what the vendor says, or a query.
    Said,
    /// Nobody knows.
    Unknown,
}

const SECRETS: [&str; 16] = [
    "token",
    "secret",
    "password",
    "passwd",
    "assertion",
    "signature",
    "authorization",
    "cookie",
    "apikey",
    "credential",
    "credentials",
    "privatekey",
    "hmac",
    "jwt",
    "bearer",
    "session",
];
const PERSONAL_WORDS: [&str; 21] = [
    "address",
    "addr",
    "street",
    "city",
    "town",
    "zip",
    "zipcode",
    "postal",
    "postcode",
    "postalcode",
    "phone",
    "mobile",
    "telephone",
    "fax",
    "email",
    "mail",
    "company",
    "attention",
    "addressee",
    "recipient",
    "recipients",
];
const PERSONAL_PARTS: [&str; 11] = [
    "address",
    "phone",
    "email",
    "postcode",
    "postalcode",
    "zipcode",
    "firstname",
    "lastname",
    "fullname",
    "addressee",
    "recipient",
];
const NOTES: [&str; 6] = ["note", "notes", "comment", "comments", "instructions", "remark"];
/// Words before `name` with which it is not a person's.
const THINGS_NAMED: [&str; 14] = [
    "operation",
    "field",
    "type",
    "ref",
    "product",
    "item",
    "variant",
    "warehouse",
    "location",
    "carrier",
    "channel",
    "gateway",
    "tax",
    "service",
];
const PLAIN_WORDS: [&str; 43] = [
    "id",
    "ids",
    "eid",
    "sku",
    "skus",
    "reference",
    "ref",
    "status",
    "code",
    "codes",
    "type",
    "typename",
    "kind",
    "currency",
    "quantity",
    "quantities",
    "item",
    "items",
    "key",
    "path",
    "field",
    "fields",
    "gid",
    "amount",
    "price",
    "total",
    "subtotal",
    "rate",
    "cost",
    "date",
    "at",
    "time",
    "period",
    "version",
    "limit",
    "offset",
    "page",
    "expand",
    "replace",
    "sort",
    "method",
    "operation",
    "subsidiary",
];
const SAID: [&str; 16] = [
    "message",
    "messages",
    "detail",
    "details",
    "title",
    "error",
    "errors",
    "description",
    "reason",
    "query",
    "q",
    "memo",
    "warning",
    "warnings",
    "hint",
    "text",
];
/// Keys whose last word is not what they are about.
const PLAIN_KEYS: [&str; 5] = ["operationname", "expandsubresources", "otherrefnum", "ordernumber", "linenumber"];

/// The words of a key: `shippingAddress1`, `shipping_address` and `recipient.address` have `address` in them.
fn words(key: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut after_lower = false;
    for c in key.chars() {
        if !c.is_alphabetic() || (c.is_uppercase() && after_lower) {
            words.push(String::new());
        }
        after_lower = c.is_lowercase();
        if let Some(word) = words.last_mut().filter(|_| c.is_alphabetic()) {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn class_of(key: &str) -> Class {
    let words = words(key);
    let joined = words.concat();
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let contains = |list: &[&str]| list.iter().any(|part| joined.contains(part));
    let last = words.last().map_or("", String::as_str);
    if has(&SECRETS) || contains(&["apikey", "privatekey", "password", "secret", "accesskey"]) {
        return Class::Secret;
    }
    if PLAIN_KEYS.contains(&joined.as_str()) {
        return Class::Plain;
    }
    if has(&PERSONAL_WORDS) || contains(&PERSONAL_PARTS) || is_persons_name(&words, last) {
        return Class::Personal { names: true };
    }
    if has(&NOTES) {
        return Class::Personal { names: false };
    }
    if SAID.contains(&last) {
        Class::Said
    } else if PLAIN_WORDS.contains(&last) {
        Class::Plain
    } else {
        Class::Unknown
    }
}

/// A name is a person's unless the key says otherwise.
fn is_persons_name(words: &[String], last: &str) -> bool {
    let before = words.len().checked_sub(2).and_then(|index| words.get(index)).map_or("", String::as_str);
    matches!(last, "name" | "names" | "surname" | "firstname" | "lastname") && !THINGS_NAMED.contains(&before)
}

/// What has to be hidden in some calls. Its `Debug` shows nothing of it.
#[derive(Clone, Default)]
pub struct Hidden {
    /// Values under personal keys, folded: hidden wherever they stand.
    personal: BTreeSet<Vec<char>>,
    /// Single words of names and addresses, folded: hidden where they stand alone.
    words: BTreeSet<Vec<char>>,
    /// Other values that are not shown, folded: hidden in sentences.
    unknown: BTreeSet<Vec<char>>,
    /// Identities that are shown: what is hidden elsewhere by mere precaution may repeat them.
    plain: BTreeSet<Vec<char>>,
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hidden({} personal texts)", self.personal.len())
    }
}

impl Hidden {
    /// Learns from a body what has to be hidden in all of them.
    pub fn learn(&mut self, body: &Value) {
        self.learn_under(Class::Unknown, body);
    }

    fn learn_under(&mut self, class: Class, value: &Value) {
        match value {
            Value::Object(fields) => {
                for (key, field) in fields {
                    self.learn_under(class_in(class, (key, field), fields), field);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.learn_under(class, item)),
            Value::String(text) if !is_mark(text) => self.learn_text(class, text),
            Value::Number(number) => {
                if let Class::Personal { .. } = class {
                    self.learn_text(class, &number.to_string());
                }
            }
            Value::String(_) | Value::Bool(_) | Value::Null => {}
        }
    }

    fn learn_text(&mut self, class: Class, text: &str) {
        let folded = folded(text);
        let is_short = folded.len() < SHORTEST_ECHO;
        match class {
            Class::Secret | Class::Personal { .. } if !is_short => {
                self.personal.insert(folded);
            }
            Class::Unknown if !is_short => {
                self.unknown.insert(folded);
            }
            Class::Plain => {
                self.plain.insert(folded);
            }
            Class::Secret | Class::Personal { .. } | Class::Unknown | Class::Said => {}
        }
        if class == (Class::Personal { names: true }) {
            let is_telling = |word: &Vec<char>| {
                let is_number = word.iter().all(char::is_ascii_digit);
                word.len() >= if is_number { SHORTEST_NUMBER } else { SHORTEST_ECHO }
            };
            let parts = text.split(|c: char| !c.is_alphanumeric()).map(folded_word);
            self.words.extend(parts.filter(is_telling));
        }
    }

    /// A body as it may be shown. What is masked already stays as it is.
    #[must_use]
    pub fn masked(&self, body: &Value) -> Value {
        self.masked_under(Class::Unknown, body)
    }

    fn masked_under(&self, class: Class, value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                let field = |(key, field): (&String, &Value)| {
                    let shown = self.plain(key);
                    // As the shown key reads, so that what is masked reads the same when it is masked again.
                    let class = match class_in(class, (key, field), fields) {
                        hidden @ (Class::Secret | Class::Personal { .. }) => hidden,
                        Class::Plain | Class::Said | Class::Unknown => class_in(class, (&shown, field), fields),
                    };
                    (shown, self.masked_under(class, field))
                };
                Value::Object(fields.iter().map(field).collect())
            }
            Value::Array(items) => items.iter().map(|item| self.masked_under(class, item)).collect(),
            Value::Null => Value::Null,
            _ if class == Class::Secret => MARK.into(),
            Value::String(text) => self.text_under(class, text).into(),
            Value::Bool(_) | Value::Number(_) => match class {
                Class::Personal { .. } => marked(value.to_string().chars().count()).into(),
                Class::Secret | Class::Plain | Class::Said | Class::Unknown => value.clone(),
            },
        }
    }

    fn text_under(&self, class: Class, text: &str) -> String {
        match class {
            Class::Plain => self.plain(text),
            Class::Said => self.said(text),
            Class::Secret | Class::Personal { .. } | Class::Unknown if text.is_empty() || is_mark(text) => {
                text.to_owned()
            }
            Class::Secret | Class::Personal { .. } | Class::Unknown => marked(text.chars().count()),
        }
    }

    /// An identity as it may be shown, without what is personal in it.
    #[must_use]
    pub fn plain(&self, text: &str) -> String {
        between_marks(text, |text| self.without_personal(text, &BTreeSet::new()))
    }

    /// A sentence as it may be shown, without anything that is hidden elsewhere.
    fn said(&self, text: &str) -> String {
        between_marks(text, |text| self.without_personal(text, &self.unknown))
    }

    /// A sentence of ours, or a vendor's in one of ours, as it may be kept: without what is known to be personal.
    #[must_use]
    pub fn scrubbed(&self, text: &str) -> String {
        self.plain(text)
    }

    fn without_personal(&self, text: &str, also: &BTreeSet<Vec<char>>) -> String {
        let echoes = also.iter().filter(|echo| !self.plain.contains(*echo));
        let echoes: Vec<&Vec<char>> = self.personal.iter().chain(echoes).collect();
        let mut found = places_of(text, &echoes);
        found.extend(self.words_in(text));
        let text = with_marks(text, found);
        let text = between_marks(&text, |text| with_marks(text, addresses_in(text)));
        between_marks(&text, |text| with_marks(text, phones_in(text)))
    }

    fn words_in(&self, text: &str) -> Vec<Place> {
        let is_hidden = |place: &Place| self.words.contains(&folded_word(&text[place.0..place.1]));
        runs(text, char::is_alphanumeric).into_iter().filter(is_hidden).collect()
    }
}

/// A body in which everything that is not known to be harmless keeps its form only: letters read `x`, digits `0`. What
/// reads it finds what was there, but for the words. Keys of `known` are harmless beside those that are for every vendor.
#[must_use]
pub fn shaped(body: &Value, known: &[&str]) -> Value {
    shaped_under(Class::Unknown, body, known)
}

const COUNTRIES: [&str; 3] = ["country_code", "province_code", "country"];

fn shaped_under(class: Class, value: &Value, known: &[&str]) -> Value {
    match value {
        Value::Object(fields) => {
            let field = |(key, field): (&String, &Value)| {
                let class = match class_in(class, (key, field), fields) {
                    // Taxes and services go by the country; nobody is found by it.
                    Class::Personal { .. } if COUNTRIES.contains(&key.as_str()) => Class::Plain,
                    Class::Said | Class::Unknown if known.contains(&key.as_str()) => Class::Plain,
                    class @ (Class::Secret | Class::Personal { .. } | Class::Plain | Class::Said | Class::Unknown) => {
                        class
                    }
                };
                (key.clone(), shaped_under(class, field, known))
            };
            Value::Object(fields.iter().map(field).collect())
        }
        Value::Array(items) => items.iter().map(|item| shaped_under(class, item, known)).collect(),
        Value::String(text) if class == Class::Plain => text.clone().into(),
        Value::String(text) => text.chars().map(shape_of).collect::<String>().into(),
        Value::Number(_) if matches!(class, Class::Secret | Class::Personal { .. }) => 0.into(),
        Value::Number(_) | Value::Bool(_) | Value::Null => value.clone(),
    }
}

fn shape_of(c: char) -> char {
    if c.is_numeric() {
        '0'
    } else if c.is_uppercase() {
        'X'
    } else if c.is_alphabetic() {
        'x'
    } else {
        c
    }
}

/// Whether a text is another one, or what is left of it where characters keep their form only.
#[must_use]
pub fn reads_as(shown: &str, text: &str) -> bool {
    let alike = |(shown, c): (char, char)| shown == c || shown == shape_of(c);
    shown.chars().count() == text.chars().count() && shown.chars().zip(text.chars()).all(alike)
}

/// What a field's key says, seen from what it is in.
fn class_in(outer: Class, (key, field): (&str, &Value), beside: &Map<String, Value>) -> Class {
    match outer {
        Class::Secret | Class::Personal { .. } => outer,
        Class::Plain | Class::Said | Class::Unknown => match class_of(key) {
            // An item that is called by its SKU.
            Class::Personal { .. } if key == "name" && beside.get("sku") == Some(field) => Class::Plain,
            // What we write into a note ourselves.
            Class::Personal { names: false } if is_reference(field) => Class::Plain,
            class @ (Class::Secret | Class::Personal { .. } | Class::Plain | Class::Said | Class::Unknown) => class,
        },
    }
}

/// Whether it is a reference of ours: `UK-820982911946154508-R1`.
fn is_reference(field: &Value) -> bool {
    let Some(text) = field.as_str() else { return false };
    let is_plain = text.len() <= 35 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-');
    let has_digit = |channel: &str| channel.bytes().any(|b| b.is_ascii_digit());
    is_plain && split_reference(text).is_some_and(|(_, channel, _)| has_digit(channel.as_str()))
}

/// From which byte to which.
type Place = (usize, usize);

fn marked(characters: usize) -> String {
    format!("{MARK}({characters})")
}

fn is_mark(text: &str) -> bool {
    mark_at(text).is_some_and(|length| length == text.len()) || text == MARK
}

/// The length of the mark that a text begins with.
fn mark_at(text: &str) -> Option<usize> {
    let inside = text.strip_prefix(MARK)?.strip_prefix('(')?;
    let digits = inside.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0 && inside.as_bytes().get(digits) == Some(&b')')).then_some(MARK.len() + digits + 2)
}

/// A text whose parts between marks are changed.
fn between_marks(text: &str, change: impl Fn(&str) -> String) -> String {
    let (mut whole, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(MARK) {
        let mark = mark_at(&rest[at..]).unwrap_or(MARK.len());
        whole.push_str(&change(&rest[..at]));
        whole.push_str(&rest[at..at + mark]);
        rest = &rest[at + mark..];
    }
    whole.push_str(&change(rest));
    whole
}

/// A text with a mark in each of the places; those that overlap become one.
fn with_marks(text: &str, mut places: Vec<Place>) -> String {
    places.sort_unstable();
    let mut merged: Vec<Place> = Vec::new();
    for place in places {
        match merged.last_mut() {
            Some(last) if place.0 <= last.1 => last.1 = last.1.max(place.1),
            _ => merged.push(place),
        }
    }
    let (mut whole, mut from) = (String::with_capacity(text.len()), 0);
    for (begin, end) in merged {
        whole.push_str(&text[from..begin]);
        whole.push_str(&marked(text[begin..end].chars().count()));
        from = end;
    }
    whole + &text[from..]
}

/// A text as it is compared: without case and without spaces, so that `n11aa` is `N1 1AA`.
fn folded(text: &str) -> Vec<char> {
    placed(text).into_iter().map(|(c, _)| c).collect()
}

fn folded_word(word: &str) -> Vec<char> {
    word.chars().flat_map(char::to_lowercase).collect()
}

/// The same with where each character stands.
fn placed(text: &str) -> Vec<(char, Place)> {
    let of = |(at, c): (usize, char)| c.to_lowercase().map(move |lower| (lower, (at, at + c.len_utf8())));
    text.char_indices().filter(|(_, c)| !c.is_whitespace()).flat_map(of).collect()
}

/// Where any of these stand in a text.
fn places_of(text: &str, echoes: &[&Vec<char>]) -> Vec<Place> {
    let text = placed(text);
    let mut found = Vec::new();
    for echo in echoes.iter().filter(|echo| !echo.is_empty() && echo.len() <= text.len()) {
        let is_it = |window: &&[(char, Place)]| window.iter().map(|(c, _)| c).eq(echo.iter());
        let windows = text.windows(echo.len()).filter(is_it);
        found.extend(windows.filter_map(|window| Some((window.first()?.1.0, window.last()?.1.1))));
    }
    found
}

/// The longest runs of such characters.
fn runs(text: &str, belongs: impl Fn(char) -> bool) -> Vec<Place> {
    let mut found: Vec<Place> = Vec::new();
    for (at, c) in text.char_indices().filter(|(_, c)| belongs(*c)) {
        match found.last_mut() {
            Some(last) if last.1 == at => last.1 = at + c.len_utf8(),
            _ => found.push((at, at + c.len_utf8())),
        }
    }
    found
}

/// E-mail addresses, whoever's.
fn addresses_in(text: &str) -> Vec<Place> {
    let belongs = |c: char| !c.is_whitespace() && !"\"'<>()[]{},;:=&?/\\".contains(c);
    let is_address = |place: &Place| {
        let run = &text[place.0..place.1];
        run.char_indices().any(|(at, c)| c == '@' && at > 0 && at + 1 < run.len())
    };
    runs(text, belongs).into_iter().filter(is_address).collect()
}

/// What looks like a telephone number: 7 to 15 digits that begin as one or are set in groups, and are no part of a
/// reference, no date and no amount.
fn phones_in(text: &str) -> Vec<Place> {
    let belongs = |c: char| c.is_ascii_digit() || "+() .-".contains(c);
    let trimmed = |(begin, end): Place| {
        let run = &text[begin..end];
        let from = run.find(|c: char| c.is_ascii_digit() || c == '+').unwrap_or(run.len());
        let to = run.rfind(|c: char| c.is_ascii_digit()).map_or(from, |at| at + 1);
        (begin + from, begin + to.max(from))
    };
    runs(text, belongs).into_iter().map(trimmed).filter(|place| is_phone(text, *place)).collect()
}

fn is_phone(text: &str, (begin, end): Place) -> bool {
    let run = &text[begin..end];
    let digits = run.bytes().filter(u8::is_ascii_digit).count();
    let goes_on = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || "-_/#@".contains(c));
    let is_part = goes_on(text[..begin].chars().next_back()) || goes_on(text[end..].chars().next());
    let is_amount = run.bytes().all(|b| b.is_ascii_digit() || b == b'.') && run.matches('.').count() == 1;
    let is_grouped = run.contains([' ', '-', '.', '(', ')']);
    let begins_as_one = run.starts_with(['+', '0']);
    (7..=15).contains(&digits) && !is_part && !is_amount && !is_date(run) && (begins_as_one || is_grouped)
}

/// `2026-10-31`, alone or with a time behind it.
fn is_date(run: &str) -> bool {
    let mut parts = run.splitn(3, '-');
    let mut has = |digits: usize| {
        parts.next().is_some_and(|part| {
            part.bytes().take(digits).filter(u8::is_ascii_digit).count() == digits
                && part.as_bytes().get(digits).is_none_or(|next| *next == b' ')
        })
    };
    has(4) && has(2) && has(2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn masked(body: &Value) -> Value {
        let mut hidden = Hidden::default();
        hidden.learn(body);
        hidden.masked(body)
    }

    #[test]
    fn form_identities_and_what_was_said_are_shown_and_nobody_is() {
        let body = json!({
            "reference_id": "UK-820982911946154508-F1", "order_number": "#1001", "type": "DTC", "location_id": 7,
            "products": [{ "reference_id": "TEE-BLK-M", "sku": "TEE-BLK-M", "name": "TEE-BLK-M", "quantity": 2 }],
            "recipient": { "name": "Zoe Dent", "phone_number": 7_700_900, "address": { "zip_code": "N1 1AA", "ok": true } },
            "access_token": "shpat_1", "gift": "for my Zoe", "paid": true, "amount": "24.99",
        });
        assert_eq!(
            masked(&body),
            json!({
                "reference_id": "UK-820982911946154508-F1", "order_number": "#1001", "type": "DTC", "location_id": 7,
                "products": [{ "reference_id": "TEE-BLK-M", "sku": "TEE-BLK-M", "name": "TEE-BLK-M", "quantity": 2 }],
                "recipient": { "name": "•••(8)", "phone_number": "•••(7)", "address": { "zip_code": "•••(6)", "ok": "•••(4)" } },
                "access_token": "•••", "gift": "•••(10)", "paid": true, "amount": "24.99",
            })
        );
    }

    #[test]
    fn what_a_vendor_echoes_is_hidden_in_its_words() {
        let mut hidden = Hidden::default();
        hidden.learn(&json!({ "recipient": { "name": "Zoe Dent", "zip": "N1 1AA" }, "box": "blue box" }));
        let answer =
            json!({ "errors": ["zip n11aa of DENT is wrong, use the Blue Box", "ask jo@example.com or 07700 900123"] });
        let told = json!({ "errors": ["zip •••(5) of •••(4) is wrong, use the •••(8)", "ask •••(14) or •••(12)"] });
        assert_eq!(hidden.masked(&answer), told);
        assert_eq!(hidden.scrubbed("ShipBob refused: Zoe Dent, Zoë"), "ShipBob refused: •••(8), Zoë");
    }

    #[test]
    fn references_dates_and_amounts_are_no_telephone_numbers() {
        let hidden = Hidden::default();
        for kept in [
            "UK-820982911946154508-F1 of gid://shopify/Order/5432109876543",
            "posting date 2026-10-31, period 2026-10, at 2026-10-31 05:12",
            "1234567.50 is not 12345678.00",
            "id 5432109876543",
            "0b0f6c1a-7d3e-4a52-9a55-0d5d7f7f9f10",
        ] {
            assert_eq!(hidden.scrubbed(kept), kept);
        }
        for number in ["+447700900123", "07700 900 123", "(0770) 0900123", "+1 202-555-0134"] {
            assert!(!hidden.scrubbed(&format!("call {number}, now")).contains("00"), "{number}");
        }
    }

    #[test]
    fn keys_are_told_apart_by_their_words() {
        for key in [
            "shipping_address",
            "address1",
            "addr2",
            "zipCode",
            "POSTCODE",
            "firstName",
            "recipient.city",
            "eMail",
            "name",
        ] {
            assert!(class_of(key) == Class::Personal { names: true }, "{key}");
        }
        for key in ["capacity", "velocity", "operationName", "o:errorCode", "externalId", "created_at", "TaxAmount"] {
            assert!(!matches!(class_of(key), Class::Personal { .. } | Class::Secret), "{key}");
        }
        for key in ["client_secret", "X-Api-Key", "accessToken", "signature", "api_key"] {
            assert!(class_of(key) == Class::Secret, "{key}");
        }
    }

    /// Any JSON, with some keys that mean something.
    fn body() -> impl Strategy<Value = Value> {
        let key = prop_oneof![
            "[a-z]{1,8}",
            "\\PC{0,6}",
            proptest::sample::select(vec![
                "id", "sku", "name", "message", "error", "code", "note", "token", "zip", "type"
            ])
            .prop_map(str::to_owned),
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,20}".prop_map(Value::from),
            "[0-9+() @.a-c•-]{0,24}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map(key.clone(), inner, 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    /// Puts a body so many levels deep.
    fn buried(body: Value, depth: usize) -> Value {
        (0..depth).fold(body, |body, level| if level % 2 == 0 { json!([1, body]) } else { json!({ "data": body }) })
    }

    const PERSONAL: [&str; 12] = [
        "name",
        "first_name",
        "lastName",
        "address1",
        "city",
        "zip",
        "postCode",
        "phone",
        "email",
        "company",
        "note",
        "attention",
    ];

    proptest! {
        #[test]
        fn who_is_named_in_a_call_is_nowhere_in_what_is_shown(
            marker in "[a-zA-Zäß]{3,20}[0-9]{0,4}x",
            around in body(),
            place in (0_usize..PERSONAL.len(), 0_usize..6),
            said in ("[a-z ]{0,12}", proptest::bool::ANY),
        ) {
            let sent = buried(json!({ "around": around, "of": { PERSONAL[place.0]: marker } }), place.1);
            let echo = if said.1 { marker.to_uppercase() } else { marker.clone() };
            let answer = json!({ "errors": [{ "message": format!("{}{echo}!", said.0), "code": "X", echo.clone(): 1 }] });
            let mut hidden = Hidden::default();
            hidden.learn(&sent);
            hidden.learn(&answer);
            for shown in [hidden.masked(&sent).to_string(), hidden.masked(&answer).to_string(), hidden.scrubbed(&echo)] {
                prop_assert!(!shown.to_lowercase().contains(&marker.to_lowercase()), "{shown}");
            }
        }

        #[test]
        fn masking_twice_changes_nothing(body in body()) {
            let once = masked(&body);
            prop_assert_eq!(masked(&once), once);
        }
    }
}
