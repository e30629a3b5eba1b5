//! GraphQL objects of the shop: one variant per type, one function per type that answers its fields.

use std::cell::RefCell;
use std::rc::Rc;

use apollo_compiler::resolvers::{FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::fields::{
    connection_field, connection_name, edge_field, edge_name, fulfilled_line_field, fulfillment_field, line_field,
    location_field, order_field, part_field, part_line_field, payload_field,
};
use super::fulfillment::{FulfillmentRequest, UserError, gid_of};
use super::ledger_fields;
use super::order::Order;
use super::payload::{Letterhead, gid, presented, presentment};
use super::query::OrderSearch;
use super::shop::Shop;
use super::stock_calls::Group;
use super::stock_fields;

pub(super) type Answer<'a> = Result<ResolvedValue<'a>, FieldError>;

/// The root of an execution: the shop while it is locked, and how many objects were answered.
pub(super) struct Desk<'s> {
    pub(super) shop: RefCell<&'s mut Shop>,
    pub(super) now: Timestamp,
    /// Values of the request's variables: directives take them too.
    pub(super) variables: Value,
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
            return Err(failed(format!("Access denied for {} field.", info.field_name())));
        }
        match (self, info.field_name()) {
            (Self::Query(desk), "order") => desk.order(&arguments),
            (Self::Query(desk), "orders") => desk.orders(&arguments),
            (Self::Query(desk), "fulfillmentOrder") => desk.fulfillment_order(&arguments),
            (Self::Query(desk), "inventoryItem") => desk.inventory_item(&arguments),
            (Self::Query(desk), "inventoryItems") => desk.inventory_items(&arguments),
            (Self::Query(desk), "node") => desk.node(&arguments),
            (Self::Query(desk), "nodes") => desk.nodes(&arguments),
            (Self::Query(desk), "shop") => Ok(desk.shop_record()),
            (Self::Query(desk), "refund") => desk.refund(&arguments),
            (Self::Query(desk), "return") => desk.one_return(&arguments),
            (Self::Mutation(desk), "fulfillmentCreate") => Ok(desk.fulfillment_create(&arguments)),
            (Self::Mutation(desk), "inventorySetQuantities") => desk.inventory_set_quantities(&arguments, info),
            (Self::Mutation(desk), "refundCreate") => desk.refund_create(&arguments, info),
            (Self::Mutation(desk), "orderCancel") => Ok(desk.order_cancel(&arguments)),
            (Self::Mutation(desk), "returnProcess") => Ok(desk.return_process(&arguments)),
            _ => Err(self.unknown_field_error(info)),
        }
    }
}

impl<'s> Desk<'s> {
    pub(super) fn new(shop: &'s mut Shop, now: Timestamp, variables: Value) -> Self {
        Self { shop: RefCell::new(shop), now, variables, objects: RefCell::new(0), mutations: RefCell::new(0) }
    }

    fn order(&self, arguments: &Value) -> Answer<'_> {
        let id = required_gid(arguments, "Order")?;
        Ok(ResolvedValue::nullable_object(self.snapshot(id).map(|view| self.node_of(Kind::Order(view)))))
    }

    fn orders(&self, arguments: &Value) -> Answer<'_> {
        let search = OrderSearch::read(arguments).map_err(failed)?;
        let shop = self.shop.borrow();
        let found = search.find(shop.orders.values());
        let views = found.into_iter().map(|order| Kind::Order(View::of(order, &shop.letterhead)));
        self.connection("Order", views.collect(), arguments)
    }

    fn fulfillment_order(&self, arguments: &Value) -> Answer<'_> {
        let id = required_gid(arguments, "FulfillmentOrder")?;
        let found = self.find_fulfillment_order(id).map(|kind| self.node_of(kind));
        Ok(ResolvedValue::nullable_object(found))
    }

    fn find_fulfillment_order(&self, id: u64) -> Option<Kind> {
        let shop = self.shop.borrow();
        let order = shop.orders.values().find(|order| order.fulfillment_orders.iter().any(|part| part.id == id))?;
        let index = order.fulfillment_orders.iter().position(|part| part.id == id)?;
        Some(Kind::FulfillmentOrder(View::of(order, &shop.letterhead), index))
    }

    fn node(&self, arguments: &Value) -> Answer<'_> {
        let found = self.find_node(arguments.get("id")).map(|kind| self.node_of(kind));
        Ok(ResolvedValue::nullable_object(found))
    }

    pub(super) fn find_node(&self, id: Option<&Value>) -> Option<Kind> {
        let order = gid_of(id, "Order").and_then(|id| self.snapshot(id)).map(Kind::Order);
        let part = || gid_of(id, "FulfillmentOrder").and_then(|id| self.find_fulfillment_order(id));
        let item = || gid_of(id, "InventoryItem").and_then(|id| self.find_item(id));
        order.or_else(part).or_else(item)
    }

    fn shop_record(&self) -> ResolvedValue<'_> {
        let shop = self.shop.borrow();
        let domain = shop.sender.shop_domain.clone();
        let fields = json!({
            "id": gid("Shop", 548_380_009),
            "name": domain.split('.').next(),
            "myshopifyDomain": domain,
            "ianaTimezone": shop.letterhead.time_zone.iana_name().unwrap_or("Etc/UTC"),
            "currencyCode": shop.currency,
        });
        self.record("Shop", fields)
    }

    fn fulfillment_create(&self, arguments: &Value) -> ResolvedValue<'_> {
        *self.mutations.borrow_mut() += 1;
        let request = FulfillmentRequest::read(arguments.get("fulfillment").unwrap_or(&Value::Null));
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

    fn refund(&self, arguments: &Value) -> Answer<'_> {
        let id = required_gid(arguments, "Refund")?;
        let shop = self.shop.borrow();
        let order = shop.orders.values().find(|order| order.refunds.iter().any(|it| it.id == id));
        let found = order.and_then(|order| {
            let at = ledger_fields::refund_at(order, id)?;
            Some(Kind::Refund(View::of(order, &shop.letterhead), at))
        });
        Ok(ResolvedValue::nullable_object(found.map(|kind| self.node_of(kind))))
    }

    fn one_return(&self, arguments: &Value) -> Answer<'_> {
        let id = required_gid(arguments, "Return")?;
        let shop = self.shop.borrow();
        let found = shop.orders.values().find_map(|order| {
            let at = ledger_fields::return_at(order, id)?;
            Some(Kind::Return(View::of(order, &shop.letterhead), at))
        });
        Ok(ResolvedValue::nullable_object(found.map(|kind| self.node_of(kind))))
    }

    fn refund_create(&self, arguments: &Value, info: &ResolveInfo<'_>) -> Answer<'_> {
        *self.mutations.borrow_mut() += 1;
        let key = self.required_key(info)?;
        let input = arguments.get("input").unwrap_or(&Value::Null);
        let outcome = self.shop.borrow_mut().refund_create(&key, input, self.now);
        let made = outcome.as_ref().ok().and_then(|(order, refund)| {
            let view = self.snapshot(*order)?;
            let at = ledger_fields::refund_at(&view.order, *refund)?;
            Some((view, at))
        });
        let fields: Tree = vec![
            ("order", Branch::One(made.as_ref().map(|(view, _)| Kind::Order(view.clone())))),
            ("refund", Branch::One(made.map(|(view, at)| Kind::Refund(view, at)))),
            ("userErrors", ledger_fields::errors("UserError", outcome.as_ref().err())),
        ];
        Ok(self.object(Kind::Tree("RefundCreatePayload", Rc::new(fields))))
    }

    pub(super) fn required_key(&self, info: &ResolveInfo<'_>) -> Result<String, FieldError> {
        let missing = "The @idempotent directive is required for this mutation but was not provided.";
        self.idempotency_key(info).ok_or_else(|| failed(missing))
    }

    /// The key of `@idempotent` on the field, written out or in a variable.
    fn idempotency_key(&self, info: &ResolveInfo<'_>) -> Option<String> {
        let field = info.field_selections().first()?;
        let key = field.directives.get("idempotent")?.specified_argument_by_name("key")?;
        let variable = key.as_variable().and_then(|name| self.variables.get(name.as_str())).and_then(Value::as_str);
        key.as_str().or(variable).map(str::to_owned)
    }

    fn order_cancel(&self, arguments: &Value) -> ResolvedValue<'_> {
        *self.mutations.borrow_mut() += 1;
        let outcome = self.shop.borrow_mut().order_cancel(arguments, self.now);
        let id = self.shop.borrow_mut().uuids.next();
        let job = Kind::Record("Job", json!({ "id": format!("gid://shopify/Job/{id}"), "done": true }));
        let fields: Tree = vec![
            ("job", Branch::One(outcome.is_ok().then_some(job))),
            ("orderCancelUserErrors", ledger_fields::errors("OrderCancelUserError", outcome.as_ref().err())),
        ];
        self.object(Kind::Tree("OrderCancelPayload", Rc::new(fields)))
    }

    fn return_process(&self, arguments: &Value) -> ResolvedValue<'_> {
        *self.mutations.borrow_mut() += 1;
        let input = arguments.get("input").unwrap_or(&Value::Null);
        let outcome = self.shop.borrow_mut().return_process(input, self.now);
        let found = outcome.as_ref().ok().and_then(|(order, of)| {
            let view = self.snapshot(*order)?;
            let at = ledger_fields::return_at(&view.order, *of)?;
            Some(Kind::Return(view, at))
        });
        let fields: Tree = vec![
            ("return", Branch::One(found)),
            ("userErrors", ledger_fields::errors("ReturnUserError", outcome.as_ref().err())),
        ];
        self.object(Kind::Tree("ReturnProcessPayload", Rc::new(fields)))
    }

    fn snapshot(&self, id: u64) -> Option<View> {
        let shop = self.shop.borrow();
        shop.orders.get(&id).map(|order| View::of(order, &shop.letterhead))
    }

    fn node_of(&self, kind: Kind) -> Node<'_, 's> {
        if !matches!(kind, Kind::Entry(..)) {
            *self.objects.borrow_mut() += 1;
        }
        Node { desk: self, kind }
    }

    pub(super) fn object(&self, kind: Kind) -> ResolvedValue<'_> {
        ResolvedValue::object(self.node_of(kind))
    }

    pub(super) fn record(&self, type_name: &'static str, fields: Value) -> ResolvedValue<'_> {
        self.object(Kind::Record(type_name, fields))
    }

    pub(super) fn list(&self, kinds: Vec<Kind>) -> ResolvedValue<'_> {
        ResolvedValue::list(kinds.into_iter().map(|kind| self.object(kind)))
    }

    pub(super) fn connection(&self, of: &'static str, items: Vec<Kind>, arguments: &Value) -> Answer<'_> {
        let page = Page::cut(items, arguments)?;
        Ok(self.object(Kind::Connection(of, Rc::new(page))))
    }
}

/// An order as it was when it was read, and the shop's settings beside it.
#[derive(Clone)]
pub(super) struct View {
    pub(super) order: Rc<Order>,
    letterhead: Rc<Letterhead>,
}

impl View {
    fn of(order: &Order, letterhead: &Letterhead) -> Self {
        Self { order: Rc::new(order.clone()), letterhead: Rc::new(letterhead.clone()) }
    }

    pub(super) fn money(&self, minor: i64) -> Kind {
        self.money_pair(minor, presented(&self.order, minor).1)
    }

    /// An amount whose counterpart in the customer's currency is known.
    pub(super) fn money_pair(&self, minor: i64, converted: i64) -> Kind {
        let presentment = presentment(&self.order);
        let money = |amount: String, code: &str| json!({ "amount": amount, "currencyCode": code });
        Kind::MoneyBag(json!({
            "shopMoney": money(self.order.currency.graphql_text(minor), &self.order.currency.code),
            "presentmentMoney": money(presentment.graphql_text(converted), &presentment.code),
        }))
    }

    pub(super) fn location(&self, code: &str) -> Option<Kind> {
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
    Agreement(View, usize),
    Refund(View, usize),
    Return(View, usize),
    Transaction(View, usize),
    /// An object whose fields were put together when it was made.
    Tree(&'static str, Rc<Tree>),
    Item(u64),
    /// What an item's level at a location shows.
    Level(u64, String),
    Adjustment(Rc<Group>),
    /// An entry of a plain list, or what hangs on one: the vendor charges for a list once, not for its entries.
    Entry(&'static str, Rc<Tree>),
    /// An object of leaves only.
    Record(&'static str, Value),
}

/// The fields of an object.
pub(super) type Tree = Vec<(&'static str, Branch)>;

/// What a field holds.
#[derive(Clone)]
pub(super) enum Branch {
    Leaf(Value),
    One(Option<Kind>),
    Many(Vec<Kind>),
    /// A connection of some type of object.
    Pages(&'static str, Vec<Kind>),
}

/// A page of a connection.
pub(super) struct Page {
    pub(super) items: Vec<(String, Kind)>,
    pub(super) has_next: bool,
    pub(super) has_previous: bool,
}

impl Page {
    fn cut(items: Vec<Kind>, arguments: &Value) -> Result<Self, FieldError> {
        let size = |name: &str| arguments.get(name).and_then(Value::as_u64);
        let (first, last) = (size("first"), size("last"));
        if first.is_none() && last.is_none() {
            return Err(failed("you must provide one of first or last"));
        }
        let mut all: Vec<(String, Kind)> =
            items.into_iter().enumerate().map(|(at, kind)| (kind.cursor(at), kind)).collect();
        if arguments.get("reverse").and_then(Value::as_bool) == Some(true) {
            all.reverse();
        }
        let place = |name: &str| {
            let cursor = arguments.get(name)?.as_str()?;
            all.iter().position(|(at, _)| at == cursor)
        };
        let from = place("after").map_or(0, |index| index + 1);
        let to = place("before").unwrap_or(all.len()).max(from);
        let width = |size: Option<u64>| size.and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX);
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
    fn cursor(&self, at: usize) -> String {
        if let Self::Order(view) = self { format!("order-{}", view.order.id) } else { format!("at-{at}") }
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
            Kind::Agreement(view, at) => {
                view.order.agreements.get(*at).map_or("OrderAgreement", |it| ledger_fields::agreement_kind(it.why).0)
            }
            Kind::Refund(..) => "Refund",
            Kind::Return(..) => "Return",
            Kind::Transaction(..) => "OrderTransaction",
            Kind::Item(_) => "InventoryItem",
            Kind::Level(..) => "InventoryLevel",
            Kind::Adjustment(_) => "InventoryAdjustmentGroup",
            Kind::Tree(type_name, _) | Kind::Entry(type_name, _) => type_name,
            Kind::Record(type_name, _) => type_name,
        }
    }

    fn resolve_field<'a>(&'a self, info: &'a ResolveInfo<'a>) -> Answer<'a> {
        let (desk, field) = (self.desk, info.field_name());
        let grown = |branch: Option<Branch>| branch.map(|branch| ledger_fields::answer(desk, &branch, info));
        let answer = match &self.kind {
            Kind::Order(view) => order_field(desk, view, info),
            Kind::LineItem(view, index) => line_field(desk, view, *index, field).transpose(),
            Kind::FulfillmentOrder(view, index) => part_field(desk, (view, *index), info),
            Kind::AssignedLocation(view, code) => location_field(desk, view, code, field).transpose(),
            Kind::FulfillmentOrderLine(view, part, index) => {
                part_line_field(desk, (view, *part, *index), field).transpose()
            }
            Kind::Fulfillment(view, index) => fulfillment_field(desk, (view, *index), info),
            Kind::FulfillmentLine(view, fulfillment, index) => {
                fulfilled_line_field(desk, (view, *fulfillment, *index), field).transpose()
            }
            Kind::FulfillmentCreatePayload(outcome) => payload_field(desk, outcome, field).transpose(),
            Kind::MoneyBag(moneys) => moneys.get(field).map(|money| Ok(desk.record("MoneyV2", money.clone()))),
            Kind::Connection(of, page) => connection_field(desk, of, page, field).transpose(),
            Kind::Edge(_, edge) => edge_field(desk, edge, field).transpose(),
            Kind::Record(_, fields) => fields.get(field).map(|value| Ok(leaf(value.clone()))),
            Kind::Agreement(view, at) => grown(ledger_fields::agreement(view, *at, field)),
            Kind::Refund(view, at) => grown(ledger_fields::refund(view, *at, field)),
            Kind::Return(view, at) => grown(ledger_fields::one_return(view, *at, info)),
            Kind::Transaction(view, at) => grown(ledger_fields::transaction(view, *at, field)),
            Kind::Item(id) => grown(stock_fields::item_field(desk, *id, info)),
            Kind::Level(item, code) => grown(stock_fields::level_field(desk, (*item, code), info)),
            Kind::Adjustment(group) => grown(stock_fields::group_field(desk, group, info)),
            Kind::Tree(_, fields) | Kind::Entry(_, fields) => {
                grown(fields.iter().find(|(name, _)| *name == field).map(|(_, branch)| branch.clone()))
            }
        };
        answer.unwrap_or_else(|| Err(self.unknown_field_error(info)))
    }
}

/// The engine tells a list of scalars from a scalar that is a list.
pub(super) fn leaf<'a>(value: Value) -> ResolvedValue<'a> {
    match value {
        Value::Array(items) => ResolvedValue::list(items.into_iter().map(leaf)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            ResolvedValue::leaf(value)
        }
    }
}

pub(super) fn arguments(info: &ResolveInfo<'_>) -> Value {
    serde_json::to_value(info.arguments()).unwrap_or_default()
}

pub(super) fn required_gid(arguments: &Value, kind: &str) -> Result<u64, FieldError> {
    let given = arguments.get("id").and_then(Value::as_str).unwrap_or_default();
    gid_of(arguments.get("id"), kind).ok_or_else(|| failed(format!("Invalid id: {given}")))
}

/// GraphQL times are UTC to the second.
pub(super) fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

pub(super) fn failed(message: impl Into<String>) -> FieldError {
    FieldError { message: message.into() }
}

/// An index that leads nowhere would be a defect of this sandbox.
pub(super) fn lost() -> FieldError {
    failed("Internal error. Looks like something went wrong on our end.")
}
