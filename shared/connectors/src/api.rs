//! What callers bring to our own API, as infra/openapi.yaml defines it: orders, carts, documents of stock. There is no
//! vendor behind it whose oddities have to be borne, so that everything unknown or out of bounds is refused, all of it
//! at once.

mod body;
mod ops;
mod stock;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crossdock_domain::accept::{Inbound, MAX_LINES};
use crossdock_domain::checkout::{Cart, CartLine};
use crossdock_domain::hold::{HoldRequest, MOST_SKUS_PER_HOLD, SECONDS};
use crossdock_domain::ids::{ChannelOrderId, CountryCode};
use crossdock_domain::reversals::Resolution;
use crossdock_domain::sales::{RefundStatus, RefundTender};
use crossdock_domain::{
    CanonicalOrder, Charge, ChargeKind, ConnectionId, Line, LineKind, Minor, Recipient, Sku, TaxLine, Tender,
    TenderStatus,
};
use jiff::Timestamp;

use self::body::{
    Complaints, Entries, Object, currency, email, exact, flag, invalid, minor, parsed, rate, reference, some_text,
    text, time, token, units, word,
};
pub use self::body::{Fault, FaultKind, MAX_BODY_BYTES};
pub use self::ops::{
    ExceptionFilter, FILTER_FIELDS, LONGEST_WINDOW, NOBODY, OF_MANY, ParsedBulk, ParsedReplay, ParsedWord, Replayed,
    Scope, fields_of, parse_bulk, parse_pause, parse_poll, parse_replay, parse_word,
};
pub use self::stock::{
    ParsedAdjustment, ParsedCount, ParsedItem, ParsedTransfer, parse_adjustment, parse_count, parse_item, parse_parts,
    parse_receipt, parse_reconciliation, parse_transfer,
};

/// An order that a caller brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedOrder {
    /// The channel that sold.
    pub connection: ConnectionId,
    /// The order's identity there.
    pub channel: ChannelOrderId,
    /// Its content.
    pub inbound: Inbound,
}

/// The body of `POST /v1/orders`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_order(body: &[u8]) -> Result<ParsedOrder, Vec<Fault>> {
    read(body, &ORDER_FIELDS, order)
}

/// The body of `POST /v1/checkout/validations`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_cart(body: &[u8]) -> Result<(ConnectionId, Cart), Vec<Fault>> {
    read(body, &["connection", "currency", "ship_to", "lines"], |cart| {
        let connection = cart.required("connection", exact);
        let currency = cart.required("currency", currency);
        let ship_to = cart.required_object("ship_to", &["country", "postal_code", "region"]);
        let country = ship_to.as_ref().and_then(|to| {
            to.optional("postal_code", text(0, 20));
            to.optional("region", text(0, 100));
            to.required("country", exact)
        });
        let entries = Entries { least: 1, most: MAX_LINES, fields: &["sku", "quantity", "unit_price_minor"] };
        let lines = cart.required_list("lines", entries, |line, _| {
            let (sku, quantity, unit_price) = priced(line);
            Some(CartLine { sku: sku?, quantity: quantity?, unit_price: unit_price? })
        });
        Some((connection?, Cart { currency: currency?, country: country?, lines }))
    })
}

/// The body of `POST /v1/checkout/holds`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_hold(body: &[u8]) -> Result<HoldRequest, Vec<Fault>> {
    read(body, &["connection", "hold_id", "country", "lines", "expires_in_seconds"], |hold| {
        let (connection, hold_id) = (hold.required("connection", exact), hold.required("hold_id", exact));
        let country = hold.required("country", exact);
        let seconds = hold.optional("expires_in_seconds", units).unwrap_or(DEFAULT_HOLD_SECONDS);
        if !SECONDS.contains(&seconds) {
            let detail = format!("must be from {} to {}", SECONDS.start(), SECONDS.end());
            hold.complain("expires_in_seconds", invalid(detail));
        }
        let entries = Entries { least: 1, most: MOST_SKUS_PER_HOLD, fields: &["sku", "quantity"] };
        let lines: Vec<(Sku, u32)> = hold.required_list("lines", entries, |line, _| {
            let (sku, quantity) = (line.required("sku", parsed), line.required("quantity", units));
            Some((sku?, quantity?))
        });
        stock::each_once(hold, lines.iter().map(|(sku, _)| sku.as_str()));
        Some(HoldRequest { connection: connection?, hold_id: hold_id?, country: country?, lines, seconds })
    })
}

/// A buyer has so long to pay, where the caller does not say.
const DEFAULT_HOLD_SECONDS: u32 = 600;

/// What a caller wants cancelled, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedCancellation {
    /// Why.
    pub reason: String,
    /// Line identities and units; empty for everything that has not left.
    pub lines: Vec<(String, u32)>,
}

/// The body of `POST /v1/orders/{order_id}/cancellation`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_cancellation(body: &[u8]) -> Result<ParsedCancellation, Vec<Fault>> {
    read(body, &["reason", "lines"], |cancellation| {
        let reason = cancellation.required("reason", token(1, 40));
        let entries = Entries { least: 1, most: MAX_LINES, fields: &["line_id", "quantity"] };
        let lines = cancellation.list("lines", entries, |line, _| {
            let (line_id, quantity) = (line.required("line_id", token(1, 64)), line.required("quantity", units));
            Some((line_id?, quantity?))
        });
        complain_of_repeats(cancellation, lines.iter().map(|(line_id, _)| line_id.as_str()));
        Some(ParsedCancellation { reason: reason?, lines })
    })
}

/// What a caller wants to return, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedReturn {
    /// What is wanted: money for goods that come back, money for goods that are kept, or other goods.
    pub resolution: Resolution,
    /// Line identities, units and reasons.
    pub lines: Vec<(String, u32, String)>,
}

/// The body of `POST /v1/orders/{order_id}/returns`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_return(body: &[u8]) -> Result<ParsedReturn, Vec<Fault>> {
    read(body, &["resolution", "lines"], |request| {
        let resolution = request.optional("resolution", word(&["refund", "keep", "reship"])).unwrap_or("refund");
        let entries = Entries { least: 1, most: MAX_LINES, fields: &["line_id", "quantity", "reason"] };
        let lines = request.required_list("lines", entries, |line, _| {
            let (line_id, quantity) = (line.required("line_id", token(1, 64)), line.required("quantity", units));
            let reason = line.required("reason", token(1, 40));
            Some((line_id?, quantity?, reason?))
        });
        complain_of_repeats(request, lines.iter().map(|(line_id, ..)| line_id.as_str()));
        let resolution = match resolution {
            "keep" => Resolution::Keep,
            "reship" => Resolution::Reship,
            _ => Resolution::Refund,
        };
        Some(ParsedReturn { resolution, lines })
    })
}

fn complain_of_repeats<'a>(of: &Object<'_>, line_ids: impl Iterator<Item = &'a str>) {
    if let Some(place) = first_repeat(line_ids) {
        of.complain("lines", invalid(format!("names the line_id of entry {place} twice: add its units up")));
    }
}

/// Money that a shop without a connection to us has paid back, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedRefund {
    /// Number of the refund that Crossdock had decided; absent for one that the shop made by itself.
    pub refund: Option<u32>,
    /// The payment.
    pub tender: RefundTender,
    /// When it was made.
    pub at: Timestamp,
}

/// The body of `POST /v1/orders/{order_id}/refunds`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_refund(body: &[u8]) -> Result<ParsedRefund, Vec<Fault>> {
    let fields = ["refund", "transaction_id", "gateway", "amount_minor", "status", "refunded_at"];
    read(body, &fields, |refund| {
        let number = refund.optional("refund", units);
        let (id, gateway) = (refund.required("transaction_id", token(1, 64)), refund.required("gateway", token(1, 64)));
        let amount = refund.required("amount_minor", minor);
        let status = refund.required("status", word(&["success", "pending", "failure"]));
        let at = refund.required("refunded_at", time);
        let status = match status? {
            "success" => RefundStatus::Succeeded,
            "pending" => RefundStatus::Pending,
            _ => RefundStatus::Failed,
        };
        Some(ParsedRefund {
            refund: number,
            tender: RefundTender { id: id?, gateway: gateway?, amount: amount?, status },
            at: at?,
        })
    })
}

fn read<T>(body: &[u8], known: &[&str], read: impl FnOnce(&Object<'_>) -> Option<T>) -> Result<T, Vec<Fault>> {
    let value = body::parse(body).map_err(|fault| vec![fault])?;
    let complaints = Complaints::default();
    let read = Object::new(&value, String::new(), known, &complaints).and_then(|object| read(&object));
    complaints.or(read)
}

/// The position of the first entry that was there before.
fn first_repeat<'a>(entries: impl Iterator<Item = &'a str>) -> Option<usize> {
    let mut seen = BTreeSet::new();
    entries.into_iter().position(|entry| !seen.insert(entry))
}

const SHIPPING_FIELDS: [&str; 4] = ["title", "amount_minor", "discount_minor", "tax_lines"];
const ORDER_FIELDS: [&str; 16] = [
    "connection",
    "channel_order_id",
    "name",
    "placed_at",
    "currency",
    "taxes_included",
    "test",
    "email",
    "customer",
    "shipping_address",
    "lines",
    "shipping",
    "tenders",
    "total_minor",
    "note",
    "hold",
];

fn order(order: &Object<'_>) -> Option<ParsedOrder> {
    let connection = order.required("connection", exact);
    let channel: Option<ChannelOrderId> = order.required("channel_order_id", exact);
    let name = order.optional("name", reference(1, 64));
    let placed_at = order.required("placed_at", time);
    let currency = order.required("currency", currency);
    let taxes_included = order.required("taxes_included", flag);
    let test = order.optional("test", flag).unwrap_or(false);
    // People write anything into a note; nothing of it is kept, but no card number may even pass through.
    order.optional("note", text(0, 1000));
    let hold = order.optional("hold", exact);
    let recipient = recipient(order);
    let lines = lines(order);
    let charges = order.list("shipping", Entries { least: 0, most: 20, fields: &SHIPPING_FIELDS }, shipping);
    let tenders = tenders(order, placed_at.unwrap_or_default());
    let total = order.required("total_minor", minor);
    let (recipient, country) = recipient?;
    let canonical = CanonicalOrder {
        name: name.unwrap_or_else(|| channel.as_ref().map(ToString::to_string).unwrap_or_default()),
        placed_at: placed_at?,
        currency: currency?,
        taxes_included: taxes_included?,
        test,
        country: Some(country),
        lines,
        charges,
        tenders,
        total: total?,
    };
    if canonical.totals().is_err() || canonical.captured().is_err() {
        order.complain("", invalid("adds up to more than Crossdock accepts"));
    }
    let source_version = canonical.placed_at;
    let inbound = Inbound {
        order: canonical,
        recipient: Some(recipient),
        source_version,
        cancelled: false,
        refunds: Vec::new(),
        hold,
        oddities: Vec::new(),
    };
    Some(ParsedOrder { connection: connection?, channel: channel?, inbound })
}

/// The parts of an address, as bodies name them.
pub const ADDRESS_FIELDS: [&str; 9] =
    ["name", "company", "address1", "address2", "city", "region", "postal_code", "country", "phone"];

fn recipient(order: &Object<'_>) -> Option<(Recipient, CountryCode)> {
    let own_email = order.optional("email", email);
    let customer = order.object("customer", &["name", "email", "phone"]);
    let of_customer = |field| customer.as_ref().and_then(|customer| customer.optional(field, text(1, 200)));
    of_customer("name");
    let customer_email = customer.as_ref().and_then(|customer| customer.optional("email", email));
    let customer_phone = customer.as_ref().and_then(|customer| customer.optional("phone", token(1, 40)));
    let address = order.required_object("shipping_address", &ADDRESS_FIELDS)?;
    let name = address.required("name", text(1, 200));
    let address1 = address.required("address1", text(1, 200));
    let city = address.required("city", text(1, 100));
    let postal_code = address.required("postal_code", text(0, 20));
    let country: Option<CountryCode> = address.required("country", exact);
    let company = address.optional("company", some_text(200)).flatten();
    let address2 = address.optional("address2", some_text(200)).flatten();
    let region = address.optional("region", some_text(100)).flatten();
    let phone = address.optional("phone", token(0, 40)).filter(|phone| !phone.is_empty());
    let country = country?;
    let recipient = Recipient {
        name: name?,
        company,
        address1: address1?,
        address2,
        city: city?,
        region,
        postal_code: postal_code?,
        country: country.to_string(),
        phone: phone.or(customer_phone),
        email: own_email.or(customer_email),
    };
    Some((recipient, country))
}

const LINE_FIELDS: [&str; 8] =
    ["line_id", "sku", "title", "quantity", "unit_price_minor", "discount_minor", "tax_lines", "requires_shipping"];

fn lines(order: &Object<'_>) -> Vec<Line> {
    let lines = order.required_list("lines", Entries { least: 1, most: MAX_LINES, fields: &LINE_FIELDS }, line);
    if let Some(place) = first_repeat(lines.iter().map(|line| line.id.as_str())) {
        order.complain("lines", invalid(format!("has the line_id of entry {place} twice")));
    }
    lines
}

fn line(line: &Object<'_>, index: usize) -> Option<Line> {
    let id = line.optional("line_id", token(1, 64));
    let (sku, quantity, unit_price) = priced(line);
    line.optional("title", text(0, 300));
    let discount = line.optional("discount_minor", minor).unwrap_or_default();
    let taxes = taxes(line);
    let shipped = line.optional("requires_shipping", flag).unwrap_or(true);
    let (quantity, unit_price) = (quantity?, unit_price?);
    match unit_price.times(quantity) {
        Err(_) => line.complain("", invalid("costs more than Crossdock accepts")),
        Ok(price) if discount > price => line.complain("discount_minor", invalid("is more than the line costs")),
        Ok(_) => {}
    }
    Some(Line {
        id: id.unwrap_or_else(|| (index + 1).to_string()),
        kind: if shipped { LineKind::Product } else { LineKind::Service },
        sku: Some(sku?),
        quantity,
        unit_price,
        discount,
        taxes,
    })
}

fn priced(line: &Object<'_>) -> (Option<Sku>, Option<u32>, Option<Minor>) {
    let (sku, quantity) = (line.required("sku", parsed), line.required("quantity", units));
    (sku, quantity, line.required("unit_price_minor", minor))
}

fn taxes(of: &Object<'_>) -> Vec<TaxLine> {
    let entries = Entries { least: 0, most: 20, fields: &["title", "rate", "amount_minor", "channel_liable"] };
    of.required_list("tax_lines", entries, |tax, _| {
        let (title, rate) = (tax.required("title", text(1, 100)), tax.required("rate", rate));
        let amount = tax.required("amount_minor", minor);
        let channel_liable = tax.optional("channel_liable", flag).unwrap_or(false);
        Some(TaxLine { title: title?, rate: rate?, amount: amount?, channel_liable })
    })
}

fn shipping(charge: &Object<'_>, _index: usize) -> Option<Charge> {
    charge.required("title", text(1, 100));
    let amount = charge.required("amount_minor", minor);
    let discount = charge.optional("discount_minor", minor).unwrap_or_default();
    let taxes = taxes(charge);
    let amount = amount?;
    if discount > amount {
        charge.complain("discount_minor", invalid("is more than the charge"));
    }
    Some(Charge { kind: ChargeKind::Shipping, amount, discount, taxes })
}

fn tenders(order: &Object<'_>, at: Timestamp) -> Vec<Tender> {
    let fields = ["tender_id", "gateway", "kind", "status", "amount_minor"];
    let tenders = order.required_list("tenders", Entries { least: 0, most: 20, fields: &fields }, |tender, _| {
        let id = tender.required("tender_id", token(1, 64));
        let gateway = tender.required("gateway", token(1, 64));
        let kind = tender.required("kind", word(&["sale", "capture", "authorization"]));
        let status = tender.required("status", word(&["success", "pending"]));
        let amount = tender.required("amount_minor", minor);
        let status = match (kind?, status?) {
            ("sale" | "capture", "success") => TenderStatus::Captured,
            _ => TenderStatus::Pending,
        };
        Some(Tender { id: id?, gateway: gateway?, status, amount: amount?, at })
    });
    if let Some(place) = first_repeat(tenders.iter().map(|tender| tender.id.as_str())) {
        order.complain("tenders", invalid(format!("has the tender_id of entry {place} twice")));
    }
    tenders
}
