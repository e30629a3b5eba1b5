//! Refunds, cancellations, edits and returns: what staff does, what apps may ask for, and what the ledger says.

use super::*;

const SALES: &str = r"
query Sales($id: ID!) {
  order(id: $id) {
    cancelledAt cancelReason updatedAt displayFinancialStatus taxesIncluded: taxesIncluded
    currentTotalPriceSet { shopMoney { amount } }
    lineItems(first: 20) { nodes { id sku quantity currentQuantity } }
    agreements(first: 20) { nodes {
      __typename id happenedAt reason
      ... on RefundAgreement { refund { id } }
      ... on ReturnAgreement { return { id } }
      sales(first: 20) { nodes {
        __typename actionType lineType quantity
        totalAmount { shopMoney { amount } } totalTaxAmount { shopMoney { amount } }
        taxes { amount { shopMoney { amount } } taxLine { title rate channelLiable } }
        ... on ProductSale { lineItem { sku originalUnitPriceSet { shopMoney { amount } } } }
      } }
    } }
    refunds(first: 20) {
      id createdAt note return { id } totalRefundedSet { shopMoney { amount } }
      refundLineItems(first: 20) { nodes { quantity restockType lineItem { sku } subtotalSet { shopMoney { amount } } } }
      transactions(first: 20) { nodes { id gateway status kind parentTransaction { id } amountSet { shopMoney { amount } } } }
    }
    returns(first: 20) { nodes {
      id name status
      returnLineItems(first: 20) { nodes {
        quantity processableQuantity returnReasonDefinition { handle }
        ... on ReturnLineItem { id fulfillmentLineItem { lineItem { sku } } }
      } }
      exchangeLineItems(first: 20) { nodes { id quantity unprocessedQuantity lineItems { sku } } }
    } }
    transactions(first: 20) { id kind status gateway parentTransaction { id } amountSet { shopMoney { amount } } }
  }
}";

const REFUND: &str = r"
mutation Refund($input: RefundInput!, $key: String!) {
  refundCreate(input: $input) @idempotent(key: $key) {
    refund { id note transactions(first: 5) { nodes { gateway amountSet { shopMoney { amount } } } } }
    userErrors { field message }
  }
}";

const CANCEL: &str = r"
mutation Cancel($order: ID!) {
  orderCancel(orderId: $order, reason: CUSTOMER, restock: false) {
    job { id done }
    orderCancelUserErrors { field message code }
  }
}";

const PROCESS: &str = r"
mutation Process($input: ReturnProcessInput!) {
  returnProcess(input: $input) { return { id status refunds(first: 5) { nodes { id } } } userErrors { field message code } }
}";

const OUTCOME: &str = r"
query Outcome($of: ID!, $lines: [SuggestedOutcomeReturnLineItemInput!]!, $exchange: [SuggestedOutcomeExchangeLineItemInput!]!) {
  return(id: $of) { id suggestedFinancialOutcome(returnLineItems: $lines, exchangeLineItems: $exchange) { financialTransfer {
    __typename
    ... on RefundReturnOutcome { amount { shopMoney { amount } } }
    ... on InvoiceReturnOutcome { amount { shopMoney { amount } } }
  } } }
}";

impl Stage {
    /// Two teas and a pot with 20 % tax included, 5.00 delivery: 59.48.
    fn taxed(&self) -> String {
        self.place(json!({
            "lines": [{ "sku": "TEA", "quantity": 2, "price": "9.99" }, { "sku": "POT", "quantity": 1, "price": "34.50" }],
            "taxes_included": true, "tax_rate": "0.2", "shipping": "5.00",
        }))
    }

    async fn sales(&self, id: &str) -> Value {
        let answer = self.ask(SALES, json!({ "id": gid("Order", id) })).await;
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"]["order"].clone()
    }

    fn acts(&self, name: &str, act: Value) -> Result<Value, String> {
        self.shop.act(json!({ name: act }))
    }

    fn document(&self) -> Value {
        self.shop.documents()["orders"][0].clone()
    }

    async fn refund(&self, key: &str, input: Value) -> Value {
        let answer = self.ask(REFUND, json!({ "input": input, "key": key })).await;
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"]["refundCreate"].clone()
    }

    async fn ship_all(&self, id: &str) {
        for part in parts(&self.order(id).await) {
            self.fulfill(whole(&part)).await;
        }
        drop(self.shop.take_deliveries());
    }
}

fn topics(stage: &Stage) -> Vec<String> {
    stage.shop.take_deliveries().into_iter().map(|delivery| delivery.topic).collect()
}

fn amount(money: &Value) -> &str {
    money["shopMoney"]["amount"].as_str().unwrap()
}

#[test]
fn the_documents_of_these_tests_are_what_the_vendor_publishes() {
    let Some(published) = published::published() else { return };
    for query in [SALES, REFUND, CANCEL, PROCESS, OUTCOME] {
        assert_eq!(published.problems(query), Vec::<Value>::new());
    }
}

#[tokio::test]
async fn refunding_unshipped_units_takes_them_off_the_fulfilment_order_and_off_the_total() {
    let stage = Stage::new();
    let id = stage.taxed();
    drop(stage.shop.take_deliveries());
    let lines = json!([{ "sku": "TEA", "quantity": 1, "restock_type": "cancel" }]);
    stage.acts("refund_order", json!({ "order": id, "lines": lines, "note": "one too many" })).unwrap();
    let sent = stage.shop.take_deliveries();
    assert_eq!(sent.iter().map(|it| it.topic.as_str()).collect::<Vec<_>>(), ["refunds/create", "orders/updated"]);
    let refund = body(&sent[0]);
    assert_eq!(refund["order_id"].to_string(), id);
    assert_eq!(refund["refund_line_items"][0]["subtotal"].to_string(), "9.99", "a JSON number");
    assert_eq!(refund["transactions"][0]["amount"], "9.99");
    let document = stage.document();
    assert_eq!(document["financial_status"], "partially_refunded");
    assert_eq!((&document["total"], &document["current_total"]), (&json!(5948), &json!(4949)));
    assert_eq!(document["lines"][0]["current"], 1);
    assert_eq!(document["fulfillment_orders"][0]["lines"][0]["remaining"], 1);
    assert_eq!(document["refunds"][0]["note"], "one too many");
    let too_many = json!([{ "sku": "TEA", "quantity": 2, "restock_type": "cancel" }]);
    let refused = stage.acts("refund_order", json!({ "order": id, "lines": too_many })).unwrap_err();
    assert_eq!(refused, "Quantity cannot refund more items than were purchased");
    let too_much = stage.acts("refund_order", json!({ "order": id, "amount": "50.00" })).unwrap_err();
    assert_eq!(too_much, "Refund amount $50.00 is greater than net payment received $49.49");
    stage.acts("refund_order", json!({ "order": id, "amount": "50.00", "allow_over_refund": true })).unwrap();
}

#[tokio::test]
async fn an_emptied_fulfilment_order_is_closed_and_shipped_units_stay_shipped() {
    let stage = Stage::new();
    let id = stage.taxed();
    let part = parts(&stage.order(&id).await)[0].clone();
    stage.fulfill(some(&part, 1)).await;
    let cancelled = json!([
        { "sku": "TEA", "quantity": 1, "restock_type": "cancel" }, { "sku": "POT", "quantity": 1, "restock_type": "cancel" },
    ]);
    stage.acts("refund_order", json!({ "order": id, "lines": cancelled, "shipping": "full" })).unwrap();
    let order = stage.order(&id).await;
    assert_eq!(parts(&order)[0]["status"], "CLOSED");
    assert_eq!(order["displayFulfillmentStatus"], "FULFILLED");
    let gone = json!([{ "sku": "TEA", "quantity": 1, "restock_type": "cancel" }]);
    stage.acts("refund_order", json!({ "order": id, "lines": gone })).unwrap_err();
    let back = json!([{ "sku": "TEA", "quantity": 1, "restock_type": "return" }]);
    stage.acts("refund_order", json!({ "order": id, "lines": back })).unwrap();
    assert_eq!(stage.document()["financial_status"], "refunded");
    assert_eq!(stage.document()["fulfillments"][0]["lines"][0]["quantity"], 1);
}

#[tokio::test]
async fn the_ledger_has_amounts_with_tax_and_an_adjustment_for_what_does_not_fit() {
    let stage = Stage::new();
    let id = stage.taxed();
    let lines = json!([{ "sku": "POT", "quantity": 1 }]);
    stage.acts("refund_order", json!({ "order": id, "lines": lines, "amount": "30.00" })).unwrap();
    stage
        .acts("refund_order", json!({ "order": id, "amount": "2.00", "gateway": "gift_card", "status": "pending" }))
        .unwrap();
    let order = stage.sales(&id).await;
    let agreements = order["agreements"]["nodes"].as_array().unwrap();
    let kinds: Vec<&str> = agreements.iter().map(|it| it["__typename"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["OrderAgreement", "RefundAgreement", "RefundAgreement"]);
    let placed = &agreements[0]["sales"]["nodes"];
    assert_eq!((amount(&placed[0]["totalAmount"]), amount(&placed[0]["totalTaxAmount"])), ("19.98", "3.33"));
    let refund = &agreements[1]["sales"]["nodes"];
    assert_eq!((&refund[0]["__typename"], &refund[0]["quantity"]), (&json!("ProductSale"), &json!(-1)));
    assert_eq!((amount(&refund[0]["totalAmount"]), amount(&refund[0]["totalTaxAmount"])), ("-34.50", "-5.75"));
    assert_eq!((&refund[1]["lineType"], amount(&refund[1]["totalAmount"])), (&json!("ADJUSTMENT"), "4.50"));
    assert_eq!(amount(&agreements[2]["sales"]["nodes"][0]["totalAmount"]), "-2.00");
    assert_eq!(order["refunds"][1]["transactions"]["nodes"][0]["gateway"], "gift_card");
    assert_eq!(order["refunds"][1]["transactions"]["nodes"][0]["status"], "PENDING");
    let pending = stage.document()["refunds"][1]["id"].clone();
    drop(stage.shop.take_deliveries());
    stage.acts("settle_refund", json!({ "order": id, "refund": pending, "status": "failure" })).unwrap();
    assert_eq!(topics(&stage), ["order_transactions/create", "orders/updated"]);
    assert_eq!(stage.document()["refunds"][1]["transactions"][0]["status"], "failure");
}

#[tokio::test]
async fn an_edit_adds_lines_raises_and_lowers_them_and_leaves_a_difference_to_pay() {
    let stage = Stage::new();
    let id = stage.taxed();
    drop(stage.shop.take_deliveries());
    let add = json!([{ "sku": "CUP", "quantity": 2, "price": "3.00" }]);
    let set = json!([{ "sku": "TEA", "quantity": 3 }, { "sku": "POT", "quantity": 0 }]);
    stage.acts("edit_order", json!({ "order": id, "add": add, "set": set })).unwrap();
    let sent = stage.shop.take_deliveries();
    let edit = body(&sent[0])["order_edit"].clone();
    assert_eq!((sent[0].topic.as_str(), edit["order_id"].to_string()), ("orders/edited", id.clone()));
    assert_eq!(edit["line_items"]["additions"][1]["delta"], 1);
    assert_eq!(edit["line_items"]["removals"][0]["delta"], 1);
    let document = stage.document();
    assert_eq!(document["current_total"], 5948 + 600 + 999 - 3450);
    assert_eq!(document["outstanding"], 600 + 999 - 3450);
    let order = stage.sales(&id).await;
    let edited = &order["agreements"]["nodes"][1];
    assert_eq!(edited["__typename"], "OrderEditAgreement");
    let units: Vec<i64> =
        edited["sales"]["nodes"].as_array().unwrap().iter().map(|it| it["quantity"].as_i64().unwrap()).collect();
    assert_eq!(units, [2, 1, -1]);
    let remaining: Vec<i64> = parts(&stage.order(&id).await)[0]["lineItems"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["remainingQuantity"].as_i64().unwrap())
        .collect();
    assert_eq!(remaining, [3, 0, 2]);
    stage.acts("refund_order", json!({ "order": id })).unwrap();
    assert_eq!(stage.document()["refunds"][0]["amount"], 3450 - 600 - 999, "what the edit left over");
    assert_eq!(stage.document()["refunds"][0]["adjustment"], 0);
}

#[tokio::test]
async fn an_edit_that_costs_more_is_paid_by_a_second_payment() {
    let stage = Stage::new();
    let id = stage.two_teas();
    stage.acts("edit_order", json!({ "order": id, "set": [{ "sku": "TEA", "quantity": 3 }] })).unwrap();
    assert_eq!(stage.document()["financial_status"], "partially_paid");
    stage.acts("pay_order", json!({ "order": id })).unwrap();
    let paid = stage.sales(&id).await["transactions"].as_array().unwrap().len();
    assert_eq!((paid, &stage.document()["financial_status"]), (2, &json!("paid")));
    stage.acts("refund_order", json!({ "order": id, "amount": "25.00" })).unwrap();
    let parts = stage.document()["refunds"][0]["transactions"].clone();
    assert_eq!((&parts[0]["amount"], &parts[1]["amount"]), (&json!(2000), &json!(500)), "the way it came");
}

#[tokio::test]
async fn a_cancelled_order_is_refunded_in_full_or_not_at_all() {
    let stage = Stage::with(ShopifyConfig {
        topics: ["orders/cancelled", "refunds/create", "orders/updated"].map(str::to_owned).to_vec(),
        ..ShopifyConfig::default()
    });
    let id = stage.taxed();
    stage.acts("cancel_order", json!({ "order": id, "refund": "full" })).unwrap();
    let sent = stage.shop.take_deliveries();
    let told: Vec<&str> = sent.iter().map(|it| it.topic.as_str()).collect();
    assert_eq!(told, ["orders/cancelled", "refunds/create", "orders/updated"]);
    let order = body(&sent[0]);
    assert_eq!(order["refunds"][0]["refund_line_items"][0]["restock_type"], "cancel");
    assert_eq!((&order["current_total_price"], &order["total_price"]), (&json!("0.00"), &json!("59.48")));
    assert_eq!(stage.document()["refunds"][0]["amount"], 5948);
    let other = stage.taxed();
    stage.acts("cancel_order", json!({ "order": other, "refund": "none" })).unwrap();
    assert_eq!(topics(&stage), ["orders/cancelled", "orders/updated"]);
    let second = stage.shop.documents()["orders"][1].clone();
    assert_eq!((&second["refunds"], &second["lines"][0]["current"]), (&json!([]), &json!(0)));
    let shipped = stage.taxed();
    stage.ship_all(&shipped).await;
    let refused = stage.acts("cancel_order", json!({ "order": shipped })).unwrap_err();
    assert!(refused.contains("outstanding fulfillments"), "{refused}");
}

#[tokio::test]
async fn an_app_cancels_once() {
    let stage = Stage::new();
    let id = stage.taxed();
    let cancel = async || stage.ask(CANCEL, json!({ "order": gid("Order", &id) })).await["data"]["orderCancel"].clone();
    let first = cancel().await;
    assert_eq!((&first["orderCancelUserErrors"], first["job"]["id"].is_string()), (&json!([]), true));
    let again = cancel().await;
    let error = &again["orderCancelUserErrors"][0];
    assert_eq!(error["message"], "Cannot cancel an order that has already been canceled");
    assert_eq!(
        (&error["field"], &error["code"], &again["job"]),
        (&json!(["orderId"]), &json!("INVALID"), &Value::Null)
    );
    assert!(stage.sales(&id).await["cancelledAt"].is_string());
}

#[tokio::test]
async fn a_refund_under_one_key_is_made_once() {
    let stage = Stage::new();
    let id = stage.taxed();
    let order = stage.sales(&id).await;
    let input = |amount: &str| {
        json!({ "orderId": gid("Order", &id), "note": "UK-1-R1", "notify": false, "currency": "GBP",
            "refundLineItems": [{ "lineItemId": order["lineItems"]["nodes"][0]["id"], "quantity": 1, "restockType": "CANCEL" }],
            "transactions": [{ "orderId": gid("Order", &id), "gateway": "anything", "kind": "REFUND", "amount": amount,
                "parentId": order["transactions"][0]["id"] }] })
    };
    let first = stage.refund("k1", input("9.99")).await;
    assert_eq!(first["refund"]["transactions"]["nodes"][0]["gateway"], "shopify_payments", "the parent's");
    assert_eq!(stage.refund("k1", input("9.99")).await, first);
    let mismatch = stage.refund("k1", input("9.98")).await;
    assert!(mismatch["userErrors"][0]["message"].as_str().unwrap().contains("IDEMPOTENCY_KEY_PARAMETER_MISMATCH"));
    assert_eq!(stage.document()["refunds"].as_array().unwrap().len(), 1);
    let over = stage.refund("k2", input("500.00")).await;
    assert_eq!(over["userErrors"][0]["field"], Value::Null);
    assert_eq!(over["userErrors"][0]["message"], "Refund amount $500.00 is greater than net payment received $49.49");
    let failed = stage.refund("k2", input("500.00")).await;
    assert!(failed["userErrors"][0]["message"].as_str().unwrap().contains("IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"));
    let unknown = json!({ "orderId": gid("Order", &id), "refundLineItems": [{ "lineItemId": gid("LineItem", "1"), "quantity": 1 }] });
    assert_eq!(
        stage.refund("k3", unknown).await["userErrors"][0]["field"],
        json!(["refundLineItems", "0", "lineItemId"])
    );
    let without = "mutation($i: RefundInput!) { refundCreate(input: $i) { userErrors { message } } }";
    let without = stage.ask(without, json!({ "i": input("1.00") })).await;
    assert_eq!(without["errors"][0]["extensions"]["code"], "BAD_REQUEST");
    assert_eq!(
        without["errors"][0]["message"],
        "The @idempotent directive is required for this mutation but was not provided."
    );
}

#[tokio::test]
async fn a_return_is_opened_processed_and_closed_and_brings_what_is_exchanged() {
    let stage = Stage::new();
    let id = stage.taxed();
    stage.acts("open_return", json!({ "order": id, "lines": [{ "sku": "TEA", "quantity": 1 }] })).unwrap_err();
    stage.ship_all(&id).await;
    let wish = json!({ "order": id, "lines": [{ "sku": "TEA", "quantity": 1, "reason": "size_too_small" }],
        "exchange": [{ "sku": "CUP", "quantity": 1, "price": "3.00" }] });
    stage.acts("request_return", wish).unwrap();
    let sent = stage.shop.take_deliveries();
    assert_eq!(sent[0].topic, "returns/request");
    assert_eq!(body(&sent[0])["order"]["id"].to_string(), id);
    stage.acts("approve_return", json!({ "order": id })).unwrap();
    let order = stage.sales(&id).await;
    let open = &order["returns"]["nodes"][0];
    let line = &open["returnLineItems"]["nodes"][0];
    assert_eq!(
        (&open["status"], &line["returnReasonDefinition"]["handle"]),
        (&json!("OPEN"), &json!("size-too-small"))
    );
    let input = json!({ "returnId": open["id"], "note": "UK-1-R1",
        "returnLineItems": [{ "id": line["id"], "quantity": 1 }],
        "exchangeLineItems": [{ "id": open["exchangeLineItems"]["nodes"][0]["id"], "quantity": 1 }],
        "financialTransfer": { "issueRefund": { "orderTransactions": [{ "parentId": order["transactions"][0]["id"],
            "transactionAmount": { "amount": "6.99", "currencyCode": "GBP" } }] } } });
    let processed = stage.ask(PROCESS, json!({ "input": input })).await;
    let processed = &processed["data"]["returnProcess"];
    assert_eq!((&processed["userErrors"], &processed["return"]["status"]), (&json!([]), &json!("OPEN")));
    let again = stage.ask(PROCESS, json!({ "input": input })).await;
    assert!(!again["data"]["returnProcess"]["userErrors"].as_array().unwrap().is_empty(), "nothing is left of it");
    let document = stage.document();
    assert_eq!((&document["refunds"][0]["amount"], &document["refunds"][0]["adjustment"]), (&json!(699), &json!(0)));
    assert_eq!((&document["lines"][2]["sku"], &document["outstanding"]), (&json!("CUP"), &json!(0)));
    assert_eq!(document["fulfillment_orders"][1]["status"], "open");
    drop(stage.shop.take_deliveries());
    stage.acts("close_return", json!({ "order": id })).unwrap();
    assert_eq!(topics(&stage), ["returns/close"]);
    assert_eq!(stage.document()["returns"][0]["status"], "closed");
}

#[tokio::test]
async fn what_a_return_comes_to_is_foretold_with_and_without_what_is_exchanged() {
    let stage = Stage::new();
    let id = stage.taxed();
    stage.ship_all(&id).await;
    let cups = |price: &str| {
        json!({ "order": id, "lines": [{ "sku": "TEA", "quantity": 1 }],
        "exchange": [{ "sku": "CUP", "quantity": 1, "price": price }] })
    };
    for (place, (price, kind, amount)) in
        [("3.00", "RefundReturnOutcome", "6.99"), ("12.0", "InvoiceReturnOutcome", "2.01")].into_iter().enumerate()
    {
        stage.acts("open_return", cups(price)).unwrap();
        let of = stage.sales(&id).await["returns"]["nodes"][place].clone();
        let lines = json!([{ "id": of["returnLineItems"]["nodes"][0]["id"], "quantity": 1 }]);
        let exchange = json!([{ "id": of["exchangeLineItems"]["nodes"][0]["id"], "quantity": 1 }]);
        let ask = async |lines: &Value, exchange: &Value| {
            let answer = stage.ask(OUTCOME, json!({ "of": of["id"], "lines": lines, "exchange": exchange })).await;
            answer["data"]["return"]["suggestedFinancialOutcome"].clone()
        };
        let both = ask(&lines, &exchange).await["financialTransfer"].clone();
        assert_eq!((both["__typename"].as_str(), amount_of(&both)), (Some(kind), amount));
        let alone = ask(&lines, &json!([])).await["financialTransfer"].clone();
        assert_eq!((alone["__typename"].as_str(), amount_of(&alone)), (Some("RefundReturnOutcome"), "9.99"));
        assert_eq!(ask(&json!([]), &json!([])).await, json!({ "financialTransfer": null }));
        let too_many = json!([{ "id": lines[0]["id"], "quantity": 2 }]);
        assert_eq!(ask(&too_many, &exchange).await, Value::Null);
    }
    assert!(stage.document()["refunds"].as_array().unwrap().is_empty(), "nothing is done by it");
}

fn amount_of(transfer: &Value) -> &str {
    amount(&transfer["amount"])
}

#[test]
fn a_dispute_is_told_when_it_opens_and_when_it_is_decided() {
    let stage = Stage::with(ShopifyConfig {
        topics: ["disputes/create", "disputes/update"].map(str::to_owned).to_vec(),
        ..ShopifyConfig::default()
    });
    let id = stage.taxed();
    stage.acts("open_dispute", json!({ "order": id })).unwrap();
    stage.acts("close_dispute", json!({ "order": id, "won": false })).unwrap();
    let sent = stage.shop.take_deliveries();
    let (opened, closed) = (body(&sent[0]), body(&sent[1]));
    assert_eq!((&opened["status"], &opened["amount"]), (&json!("needs_response"), &json!("59.48")));
    assert_eq!((&closed["status"], closed["order_id"].to_string()), (&json!("lost"), id));
    assert!(closed["finalized_on"].is_string());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever is refunded in whatever pieces: nothing is left of the order, to the minor unit.
    #[test]
    fn refunds_in_pieces_give_back_exactly_what_was_paid(
        quantities in prop::collection::vec(1_i64..5, 1..4),
        price in 1_i64..10_000,
        off in 0_i64..3_000,
        taxes_included: bool,
        shipping in 0_i64..900,
    ) {
        let lines: Vec<Value> = quantities
            .iter()
            .enumerate()
            .map(|(at, quantity)| json!({ "sku": format!("A{at}"), "quantity": quantity, "price": price + 7 }))
            .collect();
        let stage = Stage::new();
        let id = stage.place(json!({ "lines": lines, "taxes_included": taxes_included, "tax_rate": "0.19",
            "shipping": shipping, "discount": off }));
        for (at, quantity) in quantities.iter().enumerate() {
            for _ in 0..*quantity {
                let lines = json!([{ "sku": format!("A{at}"), "quantity": 1, "restock_type": "cancel" }]);
                stage.acts("refund_order", json!({ "order": id, "lines": lines })).unwrap();
            }
        }
        stage.acts("refund_order", json!({ "order": id, "shipping": "full" })).unwrap();
        let document = stage.document();
        let back: i64 = document["refunds"].as_array().unwrap().iter().map(|it| it["amount"].as_i64().unwrap()).sum();
        prop_assert_eq!(&document["current_total"], &json!(0));
        prop_assert_eq!(back, document["total"].as_i64().unwrap());
        prop_assert_eq!(&document["outstanding"], &json!(0));
    }
}
