//! How functions meet Lambda and the world: failures and their fates, queue batches, API Gateway, the ports for HTTP,
//! queues, the bus, secrets and time, and their AWS implementations. Nothing here knows the business.

pub mod api;
pub mod aws;
pub mod batch;
mod exchange;
mod failure;
pub mod outbound;
pub mod ports;
pub mod telemetry;
pub mod trace;

pub use failure::Failure;
pub use ports::{Bus, BusEntry, Clock, Queue, Secret, Secrets};
pub use trace::Trace;
