//! Stock on the deployed stack: told, counted, posted, explained; and sold to many at once.

use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stack::{SOON, Stack, api_order, runtime, ship_until_completed, unique};

async fn tell(stack: &Stack, kind: &str, document: &Value) -> Value {
    let told = stack.api((Method::POST, &format!("/inventory/{kind}")), &[], Some(document)).await;
    assert!(told.status.is_success(), "{kind}: {} {}", told.status, told.body);
    told.json()
}

async fn level(stack: &Stack, sku: &str, location: &str) -> Value {
    let levels = stack.api((Method::GET, &format!("/inventory/items/{sku}")), &[], None).await.json();
    levels["levels"].as_array().unwrap().iter().find(|level| level["location"] == location).cloned().unwrap()
}

#[test]
#[ignore = "needs the stack: cargo local test"]
fn stock_is_told_counted_posted_and_explained() {
    runtime().block_on(async {
        let stack = Stack::open();
        let before = level(&stack, "POSTER-A2", "MAN1").await["on_hand"].as_i64().unwrap();
        let lost = json!({ "adjustment_id": unique("A"), "location": "MAN1", "reason": "lost",
                           "lines": [{ "sku": "POSTER-A2", "on_hand": -2 }] });
        tell(&stack, "adjustments", &lost).await;
        tell(&stack, "adjustments", &lost).await;
        let counted = json!({ "count_id": unique("C"), "location": "MAN1", "counted_at": jiff::Timestamp::now(),
                              "lines": [{ "sku": "POSTER-A2", "on_hand": before + 3 }] });
        let told = tell(&stack, "counts", &counted).await;
        assert_eq!(told["lines"][0]["difference"], 5, "{told}");
        assert_eq!(level(&stack, "POSTER-A2", "MAN1").await["on_hand"], before + 3);
        let ledger =
            stack.api((Method::GET, "/inventory/items/POSTER-A2/ledger?location=MAN1"), &[], None).await.json();
        let why: Vec<&str> = ledger["entries"]
            .as_array()
            .unwrap()
            .iter()
            .take(2)
            .map(|e| e["moves"][0]["why"].as_str().unwrap())
            .collect();
        assert_eq!(why, ["counted", "adjusted"]);
        stack
            .wait("the ERP has both documents", SOON, async |stack| {
                let documents = stack.sandbox("netsuite", "/_sandbox/documents").await;
                let ours = documents["documents"].as_array()?.iter().filter(|document| {
                    let memo = document.to_string();
                    memo.contains(lost["adjustment_id"].as_str().unwrap())
                        || memo.contains(counted["count_id"].as_str().unwrap())
                });
                (ours.count() == 2).then_some(())
            })
            .await;
        let nobody = stack.api((Method::GET, "/inventory/items/NO-SUCH-SKU"), &[], None).await;
        assert_eq!(nobody.status, 404, "{}", nobody.body);
    });
}

/// How many buyers there are: `CROSSDOCK_BUYERS`, four for each unit.
fn buyers() -> usize {
    std::env::var("CROSSDOCK_BUYERS").ok().and_then(|buyers| buyers.parse().ok()).unwrap_or(120)
}

/// Everybody wants the same pair of socks, a shirt and two mugs.
fn cart(id: &str) -> Value {
    let mut order = api_order(id);
    order["lines"].as_array_mut().unwrap().push(json!({
        "line_id": "3", "sku": "SOCKS-3PK", "quantity": 1, "unit_price_minor": 1100,
        "tax_lines": [{ "title": "GB VAT", "rate": "0.2", "amount_minor": 183 }],
    }));
    order["total_minor"] = json!(5394 + 1100);
    order["tenders"][0]["amount_minor"] = json!(5394 + 1100);
    order
}

/// A quarter of the buyers gets what is there, the others wait; and when there is more, everybody gets theirs.
#[test]
#[ignore = "needs the stack: cargo local test"]
fn a_flash_sale_sells_exactly_what_is_there() {
    runtime().block_on(async {
        let stack = Stack::open();
        let (buyers, run) = (buyers(), unique("F"));
        let units = buyers / 4;
        for sku in ["SOCKS-3PK", "TEE-BLK-M", "MUG-WHT"] {
            let path = format!("/inventory/items/{sku}/parts");
            let spread = stack.api((Method::POST, &path), &[], Some(&json!({ "parts": 8 }))).await;
            assert_eq!(spread.status, 200, "{}", spread.body);
        }
        let opening = level(&stack, "SOCKS-3PK", "LON1").await;
        assert_eq!((&opening["promisable"], &opening["reserved"]), (&json!(0), &json!(0)), "{opening}");
        let receive = async |id: &str, units: usize| {
            let goods = json!([{ "sku": "SOCKS-3PK", "quantity": units }]);
            tell(
                &stack,
                "receipts",
                &json!({ "receipt_id": format!("{run}-{id}"), "location": "LON1", "lines": goods }),
            )
            .await;
        };
        receive("1", units).await;
        let path = "/inventory/items/SOCKS-3PK/parts";
        stack.api((Method::POST, path), &[], Some(&json!({ "parts": 8 }))).await;
        let ids: Vec<String> = (0..buyers).map(|buyer| format!("{run}{buyer}")).collect();
        let orders = ids.iter().map(|id| {
            let (stack, id) = (&stack, id.clone());
            async move {
                let key = [("idempotency-key", id.as_str())];
                let accepted = stack.api((Method::POST, "/orders"), &key, Some(&cart(&id))).await;
                assert_eq!(accepted.status, 202, "{}", accepted.body);
            }
        });
        futures_util::stream::iter(orders).buffer_unordered(64).collect::<Vec<()>>().await;
        let sold = stack
            .wait("every order is promised or waits", Duration::from_secs(240), async |stack| {
                let level = level(stack, "SOCKS-3PK", "LON1").await;
                let waiting = level["waiting_by_channel"]["web-uk"].as_i64().unwrap_or(0);
                let reserved = level["reserved"].as_i64()?;
                (usize::try_from(reserved + waiting).ok()? >= buyers).then_some((reserved, waiting, level))
            })
            .await;
        let (units, waiting) = (i64::try_from(units).unwrap(), i64::try_from(buyers - units).unwrap());
        assert_eq!((sold.0, sold.1), (units, waiting), "{}", sold.2);
        assert_eq!((sold.2["on_hand"].as_i64(), sold.2["available"].as_i64()), (Some(units), Some(0)));
        receive("2", usize::try_from(waiting).unwrap()).await;
        let orders: Vec<String> = ids.iter().map(|id| format!("web-uk.{id}")).collect();
        ship_until_completed(&stack, &orders, Duration::from_secs(600)).await;
        let closing = level(&stack, "SOCKS-3PK", "LON1").await;
        assert_eq!(
            (&closing["on_hand"], &closing["reserved"], &closing["available"]),
            (&json!(0), &json!(0), &json!(0)),
            "{closing}"
        );
    });
}

/// How many changes there are: `CROSSDOCK_BURST`.
fn burst() -> usize {
    std::env::var("CROSSDOCK_BURST").ok().and_then(|burst| burst.parse().ok()).unwrap_or(200)
}

/// Calls that set stock at the shop.
async fn stock_calls(stack: &Stack) -> usize {
    let requests = stack.sandbox("shopify-uk", "/_sandbox/requests").await;
    let all = requests.as_array().or_else(|| requests["requests"].as_array()).cloned().unwrap_or_default();
    all.iter().filter(|request| request.to_string().contains("inventorySetQuantities(")).count()
}

async fn shop_shows(stack: &Stack, sku: &str, location: &str) -> Option<i64> {
    let documents = stack.sandbox("shopify-uk", "/_sandbox/documents").await;
    let levels = documents["inventory"].as_array()?;
    let level = levels.iter().find(|level| level["sku"] == sku && level["location"] == location)?;
    level["on_hand"].as_i64()
}

/// Hundreds of changes of one SKU at once are a handful of calls, and the shop shows the last value soon. Prints how many
/// and how soon.
#[test]
#[ignore = "needs the stack: cargo local test"]
#[expect(clippy::print_stdout, reason = "a measurement is read")]
fn a_burst_of_changes_is_a_handful_of_calls_and_shown_soon() {
    const SKU: &str = "POSTER-A2";
    runtime().block_on(async {
        let stack = Stack::open();
        stack.configure("shopify-uk", |settings| settings["channel"]["publish_stock"] = json!(true)).await;
        let none = json!({ "sku": SKU, "location": "MAN1", "on_hand": 0 });
        stack.act("shopify-uk", &json!({ "set_inventory": none })).await;
        tokio::time::sleep(Duration::from_secs(6)).await;
        let (run, changes, before) = (unique("B"), burst(), stock_calls(&stack).await);
        let begun = std::time::Instant::now();
        let told = (0..changes).map(|n| {
            let (stack, id) = (&stack, format!("{run}-{n}"));
            async move {
                let found = json!({ "adjustment_id": id, "location": "MAN1", "reason": "found",
                                    "lines": [{ "sku": SKU, "on_hand": 1 }] });
                tell(stack, "adjustments", &found).await;
            }
        });
        futures_util::stream::iter(told).buffer_unordered(32).collect::<Vec<()>>().await;
        let told_at = std::time::Instant::now();
        let there = level(&stack, SKU, "MAN1").await["on_hand"].as_i64().unwrap();
        stack
            .wait("the shop shows the last value", Duration::from_secs(120), async |stack| {
                (shop_shows(stack, SKU, "MAN1").await? == there).then_some(())
            })
            .await;
        let (lag, calls) = (told_at.elapsed(), stock_calls(&stack).await - before);
        println!(
            "{changes} changes in {:.1?}: {calls} calls, the last value shown {lag:.1?} after it",
            told_at - begun
        );
        assert!(calls <= changes / 5, "{calls} calls for {changes} changes");
        stack.configure("shopify-uk", |settings| settings["channel"]["publish_stock"] = json!(false)).await;
    });
}
