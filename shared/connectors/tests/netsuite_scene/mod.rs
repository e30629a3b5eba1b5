//! A NetSuite account with its connector, and the drafts of one order: two tees, a mug, shipping.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::collections::BTreeMap;
use std::sync::Arc;

use crossdock_connectors::netsuite::NetSuite;
use crossdock_connectors::{ApplicationDraft, Erp as _, Posted};
use crossdock_domain::event::FailureClass;
use crossdock_domain::posting::{DepositDraft, FulfillmentDraft, Header, PostingLine, PostingTax, SalesDraft};
use crossdock_domain::{Minor, Sku};
use crossdock_sandboxes::keys::SigningKey;
use crossdock_sandboxes::netsuite::{Certificate, NetSuite as Sandbox, NetSuiteConfig};
use crossdock_sandboxes::{Fault, FaultKind};
use crossdock_step::Failure;
use serde_json::{Value, json};

use crate::in_process::{Time, Vault, outside};

pub const BASE: &str = "http://127.0.0.1:4602";
pub const RECORDS: &str = "/services/rest/record/v1";
pub const TOKEN: &str = "POST /services/rest/auth/oauth2/v1/token";

pub struct Scene {
    pub sandbox: Sandbox,
    pub connector: NetSuite,
    pub vault: Arc<Vault>,
    pub time: Time,
    pub secret: Value,
}

pub fn settings() -> Value {
    json!({
        "kind": "netsuite", "base_url": BASE, "subsidiary": "1",
        "currencies": { "GBP": "1", "JPY": "5", "KWD": "6" },
        "locations": { "LON1": "11", "MAN1": "12" },
        "quarantine_locations": { "LON1": "21" },
        "gateways": { "shopify_payments": "120", "gift_card": "130", "default": "129" },
        "rounding_item": "590", "tax_type": "70", "kept_goods_item": "594", "adjustment_item": "595",
        "adjustment_account": "142", "dispute_account": "140", "dispute_loss_account": "141",
        "tax_codes": { "GB VAT 0.2": "701", "GB VAT 0.05": "703", "CT 0.1": "720" },
    })
}

pub fn scene() -> Scene {
    scene_with(NetSuiteConfig::default(), settings())
}

pub fn scene_with(config: NetSuiteConfig, settings: Value) -> Scene {
    let time = Time::at("2026-11-23T10:00:00Z");
    let key = SigningKey::generate();
    let certificate = Certificate {
        kid: "certificate-1".into(),
        client_id: "client-1".into(),
        public_key_pem: key.public_pem().unwrap(),
    };
    let config = NetSuiteConfig { base_url: Some(BASE.into()), ..config }.with_certificate(certificate);
    let secret = json!({
        "client_id": "client-1", "certificate_id": "certificate-1", "private_key": key.private_pem().unwrap(),
    });
    let sandbox = Sandbox::new(config, time.of_vendor());
    let vault = Vault::holding(secret.clone());
    let connector = NetSuite::new(outside(("netsuite", sandbox.router()), settings, vault.clone(), &time)).unwrap();
    Scene { sandbox, connector, vault, time, secret }
}

pub fn minor(amount: i64) -> Minor {
    Minor::new(amount).unwrap()
}

pub fn header(document: &str) -> Header {
    Header {
        reference: format!("UK-820982911946154508-{document}"),
        order_name: "#1001".into(),
        channel: "shopify-uk".into(),
        posting_date: "2026-11-23".parse().unwrap(),
        currency: "GBP".parse().unwrap(),
        rounding_tolerance: minor(2),
    }
}

pub fn tax(rate: &str, amount: i64) -> PostingTax {
    PostingTax { title: "GB VAT".into(), rate: rate.into(), amount: minor(amount) }
}

pub fn line(line: usize, sku: &str, quantity: u32, amounts: (i64, i64)) -> PostingLine {
    let (net, vat) = amounts;
    PostingLine { line, sku: sku.parse().unwrap(), quantity, net: minor(net), taxes: vec![tax("0.2", vat)] }
}

/// Two tees, a mug, shipping: 59.97.
pub fn order() -> SalesDraft {
    SalesDraft {
        header: header("SO"),
        lines: vec![line(0, "TEE-BLK-M", 2, (3332, 666)), line(1, "MUG-WHT", 1, (833, 167))],
        shipping: minor(832),
        shipping_taxes: vec![tax("0.2", 167)],
        total: minor(5997),
    }
}

/// What is invoiced of it first: one tee, the mug and all shipping.
pub fn first_invoice() -> SalesDraft {
    SalesDraft {
        header: header("INV1"),
        lines: vec![line(0, "TEE-BLK-M", 1, (1666, 333)), line(1, "MUG-WHT", 1, (833, 167))],
        total: minor(3998),
        ..order()
    }
}

pub fn second_invoice() -> SalesDraft {
    SalesDraft {
        header: header("INV2"),
        lines: vec![line(0, "TEE-BLK-M", 1, (1666, 333))],
        shipping: Minor::ZERO,
        shipping_taxes: Vec::new(),
        total: minor(1999),
    }
}

pub fn items() -> BTreeMap<Sku, String> {
    [("TEE-BLK-M", "501"), ("MUG-WHT", "502")].map(|(sku, item)| (sku.parse().unwrap(), item.to_owned())).into()
}

pub fn deposit() -> DepositDraft {
    DepositDraft { header: header("DEP1"), gateway: "shopify_payments".into(), amount: minor(5997) }
}

pub fn fulfillment(number: u32, lines: Vec<(usize, u32)>) -> FulfillmentDraft {
    FulfillmentDraft { header: header(&format!("IF{number}")), location: "LON1".parse().unwrap(), lines }
}

pub fn application(number: u32, documents: (&Posted, &Posted), amount: i64) -> ApplicationDraft {
    let (deposit, invoice) = documents;
    ApplicationDraft {
        header: header(&format!("DA{number}")),
        deposit: deposit.id.clone(),
        invoice: invoice.id.clone(),
        amount: minor(amount),
    }
}

impl Scene {
    pub async fn ordered(&self) -> Posted {
        self.connector.post_sales_order(&order(), &items()).await.unwrap()
    }

    pub async fn shipped(&self, sales_order: &Posted) {
        let all = fulfillment(1, vec![(0, 2), (1, 1)]);
        self.connector.post_item_fulfillment(&all, &sales_order.id).await.unwrap();
    }

    pub fn documents(&self, record: &str) -> Vec<Value> {
        let documents = self.sandbox.documents();
        let documents = documents["documents"].as_array().unwrap();
        documents.iter().filter(|document| document["record"] == record).cloned().collect()
    }

    pub fn fault(&self, matching: &str, kind: FaultKind) {
        self.faults(matching, kind, 1);
    }

    pub fn faults(&self, matching: &str, kind: FaultKind, times: u32) {
        self.sandbox.add_fault(Fault::new(matching, kind, times));
    }

    pub fn calls(&self, method: &str) -> usize {
        self.sandbox.requests().iter().filter(|request| request.method == method).count()
    }

    pub fn logins(&self) -> usize {
        self.sandbox.requests().iter().filter(|request| request.path.ends_with("/token")).count()
    }

    pub fn connector_with(&self, vault: &Arc<Vault>) -> NetSuite {
        NetSuite::new(outside(("netsuite", self.sandbox.router()), settings(), vault.clone(), &self.time)).unwrap()
    }
}

pub fn permanent(failure: &Failure) -> (FailureClass, &str) {
    match failure {
        Failure::Permanent { class, reason } => (*class, reason),
        Failure::Retry { .. } | Failure::Paused { .. } => panic!("{failure:?} is not lasting"),
    }
}

pub fn balance(ledger: &Value, account: &str) -> i64 {
    let currency = &ledger["currencies"]["GBP"];
    assert_eq!(currency["balanced"], true, "{ledger}");
    currency["accounts"][account].as_i64().unwrap_or_else(|| panic!("{ledger} has no {account}"))
}
