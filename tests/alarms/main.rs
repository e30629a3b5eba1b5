//! Every alarm of `infra/template.yaml`, seen going off and back: recorded metrics are replayed through its own
//! definition, evaluated as CloudWatch documents it. And the template's law about alarms and dashboards.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod coverage;
mod dashboards;
mod definition;
mod evaluation;
mod expression;
mod recording;
mod rule;
mod story;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crossdock_world::Template;

use definition::alarms;
use evaluation::{Outcome, State, replay};
use story::{Story, stories};

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What whoever is paged hears.
fn paged(outcome: &Outcome) -> Vec<String> {
    let word = |state| if state == State::Alarm { "ALARM" } else { "OK" };
    let heard = outcome.told.iter().filter(|told| told.topic == "AlarmTopic");
    heard.map(|told| format!("{} {} {}", told.minute, told.alarm, word(told.state))).collect()
}

/// Alarms that have gone off.
fn gone_off(outcome: &Outcome) -> BTreeSet<String> {
    let off = |changes: &[(i64, State)]| changes.iter().any(|(_, state)| *state == State::Alarm);
    outcome.changes.iter().filter(|(_, changes)| off(changes)).map(|(name, _)| name.clone()).collect()
}

/// What a story's alarms do otherwise than it says.
fn deviations(story: &Story, outcome: &Outcome) -> Vec<String> {
    let mut found = Vec::new();
    let gone_off = gone_off(outcome);
    if gone_off != story.alarms {
        let lacking: Vec<&String> = story.alarms.difference(&gone_off).collect();
        let unasked: Vec<&String> = gone_off.difference(&story.alarms).collect();
        found.push(format!("{lacking:?} do not go off, {unasked:?} do"));
    }
    for name in &gone_off {
        let changes = &outcome.changes[name];
        if changes.last().map(|(_, state)| *state) != Some(State::Ok) {
            found.push(format!("{name} does not come back: {changes:?}"));
        }
    }
    let paged = paged(outcome);
    if story.paged.as_ref().is_some_and(|expected| *expected != paged) {
        found.push(format!("paged: {paged:?}"));
    }
    found
}

#[test]
fn what_is_recorded_sets_off_the_alarms_that_it_should_and_no_other() {
    let alarms = alarms(&Template::read());
    let told = |story: &Story| {
        let found = deviations(story, &replay(&alarms, &story.recorded, story.minutes()));
        found.into_iter().map(|deviation| format!("{}: {deviation}", story.happened)).collect::<Vec<_>>()
    };
    let found: Vec<String> = stories().iter().flat_map(told).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_alarm_has_a_recording_that_sets_it_off() {
    let recorded: BTreeSet<String> = stories().into_iter().flat_map(|story: Story| story.alarms).collect();
    let known: BTreeSet<String> = alarms(&Template::read()).into_keys().collect();
    let lacking: Vec<&String> = known.difference(&recorded).collect();
    assert!(lacking.is_empty(), "tests/alarms/recorded has nothing that sets off {lacking:?}");
}
