//! What people do at the shop: customers place and pay orders, staff holds, releases and cancels them.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Inner;
use super::ledger::TransactionStatus;
use super::shop::{Parts, PlannedError, WebhookIds};
use super::template::OrderTemplate;
use jiff::Timestamp;

/// An act is `{ "<name>": { … } }`; `{ "action": "<name>", … }` says the same.
pub(crate) fn named(act: Value) -> Result<(String, Value), String> {
    let shape = || "an act is { \"<name>\": { … } } or { \"action\": \"<name>\", … }".to_owned();
    let Value::Object(mut fields) = act else {
        return Err(shape());
    };
    if let Some(Value::String(name)) = fields.remove("action") {
        return Ok((name, Value::Object(fields)));
    }
    match (fields.len(), fields.into_iter().next()) {
        (1, Some(one)) => Ok(one),
        _ => Err(shape()),
    }
}

/// Reads what an act says, and names the act when it says it wrongly.
pub(crate) fn said<T: DeserializeOwned>(name: &str, content: Value) -> Result<T, String> {
    serde_json::from_value(content).map_err(|error| format!("{name}: {error}"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Series {
    count: u64,
    template: OrderTemplate,
    /// Quantities, subsets of lines and free shipping vary unless this is false.
    #[serde(default = "varied")]
    vary: bool,
    /// Where the series starts: two runs with other starts are other series.
    #[serde(default)]
    from: u64,
}

fn varied() -> bool {
    true
}

/// An order id as a JSON string or number, or `"all"`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Which {
    All,
    One(u64),
}

impl<'de> Deserialize<'de> for Which {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let from_text = || value.as_str().and_then(|text| text.parse().ok());
        match value.as_str() {
            Some("all") => Ok(Self::All),
            _ => value
                .as_u64()
                .or_else(from_text)
                .map(Self::One)
                .ok_or_else(|| serde::de::Error::custom(format!("{value} is no order id"))),
        }
    }
}

impl Which {
    pub(super) fn one(self) -> Result<u64, String> {
        match self {
            Self::One(id) => Ok(id),
            Self::All => Err("name one order by its id".to_owned()),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Redelivery {
    order: Which,
    #[serde(default)]
    topic: Option<String>,
    #[serde(default)]
    new_webhook_id: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Holding {
    order: Which,
    #[serde(default)]
    location: Option<String>,
    #[serde(default = "other")]
    reason: String,
    #[serde(default)]
    notes: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    order: Which,
    #[serde(default)]
    location: Option<String>,
}

fn other() -> String {
    "OTHER".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Payment {
    order: Which,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    secrets: Vec<String>,
    #[serde(default)]
    sign_with: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Access {
    denied: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Subscriptions {
    topics: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failure {
    code: String,
    #[serde(default = "once")]
    times: u32,
    #[serde(default)]
    after_commit: bool,
}

fn once() -> u32 {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fate {
    status: TransactionStatus,
    #[serde(default = "once")]
    times: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Drain {
    points: u32,
}

impl Inner {
    pub(super) fn act(&mut self, act: Value, now: Timestamp) -> Result<Value, String> {
        let (name, content) = named(act)?;
        match name.as_str() {
            "place_order" => self.place_order(&said(&name, content)?, now),
            "place_orders" => self.place_orders(&said(&name, content)?, now),
            "pay_order" => {
                let payment: Payment = said(&name, content)?;
                self.shop.pay(payment.order.one()?, now).map(|()| json!({ "paid": true }))
            }
            "redeliver" => Ok(self.redeliver(&said(&name, content)?)),
            "hold_fulfillment_order" => self.hold(said(&name, content)?, now),
            "release_hold" => self.release(said(&name, content)?, now),
            "set_secrets" => self.set_secrets(said(&name, content)?),
            "set_access" => {
                let access: Access = said(&name, content)?;
                self.shop.denied = access.denied.into_iter().collect();
                Ok(json!({ "denied": self.shop.denied }))
            }
            "set_topics" => {
                let subscriptions: Subscriptions = said(&name, content)?;
                let before = std::mem::replace(&mut self.shop.topics, subscriptions.topics);
                Ok(json!({ "topics": self.shop.topics, "before": before }))
            }
            "fail_next" => Ok(self.fail_next(&said(&name, content)?)),
            "next_refunds" => {
                let fate: Fate = said(&name, content)?;
                self.shop.refund_fates.extend((0..fate.times).map(|_| fate.status));
                Ok(json!({ "planned": self.shop.refund_fates.len() }))
            }
            "set_inventory" | "adjust_inventory" | "next_stock" => self.stock_act(&name, content, now),
            "drain_bucket" => {
                let drain: Drain = said(&name, content)?;
                self.bucket.drain_to(drain.points, now);
                Ok(json!({ "drained_to": drain.points }))
            }
            _ => self.change(&name, content, now),
        }
    }

    fn place_order(&mut self, template: &OrderTemplate, now: Timestamp) -> Result<Value, String> {
        let id = self.shop.place(template, now)?;
        self.placed(id).ok_or_else(|| "the order is lost".to_owned())
    }

    fn placed(&self, id: u64) -> Option<Value> {
        let order = self.shop.orders.get(&id)?;
        Some(json!({
            "id": id.to_string(), "name": order.name(), "total": order.total(), "currency": order.currency.code,
        }))
    }

    fn place_orders(&mut self, series: &Series, now: Timestamp) -> Result<Value, String> {
        const LARGEST_SERIES: u64 = 10_000;
        if series.count > LARGEST_SERIES {
            return Err(format!("at most {LARGEST_SERIES} orders in one act"));
        }
        let mut placed = Vec::new();
        for index in series.from..series.from.saturating_add(series.count) {
            let id = if series.vary {
                self.shop.place(&series.template.varied(index), now)?
            } else {
                self.shop.place(&series.template, now)?
            };
            placed.extend(self.placed(id));
        }
        Ok(json!({ "orders": placed }))
    }

    fn redeliver(&mut self, again: &Redelivery) -> Value {
        let order = match again.order {
            Which::All => None,
            Which::One(id) => Some(id),
        };
        let ids = if again.new_webhook_id { WebhookIds::New } else { WebhookIds::Same };
        json!({ "deliveries": self.shop.redeliver(order, again.topic.as_deref(), ids) })
    }

    fn hold(&mut self, holding: Holding, now: Timestamp) -> Result<Value, String> {
        let parts = Parts { order: holding.order.one()?, location: holding.location };
        let why = (holding.reason.as_str(), holding.notes.as_deref());
        let held = self.shop.hold(&parts, why, now)?;
        Ok(json!({ "held": held }))
    }

    fn release(&mut self, release: Release, now: Timestamp) -> Result<Value, String> {
        let parts = Parts { order: release.order.one()?, location: release.location };
        let released = self.shop.release(&parts, now)?;
        Ok(json!({ "released": released }))
    }

    fn set_secrets(&mut self, rotation: Rotation) -> Result<Value, String> {
        if rotation.sign_with >= rotation.secrets.len() {
            return Err("sign_with must be the index of one of the secrets".to_owned());
        }
        self.shop.secrets = rotation.secrets;
        self.shop.sign_with = rotation.sign_with;
        Ok(json!({ "secrets": self.shop.secrets.len() }))
    }

    fn fail_next(&mut self, failure: &Failure) -> Value {
        for _ in 0..failure.times {
            self.shop
                .planned_errors
                .push_back(PlannedError { code: failure.code.clone(), after_commit: failure.after_commit });
        }
        json!({ "planned": self.shop.planned_errors.len() })
    }
}
