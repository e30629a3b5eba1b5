//! Connections: settings and pauses.

use crossdock_domain::ConnectionId;
use crossdock_log::{ConnectionRecord, Pause};
use serde_json::json;

use crate::samples::at;
use crate::subject::Subject;

fn shipbob() -> ConnectionId {
    "shipbob".parse().unwrap()
}

fn record(name: &str) -> ConnectionRecord {
    ConnectionRecord {
        connection: name.parse().unwrap(),
        settings: json!({ "kind": name, "deep": { "list": [1, -2, 0.5, null, true], "empty": {}, "text": "é" } }),
        paused_until: None,
        paused_since: None,
        paused_reason: None,
    }
}

async fn configured(subject: &Subject) {
    subject.back.put_connection(record("shipbob")).await;
    subject.back.put_connection(record("netsuite")).await;
}

async fn paused(subject: &Subject, now: i64, until: i64, reason: &str) -> ConnectionRecord {
    let pause = Pause { now: at(now), until: at(until), reason: reason.into() };
    subject.store.pause(&shipbob(), &pause).await.unwrap();
    subject.store.connection(&shipbob()).await.unwrap().unwrap()
}

fn pause_of(record: &ConnectionRecord) -> (Option<i64>, Option<i64>, Option<&str>) {
    let seconds = |moment: Option<jiff::Timestamp>| moment.map(|moment| moment.duration_since(at(0)).as_secs());
    (seconds(record.paused_since), seconds(record.paused_until), record.paused_reason.as_deref())
}

pub async fn a_connection_is_read_as_it_was_configured(subject: &Subject) {
    configured(subject).await;
    assert_eq!(subject.store.connection(&shipbob()).await.unwrap(), Some(record("shipbob")));
    let mut all = subject.store.connections().await.unwrap();
    all.sort_by(|a, b| a.connection.cmp(&b.connection));
    assert_eq!(all, [record("netsuite"), record("shipbob")]);
}

pub async fn a_connection_that_is_not_configured_is_not_there(subject: &Subject) {
    assert_eq!(subject.store.connection(&shipbob()).await.unwrap(), None);
    assert_eq!(subject.store.connections().await.unwrap(), []);
}

pub async fn a_pause_is_seen_and_ended(subject: &Subject) {
    configured(subject).await;
    let record = paused(subject, 0, 60, "429").await;
    assert_eq!(pause_of(&record), (Some(0), Some(60), Some("429")));
    assert_eq!(record.settings["kind"], "shipbob");
    let netsuite = subject.store.connection(&"netsuite".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(netsuite.paused_until, None);
    subject.store.resume(&shipbob()).await.unwrap();
    let record = subject.store.connection(&shipbob()).await.unwrap().unwrap();
    assert_eq!(pause_of(&record), (None, None, None));
}

pub async fn the_longest_pause_wins(subject: &Subject) {
    configured(subject).await;
    paused(subject, 0, 60, "long").await;
    let record = paused(subject, 5, 30, "short").await;
    assert_eq!(pause_of(&record), (Some(0), Some(60), Some("long")));
    let record = paused(subject, 5, 60, "as long").await;
    assert_eq!(pause_of(&record), (Some(0), Some(60), Some("long")));
}

pub async fn a_pause_that_goes_on_keeps_its_beginning(subject: &Subject) {
    configured(subject).await;
    paused(subject, 0, 60, "first").await;
    let record = paused(subject, 60, 120, "second").await;
    assert_eq!(pause_of(&record), (Some(0), Some(120), Some("second")));
}

pub async fn a_pause_after_a_pause_begins_anew(subject: &Subject) {
    configured(subject).await;
    paused(subject, 0, 60, "first").await;
    let record = paused(subject, 61, 90, "second").await;
    assert_eq!(pause_of(&record), (Some(61), Some(90), Some("second")));
}

pub async fn whoever_is_not_configured_is_not_paused(subject: &Subject) {
    let pause = Pause { now: at(0), until: at(60), reason: "429".into() };
    subject.store.pause(&shipbob(), &pause).await.unwrap();
    assert_eq!(subject.store.connections().await.unwrap(), []);
    subject.store.resume(&shipbob()).await.unwrap();
    assert_eq!(subject.store.connections().await.unwrap(), []);
}
