//! Everything that goes wrong on a bad day, and is put right by somebody who has nothing but the console.
//!
//! Of the alarms, those of a metric that `watch-deadlines` measures are seen going off here: an ERP that is down, open
//! exceptions of the books and of fulfilment. That they come back is not: the local engine looks at the worst of their whole
//! quarter of an hour. It measures nothing of queues, and of functions only those that are called and waited for, and
//! knows no alarm over several metrics: dead letters, failing functions, what comes back and what pages somebody is
//! proven by tests/alarms, by the same template.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::pages::{correct_address, look_around, of, place};
use crate::session::{ANYWHERE, Browser, browse};
use crate::stack::books::Books;
use crate::stack::{SOON, Stack, assert_one_each, erp_documents, ship_until_completed, unique};

/// What a repair may take on a machine that is busy.
const REPAIRED: Duration = Duration::from_secs(420);

#[test]
#[ignore = "needs the stack: cargo local test"]
fn a_bad_day_is_repaired_from_the_console_alone() {
    browse(async |stack, browser| {
        let day = Day { stack, browser };
        browser.sign_in().await;
        let mut orders = day.the_erp_is_down().await;
        orders.extend(day.a_sku_has_the_wrong_name().await);
        orders.extend(day.the_3pl_refuses_addresses().await);
        day.nobody_can_read_a_delivery().await;
        orders.extend(day.a_function_dies().await);
        day.is_over(&orders).await;
    });
}

struct Day<'a> {
    stack: &'a Stack,
    browser: &'a Browser,
}

/// What the local CloudWatch says of an alarm of the template.
async fn alarm(stack: &Stack, logical: &str) -> String {
    let target = ("monitoring", "GraniteServiceVersion20100801.DescribeAlarms");
    let all = stack.aws(target, &json!({ "MaxRecords": 100 })).await;
    let alarms = all["MetricAlarms"].as_array().unwrap();
    let named = |alarm: &&Value| alarm["AlarmName"].as_str().unwrap_or_default().contains(logical);
    let found = alarms.iter().find(named).unwrap_or_else(|| panic!("no alarm {logical}"));
    found["StateValue"].as_str().unwrap().to_owned()
}

impl Day<'_> {
    async fn until_alarm(&self, logical: &str) {
        let what = format!("{logical} goes off");
        self.stack
            .wait(&what, SOON, async |stack| {
                look_around(stack).await;
                // Metrics are forwarded every three seconds.
                tokio::time::sleep(Duration::from_secs(3)).await;
                (alarm(stack, logical).await == "ALARM").then_some(())
            })
            .await;
    }

    /// Waits until a list shows all of these orders.
    async fn until_listed(&self, list: &str, orders: &[String]) {
        for order in orders {
            self.browser.until_it_says(list, order).await;
        }
    }

    /// Retries all that the list shows, and waits until the list is empty.
    async fn retry_all(&self, list: &str) {
        self.browser.open(list).await;
        self.browser.do_to_all("Retry").await;
        self.browser.until_it_says(list, "Nothing needs anybody.").await;
    }

    /// For ten minutes nothing reaches the ERP: here for half a minute, because each pause is twice as long as the last, and
    /// what was put back for one waits until its end. Whatever waits is one exception.
    async fn the_erp_is_down(&self) -> Vec<String> {
        let (stack, browser) = (self.stack, self.browser);
        let down = json!({ "match": "* /services/rest/", "fault": "status:503", "times": 1_000_000 });
        stack.tell("netsuite", "/_sandbox/faults", &down).await;
        let orders = place(stack, 40, &of(&[("TEE-BLK-M", 1, "24.99"), ("MUG-WHT", 2, "12.00")])).await;
        browser.until_it_says("inbox?connection=netsuite", "1 exception,").await;
        self.until_alarm("ErpDown").await;
        tokio::time::sleep(Duration::from_secs(20)).await;
        let down = stack
            .wait("it is left alone", SOON, async |_stack| {
                browser.open("inbox").await;
                // Between two pauses it is tried again.
                Some(browser.links("exceptions/connection").await).filter(|links| !links.is_empty())
            })
            .await;
        assert_eq!(down, ["exceptions/connection%3Anetsuite"]);
        for order in &orders {
            browser.does_not_say(order).await;
        }
        let posted = erp_documents(&stack.sandbox("netsuite", "/_sandbox/documents").await);
        let of_these = |name: &String| orders.iter().any(|order| name.contains(order.split_once('.').unwrap().1));
        assert!(!posted.values().flatten().any(of_these), "nothing reaches an ERP that is down");
        stack.forget_faults("netsuite").await;
        browser.open("connections").await;
        let netsuite = "//section[@aria-labelledby='of-netsuite']";
        // Between two pauses it is tried by itself, and may just have been found to be back.
        if browser.has_button(netsuite, "Take it up now").await {
            browser.press(netsuite, "Take it up now").await;
        }
        ship_until_completed(stack, &orders, REPAIRED).await;
        browser.until_it_says("inbox?connection=netsuite", "Nothing needs anybody.").await;
        orders
    }

    /// Somebody has mistyped what the ERP calls the mug. One correction, and one word about all fifty.
    async fn a_sku_has_the_wrong_name(&self) -> Vec<String> {
        let (stack, browser) = (self.stack, self.browser);
        browser.open("mappings?sku=MUG-WHT").await;
        let right = browser.all("//tr[th='netsuite']//code").await.remove(0).text().await.unwrap();
        browser.name_sku("MUG-WHT", "netsuite", "99999").await;
        let orders = place(stack, 50, &of(&[("MUG-WHT", 1, "12.00")])).await;
        let list = "inbox?class=mapping&task=post_sales_order";
        self.until_listed(list, &orders).await;
        self.until_alarm("FinancialExceptions").await;
        browser.name_sku("MUG-WHT", "netsuite", &right).await;
        self.retry_all(list).await;
        ship_until_completed(stack, &orders, REPAIRED).await;
        orders
    }

    async fn the_3pl_refuses_addresses(&self) -> Vec<String> {
        let (stack, browser) = (self.stack, self.browser);
        let mut order = of(&[("TEE-BLK-M", 1, "24.99")]);
        order["shipping_address"] = json!({ "zip": "00000", "address1": "Hidden Street 77" });
        let orders = place(stack, 3, &order).await;
        let list = "inbox?class=value&task=request_fulfillment";
        self.until_listed(list, &orders).await;
        self.until_alarm("FulfilmentExceptions").await;
        browser.open(list).await;
        for exception in browser.links("exceptions/").await {
            browser.open(&exception).await;
            correct_address(browser).await;
        }
        ship_until_completed(stack, &orders, REPAIRED).await;
        orders
    }

    /// It is rightly signed, and no order: an exception at once, because to try it again changes nothing.
    async fn nobody_can_read_a_delivery(&self) {
        let (stack, browser) = (self.stack, self.browser);
        deliver(stack, "orders/create", &json!({ "id": "no number", "email": "marker@example.com" })).await;
        browser.until_it_says("inbox?task=delivery", "1 exception,").await;
        browser.follow("delivery").await;
        assert!(!browser.source().await.contains("marker@"), "what was delivered is not shown");
        let resolve = "//form[@aria-labelledby='do-resolve']";
        browser.fill(resolve, "How it was settled", "a test of the shop's").await;
        browser.press(resolve, "See what would follow").await;
        browser.press(ANYWHERE, "Do it: Resolve").await;
        browser.until_it_says("inbox?task=delivery", "Nothing needs anybody.").await;
    }

    /// `request-fulfillment` is deployed without what it needs to know, and dies whenever it starts.
    async fn a_function_dies(&self) -> Vec<String> {
        let stack = self.stack;
        let queue = Hasty::make(stack, "fulfillment").await;
        let configuration = stack.lambda((Method::GET, FULFILLMENT, "configuration"), None).await;
        let good = json!({ "Environment": { "Variables": configuration["Environment"]["Variables"] } });
        assert!(good["Environment"]["Variables"]["LOG_TABLE"].is_string(), "{configuration}");
        let bad = json!({ "Environment": { "Variables": {} } });
        stack.lambda((Method::PUT, FULFILLMENT, "configuration"), Some(&bad)).await;
        let orders = place(stack, 20, &of(&[("TEE-BLK-M", 1, "24.99")])).await;
        let list = "inbox?class=exhausted&task=request_fulfillment";
        self.until_listed(list, &orders).await;
        stack.lambda((Method::PUT, FULFILLMENT, "configuration"), Some(&good)).await;
        queue.undo(stack).await;
        self.retry_all(list).await;
        ship_until_completed(stack, &orders, REPAIRED).await;
        orders
    }

    /// Every order is completed and exists once in the ERP, at the 3PL and at the shop; the books agree; nobody is waited
    /// for.
    async fn is_over(&self, orders: &[String]) {
        let stack = self.stack;
        let erp = erp_documents(&stack.sandbox("netsuite", "/_sandbox/documents").await);
        let threepl = stack.sandbox("shipbob", "/_sandbox/documents").await;
        let shop = stack.sandbox("shopify-uk", "/_sandbox/documents").await;
        let count = |rows: &Value, field: &str, wanted: &str| {
            rows.as_array().unwrap().iter().filter(|row| row[field] == wanted).count()
        };
        for order in orders {
            let channel = order.split_once('.').unwrap().1;
            assert_eq!(stack.order(order).await["status"], "completed", "{order}");
            assert_one_each(&erp, "UK", channel);
            assert_eq!(count(&threepl["orders"], "reference_id", &format!("UK-{channel}-F1")), 1, "{order}");
            let sold = shop["orders"].as_array().unwrap().iter().find(|sold| sold["id"] == channel).unwrap();
            assert_eq!(sold["fulfillments"].as_array().unwrap().len(), 1, "{sold}");
        }
        let ledger = stack.sandbox("netsuite", "/_sandbox/ledger").await;
        let references = orders.iter().map(|order| order.replacen("shopify-uk.", "UK-", 1));
        let books = Books::of(&ledger, references);
        assert_eq!(books.unsettled(), (0, 0), "{:#?}", books.0);
        assert_eq!(books.money(), books.income(), "{:#?}", books.0);
        look_around(stack).await;
        self.browser.open("overview").await;
        self.browser.does_not_say("Connections that are down").await;
        self.browser.open("inbox?snoozed=true").await;
        for order in orders {
            self.browser.does_not_say(order).await;
        }
        for left in ["exceptions/connection", "exceptions/delivery"] {
            assert_eq!(self.browser.links(left).await, [""; 0]);
        }
    }
}

const FULFILLMENT: &str = "request-fulfillment";

/// A delivery of the shop, signed as the shop signs.
pub async fn deliver(stack: &Stack, topic: &str, body: &Value) {
    let (secret, body) = (stack.text("/connections/shopify-uk/webhook_secret"), body.to_string().into_bytes());
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(&body);
    let headers = [
        ("X-Shopify-Topic", topic.to_owned()),
        ("X-Shopify-Shop-Domain", "crossdock-uk.myshopify.com".to_owned()),
        ("X-Shopify-Webhook-Id", unique("delivery-")),
        ("X-Shopify-Hmac-Sha256", BASE64_STANDARD.encode(mac.finalize().into_bytes())),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value));
    let url = format!("{}/webhooks/shopify-uk", stack.text("/api"));
    let taken = stack.send((Method::POST, &url), &headers, Some(body)).await;
    assert_eq!(taken.status, 200, "{}", taken.body);
}

/// A queue that tries again after two seconds, and gives up after two tries, so that no test waits for ten tries of minutes.
struct Hasty {
    queue: String,
    before: Value,
}

impl Hasty {
    async fn make(stack: &Stack, queue: &str) -> Self {
        let url = stack.text(&format!("/queues/{queue}"));
        let names = json!(["VisibilityTimeout", "RedrivePolicy"]);
        let asked = json!({ "QueueUrl": url, "AttributeNames": names });
        let before = stack.aws(("sqs", "AmazonSQS.GetQueueAttributes"), &asked).await["Attributes"].clone();
        let mut redrive: Value = serde_json::from_str(before["RedrivePolicy"].as_str().unwrap()).unwrap();
        redrive["maxReceiveCount"] = json!(2);
        let hasty = Self { queue: url, before };
        hasty.set(stack, &json!({ "VisibilityTimeout": "2", "RedrivePolicy": redrive.to_string() })).await;
        hasty
    }

    async fn set(&self, stack: &Stack, attributes: &Value) {
        let input = json!({ "QueueUrl": self.queue, "Attributes": attributes });
        stack.aws(("sqs", "AmazonSQS.SetQueueAttributes"), &input).await;
    }

    async fn undo(self, stack: &Stack) {
        self.set(stack, &self.before).await;
    }
}
