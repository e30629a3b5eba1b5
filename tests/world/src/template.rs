//! The wiring, read from the template that is deployed: rules, their targets, and which function reads which queue.

use std::collections::BTreeMap;

use serde_json::Value;

/// Where a rule sends an event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A queue, by its logical name.
    Queue(String),
    /// A function, directly, by its logical name.
    Function(String),
}

/// A rule of the bus.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its logical name.
    pub name: String,
    /// The pattern that an event has to match.
    pub pattern: Value,
    /// Where it goes then.
    pub targets: Vec<Target>,
}

/// What the template wires.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// The rules.
    pub rules: Vec<Rule>,
    /// Queue to function.
    pub readers: BTreeMap<String, String>,
    /// Queue to its dead letters and how many receives it allows.
    pub dead_letters: BTreeMap<String, (String, u32)>,
    /// A queue's visibility time-out in seconds.
    pub visibility: BTreeMap<String, i64>,
    /// How many messages of a queue its reader takes at once.
    pub batches: BTreeMap<String, usize>,
    /// All resources, tags resolved into plain values.
    pub resources: serde_json::Map<String, Value>,
    /// Parameters' defaults.
    pub parameters: BTreeMap<String, String>,
}

impl Template {
    /// Reads `infra/template.yaml` of this repository.
    ///
    /// # Panics
    /// The template cannot be read: every test that stands on it has to fail.
    #[must_use]
    pub fn read() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/template.yaml");
        let parsed = std::fs::read_to_string(path)
            .map_err(|error| error.to_string())
            .and_then(|text| serde_yaml_ng::from_str::<serde_yaml_ng::Value>(&text).map_err(|error| error.to_string()));
        match parsed {
            Ok(template) => Self::of(&plain(template)),
            Err(error) => panic!("{path}: {error}"),
        }
    }

    fn of(template: &Value) -> Self {
        let resources = template.get("Resources").and_then(Value::as_object).cloned().unwrap_or_default();
        let parameters = template.get("Parameters").and_then(Value::as_object).into_iter().flatten();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let parameters: BTreeMap<String, String> =
            parameters.filter_map(|(name, p)| Some((name.clone(), text(p.get("Default")?)))).collect();
        let kind = |wanted: &'static str| {
            resources.iter().filter(move |(_, r)| r.get("Type").and_then(Value::as_str) == Some(wanted))
        };
        let mut wiring = Self {
            rules: kind("AWS::Events::Rule").filter_map(|(name, rule)| rule_of(name, rule, &parameters)).collect(),
            readers: BTreeMap::new(),
            dead_letters: BTreeMap::new(),
            visibility: BTreeMap::new(),
            batches: BTreeMap::new(),
            resources: resources.clone(),
            parameters,
        };
        for (name, function) in kind("AWS::Serverless::Function") {
            wiring.add_readers(name, function);
        }
        for (name, queue) in kind("AWS::SQS::Queue") {
            wiring.add_queue(name, queue);
        }
        wiring
    }

    fn add_readers(&mut self, name: &str, function: &Value) {
        let events = function.pointer("/Properties/Events").and_then(Value::as_object);
        for event in events.into_iter().flatten().map(|(_, event)| event) {
            if let Some(queue) = event.pointer("/Properties/Queue").and_then(logical) {
                let size = event.pointer("/Properties/BatchSize").and_then(Value::as_u64).unwrap_or(10);
                self.batches.insert(queue.clone(), usize::try_from(size).unwrap_or(10));
                self.readers.insert(queue, name.to_owned());
            }
        }
    }

    fn add_queue(&mut self, name: &str, queue: &Value) {
        let seconds = queue.pointer("/Properties/VisibilityTimeout").and_then(Value::as_i64).unwrap_or(30);
        self.visibility.insert(name.to_owned(), seconds);
        let redrive = queue.pointer("/Properties/RedrivePolicy");
        let target = redrive.and_then(|policy| policy.get("deadLetterTargetArn")).and_then(logical);
        let receives = redrive.and_then(|policy| policy.get("maxReceiveCount")).and_then(Value::as_u64);
        if let (Some(target), Some(receives)) = (target, receives) {
            self.dead_letters.insert(name.to_owned(), (target, u32::try_from(receives).unwrap_or(10)));
        }
    }
}

fn rule_of(name: &str, rule: &Value, parameters: &BTreeMap<String, String>) -> Option<Rule> {
    let pattern = resolved(rule.pointer("/Properties/EventPattern")?.clone(), parameters);
    let targets = rule.pointer("/Properties/Targets")?.as_array()?;
    let targets = targets.iter().filter_map(|target| {
        let name = logical(target.get("Arn")?)?;
        Some(if name.ends_with("Queue") { Target::Queue(name) } else { Target::Function(name) })
    });
    Some(Rule { name: name.to_owned(), pattern, targets: targets.collect() })
}

/// CloudFormation's short forms as plain values: `!Ref X` is `{"Ref": "X"}`, `!GetAtt X.Arn` is `{"GetAtt": "X.Arn"}`.
fn plain(value: serde_yaml_ng::Value) -> Value {
    use serde_yaml_ng::Value as Yaml;
    match value {
        Yaml::Tagged(tagged) => {
            let name = tagged.tag.to_string().trim_start_matches('!').to_owned();
            Value::Object([(name, plain(tagged.value))].into_iter().collect())
        }
        Yaml::Mapping(mapping) => {
            let text = |key: Yaml| key.as_str().map_or_else(|| format!("{key:?}"), str::to_owned);
            Value::Object(mapping.into_iter().map(|(key, value)| (text(key), plain(value))).collect())
        }
        Yaml::Sequence(list) => Value::Array(list.into_iter().map(plain).collect()),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::String(_) => {
            serde_json::to_value(value).unwrap_or(Value::Null)
        }
    }
}

/// The logical name that a reference points to.
fn logical(value: &Value) -> Option<String> {
    let reference = value.get("GetAtt").or_else(|| value.get("Ref"))?;
    let text = reference.as_str().or_else(|| reference.get(0)?.as_str())?;
    text.split('.').next().map(str::to_owned)
}

/// References to parameters replaced by their defaults.
fn resolved(value: Value, parameters: &BTreeMap<String, String>) -> Value {
    match value {
        Value::Object(fields) => {
            if let Some(default) = fields.get("Ref").and_then(Value::as_str).and_then(|name| parameters.get(name)) {
                return Value::String(default.clone());
            }
            Value::Object(fields.into_iter().map(|(key, value)| (key, resolved(value, parameters))).collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(|value| resolved(value, parameters)).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

impl Rule {
    /// Whether an event matches: EventBridge's exact-value patterns and `exists`, which are all that the template uses.
    #[must_use]
    pub fn matches(&self, event: &Value) -> bool {
        matches(&self.pattern, event)
    }
}

fn matches(pattern: &Value, event: &Value) -> bool {
    match pattern {
        Value::Object(fields) => {
            fields.iter().all(|(name, inner)| event.get(name).is_some_and(|value| matches(inner, value)))
        }
        Value::Array(choices) if choices.contains(&serde_json::json!({ "exists": true })) => {
            event.as_array().is_none_or(|list| !list.is_empty()) && !event.is_null()
        }
        Value::Array(choices) => choices.contains(event),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => pattern == event,
    }
}
