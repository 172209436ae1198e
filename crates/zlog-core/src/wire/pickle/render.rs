//! Values as JSON and as text, for `args` and extras.

use std::borrow::Cow;
use std::cell::Cell;

use super::Limits;
use super::stdlib_types;
use super::value::{Id, Pickle, Value};
use crate::record::Text;
use crate::wire::attributes;
use crate::wire::json;
use crate::wire::text::backslash_replace;

/// Replaces omitted parts, as in Python's `repr` of a list that contains itself.
const ELLIPSIS: &str = "...";

/// The limits on the JSON of all values of one record.
pub(super) struct Budget {
    remaining: Cell<usize>,
    depth: usize,
    truncated: Cell<bool>,
}

impl Budget {
    pub(super) fn new(limits: &Limits) -> Budget {
        Budget {
            remaining: Cell::new(limits.output),
            depth: limits.depth,
            truncated: Cell::new(false),
        }
    }

    /// Spends `size` bytes. If they don't fit, nothing after them fits either: checking
    /// further values could cost as much again.
    fn spend(&self, size: usize) -> bool {
        let fits = size <= self.remaining.get();
        self.remaining.set(if fits { self.remaining.get() - size } else { 0 });
        self.truncated.set(self.truncated.get() || !fits);
        fits
    }

    /// A copy of a text for a field. Borrowed texts cost nothing.
    fn copy<'a>(&self, text: &Text<'a>) -> Text<'a> {
        match text {
            Cow::Borrowed(text) => Cow::Borrowed(text),
            Cow::Owned(text) if self.spend(text.len()) => Cow::Owned(text.clone()),
            Cow::Owned(_) => Cow::Borrowed(ELLIPSIS),
        }
    }

    /// Whether something was omitted.
    pub(super) fn was_truncated(&self) -> bool {
        self.truncated.get()
    }
}

/// A value of a pickle and the budget of its record.
pub(super) struct Item<'p, 'a> {
    pub(super) pickle: &'p Pickle<'a>,
    pub(super) id: Id,
    pub(super) budget: &'p Budget,
}

impl<'a> attributes::Value<'a> for Item<'_, 'a> {
    fn is_null(&self) -> bool {
        matches!(self.pickle.get(self.id), Value::None)
    }

    fn string(&self) -> Option<Text<'a>> {
        match self.pickle.get(self.id) {
            Value::Str(text) => Some(self.budget.copy(text)),
            Value::Bytes(bytes) if self.budget.spend(bytes.len()) => {
                Some(backslash_replace(bytes).into_owned().into())
            }
            _ => None,
        }
    }

    fn text(&self) -> Option<Text<'a>> {
        match self.pickle.get(self.id) {
            Value::None => None,
            Value::Str(_) | Value::Bytes(_) => self.string(),
            _ if is_container(self.pickle, self.id) => None,
            _ if self.budget.remaining.get() == 0 => Some(Cow::Borrowed(ELLIPSIS)),
            _ => {
                let text = scalar(self.pickle, self.id);
                Some(if self.budget.spend(text.len()) { text.into() } else { ELLIPSIS.into() })
            }
        }
    }

    fn integer(&self) -> Option<i64> {
        match *self.pickle.get(self.id) {
            Value::Int(number) => Some(number),
            Value::Float(number) => json::exact_integer(number),
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
        self.budget.spend(out.len().min(self.budget.remaining.get()));
        let json = String::from_utf8(out).expect("made of UTF-8 alone");
        json.into()
    }
}

/// The text of a scalar; the type's name for a container.
pub(super) fn scalar(pickle: &Pickle<'_>, id: Id) -> String {
    match pickle.get(id) {
        Value::None => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Big(digits) => digits.clone(),
        Value::Float(number) => format!("{number:?}"),
        Value::Str(text) => text.clone().into_owned(),
        Value::Bytes(bytes) => backslash_replace(bytes).into_owned(),
        Value::List(_) => "<list>".to_owned(),
        Value::Tuple(_) => "<tuple>".to_owned(),
        Value::Set(_) => "<set>".to_owned(),
        Value::Dict(_) => "<dict>".to_owned(),
        Value::Global { module, name } => format!("<{module}.{name}>"),
        Value::Object(object) => stdlib_types::text(pickle, object),
        Value::Unknown(what) => format!("<{what}>"),
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
            let full = self.out.len() > self.item.budget.remaining.get();
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
                    json::write_string(&scalar(self.item.pickle, key), &mut self.out);
                    self.out.push(b':');
                    self.value(value);
                }
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
        self.item.budget.truncated.set(true);
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
        let pickle = self.item.pickle;
        match pickle.get(id) {
            Value::None => self.out.extend_from_slice(b"null"),
            Value::Bool(true) => self.out.extend_from_slice(b"true"),
            Value::Bool(false) => self.out.extend_from_slice(b"false"),
            Value::Int(number) => {
                self.out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes());
            }
            Value::Big(digits) => self.out.extend_from_slice(digits.as_bytes()),
            Value::Float(number) if number.is_finite() => json::write_float(*number, &mut self.out),
            Value::Str(text) => self.string(text),
            _ if is_container(pickle, id) => self.open(id),
            // Saves making the text.
            _ if self.item.budget.remaining.get() == 0 => self.string(ELLIPSIS),
            _ => self.string(&scalar(pickle, id)),
        }
    }

    /// Writes a text if the budget allows it: a text may be referred to many times.
    fn string(&mut self, text: &str) {
        if self.out.len() + text.len() > self.item.budget.remaining.get() {
            self.item.budget.spend(usize::MAX);
            json::write_string(ELLIPSIS, &mut self.out);
        } else {
            json::write_string(text, &mut self.out);
        }
    }

    fn open(&mut self, id: Id) {
        // A container within itself would be written endlessly.
        let cycle = self.open.iter().any(|open| open.id == id);
        if cycle || self.open.len() >= self.item.budget.depth {
            self.item.budget.truncated.set(self.item.budget.was_truncated() || !cycle);
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
pub(super) enum Container<'p> {
    Elements(&'p [Id]),
    Entries(&'p [(Id, Id)]),
}

fn container<'p>(pickle: &'p Pickle<'_>, id: Id) -> Option<Container<'p>> {
    match pickle.get(id) {
        Value::List(all) | Value::Tuple(all) | Value::Set(all) => Some(Container::Elements(all)),
        Value::Dict(all) => Some(Container::Entries(all)),
        Value::Object(object) if !object.entries.is_empty() => {
            Some(Container::Entries(&object.entries))
        }
        Value::Object(object) if !object.elements.is_empty() => {
            Some(Container::Elements(&object.elements))
        }
        Value::Object(object) => stdlib_types::container(pickle, object),
        _ => None,
    }
}

fn is_dict(pickle: &Pickle<'_>, id: Id) -> bool {
    matches!(container(pickle, id), Some(Container::Entries(_)))
}

fn is_container(pickle: &Pickle<'_>, id: Id) -> bool {
    container(pickle, id).is_some()
}
