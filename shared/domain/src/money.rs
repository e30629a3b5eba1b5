//! Money: integer minor units and an ISO 4217 currency. No float is ever involved.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// The largest amount accepted anywhere, in minor units: far above any order, far below overflow of a sum.
pub const MAX_MINOR: i64 = 1_000_000_000_000_000;

/// Why an amount or a currency could not be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The text is not an ISO 4217 code.
    #[error("{0:?} is not an ISO 4217 currency code")]
    UnknownCurrency(String),
    /// The text is not a plain decimal number.
    #[error("{0:?} is not a decimal amount; send digits with an optional point, such as 12.50")]
    NotANumber(String),
    /// The number has more decimals than its currency.
    #[error("{0:?} has more decimals than {1} allows")]
    TooPrecise(String, Currency),
    /// A sum or an amount is beyond [`MAX_MINOR`].
    #[error("an amount is larger than Crossdock accepts")]
    TooLarge,
}

/// An ISO 4217 currency with its exponent (JPY 0, GBP 2, KWD 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// Number of decimals of the minor unit. Codes without minor units (XAU, XTS) count as 0.
    #[must_use]
    pub fn exponent(self) -> u32 {
        u32::from(self.0.exponent().unwrap_or(0))
    }

    /// The three-letter code.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Parses a decimal string such as `"199.00"` exactly.
    ///
    /// # Errors
    /// Not a number, more decimals than the currency has, or too large.
    pub fn parse_amount(self, text: &str) -> Result<Minor, MoneyError> {
        let plain =
            !text.is_empty() && text.len() <= 32 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
        let decimal = plain
            .then(|| Decimal::from_str_exact(text).ok())
            .flatten()
            .ok_or_else(|| MoneyError::NotANumber(text.chars().take(40).collect()))?;
        let minor =
            decimal.checked_mul(Decimal::from(10_i64.pow(self.exponent()))).ok_or(MoneyError::TooLarge)?.normalize();
        if minor.scale() > 0 {
            return Err(MoneyError::TooPrecise(text.into(), self));
        }
        i64::try_from(minor.mantissa()).map_err(|_| MoneyError::TooLarge).and_then(Minor::new)
    }

    /// Writes an amount as vendors read it: `Minor(19900)` in GBP is `199.00`.
    #[must_use]
    pub fn decimal(self, amount: Minor) -> Decimal {
        Decimal::new(amount.get(), self.exponent())
    }

    /// Minor units as people read them: 19900 in GBP is `199.00 GBP`.
    #[must_use]
    pub fn written(self, minor: i64) -> String {
        format!("{} {self}", Decimal::new(minor, self.exponent()))
    }
}

/// Minor units as people read them ([`Currency::written`]), also where the currency is not known.
#[must_use]
pub fn written(currency: Option<Currency>, minor: i64) -> String {
    currency.map_or_else(|| format!("{minor} minor units"), |currency| currency.written(minor))
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Currency {
    type Err = MoneyError;
    fn from_str(code: &str) -> Result<Self, MoneyError> {
        iso_currency::Currency::from_code(code)
            .map(Self)
            .ok_or_else(|| MoneyError::UnknownCurrency(code.chars().take(8).collect()))
    }
}

impl PartialOrd for Currency {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Currency {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.code().cmp(other.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// An amount in minor units of the currency named beside it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Minor(i64);

impl Minor {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// # Errors
    /// [`MoneyError::TooLarge`] beyond [`MAX_MINOR`] in either direction.
    pub fn new(minor: i64) -> Result<Self, MoneyError> {
        if minor.unsigned_abs() > MAX_MINOR.unsigned_abs() { Err(MoneyError::TooLarge) } else { Ok(Self(minor)) }
    }

    /// The number of minor units.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// # Errors
    /// [`MoneyError::TooLarge`].
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.0.checked_add(other.0).ok_or(MoneyError::TooLarge).and_then(Self::new)
    }

    /// # Errors
    /// [`MoneyError::TooLarge`].
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.0.checked_sub(other.0).ok_or(MoneyError::TooLarge).and_then(Self::new)
    }

    /// # Errors
    /// [`MoneyError::TooLarge`].
    pub fn times(self, quantity: u32) -> Result<Self, MoneyError> {
        self.0.checked_mul(i64::from(quantity)).ok_or(MoneyError::TooLarge).and_then(Self::new)
    }

    /// # Errors
    /// [`MoneyError::TooLarge`].
    pub fn sum(amounts: impl IntoIterator<Item = Self>) -> Result<Self, MoneyError> {
        amounts.into_iter().try_fold(Self::ZERO, Self::plus)
    }

    /// The share of this amount that `part` of `whole` units carries when `done` units were settled before:
    /// the difference of two rounded cumulative shares, so that the shares of any sequence of parts add up to
    /// the whole exactly. Rounds half away from zero.
    #[must_use]
    pub fn share(self, done: u32, part: u32, whole: u32) -> Self {
        Self(self.cumulative(done.saturating_add(part), whole) - self.cumulative(done, whole))
    }

    fn cumulative(self, units: u32, whole: u32) -> i64 {
        if whole == 0 || units >= whole {
            return if units == 0 { 0 } else { self.0 };
        }
        let (whole, twice) = (i128::from(whole), 2 * i128::from(self.0) * i128::from(units));
        let rounded = (twice.abs() + whole) / (2 * whole) * twice.signum();
        i64::try_from(rounded).unwrap_or(self.0)
    }
}

impl<'de> Deserialize<'de> for Minor {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(i64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
