//! What ShipBob has: `GET /{version}/inventory-level/locations` and what its quantities mean.

use std::collections::BTreeSet;

use crossdock_domain::event::FailureClass;
use crossdock_domain::ids::LocationId;
use crossdock_step::Failure;
use jiff::Timestamp;
use serde::Deserialize;

use super::config::Settings;
use super::translate::or_default;
use crate::address::quoted;
use crate::{CountedStock, StockPage};

/// What is asked for, without its query.
pub const PATH: &str = "inventory-level/locations";
/// The query of the first page. ShipBob publishes no largest page; its orders' is 250.
const FIRST_PAGE: &str = "PageSize=100";
/// No cursor of ShipBob's is near as long.
const LONGEST_QUERY: usize = 2000;

/// `InventoryQuantityFcResponsePagedResponse`, as far as it is read. A page that lists nothing says so: without its
/// list it is no page.
#[derive(Deserialize)]
pub struct Levels {
    items: Vec<Item>,
    #[serde(default)]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    inventory_id: i32,
    #[serde(default)]
    sku: Option<String>,
    #[serde(deserialize_with = "or_default")]
    locations: Vec<Place>,
}

/// `FulfillableQuantityByFulfillmentCenter`. A quantity that is missing is not zero.
#[derive(Deserialize)]
struct Place {
    location_id: i32,
    #[serde(default)]
    name: Option<String>,
    on_hand_quantity: i32,
    committed_quantity: i32,
    fulfillable_quantity: i32,
    awaiting_quantity: i32,
}

/// The query of the page that `after` stands for: what a page before it gave as `next`.
///
/// # Errors
/// It is nothing that a page gives.
pub fn query(after: Option<&str>) -> Result<&str, Failure> {
    let query = after.unwrap_or(FIRST_PAGE);
    if is_query(query) {
        return Ok(query);
    }
    let reason = format!("{:?} is no page of ShipBob's stock: begin with the first", quoted(query));
    Err(Failure::permanent(FailureClass::Value, reason))
}

fn is_query(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~%=&+,:;!*'()/".contains(&b);
    (1..=LONGEST_QUERY).contains(&text.len()) && text.bytes().all(plain)
}

impl Levels {
    /// The page that was asked for with `asked`.
    ///
    /// # Errors
    /// It names no next page that can be asked for.
    pub fn page(self, settings: &Settings, as_of: Timestamp, asked: &str) -> Result<StockPage, Failure> {
        let next = self.next.as_deref().filter(|next| !next.is_empty()).map(next_query).transpose()?;
        if next.as_deref() == Some(asked) {
            return Err(unreadable("its next page is the one that was asked for"));
        }
        let (mut levels, mut strangers) = (Vec::new(), BTreeSet::new());
        for item in &self.items {
            for place in &item.locations {
                match settings.location(i64::from(place.location_id)) {
                    Some(location) => levels.push(item.at(place, location)),
                    None if place.is_empty() => {}
                    None => {
                        strangers.insert(place.shown());
                    }
                }
            }
        }
        Ok(StockPage { levels, as_of, next, strangers: strangers.into_iter().collect() })
    }
}

/// The query of a next page's address. Its host is not followed: the query goes to the address in the settings.
fn next_query(next: &str) -> Result<String, Failure> {
    let (path, query) = next.split_once('?').unwrap_or((next, ""));
    if path.ends_with(PATH) && is_query(query) {
        Ok(query.to_owned())
    } else {
        Err(unreadable("its next page is no page of stock"))
    }
}

fn unreadable(why: &str) -> Failure {
    let reason = format!("ShipBob's answer to GET {PATH} is not what its specification says: {why}");
    Failure::permanent(FailureClass::Parse, reason)
}

impl Place {
    /// Nothing there, nothing coming: of no concern, whoever's place it is.
    fn is_empty(&self) -> bool {
        self.on_hand_quantity == 0 && self.committed_quantity == 0 && self.awaiting_quantity == 0
    }

    fn shown(&self) -> String {
        match &self.name {
            Some(name) => format!("{} ({})", self.location_id, quoted(name)),
            None => self.location_id.to_string(),
        }
    }

    /// What is there and neither promised nor on sale. ShipBob gives no such number per place: the exception quantity
    /// is the account's, and stands for orders that wait rather than for goods ("sellable", developer.shipbob.com/guides).
    /// Orders that wait may be promised more than is there: that is no quarantine.
    fn unsellable(&self) -> i64 {
        let [on_hand, promised, on_sale] =
            [self.on_hand_quantity, self.committed_quantity, self.fulfillable_quantity].map(i64::from);
        (on_hand - promised - on_sale.max(0)).max(0)
    }
}

impl Item {
    fn at(&self, place: &Place, location: &LocationId) -> CountedStock {
        CountedStock {
            item: self.inventory_id.to_string(),
            sku: self.sku.clone().filter(|sku| !sku.is_empty()),
            location: location.clone(),
            on_hand: place.on_hand_quantity.into(),
            quarantine: place.unsellable(),
            committed: place.committed_quantity.into(),
            in_transit: place.awaiting_quantity.into(),
        }
    }
}
