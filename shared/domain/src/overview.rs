//! How everything stands, told from the rows of the view once a minute: what is left to do, what needs a person, and
//! what cannot wait until the morning.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::commit::Attention;
use crate::ids::ConnectionId;
use crate::outstanding::{Criticality, TaskKind};
use crate::settings::Routes;

/// So many orders of a list are named; the others are counted.
pub const MOST_LISTED: usize = 50;

/// What a buyer waits for is late after so long: everything that heals by itself has healed by then.
pub const GRACE: SignedDuration = SignedDuration::from_mins(15);

/// An order that is not with the 3PL so long before it has to leave may miss the carrier.
pub const CUT_OFF_WARNING: SignedDuration = SignedDuration::from_hours(2);

/// An order as the view has it.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Which.
    pub order_id: &'a str,
    /// What is left to do, by kind, and since when the oldest of each.
    pub owed: &'a BTreeMap<TaskKind, Timestamp>,
    /// Until when what has not left yet has to leave.
    pub ship_by: Option<Timestamp>,
    /// What a parked task waits on.
    pub waits_on: Option<&'a str>,
    /// Which connections work on it.
    pub routes: Option<&'a Routes>,
}

/// A connection that is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Down {
    /// Which.
    pub connection: ConnectionId,
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub reason: String,
    /// Whom it concerns: a storefront the customers, a 3PL fulfilment, an ERP the books.
    pub concerns: Criticality,
}

/// How many orders, and since when the oldest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Orders.
    pub orders: u64,
    /// Since when the oldest.
    pub oldest: Timestamp,
}

/// What cannot wait until the morning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// It misses its carrier, or soon will.
    CutOff,
    /// It is paid, and the 3PL does not have it.
    NotAtThe3pl,
    /// It has left, and the buyer was not told.
    NotTold,
    /// Money was promised back and is not paid.
    RefundUnpaid,
    /// It is paid, and the goods are not there.
    Oversold,
}

impl Urgency {
    /// All, the most urgent first.
    pub const ALL: [Self; 5] = [Self::CutOff, Self::NotAtThe3pl, Self::NotTold, Self::RefundUnpaid, Self::Oversold];
}

/// An order of an urgent list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Which.
    pub order_id: String,
    /// Since when it waits.
    pub since: Timestamp,
    /// Until when it can be mended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Timestamp>,
}

/// An urgent list, the most urgent first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// Orders in all.
    pub count: u64,
    /// The first of them.
    pub orders: Vec<Listed>,
}

/// A connection that is down, and what waits for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behind {
    /// Which.
    pub connection: ConnectionId,
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub reason: String,
    /// Whom it concerns.
    pub concerns: Criticality,
    /// Orders of which something is left to do there.
    pub orders: u64,
    /// Until when nothing is lost by waiting: the first of them has to leave then. Absent where none has to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safe_until: Option<Timestamp>,
}

/// How everything stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overview {
    /// When.
    pub at: Timestamp,
    /// Whether every order was looked at; false where there were too many to look at in time.
    pub complete: bool,
    /// Orders of which something is left to do.
    pub in_flight: u64,
    /// By whom what is left to do concerns.
    pub flying: BTreeMap<Criticality, u64>,
    /// By what is left to do.
    pub steps: BTreeMap<TaskKind, Standing>,
    /// Orders of which something is left to post.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postings: Option<Standing>,
    /// Of them: those of which something was to be posted by now.
    pub postings_late: u64,
    /// Exceptions by class.
    pub classes: BTreeMap<String, u64>,
    /// Exceptions by whom they concern.
    pub concerned: BTreeMap<Criticality, u64>,
    /// Since when the oldest exception.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_exception: Option<Timestamp>,
    /// Orders that had to leave by now, and have not.
    pub cut_offs_missed: u64,
    /// What cannot wait until the morning.
    pub urgent: BTreeMap<Urgency, List>,
    /// Connections that are down.
    pub down: Vec<Behind>,
}

impl Overview {
    /// Nothing yet, of a moment, with the connections that are down then.
    #[must_use]
    pub fn new(at: Timestamp, down: Vec<Down>) -> Self {
        let behind = |Down { connection, since, reason, concerns }| Behind {
            connection,
            since,
            reason,
            concerns,
            orders: 0,
            safe_until: None,
        };
        Self {
            at,
            complete: true,
            in_flight: 0,
            flying: BTreeMap::new(),
            steps: BTreeMap::new(),
            postings: None,
            postings_late: 0,
            classes: BTreeMap::new(),
            concerned: BTreeMap::new(),
            oldest_exception: None,
            cut_offs_missed: 0,
            urgent: BTreeMap::new(),
            down: down.into_iter().map(behind).collect(),
        }
    }

    /// Adds an order of which something is left to do.
    pub fn add_order(&mut self, row: &Row<'_>) {
        self.in_flight += 1;
        let concerned: BTreeSet<Criticality> = row.owed.keys().map(|kind| kind.criticality()).collect();
        concerned.into_iter().for_each(|concerned| *self.flying.entry(concerned).or_default() += 1);
        for (kind, since) in row.owed {
            stand(self.steps.entry(*kind).or_insert(Standing { orders: 0, oldest: *since }), *since);
        }
        if let Some(since) = oldest_of(row, &TaskKind::ERP) {
            stand(self.postings.get_or_insert(Standing { orders: 0, oldest: since }), since);
            self.postings_late += u64::from(since + GRACE <= self.at);
        }
        let missed = row.ship_by.is_some_and(|by| by < self.at) && is_to_leave(row);
        self.cut_offs_missed += u64::from(missed);
        for urgency in Urgency::ALL {
            if let Some(listed) = urgent(urgency, row, self.at) {
                let list = self.urgent.entry(urgency).or_default();
                list.count += 1;
                list.orders.push(listed);
            }
        }
        for behind in self.down.iter_mut().filter(|behind| waits_for(row, &behind.connection)) {
            behind.orders += 1;
            let by = row.ship_by.filter(|_| is_to_leave(row));
            behind.safe_until = [behind.safe_until, by].into_iter().flatten().min();
        }
    }

    /// Adds what needs a person, of an order or of anything else. What somebody has put off is no news.
    pub fn add_exceptions(&mut self, exceptions: &[Attention]) {
        for exception in exceptions.iter().filter(|exception| !exception.is_snoozed(self.at)) {
            *self.classes.entry(exception.class.clone()).or_default() += 1;
            *self.concerned.entry(exception.criticality()).or_default() += 1;
            let oldest = self.oldest_exception.get_or_insert(exception.since);
            *oldest = exception.since.min(*oldest);
        }
    }

    /// The overview, with its lists in order and no longer than they may be.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        for list in self.urgent.values_mut() {
            list.orders
                .sort_by(|a, b| (a.by.unwrap_or(a.since), &a.order_id).cmp(&(b.by.unwrap_or(b.since), &b.order_id)));
            list.orders.truncate(MOST_LISTED);
        }
        self
    }

    /// Orders of an urgent list.
    #[must_use]
    pub fn count(&self, urgency: Urgency) -> u64 {
        self.urgent.get(&urgency).map_or(0, |list| list.count)
    }

    /// Exceptions of those whom they concern.
    #[must_use]
    pub fn exceptions(&self, concerned: Criticality) -> u64 {
        self.concerned.get(&concerned).copied().unwrap_or(0)
    }
}

fn stand(standing: &mut Standing, since: Timestamp) {
    standing.orders += 1;
    standing.oldest = since.min(standing.oldest);
}

fn oldest_of(row: &Row<'_>, kinds: &[TaskKind]) -> Option<Timestamp> {
    kinds.iter().filter_map(|kind| row.owed.get(kind)).min().copied()
}

/// Kinds that are left to do while goods have not left.
const TO_LEAVE: [TaskKind; 3] = [TaskKind::Allocate, TaskKind::RequestFulfillment, TaskKind::ConfirmShipment];

/// Kinds that are left to do while the 3PL does not have the order.
const TO_HAND_OVER: [TaskKind; 2] = [TaskKind::Allocate, TaskKind::RequestFulfillment];

fn is_to_leave(row: &Row<'_>) -> bool {
    oldest_of(row, &TO_LEAVE).is_some()
}

/// Whether something of the order is left to do at a connection.
fn waits_for(row: &Row<'_>, connection: &ConnectionId) -> bool {
    let Some(routes) = row.routes else { return false };
    let at = |of: Option<&ConnectionId>, kinds: &[TaskKind]| of == Some(connection) && oldest_of(row, kinds).is_some();
    at(Some(&routes.erp), &TaskKind::ERP)
        || at(Some(&routes.fulfillment), &TaskKind::FULFILLMENT)
        || at(routes.storefront.as_ref(), &TaskKind::STOREFRONT)
}

/// Why an order is in an urgent list, if it is.
fn urgent(urgency: Urgency, row: &Row<'_>, now: Timestamp) -> Option<Listed> {
    let listed = |since, by| Listed { order_id: row.order_id.to_owned(), since, by };
    let late = |kinds: &[TaskKind]| oldest_of(row, kinds).filter(|since| *since + GRACE <= now);
    let backordered = row.waits_on.is_some_and(|key| key.starts_with("sku#"));
    match urgency {
        Urgency::CutOff => {
            let since = oldest_of(row, &TO_LEAVE)?;
            let warning = if oldest_of(row, &TO_HAND_OVER).is_some() { CUT_OFF_WARNING } else { SignedDuration::ZERO };
            let by = row.ship_by.filter(|by| *by - warning <= now)?;
            Some(listed(since, Some(by)))
        }
        Urgency::NotAtThe3pl => late(&TO_HAND_OVER).filter(|_| !backordered).map(|since| listed(since, row.ship_by)),
        Urgency::NotTold => late(&[TaskKind::AnnounceShipment]).map(|since| listed(since, None)),
        Urgency::RefundUnpaid => late(&[TaskKind::IssueRefund]).map(|since| listed(since, None)),
        Urgency::Oversold => {
            let since = oldest_of(row, &[TaskKind::Allocate]).filter(|_| backordered)?;
            Some(listed(since, row.ship_by))
        }
    }
}
