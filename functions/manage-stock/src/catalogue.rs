//! Catalogue data of a SKU by hand: prices, identities in the outside systems, safety stock. The fix of what is unmapped.

use std::collections::BTreeMap;

use crossdock_connectors::api::{parse_item, parse_parts};
use crossdock_domain::Sku;
use crossdock_domain::item::Item;
use crossdock_runner::faults;
use crossdock_step::api::{Answer, Problem, Reply, Request};
use http::StatusCode;
use serde_json::json;

use crate::{ManageStock, origin, sku};

impl ManageStock {
    pub(crate) async fn keep_item(&self, request: &Request) -> Answer {
        self.allowed(request, "catalogue:write")?;
        let sku = sku(request)?;
        let told = parse_item(&request.body).map_err(|found| faults::problem(&found))?;
        for connection in told.identities.iter().flatten().map(|(connection, _)| connection) {
            if self.directory.find(connection).await.map_err(Problem::unavailable_because)?.is_none() {
                let detail = format!("{connection} is not configured, so that no identity there can be used");
                return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail));
            }
        }
        let known =
            self.items.items(std::slice::from_ref(&sku)).await.map_err(Problem::unavailable_because)?.remove(&sku);
        let is_new = known.is_none();
        let mut item = known.unwrap_or_else(|| Item::new(sku));
        // What is not said stays as it is; what is said replaces what was.
        item.prices = told.prices.unwrap_or(item.prices);
        item.identities = told.identities.unwrap_or(item.identities);
        item.safety = told.safety.unwrap_or(item.safety);
        if let Some(components) = told.components.filter(|told| *told != item.components) {
            self.check_kit(&item, &components).await?;
            item.components = components;
        }
        self.items.keep_item(&item).await.map_err(Problem::unavailable_because)?;
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
        let sku = &item.sku;
        if item.stock.values().any(|stock| stock.on_hand != 0 || stock.reserved() != 0) {
            return refuse(format!(
                "there is stock of {sku}, or orders hold it: what it is made of can be changed once there is none and they \
                 have left"
            ));
        }
        let others: Vec<Sku> = components.keys().cloned().collect();
        let known = self.items.items(&others).await.map_err(Problem::unavailable_because)?;
        let is_plain = |component: &&Sku| known.get(*component).is_some_and(|item| item.components.is_empty());
        if let Some(component) = others.iter().find(|component| *component == sku || !is_plain(component)) {
            return refuse(format!(
                "{component} cannot be a component of {sku}: it must be in the catalogue and no kit"
            ));
        }
        let of = self.items.kits_of(std::slice::from_ref(sku)).await.map_err(Problem::unavailable_because)?;
        let of: Vec<Sku> = of.into_iter().collect();
        let kits = self.items.items(&of).await.map_err(Problem::unavailable_because)?;
        match kits.values().find(|kit| !components.is_empty() && kit.components.contains_key(sku)) {
            Some(kit) => refuse(format!("{sku} is a component of {}, and a kit is made of no kits", kit.sku)),
            None => Ok(()),
        }
    }

    /// Keeps a SKU's stock in several parts, so that many buyers at once do not write the same record; asked again, it
    /// evens the parts out.
    pub(crate) async fn spread(&self, request: &Request) -> Answer {
        let caller = self.allowed(request, "inventory:write")?;
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
