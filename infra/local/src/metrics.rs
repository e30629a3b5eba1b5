//! Forwards embedded metrics from the functions' log lines to the local `CloudWatch`, as AWS does by itself and the local
//! engine does not. Runs as a process of its own beside the stack.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::process::Command;

use crate::aws::{CLOUDWATCH, Client};
use crate::services::{METRICS, Services};
use crate::site::Site;
use crate::stack::Stack;
use crate::trouble::Trouble;
use crate::watching::{events_of, now_ms};

/// An alarm may be this late; asking more often would cost the engine's one process more than it is worth.
const LOOK_AGAIN: Duration = Duration::from_secs(3);
/// Lines of one moment are not written at once: the last seconds are read again.
const OVERLAP_MS: u64 = 5_000;
const FAILURES_IN_A_ROW: u32 = 10;

/// Starts the forwarder unless it runs.
pub(crate) fn ensure(site: &Site, services: &Services<'_>) -> Result<(), Trouble> {
    if services.running(METRICS).is_some() {
        return Ok(());
    }
    let program = std::env::current_exe().map_err(Trouble::file("cargo local"))?;
    let mut command = Command::new(program);
    command.arg("metrics").arg("--root").arg(site.root());
    services.start(METRICS, command).map(|_| ())
}

/// Forwards until it is stopped, or until nothing has answered for a while: then the stack is gone.
pub(crate) async fn forward(site: &Site) -> Result<(), Trouble> {
    let mut forwarder = Forwarder { since_ms: now_ms().saturating_sub(OVERLAP_MS), forwarded: BTreeSet::new() };
    let mut failures = 0;
    loop {
        // Read anew each time: another deployment may have changed what is in it.
        match forwarder.round(&Stack::read(site)?).await {
            Ok(()) => failures = 0,
            Err(trouble) if failures >= FAILURES_IN_A_ROW => return Err(trouble),
            Err(_busy_perhaps) => failures += 1,
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

struct Forwarder {
    since_ms: u64,
    forwarded: BTreeSet<(u64, String, String)>,
}

impl Forwarder {
    async fn round(&mut self, stack: &Stack) -> Result<(), Trouble> {
        let (client, looked_ms) = (Client::to(&stack.aws)?, now_ms());
        for function in stack.functions.values() {
            for event in events_of(&client, &format!("/aws/lambda/{function}"), self.since_ms).await? {
                if self.forwarded.contains(&event.id) {
                    continue;
                }
                for (namespace, data) in read_embedded(&event.message) {
                    let input = json!({ "Namespace": namespace, "MetricData": data });
                    client.call(CLOUDWATCH, "PutMetricData", &input).await?;
                }
                self.forwarded.insert(event.id);
            }
        }
        self.since_ms = looked_ms.saturating_sub(OVERLAP_MS);
        self.forwarded.retain(|(at_ms, ..)| *at_ms >= self.since_ms);
        Ok(())
    }
}

/// The metrics of one line in the embedded metric format, by namespace. Any other line has none.
fn read_embedded(line: &str) -> Vec<(String, Vec<Value>)> {
    let Ok(record) = serde_json::from_str::<Map<String, Value>>(line) else {
        return Vec::new();
    };
    let directives = record.get("_aws").and_then(|aws| aws["CloudWatchMetrics"].as_array());
    directives.into_iter().flatten().filter_map(|directive| read_directive(directive, &record)).collect()
}

fn read_directive(directive: &Value, record: &Map<String, Value>) -> Option<(String, Vec<Value>)> {
    let namespace = directive["Namespace"].as_str()?.to_owned();
    let none = vec![json!([])];
    let sets = directive["Dimensions"].as_array().filter(|sets| !sets.is_empty()).unwrap_or(&none);
    let data = directive["Metrics"]
        .as_array()?
        .iter()
        .flat_map(|metric| sets.iter().filter_map(|set| datum(metric, set, record)))
        .collect();
    Some((namespace, data))
}

fn datum(metric: &Value, set: &Value, record: &Map<String, Value>) -> Option<Value> {
    let name = metric["Name"].as_str()?;
    let value = record.get(name)?;
    let dimensions: Option<Vec<Value>> = set
        .as_array()?
        .iter()
        .map(|key| Some(json!({ "Name": key, "Value": record.get(key.as_str()?)?.as_str()? })))
        .collect();
    let mut datum = json!({
        "MetricName": name,
        "Dimensions": dimensions?,
        "Unit": metric["Unit"].as_str().unwrap_or("None"),
    });
    let field = if value.is_array() { "Values" } else { "Value" };
    datum[field] = value.clone();
    Some(datum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_read_once_for_each_set_of_dimensions() {
        let line = json!({
            "_aws": { "Timestamp": 1, "CloudWatchMetrics": [{
                "Namespace": "Crossdock",
                "Dimensions": [["connection"], []],
                "Metrics": [{ "Name": "parked", "Unit": "Count" }],
            }] },
            "connection": "shopify-uk", "parked": 2, "message": "3PL refused the address",
        });
        let expected = vec![(
            "Crossdock".to_owned(),
            vec![
                json!({ "MetricName": "parked", "Unit": "Count", "Value": 2,
                "Dimensions": [{ "Name": "connection", "Value": "shopify-uk" }] }),
                json!({ "MetricName": "parked", "Unit": "Count", "Value": 2, "Dimensions": [] }),
            ],
        )];
        assert_eq!(read_embedded(&line.to_string()), expected);
    }

    #[test]
    fn a_metric_without_its_value_or_dimension_is_left_out() {
        let line = json!({
            "_aws": { "CloudWatchMetrics": [{
                "Namespace": "Crossdock", "Dimensions": [["connection"]], "Metrics": [{ "Name": "parked" }],
            }] },
            "parked": 2,
        });
        assert_eq!(read_embedded(&line.to_string()), vec![("Crossdock".to_owned(), vec![])]);
    }

    #[test]
    fn an_ordinary_line_has_no_metrics() {
        assert!(read_embedded("START RequestId: 1").is_empty());
        assert!(read_embedded(r#"{"level": "INFO", "message": "done"}"#).is_empty());
    }
}
