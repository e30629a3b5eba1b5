//! Stock that no order moves: inventory adjustments and transfers.

use std::collections::BTreeMap;

use crossdock_domain::Sku;
use crossdock_domain::event::FailureClass;
use crossdock_domain::stocking::{StockDraft, StockHeader, StockLine, TransferDraft};
use crossdock_step::Failure;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::amounts::{decimal, reference_id};
use super::config::{InternalId, Settings};
use super::documents::{dated, id, item_of};
use super::documents_reversing::adjustment;
use super::readback::Held;
use super::{By, NetSuite, Written};
use crate::Posted;
use crate::address::quoted;

impl NetSuite {
    fn held_stock<'a>(&'a self, written: &'a Written<'a>) -> Held<'a> {
        Held { source: "our stock says", ..self.held(written) }
    }

    /// Made by a POST with its external id, as all that is never changed: a repeat is refused, found and compared.
    pub(super) async fn stocked(&self, draft: &StockDraft, items: &BTreeMap<Sku, String>) -> Result<Posted, Failure> {
        let (settings, header) = (self.settings(), &draft.header);
        let asked = self.asked_for(&header.reference, header.posting_date)?;
        let location = settings.location(&draft.location)?;
        let units = moved(header, &draft.lines, items)?;
        let at = |(item, units): (String, i64)| (item, location.to_string(), units);
        let lines = units.into_iter().map(at).collect::<Vec<_>>();
        let account = settings.stock_account(draft.reason)?;
        let body = adjustment(settings, named(settings, header, draft.reason.as_str()), account, &lines);
        let written = self.written(("inventoryAdjustment", By::Post), &body, &asked).await?;
        let held = self.held_stock(&written);
        let id = held.stock_identity(header, written.id.as_deref())?;
        held.booked_against(account)?;
        held.adjustment(&lines)?;
        Ok(Posted { id, total: None })
    }

    pub(super) async fn transferred(
        &self,
        draft: &TransferDraft,
        items: &BTreeMap<Sku, String>,
    ) -> Result<Posted, Failure> {
        let (settings, header) = (self.settings(), &draft.header);
        let asked = self.asked_for(&header.reference, header.posting_date)?;
        let places = (settings.location(&draft.from)?, settings.location(&draft.to)?);
        let lines = moved(header, &draft.lines, items)?;
        if places.0 == places.1 || lines.iter().any(|(_, units)| *units < 0) {
            return Err(wrong(header, "transfers less than nothing, or to where it came from"));
        }
        let body = transfer(settings, named(settings, header, "transfer"), places, &lines);
        let written = self.written(("inventoryTransfer", By::Post), &body, &asked).await?;
        let held = self.held_stock(&written);
        let id = held.stock_identity(header, written.id.as_deref())?;
        held.transfer(places, &lines)?;
        Ok(Posted { id, total: None })
    }
}

/// The ERP's item and units of each line. A line of no units moves nothing, and NetSuite takes none.
fn moved(
    header: &StockHeader,
    lines: &[StockLine],
    items: &BTreeMap<Sku, String>,
) -> Result<Vec<(String, i64)>, Failure> {
    let moving = lines.iter().filter(|line| line.quantity != 0);
    let moved = moving.map(|line| Ok((item_of(items, &line.sku)?.to_owned(), line.quantity)));
    let moved = moved.collect::<Result<Vec<_>, Failure>>()?;
    if moved.is_empty() { Err(wrong(header, "moves no stock")) } else { Ok(moved) }
}

fn wrong(header: &StockHeader, what: &str) -> Failure {
    let reason = format!("{} {what}: correct what it comes from, then retry", header.reference);
    Failure::permanent(FailureClass::Value, reason)
}

/// External id, date, and a memo that says why and where it comes from.
fn named(settings: &Settings, header: &StockHeader, why: &str) -> Map<String, Value> {
    let mut body = dated(settings, header.posting_date, &format!("{why} {}", quoted(&header.source)));
    body.insert("externalId".into(), json!(header.reference));
    body
}

fn transfer(
    settings: &Settings,
    mut body: Map<String, Value>,
    places: (&InternalId, &InternalId),
    lines: &[(String, i64)],
) -> Value {
    let lines = lines
        .iter()
        .zip(1..)
        .map(|((item, units), number)| json!({ "line": number, "item": { "id": item }, "adjustQtyBy": units }));
    let lines = lines.collect::<Vec<_>>();
    body.insert("subsidiary".into(), id(&settings.subsidiary));
    body.insert("location".into(), id(places.0));
    body.insert("transferLocation".into(), id(places.1));
    body.insert("inventory".into(), json!({ "items": lines }));
    Value::Object(body)
}

impl Held<'_> {
    /// The internal id, once it is sure that the record is the one asked for: ours by reference and date, and the one
    /// that the write named.
    fn stock_identity(&self, header: &StockHeader, written: Option<&str>) -> Result<String, Failure> {
        let id = self.named(&header.reference, written)?;
        self.dated(header.posting_date)?;
        Ok(id)
    }

    fn booked_against(&self, account: &InternalId) -> Result<(), Failure> {
        match reference_id(self.record.get("account")) {
            Some(held) if held != account.as_str() => {
                Err(self.differs(&format!("account {held}"), &format!("account {account}")))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Compares the locations, and item and units of each line.
    fn transfer(&self, places: (&InternalId, &InternalId), ours: &[(String, i64)]) -> Result<(), Failure> {
        let place = |name: &str| reference_id(self.record.get(name)).unwrap_or_default();
        let line = |line: &Value| (reference_id(line.get("item")), decimal(line.get("adjustQtyBy")));
        let held = (place("location"), place("transferLocation"));
        let mut held_lines = self.sublist("inventory").iter().map(line).collect::<Vec<_>>();
        let wanted = (places.0.to_string(), places.1.to_string());
        let ours = ours.iter().map(|(item, units)| (Some(item.clone()), Some(Decimal::from(*units))));
        let mut ours = ours.collect::<Vec<_>>();
        held_lines.sort();
        ours.sort();
        if held == wanted && held_lines == ours {
            return Ok(());
        }
        Err(self.differs(&transfer_as_told(&held, &held_lines), &transfer_as_told(&wanted, &ours)))
    }
}

fn transfer_as_told(places: &(String, String), lines: &[(Option<String>, Option<Decimal>)]) -> String {
    let line = |(item, units): &(Option<String>, Option<Decimal>)| {
        let units = units.map_or_else(|| "?".to_owned(), |units| units.to_string());
        format!("{units} of item {}", item.as_deref().unwrap_or("?"))
    };
    let lines = lines.iter().map(line).collect::<Vec<_>>().join(", ");
    format!("{lines} from location {} to {}", places.0, places.1)
}
