//! Goods that come back: who may return what, what arrived, and what follows from it.

use jiff::Timestamp;

use crate::event::Disposition;
use crate::ids::{LocationId, Sku};

/// What a 3PL says has come back. A report says all that has arrived under one return so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnReport {
    /// The 3PL's identity of the return.
    pub id: String,
    /// Where.
    pub location: LocationId,
    /// What was found and what was done with it, in units of the SKU as found.
    pub lines: Vec<(Sku, u32, Disposition)>,
    /// Whether the 3PL is through with it: nothing more of it will come.
    pub completed: bool,
    /// When it was processed.
    pub received_at: Timestamp,
}
