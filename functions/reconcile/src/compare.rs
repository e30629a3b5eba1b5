//! From the 3PL's page to findings: the levels of each system, and what is recorded of each.

use std::collections::{BTreeMap, BTreeSet};

use crossdock_connectors::StockPage;
use crossdock_domain::drift::{self, DriftDetected, Finding, Held, Known, Ledger, Level, Quantity, Reported, Role};
use crossdock_domain::inventory::StockDocument;
use crossdock_domain::item::{Item, Stock};
use crossdock_domain::{ConnectionId, LocationId, Sku};
use crossdock_runner::{Origin, store_failure};
use crossdock_step::Failure;
use futures_util::StreamExt as _;
use jiff::{SignedDuration, Timestamp};

use crate::evidence::Evidence;
use crate::systems::Policy;
use crate::{RESERVE, Reconcile, Report};

/// SKUs that are read and compared together.
const TOGETHER: usize = 50;

/// Levels that are looked at at the same time.
const CONCURRENCY: usize = 8;

/// What happened longer ago is no evidence any more.
const WINDOW: SignedDuration = SignedDuration::from_hours(7 * 24);

type Levels = BTreeMap<(Sku, LocationId), Reported>;

/// One level to look at.
pub(crate) struct Question<'a> {
    pub(crate) system: &'a ConnectionId,
    pub(crate) role: Role,
    pub(crate) sku: &'a Sku,
    pub(crate) location: &'a LocationId,
    pub(crate) reported: Reported,
    pub(crate) policy: Policy,
    /// Of a storefront: units that its channel leaves there to others.
    pub(crate) keep_back: i64,
}

/// A level with our side of it as it was looked at.
pub(crate) struct Looked<'a> {
    pub(crate) question: &'a Question<'a>,
    pub(crate) stock: &'a Stock,
    pub(crate) evidence: &'a Evidence,
}

impl Question<'_> {
    pub(crate) fn from(&self) -> Timestamp {
        self.reported.as_of - WINDOW
    }

    /// Compares with our side; without it, where the catalogue has no such SKU.
    fn findings(&self, ours: Option<(&Item, &Stock)>, evidence: &Evidence) -> Vec<(Quantity, Finding)> {
        let known = ours.map(|(item, stock)| Known {
            // A storefront finds an item by its SKU as well.
            is_mapped: self.role == Role::Storefront || item.identities.is_known(self.system),
            stock,
            floor: item.floor(self.location) + self.keep_back,
            ledger: &evidence.ledger,
            under_way: &evidence.under_way,
            held: evidence.held.as_deref(),
        });
        let level = Level {
            system: self.system,
            role: self.role,
            sku: self.sku,
            location: self.location,
            reported: self.reported,
            known,
            from: self.from(),
            grace: self.policy.grace,
        };
        level.compare()
    }
}

impl Reconcile {
    /// Whether all of the page was compared.
    pub(crate) async fn compare_page(
        &self,
        page: &StockPage,
        (asked, deadline): (Option<&BTreeSet<Sku>>, Timestamp),
        report: &mut Report,
    ) -> Result<bool, Failure> {
        let levels = levels_of(page, asked, report);
        let skus: Vec<Sku> = levels.keys().map(|(sku, _)| sku.clone()).collect::<BTreeSet<_>>().into_iter().collect();
        for skus in skus.chunks(TOGETHER) {
            if self.now() + RESERVE > deadline {
                return Ok(false);
            }
            self.compare_skus(skus, &levels, report).await?;
        }
        Ok(true)
    }

    async fn compare_skus(&self, skus: &[Sku], levels: &Levels, report: &mut Report) -> Result<(), Failure> {
        let mut items = self.items.items(skus).await.map_err(store_failure)?;
        items.retain(|sku, item| {
            if item.is_kit() {
                report.exclude(sku.as_str(), "a kit has no stock of its own");
            }
            !item.is_kit()
        });
        let fulfillment = &self.systems.fulfillment;
        let policy = self.systems.policy(fulfillment).await?;
        let here = levels.iter().filter(|((sku, _), _)| skus.contains(sku));
        let questions = here.clone().map(|((sku, location), reported)| {
            let role = Role::Fulfillment;
            let question =
                Question { system: fulfillment, role, sku, location, reported: *reported, policy, keep_back: 0 };
            (question, items.get(sku))
        });
        self.look_at_all(questions.collect(), report).await?;
        let places: BTreeSet<(Sku, LocationId)> = here.map(|(key, _)| key.clone()).collect();
        // One system that does not answer keeps nobody from being compared with the others.
        for outcome in [self.erp(&items, &places, report).await, self.shop(&items, report).await] {
            if let Err(failure) = outcome {
                tracing::error!(%failure, "a system could not be compared");
                items.keys().for_each(|sku| report.exclude(sku.as_str(), "a system did not answer"));
                report.failure.get_or_insert(failure);
            }
        }
        Ok(())
    }

    async fn erp(
        &self,
        items: &BTreeMap<Sku, Item>,
        places: &BTreeSet<(Sku, LocationId)>,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let (erp, policy) = (&self.systems.erp, self.systems.policy(&self.systems.erp).await?);
        let as_of = self.now();
        let known =
            items.iter().filter_map(|(sku, item)| Some((sku.clone(), item.identities.at(erp, as_of)?.to_owned())));
        let told = self.systems.in_erp(&known.collect()).await?;
        let told: BTreeMap<(Sku, LocationId), i64> =
            told.into_iter().map(|level| ((level.sku, level.location), level.on_hand)).collect();
        let mut questions = Vec::new();
        for (sku, location) in places {
            let Some(item) = items.get(sku) else { continue };
            let on_hand = told.get(&(sku.clone(), location.clone())).copied();
            if on_hand.is_none() && item.identities.is_known(erp) {
                report.exclude(sku.as_str(), "the ERP keeps no stock of it there");
                continue;
            }
            let reported = Reported { on_hand: on_hand.unwrap_or(0), quarantine: None, committed: None, as_of };
            questions.push((
                Question { system: erp, role: Role::Erp, sku, location, reported, policy, keep_back: 0 },
                Some(item),
            ));
        }
        self.look_at_all(questions, report).await
    }

    async fn shop(&self, items: &BTreeMap<Sku, Item>, report: &mut Report) -> Result<(), Failure> {
        let (shop, policy) = (&self.systems.storefront, self.systems.policy(&self.systems.storefront).await?);
        let as_of = self.now();
        let Some((rules, told)) = self.systems.in_shop(items).await? else { return Ok(()) };
        let told: BTreeMap<(Sku, LocationId), i64> =
            told.into_iter().map(|level| ((level.sku, level.location), level.on_hand)).collect();
        let mut questions = Vec::new();
        for (sku, item) in items {
            for (location, stock) in &item.stock {
                let Some(rule) = rules.iter().find(|rule| rule.location == *location) else { continue };
                let Some(on_hand) = told.get(&(sku.clone(), location.clone())).copied() else {
                    report.exclude(sku.as_str(), "the storefront does not stock it there");
                    continue;
                };
                if stock.shown_at(shop).is_none() {
                    report.exclude(sku.as_str(), "the storefront was never shown it");
                    continue;
                }
                let reported = Reported { on_hand, quarantine: None, committed: None, as_of };
                let (role, keep_back) = (Role::Storefront, rule.keep_back);
                let question = Question { system: shop, role, sku, location, reported, policy, keep_back };
                questions.push((question, Some(item)));
            }
        }
        self.look_at_all(questions, report).await
    }

    /// Some levels at the same time; one that fails does not keep the others of its group from being looked at.
    async fn look_at_all(
        &self,
        questions: Vec<(Question<'_>, Option<&Item>)>,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let looks = questions.into_iter().map(|(question, item)| async move {
            let mut part = Report::default();
            self.look(&question, item, &mut part).await.map(|()| part)
        });
        let parts: Vec<Result<Report, Failure>> =
            futures_util::stream::iter(looks).buffer_unordered(CONCURRENCY).collect().await;
        let mut failed = Ok(());
        for part in parts {
            match part {
                Ok(part) => report.add(part),
                Err(failure) => failed = Err(failure),
            }
        }
        failed
    }

    /// Looks at one level: at a glance, and where that shows a difference, with all evidence.
    async fn look(&self, question: &Question<'_>, item: Option<&Item>, report: &mut Report) -> Result<(), Failure> {
        let none = Stock::default();
        let stock = item.and_then(|item| item.stock.get(question.location)).unwrap_or(&none);
        let promised = question.reported.committed.is_none_or(|committed| committed >= stock.reserved());
        let glance = Evidence { held: promised.then(Vec::new), ..Evidence::default() };
        let findings = question.findings(item.map(|item| (item, stock)), &glance);
        let Some(item) = item.filter(|_| !promised || findings.iter().any(|(_, found)| *found != Finding::Even)) else {
            return self.settle(&Looked { question, stock, evidence: &glance }, findings, report).await;
        };
        let Some(evidence) = self.gather(question, item, stock).await? else {
            report.exclude(question.sku.as_str(), "too many orders hold it to ask for each");
            return Ok(());
        };
        let again = self.items.items(std::slice::from_ref(question.sku)).await.map_err(store_failure)?;
        let now = again.get(question.sku).and_then(|item| item.stock.get(question.location)).unwrap_or(&none);
        if now.version != stock.version {
            // What was read belongs to two moments. The next run finds it at rest.
            report.exclude(question.sku.as_str(), "it moved while it was compared");
            return Ok(());
        }
        let findings = question.findings(Some((item, stock)), &evidence);
        self.settle(&Looked { question, stock, evidence: &evidence }, findings, report).await
    }

    /// Records what is new of a level, and repairs what may be repaired.
    async fn settle(
        &self,
        looked: &Looked<'_>,
        findings: Vec<(Quantity, Finding)>,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let question = looked.question;
        let stream = drift::stream_of(question.sku, question.location, question.system);
        let mut document = self.keeper.load(&stream).await?;
        for (quantity, finding) in findings {
            report.compared += 1;
            report.pending += usize::from(matches!(finding, Finding::Pending { .. }));
            let open = drift::open(&document).remove(&quantity);
            let repairs = match (&finding, &open) {
                (Finding::Even, Some(open)) => self.was_repaired(question.role, &stream, open).await?,
                _ => may_repair(question, &finding),
            };
            let known = open.as_ref().map(|(_, known)| known);
            if let Some(event) = drift::news(known, &finding, repairs) {
                let cause = format!("drift:{}", document.seq + 1);
                let seen = document.seq;
                let decide = |known: &StockDocument| (known.seq == seen).then(|| event.clone());
                document = self.keeper.note(&stream, (&cause, &origin(&document)), decide).await?;
            }
            let Finding::Drift(found) = finding else { continue };
            report.drifts += 1;
            report.units += found.difference.unsigned_abs();
            report.skus.insert(found.sku.clone());
            tracing::warn!(sku = %found.sku, location = %found.location, system = %found.system, cause = ?found.cause,
                difference = found.difference, lag_seconds = found.lag_seconds, found.explanation, "stock drifts");
            let open = drift::open(&document).remove(&quantity);
            if let Some(open) = open.filter(|_| repairs) {
                let outcome = self.repair(looked, (&stream, &document), &open).await?;
                report.repaired += usize::from(outcome);
                document = self.keeper.load(&stream).await?;
            }
        }
        Ok(())
    }
}

/// An ERP's number is for its own people to put right.
fn may_repair(question: &Question<'_>, finding: &Finding) -> bool {
    let Finding::Drift(found) = finding else { return false };
    let by_role = match question.role {
        Role::Fulfillment => found.cause.is_repairable(),
        Role::Storefront => true,
        Role::Erp => false,
    };
    question.policy.repairs && by_role
}

pub(crate) fn origin(document: &StockDocument) -> Origin {
    Origin {
        actor: "reconcile".into(),
        correlation_id: document.correlation_id.clone().unwrap_or_else(|| format!("reconcile-{}", document.seq)),
        causation_id: None,
    }
}

/// A drift that is open, with the number of its commit.
pub(crate) type Open = (u64, DriftDetected);

/// What the 3PL has, by SKU and location: it may have several items of one SKU.
fn levels_of(page: &StockPage, asked: Option<&BTreeSet<Sku>>, report: &mut Report) -> Levels {
    let mut levels = Levels::new();
    for told in &page.levels {
        let text = told.sku.clone().unwrap_or_else(|| format!("item {}", told.item));
        let Some(sku) = told.sku.as_ref().and_then(|sku| sku.parse::<Sku>().ok()) else {
            report.exclude(&text, "the 3PL names no SKU that can be one");
            continue;
        };
        if asked.is_some_and(|asked| !asked.contains(&sku)) {
            continue;
        }
        let none = Reported { on_hand: 0, quarantine: Some(0), committed: Some(0), as_of: page.as_of };
        let level = levels.entry((sku, told.location.clone())).or_insert(none);
        level.on_hand += told.on_hand;
        level.quarantine = level.quarantine.map(|units| units + told.quarantine);
        level.committed = level.committed.map(|units| units + told.committed);
    }
    levels
}

impl Evidence {
    /// What the orders hold, where it is known.
    pub(crate) fn leaks(&self, stock: &Stock, committed: i64) -> BTreeMap<ConnectionId, i64> {
        let held: &[Held] = self.held.as_deref().unwrap_or_default();
        let ledger: &Ledger = &self.ledger;
        drift::leaks(stock, ledger, held, committed)
    }
}
