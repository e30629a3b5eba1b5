//! An order's way as a picture: a lane for each system, a mark for each fact, a gap where it waited. The table below it
//! says the same in words.

use crossdock_domain::{Commit, Event};
use jiff::SignedDuration;
use maud::{Markup, html};

use super::frame::{age, clock};
use super::order::plain;

/// Where a fact was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// The storefront.
    Storefront,
    /// Here.
    Crossdock,
    /// The 3PL.
    Fulfillment,
    /// The ERP.
    Erp,
}

impl Lane {
    const ALL: [Self; 4] = [Self::Storefront, Self::Crossdock, Self::Fulfillment, Self::Erp];

    /// What it is called.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Storefront => "Storefront",
            Self::Crossdock => "Crossdock",
            Self::Fulfillment => "3PL",
            Self::Erp => "ERP",
        }
    }

    const fn row(self) -> usize {
        match self {
            Self::Storefront => 0,
            Self::Crossdock => 1,
            Self::Fulfillment => 2,
            Self::Erp => 3,
        }
    }
}

/// The lane of a fact.
pub(super) fn lane(event: &Event) -> Lane {
    let name = event.type_name();
    let is = |names: &[&str]| names.iter().any(|known| name.starts_with(known));
    if is(&[
        "ShipmentAnnounced",
        "StorefrontC",
        "SalesRead",
        "RefundI",
        "RefundRecorded",
        "TenderCaptured",
        "DisputeO",
        "DisputeC",
    ]) {
        Lane::Storefront
    } else if is(&["FulfillmentR", "FulfillmentS", "ShipmentRecorded", "ReturnAnnounced", "ReturnReceived"]) {
        Lane::Fulfillment
    } else if name.contains("Posted") || is(&["DepositApplied", "CreditApplied", "SalesOrderAmended", "DisputeSettled"])
    {
        Lane::Erp
    } else {
        Lane::Crossdock
    }
}

/// What kind of mark a fact gets.
fn mark(event: &Event) -> &'static str {
    let name = event.type_name();
    if ["TaskParked", "OrderHeld", "ChangeRefused", "ShortageFound", "OrderRefused"]
        .iter()
        .any(|known| name.starts_with(known))
    {
        "stop"
    } else if ["TaskReleased", "TaskOverdue", "OrderReleased", "TaskClaimed"]
        .iter()
        .any(|known| name.starts_with(known))
    {
        "again"
    } else if name.starts_with("ExceptionHandled") {
        "said"
    } else {
        "done"
    }
}

const LEFT: usize = 96;
const COLUMN: usize = 34;
const ROW: usize = 44;
const TOP: usize = 26;

/// A wait is drawn from so long on.
const WAIT: SignedDuration = SignedDuration::from_secs(30);

struct Spot<'a> {
    x: usize,
    y: usize,
    event: &'a Event,
    commit: &'a Commit,
}

/// The picture of a stream of commits.
pub(super) fn picture(commits: &[Commit]) -> Markup {
    let (mut spots, mut waits, mut x) = (Vec::new(), Vec::new(), LEFT);
    let mut before: Option<&Commit> = None;
    for commit in commits {
        if let Some(waited) = before.map(|before| commit.at.duration_since(before.at)).filter(|waited| *waited >= WAIT)
        {
            waits.push((x - COLUMN / 2, age(waited)));
            x += COLUMN;
        }
        for event in &commit.events {
            spots.push(Spot { x, y: TOP + ROW / 2 + ROW * lane(event).row(), event, commit });
            x += COLUMN;
        }
        before = Some(commit);
    }
    let (width, height) = (x + COLUMN, TOP + ROW * Lane::ALL.len() + 6);
    html! {
        div class="picture" role="region" aria-label="The order's way as a picture" tabindex="0" {
            svg viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height) role="img" aria-labelledby="picture-title" {
                title id="picture-title" { "What happened where; the table below tells the same in words" }
                @for lane in Lane::ALL {
                    @let y = TOP + ROW * lane.row();
                    rect class={ "lane lane-" (lane.row()) } x="0" y=(y) width=(width) height=(ROW) {}
                    text class="lane-name" x="8" y=(y + ROW / 2 + 4) { (lane.name()) }
                }
                @for (at, waited) in &waits {
                    line class="wait" x1=(at + COLUMN / 2) x2=(at + COLUMN / 2) y1=(TOP) y2=(height) {}
                    text class="wait-name" x=(at + COLUMN / 2) y=(TOP - 8) { (waited) }
                }
                @for pair in spots.windows(2) { (thread(pair)) }
                @for spot in &spots { (drawn(spot)) }
            }
        }
        ul class="legend" {
            li { span class="key done" {} " done" }
            li { span class="key stop" {} " stopped" }
            li { span class="key again" {} " tried again" }
            li { span class="key said" {} " somebody's word" }
        }
    }
}

fn thread(pair: &[Spot<'_>]) -> Markup {
    let [from, to] = pair else { return html! {} };
    html! { line class="thread" x1=(from.x) y1=(from.y) x2=(to.x) y2=(to.y) {} }
}

fn drawn(spot: &Spot<'_>) -> Markup {
    let kind = mark(spot.event);
    let title = format!("{} – {} by {}", plain(spot.event), clock(spot.commit.at), spot.commit.actor);
    let (x, y) = (spot.x, spot.y);
    html! {
        g class={ "mark " (kind) } {
            title { (title) }
            @match kind {
                "stop" => path d={ "M" (x - 8) " " (y + 7) " L" (x) " " (y - 9) " L" (x + 8) " " (y + 7) " Z" } {},
                "again" => rect x=(x - 7) y=(y - 7) width="14" height="14" {},
                "said" => path d={ "M" (x) " " (y - 9) " L" (x + 9) " " (y) " L" (x) " " (y + 9) " L" (x - 9) " " (y) " Z" } {},
                _ => circle cx=(x) cy=(y) r="7" {},
            }
        }
    }
}
