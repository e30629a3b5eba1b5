//! What the ERP is to be told: drafts of documents, computed from the order alone and exact to the minor unit.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::canonical::{Charge, ChargeKind, TaxLine, Tender};
use crate::event::{Accepted, Shipment};
use crate::ids::{LocationId, Sku};
use crate::money::{Currency, Minor, MoneyError};
use crate::order::Order;

/// What every document carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Our reference, at most 35 characters of `A-Z0-9-`.
    pub reference: String,
    /// The order's name at the storefront, for people.
    pub order_name: String,
    /// The storefront connection: guests have one customer per channel and currency.
    pub channel: String,
    /// Date of the event in the legal entity's time zone.
    pub posting_date: Date,
    /// Currency of all amounts.
    pub currency: Currency,
    /// Largest difference to the ERP's total that goes to the rounding line.
    pub rounding_tolerance: Minor,
}

/// A tax amount as the storefront charged it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostingTax {
    /// Name of the tax at the storefront.
    pub title: String,
    /// Decimal fraction in text.
    pub rate: String,
    /// The amount.
    pub amount: Minor,
}

/// Goods on a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostingLine {
    /// Position of the order line, from 0.
    pub line: usize,
    /// The SKU.
    pub sku: Sku,
    /// Units.
    pub quantity: u32,
    /// Amount without tax, after discounts.
    pub net: Minor,
    /// Its taxes.
    pub taxes: Vec<PostingTax>,
}

/// A sales order or an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalesDraft {
    /// Reference, date, currency.
    pub header: Header,
    /// Goods.
    pub lines: Vec<PostingLine>,
    /// Shipping without tax; zero where another document carries it.
    pub shipping: Minor,
    /// Taxes of shipping.
    pub shipping_taxes: Vec<PostingTax>,
    /// What it must come to.
    pub total: Minor,
}

/// A customer deposit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepositDraft {
    /// Reference, date, currency.
    pub header: Header,
    /// Who took the money.
    pub gateway: String,
    /// How much.
    pub amount: Minor,
}

/// An item fulfilment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FulfillmentDraft {
    /// Reference, date, currency.
    pub header: Header,
    /// From where.
    pub location: LocationId,
    /// Order lines and units.
    pub lines: Vec<(usize, u32)>,
}

/// A part of a deposit to be applied to an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationPlan {
    /// From 1, per order.
    pub number: u32,
    /// Number of the shipment whose invoice is settled.
    pub shipment: u32,
    /// Which tender's deposit.
    pub tender: String,
    /// How much.
    pub amount: Minor,
}

impl Accepted {
    /// The date of a moment in the legal entity's time zone. An unknown zone counts as UTC: it was checked when the
    /// connection was configured, and a posting must not fail for it years later.
    #[must_use]
    pub fn posting_date(&self, at: Timestamp) -> Date {
        TimeZone::get(&self.time_zone).unwrap_or(TimeZone::UTC).to_datetime(at).date()
    }
}

impl Order {
    /// Reference of one of our documents for this order; `None` before acceptance.
    #[must_use]
    pub fn reference(&self, document: &str) -> Option<String> {
        let accepted = self.accepted.as_ref()?;
        Some(crate::ids::reference(&accepted.fact.prefix, &self.id.channel, document))
    }

    pub(crate) fn header(&self, document: &str, at: Timestamp) -> Option<Header> {
        let accepted = &self.accepted.as_ref()?.fact;
        Some(Header {
            reference: self.reference(document)?,
            order_name: accepted.order.name.clone(),
            channel: self.id.connection.to_string(),
            posting_date: accepted.posting_date(at),
            currency: accepted.order.currency,
            rounding_tolerance: accepted.rounding_tolerance,
        })
    }

    /// The sales order: all lines of goods and all shipping. `None` before acceptance.
    ///
    /// # Errors
    /// Overflow.
    pub fn sales_order_draft(&self) -> Result<Option<SalesDraft>, MoneyError> {
        let Some(accepted) = &self.accepted else { return Ok(None) };
        let Some(header) = self.header("SO", accepted.at) else { return Ok(None) };
        let order = &accepted.fact.order;
        let mut lines = Vec::new();
        // As it was accepted: what was added or taken off since then, an amendment says.
        for (index, line) in self.goods().filter(|(index, _)| *index < order.lines.len()) {
            lines.extend(self.part(index, (0, line.quantity))?);
        }
        let (shipping, shipping_taxes) = shipping_of(&order.charges, order.taxes_included)?;
        SalesDraft::summed(header, lines, (shipping, shipping_taxes)).map(Some)
    }

    /// The deposit of the tender with this number, from 1.
    #[must_use]
    pub fn deposit_draft(&self, number: u32) -> Option<(Tender, DepositDraft)> {
        let (_, tender) = self.captured_tenders().find(|(own, _)| *own == number)?;
        let tender = tender.clone();
        let header = self.header(&format!("DEP{number}"), tender.at)?;
        let draft = DepositDraft { header, gateway: tender.gateway.clone(), amount: tender.amount };
        Some((tender, draft))
    }

    /// The item fulfilment of a shipment.
    #[must_use]
    pub fn item_fulfillment_draft(&self, number: u32) -> Option<FulfillmentDraft> {
        let shipment = &self.shipments.get(&number)?.fact;
        Some(FulfillmentDraft {
            header: self.header(&format!("IF{number}"), shipment.shipped_at)?,
            location: shipment.location.clone(),
            lines: per_line(shipment),
        })
    }

    /// The invoice of a shipment: its share of every line by cumulative quantity, so that the invoices of an order
    /// add up to it exactly; the first carries shipping.
    ///
    /// # Errors
    /// Overflow.
    pub fn invoice_draft(&self, number: u32) -> Result<Option<SalesDraft>, MoneyError> {
        let (Some(accepted), Some(shipment)) = (&self.accepted, self.shipments.get(&number)) else { return Ok(None) };
        let Some(header) = self.header(&format!("INV{number}"), shipment.fact.shipped_at) else { return Ok(None) };
        let order = &accepted.fact.order;
        let mut lines = Vec::new();
        for (index, quantity) in per_line(&shipment.fact) {
            lines.extend(self.part(index, (self.invoiced(index), quantity))?);
        }
        let carries_shipping = self.invoices.is_empty();
        let shipping = if carries_shipping {
            shipping_of(&order.charges, order.taxes_included)?
        } else {
            (Minor::ZERO, Vec::new())
        };
        SalesDraft::summed(header, lines, shipping).map(Some)
    }

    /// What one invoice still lacks and which deposit can settle it; invoices first to last, deposits first to last. A
    /// deposit that is not posted yet is waited for, not passed over: else the same application could be computed
    /// differently by two workers, and its reference would name two documents.
    #[must_use]
    pub fn next_application(&self) -> Option<ApplicationPlan> {
        let number = self.applications.keys().max().map_or(1, |last| last + 1);
        let applied = |wanted: &dyn Fn(&crate::event::Application) -> bool| -> i64 {
            self.applications.values().filter(|a| wanted(&a.fact)).map(|a| a.fact.amount.get()).sum()
        };
        let (shipment, due) =
            self.invoices.keys().map(|shipment| (*shipment, self.open_invoice(*shipment))).find(|(_, due)| *due > 0)?;
        let (tender, left) = self.captured_tenders().find_map(|(_, tender)| {
            let refunded = self.refunded_of_deposit(&tender.id);
            let left = tender.amount.get() - refunded - applied(&|a| a.tender == tender.id);
            (left > 0).then_some((tender.id.clone(), left))
        })?;
        self.deposits.get(&tender)?;
        Some(ApplicationPlan { number, shipment, tender, amount: Minor::new(due.min(left)).ok()? })
    }

    /// What an application of a deposit carries: it is dated like the invoice that it settles.
    #[must_use]
    pub fn application_header(&self, plan: &ApplicationPlan) -> Option<Header> {
        let shipped_at = self.shipments.get(&plan.shipment)?.fact.shipped_at;
        self.header(&format!("DA{}", plan.number), shipped_at)
    }

    /// Units `done..done + quantity` of a line, with their exact share of its amounts.
    pub(crate) fn part(&self, index: usize, units: (u32, u32)) -> Result<Option<PostingLine>, MoneyError> {
        let Some(order) = self.accepted.as_ref().map(|a| &a.fact.order) else { return Ok(None) };
        let Some((line, sku)) = self.line(index).and_then(|line| Some((line, line.sku.clone()?))) else {
            return Ok(None);
        };
        let (done, quantity) = units;
        let net = net_of(line.price()?, &line.taxes, order.taxes_included)?;
        let taxes = line
            .taxes
            .iter()
            .map(|tax| PostingTax { amount: tax.amount.share(done, quantity, line.quantity), ..posting_tax(tax) });
        let net = net.share(done, quantity, line.quantity);
        Ok(Some(PostingLine { line: index, sku, quantity, net, taxes: taxes.collect() }))
    }
}

impl SalesDraft {
    fn summed(header: Header, lines: Vec<PostingLine>, shipping: (Minor, Vec<PostingTax>)) -> Result<Self, MoneyError> {
        let (shipping, shipping_taxes) = shipping;
        let taxes = lines.iter().flat_map(|line| &line.taxes).chain(&shipping_taxes).map(|tax| tax.amount);
        let nets = lines.iter().map(|line| line.net).chain([shipping]);
        let total = Minor::sum(nets.chain(taxes))?;
        Ok(Self { header, lines, shipping, shipping_taxes, total })
    }
}

fn per_line(shipment: &Shipment) -> Vec<(usize, u32)> {
    let mut lines: std::collections::BTreeMap<usize, u32> = std::collections::BTreeMap::new();
    for line in &shipment.lines {
        *lines.entry(line.line).or_default() += line.quantity;
    }
    lines.into_iter().collect()
}

fn net_of(price: Minor, taxes: &[TaxLine], taxes_included: bool) -> Result<Minor, MoneyError> {
    let tax = Minor::sum(taxes.iter().map(|tax| tax.amount))?;
    if taxes_included { price.minus(tax) } else { Ok(price) }
}

pub(crate) fn posting_tax(tax: &TaxLine) -> PostingTax {
    PostingTax { title: tax.title.clone(), rate: tax.rate.clone(), amount: tax.amount }
}

fn shipping_of(charges: &[Charge], taxes_included: bool) -> Result<(Minor, Vec<PostingTax>), MoneyError> {
    let mut net = Minor::ZERO;
    let mut taxes = Vec::new();
    for charge in charges.iter().filter(|charge| charge.kind == ChargeKind::Shipping) {
        net = net.plus(net_of(charge.price()?, &charge.taxes, taxes_included)?)?;
        taxes.extend(charge.taxes.iter().map(posting_tax));
    }
    Ok((net, taxes))
}
