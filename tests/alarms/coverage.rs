//! What the template owes: whatever can fail has its alarm and a place for what failed, and whoever is told finds out what
//! to do.

use std::collections::{BTreeMap, BTreeSet};

use crossdock_domain::TaskKind;
use crossdock_runner::metrics;
use crossdock_world::Template;
use serde_json::Value;

use crate::definition::{Alarm, CompositeAlarm, Kind, MetricAlarm, alarms};
use crate::recording::Metric;
use crate::root;
use crate::rule::Rule;

/// The alarms that page somebody.
const PAGING: [&str; 3] = ["CustomerFacingAlarm", "FulfilmentAlarm", "FinancialAlarm"];

/// An expression may take so many metrics (*Create a CloudWatch alarm based on a metric math expression*).
const MOST_METRICS: usize = 10;

fn of_type<'a>(template: &'a Template, kind: &'a str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    template.resources.iter().filter(move |(_, resource)| resource["Type"] == kind)
}

fn metric_alarms(alarms: &BTreeMap<String, Alarm>) -> impl Iterator<Item = (&String, &MetricAlarm)> {
    alarms.iter().filter_map(|(name, alarm)| match &alarm.kind {
        Kind::Metric(metric) => Some((name, metric)),
        Kind::Composite(_) => None,
    })
}

fn composites(alarms: &BTreeMap<String, Alarm>) -> BTreeMap<&str, &CompositeAlarm> {
    alarms
        .iter()
        .filter_map(|(name, alarm)| match &alarm.kind {
            Kind::Composite(composite) => Some((name.as_str(), composite)),
            Kind::Metric(_) => None,
        })
        .collect()
}

/// Metrics that some alarm watches.
fn watched() -> BTreeSet<Metric> {
    let alarms = alarms(&Template::read());
    metric_alarms(&alarms).flat_map(|(_, alarm)| alarm.queries.values().map(|query| query.metric.clone())).collect()
}

fn assert_watched(watched: &BTreeSet<Metric>, metric: &str) {
    assert!(watched.contains(&Metric::read(metric)), "no alarm watches {metric}");
}

#[test]
fn every_function_has_alarms_on_its_failures_and_its_throttling() {
    let (template, watched) = (Template::read(), watched());
    for (name, _) in of_type(&template, "AWS::Serverless::Function") {
        assert_watched(&watched, &format!("AWS/Lambda Errors FunctionName={name}"));
        assert_watched(&watched, &format!("AWS/Lambda Throttles FunctionName={name}"));
    }
}

#[test]
fn every_queue_has_an_alarm_on_its_age_and_dead_letters_or_is_one_with_an_alarm_of_its_own() {
    let (template, watched) = (Template::read(), watched());
    let letters: BTreeSet<&String> = template.dead_letters.values().map(|(letters, _)| letters).collect();
    let failures: BTreeSet<String> = failure_places(&template);
    for (name, _) in of_type(&template, "AWS::SQS::Queue") {
        if letters.contains(name) || failures.contains(name) {
            assert_watched(&watched, &format!("AWS/SQS ApproximateNumberOfMessagesVisible QueueName={name}"));
        } else {
            assert!(template.dead_letters.contains_key(name), "{name} has no dead letters");
            assert_watched(&watched, &format!("AWS/SQS ApproximateAgeOfOldestMessage QueueName={name}"));
        }
    }
}

/// Queues that functions, rules and schedules leave to what they could not do.
fn failure_places(template: &Template) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    template.resources.values().for_each(|resource| collect_failure_places(resource, &mut found));
    found
}

fn collect_failure_places(value: &Value, found: &mut BTreeSet<String>) {
    let reference = |value: &Value| value["GetAtt"].as_str().and_then(|name| name.split('.').next()).map(str::to_owned);
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("OnFailure").and_then(|place| reference(&place["Destination"])));
            found.extend(fields.get("DeadLetterConfig").and_then(|place| reference(&place["Arn"])));
            fields.values().for_each(|field| collect_failure_places(field, found));
        }
        Value::Array(values) => values.iter().for_each(|value| collect_failure_places(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_stream_has_an_alarm_on_its_lag_and_a_place_for_what_it_loses() {
    let (template, watched) = (Template::read(), watched());
    let mut streams = 0;
    for (name, function) in of_type(&template, "AWS::Serverless::Function") {
        let events = function["Properties"]["Events"].as_object().into_iter().flatten();
        for (event, source) in events.filter(|(_, source)| source["Type"] == "DynamoDB") {
            let place = source.pointer("/Properties/DestinationConfig/OnFailure/Destination");
            assert!(place.is_some(), "{name}.{event} loses what fails");
            assert_watched(&watched, &format!("AWS/Lambda IteratorAge FunctionName={name}"));
            streams += 1;
        }
    }
    assert_eq!(streams, 1, "the log has one stream and one reader");
}

#[test]
fn every_target_of_a_rule_or_a_schedule_has_a_bound_of_retries_and_a_place_for_what_fails() {
    let template = Template::read();
    let rules = of_type(&template, "AWS::Events::Rule").flat_map(|(name, rule)| {
        rule["Properties"]["Targets"].as_array().into_iter().flatten().map(move |t| (name, t))
    });
    let schedules = of_type(&template, "AWS::Scheduler::Schedule").map(|(name, s)| (name, &s["Properties"]["Target"]));
    let targets: Vec<(&String, &Value)> = rules.chain(schedules).collect();
    assert!(targets.len() > 10);
    for (name, target) in targets {
        for part in ["DeadLetterConfig", "RetryPolicy"] {
            assert!(target.get(part).is_some(), "a target of {name} has no {part}");
        }
    }
}

#[test]
fn every_table_has_an_alarm_on_throttled_reads_and_writes() {
    let (template, watched) = (Template::read(), watched());
    for (name, _) in of_type(&template, "AWS::DynamoDB::Table") {
        assert_watched(&watched, &format!("AWS/DynamoDB WriteThrottleEvents TableName={name}"));
        assert_watched(&watched, &format!("AWS/DynamoDB ReadThrottleEvents TableName={name}"));
    }
}

#[test]
fn every_synchronous_endpoint_has_an_alarm_on_its_slowest_calls() {
    let watched = watched();
    let endpoints = [
        ("POST", "/checkout/validations"),
        ("POST", "/checkout/holds"),
        ("POST", "/orders"),
        ("GET", "/orders/{order_id}"),
    ];
    for (method, resource) in endpoints {
        let metric = format!("AWS/ApiGateway Latency ApiName=crossdock Stage=v1 Resource={resource} Method={method}");
        assert_watched(&watched, &metric);
    }
}

/// Alarms that are nothing but a condition of another: a part of a conjunction, or what silences it.
fn conditions(alarms: &BTreeMap<String, Alarm>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for composite in composites(alarms).into_values() {
        found.extend(composite.suppressor.clone());
        if matches!(composite.rule, Rule::All(_)) {
            found.extend(composite.rule.children().into_iter().map(str::to_owned));
        }
    }
    found
}

#[test]
fn every_alarm_tells_when_it_goes_off_and_when_it_is_over_and_only_three_page_somebody() {
    let alarms = alarms(&Template::read());
    let conditions = conditions(&alarms);
    for (name, alarm) in &alarms {
        let topic = if PAGING.contains(&name.as_str()) { "AlarmTopic" } else { "OfficeTopic" };
        let expected: Vec<String> = if conditions.contains(name) { vec![] } else { vec![topic.to_owned()] };
        assert_eq!((&alarm.alarm_actions, &alarm.ok_actions), (&expected, &expected), "{name}");
    }
}

#[test]
fn every_alarm_counts_for_one_who_is_paged() {
    let alarms = alarms(&Template::read());
    let (composites, conditions) = (composites(&alarms), conditions(&alarms));
    let mut counted: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for paging in PAGING {
        for child in composites[paging].rule.children() {
            assert!(alarms.contains_key(child), "{paging} names {child}, which is no alarm");
            counted.entry(child).or_default().push(paging);
        }
    }
    for name in alarms.keys().filter(|name| !PAGING.contains(&name.as_str()) && !conditions.contains(*name)) {
        let by = counted.get(name.as_str()).map_or(0, Vec::len);
        assert_eq!(by, 1, "{name} counts for {by} of those who are paged");
    }
}

#[test]
fn only_the_alarm_of_the_books_is_silenced_when_the_office_is_closed() {
    let alarms = alarms(&Template::read());
    for (name, composite) in composites(&alarms) {
        let expected = (name == "FinancialAlarm").then(|| "OfficeIsClosed".to_owned());
        assert_eq!(composite.suppressor, expected, "{name}");
    }
}

/// The local engine refuses composite alarms and those on expressions, and so the whole stack.
#[test]
fn what_the_local_engine_refuses_is_left_out_of_the_local_stack() {
    for (name, alarm) in alarms(&Template::read()) {
        let is_plain = matches!(&alarm.kind, Kind::Metric(metric) if metric.expression == "m");
        assert_eq!(alarm.everywhere, is_plain, "{name}");
    }
}

#[test]
fn alarms_stay_within_what_cloudwatch_takes() {
    let template = Template::read();
    let alarms = alarms(&template);
    for (name, alarm) in metric_alarms(&alarms) {
        assert!(alarm.queries.len() <= MOST_METRICS, "{name} has {} metrics", alarm.queries.len());
    }
    for (name, composite) in composites(&alarms) {
        // A name is the stack's (40), the logical one, and what CloudFormation adds (14).
        let rule: usize = composite.rule.children().iter().map(|child| child.len() + 40 + 14 + 13).sum();
        assert!(rule < 10_240, "{name}: a rule of {rule} characters");
        assert!(composite.rule.children().len() <= 100, "{name} names more than a hundred alarms");
    }
    assert!(template.resources.len() < 500, "CloudFormation takes 500 resources");
    let bytes = std::fs::metadata(root().join("infra/template.yaml")).unwrap().len();
    assert!(bytes < 1_000_000, "CloudFormation takes a megabyte");
}

#[test]
fn every_alarm_names_a_section_that_says_what_to_do() {
    let runbook = std::fs::read_to_string(root().join("docs/operations/alarms.md")).unwrap();
    let sections: BTreeMap<&str, &str> =
        runbook.split("\n## ").skip(1).map(|section| section.split_once('\n').unwrap_or((section, ""))).collect();
    let mut named = BTreeSet::new();
    for (name, alarm) in alarms(&Template::read()) {
        let anchor = alarm.description.split("docs/operations/alarms.md#").nth(1);
        let anchor = anchor.unwrap_or_else(|| panic!("{name} names no runbook")).trim().to_owned();
        let section = sections.get(anchor.as_str()).unwrap_or_else(|| panic!("{name}: alarms.md has no {anchor}"));
        for part in ["**Means**", "**At risk**", "**Look**", "**Do**"] {
            assert!(section.contains(part), "alarms.md#{anchor} has no {part}");
        }
        assert!(runbook.contains(&format!("`{name}`")) || name.ends_with("Errors"), "alarms.md does not list {name}");
        named.insert(anchor);
    }
    let leads_on = |(_, section): &(&&str, &&str)| section.contains("**Do**");
    let unused: Vec<&str> =
        sections.iter().filter(leads_on).map(|(anchor, _)| *anchor).filter(|anchor| !named.contains(*anchor)).collect();
    assert!(unused.is_empty(), "no alarm leads to {unused:?}");
}

/// Whether a metric of ours is one that a function emits, with the dimension that it has.
pub fn assert_emitted(metric: &Metric, by: &str) {
    let known = metrics::ALL.iter().find(|known| known.name == metric.name);
    let known = known.unwrap_or_else(|| panic!("{by}: nobody emits {}", metric.name));
    let dimensions: Vec<&String> = metric.dimensions.keys().collect();
    assert_eq!(dimensions, [known.dimension], "{by}: dimensions of {}", metric.name);
    let value = metric.dimensions.values().next().unwrap();
    let exists = match known.dimension {
        "function" => root().join("functions").join(value).exists(),
        "task" => TaskKind::ALL.iter().any(|kind| kind.to_string() == *value),
        _ => true,
    };
    assert!(exists, "{by}: there is no {} {value}", known.dimension);
}

#[test]
fn whatever_alarms_watch_of_ours_is_emitted() {
    for metric in watched().iter().filter(|metric| metric.namespace == "Crossdock") {
        assert_emitted(metric, "an alarm");
    }
}
