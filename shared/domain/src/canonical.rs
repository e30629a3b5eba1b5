//! The canonical order: what every storefront's payload is translated into, and what the log keeps of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::ids::{CountryCode, Sku};
use crate::money::{Currency, Minor, MoneyError};

/// An order as taken by a storefront, without anything that names a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanonicalOrder {
    /// The number people use, such as `#1001`.
    pub name: String,
    /// When the buyer ordered.
    pub placed_at: Timestamp,
    /// The currency the buyer was charged in; all amounts below are its minor units.
    pub currency: Currency,
    /// Whether prices contain the tax lines.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taxes_included: bool,
    /// A test order stops after acceptance.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
    /// Where the parcels go; decides sourcing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<CountryCode>,
    /// What was bought.
    pub lines: Vec<Line>,
    /// Shipping, duties, fees and tip.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub charges: Vec<Charge>,
    /// How it was paid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tenders: Vec<Tender>,
    /// What the storefront says the order costs.
    pub total: Minor,
}

/// What a line sells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// Goods that are shipped.
    #[default]
    Product,
    /// A gift card: a liability, neither revenue nor tax.
    GiftCard,
    /// Something that is not shipped.
    Service,
    /// A line without a SKU.
    Custom,
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The storefront's identity of the line.
    pub id: String,
    /// What it sells.
    #[serde(default, skip_serializing_if = "is_product")]
    pub kind: LineKind,
    /// The SKU, absent on custom lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<Sku>,
    /// Units to deliver now (after edits at the storefront).
    pub quantity: u32,
    /// Price of one unit before discounts.
    pub unit_price: Minor,
    /// All discounts of the line together.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub discount: Minor,
    /// Taxes of the whole line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taxes: Vec<TaxLine>,
}

/// What a charge is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargeKind {
    /// Delivery.
    Shipping,
    /// Import duty.
    Duty,
    /// Any other fee.
    Fee,
    /// A tip.
    Tip,
}

/// A charge beside the lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// What it is for.
    pub kind: ChargeKind,
    /// The amount before discounts.
    pub amount: Minor,
    /// Discounts of the charge.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub discount: Minor,
    /// Its taxes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taxes: Vec<TaxLine>,
}

/// Tax as the storefront charged it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxLine {
    /// The tax's name at the storefront, such as `GB VAT`.
    pub title: String,
    /// The rate as a decimal fraction in text, such as `0.2`.
    pub rate: String,
    /// The tax.
    pub amount: Minor,
    /// Whether the channel (a marketplace facilitator) owes the tax, not we.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub channel_liable: bool,
}

/// Whether money has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenderStatus {
    /// The money is ours.
    Captured,
    /// Promised or under way.
    Pending,
}

/// One payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tender {
    /// Identity of the payment at the storefront.
    pub id: String,
    /// Who took it; names the clearing account.
    pub gateway: String,
    /// Whether it has arrived.
    pub status: TenderStatus,
    /// How much.
    pub amount: Minor,
    /// When; the deposit's posting date.
    pub at: Timestamp,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
fn is_product(kind: &LineKind) -> bool {
    *kind == LineKind::Product
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
fn is_zero(amount: &Minor) -> bool {
    *amount == Minor::ZERO
}

fn tax_sum(taxes: &[TaxLine]) -> Result<Minor, MoneyError> {
    Minor::sum(taxes.iter().map(|t| t.amount))
}

impl Line {
    /// Price after discounts, as charged (with tax where prices include it).
    ///
    /// # Errors
    /// Overflow.
    pub fn price(&self) -> Result<Minor, MoneyError> {
        self.unit_price.times(self.quantity)?.minus(self.discount)
    }

    /// All tax of the line.
    ///
    /// # Errors
    /// Overflow.
    pub fn tax(&self) -> Result<Minor, MoneyError> {
        tax_sum(&self.taxes)
    }
}

impl Charge {
    /// Amount after discounts.
    ///
    /// # Errors
    /// Overflow.
    pub fn price(&self) -> Result<Minor, MoneyError> {
        self.amount.minus(self.discount)
    }

    /// All tax of the charge.
    ///
    /// # Errors
    /// Overflow.
    pub fn tax(&self) -> Result<Minor, MoneyError> {
        tax_sum(&self.taxes)
    }
}

/// The parts of an order's total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Lines at unit price.
    pub lines_minor: Minor,
    /// All discounts, of lines and charges.
    pub discount_minor: Minor,
    /// Shipping before discounts.
    pub shipping_minor: Minor,
    /// Duties, fees and tip before discounts.
    pub fees_minor: Minor,
    /// All tax.
    pub tax_minor: Minor,
    /// What the buyer owes by our own sum.
    pub total_minor: Minor,
}

impl CanonicalOrder {
    /// total = lines − discounts + shipping + fees + tip + tax (unless included).
    ///
    /// # Errors
    /// Overflow.
    pub fn totals(&self) -> Result<Totals, MoneyError> {
        let mut lines = Minor::ZERO;
        let mut discount = Minor::ZERO;
        let mut tax = Minor::ZERO;
        for line in &self.lines {
            lines = lines.plus(line.unit_price.times(line.quantity)?)?;
            discount = discount.plus(line.discount)?;
            tax = tax.plus(line.tax()?)?;
        }
        let (mut shipping, mut fees) = (Minor::ZERO, Minor::ZERO);
        for charge in &self.charges {
            let bucket = if charge.kind == ChargeKind::Shipping { &mut shipping } else { &mut fees };
            *bucket = bucket.plus(charge.amount)?;
            discount = discount.plus(charge.discount)?;
            tax = tax.plus(charge.tax()?)?;
        }
        let before_tax = lines.minus(discount)?.plus(shipping)?.plus(fees)?;
        let total = if self.taxes_included { before_tax } else { before_tax.plus(tax)? };
        Ok(Totals {
            lines_minor: lines,
            discount_minor: discount,
            shipping_minor: shipping,
            fees_minor: fees,
            tax_minor: tax,
            total_minor: total,
        })
    }

    /// What has been paid so far.
    ///
    /// # Errors
    /// Overflow.
    pub fn captured(&self) -> Result<Minor, MoneyError> {
        Minor::sum(self.tenders.iter().filter(|t| t.status == TenderStatus::Captured).map(|t| t.amount))
    }

    /// A hash of what was ordered: two deliveries of one order agree on it, an edited order does not. Payments are
    /// left out, since an order that is paid later is still the same order.
    #[must_use]
    pub fn content_hash(&self) -> String {
        let unpaid = Self { tenders: Vec::new(), ..self.clone() };
        hash_of(&unpaid)
    }
}

/// Who receives the parcels: personal data, kept in the people table only. `Debug` shows nothing of it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recipient {
    /// Full name.
    pub name: String,
    /// Company.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// Street and number.
    pub address1: String,
    /// Flat, floor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address2: Option<String>,
    /// Town.
    pub city: String,
    /// State or province code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Postcode.
    pub postal_code: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Phone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// E-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

impl std::fmt::Debug for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recipient(personal data)")
    }
}

impl Recipient {
    /// The name under which the people table keeps this content.
    #[must_use]
    pub fn hash(&self) -> String {
        hash_of(self)
    }
}

/// SHA-256 of a value's JSON, as 32 hexadecimal digits: short enough for the log, far beyond any chance collision.
#[must_use]
pub fn hash_of<T: Serialize>(value: &T) -> String {
    let json = serde_json::to_vec(value).unwrap_or_default();
    hash_bytes(&json)
}

/// SHA-256 of bytes, as 32 hexadecimal digits.
#[must_use]
pub fn hash_bytes(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(16).fold(String::with_capacity(32), |mut hex, byte| {
        use std::fmt::Write as _;
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
