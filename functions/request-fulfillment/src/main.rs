//! `request-fulfillment` on AWS Lambda.
fn main() {}
