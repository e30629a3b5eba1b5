//! One exception, and what may be done about it: first what would follow, then it is done.

use crossdock_connectors::api::{ADDRESS_FIELDS, ParsedWord, fields_of, parse_word};
use crossdock_domain::exception::{Action, Legal};
use crossdock_domain::identities::unmapped_in;
use crossdock_domain::{Order, Recipient};
use crossdock_runner::faults;
use crossdock_step::api::{Answer, Problem};
use http::StatusCode;
use maud::{Markup, html};
use serde_json::Value;

use super::form::Form;
use super::frame::{encoded, moment, money, shown};
use super::inbox::does;
use super::{Visit, see_other};
use crate::Operate;
use crate::act::Asked;
use crate::detail::Detail;

/// Reasons for which an order is cancelled, as the API takes them.
const REASONS: [&str; 6] = ["customer", "inventory", "fraud", "declined", "staff", "other"];

impl Operate {
    pub(super) async fn exception_page(&self, visit: &Visit<'_>, id: &str) -> Answer {
        visit.request.allowed("ops:read")?;
        let detail = match self.detail(visit.caller, id).await {
            Ok(detail) => detail,
            Err(problem) if problem.status() == StatusCode::NOT_FOUND => return Ok(gone(visit)),
            Err(problem) => return Err(problem),
        };
        let recipient = self.recipient_of(&detail).await?;
        let content = html! {
            (facts(visit, &detail, self.recorder.clock().now()))
            (exchange(&detail, self.recorder.clock().now()))
            section aria-labelledby="now" {
                h2 id="now" { "What may be done now" }
                @for legal in &detail.legal { (action_form(&detail, legal, recipient.as_ref())) }
            }
        };
        Ok(shown(visit, &detail.listed.found.about, &content))
    }

    /// To whom the parcels go, where the address may be corrected; shown masked.
    async fn recipient_of(&self, detail: &Detail) -> Result<Option<Recipient>, Problem> {
        let may = detail.legal.iter().any(|legal| legal.action == Action::EditRecipient);
        let Some((order, hash)) =
            detail.order.as_ref().filter(|_| may).and_then(|order| Some((order, order.recipient()?)))
        else {
            return Ok(None);
        };
        self.people.find(&order.id.stream(), hash).await.map_err(Problem::unavailable_because)
    }

    pub(super) async fn exception_form(&self, visit: &Visit<'_>, (id, action): (&str, &str), form: &Form) -> Answer {
        let caller = visit.request.allowed("ops:write")?;
        let action = Action::named(action).ok_or_else(|| Problem::not_found("operation"))?;
        let word = word_of(action, form)?;
        let dry_run = !form.is_confirmed() && !Action::OF_ALL.contains(&action);
        let asked = Asked { request: visit.request, caller, id, action, word: &word, dry_run };
        let told = self.act(&asked).await?;
        if !dry_run {
            return Ok(see_other(&format!("../{}", encoded(id))));
        }
        let content = html! {
            p class="note" role="status" { "Nothing was changed yet." }
            (foreseen(&told))
            form method="post" action=(action.name()) class="line" {
                @for (name, value) in form.fields() { input type="hidden" name=(name) value=(value); }
                input type="hidden" name="confirmed" value="yes";
                button type="submit" { "Do it: " (does(action)) }
                a href={ "../" (encoded(id)) } { "Leave it" }
            }
        };
        Ok(shown(visit, &format!("{}: what would follow", does(action)), &content))
    }
}

/// What a form says, as the API would read it.
fn word_of(action: Action, form: &Form) -> Result<ParsedWord, Problem> {
    parse_word(action, form.body(fields_of(action)).to_string().as_bytes()).map_err(|found| faults::problem(&found))
}

/// An exception that is not there any more is good news.
fn gone(visit: &Visit<'_>) -> crossdock_step::api::Reply {
    let content = html! {
        p class="fine" role="status" { "It needs nobody any more: it was seen to, runs again, or its cause is gone." }
        p { a href={ (visit.place.up()) "inbox" } { "Back to the list" } }
    };
    shown(visit, "Nothing to do", &content)
}

fn facts(visit: &Visit<'_>, detail: &Detail, now: jiff::Timestamp) -> Markup {
    let (listed, up) = (&detail.listed, visit.place.up());
    let (found, handling) = (&listed.found, &listed.found.handling);
    html! {
        p class="reason" { (found.reason) }
        dl class="facts" {
            div { dt { "Class" } dd { span class="class" { (found.class) } } }
            @if let Some(order) = &listed.order_id { div { dt { "Order" } dd { a href={ (up) "orders/" (encoded(order)) } { (order) } } } }
            div { dt { "Connection" } dd { (listed.connection) } }
            @if let Some(step) = crate::inbox::step_of(&found.about) { div { dt { "Step" } dd { (step) } } }
            div { dt { "Seen first" } dd { (moment(found.since, now)) } }
            div { dt { "Seen last" } dd { (moment(found.last_seen(), now)) } }
            div { dt { "Tries" } dd { (found.attempts) } }
            div { dt { "Owner" } dd { @match &handling.owner { Some(owner) => (owner), None => "nobody" } } }
            @if !handling.tags.is_empty() { div { dt { "Tags" } dd { (handling.tags.iter().cloned().collect::<Vec<_>>().join(" ")) } } }
            @if let Some(until) = handling.snoozed_until.filter(|until| *until > now) { div { dt { "Snoozed" } dd { "shown again " (moment(until, now)) } } }
            @if let Some(id) = detail.order.as_ref().and_then(|order| order.correlation_id.as_ref()) { div { dt { "Correlation id" } dd { code { (id) } } } }
        }
    }
}

/// What was sent to the other system and answered: the last call open, the ones before it closed.
fn exchange(detail: &Detail, now: jiff::Timestamp) -> Markup {
    let Some(last) = &detail.last else { return html! {} };
    html! {
        section aria-labelledby="exchange" {
            h2 id="exchange" { "What was sent and answered" }
            p class="note" { "The last try, " (moment(last.at, now)) ". What is personal is masked." }
            @if last.calls.is_empty() { p { "Nothing was sent: " (last.reason) } }
            @for (index, call) in last.calls.iter().enumerate() {
                details open[index + 1 == last.calls.len()] {
                    summary { (heading(call)) }
                    pre tabindex="0" { code { (serde_json::to_string_pretty(call).unwrap_or_default()) } }
                }
            }
        }
    }
}

/// `PUT /record/v1/salesOrder/eid:UK-1: 503`
fn heading(call: &Value) -> String {
    let text = |pointer: &str| call.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let answered = call.pointer("/answered/status").map_or_else(|| "no answer".to_owned(), Value::to_string);
    format!("{} {}: {answered}", text("/sent/method"), text("/sent/path"))
}

fn action_form(detail: &Detail, legal: &Legal, recipient: Option<&Recipient>) -> Markup {
    let (name, id) = (legal.action.name(), encoded(&detail.listed.id));
    let is_said = Action::OF_ALL.contains(&legal.action);
    html! {
        form method="post" action={ (id) "/" (name) } class="card" aria-labelledby={ "do-" (name) } {
            h3 id={ "do-" (name) } { (does(legal.action)) }
            p class="note" { (legal.does) }
            (fields(detail, legal.action, recipient))
            button type="submit" { @if is_said { "Save" } @else { "See what would follow" } }
        }
    }
}

fn fields(detail: &Detail, action: Action, recipient: Option<&Recipient>) -> Markup {
    let handling = &detail.listed.found.handling;
    let input = |name: &str, label: &str, value: &str| {
        html! {
            label for={ (action.name()) "-" (name) } { (label) }
            input id={ (action.name()) "-" (name) } name=(name) value=(value) maxlength="500";
        }
    };
    match action {
        Action::Retry | Action::Decline => html! {},
        Action::Resolve => {
            let is_task = detail.listed.found.about.parse::<crossdock_domain::outstanding::TaskId>().is_ok();
            html! {
                (input("reason", "How it was settled", ""))
                @if is_task { (input("document_id", "Id of the document in its system", "")) }
            }
        }
        Action::EditRecipient => address_fields(recipient),
        Action::EditDelivery => html! {
            label for="patch" { "What changes, as a JSON merge patch" }
            textarea id="patch" name="patch" rows="4" spellcheck="false" { "{}" }
        },
        Action::Map => {
            let (sku, connection) = unmapped_of(detail);
            html! {
                (input("sku", "SKU", &sku))
                (input("connection", "System", &connection))
                (input("identity", "What it is called there", ""))
            }
        }
        Action::Cancel => html! {
            label for="cancel-reason" { "Why" }
            select id="cancel-reason" name="reason" { @for reason in REASONS { option value=(reason) { (reason) } } }
        },
        Action::Assign => {
            input("owner", "Who sees to it; empty for nobody", handling.owner.as_deref().unwrap_or_default())
        }
        Action::Tag => input(
            "tags",
            "Tags, with spaces between them",
            &handling.tags.iter().cloned().collect::<Vec<_>>().join(" "),
        ),
        Action::Snooze => input("until", "Until (UTC, such as 2026-11-30T08:00:00Z); empty to show it again", ""),
    }
}

/// Which SKU waits for a name in which system, as far as that is known.
fn unmapped_of(detail: &Detail) -> (String, String) {
    if let Some((sku, connection)) = unmapped_in(&detail.listed.found.reason) {
        return (sku.to_string(), connection.to_string());
    }
    let erp = |order: &Order| order.accepted.as_ref().map(|accepted| accepted.fact.routes.erp.to_string());
    (String::new(), detail.order.as_ref().and_then(erp).unwrap_or_default())
}

/// The address as it is, masked; what is left empty stays as it is.
fn address_fields(recipient: Option<&Recipient>) -> Markup {
    let known = recipient.and_then(|recipient| serde_json::to_value(recipient).ok()).unwrap_or_default();
    html! {
        p class="note" { "What is left empty stays as it is. What is there is shown masked." }
        div class="grid" {
            @for name in ADDRESS_FIELDS {
                div {
                    label for={ "address-" (name) } { (name) }
                    input id={ "address-" (name) } name={ "address." (name) } placeholder=(masked(known[name].as_str())) autocomplete="off" maxlength="200";
                }
            }
        }
    }
}

/// Nothing of a text but how long it is.
fn masked(text: Option<&str>) -> String {
    text.map_or_else(|| "not there".to_owned(), |text| format!("{} characters", text.chars().count()))
}

/// What would follow: calls in order, and money.
fn foreseen(told: &Value) -> Markup {
    let effects = told["effects"].as_array().map_or(&[][..], Vec::as_slice);
    let currency = told["currency"].as_str();
    let refunded = told["refunded_minor"].as_i64().unwrap_or(0);
    html! {
        dl class="facts" {
            div { dt { "Money that would go back" } dd { @if refunded == 0 { "none" } @else { (money(refunded, currency)) } } }
            div { dt { "Recorded at once" } dd { (words(&told["facts"])) } }
        }
        @if effects.is_empty() { p class="note" { "No outside call that can be told beforehand." } } @else {
            table {
                caption { "Outside calls that would follow, in order" }
                thead { tr { th scope="col" { "Task" } th scope="col" { "System" } th scope="col" { "Reference" }
                    th scope="col" class="number" { "Amount" } th scope="col" { "When" } } }
                tbody { @for effect in effects {
                    tr {
                        th scope="row" { (effect["task"].as_str().unwrap_or_default()) }
                        td { (effect["system"].as_str().unwrap_or_default()) }
                        td { code { (effect["reference"].as_str().unwrap_or_default()) } }
                        td class="number" { @if let Some(amount) = effect["amount_minor"].as_i64() { (money(amount, currency)) } }
                        td { (effect["when"].as_str().unwrap_or("at once")) }
                    }
                } }
            }
        }
    }
}

fn words(facts: &Value) -> String {
    let all = facts.as_array().map_or(&[][..], Vec::as_slice);
    let all: Vec<&str> = all.iter().filter_map(Value::as_str).collect();
    if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
}
