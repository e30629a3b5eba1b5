//! OAuth 2.0 machine to machine: a client assertion, signed with the certificate's key, buys a token for an hour.

use bytes::Bytes;
use crossdock_domain::event::FailureClass;
use crossdock_step::{Failure, Secret};
use http::{Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use serde_json::Value;

use crate::{Outside, address};

use super::translate;

/// Path of the token service.
const TOKEN_PATH: &str = "/services/rest/auth/oauth2/v1/token";
/// How long an assertion is valid: used at once, so short; NetSuite allows up to an hour.
const ASSERTION_S: i64 = 300;
/// How long before its end a token is no longer used: longer than any call may take.
const SPARE: SignedDuration = SignedDuration::from_secs(60);
/// How long a secret that was refused is not tried again: hammering would lock the integration out.
const HOLD_OFF: SignedDuration = SignedDuration::from_secs(60);

/// The signed-in state of one connection.
#[derive(Default)]
pub struct Login {
    token: Option<Token>,
    refused: Option<(Secret, Timestamp)>,
}

struct Token {
    text: String,
    until: Timestamp,
    secret: Secret,
}

/// What came of asking for a token.
enum Answer {
    Token(Token),
    Refused,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: [&'static str; 1],
    aud: &'a str,
    iat: i64,
    exp: i64,
}

impl Login {
    /// A token that will last for the next call.
    pub async fn token(&mut self, outside: &Outside, base_url: &str) -> Result<String, Failure> {
        let now = outside.clock.now();
        if let Some(token) = self.token.as_ref().filter(|token| now < token.until) {
            return Ok(token.text.clone());
        }
        let cached = outside.secrets.secret(&outside.connection).await?;
        match self.ask(outside, base_url, cached.clone()).await? {
            Answer::Token(token) => Ok(self.keep(token)),
            Answer::Refused => {
                // The secret may be five minutes old and rotated since.
                let fresh = outside.secrets.fresh_secret(&outside.connection).await?;
                if fresh == cached {
                    return Err(refused(&outside.connection));
                }
                self.renewed(outside, base_url, fresh).await
            }
        }
    }

    /// Another token after the API refused this one: bought once with the secret as it is now.
    pub async fn token_instead_of(&mut self, old: &str, outside: &Outside, base_url: &str) -> Result<String, Failure> {
        match self.token.take().filter(|token| token.text != old) {
            Some(newer) => Ok(self.keep(newer)),
            None => {
                let fresh = outside.secrets.fresh_secret(&outside.connection).await?;
                self.renewed(outside, base_url, fresh).await
            }
        }
    }

    /// The API refused even a token that was just bought: nothing is tried with this secret for a while.
    pub fn give_up(&mut self, refused: &str, now: Timestamp) {
        if let Some(token) = self.token.take_if(|token| token.text == refused) {
            self.refused = Some((token.secret, now));
        }
    }

    async fn renewed(&mut self, outside: &Outside, base_url: &str, secret: Secret) -> Result<String, Failure> {
        match self.ask(outside, base_url, secret).await? {
            Answer::Token(token) => Ok(self.keep(token)),
            Answer::Refused => Err(refused(&outside.connection)),
        }
    }

    fn keep(&mut self, token: Token) -> String {
        let text = token.text.clone();
        self.token = Some(token);
        text
    }

    async fn ask(&mut self, outside: &Outside, base_url: &str, secret: Secret) -> Result<Answer, Failure> {
        let now = outside.clock.now();
        let is_hopeless = |refused: &(Secret, Timestamp)| {
            let (content, at) = refused;
            *content == secret && now.duration_since(*at) < HOLD_OFF
        };
        if self.refused.as_ref().is_some_and(is_hopeless) {
            return Ok(Answer::Refused);
        }
        let request = token_request(outside, base_url, &secret)?;
        let answer = outside.http.send(request).await?;
        let (text, seconds) = match answer.status() {
            StatusCode::OK => granted(&outside.connection, &answer)?,
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
                if !translate::is_overload(&answer) =>
            {
                self.refused = Some((secret, now));
                return Ok(Answer::Refused);
            }
            _ => return Err(translate::refusal(&translate::Asked::login(&outside.connection, now), &answer)),
        };
        self.refused = None;
        let lifetime = SignedDuration::from_secs(seconds.clamp(0, 3600)) - SPARE;
        Ok(Answer::Token(Token { text, until: now.saturating_add(lifetime).unwrap_or(now), secret }))
    }
}

fn refused(connection: &str) -> Failure {
    let what = "NetSuite does not sign us in: compare client_id, certificate_id and private_key of its secret with the \
        OAuth 2.0 Client Credentials page, and see the Login Audit Trail";
    address::misconfigured(connection, what)
}

fn granted(connection: &str, answer: &Response<Bytes>) -> Result<(String, i64), Failure> {
    let said: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let token = said.get("access_token").and_then(Value::as_str).filter(|token| !token.is_empty());
    let seconds = said.get("expires_in").and_then(|value| match value.as_str() {
        Some(text) => text.parse().ok(),
        None => value.as_i64(),
    });
    match (token, seconds) {
        (Some(token), Some(seconds)) => Ok((token.to_owned(), seconds)),
        _ => {
            let reason = format!("the token service of {connection} gave something that is no token: check base_url");
            Err(Failure::permanent(FailureClass::Parse, reason))
        }
    }
}

fn token_request(outside: &Outside, base_url: &str, secret: &Secret) -> Result<Request<Bytes>, Failure> {
    let misconfigured = |what: &str| address::misconfigured(&outside.connection, what);
    let url = format!("{base_url}{TOKEN_PATH}");
    let assertion = assertion(&url, secret, outside.clock.now()).map_err(|what| misconfigured(&what))?;
    // A JWT is made of letters, digits, - _ and . only: nothing in this form needs escaping but the colons.
    let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
    let form = format!("grant_type=client_credentials&client_assertion_type={kind}&client_assertion={assertion}");
    Request::post(&url)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "application/json")
        .body(form.into())
        .map_err(|_| misconfigured("base_url holds characters that HTTP does not allow"))
}

/// The signed client assertion. RS256 is refused by NetSuite, so an RSA key signs by PSS.
fn assertion(audience: &str, secret: &Secret, now: Timestamp) -> Result<String, String> {
    let field = |name: &str| secret.text(name).ok_or_else(|| format!("its secret has no {name:?}"));
    // Editors of secrets like to turn line ends into two characters.
    let pem = field("private_key")?.replace("\\n", "\n");
    let iat = now.as_second();
    let claims =
        Claims { iss: field("client_id")?, scope: ["rest_webservices"], aud: audience, iat, exp: iat + ASSERTION_S };
    let kid = field("certificate_id")?;
    let keys = [
        (Algorithm::ES256, EncodingKey::from_ec_pem(pem.as_bytes())),
        (Algorithm::ES384, EncodingKey::from_ec_pem(pem.as_bytes())),
        (Algorithm::PS256, EncodingKey::from_rsa_pem(pem.as_bytes())),
    ];
    let signed = keys.into_iter().find_map(|(algorithm, key)| {
        let header = Header { kid: Some(kid.to_owned()), ..Header::new(algorithm) };
        jsonwebtoken::encode(&header, &claims, &key.ok()?).ok()
    });
    signed.ok_or_else(|| {
        "private_key of its secret is no usable key: it must be PKCS#8 PEM of EC P-256, P-384 or RSA \
         (openssl pkcs8 -topk8 -nocrypt)"
            .to_owned()
    })
}
