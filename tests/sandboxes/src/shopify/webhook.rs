//! Webhook deliveries: what is sent, under which ids, signed with which secret.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::Delivery;

/// A delivery as the shop remembers it, so that it can be sent again.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) order: u64,
    pub(super) topic: String,
    /// Unique per delivery, the same on every attempt of it.
    pub(super) webhook_id: String,
    /// One per thing that happened, shared by all topics that tell of it.
    pub(super) event_id: String,
    pub(super) triggered_at: Timestamp,
    pub(super) body: Vec<u8>,
}

/// What stands in the headers of every delivery of a shop.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    pub(super) shop_domain: String,
    pub(super) api_version: String,
}

impl Sent {
    /// Header names as the vendor writes them; only the body is signed, no header is.
    pub(super) fn delivery(&self, sender: &Sender, secret: &str) -> Delivery {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Delivery {
            topic: self.topic.clone(),
            headers: vec![
                header("Content-Type", "application/json"),
                header("X-Shopify-Topic", &self.topic),
                header("X-Shopify-Hmac-SHA256", &signature(secret, &self.body)),
                header("X-Shopify-Shop-Domain", &sender.shop_domain),
                header("X-Shopify-API-Version", &sender.api_version),
                header("X-Shopify-Webhook-Id", &self.webhook_id),
                header("X-Shopify-Event-Id", &self.event_id),
                header("X-Shopify-Triggered-At", &self.triggered_at.to_string()),
                header("X-Shopify-Name", &subscription_name(&self.topic)),
            ],
            body: self.body.clone(),
        }
    }
}

/// Subscriptions are named after their topic here: `orders/create` is `orders-create`.
fn subscription_name(topic: &str) -> String {
    topic.replace('/', "-")
}

/// base64(HMAC-SHA256(raw body, client secret)).
fn signature(secret: &str, body: &[u8]) -> String {
    // An HMAC takes a key of any length: the error cannot occur.
    Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .map(|mac| STANDARD.encode(mac.chain_update(body).finalize().into_bytes()))
        .unwrap_or_default()
}

/// Ids that look like the vendor's UUIDs, repeat for a repeated run and differ between runs with another seed.
#[derive(Debug, Clone)]
pub(super) struct Uuids {
    seed: u64,
    serial: u64,
}

impl Uuids {
    pub(super) fn from(seed: u64) -> Self {
        Self { seed, serial: 0 }
    }

    pub(super) fn next(&mut self) -> String {
        self.serial += 1;
        let hex = self.hex();
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        format!("{}-{}-4{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
    }

    /// 32 hexadecimal digits.
    pub(super) fn token(&mut self) -> String {
        self.serial += 1;
        self.hex().get(..32).unwrap_or_default().to_owned()
    }

    fn hex(&self) -> String {
        let digest = Sha256::digest(format!("{}/{}", self.seed, self.serial));
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_published_one() {
        // RFC 4231, test case 2, in base64.
        let expected = "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=";
        assert_eq!(signature("Jefe", b"what do ya want for nothing?"), expected);
    }

    #[test]
    fn ids_look_like_uuids_and_never_repeat() {
        let mut ids = Uuids::from(7);
        let given: std::collections::BTreeSet<String> = (0..1000).map(|_| ids.next()).collect();
        assert_eq!(given.len(), 1000);
        assert!(given.iter().all(|id| id.len() == 36));
        assert_eq!(Uuids::from(7).next(), Uuids::from(7).next());
        assert_ne!(Uuids::from(7).next(), Uuids::from(8).next());
    }
}
