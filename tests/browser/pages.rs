//! The main paths through the console, each as somebody on call goes it.

use std::time::Duration;

use fantoccini::key::Key;
use reqwest::Method;
use serde_json::{Value, json};

use crate::session::{ANYWHERE, Browser, browse};
use crate::stack::{SOON, Stack, placed_ids, ship_until_completed, unique};

/// Places the same order so many times; gives back the names of the orders.
pub async fn place(stack: &Stack, count: u32, order: &Value) -> Vec<String> {
    let order = json!({ "place_orders": { "count": count, "template": order, "vary": false } });
    let placed = placed_ids(&stack.act("shopify-uk", &order).await);
    assert_eq!(placed.len(), usize::try_from(count).unwrap());
    placed.into_iter().map(|channel| format!("shopify-uk.{channel}")).collect()
}

/// An order of some lines, with tax.
pub fn of(lines: &[(&str, u32, &str)]) -> Value {
    let line = |(sku, quantity, price): &(&str, u32, &str)| json!({ "sku": sku, "quantity": quantity, "price": price });
    let lines: Vec<Value> = lines.iter().map(line).collect();
    json!({ "lines": lines, "taxes_included": true, "tax_rate": "0.2" })
}

/// An order that nobody has paid: it is held, and nothing is left of it once it is cancelled.
fn unpaid() -> Value {
    let mut order = of(&[("MUG-WHT", 1, "12.00")]);
    order["financial_status"] = json!("pending");
    order
}

/// A text for a part of an address, as the console's links have it.
pub fn in_link(id: &str) -> String {
    id.replace(':', "%3A")
}

/// What the schedule does once a minute, now.
pub async fn look_around(stack: &Stack) {
    stack.lambda((Method::POST, "watch-deadlines", "invocations"), Some(&json!({}))).await;
}

/// The shop cancels what a test has left, so that nothing asks for anybody.
async fn take_back(stack: &Stack, orders: &[String]) {
    for order in orders {
        let channel = order.split_once('.').unwrap().1;
        stack.act("shopify-uk", &json!({ "cancel_order": { "order": channel } })).await;
    }
    for order in orders {
        stack.wait_for_status(order, "cancelled", SOON).await;
    }
}

#[test]
#[ignore = "needs the stack: cargo local test"]
fn only_who_has_a_token_comes_in_and_whoever_signs_out_is_out() {
    browse(async |_stack, browser| {
        browser.open("overview").await;
        assert_eq!(browser.place().await, "sign-in");
        browser.has_no_barriers().await;
        let forged = format!("{}x", browser.token());
        for wrong in ["nonsense and more", &forged] {
            browser.fill(ANYWHERE, "Token", wrong).await;
            browser.press(ANYWHERE, "Sign in").await;
            assert_eq!(browser.all("//*[@role='alert']").await.len(), 1);
            browser.does_not_say("nonsense").await;
            browser.has_no_barriers().await;
            browser.open("inbox").await;
            assert_eq!(browser.place().await, "sign-in");
        }
        browser.sign_in().await;
        browser.press("//header", "Sign out").await;
        for page in ["overview", "inbox", "orders", "mappings", "connections"] {
            browser.open(page).await;
            assert_eq!((browser.place().await.as_str(), browser.heading().await.as_str()), ("sign-in", "Sign in"));
        }
    });
}

#[test]
#[ignore = "needs the stack: cargo local test"]
fn the_overview_tells_of_what_waits_and_leads_to_it() {
    browse(async |stack, browser| {
        let waits = place(stack, 1, &unpaid()).await;
        let moves = place(stack, 2, &of(&[("TEE-BLK-M", 1, "24.99")])).await;
        stack.wait_for_status(&waits[0], "held", SOON).await;
        stack.wait_for_status(&moves[1], "fulfilling", SOON).await;
        browser.sign_in().await;
        stack
            .wait("the overview knows both", SOON, async |stack| {
                look_around(stack).await;
                browser.open("overview").await;
                let text = browser.text().await;
                (text.contains("confirm_shipment") && text.contains("unpaid")).then_some(())
            })
            .await;
        for words in ["What cannot wait", "Orders in 24 hours", "In flight by step", "The oldest is of"] {
            browser.says(words).await;
        }
        browser.has_no_barriers().await;
        browser.keep_picture("overview").await;
        browser.follow("unpaid").await;
        assert_eq!(browser.place().await, "inbox?class=unpaid");
        browser.says(&waits[0]).await;
        take_back(stack, &waits).await;
        ship_until_completed(stack, &moves, SOON).await;
    });
}

#[test]
#[ignore = "needs the stack: cargo local test"]
fn an_order_is_found_by_whatever_it_is_called_and_shows_its_way() {
    browse(async |stack, browser| {
        let orders = place(stack, 1, &of(&[("TEE-BLK-M", 1, "24.99"), ("MUG-WHT", 2, "12.00")])).await;
        ship_until_completed(stack, &orders, SOON).await;
        let (id, channel) = (&orders[0], orders[0].split_once('.').unwrap().1);
        browser.sign_in().await;
        browser.follow("Orders").await;
        browser.has_no_barriers().await;
        browser.until_it_says(&format!("orders/{id}"), "completed").await;
        let heading = browser.heading().await;
        let name = heading.strip_prefix("Order ").unwrap();
        for called in [name, channel, id, &format!("UK-{channel}-INV1")] {
            browser.open("orders").await;
            browser.fill(ANYWHERE, "Find an order", called).await;
            browser.press(ANYWHERE, "Find").await;
            assert_eq!((browser.heading().await, browser.place().await), (heading.clone(), format!("orders/{id}")));
        }
        let marks = browser.all("//*[name()='svg']/*[name()='g']").await.len();
        let rows = browser.all("//section[@aria-labelledby='timeline']//tbody/tr").await.len();
        assert!(marks >= 11 && marks == rows, "{marks} marks, {rows} rows");
        for words in ["Order accepted", "Shipment recorded", "Invoice posted", "Order completed", "48.99 GBP"] {
            browser.says(words).await;
        }
        browser.has_no_barriers().await;
        browser.keep_picture("order").await;
        browser.open("orders").await;
        browser.fill(ANYWHERE, "Find an order", "no such order").await;
        browser.press(ANYWHERE, "Find").await;
        browser.says("No order is called").await;
    });
}

#[test]
#[ignore = "needs the stack: cargo local test"]
fn the_total_of_an_order_follows_its_edits() {
    browse(async |stack, browser| {
        let orders = place(stack, 1, &of(&[("MUG-WHT", 2, "12.00")])).await;
        stack.wait_for_status(&orders[0], "fulfilling", SOON).await;
        let channel = orders[0].split_once('.').unwrap().1;
        browser.sign_in().await;
        browser.until_it_says(&format!("orders/{}", orders[0]), "24.00 GBP").await;
        browser.does_not_say("accepted as").await;
        let less = json!({ "order": channel, "set": [{ "sku": "MUG-WHT", "quantity": 1 }] });
        stack.act("shopify-uk", &json!({ "edit_order": less })).await;
        stack.act("shopify-uk", &json!({ "refund_order": { "order": channel, "amount": "12.00" } })).await;
        browser.until_it_says(&format!("orders/{}", orders[0]), "12.00 GBP accepted as 24.00 GBP").await;
        ship_until_completed(stack, &orders, Duration::from_secs(120)).await;
    });
}

#[test]
#[ignore = "needs the stack: cargo local test"]
fn the_list_is_narrowed_down_and_all_that_it_shows_gets_an_owner_at_once() {
    browse(async |stack, browser| {
        let orders = place(stack, 3, &unpaid()).await;
        browser.sign_in().await;
        for order in &orders {
            browser.until_it_says("inbox?class=unpaid", order).await;
        }
        browser.open("inbox").await;
        browser.says("Narrow the list down first").await;
        browser.has_no_barriers().await;
        browser.keep_picture("inbox").await;
        let narrow = "//form[@role='search']";
        browser.fill(narrow, "Class", "unpaid").await;
        browser.fill(narrow, "Connection", "shopify-uk").await;
        browser.choose(narrow, "Concerns", "customers").await;
        browser.press(narrow, "Narrow down").await;
        let shown = browser.all("//main//tbody/tr").await.len();
        assert!(shown >= 3, "{shown}");
        let owner = unique("team-");
        browser.choose("//form[@action='bulk']", "Do", "Assign").await;
        browser.fill("//form[@action='bulk']", "Owner", &owner).await;
        browser.press(ANYWHERE, "See what would follow").await;
        browser.says(&format!("Nothing was changed yet. {shown} exceptions would be seen to, 0 not.")).await;
        browser.has_no_barriers().await;
        browser.press(ANYWHERE, "Do it: Assign").await;
        browser.says(&format!("{shown} exceptions were seen to, 0 not.")).await;
        browser.until_it_says(&format!("inbox?owner={owner}"), &format!("{shown} exceptions, the oldest first")).await;
        for order in &orders {
            browser.says(order).await;
        }
        take_back(stack, &orders).await;
        stack
            .wait("nobody is waited for", SOON, async |_stack| {
                browser.open(&format!("inbox?owner={owner}")).await;
                let text = browser.text().await;
                orders.iter().all(|order| !text.contains(order.as_str())).then_some(())
            })
            .await;
    });
}

#[test]
#[ignore = "needs the stack: cargo local test"]
fn an_address_is_corrected_after_a_page_that_says_what_would_follow() {
    browse(async |stack, browser| {
        let mut order = of(&[("MUG-WHT", 1, "12.00")]);
        order["shipping_address"] = json!({ "zip": "00000", "address1": "Hidden Street 77" });
        let orders = place(stack, 1, &order).await;
        browser.sign_in().await;
        browser.until_it_says("inbox?class=value", &orders[0]).await;
        browser.follow("request_fulfillment:F1").await;
        browser.says("What may be done now").await;
        browser.has_no_barriers().await;
        browser.keep_picture("exception").await;
        correct_address(browser).await;
        let exception = browser.place().await;
        ship_until_completed(stack, &orders, SOON).await;
        browser.until_it_says(&exception, "It needs nobody any more").await;
    });
}

/// Gives a postal code that the 3PL knows, on an exception's page.
pub async fn correct_address(browser: &Browser) {
    let form = "//form[@aria-labelledby='do-edit-recipient']";
    assert!(!browser.source().await.contains("Hidden Street"), "of an address only the length is shown");
    browser.fill(form, "postal_code", "SW1A 1AA").await;
    browser.press(form, "See what would follow").await;
    browser.says("Nothing was changed yet.").await;
    browser.says("Outside calls that would follow, in order").await;
    let source = browser.source().await;
    assert!(!source.contains("Hidden Street"), "of an address only the length is shown");
    browser.has_no_barriers().await;
    browser.press(ANYWHERE, "Do it: Correct the address").await;
    assert!(browser.place().await.starts_with("exceptions/"));
}

#[test]
#[ignore = "needs the stack: cargo local test"]
fn a_sku_is_given_another_name_and_its_own_again() {
    browse(async |_stack, browser| {
        browser.sign_in().await;
        browser.follow("Mappings").await;
        browser.fill(ANYWHERE, "SKU", "CAP-RED").await;
        browser.press(ANYWHERE, "Look up").await;
        browser.has_no_barriers().await;
        browser.keep_picture("mappings").await;
        let netsuite = "//tr[th='netsuite']";
        for name in ["5030", "503"] {
            browser.name_sku("CAP-RED", "netsuite", name).await;
            assert_eq!(browser.place().await, "mappings?sku=CAP-RED");
            let shown = browser.all(&format!("{netsuite}//code")).await.remove(0);
            assert_eq!(shown.text().await.unwrap(), name);
        }
        browser.open("mappings?sku=NOBODY-KNOWS-IT").await;
        browser.says("No item is called").await;
        browser.has_no_barriers().await;
    });
}

#[test]
#[ignore = "needs the stack: cargo local test"]
fn a_connection_is_left_alone_taken_up_and_asked_again() {
    browse(async |stack, browser| {
        let orders = place(stack, 1, &of(&[("TEE-BLK-M", 1, "24.99")])).await;
        stack.wait_for_status(&orders[0], "fulfilling", SOON).await;
        browser.sign_in().await;
        browser.follow("Connections").await;
        let shipbob = "//section[@aria-labelledby='of-shipbob']";
        browser.fill(shipbob, "Leave it alone because", "the 3PL moves house").await;
        browser.choose(shipbob, "for", "15 minutes").await;
        browser.press(shipbob, "Pause").await;
        browser.says("the 3PL moves house").await;
        browser.has_no_barriers().await;
        browser.keep_picture("connections").await;
        browser.until_it_says("inbox?connection=shipbob", "the 3PL moves house").await;
        browser.open("connections").await;
        browser.press(shipbob, "Take it up now").await;
        browser.does_not_say("Left alone").await;
        stack
            .wait("it waits for its parcels", SOON, async |stack| {
                let order = stack.order(&orders[0]).await;
                order["outstanding"].to_string().contains("confirm_shipment").then_some(())
            })
            .await;
        browser.open("connections").await;
        browser.press(shipbob, "Ask it again").await;
        browser.says("shipbob is asked again about ").await;
        browser.does_not_say(" about 0 orders").await;
        browser.has_no_barriers().await;
        browser.follow("Back to the connections").await;
        ship_until_completed(stack, &orders, SOON).await;
    });
}

#[test]
#[ignore = "needs the stack: cargo local test"]
fn whoever_has_only_a_keyboard_signs_in_and_sees_to_an_exception() {
    browse(async |stack, browser| {
        let orders = place(stack, 1, &unpaid()).await;
        browser.open("sign-in").await;
        browser.tab_to("Token").await;
        browser.types(browser.token()).await;
        browser.tab_to("Sign in").await;
        browser.enter().await;
        assert_eq!(browser.heading().await, "Overview");
        let exception = format!("exceptions/{}", in_link(&format!("{}~hold:unpaid", orders[0])));
        browser.until_it_says(&exception, "What may be done now").await;
        browser.tab_to("Skip to content").await;
        browser.key(Key::Enter).await;
        let owner = unique("night-");
        browser.tab_to("Who sees to it; empty for nobody").await;
        browser.types(&owner).await;
        browser.tab_to("Save").await;
        browser.enter().await;
        browser.until_it_says(&exception, &owner).await;
        browser.tab_to("Exceptions").await;
        browser.enter().await;
        assert_eq!(browser.heading().await, "Exceptions");
        take_back(stack, &orders).await;
    });
}
