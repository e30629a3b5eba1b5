//! Orders and documents of stock that stopped at a SKU which was not known somewhere go on once the catalogue knows it.

use std::sync::Arc;

use crossdock_domain::accept::Context;
use crossdock_domain::catalogue::{is_mapped, skus_in_question, taken_up};
use crossdock_domain::event::FailureClass;
use crossdock_domain::identities::unmapped_in;
use crossdock_domain::inventory::StockDocument;
use crossdock_domain::{Attention, Event, HoldCode, OrderId, Sku};
use crossdock_log::{Connections, Items, OrderView, Page, ViewQuery, Views, stock_stream};
use crossdock_step::Failure;
use jiff::{SignedDuration, Timestamp};

use crate::commit::{Committed, Origin, Recorder, store_failure};
use crate::{Directory, StockKeeper};

/// Rows of the list of exceptions that are read at once.
const PAGE: i32 = 50;

/// A caller waits: what waits for an item is taken up for so long.
const FOR_A_CALLER: SignedDuration = SignedDuration::from_secs(3);

/// Finds and takes up what stopped at a SKU.
pub struct Unmapped {
    /// Reads and appends orders.
    pub recorder: Recorder,
    /// Reads and notes documents of stock.
    pub keeper: StockKeeper,
    /// Channels' settings.
    pub directory: Arc<Directory>,
    /// All connections: whose exceptions there are.
    pub connections: Arc<dyn Connections>,
    /// The list of exceptions.
    pub views: Arc<dyn Views>,
    /// The catalogue.
    pub items: Arc<dyn Items>,
}

impl Unmapped {
    /// Takes up whatever can go on by what the catalogue says now; gives back how much that was. What it does not get to
    /// before the deadline, or what the list does not show yet, the next call finds.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn take_up(&self, actor: &str, deadline: Timestamp) -> Result<usize, Failure> {
        let mut taken = 0;
        for record in self.connections.connections().await.map_err(store_failure)? {
            let mut page = Page { limit: PAGE, after: None };
            loop {
                let query = ViewQuery::Attention(record.connection.to_string());
                let (rows, next) = self.views.list(&query, &page).await.map_err(store_failure)?;
                for row in rows.iter().filter(|row| row.exceptions.iter().any(is_unmapped)) {
                    if self.recorder.clock().now() >= deadline {
                        return Ok(taken);
                    }
                    taken += usize::from(self.take_up_row(row, actor).await?);
                }
                page.after = next;
                if page.after.is_none() {
                    break;
                }
            }
        }
        Ok(taken)
    }

    /// The same after a caller has said something of an item, which is done: what is not taken up now, the next run of
    /// sync-catalogue takes up.
    pub async fn take_up_after(&self, sku: &Sku, actor: &str) {
        let until = self.recorder.clock().now() + FOR_A_CALLER;
        match self.take_up(actor, until).await {
            Ok(taken_up) => tracing::info!(%sku, taken_up, "what waits for an item was taken up"),
            Err(failure) => tracing::warn!(%sku, %failure, "what waits for an item was not taken up"),
        }
    }

    async fn take_up_row(&self, row: &OrderView, actor: &str) -> Result<bool, Failure> {
        match (stock_stream(&row.order_id), row.order_id.parse()) {
            (Some(stream), _) => self.take_up_document(&stream, actor).await,
            (None, Ok(id)) => self.take_up_order(&id, actor).await,
            (None, Err(_)) => Ok(false),
        }
    }

    async fn take_up_order(&self, id: &OrderId, actor: &str) -> Result<bool, Failure> {
        let mut order = self.recorder.load(id).await?;
        let Some(settings) = self.directory.channel(&id.connection).await? else { return Ok(false) };
        let items = self.items.items(&skus_in_question(&order)).await.map_err(store_failure)?;
        let (now, context) = (self.recorder.clock().now(), Context { settings: &settings, items: &items });
        let origin = Origin::following(actor, order.correlation_id.as_ref(), None);
        let cause = format!("mapped:{}", order.seq);
        let decide = |order: &_| taken_up(order, context, now);
        Ok(matches!(self.recorder.record(&mut order, (&cause, &origin), decide).await?, Committed::Appended(_)))
    }

    async fn take_up_document(&self, stream: &str, actor: &str) -> Result<bool, Failure> {
        let document = self.keeper.load(stream).await?;
        let Some((parked, _)) = &document.parked else { return Ok(false) };
        let Some((sku, _)) = unmapped_in(&parked.reason) else { return Ok(false) };
        let (items, now) = (self.items.items(&[sku]).await.map_err(store_failure)?, self.recorder.clock().now());
        let origin = Origin::following(actor, document.correlation_id.as_ref(), None);
        let released = |known: &StockDocument| {
            let (parked, _) = known.parked.as_ref()?;
            is_mapped(&parked.reason, &items, now).then(|| Event::StockReleased { erp: parked.erp.clone() })
        };
        let cause = format!("mapped:{}", document.seq);
        let after = self.keeper.note(stream, (&cause, &origin), released).await?;
        Ok(after.causes.contains_key(&cause))
    }
}

/// Whether an exception may be due to a SKU that was not known.
fn is_unmapped(exception: &Attention) -> bool {
    let held = [HoldCode::UnknownSku, HoldCode::Unmapped].map(|code| format!("hold:{code}"));
    held.contains(&exception.about)
        || (exception.class == FailureClass::Mapping.to_string() && unmapped_in(&exception.reason).is_some())
}
