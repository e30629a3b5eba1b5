//! An ordinary order and its surroundings, from which every test differs in what it is about.

use std::collections::BTreeMap;

use crossdock_domain::accept::{Context, Inbound};
use crossdock_domain::cancel::Reason;
use crossdock_domain::event::{
    Accepted, Allocation, Cancellation, CancelledBy, Decision, Document, IssuedRefund, LineQuantity, Shipment,
};
use crossdock_domain::item::{Item, Stock, StockMove};
use crossdock_domain::sales::{RefundStatus, RefundTender};
use crossdock_domain::settings::ChannelSettings;
use crossdock_domain::{
    CanonicalOrder, Charge, ChargeKind, Event, Line, LineKind, Minor, Order, OrderId, Recipient, Sku, Task, TaskKind,
    TaxLine, Tender, TenderStatus,
};
use jiff::Timestamp;
use serde_json::json;

use crate::simulation::fact;

/// A moment, in seconds after the order was placed.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_764_000_000 + seconds).unwrap()
}

pub fn minor(amount: i64) -> Minor {
    Minor::new(amount).unwrap()
}

pub fn sku(text: &str) -> Sku {
    text.parse().unwrap()
}

pub fn order_id() -> OrderId {
    "shopify-uk.5001".parse().unwrap()
}

pub fn settings() -> ChannelSettings {
    let settings = json!({
        "reference_prefix": "UK",
        "legal_entity": "1",
        "time_zone": "Europe/London",
        "currencies": ["GBP", "EUR", "JPY", "KWD"],
        "countries": ["GB", "IE", "DE"],
        "routes": { "storefront": "shopify-uk", "fulfillment": "shipbob", "erp": "netsuite" },
        "sourcing": { "locations": [{ "location": "LON1", "countries": ["GB", "IE"] }, { "location": "MAN1" }] },
        "limits": { "quantity_per_line": 99, "value": { "GBP": 1_000_000 } },
        "price_tolerance": 1,
        "rounding_tolerance": 5,
        "stored_value_gateways": ["gift_card"],
    });
    serde_json::from_value(settings).unwrap()
}

pub fn item(name: &str, stock: &[(&str, i64)]) -> Item {
    let stock = stock.iter().map(|(location, units)| (location.parse().unwrap(), Stock::of(*units)));
    Item {
        prices: BTreeMap::from([("GBP".parse().unwrap(), minor(1000)), ("EUR".parse().unwrap(), minor(1200))]),
        identities: ["shipbob", "netsuite"].map(|system| (system.parse().unwrap(), format!("{system}-{name}"))).into(),
        stock: stock.collect(),
        ..Item::new(sku(name))
    }
}

pub fn catalogue(items: impl IntoIterator<Item = Item>) -> BTreeMap<Sku, Item> {
    items.into_iter().map(|item| (item.sku.clone(), item)).collect()
}

/// TEE and MUG, ten of each in London.
pub fn shop() -> BTreeMap<Sku, Item> {
    catalogue([item("TEE", &[("LON1", 10), ("MAN1", 0)]), item("MUG", &[("LON1", 10), ("MAN1", 0)])])
}

pub fn recipient() -> Recipient {
    Recipient {
        name: "A Buyer".into(),
        address1: "1 High Street".into(),
        city: "Leeds".into(),
        postal_code: "LS1 1AA".into(),
        country: "GB".into(),
        ..Recipient::default()
    }
}

pub fn line(name: &str, quantity: u32, unit_price: i64) -> Line {
    Line {
        id: format!("L-{name}"),
        kind: LineKind::Product,
        sku: Some(sku(name)),
        quantity,
        unit_price: minor(unit_price),
        discount: Minor::ZERO,
        taxes: Vec::new(),
    }
}

pub fn tax(amount: i64) -> TaxLine {
    TaxLine { title: "GB VAT".into(), rate: "0.2".into(), amount: minor(amount), channel_liable: false }
}

pub fn charge(kind: ChargeKind, amount: i64) -> Charge {
    Charge { kind, amount: minor(amount), discount: Minor::ZERO, taxes: Vec::new() }
}

pub fn tender(id: &str, amount: i64) -> Tender {
    Tender {
        id: id.into(),
        gateway: "shopify_payments".into(),
        status: TenderStatus::Captured,
        amount: minor(amount),
        at: at(0),
    }
}

/// An order of these lines; neither priced nor paid yet.
pub fn unpaid(lines: Vec<Line>, charges: Vec<Charge>) -> CanonicalOrder {
    CanonicalOrder {
        name: "#1001".into(),
        placed_at: at(0),
        currency: "GBP".parse().unwrap(),
        taxes_included: false,
        test: false,
        country: Some("GB".parse().unwrap()),
        lines,
        charges,
        tenders: Vec::new(),
        total: Minor::ZERO,
    }
}

/// The same order with its right total, paid by one tender.
pub fn paid(order: CanonicalOrder) -> CanonicalOrder {
    let total = order.totals().unwrap().total_minor;
    CanonicalOrder { total, tenders: vec![tender("T1", total.get())], ..order }
}

/// Two tees and a mug with tax and shipping, paid.
pub fn ordinary() -> CanonicalOrder {
    let tees = Line { discount: minor(150), taxes: vec![tax(370)], ..line("TEE", 2, 1000) };
    let mug = Line { taxes: vec![tax(100)], ..line("MUG", 1, 500) };
    let shipping = Charge { taxes: vec![tax(80)], ..charge(ChargeKind::Shipping, 399) };
    paid(unpaid(vec![tees, mug], vec![shipping]))
}

pub fn inbound(order: CanonicalOrder) -> Inbound {
    Inbound {
        order,
        recipient: Some(recipient()),
        source_version: at(0),
        cancelled: false,
        refunds: Vec::new(),
        hold: None,
        oddities: Vec::new(),
    }
}

/// Runs a rule with the ordinary settings and catalogue.
pub fn in_shop<T>(rule: impl FnOnce(Context<'_>) -> T) -> T {
    let (settings, items) = (settings(), shop());
    rule(Context { settings: &settings, items: &items })
}

pub fn accepted(order: CanonicalOrder) -> Event {
    let settings = settings();
    Event::OrderAccepted(Box::new(Accepted {
        order,
        recipient: Some(recipient().hash()),
        routes: settings.routes,
        prefix: settings.reference_prefix,
        time_zone: settings.time_zone,
        rounding_tolerance: settings.rounding_tolerance,
        process: 1,
        source_version: at(0),
        request_hash: None,
        returns: None,
        hold: None,
    }))
}

pub fn units(lines: &[(usize, u32)]) -> Vec<LineQuantity> {
    lines.iter().map(|(line, quantity)| LineQuantity { line: *line, quantity: *quantity }).collect()
}

pub fn allocated(number: u32, location: &str, lines: &[(usize, u32)]) -> Event {
    Event::OrderAllocated(Allocation {
        number,
        location: location.parse().unwrap(),
        lines: units(lines),
        kits: [].into(),
        ship_by: None,
    })
}

pub fn shipped(number: u32, allocation: u32, lines: &[(usize, u32)]) -> Event {
    Event::ShipmentRecorded(Shipment {
        number,
        id: format!("S-{number}"),
        allocation,
        location: "LON1".parse().unwrap(),
        lines: units(lines),
        tracking: Vec::new(),
        shipped_at: at(3600),
    })
}

pub fn document(id: &str, total: Option<i64>) -> Document {
    Document {
        system: "netsuite".parse().unwrap(),
        id: id.into(),
        reference: Some(format!("UK-5001-{id}")),
        total_minor: total.map(minor),
    }
}

/// The order after these facts, a second between one and the next.
pub fn given(facts: impl IntoIterator<Item = Event>) -> Order {
    let mut order = Order::new(order_id());
    for (seconds, fact) in (1..).zip(facts) {
        order.evolve(&fact, at(seconds));
    }
    order
}

/// The order after these facts and all that follows from them.
pub fn settled(facts: impl IntoIterator<Item = Event>) -> Order {
    let mut order = Order::new(order_id());
    for (seconds, fact) in (1..).zip(facts) {
        order.evolve(&fact, at(seconds));
        order.settle_consequences(at(seconds));
    }
    order
}

/// The order after a decision and all that follows from it.
pub fn after(order: &Order, decision: impl Into<Decision>) -> Order {
    let mut order = order.clone();
    decision.into().events.iter().for_each(|event| order.evolve(event, at(8000)));
    order.settle_consequences(at(8000));
    order
}

/// Accepted under these terms of return.
pub fn accepted_under(order: CanonicalOrder, policy: serde_json::Value) -> Event {
    let Event::OrderAccepted(mut fact) = accepted(order) else { unreachable!() };
    fact.returns = Some(serde_json::from_value(policy).unwrap());
    Event::OrderAccepted(fact)
}

/// Accepted where no storefront can be asked or told.
pub fn accepted_alone(order: CanonicalOrder) -> Event {
    let Event::OrderAccepted(mut fact) = accepted(order) else { unreachable!() };
    fact.routes.storefront = None;
    Event::OrderAccepted(fact)
}

pub fn whole() -> [(usize, u32); 2] {
    [(0, 2), (1, 1)]
}

pub fn requested(number: u32) -> Event {
    Event::FulfillmentRequested { number, document: document(&format!("F{number}"), None) }
}

/// The ordinary order in London, all of it with the 3PL.
pub fn with_3pl() -> Vec<Event> {
    vec![accepted(ordinary()), allocated(1, "LON1", &whole()), requested(1)]
}

/// The ordinary order, all of it gone.
pub fn gone() -> Vec<Event> {
    [with_3pl(), vec![shipped(1, 1, &whole())]].concat()
}

pub fn kinds(order: &Order) -> Vec<String> {
    order.outstanding().iter().map(|task| task.id.to_string()).collect()
}

pub fn reason_codes<T: std::fmt::Debug>(answer: Result<T, Vec<Reason>>) -> Vec<&'static str> {
    answer.unwrap_err().into_iter().map(|reason| reason.code).collect()
}

/// SKU, location, change of what is there and of what may be promised.
pub type Moved = (String, String, i64, i64);

pub fn moved_at(name: &str, location: &str, on_hand: i64, available: i64) -> Moved {
    (name.into(), location.into(), on_hand, available)
}

pub fn moved(name: &str, on_hand: i64, available: i64) -> Moved {
    moved_at(name, "LON1", on_hand, available)
}

/// What a decision moves.
pub fn moves(decision: &Decision) -> Vec<Moved> {
    let told =
        |stock: &StockMove| moved_at(stock.sku.as_str(), stock.location.as_str(), stock.on_hand, stock.available());
    decision.moves.iter().map(told).collect()
}

/// A cancellation that came through our API.
pub fn cancelled(number: u32, lines: &[(usize, u32)]) -> Event {
    Event::OrderCancelled(Cancellation {
        number,
        by: CancelledBy::Api,
        reason: "customer".into(),
        lines: units(lines),
        request_hash: Some("ab".into()),
    })
}

/// Units of which nothing comes back and that are paid back at once: lost on their way.
pub fn lost(number: u32, lines: &[(usize, u32)]) -> [Event; 2] {
    let line = |(line, quantity): &(usize, u32)| json!({ "line": line, "quantity": quantity, "reason": "lost" });
    let request = json!({ "number": number, "source": { "kind": "api" }, "resolution": "refund", "expects_goods": false,
        "lines": lines.iter().map(line).collect::<Vec<_>>() });
    [Event::ReturnRequested(serde_json::from_value(request).unwrap()), Event::ReturnAuthorized { number }]
}

/// A refund as the storefront has it, by payments of these amounts.
pub fn issued(id: &str, amounts: &[i64], status: RefundStatus) -> IssuedRefund {
    let tender = |(place, amount): (usize, &i64)| RefundTender {
        id: format!("{id}-{place}"),
        gateway: "shopify_payments".into(),
        amount: minor(*amount),
        status,
    };
    IssuedRefund { id: id.into(), at: at(8000), tenders: amounts.iter().enumerate().map(tender).collect() }
}

/// Does whatever is owed to the ERP and the storefront; parcels and goods are for others to bring.
pub fn all_done(order: &Order) -> Order {
    let mut order = order.clone();
    let ours = |task: &&Task| {
        let kind = task.id.kind;
        TaskKind::ERP.contains(&kind) || (TaskKind::STOREFRONT.contains(&kind) && kind != TaskKind::ReadSales)
    };
    for _ in 0..200 {
        let tasks = order.outstanding();
        let Some(task) = tasks.iter().find(ours) else { return order };
        let fact = if task.id.kind == TaskKind::IssueRefund {
            let total = order.reversals.refunds.get(&task.number).unwrap().fact.total.get();
            let issued = issued(&format!("9{}", task.number), &[total], RefundStatus::Succeeded);
            Event::RefundIssued { number: task.number, issued }
        } else {
            fact(&order, task)
        };
        order = after(&order, fact);
    }
    panic!("it never ends: {:?}", order.outstanding());
}

/// Totals of all refunds, by number.
pub fn refund_totals(order: &Order) -> Vec<i64> {
    order.reversals.refunds.values().map(|refund| refund.fact.total.get()).collect()
}

/// What needs somebody, and its class.
pub fn needs(order: &Order) -> Vec<(String, String)> {
    order.attention().into_iter().map(|attention| (attention.about, attention.class)).collect()
}
