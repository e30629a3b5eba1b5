//! Idempotency keys and cursors.

use crate::samples::at;
use crate::subject::Subject;

pub async fn a_marker_is_set_once(subject: &Subject) {
    assert_eq!(subject.store.mark("key#1", "first", at(60)).await.unwrap(), None);
    assert_eq!(subject.store.mark("key#1", "second", at(60)).await.unwrap().as_deref(), Some("first"));
    assert_eq!(subject.store.mark("key#1", "first", at(60)).await.unwrap().as_deref(), Some("first"));
    assert_eq!(subject.store.mark("key#2", "other", at(60)).await.unwrap(), None);
    assert_eq!(subject.store.marker("key#1").await.unwrap().as_deref(), Some("first"));
}

pub async fn of_many_markers_one_is_first(subject: &Subject) {
    let callers: Vec<_> = (0..10)
        .map(|caller| {
            let store = subject.store.clone();
            tokio::spawn(async move { (caller, store.mark("key#1", &caller.to_string(), at(60)).await.unwrap()) })
        })
        .collect();
    let mut first = Vec::new();
    let mut told = Vec::new();
    for handle in callers {
        match handle.await.unwrap() {
            (caller, None) => first.push(caller.to_string()),
            (_, Some(known)) => told.push(known),
        }
    }
    assert_eq!((first.len(), told.len()), (1, 9));
    assert!(told.iter().all(|known| *known == first[0]));
}

pub async fn a_cursor_is_moved(subject: &Subject) {
    for minute in ["100", "101", "99"] {
        subject.store.set_marker("cursor#due", minute).await.unwrap();
        assert_eq!(subject.store.marker("cursor#due").await.unwrap().as_deref(), Some(minute));
    }
}

pub async fn counts_add_up(subject: &Subject) {
    let counts = |counts: &[(&str, i64)]| counts.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
    let asked = ["tally#1".to_owned(), "tally#2".to_owned()];
    assert_eq!(subject.store.counted(&asked).await.unwrap(), [].into());
    for told in [counts(&[("accepted", 2), ("accepted@07", 1)]), counts(&[("accepted", 3), ("GBP", -1)])] {
        subject.store.count("tally#1", &told, at(60)).await.unwrap();
    }
    let known = counts(&[("accepted", 5), ("accepted@07", 1), ("GBP", -1)]);
    assert_eq!(subject.store.counted(&asked).await.unwrap(), [("tally#1".to_owned(), known)].into());
    assert_eq!(subject.store.marker("tally#1").await.unwrap(), None, "counts are no marker's value");
}

pub async fn an_unknown_marker_is_not_there(subject: &Subject) {
    assert_eq!(subject.store.marker("key#1").await.unwrap(), None);
}
