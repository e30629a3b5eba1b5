//! One order: where it stands, what has happened and by whose doing, what is left to do and why.

use crossdock_domain::{Commit, Event, Minor, Order, OrderId};
use crossdock_step::api::{Answer, Problem};
use jiff::Timestamp;
use maud::{Markup, html};

use super::Visit;
use super::frame::{clock, encoded, moment, shown};
use super::picture::{lane, picture};
use crate::Operate;
use crate::inbox::exception_of;

impl Operate {
    pub(super) async fn order_page(&self, visit: &Visit<'_>, id: &str) -> Answer {
        let caller = visit.request.allowed("orders:read")?;
        let unknown = || Problem::not_found("order");
        let id: OrderId = id.parse().map_err(|_| unknown())?;
        if !caller.reaches(id.connection.as_str()) {
            return Err(unknown());
        }
        let commits = self.recorder.log().load(&id.stream(), 1).await.map_err(Problem::unavailable_because)?;
        if commits.is_empty() {
            return Err(unknown());
        }
        let order = Order::fold(id, &commits);
        let (now, up) = (self.recorder.clock().now(), visit.place.up());
        let content = html! {
            (facts(&order, now))
            (waiting(&order, (&up, now)))
            section aria-labelledby="way" {
                h2 id="way" { "Its way" }
                (picture(&commits))
            }
            (left(&order, now))
            (documents(&order))
            (lines(&order))
            (timeline(&commits))
            (super::replay::of_order(&format!("{}/replay", encoded(&order.id.to_string()))))
        };
        let name =
            order.accepted.as_ref().map_or_else(|| order.id.to_string(), |a| format!("Order {}", a.fact.order.name));
        Ok(shown(visit, &name, &content))
    }
}

fn facts(order: &Order, now: Timestamp) -> Markup {
    let accepted = order.accepted.as_ref().map(|accepted| &accepted.fact);
    let amount = |minor: i64| order.written(minor);
    let tendered: i64 = order.captured_tenders().map(|(_, tender)| tender.amount.get()).sum();
    let (receivable, deposit, credit) = order.open_books();
    html! {
        dl class="facts" {
            div { dt { "Status" } dd { span class={ "status " (order.status()) } { (order.status()) } } }
            div { dt { "Id" } dd { code { (order.id) } } }
            @if let Some(accepted) = accepted {
                div { dt { "Placed" } dd { (moment(accepted.order.placed_at, now)) } }
                div { dt { "Total" } dd { (total(order, accepted.order.total)) } }
                div { dt { "Paid" } dd { (amount(tendered)) } }
                div { dt { "Paid back" } dd { (amount(order.refunded().map_or(0, Minor::get))) } }
                div { dt { "Open" } dd { "receivable " (amount(receivable)) ", deposit " (amount(deposit)) ", credit " (amount(credit)) } }
            }
            @if let Some(by) = order.ship_by() { div { dt { "Has to leave" } dd { (moment(by, now)) } } }
            @if let Some(id) = &order.correlation_id { div { dt { "Correlation id" } dd { code { (id) } } } }
        }
    }
}

/// What the order costs now, and as what it was accepted where that is something else.
fn total(order: &Order, accepted: Minor) -> Markup {
    let due = if order.is_cancelled() { Minor::ZERO } else { order.amount_due().unwrap_or(accepted) };
    html! {
        (order.written(due.get()))
        @if due != accepted { small { " accepted as " (order.written(accepted.get())) } }
    }
}

fn waiting(order: &Order, (up, now): (&str, Timestamp)) -> Markup {
    let found = order.attention();
    html! {
        @if !found.is_empty() {
            section aria-labelledby="waits" {
                h2 id="waits" { "Needs somebody" }
                ul class="plain" {
                    @for exception in &found {
                        li class="card" {
                            a href={ (up) "exceptions/" (encoded(&exception_of(&order.id.to_string(), &exception.about))) } { (exception.about) }
                            " " span class="class" { (exception.class) } " since " (moment(exception.since, now))
                            p { (exception.reason) }
                        }
                    }
                }
            }
        }
    }
}

fn left(order: &Order, now: Timestamp) -> Markup {
    let tasks = order.outstanding();
    html! {
        section aria-labelledby="left" {
            h2 id="left" { "Left to do" }
            @if tasks.is_empty() { p class="fine" { "Nothing." } } @else {
                table {
                    thead { tr { th scope="col" { "Task" } th scope="col" { "Since" } th scope="col" { "Looked at again" }
                        th scope="col" class="number" { "Tries" } th scope="col" { "Waits for" } } }
                    tbody { @for task in &tasks {
                        @let parked = order.parked.get(&task.id).map(|parked| &parked.fact);
                        tr {
                            th scope="row" { (task.id) }
                            td { (moment(task.since, now)) }
                            td { @if parked.is_none_or(|parked| parked.waits_on.key().is_some()) { (moment(order.due_at(task), now)) } @else { "when somebody has seen to it" } }
                            td class="number" { (order.attempts(&task.id)) }
                            td { @match parked { Some(parked) => { span class="class" { (parked.class) } " " (parked.reason) }, None => "its turn" } }
                        }
                    } }
                }
            }
        }
    }
}

fn documents(order: &Order) -> Markup {
    let all = order.documents();
    html! {
        section aria-labelledby="documents" {
            h2 id="documents" { "Documents" }
            @if all.is_empty() { p class="note" { "None yet." } } @else {
                table {
                    thead { tr { th scope="col" { "Document" } th scope="col" { "System" } th scope="col" { "Its id there" }
                        th scope="col" { "Our reference" } th scope="col" class="number" { "Total" } } }
                    tbody { @for (kind, document) in &all {
                        tr {
                            th scope="row" { (kind.replace('_', " ")) }
                            td { (document.system) }
                            td { code { (document.id) } }
                            td { @match &document.reference { Some(reference) => code { (reference) }, None => (unnamed(kind)) } }
                            td class="number" { @if let Some(total) = document.total_minor { (order.written(total.get())) } }
                        }
                    } }
                }
            }
        }
    }
}

/// Why a document has no reference of ours: a storefront's fulfillment has room for none.
fn unnamed(kind: &str) -> &'static str {
    if kind == "storefront_fulfillment" { "–" } else { "made by hand" }
}

fn lines(order: &Order) -> Markup {
    html! {
        section aria-labelledby="lines" {
            h2 id="lines" { "Lines" }
            table {
                thead { tr { th scope="col" { "SKU" } th scope="col" class="number" { "Ordered" } th scope="col" class="number" { "Promised" }
                    th scope="col" class="number" { "Left" } th scope="col" class="number" { "Invoiced" } th scope="col" class="number" { "Cancelled" } } }
                tbody { @for (index, line) in order.lines().enumerate() {
                    tr {
                        th scope="row" { @match &line.sku { Some(sku) => (sku), None => "–" } }
                        td class="number" { (line.quantity) }
                        td class="number" { (order.allocated(index)) }
                        td class="number" { (order.shipped(index)) }
                        td class="number" { (order.invoiced(index)) }
                        td class="number" { (order.cancelled(index)) }
                    }
                } }
            }
        }
    }
}

fn timeline(commits: &[Commit]) -> Markup {
    let rows = commits.iter().flat_map(|commit| commit.events.iter().map(move |event| (commit, event)));
    html! {
        section aria-labelledby="timeline" {
            h2 id="timeline" { "Who did what" }
            table {
                thead { tr { th scope="col" { "When" } th scope="col" { "What" } th scope="col" { "Where" } th scope="col" { "By whom" }
                    th scope="col" { "Detail" } } }
                tbody { @for (commit, event) in rows {
                    tr {
                        td { time datetime=(commit.at) { (clock(commit.at)) } }
                        td { (plain(event)) }
                        td { (lane(event).name()) }
                        td { (commit.actor) }
                        td { (detail(event)) }
                    }
                } }
            }
        }
    }
}

/// A fact's type in words: `Order accepted`.
pub(super) fn plain(event: &Event) -> String {
    let name = event.type_name().split('.').next().unwrap_or_default();
    let mut words = String::with_capacity(name.len() + 4);
    for (place, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && place > 0 {
            words.push(' ');
            words.push(letter.to_ascii_lowercase());
        } else {
            words.push(letter);
        }
    }
    words
}

/// What a fact is about, in a few words.
fn detail(event: &Event) -> String {
    let told = serde_json::to_value(event).unwrap_or_default();
    let data = &told["data"];
    let text = |pointer: &str| {
        data.pointer(pointer).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let task = data
        .get("task")
        .map(|task| format!("{}:{}", task["kind"].as_str().unwrap_or("?"), task["document"].as_str().unwrap_or("")));
    let parts = [
        task,
        text("/about"),
        text("/act"),
        text("/owner"),
        text("/class"),
        text("/reason"),
        text("/document/id"),
        text("/document/reference"),
        text("/location"),
        text("/attempt").map(|attempt| format!("try {attempt}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}
