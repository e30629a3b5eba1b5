//! Signatures of deliveries, by kind of connection: checked on the raw bytes, in constant time, before anything is
//! parsed.

use crossdock_step::Secret;
use jiff::Timestamp;

use crate::{Delivery, InboundFact, kind, shipbob, shopify};

/// Why a delivery was not taken. Says nothing of what would have been right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// No signature, two of them, or one that does not match.
    #[error("the signature does not match the body")]
    Signature,
    /// Signed too long ago, or in the future.
    #[error("the delivery's time is not within five minutes of ours")]
    Time,
    /// The connection takes no deliveries.
    #[error("the connection takes no deliveries")]
    NoWebhooks,
}

/// Checks a delivery's signature. `headers` have lower-case names; a header that came twice must be listed twice.
///
/// # Errors
/// The delivery is not the vendor's.
pub fn verify(
    settings: &serde_json::Value,
    secret: &Secret,
    headers: &[(String, String)],
    body: (&[u8], Timestamp),
) -> Result<(), Rejected> {
    let secrets = secret.texts("webhook_secrets");
    match kind(settings) {
        "shopify" => shopify::webhook::verify(settings, &secrets, headers, body.0),
        "shipbob" => shipbob::webhook::verify(&secrets, headers, body),
        _ => Err(Rejected::NoWebhooks),
    }
}

/// The headers of a delivery that its translation needs; everything else stays outside.
#[must_use]
pub fn kept_headers(settings: &serde_json::Value) -> &'static [&'static str] {
    match kind(settings) {
        "shopify" => shopify::webhook::KEPT_HEADERS,
        "shipbob" => shipbob::webhook::KEPT_HEADERS,
        _ => &[],
    }
}

/// The vendor's identity of a delivery, stable over its retries.
#[must_use]
pub fn delivery_id(settings: &serde_json::Value, delivery: &Delivery) -> Option<String> {
    let names: &[&str] = match kind(settings) {
        "shopify" => &["x-shopify-webhook-id", "shopify-webhook-id"],
        "shipbob" => &["webhook-id"],
        _ => &[],
    };
    names.iter().find_map(|name| delivery.headers.get(*name).cloned())
}

/// Keys whose values tell nothing of a person in this kind's deliveries, beside those that are so for every vendor.
#[must_use]
pub fn plain_keys(settings: &serde_json::Value) -> &'static [&'static str] {
    match kind(settings) {
        "shopify" => shopify::webhook::PLAIN_KEYS,
        "shipbob" => shipbob::webhook::PLAIN_KEYS,
        _ => &[],
    }
}

/// What a delivery says, in canonical terms.
///
/// # Errors
/// Not even the order that it is about can be told: the delivery goes to the dead letters.
pub fn translate(settings: &serde_json::Value, delivery: &Delivery) -> Result<Vec<InboundFact>, String> {
    match kind(settings) {
        "shopify" => shopify::webhook::translate(delivery),
        "shipbob" => shipbob::webhook::translate(settings, delivery),
        other => Err(format!("{other:?} sends no deliveries")),
    }
}
