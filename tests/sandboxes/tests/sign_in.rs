//! Who gets a token: NetSuite's certificate flow and the identity provider.
#![expect(clippy::unwrap_used, reason = "a test stops where something is not as it must be")]

mod support;

use axum::body::Body;
use crossdock_sandboxes::identity::{Client, Grant};
use crossdock_sandboxes::netsuite::Certificate;
use crossdock_sandboxes::{Identity, IdentityConfig, NetSuite, NetSuiteConfig, SigningKey};
use http::Request;
use serde_json::{Value, json};
use support::{Answer, RECORDS, Watch, call};

const TOKEN_PATH: &str = "/services/rest/auth/oauth2/v1/token";
const AUDIENCE: &str = "https://1234567-sb1.suitetalk.api.netsuite.com/services/rest/auth/oauth2/v1/token";

struct Account {
    netsuite: NetSuite,
    key: SigningKey,
    watch: Watch,
}

impl Account {
    fn new() -> Self {
        let watch = Watch::at("2026-11-20T10:00:00Z");
        let key = SigningKey::generate();
        let certificate = Certificate {
            kid: key.kid().to_owned(),
            client_id: "integration".to_owned(),
            public_key_pem: key.public_pem().unwrap(),
        };
        let config = NetSuiteConfig::default().with_certificate(certificate);
        Self { netsuite: NetSuite::new(config, watch.clock()), key, watch }
    }

    fn claims(&self) -> Value {
        let now = self.watch.second();
        json!({ "iss": "integration", "scope": ["rest_webservices"], "aud": AUDIENCE, "iat": now, "exp": now + 300 })
    }

    async fn ask(&self, assertion: &str) -> Answer {
        let form = format!(
            "grant_type=client_credentials&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3A\
             jwt-bearer&client_assertion={assertion}"
        );
        self.send(form).await
    }

    async fn send(&self, form: String) -> Answer {
        let request = Request::post(TOKEN_PATH)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form))
            .unwrap();
        call(&self.netsuite.router(), request).await
    }

    async fn read_with(&self, token: &str) -> Answer {
        let request = Request::get(format!("{RECORDS}/salesOrder/1"))
            .header("authorization", format!("Bearer {token}"))
            .body(Body::empty())
            .unwrap();
        call(&self.netsuite.router(), request).await
    }
}

#[tokio::test]
async fn a_signed_assertion_buys_a_token_for_an_hour() {
    let account = Account::new();
    let answer = account.ask(&account.key.sign(&account.claims()).unwrap()).await;
    assert_eq!((answer.status, &answer.body["expires_in"]), (200, &json!("3600")));
    let token = answer.body["access_token"].as_str().unwrap();
    assert_eq!(account.read_with(token).await.status, 404, "signed in; there is no such order");
    account.watch.advance(3601);
    let late = account.read_with(token).await;
    assert_eq!((late.status, late.refusal().1.as_str()), (401, "INVALID_LOGIN"));
    assert_eq!(account.read_with("nothing").await.status, 401);
}

#[tokio::test]
async fn an_assertion_that_says_something_wrong_is_refused() {
    let account = Account::new();
    let now = account.watch.second();
    for (claim, value, status, error) in [
        ("iss", json!("somebody"), 401, "invalid_client"),
        ("aud", json!("https://other.example/token"), 400, "invalid_grant"),
        ("scope", json!(["restlets"]), 400, "invalid_grant"),
        ("exp", json!(now + 3601), 400, "invalid_grant"),
        ("exp", json!(now), 400, "invalid_grant"),
        ("iat", json!(now + 600), 400, "invalid_grant"),
    ] {
        let mut claims = account.claims();
        claims[claim] = value;
        let answer = account.ask(&account.key.sign(&claims).unwrap()).await;
        assert_eq!((answer.status, &answer.body["error"]), (status, &json!(error)), "{claim}");
    }
}

#[tokio::test]
async fn an_assertion_of_another_key_or_algorithm_is_refused() {
    let account = Account::new();
    let stranger = SigningKey::generate().sign(&account.claims()).unwrap();
    assert_eq!(account.ask(&stranger).await.body, json!({ "error": "invalid_grant" }));
    // A known certificate id over a signature that is not its own.
    let ours = account.key.sign(&account.claims()).unwrap();
    let forged = format!("{}.{}", ours.rsplit_once('.').unwrap().0, stranger.rsplit_once('.').unwrap().1);
    assert_eq!(account.ask(&forged).await.status, 400);
    for algorithm in ["RS256", "HS256", "none"] {
        use base64::Engine;
        let header = json!({ "alg": algorithm, "kid": account.key.kid(), "typ": "JWT" }).to_string();
        let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(header);
        let other = format!("{header}.{}", ours.split_once('.').unwrap().1);
        assert_eq!(account.ask(&other).await.status, 400, "{algorithm}");
    }
}

#[tokio::test]
async fn an_rsa_certificate_signs_by_pss_and_only_so() {
    use rsa::pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding};
    let mut account = Account::new();
    // Small, because it is made anew on every run; the real service wants 3072 bits.
    let key = rsa::RsaPrivateKey::new(&mut p256::elliptic_curve::rand_core::OsRng, 1024).unwrap();
    let certificate = Certificate {
        kid: "rsa".to_owned(),
        client_id: "integration".to_owned(),
        public_key_pem: key.to_public_key().to_public_key_pem(LineEnding::LF).unwrap(),
    };
    let config = NetSuiteConfig::default().with_certificate(certificate);
    account.netsuite = NetSuite::new(config, account.watch.clock());
    let pem = key.to_pkcs8_pem(LineEnding::LF).unwrap();
    let pem = jsonwebtoken::EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
    for (algorithm, status) in [(jsonwebtoken::Algorithm::PS256, 200), (jsonwebtoken::Algorithm::RS256, 400)] {
        let mut header = jsonwebtoken::Header::new(algorithm);
        header.kid = Some("rsa".to_owned());
        let assertion = jsonwebtoken::encode(&header, &account.claims(), &pem).unwrap();
        assert_eq!(account.ask(&assertion).await.status, status, "{algorithm:?}");
    }
}

#[tokio::test]
async fn other_grants_are_not_offered() {
    let account = Account::new();
    let answer = account.send("grant_type=password&username=a".to_owned()).await;
    assert_eq!((answer.status, &answer.body["error"]), (400, &json!("unsupported_grant_type")));
    assert_eq!(account.send("grant_type=client_credentials".to_owned()).await.body["error"], "invalid_request");
}

#[tokio::test]
async fn assertions_and_tokens_stay_out_of_the_journal() {
    let account = Account::new();
    let assertion = account.key.sign(&account.claims()).unwrap();
    let token = account.ask(&assertion).await.body["access_token"].as_str().unwrap().to_owned();
    account.read_with(&token).await;
    let journal = serde_json::to_string(&account.netsuite.requests()).unwrap();
    assert!(journal.contains("client_assertion") && !journal.contains(&assertion) && !journal.contains(&token));
}

fn issuer(watch: &Watch) -> Identity {
    let client = Client {
        id: "web-shop".to_owned(),
        secret: "s3cret".to_owned(),
        scopes: vec!["orders:write".to_owned(), "orders:read".to_owned()],
        connections: vec!["web-uk".to_owned()],
    };
    Identity::new(IdentityConfig { clients: vec![client], ..IdentityConfig::default() }, watch.clock())
}

async fn ask_issuer(identity: &Identity, form: &str) -> Answer {
    let request = Request::post("/token").body(Body::from(form.to_owned())).unwrap();
    call(&identity.router(), request).await
}

fn claims_of(identity: &Identity, token: &str) -> Value {
    let header = jsonwebtoken::decode_header(token).unwrap();
    let keys = identity.jwks();
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"].as_str() == header.kid.as_deref()).unwrap();
    let key = jsonwebtoken::DecodingKey::from_ec_components(key["x"].as_str().unwrap(), key["y"].as_str().unwrap());
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
    validation.validate_exp = false;
    validation.set_audience(&["crossdock"]);
    jsonwebtoken::decode::<Value>(token, &key.unwrap(), &validation).unwrap().claims
}

#[tokio::test]
async fn a_client_gets_a_token_that_the_published_key_verifies() {
    let watch = Watch::at("2026-11-20T10:00:00Z");
    let identity = issuer(&watch);
    let form = "grant_type=client_credentials&client_id=web-shop&client_secret=s3cret";
    let answer = ask_issuer(&identity, form).await;
    assert_eq!((answer.status, &answer.body["expires_in"]), (200, &json!(43200)));
    let claims = claims_of(&identity, answer.body["access_token"].as_str().unwrap());
    assert_eq!((&claims["sub"], &claims["iss"]), (&json!("web-shop"), &json!("http://identity.sandbox")));
    assert_eq!(claims["scope"], "orders:write orders:read");
    assert_eq!(claims["connections"], json!(["web-uk"]));
    assert_eq!(claims["exp"], json!(watch.second() + 43200));

    let narrow = ask_issuer(&identity, &format!("{form}&scope=orders:read")).await;
    assert_eq!(narrow.body["scope"], "orders:read");
    let wide = ask_issuer(&identity, &format!("{form}&scope=ops:write")).await;
    assert_eq!((wide.status, &wide.body["error"]), (400, &json!("invalid_scope")));
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_client_are_told_the_same() {
    let identity = issuer(&Watch::at("2026-11-20T10:00:00Z"));
    let wrong = ask_issuer(&identity, "grant_type=client_credentials&client_id=web-shop&client_secret=x").await;
    let unknown = ask_issuer(&identity, "grant_type=client_credentials&client_id=nobody&client_secret=x").await;
    assert_eq!((wrong.status, &wrong.text), (unknown.status, &unknown.text));
    assert_eq!(wrong.status, 401);
}

#[tokio::test]
async fn a_rotated_key_signs_and_the_old_one_still_verifies() {
    let watch = Watch::at("2026-11-20T10:00:00Z");
    let identity = issuer(&watch);
    let grant = Grant { subject: "test", scopes: &["ops:read"], connections: &["*"], expires_at: watch.clock()() };
    let old = identity.issue(&grant).unwrap();
    identity.rotate_key();
    let new = identity.issue(&grant).unwrap();
    assert_ne!(jsonwebtoken::decode_header(&old).unwrap().kid, jsonwebtoken::decode_header(&new).unwrap().kid);
    for token in [&old, &new] {
        assert_eq!(claims_of(&identity, token)["sub"], "test");
    }
}

#[tokio::test]
async fn discovery_names_where_keys_and_tokens_are() {
    let identity = issuer(&Watch::at("2026-11-20T10:00:00Z"));
    identity.set_issuer("http://127.0.0.1:4000");
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    let discovery = call(&identity.router(), get("/.well-known/openid-configuration")).await;
    assert_eq!(discovery.body["issuer"], "http://127.0.0.1:4000");
    assert_eq!(discovery.body["jwks_uri"], "http://127.0.0.1:4000/.well-known/jwks.json");
    let keys = call(&identity.router(), get("/.well-known/jwks.json")).await;
    assert_eq!(keys.body, identity.jwks());
    assert!(keys.body["keys"][0].get("d").is_none(), "the private part stays inside");
}
