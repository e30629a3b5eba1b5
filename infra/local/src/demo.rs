//! `cargo local demo`: a customer orders two things, and we watch what becomes of it.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::aws::{accepted, http, read_json};
use crate::report::{Report, seconds};
use crate::seed;
use crate::services::{ENGINE, Services};
use crate::site::Site;
use crate::stack::Stack;
use crate::trouble::Trouble;
use crate::up;

const STOREFRONT: &str = "shopify-uk";
const WAREHOUSE: &str = "shipbob";
const ERP: &str = "netsuite";
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Sends one order all the way; stops the stack again unless it ran before or is to be kept.
pub(crate) async fn demo(site: &Site, report: &Report, services: &Services<'_>, keep: bool) -> Result<(), Trouble> {
    let was_up = services.running(ENGINE).is_some();
    let stack = up::up(site, report, services).await?;
    let told = Demo { report, stack: &stack, http: http()? }.tell(seed::demo_order(site, &stack)?).await;
    if !was_up && !keep {
        up::down(site, report, services).await?;
    }
    told?;
    report.line(format!("Everything took {}.", seconds(report.total())));
    Ok(())
}

/// One order under observation.
struct Demo<'a> {
    report: &'a Report,
    stack: &'a Stack,
    http: reqwest::Client,
}

/// What happened and when, counted from the customer's click.
struct Story {
    placed: Instant,
    placed_at: Timestamp,
    seen: usize,
    shipped: bool,
    /// The moment of each commit, in milliseconds after the click.
    steps: Vec<(String, i64)>,
}

impl Story {
    fn begin() -> Self {
        Self { placed: Instant::now(), placed_at: Timestamp::now(), seen: 0, shipped: false, steps: Vec::new() }
    }

    /// When an entry of the timeline was committed: later than the click, earlier than we saw it.
    fn moment(&self, entry: &Value) -> i64 {
        let at: Option<Timestamp> = entry["at"].as_str().and_then(|at| at.parse().ok());
        at.map_or(0, |at| at.as_millisecond() - self.placed_at.as_millisecond())
    }
}

impl Demo<'_> {
    async fn tell(&self, wanted: Value) -> Result<(), Trouble> {
        let mut story = Story::begin();
        let placed = self.act(STOREFRONT, &json!({ "place_order": wanted })).await?;
        let channel_id = placed["id"].as_str().unwrap_or_default();
        let order_id = format!("{STOREFRONT}.{channel_id}");
        self.report.line("");
        self.report
            .line(format!("A customer places {} in the shop; it sends us a signed orders/create.", placed["name"]));
        self.report.line(format!("GET {}/orders/{order_id}", self.stack.api));
        self.report.line(format!("{:>8}    timeline", "ms"));
        let order = self.follow(&order_id, &mut story).await?;
        self.show_outcome(&order, channel_id, &story).await
    }

    async fn follow(&self, order_id: &str, story: &mut Story) -> Result<Value, Trouble> {
        let mut order = Value::Null;
        while story.placed.elapsed() < PATIENCE {
            if let Some(read) = self.order(order_id).await? {
                self.show_news(&read, story);
                if read["status"] == "completed" {
                    return Ok(read);
                }
                order = read;
            }
            self.ship_once(order_id, &order, story).await?;
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Err(Trouble::OrderNotCompleted { seconds: PATIENCE.as_secs(), outstanding: left_to_do(&order) })
    }

    /// None as long as nobody knows the order.
    async fn order(&self, order_id: &str) -> Result<Option<Value>, Trouble> {
        let mut request = self.http.get(format!("{}/orders/{order_id}", self.stack.api));
        for (name, value) in &self.stack.headers {
            request = request.header(name, value);
        }
        match accepted(request).await {
            Ok(answer) => Ok(Some(read_json(answer).await?)),
            Err(Trouble::Refused { status: 404, .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }

    fn show_news(&self, order: &Value, story: &mut Story) {
        let timeline = order["timeline"].as_array().map_or(&[][..], Vec::as_slice);
        for entry in timeline.iter().skip(story.seen) {
            let event = entry["event"].as_str().unwrap_or_default().to_owned();
            let ms = story.moment(entry);
            self.report.line(format!("{ms:>8}    {event:<28} {}", entry["actor"].as_str().unwrap_or_default()));
            story.steps.push((event, ms));
        }
        story.seen = story.seen.max(timeline.len());
    }

    /// As soon as the 3PL has our order and we know that it has, somebody there packs it.
    async fn ship_once(&self, order_id: &str, order: &Value, story: &mut Story) -> Result<(), Trouble> {
        let asked = order["timeline"].as_array().into_iter().flatten();
        let is_asked =
            asked.filter_map(|entry| entry["event"].as_str()).any(|event| event.starts_with("FulfillmentRequested"));
        if story.shipped || !is_asked {
            return Ok(());
        }
        let channel_id = order_id.split_once('.').map_or(order_id, |(_, id)| id);
        let held = self.documents(WAREHOUSE).await?;
        for reference in references_of(&held, channel_id) {
            let ms = story.placed.elapsed().as_millis();
            self.report.line(format!("{ms:>8} -> the warehouse ships {reference}"));
            self.act(WAREHOUSE, &json!({ "ship": { "reference_id": reference } })).await?;
            story.shipped = true;
        }
        Ok(())
    }

    async fn act(&self, sandbox: &str, action: &Value) -> Result<Value, Trouble> {
        let url = format!("{}/_sandbox/act", self.stack.sandbox(sandbox)?);
        read_json(accepted(self.http.post(url).json(action)).await?).await
    }

    async fn documents(&self, sandbox: &str) -> Result<Value, Trouble> {
        let url = format!("{}/_sandbox/documents", self.stack.sandbox(sandbox)?);
        read_json(accepted(self.http.get(url)).await?).await
    }

    async fn show_outcome(&self, order: &Value, channel_id: &str, story: &Story) -> Result<(), Trouble> {
        self.report.line("");
        self.report.line("What now exists outside, as each system itself tells it:");
        for sandbox in [STOREFRONT, WAREHOUSE, ERP] {
            for line in describe(&self.documents(sandbox).await?, channel_id) {
                self.report.line(format!("  {sandbox:<11} {line}"));
            }
        }
        self.report.line("");
        self.report.line("The ERP's trial balance, in minor units, each account on its natural side:");
        let ledger = accepted(self.http.get(format!("{}/_sandbox/ledger", self.stack.sandbox(ERP)?))).await?;
        for line in balances(&read_json(ledger).await?) {
            self.report.line(format!("  {line}"));
        }
        self.report.line("");
        self.report.line("Time of each step, from the commit before it to its own:");
        let mut before = 0;
        for (event, ms) in &story.steps {
            self.report.line(format!("  {:>6} ms  {event}", (ms - before).max(0)));
            before = before.max(*ms);
        }
        let status = order["status"].as_str().unwrap_or_default();
        self.report.line(format!("  {before:>6} ms  from the click to {status}, the packing included"));
        Ok(())
    }
}

/// Names what a stuck order waits for.
fn left_to_do(order: &Value) -> String {
    if order.is_null() {
        return "it was never accepted; `cargo local logs` shows why".into();
    }
    let tasks = order["outstanding"].as_array().into_iter().flatten();
    let tasks: Vec<&str> = tasks.filter_map(|task| task["task"].as_str()).collect();
    let status = order["status"].as_str().unwrap_or_default();
    if tasks.is_empty() {
        format!("its status is {status}")
    } else {
        format!("{status}; outstanding: {}", tasks.join(", "))
    }
}

/// Our references on the documents of one order, in a list of documents of any shape.
fn references_of(documents: &Value, channel_id: &str) -> Vec<String> {
    let Some(orders) = documents["orders"].as_array() else {
        return Vec::new();
    };
    orders
        .iter()
        .filter_map(|order| order["reference_id"].as_str())
        .filter(|reference| reference.contains(channel_id))
        .map(str::to_owned)
        .collect()
}

/// A few lines for each document that is about the order.
fn describe(documents: &Value, channel_id: &str) -> Vec<String> {
    let lists = documents.as_object().into_iter().flatten();
    lists
        .flat_map(|(kind, list)| list.as_array().into_iter().flatten().map(move |document| (kind, document)))
        .filter(|(_, document)| document.to_string().contains(channel_id))
        .flat_map(|(kind, document)| {
            let kind = document["record"].as_str().unwrap_or(kind);
            let parts = PARTS.iter().filter_map(|part| Some((*part, document[*part].as_array()?)));
            let parts =
                parts.flat_map(|(part, list)| list.iter().map(move |one| format!("  {part:<18} {}", outline(one))));
            std::iter::once(format!("{kind:<20} {}", outline(document))).chain(parts).collect::<Vec<_>>()
        })
        .collect()
}

/// What belongs to a document and is worth a line of its own.
const PARTS: [&str; 2] = ["fulfillments", "shipments"];

/// What people look for on a document.
const FACTS: [&str; 13] = [
    "name",
    "tranId",
    "id",
    "externalId",
    "reference_id",
    "status",
    "financial_status",
    "fulfillment_status",
    "total_minor",
    "total",
    "currency",
    "tracking_number",
    "tracking_numbers",
];

fn outline(document: &Value) -> String {
    let facts = FACTS.iter().filter_map(|fact| Some(format!("{fact}={}", plain(&document[*fact])?)));
    facts.collect::<Vec<_>>().join("  ")
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Object(_) => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(list) => Some(list.iter().filter_map(plain).collect::<Vec<_>>().join(",")),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
    }
}

/// Accounts with a balance, per currency, in minor units.
fn balances(ledger: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for (currency, books) in ledger["currencies"].as_object().into_iter().flatten() {
        let accounts = books["accounts"].as_object().into_iter().flatten();
        let moved = accounts.filter(|(_, balance)| balance.as_i64() != Some(0));
        lines.extend(moved.map(|(account, balance)| format!("{currency}  {account:<28} {balance:>12}")));
        let verdict = if books["balanced"] == true { "it balances" } else { "IT DOES NOT BALANCE" };
        lines.push(format!("{currency}  {verdict}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stuck_order_is_told_by_what_is_outstanding() {
        let order =
            json!({ "status": "accepted", "outstanding": [{ "task": "allocate" }, { "task": "post_deposit:DEP1" }] });
        assert_eq!(left_to_do(&order), "accepted; outstanding: allocate, post_deposit:DEP1");
        assert_eq!(left_to_do(&json!({ "status": "held", "outstanding": [] })), "its status is held");
        assert!(left_to_do(&Value::Null).contains("never accepted"));
    }

    #[test]
    fn only_documents_of_this_order_are_shown() {
        let documents = json!({ "orders": [
            { "id": 1, "reference_id": "UK-77-F1", "status": "Completed", "shipments": [{ "id": 9, "tracking_number": "T1" }] },
            { "id": 2, "reference_id": "UK-78-F1" },
        ] });
        assert_eq!(references_of(&documents, "77"), ["UK-77-F1"]);
        let shown = describe(&documents, "77");
        assert_eq!(
            shown,
            [
                "orders               id=1  reference_id=UK-77-F1  status=Completed",
                "  shipments          id=9  tracking_number=T1",
            ]
        );
    }

    #[test]
    fn only_accounts_that_moved_are_shown_and_the_verdict_last() {
        let ledger =
            json!({ "currencies": { "GBP": { "accounts": { "deposits": 0, "revenue": 4416 }, "balanced": false } } });
        assert_eq!(balances(&ledger), ["GBP  revenue                      4416", "GBP  IT DOES NOT BALANCE"]);
    }
}
