//! Reads conditions, by recursive descent.

use std::cmp::Ordering;

use jiff::Zoned;
use regex::Regex;

use super::{ConditionError, Node, Operand, number};
use crate::fields::attribute::Attribute;
use crate::filter::field::{FieldPath, Root};
use crate::filter::when::Moment;
use crate::level::Level;
use crate::text::parsers;

/// Parentheses and `not`s within each other: the depth of the recursion.
const MAX_DEPTH: usize = 100;

/// The error for a time that can't be read.
const NOT_A_TIME: &str = "expected a time: 10m (ago), 14:30, yesterday, 2026-11-21, \
                          '2026-11-21 14:30', RFC 3339, or seconds since 1970";

/// The signs that operators consist of.
const OPERATOR_SIGNS: &str = "=!<>~";

/// A kind of comparison, and whether the opposite is meant.
#[derive(Clone, Copy)]
enum Operator {
    Matches,
    Compares(fn(Ordering) -> bool),
}

const OPERATORS: [(&str, bool, Operator); 10] = [
    ("=", true, Operator::Compares(Ordering::is_eq)),
    ("==", true, Operator::Compares(Ordering::is_eq)),
    ("!=", false, Operator::Compares(Ordering::is_eq)),
    ("~", true, Operator::Matches),
    ("=~", true, Operator::Matches),
    ("!~", false, Operator::Matches),
    ("<", true, Operator::Compares(Ordering::is_lt)),
    ("<=", true, Operator::Compares(Ordering::is_le)),
    (">", true, Operator::Compares(Ordering::is_gt)),
    (">=", true, Operator::Compares(Ordering::is_ge)),
];

type Result<T> = std::result::Result<T, ConditionError>;

/// Reads a text from its start to its end.
pub(super) struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    /// Whether the last test has an operator, and is not a field alone.
    has_operator: bool,
}

/// A value, and whether it was in quotes.
struct Value {
    text: String,
    quoted: bool,
    at: usize,
}

impl FieldPath {
    /// Reads a name.
    ///
    /// # Errors
    /// `text` is empty, or is no name.
    pub fn new(text: &str) -> Result<FieldPath> {
        let mut parser = Parser::new(text);
        let path = parser.field()?;
        parser.end("the name ends before this")?;
        Ok(path)
    }
}

impl<'t> Parser<'t> {
    pub(super) fn new(text: &'t str) -> Parser<'t> {
        Parser { text, at: 0, depth: 0, has_operator: true }
    }

    fn error<T>(&self, at: usize, what: impl Into<String>) -> Result<T> {
        Err(ConditionError::new(self.text, at, what))
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Checks that nothing follows.
    pub(super) fn end(&mut self, what: &str) -> Result<()> {
        self.skip_blanks();
        match self.rest().chars().next() {
            None => Ok(()),
            Some(')') => self.error(self.at, "this ) has no ("),
            Some(_) => self.error(self.at, what),
        }
    }

    /// Reads to the end, after a condition.
    pub(super) fn end_of_condition(&mut self) -> Result<()> {
        self.end(match self.has_operator {
            true => "expected and, or, or the end (a value with spaces needs quotes)",
            false => "expected an operator (= != ~ !~ < <= > >=), and, or, or the end",
        })
    }

    /// Steps over a keyword, or the sign for it.
    fn accept(&mut self, keyword: &str, sign: &str) -> bool {
        self.skip_blanks();
        let length = if word(self.rest()).eq_ignore_ascii_case(keyword) {
            keyword.len()
        } else if self.rest().starts_with(sign) && operator(self.rest()) != "!=" {
            sign.len()
        } else {
            return false;
        };
        self.at += length;
        true
    }

    /// Terms between `or`.
    pub(super) fn condition(&mut self) -> Result<Node> {
        let mut nodes = vec![self.all()?];
        while self.accept("or", "||") {
            nodes.push(self.all()?);
        }
        Ok(single(nodes).unwrap_or_else(Node::Any))
    }

    /// Terms between `and`.
    fn all(&mut self) -> Result<Node> {
        let mut nodes = vec![self.term()?];
        while self.accept("and", "&&") {
            nodes.push(self.term()?);
        }
        Ok(single(nodes).unwrap_or_else(Node::All))
    }

    fn term(&mut self) -> Result<Node> {
        self.skip_blanks();
        let start = self.at;
        if self.depth == MAX_DEPTH {
            return self.error(start, "too many parentheses within each other");
        }
        self.depth += 1;
        let node = if self.accept("not", "!") {
            Node::Not(Box::new(self.term()?))
        } else if self.rest().starts_with('(') {
            self.at += 1;
            let node = self.condition()?;
            self.skip_blanks();
            if !self.rest().starts_with(')') {
                return match self.rest() {
                    "" => self.error(start, "this ( has no )"),
                    _ => self.error(self.at, "expected and, or, or )"),
                };
            }
            self.at += 1;
            node
        } else {
            self.test()?
        };
        self.depth -= 1;
        Ok(node)
    }

    /// A field, and what it is compared with.
    fn test(&mut self) -> Result<Node> {
        let field = self.field()?;
        self.skip_blanks();
        let (at, signs) = (self.at, operator(self.rest()));
        self.has_operator = !signs.is_empty();
        if signs.is_empty() {
            return Ok(Node::Exists(field));
        }
        let known = OPERATORS.iter().find(|(known, ..)| *known == signs);
        let Some((_, affirmed, operator)) = known else {
            let what = format!("{signs} is no operator: use = != ~ !~ < <= > or >=");
            return self.error(at, what);
        };
        self.at += signs.len();
        let value = self.value(signs)?;
        let node = match operator {
            Operator::Matches => Node::Matches(field, self.pattern(&value)?),
            Operator::Compares(passes) => {
                let operand = self.operand(&field, &value, signs)?;
                Node::Compares(field, operand, *passes)
            }
        };
        Ok(if *affirmed { node } else { Node::Not(Box::new(node)) })
    }

    /// The name of a field: parts between dots, of which some may be in quotes.
    pub(super) fn field(&mut self) -> Result<FieldPath> {
        self.skip_blanks();
        if ["and", "or", "not"].iter().any(|word| is_keyword(self.rest(), word)) {
            return self.error(self.at, "expected a field before this");
        }
        let mut parts = Vec::new();
        loop {
            let part = match self.quoted()? {
                Some(part) => part,
                None => {
                    let part = word(self.rest().split('.').next().unwrap_or_default());
                    self.at += part.len();
                    part.to_owned()
                }
            };
            if part.is_empty() {
                let what = match parts.is_empty() {
                    true => "expected a field",
                    false => "expected a name after the dot",
                };
                return self.error(self.at, what);
            }
            parts.push(part);
            if !self.rest().starts_with('.') {
                return Ok(FieldPath::of_parts(parts));
            }
            self.at += 1;
        }
    }

    /// The value after the operator `signs`.
    fn value(&mut self, signs: &str) -> Result<Value> {
        self.skip_blanks();
        let at = self.at;
        if let Some(text) = self.quoted()? {
            return Ok(Value { text, quoted: true, at });
        }
        let text = bare_value(self.rest());
        if text.is_empty() || ["and", "or"].iter().any(|word| is_keyword(text, word)) {
            return self.error(at, format!("expected a value after {signs}"));
        }
        self.at += text.len();
        Ok(Value { text: text.to_owned(), quoted: false, at })
    }

    /// Text in quotes, if it begins here. A backslash before such a quote makes it a part of
    /// the text; before anything else it stands for itself, as regular expressions need it.
    fn quoted(&mut self) -> Result<Option<String>> {
        let start = self.at;
        let mut chars = self.rest().char_indices();
        let Some((_, quote @ ('"' | '\''))) = chars.next() else { return Ok(None) };
        let mut text = String::new();
        while let Some((at, c)) = chars.next() {
            if c == quote {
                self.at += at + 1;
                return Ok(Some(text));
            }
            let escaped = c == '\\' && chars.as_str().starts_with(quote);
            text.push(if escaped { quote } else { c });
            if escaped {
                chars.next();
            }
        }
        self.error(start, format!("this {quote} has no end"))
    }

    fn pattern(&self, value: &Value) -> Result<Regex> {
        parsers::regex(&value.text)
            .or_else(|cause| self.error(value.at, format!("not a regular expression: {cause}")))
    }

    fn operand(&self, field: &FieldPath, value: &Value, signs: &str) -> Result<Operand> {
        let text = value.text.clone();
        let mut operand = Operand {
            number: number(&text).filter(|_| !value.quoted),
            integer: text.parse().ok().filter(|_| !value.quoted),
            level: Level::from_word(&text),
            is_time: false,
            text,
        };
        let orders = signs.starts_with(['<', '>']);
        let wrong = match field.root() {
            Root::Level if orders && operand.level.is_none() => {
                "this is no level: use debug, info, warning, error, critical or a number"
            }
            Root::Attribute(Attribute::Asctime) => {
                "asctime has no value here: compare created, as in created>=2026-11-21"
            }
            Root::Attribute(attribute) if is_time(attribute) && operand.number.is_none() => {
                let Some(moment) = Moment::parse(&operand.text, &Zoned::now()) else {
                    return self.error(value.at, NOT_A_TIME);
                };
                (operand.number, operand.is_time) = (Some(moment.seconds), true);
                return Ok(operand);
            }
            Root::Attribute(attribute) if is_number(attribute) && operand.number.is_none() => {
                "expected a number"
            }
            _ => return Ok(operand),
        };
        self.error(value.at, wrong)
    }
}

/// The only node, or all of them.
fn single(mut nodes: Vec<Node>) -> std::result::Result<Node, Vec<Node>> {
    if nodes.len() > 1 { Err(nodes) } else { nodes.pop().ok_or(nodes) }
}

/// Whether records have a number there, and nothing else.
fn is_number(attribute: Attribute) -> bool {
    matches!(
        attribute,
        Attribute::Levelno | Attribute::Msecs | Attribute::RelativeCreated | Attribute::Seq
    )
}

/// Whether records have a time there, in seconds since 1970.
fn is_time(attribute: Attribute) -> bool {
    matches!(attribute, Attribute::Created | Attribute::Received)
}

/// The signs of an operator at the start of `text`.
fn operator(text: &str) -> &str {
    let end = text.find(|c| !OPERATOR_SIGNS.contains(c)).unwrap_or(text.len());
    &text[..end]
}

/// The word at the start of `text`: a name with its dots, or a keyword.
fn word(text: &str) -> &str {
    let ends = |c: char| c.is_whitespace() || OPERATOR_SIGNS.contains(c) || "()\"'&|".contains(c);
    &text[..text.find(ends).unwrap_or(text.len())]
}

fn is_keyword(text: &str, keyword: &str) -> bool {
    word(text).eq_ignore_ascii_case(keyword)
}

/// The value without quotes at the start of `text`. It ends at white space and at a
/// parenthesis that was not opened in it, so that `~(a|b)` needs no quotes.
fn bare_value(text: &str) -> &str {
    let mut open = 0_usize;
    let end = text.find(|c: char| match c {
        '(' => {
            open += 1;
            false
        }
        ')' if open == 0 => true,
        ')' => {
            open -= 1;
            false
        }
        c => c.is_whitespace() && open == 0,
    });
    &text[..end.unwrap_or(text.len())]
}
