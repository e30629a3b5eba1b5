//! Stand-ins for the vendors that Crossdock talks to.
//!
//! Each sandbox is a cheap handle over shared state. It answers as the vendor's published API does
//! (paths, authentication, error bodies, rate limits, idempotency), keeps what it was told and can be
//! made to fail on demand. The same router is served over HTTP by `cargo local` and called in-process,
//! without sockets, by the tests.

use std::sync::Arc;

pub mod common;
pub mod identity;
mod json;
pub mod keys;
pub mod netsuite;
pub mod set;
pub mod shipbob;
pub mod shopify;

pub use common::{Delivery, Fault, FaultKind, FrontDesk, Outbox, RecordedRequest, Running, Slot, Vendor};
pub use identity::{Identity, IdentityConfig};
pub use keys::SigningKey;
pub use netsuite::{NetSuite, NetSuiteConfig};
pub use set::{Ports, SandboxOptions, SandboxSet, StartError, start};

/// What time it is: tests pass a clock that they move, the local stack passes [`system_clock`].
pub type Clock = Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;

/// The clock of the machine.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(jiff::Timestamp::now)
}
