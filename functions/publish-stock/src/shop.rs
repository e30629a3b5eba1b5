//! One storefront: what it is to show, what it shows, and how the one becomes the other.

use std::collections::{BTreeMap, BTreeSet};

use crossdock_connectors::{Shown as Answer, StockTarget, Storefront};
use crossdock_domain::canonical::hash_of;
use crossdock_domain::item::{Item, Shown};
use crossdock_domain::{ConnectionId, LocationId, Sku};
use crossdock_runner::store_failure;
use crossdock_step::Failure;

use crate::PublishStock;

/// A value that the storefront shows against our expectation is taken for somebody else's doing once it has stayed so
/// often: until then it may be a shipment that it was told of and whose fact is still on the way to us.
const PATIENCE: u32 = 3;

/// What became of some SKUs at one storefront.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Levels that it shows now and did not before.
    pub(crate) shown: usize,
    /// SKUs that have to be looked at again.
    pub(crate) again: BTreeSet<Sku>,
}

/// A level that is to be shown.
struct Level {
    target: StockTarget,
    /// What was told of it when the target was reckoned.
    told: i64,
    version: i64,
}

impl PublishStock {
    /// Brings what a storefront shows of some SKUs to what there is now.
    pub(crate) async fn show(&self, storefront: &ConnectionId, skus: &[Sku], tries: u32) -> Result<Outcome, Failure> {
        let mut outcome = Outcome::default();
        let Some(settings) = self.directory.channel(storefront).await?.filter(|channel| channel.publish_stock) else {
            return Ok(outcome);
        };
        let locations: Vec<LocationId> = settings.sourcing.locations.iter().map(|rule| rule.location.clone()).collect();
        let items = self.items.items(skus).await.map_err(store_failure)?;
        if items.values().all(|item| levels(item, storefront, &locations).iter().all(is_shown)) {
            return Ok(outcome);
        }
        self.directory.check(storefront).await?;
        let shop = self.storefronts.get(self.directory.outside(storefront, &self.calls).await?)?;
        let called = self.bring(shop.as_ref(), (storefront, &locations), (&items, tries), &mut outcome).await;
        match called {
            Ok(()) => self.directory.went_well(storefront),
            Err(failure) => return Err(self.directory.note(storefront, failure).await),
        }
        Ok(outcome)
    }

    async fn bring(
        &self,
        shop: &dyn Storefront,
        (storefront, locations): (&ConnectionId, &[LocationId]),
        (items, tries): (&BTreeMap<Sku, Item>, u32),
        outcome: &mut Outcome,
    ) -> Result<(), Failure> {
        let all: Vec<(Level, Option<i64>)> =
            items.values().flat_map(|item| levels(item, storefront, locations)).collect();
        let expected = self.expected(shop, storefront, (items, locations), &all).await?;
        let wanted = all.into_iter().filter_map(|(mut level, _)| {
            level.target.change_from = *expected.get(&(level.target.sku.clone(), level.target.location.clone()))?;
            Some(level)
        });
        let wanted: Vec<Level> = wanted.collect();
        for level in wanted.iter().filter(|level| level.target.on_hand == level.target.change_from) {
            self.remember(storefront, level).await?;
        }
        let open: Vec<Level> =
            wanted.into_iter().filter(|level| level.target.on_hand != level.target.change_from).collect();
        if open.is_empty() {
            return Ok(());
        }
        let targets: Vec<StockTarget> = open.iter().map(|level| level.target.clone()).collect();
        let answers = shop.show_stock(&key(storefront, &open), &targets).await?;
        for (level, answer) in open.iter().zip(answers) {
            self.take(storefront, (level, answer, tries), outcome).await?;
        }
        Ok(())
    }

    /// What the storefront shows, as far as we know; where it has never been shown anything, it is asked.
    async fn expected(
        &self,
        shop: &dyn Storefront,
        storefront: &ConnectionId,
        (items, locations): (&BTreeMap<Sku, Item>, &[LocationId]),
        all: &[(Level, Option<i64>)],
    ) -> Result<BTreeMap<(Sku, LocationId), i64>, Failure> {
        let key = |level: &Level| (level.target.sku.clone(), level.target.location.clone());
        let mut expected: BTreeMap<_, _> =
            all.iter().filter_map(|(level, shown)| Some((key(level), (*shown)?))).collect();
        let strange: BTreeSet<Sku> =
            all.iter().filter(|(_, shown)| shown.is_none()).map(|(level, _)| level.target.sku.clone()).collect();
        if strange.is_empty() {
            return Ok(expected);
        }
        let identity = |sku: Sku| {
            let known = items.get(&sku).and_then(|item| item.identities.get(storefront)).cloned();
            (sku, known)
        };
        let asked: Vec<_> = strange.into_iter().map(identity).collect();
        let told = shop.stock(&asked, locations).await?;
        for level in told {
            expected.entry((level.sku, level.location)).or_insert(level.on_hand);
        }
        for (sku, _) in asked.iter().filter(|(sku, _)| !expected.keys().any(|(known, _)| known == sku)) {
            tracing::warn!(%storefront, %sku, "the storefront does not sell it, or does not stock it anywhere");
        }
        Ok(expected)
    }

    async fn take(
        &self,
        storefront: &ConnectionId,
        (level, answer, tries): (&Level, Answer, u32),
        outcome: &mut Outcome,
    ) -> Result<(), Failure> {
        let target = &level.target;
        match answer {
            Answer::Set => {
                self.remember(storefront, level).await?;
                outcome.shown += 1;
            }
            Answer::Stale { actual: Some(actual) } if actual == target.on_hand => {
                // An earlier call of ours whose answer was lost.
                self.remember(storefront, level).await?;
            }
            Answer::Stale { actual } => {
                tracing::warn!(%storefront, sku = %target.sku, location = %target.location, expected = target.change_from,
                    actual, to_show = target.on_hand, tries, "the storefront shows something else than we have shown it");
                if let Some(actual) = actual.filter(|_| tries >= PATIENCE) {
                    // Somebody there has changed it. From now on that is what it shows, and it is brought to what there is.
                    let shown = Shown { on_hand: actual, told: level.told, at: self.clock.now() };
                    let at = (&target.sku, &target.location);
                    self.items.note_shown(at, storefront, shown).await.map_err(store_failure)?;
                }
                outcome.again.insert(target.sku.clone());
            }
            Answer::Unknown { reason } => {
                tracing::warn!(%storefront, sku = %target.sku, location = %target.location, reason, "not shown");
            }
        }
        Ok(())
    }

    async fn remember(&self, storefront: &ConnectionId, level: &Level) -> Result<(), Failure> {
        let shown = Shown { on_hand: level.target.on_hand, told: level.told, at: self.clock.now() };
        let at = (&level.target.sku, &level.target.location);
        self.items.note_shown(at, storefront, shown).await.map_err(store_failure)
    }
}

/// What is to be shown of an item, and what is shown as far as we know.
fn levels(item: &Item, storefront: &ConnectionId, locations: &[LocationId]) -> Vec<(Level, Option<i64>)> {
    let level = |location: &LocationId| {
        let stock = item.stock.get(location)?;
        let shown = stock.shown_at(storefront);
        let target = StockTarget {
            sku: item.sku.clone(),
            item: item.identities.get(storefront).cloned(),
            location: location.clone(),
            on_hand: stock.to_show(storefront, item.floor(location)),
            change_from: shown.unwrap_or(0),
        };
        let told = stock.told.get(storefront).copied().unwrap_or(0);
        Some((Level { target, told, version: stock.version }, shown))
    };
    locations.iter().filter_map(level).collect()
}

fn is_shown((level, shown): &(Level, Option<i64>)) -> bool {
    *shown == Some(level.target.on_hand)
}

/// Names the intention: the same change of the same state. Stock that goes to and fro is another state each time.
fn key(storefront: &ConnectionId, levels: &[Level]) -> String {
    let named = levels.iter().map(|level| {
        let target = &level.target;
        (&target.sku, &target.location, target.change_from, target.on_hand, level.version)
    });
    hash_of(&(storefront, named.collect::<Vec<_>>()))
}
