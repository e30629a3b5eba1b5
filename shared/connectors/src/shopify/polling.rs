//! Orders that no webhook told of: found in the shop's list, and read whole in the shape of the webhook that did not
//! come, so that one translation serves both. Shopify does not promise that every webhook arrives. [doc: "Webhooks:
//! reconciliation jobs"]

use std::collections::BTreeMap;

use crossdock_domain::event::FailureClass;
use crossdock_domain::ids::ChannelOrderId;
use crossdock_step::Failure;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::client::Document;
use super::fulfilling::{Page, number_of};
use super::reading::id_of;
use super::translate::Refusal;
use super::{MOST_PAGES, OrderData, Shopify};
use crate::{Delivery, ListedOrder, OrderPage};

pub(super) const ORDERS_CHANGED: Document =
    Document { name: "OrdersChanged", text: include_str!("queries/orders_changed.graphql") };
pub(super) const ORDER_WHOLE: Document =
    Document { name: "OrderWhole", text: include_str!("queries/order_whole.graphql") };

/// More than makes an order that can be kept, and less than fills a message of the queue, quoted as it is there.
const LARGEST_BODY: usize = 700_000;

#[derive(Deserialize)]
struct Orders {
    orders: Page<Listed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    legacy_resource_id: Value,
    created_at: Timestamp,
    updated_at: Timestamp,
    cancelled_at: Option<Timestamp>,
    refunds: Vec<Refund>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refund {
    legacy_resource_id: Value,
}

/// A page of an order. What is not read here, is read by whoever reads the webhook.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Whole {
    line_items: Page<Value>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Shopify {
    pub(super) async fn list_changed(
        &self,
        (since, until): (Timestamp, Timestamp),
        after: Option<&str>,
    ) -> Result<OrderPage, Failure> {
        let search = format!("updated_at:>='{since:.0}' AND updated_at:<='{until:.0}'");
        let answer: Orders = self.client.call(ORDERS_CHANGED, json!({ "search": search, "after": after })).await?;
        let next = answer.orders.next();
        let orders = answer.orders.nodes.into_iter().map(|listed| self.listed(listed)).collect::<Result<_, _>>()?;
        Ok(OrderPage { orders, next })
    }

    fn listed(&self, listed: Listed) -> Result<ListedOrder, Failure> {
        let no_id = || self.client.failure(&Refusal::Unparsable { detail: "an order or refund has no id".into() });
        let refunds = listed.refunds.iter().map(|refund| id_of(&refund.legacy_resource_id).map(|id| id.to_string()));
        let channel = id_of(&listed.legacy_resource_id).and_then(|id| id.to_string().parse().ok());
        Ok(ListedOrder {
            channel: channel.ok_or_else(no_id)?,
            placed_at: listed.created_at,
            updated_at: listed.updated_at,
            cancelled: listed.cancelled_at.is_some(),
            refunds: refunds.collect::<Option<_>>().ok_or_else(no_id)?,
        })
    }

    /// An order as `orders/updated` would tell it. Of one that is too large, or that cannot be understood, only the id is
    /// told, as a webhook does of what is too large for it: it must not keep others from being found, and a person sees
    /// which one it is.
    pub(super) async fn read_delivery(&self, channel: &ChannelOrderId) -> Result<Option<Delivery>, Failure> {
        let whole = match self.read_whole(channel).await {
            Ok(Some(order)) => as_webhook(&order),
            Ok(None) => return Ok(None),
            Err(Failure::Permanent { class: FailureClass::TooLarge | FailureClass::Parse, reason }) => {
                tracing::warn!(%channel, reason, "an order cannot be read whole");
                Value::Null
            }
            Err(failure) => return Err(failure),
        };
        let version = whole["updated_at"].as_str().unwrap_or_default();
        let headers = [
            ("x-shopify-topic", "orders/updated".to_owned()),
            ("x-shopify-webhook-id", format!("poll-{channel}-{version}")),
        ];
        let headers: BTreeMap<String, String> = headers.map(|(name, value)| (name.to_owned(), value)).into();
        let mut body = whole.to_string().into_bytes();
        if whole.is_null() || body.len() > LARGEST_BODY {
            body = json!({ "id": channel }).to_string().into_bytes();
        }
        Ok(Some(Delivery { headers, body }))
    }

    /// An order with all its lines; read again later where it was changed meanwhile.
    async fn read_whole(&self, channel: &ChannelOrderId) -> Result<Option<Value>, Failure> {
        let gid = format!("gid://shopify/Order/{channel}");
        let (mut lines, mut version, mut after) = (Vec::new(), None, None);
        for _ in 0..MOST_PAGES {
            let variables = json!({ "order": gid, "after": after });
            let answer: OrderData<Whole> = self.client.call(ORDER_WHOLE, variables).await?;
            let Some(Whole { line_items, mut rest }) = answer.order else { return Ok(None) };
            let read = rest.get("updatedAt").cloned();
            if version.get_or_insert_with(|| read.clone()) != &read {
                return Err(Failure::retry("the storefront's order was changed while it was read"));
            }
            after = line_items.next();
            lines.extend(line_items.nodes);
            if after.is_none() {
                rest.insert("lineItems".to_owned(), Value::Array(lines));
                return Ok(Some(Value::Object(rest)));
            }
        }
        Err(Failure::permanent(FailureClass::TooLarge, "it has more lines than are read"))
    }
}

/// An order as its webhook tells it. Amounts are in their sets only, which tell both currencies. A tip is a line there,
/// and nothing marks it here: it is a line that is not shipped, and a person looks at it.
fn as_webhook(order: &Value) -> Value {
    let mut body = renamed(
        order,
        &[
            ("legacyResourceId", "id"),
            ("name", "name"),
            ("createdAt", "created_at"),
            ("processedAt", "processed_at"),
            ("updatedAt", "updated_at"),
            ("cancelledAt", "cancelled_at"),
            ("test", "test"),
            ("taxesIncluded", "taxes_included"),
            ("dutiesIncluded", "duties_included"),
            ("currencyCode", "currency"),
            ("presentmentCurrencyCode", "presentment_currency"),
            ("paymentGatewayNames", "payment_gateway_names"),
            ("email", "email"),
            ("phone", "phone"),
        ],
    );
    body.extend(sets(
        order,
        &[
            ("totalPriceSet", "total_price_set"),
            ("currentTotalPriceSet", "current_total_price_set"),
            ("totalTaxSet", "total_tax_set"),
            ("currentTotalTaxSet", "current_total_tax_set"),
            ("originalTotalDutiesSet", "original_total_duties_set"),
            ("currentTotalDutiesSet", "current_total_duties_set"),
            ("originalTotalAdditionalFeesSet", "original_total_additional_fees_set"),
            ("currentTotalAdditionalFeesSet", "current_total_additional_fees_set"),
        ],
    ));
    let rounding = money_set(&order["totalCashRoundingAdjustment"]["paymentSet"]);
    let attribute = |it: &Value| json!({ "name": it["key"], "value": it["value"] });
    for (name, value) in [
        ("financial_status", lower(&order["displayFinancialStatus"])),
        ("fulfillment_status", fulfillment_status(&order["displayFulfillmentStatus"])),
        ("total_cash_rounding_payment_adjustment_set", rounding),
        ("total_outstanding", order["totalOutstandingSet"]["shopMoney"]["amount"].clone()),
        ("note_attributes", each(&order["customAttributes"], attribute)),
        ("shipping_address", address(&order["shippingAddress"])),
        ("refunds", each(&order["refunds"], |refund| json!({ "id": refund["legacyResourceId"] }))),
        ("shipping_lines", each(&order["shippingLines"]["nodes"], shipping_line)),
        ("line_items", each(&order["lineItems"], line_item)),
    ] {
        body.insert(name.to_owned(), value);
    }
    Value::Object(body)
}

fn renamed(of: &Value, names: &[(&str, &str)]) -> Map<String, Value> {
    names.iter().map(|(theirs, name)| ((*name).to_owned(), of[*theirs].clone())).collect()
}

fn sets(of: &Value, names: &[(&str, &str)]) -> Map<String, Value> {
    names.iter().map(|(theirs, name)| ((*name).to_owned(), money_set(&of[*theirs]))).collect()
}

fn each(list: &Value, shown: impl Fn(&Value) -> Value) -> Value {
    Value::Array(list.as_array().into_iter().flatten().map(shown).collect())
}

fn money_set(set: &Value) -> Value {
    if set.is_null() {
        return Value::Null;
    }
    let money = |side: &str| json!({ "amount": set[side]["amount"], "currency_code": set[side]["currencyCode"] });
    json!({ "shop_money": money("shopMoney"), "presentment_money": money("presentmentMoney") })
}

fn lower(word: &Value) -> Value {
    word.as_str().map_or(Value::Null, |word| Value::String(word.to_ascii_lowercase()))
}

/// Webhooks tell only what has left, or was put back.
fn fulfillment_status(word: &Value) -> Value {
    match word.as_str() {
        Some("FULFILLED") => json!("fulfilled"),
        Some("PARTIALLY_FULFILLED") => json!("partial"),
        Some("RESTOCKED") => json!("restocked"),
        _ => Value::Null,
    }
}

fn address(address: &Value) -> Value {
    if address.is_null() {
        return Value::Null;
    }
    Value::Object(renamed(
        address,
        &[
            ("name", "name"),
            ("firstName", "first_name"),
            ("lastName", "last_name"),
            ("company", "company"),
            ("address1", "address1"),
            ("address2", "address2"),
            ("city", "city"),
            ("provinceCode", "province_code"),
            ("zip", "zip"),
            ("countryCodeV2", "country_code"),
            ("phone", "phone"),
        ],
    ))
}

fn discounts(of: &Value) -> Value {
    each(&of["discountAllocations"], |it| json!({ "amount_set": money_set(&it["allocatedAmountSet"]) }))
}

fn taxes(of: &Value) -> Value {
    each(&of["taxLines"], |tax| {
        json!({
            "title": tax["title"],
            "rate": tax["rate"],
            "channel_liable": tax["channelLiable"],
            "price_set": money_set(&tax["priceSet"]),
        })
    })
}

fn shipping_line(line: &Value) -> Value {
    json!({
        "title": line["title"],
        "is_removed": line["isRemoved"],
        "price_set": money_set(&line["originalPriceSet"]),
        "discount_allocations": discounts(line),
        "tax_lines": taxes(line),
    })
}

fn line_item(line: &Value) -> Value {
    json!({
        "id": line["id"].as_str().map(number_of),
        "title": line["title"],
        "sku": line["sku"],
        "quantity": line["quantity"],
        "current_quantity": line["currentQuantity"],
        "requires_shipping": line["requiresShipping"],
        "gift_card": line["isGiftCard"],
        "price_set": money_set(&line["originalUnitPriceSet"]),
        "discount_allocations": discounts(line),
        "duties": each(&line["duties"], |duty| json!({ "tax_lines": taxes(duty) })),
        "tax_lines": taxes(line),
    })
}
