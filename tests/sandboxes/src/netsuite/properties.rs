//! Which properties the records have. `X-NetSuite-PropertyNameValidation: Error` refuses any other;
//! without it a typo is dropped in silence, as the real service does.

use serde_json::{Map, Value};

use super::record::Kind;
use super::refusal::Refusal;

const CUSTOMER: &[&str] = &[
    "externalId",
    "entityId",
    "companyName",
    "isPerson",
    "firstName",
    "lastName",
    "email",
    "phone",
    "subsidiary",
    "currency",
    "comments",
    "category",
    "terms",
    "addressBook",
    "currencyList",
    "isInactive",
    "vatRegNumber",
    "receivablesAccount",
    "taxItem",
    "url",
    "language",
    "entityStatus",
];
const TRANSACTION: &[&str] = &[
    "externalId",
    "customForm",
    "tranDate",
    "tranId",
    "memo",
    "currency",
    "exchangeRate",
    "subsidiary",
    "location",
    "department",
    "class",
    "postingPeriod",
];
const SALE: &[&str] = &[
    "entity",
    "otherRefNum",
    "email",
    "orderStatus",
    "shipMethod",
    "shipDate",
    "shippingCost",
    "shippingAddress",
    "billingAddress",
    "terms",
    "salesRep",
    "toBeEmailed",
    "toBePrinted",
    "message",
    "taxDetailsOverride",
    "taxDetails",
    "item",
    "source",
    "shipComplete",
    "dueDate",
    "account",
    "paymentMethod",
    "taxPointDate",
    "nexus",
    "subsidiaryTaxRegNum",
    "entityTaxRegNum",
];
const MONEY_IN: &[&str] = &[
    "customer",
    "salesOrder",
    "payment",
    "account",
    "undepFunds",
    "paymentMethod",
    "paymentOption",
    "apply",
    "autoApply",
    "checkNum",
    "status",
];
const FULFILMENT: &[&str] = &[
    "entity",
    "shipStatus",
    "shipMethod",
    "shippingAddress",
    "item",
    "package",
    "createdFrom",
    "shippedDate",
    "packedDate",
    "pickedDate",
];
const APPLICATION: &[&str] = &["customer", "deposit", "apply"];
const RECEIPT: &[&str] = &["entity", "item", "createdFrom", "landedCostMethod", "package"];
const CREDIT: &[&str] = &["apply", "autoApply", "createdFrom", "salesEffectiveDate"];
const REFUND: &[&str] =
    &["customer", "account", "arAcct", "apply", "deposit", "paymentMethod", "paymentOption", "checkNum", "toBePrinted"];
const ADJUSTMENT: &[&str] = &["account", "adjLocation", "customer", "inventory"];
const STOCK_TRANSFER: &[&str] = &["transferLocation", "inventory", "useItemCostAsTransferCost", "incoterm"];
const JOURNAL: &[&str] = &["line", "approved", "reversalDate", "reversalDefer"];

const ITEM_LINE: &[&str] = &[
    "line",
    "orderLine",
    "item",
    "quantity",
    "rate",
    "amount",
    "price",
    "location",
    "description",
    "taxDetailsReference",
    "taxCode",
    "taxAmount",
    "isClosed",
    "itemReceive",
    "restock",
    "units",
    "department",
    "class",
    "grossAmt",
    "isOpen",
];
const TAX_LINE: &[&str] = &[
    "taxDetailsReference",
    "taxType",
    "taxCode",
    "taxBasis",
    "taxRate",
    "taxAmount",
    "netAmount",
    "lineType",
    "lineName",
    "line",
];
const APPLY_LINE: &[&str] = &["doc", "apply", "amount", "line", "type", "refNum"];
const INVENTORY_LINE: &[&str] =
    &["line", "item", "location", "adjustQtyBy", "unitCost", "memo", "units", "department", "class"];
const JOURNAL_LINE: &[&str] =
    &["line", "account", "debit", "credit", "memo", "entity", "department", "class", "location"];
const PACKAGE_LINE: &[&str] = &["packageTrackingNumber", "packageWeight", "packageDescr", "packageCarrier", "line"];

const SUBLISTS: &[(&str, &[&str])] = &[
    ("item", ITEM_LINE),
    ("taxDetails", TAX_LINE),
    ("apply", APPLY_LINE),
    ("deposit", APPLY_LINE),
    ("inventory", INVENTORY_LINE),
    ("line", JOURNAL_LINE),
    ("package", PACKAGE_LINE),
];

/// Writes property names as the schema spells them and deals with those that it does not know.
pub(super) struct Properties<'a> {
    pub(super) custom_fields: &'a [String],
    pub(super) strict: bool,
}

impl Properties<'_> {
    /// Checks a record's body.
    pub(super) fn check(&self, kind: Kind, body: Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
        let known: Vec<&str> = header_properties(kind).concat();
        let mut checked = self.level(body, &known, "")?;
        for (sublist, line_properties) in SUBLISTS {
            if let Some(Value::Array(lines)) = checked.get_mut(*sublist).and_then(|list| list.get_mut("items")) {
                for (at, line) in lines.iter_mut().enumerate() {
                    let path = format!("{sublist}.items[{at}]");
                    let Value::Object(fields) = line.take() else {
                        return Err(Refusal::invalid_content("A sublist line must be an object.", &path));
                    };
                    *line = Value::Object(self.level(fields, line_properties, &format!("{path}."))?);
                }
            }
        }
        Ok(checked)
    }

    fn level(&self, fields: Map<String, Value>, known: &[&str], path: &str) -> Result<Map<String, Value>, Refusal> {
        let mut checked = Map::new();
        for (name, value) in fields {
            match self.spelled(&name, known) {
                Some(name) => {
                    checked.insert(name, value);
                }
                None if self.strict => {
                    let detail = format!("Invalid content in the request body. Unknown property '{name}'.");
                    return Err(Refusal::invalid_content(&detail, &format!("{path}{name}")));
                }
                None => {}
            }
        }
        Ok(checked)
    }

    fn spelled(&self, name: &str, known: &[&str]) -> Option<String> {
        let lower = name.to_ascii_lowercase();
        if self.custom_fields.iter().any(|prefix| lower.starts_with(prefix.as_str())) {
            return Some(lower);
        }
        known.iter().find(|known| known.eq_ignore_ascii_case(name)).map(|known| (*known).to_owned())
    }
}

fn header_properties(kind: Kind) -> Vec<&'static [&'static str]> {
    match kind {
        Kind::Customer => vec![CUSTOMER],
        Kind::SalesOrder | Kind::Invoice | Kind::ReturnAuthorization => vec![TRANSACTION, SALE],
        Kind::CreditMemo => vec![TRANSACTION, SALE, CREDIT],
        Kind::ItemReceipt => vec![TRANSACTION, RECEIPT],
        Kind::CustomerRefund => vec![TRANSACTION, REFUND],
        Kind::InventoryAdjustment => vec![TRANSACTION, ADJUSTMENT],
        Kind::InventoryTransfer => vec![TRANSACTION, STOCK_TRANSFER],
        Kind::JournalEntry => vec![TRANSACTION, JOURNAL],
        Kind::CustomerDeposit | Kind::CustomerPayment => vec![TRANSACTION, MONEY_IN],
        Kind::ItemFulfillment => vec![TRANSACTION, FULFILMENT],
        Kind::DepositApplication => vec![TRANSACTION, APPLICATION],
    }
}
