//! The rules of Crossdock: what an order is, what has happened to it, and what is left to do.
//!
//! Nothing here awaits, reads a clock, an environment variable or a random number. An order is the fold of its
//! facts ([`Order::fold`]); what is left to do is a function of the order ([`Order::outstanding`]); decisions are
//! plain functions from an order and a command to facts ([`accept`], [`sourcing`], [`shipping`], [`posting`]).

pub mod accept;
pub mod calendar;
pub mod cancel;
pub mod canonical;
pub mod catalogue;
pub mod checkout;
pub mod commit;
pub mod demand;
pub mod disputes;
pub mod drift;
pub mod event;
pub mod exception;
pub mod foresee;
pub mod hold;
pub mod identities;
pub mod ids;
mod included;
pub mod inventory;
pub mod item;
pub mod kit;
pub mod mask;
pub mod money;
pub mod order;
pub mod outstanding;
pub mod overview;
pub mod payouts;
pub mod posting;
pub mod refund;
pub mod returns;
pub mod reversals;
pub mod reversing;
pub mod sales;
pub mod settings;
pub mod shipping;
pub mod sourcing;
pub mod stocking;

pub use canonical::{CanonicalOrder, Charge, ChargeKind, Line, LineKind, Recipient, TaxLine, Tender, TenderStatus};
pub use commit::{Attention, Commit};
pub use event::{Event, Hold, HoldCode};
pub use ids::{ConnectionId, LocationId, OrderId, Sku};
pub use money::{Currency, Minor, MoneyError};
pub use order::{Order, Status};
pub use outstanding::{Criticality, Task, TaskKind};
