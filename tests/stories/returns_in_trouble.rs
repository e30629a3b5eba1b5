//! Returns while something is down, or answers what is not to be believed: late, and once.

use crossdock_world::{Style, World};
use jiff::SignedDuration;
use serde_json::json;

use crate::acts::{attention, fault, one_mug, retry_everything, units_of};
use crate::settled::{assert_settled, paid_back};
use crate::taken_back::{MUG, ask, ask_to_return, delivered, found, only_order, request, stock_moved, taken_back};
use crate::telling::{told, told_in_every_way};

/// What the ERP is asked to make for a return.
const MAKES: [&str; 4] = [
    "POST /services/rest/record/v1/salesOrder*/!transform/returnAuthorization",
    "POST /services/rest/record/v1/returnAuthorization*/!transform/itemReceipt",
    "POST /services/rest/record/v1/returnAuthorization*/!transform/creditMemo",
    "POST /services/rest/record/v1/customerRefund",
];

#[test]
fn an_erp_that_is_down_for_a_whole_return_is_only_late() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        world.netsuite.add_fault(fault("* /services/rest/", "status:503", 8));
        ask_to_return(world, &id, "MUG-WHT", 1).await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
        world.wait(SignedDuration::from_hours(6)).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [MUG], "the buyer does not wait for the books");
    assert_eq!(taken_back(&world), ["RA1", "IR1", "CM1 1200", "CR101 1200"]);
}

/// The ERP makes the document and nobody hears of it: it is found by its reference, and not made again.
#[test]
fn every_document_of_a_return_is_made_once_whatever_becomes_of_its_answer() {
    for makes in MAKES {
        for kind in ["timeout_after_commit", "wrong_answer", "wrong_answer:html"] {
            let world = told(
                async |world: &mut World| {
                    let id = delivered(world, one_mug()).await;
                    world.netsuite.add_fault(fault(makes, kind, 1));
                    ask_to_return(world, &id, "MUG-WHT", 1).await;
                    found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
                    world.wait(SignedDuration::from_hours(1)).await;
                    retry_everything(world).await;
                },
                Style::Calm,
            );
            assert_settled(&world);
            assert!(world.netsuite.faults().is_empty(), "{makes} {kind} never came");
            // What waits for a word is made last.
            let mut made = taken_back(&world);
            made.sort();
            assert_eq!(made, ["CM1 1200", "CR101 1200", "IR1", "RA1"], "{makes} {kind}");
        }
    }
}

#[test]
fn a_return_is_announced_once_the_3pl_is_there_again() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        world.shipbob.add_fault(fault("POST /", "status:503", 4));
        let body = request(world, &id, &[("MUG-WHT", 1, "unwanted")]);
        ask(world, &id, ("returns", "return-1"), &body).await;
        world.wait(SignedDuration::from_hours(1)).await;
        retry_everything(world).await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
    });
    assert_settled(&world);
    assert_eq!(world.shipbob.documents()["returns"].as_array().map(Vec::len), Some(1));
    assert_eq!(paid_back(&world, &only_order(&world)), [MUG]);
    assert_eq!(stock_moved(&world, "MUG-WHT"), (0, 0));
}

/// The 3PL takes the announcement and nobody hears of it: it is found by its reference.
#[test]
fn a_return_of_which_the_announcement_is_unanswered_is_announced_once() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        world.shipbob.add_fault(fault("POST /", "timeout_after_commit", 1));
        ask_to_return(world, &id, "MUG-WHT", 1).await;
        world.wait(SignedDuration::from_hours(1)).await;
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
    });
    assert_settled(&world);
    assert_eq!(world.shipbob.documents()["returns"].as_array().map(Vec::len), Some(1));
}

/// The shop pays and nobody hears of it: the refund is known by its note.
#[test]
fn a_refund_of_which_the_answer_is_lost_is_paid_once() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, units_of("MUG-WHT", 2)).await;
        ask_to_return(world, &id, "MUG-WHT", 1).await;
        let lost = fault("POST /admin/api", "timeout_after_commit", 1).only_when_body_contains("refundCreate");
        world.shopify.add_fault(lost);
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
        world.wait(SignedDuration::from_hours(1)).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [MUG]);
    assert_eq!(taken_back(&world), ["RA1", "IR1", "CM1 1200", "CR101 1200"]);
}

#[test]
fn a_shop_that_is_down_is_asked_again_and_the_books_wait_for_its_payment() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        ask_to_return(world, &id, "MUG-WHT", 1).await;
        world.shopify.add_fault(fault("POST /admin/api", "status:503", 3));
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
        world.wait(SignedDuration::from_hours(1)).await;
        retry_everything(world).await;
    });
    assert_settled(&world);
    assert_eq!(paid_back(&world, &only_order(&world)), [MUG]);
}

/// The month is closed before the goods are back: the postings wait until finance has opened it, or moved on.
#[test]
fn a_closed_period_parks_what_a_return_posts_until_it_is_open_again() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = delivered(world, one_mug()).await;
        ask_to_return(world, &id, "MUG-WHT", 1).await;
        world.netsuite.act(json!({ "close_period": { "month": "2026-11" } })).unwrap();
        found(world, (&id, 1), &[("MUG-WHT", 1, "Restock")], true).await;
        assert!(!attention(world).await.is_empty());
        world.netsuite.act(json!({ "open_period": { "month": "2026-11" } })).unwrap();
        retry_everything(world).await;
        retry_everything(world).await;
    });
    assert_settled(&world);
    assert_eq!(taken_back(&world), ["RA1", "IR1", "CM1 1200", "CR101 1200"]);
}
