//! Paying back, cancelling, and reading what has become of an order.

use crossdock_domain::event::FailureClass;
use crossdock_domain::ids::ChannelOrderId;
use crossdock_domain::sales::{SalesReport, ToldCancellation, ToldPayment, ToldRefund};
use crossdock_domain::{Currency, Minor};
use crossdock_step::Failure;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::Document;
use super::exchanging::Ledger;
use super::fulfilling::{Named, Page, PageInfo};
use super::ledger::{Agreement, Reader, Refund, RefundLine, Return};
use super::paying::{MOST_TRANSACTIONS, Payments, Transaction, financial_transfer, refund_input, shipping_of_return};
use super::translate::Refusal;
use super::{MOST_PAGES, OrderData, Shopify, UserError, missing_order, refused};
use crate::{CancelInstruction, Posted, RefundInstruction};

pub(super) const ORDER_STATE: Document =
    Document { name: "OrderState", text: include_str!("queries/order_state.graphql") };
pub(super) const ORDER_AGREEMENTS: Document =
    Document { name: "OrderAgreements", text: include_str!("queries/order_agreements.graphql") };
pub(super) const ORDER_REFUNDS: Document =
    Document { name: "OrderRefunds", text: include_str!("queries/order_refunds.graphql") };
pub(super) const REFUND_LINES: Document =
    Document { name: "RefundLines", text: include_str!("queries/refund_lines.graphql") };
pub(super) const ORDER_RETURNS: Document =
    Document { name: "OrderReturns", text: include_str!("queries/order_returns.graphql") };
pub(super) const ORDER_PAYMENTS: Document =
    Document { name: "OrderPayments", text: include_str!("queries/order_payments.graphql") };
pub(super) const ORDER_CANCELLED: Document =
    Document { name: "OrderCancelled", text: include_str!("queries/order_cancelled.graphql") };
pub(super) const REFUND_CREATE: Document =
    Document { name: "RefundCreate", text: include_str!("queries/refund_create.graphql") };
pub(super) const ORDER_CANCEL: Document =
    Document { name: "OrderCancel", text: include_str!("queries/order_cancel.graphql") };
pub(super) const RETURN_PROCESS: Document =
    Document { name: "ReturnProcess", text: include_str!("queries/return_process.graphql") };

/// As many refunds as one query reads; an order with more is looked at by hand.
pub(super) const MOST_REFUNDS: usize = 50;
/// Agreements that one query reads, each with its first sales: more would cost more than one query may.
const AGREEMENTS_PER_PAGE: usize = 5;
/// How long a cancellation usually runs.
const WHILE_IT_CANCELS: SignedDuration = SignedDuration::from_secs(10);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    updated_at: Timestamp,
    cancelled_at: Option<Timestamp>,
    cancel_reason: Option<String>,
    taxes_included: bool,
    transactions: Vec<Transaction>,
    line_items: Page<LineNow>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LineNow {
    id: String,
    current_quantity: u32,
    unfulfilled_quantity: u32,
}

/// Units by the number of their line.
type ByLine = Vec<(String, u32)>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Agreements {
    updated_at: Timestamp,
    agreements: Edges<Agreement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Edges<T> {
    edges: Vec<Edge<T>>,
    page_info: PageInfo,
}

#[derive(Deserialize)]
struct Edge<T> {
    cursor: String,
    node: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Refunds {
    updated_at: Timestamp,
    pub(super) taxes_included: bool,
    pub(super) refunds: Vec<Refund>,
}

#[derive(Deserialize)]
struct RefundData {
    refund: Option<Lines>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lines {
    refund_line_items: Page<RefundLine>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Returns {
    updated_at: Timestamp,
    returns: Page<Return>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cancelled {
    cancelled_at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RefundCreated {
    refund_create: RefundOutcome,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RefundOutcome {
    refund: Option<Named>,
    user_errors: Vec<UserError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CancelStarted {
    order_cancel: CancelOutcome,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CancelOutcome {
    order_cancel_user_errors: Vec<UserError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReturnProcessed {
    return_process: ReturnOutcome,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReturnOutcome {
    user_errors: Vec<UserError>,
}

pub(super) fn gid_of(channel: &ChannelOrderId) -> String {
    format!("gid://shopify/Order/{channel}")
}

/// An order that changes while it is read page by page would be read by half.
fn unchanged(version: Timestamp, now: Timestamp) -> Result<(), Failure> {
    if version == now { Ok(()) } else { Err(Failure::retry("the order changed while its ledger was read")) }
}

/// The payments that have arrived, oldest first.
fn payments(transactions: &[Transaction], currency: Currency) -> Result<Vec<ToldPayment>, Failure> {
    if transactions.len() >= MOST_TRANSACTIONS {
        return Err(refused("the order has too many payments to be read: look at it in the admin"));
    }
    let arrived = transactions.iter().filter(|transaction| transaction.brings_money());
    let mut told = arrived.map(|transaction| transaction.told(currency)).collect::<Result<Vec<_>, _>>()?;
    told.sort_by_key(|payment| payment.at);
    Ok(told)
}

impl Shopify {
    /// Everything that the ledger says.
    pub(super) async fn read_sales(
        &self,
        channel: &ChannelOrderId,
        currency: Currency,
    ) -> Result<SalesReport, Failure> {
        let gid = gid_of(channel);
        let (state, current, unfulfilled) = self.state(&gid).await?;
        let version = state.updated_at;
        let agreements = self.agreements(&gid, Some(version)).await?;
        let refunds = self.refunds(&gid).await?;
        unchanged(version, refunds.updated_at)?;
        let returns = self.returns(&gid, Some(version)).await?;
        let reader = Reader { channel: channel.clone(), currency, taxes_included: state.taxes_included };
        let payments = payments(&state.transactions, currency)?;
        let reason = state.cancel_reason.unwrap_or_else(|| "OTHER".to_owned()).to_ascii_lowercase();
        Ok(SalesReport {
            version,
            cancelled: state.cancelled_at.map(|at| ToldCancellation { at, reason }),
            current,
            unfulfilled,
            payments,
            edits: reader.edits(&agreements)?,
            refunds: reader.refunds(&refunds.refunds, &agreements)?,
            returns: reader.returns(&returns, &agreements)?,
        })
    }

    async fn state(&self, gid: &str) -> Result<(State, ByLine, ByLine), Failure> {
        let (mut current, mut unfulfilled) = (ByLine::new(), ByLine::new());
        let mut first: Option<State> = None;
        let mut after: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let answer: OrderData<State> =
                self.client.call(ORDER_STATE, json!({ "order": gid, "after": after })).await?;
            let page = answer.order.ok_or_else(|| missing_order(gid))?;
            after = page.line_items.next();
            for line in &page.line_items.nodes {
                let number = super::number_of(&line.id);
                current.push((number.to_owned(), line.current_quantity));
                unfulfilled.push((number.to_owned(), line.unfulfilled_quantity));
            }
            let state = match first.take() {
                None => page,
                Some(state) => {
                    unchanged(state.updated_at, page.updated_at)?;
                    state
                }
            };
            if after.is_none() {
                return Ok((state, current, unfulfilled));
            }
            first = Some(state);
        }
        Err(refused("the order has too many lines to be read"))
    }

    pub(super) async fn agreements(&self, gid: &str, version: Option<Timestamp>) -> Result<Vec<Agreement>, Failure> {
        let mut all = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let page = self.agreements_page(gid, (after.as_deref(), AGREEMENTS_PER_PAGE, None)).await?;
            version.map_or(Ok(()), |version| unchanged(version, page.updated_at))?;
            let is_last = !page.agreements.page_info.has_next_page;
            for Edge { cursor, node } in page.agreements.edges {
                all.push(self.whole_agreement(gid, after.as_deref(), node).await?);
                after = Some(cursor);
            }
            if is_last {
                return Ok(all);
            }
        }
        Err(refused("the order's ledger has too many agreements to be read"))
    }

    async fn agreements_page(
        &self,
        gid: &str,
        (after, width, sales): (Option<&str>, usize, Option<&str>),
    ) -> Result<Agreements, Failure> {
        let variables = json!({ "order": gid, "after": after, "width": width, "sales": sales });
        let answer: OrderData<Agreements> = self.client.call(ORDER_AGREEMENTS, variables).await?;
        answer.order.ok_or_else(|| missing_order(gid))
    }

    /// An agreement with all its sales; it is found again by the cursor before it. What was sold when the order was
    /// placed came with the order itself, and is not read again.
    async fn whole_agreement(
        &self,
        gid: &str,
        before: Option<&str>,
        mut agreement: Agreement,
    ) -> Result<Agreement, Failure> {
        if agreement.is_of_placing() {
            return Ok(agreement);
        }
        for _ in 0..MOST_PAGES {
            let Some(sales) = agreement.sales.next() else { return Ok(agreement) };
            let page = self.agreements_page(gid, (before, 1, Some(&sales))).await?;
            let more = page.agreements.edges.into_iter().next();
            let more = more.ok_or_else(|| Failure::retry("an agreement vanished while it was read"))?.node.sales;
            agreement.sales.nodes.extend(more.nodes);
            agreement.sales.page_info = more.page_info;
        }
        Err(refused("an agreement of the order has too many sales to be read"))
    }

    pub(super) async fn refunds(&self, gid: &str) -> Result<Refunds, Failure> {
        let answer: OrderData<Refunds> = self.client.call(ORDER_REFUNDS, json!({ "order": gid })).await?;
        let mut told = answer.order.ok_or_else(|| missing_order(gid))?;
        if told.refunds.len() >= MOST_REFUNDS {
            return Err(refused("the order has too many refunds to be read: look at it in the admin"));
        }
        for refund in &mut told.refunds {
            if refund.transactions.page_info.has_next_page {
                return Err(refused("a refund has too many payments to be read: look at it in the admin"));
            }
            self.complete(refund).await?;
        }
        Ok(told)
    }

    async fn complete(&self, refund: &mut Refund) -> Result<(), Failure> {
        for _ in 0..MOST_PAGES {
            let Some(after) = refund.refund_line_items.next() else { return Ok(()) };
            let answer: RefundData = self.client.call(REFUND_LINES, json!({ "id": refund.id, "after": after })).await?;
            let more = answer.refund.ok_or_else(|| Failure::retry("a refund vanished while it was read"))?;
            refund.refund_line_items.nodes.extend(more.refund_line_items.nodes);
            refund.refund_line_items.page_info = more.refund_line_items.page_info;
        }
        Err(refused("a refund has too many lines to be read"))
    }

    async fn returns(&self, gid: &str, version: Option<Timestamp>) -> Result<Vec<Return>, Failure> {
        let mut all = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let answer: OrderData<Returns> =
                self.client.call(ORDER_RETURNS, json!({ "order": gid, "after": after })).await?;
            let page = answer.order.ok_or_else(|| missing_order(gid))?;
            version.map_or(Ok(()), |version| unchanged(version, page.updated_at))?;
            after = page.returns.next();
            for of in page.returns.nodes {
                let pages = [&of.return_line_items.page_info, &of.exchange_line_items.page_info];
                if pages.iter().any(|page| page.has_next_page) {
                    return Err(refused("a return has too many lines to be read: settle it in the admin"));
                }
                all.push(of);
            }
            if after.is_none() {
                return Ok(all);
            }
        }
        Err(refused("the order has too many returns to be read"))
    }

    /// Cancels, unless it is cancelled.
    pub(super) async fn cancel_order(&self, instruction: &CancelInstruction) -> Result<Posted, Failure> {
        let gid = gid_of(&instruction.channel);
        let done = || Posted { id: instruction.channel.to_string(), total: None };
        if self.is_cancelled(&gid).await? {
            return Ok(done());
        }
        self.check_claim(instruction.claimed_until)?;
        let variables = json!({ "order": gid, "reason": reason(&instruction.reason) });
        let answer: CancelStarted = self.client.call(ORDER_CANCEL, variables).await?;
        let errors = answer.order_cancel.order_cancel_user_errors;
        // It runs as a job: only the order itself says that it is done.
        if self.is_cancelled(&gid).await? {
            return Ok(done());
        }
        if errors.is_empty() {
            return Err(Failure::retry_after(WHILE_IT_CANCELS, "Shopify is still cancelling the order"));
        }
        Err(self.client.failure(&Refusal::User { messages: messages(errors) }))
    }

    async fn is_cancelled(&self, gid: &str) -> Result<bool, Failure> {
        let answer: OrderData<Cancelled> = self.client.call(ORDER_CANCELLED, json!({ "order": gid })).await?;
        Ok(answer.order.ok_or_else(|| missing_order(gid))?.cancelled_at.is_some())
    }

    fn check_claim(&self, until: Timestamp) -> Result<(), Failure> {
        if self.client.now() < until {
            return Ok(());
        }
        Err(Failure::retry("the claim has ended before the storefront was told"))
    }

    /// Pays back, unless a refund carries our reference.
    pub(super) async fn pay_back(&self, instruction: &RefundInstruction) -> Result<ToldRefund, Failure> {
        let gid = gid_of(&instruction.channel);
        let payments = self.payments(&gid).await?;
        if let Some(refund) = payments.noted(&instruction.reference) {
            return self.made(instruction, refund).await;
        }
        match &instruction.return_id {
            Some(of) => self.settle_return(instruction, &payments, of).await,
            None => self.create_refund(instruction, &payments, instruction.amount).await,
        }
    }

    pub(super) async fn payments(&self, gid: &str) -> Result<Payments, Failure> {
        let answer: OrderData<Payments> = self.client.call(ORDER_PAYMENTS, json!({ "order": gid })).await?;
        let payments = answer.order.ok_or_else(|| missing_order(gid))?;
        payments.check_whole()?;
        Ok(payments)
    }

    async fn create_refund(
        &self,
        instruction: &RefundInstruction,
        payments: &Payments,
        amount: Minor,
    ) -> Result<ToldRefund, Failure> {
        let input = refund_input(instruction, payments, amount)?;
        self.check_claim(instruction.claimed_until)?;
        let variables = json!({ "input": input, "key": instruction.reference });
        let answer: RefundCreated = self.client.call(REFUND_CREATE, variables).await?;
        let RefundOutcome { refund, user_errors } = answer.refund_create;
        match refund {
            Some(refund) if user_errors.is_empty() => self.made(instruction, refund.number()).await,
            _ if user_errors.is_empty() => {
                Err(self.client.failure(&Refusal::Unparsable { detail: "it took the refund, and shows none".into() }))
            }
            Some(_) | None => self.made_meanwhile(instruction, messages(user_errors)).await,
        }
    }

    /// After a "no": perhaps an earlier call of ours, whose answer was lost, came first.
    async fn made_meanwhile(
        &self,
        instruction: &RefundInstruction,
        messages: Vec<String>,
    ) -> Result<ToldRefund, Failure> {
        if messages.iter().any(|message| message.contains("IDEMPOTENCY_CONCURRENT_REQUEST")) {
            return Err(Failure::retry("Shopify is still making this refund"));
        }
        let payments = self.payments(&gid_of(&instruction.channel)).await?;
        match payments.noted(&instruction.reference) {
            Some(refund) => self.made(instruction, refund).await,
            None => Err(self.client.failure(&Refusal::User { messages })),
        }
    }

    /// Settles a return. That has no key, so that what was settled before is looked for by what is left.
    async fn settle_return(
        &self,
        instruction: &RefundInstruction,
        payments: &Payments,
        of: &str,
    ) -> Result<ToldRefund, Failure> {
        let gid = gid_of(&instruction.channel);
        let returns = self.returns(&gid, None).await?;
        let found = returns.iter().find(|it| super::number_of(&it.id) == of);
        let found = found.ok_or_else(|| {
            Failure::permanent(FailureClass::Missing, format!("the storefront's order has no return {of}"))
        })?;
        let Some(lines) = left_to_settle(found, instruction) else {
            let before = payments.of_return(of);
            let [one] = before.as_slice() else {
                return Err(refused("the return was settled in another way: look at its refunds in the admin"));
            };
            return self.made(instruction, one).await;
        };
        if found.status == "CLOSED" {
            // Closed before the goods were back: it cannot be processed any more, and the buyer is still owed the money.
            let amount = self.less_exchange(instruction, payments, (found, &lines, &[])).await?;
            return self.create_refund(instruction, payments, amount).await;
        }
        self.process_return(instruction, payments, (found, &lines)).await
    }

    /// Settles lines of a return together with all that is still to be exchanged.
    async fn process_return(
        &self,
        instruction: &RefundInstruction,
        payments: &Payments,
        (found, lines): (&Return, &[Value]),
    ) -> Result<ToldRefund, Failure> {
        let exchange = found.exchange_line_items.nodes.iter().filter(|it| it.unprocessed_quantity > 0);
        let exchange: Vec<Value> =
            exchange.map(|it| json!({ "id": it.id, "quantity": it.unprocessed_quantity })).collect();
        let amount = self.less_exchange(instruction, payments, (found, lines, &exchange)).await?;
        let input = json!({
            "returnId": found.id,
            "note": instruction.reference,
            "notifyCustomer": false,
            "returnLineItems": lines,
            "exchangeLineItems": exchange,
            "refundShipping": shipping_of_return(instruction, payments)?,
            "financialTransfer": financial_transfer(amount, instruction.currency, payments)?,
        });
        self.check_claim(instruction.claimed_until)?;
        let answer: ReturnProcessed = self.client.call(RETURN_PROCESS, json!({ "input": input })).await?;
        let errors = answer.return_process.user_errors;
        if !errors.is_empty() {
            return self.made_meanwhile(instruction, messages(errors)).await;
        }
        let after = self.payments(&gid_of(&instruction.channel)).await?;
        let of = super::number_of(&found.id);
        let known = payments.of_return(of);
        let made: Vec<&str> = after.of_return(of).into_iter().filter(|refund| !known.contains(refund)).collect();
        match made.as_slice() {
            [one] => self.made(instruction, one).await,
            _ => Err(Failure::permanent(
                FailureClass::InDoubt,
                "the return was settled, and its refund cannot be told: look at its refunds in the admin",
            )),
        }
    }

    /// A refund of ours as the ledger has it. One that has paid another amount than was asked for, less what is exchanged,
    /// is not ours.
    async fn made(&self, instruction: &RefundInstruction, id: &str) -> Result<ToldRefund, Failure> {
        let gid = gid_of(&instruction.channel);
        let refunds = self.refunds(&gid).await?;
        let agreements = self.agreements(&gid, None).await?;
        let currency = instruction.currency;
        let reader = Reader::of(instruction, refunds.taxes_included);
        let is_meant = |refund: &&Refund| super::number_of(&refund.id) == id;
        let ours: Vec<Refund> = refunds.refunds.iter().filter(is_meant).cloned().collect();
        let told = reader.refunds(&ours, &agreements)?.into_iter().next();
        let mut told = told.ok_or_else(|| Failure::retry("Shopify does not show the refund yet"))?;
        let paid = Minor::sum(told.tenders.iter().map(|tender| tender.amount))?;
        let ledger = Ledger { refunds: &refunds.refunds, agreements: &agreements };
        let expected = self.expected(&reader, instruction, (&ledger, &told)).await?;
        if paid != expected {
            let (asked, made) = (currency.decimal(expected), currency.decimal(paid));
            let reason =
                format!("refund {id} pays {made} {currency} back, and {asked} was asked for: correct it there");
            return Err(Failure::permanent(FailureClass::Value, reason));
        }
        told.reference = Some(instruction.reference.clone());
        Ok(told)
    }
}

/// The lines of a return that an instruction settles; nothing where not all of them are left.
fn left_to_settle(of: &Return, instruction: &RefundInstruction) -> Option<Vec<Value>> {
    let mut lines = Vec::new();
    let mut taken: Vec<u32> = vec![0; of.return_line_items.nodes.len()];
    for (line, units, _) in &instruction.lines {
        let mut left = *units;
        for (returned, taken) in of.return_line_items.nodes.iter().zip(&mut taken) {
            if returned.line() != Some(super::number_of(line)) {
                continue;
            }
            let units = returned.unprocessed_quantity.saturating_sub(*taken).min(left);
            if units > 0 {
                *taken += units;
                left -= units;
                lines.push(json!({ "id": returned.id, "quantity": units }));
            }
        }
        if left > 0 {
            return None;
        }
    }
    Some(lines)
}

fn messages(errors: Vec<UserError>) -> Vec<String> {
    errors.into_iter().map(|error| error.message).collect()
}

/// Shopify's word for a reason of ours.
fn reason(ours: &str) -> &'static str {
    match ours {
        "customer" => "CUSTOMER",
        "inventory" => "INVENTORY",
        "fraud" => "FRAUD",
        "declined" => "DECLINED",
        "staff" => "STAFF",
        _ => "OTHER",
    }
}
