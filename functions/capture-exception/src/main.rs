//! `capture-exception` on AWS Lambda.
fn main() {}
