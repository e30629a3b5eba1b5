//! Deliveries as they came from vendors, kept for a while so that they can be taken in once more.

use std::io::{Read as _, Write as _};

use async_trait::async_trait;
use crossdock_domain::canonical::hash_of;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use jiff::Timestamp;

use crate::{Page, StoreError};

/// A delivery that was taken in. Personal data lies in its message.
#[derive(Clone, PartialEq, Eq)]
pub struct Archived {
    /// What it was about: the stream of an order or, where it names none, `connection#` and the connection's name.
    pub stream: String,
    /// Who sent it.
    pub connection: String,
    /// When it arrived.
    pub received_at: Timestamp,
    /// The message that translation was given.
    pub message: String,
}

impl std::fmt::Debug for Archived {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Archived(of {}, from {} at {})", self.stream, self.connection, self.received_at)
    }
}

/// Where deliveries are kept, with the people of their orders: whoever erases those erases these.
#[async_trait]
pub trait Archive: Send + Sync {
    /// Keeps a delivery until a moment. The same one twice is kept once.
    async fn archive(&self, delivery: &Archived, until: Timestamp) -> Result<(), StoreError>;

    /// The deliveries of a stream, oldest first; `after` is the last one's [`Archived::key`].
    async fn archived_of(&self, stream: &str, page: &Page) -> Result<(Vec<Archived>, Option<String>), StoreError>;

    /// The deliveries of a connection that came within the hour of a moment, oldest first.
    async fn archived_in(
        &self,
        of: (&str, Timestamp),
        page: &Page,
    ) -> Result<(Vec<Archived>, Option<String>), StoreError>;
}

/// What the sort keys of deliveries begin with; no hash does.
pub(crate) const DELIVERED: &str = "delivery#";

impl Archived {
    /// Its sort key: when it came, and what it is.
    #[must_use]
    pub fn key(&self) -> String {
        let hash = hash_of(&self.message);
        format!("{DELIVERED}{:.6}#{}", self.received_at, hash.get(..16).unwrap_or(&hash))
    }

    /// The part of the index that names it.
    pub(crate) fn arrived(&self) -> String {
        arrived_in(&self.connection, self.received_at)
    }
}

/// The part of the index that names what came from a connection within the hour of a moment.
pub(crate) fn arrived_in(connection: &str, at: Timestamp) -> String {
    format!("{connection}#{}", at.strftime("%Y-%m-%dT%H"))
}

/// A text as it is kept: payloads of vendors are mostly repetition, and a table charges by size.
pub(crate) fn packed(text: &str) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    let written = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}

/// The text again; none where it is not what was kept.
pub(crate) fn unpacked(bytes: &[u8]) -> Option<String> {
    let mut text = String::new();
    DeflateDecoder::new(bytes).read_to_string(&mut text).ok().map(|_| text)
}
