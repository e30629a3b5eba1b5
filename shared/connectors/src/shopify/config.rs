//! A Shopify connection's settings.

use std::collections::BTreeMap;

use crossdock_domain::event::FailureClass;
use crossdock_domain::ids::LocationId;
use crossdock_step::Failure;
use serde::Deserialize;

use crate::address::base_url;

/// Settings of a connection of kind `shopify`, as far as calls need them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Config {
    /// `https://<shop>.myshopify.com`; plain http only on this very machine.
    pub base_url: String,
    /// The dated version of the Admin API, such as `2026-10`.
    pub api_version: String,
    /// `<shop>.myshopify.com`: deliveries of another shop are refused.
    pub shop_domain: String,
    /// Whether Shopify tells the buyer of each shipment.
    #[serde(default = "yes")]
    pub notify_customer: bool,
    /// Our locations and Shopify's number of each; stock at others is not its business.
    #[serde(default)]
    pub locations: BTreeMap<LocationId, LocationNumber>,
}

/// The number of a location, as the address of its page in the admin ends; a person may have put it between quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "serde_json::Value")]
pub struct LocationNumber(pub u64);

impl TryFrom<serde_json::Value> for LocationNumber {
    type Error = String;

    fn try_from(value: serde_json::Value) -> Result<Self, String> {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text.parse().map(Self).map_err(|_| format!("{text:?} is not the number of a location"))
    }
}

const fn yes() -> bool {
    true
}

impl Config {
    /// Reads settings.
    ///
    /// # Errors
    /// A setting is missing, or the address is not safe to send a token to.
    pub fn read(settings: &serde_json::Value) -> Result<Self, Failure> {
        let config: Self = serde_json::from_value(settings.clone())
            .map_err(|error| wrong(&format!("the Shopify settings cannot be read ({error})")))?;
        base_url(&config.base_url).map_err(|rule| wrong(&rule))?;
        let dated =
            config.api_version.bytes().all(|b| b.is_ascii_digit() || b == b'-') || config.api_version == "unstable";
        if config.api_version.is_empty() || !dated {
            return Err(wrong("api_version must be a dated version such as 2026-10"));
        }
        Ok(config)
    }

    /// Where GraphQL requests go.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("{}/admin/api/{}/graphql.json", self.base_url.trim_end_matches('/'), self.api_version)
    }
}

fn wrong(what: &str) -> Failure {
    Failure::permanent(FailureClass::Connection, format!("{what}: correct the connection's settings"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(base_url: &str) -> Result<Config, Failure> {
        Config::read(&serde_json::json!({
            "kind": "shopify", "base_url": base_url, "api_version": "2026-10", "shop_domain": "a.myshopify.com",
        }))
    }

    #[test]
    fn a_token_is_only_sent_over_https_or_to_this_very_machine() {
        for good in ["https://a.myshopify.com", "https://a.myshopify.com/", "http://127.0.0.1:9", "http://localhost:80"]
        {
            assert!(with(good).is_ok(), "{good}");
        }
        for bad in ["http://a.myshopify.com", "ftp://localhost", "//localhost", "", "http://127.0.0.1.evil.example"] {
            assert!(with(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_version_is_a_part_of_the_address() {
        let config = with("https://a.myshopify.com/").unwrap();
        assert_eq!(config.endpoint(), "https://a.myshopify.com/admin/api/2026-10/graphql.json");
        assert!(config.notify_customer);
        assert!(config.locations.is_empty());
    }

    #[test]
    fn locations_are_numbers_with_or_without_quotes() {
        let with = |locations: serde_json::Value| {
            Config::read(&serde_json::json!({
                "base_url": "https://a.myshopify.com", "api_version": "2026-10", "shop_domain": "a.myshopify.com",
                "locations": locations,
            }))
        };
        let large = 9_007_199_254_740_993_u64;
        let config = with(serde_json::json!({ "LON1": "113884102962", "MAN1": large })).unwrap();
        assert_eq!(config.locations.values().map(|number| number.0).collect::<Vec<_>>(), [113_884_102_962, large]);
        for wrong in [serde_json::json!({ "LON1": "here" }), serde_json::json!({ "lon 1": "1" })] {
            assert!(with(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
