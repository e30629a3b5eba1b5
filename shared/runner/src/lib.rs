//! The runner: loads an order, sees which tasks are outstanding, has a step do them, and commits what came of it. It
//! owns claims, conflicts, completion and parking, so that a step is nothing but its one outside call.

pub mod command;
mod commit;
mod directory;
mod failed;
pub mod faults;
pub mod holds;
pub mod inbound;
mod intake;
pub mod metrics;
pub mod polling;
mod publication;
mod run;
mod stock;
pub mod tally;
mod undelivered;
mod unmapped;
pub mod wiring;

pub use commit::{CommitError, Committed, Origin, Recorder, store_failure};
pub use directory::{Calls, Connectors, Directory};
pub use failed::LastFailure;
pub use holds::HoldKeeper;
pub use intake::{Foretold, Intake, Keeping};
pub use publication::{Turn, bus_entries, publish};
pub use run::{Documents, Done, Reading, Runner, Step, StepFunction};
pub use stock::{Count, Kept, StockKeeper};
pub use undelivered::Undelivered;
pub use unmapped::Unmapped;
