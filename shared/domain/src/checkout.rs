//! Whether a cart could be sold right now: all that is wrong with it, at once.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::demand::Units;
use crate::ids::{CountryCode, Sku};
use crate::item::Item;
use crate::kit::{self, kits_among, units_in};
use crate::money::{Currency, Minor};
use crate::settings::{ChannelSettings, DegradedCheckout, SourcingRule};
use crate::sourcing::{Supply, Want, plan, rules_for};

/// A cart, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cart {
    /// Currency of its prices.
    pub currency: Currency,
    /// Where it would go.
    pub country: CountryCode,
    /// What is in it.
    pub lines: Vec<CartLine>,
}

/// One line of a cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CartLine {
    /// The SKU.
    pub sku: Sku,
    /// Units.
    pub quantity: u32,
    /// Price of one unit as the buyer sees it.
    pub unit_price: Minor,
}

/// The answer to a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Sell or not.
    pub decision: Verdict,
    /// Everything that is wrong.
    pub reasons: Vec<Reason>,
    /// What each line can count on.
    pub lines: Vec<LineAnswer>,
    /// Whether stock or prices could not be read and the policy answered instead.
    pub degraded: bool,
}

/// Sell or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Sell.
    Accept,
    /// Do not sell.
    Reject,
}

/// One thing that is wrong with a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// `unknown_sku`, `price_differs`, `not_available`, `country_not_served`, `quantity_limit`, `value_limit`,
    /// `currency_mismatch` or `currency_not_supported`.
    pub code: &'static str,
    /// What exactly.
    pub detail: String,
    /// Position of the line, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
}

/// What one line can count on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineAnswer {
    /// The SKU.
    pub sku: Sku,
    /// Units asked for.
    pub requested: u32,
    /// Units that may be promised; absent when stock could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_to_promise: Option<i64>,
    /// Price of one unit by the price list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit_price_minor: Option<Minor>,
}

/// Judges a cart. `items` is `None` when stock and prices could not be read: then the channel's policy answers.
#[must_use]
pub fn validate(
    cart: &Cart,
    items: Option<&BTreeMap<Sku, Item>>,
    settings: &ChannelSettings,
    now: Timestamp,
) -> Answer {
    let rules = rules_for(settings, Some(&cart.country), now);
    let mut reasons = cart_reasons(cart, settings);
    let mut lines = Vec::new();
    for (index, line) in cart.lines.iter().enumerate() {
        if line.quantity > settings.limits.quantity_per_line {
            let detail = format!("at most {} units per line", settings.limits.quantity_per_line);
            reasons.push(Reason { code: "quantity_limit", detail, line: Some(index) });
        }
        lines.push(answer_line(cart, (index, line), (items, settings, &rules), &mut reasons));
    }
    if let Some(items) = items {
        let alone = availability_reasons(cart, &lines);
        let together = || together_reasons(cart, &rules, (items, settings));
        reasons.extend(if alone.is_empty() { together() } else { alone });
    }
    let policy_says_no = items.is_none() && settings.degraded_checkout == DegradedCheckout::Reject;
    let decision = if reasons.is_empty() && !policy_says_no { Verdict::Accept } else { Verdict::Reject };
    Answer { decision, reasons, lines, degraded: items.is_none() }
}

fn cart_reasons(cart: &Cart, settings: &ChannelSettings) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut add = |code, detail: String| reasons.push(Reason { code, detail, line: None });
    if !settings.currencies.contains(&cart.currency) {
        add("currency_not_supported", format!("the channel does not take {}", cart.currency));
    }
    if !settings.countries.contains(&cart.country) {
        add("country_not_served", format!("{} is not served", cart.country));
    }
    let value = cart.lines.iter().try_fold(Minor::ZERO, |sum, line| sum.plus(line.unit_price.times(line.quantity)?));
    let limit = settings.limits.value.get(&cart.currency);
    if value.is_err() || limit.is_some_and(|limit| value.is_ok_and(|value| value > *limit)) {
        add("value_limit", "the cart's value is above the channel's limit".into());
    }
    reasons
}

fn answer_line(
    cart: &Cart,
    (index, line): (usize, &CartLine),
    (items, settings, rules): (Option<&BTreeMap<Sku, Item>>, &ChannelSettings, &[&SourcingRule]),
    reasons: &mut Vec<Reason>,
) -> LineAnswer {
    let mut answer = LineAnswer {
        sku: line.sku.clone(),
        requested: line.quantity,
        available_to_promise: None,
        unit_price_minor: None,
    };
    let Some(items) = items else { return answer };
    // What the ERP sells no more, a cart cannot buy; orders that are there go on.
    let Some(item) = items.get(&line.sku).filter(|item| !item.inactive) else {
        reasons.push(Reason { code: "unknown_sku", detail: format!("{} is not sold", line.sku), line: Some(index) });
        return answer;
    };
    answer.available_to_promise = Some(promisable(item, (items, settings), rules));
    answer.unit_price_minor = item.prices.get(&cart.currency).copied();
    match answer.unit_price_minor {
        None => reasons.push(Reason {
            code: "currency_mismatch",
            detail: format!("{} has no price in {}", line.sku, cart.currency),
            line: Some(index),
        }),
        Some(price) if (price.get() - line.unit_price.get()).abs() > settings.price_tolerance.get() => {
            let detail = format!("{} costs {} minor units", line.sku, price.get());
            reasons.push(Reason { code: "price_differs", detail, line: Some(index) });
        }
        Some(_) => {}
    }
    answer
}

/// Where an order may not be split, what lies at two places is not one promise.
pub(crate) fn promisable(
    item: &Item,
    (items, settings): (&BTreeMap<Sku, Item>, &ChannelSettings),
    rules: &[&SourcingRule],
) -> i64 {
    let at = |rule: &&SourcingRule| kit::promisable(item, (&rule.location, rule.keep_back), items);
    let mut most: Vec<i64> = rules.iter().map(at).collect();
    most.sort_by_key(|units| std::cmp::Reverse(*units));
    most.into_iter().take(settings.sourcing.split.most(rules.len())).sum()
}

/// Lines that could each be promised alone may want the same components, or more locations than an order may ship from:
/// allocation would plan as this does.
fn together_reasons(
    cart: &Cart,
    rules: &[&SourcingRule],
    (items, settings): (&BTreeMap<Sku, Item>, &ChannelSettings),
) -> Vec<Reason> {
    let want = |(line, of): (usize, &CartLine)| Want { line, sku: of.sku.clone(), quantity: of.quantity };
    let wants: Vec<Want> = cart.lines.iter().enumerate().map(want).collect();
    let (supply, split) = (Supply { items, held: &Units::new(), has_waited: false }, settings.sourcing.split);
    let Err((short, _)) = plan(&wants, rules, supply, split) else { return Vec::new() };
    let kits = kits_among(wants.iter().map(|want| &want.sku), items);
    let concerned = wants.iter().filter(|want| units_in(&kits, &want.sku, &short) > 0);
    let reason = |want: &Want| Reason {
        code: "not_available",
        detail: format!("not enough of {short} can be promised for all lines together"),
        line: Some(want.line),
    };
    concerned.map(reason).collect()
}

/// Lines of one SKU share its stock: together they must not ask for more than there is.
fn availability_reasons(cart: &Cart, answers: &[LineAnswer]) -> Vec<Reason> {
    let mut wanted: BTreeMap<&Sku, i64> = BTreeMap::new();
    for line in &cart.lines {
        *wanted.entry(&line.sku).or_default() += i64::from(line.quantity);
    }
    let short = |(index, answer): (usize, &LineAnswer)| {
        let available = answer.available_to_promise?;
        (wanted.get(&answer.sku).copied()? > available).then(|| Reason {
            code: "not_available",
            detail: format!("{} of {} can be promised", available, answer.sku),
            line: Some(index),
        })
    };
    answers.iter().enumerate().filter_map(short).collect()
}
