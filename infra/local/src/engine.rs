//! Starts MiniStack, the local AWS.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use crate::aws::{Aws, http};
use crate::ports;
use crate::services::{ENGINE, Services};
use crate::site::{Site, write_whole};
use crate::toolbox;
use crate::trouble::Trouble;

/// Orders of the demo are British; so is the region.
pub(crate) const REGION: &str = "eu-west-2";
const PATIENCE: Duration = Duration::from_secs(30);

/// The local AWS that runs, or one that is started now.
pub(crate) async fn ensure(site: &Site, services: &Services<'_>) -> Result<Aws, Trouble> {
    let place = site.local("engine.json")?;
    if services.running(ENGINE).is_some() {
        let text = fs::read_to_string(&place).map_err(Trouble::file(&place))?;
        return serde_json::from_str(&text).map_err(|error| Trouble::content(place.display().to_string(), error));
    }
    let port = ports::choose(env::var("CROSSDOCK_PORT").ok().as_deref())?;
    let aws = Aws { endpoint: format!("http://127.0.0.1:{port}"), region: REGION.to_owned() };
    let scratch = empty_scratch(site)?;
    let python = toolbox::ENGINE.program(site, "python")?;
    let mut child = services.start(ENGINE, command(site, &python, &aws, &scratch))?;
    until_ready(&mut child, &aws, services).await?;
    let text = serde_json::to_string(&aws).map_err(|error| Trouble::content("engine.json", error))?;
    write_whole(&place, &text)?;
    Ok(aws)
}

/// Code that it unpacked in an earlier run is never used again.
fn empty_scratch(site: &Site) -> Result<PathBuf, Trouble> {
    let scratch = site.local("scratch")?;
    if scratch.exists() {
        fs::remove_dir_all(&scratch).map_err(Trouble::file(&scratch))?;
    }
    fs::create_dir_all(&scratch).map_err(Trouble::file(&scratch))?;
    Ok(scratch)
}

/// With a clean environment: functions inherit the engine's, and a developer's shell is none of their business.
fn command(site: &Site, python: &Path, aws: &Aws, scratch: &Path) -> Command {
    let port = aws.endpoint.rsplit(':').next().unwrap_or_default();
    let mut command = Command::new(python);
    command.args(["-m", "ministack"]).current_dir(scratch).env_clear();
    if let Some(path) = env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
        .env("BIND_HOST", "127.0.0.1")
        .env("MINISTACK_HOST", "127.0.0.1")
        .env("GATEWAY_PORT", port)
        .env("MINISTACK_REGION", &aws.region)
        .env("AWS_REGION", &aws.region)
        .env("AWS_DEFAULT_REGION", &aws.region)
        .env("AWS_ENDPOINT_URL", &aws.endpoint)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("LOG_LEVEL", "WARNING")
        .env("PYTHONPATH", site.path("infra/local/engine"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("HOME", scratch)
        .env("TMPDIR", scratch);
    command
}

async fn until_ready(child: &mut Child, aws: &Aws, services: &Services<'_>) -> Result<(), Trouble> {
    let (http, url, began) = (http()?, format!("{}/_ministack/ready", aws.endpoint), Instant::now());
    while began.elapsed() < PATIENCE {
        if http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(());
        }
        if child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return Err(services.did_not_start(ENGINE, "it ended without a word"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(services.did_not_start(ENGINE, "it was not ready after 30 s"))
}
