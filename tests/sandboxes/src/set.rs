//! All sandboxes of the local stack in one call.
//!
//! ```no_run
//! # async fn example() -> Result<(), crossdock_sandboxes::StartError> {
//! use crossdock_sandboxes::{SandboxOptions, start};
//!
//! let set = start(SandboxOptions::fresh()).await?; // free ports, secrets made now
//! let urls = set.base_urls();                      // { "netsuite": "http://127.0.0.1:…", … }
//! let secrets = set.secrets();                     // what Crossdock must know, per connection
//! set.send_webhooks("shopify-uk", "http://127.0.0.1:4566/…/v1/webhooks/shopify-uk");
//! # Ok(()) }
//! ```
//! The servers stop when the set is dropped.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{Outbox, Running, Vendor, launch};
use crate::identity::{Client, Identity, IdentityConfig};
use crate::keys::{KeyError, SigningKey, random_token};
use crate::netsuite::{Certificate, NetSuite, NetSuiteConfig};
use crate::shipbob::{ShipBob, ShipBobConfig};
use crate::shopify::{Shopify, ShopifyConfig};
use crate::{Clock, system_clock};

/// The connection that the Shopify sandbox stands for.
pub const SHOPIFY: &str = "shopify-uk";
/// The connection that the ShipBob sandbox stands for.
pub const SHIPBOB: &str = "shipbob";
/// The connection that the NetSuite sandbox stands for.
pub const NETSUITE: &str = "netsuite";
/// The identity provider; no connection, but a sandbox like the others.
pub const IDENTITY: &str = "identity";

/// How long a request that times out is held, unless told otherwise.
const HANG: Duration = Duration::from_secs(15);

/// Ports of 127.0.0.1; 0 takes a free one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ports {
    /// Shopify.
    pub shopify: u16,
    /// ShipBob.
    pub shipbob: u16,
    /// NetSuite.
    pub netsuite: u16,
    /// The identity provider.
    pub identity: u16,
}

/// What the sandboxes start with.
#[derive(Clone)]
pub struct SandboxOptions {
    /// Where they listen.
    pub ports: Ports,
    /// The shop.
    pub shopify: ShopifyConfig,
    /// The 3PL.
    pub shipbob: ShipBobConfig,
    /// The ERP. A certificate for the connection is added at the start.
    pub netsuite: NetSuiteConfig,
    /// The issuer. A client with every right is added at the start.
    pub identity: IdentityConfig,
    /// How long a request that a fault lets time out is held before its connection is closed.
    pub hang: Duration,
    /// What time it is.
    pub clock: Clock,
}

impl SandboxOptions {
    /// Free ports, the local defaults, and tokens and webhook secrets made now. Orders are numbered by the clock,
    /// so that sandboxes which start anew beside a log that remembers do not sell the same order twice.
    #[must_use]
    pub fn fresh() -> Self {
        use base64::Engine;
        let now = jiff::Timestamp::now();
        let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
        let webhook_key = base64::engine::general_purpose::STANDARD.encode(random_token());
        Self {
            ports: Ports::default(),
            shopify: ShopifyConfig {
                access_token: format!("shpat_{}", random_token()),
                client_secret: format!("shpss_{}", random_token()),
                first_order_id: 820_000_000_000_000_000 + millis,
                ..ShopifyConfig::default()
            },
            shipbob: ShipBobConfig {
                token: random_token(),
                webhook_secret: format!("whsec_{webhook_key}"),
                first_order_id: millis / 1000,
                ..ShipBobConfig::default()
            },
            netsuite: NetSuiteConfig::default(),
            identity: IdentityConfig::default(),
            hang: HANG,
            clock: system_clock(),
        }
    }
}

/// Why the sandboxes did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port is taken.
    #[error("a sandbox could not start: {0}; free the port or choose another")]
    Port(#[from] io::Error),
    /// A signing key could not be made.
    #[error("a sandbox could not start: {0}")]
    Key(#[from] KeyError),
}

/// The sandboxes while they are served.
pub struct SandboxSet {
    /// The shop.
    pub shopify: Shopify,
    /// The 3PL.
    pub shipbob: ShipBob,
    /// The ERP.
    pub netsuite: NetSuite,
    /// The issuer.
    pub identity: Identity,
    running: BTreeMap<&'static str, Running>,
    secrets: BTreeMap<String, Value>,
    caller: Client,
}

/// Starts all sandboxes.
///
/// # Errors
/// A port is taken.
pub async fn start(options: SandboxOptions) -> Result<SandboxSet, StartError> {
    let key = SigningKey::generate();
    let certificate =
        Certificate { kid: key.kid().to_owned(), client_id: random_token(), public_key_pem: key.public_pem()? };
    let caller = Client::with_every_right("local-operator");
    let secrets = secrets(&options, &certificate, &key.private_pem()?);
    let mut identity = options.identity;
    identity.clients.push(caller.clone());
    let mut set = SandboxSet {
        shopify: Shopify::new(options.shopify, options.clock.clone()),
        shipbob: ShipBob::new(options.shipbob, options.clock.clone()),
        netsuite: NetSuite::new(options.netsuite.with_certificate(certificate), options.clock.clone()),
        identity: Identity::new(identity, options.clock),
        running: BTreeMap::new(),
        secrets,
        caller,
    };
    set.listen(options.ports, options.hang).await?;
    Ok(set)
}

/// What Crossdock keeps in Secrets Manager, per connection.
fn secrets(options: &SandboxOptions, certificate: &Certificate, private_key: &str) -> BTreeMap<String, Value> {
    let shopify = json!({
        "access_token": options.shopify.access_token,
        "webhook_secrets": [options.shopify.client_secret],
    });
    let shipbob = json!({
        "token": options.shipbob.token,
        "webhook_secrets": [options.shipbob.webhook_secret],
    });
    let netsuite = json!({
        "client_id": certificate.client_id,
        "certificate_id": certificate.kid,
        "private_key": private_key,
    });
    [(SHOPIFY, shopify), (SHIPBOB, shipbob), (NETSUITE, netsuite)]
        .map(|(connection, secret)| (connection.to_owned(), secret))
        .into()
}

impl SandboxSet {
    async fn listen(&mut self, ports: Ports, hang: Duration) -> io::Result<()> {
        self.serve(SHOPIFY, self.shopify.clone(), (ports.shopify, hang)).await?;
        self.serve(SHIPBOB, self.shipbob.clone(), (ports.shipbob, hang)).await?;
        self.serve(NETSUITE, self.netsuite.clone(), (ports.netsuite, hang)).await?;
        self.serve(IDENTITY, self.identity.clone(), (ports.identity, hang)).await?;
        self.netsuite.set_base_url(self.base_url(NETSUITE));
        self.identity.set_issuer(self.base_url(IDENTITY));
        Ok(())
    }

    async fn serve<V: Vendor>(&mut self, name: &'static str, vendor: V, at: (u16, Duration)) -> io::Result<()> {
        let (port, hang) = at;
        vendor.front_desk().hang_for(hang);
        self.running.insert(name, launch(vendor, port).await?);
        Ok(())
    }

    fn base_url(&self, name: &str) -> &str {
        self.running.get(name).map_or("", Running::base_url)
    }

    /// Where each sandbox is served, by `shopify-uk`, `shipbob`, `netsuite` and `identity`.
    #[must_use]
    pub fn base_urls(&self) -> BTreeMap<String, String> {
        self.running.iter().map(|(name, running)| ((*name).to_owned(), running.base_url().to_owned())).collect()
    }

    /// The secret of each connection, as Crossdock's connectors read it.
    #[must_use]
    pub fn secrets(&self) -> &BTreeMap<String, Value> {
        &self.secrets
    }

    /// What a connection signs its webhooks with; none for those that send none.
    #[must_use]
    pub fn webhook_secret(&self, connection: &str) -> Option<&str> {
        self.secrets.get(connection)?.get("webhook_secrets")?.get(0)?.as_str()
    }

    /// The client that may do everything: the local stack calls itself as this.
    #[must_use]
    pub fn caller(&self) -> &Client {
        &self.caller
    }

    /// Says where a connection's webhooks go; what waited is sent now.
    pub fn send_webhooks(&self, connection: &str, url: &str) {
        if let Some(outbox) = self.outbox(connection) {
            outbox.send_to(Some(url.to_owned()), 1);
        }
    }

    fn outbox(&self, connection: &str) -> Option<&Outbox> {
        match connection {
            SHOPIFY => Some(self.shopify.front_desk().outbox()),
            SHIPBOB => Some(self.shipbob.front_desk().outbox()),
            _ => None,
        }
    }
}
