//! How everything stands: first what cannot wait, then the rest.

use crossdock_domain::outstanding::{Criticality, TaskKind};
use crossdock_domain::overview::{Behind, List, Overview, Standing, Urgency};
use crossdock_step::api::Answer;
use futures_util::future::try_join3;
use jiff::Timestamp;
use maud::{Markup, html};
use serde_json::Value;

use super::Visit;
use super::frame::{encoded, moment, shown};
use crate::Operate;
use crate::standing::Rates;

impl Operate {
    pub(super) async fn overview_page(&self, visit: &Visit<'_>) -> Answer {
        visit.request.allowed_everywhere("ops:read")?;
        let (overview, rates, drift) = try_join3(self.overview(), self.rates(visit.caller), self.drift()).await?;
        let now = self.recorder.clock().now();
        let content = html! {
            @match &overview {
                None => p class="note" { "Nothing has been looked at yet: watch-deadlines does so once a minute." },
                Some(overview) => {
                    p class="note" {
                        "As of " (moment(overview.at, now)) ". " a href="overview" { "Look again" }
                        @if !overview.complete { strong { " Not everything could be looked at in time." } }
                    }
                    (urgent(overview, now))
                    (down(overview, now))
                }
            }
            (tiles(overview.as_ref(), &rates, (drift.as_ref(), now)))
            @if let Some(overview) = &overview {
                div class="columns" {
                    (steps(overview, now))
                    (exceptions(overview, now))
                }
            }
        };
        Ok(shown(visit, "Overview", &content))
    }
}

const fn title(urgency: Urgency) -> (&'static str, &'static str) {
    match urgency {
        Urgency::CutOff => ("Miss their carrier", "Not handed over, or not left, by the time that they have to leave"),
        Urgency::NotAtThe3pl => ("Paid, not at the 3PL", "For more than 15 minutes"),
        Urgency::NotTold => ("Shipped, customer not told", "For more than 15 minutes"),
        Urgency::RefundUnpaid => ("Refund promised, not paid", "For more than 15 minutes"),
        Urgency::Oversold => ("Oversold", "Paid, and the goods are not there"),
    }
}

fn urgent(overview: &Overview, now: Timestamp) -> Markup {
    let lists: Vec<(Urgency, &List)> =
        Urgency::ALL.into_iter().filter_map(|urgency| Some((urgency, overview.urgent.get(&urgency)?))).collect();
    html! {
        section aria-labelledby="urgent" {
            h2 id="urgent" { "What cannot wait" }
            @if lists.is_empty() { p class="fine" { "Nothing." } }
            div class="columns" {
                @for (urgency, list) in lists {
                    @let (name, why) = title(urgency);
                    article class="urgent" {
                        h3 { (name) " " span class="count" { (list.count) } }
                        p class="note" { (why) }
                        ol {
                            @for order in list.orders.iter().take(10) {
                                li {
                                    a href={ "orders/" (encoded(&order.order_id)) } { (order.order_id) }
                                    @match order.by {
                                        Some(by) => { " has to leave " (moment(by, now)) }
                                        None => { " since " (moment(order.since, now)) }
                                    }
                                }
                            }
                        }
                        @if list.count > 10 { p class="note" { "and " (list.count - 10) " more" } }
                    }
                }
            }
        }
    }
}

fn down(overview: &Overview, now: Timestamp) -> Markup {
    html! {
        @if !overview.down.is_empty() {
            section aria-labelledby="down" {
                h2 id="down" { "Connections that are down" }
                table {
                    thead { tr {
                        th scope="col" { "Connection" } th scope="col" { "Since" } th scope="col" { "Why" }
                        th scope="col" class="number" { "Orders behind it" } th scope="col" { "Safe until" }
                    } }
                    tbody { @for behind in &overview.down { (down_row(behind, now)) } }
                }
            }
        }
    }
}

fn down_row(behind: &Behind, now: Timestamp) -> Markup {
    html! {
        tr {
            th scope="row" { a href="connections" { (behind.connection) } }
            td { (moment(behind.since, now)) }
            td { (behind.reason) }
            td class="number" { (behind.orders) }
            td { @match behind.safe_until { Some(until) => (moment(until, now)), None => "no order has to leave" } }
        }
    }
}

fn percent(part: Option<i64>) -> String {
    part.map_or_else(|| "–".to_owned(), |part| format!("{part} %"))
}

fn tiles(overview: Option<&Overview>, rates: &Rates, (drift, now): (Option<&Value>, Timestamp)) -> Markup {
    let units = drift.and_then(|drift| drift["units"].as_u64());
    let postings = overview.and_then(|overview| overview.postings.as_ref());
    html! {
        section aria-labelledby="figures" {
            h2 id="figures" { "Figures" }
            dl class="tiles" {
                div { dt { "Orders in 10 minutes" } dd { (rates.last_minutes) } }
                div { dt { "Orders in 24 hours" } dd { (rates.taken) } }
                div { dt { "Accepted at once" } dd { (percent(rates.acceptance())) } }
                div { dt { "Completed untouched" } dd { (percent(rates.touchless())) } }
                div { dt { "In flight" } dd { (overview.map_or(0, |overview| overview.in_flight)) } }
                div {
                    dt { "To post in the ERP" }
                    dd {
                        (postings.map_or(0, |postings| postings.orders))
                        @if let Some(postings) = postings { small { " oldest " (moment(postings.oldest, now)) } }
                    }
                }
                div {
                    dt { "Inventory drift" }
                    dd { @match units { Some(units) => { (units) small { " units" } }, None => "–" } }
                }
            }
        }
    }
}

fn steps(overview: &Overview, now: Timestamp) -> Markup {
    let rows: Vec<(&TaskKind, &Standing)> = overview.steps.iter().collect();
    html! {
        section aria-labelledby="steps" {
            h2 id="steps" { "In flight by step" }
            @if rows.is_empty() { p class="fine" { "Nothing is left to do." } } @else {
                table {
                    thead { tr { th scope="col" { "Left to do" } th scope="col" class="number" { "Orders" } th scope="col" { "Oldest" } } }
                    tbody { @for (kind, standing) in rows {
                        tr {
                            th scope="row" { (kind) }
                            td class="number" { (standing.orders) }
                            td { (moment(standing.oldest, now)) }
                        }
                    } }
                }
            }
        }
    }
}

fn exceptions(overview: &Overview, now: Timestamp) -> Markup {
    let concerned = [
        (Criticality::CustomerFacing, "customer_facing", "Customers"),
        (Criticality::Fulfilment, "fulfilment", "Fulfilment"),
        (Criticality::Financial, "financial", "Finance"),
    ];
    html! {
        section aria-labelledby="exceptions" {
            h2 id="exceptions" { "Exceptions" }
            @if overview.classes.is_empty() { p class="fine" { "None." } } @else {
                @if let Some(oldest) = overview.oldest_exception { p class="note" { "The oldest is of " (moment(oldest, now)) "." } }
                ul class="chips" {
                    @for (criticality, key, name) in concerned {
                        li { a href={ "inbox?concerns=" (key) } { (name) " " span class="count" { (overview.exceptions(criticality)) } } }
                    }
                }
                table {
                    thead { tr { th scope="col" { "Class" } th scope="col" class="number" { "Exceptions" } } }
                    tbody { @for (class, count) in &overview.classes {
                        tr {
                            th scope="row" { a href={ "inbox?class=" (encoded(class)) } { (class) } }
                            td class="number" { (count) }
                        }
                    } }
                }
            }
        }
    }
}
