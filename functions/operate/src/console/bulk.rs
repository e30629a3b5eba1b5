//! The same word about many exceptions: first what would follow, then it is done.

use crossdock_connectors::api::{FILTER_FIELDS, OF_MANY, fields_of, parse_bulk};
use crossdock_domain::exception::Action;
use crossdock_runner::faults;
use crossdock_step::api::{Answer, Problem};
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use super::Visit;
use super::form::Form;
use super::frame::{encoded, exceptions, money, shown};
use super::inbox::does;
use crate::Operate;
use crate::bulk::Tally;

impl Operate {
    pub(super) async fn bulk_form(&self, visit: &Visit<'_>, form: &Form) -> Answer {
        let caller = visit.request.allowed("ops:write")?;
        let action = form.get("action").and_then(Action::named).ok_or_else(|| Problem::not_found("operation"))?;
        let body = body_of(action, form).to_string();
        let bulk = parse_bulk(body.as_bytes()).map_err(|found| faults::problem(&found))?;
        let dry_run = !form.is_confirmed();
        let tally = self.bulk((visit.request, caller), &bulk, dry_run).await?;
        let content = html! {
            p role="status" class=(if dry_run { "note" } else { "fine" }) {
                @if dry_run { "Nothing was changed yet. " }
                (exceptions(tally.done)) " " (if dry_run { "would be seen to" } else { "were seen to" }) ", " (tally.failed.len()) " not."
            }
            @if dry_run { (foreseen(&tally)) }
            (failures(&tally))
            @if dry_run || tally.next_cursor.is_some() {
                form method="post" action="bulk" class="line" {
                    @for (name, value) in form.fields() { @if name != "cursor" { input type="hidden" name=(name) value=(value); } }
                    @if let Some(cursor) = tally.next_cursor.as_ref().filter(|_| !dry_run) { input type="hidden" name="cursor" value=(cursor); }
                    input type="hidden" name="confirmed" value="yes";
                    button type="submit" { @if dry_run { "Do it: " (does(action)) } @else { "Go on with the rest" } }
                }
            }
            p { a href={ "inbox?" (filter_of(form)) } { "Back to the list" } }
        };
        let title = if dry_run {
            format!("{} many: what would follow", does(action))
        } else {
            format!("{} many", does(action))
        };
        Ok(shown(visit, &title, &content))
    }
}

fn body_of(action: Action, form: &Form) -> Value {
    let fields = if OF_MANY.contains(&action) { fields_of(action) } else { &[] };
    let mut body = form.body(fields);
    let filter: Map<String, Value> =
        form.beginning("filter.").map(|(name, text)| (name.to_owned(), json!(text))).collect();
    body["action"] = json!(action.name());
    body["filter"] = Value::Object(filter);
    if let Some(cursor) = form.get("cursor") {
        body["cursor"] = json!(cursor);
    }
    body
}

fn filter_of(form: &Form) -> String {
    let said = form.beginning("filter.").filter(|(name, _)| FILTER_FIELDS.contains(name));
    said.map(|(name, text)| format!("{name}={}", encoded(text))).collect::<Vec<_>>().join("&")
}

fn foreseen(tally: &Tally) -> Markup {
    html! {
        dl class="facts" {
            div { dt { "Outside calls that would follow" } dd { (tally.effects) } }
            div { dt { "Money that would go back" } dd {
                @if tally.refunded.is_empty() { "none" }
                @for (currency, amount) in &tally.refunded { (money(*amount, Some(currency))) " " }
            } }
        }
    }
}

fn failures(tally: &Tally) -> Markup {
    html! {
        @if !tally.failed.is_empty() {
            table {
                caption { "Not seen to" }
                thead { tr { th scope="col" { "Exception" } th scope="col" { "Why not" } } }
                tbody { @for (id, why) in tally.failed.iter().take(100) {
                    tr { th scope="row" { a href={ "exceptions/" (encoded(id)) } { (id) } } td { (why) } }
                } }
            }
        }
    }
}
