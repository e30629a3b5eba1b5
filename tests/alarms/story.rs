//! What happened, as recorded: the fixtures in `recorded/`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::recording::{Metric, Series};

/// A story as its file tells it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    happened: String,
    /// Tells the story once for each; `$it` stands for it.
    #[serde(default)]
    for_each: Vec<String>,
    /// Runs of minutes, by metric.
    metrics: BTreeMap<String, Value>,
    /// The alarms that go off, and no other.
    alarms: Vec<String>,
    /// What whoever is paged hears, where it matters when: minute, alarm and state.
    paged: Option<Vec<String>>,
}

/// A story.
#[derive(Debug, Clone)]
pub struct Story {
    /// What happened.
    pub happened: String,
    /// The metrics.
    pub recorded: BTreeMap<Metric, Series>,
    /// The alarms that go off, and no other.
    pub alarms: BTreeSet<String>,
    /// What whoever is paged hears.
    pub paged: Option<Vec<String>>,
}

impl Story {
    /// Minutes that it lasts.
    pub fn minutes(&self) -> i64 {
        let longest = self.recorded.values().map(Series::minutes).max().unwrap_or_default();
        i64::try_from(longest).expect("few minutes")
    }
}

/// What is recorded while nothing happens: an alarm on what is missing needs it.
fn ordinary() -> BTreeMap<Metric, Series> {
    [("AWS/Lambda Invocations FunctionName=WatchDeadlines", "[[1, 1]]")]
        .into_iter()
        .map(|(metric, runs)| (Metric::read(metric), Series::read(&serde_json::from_str(runs).expect("JSON"))))
        .collect()
}

/// All stories.
///
/// # Panics
/// A file cannot be read.
pub fn stories() -> Vec<Story> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("alarms/recorded");
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("recordings").map(|file| file.expect("a file").path()).collect();
    files.sort();
    files.iter().flat_map(|file| told_in(file)).collect()
}

fn told_in(file: &Path) -> Vec<Story> {
    let text = fs::read_to_string(file).expect("a file");
    let written: Vec<Written> =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    written.into_iter().flat_map(each).collect()
}

fn each(written: Written) -> Vec<Story> {
    let names = if written.for_each.is_empty() { vec![String::new()] } else { written.for_each.clone() };
    let story = |name: &String| {
        let put = |text: &str| text.replace("$it", name);
        let mut recorded = ordinary();
        recorded.extend(written.metrics.iter().map(|(metric, runs)| (Metric::read(&put(metric)), Series::read(runs))));
        Story {
            happened: put(&written.happened),
            recorded,
            alarms: written.alarms.iter().map(|alarm| put(alarm)).collect(),
            paged: written.paged.clone(),
        }
    };
    names.iter().map(story).collect()
}
