//! Tests of the Shopify connector.

mod announcing;
mod deliveries;
mod documents;
mod orders;
mod refusals;
mod reversing;
mod scripted;
mod stocking;
