//! The rule of a composite alarm: states of other alarms, joined by `AND`, `OR` and `NOT` (*Create a composite alarm*).

use std::collections::BTreeMap;

use crate::evaluation::State;
use crate::expression::{Token, tokens};

/// States by the alarms' logical names.
pub type States = BTreeMap<String, State>;

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// Always so.
    Constant(bool),
    /// An alarm is in a state.
    Is(State, String),
    /// Not so.
    Not(Box<Rule>),
    /// All of them.
    All(Vec<Rule>),
    /// Any of them.
    Any(Vec<Rule>),
}

impl Rule {
    /// Reads a rule.
    ///
    /// # Panics
    /// It cannot be read.
    pub fn read(text: &str) -> Self {
        let mut reader = Reader { tokens: tokens(text), at: 0, text };
        let rule = reader.any();
        assert_eq!(reader.at, reader.tokens.len(), "'{text}' does not end where it should");
        rule
    }

    /// Whether it holds.
    ///
    /// # Panics
    /// It names an alarm that does not exist.
    pub fn holds(&self, states: &States) -> bool {
        match self {
            Self::Constant(so) => *so,
            Self::Is(state, alarm) => {
                states.get(alarm).unwrap_or_else(|| panic!("no alarm is called {alarm}")) == state
            }
            Self::Not(rule) => !rule.holds(states),
            Self::All(rules) => rules.iter().all(|rule| rule.holds(states)),
            Self::Any(rules) => rules.iter().any(|rule| rule.holds(states)),
        }
    }

    /// The alarms that it names.
    pub fn children(&self) -> Vec<&str> {
        match self {
            Self::Constant(_) => Vec::new(),
            Self::Is(_, alarm) => vec![alarm],
            Self::Not(rule) => rule.children(),
            Self::All(rules) | Self::Any(rules) => rules.iter().flat_map(Self::children).collect(),
        }
    }
}

struct Reader<'a> {
    tokens: Vec<Token>,
    at: usize,
    text: &'a str,
}

impl Reader<'_> {
    fn takes(&mut self, wanted: &str) -> bool {
        let found = matches!(
            self.tokens.get(self.at),
            Some(Token::Name(name) | Token::Symbol(name)) if name == wanted
        );
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, wanted: &str) {
        assert!(self.takes(wanted), "'{}' at token {}: '{wanted}' is expected", self.text, self.at);
    }

    fn any(&mut self) -> Rule {
        let mut rules = vec![self.all()];
        while self.takes("OR") {
            rules.push(self.all());
        }
        if rules.len() == 1 { rules.remove(0) } else { Rule::Any(rules) }
    }

    fn all(&mut self) -> Rule {
        let mut rules = vec![self.term()];
        while self.takes("AND") {
            rules.push(self.term());
        }
        if rules.len() == 1 { rules.remove(0) } else { Rule::All(rules) }
    }

    fn term(&mut self) -> Rule {
        if self.takes("NOT") {
            return Rule::Not(Box::new(self.term()));
        }
        if self.takes("(") {
            let rule = self.any();
            self.expect(")");
            return rule;
        }
        let states = [("ALARM", State::Alarm), ("OK", State::Ok), ("INSUFFICIENT_DATA", State::InsufficientData)];
        for (word, state) in states {
            if self.takes(word) {
                self.expect("(");
                let alarm = self.name();
                self.expect(")");
                return Rule::Is(state, alarm);
            }
        }
        if self.takes("TRUE") {
            return Rule::Constant(true);
        }
        self.expect("FALSE");
        Rule::Constant(false)
    }

    fn name(&mut self) -> String {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        match token {
            Some(Token::Text(name) | Token::Name(name)) => name,
            other => panic!("'{}': {other:?} is no name of an alarm", self.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_joins_states_and_binds_and_before_or() {
        let rule = Rule::read(r#"ALARM("A") OR ALARM(B) AND NOT (OK("C") OR INSUFFICIENT_DATA("C"))"#);
        assert_eq!(rule.children(), ["A", "B", "C", "C"]);
        let states = |a, b, c| States::from([("A".into(), a), ("B".into(), b), ("C".into(), c)]);
        assert!(rule.holds(&states(State::Alarm, State::Ok, State::Ok)));
        assert!(rule.holds(&states(State::Ok, State::Alarm, State::Alarm)));
        assert!(!rule.holds(&states(State::Ok, State::Alarm, State::InsufficientData)));
        assert!(!rule.holds(&states(State::Ok, State::Ok, State::Alarm)));
        assert!(Rule::read("TRUE OR FALSE").holds(&States::new()));
    }

    #[test]
    #[should_panic(expected = "no alarm is called")]
    fn a_rule_that_names_nobody_is_said() {
        Rule::read("ALARM(Gone)").holds(&States::new());
    }
}
