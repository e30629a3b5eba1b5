//! Shopify's sales ledger in canonical terms: agreements, refunds and returns of one order.
//!
//! `Sale.totalAmount` is "the total sale amount after taxes and discounts" (published schema 2026-10): it contains the
//! tax whether or not prices do. What leaves the order is negative there, and positive in a [`ToldRefund`].

use std::collections::BTreeMap;

use crossdock_domain::event::FailureClass;
use crossdock_domain::ids::ChannelOrderId;
use crossdock_domain::sales::{
    RefundStatus, RefundTender, Restock, ToldEdit, ToldRefund, ToldRefundLine, ToldReturn, ToldReturnStatus,
};
use crossdock_domain::{Currency, Line, LineKind, Minor, TaxLine};
use crossdock_step::Failure;
use jiff::Timestamp;
use serde::Deserialize;

use super::fulfilling::{Named, Page, number_of};
use super::reading::printable;
use crate::RefundInstruction;

/// An amount in the shop's currency and in the one that the buyer was charged in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MoneyBag {
    shop_money: Money,
    presentment_money: Money,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Money {
    amount: String,
    currency_code: String,
}

impl MoneyBag {
    /// The amount in a currency that the order knows.
    pub(super) fn of(&self, currency: Currency) -> Result<Minor, Failure> {
        let known = [&self.presentment_money, &self.shop_money];
        let money = known.into_iter().find(|money| money.currency_code == currency.code());
        let money = money.ok_or_else(|| {
            let (charged, shop) = (&self.presentment_money.currency_code, &self.shop_money.currency_code);
            let reason = format!("the storefront has the order in {charged} and {shop}, and we have it in {currency}");
            Failure::permanent(FailureClass::Value, reason)
        })?;
        Ok(currency.parse_amount(&money.amount)?)
    }
}

/// What was agreed at one moment.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Agreement {
    #[serde(rename = "__typename")]
    kind: String,
    id: String,
    happened_at: Timestamp,
    refund: Option<Named>,
    #[serde(rename = "return")]
    of_return: Option<Named>,
    pub(super) sales: Page<Sale>,
}

impl Agreement {
    /// Whether it is what was agreed when the order was placed.
    pub(super) fn is_of_placing(&self) -> bool {
        self.kind == "OrderAgreement"
    }

    /// When it was agreed.
    pub(super) const fn at(&self) -> Timestamp {
        self.happened_at
    }
}

/// What was sold in exchange under a return: entries of the ledger, each with its line and its agreement.
pub(super) fn exchanges<'a>(
    of_return: &'a str,
    agreements: &'a [Agreement],
) -> impl Iterator<Item = (&'a Agreement, &'a Sale, &'a SoldLine)> {
    let ours = move |it: &&Agreement| it.of_return.as_ref().is_some_and(|named| named.number() == of_return);
    agreements.iter().filter(ours).flat_map(|agreement| {
        agreement.sales.nodes.iter().filter_map(move |sale| {
            let line = sale.line_item.as_ref()?;
            (sale.action_type == "ORDER" && sale.quantity.unwrap_or_default() > 0).then_some((agreement, sale, line))
        })
    })
}

/// One entry of the ledger.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sale {
    action_type: String,
    line_type: String,
    quantity: Option<i64>,
    total_amount: MoneyBag,
    total_tax_amount: MoneyBag,
    taxes: Vec<SaleTax>,
    line_item: Option<SoldLine>,
}

impl Sale {
    /// The price with tax.
    pub(super) fn total(&self, currency: Currency) -> Result<Minor, Failure> {
        self.total_amount.of(currency)
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SaleTax {
    amount: MoneyBag,
    tax_line: TaxName,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TaxName {
    title: String,
    rate: Option<serde_json::Number>,
    channel_liable: Option<bool>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SoldLine {
    id: String,
    sku: Option<String>,
    is_gift_card: bool,
    requires_shipping: bool,
    original_unit_price_set: MoneyBag,
}

/// A refund with its money.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Refund {
    pub(super) id: String,
    created_at: Option<Timestamp>,
    note: Option<String>,
    #[serde(rename = "return")]
    of_return: Option<Named>,
    pub(super) transactions: Page<RefundTransaction>,
    pub(super) refund_line_items: Page<RefundLine>,
}

impl Refund {
    /// Whether it settles a return, or a part of it.
    pub(super) fn is_of(&self, of_return: &str) -> bool {
        self.of_return.as_ref().is_some_and(|named| named.number() == of_return)
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RefundTransaction {
    id: String,
    kind: String,
    status: String,
    gateway: Option<String>,
    amount_set: MoneyBag,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RefundLine {
    quantity: u32,
    restock_type: String,
    line_item: Named,
    subtotal_set: MoneyBag,
    total_tax_set: MoneyBag,
}

/// A return with what is still to be settled of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Return {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) return_line_items: Page<ReturnLine>,
    pub(super) exchange_line_items: Page<ExchangeLine>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReturnLine {
    pub(super) id: String,
    quantity: u32,
    pub(super) unprocessed_quantity: u32,
    return_reason_definition: Option<Reason>,
    /// Absent where the goods were not sold by this order.
    fulfillment_line_item: Option<ShippedLine>,
}

#[derive(Debug, Clone, Deserialize)]
struct Reason {
    handle: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ShippedLine {
    line_item: Named,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExchangeLine {
    pub(super) id: String,
    quantity: u32,
    pub(super) unprocessed_quantity: u32,
}

impl ExchangeLine {
    /// Whether units of it are on the order already.
    pub(super) const fn is_begun(&self) -> bool {
        self.unprocessed_quantity < self.quantity
    }
}

impl ReturnLine {
    /// The order's line that the units were sold by.
    pub(super) fn line(&self) -> Option<&str> {
        self.fulfillment_line_item.as_ref().map(|shipped| shipped.line_item.number())
    }
}

/// How the amounts of one order are read.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) channel: ChannelOrderId,
    pub(super) currency: Currency,
    pub(super) taxes_included: bool,
}

impl Reader {
    /// For the order of an instruction.
    pub(super) fn of(instruction: &RefundInstruction, taxes_included: bool) -> Self {
        Self { channel: instruction.channel.clone(), currency: instruction.currency, taxes_included }
    }

    /// The edits among the agreements, oldest first.
    pub(super) fn edits(&self, agreements: &[Agreement]) -> Result<Vec<ToldEdit>, Failure> {
        let edits = agreements.iter().filter(|agreement| agreement.kind == "OrderEditAgreement");
        edits.map(|agreement| self.edit(agreement)).collect()
    }

    fn edit(&self, agreement: &Agreement) -> Result<ToldEdit, Failure> {
        let mut edit = ToldEdit {
            id: number_of(&agreement.id).to_owned(),
            at: agreement.happened_at,
            added: Vec::new(),
            removed: Vec::new(),
            other: Vec::new(),
        };
        for sale in &agreement.sales.nodes {
            let units = sale.quantity.unwrap_or_default();
            match (&sale.line_item, sale.action_type.as_str()) {
                (Some(line), "ORDER") if units > 0 => edit.added.push(self.line(sale, line)?),
                (Some(line), "RETURN") if units < 0 => {
                    edit.removed.push((number_of(&line.id).to_owned(), count(units.unsigned_abs())?));
                }
                _ => edit.other.push(self.change(sale)?),
            }
        }
        Ok(edit)
    }

    /// What a sale changes beside units, in the storefront's words.
    fn change(&self, sale: &Sale) -> Result<String, Failure> {
        let amount = self.currency.decimal(sale.total_amount.of(self.currency)?);
        let line = sale.line_item.as_ref().map(|line| format!(" of line {}", number_of(&line.id)));
        let (what, how) = (sale.line_type.to_ascii_lowercase(), sale.action_type.to_ascii_lowercase());
        Ok(printable(&format!("{what}{}: {how} {amount} {}", line.unwrap_or_default(), self.currency), 200))
    }

    /// Units that were sold, with price and tax as the ledger has them.
    fn line(&self, sale: &Sale, sold: &SoldLine) -> Result<Line, Failure> {
        let quantity = count(sale.quantity.unwrap_or_default().unsigned_abs())?;
        let unit_price = sold.original_unit_price_set.of(self.currency)?;
        let total = sale.total_amount.of(self.currency)?;
        let tax = sale.total_tax_amount.of(self.currency)?;
        // Prices contain the tax or not; the ledger's total always does.
        let price = if self.taxes_included { total } else { total.minus(tax)? };
        let discount = unit_price.times(quantity)?.minus(price)?;
        if discount < Minor::ZERO {
            let line = number_of(&sold.id);
            return Err(value(format!("line {line} was sold for more than its price: look at it in the admin")));
        }
        let sku = sold.sku.as_deref().filter(|sku| !sku.trim().is_empty()).and_then(|sku| sku.parse().ok());
        let kind = match (sold.is_gift_card, sold.requires_shipping, &sku) {
            (true, ..) => LineKind::GiftCard,
            (false, false, _) => LineKind::Service,
            (false, true, None) => LineKind::Custom,
            (false, true, Some(_)) => LineKind::Product,
        };
        let id = number_of(&sold.id).to_owned();
        Ok(Line { id, kind, sku, quantity, unit_price, discount, taxes: self.taxes(sale, Sign::AsTold)? })
    }

    fn taxes(&self, sale: &Sale, sign: Sign) -> Result<Vec<TaxLine>, Failure> {
        let tax = |tax: &SaleTax| {
            Ok(TaxLine {
                title: printable(&tax.tax_line.title, 80),
                rate: tax.tax_line.rate.as_ref().map(ToString::to_string).unwrap_or_default(),
                amount: sign.of(tax.amount.of(self.currency)?)?,
                channel_liable: tax.tax_line.channel_liable.unwrap_or_default(),
            })
        };
        sale.taxes.iter().map(tax).collect()
    }

    /// The refunds, oldest first, each with its entries of the ledger.
    pub(super) fn refunds(&self, refunds: &[Refund], agreements: &[Agreement]) -> Result<Vec<ToldRefund>, Failure> {
        let told = refunds.iter().map(|refund| {
            let ours = agreements.iter().filter(|it| it.refund.as_ref().is_some_and(|named| named.id == refund.id));
            let sales: Vec<&Sale> = ours.flat_map(|agreement| &agreement.sales.nodes).collect();
            self.refund(refund, &sales)
        });
        let mut told = told.collect::<Result<Vec<_>, _>>()?;
        told.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
        Ok(told)
    }

    fn refund(&self, refund: &Refund, sales: &[&Sale]) -> Result<ToldRefund, Failure> {
        let id = number_of(&refund.id).to_owned();
        let at = refund.created_at.ok_or_else(|| value(format!("refund {id} is not made yet")))?;
        let mut told = ToldRefund {
            at,
            reference: refund.note.as_deref().map(str::trim).filter(|note| self.is_ours(note)).map(str::to_owned),
            return_id: refund.of_return.as_ref().map(|of| of.number().to_owned()),
            lines: Vec::new(),
            shipping: Minor::ZERO,
            shipping_taxes: Vec::new(),
            adjustment: Minor::ZERO,
            tenders: self.tenders(refund)?,
            id,
        };
        let mut by_line: BTreeMap<&str, Vec<&Sale>> = BTreeMap::new();
        for sale in sales {
            match (&sale.line_item, sale.line_type.as_str()) {
                (Some(line), _) if sale.quantity.is_some() => {
                    by_line.entry(number_of(&line.id)).or_default().push(sale);
                }
                (_, "SHIPPING") => {
                    told.shipping = told.shipping.plus(self.net(sale)?)?;
                    told.shipping_taxes.extend(self.taxes(sale, Sign::Turned)?);
                }
                // Duties, fees, tips and adjustments: what they are worth, with whatever tax they carry.
                _ => told.adjustment = told.adjustment.minus(sale.total_amount.of(self.currency)?)?,
            }
        }
        told.lines = self.refund_lines(&refund.refund_line_items.nodes, &mut by_line)?;
        for (line, left) in by_line {
            for sale in left {
                let units = sale.quantity.unwrap_or_default().unsigned_abs();
                told.lines.push(self.refund_line((line, count(units)?, Restock::Nothing), sale)?);
            }
        }
        Ok(told)
    }

    /// The refunded lines, each with its share of what the ledger says of its line; one line may be refunded in
    /// pieces that become different things.
    fn refund_lines(
        &self,
        lines: &[RefundLine],
        by_line: &mut BTreeMap<&str, Vec<&Sale>>,
    ) -> Result<Vec<ToldRefundLine>, Failure> {
        let mut units: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
        for line in lines {
            let (_, whole) = units.entry(line.line_item.number()).or_default();
            *whole = whole.saturating_add(line.quantity);
        }
        let mut sold: BTreeMap<&str, ToldRefundLine> = BTreeMap::new();
        for line in lines {
            let id = line.line_item.number();
            for sale in by_line.remove(id).unwrap_or_default() {
                let entry = self.refund_line((id, 0, Restock::Nothing), sale)?;
                match sold.get_mut(id) {
                    None => drop(sold.insert(id, entry)),
                    Some(whole) => {
                        whole.net = whole.net.plus(entry.net)?;
                        whole.taxes.extend(entry.taxes);
                    }
                }
            }
        }
        let mut told = Vec::new();
        for line in lines {
            let id = line.line_item.number();
            let Some(entry) = sold.get(id) else {
                told.push(self.untold(line)?);
                continue;
            };
            let (done, whole) = units.get(id).copied().unwrap_or((0, line.quantity));
            let share = |amount: Minor| amount.share(done, line.quantity, whole);
            let taxes = entry.taxes.iter().map(|tax| TaxLine { amount: share(tax.amount), ..tax.clone() });
            told.push(ToldRefundLine {
                line_id: id.to_owned(),
                quantity: line.quantity,
                restock: restock(&line.restock_type),
                net: share(entry.net),
                taxes: taxes.collect(),
            });
            units.insert(id, (done.saturating_add(line.quantity), whole));
        }
        Ok(told)
    }

    fn refund_line(
        &self,
        (line, quantity, restock): (&str, u32, Restock),
        sale: &Sale,
    ) -> Result<ToldRefundLine, Failure> {
        let taxes = self.taxes(sale, Sign::Turned)?;
        Ok(ToldRefundLine { line_id: line.to_owned(), quantity, restock, net: self.net(sale)?, taxes })
    }

    /// A refunded line of which the refund's agreement says nothing: the refund's own sums, with a tax of no name.
    fn untold(&self, line: &RefundLine) -> Result<ToldRefundLine, Failure> {
        let (subtotal, tax) = (line.subtotal_set.of(self.currency)?, line.total_tax_set.of(self.currency)?);
        let net = if self.taxes_included { subtotal.minus(tax)? } else { subtotal };
        let unnamed = TaxLine { title: String::new(), rate: String::new(), amount: tax, channel_liable: false };
        Ok(ToldRefundLine {
            line_id: line.line_item.number().to_owned(),
            quantity: line.quantity,
            restock: restock(&line.restock_type),
            net,
            taxes: if tax == Minor::ZERO { Vec::new() } else { vec![unnamed] },
        })
    }

    /// What the buyer gets for a sale that is taken back, without tax.
    fn net(&self, sale: &Sale) -> Result<Minor, Failure> {
        let (total, tax) = (sale.total_amount.of(self.currency)?, sale.total_tax_amount.of(self.currency)?);
        Ok(tax.minus(total)?)
    }

    fn tenders(&self, refund: &Refund) -> Result<Vec<RefundTender>, Failure> {
        let paid = refund.transactions.nodes.iter().filter(|it| it.kind == "REFUND");
        let tender = |it: &RefundTransaction| {
            let gateway = it.gateway.as_deref().map(|gateway| printable(gateway, 64));
            Ok(RefundTender {
                id: number_of(&it.id).to_owned(),
                gateway: gateway.filter(|gateway| !gateway.is_empty()).unwrap_or_else(|| "unknown".to_owned()),
                amount: it.amount_set.of(self.currency)?,
                status: match it.status.as_str() {
                    "SUCCESS" => RefundStatus::Succeeded,
                    "FAILURE" | "ERROR" => RefundStatus::Failed,
                    _ => RefundStatus::Pending,
                },
            })
        };
        paid.map(tender).collect()
    }

    /// Our references name the order: `UK-820982911946154508-R1`. A note of staff does not look like one.
    fn is_ours(&self, note: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-';
        let of_order = format!("-{}-R", self.channel);
        let serial = note.split_once(&of_order).map(|(_, serial)| serial).unwrap_or_default();
        let numbered = !serial.is_empty() && serial.bytes().all(|byte| byte.is_ascii_digit());
        numbered && note.len() <= 35 && note.bytes().all(plain)
    }

    /// The returns, in the storefront's order.
    pub(super) fn returns(&self, returns: &[Return], agreements: &[Agreement]) -> Result<Vec<ToldReturn>, Failure> {
        returns.iter().map(|of| self.one_return(of, agreements)).collect()
    }

    fn one_return(&self, of: &Return, agreements: &[Agreement]) -> Result<ToldReturn, Failure> {
        let exchange = exchanges(number_of(&of.id), agreements).map(|(_, sale, line)| self.line(sale, line));
        let exchange = exchange.collect::<Result<Vec<_>, _>>()?;
        let line = |line: &ReturnLine| {
            let reason = line.return_reason_definition.as_ref().map(|reason| printable(&reason.handle, 80));
            let reason = reason.map(|reason| reason.to_ascii_lowercase().replace('-', "_")).unwrap_or_default();
            Some((line.line()?.to_owned(), line.quantity, reason))
        };
        Ok(ToldReturn {
            id: number_of(&of.id).to_owned(),
            status: status(&of.status)?,
            lines: of.return_line_items.nodes.iter().filter_map(line).collect(),
            exchange,
        })
    }
}

/// Whether an amount is taken as it stands, or seen from the buyer's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    AsTold,
    Turned,
}

impl Sign {
    fn of(self, amount: Minor) -> Result<Minor, Failure> {
        match self {
            Self::AsTold => Ok(amount),
            Self::Turned => Ok(Minor::ZERO.minus(amount)?),
        }
    }
}

fn restock(word: &str) -> Restock {
    match word {
        "CANCEL" => Restock::Cancel,
        "RETURN" | "LEGACY_RESTOCK" => Restock::Return,
        _ => Restock::Nothing,
    }
}

fn status(word: &str) -> Result<ToldReturnStatus, Failure> {
    match word {
        "REQUESTED" => Ok(ToldReturnStatus::Requested),
        "OPEN" => Ok(ToldReturnStatus::Open),
        "CLOSED" => Ok(ToldReturnStatus::Closed),
        "DECLINED" => Ok(ToldReturnStatus::Declined),
        "CANCELED" => Ok(ToldReturnStatus::Cancelled),
        _ => Err(Failure::permanent(FailureClass::Parse, "Shopify has a status of returns that we do not know")),
    }
}

fn count(units: u64) -> Result<u32, Failure> {
    u32::try_from(units).map_err(|_| value("a sale has more units than Crossdock accepts".to_owned()))
}

fn value(reason: String) -> Failure {
    Failure::permanent(FailureClass::Value, reason)
}
