//! OAuth 2.0 client credentials with a certificate: the machine-to-machine flow.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Value, json};

use super::books::Books;
use super::config::Certificate;
use crate::keys::random_token;

pub(super) const TOKEN_PATH: &str = "/services/rest/auth/oauth2/v1/token";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const LIFETIME: Duration = Duration::from_secs(60 * 60);
/// Clocks differ; the real service does not say by how much it lets them.
const SKEW_SECONDS: i64 = 60;

/// An OAuth error (RFC 6749 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenRefusal {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    UnsupportedGrantType,
}

impl IntoResponse for TokenRefusal {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::InvalidRequest => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::InvalidClient => (StatusCode::UNAUTHORIZED, "invalid_client"),
            Self::InvalidGrant => (StatusCode::BAD_REQUEST, "invalid_grant"),
            Self::UnsupportedGrantType => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
        };
        (status, axum::Json(json!({ "error": error }))).into_response()
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    scope: Scope,
    iat: i64,
    exp: i64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Scope {
    Joined(String),
    Many(Vec<String>),
}

/// Answers a token request.
pub(super) fn grant(books: &mut Books, form: &[u8], now: Timestamp) -> Result<Value, TokenRefusal> {
    let field = |wanted: &str| {
        form_urlencoded::parse(form).find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    };
    if field("grant_type").as_deref() != Some("client_credentials") {
        return Err(TokenRefusal::UnsupportedGrantType);
    }
    if field("client_assertion_type").as_deref() != Some(ASSERTION_TYPE) {
        return Err(TokenRefusal::InvalidRequest);
    }
    let assertion = field("client_assertion").ok_or(TokenRefusal::InvalidRequest)?;
    let (claims, certificate) = verified(books, &assertion)?;
    accept(books, &claims, &certificate, now)?;
    let token = random_token();
    books.tokens.insert(token.clone(), now + LIFETIME);
    // A string, as the real service sends it.
    Ok(json!({ "access_token": token, "expires_in": LIFETIME.as_secs().to_string(), "token_type": "bearer" }))
}

fn verified(books: &Books, assertion: &str) -> Result<(Claims, Certificate), TokenRefusal> {
    let header = jsonwebtoken::decode_header(assertion).map_err(|_| TokenRefusal::InvalidGrant)?;
    let certificate = books
        .config
        .certificates
        .iter()
        .find(|certificate| Some(&certificate.kid) == header.kid.as_ref())
        .ok_or(TokenRefusal::InvalidGrant)?;
    let key = key_for(header.alg, &certificate.public_key_pem)?;
    let mut validation = Validation::new(header.alg);
    // Checked below against the sandbox's own clock and addresses.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    jsonwebtoken::decode::<Claims>(assertion, &key, &validation)
        .map(|token| (token.claims, certificate.clone()))
        .map_err(|_| TokenRefusal::InvalidGrant)
}

/// RS256 and its kin are refused, as the documentation says.
fn key_for(algorithm: Algorithm, pem: &str) -> Result<DecodingKey, TokenRefusal> {
    let key = if matches!(algorithm, Algorithm::PS256 | Algorithm::PS384 | Algorithm::PS512) {
        DecodingKey::from_rsa_pem(pem.as_bytes())
    } else if matches!(algorithm, Algorithm::ES256 | Algorithm::ES384) {
        DecodingKey::from_ec_pem(pem.as_bytes())
    } else {
        return Err(TokenRefusal::InvalidGrant);
    };
    key.map_err(|_| TokenRefusal::InvalidGrant)
}

fn accept(books: &Books, claims: &Claims, certificate: &Certificate, now: Timestamp) -> Result<(), TokenRefusal> {
    if claims.iss != certificate.client_id {
        return Err(TokenRefusal::InvalidClient);
    }
    let addresses = [books.config.base(), books.config.own_host()].map(|base| format!("{base}{TOKEN_PATH}"));
    let for_us = match &claims.aud {
        Audience::One(audience) => addresses.contains(audience),
        Audience::Many(audiences) => audiences.iter().any(|audience| addresses.contains(audience)),
    };
    let in_scope = match &claims.scope {
        Scope::Joined(scopes) => scopes.split([' ', ',']).any(|scope| scope == "rest_webservices"),
        Scope::Many(scopes) => scopes.iter().any(|scope| scope == "rest_webservices"),
    };
    let now = now.as_second();
    let longest = i64::try_from(LIFETIME.as_secs()).unwrap_or(i64::MAX);
    let in_time = claims.exp > now && claims.iat <= now + SKEW_SECONDS && claims.exp - claims.iat <= longest;
    if for_us && in_scope && in_time { Ok(()) } else { Err(TokenRefusal::InvalidGrant) }
}

/// Whether the header carries a token that was issued and has not expired.
pub(super) fn is_signed_in(books: &Books, authorization: Option<&str>, now: Timestamp) -> bool {
    authorization
        .and_then(|value| value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("bearer ")))
        .and_then(|token| books.tokens.get(token))
        .is_some_and(|expires_at| *expires_at > now)
}
