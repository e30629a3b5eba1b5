//! What people on call say: about one exception, about many, about a connection.

use std::collections::{BTreeMap, BTreeSet};

use crossdock_domain::exception::{Action, MOST_TAGS, MOST_TEXT};
use crossdock_domain::outstanding::Criticality;
use crossdock_domain::{ConnectionId, OrderId, Sku};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::body::{Fault, Object, Wrong, invalid, parsed, reference, shape, text, time, token, word};
use super::{ADDRESS_FIELDS, read};

/// What somebody says about an exception, as it came. Each action has fields of its own.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ParsedWord {
    /// Why, or how it was settled.
    pub reason: Option<String>,
    /// The document that was made by hand.
    pub document_id: Option<String>,
    /// Who sees to it.
    pub owner: Option<String>,
    /// What it is found under.
    pub tags: BTreeSet<String>,
    /// Until when it may wait.
    pub until: Option<Timestamp>,
    /// Parts of the address that change; an empty one goes. Personal data.
    pub address: BTreeMap<String, String>,
    /// The SKU that has a name somewhere.
    pub sku: Option<Sku>,
    /// Where.
    pub connection: Option<ConnectionId>,
    /// The name.
    pub identity: Option<String>,
    /// What changes in a delivery, as a JSON merge patch (RFC 7396). May hold personal data.
    pub patch: Option<Value>,
}

impl std::fmt::Debug for ParsedWord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ParsedWord(may hold personal data)")
    }
}

/// The body of `POST /v1/ops/exceptions/{exception_id}/{action}`. An action that needs nothing takes an empty body.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_word(action: Action, body: &[u8]) -> Result<ParsedWord, Vec<Fault>> {
    let body = if body.is_empty() { b"{}" } else { body };
    read(body, fields_of(action), |told| word_of(action, told))
}

/// What is said with an action, by the names of the body's fields.
#[must_use]
pub const fn fields_of(action: Action) -> &'static [&'static str] {
    match action {
        Action::Retry | Action::Decline => &["reason"],
        Action::Resolve => &["reason", "document_id"],
        Action::EditRecipient => &["address"],
        Action::EditDelivery => &["patch"],
        Action::Map => &["sku", "connection", "identity"],
        Action::Cancel => &["reason"],
        Action::Assign => &["owner"],
        Action::Tag => &["tags"],
        Action::Snooze => &["until"],
    }
}

fn word_of(action: Action, told: &Object<'_>) -> Option<ParsedWord> {
    let word = ParsedWord::default();
    Some(match action {
        Action::Retry | Action::Decline => ParsedWord { reason: told.optional("reason", text(1, MOST_TEXT)), ..word },
        Action::Resolve => {
            let document_id = told.optional("document_id", token(1, 100));
            ParsedWord { reason: Some(told.required("reason", text(3, MOST_TEXT))?), document_id, ..word }
        }
        Action::Cancel => ParsedWord { reason: Some(told.required("reason", token(1, 40))?), ..word },
        Action::EditRecipient => ParsedWord { address: told.required("address", address)?, ..word },
        Action::EditDelivery => ParsedWord { patch: Some(told.required("patch", object)?), ..word },
        Action::Map => {
            let (sku, connection) = (told.required("sku", parsed), told.required("connection", parsed));
            let identity = told.required("identity", reference(1, 100));
            ParsedWord { sku: Some(sku?), connection: Some(connection?), identity: Some(identity?), ..word }
        }
        Action::Assign => ParsedWord { owner: told.optional("owner", text(1, 100)), ..word },
        Action::Tag => ParsedWord { tags: told.required("tags", tags)?, ..word },
        Action::Snooze => ParsedWord { until: told.optional("until", time), ..word },
    })
}

fn object(value: &Value) -> Result<Value, Wrong> {
    if value.is_object() { Ok(value.clone()) } else { Err(shape("must be a JSON object, a merge patch (RFC 7396)")) }
}

fn address(value: &Value) -> Result<BTreeMap<String, String>, Wrong> {
    let fields = value.as_object().ok_or_else(|| shape("must be an object with the parts that change"))?;
    let mut told = BTreeMap::new();
    for (name, value) in fields {
        if !ADDRESS_FIELDS.contains(&name.as_str()) {
            return Err(shape("has a field that an address does not have"));
        }
        told.insert(name.clone(), text(0, 200)(value)?);
    }
    if told.is_empty() { Err(invalid("must change something")) } else { Ok(told) }
}

fn tags(value: &Value) -> Result<BTreeSet<String>, Wrong> {
    let all = value.as_array().ok_or_else(|| shape("must be a list of tags"))?;
    if all.len() > MOST_TAGS {
        return Err(invalid(format!("must be at most {MOST_TAGS} tags")));
    }
    all.iter().map(token(1, 40)).collect()
}

/// Which exceptions: those for which all that is said holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExceptionFilter {
    /// Of which connection.
    pub connection: Option<String>,
    /// Of which class.
    pub class: Option<String>,
    /// Of which kind of task, or what they are about.
    pub task: Option<String>,
    /// Who sees to them; empty: nobody.
    pub owner: Option<String>,
    /// What they are found under.
    pub tag: Option<String>,
    /// Whom they concern.
    pub concerns: Option<Criticality>,
    /// Whether those that may wait are among them.
    pub snoozed: bool,
}

/// Names of the filter's fields, in bodies and in addresses.
pub const FILTER_FIELDS: [&str; 7] = ["connection", "class", "task", "owner", "tag", "concerns", "snoozed"];

impl ExceptionFilter {
    /// A filter from texts by name, as an address or a form tells it; empty ones say nothing, but of the owner.
    ///
    /// # Errors
    /// The name of the text that cannot be understood.
    pub fn of<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<Self, &'static str> {
        let some = |name: &str| get(name).filter(|text| !text.is_empty()).map(str::to_owned);
        let concerns = some("concerns").map(|text| serde_json::from_value(text.into()).map_err(|_| "concerns"));
        let snoozed = match some("snoozed").as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err("snoozed"),
        };
        Ok(Self {
            connection: some("connection"),
            class: some("class"),
            task: some("task"),
            owner: some("owner").map(|owner| if owner == NOBODY { String::new() } else { owner }),
            tag: some("tag"),
            concerns: concerns.transpose()?,
            snoozed,
        })
    }
}

/// How a filter asks for what nobody sees to.
pub const NOBODY: &str = "nobody";

/// The same word about many exceptions, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedBulk {
    /// What is to be done.
    pub action: Action,
    /// With which.
    pub filter: ExceptionFilter,
    /// What is said.
    pub word: ParsedWord,
    /// Where an earlier call has stopped.
    pub cursor: Option<String>,
}

/// Actions that may be said of many at once: none that changes what a single order is.
pub const OF_MANY: [Action; 6] =
    [Action::Retry, Action::Decline, Action::Resolve, Action::Assign, Action::Tag, Action::Snooze];

/// The body of `POST /v1/ops/bulk-actions`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_bulk(body: &[u8]) -> Result<ParsedBulk, Vec<Fault>> {
    let known = ["action", "filter", "cursor", "reason", "owner", "tags", "until"];
    read(body, &known, |told| {
        let action = told.required("action", of_many)?;
        let filter = told.required("filter", filter);
        let cursor = told.optional("cursor", token(1, 400));
        let word = word_of(action, told);
        Some(ParsedBulk { action, filter: filter?, word: word?, cursor })
    })
}

fn of_many(value: &Value) -> Result<Action, Wrong> {
    let action = value.as_str().and_then(Action::named).filter(|action| OF_MANY.contains(action));
    let names = OF_MANY.map(Action::name).join(", ");
    action.ok_or_else(|| invalid(format!("must be one of {names}")))
}

fn filter(value: &Value) -> Result<ExceptionFilter, Wrong> {
    let fields = value.as_object().ok_or_else(|| shape("must be an object"))?;
    if fields.keys().any(|name| !FILTER_FIELDS.contains(&name.as_str())) {
        return Err(shape("has a field that a filter does not have"));
    }
    if fields.values().any(|value| !value.is_string()) {
        return Err(shape("must have texts only"));
    }
    let get = |name: &str| fields.get(name).and_then(Value::as_str);
    let filter = ExceptionFilter::of(get).map_err(|name| invalid(format!("has a {name} that is none")))?;
    let is_all = ExceptionFilter { snoozed: false, ..filter.clone() } == ExceptionFilter::default();
    if is_all { Err(invalid("must say which: a filter that says nothing would be all of them")) } else { Ok(filter) }
}

/// The body of `POST /v1/ops/connections/{connection}/pause`: why, and until when.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_pause(body: &[u8]) -> Result<(String, Timestamp), Vec<Fault>> {
    read(body, &["reason", "until"], |told| {
        let (reason, until) = (told.required("reason", text(3, MOST_TEXT)), told.required("until", time));
        Some((reason?, until?))
    })
}

/// Reads from when on what a storefront did not tell is to be looked for.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_poll(body: &[u8]) -> Result<Timestamp, Vec<Fault>> {
    read(body, &["from"], |told| told.required("from", time))
}

/// What is replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replayed {
    /// Deliveries are taken in once more.
    Deliveries,
    /// Events are published once more.
    Events,
}

/// Which part of what is known is replayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// That of an order.
    Order(OrderId),
    /// That of a connection within a window of time: deliveries that came, or orders that were placed, then.
    Window {
        /// The connection.
        connection: ConnectionId,
        /// From when.
        from: Timestamp,
        /// Until when, this moment not included.
        to: Timestamp,
    },
}

/// A replay, as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedReplay {
    /// What.
    pub what: Replayed,
    /// Of whom.
    pub scope: Scope,
    /// Only deliveries of this topic, or events of this type.
    pub only: Option<String>,
    /// Why.
    pub reason: String,
    /// Where an earlier call has stopped.
    pub cursor: Option<String>,
}

/// The longest window of a replay.
pub const LONGEST_WINDOW: SignedDuration = SignedDuration::from_hours(24 * 7);

/// The body of `POST /v1/ops/replays`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_replay(body: &[u8]) -> Result<ParsedReplay, Vec<Fault>> {
    let known = ["what", "order_id", "connection", "from", "to", "only", "reason", "cursor"];
    read(body, &known, |told| {
        let what = told.required("what", word(&["deliveries", "events"]));
        let what = what.map(|what| if what == "events" { Replayed::Events } else { Replayed::Deliveries });
        let reason = told.required("reason", text(3, MOST_TEXT));
        let only = told.optional("only", reference(1, 100));
        let cursor = told.optional("cursor", token(1, 400));
        let scope = scope_of(told);
        Some(ParsedReplay { what: what?, scope: scope?, only, reason: reason?, cursor })
    })
}

fn scope_of(told: &Object<'_>) -> Option<Scope> {
    let (order, connection) = (told.optional("order_id", parsed), told.optional("connection", parsed));
    let (from, to) = (told.optional("from", time), told.optional("to", time));
    match (order, connection, from.zip(to)) {
        (Some(order), None, None) if from.is_none() && to.is_none() => Some(Scope::Order(order)),
        (None, Some(connection), Some((from, to))) => {
            if to <= from || to.duration_since(from) > LONGEST_WINDOW {
                told.complain("to", invalid("must be after from, and within seven days of it"));
                return None;
            }
            Some(Scope::Window { connection, from, to })
        }
        (Some(_) | None, Some(_) | None, Some(_) | None) => {
            told.complain("order_id", invalid("say either order_id, or connection with from and to"));
            None
        }
    }
}
