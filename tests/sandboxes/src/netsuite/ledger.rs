//! The general ledger: double entry in minor units, derived from the documents, so that it cannot drift from them.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Value, json};

use super::books::Books;
use super::config::Named;
use super::record::{Kind, Record, SHIPPING_REFERENCE};

/// One side of a posting: debits are positive, credits negative.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Posting {
    account: String,
    minor: i64,
}

/// What one document moved, in one currency.
struct Entry<'a> {
    record: &'a Record,
    currency: u64,
    postings: Vec<Posting>,
}

impl Entry<'_> {
    fn sum(&self) -> i64 {
        self.postings.iter().map(|posting| posting.minor).sum()
    }
}

/// The trial balance per currency and the entries behind it.
///
/// Balances stand on their account's natural side: assets and expenses (receivables, clearing, inventory, cogs) as
/// debits, deposits, liabilities and income (deposits, `liability:…`, revenue, shipping, tax, rounding …) as credits.
pub(super) fn trial_balance(books: &Books) -> Value {
    let mut currencies: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    let mut shown = Vec::new();
    for entry in books.records().flat_map(|record| entries(books, record)) {
        let symbol = symbol(books, entry.currency);
        debug_assert_eq!(entry.sum(), 0, "{} does not balance", entry.record.tran_id);
        *sums.entry(symbol.clone()).or_default() += entry.sum();
        let accounts = currencies.entry(symbol.clone()).or_insert_with(empty_accounts);
        for posting in &entry.postings {
            *accounts.entry(posting.account.clone()).or_default() += natural(posting);
        }
        shown.push(show(&entry, &symbol));
    }
    let currencies: BTreeMap<String, Value> = currencies
        .into_iter()
        .map(|(symbol, accounts)| {
            let balanced = sums.get(&symbol) == Some(&0) && is_balanced(&accounts);
            (symbol, json!({ "accounts": accounts, "balanced": balanced }))
        })
        .collect();
    json!({ "currencies": currencies, "entries": shown })
}

fn empty_accounts() -> BTreeMap<String, i64> {
    ["receivables", "deposits", "revenue", "shipping", "rounding"]
        .map(|account| (account.to_owned(), 0))
        .into_iter()
        .collect()
}

fn is_balanced(accounts: &BTreeMap<String, i64>) -> bool {
    accounts.iter().map(|(account, balance)| if is_debit_account(account) { *balance } else { -balance }).sum::<i64>()
        == 0
}

fn is_debit_account(account: &str) -> bool {
    matches!(account, "receivables" | "cogs" | "inventory" | "adjustment" | "disputes" | "dispute_losses")
        || account.starts_with("clearing:")
}

fn natural(posting: &Posting) -> i64 {
    if is_debit_account(&posting.account) { posting.minor } else { -posting.minor }
}

fn show(entry: &Entry<'_>, symbol: &str) -> Value {
    let lines: Vec<Value> = entry
        .postings
        .iter()
        .map(|posting| {
            json!({
                "account": posting.account,
                "debit": posting.minor.max(0),
                "credit": (-posting.minor).max(0),
            })
        })
        .collect();
    json!({
        "record": entry.record.kind.name(),
        "id": entry.record.id.to_string(),
        "externalId": entry.record.external_id,
        "tranId": entry.record.tran_id,
        "tranDate": entry.record.tran_date.to_string(),
        "currency": symbol,
        "lines": lines,
    })
}

/// What a document moved: amounts in its own currency, stock in the subsidiary's.
fn entries<'a>(books: &Books, record: &'a Record) -> Vec<Entry<'a>> {
    let base = base_currency(books, record);
    let (currency, amounts) = match record.kind {
        Kind::Customer | Kind::SalesOrder | Kind::ReturnAuthorization => return Vec::new(),
        // Stock that goes elsewhere is worth the same there.
        Kind::InventoryTransfer => return Vec::new(),
        Kind::CustomerDeposit => (record.currency, deposit(books, record)),
        Kind::ItemFulfillment => (base, if record.stage == 'C' { cost(books, record, "cogs") } else { Vec::new() }),
        Kind::Invoice => (record.currency, invoice(books, record)),
        Kind::DepositApplication => (record.currency, moved("deposits", record)),
        Kind::CustomerPayment => (record.currency, payment(books, record)),
        Kind::ItemReceipt => (base, reversed(cost(books, record, "cogs"))),
        Kind::CreditMemo => (record.currency, reversed(invoice(books, record))),
        Kind::CustomerRefund => (record.currency, refund(books, record)),
        Kind::InventoryAdjustment => (base, reversed(cost(books, record, &clearing(books, record)))),
        Kind::JournalEntry => (record.currency, journal(books, record)),
    };
    let stock = if record.kind == Kind::CreditMemo { reversed(cost(books, record, "cogs")) } else { Vec::new() };
    [(currency, amounts), (base, stock)]
        .into_iter()
        .filter_map(|(currency, amounts)| entry(books, record, (currency?, amounts)))
        .collect()
}

fn entry<'a>(books: &Books, record: &'a Record, moved: (u64, Vec<(String, Decimal)>)) -> Option<Entry<'a>> {
    let (currency, amounts) = moved;
    let decimals = books.currency(currency)?.decimals;
    let postings: Vec<Posting> = amounts
        .into_iter()
        .filter(|(_, amount)| !amount.is_zero())
        .map(|(account, amount)| Posting { account, minor: minor(amount, decimals) })
        .collect();
    (!postings.is_empty()).then_some(Entry { record, currency, postings })
}

fn reversed(amounts: Vec<(String, Decimal)>) -> Vec<(String, Decimal)> {
    amounts.into_iter().map(|(account, amount)| (account, -amount)).collect()
}

fn deposit(books: &Books, record: &Record) -> Vec<(String, Decimal)> {
    vec![(clearing(books, record), record.payment), ("deposits".to_owned(), -record.payment)]
}

/// Informative: what the units that a document moves cost, at a fixed cost per unit, from stock to `account`.
fn cost(books: &Books, record: &Record, account: &str) -> Vec<(String, Decimal)> {
    let decimals =
        base_currency(books, record).and_then(|id| books.currency(id)).map_or(2, |currency| currency.decimals);
    let cost: Decimal = record
        .lines
        .iter()
        .filter(|line| books.moves_stock(record, line))
        .filter_map(|line| {
            books.item(line.item).map(|item| Decimal::new(item.unit_cost_minor, decimals) * line.quantity)
        })
        .sum();
    let cost = super::record::half_up(cost, decimals);
    vec![(account.to_owned(), cost), ("inventory".to_owned(), -cost)]
}

fn invoice(books: &Books, record: &Record) -> Vec<(String, Decimal)> {
    let mut amounts = vec![("receivables".to_owned(), record.total())];
    for line in &record.lines {
        let account = books.item(line.item).map_or("revenue", |item| item.account.as_str());
        amounts.push((account.to_owned(), -line.amount));
    }
    amounts.push((SHIPPING_REFERENCE.to_ascii_lowercase(), -record.shipping));
    for tax in &record.tax {
        let code = name_of(&books.config.tax_codes, tax.code);
        amounts.push((format!("tax:{code}"), -tax.amount));
    }
    amounts
}

/// From one account to the receivables of the invoices that were settled.
fn moved(account: &str, record: &Record) -> Vec<(String, Decimal)> {
    let total = record.applied_total();
    vec![(account.to_owned(), total), ("receivables".to_owned(), -total)]
}

/// What a payment does not apply stays a credit of the customer's, on receivables.
fn payment(books: &Books, record: &Record) -> Vec<(String, Decimal)> {
    vec![(clearing(books, record), record.payment), ("receivables".to_owned(), -record.payment)]
}

/// What is paid back of credit memos was receivable, what is paid back of deposits was a deposit.
fn refund(books: &Books, record: &Record) -> Vec<(String, Decimal)> {
    vec![
        ("receivables".to_owned(), record.applied_total()),
        ("deposits".to_owned(), record.deposit_total()),
        (clearing(books, record), -record.total()),
    ]
}

fn journal(books: &Books, record: &Record) -> Vec<(String, Decimal)> {
    record.sides.iter().map(|side| (name_of(&books.config.accounts, side.account), side.amount)).collect()
}

fn clearing(books: &Books, record: &Record) -> String {
    match record.account {
        Some(id) => name_of(&books.config.accounts, id),
        None => "clearing:undeposited".to_owned(),
    }
}

fn name_of(list: &[Named], id: u64) -> String {
    list.iter().find(|entry| entry.id == id).map_or_else(|| id.to_string(), |entry| entry.name.clone())
}

fn base_currency(books: &Books, record: &Record) -> Option<u64> {
    let id = record.subsidiary?;
    books.config.subsidiaries.iter().find(|subsidiary| subsidiary.id == id).map(|subsidiary| subsidiary.currency)
}

fn symbol(books: &Books, currency: u64) -> String {
    books.currency(currency).map_or_else(|| currency.to_string(), |currency| currency.symbol.clone())
}

/// Exact: no amount has more decimals than its currency.
pub(super) fn minor(amount: Decimal, decimals: u32) -> i64 {
    let scaled = amount * Decimal::from(10_i64.pow(decimals));
    debug_assert!(scaled.is_integer(), "{amount} has more than {decimals} decimals");
    scaled.to_i64().unwrap_or_default()
}
