//! Everything the account holds, and what follows from it.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::Map;

use super::config::{Currency, Item, ItemKind, NetSuiteConfig};
use super::record::{Kind, Line, Record};

/// How a path names a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Id(u64),
    External(String),
}

impl Key {
    /// `123` or `eid:UK-1-SO`; anything else names nothing.
    pub(super) fn of_path(text: &str) -> Option<Self> {
        match text.strip_prefix("eid:") {
            Some(external) => Some(Self::External(external.to_owned())),
            None => text.parse().ok().map(Self::Id),
        }
    }
}

/// The account's state.
pub(super) struct Books {
    pub(super) config: NetSuiteConfig,
    pub(super) tokens: HashMap<String, Timestamp>,
    records: BTreeMap<u64, Record>,
    external_ids: HashMap<(Kind, String), u64>,
    /// From an order, a deposit or an invoice to the documents that refer to it.
    links: HashMap<u64, Vec<u64>>,
    stock: HashMap<(u64, u64), Decimal>,
    numbers: HashMap<Kind, u64>,
    last_id: u64,
}

/// The configured lists use the ids below.
const FIRST_FREE_ID: u64 = 10_000;

impl Books {
    pub(super) fn new(config: NetSuiteConfig, now: Timestamp) -> Self {
        let mut books = Self {
            tokens: HashMap::new(),
            records: BTreeMap::new(),
            external_ids: HashMap::new(),
            links: HashMap::new(),
            stock: HashMap::new(),
            numbers: HashMap::new(),
            last_id: FIRST_FREE_ID,
            config,
        };
        for item in &mut books.config.items {
            item.modified_at.get_or_insert(now);
        }
        for stock in &books.config.stock {
            *books.stock.entry((stock.item, stock.location)).or_default() += Decimal::from(stock.quantity);
        }
        for customer in books.config.customers.clone() {
            let mut record = Record::blank(Kind::Customer, customer.id, now);
            record.external_id = Some(customer.external_id);
            record.currency = Some(customer.currency);
            record.subsidiary = Some(customer.subsidiary);
            record.other = Map::from_iter([("companyName".to_owned(), customer.name.into())]);
            books.last_id = books.last_id.max(customer.id);
            books.commit(record);
        }
        books
    }

    /// Forgets every record but those of the configuration. Ids are not given out again, and callers stay signed in:
    /// they cache both.
    pub(super) fn forget(&mut self, now: Timestamp) {
        let fresh = Self::new(self.config.clone(), now);
        let old = std::mem::replace(self, fresh);
        self.tokens = old.tokens;
        self.last_id = old.last_id;
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.values()
    }

    pub(super) fn get(&self, kind: Kind, id: u64) -> Option<&Record> {
        self.records.get(&id).filter(|record| record.kind == kind)
    }

    /// A record of any kind.
    pub(super) fn any(&self, id: u64) -> Option<&Record> {
        self.records.get(&id)
    }

    pub(super) fn find(&self, kind: Kind, key: &Key) -> Option<&Record> {
        match key {
            Key::Id(id) => self.get(kind, *id),
            Key::External(external) => {
                let id = self.external_ids.get(&(kind, external.clone()))?;
                self.get(kind, *id)
            }
        }
    }

    pub(super) fn currency(&self, id: u64) -> Option<&Currency> {
        self.config.currencies.iter().find(|currency| currency.id == id)
    }

    /// The decimals of a record's currency.
    pub(super) fn decimals(&self, record: &Record) -> u32 {
        record.currency.and_then(|id| self.currency(id)).map_or(2, |currency| currency.decimals)
    }

    pub(super) fn item(&self, id: u64) -> Option<&Item> {
        self.config.items.iter().find(|item| item.id == id)
    }

    pub(super) fn is_shippable(&self, item: u64) -> bool {
        self.item(item).is_some_and(|item| item.kind == ItemKind::Inventory)
    }

    /// Whether stock is kept of it: of a kit, it is of its members.
    pub(super) fn is_stocked(&self, item: u64) -> bool {
        self.is_shippable(item) && self.item(item).is_some_and(|item| item.components.is_empty())
    }

    /// The documents of a kind that refer to this one.
    pub(super) fn referring(&self, id: u64, kind: Kind) -> impl Iterator<Item = &Record> {
        let ids = self.links.get(&id).map(Vec::as_slice).unwrap_or_default();
        ids.iter().filter_map(move |id| self.get(kind, *id))
    }

    /// Units of an order's line on fulfilments other than `except`.
    pub(super) fn fulfilled(&self, order: u64, line: u32, except: u64) -> Decimal {
        self.referring(order, Kind::ItemFulfillment)
            .filter(|fulfilment| fulfilment.id != except)
            .map(|fulfilment| fulfilment.quantity_of(line))
            .sum()
    }

    /// Units of an order's line that have left: picked and packed ones have not.
    pub(super) fn shipped(&self, order: u64, line: u32) -> Decimal {
        self.referring(order, Kind::ItemFulfillment)
            .filter(|fulfilment| fulfilment.stage == 'C')
            .map(|fulfilment| fulfilment.quantity_of(line))
            .sum()
    }

    /// Units of an order's line on invoices other than `except`.
    pub(super) fn invoiced(&self, order: u64, line: u32, except: u64) -> Decimal {
        self.referring(order, Kind::Invoice)
            .filter(|invoice| invoice.id != except)
            .map(|invoice| invoice.quantity_of(line))
            .sum()
    }

    /// Shipping of an order that is on invoices.
    pub(super) fn shipping_invoiced(&self, order: u64) -> Decimal {
        self.referring(order, Kind::Invoice).map(|invoice| invoice.shipping).sum()
    }

    /// What was set against an invoice by documents other than `except`.
    pub(super) fn paid(&self, invoice: u64, except: u64) -> Decimal {
        let on_invoice = |record: &Record| {
            record
                .applied
                .iter()
                .filter(|applied| applied.doc == invoice)
                .map(|applied| applied.amount)
                .sum::<Decimal>()
        };
        [Kind::DepositApplication, Kind::CustomerPayment, Kind::CreditMemo]
            .into_iter()
            .flat_map(|kind| self.referring(invoice, kind))
            .filter(|record| record.id != except)
            .map(on_invoice)
            .sum()
    }

    /// What is still owed on an invoice.
    pub(super) fn open_amount(&self, invoice: &Record) -> Decimal {
        invoice.total() - self.paid(invoice.id, 0)
    }

    /// What applications and refunds other than `except` took from a deposit.
    pub(super) fn deposit_used(&self, deposit: u64, except: u64) -> Decimal {
        let applied: Decimal = self
            .referring(deposit, Kind::DepositApplication)
            .filter(|application| application.id != except)
            .map(Record::applied_total)
            .sum();
        let refunded: Decimal = self
            .referring(deposit, Kind::CustomerRefund)
            .filter(|refund| refund.id != except)
            .flat_map(|refund| &refund.deposits)
            .filter(|refunded| refunded.deposit == deposit)
            .map(|refunded| refunded.amount)
            .sum();
        applied + refunded
    }

    /// What refunds other than `except` paid out of a credit memo.
    pub(super) fn refunded(&self, memo: u64, except: u64) -> Decimal {
        self.referring(memo, Kind::CustomerRefund)
            .filter(|refund| refund.id != except)
            .flat_map(|refund| &refund.applied)
            .filter(|applied| applied.doc == memo)
            .map(|applied| applied.amount)
            .sum()
    }

    /// What of a credit memo neither settles an invoice nor was paid out.
    pub(super) fn open_credit(&self, memo: &Record, except: u64) -> Decimal {
        memo.total() - memo.applied_total() - self.refunded(memo.id, except)
    }

    /// What is open of an invoice or left of a credit memo when a document is not counted.
    pub(super) fn open_of(&self, record: &Record, except: u64) -> Decimal {
        if record.kind == Kind::CreditMemo {
            self.open_credit(record, except)
        } else {
            record.total() - self.paid(record.id, except)
        }
    }

    /// Units of an order's line that return authorizations other than `except` take; of a closed line, what came.
    pub(super) fn authorized(&self, order: u64, line: u32, except: u64) -> Decimal {
        self.referring(order, Kind::ReturnAuthorization)
            .filter(|authorization| authorization.id != except)
            .flat_map(|authorization| authorization.lines.iter().map(move |line| (authorization, line)))
            .filter(|(_, taken)| taken.order_line == Some(line))
            .map(|(authorization, taken)| match taken.closed {
                true => self.taken(authorization.id, (Kind::ItemReceipt, taken.number), 0),
                false => taken.quantity,
            })
            .sum()
    }

    /// Units of a return authorization's line on receipts or credit memos other than `except`.
    pub(super) fn taken(&self, authorization: u64, by: (Kind, u32), except: u64) -> Decimal {
        let (kind, line) = by;
        self.referring(authorization, kind)
            .filter(|document| document.id != except)
            .map(|document| document.quantity_of(line))
            .sum()
    }

    pub(super) fn in_stock(&self, item: u64, location: u64) -> Decimal {
        self.stock.get(&(item, location)).copied().unwrap_or_default()
    }

    pub(super) fn receive_stock(&mut self, item: u64, location: u64, quantity: Decimal) {
        *self.stock.entry((item, location)).or_default() += quantity;
    }

    /// Stores a record that passed the rules; a new one gets its number.
    pub(super) fn commit(&mut self, mut record: Record) {
        if record.tran_id.is_empty() {
            let number = self.numbers.entry(record.kind).or_insert(1000);
            *number += 1;
            record.tran_id = format!("{}{number}", record.kind.number_prefix());
        }
        if let Some(external) = &record.external_id {
            self.external_ids.insert((record.kind, external.clone()), record.id);
        }
        for at in 0..record.deposits.len() {
            let application = self.next_id();
            if let Some(refunded) = record.deposits.get_mut(at).filter(|refunded| refunded.application == 0) {
                refunded.application = application;
            }
        }
        self.link(&record);
        self.move_stock(&record);
        self.records.insert(record.id, record);
    }

    fn link(&mut self, record: &Record) {
        let referred = [record.created_from, record.sales_order]
            .into_iter()
            .flatten()
            .chain(record.applied.iter().map(|applied| applied.doc))
            .chain(record.deposits.iter().map(|refunded| refunded.deposit));
        for id in referred {
            let documents = self.links.entry(id).or_default();
            if !documents.contains(&record.id) {
                documents.push(record.id);
            }
        }
    }

    fn move_stock(&mut self, record: &Record) {
        let undone = self.records.get(&record.id).map(|before| self.stock_moves(before)).unwrap_or_default();
        let done = self.stock_moves(record);
        for (moves, sign) in [(undone, -Decimal::ONE), (done, Decimal::ONE)] {
            for (item, location, quantity) in moves {
                *self.stock.entry((item, location)).or_default() += sign * quantity;
            }
        }
    }

    /// Item, location and units that a document moves.
    fn stock_moves(&self, record: &Record) -> Vec<(u64, u64, Decimal)> {
        let sign = if record.kind == Kind::ItemFulfillment { -Decimal::ONE } else { Decimal::ONE };
        let mut moves = Vec::new();
        for line in record.lines.iter().filter(|line| self.moves_stock(record, line)) {
            for (item, units) in self.parts(line.item, line.quantity) {
                let from = if record.kind == Kind::InventoryTransfer { -units } else { sign * units };
                moves.extend(line.location.or(record.location).map(|location| (item, location, from)));
                moves.extend(record.transfer_location.map(|location| (item, location, units)));
            }
        }
        moves
    }

    /// The units that stock is kept of: of a kit, those of its members.
    pub(super) fn parts(&self, item: u64, quantity: Decimal) -> Vec<(u64, Decimal)> {
        let members = self.item(item).map(|item| item.components.as_slice()).unwrap_or_default();
        let known = |sku: &str| self.config.items.iter().find(|item| item.sku == sku).map(|item| item.id);
        if members.is_empty() {
            return vec![(item, quantity)];
        }
        let parts = members.iter().filter_map(|member| Some((known(&member.sku)?, member)));
        parts.map(|(id, member)| (id, quantity * Decimal::from(member.quantity))).collect()
    }

    /// Every item and location of which stock is known, with its units.
    pub(super) fn stock(&self) -> impl Iterator<Item = (u64, u64, Decimal)> {
        self.stock.iter().map(|((item, location), units)| (*item, *location, *units))
    }

    /// Whether a line moves stock. Stock comes back by an item receipt, or by a credit memo for goods that no return
    /// authorization names: never say both of one return.
    pub(super) fn moves_stock(&self, record: &Record, line: &Line) -> bool {
        match record.kind {
            Kind::ItemFulfillment | Kind::InventoryAdjustment | Kind::InventoryTransfer => true,
            Kind::ItemReceipt => line.restock,
            Kind::CreditMemo => line.order_line.is_none() && self.is_shippable(line.item),
            Kind::Customer
            | Kind::SalesOrder
            | Kind::CustomerDeposit
            | Kind::Invoice
            | Kind::DepositApplication
            | Kind::CustomerPayment
            | Kind::ReturnAuthorization
            | Kind::CustomerRefund
            | Kind::JournalEntry => false,
        }
    }
}
