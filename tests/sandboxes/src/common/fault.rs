//! Faults that a sandbox injects on demand.

use serde::{Deserialize, Serialize};

/// One fault order: which requests it strikes, how, and how often.
///
/// In JSON: `{ "match": "POST /services/rest/record/v1/invoice", "fault": "status:500", "times": 2 }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Method and path prefix; `*` stands for any run of characters, a method of `*` for any method.
    #[serde(rename = "match")]
    pub matching: String,
    /// What happens to a request that matches.
    pub fault: FaultKind,
    /// How many requests it strikes before it is used up.
    #[serde(default = "once")]
    pub times: u32,
    /// Strikes only every so-manieth request that matches: 5 leaves four alone and strikes the fifth.
    #[serde(default = "once")]
    pub every: u32,
    /// Strikes only requests whose body contains this text (a GraphQL operation's name, for example).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_contains: Option<String>,
}

fn once() -> u32 {
    1
}

impl Fault {
    /// A fault that strikes every request matching `matching` for the next `times` requests.
    #[must_use]
    pub fn new(matching: &str, fault: FaultKind, times: u32) -> Self {
        Self { matching: matching.to_owned(), fault, times, every: 1, body_contains: None }
    }

    /// Leaves requests alone in between: strikes only every so-manieth that matches.
    #[must_use]
    pub fn every(mut self, every: u32) -> Self {
        self.every = every;
        self
    }

    /// Narrows the fault to requests whose body contains `text`.
    #[must_use]
    pub fn only_when_body_contains(mut self, text: &str) -> Self {
        self.body_contains = Some(text.to_owned());
        self
    }

    /// Whether this fault strikes the request.
    #[must_use]
    pub fn strikes(&self, method: &str, path: &str, body: &[u8]) -> bool {
        let (wanted_method, wanted_path) = self.matching.trim().split_once(' ').unwrap_or(("*", self.matching.trim()));
        (wanted_method == "*" || wanted_method.eq_ignore_ascii_case(method))
            && starts_with_pattern(wanted_path.trim().trim_end_matches('…'), path)
            && self.body_contains.as_deref().is_none_or(|text| String::from_utf8_lossy(body).contains(text))
    }
}

/// Whether `text` starts with `pattern`, where `*` stands for any run of characters.
fn starts_with_pattern(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}

/// What a fault does to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum FaultKind {
    /// The operation commits, then no answer comes.
    TimeoutAfterCommit,
    /// Nothing happens and no answer comes.
    TimeoutBeforeCommit,
    /// Nothing happens and the vendor answers this status as it would (`status:429:malformed` names a variant).
    Status(u16, Option<String>),
    /// The operation commits, then the vendor answers this status.
    StatusAfterCommit(u16, Option<String>),
    /// The operation commits, the answer comes after so many milliseconds.
    Slow(u64),
    /// The operation commits, the answer is plausible but says something wrong.
    WrongAnswer,
    /// Nothing happens and a 200 with an HTML page comes back, as from a proxy in between.
    HtmlPage,
}

/// A fault text that names no fault.
#[derive(Debug, thiserror::Error)]
#[error(
    "unknown fault `{0}`: use timeout_after_commit, timeout_before_commit, status:NNN[:variant], \
     status_after_commit:NNN[:variant], slow:MS, wrong_answer or wrong_answer:html"
)]
pub struct UnknownFault(String);

impl TryFrom<String> for FaultKind {
    type Error = UnknownFault;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut parts = text.splitn(3, ':');
        let name = parts.next().unwrap_or_default();
        let argument = parts.next();
        let variant = parts.next().map(str::to_owned);
        let status = || argument.and_then(|text| text.parse::<u16>().ok()).filter(is_error);
        let kind = match (name, argument) {
            ("timeout_after_commit", None) => Some(Self::TimeoutAfterCommit),
            ("timeout_before_commit", None) => Some(Self::TimeoutBeforeCommit),
            ("status", Some(_)) => status().map(|status| Self::Status(status, variant)),
            ("status_after_commit", Some(_)) => status().map(|status| Self::StatusAfterCommit(status, variant)),
            ("slow", Some(ms)) => ms.parse().ok().map(Self::Slow),
            ("wrong_answer", None) => Some(Self::WrongAnswer),
            ("wrong_answer", Some("html")) => Some(Self::HtmlPage),
            _ => None,
        };
        kind.ok_or(UnknownFault(text))
    }
}

fn is_error(status: &u16) -> bool {
    (300..=599).contains(status)
}

impl From<FaultKind> for String {
    fn from(kind: FaultKind) -> Self {
        let with_variant = |name: &str, status: u16, variant: Option<String>| match variant {
            Some(variant) => format!("{name}:{status}:{variant}"),
            None => format!("{name}:{status}"),
        };
        match kind {
            FaultKind::TimeoutAfterCommit => "timeout_after_commit".to_owned(),
            FaultKind::TimeoutBeforeCommit => "timeout_before_commit".to_owned(),
            FaultKind::Status(status, variant) => with_variant("status", status, variant),
            FaultKind::StatusAfterCommit(status, variant) => with_variant("status_after_commit", status, variant),
            FaultKind::Slow(ms) => format!("slow:{ms}"),
            FaultKind::WrongAnswer => "wrong_answer".to_owned(),
            FaultKind::HtmlPage => "wrong_answer:html".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strikes(matching: &str, method: &str, path: &str) -> bool {
        Fault::new(matching, FaultKind::WrongAnswer, 1).strikes(method, path, b"{}")
    }

    #[test]
    fn a_fault_matches_a_method_and_the_start_of_a_path() {
        assert!(strikes("POST /order", "POST", "/order/7?page=1"));
        assert!(strikes("POST /services/rest/record/v1/invoice…", "POST", "/services/rest/record/v1/invoice"));
        assert!(!strikes("POST /order", "GET", "/order"));
        assert!(!strikes("POST /order", "POST", "/2026-01/order"));
    }

    #[test]
    fn a_star_stands_for_any_method_or_run_of_characters() {
        assert!(strikes("* /order", "PATCH", "/order"));
        assert!(strikes("POST */!transform/invoice", "POST", "/v1/salesOrder/7/!transform/invoice?replace=item"));
        assert!(!strikes("POST */!transform/invoice", "POST", "/v1/salesOrder/7/!transform/itemFulfillment"));
        assert!(strikes("*", "DELETE", "/anything"));
    }

    #[test]
    fn a_fault_may_look_at_the_body() {
        let fault = Fault::new("*", FaultKind::WrongAnswer, 1).only_when_body_contains("fulfillmentCreate");
        assert!(fault.strikes("POST", "/graphql.json", b"mutation { fulfillmentCreate { id } }"));
        assert!(!fault.strikes("POST", "/graphql.json", b"query { order { id } }"));
    }

    #[test]
    fn every_fault_is_written_as_it_is_read() {
        for text in [
            "timeout_after_commit",
            "timeout_before_commit",
            "status:429",
            "status:429:malformed",
            "status_after_commit:500",
            "slow:250",
            "wrong_answer",
            "wrong_answer:html",
        ] {
            let kind = FaultKind::try_from(text.to_owned()).unwrap();
            assert_eq!(String::from(kind), text);
        }
        for text in ["", "status", "status:", "status:99", "status:200", "slow:soon", "wrong_answer:text", "timeout"] {
            assert!(FaultKind::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
