//! What the functions' `main.rs` build from the Lambda environment.

use std::sync::Arc;
use std::time::Duration;

use crossdock_log::{Dynamo, Tables};
use crossdock_step::aws::{Environment, EventBridgeBus, SecretsManager, SqsQueue, variable};
use crossdock_step::outbound::Outbound;
use crossdock_step::{Bus, Clock, Queue, Secrets, telemetry};

use crossdock_domain::ConnectionId;

use crate::{
    Calls, Directory, HoldKeeper, Intake, Keeping, Recorder, Runner, Step, StepFunction, StockKeeper, Undelivered,
    Unmapped,
};

/// The longest that an outside system may take to answer: less than any function's time-out, so that a call that
/// hangs is seen as in doubt by us and not as our own death.
const OUTSIDE_TIMEOUT: Duration = Duration::from_secs(10);

/// The clients of one environment.
pub struct Wiring {
    aws: Environment,
    /// The store.
    pub store: Arc<Dynamo>,
    /// The time.
    pub clock: Clock,
}

impl Wiring {
    /// Starts telemetry and reads what the template has set.
    ///
    /// # Errors
    /// A variable is missing.
    pub fn from_lambda() -> Result<Self, String> {
        telemetry::start(variable("RUST_LOG").ok().as_deref());
        let aws = Environment::from_lambda()?;
        let store = Arc::new(Dynamo::new(aws.dynamodb(), Tables::named(|name| variable(name).ok())));
        Ok(Self { aws, store, clock: Clock::system() })
    }

    /// Reads and appends orders.
    #[must_use]
    pub fn recorder(&self) -> Recorder {
        Recorder::new(self.store.clone(), self.clock.clone())
    }

    /// Records documents of stock.
    #[must_use]
    pub fn stock_keeper(&self) -> StockKeeper {
        StockKeeper::new(self.store.clone(), self.store.clone(), self.clock.clone())
    }

    /// What waits for a SKU to be known.
    #[must_use]
    pub fn unmapped(&self) -> Unmapped {
        Unmapped {
            recorder: self.recorder(),
            keeper: self.stock_keeper(),
            directory: self.directory(),
            connections: self.store.clone(),
            views: self.store.clone(),
            items: self.store.clone(),
        }
    }

    /// Takes deliveries in.
    #[must_use]
    pub fn intake(&self) -> Intake {
        Intake { recorder: self.recorder(), directory: self.directory(), items: self.store.clone() }
    }

    /// Keeps what is personal in deliveries, and they themselves for the days that `ARCHIVE_DAYS` says.
    ///
    /// # Errors
    /// The variable is missing, or is no number of days.
    pub fn keeping(&self) -> Result<Keeping, String> {
        let days: i64 = variable("ARCHIVE_DAYS")?.parse().map_err(|error| format!("ARCHIVE_DAYS: {error}"))?;
        let kept_for = jiff::SignedDuration::from_hours(days.saturating_mul(24));
        Ok(Keeping { people: self.store.clone(), archive: self.store.clone(), kept_for })
    }

    /// Keeps deliveries that nobody could understand.
    #[must_use]
    pub fn undelivered(&self) -> Undelivered {
        Undelivered { people: self.store.clone(), views: self.store.clone(), clock: self.clock.clone() }
    }

    /// Makes and ends holds on stock.
    #[must_use]
    pub fn hold_keeper(&self) -> HoldKeeper {
        HoldKeeper::new(self.store.clone(), self.store.clone(), self.clock.clone())
    }

    /// The connection that a variable names.
    ///
    /// # Errors
    /// The variable is missing, or names none.
    pub fn connection(&self, name: &str) -> Result<ConnectionId, String> {
        variable(name)?.parse().map_err(|error| format!("{name}: {error}"))
    }

    /// The connections.
    #[must_use]
    pub fn directory(&self) -> Arc<Directory> {
        Arc::new(Directory::new(self.store.clone(), self.clock.clone()))
    }

    /// The queue whose URL a variable holds.
    ///
    /// # Errors
    /// The variable is missing.
    pub fn queue(&self, name: &str) -> Result<Arc<dyn Queue>, String> {
        Ok(Arc::new(SqsQueue { client: self.aws.sqs(), url: variable(name)? }))
    }

    /// The bus.
    ///
    /// # Errors
    /// `BUS_NAME` is missing.
    pub fn bus(&self) -> Result<Arc<dyn Bus>, String> {
        Ok(Arc::new(EventBridgeBus { client: self.aws.eventbridge(), name: variable("BUS_NAME")? }))
    }

    /// The secrets.
    ///
    /// # Errors
    /// `SECRETS_PREFIX` is missing.
    pub fn secrets(&self) -> Result<Arc<dyn Secrets>, String> {
        Ok(Arc::new(SecretsManager::new(self.aws.secretsmanager(), variable("SECRETS_PREFIX")?)))
    }

    /// How outside calls are made.
    ///
    /// # Errors
    /// `SECRETS_PREFIX` is missing, or TLS cannot be set up.
    pub fn calls(&self) -> Result<Calls, String> {
        let http = Outbound::new(OUTSIDE_TIMEOUT).map_err(|error| error.to_string())?;
        Ok(Calls::new(Arc::new(http), self.secrets()?))
    }

    /// A function behind a queue.
    ///
    /// # Errors
    /// `OWN_QUEUE_URL` is missing.
    pub fn step_function(
        &self,
        actor: &'static str,
        directory: Arc<Directory>,
        step: impl Step + 'static,
    ) -> Result<StepFunction, String> {
        let runner = Runner::new(self.recorder(), directory, self.store.clone(), actor);
        Ok(StepFunction { runner, step: Box::new(step), queue: self.queue("OWN_QUEUE_URL")?, documents: None })
    }
}
