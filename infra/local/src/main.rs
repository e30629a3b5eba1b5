//! `cargo local`: the whole of Crossdock on one machine, from nothing, by one command.

mod aws;
mod browser;
mod demo;
mod deploy;
mod engine;
mod functions;
mod gates;
mod metrics;
mod ports;
mod report;
mod sandboxes;
mod seed;
mod services;
mod site;
mod stack;
mod tally;
mod testing;
mod toolbox;
mod trouble;
mod up;
mod watching;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use report::{Report, seconds};
use seed::Stock;
use services::Services;
use site::Site;
use stack::Stack;
use trouble::Trouble;

/// The whole of Crossdock on this machine: no Docker, no AWS account.
#[derive(Parser)]
#[command(name = "local", bin_name = "cargo local")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install, build, start and deploy everything, or what has changed; leaves it running
    Up,
    /// Send a real order all the way and show what became of it
    Demo {
        /// Leave the stack running afterwards
        #[arg(long)]
        keep: bool,
    },
    /// Run every test, set-up included, and count them
    Test,
    /// Start what drives the browser of tests, and show what tests have to be told
    Browser,
    /// Stop everything
    Down,
    /// Show what the functions have logged
    Logs {
        /// One function; all without it
        function: Option<String>,
        /// Go on showing
        #[arg(long, short)]
        follow: bool,
    },
    /// Run one deployed function and show its answer
    Invoke {
        /// The name of its folder
        function: String,
        /// Instead of events/invoke/<function>.json
        #[arg(long)]
        data_file: Option<PathBuf>,
    },
    /// Show what runs and where
    Status,
    /// Set connections, items and stock back to seed.json
    Seed,
    /// Check infra/template.yaml with cfn-lint
    LintInfra,
    /// Check dependencies with cargo-deny: bans, licenses and sources unless named
    Deny {
        /// Such as `advisories`, which needs the network
        checks: Vec<String>,
    },
    /// Be the vendor sandboxes
    #[command(hide = true)]
    Sandboxes {
        #[arg(long)]
        root: PathBuf,
    },
    /// Be the forwarder of metrics
    #[command(hide = true)]
    Metrics {
        #[arg(long)]
        root: PathBuf,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let report = Report::new();
    match launch(cli.command, &report).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(Trouble::TestsFailed) => ExitCode::FAILURE,
        Err(trouble) => {
            report.failure(&trouble);
            ExitCode::FAILURE
        }
    }
}

async fn launch(command: Command, report: &Report) -> Result<(), Trouble> {
    // The HTTP client asks for one even where it speaks plain HTTP only.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let site = command.site()?;
    let services = Services::of(&site);
    let outcome = tokio::select! {
        outcome = obey(command, &site, report, &services) => outcome,
        interrupted = told_to_stop() => interrupted,
    };
    if outcome.is_err() && services.stop_started().await {
        up::forget(&site);
    }
    outcome
}

impl Command {
    fn site(&self) -> Result<Site, Trouble> {
        if let Self::Sandboxes { root } | Self::Metrics { root } = self {
            return Ok(Site::at(root));
        }
        Site::find()
    }

    /// Whether two of them at once would get in each other's way.
    fn starts_or_stops(&self) -> bool {
        matches!(self, Self::Up | Self::Demo { .. } | Self::Test | Self::Browser | Self::Down | Self::Seed)
    }
}

async fn obey(command: Command, site: &Site, report: &Report, services: &Services<'_>) -> Result<(), Trouble> {
    let _held = if command.starts_or_stops() { Some(site.lock()?) } else { None };
    match command {
        Command::Up => {
            let stack = up::up(site, report, services).await?;
            report.line(format!("The stack is up after {}. Its API: {}", seconds(report.total()), stack.api));
            report.line(format!("The console: {} (sign in with the token)", stack.console));
            report.line(format!("Addresses, token and key: {}", Stack::place(site)?.display()));
            Ok(())
        }
        Command::Demo { keep } => demo::demo(site, report, services, keep).await,
        Command::Test => testing::test(site, report, services).await,
        Command::Browser => {
            browser::install(site, report).await?;
            for (name, value) in browser::ensure(site, services).await?.environment() {
                report.line(format!("export {name}={value}"));
            }
            Ok(())
        }
        Command::Down => up::down(site, report, services).await,
        Command::Logs { function, follow } => watching::logs(site, report, function, follow).await,
        Command::Invoke { function, data_file } => watching::invoke(site, report, &function, data_file).await,
        Command::Status => watching::status(site, report, services).await,
        Command::Seed => {
            let (connections, items) = seed::sow(site, &Stack::read(site)?, Stock::Reset).await?;
            report.line(format!("{connections} connections and {items} items are as seed.json says"));
            Ok(())
        }
        Command::LintInfra => gates::lint_infra(site, report).await,
        Command::Deny { checks } => gates::deny(site, report, &checks).await,
        Command::Sandboxes { .. } => sandboxes::serve(site).await,
        Command::Metrics { .. } => metrics::forward(site).await,
    }
}

async fn told_to_stop() -> Result<(), Trouble> {
    let listen = |kind| signal(kind).map_err(Trouble::file("signals"));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Err(Trouble::Interrupted)
}
