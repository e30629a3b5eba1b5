//! Items with prices, identities and stock.

use crossdock_domain::catalogue::Told;
use crossdock_domain::item::{Item, Stock};
use crossdock_domain::{Minor, Sku};

use crate::samples::{item, sku};
use crate::subject::Subject;

pub async fn items_are_read_as_they_were_written(subject: &Subject) {
    let mut full = item("CAF\u{c9} 👕/1", &[("LON1", 5), ("MAN1", 0)]);
    full.prices.insert("JPY".parse().unwrap(), Minor::new(-1).unwrap());
    full.stock.insert("OFF-1".parse().unwrap(), Stock { on_hand: 3, available: -2, ..Stock::default() });
    let bare = Item { prices: [].into(), identities: [].into(), ..item("BARE", &[]) };
    subject.back.put_item(full.clone()).await;
    subject.back.put_item(bare.clone()).await;
    let found =
        subject.store.items(&[full.sku.clone(), sku("GONE"), bare.sku.clone(), full.sku.clone()]).await.unwrap();
    assert_eq!(found.into_values().collect::<Vec<_>>(), [bare, full]);
}

pub async fn more_items_than_one_request_takes(subject: &Subject) {
    let names: Vec<Sku> = (0..250).map(|n| sku(&format!("SKU-{n:03}"))).collect();
    for name in names.iter().filter(|name| !name.as_str().ends_with('7')) {
        subject.back.put_item(item(name.as_str(), &[("LON1", 1)])).await;
    }
    let found = subject.store.items(&names).await.unwrap();
    assert_eq!(found.len(), 225);
    assert!(found.contains_key(&sku("SKU-249")) && !found.contains_key(&sku("SKU-247")));
}

pub async fn no_items_are_asked_for_and_none_come(subject: &Subject) {
    subject.back.put_item(item("TEE", &[])).await;
    assert!(subject.store.items(&[]).await.unwrap().is_empty());
}

pub async fn whoever_has_read_an_older_item_keeps_nothing(subject: &Subject) {
    // One that was there before items were numbered, and one that is new.
    subject.back.put_item(item("TEE", &[("LON1", 5)])).await;
    for name in ["TEE", "NEW"] {
        let read = || async { subject.store.items(&[sku(name)]).await.unwrap().remove(&sku(name)) };
        let first = read().await.unwrap_or_else(|| Item::new(sku(name)));
        let told = Told {
            erp: "netsuite".parse().unwrap(),
            id: "501".into(),
            at: "2026-11-23T09:00:00Z".parse().unwrap(),
            currencies: ["GBP".parse().unwrap()].into(),
            kit: true,
        };
        let mut dated = Item { told: Some(told), inactive: true, ..first.clone() };
        dated.identities.set(&"netsuite".parse().unwrap(), Some("2026-12-01T00:00:00Z".parse().unwrap()), "777");
        assert!(subject.store.keep_item(&dated).await.unwrap());
        let found = read().await.unwrap();
        assert_eq!(found, Item { revision: 1, ..dated.clone() });
        for late in [&first, &dated] {
            assert!(!subject.store.keep_item(late).await.unwrap(), "somebody has kept it since");
        }
        assert_eq!(read().await.unwrap(), found);
        let again = Item { inactive: false, ..found };
        assert!(subject.store.keep_item(&again).await.unwrap());
        assert_eq!(read().await.unwrap(), Item { revision: 2, ..again });
    }
}
