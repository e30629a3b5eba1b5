//! Orders: found by what anybody calls them, or listed.

use crossdock_domain::ids::{ChannelOrderId, split_reference};
use crossdock_domain::{ConnectionId, OrderId};
use crossdock_log::{ConnectionRecord, OrderView, Page, ViewQuery};
use crossdock_step::api::{Answer, Problem};
use jiff::Timestamp;
use maud::{Markup, html};

use super::frame::{clock, encoded, moment, shown};
use super::{Visit, see_other};
use crate::Operate;
use crate::inbox::exception_of;

/// Rows of a page.
const ROWS: i32 = 50;

const STATUSES: [&str; 8] =
    ["accepted", "held", "fulfilling", "shipped", "completed", "cancelled", "refused", "announced"];

impl Operate {
    pub(super) async fn orders_page(&self, visit: &Visit<'_>) -> Answer {
        let caller = visit.request.allowed("orders:read")?;
        let mut channels = self.reached(caller).await?;
        channels.retain(ConnectionRecord::takes_orders);
        let asked = |name: &str| visit.request.query.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
        let (mut rows, mut next, mut searched) = (Vec::new(), None, None);
        if let Some(text) = asked("q") {
            let found = self.found(text, &channels).await?;
            if let [only] = found.as_slice() {
                return Ok(see_other(&format!("orders/{}", encoded(&only.order_id))));
            }
            (rows, searched) = (found, Some(text));
        } else if let Some(channel) = self.listed(asked("connection"), &channels) {
            let query = match asked("status") {
                Some(status) => ViewQuery::Status(channel, status.to_owned()),
                None => ViewQuery::Connection(channel),
            };
            let page = Page { limit: ROWS, after: asked("cursor").map(str::to_owned) };
            (rows, next) = self.views.list(&query, &page).await.map_err(Problem::unavailable_because)?;
        }
        let now = self.recorder.clock().now();
        let content = html! {
            (search(searched))
            (choice(&channels, (asked("connection"), asked("status"))))
            @if rows.is_empty() {
                p class="note" role="status" {
                    @match searched { Some(text) => { "No order is called " q { (text) } "." }, None => "No orders." }
                }
            } @else { (table(&rows, now)) }
            @if let Some(next) = next {
                @let of = |name: &str| asked(name).map(|text| format!("&{name}={}", encoded(text))).unwrap_or_default();
                p { a href={ "orders?cursor=" (encoded(&next)) (of("connection")) (of("status")) } { "Older orders" } }
            }
        };
        Ok(shown(visit, "Orders", &content))
    }

    /// The channel to list: the one that is asked for, or the first.
    fn listed(&self, asked: Option<&str>, channels: &[ConnectionRecord]) -> Option<String> {
        let names = || channels.iter().map(|record| record.connection.to_string());
        match asked {
            Some(asked) => names().find(|name| name == asked),
            None => names().next(),
        }
    }

    /// Orders by what somebody calls them: our name, a reference of one of our documents, or the storefront's name.
    async fn found(&self, text: &str, channels: &[ConnectionRecord]) -> Result<Vec<OrderView>, Problem> {
        let by_id = text.parse::<OrderId>().ok().filter(|id| channels.iter().any(|c| c.connection == id.connection));
        for id in by_id.into_iter().chain(by_reference(text, channels)) {
            if let Some(row) = self.views.seen(&id.to_string()).await.map_err(Problem::unavailable_because)? {
                return Ok(vec![row]);
            }
        }
        let mut found = Vec::new();
        for record in channels {
            let page = Page { limit: ROWS, after: None };
            let query = ViewQuery::Named(record.connection.to_string(), text.to_owned());
            found.extend(self.views.list(&query, &page).await.map_err(Problem::unavailable_because)?.0);
            if let Ok(channel) = text.parse::<ChannelOrderId>() {
                let id = OrderId { connection: record.connection.clone(), channel };
                found.extend(self.views.seen(&id.to_string()).await.map_err(Problem::unavailable_because)?);
            }
        }
        found.dedup_by(|a, b| a.order_id == b.order_id);
        Ok(found)
    }
}

/// The order that a reference of one of our documents names: `UK-1001-INV1`.
fn by_reference(text: &str, channels: &[ConnectionRecord]) -> Option<OrderId> {
    let (prefix, channel, _) = split_reference(text)?;
    let of_prefix =
        |record: &&ConnectionRecord| record.settings["channel"]["reference_prefix"].as_str() == Some(prefix.as_str());
    let connection: ConnectionId = channels.iter().find(of_prefix)?.connection.clone();
    Some(OrderId { connection, channel })
}

fn search(searched: Option<&str>) -> Markup {
    html! {
        form method="get" action="orders" role="search" class="line" {
            label for="q" { "Find an order" }
            input type="search" id="q" name="q" value=[searched] placeholder="number, id or reference" maxlength="200";
            button type="submit" { "Find" }
        }
    }
}

fn choice(channels: &[ConnectionRecord], (connection, status): (Option<&str>, Option<&str>)) -> Markup {
    html! {
        form method="get" action="orders" class="line" {
            div class="pair" {
                label for="connection" { "Channel" }
                select id="connection" name="connection" {
                    @for record in channels {
                        option value=(record.connection) selected[connection == Some(record.connection.as_str())] { (record.connection) }
                    }
                }
            }
            div class="pair" {
                label for="status" { "Status" }
                select id="status" name="status" {
                    option value="" { "any" }
                    @for known in STATUSES { option value=(known) selected[status == Some(known)] { (known) } }
                }
            }
            button type="submit" { "List" }
        }
    }
}

fn table(rows: &[OrderView], now: Timestamp) -> Markup {
    html! {
        table {
            caption { "Orders, the newest first" }
            thead { tr {
                th scope="col" { "Order" } th scope="col" { "Placed" } th scope="col" { "Status" }
                th scope="col" { "Left to do" } th scope="col" { "Exceptions" } th scope="col" { "Changed" }
            } }
            tbody { @for row in rows {
                tr {
                    th scope="row" { a href={ "orders/" (encoded(&row.order_id)) } { (row.order_id) } }
                    td { (placed(row)) }
                    td { span class={ "status " (row.status) } { (row.status) } }
                    td { (row.owed.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ")) }
                    td { @for found in &row.exceptions {
                        a href={ "exceptions/" (encoded(&exception_of(&row.order_id, &found.about))) } { (found.about) } " "
                    } }
                    td { (moment(row.updated_at, now)) }
                }
            } }
        }
    }
}

fn placed(row: &OrderView) -> String {
    let at = row.placed_order.split('#').next().and_then(|at| at.parse::<Timestamp>().ok());
    at.map_or_else(String::new, clock)
}
