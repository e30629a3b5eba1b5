//! The same word about many exceptions, and the list as a file.

use crossdock_connectors::api::{ParsedBulk, parse_bulk};
use crossdock_runner::faults;
use crossdock_step::api::{Answer, Caller, Problem, Reply, Request};
use futures_util::StreamExt as _;
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::Operate;
use crate::act::Asked;
use crate::inbox::{Listed, filter_of};

/// Exceptions that are seen to at the same time.
const CONCURRENCY: usize = 8;

/// A call ends in time; the next goes on from its cursor.
const WORK_FOR: SignedDuration = SignedDuration::from_secs(7);

/// So many that could not be seen to are named in one answer.
const MOST_NAMED: usize = 100;

/// What has become of many.
#[derive(Default)]
pub(crate) struct Tally {
    /// Exceptions that were seen to.
    pub(crate) done: usize,
    /// Those that were not, and why.
    pub(crate) failed: Vec<(String, String)>,
    /// Outside calls that would be made.
    pub(crate) effects: usize,
    /// Money that would go back, in minor units by currency.
    pub(crate) refunded: std::collections::BTreeMap<String, i64>,
    /// Where the next call goes on.
    pub(crate) next_cursor: Option<String>,
}

impl Operate {
    pub(crate) async fn act_on_many(&self, request: &Request) -> Answer {
        let caller = request.allowed("ops:write")?;
        let bulk = parse_bulk(&request.body).map_err(|found| faults::problem(&found))?;
        let dry_run = request.flag("dry_run")?;
        let tally = self.bulk((request, caller), &bulk, dry_run).await?;
        let failed: Vec<Value> = tally
            .failed
            .iter()
            .take(MOST_NAMED)
            .map(|(id, detail)| json!({ "exception_id": id, "detail": detail }))
            .collect();
        let told = json!({
            "action": bulk.action.name(),
            "dry_run": dry_run,
            "done": tally.done,
            "failed": tally.failed.len(),
            "failures": failed,
            "effects": tally.effects,
            "refunded_minor": tally.refunded,
            "next_cursor": tally.next_cursor,
        });
        Ok(Reply::json(StatusCode::OK, &told))
    }

    /// Says the same about every exception of a filter, one page after the other, as long as there is time.
    pub(crate) async fn bulk(
        &self,
        (request, caller): (&Request, &Caller),
        bulk: &ParsedBulk,
        dry_run: bool,
    ) -> Result<Tally, Problem> {
        let until = self.recorder.clock().now() + WORK_FOR;
        let mut tally = Tally { next_cursor: bulk.cursor.clone(), ..Tally::default() };
        loop {
            let (listed, next) = self.page_of(caller, &bulk.filter, tally.next_cursor.as_deref()).await?;
            let each = listed.into_iter().map(|listed| async move {
                let (action, word) = (bulk.action, &bulk.word);
                let asked = Asked { request, caller, id: &listed.id, action, word, dry_run };
                let outcome = self.act(&asked).await;
                (listed, outcome)
            });
            let outcomes: Vec<_> = futures_util::stream::iter(each).buffer_unordered(CONCURRENCY).collect().await;
            for (listed, outcome) in outcomes {
                tally.add(&listed, outcome);
            }
            tally.next_cursor = next;
            if tally.next_cursor.is_none() || self.recorder.clock().now() >= until {
                return Ok(tally);
            }
        }
    }

    /// The list as comma-separated values, for whoever works on it elsewhere.
    pub(crate) async fn export_exceptions(&self, request: &Request) -> Answer {
        let caller = request.allowed("ops:read")?;
        let filter = filter_of(request)?;
        let until = self.recorder.clock().now() + WORK_FOR;
        let mut file = csv::Writer::from_writer(Vec::new());
        let unwritable = |error: csv::Error| Problem::unavailable_because(error);
        file.write_record(COLUMNS).map_err(unwritable)?;
        let mut cursor = request.query.get("cursor").cloned();
        loop {
            let (listed, next) = self.page_of(caller, &filter, cursor.as_deref()).await?;
            for listed in &listed {
                file.write_record(record_of(listed)).map_err(unwritable)?;
            }
            cursor = next;
            if cursor.is_none() || self.recorder.clock().now() >= until {
                break;
            }
        }
        let written = file.into_inner().map_err(Problem::unavailable_because)?;
        let mut text = String::from_utf8(written).map_err(Problem::unavailable_because)?;
        if let Some(cursor) = cursor {
            text.push_str(&format!("# there are more: ask again with cursor={cursor}\n"));
        }
        Ok(Reply::text(StatusCode::OK, "text/csv; charset=utf-8", text))
    }
}

impl Tally {
    fn add(&mut self, listed: &Listed, outcome: Result<Value, Problem>) {
        let told = match outcome {
            Ok(told) => told,
            Err(problem) => return self.failed.push((listed.id.clone(), problem.detail().to_owned())),
        };
        self.done += 1;
        self.effects += told["effects"].as_array().map_or(0, Vec::len);
        let refunded = told["refunded_minor"].as_i64().unwrap_or(0);
        if refunded != 0 {
            let currency = told["currency"].as_str().unwrap_or("unknown").to_owned();
            *self.refunded.entry(currency).or_default() += refunded;
        }
    }
}

const COLUMNS: [&str; 13] = [
    "exception_id",
    "order_id",
    "connection",
    "task",
    "concerns",
    "class",
    "reason",
    "since",
    "last_seen",
    "attempts",
    "owner",
    "tags",
    "snoozed_until",
];

fn record_of(listed: &Listed) -> Vec<String> {
    let told = listed.json();
    let text = |name: &str| match &told[name] {
        Value::Null => String::new(),
        Value::String(text) => harmless(text),
        Value::Array(all) => all.iter().filter_map(Value::as_str).map(harmless).collect::<Vec<_>>().join(" "),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Object(_)) => other.to_string(),
    };
    COLUMNS.iter().map(|name| text(name)).collect()
}

/// Spreadsheets take a text that begins like a formula for one.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn no_text_is_a_formula() {
        assert_eq!(harmless("=HYPERLINK(\"x\")"), "'=HYPERLINK(\"x\")");
        assert_eq!(harmless("2 x TEE are missing"), "2 x TEE are missing");
    }
}
