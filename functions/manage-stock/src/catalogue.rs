//! Catalogue data of a SKU by hand: prices, identities in the outside systems, safety stock. The fix of what is unmapped.

use crossdock_connectors::api::{parse_item, parse_parts};
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
        self.items.keep_item(&item).await.map_err(Problem::unavailable_because)?;
        let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
        let body = json!({
            "sku": item.sku,
            "prices_minor": item.prices,
            "identities": item.identities,
            "safety": item.safety,
        });
        Ok(Reply::json(status, &body))
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
        let by_part: std::collections::BTreeMap<_, _> = by_part.collect();
        Ok(Reply::json(StatusCode::OK, &json!({ "sku": item.sku, "parts": item.parts, "available_by_part": by_part })))
    }
}
