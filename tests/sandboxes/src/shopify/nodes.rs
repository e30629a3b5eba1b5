//! GraphQL objects of the shop: one variant per type, one function per type that answers its fields.

use std::cell::RefCell;
use std::rc::Rc;

use apollo_compiler::resolvers::{FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::fulfillment::{FulfillmentRequest, UserError, gid_of};
use super::order::{Fulfillment, FulfillmentOrder, Order, Tracking};
use super::payload::{Letterhead, gid, presented};
use super::query::OrderSearch;
use super::shop::Shop;
use super::template::FinancialStatus;

pub(super) type Answer<'a> = Result<ResolvedValue<'a>, FieldError>;

/// The root of an execution: the shop while it is locked, and how many objects were answered.
pub(super) struct Desk<'s> {
    pub(super) shop: RefCell<&'s mut Shop>,
    pub(super) now: Timestamp,
    pub(super) objects: RefCell<u64>,
    pub(super) mutations: RefCell<u64>,
}

/// The two root types.
pub(super) enum Root<'d, 's> {
    Query(&'d Desk<'s>),
    Mutation(&'d Desk<'s>),
}

impl ObjectValue for Root<'_, '_> {
    fn type_name(&self) -> &str {
        match self {
            Self::Query(_) => "QueryRoot",
            Self::Mutation(_) => "Mutation",
        }
    }

    fn resolve_field<'a>(&'a self, info: &'a ResolveInfo<'a>) -> Answer<'a> {
        let arguments = arguments(info);
        let (Self::Query(desk) | Self::Mutation(desk)) = self;
        if desk.shop.borrow().denied.contains(info.field_name()) {
            return Err(failed(format!(
                "Access denied for {} field.",
                info.field_name()
            )));
        }
        match (self, info.field_name()) {
            (Self::Query(desk), "order") => desk.order(&arguments),
            (Self::Query(desk), "orders") => desk.orders(&arguments),
            (Self::Query(desk), "fulfillmentOrder") => desk.fulfillment_order(&arguments),
            (Self::Query(desk), "node") => desk.node(&arguments),
            (Self::Query(desk), "shop") => Ok(desk.shop_record()),
            (Self::Mutation(desk), "fulfillmentCreate") => Ok(desk.fulfillment_create(&arguments)),
            _ => Err(self.unknown_field_error(info)),
        }
    }
}

impl<'s> Desk<'s> {
    pub(super) fn new(shop: &'s mut Shop, now: Timestamp) -> Self {
        Self {
            shop: RefCell::new(shop),
            now,
            objects: RefCell::new(0),
            mutations: RefCell::new(0),
        }
    }

    fn order(&self, arguments: &Value) -> Answer<'_> {
        let id = required_gid(arguments, "Order")?;
        Ok(ResolvedValue::nullable_object(
            self.snapshot(id)
                .map(|view| self.node_of(Kind::Order(view))),
        ))
    }

    fn orders(&self, arguments: &Value) -> Answer<'_> {
        let search = OrderSearch::read(arguments).map_err(failed)?;
        let shop = self.shop.borrow();
        let found = search.find(shop.orders.values());
        let views = found
            .into_iter()
            .map(|order| Kind::Order(View::of(order, &shop.letterhead)));
        self.connection("Order", views.collect(), arguments)
    }

    fn fulfillment_order(&self, arguments: &Value) -> Answer<'_> {
        let id = required_gid(arguments, "FulfillmentOrder")?;
        let found = self
            .find_fulfillment_order(id)
            .map(|kind| self.node_of(kind));
        Ok(ResolvedValue::nullable_object(found))
    }

    fn find_fulfillment_order(&self, id: u64) -> Option<Kind> {
        let shop = self.shop.borrow();
        let order = shop
            .orders
            .values()
            .find(|order| order.fulfillment_orders.iter().any(|part| part.id == id))?;
        let index = order
            .fulfillment_orders
            .iter()
            .position(|part| part.id == id)?;
        Some(Kind::FulfillmentOrder(
            View::of(order, &shop.letterhead),
            index,
        ))
    }

    fn node(&self, arguments: &Value) -> Answer<'_> {
        let id = arguments.get("id");
        let order = gid_of(id, "Order")
            .and_then(|id| self.snapshot(id))
            .map(Kind::Order);
        let part = || gid_of(id, "FulfillmentOrder").and_then(|id| self.find_fulfillment_order(id));
        let found = order.or_else(part).map(|kind| self.node_of(kind));
        Ok(ResolvedValue::nullable_object(found))
    }

    fn shop_record(&self) -> ResolvedValue<'_> {
        let shop = self.shop.borrow();
        let domain = shop.sender.shop_domain.clone();
        let fields = json!({
            "id": gid("Shop", 548_380_009),
            "name": domain.split('.').next(),
            "myshopifyDomain": domain,
            "ianaTimezone": shop.letterhead.time_zone.iana_name().unwrap_or("Etc/UTC"),
            "currencyCode": "GBP",
        });
        self.record("Shop", fields)
    }

    fn fulfillment_create(&self, arguments: &Value) -> ResolvedValue<'_> {
        *self.mutations.borrow_mut() += 1;
        let request =
            FulfillmentRequest::read(arguments.get("fulfillment").unwrap_or(&Value::Null));
        let outcome = self.shop.borrow_mut().fulfill(&request, self.now);
        let outcome = outcome.map(|(order, id)| {
            let view = self.snapshot(order);
            view.and_then(|view| {
                let index = view.order.fulfillments.iter().position(|it| it.id == id)?;
                Some(Kind::Fulfillment(view, index))
            })
        });
        ResolvedValue::object(self.node_of(Kind::FulfillmentCreatePayload(Rc::new(outcome))))
    }

    fn snapshot(&self, id: u64) -> Option<View> {
        let shop = self.shop.borrow();
        shop.orders
            .get(&id)
            .map(|order| View::of(order, &shop.letterhead))
    }

    fn node_of(&self, kind: Kind) -> Node<'_, 's> {
        *self.objects.borrow_mut() += 1;
        Node { desk: self, kind }
    }

    fn object(&self, kind: Kind) -> ResolvedValue<'_> {
        ResolvedValue::object(self.node_of(kind))
    }

    fn record(&self, type_name: &'static str, fields: Value) -> ResolvedValue<'_> {
        self.object(Kind::Record(type_name, fields))
    }

    fn list(&self, kinds: Vec<Kind>) -> ResolvedValue<'_> {
        ResolvedValue::list(kinds.into_iter().map(|kind| self.object(kind)))
    }

    fn connection(&self, of: &'static str, items: Vec<Kind>, arguments: &Value) -> Answer<'_> {
        let page = Page::cut(items, arguments)?;
        Ok(self.object(Kind::Connection(of, Rc::new(page))))
    }
}

/// An order as it was when it was read, and the shop's settings beside it.
#[derive(Clone)]
pub(super) struct View {
    order: Rc<Order>,
    letterhead: Rc<Letterhead>,
}

impl View {
    fn of(order: &Order, letterhead: &Letterhead) -> Self {
        Self {
            order: Rc::new(order.clone()),
            letterhead: Rc::new(letterhead.clone()),
        }
    }

    fn money(&self, minor: i64) -> Kind {
        let (presentment, converted) = presented(&self.order, minor);
        let money = |amount: String, code: &str| json!({ "amount": amount, "currencyCode": code });
        Kind::MoneyBag(json!({
            "shopMoney": money(self.order.currency.graphql_text(minor), &self.order.currency.code),
            "presentmentMoney": money(presentment.graphql_text(converted), &presentment.code),
        }))
    }

    fn location(&self, code: &str) -> Option<Kind> {
        let id = self.letterhead.location_id(code)?;
        let fields = json!({
            "id": gid("Location", id), "name": code, "isActive": true, "legacyResourceId": id.to_string(),
        });
        Some(Kind::Record("Location", fields))
    }
}

/// A GraphQL object. Numbers are indexes into the order's lists.
#[derive(Clone)]
pub(super) enum Kind {
    Order(View),
    LineItem(View, usize),
    FulfillmentOrder(View, usize),
    AssignedLocation(View, String),
    FulfillmentOrderLine(View, usize, usize),
    Fulfillment(View, usize),
    FulfillmentLine(View, usize, usize),
    FulfillmentCreatePayload(Rc<Result<Option<Kind>, UserError>>),
    MoneyBag(Value),
    Connection(&'static str, Rc<Page>),
    Edge(&'static str, Rc<(String, Kind)>),
    /// An object of leaves only.
    Record(&'static str, Value),
}

/// A page of a connection.
pub(super) struct Page {
    items: Vec<(String, Kind)>,
    has_next: bool,
    has_previous: bool,
}

impl Page {
    fn cut(items: Vec<Kind>, arguments: &Value) -> Result<Self, FieldError> {
        let size = |name: &str| arguments.get(name).and_then(Value::as_u64);
        let (first, last) = (size("first"), size("last"));
        if first.is_none() && last.is_none() {
            return Err(failed("you must provide one of first or last"));
        }
        let mut all: Vec<(String, Kind)> = items
            .into_iter()
            .map(|kind| (kind.cursor(), kind))
            .collect();
        if arguments.get("reverse").and_then(Value::as_bool) == Some(true) {
            all.reverse();
        }
        let place = |name: &str| {
            let cursor = arguments.get(name)?.as_str()?;
            all.iter().position(|(at, _)| at == cursor)
        };
        let from = place("after").map_or(0, |index| index + 1);
        let to = place("before").unwrap_or(all.len()).max(from);
        let width = |size: Option<u64>| {
            size.and_then(|size| usize::try_from(size).ok())
                .unwrap_or(usize::MAX)
        };
        let to_first = to.min(from.saturating_add(width(first)));
        let from_last = from.max(to_first.saturating_sub(width(last)));
        Ok(Self {
            has_next: to_first < all.len(),
            has_previous: from_last > 0,
            items: all.drain(from_last..to_first).collect(),
        })
    }
}

impl Kind {
    /// Anything that finds the place again; the vendor's cursors are opaque too.
    fn cursor(&self) -> String {
        match self {
            Self::Order(view) => format!("order-{}", view.order.id),
            Self::LineItem(_, index)
            | Self::FulfillmentOrder(_, index)
            | Self::Fulfillment(_, index) => {
                format!("at-{index}")
            }
            Self::FulfillmentOrderLine(_, _, index) | Self::FulfillmentLine(_, _, index) => {
                format!("at-{index}")
            }
            Self::AssignedLocation(..)
            | Self::FulfillmentCreatePayload(_)
            | Self::MoneyBag(_)
            | Self::Connection(..)
            | Self::Edge(..)
            | Self::Record(..) => String::new(),
        }
    }
}

struct Node<'d, 's> {
    desk: &'d Desk<'s>,
    kind: Kind,
}

impl ObjectValue for Node<'_, '_> {
    fn type_name(&self) -> &str {
        match &self.kind {
            Kind::Order(_) => "Order",
            Kind::LineItem(..) => "LineItem",
            Kind::FulfillmentOrder(..) => "FulfillmentOrder",
            Kind::AssignedLocation(..) => "FulfillmentOrderAssignedLocation",
            Kind::FulfillmentOrderLine(..) => "FulfillmentOrderLineItem",
            Kind::Fulfillment(..) => "Fulfillment",
            Kind::FulfillmentLine(..) => "FulfillmentLineItem",
            Kind::FulfillmentCreatePayload(_) => "FulfillmentCreatePayload",
            Kind::MoneyBag(_) => "MoneyBag",
            Kind::Connection(of, _) => connection_name(of),
            Kind::Edge(of, _) => edge_name(of),
            Kind::Record(type_name, _) => type_name,
        }
    }

    fn resolve_field<'a>(&'a self, info: &'a ResolveInfo<'a>) -> Answer<'a> {
        let (desk, field) = (self.desk, info.field_name());
        let answer = match &self.kind {
            Kind::Order(view) => order_field(desk, view, info),
            Kind::LineItem(view, index) => line_field(desk, view, *index, field).transpose(),
            Kind::FulfillmentOrder(view, index) => part_field(desk, (view, *index), info),
            Kind::AssignedLocation(view, code) => {
                location_field(desk, view, code, field).transpose()
            }
            Kind::FulfillmentOrderLine(view, part, index) => {
                part_line_field(desk, (view, *part, *index), field).transpose()
            }
            Kind::Fulfillment(view, index) => fulfillment_field(desk, (view, *index), info),
            Kind::FulfillmentLine(view, fulfillment, index) => {
                fulfilled_line_field(desk, (view, *fulfillment, *index), field).transpose()
            }
            Kind::FulfillmentCreatePayload(outcome) => {
                payload_field(desk, outcome, field).transpose()
            }
            Kind::MoneyBag(moneys) => moneys
                .get(field)
                .map(|money| Ok(desk.record("MoneyV2", money.clone()))),
            Kind::Connection(of, page) => connection_field(desk, of, page, field).transpose(),
            Kind::Edge(_, edge) => edge_field(desk, edge, field).transpose(),
            Kind::Record(_, fields) => fields.get(field).map(|value| Ok(leaf(value.clone()))),
        };
        answer.unwrap_or_else(|| Err(self.unknown_field_error(info)))
    }
}

fn order_field<'a>(
    desk: &'a Desk<'_>,
    view: &View,
    info: &'a ResolveInfo<'a>,
) -> Option<Answer<'a>> {
    let order = &view.order;
    let arguments = arguments(info);
    let value = match info.field_name() {
        "fulfillmentOrders" => {
            let parts = 0..order.fulfillment_orders.len();
            let kinds = parts
                .map(|index| Kind::FulfillmentOrder(view.clone(), index))
                .collect();
            return Some(desk.connection("FulfillmentOrder", kinds, &arguments));
        }
        "lineItems" => {
            let kinds = (0..order.lines.len())
                .map(|index| Kind::LineItem(view.clone(), index))
                .collect();
            return Some(desk.connection("LineItem", kinds, &arguments));
        }
        "fulfillments" => {
            let first = arguments
                .get("first")
                .and_then(Value::as_u64)
                .unwrap_or(u64::MAX);
            let width = usize::try_from(first).unwrap_or(usize::MAX);
            let indexes = (0..order.fulfillments.len()).take(width);
            desk.list(
                indexes
                    .map(|index| Kind::Fulfillment(view.clone(), index))
                    .collect(),
            )
        }
        name => match order_money(order, name) {
            Some(minor) => desk.object(view.money(minor)),
            None => leaf(order_leaf(order, name)?),
        },
    };
    Some(Ok(value))
}

fn order_money(order: &Order, field: &str) -> Option<i64> {
    let is_refunded = super::payload::is_refunded(order);
    match field {
        "subtotalPriceSet" => Some(order.subtotal()),
        "totalDiscountsSet" => Some(order.total_discounts()),
        "totalOutstandingSet" => Some(order.outstanding()),
        "totalPriceSet" => Some(order.total()),
        "currentTotalPriceSet" => Some(if is_refunded { 0 } else { order.total() }),
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
        "displayFinancialStatus" => json!(order.financial_status.word().to_ascii_uppercase()),
        "displayFulfillmentStatus" => json!(order.display_fulfillment_status()),
        "email" => json!(order.email),
        "note" => json!(order.note),
        "tags" => json!(
            order
                .tags
                .split(',')
                .map(str::trim)
                .filter(|tag| !tag.is_empty())
                .collect::<Vec<_>>()
        ),
        "taxesIncluded" => json!(order.taxes_included),
        "test" => json!(order.test),
        "paymentGatewayNames" if order.total() == 0 => json!([]),
        "paymentGatewayNames" => json!([order.gateway]),
        "fullyPaid" => json!(order.financial_status == FinancialStatus::Paid),
        "unpaid" => json!(order.outstanding() > 0),
        _ => return None,
    };
    Some(value)
}

fn line_field<'a>(
    desk: &'a Desk<'_>,
    view: &View,
    index: usize,
    field: &str,
) -> Result<Option<ResolvedValue<'a>>, FieldError> {
    let order = &view.order;
    let line = order.lines.get(index).ok_or_else(lost)?;
    let is_refunded = super::payload::is_refunded(order);
    let fulfillable = line.quantity - order.fulfilled_quantity(index);
    let value = match field {
        "id" => json!(gid("LineItem", line.id)),
        "sku" => json!(line.sku),
        "name" | "title" => json!(line.title),
        "quantity" => json!(line.quantity),
        "currentQuantity" => json!(if is_refunded { 0 } else { line.quantity }),
        "fulfillableQuantity" => json!(if order.cancelled_at.is_some() {
            0
        } else {
            fulfillable
        }),
        "requiresShipping" => json!(line.requires_shipping),
        "isGiftCard" => json!(line.gift_card),
        "taxable" => json!(line.taxable),
        "originalUnitPriceSet" => return Ok(Some(desk.object(view.money(line.unit_price)))),
        "discountedTotalSet" => return Ok(Some(desk.object(view.money(line.net())))),
        _ => return Ok(None),
    };
    Ok(Some(leaf(value)))
}

fn part_field<'a>(
    desk: &'a Desk<'_>,
    (view, index): (&View, usize),
    info: &'a ResolveInfo<'a>,
) -> Option<Answer<'a>> {
    let order = &view.order;
    let part = order.fulfillment_orders.get(index)?;
    let value = match info.field_name() {
        "order" => desk.object(Kind::Order(view.clone())),
        "assignedLocation" => {
            desk.object(Kind::AssignedLocation(view.clone(), part.location.clone()))
        }
        "fulfillmentHolds" => desk.list(holds(part)),
        "lineItems" => {
            let lines =
                (0..part.lines.len()).map(|at| Kind::FulfillmentOrderLine(view.clone(), index, at));
            return Some(desk.connection(
                "FulfillmentOrderLineItem",
                lines.collect(),
                &arguments(info),
            ));
        }
        "fulfillments" => {
            let shipped = order.fulfillments.iter().enumerate();
            let ours = shipped.filter(|(_, it)| it.fulfillment_orders.contains(&part.id));
            let kinds = ours
                .map(|(at, _)| Kind::Fulfillment(view.clone(), at))
                .collect();
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
    let hold = |hold: &super::order::Hold| {
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

fn location_field<'a>(
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

fn part_line_field<'a>(
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

fn fulfillment_field<'a>(
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
            let first = arguments(info)
                .get("first")
                .and_then(Value::as_u64)
                .unwrap_or(u64::MAX);
            let width = usize::try_from(first).unwrap_or(usize::MAX);
            desk.list(
                fulfillment
                    .tracking
                    .iter()
                    .take(width)
                    .map(tracking)
                    .collect(),
            )
        }
        "fulfillmentLineItems" => {
            let lines = (0..fulfillment.lines.len())
                .map(|at| Kind::FulfillmentLine(view.clone(), index, at));
            return Some(desk.connection("FulfillmentLineItem", lines.collect(), &arguments(info)));
        }
        "fulfillmentOrders" => {
            let parts = order.fulfillment_orders.iter().enumerate();
            let ours = parts.filter(|(_, part)| fulfillment.fulfillment_orders.contains(&part.id));
            let kinds = ours
                .map(|(at, _)| Kind::FulfillmentOrder(view.clone(), at))
                .collect();
            return Some(desk.connection("FulfillmentOrder", kinds, &arguments(info)));
        }
        name => leaf(fulfillment_leaf(order, (fulfillment, index), name)?),
    };
    Some(Ok(value))
}

fn fulfillment_leaf(
    order: &Order,
    (fulfillment, index): (&Fulfillment, usize),
    field: &str,
) -> Option<Value> {
    let value = match field {
        "id" => json!(gid("Fulfillment", fulfillment.id)),
        "legacyResourceId" => json!(fulfillment.id.to_string()),
        "status" => json!("SUCCESS"),
        "displayStatus" => json!("FULFILLED"),
        "name" => json!(format!("{}-F{}", order.name(), index + 1)),
        "createdAt" | "updatedAt" => json!(instant(fulfillment.created_at)),
        "totalQuantity" => json!(
            fulfillment
                .lines
                .iter()
                .map(|line| line.quantity)
                .sum::<i64>()
        ),
        _ => return None,
    };
    Some(value)
}

fn tracking(tracking: &Tracking) -> Kind {
    let fields =
        json!({ "company": tracking.company, "number": tracking.number, "url": tracking.url });
    Kind::Record("FulfillmentTrackingInfo", fields)
}

fn fulfilled_line_field<'a>(
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

fn payload_field<'a>(
    desk: &'a Desk<'_>,
    outcome: &Result<Option<Kind>, UserError>,
    field: &str,
) -> Result<Option<ResolvedValue<'a>>, FieldError> {
    Ok(match field {
        "fulfillment" => Some(nullable(desk, outcome.as_ref().ok().cloned().flatten())),
        "userErrors" => {
            let error = |error: &UserError| {
                Kind::Record(
                    "UserError",
                    json!({ "field": error.field, "message": error.message }),
                )
            };
            Some(desk.list(outcome.as_ref().err().map(error).into_iter().collect()))
        }
        _ => None,
    })
}

fn connection_field<'a>(
    desk: &'a Desk<'_>,
    of: &'static str,
    page: &Page,
    field: &str,
) -> Result<Option<ResolvedValue<'a>>, FieldError> {
    let cursor = |item: Option<&(String, Kind)>| item.map(|(cursor, _)| cursor.clone());
    Ok(match field {
        "nodes" => Some(desk.list(page.items.iter().map(|(_, kind)| kind.clone()).collect())),
        "edges" => {
            let edges = page
                .items
                .iter()
                .map(|item| Kind::Edge(of, Rc::new(item.clone())));
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

fn edge_field<'a>(
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

fn connection_name(of: &str) -> &'static str {
    match of {
        "Order" => "OrderConnection",
        "LineItem" => "LineItemConnection",
        "FulfillmentOrder" => "FulfillmentOrderConnection",
        "FulfillmentOrderLineItem" => "FulfillmentOrderLineItemConnection",
        "Fulfillment" => "FulfillmentConnection",
        _ => "FulfillmentLineItemConnection",
    }
}

fn edge_name(of: &str) -> &'static str {
    match of {
        "Order" => "OrderEdge",
        "LineItem" => "LineItemEdge",
        "FulfillmentOrder" => "FulfillmentOrderEdge",
        "FulfillmentOrderLineItem" => "FulfillmentOrderLineItemEdge",
        "Fulfillment" => "FulfillmentEdge",
        _ => "FulfillmentLineItemEdge",
    }
}

fn nullable<'a>(desk: &'a Desk<'_>, kind: Option<Kind>) -> ResolvedValue<'a> {
    kind.map_or_else(ResolvedValue::null, |kind| desk.object(kind))
}

/// The engine tells a list of scalars from a scalar that is a list.
fn leaf<'a>(value: Value) -> ResolvedValue<'a> {
    match value {
        Value::Array(items) => ResolvedValue::list(items.into_iter().map(leaf)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            ResolvedValue::leaf(value)
        }
    }
}

fn arguments(info: &ResolveInfo<'_>) -> Value {
    serde_json::to_value(info.arguments()).unwrap_or_default()
}

fn required_gid(arguments: &Value, kind: &str) -> Result<u64, FieldError> {
    let given = arguments
        .get("id")
        .and_then(Value::as_str)
        .unwrap_or_default();
    gid_of(arguments.get("id"), kind).ok_or_else(|| failed(format!("Invalid id: {given}")))
}

/// GraphQL times are UTC to the second.
pub(super) fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn failed(message: impl Into<String>) -> FieldError {
    FieldError {
        message: message.into(),
    }
}

/// An index that leads nowhere would be a defect of this sandbox.
fn lost() -> FieldError {
    failed("Internal error. Looks like something went wrong on our end.")
}
