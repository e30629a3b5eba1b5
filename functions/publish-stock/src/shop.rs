//! One storefront: what it is to show, what it shows, and how the one becomes the other.

use std::collections::{BTreeMap, BTreeSet};

use crossdock_connectors::{Shown as Answer, StockTarget, Storefront};
use crossdock_domain::canonical::hash_of;
use crossdock_domain::item::{Item, Shown, Stock};
use crossdock_domain::kit;
use crossdock_domain::settings::SourcingRule;
use crossdock_domain::{ConnectionId, LocationId, Sku};
use crossdock_runner::store_failure;
use crossdock_step::Failure;
use jiff::Timestamp;

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
    /// Not before then, where the storefront is busy with what cannot wait.
    pub(crate) not_before: Option<Timestamp>,
}

/// A level that is to be shown.
struct Level {
    target: StockTarget,
    /// What was told of it when the target was reckoned.
    told: i64,
    version: i64,
}

/// One storefront and what of it is looked at.
struct Visit<'a> {
    function: &'a PublishStock,
    shop: &'a dyn Storefront,
    storefront: &'a ConnectionId,
    locations: &'a [LocationId],
    items: &'a BTreeMap<Sku, Item>,
    /// How often it was tried before.
    tries: u32,
}

impl PublishStock {
    /// Brings what a storefront shows of some SKUs to what there is now.
    pub(crate) async fn show(&self, storefront: &ConnectionId, skus: &[Sku], tries: u32) -> Result<Outcome, Failure> {
        let mut outcome = Outcome::default();
        let Some(settings) = self.directory.channel(storefront).await?.filter(|channel| channel.publish_stock) else {
            return Ok(outcome);
        };
        let rules = &settings.sourcing.locations;
        let locations: Vec<LocationId> = rules.iter().map(|rule| rule.location.clone()).collect();
        let items = self.concerned(skus, &locations).await?;
        let now = self.clock.now();
        let levels: Vec<(Level, Option<i64>)> =
            items.concerned().flat_map(|item| levels(item, (storefront, now), rules, &items.all)).collect();
        if levels.iter().all(is_shown) {
            return Ok(outcome);
        }
        self.directory.check(storefront).await?;
        let shop = self.storefronts.get(self.directory.outside(storefront, &self.calls).await?)?;
        if let Some(until) = shop.busy_until() {
            // Orders, refunds and announcements go first.
            outcome.again =
                levels.iter().filter(|level| !is_shown(level)).map(|(it, _)| it.target.sku.clone()).collect();
            outcome.not_before = Some(until);
            return Ok(outcome);
        }
        let visit =
            Visit { function: self, shop: shop.as_ref(), storefront, locations: &locations, items: &items.all, tries };
        self.directory.went(storefront, visit.bring(levels, &mut outcome).await).await?;
        Ok(outcome)
    }

    /// What has moved, and the kits of it: of those fewer can be made, or more.
    async fn concerned(&self, skus: &[Sku], locations: &[LocationId]) -> Result<Concerned, Failure> {
        let mut skus: BTreeSet<Sku> = skus.iter().cloned().collect();
        let moved: Vec<Sku> = skus.iter().cloned().collect();
        skus.extend(self.items.kits_of(&moved).await.map_err(store_failure)?);
        let asked: Vec<Sku> = skus.iter().cloned().collect();
        let mut all = self.items.items_with_components(&asked).await.map_err(store_failure)?;
        for item in all.values_mut().filter(|item| item.is_kit()) {
            for location in locations.iter().filter(|location| !item.stock.contains_key(location)).collect::<Vec<_>>() {
                // What is shown of it is noted there.
                self.items.open_location(&item.sku, location).await.map_err(store_failure)?;
                item.stock.insert(location.clone(), Stock::default());
            }
        }
        Ok(Concerned { skus, all })
    }
}

/// Items that are looked at, and what the kits among them are made of.
struct Concerned {
    skus: BTreeSet<Sku>,
    all: BTreeMap<Sku, Item>,
}

impl Concerned {
    fn concerned(&self) -> impl Iterator<Item = &Item> {
        self.skus.iter().filter_map(|sku| self.all.get(sku))
    }
}

impl Visit<'_> {
    async fn bring(&self, all: Vec<(Level, Option<i64>)>, outcome: &mut Outcome) -> Result<(), Failure> {
        let expected = self.expected(&all).await?;
        let wanted = all.into_iter().filter_map(|(mut level, _)| {
            level.target.change_from = *expected.get(&(level.target.sku.clone(), level.target.location.clone()))?;
            Some(level)
        });
        let (shown, open): (Vec<Level>, Vec<Level>) =
            wanted.partition(|level| level.target.on_hand == level.target.change_from);
        for level in shown {
            self.remember(&level).await?;
        }
        if open.is_empty() {
            return Ok(());
        }
        let targets: Vec<StockTarget> = open.iter().map(|level| level.target.clone()).collect();
        let answers = self.shop.show_stock(&key(self.storefront, &open), &targets).await?;
        for (level, answer) in open.iter().zip(answers) {
            self.take(level, answer, outcome).await?;
        }
        Ok(())
    }

    /// What the storefront shows, as far as we know; where it has never been shown anything, it is asked.
    async fn expected(&self, all: &[(Level, Option<i64>)]) -> Result<BTreeMap<(Sku, LocationId), i64>, Failure> {
        let key = |level: &Level| (level.target.sku.clone(), level.target.location.clone());
        let mut expected: BTreeMap<_, _> =
            all.iter().filter_map(|(level, shown)| Some((key(level), (*shown)?))).collect();
        let strange: BTreeSet<Sku> =
            all.iter().filter(|(_, shown)| shown.is_none()).map(|(level, _)| level.target.sku.clone()).collect();
        if strange.is_empty() {
            return Ok(expected);
        }
        let now = self.function.clock.now();
        let identity = |sku: Sku| {
            let known = self.items.get(&sku).and_then(|item| item.identities.at(self.storefront, now));
            let known = known.map(str::to_owned);
            (sku, known)
        };
        let asked: Vec<_> = strange.into_iter().map(identity).collect();
        for level in self.shop.stock(&asked, self.locations).await? {
            expected.entry((level.sku, level.location)).or_insert(level.on_hand);
        }
        for (sku, _) in asked.iter().filter(|(sku, _)| !expected.keys().any(|(known, _)| known == sku)) {
            tracing::warn!(storefront = %self.storefront, %sku, "the storefront does not sell it, or stocks it nowhere");
        }
        Ok(expected)
    }

    async fn take(&self, level: &Level, answer: Answer, outcome: &mut Outcome) -> Result<(), Failure> {
        let target = &level.target;
        match answer {
            Answer::Set => {
                self.remember(level).await?;
                outcome.shown += 1;
            }
            // An earlier call of ours whose answer was lost.
            Answer::Stale { actual: Some(actual) } if actual == target.on_hand => self.remember(level).await?,
            Answer::Stale { actual } => {
                tracing::warn!(
                    storefront = %self.storefront, sku = %target.sku, location = %target.location,
                    expected = target.change_from, actual, to_show = target.on_hand, tries = self.tries,
                    "the storefront shows something else than we have shown it"
                );
                if let Some(actual) = actual.filter(|_| self.tries >= PATIENCE) {
                    // Somebody there has changed it. From now on that is what it shows, and it is brought to what there is.
                    self.note(level, actual).await?;
                }
                outcome.again.insert(target.sku.clone());
            }
            Answer::Unknown { reason } => {
                tracing::warn!(
                    storefront = %self.storefront, sku = %target.sku, location = %target.location, reason, "not shown"
                );
            }
        }
        Ok(())
    }

    async fn remember(&self, level: &Level) -> Result<(), Failure> {
        self.note(level, level.target.on_hand).await
    }

    async fn note(&self, level: &Level, on_hand: i64) -> Result<(), Failure> {
        let shown = Shown { on_hand, told: level.told, at: self.function.clock.now() };
        let at = (&level.target.sku, &level.target.location);
        self.function.items.note_shown(at, self.storefront, shown).await.map_err(store_failure)
    }
}

/// What is to be shown of an item, and what is shown as far as we know.
fn levels(
    item: &Item,
    (storefront, now): (&ConnectionId, Timestamp),
    rules: &[SourcingRule],
    items: &BTreeMap<Sku, Item>,
) -> Vec<(Level, Option<i64>)> {
    let level = |rule: &SourcingRule| {
        let location = &rule.location;
        let stock = item.stock.get(location)?;
        let shown = stock.shown_at(storefront);
        let target = StockTarget {
            sku: item.sku.clone(),
            item: item.identities.at(storefront, now).map(str::to_owned),
            location: location.clone(),
            on_hand: kit::to_show(item, storefront, (location, rule.keep_back), items),
            change_from: shown.unwrap_or(0),
        };
        let told = stock.told.get(storefront).copied().unwrap_or(0);
        Some((Level { target, told, version: version(item, location, items) }, shown))
    };
    rules.iter().filter_map(level).collect()
}

/// Which state of the stock it is: of a kit that of all its components.
fn version(item: &Item, location: &LocationId, items: &BTreeMap<Sku, Item>) -> i64 {
    let components = item.components.keys().filter_map(|sku| items.get(sku));
    let of = |item: &Item| item.stock.get(location).map_or(0, |stock| stock.version);
    of(item) + components.map(of).sum::<i64>()
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
