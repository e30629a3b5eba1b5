//! Goods that come back: announcing them, and what ShipBob says was found.

use std::collections::BTreeMap;

use crossdock_domain::Sku;
use crossdock_domain::event::{Disposition, FailureClass};
use crossdock_domain::returns::ReturnReport;
use crossdock_step::Failure;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::config::Settings;
use super::translate::{self, Shipment, moment, or_default};
use crate::{Posted, ReturnNotice};

/// Units by ShipBob's inventory item.
pub type Inventory = BTreeMap<i64, i64>;

/// `PublicReturnDtoPagedUrlResultDto`, as far as it is read: one page holds all that has a reference.
#[derive(Deserialize)]
pub struct Page {
    /// The returns.
    #[serde(default, deserialize_with = "or_default")]
    pub items: Vec<Return>,
}

/// `PublicReturnDto`, as far as it is read; also the body of return webhooks and, without SKUs, the answer to
/// `POST /return`.
#[derive(Deserialize)]
pub struct Return {
    /// ShipBob's identity of the return.
    pub id: i64,
    /// The reference that announced it; for what nobody announced, none or one of ShipBob's own.
    #[serde(default)]
    pub reference_id: Option<String>,
    #[serde(default)]
    store_order_id: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    status: String,
    #[serde(default)]
    fulfillment_center: Option<Center>,
    #[serde(default, deserialize_with = "or_default")]
    inventory: Vec<Item>,
    #[serde(default, deserialize_with = "moment")]
    completed_date: Option<Timestamp>,
    #[serde(default, deserialize_with = "moment")]
    arrived_date: Option<Timestamp>,
    #[serde(default, deserialize_with = "moment")]
    processing_date: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Center {
    id: i64,
}

#[derive(Deserialize)]
struct Item {
    id: i64,
    #[serde(default)]
    sku: Option<String>,
    #[serde(default)]
    quantity: i64,
    #[serde(default, deserialize_with = "or_default")]
    action_taken: Vec<ActionTaken>,
}

#[derive(Deserialize)]
struct ActionTaken {
    #[serde(default)]
    action: Option<String>,
    #[serde(default)]
    quantity_processed: u32,
}

/// Where a return stands. Any other word is one on the way.
enum Stage {
    Awaited,
    Under,
    Completed,
    Cancelled,
}

/// The reference of ours that a return belongs to, by its own reference and its order's: that of the return, or, where
/// nobody announced it, that of the order that it left with. `None` for a stranger's.
#[must_use]
pub fn ours<'r>(reference: Option<&'r str>, order: Option<&'r str>) -> Option<&'r str> {
    let announced = reference.filter(|reference| translate::return_number(reference).is_some());
    let is_order = |reference: &&str| translate::allocation(reference).is_some();
    announced.or_else(|| [order, reference].into_iter().flatten().find(is_order))
}

impl Return {
    /// The reference of ours that it belongs to; see [`ours`].
    #[must_use]
    pub fn ours(&self) -> Option<&str> {
        ours(self.reference_id.as_deref(), self.store_order_id.as_deref())
    }

    /// The specification writes `Awaiting Arrival` in one place and `AwaitingArrival` in another.
    fn stage(&self) -> Stage {
        match self.status.replace(' ', "").as_str() {
            "AwaitingArrival" => Stage::Awaited,
            "Completed" => Stage::Completed,
            "Cancelled" => Stage::Cancelled,
            _ => Stage::Under,
        }
    }

    /// What was found so far; none while nothing was. `told_at` is when we were told, for a return that does not say
    /// when it came. A return that is through and found nothing is a report: all of it is missing.
    ///
    /// # Errors
    /// Something that a report needs is missing or unknown.
    pub fn report(&self, settings: &Settings, told_at: Option<Timestamp>) -> Result<Option<ReturnReport>, String> {
        let completed = matches!(self.stage(), Stage::Completed);
        let lines = self.found()?;
        if lines.is_empty() && !completed {
            return Ok(None);
        }
        let id = self.id;
        let center = self.fulfillment_center.as_ref().ok_or_else(|| format!("return {id} does not say where"))?.id;
        let location = settings.location(center).ok_or_else(|| {
            format!("return {id} is at ShipBob's location {center}, which the connection's settings do not map")
        })?;
        let times = [self.completed_date, self.arrived_date, self.processing_date, told_at];
        let received_at = times.into_iter().flatten().next();
        Ok(Some(ReturnReport {
            id: id.to_string(),
            location: location.clone(),
            lines,
            completed,
            received_at: received_at.ok_or_else(|| format!("return {id} does not say when it came"))?,
        }))
    }

    /// Only what something was done with has been found; several lots of one SKU add up.
    fn found(&self) -> Result<Vec<(Sku, u32, Disposition)>, String> {
        let mut found = BTreeMap::<(Sku, Disposition), u32>::new();
        for item in &self.inventory {
            for taken in item.action_taken.iter().filter(|taken| taken.quantity_processed > 0) {
                let disposition = taken.disposition().map_err(|error| format!("return {}: {error}", self.id))?;
                let sku = item.sku().map_err(|error| format!("return {}: {error}", self.id))?;
                let units = found.entry((sku, disposition)).or_default();
                *units = units.checked_add(taken.quantity_processed).ok_or("its quantity is beyond all measure")?;
            }
        }
        Ok(found.into_iter().map(|((sku, disposition), units)| (sku, units, disposition)).collect())
    }

    /// The return that is there, if it is the one of the notice.
    ///
    /// # Errors
    /// It is another one, or will not be waited for.
    pub fn posted(&self, notice: &ReturnNotice) -> Result<Posted, Failure> {
        let (id, reference) = (self.id, &notice.reference);
        if matches!(self.stage(), Stage::Cancelled) {
            let reason = format!(
                "ShipBob's return {id} has the reference {reference} and was cancelled there, and a reference cannot \
                 be used twice: have it received by hand"
            );
            return Err(Failure::permanent(FailureClass::Refused, reason));
        }
        if !self.is(notice).map_err(|error| unreadable(reference, &error))? {
            let reason = format!(
                "ShipBob's return {id} has the reference {reference} with other items: compare them and correct what \
                 is wrong there"
            );
            return Err(Failure::permanent(FailureClass::Duplicate, reason));
        }
        Ok(Posted { id: id.to_string(), total: None })
    }

    /// Whether it announces what the notice does. Once it has arrived, things may stand in it that nobody announced.
    fn is(&self, notice: &ReturnNotice) -> Result<bool, String> {
        let mut open = BTreeMap::<&Sku, i64>::new();
        for line in &notice.lines {
            *open.entry(&line.sku).or_default() += i64::from(line.quantity);
        }
        let mut has_others = false;
        for item in &self.inventory {
            match open.get_mut(&item.sku()?) {
                Some(left) => *left -= item.quantity,
                None => has_others = true,
            }
        }
        let has_all = open.values().all(|left| *left == 0);
        Ok(has_all && (!has_others || !matches!(self.stage(), Stage::Awaited)))
    }
}

impl Item {
    fn sku(&self) -> Result<Sku, String> {
        self.sku.as_deref().unwrap_or_default().parse().map_err(|error| format!("its item {}: {error}", self.id))
    }
}

impl ActionTaken {
    fn disposition(&self) -> Result<Disposition, String> {
        match self.action.as_deref().unwrap_or_default() {
            "Restock" => Ok(Disposition::Restock),
            "Quarantine" => Ok(Disposition::Quarantine),
            "Dispose" => Ok(Disposition::Scrap),
            other => Err(format!("its action {other:?} is none that we know")),
        }
    }
}

/// ShipBob's inventory items of a notice, found in the shipments that the goods may have left with.
///
/// # Errors
/// One of them is in no shipment, or a bundle.
pub fn inventory(notice: &ReturnNotice, shipments: &[Shipment]) -> Result<Inventory, Failure> {
    let mut inventory = Inventory::new();
    for line in &notice.lines {
        let id = shipments.iter().find_map(|shipment| shipment.inventory_id(line)).ok_or_else(|| {
            let reason = format!(
                "{}: ShipBob shows no single inventory item behind {} in what was shipped: announce the return by hand \
                 there",
                notice.reference, line.sku
            );
            Failure::permanent(FailureClass::Mapping, reason)
        })?;
        *inventory.entry(id).or_default() += i64::from(line.quantity);
    }
    Ok(inventory)
}

/// `CreateReturnRequest` of a notice. What becomes of the goods is left to the merchant's settings of each item.
#[must_use]
pub fn announcement(notice: &ReturnNotice, center: i32, inventory: &Inventory) -> Value {
    let items =
        inventory.iter().map(|(id, quantity)| json!({ "id": id, "quantity": quantity, "requested_action": "Default" }));
    let mut body = json!({
        "reference_id": notice.reference,
        "fulfillment_center": { "id": center },
        "inventory": items.collect::<Vec<_>>(),
    });
    if let (Some(fields), Some(shipment)) = (body.as_object_mut(), shipment_id(notice)) {
        fields.insert("original_shipment_id".to_owned(), shipment.into());
    }
    body
}

/// The shipment that a notice names, as the number that ShipBob's identities are.
#[must_use]
pub fn shipment_id(notice: &ReturnNotice) -> Option<u64> {
    notice.shipment.as_deref()?.parse().ok()
}

/// "201" is not yet success: the answer must be our return with our items.
///
/// # Errors
/// It is not.
pub fn created(notice: &ReturnNotice, sent: &Inventory, body: &[u8]) -> Result<Posted, Failure> {
    let is_ours = |made: &Return| {
        let mut told = Inventory::new();
        for item in &made.inventory {
            *told.entry(item.id).or_default() += item.quantity;
        }
        made.reference_id.as_deref() == Some(&notice.reference) && told == *sent
    };
    match serde_json::from_slice(body).ok().filter(is_ours) {
        Some(made) => Ok(Posted { id: made.id.to_string(), total: None }),
        None => {
            let reference = &notice.reference;
            let reason = format!("ShipBob took {reference} but answered with another return: look there, then retry");
            Err(Failure::permanent(FailureClass::Parse, reason))
        }
    }
}

/// Something of ours that ShipBob tells in a way that we do not understand.
#[must_use]
pub fn unreadable(reference: &str, error: &str) -> Failure {
    Failure::permanent(FailureClass::Parse, format!("{reference}: {error}"))
}
