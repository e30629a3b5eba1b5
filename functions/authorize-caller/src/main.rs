//! `authorize-caller` on AWS Lambda.
fn main() {}
