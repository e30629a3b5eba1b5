//! `post-to-erp` on AWS Lambda.
fn main() {}
