//! Faults, resets and acts that cannot be done.

use super::*;

#[tokio::test]
async fn a_timeout_after_commit_leaves_the_fulfilment_behind() {
    let stage = Stage::new();
    let id = stage.two_teas();
    let part = parts(&stage.order(&id).await)[0].clone();
    let fault = Fault::new("POST /admin/api/", FaultKind::TimeoutAfterCommit, 1);
    stage.shop.add_fault(fault.only_when_body_contains("fulfillmentCreate"));
    let body = json!({ "query": FULFILL, "variables": { "fulfillment": whole(&part) } });
    let (status, ..) = stage.post(GRAPHQL, Some("shpat_sandbox"), &body).await;
    assert_eq!(status.as_u16(), 599);
    assert_eq!(stage.order(&id).await["displayFulfillmentStatus"], "FULFILLED");
}

#[tokio::test]
async fn each_status_fault_has_the_vendors_body() {
    let stage = Stage::new();
    for (status, said) in
        [(402, "Unavailable Shop"), (430, "Shopify Security Rejection"), (500, "Internal Server Error")]
    {
        stage.shop.add_fault(Fault::new("POST /admin/api/", FaultKind::Status(status, None), 1));
        let (given, _, answer) =
            stage.post(GRAPHQL, Some("shpat_sandbox"), &json!({ "query": "{ shop { id } }" })).await;
        assert_eq!((given.as_u16(), &answer["errors"]), (status, &json!(said)));
    }
    stage.shop.add_fault(Fault::new("POST /admin/api/", FaultKind::Status(429, None), 1));
    let (_, response, _) = stage.post(GRAPHQL, Some("shpat_sandbox"), &json!({ "query": "{ shop { id } }" })).await;
    assert_eq!(response.headers()["retry-after"], "2.0");
}

#[tokio::test]
async fn a_top_level_error_can_come_before_or_after_the_deed() {
    let stage = Stage::new();
    let id = stage.two_teas();
    let part = parts(&stage.order(&id).await)[0].clone();
    for (after_commit, status) in [(false, "UNFULFILLED"), (true, "FULFILLED")] {
        let plan = json!({ "code": "INTERNAL_SERVER_ERROR", "after_commit": after_commit });
        stage.shop.act(json!({ "fail_next": plan })).unwrap();
        let answer = stage.ask(FULFILL, json!({ "fulfillment": whole(&part) })).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "INTERNAL_SERVER_ERROR");
        assert_eq!(stage.order(&id).await["displayFulfillmentStatus"], status);
    }
}

#[tokio::test]
async fn a_reset_shop_never_gives_an_id_twice() {
    let stage = Stage::new();
    let first = stage.two_teas();
    let webhook = header(&stage.shop.take_deliveries()[0], "X-Shopify-Webhook-Id").to_owned();
    let request = Request::post("/_sandbox/reset").body(Body::empty()).unwrap();
    let answer = stage.shop.router().oneshot(request).await.unwrap();
    assert!(answer.status().is_success());
    assert_eq!(stage.shop.documents(), json!({ "orders": [], "inventory": [] }));
    assert_ne!(stage.two_teas(), first);
    assert_ne!(header(&stage.shop.take_deliveries()[0], "X-Shopify-Webhook-Id"), webhook);
}

#[test]
fn an_act_that_nobody_can_do_says_what_can_be_done() {
    let stage = Stage::new();
    let refused = stage.shop.act(json!({ "place_ordr": {} })).unwrap_err();
    assert!(refused.contains("place_order"), "{refused}");
    let named = json!({ "action": "place_order", "lines": [{ "sku": "TEA", "quantity": 1, "price": 100 }] });
    assert!(stage.shop.act(named).is_ok());
    let elsewhere =
        json!({ "place_order": { "lines": [{ "sku": "TEA", "quantity": 1, "price": 100 }], "location": "NOWHERE" } });
    assert!(stage.shop.act(elsewhere).unwrap_err().contains("NOWHERE"));
}
