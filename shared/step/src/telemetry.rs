//! Logs: one structured line per step, as JSON.

use tracing_subscriber::EnvFilter;

/// Starts logging to standard output as JSON, at the level that `directives` names (`info` if it names none).
pub fn start(directives: Option<&str>) {
    let filter = EnvFilter::try_new(directives.unwrap_or("info")).unwrap_or_else(|_| EnvFilter::new("info"));
    let started =
        tracing_subscriber::fmt().json().flatten_event(true).with_target(false).with_current_span(false).with_env_filter(filter);
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
