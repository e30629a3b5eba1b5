//! Amounts of a Shopify body, in one currency throughout. Shopify tells most amounts twice: `price` in the shop's
//! currency, `price_set` in the shop's and in the one that the buyer was charged (presentment).

use crossdock_domain::money::MoneyError;
use crossdock_domain::{Currency, Minor};
use serde_json::Value;

use super::reading::{Unreadable, get, list, text};

/// Which currency the amounts of an order are read in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Purse {
    pub(super) currency: Currency,
    side: Side,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Shop and buyer use one currency: the plain field says the same as the set.
    Same,
    /// What the buyer was charged: only the sets tell it.
    Presentment,
    /// What the shop books: the plain field, or the set.
    Shop,
}

impl Purse {
    /// The currency that the buyer was charged in.
    pub(super) fn charged(order: &Value) -> Result<Self, Unreadable> {
        let shop = currency(order, "currency")?.ok_or_else(|| Unreadable::new("currency", "is missing"))?;
        let charged = currency(order, "presentment_currency")?.unwrap_or(shop);
        let side = if charged == shop { Side::Same } else { Side::Presentment };
        Ok(Self { currency: charged, side })
    }

    /// The shop's own currency, where the buyer's amounts cannot be had.
    pub(super) fn of_shop(order: &Value) -> Result<Self, Unreadable> {
        let shop = currency(order, "currency")?.ok_or_else(|| Unreadable::new("currency", "is missing"))?;
        Ok(Self { currency: shop, side: Side::Shop })
    }

    /// An amount that may be negative, such as a rounding; nothing where the body does not tell it.
    pub(super) fn signed(self, of: &Value, name: &str) -> Result<Option<Minor>, Unreadable> {
        let plain = get(of, name);
        let set_name = format!("{name}_set");
        let Some(set) = get(of, &set_name) else {
            return plain.map(|plain| self.plain(plain, name)).transpose();
        };
        let told = self.of_set(set, &set_name)?;
        if let Some(plain) = plain.filter(|_| self.side != Side::Presentment)
            && amount(self.currency, plain, name)? != told
        {
            return Err(Unreadable::new(name, "is told twice, with two amounts"));
        }
        Ok(Some(told))
    }

    /// An amount that is zero or more.
    pub(super) fn amount(self, of: &Value, name: &str) -> Result<Option<Minor>, Unreadable> {
        match self.signed(of, name)? {
            Some(amount) if amount < Minor::ZERO => Err(Unreadable::new(name, "is negative")),
            told => Ok(told),
        }
    }

    /// An amount that must be there.
    pub(super) fn required(self, of: &Value, name: &str) -> Result<Minor, Unreadable> {
        self.amount(of, name)?.ok_or_else(|| Unreadable::new(name, "is missing"))
    }

    /// The sum of one field over a list.
    pub(super) fn sum(self, of: &Value, entries: &str, name: &str) -> Result<Minor, Unreadable> {
        let each = |(index, entry)| self.required(entry, name).map_err(|error| error.within(entries, index));
        let amounts = list(of, entries)?.iter().enumerate().map(each).collect::<Result<Vec<_>, _>>()?;
        Minor::sum(amounts).map_err(|error| Unreadable::new(entries, error.to_string()))
    }

    fn of_set(self, set: &Value, name: &str) -> Result<Minor, Unreadable> {
        let (shop, charged) = (get(set, "shop_money"), get(set, "presentment_money"));
        let money = match self.side {
            Side::Same => charged.or(shop),
            Side::Presentment => charged,
            Side::Shop => shop,
        };
        let money =
            money.ok_or_else(|| Unreadable::other_currency(name, format!("has nothing in {}", self.currency)))?;
        if currency(money, "currency_code")? != Some(self.currency) {
            return Err(Unreadable::other_currency(name, format!("is not in {}", self.currency)));
        }
        let told = get(money, "amount").ok_or_else(|| Unreadable::new(name, "has no amount"))?;
        amount(self.currency, told, name)
    }

    /// Nothing is nothing in every currency; any other amount in the shop's currency is not what the buyer paid.
    fn plain(self, plain: &Value, name: &str) -> Result<Minor, Unreadable> {
        if self.side == Side::Presentment {
            let only_shop = || Unreadable::other_currency(name, "is told in the shop's currency only");
            return is_zero(plain).then_some(Minor::ZERO).ok_or_else(only_shop);
        }
        amount(self.currency, plain, name)
    }
}

/// Whether an amount is nothing, in whatever currency.
pub(super) fn is_zero(amount: &Value) -> bool {
    digits_of(amount).is_some_and(|text| {
        let mut digits = text.bytes().filter(|byte| !matches!(byte, b'.' | b'-')).peekable();
        digits.peek().is_some() && digits.all(|digit| digit == b'0')
    })
}

/// Whether an amount is below nothing, in whatever currency.
pub(super) fn is_negative(amount: &Value) -> bool {
    digits_of(amount).is_some_and(|text| text.starts_with('-')) && !is_zero(amount)
}

fn currency(of: &Value, name: &str) -> Result<Option<Currency>, Unreadable> {
    let parse = |code: &str| code.parse().map_err(|_| Unreadable::new(name, "is not an ISO 4217 currency"));
    text(of, name)?.map(parse).transpose()
}

/// The decimal text of an amount. Amounts are strings, but some vendors' fields are JSON numbers: the text of such a
/// number is exact up to 15 significant digits, beyond which it is refused rather than guessed.
fn digits_of(amount: &Value) -> Option<String> {
    match amount {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => {
            Some(number.to_string()).filter(|text| text.bytes().filter(u8::is_ascii_digit).count() <= 15)
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// What stands there is never repeated: it might be anything.
fn amount(currency: Currency, told: &Value, name: &str) -> Result<Minor, Unreadable> {
    let text = digits_of(told).ok_or_else(|| Unreadable::new(name, "is not a decimal amount"))?;
    currency.parse_amount(&text).map_err(|error| match error {
        MoneyError::TooPrecise(..) => Unreadable::new(name, format!("has more decimals than {currency} allows")),
        MoneyError::TooLarge => Unreadable::new(name, "is larger than Crossdock accepts"),
        MoneyError::NotANumber(_) | MoneyError::UnknownCurrency(_) => Unreadable::new(name, "is not a decimal amount"),
    })
}
