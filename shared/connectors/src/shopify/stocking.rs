//! Stock at Shopify: reading levels, and setting what is on hand, compared with what it is believed to be.
//!
//! Only `on_hand` is set. A sale moves `available` and `committed`, never `on_hand`: what is set can overwrite no sale,
//! seen by us or not. Before anything is set the levels are read, because Shopify takes quantities for locations that
//! do not stock an item too, adds them up there, and shows them to nobody.

use std::collections::{BTreeMap, BTreeSet};

use crossdock_domain::Sku;
use crossdock_domain::event::FailureClass;
use crossdock_domain::ids::LocationId;
use crossdock_step::Failure;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::client::Document;
use super::fulfilling::{Named, Page, number_of};
use super::translate::{Refusal, Unset, unset};
use super::{MOST_PAGES, Shopify, refused};
use crate::stock::{MOST_UNITS, Shown, ShownStock, StockTarget};

pub(super) const STOCK_OF_SKUS: Document =
    Document { name: "StockOfSkus", text: include_str!("queries/stock_of_skus.graphql") };
pub(super) const STOCK_OF_ITEMS: Document =
    Document { name: "StockOfItems", text: include_str!("queries/stock_of_items.graphql") };
pub(super) const STOCK_SET: Document = Document { name: "StockSet", text: include_str!("queries/stock_set.graphql") };

/// SKUs that one search names: its text grows with each.
const SKUS_AT_ONCE: usize = 50;
/// Items that one query reads by their identities: more would cost more than one query may.
const ITEMS_AT_ONCE: usize = 100;
/// Quantities that Shopify sets in one call.
const QUANTITIES_AT_ONCE: usize = 250;
/// Calls for the same targets, each without those that the one before was refused for.
const MOST_CALLS: usize = 6;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SearchData {
    inventory_items: Page<Item>,
}

#[derive(Deserialize)]
struct NodesData {
    nodes: Vec<Option<Item>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    id: String,
    sku: Option<String>,
    tracked: bool,
    inventory_level: Option<Level>,
}

#[derive(Debug, Clone, Deserialize)]
struct Level {
    quantities: Vec<NamedQuantity>,
}

#[derive(Debug, Clone, Deserialize)]
struct NamedQuantity {
    name: String,
    quantity: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SetData {
    inventory_set_quantities: SetOutcome,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SetOutcome {
    inventory_adjustment_group: Option<Group>,
    user_errors: Vec<SetError>,
}

#[derive(Deserialize)]
struct Group {
    changes: Vec<Change>,
}

#[derive(Deserialize)]
struct Change {
    delta: i64,
    item: Option<Named>,
    location: Option<Named>,
}

#[derive(Deserialize)]
struct SetError {
    field: Option<Vec<String>>,
    code: Option<String>,
    message: String,
}

impl SetError {
    /// Which quantity of the call it is about: `["input", "quantities", "3", "changeFromQuantity"]`.
    fn index(&self) -> Option<usize> {
        let path = self.field.as_deref().unwrap_or_default();
        let behind = path.iter().skip_while(|part| *part != "quantities").nth(1)?;
        behind.parse().ok()
    }
}

/// What Shopify has for something that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    Nothing,
    Several,
    Untracked,
    Unstocked,
    Stocked { item: String, units: Units },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Units {
    on_hand: i64,
    available: i64,
    committed: i64,
}

/// A quantity on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Quantity {
    /// The target's place in the list.
    at: usize,
    sku: Sku,
    item: String,
    location: String,
    from: i64,
    to: i64,
}

impl Quantity {
    fn input(&self) -> Value {
        json!({
            "inventoryItemId": self.item, "locationId": self.location, "quantity": self.to,
            "changeFromQuantity": self.from,
        })
    }
}

/// How Shopify answered a call that sets quantities.
enum Answer {
    Taken,
    /// The key was used before, and nothing came of it.
    Spent,
    /// Nothing was changed, because of these quantities of the call. No index: which they are is not told.
    Refused(Vec<(Option<usize>, Unset, String)>),
}

impl Shopify {
    pub(super) async fn read_stock(
        &self,
        items: &[(Sku, Option<String>)],
        locations: &[LocationId],
    ) -> Result<Vec<ShownStock>, Failure> {
        let mut shown = Vec::new();
        for location in locations {
            let Ok(gid) = self.location(location) else { continue };
            let found = self.find(items, &gid).await?;
            for ((sku, _), found) in items.iter().zip(found) {
                match found {
                    Found::Stocked { units: Units { on_hand, available, committed }, .. } => {
                        let (sku, location) = (sku.clone(), location.clone());
                        shown.push(ShownStock { sku, location, on_hand, available, committed });
                    }
                    Found::Several => {
                        tracing::warn!(%sku, "several items of the storefront have this SKU: none is read")
                    }
                    Found::Nothing | Found::Untracked | Found::Unstocked => {}
                }
            }
        }
        Ok(shown)
    }

    pub(super) async fn set_stock(&self, key: &str, targets: &[StockTarget]) -> Result<Vec<Shown>, Failure> {
        check(key, targets)?;
        let mut shown = Vec::new();
        for (number, chunk) in targets.chunks(QUANTITIES_AT_ONCE).enumerate() {
            let key = if number == 0 { key.to_owned() } else { format!("{key}:{number}") };
            shown.extend(self.set_chunk(&key, chunk).await?);
        }
        Ok(shown)
    }

    /// Sets as many as one call takes. Because one stale quantity fails all, the call is repeated without those.
    async fn set_chunk(&self, key: &str, targets: &[StockTarget]) -> Result<Vec<Shown>, Failure> {
        let mut shown = vec![Shown::Set; targets.len()];
        let mut open = Vec::new();
        for (quantity, place) in self.quantities(targets).await?.into_iter().zip(&mut shown) {
            match quantity {
                Ok(quantity) => open.push(quantity),
                Err(reason) => *place = Shown::Unknown { reason },
            }
        }
        let mut call = if open.len() == targets.len() { key.to_owned() } else { derived(key, &open) };
        for _ in 0..MOST_CALLS {
            if open.is_empty() {
                return Ok(shown);
            }
            match self.set(&call, (key, &open)).await? {
                Answer::Taken => return Ok(shown),
                Answer::Spent => call = format!("{key}:{:016x}", fastrand::u64(..)),
                Answer::Refused(refused) => {
                    for (at, outcome) in self.outcomes(&open, refused).await? {
                        open.retain(|quantity| quantity.at != at);
                        if let Some(place) = shown.get_mut(at) {
                            *place = outcome;
                        }
                    }
                    call = derived(key, &open);
                }
            }
        }
        Err(Failure::retry("the storefront's stock changes faster than it can be set"))
    }

    /// One call. What Shopify says it has changed must be what was asked for, or be there when it is read.
    async fn set(&self, call: &str, (key, open): (&str, &[Quantity])) -> Result<Answer, Failure> {
        let quantities: Vec<Value> = open.iter().map(Quantity::input).collect();
        let input = json!({
            "name": "on_hand", "reason": "correction", "referenceDocumentUri": document_of(key),
            "quantities": quantities,
        });
        let answer: SetData = self.client.call(STOCK_SET, json!({ "input": input, "key": call })).await?;
        let SetOutcome { inventory_adjustment_group, user_errors } = answer.inventory_set_quantities;
        if !user_errors.is_empty() {
            return self.refusal(user_errors, open.len());
        }
        let changes = inventory_adjustment_group.map(|group| group.changes).unwrap_or_default();
        if told(&changes) == expected(open) {
            return Ok(Answer::Taken);
        }
        let now = self.on_hand(open).await?;
        if now.iter().zip(open).all(|(now, quantity)| *now == Some(quantity.to)) {
            return Ok(Answer::Taken);
        }
        let detail = "it took the stock, and shows other changes than were asked for".into();
        Err(self.client.failure(&Refusal::Unparsable { detail }))
    }

    fn refusal(&self, errors: Vec<SetError>, sent: usize) -> Result<Answer, Failure> {
        let code = |error: &SetError| error.code.clone().unwrap_or_default();
        if errors.iter().any(|error| code(error) == "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED") {
            return Ok(Answer::Spent);
        }
        let mut refused = Vec::new();
        for error in &errors {
            let index = error.index().filter(|index| *index < sent);
            match (unset(&code(error), &error.message), index) {
                (Some(Unset::Stale), index) => refused.push((index, Unset::Stale, error.message.clone())),
                (Some(Unset::Unknown), Some(index)) => {
                    refused.push((Some(index), Unset::Unknown, error.message.clone()));
                }
                (Some(Unset::Unknown) | None, _) => {
                    let codes = errors.iter().map(code).collect();
                    let messages = errors.into_iter().map(|error| error.message).collect();
                    return Err(self.client.failure(&Refusal::Coded { codes, messages }));
                }
            }
        }
        Ok(Answer::Refused(refused))
    }

    /// What becomes of targets after a refusal, by their places: of those that Shopify names, and of all others that
    /// show something else. Not every stale one need be named, and each that is not costs a call.
    async fn outcomes(
        &self,
        open: &[Quantity],
        refused: Vec<(Option<usize>, Unset, String)>,
    ) -> Result<BTreeMap<usize, Shown>, Failure> {
        let mut outcomes = BTreeMap::new();
        let mut stale = BTreeSet::new();
        for (index, why, message) in refused {
            match (why, index.and_then(|index| open.get(index))) {
                (Unset::Stale, Some(quantity)) => {
                    stale.insert(quantity.at);
                }
                (Unset::Unknown, Some(quantity)) => {
                    let reason = format!("{}: Shopify says: {message}", quantity.sku);
                    outcomes.insert(quantity.at, Shown::Unknown { reason });
                }
                (Unset::Stale | Unset::Unknown, None) => {}
            }
        }
        for (actual, quantity) in self.on_hand(open).await?.into_iter().zip(open) {
            if stale.contains(&quantity.at) || actual != Some(quantity.from) {
                outcomes.entry(quantity.at).or_insert(Shown::Stale { actual });
            }
        }
        if outcomes.is_empty() {
            return Err(Failure::retry("the storefront found stock stale that is not"));
        }
        Ok(outcomes)
    }

    /// What is on hand now, of each quantity; nothing where it is no longer there.
    async fn on_hand(&self, of: &[Quantity]) -> Result<Vec<Option<i64>>, Failure> {
        let mut now = vec![None; of.len()];
        let locations: BTreeSet<&str> = of.iter().map(|quantity| quantity.location.as_str()).collect();
        for location in locations {
            let here = || of.iter().enumerate().filter(|(_, quantity)| quantity.location == location);
            let asked: Vec<(Sku, Option<String>)> =
                here().map(|(_, quantity)| (quantity.sku.clone(), Some(quantity.item.clone()))).collect();
            let found = self.find(&asked, location).await?;
            for ((place, _), found) in here().zip(found) {
                if let (Some(now), Found::Stocked { units, .. }) = (now.get_mut(place), found) {
                    *now = Some(units.on_hand);
                }
            }
        }
        Ok(now)
    }

    /// What is to be sent for each target, or why nothing can be.
    async fn quantities(&self, targets: &[StockTarget]) -> Result<Vec<Result<Quantity, String>>, Failure> {
        let mut quantities: Vec<Result<Quantity, String>> = vec![Err(String::new()); targets.len()];
        let mut taken = BTreeSet::new();
        let locations: BTreeSet<&LocationId> = targets.iter().map(|target| &target.location).collect();
        for location in locations {
            let here: Vec<(usize, &StockTarget)> =
                targets.iter().enumerate().filter(|(_, target)| target.location == *location).collect();
            let asked: Vec<_> = here.iter().map(|(_, target)| (target.sku.clone(), target.item.clone())).collect();
            let (gid, found) = match self.location(location) {
                Ok(gid) => (gid.clone(), self.find(&asked, &gid).await?.into_iter().map(Ok).collect()),
                Err(reason) => (String::new(), vec![Err(reason); here.len()]),
            };
            for ((at, target), found) in here.into_iter().zip(found) {
                let quantity = found.and_then(|found| quantity((at, target), &gid, found));
                let quantity = quantity.and_then(|it| {
                    let twice = format!("{}: another SKU has the same item of the storefront", it.sku);
                    if taken.insert((it.item.clone(), it.location.clone())) { Ok(it) } else { Err(twice) }
                });
                if let Some(place) = quantities.get_mut(at) {
                    *place = quantity;
                }
            }
        }
        Ok(quantities)
    }

    /// Shopify's identity of a location of ours.
    fn location(&self, location: &LocationId) -> Result<String, String> {
        let number = self.client.config.locations.get(location);
        let unmapped = || format!("the connection's settings name no Shopify location for {location}");
        number.map(|number| format!("gid://shopify/Location/{}", number.0)).ok_or_else(unmapped)
    }

    /// Looks for items: by their identities where those are known, else by their SKUs.
    async fn find(&self, asked: &[(Sku, Option<String>)], location: &str) -> Result<Vec<Found>, Failure> {
        let ids: BTreeSet<String> = asked.iter().filter_map(|(_, item)| item.as_deref().map(gid_of)).collect();
        let skus: BTreeSet<&Sku> = asked.iter().filter(|(_, item)| item.is_none()).map(|(sku, _)| sku).collect();
        let mut items = Vec::new();
        for ids in ids.into_iter().collect::<Vec<_>>().chunks(ITEMS_AT_ONCE) {
            items.extend(self.items(ids, location).await?);
        }
        let mut by_sku = Vec::new();
        for skus in skus.into_iter().collect::<Vec<_>>().chunks(SKUS_AT_ONCE) {
            by_sku.extend(self.search(skus, location).await?);
        }
        let found = asked.iter().map(|(sku, item)| match item {
            Some(item) => seen(items.iter().filter(|it| it.id == gid_of(item))),
            None => seen(by_sku.iter().filter(|it| has_sku(it, sku))),
        });
        let found = found.collect::<Result<Vec<_>, String>>();
        found.map_err(|detail| self.client.failure(&Refusal::Unparsable { detail }))
    }

    async fn items(&self, ids: &[String], location: &str) -> Result<Vec<Item>, Failure> {
        let variables = json!({ "ids": ids, "location": location });
        let answer: NodesData = self.client.call(STOCK_OF_ITEMS, variables).await?;
        let others = answer.nodes.iter().zip(ids).any(|(node, id)| node.as_ref().is_some_and(|it| it.id != *id));
        if others || answer.nodes.len() != ids.len() {
            let detail = "other items than were asked for".into();
            return Err(self.client.failure(&Refusal::Unparsable { detail }));
        }
        Ok(answer.nodes.into_iter().flatten().collect())
    }

    async fn search(&self, skus: &[&Sku], location: &str) -> Result<Vec<Item>, Failure> {
        let query = skus.iter().map(|sku| term(sku)).collect::<Vec<_>>().join(" OR ");
        let mut items = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let variables = json!({ "query": query, "location": location, "after": after });
            let answer: SearchData = self.client.call(STOCK_OF_SKUS, variables).await?;
            after = answer.inventory_items.next();
            items.extend(answer.inventory_items.nodes);
            if after.is_none() {
                // The same item may be on two pages when somebody changes it meanwhile.
                items.sort_by(|one: &Item, other| one.id.cmp(&other.id));
                items.dedup_by(|one, other| one.id == other.id);
                return Ok(items);
            }
        }
        Err(refused("the storefront finds too many items for our SKUs: give the items' identities"))
    }
}

/// What cannot be asked for is not sent in part.
fn check(key: &str, targets: &[StockTarget]) -> Result<(), Failure> {
    let wrong = |what: String| Err(Failure::permanent(FailureClass::Value, what));
    if key.is_empty() {
        return wrong("stock cannot be shown without a key".into());
    }
    for target in targets {
        let believed = (-MOST_UNITS..=MOST_UNITS).contains(&target.change_from);
        if !believed || !(0..=MOST_UNITS).contains(&target.on_hand) {
            let (from, to) = (target.change_from, target.on_hand);
            return wrong(format!("{}: a storefront cannot show {to} units on hand instead of {from}", target.sku));
        }
    }
    Ok(())
}

fn quantity((at, target): (usize, &StockTarget), location: &str, found: Found) -> Result<Quantity, String> {
    let (sku, here) = (&target.sku, &target.location);
    match found {
        Found::Stocked { item, .. } => Ok(Quantity {
            at,
            sku: sku.clone(),
            item,
            location: location.to_owned(),
            from: target.change_from,
            to: target.on_hand,
        }),
        Found::Nothing => Err(format!("the storefront has no item {sku}: create it there, or correct its SKU")),
        Found::Several => Err(format!("several items of the storefront are {sku}: say which, or rename the others")),
        Found::Untracked => Err(format!("the storefront does not track {sku}: turn tracking on there")),
        Found::Unstocked => Err(format!("the storefront does not stock {sku} at {here}: turn that on there")),
    }
}

/// What was found for one thing that was asked for, or what is wrong with the answer.
fn seen<'a>(mut items: impl Iterator<Item = &'a Item>) -> Result<Found, String> {
    let Some(item) = items.next() else { return Ok(Found::Nothing) };
    if items.next().is_some() {
        return Ok(Found::Several);
    }
    match &item.inventory_level {
        _ if !item.tracked => Ok(Found::Untracked),
        None => Ok(Found::Unstocked),
        Some(level) => {
            let units = |name: &str| {
                let found = level.quantities.iter().find(|quantity| quantity.name == name);
                found.map(|it| it.quantity).ok_or_else(|| format!("a level does not say what is {name}"))
            };
            let (on_hand, available) = (units("on_hand")?, units("available")?);
            let units = Units { on_hand, available, committed: units("committed")? };
            Ok(Found::Stocked { item: item.id.clone(), units })
        }
    }
}

/// Exactly: the search is not. SKUs are one in whatever way their accents are encoded.
fn has_sku(item: &Item, sku: &Sku) -> bool {
    item.sku.as_deref().and_then(|told| told.parse::<Sku>().ok()).as_ref() == Some(sku)
}

/// A term of a search. In quotes only a quote and a backslash have a meaning. [doc: "Shopify API search syntax"]
fn term(sku: &Sku) -> String {
    let quoted = sku.as_str().replace('\\', "\\\\").replace('"', "\\\"");
    format!("sku:\"{quoted}\"")
}

/// An item's identity, given in full or as its number.
fn gid_of(item: &str) -> String {
    format!("gid://shopify/InventoryItem/{}", number_of(item))
}

/// Units that an item at a location gains, by both their identities.
type Gains = BTreeMap<(String, String), i64>;

fn expected(open: &[Quantity]) -> Gains {
    let gains = open.iter().map(|it| ((it.item.clone(), it.location.clone()), it.to - it.from));
    gains.filter(|(_, units)| *units != 0).collect()
}

fn told(changes: &[Change]) -> Gains {
    let mut gains = Gains::new();
    for change in changes {
        let id = |named: &Option<Named>| named.as_ref().map(|it| it.id.clone()).unwrap_or_default();
        *gains.entry((id(&change.item), id(&change.location))).or_default() += change.delta;
    }
    gains.retain(|_, units| *units != 0);
    gains
}

/// The key of a call that leaves some targets out: another one for other quantities, the same for the same.
fn derived(key: &str, open: &[Quantity]) -> String {
    let mut hash = Sha256::new();
    for quantity in open {
        hash.update(quantity.input().to_string());
    }
    let digest: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{key}:{digest}")
}

/// What the shop's history of an item shows as the cause.
fn document_of(key: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || "-_.".contains(letter) { letter } else { '-' };
    format!("gid://crossdock/Stock/{}", key.chars().map(plain).collect::<String>())
}
