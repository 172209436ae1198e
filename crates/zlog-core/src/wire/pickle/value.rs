//! The values of a pickle: one list, in which values refer to each other by index.
//!
//! So values can be shared and cyclic, and dropping a value with a million levels does not
//! recurse.

use std::borrow::Cow;

use crate::record::Text;

/// The index of a value in [`Pickle::values`].
pub(super) type Id = u32;

/// A value. Containers have the indexes of their parts.
#[derive(Debug)]
pub(super) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// The decimal digits of an integer beyond an i64.
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
    /// The object that a call would create. It is not called.
    Object(Box<Object>),
    /// A value that only the sender knows: a persistent id, a separate buffer.
    Unknown(&'static str),
}

/// The parts of an object that is not created.
#[derive(Debug, Default)]
pub(super) struct Object {
    /// A [`Value::Global`]: the class, or the function that creates the object.
    pub(super) class: Id,
    /// The arguments of the call, as a [`Value::Tuple`].
    pub(super) args: Id,
    /// The argument of `__setstate__` or `__dict__.update`.
    pub(super) state: Option<Id>,
    /// The elements of a subclass of list or set.
    pub(super) elements: Vec<Id>,
    /// The items of a subclass of dict.
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

    /// The arguments of an object. None if they are not a sequence.
    pub(super) fn args(&self, object: &Object) -> &[Id] {
        match self.get(object.args) {
            Value::Tuple(parts) | Value::List(parts) | Value::Set(parts) => parts,
            _ => &[],
        }
    }
}
