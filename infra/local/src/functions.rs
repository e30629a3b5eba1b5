//! Builds the functions and lays them out as the template expects them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

use crate::report::{Phase, Report};
use crate::site::Site;
use crate::toolbox::why;
use crate::trouble::Trouble;

/// Builds every function with one cargo command and puts each at `target/lambda/<name>/bootstrap`.
pub(crate) async fn build(site: &Site, report: &Report) -> Result<(), Trouble> {
    let names = site.functions()?;
    let phase = report.phase(format!("Building {} functions", names.len()));
    phase.now("waiting for cargo");
    let programs = phase.during(compile(site, &names, &phase)).await?;
    let mut changed = 0;
    for name in &names {
        let program = programs
            .get(name)
            .ok_or_else(|| Trouble::Failed("cargo build", format!("no program is called '{name}'")))?;
        let place = site.path("target/lambda").join(name).join("bootstrap");
        changed += u32::from(stage(program, &place)?);
    }
    phase.done(&format!("{changed} changed"));
    Ok(())
}

async fn compile(site: &Site, names: &[String], phase: &Phase) -> Result<BTreeMap<String, PathBuf>, Trouble> {
    let mut cargo = cargo(site);
    cargo.args(["build", "--quiet", "--message-format=json-render-diagnostics"]);
    // By program, as the alias `cargo local` does: with the same features everywhere, each crate is compiled once.
    for name in names {
        cargo.args(["--bin", name]);
    }
    let failed = |error: std::io::Error| Trouble::Failed("cargo build", error.to_string());
    let mut child = cargo.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(failed)?;
    let (stdout, stderr) = pipes(&mut child)?;
    let (programs, said) = tokio::join!(read_artifacts(stdout, phase), read_all(stderr));
    let status = child.wait().await.map_err(failed)?;
    if status.success() {
        return Ok(programs);
    }
    // Compiler errors need all their lines.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes());
    Err(Trouble::Failed("cargo build", why(&said)))
}

/// Cargo, as it was when it started us.
pub(crate) fn cargo(site: &Site) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    // Set by `cargo run` for us alone; a package of another folder would see a changed environment and be rebuilt.
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_about_this_package(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    command.current_dir(site.root()).stdin(Stdio::null()).kill_on_drop(true);
    command
}

fn is_about_this_package(variable: &str) -> bool {
    variable.starts_with("CARGO_PKG_") || variable.starts_with("CARGO_MANIFEST_")
}

fn pipes(child: &mut Child) -> Result<(ChildStdout, ChildStderr), Trouble> {
    let pipes = child.stdout.take().zip(child.stderr.take());
    pipes.ok_or_else(|| Trouble::Failed("cargo build", "it has no output".into()))
}

/// The one line of cargo's JSON that matters here: something was compiled or found fresh.
#[derive(Deserialize)]
struct Artifact {
    target: Target,
    executable: Option<PathBuf>,
    fresh: bool,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

async fn read_artifacts(stdout: ChildStdout, phase: &Phase) -> BTreeMap<String, PathBuf> {
    let mut programs = BTreeMap::new();
    let mut compiled = 0;
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(artifact) = serde_json::from_str::<Artifact>(&line) else {
            continue;
        };
        compiled += u32::from(!artifact.fresh);
        phase.now(&format!("{compiled} crates compiled, last {}", artifact.target.name));
        if let Some(program) = artifact.executable {
            programs.insert(artifact.target.name, program);
        }
    }
    programs
}

async fn read_all(mut stderr: ChildStderr) -> String {
    let mut said = Vec::new();
    // What could be read is all there is to show.
    let _ = stderr.read_to_end(&mut said).await;
    String::from_utf8_lossy(&said).into_owned()
}

/// Copies a program unless the copy is as new as it; answers whether it did.
fn stage(program: &Path, place: &Path) -> Result<bool, Trouble> {
    let built = fs::metadata(program).map_err(Trouble::file(program))?;
    let staged = fs::metadata(place).ok();
    let same =
        staged.is_some_and(|staged| staged.len() == built.len() && staged.modified().ok() == built.modified().ok());
    if same {
        return Ok(false);
    }
    let folder = place.parent().unwrap_or(place);
    fs::create_dir_all(folder).map_err(Trouble::file(folder))?;
    let draft = folder.join("bootstrap.draft");
    fs::copy(program, &draft).map_err(Trouble::file(&draft))?;
    let copy = fs::File::options().write(true).open(&draft).map_err(Trouble::file(&draft))?;
    built.modified().and_then(|time| copy.set_modified(time)).map_err(Trouble::file(&draft))?;
    fs::rename(&draft, place).map_err(Trouble::file(place))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_staged_once_and_again_only_when_it_has_changed() {
        let folder = std::env::temp_dir().join(format!("crossdock-stage-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (program, place) = (folder.join("program"), folder.join("lambda/name/bootstrap"));
        fs::write(&program, "one").unwrap();
        assert!(stage(&program, &place).unwrap());
        assert!(!stage(&program, &place).unwrap());
        fs::write(&program, "other").unwrap();
        assert!(stage(&program, &place).unwrap());
        assert_eq!(fs::read_to_string(&place).unwrap(), "other");
        fs::remove_dir_all(&folder).unwrap();
    }
}
