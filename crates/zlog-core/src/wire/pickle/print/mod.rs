//! Values as text, as Python's `str()` and `repr()` print them.

mod exceptions;

use std::borrow::Cow;

use super::budget::{Budget, ELLIPSIS};
use super::classes::{self, Mapping, Sequence, View};
use super::value::{Id, Object, Pickle, Value};
use crate::python::repr::{push_bytes, push_float, push_string};

/// Prints values, within the budget of a record. The depth of the recursion is limited.
pub(super) struct Printer<'p, 'a> {
    pub(super) pickle: &'p Pickle<'a>,
    budget: &'p Budget,
    out: String,
    /// The containers and objects around the current value.
    open: Vec<Id>,
}

/// `str(value)`.
pub(super) fn str(pickle: &Pickle<'_>, budget: &Budget, id: Id) -> String {
    print(pickle, budget, |printer| printer.str(id))
}

/// `repr(value)`.
pub(super) fn repr(pickle: &Pickle<'_>, budget: &Budget, id: Id) -> String {
    print(pickle, budget, |printer| printer.repr(id))
}

fn print(pickle: &Pickle<'_>, budget: &Budget, write: impl FnOnce(&mut Printer<'_, '_>)) -> String {
    let mut printer = Printer { pickle, budget, out: String::new(), open: Vec::new() };
    write(&mut printer);
    let out = printer.out;
    budget.spend(out.len().min(budget.remaining()));
    out
}

impl Printer<'_, '_> {
    /// Whether the budget is used up.
    fn is_full(&self) -> bool {
        self.out.len() > self.budget.remaining()
    }

    /// Prints a text as it is, if the budget allows it: a text may be referred to many times.
    pub(super) fn text(&mut self, text: &str) {
        if self.fits(text.len()) {
            self.out.push_str(text);
        }
    }

    fn fits(&mut self, size: usize) -> bool {
        let fits = self.out.len().saturating_add(size) <= self.budget.remaining();
        if !fits {
            // Everything else is left out, too: a large value that is referred to many times
            // would be made as many times.
            self.budget.spend(usize::MAX);
            self.omit();
        }
        fits
    }

    /// Prints an ellipsis instead of a value, and marks the record.
    fn omit(&mut self) {
        self.budget.set_truncated();
        self.out.push_str(ELLIPSIS);
    }

    /// `str(value)`.
    pub(super) fn str(&mut self, id: Id) {
        let pickle = self.pickle;
        match pickle.get(id) {
            Value::Str(text) => self.text(text),
            Value::Object(object) => match classes::view(pickle, object) {
                View::Scalar(scalar) => self.text(&scalar.str),
                View::Same(base) => self.enter(id, |printer| printer.str(base)),
                View::Exception(name, args) => {
                    self.enter(id, |printer| exceptions::push_str(printer, &name, args));
                }
                View::One(_, value) => self.str(value),
                _ => self.repr(id),
            },
            _ => self.repr(id),
        }
    }

    /// `repr(value)`.
    pub(super) fn repr(&mut self, id: Id) {
        let pickle = self.pickle;
        if self.is_full() {
            return self.omit();
        }
        match pickle.get(id) {
            Value::None => self.out.push_str("None"),
            Value::Bool(true) => self.out.push_str("True"),
            Value::Bool(false) => self.out.push_str("False"),
            Value::Int(number) => self.out.push_str(itoa::Buffer::new().format(*number)),
            Value::Big(digits) => self.text(digits),
            Value::Float(number) => push_float(*number, &mut self.out),
            Value::Str(text) => {
                if self.fits(text.len()) {
                    push_string(text, &mut self.out);
                }
            }
            Value::Bytes(bytes) => self.bytes(bytes),
            Value::ByteArray(bytes) => {
                if self.fits(bytes.len()) {
                    self.out.push_str(&classes::bytes_scalar(bytes, true).str);
                }
            }
            Value::List(all) => self.elements(id, all, &Sequence::List),
            Value::Tuple(all) => self.elements(id, all, &Sequence::Tuple),
            Value::Set(all) => self.elements(id, all, &Sequence::Set),
            Value::FrozenSet(all) => self.elements(id, all, &Sequence::FrozenSet),
            Value::Dict(all) => self.mapping(id, all, Mapping::Dict),
            Value::Global { .. } | Value::Attribute { .. } => self.global(id),
            Value::Object(object) => self.object(id, object),
            Value::Unknown(what) => self.text(&format!("<{what}>")),
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        if self.fits(bytes.len()) {
            push_bytes(bytes, &mut self.out);
        }
    }

    /// A class or function. For those of `builtins`, it is known which of the two it is.
    fn global(&mut self, id: Id) {
        let (module, name) = self.pickle.qualified(id);
        let text = match (module, &*name) {
            ("builtins", "Ellipsis" | "NotImplemented") => name.into_owned(),
            ("builtins", name) if is_builtin_class(name) => format!("<class '{name}'>"),
            ("builtins", name) => format!("<built-in function {name}>"),
            (module, name) => format!("<{module}.{name}>"),
        };
        self.text(&text);
    }

    fn object(&mut self, id: Id, object: &Object) {
        let pickle = self.pickle;
        match classes::view(pickle, object) {
            View::Scalar(scalar) => self.text(&scalar.repr),
            View::Same(base) => self.enter(id, |printer| printer.repr(base)),
            View::Elements(all, sequence) => self.elements(id, all, &sequence),
            View::Entries(all, mapping) => self.mapping(id, all, mapping),
            View::One(name, value) => self.call(id, &name, &[value]),
            View::Exception(name, args) => {
                self.call(id, name.rsplit('.').next().unwrap_or(&name), args);
            }
            View::Call(name, args) => self.call(id, &name, args),
            View::Function(args) => {
                let (module, name) = pickle.class(object);
                self.call(id, &format!("<{module}.{name}"), args);
                self.out.push('>');
            }
            View::Fields(name, fields) => self.enter(id, |printer| {
                printer.text(&name);
                printer.out.push('(');
                printer.each(fields, |printer, &(key, value)| {
                    printer.str(key);
                    printer.out.push('=');
                    printer.repr(value);
                });
                printer.out.push(')');
            }),
            View::Opaque => {
                let (module, name) = pickle.class(object);
                self.text(&format!("<{module}.{name}>"));
            }
        }
    }

    fn call(&mut self, id: Id, name: &str, args: &[Id]) {
        self.enter(id, |printer| {
            printer.text(name);
            printer.out.push('(');
            printer.each(args, |printer, &arg| printer.repr(arg));
            printer.out.push(')');
        });
    }

    /// `(1, 2)`, and `(1,)` for one element.
    pub(super) fn tuple(&mut self, all: &[Id]) {
        self.out.push('(');
        self.each(all, |printer, &part| printer.repr(part));
        self.out.push_str(if all.len() == 1 { ",)" } else { ")" });
    }

    fn elements(&mut self, id: Id, all: &[Id], sequence: &Sequence<'_>) {
        let (name, open, close) = match sequence {
            Sequence::List => (Cow::Borrowed(""), "[", "]"),
            Sequence::Tuple => return self.enter(id, |printer| printer.tuple(all)),
            Sequence::Set if all.is_empty() => ("set".into(), "(", ")"),
            Sequence::FrozenSet if all.is_empty() => ("frozenset".into(), "(", ")"),
            Sequence::Set => ("".into(), "{", "}"),
            Sequence::FrozenSet => ("frozenset".into(), "({", "})"),
            Sequence::Deque(None) => ("deque".into(), "([", "])"),
            Sequence::Deque(Some(most)) => {
                self.enter(id, |printer| {
                    printer.out.push_str("deque([");
                    printer.each(all, |printer, &part| printer.repr(part));
                    printer.text(&format!("], maxlen={most})"));
                });
                return;
            }
            Sequence::Named(name) => (Cow::Borrowed(&**name), "(", ")"),
        };
        self.enter(id, |printer| {
            printer.text(&name);
            printer.out.push_str(open);
            printer.each(all, |printer, &part| printer.repr(part));
            printer.out.push_str(close);
        });
    }

    fn mapping(&mut self, id: Id, all: &[(Id, Id)], mapping: Mapping) {
        let mut all = Cow::Borrowed(all);
        let (open, close) = match mapping {
            Mapping::Dict => ("{", "}"),
            Mapping::Ordered | Mapping::Counter if all.is_empty() => ("(", ")"),
            Mapping::Ordered | Mapping::Counter | Mapping::Default(_) => ("({", "})"),
        };
        self.enter(id, |printer| {
            match mapping {
                Mapping::Dict => {}
                Mapping::Ordered => printer.out.push_str("OrderedDict"),
                Mapping::Counter => {
                    printer.out.push_str("Counter");
                    // The most common ones first.
                    let count = |id: Id| match printer.pickle.get(id) {
                        Value::Int(count) => *count,
                        _ => 0,
                    };
                    all.to_mut().sort_by_key(|&(_, value)| std::cmp::Reverse(count(value)));
                }
                Mapping::Default(factory) => {
                    printer.out.push_str("defaultdict(");
                    match factory {
                        Some(factory) => printer.repr(factory),
                        None => printer.out.push_str("None"),
                    }
                    printer.out.push_str(", {");
                }
            }
            if !matches!(mapping, Mapping::Default(_)) {
                printer.out.push_str(open);
            }
            printer.each(&all, |printer, &(key, value)| {
                printer.repr(key);
                printer.out.push_str(": ");
                printer.repr(value);
            });
            printer.out.push_str(close);
        });
    }

    /// Prints parts with commas between them, as long as the budget allows it.
    fn each<T>(&mut self, parts: &[T], print: impl Fn(&mut Self, &T)) {
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                self.out.push_str(", ");
            }
            if self.is_full() {
                return self.omit();
            }
            print(self, part);
        }
    }

    /// Prints a value with parts, unless it is within itself or nested too deep.
    fn enter(&mut self, id: Id, print: impl FnOnce(&mut Self)) {
        if self.open.contains(&id) {
            self.out.push_str(match self.pickle.get(id) {
                Value::List(_) => "[...]",
                Value::Tuple(_) => "(...)",
                Value::Dict(_) => "{...}",
                _ => ELLIPSIS,
            });
            return;
        }
        if self.open.len() >= self.budget.depth() {
            return self.omit();
        }
        self.open.push(id);
        print(self);
        self.open.pop();
    }
}

/// Whether a name of `builtins` is a class.
fn is_builtin_class(name: &str) -> bool {
    matches!(
        name,
        "bool"
            | "bytearray"
            | "bytes"
            | "classmethod"
            | "complex"
            | "dict"
            | "enumerate"
            | "filter"
            | "float"
            | "frozenset"
            | "int"
            | "list"
            | "map"
            | "memoryview"
            | "object"
            | "property"
            | "range"
            | "reversed"
            | "set"
            | "slice"
            | "staticmethod"
            | "str"
            | "super"
            | "tuple"
            | "type"
            | "zip"
    ) || name.starts_with(char::is_uppercase)
}
