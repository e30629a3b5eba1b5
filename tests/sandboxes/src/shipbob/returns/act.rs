//! What people at the returns desk do.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Action, Found, Parcel, ReturnKind, ReturnStatus, is_under_way};
use crate::shipbob::Inner;
use crate::shopify::said;

/// The fields of the acts; each uses those that concern it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::shipbob) struct ReturnAct {
    /// Of the return; for `return_to_sender`, of the order.
    #[serde(default)]
    reference_id: Option<String>,
    #[serde(default)]
    order_reference: Option<String>,
    #[serde(default)]
    lines: Vec<FoundLine>,
    #[serde(default)]
    return_type: Option<String>,
    #[serde(default)]
    action: Option<String>,
    #[serde(default = "yes")]
    completed: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FoundLine {
    sku: String,
    quantity: i64,
    action: String,
}

impl FoundLine {
    fn found(&self) -> Result<Found, String> {
        if self.quantity < 1 || self.sku.is_empty() {
            return Err("a line has a sku and a quantity of one or more".to_owned());
        }
        Ok(Found { sku: self.sku.clone(), quantity: self.quantity, action: taken(&self.action)? })
    }
}

fn taken(word: &str) -> Result<Action, String> {
    let action = Action::read(word).filter(|action| *action != Action::Default);
    action.ok_or_else(|| format!("{word:?} is no action: Restock, Quarantine or Dispose"))
}

impl Inner {
    /// The act, if it is one of the returns desk.
    pub(in crate::shipbob) fn return_act(
        &mut self,
        name: &str,
        content: Value,
        now: Timestamp,
    ) -> Option<Result<Value, String>> {
        let act: fn(&mut Self, &ReturnAct, Timestamp) -> Result<Value, String> = match name {
            "receive_return" => Self::receive_return,
            "receive_unannounced" => Self::receive_unannounced,
            "return_to_sender" => Self::return_to_sender,
            _ => return None,
        };
        Some(said(name, content).and_then(|content| act(self, &content, now)))
    }

    fn receive_return(&mut self, act: &ReturnAct, now: Timestamp) -> Result<Value, String> {
        let reference = act.reference_id.as_deref().ok_or("say the return's reference_id")?;
        let found = act.lines.iter().map(FoundLine::found).collect::<Result<Vec<_>, _>>()?;
        let known = self.warehouse.find_return(reference).ok_or_else(|| format!("there is no return {reference}"))?;
        let id = known.id;
        match known.status() {
            ReturnStatus::AwaitingArrival => self.arrive(id, now),
            ReturnStatus::Arrived | ReturnStatus::Processing => {}
            ReturnStatus::Completed | ReturnStatus::Cancelled => {
                return Err(format!("return {reference} is {}", known.status().word()));
            }
        }
        Ok(self.process(id, (&found, act.completed), now))
    }

    fn receive_unannounced(&mut self, act: &ReturnAct, now: Timestamp) -> Result<Value, String> {
        let reference = act.order_reference.as_deref().ok_or("say the order_reference")?;
        let found = act.lines.iter().map(FoundLine::found).collect::<Result<Vec<_>, _>>()?;
        let word = act.return_type.as_deref().unwrap_or(ReturnKind::Regular.word());
        let kind = ReturnKind::ALL.into_iter().find(|kind| kind.word() == word);
        let kind = kind.ok_or_else(|| format!("{word:?} is no return_type: Regular or ReturnToSender"))?;
        let order = self.warehouse.find(reference).ok_or_else(|| format!("there is no order {reference}"))?;
        let shipped = order.shipments.iter().find(|shipment| shipment.shipped_at.is_some());
        let shipment = shipped.ok_or_else(|| format!("nothing of order {reference} has left"))?;
        let parcel = Parcel::of(order, shipment, now);
        let id = self.warehouse.take_back((kind, None), parcel);
        self.tell_return(id, "return.created", now);
        Ok(self.process(id, (&found, act.completed), now))
    }

    /// Every parcel of the order that is under way comes back whole, as a return of its own.
    fn return_to_sender(&mut self, act: &ReturnAct, now: Timestamp) -> Result<Value, String> {
        let reference = act.reference_id.as_deref().ok_or("say the order's reference_id")?;
        let action = taken(act.action.as_deref().unwrap_or(Action::Restock.word()))?;
        let order = self.warehouse.find(reference).ok_or_else(|| format!("there is no order {reference}"))?;
        let is_back = |shipment: u64| {
            let mut back = self.warehouse.returns.values().filter(|known| known.kind == ReturnKind::ReturnToSender);
            back.any(|known| known.origin.as_ref().is_some_and(|origin| origin.shipment == shipment))
        };
        let mut parcels = Vec::new();
        for shipment in order.shipments.iter().filter(|shipment| is_under_way(shipment) && !is_back(shipment.id)) {
            let units = |(line, quantity): &(usize, i64)| {
                Some(Found { sku: order.lines.get(*line)?.sku.clone(), quantity: *quantity, action })
            };
            let found = shipment.contents.iter().filter_map(units).collect::<Vec<_>>();
            parcels.push((Parcel::of(order, shipment, now), found));
        }
        if parcels.is_empty() {
            return Err(format!("no parcel of order {reference} is under way"));
        }
        let mut returned = Vec::new();
        for (parcel, found) in parcels {
            let name = format!("RTS-{}", parcel.origin.shipment);
            let id = self.warehouse.take_back((ReturnKind::ReturnToSender, Some(name)), parcel);
            self.tell_return(id, "return.created", now);
            returned.push(self.process(id, (&found, act.completed), now));
        }
        Ok(json!({ "returned": returned }))
    }

    fn arrive(&mut self, id: u64, now: Timestamp) {
        if let Some(known) = self.warehouse.returns.get_mut(&id) {
            known.turn(ReturnStatus::Arrived, now);
        }
        self.tell_return(id, "return.updated", now);
    }

    /// Books what was found and says so.
    fn process(&mut self, id: u64, (found, is_completed): (&[Found], bool), now: Timestamp) -> Value {
        self.warehouse.book(id, found, now);
        let (status, topic) = if is_completed {
            (ReturnStatus::Completed, "return.completed")
        } else {
            (ReturnStatus::Processing, "return.updated")
        };
        if let Some(known) = self.warehouse.returns.get_mut(&id) {
            known.turn(status, now);
        }
        self.tell_return(id, topic, now);
        json!({ "return": id, "status": status.word() })
    }
}
