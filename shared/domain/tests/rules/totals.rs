//! What an order costs (DOMAIN §4.1), and what makes it the same order.

use crossdock_domain::{CanonicalOrder, Charge, ChargeKind, Line, Minor, TenderStatus};
use proptest::prelude::*;

use crate::samples::{at, charge, line, minor, ordinary, tax, tender, unpaid};

fn full() -> CanonicalOrder {
    let lines = vec![
        Line { discount: minor(150), taxes: vec![tax(370), tax(10)], ..line("TEE", 2, 1000) },
        Line { taxes: vec![tax(100)], ..line("MUG", 3, 500) },
    ];
    let charges = vec![
        Charge { discount: minor(99), taxes: vec![tax(60)], ..charge(ChargeKind::Shipping, 399) },
        charge(ChargeKind::Duty, 210),
        charge(ChargeKind::Fee, 30),
        charge(ChargeKind::Tip, 4),
    ];
    unpaid(lines, charges)
}

#[test]
fn the_total_is_lines_less_discounts_plus_charges_plus_tax() {
    let totals = full().totals().unwrap();
    assert_eq!(totals.lines_minor, minor(3500));
    assert_eq!(totals.discount_minor, minor(249));
    assert_eq!(totals.shipping_minor, minor(399));
    assert_eq!(totals.fees_minor, minor(244));
    assert_eq!(totals.tax_minor, minor(540));
    assert_eq!(totals.total_minor, minor(3500 - 249 + 399 + 244 + 540));
}

#[test]
fn included_tax_is_not_added_again() {
    let totals = CanonicalOrder { taxes_included: true, ..full() }.totals().unwrap();
    assert_eq!(totals.tax_minor, minor(540));
    assert_eq!(totals.total_minor, minor(3500 - 249 + 399 + 244));
}

#[test]
fn only_money_that_has_arrived_is_captured() {
    let mut order = ordinary();
    order.tenders = vec![tender("T1", 1000), tender("T2", 500), tender("T3", 70)];
    order.tenders[1].status = TenderStatus::Pending;
    assert_eq!(order.captured().unwrap(), minor(1070));
}

#[test]
fn sums_that_overflow_are_refused() {
    let huge = unpaid(vec![line("TEE", u32::MAX, 1_000_000_000_000_000)], Vec::new());
    assert!(huge.totals().is_err());
    let many = unpaid(vec![line("TEE", 1, 900_000_000_000_000), line("MUG", 1, 900_000_000_000_000)], Vec::new());
    assert!(many.totals().is_err());
    let mut paid_twice = ordinary();
    paid_twice.tenders = vec![tender("T1", 900_000_000_000_000), tender("T2", 900_000_000_000_000)];
    assert!(paid_twice.captured().is_err());
}

#[test]
fn an_order_that_is_paid_later_is_the_same_order_and_an_edited_one_is_not() {
    let order = ordinary();
    let paid_otherwise = CanonicalOrder { tenders: vec![tender("T9", 1)], ..order.clone() };
    assert_eq!(order.content_hash(), paid_otherwise.content_hash());
    let mut longer = order.clone();
    longer.lines[0].quantity += 1;
    let edits = [
        longer,
        CanonicalOrder { total: minor(1), ..order.clone() },
        CanonicalOrder { country: Some("IE".parse().unwrap()), ..order.clone() },
        CanonicalOrder { currency: "EUR".parse().unwrap(), ..order.clone() },
        CanonicalOrder { placed_at: at(1), ..order.clone() },
        CanonicalOrder { charges: Vec::new(), ..order.clone() },
        CanonicalOrder { taxes_included: true, ..order.clone() },
    ];
    for edited in edits {
        assert_ne!(order.content_hash(), edited.content_hash());
    }
    assert_eq!(order.content_hash().len(), 32);
}

proptest! {
    #[test]
    fn the_parts_add_up_whatever_they_are(
        lines in prop::collection::vec((1_u32..50, 0_i64..100_000, 0_i64..500, 0_i64..900), 0..6),
        charges in prop::collection::vec((0_usize..4, 0_i64..10_000, 0_i64..100, 0_i64..900), 0..4),
        taxes_included in any::<bool>(),
    ) {
        let kinds = [ChargeKind::Shipping, ChargeKind::Duty, ChargeKind::Fee, ChargeKind::Tip];
        let mut expected = 0;
        let lines = lines.into_iter().map(|(quantity, price, discount, vat)| {
            expected += i64::from(quantity) * price - discount + if taxes_included { 0 } else { vat };
            Line { discount: minor(discount), taxes: vec![tax(vat)], ..line("TEE", quantity, price) }
        }).collect();
        let charges = charges.into_iter().map(|(kind, amount, discount, vat)| {
            expected += amount - discount + if taxes_included { 0 } else { vat };
            Charge { discount: minor(discount), taxes: vec![tax(vat)], ..charge(kinds[kind], amount) }
        }).collect();
        let order = CanonicalOrder { taxes_included, ..unpaid(lines, charges) };
        prop_assert_eq!(order.totals().unwrap().total_minor, Minor::new(expected).unwrap());
    }
}
