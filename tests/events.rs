//! The events that Crossdock publishes are a promise: an example and a schema of each, and none ever changes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crossdock_domain::commit::Summary;
use crossdock_domain::settings::Routes;
use crossdock_domain::{Commit, Event};
use crossdock_runner::bus_entries;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../events")
}

fn read(file: &str) -> Value {
    let text = fs::read_to_string(folder().join(file)).unwrap_or_else(|error| panic!("events/{file}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("events/{file}: {error}"))
}

fn types() -> impl Iterator<Item = &'static str> {
    Event::TYPES.into_iter().chain(["TaskDue.v1"])
}

/// Every example of a type, as the bus carries it.
fn examples(kind: &str) -> Vec<Value> {
    let examples = read(&format!("{kind}.json"));
    examples.as_array().cloned().unwrap_or_else(|| panic!("events/{kind}.json is a list of examples"))
}

#[test]
fn every_example_is_what_its_schema_says() {
    for kind in types() {
        let schema = read(&format!("schemas/{kind}.schema.json"));
        let validator = jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{kind}: {error}"));
        for example in examples(kind) {
            let wrong: Vec<String> = validator.iter_errors(&example).map(|error| error.to_string()).collect();
            assert!(wrong.is_empty(), "{kind}: {wrong:?}");
        }
    }
}

#[test]
fn a_schema_refuses_what_lacks_a_field() {
    for kind in types() {
        let schema = read(&format!("schemas/{kind}.schema.json"));
        let validator = jsonschema::validator_for(&schema).unwrap();
        let mut example = examples(kind).remove(0);
        example["detail"]["metadata"].as_object_mut().unwrap().remove("stream");
        assert!(!validator.is_valid(&example), "{kind} says nothing about its metadata");
    }
}

/// What was published once must be readable for ever, and this version still writes the same.
#[test]
fn every_example_is_read_and_written_again_the_same() {
    for kind in Event::TYPES {
        for example in examples(kind) {
            let data = &example["detail"]["data"];
            let event: Event = serde_json::from_value(json!({ "type": kind, "data": data })).unwrap();
            assert!(!matches!(event, Event::Unknown(_)), "{kind} is not understood any more: {data}");
            assert_eq!(event.type_name(), kind);
            let entry = bus_entries(&commit(&example, event)).remove(0);
            assert_eq!(
                (entry.source.as_str(), entry.detail_type.as_str()),
                (example["source"].as_str().unwrap(), kind)
            );
            assert_eq!(entry.detail, example["detail"], "{kind}");
        }
    }
}

/// The commit that an example was published from.
fn commit(example: &Value, event: Event) -> Commit {
    let metadata = &example["detail"]["metadata"];
    let text = |name: &str| metadata[name].as_str().map(str::to_owned);
    let routes: Option<Routes> = serde_json::from_value(metadata["routes"].clone()).unwrap();
    let at = text("occurred_at").unwrap().parse().unwrap();
    Commit {
        stream: text("stream").unwrap(),
        seq: metadata["seq"].as_u64().unwrap(),
        cause: "example".into(),
        at,
        actor: text("actor").unwrap(),
        correlation_id: text("correlation_id").unwrap(),
        causation_id: text("causation_id"),
        prev_hash: String::new(),
        due: None,
        summary: Summary { status: String::new(), attention: Vec::new(), waits_on: None, routes, placed_at: at },
        events: vec![event],
    }
}

fn fingerprints() -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for file in types().flat_map(|kind| [format!("{kind}.json"), format!("schemas/{kind}.schema.json")]) {
        let bytes = fs::read(folder().join(&file)).unwrap_or_else(|error| panic!("events/{file}: {error}"));
        let hex = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        all.insert(file, hex);
    }
    all
}

/// A new type adds its files here: `CROSSDOCK_ACCEPT=1 cargo test --test events` writes the lines of new files only.
#[test]
fn nothing_that_was_published_changes_or_vanishes() {
    let path = folder().join("LOCK.json");
    let locked = fs::read_to_string(&path).unwrap_or_else(|_| "{}".into());
    let mut locked: BTreeMap<String, String> = serde_json::from_str(&locked).unwrap();
    let now = fingerprints();
    for (file, hash) in &locked {
        let same = now.get(file) == Some(hash);
        assert!(same, "events/{file} has changed or vanished; readers stand on it: add a .v2 beside it instead");
    }
    let new: BTreeSet<&String> = now.keys().filter(|file| !locked.contains_key(*file)).collect();
    if std::env::var_os("CROSSDOCK_ACCEPT").is_none() {
        assert!(new.is_empty(), "not in events/LOCK.json yet: {new:?}; run with CROSSDOCK_ACCEPT=1");
    }
    let new: Vec<String> = new.into_iter().cloned().collect();
    if !new.is_empty() {
        locked.extend(new.into_iter().map(|file| (file.clone(), now[&file].clone())));
        fs::write(&path, serde_json::to_string_pretty(&locked).unwrap() + "\n").unwrap();
    }
}

#[test]
fn the_catalogue_names_every_event() {
    let catalogue = fs::read_to_string(folder().join("README.md")).unwrap();
    for kind in types() {
        assert!(catalogue.contains(&format!("`{kind}`")), "events/README.md does not name {kind}");
    }
}
