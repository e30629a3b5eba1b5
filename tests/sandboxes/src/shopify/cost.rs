//! Query cost and the leaky bucket that it is paid from.

use apollo_compiler::ExecutableDocument;
use apollo_compiler::executable::{Field, Operation, Selection, SelectionSet};
use jiff::Timestamp;
use serde_json::{Value, json};

/// A mutation costs this much before its fields are counted.
pub(super) const MUTATION_COST: u64 = 10;
/// No single query may be estimated to cost more.
pub(super) const LARGEST_QUERY: u64 = 1000;

/// The budget of an app on one shop.
#[derive(Debug, Clone)]
pub struct BucketSize {
    /// Points that fit in.
    pub points: u32,
    /// Points that flow in per second.
    pub restored_per_second: u32,
}

impl Default for BucketSize {
    /// What most shops have.
    fn default() -> Self {
        Self { points: 2000, restored_per_second: 100 }
    }
}

/// Points that are left, in thousandths: restoring them is exact to the millisecond.
#[derive(Debug)]
pub(super) struct Bucket {
    size: BucketSize,
    thousandths: i64,
    as_of: Timestamp,
}

impl Bucket {
    pub(super) fn full(size: BucketSize, now: Timestamp) -> Self {
        let thousandths = i64::from(size.points) * 1000;
        Self { size, thousandths, as_of: now }
    }

    fn restore(&mut self, now: Timestamp) {
        let elapsed = now.as_millisecond().saturating_sub(self.as_of.as_millisecond()).max(0);
        let restored = elapsed.saturating_mul(i64::from(self.size.restored_per_second));
        let full = i64::from(self.size.points) * 1000;
        self.thousandths = self.thousandths.saturating_add(restored).min(full);
        self.as_of = now;
    }

    /// Whether a query that may cost so much can be admitted now.
    pub(super) fn affords(&mut self, cost: u64, now: Timestamp) -> bool {
        self.restore(now);
        self.thousandths >= thousandths(cost)
    }

    /// Takes what a query really cost.
    pub(super) fn pay(&mut self, cost: u64) {
        self.thousandths -= thousandths(cost);
    }

    /// Leaves only so many points, as if another process of the app had been busy.
    pub(super) fn drain_to(&mut self, points: u32, now: Timestamp) {
        self.restore(now);
        self.thousandths = self.thousandths.min(i64::from(points) * 1000);
    }

    /// `extensions` of an answer; a query that was not run has no actual cost.
    pub(super) fn extensions(&self, requested: u64, actual: Option<u64>) -> Value {
        json!({ "cost": {
            "requestedQueryCost": requested,
            "actualQueryCost": actual,
            "throttleStatus": {
                "maximumAvailable": self.size.points,
                "currentlyAvailable": self.thousandths / 1000,
                "restoreRate": self.size.restored_per_second,
            },
        }})
    }
}

fn thousandths(cost: u64) -> i64 {
    i64::try_from(cost).unwrap_or(i64::MAX).saturating_mul(1000)
}

/// What an operation may cost: 1 per object, 10 per mutation, connections by their page size.
///
/// The vendor's formula is not published to the point; large pages weigh less than their size there and here.
pub(super) fn estimate(document: &ExecutableDocument, operation: &Operation) -> u64 {
    let roots =
        if operation.is_mutation() { MUTATION_COST * operation.selection_set.selections.len() as u64 } else { 0 };
    roots + of_selection(document, &operation.selection_set)
}

fn of_selection(document: &ExecutableDocument, selection: &SelectionSet) -> u64 {
    let cost = |selection: &Selection| match selection {
        Selection::Field(field) => of_field(document, field),
        Selection::InlineFragment(fragment) => of_selection(document, &fragment.selection_set),
        Selection::FragmentSpread(spread) => {
            spread.fragment_def(document).map_or(0, |fragment| of_selection(document, &fragment.selection_set))
        }
    };
    selection.selections.iter().map(cost).fold(0, u64::saturating_add)
}

fn of_field(document: &ExecutableDocument, field: &Field) -> u64 {
    if field.selection_set.is_empty() {
        return 0;
    }
    let children = of_selection(document, &field.selection_set);
    match page_size(field) {
        None => children.saturating_add(1),
        Some(size) => children.saturating_mul(weight(size)).saturating_add(2),
    }
}

/// The literal page size; one that comes as a variable counts as a usual page.
fn page_size(field: &Field) -> Option<u64> {
    const USUAL_PAGE: u64 = 25;
    let value = field.specified_argument_by_name("first").or_else(|| field.specified_argument_by_name("last"))?;
    let literal = value.to_i32().and_then(|size| u64::try_from(size).ok());
    Some(literal.unwrap_or(USUAL_PAGE))
}

/// 1 for 1, 2 for 2 or 3, …: as many as the size has binary digits.
fn weight(size: u64) -> u64 {
    u64::from(u64::BITS - size.leading_zeros())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    #[test]
    fn the_bucket_empties_with_use_and_refills_with_time() {
        let size = BucketSize { points: 100, restored_per_second: 50 };
        let mut bucket = Bucket::full(size, at(0));
        assert!(bucket.affords(100, at(0)));
        bucket.pay(100);
        assert!(!bucket.affords(1, at(0)));
        assert!(bucket.affords(25, at(500)));
        assert!(!bucket.affords(26, at(500)));
        assert!(bucket.affords(100, at(60_000)));
        assert!(!bucket.affords(101, at(60_000)), "it never overflows");
    }
}
