//! Shopify's words in canonical terms: orders as they come in webhooks (REST-shaped, any API version), and what each
//! of Shopify's errors means for us.
//!
//! Every order ends either complete, with holds for what needs a person, or unreadable with the field that is to
//! blame. Unknown fields are ignored, because Shopify adds some every quarter.

use crossdock_domain::accept::{Inbound, MAX_LINES};
use crossdock_domain::event::FailureClass;
use crossdock_domain::ids::{CountryCode, HoldId};
use crossdock_domain::{CanonicalOrder, Currency, Hold, HoldCode, Minor, Recipient, Tender, TenderStatus};
use crossdock_step::Failure;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::money::{Purse, is_negative, is_zero};
use super::order::{Parts, Reader, View};
use super::reading::{Kind, Unreadable, each, flag, get, id, list, printable, text, time};

/// The longest canonical order that is kept: it becomes one record of the log, which holds 400 KB.
const LONGEST_ORDER_BYTES: usize = 200_000;
/// The longest field of an address that carriers and 3PLs take.
const LONGEST_ADDRESS_FIELD: usize = 255;

/// Reads an order in the currency that the buyer was charged. Where some of its amounts are told in the shop's
/// currency only, all are read in the shop's, and the order is held.
pub(super) fn order(body: &Value) -> Result<Inbound, Unreadable> {
    let charged = Purse::charged(body)?;
    match order_in(body, charged) {
        Err(error) if error.kind == Kind::OtherCurrency => {
            let mut inbound = order_in(body, Purse::of_shop(body)?)?;
            let detail = format!("the buyer was charged in {}, but {error}", charged.currency);
            inbound.oddities.push(Hold::new(HoldCode::Currency, detail));
            Ok(inbound)
        }
        read => read,
    }
}

fn order_in(body: &Value, purse: Purse) -> Result<Inbound, Unreadable> {
    let lines = list(body, "line_items")?.len();
    if get(body, "line_items").is_none() {
        return Err(Unreadable::new("line_items", "is missing"));
    }
    if lines > MAX_LINES {
        return Err(Unreadable::new("line_items", format!("has {lines} lines, and an order may have {MAX_LINES}")));
    }
    let reader = Reader { purse, view: View::of(body)? };
    let Parts { lines, charges, mut oddities } = reader.parts(body)?;
    let created_at = time(body, "created_at")?;
    let placed_at = time(body, "processed_at")?.or(created_at);
    let placed_at = placed_at.ok_or_else(|| Unreadable::new("processed_at", "is missing, and so is created_at"))?;
    let total = purse.required(body, reader.view.name("current_total_price", "total_price"))?;
    let payment = Payment::read(body, reader)?;
    let (recipient, country) = recipient(body, &mut oddities)?;
    let order = CanonicalOrder {
        name: name(body)?,
        placed_at,
        currency: purse.currency,
        taxes_included: flag(body, "taxes_included")?,
        test: flag(body, "test")?,
        country,
        lines,
        charges,
        tenders: payment.tenders(total, placed_at, &mut oddities)?,
        total,
    };
    oddities.extend(tax_differs(body, reader, &order)?);
    oddities.extend(shipped_already(body)?);
    check_size(&order)?;
    let source_version = time(body, "updated_at")?.or(created_at).unwrap_or(placed_at);
    let cancelled = time(body, "cancelled_at")?.is_some();
    let refunds = each(body, "refunds", |refund| Ok(id(refund, "id")?.to_string()))?;
    let hold = named_hold(body);
    Ok(Inbound { order, recipient, source_version, cancelled, refunds, hold, oddities })
}

/// The attribute of the order in which a checkout names the hold that it has made.
const HOLD_ATTRIBUTE: &str = "crossdock_hold";

/// The hold that the buyer had, where the checkout has said so. Anybody may write attributes: what names no hold is none,
/// and what names another's is worth no more than the units in it.
fn named_hold(body: &Value) -> Option<HoldId> {
    let attributes = get(body, "note_attributes").and_then(Value::as_array)?;
    let named = attributes.iter().find(|attribute| attribute["name"] == HOLD_ATTRIBUTE)?;
    named["value"].as_str()?.parse().ok()
}

fn check_size(order: &CanonicalOrder) -> Result<(), Unreadable> {
    let bytes = serde_json::to_vec(order).map_or(usize::MAX, |json| json.len());
    if bytes <= LONGEST_ORDER_BYTES {
        return Ok(());
    }
    Err(Unreadable::new("line_items", format!("make an order of {bytes} bytes, and {LONGEST_ORDER_BYTES} can be kept")))
}

/// The number that people use; the order's id where it has none.
fn name(body: &Value) -> Result<String, Unreadable> {
    if let Some(name) = text(body, "name")?.map(|name| printable(name, 64)).filter(|name| !name.is_empty()) {
        return Ok(name);
    }
    let number = get(body, "order_number").and_then(super::reading::id_of);
    Ok(format!("#{}", number.map_or_else(|| id(body, "id"), Ok)?))
}

/// Tax is what the storefront charged: tax lines that do not add up to its own total are not what it charged. (That
/// the whole adds up, [`crossdock_domain::accept`] checks for every source.)
fn tax_differs(body: &Value, reader: Reader, order: &CanonicalOrder) -> Result<Option<Hold>, Unreadable> {
    let Some(told) = reader.purse.amount(body, reader.view.name("current_total_tax", "total_tax"))? else {
        return Ok(None);
    };
    let taxes = order.lines.iter().map(|line| line.tax()).chain(order.charges.iter().map(|charge| charge.tax()));
    let summed = taxes.collect::<Result<Vec<_>, _>>().and_then(Minor::sum);
    let summed = summed.map_err(|error| Unreadable::new("tax_lines", error.to_string()))?;
    let written = |amount: Minor| reader.purse.currency.written(amount.get());
    let detail = || format!("the tax lines add up to {}, the order says {}", written(summed), written(told));
    Ok((summed != told).then(|| Hold::new(HoldCode::Totals, detail())))
}

/// Whatever the storefront has shipped before we knew of the order is not ours to ship again. Looked at only when an
/// order comes for the first time: later, the shipments are those that we told it of.
fn shipped_already(body: &Value) -> Result<Option<Hold>, Unreadable> {
    let status = text(body, "fulfillment_status")?.filter(|status| *status != "unfulfilled");
    let detail = "a part of it was shipped, or put back into stock, before it came to us";
    Ok(status.map(|_| Hold::new(HoldCode::ChangedAtStorefront, detail)))
}

/// What a body says about how it was paid: states and gateways, but not the single transactions.
struct Payment<'a> {
    view: View,
    /// The order's own id: the payment keeps it when the gateway becomes known only later.
    id: String,
    status: Option<&'a str>,
    gateways: Vec<&'a str>,
    settled: bool,
    currency: Currency,
    rounding: Minor,
}

impl<'a> Payment<'a> {
    fn read(body: &'a Value, Reader { purse, view }: Reader) -> Result<Self, Unreadable> {
        let rounding = purse.signed(body, "total_cash_rounding_payment_adjustment")?;
        Ok(Self {
            view,
            id: id(body, "id")?.to_string(),
            status: text(body, "financial_status")?,
            gateways: gateways(body)?,
            // Seen as placed, what the buyer is owed since then was paid all the same.
            settled: get(body, "total_outstanding")
                .is_none_or(|due| is_zero(due) || (view == View::Placed && is_negative(due))),
            currency: purse.currency,
            rounding: rounding.unwrap_or_default(),
        })
    }

    fn tenders(&self, total: Minor, at: Timestamp, oddities: &mut Vec<Hold>) -> Result<Vec<Tender>, Unreadable> {
        if self.gateways.len() > 1 {
            let detail = format!("paid through {}; how much through each is not told", self.gateways.join(", "));
            oddities.push(Hold::new(HoldCode::SeveralTenders, printable(&detail, 200)));
            return Ok(Vec::new());
        }
        // Money that went back was taken before: refunds are read from the sales ledger, payments as placed.
        let refunded = self.view == View::Placed && matches!(self.status, Some("refunded" | "partially_refunded"));
        let captured = (refunded || self.status == Some("paid")) && self.is_plausibly_paid(total, oddities);
        let amount = total.plus(self.rounding).map_err(|error| Unreadable::new("total_price", error.to_string()))?;
        if self.rounding != Minor::ZERO {
            let detail = format!("the payment was rounded by {} in cash", self.currency.written(self.rounding.get()));
            oddities.push(Hold::new(HoldCode::Unpaid, detail));
        }
        if amount == Minor::ZERO {
            return Ok(Vec::new());
        }
        let gateway = self.gateways.first().map_or_else(String::new, |gateway| printable(gateway, 64));
        let gateway = if gateway.is_empty() { "unknown".to_owned() } else { gateway };
        let status = if captured { TenderStatus::Captured } else { TenderStatus::Pending };
        Ok(vec![Tender { id: self.id.clone(), gateway, status, amount, at }])
    }

    /// Orders that were imported or made by hand say "paid" while nothing was: money counts when somebody took it.
    fn is_plausibly_paid(&self, total: Minor, oddities: &mut Vec<Hold>) -> bool {
        if total == Minor::ZERO || (self.settled && !self.gateways.is_empty()) {
            return true;
        }
        let why = if self.settled { "no gateway took the money" } else { "something is outstanding" };
        oddities.push(Hold::new(HoldCode::Unpaid, format!("the storefront says paid, yet {why}")));
        false
    }
}

fn gateways(body: &Value) -> Result<Vec<&str>, Unreadable> {
    let mut names: Vec<&str> = Vec::new();
    for name in list(body, "payment_gateway_names")? {
        let name = name.as_str().ok_or_else(|| Unreadable::new("payment_gateway_names", "is not a list of texts"))?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        names.extend(text(body, "gateway")?);
    }
    Ok(names)
}

/// Who receives the parcels, and in which country. An address that no 3PL would take holds the order.
fn recipient(body: &Value, oddities: &mut Vec<Hold>) -> Result<(Option<Recipient>, Option<CountryCode>), Unreadable> {
    let Some(address) = get(body, "shipping_address") else { return Ok((None, None)) };
    if !address.is_object() {
        return Err(Unreadable::new("shipping_address", "is not an address"));
    }
    let mut cut = false;
    let mut field = |of: &Value, name: &str| -> Result<Option<String>, Unreadable> {
        let Some(told) = text(of, name)? else { return Ok(None) };
        cut |= told.chars().count() > LONGEST_ADDRESS_FIELD;
        Ok(Some(printable(told, LONGEST_ADDRESS_FIELD)).filter(|kept| !kept.is_empty()))
    };
    let parts = [field(address, "first_name")?, field(address, "last_name")?];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let country = text(address, "country_code")?.map(str::to_ascii_uppercase);
    let recipient = Recipient {
        name: field(address, "name")?.unwrap_or_else(|| parts.join(" ")),
        company: field(address, "company")?,
        address1: field(address, "address1")?.unwrap_or_default(),
        address2: field(address, "address2")?,
        city: field(address, "city")?.unwrap_or_default(),
        region: field(address, "province_code")?,
        postal_code: field(address, "zip")?.unwrap_or_default(),
        country: country.clone().map(|code| printable(&code, 2)).unwrap_or_default(),
        phone: field(address, "phone")?.or(field(body, "phone")?),
        email: field(body, "email")?.or(field(body, "contact_email")?),
    };
    if cut {
        let detail = format!("a field of the address is longer than {LONGEST_ADDRESS_FIELD} characters");
        oddities.push(Hold::new(HoldCode::Address, detail));
    }
    let country = country.and_then(|code| code.parse::<CountryCode>().ok());
    if country.is_none() {
        oddities.push(Hold::new(HoldCode::Address, "the shipping address names no country"));
    }
    Ok((Some(recipient), country))
}

/// How Shopify said no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// By the status of its answer.
    Status {
        /// The HTTP status.
        status: u16,
        /// `Retry-After`.
        wait: Option<SignedDuration>,
    },
    /// By GraphQL errors, with status 200.
    Graphql {
        /// `errors[].extensions.code`; empty where an error has none.
        codes: Vec<String>,
        /// The first message.
        message: String,
        /// How long until the bucket can pay the query; `None` also when it never can.
        wait: Option<SignedDuration>,
    },
    /// By `userErrors`: a rule of the shop.
    User {
        /// The messages.
        messages: Vec<String>,
    },
    /// By `userErrors` that have codes.
    Coded {
        /// The codes; empty where an error has none.
        codes: Vec<String>,
        /// The messages.
        messages: Vec<String>,
    },
    /// The answer is not what the API promises.
    Unparsable {
        /// Where.
        detail: String,
    },
}

impl Refusal {
    /// Whether a token that was rotated meanwhile could be the cause.
    pub(super) fn may_be_stale_token(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status, 401 | 403),
            Self::Graphql { codes, .. } => codes.iter().any(|code| code == "ACCESS_DENIED"),
            Self::User { .. } | Self::Coded { .. } | Self::Unparsable { .. } => false,
        }
    }
}

/// Why one quantity of a call was not set, and with it none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unset {
    /// It was not what it was to be changed from.
    Stale,
    /// There is no such item, or it cannot be set there.
    Unknown,
}

/// What a refused quantity means; nothing where the refusal is about the call as a whole. A code may be null in the
/// schema: then the words that were seen decide.
pub(super) fn unset(code: &str, message: &str) -> Option<Unset> {
    match code {
        "CHANGE_FROM_QUANTITY_STALE" | "COMPARE_QUANTITY_STALE" => Some(Unset::Stale),
        "" if message.contains("changeFromQuantity argument no longer matches") => Some(Unset::Stale),
        "INVALID_INVENTORY_ITEM"
        | "INVALID_LOCATION"
        | "ITEM_NOT_STOCKED_AT_LOCATION"
        | "NON_MUTABLE_INVENTORY_ITEM" => Some(Unset::Unknown),
        _ => None,
    }
}

/// What follows from each of Shopify's errors. [doc: "API response and error codes"; "Rate limits"]
pub(super) fn failure(refusal: &Refusal, connection: &str, now: Timestamp) -> Failure {
    let paused = |wait: SignedDuration, reason: &str| Failure::paused(connection, (now, wait), reason);
    let lasting = |class, reason: &str| Failure::permanent(class, printable(reason, 300));
    let says = |refusal: &Refusal, code: &str| match refusal {
        Refusal::Graphql { codes, .. } | Refusal::Coded { codes, .. } => codes.iter().any(|told| told == code),
        Refusal::Status { .. } | Refusal::User { .. } | Refusal::Unparsable { .. } => false,
    };
    match refusal {
        Refusal::Status { status: 401 | 403, .. } => lasting(
            FailureClass::Connection,
            "Shopify refuses the access token: renew it, or give it the scope it lacks",
        ),
        Refusal::Status { status: 402 | 423, wait } => {
            paused(wait.unwrap_or(SignedDuration::from_mins(15)), "the shop is frozen or locked")
        }
        Refusal::Status { status: 404, .. } => lasting(
            FailureClass::Connection,
            "Shopify knows no such shop or API version: correct the connection's settings",
        ),
        Refusal::Status { status: 429 | 430, wait } => {
            paused(wait.unwrap_or(SignedDuration::from_secs(10)), "Shopify asks for fewer calls")
        }
        Refusal::Status { status: 413, .. } => {
            lasting(FailureClass::TooLarge, "the call is larger than Shopify takes: do there by hand what it was to do")
        }
        Refusal::Status { status: status @ (408 | 500..), wait } => Failure::Retry {
            class: FailureClass::Intermittent,
            after: *wait,
            reason: format!("Shopify answered {status}"),
        },
        Refusal::Status { status, .. } => lasting(FailureClass::Refused, &format!("Shopify answered {status}")),
        Refusal::Graphql { wait: Some(wait), .. } if says(refusal, "THROTTLED") => {
            paused(*wait, "Shopify throttles us")
        }
        Refusal::Graphql { .. } if says(refusal, "THROTTLED") => {
            lasting(FailureClass::TooLarge, "the query costs more than Shopify ever allows at once")
        }
        Refusal::Graphql { .. } if says(refusal, "INTERNAL_SERVER_ERROR") || says(refusal, "TIMEOUT") => {
            Failure::retry("Shopify had an internal error")
        }
        Refusal::Graphql { .. } | Refusal::Coded { .. } if says(refusal, "IDEMPOTENCY_CONCURRENT_REQUEST") => {
            Failure::retry("Shopify is still busy with the same call")
        }
        Refusal::Coded { .. } if says(refusal, "IDEMPOTENCY_KEY_PARAMETER_MISMATCH") => lasting(
            FailureClass::Refused,
            "Shopify refuses: the key was used for another call before, which is a defect of ours",
        ),
        Refusal::Graphql { .. } if says(refusal, "ACCESS_DENIED") || says(refusal, "SHOP_INACTIVE") => lasting(
            FailureClass::Connection,
            "Shopify denies access: check the app's scopes and that the shop is active",
        ),
        Refusal::Graphql { message, .. } => {
            lasting(FailureClass::Refused, &format!("Shopify does not run our query: {message}"))
        }
        Refusal::User { messages } | Refusal::Coded { messages, .. } => {
            lasting(FailureClass::Refused, &format!("Shopify refuses: {}", messages.join("; ")))
        }
        Refusal::Unparsable { detail } => {
            lasting(FailureClass::Parse, &format!("Shopify's answer cannot be understood: {detail}"))
        }
    }
}
