//! The bodies of webhooks: REST-shaped, money as strings, ids above 2^53, the shop's own offset in times.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::money::Currency;
use super::order::{AppliedValue, DiscountApplication, DiscountTarget, Fulfillment, Line, Order, Shipping, Tracking};
use super::reversals::refund;
use super::template::Address;

/// What the shop's settings add to a body.
#[derive(Debug, Clone)]
pub(super) struct Letterhead {
    pub(super) shop_domain: String,
    pub(super) time_zone: TimeZone,
    /// Location codes and their ids.
    pub(super) locations: Vec<(String, u64)>,
}

impl Letterhead {
    pub(super) fn time(&self, at: Timestamp) -> String {
        at.to_zoned_datetime(self.time_zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    pub(super) fn location_id(&self, code: &str) -> Option<u64> {
        let known = self.locations.iter().find(|(name, _)| name == code);
        known.map(|(_, id)| *id)
    }
}

pub(super) fn gid(kind: &str, id: u64) -> String {
    format!("gid://shopify/{kind}/{id}")
}

/// The body of `orders/*`.
pub(super) fn order(order: &Order, letterhead: &Letterhead) -> Value {
    let mut body = Map::new();
    for part in [
        identity(order, letterhead),
        circumstances(order),
        people(order, letterhead),
        totals(order),
        current_totals(order),
        contents(order, letterhead),
    ] {
        if let Value::Object(fields) = part {
            body.extend(fields);
        }
    }
    Value::Object(body)
}

fn identity(order: &Order, letterhead: &Letterhead) -> Value {
    let created = letterhead.time(order.created_at);
    json!({
        "id": order.id,
        "admin_graphql_api_id": gid("Order", order.id),
        "app_id": 580_111,
        "name": order.name(),
        "number": order.number.saturating_sub(1000),
        "order_number": order.number,
        "token": order.token,
        "confirmation_number": order.token.get(..9).map(str::to_uppercase),
        "order_status_url": format!(
            "https://{}/orders/{}/authenticate?key={}", letterhead.shop_domain, order.token, order.id
        ),
        "created_at": created,
        "processed_at": created,
        "updated_at": letterhead.time(order.updated_at),
        "cancelled_at": order.cancelled_at.map(|at| letterhead.time(at)),
        "cancel_reason": order.cancel_reason,
        "closed_at": null,
        "confirmed": true,
        "test": order.test,
        "financial_status": order.financial_word(),
        "fulfillment_status": fulfillment_status(order),
        "payment_gateway_names": order.gateways(),
        "currency": order.currency.code,
        "presentment_currency": presentment(order).code,
        "taxes_included": order.taxes_included,
        "duties_included": false,
        "note": order.note,
        "tags": order.tags,
    })
}

fn fulfillment_status(order: &Order) -> Option<&'static str> {
    match order.display_fulfillment_status() {
        "FULFILLED" => Some("fulfilled"),
        "PARTIALLY_FULFILLED" => Some("partial"),
        _ => None,
    }
}

/// What a storefront knows about a visit, most of it nothing.
fn circumstances(order: &Order) -> Value {
    json!({
        "browser_ip": null,
        "buyer_accepts_marketing": false,
        "cart_token": null,
        "checkout_id": order.customer_id + 1,
        "checkout_token": order.token,
        "client_details": null,
        "customer_locale": "en-GB",
        "device_id": null,
        "estimated_taxes": false,
        "landing_site": "/",
        "landing_site_ref": null,
        "location_id": null,
        "merchant_business_entity_id": "MTU0ODM4MDAwOQ",
        "merchant_of_record_app_id": null,
        "note_attributes": order.attributes.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect::<Vec<_>>(),
        "payment_terms": null,
        "phone": null,
        "po_number": null,
        "reference": null,
        "referring_site": null,
        "source_identifier": null,
        "source_name": "web",
        "source_url": null,
        "tax_exempt": false,
        "user_id": null,
    })
}

fn people(order: &Order, letterhead: &Letterhead) -> Value {
    let email = order.email.clone().unwrap_or_default();
    json!({
        "email": email,
        "contact_email": order.email,
        "customer": order.email.as_ref().map(|_| customer(order, letterhead)),
        "shipping_address": order.shipping_address.as_ref().map(address),
        "billing_address": order.billing_address.as_ref().map(address),
    })
}

fn customer(order: &Order, letterhead: &Letterhead) -> Value {
    let address = order.shipping_address.as_ref().or(order.billing_address.as_ref());
    json!({
        "id": order.customer_id,
        "admin_graphql_api_id": gid("Customer", order.customer_id),
        "email": order.email,
        "first_name": address.and_then(|address| address.first_name.clone()),
        "last_name": address.and_then(|address| address.last_name.clone()),
        "created_at": letterhead.time(order.created_at),
        "updated_at": letterhead.time(order.updated_at),
        "state": "disabled",
        "note": null,
        "verified_email": true,
        "multipass_identifier": null,
        "tax_exempt": false,
        "tax_exemptions": [],
        "phone": null,
        "tags": "",
        "currency": order.currency.code,
        "email_marketing_consent": {
            "state": "not_subscribed", "opt_in_level": "single_opt_in", "consent_updated_at": null,
        },
        "sms_marketing_consent": null,
        "default_address": address.map(|address| default_address(order, address)),
    })
}

fn default_address(order: &Order, shown: &Address) -> Value {
    let mut body = address(shown);
    if let Value::Object(fields) = &mut body {
        fields.insert("id".to_owned(), json!(order.customer_id + 2));
        fields.insert("customer_id".to_owned(), json!(order.customer_id));
        fields.insert("country_name".to_owned(), json!(shown.country));
        fields.insert("default".to_owned(), json!(true));
    }
    body
}

fn address(address: &Address) -> Value {
    json!({
        "first_name": address.first_name,
        "last_name": address.last_name,
        "name": address.name(),
        "company": address.company,
        "address1": address.address1,
        "address2": address.address2,
        "city": address.city,
        "province": address.province,
        "province_code": address.province_code,
        "zip": address.zip,
        "country": address.country,
        "country_code": address.country_code,
        "phone": address.phone,
        "latitude": null,
        "longitude": null,
    })
}

fn totals(order: &Order) -> Value {
    let mut body = Map::new();
    for (name, minor) in [
        ("subtotal_price", order.subtotal()),
        ("total_discounts", order.total_discounts()),
        ("total_line_items_price", order.total_line_items()),
        ("total_price", order.total()),
        ("total_tax", order.total_tax()),
    ] {
        priced(&mut body, order, name, minor);
    }
    for (name, minor) in [
        ("total_shipping_price_set", order.shipping.price),
        ("total_cash_rounding_payment_adjustment_set", 0),
        ("total_cash_rounding_refund_adjustment_set", 0),
    ] {
        body.insert(name.to_owned(), money_set(order, minor));
    }
    let text = |minor| Value::String(order.currency.text(minor));
    body.insert("total_outstanding".to_owned(), text(order.outstanding()));
    body.insert("total_tip_received".to_owned(), text(0));
    let grams: i64 = order.lines.iter().map(|line| i64::from(line.grams) * line.quantity).sum();
    body.insert("total_weight".to_owned(), json!(grams));
    body.insert("original_total_additional_fees_set".to_owned(), Value::Null);
    body.insert("original_total_duties_set".to_owned(), Value::Null);
    Value::Object(body)
}

/// What is left of the order after edits, refunds and returns.
fn current_totals(order: &Order) -> Value {
    let lines = order.current_lines();
    let mut body = Map::new();
    for (name, minor) in [
        ("current_subtotal_price", lines.price),
        ("current_total_discounts", lines.discount + order.shipping_left.discount),
        ("current_total_price", order.current_total()),
        ("current_total_tax", order.current_tax()),
    ] {
        priced(&mut body, order, name, minor);
    }
    let shipping = money_set(order, order.shipping_left.price + order.shipping_left.discount);
    body.insert("current_shipping_price_set".to_owned(), shipping);
    body.insert("current_total_additional_fees_set".to_owned(), Value::Null);
    body.insert("current_total_duties_set".to_owned(), Value::Null);
    Value::Object(body)
}

/// Puts `name` and `name_set` into a body.
fn priced(body: &mut Map<String, Value>, order: &Order, name: &str, minor: i64) {
    body.insert(name.to_owned(), Value::String(order.currency.text(minor)));
    body.insert(format!("{name}_set"), money_set(order, minor));
}

pub(super) fn money_set(order: &Order, minor: i64) -> Value {
    let (presentment, converted) = presented(order, minor);
    json!({
        "shop_money": { "amount": order.currency.text(minor), "currency_code": order.currency.code },
        "presentment_money": { "amount": presentment.text(converted), "currency_code": presentment.code },
    })
}

pub(super) fn presentment(order: &Order) -> &Currency {
    order.presentment.as_ref().map_or(&order.currency, |(currency, _)| currency)
}

/// An amount as the customer saw it.
pub(super) fn presented(order: &Order, minor: i64) -> (&Currency, i64) {
    match &order.presentment {
        None => (&order.currency, minor),
        Some((currency, factor)) => (currency, order.currency.convert(minor, currency, factor.0)),
    }
}

fn contents(order: &Order, letterhead: &Letterhead) -> Value {
    let lines = order.lines.iter().enumerate();
    json!({
        "line_items": lines.map(|(index, line)| line_item(order, index, line)).collect::<Vec<_>>(),
        "shipping_lines": [shipping_line(order, &order.shipping)],
        "tax_lines": order_tax_lines(order),
        "discount_applications": order.discounts.iter().map(|it| discount_application(order, it)).collect::<Vec<_>>(),
        "discount_codes": discount_codes(order),
        "fulfillments": order.fulfillments.iter().enumerate()
            .map(|(index, it)| fulfillment(order, index, it, letterhead)).collect::<Vec<_>>(),
        "refunds": order.refunds.iter().map(|it| refund(order, it, letterhead)).collect::<Vec<_>>(),
        "returns": order.returns.iter().map(|it| json!({
            "id": it.id, "admin_graphql_api_id": gid("Return", it.id), "name": it.name, "status": it.status.word(),
        })).collect::<Vec<_>>(),
    })
}

pub(super) fn line_item(order: &Order, index: usize, line: &Line) -> Value {
    let fulfilled = order.fulfilled_quantity(index);
    let open = order.open_units(index);
    let mut body = json!({
        "id": line.id,
        "admin_graphql_api_id": gid("LineItem", line.id),
        "attributed_staffs": [],
        "current_quantity": line.current,
        "discount_allocations": discount_allocations(order, &line.discounts),
        "duties": [],
        "fulfillable_quantity": if line.requires_shipping { open } else { 0 },
        "fulfillment_service": "manual",
        "fulfillment_status": line_fulfillment_status(fulfilled, open),
        "gift_card": line.gift_card,
        "grams": line.grams,
        "name": line.title,
        "product_exists": line.sku.is_some(),
        "product_id": line.sku.as_deref().map(|sku| catalogue_id(PRODUCT_IDS, sku)),
        "properties": [],
        "quantity": line.quantity,
        "requires_shipping": line.requires_shipping,
        "sku": line.sku,
        "tax_lines": tax_lines(order, line.tax),
        "taxable": line.taxable,
        "title": line.title,
        "variant_id": line.sku.as_deref().map(|sku| catalogue_id(VARIANT_IDS, sku)),
        "variant_inventory_management": line.sku.as_ref().map(|_| "shopify"),
        "variant_title": null,
        "vendor": null,
    });
    if let Value::Object(fields) = &mut body {
        fields.insert("price".to_owned(), Value::String(order.currency.text(line.unit_price)));
        fields.insert("price_set".to_owned(), money_set(order, line.unit_price));
        // Discounts that came by code or by the shop are in the allocations; this field counts no others.
        priced(fields, order, "total_discount", 0);
    }
    body
}

const PRODUCT_IDS: u64 = 7_513_594_000_000;
const VARIANT_IDS: u64 = 42_511_800_000_000;

/// The same id whenever the SKU is sold (FNV-1a; collisions would do no harm).
fn catalogue_id(from: u64, sku: &str) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    from + sku.bytes().fold(0xcbf2_9ce4_8422_2325, mix) % 1_000_000_000
}

fn line_fulfillment_status(fulfilled: i64, open: i64) -> Option<&'static str> {
    match (fulfilled, open) {
        (0, _) => None,
        (_, 0) => Some("fulfilled"),
        _ => Some("partial"),
    }
}

fn shipping_line(order: &Order, shipping: &Shipping) -> Value {
    let mut body = json!({
        "id": shipping.id,
        "carrier_identifier": null,
        "code": shipping.title,
        "discount_allocations": discount_allocations(order, &shipping.discounts),
        "is_removed": false,
        "phone": null,
        "requested_fulfillment_service_id": null,
        "source": "shopify",
        "tax_lines": tax_lines(order, shipping.tax),
        "title": shipping.title,
    });
    if let Value::Object(fields) = &mut body {
        priced(fields, order, "price", shipping.price);
        priced(fields, order, "discounted_price", shipping.net());
    }
    body
}

fn tax_lines(order: &Order, tax: Option<i64>) -> Vec<Value> {
    tax.map(|minor| tax_line(order, minor)).into_iter().collect()
}

fn order_tax_lines(order: &Order) -> Vec<Value> {
    let is_taxed = order.shipping.tax.is_some() || order.lines.iter().any(|line| line.tax.is_some());
    tax_lines(order, is_taxed.then(|| order.total_tax()))
}

fn tax_line(order: &Order, minor: i64) -> Value {
    json!({
        "channel_liable": false,
        "price": order.currency.text(minor),
        "price_set": money_set(order, minor),
        // Rates are the one kind of decimal that the vendor writes as a JSON number.
        "rate": crate::json::number(order.tax_rate.0.normalize()),
        "title": order.tax_title,
    })
}

fn discount_allocations(order: &Order, discounts: &[(usize, i64)]) -> Vec<Value> {
    let allocation = |(application, minor): &(usize, i64)| {
        json!({
            "amount": order.currency.text(*minor),
            "amount_set": money_set(order, *minor),
            "discount_application_index": application,
        })
    };
    discounts.iter().map(allocation).collect()
}

fn discount_application(order: &Order, discount: &DiscountApplication) -> Value {
    let (value, value_type) = applied(order, discount.value);
    let (target_type, selection, method) = match discount.target {
        DiscountTarget::AllLines => ("line_item", "all", "across"),
        DiscountTarget::OneLine => ("line_item", "explicit", "each"),
        DiscountTarget::Shipping => ("shipping_line", "all", "each"),
    };
    let mut body = json!({
        "target_type": target_type,
        "type": if discount.code.is_some() { "discount_code" } else { "manual" },
        "value": value,
        "value_type": value_type,
        "allocation_method": method,
        "target_selection": selection,
    });
    if let (Value::Object(fields), Some(code)) = (&mut body, &discount.code) {
        fields.insert("code".to_owned(), Value::String(code.clone()));
    }
    body
}

fn applied(order: &Order, value: AppliedValue) -> (String, &'static str) {
    match value {
        AppliedValue::Fixed(minor) => (order.currency.text(minor), "fixed_amount"),
        AppliedValue::Percentage(percentage) => (percentage.to_string(), "percentage"),
    }
}

/// A code shows what it took off, not what it was worth.
fn discount_codes(order: &Order) -> Vec<Value> {
    let mut codes = Vec::new();
    for (index, discount) in order.discounts.iter().enumerate() {
        if let Some(code) = &discount.code {
            let (_, value_type) = applied(order, discount.value);
            let amount = order.currency.text(order.taken_off_by(index));
            codes.push(json!({ "code": code, "amount": amount, "type": value_type }));
        }
    }
    codes
}

/// The body of `fulfillments/*`, also part of an order's.
pub(super) fn fulfillment(order: &Order, index: usize, fulfillment: &Fulfillment, letterhead: &Letterhead) -> Value {
    let at = letterhead.time(fulfillment.created_at);
    let first: Option<&Tracking> = fulfillment.tracking.first();
    let all = |part: fn(&Tracking) -> Option<&String>| -> Vec<String> {
        fulfillment.tracking.iter().filter_map(part).cloned().collect()
    };
    json!({
        "id": fulfillment.id,
        "admin_graphql_api_id": gid("Fulfillment", fulfillment.id),
        "created_at": at,
        "updated_at": at,
        "location_id": letterhead.location_id(&fulfillment.location),
        "name": format!("{}.{}", order.name(), index + 1),
        "order_id": order.id,
        "origin_address": {},
        "receipt": {},
        "service": "manual",
        "shipment_status": null,
        "status": "success",
        "tracking_company": first.and_then(|tracking| tracking.company.clone()),
        "tracking_number": first.and_then(|tracking| tracking.number.clone()),
        "tracking_numbers": all(|tracking| tracking.number.as_ref()),
        "tracking_url": first.and_then(|tracking| tracking.url.clone()),
        "tracking_urls": all(|tracking| tracking.url.as_ref()),
        "line_items": fulfilled_lines(order, fulfillment),
    })
}

/// The lines of a fulfilment carry the quantity that it ships.
fn fulfilled_lines(order: &Order, fulfillment: &Fulfillment) -> Vec<Value> {
    let shipped = fulfillment.lines.iter().filter_map(|shipped| {
        let line = order.lines.get(shipped.line)?;
        let mut body = line_item(order, shipped.line, line);
        if let Value::Object(fields) = &mut body {
            fields.insert("quantity".to_owned(), json!(shipped.quantity));
        }
        Some(body)
    });
    shipped.collect()
}
