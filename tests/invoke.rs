//! Every function by `cargo lambda watch` and `cargo lambda invoke`, against the running stack.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod stack;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Stops the watcher, whatever the test does.
struct Watching(Child);

impl Drop for Watching {
    fn drop(&mut self) {
        // The watcher starts cargo, which starts functions: they are one process group.
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-INT", "--", &group]).status();
        let _ = self.0.wait();
    }
}

fn functions() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../functions");
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn root() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// A port that is free now.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn watch(port: u16) -> Watching {
    use std::os::unix::process::CommandExt as _;
    let log = std::fs::File::create(root().join(".local/logs/watch.log")).unwrap();
    let mut command = Command::new("cargo-lambda");
    command.args(["lambda", "watch", "--ignore-changes", "--invoke-address", "127.0.0.1"]);
    command.args(["--invoke-port", &port.to_string(), "--env-file", ".local/functions.env"]);
    command.current_dir(root()).process_group(0);
    let child = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn();
    let watching = Watching(child.expect("cargo-lambda is on the PATH: `cargo local test` installs it"));
    let begun = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "cargo lambda watch does not listen; see .local/logs/watch.log"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    watching
}

/// The payload, with the token of the running stack where it asks for one.
fn payload(function: &str, stack: &stack::Stack) -> String {
    let file = format!("events/invoke/{function}.json");
    let text = std::fs::read_to_string(root().join(&file)).unwrap();
    if !text.contains("${token}") {
        return file;
    }
    let bearer = stack.headers().into_iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization")).unwrap().1;
    let filled = root().join(format!(".local/scratch/{function}.json"));
    std::fs::create_dir_all(filled.parent().unwrap()).unwrap();
    std::fs::write(&filled, text.replace("${token}", bearer.trim_start_matches("Bearer "))).unwrap();
    filled.display().to_string()
}

fn invoke(port: u16, function: &str, stack: &stack::Stack) -> Result<String, String> {
    let file = payload(function, stack);
    let mut command = Command::new("cargo-lambda");
    command.args(["lambda", "invoke", "--invoke-address", "127.0.0.1", "--invoke-port", &port.to_string()]);
    let output = command.args(["--data-file", &file, function]).current_dir(root()).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(out.into_owned()) } else { Err(format!("{out}\n{err}")) }
}

#[test]
#[ignore = "needs the stack: cargo local test"]
fn every_function_runs_by_cargo_lambda() {
    let stack = stack::Stack::open();
    let port = free_port();
    let _watching = watch(port);
    let mut failures = Vec::new();
    for function in functions() {
        match invoke(port, &function, &stack) {
            Ok(answer) => {
                let told = serde_json::from_str::<serde_json::Value>(answer.trim());
                if told.is_err() {
                    failures.push(format!("{function}: the answer is no JSON: {answer}"));
                }
            }
            Err(error) => failures.push(format!("{function}: {error}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n---\n"));
}
