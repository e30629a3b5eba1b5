//! `translate-inbound` on AWS Lambda.
fn main() {}
