//! `cargo local test`: every test there is, with all set-up, and one line that counts them.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;

use crate::browser::{self, Browser};
use crate::functions::cargo;
use crate::report::{Report, seconds};
use crate::services::{ENGINE, Services};
use crate::site::Site;
use crate::stack::Stack;
use crate::tally::Tally;
use crate::toolbox;
use crate::trouble::Trouble;
use crate::up;

/// Runs everything; stops the stack again unless it ran before.
pub(crate) async fn test(site: &Site, report: &Report, services: &Services<'_>) -> Result<(), Trouble> {
    let runner = Runner::find(site).await;
    let mut tally = Tally::default();
    if let Err(trouble) = run_all(site, report, services, (&runner, &mut tally)).await {
        report.failure(&trouble);
        // All tests that could not be run, as one.
        tally.failed += 1;
    }
    report.line(format!("{} passed, {} failed", tally.passed, tally.failed));
    if tally.failed == 0 { Ok(()) } else { Err(Trouble::TestsFailed) }
}

async fn run_all(
    site: &Site,
    report: &Report,
    services: &Services<'_>,
    count: (&Runner, &mut Tally),
) -> Result<(), Trouble> {
    let (runner, tally) = count;
    report.line("-- tests that need no stack");
    runner.run(site, runner.without_stack(), tally).await?;
    if runner.nextest {
        report.line("-- examples in the documentation");
        runner.run(site, Runner::documentation(), tally).await?;
    }
    report.line("-- tests of the deployed stack");
    let was_up = services.running(ENGINE).is_some();
    toolbox::TOOLS.install(site, report).await?;
    browser::install(site, report).await?;
    up::up(site, report, services).await?;
    browser::ensure(site, services).await?;
    runner.run(site, runner.with_stack(), tally).await?;
    browser::stop(site, services).await;
    report.line(format!("-- all tests took {}", seconds(report.total())));
    if was_up {
        return Ok(());
    }
    up::down(site, report, services).await
}

/// What runs tests here.
struct Runner {
    nextest: bool,
}

impl Runner {
    async fn find(site: &Site) -> Self {
        let mut asks = cargo(site);
        let answer = asks.args(["nextest", "--version"]).output().await;
        Self { nextest: answer.is_ok_and(|answer| answer.status.success()) }
    }

    fn without_stack(&self) -> Vec<String> {
        if self.nextest {
            return words("nextest run --workspace --no-fail-fast");
        }
        words("test --workspace --no-fail-fast")
    }

    fn documentation() -> Vec<String> {
        words("test --workspace --doc --no-fail-fast")
    }

    /// Over the whole workspace, so that nothing is compiled again with other features. One after the other: they share
    /// one stack and measure it. What only prints figures (`measured_…`) is asked for by hand.
    fn with_stack(&self) -> Vec<String> {
        if self.nextest {
            let mut arguments = words("nextest run --workspace --no-fail-fast --run-ignored only --test-threads 1 -E");
            arguments.push("package(=crossdock-tests) and not test(measured_)".to_owned());
            return arguments;
        }
        words("test --workspace --test * --no-fail-fast -- --ignored --test-threads 1 --skip measured_")
    }

    /// Runs cargo, passes on what it says, and counts.
    async fn run(&self, site: &Site, arguments: Vec<String>, tally: &mut Tally) -> Result<(), Trouble> {
        let failed_before = tally.failed;
        let mut command = cargo(site);
        command.args(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        if arguments.iter().any(|argument| argument.contains("ignored")) {
            command.env("CROSSDOCK_STACK", Stack::place(site)?).envs(Browser::read(site)?.environment());
        }
        with_tools_on_path(site, &mut command)?;
        if std::io::IsTerminal::is_terminal(&std::io::stderr()) {
            command.env("CARGO_TERM_COLOR", "always");
        }
        let failed = |error: std::io::Error| Trouble::Failed("cargo test", error.to_string());
        let mut child = command.spawn().map_err(failed)?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (first, second) = tokio::join!(pass_on(out, std::io::stdout()), pass_on(err, std::io::stderr()));
        for part in [first, second] {
            tally.passed += part.passed;
            tally.failed += part.failed;
        }
        let status = child.wait().await.map_err(failed)?;
        if !status.success() && tally.failed == failed_before {
            // It did not compile, or a test program died: the count must not look like success.
            tally.failed += 1;
        }
        Ok(())
    }
}

/// `cargo lambda` is a program in a folder of ours.
fn with_tools_on_path(site: &Site, command: &mut Command) -> Result<(), Trouble> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = [site.local("tools/bin/.")?].into_iter().chain(std::env::split_paths(&path));
    if let Ok(joined) = std::env::join_paths(folders) {
        command.env("PATH", joined);
    }
    Ok(())
}

async fn pass_on(from: Option<impl AsyncRead + Unpin>, mut to: impl std::io::Write) -> Tally {
    let mut tally = Tally::default();
    let Some(from) = from else {
        return tally;
    };
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        tally.read(&line);
        // A closed pipe ends the showing, not the counting.
        let _ = writeln!(to, "{line}");
    }
    tally
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}
