//! Documents that undo or change a sale.

use std::collections::BTreeMap;

use crossdock_domain::Sku;
use crossdock_domain::event::{Disposition, FailureClass};
use crossdock_domain::posting::Header;
use crossdock_domain::reversing::{
    AdjustmentDraft, AmendmentDraft, CreditApplicationDraft, CreditDraft, JournalDraft, ReceiptDraft, RefundDraft,
    ReturnDraft,
};
use crossdock_step::Failure;

use super::documents::check_reference;
use super::documents_crediting as crediting;
use super::documents_reversing::{self as documents, ReceivedLine};
use super::readback::Held;
use super::translate::Asked;
use super::{By, NetSuite, SALES_ORDER, Written, check_id};
use crate::Posted;

const RETURN_AUTHORIZATION: &str = "returnAuthorization";
const CREDIT_MEMO: &str = "creditMemo";
/// What is appended to a receipt's reference for each further document that it takes.
const FURTHER_RECEIPTS: [&str; 3] = ["", "B", "C"];

impl NetSuite {
    fn held_reversal<'a>(&'a self, written: &'a Written<'a>) -> Held<'a> {
        Held { source: "the order says", ..self.held(written) }
    }

    pub(super) async fn amended(
        &self,
        draft: &AmendmentDraft,
        sales_order: &str,
        items: &BTreeMap<Sku, String>,
    ) -> Result<Posted, Failure> {
        let asked = self.asked(&draft.header)?;
        let source = (SALES_ORDER, sales_order);
        check_id(source)?;
        let before = Written { asked: &asked, record: self.client.read(source, &asked).await?, id: None };
        let held = self.held_reversal(&before);
        held.identity(&draft.header, Some(sales_order))?;
        let ours = documents::amended_order(draft, held.beside(draft)?)?;
        let body = documents::amendment(self.settings(), draft, &before.record, items)?;
        let id = self.client.update(source, &body, &asked).await?;
        let written = Written { asked: &asked, record: self.read_back(SALES_ORDER, &asked).await?, id };
        let held = self.held_reversal(&written);
        held.identity(&draft.header, Some(sales_order))?;
        held.closed_lines(draft)?;
        self.reconciled(&ours, written).await
    }

    pub(super) async fn return_authorized(&self, draft: &ReturnDraft, sales_order: &str) -> Result<Posted, Failure> {
        let asked = self.asked(&draft.header)?;
        let body = documents::return_authorization(self.settings(), draft)?;
        let written = self.transformed((SALES_ORDER, sales_order), (RETURN_AUTHORIZATION, &body), &asked).await?;
        let held = self.held_reversal(&written);
        let id = held.identity(&draft.header, written.id.as_deref())?;
        Ok(Posted { id, total: Some(held.return_authorization(draft)?) })
    }

    /// A receipt has one location and one fate per line. Units of one line that differ in it take further receipts,
    /// whose references follow from the first one's.
    pub(super) async fn received(&self, draft: &ReceiptDraft, authorization: &str) -> Result<Posted, Failure> {
        let asked = self.asked(&draft.header)?;
        let lines = self.received_lines(draft, authorization, &asked).await?;
        let mut receipts = Vec::new();
        for (receipt, further) in layers(lines).into_iter().zip(FURTHER_RECEIPTS) {
            let reference = format!("{}{further}", draft.header.reference);
            check_reference(&reference)?;
            receipts.push((Header { reference, ..draft.header.clone() }, receipt));
        }
        let mut first = None;
        for (header, receipt) in &receipts {
            let posted = self.receipt(header, receipt, authorization).await?;
            first.get_or_insert(posted);
        }
        first.ok_or_else(|| {
            let reason = format!("{} receives nothing: correct the return, then retry", draft.header.reference);
            Failure::permanent(FailureClass::Value, reason)
        })
    }

    async fn received_lines(
        &self,
        draft: &ReceiptDraft,
        authorization: &str,
        asked: &Asked<'_>,
    ) -> Result<Vec<ReceivedLine>, Failure> {
        let mut units = BTreeMap::<(usize, Disposition), u32>::new();
        for (line, quantity, disposition) in &draft.lines {
            let known = units.entry((*line, *disposition)).or_default();
            *known = known.saturating_add(*quantity);
        }
        // Settings first: what is not mapped is known without a call.
        for (_, disposition) in units.keys() {
            documents::place(self.settings(), &draft.location, *disposition)?;
        }
        let authorized = self.authorized_lines(authorization, asked).await?;
        let line = |((line, disposition), quantity): ((usize, Disposition), u32)| {
            let (location, restock) = documents::place(self.settings(), &draft.location, disposition)?;
            let line = documents::authorized_line(&authorized, line, &draft.header)?;
            Ok(ReceivedLine { line, quantity, location: location.to_string(), restock })
        };
        units.into_iter().filter(|(_, quantity)| *quantity > 0).map(line).collect()
    }

    async fn authorized_lines(&self, authorization: &str, asked: &Asked<'_>) -> Result<BTreeMap<u64, u64>, Failure> {
        check_id((RETURN_AUTHORIZATION, authorization))?;
        let authorization = self.client.read((RETURN_AUTHORIZATION, authorization), asked).await?;
        Ok(documents::lines_of_return(&authorization))
    }

    async fn receipt(&self, header: &Header, lines: &[ReceivedLine], authorization: &str) -> Result<Posted, Failure> {
        let asked = self.asked(header)?;
        let body = documents::item_receipt(self.settings(), header, lines);
        let written = self.transformed((RETURN_AUTHORIZATION, authorization), ("itemReceipt", &body), &asked).await?;
        let held = self.held_reversal(&written);
        let id = held.identity(header, written.id.as_deref())?;
        held.item_receipt(lines)?;
        Ok(Posted { id, total: None })
    }

    pub(super) async fn adjusted(
        &self,
        draft: &AdjustmentDraft,
        items: &BTreeMap<Sku, String>,
    ) -> Result<Posted, Failure> {
        let asked = self.asked(&draft.header)?;
        let lines = documents::adjusted(self.settings(), draft, items)?;
        let account = self.settings().adjusted_against()?;
        let body = documents::named(self.settings(), &draft.header);
        let body = documents::adjustment(self.settings(), body, account, &lines);
        let written = self.written(("inventoryAdjustment", By::Post), &body, &asked).await?;
        let held = self.held_reversal(&written);
        let id = held.identity(&draft.header, written.id.as_deref())?;
        held.adjustment(&lines)?;
        Ok(Posted { id, total: None })
    }

    pub(super) async fn credited(&self, draft: &CreditDraft, authorization: Option<&str>) -> Result<Posted, Failure> {
        let asked = self.asked(&draft.header)?;
        let Some(authorization) = authorization else { return self.credited_alone(draft, &asked).await };
        let authorized = self.authorized_lines(authorization, &asked).await?;
        let ours = crediting::credited(self.settings(), draft, &authorized)?;
        let body = crediting::credit_memo(self.settings(), draft, &authorized)?.into();
        let written = self.transformed((RETURN_AUTHORIZATION, authorization), (CREDIT_MEMO, &body), &asked).await?;
        self.reconciled(&ours, written).await
    }

    async fn credited_alone(&self, draft: &CreditDraft, asked: &Asked<'_>) -> Result<Posted, Failure> {
        if !draft.goods.is_empty() {
            let reference = &draft.header.reference;
            let reason = format!(
                "{reference} credits goods without a return authorization, which would move stock a second time: post \
                 the authorization first, or credit the goods as kept"
            );
            return Err(Failure::permanent(FailureClass::Value, reason));
        }
        let ours = crediting::credited(self.settings(), draft, &BTreeMap::new())?;
        let body = |customer: &str| crediting::lone_credit_memo(self.settings(), draft, customer);
        let written = self.written_for_guest((CREDIT_MEMO, By::Post, &draft.header), asked, body).await?;
        self.reconciled(&ours, written).await
    }

    pub(super) async fn refunded(&self, draft: &RefundDraft) -> Result<Posted, Failure> {
        let asked = self.asked(&draft.header)?;
        let body = |customer: &str| documents::customer_refund(self.settings(), draft, customer);
        let written = self.written_for_guest(("customerRefund", By::Post, &draft.header), &asked, body).await?;
        let held = self.held_reversal(&written);
        let id = held.identity(&draft.header, written.id.as_deref())?;
        Ok(Posted { id, total: Some(held.refund(draft)?) })
    }

    pub(super) async fn credit_applied(&self, draft: &CreditApplicationDraft) -> Result<Posted, Failure> {
        let asked = self.asked(&draft.header)?;
        let memo = (CREDIT_MEMO, draft.credit_memo.as_str());
        check_id(memo)?;
        check_id(("invoice", &draft.invoice))?;
        let outcome = self.client.update(memo, &crediting::credit_application(draft)?, &asked).await;
        let (id, refused) = match outcome {
            Ok(id) => (id, None),
            Err(refusal @ Failure::Permanent { .. }) => (None, Some(refusal)),
            Err(passing) => return Err(passing),
        };
        let written = Written { asked: &asked, record: self.client.read(memo, &asked).await?, id };
        let held = self.held_reversal(&written);
        // The memo's date is that of the event that it credits.
        held.undated_identity(&draft.header, Some(&draft.credit_memo))?;
        let id = held.undated_identity(&draft.header, written.id.as_deref())?;
        // What a first try did may be refused now, for a period that is closed since; it is done all the same.
        match (held.credit_application(draft), refused) {
            (Ok(amount), _) => Ok(Posted { id, total: Some(amount) }),
            (Err(_), Some(refusal)) => Err(refusal),
            (Err(differs), None) => Err(differs),
        }
    }

    pub(super) async fn journalized(&self, draft: &JournalDraft) -> Result<Posted, Failure> {
        let asked = self.asked(&draft.header)?;
        let body = documents::journal(self.settings(), draft)?;
        let written = self.written(("journalEntry", By::Post), &body, &asked).await?;
        let held = self.held_reversal(&written);
        let id = held.identity(&draft.header, written.id.as_deref())?;
        Ok(Posted { id, total: Some(held.journal(draft)?) })
    }
}

/// Receipts of which each has a line once.
fn layers(lines: Vec<ReceivedLine>) -> Vec<Vec<ReceivedLine>> {
    let mut layers = Vec::<Vec<ReceivedLine>>::new();
    for line in lines {
        match layers.iter_mut().find(|layer| layer.iter().all(|known| known.line != line.line)) {
            Some(layer) => layer.push(line),
            None => layers.push(vec![line]),
        }
    }
    layers
}
