//! Logs: one structured line per step, as JSON.

use tracing_subscriber::filter::LevelFilter;

/// Starts logging to standard output as JSON, at the level that is named (`info` if none is, or none that exists).
pub fn start(level: Option<&str>) {
    let level = level.and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_target(false)
        .with_current_span(false)
        .with_max_level(level);
    // A second call (tests) changes nothing.
    let _ = started.try_init();
}

/// Counts in CloudWatch's Embedded Metric Format, printed as a line of its own.
#[expect(clippy::print_stdout, reason = "EMF is read from standard output, and must not be wrapped by the logger")]
pub fn metric(at: jiff::Timestamp, function: &str, counts: &[(&str, usize)]) {
    let definitions: Vec<_> =
        counts.iter().map(|(name, _)| serde_json::json!({ "Name": name, "Unit": "Count" })).collect();
    let mut line = serde_json::json!({
        "_aws": {
            "Timestamp": at.as_millisecond(),
            "CloudWatchMetrics": [{ "Namespace": "Crossdock", "Dimensions": [["function"]], "Metrics": definitions }],
        },
        "function": function,
    });
    for (name, count) in counts {
        line[*name] = serde_json::json!(count);
    }
    println!("{line}");
}
