//! One item of the log.

use crossdock_domain::commit::{DUE_SHARDS, Summary, due_bucket};
use crossdock_domain::event::{FailureClass, Parked, UnknownEvent, WaitsOn};
use crossdock_domain::outstanding::TaskId;
use crossdock_domain::{Commit, Event, HoldCode, Order, TaskKind};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::samples::{accepted, allocated, at, document, given, order_id, ordinary, shipped, sku, tender};

fn commit(seq: u64, prev_hash: String, events: Vec<Event>) -> Commit {
    Commit {
        stream: order_id().stream(),
        seq,
        cause: format!("test:{seq}"),
        at: at(i64::try_from(seq).unwrap()),
        actor: "accept-order".into(),
        correlation_id: "c-1".into(),
        causation_id: (seq > 1).then(|| "m-1".into()),
        prev_hash,
        due: None,
        summary: given([]).summary(),
        events,
        moves: Vec::new(),
    }
}

fn chain() -> Vec<Commit> {
    let first = commit(1, String::new(), vec![accepted(ordinary())]);
    let second = commit(2, first.hash(), vec![allocated(1, "LON1", &[(0, 2), (1, 1)])]);
    let third = commit(3, second.hash(), vec![shipped(1, 1, &[(0, 2)])]);
    vec![first, second, third]
}

fn is_unbroken(commits: &[Commit]) -> bool {
    commits.windows(2).all(|pair| pair[1].prev_hash == pair[0].hash())
}

#[test]
fn a_chain_of_commits_is_unbroken_and_the_order_carries_its_end() {
    let commits = chain();
    assert!(is_unbroken(&commits));
    assert_eq!(Order::fold(order_id(), &commits).last_hash, commits[2].hash());
}

/// Every way to change one character of a commit that leaves a commit.
fn altered(commit: &Commit) -> Vec<Commit> {
    let text = serde_json::to_string(commit).unwrap();
    let other = |byte: u8| if byte == b'7' { '8' } else { '7' };
    let altered = (0..text.len()).filter_map(|place| {
        let mut text = text.clone();
        text.replace_range(place..=place, &other(text.as_bytes()[place]).to_string());
        serde_json::from_str::<Commit>(&text).ok().filter(|altered| altered != commit)
    });
    altered.collect()
}

#[test]
fn whoever_alters_a_byte_breaks_the_chain() {
    let commits = chain();
    let altered = altered(&commits[1]);
    assert!(altered.len() > 80, "only {} places could be altered", altered.len());
    for forged in altered {
        let same_content = Commit { due: None, summary: commits[1].summary.clone(), ..forged.clone() } == commits[1];
        let unbroken = is_unbroken(&[commits[0].clone(), forged.clone(), commits[2].clone()]);
        assert_eq!(unbroken, same_content, "{forged:?}");
    }
}

#[test]
fn a_version_that_does_not_know_a_fact_finds_the_same_hash() {
    let known = commit(1, String::new(), vec![accepted(ordinary()), shipped(1, 1, &[(0, 2)])]);
    let mut written = serde_json::to_value(&known).unwrap();
    let unknown = |event: &Value| {
        Event::Unknown(UnknownEvent { kind: event["type"].as_str().unwrap().into(), data: event["data"].clone() })
    };
    let events = written["events"].as_array_mut().unwrap().drain(..).map(|event| unknown(&event)).collect();
    assert_eq!(Commit { events, ..known.clone() }.hash(), known.hash());
}

/// One of every kind of fact, with every optional field present and absent.
fn every_event() -> Vec<Event> {
    let task = TaskId { kind: TaskKind::PostInvoice, document: "INV1".into() };
    let parked = |waits_on| Parked {
        task: task.clone(),
        class: FailureClass::Stock,
        reason: "2 x TEE are missing".into(),
        waits_on,
        at: None,
        part: 0,
        kits: [].into(),
    };
    let receipt = json!({ "receipt_id": "R-1", "location": "LON1", "lines": [{ "sku": "TEE", "quantity": 3 }] });
    let application =
        json!({ "number": 1, "shipment": 1, "tender": "T1", "amount": 250, "document": document("DA1", None) });
    let refused = json!({ "request_hash": "ab", "reasons": [{ "code": "unpaid", "detail": "0 of 1 are paid" }] });
    vec![
        accepted(ordinary()),
        Event::OrderRefused(serde_json::from_value(refused).unwrap()),
        Event::OrderHeld { holds: vec![crossdock_domain::Hold::new(HoldCode::Risk, "high")] },
        Event::OrderReleased { codes: vec![HoldCode::Risk] },
        Event::TenderCaptured { number: 2, tender: tender("T2", 5) },
        allocated(1, "LON1", &[(0, 2)]),
        Event::FulfillmentRequested { number: 1, document: document("F1", None) },
        shipped(1, 1, &[(0, 2)]),
        Event::SalesOrderPosted { document: document("SO", Some(2799)) },
        Event::DepositPosted { tender: "T1".into(), document: document("DEP1", Some(2799)) },
        Event::ItemFulfillmentPosted { shipment: 1, document: document("IF1", None) },
        Event::InvoicePosted { shipment: 1, document: document("INV1", Some(2799)) },
        Event::DepositApplied(serde_json::from_value(application).unwrap()),
        Event::ShipmentAnnounced { shipment: 1, document: document("S1", None) },
        Event::TaskClaimed { task: task.clone(), attempt: 1, until: at(45) },
        Event::TaskParked(parked(WaitsOn::Operator)),
        Event::TaskParked(parked(WaitsOn::Sku(sku("TEE")))),
        Event::TaskReleased { task: task.clone() },
        Event::TaskOverdue { task },
        Event::OrderCompleted {},
        Event::StockReceived(serde_json::from_value(receipt).unwrap()),
    ]
}

/// One of every kind of fact about stock.
fn every_document_of_stock() -> Vec<Event> {
    let paper = document("ST", None);
    let facts = [
        (
            "StockCounted",
            json!({ "count_id": "C", "source": "shipbob", "location": "LON1", "counted_at": at(5), "erp": "netsuite",
            "lines": [{ "sku": "TEE", "counted": 4, "quarantine": 1, "difference": -2, "quarantine_difference": 1, "stale": true }] }),
        ),
        (
            "StockAdjusted",
            json!({ "adjustment_id": "A", "location": "LON1", "reason": "lost", "adjusted_at": at(5),
            "lines": [{ "sku": "TEE", "on_hand": -1, "quarantine": 0 }] }),
        ),
        (
            "StockTransferred",
            json!({ "transfer_id": "T", "from": "LON1", "to": "MAN1", "stage": "dispatched", "moved_at": at(5),
            "lines": [{ "sku": "TEE", "quantity": 1 }] }),
        ),
        ("StockPosted", json!({ "of": 1, "document": paper })),
        ("ReconciliationRequested", json!({ "reconciliation_id": "R-1", "skus": ["TEE"] })),
        ("ReconciliationRequested", json!({ "reconciliation_id": "R-2" })),
        (
            "ReconciliationFinished",
            json!({ "compared": 3, "pending": 1, "drifts": 1, "units": 2, "repaired": 1, "excluded": 0,
                    "drifting": ["TEE"], "complete": false, "failure": "the ERP did not answer" }),
        ),
        ("StockParked", json!({ "erp": "netsuite", "class": "mapping", "reason": "TEE has no identity in netsuite" })),
        ("StockReleased", json!({ "erp": "netsuite" })),
        ("ExceptionHandled", json!({ "about": "books", "by": "ops", "act": "reopened" })),
        ("StockSpread", json!({ "sku": "TEE", "parts": 8 })),
        (
            "StockHeld",
            json!({ "connection": "own-shop", "hold_id": "cart_1", "expires_at": at(600),
            "lines": [{ "sku": "TEE", "location": "LON1", "quantity": 1 }] }),
        ),
        ("HoldTaken", json!({ "order": "own-shop.1001" })),
        ("HoldExpired", json!({})),
        ("HoldReleased", json!({})),
        (
            "InventoryDriftDetected",
            json!({ "system": "shipbob", "sku": "TEE", "location": "LON1", "quantity": "on_hand", "expected": 5,
            "reported": 4, "difference": -1, "lag_seconds": 9, "cause": "event_late", "explanation": "counted twice",
            "repaired": true }),
        ),
        (
            "InventoryDriftEnded",
            json!({ "sku": "TEE", "location": "LON1", "system": "shipbob", "quantity": "reserved", "how": "gone" }),
        ),
        (
            "CatalogueItemRefused",
            json!({ "erp": "netsuite", "item": "777", "sku": "TEE", "class": "duplicate", "reason": "twice",
            "changed_at": at(5) }),
        ),
        ("CatalogueItemKept", json!({ "erp": "netsuite", "item": "777", "sku": "TEE", "changed_at": at(5) })),
        ("ShortageFound", json!({ "number": 1, "sku": "TEE", "missing": 2 })),
    ];
    facts
        .into_iter()
        .map(|(kind, data)| serde_json::from_value(json!({ "type": format!("{kind}.v1"), "data": data })).unwrap())
        .collect()
}

/// One of every kind of fact about what is taken back.
fn every_reversal() -> Vec<Event> {
    let (paper, line) = (document("X", None), json!({ "line": 0, "quantity": 1 }));
    let (added, received) =
        (json!(ordinary().lines[..1]), json!({ "line": 0, "sku": "TEE", "quantity": 1, "disposition": "scrap" }));
    let refund = json!({ "number": 1, "origin": "return", "return": 1, "total": 500, "adjustment": -5, "shipping": 399,
        "lines": [{ "line": 0, "quantity": 1, "goods": "returned", "net": 505 }] });
    let tender = json!({ "id": "T", "gateway": "shopify_payments", "amount": 500, "status": "pending" });
    let issued = json!({ "id": "9", "at": at(9), "tenders": [tender] });
    let facts = [
        (
            "OrderCancelled",
            json!({ "number": 1, "by": "api", "reason": "customer", "lines": [line], "request_hash": "ab" }),
        ),
        ("FulfillmentStopped", json!({ "number": 1, "stopped": [line], "too_late": [line], "answered": true })),
        ("StorefrontCancelled", json!({ "document": paper })),
        ("OrderEdited", json!({ "id": "E1", "lines": added })),
        ("ChangeRefused", json!({ "id": "E1", "reason": "too late", "lines": added })),
        ("RecipientChanged", json!({ "recipient": "ab", "country": "GB", "source_version": at(9) })),
        ("StorefrontChanged", json!({ "what": "refund:9" })),
        ("SalesRead", json!({ "changes": 1 })),
        (
            "ReturnRequested",
            json!({ "number": 1, "source": { "kind": "storefront", "id": "7" }, "resolution": "refund",
            "expects_goods": true, "approval": "dear", "lines": [{ "line": 0, "quantity": 1, "reason": "lost" }] }),
        ),
        ("ReturnAuthorized", json!({ "number": 1 })),
        ("ReturnClosed", json!({ "number": 1, "reason": "declined" })),
        ("ReturnResolved", json!({ "number": 1, "resolution": "reship", "request_hash": "ab" })),
        ("ReturnAnnounced", json!({ "number": 1, "document": paper })),
        (
            "ReturnReceived",
            json!({ "number": 1, "return": 1, "id": "RET", "location": "LON1", "lines": [received],
            "completed": true, "received_at": at(9) }),
        ),
        ("RefundDecided", refund.clone()),
        ("RefundIssued", json!({ "number": 1, "issued": issued })),
        ("RefundRecorded", json!({ "refund": refund, "issued": issued })),
        ("RefundWithdrawn", json!({ "number": 1, "reason": "paid by others" })),
        ("SalesOrderAmended", json!({ "revision": 1, "document": paper })),
        ("ReturnAuthorizationPosted", json!({ "number": 1, "document": paper })),
        ("ItemReceiptPosted", json!({ "receipt": 1, "document": paper })),
        ("AdjustmentPosted", json!({ "receipt": 1, "document": paper })),
        ("CreditMemoPosted", json!({ "refund": 1, "document": paper })),
        ("CustomerRefundPosted", json!({ "number": 101, "document": paper })),
        ("CreditApplied", json!({ "number": 1, "refund": 1, "shipment": 1, "amount": 5, "document": paper })),
        (
            "DisputeOpened",
            json!({ "number": 1, "id": "D", "gateway": "g", "amount": 5, "currency": "GBP", "opened_at": at(9) }),
        ),
        ("DisputeClosed", json!({ "number": 1, "outcome": "won", "closed_at": at(9) })),
        ("DisputePosted", json!({ "number": 1, "document": paper })),
        ("DisputeSettled", json!({ "number": 1, "document": paper })),
    ];
    let read = |(kind, data): (&str, Value)| json!({ "type": format!("{kind}.v1"), "data": data });
    facts.into_iter().map(|fact| serde_json::from_value(read(fact)).unwrap()).collect()
}

#[test]
fn every_fact_reads_as_it_was_written_and_says_its_type() {
    let mut types: Vec<&str> = Event::TYPES.to_vec();
    for event in every_event().into_iter().chain(every_reversal()).chain(every_document_of_stock()) {
        let text = serde_json::to_string(&event).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["type"], event.type_name());
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
        assert!(!matches!(serde_json::from_value::<Event>(value).unwrap(), Event::Unknown(_)), "{text}");
        types.retain(|kind| *kind != event.type_name());
    }
    assert_eq!(types, Vec::<&str>::new(), "types without an event here");
}

#[test]
fn an_optional_field_of_a_newer_version_is_read_over() {
    let text = r#"{"type":"OrderReleased.v1","data":{"codes":["risk"],"by":"nobody"}}"#;
    assert_eq!(serde_json::from_str::<Event>(text).unwrap(), Event::OrderReleased { codes: vec![HoldCode::Risk] });
}

#[test]
fn a_fact_of_an_unknown_type_or_shape_survives_byte_for_byte() {
    for text in [
        r#"{"type":"OrderTeleported.v1","data":{"a":[1,-2,{"b":null,"c":"é\u0001"}],"z":true}}"#,
        r#"{"type":"OrderHeld.v2","data":{"holds":[]}}"#,
        r#"{"type":"OrderReleased.v1","data":{"codes":["a_code_of_tomorrow"]}}"#,
        r#"{"type":"TaskOverdue.v1","data":"not what it was"}"#,
    ] {
        let event: Event = serde_json::from_str(text).unwrap();
        assert!(matches!(event, Event::Unknown(_)), "{text}");
        assert_eq!(serde_json::to_string(&event).unwrap(), text);
    }
}

#[test]
fn an_event_is_named_by_its_place_in_the_log() {
    assert_eq!(chain()[1].event_id(0), "order#shopify-uk#5001/2/0");
}

#[test]
fn a_commit_without_its_optional_fields_is_read() {
    let text = json!({
        "stream": "order#shopify-uk#5001", "seq": 1, "cause": "c", "at": "2026-11-23T10:00:00Z", "actor": "a",
        "correlation_id": "x", "events": [], "summary": { "status": "held", "placed_at": "2026-11-23T10:00:00Z" },
    });
    let commit: Commit = serde_json::from_value(text).unwrap();
    let Summary { attention, waits_on, routes, .. } = commit.summary;
    assert!(attention.is_empty() && waits_on.is_none() && routes.is_none() && commit.due.is_none());
}

proptest! {
    #[test]
    fn a_due_bucket_is_never_walked_too_early_nor_long_after(second in 0_i64..4_000_000_000, stream in "order#[a-z]{1,9}#[A-Z0-9]{1,9}") {
        let moment = jiff::Timestamp::from_second(second).unwrap();
        let bucket = due_bucket(moment, &stream);
        let (minute, shard) = bucket.split_once('#').unwrap();
        let begins = minute.parse::<i64>().unwrap() * 60;
        prop_assert!(begins > second && begins <= second + 60);
        prop_assert!(shard.parse::<u64>().unwrap() < DUE_SHARDS);
    }
}
