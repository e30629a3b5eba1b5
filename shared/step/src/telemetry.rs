//! Logs: one structured line per step, as JSON. Metrics: as few lines per invocation as can be, in CloudWatch's Embedded
//! Metric Format.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
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
        let mut lines: Vec<Line> = Vec::new();
        for ((dimension, of, name), (unit, values)) in &self.values {
            for values in values.chunks(MOST_VALUES) {
                let line = match lines.iter().position(|line| line.takes((dimension, of), name)) {
                    Some(at) => &mut lines[at],
                    None => {
                        lines.push(Line::of(self.function));
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
struct Line {
    members: Map<String, Value>,
    directives: BTreeMap<&'static str, Vec<Value>>,
}

impl Line {
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
