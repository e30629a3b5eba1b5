//! Money is exact, or it is refused.

use crossdock_domain::money::MAX_MINOR;
use crossdock_domain::{Currency, Minor, MoneyError};
use proptest::prelude::*;

use crate::samples::minor;

fn currency(code: &str) -> Currency {
    code.parse().unwrap()
}

fn parsed(code: &str, text: &str) -> Result<i64, MoneyError> {
    currency(code).parse_amount(text).map(Minor::get)
}

#[test]
fn amounts_are_read_exactly_by_the_exponent_of_their_currency() {
    for (code, text, amount) in [
        ("EUR", "199.00", 19900),
        ("EUR", "199", 19900),
        ("EUR", "199.5", 19950),
        ("GBP", "0.07", 7),
        ("EUR", "007.50", 750),
        ("JPY", "1980", 1980),
        ("JPY", "1980.00", 1980),
        ("KWD", "1.234", 1234),
        ("KWD", "1.2340", 1234),
        ("EUR", "0", 0),
        ("EUR", "-0", 0),
        ("EUR", "-0.00", 0),
        ("EUR", "-12.34", -1234),
        ("EUR", "10000000000000.00", MAX_MINOR),
    ] {
        assert_eq!(parsed(code, text), Ok(amount), "{text} {code}");
    }
}

#[test]
fn what_is_not_a_plain_decimal_is_refused() {
    for text in [
        "",
        " ",
        ".",
        "-",
        "--5",
        "5-",
        "-.",
        "1.2.3",
        "1-1",
        "NaN",
        "inf",
        "-inf",
        "1e400",
        "1e2",
        "1E2",
        "+5",
        " 5",
        "5 ",
        "1,000.00",
        "1.000,00",
        "1_000",
        "0x10",
        "12€",
        "٣",
        "１２",
        "1\u{0}",
        "null",
        "999999999999999999999999999999999",
    ] {
        let refused = parsed("EUR", text);
        assert!(matches!(refused, Err(MoneyError::NotANumber(_))), "{text:?} became {refused:?}");
    }
}

#[test]
fn more_decimals_than_the_currency_has_are_refused_not_rounded() {
    for (code, text) in [("JPY", "10.5"), ("EUR", "1.001"), ("EUR", "0.005"), ("KWD", "1.2345"), ("GBP", "-0.001")] {
        let refused = parsed(code, text);
        assert!(matches!(refused, Err(MoneyError::TooPrecise(..))), "{text} {code} became {refused:?}");
    }
}

#[test]
fn amounts_beyond_the_bound_are_refused() {
    for text in ["10000000000000.01", "-10000000000000.01", "92233720368547758.08", "9999999999999999999999999999"] {
        assert_eq!(parsed("EUR", text), Err(MoneyError::TooLarge), "{text}");
    }
    assert_eq!(Minor::new(i64::MIN), Err(MoneyError::TooLarge));
    assert!(serde_json::from_str::<Minor>("9223372036854775807").is_err());
    assert!(serde_json::from_str::<Minor>("0.1").is_err(), "a float is no amount");
    assert!(serde_json::from_str::<Minor>("1e3").is_err(), "a float is no amount");
}

#[test]
fn a_tenth_and_two_tenths_are_three_tenths() {
    let sum = currency("EUR").parse_amount("0.10").unwrap().plus(currency("EUR").parse_amount("0.20").unwrap());
    assert_eq!(sum.unwrap(), currency("EUR").parse_amount("0.30").unwrap());
}

#[test]
fn amounts_are_written_as_vendors_read_them() {
    for (code, amount, text) in
        [("JPY", 1980, "1980"), ("EUR", 5, "0.05"), ("GBP", -19900, "-199.00"), ("KWD", 1234, "1.234")]
    {
        assert_eq!(currency(code).decimal(minor(amount)).to_string(), text);
        assert_eq!(currency(code).written(amount), format!("{text} {code}"));
    }
}

#[test]
fn currencies_are_the_codes_of_iso_4217() {
    for (code, exponent) in
        [("JPY", 0), ("KRW", 0), ("GBP", 2), ("EUR", 2), ("USD", 2), ("KWD", 3), ("BHD", 3), ("XAU", 0)]
    {
        assert_eq!(currency(code).exponent(), exponent, "{code}");
    }
    for unknown in ["", "GB", "GBX", "EURO", "E\u{0}R", "ZZZ", "€"] {
        assert!(matches!(unknown.parse::<Currency>(), Err(MoneyError::UnknownCurrency(_))), "{unknown:?}");
    }
    assert_eq!(serde_json::to_string(&currency("KWD")).unwrap(), r#""KWD""#);
    assert!(serde_json::from_str::<Currency>(r#""GBX""#).is_err());
}

#[test]
fn a_hundred_over_three_loses_nothing() {
    let shares: Vec<i64> = (0..3).map(|done| minor(100).share(done, 1, 3).get()).collect();
    assert_eq!(shares, [33, 34, 33]);
    let refund: Vec<i64> = (0..3).map(|done| minor(-100).share(done, 1, 3).get()).collect();
    assert_eq!(refund, [-33, -34, -33]);
}

fn any_currency() -> impl Strategy<Value = Currency> {
    prop::sample::select(vec!["JPY", "EUR", "GBP", "KWD", "CLF"]).prop_map(currency)
}

fn any_minor() -> impl Strategy<Value = Minor> {
    prop_oneof![-MAX_MINOR..=MAX_MINOR, -1000_i64..1000].prop_map(minor)
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_the_same(currency in any_currency(), amount in any_minor()) {
        let text = currency.decimal(amount).to_string();
        prop_assert_eq!(currency.parse_amount(&text).unwrap(), amount);
        let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        prop_assert_eq!(decimals, currency.exponent() as usize);
    }

    #[test]
    fn no_text_breaks_the_parser(currency in any_currency(), text in prop_oneof![".{0,40}", "-?[0-9]{0,30}\\.?[0-9]{0,30}"]) {
        if let Ok(amount) = currency.parse_amount(&text) {
            prop_assert!(amount.get().abs() <= MAX_MINOR);
        }
    }

    #[test]
    fn arithmetic_is_exact_or_refused(a in any_minor(), b in any_minor(), quantity in any::<u32>()) {
        let exact = |wide: i128| i64::try_from(wide).ok().and_then(|amount| Minor::new(amount).ok());
        let (x, y) = (i128::from(a.get()), i128::from(b.get()));
        prop_assert_eq!(a.plus(b).ok(), exact(x + y));
        prop_assert_eq!(a.minus(b).ok(), exact(x - y));
        prop_assert_eq!(a.times(quantity).ok(), exact(x * i128::from(quantity)));
    }

    #[test]
    fn the_shares_of_any_split_add_up_exactly(amount in any_minor(), parts in prop::collection::vec(0_u32..1000, 1..12)) {
        let whole: u32 = parts.iter().sum();
        let mut done = 0;
        let mut sum = 0;
        for part in parts {
            let share = amount.share(done, part, whole).get();
            prop_assert!(share == 0 || (share < 0) == (amount.get() < 0), "a share has the sign of its amount");
            if whole > 0 {
                let fair = i128::from(amount.get()) * i128::from(part);
                let off = (i128::from(share) * i128::from(whole) - fair).abs();
                prop_assert!(off <= i128::from(whole), "a share is within one minor unit of its fair size");
            }
            sum += share;
            done += part;
        }
        prop_assert_eq!(sum, if whole == 0 { 0 } else { amount.get() });
    }

    #[test]
    fn no_share_panics(amount in any_minor(), done in any::<u32>(), part in any::<u32>(), whole in any::<u32>()) {
        prop_assert!(amount.share(done, part, whole).get().abs() <= amount.get().abs());
    }
}
