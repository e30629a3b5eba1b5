//! How everything stands, once a minute: from the rows of all orders of which something is left to do, and of all
//! exceptions. Whoever looks at it reads one record, however many orders there are.

use crossdock_domain::outstanding::Criticality;
use crossdock_domain::overview::{Down, Overview, Row};
use crossdock_log::{ConnectionRecord, Markers, OrderView, Page, ViewQuery, Views};
use crossdock_runner::store_failure;
use crossdock_runner::tally::{COMPLETED, OVERVIEW, TOUCHLESS, counted_in, counts_by_hour};
use crossdock_step::Failure;
use jiff::{SignedDuration, Timestamp};

/// Rows that are read at once.
const ROWS: i32 = 100;

/// What has ended is counted over so many hours, the one that runs included.
const HOURS: i64 = 24;

/// The survey ends in time with this much left.
const RESERVE: SignedDuration = SignedDuration::from_secs(3);

/// Exceptions of deliveries of which not even the sender is known.
const UNKNOWN: &str = "unknown";

/// What a survey reads and writes.
#[derive(Clone, Copy)]
pub struct Survey<'a> {
    /// The rows.
    pub views: &'a dyn Views,
    /// Where the overview is kept.
    pub markers: &'a dyn Markers,
}

impl Survey<'_> {
    /// Looks at every order of which something is left to do, and at every exception, and keeps what it found. Ends in
    /// time: an overview that is not complete says so.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn take(
        &self,
        records: &[ConnectionRecord],
        now: Timestamp,
        until: impl Fn() -> SignedDuration,
    ) -> Result<Overview, Failure> {
        let down = records.iter().filter(|record| record.paused(now).is_some());
        let down = down.map(|record| Down {
            connection: record.connection.clone(),
            since: record.paused_since.unwrap_or(now),
            reason: record.paused_reason.clone().unwrap_or_default(),
            concerns: concerns(record),
        });
        let mut overview = Overview::new(now, down.collect());
        let names = records.iter().map(|record| record.connection.to_string()).chain([UNKNOWN.to_owned()]);
        for name in names {
            let (flying, waiting) = (ViewQuery::InFlight(name.clone()), ViewQuery::Attention(name));
            let in_time = || until() > RESERVE;
            overview.complete &= self.each(&flying, in_time, |row| overview.add_order(&row_of(row))).await?;
            overview.complete &= self.each(&waiting, in_time, |row| overview.add_exceptions(&row.exceptions)).await?;
        }
        let overview = overview.sorted();
        let kept = serde_json::to_string(&overview).map_err(|error| Failure::retry(error.to_string()))?;
        self.markers.set_marker(OVERVIEW, &kept).await.map_err(store_failure)?;
        Ok(overview)
    }

    /// Orders that have ended in a day, and those of them that nobody had to see to.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn ended(&self, records: &[ConnectionRecord], now: Timestamp) -> Result<(i64, i64), Failure> {
        let (mut completed, mut touchless) = (0, 0);
        for record in records.iter().filter(|record| record.takes_orders()) {
            let hours = counts_by_hour(record.connection.as_str(), self.markers, (now, HOURS)).await;
            let hours = hours.map_err(store_failure)?;
            completed += counted_in(&hours, COMPLETED);
            touchless += counted_in(&hours, TOUCHLESS);
        }
        Ok((completed, touchless))
    }

    /// Walks a list; whether it came to its end in time.
    async fn each(
        &self,
        query: &ViewQuery,
        in_time: impl Fn() -> bool,
        mut look: impl FnMut(&OrderView),
    ) -> Result<bool, Failure> {
        let mut page = Page { limit: ROWS, after: None };
        loop {
            if !in_time() {
                return Ok(false);
            }
            let (rows, next) = self.views.list(query, &page).await.map_err(store_failure)?;
            rows.iter().for_each(&mut look);
            page.after = next;
            if page.after.is_none() {
                return Ok(true);
            }
        }
    }
}

/// Whom it concerns that a connection is down: one that takes orders, one that ships them for others, or the books.
fn concerns(record: &ConnectionRecord) -> Criticality {
    if record.takes_orders() {
        Criticality::CustomerFacing
    } else if record.ships_for_others() {
        Criticality::Fulfilment
    } else {
        Criticality::Financial
    }
}

fn row_of(row: &OrderView) -> Row<'_> {
    Row {
        order_id: &row.order_id,
        owed: &row.owed,
        ship_by: row.ship_by,
        waits_on: row.waits_on.as_deref(),
        routes: row.routes.as_ref(),
    }
}
