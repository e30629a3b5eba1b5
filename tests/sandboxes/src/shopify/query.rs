//! The search syntax of `orders(query: …)`, as far as a poller needs it.

use jiff::Timestamp;
use serde_json::Value;

use super::nodes::instant;
use super::order::Order;

/// A search: every term must hold.
pub(super) struct OrderSearch {
    terms: Vec<Term>,
    sort: Sort,
}

#[derive(Clone, Copy)]
enum Sort {
    Id,
    CreatedAt,
    UpdatedAt,
}

enum Term {
    Time(Field, Comparison, Timestamp),
    Name(String),
    Id(u64),
}

#[derive(Clone, Copy)]
enum Field {
    CreatedAt,
    UpdatedAt,
}

#[derive(Clone, Copy)]
enum Comparison {
    Above,
    AtLeast,
    Below,
    AtMost,
}

impl OrderSearch {
    pub(super) fn read(arguments: &Value) -> Result<Self, String> {
        let query = arguments.get("query").and_then(Value::as_str).unwrap_or_default();
        let words = query.split_whitespace().filter(|word| *word != "AND");
        let sort = match arguments.get("sortKey").and_then(Value::as_str) {
            Some("UPDATED_AT") => Sort::UpdatedAt,
            Some("ID" | "ORDER_NUMBER") => Sort::Id,
            _ => Sort::CreatedAt,
        };
        Ok(Self { terms: words.map(term).collect::<Result<_, _>>()?, sort })
    }

    pub(super) fn find<'o>(&self, orders: impl Iterator<Item = &'o Order>) -> Vec<&'o Order> {
        let mut found: Vec<&Order> = orders.filter(|order| self.terms.iter().all(|term| term.holds(order))).collect();
        found.sort_by_key(|order| match self.sort {
            Sort::Id => (Timestamp::UNIX_EPOCH, order.id),
            Sort::CreatedAt => (order.created_at, order.id),
            Sort::UpdatedAt => (order.updated_at, order.id),
        });
        found
    }
}

fn term(word: &str) -> Result<Term, String> {
    let unknown = || format!("this sandbox cannot search orders by {word:?}");
    let (name, value) = word.split_once(':').ok_or_else(unknown)?;
    match name {
        "created_at" => time(Field::CreatedAt, value),
        "updated_at" => time(Field::UpdatedAt, value),
        "name" => Ok(Term::Name(unquoted(value).trim_start_matches('#').to_owned())),
        "id" => unquoted(value).parse().map(Term::Id).map_err(|_| unknown()),
        _ => Err(unknown()),
    }
}

fn time(field: Field, value: &str) -> Result<Term, String> {
    let signs = [
        (">=", Comparison::AtLeast),
        ("<=", Comparison::AtMost),
        (">", Comparison::Above),
        ("<", Comparison::Below),
        ("", Comparison::AtLeast),
    ];
    let split = signs.iter().find_map(|(sign, comparison)| Some((comparison, value.strip_prefix(sign)?)));
    let (comparison, rest) = split.unwrap_or((&Comparison::AtLeast, value));
    let at = unquoted(rest);
    let at = at.parse().map_err(|error| format!("{at:?} is no time: {error}"))?;
    Ok(Term::Time(field, *comparison, at))
}

fn unquoted(text: &str) -> &str {
    text.trim_matches(['\'', '"'])
}

impl Term {
    fn holds(&self, order: &Order) -> bool {
        match self {
            Self::Id(id) => order.id == *id,
            Self::Name(name) => order.number.to_string() == *name,
            Self::Time(field, comparison, at) => {
                let of_order = match field {
                    Field::CreatedAt => order.created_at,
                    Field::UpdatedAt => order.updated_at,
                };
                // Both to the second, as the API shows them.
                let (of_order, at) = (instant(of_order), instant(*at));
                match comparison {
                    Comparison::Above => of_order > at,
                    Comparison::AtLeast => of_order >= at,
                    Comparison::Below => of_order < at,
                    Comparison::AtMost => of_order <= at,
                }
            }
        }
    }
}
