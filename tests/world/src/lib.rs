//! A small fake world: the real handlers over an in-memory store, bus and queues, wired from `infra/template.yaml`,
//! with the vendors' sandboxes around them. A story is told in it calmly, doubled, shuffled, and crashed at every
//! effect; what the outside holds afterwards has to be the same.

mod api;
mod clock;
mod engine;
mod functions;
mod ports;
mod template;

pub use api::{Call, Caller, EVERYBODY, Reply};
pub use clock::WorldClock;
pub use engine::{Style, World, WorldOptions};
pub use ports::{CrashPlan, Phase};
pub use template::{Rule, Target, Template};
