//! What explains a difference: our ledger, what the orders hold, and what only one side knows of.

use std::collections::{BTreeMap, BTreeSet};

use crossdock_domain::drift::{Held, Ledger, Role, Row, Towards, UnderWay, order_of};
use crossdock_domain::hold::{self, is_hold};
use crossdock_domain::item::{Item, Stock};
use crossdock_domain::outstanding::TaskKind;
use crossdock_domain::shipping::record_shipment;
use crossdock_domain::{ConnectionId, Order, OrderId};
use crossdock_log::{LedgerPage, LedgerRow};
use crossdock_runner::store_failure;
use crossdock_step::Failure;
use jiff::Timestamp;

use crate::Reconcile;
use crate::compare::Question;

/// Rows of a ledger that are read at once, and at most.
const ROWS: i32 = 200;
const MOST_ROWS: usize = 2000;

/// Orders and documents that are read to explain one level.
const MOST_ORDERS: usize = 100;

/// What is known beside the two numbers.
#[derive(Default)]
pub(crate) struct Evidence {
    pub(crate) ledger: Ledger,
    pub(crate) under_way: Vec<UnderWay>,
    pub(crate) held: Option<Vec<Held>>,
}

impl Reconcile {
    /// Everything that may explain a difference; nothing where there is too much to read.
    pub(crate) async fn gather(
        &self,
        question: &Question<'_>,
        item: &Item,
        stock: &Stock,
    ) -> Result<Option<Evidence>, Failure> {
        let (rows, is_whole) = self.ledger(question).await?;
        let mut evidence =
            Evidence { ledger: Ledger { rows: rows.iter().map(row).collect(), is_whole }, ..Evidence::default() };
        match question.role {
            Role::Fulfillment => {
                // The 3PL still holds all that we have promised: nothing has left without our knowing.
                if question.reported.committed.is_some_and(|committed| committed >= stock.reserved()) {
                    evidence.held = Some(Vec::new());
                    return Ok(Some(evidence));
                }
                let Some(orders) = self.holding(&evidence.ledger).await? else { return Ok(None) };
                let Some(buyers) = self.paying(&evidence.ledger, question).await? else { return Ok(None) };
                evidence.under_way = self.left(question, &orders).await?;
                evidence.held = Some(orders.iter().flat_map(|order| held(order, question)).chain(buyers).collect());
            }
            Role::Erp if item.identities.is_known(question.system) => {
                evidence.under_way = self.unposted(question, &rows).await?;
            }
            Role::Erp | Role::Storefront => {}
        }
        Ok(Some(evidence))
    }

    /// The ledger's rows, the oldest first, and whether those are all.
    async fn ledger(&self, question: &Question<'_>) -> Result<(Vec<LedgerRow>, bool), Failure> {
        let mut rows = Vec::new();
        let mut page = LedgerPage { limit: ROWS, before: None, since: None };
        loop {
            let (more, next) =
                self.items.ledger(question.sku, question.location, &page).await.map_err(store_failure)?;
            rows.extend(more);
            page.before = next;
            if page.before.is_none() || rows.len() >= MOST_ROWS {
                break;
            }
        }
        rows.reverse();
        Ok((rows, page.before.is_none()))
    }

    /// Orders that hold something as the ledger tells; none where there are too many.
    async fn holding(&self, ledger: &Ledger) -> Result<Option<Vec<Order>>, Failure> {
        let mut net: BTreeMap<OrderId, i64> = BTreeMap::new();
        for row in &ledger.rows {
            if let Some(id) = order_of(row) {
                *net.entry(id).or_default() += row.moves.iter().map(|stock| stock.reserved).sum::<i64>();
            }
        }
        let ids: Vec<OrderId> = net.into_iter().filter(|(_, units)| *units != 0).map(|(id, _)| id).collect();
        if ids.len() > MOST_ORDERS {
            return Ok(None);
        }
        let mut orders = Vec::new();
        for id in ids {
            orders.push(self.recorder.load(&id).await?);
        }
        Ok(Some(orders))
    }

    /// Units that are held for buyers who are paying; none where there are too many.
    async fn paying(&self, ledger: &Ledger, question: &Question<'_>) -> Result<Option<Vec<Held>>, Failure> {
        let mut net: BTreeMap<&str, i64> = BTreeMap::new();
        for row in ledger.rows.iter().filter(|row| is_hold(&row.stream)) {
            *net.entry(&row.stream).or_default() += row.moves.iter().map(|stock| stock.reserved).sum::<i64>();
        }
        let open: Vec<&str> = net.into_iter().filter(|(_, units)| *units != 0).map(|(stream, _)| stream).collect();
        if open.len() > MOST_ORDERS {
            return Ok(None);
        }
        let mut held = Vec::new();
        for stream in open {
            let commits = self.recorder.log().load(stream, 1).await.map_err(store_failure)?;
            let units = hold::Held::fold(&commits).map_or(0, |hold| hold.keeps(question.sku, question.location));
            held.push(Held { stream: stream.to_owned(), channel: ConnectionId::holds(), units });
        }
        Ok(Some(held))
    }

    /// What the 3PL says has left of these orders, and we have no fact of.
    async fn left(&self, question: &Question<'_>, orders: &[Order]) -> Result<Vec<UnderWay>, Failure> {
        let mut ways = Vec::new();
        for order in orders.iter().filter(|order| held(order, question).any(|held| held.units > 0)) {
            for number in order.fulfillments.keys() {
                let is_here = order.allocations.get(number).is_some_and(|at| at.fact.location == *question.location);
                let Some(reference) = order.reference(&format!("F{number}")).filter(|_| is_here) else { continue };
                for report in self.systems.shipments(&reference).await? {
                    let moves = record_shipment(order, &report).moves;
                    let here =
                        moves.iter().filter(|stock| stock.sku == *question.sku && stock.location == *question.location);
                    let units: i64 = here.map(|stock| stock.on_hand).sum();
                    if units != 0 && report.shipped_at <= question.reported.as_of {
                        ways.push(UnderWay { units, since: report.shipped_at, towards: Towards::Us });
                    }
                }
            }
        }
        Ok(ways)
    }

    /// What we have recorded and the ERP does not have.
    async fn unposted(&self, question: &Question<'_>, rows: &[LedgerRow]) -> Result<Vec<UnderWay>, Failure> {
        let mut ways = Vec::new();
        let moving = rows.iter().rev().filter(|row| row.at >= question.from() && on_hand(row) != 0);
        let mut orders: BTreeMap<OrderId, Order> = BTreeMap::new();
        for ledger_row in moving.take(MOST_ORDERS) {
            let is_posted = match OrderId::from_stream(&ledger_row.stream) {
                Ok(id) => {
                    if !orders.contains_key(&id) {
                        orders.insert(id.clone(), self.recorder.load(&id).await?);
                    }
                    orders.get(&id).is_some_and(|order| has_posted(order, ledger_row.at))
                }
                Err(_) => self.keeper.load(&ledger_row.stream).await?.is_posted(ledger_row.seq),
            };
            if !is_posted {
                ways.push(UnderWay { units: -on_hand(ledger_row), since: ledger_row.at, towards: Towards::Them });
            }
        }
        Ok(ways)
    }
}

fn row(told: &LedgerRow) -> Row {
    Row { stream: told.stream.clone(), at: told.at, moves: told.moves.clone() }
}

fn on_hand(row: &LedgerRow) -> i64 {
    row.moves.iter().map(|stock| stock.on_hand).sum()
}

/// What was promised to an order, also in kits, and what was held for its buyer and is not promised yet.
fn held(order: &Order, question: &Question<'_>) -> impl Iterator<Item = Held> {
    let stream = order.id.stream();
    let kept = (ConnectionId::holds(), order.keeps(question.sku, question.location));
    let held = order.holds_of(question.sku, question.location).into_iter().chain([kept]);
    held.map(move |(channel, units)| Held { stream: stream.clone(), channel, units })
}

/// Whether the ERP has what an order's commit of that time moved.
fn has_posted(order: &Order, at: Timestamp) -> bool {
    let left: BTreeSet<u32> =
        order.shipments.iter().filter(|(_, known)| known.at == at).map(|(number, _)| *number).collect();
    if left.is_empty() {
        // Goods that came back: whatever of them is to be posted is outstanding until it is.
        let back = [TaskKind::PostReturnAuthorization, TaskKind::PostItemReceipt, TaskKind::PostAdjustment];
        return !order.outstanding().iter().any(|task| back.contains(&task.id.kind));
    }
    left.iter().all(|number| order.item_fulfillments.contains_key(number))
}
