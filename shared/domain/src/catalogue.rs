//! The catalogue as the ERP tells it: it owns which items there are, what they cost and what it calls them. What it
//! tells late changes nothing, and what cannot be kept is a fact, so that somebody sees it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::accept::{Context, liftable_holds};
use crate::canonical::hash_of;
use crate::event::{Decision, Event, FailureClass, HoldCode};
use crate::identities::unmapped_in;
use crate::ids::{ConnectionId, Sku};
use crate::inventory::StockDocument;
use crate::item::Item;
use crate::money::{Currency, Minor};
use crate::order::Order;

/// What the ERP's last word on a SKU was of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The ERP.
    pub erp: ConnectionId,
    /// Its item.
    pub id: String,
    /// When that was last changed there: an older word changes nothing.
    pub at: Timestamp,
    /// The currencies that it told a price in. Prices in others are somebody else's.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub currencies: BTreeSet<Currency>,
    /// Whether it told what the item is made of.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kit: bool,
}

/// What an ERP says of one of its items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The ERP.
    pub erp: ConnectionId,
    /// Its item.
    pub id: String,
    /// The SKU.
    pub sku: Sku,
    /// Whether it is sold.
    pub active: bool,
    /// The price of one unit by currency.
    pub prices: BTreeMap<Currency, Minor>,
    /// Of a kit, units of each component.
    pub components: BTreeMap<Sku, u32>,
    /// When it was last changed there.
    pub changed_at: Timestamp,
}

/// An item of the ERP cannot be kept. What is known of its SKU stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemRefused {
    /// The ERP.
    pub erp: ConnectionId,
    /// Its item.
    pub item: String,
    /// The SKU as the ERP writes it; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    /// The class of failure.
    pub class: FailureClass,
    /// What is wrong, and what to do.
    pub reason: String,
    /// When the item was last changed there.
    pub changed_at: Timestamp,
}

/// An item of the ERP is that SKU from now on; or it is none of ours, and nothing is wrong with it any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemKept {
    /// The ERP.
    pub erp: ConnectionId,
    /// Its item.
    pub item: String,
    /// The SKU; absent where the ERP sells it no more and it is none of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<Sku>,
    /// When the item was last changed there.
    pub changed_at: Timestamp,
}

/// What a word means for what is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// It is older than what is known.
    Stale,
    /// It is known.
    Same,
    /// The ERP does not sell it, and it is none of ours.
    Passed,
    /// The item is this from now on.
    News(Box<Item>),
}

/// Reads an ERP's word against what is known of the SKU. What others have set stays: identities elsewhere, safety stock,
/// and every identity in the ERP that a person has dated.
#[must_use]
pub fn read(word: &Word, known: Option<&Item>, now: Timestamp) -> Reading {
    let before = known.and_then(|item| item.told.as_ref()).filter(|told| told.erp == word.erp);
    let same_item = before.filter(|told| told.id == word.id);
    if same_item.is_some_and(|told| word.changed_at < told.at) {
        return Reading::Stale;
    }
    // What is sold no more takes no SKU from what is.
    let is_called = |item: &Item| item.identities.at(&word.erp, now) == Some(&word.id);
    if !word.active && same_item.is_none() && !known.is_some_and(is_called) {
        return Reading::Passed;
    }
    let mut item = known.cloned().unwrap_or_else(|| Item::new(word.sku.clone()));
    let current = item.identities.at(&word.erp, now);
    if current.is_none() {
        item.identities.set(&word.erp, None, &word.id);
    } else if current != Some(&word.id) && same_item.is_none() {
        item.identities.set(&word.erp, Some(word.changed_at), &word.id);
    }
    item.prices.retain(|currency, _| before.is_none_or(|told| !told.currencies.contains(currency)));
    item.prices.extend(&word.prices);
    let kit = !word.components.is_empty();
    if kit || before.is_some_and(|told| told.kit) {
        item.components.clone_from(&word.components);
    }
    item.inactive = !word.active;
    let (erp, id, at) = (word.erp.clone(), word.id.clone(), word.changed_at);
    item.told = Some(Told { erp, id, at, currencies: word.prices.keys().copied().collect(), kit });
    if known == Some(&item) { Reading::Same } else { Reading::News(Box::new(item)) }
}

/// The other item of the ERP that may have the word's SKU as well, by what was told last; whether it still has, its
/// stream says ([`holds`]). None where a person has said which of them it is.
#[must_use]
pub fn rival<'a>(word: &Word, known: Option<&'a Item>, now: Timestamp) -> Option<&'a str> {
    let item = known.filter(|item| !item.inactive)?;
    let told = item.told.as_ref().filter(|told| told.erp == word.erp && told.id != word.id)?;
    (item.identities.at(&word.erp, now) != Some(&word.id)).then_some(told.id.as_str())
}

/// The stream of what was said of one item of an ERP.
#[must_use]
pub fn stream_of(erp: &ConnectionId, item: &str) -> String {
    let is_plain = item.len() <= 40 && item.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let name = if is_plain { item.to_owned() } else { hash_of(&item) };
    format!("inventory#catalogue#{erp}#{name}")
}

/// The last of an item's facts, and of which moment it is.
fn last(document: &StockDocument) -> Option<(&Event, Timestamp)> {
    let (_, fact) = document.facts.values().next_back()?;
    if let Event::CatalogueItemRefused(refused) = fact {
        Some((fact, refused.changed_at))
    } else if let Event::CatalogueItemKept(kept) = fact {
        Some((fact, kept.changed_at))
    } else {
        None
    }
}

/// Whether an item of the ERP is that SKU, by its stream.
#[must_use]
pub fn holds(document: &StockDocument, sku: &Sku) -> bool {
    held(document) == Some(sku)
}

/// The SKU that an item of the ERP is.
#[must_use]
pub fn held(document: &StockDocument) -> Option<&Sku> {
    let kept =
        document.facts.values().rev().find_map(|(_, fact)| {
            if let Event::CatalogueItemKept(kept) = fact { Some(kept.sku.as_ref()) } else { None }
        });
    kept.flatten()
}

/// Whether a later word on an item is known.
#[must_use]
pub fn is_outdated(document: &StockDocument, changed_at: Timestamp) -> bool {
    last(document).is_some_and(|(_, known)| changed_at < known)
}

/// What is to be recorded where an item cannot be kept; nothing where that is known.
#[must_use]
pub fn refused(document: &StockDocument, refused: &ItemRefused) -> Option<Event> {
    if is_outdated(document, refused.changed_at) {
        return None;
    }
    let is_known = document.refused.as_ref().is_some_and(|(known, _)| {
        (&known.sku, known.class, &known.reason) == (&refused.sku, refused.class, &refused.reason)
    });
    (!is_known).then(|| Event::CatalogueItemRefused(refused.clone()))
}

/// What is to be recorded where an item is kept, or is none of ours; nothing where that is known.
#[must_use]
pub fn kept(document: &StockDocument, kept: &ItemKept) -> Option<Event> {
    if is_outdated(document, kept.changed_at) {
        return None;
    }
    let is_new = held(document) != kept.sku.as_ref();
    (document.refused.is_some() || is_new).then(|| Event::CatalogueItemKept(kept.clone()))
}

impl Word {
    /// That this item is kept.
    #[must_use]
    pub fn kept(&self) -> ItemKept {
        let (erp, item, sku) = (self.erp.clone(), self.id.clone(), Some(self.sku.clone()));
        ItemKept { erp, item, sku, changed_at: self.changed_at }
    }

    /// That it cannot be what the ERP says that it is.
    #[must_use]
    pub fn cannot_be(&self, reason: &str) -> ItemRefused {
        let reason =
            format!("{}: {reason}; correct it there, or have the whole catalogue read once it is so here", self.erp);
        self.refused(FailureClass::Value, reason)
    }

    /// That another item of the ERP has its SKU.
    #[must_use]
    pub fn duplicate_of(&self, other: &str) -> ItemRefused {
        let Self { erp, id, sku, .. } = self;
        let reason = format!(
            "{erp} has {sku} twice, as its items {other} and {id}; {other} counts. Give one of them another SKU there or \
             make it inactive; if {other} is there no more, map {sku} to {id} (PUT /v1/catalogue/items/{{sku}}) and have \
             the whole catalogue read"
        );
        self.refused(FailureClass::Duplicate, reason)
    }

    fn refused(&self, class: FailureClass, reason: String) -> ItemRefused {
        let Self { erp, id, sku, changed_at, .. } = self;
        ItemRefused {
            erp: erp.clone(),
            item: id.clone(),
            sku: Some(sku.to_string()),
            class,
            reason,
            changed_at: *changed_at,
        }
    }
}

/// The SKUs that decide whether an order may go on: those of its goods, and those that a parked task names.
#[must_use]
pub fn skus_in_question(order: &Order) -> Vec<Sku> {
    let goods = order.goods().filter_map(|(_, line)| line.sku.clone());
    let named = order.parked.values().filter_map(|parked| Some(unmapped_in(&parked.fact.reason)?.0));
    goods.chain(named).collect()
}

/// What an order that stopped at a SKU may go on with, now that the catalogue knows it: holds are lifted, tasks taken up
/// again. Whatever else it waits for stays.
#[must_use]
pub fn taken_up(order: &Order, context: Context<'_>, now: Timestamp) -> Decision {
    let routes = &context.settings.routes;
    // A SKU that was unknown may still be unmapped: nothing goes on halfway.
    let is_known = |sku: &Sku| {
        let item = context.items.get(sku);
        item.is_some_and(|item| [&routes.fulfillment, &routes.erp].iter().all(|to| item.identities.is_known(to)))
    };
    let all_known = order.goods().filter_map(|(_, line)| line.sku.as_ref()).all(is_known);
    let mut codes = if all_known { liftable_holds(order, None, context) } else { Vec::new() };
    codes.retain(|code| matches!(code, HoldCode::UnknownSku | HoldCode::Unmapped));
    let lifted = (!codes.is_empty()).then_some(Event::OrderReleased { codes });
    let parked = order.parked.values().filter(|parked| is_mapped(&parked.fact.reason, context.items, now));
    let released = parked.map(|parked| Event::TaskReleased { task: parked.fact.task.clone() });
    lifted.into_iter().chain(released).collect::<Vec<_>>().into()
}

/// Whether a reason says that a SKU is not known in a system in which it is by now.
#[must_use]
pub fn is_mapped(reason: &str, items: &BTreeMap<Sku, Item>, now: Timestamp) -> bool {
    unmapped_in(reason)
        .is_some_and(|(sku, system)| items.get(&sku).is_some_and(|item| item.identities.at(&system, now).is_some()))
}
