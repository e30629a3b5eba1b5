//! `GET /inventory-level/locations`: what is listed are the items that somebody has counted.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::Stocked;
use crate::common::lock;
use crate::shipbob::warehouse::Warehouse;
use crate::shipbob::{ShipBob, answer};

const LARGEST_PAGE: usize = 250;
const USUAL_PAGE: usize = 50;

pub(in crate::shipbob) fn routes() -> Router<ShipBob> {
    Router::new().route("/{version}/inventory-level/locations", get(locations_route))
}

async fn locations_route(
    State(shipbob): State<ShipBob>,
    Path(version): Path<String>,
    Query(filters): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let list = || match Listing::read(&filters) {
        Ok(listing) => answer(StatusCode::OK, &listing.page(&lock(&shipbob.inner).warehouse, &version)),
        Err(parameter) => problem(&parameter),
    };
    shipbob.refusal(&version, &headers).unwrap_or_else(list)
}

struct Listing {
    /// Items whose inventory id is above this one.
    after: i64,
    size: usize,
    items: Option<Vec<i64>>,
    center: Option<i64>,
}

impl Listing {
    /// The name of a parameter that is wrong is the error.
    fn read(filters: &BTreeMap<String, String>) -> Result<Self, String> {
        // Parameter names are not case sensitive.
        let given = |name: &str| {
            let found = filters.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.as_str())
        };
        let number = |name: &str| given(name).map(|text| text.parse::<i64>().map_err(|_| name.to_owned())).transpose();
        let size = number("PageSize")?.map_or(Some(USUAL_PAGE), |size| usize::try_from(size).ok());
        let ids = given("InventoryIds").map(|list| list.split(',').map(|id| id.trim().parse::<i64>()).collect());
        Ok(Self {
            after: given("Cursor").map_or(Some(0), cursor).ok_or("Cursor")?,
            size: size.filter(|size| (1..=LARGEST_PAGE).contains(size)).ok_or("PageSize")?,
            items: ids.transpose().map_err(|_| "InventoryIds".to_owned())?,
            center: number("LocationId")?,
        })
    }

    /// `InventoryQuantityFcResponsePagedResponse`.
    fn page(&self, warehouse: &Warehouse, version: &str) -> Value {
        let is_wanted = |item: &Stocked| {
            item.inventory_id > self.after && self.items.as_ref().is_none_or(|ids| ids.contains(&item.inventory_id))
        };
        let mut wanted = warehouse.stock.iter().filter(|(_, item)| is_wanted(item)).collect::<Vec<_>>();
        wanted.sort_by_key(|(_, item)| item.inventory_id);
        let has_more = wanted.len() > self.size;
        wanted.truncate(self.size);
        let last = wanted.last().map_or(0, |(_, item)| item.inventory_id);
        let next = has_more.then(|| self.address(last, version));
        let items = wanted.into_iter().map(|(sku, item)| self.item(warehouse, sku, item)).collect::<Vec<_>>();
        json!({ "first": null, "last": null, "next": next, "prev": null, "items": items })
    }

    fn address(&self, last: i64, version: &str) -> String {
        let cursor = URL_SAFE_NO_PAD.encode(json!({ "Id": last, "CursorType": 0 }).to_string());
        let center = self.center.map_or_else(String::new, |center| format!("&LocationId={center}"));
        format!("/{version}/inventory-level/locations?Cursor={cursor}&PageSize={}{center}", self.size)
    }

    /// `InventoryQuantityFcResponse`.
    fn item(&self, warehouse: &Warehouse, sku: &str, item: &Stocked) -> Value {
        let centers = warehouse.centers.iter().filter(|center| self.center.is_none_or(|wanted| wanted == center.id));
        let locations = centers.filter_map(|center| {
            let shelf = warehouse.shelf_stock(sku, center.id)?;
            Some(json!({
                "location_id": center.id,
                "name": center.name,
                "on_hand_quantity": shelf.on_hand,
                "committed_quantity": shelf.committed,
                "fulfillable_quantity": shelf.fulfillable(),
                "awaiting_quantity": shelf.awaiting,
                "internal_transfer_quantity": 0,
            }))
        });
        let locations = locations.collect::<Vec<_>>();
        json!({ "inventory_id": item.inventory_id, "name": item.name, "sku": sku, "locations": locations })
    }
}

fn cursor(text: &str) -> Option<i64> {
    let content: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    content.get("Id")?.as_i64()
}

/// `Inventory.ProblemDetails`.
fn problem(parameter: &str) -> Response {
    let detail = format!("The value is not valid for {parameter}.");
    let body = json!({ "type": null, "title": "Bad Request", "status": 400, "detail": detail, "instance": null });
    answer(StatusCode::BAD_REQUEST, &body)
}
