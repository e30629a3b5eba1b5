//! The fields of each GraphQL type, one function per type.

use apollo_compiler::resolvers::{FieldError, ResolveInfo, ResolvedValue};
use serde_json::{Value, json};
use std::rc::Rc;

use super::fulfillment::UserError;
use super::ledger_fields::{answer, order_ledger, tax_line};
use super::nodes::{Answer, Desk, Kind, Page, View, arguments, instant, leaf, lost};
use super::order::{Fulfillment, FulfillmentOrder, Hold, Order, Tracking};
use super::payload::{gid, presented};
use super::template::FinancialStatus;
use super::whole_fields::discount_allocations;

pub(super) fn order_field<'a>(desk: &'a Desk<'_>, view: &View, info: &'a ResolveInfo<'a>) -> Option<Answer<'a>> {
    let order = &view.order;
    let arguments = arguments(info);
    let value = match info.field_name() {
        "fulfillmentOrders" => {
            let parts = 0..order.fulfillment_orders.len();
            let kinds = parts.map(|index| Kind::FulfillmentOrder(view.clone(), index)).collect();
            return Some(desk.connection("FulfillmentOrder", kinds, &arguments));
        }
        "lineItems" => {
            let kinds = (0..order.lines.len()).map(|index| Kind::LineItem(view.clone(), index)).collect();
            return Some(desk.connection("LineItem", kinds, &arguments));
        }
        "fulfillments" => {
            let first = arguments.get("first").and_then(Value::as_u64).unwrap_or(u64::MAX);
            let width = usize::try_from(first).unwrap_or(usize::MAX);
            let indexes = (0..order.fulfillments.len()).take(width);
            desk.list(indexes.map(|index| Kind::Fulfillment(view.clone(), index)).collect())
        }
        name => match (order_money(order, name), order_ledger(view, info)) {
            (Some(minor), _) => desk.object(view.money(minor)),
            (None, Some(branch)) => return Some(answer(desk, &branch, info)),
            (None, None) => leaf(order_leaf(order, name)?),
        },
    };
    Some(Ok(value))
}

fn order_money(order: &Order, field: &str) -> Option<i64> {
    match field {
        "subtotalPriceSet" => Some(order.subtotal()),
        "totalDiscountsSet" => Some(order.total_discounts()),
        "totalOutstandingSet" => Some(order.outstanding()),
        "totalPriceSet" => Some(order.total()),
        "currentSubtotalPriceSet" => Some(order.current_lines().price),
        "currentTotalPriceSet" => Some(order.current_total()),
        "currentTotalTaxSet" => Some(order.current_tax()),
        "currentShippingPriceSet" => Some(order.shipping_left.price + order.shipping_left.discount),
        "totalRefundedSet" => Some(order.refunded()),
        "totalRefundedShippingSet" => Some(order.refunds.iter().map(|it| it.shipping.price).sum()),
        "totalShippingPriceSet" => Some(order.shipping.price),
        "totalTaxSet" => Some(order.total_tax()),
        _ => None,
    }
}

fn order_leaf(order: &Order, field: &str) -> Option<Value> {
    let value = match field {
        "id" => json!(gid("Order", order.id)),
        "legacyResourceId" => json!(order.id.to_string()),
        "name" => json!(order.name()),
        "number" => json!(order.number),
        "createdAt" | "processedAt" => json!(instant(order.created_at)),
        "updatedAt" => json!(instant(order.updated_at)),
        "cancelledAt" => json!(order.cancelled_at.map(instant)),
        "cancelReason" => json!(order.cancel_reason.as_deref().map(str::to_ascii_uppercase)),
        "currencyCode" => json!(order.currency.code),
        "presentmentCurrencyCode" => json!(presented(order, 0).0.code),
        "displayFinancialStatus" => json!(order.financial_word().to_ascii_uppercase()),
        "displayFulfillmentStatus" => json!(order.display_fulfillment_status()),
        "email" => json!(order.email),
        "note" => json!(order.note),
        "tags" => json!(order.tags.split(',').map(str::trim).filter(|tag| !tag.is_empty()).collect::<Vec<_>>()),
        "taxesIncluded" => json!(order.taxes_included),
        "test" => json!(order.test),
        "paymentGatewayNames" => json!(order.gateways()),
        "fullyPaid" => json!(order.financial_status == FinancialStatus::Paid),
        "unpaid" => json!(order.outstanding() > 0),
        _ => return None,
    };
    Some(value)
}

pub(super) fn line_field<'a>(
    desk: &'a Desk<'_>,
    view: &View,
    index: usize,
    field: &str,
) -> Result<Option<ResolvedValue<'a>>, FieldError> {
    let order = &view.order;
    let line = order.lines.get(index).ok_or_else(lost)?;
    let open = order.open_units(index);
    let value = match field {
        "id" => json!(gid("LineItem", line.id)),
        "sku" => json!(line.sku),
        "name" | "title" => json!(line.title),
        "quantity" => json!(line.quantity),
        "currentQuantity" => json!(line.current),
        "refundableQuantity" => json!(line.current),
        "fulfillableQuantity" | "unfulfilledQuantity" => json!(open),
        "requiresShipping" => json!(line.requires_shipping),
        "isGiftCard" => json!(line.gift_card),
        "taxable" => json!(line.taxable),
        "originalUnitPriceSet" => return Ok(Some(desk.object(view.money(line.unit_price)))),
        "taxLines" => {
            let taxes = line.tax.map(|minor| tax_line(view, minor));
            return Ok(Some(desk.list(taxes.into_iter().collect())));
        }
        "discountAllocations" => return Ok(Some(desk.list(discount_allocations(view, &line.discounts)))),
        "duties" => return Ok(Some(desk.list(Vec::new()))),
        "discountedTotalSet" => return Ok(Some(desk.object(view.money(line.net())))),
        _ => return Ok(None),
    };
    Ok(Some(leaf(value)))
}

pub(super) fn part_field<'a>(
    desk: &'a Desk<'_>,
    (view, index): (&View, usize),
    info: &'a ResolveInfo<'a>,
) -> Option<Answer<'a>> {
    let order = &view.order;
    let part = order.fulfillment_orders.get(index)?;
    let value = match info.field_name() {
        "order" => desk.object(Kind::Order(view.clone())),
        "assignedLocation" => desk.object(Kind::AssignedLocation(view.clone(), part.location.clone())),
        "fulfillmentHolds" => desk.list(holds(part)),
        "lineItems" => {
            let lines = (0..part.lines.len()).map(|at| Kind::FulfillmentOrderLine(view.clone(), index, at));
            return Some(desk.connection("FulfillmentOrderLineItem", lines.collect(), &arguments(info)));
        }
        "fulfillments" => {
            let shipped = order.fulfillments.iter().enumerate();
            let ours = shipped.filter(|(_, it)| it.fulfillment_orders.contains(&part.id));
            let kinds = ours.map(|(at, _)| Kind::Fulfillment(view.clone(), at)).collect();
            return Some(desk.connection("Fulfillment", kinds, &arguments(info)));
        }
        name => leaf(part_leaf(order, part, name)?),
    };
    Some(Ok(value))
}

fn part_leaf(order: &Order, part: &FulfillmentOrder, field: &str) -> Option<Value> {
    let value = match field {
        "id" => json!(gid("FulfillmentOrder", part.id)),
        "status" => json!(part.status.word().to_ascii_uppercase()),
        "requestStatus" => json!("UNSUBMITTED"),
        "createdAt" | "fulfillAt" => json!(instant(part.created_at)),
        "updatedAt" => json!(instant(part.updated_at)),
        "orderId" => json!(gid("Order", order.id)),
        "orderName" => json!(order.name()),
        _ => return None,
    };
    Some(value)
}

fn holds(part: &FulfillmentOrder) -> Vec<Kind> {
    let hold = |hold: &Hold| {
        let fields = json!({
            "id": gid("FulfillmentHold", hold.id),
            "reason": hold.reason,
            "reasonNotes": hold.notes,
            "displayReason": hold.reason.to_ascii_lowercase().replace('_', " "),
        });
        Kind::Record("FulfillmentHold", fields)
    };
    part.holds.iter().map(hold).collect()
}

pub(super) fn location_field<'a>(
    desk: &'a Desk<'_>,
    view: &View,
    code: &str,
    field: &str,
) -> Result<Option<ResolvedValue<'a>>, FieldError> {
    Ok(match field {
        "name" => Some(leaf(json!(code))),
        "location" => Some(nullable(desk, view.location(code))),
        _ => None,
    })
}

pub(super) fn part_line_field<'a>(
    desk: &'a Desk<'_>,
    (view, part, index): (&View, usize, usize),
    field: &str,
) -> Result<Option<ResolvedValue<'a>>, FieldError> {
    let part = view.order.fulfillment_orders.get(part).ok_or_else(lost)?;
    let line = part.lines.get(index).ok_or_else(lost)?;
    let ordered = view.order.lines.get(line.line).ok_or_else(lost)?;
    let value = match field {
        "id" => json!(gid("FulfillmentOrderLineItem", line.id)),
        "totalQuantity" => json!(line.total),
        "remainingQuantity" => json!(line.remaining),
        "sku" => json!(ordered.sku),
        "productTitle" => json!(ordered.title),
        "requiresShipping" => json!(ordered.requires_shipping),
        "lineItem" => return Ok(Some(desk.object(Kind::LineItem(view.clone(), line.line)))),
        _ => return Ok(None),
    };
    Ok(Some(leaf(value)))
}

pub(super) fn fulfillment_field<'a>(
    desk: &'a Desk<'_>,
    (view, index): (&View, usize),
    info: &'a ResolveInfo<'a>,
) -> Option<Answer<'a>> {
    let order = &view.order;
    let fulfillment = order.fulfillments.get(index)?;
    let value = match info.field_name() {
        "order" => desk.object(Kind::Order(view.clone())),
        "location" => nullable(desk, view.location(&fulfillment.location)),
        "trackingInfo" => {
            let first = arguments(info).get("first").and_then(Value::as_u64).unwrap_or(u64::MAX);
            let width = usize::try_from(first).unwrap_or(usize::MAX);
            desk.list(fulfillment.tracking.iter().take(width).map(tracking).collect())
        }
        "fulfillmentLineItems" => {
            let lines = (0..fulfillment.lines.len()).map(|at| Kind::FulfillmentLine(view.clone(), index, at));
            return Some(desk.connection("FulfillmentLineItem", lines.collect(), &arguments(info)));
        }
        "fulfillmentOrders" => {
            let parts = order.fulfillment_orders.iter().enumerate();
            let ours = parts.filter(|(_, part)| fulfillment.fulfillment_orders.contains(&part.id));
            let kinds = ours.map(|(at, _)| Kind::FulfillmentOrder(view.clone(), at)).collect();
            return Some(desk.connection("FulfillmentOrder", kinds, &arguments(info)));
        }
        name => leaf(fulfillment_leaf(order, (fulfillment, index), name)?),
    };
    Some(Ok(value))
}

fn fulfillment_leaf(order: &Order, (fulfillment, index): (&Fulfillment, usize), field: &str) -> Option<Value> {
    let value = match field {
        "id" => json!(gid("Fulfillment", fulfillment.id)),
        "legacyResourceId" => json!(fulfillment.id.to_string()),
        "status" => json!("SUCCESS"),
        "displayStatus" => json!("FULFILLED"),
        "name" => json!(format!("{}-F{}", order.name(), index + 1)),
        "createdAt" | "updatedAt" => json!(instant(fulfillment.created_at)),
        "totalQuantity" => json!(fulfillment.lines.iter().map(|line| line.quantity).sum::<i64>()),
        _ => return None,
    };
    Some(value)
}

fn tracking(tracking: &Tracking) -> Kind {
    let fields = json!({ "company": tracking.company, "number": tracking.number, "url": tracking.url });
    Kind::Record("FulfillmentTrackingInfo", fields)
}

pub(super) fn fulfilled_line_field<'a>(
    desk: &'a Desk<'_>,
    (view, fulfillment, index): (&View, usize, usize),
    field: &str,
) -> Result<Option<ResolvedValue<'a>>, FieldError> {
    let fulfillment = view.order.fulfillments.get(fulfillment).ok_or_else(lost)?;
    let line = fulfillment.lines.get(index).ok_or_else(lost)?;
    Ok(match field {
        "id" => Some(leaf(json!(gid("FulfillmentLineItem", line.id)))),
        "quantity" => Some(leaf(json!(line.quantity))),
        "lineItem" => Some(desk.object(Kind::LineItem(view.clone(), line.line))),
        _ => None,
    })
}

pub(super) fn payload_field<'a>(
    desk: &'a Desk<'_>,
    outcome: &Result<Option<Kind>, UserError>,
    field: &str,
) -> Result<Option<ResolvedValue<'a>>, FieldError> {
    Ok(match field {
        "fulfillment" => Some(nullable(desk, outcome.as_ref().ok().cloned().flatten())),
        "userErrors" => {
            let error = |error: &UserError| {
                Kind::Record("UserError", json!({ "field": error.field, "message": error.message }))
            };
            Some(desk.list(outcome.as_ref().err().map(error).into_iter().collect()))
        }
        _ => None,
    })
}

pub(super) fn connection_field<'a>(
    desk: &'a Desk<'_>,
    of: &'static str,
    page: &Page,
    field: &str,
) -> Result<Option<ResolvedValue<'a>>, FieldError> {
    let cursor = |item: Option<&(String, Kind)>| item.map(|(cursor, _)| cursor.clone());
    Ok(match field {
        "nodes" => Some(desk.list(page.items.iter().map(|(_, kind)| kind.clone()).collect())),
        "edges" => {
            let edges = page.items.iter().map(|item| Kind::Edge(of, Rc::new(item.clone())));
            Some(desk.list(edges.collect()))
        }
        "pageInfo" => Some(desk.record(
            "PageInfo",
            json!({
                "hasNextPage": page.has_next,
                "hasPreviousPage": page.has_previous,
                "startCursor": cursor(page.items.first()),
                "endCursor": cursor(page.items.last()),
            }),
        )),
        _ => None,
    })
}

pub(super) fn edge_field<'a>(
    desk: &'a Desk<'_>,
    (cursor, kind): &(String, Kind),
    field: &str,
) -> Result<Option<ResolvedValue<'a>>, FieldError> {
    Ok(match field {
        "cursor" => Some(leaf(json!(cursor))),
        "node" => Some(desk.object(kind.clone())),
        _ => None,
    })
}

pub(super) fn connection_name(of: &str) -> &'static str {
    match of {
        "Order" => "OrderConnection",
        "LineItem" => "LineItemConnection",
        "FulfillmentOrder" => "FulfillmentOrderConnection",
        "FulfillmentOrderLineItem" => "FulfillmentOrderLineItemConnection",
        "Fulfillment" => "FulfillmentConnection",
        "SalesAgreement" => "SalesAgreementConnection",
        "Sale" => "SaleConnection",
        "OrderTransaction" => "OrderTransactionConnection",
        "Refund" => "RefundConnection",
        "RefundLineItem" => "RefundLineItemConnection",
        "Return" => "ReturnConnection",
        "ReturnLineItemType" => "ReturnLineItemTypeConnection",
        "ExchangeLineItem" => "ExchangeLineItemConnection",
        "ShippingLine" => "ShippingLineConnection",
        "InventoryItem" => "InventoryItemConnection",
        "InventoryLevel" => "InventoryLevelConnection",
        _ => "FulfillmentLineItemConnection",
    }
}

pub(super) fn edge_name(of: &str) -> &'static str {
    match of {
        "Order" => "OrderEdge",
        "LineItem" => "LineItemEdge",
        "FulfillmentOrder" => "FulfillmentOrderEdge",
        "FulfillmentOrderLineItem" => "FulfillmentOrderLineItemEdge",
        "Fulfillment" => "FulfillmentEdge",
        "SalesAgreement" => "SalesAgreementEdge",
        "Sale" => "SaleEdge",
        "OrderTransaction" => "OrderTransactionEdge",
        "Refund" => "RefundEdge",
        "RefundLineItem" => "RefundLineItemEdge",
        "Return" => "ReturnEdge",
        "ReturnLineItemType" => "ReturnLineItemTypeEdge",
        "ExchangeLineItem" => "ExchangeLineItemEdge",
        "ShippingLine" => "ShippingLineEdge",
        "InventoryItem" => "InventoryItemEdge",
        "InventoryLevel" => "InventoryLevelEdge",
        _ => "FulfillmentLineItemEdge",
    }
}

fn nullable<'a>(desk: &'a Desk<'_>, kind: Option<Kind>) -> ResolvedValue<'a> {
    kind.map_or_else(ResolvedValue::null, |kind| desk.object(kind))
}
