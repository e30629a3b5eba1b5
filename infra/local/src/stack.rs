//! `.local/stack.json`: what people, scripts and tests need to know about the running stack.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::aws::Aws;
use crate::site::{Site, write_whole};
use crate::trouble::Trouble;

/// The running stack.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Stack {
    /// Ends in `/v1`.
    pub(crate) api: String,
    /// The pages for whoever is on call.
    pub(crate) console: String,
    /// What a caller sends along: its token and its API key.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) connections: BTreeMap<String, Connection>,
    /// Base URLs of the vendor simulators.
    pub(crate) sandboxes: BTreeMap<String, String>,
    pub(crate) aws: Aws,
    /// Physical names by short ones: `log`, `people`, …
    pub(crate) tables: BTreeMap<String, String>,
    /// URLs by short names: `inbound`, `erp`, …
    pub(crate) queues: BTreeMap<String, String>,
    /// Physical names by the names of their folders.
    pub(crate) functions: BTreeMap<String, String>,
}

/// A connection as a test sees it from outside.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Connection {
    pub(crate) kind: String,
    /// What the vendor signs its webhooks with.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) webhook_secret: Option<String>,
}

impl Stack {
    /// Where it is written.
    pub(crate) fn place(site: &Site) -> Result<PathBuf, Trouble> {
        site.local("stack.json")
    }

    /// As the last `up` left it.
    pub(crate) fn read(site: &Site) -> Result<Self, Trouble> {
        let text = fs::read_to_string(Self::place(site)?).map_err(|_absent| Trouble::NotRunning)?;
        serde_json::from_str(&text).map_err(|error| Trouble::content(".local/stack.json", error))
    }

    pub(crate) fn write(&self, site: &Site) -> Result<(), Trouble> {
        let text = serde_json::to_string_pretty(self).map_err(|error| Trouble::content("stack.json", error))?;
        write_whole(&Self::place(site)?, &(text + "\n"))
    }

    /// A table's physical name.
    pub(crate) fn table(&self, name: &str) -> Result<&str, Trouble> {
        self.tables
            .get(name)
            .map(String::as_str)
            .ok_or_else(|| Trouble::content("infra/template.yaml", format!("no function is given the {name} table")))
    }

    /// A sandbox's base URL.
    pub(crate) fn sandbox(&self, name: &str) -> Result<&str, Trouble> {
        self.sandboxes
            .get(name)
            .map(String::as_str)
            .ok_or_else(|| Trouble::content(".local/stack.json", format!("there is no sandbox '{name}'")))
    }

    /// A function's physical name.
    pub(crate) fn function(&self, name: &str) -> Result<&str, Trouble> {
        self.functions.get(name).map(String::as_str).ok_or_else(|| Trouble::NoSuchFunction {
            name: name.to_owned(),
            known: self.functions.keys().cloned().collect::<Vec<_>>().join(", "),
        })
    }
}

/// What the deployed functions find in their environment.
pub(crate) type Environment = BTreeMap<String, String>;

/// The environment in one function's configuration.
pub(crate) fn environment(configuration: &Value) -> Environment {
    let variables = configuration["Environment"]["Variables"].as_object();
    variables
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// `LOG_TABLE` and its like, by the part before the ending, in lower case.
pub(crate) fn named_by(ending: &str, environment: &Environment) -> BTreeMap<String, String> {
    environment
        .iter()
        .filter_map(|(name, value)| {
            let short = name.strip_suffix(ending)?.to_lowercase().replace('_', "-");
            Some((short, value.clone()))
        })
        .collect()
}

/// The lines of an environment file, quoted where a shell or `cargo lambda watch` would read them otherwise.
pub(crate) fn env_file(environment: &Environment) -> String {
    environment.iter().map(|(name, value)| format!("{name}={}\n", quoted(value))).collect()
}

fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=@%+".contains(c);
    if value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn given(pairs: &[(&str, &str)]) -> Environment {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn tables_are_named_by_what_the_functions_are_given() {
        let environment = given(&[("LOG_TABLE", "t-1"), ("INBOUND_QUEUE_URL", "http://q"), ("BUS_NAME", "b")]);
        assert_eq!(named_by("_TABLE", &environment), given(&[("log", "t-1")]));
        assert_eq!(named_by("_QUEUE_URL", &environment), given(&[("inbound", "http://q")]));
    }

    #[test]
    fn an_environment_file_quotes_what_has_blanks_or_quotes() {
        let environment = given(&[("A", "http://127.0.0.1:1/x"), ("B", "two words"), ("C", "it's"), ("D", "")]);
        assert_eq!(env_file(&environment), "A=http://127.0.0.1:1/x\nB='two words'\nC='it'\\''s'\nD=\n");
    }

    #[test]
    fn a_function_without_variables_has_an_empty_environment() {
        assert!(environment(&json!({ "FunctionName": "x" })).is_empty());
        let configuration = json!({ "Environment": { "Variables": { "LOG_TABLE": "t" } } });
        assert_eq!(environment(&configuration), given(&[("LOG_TABLE", "t")]));
    }
}
