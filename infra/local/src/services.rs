//! The processes that go on when the command has ended, and how they are found and stopped again.

use std::cell::RefCell;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};

use crate::site::{Site, write_whole};
use crate::trouble::Trouble;

/// State lives in memory and is thrown away, so there is nothing worth a longer farewell.
const FAREWELL: Duration = Duration::from_secs(2);

/// The names of all services, in the order in which they are stopped.
pub(crate) const ALL: [&str; 4] = [BROWSER, METRICS, ENGINE, SANDBOXES];
/// What drives the browser of tests; also its program's name.
pub(crate) const BROWSER: &str = "chromedriver";
/// The local AWS.
pub(crate) const ENGINE: &str = "ministack";
/// The vendor simulators.
pub(crate) const SANDBOXES: &str = "sandboxes";
/// Forwards metrics in log lines to the local `CloudWatch`.
pub(crate) const METRICS: &str = "metrics";

/// A process in the background.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Service {
    /// Also its process group.
    pub(crate) pid: u32,
    /// What its command line contains: a pid alone may have gone to somebody else's process.
    command_has: String,
}

/// The services of one checkout.
#[derive(Debug)]
pub(crate) struct Services<'a> {
    site: &'a Site,
    started: RefCell<Vec<&'static str>>,
}

impl<'a> Services<'a> {
    pub(crate) fn of(site: &'a Site) -> Self {
        Self { site, started: RefCell::default() }
    }

    /// The service, if it runs.
    pub(crate) fn running(&self, name: &str) -> Option<Service> {
        let text = fs::read_to_string(self.pid_file(name).ok()?).ok()?;
        let service: Service = serde_json::from_str(&text).ok()?;
        is_alive(&service).then_some(service)
    }

    /// Starts it in a process group of its own, so that Ctrl-C in this terminal does not reach it.
    pub(crate) fn start(&self, name: &'static str, mut command: Command) -> Result<Child, Trouble> {
        let log = self.log_file(name)?;
        let file = File::create(&log).map_err(Trouble::file(&log))?;
        let errors = file.try_clone().map_err(Trouble::file(&log))?;
        command.stdin(Stdio::null()).stdout(file).stderr(errors).process_group(0);
        let child = command.spawn().map_err(|error| self.did_not_start(name, &error.to_string()))?;
        let pid = child.id().ok_or_else(|| self.did_not_start(name, "it ended at once"))?;
        self.started.borrow_mut().push(name);
        let service = Service { pid, command_has: self.site.root().display().to_string() };
        let text = serde_json::to_string(&service).map_err(|error| Trouble::content(name, error))?;
        write_whole(&self.pid_file(name)?, &text)?;
        Ok(child)
    }

    /// Why it did not start: the last line of its log says more than an exit code.
    pub(crate) fn did_not_start(&self, name: &'static str, otherwise: &str) -> Trouble {
        let log = self.log_file(name).unwrap_or_default();
        let said = fs::read_to_string(&log).unwrap_or_default();
        let last = said.lines().rev().find(|line| !line.trim().is_empty());
        Trouble::DidNotStart { name, reason: last.unwrap_or(otherwise).trim().to_owned(), log }
    }

    /// Stops what this command has started; answers whether that was the stack as a whole.
    pub(crate) async fn stop_started(&self) -> bool {
        let started = self.started.take();
        for name in started.iter().rev() {
            self.stop(name).await;
        }
        started.contains(&ENGINE)
    }

    /// Stops the service with all its children; answers whether it ran.
    pub(crate) async fn stop(&self, name: &str) -> bool {
        let Some(service) = self.running(name) else {
            self.forget(name);
            return false;
        };
        signal("TERM", &service).await;
        let asked = Instant::now();
        while is_alive(&service) && asked.elapsed() < FAREWELL {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // Always: the functions that it ran are in its group and may outlive it.
        signal("KILL", &service).await;
        self.forget(name);
        true
    }

    fn forget(&self, name: &str) {
        if let Ok(path) = self.pid_file(name) {
            // Absent is what we want.
            let _ = fs::remove_file(path);
        }
    }

    pub(crate) fn log_file(&self, name: &str) -> Result<PathBuf, Trouble> {
        self.site.local(&format!("logs/{name}.log"))
    }

    fn pid_file(&self, name: &str) -> Result<PathBuf, Trouble> {
        self.site.local(&format!("pids/{name}.json"))
    }
}

/// Through the shell's own `kill`, which is everywhere, since unsafe code is not.
async fn signal(kind: &str, service: &Service) {
    let group = format!("kill -{kind} -{}", service.pid);
    // A group that has gone already is no error.
    let _ = Command::new("sh").args(["-c", &group]).stderr(Stdio::null()).status().await;
}

fn is_alive(service: &Service) -> bool {
    command_line(service.pid).is_some_and(|line| line.contains(&service.command_has))
}

/// Empty for a zombie, so one counts as gone.
fn command_line(pid: u32) -> Option<String> {
    if let Ok(raw) = fs::read(format!("/proc/{pid}/cmdline")) {
        return Some(String::from_utf8_lossy(&raw).replace('\0', " "));
    }
    if fs::exists("/proc/self").unwrap_or(false) {
        return None;
    }
    let listed = std::process::Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]).output().ok()?;
    Some(String::from_utf8_lossy(&listed.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_that_now_belongs_to_another_program_is_not_our_service() {
        let mine = Service { pid: std::process::id(), command_has: "no program is called this".into() };
        assert!(!is_alive(&mine));
    }

    #[test]
    fn a_process_is_known_by_its_command_line() {
        let program = std::env::current_exe().unwrap().file_stem().unwrap().to_string_lossy().into_owned();
        assert!(is_alive(&Service { pid: std::process::id(), command_has: program }));
    }
}
