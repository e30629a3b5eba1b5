//! Telling of shipments, against a shop that answers from a script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use crossdock_domain::event::{FailureClass, Tracking};
use crossdock_step::outbound::{Http, HttpError};
use crossdock_step::{Clock, Failure, Secret, Secrets};
use serde_json::{Value, json};

use crate::shopify::Shopify;
use crate::{Announcement, Outside, Posted, Storefront as _};

type Answer = Result<http::Response<Bytes>, HttpError>;

/// A shop that gives prepared answers and remembers what it was asked.
#[derive(Default)]
struct Shop {
    answers: Mutex<VecDeque<Answer>>,
    asked: Mutex<Vec<(String, Value)>>,
}

#[async_trait]
impl Http for Shop {
    async fn send(&self, request: http::Request<Bytes>) -> Answer {
        assert_eq!(request.uri(), "https://crossdock-uk.myshopify.com/admin/api/2026-10/graphql.json");
        let token = request.headers()["x-shopify-access-token"].clone();
        assert!(token.is_sensitive());
        let body = serde_json::from_slice(request.body()).unwrap();
        self.asked.lock().unwrap().push((token.to_str().unwrap().to_owned(), body));
        self.answers.lock().unwrap().pop_front().expect("the script has no further answer")
    }
}

/// A secret that was rotated: the cached token is old.
struct Rotated;

#[async_trait]
impl Secrets for Rotated {
    async fn secret(&self, _: &str) -> Result<Secret, Failure> {
        Ok(Secret::new(json!({ "access_token": "old" })))
    }
    async fn fresh_secret(&self, _: &str) -> Result<Secret, Failure> {
        Ok(Secret::new(json!({ "access_token": "new" })))
    }
}

fn answer(status: u16, body: &Value) -> Answer {
    Ok(http::Response::builder().status(status).body(Bytes::from(body.to_string())).unwrap())
}

fn data(data: Value) -> Answer {
    answer(200, &json!({ "data": data }))
}

fn page(nodes: Value) -> Value {
    json!({ "nodes": nodes, "pageInfo": { "hasNextPage": false, "endCursor": null } })
}

fn open_line(id: u64, line: u64, remaining: u64) -> Value {
    json!({
        "id": format!("gid://shopify/FulfillmentOrderLineItem/{id}"), "remainingQuantity": remaining,
        "lineItem": { "id": format!("gid://shopify/LineItem/{line}") },
    })
}

fn part(id: u64, (status, location): (&str, u64), lines: Value) -> Value {
    let holds = if status == "ON_HOLD" { json!([{ "reason": "HIGH_RISK_OF_FRAUD" }]) } else { json!([]) };
    json!({
        "id": format!("gid://shopify/FulfillmentOrder/{id}"), "status": status, "fulfillAt": "2026-12-24T00:00:00Z",
        "fulfillmentHolds": holds,
        "assignedLocation": { "location": { "id": format!("gid://shopify/Location/{location}") } },
        "lineItems": page(lines),
    })
}

fn told(id: u64, status: &str, units: u64, numbers: &[&str]) -> Value {
    let tracking: Vec<Value> = numbers.iter().map(|number| json!({ "number": number })).collect();
    json!({
        "id": format!("gid://shopify/Fulfillment/{id}"), "status": status, "totalQuantity": units,
        "trackingInfo": tracking,
    })
}

fn standing(fulfillments: Value, parts: Value) -> Answer {
    data(json!({ "order": { "fulfillments": fulfillments, "fulfillmentOrders": page(parts) } }))
}

fn created(units: u64) -> Answer {
    data(json!({ "fulfillmentCreate": {
        "fulfillment": { "id": "gid://shopify/Fulfillment/77", "status": "SUCCESS", "totalQuantity": units },
        "userErrors": [],
    }}))
}

fn refused(message: &str) -> Answer {
    let errors = json!([{ "field": ["fulfillment"], "message": message }]);
    data(json!({ "fulfillmentCreate": { "fulfillment": null, "userErrors": errors } }))
}

/// Which units a fulfilment told.
fn units_told(id: u64, lines: &[(u64, u64)]) -> Answer {
    let line = |(line, units): &(u64, u64)| json!({ "quantity": units, "lineItem": { "id": format!("gid://shopify/LineItem/{line}") } });
    let lines: Vec<Value> = lines.iter().map(line).collect();
    let fulfilled =
        json!({ "id": format!("gid://shopify/Fulfillment/{id}"), "fulfillmentLineItems": page(json!(lines)) });
    data(json!({ "order": { "fulfillments": [fulfilled] } }))
}

fn shipment(lines: &[(&str, u32)], numbers: &[&str]) -> Announcement {
    let tracking = |number: &&str| Tracking {
        carrier: Some("Royal Mail".into()),
        number: (*number).into(),
        url: Some(format!("https://track.example.com/{number}")),
    };
    Announcement {
        channel: "820982911946154508".parse().unwrap(),
        lines: lines.iter().map(|(line, units)| ((*line).to_owned(), *units)).collect(),
        tracking: numbers.iter().map(tracking).collect(),
        claimed_until: jiff::Timestamp::MAX,
    }
}

/// Announces; gives the result and what the shop was asked: operation, variables.
async fn announce(shipment: &Announcement, script: Vec<Answer>) -> (Result<Posted, Failure>, Vec<(String, Value)>) {
    let shop = Arc::new(Shop { answers: Mutex::new(script.into()), asked: Mutex::default() });
    let outside = Outside {
        connection: "shopify-uk".into(),
        settings: json!({
            "kind": "shopify", "base_url": "https://crossdock-uk.myshopify.com", "api_version": "2026-10",
            "shop_domain": "crossdock-uk.myshopify.com",
        }),
        http: shop.clone(),
        secrets: Arc::new(Rotated),
        clock: Clock::new(|| "2026-11-23T12:00:00Z".parse().unwrap()),
    };
    let result = Shopify::new(outside).unwrap().announce_shipment(shipment).await;
    assert!(shop.answers.lock().unwrap().is_empty(), "an answer was never asked for");
    let asked = shop.asked.lock().unwrap();
    let asked =
        asked.iter().map(|(_, body)| (body["operationName"].as_str().unwrap().to_owned(), body["variables"].clone()));
    (result, asked.collect())
}

fn id_of(result: &Result<Posted, Failure>) -> &str {
    &result.as_ref().unwrap_or_else(|failure| panic!("{failure}")).id
}

fn reason_of(result: Result<Posted, Failure>, class: FailureClass) -> String {
    match result {
        Err(Failure::Permanent { class: told, reason }) if told == class => reason,
        other => panic!("{other:?}"),
    }
}

fn argument(asked: &[(String, Value)]) -> &Value {
    &asked.iter().find(|(name, _)| name == "FulfillmentCreate").expect("a mutation").1["fulfillment"]
}

#[tokio::test]
async fn a_shipment_is_told_with_exact_units_of_open_unheld_fulfilment_orders() {
    let parts = json!([
        part(1, ("CLOSED", 9), json!([open_line(10, 501, 0)])),
        part(2, ("ON_HOLD", 9), json!([open_line(20, 501, 5)])),
        part(3, ("OPEN", 9), json!([open_line(30, 501, 2), open_line(31, 502, 4)])),
        part(4, ("IN_PROGRESS", 9), json!([open_line(40, 501, 3)])),
    ]);
    let script = vec![standing(json!([]), parts), created(4)];
    let (result, asked) = announce(&shipment(&[("501", 3), ("502", 1)], &["T1"]), script).await;
    assert_eq!(id_of(&result), "77");
    assert_eq!(asked[0].1["order"], "gid://shopify/Order/820982911946154508");
    assert_eq!(
        *argument(&asked),
        json!({
            "notifyCustomer": true,
            "trackingInfo": { "company": "Royal Mail", "numbers": ["T1"], "urls": ["https://track.example.com/T1"] },
            "lineItemsByFulfillmentOrder": [
                { "fulfillmentOrderId": "gid://shopify/FulfillmentOrder/3", "fulfillmentOrderLineItems": [
                    { "id": "gid://shopify/FulfillmentOrderLineItem/30", "quantity": 2 },
                    { "id": "gid://shopify/FulfillmentOrderLineItem/31", "quantity": 1 },
                ]},
                { "fulfillmentOrderId": "gid://shopify/FulfillmentOrder/4", "fulfillmentOrderLineItems": [
                    { "id": "gid://shopify/FulfillmentOrderLineItem/40", "quantity": 1 },
                ]},
            ],
        })
    );
}

#[tokio::test]
async fn a_location_that_has_it_all_is_preferred_to_a_split() {
    let parts = json!([
        part(1, ("OPEN", 1), json!([open_line(10, 501, 1)])),
        part(2, ("OPEN", 2), json!([open_line(20, 501, 2)])),
    ]);
    let (result, asked) =
        announce(&shipment(&[("501", 2)], &["T1"]), vec![standing(json!([]), parts), created(2)]).await;
    assert_eq!(id_of(&result), "77");
    assert_eq!(
        argument(&asked)["lineItemsByFulfillmentOrder"][0]["fulfillmentOrderId"],
        "gid://shopify/FulfillmentOrder/2"
    );
}

#[tokio::test]
async fn a_shipment_over_two_of_the_shops_locations_is_told_in_two_calls() {
    let parts = || {
        json!([
            part(1, ("OPEN", 1), json!([open_line(10, 501, 1)])),
            part(2, ("OPEN", 2), json!([open_line(20, 502, 1)])),
        ])
    };
    let two = [("501", 1), ("502", 1)];
    let (result, asked) =
        announce(&shipment(&two, &["T1"]), vec![standing(json!([]), parts()), created(1), created(1)]).await;
    assert_eq!((id_of(&result), asked.len()), ("77", 3));
    let (result, _) = announce(&shipment(&two, &[]), vec![standing(json!([]), parts())]).await;
    assert!(reason_of(result, FailureClass::Refused).contains("no tracking number"), "it could not be found again");
}

#[tokio::test]
async fn a_shipment_that_was_told_before_the_answer_was_lost_is_not_told_again() {
    let parts = || json!([part(3, ("OPEN", 9), json!([open_line(30, 501, 2)]))]);
    let known = || standing(json!([told(5, "SUCCESS", 2, &["T0", "T1"])]), parts());
    let (result, asked) = announce(&shipment(&[("501", 2)], &["T1"]), vec![known(), units_told(5, &[(501, 2)])]).await;
    assert_eq!((id_of(&result), asked.len()), ("5", 2), "found by its tracking number");
    let other = vec![known(), units_told(5, &[(777, 2)]), created(2)];
    let (result, _) = announce(&shipment(&[("501", 2)], &["T1"]), other).await;
    assert_eq!(id_of(&result), "77", "other units in the same parcel are another shipment");
    let cancelled = vec![standing(json!([told(5, "CANCELLED", 2, &["T1"])]), parts()), created(2)];
    let (result, _) = announce(&shipment(&[("501", 2)], &["T1"]), cancelled).await;
    assert_eq!(id_of(&result), "77", "a cancelled fulfilment tells nothing");
}

#[tokio::test]
async fn after_a_crash_between_two_calls_only_the_rest_is_told() {
    let parts = json!([part(2, ("OPEN", 2), json!([open_line(20, 502, 1)]))]);
    let script = vec![standing(json!([told(5, "SUCCESS", 1, &["T1"])]), parts), units_told(5, &[(501, 1)]), created(1)];
    let (result, asked) = announce(&shipment(&[("501", 1), ("502", 1)], &["T1"]), script).await;
    assert_eq!(id_of(&result), "77");
    let lines = &argument(&asked)["lineItemsByFulfillmentOrder"];
    assert_eq!(lines.as_array().unwrap().len(), 1);
    assert_eq!(lines[0]["fulfillmentOrderLineItems"][0]["id"], "gid://shopify/FulfillmentOrderLineItem/20");
}

#[tokio::test]
async fn a_shipment_without_tracking_is_found_by_its_units() {
    let parts = || json!([part(3, ("OPEN", 9), json!([open_line(30, 501, 2)]))]);
    let known = || standing(json!([told(5, "SUCCESS", 2, &[]), told(6, "SUCCESS", 2, &["OTHER"])]), parts());
    let (result, _) = announce(&shipment(&[("501", 2)], &[]), vec![known(), units_told(5, &[(501, 2)])]).await;
    assert_eq!(id_of(&result), "5");
    let (result, asked) =
        announce(&shipment(&[("501", 2)], &[]), vec![known(), units_told(5, &[(999, 2)]), created(2)]).await;
    assert_eq!(id_of(&result), "77", "the same number of other units is another shipment");
    assert!(argument(&asked).get("trackingInfo").is_none());
}

#[tokio::test]
async fn what_the_storefront_holds_has_scheduled_or_closed_waits_for_a_person() {
    for (status, says) in [
        ("ON_HOLD", "HIGH_RISK_OF_FRAUD"),
        ("SCHEDULED", "2026-12-24"),
        ("CLOSED", "nothing open for 1 units of line 501"),
        ("CANCELLED", "nothing open"),
        ("INCOMPLETE", "nothing open"),
    ] {
        let parts = json!([part(3, (status, 9), json!([open_line(30, 501, 1)]))]);
        let (result, asked) = announce(&shipment(&[("501", 1)], &["T1"]), vec![standing(json!([]), parts)]).await;
        let reason = reason_of(result, FailureClass::Refused);
        assert!(reason.contains(says), "{status}: {reason}");
        assert_eq!(asked.len(), 1, "nothing was told");
    }
}

#[tokio::test]
async fn a_refusal_is_looked_into_before_it_is_believed() {
    let parts = || json!([part(3, ("OPEN", 9), json!([open_line(30, 501, 1)]))]);
    let closed = "Fulfillment order 3 has an unfulfillable status= closed.";
    let meanwhile = standing(json!([told(5, "SUCCESS", 1, &["T1"])]), json!([]));
    let script = vec![standing(json!([]), parts()), refused(closed), meanwhile, units_told(5, &[(501, 1)])];
    let (result, _) = announce(&shipment(&[("501", 1)], &["T1"]), script).await;
    assert_eq!(id_of(&result), "5", "an earlier call of ours came through late");
    let script = vec![standing(json!([]), parts()), refused(closed), standing(json!([]), json!([]))];
    let (result, _) = announce(&shipment(&[("501", 1)], &["T1"]), script).await;
    assert_eq!(reason_of(result, FailureClass::Refused), format!("Shopify refuses: {closed}"));
}

#[tokio::test]
async fn two_hundred_is_not_success() {
    let parts = || json!([part(3, ("OPEN", 9), json!([open_line(30, 501, 2)]))]);
    let (result, _) = announce(&shipment(&[("501", 2)], &["T1"]), vec![standing(json!([]), parts()), created(1)]).await;
    assert!(reason_of(result, FailureClass::Refused).contains("told of 2 units and shows 1"));
    for (body, class) in [
        (json!({ "data": { "order": null } }), FailureClass::Missing),
        (json!({ "data": { "order": { "fulfillments": 5 } } }), FailureClass::Parse),
        (json!({ "data": null }), FailureClass::Parse),
        (json!({}), FailureClass::Parse),
        (json!("<html>"), FailureClass::Parse),
        (json!({ "data": { "order": {} }, "errors": [{ "message": "half" }] }), FailureClass::Refused),
    ] {
        let (result, _) = announce(&shipment(&[("501", 1)], &["T1"]), vec![answer(200, &body)]).await;
        reason_of(result, class);
    }
}

#[tokio::test]
async fn a_stale_token_is_replaced_once_and_a_bad_one_stops() {
    let parts = json!([part(3, ("OPEN", 9), json!([open_line(30, 501, 1)]))]);
    let (result, asked) = announce(
        &shipment(&[("501", 1)], &["T1"]),
        vec![answer(401, &json!({})), standing(json!([]), parts), created(1)],
    )
    .await;
    assert_eq!((id_of(&result), asked.len()), ("77", 3));
    let denied = json!({ "data": { "order": null }, "errors": [{ "message": "no", "extensions": { "code": "ACCESS_DENIED" } }] });
    for refusal in [answer(401, &json!({})), answer(403, &json!({})), answer(200, &denied)] {
        let (result, asked) = announce(&shipment(&[("501", 1)], &["T1"]), vec![refusal.clone(), refusal]).await;
        reason_of(result, FailureClass::Connection);
        assert_eq!(asked.len(), 2);
    }
}

#[tokio::test]
async fn a_throttled_call_pauses_the_connection_for_as_long_as_the_bucket_needs() {
    let throttled = |requested: u64| {
        answer(
            200,
            &json!({
                "errors": [{ "message": "Throttled", "extensions": { "code": "THROTTLED" } }],
                "extensions": { "cost": { "requestedQueryCost": requested, "actualQueryCost": null, "throttleStatus": {
                    "maximumAvailable": 2000.0, "currentlyAvailable": 140, "restoreRate": 100.0 } } },
            }),
        )
    };
    let until = |result: Result<Posted, Failure>| match result {
        Err(Failure::Paused { until, .. }) => until.to_string(),
        other => panic!("{other:?}"),
    };
    let (result, _) = announce(&shipment(&[("501", 1)], &["T1"]), vec![throttled(752)]).await;
    assert_eq!(until(result), "2026-11-23T12:00:07Z", "(752 - 140) / 100, rounded up");
    let (result, _) = announce(&shipment(&[("501", 1)], &["T1"]), vec![throttled(2001)]).await;
    reason_of(result, FailureClass::TooLarge);
    for (wait, seconds) in
        [("2.0", 2), ("90", 90), ("Mon, 23 Nov 2026 12:00:30 GMT", 30), ("99999999", 900), ("soon", 10)]
    {
        let mut busy = answer(429, &json!({})).unwrap();
        busy.headers_mut().insert("retry-after", wait.parse().unwrap());
        let (result, _) = announce(&shipment(&[("501", 1)], &["T1"]), vec![Ok(busy)]).await;
        let now: jiff::Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        assert_eq!(until(result), (now + jiff::SignedDuration::from_secs(seconds)).to_string(), "{wait}");
    }
}

#[tokio::test]
async fn an_answer_that_never_came_is_tried_again_later() {
    let parts = json!([part(3, ("OPEN", 9), json!([open_line(30, 501, 1)]))]);
    let lost = Err(HttpError::NoAnswer("timed out".into()));
    let (result, _) = announce(&shipment(&[("501", 1)], &["T1"]), vec![standing(json!([]), parts), lost]).await;
    assert!(matches!(result, Err(Failure::Retry { .. })), "the next try looks first");
}

#[tokio::test]
async fn long_orders_are_read_page_by_page() {
    let mut first = part(3, ("OPEN", 9), json!([open_line(30, 501, 1)]));
    first["lineItems"]["pageInfo"] = json!({ "hasNextPage": true, "endCursor": "l1" });
    let page_one = data(json!({ "order": { "fulfillments": [], "fulfillmentOrders": {
        "nodes": [first], "pageInfo": { "hasNextPage": true, "endCursor": "p1" } } } }));
    let more_lines = data(json!({ "fulfillmentOrder": { "lineItems": page(json!([open_line(31, 502, 1)])) } }));
    let page_two = standing(json!([]), json!([part(4, ("OPEN", 9), json!([open_line(40, 503, 1)]))]));
    let all = [("501", 1), ("502", 1), ("503", 1)];
    let (result, asked) = announce(&shipment(&all, &["T1"]), vec![page_one, more_lines, page_two, created(3)]).await;
    assert_eq!(id_of(&result), "77");
    assert_eq!((&asked[1].1["after"], &asked[2].1["after"]), (&json!("l1"), &json!("p1")));
}

#[tokio::test]
async fn a_fulfilment_longer_than_a_page_is_known_by_its_number_of_units() {
    let known = |units: u64| standing(json!([told(5, "SUCCESS", units, &["T1"])]), json!([]));
    let long = || {
        data(json!({ "order": { "fulfillments": [{ "id": "gid://shopify/Fulfillment/5", "fulfillmentLineItems": {
        "nodes": [], "pageInfo": { "hasNextPage": true, "endCursor": "x" } } }] } }))
    };
    let (result, _) = announce(&shipment(&[("501", 300)], &["T1"]), vec![known(300), long()]).await;
    assert_eq!(id_of(&result), "5");
    let (result, _) = announce(&shipment(&[("501", 300)], &["T1"]), vec![known(299), long()]).await;
    assert!(reason_of(result, FailureClass::Refused).contains("too many lines"));
}

#[tokio::test]
async fn a_shipment_of_nothing_is_not_told() {
    let (result, _) = announce(&shipment(&[("501", 0)], &["T1"]), vec![]).await;
    reason_of(result, FailureClass::Value);
}

#[tokio::test]
async fn a_claim_that_has_ended_tells_nobody() {
    let parts = json!([part(3, ("OPEN", 9), json!([open_line(30, 501, 2)]))]);
    let late = Announcement { claimed_until: jiff::Timestamp::MIN, ..shipment(&[("501", 2)], &["T1"]) };
    let (outcome, asked) = announce(&late, vec![standing(json!([]), parts)]).await;
    assert!(matches!(outcome, Err(Failure::Retry { .. })), "{outcome:?}");
    assert_eq!(asked.len(), 1, "only the question: {asked:?}");
}
