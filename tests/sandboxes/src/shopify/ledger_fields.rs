//! The fields of what the ledger holds: agreements, sales, transactions, refunds, returns.

use std::rc::Rc;

use apollo_compiler::resolvers::ResolveInfo;
use serde_json::{Value, json};

use super::fulfillment::UserError;
use super::ledger::{AgreementKind, ExchangeLine, Return, ReturnLine, Sale, SaleOf};
use super::nodes::{Answer, Branch, Desk, Kind, Tree, View, arguments, instant, leaf};
use super::order::Order;
use super::payload::gid;
use super::returning::Chosen;
use super::whole_fields::{discount_allocations, order_branch};

/// The fields of an order that lead into its ledger.
pub(super) fn order_ledger(view: &View, info: &ResolveInfo<'_>) -> Option<Branch> {
    let order = &view.order;
    let first = arguments(info).get("first").and_then(Value::as_u64).and_then(|first| usize::try_from(first).ok());
    let width = first.unwrap_or(usize::MAX);
    let all =
        |count: usize, kind: fn(View, usize) -> Kind| (0..count).map(|at| kind(view.clone(), at)).collect::<Vec<_>>();
    Some(match info.field_name() {
        "agreements" => Branch::Pages("SalesAgreement", all(order.agreements.len(), Kind::Agreement)),
        "returns" => Branch::Pages("Return", all(order.returns.len(), Kind::Return)),
        "refunds" => Branch::Many(all(order.refunds.len().min(width), Kind::Refund)),
        "transactions" => Branch::Many(all(order.transactions.len().min(width), Kind::Transaction)),
        "shippingLine" => Branch::One(Some(shipping_line(view))),
        name => return order_branch(view, name),
    })
}

pub(super) fn agreement(view: &View, index: usize, field: &str) -> Option<Branch> {
    let order = &view.order;
    let agreement = order.agreements.get(index)?;
    let (kind, reason) = agreement_kind(agreement.why);
    Some(match field {
        "id" => Branch::Leaf(json!(gid(kind, agreement.id))),
        "happenedAt" => Branch::Leaf(json!(instant(agreement.at))),
        "reason" => Branch::Leaf(json!(reason)),
        "order" => Branch::One(Some(Kind::Order(view.clone()))),
        "refund" => Branch::One(match agreement.why {
            AgreementKind::Refund(id) => refund_at(order, id).map(|at| Kind::Refund(view.clone(), at)),
            AgreementKind::Order | AgreementKind::Edit | AgreementKind::Return(_) => None,
        }),
        "return" => Branch::One(match agreement.why {
            AgreementKind::Return(id) => return_at(order, id).map(|at| Kind::Return(view.clone(), at)),
            AgreementKind::Order | AgreementKind::Edit | AgreementKind::Refund(_) => None,
        }),
        "sales" => Branch::Pages("Sale", agreement.sales.iter().map(|it| sale(view, it)).collect()),
        _ => return None,
    })
}

/// The name of its type, and why it was made.
pub(super) fn agreement_kind(why: AgreementKind) -> (&'static str, &'static str) {
    match why {
        AgreementKind::Order => ("OrderAgreement", "ORDER"),
        AgreementKind::Edit => ("OrderEditAgreement", "ORDER_EDIT"),
        AgreementKind::Refund(_) => ("RefundAgreement", "REFUND"),
        AgreementKind::Return(_) => ("ReturnAgreement", "RETURN"),
    }
}

pub(super) fn refund_at(order: &Order, id: u64) -> Option<usize> {
    order.refunds.iter().position(|it| it.id == id)
}

pub(super) fn return_at(order: &Order, id: u64) -> Option<usize> {
    order.returns.iter().position(|it| it.id == id)
}

fn money(view: &View, minor: i64) -> Branch {
    Branch::One(Some(view.money(minor)))
}

fn sale(view: &View, sale: &Sale) -> Kind {
    let order = &view.order;
    let (type_name, line_type) = match sale.of {
        SaleOf::Line(index) if order.lines.get(index).is_some_and(|line| line.gift_card) => {
            ("GiftCardSale", "GIFT_CARD")
        }
        SaleOf::Line(_) => ("ProductSale", "PRODUCT"),
        SaleOf::Shipping => ("ShippingLineSale", "SHIPPING"),
        SaleOf::Adjustment => ("AdjustmentSale", "ADJUSTMENT"),
    };
    let tax = sale.shares.tax;
    let taxes = if tax == 0 { Vec::new() } else { vec![sale_tax(view, sale)] };
    let mut fields: Tree = vec![
        ("id", Branch::Leaf(json!(gid(type_name, sale.id)))),
        ("actionType", Branch::Leaf(json!(if sale.is_return() { "RETURN" } else { "ORDER" }))),
        ("lineType", Branch::Leaf(json!(line_type))),
        ("quantity", Branch::Leaf(json!(sale.quantity))),
        ("taxes", Branch::Many(taxes)),
        ("totalAmount", money(view, sale.shares.total(order.taxes_included))),
        ("totalTaxAmount", money(view, tax)),
        ("totalDiscountAmountBeforeTaxes", money(view, sale.shares.discount)),
        ("totalDiscountAmountAfterTaxes", money(view, sale.shares.discount)),
    ];
    match sale.of {
        SaleOf::Line(index) => fields.push(("lineItem", Branch::One(Some(Kind::LineItem(view.clone(), index))))),
        SaleOf::Shipping => fields.push(("shippingLine", Branch::One(Some(shipping_line(view))))),
        SaleOf::Adjustment => {}
    }
    Kind::Tree(type_name, Rc::new(fields))
}

fn sale_tax(view: &View, sale: &Sale) -> Kind {
    let fields: Tree = vec![
        ("id", Branch::Leaf(json!(gid("SaleTax", sale.id)))),
        ("amount", money(view, sale.shares.tax)),
        ("taxLine", Branch::One(Some(tax_line(view, sale.shares.tax)))),
    ];
    Kind::Tree("SaleTax", Rc::new(fields))
}

pub(super) fn tax_line(view: &View, minor: i64) -> Kind {
    let fields: Tree = vec![
        ("title", Branch::Leaf(json!(view.order.tax_title))),
        ("rate", Branch::Leaf(crate::json::number(view.order.tax_rate.0.normalize()))),
        ("channelLiable", Branch::Leaf(json!(false))),
        ("priceSet", money(view, minor)),
    ];
    Kind::Tree("TaxLine", Rc::new(fields))
}

pub(super) fn shipping_line(view: &View) -> Kind {
    let shipping = &view.order.shipping;
    let fields: Tree = vec![
        ("id", Branch::Leaf(json!(gid("ShippingLine", shipping.id)))),
        ("title", Branch::Leaf(json!(shipping.title))),
        ("code", Branch::Leaf(json!(shipping.title))),
        ("originalPriceSet", money(view, shipping.price)),
        ("discountedPriceSet", money(view, shipping.net())),
        ("discountAllocations", Branch::Many(discount_allocations(view, &shipping.discounts))),
        ("isRemoved", Branch::Leaf(json!(false))),
        ("taxLines", Branch::Many(shipping.tax.map(|minor| tax_line(view, minor)).into_iter().collect())),
    ];
    Kind::Tree("ShippingLine", Rc::new(fields))
}

pub(super) fn transaction(view: &View, index: usize, field: &str) -> Option<Branch> {
    let order = &view.order;
    let transaction = order.transactions.get(index)?;
    let parent = || order.transactions.iter().position(|it| Some(it.id) == transaction.parent);
    Some(match field {
        "id" => Branch::Leaf(json!(gid("OrderTransaction", transaction.id))),
        "kind" => Branch::Leaf(json!(transaction.kind.word().to_ascii_uppercase())),
        "status" => Branch::Leaf(json!(transaction.status.word().to_ascii_uppercase())),
        "gateway" => Branch::Leaf(json!(transaction.gateway)),
        "createdAt" => Branch::Leaf(json!(instant(transaction.created_at))),
        "test" => Branch::Leaf(json!(order.test)),
        "amountSet" => Branch::One(Some(view.money_pair(transaction.amount, transaction.presented))),
        "parentTransaction" => Branch::One(parent().map(|at| Kind::Transaction(view.clone(), at))),
        _ => return None,
    })
}

pub(super) fn refund(view: &View, index: usize, field: &str) -> Option<Branch> {
    let order = &view.order;
    let refund = order.refunds.get(index)?;
    let paid = || order.transactions.iter().enumerate().filter(|(_, it)| it.refund == Some(refund.id));
    Some(match field {
        "id" => Branch::Leaf(json!(gid("Refund", refund.id))),
        "legacyResourceId" => Branch::Leaf(json!(refund.id.to_string())),
        "createdAt" | "processedAt" | "updatedAt" => Branch::Leaf(json!(instant(refund.created_at))),
        "note" => Branch::Leaf(json!(refund.note)),
        "order" => Branch::One(Some(Kind::Order(view.clone()))),
        "return" => {
            let at = refund.return_id.and_then(|id| return_at(order, id));
            Branch::One(at.map(|at| Kind::Return(view.clone(), at)))
        }
        "totalRefundedSet" => {
            let (minor, presented) = paid().fold((0, 0), |sum, (_, it)| (sum.0 + it.amount, sum.1 + it.presented));
            Branch::One(Some(view.money_pair(minor, presented)))
        }
        "transactions" => {
            Branch::Pages("OrderTransaction", paid().map(|(at, _)| Kind::Transaction(view.clone(), at)).collect())
        }
        "refundLineItems" => Branch::Pages("RefundLineItem", refund_lines(view, index)),
        _ => return None,
    })
}

fn refund_lines(view: &View, index: usize) -> Vec<Kind> {
    let lines = view.order.refunds.get(index).map(|refund| refund.lines.as_slice()).unwrap_or_default();
    let line = |line: &super::ledger::RefundLine| {
        let fields: Tree = vec![
            ("id", Branch::Leaf(json!(gid("RefundLineItem", line.id)))),
            ("quantity", Branch::Leaf(json!(line.quantity))),
            ("restockType", Branch::Leaf(json!(line.restock.word().to_ascii_uppercase()))),
            ("restocked", Branch::Leaf(json!(line.restock.restocks()))),
            ("subtotalSet", money(view, line.shares.price)),
            ("totalTaxSet", money(view, line.shares.tax)),
            ("lineItem", Branch::One(Some(Kind::LineItem(view.clone(), line.line)))),
        ];
        Kind::Tree("RefundLineItem", Rc::new(fields))
    };
    lines.iter().map(line).collect()
}

pub(super) fn one_return(view: &View, index: usize, info: &ResolveInfo<'_>) -> Option<Branch> {
    let order = &view.order;
    let of = order.returns.get(index)?;
    Some(match info.field_name() {
        "id" => Branch::Leaf(json!(gid("Return", of.id))),
        "name" => Branch::Leaf(json!(of.name)),
        "status" => Branch::Leaf(json!(of.status.word().to_ascii_uppercase())),
        "createdAt" => Branch::Leaf(json!(instant(of.created_at))),
        "closedAt" => Branch::Leaf(json!(of.closed_at.map(instant))),
        "totalQuantity" => Branch::Leaf(json!(of.lines.iter().map(|line| line.quantity).sum::<i64>())),
        "order" => Branch::One(Some(Kind::Order(view.clone()))),
        "refunds" => {
            let ours = order.refunds.iter().enumerate().filter(|(_, it)| it.return_id == Some(of.id));
            Branch::Pages("Refund", ours.map(|(at, _)| Kind::Refund(view.clone(), at)).collect())
        }
        "returnLineItems" => {
            Branch::Pages("ReturnLineItemType", of.lines.iter().map(|line| return_line(view, line)).collect())
        }
        "exchangeLineItems" => {
            Branch::Pages("ExchangeLineItem", of.exchange.iter().map(|line| exchange_line(view, line)).collect())
        }
        "suggestedFinancialOutcome" => suggested_outcome(view, of, &arguments(info)),
        _ => return None,
    })
}

/// What the chosen lines of a return come to: a refund, an invoice, or neither. Null where one of them is not left.
fn suggested_outcome(view: &View, of: &Return, arguments: &Value) -> Branch {
    let Some(outcome) = view.order.outcome_of(of, &Chosen::read(arguments)) else { return Branch::One(None) };
    let transfer = |type_name, minor| Kind::Tree(type_name, Rc::new(vec![("amount", money(view, minor))]));
    let transfer = match outcome {
        0 => None,
        1.. => Some(transfer("RefundReturnOutcome", outcome)),
        _ => Some(transfer("InvoiceReturnOutcome", -outcome)),
    };
    let fields: Tree = vec![("financialTransfer", Branch::One(transfer))];
    Branch::One(Some(Kind::Tree("SuggestedReturnFinancialOutcome", Rc::new(fields))))
}

fn return_line(view: &View, line: &ReturnLine) -> Kind {
    let (fulfillment, inner) = line.fulfilled;
    let left = line.quantity - line.processed;
    let reason = Kind::Record(
        "ReturnReasonDefinition",
        json!({
            "id": gid("ReturnReasonDefinition", line.id), "deleted": false, "name": line.reason,
            "handle": line.reason.to_ascii_lowercase().replace('_', "-"),
        }),
    );
    let fields: Tree = vec![
        ("id", Branch::Leaf(json!(gid("ReturnLineItem", line.id)))),
        ("quantity", Branch::Leaf(json!(line.quantity))),
        ("processedQuantity", Branch::Leaf(json!(line.processed))),
        ("processableQuantity", Branch::Leaf(json!(left))),
        ("unprocessedQuantity", Branch::Leaf(json!(left))),
        ("refundedQuantity", Branch::Leaf(json!(line.processed))),
        ("refundableQuantity", Branch::Leaf(json!(left))),
        ("returnReasonNote", Branch::Leaf(json!(""))),
        ("returnReasonDefinition", Branch::One(Some(reason))),
        ("fulfillmentLineItem", Branch::One(Some(Kind::FulfillmentLine(view.clone(), fulfillment, inner)))),
    ];
    Kind::Tree("ReturnLineItem", Rc::new(fields))
}

fn exchange_line(view: &View, line: &ExchangeLine) -> Kind {
    let (quantity, is_done) = (line.wanted.quantity, line.line.is_some());
    let (done, left) = if is_done { (quantity, 0) } else { (0, quantity) };
    let lines = line.line.map(|at| Kind::LineItem(view.clone(), at)).into_iter().collect();
    let fields: Tree = vec![
        ("id", Branch::Leaf(json!(gid("ExchangeLineItem", line.id)))),
        ("quantity", Branch::Leaf(json!(quantity))),
        ("processedQuantity", Branch::Leaf(json!(done))),
        ("processableQuantity", Branch::Leaf(json!(left))),
        ("unprocessedQuantity", Branch::Leaf(json!(left))),
        ("variantSku", Branch::Leaf(json!(line.wanted.sku))),
        ("lineItems", if is_done { Branch::Many(lines) } else { Branch::Leaf(Value::Null) }),
    ];
    Kind::Tree("ExchangeLineItem", Rc::new(fields))
}

/// Errors of a mutation, as objects of a type.
pub(super) fn errors(type_name: &'static str, error: Option<&UserError>) -> Branch {
    let object = |error: &UserError| {
        let code = if error.message.contains("does not exist") { "NOT_FOUND" } else { "INVALID" };
        Kind::Record(type_name, json!({ "field": error.field, "message": error.message, "code": code }))
    };
    Branch::Many(error.map(object).into_iter().collect())
}

/// Answers a branch.
pub(super) fn answer<'a>(desk: &'a Desk<'_>, branch: &Branch, info: &ResolveInfo<'_>) -> Answer<'a> {
    Ok(match branch {
        Branch::Leaf(value) => leaf(value.clone()),
        Branch::One(None) => leaf(Value::Null),
        Branch::One(Some(kind)) => desk.object(kind.clone()),
        Branch::Many(kinds) => desk.list(kinds.clone()),
        Branch::Pages(of, kinds) => return desk.connection(of, kinds.clone(), &arguments(info)),
    })
}
