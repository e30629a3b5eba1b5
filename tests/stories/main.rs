//! Stories of order-to-cash, each told calmly, doubled, shuffled, and with a crash before and after every effect.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod acts;
mod books;
mod telling;

mod ordinary;
