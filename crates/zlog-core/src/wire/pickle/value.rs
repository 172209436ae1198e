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
    ByteArray(&'a [u8]),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Set(Vec<Id>),
    FrozenSet(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// The name of a class or function, which is not looked up.
    Global {
        module: Text<'a>,
        name: Text<'a>,
    },
    /// `getattr(of, name)`: a nested class, a class method or a bound method.
    Attribute {
        of: Id,
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
    /// The class, or the function that creates the object: a [`Value::Global`], a
    /// [`Value::Attribute`], or any other value.
    pub(super) class: Id,
    /// The arguments of the call, as a [`Value::Tuple`].
    pub(super) args: Id,
    /// The value of the built-in type that the class inherits from: the text of a subclass
    /// of `str`, for example.
    pub(super) base: Option<Id>,
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

    /// The class of an object, as module and qualified name.
    pub(super) fn class(&self, object: &Object) -> (&str, Cow<'_, str>) {
        self.qualified(object.class)
    }

    /// The module and the qualified name of a class or function, as Python 3 names it.
    pub(super) fn qualified(&self, id: Id) -> (&str, Cow<'_, str>) {
        /// Deeper nested classes are named by their last names.
        const MAX_NESTED: usize = 8;
        let (mut id, mut members) = (id, Vec::new());
        loop {
            match self.get(id) {
                Value::Attribute { of, name } if members.len() < MAX_NESTED => {
                    members.push(&**name);
                    id = *of;
                }
                Value::Global { module, name } => {
                    let (module, name) = modern_name(module, name);
                    if members.is_empty() {
                        return (module, Cow::Borrowed(name));
                    }
                    members.push(name);
                    members.reverse();
                    return (module, Cow::Owned(members.join(".")));
                }
                _ => return ("", Cow::Borrowed(members.first().copied().unwrap_or("?"))),
            }
        }
    }

    /// Whether an object is of this class.
    pub(super) fn is_class(&self, object: &Object, module: &str, name: &str) -> bool {
        let (own_module, own_name) = self.class(object);
        own_module == module && own_name == name
    }

    /// The arguments of an object. None if they are not a sequence.
    pub(super) fn args(&self, object: &Object) -> &[Id] {
        match self.get(object.args) {
            Value::Tuple(parts) | Value::List(parts) | Value::Set(parts) => parts,
            _ => &[],
        }
    }
}

/// The name in Python 3 of a class that Python 3 pickles under its name in Python 2, for
/// protocols 0 to 2. From CPython's `Lib/_compat_pickle.py`.
fn modern_name<'n>(module: &'n str, name: &'n str) -> (&'n str, &'n str) {
    match (module, name) {
        ("__builtin__", "unicode") => ("builtins", "str"),
        ("__builtin__", "long") => ("builtins", "int"),
        ("__builtin__", "xrange") => ("builtins", "range"),
        ("__builtin__" | "exceptions", name) => ("builtins", name),
        ("copy_reg", name) => ("copyreg", name),
        ("UserDict", "IterableUserDict") => ("collections", "UserDict"),
        ("UserDict" | "UserList" | "UserString", name) => ("collections", name),
        ("Queue", name) => ("queue", name),
        ("SocketServer", name) => ("socketserver", name),
        ("ConfigParser", name) => ("configparser", name),
        ("httplib", name) => ("http.client", name),
        ("Cookie", name) => ("http.cookies", name),
        ("cookielib", name) => ("http.cookiejar", name),
        ("urllib2", "HTTPError" | "URLError") => ("urllib.error", name),
        ("urllib2", name) => ("urllib.request", name),
        ("urlparse", name) => ("urllib.parse", name),
        ("xmlrpclib", name) => ("xmlrpc.client", name),
        ("HTMLParser", name) => ("html.parser", name),
        ("thread", name) => ("_thread", name),
        ("StringIO", name) => ("io", name),
        _ => (module, name),
    }
}
