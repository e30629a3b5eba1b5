//! Who calls: a bearer token (OIDC JWT) is checked against the issuer's keys; its scopes and connections become the
//! context of the request. API Gateway itself checks the API key and its usage plan.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lambda_events::apigw::{
    ApiGatewayCustomAuthorizerPolicy, ApiGatewayCustomAuthorizerRequestTypeRequest, ApiGatewayCustomAuthorizerResponse,
};
use aws_lambda_events::iam::{IamPolicyEffect, IamPolicyStatement};
use bytes::Bytes;
use crossdock_step::outbound::Http;
use crossdock_step::{Clock, Failure};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::{Value, json};

/// Algorithms that a token may be signed by: asymmetric ones only, so that a public key is never taken for a secret.
const ALGORITHMS: [Algorithm; 4] = [Algorithm::ES256, Algorithm::RS256, Algorithm::PS256, Algorithm::EdDSA];

/// Keys are fetched again after this time, and when a token names one that is not known, but never more often than
/// the shorter one.
const KEYS_LIFETIME: SignedDuration = SignedDuration::from_mins(10);
const KEYS_PAUSE: SignedDuration = SignedDuration::from_secs(10);

/// The function.
pub struct AuthorizeCaller {
    /// The HTTP client for the issuer's keys.
    pub http: Arc<dyn Http>,
    /// Where the keys are.
    pub jwks_url: String,
    /// Who issues tokens.
    pub issuer: String,
    /// For whom they are meant.
    pub audience: String,
    /// The time.
    pub clock: Clock,
    /// Keys by id, with the time when they were fetched.
    pub keys: Keys,
}

/// The issuer's keys as last fetched. An issuer that is down does not lock anybody out while its keys are known.
#[derive(Default)]
pub struct Keys(Mutex<Option<(Timestamp, HashMap<String, DecodingKey>)>>);

#[derive(Debug, Deserialize)]
struct Claims {
    sub: String,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    connections: Vec<String>,
}

impl AuthorizeCaller {
    /// Handles one request: a policy for this API with the caller in its context, or no one.
    ///
    /// # Errors
    /// `Unauthorized`, which API Gateway answers with 401.
    pub async fn handle(
        &self,
        event: ApiGatewayCustomAuthorizerRequestTypeRequest,
    ) -> Result<ApiGatewayCustomAuthorizerResponse<Value>, &'static str> {
        let header = event.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let token = header.strip_prefix("Bearer ").or_else(|| header.strip_prefix("bearer ")).ok_or("Unauthorized")?;
        match self.claims(token).await {
            Ok(claims) => {
                tracing::info!(caller = claims.sub, "authorized");
                Ok(allow(claims, event.method_arn.as_deref().unwrap_or_default()))
            }
            Err(reason) => {
                tracing::warn!(%reason, "not authorized");
                Err("Unauthorized")
            }
        }
    }

    async fn claims(&self, token: &str) -> Result<Claims, String> {
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

/// A policy for every route of this API and stage: the answer is cached for other routes, too, so what a caller may
/// do is decided again in each function, from the context.
fn allow(claims: Claims, method_arn: &str) -> ApiGatewayCustomAuthorizerResponse<Value> {
    let stage: String = method_arn.splitn(3, '/').take(2).collect::<Vec<_>>().join("/");
    let mut statement = IamPolicyStatement::default();
    statement.action = vec!["execute-api:Invoke".into()];
    statement.effect = IamPolicyEffect::Allow;
    statement.resource = vec![format!("{stage}/*")];
    let mut policy = ApiGatewayCustomAuthorizerPolicy::default();
    policy.version = Some("2012-10-17".into());
    policy.statement = vec![statement];
    let mut response = ApiGatewayCustomAuthorizerResponse::default();
    response.context = json!({
        "caller": claims.sub,
        "scopes": claims.scope,
        "connections": claims.connections.join(","),
    });
    response.principal_id = Some(claims.sub);
    response.policy_document = policy;
    response
}
