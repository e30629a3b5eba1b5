//! The wiring of `infra/template.yaml`, held against what the domain says can happen.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use crossdock_domain::{Event, TaskKind};
use crossdock_world::{Target, Template};
use serde_json::{Value, json};

/// Which queue or function does a kind of task.
fn home(kind: TaskKind) -> Target {
    if TaskKind::ERP.contains(&kind) {
        Target::Queue("ErpQueue".into())
    } else if TaskKind::FULFILLMENT.contains(&kind) {
        Target::Queue("FulfillmentQueue".into())
    } else if TaskKind::STOREFRONT.contains(&kind) {
        Target::Queue("StorefrontQueue".into())
    } else {
        assert_eq!(kind, TaskKind::Allocate);
        Target::Function("AllocateOrder".into())
    }
}

fn event(source: &str, detail_type: &str, data: Value) -> Value {
    let routes = json!({ "storefront": "shopify-uk", "fulfillment": "shipbob", "erp": "netsuite" });
    json!({ "source": source, "detail-type": detail_type, "detail": { "metadata": { "routes": routes }, "data": data } })
}

fn reached(template: &Template, event: &Value) -> BTreeSet<Target> {
    template.rules.iter().filter(|rule| rule.matches(event)).flat_map(|rule| rule.targets.clone()).collect()
}

#[test]
fn whatever_makes_a_task_outstanding_reaches_the_function_that_does_it() {
    let template = Template::read();
    for kind in TaskKind::ALL {
        for detail_type in kind.made_outstanding_by() {
            let targets = reached(&template, &event("crossdock.order", detail_type, json!({})));
            assert!(
                targets.contains(&home(kind)),
                "{detail_type} makes {kind} outstanding and reaches only {targets:?}"
            );
        }
    }
}

#[test]
fn a_task_that_is_released_or_due_reaches_its_function_and_nobody_else() {
    let template = Template::read();
    for kind in TaskKind::ALL {
        for (source, detail_type) in [("crossdock.order", "TaskReleased.v1"), ("crossdock.ops", "TaskDue.v1")] {
            let data = json!({ "task": { "kind": kind, "document": "X1" } });
            let targets = reached(&template, &event(source, detail_type, data));
            assert_eq!(targets, BTreeSet::from([home(kind)]), "{detail_type} of {kind}");
        }
    }
}

/// Documents after which there may be more, or less, to promise, and which the ERP is to have.
const DOCUMENTS: [&str; 4] = ["StockReceived.v1", "StockCounted.v1", "StockAdjusted.v1", "StockTransferred.v1"];

/// Ends of holds after which there is more to promise.
const FREED: [&str; 2] = ["HoldExpired.v1", "HoldReleased.v1"];

#[test]
fn documents_of_stock_reach_the_erp_that_they_are_for() {
    let template = Template::read();
    for document in DOCUMENTS.into_iter().chain(["StockReleased.v1"]) {
        for (erp, reaches) in [("netsuite", true), ("another", false)] {
            let data = json!({ "lines": [], "erp": erp });
            let targets = reached(&template, &event("crossdock.inventory", document, data));
            assert_eq!(targets.contains(&home(TaskKind::PostInvoice)), reaches, "{document} for {erp}: {targets:?}");
        }
    }
}

#[test]
fn stock_that_arrives_reaches_allocation() {
    let template = Template::read();
    let data = json!({ "lines": [{ "sku": "TEE-BLK-M", "quantity": 1 }] });
    for document in DOCUMENTS.into_iter().chain(FREED) {
        let targets = reached(&template, &event("crossdock.inventory", document, data.clone()));
        assert!(targets.contains(&home(TaskKind::Allocate)), "{document} reaches {targets:?}");
    }
}

#[test]
fn whoever_shows_stock_hears_of_every_move_and_of_nothing_else() {
    let template = Template::read();
    for (moved, reaches) in [(json!(["TEE-BLK-M"]), true), (json!([]), false), (Value::Null, false)] {
        let mut order = event("crossdock.order", "OrderAllocated.v1", json!({}));
        order["detail"]["metadata"]["moved"] = moved.clone();
        let targets = reached(&template, &order);
        assert_eq!(targets.contains(&Target::Queue("StockQueue".into())), reaches, "{moved}: {targets:?}");
    }
    let order = event("crossdock.order", "OrderAllocated.v1", json!({}));
    assert!(!reached(&template, &order).contains(&Target::Queue("StockQueue".into())));
}

/// Events beside facts of orders and documents that make something be done.
const OTHERS: [&str; 4] = ["TaskReleased.v1", "TaskDue.v1", "StockReleased.v1", "ReconciliationRequested.v1"];

/// A rule that listens to more than it has to costs a message per order.
#[test]
fn no_rule_listens_to_what_nobody_writes_or_nobody_needs() {
    let template = Template::read();
    let written: BTreeSet<&str> = Event::TYPES.into_iter().chain(["TaskDue.v1"]).collect();
    // One listens to moves of stock, whatever the event; below.
    for rule in template.rules.iter().filter(|rule| rule.name != "StockOnMoves") {
        let types = rule.pattern.get("detail-type").and_then(Value::as_array).expect("a rule names its events");
        for detail_type in types.iter().filter_map(Value::as_str) {
            assert!(written.contains(detail_type), "{} listens to {detail_type}, which nobody writes", rule.name);
            let named =
                OTHERS.contains(&detail_type) || DOCUMENTS.contains(&detail_type) || FREED.contains(&detail_type);
            let needed = TaskKind::ALL
                .into_iter()
                .any(|kind| rule.targets.contains(&home(kind)) && kind.made_outstanding_by().contains(&detail_type));
            assert!(named || needed, "{} listens to {detail_type}, which makes nothing outstanding there", rule.name);
        }
    }
}

fn of_type<'a>(template: &'a Template, kind: &'a str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    template.resources.iter().filter(move |(_, resource)| resource["Type"] == kind)
}

#[test]
fn every_target_of_a_rule_has_dead_letters_and_a_bound_of_retries() {
    let template = Template::read();
    for (name, rule) in of_type(&template, "AWS::Events::Rule") {
        for target in rule["Properties"]["Targets"].as_array().unwrap() {
            assert!(target.get("DeadLetterConfig").is_some(), "{name} has a target without dead letters");
            assert!(target.get("RetryPolicy").is_some(), "{name} has a target without a retry policy");
        }
    }
}

#[test]
fn every_queue_is_read_and_gives_its_reader_time() {
    let template = Template::read();
    let letters: BTreeSet<&String> = template.dead_letters.values().map(|(letters, _)| letters).collect();
    for (name, queue) in of_type(&template, "AWS::SQS::Queue") {
        let reader = template.readers.get(name).unwrap_or_else(|| panic!("nobody reads {name}"));
        let time_out = template.resources[reader]["Properties"]["Timeout"].as_i64().expect("a function has a time-out");
        let visibility = template.visibility[name];
        assert!(visibility >= 6 * time_out, "{name}: {visibility} s are less than six times {reader}'s {time_out} s");
        let is_last = letters.contains(name) || name.ends_with("Failures") || name == "UndeliveredEvents";
        if is_last {
            let kept = queue["Properties"]["MessageRetentionPeriod"].as_i64();
            assert_eq!(kept, Some(14 * 24 * 3600), "{name} keeps what died for 14 days");
        } else {
            let (_, receives) = template.dead_letters.get(name).unwrap_or_else(|| panic!("{name} has no dead letters"));
            assert!(*receives >= 5, "{name} gives up after {receives} receives");
        }
    }
}

#[test]
fn every_reader_of_a_queue_reports_each_message_for_itself() {
    let template = Template::read();
    for (name, function) in of_type(&template, "AWS::Serverless::Function") {
        let events = function.pointer("/Properties/Events").and_then(Value::as_object).into_iter().flatten();
        for (event, source) in events.filter(|(_, source)| source["Type"] == "SQS") {
            let types = &source["Properties"]["FunctionResponseTypes"];
            assert_eq!(*types, json!(["ReportBatchItemFailures"]), "{name}.{event}");
        }
    }
}
