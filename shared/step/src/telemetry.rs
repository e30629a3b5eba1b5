//! Logs: one structured line per step, as JSON. Metrics: as few lines per invocation as can be, in CloudWatch's Embedded
//! Metric Format.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
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

/// Where all metrics stand.
pub const NAMESPACE: &str = "Crossdock";

/// The dimension of whatever has no other: the function's name.
pub const FUNCTION: &str = "function";

/// Values of one metric that one line may hold (*Specification: Embedded metric format*).
const MOST_VALUES: usize = 100;

/// What a metric counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// How many. Values of one invocation are added up.
    Count,
    /// How long; each value is kept, for percentiles.
    Milliseconds,
    /// How long; each value is kept, for percentiles.
    Seconds,
    /// A share of a hundred.
    Percent,
    /// Minor units of a currency. Values of one invocation are added up.
    Minor,
}

impl Unit {
    /// As CloudWatch calls it, which knows no money.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::Seconds => "Seconds",
            Self::Percent => "Percent",
            Self::Minor => "None",
        }
    }

    const fn adds_up(self) -> bool {
        matches!(self, Self::Count | Self::Minor)
    }
}

/// A metric. It has exactly one dimension, so that what it costs can be told beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it counts in.
    pub unit: Unit,
    /// Its dimension.
    pub dimension: &'static str,
}

impl Metric {
    /// A metric of a function.
    #[must_use]
    pub const fn new(name: &'static str, unit: Unit) -> Self {
        Self { name, unit, dimension: FUNCTION }
    }

    /// The same, told apart by something else.
    #[must_use]
    pub const fn by(self, dimension: &'static str) -> Self {
        Self { dimension, ..self }
    }
}

/// What one invocation of a function has measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metrics {
    function: &'static str,
    /// By dimension, its value and the metric's name.
    values: BTreeMap<(&'static str, String, &'static str), (Unit, Vec<i64>)>,
}

impl Metrics {
    /// Nothing yet.
    #[must_use]
    pub const fn of(function: &'static str) -> Self {
        Self { function, values: BTreeMap::new() }
    }

    /// Notes a value of a metric of the function.
    pub fn add(&mut self, metric: Metric, value: i64) {
        self.add_for(metric, self.function, value);
    }

    /// Notes a value of a metric that is told apart by something else than the function.
    pub fn add_for(&mut self, metric: Metric, of: impl Into<String>, value: i64) {
        let key = (metric.dimension, of.into(), metric.name);
        let (_, values) = self.values.entry(key).or_insert((metric.unit, Vec::new()));
        match values.first_mut().filter(|_| metric.unit.adds_up()) {
            Some(sum) => *sum = sum.saturating_add(value),
            None => values.push(value),
        }
    }

    /// The lines that hold all of it: one, unless a dimension has several values or a metric more than a line may hold.
    #[must_use]
    pub fn lines(&self, at: Timestamp) -> Vec<String> {
        let mut lines: Vec<Record> = Vec::new();
        for ((dimension, of, name), (unit, values)) in &self.values {
            for values in values.chunks(MOST_VALUES) {
                let line = match lines.iter().position(|line| line.takes((dimension, of), name)) {
                    Some(at) => &mut lines[at],
                    None => {
                        lines.push(Record::of(self.function));
                        let last = lines.len() - 1;
                        &mut lines[last]
                    }
                };
                line.add((dimension, of), (name, *unit), values);
            }
        }
        lines.into_iter().map(|line| line.written(at)).collect()
    }

    /// Prints them.
    #[expect(clippy::print_stdout, reason = "EMF is read from standard output, and must not be wrapped by the logger")]
    pub fn print(&self, at: Timestamp) {
        for line in self.lines(at) {
            println!("{line}");
        }
    }
}

/// One line: a dimension has one value in it.
struct Record {
    members: Map<String, Value>,
    directives: BTreeMap<&'static str, Vec<Value>>,
}

impl Record {
    fn of(function: &'static str) -> Self {
        let members = [(FUNCTION.to_owned(), json!(function))].into_iter().collect();
        Self { members, directives: BTreeMap::new() }
    }

    fn takes(&self, what: (&str, &str), name: &str) -> bool {
        let (dimension, of) = what;
        self.members.get(dimension).is_none_or(|known| known == of) && !self.members.contains_key(name)
    }

    fn add(&mut self, what: (&'static str, &str), metric: (&str, Unit), values: &[i64]) {
        let ((dimension, of), (name, unit)) = (what, metric);
        self.members.insert(dimension.to_owned(), json!(of));
        self.members.insert(name.to_owned(), if let [one] = values { json!(one) } else { json!(values) });
        self.directives.entry(dimension).or_default().push(json!({ "Name": name, "Unit": unit.name() }));
    }

    fn written(self, at: Timestamp) -> String {
        let directive = |(dimension, metrics): (&str, Vec<Value>)| json!({ "Namespace": NAMESPACE, "Dimensions": [[dimension]], "Metrics": metrics });
        let directives: Vec<Value> = self.directives.into_iter().map(directive).collect();
        let mut line = self.members;
        line.insert("_aws".into(), json!({ "Timestamp": at.as_millisecond(), "CloudWatchMetrics": directives }));
        Value::Object(line).to_string()
    }
}

/// The metrics of an invocation that is under way, for whoever takes part in it.
#[derive(Debug, Clone)]
pub struct Tally(Arc<Mutex<Metrics>>);

impl Tally {
    /// Nothing yet.
    #[must_use]
    pub fn of(function: &'static str) -> Self {
        Self(Arc::new(Mutex::new(Metrics::of(function))))
    }

    /// Notes a value of a metric of the function.
    pub fn add(&self, metric: Metric, value: i64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).add(metric, value);
    }

    /// Notes a value of a metric that is told apart by something else than the function.
    pub fn add_for(&self, metric: Metric, of: impl Into<String>, value: i64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).add_for(metric, of, value);
    }

    /// Takes out what was noted: the next invocation begins with nothing.
    #[must_use]
    pub fn take(&self) -> Metrics {
        let mut metrics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let empty = Metrics::of(metrics.function);
        std::mem::replace(&mut *metrics, empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DONE: Metric = Metric::new("Done", Unit::Count);
    const TOOK: Metric = Metric::new("Took", Unit::Milliseconds).by("task");
    const FAILED: Metric = Metric::new("Failed", Unit::Count).by("class");

    fn lines(metrics: &Metrics) -> Vec<Value> {
        let lines = metrics.lines(Timestamp::UNIX_EPOCH);
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn whatever_has_one_value_of_each_dimension_is_one_line() {
        let mut metrics = Metrics::of("post-to-erp");
        metrics.add(DONE, 1);
        metrics.add(DONE, 2);
        metrics.add_for(TOOK, "post_invoice", 40);
        metrics.add_for(TOOK, "post_invoice", 60);
        metrics.add_for(FAILED, "refused", 1);
        let directive = |dimension: &str, name: &str, unit: &str| json!({ "Namespace": "Crossdock", "Dimensions": [[dimension]], "Metrics": [{ "Name": name, "Unit": unit }] });
        let expected = json!({
            "_aws": { "Timestamp": 0, "CloudWatchMetrics": [
                directive("class", "Failed", "Count"),
                directive("function", "Done", "Count"),
                directive("task", "Took", "Milliseconds"),
            ] },
            "function": "post-to-erp", "task": "post_invoice", "class": "refused",
            "Done": 3, "Took": [40, 60], "Failed": 1,
        });
        assert_eq!(lines(&metrics), [expected]);
    }

    #[test]
    fn a_second_value_of_a_dimension_is_a_second_line() {
        let mut metrics = Metrics::of("post-to-erp");
        metrics.add_for(TOOK, "post_deposit", 1);
        metrics.add_for(TOOK, "post_invoice", 2);
        metrics.add_for(FAILED, "refused", 1);
        let lines = lines(&metrics);
        assert_eq!(lines.len(), 2);
        assert_eq!((&lines[0]["task"], &lines[1]["task"]), (&json!("post_deposit"), &json!("post_invoice")));
        assert_eq!((&lines[0]["class"], &lines[1]["class"]), (&json!("refused"), &Value::Null));
    }

    #[test]
    fn a_line_holds_a_hundred_values_of_a_metric() {
        let mut metrics = Metrics::of("allocate-order");
        (0..130).for_each(|value| metrics.add_for(TOOK, "allocate", value));
        let lengths: Vec<usize> = lines(&metrics).iter().map(|line| line["Took"].as_array().unwrap().len()).collect();
        assert_eq!(lengths, [100, 30]);
    }

    #[test]
    fn what_was_taken_out_is_not_told_again_and_nothing_is_no_line() {
        let tally = Tally::of("post-to-erp");
        tally.add(DONE, 1);
        assert_eq!(lines(&tally.take()).len(), 1);
        assert_eq!(lines(&tally.take()).len(), 0);
    }
}

#[cfg(test)]
mod lines {
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
