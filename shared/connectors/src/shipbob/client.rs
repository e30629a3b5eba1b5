//! Calls to ShipBob's API.

use bytes::Bytes;
use crossdock_domain::event::FailureClass;
use crossdock_step::{Failure, Secret};
use http::{Method, Request, Response, StatusCode};
use serde_json::Value;

use super::config::Settings;
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

    /// `POST /order`.
    pub async fn create_order(&self, order: &Value) -> Result<Response<Bytes>, Failure> {
        self.call(Method::POST, "order", Some(order)).await
    }

    /// The order with this reference; ShipBob's filter is not trusted to be exact.
    pub async fn order(&self, reference: &str) -> Result<Option<translate::Order>, Failure> {
        let answer = self.call(Method::GET, &format!("order?ReferenceIds={reference}"), None).await?;
        if answer.status() != StatusCode::OK {
            return Err(self.refusal(&answer));
        }
        let orders: Vec<translate::Order> = serde_json::from_slice(answer.body()).map_err(|error| {
            let reason = format!("ShipBob's answer for {reference} is no list of orders: {error}");
            Failure::permanent(FailureClass::Parse, reason)
        })?;
        let mut ours = orders.into_iter().filter(|order| order.reference_id.as_deref() == Some(reference));
        Ok(ours.next())
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
