//! Connections: their settings, and whether they may be called right now.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crossdock_connectors::Outside;
use crossdock_domain::event::FailureClass;
use crossdock_domain::ids::ConnectionId;
use crossdock_domain::settings::ChannelSettings;
use crossdock_log::{ConnectionRecord, Connections, Pause};
use crossdock_step::api::{Caller, Problem};
use crossdock_step::outbound::{Http, Traced};
use crossdock_step::{Clock, Failure, Secrets};
use jiff::{SignedDuration, Timestamp};

use crate::commit::store_failure;

/// Settings and pauses are at most this old.
const LIFETIME: SignedDuration = SignedDuration::from_secs(5);

/// So many failures in a row mean that a connection is down.
const STREAK: u32 = 5;

/// The connections of this environment, read rarely and remembered shortly.
pub struct Directory {
    connections: Arc<dyn Connections>,
    clock: Clock,
    known: Mutex<HashMap<ConnectionId, (Timestamp, Arc<ConnectionRecord>)>>,
    streaks: Mutex<HashMap<ConnectionId, u32>>,
}

impl Directory {
    /// A directory over the connections table.
    #[must_use]
    pub fn new(connections: Arc<dyn Connections>, clock: Clock) -> Self {
        Self { connections, clock, known: Mutex::default(), streaks: Mutex::default() }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A connection, if it is configured.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn find(&self, connection: &ConnectionId) -> Result<Option<Arc<ConnectionRecord>>, Failure> {
        // What such a connection reserved could not be told from what is held for buyers.
        if connection.is_ours() {
            return Ok(None);
        }
        let now = self.clock.now();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(connection).cloned();
        if let Some((read_at, record)) = &known
            && now.duration_since(*read_at) < LIFETIME
        {
            return Ok(Some(record.clone()));
        }
        let record = match (self.connections.connection(connection).await, known) {
            (Ok(Some(record)), _) => record,
            (Ok(None), _) => return Ok(None),
            // Old settings are better than none: checkout goes on answering while the store is away.
            (Err(error), Some((_, record))) => {
                tracing::warn!(%error, %connection, "the settings are old");
                return Ok(Some(record));
            }
            (Err(error), None) => return Err(store_failure(error)),
        };
        let record = Arc::new(record);
        let entry = (now, record.clone());
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(connection.clone(), entry);
        Ok(Some(record))
    }

    /// A connection that has to be configured.
    ///
    /// # Errors
    /// It is not, or the store does not answer.
    pub async fn get(&self, connection: &ConnectionId) -> Result<Arc<ConnectionRecord>, Failure> {
        self.find(connection).await?.ok_or_else(|| {
            Failure::permanent(
                FailureClass::Connection,
                format!("{connection} is not configured: add it to the connections"),
            )
        })
    }

    /// The settings of a connection that takes orders; `None` where it does not exist or takes none.
    ///
    /// # Errors
    /// The settings cannot be understood, or the store does not answer.
    pub async fn channel(&self, connection: &ConnectionId) -> Result<Option<ChannelSettings>, Failure> {
        let Some(record) = self.find(connection).await? else { return Ok(None) };
        let Some(channel) = record.settings.get("channel") else { return Ok(None) };
        serde_json::from_value(channel.clone()).map(Some).map_err(|error| {
            Failure::permanent(
                FailureClass::Connection,
                format!("the settings of {connection} cannot be understood: {error}"),
            )
        })
    }

    /// The settings of the channel that a caller names; one that it does not reach is not told from one that is not there.
    ///
    /// # Errors
    /// 404 where there is none for the caller, 503 where they cannot be read.
    pub async fn channel_for(&self, caller: &Caller, connection: &ConnectionId) -> Result<ChannelSettings, Problem> {
        let unknown = || Problem::not_found("connection");
        if !caller.reaches(connection.as_str()) {
            return Err(unknown());
        }
        self.channel(connection).await.map_err(Problem::unavailable_because)?.ok_or_else(unknown)
    }

    /// What a connector is built from.
    ///
    /// # Errors
    /// The connection is not configured, or the store does not answer.
    pub async fn outside(&self, connection: &ConnectionId, with: &Calls) -> Result<Outside, Failure> {
        let record = self.get(connection).await?;
        Ok(Outside {
            connection: connection.to_string(),
            settings: record.settings.clone(),
            http: with.http.clone(),
            secrets: with.secrets.clone(),
            clock: self.clock.clone(),
        })
    }

    /// # Errors
    /// [`Failure::Paused`] while the connection is to be left alone.
    pub async fn check(&self, connection: &ConnectionId) -> Result<(), Failure> {
        let record = self.get(connection).await?;
        match record.paused(self.clock.now()) {
            Some(until) => Err(Failure::Paused {
                connection: connection.to_string(),
                since: record.paused_since.unwrap_or(self.clock.now()),
                until,
                lane: 0,
                reason: record.paused_reason.clone().unwrap_or_default(),
            }),
            None => Ok(()),
        }
    }

    /// Takes note of how a call to a connection went. A pause that the other side asked for is shared with everybody;
    /// a row of failures is taken for an outage. Gives back what follows: the same failure, or a pause.
    pub async fn note(&self, connection: &ConnectionId, failure: Failure) -> Failure {
        let now = self.clock.now();
        let failure = match (failure, self.lengthen(connection)) {
            (Failure::Retry { reason, .. }, streak) if streak >= STREAK => {
                let wait = SignedDuration::from_secs(2_i64.pow((streak - STREAK).min(7) + 1));
                Failure::paused(connection.as_str(), (now, wait), reason)
            }
            (other, _) => other,
        };
        if let Failure::Paused { until, reason, .. } = &failure {
            let pause = Pause { now, until: *until, reason: reason.clone() };
            if let Err(error) = self.connections.pause(connection, &pause).await {
                tracing::warn!(%error, %connection, "the pause could not be shared");
            }
            self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(connection);
        }
        failure
    }

    fn lengthen(&self, connection: &ConnectionId) -> u32 {
        let mut streaks = self.streaks.lock().unwrap_or_else(PoisonError::into_inner);
        let streak = streaks.entry(connection.clone()).or_default();
        *streak += 1;
        *streak
    }

    /// Takes note of how a call went, and passes it on.
    ///
    /// # Errors
    /// The failure, as [`Directory::note`] makes it.
    pub async fn went<T>(&self, connection: &ConnectionId, outcome: Result<T, Failure>) -> Result<T, Failure> {
        match outcome {
            Ok(answer) => {
                self.went_well(connection);
                Ok(answer)
            }
            Err(failure) => Err(self.note(connection, failure).await),
        }
    }

    /// Takes note of a call that went well.
    pub fn went_well(&self, connection: &ConnectionId) {
        self.streaks.lock().unwrap_or_else(PoisonError::into_inner).remove(connection);
    }
}

/// Connectors that are kept between tasks: tokens, a vendor's pauses and known customers live in them, so a new one
/// for every task would sign in for every task. New settings make a new one.
pub struct Connectors<T: ?Sized> {
    build: fn(Outside) -> Result<Box<T>, Failure>,
    kept: Mutex<HashMap<String, (serde_json::Value, Arc<T>)>>,
}

impl<T: ?Sized> Connectors<T> {
    /// Connectors that are built in this way.
    #[must_use]
    pub fn new(build: fn(Outside) -> Result<Box<T>, Failure>) -> Self {
        Self { build, kept: Mutex::default() }
    }

    /// The connector of a connection.
    ///
    /// # Errors
    /// The settings do not make one.
    pub fn get(&self, outside: Outside) -> Result<Arc<T>, Failure> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((settings, connector)) = kept.get(&outside.connection)
            && *settings == outside.settings
        {
            return Ok(connector.clone());
        }
        let (connection, settings) = (outside.connection.clone(), outside.settings.clone());
        let connector: Arc<T> = (self.build)(outside)?.into();
        kept.insert(connection, (settings, connector.clone()));
        Ok(connector)
    }
}

/// What outside calls are made with.
#[derive(Clone)]
pub struct Calls {
    http: Arc<dyn Http>,
    /// Where secrets are.
    pub secrets: Arc<dyn Secrets>,
}

impl Calls {
    /// Calls through this client, each of which carries what is being followed.
    #[must_use]
    pub fn new(http: Arc<dyn Http>, secrets: Arc<dyn Secrets>) -> Self {
        Self { http: Arc::new(Traced::new(http)), secrets }
    }

    /// The client.
    #[must_use]
    pub fn http(&self) -> Arc<dyn Http> {
        self.http.clone()
    }
}
