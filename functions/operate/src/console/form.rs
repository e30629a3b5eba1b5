//! Forms, as browsers send them.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

/// The fields of a form.
#[derive(Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a form's body.
    pub(crate) fn of(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// What a field holds; nothing where it is left empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let field = self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.trim());
        field.filter(|value| !value.is_empty())
    }

    /// Every field whose name begins so, without the beginning.
    pub(crate) fn beginning<'a>(&'a self, with: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(move |(name, value)| Some((name.strip_prefix(with)?, value.trim())))
    }

    /// Whether whoever filled it in has seen what would follow.
    pub(crate) fn is_confirmed(&self) -> bool {
        self.get("confirmed") == Some("yes")
    }

    /// All of it, to be sent once more.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter(|(name, _)| name != "confirmed").map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// As the body that the API takes: texts as they are, tags by words, an address by its parts.
    pub(crate) fn body(&self, fields: &[&str]) -> Value {
        let mut body = Map::new();
        for name in fields {
            match (*name, self.get(name)) {
                ("address", _) => {
                    let parts = self.beginning("address.").filter(|(_, part)| !part.is_empty());
                    body.insert("address".into(), parts.map(|(name, part)| (name.to_owned(), json!(part))).collect());
                }
                ("tags", text) => {
                    let tags: Vec<&str> = text.unwrap_or_default().split_whitespace().collect();
                    body.insert("tags".into(), json!(tags));
                }
                ("patch", Some(text)) => {
                    body.insert("patch".into(), serde_json::from_str(text).unwrap_or_else(|_| json!(text)));
                }
                (_, Some(text)) => {
                    body.insert((*name).into(), json!(text));
                }
                (_, None) => {}
            }
        }
        Value::Object(body)
    }
}

/// A part of an address as it was meant.
pub(crate) fn decoded(part: &str) -> String {
    let plain: Cow<'_, str> = percent_encoding::percent_decode_str(part).decode_utf8_lossy();
    plain.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_what_the_api_takes() {
        let form = Form::of(b"reason=by+hand&tags=a+b&address.city=&address.country=GB&confirmed=yes&until=");
        assert_eq!(form.body(&["reason", "until"]), json!({ "reason": "by hand" }));
        assert_eq!(form.body(&["tags"]), json!({ "tags": ["a", "b"] }));
        assert_eq!(form.body(&["address"]), json!({ "address": { "country": "GB" } }));
        assert!(form.is_confirmed() && form.fields().all(|(name, _)| name != "confirmed"));
        assert_eq!(decoded("shopify-uk.1~hold%3Arisk"), "shopify-uk.1~hold:risk");
    }
}
