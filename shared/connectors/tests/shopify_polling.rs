//! Orders that no webhook told of: what the API shows of an order has to read as what its webhook says of it.
#![expect(clippy::unwrap_used, reason = "a test stops where something is not as it must be")]

mod in_process;

use crossdock_connectors::{Delivery, InboundFact, ListedOrder, Storefront, storefront, webhook};
use crossdock_domain::ids::ChannelOrderId;
use crossdock_sandboxes::shopify::{AdminSchema, Shopify, ShopifyConfig};
use crossdock_step::Failure;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use in_process::{Time, Vault, outside};

struct Shop {
    sandbox: Shopify,
    time: Time,
}

fn settings() -> Value {
    json!({
        "kind": "shopify", "base_url": "https://crossdock-uk.myshopify.com", "api_version": "2026-10",
        "shop_domain": "crossdock-uk.myshopify.com", "locations": { "LON1": "113884102962" },
    })
}

impl Shop {
    fn new() -> Self {
        let time = Time::at("2026-11-23T12:00:00Z");
        let published = std::env::var_os("CROSSDOCK_SHOPIFY_SCHEMA");
        let schema = published.map(|path| AdminSchema::load(path.as_ref()).unwrap());
        let config = ShopifyConfig { schema, ..ShopifyConfig::default() };
        Self { sandbox: Shopify::new(config, time.of_vendor()), time }
    }

    fn connector(&self) -> Box<dyn Storefront> {
        let secrets = Vault::holding(json!({ "access_token": "shpat_sandbox" }));
        storefront(outside(("shopify-uk", self.sandbox.router()), settings(), secrets, &self.time)).unwrap()
    }

    fn place(&self, order: &Value) -> ChannelOrderId {
        let placed = self.sandbox.act(json!({ "place_order": order })).unwrap();
        placed["id"].as_str().unwrap().parse().unwrap()
    }

    /// The last that a webhook said of the order's content.
    fn told(&self) -> Vec<InboundFact> {
        let deliveries = self.sandbox.take_deliveries().into_iter().map(|delivery| Delivery {
            headers: delivery.headers.iter().map(|(n, v)| (n.to_ascii_lowercase(), v.clone())).collect(),
            body: delivery.body.to_vec(),
        });
        let of_orders = deliveries
            .filter(|delivery| delivery.headers["x-shopify-topic"].starts_with("orders/"))
            .collect::<Vec<_>>();
        let mut facts = of_orders.iter().map(|delivery| webhook::translate(&settings(), delivery).unwrap());
        facts.rfind(|facts| matches!(facts[..], [InboundFact::Order { .. }])).unwrap()
    }

    async fn found(&self, order: &ChannelOrderId) -> Vec<InboundFact> {
        let delivery = self.connector().delivery(order).await.unwrap().unwrap();
        webhook::translate(&settings(), &delivery).unwrap()
    }

    async fn listed(&self, since: &str) -> Vec<ListedOrder> {
        let (since, connector) = (since.parse().unwrap(), self.connector());
        let mut orders = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let until: Timestamp = self.time.now();
            let page = connector.changed_orders((since, until), after.as_deref()).await.unwrap();
            orders.extend(page.orders);
            after = page.next;
            if after.is_none() {
                return orders;
            }
        }
    }
}

/// Orders that differ in everything that an order is read by.
fn orders() -> Vec<Value> {
    let with = |more: Value| {
        let mut order = json!({
            "lines": [
                { "sku": "TEA", "quantity": 3, "price": "9.99" },
                { "sku": "POT", "quantity": 1, "price": "31.00" },
            ],
            "taxes_included": true, "tax_rate": "0.2", "shipping": "4.95",
        });
        order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        order
    };
    vec![
        with(json!({})),
        with(json!({ "taxes_included": false, "tax_rate": "0.0875", "shipping": "0.00" })),
        with(json!({ "discount": { "code": "TEN", "percentage": "10" }, "shipping_discount": "1.00" })),
        with(json!({ "presentment_currency": "EUR", "exchange_rate": "1.17", "discount": "5.00" })),
        with(
            json!({ "currency": "JPY", "lines": [{ "sku": "TEA", "quantity": 2, "price": "1200" }], "shipping": "500" }),
        ),
        with(json!({ "financial_status": "pending" })),
        with(json!({ "shipping_address": null })),
        with(json!({ "attributes": { "crossdock_hold": "cart-17" }, "test": true })),
        with(
            json!({ "lines": [{ "sku": null, "title": "A card", "quantity": 1, "price": "20.00", "gift_card": true, "requires_shipping": false }] }),
        ),
    ]
}

#[tokio::test]
async fn an_order_reads_as_its_webhook_tells_it() {
    for order in orders() {
        let shop = Shop::new();
        let id = shop.place(&order);
        assert_eq!(shop.found(&id).await, shop.told(), "{order}");
    }
}

#[tokio::test]
async fn what_became_of_an_order_reads_as_its_webhook_tells_it() {
    for (act, content) in [
        ("cancel_order", json!({ "refund": "full" })),
        ("refund_order", json!({ "lines": [{ "sku": "TEA", "quantity": 1 }] })),
        ("edit_order", json!({ "set": [{ "sku": "TEA", "quantity": 1 }] })),
        ("change_address", json!({ "shipping_address": { "address1": "2 Other Street", "city": "Leeds" } })),
    ] {
        let shop = Shop::new();
        let id = shop.place(&orders()[0]);
        shop.time.pass(60);
        let mut content = content;
        content["order"] = json!(id);
        shop.sandbox.act(json!({ act: content })).unwrap();
        assert_eq!(shop.found(&id).await, shop.told(), "{act}");
    }
}

#[tokio::test]
async fn an_order_of_many_lines_is_read_page_by_page() {
    let shop = Shop::new();
    let line = |number: u32| json!({ "sku": format!("SKU-{number}"), "quantity": 1, "price": "1.00" });
    let id = shop.place(&json!({ "lines": (0..120).map(line).collect::<Vec<_>>(), "tax_rate": "0.2" }));
    let found = shop.found(&id).await;
    let [InboundFact::Order { inbound, .. }] = &found[..] else { panic!("{found:?}") };
    assert_eq!(inbound.order.lines.len(), 120);
    assert_eq!(found, shop.told());
}

#[tokio::test]
async fn the_list_shows_every_changed_order_once_with_what_was_taken_back() {
    let shop = Shop::new();
    let series = json!({ "count": 120, "template": orders()[0] });
    shop.sandbox.act(json!({ "place_orders": series })).unwrap();
    shop.time.pass(600);
    let cancelled = shop.place(&orders()[0]);
    shop.sandbox.act(json!({ "cancel_order": { "order": cancelled, "refund": "full" } })).unwrap();
    let all = shop.listed("2026-11-23T12:00:00Z").await;
    assert_eq!(all.len(), 121);
    let ids: std::collections::BTreeSet<&ChannelOrderId> = all.iter().map(|listed| &listed.channel).collect();
    assert_eq!(ids.len(), 121, "each once");
    assert!(all.is_sorted_by_key(|listed| listed.updated_at));
    let late = shop.listed("2026-11-23T12:05:00Z").await;
    let [only] = &late[..] else { panic!("{late:?}") };
    assert_eq!((&only.channel, only.cancelled, only.refunds.len()), (&cancelled, true, 1));
    assert_eq!(only.placed_at, only.updated_at);
    assert_eq!(only.placed_at.duration_since(all[0].placed_at), SignedDuration::from_mins(10));
}

#[tokio::test]
async fn what_is_not_there_is_nothing_and_a_lost_scope_says_so() {
    let shop = Shop::new();
    let connector = shop.connector();
    assert_eq!(connector.delivery(&"1".parse().unwrap()).await, Ok(None));
    shop.sandbox.act(json!({ "set_access": { "denied": ["orders"] } })).unwrap();
    let now = shop.time.now();
    let refused = connector.changed_orders((now, now), None).await.unwrap_err();
    assert!(matches!(refused, Failure::Permanent { .. }) && refused.to_string().contains("scopes"), "{refused}");
}
