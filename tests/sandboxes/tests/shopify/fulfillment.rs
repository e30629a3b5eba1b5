//! `fulfillmentCreate`: preconditions and effect.

use super::*;

#[tokio::test]
async fn a_fulfilment_ships_what_remains_and_carries_its_tracking() {
    let stage = Stage::new();
    let id = stage.two_teas();
    let part = parts(&stage.order(&id).await)[0].clone();
    let mut input = whole(&part);
    input["trackingInfo"] = json!({ "company": "Royal Mail", "number": "RM1", "url": "https://example.com/RM1" });
    let outcome = stage.fulfill(input).await;
    assert_eq!(outcome["userErrors"], json!([]));
    assert_eq!(outcome["fulfillment"]["status"], "SUCCESS");
    assert_eq!(outcome["fulfillment"]["totalQuantity"], 2);
    let order = stage.order(&id).await;
    assert_eq!(order["displayFulfillmentStatus"], "FULFILLED");
    assert_eq!(parts(&order)[0]["status"], "CLOSED");
    assert_eq!(
        order["fulfillments"][0]["trackingInfo"],
        json!([{ "company": "Royal Mail", "number": "RM1", "url": "https://example.com/RM1" }])
    );
    let documents = stage.shop.documents();
    let fulfillment = &documents["orders"][0]["fulfillments"][0];
    assert_eq!(fulfillment["tracking_numbers"], json!(["RM1"]));
    assert_eq!(fulfillment["lines"], json!([{ "sku": "TEA", "quantity": 2 }]));
}

#[tokio::test]
async fn a_repeat_ships_the_rest_and_fails_only_when_nothing_is_left() {
    let stage = Stage::new();
    let id = stage.two_teas();
    let part = parts(&stage.order(&id).await)[0].clone();
    let one = some(&part, 1);
    assert_eq!(stage.fulfill(one.clone()).await["userErrors"], json!([]));
    let order = stage.order(&id).await;
    assert_eq!(order["displayFulfillmentStatus"], "PARTIALLY_FULFILLED");
    assert_eq!(parts(&order)[0]["status"], "IN_PROGRESS");
    assert_eq!(parts(&order)[0]["lineItems"]["nodes"][0]["remainingQuantity"], 1);
    assert_eq!(stage.fulfill(one.clone()).await["userErrors"], json!([]), "it is not idempotent");
    assert_eq!(stage.order(&id).await["fulfillments"].as_array().unwrap().len(), 2);
    let number = part["id"].as_str().unwrap().rsplit('/').next().unwrap();
    let refused = stage.fulfill(one).await;
    assert_eq!(refused["fulfillment"], Value::Null);
    assert_eq!(
        refused["userErrors"],
        json!([{
            "field": ["fulfillment"],
            "message": format!("Fulfillment order {number} has an unfulfillable status= closed."),
        }])
    );
}

#[tokio::test]
async fn a_held_fulfilment_order_cannot_be_shipped_until_it_is_released() {
    let stage = Stage::new();
    let id = stage.two_teas();
    stage.shop.act(json!({ "hold_fulfillment_order": { "order": id, "reason": "HIGH_RISK_OF_FRAUD" } })).unwrap();
    let order = stage.order(&id).await;
    let part = parts(&order)[0].clone();
    assert_eq!(part["status"], "ON_HOLD");
    assert_eq!(part["fulfillmentHolds"], json!([{ "reason": "HIGH_RISK_OF_FRAUD" }]));
    assert_eq!(order["displayFulfillmentStatus"], "ON_HOLD");
    let refused = stage.fulfill(whole(&part)).await;
    let said = refused["userErrors"][0]["message"].as_str().unwrap();
    assert!(said.ends_with("has an unfulfillable status= on_hold."), "{said}");
    stage.shop.act(json!({ "release_hold": { "order": id } })).unwrap();
    assert_eq!(stage.fulfill(whole(&part)).await["userErrors"], json!([]));
}

#[tokio::test]
async fn each_precondition_is_checked_in_the_vendors_order_and_words() {
    let stage = Stage::new();
    let part_of = async |id: &str| parts(&stage.order(id).await);
    let both = stage.place(json!({ "lines": [
        { "sku": "TEA", "quantity": 1, "price": 1000 },
        { "sku": "CUP", "quantity": 1, "price": 1000, "location": "MAN1" },
    ] }));
    let other = stage.two_teas();
    let (here, elsewhere) = (part_of(&both).await, part_of(&other).await);
    let unknown = json!({ "fulfillmentOrderId": gid("FulfillmentOrder", "999999999") });
    let groups = |groups: Value| json!({ "lineItemsByFulfillmentOrder": groups });
    let group = |part: &Value| json!({ "fulfillmentOrderId": part["id"] });
    let with_line = |part: &Value, line: &str, quantity: i64| json!({ "fulfillmentOrderId": part["id"], "fulfillmentOrderLineItems": [{ "id": line, "quantity": quantity }] });
    let line = here[0]["lineItems"]["nodes"][0]["id"].as_str().unwrap();
    let no_line = gid("FulfillmentOrderLineItem", "1");
    for (input, message) in [
        (groups(json!([group(&here[0]), unknown])), "Fulfillment order does not exist.".to_owned()),
        (
            groups(json!([group(&here[0]), group(&elsewhere[0])])),
            format!("All fulfillment orders must belong to the same order. Multiple orders with ids [{both}, {other}] were found."),
        ),
        (
            groups(json!([group(&here[0]), group(&here[1])])),
            "All fulfillment orders must be assigned to a single location. Multiple locations with ids [113884102962, 114038047026] were found.".to_owned(),
        ),
        (groups(json!([with_line(&here[0], &no_line, 1)])), "Fulfillment order line item does not exist.".to_owned()),
        (groups(json!([with_line(&here[0], line, 2)])), "Invalid fulfillment order line item quantity requested.".to_owned()),
        (
            groups(json!([with_line(&here[0], line, 1), with_line(&here[0], line, 1)])),
            "Invalid fulfillment order line item quantity requested.".to_owned(),
        ),
    ] {
        let refused = stage.fulfill(input).await;
        assert_eq!(refused["userErrors"], json!([{ "field": ["fulfillment"], "message": message }]));
        assert_eq!(refused["fulfillment"], Value::Null);
    }
    let zero = stage.fulfill(groups(json!([unknown, with_line(&here[0], line, 0)]))).await;
    let field = ["fulfillment", "lineItemsByFulfillmentOrder", "1", "fulfillmentOrderLineItems", "0", "quantity"];
    assert_eq!(
        zero["userErrors"],
        json!([{ "field": field, "message": "Quantity must be greater than 0" }]),
        "quantities are looked at first"
    );
    assert!(stage.order(&both).await["fulfillments"].as_array().unwrap().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_tried_no_more_is_shipped_than_was_ordered(
        ordered in 1_i64..6,
        tries in prop::collection::vec(prop::option::of(0_i64..4), 0..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let lines = json!([{ "sku": "TEA", "quantity": ordered, "price": 100 }]);
        let stage = Stage::new();
        let id = stage.place(json!({ "lines": lines }));
        let mut accepted = 0;
        for quantity in tries {
            let part = runtime.block_on(stage.order(&id))["fulfillmentOrders"]["nodes"][0].clone();
            let remaining = part["lineItems"]["nodes"][0]["remainingQuantity"].as_i64().unwrap();
            prop_assert_eq!(remaining, ordered - accepted);
            let input = quantity.map_or_else(|| whole(&part), |quantity| some(&part, quantity));
            let outcome = runtime.block_on(stage.fulfill(input));
            let is_possible = remaining > 0 && quantity.is_none_or(|asked| (1..=remaining).contains(&asked));
            prop_assert_eq!(outcome["userErrors"].as_array().unwrap().is_empty(), is_possible);
            accepted += if is_possible { quantity.unwrap_or(remaining) } else { 0 };
        }
        let order = runtime.block_on(stage.order(&id));
        let closed = order["fulfillmentOrders"]["nodes"][0]["status"] == "CLOSED";
        prop_assert_eq!(closed, accepted == ordered);
        prop_assert_eq!(order["displayFulfillmentStatus"] == "FULFILLED", accepted == ordered);
    }
}
