//! Stock moves with the commit that says why, or not at all.

use crossdock_log::AppendError;

use crate::samples::{STREAM, commit, item, moved, moving, receipt, reserved, sku};
use crate::subject::Subject;

async fn stock_of(subject: &Subject, name: &str, location: &str) -> Option<(i64, i64)> {
    let items = subject.store.items(&[sku(name)]).await.unwrap();
    let stock = items.get(&sku(name))?.stock.get(&location.parse().unwrap())?.clone();
    assert_eq!(stock.available, stock.on_hand - stock.quarantine - stock.reserved(), "{stock:?}");
    Some((stock.on_hand, stock.available))
}

async fn shop(subject: &Subject) {
    subject.back.put_item(item("TEE", &[("LON1", 5), ("MAN1", 3)])).await;
    subject.back.put_item(item("MUG", &[("LON1", 1)])).await;
}

pub async fn stock_moves_with_its_fact_or_not_at_all(subject: &Subject) {
    shop(subject).await;
    let whole = moving(commit(1), &[reserved("TEE", "LON1", 5), reserved("MUG", "LON1", 1)]);
    subject.store.append(&whole).await.unwrap();
    assert_eq!(stock_of(subject, "TEE", "LON1").await, Some((5, 0)));
    assert_eq!(stock_of(subject, "TEE", "MAN1").await, Some((3, 3)));
    assert_eq!(stock_of(subject, "MUG", "LON1").await, Some((1, 0)));
    assert_eq!(subject.store.load(STREAM, 1).await.unwrap(), [whole]);
}

pub async fn a_commit_that_lacks_stock_leaves_nothing(subject: &Subject) {
    shop(subject).await;
    for moves in [
        [reserved("TEE", "LON1", 1), reserved("MUG", "LON1", 2)],
        [reserved("MUG", "LON1", 2), reserved("TEE", "LON1", 1)],
        [reserved("TEE", "LON1", 6), reserved("MUG", "LON1", 1)],
    ] {
        assert_eq!(subject.store.append(&moving(commit(1), &moves)).await, Err(AppendError::StockShort));
    }
    assert_eq!(stock_of(subject, "TEE", "LON1").await, Some((5, 5)));
    assert_eq!(stock_of(subject, "MUG", "LON1").await, Some((1, 1)));
    assert_eq!(subject.store.load(STREAM, 1).await.unwrap(), []);
}

pub async fn two_locations_of_one_sku_are_one_write(subject: &Subject) {
    shop(subject).await;
    let too_much = [reserved("TEE", "LON1", 5), reserved("TEE", "MAN1", 4)];
    assert_eq!(subject.store.append(&moving(commit(1), &too_much)).await, Err(AppendError::StockShort));
    assert_eq!(stock_of(subject, "TEE", "LON1").await, Some((5, 5)));
    let all = [reserved("TEE", "LON1", 5), reserved("MUG", "LON1", 1), reserved("TEE", "MAN1", 3)];
    subject.store.append(&moving(commit(1), &all)).await.unwrap();
    assert_eq!(stock_of(subject, "TEE", "LON1").await, Some((5, 0)));
    assert_eq!(stock_of(subject, "TEE", "MAN1").await, Some((3, 0)));
}

pub async fn stock_that_is_nowhere_is_too_little(subject: &Subject) {
    shop(subject).await;
    for nowhere in [
        reserved("MUG", "MAN1", 1),
        reserved("GONE", "LON1", 1),
        moved("MUG", "MAN1", (1, 1)),
        moved("GONE", "LON1", (1, 1)),
    ] {
        assert_eq!(
            subject.store.append(&moving(commit(1), std::slice::from_ref(&nowhere))).await,
            Err(AppendError::StockShort),
            "{nowhere:?}"
        );
    }
    assert_eq!(subject.store.load(STREAM, 1).await.unwrap(), []);
    assert_eq!(subject.store.items(&[sku("GONE")]).await.unwrap().len(), 0);
    assert_eq!(stock_of(subject, "MUG", "MAN1").await, None);
}

pub async fn a_taken_number_is_told_before_missing_stock(subject: &Subject) {
    shop(subject).await;
    subject.store.append(&commit(1)).await.unwrap();
    for units in [1, 9] {
        let again = subject.store.append(&moving(commit(1), &[reserved("MUG", "LON1", units)])).await;
        assert_eq!(again, Err(AppendError::SeqTaken(1)), "only a fresh look can tell what is missing");
    }
    assert_eq!(stock_of(subject, "MUG", "LON1").await, Some((1, 1)));
}

pub async fn the_last_unit_is_promised_once(subject: &Subject) {
    subject.back.put_item(item("TEE", &[("LON1", 7)])).await;
    let buyers: Vec<_> = (0..20)
        .map(|buyer| {
            let store = subject.store.clone();
            let receipt = receipt(&format!("order#a#{buyer}"));
            tokio::spawn(async move { store.append(&moving(receipt.clone(), &[reserved("TEE", "LON1", 1)])).await })
        })
        .collect();
    let mut sold = 0;
    for (buyer, handle) in buyers.into_iter().enumerate() {
        let outcome = handle.await.unwrap();
        let stored = subject.store.last_seq(&format!("order#a#{buyer}")).await.unwrap();
        assert_eq!(stored == 1, outcome.is_ok(), "no reservation without its fact");
        match outcome {
            Ok(()) => sold += 1,
            Err(error) => assert_eq!(error, AppendError::StockShort),
        }
    }
    assert_eq!((sold, stock_of(subject, "TEE", "LON1").await), (7, Some((7, 0))));
}

pub async fn goods_leave_and_arrive(subject: &Subject) {
    shop(subject).await;
    subject.store.append(&moving(commit(1), &[reserved("TEE", "LON1", 5)])).await.unwrap();
    subject.store.append(&moving(commit(2), &[moved("TEE", "LON1", (-5, 0))])).await.unwrap();
    assert_eq!(stock_of(subject, "TEE", "LON1").await, Some((0, 0)));
    subject
        .store
        .append(&moving(receipt("inventory#R-1"), &[moved("TEE", "LON1", (10, 10)), moved("MUG", "LON1", (2, 2))]))
        .await
        .unwrap();
    assert_eq!(stock_of(subject, "TEE", "LON1").await, Some((10, 10)));
    assert_eq!(stock_of(subject, "MUG", "LON1").await, Some((3, 3)));
    let again = subject.store.append(&moving(receipt("inventory#R-1"), &[moved("TEE", "LON1", (10, 10))])).await;
    assert_eq!(again, Err(AppendError::SeqTaken(1)), "a receipt told twice counts once");
    assert_eq!(stock_of(subject, "TEE", "LON1").await, Some((10, 10)));
}

pub async fn a_location_is_opened_once(subject: &Subject) {
    shop(subject).await;
    let (mug, man1) = (sku("MUG"), "MAN1".parse().unwrap());
    subject.store.open_location(&mug, &man1).await.unwrap();
    assert_eq!(stock_of(subject, "MUG", "MAN1").await, Some((0, 0)));
    subject.store.append(&moving(commit(1), &[moved("MUG", "MAN1", (4, 4))])).await.unwrap();
    subject.store.open_location(&mug, &man1).await.unwrap();
    assert_eq!(stock_of(subject, "MUG", "MAN1").await, Some((4, 4)), "what is there stays");
    assert_eq!(stock_of(subject, "MUG", "LON1").await, Some((1, 1)));
}

pub async fn an_unknown_item_gets_no_location(subject: &Subject) {
    let gone = sku("GONE");
    assert!(subject.store.open_location(&gone, &"LON1".parse().unwrap()).await.is_err());
    assert_eq!(subject.store.items(&[gone]).await.unwrap().len(), 0);
}
