//! A vendor's sandbox behind the port for outside calls, without a socket: what comes back is what a server would
//! send, and a call that gets no answer fails as a time-out does.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use crossdock_connectors::Outside;
use crossdock_sandboxes::common::TIMEOUT_STATUS;
use crossdock_step::outbound::{Http, HttpError};
use crossdock_step::{Clock, Failure, Secret, Secrets};
use jiff::Timestamp;
use serde_json::Value;
use tower::ServiceExt as _;

/// A clock that stands until it is moved; vendor and connector share it.
#[derive(Clone)]
pub struct Time(Arc<AtomicI64>);

impl Time {
    pub fn at(text: &str) -> Self {
        let at: Timestamp = text.parse().unwrap();
        Self(Arc::new(AtomicI64::new(at.as_millisecond())))
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap()
    }

    pub fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    pub fn of_connector(&self) -> Clock {
        let time = self.clone();
        Clock::new(move || time.now())
    }

    pub fn of_vendor(&self) -> crossdock_sandboxes::Clock {
        let time = self.clone();
        Arc::new(move || time.now())
    }
}

struct InProcess(Router);

#[async_trait]
impl Http for InProcess {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
        // A network takes time: others get their turn meanwhile.
        tokio::task::yield_now().await;
        let answer = self.0.clone().oneshot(request.map(Body::from)).await.unwrap();
        if answer.status().as_u16() == TIMEOUT_STATUS {
            return Err(HttpError::NoAnswer("the time is up".to_owned()));
        }
        let (parts, body) = answer.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Ok(http::Response::from_parts(parts, body))
    }
}

/// A secret of which the cache may be older than the truth.
pub struct Vault {
    cached: Mutex<Secret>,
    current: Mutex<Secret>,
    fresh_reads: AtomicI64,
}

impl Vault {
    pub fn holding(content: Value) -> Arc<Self> {
        let secret = Secret::new(content);
        let (cached, current) = (Mutex::new(secret.clone()), Mutex::new(secret));
        Arc::new(Self { cached, current, fresh_reads: AtomicI64::new(0) })
    }

    /// Somebody changes the secret; the cache does not know yet.
    pub fn rotate(&self, content: Value) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Secret::new(content);
    }

    pub fn fresh_reads(&self) -> i64 {
        self.fresh_reads.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Secrets for Vault {
    async fn secret(&self, _connection: &str) -> Result<Secret, Failure> {
        Ok(self.cached.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    async fn fresh_secret(&self, _connection: &str) -> Result<Secret, Failure> {
        self.fresh_reads.fetch_add(1, Ordering::SeqCst);
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        *self.cached.lock().unwrap_or_else(PoisonError::into_inner) = current.clone();
        Ok(current)
    }
}

pub fn outside(vendor: (&str, Router), settings: Value, secrets: Arc<Vault>, time: &Time) -> Outside {
    let (connection, router) = vendor;
    Outside {
        connection: connection.to_owned(),
        settings,
        http: Arc::new(InProcess(router)),
        secrets,
        clock: time.of_connector(),
    }
}
