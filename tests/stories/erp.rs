//! An ERP that does not answer, says no, or says something else than is true.

use crossdock_domain::order::Status;
use crossdock_world::{Style, World};
use jiff::SignedDuration;
use serde_json::json;

use crate::acts::{attention, configure, fault, goes_its_way, place, retry_everything, ship_all, two_lines};
use crate::books::assert_all_closed;
use crate::telling::{told, told_in_every_way};

const RECORDS: &str = "/services/rest/record/v1";

/// The call that makes each kind of document.
const MAKES: [&str; 6] = [
    "PUT /services/rest/record/v1/customer/",
    "PUT /services/rest/record/v1/salesOrder/",
    "PUT /services/rest/record/v1/customerDeposit/",
    "POST /services/rest/record/v1/salesOrder*/!transform/itemFulfillment",
    "POST /services/rest/record/v1/salesOrder*/!transform/invoice",
    "POST /services/rest/record/v1/customerDeposit*/!transform/depositApplication",
];

fn no_dead_letters(world: &World) {
    assert!(!world.transcript.iter().any(|line| line.contains("DeadLetters")), "{}", world.transcript.join("\n"));
}

#[test]
fn every_lost_answer_is_found_again_and_nothing_is_posted_twice() {
    let world = told_in_every_way(async |world: &mut World| {
        for makes in MAKES {
            world.netsuite.add_fault(fault(makes, "timeout_after_commit", 1));
        }
        place(world, two_lines());
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
}

#[test]
fn each_kind_of_document_survives_each_kind_of_failure() {
    for makes in MAKES {
        for kind in
            ["timeout_after_commit", "timeout_before_commit", "status:500", "status_after_commit:503", "status:429"]
        {
            for style in [Style::Calm, Style::Doubled, Style::Shuffled(1)] {
                let world = told(
                    async |world: &mut World| {
                        world.netsuite.add_fault(fault(makes, kind, 3));
                        place(world, two_lines());
                        goes_its_way(world).await;
                    },
                    style,
                );
                assert_all_closed(&world);
                no_dead_letters(&world);
            }
        }
    }
}

#[test]
fn an_outage_of_the_erp_delays_the_books_and_nothing_else() {
    let world = told_in_every_way(async |world: &mut World| {
        world.netsuite.add_fault(fault(&format!("* {RECORDS}"), "status:500", 12));
        place(world, two_lines());
        goes_its_way(world).await;
        world.wait(SignedDuration::from_hours(2)).await;
    });
    assert_all_closed(&world);
    no_dead_letters(&world);
}

#[test]
fn a_storm_of_429_in_any_spelling_passes() {
    let world = told_in_every_way(async |world: &mut World| {
        for spelling in ["status:429", "status:429:malformed", "status:429:too_many", "status:400:concurrency"] {
            world.netsuite.add_fault(fault("* /services/rest/", spelling, 3));
        }
        place(world, two_lines());
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
    no_dead_letters(&world);
}

/// A wrong answer is not believed: the document is looked up, or a person is asked; after a retry the books are right.
#[test]
fn wrong_answers_are_not_believed() {
    for makes in MAKES {
        for kind in ["wrong_answer", "wrong_answer:html"] {
            let world = told(
                async |world: &mut World| {
                    world.netsuite.add_fault(fault(makes, kind, 1));
                    place(world, two_lines());
                    goes_its_way(world).await;
                    retry_everything(world).await;
                    goes_its_way(world).await;
                },
                Style::Calm,
            );
            assert_all_closed(&world);
        }
    }
}

#[test]
fn wrong_amounts_that_are_read_back_park_the_task() {
    let world = told_in_every_way(async |world: &mut World| {
        world.netsuite.add_fault(fault(
            "POST /services/rest/record/v1/salesOrder*/!transform/invoice",
            "wrong_answer:html",
            1,
        ));
        place(world, two_lines());
        goes_its_way(world).await;
        retry_everything(world).await;
    });
    assert_all_closed(&world);
}

#[test]
fn a_closed_period_parks_the_posting_until_it_is_open_again() {
    let world = told_in_every_way(async |world: &mut World| {
        world.netsuite.act(json!({ "close_period": { "month": "2026-11" } })).unwrap();
        place(world, two_lines());
        world.settle().await;
        assert_eq!(attention(world).await, ["post_deposit:DEP1 refused"]);
        world.netsuite.act(json!({ "open_period": { "month": "2026-11" } })).unwrap();
        retry_everything(world).await;
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
}

#[test]
fn a_rounding_difference_within_tolerance_goes_to_the_rounding_line() {
    let world = told_in_every_way(async |world: &mut World| {
        world.netsuite.act(json!({ "configure": { "recompute_tax": true } })).unwrap();
        place(world, two_lines());
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
    assert_ne!(world.netsuite.ledger()["currencies"]["GBP"]["accounts"]["rounding"], 0);
}

#[test]
fn a_difference_above_the_tolerance_waits_for_a_person() {
    let world = told_in_every_way(async |world: &mut World| {
        let none = |settings: &mut serde_json::Value| settings["channel"]["rounding_tolerance"] = json!(0);
        configure(world, "shopify-uk", none).await;
        world.netsuite.act(json!({ "configure": { "recompute_tax": true } })).unwrap();
        place(world, two_lines());
        goes_its_way(world).await;
    });
    let order = world.orders().remove(0);
    assert_eq!(order.status(), Status::Shipped, "the customer does not wait for the books");
    let parked = order.attention().remove(0);
    assert!(parked.about.starts_with("post_sales_order"), "{parked:?}");
    assert!(order.invoices.is_empty() && order.deposits.is_empty());
}

#[test]
fn a_token_that_expires_in_between_is_renewed() {
    let world = told_in_every_way(async |world: &mut World| {
        place(world, two_lines());
        world.settle().await;
        world.plan.from_here();
        world.netsuite.act(json!({ "expire_tokens": {} })).unwrap();
        ship_all(world);
        world.settle().await;
    });
    assert_all_closed(&world);
}
