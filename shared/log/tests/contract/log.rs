//! Streams of commits.

use crossdock_domain::commit::Attention;
use crossdock_domain::exception::Handling;
use crossdock_domain::settings::Routes;
use crossdock_domain::{Commit, Event, TaskKind};
use crossdock_log::AppendError;

use crate::samples::{STREAM, at, commit, commit_of};
use crate::subject::Subject;

pub async fn what_is_appended_is_read_as_it_was_written(subject: &Subject) {
    let mut full = commit(1);
    full.causation_id = Some("m-1".into());
    full.due = Some("29400001#3".into());
    full.summary.waits_on = Some("sku#TEE".into());
    full.summary.attention = vec![Attention {
        attempts: 3,
        last_seen: Some(at(9)),
        handling: Handling { owner: Some("ops".into()), snoozed_until: Some(at(60)), ..Handling::default() },
        ..Attention::new("allocate:A1", "stock", ("2 x TEE".to_owned(), at(5)))
    }];
    full.summary.owed = [(TaskKind::Allocate, at(1))].into();
    full.summary.ship_by = Some(at(90));
    full.summary.touched = true;
    full.summary.name = Some("#1001".into());
    full.summary.routes = Some(Routes {
        storefront: Some("shopify-uk".parse().unwrap()),
        fulfillment: "shipbob".parse().unwrap(),
        erp: "netsuite".parse().unwrap(),
    });
    full.events.push(Event::OrderCompleted {});
    let bare = Commit { prev_hash: String::new(), events: Vec::new(), ..commit(2) };
    for commit in [&full, &bare] {
        subject.store.append(commit).await.unwrap();
    }
    assert_eq!(subject.store.load(STREAM, 1).await.unwrap(), [full, bare]);
}

pub async fn commits_come_in_order_and_without_gaps(subject: &Subject) {
    assert_eq!(subject.store.load(STREAM, 1).await.unwrap(), []);
    for seq in 1..=12 {
        subject.store.append(&commit(seq)).await.unwrap();
    }
    let numbers = |commits: Vec<Commit>| commits.iter().map(|commit| commit.seq).collect::<Vec<_>>();
    assert_eq!(numbers(subject.store.load(STREAM, 1).await.unwrap()), (1..=12).collect::<Vec<_>>());
    assert_eq!(numbers(subject.store.load(STREAM, 9).await.unwrap()), [9, 10, 11, 12]);
    assert_eq!(numbers(subject.store.load(STREAM, 13).await.unwrap()), Vec::<u64>::new());
}

pub async fn a_number_is_given_once(subject: &Subject) {
    subject.store.append(&commit(1)).await.unwrap();
    let other = Commit { cause: "somebody else".into(), ..commit(1) };
    assert_eq!(subject.store.append(&other).await, Err(AppendError::SeqTaken(1)));
    assert_eq!(subject.store.load(STREAM, 1).await.unwrap(), [commit(1)]);
}

pub async fn a_writer_finds_its_own_commit_after_a_conflict(subject: &Subject) {
    subject.store.append(&commit(1)).await.unwrap();
    assert_eq!(subject.store.append(&commit(1)).await, Err(AppendError::SeqTaken(1)), "its answer was lost on the way");
    let found = subject.store.load(STREAM, 1).await.unwrap();
    assert_eq!(found.iter().filter(|known| known.cause == commit(1).cause).count(), 1);
}

pub async fn of_many_writers_one_wins(subject: &Subject) {
    let writers: Vec<_> = (0..12)
        .map(|writer| {
            let store = subject.store.clone();
            tokio::spawn(async move { store.append(&Commit { cause: format!("writer {writer}"), ..commit(1) }).await })
        })
        .collect();
    let mut won = Vec::new();
    for (writer, handle) in writers.into_iter().enumerate() {
        match handle.await.unwrap() {
            Ok(()) => won.push(format!("writer {writer}")),
            Err(error) => assert_eq!(error, AppendError::SeqTaken(1)),
        }
    }
    let stored: Vec<String> =
        subject.store.load(STREAM, 1).await.unwrap().into_iter().map(|commit| commit.cause).collect();
    assert_eq!((won.len(), &stored), (1, &won));
}

pub async fn streams_do_not_touch_one_another(subject: &Subject) {
    let neighbour = commit_of("order#shopify-uk#50012", 1, vec![]);
    subject.store.append(&commit(1)).await.unwrap();
    subject.store.append(&neighbour).await.unwrap();
    subject.store.append(&commit(2)).await.unwrap();
    assert_eq!(subject.store.load(STREAM, 1).await.unwrap().len(), 2);
    assert_eq!(subject.store.load("order#shopify-uk#50012", 1).await.unwrap(), [neighbour]);
}

pub async fn the_last_number_is_known(subject: &Subject) {
    assert_eq!(subject.store.last_seq(STREAM).await.unwrap(), 0);
    for seq in 1..=11 {
        subject.store.append(&commit(seq)).await.unwrap();
        assert_eq!(subject.store.last_seq(STREAM).await.unwrap(), seq);
    }
    assert_eq!(subject.store.last_seq("order#shopify-uk#500").await.unwrap(), 0);
}

pub async fn what_is_due_is_found_by_its_bucket(subject: &Subject) {
    let due = |stream: &str, seq, bucket: &str| Commit { due: Some(bucket.into()), ..commit_of(stream, seq, vec![]) };
    let commits = [
        due("order#a#1", 1, "100#0"),
        due("order#a#1", 2, "105#0"),
        due("order#a#2", 1, "100#0"),
        due("order#a#3", 1, "100#1"),
        commit_of("order#a#4", 1, vec![]),
    ];
    for commit in &commits {
        subject.store.append(commit).await.unwrap();
    }
    let mut found = subject.store.due("100#0").await.unwrap();
    found.sort();
    assert_eq!(found, [("order#a#1".to_owned(), 1), ("order#a#2".to_owned(), 1)]);
    assert_eq!(subject.store.due("105#0").await.unwrap(), [("order#a#1".to_owned(), 2)]);
    assert_eq!(subject.store.due("100").await.unwrap(), []);
}
