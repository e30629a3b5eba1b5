//! `publish-events` on AWS Lambda.
fn main() {}
