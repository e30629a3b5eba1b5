//! What the ERP's books say of some orders alone: on one stack other tests leave orders unfinished.

use std::collections::BTreeMap;

use serde_json::Value;

/// Debits less credits by account, in minor units.
pub struct Books(pub BTreeMap<String, i64>);

impl Books {
    /// Of the orders with these references (`UK-1001`), each document of which is found to balance.
    pub fn of(ledger: &Value, references: impl IntoIterator<Item = String>) -> Self {
        let prefixes: Vec<String> = references.into_iter().map(|reference| format!("{reference}-")).collect();
        let mut accounts: BTreeMap<String, i64> = BTreeMap::new();
        for entry in ledger["entries"].as_array().unwrap() {
            let document = entry["externalId"].as_str().unwrap_or_default();
            if !prefixes.iter().any(|prefix| document.starts_with(prefix)) {
                continue;
            }
            let mut balance = 0;
            for line in entry["lines"].as_array().unwrap() {
                let moved = line["debit"].as_i64().unwrap() - line["credit"].as_i64().unwrap();
                balance += moved;
                *accounts.entry(line["account"].as_str().unwrap().to_owned()).or_default() += moved;
            }
            assert_eq!(balance, 0, "debits and credits of {document}");
        }
        Self(accounts)
    }

    /// What customers owe, and what we hold for them: nothing of either once everything is settled.
    pub fn unsettled(&self) -> (i64, i64) {
        (self.sum(|account| account == "receivables"), self.sum(|account| account == "deposits"))
    }

    /// The money that has come in.
    pub fn money(&self) -> i64 {
        self.sum(|account| account.starts_with("clearing:"))
    }

    /// What was sold, with its shipping and taxes.
    pub fn income(&self) -> i64 {
        -self.sum(|account| {
            matches!(account, "revenue" | "shipping" | "rounding" | "allowances") || account.starts_with("tax:")
        })
    }

    fn sum(&self, wanted: impl Fn(&str) -> bool) -> i64 {
        self.0.iter().filter(|(account, _)| wanted(account)).map(|(_, amount)| amount).sum()
    }
}
