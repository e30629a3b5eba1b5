//! Deliveries taken in once more, events published once more. Neither can undo anything: where a delivery says what the
//! order knows already, or what a newer word has replaced, nothing is recorded; whoever hears of an event reads the order
//! as it is. Stock and prices are in no delivery that is kept: they are read anew, by `reconcile` and `sync-catalogue`.

use crossdock_connectors::api::{ParsedReplay, Replayed, Scope, parse_replay};
use crossdock_domain::OrderId;
use crossdock_log::{Archived, Page, ViewQuery};
use crossdock_runner::inbound::InboundMessage;
use crossdock_runner::{Foretold, Intake, bus_entries, faults};
use crossdock_step::BusEntry;
use crossdock_step::api::{Answer, Caller, Problem, Reply, Request};
use futures_util::{StreamExt as _, TryStreamExt as _};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::Operate;

/// A call ends in time; the next goes on from its cursor.
const WORK_FOR: SignedDuration = SignedDuration::from_secs(7);

/// Deliveries, or orders, that are read at once.
const ROWS: i32 = 50;

/// How many are worked on at the same time.
const CONCURRENCY: usize = 8;

/// A dry run tells of so many deliveries one by one.
const MOST_TOLD: usize = 200;

/// What came of a replay so far.
#[derive(Default)]
pub(crate) struct Tally {
    /// Deliveries that are sent again, or orders whose events are published again.
    pub(crate) replayed: usize,
    /// Events that are published again.
    events: usize,
    /// What each delivery would do.
    pub(crate) foretold: Vec<Value>,
    /// Where the next call goes on.
    pub(crate) cursor: Option<String>,
}

/// A replay with who asks for it, and whether it is only tried.
pub(crate) struct Wanted<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) replay: &'a ParsedReplay,
    pub(crate) dry_run: bool,
}

impl Operate {
    pub(crate) async fn replay(&self, request: &Request) -> Answer {
        let caller = request.allowed("ops:write")?;
        let replay = parse_replay(&request.body).map_err(|found| faults::problem(&found))?;
        let dry_run = request.flag("dry_run")?;
        let tally = self.replayed(&Wanted { caller, replay: &replay, dry_run }).await?;
        let mut told = json!({ "dry_run": dry_run, "replayed": tally.replayed, "next_cursor": tally.cursor });
        match replay.what {
            Replayed::Events => told["events"] = json!(tally.events),
            Replayed::Deliveries if dry_run => told["deliveries"] = Value::Array(tally.foretold),
            Replayed::Deliveries => {}
        }
        Ok(Reply::json(StatusCode::OK, &told))
    }

    pub(crate) async fn replayed(&self, wanted: &Wanted<'_>) -> Result<Tally, Problem> {
        let connection = match &wanted.replay.scope {
            Scope::Order(order) => &order.connection,
            Scope::Window { connection, .. } => connection,
        };
        if !wanted.caller.reaches(connection.as_str()) {
            return Err(Problem::not_found("connection"));
        }
        let tally = match wanted.replay.what {
            Replayed::Deliveries => self.replay_deliveries(wanted).await,
            Replayed::Events => self.replay_events(wanted).await,
        }?;
        let (by, reason) = (&wanted.caller.name, &wanted.replay.reason);
        tracing::info!(%connection, by, reason, replayed = tally.replayed, dry_run = wanted.dry_run, "a replay");
        Ok(tally)
    }

    async fn replay_deliveries(&self, wanted: &Wanted<'_>) -> Result<Tally, Problem> {
        let until = self.recorder.clock().now() + WORK_FOR;
        let (mut tally, mut place) = (Tally::default(), Place::of(wanted.replay)?);
        while let Some(at) = place {
            let (found, next) = self.archived(&wanted.replay.scope, &at).await?;
            let found = found.iter().filter(|kept| concerns(wanted.replay, kept));
            let each = found.map(|kept| self.replay_one(wanted, kept));
            // In their order, as far as a queue keeps one.
            let told: Vec<Option<Value>> = futures_util::stream::iter(each).buffered(CONCURRENCY).try_collect().await?;
            tally.replayed += told.len();
            tally.foretold.extend(told.into_iter().flatten());
            place = at.next(&wanted.replay.scope, next);
            let is_enough = self.recorder.clock().now() >= until || tally.foretold.len() >= MOST_TOLD;
            if let Some(rest) = place.as_ref().filter(|_| is_enough) {
                tally.cursor = Some(rest.to_string());
                break;
            }
        }
        Ok(tally)
    }

    async fn archived(&self, scope: &Scope, at: &Place) -> Result<(Vec<Archived>, Option<String>), Problem> {
        let page = Page { limit: ROWS, after: at.after.clone() };
        let found = match scope {
            Scope::Order(order) => self.archive.archived_of(&order.stream(), &page).await,
            Scope::Window { connection, .. } => self.archive.archived_in((connection.as_str(), at.hour), &page).await,
        };
        found.map_err(Problem::unavailable_because)
    }

    async fn replay_one(&self, wanted: &Wanted<'_>, kept: &Archived) -> Result<Option<Value>, Problem> {
        if !wanted.dry_run {
            let sent = self.inbound.send(kept.message.clone(), SignedDuration::ZERO).await;
            return sent.map(|()| None).map_err(Problem::unavailable_because);
        }
        let intake =
            Intake { recorder: self.recorder.clone(), directory: self.directory.clone(), items: self.items.clone() };
        let foretold = intake.foretell(&kept.message).await.map_err(Problem::unavailable_because)?;
        let would: Vec<Value> = foretold.iter().map(told).collect();
        Ok(Some(json!({ "received_at": kept.received_at, "topic": topic_of(&kept.message), "would": would })))
    }

    async fn replay_events(&self, wanted: &Wanted<'_>) -> Result<Tally, Problem> {
        match &wanted.replay.scope {
            Scope::Order(order) => {
                let events = self.publish_again(wanted, order).await?;
                if events == 0 {
                    Err(Problem::not_found("order"))
                } else {
                    Ok(Tally { replayed: 1, events, ..Tally::default() })
                }
            }
            Scope::Window { connection, from, to } => {
                let until = self.recorder.clock().now() + WORK_FOR;
                let begin = wanted.replay.cursor.clone().unwrap_or_else(|| format!("{to:.3}#"));
                let mut page = Page { limit: ROWS, after: Some(begin) };
                let mut tally = Tally::default();
                loop {
                    let rows = self.views.list(&ViewQuery::Connection(connection.to_string()), &page).await;
                    let (rows, next) = rows.map_err(Problem::unavailable_because)?;
                    let first = format!("{from:.3}#");
                    let within = rows.iter().filter(|row| row.placed_order >= first);
                    let orders: Vec<OrderId> = within.filter_map(|row| row.order_id.parse().ok()).collect();
                    let each = orders.iter().map(|order| self.publish_again(wanted, order));
                    let told: Vec<usize> = futures_util::stream::iter(each).buffered(CONCURRENCY).try_collect().await?;
                    tally.replayed += told.iter().filter(|events| **events > 0).count();
                    tally.events += told.iter().sum::<usize>();
                    // Newest first: what comes after an order from before the window is older still.
                    let Some(next) = next.filter(|_| rows.last().is_some_and(|row| row.placed_order >= first)) else {
                        return Ok(tally);
                    };
                    if self.recorder.clock().now() >= until {
                        return Ok(Tally { cursor: Some(next), ..tally });
                    }
                    page.after = Some(next);
                }
            }
        }
    }

    /// Publishes what is known of an order: the same events, under the same identities.
    async fn publish_again(&self, wanted: &Wanted<'_>, order: &OrderId) -> Result<usize, Problem> {
        let commits = self.recorder.log().load(&order.stream(), 1).await.map_err(Problem::unavailable_because)?;
        let only = wanted.replay.only.as_deref();
        let entries = commits.iter().flat_map(bus_entries);
        let entries: Vec<BusEntry> =
            entries.filter(|entry| only.is_none_or(|only| entry.detail_type == only)).collect();
        let events = entries.len();
        if events > 0 && !wanted.dry_run {
            self.bus.put(entries).await.map_err(Problem::unavailable_because)?;
        }
        Ok(events)
    }
}

/// Where a walk through deliveries is: in which hour, and after which of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    hour: Timestamp,
    after: Option<String>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}|{}", self.hour, self.after.as_deref().unwrap_or_default())
    }
}

const HOUR: SignedDuration = SignedDuration::from_hours(1);

impl Place {
    fn of(replay: &ParsedReplay) -> Result<Option<Self>, Problem> {
        let Some(cursor) = &replay.cursor else {
            let hour = match &replay.scope {
                Scope::Order(_) => Timestamp::UNIX_EPOCH,
                Scope::Window { from, .. } => *from,
            };
            return Ok(Some(Self { hour, after: None }));
        };
        let read = cursor.split_once('|').and_then(|(hour, after)| {
            let after = (!after.is_empty()).then(|| after.to_owned());
            Some(Self { hour: hour.parse().ok()?, after })
        });
        let unread = || Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "the cursor is none of ours");
        read.map(Some).ok_or_else(unread)
    }

    /// The place after a page: the next page of the hour, else the next hour of the window.
    fn next(&self, scope: &Scope, after: Option<String>) -> Option<Self> {
        if after.is_some() {
            return Some(Self { hour: self.hour, after });
        }
        let Scope::Window { to, .. } = scope else { return None };
        let begun = self.hour.as_second() - self.hour.as_second().rem_euclid(HOUR.as_secs());
        let hour = Timestamp::from_second(begun + HOUR.as_secs()).ok()?;
        (hour < *to).then_some(Self { hour, after: None })
    }
}

fn concerns(replay: &ParsedReplay, kept: &Archived) -> bool {
    let is_within = match &replay.scope {
        Scope::Order(_) => true,
        Scope::Window { from, to, .. } => (*from..*to).contains(&kept.received_at),
    };
    let is_topic = |only: &String| topic_of(&kept.message).as_ref() == Some(only);
    is_within && replay.only.as_ref().is_none_or(is_topic)
}

/// What a vendor calls what has happened.
fn topic_of(message: &str) -> Option<String> {
    let message: InboundMessage = serde_json::from_str(message).ok()?;
    message.headers.into_iter().find(|(name, _)| name.ends_with("topic")).map(|(_, topic)| topic)
}

fn told(foretold: &Foretold) -> Value {
    match foretold {
        Foretold::Records { order, facts } => json!({ "outcome": "records", "order_id": order, "facts": facts }),
        Foretold::Known { order } => json!({ "outcome": "known", "order_id": order }),
        Foretold::Nothing(why) => json!({ "outcome": "nothing", "why": why }),
    }
}
