//! Webhooks: topics, headers, signatures, repeats.

use super::*;

#[tokio::test]
async fn a_paid_order_is_announced_twice_signed_and_under_one_event() {
    let stage = Stage::new();
    let id = stage.two_teas();
    let deliveries = stage.shop.take_deliveries();
    let topics: Vec<&str> = deliveries.iter().map(|it| header(it, "X-Shopify-Topic")).collect();
    assert_eq!(topics, ["orders/create", "orders/paid"]);
    for delivery in &deliveries {
        assert_eq!(header(delivery, "X-Shopify-Hmac-SHA256"), signed("shpss_sandbox", &delivery.body));
        assert_eq!(header(delivery, "X-Shopify-Shop-Domain"), "crossdock-uk.myshopify.com");
        assert_eq!(header(delivery, "X-Shopify-API-Version"), "2026-10");
        assert_eq!(header(delivery, "X-Shopify-Name"), delivery.topic.replace('/', "-"));
        assert!(header(delivery, "X-Shopify-Triggered-At").ends_with('Z'));
        assert_eq!(body(delivery)["id"].to_string(), id);
    }
    let ids = |name: &str| deliveries.iter().map(|it| header(it, name)).collect::<BTreeSet<_>>().len();
    assert_eq!(ids("X-Shopify-Event-Id"), 1);
    assert_eq!(ids("X-Shopify-Webhook-Id"), 2);
}

#[tokio::test]
async fn an_unpaid_order_is_announced_as_paid_when_it_is_paid() {
    let stage = Stage::new();
    let lines = json!([{ "sku": "TEA", "quantity": 1, "price": "10.00" }]);
    let id = stage.place(json!({ "lines": lines, "financial_status": "pending" }));
    let created = stage.shop.take_deliveries();
    assert_eq!(created.len(), 1);
    assert_eq!(body(&created[0])["financial_status"], "pending");
    assert_eq!(body(&created[0])["total_outstanding"], "10.00");
    stage.shop.act(json!({ "pay_order": { "order": id } })).unwrap();
    let paid = stage.shop.take_deliveries();
    assert_eq!(paid[0].topic, "orders/paid");
    assert_eq!(body(&paid[0])["total_outstanding"], "0.00");
    assert!(stage.shop.act(json!({ "pay_order": { "order": id } })).is_err());
}

#[tokio::test]
async fn a_redelivery_keeps_its_id_and_its_bytes() {
    let stage = Stage::new();
    let id = stage.two_teas();
    let first = stage.shop.take_deliveries();
    stage.wait_ms(5000);
    stage.shop.act(json!({ "redeliver": { "order": id, "topic": "orders/create" } })).unwrap();
    assert_eq!(stage.shop.take_deliveries(), first[..1]);
    stage.shop.act(json!({ "redeliver": { "order": "all", "new_webhook_id": true } })).unwrap();
    let again = stage.shop.take_deliveries();
    assert_eq!(again.len(), 2);
    for (old, new) in first.iter().zip(&again) {
        assert_eq!(old.body, new.body);
        assert_ne!(header(old, "X-Shopify-Webhook-Id"), header(new, "X-Shopify-Webhook-Id"));
    }
}

#[tokio::test]
async fn after_a_rotation_either_secret_may_sign() {
    let stage = Stage::new();
    for (sign_with, secret) in [(0, "new"), (1, "shpss_sandbox")] {
        let rotation = json!({ "secrets": ["new", "shpss_sandbox"], "sign_with": sign_with });
        stage.shop.act(json!({ "set_secrets": rotation })).unwrap();
        stage.two_teas();
        let delivery = &stage.shop.take_deliveries()[0];
        assert_eq!(header(delivery, "X-Shopify-Hmac-SHA256"), signed(secret, &delivery.body));
    }
}

#[tokio::test]
async fn a_cancelled_order_is_announced_and_its_fulfilment_orders_close() {
    let stage = Stage::new();
    let id = stage.two_teas();
    assert_eq!(stage.shop.take_deliveries().len(), 2);
    stage.shop.act(json!({ "cancel_order": { "order": id, "reason": "fraud", "refund": true } })).unwrap();
    let told = stage.shop.take_deliveries();
    assert_eq!(told[0].topic, "orders/cancelled");
    let cancelled = body(&told[0]);
    assert_eq!(cancelled["cancel_reason"], "fraud");
    assert_eq!(cancelled["financial_status"], "refunded");
    assert_eq!(cancelled["line_items"][0]["fulfillable_quantity"], 0);
    assert_eq!(cancelled["current_total_price"], "0.00");
    let order = stage.order(&id).await;
    assert_eq!(parts(&order)[0]["status"], "CLOSED");
    let twice = stage.shop.act(json!({ "cancel_order": { "order": id } })).unwrap_err();
    assert_eq!(twice, "Cannot cancel an order that has already been canceled");
}

#[tokio::test]
async fn only_subscribed_topics_are_sent_and_our_own_fulfilments_can_be_among_them() {
    let topics = ["fulfillments/create", "orders/partially_fulfilled", "orders/fulfilled"];
    let stage = Stage::with(ShopifyConfig { topics: topics.map(str::to_owned).to_vec(), ..ShopifyConfig::default() });
    let id = stage.two_teas();
    assert!(stage.shop.take_deliveries().is_empty());
    let part = parts(&stage.order(&id).await)[0].clone();
    stage.fulfill(some(&part, 1)).await;
    let told = stage.shop.take_deliveries();
    assert_eq!(told.iter().map(|it| it.topic.as_str()).collect::<Vec<_>>(), topics[..2]);
    assert_eq!(body(&told[0])["line_items"][0]["quantity"], 1);
    assert_eq!(body(&told[1])["fulfillment_status"], "partial");
    stage.fulfill(whole(&part)).await;
    let told = stage.shop.take_deliveries();
    assert_eq!(told[1].topic, "orders/fulfilled");
    assert_eq!(body(&told[1])["line_items"][0]["fulfillment_status"], "fulfilled");
}
