//! Whose a token is: an OIDC JWT is checked against its issuer's keys. The authorizer in front of the API and the console
//! behind it take the same tokens, for the same things.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use crossdock_step::api::Caller;
use crossdock_step::aws::variable;
use crossdock_step::outbound::{Http, Outbound};
use crossdock_step::{Clock, Failure};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

/// Algorithms that a token may be signed by: asymmetric ones only, so that a public key is never taken for a secret.
const ALGORITHMS: [Algorithm; 4] = [Algorithm::ES256, Algorithm::RS256, Algorithm::PS256, Algorithm::EdDSA];

/// Keys are fetched again after this time, and when a token names one that is not known, but never more often than
/// the shorter one.
const KEYS_LIFETIME: SignedDuration = SignedDuration::from_mins(10);
const KEYS_PAUSE: SignedDuration = SignedDuration::from_secs(10);

/// The issuer may take so long to answer.
const KEYS_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(3);

/// An identity provider.
pub struct Issuer {
    /// The HTTP client for its keys.
    pub http: Arc<dyn Http>,
    /// Where its keys are.
    pub jwks_url: String,
    /// The `iss` of its tokens.
    pub issuer: String,
    /// The `aud` that they have to carry.
    pub audience: String,
    /// The time.
    pub clock: Clock,
    /// Its keys by id, with the time when they were fetched.
    pub keys: Keys,
}

/// The issuer's keys as last fetched. An issuer that is down does not lock anybody out while its keys are known.
#[derive(Default)]
pub struct Keys(Mutex<Option<(Timestamp, HashMap<String, DecodingKey>)>>);

/// What a token says.
#[derive(Debug, Clone, Deserialize)]
pub struct Claims {
    /// Whose it is.
    pub sub: String,
    /// Scopes, with spaces between them.
    #[serde(default)]
    pub scope: String,
    /// Connections that it reaches; `*` is all.
    #[serde(default)]
    pub connections: Vec<String>,
}

impl Claims {
    /// The caller.
    #[must_use]
    pub fn caller(&self) -> Caller {
        Caller::new(&self.sub, &self.scope, &self.connections.join(","))
    }
}

impl Issuer {
    /// What a token says, if it is one of the issuer's for us, and of now.
    ///
    /// # Errors
    /// Why it is not taken; nothing of the token is in it.
    pub async fn claims(&self, token: &str) -> Result<Claims, String> {
        let header = decode_header(token).map_err(|error| error.to_string())?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(format!("{:?} is not accepted", header.alg));
        }
        let key = self.key(&header.kid.ok_or("the token names no key")?).await?;
        let mut validation = Validation::new(header.alg);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = 30;
        decode::<Claims>(token, &key, &validation).map(|token| token.claims).map_err(|error| error.to_string())
    }

    async fn key(&self, kid: &str) -> Result<DecodingKey, String> {
        let now = self.clock.now();
        let (age, known) = {
            let keys = self.keys.0.lock().unwrap_or_else(PoisonError::into_inner);
            let age = keys.as_ref().map(|(fetched_at, _)| now.duration_since(*fetched_at));
            (age, keys.as_ref().and_then(|(_, keys)| keys.get(kid).cloned()))
        };
        let fresh_enough = age.is_some_and(|age| age < if known.is_some() { KEYS_LIFETIME } else { KEYS_PAUSE });
        if !fresh_enough {
            match self.fetch().await {
                Ok(keys) => {
                    let found = keys.get(kid).cloned();
                    *self.keys.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, keys));
                    return found.ok_or_else(|| "the token's key is not the issuer's".into());
                }
                Err(failure) => {
                    tracing::error!(%failure, "the issuer's keys cannot be fetched");
                    // Not asked again at once: callers must not wait for an issuer that hangs, one after the other.
                    let mut keys = self.keys.0.lock().unwrap_or_else(PoisonError::into_inner);
                    let old = keys.take().map_or_else(HashMap::new, |(_, old)| old);
                    *keys = Some((now, old));
                }
            }
        }
        known.ok_or_else(|| "the token's key is not known".into())
    }

    async fn fetch(&self) -> Result<HashMap<String, DecodingKey>, Failure> {
        let request = http::Request::get(&self.jwks_url).body(Bytes::new());
        let request = request.map_err(|error| Failure::retry(error.to_string()))?;
        let answer = self.http.send(request).await?;
        let set: JwkSet = serde_json::from_slice(answer.body()).map_err(|error| Failure::retry(error.to_string()))?;
        let usable =
            |jwk: &jsonwebtoken::jwk::Jwk| Some((jwk.common.key_id.clone()?, DecodingKey::from_jwk(jwk).ok()?));
        Ok(set.keys.iter().filter_map(usable).collect())
    }
}

impl Issuer {
    /// The identity provider that the template's variables name.
    ///
    /// # Errors
    /// A variable is missing, or TLS cannot be set up.
    pub fn from_lambda() -> Result<Self, String> {
        Ok(Self {
            http: Arc::new(Outbound::new(KEYS_TIMEOUT).map_err(|error| error.to_string())?),
            jwks_url: variable("JWKS_URL")?,
            issuer: variable("TOKEN_ISSUER")?,
            audience: variable("TOKEN_AUDIENCE")?,
            clock: Clock::system(),
            keys: Keys::default(),
        })
    }
}
