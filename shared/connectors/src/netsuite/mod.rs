//! NetSuite: documents of a sale, of its reversal and of stock by SuiteTalk REST; stock and catalogue by SuiteQL.

mod amounts;
mod catalogue;
mod client;
mod config;
mod documents;
mod documents_crediting;
mod documents_reversing;
mod login;
mod readback;
mod readback_reversing;
mod reversing;
mod stocking;
mod suiteql;
mod translate;
mod turns;

use std::collections::BTreeMap;

use async_trait::async_trait;
use crossdock_domain::Sku;
use crossdock_domain::event::FailureClass;
use crossdock_domain::posting::{DepositDraft, FulfillmentDraft, Header, SalesDraft};
use crossdock_domain::reversing::{
    AdjustmentDraft, AmendmentDraft, CreditApplicationDraft, CreditDraft, JournalDraft, ReceiptDraft, RefundDraft,
    ReturnDraft,
};
use crossdock_domain::stocking::{StockDraft, TransferDraft};
use crossdock_step::Failure;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use crate::{ApplicationDraft, CataloguePage, Erp, ErpStock, Outside, Posted, address};

use client::Client;
use config::{InternalId, Settings};
use readback::{Held, Priced};
use translate::Asked;
use turns::Turns;

/// A NetSuite connection. Keeps its token and the guest customers that it has seen: build it once per environment.
pub struct NetSuite {
    client: Client,
    guests: Turns<BTreeMap<String, String>>,
}

/// How a document is made.
#[derive(Clone, Copy)]
enum By {
    /// By a `PUT` under its external id: a repeat changes it into our draft.
    Put,
    /// By a `POST` with its external id: a repeat is refused, and what is there is compared and never changed.
    Post,
}

/// A record that the ERP shows after a write.
struct Written<'a> {
    asked: &'a Asked<'a>,
    record: Value,
    /// The internal id that the write named; a record that was found needs none.
    id: Option<String>,
}

const SALES_ORDER: &str = "salesOrder";
const INVOICE: &str = "invoice";
/// The field that carries the order line's number on a document that is made from another one.
const ORDER_LINE: &str = "orderLine";

impl NetSuite {
    /// Reads the connection's settings; makes no call.
    ///
    /// # Errors
    /// The settings are incomplete or wrong.
    pub fn new(outside: Outside) -> Result<Self, Failure> {
        let settings =
            Settings::read(&outside.settings).map_err(|error| address::misconfigured(&outside.connection, &error))?;
        Ok(Self { client: Client::new(outside, settings), guests: Turns::default() })
    }

    fn settings(&self) -> &Settings {
        self.client.settings()
    }

    fn asked<'a>(&'a self, header: &'a Header) -> Result<Asked<'a>, Failure> {
        self.asked_for(&header.reference, header.posting_date)
    }

    fn asked_for<'a>(&'a self, reference: &'a str, posting_date: Date) -> Result<Asked<'a>, Failure> {
        documents::check_reference(reference)?;
        Ok(Asked { posting_date: Some(posting_date), ..self.asked_about(reference) })
    }

    fn asked_about<'a>(&'a self, what: &'a str) -> Asked<'a> {
        Asked { connection: self.client.connection(), now: self.client.now(), what, posting_date: None }
    }

    /// The customer that stands for the guests of a channel and currency; made when it is first needed. An existing
    /// one is left as it is, because people at the ERP may have changed it.
    async fn guest(&self, header: &Header) -> Result<String, Failure> {
        let name = documents::guest(header);
        let mut turn = self.guests.take().await?;
        if let Some(id) = turn.content().get(&name) {
            return Ok(id.clone());
        }
        let outcome = self.found_or_made(&name, header).await;
        if let Ok(id) = &outcome {
            turn.content().insert(name, id.clone());
        }
        turn.end(outcome)
    }

    async fn found_or_made(&self, name: &str, header: &Header) -> Result<String, Failure> {
        let asked = self.asked_about(name);
        if let Some(id) = self.customer(name, &asked).await? {
            return Ok(id);
        }
        let body = documents::guest_customer(self.settings(), header)?;
        self.client.upsert(("customer", name), &body, &asked).await?;
        let made = self.customer(name, &asked).await?;
        made.ok_or_else(|| Failure::retry(format!("NetSuite took {name} but does not show it yet")))
    }

    /// Makes or changes a document of a guest. The customer that we remember may have been merged away or deleted at
    /// the ERP since: a refused reference is tried once more if the customer has another id by now.
    async fn written_for_guest<'a>(
        &self,
        document: (&str, By, &Header),
        asked: &'a Asked<'a>,
        body: impl Fn(&str) -> Result<Value, Failure>,
    ) -> Result<Written<'a>, Failure> {
        let (kind, by, header) = document;
        let remembered = self.guest(header).await?;
        let refused = match self.written((kind, by), &body(&remembered)?, asked).await {
            Err(Failure::Permanent { class: FailureClass::Mapping, reason }) => reason,
            outcome => return outcome,
        };
        self.guests.take().await?.content().remove(&documents::guest(header));
        let current = self.guest(header).await?;
        if current == remembered {
            return Err(Failure::permanent(FailureClass::Mapping, refused));
        }
        self.written((kind, by), &body(&current)?, asked).await
    }

    async fn customer(&self, name: &str, asked: &Asked<'_>) -> Result<Option<String>, Failure> {
        let Some(customer) = self.client.find("customer", name, asked).await? else { return Ok(None) };
        let id = customer.get("id").cloned().and_then(|id| InternalId::try_from(id).ok());
        let unreadable = || {
            let reason = format!("NetSuite's answer for {name} has no id: look the customer up there, then retry");
            Failure::permanent(FailureClass::Parse, reason)
        };
        id.map(String::from).map(Some).ok_or_else(unreadable)
    }

    /// Makes or changes a document, and reads it back.
    async fn written<'a>(
        &self,
        document: (&str, By),
        body: &Value,
        asked: &'a Asked<'a>,
    ) -> Result<Written<'a>, Failure> {
        match document {
            (kind, By::Put) => {
                let id = self.client.upsert((kind, asked.what), body, asked).await?;
                Ok(Written { asked, record: self.read_back(kind, asked).await?, id })
            }
            (kind, By::Post) => self.settled(kind, self.client.create(kind, body, asked).await, asked).await,
        }
    }

    async fn read_back(&self, kind: &str, asked: &Asked<'_>) -> Result<Value, Failure> {
        let record = self.client.find(kind, asked.what, asked).await?;
        record.ok_or_else(|| Failure::retry(format!("NetSuite took {} but does not show it yet", asked.what)))
    }

    /// Makes a document out of another one.
    async fn transformed<'a>(
        &self,
        from: (&str, &str),
        to: (&str, &Value),
        asked: &'a Asked<'a>,
    ) -> Result<Written<'a>, Failure> {
        check_id(from)?;
        self.settled(to.0, self.client.transform(from, to, asked).await, asked).await
    }

    /// What a POST has come to. One whose external id is taken is refused; so is one whose quantities or amounts a
    /// first try, the answer of which was lost, has used up. So after any lasting refusal the document is looked for,
    /// and only if it is not there the refusal stands.
    async fn settled<'a>(
        &self,
        kind: &str,
        outcome: Result<Option<String>, Failure>,
        asked: &'a Asked<'a>,
    ) -> Result<Written<'a>, Failure> {
        let refusal = match outcome {
            Ok(id) => return Ok(Written { asked, record: self.read_back(kind, asked).await?, id }),
            Err(Failure::Permanent { class, reason }) => (class, reason),
            Err(passing) => return Err(passing),
        };
        match (self.client.find(kind, asked.what, asked).await?, refusal) {
            (Some(record), _) => Ok(Written { asked, record, id: None }),
            (None, (FailureClass::Duplicate, reason)) => Err(Failure::retry(reason)),
            (None, (class, reason)) => Err(Failure::permanent(class, reason)),
        }
    }

    fn held<'a>(&'a self, written: &'a Written<'a>) -> Held<'a> {
        let source = "the storefront sold";
        Held { asked: written.asked, settings: self.settings(), record: &written.record, source }
    }

    /// Compares a document that sells or credits with its draft; a small difference goes to the rounding line.
    async fn reconciled(&self, ours: &Priced<'_>, written: Written<'_>) -> Result<Posted, Failure> {
        let held = Held { source: ours.source, ..self.held(&written) };
        let id = held.identity(ours.header, written.id.as_deref())?;
        let (bare, rounding) = held.priced(ours)?;
        let total = bare.plus(rounding)?;
        if total == ours.total {
            return Ok(Posted { id, total: Some(total) });
        }
        let (Some(difference), Some(item)) = (ours.correctable(bare)?, &self.settings().rounding_item) else {
            return Err(held.total_differs(ours, total));
        };
        tracing::info!(document = written.asked.what, difference_minor = difference.get(), "rounding line");
        let body = documents::rounding(ours.header.currency, &written.record, (item, difference))?;
        let corrected = self.written((ours.record, By::Put), &body, written.asked).await?;
        let held = Held { source: ours.source, ..self.held(&corrected) };
        held.identity(ours.header, Some(&id))?;
        let (bare, rounding) = held.priced(ours)?;
        let total = bare.plus(rounding)?;
        if total == ours.total { Ok(Posted { id, total: Some(total) }) } else { Err(held.total_differs(ours, total)) }
    }
}

/// An id that the log holds becomes part of an address.
fn check_id(record: (&str, &str)) -> Result<(), Failure> {
    let (kind, id) = record;
    let checked = InternalId::try_from(Value::from(id));
    checked.map(|_| ()).map_err(|error| Failure::permanent(FailureClass::Value, format!("{kind}: {error}")))
}

#[async_trait]
impl Erp for NetSuite {
    async fn post_sales_order(&self, draft: &SalesDraft, items: &BTreeMap<Sku, String>) -> Result<Posted, Failure> {
        let asked = self.asked(&draft.header)?;
        let body = |customer: &str| documents::sales_order(self.settings(), draft, customer, items);
        let written = self.written_for_guest((SALES_ORDER, By::Put, &draft.header), &asked, body).await?;
        self.reconciled(&Priced::sale(SALES_ORDER, "line", draft), written).await
    }

    async fn post_deposit(&self, draft: &DepositDraft, sales_order: &str) -> Result<Posted, Failure> {
        let asked = self.asked(&draft.header)?;
        check_id((SALES_ORDER, sales_order))?;
        let body = |customer: &str| documents::deposit(self.settings(), draft, customer, sales_order);
        let written = self.written_for_guest(("customerDeposit", By::Put, &draft.header), &asked, body).await?;
        let held = self.held(&written);
        let id = held.identity(&draft.header, written.id.as_deref())?;
        Ok(Posted { id, total: Some(held.deposit(draft, sales_order)?) })
    }

    async fn post_item_fulfillment(&self, draft: &FulfillmentDraft, sales_order: &str) -> Result<Posted, Failure> {
        let asked = self.asked(&draft.header)?;
        let body = documents::item_fulfillment(self.settings(), draft)?;
        let written = self.transformed((SALES_ORDER, sales_order), ("itemFulfillment", &body), &asked).await?;
        let held = self.held(&written);
        let id = held.identity(&draft.header, written.id.as_deref())?;
        held.item_fulfillment(draft)?;
        Ok(Posted { id, total: None })
    }

    async fn post_invoice(&self, draft: &SalesDraft, sales_order: &str) -> Result<Posted, Failure> {
        let asked = self.asked(&draft.header)?;
        let body = documents::invoice(self.settings(), draft)?;
        let written = self.transformed((SALES_ORDER, sales_order), (INVOICE, &body), &asked).await?;
        self.reconciled(&Priced::sale(INVOICE, ORDER_LINE, draft), written).await
    }

    async fn apply_deposit(&self, draft: &ApplicationDraft) -> Result<Posted, Failure> {
        let asked = self.asked(&draft.header)?;
        check_id((INVOICE, &draft.invoice))?;
        let body = documents::application(self.settings(), draft)?;
        let from = ("customerDeposit", draft.deposit.as_str());
        let written = self.transformed(from, ("depositApplication", &body), &asked).await?;
        let held = self.held(&written);
        let id = held.identity(&draft.header, written.id.as_deref())?;
        Ok(Posted { id, total: Some(held.application(draft)?) })
    }

    async fn amend_sales_order(
        &self,
        draft: &AmendmentDraft,
        sales_order: &str,
        items: &BTreeMap<Sku, String>,
    ) -> Result<Posted, Failure> {
        self.amended(draft, sales_order, items).await
    }

    async fn post_return_authorization(&self, draft: &ReturnDraft, sales_order: &str) -> Result<Posted, Failure> {
        self.return_authorized(draft, sales_order).await
    }

    async fn post_item_receipt(&self, draft: &ReceiptDraft, return_authorization: &str) -> Result<Posted, Failure> {
        self.received(draft, return_authorization).await
    }

    async fn post_adjustment(&self, draft: &AdjustmentDraft, items: &BTreeMap<Sku, String>) -> Result<Posted, Failure> {
        self.adjusted(draft, items).await
    }

    async fn post_credit_memo(
        &self,
        draft: &CreditDraft,
        return_authorization: Option<&str>,
    ) -> Result<Posted, Failure> {
        self.credited(draft, return_authorization).await
    }

    async fn post_customer_refund(&self, draft: &RefundDraft) -> Result<Posted, Failure> {
        self.refunded(draft).await
    }

    async fn apply_credit(&self, draft: &CreditApplicationDraft) -> Result<Posted, Failure> {
        self.credit_applied(draft).await
    }

    async fn post_journal(&self, draft: &JournalDraft) -> Result<Posted, Failure> {
        self.journalized(draft).await
    }

    async fn post_stock(&self, draft: &StockDraft, items: &BTreeMap<Sku, String>) -> Result<Posted, Failure> {
        self.stocked(draft, items).await
    }

    async fn post_transfer(&self, draft: &TransferDraft, items: &BTreeMap<Sku, String>) -> Result<Posted, Failure> {
        self.transferred(draft, items).await
    }

    async fn stock(&self, items: &BTreeMap<Sku, String>) -> Result<Vec<ErpStock>, Failure> {
        self.levels(items).await
    }

    async fn catalogue(&self, since: Option<Timestamp>, after: Option<&str>) -> Result<CataloguePage, Failure> {
        self.catalogued(since, after).await
    }
}
