//! Logs: one structured line per step, as JSON.

use std::fmt;

use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

use crate::trace::Trace;

/// Starts logging to standard output as JSON, at the level that is named (`info` if none is, or none that exists).
pub fn start(level: Option<&str>) {
    let level = level.and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    // A second call (tests) changes nothing.
    let _ = tracing_subscriber::fmt().event_format(Lines).with_max_level(level).try_init();
}

/// Formats a line as one flat JSON object. What is being followed ([`Trace`]) stands on its top level, also where the
/// line does not say it itself, so that one filter finds every line of an order.
struct Lines;

impl<S, N> FormatEvent<S, N> for Lines
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &tracing::Event<'_>,
    ) -> fmt::Result {
        let mut line = Line(Map::new());
        line.put("timestamp", json!(jiff::Timestamp::now()));
        line.put("level", json!(event.metadata().level().as_str()));
        if let Some(trace) = Trace::current() {
            line.put("correlation_id", json!(trace.correlation_id()));
            if let Some(parent) = trace.parent_span_id() {
                line.put("parent_span_id", json!(parent));
            }
        }
        // Last, because what a line says itself counts more.
        event.record(&mut line);
        writeln!(writer, "{}", Value::Object(line.0))
    }
}

/// A line's fields.
struct Line(Map<String, Value>);

impl Line {
    fn put(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }
}

impl Visit for Line {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), json!(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), json!(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), json!(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field.name(), json!(format!("{value:?}")));
    }
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

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn lines_of(work: impl Future<Output = ()>) -> Vec<Value> {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt().event_format(Lines).with_writer(move || writer.clone()).finish();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        tracing::subscriber::with_default(subscriber, || runtime.block_on(work));
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn every_line_says_on_its_top_level_what_it_is_about() {
        let lines = lines_of(async {
            tracing::info!("before");
            let parent = crate::trace::TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
            let trace = Arc::new(Trace::new("of-the-request").under(parent));
            let work = async {
                tokio::task::yield_now().await;
                tracing::warn!(order = %"web-uk.1", tries = 3, sure = true, "not done");
                tracing::info!(correlation_id = "of-the-order", "said");
            };
            trace.follow(work).await;
            tracing::info!("after");
        });
        assert!(lines[0].get("correlation_id").is_none() && lines[3].get("correlation_id").is_none());
        assert_eq!(lines[1]["correlation_id"], "of-the-request");
        assert_eq!(lines[1]["parent_span_id"], "00f067aa0ba902b7");
        assert_eq!((&lines[1]["message"], &lines[1]["level"]), (&json!("not done"), &json!("WARN")));
        assert_eq!((&lines[1]["order"], &lines[1]["tries"]), (&json!("web-uk.1"), &json!(3)));
        assert_eq!(lines[1]["sure"], true);
        assert_eq!(lines[2]["correlation_id"], "of-the-order", "what a line says itself counts more");
        assert!(lines[1]["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    }

    #[test]
    fn two_at_once_are_not_taken_for_one_another() {
        let work = |id: &'static str| {
            let trace = Arc::new(Trace::new(id));
            trace.follow(async move {
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                    tracing::info!(own = id, "at work");
                }
            })
        };
        let lines = lines_of(async {
            futures_util::future::join(work("a"), work("b")).await;
        });
        assert_eq!(lines.len(), 6);
        assert!(lines.iter().all(|line| line["own"] == line["correlation_id"]), "{lines:?}");
    }
}
