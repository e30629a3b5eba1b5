//! Deliveries as they came.

use crossdock_log::{Archived, Page};
use jiff::{SignedDuration, Timestamp};

use crate::samples::STREAM;
use crate::subject::Subject;

const CAME: &str = "2026-11-23T10:58:00Z";

fn at(minutes: i64) -> Timestamp {
    CAME.parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
}

fn delivery(stream: &str, minutes: i64) -> Archived {
    let message = format!("{{\"body\":\"not \u{0} JSON, {minutes}\"}}");
    Archived { stream: stream.into(), connection: "shopify-uk".into(), received_at: at(minutes), message }
}

async fn keep(subject: &Subject, delivery: &Archived) {
    subject.store.archive(delivery, at(60 * 24)).await.unwrap();
}

const ALL: Page = Page { limit: 50, after: None };

pub async fn deliveries_of_an_order_are_found_oldest_first_in_pages(subject: &Subject) {
    for minutes in [3, 1, 2] {
        keep(subject, &delivery(STREAM, minutes)).await;
    }
    keep(subject, &delivery("order#shopify-uk#5002", 0)).await;
    subject.store.keep_exchange(STREAM, "post_invoice:INV1", "{}").await.unwrap();
    let (first, next) = subject.store.archived_of(STREAM, &Page { limit: 2, after: None }).await.unwrap();
    assert_eq!(first, [delivery(STREAM, 1), delivery(STREAM, 2)]);
    let page = Page { limit: 2, after: Some(next.unwrap()) };
    let (second, next) = subject.store.archived_of(STREAM, &page).await.unwrap();
    assert_eq!((second.as_slice(), next), ([delivery(STREAM, 3)].as_slice(), None));
}

pub async fn a_delivery_that_is_kept_twice_is_there_once(subject: &Subject) {
    keep(subject, &delivery(STREAM, 1)).await;
    keep(subject, &delivery(STREAM, 1)).await;
    assert_eq!(subject.store.archived_of(STREAM, &ALL).await.unwrap().0, [delivery(STREAM, 1)]);
}

pub async fn what_came_in_an_hour_is_found_over_all_orders(subject: &Subject) {
    let other = "order#shopify-uk#5002";
    for delivery in [delivery(STREAM, 0), delivery(other, 1), delivery(STREAM, 2)] {
        keep(subject, &delivery).await;
    }
    keep(subject, &Archived { connection: "shipbob".into(), ..delivery(STREAM, 1) }).await;
    let of = ("shopify-uk", at(0));
    let (first, next) = subject.store.archived_in(of, &Page { limit: 1, after: None }).await.unwrap();
    assert_eq!(first, [delivery(STREAM, 0)]);
    let (second, next) = subject.store.archived_in(of, &Page { limit: 1, after: next }).await.unwrap();
    assert_eq!(second, [delivery(other, 1)]);
    assert!(next.is_none_or(|next| next == delivery(other, 1).key()));
    assert_eq!(subject.store.archived_in(("shopify-uk", at(5)), &ALL).await.unwrap().0, [delivery(STREAM, 2)]);
}

pub async fn the_largest_message_is_kept_whole(subject: &Subject) {
    // Text that does not pack: 1 MB of it takes more than one record.
    let mut state = 7_u64;
    let noise: String = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'!' + u8::try_from((state >> 33) % 90).unwrap())
    })
    .take(1_000_000)
    .collect();
    let large = Archived { message: noise.clone(), ..delivery(STREAM, 1) };
    keep(subject, &large).await;
    assert_eq!(subject.store.archived_of(STREAM, &ALL).await.unwrap().0, std::slice::from_ref(&large));
    assert_eq!(subject.store.archived_in(("shopify-uk", at(1)), &ALL).await.unwrap().0, [large]);
    subject.store.keep_delivery("m-9", &noise).await.unwrap();
    assert_eq!(subject.store.find_delivery("m-9").await.unwrap(), Some(noise));
}
