//! Documents of stock, and items of the catalogue, as callers bring them.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use crossdock_domain::event::{ReceiptLine, StockReceipt};
use crossdock_domain::identities::{Dated, Identities};
use crossdock_domain::ids::{ConnectionId, LocationId};
use crossdock_domain::inventory::{AdjustedLine, AdjustmentReason, ReconciliationRequested, TransferStage};
use crossdock_domain::kit::MOST_COMPONENTS;
use crossdock_domain::{Currency, Minor, Sku};
use jiff::Timestamp;
use serde_json::Value;

use super::body::{
    Entries, Fault, Object, Wrong, exact, invalid, minor, parsed, reference, shape, time, token, units, word,
};
use super::{first_repeat, read};

/// What one document of stock moves is one transaction, which holds 100 actions: two for each SKU.
const MAX_LINES: usize = crossdock_domain::inventory::MOST_SKUS_PER_COMMIT;

/// A count is read in parts, each a transaction of its own.
const MAX_COUNTED: usize = 1000;

/// A SKU's stock is kept in at most so many parts: a buyer reads them all, and evening them out is one transaction.
const MAX_PARTS: u64 = 32;

/// SKUs that one reconciliation is asked for by name.
const MAX_RECONCILED: usize = 100;
/// An item is called differently over time at most so often.
const MAX_IDENTITIES: usize = 20;

/// The most units that one line counts or changes.
const MAX_UNITS: i64 = 10_000_000;

/// What somebody counted, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedCount {
    /// The count's identity where it was made.
    pub count_id: String,
    /// Where.
    pub location: LocationId,
    /// Of which moment it is.
    pub counted_at: Timestamp,
    /// SKU, units there, and of them those not fit for sale.
    pub lines: Vec<(Sku, i64, Option<i64>)>,
}

/// An adjustment, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedAdjustment {
    /// Its identity where it was made.
    pub adjustment_id: String,
    /// Where.
    pub location: LocationId,
    /// Why.
    pub reason: AdjustmentReason,
    /// When, if it says.
    pub adjusted_at: Option<Timestamp>,
    /// What.
    pub lines: Vec<AdjustedLine>,
}

/// A stage of a transfer, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedTransfer {
    /// Its identity where it was made.
    pub transfer_id: String,
    /// From where.
    pub from: LocationId,
    /// To where.
    pub to: LocationId,
    /// What has happened.
    pub stage: TransferStage,
    /// When, if it says.
    pub moved_at: Option<Timestamp>,
    /// What.
    pub lines: Vec<ReceiptLine>,
}

/// Catalogue data of one SKU, as it came: what is absent is left as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParsedItem {
    /// Price of one unit per currency.
    pub prices: Option<BTreeMap<Currency, Minor>>,
    /// Identity in each outside system.
    pub identities: Option<Identities>,
    /// Units per location that are promised to nobody; below zero, a pre-order allowance.
    pub safety: Option<BTreeMap<LocationId, i64>>,
    /// Of a kit, units of each component; empty where it is none any more.
    pub components: Option<BTreeMap<Sku, u32>>,
}

/// The body of `POST /v1/inventory/receipts`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_receipt(body: &[u8]) -> Result<StockReceipt, Vec<Fault>> {
    read(body, &["receipt_id", "location", "lines"], |receipt| {
        let receipt_id = receipt.required("receipt_id", document_id);
        let location = receipt.required("location", exact);
        let lines = goods(receipt);
        Some(StockReceipt { receipt_id: receipt_id?, location: location?, lines, erp: None })
    })
}

/// The body of `POST /v1/inventory/counts`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_count(body: &[u8]) -> Result<ParsedCount, Vec<Fault>> {
    read(body, &["count_id", "location", "counted_at", "lines"], |count| {
        let count_id = count.required("count_id", document_id);
        let location = count.required("location", exact);
        let counted_at = count.required("counted_at", time);
        let entries = Entries { least: 1, most: MAX_COUNTED, fields: &["sku", "on_hand", "quarantine"] };
        let lines = count.required_list("lines", entries, |line, _| {
            let (sku, on_hand) = (line.required("sku", parsed::<Sku>), line.required("on_hand", counted));
            let quarantine = line.optional("quarantine", counted);
            if quarantine > on_hand {
                line.complain("quarantine", invalid("is more than there is on hand, of which it is a part"));
            }
            Some((sku?, on_hand?, quarantine))
        });
        each_once(count, lines.iter().map(|(sku, ..)| sku.as_str()));
        Some(ParsedCount { count_id: count_id?, location: location?, counted_at: counted_at?, lines })
    })
}

/// The body of `POST /v1/inventory/adjustments`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_adjustment(body: &[u8]) -> Result<ParsedAdjustment, Vec<Fault>> {
    read(body, &["adjustment_id", "location", "reason", "adjusted_at", "lines"], |adjustment| {
        let adjustment_id = adjustment.required("adjustment_id", document_id);
        let location = adjustment.required("location", exact);
        let reason = adjustment.required("reason", reason);
        let adjusted_at = adjustment.optional("adjusted_at", time);
        let entries = Entries { least: 1, most: MAX_LINES, fields: &["sku", "on_hand", "quarantine"] };
        let lines = adjustment.required_list("lines", entries, |line, _| {
            let sku = line.required("sku", parsed::<Sku>);
            let on_hand = line.optional("on_hand", change).unwrap_or(0);
            let quarantine = line.optional("quarantine", change).unwrap_or(0);
            if (on_hand, quarantine) == (0, 0) {
                line.complain("", invalid("changes nothing: say on_hand, quarantine or both"));
            }
            Some(AdjustedLine { sku: sku?, on_hand, quarantine })
        });
        each_once(adjustment, lines.iter().map(|line| line.sku.as_str()));
        Some(ParsedAdjustment {
            adjustment_id: adjustment_id?,
            location: location?,
            reason: reason?,
            adjusted_at,
            lines,
        })
    })
}

/// The body of `POST /v1/inventory/transfers`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_transfer(body: &[u8]) -> Result<ParsedTransfer, Vec<Fault>> {
    read(body, &["transfer_id", "from", "to", "stage", "moved_at", "lines"], |transfer| {
        let transfer_id = transfer.required("transfer_id", document_id);
        let (from, to) = (transfer.required("from", exact::<LocationId>), transfer.required("to", exact));
        if from.is_some() && from == to {
            transfer.complain("to", invalid("is where the goods come from"));
        }
        let stage = transfer.required("stage", word(&["dispatched", "arrived"]));
        let stage = stage.map(|word| match word {
            "dispatched" => TransferStage::Dispatched,
            _ => TransferStage::Arrived,
        });
        let moved_at = transfer.optional("moved_at", time);
        let lines = goods(transfer);
        Some(ParsedTransfer { transfer_id: transfer_id?, from: from?, to: to?, stage: stage?, moved_at, lines })
    })
}

/// The body of `PUT /v1/catalogue/items/{sku}`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_item(body: &[u8]) -> Result<ParsedItem, Vec<Fault>> {
    read(body, &["prices_minor", "identities", "safety", "components"], |item| {
        let components = item.optional("components", map(units));
        if components.as_ref().is_some_and(|of| of.len() > MOST_COMPONENTS) {
            item.complain("components", invalid(format!("must be at most {MOST_COMPONENTS}")));
        }
        Some(ParsedItem {
            prices: item.optional("prices_minor", map(minor)),
            identities: item.optional("identities", identities),
            safety: item.optional("safety", map(change)),
            components,
        })
    })
}

/// The body of `POST /v1/ops/reconciliations`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_reconciliation(body: &[u8]) -> Result<ReconciliationRequested, Vec<Fault>> {
    read(body, &["reconciliation_id", "skus"], |told| {
        let reconciliation_id = told.required("reconciliation_id", document_id);
        let skus = told.optional("skus", skus);
        Some(ReconciliationRequested { reconciliation_id: reconciliation_id?, skus })
    })
}

fn skus(value: &Value) -> Result<BTreeSet<Sku>, Wrong> {
    let all = value.as_array().ok_or_else(|| shape("must be a list of SKUs"))?;
    if !(1..=MAX_RECONCILED).contains(&all.len()) {
        return Err(invalid(format!("must be 1 to {MAX_RECONCILED} SKUs; leave it out for all")));
    }
    all.iter().map(parsed::<Sku>).collect()
}

/// The body of `POST /v1/inventory/items/{sku}/parts`: in how many parts its stock is to be kept.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_parts(body: &[u8]) -> Result<u16, Vec<Fault>> {
    let parts = |value: &Value| {
        let parts = value.as_u64().filter(|parts| (1..=MAX_PARTS).contains(parts));
        let parts = parts.and_then(|parts| u16::try_from(parts).ok());
        parts.ok_or_else(|| invalid(format!("must be a whole number from 1 to {MAX_PARTS}")))
    };
    read(body, &["parts"], |told| told.required("parts", parts))
}

/// Identities by connection: one for good, or several with the moment from which each holds; an empty list: none.
fn identities(value: &Value) -> Result<Identities, Wrong> {
    let told: BTreeMap<ConnectionId, Vec<Dated>> = map(dated)(value)?;
    Ok(told.into_iter().collect())
}

fn dated(value: &Value) -> Result<Vec<Dated>, Wrong> {
    let Some(entries) = value.as_array() else {
        return Ok(vec![Dated { from: None, id: reference(1, 100)(value)? }]);
    };
    if entries.len() > MAX_IDENTITIES {
        return Err(invalid(format!("must be a text, or a list of at most {MAX_IDENTITIES} entries")));
    }
    let all = entries.iter().map(dated_entry).collect::<Result<Vec<_>, _>>()?;
    let moments: BTreeSet<Option<Timestamp>> = all.iter().map(|entry| entry.from).collect();
    if moments.len() < all.len() {
        return Err(invalid("says twice what the item is called from one moment on"));
    }
    Ok(all)
}

fn dated_entry(value: &Value) -> Result<Dated, Wrong> {
    let entry = value.as_object().ok_or_else(|| shape("must be an object with id and from"))?;
    if let Some(strange) = entry.keys().find(|name| !["id", "from"].contains(&name.as_str())) {
        return Err(invalid(format!("{strange:?} is no field of it: id and from are")));
    }
    let id = entry.get("id").ok_or_else(|| shape("lacks id")).and_then(|id| reference(1, 100)(id))?;
    let from = entry.get("from").filter(|from| !from.is_null()).map(time).transpose()?;
    Ok(Dated { from, id })
}

/// An object whose names are identities.
fn map<K: FromStr<Err: std::fmt::Display> + Ord, V>(
    value_of: impl Fn(&Value) -> Result<V, Wrong>,
) -> impl Fn(&Value) -> Result<BTreeMap<K, V>, Wrong> {
    move |value| {
        let fields = value.as_object().ok_or_else(|| shape("must be an object"))?;
        let entry = |(name, value): (&String, &Value)| {
            let key: K = name.parse().map_err(|error: K::Err| invalid(format!("{name:?}: {error}")))?;
            Ok((key, value_of(value)?))
        };
        fields.iter().map(entry).collect()
    }
}

fn reason(value: &Value) -> Result<AdjustmentReason, Wrong> {
    let told = word(&["found", "lost", "condition", "correction"])(value)?;
    serde_json::from_value(told.into()).map_err(|_| invalid("is no reason"))
}

fn goods(document: &Object<'_>) -> Vec<ReceiptLine> {
    let entries = Entries { least: 1, most: MAX_LINES, fields: &["sku", "quantity"] };
    let lines = document.required_list("lines", entries, |line, _| {
        let (sku, quantity) = (line.required("sku", parsed::<Sku>), line.required("quantity", units));
        Some(ReceiptLine { sku: sku?, quantity: quantity? })
    });
    each_once(document, lines.iter().map(|line| line.sku.as_str()));
    lines
}

/// Complains where a list names a SKU twice.
pub(super) fn each_once<'a>(document: &Object<'_>, skus: impl Iterator<Item = &'a str>) {
    if let Some(place) = first_repeat(skus) {
        document.complain("lines", invalid(format!("names the SKU of entry {place} twice: add its units up")));
    }
}

fn counted(value: &Value) -> Result<i64, Wrong> {
    whole(value, 0)
}

fn change(value: &Value) -> Result<i64, Wrong> {
    whole(value, -MAX_UNITS)
}

fn whole(value: &Value, least: i64) -> Result<i64, Wrong> {
    let number = value.as_number().ok_or_else(|| shape("must be a whole number of units"))?;
    let units = number.as_i64().filter(|units| (least..=MAX_UNITS).contains(units));
    units.ok_or_else(|| invalid(format!("must be a whole number of units from {least} to {MAX_UNITS}")))
}

/// Identity of a document at whoever brings it.
pub(super) fn document_id(value: &Value) -> Result<String, Wrong> {
    let id = token(1, 64)(value)?;
    let plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if plain { Ok(id) } else { Err(invalid("must be of the characters A-Z, a-z, 0-9, point, underscore and -")) }
}
