//! The vendor sandboxes: one process that serves them all, and what the launcher needs to know about them.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use crossdock_sandboxes::shopify::AdminSchema;
use crossdock_sandboxes::{SandboxOptions, start};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::aws::{accepted, http, read_json};
use crate::services::{SANDBOXES, Services};
use crate::site::{Site, write_whole};
use crate::trouble::Trouble;

/// Under `.local/`.
const ABOUT: &str = "sandboxes.json";
const PATIENCE: Duration = Duration::from_secs(30);

/// What the process tells about itself, in `.local/sandboxes.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Sandboxes {
    /// Base URLs.
    pub(crate) urls: BTreeMap<String, String>,
    /// What Crossdock must know to speak to each vendor: made at run time, kept in Secrets Manager.
    pub(crate) secrets: BTreeMap<String, Value>,
    pub(crate) issuer: String,
    pub(crate) audience: String,
    caller: Caller,
}

/// The client of the identity provider that the local stack calls itself as.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Caller {
    id: String,
    secret: String,
}

/// The sandboxes that run, or new ones.
pub(crate) async fn ensure(site: &Site, services: &Services<'_>) -> Result<Sandboxes, Trouble> {
    let place = site.local(ABOUT)?;
    if services.running(SANDBOXES).is_none() {
        // Of an earlier process.
        let _ = fs::remove_file(&place);
        let program = std::env::current_exe().map_err(Trouble::file("cargo local"))?;
        let mut command = Command::new(program);
        command.arg("sandboxes").arg("--root").arg(site.root());
        let mut child = services.start(SANDBOXES, command)?;
        until_written(&mut child, &place, services).await?;
    }
    let text = fs::read_to_string(&place).map_err(Trouble::file(&place))?;
    serde_json::from_str(&text).map_err(|error| Trouble::content(ABOUT, error))
}

async fn until_written(child: &mut Child, place: &std::path::Path, services: &Services<'_>) -> Result<(), Trouble> {
    let began = Instant::now();
    while !place.exists() {
        if child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return Err(services.did_not_start(SANDBOXES, "it ended without a word"));
        }
        if began.elapsed() > PATIENCE {
            return Err(services.did_not_start(SANDBOXES, "it was not ready after 30 s"));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// A bearer token with every right, good for hours.
pub(crate) async fn token(sandboxes: &Sandboxes) -> Result<String, Trouble> {
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        sandboxes.caller.id, sandboxes.caller.secret
    );
    let request = http()?
        .post(format!("{}/token", sandboxes.issuer))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    let answer = read_json(accepted(request).await?).await?;
    let token = answer["access_token"].as_str();
    token.map(str::to_owned).ok_or_else(|| Trouble::content("the token answer", "it has no access_token"))
}

impl Sandboxes {
    /// What a vendor signs its webhooks with; none for those that send none.
    pub(crate) fn webhook_secret(&self, connection: &str) -> Option<&str> {
        self.secrets.get(connection)?.get("webhook_secrets")?.get(0)?.as_str()
    }
}

/// What the template is told about this stack.
pub(crate) fn parameters(sandboxes: &Sandboxes) -> BTreeMap<&'static str, String> {
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    [
        ("Local", "true"),
        ("KeepData", "false"),
        ("AccessLogs", "off"),
        ("Architecture", architecture),
        ("JwksUrl", &format!("{}/.well-known/jwks.json", sandboxes.issuer)),
        ("TokenIssuer", &sandboxes.issuer),
        ("TokenAudience", &sandboxes.audience),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

/// Serves until it is stopped.
pub(crate) async fn serve(site: &Site) -> Result<(), Trouble> {
    let failed = |error: &dyn std::error::Error| Trouble::Failed("the sandboxes", error.to_string());
    let mut options = SandboxOptions::fresh();
    if let Some(path) = std::env::var_os("CROSSDOCK_SHOPIFY_SCHEMA") {
        let schema = AdminSchema::load(path.as_ref()).map_err(|error| failed(&error))?;
        options.shopify.schema = Some(schema);
    }
    let set = start(options).await.map_err(|error| failed(&error))?;
    let caller = set.caller();
    let about = Sandboxes {
        urls: set.base_urls(),
        secrets: set.secrets().clone(),
        issuer: set.identity.issuer(),
        audience: set.identity.audience(),
        caller: Caller { id: caller.id.clone(), secret: caller.secret.clone() },
    };
    let text = serde_json::to_string(&about).map_err(|error| Trouble::content(ABOUT, error))?;
    write_whole(&site.local(ABOUT)?, &text)?;
    std::future::pending().await
}
