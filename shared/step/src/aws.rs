//! The AWS implementations of the ports, configured from the Lambda environment without the default credential chain:
//! the environment has everything, and probing for more costs a cold start dearly.

use std::collections::HashMap;
use std::env;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use jiff::SignedDuration;

use crate::Failure;
use crate::ports::{Bus, BusEntry, Queue, Secret, Secrets};

/// A variable that the template sets.
///
/// # Errors
/// It is not set.
pub fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("{name} is not set; the template sets it for every function"))
}

/// What all SDK clients share.
#[derive(Debug, Clone)]
pub struct Environment {
    region: String,
    credentials: Credentials,
    endpoint: Option<String>,
    http: aws_sdk_dynamodb::config::SharedHttpClient,
}

macro_rules! client {
    ($(#[$doc:meta])* $name:ident, $sdk:ident) => {
        $(#[$doc])*
        #[must_use]
        pub fn $name(&self) -> $sdk::Client {
            let timeouts = $sdk::config::timeout::TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(2))
                .operation_attempt_timeout(Duration::from_secs(5))
                .build();
            let mut config = $sdk::Config::builder()
                // Pinned: retries and time-outs are ours to state, not a default's to change.
                .behavior_version($sdk::config::BehaviorVersion::v2026_01_12())
                .region($sdk::config::Region::new(self.region.clone()))
                .credentials_provider(self.credentials.clone())
                .http_client(self.http.clone())
                .timeout_config(timeouts)
                .retry_config($sdk::config::retry::RetryConfig::standard().with_max_attempts(3));
            if let Some(endpoint) = &self.endpoint {
                config = config.endpoint_url(endpoint);
            }
            $sdk::Client::from_conf(config.build())
        }
    };
}

impl Environment {
    /// Reads region, credentials and an optional endpoint, as Lambda provides them.
    ///
    /// # Errors
    /// A variable is missing.
    pub fn from_lambda() -> Result<Self, String> {
        let credentials = Credentials::new(
            variable("AWS_ACCESS_KEY_ID")?,
            variable("AWS_SECRET_ACCESS_KEY")?,
            env::var("AWS_SESSION_TOKEN").ok(),
            None,
            "lambda",
        );
        let http =
            aws_smithy_http_client::Builder::new().tls_provider(tls::Provider::Rustls(CryptoMode::Ring)).build_https();
        let region = variable("AWS_REGION").or_else(|_| variable("AWS_DEFAULT_REGION"))?;
        Ok(Self { region, credentials, endpoint: env::var("AWS_ENDPOINT_URL").ok(), http })
    }

    client!(
        /// DynamoDB.
        dynamodb, aws_sdk_dynamodb
    );
    client!(
        /// SQS.
        sqs, aws_sdk_sqs
    );
    client!(
        /// EventBridge.
        eventbridge, aws_sdk_eventbridge
    );
    client!(
        /// Secrets Manager.
        secretsmanager, aws_sdk_secretsmanager
    );
}

/// A queue on SQS.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    /// The client.
    pub client: aws_sdk_sqs::Client,
    /// The queue's URL.
    pub url: String,
}

/// Whole seconds of a delay, within what SQS takes.
fn seconds(delay: SignedDuration, most: i64) -> i32 {
    let rounded_up = delay.as_secs() + i64::from(delay.subsec_nanos() > 0);
    i32::try_from(rounded_up.clamp(0, most)).unwrap_or(0)
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, body: String, delay: SignedDuration) -> Result<(), Failure> {
        let sent =
            self.client.send_message().queue_url(&self.url).message_body(body).delay_seconds(seconds(delay, 900));
        sent.send().await.map(|_| ()).map_err(|error| failed("SendMessage", &error.into_service_error()))
    }

    async fn hide(&self, receipt: &str, delay: SignedDuration) -> Result<(), Failure> {
        let change = self.client.change_message_visibility().queue_url(&self.url).receipt_handle(receipt);
        let hidden = change.visibility_timeout(seconds(delay, 43_200)).send().await;
        hidden.map(|_| ()).map_err(|error| failed("ChangeMessageVisibility", &error.into_service_error()))
    }
}

fn failed(operation: &str, error: &(dyn std::error::Error + 'static)) -> Failure {
    let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
    Failure::retry(format!("{operation} failed: {error}{cause}"))
}

/// The bus on EventBridge.
#[derive(Debug, Clone)]
pub struct EventBridgeBus {
    /// The client.
    pub client: aws_sdk_eventbridge::Client,
    /// The bus's name.
    pub name: String,
}

/// PutEvents takes at most so many entries a call.
const ENTRIES_PER_CALL: usize = 10;

#[async_trait]
impl Bus for EventBridgeBus {
    async fn put(&self, entries: Vec<BusEntry>) -> Result<(), Failure> {
        for chunk in entries.chunks(ENTRIES_PER_CALL) {
            let entries = chunk.iter().map(|entry| self.entry(entry)).collect();
            let answer = self.client.put_events().set_entries(Some(entries)).send().await;
            let answer = answer.map_err(|error| failed("PutEvents", &error.into_service_error()))?;
            // "200" is not success: each entry has its own fate.
            if answer.failed_entry_count() > 0 {
                let code = answer.entries().iter().find_map(|e| e.error_code()).unwrap_or("unknown").to_owned();
                return Err(Failure::retry(format!("{} events were not taken: {code}", answer.failed_entry_count())));
            }
        }
        Ok(())
    }
}

impl EventBridgeBus {
    fn entry(&self, entry: &BusEntry) -> PutEventsRequestEntry {
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(&entry.source)
            .detail_type(&entry.detail_type)
            .detail(entry.detail.to_string())
            .time(aws_sdk_eventbridge::primitives::DateTime::from_millis(entry.at.as_millisecond()))
            .build()
    }
}

/// Secrets in Secrets Manager, cached for five minutes: a rotated-out secret has to stay valid at least that long.
#[derive(Debug)]
pub struct SecretsManager {
    client: aws_sdk_secretsmanager::Client,
    prefix: String,
    cache: Mutex<HashMap<String, (Instant, Secret)>>,
}

const SECRET_LIFETIME: Duration = Duration::from_secs(300);

impl SecretsManager {
    /// Secrets named `<prefix>/<connection>`.
    #[must_use]
    pub fn new(client: aws_sdk_secretsmanager::Client, prefix: String) -> Self {
        Self { client, prefix, cache: Mutex::default() }
    }
}

#[async_trait]
impl Secrets for SecretsManager {
    async fn secret(&self, connection: &str) -> Result<Secret, Failure> {
        let cached = self.cache.lock().unwrap_or_else(PoisonError::into_inner).get(connection).cloned();
        match cached {
            Some((read_at, secret)) if read_at.elapsed() < SECRET_LIFETIME => Ok(secret),
            Some(_) | None => self.fresh_secret(connection).await,
        }
    }

    async fn fresh_secret(&self, connection: &str) -> Result<Secret, Failure> {
        let id = format!("{}/{connection}", self.prefix);
        let answer = self.client.get_secret_value().secret_id(&id).send().await;
        let answer = answer.map_err(|error| failed("GetSecretValue", &error.into_service_error()))?;
        let content = answer.secret_string().and_then(|text| serde_json::from_str(text).ok());
        let content = content.ok_or_else(|| Failure::retry(format!("the secret {id} is not a JSON object yet")))?;
        let secret = Secret::new(content);
        let entry = (Instant::now(), secret.clone());
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).insert(connection.to_owned(), entry);
        Ok(secret)
    }
}

/// When Lambda ends an invocation.
#[must_use]
pub fn deadline(context: &lambda_runtime::Context) -> jiff::Timestamp {
    let milliseconds = i64::try_from(context.deadline).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(milliseconds).unwrap_or(jiff::Timestamp::MAX)
}
