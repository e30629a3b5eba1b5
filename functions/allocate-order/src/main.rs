//! `allocate-order` on AWS Lambda.
fn main() {}
