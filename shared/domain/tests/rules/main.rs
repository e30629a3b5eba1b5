//! The rules, told as given, when, then, and the laws that hold for every order.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as it must be")]

mod samples;

mod accept;
mod address;
mod cancel;
mod catalogue;
mod checkout;
mod commit;
mod declining;
mod drift;
mod evolve;
mod exceptions;
mod failing;
mod foresee;
mod holding;
mod ids;
mod included;
mod kit;
mod money;
mod overview;
mod payments;
mod posting;
mod refund;
mod returns;
mod reversing;
mod sales;
mod shipping;
mod simulation;
mod sourcing;
mod stock;
mod totals;
