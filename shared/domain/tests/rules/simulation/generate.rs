//! Orders and lives.

use crossdock_domain::{CanonicalOrder, Charge, ChargeKind, Line, TaxLine, Tender, TenderStatus};
use proptest::prelude::*;

use super::actions::{ACTIONS, ORDINARY};
use crate::samples::{at, charge, line, minor, sku, tender, unpaid};

/// What is sold; a `SET` is a kit.
pub const SKUS: [&str; 3] = ["TEE", "MUG", "SET"];

/// What a `SET` is made of.
pub const SET: [(&str, u32); 2] = [("TEE", 2), ("MUG", 1)];

/// What is done and to what, one choice after the other; nothing is taken back.
pub fn any_play() -> impl Strategy<Value = Vec<u16>> {
    let all = u16::try_from(ACTIONS.len()).unwrap();
    let ordinary = u16::try_from(ORDINARY).unwrap();
    let choice = (0..ordinary, 0..u16::MAX / all).prop_map(move |(action, which)| which * all + action);
    prop::collection::vec(choice, 0..90)
}

/// The same, with everything that can be taken back, each thing as often as it happens.
pub fn any_life() -> impl Strategy<Value = Vec<u16>> {
    let all = u16::try_from(ACTIONS.len()).unwrap();
    let often = (0..all).zip(ACTIONS).flat_map(|(action, (_, weight, _))| (0..weight).map(move |_| action));
    let choice = (prop::sample::select(often.collect::<Vec<_>>()), 0..u16::MAX / all);
    prop::collection::vec(choice.prop_map(move |(action, which)| which * all + action), 0..140)
}

fn any_taxes() -> impl Strategy<Value = Vec<TaxLine>> {
    prop::collection::vec(0_i64..200, 0..3).prop_map(|amounts| {
        let rates = ["0.2", "0.0725", "0.05"];
        let titles = ["GB VAT", "State Tax", "City Tax"];
        let taxes = amounts.into_iter().zip(rates.into_iter().zip(titles));
        taxes
            .map(|(amount, (rate, title))| TaxLine {
                title: title.into(),
                rate: rate.into(),
                amount: minor(amount),
                channel_liable: false,
            })
            .collect()
    })
}

fn any_line() -> impl Strategy<Value = Line> {
    (0..SKUS.len(), 1_u32..5, 700_i64..4000, 0_i64..100, any_taxes()).prop_map(
        |(name, quantity, price, discount, taxes)| Line {
            sku: Some(sku(SKUS[name])),
            discount: minor(discount),
            taxes,
            ..line(SKUS[name], quantity, price)
        },
    )
}

fn any_shipping() -> impl Strategy<Value = Vec<Charge>> {
    let one = (600_i64..900, 0_i64..100, any_taxes()).prop_map(|(amount, discount, taxes)| Charge {
        discount: minor(discount),
        taxes,
        ..charge(ChargeKind::Shipping, amount)
    });
    prop::collection::vec(one, 0..3)
}

/// Tenders that come to a total; the last may still be promised.
fn tenders_of(total: i64, cuts: &[i64], is_promised: bool) -> Vec<Tender> {
    let mut left = total;
    let mut tenders: Vec<Tender> = Vec::new();
    for cut in cuts {
        let amount = left * cut / 100;
        left -= amount;
        tenders.push(tender(&format!("T{}", tenders.len() + 1), amount));
    }
    tenders.push(tender(&format!("T{}", tenders.len() + 1), left));
    if is_promised && let Some(first) = tenders.first_mut() {
        (first.status, first.at) = (TenderStatus::Pending, at(-5));
    }
    tenders
}

/// An ordinary order: goods, discounts, taxes included or not, shipping, and money in up to three parts.
pub fn any_order() -> impl Strategy<Value = CanonicalOrder> {
    let goods = prop::collection::vec(any_line(), 1..4);
    let money = (prop::collection::vec(0_i64..100, 0..3), prop::bool::weighted(0.2));
    (goods, any_shipping(), any::<bool>(), money).prop_map(|(lines, charges, taxes_included, (cuts, is_promised))| {
        let named =
            lines.into_iter().enumerate().map(|(place, line)| Line { id: format!("{}-{place}", line.id), ..line });
        let order = CanonicalOrder { taxes_included, ..unpaid(named.collect(), charges) };
        let total = order.totals().unwrap().total_minor;
        CanonicalOrder { total, tenders: tenders_of(total.get(), &cuts, is_promised), ..order }
    })
}
