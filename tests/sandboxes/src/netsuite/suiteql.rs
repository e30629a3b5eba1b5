//! SuiteQL, as much of it as is spoken here: columns of one table or one join, conditions that must all hold, an order,
//! and pages. Any other statement is refused.
//!
//! `SELECT <column | NVL(column, number) AS name | TO_CHAR(column, 'YYYY-MM-DD HH24:MI:SS') AS name>, …`
//! `FROM <table> WHERE <column = number | column > number | column IN (…) | column >= TO_TIMESTAMP('…',
//! 'YYYY-MM-DD HH24:MI:SS')> AND … ORDER BY <column>, …`
//!
//! The service writes every value as a text and leaves out what is null. Times are told in UTC.

use std::collections::HashMap;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::books::Books;
use super::refusal::Refusal;
use super::tables::{Cell, Row, Table};

const TIME: &str = "%Y-%m-%d %H:%M:%S";
const TIME_IN_SQL: &str = "'YYYY-MM-DD HH24:MI:SS'";
const LARGEST_PAGE: usize = 1000;

/// Which part of the result is wanted.
#[derive(Clone, Copy)]
pub(super) struct Page {
    limit: usize,
    offset: usize,
}

impl Page {
    pub(super) fn read(parameters: &HashMap<String, String>) -> Result<Self, Refusal> {
        let number = |name: &str, usual: usize| {
            let given = parameters.get(name).map(|text| text.parse());
            let wrong = |_| Refusal::invalid_query(&format!("The parameter '{name}' must be a whole number."));
            given.transpose().map_err(wrong).map(|given: Option<usize>| given.unwrap_or(usual))
        };
        let page = Self { limit: number("limit", LARGEST_PAGE)?, offset: number("offset", 0)? };
        if !(1..=LARGEST_PAGE).contains(&page.limit) || !page.offset.is_multiple_of(page.limit) {
            let rule = "The limit must be from 1 to 1000 and the offset divisible by it.";
            return Err(Refusal::invalid_query(rule));
        }
        Ok(page)
    }
}

/// Runs a statement.
pub(super) fn run(books: &Books, statement: &str, page: Page) -> Result<Value, Refusal> {
    let statement = Statement::read(statement).ok_or_else(|| syntax("the statement"))?;
    let table = Table::named(books, &statement.table).ok_or_else(|| not_found("Record", &statement.table))?;
    let conditions = statement.conditions.iter().map(|text| Condition::read(text).ok_or_else(|| syntax(text)));
    let conditions = conditions.collect::<Result<Vec<_>, _>>()?;
    let selected = statement.selected.iter().map(|text| Selected::read(text).ok_or_else(|| syntax(text)));
    let selected = selected.collect::<Result<Vec<_>, _>>()?;
    let named = selected.iter().map(|selected| &selected.column).chain(conditions.iter().map(|it| &it.column));
    if let Some(unknown) = named.chain(&statement.order).find(|name| !table.columns.contains(&name.as_str())) {
        return Err(not_found("Field", unknown));
    }
    let mut rows = table.rows;
    rows.retain(|row| conditions.iter().all(|condition| condition.holds(row)));
    rows.sort_by_cached_key(|row| statement.order.iter().map(|column| cell(row, column)).collect::<Vec<_>>());
    let total = rows.len();
    let shown = rows.iter().skip(page.offset).take(page.limit);
    let items = shown.map(|row| shown_row(row, &selected)).collect::<Vec<_>>();
    Ok(json!({
        "links": [],
        "count": items.len(),
        "hasMore": page.offset + items.len() < total,
        "items": items,
        "offset": page.offset,
        "totalResults": total,
    }))
}

fn syntax(at: &str) -> Refusal {
    Refusal::invalid_query(&format!("Search error occurred: Invalid or unsupported search at: {at}."))
}

fn not_found(what: &str, name: &str) -> Refusal {
    Refusal::invalid_query(&format!("Search error occurred: {what} '{name}' not found."))
}

fn cell(row: &Row, column: &str) -> Cell {
    row.get(column).cloned().unwrap_or(Cell::Null)
}

fn shown_row(row: &Row, selected: &[Selected]) -> Value {
    let mut fields = Map::from_iter([("links".to_owned(), json!([]))]);
    for column in selected {
        if let Some(text) = column.text(row) {
            fields.insert(column.name.clone(), text.into());
        }
    }
    Value::Object(fields)
}

struct Statement {
    selected: Vec<String>,
    table: String,
    conditions: Vec<String>,
    order: Vec<String>,
}

impl Statement {
    fn read(text: &str) -> Option<Self> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (selected, rest) = text.strip_prefix("SELECT ")?.split_once(" FROM ")?;
        let (rest, order) = rest.split_once(" ORDER BY ")?;
        let (table, conditions) = rest.split_once(" WHERE ").unwrap_or((rest, ""));
        Some(Self {
            selected: listed(selected),
            table: table.to_lowercase(),
            conditions: conditions.split(" AND ").filter(|text| !text.is_empty()).map(str::to_owned).collect(),
            order: listed(order).iter().map(|column| column.to_lowercase()).collect(),
        })
    }
}

/// The entries of a list; commas within parentheses part nothing.
fn listed(text: &str) -> Vec<String> {
    let (mut entries, mut depth) = (vec![String::new()], 0_i32);
    for letter in text.chars() {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        match (letter, depth, entries.last_mut()) {
            (',', 0, _) => entries.push(String::new()),
            (_, _, Some(entry)) => entry.push(letter),
            (_, _, None) => {}
        }
    }
    entries.iter().map(|entry| entry.trim().to_owned()).collect()
}

struct Selected {
    column: String,
    name: String,
    instead_of_null: Option<String>,
    is_time: bool,
}

impl Selected {
    fn read(text: &str) -> Option<Self> {
        let (expression, name) = match text.split_once(" AS ") {
            Some((expression, name)) => (expression, Some(name.to_lowercase())),
            None => (text, None),
        };
        if let Some(arguments) = called("NVL", expression) {
            let (column, usual) = arguments.split_once(", ")?;
            usual.parse::<Decimal>().ok()?;
            let instead_of_null = Some(usual.to_owned());
            return Some(Self { column: column.to_lowercase(), name: name?, instead_of_null, is_time: false });
        }
        if let Some(arguments) = called("TO_CHAR", expression) {
            let (column, format) = arguments.split_once(", ")?;
            let is_time = format == TIME_IN_SQL;
            let column = column.to_lowercase();
            return is_time.then_some(Self { column, name: name?, instead_of_null: None, is_time });
        }
        let column = column_name(expression)?;
        let bare = column.rsplit('.').next()?.to_owned();
        Some(Self { column, name: name.unwrap_or(bare), instead_of_null: None, is_time: false })
    }

    fn text(&self, row: &Row) -> Option<String> {
        match cell(row, &self.column) {
            Cell::Null => self.instead_of_null.clone(),
            Cell::Number(number) => Some(number.to_string()),
            Cell::Text(text) => Some(text),
            // Without a format the service tells only the day.
            Cell::Time(at) if self.is_time => Some(at.strftime(TIME).to_string()),
            Cell::Time(at) => Some(at.strftime("%d/%m/%Y").to_string()),
        }
    }
}

fn called<'t>(function: &str, expression: &'t str) -> Option<&'t str> {
    expression.strip_prefix(function)?.strip_prefix('(')?.strip_suffix(')')
}

fn column_name(text: &str) -> Option<String> {
    let is_name =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._".contains(&b));
    is_name(text).then(|| text.to_lowercase())
}

struct Condition {
    column: String,
    test: Test,
}

enum Test {
    OneOf(Vec<Cell>),
    Above(Cell),
    NotBefore(Cell),
}

impl Condition {
    fn read(text: &str) -> Option<Self> {
        let (column, test) = if let Some((column, list)) = text.split_once(" IN (") {
            let values = listed(list.strip_suffix(')')?);
            (column, Test::OneOf(values.iter().map(|value| literal(value)).collect::<Option<_>>()?))
        } else if let Some((column, moment)) = text.split_once(" >= ") {
            (column, Test::NotBefore(time(moment)?))
        } else if let Some((column, value)) = text.split_once(" > ") {
            (column, Test::Above(literal(value)?))
        } else {
            let (column, value) = text.split_once(" = ")?;
            (column, Test::OneOf(vec![literal(value)?]))
        };
        Some(Self { column: column_name(column)?, test })
    }

    /// Nothing holds of null.
    fn holds(&self, row: &Row) -> bool {
        let cell = cell(row, &self.column);
        let holds = match &self.test {
            Test::OneOf(values) => values.contains(&cell),
            Test::Above(value) => cell > *value,
            Test::NotBefore(moment) => cell >= *moment,
        };
        holds && cell != Cell::Null
    }
}

fn literal(text: &str) -> Option<Cell> {
    match text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
        Some(text) => Some(Cell::Text(text.to_owned())),
        None => text.parse().ok().map(Cell::Number),
    }
}

fn time(text: &str) -> Option<Cell> {
    let (moment, format) = called("TO_TIMESTAMP", text)?.split_once(", ")?;
    let moment = moment.strip_prefix('\'')?.strip_suffix('\'')?;
    let local = DateTime::strptime(TIME, moment).ok().filter(|_| format == TIME_IN_SQL)?;
    TimeZone::UTC.to_timestamp(local).ok().map(Cell::Time)
}
