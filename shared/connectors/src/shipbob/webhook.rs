//! ShipBob's deliveries: Standard Webhooks, signed over `id.timestamp.body`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde::Deserialize as _;
use serde_json::Value;
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};

use super::config::Settings;
use super::returns::{self, Return};
use super::translate::{self, Shipment};
use crate::webhook::Rejected;
use crate::{Delivery, InboundFact};

/// What a translation needs of a delivery's headers.
pub const KEPT_HEADERS: &[&str] = &["webhook-id", "webhook-timestamp", "x-webhook-topic"];

/// What a translation goes by and is nobody's.
pub const PLAIN_KEYS: &[&str] =
    &["carrier", "carrier_service", "tracking_number", "tracking_url", "location", "action"];

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
/// or when a later event of it carries tracking; goods have come back when something was done with them. Everything
/// else, and orders of other systems, are ignored.
///
/// # Errors
/// It is about something of ours and cannot be understood.
pub fn translate(settings: &Value, delivery: &Delivery) -> Result<Vec<InboundFact>, String> {
    let topic = delivery.headers.get("x-webhook-topic").map_or("", String::as_str);
    let read: fn(&Told<'_>) -> Result<InboundFact, String> = match topic {
        "order.shipped" => |told| told.shipment(|_| true),
        "order.shipment.delivered" | "order.shipment.tracking.updated" => |told| told.shipment(Shipment::has_left),
        "order.shipment.cancelled" => |told| told.stopped(),
        "return.updated" | "return.completed" => |told| told.returned(),
        _ => return Ok(vec![InboundFact::Ignored { topic: topic.to_owned() }]),
    };
    let body: Value = serde_json::from_slice(&delivery.body).map_err(|e| format!("{topic} is not JSON: {e}"))?;
    Ok(vec![read(&Told { settings, delivery, topic, body: &body })?])
}

/// A delivery whose topic is one that we read.
struct Told<'d> {
    settings: &'d Value,
    delivery: &'d Delivery,
    topic: &'d str,
    body: &'d Value,
}

impl Told<'_> {
    fn ignored(&self, why: &str) -> InboundFact {
        InboundFact::Ignored { topic: format!("{}{why}", self.topic) }
    }

    /// The reference of the order of ours that it is about; none for a stranger's.
    fn order(&self) -> Option<(&str, u32)> {
        let reference = self.body.get("reference_id").and_then(Value::as_str)?;
        Some((reference, translate::allocation(reference)?))
    }

    fn shipment(&self, has_left: fn(&Shipment) -> bool) -> Result<InboundFact, String> {
        let Some((reference, allocation)) = self.order() else {
            return Ok(self.ignored(" of an order that is not ours"));
        };
        let wrong = |error| format!("{} of {reference}: {error}", self.topic);
        let shipment = Shipment::read(self.body).map_err(wrong)?;
        if !has_left(&shipment) {
            return Ok(self.ignored(" without tracking"));
        }
        let report = shipment.report(allocation, sent_at(self.delivery)).map_err(wrong)?;
        Ok(InboundFact::Shipment { reference: reference.to_owned(), report })
    }

    /// Of the order's other shipments nothing is said. The topic is not covered by the signature; the status is.
    fn stopped(&self) -> Result<InboundFact, String> {
        let Some((reference, _)) = self.order() else {
            return Ok(self.ignored(" of an order that is not ours"));
        };
        let wrong = |error| format!("{} of {reference}: {error}", self.topic);
        let shipment = Shipment::read(self.body).map_err(wrong)?;
        if !shipment.is_cancelled() {
            return Ok(self.ignored(" that is not cancelled"));
        }
        let outcome = shipment.stopped().map_err(wrong)?;
        Ok(InboundFact::FulfillmentStopped { reference: reference.to_owned(), outcome })
    }

    fn returned(&self) -> Result<InboundFact, String> {
        let said = |name: &str| self.body.get(name).and_then(Value::as_str);
        let Some(reference) = returns::ours(said("reference_id"), said("store_order_id")) else {
            return Ok(self.ignored(" of goods that are not ours"));
        };
        let wrong = |error| format!("{} of {reference}: {error}", self.topic);
        let found = Return::deserialize(self.body).map_err(|error| wrong(error.to_string()))?;
        let settings = Settings::read(self.settings).map_err(wrong)?;
        match found.report(&settings, sent_at(self.delivery)).map_err(wrong)? {
            Some(report) => Ok(InboundFact::Returned { reference: reference.to_owned(), report }),
            None => Ok(self.ignored(" of which nothing was processed yet")),
        }
    }
}

fn sent_at(delivery: &Delivery) -> Option<Timestamp> {
    Timestamp::from_second(delivery.headers.get("webhook-timestamp")?.parse().ok()?).ok()
}
