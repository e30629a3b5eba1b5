//! Alarms as the template defines them.

use std::collections::BTreeMap;

use crossdock_world::Template;
use serde_json::Value;

use crate::recording::Metric;
use crate::rule::Rule;

/// The stack's name, as recordings and rules call it.
pub const STACK: &str = "crossdock";

/// What an alarm makes of a datapoint that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gaps {
    /// Nothing; if all are missing, the alarm does not know.
    Unknown,
    /// The alarm stays as it is.
    Ignore,
    /// A bad one.
    Breaching,
    /// A good one.
    NotBreaching,
}

/// How a datapoint is compared with the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Above.
    Greater,
    /// Above, or the same.
    GreaterOrEqual,
    /// Below.
    Less,
    /// Below, or the same.
    LessOrEqual,
}

/// One metric of an alarm.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Which.
    pub metric: Metric,
    /// Which statistic of it.
    pub statistic: String,
}

/// An alarm on a metric, or on an expression over metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricAlarm {
    /// The metrics, by id.
    pub queries: BTreeMap<String, Query>,
    /// What is compared: an id, or an expression over them.
    pub expression: String,
    /// Minutes of one datapoint.
    pub period_minutes: i64,
    /// How many datapoints are looked at.
    pub evaluation_periods: usize,
    /// How many of them have to be bad.
    pub datapoints_to_alarm: usize,
    /// With what a datapoint is compared.
    pub threshold: f64,
    /// How.
    pub comparison: Comparison,
    /// What a missing one means.
    pub missing: Gaps,
}

/// A composite alarm.
#[derive(Debug, Clone, PartialEq)]
pub struct CompositeAlarm {
    /// When it is in alarm.
    pub rule: Rule,
    /// The alarm that keeps it silent.
    pub suppressor: Option<String>,
    /// Minutes that it waits for the suppressor to speak up, before it tells anybody.
    pub wait_minutes: i64,
    /// Minutes that it stays silent after the suppressor has ended.
    pub extension_minutes: i64,
}

/// What decides about an alarm's state.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Metrics.
    Metric(MetricAlarm),
    /// Other alarms.
    Composite(CompositeAlarm),
}

/// An alarm.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    /// What decides about it.
    pub kind: Kind,
    /// Topics that hear when it goes off.
    pub alarm_actions: Vec<String>,
    /// Topics that hear when it is over.
    pub ok_actions: Vec<String>,
    /// What it says.
    pub description: String,
    /// Whether the local stack has it, too.
    pub everywhere: bool,
}

/// All alarms of the template, by logical name.
pub fn alarms(template: &Template) -> BTreeMap<String, Alarm> {
    let reader = Reader { template };
    let of = |(name, resource): (&String, &Value)| {
        let properties = &resource["Properties"];
        let kind = match resource["Type"].as_str()? {
            "AWS::CloudWatch::Alarm" => Kind::Metric(reader.metric_alarm(name, properties)),
            "AWS::CloudWatch::CompositeAlarm" => Kind::Composite(reader.composite(properties)),
            _ => return None,
        };
        let topics = |key: &str| {
            let named = properties[key].as_array().into_iter().flatten();
            named.map(|topic| reader.text(topic)).collect()
        };
        let alarm = Alarm {
            kind,
            alarm_actions: topics("AlarmActions"),
            ok_actions: topics("OKActions"),
            description: reader.text(&properties["AlarmDescription"]),
            everywhere: resource.get("Condition").is_none(),
        };
        Some((name.clone(), alarm))
    };
    template.resources.iter().filter_map(of).collect()
}

/// Reads values of the template.
pub struct Reader<'a> {
    /// The template.
    pub template: &'a Template,
}

impl Reader<'_> {
    /// A value as text: parameters by their defaults, other references by the logical name that they point to.
    ///
    /// # Panics
    /// It is none of this.
    pub fn text(&self, value: &Value) -> String {
        if let Some(name) = value.get("Ref").and_then(Value::as_str) {
            return self.named(name);
        }
        if let Some(attribute) = value.get("GetAtt").and_then(Value::as_str) {
            return attribute.split('.').next().unwrap_or_default().to_owned();
        }
        if let Some(text) = value.get("Sub").and_then(Value::as_str) {
            return self.substituted(text);
        }
        match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Null => String::new(),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => panic!("{value} is no text"),
        }
    }

    fn named(&self, name: &str) -> String {
        if name == "AWS::StackName" {
            return STACK.to_owned();
        }
        self.template.parameters.get(name).cloned().unwrap_or_else(|| name.to_owned())
    }

    fn substituted(&self, text: &str) -> String {
        let mut parts = text.split("${");
        let mut whole = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').unwrap_or_else(|| panic!("'{text}' does not close a name"));
            whole += &self.named(name.split('.').next().unwrap_or_default());
            whole += rest;
        }
        whole
    }

    fn number(&self, value: &Value) -> f64 {
        let text = self.text(value);
        text.parse().unwrap_or_else(|_| panic!("'{text}' is no number"))
    }

    fn count(&self, value: &Value) -> Option<usize> {
        (!value.is_null()).then(|| self.text(value).parse().unwrap_or_else(|_| panic!("{value} is no count")))
    }

    fn minutes(&self, value: &Value) -> i64 {
        let seconds: i64 = self.text(value).parse().unwrap_or_else(|_| panic!("{value} are no seconds"));
        assert_eq!(seconds % 60, 0, "{seconds} s are no whole minutes");
        seconds / 60
    }

    fn metric(&self, of: &Value) -> Metric {
        let dimensions = of["Dimensions"].as_array().into_iter().flatten();
        let pair = |dimension: &Value| (self.text(&dimension["Name"]), self.text(&dimension["Value"]));
        Metric {
            namespace: self.text(&of["Namespace"]),
            name: self.text(&of["MetricName"]),
            dimensions: dimensions.map(pair).collect(),
        }
    }

    /// The metrics by id, what is compared, and the period that all of them share.
    fn watched(&self, alarm: &str, properties: &Value) -> (BTreeMap<String, Query>, String, i64) {
        let Some(several) = properties["Metrics"].as_array() else {
            let statistic = ["Statistic", "ExtendedStatistic"].iter().find_map(|key| properties.get(*key));
            let statistic = self.text(statistic.unwrap_or_else(|| panic!("{alarm} names no statistic")));
            let query = Query { metric: self.metric(properties), statistic };
            return ([("m".to_owned(), query)].into(), "m".into(), self.minutes(&properties["Period"]));
        };
        let mut queries = BTreeMap::new();
        let (mut compared, mut periods) = (Vec::new(), Vec::new());
        for part in several {
            let id = self.text(&part["Id"]);
            let returned = part.get("ReturnData").and_then(Value::as_bool).unwrap_or(true);
            let expression = part.get("Expression").map(|expression| self.text(expression));
            if let Some(stat) = part.get("MetricStat") {
                let query = Query { metric: self.metric(&stat["Metric"]), statistic: self.text(&stat["Stat"]) };
                queries.insert(id.clone(), query);
                periods.push(self.minutes(&stat["Period"]));
            }
            compared.extend(returned.then(|| expression.unwrap_or(id)));
        }
        periods.dedup();
        assert_eq!(periods.len(), 1, "{alarm}: metrics of one expression have one period");
        assert_eq!(compared.len(), 1, "{alarm}: exactly one part gives back data");
        (queries, compared.remove(0), periods[0])
    }

    fn metric_alarm(&self, name: &str, properties: &Value) -> MetricAlarm {
        let (queries, expression, period_minutes) = self.watched(name, properties);
        let evaluation_periods = self.count(&properties["EvaluationPeriods"]).expect("an alarm looks at datapoints");
        let datapoints_to_alarm = self.count(&properties["DatapointsToAlarm"]).unwrap_or(evaluation_periods);
        assert!((1..=evaluation_periods).contains(&datapoints_to_alarm), "{name}: {datapoints_to_alarm} datapoints");
        let most = if period_minutes < 60 { 24 * 60 } else { 7 * 24 * 60 };
        let looked_at = period_minutes * i64::try_from(evaluation_periods).expect("few periods");
        assert!(looked_at <= most, "{name} looks at {looked_at} minutes, CloudWatch at no more than {most}");
        let comparison = match self.text(&properties["ComparisonOperator"]).as_str() {
            "GreaterThanThreshold" => Comparison::Greater,
            "GreaterThanOrEqualToThreshold" => Comparison::GreaterOrEqual,
            "LessThanThreshold" => Comparison::Less,
            "LessThanOrEqualToThreshold" => Comparison::LessOrEqual,
            other => panic!("{name}: {other} is not known here"),
        };
        let missing = match self.text(&properties["TreatMissingData"]).as_str() {
            "missing" | "" => Gaps::Unknown,
            "ignore" => Gaps::Ignore,
            "breaching" => Gaps::Breaching,
            "notBreaching" => Gaps::NotBreaching,
            other => panic!("{name}: {other} is not known here"),
        };
        // An alarm on a metric of this namespace stays as it is when data is missing, whatever it asks for
        // (PutMetricAlarm, TreatMissingData).
        let of_dynamodb = queries.values().any(|query| query.metric.namespace == "AWS/DynamoDB");
        MetricAlarm {
            expression,
            period_minutes,
            evaluation_periods,
            datapoints_to_alarm,
            threshold: self.number(&properties["Threshold"]),
            comparison,
            missing: if of_dynamodb { Gaps::Ignore } else { missing },
            queries,
        }
    }

    fn composite(&self, properties: &Value) -> CompositeAlarm {
        let minutes = |key: &str| properties.get(key).map_or(0, |value| self.minutes(value));
        CompositeAlarm {
            rule: Rule::read(&self.text(&properties["AlarmRule"])),
            suppressor: properties.get("ActionsSuppressor").map(|alarm| self.text(alarm)),
            wait_minutes: minutes("ActionsSuppressorWaitPeriod"),
            extension_minutes: minutes("ActionsSuppressorExtensionPeriod"),
        }
    }
}
