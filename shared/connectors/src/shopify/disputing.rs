//! Chargebacks, as `disputes/create` and `disputes/update` tell of them. The body is all that there is to know: each
//! delivery says the whole state of one dispute. [doc: "Dispute", REST Admin API]

use crossdock_domain::Currency;
use crossdock_domain::disputes::{DisputeOutcome, DisputeReport};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::reading::{Unreadable, get, id, text, time};
use crate::InboundFact;

/// Only payments of this gateway are disputed through Shopify.
const GATEWAY: &str = "shopify_payments";

/// What a delivery says of a dispute.
pub(super) fn dispute(body: &[u8]) -> Result<Vec<InboundFact>, String> {
    let body: Value = serde_json::from_slice(body).map_err(|error| format!("dispute: no JSON: {error}"))?;
    read(&body).map_err(|error| format!("dispute: {error}"))
}

fn read(body: &Value) -> Result<Vec<InboundFact>, Unreadable> {
    // An inquiry withholds nothing; it is told of again when it becomes a chargeback. Not every dispute is of an order.
    if text(body, "type")? != Some("chargeback") || get(body, "order_id").is_none() {
        return Ok(vec![InboundFact::Ignored { topic: "disputes/inquiry".into() }]);
    }
    let channel = id(body, "order_id")?.to_string().parse();
    let channel = channel.map_err(|_| Unreadable::new("order_id", "is no identity of an order"))?;
    let missing = |name: &str| Unreadable::new(name, "is missing");
    let currency = text(body, "currency")?.ok_or_else(|| missing("currency"))?;
    let currency: Currency = currency.parse().map_err(|_| Unreadable::new("currency", "is not a currency"))?;
    let amount = text(body, "amount")?.ok_or_else(|| missing("amount"))?;
    let amount = currency.parse_amount(amount).map_err(|error| Unreadable::new("amount", error.to_string()))?;
    let report = DisputeReport {
        id: id(body, "id")?.to_string(),
        gateway: GATEWAY.into(),
        amount,
        currency,
        opened_at: time(body, "initiated_at")?.ok_or_else(|| missing("initiated_at"))?,
        end: end(body)?,
    };
    Ok(vec![InboundFact::Disputed { channel, report }])
}

/// How it ended. One that was prevented or led to an ordinary refund gives the withheld money back.
fn end(body: &Value) -> Result<Option<(DisputeOutcome, Timestamp)>, Unreadable> {
    let outcome = match text(body, "status")? {
        Some("won" | "prevented" | "charge_refunded") => DisputeOutcome::Won,
        Some("lost" | "accepted") => DisputeOutcome::Lost,
        Some("needs_response" | "under_review") => return Ok(None),
        Some(_) | None => return Err(Unreadable::new("status", "is none that is known")),
    };
    let at = match finalized(body)? {
        Some(at) => at,
        None => time(body, "initiated_at")?.ok_or_else(|| Unreadable::new("finalized_on", "is missing"))?,
    };
    Ok(Some((outcome, at)))
}

/// Told as a time or as a mere date.
fn finalized(body: &Value) -> Result<Option<Timestamp>, Unreadable> {
    let date = text(body, "finalized_on")?.and_then(|told| told.parse::<Date>().ok().filter(|_| told.len() == 10));
    match date.and_then(|date| TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()) {
        Some(midnight) => Ok(Some(midnight)),
        None => time(body, "finalized_on"),
    }
}
