//! The storefront's own books: what its people do there, and what we have it do.

use std::collections::BTreeMap;

use crossdock_domain::event::{IssuedRefund, LineQuantity, Refund};
use crossdock_domain::reversals::{Goods, ReturnSource};
use crossdock_domain::sales::{
    RefundStatus, RefundTender, Restock, SalesReport, ToldCancellation, ToldEdit, ToldPayment, ToldRefund,
    ToldRefundLine, ToldReturn, ToldReturnStatus,
};
use crossdock_domain::{CanonicalOrder, Line, Minor, Order, TaxLine, Tender, TenderStatus};
use jiff::Timestamp;

use crate::samples::minor;

/// A line as the storefront has it.
struct Sold {
    line: Line,
    removed: u32,
    cancelled: u32,
    fulfilled: u32,
    refunded: u32,
    returned: u32,
}

impl Sold {
    fn new(line: Line) -> Self {
        Self { line, removed: 0, cancelled: 0, fulfilled: 0, refunded: 0, returned: 0 }
    }

    fn open(&self) -> u32 {
        self.line.quantity - self.removed - self.cancelled - self.fulfilled
    }

    fn refundable(&self) -> u32 {
        self.line.quantity - self.removed - self.refunded
    }
}

/// What somebody does about money at the storefront.
#[derive(Clone, Copy)]
pub struct ByHand {
    pub which: usize,
    pub at: Timestamp,
    pub captured: i64,
}

#[derive(Default)]
pub struct Shop {
    sold: Vec<Sold>,
    included: bool,
    pub edits: Vec<ToldEdit>,
    pub refunds: Vec<ToldRefund>,
    pub returns: Vec<ToldReturn>,
    pub cancelled: Option<ToldCancellation>,
    /// What buyers get instead, by return, once it is settled.
    to_exchange: BTreeMap<String, Line>,
    /// What has changed and was not told yet.
    pub untold: Vec<String>,
}

impl Shop {
    pub fn new(order: &CanonicalOrder) -> Self {
        let sold = order.lines.iter().cloned().map(Sold::new).collect();
        Self { sold, included: order.taxes_included, ..Self::default() }
    }

    pub fn report(&self, order: &CanonicalOrder, at: Timestamp) -> SalesReport {
        let current = self.sold.iter().map(|sold| (sold.line.id.clone(), sold.refundable()));
        SalesReport {
            version: at,
            cancelled: self.cancelled.clone(),
            current: current.collect(),
            unfulfilled: Vec::new(),
            payments: payments(order),
            edits: self.edits.clone(),
            refunds: self.refunds.clone(),
            returns: self.returns.clone(),
        }
    }

    /// Whether something is under way, or was not told yet.
    pub fn has_news(&self) -> bool {
        let mut tenders = self.refunds.iter().flat_map(|refund| &refund.tenders);
        !self.untold.is_empty() || tenders.any(|tender| tender.status == RefundStatus::Pending)
    }

    pub fn paid_back(&self) -> i64 {
        let tenders = self.refunds.iter().flat_map(|refund| &refund.tenders);
        tenders.filter(|tender| tender.status != RefundStatus::Failed).map(|tender| tender.amount.get()).sum()
    }

    pub fn fulfil(&mut self, order: &Order, lines: &[LineQuantity]) {
        for of in lines {
            let id = &order.line(of.line).unwrap().id;
            if let Some(sold) = self.sold.iter_mut().find(|sold| sold.line.id == *id) {
                sold.fulfilled += of.quantity.min(sold.open());
            }
        }
    }

    /// Somebody takes units off, or adds a line.
    pub fn edit(&mut self, which: usize, at: Timestamp) -> bool {
        if self.cancelled.is_some() {
            return false;
        }
        let id = format!("E{}", self.edits.len() + 1);
        let mut edit = ToldEdit { id, at, added: Vec::new(), removed: Vec::new(), other: Vec::new() };
        let place = which % self.sold.len();
        if which.is_multiple_of(3) {
            let like = self.sold[place].line.clone();
            let name = format!("{}-{}", like.id, edit.id);
            let added =
                Line { id: name, quantity: 1, unit_price: minor(900), discount: Minor::ZERO, taxes: vec![], ..like };
            self.sold.push(Sold::new(added.clone()));
            edit.added.push(added);
        } else if self.sold[place].open() > 0 && self.sold[place].refundable() > 0 {
            self.sold[place].removed += 1;
            edit.removed.push((self.sold[place].line.id.clone(), 1));
        } else {
            return false;
        }
        self.untold.push(format!("edit:{}", edit.id));
        self.edits.push(edit);
        true
    }

    fn part(&mut self, place: usize, quantity: u32, restock: Restock) -> ToldRefundLine {
        let included = self.included;
        let sold = &mut self.sold[place];
        let line = &sold.line;
        let price = line.price().unwrap();
        let net = if included { price.minus(line.tax().unwrap()).unwrap() } else { price };
        let share = |amount: Minor| amount.share(sold.refunded, quantity, line.quantity);
        let taxes = line.taxes.iter().map(|tax| TaxLine { amount: share(tax.amount), ..tax.clone() }).collect();
        let told = ToldRefundLine { line_id: line.id.clone(), quantity, restock, net: share(net), taxes };
        sold.refunded += quantity;
        match restock {
            Restock::Cancel => sold.cancelled += quantity.min(sold.open()),
            // What is refunded and was not sent is taken off.
            Restock::Nothing => sold.cancelled += quantity.min(sold.open()),
            Restock::Return => sold.returned += quantity,
        }
        told
    }

    /// Somebody refunds units of a line: unsent, coming back, or neither; at once, later, or as credit.
    pub fn refund_units(&mut self, hand: ByHand) -> bool {
        let place = hand.which % self.sold.len();
        let sold = &self.sold[place];
        let wish = [Restock::Cancel, Restock::Return, Restock::Nothing][hand.which / 7 % 3];
        let most = match wish {
            Restock::Cancel => sold.open(),
            Restock::Return => sold.fulfilled.saturating_sub(sold.returned),
            Restock::Nothing => sold.refundable(),
        };
        let quantity = most.min(sold.refundable()).min(1 + u32::try_from(hand.which % 2).unwrap());
        let left = hand.captured - self.paid_back();
        if quantity == 0 || left <= 0 {
            return false;
        }
        let line = self.part(place, quantity, wish);
        self.told(hand, vec![line], left)
    }

    fn told(&mut self, hand: ByHand, lines: Vec<ToldRefundLine>, left: i64) -> bool {
        let value: i64 = lines.iter().map(value).sum();
        let amount = value.min(left);
        let id = format!("H{}", self.refunds.len() + 1);
        let status = if hand.which % 5 == 3 { RefundStatus::Pending } else { RefundStatus::Succeeded };
        let tenders = if hand.which % 11 == 4 { Vec::new() } else { vec![payment(&id, (1, amount), status)] };
        self.refunds.push(ToldRefund {
            reference: None,
            return_id: None,
            lines,
            shipping: Minor::ZERO,
            shipping_taxes: Vec::new(),
            adjustment: minor(amount - value),
            tenders,
            at: hand.at,
            id: id.clone(),
        });
        self.untold.push(format!("refund:{id}"));
        true
    }

    /// Somebody gives money for nothing in particular: a little, or more than there is.
    pub fn give(&mut self, hand: ByHand, amount: i64) {
        self.told(hand, Vec::new(), 0);
        let gift = self.refunds.last_mut().unwrap();
        (gift.tenders, gift.adjustment) =
            (vec![payment(&gift.id, (1, amount), RefundStatus::Succeeded)], minor(amount));
    }

    /// Somebody cancels the whole order: only while nothing of it was sent, as far as the storefront knows.
    pub fn cancel(&mut self, hand: ByHand) -> bool {
        if self.cancelled.is_some() || self.sold.iter().any(|sold| sold.fulfilled > 0) {
            return false;
        }
        let left = hand.captured - self.paid_back();
        if hand.which.is_multiple_of(2) && left > 0 {
            let open: Vec<(usize, u32)> =
                self.sold.iter().map(|sold| sold.open().min(sold.refundable())).enumerate().collect();
            let lines = open.into_iter().filter(|(_, units)| *units > 0);
            let lines: Vec<_> = lines.map(|(place, units)| self.part(place, units, Restock::Cancel)).collect();
            self.told(hand, lines, left);
        }
        self.cancel_all("customer", hand.at);
        true
    }

    fn cancel_all(&mut self, reason: &str, at: Timestamp) {
        self.sold.iter_mut().for_each(|sold| sold.cancelled += sold.open());
        self.cancelled = Some(ToldCancellation { at, reason: reason.into() });
        self.untold.push("cancelled".into());
    }

    /// We have it cancel the order.
    pub fn cancel_by_us(&mut self, at: Timestamp) {
        if self.cancelled.is_none() {
            self.cancel_all("customer", at);
        }
    }

    /// A buyer asks for a return there, or somebody opens one, with something instead or without.
    pub fn open_return(&mut self, which: usize) -> bool {
        let place = which % self.sold.len();
        let sold = &mut self.sold[place];
        if sold.fulfilled <= sold.returned || sold.refundable() == 0 {
            return false;
        }
        sold.returned += 1;
        let id = format!("R{}", self.returns.len() + 1);
        let (line, like) = ((sold.line.id.clone(), 1, "unwanted".to_owned()), sold.line.clone());
        let status = if which.is_multiple_of(2) { ToldReturnStatus::Requested } else { ToldReturnStatus::Open };
        if which.is_multiple_of(5) {
            let name = format!("{}-X{id}", like.id);
            let price = minor([600, 700, 800][which / 5 % 3]);
            let instead =
                Line { id: name, quantity: 1, unit_price: price, discount: Minor::ZERO, taxes: vec![], ..like };
            self.to_exchange.insert(id.clone(), instead);
        }
        self.returns.push(ToldReturn { id: id.clone(), status, lines: vec![line], exchange: Vec::new() });
        self.untold.push(format!("return:{id}"));
        true
    }

    /// What was asked for is agreed to, or is not.
    pub fn answer_return(&mut self, which: usize) -> bool {
        let asked = self.returns.iter_mut().find(|told| told.status == ToldReturnStatus::Requested);
        let Some(told) = asked else { return false };
        let agreed = which.is_multiple_of(2);
        told.status = if agreed { ToldReturnStatus::Open } else { ToldReturnStatus::Declined };
        self.untold.push(format!("return:{}:answered", told.id));
        true
    }

    /// Payments that were under way have gone.
    pub fn settle(&mut self) -> bool {
        let mut settled = Vec::new();
        for refund in &mut self.refunds {
            for tender in refund.tenders.iter_mut().filter(|tender| tender.status == RefundStatus::Pending) {
                tender.status = RefundStatus::Succeeded;
                settled.push(format!("payment:{}", tender.id));
            }
        }
        self.untold.extend(settled.iter().cloned());
        !settled.is_empty()
    }

    /// Our refund, known by its reference; `None` where the storefront refuses it.
    pub fn refund_for_us(&mut self, order: &Order, refund: &Refund, hand: ByHand) -> Option<IssuedRefund> {
        let reference = order.reference(&format!("R{}", refund.number));
        if let Some(known) = self.refunds.iter().find(|known| known.reference == reference) {
            return Some(IssuedRefund { id: known.id.clone(), at: known.at, tenders: known.tenders.clone() });
        }
        let mut units: BTreeMap<(usize, bool), u32> = BTreeMap::new();
        for of in &refund.lines {
            let id = &order.line(of.line).unwrap().id;
            let place = self.sold.iter().position(|sold| sold.line.id == *id)?;
            // Of units that are on no line any more only the money is asked for.
            *units.entry((place, of.goods == Goods::Cancelled)).or_default() += order.named_at_storefront(refund, of);
        }
        let fits = |((place, _), units): (&(usize, bool), &u32)| {
            let sold = &self.sold[*place];
            // What an edit has taken off is paid all the same; what is refunded already is not refunded twice. Where the
            // unit that was refunded as unsent has left instead of ours, somebody refunds ours without restocking it.
            *units <= sold.refundable() + sold.removed
        };
        if !units.iter().all(fits) || refund.total.get() > hand.captured - self.paid_back() {
            return None;
        }
        // What had left takes nothing off that had not.
        let restock = |unsent: bool| if unsent { Restock::Cancel } else { Restock::Return };
        let is_cancelled = self.cancelled.is_some();
        for ((place, unsent), units) in units {
            let units = units.min(self.sold[place].refundable());
            if is_cancelled {
                self.sold[place].refunded += units;
            } else if units > 0 {
                self.part(place, units, restock(unsent));
            }
        }
        let paid = (refund.total.get() - self.exchange(order, refund)).max(0);
        Some(self.issue(refund, (reference, paid, hand)))
    }

    /// With the return is settled what comes in exchange: it is on the order from now on. Gives back its price.
    fn exchange(&mut self, order: &Order, refund: &Refund) -> i64 {
        let of_return = refund.of_return.and_then(|number| order.reversals.returns.get(&number));
        let Some(ReturnSource::Storefront(id)) = of_return.map(|known| &known.fact.source) else { return 0 };
        let Some(line) = self.to_exchange.remove(id) else { return 0 };
        self.sold.push(Sold::new(line.clone()));
        self.untold.push(format!("return:{id}:exchanged"));
        let price = line.unit_price.get();
        self.returns.iter_mut().find(|told| told.id == *id).unwrap().exchange.push(line);
        price
    }

    fn issue(&mut self, refund: &Refund, (reference, paid, hand): (Option<String>, i64, ByHand)) -> IssuedRefund {
        let id = format!("O{}", refund.number);
        let status = if hand.which % 3 == 1 { RefundStatus::Pending } else { RefundStatus::Succeeded };
        let half = if hand.which % 4 == 2 { paid / 2 } else { 0 };
        let parts = [(1, paid - half), (2, half)].into_iter().filter(|(_, amount)| *amount > 0);
        let tenders: Vec<RefundTender> = parts.map(|part| payment(&id, part, status)).collect();
        self.refunds.push(ToldRefund {
            reference,
            return_id: None,
            lines: Vec::new(),
            shipping: refund.shipping,
            shipping_taxes: refund.shipping_taxes.clone(),
            adjustment: refund.adjustment,
            tenders: tenders.clone(),
            at: hand.at,
            id: id.clone(),
        });
        self.untold.push(format!("refund:{id}"));
        IssuedRefund { id, at: hand.at, tenders }
    }
}

fn value(line: &ToldRefundLine) -> i64 {
    line.net.get() + line.taxes.iter().map(|tax| tax.amount.get()).sum::<i64>()
}

fn payment(refund: &str, (place, amount): (u32, i64), status: RefundStatus) -> RefundTender {
    let id = format!("{refund}-P{place}");
    RefundTender { id, gateway: "shopify_payments".into(), amount: minor(amount), status }
}

/// Every payment that has arrived, as the ledger tells it: oldest first.
fn payments(order: &CanonicalOrder) -> Vec<ToldPayment> {
    let arrived = order.tenders.iter().filter(|tender| tender.status == TenderStatus::Captured);
    let told =
        |of: &Tender| ToldPayment { id: of.id.clone(), gateway: of.gateway.clone(), amount: of.amount, at: of.at };
    let mut payments: Vec<ToldPayment> = arrived.filter(|of| of.amount > Minor::ZERO).map(told).collect();
    payments.sort_by_key(|payment| payment.at);
    payments
}

/// Money that the storefront has taken.
pub fn captured(order: &CanonicalOrder) -> i64 {
    let arrived = order.tenders.iter().filter(|tender| tender.status == TenderStatus::Captured);
    arrived.map(|tender| tender.amount.get()).sum()
}
