//! Connections: how they stand; leaving one alone, taking it up again, asking it again.

use crossdock_log::ConnectionRecord;
use crossdock_step::api::{Answer, Problem, Request};
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use serde_json::json;

use super::Visit;
use super::form::Form;
use super::frame::{moment, shown};
use crate::Operate;

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
        let content = html! {
            @for record in &records { (card(record, behind(record), now)) }
        };
        Ok(shown(visit, "Connections", &content))
    }

    pub(super) async fn connection_form(
        &self,
        visit: &Visit<'_>,
        (connection, action): (&str, &str),
        form: &Form,
    ) -> Answer {
        let body = if action == "pause" {
            let minutes = form.get("minutes").and_then(|text| text.parse().ok()).unwrap_or(0);
            let until = self.recorder.clock().now() + SignedDuration::from_mins(minutes);
            json!({ "reason": form.get("reason").unwrap_or_default(), "until": until }).to_string()
        } else {
            String::new()
        };
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

fn card(record: &ConnectionRecord, behind: Option<u64>, now: Timestamp) -> Markup {
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
            @if is_asked { (super::replay::of_connection(name, now)) }
        }
    }
}
