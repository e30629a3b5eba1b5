//! Catalogue data of a SKU by hand: prices, identities in the outside systems, safety stock. The fix of what is unmapped.

use std::collections::BTreeMap;

use crossdock_connectors::api::{ParsedItem, parse_item, parse_parts};
use crossdock_domain::Sku;
use crossdock_domain::identities::Identities;
use crossdock_domain::item::Item;
use crossdock_domain::kit;
use crossdock_runner::faults;
use crossdock_step::api::{Answer, Problem, Reply, Request};
use http::StatusCode;
use serde_json::json;

use crate::{ManageStock, origin, sku};

/// How often an item is read again when others were faster.
const TRIES: u32 = 12;

impl ManageStock {
    pub(crate) async fn keep_item(&self, request: &Request) -> Answer {
        request.allowed_everywhere("catalogue:write")?;
        let sku = sku(request)?;
        let told = parse_item(&request.body).map_err(|found| faults::problem(&found))?;
        for connection in told.identities.iter().flat_map(Identities::connections) {
            if self.directory.find(connection).await.map_err(Problem::unavailable_because)?.is_none() {
                let detail = format!("{connection} is not configured, so that no identity there can be used");
                return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail));
            }
        }
        let (item, is_new) = self.keep(&sku, &told).await?;
        tracing::info!(sku = %item.sku, is_new, "an item was kept");
        self.unmapped.take_up_after(&item.sku, "manage-stock").await;
        let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
        let body = json!({
            "sku": item.sku,
            "prices_minor": item.prices,
            "identities": item.identities,
            "safety": item.safety,
            "components": item.components,
        });
        Ok(Reply::json(status, &body))
    }

    /// What an item may be made of, or that it may be made of nothing any more.
    async fn check_kit(&self, item: &Item, components: &BTreeMap<Sku, u32>) -> Result<(), Problem> {
        let refuse = |detail: String| Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "not-a-kit", detail));
        let others: Vec<Sku> = components.keys().cloned().collect();
        let known = self.items.items(&others).await.map_err(Problem::unavailable_because)?;
        if let Some(component) = others.iter().find(|component| !known.contains_key(*component)) {
            return refuse(format!("{component} must be in the catalogue to be a component of {}", item.sku));
        }
        let kits = self.items.kits_with(&item.sku).await.map_err(Problem::unavailable_because)?;
        kit::refusal(item, components, &known, &kits).map_or(Ok(()), refuse)
    }

    /// What is not said stays as it is, also of a system that is not spoken of; what is said replaces what was.
    async fn keep(&self, sku: &Sku, told: &ParsedItem) -> Result<(Item, bool), Problem> {
        for _ in 0..TRIES {
            let known = self.items.items(std::slice::from_ref(sku)).await.map_err(Problem::unavailable_because)?;
            let known = known.into_values().next();
            let is_new = known.is_none();
            let mut item = known.unwrap_or_else(|| Item::new(sku.clone()));
            item.prices = told.prices.clone().unwrap_or(item.prices);
            item.identities = item.identities.told(told.identities.clone().unwrap_or_default());
            item.safety = told.safety.clone().unwrap_or(item.safety);
            if let Some(components) = told.components.as_ref().filter(|told| **told != item.components) {
                self.check_kit(&item, components).await?;
                item.components = components.clone();
            }
            if self.items.keep_item(&item).await.map_err(Problem::unavailable_because)? {
                return Ok((item, is_new));
            }
        }
        Err(Problem::unavailable_because("others keep changing the item"))
    }

    /// Keeps a SKU's stock in several parts, so that many buyers at once do not write the same record; asked again, it
    /// evens the parts out.
    pub(crate) async fn spread(&self, request: &Request) -> Answer {
        let caller = request.allowed_everywhere("inventory:write")?;
        let parts = parse_parts(&request.body).map_err(|found| faults::problem(&found))?;
        let item = self.item(&sku(request)?).await?;
        self.items.open_parts(&item, parts).await.map_err(Problem::unavailable_because)?;
        let item =
            self.keeper.even_out(&item.sku, &origin(request, caller)).await.map_err(Problem::unavailable_because)?;
        let by_part = item.stock.keys().map(|location| (location, item.available_by_part(location)));
        let by_part: BTreeMap<_, _> = by_part.collect();
        Ok(Reply::json(StatusCode::OK, &json!({ "sku": item.sku, "parts": item.parts, "available_by_part": by_part })))
    }
}
