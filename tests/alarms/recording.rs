//! Recorded metrics: what was sampled in each minute of each metric.

use std::collections::BTreeMap;

use serde_json::Value;

/// A metric: namespace, name and dimensions, as in `AWS/SQS ApproximateAgeOfOldestMessage QueueName=ErpQueue`. Functions,
/// queues and tables stand under their logical names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The dimensions.
    pub dimensions: BTreeMap<String, String>,
}

impl Metric {
    /// Reads one.
    ///
    /// # Panics
    /// It has no namespace, no name, or a dimension without a value.
    pub fn read(text: &str) -> Self {
        let mut parts = text.split(' ').map(str::to_owned);
        let (namespace, name) = parts.next().zip(parts.next()).unwrap_or_else(|| panic!("'{text}' is no metric"));
        let pair = |part: String| {
            let (key, value) = part.split_once('=').unwrap_or_else(|| panic!("'{text}': '{part}' is no dimension"));
            (key.to_owned(), value.to_owned())
        };
        Self { namespace, name, dimensions: parts.map(pair).collect() }
    }
}

/// Values of one minute, each with how often it was sampled.
pub type Samples = Vec<(f64, f64)>;

/// The minutes of one metric. Before the first minute it was as in the first one.
#[derive(Debug, Clone, PartialEq)]
pub struct Series(Vec<Samples>);

impl Series {
    /// Reads runs of minutes: `[minutes, value]`. A value is a number, null where nothing was sampled, or a list of
    /// `[times, number]` where the minute has several samples.
    ///
    /// # Panics
    /// It cannot be read.
    pub fn read(runs: &Value) -> Self {
        let runs = runs.as_array().expect("runs are a list");
        let minutes = runs.iter().flat_map(|run| {
            let minutes = run[0].as_u64().unwrap_or_else(|| panic!("{run} does not begin with minutes"));
            let samples = match &run[1] {
                Value::Null => Vec::new(),
                Value::Array(several) => several.iter().map(|part| (number(&part[1]), number(&part[0]))).collect(),
                value @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
                    vec![(number(value), 1.0)]
                }
            };
            vec![samples; usize::try_from(minutes).expect("few minutes")]
        });
        Self(minutes.collect())
    }

    /// How many minutes are recorded.
    pub fn minutes(&self) -> usize {
        self.0.len()
    }

    fn minute(&self, at: i64) -> &[(f64, f64)] {
        let last = self.0.len().saturating_sub(1);
        let at = usize::try_from(at).unwrap_or(0).min(last);
        self.0.get(at).map_or(&[], Vec::as_slice)
    }

    /// A statistic over the minutes from one up to, but not including, another; nothing where nothing was sampled.
    pub fn statistic(&self, name: &str, minutes: std::ops::Range<i64>) -> Option<f64> {
        let samples: Samples = minutes.flat_map(|at| self.minute(at)).copied().collect();
        if samples.is_empty() {
            return None;
        }
        let sum = || samples.iter().map(|(value, times)| value * times).sum::<f64>();
        let times = || samples.iter().map(|(_, times)| times).sum::<f64>();
        Some(match name {
            "Sum" => sum(),
            "SampleCount" => times(),
            "Average" => sum() / times(),
            "Minimum" => samples.iter().map(|(value, _)| *value).fold(f64::INFINITY, f64::min),
            "Maximum" => samples.iter().map(|(value, _)| *value).fold(f64::NEG_INFINITY, f64::max),
            percentile => percent(percentile).map_or_else(
                || panic!("no statistic is called {percentile}"),
                |percent| nearest_rank(samples, percent),
            ),
        })
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn percent(statistic: &str) -> Option<f64> {
    statistic.strip_prefix('p')?.parse().ok()
}

/// The smallest value that is not exceeded by so many percent of the samples.
fn nearest_rank(mut samples: Samples, percent: f64) -> f64 {
    samples.sort_by(|(left, _), (right, _)| left.total_cmp(right));
    let all: f64 = samples.iter().map(|(_, times)| times).sum();
    let mut seen = 0.0;
    for (value, times) in &samples {
        seen += times;
        if seen >= all * percent / 100.0 {
            return *value;
        }
    }
    samples.last().map_or(0.0, |(value, _)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_metric_is_read_with_its_dimensions() {
        let metric = Metric::read("AWS/ApiGateway Latency ApiName=crossdock Stage=v1");
        assert_eq!((metric.namespace.as_str(), metric.name.as_str()), ("AWS/ApiGateway", "Latency"));
        assert_eq!(metric.dimensions.len(), 2);
    }

    #[test]
    fn statistics_are_of_all_samples_of_the_minutes() {
        let series = Series::read(&json!([[1, 4], [1, null], [1, [[2, 1], [1, 10]]]]));
        let of = |statistic, minutes| series.statistic(statistic, minutes);
        assert_eq!(of("Sum", 0..3), Some(16.0));
        assert_eq!(of("SampleCount", 0..3), Some(4.0));
        assert_eq!(of("Average", 2..3), Some(4.0));
        assert_eq!((of("Minimum", 0..3), of("Maximum", 0..3)), (Some(1.0), Some(10.0)));
        assert_eq!(of("Sum", 1..2), None, "nothing was sampled");
        assert_eq!(of("Sum", -3..1), Some(16.0), "before the first minute it was as in the first one");
    }

    #[test]
    fn a_percentile_is_exceeded_by_the_rest() {
        let series = Series::read(&json!([[1, [[98, 40], [2, 900]]]]));
        assert_eq!(series.statistic("p99", 0..1), Some(900.0));
        assert_eq!(series.statistic("p98", 0..1), Some(40.0));
        assert_eq!(series.statistic("p50", 0..1), Some(40.0));
    }
}
