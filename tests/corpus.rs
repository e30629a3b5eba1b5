//! Every real order payload at hand is accepted with totals that match its own to the cent, or held with a named
//! reason; none panics and none is read by half.
//!
//! `CROSSDOCK_CORPUS` names a folder with real payloads; without it the sample payloads of this repository are told
//! alone. Run with `--nocapture` to see what became of each.
#![expect(clippy::unwrap_used, reason = "a test stops where something is not as it must be")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use crossdock_connectors::{Delivery, InboundFact, webhook};
use crossdock_domain::accept::{Context, Inbound, storefront_order, unreadable_order};
use crossdock_domain::event::Decision;
use crossdock_domain::item::Item;
use crossdock_domain::mask::shaped;
use crossdock_domain::settings::ChannelSettings;
use crossdock_domain::{Event, HoldCode, Minor, Order, OrderId, Recipient, Sku};
use serde_json::{Value, json};

/// What became of a payload.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    accepted: bool,
    /// Codes with their details.
    holds: BTreeMap<String, String>,
    /// What we say it costs, where we say so.
    total: Option<Minor>,
    /// Whether the storefront's sales ledger is read before anything is sent: it was cancelled or refunded.
    to_be_read: bool,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut holds: Vec<String> = self.holds.iter().map(|(code, detail)| format!("{code}: {detail}")).collect();
        holds.extend(self.to_be_read.then(|| "its ledger is read first".to_owned()));
        match (&self.total, holds.is_empty()) {
            (Some(total), true) => write!(f, "accepted, {} minor units", total.get()),
            (Some(total), false) => write!(f, "accepted, {} minor units, held: {}", total.get(), holds.join(" | ")),
            (None, _) => write!(f, "held: {}", holds.join(" | ")),
        }
    }
}

fn settings() -> ChannelSettings {
    serde_json::from_value(json!({
        "reference_prefix": "UK",
        "legal_entity": "Example Ltd",
        "time_zone": "Europe/London",
        "currencies": ["GBP", "EUR", "USD", "JPY", "KWD", "CHF", "CAD", "AUD"],
        "countries": ["GB", "DE", "US", "JP", "KW", "CH", "CA", "AU"],
        "routes": { "storefront": "shopify-uk", "fulfillment": "shipbob", "erp": "netsuite" },
        "sourcing": { "locations": [{ "location": "LON1" }] },
        "stored_value_gateways": ["gift_card"],
    }))
    .unwrap()
}

/// A catalogue in which every SKU of the order is known everywhere: what holds an order here is the payload itself.
fn catalogue(inbound: &Inbound) -> BTreeMap<Sku, Item> {
    let item = |sku: &Sku| {
        let json = json!({ "sku": sku, "identities": { "shipbob": "1", "netsuite": "2" } });
        (sku.clone(), serde_json::from_value(json).unwrap())
    };
    inbound.order.lines.iter().filter_map(|line| line.sku.as_ref()).map(item).collect()
}

/// Sends a payload the way a delivery goes after its signature was checked.
fn judge(body: &[u8]) -> (Outcome, Option<Box<Inbound>>) {
    let headers = BTreeMap::from([("x-shopify-topic".to_owned(), "orders/create".to_owned())]);
    let facts = webhook::translate(&json!({ "kind": "shopify" }), &Delivery { headers, body: body.to_vec() }).unwrap();
    let [fact] = facts.as_slice() else { panic!("one order is one fact, not {facts:?}") };
    match fact {
        InboundFact::Order { channel, inbound } => {
            let id = OrderId { connection: "shopify-uk".parse().unwrap(), channel: channel.clone() };
            let (settings, items) = (settings(), catalogue(inbound));
            let decision = storefront_order(&Order::new(id), inbound, Context { settings: &settings, items: &items });
            (outcome(&decision), Some(inbound.clone()))
        }
        InboundFact::Unreadable { channel, detail } => {
            let id = OrderId { connection: "shopify-uk".parse().unwrap(), channel: channel.clone() };
            (outcome(&unreadable_order(&Order::new(id), detail)), None)
        }
        InboundFact::Shipment { .. }
        | InboundFact::Changed { .. }
        | InboundFact::Returned { .. }
        | InboundFact::Disputed { .. }
        | InboundFact::FulfillmentStopped { .. }
        | InboundFact::Ignored { .. } => panic!("an order payload became {fact:?}"),
    }
}

fn outcome(decision: &Decision) -> Outcome {
    let mut outcome = Outcome { accepted: false, holds: BTreeMap::new(), total: None, to_be_read: false };
    for event in &decision.events {
        if let Event::OrderAccepted(accepted) = event {
            outcome.accepted = true;
            outcome.total = Some(accepted.order.total);
        } else if let Event::OrderHeld { holds } = event {
            outcome.holds.extend(holds.iter().map(|hold| (hold.code.to_string(), hold.detail.clone())));
        } else if matches!(event, Event::StorefrontChanged { .. }) {
            outcome.to_be_read = true;
        } else {
            panic!("a first delivery never makes {}", event.type_name());
        }
    }
    outcome
}

fn payloads_under(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn is_order(path: &Path, body: &[u8]) -> bool {
    let named = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("orders__"));
    let shaped = || {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        body.get("line_items").is_some() && body.get("total_price").is_some()
    };
    named || shaped()
}

/// Whether an order was cancelled or refunded: then it is told as it was placed.
fn is_reversed(body: &Value) -> bool {
    let is =
        |name: &str, wanted: &[&str]| body.get(name).and_then(Value::as_str).is_some_and(|it| wanted.contains(&it));
    let refunded = body.get("refunds").and_then(Value::as_array).is_some_and(|refunds| !refunds.is_empty());
    let cancelled = body.get("cancelled_at").is_some_and(Value::is_string);
    refunded || cancelled || is("financial_status", &["refunded", "partially_refunded"])
}

/// The total as the payload tells it, found without any of the code under test.
fn own_total(body: &Value, inbound: &Inbound) -> Minor {
    let current = || {
        let charged = body.pointer("/current_total_price_set/presentment_money/amount");
        charged.or_else(|| body.get("current_total_price"))
    };
    let placed = || body.pointer("/total_price_set/presentment_money/amount").or_else(|| body.get("total_price"));
    let amount = if is_reversed(body) { placed() } else { current().or_else(placed) };
    let amount = amount.and_then(Value::as_str).unwrap();
    let currency = body.get("presentment_currency").or_else(|| body.get("currency")).and_then(Value::as_str);
    assert_eq!(currency, Some(inbound.order.currency.code()));
    inbound.order.currency.parse_amount(amount).unwrap()
}

/// Nothing is left out: as many lines and units as the payload has, and a total that both sides agree on.
fn check_whole(path: &Path, body: &Value, (outcome, inbound): (&Outcome, &Inbound)) {
    let shown = path.display();
    let lines = body.get("line_items").and_then(Value::as_array).unwrap();
    let units = |line: &Value| {
        let current = line.get("current_quantity").filter(|_| !is_reversed(body));
        current.or_else(|| line.get("quantity")).and_then(Value::as_u64).unwrap()
    };
    assert_eq!(inbound.order.lines.len(), lines.len(), "{shown}: lines");
    let told: u64 = lines.iter().map(units).sum();
    let read: u64 = inbound.order.lines.iter().map(|line| u64::from(line.quantity)).sum();
    assert_eq!(read, told, "{shown}: units");
    if outcome.holds.contains_key("totals") || outcome.holds.contains_key("currency") {
        return;
    }
    assert_eq!(inbound.order.total, own_total(body, inbound), "{shown}: total");
    assert_eq!(inbound.order.totals().unwrap().total_minor, own_total(body, inbound), "{shown}: sum of the parts");
}

/// What became of every order payload in a folder.
fn tell_all(folder: &Path) -> BTreeMap<String, Outcome> {
    let mut outcomes = BTreeMap::new();
    for path in payloads_under(folder) {
        let body = std::fs::read(&path).unwrap();
        if !is_order(&path, &body) {
            continue;
        }
        let (outcome, inbound) = judge(&body);
        assert!(outcome.accepted || !outcome.holds.is_empty(), "{}: neither accepted nor held", path.display());
        assert!(outcome.holds.values().all(|detail| !detail.is_empty()), "{}: a hold without a reason", path.display());
        if let Some(inbound) = &inbound {
            check_whole(&path, &serde_json::from_slice(&body).unwrap(), (&outcome, inbound));
        }
        let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
        eprintln!("{name:<60} {outcome}");
        outcomes.insert(name, outcome);
    }
    outcomes
}

#[test]
fn every_real_order_is_accepted_to_the_cent_or_held_with_a_reason() {
    let Some(folder) = std::env::var_os("CROSSDOCK_CORPUS") else {
        eprintln!("CROSSDOCK_CORPUS is not set: only this repository's own sample payloads were told");
        return;
    };
    let outcomes = tell_all(Path::new(&folder));
    assert!(!outcomes.is_empty(), "there is no order payload under CROSSDOCK_CORPUS");
    let added_up = outcomes.values().filter(|it| it.accepted && !it.holds.contains_key("totals")).count();
    assert!(added_up > 0, "none of {} orders adds up", outcomes.len());
    eprintln!("{} orders, {added_up} of which add up", outcomes.len());
}

/// What must become of each sample: the codes that hold it; none where it is simply accepted.
const SAMPLES: [(&str, &[HoldCode]); 27] = [
    ("authorized-only", &[HoldCode::Unpaid]),
    ("cancelled", &[]),
    ("cash-rounding-chf", &[HoldCode::Unpaid]),
    ("charged-in-usd", &[]),
    ("charged-in-usd-told-in-gbp", &[HoldCode::Currency]),
    ("custom-line", &[HoldCode::RareLine]),
    ("download", &[HoldCode::RareLine, HoldCode::Address]),
    ("duties", &[HoldCode::RareCharge]),
    ("edited-before-it-came", &[]),
    ("edited-to-the-odd-cent", &[HoldCode::Totals]),
    ("free-order", &[]),
    ("free-shipping-code", &[]),
    ("gift-card", &[HoldCode::RareLine]),
    ("marketplace-tax", &[HoldCode::ChannelTax]),
    ("one-line-jpy", &[]),
    ("paid-by-nobody", &[HoldCode::Unpaid]),
    ("partly-refunded", &[]),
    ("pick-up-in-store", &[HoldCode::Address]),
    ("shipped-by-hand", &[HoldCode::ChangedAtStorefront]),
    ("tax-excluded-eur", &[]),
    ("test-order", &[]),
    ("three-decimals-kwd", &[]),
    ("tip", &[HoldCode::RareCharge]),
    ("two-gateways", &[HoldCode::Unpaid, HoldCode::SeveralTenders]),
    ("two-lines-discount-gbp", &[]),
    ("unpaid-bank-transfer", &[HoldCode::Unpaid]),
    ("unreadable-amount", &[HoldCode::Unreadable]),
];

#[test]
fn every_sample_ends_as_it_must() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("payloads");
    let outcomes = tell_all(&folder);
    let expected: BTreeMap<String, BTreeSet<String>> = SAMPLES
        .iter()
        .map(|(name, codes)| (format!("{name}.json"), codes.iter().map(ToString::to_string).collect()))
        .collect();
    let told: BTreeMap<String, BTreeSet<String>> =
        outcomes.iter().map(|(name, outcome)| (name.clone(), outcome.holds.keys().cloned().collect())).collect();
    assert_eq!(told, expected);
    let read: Vec<&String> = outcomes.iter().filter(|(_, outcome)| outcome.to_be_read).map(|(name, _)| name).collect();
    assert_eq!(read, ["cancelled.json", "partly-refunded.json"]);
}

#[test]
fn the_samples_cost_what_their_buyers_paid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("payloads");
    let outcomes = tell_all(&folder);
    let total = |name: &str| outcomes[&format!("{name}.json")].total.unwrap().get();
    assert_eq!(total("two-lines-discount-gbp"), 7198);
    assert_eq!(total("one-line-jpy"), 6490, "a yen has no decimals");
    assert_eq!(total("three-decimals-kwd"), 28_095, "a Kuwaiti dinar has three");
    assert_eq!(total("tax-excluded-eur"), 27_025);
    assert_eq!(total("free-order"), 0);
    assert_eq!(total("charged-in-usd"), 6142, "the buyer's currency, not the shop's");
    assert_eq!(total("edited-before-it-came"), 10_000, "what is left after the edit");
}

/// A fact without what only a person's words make different: the recipient is there or not.
fn without_words(fact: &InboundFact) -> String {
    let mut fact = fact.clone();
    if let InboundFact::Order { inbound, .. } = &mut fact {
        assert!(inbound.recipient.as_ref().is_none_or(|recipient| !recipient.country.is_empty()));
        inbound.recipient = inbound.recipient.take().map(|_| Recipient::default());
        inbound.order.name = String::new();
    }
    format!("{fact:?}")
}

fn facts_of(settings: &Value, topic: &str, body: &[u8]) -> Result<Vec<InboundFact>, String> {
    let headers = ["x-shopify-topic", "x-webhook-topic", "x-shopify-triggered-at", "webhook-id"];
    let values = [topic, topic, "2026-11-20T10:00:00Z", "msg_1"];
    let headers = headers.iter().zip(values).map(|(name, value)| ((*name).to_owned(), value.to_owned())).collect();
    webhook::translate(settings, &Delivery { headers, body: body.to_vec() })
}

/// What is left of a payload without the people in it is read as the payload itself: a recording is worth as much.
#[test]
fn a_payload_without_its_people_is_read_as_it_is() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("payloads");
    let folders = [Some(own), std::env::var_os("CROSSDOCK_CORPUS").map(PathBuf::from)];
    let settings = json!({ "kind": "shopify" });
    let mut read = 0;
    for path in folders.iter().flatten().flat_map(|folder| payloads_under(folder)) {
        let body = std::fs::read(&path).unwrap();
        let Ok(whole) = serde_json::from_slice::<Value>(&body) else { continue };
        if !is_order(&path, &body) {
            continue;
        }
        let left = shaped(&whole, webhook::plain_keys(&settings)).to_string();
        let (expected, found) =
            (facts_of(&settings, "orders/create", &body), facts_of(&settings, "orders/create", left.as_bytes()));
        let words = |facts: Result<Vec<InboundFact>, String>| {
            facts.map(|facts| facts.iter().map(without_words).collect::<Vec<_>>())
        };
        assert_eq!(words(found), words(expected), "{}", path.display());
        read += 1;
    }
    assert!(read >= SAMPLES.len());
}
