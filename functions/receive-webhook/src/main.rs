//! `receive-webhook` on AWS Lambda.
fn main() {}
