//! Queries: selection, validation, paging, cost, access.

use super::*;

#[tokio::test]
async fn only_what_is_asked_for_is_answered() {
    let stage = Stage::new();
    let id = stage.two_teas();
    let answer = stage.ask(
        "query($id: ID!, $with: Boolean!) { it: order(id: $id) { ...Name test @include(if: $with) } }
         fragment Name on Order { name __typename }",
        json!({ "id": gid("Order", &id), "with": false }),
    );
    let answer = answer.await;
    assert_eq!(answer["data"], json!({ "it": { "name": "#1001", "__typename": "Order" } }));
    let cost = &answer["extensions"]["cost"];
    assert!(cost["actualQueryCost"].as_u64().unwrap() <= cost["requestedQueryCost"].as_u64().unwrap());
}

#[tokio::test]
async fn an_order_shows_its_fulfilment_orders_lines_and_location() {
    let stage = Stage::new();
    let id = stage.place(json!({ "lines": [
        { "sku": "TEA", "quantity": 2, "price": "10.00" },
        { "sku": "CUP", "quantity": 1, "price": "7.50", "location": "MAN1" },
    ] }));
    let order = stage.order(&id).await;
    assert_eq!(order["displayFulfillmentStatus"], "UNFULFILLED");
    assert_eq!(order["displayFinancialStatus"], "PAID");
    let parts = parts(&order);
    assert_eq!(parts.len(), 2);
    assert_eq!(parts[0]["assignedLocation"]["location"]["name"], "LON1");
    assert_eq!(parts[1]["assignedLocation"]["name"], "MAN1");
    assert_eq!(parts[0]["lineItems"]["nodes"][0]["lineItem"]["sku"], "TEA");
    assert_eq!(parts[0]["lineItems"]["nodes"][0]["remainingQuantity"], 2);
    assert_eq!(parts[0]["requestStatus"], "UNSUBMITTED");
    assert_eq!(stage.ask(READ_ORDER, json!({ "id": gid("Order", "1") })).await["data"]["order"], Value::Null);
}

#[tokio::test]
async fn documents_that_the_schema_does_not_allow_get_a_top_level_error() {
    let stage = Stage::new();
    for (query, code) in [
        ("{ shop { nmae } }", Some("undefinedField")),
        ("{ shop { name }", None),
        ("query($id: ID!) { order(id: $id) }", None),
        ("{ order { id } }", Some("missingRequiredArguments")),
    ] {
        let answer = stage.ask(query, json!({})).await;
        assert!(answer.get("data").is_none(), "{query}: {answer}");
        let error = &answer["errors"][0];
        assert!(error["locations"][0]["line"].is_u64(), "{query}: {answer}");
        assert_eq!(error["extensions"]["code"].as_str(), code, "{query}: {answer}");
    }
    let answer = stage.ask(READ_ORDER, json!({ "id": { "not": "an id" } })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "INVALID_VARIABLE");
    let answer = stage.ask(READ_ORDER, json!({})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "INVALID_VARIABLE");
    let answer = stage.ask(READ_ORDER, json!({ "id": gid("Product", "1") })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "RESOURCE_NOT_FOUND");
    let (status, _, _) = stage.post(GRAPHQL, Some("shpat_sandbox"), &json!({ "nothing": 1 })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_connection_wants_a_page_size_and_pages_by_cursor() {
    let stage = Stage::new();
    let first = stage.two_teas();
    stage.wait_ms(60_000);
    let second = stage.two_teas();
    let answer = stage.ask("{ orders { nodes { id } } }", json!({})).await;
    assert_eq!(answer["errors"][0]["message"], "you must provide one of first or last");
    let page = "query($after: String) { orders(first: 1, after: $after) {
        edges { node { legacyResourceId } } pageInfo { hasNextPage endCursor } } }";
    let one = stage.ask(page, json!({})).await["data"]["orders"].clone();
    assert_eq!(one["edges"][0]["node"]["legacyResourceId"], json!(first));
    assert_eq!(one["pageInfo"]["hasNextPage"], true);
    let two = stage.ask(page, json!({ "after": one["pageInfo"]["endCursor"] })).await["data"]["orders"].clone();
    assert_eq!(two["edges"][0]["node"]["legacyResourceId"], json!(second));
    assert_eq!(two["pageInfo"]["hasNextPage"], false);
    let since = "{ orders(first: 5, query: \"updated_at:>'2026-06-21T00:00:00Z'\", sortKey: UPDATED_AT) {
        nodes { legacyResourceId } } }";
    let recent = stage.ask(since, json!({})).await["data"]["orders"]["nodes"].clone();
    assert_eq!(recent, json!([{ "legacyResourceId": second }]));
}

#[tokio::test]
async fn an_empty_bucket_throttles_with_http_200_and_refills() {
    let bucket = BucketSize { points: 400, restored_per_second: 50 };
    let stage = Stage::with(ShopifyConfig { bucket, ..ShopifyConfig::default() });
    let id = stage.two_teas();
    let read = json!({ "id": gid("Order", &id) });
    stage.shop.act(json!({ "drain_bucket": { "points": 3 } })).unwrap();
    let throttled = stage.ask(READ_ORDER, read.clone()).await;
    assert_eq!(throttled["errors"][0]["message"], "Throttled");
    assert_eq!(throttled["errors"][0]["extensions"]["code"], "THROTTLED");
    assert!(throttled.get("data").is_none());
    let cost = &throttled["extensions"]["cost"];
    assert_eq!(cost["actualQueryCost"], Value::Null);
    let status = &cost["throttleStatus"];
    assert_eq!(
        (&status["maximumAvailable"], &status["currentlyAvailable"], &status["restoreRate"]),
        (&json!(400), &json!(3), &json!(50))
    );
    let missing = cost["requestedQueryCost"].as_i64().unwrap() - 3;
    stage.wait_ms(missing * 1000 / 50 + 1);
    assert!(stage.ask(READ_ORDER, read).await.get("errors").is_none(), "waiting as told is enough");
}

#[tokio::test]
async fn a_query_may_not_be_estimated_above_the_limit() {
    let stage = Stage::new();
    let vast = "{ orders(first: 250) { nodes { fulfillmentOrders(first: 250) { nodes { lineItems(first: 250) {
        nodes { lineItem { id } } } } } } } }";
    let answer = stage.ask(vast, json!({})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "MAX_COST_EXCEEDED");
}

#[tokio::test]
async fn access_can_be_denied_to_one_root_field() {
    let stage = Stage::new();
    let id = stage.two_teas();
    stage.shop.act(json!({ "set_access": { "denied": ["order"] } })).unwrap();
    let answer = stage.ask(READ_ORDER, json!({ "id": gid("Order", &id) })).await;
    assert_eq!(answer["data"], json!({ "order": null }));
    assert_eq!(answer["errors"][0]["extensions"]["code"], "ACCESS_DENIED");
    assert_eq!(answer["errors"][0]["path"], json!(["order"]));
}
