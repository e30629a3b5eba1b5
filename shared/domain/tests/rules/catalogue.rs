//! Identities over time, and the ERP's word on an item.

use std::collections::{BTreeMap, BTreeSet};

use crossdock_domain::catalogue::{ItemKept, Reading, Told, Word, kept, read, refused, rival, stream_of};
use crossdock_domain::event::FailureClass;
use crossdock_domain::identities::{Identities, unmapped, unmapped_in};
use crossdock_domain::inventory::StockDocument;
use crossdock_domain::item::Item;
use crossdock_domain::{Commit, ConnectionId, Event, Minor};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::samples::{at, item, minor, sku};

fn erp() -> ConnectionId {
    "netsuite".parse().unwrap()
}

fn after(minutes: i64) -> Timestamp {
    at(0) + SignedDuration::from_mins(minutes)
}

/// From which minute on an item is called how; none: from ever.
type Said = Vec<(Option<i64>, String)>;

/// One for good, and others from a moment on: each moment once; sorted, and as they are told.
fn any_identities() -> impl Strategy<Value = (Said, Said)> {
    proptest::collection::btree_map(proptest::option::of(0_i64..1000), "[a-z0-9]{1,4}", 0..8).prop_flat_map(|told| {
        let told: Vec<_> = told.into_iter().collect();
        (Just(told.clone()), Just(told).prop_shuffle())
    })
}

proptest! {
    #[test]
    fn at_each_moment_one_identity_is_valid_whatever_order_they_were_told_in((sorted, told) in any_identities()) {
        let mut identities = Identities::default();
        for (from, id) in &told {
            identities.set(&erp(), from.map(after), id);
        }
        for minute in -1..=1001 {
            let expected = sorted.iter().rfind(|(from, _)| from.is_none_or(|from| from <= minute)).map(|(_, id)| id);
            prop_assert_eq!(identities.at(&erp(), after(minute)), expected.map(String::as_str), "at {}", minute);
        }
        prop_assert_eq!(identities.is_known(&erp()), !told.is_empty());
        prop_assert!(told.iter().all(|(_, id)| identities.ever(&erp(), id)) && !identities.ever(&erp(), "never"));
        let written = serde_json::to_value(&identities).unwrap();
        prop_assert_eq!(serde_json::from_value::<Identities>(written.clone()).unwrap(), identities);
        let short = matches!(sorted.as_slice(), [(None, _)]);
        prop_assert_eq!(written["netsuite"].is_string(), short);
    }

    /// Pages come late, twice and out of order: the last word of each item of the ERP stands.
    #[test]
    fn whatever_order_words_come_in_the_newest_stands(words in proptest::collection::vec((0_i64..50, 0_i64..9, any::<bool>()), 1..12)) {
        let mut minutes = BTreeSet::new();
        let mut told: Vec<Word> = words.into_iter().filter(|(minute, ..)| minutes.insert(*minute)).map(|(minute, price, active)| {
            Word { active, prices: [("GBP".parse().unwrap(), minor(price))].into(), ..word("501", minute) }
        }).collect();
        let newest = told.iter().max_by_key(|word| word.changed_at).unwrap().clone();
        told.extend(told.clone());
        let known = told.iter().fold(None, |known: Option<Item>, word| match read(word, known.as_ref(), after(99)) {
            Reading::News(item) => Some(*item),
            Reading::Stale | Reading::Same | Reading::Passed => known,
        });
        // What is sold no more before it was ever known is none of ours.
        if newest.active {
            let known = known.unwrap();
            prop_assert_eq!((&known.prices, known.inactive), (&newest.prices, false));
            prop_assert_eq!(known.told.as_ref().map(|told| told.at), Some(newest.changed_at));
            prop_assert_eq!(read(&newest, Some(&known), after(99)), Reading::Same);
        }
    }
}

fn word(id: &str, minute: i64) -> Word {
    Word {
        erp: erp(),
        id: id.into(),
        sku: sku("TEE"),
        active: true,
        prices: BTreeMap::new(),
        components: BTreeMap::new(),
        changed_at: after(minute),
    }
}

fn news(word: &Word, known: Option<&Item>) -> Item {
    match read(word, known, after(99)) {
        Reading::News(item) => *item,
        other @ (Reading::Stale | Reading::Same | Reading::Passed) => panic!("{other:?}"),
    }
}

#[test]
fn both_shapes_of_an_identity_are_read_and_the_short_one_is_written() {
    let read = |value: Value| serde_json::from_value::<Identities>(value).unwrap();
    let short = json!({ "netsuite": "501" });
    assert_eq!(serde_json::to_value(read(short.clone())).unwrap(), short);
    assert_eq!(serde_json::to_value(read(json!({ "netsuite": [{ "id": "501" }] }))).unwrap(), short);
    let dated = json!({ "netsuite": [{ "id": "501" }, { "from": "2026-12-01T00:00:00Z", "id": "777" }] });
    assert_eq!(serde_json::to_value(read(dated.clone())).unwrap(), dated);
    let gone = read(dated).told(read(json!({ "netsuite": [], "shipbob": "9" })));
    assert_eq!(serde_json::to_value(gone).unwrap(), json!({ "shipbob": "9" }));
}

#[test]
fn the_erp_changes_what_is_its_own_and_nothing_else() {
    let mut tee = item("TEE", &[("LON1", 5)]);
    tee.identities.set(&erp(), Some(after(1000)), "900");
    tee.safety.insert("LON1".parse().unwrap(), 2);
    let told = Word { prices: [("GBP".parse().unwrap(), minor(1500))].into(), ..word("netsuite-TEE", 5) };
    let once = news(&told, Some(&tee));
    assert_eq!((&once.identities, &once.stock, &once.safety), (&tee.identities, &tee.stock, &tee.safety));
    let price = |item: &Item, code: &str| item.prices.get(&code.parse().unwrap()).copied().map(Minor::get);
    assert_eq!((price(&once, "GBP"), price(&once, "EUR")), (Some(1500), Some(1200)), "a price of another's stays");
    let none = news(&Word { prices: BTreeMap::new(), ..word("netsuite-TEE", 6) }, Some(&once));
    assert_eq!((price(&none, "GBP"), price(&none, "EUR")), (None, Some(1200)), "one of its own goes with its word");
    // A kit that is none any more, and components that a person has given.
    let kit = news(&Word { components: [(sku("CAP"), 2)].into(), ..word("netsuite-TEE", 7) }, Some(&none));
    assert_eq!(news(&word("netsuite-TEE", 8), Some(&kit)).components, BTreeMap::new());
    let by_hand = Item { components: [(sku("CAP"), 2)].into(), ..none };
    assert_eq!(news(&word("netsuite-TEE", 8), Some(&by_hand)).components, by_hand.components);
}

#[test]
fn another_item_of_the_erp_counts_from_its_change_on() {
    let tee = news(&word("501", 5), None);
    assert_eq!(tee.identities.at(&erp(), after(-1000)), Some("501"));
    let swapped = news(&word("777", 20), Some(&tee));
    let called = |minute| swapped.identities.at(&erp(), after(minute));
    assert_eq!((called(19), called(20)), (Some("501"), Some("777")));
    // What a person has dated later than the ERP's last change is the person's word.
    let mut dated = tee.clone();
    dated.identities.set(&erp(), Some(after(50)), "900");
    assert_eq!(news(&word("501", 60), Some(&dated)).identities, dated.identities);
    assert_eq!(read(&word("777", 60), None, after(99)), Reading::News(Box::new(news(&word("777", 60), None))));
    assert_eq!(rival(&word("777", 20), Some(&tee), after(99)), Some("501"));
    let mut chosen = tee.clone();
    chosen.identities.set(&erp(), None, "777");
    assert_eq!(rival(&word("777", 20), Some(&chosen), after(99)), None, "a person has said which it is");
    let inactive = Item { inactive: true, ..tee.clone() };
    assert_eq!(rival(&word("777", 20), Some(&inactive), after(99)), None);
    assert_eq!(read(&Word { active: false, ..word("777", 20) }, Some(&tee), after(99)), Reading::Passed);
    assert_eq!(read(&Word { active: false, ..word("777", 20) }, None, after(99)), Reading::Passed);
    assert!(news(&Word { active: false, ..word("501", 20) }, Some(&tee)).inactive);
}

fn recorded(document: &mut StockDocument, event: Event) {
    let commit = json!({
        "stream": "inventory#catalogue#netsuite#777", "seq": document.seq + 1, "cause": format!("c{}", document.seq),
        "at": at(5), "actor": "sync-catalogue", "correlation_id": "c", "prev_hash": document.last_hash,
        "summary": { "status": "recorded", "placed_at": at(5) }, "events": [event],
    });
    document.apply(&serde_json::from_value::<Commit>(commit).unwrap());
}

#[test]
fn what_cannot_be_kept_is_said_once_and_ends_once() {
    let mut stream = StockDocument::default();
    let twice = word("777", 10).duplicate_of("501");
    assert_eq!((twice.class, twice.sku.as_deref()), (FailureClass::Duplicate, Some("TEE")));
    let told = refused(&stream, &twice).unwrap();
    recorded(&mut stream, told);
    assert!(stream.refused.is_some() && refused(&stream, &twice).is_none());
    assert_eq!(kept(&stream, &word("777", 9).kept()), None, "a late word ends nothing");
    let ended = kept(&stream, &word("777", 11).kept()).unwrap();
    recorded(&mut stream, ended);
    assert!(stream.refused.is_none() && kept(&stream, &word("777", 12).kept()).is_none());
    assert_eq!(refused(&stream, &twice), None, "a late word says nothing");
    let other = ItemKept { sku: Some(sku("MUG")), ..word("777", 13).kept() };
    assert!(kept(&stream, &other).is_some());
    assert!(stream.to_post().is_empty() && stream.is_done());
}

#[test]
fn an_item_of_an_erp_has_a_stream_of_its_own() {
    assert_eq!(stream_of(&erp(), "501"), "inventory#catalogue#netsuite#501");
    let strange = ["a#b", "a~b", "a b", &"9".repeat(99)].map(|item| stream_of(&erp(), item));
    assert_eq!(strange.iter().collect::<BTreeSet<_>>().len(), 4);
    assert!(strange.iter().all(|stream| stream.matches('#').count() == 3 && !stream.contains('~')));
}

#[test]
fn a_reason_says_who_is_not_known_where() {
    let reason = unmapped(&sku("TEE"), &erp());
    for reason in [reason.clone(), format!("{reason}: map it, then retry")] {
        assert_eq!(unmapped_in(&reason), Some((sku("TEE"), erp())));
    }
    assert_eq!(unmapped_in("the ERP has no such location"), None);
}

#[test]
fn what_was_told_is_written_short() {
    let told = Told { erp: erp(), id: "501".into(), at: at(5), currencies: BTreeSet::new(), kit: false };
    assert_eq!(serde_json::to_value(&told).unwrap(), json!({ "erp": "netsuite", "id": "501", "at": at(5) }));
}
