//! Stock: what orders, shipments and refunds do to it, and what apps may read and set.

use crossdock_sandboxes::shopify::StockLevel;

use super::published::published;
use super::*;

const LON1: &str = "gid://shopify/Location/113884102962";
const MAN1: &str = "gid://shopify/Location/114038047026";

const ITEMS: &str = r#"
query Items($query: String, $after: String, $location: ID!) {
  inventoryItems(first: 2, after: $after, query: $query) {
    nodes {
      id sku tracked variant { sku }
      inventoryLevel(locationId: $location) {
        isActive location { id name }
        quantities(names: ["on_hand", "available", "committed", "reserved"]) { name quantity updatedAt }
      }
      inventoryLevels(first: 5) { nodes { id location { name } } }
    }
    pageInfo { hasNextPage endCursor }
  }
}"#;

const SET: &str = r"
mutation Set($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup {
      id reason referenceDocumentUri
      changes { name delta quantityAfterChange item { id sku } location { id name } }
    }
    userErrors { field message code }
  }
}";

fn level(on_hand: i64, committed: i64) -> Option<StockLevel> {
    Some(StockLevel { on_hand, available: on_hand - committed, committed })
}

impl Stage {
    /// Ten teas and five pots at LON1.
    fn stocked() -> Self {
        let stage = Self::new();
        stage.count("TEA", 10);
        stage.count("POT", 5);
        stage
    }

    fn count(&self, sku: &str, on_hand: i64) {
        let act = json!({ "set_inventory": { "sku": sku, "location": "LON1", "on_hand": on_hand } });
        self.shop.act(act).unwrap();
    }

    fn tea(&self) -> Option<StockLevel> {
        self.shop.stock("TEA", "LON1")
    }

    /// Three teas and a pot.
    fn sold(&self) -> String {
        self.place(json!({ "lines": [
            { "sku": "TEA", "quantity": 3, "price": "10.00" }, { "sku": "POT", "quantity": 1, "price": "30.00" },
        ] }))
    }

    fn staff(&self, name: &str, order: &str, mut act: Value) {
        act["order"] = json!(order);
        self.shop.act(json!({ name: act })).unwrap();
    }

    fn item(&self, sku: &str) -> String {
        gid("InventoryItem", &self.shop.inventory_item(sku).unwrap().to_string())
    }

    fn quantity(&self, sku: &str, (quantity, from): (i64, Option<i64>)) -> Value {
        json!({
            "inventoryItemId": self.item(sku), "locationId": LON1, "quantity": quantity, "changeFromQuantity": from,
        })
    }

    async fn set(&self, key: &str, quantities: Value) -> Value {
        let input = json!({ "name": "on_hand", "reason": "correction", "quantities": quantities });
        self.set_input(key, input).await
    }

    async fn set_input(&self, key: &str, input: Value) -> Value {
        let answer = self.ask(SET, json!({ "input": input, "key": key })).await;
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"]["inventorySetQuantities"].clone()
    }
}

fn codes(answer: &Value) -> Vec<&str> {
    answer["userErrors"].as_array().unwrap().iter().map(|error| error["code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_order_commits_and_a_fulfilment_takes() {
    let stage = Stage::stocked();
    let id = stage.sold();
    assert_eq!(stage.tea(), level(10, 3));
    let part = parts(&stage.order(&id).await)[0].clone();
    stage.fulfill(some(&part, 2)).await;
    assert_eq!(stage.tea(), level(8, 1));
    stage.fulfill(whole(&part)).await;
    assert_eq!((stage.tea(), stage.shop.stock("POT", "LON1")), (level(7, 0), level(4, 0)));
    let shown = stage.shop.documents()["inventory"].clone();
    let tea = shown.as_array().unwrap().iter().find(|it| it["sku"] == "TEA").unwrap();
    assert_eq!((&tea["location"], &tea["on_hand"], &tea["committed"]), (&json!("LON1"), &json!(7), &json!(0)));
}

#[tokio::test]
async fn what_is_sold_beyond_what_is_there_shows_below_zero() {
    let stage = Stage::stocked();
    for _ in 0..4 {
        stage.sold();
    }
    assert_eq!(stage.tea(), level(10, 12));
    assert_eq!(stage.tea().unwrap().available, -2);
}

#[tokio::test]
async fn a_sku_that_was_never_counted_is_not_kept_and_neither_is_one_elsewhere() {
    let stage = Stage::stocked();
    stage.place(json!({ "lines": [{ "sku": "CUP", "quantity": 2, "price": 100 }] }));
    stage.place(json!({ "lines": [{ "sku": "TEA", "quantity": 2, "price": 100, "location": "MAN1" }] }));
    assert_eq!(stage.shop.stock("CUP", "LON1"), None);
    assert_eq!(stage.shop.stock("TEA", "MAN1"), None);
    assert_eq!(stage.tea(), level(10, 0));
    stage.place(json!({ "lines": [{ "sku": "TEA", "quantity": 1, "price": 100, "requires_shipping": false }] }));
    assert_eq!(stage.tea(), level(10, 0), "what is in no parcel is not goods");
}

#[tokio::test]
async fn cancelling_and_editing_free_what_was_committed() {
    let stage = Stage::stocked();
    let id = stage.sold();
    stage.staff("edit_order", &id, json!({ "set": [{ "sku": "TEA", "quantity": 1 }] }));
    assert_eq!(stage.tea(), level(10, 1));
    stage.staff("edit_order", &id, json!({ "set": [{ "sku": "TEA", "quantity": 4 }] }));
    assert_eq!(stage.tea(), level(10, 4));
    stage.staff("cancel_order", &id, json!({ "refund": "full" }));
    assert_eq!(stage.tea(), level(10, 0));
    let (unpaid, other) = (stage.sold(), stage.sold());
    stage.staff("cancel_order", &unpaid, json!({ "refund": "none" }));
    assert_eq!(stage.tea(), level(10, 3));
    stage.staff("cancel_order", &other, json!({ "refund": "none", "restock": false }));
    assert_eq!(stage.tea(), level(7, 0), "not put back on the shelf, it is gone");
    let refunded = stage.sold();
    stage.staff("cancel_order", &refunded, json!({ "refund": "full", "restock": false }));
    assert_eq!(stage.tea(), level(4, 0));
}

#[tokio::test]
async fn a_refund_puts_back_frees_or_writes_off() {
    let stage = Stage::stocked();
    let id = stage.sold();
    let refund = |restock: &str| json!({ "lines": [{ "sku": "TEA", "quantity": 1, "restock_type": restock }] });
    stage.staff("refund_order", &id, refund("cancel"));
    assert_eq!(stage.tea(), level(10, 2));
    stage.staff("refund_order", &id, refund("no_restock"));
    assert_eq!(stage.tea(), level(9, 1));
    let part = parts(&stage.order(&id).await)[0].clone();
    stage.fulfill(whole(&part)).await;
    assert_eq!(stage.tea(), level(8, 0));
    let other = stage.sold();
    let part = parts(&stage.order(&other).await)[0].clone();
    stage.fulfill(some(&part, 2)).await;
    assert_eq!(stage.tea(), level(6, 1));
    stage.staff("refund_order", &other, refund("no_restock"));
    assert_eq!(stage.tea(), level(6, 1), "it had left and does not come back");
    stage.staff("refund_order", &other, refund("return"));
    assert_eq!(stage.tea(), level(7, 1));
}

#[tokio::test]
async fn a_return_puts_back_and_its_exchange_commits() {
    let stage = Stage::stocked();
    let id = stage.sold();
    let part = parts(&stage.order(&id).await)[0].clone();
    stage.fulfill(whole(&part)).await;
    let exchange = json!([{ "sku": "POT", "quantity": 1, "price": "30.00" }]);
    stage.staff("open_return", &id, json!({ "lines": [{ "sku": "TEA", "quantity": 2 }], "exchange": exchange }));
    assert_eq!((stage.tea(), stage.shop.stock("POT", "LON1")), (level(7, 0), level(4, 0)));
    stage.staff("process_return", &id, json!({}));
    assert_eq!((stage.tea(), stage.shop.stock("POT", "LON1")), (level(9, 0), level(4, 1)));
}

#[tokio::test]
async fn items_are_searched_loosely_page_by_page_and_show_their_levels() {
    let stage = match published() {
        Some(schema) => Stage::with(ShopifyConfig { schema: Some(schema), ..ShopifyConfig::default() }),
        None => Stage::new(),
    };
    for sku in ["TEA", "tea-250", "TEAPOT", "A \"B\""] {
        stage.count(sku, 4);
    }
    stage.sold();
    let variables = json!({ "query": "sku:\"TEA\" OR sku:\"A \\\"B\\\"\"", "location": LON1 });
    let first = stage.ask(ITEMS, variables.clone()).await["data"]["inventoryItems"].clone();
    assert_eq!((first["nodes"].as_array().unwrap().len(), &first["pageInfo"]["hasNextPage"]), (2, &json!(true)));
    let mut next = variables;
    next["after"] = first["pageInfo"]["endCursor"].clone();
    let second = stage.ask(ITEMS, next).await["data"]["inventoryItems"].clone();
    assert_eq!(second["pageInfo"]["hasNextPage"], false);
    let nodes = [first["nodes"].as_array().unwrap().clone(), second["nodes"].as_array().unwrap().clone()].concat();
    let found: BTreeSet<&str> = nodes.iter().map(|node| node["sku"].as_str().unwrap()).collect();
    assert_eq!(found, BTreeSet::from(["TEA", "tea-250", "TEAPOT", "A \"B\""]), "not exact, as the vendor's");
    let tea = nodes.iter().find(|node| node["sku"] == "TEA").unwrap();
    assert_eq!(tea["id"], json!(stage.item("TEA")));
    assert_eq!((&tea["tracked"], &tea["variant"]["sku"]), (&json!(true), &json!("TEA")));
    let shown = &tea["inventoryLevel"];
    assert_eq!((&shown["location"]["id"], &shown["location"]["name"]), (&json!(LON1), &json!("LON1")));
    let quantities: Vec<(&str, i64)> = shown["quantities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["name"].as_str().unwrap(), it["quantity"].as_i64().unwrap()))
        .collect();
    assert_eq!(quantities, [("on_hand", 4), ("available", 1), ("committed", 3), ("reserved", 0)]);
    let elsewhere = stage.ask(ITEMS, json!({ "query": "sku:TEA", "location": MAN1 })).await;
    assert_eq!(elsewhere["data"]["inventoryItems"]["nodes"][0]["inventoryLevel"], Value::Null);
    let wrong = stage.ask(ITEMS, json!({ "query": "title:TEA", "location": LON1 })).await;
    assert!(wrong["errors"][0]["message"].as_str().unwrap().contains("cannot search"), "{wrong}");
}

#[tokio::test]
async fn nodes_answer_in_order_and_nothing_for_what_is_unknown() {
    let stage = Stage::stocked();
    let query = "query($ids: [ID!]!) { nodes(ids: $ids) { id ... on InventoryItem { sku } } }";
    let ids = [stage.item("POT"), gid("InventoryItem", "1"), stage.item("TEA")];
    let answer = stage.ask(query, json!({ "ids": ids })).await;
    let skus: Vec<&Value> = answer["data"]["nodes"].as_array().unwrap().iter().map(|it| &it["sku"]).collect();
    assert_eq!(skus, [&json!("POT"), &Value::Null, &json!("TEA")]);
    assert_eq!(answer["data"]["nodes"][1], Value::Null);
    let one = "query($id: ID!) { inventoryItem(id: $id) { sku } node(id: $id) { id } }";
    let answer = stage.ask(one, json!({ "id": stage.item("TEA") })).await;
    assert_eq!(answer["data"], json!({ "inventoryItem": { "sku": "TEA" }, "node": { "id": stage.item("TEA") } }));
    let other = Stage::new();
    other.count("TEA", 1);
    assert_eq!(other.item("TEA"), stage.item("TEA"), "the same in every shop");
}

#[tokio::test]
async fn what_is_set_is_shown_and_what_is_committed_stays() {
    let stage = Stage::stocked();
    stage.sold();
    let quantities = json!([stage.quantity("TEA", (25, Some(10))), stage.quantity("POT", (5, Some(5)))]);
    let input = json!({
        "name": "on_hand", "reason": "correction", "quantities": quantities, "referenceDocumentUri": "gid://crossdock/Stock/1",
    });
    let answer = stage.set_input("k1", input).await;
    assert_eq!(codes(&answer), Vec::<&str>::new());
    let group = &answer["inventoryAdjustmentGroup"];
    assert_eq!(group["referenceDocumentUri"], "gid://crossdock/Stock/1");
    let changes: Vec<(&Value, &Value, &Value)> =
        group["changes"].as_array().unwrap().iter().map(|it| (&it["name"], &it["delta"], &it["item"]["sku"])).collect();
    let tea = json!("TEA");
    let (available, on_hand, delta) = (json!("available"), json!("on_hand"), json!(15));
    assert_eq!(changes, [(&available, &delta, &tea), (&on_hand, &delta, &tea)], "what stays is no change");
    assert_eq!(stage.tea(), level(25, 3));
    let input =
        json!({ "name": "available", "reason": "correction", "quantities": [stage.quantity("TEA", (-2, Some(22)))] });
    assert_eq!(codes(&stage.set_input("k2", input).await), Vec::<&str>::new());
    assert_eq!(stage.tea(), level(1, 3));
}

#[tokio::test]
async fn a_stale_quantity_changes_nothing_of_the_whole_call_and_is_named() {
    let stage = Stage::stocked();
    let quantities = json!([stage.quantity("TEA", (1, Some(10))), stage.quantity("POT", (1, Some(4)))]);
    let answer = stage.set("k1", quantities).await;
    assert_eq!(codes(&answer), ["CHANGE_FROM_QUANTITY_STALE"]);
    assert_eq!(answer["userErrors"][0]["field"], json!(["input", "quantities", "1", "changeFromQuantity"]));
    assert_eq!((stage.tea(), stage.shop.stock("POT", "LON1")), (level(10, 0), level(5, 0)));
    let sure = json!([stage.quantity("POT", (1, None))]);
    assert_eq!(codes(&stage.set("k2", sure).await), Vec::<&str>::new(), "null takes anything");
    assert_eq!(stage.shop.stock("POT", "LON1"), level(1, 0));
}

#[tokio::test]
async fn a_sale_between_reading_and_setting_is_not_overwritten() {
    let stage = Stage::stocked();
    stage.sold();
    let quantities = json!([stage.quantity("TEA", (12, Some(10)))]);
    assert_eq!(codes(&stage.set("k1", quantities).await), Vec::<&str>::new());
    assert_eq!(stage.tea(), level(12, 3), "a sale moves what is available and not what is on hand");
}

#[tokio::test]
async fn a_key_does_once_what_it_was_first_used_for() {
    let stage = Stage::stocked();
    let quantities = json!([stage.quantity("TEA", (7, Some(10)))]);
    let first = stage.set("k1", quantities.clone()).await;
    stage.count("TEA", 10);
    let again = stage.set("k1", quantities).await;
    assert_eq!((first, stage.tea()), (again, level(10, 0)), "the first answer, without effect");
    let other = stage.set("k1", json!([stage.quantity("TEA", (6, Some(10)))])).await;
    assert_eq!(codes(&other), ["IDEMPOTENCY_KEY_PARAMETER_MISMATCH"]);
    let stale = json!([stage.quantity("TEA", (6, Some(1)))]);
    assert_eq!(codes(&stage.set("k2", stale.clone()).await), ["CHANGE_FROM_QUANTITY_STALE"]);
    assert_eq!(codes(&stage.set("k2", stale).await), ["IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"]);
    stage.shop.act(json!({ "next_stock": { "code": "IDEMPOTENCY_CONCURRENT_REQUEST" } })).unwrap();
    let fresh = json!([stage.quantity("TEA", (6, Some(10)))]);
    assert_eq!(codes(&stage.set("k3", fresh.clone()).await), ["IDEMPOTENCY_CONCURRENT_REQUEST"]);
    assert_eq!(stage.tea(), level(10, 0));
    assert_eq!(codes(&stage.set("k3", fresh).await), Vec::<&str>::new());
    assert_eq!(stage.tea(), level(6, 0));
}

#[tokio::test]
async fn the_key_and_what_is_changed_from_must_be_told() {
    let stage = Stage::stocked();
    let bare = SET.replace(" @idempotent(key: $key)", "").replace(", $key: String!", "");
    let input = json!({ "name": "on_hand", "reason": "correction", "quantities": [stage.quantity("TEA", (1, None))] });
    let answer = stage.ask(&bare, json!({ "input": input })).await;
    let (error, missing) = (&answer["errors"][0], "directive is required for this mutation but was not provided.");
    assert_eq!(error["extensions"]["code"], "BAD_REQUEST");
    assert_eq!(
        (&error["message"], &error["path"]),
        (&json!(format!("The @idempotent {missing}")), &json!(["inventorySetQuantities"]))
    );
    let mut silent = input;
    silent["quantities"][0].as_object_mut().unwrap().remove("changeFromQuantity");
    let answer = stage.ask(SET, json!({ "input": silent, "key": "k" })).await;
    let error = &answer["errors"][0];
    assert_eq!(error["extensions"]["code"], "INVALID_FIELD_ARGUMENTS");
    assert_eq!(error["message"], "InventoryQuantityInput must include the following argument: changeFromQuantity.");
    assert_eq!((&answer["data"]["inventorySetQuantities"], stage.tea()), (&Value::Null, level(10, 0)));
}

#[tokio::test]
async fn at_most_250_quantities_are_set_at_once_and_cost_what_a_call_costs() {
    let stage = Stage::new();
    let skus: Vec<String> = (0..251).map(|number| format!("SKU-{number}")).collect();
    for sku in &skus {
        stage.count(sku, 1);
    }
    let quantities: Vec<Value> = skus.iter().map(|sku| stage.quantity(sku, (2, Some(1)))).collect();
    let input = |of: &[Value]| json!({ "name": "on_hand", "reason": "correction", "quantities": of });
    let answer = stage.ask(SET, json!({ "input": input(&quantities), "key": "k" })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "MAX_INPUT_SIZE_EXCEEDED");
    assert_eq!(stage.shop.stock("SKU-0", "LON1"), level(1, 0));
    let answer = stage.ask(SET, json!({ "input": input(&quantities[..250]), "key": "k" })).await;
    assert_eq!(answer["data"]["inventorySetQuantities"]["userErrors"], json!([]));
    let cost = &answer["extensions"]["cost"];
    assert!(cost["actualQueryCost"].as_u64().unwrap() <= cost["requestedQueryCost"].as_u64().unwrap(), "{cost}");
    assert_eq!(stage.shop.stock("SKU-249", "LON1"), level(2, 0));
}

#[tokio::test]
async fn what_a_call_gets_wrong_is_told_with_its_field() {
    let stage = Stage::stocked();
    let tea = stage.quantity("TEA", (1, None));
    let with = |field: &str, value: Value| {
        let mut quantity = tea.clone();
        quantity[field] = value;
        json!({ "name": "on_hand", "reason": "correction", "quantities": [quantity] })
    };
    let whole = |field: &str, value: Value| {
        let mut input = with("quantity", json!(1));
        input[field] = value;
        input
    };
    let at = |field: &str| json!(["input", "quantities", "0", field]);
    let unknown = gid("InventoryItem", "999999999999");
    for (input, code, field) in [
        (with("inventoryItemId", json!(unknown)), "INVALID_INVENTORY_ITEM", at("inventoryItemId")),
        (with("locationId", json!(gid("Location", "9"))), "INVALID_LOCATION", at("locationId")),
        (with("quantity", json!(-1)), "INVALID_QUANTITY_NEGATIVE", at("quantity")),
        (with("quantity", json!(1_000_000_001)), "INVALID_QUANTITY_TOO_HIGH", at("quantity")),
        (whole("name", json!("committed")), "INVALID_NAME", json!(["input", "name"])),
        (whole("reason", json!("because")), "INVALID_REASON", json!(["input", "reason"])),
        (
            whole("referenceDocumentUri", json!("gid://crossdock")),
            "INVALID_REFERENCE_DOCUMENT",
            json!(["input", "referenceDocumentUri"]),
        ),
    ] {
        let answer = stage.set_input(code, input).await;
        assert_eq!((codes(&answer), &answer["userErrors"][0]["field"]), (vec![code], &field));
    }
    let twice = stage.set("twice", json!([tea, tea])).await;
    assert_eq!(codes(&twice), ["NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR"]);
    assert_eq!(stage.tea(), level(10, 0));
}

#[tokio::test]
async fn where_an_item_is_not_stocked_a_call_succeeds_unseen_and_adds_up() {
    let stage = Stage::stocked();
    let mut quantity = stage.quantity("TEA", (6, None));
    quantity["locationId"] = json!(MAN1);
    for key in ["k1", "k2"] {
        assert_eq!(codes(&stage.set(key, json!([quantity])).await), Vec::<&str>::new());
    }
    assert_eq!(stage.shop.stock("TEA", "MAN1"), None);
    let answer = stage.ask(ITEMS, json!({ "query": "sku:TEA", "location": MAN1 })).await;
    assert_eq!(answer["data"]["inventoryItems"]["nodes"][0]["inventoryLevel"], Value::Null);
    let unseen = "query($id: ID!, $at: ID!) { inventoryItem(id: $id) {
        inventoryLevel(locationId: $at, includeInactive: true) { isActive quantities(names: [\"on_hand\"]) { quantity } } } }";
    let answer = stage.ask(unseen, json!({ "id": stage.item("TEA"), "at": MAN1 })).await;
    let level = &answer["data"]["inventoryItem"]["inventoryLevel"];
    assert_eq!(level, &json!({ "isActive": false, "quantities": [{ "quantity": 12 }] }));
}

#[tokio::test]
async fn staff_counts_and_adjusts() {
    let stage = Stage::stocked();
    let adjust = |delta: i64| json!({ "adjust_inventory": { "sku": "TEA", "location": "LON1", "delta": delta } });
    let told = stage.shop.act(adjust(-4)).unwrap();
    assert_eq!((&told["on_hand"], stage.tea()), (&json!(6), level(6, 0)));
    let nowhere = json!({ "set_inventory": { "sku": "TEA", "location": "NOWHERE", "on_hand": 1 } });
    assert!(stage.shop.act(nowhere).unwrap_err().contains("NOWHERE"));
    let unstocked = json!({ "adjust_inventory": { "sku": "TEA", "location": "MAN1", "delta": 1 } });
    assert!(stage.shop.act(unstocked).unwrap_err().contains("set_inventory first"));
    let untracked = json!({ "set_inventory": { "sku": "TEA", "location": "LON1", "on_hand": 6, "tracked": false } });
    stage.shop.act(untracked).unwrap();
    let id = stage.sold();
    let part = parts(&stage.order(&id).await)[0].clone();
    stage.fulfill(whole(&part)).await;
    assert_eq!(stage.tea(), level(6, 0), "what is not tracked does not move");
}
