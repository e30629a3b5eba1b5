//! What people at the warehouse do: pick, pack and ship, put on hold, find the shelf empty.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::Inner;
use super::warehouse::{ShipOrder, ShipmentStatus, Turn};
use super::webhook::About;
use crate::shopify::{named, said};

/// Which orders an act is about: `"all"`, `{ "reference_id": … }` or `{ "order": <id> | "all" }`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Which {
    All,
    Reference(String),
    Id(u64),
}

/// Every act is `"all"` or an object with these fields; each act uses those that concern it.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Fields {
    #[serde(default)]
    reference_id: Option<String>,
    #[serde(default)]
    order: Option<Value>,
    #[serde(default)]
    lines: Option<Vec<PartLine>>,
    #[serde(default)]
    tracking_number: Option<String>,
    #[serde(default)]
    carrier: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    new_webhook_id: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PartLine {
    sku: String,
    quantity: i64,
}

struct Doing {
    which: Which,
    fields: Fields,
}

impl<'de> Deserialize<'de> for Doing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if value.as_str() == Some("all") {
            return Ok(Self { which: Which::All, fields: Fields::default() });
        }
        let fields: Fields = serde_json::from_value(value).map_err(serde::de::Error::custom)?;
        let which = which(&fields).map_err(serde::de::Error::custom)?;
        Ok(Self { which, fields })
    }
}

fn which(fields: &Fields) -> Result<Which, String> {
    match (&fields.reference_id, &fields.order) {
        (Some(reference), None) => Ok(Which::Reference(reference.clone())),
        (None, Some(order)) => {
            let from_text = || order.as_str().and_then(|text| text.parse().ok());
            match order.as_str() {
                Some("all") => Ok(Which::All),
                _ => order.as_u64().or_else(from_text).map(Which::Id).ok_or_else(shape),
            }
        }
        (Some(_), Some(_)) | (None, None) => Err(shape()),
    }
}

fn shape() -> String {
    "say \"all\", { \"reference_id\": … } or { \"order\": … }".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sku {
    sku: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Secrets {
    secrets: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Times {
    times: u32,
}

impl Inner {
    pub(super) fn act(&mut self, act: Value, now: Timestamp) -> Result<Value, String> {
        let (name, content) = named(act)?;
        match name.as_str() {
            "ship" => self.ship_all(&said(&name, content)?, now),
            "pick" => self.pick(&said(&name, content)?),
            "deliver" => self.deliver(&said(&name, content)?, now),
            "exception" | "hold" | "resolve" | "refuse" | "cancel" => self.turn(&name, &said(&name, content)?, now),
            "redeliver" => self.redeliver(&said(&name, content)?, now),
            "withdraw_product" => {
                let product: Sku = said(&name, content)?;
                self.warehouse.withdrawn.insert(product.sku);
                Ok(json!({ "withdrawn": self.warehouse.withdrawn }))
            }
            "restore_product" => {
                let product: Sku = said(&name, content)?;
                self.warehouse.withdrawn.remove(&product.sku);
                Ok(json!({ "withdrawn": self.warehouse.withdrawn }))
            }
            "set_secrets" => {
                let secrets: Secrets = said(&name, content)?;
                self.secrets = secrets.secrets;
                Ok(json!({ "secrets": self.secrets.len() }))
            }
            "early_shipments" => {
                let early: Times = said(&name, content)?;
                self.early_shipments = early.times;
                Ok(json!({ "early_shipments": early.times }))
            }
            _ => self.stock_act(&name, &content, now).or_else(|| self.return_act(&name, content, now)).unwrap_or_else(
                || {
                    Err(format!(
                        "nobody at the warehouse can {name:?}: ship, pick, deliver, exception, hold, resolve, refuse, \
                     cancel, redeliver, withdraw_product, restore_product, set_secrets, early_shipments, \
                     receive_return, receive_unannounced, return_to_sender, set_stock, adjust_stock, quarantine_stock, \
                     expect_stock, receive_stock"
                    ))
                },
            ),
        }
    }

    fn ids(&self, which: &Which) -> Result<Vec<u64>, String> {
        match which {
            Which::All => Ok(self.warehouse.orders.keys().copied().collect()),
            Which::Id(id) => Ok(vec![*id]),
            Which::Reference(reference) => self
                .warehouse
                .find(reference)
                .map(|order| vec![order.id])
                .ok_or_else(|| format!("there is no order {reference}")),
        }
    }

    fn ship_all(&mut self, doing: &Doing, now: Timestamp) -> Result<Value, String> {
        let part = |line: &PartLine| (line.sku.clone(), line.quantity);
        let wanted = ShipOrder {
            lines: doing.fields.lines.as_ref().map(|lines| lines.iter().map(part).collect()),
            tracking_number: doing.fields.tracking_number.clone(),
            carrier: doing.fields.carrier.clone(),
        };
        let mut shipped = Vec::new();
        for order in self.ids(&doing.which)? {
            match self.ship(order, &wanted, now) {
                Ok(shipment) => shipped.push(json!({ "order": order, "shipment": shipment })),
                // Of all orders, those that wait for nothing are left alone.
                Err(_) if doing.which == Which::All => {}
                Err(reason) => return Err(reason),
            }
        }
        Ok(json!({ "shipped": shipped }))
    }

    fn pick(&mut self, doing: &Doing) -> Result<Value, String> {
        let mut picked = 0;
        for id in self.ids(&doing.which)? {
            let order = self.warehouse.orders.get_mut(&id).ok_or_else(|| format!("there is no order {id}"))?;
            for shipment in &mut order.shipments {
                let waits = shipment.status == ShipmentStatus::Processing && !shipment.is_picked;
                shipment.is_picked |= waits;
                picked += u32::from(waits);
            }
        }
        Ok(json!({ "picked": picked }))
    }

    fn deliver(&mut self, doing: &Doing, now: Timestamp) -> Result<Value, String> {
        let mut delivered = Vec::new();
        for id in self.ids(&doing.which)? {
            let order = self.warehouse.orders.get_mut(&id).ok_or_else(|| format!("there is no order {id}"))?;
            for shipment in &mut order.shipments {
                if shipment.status == ShipmentStatus::Completed && shipment.delivered_at.is_none() {
                    shipment.delivered_at = Some(now);
                    shipment.updated_at = now;
                    delivered.push((id, shipment.id));
                }
            }
        }
        for (order, shipment) in &delivered {
            self.tell((*order, *shipment), "order.shipment.delivered", now);
        }
        Ok(json!({ "delivered": delivered.len() }))
    }

    fn turn(&mut self, name: &str, doing: &Doing, now: Timestamp) -> Result<Value, String> {
        use ShipmentStatus::{Cancelled, Exception, OnHold, Processing};
        let (from, to, topic): (&[_], _, _) = match name {
            "exception" => (&[Processing, OnHold], Exception, Some("order.shipment.exception")),
            "hold" => (&[Processing], OnHold, Some("order.shipment.on_hold")),
            "refuse" | "cancel" => (&[Processing, Exception, OnHold], Cancelled, Some("order.shipment.cancelled")),
            _ => (&[Exception, OnHold], Processing, None),
        };
        let detail = doing.fields.reason.as_deref();
        let turn = Turn { from, to, detail };
        let mut turned = Vec::new();
        for order in self.ids(&doing.which)? {
            match self.warehouse.turn(order, &turn, now) {
                Ok(shipments) => turned.extend(shipments.into_iter().map(|shipment| (order, shipment))),
                Err(_) if doing.which == Which::All => {}
                Err(reason) => return Err(reason),
            }
        }
        for ids in &turned {
            if let Some(topic) = topic {
                self.tell(*ids, topic, now);
            }
        }
        Ok(json!({ name: turned.len() }))
    }

    fn redeliver(&mut self, doing: &Doing, now: Timestamp) -> Result<Value, String> {
        let returned = match &doing.which {
            Which::Reference(reference) => self.warehouse.find_return(reference).map(|known| known.id),
            Which::All | Which::Id(_) => None,
        };
        let orders = if returned.is_some() { Vec::new() } else { self.ids(&doing.which)? };
        let is_wanted = |about: &About| {
            doing.which == Which::All
                || about.order.is_some_and(|order| orders.contains(&order))
                || (returned.is_some() && about.returned == returned)
        };
        let mut again = self.sent.iter().filter(|message| is_wanted(&message.about)).cloned().collect::<Vec<_>>();
        for message in &mut again {
            if doing.fields.new_webhook_id {
                message.id = self.next_message_id();
            }
            self.outbox.push(message.delivery(&self.secrets, now));
        }
        Ok(json!({ "deliveries": again.len() }))
    }
}
