//! Metric math, as far as the template uses it: numbers, metrics by id, `METRICS()`, `SUM`, `MIN`, `MAX`, `AVG`, `FILL`,
//! `IF`, arithmetic and comparisons. A datapoint that is missing makes what is reckoned from it missing, but for what
//! aggregates several metrics, which passes it over (*Using math expressions with CloudWatch metrics*).

use std::collections::BTreeMap;
use std::fmt;

/// One datapoint of each metric, by the metric's id.
pub type Datapoints = BTreeMap<String, Option<f64>>;

/// A piece of an expression or of an alarm rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    /// A number.
    Number(f64),
    /// A name.
    Name(String),
    /// A text in quotes.
    Text(String),
    /// Anything else, one or two characters.
    Symbol(String),
}

/// Takes an expression apart.
///
/// # Panics
/// A text does not end.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let characters: Vec<char> = text.chars().collect();
    let mut at = 0;
    while let Some(&first) = characters.get(at) {
        let run = |of: fn(char) -> bool| characters[at..].iter().take_while(|c| of(**c)).collect::<String>();
        let token = if first.is_whitespace() {
            at += 1;
            continue;
        } else if first.is_ascii_digit() {
            let digits = run(|c| c.is_ascii_digit() || c == '.');
            at += digits.len();
            Token::Number(digits.parse().expect("a number"))
        } else if first.is_alphabetic() || first == '_' {
            let name = run(|c| c.is_alphanumeric() || c == '_');
            at += name.chars().count();
            Token::Name(name)
        } else if first == '"' {
            let rest = &characters[at + 1..];
            let end = rest.iter().position(|c| *c == '"').unwrap_or_else(|| panic!("a text does not end: {text}"));
            at += end + 2;
            Token::Text(rest[..end].iter().collect())
        } else {
            let long = characters[at..].iter().take(2).collect::<String>();
            let long = [">=", "<=", "==", "!="].contains(&long.as_str());
            let symbol: String = characters[at..].iter().take(if long { 2 } else { 1 }).collect();
            at += symbol.len();
            Token::Symbol(symbol)
        };
        found.push(token);
    }
    found
}

/// What a part of an expression comes to.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    One(Option<f64>),
    Many(Vec<Option<f64>>),
}

/// Reckons one datapoint of an expression.
///
/// # Panics
/// The expression uses what is not known here: then this file has to learn it before the template may use it.
pub fn reckon(expression: &str, metrics: &Datapoints) -> Option<f64> {
    let mut reader = Reader { tokens: tokens(expression), at: 0, metrics, expression };
    let value = reader.condition();
    assert_eq!(reader.at, reader.tokens.len(), "{reader} does not end where it should");
    reader.one(value)
}

struct Reader<'a> {
    tokens: Vec<Token>,
    at: usize,
    metrics: &'a Datapoints,
    expression: &'a str,
}

impl fmt::Display for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' at token {}", self.expression, self.at)
    }
}

type Operation = fn(f64, f64) -> f64;

fn truth(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

impl Reader<'_> {
    fn takes(&mut self, symbols: &[&str]) -> Option<String> {
        let found = match self.tokens.get(self.at) {
            Some(Token::Symbol(symbol) | Token::Name(symbol)) if symbols.contains(&symbol.as_str()) => symbol.clone(),
            _ => return None,
        };
        self.at += 1;
        Some(found)
    }

    fn expect(&mut self, symbol: &str) {
        assert!(self.takes(&[symbol]).is_some(), "{self}: '{symbol}' is expected");
    }

    fn one(&self, value: Value) -> Option<f64> {
        match value {
            Value::One(value) => value,
            Value::Many(_) => panic!("{self}: several metrics where one is expected"),
        }
    }

    /// What both sides make together; missing where either is.
    fn both(&self, sides: (Value, Value), operation: Operation) -> Value {
        let (left, right) = (self.one(sides.0), self.one(sides.1));
        // A quotient by nothing is no datapoint.
        Value::One(left.zip(right).map(|(left, right)| operation(left, right)).filter(|value| value.is_finite()))
    }

    fn chain(&mut self, operations: &[(&str, Operation)], next: fn(&mut Self) -> Value) -> Value {
        let symbols: Vec<&str> = operations.iter().map(|(symbol, _)| *symbol).collect();
        let mut value = next(self);
        while let Some(symbol) = self.takes(&symbols) {
            let (_, operation) = operations.iter().find(|(known, _)| *known == symbol).expect("it was found");
            let right = next(self);
            value = self.both((value, right), *operation);
        }
        value
    }

    fn condition(&mut self) -> Value {
        let either: [(&str, Operation); 2] = [
            ("OR", |left, right| truth(left != 0.0 || right != 0.0)),
            ("AND", |left, right| truth(left != 0.0 && right != 0.0)),
        ];
        self.chain(&either, Self::comparison)
    }

    fn comparison(&mut self) -> Value {
        let comparisons: [(&str, Operation); 5] = [
            (">=", |left, right| truth(left >= right)),
            ("<=", |left, right| truth(left <= right)),
            ("==", |left, right| truth((left - right).abs() < f64::EPSILON)),
            (">", |left, right| truth(left > right)),
            ("<", |left, right| truth(left < right)),
        ];
        self.chain(&comparisons, Self::sum)
    }

    fn sum(&mut self) -> Value {
        self.chain(&[("+", |left, right| left + right), ("-", |left, right| left - right)], Self::product)
    }

    fn product(&mut self) -> Value {
        self.chain(&[("*", |left, right| left * right), ("/", |left, right| left / right)], Self::term)
    }

    fn term(&mut self) -> Value {
        if self.takes(&["("]).is_some() {
            let value = self.condition();
            self.expect(")");
            return value;
        }
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        match token {
            Some(Token::Number(number)) => Value::One(Some(number)),
            Some(Token::Name(name)) if self.takes(&["("]).is_some() => self.function(&name),
            Some(Token::Name(name)) => {
                let known = self.metrics.get(&name);
                Value::One(*known.unwrap_or_else(|| panic!("{self}: no metric is called {name}")))
            }
            other => panic!("{self}: {other:?} is not understood"),
        }
    }

    fn function(&mut self, name: &str) -> Value {
        if name == "METRICS" {
            return self.metrics_named();
        }
        let mut arguments = Vec::new();
        while self.takes(&[")"]).is_none() {
            arguments.push(self.condition());
            self.takes(&[","]);
        }
        match (name, arguments.as_slice()) {
            ("SUM", [of]) => aggregate(of, |present| present.iter().sum()),
            ("AVG", [of]) => aggregate(of, |present| present.iter().sum::<f64>() / count(present)),
            ("MIN", [of]) => aggregate(of, |present| present.iter().copied().fold(f64::INFINITY, f64::min)),
            ("MAX", [of]) => aggregate(of, |present| present.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
            ("FILL", [Value::One(of), with]) => Value::One(of.or_else(|| self.one(with.clone()))),
            ("FILL", [Value::Many(of), with]) => {
                let with = self.one(with.clone());
                Value::Many(of.iter().map(|value| value.or(with)).collect())
            }
            ("IF", [condition, then, otherwise]) => match self.one(condition.clone()) {
                Some(holds) if holds != 0.0 => then.clone(),
                Some(_) => otherwise.clone(),
                None => Value::One(None),
            },
            _ => panic!("{self}: {name} with {} arguments is not known here", arguments.len()),
        }
    }

    /// All metrics, or those whose id contains a text.
    fn metrics_named(&mut self) -> Value {
        let part = match self.tokens.get(self.at).cloned() {
            Some(Token::Text(part)) => {
                self.at += 1;
                part
            }
            _ => String::new(),
        };
        self.expect(")");
        Value::Many(self.metrics.iter().filter(|(id, _)| id.contains(&part)).map(|(_, value)| *value).collect())
    }
}

fn count(values: &[f64]) -> f64 {
    u32::try_from(values.len()).map_or(f64::MAX, f64::from)
}

fn aggregate(of: &Value, operation: impl Fn(&[f64]) -> f64) -> Value {
    let present: Vec<f64> = match of {
        Value::One(value) => value.iter().copied().collect(),
        Value::Many(values) => values.iter().flatten().copied().collect(),
    };
    Value::One((!present.is_empty()).then(|| operation(&present)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(metrics: &[(&str, Option<f64>)]) -> Datapoints {
        metrics.iter().map(|(id, value)| ((*id).to_owned(), *value)).collect()
    }

    #[test]
    fn a_sum_passes_over_what_is_missing_and_is_missing_where_all_is() {
        let some = given(&[("t1", Some(2.0)), ("t2", None), ("t3", Some(3.0))]);
        assert_eq!(reckon("SUM(METRICS())", &some), Some(5.0));
        let none = given(&[("t1", None), ("t2", None)]);
        assert_eq!(reckon("SUM(METRICS())", &none), None);
        assert_eq!(reckon("SUM(FILL(METRICS(), 0))", &none), Some(0.0));
        assert_eq!(reckon(r#"SUM(METRICS("t"))"#, &given(&[("t1", Some(1.0)), ("x", Some(9.0))])), Some(1.0));
    }

    #[test]
    fn a_ratio_is_missing_where_a_side_is_and_where_there_is_nothing_to_divide_by() {
        let ratio = "100 * errors / calls";
        assert_eq!(reckon(ratio, &given(&[("errors", Some(3.0)), ("calls", Some(200.0))])), Some(1.5));
        assert_eq!(reckon(ratio, &given(&[("errors", None), ("calls", Some(200.0))])), None);
        assert_eq!(reckon(ratio, &given(&[("errors", Some(0.0)), ("calls", Some(0.0))])), None);
    }

    #[test]
    fn a_condition_chooses_and_products_come_before_sums() {
        let metrics = given(&[("errors", Some(3.0)), ("calls", Some(9.0))]);
        assert_eq!(reckon("IF(calls >= 10, 100 * errors / calls, 0)", &metrics), Some(0.0));
        assert_eq!(reckon("IF(calls < 10 AND errors > 2, 1, 0)", &metrics), Some(1.0));
        assert_eq!(reckon("errors + calls * 2", &metrics), Some(21.0));
        assert_eq!(reckon("(errors + calls) * 2 - 1", &metrics), Some(23.0));
        assert_eq!(reckon("MAX(METRICS()) - MIN(METRICS()) + AVG(METRICS())", &metrics), Some(12.0));
    }

    #[test]
    #[should_panic(expected = "not known here")]
    fn what_is_not_known_here_is_said() {
        reckon("ANOMALY_DETECTION_BAND(errors, 2)", &given(&[("errors", Some(1.0))]));
    }
}
