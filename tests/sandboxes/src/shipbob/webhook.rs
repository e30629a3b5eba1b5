//! Webhooks after the Standard Webhooks specification.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::Delivery;

/// A message as the warehouse remembers it, so that it can be sent again.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) about: About,
    pub(super) topic: &'static str,
    /// The same on every attempt.
    pub(super) id: String,
    pub(super) body: Vec<u8>,
}

/// The order and the return that a message is about, where it is about one.
#[derive(Debug, Clone, Default)]
pub(super) struct About {
    pub(super) order: Option<u64>,
    pub(super) returned: Option<u64>,
}

impl Message {
    /// Signs the message as of `now`, once with each secret: during a rotation both are in use.
    pub(super) fn delivery(&self, secrets: &[String], now: Timestamp) -> Delivery {
        let timestamp = now.as_second().to_string();
        let signatures = secrets.iter().filter_map(|secret| signature(secret, &self.id, &timestamp, &self.body));
        let header = |name: &str, value: String| (name.to_owned(), value);
        Delivery {
            topic: self.topic.to_owned(),
            headers: vec![
                header("content-type", "application/json".to_owned()),
                header("webhook-id", self.id.clone()),
                header("webhook-timestamp", timestamp.clone()),
                header("webhook-signature", signatures.collect::<Vec<_>>().join(" ")),
                header("x-webhook-topic", self.topic.to_owned()),
            ],
            body: self.body.clone(),
        }
    }
}

/// `v1,<base64>` over `id.timestamp.body`; the key is what follows `whsec_`, decoded. None: it is no such secret.
pub(super) fn signature(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> Option<String> {
    let key = STANDARD.decode(secret.strip_prefix("whsec_")?).ok()?;
    let mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    let signed = mac.chain_update(id).chain_update(".").chain_update(timestamp).chain_update(".");
    Some(format!("v1,{}", STANDARD.encode(signed.chain_update(body).finalize().into_bytes())))
}

/// `msg_…`: repeatable for a seed, never the same twice.
pub(super) fn message_id(seed: u64, serial: u64) -> String {
    let digest = Sha256::digest(format!("shipbob/{seed}/{serial}"));
    let text: String = digest.iter().take(14).map(|byte| format!("{byte:02x}")).collect();
    format!("msg_{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_prefix_is_a_key_in_base64() {
        // HMAC-SHA256 with the key "Jefe" over "1.2.3", computed with OpenSSL.
        assert_eq!(signature("whsec_SmVmZQ==", "1", "2", b"3").as_deref(), Some(EXPECTED));
        assert_eq!(signature("SmVmZQ==", "1", "2", b"3"), None);
        assert_eq!(signature("whsec_no base64", "1", "2", b"3"), None);
    }

    const EXPECTED: &str = "v1,ApQ9dHiTZTnVhL0nj4ipdW5pEGnYERc6BHJYk/WeVFk=";
}
