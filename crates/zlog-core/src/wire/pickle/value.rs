//! What a pickle holds: values in one list, referring to each other by index.
//!
//! Sharing and cycles are then nothing special, and dropping a value that is
//! nested a million deep drops one list.

use std::borrow::Cow;

use crate::record::Text;

/// A value's place in [`Pickle::values`].
pub(super) type Id = u32;

/// A value. Parts are referred to by index.
#[derive(Debug)]
pub(super) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// A whole number beyond an i64, as its decimal digits.
    Big(String),
    Float(f64),
    Str(Text<'a>),
    Bytes(Cow<'a, [u8]>),
    /// Also a tuple and a set: JSON has one kind of sequence.
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Set(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// The name of a class or function, which is not looked up.
    Global {
        module: Text<'a>,
        name: Text<'a>,
    },
    /// What a call would have made, had it been called.
    Object(Box<Object>),
    /// What only the sender could tell: a persistent id, a buffer sent apart.
    Unknown(&'static str),
}

/// The parts of an object that was never made.
#[derive(Debug, Default)]
pub(super) struct Object {
    /// A [`Value::Global`]: the class, or the function that makes the object.
    pub(super) class: Id,
    /// What it would be called with, as a [`Value::Tuple`].
    pub(super) args: Id,
    /// What `__setstate__` or `__dict__.update` would get.
    pub(super) state: Option<Id>,
    /// What would be appended, if it is a kind of list or set.
    pub(super) elements: Vec<Id>,
    /// What would be set, if it is a kind of dict.
    pub(super) entries: Vec<(Id, Id)>,
}

/// A decoded pickle.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    pub(super) values: Vec<Value<'a>>,
    /// The value that was pickled.
    pub(super) top: Id,
}

impl<'a> Pickle<'a> {
    /// A value of this pickle.
    pub(super) fn get(&self, id: Id) -> &Value<'a> {
        &self.values[id as usize]
    }

    /// The class of an object, as module and name.
    pub(super) fn class(&self, object: &Object) -> (&str, &str) {
        match self.get(object.class) {
            Value::Global { module, name } => (module, name),
            _ => ("", "?"),
        }
    }

    /// Whether an object is of this class.
    pub(super) fn is_class(&self, object: &Object, module: &str, name: &str) -> bool {
        self.class(object) == (module, name)
    }

    /// The arguments of an object, of the sequence they came as.
    pub(super) fn args(&self, object: &Object) -> &[Id] {
        self.parts(object.args)
    }

    /// The parts of a sequence; none for other values.
    pub(super) fn parts(&self, id: Id) -> &[Id] {
        match self.get(id) {
            Value::Tuple(parts) | Value::List(parts) | Value::Set(parts) => parts,
            _ => &[],
        }
    }
}
