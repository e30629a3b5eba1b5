//! `watch-deadlines` on AWS Lambda.
fn main() {}
