//! `update-storefront` on AWS Lambda.
fn main() {}
