//! What a report of the 3PL means.

use crossdock_domain::event::{Decision, Tracking};
use crossdock_domain::shipping::{ShipmentReport, record_shipment};
use crossdock_domain::{Event, HoldCode, Order, Status};

use crate::samples::{accepted, allocated, at, given, line, moved, moves, paid, sku, units, unpaid};

/// Two lines of tees and one of mugs, all promised in London.
fn promised() -> Order {
    let lines = vec![line("TEE", 2, 1000), line("MUG", 1, 500), line("TEE", 3, 900)];
    given([accepted(paid(unpaid(lines, Vec::new()))), allocated(1, "LON1", &[(0, 2), (1, 1), (2, 3)])])
}

fn report(id: &str, lines: &[(&str, u32)]) -> ShipmentReport {
    ShipmentReport {
        id: id.into(),
        allocation: 1,
        lines: lines.iter().map(|(name, quantity)| (sku(name), *quantity)).collect(),
        tracking: vec![Tracking { carrier: Some("Royal Mail".into()), number: format!("RM{id}"), url: None }],
        shipped_at: at(7200),
    }
}

fn lines_of(decision: &Decision) -> Vec<(usize, u32)> {
    let Some(Event::ShipmentRecorded(shipment)) = decision.events.first() else { panic!("{decision:?}") };
    shipment.lines.iter().map(|line| (line.line, line.quantity)).collect()
}

fn after(order: &Order, decision: &Decision) -> Order {
    let mut order = order.clone();
    decision.events.iter().for_each(|event| order.evolve(event, at(8000)));
    order
}

fn hold_of(decision: &Decision) -> Option<String> {
    decision.events.iter().find_map(|event| {
        let Event::OrderHeld { holds } = event else { return None };
        assert_eq!(holds[0].code, HoldCode::ShippedDifferently);
        Some(holds[0].detail.clone())
    })
}

#[test]
fn a_shipment_is_recorded_with_the_stock_that_leaves() {
    let order = promised();
    let decision = record_shipment(&order, &report("S1", &[("TEE", 5), ("MUG", 1)]));
    let Some(Event::ShipmentRecorded(shipment)) = decision.events.first() else { panic!("{decision:?}") };
    assert_eq!((shipment.number, shipment.allocation, shipment.location.as_str()), (1, 1, "LON1"));
    assert_eq!(shipment.lines, units(&[(0, 2), (1, 1), (2, 3)]));
    assert_eq!((shipment.shipped_at, shipment.tracking[0].number.as_str()), (at(7200), "RMS1"));
    let left = |name: &str, units: i64| moved(name, -units, 0);
    assert_eq!(
        moves(&decision),
        [left("TEE", 5), left("MUG", 1)],
        "what was reserved leaves; what may be promised stays"
    );
    assert_eq!(after(&order, &decision).status(), Status::Shipped);
}

#[test]
fn parcels_in_parts_fill_the_lines_from_the_first() {
    let order = promised();
    let first = record_shipment(&order, &report("S1", &[("TEE", 3)]));
    assert_eq!(lines_of(&first), [(0, 2), (2, 1)]);
    let order = after(&order, &first);
    assert_eq!(order.status(), Status::Fulfilling);
    let second = record_shipment(&order, &report("S2", &[("MUG", 1), ("TEE", 2)]));
    assert_eq!(lines_of(&second), [(1, 1), (2, 2)]);
    let order = after(&order, &second);
    assert_eq!(order.shipments.keys().copied().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(order.status(), Status::Shipped);
}

#[test]
fn the_same_shipment_told_twice_is_one_shipment() {
    let order = promised();
    let first = record_shipment(&order, &report("S1", &[("TEE", 3)]));
    let order = after(&order, &first);
    assert_eq!(record_shipment(&order, &report("S1", &[("TEE", 3)])), Decision::default());
    assert_eq!(record_shipment(&order, &report("S1", &[("TEE", 2), ("MUG", 1)])), Decision::default());
}

#[test]
fn a_shipment_that_is_told_before_the_3pl_s_acknowledgement_is_a_shipment() {
    let order = promised();
    assert!(order.fulfillments.is_empty());
    let order = after(&order, &record_shipment(&order, &report("S1", &[("TEE", 5), ("MUG", 1)])));
    assert!(order.outstanding().iter().all(|task| task.id.document != "F1"), "the 3PL is not asked for it again");
}

#[test]
fn what_was_not_asked_for_is_recorded_and_holds_the_order() {
    let order = promised();
    let decision = record_shipment(&order, &report("S1", &[("TEE", 7), ("CAP", 1)]));
    assert_eq!(lines_of(&decision), [(0, 2), (2, 3)]);
    let detail = hold_of(&decision).unwrap();
    assert!(detail.contains("2 x TEE") && detail.contains("1 x CAP"), "{detail}");
    assert_eq!(after(&order, &decision).status(), Status::Held);
    assert_eq!(
        decision.moves.iter().map(|m| m.on_hand).sum::<i64>(),
        -5,
        "only what was reserved is taken from the books"
    );
}

#[test]
fn a_shipment_of_nothing_that_was_asked_for_holds_the_order() {
    let decision = record_shipment(&promised(), &report("S1", &[("CAP", 1)]));
    assert!(hold_of(&decision).unwrap().contains("1 x CAP"));
    assert_eq!((decision.events.len(), decision.moves.len()), (1, 0));
}

#[test]
fn a_shipment_of_a_part_that_was_never_asked_for_holds_the_order() {
    let stray = ShipmentReport { allocation: 7, ..report("S1", &[("TEE", 1)]) };
    for order in [promised(), Order::new("shopify-uk.9".parse().unwrap())] {
        let decision = record_shipment(&order, &stray);
        assert!(hold_of(&decision).unwrap().contains("part 7"));
        assert!(decision.moves.is_empty());
    }
}

#[test]
fn a_shipment_counts_for_its_own_part_only() {
    let lines = vec![line("TEE", 4, 1000)];
    let facts =
        [accepted(paid(unpaid(lines, Vec::new()))), allocated(1, "LON1", &[(0, 2)]), allocated(2, "MAN1", &[(0, 2)])];
    let order = given(facts);
    let decision = record_shipment(&order, &report("S1", &[("TEE", 3)]));
    assert_eq!(lines_of(&decision), [(0, 2)]);
    assert!(hold_of(&decision).is_some());
    let second = ShipmentReport { allocation: 2, ..report("S2", &[("TEE", 2)]) };
    let decision = record_shipment(&after(&order, &decision), &second);
    assert_eq!(lines_of(&decision), [(0, 2)]);
    assert_eq!(decision.moves[0].location.as_str(), "MAN1");
}

#[test]
fn a_shipment_of_a_held_order_is_recorded_all_the_same() {
    let mut order = promised();
    order.evolve(
        &Event::OrderHeld { holds: vec![crossdock_domain::Hold::new(HoldCode::CancelledAtStorefront, "x")] },
        at(5),
    );
    let order = after(&order, &record_shipment(&order, &report("S1", &[("TEE", 5), ("MUG", 1)])));
    assert_eq!(order.shipments.len(), 1);
    assert_eq!((order.status(), order.outstanding()), (Status::Held, vec![]));
}
