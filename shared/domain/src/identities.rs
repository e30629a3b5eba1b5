//! What an item is called in each outside system, and from which moment on.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{ConnectionId, Sku};

/// An item's identities by connection. One that has no first moment holds until the first that has; every later one
/// from its moment on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Identities(BTreeMap<ConnectionId, Known>);

/// Identities in one system by their first moment; none: from ever.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Told", into = "Told")]
struct Known(BTreeMap<Option<Timestamp>, String>);

/// One identity as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dated {
    /// From when it holds; none: from ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// What the item is called from then on.
    pub id: String,
}

/// Most items are called the same for ever, and are written so.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Told {
    Always(String),
    Dated(Vec<Dated>),
}

impl From<Told> for Known {
    fn from(told: Told) -> Self {
        match told {
            Told::Always(id) => Self(BTreeMap::from([(None, id)])),
            Told::Dated(all) => Self(all.into_iter().map(|dated| (dated.from, dated.id)).collect()),
        }
    }
}

impl From<Known> for Told {
    fn from(known: Known) -> Self {
        let mut all: Vec<Dated> = known.0.into_iter().map(|(from, id)| Dated { from, id }).collect();
        match all.pop() {
            Some(Dated { from: None, id }) => Self::Always(id),
            last => Self::Dated(all.into_iter().chain(last).collect()),
        }
    }
}

impl Identities {
    /// What the item is called in a system at a moment; none: it is not known there.
    #[must_use]
    pub fn at(&self, connection: &ConnectionId, moment: Timestamp) -> Option<&str> {
        let known = &self.0.get(connection)?.0;
        known.range(..=Some(moment)).next_back().map(|(_, id)| id.as_str())
    }

    /// Whether it is, was or will be known in a system.
    #[must_use]
    pub fn is_known(&self, connection: &ConnectionId) -> bool {
        self.0.get(connection).is_some_and(|known| !known.0.is_empty())
    }

    /// Whether the item was ever, or will be, called so in a system: what is told under an old name is of it, too.
    #[must_use]
    pub fn ever(&self, connection: &ConnectionId, id: &str) -> bool {
        self.0.get(connection).is_some_and(|known| known.0.values().any(|known| known == id))
    }

    /// From a moment on (none: from ever) the item is called so in a system, until the moment of the next one.
    pub fn set(&mut self, connection: &ConnectionId, from: Option<Timestamp>, id: &str) {
        self.0.entry(connection.clone()).or_default().0.insert(from, id.to_owned());
    }

    /// These identities, but in the systems that somebody has spoken of what was said: nothing, where it is called nothing
    /// there any more.
    #[must_use]
    pub fn told(mut self, said: Self) -> Self {
        self.0.extend(said.0);
        self.0.retain(|_, known| !known.0.is_empty());
        self
    }

    /// The systems that know the item, now or then.
    pub fn connections(&self) -> impl Iterator<Item = &ConnectionId> {
        self.0.keys()
    }
}

impl<const N: usize> From<[(ConnectionId, String); N]> for Identities {
    fn from(always: [(ConnectionId, String); N]) -> Self {
        always.into_iter().collect()
    }
}

impl FromIterator<(ConnectionId, String)> for Identities {
    fn from_iter<T: IntoIterator<Item = (ConnectionId, String)>>(always: T) -> Self {
        let mut identities = Self::default();
        always.into_iter().for_each(|(connection, id)| identities.set(&connection, None, &id));
        identities
    }
}

impl FromIterator<(ConnectionId, Vec<Dated>)> for Identities {
    fn from_iter<T: IntoIterator<Item = (ConnectionId, Vec<Dated>)>>(told: T) -> Self {
        Self(told.into_iter().map(|(connection, all)| (connection, Told::Dated(all).into())).collect())
    }
}

/// What stands between a SKU and the system that does not know it.
const UNMAPPED: &str = " has no identity in ";

/// What is said where an item is not known in a system. Whoever takes the work up again once it is known reads it
/// ([`unmapped_in`]).
#[must_use]
pub fn unmapped(sku: &Sku, system: &ConnectionId) -> String {
    format!("{sku}{UNMAPPED}{system}")
}

/// The SKU and the system of a reason that says that the one is not known in the other.
#[must_use]
pub fn unmapped_in(reason: &str) -> Option<(Sku, ConnectionId)> {
    let (sku, rest) = reason.split_once(UNMAPPED)?;
    let system = rest.split_once(':').map_or(rest, |(system, _)| system);
    Some((sku.parse().ok()?, system.parse().ok()?))
}
