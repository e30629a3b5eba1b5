//! The console of the deployed stack, as people use it: by its pages alone, in Chromium. `cargo local test` runs these; by
//! hand: `cargo local up`, then what `cargo local browser` prints, then
//! `cargo test -p crossdock-tests --test browser -- --ignored --test-threads 1`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod bad_day;
mod measured;
mod pages;
mod planted;
mod session;
#[path = "../stack/mod.rs"]
mod stack;
