//! The dashboards show what exists, and whatever is emitted is looked at somewhere.

use std::collections::{BTreeMap, BTreeSet};

use crossdock_runner::metrics;
use crossdock_world::Template;
use serde_json::Value;

use crate::coverage::assert_emitted;
use crate::definition::{Kind, Reader, alarms};
use crate::recording::Metric;
use crate::root;

/// Metrics of AWS that are shown or watched.
const OF_AWS: [(&str, &[&str]); 4] = [
    ("AWS/Lambda", &["Errors", "Duration", "Throttles", "Invocations", "ConcurrentExecutions", "IteratorAge"]),
    ("AWS/SQS", &["ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"]),
    ("AWS/DynamoDB", &["ConsumedWriteCapacityUnits", "WriteThrottleEvents", "ReadThrottleEvents"]),
    ("AWS/ApiGateway", &["Count", "4XXError", "5XXError", "Latency", "IntegrationLatency"]),
];

/// Functions that an expression of a dashboard may use.
const KNOWN_FUNCTIONS: [&str; 3] = ["SEARCH", "SUM", "FILL"];

fn bodies(template: &Template) -> BTreeMap<&String, &Value> {
    template
        .resources
        .iter()
        .filter(|(_, resource)| resource["Type"] == "AWS::CloudWatch::Dashboard")
        .map(|(name, resource)| (name, &resource["Properties"]["DashboardBody"]["Fn::ToJsonString"]))
        .collect()
}

/// What a widget shows: metrics, and what it searches for as namespace, dimension and name.
#[derive(Default)]
struct Shown {
    metrics: Vec<Metric>,
    searched: Vec<(String, String)>,
}

impl Shown {
    fn of(reader: &Reader<'_>, widget: &Value) -> Self {
        let mut shown = Self::default();
        for row in widget["properties"]["metrics"].as_array().into_iter().flatten() {
            let row = row.as_array().expect("a metric is a list");
            if let Some(expression) = row[0].get("expression").and_then(Value::as_str) {
                shown.search(expression);
            } else {
                shown.metrics.push(read(reader, row));
            }
        }
        shown
    }

    /// `SEARCH('{Crossdock,task} MetricName="TaskMilliseconds"', …)`
    fn search(&mut self, expression: &str) {
        for function in expression.split('(').filter_map(|before| before.rsplit(|c: char| !c.is_alphanumeric()).next())
        {
            let is_function = function.chars().all(|c| c.is_ascii_uppercase()) && !function.is_empty();
            assert!(!is_function || KNOWN_FUNCTIONS.contains(&function), "{expression}: {function} is not known here");
        }
        for part in expression.split("SEARCH('").skip(1) {
            let (schema, name) = part.split_once("} MetricName=\"").unwrap_or_else(|| panic!("{expression}"));
            let dimension = schema.strip_prefix("{Crossdock,").unwrap_or_else(|| panic!("{expression}"));
            let name = name.split('"').next().unwrap_or_default();
            self.searched.push((name.to_owned(), dimension.to_owned()));
        }
    }
}

fn read(reader: &Reader<'_>, row: &[Value]) -> Metric {
    let row: Vec<String> = row.iter().filter(|part| is_text(part)).map(|part| reader.text(part)).collect();
    assert_eq!(row.len() % 2, 0, "{row:?} has a dimension without a value");
    let dimensions = row[2..].chunks(2).map(|pair| (pair[0].clone(), pair[1].clone()));
    Metric { namespace: row[0].clone(), name: row[1].clone(), dimensions: dimensions.collect() }
}

/// The last part of a row may say how it is drawn.
fn is_text(part: &Value) -> bool {
    part.is_string() || part.is_number() || ["Ref", "GetAtt", "Sub"].iter().any(|key| part.get(key).is_some())
}

fn shown() -> Vec<(String, Shown)> {
    let template = Template::read();
    let reader = Reader { template: &template };
    let widgets = bodies(&template).into_iter().flat_map(|(name, body)| {
        let widgets = body["widgets"].as_array().unwrap_or_else(|| panic!("{name} has no widgets"));
        widgets.iter().map(move |widget| (format!("{name}, {}", widget["properties"]["title"]), widget))
    });
    widgets.map(|(place, widget)| (place, Shown::of(&reader, widget))).collect()
}

#[test]
fn there_is_a_dashboard_of_operations_and_one_of_the_business() {
    let names: Vec<String> = bodies(&Template::read()).into_keys().cloned().collect();
    assert_eq!(names, ["BusinessDashboard", "Dashboard"]);
}

#[test]
fn dashboards_show_metrics_that_exist() {
    for (place, shown) in shown() {
        assert!(!shown.metrics.is_empty() || !shown.searched.is_empty(), "{place} shows nothing");
        for metric in &shown.metrics {
            if metric.namespace == "Crossdock" {
                assert_emitted(metric, &place);
                continue;
            }
            let known = OF_AWS.iter().find(|(namespace, _)| *namespace == metric.namespace);
            let (_, names) = known.unwrap_or_else(|| panic!("{place}: {} is not known here", metric.namespace));
            assert!(names.contains(&metric.name.as_str()), "{place}: {} has no {}", metric.namespace, metric.name);
        }
        for (name, dimension) in &shown.searched {
            let exists = metrics::ALL.iter().any(|metric| metric.name == name && metric.dimension == dimension);
            assert!(exists, "{place}: nobody emits {name} by {dimension}");
        }
    }
}

#[test]
fn widgets_lie_beside_each_other() {
    let template = Template::read();
    for (name, body) in bodies(&template) {
        let mut taken = BTreeSet::new();
        for widget in body["widgets"].as_array().unwrap() {
            let of = |key: &str| widget[key].as_u64().unwrap_or_else(|| panic!("{name}: a widget without {key}"));
            let (right, below) = (of("x") + of("width"), of("y") + of("height"));
            assert!(right <= 24, "{name}: {} is too wide", widget["properties"]["title"]);
            for place in (of("x")..right).flat_map(|x| (of("y")..below).map(move |y| (x, y))) {
                assert!(taken.insert(place), "{name}: {} covers another", widget["properties"]["title"]);
            }
        }
    }
}

#[test]
fn whatever_is_emitted_is_shown_or_watched() {
    let mut looked_at: BTreeSet<String> = BTreeSet::new();
    for (_, shown) in shown() {
        looked_at.extend(shown.metrics.into_iter().map(|metric| metric.name));
        looked_at.extend(shown.searched.into_iter().map(|(name, _)| name));
    }
    for alarm in alarms(&Template::read()).into_values() {
        if let Kind::Metric(metric) = alarm.kind {
            looked_at.extend(metric.queries.into_values().map(|query| query.metric.name));
        }
    }
    let unseen: Vec<&str> =
        metrics::ALL.iter().map(|metric| metric.name).filter(|name| !looked_at.contains(*name)).collect();
    assert!(unseen.is_empty(), "nobody looks at {unseen:?}");
}

#[test]
fn every_metric_is_described_as_it_is_emitted() {
    let text = std::fs::read_to_string(root().join("docs/operations/metrics.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `") && line.matches('|').count() == 5);
    let described: BTreeSet<(String, String, String)> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
            (cells[1].to_owned(), cells[2].to_owned(), cells[3].to_owned())
        })
        .collect();
    let of = |metric: &crossdock_step::telemetry::Metric| {
        (metric.name.to_owned(), metric.unit.name().to_owned(), metric.dimension.to_owned())
    };
    let emitted: BTreeSet<(String, String, String)> = metrics::ALL.iter().map(of).collect();
    assert_eq!(described, emitted, "docs/operations/metrics.md and shared/runner/src/metrics.rs differ");
}
