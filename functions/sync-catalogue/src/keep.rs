//! One page is kept item by item: first its fact, then the item. Whoever dies in between reads the page again.

use std::collections::BTreeMap;

use crossdock_connectors::{CataloguePage, FaultyItem};
use crossdock_domain::canonical::hash_of;
use crossdock_domain::catalogue::{
    self, ItemKept, ItemRefused, Reading, Word, held, is_outdated, read, rival, stream_of,
};
use crossdock_domain::inventory::StockDocument;
use crossdock_domain::item::Item;
use crossdock_domain::kit;
use crossdock_domain::{Event, Sku};
use crossdock_runner::{Origin, store_failure};
use crossdock_step::Failure;

use crate::word::{refused, word};
use crate::{Report, SyncCatalogue, Walk};

/// How often an item is read again when others were faster.
const TRIES: u32 = 12;

/// What became of an item.
enum Fate {
    Kept,
    Unchanged,
    Stale,
    Refused,
}

impl SyncCatalogue {
    pub(crate) async fn keep_page(
        &self,
        page: CataloguePage,
        walk: &mut Walk,
        report: &mut Report,
    ) -> Result<(), Failure> {
        report.read += page.items.len() + page.faulty.len();
        let (mut words, mut faulty) = (Vec::new(), page.faulty);
        for item in page.items {
            match word(&self.erp, item) {
                Ok(word) => words.push(word),
                Err(fault) => faulty.push(fault),
            }
        }
        let mut skus: Vec<Sku> = words.iter().map(|word| word.sku.clone()).collect();
        skus.extend(faulty.iter().filter_map(|fault| fault.sku.as_ref()?.parse().ok()));
        let mut known = self.items.items(&skus).await.map_err(store_failure)?;
        for word in words {
            report.add(&self.keep(&word, &mut known, walk).await?);
        }
        for fault in faulty {
            report.add(&self.refuse(fault, &known).await?);
        }
        Ok(())
    }

    async fn keep(&self, word: &Word, all: &mut BTreeMap<Sku, Item>, walk: &mut Walk) -> Result<Fate, Failure> {
        for _ in 0..TRIES {
            let known = all.get(&word.sku);
            let item = match read(word, known, self.now()) {
                Reading::Stale => return Ok(Fate::Stale),
                Reading::Same => return Ok(Fate::Unchanged),
                Reading::Passed => return self.pass(word, walk).await,
                Reading::News(item) => item,
            };
            let stream = stream_of(&self.erp, &word.id);
            let document = self.keeper.load(&stream).await?;
            if is_outdated(&document, word.changed_at) {
                return Ok(Fate::Stale);
            }
            if let Some(other) = self.twin(word, known).await? {
                self.note(&document, &stream, |known| catalogue::refused(known, &word.duplicate_of(&other))).await?;
                return Ok(Fate::Refused);
            }
            if let Some(reason) = self.no_kit(&item, known).await? {
                self.note(&document, &stream, |known| catalogue::refused(known, &word.cannot_be(&reason))).await?;
                return Ok(Fate::Refused);
            }
            let gives_up = held(&document).is_some_and(|sku| *sku != word.sku)
                || (item.inactive && known.is_some_and(|known| !known.inactive));
            if gives_up {
                self.look_again(walk).await?;
            }
            self.note(&document, &stream, |known| catalogue::kept(known, &word.kept())).await?;
            if self.items.keep_item(&item).await.map_err(store_failure)? {
                let revision = item.revision + 1;
                all.insert(word.sku.clone(), Item { revision, ..*item });
                return Ok(Fate::Kept);
            }
            // Somebody else has kept it meanwhile: both words count.
            let fresh = self.items.items(std::slice::from_ref(&word.sku)).await.map_err(store_failure)?;
            all.extend(fresh);
        }
        Err(Failure::retry(format!("too many others write {}", word.sku)))
    }

    /// Why what the ERP says that an item is made of cannot be.
    async fn no_kit(&self, item: &Item, known: Option<&Item>) -> Result<Option<String>, Failure> {
        let bare = Item::new(item.sku.clone());
        let before = known.unwrap_or(&bare);
        if before.components == item.components {
            return Ok(None);
        }
        let others: Vec<Sku> = item.components.keys().cloned().collect();
        let others = self.items.items(&others).await.map_err(store_failure)?;
        let kits = self.items.kits_with(&item.sku).await.map_err(store_failure)?;
        Ok(kit::refusal(before, &item.components, &others, &kits))
    }

    /// Another item of the ERP that has the SKU.
    async fn twin(&self, word: &Word, known: Option<&Item>) -> Result<Option<String>, Failure> {
        let Some(other) = rival(word, known, self.now()) else { return Ok(None) };
        let document = self.keeper.load(&stream_of(&self.erp, other)).await?;
        Ok(catalogue::holds(&document, &word.sku).then(|| other.to_owned()))
    }

    /// The ERP does not sell it, and it is none of ours: whatever was wrong with it is wrong no more.
    async fn pass(&self, word: &Word, walk: &mut Walk) -> Result<Fate, Failure> {
        let none = ItemKept { sku: None, ..word.kept() };
        let stream = stream_of(&self.erp, &word.id);
        let document = self.keeper.load(&stream).await?;
        if held(&document).is_some() {
            self.look_again(walk).await?;
        }
        self.note(&document, &stream, |known| catalogue::kept(known, &none)).await?;
        Ok(Fate::Unchanged)
    }

    /// A SKU was given up: the next walk reads everything. Remembered before the fact is, because afterwards nobody would
    /// see it.
    async fn look_again(&self, walk: &mut Walk) -> Result<(), Failure> {
        if walk.again {
            return Ok(());
        }
        walk.again = true;
        self.remember(walk).await
    }

    async fn refuse(&self, fault: FaultyItem, known: &BTreeMap<Sku, Item>) -> Result<Fate, Failure> {
        let is_active = fault.active;
        let fact = refused(&self.erp, fault);
        let item = fact.sku.as_ref().and_then(|sku| known.get(&sku.parse().ok()?));
        let told = item.and_then(|item| item.told.as_ref());
        if told.is_some_and(|told| (&told.erp, &told.id) == (&fact.erp, &fact.item) && fact.changed_at < told.at) {
            return Ok(Fate::Stale);
        }
        let stream = stream_of(&self.erp, &fact.item);
        let document = self.keeper.load(&stream).await?;
        if !is_active {
            let ItemRefused { erp, item, changed_at, .. } = fact;
            let none = ItemKept { erp, item, sku: held(&document).cloned(), changed_at };
            self.note(&document, &stream, |known| catalogue::kept(known, &none)).await?;
            return Ok(Fate::Unchanged);
        }
        if is_outdated(&document, fact.changed_at) {
            return Ok(Fate::Stale);
        }
        self.note(&document, &stream, |known| catalogue::refused(known, &fact)).await?;
        Ok(Fate::Refused)
    }

    /// Records a fact of an item, where there is one.
    async fn note(
        &self,
        document: &StockDocument,
        stream: &str,
        decide: impl Fn(&StockDocument) -> Option<Event> + Send,
    ) -> Result<(), Failure> {
        let Some(fact) = decide(document) else { return Ok(()) };
        let name = hash_of(&(document.seq, &fact));
        if matches!(fact, Event::CatalogueItemRefused(_)) {
            tracing::warn!(stream, "an item of the ERP cannot be kept");
        }
        let correlation_id = document.correlation_id.clone().unwrap_or_else(|| format!("sync-catalogue-{name}"));
        let origin = Origin { actor: "sync-catalogue".into(), correlation_id, causation_id: None };
        self.keeper.note(stream, (&format!("told:{name}"), &origin), decide).await.map(|_| ())
    }
}

impl Report {
    fn add(&mut self, fate: &Fate) {
        let count = match fate {
            Fate::Kept => &mut self.kept,
            Fate::Unchanged => &mut self.unchanged,
            Fate::Stale => &mut self.stale,
            Fate::Refused => &mut self.refused,
        };
        *count += 1;
    }
}
