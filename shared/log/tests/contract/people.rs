//! Personal data, apart from the log.

use crossdock_domain::{Commit, Event, Recipient};
use serde_json::json;

use crate::samples::{STREAM, commit};
use crate::subject::Subject;

fn recipient() -> Recipient {
    Recipient {
        name: "Zoë Ångström".into(),
        company: Some("Example Ltd".into()),
        address1: "1 High Street".into(),
        city: "Leeds".into(),
        postal_code: "LS1 1AA".into(),
        country: "GB".into(),
        email: Some("zoe@example.com".into()),
        ..Recipient::default()
    }
}

pub async fn a_recipient_is_found_by_the_hash_of_its_content(subject: &Subject) {
    let hash = subject.store.keep(STREAM, &recipient()).await.unwrap();
    assert_eq!(hash, recipient().hash());
    assert_eq!(subject.store.find(STREAM, &hash).await.unwrap(), Some(recipient()));
    assert_eq!(subject.store.keep(STREAM, &recipient()).await.unwrap(), hash);

    let moved = Recipient { address1: "2 High Street".into(), ..recipient() };
    let other = subject.store.keep(STREAM, &moved).await.unwrap();
    assert_ne!(other, hash);
    assert_eq!(
        subject.store.find(STREAM, &hash).await.unwrap(),
        Some(recipient()),
        "the address that was accepted stays"
    );
    assert_eq!(subject.store.find(STREAM, &other).await.unwrap(), Some(moved));
}

pub async fn a_recipient_is_found_in_its_own_stream_only(subject: &Subject) {
    let hash = subject.store.keep(STREAM, &recipient()).await.unwrap();
    assert_eq!(subject.store.find("order#shopify-uk#5002", &hash).await.unwrap(), None);
    assert_eq!(subject.store.find(STREAM, "another").await.unwrap(), None);
}

pub async fn a_delivery_is_kept_until_somebody_has_dealt_with_it(subject: &Subject) {
    assert_eq!(subject.store.find_delivery("m-1").await.unwrap(), None);
    let message = "{\"body\": \"not \u{0} JSON\"";
    subject.store.keep_delivery("m-1", message).await.unwrap();
    subject.store.keep_delivery("m-2", "another").await.unwrap();
    assert_eq!(subject.store.find_delivery("m-1").await.unwrap().as_deref(), Some(message));
}

pub async fn the_last_failure_of_a_task_is_kept(subject: &Subject) {
    let task = "post_invoice:INV1";
    assert_eq!(subject.store.find_exchange(STREAM, task).await.unwrap(), None);
    subject.store.keep_exchange(STREAM, task, "{\"first\":1}").await.unwrap();
    subject.store.keep_exchange(STREAM, task, "{\"second\":\"•••(3)\"}").await.unwrap();
    subject.store.keep_exchange(STREAM, "post_invoice:INV2", "{}").await.unwrap();
    let found = subject.store.find_exchange(STREAM, task).await.unwrap();
    assert_eq!(found.as_deref(), Some("{\"second\":\"•••(3)\"}"), "the last one, and of this task");
    assert_eq!(subject.store.find_exchange("order#shopify-uk#5002", task).await.unwrap(), None);
    assert_eq!(subject.store.find(STREAM, task).await.unwrap(), None, "it is nobody");
}

pub async fn the_log_knows_nobody_by_name(subject: &Subject) {
    let hash = subject.store.keep(STREAM, &recipient()).await.unwrap();
    let accepted = json!({ "type": "OrderAccepted.v1", "data": {
        "order": { "name": "#1001", "placed_at": "2026-11-23T10:00:00Z", "currency": "GBP", "lines": [], "total": 0 },
        "recipient": hash, "routes": { "fulfillment": "shipbob", "erp": "netsuite" }, "prefix": "UK",
        "time_zone": "Europe/London", "process": 1, "source_version": "2026-11-23T10:00:00Z",
    }});
    let accepted: Event = serde_json::from_value(accepted).unwrap();
    assert!(matches!(accepted, Event::OrderAccepted(_)));
    subject.store.append(&Commit { events: vec![accepted], ..commit(1) }).await.unwrap();
    let text = subject.back.log_text().await;
    assert!(text.contains(&hash), "the order names its recipient by the hash: {text}");
    for personal in ["Zo", "ngstr", "Example Ltd", "High Street", "Leeds", "LS1", "@example"] {
        assert!(!text.contains(personal), "{personal}");
    }
}
