//! The fields of an order that its webhook tells as well, for whoever reads it whole.

use std::rc::Rc;

use serde_json::json;

use super::ledger_fields::shipping_line;
use super::nodes::{Branch, Kind, Tree, View};
use super::template::Address;

/// A shop of this sandbox charges no duties and no fees, and rounds nothing.
pub(super) fn order_branch(view: &View, field: &str) -> Option<Branch> {
    let order = &view.order;
    Some(match field {
        "phone" => Branch::Leaf(json!(null)),
        "dutiesIncluded" => Branch::Leaf(json!(false)),
        "currentTotalDutiesSet"
        | "originalTotalDutiesSet"
        | "currentTotalAdditionalFeesSet"
        | "originalTotalAdditionalFeesSet" => Branch::One(None),
        "totalCashRoundingAdjustment" => {
            let nothing = || Branch::One(Some(view.money(0)));
            let fields: Tree = vec![("paymentSet", nothing()), ("refundSet", nothing())];
            Branch::One(Some(Kind::Tree("CashRoundingAdjustment", Rc::new(fields))))
        }
        "customAttributes" => Branch::Many(
            order
                .attributes
                .iter()
                .map(|(name, value)| Kind::Record("Attribute", json!({ "key": name, "value": value })))
                .collect(),
        ),
        "shippingAddress" => Branch::One(order.shipping_address.as_ref().map(address)),
        "shippingLines" => Branch::Pages("ShippingLine", vec![shipping_line(view)]),
        _ => return None,
    })
}

fn address(address: &Address) -> Kind {
    let fields = json!({
        "name": address.name(),
        "firstName": address.first_name,
        "lastName": address.last_name,
        "company": address.company,
        "address1": address.address1,
        "address2": address.address2,
        "city": address.city,
        "provinceCode": address.province_code,
        "zip": address.zip,
        "countryCodeV2": address.country_code,
        "phone": address.phone,
    });
    Kind::Record("MailingAddress", fields)
}

/// What discounts have taken off a line.
pub(super) fn discount_allocations(view: &View, discounts: &[(usize, i64)]) -> Vec<Kind> {
    let allocation = |(_, minor): &(usize, i64)| {
        let fields: Tree = vec![("allocatedAmountSet", Branch::One(Some(view.money(*minor))))];
        Kind::Tree("DiscountAllocation", Rc::new(fields))
    };
    discounts.iter().map(allocation).collect()
}
