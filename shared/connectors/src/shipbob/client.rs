//! Calls to ShipBob's API.

use bytes::Bytes;
use crossdock_domain::event::FailureClass;
use crossdock_step::{Failure, Secret};
use http::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::config::Settings;
use super::returns::{Page, Return};
use super::stock::{self, Levels};
use super::translate;
use crate::{Outside, address};

/// Calls ShipBob as one connection.
pub struct Client {
    outside: Outside,
    settings: Settings,
}

impl Client {
    /// A client; makes no call.
    #[must_use]
    pub fn new(outside: Outside, settings: Settings) -> Self {
        Self { outside, settings }
    }

    /// The connection's settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.outside.clock.now()
    }

    /// `POST /order`.
    pub async fn create_order(&self, order: &Value) -> Result<Response<Bytes>, Failure> {
        self.call(Method::POST, "order", Some(order)).await
    }

    /// The order with this reference.
    pub async fn order(&self, reference: &str) -> Result<Option<translate::Order>, Failure> {
        Ok(self.orders(&[reference]).await?.into_iter().next())
    }

    /// The orders with these references; ShipBob's filter is not trusted to be exact.
    pub async fn orders(&self, references: &[&str]) -> Result<Vec<translate::Order>, Failure> {
        let list = references.join(",");
        let found: Vec<translate::Order> = self.read(&format!("order?ReferenceIds={list}")).await?;
        let is_wanted = |reference: &str| references.contains(&reference);
        Ok(found.into_iter().filter(|order| order.reference_id.as_deref().is_some_and(is_wanted)).collect())
    }

    /// `POST /order/{id}:cancel`.
    pub async fn cancel_order(&self, id: i64) -> Result<Response<Bytes>, Failure> {
        self.call(Method::POST, &format!("order/{id}:cancel"), None).await
    }

    /// `GET /shipment/{id}`; none where ShipBob has no such shipment.
    pub async fn shipment(&self, id: u64) -> Result<Option<translate::Shipment>, Failure> {
        let path = format!("shipment/{id}");
        let answer = self.call(Method::GET, &path, None).await?;
        if answer.status() == StatusCode::NOT_FOUND { Ok(None) } else { self.understood(&path, &answer).map(Some) }
    }

    /// `POST /return`.
    pub async fn create_return(&self, request: &Value) -> Result<Response<Bytes>, Failure> {
        self.call(Method::POST, "return", Some(request)).await
    }

    /// The return that was announced with this reference; ShipBob's filter is not trusted to be exact.
    pub async fn announced(&self, reference: &str) -> Result<Option<Return>, Failure> {
        let page: Page = self.read(&format!("return?ReferenceIds={reference}")).await?;
        Ok(page.items.into_iter().find(|found| found.reference_id.as_deref() == Some(reference)))
    }

    /// What came back of this order of ours without having been announced, the newest first.
    pub async fn unannounced(&self, order: &str) -> Result<Vec<Return>, Failure> {
        let page: Page = self.read(&format!("return?StoreOrderIds={order}")).await?;
        let mut found = page.items.into_iter().filter(|found| found.ours() == Some(order)).collect::<Vec<_>>();
        found.sort_by_key(|found| std::cmp::Reverse(found.id));
        Ok(found)
    }

    /// One page of what is there.
    pub async fn levels(&self, query: &str) -> Result<Levels, Failure> {
        self.read(&format!("{}?{query}", stock::PATH)).await
    }

    async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let answer = self.call(Method::GET, path, None).await?;
        self.understood(path, &answer)
    }

    fn understood<T: DeserializeOwned>(&self, path: &str, answer: &Response<Bytes>) -> Result<T, Failure> {
        if answer.status() != StatusCode::OK {
            return Err(self.refusal(answer));
        }
        serde_json::from_slice(answer.body()).map_err(|error| {
            let reason = format!("ShipBob's answer to GET {path} is not what its specification says: {error}");
            Failure::permanent(FailureClass::Parse, reason)
        })
    }

    /// What an answer that is no yes means.
    #[must_use]
    pub fn refusal(&self, answer: &Response<Bytes>) -> Failure {
        translate::refusal(&self.outside.connection, self.outside.clock.now(), answer)
    }

    /// Sends a call; a refused token is read anew once.
    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Response<Bytes>, Failure> {
        let secret = self.outside.secrets.secret(&self.outside.connection).await?;
        let answer = self.outside.http.send(self.request((&method, path), body, &secret)?).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let renewed = self.outside.secrets.fresh_secret(&self.outside.connection).await?;
        if renewed.text("token") == secret.text("token") {
            return Ok(answer);
        }
        Ok(self.outside.http.send(self.request((&method, path), body, &renewed)?).await?)
    }

    fn request(&self, line: (&Method, &str), body: Option<&Value>, secret: &Secret) -> Result<Request<Bytes>, Failure> {
        let (method, path) = line;
        let misconfigured = |what: &str| address::misconfigured(&self.outside.connection, what);
        let token = secret.text("token").ok_or_else(|| misconfigured("its secret has no \"token\""))?;
        Request::builder()
            .method(method)
            .uri(format!("{}/{}/{path}", self.settings.base_url, self.settings.api_version))
            .header("authorization", format!("Bearer {token}"))
            .header("shipbob_channel_id", &self.settings.channel_id)
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .body(body.map_or_else(Bytes::new, |body| body.to_string().into()))
            .map_err(|_| misconfigured("its token or settings hold characters that HTTP does not allow"))
    }
}
