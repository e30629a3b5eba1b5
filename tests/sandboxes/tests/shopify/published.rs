//! The vendor's own material, where it is at hand.

use apollo_compiler::schema::ExtendedType;

use super::*;

/// The published SDL, where the environment says where it is.
pub(super) fn published() -> Option<Arc<AdminSchema>> {
    let path = std::env::var("CROSSDOCK_SHOPIFY_SCHEMA").ok()?;
    Some(AdminSchema::load(Path::new(&path)).unwrap())
}

#[tokio::test]
async fn what_is_simulated_is_a_subset_of_the_published_schema() {
    let Some(published) = published() else { return };
    for query in [READ_ORDER, FULFILL] {
        assert_eq!(published.problems(query), Vec::<Value>::new());
    }
    assert!(!published.problems("{ order(id: 1) { nonsense } }").is_empty());
    let simulated = AdminSchema::load(Path::new("src/shopify/admin.graphql")).unwrap();
    for (name, simulated) in &simulated.schema().types {
        if simulated.is_built_in() {
            continue;
        }
        let theirs = published.schema().types.get(name).unwrap_or_else(|| panic!("{name} is not published"));
        compare(name, simulated, theirs);
    }
}

fn compare(name: &str, simulated: &ExtendedType, theirs: &ExtendedType) {
    match (simulated, theirs) {
        (ExtendedType::Object(ours), ExtendedType::Object(theirs)) => {
            for (field, ours) in &ours.fields {
                let theirs = theirs.fields.get(field).unwrap_or_else(|| panic!("{name}.{field} is not published"));
                assert_eq!(ours.ty, theirs.ty, "{name}.{field}");
                for argument in &ours.arguments {
                    let published = theirs.argument_by_name(&argument.name);
                    assert_eq!(Some(&argument.ty), published.map(|it| &it.ty), "{name}.{field}({})", argument.name);
                }
            }
        }
        (ExtendedType::InputObject(ours), ExtendedType::InputObject(theirs)) => {
            for (field, ours) in &ours.fields {
                assert_eq!(Some(&ours.ty), theirs.fields.get(field).map(|it| &it.ty), "{name}.{field}");
            }
            let required = theirs.fields.values().filter(|field| field.is_required());
            for field in required {
                assert!(ours.fields.contains_key(&field.name), "{name}.{} is required there", field.name);
            }
        }
        (ExtendedType::Enum(ours), ExtendedType::Enum(theirs)) => {
            for value in ours.values.keys() {
                assert!(theirs.values.contains_key(value), "{name}.{value} is not published");
            }
        }
        (ExtendedType::Union(ours), ExtendedType::Union(theirs)) => {
            for member in &ours.members {
                assert!(theirs.members.contains(member), "{name} does not hold {}", **member);
            }
        }
        (ExtendedType::Interface(_), ExtendedType::Interface(_))
        | (ExtendedType::Scalar(_), ExtendedType::Scalar(_)) => {}
        _ => panic!("{name} is another kind of type there"),
    }
}

#[tokio::test]
async fn documents_are_held_against_the_published_schema_too() {
    let Some(schema) = published() else { return };
    let stage = Stage::with(ShopifyConfig { schema: Some(schema), ..ShopifyConfig::default() });
    let id = stage.two_teas();
    assert_eq!(stage.order(&id).await["name"], "#1001");
    let unsimulated = stage.ask("{ shop { email } }", json!({})).await;
    assert_eq!(unsimulated["errors"][0]["extensions"]["code"], "undefinedField", "valid there, not simulated here");
    let retired =
        "mutation($f: FulfillmentV2Input!) { fulfillmentCreateV2(fulfillment: $f) { userErrors { message } } }";
    assert!(!stage.ask(retired, json!({})).await["errors"].as_array().unwrap().is_empty());
}

/// Every key of a real order is in ours: a reader that needs one finds it.
#[tokio::test]
async fn the_body_has_every_key_of_a_published_sample() {
    let Ok(corpus) = std::env::var("CROSSDOCK_CORPUS") else {
        return;
    };
    let sample = "webhook-shaped-2026-07/orders__order_08_get.json";
    let Ok(sample) = std::fs::read(Path::new(&corpus).join(sample)) else {
        return;
    };
    let sample: Value = serde_json::from_slice(&sample).unwrap();
    let order = shipped_order_with_everything().await;
    for part in [
        "",
        "/line_items/0",
        "/line_items/0/tax_lines/0",
        "/line_items/0/discount_allocations/0",
        "/shipping_lines/0",
        "/tax_lines/0",
        "/shipping_address",
        "/billing_address",
        "/customer",
        "/customer/default_address",
        "/discount_applications/0",
        "/discount_codes/0",
        "/fulfillments/0",
        "/fulfillments/0/line_items/0",
        "/total_price_set/presentment_money",
    ] {
        let (theirs, ours) = (sample.pointer(part).unwrap(), order.pointer(part).unwrap());
        for key in theirs.as_object().unwrap().keys() {
            assert!(ours.get(key).is_some(), "{part}/{key} is missing");
        }
    }
}

async fn shipped_order_with_everything() -> Value {
    let stage = Stage::with(ShopifyConfig { topics: vec!["orders/fulfilled".to_owned()], ..ShopifyConfig::default() });
    let id = stage.place(json!({
        "lines": [{ "sku": "A", "quantity": 1, "price": 1000 }], "tax_rate": "0.2",
        "email": "buyer@example.com", "discount": { "code": "OFF", "amount": 100 }, "shipping": 100,
    }));
    let part = parts(&stage.order(&id).await)[0].clone();
    stage.fulfill(whole(&part)).await;
    body(&stage.shop.take_deliveries()[0])
}
