//! Reading `POST /order`: the model's rules (400, by field), then the warehouse's (422).

use std::collections::BTreeMap;

use serde_json::Value;

/// Messages by field, as the vendor answers 400.
pub(super) type FieldErrors = BTreeMap<String, Vec<String>>;

/// An order as it was asked for.
#[derive(Debug, Clone)]
pub(super) struct OrderRequest {
    pub(super) reference_id: String,
    pub(super) order_number: String,
    pub(super) shipping_method: String,
    pub(super) kind: String,
    pub(super) location_id: Option<i64>,
    pub(super) products: Vec<RequestedProduct>,
    /// Kept as sent: it is given back in every answer.
    pub(super) recipient: Value,
    /// The rest of the body that the vendor keeps for the merchant.
    pub(super) kept: BTreeMap<&'static str, Value>,
}

#[derive(Debug, Clone)]
pub(super) struct RequestedProduct {
    pub(super) key: ProductKey,
    pub(super) name: Option<String>,
    pub(super) sku: Option<String>,
    pub(super) quantity: i64,
    pub(super) external_line_id: Value,
    pub(super) unit_price: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ProductKey {
    Reference(String),
    Id(i64),
}

const KEPT: [&str; 5] = ["gift_message", "purchase_date", "financials", "tags", "shipping_terms"];
/// The lengths that the published model states.
const LONGEST_REFERENCE: usize = 300;
const LONGEST_ORDER_NUMBER: usize = 400;
const LONGEST_NAME: usize = 300;

struct Form<'b> {
    body: &'b Value,
    errors: FieldErrors,
}

impl OrderRequest {
    pub(super) fn read(body: &Value) -> Result<Self, FieldErrors> {
        let mut form = Form { body, errors: FieldErrors::new() };
        let reference_id = form.text("reference_id", LONGEST_REFERENCE);
        let shipping_method = form.text("shipping_method", usize::MAX);
        let kind = form.kind();
        let location_id = form.location();
        let order_number = form.order_number(&reference_id);
        let products = form.products();
        let recipient = form.recipient();
        if !form.errors.is_empty() {
            return Err(form.errors);
        }
        let kept = KEPT.iter().map(|name| (*name, body.get(name).cloned().unwrap_or(Value::Null)));
        Ok(Self {
            reference_id,
            order_number,
            shipping_method,
            kind,
            location_id,
            products,
            recipient,
            kept: kept.collect(),
        })
    }

    /// Why no parcel could be sent there; none when one could.
    pub(super) fn address_problem(&self) -> Option<&'static str> {
        let address = self.recipient.get("address")?;
        let part = |name: &str| address.get(name).and_then(Value::as_str).unwrap_or_default().trim();
        let zip = part("zip_code");
        if part("city").is_empty() {
            Some("Recipient address is invalid: City is missing")
        } else if !zip.is_empty() && zip.chars().all(|digit| digit == '0') {
            Some("Recipient address is invalid: Zip code does not exist")
        } else if part("country").len() != 2 {
            Some("Recipient address is invalid: Country is not an ISO 3166-1 alpha-2 code")
        } else {
            None
        }
    }
}

impl Form<'_> {
    fn fail(&mut self, field: &str, message: impl Into<String>) {
        self.errors.entry(field.to_owned()).or_default().push(message.into());
    }

    fn require(&mut self, field: &str, value: Option<&Value>) -> String {
        let text = value.and_then(Value::as_str).map(str::trim).unwrap_or_default().to_owned();
        if text.is_empty() {
            self.fail(field, format!("The {field} field is required."));
        }
        text
    }

    fn limit(&mut self, field: &str, text: &str, longest: usize) {
        if text.chars().count() > longest {
            self.fail(field, format!("The field {field} must be a string with a maximum length of {longest}."));
        }
    }

    fn text(&mut self, field: &str, longest: usize) -> String {
        let text = self.require(field, self.body.get(field));
        self.limit(field, &text, longest);
        text
    }

    fn kind(&mut self) -> String {
        let kind = self.require("type", self.body.get("type"));
        if !kind.is_empty() && !["DTC", "DropShip", "B2B"].contains(&kind.as_str()) {
            self.fail("type", format!("The value '{kind}' is not valid for type."));
        }
        kind
    }

    fn location(&mut self) -> Option<i64> {
        let given = self.body.get("location_id").filter(|value| !value.is_null())?;
        if given.as_i64().is_none() {
            self.fail("location_id", "The JSON value could not be converted to an integer.");
        }
        given.as_i64()
    }

    fn order_number(&mut self, reference_id: &str) -> String {
        let given = self.body.get("order_number").and_then(Value::as_str).unwrap_or(reference_id);
        self.limit("order_number", given, LONGEST_ORDER_NUMBER);
        given.to_owned()
    }

    fn products(&mut self) -> Vec<RequestedProduct> {
        let given = self.body.get("products").and_then(Value::as_array);
        let Some(products) = given.filter(|products| !products.is_empty()) else {
            self.fail("products", "The products field is required.");
            return Vec::new();
        };
        let read = products.iter().enumerate();
        read.filter_map(|(index, product)| self.product(index, product)).collect()
    }

    fn product(&mut self, index: usize, product: &Value) -> Option<RequestedProduct> {
        let text = |name: &str| product.get(name).and_then(Value::as_str).map(str::to_owned);
        let quantity = product.get("quantity").and_then(Value::as_i64);
        let in_range = quantity.filter(|quantity| (1..=i64::from(i32::MAX)).contains(quantity));
        if in_range.is_none() {
            let field = format!("products[{index}].quantity");
            self.fail(&field, "The field quantity must be between 1 and 2147483647.");
        }
        let reference = text("reference_id").filter(|reference| !reference.is_empty());
        let id = product.get("id").and_then(Value::as_i64);
        let key = reference.map(ProductKey::Reference).or(id.map(ProductKey::Id));
        if key.is_none() {
            self.fail(&format!("products[{index}].reference_id"), "The reference_id field is required.");
        }
        Some(RequestedProduct {
            key: key?,
            name: text("name").filter(|name| !name.is_empty()),
            sku: text("sku"),
            quantity: in_range?,
            external_line_id: product.get("external_line_id").cloned().unwrap_or(Value::Null),
            unit_price: product.get("unit_price").cloned().unwrap_or(Value::Null),
        })
    }

    fn recipient(&mut self) -> Value {
        let recipient = self.body.get("recipient").cloned().unwrap_or(Value::Null);
        if !recipient.is_object() {
            self.fail("recipient", "The recipient field is required.");
            return recipient;
        }
        let name = self.require("recipient.name", recipient.get("name"));
        self.limit("recipient.name", &name, LONGEST_NAME);
        let address = recipient.get("address").cloned().unwrap_or(Value::Null);
        if address.is_object() {
            self.require("recipient.address.address1", address.get("address1"));
            self.require("recipient.address.country", address.get("country"));
        } else {
            self.fail("recipient.address", "The address field is required.");
        }
        recipient
    }
}
