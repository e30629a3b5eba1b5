//! Shopify's deliveries: base64(HMAC-SHA256(raw body, client secret)) in a header; no time is signed, so that a replay
//! is stopped by the order's own identity. [doc: "Deliver webhooks through HTTPS"]

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crossdock_domain::ids::ChannelOrderId;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::reading::{get, id_of};
use super::translate;
use crate::webhook::Rejected;
use crate::{Delivery, InboundFact};

/// Headers that a translation needs: the classic spelling and the one of the Events preview.
pub const KEPT_HEADERS: &[&str] = &[
    "x-shopify-topic",
    "x-shopify-shop-domain",
    "x-shopify-webhook-id",
    "x-shopify-event-id",
    "x-shopify-triggered-at",
    "x-shopify-api-version",
    "shopify-topic",
    "shopify-shop-domain",
    "shopify-webhook-id",
    "shopify-event-id",
    "shopify-triggered-at",
    "shopify-api-version",
];

/// What a translation goes by and is nobody's. Names and notes are not among them: a title is a product's or a tax's.
pub const PLAIN_KEYS: &[&str] = &[
    "title",
    "gateway",
    "payment_gateway_names",
    "tip_payment_gateway",
    "total_cash_rounding_payment_adjustment",
    "current_total_tax",
    "current_total_duties",
    "original_total_duties",
    "current_total_additional_fees",
    "original_total_additional_fees",
    "total_tax",
    "total_discount",
    "total_outstanding",
    "total_tip_received",
    "initiated_as",
    "finalized_on",
];

const SIGNATURE: [&str; 2] = ["x-shopify-hmac-sha256", "shopify-hmac-sha256"];
const SHOP: [&str; 2] = ["x-shopify-shop-domain", "shopify-shop-domain"];
const TRIGGERED_AT: [&str; 2] = ["x-shopify-triggered-at", "shopify-triggered-at"];
/// What can happen to a return, as topics call it.
const RETURN_VERBS: [&str; 8] = ["request", "approve", "decline", "cancel", "close", "reopen", "update", "process"];
const TOPIC: [&str; 2] = ["x-shopify-topic", "shopify-topic"];

/// Checks a delivery's signature against every secret that is valid now, and that it comes from the shop that the
/// connection stands for (all shops of an app share one secret).
///
/// # Errors
/// [`Rejected::Signature`], whatever is wrong.
pub fn verify(settings: &Value, secrets: &[&str], headers: &[(String, String)], body: &[u8]) -> Result<(), Rejected> {
    let signature = only(headers, &SIGNATURE).ok_or(Rejected::Signature)?;
    let signature = STANDARD.decode(signature).map_err(|_| Rejected::Signature)?;
    let shop = only(headers, &SHOP).ok_or(Rejected::Signature)?;
    let ours = settings.get("shop_domain").and_then(Value::as_str).filter(|domain| !domain.is_empty());
    let from_our_shop = ours.is_some_and(|ours| {
        bool::from(ours.to_ascii_lowercase().as_bytes().ct_eq(shop.to_ascii_lowercase().as_bytes()))
    });
    // Every secret is tried: how long it takes does not tell which of them matched.
    let signed = secrets.iter().fold(false, |signed, secret| signs(secret, body, &signature) | signed);
    if signed && from_our_shop { Ok(()) } else { Err(Rejected::Signature) }
}

/// The one value of a header in any of its spellings; a header that came twice is none.
fn only<'a>(headers: &'a [(String, String)], names: &[&str]) -> Option<&'a str> {
    let mut found = headers.iter().filter(|(name, _)| names.iter().any(|known| name.eq_ignore_ascii_case(known)));
    let (_, value) = found.next()?;
    found.next().is_none().then_some(value.as_str())
}

fn signs(secret: &str, body: &[u8], signature: &[u8]) -> bool {
    let keyed = Hmac::<Sha256>::new_from_slice(secret.as_bytes());
    !secret.is_empty() && keyed.is_ok_and(|mac| mac.chain_update(body).verify_slice(signature).is_ok())
}

/// What a delivery says.
///
/// # Errors
/// Not even the order that it is about can be told.
pub fn translate(delivery: &Delivery) -> Result<Vec<InboundFact>, String> {
    let topic =
        TOPIC.iter().find_map(|name| delivery.headers.get(*name)).map(|topic| topic.trim().to_ascii_lowercase());
    match topic.as_deref() {
        Some("orders/create" | "orders/updated" | "orders/paid" | "orders/cancelled") => order(&delivery.body),
        Some("orders/edited") => changed(delivery, "edit"),
        Some("refunds/create") => changed(delivery, "refund"),
        Some("order_transactions/create") => changed(delivery, "transaction"),
        Some("disputes/create" | "disputes/update") => super::disputing::dispute(&delivery.body),
        Some(topic) if topic.strip_prefix("returns/").is_some_and(|verb| RETURN_VERBS.contains(&verb)) => {
            changed(delivery, topic)
        }
        Some(other) => Ok(vec![InboundFact::Ignored { topic: other.chars().take(60).collect() }]),
        None => Err("the delivery names no topic".into()),
    }
}

/// News of something that the sales ledger has whole: which order it is about, what it is and when it was.
fn changed(delivery: &Delivery, kind: &str) -> Result<Vec<InboundFact>, String> {
    let body: Value = serde_json::from_slice(&delivery.body).map_err(|error| format!("{kind}: no JSON: {error}"))?;
    let told = get(&body, "order_edit").unwrap_or(&body);
    let order = get(told, "order_id").or_else(|| get(told, "order").and_then(|order| get(order, "id")));
    let channel: ChannelOrderId = order
        .and_then(id_of)
        .and_then(|id| id.to_string().parse().ok())
        .ok_or_else(|| format!("{kind}: the body names no order"))?;
    let id = get(told, "id").and_then(id_of).ok_or_else(|| format!("{kind}: the body has no id"))?;
    let header = TRIGGERED_AT.iter().find_map(|name| delivery.headers.get(*name));
    let of_body = || ["updated_at", "created_at", "committed_at"].iter().find_map(|name| get(told, name)?.as_str());
    let at = header.and_then(|at| at.trim().parse().ok()).or_else(|| of_body()?.parse().ok());
    let at = at.ok_or_else(|| format!("{kind}: neither a header nor the body says when it was"))?;
    let what = match kind.strip_prefix("returns/") {
        Some(verb) => format!("return:{id}:{verb}"),
        None => format!("{kind}:{id}"),
    };
    Ok(vec![InboundFact::Changed { channel, what, at }])
}

fn order(body: &[u8]) -> Result<Vec<InboundFact>, String> {
    let channel: ChannelOrderId = order_id(body)
        .and_then(|id| id.to_string().parse().ok())
        .ok_or("the body names no order: its id is missing, told twice or not a whole number of 64 bits")?;
    let unreadable = |detail: String| InboundFact::Unreadable { channel: channel.clone(), detail };
    let fact = match serde_json::from_slice::<Value>(body) {
        Err(error) => unreadable(format!("the body is not JSON that can be kept: {error}")),
        Ok(body) if holds_only_an_id(&body) => {
            unreadable("the body held only an id: the order was too large to be sent, read it in the admin".into())
        }
        Ok(body) => match translate::order(&body) {
            Ok(inbound) => InboundFact::Order { channel, inbound: Box::new(inbound) },
            Err(error) => unreadable(error.to_string()),
        },
    };
    Ok(vec![fact])
}

/// What a body that was too large is cut down to. [doc: changelog of 17 Nov 2026]
fn holds_only_an_id(body: &Value) -> bool {
    let identities = ["id", "admin_graphql_api_id"];
    get(body, "line_items").is_none()
        && body.as_object().is_some_and(|f| f.keys().all(|k| identities.contains(&k.as_str())))
}

/// The order's id, also of a body whose other parts cannot be read: whatever a lone surrogate, an endless nesting or
/// a missing end makes of the rest, somebody has to see which order it was.
fn order_id(body: &[u8]) -> Option<u64> {
    let mut seen = Ids::default();
    // What is wrong with the body is told by whoever reads all of it.
    let _ = serde_json::Deserializer::from_slice(body).deserialize_map(&mut seen);
    match seen.0.as_slice() {
        [one] => id_of(one),
        _ => None,
    }
}

#[derive(Default)]
struct Ids(Vec<Value>);

impl<'de> Visitor<'de> for &mut Ids {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "id" {
                self.0.push(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}
