//! `accept-order` on AWS Lambda.
fn main() {}
