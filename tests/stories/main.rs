//! Stories of order-to-cash and of what is taken back of it, each told calmly, doubled, shuffled, and with a crash before and after every effect.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod acts;
mod asked;
mod books;
mod settled;
mod taken_back;
mod telling;

mod cancel_races;
mod cancellations;
mod cancelled_elsewhere;
mod cancelling_refused;
mod cancelling_twice;
mod catalogue;
mod changes;
mod checkout_holds;
mod console;
mod crowd;
mod deaths;
mod disputes;
mod drift;
mod erp;
mod exchanges;
mod foretold;
mod holds;
mod kits;
mod levels;
mod month;
mod ordinary;
mod own_api;
mod polling;
mod priority;
mod refunds;
mod refused;
mod repairs;
mod replays;
mod returns;
mod returns_in_trouble;
mod shipping;
mod shown;
mod stock;
mod storefront;
mod traces;
mod warehouse;
