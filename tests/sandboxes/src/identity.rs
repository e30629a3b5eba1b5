//! An OIDC issuer for local use: discovery, keys and the client-credentials grant.
//!
//! It stands in for whatever issues the retailer's tokens (Cognito, Entra ID, Auth0): what Crossdock reads of it
//! are the key set and the claims. The shapes are those of OpenID Connect Discovery 1.0, RFC 7517 and RFC 6749 §4.4.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use crate::common::{self, Fault, FrontDesk, RecordedRequest, Vendor, lock};
use crate::keys::{KeyError, SigningKey, random_token};
use crate::{Clock, json};

const TOKEN_LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

/// Everything a caller may be allowed to do.
pub const ALL_SCOPES: [&str; 10] = [
    "orders:write",
    "orders:read",
    "returns:write",
    "checkout:validate",
    "checkout:hold",
    "ops:read",
    "ops:write",
    "inventory:write",
    "inventory:read",
    "catalogue:write",
];

/// Who may ask for tokens, and what the tokens say.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct IdentityConfig {
    /// `iss` of every token and the base of the discovery document's addresses; when served, its own base URL.
    pub issuer: String,
    /// `aud` of every token.
    pub audience: String,
    /// The registered clients.
    pub clients: Vec<Client>,
}

impl Default for IdentityConfig {
    fn default() -> Self {
        Self { issuer: "http://identity.sandbox".to_owned(), audience: "crossdock".to_owned(), clients: Vec::new() }
    }
}

/// A registered client.
#[derive(Clone, Serialize, Deserialize)]
pub struct Client {
    /// Its name; `sub` of its tokens.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// What it may ask for.
    pub scopes: Vec<String>,
    /// The connections it may see and touch; `*` stands for all.
    pub connections: Vec<String>,
}

impl Client {
    /// A client with a secret made at run time, all scopes and all connections.
    #[must_use]
    pub fn with_every_right(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            secret: random_token(),
            scopes: ALL_SCOPES.map(str::to_owned).to_vec(),
            connections: vec!["*".to_owned()],
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Client")
            .field("id", &self.id)
            .field("scopes", &self.scopes)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

/// What a token says.
#[derive(Clone, Debug)]
pub struct Grant<'a> {
    /// `sub`.
    pub subject: &'a str,
    /// `scope`, joined by spaces.
    pub scopes: &'a [&'a str],
    /// `connections`.
    pub connections: &'a [&'a str],
    /// `exp`; a moment in the past makes an expired token.
    pub expires_at: Timestamp,
}

/// The issuer; a cheap handle.
#[derive(Clone)]
pub struct Identity {
    desk: FrontDesk,
    state: Arc<Mutex<Issuer>>,
}

struct Issuer {
    config: IdentityConfig,
    /// The newest signs; the older ones still verify.
    keys: Vec<SigningKey>,
}

impl Identity {
    /// An issuer with a key of its own, made now.
    #[must_use]
    pub fn new(config: IdentityConfig, clock: Clock) -> Self {
        let state = Issuer { config, keys: vec![SigningKey::generate()] };
        Self { desk: FrontDesk::new(clock, &[]), state: Arc::new(Mutex::new(state)) }
    }

    /// Discovery, keys and tokens, with the control routes beside them.
    pub fn router(&self) -> Router {
        common::router(self.clone())
    }

    /// Names the issuer after the address that it is served at.
    pub fn set_issuer(&self, issuer: &str) {
        issuer.clone_into(&mut lock(&self.state).config.issuer);
    }

    /// `iss` of the tokens.
    #[must_use]
    pub fn issuer(&self) -> String {
        lock(&self.state).config.issuer.clone()
    }

    /// `aud` of the tokens.
    #[must_use]
    pub fn audience(&self) -> String {
        lock(&self.state).config.audience.clone()
    }

    /// The key set as published.
    #[must_use]
    pub fn jwks(&self) -> Value {
        let keys: Vec<Value> = lock(&self.state).keys.iter().map(SigningKey::jwk).collect();
        json!({ "keys": keys })
    }

    /// Signs with a new key from now on; tokens of the old one stay valid.
    pub fn rotate_key(&self) {
        lock(&self.state).keys.push(SigningKey::generate());
    }

    /// A token that says this, without asking who wants it.
    ///
    /// # Errors
    /// The key cannot sign.
    pub fn issue(&self, grant: &Grant<'_>) -> Result<String, KeyError> {
        let state = lock(&self.state);
        let key = state.keys.last().cloned().unwrap_or_else(SigningKey::generate);
        key.sign(&json!({
            "iss": state.config.issuer,
            "aud": state.config.audience,
            "sub": grant.subject,
            "client_id": grant.subject,
            "jti": random_token(),
            "iat": self.desk.now().as_second(),
            "exp": grant.expires_at.as_second(),
            "scope": grant.scopes.join(" "),
            "connections": grant.connections,
        }))
    }

    /// Adds a fault.
    pub fn add_fault(&self, fault: Fault) {
        self.desk.add_fault(fault);
    }

    /// What it was asked.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.desk.requests()
    }

    fn answer_token(&self, headers: &HeaderMap, body: &[u8]) -> Result<Value, OAuthRefusal> {
        let form = Form::read(headers, body);
        if form.get("grant_type") != Some("client_credentials") {
            return Err(OAuthRefusal::UnsupportedGrantType);
        }
        let client = self.authenticate(&form)?;
        let scopes = narrowed(form.get("scope"), &client.scopes)?;
        let connections: Vec<&str> = client.connections.iter().map(String::as_str).collect();
        let token = self
            .issue(&Grant {
                subject: &client.id,
                scopes: &scopes,
                connections: &connections,
                expires_at: self.desk.now() + TOKEN_LIFETIME,
            })
            .map_err(|_| OAuthRefusal::ServerError)?;
        Ok(json!({
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": TOKEN_LIFETIME.as_secs(),
            "scope": scopes.join(" "),
        }))
    }

    fn authenticate(&self, form: &Form) -> Result<Client, OAuthRefusal> {
        let id = form.get("client_id").unwrap_or_default();
        let secret = form.get("client_secret").unwrap_or_default();
        let state = lock(&self.state);
        let client = state.config.clients.iter().find(|client| client.id == id).ok_or(OAuthRefusal::InvalidClient)?;
        if bool::from(client.secret.as_bytes().ct_eq(secret.as_bytes())) {
            Ok(client.clone())
        } else {
            Err(OAuthRefusal::InvalidClient)
        }
    }
}

/// The scopes asked for, if all of them are allowed; all that are allowed if none was asked for.
fn narrowed<'a>(asked: Option<&'a str>, allowed: &'a [String]) -> Result<Vec<&'a str>, OAuthRefusal> {
    match asked.map(str::trim).filter(|asked| !asked.is_empty()) {
        None => Ok(allowed.iter().map(String::as_str).collect()),
        Some(asked) => asked
            .split_whitespace()
            .map(|scope| allowed.iter().any(|known| known == scope).then_some(scope).ok_or(OAuthRefusal::InvalidScope))
            .collect(),
    }
}

/// The form of a token request; the client may authenticate by form fields or by Basic.
struct Form(Vec<(String, String)>);

impl Form {
    fn read(headers: &HeaderMap, body: &[u8]) -> Self {
        let mut fields: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
        fields.extend(basic_credentials(headers).unwrap_or_default());
        Self(fields)
    }

    fn get(&self, name: &str) -> Option<&str> {
        let field = self.0.iter().find(|(field, _)| field == name)?;
        Some(&field.1)
    }
}

fn basic_credentials(headers: &HeaderMap) -> Option<Vec<(String, String)>> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let decoded = STANDARD.decode(value.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some(vec![("client_id".to_owned(), id.to_owned()), ("client_secret".to_owned(), secret.to_owned())])
}

#[derive(Clone, Copy, Debug)]
enum OAuthRefusal {
    InvalidClient,
    InvalidScope,
    UnsupportedGrantType,
    ServerError,
}

impl OAuthRefusal {
    fn answer(self) -> Response {
        let (status, code) = match self {
            Self::InvalidClient => (StatusCode::UNAUTHORIZED, "invalid_client"),
            Self::InvalidScope => (StatusCode::BAD_REQUEST, "invalid_scope"),
            Self::UnsupportedGrantType => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
            Self::ServerError => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
        };
        (status, axum::Json(json!({ "error": code }))).into_response()
    }
}

async fn discovery(State(identity): State<Identity>) -> Response {
    let issuer = identity.issuer();
    axum::Json(json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "token_endpoint": format!("{issuer}/token"),
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "scopes_supported": ALL_SCOPES,
    }))
    .into_response()
}

async fn jwks(State(identity): State<Identity>) -> Response {
    let caching = [(header::CACHE_CONTROL, "public, max-age=300")];
    (caching, axum::Json(identity.jwks())).into_response()
}

async fn token(State(identity): State<Identity>, headers: HeaderMap, body: Bytes) -> Response {
    match identity.answer_token(&headers, &body) {
        Ok(answer) => ([(header::CACHE_CONTROL, "no-store")], axum::Json(answer)).into_response(),
        Err(refusal) => refusal.answer(),
    }
}

impl Vendor for Identity {
    fn name(&self) -> &'static str {
        "identity"
    }

    fn front_desk(&self) -> &FrontDesk {
        &self.desk
    }

    fn api(&self) -> Router {
        Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/.well-known/jwks.json", get(jwks))
            .route("/token", post(token))
            .fallback(|| async { StatusCode::NOT_FOUND })
            .with_state(self.clone())
    }

    fn error(&self, status: u16, _variant: Option<&str>) -> Response {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let code = if status.is_server_error() { "server_error" } else { "invalid_request" };
        (status, axum::Json(json!({ "error": code }))).into_response()
    }

    /// A key set without keys, a token that no key signed.
    fn wrong_answer(&self, answer: http::Response<Bytes>) -> http::Response<Bytes> {
        let (parts, body) = answer.into_parts();
        let wrong = match json::parse(&body) {
            Some(value) if value.get("keys").is_some() => json!({ "keys": [] }),
            Some(mut value) => {
                if let Some(token) = value.get_mut("access_token") {
                    *token = Value::String("e30.e30.c2lnbmVkIGJ5IG5vYm9keQ".to_owned());
                }
                value
            }
            None => Value::Null,
        };
        let mut headers = parts.headers;
        headers.remove(header::CONTENT_LENGTH);
        let mut response = http::Response::new(Bytes::from(wrong.to_string()));
        *response.status_mut() = parts.status;
        *response.headers_mut() = headers;
        response
    }

    fn documents(&self) -> Value {
        let state = lock(&self.state);
        let clients: Vec<Value> = state
            .config
            .clients
            .iter()
            .map(|client| json!({ "id": client.id, "scopes": client.scopes, "connections": client.connections }))
            .collect();
        let kids: Vec<&str> = state.keys.iter().map(SigningKey::kid).collect();
        json!({ "clients": clients, "keys": kids })
    }

    fn act(&self, action: Value) -> Result<Value, String> {
        match action.get("action").and_then(Value::as_str) {
            Some("rotate_key") => {
                self.rotate_key();
                Ok(self.jwks())
            }
            _ => Err("unknown action: the issuer knows `rotate_key`".to_owned()),
        }
    }

    fn reset(&self) {}
}
