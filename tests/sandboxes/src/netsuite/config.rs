//! What the account knows before the first request: its lists, its switches and who may sign in.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The configuration of a NetSuite account. [`NetSuiteConfig::default`] is the account of the local stack.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct NetSuiteConfig {
    /// The account, lower case, `_` written as `-`; the host name of the real thing.
    pub account_id: String,
    /// Base of every `Location` and of the token address; none stands for the account's own host.
    pub base_url: Option<String>,
    /// The certificates on the OAuth 2.0 client-credentials mapping page.
    pub certificates: Vec<Certificate>,
    /// Currencies by internal id.
    pub currencies: Vec<Currency>,
    /// Locations by internal id.
    pub locations: Vec<Named>,
    /// Subsidiaries by internal id.
    pub subsidiaries: Vec<Subsidiary>,
    /// Items by internal id.
    pub items: Vec<Item>,
    /// Customers that exist from the start.
    pub customers: Vec<KnownCustomer>,
    /// Accounts that deposits, refunds, adjustments and journal entries may name: clearing accounts, liabilities
    /// (`liability:…`), disputes, the adjustment account. The name is the ledger account.
    pub accounts: Vec<Named>,
    /// Tax types by internal id.
    pub tax_types: Vec<Named>,
    /// Tax codes by internal id; the name ends up in the ledger account `tax:<name>`.
    pub tax_codes: Vec<Named>,
    /// Months that are closed for posting, `2026-10`.
    pub closed_periods: Vec<String>,
    /// Prefixes of the custom fields that exist (`custbody_…`, `custcol_…`, `custentity_…`).
    pub custom_fields: Vec<String>,
    /// Ignores the tax overrides that it is sent and computes tax per line, so that rounding differences exist.
    pub recompute_tax: bool,
    /// Refuses to fulfil what is not in stock ("You only have 1 available. Please enter a different quantity.").
    pub track_stock: bool,
    /// Stock at the start; counts only when `track_stock` is on.
    pub stock: Vec<Stock>,
    /// Requests under way before 429 is answered (Standard 5, Premium 15, Enterprise 20).
    pub concurrency_limit: usize,
    /// How long each request takes; with 0 the limit is never reached.
    pub answer_ms: u64,
    /// The status of a sales order that names none: `A` pending approval or `B` pending fulfilment.
    pub default_order_status: char,
}

/// A certificate that tokens are asked for with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Certificate {
    /// The certificate id: `kid` of the client assertion.
    pub kid: String,
    /// The integration's client id: `iss` of the client assertion.
    pub client_id: String,
    /// The public key as PEM (`BEGIN PUBLIC KEY`), elliptic curve or RSA.
    pub public_key_pem: String,
}

/// A currency.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Currency {
    /// Internal id.
    pub id: u64,
    /// ISO 4217 code.
    pub symbol: String,
    /// Decimals of an amount: 0, 2 or 3.
    pub decimals: u32,
}

/// Something with an internal id and a name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Named {
    /// Internal id.
    pub id: u64,
    /// Name.
    pub name: String,
}

/// A legal entity.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Subsidiary {
    /// Internal id.
    pub id: u64,
    /// Name.
    pub name: String,
    /// Internal id of its base currency, in which stock is valued.
    pub currency: u64,
}

/// How an item behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// Is shipped before it is invoiced.
    Inventory,
    /// Is invoiced without a shipment and never in stock: services, gift cards, the rounding line, what a credit gives
    /// back beside goods.
    Service,
}

/// An item.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Item {
    /// Internal id.
    pub id: u64,
    /// SKU.
    pub sku: String,
    /// Whether it ships.
    pub kind: ItemKind,
    /// The ledger account that its invoiced amount is credited to.
    pub account: String,
    /// Cost of one unit in minor units of the subsidiary's currency; informative.
    pub unit_cost_minor: i64,
    /// Display name.
    #[serde(default)]
    pub name: Option<String>,
    /// Whether it is sold no longer.
    #[serde(default)]
    pub inactive: bool,
    /// Base prices of one unit by ISO 4217 code, as decimals: `24.99`.
    #[serde(default)]
    pub prices: BTreeMap<String, String>,
    /// The members of a kit; stock is kept of them. None: it is no kit.
    #[serde(default)]
    pub components: Vec<Component>,
    /// When it was last changed; none stands for the opening of the account.
    #[serde(default)]
    pub modified_at: Option<Timestamp>,
}

/// A member of a kit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// SKU of the member.
    pub sku: String,
    /// Units in one kit.
    pub quantity: u32,
}

/// A customer that exists from the start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KnownCustomer {
    /// Internal id.
    pub id: u64,
    /// External id.
    pub external_id: String,
    /// Company name.
    pub name: String,
    /// Internal id of the currency it is billed in.
    pub currency: u64,
    /// Internal id of its subsidiary.
    pub subsidiary: u64,
}

/// Stock of an item at a location.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stock {
    /// Internal id of the item.
    pub item: u64,
    /// Internal id of the location.
    pub location: u64,
    /// Units.
    pub quantity: u32,
}

impl NetSuiteConfig {
    /// Trusts one more certificate.
    #[must_use]
    pub fn with_certificate(mut self, certificate: Certificate) -> Self {
        self.certificates.push(certificate);
        self
    }

    /// The base of every address: as configured, else the account's own host.
    #[must_use]
    pub fn base(&self) -> String {
        self.base_url.clone().unwrap_or_else(|| self.own_host())
    }

    /// The currencies as a list of ids and names.
    pub(super) fn currency_names(&self) -> Vec<Named> {
        let name = |currency: &Currency| Named { id: currency.id, name: currency.symbol.clone() };
        self.currencies.iter().map(name).collect()
    }

    /// The subsidiaries as a list of ids and names.
    pub(super) fn subsidiary_names(&self) -> Vec<Named> {
        let name = |subsidiary: &Subsidiary| Named { id: subsidiary.id, name: subsidiary.name.clone() };
        self.subsidiaries.iter().map(name).collect()
    }

    /// The account's own host.
    #[must_use]
    pub fn own_host(&self) -> String {
        format!("https://{}.suitetalk.api.netsuite.com", self.account_id)
    }
}

impl Default for NetSuiteConfig {
    fn default() -> Self {
        Self {
            account_id: "1234567-sb1".to_owned(),
            base_url: None,
            certificates: Vec::new(),
            currencies: default_currencies(),
            locations: named(&[(11, "LON1"), (12, "MAN1"), (21, "LON1-QUARANTINE"), (22, "MAN1-QUARANTINE")]),
            subsidiaries: vec![Subsidiary { id: 1, name: "Parent Company".to_owned(), currency: 1 }],
            items: default_items(),
            customers: Vec::new(),
            accounts: default_accounts(),
            tax_types: named(&[(70, "VAT"), (71, "Sales Tax"), (72, "Consumption Tax")]),
            tax_codes: default_tax_codes(),
            closed_periods: Vec::new(),
            custom_fields: ["custbody_crossdock", "custcol_crossdock", "custentity_crossdock", "custcol_shopify"]
                .map(str::to_owned)
                .to_vec(),
            recompute_tax: false,
            track_stock: false,
            stock: Vec::new(),
            concurrency_limit: 15,
            answer_ms: 0,
            default_order_status: 'A',
        }
    }
}

fn named(entries: &[(u64, &str)]) -> Vec<Named> {
    entries.iter().map(|(id, name)| Named { id: *id, name: (*name).to_owned() }).collect()
}

fn default_accounts() -> Vec<Named> {
    named(&[
        (120, "clearing:shopify_payments"),
        (121, "clearing:paypal"),
        (122, "clearing:manual"),
        (123, "clearing:gift_card"),
        (124, "clearing:stripe"),
        (125, "clearing:klarna"),
        (126, "clearing:exchange_credit"),
        (129, "clearing:other"),
        (130, "liability:gift_card"),
        (131, "liability:store_credit"),
        (140, "disputes"),
        (141, "dispute_losses"),
        (142, "adjustment"),
    ])
}

fn default_currencies() -> Vec<Currency> {
    [(1, "GBP", 2), (2, "USD", 2), (4, "EUR", 2), (5, "JPY", 0), (6, "KWD", 3)]
        .into_iter()
        .map(|(id, symbol, decimals)| Currency { id, symbol: symbol.to_owned(), decimals })
        .collect()
}

impl Item {
    /// Goods that are new: without a price, a name or a cost.
    pub(super) fn goods(id: u64, sku: &str) -> Self {
        Self {
            id,
            sku: sku.to_owned(),
            kind: ItemKind::Inventory,
            account: "revenue".to_owned(),
            unit_cost_minor: 0,
            name: None,
            inactive: false,
            prices: BTreeMap::new(),
            components: Vec::new(),
            modified_at: None,
        }
    }
}

fn default_items() -> Vec<Item> {
    let item = |id, sku: &str, kind, account: &str, unit_cost_minor| Item {
        kind,
        account: account.to_owned(),
        unit_cost_minor,
        ..Item::goods(id, sku)
    };
    vec![
        item(501, "TEE-BLK-M", ItemKind::Inventory, "revenue", 620),
        item(502, "MUG-WHT", ItemKind::Inventory, "revenue", 310),
        item(503, "CAP-RED", ItemKind::Inventory, "revenue", 540),
        item(504, "POSTER-A2", ItemKind::Inventory, "revenue", 180),
        item(505, "SOCKS-3PK", ItemKind::Inventory, "revenue", 275),
        item(580, "GIFT-CARD", ItemKind::Service, "gift_cards", 0),
        item(590, "ROUNDING", ItemKind::Service, "rounding", 0),
        item(591, "FEE", ItemKind::Service, "fees", 0),
        item(592, "TIP", ItemKind::Service, "tips", 0),
        item(593, "DUTY", ItemKind::Service, "duties", 0),
        item(594, "KEPT-GOODS", ItemKind::Service, "revenue", 0),
        item(595, "ADJUSTMENT", ItemKind::Service, "allowances", 0),
    ]
}

fn default_tax_codes() -> Vec<Named> {
    named(&[
        (700, "NONE"),
        (701, "GB-S"),
        (702, "GB-Z"),
        (703, "GB-R"),
        (710, "US-STATE"),
        (711, "US-COUNTY"),
        (712, "US-CITY"),
        (720, "JP-10"),
        (721, "JP-8"),
        (730, "EU-OSS"),
        (731, "DE-S"),
        (732, "DE-R"),
        (790, "CHANNEL-LIABLE"),
    ])
}
