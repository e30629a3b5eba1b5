//! Orders and shipments as the API and the webhooks show them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::warehouse::{Line, Order, Shipment, ShipmentStatus, Stop, inventory_id};

/// The channel that orders arrive on.
#[derive(Debug, Clone)]
pub(super) struct Channel {
    pub(super) id: i64,
    pub(super) name: String,
}

/// `OrderViewModel`.
pub(super) fn order(order: &Order, channel: &Channel) -> Value {
    let mut body = json!({
        "id": order.id,
        "reference_id": order.request.reference_id,
        "order_number": order.request.order_number,
        "status": order.status(),
        "type": order.request.kind,
        "channel": { "id": channel.id, "name": channel.name },
        "created_date": time(order.created_at),
        "shipping_method": order.request.shipping_method,
        "recipient": order.request.recipient,
        "products": order.lines.iter().map(product).collect::<Vec<_>>(),
        "shipments": order.shipments.iter().map(|it| shipment(order, it)).collect::<Vec<_>>(),
        "retailer_program_data": null,
    });
    if let Value::Object(fields) = &mut body {
        for (name, value) in &order.request.kept {
            fields.insert((*name).to_owned(), value.clone());
        }
    }
    body
}

/// `CanceledOrderViewModel`: shipments that were cancelled before count as success.
pub(super) fn cancelled(results: &[(u64, Stop)], order: Value) -> Value {
    let late = results.iter().filter(|(_, stop)| stop.reason().is_some()).count();
    let status = match late {
        0 => "Success",
        _ if late == results.len() => "Failure",
        _ => "PartialSuccess",
    };
    let shipments = results.iter().map(|(shipment, stop)| {
        let reason = stop.reason();
        json!({ "shipment_id": shipment, "action": "Cancel", "is_success": reason.is_none(), "reason": reason })
    });
    json!({
        "order_id": order.get("id"),
        "status": status,
        "canceled_shipment_results": shipments.collect::<Vec<_>>(),
        "order": order,
    })
}

fn product(line: &Line) -> Value {
    json!({
        "id": line.product_id,
        "reference_id": line.reference_id,
        "sku": line.sku,
        "quantity": line.quantity,
        "quantity_unit_of_measure_code": null,
        "external_line_id": line.external_line_id,
        "unit_price": line.unit_price,
        "gtin": null,
        "upc": null,
    })
}

/// `ShipmentViewModel`, which is also the body of shipment webhooks.
pub(super) fn shipment(order: &Order, shipment: &Shipment) -> Value {
    let weight = shipment.contents.iter().map(|(_, quantity)| quantity * 8).sum::<i64>();
    json!({
        "id": shipment.id,
        "order_id": order.id,
        "reference_id": order.request.reference_id,
        "status": shipment.status.word(),
        "status_details": status_details(shipment),
        "created_date": time(shipment.created_at),
        "last_update_at": time(shipment.updated_at),
        "last_tracking_update_at": shipment.shipped_at.map(time),
        "actual_fulfillment_date": shipment.shipped_at.map(time),
        "estimated_fulfillment_date": time(shipment.created_at),
        "estimated_fulfillment_date_status": estimated(shipment),
        "delivery_date": shipment.delivered_at.map(time),
        "is_tracking_uploaded": false,
        "location": { "id": shipment.center.id, "name": shipment.center.name },
        "recipient": order.request.recipient,
        "products": contents(order, shipment),
        "tracking": tracking(shipment),
        "ship_option": "Standard",
        "require_signature": false,
        "package_material_type": "Unknown",
        "parent_cartons": [],
        "gift_message": order.request.kept.get("gift_message"),
        "insurance_value": null,
        "invoice_amount": null,
        "invoice_currency_code": null,
        "measurements": { "length_in": 10, "width_in": 8, "depth_in": 4, "total_weight_oz": weight },
    })
}

fn estimated(shipment: &Shipment) -> &'static str {
    if shipment.shipped_at.is_some() { "FulfilledOnTime" } else { "PendingOnTime" }
}

fn status_details(shipment: &Shipment) -> Vec<Value> {
    let (id, name) = match shipment.status {
        ShipmentStatus::Processing => (203, "Processing"),
        ShipmentStatus::Completed if shipment.delivered_at.is_some() => (211, "Delivered"),
        ShipmentStatus::Completed => (207, "LabelPurchased"),
        ShipmentStatus::Exception => (101, "OutOfStock"),
        ShipmentStatus::OnHold => (301, "ManualHold"),
        ShipmentStatus::Cancelled => (401, "Cancelled"),
    };
    vec![json!({
        "id": id,
        "name": name,
        "description": shipment.detail.clone().unwrap_or_else(|| name.to_owned()),
        "inventory_id": null,
        "exception_fulfillment_center_id": null,
        "extra_information": null,
    })]
}

/// Quantities stand with the inventory items, not with the products.
fn contents(order: &Order, shipment: &Shipment) -> Vec<Value> {
    let shown = shipment.contents.iter().filter_map(|(index, quantity)| {
        let line = order.lines.get(*index)?;
        let is_committed = shipment.status != ShipmentStatus::Exception;
        Some(json!({
            "id": line.product_id,
            "reference_id": line.reference_id,
            "sku": line.sku,
            "name": line.name,
            "inventory_items": [{
                "id": inventory_id(line.product_id),
                "name": line.name,
                "quantity": quantity,
                "quantity_committed": if is_committed { *quantity } else { 0 },
                "lot": null,
                "expiration_date": null,
                "serial_numbers": [],
                "is_dangerous_goods": false,
            }],
        }))
    });
    shown.collect()
}

fn tracking(shipment: &Shipment) -> Value {
    let Some(tracking) = &shipment.tracking else {
        return Value::Null;
    };
    json!({
        "carrier": tracking.carrier,
        "carrier_service": "Tracked",
        "tracking_number": tracking.number,
        "tracking_url": format!("https://tracking.example.com/?id={}", tracking.number),
        "shipping_date": shipment.shipped_at.map(time),
        "bol": null,
        "pro_number": null,
        "scac": null,
    })
}

/// For `/_sandbox/documents`.
pub(super) fn document(order: &Order) -> Value {
    json!({
        "id": order.id,
        "reference_id": order.request.reference_id,
        "order_number": order.request.order_number,
        "status": order.status(),
        "location": order.shipments.first().map(|shipment| shipment.center.name.clone()),
        "products": order.lines.iter().map(|line| json!({
            "reference_id": line.reference_id, "sku": line.sku, "quantity": line.quantity,
        })).collect::<Vec<_>>(),
        "recipient": order.request.recipient,
        "shipments": order.shipments.iter().map(|shipment| json!({
            "id": shipment.id,
            "status": shipment.status.word(),
            "location": shipment.center.name,
            "tracking_number": shipment.tracking.as_ref().map(|tracking| tracking.number.clone()),
            "carrier": shipment.tracking.as_ref().map(|tracking| tracking.carrier.clone()),
            "shipped_at": shipment.shipped_at,
            "products": shipment.contents.iter().filter_map(|(index, quantity)| {
                let line = order.lines.get(*index)?;
                Some(json!({ "sku": line.sku, "reference_id": line.reference_id, "quantity": quantity }))
            }).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}

pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}
