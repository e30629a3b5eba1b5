//! The sandboxes over HTTP: real hangs, real webhooks, one call to start them all.
#![expect(clippy::unwrap_used, reason = "a test stops where something is not as it must be")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use crossdock_sandboxes::{Delivery, Outbox, SandboxOptions, SandboxSet, common, start};
use http::StatusCode;
use serde_json::{Value, json};

async fn running() -> SandboxSet {
    let options = SandboxOptions { hang: Duration::from_millis(100), ..SandboxOptions::fresh() };
    start(options).await.unwrap()
}

fn client() -> reqwest::Client {
    // Fails only when a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

async fn json_of(url: String) -> Value {
    let text = client().get(url).send().await.unwrap().text().await.unwrap();
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn all_sandboxes_answer_at_their_addresses() {
    let set = running().await;
    let urls = set.base_urls();
    let names: Vec<&str> = urls.keys().map(String::as_str).collect();
    assert_eq!(names, ["identity", "netsuite", "shipbob", "shopify-uk"]);
    for url in urls.values() {
        for route in ["health", "documents", "requests", "deliveries", "faults"] {
            assert!(json_of(format!("{url}/_sandbox/{route}")).await.is_object(), "{url} {route}");
        }
    }
    let ledger = json_of(format!("{}/_sandbox/ledger", urls["netsuite"])).await;
    assert_eq!(ledger, json!({ "currencies": {}, "entries": [] }));
    let discovery = json_of(format!("{}/.well-known/openid-configuration", urls["identity"])).await;
    assert_eq!(discovery["issuer"], urls["identity"]);
    assert!(set.webhook_secret("shopify-uk").is_some() && set.webhook_secret("netsuite").is_none());
}

#[tokio::test]
async fn a_taken_port_is_said_clearly() {
    let first = running().await;
    let port = first.base_urls()["netsuite"].rsplit(':').next().unwrap().parse().unwrap();
    let mut options = SandboxOptions::fresh();
    options.ports.netsuite = port;
    let Err(error) = start(options).await else { panic!("two servers on one port") };
    assert!(error.to_string().contains(&format!("cannot listen on 127.0.0.1:{port}")), "{error}");
}

#[tokio::test]
async fn a_timeout_holds_the_connection_and_closes_it_without_an_answer() {
    let set = running().await;
    let url = set.base_urls()["netsuite"].clone();
    let fault = json!({ "match": "GET /services/…", "fault": "timeout_before_commit", "times": 1 });
    let added = client().post(format!("{url}/_sandbox/faults")).body(fault.to_string()).send().await.unwrap();
    assert_eq!(added.status(), 201);
    let asked_at = Instant::now();
    let outcome = client().get(format!("{url}/services/rest/record/v1/salesOrder/1")).send().await;
    assert!(outcome.is_err(), "an answer came");
    assert!(asked_at.elapsed() >= Duration::from_millis(100));
    let after = client().get(format!("{url}/services/rest/record/v1/salesOrder/1")).send().await.unwrap();
    assert_eq!(after.status(), 401);
}

#[tokio::test]
async fn a_fault_that_means_nothing_is_refused_with_what_would() {
    let set = running().await;
    let url = format!("{}/_sandbox/faults", set.base_urls()["shipbob"]);
    let fault = json!({ "match": "POST /", "fault": "explode" }).to_string();
    let answer = client().post(&url).body(fault).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    let text = answer.text().await.unwrap();
    assert!(text.contains("unknown fault `explode`") && text.contains("timeout_after_commit"), "{text}");
}

#[tokio::test]
async fn the_secrets_sign_in_where_they_belong() {
    let set = running().await;
    let url = set.base_urls()["identity"].clone();
    let form =
        format!("grant_type=client_credentials&client_id={}&client_secret={}", set.caller().id, set.caller().secret);
    let answer = client().post(format!("{url}/token")).body(form).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let secret = &set.secrets()["netsuite"];
    assert!(secret["private_key"].as_str().unwrap().starts_with("-----BEGIN PRIVATE KEY-----"));
    assert!(!format!("{:?}", set.caller()).contains(&set.caller().secret));
}

/// A receiver that fails so many times before it takes a delivery.
#[derive(Clone, Default)]
struct Receiver {
    failures: Arc<Mutex<u32>>,
    taken: Arc<Mutex<Vec<String>>>,
}

async fn receive(State(receiver): State<Receiver>, body: String) -> StatusCode {
    let mut failures = receiver.failures.lock().unwrap();
    if *failures > 0 {
        *failures -= 1;
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    receiver.taken.lock().unwrap().push(body);
    StatusCode::OK
}

async fn receiving(failures: u32) -> (Receiver, common::Running) {
    let receiver = Receiver { failures: Arc::new(Mutex::new(failures)), ..Receiver::default() };
    let router = Router::new().route("/hook", post(receive)).with_state(receiver.clone());
    let running = common::serve(router, ([127, 0, 0, 1], 0).into()).await.unwrap();
    (receiver, running)
}

fn delivery(body: &str) -> Delivery {
    Delivery {
        topic: "orders/create".to_owned(),
        headers: vec![("x-id".to_owned(), "1".to_owned())],
        body: body.into(),
    }
}

async fn until(condition: impl Fn() -> bool) {
    for _ in 0..200 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not happen within two seconds");
}

#[tokio::test]
async fn a_webhook_waits_for_its_address_and_is_retried_until_it_is_taken() {
    let (receiver, running) = receiving(2).await;
    let outbox = Outbox::new(&[Duration::from_millis(5); 3]);
    tokio::spawn(outbox.clone().run());
    outbox.push(delivery("first"));
    assert_eq!(outbox.records()[0].state, "pending");
    outbox.send_to(Some(format!("{}/hook", running.base_url())), 1);
    until(|| outbox.records()[0].state == "delivered").await;
    assert_eq!(outbox.records()[0].attempts, [Some(503), Some(503), Some(200)]);
    assert_eq!(*receiver.taken.lock().unwrap(), ["first"]);
}

#[tokio::test]
async fn a_webhook_that_is_never_taken_is_given_up_and_duplicates_are_sent_on_demand() {
    let (receiver, running) = receiving(4).await;
    let outbox = Outbox::new(&[Duration::from_millis(5); 3]);
    tokio::spawn(outbox.clone().run());
    let url = format!("{}/hook", running.base_url());
    outbox.send_to(Some(url.clone()), 1);
    outbox.push(delivery("lost"));
    until(|| outbox.records()[0].state == "given_up").await;
    outbox.send_to(Some(url), 2);
    outbox.push(delivery("twice"));
    until(|| receiver.taken.lock().unwrap().len() == 2).await;
    assert_eq!(*receiver.taken.lock().unwrap(), ["twice", "twice"]);
}
