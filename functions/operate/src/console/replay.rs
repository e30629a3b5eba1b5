//! Deliveries and events once more: first what would follow, then it is done.

use crossdock_connectors::api::{Replayed, parse_replay};
use crossdock_runner::faults;
use crossdock_step::api::Answer;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::Visit;
use super::form::Form;
use super::frame::shown;
use crate::Operate;
use crate::replays::{Tally, Wanted};

/// What is offered first: the last hour.
const OFFERED: SignedDuration = SignedDuration::from_hours(1);

impl Operate {
    /// Of an order (`order_id`) or of a connection (`connection`).
    pub(super) async fn replay_form(&self, visit: &Visit<'_>, (of, name): (&str, &str), form: &Form) -> Answer {
        let caller = visit.request.allowed("ops:write")?;
        let mut body = form.body(&["what", "from", "to", "only", "reason", "cursor"]);
        body[of] = json!(name);
        let replay = parse_replay(body.to_string().as_bytes()).map_err(|found| faults::problem(&found))?;
        let dry_run = !form.is_confirmed();
        let tally = self.replayed(&Wanted { caller, replay: &replay, dry_run }).await?;
        let what = match replay.what {
            Replayed::Deliveries => "deliveries",
            Replayed::Events => "orders",
        };
        let content = html! {
            @if dry_run { p class="note" role="status" { "Nothing was changed yet." } }
            p class={ @if dry_run { "note" } @else { "fine" } } role="status" {
                (tally.replayed) " " (what)
                @if dry_run { " would be" } @else { " are" }
                @if replay.what == Replayed::Deliveries { " taken in once more." } @else { " told of once more." }
            }
            (foretold(&tally))
            @if dry_run && tally.replayed > 0 { (again(form, None, "Do it: replay")) }
            @if let Some(cursor) = &tally.cursor { (again(form, Some(cursor), if dry_run { "Look at the rest" } else { "Go on with the rest" })) }
            p { a href={ (visit.place.up()) (back(of, name)) } { "Back" } }
        };
        Ok(shown(visit, if dry_run { "A replay: what would follow" } else { "Replayed" }, &content))
    }
}

fn back(of: &str, name: &str) -> String {
    if of == "order_id" { format!("orders/{}", super::frame::encoded(name)) } else { "connections".to_owned() }
}

/// The form once more: confirmed, or from where it has stopped, as it was said before.
fn again(form: &Form, cursor: Option<&String>, does: &str) -> Markup {
    let is_confirmed = cursor.is_none() || form.is_confirmed();
    html! {
        form method="post" action="replay" class="line" {
            @for (name, value) in form.fields().filter(|(name, _)| cursor.is_none() || *name != "cursor") {
                input type="hidden" name=(name) value=(value);
            }
            @if let Some(cursor) = cursor { input type="hidden" name="cursor" value=(cursor); }
            @if is_confirmed { input type="hidden" name="confirmed" value="yes"; }
            button type="submit" { (does) }
        }
    }
}

fn foretold(tally: &Tally) -> Markup {
    html! {
        @if !tally.foretold.is_empty() {
            table {
                thead { tr { th scope="col" { "Came" } th scope="col" { "What it was" } th scope="col" { "What it would do" } } }
                tbody { @for told in &tally.foretold {
                    tr {
                        th scope="row" { (told["received_at"].as_str().unwrap_or_default()) }
                        td { (told["topic"].as_str().unwrap_or("?")) }
                        td { @for would in told["would"].as_array().into_iter().flatten() { p { (outcome(would)) } } }
                    }
                } }
            }
        }
    }
}

fn outcome(would: &Value) -> String {
    let order = would["order_id"].as_str().unwrap_or_default();
    let facts = would["facts"].as_array().into_iter().flatten().filter_map(Value::as_str);
    match would["outcome"].as_str() {
        Some("records") => format!("{order}: {}", facts.collect::<Vec<_>>().join(", ")),
        Some("known") => format!("{order}: nothing, it knows that or better"),
        _ => would["why"].as_str().unwrap_or_default().to_owned(),
    }
}

/// The form of an order.
pub(super) fn of_order(action: &str) -> Markup {
    html! {
        section aria-labelledby="again" {
            h2 id="again" { "Once more" }
            form method="post" action=(action) class="line" { (fields("order", None)) }
        }
    }
}

/// The form of a connection.
pub(super) fn of_connection(name: &str, now: Timestamp) -> Markup {
    html! {
        details {
            summary { "Replay" }
            form method="post" action={ "connections/" (name) "/replay" } class="line" {
                (fields(name, Some((now - OFFERED, now))))
            }
        }
    }
}

fn fields(of: &str, window: Option<(Timestamp, Timestamp)>) -> Markup {
    let id = |field: &str| format!("replay-{field}-{of}");
    html! {
        div class="pair" {
            label for=(id("what")) { "Replay" }
            select id=(id("what")) name="what" {
                option value="deliveries" { "deliveries of vendors" }
                option value="events" { "events to the bus" }
            }
        }
        @if let Some((from, to)) = window {
            @for (name, at) in [("from", from), ("to", to)] {
                div class="pair" {
                    label for=(id(name)) { (name) }
                    input id=(id(name)) name=(name) value={ (format!("{at:.0}")) } required;
                }
            }
        }
        div class="pair" {
            label for=(id("reason")) { "because" }
            input id=(id("reason")) name="reason" minlength="3" maxlength="400" required;
        }
        button type="submit" { "What would follow?" }
    }
}
