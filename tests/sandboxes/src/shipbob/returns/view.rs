//! Returns as the API and the webhooks show them.

use serde_json::{Value, json};

use super::listing::ReturnPage;
use super::{Return, ReturnItem, ReturnStatus};
use crate::shipbob::view::{Channel, time};

/// `PublicReturnDto`, which is also the body of return webhooks.
pub(super) fn full(shown: &Return, channel: &Channel) -> Value {
    let since = |status| shown.since(status).map(time);
    let history = shown.history.iter().map(|(status, at)| json!({ "status": status.word(), "timestamp": time(*at) }));
    let mut body = common(shown, channel);
    let more = json!({
        "inventory": shown.items.iter().map(full_item).collect::<Vec<_>>(),
        "awaiting_arrival_date": since(ReturnStatus::AwaitingArrival),
        "arrived_date": since(ReturnStatus::Arrived),
        "processing_date": since(ReturnStatus::Processing),
        "cancelled_date": since(ReturnStatus::Cancelled),
        "invoice": { "amount": 3.0, "currency_code": "USD" },
        "shipment_tracking_number": shown.origin.as_ref().and_then(|origin| origin.tracking_number.clone()),
        "status_history": history.collect::<Vec<_>>(),
    });
    add(&mut body, more);
    body
}

/// `PublicReturnV1Dto`, the answer to `POST /return`: items go without SKUs.
pub(super) fn answered(shown: &Return, channel: &Channel) -> Value {
    let mut body = common(shown, channel);
    let more = json!({ "inventory": shown.items.iter().map(item).collect::<Vec<_>>(), "invoice_amount": 3.0 });
    add(&mut body, more);
    body
}

fn common(shown: &Return, channel: &Channel) -> Value {
    let origin = shown.origin.as_ref();
    json!({
        "id": shown.id,
        "reference_id": shown.reference_id,
        "status": shown.status().word(),
        "return_type": shown.kind.word(),
        "channel": { "id": channel.id, "name": channel.name },
        "customer_name": channel.name,
        "fulfillment_center": { "id": shown.center.id, "name": shown.center.name },
        "insert_date": time(shown.created_at()),
        "completed_date": shown.since(ReturnStatus::Completed).map(time),
        "original_shipment_id": origin.map(|origin| origin.shipment),
        "store_order_id": origin.map(|origin| origin.order_reference.clone()),
        "tracking_number": shown.tracking_number,
        "transactions": [],
    })
}

fn item(item: &ReturnItem) -> Value {
    let taken = item.taken.iter().map(|(action, quantity)| {
        json!({
            "action": action.word(), "quantity_processed": quantity, "action_reason": "Inspected", "image_url": null,
        })
    });
    let kind = if item.is_announced { "Overriden by Merchant" } else { "Inventory Default" };
    json!({
        "id": item.inventory_id,
        "name": item.name,
        "quantity": item.quantity,
        "action_requested": { "action": item.requested.word(), "action_type": kind, "instructions": null },
        "action_taken": taken.collect::<Vec<_>>(),
        "bundle_parent_sku": null,
    })
}

fn full_item(shown: &ReturnItem) -> Value {
    let mut body = item(shown);
    add(&mut body, json!({ "sku": shown.sku, "barcodes": [], "lot_information": null }));
    body
}

fn add(body: &mut Value, more: Value) {
    if let (Value::Object(fields), Value::Object(more)) = (body, more) {
        fields.extend(more);
    }
}

/// `PublicReturnDtoPagedUrlResultDto`.
pub(super) fn page(page: &ReturnPage<'_>, channel: &Channel) -> Value {
    let next = page.has_more.then_some("/return?Cursor=next");
    let items = page.items.iter().map(|shown| full(shown, channel)).collect::<Vec<_>>();
    json!({ "first": null, "last": null, "next": next, "prev": null, "items": items })
}

/// For `/_sandbox/documents`.
pub(in crate::shipbob) fn document(shown: &Return) -> Value {
    let announced = shown.items.iter().filter(|item| item.is_announced);
    let found = shown.items.iter().flat_map(|item| item.taken.iter().map(move |taken| (item, taken)));
    json!({
        "id": shown.id,
        "reference_id": shown.reference_id,
        "status": shown.status().word(),
        "return_type": shown.kind.word(),
        "location": shown.center.name,
        "order_reference": shown.origin.as_ref().map(|origin| origin.order_reference.clone()),
        "original_shipment_id": shown.origin.as_ref().map(|origin| origin.shipment),
        "announced": announced.map(|item| json!({ "sku": item.sku, "quantity": item.quantity })).collect::<Vec<_>>(),
        "lines": found.map(|(item, (action, quantity))| json!({
            "sku": item.sku, "quantity": quantity, "action": action.word(),
        })).collect::<Vec<_>>(),
    })
}
