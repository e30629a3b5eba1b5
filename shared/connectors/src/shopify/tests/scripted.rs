//! A shop that answers from a script: what the sandbox does not do.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use crossdock_step::outbound::{Http, HttpError};
use crossdock_step::{Clock, Failure, Secret, Secrets};
use serde_json::{Value, json};

use crate::Outside;
use crate::shopify::Shopify;

/// A shop that gives prepared answers and remembers what it was asked.
#[derive(Default)]
pub(super) struct Shop {
    answers: Mutex<VecDeque<Value>>,
    pub(super) asked: Mutex<Vec<Value>>,
}

#[async_trait]
impl Http for Shop {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
        self.asked.lock().unwrap().push(serde_json::from_slice(request.body()).unwrap());
        let data = self.answers.lock().unwrap().pop_front().expect("the script has no further answer");
        let body = Bytes::from(json!({ "data": data }).to_string());
        Ok(http::Response::builder().status(200).body(body).unwrap())
    }
}

struct Open;

#[async_trait]
impl Secrets for Open {
    async fn secret(&self, _: &str) -> Result<Secret, Failure> {
        Ok(Secret::new(json!({ "access_token": "token" })))
    }
    async fn fresh_secret(&self, connection: &str) -> Result<Secret, Failure> {
        self.secret(connection).await
    }
}

pub(super) fn shop(script: Vec<Value>) -> (Arc<Shop>, Shopify) {
    let shop = Arc::new(Shop { answers: Mutex::new(script.into()), asked: Mutex::default() });
    let outside = Outside {
        connection: "shopify-uk".into(),
        settings: json!({
            "kind": "shopify", "base_url": "https://crossdock-uk.myshopify.com", "api_version": "2026-10",
            "shop_domain": "crossdock-uk.myshopify.com", "locations": { "LON1": 1 },
        }),
        http: shop.clone(),
        secrets: Arc::new(Open),
        clock: Clock::new(|| "2026-11-23T12:00:00Z".parse().unwrap()),
    };
    (shop, Shopify::new(outside).unwrap())
}
