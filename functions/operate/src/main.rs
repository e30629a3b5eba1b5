//! `operate` on AWS Lambda.
fn main() {}
