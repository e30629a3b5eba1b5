//! Webhooks that a sandbox sends, and the task that sends them when the sandbox is served.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::{Notify, Semaphore};

use super::lock;

/// A webhook delivery: the same bytes on every attempt, as signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The vendor's topic, `orders/create` or `order.shipped`: a hint at who should receive it.
    pub topic: String,
    /// All headers, the signature's among them.
    pub headers: Vec<(String, String)>,
    /// The raw body that was signed.
    pub body: Vec<u8>,
}

/// How a delivery went, readable at `GET /_sandbox/deliveries`.
#[derive(Clone, Debug, Serialize)]
pub struct DeliveryRecord {
    /// Position in the list, from 1.
    pub number: u64,
    /// The vendor's topic.
    pub topic: String,
    /// Header names and values (signatures are no secrets).
    pub headers: Vec<(String, String)>,
    /// The body as text.
    pub body: String,
    /// `pending`, `delivered` or `given_up`.
    pub state: &'static str,
    /// The status of every attempt; none when no answer came.
    pub attempts: Vec<Option<u16>>,
}

/// The vendor's outgoing webhooks. In-process tests take them; a served sandbox posts them.
#[derive(Clone)]
pub struct Outbox {
    queue: Arc<Mutex<Queue>>,
    wake: Arc<Notify>,
    retry_after: Arc<[Duration]>,
}

#[derive(Default)]
struct Queue {
    pending: VecDeque<(u64, Delivery)>,
    records: Vec<DeliveryRecord>,
    last_number: u64,
    url: Option<String>,
    copies: u32,
}

/// The vendors give a receiver five seconds or more; locally five are plenty.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// Enough to keep two hundred orders moving, little enough for a machine of two cores.
const CONCURRENT_ATTEMPTS: usize = 16;

impl Outbox {
    /// An outbox that retries after each of these pauses and then gives up.
    #[must_use]
    pub fn new(retry_after: &[Duration]) -> Self {
        Self { queue: Arc::default(), wake: Arc::default(), retry_after: retry_after.into() }
    }

    /// Queues a delivery.
    pub fn push(&self, delivery: Delivery) {
        let mut queue = lock(&self.queue);
        for _ in 0..queue.copies.max(1) {
            queue.last_number += 1;
            let number = queue.last_number;
            queue.records.push(DeliveryRecord {
                number,
                topic: delivery.topic.clone(),
                headers: delivery.headers.clone(),
                body: String::from_utf8_lossy(&delivery.body).into_owned(),
                state: "pending",
                attempts: Vec::new(),
            });
            queue.pending.push_back((number, delivery.clone()));
        }
        drop(queue);
        self.wake.notify_one();
    }

    /// Takes everything that waits to be sent; for tests that deliver by themselves.
    #[must_use]
    pub fn take(&self) -> Vec<Delivery> {
        let mut queue = lock(&self.queue);
        let taken: Vec<_> = queue.pending.drain(..).collect();
        for (number, _) in &taken {
            queue.note(*number, |record| record.state = "delivered");
        }
        taken.into_iter().map(|(_, delivery)| delivery).collect()
    }

    /// Where webhooks go, and how many copies of each are sent (two shows that duplicates do no harm).
    pub fn send_to(&self, url: Option<String>, copies: u32) {
        let mut queue = lock(&self.queue);
        queue.url = url;
        queue.copies = copies;
        drop(queue);
        self.wake.notify_one();
    }

    /// Every delivery so far.
    #[must_use]
    pub fn records(&self) -> Vec<DeliveryRecord> {
        lock(&self.queue).records.clone()
    }

    /// Forgets all deliveries; the address stays.
    pub fn reset(&self) {
        let mut queue = lock(&self.queue);
        queue.pending.clear();
        queue.records.clear();
    }

    /// Sends for ever. The server spawns this; in-process nobody does.
    pub async fn run(self) {
        // Fails only when a provider is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = match reqwest::Client::builder().timeout(ATTEMPT_TIMEOUT).build() {
            Ok(client) => client,
            Err(error) => {
                tracing::error!(%error, "no webhook can be sent: the HTTP client did not start");
                return;
            }
        };
        let slots = Arc::new(Semaphore::new(CONCURRENT_ATTEMPTS));
        loop {
            while let Some((number, url, delivery)) = self.next() {
                let (outbox, client, slots) = (self.clone(), client.clone(), slots.clone());
                tokio::spawn(async move {
                    outbox.deliver(&client, &slots, (number, url, delivery)).await;
                });
            }
            self.wake.notified().await;
        }
    }

    fn next(&self) -> Option<(u64, String, Delivery)> {
        let mut queue = lock(&self.queue);
        let url = queue.url.clone()?;
        let (number, delivery) = queue.pending.pop_front()?;
        Some((number, url, delivery))
    }

    async fn deliver(
        &self,
        client: &reqwest::Client,
        slots: &Semaphore,
        (number, url, delivery): (u64, String, Delivery),
    ) {
        let mut pauses = self.retry_after.iter();
        loop {
            let status = {
                let _slot = slots.acquire().await;
                attempt(client, &url, &delivery).await
            };
            let delivered = status.is_some_and(|status| (200..300).contains(&status));
            self.note(number, |record| record.attempts.push(status));
            if delivered {
                return self.note(number, |record| record.state = "delivered");
            }
            match pauses.next() {
                Some(pause) => tokio::time::sleep(*pause).await,
                None => return self.note(number, |record| record.state = "given_up"),
            }
        }
    }

    fn note(&self, number: u64, change: impl FnOnce(&mut DeliveryRecord)) {
        lock(&self.queue).note(number, change);
    }
}

impl Queue {
    fn note(&mut self, number: u64, change: impl FnOnce(&mut DeliveryRecord)) {
        if let Some(record) = self.records.iter_mut().rev().find(|record| record.number == number) {
            change(record);
        }
    }
}

async fn attempt(client: &reqwest::Client, url: &str, delivery: &Delivery) -> Option<u16> {
    let mut request = client.post(url).body(Bytes::from(delivery.body.clone()));
    for (name, value) in &delivery.headers {
        request = request.header(name, value);
    }
    let answer = request.send().await.ok()?;
    Some(answer.status().as_u16())
}
