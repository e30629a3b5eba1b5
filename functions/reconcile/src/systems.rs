//! The outside systems, each asked for what it has.

use std::collections::BTreeMap;
use std::sync::Arc;

use crossdock_connectors::{Erp, ErpStock, Fulfillment, ShownStock, StockPage, Storefront};
use crossdock_domain::item::Item;
use crossdock_domain::settings::SourcingRule;
use crossdock_domain::shipping::ShipmentReport;
use crossdock_domain::{ConnectionId, LocationId, Sku};
use crossdock_runner::{Calls, Connectors, Directory};
use crossdock_step::Failure;
use jiff::SignedDuration;

/// What is on its way for so long is no drift, unless the connection's settings say otherwise.
const GRACE: SignedDuration = SignedDuration::from_mins(10);

/// The systems of this environment.
pub struct Systems {
    /// Connections.
    directory: Arc<Directory>,
    calls: Calls,
    fulfillments: Connectors<dyn Fulfillment>,
    erps: Connectors<dyn Erp>,
    storefronts: Connectors<dyn Storefront>,
    /// The 3PL.
    pub(crate) fulfillment: ConnectionId,
    /// The ERP.
    pub(crate) erp: ConnectionId,
    /// The storefront.
    pub(crate) storefront: ConnectionId,
}

/// What a connection's settings say of drift.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// `repair_drift`: whether it is repaired.
    pub(crate) repairs: bool,
    /// `drift_grace_seconds`.
    pub(crate) grace: SignedDuration,
}

impl Systems {
    /// The 3PL, the ERP and the storefront of these names.
    #[must_use]
    pub fn new(
        directory: Arc<Directory>,
        calls: Calls,
        (fulfillment, erp, storefront): (ConnectionId, ConnectionId, ConnectionId),
    ) -> Self {
        Self {
            directory,
            calls,
            fulfillments: Connectors::new(crossdock_connectors::fulfillment),
            erps: Connectors::new(crossdock_connectors::erp),
            storefronts: Connectors::new(crossdock_connectors::storefront),
            fulfillment,
            erp,
            storefront,
        }
    }

    pub(crate) async fn policy(&self, connection: &ConnectionId) -> Result<Policy, Failure> {
        let record = self.directory.get(connection).await?;
        let repairs = record.settings.get("repair_drift").and_then(serde_json::Value::as_bool).unwrap_or(false);
        let grace = record.settings.get("drift_grace_seconds").and_then(serde_json::Value::as_i64);
        Ok(Policy { repairs, grace: grace.map_or(GRACE, SignedDuration::from_secs) })
    }

    async fn threepl(&self) -> Result<Arc<dyn Fulfillment>, Failure> {
        self.directory.check(&self.fulfillment).await?;
        self.fulfillments.get(self.directory.outside(&self.fulfillment, &self.calls).await?)
    }

    /// One page of what the 3PL has.
    pub(crate) async fn page(&self, after: Option<&str>) -> Result<StockPage, Failure> {
        let threepl = self.threepl().await?;
        self.directory.went(&self.fulfillment, threepl.stock(after).await).await
    }

    /// What has left of a 3PL order, as the 3PL says.
    pub(crate) async fn shipments(&self, reference: &str) -> Result<Vec<ShipmentReport>, Failure> {
        let threepl = self.threepl().await?;
        self.directory.went(&self.fulfillment, threepl.shipments(reference).await).await
    }

    /// What the ERP has of items that it knows.
    pub(crate) async fn in_erp(&self, items: &BTreeMap<Sku, String>) -> Result<Vec<ErpStock>, Failure> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        self.directory.check(&self.erp).await?;
        let erp = self.erps.get(self.directory.outside(&self.erp, &self.calls).await?)?;
        self.directory.went(&self.erp, erp.stock(items).await).await
    }

    /// What the storefront shows, where it is shown stock by us; none where it is not.
    pub(crate) async fn in_shop(
        &self,
        items: &BTreeMap<Sku, Item>,
    ) -> Result<Option<(Vec<SourcingRule>, Vec<ShownStock>)>, Failure> {
        let Some(settings) = self.directory.channel(&self.storefront).await?.filter(|channel| channel.publish_stock)
        else {
            return Ok(None);
        };
        let rules = settings.sourcing.locations;
        let locations: Vec<LocationId> = rules.iter().map(|rule| rule.location.clone()).collect();
        let now = self.directory.now();
        let identity = |item: &Item| item.identities.at(&self.storefront, now).map(str::to_owned);
        let asked: Vec<(Sku, Option<String>)> = items.iter().map(|(sku, item)| (sku.clone(), identity(item))).collect();
        if asked.is_empty() || locations.is_empty() {
            return Ok(None);
        }
        self.directory.check(&self.storefront).await?;
        let shop = self.storefronts.get(self.directory.outside(&self.storefront, &self.calls).await?)?;
        let shown = self.directory.went(&self.storefront, shop.stock(&asked, &locations).await).await?;
        Ok(Some((rules, shown)))
    }
}
