//! What an act says about an order that a customer places.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;

use super::money::{Amount, Rate};

/// An order to place. Only the lines are needed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OrderTemplate {
    pub(super) lines: Vec<LineTemplate>,
    /// The shop's currency, unless a test wants another shop.
    #[serde(default)]
    pub(super) currency: Option<String>,
    /// The customer's currency, where it differs from the shop's.
    #[serde(default)]
    pub(super) presentment_currency: Option<String>,
    /// Presentment units for one shop unit.
    #[serde(default)]
    pub(super) exchange_rate: Option<Factor>,
    #[serde(default)]
    pub(super) taxes_included: bool,
    #[serde(default)]
    pub(super) tax_rate: Rate,
    #[serde(default = "vat")]
    pub(super) tax_title: String,
    #[serde(default)]
    pub(super) shipping: Amount,
    #[serde(default = "standard_shipping")]
    pub(super) shipping_title: String,
    #[serde(default)]
    pub(super) shipping_discount: Amount,
    #[serde(default)]
    pub(super) discount: Option<DiscountTemplate>,
    /// The location whose fulfilment order gets the lines that name no other.
    #[serde(default = "first_location")]
    pub(super) location: String,
    #[serde(default)]
    pub(super) financial_status: FinancialStatus,
    #[serde(default)]
    pub(super) test: bool,
    #[serde(default)]
    pub(super) email: Option<String>,
    #[serde(default = "usual_address")]
    pub(super) shipping_address: Option<Address>,
    #[serde(default = "usual_address")]
    pub(super) billing_address: Option<Address>,
    #[serde(default = "shopify_payments")]
    pub(super) gateway: String,
    #[serde(default)]
    pub(super) note: Option<String>,
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) tags: String,
    #[serde(default)]
    pub(super) placed_at: Option<Timestamp>,
}

/// One line of an order to place.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LineTemplate {
    /// `null` for a line that was typed in by hand.
    pub(super) sku: Option<String>,
    pub(super) quantity: i64,
    /// The price of one.
    pub(super) price: Amount,
    #[serde(default)]
    pub(super) title: Option<String>,
    /// A discount on this line alone.
    #[serde(default)]
    pub(super) discount: Amount,
    #[serde(default = "yes")]
    pub(super) requires_shipping: bool,
    #[serde(default = "yes")]
    pub(super) taxable: bool,
    #[serde(default)]
    pub(super) gift_card: bool,
    #[serde(default)]
    pub(super) grams: u32,
    #[serde(default)]
    pub(super) location: Option<String>,
}

/// An order discount: an amount, or `{ "code": …, "amount" | "percentage": … }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DiscountTemplate {
    pub(super) code: Option<String>,
    pub(super) value: DiscountValue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DiscountValue {
    Fixed(Amount),
    /// Of 100.
    Percentage(Decimal),
}

impl<'de> Deserialize<'de> for DiscountTemplate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        discount(&value).map_err(de::Error::custom)
    }
}

fn discount(value: &Value) -> Result<DiscountTemplate, String> {
    let Value::Object(fields) = value else {
        let value = DiscountValue::Fixed(Amount::read(value)?);
        return Ok(DiscountTemplate { code: None, value });
    };
    let code = fields.get("code").and_then(Value::as_str).map(str::to_owned);
    let value = match (fields.get("amount"), fields.get("percentage")) {
        (Some(amount), None) => DiscountValue::Fixed(Amount::read(amount)?),
        (None, Some(percentage)) => crate::json::decimal(percentage)
            .filter(|percentage| (Decimal::ZERO..=Decimal::ONE_HUNDRED).contains(percentage))
            .map(DiscountValue::Percentage)
            .ok_or_else(|| format!("{percentage} is no percentage between 0 and 100"))?,
        (Some(_), Some(_)) | (None, None) => {
            return Err("a discount has either an amount or a percentage".to_owned());
        }
    };
    Ok(DiscountTemplate { code, value })
}

/// A positive factor, read from a JSON number or string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Factor(pub(super) Decimal);

impl<'de> Deserialize<'de> for Factor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        crate::json::decimal(&value)
            .filter(|factor| *factor > Decimal::ZERO)
            .map(Self)
            .ok_or_else(|| de::Error::custom(format!("{value} is no positive factor")))
    }
}

/// Where the money of an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FinancialStatus {
    #[default]
    Paid,
    Pending,
    Authorized,
    Voided,
}

impl FinancialStatus {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Pending => "pending",
            Self::Authorized => "authorized",
            Self::Voided => "voided",
        }
    }
}

/// A postal address; what an act leaves out is filled in from [`Address::default`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Address {
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
    pub(super) company: Option<String>,
    pub(super) address1: Option<String>,
    pub(super) address2: Option<String>,
    pub(super) city: Option<String>,
    pub(super) province: Option<String>,
    pub(super) province_code: Option<String>,
    pub(super) zip: Option<String>,
    pub(super) country: Option<String>,
    pub(super) country_code: Option<String>,
    pub(super) phone: Option<String>,
}

impl Address {
    /// First and last name.
    pub(super) fn name(&self) -> String {
        let names = [&self.first_name, &self.last_name];
        names.into_iter().filter_map(Option::as_deref).collect::<Vec<_>>().join(" ")
    }
}

impl Default for Address {
    fn default() -> Self {
        let some = |text: &str| Some(text.to_owned());
        Self {
            first_name: some("Test"),
            last_name: some("Customer"),
            company: None,
            address1: some("1 Example Street"),
            address2: None,
            city: some("London"),
            province: some("England"),
            province_code: some("ENG"),
            zip: some("EC1A 1BB"),
            country: some("United Kingdom"),
            country_code: some("GB"),
            phone: None,
        }
    }
}

fn vat() -> String {
    "VAT".to_owned()
}

fn standard_shipping() -> String {
    "Standard".to_owned()
}

fn first_location() -> String {
    "LON1".to_owned()
}

fn shopify_payments() -> String {
    "shopify_payments".to_owned()
}

#[expect(clippy::unnecessary_wraps, reason = "serde wants the type of the field, and null means none")]
fn usual_address() -> Option<Address> {
    Some(Address::default())
}

fn yes() -> bool {
    true
}

impl OrderTemplate {
    /// The `index`-th order of a series: other quantities, sometimes a subset of the lines or free shipping,
    /// always the same prices, so that a price list holds for all of them. Equal indexes give equal orders.
    pub(super) fn varied(&self, index: u64) -> Self {
        let mut order = self.clone();
        let mut dice = Dice(index);
        for line in &mut order.lines {
            line.quantity = 1 + i64::try_from(dice.roll(3)).unwrap_or(0);
        }
        if order.lines.len() > 1 && dice.roll(3) == 0 {
            let dropped = usize::try_from(dice.roll(order.lines.len() as u64)).unwrap_or(0);
            order.lines.remove(dropped);
        }
        if dice.roll(4) == 0 {
            order.shipping = Amount::default();
            order.shipping_discount = Amount::default();
        }
        order.email = order.email.as_deref().map(|email| numbered(email, index));
        order
    }
}

/// `buyer@example.com` becomes `buyer+7@example.com`.
fn numbered(email: &str, index: u64) -> String {
    match email.split_once('@') {
        Some((name, host)) => format!("{name}+{index}@{host}"),
        None => email.to_owned(),
    }
}

/// Repeatable variety (splitmix64): no generator to carry around, no seed to remember.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn template() -> OrderTemplate {
        serde_json::from_value(json!({
            "lines": [
                { "sku": "TEE-BLACK-M", "quantity": 1, "price": "24.99" },
                { "sku": "MUG-BLUE", "quantity": 2, "price": 1200 },
            ],
            "tax_rate": 0.2,
            "discount": { "code": "TENOFF", "percentage": 10 },
            "email": "buyer@example.com",
        }))
        .unwrap()
    }

    #[test]
    fn equal_indexes_give_equal_orders_and_a_series_is_varied() {
        let shape = |index| {
            let order = template().varied(index);
            let quantities: Vec<i64> = order.lines.iter().map(|line| line.quantity).collect();
            (quantities, order.email)
        };
        assert_eq!(shape(7), shape(7));
        let shapes: std::collections::BTreeSet<Vec<i64>> = (0..50).map(|index| shape(index).0).collect();
        assert!(shapes.len() > 5, "{shapes:?}");
        assert_eq!(shape(7).1.as_deref(), Some("buyer+7@example.com"));
    }

    #[test]
    fn an_address_is_filled_in_and_null_means_none() {
        let order: OrderTemplate = serde_json::from_value(json!({
            "lines": [], "shipping_address": { "zip": "00000" }, "billing_address": null,
        }))
        .unwrap();
        let address = order.shipping_address.unwrap();
        assert_eq!(address.zip.as_deref(), Some("00000"));
        assert_eq!(address.city.as_deref(), Some("London"));
        assert!(order.billing_address.is_none());
    }

    #[test]
    fn a_misspelt_field_is_refused() {
        let order = json!({ "lines": [], "taxes_inclded": true });
        assert!(serde_json::from_value::<OrderTemplate>(order).is_err());
    }
}
