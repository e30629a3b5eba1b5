//! How fast the pages are with ten thousand orders. Only printed: how fast they have to be is for whoever reads it.

use std::time::{Duration, Instant};

use crossdock_log::OrderView;
use futures_util::StreamExt as _;
use reqwest::StatusCode;
use serde_json::{Map, Value, json};

use crate::pages::{look_around, of, place};
use crate::stack::{SOON, Stack, runtime, ship_until_completed};

/// Orders that are put into the view.
const ORDERS: i64 = 10_000;

/// One in so many is on its way.
const IN_FLIGHT: i64 = 4;

/// One in so many asks for somebody.
const EXCEPTIONS: i64 = 50;

/// Calls of each page that are measured, after some that are not.
const CALLS: usize = 60;
const WARM_UP: usize = 5;

/// As `OrderView` is written.
fn row(number: i64) -> Value {
    let at = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(number * 8);
    let id = format!("shopify-uk.95{number:016}");
    let (moves, asks) = (number % IN_FLIGHT == 0, number % EXCEPTIONS == 0);
    let status = if moves { "fulfilling" } else { "completed" };
    let mut row = json!({
        "order_id": id, "connection": "shopify-uk", "status": status, "seq": 9, "updated_at": at,
        "placed_order": format!("{at:.3}#{id}"), "connection_status": format!("shopify-uk#{status}"),
        "named": format!("shopify-uk#m{number}"),
        "routes": { "storefront": "shopify-uk", "fulfillment": "shipbob", "erp": "netsuite" },
    });
    if moves {
        row["in_flight"] = json!("shopify-uk");
        row["owed"] = json!({ "confirm_shipment": at, "post_sales_order": at });
    }
    if asks {
        row["exceptions"] = json!([{ "about": "post_invoice:INV1", "class": "refused", "since": at,
            "reason": "the ERP does not take it: its period is closed", "attempts": 3 }]);
        row["attention"] = json!("shopify-uk");
        row["attention_since"] = json!(format!("{at:.3}#{id}"));
    }
    assert!(serde_json::from_value::<OrderView>(row.clone()).is_ok(), "no row of the view: {row}");
    row
}

/// As DynamoDB takes it.
fn attribute(value: &Value) -> Value {
    match value {
        Value::Null => json!({ "NULL": true }),
        Value::Bool(is) => json!({ "BOOL": is }),
        Value::Number(number) => json!({ "N": number.to_string() }),
        Value::String(text) => json!({ "S": text }),
        Value::Array(all) => json!({ "L": all.iter().map(attribute).collect::<Vec<_>>() }),
        Value::Object(fields) => json!({ "M": attributes(fields) }),
    }
}

fn attributes(fields: &Map<String, Value>) -> Map<String, Value> {
    fields.iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
}

/// Writes all of it to the view, 25 at once.
async fn write(stack: &Stack, requests: Vec<Value>) {
    let table = stack.text("/tables/view");
    let batches = requests.chunks(25).map(|batch| {
        let input = json!({ "RequestItems": { table.as_str(): batch } });
        async move {
            let answer = stack.dynamodb("BatchWriteItem", &input).await;
            assert!(answer["UnprocessedItems"].as_object().is_none_or(Map::is_empty), "{answer}");
        }
    });
    futures_util::stream::iter(batches.collect::<Vec<_>>()).buffer_unordered(4).collect::<Vec<()>>().await;
}

/// Somebody who looks at pages without a browser, which would measure itself.
struct Visitor {
    http: reqwest::Client,
    console: String,
    cookie: String,
}

impl Visitor {
    fn of(stack: &Stack) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let token = stack.text("/headers/Authorization");
        let cookie = format!("crossdock_session={}", token.trim_start_matches("Bearer "));
        Self { http, console: stack.text("/console"), cookie }
    }

    async fn look(&self, page: &str, wanted: StatusCode) {
        let request = self.http.get(format!("{}/{page}", self.console)).header("cookie", &self.cookie);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), wanted, "{page}");
        answer.bytes().await.unwrap();
    }
}

/// Half of the calls, and all but one in twenty, take no longer than this.
async fn times(mut call: impl AsyncFnMut()) -> (Duration, Duration) {
    let mut times = Vec::new();
    for number in 0..WARM_UP + CALLS {
        let begun = Instant::now();
        call().await;
        if number >= WARM_UP {
            times.push(begun.elapsed());
        }
    }
    times.sort();
    (times[CALLS / 2 - 1], times[CALLS * 95 / 100 - 1])
}

/// One page of an index, asked of the local DynamoDB itself: what that takes is the engine's part of a list.
async fn ask_the_store(stack: &Stack, (index, key): (&str, &str)) {
    let query = json!({
        "TableName": stack.text("/tables/view"), "IndexName": index, "Limit": 50,
        "KeyConditionExpression": "#key = :key", "ExpressionAttributeNames": { "#key": key },
        "ExpressionAttributeValues": { ":key": { "S": "shopify-uk" } },
    });
    let answer = stack.dynamodb("Query", &query).await;
    assert_eq!(answer["Count"], 50, "{index}");
}

#[test]
#[ignore = "needs the stack: cargo local test"]
#[expect(clippy::print_stdout, reason = "a measurement is read")]
fn measured_pages_with_ten_thousand_orders() {
    runtime().block_on(async {
        let stack = Stack::open();
        let order = place(&stack, 1, &of(&[("TEE-BLK-M", 1, "24.99")])).await.remove(0);
        ship_until_completed(&stack, std::slice::from_ref(&order), SOON).await;
        let rows: Vec<Value> = (0..ORDERS).map(row).collect();
        let put = |row: &Value| json!({ "PutRequest": { "Item": attribute(row)["M"] } });
        write(&stack, rows.iter().map(put).collect()).await;
        let begun = Instant::now();
        look_around(&stack).await;
        println!("watch-deadlines surveys {} orders in flight in {:.1?}", ORDERS / IN_FLIGHT, begun.elapsed());
        let (visitor, reference) = (Visitor::of(&stack), format!("UK-{}-INV1", order.split_once('.').unwrap().1));
        for (what, page, status) in [
            ("nothing but the way there", "style.css", StatusCode::OK),
            ("overview", "overview", StatusCode::OK),
            ("inbox", "inbox", StatusCode::OK),
            ("inbox, narrowed down", "inbox?class=refused&task=post_invoice", StatusCode::OK),
            ("orders, a list", "orders", StatusCode::OK),
            ("orders, by name", "orders?q=M77", StatusCode::SEE_OTHER),
            ("orders, by reference", &format!("orders?q={reference}"), StatusCode::SEE_OTHER),
            ("an order", &format!("orders/{order}"), StatusCode::OK),
            ("mappings", "mappings?sku=MUG-WHT", StatusCode::OK),
            ("connections", "connections", StatusCode::OK),
        ] {
            let (half, most) = times(async || visitor.look(page, status).await).await;
            println!("{what}: p50 {half:.1?}, p95 {most:.1?}");
        }
        for (index, key) in [("by_connection", "connection"), ("attention", "attention")] {
            let (half, most) = times(async || ask_the_store(&stack, (index, key)).await).await;
            println!("one query of {index} alone: p50 {half:.1?}, p95 {most:.1?}");
        }
        let delete = |row: &Value| json!({ "DeleteRequest": { "Key": { "order_id": { "S": row["order_id"] } } } });
        write(&stack, rows.iter().map(delete).collect()).await;
        look_around(&stack).await;
    });
}
