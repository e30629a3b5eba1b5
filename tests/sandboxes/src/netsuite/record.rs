//! Records as the account holds them, and the sums that follow from them.

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Map, Value};

/// The record types that are simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    Customer,
    SalesOrder,
    CustomerDeposit,
    ItemFulfillment,
    Invoice,
    DepositApplication,
    CustomerPayment,
}

impl Kind {
    pub(super) const ALL: [Self; 7] = [
        Self::Customer,
        Self::SalesOrder,
        Self::CustomerDeposit,
        Self::ItemFulfillment,
        Self::Invoice,
        Self::DepositApplication,
        Self::CustomerPayment,
    ];

    /// The record type of a path; the real service does not mind the case.
    pub(super) fn of_path(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::SalesOrder => "salesOrder",
            Self::CustomerDeposit => "customerDeposit",
            Self::ItemFulfillment => "itemFulfillment",
            Self::Invoice => "invoice",
            Self::DepositApplication => "depositApplication",
            Self::CustomerPayment => "customerPayment",
        }
    }

    pub(super) fn number_prefix(self) -> &'static str {
        match self {
            Self::Customer => "CUST",
            Self::SalesOrder => "SO",
            Self::CustomerDeposit => "CD",
            Self::ItemFulfillment => "IF",
            Self::Invoice => "INV",
            Self::DepositApplication => "DA",
            Self::CustomerPayment => "PYMT",
        }
    }

    /// Whether the record moves the general ledger and so needs an open period.
    pub(super) fn posts(self) -> bool {
        match self {
            Self::Customer | Self::SalesOrder => false,
            Self::CustomerDeposit
            | Self::ItemFulfillment
            | Self::Invoice
            | Self::DepositApplication
            | Self::CustomerPayment => true,
        }
    }

    /// Whether the record comes into being only by transforming another one.
    pub(super) fn only_by_transform(self) -> bool {
        matches!(self, Self::ItemFulfillment | Self::DepositApplication)
    }

    /// The body field that names the customer.
    pub(super) fn customer_field(self) -> &'static str {
        match self {
            Self::CustomerDeposit | Self::CustomerPayment | Self::DepositApplication => "customer",
            Self::Customer | Self::SalesOrder | Self::ItemFulfillment | Self::Invoice => "entity",
        }
    }
}

/// One record.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) id: u64,
    pub(super) kind: Kind,
    pub(super) external_id: Option<String>,
    pub(super) tran_id: String,
    pub(super) created_from: Option<u64>,
    pub(super) entity: Option<u64>,
    pub(super) subsidiary: Option<u64>,
    pub(super) currency: Option<u64>,
    pub(super) location: Option<u64>,
    pub(super) tran_date: Date,
    /// Sales order: `A` pending approval, `B` approved. Fulfilment: `A` picked, `B` packed, `C` shipped.
    pub(super) stage: char,
    pub(super) shipping: Decimal,
    pub(super) lines: Vec<Line>,
    pub(super) tax_override: bool,
    pub(super) tax: Vec<TaxDetail>,
    /// What a deposit or a payment brought in.
    pub(super) payment: Decimal,
    /// Where it arrived; none is undeposited funds.
    pub(super) account: Option<u64>,
    /// The sales order that a deposit was made for.
    pub(super) sales_order: Option<u64>,
    pub(super) applied: Vec<Applied>,
    /// Fields that are kept and given back without meaning anything here.
    pub(super) other: Map<String, Value>,
    pub(super) created_at: Timestamp,
    pub(super) modified_at: Timestamp,
}

/// A line of an order, fulfilment or invoice.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) number: u32,
    /// The order's line that this one came from.
    pub(super) order_line: Option<u32>,
    pub(super) item: u64,
    pub(super) quantity: Decimal,
    pub(super) rate: Option<Decimal>,
    pub(super) amount: Decimal,
    pub(super) location: Option<u64>,
    pub(super) tax_reference: String,
    pub(super) closed: bool,
    pub(super) other: Map<String, Value>,
}

/// One tax on one line or on shipping.
#[derive(Clone, Debug)]
pub(super) struct TaxDetail {
    pub(super) reference: String,
    pub(super) tax_type: Option<u64>,
    pub(super) code: u64,
    pub(super) basis: Decimal,
    /// Per cent.
    pub(super) rate: Decimal,
    pub(super) amount: Decimal,
}

/// An amount set against an invoice.
#[derive(Clone, Debug)]
pub(super) struct Applied {
    pub(super) invoice: u64,
    pub(super) amount: Decimal,
}

/// The reference of shipping in the tax details.
pub(super) const SHIPPING_REFERENCE: &str = "SHIPPING";

impl Record {
    pub(super) fn blank(kind: Kind, id: u64, now: Timestamp) -> Self {
        Self {
            id,
            kind,
            external_id: None,
            tran_id: String::new(),
            created_from: None,
            entity: None,
            subsidiary: None,
            currency: None,
            location: None,
            tran_date: now.to_zoned_datetime(jiff::tz::TimeZone::UTC).date(),
            stage: 'A',
            shipping: Decimal::ZERO,
            lines: Vec::new(),
            tax_override: false,
            tax: Vec::new(),
            payment: Decimal::ZERO,
            account: None,
            sales_order: None,
            applied: Vec::new(),
            other: Map::new(),
            created_at: now,
            modified_at: now,
        }
    }

    pub(super) fn line(&self, number: u32) -> Option<&Line> {
        self.lines.iter().find(|line| line.number == number)
    }

    pub(super) fn next_line_number(&self) -> u32 {
        self.lines.iter().map(|line| line.number).max().unwrap_or(0) + 1
    }

    pub(super) fn subtotal(&self) -> Decimal {
        self.lines.iter().map(|line| line.amount).sum()
    }

    pub(super) fn tax_total(&self) -> Decimal {
        self.tax.iter().map(|tax| tax.amount).sum()
    }

    pub(super) fn applied_total(&self) -> Decimal {
        self.applied.iter().map(|applied| applied.amount).sum()
    }

    /// What the document is worth.
    pub(super) fn total(&self) -> Decimal {
        match self.kind {
            Kind::SalesOrder | Kind::Invoice => self.subtotal() + self.shipping + self.tax_total(),
            Kind::CustomerDeposit | Kind::CustomerPayment => self.payment,
            Kind::DepositApplication => self.applied_total(),
            Kind::Customer | Kind::ItemFulfillment => Decimal::ZERO,
        }
    }

    /// What a tax reference is charged on; none when no line has that reference.
    pub(super) fn taxable(&self, reference: &str) -> Option<Decimal> {
        if reference == SHIPPING_REFERENCE {
            return Some(self.shipping);
        }
        self.lines.iter().find(|line| line.tax_reference == reference).map(|line| line.amount)
    }

    /// How much of an order's line this fulfilment or invoice takes.
    pub(super) fn quantity_of(&self, order_line: u32) -> Decimal {
        self.lines.iter().filter(|line| line.order_line == Some(order_line)).map(|line| line.quantity).sum()
    }
}

/// Rounds half up (away from zero), as the tax engine does.
pub(super) fn half_up(amount: Decimal, decimals: u32) -> Decimal {
    amount.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero)
}
