//! Another build rehearsed with orders as they were recorded: what it would read in their deliveries, decide, post and show
//! otherwise. No I/O: what was recorded is all that it knows.
//!
//! A recording has nobody in it. Of whatever is personal in a delivery the form is left (`mask::shaped`), which is enough
//! to read it by; where only the words of a text are hidden, it counts as the same.

use std::collections::{BTreeMap, BTreeSet};

use crossdock_domain::item::Item;
use crossdock_domain::mask::{reads_as, shaped};
use crossdock_domain::settings::ChannelSettings;
use crossdock_domain::{CanonicalOrder, Commit, ConnectionId, Event, Minor, Order, OrderId, Sku};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::heard::{Heard, Known};
use crate::{Delivery, InboundFact, webhook};

/// The form of recordings that this build writes and reads.
pub const RECORDING: u32 = 1;

/// A delivery without the people in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedDelivery {
    /// Who sent it.
    pub connection: ConnectionId,
    /// When it arrived.
    pub received_at: Timestamp,
    /// The headers that its translation needs.
    pub headers: BTreeMap<String, String>,
    /// What it says.
    pub body: Value,
    /// Hashes of recipients as they are in the log, and as they are read in this body.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub recipients: BTreeMap<String, String>,
}

impl RecordedDelivery {
    /// What is left of a delivery without the people in it; nothing where it is no JSON.
    #[must_use]
    pub fn of(
        (connection, settings): (&ConnectionId, &Value),
        received_at: Timestamp,
        delivery: &Delivery,
    ) -> Option<Self> {
        let body = serde_json::from_slice(&delivery.body).ok()?;
        let body = shaped(&body, webhook::plain_keys(settings));
        let (connection, headers) = (connection.clone(), delivery.headers.clone());
        let mut recorded = Self { connection, received_at, headers, body, recipients: BTreeMap::new() };
        let recipient = |delivery: &Delivery| {
            let facts = webhook::translate(settings, delivery).unwrap_or_default();
            facts.iter().find_map(|fact| Some(fact.order()?.recipient.as_ref()?.hash()))
        };
        recorded.recipients.extend(recipient(delivery).zip(recipient(&recorded.delivery())));
        Some(recorded)
    }

    fn delivery(&self) -> Delivery {
        Delivery { headers: self.headers.clone(), body: self.body.to_string().into_bytes() }
    }
}

/// An order as it was recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// Its form: [`RECORDING`].
    pub recording: u32,
    /// The order.
    pub order: OrderId,
    /// Settings of the connections that its deliveries came from, as they were when it was recorded.
    pub connections: BTreeMap<ConnectionId, Value>,
    /// Its items, as they were then.
    pub items: BTreeMap<Sku, Item>,
    /// Its deliveries, oldest first.
    pub deliveries: Vec<RecordedDelivery>,
    /// Its commits.
    pub commits: Vec<Commit>,
}

/// Something that this build would do otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// At which commit; absent where it is about a delivery that had recorded nothing.
    pub seq: Option<u64>,
    /// What is otherwise.
    pub what: String,
    /// As it was recorded.
    pub recorded: Value,
    /// As it would be.
    pub now: Value,
}

/// What a rehearsal came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rehearsed {
    /// Deliveries that were read again.
    pub deliveries: usize,
    /// Commits whose decision was made again, of a delivery's fact.
    pub decisions: usize,
    /// Documents that were drafted again.
    pub documents: usize,
    /// Commits whose state was told again.
    pub commits: usize,
    /// What would be otherwise.
    pub differences: Vec<Difference>,
}

/// Runs an order through this build.
///
/// # Errors
/// The recording is of another form.
pub fn rehearse(recording: &Recording) -> Result<Rehearsed, String> {
    if recording.recording != RECORDING {
        let (form, ours) = (recording.recording, RECORDING);
        return Err(format!("the recording is of form {form}, and this build reads {ours}: record the order again"));
    }
    let mut rehearsal = Rehearsal { recording, done: Rehearsed::default(), heard: Vec::new(), used: BTreeSet::new() };
    rehearsal.hear();
    let mut order = Order::new(recording.order.clone());
    for commit in commits_of(recording) {
        rehearsal.decide(&order, &commit);
        rehearsal.draft(&order, &commit);
        order.apply(&commit);
        rehearsal.show(&order, &commit);
    }
    rehearsal.replay(&order);
    Ok(rehearsal.done)
}

/// The commits with recipients called as this build reads them in what is left of the deliveries.
fn commits_of(recording: &Recording) -> Vec<Commit> {
    let names: BTreeMap<&String, &String> = recording.deliveries.iter().flat_map(|known| &known.recipients).collect();
    let renamed = |commit: &Commit| -> Option<Commit> {
        let text = serde_json::to_string(commit).ok()?;
        let text = names.iter().fold(text, |text, (from, to)| text.replace(from.as_str(), to));
        serde_json::from_str(&text).ok()
    };
    recording.commits.iter().map(|commit| renamed(commit).unwrap_or_else(|| commit.clone())).collect()
}

struct HeardIn {
    /// The vendor's identity of the delivery.
    delivery: Option<String>,
    received_at: Timestamp,
    heard: Heard,
}

struct Rehearsal<'a> {
    recording: &'a Recording,
    done: Rehearsed,
    heard: Vec<HeardIn>,
    used: BTreeSet<usize>,
}

impl Rehearsal<'_> {
    fn differs(&mut self, seq: Option<u64>, what: impl Into<String>, (recorded, now): (Value, Value)) {
        self.done.differences.push(Difference { seq, what: what.into(), recorded, now });
    }

    /// Reads every delivery again.
    fn hear(&mut self) {
        let accepted = self.recording.commits.iter().flat_map(|commit| &commit.events).find_map(accepted_order);
        for recorded in &self.recording.deliveries {
            let Some(settings) = self.recording.connections.get(&recorded.connection) else { continue };
            self.done.deliveries += 1;
            let delivery = recorded.delivery();
            let facts = match webhook::translate(settings, &delivery) {
                Ok(facts) => facts,
                Err(error) => {
                    let told = (json!({ "received_at": recorded.received_at }), json!(error));
                    self.differs(None, "a delivery cannot be read", told);
                    continue;
                }
            };
            for fact in facts {
                let fact = with_words(fact, accepted);
                if let Ok(heard) = Heard::of(fact, (&recorded.connection, settings))
                    && heard.order == self.recording.order
                {
                    let delivery = webhook::delivery_id(settings, &delivery);
                    self.heard.push(HeardIn { delivery, received_at: recorded.received_at, heard });
                }
            }
        }
    }

    /// Decides again what a delivery's fact has led to.
    fn decide(&mut self, before: &Order, commit: &Commit) {
        let Some(index) = self.heard_of(commit) else { return };
        self.used.insert(index);
        self.done.decisions += 1;
        let now = self.decided(before, &self.heard[index].heard, commit.at);
        let differ = commit.events.len() != now.len()
            || !commit.events.iter().zip(&now).all(|(recorded, now)| is_alike(&written(now), &written(recorded)));
        if differ {
            let told = (commit.events.iter().map(written).collect(), now.iter().map(written).collect());
            self.differs(Some(commit.seq), "what a delivery is taken for", told);
        }
    }

    /// The fact that a commit was made of: by the delivery that it names, else by its cause.
    fn heard_of(&self, commit: &Commit) -> Option<usize> {
        let is_kind = |known: &HeardIn| kind_of(&known.heard.cause) == kind_of(&commit.cause);
        let is_its = |known: &HeardIn| known.delivery.is_some() && known.delivery == commit.causation_id;
        let is_told = |known: &HeardIn| known.heard.cause == commit.cause;
        let first = |is: &dyn Fn(&HeardIn) -> bool| {
            let unused = self.heard.iter().enumerate().filter(|(index, _)| !self.used.contains(index));
            unused.filter(|(_, known)| is_kind(known)).find(|(_, known)| is(known)).map(|(index, _)| index)
        };
        first(&is_its).or_else(|| first(&is_told))
    }

    /// The facts that a commit would have: what is decided, and what follows from it.
    fn decided(&self, order: &Order, heard: &Heard, at: Timestamp) -> Vec<Event> {
        let settings = self.recording.connections.get(&heard.order.connection);
        let channel = settings.and_then(|settings| settings.get("channel")).cloned();
        let channel: Option<ChannelSettings> = channel.and_then(|channel| serde_json::from_value(channel).ok());
        let known = Known { settings: channel.as_ref(), items: &self.recording.items };
        let decided = heard.decide(order, known).events;
        if decided.is_empty() { decided } else { order.with_consequences(decided, at).0 }
    }

    /// Drafts again what was posted.
    fn draft(&mut self, before: &Order, commit: &Commit) {
        for event in &commit.events {
            let Some((recorded, tolerance, drafted)) = drafted(before, event) else { continue };
            self.done.documents += 1;
            let is_same = match drafted {
                Some(total) => recorded.get().abs_diff(total.get()) <= tolerance.get().unsigned_abs(),
                None => false,
            };
            if !is_same {
                let what = format!("what {} comes to, in minor units", event.type_name());
                self.differs(Some(commit.seq), what, (json!(recorded), json!(drafted)));
            }
        }
    }

    /// Tells again how the order stands.
    fn show(&mut self, after: &Order, commit: &Commit) {
        self.done.commits += 1;
        let (Ok(recorded), Ok(now)) = (serde_json::to_value(&commit.summary), serde_json::to_value(after.summary()))
        else {
            return;
        };
        let fields: BTreeSet<&String> =
            [&recorded, &now].into_iter().filter_map(Value::as_object).flat_map(|f| f.keys()).collect();
        for field in fields {
            if recorded.get(field) != now.get(field) {
                let told = (recorded[field].clone(), now[field].clone());
                self.differs(Some(commit.seq), format!("how the order stands: {field}"), told);
            }
        }
    }

    /// What would be recorded now of a delivery that had said nothing new.
    fn replay(&mut self, order: &Order) {
        let unused = (0..self.heard.len()).filter(|index| !self.used.contains(index));
        let is_told = |index: &usize| {
            let heard = &self.heard[*index].heard;
            order.causes.contains(&heard.cause) || self.used.iter().any(|used| self.heard[*used].heard == *heard)
        };
        let unused: Vec<usize> = unused.filter(|index| !is_told(index)).collect();
        for index in unused {
            let events = self.decided(order, &self.heard[index].heard, self.heard[index].received_at);
            if !events.is_empty() {
                let recorded = json!({ "received_at": self.heard[index].received_at, "recorded": [] });
                let now = events.iter().map(written).collect();
                self.differs(None, "a delivery that was passed over", (recorded, now));
            }
        }
    }
}

/// `fact:shopify-uk:order` of `fact:shopify-uk:order:2026-11-23T10:00:00Z:…`.
fn kind_of(cause: &str) -> Vec<&str> {
    cause.split(':').take(3).collect()
}

fn written(event: &Event) -> Value {
    serde_json::to_value(event).unwrap_or_default()
}

fn accepted_order(event: &Event) -> Option<&CanonicalOrder> {
    if let Event::OrderAccepted(accepted) = event { Some(&accepted.order) } else { None }
}

/// An order's fact with the words that the recording hides, where the log has them: product titles, tax titles.
fn with_words(fact: InboundFact, accepted: Option<&CanonicalOrder>) -> InboundFact {
    let InboundFact::Order { channel, mut inbound } = fact else { return fact };
    let known = accepted.and_then(|known| serde_json::to_value(known).ok());
    if let (Some(known), Ok(mut order)) = (known, serde_json::to_value(&inbound.order)) {
        restore(&mut order, &known);
        if let Ok(order) = serde_json::from_value(order) {
            inbound.order = order;
        }
    }
    InboundFact::Order { channel, inbound }
}

fn restore(shown: &mut Value, known: &Value) {
    match (shown, known) {
        (Value::Object(fields), Value::Object(known)) => {
            for (key, field) in fields {
                if let Some(known) = known.get(key) {
                    restore(field, known);
                }
            }
        }
        (Value::Array(items), Value::Array(known)) => {
            items.iter_mut().zip(known).for_each(|(item, known)| restore(item, known));
        }
        (Value::String(text), Value::String(known)) if reads_as(text, known) => text.clone_from(known),
        _ => {}
    }
}

/// Whether what is decided now is what was recorded, but for hidden words and hashes of what holds some.
fn is_alike(now: &Value, recorded: &Value) -> bool {
    match (now, recorded) {
        (Value::Object(now), Value::Object(recorded)) => {
            now.len() == recorded.len()
                && now.iter().all(|(key, now)| recorded.get(key).is_some_and(|recorded| is_alike(now, recorded)))
        }
        (Value::Array(now), Value::Array(recorded)) => {
            now.len() == recorded.len() && now.iter().zip(recorded).all(|(now, recorded)| is_alike(now, recorded))
        }
        (Value::String(now), Value::String(recorded)) => {
            let are_contents = now.starts_with("content:") && recorded.starts_with("content:");
            are_contents || reads_as(now, recorded)
        }
        (now, recorded) => now == recorded,
    }
}

/// The total of a document that an event tells of, by how much it may be off, and what it would come to now.
fn drafted(before: &Order, event: &Event) -> Option<(Minor, Minor, Option<Minor>)> {
    let accepted = before.accepted.as_ref()?;
    let tolerance = accepted.fact.rounding_tolerance;
    #[expect(clippy::wildcard_enum_match_arm, reason = "whatever else is told has no total of ours")]
    let (document, total) = match event {
        Event::SalesOrderPosted { document } => {
            (document, before.sales_order_draft().ok().flatten().map(|draft| draft.total))
        }
        Event::DepositPosted { tender, document } => {
            let number = before.captured_tenders().find(|(_, known)| known.id == *tender).map(|(number, _)| number);
            (document, number.and_then(|number| before.deposit_draft(number)).map(|(_, draft)| draft.amount))
        }
        Event::InvoicePosted { shipment, document } => {
            (document, before.invoice_draft(*shipment).ok().flatten().map(|draft| draft.total))
        }
        Event::CreditMemoPosted { refund, document } => {
            (document, before.credit_draft(*refund).ok().flatten().map(|(_, draft)| draft.total))
        }
        Event::CustomerRefundPosted { number, document } => {
            (document, before.customer_refund_draft(*number).map(|draft| draft.amount))
        }
        _ => return None,
    };
    Some((document.total_minor?, tolerance, total))
}
