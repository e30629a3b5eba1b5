//! The list of exceptions, narrowed down as one likes, and the same word about all of them.

use crossdock_connectors::api::{FILTER_FIELDS, OF_MANY};
use crossdock_domain::exception::Action;
use crossdock_step::api::{Answer, Request};
use jiff::Timestamp;
use maud::{Markup, html};

use super::Visit;
use super::frame::{encoded, exceptions, moment, shown};
use crate::Operate;
use crate::inbox::{Listed, filter_of};

const CLASSES: [&str; 14] = [
    "value",
    "missing",
    "mapping",
    "duplicate",
    "connection",
    "rate_limit",
    "intermittent",
    "too_large",
    "parse",
    "in_doubt",
    "refused",
    "stock",
    "exhausted",
    "overdue",
];

const CONCERNED: [(&str, &str); 3] =
    [("customer_facing", "customers"), ("fulfilment", "fulfilment"), ("financial", "finance")];

impl Operate {
    pub(super) async fn inbox_page(&self, visit: &Visit<'_>) -> Answer {
        visit.request.allowed("ops:read")?;
        let filter = filter_of(visit.request)?;
        let cursor = visit.request.query.get("cursor").map(String::as_str);
        let (found, next) = self.page_of(visit.caller, &filter, cursor).await?;
        let now = self.recorder.clock().now();
        let asked = asked(visit.request);
        let content = html! {
            (narrow(visit.request))
            @if found.is_empty() {
                p class="fine" role="status" { @if next.is_some() { "None on this page." } @else { "Nothing needs anybody." } }
            } @else {
                (table(&found, now))
                (many(visit.request, &asked))
            }
            p class="line" {
                @if let Some(next) = &next { a href={ "inbox?cursor=" (encoded(next)) (asked) } { "More" } }
                a href={ "inbox.csv?" (asked.trim_start_matches('&')) } { "Export as CSV" }
            }
        };
        Ok(shown(visit, "Exceptions", &content))
    }
}

/// The filter of an address, to be put behind another.
fn asked(request: &Request) -> String {
    let said = FILTER_FIELDS.iter().filter_map(|name| Some((name, request.query.get(*name)?)));
    said.filter(|(_, text)| !text.is_empty()).map(|(name, text)| format!("&{name}={}", encoded(text))).collect()
}

fn narrow(request: &Request) -> Markup {
    let of = |name: &str| request.query.get(name).map_or("", String::as_str);
    html! {
        form method="get" action="inbox" class="line" role="search" aria-label="Narrow the list down" {
            div class="pair" {
                label for="class" { "Class" }
                input id="class" name="class" list="classes" value=(of("class")) maxlength="40";
                datalist id="classes" { @for class in CLASSES { option value=(class) {} } }
            }
            div class="pair" {
                label for="task" { "About" }
                input id="task" name="task" value=(of("task")) placeholder="post_invoice" maxlength="80";
            }
            div class="pair" {
                label for="concerns" { "Concerns" }
                select id="concerns" name="concerns" {
                    option value="" { "anybody" }
                    @for (key, name) in CONCERNED { option value=(key) selected[of("concerns") == key] { (name) } }
                }
            }
            div class="pair" {
                label for="connection" { "Connection" }
                input id="connection" name="connection" value=(of("connection")) maxlength="40";
            }
            div class="pair" {
                label for="owner" { "Owner" }
                input id="owner" name="owner" value=(of("owner")) placeholder="nobody" maxlength="100";
            }
            div class="pair" { label for="tag" { "Tag" } input id="tag" name="tag" value=(of("tag")) maxlength="40"; }
            div class="pair" {
                label for="snoozed" { "Snoozed" }
                select id="snoozed" name="snoozed" {
                    option value="false" { "hidden" }
                    option value="true" selected[of("snoozed") == "true"] { "shown" }
                }
            }
            button type="submit" { "Narrow down" }
            a href="inbox" { "All" }
        }
    }
}

fn table(found: &[Listed], now: Timestamp) -> Markup {
    html! {
        table {
            caption { (exceptions(found.len())) ", the oldest first" }
            thead { tr {
                th scope="col" { "About" } th scope="col" { "Order" } th scope="col" { "Class" } th scope="col" { "What happened" }
                th scope="col" { "Since" } th scope="col" class="number" { "Tries" } th scope="col" { "Owner" } th scope="col" { "Tags" }
            } }
            tbody { @for listed in found { (row(listed, now)) } }
        }
    }
}

fn row(listed: &Listed, now: Timestamp) -> Markup {
    let (found, handling) = (&listed.found, &listed.found.handling);
    html! {
        tr {
            th scope="row" { a href={ "exceptions/" (encoded(&listed.id)) } { (found.about) } }
            td { @match &listed.order_id {
                Some(id) => a href={ "orders/" (encoded(id)) } { (id) },
                None => (listed.connection),
            } }
            td { span class="class" { (found.class) } }
            td { (found.reason) }
            td { (moment(found.since, now)) }
            td class="number" { (found.attempts) }
            td { @match &handling.owner { Some(owner) => (owner), None => "–" } }
            td { (handling.tags.iter().cloned().collect::<Vec<_>>().join(" ")) }
        }
    }
}

/// The same word about all that the list shows.
fn many(request: &Request, asked: &str) -> Markup {
    html! {
        section aria-labelledby="many" {
            h2 id="many" { "All of these" }
            @if asked.is_empty() || asked == "&snoozed=false" {
                p class="note" { "Narrow the list down first: nobody means all exceptions at once." }
            } @else {
                form method="post" action="bulk" class="line" {
                    @for name in FILTER_FIELDS {
                        @if let Some(text) = request.query.get(name).filter(|text| !text.is_empty()) {
                            input type="hidden" name={ "filter." (name) } value=(text);
                        }
                    }
                    div class="pair" {
                        label for="action" { "Do" }
                        select id="action" name="action" { @for action in OF_MANY { option value=(action.name()) { (does(action)) } } }
                    }
                    div class="pair" { label for="reason" { "Reason" } input id="reason" name="reason" maxlength="500"; }
                    div class="pair" { label for="new-owner" { "Owner" } input id="new-owner" name="owner" maxlength="100"; }
                    div class="pair" { label for="tags" { "Tags" } input id="tags" name="tags" maxlength="400"; }
                    div class="pair" {
                        label for="until" { "Until" }
                        input id="until" name="until" placeholder="2026-11-30T08:00:00Z" maxlength="30";
                    }
                    button type="submit" { "See what would follow" }
                }
            }
        }
    }
}

/// An action in a word.
pub(super) const fn does(action: Action) -> &'static str {
    match action {
        Action::Retry => "Retry",
        Action::Decline => "Decline",
        Action::Resolve => "Resolve",
        Action::EditRecipient => "Correct the address",
        Action::EditDelivery => "Correct the delivery",
        Action::Map => "Map",
        Action::Cancel => "Cancel the order",
        Action::Assign => "Assign",
        Action::Tag => "Tag",
        Action::Snooze => "Snooze",
    }
}
