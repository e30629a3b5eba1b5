//! Connections: how they stand; leaving one alone, taking it up again, asking it again.

use crossdock_log::ConnectionRecord;
use crossdock_runner::polling::Polled;
use crossdock_step::api::{Answer, Problem, Request};
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use serde_json::json;

use super::Visit;
use super::form::Form;
use super::frame::{moment, shown};
use crate::Operate;
use crate::polls::is_polled;

/// How far back a storefront's list may be looked through, in hours.
const HOURS: [(i64, &str); 5] = [
    (1, "the last hour"),
    (6, "the last 6 hours"),
    (24, "the last day"),
    (72, "the last 3 days"),
    (720, "the last 30 days"),
];

/// Pauses that are offered, in minutes.
const MINUTES: [(i64, &str); 5] =
    [(15, "15 minutes"), (60, "1 hour"), (240, "4 hours"), (720, "12 hours"), (1_440, "1 day")];

impl Operate {
    pub(super) async fn connections_page(&self, visit: &Visit<'_>) -> Answer {
        visit.request.allowed("ops:read")?;
        let records = self.reached(visit.caller).await?;
        let overview = if visit.caller.connections().is_none() { self.overview().await? } else { None };
        let now = self.recorder.clock().now();
        let behind = |record: &ConnectionRecord| {
            let down = overview.as_ref().map(|overview| overview.down.as_slice()).unwrap_or_default();
            down.iter().find(|down| down.connection == record.connection).map(|down| down.orders)
        };
        let polled = self.polled(&records).await?;
        let content = html! {
            @for (record, polled) in records.iter().zip(&polled) {
                (card(record, (behind(record), polled.as_ref()), now))
            }
        };
        Ok(shown(visit, "Connections", &content))
    }

    pub(super) async fn connection_form(
        &self,
        visit: &Visit<'_>,
        (connection, action): (&str, &str),
        form: &Form,
    ) -> Answer {
        let body = body_of(form, action, self.recorder.clock().now());
        let mut request = Request { body: body.into_bytes(), ..visit.request.clone() };
        request.path =
            [("connection", connection), ("action", action)].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        if let Some(cursor) = form.get("cursor") {
            request.query.insert("cursor".into(), cursor.to_owned());
        }
        let reply = self.act_on_connections(&request).await?;
        if action != "ask-again" {
            return Ok(super::see_other("../../connections"));
        }
        let told: serde_json::Value = serde_json::from_str(&reply.body).map_err(Problem::unavailable_because)?;
        let content = html! {
            p class="fine" role="status" { (connection) " is asked again about " (told["asked"].as_u64().unwrap_or(0)) " orders." }
            @if let Some(cursor) = told["next_cursor"].as_str() {
                form method="post" action="ask-again" class="line" {
                    input type="hidden" name="cursor" value=(cursor);
                    button type="submit" { "Go on with the rest" }
                }
            }
            p { a href="../../connections" { "Back to the connections" } }
        };
        Ok(shown(visit, "Asked again", &content))
    }
}

/// What the API takes, as the form says it.
fn body_of(form: &Form, action: &str, now: Timestamp) -> String {
    let number = |name: &str| form.get(name).and_then(|text| text.parse().ok()).unwrap_or(0);
    match action {
        "pause" => {
            let until = now + SignedDuration::from_mins(number("minutes"));
            json!({ "reason": form.get("reason").unwrap_or_default(), "until": until }).to_string()
        }
        "poll" => json!({ "from": now - SignedDuration::from_hours(number("hours")) }).to_string(),
        _ => String::new(),
    }
}

/// What a storefront did not tell: how far it was looked for, and looking once more.
fn list_of_orders(record: &ConnectionRecord, polled: Option<&Polled>, now: Timestamp) -> Markup {
    let name = record.connection.as_str();
    html! {
        p {
            @match polled {
                None => "What it did not tell was not looked for yet.",
                Some(polled) => {
                    "What it did not tell was looked for up to " (moment(polled.until, now))
                    @if polled.walk.is_some() { ", and is being looked for" }
                    @if let Some(last) = &polled.last { "; the last time, of " (last.listed) " orders " strong { (last.missed) } " were missed" }
                    "."
                }
            }
        }
        form method="post" action={ "connections/" (name) "/poll" } class="line" {
            div class="pair" {
                label for={ "hours-" (name) } { "Look for what it did not tell in" }
                select id={ "hours-" (name) } name="hours" { @for (hours, words) in HOURS { option value=(hours) { (words) } } }
            }
            button type="submit" { "Look" }
        }
    }
}

fn card(record: &ConnectionRecord, (behind, polled): (Option<u64>, Option<&Polled>), now: Timestamp) -> Markup {
    let (name, paused) = (record.connection.as_str(), record.paused(now));
    let kind = record.settings.get("kind").and_then(|kind| kind.as_str()).unwrap_or("own shop");
    let is_asked = record.takes_orders() || record.ships_for_others();
    html! {
        section class="card" aria-labelledby={ "of-" (name) } {
            h2 id={ "of-" (name) } { (name) " " span class="note" { (kind) } }
            @match paused {
                Some(until) => p class="alert" {
                    "Left alone"
                    @if let Some(since) = record.paused_since { " for " (super::frame::age(now.duration_since(since))) }
                    ", tried again " (moment(until, now)) ". " (record.paused_reason.as_deref().unwrap_or_default())
                    @if let Some(orders) = behind { " " strong { (orders) " orders wait for it." } }
                },
                None => p class="fine" { "In use." },
            }
            div class="line" {
                @if paused.is_some() {
                    form method="post" action={ "connections/" (name) "/resume" } { button type="submit" { "Take it up now" } }
                }
                form method="post" action={ "connections/" (name) "/pause" } class="line" {
                    div class="pair" {
                        label for={ "reason-" (name) } { "Leave it alone because" }
                        input id={ "reason-" (name) } name="reason" minlength="3" maxlength="400" required;
                    }
                    div class="pair" {
                        label for={ "minutes-" (name) } { "for" }
                        select id={ "minutes-" (name) } name="minutes" { @for (minutes, words) in MINUTES { option value=(minutes) { (words) } } }
                    }
                    button type="submit" { "Pause" }
                }
                @if is_asked {
                    form method="post" action={ "connections/" (name) "/ask-again" } { button type="submit" { "Ask it again" } }
                }
            }
            @if is_polled(record) { (list_of_orders(record, polled, now)) }
            @if is_asked { (super::replay::of_connection(name, now)) }
        }
    }
}
