//! `inventorySetQuantities`: what an app sets, all of it or nothing.
//!
//! Known from captures of a shop on 2026-04 (messages, codes and paths of fields) and from the published schema; what
//! becomes of a location that does not stock an item, from community.shopify.dev, thread 33834. That a key whose first
//! attempt was refused is spent is what the code's description says.

use jiff::Timestamp;
use serde_json::Value;

use super::fulfillment::gid_of;
use super::shop::Shop;
use super::stock::Level;

/// No call sets more quantities.
pub(super) const MOST_QUANTITIES: usize = 250;
const LARGEST_QUANTITY: i64 = 1_000_000_000;
const REASONS: [&str; 17] = [
    "correction",
    "cycle_count_available",
    "damaged",
    "movement_canceled",
    "movement_created",
    "movement_received",
    "movement_updated",
    "other",
    "promotion",
    "quality_control",
    "received",
    "reservation_created",
    "reservation_deleted",
    "reservation_updated",
    "restock",
    "safety_stock",
    "shrinkage",
];

/// What a call has changed, or why it has changed nothing.
pub(super) type Outcome = Result<Option<Group>, Vec<StockError>>;

/// The changes of one call.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) id: u64,
    pub(super) reason: String,
    pub(super) document: Option<String>,
    pub(super) at: Timestamp,
    pub(super) changes: Vec<Change>,
}

#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) name: &'static str,
    pub(super) delta: i64,
    pub(super) item: u64,
    /// The location's code.
    pub(super) location: String,
}

/// One refusal, with the field that is to blame.
#[derive(Debug, Clone)]
pub(super) struct StockError {
    pub(super) field: Option<Vec<String>>,
    pub(super) code: String,
    pub(super) message: String,
}

impl StockError {
    fn on(path: &[&str], code: &str, message: impl Into<String>) -> Self {
        let field = ["input"].iter().chain(path).map(|part| (*part).to_owned()).collect();
        Self { field: Some(field), code: code.to_owned(), message: message.into() }
    }

    fn plain(code: &str, message: &str) -> Self {
        Self { field: None, code: code.to_owned(), message: message.to_owned() }
    }
}

/// Which of an item's quantities a call sets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    OnHand,
    Available,
}

struct Wanted {
    item: u64,
    /// The location's code.
    location: String,
    quantity: i64,
}

/// What is wrong with the form of a call, as a top-level error; nothing is kept of such a call.
pub(super) fn malformed(input: &Value) -> Option<String> {
    let quantities = input.get("quantities").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let (count, most) = (quantities.len(), MOST_QUANTITIES);
    if count > most {
        return Some(format!("The input array size of {count} is greater than the maximum allowed of {most}."));
    }
    let silent = quantities.iter().any(|quantity| quantity.get("changeFromQuantity").is_none());
    silent.then(|| "InventoryQuantityInput must include the following argument: changeFromQuantity.".to_owned())
}

impl Shop {
    /// Sets quantities under a key: what was done under it once is the answer for ever.
    pub(super) fn set_quantities(&mut self, key: &str, input: &Value, now: Timestamp) -> Outcome {
        if let Some(code) = self.inventory.refusals.pop_front() {
            return Err(vec![StockError::plain(&code, &format!("The call is refused: {code}."))]);
        }
        if let Some((asked, outcome)) = self.inventory.keys.get(key) {
            return match outcome {
                _ if asked != input => Err(vec![StockError::plain(
                    "IDEMPOTENCY_KEY_PARAMETER_MISMATCH",
                    "The same idempotency key cannot be used with different operation parameters.",
                )]),
                Ok(group) => Ok(group.clone()),
                Err(_) => Err(vec![StockError::plain(
                    "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED",
                    "A previous request with this idempotency key failed. Retry with a new idempotency key.",
                )]),
            };
        }
        let outcome = self.checked(input).map(|(name, wanted)| self.apply((name, &wanted), input, now));
        self.inventory.keys.insert(key.to_owned(), (input.clone(), outcome.clone()));
        outcome
    }

    /// What is asked for, once all of it can be done.
    fn checked(&self, input: &Value) -> Result<(Name, Vec<Wanted>), Vec<StockError>> {
        let text = |name: &str| input.get(name).and_then(Value::as_str).unwrap_or_default();
        let name = match text("name") {
            "on_hand" => Name::OnHand,
            "available" => Name::Available,
            _ => {
                let message = "The quantity name must be either 'available' or 'on_hand'.";
                return Err(vec![StockError::on(&["name"], "INVALID_NAME", message)]);
            }
        };
        if !REASONS.contains(&text("reason")) {
            let valid = REASONS.join(", ");
            let message = format!("The specified reason is invalid. Valid values are: {valid}.");
            return Err(vec![StockError::on(&["reason"], "INVALID_REASON", message)]);
        }
        if input.get("referenceDocumentUri").and_then(Value::as_str).is_some_and(|uri| !is_uri(uri)) {
            let message = "The specified reference document is invalid.";
            return Err(vec![StockError::on(&["referenceDocumentUri"], "INVALID_REFERENCE_DOCUMENT", message)]);
        }
        let (mut wanted, mut errors): (Vec<Wanted>, Vec<StockError>) = (Vec::new(), Vec::new());
        for (index, quantity) in input.get("quantities").and_then(Value::as_array).into_iter().flatten().enumerate() {
            match self.one(name, &index.to_string(), quantity) {
                Err(error) => errors.push(error),
                Ok(one) if wanted.iter().any(|it| (it.item, &it.location) == (one.item, &one.location)) => {
                    let code = "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR";
                    let message = "The combination of inventoryItemId and locationId must be unique.";
                    errors.push(StockError::on(&["quantities", &index.to_string()], code, message));
                }
                Ok(one) => wanted.push(one),
            }
        }
        if errors.is_empty() { Ok((name, wanted)) } else { Err(errors) }
    }

    fn one(&self, name: Name, index: &str, asked: &Value) -> Result<Wanted, StockError> {
        let on = |field: &str, code: &str, message: &str| StockError::on(&["quantities", index, field], code, message);
        let item = gid_of(asked.get("inventoryItemId"), "InventoryItem").and_then(|id| self.inventory.items.get(&id));
        let unknown = "The specified inventory item could not be found.";
        let item = item.ok_or_else(|| on("inventoryItemId", "INVALID_INVENTORY_ITEM", unknown))?;
        let id = gid_of(asked.get("locationId"), "Location");
        let location = self.letterhead.locations.iter().find(|(_, known)| Some(*known) == id);
        let unknown = "The specified location could not be found.";
        let (location, _) = location.ok_or_else(|| on("locationId", "INVALID_LOCATION", unknown))?;
        let quantity = asked.get("quantity").and_then(Value::as_i64).unwrap_or_default();
        if quantity < 0 && name == Name::OnHand {
            return Err(on("quantity", "INVALID_QUANTITY_NEGATIVE", "The quantity can't be negative."));
        }
        if quantity > LARGEST_QUANTITY {
            let message = "The quantity can't be higher than 1,000,000,000.";
            return Err(on("quantity", "INVALID_QUANTITY_TOO_HIGH", message));
        }
        if quantity < -LARGEST_QUANTITY {
            return Err(on("quantity", "INVALID_QUANTITY_TOO_LOW", "The quantity can't be lower than -1,000,000,000."));
        }
        let shown = self.level(item, location);
        let persisted = shown.map_or(0, |level| if name == Name::OnHand { level.on_hand } else { level.available });
        if asked.get("changeFromQuantity").and_then(Value::as_i64).is_some_and(|from| from != persisted) {
            let message = "The changeFromQuantity argument no longer matches the persisted quantity.";
            return Err(on("changeFromQuantity", "CHANGE_FROM_QUANTITY_STALE", message));
        }
        Ok(Wanted { item: item.id, location: location.clone(), quantity })
    }

    /// Both quantities move by the same: what is committed stays. Nothing changed makes no group.
    fn apply(&mut self, (name, wanted): (Name, &[Wanted]), input: &Value, now: Timestamp) -> Option<Group> {
        let mut changes = Vec::new();
        for Wanted { item: id, location, quantity } in wanted {
            let committed = self.inventory.items.get(id).map_or(0, |item| self.committed(&item.sku, location));
            let Some(item) = self.inventory.items.get_mut(id) else { continue };
            let fresh = Level { on_hand: 0, stocked: false, updated_at: now };
            let level = item.levels.entry(location.clone()).or_insert(fresh);
            let on_hand = if name == Name::OnHand { *quantity } else { quantity + committed };
            // Where the item is not stocked the call succeeds, a repeat adds to it, and the level stays unseen.
            let delta = if level.stocked { on_hand - level.on_hand } else { on_hand };
            if delta != 0 {
                level.on_hand += delta;
                level.updated_at = now;
                let change = |name| Change { name, delta, item: *id, location: location.clone() };
                changes.extend(["available", "on_hand"].map(change));
            }
        }
        let text = |name: &str| input.get(name).and_then(Value::as_str).map(str::to_owned);
        let id = (!changes.is_empty()).then(|| self.ids.document())?;
        let document = text("referenceDocumentUri");
        Some(Group { id, reason: text("reason").unwrap_or_default(), document, at: now, changes })
    }
}

/// A scheme and something behind it; of a global id all three parts.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let parts = rest.split('/').filter(|part| !part.is_empty()).count();
    let plain = |byte: u8| byte.is_ascii_graphic();
    !scheme.is_empty() && text.bytes().all(plain) && (parts >= 3 || (scheme != "gid" && parts >= 1))
}
