//! The repository's own law: what every function has to have, and what no file may hold.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use crossdock_domain::Event;
use crossdock_world::Template;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn functions() -> Vec<String> {
    let folders = fs::read_dir(root().join("functions")).unwrap();
    let mut names: Vec<String> = folders.map(|folder| folder.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// `post-to-erp` is `PostToErp` in the template.
fn logical(function: &str) -> String {
    let word =
        |word: &str| word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect::<String>();
    function.split('-').map(word).collect()
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = entry.file_name().into_string().unwrap();
        if path.is_dir() && !["target", ".git", ".local", "node_modules"].contains(&name.as_str()) {
            found.extend(files(&path, ending));
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    found
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_function_is_whole() {
    let template = Template::read();
    let readme = read(root().join("README.md"));
    for function in functions() {
        let name = logical(&function);
        let payload = read(root().join(format!("events/invoke/{function}.json")));
        assert!(serde_json::from_str::<Value>(&payload).is_ok(), "events/invoke/{function}.json is no JSON");
        let resource = template.resources.get(&name).unwrap_or_else(|| panic!("the template lacks {name}"));
        let code = resource["Properties"]["CodeUri"].as_str().unwrap_or_default();
        assert_eq!(code, format!("../target/lambda/{function}/"));
        for part in ["Role", "Logs", "Errors"] {
            assert!(template.resources.contains_key(&format!("{name}{part}")), "the template lacks {name}{part}");
        }
        assert!(readme.contains(&format!("| `{function}` |")), "README.md has no row for {function}");
        let manifest = read(root().join(format!("functions/{function}/Cargo.toml")));
        assert!(manifest.contains(&format!("name = \"{function}\"")), "folder, crate and function are one name");
    }
}

/// What is called without an answer needs a place for what it could not do.
/// What a rule asks of them and fails is asked for again by its own deadline.
const ASKED_AGAIN: [&str; 1] = ["reconcile"];

#[test]
fn every_asynchronous_function_has_a_place_for_what_failed() {
    let template = Template::read();
    for function in functions() {
        let resource = &template.resources[&logical(&function)];
        let events = resource["Properties"]["Events"].as_object().cloned().unwrap_or_default();
        for (name, event) in events {
            let has = match event["Type"].as_str().unwrap() {
                "DynamoDB" => event.pointer("/Properties/DestinationConfig/OnFailure").is_some(),
                "SQS" => {
                    let queue = event["Properties"]["Queue"]["GetAtt"].as_str().unwrap_or_default();
                    let queue = queue.trim_end_matches(".Arn");
                    // The last queue of the chain has nobody behind it: its age is an alarm.
                    template.dead_letters.contains_key(queue) || function == "capture-exception"
                }
                // A schedule that fails runs again a minute later.
                _ => true,
            };
            assert!(has, "{function}.{name} loses what fails");
        }
        let by_rule = template.rules.iter().flat_map(|rule| &rule.targets);
        let called = by_rule.into_iter().any(|target| *target == crossdock_world::Target::Function(logical(&function)));
        let on_failure = resource.pointer("/Properties/EventInvokeConfig/DestinationConfig/OnFailure");
        let asked_again = ASKED_AGAIN.contains(&function.as_str());
        assert!(!called || asked_again || on_failure.is_some(), "{function} is called by a rule and loses what fails");
    }
}

#[test]
fn a_main_is_wiring_only() {
    for function in functions() {
        let text = read(root().join(format!("functions/{function}/src/main.rs")));
        let code = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count();
        assert!(code <= 30, "functions/{function}/src/main.rs has {code} lines of code");
    }
}

#[test]
fn the_domain_is_pure() {
    let manifest = read(root().join("shared/domain/Cargo.toml"));
    for banned in ["tokio", "aws", "reqwest", "async", "rand", "crossdock-"] {
        let named = manifest.lines().any(|line| line.starts_with(banned) && !line.starts_with("crossdock-domain"));
        assert!(!named, "shared/domain depends on {banned}");
    }
    for file in files(&root().join("shared/domain/src"), ".rs") {
        let text = read(&file);
        for banned in ["async fn", ".await", "std::env", "std::fs", "Instant::now", "SystemTime"] {
            assert!(!text.contains(banned), "{} has {banned}", file.display());
        }
    }
}

#[test]
fn money_is_never_a_float() {
    for folder in ["shared/domain/src", "shared/connectors/src", "shared/log/src", "functions"] {
        for file in files(&root().join(folder), ".rs") {
            let text = read(&file);
            // Tests feed floats to what has to refuse them.
            if file.components().any(|part| part.as_os_str() == "tests") || file.ends_with("tests.rs") {
                continue;
            }
            // serde names its visitor so; it refuses what it is given.
            let text = text.replace("visit_f64<E>(self, value: f64)", "");
            let floats = ["f32", "f64"].into_iter().any(|float| {
                text.lines()
                    .filter(|line| !line.trim_start().starts_with("//"))
                    .any(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == float))
            });
            assert!(!floats, "{} has a float", file.display());
        }
    }
}

#[test]
fn only_mains_and_the_aws_wiring_read_the_environment() {
    for folder in ["shared", "functions"] {
        for file in files(&root().join(folder), ".rs") {
            let place = file.strip_prefix(root()).unwrap().display().to_string();
            let allowed = place == "shared/step/src/aws.rs" || place.contains("/tests/") || place.ends_with("tests.rs");
            assert!(allowed || !read(&file).contains("env::var"), "{place} reads the environment");
        }
    }
}

#[test]
fn every_event_has_an_example_and_a_schema() {
    for kind in Event::TYPES.into_iter().chain(["TaskDue.v1"]) {
        for file in [format!("events/{kind}.json"), format!("events/schemas/{kind}.schema.json")] {
            assert!(root().join(&file).exists(), "{file} is missing");
        }
    }
}

#[test]
fn lints_are_never_silenced_without_a_reason() {
    for file in files(&root(), ".rs").into_iter().filter(|file| !file.ends_with("tests/tidy.rs")) {
        for (number, line) in read(&file).lines().enumerate() {
            let silences = line.trim_start().starts_with("#[allow(") || line.trim_start().starts_with("#[expect(");
            let text = read(&file);
            let rest: String = text.lines().skip(number).take(6).collect();
            let until = rest.find(")]").map_or(rest.as_str(), |end| &rest[..end]);
            assert!(!silences || until.contains("reason"), "{}:{} has no reason", file.display(), number + 1);
        }
    }
}

#[test]
fn names_say_what_a_thing_is() {
    for file in files(&root(), ".rs") {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        for banned in ["manager", "util", "utils", "helper", "helpers", "data", "process", "info", "misc"] {
            assert_ne!(name, banned, "{}", file.display());
        }
    }
}

/// Tests take `CROSSDOCK_CORPUS`; nothing names a place outside the repository.
#[test]
fn nothing_names_a_path_outside_the_repository() {
    let ours = concat!("/", "work/");
    for ending in [".rs", ".toml", ".md", ".yaml", ".yml", ".json", ".py", ".txt"] {
        for file in files(&root(), ending) {
            assert!(!read(&file).contains(ours), "{} names a path outside the repository", file.display());
        }
    }
}
