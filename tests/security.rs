//! Who may do what, and where personal data must never be.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "stack/mod.rs"]
mod stack;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use authorize_caller::AuthorizeCaller;
use aws_lambda_events::apigw::ApiGatewayCustomAuthorizerRequestTypeRequest;
use bytes::Bytes;
use crossdock_sandboxes::SigningKey;
use crossdock_step::Clock;
use crossdock_step::outbound::{Http, HttpError};
use crossdock_world::{Call, World, WorldOptions};
use serde_json::{Value, json};
use stack::api_order;

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

#[test]
fn a_caller_does_only_what_its_scopes_allow() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        let body = api_order("SEC-1").to_string();
        let reader = ("reader", "orders:read", "*");
        let refused = world.post_order_as(reader, Some("k"), body.as_bytes()).await;
        assert_eq!(refused.status, 403, "{}", refused.body);
        assert!(world.orders().is_empty());
        let writer = ("writer", "orders:write", "*");
        assert_eq!(world.get_order_as(writer, "web-uk.SEC-1").await.status, 403);
    });
}

/// Whatever a stranger asks for, the answer is the one for what does not exist.
#[test]
fn a_callers_orders_are_not_there_for_another() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        let body = api_order("SEC-2").to_string();
        assert_eq!(world.post_order("k", body.as_bytes()).await.status, 202);
        let stranger = ("stranger", "orders:read orders:write", "shopify-uk");
        let foreign = world.get_order_as(stranger, "web-uk.SEC-2").await;
        let absent = world.get_order_as(stranger, "web-uk.NOT-THERE").await;
        assert_eq!((foreign.status, &foreign.body), (404, &absent.body), "no byte of it, and no hint that it exists");
        let written = world.post_order_as(stranger, Some("k"), api_order("SEC-3").to_string().as_bytes()).await;
        assert_eq!(written.status, 404, "{}", written.body);
        assert_eq!(world.orders().len(), 1);
    });
}

#[test]
fn a_callers_holds_are_not_there_for_another() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        let hold = json!({ "connection": "web-uk", "hold_id": "cart_1", "country": "GB",
                           "lines": [{ "sku": "TEE-BLK-M", "quantity": 1 }] });
        let body = hold.to_string();
        let make = Call::post("/checkout/holds", body.as_bytes());
        let cart = ("cart", "checkout:validate orders:write", "*");
        assert_eq!(world.call(Some(cart), &make).await.status, 403);
        let stranger = ("stranger", "checkout:hold", "shopify-uk");
        assert_eq!(world.call(Some(stranger), &make).await.status, 404);
        assert_eq!(world.hold_stock(&hold).await.status, 201);
        for method in [http::Method::GET, http::Method::DELETE] {
            let ask = |hold_id| [("connection", "web-uk"), ("hold_id", hold_id)];
            let (known, absent) = (ask("cart_1"), ask("not-there"));
            let call = Call { method, ..Call::get("/checkout/holds/{connection}/{hold_id}") };
            let foreign = world.call(Some(stranger), &call.clone().at(&known)).await;
            let absent = world.call(Some(stranger), &call.at(&absent)).await;
            assert_eq!((foreign.status, &foreign.body), (404, &absent.body));
        }
        assert_eq!(world.ask_of_hold(http::Method::GET, ("web-uk", "cart_1")).await.json()["state"], "open");
    });
}

/// Personal data goes to the people table and to the 3PL, and nowhere else.
#[test]
fn personal_data_is_nowhere_but_with_people() {
    run(async {
        let mut world = World::new(WorldOptions::default());
        let markers = ["Zaphodmarker", "Elm-Street-marker", "marker-town", "marker@example.com", "07700900marker"];
        world
            .shopify
            .act(json!({ "place_order": {
                "lines": [{ "sku": "TEE-BLK-M", "quantity": 1, "price": "24.99" }, { "sku": "SOCKS-3PK", "quantity": 1, "price": "11.00" }],
                "taxes_included": true, "tax_rate": "0.2", "email": markers[3], "note": "Zaphodmarker wants a bow",
                "shipping_address": {
                    "first_name": "A", "last_name": markers[0], "address1": markers[1], "city": markers[2],
                    "zip": "N1 1AA", "country_code": "GB", "country": "United Kingdom", "phone": markers[4],
                },
            }}))
            .unwrap();
        world.settle().await;
        let mut order = api_order("SEC-4");
        order["shipping_address"]["name"] = json!(markers[0]);
        order["shipping_address"]["address1"] = json!(markers[1]);
        order["email"] = json!(markers[3]);
        order["lines"][0]["sku"] = json!("NO-SUCH-SKU");
        let refused = world.post_order("k", order.to_string().as_bytes()).await;
        world.settle().await;
        // What the 3PL refuses is kept as it was sent and answered.
        world
            .shopify
            .act(json!({ "place_order": {
                "lines": [{ "sku": "MUG-WHT", "quantity": 1, "price": "12.00" }],
                "taxes_included": true, "tax_rate": "0.2", "email": markers[3],
                "shipping_address": {
                    "first_name": "A", "last_name": markers[0], "address1": markers[1], "city": markers[2],
                    "zip": "00000", "country_code": "GB", "country": "United Kingdom", "phone": markers[4],
                },
            }}))
            .unwrap();
        world.settle().await;
        let exchanges = format!("{:?}", world.store.exchanges());
        assert!(exchanges.contains("request_fulfillment:F1") && exchanges.contains("reference_id"), "{exchanges}");
        let log = serde_json::to_string(&world.store.streams().values().collect::<Vec<_>>()).unwrap();
        let exceptions = serde_json::to_string(&world.exceptions().await).unwrap();
        let shown: Vec<String> = world.orders().iter().map(|order| order.id.to_string()).collect();
        let mut answers = refused.body;
        for id in shown {
            answers.push_str(&world.get_order(&id).await.body);
        }
        assert!(log.contains("OrderAccepted.v1") && answers.contains("OrderAccepted.v1"), "the story was told");
        for marker in markers {
            for (place, text) in [
                ("the log", &log),
                ("exceptions", &exceptions),
                ("exchanges", &exchanges),
                ("answers", &answers),
                ("transcript", &world.transcript.join("\n")),
            ] {
                assert!(!text.contains(marker), "{marker} is in {place}");
            }
        }
        assert!(format!("{:?}", world.store).contains("personal data"), "the people table has it, hidden");
        assert!(!format!("{:?}", world.store).contains(markers[0]), "and Debug shows nothing of it");
    });
}

/// The issuer's keys, as it publishes them, or not at all.
struct Issuer(Mutex<Option<Value>>);

#[async_trait]
impl Http for Issuer {
    async fn send(&self, _request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
        match self.0.lock().unwrap().as_ref() {
            Some(keys) => Ok(http::Response::new(Bytes::from(keys.to_string()))),
            None => Err(HttpError::NotSent("the issuer is down".into())),
        }
    }
}

struct Gate {
    authorizer: AuthorizeCaller,
    issuer: Arc<Issuer>,
    key: SigningKey,
}

impl Gate {
    fn open() -> Self {
        let key = SigningKey::generate();
        let issuer = Arc::new(Issuer(Mutex::new(Some(json!({ "keys": [key.jwk()] })))));
        let authorizer = AuthorizeCaller {
            issuer: crossdock_identity::Issuer {
                http: issuer.clone(),
                jwks_url: "https://issuer.example.com/jwks.json".into(),
                issuer: "https://issuer.example.com".into(),
                audience: "crossdock".into(),
                clock: Clock::system(),
                keys: crossdock_identity::Keys::default(),
            },
        };
        Self { authorizer, issuer, key }
    }

    async fn asks(&self, token: &str) -> Result<Value, &'static str> {
        let mut event = ApiGatewayCustomAuthorizerRequestTypeRequest::default();
        event.method_arn = Some("arn:aws:execute-api:eu-west-2:1:api/v1/GET/orders".into());
        event.headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        self.authorizer.handle(event).await.map(|response| serde_json::to_value(response).unwrap())
    }

    fn token(&self, changes: &[(&str, Value)]) -> String {
        sign(&self.key, self.key.kid(), &claims(changes))
    }
}

fn seconds() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn claims(changes: &[(&str, Value)]) -> Value {
    let mut claims = json!({
        "iss": "https://issuer.example.com", "aud": "crossdock", "sub": "shop", "exp": seconds() + 600,
        "scope": "orders:read", "connections": ["shopify-uk"],
    });
    for (name, value) in changes {
        claims[*name] = value.clone();
    }
    claims
}

fn sign(key: &SigningKey, kid: &str, claims: &Value) -> String {
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::ES256);
    header.kid = Some(kid.to_owned());
    let secret = jsonwebtoken::EncodingKey::from_ec_pem(key.private_pem().unwrap().as_bytes()).unwrap();
    jsonwebtoken::encode(&header, claims, &secret).unwrap()
}

#[test]
fn a_genuine_token_becomes_the_callers_context() {
    run(async {
        let gate = Gate::open();
        let answer = gate.asks(&gate.token(&[])).await.unwrap();
        assert_eq!(
            answer["context"],
            json!({ "caller": "shop", "scopes": "orders:read", "connections": "shopify-uk" })
        );
        let resource = &answer["policyDocument"]["Statement"][0]["Resource"];
        assert_eq!(
            *resource,
            json!(["arn:aws:execute-api:eu-west-2:1:api/v1/*"]),
            "for this API and stage, whatever the path"
        );
    });
}

#[test]
fn a_token_that_is_not_right_in_everything_is_nobodys() {
    run(async {
        let gate = Gate::open();
        let stranger = SigningKey::generate();
        let header = |alg: &str| {
            use base64::Engine as _;
            base64::engine::general_purpose::URL_SAFE_NO_PAD
                .encode(json!({ "alg": alg, "kid": gate.key.kid() }).to_string())
        };
        let body = {
            use base64::Engine as _;
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims(&[]).to_string())
        };
        let mut confused = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
        confused.kid = Some(gate.key.kid().to_owned());
        let public = gate.key.public_pem().unwrap();
        let as_secret = jsonwebtoken::EncodingKey::from_secret(public.as_bytes());
        let wrong: BTreeMap<&str, String> = [
            ("expired", gate.token(&[("exp", json!(seconds() - 120))])),
            ("not yet valid", gate.token(&[("nbf", json!(seconds() + 600))])),
            ("another issuer", gate.token(&[("iss", json!("https://evil.example.com"))])),
            ("another audience", gate.token(&[("aud", json!("somebody"))])),
            ("no subject", gate.token(&[("sub", Value::Null)])),
            ("signed by a stranger", sign(&stranger, gate.key.kid(), &claims(&[]))),
            ("a key nobody has", sign(&stranger, "no-such-key", &claims(&[]))),
            ("no algorithm", format!("{}.{body}.", header("none"))),
            ("unsigned", format!("{}.{body}.", header("ES256"))),
            ("the public key as a secret", jsonwebtoken::encode(&confused, &claims(&[]), &as_secret).unwrap()),
            ("nonsense", "nonsense".into()),
            ("empty", String::new()),
        ]
        .into();
        for (why, token) in wrong {
            assert_eq!(gate.asks(&token).await, Err("Unauthorized"), "{why}");
        }
    });
}

#[test]
fn an_issuer_that_is_down_locks_nobody_out_whose_key_is_known() {
    run(async {
        let gate = Gate::open();
        *gate.issuer.0.lock().unwrap() = None;
        assert_eq!(gate.asks(&gate.token(&[])).await, Err("Unauthorized"), "nothing is known yet: closed");
        let gate = Gate::open();
        gate.asks(&gate.token(&[])).await.unwrap();
        *gate.issuer.0.lock().unwrap() = None;
        gate.asks(&gate.token(&[])).await.unwrap();
    });
}
