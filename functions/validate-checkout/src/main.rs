//! `validate-checkout` on AWS Lambda.
fn main() {}
