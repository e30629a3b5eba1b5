//! Money as the shop computes it: integer minor units inside, decimal strings outside.

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

/// A currency and the number of decimal places that it is written with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Currency {
    pub(super) code: String,
    exponent: u32,
}

impl Currency {
    pub(super) fn from_code(code: &str) -> Result<Self, String> {
        let exponent = iso_currency::Currency::from_code(code)
            .and_then(iso_currency::Currency::exponent)
            .ok_or_else(|| format!("{code:?} is no ISO 4217 currency with minor units"))?;
        Ok(Self { code: code.to_owned(), exponent: u32::from(exponent) })
    }

    /// `2499` is written `24.99` in pounds, `2499` in yen and `2.499` in dinars.
    pub(super) fn text(&self, minor: i64) -> String {
        self.decimal(minor).to_string()
    }

    pub(super) fn decimal(&self, minor: i64) -> Decimal {
        Decimal::new(minor, self.exponent)
    }

    /// GraphQL writes at least one decimal place: `1500.0` for 1,500 yen.
    pub(super) fn graphql_text(&self, minor: i64) -> String {
        match self.exponent {
            0 => format!("{minor}.0"),
            _ => self.text(minor),
        }
    }

    pub(super) fn minor(&self, amount: Amount) -> Result<i64, String> {
        match amount {
            Amount::Minor(minor) => Ok(minor),
            Amount::Decimal(decimal) => self.exact(decimal),
        }
    }

    /// `minor` of this currency in another, `factor` units of which are worth one unit of this.
    pub(super) fn convert(&self, minor: i64, other: &Self, factor: Decimal) -> i64 {
        let units = Decimal::new(minor, self.exponent) * factor;
        rounded(units * Decimal::from(10_u64.pow(other.exponent)))
    }

    fn exact(&self, decimal: Decimal) -> Result<i64, String> {
        let shifted = decimal
            .checked_mul(Decimal::from(10_u64.pow(self.exponent)))
            .ok_or_else(|| format!("{decimal} is too large"))?;
        if !shifted.fract().is_zero() {
            return Err(format!("{decimal} has more decimals than {}", self.code));
        }
        shifted.to_i64().ok_or_else(|| format!("{decimal} is too large"))
    }
}

/// An amount in an act: a JSON string is a decimal amount as a person writes it (`"24.99"`),
/// a JSON integer is minor units (`2499`). A JSON number with a fraction is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Amount {
    Minor(i64),
    Decimal(Decimal),
}

impl Default for Amount {
    fn default() -> Self {
        Self::Minor(0)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&Value::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl Amount {
    pub(super) fn read(value: &Value) -> Result<Self, String> {
        let integer = value.as_i64().map(Self::Minor);
        let decimal = || value.as_str()?.parse().ok().map(Self::Decimal);
        integer.or_else(decimal).ok_or_else(|| format!("{value} is no amount: write \"24.99\", or 2499 minor units"))
    }
}

/// A rate between 0 and 1, read from `"0.2"` or `0.2` without passing through a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Rate(pub(super) Decimal);

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        crate::json::decimal(&value)
            .filter(|rate| (Decimal::ZERO..=Decimal::ONE).contains(rate))
            .map(Self)
            .ok_or_else(|| de::Error::custom(format!("{value} is no rate between 0 and 1")))
    }
}

impl Rate {
    /// The tax on `minor`: on top of it, or the part of it that is tax. Half a minor unit rounds up.
    pub(super) fn tax(self, minor: i64, included: bool) -> i64 {
        let amount = Decimal::from(minor);
        let exact = if included { amount - amount / (Decimal::ONE + self.0) } else { amount * self.0 };
        rounded(exact)
    }

    /// The share of `minor` that this rate is.
    pub(super) fn of(self, minor: i64) -> i64 {
        rounded(Decimal::from(minor) * self.0)
    }
}

fn rounded(exact: Decimal) -> i64 {
    exact.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero).to_i64().unwrap_or(i64::MAX)
}

/// Spreads `total` over `weights` in proportion; the shares add up to `total` to the minor unit.
/// What rounding leaves over goes to the first shares, as the vendor does (3.34, 3.33, 3.33).
pub(super) fn spread(total: i64, weights: &[i64]) -> Vec<i64> {
    let sum: i128 = weights.iter().copied().map(i128::from).sum();
    if sum == 0 {
        return vec![0; weights.len()];
    }
    let mut shares: Vec<i64> = weights
        .iter()
        .map(|weight| i128::from(total) * i128::from(*weight) / sum)
        .map(|share| i64::try_from(share).unwrap_or(i64::MAX))
        .collect();
    let mut left = total - shares.iter().sum::<i64>();
    for (share, weight) in shares.iter_mut().zip(weights) {
        if left > 0 && *share < *weight {
            *share += 1;
            left -= 1;
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn currency(code: &str) -> Currency {
        Currency::from_code(code).unwrap()
    }

    #[test]
    fn amounts_are_written_with_the_decimals_of_their_currency() {
        assert_eq!(currency("GBP").text(2499), "24.99");
        assert_eq!(currency("GBP").text(5), "0.05");
        assert_eq!(currency("JPY").text(2499), "2499");
        assert_eq!(currency("KWD").text(2499), "2.499");
        assert_eq!(currency("JPY").graphql_text(2499), "2499.0");
    }

    #[test]
    fn a_string_is_a_decimal_amount_and_an_integer_is_minor_units() {
        let read = |json: &str| serde_json::from_str::<Amount>(json).unwrap();
        assert_eq!(currency("GBP").minor(read("\"24.99\"")), Ok(2499));
        assert_eq!(currency("GBP").minor(read("2499")), Ok(2499));
        assert_eq!(currency("KWD").minor(read("\"24.99\"")), Ok(24990));
        assert!(currency("JPY").minor(read("\"24.99\"")).is_err());
        assert!(serde_json::from_str::<Amount>("24.99").is_err());
    }

    #[test]
    fn tax_is_a_part_of_a_price_that_includes_it_and_comes_on_top_of_one_that_does_not() {
        let rate: Rate = serde_json::from_str("0.2").unwrap();
        assert_eq!(rate.tax(12000, true), 2000);
        assert_eq!(rate.tax(10000, false), 2000);
        assert_eq!(rate.tax(2499, true), 417, "416.5 rounds up");
    }

    #[test]
    fn a_discount_is_spread_as_the_vendor_spreads_it() {
        assert_eq!(spread(1000, &[19900, 19900, 19900]), [334, 333, 333]);
        assert_eq!(spread(1000, &[0, 500]), [0, 1000]);
        assert_eq!(spread(10, &[0, 0]), [0, 0]);
    }

    proptest! {
        #[test]
        fn shares_add_up_and_never_exceed_their_weight(
            weights in prop::collection::vec(0_i64..1_000_000, 1..12), part in 0_i64..=100
        ) {
            let sum: i64 = weights.iter().sum();
            let total = sum * part / 100;
            let shares = spread(total, &weights);
            prop_assert_eq!(shares.iter().sum::<i64>(), total);
            for (share, weight) in shares.iter().zip(&weights) {
                prop_assert!((0..=*weight).contains(share));
            }
        }
    }
}
