//! One GraphQL request from text to answer: parsed, validated, priced, executed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use apollo_compiler::executable::Operation;
use apollo_compiler::parser::{LineColumn, Parser};
use apollo_compiler::request::coerce_variable_values;
use apollo_compiler::resolvers::Execution;
use apollo_compiler::response::{GraphQLError, JsonMap};
use apollo_compiler::validation::{DiagnosticList, Valid};
use apollo_compiler::{ExecutableDocument, Schema};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::cost::{Bucket, LARGEST_QUERY, MUTATION_COST, estimate};
use super::nodes::{Desk, Root};
use super::shop::Shop;

/// The part of the vendor's schema that this sandbox simulates.
const SIMULATED: &str = include_str!("admin.graphql");
/// Enough for any document of ours; the parser must not overflow the stack on a hostile one.
const DEEPEST_DOCUMENT: usize = 100;

/// Built into GraphQL since September 2025 and so left out of printed schemas, but unknown to the engine.
const ONE_OF: &str = "directive @oneOf on INPUT_OBJECT";

/// A schema that documents are validated against, usually the vendor's published SDL.
pub struct AdminSchema(Valid<Schema>);

/// Why a schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The file could not be read.
    #[error("cannot read the schema {path}: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file holds no valid schema.
    #[error("{path} is no valid GraphQL schema: {first_problem}")]
    Invalid {
        /// The file.
        path: String,
        /// The first of its problems.
        first_problem: String,
    },
}

impl std::fmt::Debug for AdminSchema {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "AdminSchema({} types)", self.0.types.len())
    }
}

impl AdminSchema {
    /// Reads a schema in GraphQL SDL. The vendor's takes a second or more: load it once and share it.
    ///
    /// # Errors
    /// The file cannot be read or is no valid schema.
    pub fn load(path: &Path) -> Result<Arc<Self>, SchemaError> {
        let shown = path.display().to_string();
        let mut sdl =
            std::fs::read_to_string(path).map_err(|source| SchemaError::Unreadable { path: shown.clone(), source })?;
        if sdl.contains("@oneOf") && !sdl.contains(ONE_OF) {
            sdl.push_str(ONE_OF);
        }
        Schema::parse_and_validate(sdl, path)
            .map(|schema| Arc::new(Self(schema)))
            .map_err(|problems| SchemaError::Invalid { path: shown, first_problem: first_problem(&problems.errors) })
    }

    /// What is wrong with a document, in the vendor's error form; empty when it is valid.
    #[must_use]
    pub fn problems(&self, document: &str) -> Vec<Value> {
        match ExecutableDocument::parse_and_validate(&self.0, document, "document") {
            Ok(_) => Vec::new(),
            Err(problems) => validation_errors(&problems.errors),
        }
    }

    /// The schema itself, for a closer look.
    #[must_use]
    pub fn schema(&self) -> &Valid<Schema> {
        &self.0
    }
}

fn first_problem(problems: &DiagnosticList) -> String {
    problems.iter().next().map(|problem| problem.to_json().message).unwrap_or_default()
}

/// The schema that requests are executed with.
pub(super) fn simulated() -> Result<&'static Valid<Schema>, String> {
    static SCHEMA: OnceLock<Result<Valid<Schema>, String>> = OnceLock::new();
    let parse =
        || Schema::parse_and_validate(SIMULATED, "admin.graphql").map_err(|problems| problems.errors.to_string());
    SCHEMA.get_or_init(parse).as_ref().map_err(Clone::clone)
}

/// The body of a GraphQL request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GraphqlRequest {
    query: String,
    #[serde(default)]
    variables: Option<Map<String, Value>>,
    #[serde(default)]
    operation_name: Option<String>,
}

/// What a request is answered from.
pub(super) struct Counter<'s> {
    pub(super) shop: &'s mut Shop,
    pub(super) bucket: &'s mut Bucket,
    /// The vendor's own schema, where it is at hand.
    pub(super) published: Option<&'s AdminSchema>,
    pub(super) now: Timestamp,
}

impl Counter<'_> {
    pub(super) fn answer(&mut self, request: &GraphqlRequest) -> Value {
        self.attempt(request).unwrap_or_else(|errors| errors)
    }

    fn attempt(&mut self, request: &GraphqlRequest) -> Result<Value, Value> {
        let schema = simulated().map_err(|problem| only_errors(vec![internal(&problem)]))?;
        let document = self.valid_document(schema, &request.query)?;
        let operation = document
            .operations
            .get(request.operation_name.as_deref())
            .map_err(|error| only_errors(vec![json!({ "message": error.message().to_string() })]))?;
        let variables = coerced(schema, operation, request)?;
        let requested = self.admitted(&document, operation)?;
        let planned = self.shop.planned_errors.pop_front();
        if let Some(error) = planned.as_ref().filter(|error| !error.after_commit) {
            return Err(self.refused(&error.code, requested));
        }
        let desk = Desk::new(self.shop, self.now, serde_json::to_value(&*variables).unwrap_or_default());
        let root = if operation.is_mutation() { Root::Mutation(&desk) } else { Root::Query(&desk) };
        let execution = Execution::new(schema, &document)
            .operation(operation)
            .coerced_variable_values(&variables)
            .execute_sync(&root);
        let actual = *desk.objects.borrow() + MUTATION_COST * *desk.mutations.borrow();
        self.bucket.pay(actual);
        if let Some(error) = planned {
            return Err(self.refused(&error.code, requested));
        }
        let response = execution.map_err(|error| only_errors(vec![internal(&error.message().to_string())]))?;
        let mut body = json!({
            "data": response.data,
            "extensions": self.bucket.extensions(requested, Some(actual)),
        });
        if let (Value::Object(fields), false) = (&mut body, response.errors.is_empty()) {
            let errors = response.errors.iter().map(execution_error).collect();
            fields.insert("errors".to_owned(), Value::Array(errors));
        }
        Ok(body)
    }

    fn valid_document(&self, schema: &Valid<Schema>, query: &str) -> Result<Valid<ExecutableDocument>, Value> {
        if let Some(published) = self.published {
            validated(&published.0, query)?;
        }
        known_or_validated(schema, query)
    }

    /// The cost that the query may have, once the bucket can pay it.
    fn admitted(&mut self, document: &ExecutableDocument, operation: &Operation) -> Result<u64, Value> {
        let requested = estimate(document, operation);
        if requested > LARGEST_QUERY {
            return Err(only_errors(vec![json!({
                "message": format!(
                    "Query cost is {requested}, which exceeds the single query max cost limit ({LARGEST_QUERY})."
                ),
                "extensions": { "code": "MAX_COST_EXCEEDED", "cost": requested, "maxCost": LARGEST_QUERY },
            })]));
        }
        if self.bucket.affords(requested, self.now) { Ok(requested) } else { Err(self.refused("THROTTLED", requested)) }
    }

    fn refused(&self, code: &str, requested: u64) -> Value {
        let message = match code {
            "THROTTLED" => "Throttled",
            "ACCESS_DENIED" => "Access denied.",
            "SHOP_INACTIVE" => "Shop is inactive.",
            _ => "Internal error. Looks like something went wrong on our end.",
        };
        json!({
            "errors": [{ "message": message, "extensions": { "code": code } }],
            "extensions": self.bucket.extensions(requested, None),
        })
    }
}

/// The same document is sent over and over; to read it takes longer than to answer it.
fn known_or_validated(schema: &Valid<Schema>, query: &str) -> Result<Valid<ExecutableDocument>, Value> {
    static KNOWN: Mutex<BTreeMap<String, Valid<ExecutableDocument>>> = Mutex::new(BTreeMap::new());
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(document) = known().get(query) {
        return Ok(document.clone());
    }
    let document = validated(schema, query)?;
    let mut known = known();
    // A client has a few documents, not a new one each time.
    if known.len() < 100 {
        known.insert(query.to_owned(), document.clone());
    }
    drop(known);
    Ok(document)
}

fn validated(schema: &Valid<Schema>, query: &str) -> Result<Valid<ExecutableDocument>, Value> {
    Parser::new()
        .recursion_limit(DEEPEST_DOCUMENT)
        .parse_executable(schema, query, "document")
        .map_err(|problems| only_errors(validation_errors(&problems.errors)))?
        .validate(schema)
        .map_err(|problems| only_errors(validation_errors(&problems.errors)))
}

fn coerced(schema: &Valid<Schema>, operation: &Operation, request: &GraphqlRequest) -> Result<Valid<JsonMap>, Value> {
    let given = request.variables.clone().unwrap_or_default();
    let raw: JsonMap = given.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    coerce_variable_values(schema, operation, &raw).map_err(|error| {
        only_errors(vec![json!({
            "message": error.message().to_string(),
            "extensions": { "code": "INVALID_VARIABLE" },
        })])
    })
}

fn only_errors(errors: Vec<Value>) -> Value {
    json!({ "errors": errors })
}

fn internal(message: &str) -> Value {
    json!({ "message": message, "extensions": { "code": "INTERNAL_SERVER_ERROR" } })
}

fn validation_errors(problems: &DiagnosticList) -> Vec<Value> {
    let error = |problem: apollo_compiler::diagnostic::Diagnostic<'_, _>| {
        let shown: GraphQLError = problem.to_json();
        let mut error = json!({ "message": shown.message, "locations": locations(&shown.locations) });
        if let (Value::Object(fields), Some(code)) = (&mut error, code_of(&shown.message)) {
            fields.insert("extensions".to_owned(), json!({ "code": code }));
        }
        error
    };
    problems.iter().map(error).collect()
}

/// The vendor's codes for the mistakes that a document of ours could make; a syntax error has none.
fn code_of(message: &str) -> Option<&'static str> {
    const CODES: [(&str, &str); 5] = [
        ("does not have a field", "undefinedField"),
        ("is not supported by", "argumentNotAccepted"),
        ("required argument", "missingRequiredArguments"),
        ("variable", "variableMismatch"),
        ("expected type", "argumentLiteralsIncompatible"),
    ];
    let found = CODES.iter().find(|(part, _)| message.contains(part));
    found.map(|(_, code)| *code)
}

fn locations(locations: &[LineColumn]) -> Vec<Value> {
    locations.iter().map(|at| json!({ "line": at.line, "column": at.column })).collect()
}

/// An error of one field, with the code that its message has at the vendor's.
fn execution_error(error: &GraphQLError) -> Value {
    // The engine says where the error comes from; the vendor does not.
    let message = error.message.strip_prefix("resolver error: ").unwrap_or(&error.message);
    const CODES: [(&str, &str); 5] = [
        ("Access denied", "ACCESS_DENIED"),
        ("Invalid id", "RESOURCE_NOT_FOUND"),
        ("Internal error", "INTERNAL_SERVER_ERROR"),
        ("InventoryQuantityInput must include", "INVALID_FIELD_ARGUMENTS"),
        ("The input array size", "MAX_INPUT_SIZE_EXCEEDED"),
    ];
    let known = CODES.iter().find(|(start, _)| message.starts_with(start));
    json!({
        "message": message,
        "locations": locations(&error.locations),
        "path": error.path,
        "extensions": { "code": known.map_or("BAD_REQUEST", |(_, code)| code) },
    })
}
