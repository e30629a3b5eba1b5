//! Identities. Each is parsed once, at the edge, and is valid ever after.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

/// Why a text is not an identity of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} must be {rule}")]
pub struct IdError {
    kind: &'static str,
    rule: &'static str,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let text: String = text.trim().nfc().collect();
                let valid: fn(&str) -> bool = $valid;
                if valid(&text) { Ok(Self(text)) } else { Err(IdError { kind: $kind, rule: $rule }) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

fn printable(text: &str, longest: usize) -> bool {
    !text.is_empty() && text.len() <= longest && !text.chars().any(char::is_control)
}

text_id!(
    /// A configured connection to a storefront, 3PL or ERP, such as `shopify-uk`.
    ConnectionId, "a connection", "1 to 40 characters of a-z, 0-9 and -",
    |t| (1..=40).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
);
impl ConnectionId {
    /// Under this name stands what is promised of a SKU as a part of kits: no storefront takes it off by itself, because
    /// what was ordered there is the kit. No connection may have it.
    #[must_use]
    pub fn kits() -> Self {
        Self("kits".to_owned())
    }

    /// Under this name stands what is kept for buyers who are paying: every storefront counts it as others' demand. No
    /// connection may have it.
    #[must_use]
    pub fn holds() -> Self {
        Self("holds".to_owned())
    }

    /// Whether it is a name of our own, which no connection may have.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        *self == Self::kits() || *self == Self::holds()
    }
}

text_id!(
    /// A buyer's hold on goods, as the storefront names it: a cart, a checkout session.
    HoldId, "a hold", "1 to 40 characters of A-Z, a-z, 0-9, - and _",
    |t| (1..=40).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
);
text_id!(
    /// The storefront's own identity of an order, in the alphabet that every ERP accepts in a reference.
    ChannelOrderId, "a channel order id", "1 to 20 characters of A-Z, 0-9 and -",
    |t| (1..=20).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-')
);
text_id!(
    /// A stock keeping unit. Normalised to NFC, so that twins of one spelling are one SKU.
    Sku, "a SKU", "1 to 64 printable characters", |t| printable(t, 64)
);
text_id!(
    /// A place that holds stock, such as `LON1`.
    LocationId, "a location", "1 to 20 characters of A-Z, 0-9 and -",
    |t| (1..=20).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-')
);
text_id!(
    /// The first part of every document reference of a connection, such as `UK`.
    ReferencePrefix, "a reference prefix", "1 to 6 characters of A-Z and 0-9",
    |t| (1..=6).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
);
text_id!(
    /// An ISO 3166-1 alpha-2 country code.
    CountryCode, "a country", "two letters A-Z (ISO 3166-1 alpha-2)",
    |t| t.len() == 2 && t.bytes().all(|b| b.is_ascii_uppercase())
);

/// An order: the connection that took it and its identity there. Reads `<connection>.<channel order id>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId {
    /// Who took the order.
    pub connection: ConnectionId,
    /// Its identity there.
    pub channel: ChannelOrderId,
}

impl OrderId {
    /// The log's partition key.
    #[must_use]
    pub fn stream(&self) -> String {
        format!("order#{}#{}", self.connection, self.channel)
    }

    /// The reverse of [`OrderId::stream`].
    ///
    /// # Errors
    /// The stream is not an order's.
    pub fn from_stream(stream: &str) -> Result<Self, IdError> {
        let not_ours = IdError { kind: "an order's stream", rule: "order#<connection>#<channel order id>" };
        let mut parts = stream.split('#');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("order"), Some(connection), Some(channel), None) => {
                Ok(Self { connection: connection.parse()?, channel: channel.parse()? })
            }
            _ => Err(not_ours),
        }
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.connection, self.channel)
    }
}

impl FromStr for OrderId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let (connection, channel) =
            text.split_once('.').ok_or(IdError { kind: "an order id", rule: "<connection>.<channel order id>" })?;
        Ok(Self { connection: connection.parse()?, channel: channel.parse()? })
    }
}

impl Serialize for OrderId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for OrderId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Our name for one outside document: `UK-820982911946154508-INV2`. At most 35 characters of `A-Z0-9-`, because the
/// narrowest ERP field (Business Central's Code\[35\]) has to hold it; lengths of the parts guarantee it.
#[must_use]
pub fn reference(prefix: &ReferencePrefix, channel: &ChannelOrderId, document: &str) -> String {
    format!("{prefix}-{channel}-{document}")
}

/// Splits a reference of ours into prefix, channel order id and document; `None` for a stranger's.
#[must_use]
pub fn split_reference(text: &str) -> Option<(ReferencePrefix, ChannelOrderId, String)> {
    let (prefix, rest) = text.split_once('-')?;
    let (channel, document) = rest.rsplit_once('-')?;
    Some((prefix.parse().ok()?, channel.parse().ok()?, document.to_owned()))
}
