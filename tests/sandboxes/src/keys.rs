//! Signing keys made at run time: nothing that signs is ever checked in.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::SecretKey;
use p256::elliptic_curve::rand_core::{OsRng, RngCore};
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// An elliptic-curve key (P-256) that signs ES256 tokens.
#[derive(Clone)]
pub struct SigningKey {
    secret: SecretKey,
    kid: String,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// A key that could not be written in the form asked for.
#[derive(Debug, thiserror::Error)]
#[error("the signing key could not be encoded or used: {0}")]
pub struct KeyError(String);

impl SigningKey {
    /// A new key from the machine's randomness.
    #[must_use]
    pub fn generate() -> Self {
        let secret = SecretKey::random(&mut OsRng);
        let point = secret.public_key().to_encoded_point(false);
        let digest = Sha256::digest(point.as_bytes());
        let kid = URL_SAFE_NO_PAD.encode(digest).chars().take(16).collect();
        Self { secret, kid }
    }

    /// Names the key in token headers: the start of its fingerprint.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The private key as PKCS#8 PEM, for whoever signs with it.
    ///
    /// # Errors
    /// The key cannot be encoded.
    pub fn private_pem(&self) -> Result<String, KeyError> {
        self.secret.to_pkcs8_pem(LineEnding::LF).map(|pem| pem.to_string()).map_err(|error| KeyError(error.to_string()))
    }

    /// The public key as PEM, for whoever verifies.
    ///
    /// # Errors
    /// The key cannot be encoded.
    pub fn public_pem(&self) -> Result<String, KeyError> {
        self.secret.public_key().to_public_key_pem(LineEnding::LF).map_err(|error| KeyError(error.to_string()))
    }

    /// The public key as a JSON Web Key.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let point = self.secret.public_key().to_encoded_point(false);
        let coordinate =
            |bytes: Option<&p256::FieldBytes>| bytes.map(|bytes| URL_SAFE_NO_PAD.encode(bytes)).unwrap_or_default();
        json!({
            "kty": "EC",
            "crv": "P-256",
            "use": "sig",
            "alg": "ES256",
            "kid": self.kid,
            "x": coordinate(point.x()),
            "y": coordinate(point.y()),
        })
    }

    /// Signs claims as an ES256 token whose header names this key.
    ///
    /// # Errors
    /// The key cannot be encoded or the claims are no JSON.
    pub fn sign(&self, claims: &Value) -> Result<String, KeyError> {
        let secret = self.secret.to_pkcs8_der().map_err(|error| KeyError(error.to_string()))?;
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::ES256);
        header.kid = Some(self.kid.clone());
        let key = jsonwebtoken::EncodingKey::from_ec_der(secret.as_bytes());
        jsonwebtoken::encode(&header, claims, &key).map_err(|error| KeyError(error.to_string()))
    }
}

/// A token nobody can guess, of 43 letters.
pub(crate) fn random_token() -> String {
    let mut bytes = [0_u8; 32];
    OsRng.fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}
