//! What CloudWatch makes of an alarm's definition and of recorded metrics, minute by minute.

use std::collections::BTreeMap;

use crate::definition::{Alarm, Comparison, CompositeAlarm, Gaps, Kind, MetricAlarm};
use crate::expression::{Datapoints, reckon};
use crate::recording::{Metric, Series};
use crate::rule::States;

/// An alarm's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// All is well.
    Ok,
    /// It has gone off.
    Alarm,
    /// It cannot be told.
    InsufficientData,
}

/// Somebody was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// In which minute of the recording.
    pub minute: i64,
    /// By which alarm.
    pub alarm: String,
    /// Which topic.
    pub topic: String,
    /// What.
    pub state: State,
}

/// A change of an alarm's state.
pub type Change = (i64, State);

/// What a recording has led to.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Each alarm's changes of state. All begin as OK.
    pub changes: BTreeMap<String, Vec<Change>>,
    /// Who was told what, in sequence.
    pub told: Vec<Told>,
}

/// Datapoints that are read beyond those that are looked at, where some of these are missing: *Configuring how CloudWatch
/// alarms treat missing data* shows two.
const SPARE_DATAPOINTS: usize = 2;

impl MetricAlarm {
    /// Its datapoints of the minutes that end at one, newest last.
    pub fn datapoints(&self, recorded: &BTreeMap<Metric, Series>, end: i64) -> Vec<Option<f64>> {
        let range = i64::try_from(self.evaluation_periods + SPARE_DATAPOINTS).expect("few periods");
        let at = |back: i64| {
            let until = end - back * self.period_minutes;
            let of = |(id, query): (&String, &crate::definition::Query)| {
                let series = recorded.get(&query.metric);
                let minutes = (until - self.period_minutes)..until;
                (id.clone(), series.and_then(|series| series.statistic(&query.statistic, minutes)))
            };
            let values: Datapoints = self.queries.iter().map(of).collect();
            reckon(&self.expression, &values)
        };
        (0..range).rev().map(at).collect()
    }

    fn breaches(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::Greater => value > self.threshold,
            Comparison::GreaterOrEqual => value >= self.threshold,
            Comparison::Less => value < self.threshold,
            Comparison::LessOrEqual => value <= self.threshold,
        }
    }

    /// The state that follows from datapoints, newest last, for an alarm that has been in another until now (*Configuring
    /// how CloudWatch alarms treat missing data*): as long as enough real datapoints are in the range, missing ones do
    /// not matter, and the newest real ones decide. Otherwise what is lacking is filled in.
    pub fn judge(&self, datapoints: &[Option<f64>], before: State) -> State {
        let real: Vec<bool> = datapoints.iter().flatten().map(|value| self.breaches(*value)).collect();
        let newest = &real[real.len().saturating_sub(self.evaluation_periods)..];
        let lacking = self.evaluation_periods - newest.len();
        let bad = newest.iter().filter(|breaching| **breaching).count();
        let filled = if self.missing == Gaps::Breaching { lacking } else { 0 };
        if bad + filled >= self.datapoints_to_alarm {
            return State::Alarm;
        }
        if lacking == 0 || matches!(self.missing, Gaps::Breaching | Gaps::NotBreaching) {
            return State::Ok;
        }
        let unknown = if self.missing == Gaps::Ignore { before } else { State::InsufficientData };
        if newest.is_empty() {
            return unknown;
        }
        if bad < newest.len() {
            return State::Ok;
        }
        // Nothing but bad ones, though too few: they count once the oldest is old enough.
        let oldest = datapoints.iter().position(Option::is_some).map_or(0, |at| datapoints.len() - at);
        match (oldest >= self.datapoints_to_alarm, self.missing) {
            (true, Gaps::Unknown) => State::Alarm,
            (_, Gaps::Ignore) => before,
            (_, Gaps::Unknown | Gaps::Breaching | Gaps::NotBreaching) => State::Ok,
        }
    }
}

/// Replays a recording through alarms.
pub fn replay(alarms: &BTreeMap<String, Alarm>, recorded: &BTreeMap<Metric, Series>, minutes: i64) -> Outcome {
    let mut replay = Replay {
        alarms,
        states: alarms.keys().map(|name| (name.clone(), State::Ok)).collect(),
        silences: BTreeMap::new(),
        outcome: Outcome::default(),
    };
    for minute in 1..=minutes {
        replay.look(recorded, minute);
    }
    replay.outcome
}

/// How long a composite alarm has been kept from telling, and what it told last.
#[derive(Debug, Clone, Copy)]
struct Silence {
    told: State,
    /// From which minute on it may tell; none while the suppressor speaks.
    until: Option<i64>,
}

struct Replay<'a> {
    alarms: &'a BTreeMap<String, Alarm>,
    states: States,
    silences: BTreeMap<String, Silence>,
    outcome: Outcome,
}

impl Replay<'_> {
    fn look(&mut self, recorded: &BTreeMap<Metric, Series>, minute: i64) {
        for (name, alarm) in self.alarms {
            if let Kind::Metric(metric) = &alarm.kind {
                let state = metric.judge(&metric.datapoints(recorded, minute), self.states[name]);
                self.enter(name, state, minute);
            }
        }
        // A composite alarm may name another: twice is as deep as they go.
        for (name, alarm) in self.alarms.iter().cycle().take(2 * self.alarms.len()) {
            if let Kind::Composite(composite) = &alarm.kind {
                let state = if composite.rule.holds(&self.states) { State::Alarm } else { State::Ok };
                self.enter(name, state, minute);
            }
        }
        for (name, alarm) in self.alarms {
            if let Kind::Composite(composite) = &alarm.kind {
                self.speak(name, composite, minute);
            }
        }
    }

    fn enter(&mut self, name: &str, state: State, minute: i64) {
        if self.states.insert(name.to_owned(), state) == Some(state) {
            return;
        }
        self.outcome.changes.entry(name.to_owned()).or_default().push((minute, state));
        if let Kind::Metric(_) = self.alarms[name].kind {
            self.tell(name, state, minute);
        }
    }

    /// A composite alarm tells its state once nothing keeps it from it: `ActionsSuppressorWaitPeriod` after its change,
    /// `ActionsSuppressorExtensionPeriod` after the suppressor has ended (*Composite alarm action suppression*).
    fn speak(&mut self, name: &str, composite: &CompositeAlarm, minute: i64) {
        let state = self.states[name];
        let silence = self.silences.entry(name.to_owned()).or_insert(Silence { told: State::Ok, until: Some(0) });
        let suppressor = composite.suppressor.as_ref();
        if suppressor.is_some_and(|alarm| self.states.get(alarm) == Some(&State::Alarm)) {
            silence.until = None;
            return;
        }
        let until = *silence.until.get_or_insert(minute + composite.extension_minutes);
        if state == silence.told {
            return;
        }
        let changed = self.outcome.changes[name].last().map_or(0, |(at, _)| *at);
        let wait = if suppressor.is_some() { composite.wait_minutes } else { 0 };
        if minute >= until && minute >= changed + wait {
            silence.told = state;
            self.tell(name, state, minute);
        }
    }

    fn tell(&mut self, name: &str, state: State, minute: i64) {
        let alarm = &self.alarms[name];
        let topics = match state {
            State::Alarm => &alarm.alarm_actions,
            State::Ok => &alarm.ok_actions,
            State::InsufficientData => return,
        };
        let told = |topic: &String| Told { minute, alarm: name.to_owned(), topic: topic.clone(), state };
        self.outcome.told.extend(topics.iter().map(told));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::Query;

    fn alarm(datapoints_to_alarm: usize, evaluation_periods: usize, missing: Gaps) -> MetricAlarm {
        let query = Query { metric: Metric::read("Crossdock Bad"), statistic: "Maximum".into() };
        MetricAlarm {
            queries: [("m".to_owned(), query)].into(),
            expression: "m".into(),
            period_minutes: 1,
            evaluation_periods,
            datapoints_to_alarm,
            threshold: 0.5,
            comparison: Comparison::Greater,
            missing,
        }
    }

    /// `-` is missing, `0` is good, `X` is bad.
    fn read(datapoints: &str) -> Vec<Option<f64>> {
        let read = |point| match point {
            "-" => None,
            "0" => Some(0.0),
            _ => Some(1.0),
        };
        datapoints.split(' ').map(read).collect()
    }

    /// What each way of treating missing data makes of datapoints: missing, ignore, breaching, notBreaching.
    fn judged(datapoints_to_alarm: usize, datapoints: &str) -> [char; 4] {
        let ways = [Gaps::Unknown, Gaps::Ignore, Gaps::Breaching, Gaps::NotBreaching];
        // Whoever stays as they are is seen to: the state before is one that nothing else leads to.
        let judge = |missing| alarm(datapoints_to_alarm, 3, missing).judge(&read(datapoints), State::InsufficientData);
        let mut letters = ways.map(judge).map(|state| match state {
            State::Alarm => 'A',
            State::Ok => 'O',
            State::InsufficientData => '?',
        });
        letters[1] = if letters[1] == '?' { '=' } else { letters[1] };
        letters
    }

    #[test]
    fn three_of_three_are_judged_as_documented() {
        for (datapoints, expected) in [
            ("0 - X - X", ['O', 'O', 'O', 'O']),
            ("0 - - - -", ['O', 'O', 'O', 'O']),
            ("- - - - -", ['?', '=', 'A', 'O']),
            ("0 X X - X", ['A', 'A', 'A', 'A']),
            ("- - X - -", ['A', '=', 'A', 'O']),
        ] {
            assert_eq!(judged(3, datapoints), expected, "{datapoints}");
        }
    }

    #[test]
    fn two_of_three_are_judged_as_documented() {
        for (datapoints, expected) in [
            ("0 - X - X", ['A', 'A', 'A', 'A']),
            ("0 0 X 0 X", ['A', 'A', 'A', 'A']),
            ("0 - X - -", ['O', 'O', 'A', 'O']),
            ("- - - - 0", ['O', 'O', 'A', 'O']),
            ("- - - X -", ['A', '=', 'A', 'O']),
        ] {
            assert_eq!(judged(2, datapoints), expected, "{datapoints}");
        }
    }

    #[test]
    fn a_bad_one_that_is_too_young_is_no_alarm_yet() {
        assert_eq!(judged(3, "- - - - X")[0], 'O');
        assert_eq!(judged(3, "- - - X -")[0], 'O');
    }

    #[test]
    fn m_of_n_need_not_follow_each_other() {
        let judge = |datapoints| alarm(3, 5, Gaps::NotBreaching).judge(&read(datapoints), State::Ok);
        assert_eq!(judge("0 0 X 0 X 0 X"), State::Alarm);
        assert_eq!(judge("X 0 X 0 X 0 0"), State::Ok, "the first two are too old");
    }

    fn told(outcome: &Outcome, name: &str) -> Vec<(i64, State)> {
        outcome.told.iter().filter(|told| told.alarm == name).map(|told| (told.minute, told.state)).collect()
    }

    /// A composite alarm over one metric that is bad, silenced while another is.
    fn suppressed(bad: &serde_json::Value, closed: &serde_json::Value) -> Outcome {
        let metric = |name: &str| {
            let mut alarm = alarm(1, 1, Gaps::NotBreaching);
            alarm.queries.get_mut("m").unwrap().metric = Metric::read(&format!("Crossdock {name}"));
            Kind::Metric(alarm)
        };
        let composite = Kind::Composite(CompositeAlarm {
            rule: crate::rule::Rule::read("ALARM(Bad)"),
            suppressor: Some("Closed".into()),
            wait_minutes: 1,
            extension_minutes: 2,
        });
        let whole = |kind, topics: &[String]| Alarm {
            kind,
            alarm_actions: topics.to_vec(),
            ok_actions: topics.to_vec(),
            description: String::new(),
            everywhere: true,
        };
        let alarms = BTreeMap::from([
            ("Bad".to_owned(), whole(metric("Bad"), &[])),
            ("Closed".to_owned(), whole(metric("Closed"), &[])),
            ("Whole".to_owned(), whole(composite, &["Topic".to_owned()])),
        ]);
        let recorded = BTreeMap::from([
            (Metric::read("Crossdock Bad"), Series::read(bad)),
            (Metric::read("Crossdock Closed"), Series::read(closed)),
        ]);
        replay(&alarms, &recorded, 20)
    }

    #[test]
    fn whoever_is_suppressed_tells_when_the_suppressor_has_ended() {
        let json = |text: &str| serde_json::from_str(text).unwrap();
        let outcome = suppressed(&json("[[4, 0], [10, 1], [6, 0]]"), &json("[[10, 1], [10, 0]]"));
        assert_eq!(outcome.changes["Whole"], [(5, State::Alarm), (15, State::Ok)]);
        assert_eq!(told(&outcome, "Whole"), [(13, State::Alarm), (16, State::Ok)], "two minutes after; one to wait");
    }

    #[test]
    fn what_is_over_before_the_suppressor_ends_is_told_to_nobody() {
        let json = |text: &str| serde_json::from_str(text).unwrap();
        let outcome = suppressed(&json("[[4, 0], [3, 1], [13, 0]]"), &json("[[10, 1], [10, 0]]"));
        assert_eq!(outcome.changes["Whole"].len(), 2);
        assert_eq!(told(&outcome, "Whole"), []);
    }

    #[test]
    fn a_suppressor_that_speaks_up_while_the_composite_waits_is_in_time() {
        let json = |text: &str| serde_json::from_str(text).unwrap();
        let outcome = suppressed(&json("[[4, 0], [16, 1]]"), &json("[[5, 0], [15, 1]]"));
        assert_eq!(told(&outcome, "Whole"), []);
    }
}
