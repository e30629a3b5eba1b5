//! Facts survive the store, whatever is in them.

use crossdock_domain::event::{Hold, HoldCode};
use crossdock_domain::{Commit, Event};
use serde_json::{Value, json};

use crate::samples::{STREAM, commit, commit_of};
use crate::subject::Subject;

/// The facts of the published examples: every type, every optional field.
fn published() -> Vec<Event> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../events");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let examples = files.filter(|path| path.to_string_lossy().contains(".v1."));
    let envelopes = examples.flat_map(|path| {
        let text = std::fs::read_to_string(path).unwrap();
        serde_json::from_str::<Vec<Value>>(&text).unwrap()
    });
    let of_the_log = envelopes.filter(|envelope| Event::TYPES.iter().any(|kind| envelope["detail-type"] == *kind));
    of_the_log
        .map(|e| serde_json::from_value(json!({ "type": e["detail-type"], "data": e["detail"]["data"] })).unwrap())
        .collect()
}

pub async fn every_published_fact_survives(subject: &Subject) {
    let events = published();
    assert!(events.len() >= Event::TYPES.len(), "only {} examples were found", events.len());
    for (stream, event) in (0..).map(|n| format!("order#a#{n}")).zip(events) {
        assert!(!matches!(event, Event::Unknown(_)), "{event:?}");
        let commit = commit_of(&stream, 1, vec![event]);
        subject.store.append(&commit).await.unwrap();
        let read = subject.store.load(&stream, 1).await.unwrap();
        assert_eq!(read[0].hash(), commit.hash(), "the chain holds on what is read");
        assert_eq!(read, [commit]);
    }
}

pub async fn a_fact_of_an_unknown_type_survives_byte_for_byte(subject: &Subject) {
    let text = r#"{"type":"OrderTeleported.v1","data":{"amount":-9007199254740993,"empty":{},"list":[[],null,true,"é\u0001"],"text":""}}"#;
    let event: Event = serde_json::from_str(text).unwrap();
    assert!(matches!(event, Event::Unknown(_)));
    let written = Commit { events: vec![event], ..commit(1) };
    subject.store.append(&written).await.unwrap();
    let read = subject.store.load(STREAM, 1).await.unwrap();
    assert_eq!(serde_json::to_string(&read[0].events[0]).unwrap(), text);
    assert_eq!(read[0].hash(), written.hash());
}

pub async fn texts_of_any_script_survive(subject: &Subject) {
    let texts = ["", " ", "a\u{0}b", "CAFE\u{301}", "\u{202e}txet", "👩\u{200d}👧", "\u{fffd}", "\"\\/\n\t", "商品"];
    let holds = texts.map(|text| Hold::new(HoldCode::Unreadable, text)).to_vec();
    let written = Commit { events: vec![Event::OrderHeld { holds }], ..commit(1) };
    subject.store.append(&written).await.unwrap();
    assert_eq!(subject.store.load(STREAM, 1).await.unwrap(), [written]);
}
