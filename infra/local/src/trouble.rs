//! What stops a command. Each message is one line that says what happened and what to do.

use std::io;
use std::path::{Path, PathBuf};

/// Why a command ended without doing what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("no python3 of version 3.10 or newer was found on PATH: install it, then run this again")]
    NoPython,
    #[error(
        "the tests of the console's pages need a browser, and it could not be installed ({why}): install the packages \
         {packages}, then run this again"
    )]
    NoBrowser { packages: String, why: String },
    #[error("port {0} is in use: stop what listens there, or choose another by CROSSDOCK_PORT")]
    PortInUse(u16),
    #[error("CROSSDOCK_PORT is '{0}': give a port from 1 to 65535")]
    BadPort(String),
    #[error("the stack is not running: start it by `cargo local up`")]
    NotRunning,
    #[error("another `cargo local` is at work in this checkout: wait for it or stop it")]
    Busy,
    #[error("{0} failed: {1}")]
    Failed(&'static str, String),
    #[error("{name} did not start: {reason} (its log: {log})")]
    DidNotStart { name: &'static str, reason: String, log: PathBuf },
    #[error("the deployment failed: {0}")]
    Deployment(String),
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    #[error("{0} is not what `cargo local` expects: {1}")]
    Content(String, String),
    #[error("{url} cannot be reached: {reason}")]
    Unreachable { url: String, reason: String },
    #[error("{url} answered {status}: {body}")]
    Refused { url: String, status: u16, body: String },
    #[error("there is no function '{name}': choose one of {known}")]
    NoSuchFunction { name: String, known: String },
    #[error("function '{0}' answered with an error")]
    FunctionFailed(String),
    #[error("the order did not complete within {seconds} s: {outstanding}")]
    OrderNotCompleted { seconds: u64, outstanding: String },
    #[error("stopped by a signal")]
    Interrupted,
    /// The last line shown is the count; it has said so already.
    #[error("some tests failed")]
    TestsFailed,
    #[error("{0} found something: see above")]
    Findings(&'static str),
}

impl Trouble {
    /// An error of the file system, with the path that it is about.
    pub(crate) fn file(path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::File(path.as_ref().to_owned(), error)
    }

    /// Something that was read and is of another shape than agreed.
    pub(crate) fn content(what: impl Into<String>, why: impl ToString) -> Self {
        Self::Content(what.into(), why.to_string())
    }
}
