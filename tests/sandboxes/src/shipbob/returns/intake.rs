//! Reading `POST /return`: the model's rules (400, by field).

use serde_json::Value;

use super::Action;
use crate::shipbob::intake::FieldErrors;

/// A return as it was announced: `CreateReturnRequest`.
pub(in crate::shipbob) struct ReturnRequest {
    pub(super) reference_id: String,
    pub(super) center: i64,
    pub(super) shipment: Option<u64>,
    pub(super) tracking_number: Option<String>,
    /// Inventory id, units and the action that is asked for.
    pub(super) items: Vec<(i64, i64, Action)>,
}

/// The length that the published model states.
const LONGEST_REFERENCE: usize = 50;

impl ReturnRequest {
    pub(in crate::shipbob) fn read(body: &Value) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::new();
        let mut fail = |field: &str, message: String| errors.entry(field.to_owned()).or_default().push(message);
        let reference_id = body.get("reference_id").and_then(Value::as_str).unwrap_or_default().to_owned();
        if reference_id.is_empty() {
            fail("reference_id", "The reference_id field is required.".to_owned());
        } else if reference_id.chars().count() > LONGEST_REFERENCE {
            let message =
                format!("The field reference_id must be a string with a maximum length of {LONGEST_REFERENCE}.");
            fail("reference_id", message);
        }
        let center = body.pointer("/fulfillment_center/id").and_then(Value::as_i64);
        if center.is_none() {
            fail("fulfillment_center", "The fulfillment_center field is required.".to_owned());
        }
        let given = body.get("inventory").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if given.is_empty() {
            fail("inventory", "The field inventory must have at least one element.".to_owned());
        }
        let mut items = Vec::new();
        for (index, entry) in given.iter().enumerate() {
            match item(entry) {
                Ok(item) => items.push(item),
                Err(field) => fail(&format!("inventory[{index}].{field}"), format!("The {field} field is not valid.")),
            }
        }
        let shipment = body.get("original_shipment_id").and_then(Value::as_u64);
        let tracking_number = body.get("tracking_number").and_then(Value::as_str).map(str::to_owned);
        match center {
            Some(center) if errors.is_empty() => Ok(Self { reference_id, center, shipment, tracking_number, items }),
            _ => Err(errors),
        }
    }
}

/// `ReturnInventory`; the field that is wrong, where one is.
fn item(entry: &Value) -> Result<(i64, i64, Action), &'static str> {
    let number = |name: &'static str| entry.get(name).and_then(Value::as_i64).ok_or(name);
    let quantity = number("quantity")?;
    if quantity < 1 {
        return Err("quantity");
    }
    let action = entry.get("requested_action").and_then(Value::as_str).and_then(Action::read);
    Ok((number("id")?, quantity, action.ok_or("requested_action")?))
}
