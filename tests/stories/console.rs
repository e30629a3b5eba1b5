//! The console, as a browser without scripts sees it: everything that it shows and does, by its pages alone.

use crossdock_sandboxes::identity::Grant;
use crossdock_world::{Call, Reply, World};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::acts::{but, goes_its_way, one_mug, place, shop_delivers};
use crate::asked::calm;
use crate::books::assert_all_closed;
use crate::telling::run;

/// A browser: a session, and the page that it shows.
struct Browser {
    cookie: String,
    path: String,
}

const EVERYTHING: [&str; 4] = ["ops:read", "ops:write", "orders:read", "catalogue:write"];

fn token(world: &World, scopes: &[&str], connections: &[&str]) -> String {
    let expires_at = Timestamp::now() + SignedDuration::from_hours(1);
    world.identity.issue(&Grant { subject: "night-shift", scopes, connections, expires_at }).unwrap()
}

impl Browser {
    fn new() -> Self {
        Self { cookie: String::new(), path: "overview".into() }
    }

    async fn signed_in(world: &mut World) -> Self {
        let mut browser = Self::new();
        let token = token(world, &EVERYTHING, &["*"]);
        let reply = browser.post(world, "sign-in", &[("token", &token)]).await;
        assert_eq!(reply.status, 303, "{}", reply.body);
        browser
    }

    async fn send(&mut self, world: &mut World, (method, path, body): (Method, &str, &str)) -> Reply {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let query: Vec<(String, String)> =
            form_urlencoded::parse(query.as_bytes()).map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
        let query: Vec<(&str, &str)> = query.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let headers =
            [("cookie", self.cookie.as_str()), ("host", "console.example"), ("origin", "https://console.example")];
        let proxy = [("proxy", path)];
        let call = Call { method, ..Call::post("/console/{proxy+}", body.as_bytes()) };
        let reply = world.call(None, &call.at(&proxy).asking(&query).with(&headers)).await;
        if let Some(cookie) = reply.headers.get("set-cookie").and_then(|cookie| cookie.to_str().ok()) {
            assert!(cookie.contains("HttpOnly") && cookie.contains("Secure") && cookie.contains("SameSite=Strict"));
            self.cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        }
        self.path = path.to_owned();
        reply
    }

    /// Looks at a page.
    async fn get(&mut self, world: &mut World, path: &str) -> String {
        let reply = self.send(world, (Method::GET, path, "")).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        assert!(reply.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
        reply.body
    }

    /// Sends a form.
    async fn post(&mut self, world: &mut World, path: &str, fields: &[(&str, &str)]) -> Reply {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send(world, (Method::POST, path, &body)).await
    }

    /// Sends a form, sees what would follow, and does it.
    async fn does(&mut self, world: &mut World, path: &str, fields: &[(&str, &str)]) -> String {
        let seen = self.post(world, path, fields).await;
        assert_eq!(seen.status, 200, "{path}: {}", seen.body);
        assert!(seen.body.contains("Nothing was changed yet."), "{}", seen.body);
        let confirmed: Vec<(&str, &str)> = fields.iter().copied().chain([("confirmed", "yes")]).collect();
        let done = self.post(world, path, &confirmed).await;
        assert!([200, 303].contains(&done.status), "{path}: {}", done.body);
        seen.body
    }
}

/// The first link of a page that goes to a folder.
fn link(page: &str, folder: &str) -> String {
    let from = page.find(&format!("href=\"{folder}/")).unwrap_or_else(|| panic!("no link to {folder} in {page}"));
    page[from + 6..].split('"').next().unwrap().trim_start_matches("../").to_owned()
}

#[test]
fn nobody_sees_anything_without_a_token_that_the_api_takes() {
    let mut world = calm();
    run(async {
        let mut browser = Browser::new();
        for path in
            ["overview", "inbox", "orders", "orders/shopify-uk.1", "mappings", "connections", "exceptions/x", "nothing"]
        {
            let reply = browser.send(&mut world, (Method::GET, path, "")).await;
            assert_eq!((reply.status, reply.body.as_str()), (303, ""), "{path}");
            assert!(reply.headers["location"].to_str().unwrap().ends_with("sign-in"));
        }
        for wrong in ["", "nonsense", "a.b.c", "a b", &"x".repeat(5_000), "x; Path=/"] {
            let reply = browser.post(&mut world, "sign-in", &[("token", wrong)]).await;
            assert_eq!((reply.status, browser.cookie.as_str()), (401, ""), "{wrong}");
            assert!(!reply.body.contains("nonsense"), "what was sent is not shown again");
        }
        let reader = token(&world, &["orders:read"], &["*"]);
        assert_eq!(browser.post(&mut world, "sign-in", &[("token", &reader)]).await.status, 401);
        browser.cookie = "crossdock_session=forged".into();
        assert_eq!(browser.send(&mut world, (Method::GET, "overview", "")).await.status, 303);
        assert_eq!(browser.post(&mut world, "connections/netsuite/resume", &[]).await.status, 303);
        assert!(browser.get(&mut world, "sign-in").await.contains("Token"));
    });
}

#[test]
fn whoever_may_only_look_changes_nothing() {
    let mut world = calm();
    run(async {
        let mut browser = Browser::new();
        let reader = token(&world, &["ops:read", "orders:read"], &["*"]);
        browser.post(&mut world, "sign-in", &[("token", &reader)]).await;
        browser.get(&mut world, "overview").await;
        let fields = [("reason", "because"), ("minutes", "60")];
        let reply = browser.post(&mut world, "connections/netsuite/pause", &fields).await;
        assert_eq!(reply.status, 403, "{}", reply.body);
        let limited = token(&world, &EVERYTHING, &["web-uk"]);
        let mut browser = Browser::new();
        browser.post(&mut world, "sign-in", &[("token", &limited)]).await;
        assert_eq!(
            browser.send(&mut world, (Method::GET, "overview", "")).await.status,
            404,
            "all connections or none"
        );
        assert!(!browser.get(&mut world, "connections").await.contains("netsuite"));
        let reply = browser.post(&mut world, "connections/netsuite/pause", &fields).await;
        assert_eq!(reply.status, 404, "{}", reply.body);
    });
}

#[test]
fn a_form_of_another_site_does_nothing() {
    let mut world = calm();
    run(async {
        let browser = Browser::signed_in(&mut world).await;
        for foreign in
            [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site")]
        {
            let headers = [("cookie", browser.cookie.as_str()), ("host", "console.example"), foreign];
            let call = Call::post("/console/{proxy+}", b"reason=because&minutes=60");
            let proxy = [("proxy", "connections/netsuite/pause")];
            let reply = world.call(None, &call.at(&proxy).with(&headers)).await;
            assert_eq!(reply.status, 403, "{foreign:?}: {}", reply.body);
        }
    });
}

#[test]
fn a_closed_period_is_seen_and_repaired_from_the_console_alone() {
    let mut world = calm();
    run(async {
        let month = world.clock.now().to_string()[..7].to_owned();
        world.netsuite.act(json!({ "close_period": { "month": month } })).unwrap();
        place(&world, one_mug());
        world.settle().await;
        world.survey().await.unwrap();
        let mut browser = Browser::signed_in(&mut world).await;
        let overview = browser.get(&mut world, "overview").await;
        assert!(overview.contains("refused") && overview.contains("post_deposit"), "{overview}");
        let inbox = browser.get(&mut world, "inbox?class=refused").await;
        let exception = link(&inbox, "exceptions");
        let page = browser.get(&mut world, &exception).await;
        assert!(page.contains("night-shift") && page.contains("post-to-erp"), "{page}");
        let at = |action: &str| format!("{exception}/{action}");
        assert_eq!(browser.post(&mut world, &at("assign"), &[("owner", "night-shift")]).await.status, 303);
        world.settle().await;
        assert!(browser.get(&mut world, "inbox?owner=night-shift").await.contains("post_deposit"));
        world.netsuite.act(json!({ "open_period": { "month": month } })).unwrap();
        let foreseen = browser.does(&mut world, &at("retry"), &[]).await;
        assert!(foreseen.contains("post_deposit:DEP1") && foreseen.contains("GBP"), "{foreseen}");
        goes_its_way(&mut world).await;
        assert!(browser.get(&mut world, &exception).await.contains("needs nobody any more"));
        let orders = browser.get(&mut world, "orders").await;
        let order = browser.get(&mut world, &link(&orders, "orders")).await;
        assert!(
            order.contains("<svg") && order.contains("operator:night-shift") && order.contains("invoice"),
            "{order}"
        );
    });
    assert_all_closed(&world);
}

#[test]
fn a_refused_address_is_corrected_without_being_shown() {
    let mut world = calm();
    run(async {
        place(
            &world,
            but(one_mug(), json!({ "shipping_address": { "zip": "00000", "address1": "Hidden Street 77" } })),
        );
        world.settle().await;
        let mut browser = Browser::signed_in(&mut world).await;
        let inbox = browser.get(&mut world, "inbox").await;
        let exception = link(&inbox, "exceptions");
        let page = browser.get(&mut world, &exception).await;
        assert!(!page.contains("Hidden") && !page.contains("00000") && page.contains("16 characters"), "{page}");
        let fields = [("address.postal_code", "SW1A 1AA"), ("address.city", "")];
        browser.does(&mut world, &format!("{exception}/edit-recipient"), &fields).await;
        goes_its_way(&mut world).await;
    });
    assert_all_closed(&world);
}

#[test]
fn a_wrong_mapping_is_corrected_and_all_that_waited_is_retried_at_once() {
    let mut world = calm();
    run(async {
        world.keep_item("MUG-WHT", &json!({ "identities": { "netsuite": "99999" } })).await;
        for _ in 0..5 {
            place(&world, one_mug());
        }
        goes_its_way(&mut world).await;
        let mut browser = Browser::signed_in(&mut world).await;
        let page = browser.get(&mut world, "mappings?sku=MUG-WHT").await;
        assert!(page.contains("99999"), "{page}");
        let fields = [("sku", "MUG-WHT"), ("connection", "netsuite"), ("identity", RIGHT)];
        assert_eq!(browser.post(&mut world, "mappings", &fields).await.status, 303);
        let fields = [("filter.class", "mapping"), ("filter.task", "post_sales_order"), ("action", "retry")];
        let seen = browser.does(&mut world, "bulk", &fields).await;
        assert!(seen.contains("would be seen to"), "{seen}");
        goes_its_way(&mut world).await;
        assert!(browser.get(&mut world, "inbox").await.contains("Nothing needs anybody"));
    });
    assert_all_closed(&world);
}

/// What the ERP of the seed calls the mug.
const RIGHT: &str = "502";

#[test]
fn an_order_is_found_by_whatever_anybody_calls_it() {
    let mut world = calm();
    run(async {
        let id = place(&world, one_mug());
        goes_its_way(&mut world).await;
        let order = world.orders().remove(0);
        let name = order.accepted.as_ref().unwrap().fact.order.name.clone();
        let invoice = order.invoices[&1].fact.reference.clone().unwrap();
        let mut browser = Browser::signed_in(&mut world).await;
        for text in [order.id.to_string(), id, name.clone(), name.trim_start_matches('#').to_owned(), invoice] {
            let path =
                format!("orders?{}", form_urlencoded::Serializer::new(String::new()).append_pair("q", &text).finish());
            let reply = browser.send(&mut world, (Method::GET, &path, "")).await;
            let location = reply.headers.get("location").map(|to| to.to_str().unwrap().to_owned());
            assert_eq!((reply.status, location), (303, Some(format!("orders/{}", order.id))), "{text}");
        }
        let page = browser.get(&mut world, "orders?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E").await;
        assert!(!page.contains("<script>") && page.contains("&lt;script&gt;"), "{page}");
    });
}

#[test]
fn a_connection_is_paused_and_resumed_from_its_page() {
    let mut world = calm();
    run(async {
        let mut browser = Browser::signed_in(&mut world).await;
        let fields = [("reason", "the ERP is upgraded"), ("minutes", "60")];
        assert_eq!(browser.post(&mut world, "connections/netsuite/pause", &fields).await.status, 303);
        world.clock.pass(SignedDuration::from_secs(6));
        place(&world, one_mug());
        world.moves(60).await;
        world.survey().await.unwrap();
        let page = browser.get(&mut world, "connections").await;
        assert!(
            page.contains("the ERP is upgraded (by night-shift)") && page.contains("1 orders wait for it"),
            "{page}"
        );
        assert!(browser.get(&mut world, "overview").await.contains("Connections that are down"));
        assert_eq!(browser.post(&mut world, "connections/netsuite/resume", &[]).await.status, 303);
        world.wait(SignedDuration::from_hours(2)).await;
        goes_its_way(&mut world).await;
        let asked = browser.post(&mut world, "connections/shipbob/ask-again", &[]).await;
        assert!(asked.status == 200 && asked.body.contains("asked again about 0 orders"), "{}", asked.body);
        assert!(browser.get(&mut world, "connections").await.contains("What it did not tell was not looked for yet"));
        let looked_for = browser.post(&mut world, "connections/shopify-uk/poll", &[("hours", "24")]).await;
        assert_eq!(looked_for.status, 303, "{}", looked_for.body);
        world.clock.pass(SignedDuration::from_mins(10));
        world.poll().await.unwrap();
        let page = browser.get(&mut world, "connections").await;
        assert!(page.contains("of 1 orders <strong>0</strong> were missed"), "{page}");
        let reply = browser.post(&mut world, "sign-out", &[]).await;
        assert_eq!((reply.status, browser.cookie.as_str()), (303, "crossdock_session="));
    });
    assert_all_closed(&world);
}

#[test]
fn a_poisoned_delivery_is_settled_with_a_reason() {
    let mut world = calm();
    run(async {
        shop_delivers(&mut world, "orders/create", br#"{"id":"not a number","email":"marker@example.com"}"#).await;
        world.wait(SignedDuration::from_hours(3)).await;
        let mut browser = Browser::signed_in(&mut world).await;
        let inbox = browser.get(&mut world, "inbox?task=delivery").await;
        let exception = link(&inbox, "exceptions");
        let page = browser.get(&mut world, &exception).await;
        assert!(!page.contains("marker@"), "{page}");
        browser.does(&mut world, &format!("{exception}/resolve"), &[("reason", "a test of the shop's")]).await;
        assert!(browser.get(&mut world, "inbox").await.contains("Nothing needs anybody"));
    });
}

#[test]
fn an_order_is_told_once_more_from_its_page_and_a_window_from_its_connections() {
    let mut world = calm();
    run(async {
        let began = world.clock.now();
        let id = place(&world, one_mug());
        goes_its_way(&mut world).await;
        let order_id = format!("shopify-uk.{id}");
        let seq = world.order(&order_id).seq;
        let mut browser = Browser::signed_in(&mut world).await;
        let order = format!("orders/{order_id}");
        assert!(browser.get(&mut world, &order).await.contains("Once more"));
        let replay = format!("{order}/replay");
        let seen = browser.does(&mut world, &replay, &[("what", "deliveries"), ("reason", "to be sure")]).await;
        assert!(seen.contains("orders/create") && seen.contains("it knows that or better"), "{seen}");
        browser.does(&mut world, &replay, &[("what", "events"), ("reason", "to be sure")]).await;
        assert!(browser.get(&mut world, "connections").await.contains("connections/shipbob/replay"));
        let (from, to) = (began.to_string(), (world.clock.now() + SignedDuration::from_mins(1)).to_string());
        let window = [("what", "deliveries"), ("from", &from), ("to", &to), ("reason", "to be sure")];
        let seen = browser.does(&mut world, "connections/shipbob/replay", &window).await;
        assert!(seen.contains("would be") && seen.contains(&order_id), "{seen}");
        let reply = browser.post(&mut world, "connections/shipbob/replay", &[("what", "deliveries")]).await;
        assert_eq!(reply.status, 400, "{}", reply.body);
        world.settle().await;
        assert_eq!(world.order(&order_id).seq, seq);
    });
    assert_all_closed(&world);
}

#[test]
fn an_exceptions_page_shows_what_was_sent_and_answered_and_nobody() {
    let mut world = calm();
    run(async {
        let address = json!({ "zip": "00000", "address1": "Hidden Street 77", "city": "Hiddenham" });
        place(&world, but(one_mug(), json!({ "shipping_address": address })));
        world.settle().await;
        let mut browser = Browser::signed_in(&mut world).await;
        let exception = link(&browser.get(&mut world, "inbox").await, "exceptions");
        let page = browser.get(&mut world, &exception).await;
        assert!(page.contains("What was sent and answered") && page.contains("POST /"), "{page}");
        let call = page.split("<pre").nth(1).unwrap();
        assert!(!call.contains("Hidden"), "{call}");
    });
}
