//! Values as JSON, for `args` and extras.

use std::cell::Cell;

use super::budget::{Budget, ELLIPSIS};
use super::classes::{self, JsonForm, View};
use super::print;
use super::value::{Id, Pickle, Value};
use crate::python::{self, repr};
use crate::record::Text;
use crate::text::json;
use crate::wire::attributes;
use crate::wire::json::{exact_integer, write_float};

/// A value of a pickle and the budget of its record.
pub(super) struct Item<'p, 'a> {
    pickle: &'p Pickle<'a>,
    id: Id,
    budget: &'p Budget,
    /// The JSON that was written says all: Python prints the value that `json.loads` returns
    /// in the same way.
    pub(super) exact: Cell<bool>,
}

impl<'p, 'a> Item<'p, 'a> {
    pub(super) fn new(pickle: &'p Pickle<'a>, id: Id, budget: &'p Budget) -> Item<'p, 'a> {
        Item { pickle, id, budget, exact: Cell::new(true) }
    }

    /// `str(value)`.
    pub(super) fn str(&self) -> Text<'a> {
        match self.pickle.get(self.id) {
            Value::Str(text) => self.budget.copy(text),
            _ if self.budget.remaining() == 0 => {
                self.budget.set_truncated();
                ELLIPSIS.into()
            }
            _ => print::str(self.pickle, self.budget, self.id).into(),
        }
    }
}

impl<'a> attributes::Value<'a> for Item<'_, 'a> {
    fn is_null(&self) -> bool {
        matches!(self.pickle.get(self.id), Value::None)
    }

    fn string(&self) -> Option<Text<'a>> {
        matches!(self.pickle.get(self.id), Value::Str(_)).then(|| self.str())
    }

    fn text(&self) -> Option<Text<'a>> {
        let has_parts = is_container(self.pickle, self.id);
        (!self.is_null() && !has_parts).then(|| self.str())
    }

    fn message(&self) -> Option<Text<'a>> {
        Some(self.str())
    }

    fn integer(&self) -> Option<i64> {
        match *self.pickle.get(self.id) {
            Value::Int(number) => Some(number),
            Value::Float(number) => exact_integer(number),
            _ => None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "what Python's float(int) does too")]
    fn number(&self) -> Option<f64> {
        match *self.pickle.get(self.id) {
            Value::Int(number) => Some(number as f64),
            Value::Float(number) => Some(number).filter(|number| number.is_finite()),
            _ => None,
        }
    }

    fn json(&self) -> Text<'a> {
        let mut writer = Writer { item: self, out: Vec::new(), open: Vec::new() };
        writer.write();
        let out = writer.out;
        self.budget.spend(out.len().min(self.budget.remaining()));
        let json = String::from_utf8(out).expect("made of UTF-8 alone");
        json.into()
    }

    fn printed(&self, json: &str) -> Option<Text<'a>> {
        if self.exact.get() {
            return None;
        }
        let text = self.str();
        let mut of_json = String::new();
        repr::push_str(&python::Value::from_json(json), &mut of_json);
        (of_json != text || is_number(self.pickle, self.id)).then_some(text)
    }
}

/// Whether a value is a number that JSON does not have.
fn is_number(pickle: &Pickle<'_>, id: Id) -> bool {
    match pickle.get(id) {
        Value::Float(_) => true,
        Value::Object(object) => match classes::view(pickle, object) {
            View::Scalar(scalar) => scalar.json == JsonForm::NumberAsText,
            _ => false,
        },
        _ => false,
    }
}

/// A container that is being written.
struct OpenContainer {
    id: Id,
    next: usize,
}

/// A part of a container.
enum Part {
    Element(Id),
    Entry(Id, Id),
    End,
}

struct Writer<'w, 'p, 'a> {
    item: &'w Item<'p, 'a>,
    out: Vec<u8>,
    /// The path from the outermost container to the current one. A list instead of
    /// recursion, so that deep values can't exhaust the stack.
    open: Vec<OpenContainer>,
}

impl Writer<'_, '_, '_> {
    fn write(&mut self) {
        self.value(self.item.id);
        while let Some(open) = self.open.last_mut() {
            let (id, at) = (open.id, open.next);
            open.next += 1;
            let full = self.out.len() > self.item.budget.remaining();
            match self.part(id, at) {
                Part::End => self.close(id),
                _ if full => {
                    self.write_ellipsis(at, is_dict(self.item.pickle, id));
                    self.close(id);
                }
                Part::Element(element) => {
                    self.comma(at);
                    self.value(element);
                }
                Part::Entry(key, value) => {
                    self.comma(at);
                    self.key(key);
                    self.out.push(b':');
                    self.value(value);
                }
            }
        }
    }

    /// Writes a key. Only texts are the same in Python and JSON.
    fn key(&mut self, id: Id) {
        let Item { pickle, budget, exact, .. } = self.item;
        match pickle.get(id) {
            Value::Str(text) => self.string(text),
            _ => {
                exact.set(false);
                self.string(&print::str(pickle, budget, id));
            }
        }
    }

    fn comma(&mut self, at: usize) {
        if at > 0 {
            self.out.push(b',');
        }
    }

    /// Marks that the rest of a container is omitted.
    fn write_ellipsis(&mut self, at: usize, dict: bool) {
        self.comma(at);
        self.item.budget.set_truncated();
        json::write_string(ELLIPSIS, &mut self.out);
        if dict {
            self.out.extend_from_slice(b":null");
        }
    }

    fn part(&self, id: Id, at: usize) -> Part {
        let part = match container(self.item.pickle, id) {
            Some(Container::Elements(all)) => all.get(at).map(|&element| Part::Element(element)),
            Some(Container::Entries(all)) => {
                all.get(at).map(|&(key, value)| Part::Entry(key, value))
            }
            None => None,
        };
        part.unwrap_or(Part::End)
    }

    /// Writes a scalar, or opens a container.
    fn value(&mut self, id: Id) {
        let Item { pickle, budget, exact, .. } = self.item;
        match pickle.get(id) {
            Value::None => self.out.extend_from_slice(b"null"),
            Value::Bool(truth) => self.bool(*truth),
            Value::Int(number) => {
                self.out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes());
            }
            Value::Big(digits) => self.out.extend_from_slice(digits.as_bytes()),
            Value::Float(number) if number.is_finite() => write_float(*number, &mut self.out),
            Value::Str(text) => self.string(text),
            Value::List(_) | Value::Dict(_) => self.open(id),
            value => {
                exact.set(false);
                match value {
                    Value::Object(object) => match classes::view(pickle, object) {
                        View::Same(base) => self.same(base),
                        View::One(_, only) => self.same(only),
                        View::Elements(..) | View::Entries(..) => self.open(id),
                        View::Scalar(scalar) => match scalar.json {
                            JsonForm::Raw => self.out.extend_from_slice(scalar.str.as_bytes()),
                            JsonForm::Bool(truth) => self.bool(truth),
                            JsonForm::Text | JsonForm::NumberAsText => self.string(&scalar.str),
                        },
                        _ => self.printed(id),
                    },
                    Value::Tuple(_) | Value::Set(_) | Value::FrozenSet(_) => self.open(id),
                    _ => self.string(&print::str(pickle, budget, id)),
                }
            }
        }
    }

    fn bool(&mut self, truth: bool) {
        self.out.extend_from_slice(if truth { b"true" } else { b"false" });
    }

    /// Writes the value of the built-in type that an object's class inherits from.
    fn same(&mut self, base: Id) {
        match self.item.pickle.get(base) {
            Value::Object(_) => self.printed(base),
            _ => self.value(base),
        }
    }

    /// Writes an object as its `repr()`.
    fn printed(&mut self, id: Id) {
        let Item { pickle, budget, .. } = self.item;
        // Saves making the text.
        match budget.remaining() {
            0 => self.string(ELLIPSIS),
            _ => self.string(&print::repr(pickle, budget, id)),
        }
    }

    /// Writes a text if the budget allows it: a text may be referred to many times.
    fn string(&mut self, text: &str) {
        if self.out.len() + text.len() > self.item.budget.remaining() {
            self.item.budget.spend(usize::MAX);
            json::write_string(ELLIPSIS, &mut self.out);
        } else {
            json::write_string(text, &mut self.out);
        }
    }

    fn open(&mut self, id: Id) {
        // A container within itself would be written endlessly.
        let cycle = self.open.iter().any(|open| open.id == id);
        if cycle || self.open.len() >= self.item.budget.depth() {
            if !cycle {
                self.item.budget.set_truncated();
            }
            json::write_string(ELLIPSIS, &mut self.out);
            return;
        }
        self.out.push(if is_dict(self.item.pickle, id) { b'{' } else { b'[' });
        self.open.push(OpenContainer { id, next: 0 });
    }

    fn close(&mut self, id: Id) {
        self.open.pop();
        self.out.push(if is_dict(self.item.pickle, id) { b'}' } else { b']' });
    }
}

/// The parts of a container, which may be empty.
enum Container<'p> {
    Elements(&'p [Id]),
    Entries(&'p [(Id, Id)]),
}

fn container<'p>(pickle: &'p Pickle<'_>, id: Id) -> Option<Container<'p>> {
    match pickle.get(id) {
        Value::List(all) | Value::Tuple(all) | Value::Set(all) | Value::FrozenSet(all) => {
            Some(Container::Elements(all))
        }
        Value::Dict(all) => Some(Container::Entries(all)),
        Value::Object(object) => match classes::view(pickle, object) {
            View::Elements(all, _) => Some(Container::Elements(all)),
            View::Entries(all, _) => Some(Container::Entries(all)),
            _ => None,
        },
        _ => None,
    }
}

fn is_dict(pickle: &Pickle<'_>, id: Id) -> bool {
    matches!(container(pickle, id), Some(Container::Entries(_)))
}

fn is_container(pickle: &Pickle<'_>, id: Id) -> bool {
    container(pickle, id).is_some()
}
