//! Fills the connections and items tables from seed.json.

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::aws::{Client, DYNAMODB};
use crate::site::Site;
use crate::stack::Stack;
use crate::trouble::Trouble;

/// What a fresh local stack knows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seed {
    connections: Vec<Connection>,
    items: Vec<Map<String, Value>>,
    /// What the customer of the demo buys, as the shop's sandbox wants it said.
    demo_order: Value,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Connection {
    connection: String,
    settings: Value,
}

/// Whether stock that was moved since the first seeding is set back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stock {
    Keep,
    Reset,
}

/// Writes all connections, and the items as asked.
pub(crate) async fn sow(site: &Site, stack: &Stack, stock: Stock) -> Result<(usize, usize), Trouble> {
    let seed = read(site, &stack.sandboxes)?;
    let client = Client::to(&stack.aws)?;
    for connection in &seed.connections {
        let item = json!({ "connection": connection.connection, "settings": connection.settings.to_string() });
        put(&client, stack.table("connections")?, &item, Stock::Reset).await?;
    }
    for item in &seed.items {
        put(&client, stack.table("items")?, &Value::Object(item.clone()), stock).await?;
    }
    Ok((seed.connections.len(), seed.items.len()))
}

/// The kind of each connection, by its name.
pub(crate) fn kinds(site: &Site, sandboxes: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Trouble> {
    let connections = read(site, sandboxes)?.connections.into_iter();
    let kind = |settings: &Value| settings["kind"].as_str().unwrap_or_default().to_owned();
    Ok(connections.map(|connection| (connection.connection, kind(&connection.settings))).collect())
}

/// What the customer of the demo buys.
pub(crate) fn demo_order(site: &Site, stack: &Stack) -> Result<Value, Trouble> {
    Ok(read(site, &stack.sandboxes)?.demo_order)
}

fn read(site: &Site, sandboxes: &BTreeMap<String, String>) -> Result<Seed, Trouble> {
    let path = site.path("infra/local/seed.json");
    let text = fs::read_to_string(&path).map_err(Trouble::file(&path))?;
    let name = path.display().to_string();
    let text = fill_in(&text, sandboxes).map_err(|unknown| {
        Trouble::content(name.clone(), format!("it asks for ${{{unknown}}}, which does not exist"))
    })?;
    serde_json::from_str(&text).map_err(|error| Trouble::content(name, error))
}

async fn put(client: &Client, table: &str, item: &Value, stock: Stock) -> Result<(), Trouble> {
    let mut input = json!({ "TableName": table, "Item": attribute(item)["M"] });
    if stock == Stock::Keep {
        input["ConditionExpression"] = json!("attribute_not_exists(sku)");
    }
    match client.call(DYNAMODB, "PutItem", &input).await {
        Err(Trouble::Refused { body, .. }) if body.contains("ConditionalCheckFailedException") => Ok(()),
        outcome => outcome.map(|_| ()),
    }
}

/// JSON as DynamoDB writes it.
pub(crate) fn attribute(value: &Value) -> Value {
    match value {
        Value::Null => json!({ "NULL": true }),
        Value::Bool(yes) => json!({ "BOOL": yes }),
        Value::Number(number) => json!({ "N": number.to_string() }),
        Value::String(text) => json!({ "S": text }),
        Value::Array(list) => json!({ "L": list.iter().map(attribute).collect::<Vec<_>>() }),
        Value::Object(map) => {
            let fields: Map<_, _> = map.iter().map(|(name, value)| (name.clone(), attribute(value))).collect();
            json!({ "M": fields })
        }
    }
}

/// Replaces `${sandbox:<name>}` by its address. The error is the first name that is not known.
fn fill_in(text: &str, sandboxes: &BTreeMap<String, String>) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, remaining) = after.split_once('}').ok_or_else(|| after.chars().take(20).collect::<String>())?;
        let address = name.strip_prefix("sandbox:").and_then(|sandbox| sandboxes.get(sandbox));
        filled.push_str(before);
        filled.push_str(address.ok_or(name)?);
        rest = remaining;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sandboxes() -> BTreeMap<String, String> {
        BTreeMap::from([
            ("shopify-uk".to_owned(), "http://127.0.0.1:1".to_owned()),
            ("netsuite".to_owned(), "http://127.0.0.1:2".to_owned()),
        ])
    }

    #[test]
    fn each_placeholder_becomes_the_address_of_its_sandbox() {
        let text = r#"{"a": "${sandbox:netsuite}/rest", "b": "${sandbox:shopify-uk}"}"#;
        let filled = fill_in(text, &sandboxes()).unwrap();
        assert_eq!(filled, r#"{"a": "http://127.0.0.1:2/rest", "b": "http://127.0.0.1:1"}"#);
    }

    #[test]
    fn a_placeholder_of_no_sandbox_is_named() {
        assert_eq!(fill_in("${sandbox:amazon}", &sandboxes()), Err("sandbox:amazon".to_owned()));
        assert_eq!(fill_in("${secret:netsuite}", &sandboxes()), Err("secret:netsuite".to_owned()));
        assert_eq!(fill_in("${sandbox", &sandboxes()), Err("sandbox".to_owned()));
    }

    #[test]
    fn an_item_is_written_with_its_types() {
        let item = json!({ "sku": "TEE-M", "on_hand": { "LON1": 5 }, "sold": true, "tags": ["a", null] });
        let expected = json!({ "M": {
            "sku": { "S": "TEE-M" },
            "on_hand": { "M": { "LON1": { "N": "5" } } },
            "sold": { "BOOL": true },
            "tags": { "L": [{ "S": "a" }, { "NULL": true }] },
        } });
        assert_eq!(attribute(&item), expected);
    }
}
