//! What breaks, and how the person on call repairs it: seen, understood, tried dry, done, and never twice.

use crossdock_domain::outstanding::Criticality;
use crossdock_domain::overview::Urgency;
use crossdock_domain::{Order, Sku, Status};
use crossdock_world::{EVERYBODY, Style, World};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::acts::{attention, but, fault, goes_its_way, one_mug, place, ship_all, shop_delivers, two_lines, units_of};
use crate::asked::calm;
use crate::books::{assert_all_closed, rows, text};
use crate::telling::{run, told, told_in_every_way};

const DEPOSIT: &str = "post_deposit:DEP1";

/// The names of the exceptions that a list has.
fn ids(listed: &Value) -> Vec<String> {
    let all = listed["exceptions"].as_array().unwrap();
    all.iter().map(|exception| exception["exception_id"].as_str().unwrap().to_owned()).collect()
}

async fn listed(world: &mut World, query: &[(&str, &str)]) -> Value {
    let reply = world.ops("/ops/exceptions", &[], query).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()
}

async fn only(world: &mut World) -> String {
    let found = ids(&listed(world, &[]).await);
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}

/// The books' period is closed: the deposit is refused until somebody opens it.
async fn a_closed_period(world: &mut World) -> String {
    let today = world.clock.now().to_string()[..10].to_owned();
    world.netsuite.act(json!({ "close_period": { "month": today[..7] } })).unwrap();
    place(world, one_mug());
    world.settle().await;
    // Whatever died on the way is found by the deadline.
    world.wait(SignedDuration::from_mins(10)).await;
    only(world).await
}

fn order(world: &World) -> Order {
    world.orders().remove(0)
}

#[test]
fn an_exception_tells_all_that_it_takes_to_understand_it() {
    let mut world = calm();
    run(async {
        let id = a_closed_period(&mut world).await;
        let reply = world.ops("/ops/exceptions/{exception_id}", &[("exception_id", &id)], &[]).await;
        let told = reply.json();
        assert_eq!(
            (reply.status, told["step"].as_str(), told["concerns"].as_str()),
            (200, Some("post-to-erp"), Some("financial"))
        );
        assert_eq!((told["task"].as_str(), told["class"].as_str()), (Some(DEPOSIT), Some("refused")));
        assert!(told["since"].is_string() && told["last_seen"].is_string());
        assert_eq!(told["attempts"], 1, "it was refused at once");
        let legal: Vec<&str> =
            told["legal_actions"].as_array().unwrap().iter().map(|legal| legal["action"].as_str().unwrap()).collect();
        assert_eq!(legal, ["retry", "resolve", "assign", "tag", "snooze"]);
        let reply = world.ops("/ops/exceptions/{exception_id}", &[("exception_id", "web-uk.1~books")], &[]).await;
        assert_eq!(reply.status, 404);
    });
}

#[test]
fn a_dry_run_tells_what_would_follow_and_changes_nothing() {
    let mut world = calm();
    run(async {
        let id = a_closed_period(&mut world).await;
        let (before, calls) = (order(&world).seq, world.netsuite.requests().len());
        let reply = world.act_on_as(EVERYBODY, (&id, "retry"), (&Value::Null, true)).await;
        let told = reply.json();
        assert_eq!(
            (reply.status, &told["dry_run"], &told["currency"]),
            (200, &json!(true), &json!("GBP")),
            "{}",
            reply.body
        );
        assert_eq!(told["facts"], json!(["TaskReleased.v1"]));
        let effects = told["effects"].as_array().unwrap();
        let first = (effects[0]["task"].as_str(), effects[0]["system"].as_str(), effects[0]["amount_minor"].as_i64());
        assert_eq!(
            first,
            (Some(DEPOSIT), Some("netsuite"), Some(order(&world).accepted.unwrap().fact.order.total.get()))
        );
        world.settle().await;
        assert_eq!((order(&world).seq, world.netsuite.requests().len()), (before, calls));
    });
}

#[test]
fn who_sees_to_it_and_whether_it_may_wait_is_said_once_for_all() {
    let mut world = calm();
    run(async {
        let id = a_closed_period(&mut world).await;
        let tomorrow = world.clock.now() + SignedDuration::from_hours(20);
        for (action, word) in [
            ("assign", json!({ "owner": "finance" })),
            ("tag", json!({ "tags": ["period-end", "november"] })),
            ("snooze", json!({ "until": tomorrow })),
        ] {
            let reply = world.act_on((&id, action), &word).await;
            assert_eq!(reply.status, 202, "{action}: {}", reply.body);
        }
        world.settle().await;
        assert_eq!(ids(&listed(&mut world, &[]).await), Vec::<String>::new(), "it may wait");
        let shown = listed(&mut world, &[("snoozed", "true"), ("owner", "finance"), ("tag", "november")]).await;
        assert_eq!(ids(&shown), [id.as_str()]);
        assert_eq!(shown["exceptions"][0]["tags"], json!(["november", "period-end"]));
        world.wait(SignedDuration::from_hours(21)).await;
        assert_eq!(ids(&listed(&mut world, &[("class", "refused"), ("concerns", "financial")]).await), [id.as_str()]);
        for nothing in [[("owner", "nobody")], [("class", "value")], [("task", "post_invoice")], [("tag", "december")]]
        {
            assert_eq!(ids(&listed(&mut world, &nothing).await), Vec::<String>::new(), "{nothing:?}");
        }
        assert!(order(&world).touched);
    });
}

#[test]
fn what_finance_has_posted_by_hand_is_not_posted_again() {
    let world = told_in_every_way(async |world: &mut World| {
        let id = a_closed_period(world).await;
        let word = json!({ "reason": "posted by hand into the next period" });
        let reply = world.act_on((&id, "resolve"), &word).await;
        assert!(reply.status == 422 || reply.status == 409, "which document? {}", reply.body);
        let word = json!({ "reason": "posted by hand into the next period", "document_id": "999001" });
        let reply = world.act_on((&id, "resolve"), &word).await;
        assert!(reply.status == 202 || reply.status == 409, "{}", reply.body);
        world.settle().await;
    });
    let order = order(&world);
    let deposits: Vec<&str> = order.deposits.values().map(|known| known.fact.id.as_str()).collect();
    assert_eq!(deposits, ["999001"]);
    let documents = world.netsuite.documents();
    let posted = rows(&documents, "documents").filter(|document| text(document, "record") == "customerDeposit");
    assert_eq!(posted.count(), 0, "nobody posts it a second time");
}

#[test]
fn an_address_that_the_3pl_refuses_is_corrected_and_the_parcel_goes_there() {
    let world = told_in_every_way(async |world: &mut World| {
        place(world, but(one_mug(), json!({ "shipping_address": { "zip": "00000", "address1": "Hidden Street 77" } })));
        world.settle().await;
        world.wait(SignedDuration::from_mins(10)).await;
        let Some(id) = ids(&listed(world, &[]).await).first().cloned() else { return };
        let reply = world.act_on((&id, "edit-recipient"), &json!({ "address": { "city": "" } })).await;
        assert!([409, 422].contains(&reply.status), "a parcel needs a town: {}", reply.body);
        let word = json!({ "address": { "postal_code": "SW1A 1AA" } });
        let dry = world.act_on_as(EVERYBODY, (&id, "edit-recipient"), (&word, true)).await;
        assert!([200, 404, 409].contains(&dry.status), "{}", dry.body);
        assert!(!dry.body.contains("SW1A") && !dry.body.contains("Hidden"), "{}", dry.body);
        let reply = world.act_on((&id, "edit-recipient"), &word).await;
        assert!([202, 404, 409].contains(&reply.status), "{}", reply.body);
        goes_its_way(world).await;
    });
    assert_all_closed(&world);
    let asked: Vec<String> = world.shipbob.requests().iter().map(|request| format!("{request:?}")).collect();
    assert!(asked.iter().any(|request| request.contains("SW1A 1AA") && request.contains("Hidden Street 77")));
}

#[test]
fn a_wrong_mapping_is_put_right_once_and_all_that_waits_goes_on() {
    for style in [Style::Calm, Style::Doubled, Style::Shuffled(3)] {
        let world = told(
            async |world: &mut World| {
                let right = in_erp(world, "MUG-WHT");
                world.keep_item("MUG-WHT", &json!({ "identities": { "netsuite": "99999" } })).await;
                for _ in 0..12 {
                    place(world, one_mug());
                }
                goes_its_way(world).await;
                let waiting = ids(&listed(world, &[("class", "mapping"), ("task", "post_sales_order")]).await);
                assert_eq!(waiting.len(), 12, "{waiting:?}");
                let retry = json!({ "action": "retry", "filter": { "class": "mapping", "task": "post_sales_order" } });
                let dry = world.act_on_many(&retry, true).await.json();
                assert_eq!((&dry["done"], &dry["dry_run"]), (&json!(12), &json!(true)), "{dry}");
                assert!(dry["effects"].as_u64().unwrap() >= 12, "{dry}");
                let right = json!({ "sku": "MUG-WHT", "connection": "netsuite", "identity": right });
                let reply = world.act_on((&waiting[0], "map"), &right).await;
                assert_eq!(reply.status, 202, "{}", reply.body);
                let done = world.act_on_many(&retry, false).await.json();
                assert!(done["done"].as_u64().unwrap() >= 11, "{done}");
                goes_its_way(world).await;
            },
            style,
        );
        assert_all_closed(&world);
    }
}

/// What the ERP calls an item.
fn in_erp(world: &World, sku: &str) -> String {
    let item = world.store.all_items().remove(&sku.parse::<Sku>().unwrap()).unwrap();
    item.identities.at(&"netsuite".parse().unwrap(), world.clock.now()).unwrap().to_owned()
}

#[test]
fn a_poisoned_delivery_is_corrected_and_becomes_an_order() {
    let mut world = calm();
    run(async {
        place(&world, one_mug());
        world.settle().await;
        let good = order(&world);
        shop_delivers(&mut world, "orders/create", br#"{"id":"not a number","email":"marker@example.com"}"#).await;
        world.wait(SignedDuration::from_hours(3)).await;
        let found = ids(&listed(&mut world, &[("task", "delivery")]).await);
        assert_eq!(found.len(), 1, "{found:?}");
        let reply = world.ops("/ops/exceptions/{exception_id}", &[("exception_id", &found[0])], &[]).await;
        assert!(!reply.body.contains("marker@"), "{}", reply.body);
        let reply = world.act_on((&found[0], "edit-delivery"), &json!({ "patch": ["no"] })).await;
        assert_eq!(reply.status, 400, "{}", reply.body);
        let reply = world.act_on((&found[0], "resolve"), &json!({ "reason": "a test of the shop's" })).await;
        assert_eq!(reply.status, 202, "{}", reply.body);
        let reply = world.act_on((&found[0], "retry"), &Value::Null).await;
        assert_eq!(reply.status, 409, "it is closed: {}", reply.body);
        assert_eq!(ids(&listed(&mut world, &[]).await), Vec::<String>::new());
        assert_eq!(good.seq, order(&world).seq);
    });
}

#[test]
fn a_connection_is_left_alone_by_somebodys_word_and_taken_up_again() {
    let mut world = calm();
    run(async {
        let until = world.clock.now() + SignedDuration::from_hours(2);
        let word = json!({ "reason": "the ERP is upgraded", "until": until });
        let reply = world.act_on_connection("netsuite", "pause", &word).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        world.clock.pass(SignedDuration::from_secs(6));
        for _ in 0..3 {
            place(&world, two_lines());
        }
        for _ in 0..60 {
            world.moves(1).await;
            assert_eq!(world.netsuite.requests().len(), 0, "nobody calls it");
        }
        assert!(world.clock.now() < until);
        let found = listed(&mut world, &[]).await;
        assert_eq!(ids(&found), ["connection:netsuite"], "one exception, however many wait");
        let id = "connection:netsuite";
        assert_eq!(world.act_on((id, "assign"), &json!({ "owner": "erp-team" })).await.status, 202);
        assert_eq!(listed(&mut world, &[("owner", "erp-team")]).await["exceptions"].as_array().unwrap().len(), 1);
        let overview = world.survey().await.unwrap();
        assert_eq!((overview.down[0].orders, overview.in_flight), (3, 3), "{overview:?}");
        assert_eq!(overview.postings.as_ref().map(|postings| postings.orders), Some(3));
        let reply = world.act_on_connection("netsuite", "resume", &Value::Null).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        world.wait(SignedDuration::from_hours(3)).await;
        goes_its_way(&mut world).await;
        let word = json!({ "reason": "too long", "until": world.clock.now() + SignedDuration::from_hours(24 * 30) });
        assert_eq!(world.act_on_connection("netsuite", "pause", &word).await.status, 422);
        assert_eq!(world.act_on_connection("nobody", "resume", &Value::Null).await.status, 404);
        assert_eq!(world.act_on_connection("netsuite", "ask-again", &Value::Null).await.status, 409);
    });
    assert_all_closed(&world);
}

#[test]
fn a_3pl_is_asked_again_about_all_that_it_was_to_tell() {
    let mut world = calm();
    run(async {
        for _ in 0..3 {
            place(&world, one_mug());
        }
        world.settle().await;
        ship_all(&world);
        assert!(!world.shipbob.take_deliveries().is_empty(), "nobody hears of the parcels");
        let reply = world.act_on_connection("shipbob", "ask-again", &Value::Null).await;
        assert_eq!((reply.status, &reply.json()["asked"]), (200, &json!(3)), "{}", reply.body);
        world.settle().await;
    });
    assert_all_closed(&world);
}

#[test]
fn what_cannot_wait_until_the_morning_is_told_first() {
    let mut world = calm();
    run(async {
        world.shopify.add_fault(fault("POST /admin/api/*", "status:500", 500));
        place(&world, one_mug());
        place(&world, units_of("SOCKS-3PK", 500));
        goes_its_way(&mut world).await;
        world.wait(SignedDuration::from_mins(25)).await;
        let overview = world.survey().await.unwrap();
        assert_eq!(overview.count(Urgency::NotTold), 1, "{overview:?}");
        assert_eq!(overview.count(Urgency::Oversold), 1, "{overview:?}");
        assert!(overview.exceptions(Criticality::CustomerFacing) > 0, "{overview:?}");
        let reply = world.ops("/ops/overview", &[], &[]).await;
        let told = reply.json();
        assert_eq!(
            (reply.status, &told["overview"]["urgent"]["not_told"]["count"]),
            (200, &json!(1)),
            "{}",
            reply.body
        );
        assert_eq!(told["rates"]["orders_24_hours"], json!(2), "{}", told["rates"]);
    });
}

#[test]
fn orders_are_counted_as_they_come_and_as_they_end() {
    let mut world = calm();
    run(async {
        for _ in 0..4 {
            place(&world, one_mug());
        }
        place(&world, units_of("NOBODY-KNOWS-IT", 1));
        goes_its_way(&mut world).await;
        world.clock.pass(SignedDuration::from_mins(2));
        let rates = world.ops("/ops/overview", &[], &[]).await.json()["rates"].clone();
        assert_eq!(
            rates,
            json!({ "orders_last_10_minutes": 5, "orders_24_hours": 5, "completed_24_hours": 4,
                    "acceptance_percent": 80, "touchless_percent": 100 })
        );
    });
}

#[test]
fn words_that_make_no_sense_are_refused_and_change_nothing() {
    let mut world = calm();
    run(async {
        let id = a_closed_period(&mut world).await;
        let before = order(&world).seq;
        for (action, word, status) in [
            ("forget", json!({}), 404),
            ("resolve", json!({}), 400),
            ("resolve", json!({ "reason": "" }), 422),
            ("assign", json!({ "owner": 7 }), 400),
            ("assign", json!({ "owner": "x".repeat(101) }), 422),
            ("tag", json!({ "tags": "urgent" }), 400),
            ("snooze", json!({ "until": "tomorrow" }), 422),
            ("edit-recipient", json!({ "address": { "shoe_size": "44" } }), 400),
            ("edit-recipient", json!({ "address": {} }), 422),
            ("edit-delivery", json!({ "patch": {} }), 409),
            ("map", json!({ "sku": "MUG-WHT" }), 400),
            ("decline", json!({}), 409),
            ("cancel", json!({ "reason": "boredom" }), 422),
            ("retry", json!({ "surprise": 1 }), 400),
        ] {
            let reply = world.act_on((&id, action), &word).await;
            assert_eq!(reply.status, status, "{action} {word}: {}", reply.body);
        }
        for (filter, status) in [(json!({}), 422), (json!({ "class": 7 }), 400), (json!({ "colour": "red" }), 400)] {
            let reply = world.act_on_many(&json!({ "action": "retry", "filter": filter }), false).await;
            assert_eq!(reply.status, status, "{filter}: {}", reply.body);
        }
        let reply = world.act_on_many(&json!({ "action": "cancel", "filter": { "class": "refused" } }), false).await;
        assert_eq!(reply.status, 422, "an order is cancelled by itself: {}", reply.body);
        assert_eq!(world.ops("/ops/exceptions", &[], &[("concerns", "everybody")]).await.status, 400);
        let stranger = ("stranger", "ops:read ops:write", "web-uk");
        let reply = world.act_on_as(stranger, (&id, "retry"), (&Value::Null, false)).await;
        assert_eq!(reply.status, 404, "{}", reply.body);
        let reader = ("reader", "ops:read", "*");
        let reply = world.act_on_as(reader, (&id, "retry"), (&Value::Null, false)).await;
        assert_eq!(reply.status, 403, "{}", reply.body);
        world.settle().await;
        assert_eq!(order(&world).seq, before);
        assert_eq!(attention(&mut world).await, [format!("{DEPOSIT} refused")]);
        assert_eq!(order(&world).status(), Status::Fulfilling);
    });
}

#[test]
fn the_list_is_a_file_that_no_spreadsheet_takes_for_formulas() {
    let mut world = calm();
    run(async {
        let id = a_closed_period(&mut world).await;
        assert_eq!(world.act_on((&id, "assign"), &json!({ "owner": "=cmd()" })).await.status, 202);
        world.settle().await;
        let reply = world.ops("/ops/exceptions.csv", &[], &[]).await;
        let lines: Vec<&str> = reply.body.lines().collect();
        assert_eq!((reply.status, reply.headers["content-type"].to_str().unwrap()), (200, "text/csv; charset=utf-8"));
        assert_eq!(lines.len(), 2, "{}", reply.body);
        assert!(lines[0].starts_with("exception_id,order_id,") && lines[1].starts_with(&id), "{}", reply.body);
        assert!(lines[1].contains("'=cmd()"), "{}", reply.body);
    });
}
