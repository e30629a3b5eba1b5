//! ShipBob's deliveries: Standard Webhooks, signed over `id.timestamp.body`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde_json::Value;
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};

use super::translate;
use crate::webhook::Rejected;
use crate::{Delivery, InboundFact};

/// What a translation needs of a delivery's headers.
pub const KEPT_HEADERS: &[&str] = &["webhook-id", "webhook-timestamp", "x-webhook-topic"];

/// How far a delivery's time may be from ours. A retry is signed anew, so an old delivery is a replay.
const TOLERANCE_S: i64 = 300;
/// The most signatures that are looked at: a rotation needs two.
const MOST_SIGNATURES: usize = 8;
/// Standard Webhooks recommends 24 to 64 bytes; a secret that can be guessed would let anybody in.
const SHORTEST_SECRET: usize = 16;

/// Checks the signature over the raw body and the time. Every secret is tried against every signature, in constant
/// time; a header that came twice is refused, since two readers might each believe another one.
///
/// # Errors
/// The delivery is not ShipBob's, or was not sent just now.
pub fn verify(secrets: &[&str], headers: &[(String, String)], body: (&[u8], Timestamp)) -> Result<(), Rejected> {
    let (body, now) = body;
    let id = only(headers, "webhook-id")?;
    let timestamp = only(headers, "webhook-timestamp")?;
    let signatures = only(headers, "webhook-signature")?;
    only(headers, "x-webhook-topic")?;
    let candidates = signatures.split(' ').filter(|part| !part.is_empty()).collect::<Vec<_>>();
    if candidates.is_empty() || candidates.len() > MOST_SIGNATURES {
        return Err(Rejected::Signature);
    }
    let candidates = candidates.iter().filter_map(|part| STANDARD.decode(part.strip_prefix("v1,")?).ok());
    let candidates = candidates.collect::<Vec<_>>();
    let mut genuine = Choice::from(0);
    for secret in secrets {
        let Some(expected) = signature(secret, (id, timestamp), body) else { continue };
        for candidate in &candidates {
            genuine |= expected.as_slice().ct_eq(candidate);
        }
    }
    if !bool::from(genuine) {
        return Err(Rejected::Signature);
    }
    let sent_at: i64 = timestamp.parse().map_err(|_| Rejected::Time)?;
    let off = now.as_second().checked_sub(sent_at).ok_or(Rejected::Time)?;
    if off.unsigned_abs() <= TOLERANCE_S.unsigned_abs() { Ok(()) } else { Err(Rejected::Time) }
}

fn only<'h>(headers: &'h [(String, String)], name: &str) -> Result<&'h str, Rejected> {
    let mut found = headers.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name));
    match (found.next(), found.next()) {
        (Some((_, value)), None) => Ok(value),
        _ => Err(Rejected::Signature),
    }
}

fn signature(secret: &str, signed: (&str, &str), body: &[u8]) -> Option<Vec<u8>> {
    let key = STANDARD.decode(secret.strip_prefix("whsec_")?).ok()?;
    if key.len() < SHORTEST_SECRET {
        tracing::warn!("a webhook secret is shorter than {SHORTEST_SECRET} bytes and is not used");
        return None;
    }
    let (id, timestamp) = signed;
    let mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    let mac = mac.chain_update(id).chain_update(".").chain_update(timestamp).chain_update(".").chain_update(body);
    Some(mac.finalize().into_bytes().to_vec())
}

/// What a delivery says. A shipment counts as having left when ShipBob says so (`order.shipped`, one per shipment),
/// or when a later event of it carries tracking. Everything else, and orders of other systems, are ignored.
///
/// # Errors
/// It is about one of our orders and cannot be understood.
pub fn translate(delivery: &Delivery) -> Result<Vec<InboundFact>, String> {
    let topic = delivery.headers.get("x-webhook-topic").map_or("", String::as_str);
    let ignored = |why: &str| Ok(vec![InboundFact::Ignored { topic: format!("{topic}{why}") }]);
    let has_left: fn(&translate::Shipment) -> bool = match topic {
        "order.shipped" => |_| true,
        "order.shipment.delivered" | "order.shipment.tracking.updated" => translate::Shipment::has_left,
        _ => return ignored(""),
    };
    let body: Value = serde_json::from_slice(&delivery.body).map_err(|e| format!("{topic} is not JSON: {e}"))?;
    let reference = body.get("reference_id").and_then(Value::as_str).unwrap_or_default();
    let Some(allocation) = translate::allocation(reference) else {
        return ignored(" of an order that is not ours");
    };
    let shipment = translate::Shipment::read(&body).map_err(|error| format!("{topic} of {reference}: {error}"))?;
    if !has_left(&shipment) {
        return ignored(" without tracking");
    }
    let report = shipment.report(allocation, sent_at(delivery)).map_err(|e| format!("{topic} of {reference}: {e}"))?;
    Ok(vec![InboundFact::Shipment { reference: reference.to_owned(), report }])
}

fn sent_at(delivery: &Delivery) -> Option<Timestamp> {
    Timestamp::from_second(delivery.headers.get("webhook-timestamp")?.parse().ok()?).ok()
}
