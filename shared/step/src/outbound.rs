//! Calls to outside systems.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use crate::exchange::Sent;
use crate::{Failure, Trace};

/// The largest answer that is read from anybody.
pub const MAX_ANSWER_BYTES: usize = 5 * 1024 * 1024;

/// Why a call brought no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The call never left: safe to repeat.
    #[error("could not connect: {0}")]
    NotSent(String),
    /// It left, and no (whole) answer came: whether it took effect is not known.
    #[error("no answer, so it is not known whether the call took effect: {0}")]
    NoAnswer(String),
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::NotSent(_) => Self::retry(error.to_string()),
            HttpError::NoAnswer(_) => Self::in_doubt(error.to_string()),
        }
    }
}

/// An HTTP client.
#[async_trait]
pub trait Http: Send + Sync {
    /// Sends one request and reads the whole answer.
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError>;
}

/// The real client: one per environment, TLS by ring, no redirects, bounded answers.
#[derive(Debug, Clone)]
pub struct Outbound {
    client: reqwest::Client,
}

impl Outbound {
    /// A client that gives up on an answer after `timeout`.
    ///
    /// # Errors
    /// The TLS backend could not be set up.
    pub fn new(timeout: Duration) -> Result<Self, Failure> {
        // Fails only if a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .timeout(timeout)
            .connect_timeout(Duration::from_secs(3))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("crossdock/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Failure::retry(format!("the HTTP client could not be set up: {error}")))?;
        Ok(Self { client })
    }
}

#[async_trait]
impl Http for Outbound {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request).map_err(|e| HttpError::NotSent(without_url(e)))?;
        let mut answer = self.client.execute(request).await.map_err(|error| {
            if error.is_connect() {
                HttpError::NotSent(without_url(error))
            } else {
                HttpError::NoAnswer(without_url(error))
            }
        })?;
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(|e| HttpError::NoAnswer(without_url(e)))? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(HttpError::NoAnswer(format!("the answer is larger than {MAX_ANSWER_BYTES} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = http::Response::new(body.freeze());
        *response.status_mut() = answer.status();
        *response.headers_mut() = answer.headers().clone();
        Ok(response)
    }
}

/// A client whose calls carry what is being followed ([`Trace`]), and are remembered in it, whoever sends them in the end.
pub struct Traced(Arc<dyn Http>);

impl Traced {
    /// Traces the calls of a client.
    #[must_use]
    pub fn new(inner: Arc<dyn Http>) -> Self {
        Self(inner)
    }
}

#[async_trait]
impl Http for Traced {
    async fn send(&self, mut request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
        let Some(trace) = Trace::current() else { return self.0.send(request).await };
        trace.mark(request.headers_mut());
        if !trace.has_calls() {
            return self.0.send(request).await;
        }
        let sent = Sent::of(&request);
        let answer = self.0.send(request).await;
        trace.record(sent, &answer);
        answer
    }
}

/// An error's text without its URL, which may hold identities, but with its causes.
fn without_url(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
