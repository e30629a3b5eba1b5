//! `read-order` on AWS Lambda.
fn main() {}
