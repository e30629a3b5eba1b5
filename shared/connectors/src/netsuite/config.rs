//! Settings and secret of a NetSuite connection.

use std::collections::BTreeMap;
use std::fmt;

use crossdock_domain::event::FailureClass;
use crossdock_domain::ids::LocationId;
use crossdock_domain::money::Currency;
use crossdock_domain::posting::PostingTax;
use crossdock_domain::reversing::{CreditKind, JournalAccount};
use crossdock_domain::stocking::StockReason;
use crossdock_step::Failure;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::address;

/// What the connections table holds for a NetSuite connection; keys and certificates are secrets and stand elsewhere.
#[derive(Debug, Clone, Deserialize)]
pub struct Settings {
    /// `https://<account>.suitetalk.api.netsuite.com`.
    pub base_url: String,
    /// The legal entity that sells.
    pub subsidiary: InternalId,
    /// Currencies by ISO code.
    pub currencies: BTreeMap<Currency, InternalId>,
    /// Our locations.
    #[serde(default)]
    pub locations: BTreeMap<LocationId, InternalId>,
    /// Clearing account of each payment gateway; `default` for the others.
    #[serde(default)]
    pub gateways: BTreeMap<String, InternalId>,
    /// Tax codes by `<title> <rate>`, such as `GB VAT 0.2`; `default` for the others.
    #[serde(default)]
    pub tax_codes: BTreeMap<String, InternalId>,
    /// Tax type of all tax details.
    #[serde(default)]
    pub tax_type: Option<InternalId>,
    /// Item of the rounding line: not shipped, without tax. Without it no difference is tolerated.
    #[serde(default)]
    pub rounding_item: Option<InternalId>,
    /// Where goods of each location wait that are there and not sellable.
    #[serde(default)]
    pub quarantine_locations: BTreeMap<LocationId, InternalId>,
    /// Item on which a credit memo gives back goods that do not come back: not in stock, so that none moves.
    #[serde(default)]
    pub kept_goods_item: Option<InternalId>,
    /// Item on which a credit memo gives back goodwill and differences, and charges fees: not in stock.
    #[serde(default)]
    pub adjustment_item: Option<InternalId>,
    /// What inventory adjustments are booked against.
    #[serde(default)]
    pub adjustment_account: Option<InternalId>,
    /// What adjustments of stock that no order moves are booked against, by reason: `receipt`, `count`, `adjustment`.
    /// `adjustment_account` for the others.
    #[serde(default)]
    pub stock_accounts: BTreeMap<StockReason, InternalId>,
    /// The price level whose prices the catalogue tells; 1 is NetSuite's base price.
    #[serde(default = "base_price")]
    pub price_level: InternalId,
    /// The time zone in which the account tells times to queries, by its IANA name.
    #[serde(default = "utc")]
    pub query_time_zone: String,
    /// Money that chargebacks withhold.
    #[serde(default)]
    pub dispute_account: Option<InternalId>,
    /// Money that chargebacks cost.
    #[serde(default)]
    pub dispute_loss_account: Option<InternalId>,
    /// Payment method of refunds, for accounts that make it mandatory.
    #[serde(default)]
    pub refund_method: Option<InternalId>,
    /// Shipping item; accounts that have several want to be told which one shipping is charged on.
    #[serde(default)]
    pub ship_method: Option<InternalId>,
    /// Further fields of every transaction, such as `{"department":{"id":"3"}}`: what an account makes mandatory.
    #[serde(default)]
    pub fields: serde_json::Map<String, serde_json::Value>,
}

fn base_price() -> InternalId {
    InternalId("1".to_owned())
}

fn utc() -> String {
    "UTC".to_owned()
}

/// A record's internal id: digits, in a text or as a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "serde_json::Value", into = "String")]
pub struct InternalId(String);

impl InternalId {
    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<serde_json::Value> for InternalId {
    type Error = String;

    fn try_from(value: serde_json::Value) -> Result<Self, String> {
        let text = value.as_str().map_or_else(|| value.to_string(), |text| text.trim().to_owned());
        let digits = text.strip_prefix('-').unwrap_or(&text);
        let is_id = (1..=18).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        if is_id { Ok(Self(text)) } else { Err(format!("{text} is no internal id: give its digits, such as \"501\"")) }
    }
}

impl From<InternalId> for String {
    fn from(id: InternalId) -> Self {
        id.0
    }
}

impl fmt::Display for InternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const OTHERS: &str = "default";

impl Settings {
    /// Reads and checks settings.
    ///
    /// # Errors
    /// Something is missing or wrong; the message names it.
    pub fn read(settings: &serde_json::Value) -> Result<Self, String> {
        let mut read: Self = serde_json::from_value(settings.clone()).map_err(|error| error.to_string())?;
        read.base_url = address::base_url(&read.base_url)?;
        if read.currencies.is_empty() {
            return Err("currencies must name at least one, such as {\"GBP\":\"1\"}".to_owned());
        }
        read.time_zone()?;
        let mut codes = BTreeMap::new();
        for (key, code) in read.tax_codes {
            let normal = if key == OTHERS { Some(key.clone()) } else { normal_tax_key(&key) };
            let rule = || format!("tax_codes: {key:?} must read \"<title> <rate>\", such as \"GB VAT 0.2\"");
            let normal = normal.ok_or_else(rule)?;
            codes.insert(normal, code);
        }
        read.tax_codes = codes;
        Ok(read)
    }

    /// The currency's internal id.
    ///
    /// # Errors
    /// It is not mapped.
    pub fn currency(&self, currency: Currency) -> Result<&InternalId, Failure> {
        self.currencies.get(&currency).ok_or_else(|| unmapped("currency", currency.code(), "currencies"))
    }

    /// The location's internal id.
    ///
    /// # Errors
    /// It is not mapped.
    pub fn location(&self, location: &LocationId) -> Result<&InternalId, Failure> {
        self.locations.get(location).ok_or_else(|| unmapped("location", location.as_str(), "locations"))
    }

    /// Where goods that are not sellable wait at a location.
    ///
    /// # Errors
    /// It is not mapped.
    pub fn quarantine(&self, location: &LocationId) -> Result<&InternalId, Failure> {
        let mapped = self.quarantine_locations.get(location);
        mapped.ok_or_else(|| unmapped("quarantine of location", location.as_str(), "quarantine_locations"))
    }

    /// The item on which a credit memo gives something back that moves no stock.
    ///
    /// # Errors
    /// It is not configured.
    pub fn credited_as(&self, kind: CreditKind) -> Result<&InternalId, Failure> {
        match kind {
            CreditKind::Kept => self.kept_goods_item.as_ref().ok_or_else(|| unset("kept_goods_item")),
            CreditKind::Shipping | CreditKind::Adjustment => {
                self.adjustment_item.as_ref().ok_or_else(|| unset("adjustment_item"))
            }
        }
    }

    /// What inventory adjustments are booked against.
    ///
    /// # Errors
    /// It is not configured.
    pub fn adjusted_against(&self) -> Result<&InternalId, Failure> {
        self.adjustment_account.as_ref().ok_or_else(|| unset("adjustment_account"))
    }

    /// What an adjustment of stock is booked against.
    ///
    /// # Errors
    /// Neither this reason's account nor the one for all others is configured.
    pub fn stock_account(&self, reason: StockReason) -> Result<&InternalId, Failure> {
        self.stock_accounts.get(&reason).map_or_else(|| self.adjusted_against(), Ok)
    }

    /// The time zone of queries.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn time_zone(&self) -> Result<TimeZone, String> {
        let name = &self.query_time_zone;
        TimeZone::get(name).map_err(|_| format!("query_time_zone: {name:?} is no time zone, such as Europe/London"))
    }

    /// The account of one side of a journal entry.
    ///
    /// # Errors
    /// It is not configured.
    pub fn journal_account(&self, account: &JournalAccount) -> Result<&InternalId, Failure> {
        match account {
            JournalAccount::Gateway(gateway) => self.account(gateway),
            JournalAccount::Disputes => self.dispute_account.as_ref().ok_or_else(|| unset("dispute_account")),
            JournalAccount::DisputeLosses => {
                self.dispute_loss_account.as_ref().ok_or_else(|| unset("dispute_loss_account"))
            }
        }
    }

    /// The clearing account of a gateway; of stored value, the liability account.
    ///
    /// # Errors
    /// It is not mapped, and there is no default.
    pub fn account(&self, gateway: &str) -> Result<&InternalId, Failure> {
        let account = self.gateways.get(gateway).or_else(|| self.gateways.get(OTHERS));
        account.ok_or_else(|| unmapped("gateway", gateway, "gateways"))
    }

    /// The tax code of a tax.
    ///
    /// # Errors
    /// It is not mapped, and there is no default.
    pub fn tax_code(&self, tax: &PostingTax) -> Result<&InternalId, Failure> {
        let wanted = format!("{} {}", tax.title, tax.rate);
        let mapped = normal_tax_key(&wanted).and_then(|key| self.tax_codes.get(&key));
        mapped.or_else(|| self.tax_codes.get(OTHERS)).ok_or_else(|| unmapped("tax", &wanted, "tax_codes"))
    }
}

/// `GB VAT 0.20` and `gb vat 0.2` are one tax. `None` where no rate stands at the end.
fn normal_tax_key(key: &str) -> Option<String> {
    let (title, rate) = key.trim().rsplit_once(' ')?;
    let rate = Decimal::from_str_exact(rate).ok()?.normalize();
    Some(format!("{} {rate}", title.trim().to_lowercase()))
}

fn unmapped(kind: &str, name: &str, setting: &str) -> Failure {
    let name = address::quoted(name);
    let reason =
        format!("{kind} {name:?} is not mapped: add it to \"{setting}\" in the ERP connection's settings, then retry");
    Failure::permanent(FailureClass::Mapping, reason)
}

fn unset(setting: &str) -> Failure {
    let reason = format!("\"{setting}\" is missing: add it to the ERP connection's settings, then retry");
    Failure::permanent(FailureClass::Mapping, reason)
}

#[cfg(test)]
mod tests {
    use crossdock_domain::Minor;
    use serde_json::{Value, json};

    use super::*;

    fn settings() -> Value {
        json!({
            "kind": "netsuite", "base_url": "https://1234567-sb1.suitetalk.api.netsuite.com", "subsidiary": 1,
            "currencies": { "GBP": "1" }, "locations": { "LON1": "11" },
            "gateways": { "paypal": "121", "default": 129 },
            "tax_codes": { "GB VAT 0.20": "701" }, "tax_type": "70", "rounding_item": "590",
        })
    }

    #[test]
    fn taxes_are_found_however_their_rate_is_written() {
        let read = Settings::read(&settings()).unwrap();
        let tax = |title: &str, rate: &str| PostingTax { title: title.into(), rate: rate.into(), amount: Minor::ZERO };
        assert_eq!(read.tax_code(&tax("GB VAT", "0.2")).unwrap().as_str(), "701");
        assert_eq!(read.tax_code(&tax("gb vat", "0.200")).unwrap().as_str(), "701");
        let failure = read.tax_code(&tax("GB VAT", "0.05")).unwrap_err();
        assert_eq!(
            failure.to_string(),
            "tax \"GB VAT 0.05\" is not mapped: add it to \"tax_codes\" in the ERP connection's settings, then retry"
        );
    }

    #[test]
    fn an_unknown_gateway_takes_the_default_account() {
        let read = Settings::read(&settings()).unwrap();
        assert_eq!(read.account("paypal").unwrap().as_str(), "121");
        assert_eq!(read.account("new one").unwrap().as_str(), "129");
    }

    #[test]
    fn a_wrong_setting_is_named() {
        for (field, value, named) in [
            ("base_url", json!("http://erp.example"), "base_url"),
            ("subsidiary", json!("Parent"), "\"501\""),
            ("subsidiary", json!("1/../2"), "no internal id"),
            ("currencies", json!({ "POUND": "1" }), "POUND"),
            ("currencies", json!({}), "currencies"),
            ("tax_codes", json!({ "GB VAT": "701" }), "GB VAT"),
            ("locations", json!({ "lon 1": "11" }), "a location"),
            ("rounding_item", json!([590]), "no internal id"),
            ("stock_accounts", json!({ "theft": "142" }), "theft"),
            ("query_time_zone", json!("Mars/Olympus"), "query_time_zone"),
        ] {
            let mut wrong = settings();
            wrong[field] = value;
            let error = Settings::read(&wrong).unwrap_err();
            assert!(error.contains(named), "{field}: {error}");
        }
    }
}
