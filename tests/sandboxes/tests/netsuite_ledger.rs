//! Whatever is posted in whatever order: every document balances, and the sums agree with the documents.
#![expect(clippy::unwrap_used, reason = "a test stops where something is not as it must be")]

mod support;

use proptest::prelude::*;
use serde_json::{Value, json};
use support::{Answer, Erp};

/// What may be tried next; most of it is refused some of the time, which must change nothing.
#[derive(Clone, Debug)]
enum Attempt {
    Order { quantities: Vec<u8>, cents: u32, tax_cents: u32 },
    Deposit { order: usize, cents: u32 },
    Ship { order: usize, line: u8, quantity: u8 },
    Bill { order: usize, line: u8, quantity: u8, rounding: i32 },
    BillRest { order: usize },
    Apply { deposit: usize, invoice: usize, cents: Option<u32> },
    Return { order: usize, line: u8, quantity: u8 },
    Receive { authorization: usize, quantity: u8, restock: bool },
    Credit { authorization: usize, quantity: u8, fee: u8 },
    Settle { memo: usize, invoice: usize, cents: u32 },
    PayBack { memo: usize, cents: Option<u32> },
    PayBackDeposit { deposit: usize, cents: Option<u32> },
}

fn attempts() -> impl Strategy<Value = Vec<Attempt>> {
    let index = || 0..3_usize;
    let order = (prop::collection::vec(1..4_u8, 1..4), 1..20_000_u32, 0..5_000_u32)
        .prop_map(|(quantities, cents, tax_cents)| Attempt::Order { quantities, cents, tax_cents });
    let deposit = (index(), 1..50_000_u32).prop_map(|(order, cents)| Attempt::Deposit { order, cents });
    let ship = (index(), 1..4_u8, 1..4_u8).prop_map(|(order, line, quantity)| Attempt::Ship { order, line, quantity });
    let bill = (index(), 1..4_u8, 1..4_u8, -3..4_i32).prop_map(|(order, line, quantity, rounding)| Attempt::Bill {
        order,
        line,
        quantity,
        rounding,
    });
    let bill_rest = index().prop_map(|order| Attempt::BillRest { order });
    let apply = (index(), index(), prop::option::of(1..50_000_u32))
        .prop_map(|(deposit, invoice, cents)| Attempt::Apply { deposit, invoice, cents });
    let attempt = prop_oneof![
        1 => order.clone(), 2 => deposit.clone(), 4 => ship, 2 => bill, 2 => bill_rest, 4 => apply, 9 => reversals(),
    ];
    // Something to work on comes first; otherwise most attempts find nothing.
    (order, deposit, prop::collection::vec(attempt, 10..40)).prop_map(|(order, deposit, mut attempts)| {
        let ship = Attempt::Ship { order: 0, line: 1, quantity: 1 };
        let returned = Attempt::Return { order: 0, line: 1, quantity: 1 };
        attempts.splice(0..0, [order, deposit, ship, Attempt::BillRest { order: 0 }, returned]);
        attempts
    })
}

fn reversals() -> impl Strategy<Value = Attempt> {
    let index = || 0..3_usize;
    let cents = || prop::option::of(1..50_000_u32);
    prop_oneof![
        2 => (index(), 1..4_u8, 1..4_u8).prop_map(|(order, line, quantity)| Attempt::Return { order, line, quantity }),
        2 => (index(), 1..3_u8, any::<bool>()).prop_map(|(authorization, quantity, restock)| Attempt::Receive {
            authorization,
            quantity,
            restock,
        }),
        2 => (index(), 1..3_u8, 0..3_u8)
            .prop_map(|(authorization, quantity, fee)| Attempt::Credit { authorization, quantity, fee }),
        1 => (index(), index(), 1..10_000_u32)
            .prop_map(|(memo, invoice, cents)| Attempt::Settle { memo, invoice, cents }),
        1 => (index(), cents()).prop_map(|(memo, cents)| Attempt::PayBack { memo, cents }),
        1 => (index(), cents()).prop_map(|(deposit, cents)| Attempt::PayBackDeposit { deposit, cents }),
    ]
}

fn pounds(cents: i64) -> Value {
    let text = format!("{}{}.{:02}", if cents < 0 { "-" } else { "" }, cents.abs() / 100, cents.abs() % 100);
    serde_json::from_str(&text).unwrap()
}

fn nth(erp: &Erp, record: &str, index: usize) -> Option<String> {
    let documents = erp.documents(record);
    let document = documents.get(index % documents.len().max(1))?;
    Some(document["id"].as_str().unwrap().to_owned())
}

async fn try_it(erp: &Erp, attempt: &Attempt, number: usize) -> Option<u16> {
    let reference = |kind: &str| format!("UK-{number}-{kind}");
    let answer = match attempt {
        Attempt::Order { quantities, cents, tax_cents } => {
            let body = order(&erp.customer("1").await, quantities, (*cents, *tax_cents));
            let path = format!("/salesOrder/eid:{}", reference("SO"));
            erp.put(&path, &body).await
        }
        Attempt::Deposit { order, cents } => {
            let order = nth(erp, "salesOrder", *order)?;
            let amount = pounds((*cents).into());
            erp.pay(&order, &reference("DEP1"), &amount).await
        }
        Attempt::Ship { order, line, quantity } => {
            let lines = json!([{ "orderLine": line, "quantity": quantity }]);
            erp.ship(&nth(erp, "salesOrder", *order)?, &reference("IF1"), &lines).await
        }
        Attempt::Bill { order, line, quantity, rounding } => {
            let lines = billed(*line, *quantity, *rounding);
            let body = json!({ "externalId": reference("INV1"), "item": { "items": lines } });
            erp.bill(&nth(erp, "salesOrder", *order)?, &body).await
        }
        Attempt::BillRest { order } => {
            let body = json!({ "externalId": reference("INV1") });
            bill_rest(erp, &nth(erp, "salesOrder", *order)?, &body).await
        }
        Attempt::Apply { deposit, invoice, cents } => {
            let (deposit, invoice) = (nth(erp, "customerDeposit", *deposit)?, nth(erp, "invoice", *invoice)?);
            // Without an amount: as much as fits.
            let amount = cents.map_or(Value::Null, |cents| pounds(cents.into()));
            erp.apply(&deposit, &invoice, (&reference("DA1"), &amount)).await
        }
        Attempt::Return { .. }
        | Attempt::Receive { .. }
        | Attempt::Credit { .. }
        | Attempt::Settle { .. }
        | Attempt::PayBack { .. }
        | Attempt::PayBackDeposit { .. } => reverse(erp, attempt, reference).await?,
    };
    Some(answer.status)
}

async fn reverse(erp: &Erp, attempt: &Attempt, reference: impl Fn(&str) -> String) -> Option<Answer> {
    let amount = |cents: &Option<u32>| cents.map_or(Value::Null, |cents| pounds(cents.into()));
    let (path, body) = match attempt {
        Attempt::Return { order, line, quantity } => {
            let lines = json!([{ "orderLine": line, "quantity": quantity }]);
            let body = json!({
                "externalId": reference("RMA1"), "orderStatus": { "id": "B" }, "item": { "items": lines },
            });
            (format!("salesOrder/{}/!transform/returnAuthorization", nth(erp, "salesOrder", *order)?), body)
        }
        Attempt::Receive { authorization, quantity, restock } => {
            let lines = json!([{ "orderLine": 1, "quantity": quantity, "restock": restock }]);
            let id = nth(erp, "returnAuthorization", *authorization)?;
            let body = json!({ "externalId": reference("IR1"), "item": { "items": lines } });
            (format!("returnAuthorization/{id}/!transform/itemReceipt"), body)
        }
        Attempt::Credit { authorization, quantity, fee } => {
            let mut lines = vec![json!({ "orderLine": 1, "quantity": quantity })];
            if *fee > 0 {
                lines.push(json!({ "item": { "id": "595" }, "amount": pounds(-i64::from(*fee)) }));
            }
            let id = nth(erp, "returnAuthorization", *authorization)?;
            let body = json!({ "externalId": reference("CM1"), "item": { "items": lines } });
            (format!("returnAuthorization/{id}/!transform/creditMemo"), body)
        }
        Attempt::Settle { memo, invoice, cents } => {
            let applied =
                json!([{ "doc": { "id": nth(erp, "invoice", *invoice)? }, "amount": pounds((*cents).into()) }]);
            let body = json!({ "apply": { "items": applied } });
            let path = format!("/creditMemo/{}", nth(erp, "creditMemo", *memo)?);
            return Some(erp.call("PATCH", &path, &body).await);
        }
        Attempt::PayBack { memo, cents } => {
            let paid =
                json!({ "items": [{ "doc": { "id": nth(erp, "creditMemo", *memo)? }, "amount": amount(cents) }] });
            ("customerRefund".to_owned(), json!({ "apply": paid }))
        }
        Attempt::PayBackDeposit { deposit, cents } => {
            let deposit = nth(erp, "customerDeposit", *deposit)?;
            let paid = json!({ "items": [{ "doc": { "id": deposit }, "amount": amount(cents) }] });
            ("customerRefund".to_owned(), json!({ "deposit": paid }))
        }
        Attempt::Order { .. }
        | Attempt::Deposit { .. }
        | Attempt::Ship { .. }
        | Attempt::Bill { .. }
        | Attempt::BillRest { .. }
        | Attempt::Apply { .. } => return None,
    };
    let mut body = body;
    if path == "customerRefund" {
        body["externalId"] = json!(reference("CR1"));
        body["customer"] = json!({ "id": erp.customer("1").await });
        body["account"] = json!({ "id": "120" });
    }
    Some(erp.call("POST", &format!("/{path}?replace=item"), &body).await)
}

/// A transform without lines bills all that is shipped.
async fn bill_rest(erp: &Erp, order: &str, body: &Value) -> Answer {
    let path = format!("/salesOrder/{order}/!transform/invoice");
    erp.call("POST", &path, body).await
}

fn billed(line: u8, quantity: u8, rounding: i32) -> Vec<Value> {
    let mut lines = vec![json!({ "orderLine": line, "quantity": quantity })];
    if rounding != 0 {
        lines.push(json!({ "item": { "id": "590" }, "amount": pounds(rounding.into()) }));
    }
    lines
}

fn order(customer: &str, quantities: &[u8], (cents, tax_cents): (u32, u32)) -> Value {
    let lines: Vec<Value> = quantities
        .iter()
        .enumerate()
        .map(|(at, quantity)| {
            json!({
                "line": at + 1, "item": { "id": (501 + at).to_string() }, "quantity": quantity,
                "amount": pounds(i64::from(cents) + i64::try_from(at).unwrap()),
                "taxDetailsReference": format!("LINE-{}", at + 1),
            })
        })
        .collect();
    let details: Vec<Value> = (1..=quantities.len())
        .map(|line| {
            json!({
                "taxDetailsReference": format!("LINE-{line}"), "taxCode": { "id": "701" }, "taxRate": 20,
                "taxAmount": pounds(tax_cents.into()),
            })
        })
        .collect();
    json!({
        "entity": { "id": customer }, "currency": { "id": "1" }, "orderStatus": { "id": "B" },
        "location": { "id": "11" }, "shippingCost": 4.95, "item": { "items": lines },
        "taxDetailsOverride": true, "taxDetails": { "items": details },
    })
}

fn sum(erp: &Erp, record: &str) -> i64 {
    erp.documents(record).iter().map(|document| document["total_minor"].as_i64().unwrap()).sum()
}

fn check(erp: &Erp) {
    let ledger = erp.netsuite.ledger();
    for entry in ledger["entries"].as_array().unwrap() {
        let side = |side: &str| -> i64 {
            entry["lines"].as_array().unwrap().iter().map(|line| line[side].as_i64().unwrap()).sum()
        };
        assert_eq!(side("debit"), side("credit"), "{entry}");
        assert!(side("debit") > 0, "{entry}");
    }
    if let Some(pound) = ledger["currencies"].get("GBP") {
        assert_eq!(pound["balanced"], true);
    }
    let (invoiced, applied, paid) = (sum(erp, "invoice"), sum(erp, "depositApplication"), sum(erp, "customerDeposit"));
    let (credited, refunded) = (sum(erp, "creditMemo"), sum(erp, "customerRefund"));
    let deposits = refunded_of(erp, "deposits");
    assert_eq!(refunded, deposits + refunded_of(erp, "applied"));
    assert_eq!(erp.balance("GBP", "receivables"), invoiced - applied - credited + refunded - deposits);
    assert_eq!(erp.balance("GBP", "deposits"), paid - applied - deposits);
    assert_eq!(erp.balance("GBP", "clearing:shopify_payments"), paid - refunded);
    assert!(invoiced >= applied && paid >= applied + deposits && credited >= refunded - deposits);
    let income = ["revenue", "shipping", "tax:GB-S", "rounding", "allowances"];
    let sales: i64 = income.map(|account| erp.balance("GBP", account)).iter().sum();
    assert_eq!(sales, invoiced - credited);
}

/// Cents that refunds paid back of deposits or of credit memos.
fn refunded_of(erp: &Erp, source: &str) -> i64 {
    let refunds = erp.documents("customerRefund");
    let parts = refunds.iter().flat_map(|refund| refund[source].as_array().unwrap());
    parts.map(|part| (part["amount"].as_f64().unwrap() * 100.0).round() as i64).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn every_sequence_of_attempts_leaves_the_books_balanced(attempts in attempts()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let erp = Erp::new();
            for (number, attempt) in attempts.iter().enumerate() {
                let before = erp.netsuite.ledger();
                if let Some(400) = try_it(&erp, attempt, number).await {
                    assert_eq!(before, erp.netsuite.ledger(), "a refusal changed the books: {attempt:?}");
                }
                check(&erp);
            }
        });
    }
}
