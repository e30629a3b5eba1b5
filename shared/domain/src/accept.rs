//! Whether an order is ours to fulfil, has to wait, or is refused.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::canonical::{CanonicalOrder, Charge, ChargeKind, Line, LineKind, Recipient, Tender, TenderStatus};
use crate::event::{Accepted, Decision, Edit, Event, Hold, HoldCode, Refused, RefusedChange};
use crate::identities;
use crate::ids::{HoldId, Sku};
use crate::item::Item;
use crate::money::Minor;
use crate::order::Order;
use crate::settings::{ChannelSettings, PROCESS_VERSION, ReturnPolicy};

/// The most lines one order may have.
pub const MAX_LINES: usize = 500;

/// The most different SKUs one order may have: stock moves in the transaction of the fact, which holds 100 items.
pub const MAX_SKUS: usize = 99;

/// An order as it came in, translated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbound {
    /// The order.
    pub order: CanonicalOrder,
    /// Who receives it; `None` where the payload has no address.
    pub recipient: Option<Recipient>,
    /// When the source last changed it.
    pub source_version: Timestamp,
    /// Whether the storefront has cancelled it.
    pub cancelled: bool,
    /// Refunds that the storefront has made, by their identity there.
    pub refunds: Vec<String>,
    /// The hold on goods that the buyer had while paying, as the order names it.
    pub hold: Option<HoldId>,
    /// What the translation itself found that needs a person.
    pub oddities: Vec<Hold>,
}

/// What is known of the world while an order is judged.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The channel's settings.
    pub settings: &'a ChannelSettings,
    /// The items of its SKUs that the catalogue knows.
    pub items: &'a BTreeMap<Sku, Item>,
}

/// Everything that keeps an order from being fulfilled right away, all at once.
#[must_use]
pub fn concerns(order: &CanonicalOrder, recipient: Option<&Recipient>, context: Context<'_>) -> Vec<Hold> {
    let mut holds = Vec::new();
    holds.extend(money_concerns(order, context.settings));
    holds.extend(payment_concerns(order, context.settings));
    holds.extend(destination_concerns(order, recipient, context.settings));
    holds.extend(size_concerns(order, context.settings));
    holds.extend(order.lines.iter().flat_map(|line| line_concerns(line, context)));
    let rare = order.charges.iter().filter(|c| c.kind != ChargeKind::Shipping && c.amount != Minor::ZERO);
    holds.extend(
        rare.map(|c| Hold::new(HoldCode::RareCharge, format!("the order carries a {:?}", c.kind).to_lowercase())),
    );
    holds
}

fn money_concerns(order: &CanonicalOrder, settings: &ChannelSettings) -> Vec<Hold> {
    let mut holds = Vec::new();
    if !settings.currencies.contains(&order.currency) {
        holds.push(Hold::new(HoldCode::Currency, format!("the channel does not take {}", order.currency)));
    }
    match order.totals() {
        Ok(totals) if totals.total_minor != order.total => holds.push(Hold::new(
            HoldCode::Totals,
            format!(
                "the parts add up to {}, the order says {}",
                order.currency.written(totals.total_minor.get()),
                order.currency.written(order.total.get())
            ),
        )),
        Ok(_) => {}
        Err(error) => holds.push(Hold::new(HoldCode::Totals, error.to_string())),
    }
    let prices = order.lines.iter().map(Line::price).chain(order.charges.iter().map(Charge::price));
    if prices.into_iter().any(|price| price.is_ok_and(|price| price < Minor::ZERO)) {
        holds.push(Hold::new(HoldCode::Totals, "a line or charge is below zero"));
    }
    let taxes = || order.lines.iter().flat_map(|l| &l.taxes).chain(order.charges.iter().flat_map(|c| &c.taxes));
    if taxes().any(|tax| tax.amount < Minor::ZERO) {
        holds.push(Hold::new(HoldCode::Totals, "a tax is below zero"));
    }
    if taxes().any(|tax| tax.channel_liable) {
        holds.push(Hold::new(HoldCode::ChannelTax, "the channel owes a part of the tax"));
    }
    holds
}

fn payment_concerns(order: &CanonicalOrder, settings: &ChannelSettings) -> Vec<Hold> {
    let mut holds = Vec::new();
    match order.captured() {
        Ok(captured) if captured == order.total => {}
        Ok(captured) => holds.push(Hold::new(
            HoldCode::Unpaid,
            format!(
                "{} of {} are paid",
                order.currency.written(captured.get()),
                order.currency.written(order.total.get())
            ),
        )),
        Err(error) => holds.push(Hold::new(HoldCode::Unpaid, error.to_string())),
    }
    if order.tenders.iter().any(|tender| tender.amount < Minor::ZERO) {
        holds.push(Hold::new(HoldCode::Unpaid, "a payment is below zero"));
    }
    if let Some(tender) = order.tenders.iter().find(|t| settings.stored_value_gateways.contains(&t.gateway)) {
        holds.push(Hold::new(HoldCode::StoredValueTender, format!("paid by {}", tender.gateway)));
    }
    holds
}

fn destination_concerns(
    order: &CanonicalOrder,
    recipient: Option<&Recipient>,
    settings: &ChannelSettings,
) -> Vec<Hold> {
    let Some(country) = &order.country else {
        return vec![Hold::new(HoldCode::Address, "the order has no shipping address")];
    };
    let mut holds = Vec::new();
    if !settings.countries.contains(country) {
        holds.push(Hold::new(HoldCode::Country, format!("{country} is not served")));
    }
    let complete = recipient.is_some_and(|r| !r.address1.is_empty() && !r.city.is_empty() && !r.name.is_empty());
    if !complete {
        holds.push(Hold::new(HoldCode::Address, "the shipping address lacks a name, a street or a town"));
    }
    holds
}

fn size_concerns(order: &CanonicalOrder, settings: &ChannelSettings) -> Vec<Hold> {
    let mut holds = Vec::new();
    if order.lines.len() > MAX_LINES {
        holds.push(Hold::new(HoldCode::Limit, format!("more than {MAX_LINES} lines")));
    }
    let skus: BTreeSet<&Sku> = order.lines.iter().filter_map(|line| line.sku.as_ref()).collect();
    if skus.len() > MAX_SKUS {
        holds.push(Hold::new(HoldCode::Limit, format!("more than {MAX_SKUS} different SKUs")));
    }
    let most = settings.limits.quantity_per_line;
    if let Some(line) = order.lines.iter().find(|line| line.quantity > most) {
        holds.push(Hold::new(HoldCode::Limit, format!("line {} has more than {most} units", line.id)));
    }
    if settings.limits.value.get(&order.currency).is_some_and(|most| order.total > *most) {
        holds.push(Hold::new(HoldCode::Limit, "the order's value is above the channel's limit"));
    }
    if order.lines.iter().all(|line| line.quantity == 0) {
        holds.push(Hold::new(HoldCode::RareLine, "the order has nothing to ship"));
    }
    holds
}

fn line_concerns(line: &Line, context: Context<'_>) -> Option<Hold> {
    if line.quantity == 0 {
        return None;
    }
    match line.kind {
        LineKind::Product => {}
        LineKind::GiftCard => return Some(Hold::new(HoldCode::RareLine, format!("line {} is a gift card", line.id))),
        LineKind::Service => return Some(Hold::new(HoldCode::RareLine, format!("line {} is not shipped", line.id))),
        LineKind::Custom => return Some(Hold::new(HoldCode::RareLine, format!("line {} has no SKU", line.id))),
    }
    let Some(sku) = &line.sku else {
        return Some(Hold::new(HoldCode::RareLine, format!("line {} has no SKU", line.id)));
    };
    let Some(item) = context.items.get(sku) else {
        return Some(Hold::new(HoldCode::UnknownSku, format!("{sku} is not in the catalogue")));
    };
    let routes = &context.settings.routes;
    let unmapped = [&routes.fulfillment, &routes.erp].into_iter().find(|to| !item.identities.is_known(to))?;
    Some(Hold::new(HoldCode::Unmapped, identities::unmapped(sku, unmapped)))
}

fn accepted(inbound: &Inbound, context: Context<'_>, request_hash: Option<String>) -> Event {
    let settings = context.settings;
    Event::OrderAccepted(Box::new(Accepted {
        order: inbound.order.clone(),
        recipient: inbound.recipient.as_ref().map(Recipient::hash),
        routes: settings.routes.clone(),
        prefix: settings.reference_prefix.clone(),
        time_zone: settings.time_zone.clone(),
        rounding_tolerance: settings.rounding_tolerance,
        process: PROCESS_VERSION,
        source_version: inbound.source_version,
        request_hash,
        hold: None,
        returns: (settings.returns != ReturnPolicy::default()).then(|| Box::new(settings.returns.clone())),
    }))
}

fn all_concerns(inbound: &Inbound, context: Context<'_>) -> Vec<Hold> {
    let mut holds = inbound.oddities.clone();
    // Where a storefront can be asked, it is read what exactly was cancelled before anything is sent out.
    if inbound.cancelled && context.settings.routes.storefront.is_none() {
        holds.push(Hold::new(HoldCode::CancelledAtStorefront, "the storefront has cancelled the order"));
    }
    holds.extend(concerns(&inbound.order, inbound.recipient.as_ref(), context));
    first_of_each_code(holds)
}

fn first_of_each_code(holds: Vec<Hold>) -> Vec<Hold> {
    let mut merged: BTreeMap<HoldCode, Hold> = BTreeMap::new();
    for hold in holds {
        merged
            .entry(hold.code)
            .and_modify(|same| same.detail = bounded(&format!("{}; {}", same.detail, hold.detail)))
            .or_insert(hold);
    }
    merged.into_values().collect()
}

/// Details are for people and go into the log: a thousand bad lines are still one readable reason.
fn bounded(text: &str) -> String {
    const LONGEST: usize = 300;
    if text.chars().count() <= LONGEST {
        text.to_owned()
    } else {
        text.chars().take(LONGEST - 1).chain(['…']).collect()
    }
}

/// An order that a storefront has taken: accepted, and held where anything is unclear; never refused. Told again, it
/// is compared with what was accepted: payments are recorded, changes and a cancellation hold the order.
#[must_use]
pub fn storefront_order(order: &Order, inbound: &Inbound, context: Context<'_>) -> Decision {
    let Some(known) = &order.accepted else {
        let mut events = vec![accepted(inbound, context, None)];
        let holds = all_concerns(inbound, context);
        let stale: Vec<HoldCode> = order.holds.keys().copied().filter(|code| *code == HoldCode::Unreadable).collect();
        if !stale.is_empty() {
            events.push(Event::OrderReleased { codes: stale });
        }
        if !holds.is_empty() && !inbound.order.test {
            events.push(Event::OrderHeld { holds });
        }
        events.extend(news(order, inbound, context.settings.routes.storefront.is_some()));
        return events.into();
    };
    let mut events = late_payments(order, inbound);
    events.extend(changed_recipient(order, inbound, context.settings));
    // Storefronts count in seconds: of two contents with one version nobody knows which is newer, so it is looked up.
    let newer = inbound.source_version >= known.fact.source_version;
    let changed = newer && inbound.order.content_hash() != known.fact.order.content_hash();
    if known.fact.routes.storefront.is_some() {
        events.extend(news(order, inbound, true));
        let what = format!("content:{}", inbound.order.content_hash());
        if changed && !order.reversals.changes.contains(&what) {
            events.push(Event::StorefrontChanged { what });
        }
    } else {
        events.extend(changes_to_hold(order, (inbound.cancelled, changed)));
    }
    events.into()
}

/// The sum that the storefront says was paid, where a part of it was known and it is more now: which payments these are,
/// its ledger says.
fn more_paid(order: &Order, inbound: &Inbound) -> Option<Minor> {
    let known = Minor::sum(order.captured_tenders().map(|(_, tender)| tender.amount)).ok()?;
    let told = inbound.order.tenders.iter().find(|tender| tender.id == order.id.channel.to_string())?;
    let is_more = told.status == TenderStatus::Captured && told.amount > known;
    (is_more && order.captured_tenders().any(|(_, tender)| tender.id == told.id)).then_some(told.amount)
}

/// What the storefront has taken back and nobody has read yet. What exactly, its own sales ledger says.
fn news(order: &Order, inbound: &Inbound, can_be_read: bool) -> Vec<Event> {
    if !can_be_read || inbound.order.test {
        return Vec::new();
    }
    let paid = more_paid(order, inbound).map(|sum| format!("paid:{}", sum.get()));
    let paid = paid.filter(|what| !order.reversals.changes.contains(what));
    let news = taken_back(order, inbound.cancelled, &inbound.refunds).chain(paid);
    news.map(|what| Event::StorefrontChanged { what }).collect()
}

/// That it is cancelled, and refunds, as far as nobody has told of them.
fn taken_back<'a>(order: &'a Order, cancelled: bool, refunds: &'a [String]) -> impl Iterator<Item = String> + 'a {
    let known = |id: &&String| !order.reversals.issued.values().any(|issued| issued.fact.id == **id);
    let refunds = refunds.iter().filter(move |id| known(id)).map(|id| format!("refund:{id}"));
    let all = cancelled.then(|| "cancelled".to_owned()).into_iter().chain(refunds);
    all.filter(|what| !order.reversals.changes.contains(what))
}

/// Whether a storefront shows an order that has not come to us, or something taken back of it that we have not heard of.
#[must_use]
pub fn is_unheard(order: &Order, cancelled: bool, refunds: &[String]) -> bool {
    order.accepted.is_none() || taken_back(order, cancelled, refunds).next().is_some()
}

/// Something that the storefront says has changed, whatever it is.
#[must_use]
pub fn storefront_changed(order: &Order, what: &str) -> Decision {
    let issued = |id: &str| order.reversals.issued.values().any(|known| known.fact.id == id);
    let known = order.reversals.changes.contains(what) || what.strip_prefix("refund:").is_some_and(issued);
    if known { Decision::default() } else { Event::StorefrontChanged { what: what.to_owned() }.into() }
}

/// Where nobody can be asked what exactly has changed, somebody has to look.
fn changes_to_hold(order: &Order, (cancelled, changed): (bool, bool)) -> Option<Event> {
    let holds: Vec<Hold> = [
        (cancelled, HoldCode::CancelledAtStorefront, "the storefront has cancelled the order"),
        (changed && !cancelled, HoldCode::ChangedAtStorefront, "the storefront has changed the order"),
    ]
    .into_iter()
    .filter(|(applies, code, _)| *applies && !order.holds.contains_key(code))
    .map(|(_, code, detail)| Hold::new(code, detail))
    .collect();
    (!holds.is_empty()).then_some(Event::OrderHeld { holds })
}

/// Another address, told by a newer version of the order: taken over for whatever is not with the 3PL. That what is
/// there goes to the old one, somebody has to see.
fn changed_recipient(order: &Order, inbound: &Inbound, settings: &ChannelSettings) -> Vec<Event> {
    let Some((recipient, known_at)) = inbound.recipient.as_ref().map(Recipient::hash).zip(recipient_known_at(order))
    else {
        return Vec::new();
    };
    // An address that was corrected here is told again as it was, with every change of something else.
    let corrected = order.reversals.recipient.as_ref().and_then(|known| known.corrects.as_deref());
    let is_known = [order.recipient(), corrected].contains(&Some(recipient.as_str()));
    if is_known || inbound.source_version <= known_at {
        return Vec::new();
    }
    let (source_version, country) = (inbound.source_version, inbound.order.country.clone());
    let mut events = changed_destination(order, inbound, settings);
    // Only the last address matters.
    let open = order.reversals.refused_changes.keys().filter(|id| id.starts_with(ADDRESS));
    events.extend(open.map(|id| Event::OrderEdited(Edit { id: id.clone(), lines: Vec::new() })));
    if !order.fulfillments.is_empty() {
        let reason = "the address was changed after the order went to the 3PL: have the 3PL change it, then retry to \
                      confirm"
            .to_owned();
        let id = format!("{ADDRESS}{source_version}");
        events.push(Event::ChangeRefused(RefusedChange { id, reason, lines: Vec::new() }));
    }
    events.push(Event::RecipientChanged { recipient, country, source_version, corrects: None });
    events
}

/// What begins the name of a change of the address.
const ADDRESS: &str = "address:";

/// As of which version of the order we know its address.
fn recipient_known_at(order: &Order) -> Option<Timestamp> {
    let changed = order.reversals.recipient.as_ref().map(|known| known.source_version);
    changed.or(order.accepted.as_ref().map(|accepted| accepted.fact.source_version))
}

/// Holds that another address brings, or ends.
fn changed_destination(order: &Order, inbound: &Inbound, settings: &ChannelSettings) -> Vec<Event> {
    let about = |code: &HoldCode| matches!(code, HoldCode::Address | HoldCode::Country);
    let mut holds: Vec<Hold> = inbound.oddities.iter().filter(|hold| about(&hold.code)).cloned().collect();
    holds.extend(destination_concerns(&inbound.order, inbound.recipient.as_ref(), settings));
    let found: BTreeSet<HoldCode> = holds.iter().map(|hold| hold.code).collect();
    let ended: Vec<HoldCode> =
        order.holds.keys().copied().filter(|code| about(code) && !found.contains(code)).collect();
    // Stock was promised for, and at, another country.
    let moved = inbound.order.country.is_some() && order.country() != inbound.order.country.as_ref();
    if moved && !order.allocations.is_empty() {
        holds.push(Hold::new(HoldCode::ChangedAtStorefront, "the country of delivery was changed after allocation"));
    }
    holds.retain(|hold| !order.holds.contains_key(&hold.code));
    let holds = first_of_each_code(holds);
    let held = (!holds.is_empty()).then_some(Event::OrderHeld { holds });
    let released = (!ended.is_empty()).then_some(Event::OrderReleased { codes: ended });
    released.into_iter().chain(held).collect()
}

/// Payments of which we did not know, each once. A payment that has the order's own name is the sum of all that was
/// paid: of it, only what the single payments do not come to is new.
fn fresh_payments(order: &Order, inbound: &Inbound) -> Vec<Tender> {
    let captured: Vec<_> = order.captured_tenders().map(|(_, tender)| tender).collect();
    let known = Minor::sum(captured.iter().map(|tender| tender.amount)).unwrap_or_default();
    let mut fresh: Vec<Tender> = Vec::new();
    for tender in inbound.order.tenders.iter().filter(|tender| tender.status == TenderStatus::Captured) {
        if captured.iter().any(|known| known.id == tender.id) || fresh.iter().any(|known| known.id == tender.id) {
            continue;
        }
        let is_sum = tender.id == order.id.channel.to_string();
        let told = if is_sum { known } else { Minor::ZERO };
        let amount = tender.amount.minus(told).unwrap_or_default();
        if !is_sum || amount > Minor::ZERO {
            fresh.push(Tender { amount, ..tender.clone() });
        }
    }
    fresh
}

/// Payments that were captured after we accepted the order; the hold for them is lifted once all is paid.
fn late_payments(order: &Order, inbound: &Inbound) -> Vec<Event> {
    let fresh = fresh_payments(order, inbound);
    if fresh.is_empty() {
        return Vec::new();
    }
    let arrives = Minor::sum(fresh.iter().map(|tender| tender.amount));
    let paid = order.paid_for_it().and_then(|paid| paid.plus(arrives?)).ok();
    let due = order.amount_due().ok();
    let tenders = order.tenders();
    let mut next = tenders.keys().max().map_or(1, |last| last + 1);
    let mut number_of = |tender: &Tender| {
        let promised = tenders.iter().find(|(_, known)| known.id == tender.id).map(|(number, _)| *number);
        promised.unwrap_or_else(|| {
            next += 1;
            next - 1
        })
    };
    let mut events: Vec<Event> =
        fresh.into_iter().map(|tender| Event::TenderCaptured { number: number_of(&tender), tender }).collect();
    if due.is_some() && paid >= due && order.holds.contains_key(&HoldCode::Unpaid) {
        events.push(Event::OrderReleased { codes: vec![HoldCode::Unpaid] });
    }
    events
}

/// A payload that names its order but cannot be understood further: held, so that somebody sees it.
#[must_use]
pub fn unreadable_order(order: &Order, detail: &str) -> Decision {
    if order.accepted.is_some() || order.holds.contains_key(&HoldCode::Unreadable) {
        return Decision::default();
    }
    Event::OrderHeld { holds: vec![Hold::new(HoldCode::Unreadable, bounded(detail))] }.into()
}

/// An order that a caller of our API brings: accepted, or refused with every reason.
#[must_use]
pub fn api_order(inbound: &Inbound, context: Context<'_>, request_hash: &str) -> Decision {
    let reasons = all_concerns(inbound, context);
    let event = if reasons.is_empty() || inbound.order.test {
        accepted(inbound, context, Some(request_hash.to_owned()))
    } else {
        Event::OrderRefused(Refused { request_hash: request_hash.to_owned(), reasons })
    };
    event.into()
}

/// Which holds of an accepted order are lifted when somebody retries: those whose cause is gone, and those that only
/// a person can judge. What the storefront has changed or cancelled stays.
#[must_use]
pub fn liftable_holds(order: &Order, recipient: Option<&Recipient>, context: Context<'_>) -> Vec<HoldCode> {
    let Some(known) = &order.accepted else { return Vec::new() };
    let mut current = known.fact.order.clone();
    current.country = order.country().cloned();
    current.tenders = order.captured_tenders().map(|(_, tender)| tender.clone()).collect();
    let remaining: Vec<HoldCode> = concerns(&current, recipient, context).into_iter().map(|hold| hold.code).collect();
    // Not `Currency` and `Address`: the translation finds some of these itself, in a payload that is gone by now.
    let checked = |code: &HoldCode| {
        matches!(
            code,
            HoldCode::Unpaid | HoldCode::UnknownSku | HoldCode::Unmapped | HoldCode::Country | HoldCode::Limit
        )
    };
    // What was added since then has to be paid, too: then the payments come to more than the order cost at first.
    let costs_the_same = order.amount_due().is_ok_and(|due| due == known.fact.order.total);
    let stays = |code: &HoldCode| {
        let is_found = remaining.contains(code);
        if *code == HoldCode::Unpaid { !order.is_paid() || (costs_the_same && is_found) } else { is_found }
    };
    order.holds.keys().copied().filter(|code| code.lifted_by_review() || (checked(code) && !stays(code))).collect()
}
