//! The browser that looks at the console's pages in tests: Chromium, what drives it, and what finds barriers in pages.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};

use crate::aws::{accepted, http};
use crate::ports;
use crate::report::Report;
use crate::services::{BROWSER, Services};
use crate::site::{Site, write_whole};
use crate::toolbox::run;
use crate::trouble::Trouble;

/// What is needed, by the names that it has, and the packages of Debian that have it.
const PROGRAMS: [(&[&str], &str); 3] = [
    (&["chromium", "chromium-browser", "google-chrome"], "chromium"),
    (&[BROWSER], "chromium-driver"),
    (&["npm"], "npm"),
];
/// Finds barriers for people who use a keyboard or a screen reader.
const AXE: &str = "axe-core@4.14.1";
const PATIENCE: Duration = Duration::from_secs(30);
/// Under `.local/`.
const ABOUT: &str = "browser.json";

/// What drives a browser, as long as it runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Browser {
    /// Where it takes commands (W3C `WebDriver`).
    webdriver: String,
    /// The script that finds barriers.
    axe: String,
}

impl Browser {
    /// As it was started.
    pub(crate) fn read(site: &Site) -> Result<Self, Trouble> {
        let place = site.local(ABOUT)?;
        let text = fs::read_to_string(&place).map_err(Trouble::file(&place))?;
        serde_json::from_str(&text).map_err(|error| Trouble::content(ABOUT, error))
    }

    /// What tests are told.
    pub(crate) fn environment(&self) -> BTreeMap<&'static str, &str> {
        BTreeMap::from([("CROSSDOCK_WEBDRIVER", self.webdriver.as_str()), ("CROSSDOCK_AXE", self.axe.as_str())])
    }
}

/// Installs whatever is not there.
pub(crate) async fn install(site: &Site, report: &Report) -> Result<(), Trouble> {
    let missing = missing();
    if !missing.is_empty() {
        let phase = report.phase(format!("Installing {}", missing.join(", ")));
        phase.during(install_packages(&missing)).await?;
        phase.done("");
    }
    if installed_axe(site)?.is_none_or(|version| !AXE.ends_with(&format!("@{version}"))) {
        let phase = report.phase("Installing axe-core");
        let mut npm = Command::new("npm");
        npm.args([
            "install",
            "--no-save",
            "--no-package-lock",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--prefix",
        ]);
        npm.arg(site.local("browser/.")?).arg(AXE);
        phase.during(run("npm install", &mut npm)).await?;
        phase.done("");
    }
    Ok(())
}

fn missing() -> Vec<&'static str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    let is_there = |program: &&str| folders.iter().any(|folder| folder.join(program).is_file());
    PROGRAMS.iter().filter(|(names, _)| !names.iter().any(&is_there)).map(|(_, package)| *package).collect()
}

async fn install_packages(packages: &[&'static str]) -> Result<(), Trouble> {
    let refused = |why: String| Trouble::NoBrowser { packages: packages.join(" "), why };
    let mut who = Command::new("id");
    let user = run("id", who.arg("-u")).await?;
    if user.trim() != "0" {
        return Err(refused("only root installs packages".to_owned()));
    }
    for arguments in [vec!["update"], [vec!["install", "--yes", "--no-install-recommends"], packages.to_vec()].concat()]
    {
        let mut apt = Command::new("apt-get");
        apt.arg("--quiet").args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        run("apt-get", &mut apt).await.map_err(|trouble| refused(trouble.to_string()))?;
    }
    Ok(())
}

/// The version that is there.
fn installed_axe(site: &Site) -> Result<Option<String>, Trouble> {
    let manifest = site.local("browser/node_modules/axe-core/package.json")?;
    let Ok(text) = fs::read_to_string(manifest) else { return Ok(None) };
    let manifest: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| Trouble::content("axe-core's package.json", error))?;
    Ok(manifest["version"].as_str().map(str::to_owned))
}

/// What drives the browser that runs, or a new one.
pub(crate) async fn ensure(site: &Site, services: &Services<'_>) -> Result<Browser, Trouble> {
    if services.running(BROWSER).is_some() {
        return Browser::read(site);
    }
    let port = ports::choose(None)?;
    let log = site.local("logs/browser.log")?;
    let mut command = Command::new(BROWSER);
    // The path of the log also says whose process it is.
    command.arg(format!("--port={port}")).arg(format!("--log-path={}", log.display()));
    let mut child = services.start(BROWSER, command)?;
    let browser = Browser {
        webdriver: format!("http://127.0.0.1:{port}"),
        axe: site.local("browser/node_modules/axe-core/axe.min.js")?.display().to_string(),
    };
    until_ready(&mut child, &browser, services).await?;
    let text = serde_json::to_string(&browser).map_err(|error| Trouble::content(ABOUT, error))?;
    write_whole(&site.local(ABOUT)?, &text)?;
    Ok(browser)
}

async fn until_ready(child: &mut Child, browser: &Browser, services: &Services<'_>) -> Result<(), Trouble> {
    let (http, url, began) = (http()?, format!("{}/status", browser.webdriver), Instant::now());
    while began.elapsed() < PATIENCE {
        if accepted(http.get(&url)).await.is_ok() {
            return Ok(());
        }
        if child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return Err(services.did_not_start(BROWSER, "it ended without a word"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(services.did_not_start(BROWSER, "it was not ready after 30 s"))
}

/// Stops it, and every browser that it has started.
pub(crate) async fn stop(site: &Site, services: &Services<'_>) -> bool {
    let ran = services.running(BROWSER).is_some();
    if let (Ok(browser), Ok(http)) = (Browser::read(site), http()) {
        // It ends its browsers, which are in groups of their own; what does not answer is killed below.
        let _ = accepted(http.get(format!("{}/shutdown", browser.webdriver))).await;
    }
    // Absent is what we want.
    let _ = site.local(ABOUT).map(fs::remove_file);
    services.stop(BROWSER).await || ran
}
