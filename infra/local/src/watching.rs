//! `logs`, `invoke` and `status`: looking at the running stack.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::aws::{Client, LOGS, accepted, http};
use crate::report::Report;
use crate::services::{ALL, Services};
use crate::site::Site;
use crate::stack::Stack;
use crate::trouble::Trouble;

const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Prints what functions have logged, oldest first, and goes on when following.
pub(crate) async fn logs(site: &Site, report: &Report, function: Option<String>, follow: bool) -> Result<(), Trouble> {
    let stack = Stack::read(site)?;
    let names: Vec<&String> = match &function {
        Some(name) => stack.function(name).map(|_| vec![name])?,
        None => stack.functions.keys().collect(),
    };
    let client = Client::to(&stack.aws)?;
    let (mut shown, mut since) = (BTreeSet::new(), 0);
    loop {
        let mut events = Vec::new();
        for name in &names {
            let group = format!("/aws/lambda/{}", stack.function(name)?);
            events.extend(events_of(&client, &group, since).await?.into_iter().map(|event| (event, name.as_str())));
        }
        events.sort_by_key(|(event, _)| event.at_ms);
        for (event, name) in events {
            since = since.max(event.at_ms);
            if shown.insert(event.id.clone()) && !is_bookkeeping(&event.message) {
                report.line(format!("{name:<20} {}", event.message));
            }
        }
        if !follow {
            return Ok(());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Said by the runtime about each invocation, not by us.
fn is_bookkeeping(message: &str) -> bool {
    ["START RequestId", "END RequestId", "REPORT RequestId", "INIT_START"]
        .iter()
        .any(|start| message.starts_with(start))
}

/// One line of a log.
#[derive(Debug)]
pub(crate) struct LogEvent {
    /// Tells it from all others of its group.
    pub(crate) id: (u64, String, String),
    pub(crate) at_ms: u64,
    pub(crate) message: String,
}

/// What was logged in a group since a moment, in milliseconds of Unix time. A group that nobody has written to is empty.
pub(crate) async fn events_of(client: &Client, group: &str, since_ms: u64) -> Result<Vec<LogEvent>, Trouble> {
    let input = json!({ "logGroupName": group, "startTime": since_ms });
    match client.call(LOGS, "FilterLogEvents", &input).await {
        Err(Trouble::Refused { body, .. }) if body.contains("ResourceNotFoundException") => Ok(Vec::new()),
        page => Ok(page?["events"].as_array().into_iter().flatten().map(read_event).collect()),
    }
}

fn read_event(event: &Value) -> LogEvent {
    let text = |field: &str| event[field].as_str().unwrap_or_default().trim_end().to_owned();
    let at_ms = event["timestamp"].as_u64().unwrap_or_default();
    LogEvent { id: (at_ms, text("logStreamName"), text("message")), at_ms, message: text("message") }
}

/// Now, as logs count time.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Runs one deployed function and prints its answer.
pub(crate) async fn invoke(site: &Site, report: &Report, name: &str, file: Option<PathBuf>) -> Result<(), Trouble> {
    let stack = Stack::read(site)?;
    let function = stack.function(name)?;
    let path = file.unwrap_or_else(|| site.path(&format!("events/invoke/{name}.json")));
    let payload = std::fs::read_to_string(&path).map_err(Trouble::file(&path))?;
    let answer = Client::to(&stack.aws)?.invoke(function, payload).await?;
    report.line(format!("{:#}", answer.payload));
    if answer.failed { Err(Trouble::FunctionFailed(name.to_owned())) } else { Ok(()) }
}

/// Prints what runs, where, and whether it answers.
pub(crate) async fn status(site: &Site, report: &Report, services: &Services<'_>) -> Result<(), Trouble> {
    for name in ALL {
        let state =
            services.running(name).map_or("not running".into(), |service| format!("running, pid {}", service.pid));
        report.line(format!("{name:<12} {state}"));
    }
    let stack = Stack::read(site)?;
    let http = http()?;
    let engine = accepted(http.get(format!("{}/_ministack/ready", stack.aws.endpoint))).await;
    report.line(format!("{:<12} {} {}", "aws", stack.aws.endpoint, health(engine.is_ok())));
    report.line(format!("{:<12} {}", "api", stack.api));
    for (name, url) in &stack.sandboxes {
        let answer = accepted(http.get(format!("{url}/_sandbox/health"))).await;
        report.line(format!("{name:<12} {url} {}", health(answer.is_ok())));
    }
    report.line(format!("{:<12} {}", "described in", Stack::place(site)?.display()));
    Ok(())
}

fn health(well: bool) -> &'static str {
    if well { "healthy" } else { "DOES NOT ANSWER" }
}
