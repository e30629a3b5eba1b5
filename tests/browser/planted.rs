//! Who buys something is nowhere but in the people table, at the 3PL and at the shop: in no line that a function logs, no
//! metric, no exception and no page, neither of an order that goes its way nor of what fails.

use reqwest::Method;
use serde_json::{Value, json};

use crate::bad_day::deliver;
use crate::pages::{in_link, of, place};
use crate::session::{Browser, browse};
use crate::stack::{SOON, Stack, ship_everything, unique};

/// Parts of one buyer.
const MARKERS: [&str; 7] = [
    "Zaphodmarker",
    "Beeblemarker",
    "Elmstreetmarker",
    "Markertown",
    "markerbuyer@example.com",
    "07700900777",
    "Giftmarker",
];

fn marked() -> Value {
    let [first, last, street, city, email, phone, note] = MARKERS;
    json!({
        "email": email, "note": note, "attributes": { "gift_message": note },
        "shipping_address": {
            "first_name": first, "last_name": last, "address1": street, "city": city, "zip": "N1 1AA", "phone": phone,
        },
    })
}

fn with_buyer(mut order: Value, zip: &str) -> Value {
    let buyer = marked();
    for (name, value) in buyer.as_object().unwrap() {
        order[name] = value.clone();
    }
    order["shipping_address"]["zip"] = json!(zip);
    order
}

/// All that the functions have logged, metrics among it: they are lines of the log.
async fn logs(stack: &Stack) -> String {
    let mut all = String::new();
    for name in stack.described["functions"].as_object().unwrap().values() {
        let group = format!("/aws/lambda/{}", name.as_str().unwrap());
        let (mut input, target) = (json!({ "logGroupName": group }), ("logs", "Logs_20140328.FilterLogEvents"));
        loop {
            let Some(page) = stack.try_aws(target, &input).await else { break };
            for event in page["events"].as_array().into_iter().flatten() {
                all.push_str(event["message"].as_str().unwrap_or_default());
                all.push('\n');
            }
            let Some(next) = page["nextToken"].as_str() else { break };
            input["nextToken"] = json!(next);
        }
    }
    all
}

/// Every page that tells of these orders, and of all that needs somebody.
async fn pages(browser: &Browser, orders: &[String]) -> String {
    let mut all = String::new();
    for page in ["overview", "orders", "connections", "mappings", "inbox"] {
        browser.open(page).await;
        all.push_str(&browser.source().await);
    }
    for exception in browser.links("exceptions/").await {
        browser.open(&exception).await;
        // The form to correct the address has it, for whoever may correct it: that is asked for on purpose.
        all.push_str(&browser.source().await);
    }
    for order in orders {
        browser.open(&format!("orders/{}", in_link(order))).await;
        all.push_str(&browser.source().await);
    }
    all
}

#[test]
#[ignore = "needs the stack: cargo local test"]
fn a_buyer_is_in_no_log_metric_exception_or_page() {
    browse(async |stack, browser| {
        browser.sign_in().await;
        let mut orders = place(stack, 1, &with_buyer(of(&[("TEE-BLK-M", 1, "24.99")]), "N1 1AA")).await;
        orders.extend(place(stack, 1, &with_buyer(of(&[("MUG-WHT", 1, "12.00")]), "00000")).await);
        let mut poison = marked();
        poison["id"] = json!("no number");
        deliver(stack, "orders/create", &poison).await;
        // One that names itself and cannot be read further.
        poison["id"] = json!(unique("8209").parse::<u64>().unwrap());
        poison["line_items"] = json!([{ "id": 1, "title": MARKERS[0], "quantity": 1, "price": MARKERS[1] }]);
        deliver(stack, "orders/create", &poison).await;
        browser.until_it_says("inbox?task=delivery", "1 exception,").await;
        browser.until_it_says("inbox?class=value&task=request_fulfillment", "1 exception,").await;
        let completed = stack.wait("the good one is completed", SOON * 3, async |stack| {
            ship_everything(stack).await;
            Some(stack.order(&orders[0]).await).filter(|order| order["status"] == "completed")
        });
        let correlation_id = completed.await["correlation_id"].as_str().unwrap().to_owned();
        let (logs, shown) = (logs(stack).await, pages(browser, &orders).await);
        let mut answers = String::new();
        for path in ["/ops/exceptions", "/ops/exceptions.csv", "/ops/overview", "/orders?connection=shopify-uk"] {
            answers.push_str(&stack.api((Method::GET, path), &[], None).await.body);
        }
        for order in &orders {
            answers.push_str(&stack.api((Method::GET, &format!("/ops/recordings/{order}")), &[], None).await.body);
            answers.push_str(&stack.order(order).await.to_string());
        }
        let metrics = stack.aws(("monitoring", "GraniteServiceVersion20100801.ListMetrics"), &json!({})).await;
        assert!(logs.contains(&correlation_id) && logs.contains("_aws"), "what was logged was read");
        assert!(shown.contains(&orders[1]) && answers.contains(&orders[1]) && answers.contains("deliveries"));
        let metrics = metrics.to_string();
        let places = [("logs", &logs), ("pages", &shown), ("answers", &answers), ("metrics", &metrics)];
        for (place, text) in places {
            for marker in MARKERS {
                let found =
                    text.find(marker).map(|at| text[at.saturating_sub(200)..].chars().take(400).collect::<String>());
                assert_eq!(found, None, "{marker} is in {place}");
            }
        }
    });
}
