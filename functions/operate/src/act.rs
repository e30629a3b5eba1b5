//! What a person on call does about an exception: it is tried again, declined, settled, corrected, or handed to
//! somebody. Each word is a decision on the state as it is now; a dry run folds what it would write and changes nothing.

use std::collections::BTreeMap;

use crossdock_connectors::api::{ParsedWord, parse_word};
use crossdock_domain::accept::{Context, liftable_holds};
use crossdock_domain::cancel::{CancelCommand, cancel};
use crossdock_domain::canonical::hash_of;
use crossdock_domain::event::HoldCode;
use crossdock_domain::exception::{Act, Action, Handled, Word};
use crossdock_domain::foresee::Foreseen;
use crossdock_domain::inventory::StockDocument;
use crossdock_domain::{Attention, ConnectionId, Event, Order, OrderId, Recipient, Sku};
use crossdock_log::{OrderView, stock_stream};
use crossdock_runner::inbound::InboundMessage;
use crossdock_runner::{Committed, Origin, faults};
use crossdock_step::api::{Answer, Caller, Problem, Reply, Request};
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::Operate;
use crate::inbox::handling_id;

pub(crate) fn unknown() -> Problem {
    Problem::not_found("exception")
}

pub(crate) fn origin(request: &Request, caller: &Caller) -> Origin {
    Origin::asked_by("operator", request, caller)
}

/// Nothing was changed, and why.
pub(crate) fn nothing_to_do(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::CONFLICT, "nothing-to-retry", detail)
}

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail)
}

/// Somebody's word about one exception.
pub(crate) struct Asked<'a> {
    /// The request that it came with.
    pub(crate) request: &'a Request,
    /// Who says it.
    pub(crate) caller: &'a Caller,
    /// Which exception.
    pub(crate) id: &'a str,
    /// What is to be done.
    pub(crate) action: Action,
    /// With what.
    pub(crate) word: &'a ParsedWord,
    /// Whether it is only to be told what would follow.
    pub(crate) dry_run: bool,
}

impl Asked<'_> {
    fn origin(&self) -> Origin {
        origin(self.request, self.caller)
    }

    /// The identity of what is said: each word is an act of its own, on the state that it was said of.
    fn cause(&self, about: &str, seq: u64) -> String {
        format!("api:{}:{}:{about}:{seq}", self.caller.name, self.action.name())
    }

    /// Who sees to it, what it is found under, whether it may wait: what can be said of any exception.
    fn handling(&self) -> Option<Act> {
        match self.action {
            Action::Assign => Some(Act::Assigned { owner: self.word.owner.clone() }),
            Action::Tag => Some(Act::Tagged { tags: self.word.tags.clone() }),
            Action::Snooze => Some(Act::Snoozed { until: self.word.until }),
            Action::Retry
            | Action::Decline
            | Action::Resolve
            | Action::EditRecipient
            | Action::EditDelivery
            | Action::Map
            | Action::Cancel => None,
        }
    }

    fn not_for_this(&self) -> Problem {
        nothing_to_do(format!("{} is nothing that can be done about this exception now", self.action.name()))
    }
}

/// Somebody's word on what a SKU is called in a system.
pub(crate) struct Mapping<'a> {
    /// Who says it.
    pub(crate) caller: &'a Caller,
    /// What is said.
    pub(crate) word: &'a ParsedWord,
    /// Whether it is only to be told what would follow.
    pub(crate) dry_run: bool,
}

/// How often an item is read again when others were faster.
const TRIES: u32 = 12;

impl Operate {
    pub(crate) async fn act_on_exception(&self, request: &Request) -> Answer {
        let caller = request.allowed("ops:write")?;
        let action = Action::named(request.path("action")).ok_or_else(|| Problem::not_found("operation"))?;
        let word = parse_word(action, &request.body).map_err(|found| faults::problem(&found))?;
        let dry_run = request.flag("dry_run")?;
        let id = request.path("exception_id");
        let asked = Asked { request, caller, id, action, word: &word, dry_run };
        let mut told = self.act(&asked).await?;
        told["exception_id"] = json!(id);
        told["action"] = json!(action.name());
        let status = if dry_run { StatusCode::OK } else { StatusCode::ACCEPTED };
        Ok(Reply::json(status, &told))
    }

    /// Does what somebody says; gives back what became of it, or would.
    pub(crate) async fn act(&self, asked: &Asked<'_>) -> Result<Value, Problem> {
        if let Some(connection) = asked.id.strip_prefix("connection:") {
            self.act_on_connection(asked, connection).await?;
        } else if asked.id.starts_with("delivery:") {
            self.act_on_delivery(asked).await?;
        } else if asked.id.starts_with("stock:") {
            self.act_on_document(asked).await?;
        } else {
            return self.act_on_order(asked).await;
        }
        Ok(if asked.dry_run { dry(&Foreseen::nothing()) } else { done(asked.action) })
    }

    async fn act_on_connection(&self, asked: &Asked<'_>, name: &str) -> Result<(), Problem> {
        let connection: ConnectionId = name.parse().map_err(|_| unknown())?;
        let record = self.connections.connection(&connection).await.map_err(Problem::unavailable_because)?;
        let record = record.filter(|_| asked.caller.reaches(name)).ok_or_else(unknown)?;
        if record.paused(self.recorder.clock().now()).is_none() {
            return Err(nothing_to_do(format!("{connection} is not paused")));
        }
        if let Some(act) = asked.handling() {
            let mut handling = self.handling_of(&connection).await?;
            handling.evolve(&act);
            let kept = serde_json::to_string(&handling).map_err(Problem::unavailable_because)?;
            if asked.dry_run {
                return Ok(());
            }
            let kept = self.markers.set_marker(&handling_id(&connection), &kept).await;
            return kept.map_err(Problem::unavailable_because);
        }
        if asked.action != Action::Retry {
            return Err(asked.not_for_this());
        }
        if asked.dry_run {
            return Ok(());
        }
        self.resume(asked.caller, &connection).await
    }

    async fn act_on_delivery(&self, asked: &Asked<'_>) -> Result<(), Problem> {
        let row = self.views.seen(asked.id).await.map_err(Problem::unavailable_because)?.ok_or_else(unknown)?;
        if !asked.caller.reaches(&row.connection) {
            return Err(unknown());
        }
        if row.exceptions.is_empty() {
            return Err(nothing_to_do("the delivery was sent to translation again, or settled, already"));
        }
        if let Some(act) = asked.handling() {
            let mut exceptions = row.exceptions.clone();
            exceptions.iter_mut().for_each(|found| found.handling.evolve(&act));
            return self.show_delivery(asked, OrderView { seq: row.seq + 1, exceptions, ..row }).await;
        }
        let kept = self.people.find_delivery(asked.id.strip_prefix("delivery:").unwrap_or_default()).await;
        let message = kept.map_err(Problem::unavailable_because)?.ok_or_else(unknown)?;
        let status = match asked.action {
            Action::Retry => Some((message, "retried")),
            Action::EditDelivery => Some((patched(&message, asked.word.patch.as_ref())?, "corrected")),
            Action::Resolve => None,
            Action::Decline
            | Action::EditRecipient
            | Action::Map
            | Action::Cancel
            | Action::Assign
            | Action::Tag
            | Action::Snooze => return Err(asked.not_for_this()),
        };
        if let Some((message, _)) = status.clone().filter(|_| !asked.dry_run) {
            self.inbound.send(message, SignedDuration::ZERO).await.map_err(Problem::unavailable_because)?;
        }
        // Should it fail again, it comes back under its new message's name.
        let status = status.map_or("resolved", |(_, status)| status);
        tracing::info!(
            delivery = asked.id,
            by = asked.caller.name,
            reason = asked.word.reason,
            status,
            "a delivery is closed"
        );
        let closed = OrderView {
            seq: row.seq + 1,
            status: status.into(),
            connection_status: format!("{}#{status}", row.connection),
            exceptions: Vec::<Attention>::new(),
            attention: None,
            attention_since: None,
            ..row
        };
        self.show_delivery(asked, closed).await
    }

    async fn show_delivery(&self, asked: &Asked<'_>, row: OrderView) -> Result<(), Problem> {
        if asked.dry_run {
            return Ok(());
        }
        self.views.show(&row).await.map(|_| ()).map_err(Problem::unavailable_because)
    }

    /// A document of stock that its ERP did not take, or an item of it that the catalogue cannot keep.
    async fn act_on_document(&self, asked: &Asked<'_>) -> Result<(), Problem> {
        let stream = stock_stream(asked.id).ok_or_else(unknown)?;
        let document = self.keeper.load(&stream).await.map_err(Problem::unavailable_because)?;
        let owner = document.connection().filter(|erp| asked.caller.reaches(erp.as_str()));
        let Some(found) = document.attention().into_iter().next().filter(|_| owner.is_some()) else {
            let is_ours = asked.caller.connections().is_none() && document.seq > 0;
            return Err(if is_ours { nothing_to_do("it is posted, or on its way, or settled") } else { unknown() });
        };
        let event = |known: &StockDocument| document_event(asked, known, &found);
        if event(&document).is_none() {
            let detail = if found.about == "catalogue" {
                found.reason.clone()
            } else {
                asked.not_for_this().detail().to_owned()
            };
            return Err(nothing_to_do(detail));
        }
        if asked.dry_run {
            return Ok(());
        }
        let (cause, origin) = (asked.cause(&found.about, document.seq), asked.origin());
        let noted = self.keeper.note(&stream, (&cause, &origin), event).await;
        noted.map(|_| ()).map_err(Problem::unavailable_because)
    }

    /// The order that an exception is about, and what of it.
    pub(crate) async fn order_of<'a>(&self, caller: &Caller, id: &'a str) -> Result<(Order, &'a str), Problem> {
        let (order_id, about) = id.split_once('~').ok_or_else(unknown)?;
        let order_id: OrderId = order_id.parse().map_err(|_| unknown())?;
        if !caller.reaches(order_id.connection.as_str()) {
            return Err(unknown());
        }
        let order = self.recorder.load(&order_id).await.map_err(Problem::unavailable_because)?;
        if order.seq == 0 { Err(unknown()) } else { Ok((order, about)) }
    }

    async fn act_on_order(&self, asked: &Asked<'_>) -> Result<Value, Problem> {
        let (mut order, about) = self.order_of(asked.caller, asked.id).await?;
        if asked.action == Action::Map {
            self.map(&Mapping { caller: asked.caller, word: asked.word, dry_run: asked.dry_run }).await?;
        }
        let word = self.word_of(&order, about, asked).await?;
        let by = asked.caller.name.clone();
        let decide = |order: &Order| order.heed((about, &by), &word);
        let decision = decide(&order);
        if decision.events.is_empty() {
            // What was mapped is mapped, whether or not this order waited for it still.
            let is_mapped = asked.action == Action::Map && !asked.dry_run;
            return if is_mapped { Ok(done(asked.action)) } else { Err(why_not(&order, about, (asked.action, &word))) };
        }
        if asked.dry_run {
            let mut told = dry(&order.foresee(&decision.events, self.recorder.clock().now()));
            told["currency"] = json!(order.currency());
            return Ok(told);
        }
        let (cause, origin) = (asked.cause(about, order.seq), asked.origin());
        let recorded = self.recorder.record(&mut order, (&cause, &origin), decide).await;
        match recorded.map_err(Problem::unavailable_because)? {
            Committed::Appended(_) | Committed::Already => Ok(done(asked.action)),
            Committed::Nothing => Err(why_not(&order, about, (asked.action, &word))),
        }
    }

    /// What is said, with all that it takes to heed it.
    async fn word_of(&self, order: &Order, about: &str, asked: &Asked<'_>) -> Result<Word, Problem> {
        if let Some(act) = asked.handling() {
            return Ok(Word::Said(act));
        }
        let word = asked.word;
        Ok(match asked.action {
            Action::Decline => Word::Decline,
            Action::Resolve => {
                Word::Resolve { reason: word.reason.clone().unwrap_or_default(), document_id: word.document_id.clone() }
            }
            Action::EditRecipient => self.readdressed(order, asked).await?,
            Action::Cancel => Word::Cancel(CancelCommand {
                lines: Vec::new(),
                reason: word.reason.clone().unwrap_or_default(),
                request_hash: hash_of(&asked.id),
            }),
            Action::Retry | Action::Map => {
                let liftable = if about.starts_with("hold:") { self.liftable(order, None).await? } else { Vec::new() };
                Word::Retry { liftable }
            }
            Action::EditDelivery | Action::Assign | Action::Tag | Action::Snooze => return Err(asked.not_for_this()),
        })
    }

    /// Every hold whose cause is gone: they are lifted together, so that one retry is enough.
    async fn liftable(&self, order: &Order, recipient: Option<&Recipient>) -> Result<Vec<HoldCode>, Problem> {
        let settings = self
            .directory
            .channel(&order.id.connection)
            .await
            .map_err(Problem::unavailable_because)?
            .ok_or_else(unknown)?;
        let skus: Vec<Sku> = order.goods().filter_map(|(_, line)| line.sku.clone()).collect();
        let items: BTreeMap<_, _> = self.items.items(&skus).await.map_err(Problem::unavailable_because)?;
        let kept = match (recipient, order.recipient()) {
            (None, Some(hash)) => {
                self.people.find(&order.id.stream(), hash).await.map_err(Problem::unavailable_because)?
            }
            (Some(_), _) | (None, None) => None,
        };
        Ok(liftable_holds(order, recipient.or(kept.as_ref()), Context { settings: &settings, items: &items }))
    }

    /// The address as it is with what was corrected. Kept before the fact that names it; a dry run keeps nothing.
    async fn readdressed(&self, order: &Order, asked: &Asked<'_>) -> Result<Word, Problem> {
        let stream = order.id.stream();
        let known = match order.recipient() {
            Some(hash) => self.people.find(&stream, hash).await.map_err(Problem::unavailable_because)?,
            None => None,
        };
        let corrected = corrected(known.unwrap_or_default(), &asked.word.address)?;
        let country = corrected.country.parse().map_err(|_| invalid("country must be ISO 3166-1 alpha-2"))?;
        let (recipient, at) = (corrected.hash(), self.recorder.clock().now());
        let mut moved = order.clone();
        let event = Event::RecipientChanged {
            recipient: recipient.clone(),
            country: Some(country),
            source_version: at,
            corrects: None,
        };
        moved.evolve(&event, at);
        let mut ends = self.liftable(&moved, Some(&corrected)).await?;
        // The address is complete, and a person has seen to it.
        ends.push(HoldCode::Address);
        if !asked.dry_run {
            self.people.keep(&stream, &corrected).await.map_err(Problem::unavailable_because)?;
        }
        Ok(Word::Readdress { recipient, country: moved.country().cloned(), at, ends })
    }

    /// Says what a SKU is called in a system, from now on, and takes up whatever waits for that.
    pub(crate) async fn map(&self, asked: &Mapping<'_>) -> Result<(), Problem> {
        let word = asked.word;
        let (Some(sku), Some(connection), Some(identity)) = (&word.sku, &word.connection, &word.identity) else {
            return Err(invalid("name sku, connection and identity"));
        };
        if asked.caller.connections().is_some() || !asked.caller.may("catalogue:write") {
            let detail =
                "a mapping is for all connections: it takes a token with catalogue:write that reaches all of them";
            return Err(Problem::new(StatusCode::FORBIDDEN, "missing-scope", detail));
        }
        if self.directory.find(connection).await.map_err(Problem::unavailable_because)?.is_none() {
            return Err(invalid(format!("{connection} is not configured, so that no identity there can be used")));
        }
        if asked.dry_run {
            return Ok(());
        }
        for _ in 0..TRIES {
            let known = self.items.items(std::slice::from_ref(sku)).await.map_err(Problem::unavailable_because)?;
            let Some(mut item) = known.into_values().next() else {
                return Err(invalid(format!("{sku} is not in the catalogue: add it there first")));
            };
            let told =
                [(connection.clone(), vec![crossdock_domain::identities::Dated { from: None, id: identity.clone() }])];
            item.identities = item.identities.told(told.into_iter().collect());
            if self.items.keep_item(&item).await.map_err(Problem::unavailable_because)? {
                tracing::info!(%sku, %connection, by = asked.caller.name, "a SKU was mapped");
                self.unmapped.take_up_after(sku, "operate").await;
                return Ok(());
            }
        }
        Err(Problem::unavailable_because("others keep changing the item"))
    }
}

/// What a word about a document of stock is as a fact.
fn document_event(asked: &Asked<'_>, known: &StockDocument, found: &Attention) -> Option<Event> {
    let said =
        |act: Act| Event::ExceptionHandled(Handled { about: found.about.clone(), by: asked.caller.name.clone(), act });
    if !known.attention().iter().any(|still| still.about == found.about) {
        return None;
    }
    if let Some(act) = asked.handling() {
        return Some(said(act));
    }
    let (parked, _) = known.parked.as_ref()?;
    if asked.action == Action::Retry {
        Some(Event::StockReleased { erp: parked.erp.clone() })
    } else if asked.action == Action::Resolve {
        let reason = asked.word.reason.clone().unwrap_or_default();
        Some(said(Act::Resolved { reason, cause: found.cause() }))
    } else {
        None
    }
}

/// An address with some parts of it corrected; an empty part goes.
fn corrected(known: Recipient, parts: &BTreeMap<String, String>) -> Result<Recipient, Problem> {
    let mut fields = serde_json::to_value(known).map_err(Problem::unavailable_because)?;
    for (name, part) in parts {
        let is_needed = ["name", "address1", "city", "postal_code", "country"].contains(&name.as_str());
        fields[name] = if part.is_empty() && !is_needed { Value::Null } else { json!(part.trim()) };
    }
    let corrected: Recipient =
        serde_json::from_value(fields).map_err(|_| invalid("the address cannot be understood"))?;
    let missing: Vec<&str> = [
        ("name", &corrected.name),
        ("address1", &corrected.address1),
        ("city", &corrected.city),
        ("country", &corrected.country),
    ]
    .into_iter()
    .filter(|(_, part)| part.is_empty())
    .map(|(name, _)| name)
    .collect();
    if missing.is_empty() { Ok(corrected) } else { Err(invalid(format!("the address lacks {}", missing.join(", ")))) }
}

/// A delivery with a merge patch on its body.
fn patched(message: &str, patch: Option<&Value>) -> Result<String, Problem> {
    let delivery: InboundMessage =
        serde_json::from_str(message).map_err(|_| invalid("what was kept is no delivery: it can only be resolved"))?;
    let unreadable = || invalid("the delivery's body is no JSON: it cannot be corrected here; have it sent again");
    let mut body: Value =
        delivery.delivery().ok().and_then(|known| serde_json::from_slice(&known.body).ok()).ok_or_else(unreadable)?;
    if let Some(patch) = patch {
        json_patch::merge(&mut body, patch);
    }
    serde_json::to_string(&delivery.with_body(body.to_string())).map_err(Problem::unavailable_because)
}

/// Why nothing was done.
fn why_not(order: &Order, about: &str, (action, word): (Action, &Word)) -> Problem {
    if let Word::Cancel(command) = word
        && let Err(reasons) = cancel(order, command)
    {
        let detail = "the order does not allow it; see reasons. Nothing was changed";
        return Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "cancellation-refused", detail).with("reasons", reasons);
    }
    let Some(exception) = order.attention().into_iter().find(|known| known.about == about) else {
        let is_known = about.parse::<crossdock_domain::outstanding::TaskId>().is_ok()
            || ["hold:", "return:", "change:", "refund:", "dispute:", "books", "order"]
                .iter()
                .any(|of| about.starts_with(of));
        let detail = "nothing waits for your word: it runs, is done, or is for the storefront to say";
        return if is_known { nothing_to_do(detail) } else { unknown() };
    };
    if let (Some(code), Action::Retry) = (about.strip_prefix("hold:"), action) {
        let code: Option<HoldCode> = serde_json::from_value(code.into()).ok();
        let actions = code.map_or_else(String::new, |code| code.actions().join(", or "));
        return nothing_to_do(format!("the order is still held: {}; {actions}", exception.reason));
    }
    if action == Action::Resolve && about.parse::<crossdock_domain::outstanding::TaskId>().is_ok() {
        return invalid("name the document that was made by hand: document_id, its identity in its system");
    }
    nothing_to_do(exception.reason)
}

fn done(action: Action) -> Value {
    let mut told = json!({ "done": true });
    if action == Action::Retry {
        told["released"] = json!(true);
    } else if action == Action::Decline {
        told["declined"] = json!(true);
    }
    told
}

/// What would follow.
fn dry(foreseen: &Foreseen) -> Value {
    let facts: Vec<&str> = foreseen.facts.iter().map(Event::type_name).collect();
    json!({
        "dry_run": true,
        "facts": facts,
        "effects": foreseen.effects,
        "refunded_minor": foreseen.refunded_minor,
    })
}
