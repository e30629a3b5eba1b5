//! How things stand, told once a minute.

use crossdock_domain::outstanding::Criticality;
use crossdock_domain::overview::{Overview, Urgency};
use crossdock_runner::metrics;
use crossdock_runner::tally::percent;
use crossdock_step::telemetry::Metrics;

/// A number for each of those who care.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ByCriticality {
    /// A buyer feels it: storefronts.
    pub customer_facing: i64,
    /// The warehouse does: 3PLs.
    pub fulfilment: i64,
    /// The books do: ERPs.
    pub financial: i64,
}

/// How things stand. Which one is of interest to whom is part of a metric's name and no dimension, so that all of it is
/// one line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Orders of which the ERP does not have something yet.
    pub posting_backlog: i64,
    /// For how many seconds the oldest of them has been owed; 0 if there is none.
    pub posting_oldest_seconds: i64,
    /// Whole percent, rounded down, of the orders of a day that the ERP was to have whole by now; none if there were none.
    pub posting_completeness_percent: Option<i64>,
    /// Orders with something outstanding.
    pub in_flight: ByCriticality,
    /// Exceptions that nobody has closed.
    pub open_exceptions: ByCriticality,
    /// Connections that are paused or do not answer.
    pub connections_down: ByCriticality,
    /// Orders that may miss their cut-off.
    pub orders_at_risk: i64,
    /// Orders that have missed it and have not left.
    pub cut_offs_missed: i64,
    /// Buyers who were not told in time that their parcel has left.
    pub customers_not_told: i64,
    /// Refunds that are decided, late, and not paid.
    pub refunds_unpaid: i64,
    /// Whole percent of the completed orders that no person had to touch; none if none was completed.
    pub touchless_percent: Option<i64>,
}

impl Gauges {
    /// How things stand, of what was found and of what was counted in a day: orders that ended, and those of them that
    /// nobody had to see to.
    #[must_use]
    pub fn of(overview: &Overview, (completed, touchless): (i64, i64)) -> Self {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let each = |of: &dyn Fn(Criticality) -> u64| ByCriticality {
            customer_facing: number(of(Criticality::CustomerFacing)),
            fulfilment: number(of(Criticality::Fulfilment)),
            financial: number(of(Criticality::Financial)),
        };
        let down = |concerned| overview.down.iter().filter(|behind| behind.concerns == concerned).count() as u64;
        let postings = overview.postings.as_ref();
        let late = number(overview.postings_late);
        Self {
            posting_backlog: postings.map_or(0, |postings| number(postings.orders)),
            posting_oldest_seconds: postings
                .map_or(0, |postings| overview.at.duration_since(postings.oldest).as_secs()),
            posting_completeness_percent: percent(completed, completed + late),
            in_flight: each(&|concerned| overview.flying.get(&concerned).copied().unwrap_or(0)),
            open_exceptions: each(&|concerned| overview.exceptions(concerned)),
            connections_down: each(&down),
            orders_at_risk: number(overview.count(Urgency::CutOff)) - number(overview.cut_offs_missed),
            cut_offs_missed: number(overview.cut_offs_missed),
            customers_not_told: number(overview.count(Urgency::NotTold)),
            refunds_unpaid: number(overview.count(Urgency::RefundUnpaid)),
            touchless_percent: percent(touchless, completed),
        }
    }
}

/// What is emitted: whether the office is closed, and how things stand, where that was asked.
#[must_use]
pub fn measured(is_closed: Option<bool>, gauges: Option<&Gauges>) -> Metrics {
    let mut metrics = Metrics::of("watch-deadlines");
    if let Some(is_closed) = is_closed {
        metrics.add(metrics::OFFICE_CLOSED, i64::from(is_closed));
    }
    let Some(gauges) = gauges else { return metrics };
    let by = |of: ByCriticality| [of.customer_facing, of.fulfilment, of.financial];
    let exceptions = [
        metrics::OPEN_EXCEPTIONS_CUSTOMER_FACING,
        metrics::OPEN_EXCEPTIONS_FULFILMENT,
        metrics::OPEN_EXCEPTIONS_FINANCIAL,
    ];
    let down = [
        metrics::CONNECTIONS_DOWN_CUSTOMER_FACING,
        metrics::CONNECTIONS_DOWN_FULFILMENT,
        metrics::CONNECTIONS_DOWN_FINANCIAL,
    ];
    let in_flight = [metrics::IN_FLIGHT_CUSTOMER_FACING, metrics::IN_FLIGHT_FULFILMENT, metrics::IN_FLIGHT_FINANCIAL];
    let threes = [(exceptions, gauges.open_exceptions), (down, gauges.connections_down), (in_flight, gauges.in_flight)];
    for (named, of) in threes {
        named.into_iter().zip(by(of)).for_each(|(metric, value)| metrics.add(metric, value));
    }
    let singles = [
        (metrics::POSTING_BACKLOG, Some(gauges.posting_backlog)),
        (metrics::POSTING_OLDEST_SECONDS, Some(gauges.posting_oldest_seconds)),
        (metrics::POSTING_COMPLETENESS_PERCENT, gauges.posting_completeness_percent),
        (metrics::ORDERS_AT_RISK, Some(gauges.orders_at_risk)),
        (metrics::CUT_OFFS_MISSED, Some(gauges.cut_offs_missed)),
        (metrics::CUSTOMERS_NOT_TOLD, Some(gauges.customers_not_told)),
        (metrics::REFUNDS_UNPAID, Some(gauges.refunds_unpaid)),
        (metrics::TOUCHLESS_PERCENT, gauges.touchless_percent),
    ];
    singles.into_iter().filter_map(|(metric, value)| Some((metric, value?))).for_each(|(m, v)| metrics.add(m, v));
    metrics
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn all_of_it_is_one_line_and_what_is_not_known_is_left_out() {
        let gauges = Gauges { orders_at_risk: 3, touchless_percent: Some(97), ..Gauges::default() };
        let lines = measured(Some(true), Some(&gauges)).lines(Timestamp::UNIX_EPOCH);
        assert_eq!(lines.len(), 1);
        for part in ["\"OfficeClosed\":1", "\"OrdersAtRisk\":3", "\"TouchlessPercent\":97", "\"PostingBacklog\":0"] {
            assert!(lines[0].contains(part), "{part} is not in {}", lines[0]);
        }
        assert!(!lines[0].contains("PostingCompletenessPercent"));
    }

    #[test]
    fn where_nothing_could_be_told_the_office_still_is() {
        let lines = measured(Some(false), None).lines(Timestamp::UNIX_EPOCH);
        assert!(lines[0].contains("\"OfficeClosed\":0"));
        assert!(!lines[0].contains("PostingBacklog"));
    }
}
