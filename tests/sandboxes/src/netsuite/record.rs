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
    ReturnAuthorization,
    ItemReceipt,
    CreditMemo,
    CustomerRefund,
    InventoryAdjustment,
    InventoryTransfer,
    JournalEntry,
}

impl Kind {
    pub(super) const ALL: [Self; 14] = [
        Self::Customer,
        Self::SalesOrder,
        Self::CustomerDeposit,
        Self::ItemFulfillment,
        Self::Invoice,
        Self::DepositApplication,
        Self::CustomerPayment,
        Self::ReturnAuthorization,
        Self::ItemReceipt,
        Self::CreditMemo,
        Self::CustomerRefund,
        Self::InventoryAdjustment,
        Self::InventoryTransfer,
        Self::JournalEntry,
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
            Self::ReturnAuthorization => "returnAuthorization",
            Self::ItemReceipt => "itemReceipt",
            Self::CreditMemo => "creditMemo",
            Self::CustomerRefund => "customerRefund",
            Self::InventoryAdjustment => "inventoryAdjustment",
            Self::InventoryTransfer => "inventoryTransfer",
            Self::JournalEntry => "journalEntry",
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
            Self::ReturnAuthorization => "RMA",
            Self::ItemReceipt => "IR",
            Self::CreditMemo => "CM",
            Self::CustomerRefund => "CR",
            Self::InventoryAdjustment => "IA",
            Self::InventoryTransfer => "IT",
            Self::JournalEntry => "JE",
        }
    }

    /// Whether the record moves the general ledger and so needs an open period.
    pub(super) fn posts(self) -> bool {
        match self {
            Self::Customer | Self::SalesOrder | Self::ReturnAuthorization => false,
            Self::CustomerDeposit
            | Self::ItemFulfillment
            | Self::Invoice
            | Self::DepositApplication
            | Self::CustomerPayment
            | Self::ItemReceipt
            | Self::CreditMemo
            | Self::CustomerRefund
            | Self::InventoryAdjustment
            | Self::InventoryTransfer
            | Self::JournalEntry => true,
        }
    }

    /// Whether the record comes into being only by transforming another one.
    pub(super) fn only_by_transform(self) -> bool {
        matches!(self, Self::ItemFulfillment | Self::DepositApplication | Self::ReturnAuthorization | Self::ItemReceipt)
    }

    /// The body field that names the customer.
    pub(super) fn customer_field(self) -> &'static str {
        match self {
            Self::CustomerDeposit | Self::CustomerPayment | Self::DepositApplication | Self::CustomerRefund => {
                "customer"
            }
            Self::Customer
            | Self::SalesOrder
            | Self::ItemFulfillment
            | Self::Invoice
            | Self::ReturnAuthorization
            | Self::ItemReceipt
            | Self::CreditMemo
            | Self::InventoryAdjustment
            | Self::InventoryTransfer
            | Self::JournalEntry => "entity",
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
    /// Where a transfer goes to.
    pub(super) transfer_location: Option<u64>,
    pub(super) tran_date: Date,
    /// Sales order and return authorization: `A` pending approval, `B` approved. Fulfilment: `A` picked, `B` packed,
    /// `C` shipped.
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
    /// The deposits that a refund pays back.
    pub(super) deposits: Vec<DepositRefund>,
    /// The sides of a journal entry.
    pub(super) sides: Vec<Side>,
    /// Fields that are kept and given back without meaning anything here.
    pub(super) other: Map<String, Value>,
    pub(super) created_at: Timestamp,
    pub(super) modified_at: Timestamp,
}

/// A line of goods or services. On an inventory adjustment the quantity may be below zero.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) number: u32,
    /// The line of the source that this one came from: of the order, or of the return authorization.
    pub(super) order_line: Option<u32>,
    pub(super) item: u64,
    pub(super) quantity: Decimal,
    pub(super) rate: Option<Decimal>,
    pub(super) amount: Decimal,
    pub(super) location: Option<u64>,
    pub(super) tax_reference: String,
    pub(super) closed: bool,
    /// Whether a receipt puts the units into stock; otherwise they are written off.
    pub(super) restock: bool,
    pub(super) other: Map<String, Value>,
}

impl Line {
    pub(super) fn blank(number: u32, record: u64) -> Self {
        Self {
            number,
            order_line: None,
            item: 0,
            quantity: Decimal::ZERO,
            rate: None,
            amount: Decimal::ZERO,
            location: None,
            tax_reference: format!("{record}_{number}"),
            closed: false,
            restock: true,
            other: Map::new(),
        }
    }
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

/// An amount set against an invoice; on a refund, against a credit memo.
#[derive(Clone, Debug)]
pub(super) struct Applied {
    pub(super) doc: u64,
    pub(super) amount: Decimal,
}

/// An amount of a deposit that a refund pays back.
#[derive(Clone, Debug)]
pub(super) struct DepositRefund {
    pub(super) deposit: u64,
    pub(super) amount: Decimal,
    /// The deposit application that the refund shows in place of the deposit; 0 until the refund is stored.
    pub(super) application: u64,
}

/// One side of a journal entry; a credit is below zero.
#[derive(Clone, Debug)]
pub(super) struct Side {
    pub(super) number: u32,
    pub(super) account: u64,
    pub(super) amount: Decimal,
    pub(super) other: Map<String, Value>,
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
            transfer_location: None,
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
            deposits: Vec::new(),
            sides: Vec::new(),
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

    /// What a refund pays back of deposits.
    pub(super) fn deposit_total(&self) -> Decimal {
        self.deposits.iter().map(|refunded| refunded.amount).sum()
    }

    /// What the document is worth.
    pub(super) fn total(&self) -> Decimal {
        match self.kind {
            Kind::SalesOrder | Kind::Invoice | Kind::ReturnAuthorization | Kind::CreditMemo => {
                self.subtotal() + self.shipping + self.tax_total()
            }
            Kind::CustomerDeposit | Kind::CustomerPayment => self.payment,
            Kind::DepositApplication => self.applied_total(),
            Kind::CustomerRefund => self.applied_total() + self.deposit_total(),
            Kind::JournalEntry => self.sides.iter().map(|side| side.amount.max(Decimal::ZERO)).sum(),
            Kind::Customer
            | Kind::ItemFulfillment
            | Kind::ItemReceipt
            | Kind::InventoryAdjustment
            | Kind::InventoryTransfer => Decimal::ZERO,
        }
    }

    /// What a tax reference is charged on; none when no line has that reference.
    pub(super) fn taxable(&self, reference: &str) -> Option<Decimal> {
        if reference == SHIPPING_REFERENCE {
            return Some(self.shipping);
        }
        self.lines.iter().find(|line| line.tax_reference == reference).map(|line| line.amount)
    }

    /// How much of the source's line this document takes.
    pub(super) fn quantity_of(&self, order_line: u32) -> Decimal {
        self.lines.iter().filter(|line| line.order_line == Some(order_line)).map(|line| line.quantity).sum()
    }
}

/// Rounds half up (away from zero), as the tax engine does.
pub(super) fn half_up(amount: Decimal, decimals: u32) -> Decimal {
    amount.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero)
}
