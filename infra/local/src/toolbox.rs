//! What is installed into `.local/`: Python packages in two virtual environments, each pinned by a list beside this crate.

use std::fs;
use std::path::PathBuf;

use tokio::process::Command;

use crate::report::Report;
use crate::site::{Site, write_whole};
use crate::trouble::Trouble;

const CANDIDATES: [&str; 6] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];

/// A virtual environment under `.local/`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Toolbox {
    folder: &'static str,
    list: &'static str,
    title: &'static str,
}

/// The local AWS and what deploys to it.
pub(crate) const ENGINE: Toolbox =
    Toolbox { folder: "venv", list: "infra/local/requirements.txt", title: "Installing the local AWS" };

/// What only some commands need.
pub(crate) const TOOLS: Toolbox =
    Toolbox { folder: "tools", list: "infra/local/tools.txt", title: "Installing cfn-lint and cargo-lambda" };

impl Toolbox {
    /// A program of this environment.
    pub(crate) fn program(self, site: &Site, name: &str) -> Result<PathBuf, Trouble> {
        site.local(&format!("{}/bin/{name}", self.folder))
    }

    /// Installs what the list names, unless exactly that was installed before.
    pub(crate) async fn install(self, site: &Site, report: &Report) -> Result<(), Trouble> {
        let list = site.path(self.list);
        let wanted = fs::read_to_string(&list).map_err(Trouble::file(&list))?;
        let stamp = site.local(&format!("{}/installed.txt", self.folder))?;
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            return Ok(());
        }
        let phase = report.phase(self.title);
        phase.now("creating a virtual environment");
        let python = find_python().await?;
        let folder = site.local(self.folder)?;
        run("python3 -m venv", Command::new(python).args(["-m", "venv", "--clear"]).arg(&folder)).await?;
        phase.now("from the package registry");
        let mut pip = Command::new(self.program(site, "python")?);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "-r"])
            .arg(&list);
        phase.during(run("pip install", &mut pip)).await?;
        write_whole(&stamp, &wanted)?;
        phase.done("");
        Ok(())
    }
}

async fn find_python() -> Result<&'static str, Trouble> {
    for candidate in CANDIDATES {
        let mut asks = Command::new(candidate);
        asks.args(["-c", "import sys; sys.exit(sys.version_info < (3, 10))"]).kill_on_drop(true);
        if asks.output().await.is_ok_and(|answer| answer.status.success()) {
            return Ok(candidate);
        }
    }
    Err(Trouble::NoPython)
}

/// Runs a program to its end; when it fails, its last line says why.
pub(crate) async fn run(what: &'static str, command: &mut Command) -> Result<String, Trouble> {
    let output = command.kill_on_drop(true).output().await.map_err(|error| Trouble::Failed(what, error.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = [output.stderr, output.stdout].concat();
    Err(Trouble::Failed(what, why(&String::from_utf8_lossy(&said))))
}

/// The line that names the error, else the last one.
pub(crate) fn why(said: &str) -> String {
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    lines()
        .find(|line| line.to_lowercase().starts_with("error"))
        .or_else(|| lines().next_back())
        .unwrap_or("it gave no reason")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_names_the_error_is_the_reason() {
        let said = "Looking in links\nERROR: No matching distribution found for ministack==9\n[notice] upgrade pip\n";
        assert_eq!(why(said), "ERROR: No matching distribution found for ministack==9");
    }

    #[test]
    fn without_such_a_line_the_last_one_is() {
        assert_eq!(why("Traceback\nValueError: x\n\n"), "ValueError: x");
        assert_eq!(why(""), "it gave no reason");
    }
}
