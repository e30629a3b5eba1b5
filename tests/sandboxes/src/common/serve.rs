//! Serving a sandbox over HTTP.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tower::ServiceExt;

use super::desk::{FAULT_HEADER, HANG_HEADER};
use super::{Vendor, router};

/// A sandbox that is being served; dropping it stops the server and all its connections.
#[derive(Debug)]
pub struct Running {
    base_url: String,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Serves a vendor's API and control routes on `127.0.0.1:port` (0 picks a free one) and sends its webhooks.
///
/// # Errors
/// The port cannot be bound.
pub async fn launch<V: Vendor>(vendor: V, port: u16) -> io::Result<Running> {
    let outbox = vendor.front_desk().outbox().clone();
    let mut running = serve(router(vendor), SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    running.tasks.push(tokio::spawn(outbox.run()));
    Ok(running)
}

/// Serves a router; a fault's timeout holds the connection and closes it without an answer.
///
/// # Errors
/// The address cannot be bound.
pub async fn serve(router: Router, address: SocketAddr) -> io::Result<Running> {
    let listener = TcpListener::bind(address).await.map_err(|error| {
        let reason = format!("cannot listen on {address}: {error}");
        io::Error::new(error.kind(), reason)
    })?;
    let base_url = format!("http://{}", listener.local_addr()?);
    let tasks = vec![tokio::spawn(accept(listener, router))];
    Ok(Running { base_url, tasks })
}

async fn accept(listener: TcpListener, router: Router) {
    // Dropped with this task, which aborts every connection.
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(converse(stream, router.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(stream: TcpStream, router: Router) {
    // Small answers must not wait for the peer's acknowledgement of the headers.
    let _ = stream.set_nodelay(true);
    let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        answer(router.clone(), request.map(Body::new))
    });
    // An error here is a peer that hung up or a fault that asked for it: both are expected.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Why a connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the sandbox was told not to answer")]
struct NoAnswer;

async fn answer(router: Router, request: http::Request<Body>) -> Result<Response, NoAnswer> {
    // On a task of its own: an operation that has begun commits even when the caller hangs up.
    let operation = tokio::spawn(router.oneshot(request));
    let response = match operation.await {
        Ok(Ok(response)) => response,
        Ok(Err(never)) => unreachable_answer(never),
        Err(_panicked) => return Err(NoAnswer),
    };
    match hang_time(&response) {
        Some(hang) => {
            tokio::time::sleep(hang).await;
            Err(NoAnswer)
        }
        None => Ok(response),
    }
}

fn unreachable_answer(never: Infallible) -> Response {
    match never {}
}

fn hang_time(response: &Response) -> Option<Duration> {
    response.headers().get(FAULT_HEADER)?;
    let ms = response.headers().get(HANG_HEADER)?.to_str().ok()?;
    ms.parse().ok().map(Duration::from_millis)
}
