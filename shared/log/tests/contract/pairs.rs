//! Commits of two streams that stand or fall together.

use std::sync::Arc;

use crossdock_domain::ConnectionId;
use crossdock_domain::item::{Movement, StockMove};
use crossdock_domain::{Commit, Event};
use crossdock_log::{AppendError, LedgerPage};

use crate::samples::{STREAM, commit, commit_of, item, moving, reserved, sku};
use crate::subject::Subject;

const HOLD: &str = "hold#shopify-uk#cart-1";

fn held(units: i64) -> StockMove {
    let why = if units < 0 { Movement::Released } else { Movement::Reserved };
    StockMove {
        reserved: units,
        channel: Some(ConnectionId::holds()),
        ..StockMove::new(why, sku("TEE"), "LON1".parse().unwrap())
    }
}

/// A hold of the last two units.
async fn hold(subject: &Subject) {
    subject.back.put_item(item("TEE", &[("LON1", 2)])).await;
    subject.store.append(&moving(commit_of(HOLD, 1, vec![]), &[held(2)])).await.unwrap();
}

fn taken() -> Commit {
    let order = "shopify-uk.5001".parse().unwrap();
    moving(commit_of(HOLD, 2, vec![Event::HoldTaken { order }]), &[held(-2)])
}

async fn counters(subject: &Subject) -> (i64, i64, i64) {
    let items = subject.store.items(&[sku("TEE")]).await.unwrap();
    let stock = &items[&sku("TEE")].stock[&"LON1".parse().unwrap()];
    assert_eq!(stock.available, stock.on_hand - stock.quarantine - stock.reserved(), "{stock:?}");
    let of = |channel| stock.reserved.get(&channel).copied().unwrap_or(0);
    (stock.available, of(ConnectionId::holds()), of("shopify-uk".parse().unwrap()))
}

pub async fn two_commits_are_written_together(subject: &Subject) {
    hold(subject).await;
    // Nothing is available: what the other commit gives back is all that this one needs.
    let order = moving(commit(1), &[held(2)]);
    subject.store.append_with(&order, Some(&taken())).await.unwrap();
    assert_eq!(counters(subject).await, (0, 2, 0));
    assert_eq!(subject.store.load(STREAM, 1).await.unwrap(), [order]);
    assert_eq!(subject.store.load(HOLD, 2).await.unwrap(), [taken()]);
    let page = LedgerPage { limit: 9, before: None, since: None };
    let (rows, _) = subject.store.ledger(&sku("TEE"), &"LON1".parse().unwrap(), &page).await.unwrap();
    let mut rows: Vec<_> = rows.iter().map(|row| (row.stream.as_str(), row.seq)).collect();
    rows.sort_unstable();
    assert_eq!(rows, [(HOLD, 1), (HOLD, 2), (STREAM, 1)], "each commit has its own row");
}

pub async fn of_two_commits_neither_is_written_alone(subject: &Subject) {
    hold(subject).await;
    let order = moving(commit(1), &[held(2)]);
    let more = moving(commit(1), &[held(3)]);
    assert_eq!(subject.store.append_with(&more, Some(&taken())).await, Err(AppendError::StockShort));
    subject.store.append(&moving(commit_of(HOLD, 2, vec![Event::HoldExpired {}]), &[held(-2)])).await.unwrap();
    assert_eq!(subject.store.append_with(&order, Some(&taken())).await, Err(AppendError::OtherTaken(2)));
    assert_eq!(subject.store.load(STREAM, 1).await.unwrap(), []);
    subject.store.append(&commit(1)).await.unwrap();
    let both = subject.store.append_with(&order, Some(&taken())).await;
    assert_eq!(both, Err(AppendError::SeqTaken(1)), "the own number is told first");
    assert_eq!(counters(subject).await, (2, 0, 0));
    let without_stock = commit_of(HOLD, 3, vec![]);
    assert_eq!(subject.store.append_with(&commit(1), Some(&without_stock)).await, Err(AppendError::SeqTaken(1)));
    assert_eq!(subject.store.last_seq(HOLD).await.unwrap(), 2);
    subject.store.append_with(&commit(2), Some(&without_stock)).await.unwrap();
    assert_eq!((subject.store.last_seq(STREAM).await.unwrap(), subject.store.last_seq(HOLD).await.unwrap()), (2, 3));
}

pub async fn of_a_payment_and_an_expiry_one_wins(subject: &Subject) {
    hold(subject).await;
    let payments = (0..6).map(|order| {
        let store = Arc::clone(&subject.store);
        let order = moving(commit_of(&format!("order#shopify-uk#{order}"), 1, vec![]), &[held(2)]);
        tokio::spawn(async move { store.append_with(&order, Some(&taken())).await.is_ok() })
    });
    let payments: Vec<_> = payments.collect();
    let store = Arc::clone(&subject.store);
    let expired = moving(commit_of(HOLD, 2, vec![Event::HoldExpired {}]), &[held(-2)]);
    let expiry = tokio::spawn(async move { store.append(&expired).await.is_ok() });
    let mut paid = 0;
    for payment in payments {
        paid += i64::from(payment.await.unwrap());
    }
    let expired = i64::from(expiry.await.unwrap());
    assert_eq!(paid + expired, 1);
    assert_eq!(counters(subject).await, (2 - 2 * paid, 2 * paid, 0));
    assert_eq!(subject.store.last_seq(HOLD).await.unwrap(), 2);
}

pub async fn only_what_becomes_of_a_record_has_to_be_there(subject: &Subject) {
    hold(subject).await;
    // Somebody has counted less than is promised.
    let lost = StockMove { on_hand: -1, ..StockMove::new(Movement::Counted, sku("TEE"), "LON1".parse().unwrap()) };
    subject.store.append(&moving(commit_of("inventory#C", 1, vec![]), &[lost])).await.unwrap();
    assert_eq!(counters(subject).await, (-1, 2, 0));
    let more = moving(commit(1), &[reserved("TEE", "LON1", 3), held(-2)]);
    assert_eq!(subject.store.append(&more).await, Err(AppendError::StockShort));
    let floor = |stock: StockMove| StockMove { floor: 5, ..stock };
    let allocated = moving(commit(1), &[floor(reserved("TEE", "LON1", 2)), held(-2)]);
    subject.store.append(&allocated).await.unwrap();
    assert_eq!(counters(subject).await, (-1, 0, 2));
}
