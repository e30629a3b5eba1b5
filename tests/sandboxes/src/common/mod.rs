//! What every sandbox shares: the front desk that records requests and applies faults, the control
//! routes under `/_sandbox/`, the webhook sender and the HTTP server.

mod control;
mod desk;
mod fault;
mod journal;
mod outbox;
mod serve;

pub use control::router;
pub use desk::{FrontDesk, Slot, TIMEOUT_STATUS, Vendor};
pub use fault::{Fault, FaultKind, UnknownFault};
pub use journal::RecordedRequest;
pub use outbox::{Delivery, DeliveryRecord, Outbox};
pub use serve::{Running, launch, serve};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks state that stays readable after a panic elsewhere: a sandbox must keep answering.
pub fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
