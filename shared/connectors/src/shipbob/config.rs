//! Settings of a ShipBob connection.

use std::collections::BTreeMap;

use crossdock_domain::ids::LocationId;
use serde::Deserialize;

use crate::address;

/// What the connections table holds for a ShipBob connection; the token is a secret and stands elsewhere.
#[derive(Debug, Clone, Deserialize)]
pub struct Settings {
    /// `https://api.shipbob.com`, or `https://sandbox-api.shipbob.com`.
    pub base_url: String,
    /// The dated version of the API, such as `2026-01`.
    pub api_version: String,
    /// The channel on which our orders arrive.
    pub channel_id: String,
    /// The shipping method, as mapped on the merchant portal's Ship Option Mapping page.
    pub shipping_method: String,
    /// Our locations and ShipBob's `location_id` of each.
    pub locations: BTreeMap<LocationId, Number>,
    /// `DTC`, `DropShip` or `B2B`.
    #[serde(default = "dtc", rename = "type")]
    pub kind: String,
}

fn dtc() -> String {
    "DTC".to_owned()
}

/// A number that a person may have put between quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "serde_json::Value")]
pub struct Number(pub i32);

impl TryFrom<serde_json::Value> for Number {
    type Error = String;

    fn try_from(value: serde_json::Value) -> Result<Self, String> {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text.parse().map(Self).map_err(|_| format!("{text:?} is not a whole number"))
    }
}

impl Settings {
    /// Reads and checks settings.
    ///
    /// # Errors
    /// Something is missing or wrong; the message names it.
    pub fn read(settings: &serde_json::Value) -> Result<Self, String> {
        let read: Self = serde_json::from_value(settings.clone()).map_err(|error| error.to_string())?;
        let base_url = address::base_url(&read.base_url)?;
        let is_version = !read.api_version.is_empty()
            && read.api_version.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
        if !is_version {
            return Err("api_version must read like 2026-01".to_owned());
        }
        if read.channel_id.parse::<u32>().is_err() {
            return Err("channel_id must be a number (GET /channel lists them)".to_owned());
        }
        if read.shipping_method.trim().is_empty() {
            return Err("shipping_method must be one of the merchant portal's Ship Option Mapping page".to_owned());
        }
        if !matches!(read.kind.as_str(), "DTC" | "DropShip" | "B2B") {
            return Err("type must be DTC, DropShip or B2B".to_owned());
        }
        Ok(Self { base_url, ..read })
    }

    /// Our location at a fulfilment centre of ShipBob's: the map of `locations` read backwards.
    #[must_use]
    pub fn location(&self, center: i64) -> Option<&LocationId> {
        self.locations.iter().find(|(_, number)| i64::from(number.0) == center).map(|(location, _)| location)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Settings;

    fn settings() -> Value {
        json!({
            "kind": "shipbob", "base_url": "https://api.shipbob.com/", "api_version": "2026-01",
            "channel_id": "433312", "shipping_method": "Standard", "locations": { "LON1": "5", "MAN1": 6 },
        })
    }

    #[test]
    fn settings_are_read_with_numbers_in_either_form() {
        let read = Settings::read(&settings()).unwrap();
        assert_eq!(read.base_url, "https://api.shipbob.com");
        assert_eq!(read.locations.values().map(|n| n.0).collect::<Vec<_>>(), [5, 6]);
        assert_eq!(read.kind, "DTC");
    }

    #[test]
    fn a_wrong_setting_is_named() {
        for (field, value, named) in [
            ("base_url", json!("http://api.shipbob.com"), "base_url"),
            ("api_version", json!("2026/01"), "api_version"),
            ("channel_id", json!("shop"), "channel_id"),
            ("shipping_method", json!(" "), "shipping_method"),
            ("type", json!("dtc"), "type"),
            ("locations", json!({ "LON1": "here" }), "\"here\" is not a whole number"),
            ("locations", json!({ "lon 1": "5" }), "a location"),
            ("channel_id", Value::Null, "null"),
        ] {
            let mut wrong = settings();
            wrong[field] = value;
            let error = Settings::read(&wrong).unwrap_err();
            assert!(error.contains(named), "{field}: {error}");
        }
        let error = Settings::read(&json!({ "kind": "shipbob" })).unwrap_err();
        assert!(error.contains("base_url"), "{error}");
    }
}
