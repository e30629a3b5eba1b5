//! Every metric that Crossdock emits. `docs/operations/metrics.md` says of each who emits it and what it is for.

use crossdock_step::batch::Measured;
use crossdock_step::telemetry::{Metric, Tally, Unit};

/// The dimension of what is told apart by kind of task.
const TASK: &str = "task";

/// The dimension of what is told apart by class of failure or reason.
const CLASS: &str = "class";

/// The dimension of amounts.
const CURRENCY: &str = "currency";

const fn count(name: &'static str) -> Metric {
    Metric::new(name, Unit::Count)
}

const fn seconds(name: &'static str) -> Metric {
    Metric::new(name, Unit::Seconds)
}

const fn percent(name: &'static str) -> Metric {
    Metric::new(name, Unit::Percent)
}

macro_rules! metrics {
    ($($(#[$doc:meta])* $name:ident = $metric:expr;)*) => {
        $($(#[$doc])* pub const $name: Metric = $metric;)*
        /// All of them.
        pub const ALL: &[Metric] = &[$($name),*];
    };
}

metrics! {
    /// How long a step took over one task, the call of the outside system included.
    TASK_MILLISECONDS = Metric::new("TaskMilliseconds", Unit::Milliseconds).by(TASK);
    /// How long a task had been owed when it was done. Of `issue_refund` it is a refund's cycle time, of
    /// `announce_shipment` the time until a buyer is told.
    TASK_AGE_SECONDS = seconds("TaskAgeSeconds").by(TASK);
    /// Messages that went back to their queue to be tried again.
    MESSAGES_RETRIED = count("MessagesRetried");
    /// Messages that were put back whole, because their connection is paused.
    MESSAGES_PUT_BACK = count("MessagesPutBack");
    /// Messages that no retry will help.
    MESSAGES_FAILED = count("MessagesFailed").by(CLASS);

    /// Orders accepted.
    ORDERS_ACCEPTED = count("OrdersAccepted");
    /// Orders refused.
    ORDERS_REFUSED = count("OrdersRefused");
    /// Orders held, each time.
    ORDERS_HELD = count("OrdersHeld");
    /// Orders completed, each time: a return opens an order again.
    ORDERS_COMPLETED = count("OrdersCompleted");
    /// Totals of the accepted orders.
    REVENUE_MINOR = Metric::new("RevenueMinor", Unit::Minor).by(CURRENCY);
    /// From the buyer's click to the first allocation.
    CLICK_TO_ALLOCATE_SECONDS = seconds("ClickToAllocateSeconds");
    /// From the buyer's click until the first parcel left.
    CLICK_TO_SHIP_SECONDS = seconds("ClickToShipSeconds");
    /// From the buyer's click to the invoice of the first shipment.
    CLICK_TO_INVOICE_SECONDS = seconds("ClickToInvoiceSeconds");
    /// From a parcel's leaving until we knew of it.
    SHIPMENT_NEWS_SECONDS = seconds("ShipmentNewsSeconds");
    /// What came to need a person, once when it began.
    EXCEPTIONS_RAISED = count("ExceptionsRaised").by(CLASS);
    /// Tasks given up for now, those that wait for stock included.
    TASKS_PARKED = count("TasksParked").by(TASK);
    /// Tasks that were late and were triggered again.
    TASKS_OVERDUE = count("TasksOverdue").by(TASK);
    /// How old the oldest commit of a batch was when it was published.
    PUBLISHING_LAG_SECONDS = seconds("PublishingLagSeconds");

    /// Levels of stock that a storefront shows now.
    STOCK_LEVELS_SHOWN = count("StockLevelsShown");
    /// For how long a storefront showed what was not so any more.
    STOCK_PUBLICATION_LAG_SECONDS = seconds("StockPublicationLagSeconds");

    /// Orders of which a storefront shows something that no webhook told.
    MISSED_NEWS = count("MissedNews");

    /// Units that differ between systems, unexplained.
    INVENTORY_DRIFT_UNITS = count("InventoryDriftUnits");
    /// SKUs of which they are.
    INVENTORY_DRIFT_SKUS = count("InventoryDriftSkus");
    /// Differences that are on their way.
    INVENTORY_DRIFT_PENDING = count("InventoryDriftPending");
    /// SKUs that could not be compared.
    INVENTORY_DRIFT_EXCLUDED = count("InventoryDriftExcluded");

    /// 1 while nobody of the office is to be woken, otherwise 0.
    OFFICE_CLOSED = count("OfficeClosed");
    /// Documents that the ERP does not have yet.
    POSTING_BACKLOG = count("PostingBacklog");
    /// For how long the oldest of them has been owed.
    POSTING_OLDEST_SECONDS = seconds("PostingOldestSeconds");
    /// Documents that the ERP has, of those that it was to have by now.
    POSTING_COMPLETENESS_PERCENT = percent("PostingCompletenessPercent");
    /// Orders with something outstanding that a buyer sees.
    IN_FLIGHT_CUSTOMER_FACING = count("InFlightCustomerFacing");
    /// Orders with something outstanding in the warehouse.
    IN_FLIGHT_FULFILMENT = count("InFlightFulfilment");
    /// Orders with something outstanding in the books.
    IN_FLIGHT_FINANCIAL = count("InFlightFinancial");
    /// Exceptions that a buyer feels.
    OPEN_EXCEPTIONS_CUSTOMER_FACING = count("OpenExceptionsCustomerFacing");
    /// Exceptions of the warehouse.
    OPEN_EXCEPTIONS_FULFILMENT = count("OpenExceptionsFulfilment");
    /// Exceptions of the books.
    OPEN_EXCEPTIONS_FINANCIAL = count("OpenExceptionsFinancial");
    /// Storefronts that do not answer.
    CONNECTIONS_DOWN_CUSTOMER_FACING = count("ConnectionsDownCustomerFacing");
    /// 3PLs that do not answer.
    CONNECTIONS_DOWN_FULFILMENT = count("ConnectionsDownFulfilment");
    /// ERPs that do not answer.
    CONNECTIONS_DOWN_FINANCIAL = count("ConnectionsDownFinancial");
    /// Orders that may miss their cut-off.
    ORDERS_AT_RISK = count("OrdersAtRisk");
    /// Orders that have missed it and have not left.
    CUT_OFFS_MISSED = count("CutOffsMissed");
    /// Buyers who were not told in time that their parcel has left.
    CUSTOMERS_NOT_TOLD = count("CustomersNotTold");
    /// Refunds that are decided, late, and not paid.
    REFUNDS_UNPAID = count("RefundsUnpaid");
    /// Orders that no person had to touch, of those completed.
    TOUCHLESS_PERCENT = percent("TouchlessPercent");
}

/// What a queue's batch counts.
#[must_use]
pub const fn of_batch(tally: &Tally) -> Measured<'_> {
    Measured { tally, retried: MESSAGES_RETRIED, put_back: MESSAGES_PUT_BACK, failed: MESSAGES_FAILED }
}
